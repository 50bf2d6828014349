//! Reading: the calls of the policy pane, and where each answer goes.

use super::{Mode, OWNER, PolicyPane};
use crate::{
    flows,
    http::ApiError,
    model::{account::project_of, policy::edit::Staged, role},
    ops::{self, Reply},
    tui::app::{
        msg::ReqId,
        shared::{Cx, Facts},
    },
};

impl PolicyPane {
    /// Reads the policy of the opened account and those above it.
    pub(crate) fn read(&mut self, cx: &mut Cx) {
        let Some(account) = cx.shared.workspace.opened.clone() else { return };
        cx.read(OWNER, ops::get_policy(account.clone()), |shared| {
            &mut shared.workspace.facts_mut(&account).policy
        });
        let project = cx
            .shared
            .workspace
            .facts_mut(&account)
            .account
            .value()
            .and_then(|account| account.project.clone());
        let project = project.or_else(|| project_of(&account)).map(|project| project.to_string());
        if let Some(account_project) = project.or_else(|| cx.shared.workspace.project.clone()) {
            let above = ops::get_inherited(account_project);
            cx.read(OWNER, above, |shared| &mut shared.workspace.facts_mut(&account).above);
        }
    }

    /// Reads which roles can be granted on the account, once.
    pub(super) fn ask_roles(&mut self, account: String, cx: &mut Cx) {
        let known = cx
            .shared
            .workspace
            .facts
            .get(&account)
            .is_some_and(|facts| facts.grantable.value().is_some() || facts.grantable.is_awaiting());
        if !known {
            let list = ops::list_grantable_roles(account.clone());
            cx.read(OWNER, list, |shared| &mut shared.workspace.facts_mut(&account).grantable);
        }
    }

    /// Looks up roles that the built-in table doesn't know, to show what they grant.
    fn ask_unknown_roles(&mut self, cx: &mut Cx) {
        let Some((_, facts)) = cx.shared.workspace.opened_facts() else { return };
        let own = facts.policy.value().into_iter().flat_map(|policy| policy.triples());
        let above = facts
            .above
            .value()
            .into_iter()
            .flatten()
            .filter_map(|level| level.policy.as_ref().ok())
            .flat_map(|policy| policy.triples());
        let mut unknown: Vec<String> =
            own.chain(above).map(|triple| triple.role).filter(|name| role::find(name).is_none()).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown.retain(|name| !cx.shared.workspace.roles.contains_key(name));
        // Each is a request: beyond this bound, a role is looked up only when it is granted.
        for name in unknown.into_iter().take(20) {
            let get = ops::get_role(name.clone());
            cx.read(OWNER, get, |shared| shared.workspace.roles.entry(name).or_default());
        }
    }

    /// Routes an answer to its requester.
    pub(super) fn settle(&mut self, req: ReqId, reply: Result<Reply, ApiError>, cx: &mut Cx) {
        cx.shared.requests.writes.end(req);
        if let Some(writing) = self.writing.take_if(|writing| writing.req == req) {
            let applied = writing.req.open(reply);
            return self.written(writing, applied, cx);
        }
        if let Some(watch) = self.watch.take_if(|watch| watch.req == req) {
            return self.watched(watch, reply, cx);
        }
        if let Some(linting) = self.linting.take_if(|linting| linting.req == req) {
            return self.linted(linting, reply, cx);
        }
        if let Mode::History(history) = &mut self.mode
            && history.list.awaits(req)
        {
            history.list.settle(req, reply);
            return history.cursor.set_len(history.list.value().map_or(0, Vec::len));
        }
        if let Some(role) = cx.shared.workspace.roles.values_mut().find(|role| role.awaits(req)) {
            role.settle(req, reply);
            return self.rebuild(cx.shared);
        }
        let now = cx.now.utc;
        let asked = |facts: &Facts| {
            facts.policy.awaits(req) || facts.above.awaits(req) || facts.grantable.awaits(req)
        };
        let Some((account, facts)) = cx.shared.workspace.facts.iter_mut().find(|(_, facts)| asked(facts))
        else {
            return;
        };
        let mut of_policy = None;
        if facts.policy.awaits(req) {
            of_policy = Some(account.clone());
            let kept = facts.staged.as_ref().map(Staged::changes);
            if facts.policy.settle(req, reply) && facts.policy.error().is_none() {
                facts.policy_read = Some(now);
                // Staged edits move to the new version of the policy.
                if let (Some(changes), Some(policy)) = (kept, facts.policy.value().cloned()) {
                    facts.staged = Some(Staged::with(policy, &changes));
                }
            }
        } else if facts.above.awaits(req) {
            // Levels that were read before are kept if they can't be read now.
            let lost = match &reply {
                Ok(Reply::Inherited(levels)) if facts.above.value().is_some() => {
                    levels.iter().find_map(flows::Level::out_of_reach).cloned()
                }
                _ => None,
            };
            let reply = lost.map_or(reply, Err);
            facts.above.settle(req, reply);
        } else {
            facts.grantable.settle(req, reply);
            return self.complete(cx.shared);
        }
        self.ask_unknown_roles(cx);
        self.rebuild(cx.shared);
        if let Some(account) = of_policy {
            self.stage_ahead(&account, cx);
        }
    }
}
