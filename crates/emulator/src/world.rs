//! The world: everything the emulator knows when it starts, as data. This file owns the form of a world's file; `forms`
//! and `consistency` check it, and `State` is what becomes of it afterwards.
//!
//! The file is one JSON object. Names are camelCase, every field is optional, an unknown field is refused
//! with its line and column. The fields are documented where their types are:
//!
//! | field | what it is | type |
//! |---|---|---|
//! | `organizations`, `folders`, `projects` | resources, with their policies, deny policies, roles and accounts | [`Organization`], [`Folder`], [`Project`], [`Account`], [`CustomRole`], [`Policy`], [`DenyPolicy`] |
//! | `users`, `groups` | people, and who is in which group | [`User`], [`Group`] |
//! | `callers` | whose credentials files are written; the first is the default | [`Caller`] |
//! | `clientProjects` | projects of OAuth clients, where an API can be off | [`ClientProject`] |
//! | `workspace` | domain-wide delegation | [`Workspace`] |
//! | `identityPools` | trusted identity providers outside of Google | [`IdentityPools`] |
//! | `metadata` | the machine that it runs on | [`Metadata`] |
//! | `perimeters` | VPC Service Controls | [`Perimeter`] |
//! | `operationPolls`, `activationSeconds`, `propagationSeconds`, `staleReadSeconds`, `assetLagSeconds` | how slow things are | [`World`] |
//! | `clockOffsetSeconds` | how wrong its clock is | [`World`] |
//! | `behaviour` | what Google's documents leave open, and what happens there | [`Behaviour`] |
//! | `faults` | what goes wrong | [`Fault`] |

mod consistency;
mod forms;
mod generated;
mod shape;

pub(crate) use consistency::check_members;
pub(crate) use forms::check_condition;
pub use generated::{GENERATED_AUDITOR, GENERATED_OWNER, OrganizationSize};

use serde::{Deserialize, Serialize};

use super::behaviour::{self, Behaviour};
use super::callers::Caller;
use super::clock;
use super::deny::DenyPolicy;
use super::fault::Fault;
use super::identity::{IdentityPools, Session};
use super::keys::{self, Validity};
use super::metadata::Metadata;
use super::perimeter::Perimeter;
use super::policy::Policy;
use super::workspace::Workspace;

/// Projects, accounts, policies, people, callers and faults.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct World {
    /// Organizations.
    pub organizations: Vec<Organization>,
    /// Folders, each after its parent or before.
    pub folders: Vec<Folder>,
    /// Projects, with their accounts.
    pub projects: Vec<Project>,
    /// Users.
    pub users: Vec<User>,
    /// Groups; clients cannot see into them.
    pub groups: Vec<Group>,
    /// Projects that OAuth clients belong to, where an API may be off. Others are taken to have every API on.
    pub client_projects: Vec<ClientProject>,
    /// Whose credentials files are written at the start; the first is the default caller.
    pub callers: Vec<Caller>,
    /// Domain-wide delegation; none if left out.
    pub workspace: Workspace,
    /// Identity pools, which trust identity providers outside of Google; none if left out.
    pub identity_pools: IdentityPools,
    /// The machine it runs on; without it there is no metadata server, as outside of Google Cloud.
    pub metadata: Option<Metadata>,
    /// Service perimeters; none if left out.
    pub perimeters: Vec<Perimeter>,
    /// How often an operation that turns an API on or off is looked at until it is done; 2 if left out, 0 is at once.
    pub operation_polls: Option<u32>,
    /// For how many seconds after an API was turned on calls to it are still refused.
    pub activation_seconds: i64,
    /// For how many seconds after a write a policy is still enforced as it was before; `staleReadSeconds` is about
    /// how it reads. None if left out. At Google a new binding was felt after about 70 seconds and the removal of one
    /// after about 90 (measured in 2026).
    pub propagation_seconds: i64,
    /// For how many seconds after a write a policy still reads as it was before, with the etag of then; what is
    /// enforced is for `propagationSeconds`.
    pub stale_read_seconds: i64,
    /// By how many seconds what Cloud Asset searches and analyzes is behind: policies, and which accounts there are. None if
    /// left out.
    pub asset_lag_seconds: i64,
    /// By how many seconds its clock is ahead of the machine's; negative is behind. The clock stays in the years 1971 to
    /// 9998.
    pub clock_offset_seconds: i64,
    /// What happens where Google's behaviour is not known; each point has a default.
    pub behaviour: Behaviour,
    /// Faults from the start.
    pub faults: Vec<Fault>,
}

/// An organization.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Organization {
    /// Its number.
    pub number: u64,
    /// Its domain.
    pub domain: String,
    /// Its custom roles.
    pub roles: Vec<CustomRole>,
    /// Domains whose users policies can name; empty permits all (domain-restricted sharing).
    pub permitted_domains: Vec<String>,
    /// How many analyses of policies it may ask for in a day (UTC); 20 if left out.
    pub analyses_per_day: Option<u32>,
    /// Whether no keys can be made for its accounts (`constraints/iam.disableServiceAccountKeyCreation`).
    pub key_creation_disabled: bool,
    /// Its allow policy.
    pub policy: Policy,
    /// Its deny policies, which win over every role.
    pub deny_policies: Vec<DenyPolicy>,
}

/// A folder.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Folder {
    /// Its number.
    pub number: u64,
    /// Its display name.
    pub name: String,
    /// `folders/N` or `organizations/N`.
    pub parent: String,
    /// Its allow policy.
    pub policy: Policy,
    /// Its deny policies, which win over every role.
    pub deny_policies: Vec<DenyPolicy>,
}

/// A project.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Project {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: u64,
    /// Its display name; the id if left out.
    pub name: String,
    /// `folders/N` or `organizations/N`; nothing for a project without organization.
    pub parent: Option<String>,
    /// Its labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// APIs that are off, as `iamcredentials.googleapis.com`; all others are on.
    pub disabled_services: Vec<String>,
    /// How many service accounts it may have before no more can be made; 100 if left out.
    pub account_quota: Option<usize>,
    /// Whether it has a billing account, without which some APIs cannot be turned on; true if left out.
    pub billing: Option<bool>,
    /// Its custom roles.
    pub roles: Vec<CustomRole>,
    /// Its service accounts.
    pub accounts: Vec<Account>,
    /// Its allow policy.
    pub policy: Policy,
    /// Its deny policies, which win over every role.
    pub deny_policies: Vec<DenyPolicy>,
}

/// A service account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Account {
    /// Its email, or only the part before `@`.
    pub email: String,
    /// Its 21 digits; made from the email if left out.
    pub unique_id: String,
    /// Its display name.
    pub display_name: String,
    /// Its description.
    pub description: String,
    /// Whether it is disabled.
    pub disabled: bool,
    /// Whether the organization allows it tokens of up to 12 hours.
    pub extended_lifetime: bool,
    /// When it last authenticated, RFC 3339; never if left out.
    pub last_authenticated: Option<String>,
    /// Its user-managed keys, at the start only to be listed: no private key belongs to them.
    pub keys: Vec<AccountKey>,
    /// Its allow policy.
    pub policy: Policy,
}

/// A user-managed key in a list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AccountKey {
    /// Its 40 digits; made from the account and the date if left out.
    pub id: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// When it ends, RFC 3339; never if left out.
    pub expires: Option<String>,
    /// When it was last logged in with, RFC 3339; never if left out.
    pub last_authenticated: Option<String>,
    /// Whether its public part was uploaded rather than made by Google.
    pub uploaded: bool,
    /// Whether it is disabled.
    pub disabled: bool,
}

/// A custom role.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct CustomRole {
    /// The last part of its name.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// Its launch stage.
    pub stage: String,
    /// What it gives.
    pub permissions: Vec<String>,
}

/// A user.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct User {
    /// The email address.
    pub email: String,
    /// The name.
    pub name: String,
    /// What has become of their login, and of the refresh token in their credentials file.
    pub session: Session,
}

/// A group.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Group {
    /// Its email address.
    pub email: String,
    /// Its members, as in a policy; a group may be one.
    pub members: Vec<String>,
}

/// The project that an OAuth client belongs to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ClientProject {
    /// The number before the dash of the client id.
    pub number: u64,
    /// APIs that are off there.
    pub disabled_services: Vec<String>,
}

/// Why a world cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// Not the form above: the message names field, line and column.
    #[error("the world cannot be read: {0}")]
    Form(#[from] serde_json::Error),
    /// The content is wrong.
    #[error("the world is not consistent: {field}: {problem}")]
    Content {
        /// As `projects[2].parent`.
        field: String,
        /// One sentence.
        problem: String,
    },
}

impl World {
    /// The example organization of the demo.
    pub fn demo() -> World {
        World::parse(include_str!("../assets/world.json")).expect("a test reads the world in assets")
    }

    /// Reads a world and completes it: emails, unique ids, key ids.
    pub fn parse(text: &str) -> Result<World, WorldError> {
        // Former fields get a better message than "unknown field". Text that is not JSON is reported below.
        behaviour::check_settled(&serde_json::from_str(text).unwrap_or_default())?;
        let mut world: World = serde_json::from_str(text)?;
        world.check_shape(text)?;
        world.complete();
        world.check()?;
        Ok(world)
    }

    /// The same world with generated accounts in a project, until that has `count` of them. A project that is not
    /// there changes nothing.
    #[must_use]
    pub fn with_generated_accounts(mut self, count: usize, project: &str) -> World {
        const WORDS: [&str; 8] =
            ["build", "deploy", "ingest", "report", "relay", "mirror", "backup", "probe"];
        if let Some(project) = self.projects.iter_mut().find(|p| p.id == project) {
            for i in project.accounts.len()..count {
                let word = WORDS[i % WORDS.len()];
                let mut account = Account {
                    email: format!("{word}-{i:06}"),
                    display_name: format!("Generated {word} {i}"),
                    disabled: i % 97 == 0,
                    ..Account::default()
                };
                account.complete(&project.id);
                project.accounts.push(account);
            }
        }
        self
    }

    fn complete(&mut self) {
        for project in &mut self.projects {
            if project.name.is_empty() {
                project.name.clone_from(&project.id);
            }
            for account in &mut project.accounts {
                account.complete(&project.id);
            }
        }
        for user in &mut self.users {
            user.email = user.email.to_lowercase();
        }
        self.workspace.complete();
        self.identity_pools.complete();
        self.metadata.iter_mut().for_each(Metadata::complete);
    }

    /// Whether there is an account of that email.
    pub(super) fn has_account(&self, email: &str) -> bool {
        self.projects.iter().flat_map(|project| &project.accounts).any(|account| account.email == email)
    }
}

impl Account {
    pub(super) fn complete(&mut self, project: &str) {
        if !self.email.contains('@') {
            // The two parts of a project of a domain, `example.com:name`, are swapped.
            let host = match project.split_once(':') {
                Some((domain, name)) => format!("{name}.{domain}"),
                None => project.to_owned(),
            };
            self.email = format!("{}@{host}.iam.gserviceaccount.com", self.email);
        }
        self.email = self.email.to_lowercase();
        if self.unique_id.is_empty() {
            self.unique_id = unique_id(&self.email);
        }
        for key in &mut self.keys {
            if key.id.is_empty() {
                key.id = keys::hex(&keys::hash(&format!("{} {}", self.email, key.created))[..20]);
            }
        }
    }
}

impl AccountKey {
    /// From when until when it is good.
    pub(super) fn validity(&self) -> Validity {
        let seconds = |text: &str| clock::stated(text).map(|time| time.as_second());
        let never = Validity::of_file(0).until;
        Validity {
            from: seconds(&self.created).unwrap_or_default(),
            until: self.expires.as_deref().map_or(never, |text| seconds(text).unwrap_or(never)),
        }
    }
}

/// 21 digits that stay the same for an email.
pub(crate) fn unique_id(email: &str) -> String {
    let hash = keys::hash(email);
    let number = hash[..8].iter().fold(0u64, |sum, b| sum << 8 | u64::from(*b));
    format!("1{number:020}")
}

pub(super) fn content(field: String, problem: String) -> WorldError {
    WorldError::Content { field, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_world_is_consistent() {
        assert!(World::demo().projects.len() >= 4);
    }

    #[test]
    fn an_unknown_field_is_named_with_its_line_and_column() {
        let error = World::parse("{\n  \"projetcs\": []\n}").unwrap_err().to_string();
        assert!(error.contains("projetcs") && error.contains("line 2 column"), "{error}");
    }

    #[test]
    fn a_parent_that_is_missing_or_circular_is_named() {
        let missing = r#"{"projects":[{"id":"p","number":1,"parent":"folders/9"}]}"#;
        assert!(World::parse(missing).unwrap_err().to_string().contains("projects[0].parent: folders/9"));
        for circle in [
            r#"{"folders":[{"number":1,"parent":"folders/1"}]}"#,
            r#"{"folders":[{"number":1,"parent":"folders/2"},{"number":2,"parent":"folders/1"}]}"#,
        ] {
            let problem = World::parse(circle).unwrap_err().to_string();
            assert!(problem.contains("folders[0].parent") && problem.contains("circle"), "{problem}");
        }
    }

    #[test]
    fn only_a_folder_or_an_organization_is_the_parent_of_a_project() {
        for parent in ["projects/p", "projects/1", "projects/other", "p"] {
            let text = format!(
                r#"{{"projects":[{{"id":"other","number":2}},{{"id":"p","number":1,"parent":"{parent}"}}]}}"#
            );
            let problem = World::parse(&text).unwrap_err().to_string();
            assert!(problem.contains("projects[1].parent: "), "{problem}");
        }
    }

    #[test]
    fn left_out_emails_and_ids_are_completed_and_stay_the_same() {
        let text = r#"{"projects":[{"id":"example.com:p","number":1,"accounts":[{"email":"Bot"}]}]}"#;
        let account = World::parse(text).unwrap().projects[0].accounts[0].clone();
        assert_eq!(account.email, "bot@p.example.com.iam.gserviceaccount.com");
        assert_eq!(account.unique_id.len(), 21);
        assert_eq!(account.unique_id, unique_id(&account.email));
    }

    #[test]
    fn generated_accounts_fill_a_project_up() {
        let world = World::demo().with_generated_accounts(500, "acme-prod");
        let project = world.projects.iter().find(|p| p.id == "acme-prod").unwrap();
        assert_eq!(project.accounts.len(), 500);
    }
}
