//! Predefined roles that concern service accounts, keys, policies, projects and services, as Google publishes them
//! (`assets/roles.tsv`): a role's title and which of those permissions it gives. Custom roles and other permissions are
//! not known here.

use std::sync::LazyLock;

use super::nearest::nearest;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    /// `roles/iam.serviceAccountTokenCreator`
    pub(crate) name: &'static str,
    /// `Service Account Token Creator`
    pub(crate) title: &'static str,
    /// `GA`, `BETA`, …
    pub(crate) stage: &'static str,
    /// How many permissions it gives in all: a measure of how broad it is.
    pub(crate) breadth: u32,
    /// The permissions that matter here, separated by commas.
    permissions: &'static str,
}

impl Role {
    /// The permissions that matter here, out of all it gives.
    pub(crate) fn permissions(self) -> impl Iterator<Item = &'static str> {
        self.permissions.split(',').filter(|permission| !permission.is_empty())
    }

    /// Meant for Google's own service agents, never for people to grant.
    fn is_agents(self) -> bool {
        self.name.to_ascii_lowercase().contains("serviceagent")
    }
}

static ROLES: LazyLock<Vec<Role>> = LazyLock::new(|| {
    include_str!("../../assets/roles.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(read)
        .collect()
});

fn read(line: &'static str) -> Option<Role> {
    let mut fields = line.split('\t');
    Some(Role {
        name: fields.next()?,
        title: fields.next()?,
        stage: fields.next()?,
        breadth: fields.next()?.parse().ok()?,
        permissions: fields.next().unwrap_or_default(),
    })
}

/// The role with this name, if it is a known predefined one.
pub(crate) fn find(name: &str) -> Option<Role> {
    ROLES.iter().copied().find(|role| role.name == name)
}

/// The role that a partial name, a title or a misspelling means; of several, the one with the shortest name. Roles of
/// Google's own agents are never meant.
pub(crate) fn meant(typed: &str) -> Option<Role> {
    let typed = typed.trim().trim_start_matches("roles/").to_lowercase();
    if typed.len() < 4 || typed.contains(|c: char| c.is_control() || c == '/') {
        return None;
    }
    let roles = || ROLES.iter().copied().filter(|role| !role.is_agents());
    let named = |role: &Role| {
        let name = role.name.trim_start_matches("roles/").to_lowercase();
        name.ends_with(&typed) || role.title.to_lowercase() == typed
    };
    roles().filter(named).min_by_key(|role| role.name.len()).or_else(|| {
        let short = |role: Role| role.name.trim_start_matches("roles/");
        let near = nearest(&typed, roles().map(short))?;
        roles().find(|role| short(*role) == near)
    })
}

/// The role's title: `Service Account Token Creator`.
pub(crate) fn title(name: &str) -> Option<&'static str> {
    find(name).map(|role| role.title)
}

/// The permissions of the role that matter here; empty for an unknown role.
pub(crate) fn permissions(name: &str) -> impl Iterator<Item = &'static str> {
    find(name).into_iter().flat_map(Role::permissions)
}

/// Every permission of the table, as often as a role gives it.
pub(crate) fn all_permissions() -> impl Iterator<Item = &'static str> {
    ROLES.iter().copied().flat_map(Role::permissions)
}

/// The roles that give this permission, narrowest first, without the roles of Google's own agents.
pub(crate) fn giving(permission: &str) -> Vec<Role> {
    let mut roles: Vec<Role> = ROLES
        .iter()
        .copied()
        .filter(|role| !role.is_agents() && role.permissions().any(|given| given == permission))
        .collect();
    roles.sort_by_key(|role| (role.breadth, role.name));
    roles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::permission::MATRIX;
    use impersona_emulator::names::CREATOR;

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines =
            include_str!("../../assets/roles.tsv").lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(ROLES.len(), lines);
        assert_eq!(title(CREATOR), Some("Service Account Token Creator"));
        assert_eq!(title("projects/p/roles/own"), None);
    }

    #[test]
    fn owner_can_grant_itself_everything_but_mints_nothing() {
        let owner: Vec<_> = permissions("roles/owner").collect();
        assert!(owner.contains(&"iam.serviceAccounts.setIamPolicy"));
        assert!(!owner.contains(&"iam.serviceAccounts.getAccessToken"));
    }

    #[test]
    fn the_roles_of_the_matrix_give_what_they_are_named_for() {
        for permission in MATRIX {
            assert!(
                permissions(permission.role).any(|given| given == permission.name),
                "{}",
                permission.name
            );
            let giving = giving(permission.name);
            assert!(giving.iter().any(|role| role.name == permission.role), "{}", permission.name);
            assert!(giving.is_sorted_by_key(|role| role.breadth));
        }
    }

    #[test]
    fn the_narrowest_role_comes_first_and_agents_are_left_out() {
        let names: Vec<_> =
            giving("iam.serviceAccounts.getOpenIdToken").iter().map(|role| role.name).collect();
        assert_eq!(names.first(), Some(&"roles/iam.serviceAccountOpenIdTokenCreator"));
        assert!(!names.iter().any(|name| name.contains("Agent")), "{names:?}");
    }
}
