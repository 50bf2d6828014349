//! The emulator's state while it runs: the world's resources and policies, tokens, faults, the log of
//! requests. The routes handle requests and answers.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::{Mutex, watch};

use super::accounts::{Accounts, deleted_member, live_member};
use super::activity::Activity;
use super::addresses::Addresses;
use super::behaviour::Behaviour;
use super::clock::{self, Clock};
use super::deny;
use super::error::Failure;
use super::es256::Es256;
use super::fault::Faults;
use super::identity::{Pool, Provider, ProviderKind, Session};
use super::keys::{Key, Validity};
use super::metadata::Metadata;
use super::perimeter::Perimeter;
use super::policy::{self, Policy};
use super::services::Services;
use super::tokens::{Principal, Tokens};
use super::workspace::Workspace;
use super::world::{AccountKey, ClientProject, CustomRole, Folder, Organization, Project, World};

/// How many requests the log keeps.
const LOG: usize = 10_000;

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    /// `http://127.0.0.1:PORT/`.
    pub(crate) base: String,
    /// The addresses in what is handed out.
    pub(crate) addresses: Addresses,
    /// Whether the emulator's own endpoint is served.
    pub(crate) control: AtomicBool,
    pub(crate) state: Mutex<State>,
    /// Tells those who wait at the metadata server that something changed.
    pub(crate) machine: watch::Sender<()>,
}

impl Shared {
    /// Changes the machine; false if there is none.
    pub(crate) async fn change_machine(&self, change: impl FnOnce(&mut Metadata)) -> bool {
        let changed = self.state.lock().await.metadata.as_mut().map(change).is_some();
        self.machine.send_replace(());
        changed
    }
}

/// A resource that has an allow policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Resource {
    Account(usize),
    Project(usize),
    Folder(usize),
    Organization(usize),
}

/// A request that came: never a bearer, a query or a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// As `iam.serviceAccounts.get`; `unrouted` for a path that no API has.
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// The status; 0 when the connection was cut instead, or nothing was answered yet.
    pub status: u16,
}

/// What a refresh token gives.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) principal: Principal,
    /// The client it belongs to, with its secret.
    pub(crate) client: (String, String),
    /// The scopes that were consented to.
    pub(crate) scopes: Vec<String>,
    pub(crate) session: Session,
    /// Whether it is replaced each time it is used.
    pub(crate) rotates: bool,
}

impl Grant {
    /// Refuses a login that has ended, or that asks for a proof.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.session {
            Session::Open => Ok(()),
            Session::Reauth => Err(Failure::invalid_rapt()),
            Session::Ended => Err(Failure::grant_ended()),
        }
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) organizations: Vec<Organization>,
    pub(crate) folders: Vec<Folder>,
    /// Projects; their accounts are in `accounts`.
    pub(crate) projects: Vec<Project>,
    pub(crate) accounts: Accounts,
    /// The keys of accounts that the emulator made and gave away, by their ids.
    pub(crate) private_keys: HashMap<String, Arc<Key>>,
    /// Names of people by email.
    pub(crate) users: HashMap<String, String>,
    /// The states of users' logins, by email.
    pub(crate) sessions: HashMap<String, Session>,
    /// Members of groups by email.
    pub(crate) groups: HashMap<String, Vec<String>>,
    pub(crate) tokens: Tokens,
    /// Refresh tokens, made at the start.
    pub(crate) grants: HashMap<String, Grant>,
    pub(crate) pools: Vec<Pool>,
    /// The keys of providers whose key the emulator makes, by their full resource names.
    pub(crate) made_keys: HashMap<String, Arc<Es256>>,
    /// The keys of accounts of Google Distributed Cloud, by their names there.
    pub(crate) distributed: HashMap<String, Es256>,
    pub(crate) workspace: Workspace,
    /// The machine with a metadata server, if there is one.
    pub(crate) metadata: Option<Metadata>,
    /// The tokens that the metadata server gives again, by unique id and scopes.
    pub(crate) kept: HashMap<(String, Vec<String>), String>,
    /// The APIs there are, and what turns them on and off.
    pub(crate) services: Services,
    pub(crate) perimeters: Vec<Perimeter>,
    /// What happens where Google's behaviour is not known.
    pub(crate) behaviour: Behaviour,
    /// For how many seconds after a write a policy is still enforced as it was.
    propagation: i64,
    /// For how many seconds after a write a policy still reads as it was.
    stale_reads: i64,
    /// By how many seconds what Cloud Asset finds is behind.
    pub(crate) asset_lag: i64,
    /// What was written over, with the time of that; the oldest first. The last is always kept.
    former: HashMap<Resource, Vec<(i64, Policy)>>,
    pub(crate) activity: Activity,
    /// How many analyses of policies each organization asked for on which day, by its number.
    pub(crate) analyses: HashMap<u64, (i64, u32)>,
    pub(crate) faults: Faults,
    log: VecDeque<Served>,
    arrivals: u64,
    clients: Vec<ClientProject>,
    nodes: HashMap<String, Resource>,
    last_etag: i64,
}

impl State {
    /// The state at the start of a world.
    pub(crate) fn new(mut world: World, micros: i64) -> State {
        let clients = std::mem::take(&mut world.client_projects);
        let mut state = State { last_etag: micros, clients, ..State::default() };
        for (p, project) in world.projects.iter_mut().enumerate() {
            for account in project.accounts.drain(..) {
                let keys = account.keys.iter().map(|key| (&key.id, &key.last_authenticated));
                for (id, last) in keys.chain([(&account.unique_id, &account.last_authenticated)]) {
                    if let Some(last) = last.as_deref().and_then(clock::stated) {
                        state.activity.note(id, last.as_second());
                    }
                }
                state.accounts.add(p, account);
            }
            state.nodes.insert(format!("projects/{}", project.id), Resource::Project(p));
            state.nodes.insert(format!("projects/{}", project.number), Resource::Project(p));
        }
        for (i, folder) in world.folders.iter().enumerate() {
            state.nodes.insert(format!("folders/{}", folder.number), Resource::Folder(i));
        }
        for (i, organization) in world.organizations.iter().enumerate() {
            state.nodes.insert(format!("organizations/{}", organization.number), Resource::Organization(i));
        }
        state.pools = world.pools();
        for pool in &state.pools {
            let generated = |p: &&Provider| matches!(&p.kind, ProviderKind::Oidc(oidc) if oidc.generated);
            for provider in pool.providers.iter().filter(generated) {
                state.made_keys.insert(pool.audience(provider), Arc::new(Es256::generate()));
            }
        }
        state.services = Services::new(&world.projects, world.operation_polls, world.activation_seconds);
        state.organizations = world.organizations;
        state.folders = world.folders;
        state.projects = world.projects;
        state.workspace = world.workspace;
        // What was allowed to an account is not allowed to the next one of its name.
        for delegation in &mut state.workspace.delegations {
            if let Some(i) = state.accounts.find(&delegation.account) {
                delegation.account.clone_from(&state.accounts[i].unique_id);
            }
        }
        state.perimeters = world.perimeters;
        state.propagation = world.propagation_seconds;
        state.stale_reads = world.stale_read_seconds;
        state.asset_lag = world.asset_lag_seconds;
        state.behaviour = world.behaviour;
        state.metadata = world.metadata;
        state.sessions = world.users.iter().map(|u| (u.email.clone(), u.session)).collect();
        state.users = world.users.into_iter().map(|u| (u.email, u.name)).collect();
        state.groups = world.groups.into_iter().map(|g| (g.email.to_lowercase(), g.members)).collect();
        world.faults.into_iter().for_each(|fault| state.faults.add(fault));
        state.prepare_policies();
        state
    }

    fn prepare_policies(&mut self) {
        let mut etag = self.last_etag;
        for policy in self.policies_mut() {
            policy.normalise();
            if policy.etag.is_empty() && policy.is_empty() {
                policy.etag = policy::EMPTY_POLICY_ETAG.into();
            } else if policy.etag.is_empty() {
                etag += 1;
                policy.etag = policy::etag(etag);
            }
        }
        self.last_etag = etag;
    }

    fn policies_mut(&mut self) -> impl Iterator<Item = &mut Policy> {
        (self.accounts.iter_mut().map(|a| &mut a.policy))
            .chain(self.projects.iter_mut().map(|p| &mut p.policy))
            .chain(self.folders.iter_mut().map(|f| &mut f.policy))
            .chain(self.organizations.iter_mut().map(|o| &mut o.policy))
    }

    /// An etag that was never given out before.
    pub(crate) fn next_etag(&mut self, micros: i64) -> String {
        self.last_etag = micros.max(self.last_etag + 1);
        policy::etag(self.last_etag)
    }

    /// An account by email or unique id.
    pub(crate) fn account(&self, name: &str) -> Option<usize> {
        self.accounts.find(name)
    }

    /// The account that a token was issued to, while its tokens are valid: they are rejected once it is disabled
    /// (IAM reference, disable), and one of a deleted account is not the token of the next one of its name.
    pub(crate) fn issued_to(&self, email: &str, unique_id: &str) -> Option<usize> {
        self.account(email).filter(|i| {
            let account = &self.accounts[*i];
            !account.disabled && account.unique_id == unique_id
        })
    }

    /// An account in a project, by the project's id or number; `-` is any.
    pub(crate) fn account_in(&self, project: &str, name: &str) -> Option<usize> {
        let i = self.account(name)?;
        (project == "-" || self.project(project) == Some(self.accounts.project(i))).then_some(i)
    }

    pub(crate) fn project_of(&self, account: usize) -> &Project {
        &self.projects[self.accounts.project(account)]
    }

    /// A project by id or number.
    pub(crate) fn project(&self, name: &str) -> Option<usize> {
        match self.node(&format!("projects/{name}")) {
            Some(Resource::Project(i)) => Some(i),
            _ => None,
        }
    }

    /// Ends a refresh token, and remembers it; false if it is not known.
    pub(crate) fn end_grant(&mut self, refresh: &str) -> bool {
        let grant = self.grants.get_mut(refresh);
        grant.map(|grant| grant.session = Session::Ended).is_some()
    }

    /// A pool and a provider of it by the provider's full resource name, with the key if the emulator made one.
    pub(crate) fn provider(&self, audience: &str) -> Option<(&Pool, &Provider, Option<&Es256>)> {
        let mut all = self.pools.iter().flat_map(|pool| pool.providers.iter().map(move |p| (pool, p)));
        let (pool, provider) = all.find(|(pool, provider)| pool.audience(provider) == audience)?;
        Some((pool, provider, self.made_key(pool, provider)))
    }

    /// The key that the emulator made for a provider.
    pub(crate) fn made_key(&self, pool: &Pool, provider: &Provider) -> Option<&Es256> {
        self.made_keys.get(&pool.audience(provider)).map(Arc::as_ref)
    }

    /// A project, folder or organization by its resource name.
    pub(crate) fn node(&self, name: &str) -> Option<Resource> {
        self.nodes.get(name).copied()
    }

    /// The resource name, with numbers.
    pub(crate) fn name(&self, of: Resource) -> String {
        match of {
            Resource::Account(i) => {
                format!("projects/{}/serviceAccounts/{}", self.project_of(i).id, self.accounts[i].email)
            }
            Resource::Project(i) => format!("projects/{}", self.projects[i].number),
            Resource::Folder(i) => format!("folders/{}", self.folders[i].number),
            Resource::Organization(i) => format!("organizations/{}", self.organizations[i].number),
        }
    }

    /// The full resource name, in which projects go by their id.
    pub(crate) fn full_name(&self, of: Resource) -> String {
        match of {
            Resource::Account(_) => format!("//iam.googleapis.com/{}", self.name(of)),
            Resource::Project(i) => {
                format!("//cloudresourcemanager.googleapis.com/projects/{}", self.projects[i].id)
            }
            _ => format!("//cloudresourcemanager.googleapis.com/{}", self.name(of)),
        }
    }

    /// A resource by its full name; the `@` of an account may be escaped (gcloud does so).
    pub(crate) fn by_full_name(&self, full: &str) -> Option<Resource> {
        let full = percent_encoding::percent_decode_str(full).decode_utf8().ok()?;
        if let Some(name) = full.strip_prefix("//iam.googleapis.com/") {
            let (project, account) = name.strip_prefix("projects/")?.split_once("/serviceAccounts/")?;
            return self.account_in(project, account).map(Resource::Account);
        }
        self.node(full.strip_prefix("//cloudresourcemanager.googleapis.com/")?)
    }

    pub(crate) fn parent(&self, of: Resource) -> Option<Resource> {
        match of {
            Resource::Account(i) => Some(Resource::Project(self.accounts.project(i))),
            Resource::Project(i) => self.projects[i].parent.as_ref().and_then(|name| self.node(name)),
            Resource::Folder(i) => self.node(&self.folders[i].parent),
            Resource::Organization(_) => None,
        }
    }

    /// The resource and all that it lies in, from the bottom up. A world that was read has no circles; in one that was
    /// put together otherwise it ends anyway, after as many levels as there can be.
    pub(crate) fn ancestors(&self, from: Resource) -> impl Iterator<Item = Resource> {
        // An account, its project, every folder, the organization.
        std::iter::successors(Some(from), |at| self.parent(*at)).take(self.folders.len() + 3)
    }

    /// The organization that a resource lies in.
    pub(crate) fn organization(&self, of: Resource) -> Option<&Organization> {
        self.ancestors(of).find_map(|level| match level {
            Resource::Organization(i) => Some(&self.organizations[i]),
            _ => None,
        })
    }

    pub(crate) fn policy(&self, of: Resource) -> &Policy {
        match of {
            Resource::Account(i) => &self.accounts[i].policy,
            Resource::Project(i) => &self.projects[i].policy,
            Resource::Folder(i) => &self.folders[i].policy,
            Resource::Organization(i) => &self.organizations[i].policy,
        }
    }

    /// The policy of a resource as it is enforced: for a while after a write that is the one before.
    pub(crate) fn enforced_policy(&self, of: Resource, now: i64) -> &Policy {
        self.policy_before(of, now, self.propagation).unwrap_or_else(|| self.policy(of))
    }

    /// The policy of a resource as it reads: for a while after a write, and under a fault that says so, as it was
    /// before.
    pub(crate) fn read_policy(&self, of: Resource, now: i64, stale: bool) -> &Policy {
        let last =
            self.former.get(&of).and_then(|all| all.last()).filter(|_| stale).map(|(_, policy)| policy);
        last.or_else(|| self.policy_before(of, now, self.stale_reads)).unwrap_or_else(|| self.policy(of))
    }

    /// What was written over less than so many seconds ago, and first of all that was.
    pub(crate) fn policy_before(&self, of: Resource, now: i64, seconds: i64) -> Option<&Policy> {
        let all = self.former.get(&of)?;
        all.iter().find(|(written, _)| now < written.saturating_add(seconds)).map(|(_, policy)| policy)
    }

    /// Replaces the policy of a resource.
    pub(crate) fn set_policy(&mut self, of: Resource, policy: Policy, now: i64) {
        let stored = match of {
            Resource::Account(i) => &mut self.accounts[i].policy,
            Resource::Project(i) => &mut self.projects[i].policy,
            Resource::Folder(i) => &mut self.folders[i].policy,
            Resource::Organization(i) => &mut self.organizations[i].policy,
        };
        let before = std::mem::replace(stored, policy);
        let remembered = self.propagation.max(self.stale_reads).max(self.asset_lag);
        let former = self.former.entry(of).or_default();
        former.retain(|(written, _)| now < written.saturating_add(remembered));
        former.push((now, before));
    }

    /// Gives an account a key that it signs with from now on.
    pub(crate) fn add_key(&mut self, account: usize, stated: AccountKey, key: Arc<Key>) {
        if !self.private_keys.contains_key(&key.id) {
            self.accounts[account].keys.push(stated);
        }
        self.private_keys.insert(key.id.clone(), key);
    }

    /// The user-managed keys with which an account may sign, each with how long it is good.
    pub(crate) fn keys_in_use(&self, account: usize, now: i64) -> Vec<(Arc<Key>, Validity)> {
        let in_use =
            self.accounts[account].keys.iter().filter(|key| !key.disabled && now <= key.validity().until);
        in_use.filter_map(|key| Some((Arc::clone(self.private_keys.get(&key.id)?), key.validity()))).collect()
    }

    /// A member under the name that it has now: one who was deleted may have come back since it was read.
    pub(crate) fn current_member(&self, member: &str) -> Option<String> {
        let (_, id) = member.strip_prefix("deleted:serviceAccount:")?.split_once("?uid=")?;
        let account = &self.accounts[self.account(id)?];
        (deleted_member(account) == *member).then(|| live_member(account))
    }

    /// Deletes an account. Policies name it as deleted from now on, without a new etag: they were not written.
    pub(crate) fn delete_account(&mut self, account: usize, now: i64) {
        let (live, deleted) = self.names_of(account);
        self.rename_member(&live, &deleted);
        self.accounts.delete(account, now);
    }

    /// Brings a deleted account back, with all that it was granted.
    pub(crate) fn restore_account(&mut self, account: usize) {
        self.accounts.restore(account);
        let (live, deleted) = self.names_of(account);
        self.rename_member(&deleted, &live);
    }

    fn names_of(&self, account: usize) -> (String, String) {
        let account = &self.accounts[account];
        (live_member(account), deleted_member(account))
    }

    /// Renames a member in every policy, present and former, in groups and in deny policies.
    fn rename_member(&mut self, from: &str, to: &str) {
        fn rename(names: &mut [String], from: &str, to: &str) -> bool {
            let named = names.iter_mut().filter(|name| *name == from);
            named.map(|name| to.clone_into(name)).count() > 0
        }
        let rename_in = |policy: &mut Policy| {
            let named =
                policy.bindings.iter_mut().filter_map(|b| rename(&mut b.members, from, to).then_some(()));
            let is_changed = named.count() > 0;
            let logs = policy.audit_configs.iter_mut().flat_map(|config| &mut config.audit_log_configs);
            for log in logs {
                rename(&mut log.exempted_members, from, to);
            }
            // Members are kept in order.
            if is_changed {
                policy.normalise();
            }
        };
        self.former.values_mut().flatten().for_each(|(_, policy)| rename_in(policy));
        self.policies_mut().for_each(rename_in);
        for members in self.groups.values_mut() {
            rename(members, from, to);
        }
        let (from, to) = (deny::principal(from), deny::principal(to));
        let levels = (self.projects.iter_mut().map(|p| &mut p.deny_policies))
            .chain(self.folders.iter_mut().map(|f| &mut f.deny_policies))
            .chain(self.organizations.iter_mut().map(|o| &mut o.deny_policies));
        for rule in levels.flatten().flat_map(|policy| &mut policy.rules) {
            rename(&mut rule.denied_principals, &from, &to);
            rename(&mut rule.exception_principals, &from, &to);
        }
    }

    /// The custom roles of `projects/P` or `organizations/N`.
    pub(crate) fn custom_roles(&self, parent: &str) -> Option<&[CustomRole]> {
        match self.node(parent)? {
            Resource::Project(i) => Some(&self.projects[i].roles),
            Resource::Organization(i) => Some(&self.organizations[i].roles),
            _ => None,
        }
    }

    /// A custom role by its full name.
    pub(crate) fn custom_role(&self, name: &str) -> Option<&CustomRole> {
        let (parent, id) = name.split_once("/roles/")?;
        self.custom_roles(parent)?.iter().find(|role| role.id == id)
    }

    /// Whether an API is off in the project of an OAuth client.
    pub(crate) fn client_has_off(&self, service: &str, number: &str) -> bool {
        let client = self.clients.iter().find(|client| client.number.to_string() == number);
        client.is_some_and(|client| client.disabled_services.iter().any(|off| off == service))
    }

    /// Writes a request down when it comes, for one that hangs is never answered; gives its number.
    pub(crate) fn arrived(&mut self, method: &str, path: String) -> u64 {
        if self.log.len() == LOG {
            self.log.pop_front();
        }
        self.log.push_back(Served { method: method.to_owned(), path, status: 0 });
        self.arrivals += 1;
        self.arrivals
    }

    /// Adds the status to what was written down, unless so many came since that it is gone.
    pub(crate) fn answered(&mut self, number: u64, status: u16) {
        let from_the_end = usize::try_from(self.arrivals - number).unwrap_or(usize::MAX);
        let at = self.log.len().checked_sub(from_the_end.saturating_add(1));
        if let Some(served) = at.and_then(|at| self.log.get_mut(at)) {
            served.status = status;
        }
    }

    pub(crate) fn forget_log(&mut self) {
        self.log.clear();
    }

    pub(crate) fn log(&self) -> Vec<Served> {
        self.log.iter().cloned().collect()
    }
}
