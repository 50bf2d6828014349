//! The predefined roles of August 2026, with those of their permissions that matter here, in three tables:
//! roles for service accounts, keys and policies, which have titles; all other roles; and permissions that
//! only the emulator asks for. Google does not publish which role is for which kind of resource; a role
//! without any use on accounts is refused only there.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What is known of a predefined role.
#[derive(Debug)]
pub(crate) struct Role {
    /// Its title; empty for a role of the second table.
    pub(crate) title: &'static str,
    pub(crate) stage: &'static str,
    /// Those of its permissions that matter here.
    pub(crate) permissions: Vec<&'static str>,
}

static PREDEFINED: LazyLock<BTreeMap<String, Role>> = LazyLock::new(|| {
    let mut all: BTreeMap<String, Role> = titled().collect();
    all.extend(untitled());
    for row in lines(include_str!("../assets/more_permissions.tsv")) {
        let (permission, roles) = row.split_once('\t').unwrap_or_default();
        for role in roles.split(' ') {
            all.entry(format!("roles/{role}")).and_modify(|role| role.permissions.push(permission));
        }
    }
    all
});

pub(crate) fn predefined() -> &'static BTreeMap<String, Role> {
    &PREDEFINED
}

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#'))
}

fn list(text: &'static str) -> Vec<&'static str> {
    text.split(',').filter(|name| !name.is_empty()).collect()
}

fn titled() -> impl Iterator<Item = (String, Role)> {
    lines(include_str!("../assets/roles.tsv")).filter_map(|line| {
        let mut cells = line.split('\t');
        let (name, title, stage) = (cells.next()?, cells.next()?, cells.next()?);
        Some((name.to_owned(), Role { title, stage, permissions: list(cells.nth(1)?) }))
    })
}

fn untitled() -> impl Iterator<Item = (String, Role)> {
    let (mut stage, mut permissions) = ("", "");
    let rows = lines(include_str!("../assets/other_roles.tsv")).filter_map(move |line| {
        let (start, rest) = line.split_once('\t')?;
        if start == ">" {
            (stage, permissions) = rest.split_once('\t')?;
            return None;
        }
        Some(rest.split(' ').map(move |end| {
            (format!("roles/{start}.{end}"), Role { title: "", stage, permissions: list(permissions) })
        }))
    });
    rows.flatten()
}

impl Role {
    /// Whether it can be given on a service account: those that have something to say about one. Which roles Google
    /// offers exactly is not known.
    pub(crate) fn is_for_accounts(&self) -> bool {
        self.permissions.iter().any(|permission| permission.starts_with("iam.serviceAccount"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_of_both_tables_is_read_with_what_it_gives() {
        let all = predefined();
        assert_eq!(all.len(), 2_461);
        assert_eq!(all["roles/iam.serviceAccountTokenCreator"].title, "Service Account Token Creator");
        let storage = &all["roles/storage.admin"];
        assert_eq!((storage.title, storage.stage), ("", "GA"));
        assert_eq!(storage.permissions, ["resourcemanager.projects.get", "resourcemanager.projects.list"]);
        assert!(!storage.is_for_accounts() && all["roles/viewer"].is_for_accounts());
        assert!(all.contains_key("roles/compute.instanceAdmin.v1"));
    }

    #[test]
    fn role_has_the_permissions_of_the_third_table() {
        let all = predefined();
        for row in lines(include_str!("../assets/more_permissions.tsv")) {
            let (permission, roles) = row.split_once('\t').unwrap();
            for role in roles.split(' ') {
                assert!(all[&format!("roles/{role}")].permissions.contains(&permission), "{role}");
            }
        }
        assert!(all["roles/iam.denyReviewer"].permissions.contains(&"iam.denypolicies.get"));
    }

    #[test]
    fn owner_and_editor_turn_services_off_as_they_turn_them_on() {
        for name in ["roles/owner", "roles/editor"] {
            assert!(predefined()[name].permissions.contains(&"serviceusage.services.disable"), "{name}");
        }
    }
}
