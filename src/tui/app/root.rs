//! State outside of the panes: the caller, the project, the opened account, and the intents of the panes.

use strum::IntoEnumIterator as _;

use super::{
    AppState, Focus,
    msg::{Effect, Intent, Level, Now, Owner, PaneId, ReqId},
    shared::{Cx, Out},
};
use crate::{
    http::ApiError,
    local::state::touch,
    model::account::{AccountRef, is_googles},
    ops::{self, Part, Reply},
};

impl AppState {
    pub(super) fn on_start(&mut self, now: Now, out: &mut Out) {
        let (account, pane) = self.start.take().unwrap_or_default();
        out.effects.push(Effect::FindCallers);
        if let Some(error) = self.shared.session.caller.error().cloned() {
            // Without a caller the list shows the error; otherwise it is shown once, here.
            self.say(Level::Warning, format!("{}{}", error.sentence(), error.next_words()), out);
            if let Some(pane) = pane {
                out.intents.push(Intent::Show(pane));
            }
            return;
        }
        self.ask_caller(now, out);
        match self.shared.workspace.project.clone() {
            Some(project) => self.open_project(now, project, out),
            None if account.is_none() && pane.is_none() => self.pick_project(now, out),
            None => {}
        }
        if let Some(account) = account {
            self.open_account(now, &account, out);
            out.intents.push(Intent::Show(pane.unwrap_or(PaneId::Overview)));
        } else if let Some(pane) = pane {
            out.intents.push(Intent::Show(pane));
        }
    }

    pub(super) fn ask_caller(&mut self, now: Now, out: &mut Out) {
        let mut cx = Cx { shared: &mut self.shared, now, out };
        cx.read(Owner::Root, ops::identify_caller(), |shared| &mut shared.session.caller);
    }

    /// Lists another project; the opened account stays open.
    pub(super) fn open_project(&mut self, now: Now, project: String, out: &mut Out) {
        let shared = &mut self.shared;
        let above = shared.workspace.open_project(project.clone());
        touch(&mut shared.remembered.projects, &project);
        let mut cx = Cx { shared, now, out };
        cx.cancel(above);
        cx.effect(Effect::Remember(cx.shared.remembered.clone()));
        cx.read(Owner::Root, ops::get_project(project), |shared| &mut shared.workspace.project_info);
        self.panes.accounts.open_project(&mut cx);
        self.focus = Focus::List;
    }

    /// Opens an account and reads it.
    pub(super) fn open_account(&mut self, now: Now, account: &AccountRef, out: &mut Out) {
        let shared = &mut self.shared;
        shared.shelf.mask();
        touch(&mut shared.remembered.accounts, account);
        shared.workspace.opened = Some(account.to_string());
        let mut cx = Cx { shared, now, out };
        cx.effect(Effect::Remember(cx.shared.remembered.clone()));
        self.panes.overview.read(&mut cx);
    }

    /// Refreshes for panes without anything of their own to read.
    pub(super) fn refresh_root(&mut self, now: Now, out: &mut Out) {
        let mut cx = Cx { shared: &mut self.shared, now, out };
        self.panes.overview.read(&mut cx);
    }

    pub(super) fn on_root_reply(
        &mut self,
        now: Now,
        req: ReqId,
        reply: Result<Reply, ApiError>,
        out: &mut Out,
    ) {
        let Some(reply) = self.on_doctor_reply(now, req, reply, out) else { return };
        let failed = reply.as_ref().err().cloned();
        let shared = &mut self.shared;
        if shared.session.caller.awaits(req) {
            let before = shared.session.caller.value().cloned();
            shared.session.caller.settle(req, reply);
            if let Some(error) = failed {
                let mut cx = Cx { shared, now, out };
                cx.complain(&error);
            } else {
                self.doctor_meets_caller(&before, now, out);
                self.warn_of_other_login(out);
            }
        } else if shared.workspace.project_info.awaits(req) {
            shared.workspace.project_info.settle(req, reply);
            let parent = shared
                .workspace
                .project_info
                .value()
                .map(|project| project.parent.clone())
                .filter(|parent| !parent.is_empty());
            if let (Some(parent), None) = (parent, failed) {
                let mut cx = Cx { shared, now, out };
                cx.read(Owner::Root, ops::get_ancestors(parent), |shared| &mut shared.workspace.ancestors);
            }
        } else if shared.workspace.ancestors.awaits(req) {
            shared.workspace.ancestors.settle(req, reply);
        } else if shared.workspace.projects.awaits(req) {
            shared.workspace.projects.end_list(failed.clone());
            self.refresh_pickers();
            // Without results the picker shows the error; with earlier results, a notice does.
            let kept = self.shared.workspace.projects.value().is_some_and(|found| !found.is_empty());
            if let Some(error) = failed.filter(|_| kept) {
                let mut cx = Cx { shared: &mut self.shared, now, out };
                cx.complain(&error);
            }
        }
    }

    pub(super) fn on_root_part(&mut self, req: ReqId, part: Part) {
        if let Part::Projects(page) = part
            && self.shared.workspace.projects.awaits(req)
        {
            self.found_projects(page);
        }
    }

    pub(super) fn on_intent(&mut self, now: Now, intent: Intent, out: &mut Out) {
        match intent {
            Intent::Notice(level, text) => self.say(level, text, out),
            Intent::Show(PaneId::Accounts) => self.focus = Focus::List,
            Intent::Show(pane) => {
                self.pane = pane;
                self.focus = Focus::Pane;
                let mut cx = Cx { shared: &mut self.shared, now, out };
                self.panes.get_mut(pane).on_show(&mut cx);
            }
            Intent::OpenAccount(account) => {
                // Names that were remembered or listed were not typed.
                if let (true, Err(why)) = (is_googles(&account), AccountRef::parse(&account)) {
                    return self.say(Level::Error, why, out);
                }
                let again = self.shared.workspace.opened.as_deref() == Some(&*account);
                // Opening the opened account only shows it: `r` reads it again.
                if !again
                    || self
                        .shared
                        .workspace
                        .facts
                        .get(&*account)
                        .is_none_or(|facts| facts.granted.value().is_none())
                {
                    self.open_account(now, &account, out);
                }
                if let AccountRef::Id(_) = account {
                    let text = "Opened by unique ID; the email appears once it has been read".into();
                    self.say(Level::Info, text, out);
                }
                let keep = matches!(self.pane, PaneId::Overview | PaneId::Mint);
                out.intents.push(Intent::Show(if keep { self.pane } else { PaneId::Overview }));
            }
            Intent::Renamed { from, to } => {
                for id in PaneId::iter() {
                    self.panes.get_mut(id).renamed(&from, &to, &self.shared);
                }
            }
            Intent::Open(overlay) => self.overlays.push(overlay),
            Intent::Mint(request) => {
                let mut cx = Cx { shared: &mut self.shared, now, out };
                self.panes.mint.mint(request, &mut cx);
                cx.intend(Intent::Show(PaneId::Mint));
            }
            Intent::Wiped(secret) => {
                let mut cx = Cx { shared: &mut self.shared, now, out };
                self.panes.inspect.forget(&secret, &mut cx);
                if self.shared.shelf.forget_copied(&secret) {
                    out.effects.push(Effect::ClearClipboard);
                }
                out.effects.push(Effect::Forget);
            }
            Intent::Inspect { token, from, about, expires, verdict, request } => {
                let mut cx = Cx { shared: &mut self.shared, now, out };
                self.panes.inspect.open(&token, from, &mut cx);
                self.panes.inspect.add(about, expires, verdict, request);
                cx.intend(Intent::Show(PaneId::Inspect));
            }
        }
    }
}
