//! Switching callers: choosing one, impersonating an account, and going back. What was open stays open and is read
//! again as the new caller; answers to the old one are dropped.

use super::{
    AppState,
    msg::{Effect, Level, Msg, Now, Switched},
    shared::{Cx, Out},
};
use crate::{
    http::{ApiError, ErrorKind},
    model::{
        account::{AccountRef, short},
        caller::{Choice, Switch},
    },
    tui::overlays::{Overlay, Picker},
};

impl AppState {
    /// `i`: every caller that can be switched to. They are searched for each time.
    pub(super) fn choose_caller(&mut self, out: &mut Out) {
        out.effects.push(Effect::FindCallers);
        self.overlays.push(Overlay::Picker(Box::new(Picker::callers(&self.shared))));
    }

    pub(super) fn on_callers(&mut self, choices: Vec<Choice>, out: &mut Out) {
        self.shared.session.choices = choices;
        self.refresh_pickers();
        self.warn_of_other_login(out);
    }

    /// Said once: two different logins in one terminal explain many denials.
    pub(super) fn warn_of_other_login(&mut self, out: &mut Out) {
        let Some(login) = self.shared.session.other_login_once() else { return };
        let key = self.shared.keymap.key(crate::keymap::Action::Callers);
        let text = format!(
            "gcloud is logged in as {login}, but Application Default Credentials belong to someone else. Press {key} to choose"
        );
        self.say(Level::Warning, text, out);
    }

    /// Switches to another caller; not during a write, because the old caller waits for its answer.
    pub(super) fn switch(&mut self, wish: Switch, out: &mut Out) {
        if !self.shared.requests.writes.is_empty() {
            let text = format!(
                "Still writing {}: switch callers when that is done",
                self.shared.requests.writes.what()
            );
            return self.say(Level::Warning, text, out);
        }
        match &wish {
            Switch::Become(account) => {
                self.say(Level::Info, format!("Impersonating {}…", short(account)), out);
            }
            Switch::To(_) => self.say(Level::Info, "Getting a token for that caller…".into(), out),
            Switch::Back | Switch::Charge(_) => {}
        }
        out.effects.push(Effect::Switch(wish));
    }

    /// Impersonates the opened account.
    pub(super) fn impersonate_opened(&mut self, out: &mut Out) {
        match self.shared.workspace.opened.clone() {
            Some(account) => self.switch(Switch::Become(account), out),
            None => {
                self.say(Level::Warning, "No account is open. Open the one to impersonate first".into(), out)
            }
        }
    }

    /// Switches back to the caller before.
    pub(super) fn caller_back(&mut self, out: &mut Out) {
        if self.shared.session.callers_before().is_empty() {
            return self.say(Level::Warning, "You haven't switched callers".into(), out);
        }
        self.switch(Switch::Back, out);
    }

    pub(super) fn on_switched(&mut self, now: Now, outcome: Result<Box<Switched>, ApiError>, out: &mut Out) {
        let switched = match outcome {
            Ok(switched) => *switched,
            Err(error) => {
                let text = format!("{}{}", error.sentence(), error.next_words());
                return self.say(Level::Error, text, out);
            }
        };
        self.give_up_all(now, out);
        self.forget_denials();
        // A yes would now apply to a different caller.
        self.overlays
            .retain(|overlay| !matches!(overlay, Overlay::Confirm { yes, .. } if yes.is_of_caller()));
        let name = switched.caller.principal.clone().unwrap_or_else(|| switched.caller.source.clone());
        self.shared.session.switch(switched);
        self.shared.workspace.forget_caller();
        self.ask_caller(now, out);
        let (opened, focus) = (self.shared.workspace.opened.clone(), self.focus);
        match self.shared.workspace.project.clone() {
            Some(project) => self.open_project(now, project, out),
            None => self.panes.accounts = Default::default(),
        }
        self.focus = focus;
        if let Some(account) = opened {
            self.open_account(now, &AccountRef::read(&account), out);
            let mut cx = Cx { shared: &mut self.shared, now, out };
            self.panes.get_mut(self.pane).on_show(&mut cx);
        }
        let kept = match self.shared.workspace.staged_changes() {
            0 => String::new(),
            1 => "; 1 staged edit kept, to be written as that caller".to_owned(),
            count => format!("; {count} staged edits kept, to be written as that caller"),
        };
        self.say(Level::Info, format!("Calling as {}{kept}", short(&name)), out);
    }

    /// All pending answers are for the old caller: each pane is told that they were cancelled.
    fn give_up_all(&mut self, now: Now, out: &mut Out) {
        // Writes are never cancelled, not even one that began while the switch was loading.
        for (req, owner) in self.shared.requests.cancellable() {
            out.effects.push(Effect::Cancel(req));
            let gone = ApiError::new(ErrorKind::Cancelled, "The caller was switched.");
            self.on_msg(now, Msg::Reply { req, owner, reply: Err(gone) }, out);
        }
        // Their complaints about the cancellation are of no use to anyone.
        out.intents.clear();
        self.notice = None;
    }
}
