//! Keys, pastes and resizes: which overlay or pane they go to, and what the root does with actions that no one else
//! handles.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind};
use ratatui::layout::Size;

use super::{
    AppState, Focus,
    msg::{Effect, Intent, Level, Now, PaneId},
    shared::{Cx, Facts, Out},
};
use crate::{
    keymap::{Action, Chord, KeyCtx, Place, Row},
    model::{account::AccountRef, credential::Kind},
    tui::{
        overlays::{Confirmed, Outcome, Overlay, Picked, Picker},
        panes::mint::menu_action,
        widgets::input::{TextEdit, TextInput},
    },
};

/// The exit code after ctrl-c: 128 and the number of SIGINT, as shells count.
const INTERRUPTED: u8 = 130;

/// Credentials are kept out of text fields, which show their text.
fn is_credential(text: &str) -> bool {
    crate::model::jwt::read(text).form.is_secret()
}

fn takes_text(place: Place) -> bool {
    place.contexts().contains(&KeyCtx::Edit)
}

impl AppState {
    /// Returns whether the screen may have changed.
    pub(super) fn on_input(&mut self, now: Now, event: Event, out: &mut Out) -> bool {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.on_key(now, key, out),
            // The user no longer sees where it would go.
            Event::Paste(_) if self.is_leaving() => false,
            Event::Paste(text) => {
                self.on_paste(now, text, out);
                true
            }
            Event::Resize(width, height) => {
                self.size = Size::new(width, height);
                true
            }
            _ => false,
        }
    }

    fn on_key(&mut self, now: Now, key: KeyEvent, out: &mut Out) -> bool {
        if self.is_leaving() {
            // The screen belongs to the shell: typed text isn't meant for a pane.
            let action = self.shared.keymap.action(self.place(), Chord::from(key));
            let heard = action.filter(|action| matches!(action, Action::Leave | Action::Suspend));
            return heard.and_then(|action| self.act_everywhere(action, out)).is_some();
        }
        // An error stays until the next key.
        let heard = self.notice.take_if(|notice| notice.level != Level::Info).is_some();
        let (place, chord) = (self.place(), Chord::from(key));
        let changed = match self.shared.keymap.action(place, chord) {
            Some(
                action @ (Action::WordLeft
                | Action::WordRight
                | Action::DeleteWordLeft
                | Action::DeleteWordRight),
            ) => self.on_text(now, &TextEdit::Word(action), out),
            Some(action) => self.act(now, action, out),
            None if takes_text(place) => self.on_text(now, &TextEdit::Key(key), out),
            None => self.say_unbound(place, chord, out),
        };
        changed || heard
    }

    fn say_unbound(&mut self, place: Place, chord: Chord, out: &mut Out) -> bool {
        let text = if chord.is_of_other_layout() {
            format!("“{chord}” isn't a key here: switch the keyboard layout")
        } else {
            let help = self.shared.keymap.key_in(place, Action::Help);
            format!("“{chord}” does nothing here · {help} help")
        };
        // A key that is held down says it once.
        let said = self.notice.as_ref().is_some_and(|notice| notice.text == text);
        if !said {
            self.say(Level::Info, text, out);
        }
        !said
    }

    /// Characters that came faster than anyone types are a paste. In a text field they might also have been typed ahead of us, so
    /// that tabs and a line break at their end are keys there; the key that opens a filter or the palette may come first.
    pub(super) fn on_burst(&mut self, now: Now, text: &str, out: &mut Out) -> bool {
        if self.is_leaving() {
            return false;
        }
        let mut text = text;
        let mut rest = text.chars();
        let opens = rest.next().and_then(|c| self.shared.keymap.action(self.place(), Chord::char(c)));
        if let Some(action @ (Action::Filter | Action::Palette)) = opens {
            self.act(now, action, out);
            text = rest.as_str();
        }
        let is_typed = takes_text(self.place());
        let pasted = text.trim_end_matches(['\r', '\n', '\t']);
        if self.on_paste(now, pasted.to_owned(), out) && is_typed {
            let ends = text[pasted.len()..].chars();
            // A second line break would answer what the first one opened.
            let tabs = ends.clone().take_while(|c| *c == '\t').map(|_| KeyCode::Tab);
            let line = ends.skip_while(|c| *c == '\t').take(1).map(|_| KeyCode::Enter);
            for key in tabs.chain(line) {
                self.on_key(now, key.into(), out);
            }
        }
        true
    }

    /// Pasted text goes where text goes and never triggers actions. Returns whether it was taken.
    fn on_paste(&mut self, now: Now, text: String, out: &mut Out) -> bool {
        match self.place() {
            place if takes_text(place) && is_credential(&text) => {
                let key = self.shared.keymap.key(Action::Show(PaneId::Inspect));
                let text = format!(
                    "That looks like a credential, so it wasn't inserted. Press {key} and paste it into the inspector"
                );
                self.say(Level::Warning, text, out);
                false
            }
            place if takes_text(place) => {
                // A form shows it beside its field.
                let line = self.line().filter(|_| place != Place::Form);
                if let Some(why) = line.and_then(|line| line.refuses(&text)) {
                    self.say(Level::Warning, why, out);
                    return false;
                }
                self.on_text(now, &TextEdit::Paste(text), out)
            }
            Place::Inspect => {
                let mut cx = Cx { shared: &mut self.shared, now, out };
                self.panes.inspect.paste(&text, &mut cx);
                true
            }
            _ => {
                let key = self.shared.keymap.key(Action::Show(PaneId::Inspect));
                let text = format!("Paste ignored. To inspect a token, press {key} and paste it there");
                self.say(Level::Warning, text, out);
                false
            }
        }
    }

    fn on_text(&mut self, now: Now, edit: &TextEdit, out: &mut Out) -> bool {
        if let Some(overlay) = self.overlays.last_mut() {
            overlay.on_text(edit);
            return true;
        }
        let focused = self.focused();
        let mut cx = Cx { shared: &mut self.shared, now, out };
        self.panes.get_mut(focused).on_text(edit, &mut cx);
        self.offer_accounts();
        true
    }

    /// The line being edited, unless it belongs to a form.
    pub(super) fn line(&self) -> Option<&TextInput> {
        match self.overlays.last() {
            Some(overlay) => overlay.line(),
            None => self.panes.get(self.focused()).line(),
        }
    }

    /// Completes delegates in the mint form from the listed accounts.
    fn offer_accounts(&mut self) {
        const MOST: usize = 8;
        if let Some(words) = self.panes.mint.asks_for_accounts(&self.shared)
            && !words.is_empty()
        {
            let found = self.panes.accounts.find(&words, MOST);
            self.panes.mint.offer_accounts(&found, &self.shared);
        }
    }

    /// Offers an action to the top overlay, then to the focused pane, then to the root.
    pub(super) fn act(&mut self, now: Now, action: Action, out: &mut Out) -> bool {
        if let Some(changed) = self.act_everywhere(action, out) {
            return changed;
        }
        if let Some(overlay) = self.overlays.last_mut() {
            let outcome = overlay.on_action(action);
            return self.on_outcome(now, outcome, out);
        }
        let focused = self.focused();
        if action == Action::Refresh {
            // First, or the new requests would still be held back.
            out.effects.push(Effect::ResetProbing);
        }
        let mut cx = Cx { shared: &mut self.shared, now, out };
        if self.panes.get_mut(focused).on_action(action, &mut cx) {
            return true;
        }
        self.act_root(now, action, out)
    }

    /// Actions that work even over overlays and in text.
    fn act_everywhere(&mut self, action: Action, out: &mut Out) -> Option<bool> {
        match action {
            Action::Leave => self.leave(INTERRUPTED, out),
            Action::Suspend => out.effects.push(Effect::Suspend),
            Action::Palette => {
                let open = matches!(self.overlays.last(), Some(Overlay::Picker(picker)) if picker.kind == crate::tui::overlays::picker::Kind::Palette);
                if !open {
                    self.overlays.push(Overlay::Picker(Box::new(Picker::palette(&self.shared))));
                }
            }
            Action::Help => {
                let place = self.place();
                if place != Place::Help {
                    self.overlays.push(Overlay::help(place));
                }
            }
            _ => return None,
        }
        Some(true)
    }

    fn on_outcome(&mut self, now: Now, outcome: Outcome, out: &mut Out) -> bool {
        match outcome {
            Outcome::Stay => return true,
            Outcome::Step(what) => {
                self.do_step(now, what, out);
                return true;
            }
            _ => {}
        }
        let closed = self.overlays.pop();
        if let Some(Overlay::Picker(picker)) = &closed
            && picker.is_of_projects()
        {
            // No one waits for more of them now.
            let mut cx = Cx { shared: &mut self.shared, now, out };
            let awaited = cx.shared.workspace.projects.stop();
            cx.cancel(awaited);
        } else if let Some(Overlay::Doctor(doctor)) = &closed {
            self.close_doctor(doctor, now, out);
        }
        match outcome {
            Outcome::Stay | Outcome::Close | Outcome::Step(_) => {}
            Outcome::Act(action) => return self.act_root(now, action, out),
            Outcome::Pick(Picked::Command(row)) => self.run(now, row, out),
            Outcome::Pick(Picked::Project(project)) => self.open_project(now, project, out),
            Outcome::Pick(Picked::Charge(project)) => self.charge(project, out),
            Outcome::Pick(Picked::Caller(wish)) => self.switch(wish, out),
            Outcome::Confirm(Confirmed::Trust(wish)) => out.effects.push(Effect::Trust(wish)),
            Outcome::Pick(Picked::Account(account)) => out.intents.push(Intent::OpenAccount(account)),
            Outcome::Confirm(Confirmed::Wipe) => self.wipe(now, out),
            Outcome::Confirm(Confirmed::Quit) => self.leave(0, out),
            Outcome::Confirm(Confirmed::Enable(api)) => self.enable_api(now, api, out),
            Outcome::Confirm(Confirmed::TestAll(accounts)) => {
                let mut cx = Cx { shared: &mut self.shared, now, out };
                self.panes.accounts.begin_testing(accounts, &mut cx);
            }
            Outcome::Confirm(Confirmed::Probe) => {
                let mut cx = Cx { shared: &mut self.shared, now, out };
                self.panes.mint.probe(&mut cx);
            }
        }
        true
    }

    /// Carries out a row of the palette, in the pane that it belongs to; says so where it can't be done there.
    fn run(&mut self, now: Now, row: &'static Row, out: &mut Out) {
        // The palette was opened over a menu, a question or the help: a command leaves that.
        while !self.overlays.is_empty() {
            self.on_outcome(now, Outcome::Close, out);
        }
        match row.ctx.pane() {
            Some(PaneId::Accounts) => self.focus = Focus::List,
            Some(pane) => (self.pane, self.focus) = (pane, Focus::Pane),
            None => {}
        }
        let is_here = self.place().contexts().contains(&row.ctx);
        if row.ctx.pane().is_some() && !is_here {
            let back = self.shared.keymap.key(Action::Back);
            let text = format!("Can't {} yet: close what is open first ({back})", row.label);
            return self.say(Level::Warning, text, out);
        }
        if !self.act(now, row.action, out) {
            self.say(Level::Warning, format!("Nothing here to {}", row.label), out);
        }
    }

    /// Actions that no overlay and no pane handled.
    fn act_root(&mut self, now: Now, action: Action, out: &mut Out) -> bool {
        match action {
            Action::Show(PaneId::Policy) => self.show_policy(now, out),
            Action::Show(pane) => out.intents.push(Intent::Show(pane)),
            Action::Grant => self.grant(now, out),
            Action::FocusLeft => self.focus = Focus::List,
            Action::FocusRight => self.focus_pane(now, out),
            Action::FocusNext | Action::FocusPrevious => match self.focus {
                Focus::List => self.focus_pane(now, out),
                Focus::Pane => self.focus = Focus::List,
            },
            Action::Back => {
                self.notice = None;
                if self.zoom {
                    self.zoom = false;
                } else {
                    self.focus = Focus::List;
                }
            }
            Action::Zoom => self.zoom = !self.zoom,
            Action::Quit => self.quit(out),
            Action::Project => self.pick_project(now, out),
            Action::Callers => self.choose_caller(out),
            Action::Impersonate => self.impersonate_opened(out),
            Action::CallerBack => self.caller_back(out),
            Action::Explain => self.explain(now, out),
            Action::Charge => self.pick_charged(now, out),
            Action::Refresh => self.refresh_root(now, out),
            Action::MintMenu => self.open_mint_menu(now, out),
            Action::MintAgain => {
                let on_shelf = self.place() == Place::Shelf;
                let mut cx = Cx { shared: &mut self.shared, now, out };
                self.panes.mint.again(on_shelf, &mut cx);
                if cx.shared.shelf.last_request().is_some() {
                    cx.intend(Intent::Show(PaneId::Mint));
                }
            }
            Action::Wipe
                if self.shared.shelf.items().is_empty()
                    && self.panes.inspect.is_empty()
                    && !self.panes.mint.minting() =>
            {
                self.say(
                    Level::Warning,
                    "Nothing to wipe: the shelf and the inspector are empty".into(),
                    out,
                );
            }
            Action::Wipe => self.ask_to_wipe(),
            Action::CopyMenu => self.open_copy_menu(out),
            Action::CopyObvious => match self.panes.get(self.focused()).copies(&self.shared).first() {
                Some(action) => self.copy(*action, now, out),
                None => self.say(Level::Warning, "Nothing to copy here".into(), out),
            },
            Action::CopyRaw
            | Action::CopyHeader
            | Action::CopyEnv
            | Action::CopyTerraform
            | Action::CopyCurl
            | Action::CopyGcloud
            | Action::CopyDecoded
            | Action::CopyHex
            | Action::Save => self.copy(action, now, out),
            _ => match Kind::FORMS.into_iter().find(|kind| menu_action(*kind) == action) {
                Some(kind) => self.open_form(kind, now, out),
                None => return false,
            },
        }
        true
    }

    /// Asks before everything that is held is wiped.
    fn ask_to_wipe(&mut self) {
        let minting = self.panes.mint.minting();
        let held = match self.shared.shelf.items().len() {
            0 if self.panes.inspect.is_empty() => "Cancel minting and wipe the clipboard".to_owned(),
            0 if minting => "Wipe the inspected token and cancel minting".to_owned(),
            0 => "Wipe the inspected token".to_owned(),
            1 => "Wipe 1 credential".to_owned(),
            count => format!("Wipe all {count} credentials"),
        };
        let question = format!(
            "{held}? This clears the shelf, the inspector and the clipboard and can't be undone. Tokens copied elsewhere stay valid until they expire."
        );
        self.overlays.push(Overlay::Confirm { question, yes: Confirmed::Wipe });
    }

    /// Asks first if something would be lost.
    fn quit(&mut self, out: &mut Out) {
        // What is being written is not lost.
        let written = self.panes.policy.writes_to();
        let lost = |name: &str, facts: &Facts| facts.staged_changes() > 0 && written != Some(name);
        let lost = match self.shared.workspace.facts.iter().filter(|(name, facts)| lost(name, facts)).count()
        {
            0 => None,
            1 => Some("1 account has unwritten edits.".to_owned()),
            count => Some(format!("{count} accounts have unwritten edits.")),
        };
        let what = self.shared.requests.writes.what();
        let question = match (lost, self.shared.requests.writes.is_empty()) {
            (None, true) => return self.leave(0, out),
            (None, false) => format!("Quit after {what} is written?"),
            (Some(lost), true) => format!("Quit and discard staged edits? {lost}"),
            (Some(lost), false) => {
                format!("Quit after {what} is written, and discard staged edits? {lost}")
            }
        };
        self.overlays.push(Overlay::Confirm { question, yes: Confirmed::Quit });
    }

    /// `p` on the list opens the account under the cursor.
    fn show_policy(&mut self, now: Now, out: &mut Out) {
        self.open_selected(now, out);
        out.intents.push(Intent::Show(PaneId::Policy));
    }

    /// Opens the guided grant, for the permission missing in the focused pane.
    fn grant(&mut self, now: Now, out: &mut Out) {
        self.open_selected(now, out);
        let permission = match self.focused() {
            PaneId::Overview => self.panes.overview.missing(&self.shared),
            PaneId::Mint => self.panes.mint.missing(),
            _ => None,
        };
        let mut cx = Cx { shared: &mut self.shared, now, out };
        self.panes.policy.open_grant(permission, None, &mut cx);
        if cx.shared.workspace.opened.is_some() {
            cx.intend(Intent::Show(PaneId::Policy));
        }
    }

    /// Opens the account under the cursor, if the list has the keyboard.
    fn open_selected(&mut self, now: Now, out: &mut Out) {
        if self.focus == Focus::List
            && let Some(account) = self.panes.accounts.selected()
            && self.shared.workspace.opened.as_deref() != Some(account.email.as_str())
        {
            let email = account.email.clone();
            self.open_account(now, &AccountRef::read(&email), out);
        }
    }

    fn focus_pane(&mut self, now: Now, out: &mut Out) {
        self.focus = Focus::Pane;
        let mut cx = Cx { shared: &mut self.shared, now, out };
        self.panes.get_mut(self.pane).on_show(&mut cx);
    }

    fn open_mint_menu(&mut self, now: Now, out: &mut Out) {
        // On the list, `t` means the account under the cursor; elsewhere the opened one.
        self.open_selected(now, out);
        let (title, actions) = match self.shared.workspace.opened.as_deref() {
            Some(account) => (
                format!("Mint for {}", crate::model::account::short(account)),
                Kind::FORMS.map(menu_action).to_vec(),
            ),
            // Metadata tokens don't need an open account.
            None => ("Mint (no account open)".to_owned(), vec![menu_action(Kind::Metadata)]),
        };
        self.overlays.push(Overlay::Menu { place: Place::MintMenu, title, actions });
    }

    fn open_copy_menu(&mut self, out: &mut Out) {
        let actions = self.panes.get(self.focused()).copies(&self.shared);
        if actions.is_empty() {
            return self.say(Level::Warning, "Nothing to copy here".into(), out);
        }
        self.overlays.push(Overlay::Menu { place: Place::CopyMenu, title: "Copy".into(), actions });
    }

    fn copy(&mut self, action: Action, now: Now, out: &mut Out) {
        match self.panes.get(self.focused()).copy(action, &self.shared, now.utc) {
            Ok(effect) => {
                if let Effect::Copy(clip) = &effect {
                    self.shared.shelf.set_copied(clip.held().cloned());
                }
                out.effects.push(effect);
            }
            Err(text) => self.say(Level::Warning, text, out),
        }
    }

    fn wipe(&mut self, now: Now, out: &mut Out) {
        self.forget_secrets(now, out);
        let text = "Wiped shelf, inspector, and clipboard where possible";
        self.say(Level::Info, text.into(), out);
    }
}
