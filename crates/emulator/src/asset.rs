//! What Cloud Asset finds: organizations, folders, projects, accounts and user-managed keys, in one order in which a
//! search can go on where it stopped. It sees accounts and policies as they were some time ago, if the world says so.

use std::sync::LazyLock;

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::policy::Policy;
use super::state::{Resource, State};

/// An asset: a resource, or a user-managed key of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asset {
    pub(crate) of: Resource,
    pub(crate) key: Option<usize>,
}

/// Where a search stands in the order of all assets: the kind of resource, its index, and which of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Cursor {
    kind: usize,
    index: usize,
    /// 0 is the resource itself.
    key: usize,
}

/// The types of assets that the emulator has.
const TYPES: [&str; 5] = [
    "cloudresourcemanager.googleapis.com/Organization",
    "cloudresourcemanager.googleapis.com/Folder",
    "cloudresourcemanager.googleapis.com/Project",
    "iam.googleapis.com/ServiceAccount",
    "iam.googleapis.com/ServiceAccountKey",
];
const ACCOUNTS: usize = 3;
const KEYS: usize = 4;

/// The types that Google's search knows.
static KNOWN: LazyLock<Vec<String>> = LazyLock::new(|| {
    let rows = include_str!("../assets/asset_types.tsv").lines().filter(|line| !line.starts_with('#'));
    let types = rows.filter_map(|row| row.split_once('\t')).flat_map(|(service, kinds)| {
        kinds.split(' ').map(move |kind| format!("{service}.googleapis.com/{kind}"))
    });
    types.collect()
});

/// Which types a search is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AssetTypes([bool; TYPES.len()]);

impl AssetTypes {
    /// All that have policies.
    pub(crate) fn resources() -> AssetTypes {
        let mut all = [true; TYPES.len()];
        all[KEYS] = false;
        AssetTypes(all)
    }

    /// All types, for no pattern, or those that fit one of the patterns, which are regular expressions. `None` if one of
    /// them is not, or fits no type at all.
    pub(crate) fn parse(patterns: &[&str]) -> Option<AssetTypes> {
        if patterns.is_empty() {
            return Some(AssetTypes([true; TYPES.len()]));
        }
        let mut wanted = [false; TYPES.len()];
        for pattern in patterns {
            let pattern = Regex::new(&format!("^(?:{pattern})$")).ok()?;
            if !KNOWN.iter().any(|name| pattern.is_match(name)) {
                return None;
            }
            for (wanted, name) in wanted.iter_mut().zip(TYPES) {
                *wanted |= pattern.is_match(name);
            }
        }
        Some(AssetTypes(wanted))
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.kind, self.index, self.key)
    }
}

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Cursor, ()> {
        let numbers: Vec<usize> =
            text.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| ())?;
        match numbers[..] {
            [kind, index, key] => Ok(Cursor { kind, index, key }),
            _ => Err(()),
        }
    }
}

impl Asset {
    fn kind(self) -> usize {
        match (self.of, self.key) {
            (Resource::Organization(_), _) => 0,
            (Resource::Folder(_), _) => 1,
            (Resource::Project(_), _) => 2,
            (Resource::Account(_), None) => ACCOUNTS,
            (Resource::Account(_), Some(_)) => KEYS,
        }
    }

    fn cursor(self) -> Cursor {
        let (kind, index) = match self.of {
            Resource::Organization(i) => (0, i),
            Resource::Folder(i) => (1, i),
            Resource::Project(i) => (2, i),
            Resource::Account(i) => (ACCOUNTS, i),
        };
        Cursor { kind, index, key: self.key.map_or(0, |key| key + 1) }
    }

    pub(crate) fn type_name(self) -> &'static str {
        TYPES[self.kind()]
    }

    /// The full name, in which accounts go by their unique id.
    pub(crate) fn name(self, state: &State) -> String {
        let name = state.asset_name(self.of);
        match (self.of, self.key) {
            (Resource::Account(i), Some(key)) => format!("{name}/keys/{}", state.accounts[i].keys[key].id),
            _ => name,
        }
    }

    pub(crate) fn parent(self, state: &State) -> Option<Asset> {
        match self.key {
            Some(_) => Some(Asset { key: None, ..self }),
            None => state.parent(self.of).map(|of| Asset { of, key: None }),
        }
    }

    /// Project, folders and organization, which both searches return.
    pub(crate) fn place(self, state: &State) -> Map<String, Value> {
        let mut place = Map::new();
        let mut folders = Vec::new();
        for level in state.ancestors(self.of) {
            let field = match level {
                Resource::Account(_) => continue,
                Resource::Folder(_) => {
                    folders.push(Value::String(state.name(level)));
                    continue;
                }
                Resource::Project(_) => "project",
                Resource::Organization(_) => "organization",
            };
            place.insert(field.into(), state.name(level).into());
        }
        place.insert("folders".into(), folders.into());
        place
    }
}

impl State {
    /// The assets of some types in a scope, from a place on. Each step is short, however many accounts there are.
    pub(crate) fn assets(
        &self,
        scope: Resource,
        types: AssetTypes,
        from: Cursor,
        now: i64,
    ) -> impl Iterator<Item = (Cursor, Asset)> {
        let is_inside = |of: &Resource| self.ancestors(*of).any(|level| level == scope);
        let projects: Vec<bool> =
            (0..self.projects.len()).map(|i| is_inside(&Resource::Project(i))).collect();
        let organizations = (0..self.organizations.len()).map(Resource::Organization).filter(is_inside);
        let folders = (0..self.folders.len()).map(Resource::Folder).filter(is_inside);
        let above: Vec<Resource> = organizations.chain(folders).collect();
        let inside = (0..self.projects.len()).filter(|i| projects[*i]).map(Resource::Project);
        let above: Vec<Resource> = above.into_iter().chain(inside).collect();
        let first = if from.kind == ACCOUNTS { from.index } else { 0 };
        let some = types.0[ACCOUNTS] || types.0[KEYS];
        let accounts = self
            .accounts
            .places_at(now.saturating_sub(self.asset_lag), first)
            .filter(move |i| some && projects[self.accounts.project(*i)])
            .map(Resource::Account);
        let all = above.into_iter().chain(accounts).flat_map(move |of| {
            let keys = match of {
                Resource::Account(i) if types.0[KEYS] => self.accounts[i].keys.len(),
                _ => 0,
            };
            std::iter::once(None).chain((0..keys).map(Some)).map(move |key| Asset { of, key })
        });
        let placed = all.filter(move |asset| types.0[asset.kind()]).map(|asset| (asset.cursor(), asset));
        placed.skip_while(move |(cursor, _)| *cursor < from)
    }

    /// The policy of a resource as searches and analyses find it.
    pub(crate) fn searched_policy(&self, of: Resource, now: i64) -> &Policy {
        self.policy_before(of, now, self.asset_lag).unwrap_or_else(|| self.policy(of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(patterns: &[&str]) -> Option<Vec<&'static str>> {
        let AssetTypes(wanted) = AssetTypes::parse(patterns)?;
        let names = TYPES.iter().zip(wanted).filter(|(_, wanted)| *wanted);
        Some(names.map(|(name, _)| name.rsplit('/').next().unwrap()).collect())
    }

    #[test]
    fn pattern_of_types_is_a_regular_expression_that_fits_whole_names() {
        for (patterns, found) in [
            (&[][..], &["Organization", "Folder", "Project", "ServiceAccount", "ServiceAccountKey"][..]),
            (&["iam.googleapis.com/ServiceAccount"], &["ServiceAccount"]),
            (&["iam.googleapis.com.*"], &["ServiceAccount", "ServiceAccountKey"]),
            (&[".*Account"], &["ServiceAccount"]),
            (&[".*/(Folder|P[a-z]{6})", ".*Key"], &["Folder", "Project", "ServiceAccountKey"]),
            (&["storage.googleapis.com/Bucket", "run.*"], &[]),
        ] {
            assert_eq!(types(patterns).as_deref(), Some(found), "{patterns:?}");
        }
        for wrong in ["iam", "iam.googleapis.com/Account", "(", "ServiceAccount", "$^"] {
            assert!(types(&[".*Project", wrong]).is_none(), "{wrong}");
        }
        assert!(TYPES.iter().all(|name| KNOWN.iter().any(|known| known == name)));
    }

    #[test]
    fn cursor_is_read_as_it_was_written() {
        let cursor = Cursor { kind: 3, index: 70_000, key: 2 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in ["", "1", "1.2", "1.2.3.4", "a.b.c", "-1.0.0"] {
            assert_eq!(wrong.parse::<Cursor>(), Err(()), "{wrong}");
        }
    }
}
