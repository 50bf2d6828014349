//! State that several panes need, by its owners, and how to make calls.

use super::{
    msg::{self, Effect, Intent, Now, Owner, PaneId, ReqId},
    requests::Requests,
    session::Session,
    shelf::Shelf,
    slot::Slot,
    workspace::{Workspace, rename},
};
use crate::{
    http::ApiError,
    keymap::Keymap,
    local::state::Remembered,
    model::account::project_of,
    ops::{self, Operation, Pending},
};

pub(crate) use super::workspace::Facts;

/// The state that panes share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) session: Session,
    pub(crate) workspace: Workspace,
    pub(crate) shelf: Shelf,
    pub(crate) requests: Requests,
    pub(crate) remembered: Remembered,
    pub(crate) keymap: Keymap,
}

impl Shared {
    /// See [`Workspace::call_by_email`].
    pub(crate) fn call_by_email(&mut self, email: &str) -> Option<(String, Vec<ReqId>)> {
        let (name, twice) = self.workspace.call_by_email(email)?;
        rename(&mut self.remembered.accounts, &name, email);
        Some((name, twice))
    }

    /// Whether an account lives in a project that the configuration marks as production.
    pub(crate) fn production(&self, account: &str) -> bool {
        let known = self.workspace.facts.get(account).and_then(|facts| facts.account.value());
        let project = known.and_then(|account| account.project.clone()).or_else(|| project_of(account));
        project.is_some_and(|project| self.session.production.iter().any(|name| **name == *project))
    }
}

/// A pane's context while it handles something: the shared state, and ways to ask for effects and intents.
pub(crate) struct Cx<'a> {
    /// The state that panes share.
    pub(crate) shared: &'a mut Shared,
    /// When the message was received.
    pub(crate) now: Now,
    /// Effects and intents so far.
    pub(crate) out: &'a mut Out,
}

/// The results of a message.
#[derive(Debug, Default)]
pub(crate) struct Out {
    /// Effects, for the runtime.
    pub(crate) effects: Vec<Effect>,
    /// Intents, for the root.
    pub(crate) intents: Vec<Intent>,
}

impl Cx<'_> {
    /// Makes a call; its answer goes to `owner`.
    pub(crate) fn call<T>(&mut self, owner: Owner, operation: Operation<T>) -> Pending<T> {
        let req = self.shared.requests.begin(owner, self.now);
        let pending = operation.pending(req);
        self.out.effects.push(Effect::Call { req, owner, call: operation.call });
        pending
    }

    /// Reads a shared value; its answer goes to `owner`, and an earlier request for it is cancelled.
    pub(crate) fn read<T, A>(
        &mut self,
        owner: Owner,
        operation: Operation<A>,
        slot: impl FnOnce(&mut Shared) -> &mut Slot<T, A>,
    ) {
        let pending = self.call(owner, operation);
        let old = slot(self.shared).start(pending);
        self.cancel(old);
    }

    /// The same for a value of the owner's own.
    pub(crate) fn read_into<T, A>(&mut self, slot: &mut Slot<T, A>, owner: Owner, operation: Operation<A>) {
        let pending = self.call(owner, operation);
        self.cancel(slot.start(pending));
    }

    /// Tests the caller's permissions on an account, listed or not; the answer goes to its facts.
    pub(crate) fn test_permissions(&mut self, account: &str) {
        let test = ops::test_permissions(account.to_owned());
        self.read(Owner::Pane(PaneId::Overview), test, |shared| {
            &mut shared.workspace.facts_mut(account).granted
        });
    }

    /// The same after something that may have changed the answer.
    pub(crate) fn test_permissions_anew(&mut self, account: &str) {
        self.shared.workspace.forget_granted(account);
        self.test_permissions(account);
    }

    /// See [`Shared::call_by_email`]; the panes rename what they hold of the account.
    pub(crate) fn call_by_email(&mut self, email: &str) {
        let Some((from, twice)) = self.shared.call_by_email(email) else { return };
        twice.into_iter().for_each(|req| self.cancel(Some(req)));
        self.intend(Intent::Renamed { from, to: email.to_owned() });
    }

    pub(crate) fn cancel(&mut self, req: Option<impl Into<ReqId>>) {
        if let Some(req) = req.map(Into::into) {
            self.shared.requests.end(req);
            self.out.effects.push(Effect::Cancel(req));
        }
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }

    pub(crate) fn intend(&mut self, intent: Intent) {
        self.out.intents.push(intent);
    }

    pub(crate) fn notice(&mut self, level: msg::Level, text: impl Into<String>) {
        self.intend(Intent::Notice(level, text.into()));
    }

    /// Shows an error in one sentence, with its next step.
    pub(crate) fn complain(&mut self, error: &ApiError) {
        self.notice(msg::Level::Error, format!("{}{}", error.sentence(), error.next_words()));
    }
}
