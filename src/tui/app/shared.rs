//! What more than one pane needs: who calls, which project, which account is open, what is known about each
//! account, the shelf, and how to ask for more.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;

use super::{
    msg::{self, Effect, Intent, Now, Owner, PaneId, ReqId},
    remote::Remote,
    shelf::Shelf,
    writes::Writes,
};
use crate::{
    api::{
        iam,
        metadata::Machine,
        roles::{RoleDetails, RoleSummary},
    },
    flows,
    http::{ApiError, endpoints::Endpoints},
    keymap::Keymap,
    local::state::Remembered,
    model::{
        account::{Account, AccountKey, project_of},
        caller::{Caller, Choice},
        clock::at_google,
        credential::MintRequest,
        member::Member,
        permission::Granted,
        policy::{Level, Policy, edit::Staged},
        project::{Ancestor, Project},
        secret::Secret,
    },
    ops::Call,
};

/// What was read about one account.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The account itself.
    pub account: Remote<Account>,
    /// What the caller may do with it.
    pub granted: Remote<Granted>,
    /// Its user-managed keys.
    pub keys: Remote<Vec<AccountKey>>,
    /// Its allow policy.
    pub policy: Remote<Policy>,
    /// When that was read.
    pub policy_read: Option<Timestamp>,
    /// The policies above it, nearest first.
    pub above: Remote<Vec<flows::Level>>,
    /// Edits that are staged: never sent before they were reviewed.
    pub staged: Option<Staged>,
    /// The roles that can be granted on it.
    pub grantable: Remote<Vec<RoleSummary>>,
}

impl Facts {
    /// The unique id, twenty-one digits; empty while the account was not read.
    pub fn unique_id(&self) -> String {
        self.account.value.as_ref().map(|account| account.unique_id.clone()).unwrap_or_default()
    }

    /// How many changes are staged.
    pub fn staged_changes(&self) -> usize {
        self.staged.as_ref().map_or(0, |staged| staged.changes().len())
    }
}

/// The badge for endpoints that are not Google's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointBadge {
    /// The host that is asked instead.
    pub host: String,
    /// Whether only some services go there: the dangerous case.
    pub only_some: bool,
}

/// A call under way.
#[derive(Clone, Copy, Debug)]
pub struct Awaited {
    /// When it began, by the clock that does not jump.
    pub since: Duration,
    /// Whose answer it is.
    pub owner: Owner,
}

/// The state that panes share.
#[derive(Debug)]
pub struct Shared {
    /// Who calls.
    pub caller: Remote<Caller>,
    /// Everybody whom one can call as, as far as it was looked for.
    pub choices: Vec<Choice>,
    /// Those who became somebody else, the first first.
    pub callers_before: Vec<String>,
    /// The project that is listed; none before one was picked.
    pub project: Option<String>,
    /// What is known about it.
    pub project_info: Remote<Project>,
    /// What is above it.
    pub ancestors: Remote<Vec<Ancestor>>,
    /// The projects that the caller can find.
    pub projects: Remote<Vec<Project>>,
    /// The opened account: its e-mail or unique id.
    pub opened: Option<String>,
    /// What was read about accounts, by the name they were opened with.
    pub facts: HashMap<String, Facts>,
    /// What the caller may do with accounts that were tested by the dozen, by e-mail.
    pub tested: HashMap<String, Granted>,
    /// What roles give that the table of predefined ones does not know, by name.
    pub roles: HashMap<String, Remote<RoleDetails>>,
    /// Writes under way.
    pub writes: Writes,
    /// Projects where a write asks for a name to be typed.
    pub production: Vec<String>,
    /// What the metadata server of this machine says.
    pub machine: Remote<Machine>,
    /// What was minted.
    pub shelf: Shelf,
    /// The credential that was copied last.
    pub copied: Option<Secret>,
    /// The last request to mint.
    pub last_mint: Option<MintRequest>,
    /// Accounts that have a half-filled form.
    pub drafts: Vec<String>,
    /// Recents and favourites.
    pub remembered: Remembered,
    /// The keys.
    pub keymap: Keymap,
    /// Where requests go; for the curl that is copied.
    pub endpoints: Endpoints,
    /// Whether this is the demo.
    pub demo: bool,
    /// Whether nothing that writes is sent.
    pub read_only: bool,
    /// How many questions of those that are asked by the dozen go out in a second.
    pub questions_per_second: u32,
    /// Endpoints that are not Google's.
    pub badge: Option<EndpointBadge>,
    /// How far this machine's clock is behind Google's, in milliseconds, by the last answer; ahead is negative.
    pub skew: Option<i64>,
    /// Calls under way.
    pub awaited: HashMap<ReqId, Awaited>,
    /// The last name given to a request.
    pub last_req: u64,
}

impl Shared {
    /// What is known about the opened account.
    pub fn opened_facts(&self) -> Option<(&str, &Facts)> {
        let name = self.opened.as_deref()?;
        Some((name, self.facts.get(name)?))
    }

    /// An account that was opened by its unique id is called by its e-mail from when that is known.
    pub fn call_by_email(&mut self, email: &str) {
        let id = |facts: &Facts| facts.account.value.as_ref().is_some_and(|account| account.email == email);
        let Some(name) =
            self.facts.iter().find(|(name, facts)| *name != email && id(facts)).map(|(name, _)| name.clone())
        else {
            return;
        };
        if let Some(facts) = self.facts.remove(&name) {
            self.facts.insert(email.to_owned(), facts);
        }
        let names = self.opened.iter_mut().chain(&mut self.drafts).chain(&mut self.remembered.accounts);
        names.filter(|other| **other == name).for_each(|other| *other = email.to_owned());
    }

    /// What Google's clock shows now, as far as it is known: credentials begin and end by that one.
    pub fn at_google(&self, now: Timestamp) -> Timestamp {
        at_google(now, self.skew)
    }

    /// What the caller may do with an account, as far as it was tested.
    pub fn granted(&self, account: &str) -> Option<Granted> {
        let alone = self.facts.get(account).and_then(|facts| facts.granted.value);
        alone.or_else(|| self.tested.get(account).copied())
    }

    /// What a role gives that the table does not know; none while it is not known here.
    pub fn role_permissions(&self, role: &str) -> Option<Vec<String>> {
        self.roles.get(role)?.value.as_ref().map(|role| role.permissions.clone())
    }

    /// What is known of the policies above an account.
    pub fn levels(&self, account: &str) -> Vec<Level> {
        let above = self.facts.get(account).and_then(|facts| facts.above.value.as_ref());
        above.into_iter().flatten().map(flows::Level::to_model).collect()
    }

    /// The project to name in a command about an account: its own, else the listed one, else nothing.
    pub fn project_for(&self, account: &str) -> String {
        project_of(account).or_else(|| self.project.clone()).unwrap_or_default()
    }

    /// Whether an account lives in a project that the configuration marks as production.
    pub fn production(&self, account: &str) -> bool {
        let known = self.facts.get(account).and_then(|facts| facts.account.value.as_ref());
        let project = known.map(|account| account.project.clone()).or_else(|| project_of(account));
        project.is_some_and(|project| self.production.contains(&project))
    }

    /// The caller as a member of policies; none while it is not known who that is.
    pub fn caller_member(&self) -> Option<Member> {
        self.caller.value.as_ref()?.member().map(|member| Member::read(&member))
    }

    /// See [`crate::model::caller::Caller::other_login`].
    pub fn other_login(&self) -> Option<&str> {
        self.caller.value.as_ref()?.other_login(&self.choices)
    }

    /// Whether something has been awaited long enough to be worth a spinner.
    pub fn slow(&self, now: Now) -> bool {
        self.awaited.values().any(|call| now.mono.saturating_sub(call.since) >= super::SLOW)
    }
}

/// What a pane may do while it handles something: change what is shared, and ask for effects and intents.
pub struct Cx<'a> {
    /// The state that panes share.
    pub shared: &'a mut Shared,
    /// When the message was received.
    pub now: Now,
    /// What is asked for.
    pub out: &'a mut Out,
}

/// What a message led to.
#[derive(Debug, Default)]
pub struct Out {
    /// To be done outside.
    pub effects: Vec<Effect>,
    /// To be done by the root, after the pane.
    pub intents: Vec<Intent>,
}

impl Cx<'_> {
    /// Makes a call; its answer comes to `owner`.
    pub fn call(&mut self, owner: Owner, call: Call) -> ReqId {
        self.shared.last_req += 1;
        let req = ReqId(self.shared.last_req);
        self.shared.awaited.insert(req, Awaited { since: self.now.mono, owner });
        self.out.effects.push(Effect::Call { req, owner, call });
        req
    }

    /// Asks what the caller may do with an account, listed or not; whoever asks, the answer goes to its facts.
    pub fn test_permissions(&mut self, account: &str) {
        let call = Call::Iam(iam::Call::TestPermissions { account: account.to_owned() });
        let req = self.call(Owner::Pane(PaneId::Overview), call);
        let old = self.shared.facts.entry(account.to_owned()).or_default().granted.start(req);
        self.cancel(old);
    }

    /// The same after something that may have changed the answer: until the new one comes nothing is known, here and
    /// in the list.
    pub fn test_permissions_anew(&mut self, account: &str) {
        let facts = self.shared.facts.entry(account.to_owned()).or_default();
        facts.granted.value = None;
        facts.granted.error = None;
        let email = facts.account.value.as_ref().map(|account| account.email.as_str());
        self.shared.tested.remove(email.unwrap_or(account));
        self.shared.tested.remove(account);
        self.test_permissions(account);
    }

    /// Stops waiting for a call.
    pub fn cancel(&mut self, req: Option<ReqId>) {
        if let Some(req) = req {
            self.shared.awaited.remove(&req);
            self.out.effects.push(Effect::Cancel(req));
        }
    }

    /// Asks for an effect.
    pub fn effect(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }

    /// Asks the root for something.
    pub fn intend(&mut self, intent: Intent) {
        self.out.intents.push(intent);
    }

    /// Says a sentence.
    pub fn notice(&mut self, level: msg::Level, text: impl Into<String>) {
        self.intend(Intent::Notice(level, text.into()));
    }

    /// Says an error in one sentence, with its next step.
    pub fn complain(&mut self, error: &ApiError) {
        self.notice(msg::Level::Error, format!("{}{}", error.sentence(), error.next_words()));
    }
}
