//! Any token, decoded: header, claims with their meaning, times, problems, and whether it fits what it is for. Nothing is
//! sent until the user asks for the signer's public keys, or for Google's view of an access token.

mod draw;
mod expect;

use std::path::PathBuf;

use jiff::Timestamp;
use ratatui::{buffer::Buffer, layout::Rect};

use super::{Look, Pane, as_move};
use crate::{
    api::oauth::{self, TokenFacts},
    http::ApiError,
    keymap::{Action, Place},
    model::{
        credential::MintRequest,
        jwt::{self, Expectation, Form as TokenForm, Reading, Verdict, time::Unit},
        secret::Secret,
    },
    ops::{self, Reply},
    text::decode::without_escapes,
    tui::{
        app::{
            msg::{Clip, Effect, Level, Now, Owner, PaneId, ReqId},
            shared::{Cx, Shared},
            slot::Slot,
        },
        widgets::{
            form::{Accepted, Form},
            input::TextEdit,
            list::{ListCursor, Move},
            theme::Theme,
        },
    },
};

const OWNER: Owner = Owner::Pane(PaneId::Inspect);

/// The token and what is known about it.
pub(crate) struct Inspect {
    reading: Option<Reading>,
    from: String,
    about: Vec<(&'static str, String)>,
    expires: Option<Timestamp>,
    /// The request it was minted with, if it was minted here.
    request: Option<MintRequest>,
    keys: Slot<String>,
    verdict: Option<Verdict>,
    /// Google's information about an opaque access token.
    facts: Slot<TokenFacts>,
    raw: bool,
    scroll: ListCursor,
    width: u16,
    /// What the user will call with it; kept for the next token, so that a corrected one can be compared.
    form: Form,
    filling: bool,
    expectation: Expectation,
    /// A file of keys to use instead of the signer's.
    keys_file: Option<PathBuf>,
    /// The owner of the requested keys, for the verdict.
    whose: String,
}

impl Default for Inspect {
    fn default() -> Self {
        Inspect {
            reading: None,
            from: String::new(),
            about: Vec::new(),
            expires: None,
            request: None,
            keys: Slot::default(),
            verdict: None,
            facts: Slot::default(),
            raw: false,
            scroll: ListCursor::default(),
            width: 0,
            form: expect::form(),
            filling: false,
            expectation: Expectation::default(),
            keys_file: None,
            whose: String::new(),
        }
    }
}

impl Inspect {
    pub(crate) fn open(&mut self, token: &Secret, from: String, cx: &mut Cx) {
        self.give_up(cx);
        self.reading = Some(jwt::read(token.expose()));
        self.from = from;
        self.about.clear();
        (self.expires, self.request) = (None, None);
        self.keys = Slot::default();
        self.facts = Slot::default();
        self.verdict = None;
        self.filling = false;
        self.scroll.scroll(Move::Top);
    }

    /// Adds what is known in addition to the token itself, and the verdict if it was checked when minted.
    pub(crate) fn add(
        &mut self,
        about: Vec<(&'static str, String)>,
        expires: Option<Timestamp>,
        verdict: Option<Verdict>,
        request: Option<MintRequest>,
    ) {
        self.about = about;
        self.expires = expires;
        self.verdict = verdict;
        self.request = request;
    }

    pub(crate) fn paste(&mut self, text: &str, cx: &mut Cx) {
        self.open(&Secret::new(without_escapes(text).as_str()), "pasted text".into(), cx);
    }

    /// Whether there is no token here.
    pub(crate) fn is_empty(&self) -> bool {
        self.reading.is_none()
    }

    /// Drops the token, if it is this one.
    pub(crate) fn forget(&mut self, secret: &Secret, cx: &mut Cx) {
        if self.reading.as_ref().is_some_and(|reading| reading.token == *secret) {
            self.wipe(cx);
        }
    }

    /// Drops the token and what was typed about it, and cancels requests about it.
    pub(crate) fn wipe(&mut self, cx: &mut Cx) {
        self.give_up(cx);
        *self = Inspect::default();
    }

    fn give_up(&mut self, cx: &mut Cx) {
        cx.cancel(self.keys.stop());
        cx.cancel(self.facts.stop());
    }

    /// Checks the token: fetches the keys of its claimed signer, always from the fixed places, whatever URLs the token
    /// names; for a Google access token, asks Google. A refresh token, an API key or someone else's token is never
    /// sent.
    fn check(&mut self, cx: &mut Cx) {
        // The verdict is at the top.
        self.scroll.scroll(Move::Top);
        let Some(reading) = &self.reading else {
            return cx.notice(Level::Warning, "No token yet: paste one");
        };
        if reading.form.may_ask_google() {
            return self.ask_google(cx);
        }
        if let Some(verdict) = jwt::judge::uncheckable(reading) {
            self.verdict = Some(verdict);
            return;
        }
        let (call, whose) = match (&self.keys_file, oauth::KeySource::of(jwt::signer(reading))) {
            (Some(path), _) => (ops::read_keys(path.clone()), format!("the keys in {}", path.display())),
            (None, Some(source)) => {
                let whose = source.whose(cx.shared.session.endpoints());
                (ops::get_signing_keys(source), whose)
            }
            (None, None) => {
                let key = cx.shared.keymap.key(Action::Expect);
                self.verdict = Some(Verdict::not_checked(format!(
                    "its issuer is neither Google nor a service account, so the signing keys are unknown: press {key} to use keys from a file"
                )));
                return;
            }
        };
        self.whose = whose;
        cx.read_into(&mut self.keys, OWNER, call);
    }

    /// Asks Google about the token, and what the caller can do with the opened account: side by side, a missing scope and
    /// a missing role can be told apart.
    fn ask_google(&mut self, cx: &mut Cx) {
        let Some(reading) = &self.reading else { return };
        cx.read_into(&mut self.facts, OWNER, ops::get_token_facts(reading.token.clone()));
        if let Some(account) = cx.shared.workspace.opened.clone()
            && cx.shared.workspace.granted(&account).is_none()
        {
            cx.test_permissions(&account);
        }
    }
}

impl Pane for Inspect {
    fn place(&self) -> Place {
        if self.filling { Place::Form } else { Place::Inspect }
    }

    fn on_action(&mut self, action: Action, cx: &mut Cx) -> bool {
        if self.filling {
            return self.on_form(action, cx);
        }
        if let Some(step) = as_move(action) {
            return self.scroll.scroll(step);
        }
        match action {
            Action::CheckSignature => self.check(cx),
            Action::Expect => {
                self.filling = true;
                self.form.focus_first();
            }
            Action::Fix => self.fix(cx),
            Action::ToggleRaw => self.raw = !self.raw,
            _ => return false,
        }
        true
    }

    fn on_text(&mut self, edit: &TextEdit, _cx: &mut Cx) {
        if self.filling && self.form.edit(edit) {
            self.expect();
        }
    }

    fn on_reply(&mut self, req: ReqId, reply: Result<Reply, ApiError>, _cx: &mut Cx) {
        if self.facts.awaits(req) {
            self.facts.settle(req, reply);
            return;
        }
        let settled = self.keys.settle(req, reply);
        if let (true, None, Some(keys), Some(reading)) =
            (settled, self.keys.error(), self.keys.value(), &self.reading)
        {
            self.verdict = Some(jwt::verify(reading, keys, &self.whose));
        }
    }

    fn fit(&mut self, area: Rect, shared: &Shared, now: Timestamp) {
        self.width = area.width;
        let form = self.form_height(area);
        self.scroll.set_height(usize::from(area.height.saturating_sub(form)));
        let (left, right) = self.columns(shared, now, &Theme::default());
        self.scroll.set_len(left.len().max(right.len()));
    }

    fn copies(&self, _shared: &Shared) -> Vec<Action> {
        match &self.reading {
            Some(reading) if matches!(reading.form, TokenForm::Jws | TokenForm::Jwe) => {
                vec![Action::CopyDecoded, Action::CopyRaw]
            }
            // For a key or a credentials file only its facts are shown.
            Some(reading) if reading.facts.is_empty() => vec![Action::CopyRaw],
            _ => Vec::new(),
        }
    }

    fn copy(&self, action: Action, _shared: &Shared, _now: Timestamp) -> Result<Effect, String> {
        let reading = self.reading.as_ref().ok_or("No token here")?;
        if action == Action::CopyRaw {
            return Ok(Effect::Copy(Clip::credential(reading.token.clone(), "token")));
        }
        Ok(Effect::Copy(Clip::json(&jwt::decode::pretty(reading), "decoded token")))
    }

    fn counts_down(&self, shared: &Shared, now: Now) -> bool {
        let in_seconds = self.reading.as_ref().is_none_or(|reading| reading.unit("exp") == Unit::Seconds);
        in_seconds && self.end().is_some_and(|end| end > shared.session.at_google(now.utc).as_second())
    }

    fn title(&self, _look: &Look) -> String {
        let name = self.reading.as_ref().map(|_| self.from.clone()).unwrap_or_default();
        if self.raw { format!("{name} (raw)") } else { name }
    }

    fn draw(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        self.draw_all(area, buf, look, focused);
    }
}

impl Inspect {
    fn on_form(&mut self, action: Action, cx: &mut Cx) -> bool {
        match action {
            Action::NextField => self.form.next(),
            Action::PreviousField => self.form.previous(),
            Action::Down => self.form.choose(true),
            Action::Up => self.form.choose(false),
            Action::Toggle => {
                if self.form.toggle() {
                    self.expect();
                }
            }
            Action::Accept => match self.form.accept() {
                Accepted::Submit => self.submit(cx),
                Accepted::Edited => self.expect(),
                Accepted::Next => {}
            },
            Action::Submit => self.submit(cx),
            Action::Back => self.filling = false,
            _ => return false,
        }
        true
    }
}
