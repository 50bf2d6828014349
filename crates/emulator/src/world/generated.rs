//! Organizations made from a seed, for tests and figures: nested folders, groups in each other, custom roles, grants
//! across projects and in circles, conditions, pools, deleted members, deny policies. The same seed and size give the
//! same world.

use std::collections::BTreeMap;

use super::{Account, CustomRole, Folder, Group, Organization, Project, User, World};
use crate::callers::Caller;
use crate::deny::{DenyPolicy, DenyRule};
use crate::policy::{Binding, Condition, Policy};

/// How much there is in a generated organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrganizationSize {
    /// Projects; there are a twentieth as many folders.
    pub projects: usize,
    /// Service accounts, in all projects together.
    pub accounts: usize,
    /// Allow policies: of the organization, the folders and the projects, and as many accounts as make up the number.
    pub policies: usize,
    /// Members of all bindings, about. One policy has a twentieth of them.
    pub members: usize,
}

impl OrganizationSize {
    /// The size that performance is measured at.
    pub const LARGE: OrganizationSize =
        OrganizationSize { projects: 2_000, accounts: 100_000, policies: 20_000, members: 1_000_000 };
}

/// Who may do everything in a generated organization.
pub const GENERATED_OWNER: &str = "user:owner@example.com";
/// Who may only search and analyze it.
pub const GENERATED_AUDITOR: &str = "user:auditor@example.net";

/// Roles, those first that can be given to the public.
const ROLES: [&str; 14] = [
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.workloadIdentityUser",
    "roles/iam.serviceAccountOpenIdTokenCreator",
    "roles/iam.serviceAccountUser",
    "roles/browser",
    "roles/viewer",
    "roles/editor",
    "roles/owner",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountKeyAdmin",
    "roles/iam.securityAdmin",
    "roles/resourcemanager.projectIamAdmin",
    "roles/storage.objectViewer",
    "roles/logging.viewer",
];
const PUBLIC_ROLES: u64 = 4;

const CONDITIONS: [(&str, &str); 5] = [
    ("ended", "request.time < timestamp(\"2024-05-01T00:00:00Z\")"),
    ("until 2040", "request.time < timestamp(\"2040-05-01T00:00:00Z\")"),
    ("one account", "resource.name.endsWith(\"serviceAccounts/100000000000000000001\")"),
    ("accounts only", "resource.type == \"iam.googleapis.com/ServiceAccount\""),
    ("office hours", "request.time.getHours(\"Europe/Berlin\") < 18"),
];

/// Numbers that look random: splitmix64.
struct Numbers(u64);

impl Numbers {
    /// A number below another one, which is not 0.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length.max(1) as u64)).unwrap_or_default()
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.index(all.len())]
    }

    fn once_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// A world on its way.
struct Generator {
    numbers: Numbers,
    size: OrganizationSize,
    /// How many members each policy has on average.
    members: usize,
}

impl World {
    /// An organization of about that size, with [`GENERATED_OWNER`] and [`GENERATED_AUDITOR`] in it.
    pub fn generated(seed: u64, size: OrganizationSize) -> World {
        let members = size.members / size.policies.max(1);
        Generator { numbers: Numbers(seed), size, members: members.max(1) }.world()
    }
}

impl Generator {
    fn world(mut self) -> World {
        let folders = self.folders();
        let projects = self.projects(folders.len());
        let people = [GENERATED_OWNER, GENERATED_AUDITOR].map(|who| who.trim_start_matches("user:"));
        let mut world = World {
            organizations: vec![self.organization()],
            folders,
            projects,
            users: people.map(|email| User { email: email.into(), ..User::default() }).into(),
            groups: self.groups(),
            callers: [GENERATED_OWNER, GENERATED_AUDITOR]
                .map(|who| Caller { principal: who.into(), ..Caller::default() })
                .into(),
            ..World::default()
        };
        world.complete();
        world
    }

    fn organization(&mut self) -> Organization {
        let mut policy = self.policy(self.size.members / 20, None);
        for (role, who) in [
            ("roles/owner", GENERATED_OWNER),
            ("roles/cloudasset.viewer", GENERATED_OWNER),
            ("roles/iam.organizationRoleAdmin", GENERATED_OWNER),
            ("roles/cloudasset.viewer", GENERATED_AUDITOR),
        ] {
            let members = vec![who.to_owned()];
            policy.bindings.push(Binding { role: role.into(), members, condition: None });
        }
        Organization {
            number: 900_000_000_001,
            domain: "example.com".into(),
            roles: vec![custom_role("orgMinter", "iam.serviceAccounts.getAccessToken")],
            policy,
            deny_policies: vec![denial("organization", "storage.googleapis.com/buckets.delete")],
            ..Organization::default()
        }
    }

    /// Some of the folders are in the one before, up to eight in each other.
    fn folders(&mut self) -> Vec<Folder> {
        let count = (self.size.projects / 20).max(2);
        let mut folders = Vec::with_capacity(count);
        for i in 0..count {
            let parent = match i {
                0 => "organizations/900000000001".to_owned(),
                _ if i % 8 != 0 && self.numbers.once_in(2) => format!("folders/{}", number(500, i - 1)),
                _ => "organizations/900000000001".to_owned(),
            };
            let deny_policies = if self.numbers.once_in(8) {
                vec![denial("no-minting", "iam.googleapis.com/serviceAccounts.getAccessToken")]
            } else {
                Vec::new()
            };
            let policy = self.policy(self.members, None);
            folders.push(Folder {
                number: number(500, i),
                name: format!("Unit {i}"),
                parent,
                policy,
                deny_policies,
            });
        }
        folders
    }

    fn projects(&mut self, folders: usize) -> Vec<Project> {
        let mut left = self.size.policies.saturating_sub(self.size.projects + folders + 1);
        let mut projects = Vec::with_capacity(self.size.projects);
        for i in 0..self.size.projects {
            let id = project_id(i);
            // The rest of the division is spread over the projects.
            let up_to = |i: usize| i * self.size.accounts / self.size.projects;
            let mut accounts = Vec::new();
            for j in up_to(i)..up_to(i + 1) {
                let mut account = Account {
                    email: account_id(j),
                    display_name: format!("Service {j}"),
                    disabled: self.numbers.once_in(50),
                    ..Account::default()
                };
                // As many of those that are left as there are policies left.
                if self.numbers.below((self.size.accounts - j) as u64) < left as u64 {
                    left -= 1;
                    account.policy = self.policy(self.members, Some(&id));
                    if self.numbers.once_in(4) {
                        // The account after it may mint as it, and the last one of ten as the first one: circles.
                        let next = if j % 10 == 9 { j - 9 } else { j + 1 };
                        let members = vec![self.account_member(next)];
                        let role = ROLES[0].to_owned();
                        account.policy.bindings.push(Binding { role, members, condition: None });
                    }
                }
                accounts.push(account);
            }
            let parent = if self.numbers.once_in(20) {
                "organizations/900000000001".to_owned()
            } else {
                format!("folders/{}", number(500, self.numbers.index(folders)))
            };
            let env = self.numbers.one_of(&["prod", "test", "dev"]);
            projects.push(Project {
                number: number(700, i),
                name: format!("Project {i}"),
                parent: Some(parent),
                labels: BTreeMap::from([("env".to_owned(), env.to_owned())]),
                roles: vec![
                    custom_role("minter", "iam.serviceAccounts.getAccessToken"),
                    custom_role("granter", "iam.serviceAccounts.setIamPolicy"),
                ],
                policy: self.policy(self.members, Some(&id)),
                accounts,
                id,
                ..Project::default()
            });
        }
        projects
    }

    /// Five at a time are in each other, in a circle.
    fn groups(&mut self) -> Vec<Group> {
        let count = self.group_count();
        let mut groups = Vec::with_capacity(count);
        for i in 0..count {
            let mut members: Vec<String> = (0..self.numbers.below(6)).map(|_| self.person()).collect();
            let next = if i % 5 == 4 || i + 1 == count { i / 5 * 5 } else { i + 1 };
            members.push(format!("group:team-{next}@example.com"));
            groups.push(Group { email: format!("team-{i}@example.com"), members });
        }
        groups
    }

    /// A policy with about so many members, in bindings of up to 40.
    fn policy(&mut self, members: usize, project: Option<&str>) -> Policy {
        let mut bindings = Vec::new();
        let mut left = (members / 2 + self.numbers.index(members + 1)).max(1);
        while left > 0 {
            let count = left.min(1 + self.numbers.index(40));
            left -= count;
            let is_public = self.numbers.once_in(30);
            let role = match project {
                Some(id) if self.numbers.once_in(12) => {
                    format!("projects/{id}/roles/{}", self.numbers.one_of(&["minter", "granter"]))
                }
                _ if is_public => {
                    ROLES[usize::try_from(self.numbers.below(PUBLIC_ROLES)).unwrap_or_default()].into()
                }
                None if self.numbers.once_in(12) => "organizations/900000000001/roles/orgMinter".into(),
                _ => self.numbers.one_of(&ROLES).into(),
            };
            let mut members: Vec<String> = (0..count).map(|_| self.member()).collect();
            if is_public {
                members.push(self.numbers.one_of(&["allUsers", "allAuthenticatedUsers"]).into());
            }
            let condition = self.numbers.once_in(10).then(|| {
                let (title, expression) = self.numbers.one_of(&CONDITIONS);
                Condition { title: title.into(), expression: expression.into(), ..Condition::default() }
            });
            bindings.push(Binding { role, members, condition });
        }
        Policy { bindings, ..Policy::default() }
    }

    fn member(&mut self) -> String {
        let pool = "iam.googleapis.com/projects/700000000000/locations/global/workloadIdentityPools/builds";
        match self.numbers.below(40) {
            0..18 => self.person(),
            18..34 => {
                let account = self.numbers.index(self.size.accounts);
                self.account_member(account)
            }
            34..36 => format!("group:team-{}@example.com", self.numbers.index(self.group_count())),
            36 => format!("principal://{pool}/subject/build-{}", self.numbers.below(500)),
            37 => {
                format!("principalSet://{pool}/attribute.repository/example/app-{}", self.numbers.below(90))
            }
            38 => "domain:example.com".to_owned(),
            _ => format!("deleted:user:former-{0}@example.com?uid={0}", self.numbers.below(900) + 1),
        }
    }

    fn group_count(&self) -> usize {
        (self.size.projects / 4).max(3)
    }

    fn person(&mut self) -> String {
        format!("user:person-{}@example.com", self.numbers.index(self.size.accounts.max(10)))
    }

    fn account_member(&self, account: usize) -> String {
        let account = account.min(self.size.accounts.saturating_sub(1));
        // The project whose part of the accounts it is in.
        let project = ((account + 1) * self.size.projects).div_ceil(self.size.accounts.max(1)) - 1;
        format!("serviceAccount:{}@{}.iam.gserviceaccount.com", account_id(account), project_id(project))
    }
}

fn number(first: u64, i: usize) -> u64 {
    first * 1_000_000_000 + i as u64
}

fn project_id(i: usize) -> String {
    format!("proj-{i:05}")
}

fn account_id(i: usize) -> String {
    format!("svc-{i:06}")
}

fn custom_role(id: &str, permission: &str) -> CustomRole {
    CustomRole {
        id: id.into(),
        title: id.into(),
        stage: "GA".into(),
        permissions: vec![permission.into(), "resourcemanager.projects.get".into()],
        ..CustomRole::default()
    }
}

/// Denies people of one group a permission.
fn denial(id: &str, permission: &str) -> DenyPolicy {
    let rule = DenyRule {
        denied_principals: vec!["principalSet://goog/group/team-0@example.com".into()],
        denied_permissions: vec![permission.into()],
        ..DenyRule::default()
    };
    DenyPolicy { id: id.into(), rules: vec![rule], ..DenyPolicy::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_world_has_its_size_and_is_one_that_can_be_read() {
        let size = OrganizationSize { projects: 30, accounts: 700, policies: 300, members: 3_000 };
        let world = World::generated(7, size);
        world.check().unwrap();
        let accounts = || world.projects.iter().flat_map(|project| &project.accounts);
        assert_eq!((world.projects.len(), accounts().count()), (30, 700));
        let policies = (world.organizations.iter().map(|o| &o.policy))
            .chain(world.folders.iter().map(|f| &f.policy))
            .chain(world.projects.iter().map(|p| &p.policy))
            .chain(accounts().map(|a| &a.policy));
        let bound: Vec<&Policy> = policies.filter(|policy| !policy.bindings.is_empty()).collect();
        let members: usize = bound.iter().flat_map(|policy| &policy.bindings).map(|b| b.members.len()).sum();
        assert_eq!(bound.len(), 300);
        assert!((2_000..4_500).contains(&members), "{members}");
        let known: std::collections::HashSet<String> =
            accounts().map(|account| format!("serviceAccount:{}", account.email)).collect();
        let named =
            bound.iter().flat_map(|policy| policy.members()).filter(|m| m.starts_with("serviceAccount:"));
        assert!(named.into_iter().all(|member| known.contains(member)));
        let text = |world: &World| serde_json::to_string(world).unwrap();
        assert_eq!(text(&world), text(&World::generated(7, size)));
        assert_ne!(text(&world), text(&World::generated(8, size)));
        World::parse(&text(&world)).unwrap();
    }
}
