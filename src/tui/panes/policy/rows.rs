//! The rows of the policy: grants of the account's own policy, with staged edits marked, and inherited grants, by role
//! or by member. Rows are built when something changes, never while drawing.

use std::collections::{BTreeMap, HashSet};

use crate::model::{
    filter::Filter,
    member::Member,
    policy::{
        Level, Policy, Triple,
        diff::{Change, Op},
    },
    role,
};

/// Where a grant comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The account's own policy: editable.
    Here,
    /// A level above, by its name: read-only.
    Above(String),
}

/// The effect of a staged edit on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    None,
    Add,
    Remove,
    /// With a changed condition.
    Change,
}

/// One grant on screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Member, role and condition.
    pub(crate) triple: Triple,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// The effect of a staged edit on it.
    pub(crate) mark: Mark,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// A role or a member, with its entries below.
    Head {
        /// The role or member, which identifies a folded group.
        key: String,
        /// How many entries it has.
        count: usize,
        /// Whether they are shown.
        open: bool,
    },
    Entry(Entry),
    /// A level that couldn't be read.
    Unread(String),
}

/// How the rows are grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum By {
    /// Roles, with their members below.
    #[default]
    Role,
    /// Members, with their roles below.
    Member,
}

/// All grants in the policy and above it.
pub(crate) fn entries(base: &Policy, changes: &[Change], levels: &[Level]) -> Vec<Entry> {
    let marked = |op: Op| changes.iter().filter(move |change| change.op == op);
    let gone: HashSet<Triple> = marked(Op::Remove).filter_map(Change::removed).collect();
    let changed: HashSet<Triple> = marked(Op::Change).filter_map(Change::removed).collect();
    let mut entries: Vec<Entry> = Vec::new();
    for triple in base.triples() {
        if changed.contains(&triple) {
            continue;
        }
        let mark = if gone.contains(&triple) { Mark::Remove } else { Mark::None };
        entries.push(Entry { triple, origin: Origin::Here, mark });
    }
    let new = |op: Op, mark: Mark| {
        marked(op).filter_map(Change::added).map(move |triple| Entry { triple, origin: Origin::Here, mark })
    };
    entries.extend(new(Op::Add, Mark::Add));
    entries.extend(new(Op::Change, Mark::Change));
    for level in levels {
        let triples = level.policy.iter().flat_map(Policy::triples);
        entries.extend(triples.map(|triple| Entry {
            triple,
            origin: Origin::Above(level.name.clone()),
            mark: Mark::None,
        }));
    }
    entries
}

/// The text that the filter searches.
fn hay(entry: &Entry) -> String {
    let title = role::title(&entry.triple.role).unwrap_or_default();
    let condition = entry.triple.condition.as_ref();
    let condition = condition.map(|condition| format!("{} {}", condition.title(), condition.expression()));
    format!(
        "{} {title} {} {}",
        entry.triple.role,
        entry.triple.member.as_str(),
        condition.unwrap_or_default()
    )
    .to_lowercase()
}

/// Selection and order of the rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// How they are grouped.
    pub(crate) by: By,
    pub(crate) sort: Sort,
    /// Whether the order is reversed.
    pub(crate) descending: bool,
    /// Groups that are folded, by their key.
    pub(crate) collapsed: HashSet<String>,
    pub(crate) filter: Filter,
}

/// The order of groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Roles that allow impersonation first.
    #[default]
    Power,
    Name,
    Count,
}

impl Sort {
    pub(crate) fn next(self) -> Sort {
        match self {
            Sort::Power => Sort::Name,
            Sort::Name => Sort::Count,
            Sort::Count => Sort::Power,
        }
    }

    /// The order, for the title; empty for the default.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Sort::Power => "",
            Sort::Name => " by name",
            Sort::Count => " by count",
        }
    }
}

/// Groups entries into rows. Staged edits are always shown, even in folded or filtered groups.
pub(crate) fn rows(entries: Vec<Entry>, unread: Vec<String>, shown: &Shown) -> Vec<Row> {
    let mut groups: BTreeMap<String, (u8, Vec<Entry>)> = BTreeMap::new();
    for entry in
        entries.into_iter().filter(|entry| entry.mark != Mark::None || shown.filter.matches(&hay(entry)))
    {
        let key = match shown.by {
            By::Role => entry.triple.role.clone(),
            By::Member => entry.triple.member.as_str().to_owned(),
        };
        let group = groups.entry(key).or_insert_with(|| (rank(&entry, shown.by), Vec::new()));
        group.1.push(entry);
    }
    let mut groups: Vec<(String, (u8, Vec<Entry>))> = groups.into_iter().collect();
    match shown.sort {
        Sort::Power => groups.sort_by_key(|(_, (rank, _))| *rank),
        Sort::Name => {}
        Sort::Count => groups.sort_by_key(|(_, (_, group))| std::cmp::Reverse(group.len())),
    }
    if shown.descending {
        groups.reverse();
    }
    let mut rows = Vec::new();
    for (key, (_, group)) in groups {
        let open = !shown.collapsed.contains(&key);
        rows.push(Row::Head { key, count: group.len(), open });
        rows.extend(group.into_iter().filter(|entry| open || entry.mark != Mark::None).map(Row::Entry));
    }
    rows.extend(unread.into_iter().map(Row::Unread));
    rows
}

/// Roles that allow impersonation come first; members are ordered by name only.
fn rank(entry: &Entry, by: By) -> u8 {
    const MINT: [&str; 3] = [
        "roles/iam.serviceAccountTokenCreator",
        "roles/iam.serviceAccountOpenIdTokenCreator",
        "roles/iam.workloadIdentityUser",
    ];
    match by {
        By::Member => 0,
        By::Role => MINT.iter().position(|role| *role == entry.triple.role).unwrap_or(MINT.len()) as u8,
    }
}

/// Whether two rows are the same position in the list, regardless of staged edits.
pub(crate) fn same_place(one: &Row, other: &Row) -> bool {
    match (one, other) {
        (Row::Head { key: one, .. }, Row::Head { key: other, .. }) => one == other,
        (Row::Entry(one), Row::Entry(other)) => one.triple == other.triple && one.origin == other.origin,
        (Row::Unread(one), Row::Unread(other)) => one == other,
        _ => false,
    }
}

/// Grants of the account's own policy among the rows.
pub(crate) fn here(rows: &[Row]) -> Vec<Triple> {
    let own = |row: &Row| match row {
        Row::Entry(Entry { triple, origin: Origin::Here, mark: Mark::None }) => Some(triple.clone()),
        _ => None,
    };
    rows.iter().filter_map(own).collect()
}

/// Members of the account's own policy, for completions.
pub(crate) fn members(policy: &Policy) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for triple in policy.triples() {
        if !members.contains(&triple.member) && !triple.member.is_deleted() {
            members.push(triple.member);
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::edit::{Edit, Staged};

    fn policy() -> Policy {
        let text = br#"{"version":1,"etag":"BwWWja0YfJA=","bindings":[
            {"role":"roles/iam.serviceAccountTokenCreator","members":["user:a@example.com","user:b@example.com"]},
            {"role":"roles/viewer","members":["user:a@example.com"]}]}"#;
        Policy::from_slice(text).expect("a policy")
    }

    fn triple(role: &str, member: &str) -> Triple {
        Triple { role: role.into(), member: Member::read(member), condition: None }
    }

    #[test]
    fn staged_edits_are_marked_in_place() {
        let mut staged = Staged::new(policy());
        staged.stage(Edit::Grant(triple("roles/viewer", "user:c@example.com")));
        staged.stage(Edit::Revoke(triple("roles/iam.serviceAccountTokenCreator", "user:b@example.com")));
        let entries = entries(staged.base(), &staged.changes(), &[]);
        let marks: Vec<Mark> = entries.iter().map(|entry| entry.mark).collect();
        assert_eq!(marks, [Mark::None, Mark::Remove, Mark::None, Mark::Add]);
    }

    #[test]
    fn roles_that_mint_come_first_and_a_collapsed_group_keeps_what_is_staged() {
        let mut staged = Staged::new(policy());
        staged.stage(Edit::Revoke(triple("roles/viewer", "user:a@example.com")));
        let collapsed =
            HashSet::from(["roles/viewer".to_owned(), "roles/iam.serviceAccountTokenCreator".to_owned()]);
        let all = entries(staged.base(), &staged.changes(), &[]);
        let shown = Shown { collapsed, ..Shown::default() };
        let rows = rows(all, vec!["folder 4711".into()], &shown);
        let heads: Vec<&str> = rows
            .iter()
            .filter_map(|row| if let Row::Head { key, .. } = row { Some(key.as_str()) } else { None })
            .collect();
        assert_eq!(heads, ["roles/iam.serviceAccountTokenCreator", "roles/viewer"]);
        assert!(rows.iter().any(|row| matches!(row, Row::Entry(entry) if entry.mark == Mark::Remove)));
        assert_eq!(rows.len(), 4);
    }

    #[test]
    fn a_filter_looks_at_titles_members_and_conditions() {
        let all = entries(&policy(), &[], &[]);
        let found = |text: &str| {
            let shown = Shown { by: By::Member, filter: Filter::new(text), ..Shown::default() };
            rows(all.clone(), vec![], &shown).len()
        };
        assert_eq!((found("token creator"), found("b@example"), found("nobody")), (4, 2, 0));
    }

    #[test]
    fn groups_can_be_sorted_by_power_name_or_count() {
        let all = entries(&policy(), &[], &[]);
        let first = |sort: Sort, descending: bool| {
            let shown = Shown { sort, descending, ..Shown::default() };
            match rows(all.clone(), vec![], &shown).into_iter().next() {
                Some(Row::Head { key, .. }) => key,
                other => panic!("a head first: {other:?}"),
            }
        };
        assert_eq!(first(Sort::Power, false), "roles/iam.serviceAccountTokenCreator");
        assert_eq!(first(Sort::Count, true), "roles/viewer");
        assert_eq!(first(Sort::Name, true), "roles/viewer");
    }
}
