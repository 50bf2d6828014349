//! Which permissions can be tested on which kind of resource. For the APIs served here every permission is
//! known; for others only whether the service exists, and which permissions apply above projects alone.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use super::role;
use super::state::{Resource, State};

/// The permissions of Resource Manager that no role of the tables gives.
const OF_RESOURCES: [(&str, &str); 3] = [
    (
        "resourcemanager.projects",
        "create createBillingAssignment createPolicyBinding delete deleteBillingAssignment deletePolicyBinding move \
         searchPolicyBindings undelete update updateLiens updatePolicyBinding",
    ),
    (
        "resourcemanager.folders",
        "create createPolicyBinding delete deletePolicyBinding move searchPolicyBindings undelete update \
         updatePolicyBinding",
    ),
    (
        "resourcemanager.organizations",
        "createPolicyBinding deletePolicyBinding searchPolicyBindings updatePolicyBinding",
    ),
];

/// Services whose permissions are in roles of other names only.
const WITHOUT_ROLES: [&str; 12] = [
    "apikeys",
    "clientauthconfig",
    "cloudiottoken",
    "cloudmessaging",
    "cloudnotifications",
    "cloudtoolresults",
    "commerceprice",
    "fcmdata",
    "firebaseanalytics",
    "riscconfigurationservice",
    "stackdriver",
    "workspacemarketplace",
];

/// Services of others that have permissions of Google's IAM.
const PARTNERS: [&str; 3] =
    ["cloudonefs.isiloncloud.com", "cloudvolumesgcp-api.netapp.com", "gcp.redisenterprise.com"];

/// What belongs to the project that an account is in, and not to the account.
const OF_THE_PROJECT: [&str; 2] = ["iam.serviceAccounts.create", "iam.serviceAccounts.list"];

/// The lowest level at which a permission can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum MinimumLevel {
    Project,
    Folder,
    Organization,
}

/// Every permission whose name is known: of the tables of roles, and those above.
pub(crate) fn known() -> &'static BTreeSet<String> {
    static KNOWN: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let of_roles = role::predefined().values().flat_map(|role| &role.permissions);
        let of_resources = OF_RESOURCES
            .iter()
            .flat_map(|(family, verbs)| verbs.split_whitespace().map(move |verb| format!("{family}.{verb}")));
        of_roles.map(ToString::to_string).chain(of_resources).collect()
    });
    &KNOWN
}

/// The families, as `iam.roles`, of which every permission is known. Of Cloud Asset only those that matter here are.
fn complete() -> &'static HashSet<&'static str> {
    static COMPLETE: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let families = known().iter().filter_map(|name| name.rsplit_once('.')).map(|(family, _)| family);
        families.filter(|family| *family != "cloudasset.assets").collect()
    });
    &COMPLETE
}

/// The services that have permissions.
fn services() -> &'static HashSet<&'static str> {
    static SERVICES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let of_roles =
            role::predefined().keys().filter_map(|name| name.strip_prefix("roles/")?.split('.').next());
        let of_names = known().iter().filter_map(|name| name.split('.').next());
        of_roles.chain(of_names).chain(WITHOUT_ROLES).collect()
    });
    &SERVICES
}

/// Permissions, and families of them, that are held above projects alone.
fn held_above() -> &'static HashMap<String, MinimumLevel> {
    static ABOVE: LazyLock<HashMap<String, MinimumLevel>> = LazyLock::new(|| {
        let lines = include_str!("../assets/held_above.tsv").lines().filter(|line| !line.starts_with('#'));
        let rows = lines.filter_map(|line| {
            let mut cells = line.split('\t');
            let level =
                if cells.next()? == "folder" { MinimumLevel::Folder } else { MinimumLevel::Organization };
            Some((level, cells.next()?, cells.next()?))
        });
        rows.flat_map(|(level, service, names)| {
            let joint = if service.contains('.') { '/' } else { '.' };
            names.split(' ').map(move |name| (format!("{service}{joint}{name}"), level))
        })
        .collect()
    });
    &ABOVE
}

fn level(permission: &str, family: &str) -> MinimumLevel {
    let found = held_above().get(permission).or_else(|| held_above().get(family));
    found.copied().unwrap_or(MinimumLevel::Project)
}

/// The family of something that has the form of a permission, as `iam.roles` of `iam.roles.get`, or, as newer ones are
/// called, `iam.googleapis.com/workforcePools` of `iam.googleapis.com/workforcePools.get`.
fn family(permission: &str) -> Option<&str> {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    let (family, verb) = permission.rsplit_once('.')?;
    let (service, resource) = family.split_once('/').or_else(|| family.split_once('.'))?;
    let is_service = if family.contains('/') { service.split('.').all(plain) } else { plain(service) };
    (is_service && plain(resource) && plain(verb)).then_some(family)
}

/// Whether a service has a family of permissions of which not every name is known here.
fn is_open(family: &str) -> bool {
    match family.split_once('/') {
        // Of Google's services only IAM has permissions under its host, those of its newer resources; all others are
        // called so in deny policies alone.
        Some(("iam.googleapis.com", resource)) => {
            let newer = ["workforcePool", "workloadIdentityPool", "workspacePool", "oauthClient"];
            newer.iter().any(|start| resource.starts_with(start))
        }
        Some((host, _)) => PARTNERS.contains(&host),
        None => {
            let service = family.split('.').next().unwrap_or_default();
            services().contains(service) && !complete().contains(family)
        }
    }
}

impl State {
    /// Whether someone can hold a permission on a resource.
    pub(crate) fn is_testable(&self, permission: &str, on: Resource) -> bool {
        let Some(family) = family(permission) else { return false };
        let top = match on {
            Resource::Account(_) => {
                return family.starts_with("iam.serviceAccount")
                    && known().contains(permission)
                    && !OF_THE_PROJECT.contains(&permission);
            }
            Resource::Project(_) => MinimumLevel::Project,
            Resource::Folder(_) => MinimumLevel::Folder,
            Resource::Organization(_) => MinimumLevel::Organization,
        };
        let exists = known().contains(permission) || is_open(family) || self.is_in_custom_roles(permission);
        exists && level(permission, family) <= top
    }

    fn is_in_custom_roles(&self, permission: &str) -> bool {
        let of_projects = self.projects.iter().flat_map(|project| &project.roles);
        let of_organizations = self.organizations.iter().flat_map(|organization| &organization.roles);
        of_projects.chain(of_organizations).flat_map(|role| &role.permissions).any(|held| held == permission)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    fn state() -> State {
        let text = r#"{"organizations":[{"number":1,"domain":"example.com"}],
            "folders":[{"number":5,"parent":"organizations/1"}],
            "projects":[{"id":"p","number":2,"parent":"folders/5","accounts":[{"email":"a"}],
                "roles":[{"id":"own","permissions":["widgets.parts.get"]}]}]}"#;
        State::new(World::parse(text).unwrap(), 0)
    }

    /// On an account, its project, the folder, the organization.
    fn on(permission: &str) -> [bool; 4] {
        let state = state();
        [Resource::Account(0), Resource::Project(0), Resource::Folder(0), Resource::Organization(0)]
            .map(|on| state.is_testable(permission, on))
    }

    #[test]
    fn a_permission_is_testable_where_someone_can_hold_it() {
        for (permission, testable) in [
            ("iam.serviceAccounts.signBlob", [true; 4]),
            ("iam.serviceAccountKeys.list", [true; 4]),
            ("iam.serviceAccounts.list", [false, true, true, true]),
            ("iam.serviceAccounts.create", [false, true, true, true]),
            ("resourcemanager.projects.update", [false, true, true, true]),
            ("storage.buckets.list", [false, true, true, true]),
            ("apikeys.keys.list", [false, true, true, true]),
            ("cloudasset.feeds.list", [false, true, true, true]),
            ("widgets.parts.get", [false, true, true, true]),
            ("resourcemanager.projects.create", [false, false, true, true]),
            ("resourcemanager.projects.list", [false, false, true, true]),
            ("resourcemanager.folders.get", [false, false, true, true]),
            ("resourcemanager.organizations.get", [false, false, false, true]),
            ("billing.budgets.list", [false, false, false, true]),
            ("billing.resourceCosts.get", [false, true, true, true]),
            ("cloudvolumesgcp-api.netapp.com/volumes.get", [false, true, true, true]),
            ("iam.googleapis.com/workloadIdentityPools.get", [false, true, true, true]),
            ("iam.googleapis.com/workforcePools.get", [false, false, false, true]),
        ] {
            assert_eq!(on(permission), testable, "{permission}");
        }
    }

    #[test]
    fn what_is_no_permission_is_testable_nowhere() {
        for name in [
            "",
            "get",
            "iam.get",
            "iam.serviceAccounts.fly",
            "iam.roles.fly",
            "serviceusage.services.fly",
            "widgets.parts.set",
            "nosuch.things.get",
            "iam..get",
            "iam.serviceAccounts.get.",
            "iam.serviceAccounts.*",
            "iam.googleapis.com/serviceAccounts.get",
            "storage.googleapis.com/buckets.get",
        ] {
            assert_eq!(on(name), [false; 4], "{name:?}");
        }
    }
}
