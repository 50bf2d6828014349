//! The rows of the policy: what the account's own policy grants, staged edits marked, and what is inherited, by role
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

/// Where a triple stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the account's own policy: can be edited.
    Here,
    /// At a level above, by its name: read-only.
    Above(String),
}

/// What a staged edit does with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// As it was read.
    None,
    /// Added.
    Add,
    /// Taken away.
    Remove,
    /// Under another condition than it was read.
    Change,
}

/// One triple on screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who has what, under which condition.
    pub triple: Triple,
    /// Where it stands.
    pub origin: Origin,
    /// What a staged edit does with it.
    pub mark: Mark,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A role or a member with what is below it.
    Head {
        /// The role's or member's name: what is collapsed by.
        key: String,
        /// How many entries are below.
        count: usize,
        /// Whether they are shown.
        open: bool,
    },
    /// One triple.
    Entry(Entry),
    /// A level that may not be read.
    Unread(String),
}

/// How the rows are grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Roles, with their members below.
    #[default]
    Role,
    /// Members, with their roles below.
    Member,
}

/// Everything that stands in the policy and above it.
pub fn entries(base: &Policy, changes: &[Change], levels: &[Level]) -> Vec<Entry> {
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

/// The text a filter looks at.
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

/// Groups entries into rows. What is staged is always shown, whatever is collapsed or filtered.
pub fn rows(
    entries: Vec<Entry>,
    unread: Vec<String>,
    by: By,
    collapsed: &HashSet<String>,
    filter: &Filter,
) -> Vec<Row> {
    let mut groups: BTreeMap<(u8, String), Vec<Entry>> = BTreeMap::new();
    for entry in entries.into_iter().filter(|entry| entry.mark != Mark::None || filter.matches(&hay(entry))) {
        let key = match by {
            By::Role => entry.triple.role.clone(),
            By::Member => entry.triple.member.as_str().to_owned(),
        };
        groups.entry((rank(&entry, by), key)).or_default().push(entry);
    }
    let mut rows = Vec::new();
    for ((_, key), group) in groups {
        let open = !collapsed.contains(&key);
        rows.push(Row::Head { key, count: group.len(), open });
        rows.extend(group.into_iter().filter(|entry| open || entry.mark != Mark::None).map(Row::Entry));
    }
    rows.extend(unread.into_iter().map(Row::Unread));
    rows
}

/// Roles that let somebody become the account come first; a member's place is by name alone.
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

/// Members of the account's own policy, for completions.
pub fn members(policy: &Policy) -> Vec<Member> {
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
        let rows = rows(all, vec!["folder 4711".into()], By::Role, &collapsed, &Filter::default());
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
        let found =
            |text: &str| rows(all.clone(), vec![], By::Member, &HashSet::new(), &Filter::new(text)).len();
        assert_eq!((found("token creator"), found("b@example"), found("nobody")), (4, 2, 0));
    }
}
