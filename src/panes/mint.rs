//! Minting: a form for each kind of credential over the shelf of what was minted. A form belongs to its account
//! and keeps what was typed; it shows the exact request before it is sent, and why one was refused.

mod forms;
mod shelf;

use std::collections::HashMap;

use jiff::Timestamp;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{Look, Pane, as_move};
use crate::{
    api::{self, ApiError, Call, ErrorKind, Reply, credentials},
    app::{
        msg::{Effect, Intent, Level, Owner, PaneId, ReqId, TimerId},
        remote::Remote,
        shared::{Cx, Shared},
    },
    keymap::{Action, Place},
    model::{
        account::{Account, short},
        credential::{Kind, MintRequest, What},
        lifetime,
        permission::{Permission, by_name},
    },
    state::touch,
    widgets::{
        form::{Accepted, Form, LABEL},
        input::TextEdit,
        list::ListCursor,
        text::{fold, wrapped, wrapped_height},
    },
};

/// How long a secret stays revealed.
pub const REVEALED: std::time::Duration = std::time::Duration::from_secs(30);

/// Below this many lines only the half with the focus is shown.
const BOTH_HALVES: u16 = 15;

/// Up to this many lines only the fields are shown.
const TIGHT: u16 = 8;

/// Forms and shelf.
pub struct Mint {
    kind: Kind,
    /// Forms by account and kind: what was typed stays with its account.
    forms: HashMap<(String, Kind), Form>,
    filling: bool,
    pending: Remote<()>,
    /// Why the last request was refused, and which it was.
    refused: Option<(MintRequest, ApiError)>,
    shelf: ListCursor,
    /// Whether form and refusal have room on screen.
    roomy: bool,
    /// Accounts that may be completed in the field being edited.
    known: Vec<String>,
}

impl Default for Mint {
    fn default() -> Self {
        Mint {
            kind: Kind::AccessToken,
            forms: HashMap::new(),
            filling: false,
            pending: Remote::default(),
            refused: None,
            shelf: ListCursor::default(),
            roomy: false,
            known: Vec::new(),
        }
    }
}

impl Mint {
    /// Shows the form of a kind for the opened account, ready to be filled.
    pub fn open_form(&mut self, kind: Kind, cx: &mut Cx) {
        let Some(account) = cx.shared.opened.clone() else {
            let key = cx.shared.keymap.key(Action::ShowAccounts);
            return cx.notice(
                Level::Warning,
                format!("no account is open: {key} goes to the list, enter opens one"),
            );
        };
        self.kind = kind;
        self.forms.entry((account, kind)).or_insert_with(|| forms::new(kind)).focus_first();
        self.filling = true;
    }

    /// Sends the last request again.
    pub fn again(&mut self, cx: &mut Cx) {
        match cx.shared.last_mint.clone() {
            Some(request) => self.send(request, cx),
            None => cx.notice(Level::Warning, "nothing was minted yet"),
        }
    }

    /// The permission that the last refusal named, if it named one.
    pub fn missing(&self) -> Option<Permission> {
        let (_, error) = self.refused.as_ref()?;
        by_name(error.metadata()?.get("permission")?)
    }

    /// Whether a request is under way.
    pub fn minting(&self) -> bool {
        self.pending.awaiting.is_some()
    }

    /// Stops waiting for what is being minted.
    pub fn cancel(&mut self, cx: &mut Cx) {
        let awaited = self.pending.awaiting.take();
        cx.cancel(awaited);
    }

    /// The place of the selected credential on the shelf.
    pub fn selected(&self) -> Option<usize> {
        self.shelf.at()
    }

    /// Accounts that were listed, to be offered as delegates while one is being typed.
    pub fn offer_accounts(&mut self, accounts: &[&Account], shared: &Shared) {
        self.known = accounts.iter().map(|account| account.email.clone()).collect();
        self.complete(shared);
    }

    /// The words being typed into the delegates field, if that is where the keyboard is.
    pub fn asks_for_accounts(&self, shared: &Shared) -> Option<String> {
        let form = self.form(shared).filter(|form| self.filling && form.editing() == Some("through"))?;
        form.text("through").rsplit([',', ' ']).next().map(|part| part.trim().to_owned())
    }

    fn form(&self, shared: &Shared) -> Option<&Form> {
        self.forms.get(&(shared.opened.clone()?, self.kind))
    }

    fn form_mut(&mut self, shared: &Shared) -> Option<&mut Form> {
        self.forms.get_mut(&(shared.opened.clone()?, self.kind))
    }

    fn complete(&mut self, shared: &Shared) {
        let (kind, known) = (self.kind, self.known.clone());
        if let Some(form) = self.form_mut(shared) {
            let completions = forms::completions(kind, form, &known, shared);
            // An audience may be anything; a half-typed scope or account may not.
            let first = form.editing() != Some("audience");
            form.offer(completions, first);
        }
    }

    fn submit(&mut self, cx: &mut Cx) {
        let (Some(account), kind) = (cx.shared.opened.clone(), self.kind) else { return };
        let Some(form) = self.form_mut(cx.shared) else { return };
        match forms::check(kind, &account, form) {
            Some(request) => self.send(request, cx),
            None => {
                if let Some(wrong) = form.first_error() {
                    form.focus_on(wrong);
                }
            }
        }
    }

    fn send(&mut self, request: MintRequest, cx: &mut Cx) {
        self.refused = None;
        cx.shared.last_mint = Some(request.clone());
        let req = cx.call(Owner::Pane(PaneId::Mint), Call::Credentials(credentials::Call::Mint(request)));
        let old = self.pending.start(req);
        if old.is_some() {
            cx.notice(
                Level::Warning,
                "the mint before was cancelled; a credential may have been made all the same",
            );
        }
        cx.cancel(old);
    }

    fn minted(&mut self, credential: crate::model::credential::Credential, cx: &mut Cx) {
        let request = credential.request.clone();
        let left =
            credential.remaining(cx.now.utc).map(|left| format!(", ends in {}", lifetime::countdown(left)));
        let text =
            format!("{} for {}{}", request.kind().name(), short(&request.account), left.unwrap_or_default());
        cx.shared.drafts.retain(|account| *account != request.account);
        if let What::IdToken { audience, .. } = &request.what {
            touch(&mut cx.shared.remembered.audiences, audience);
            cx.effect(Effect::Remember(cx.shared.remembered.clone()));
        }
        cx.shared.shelf.push(credential);
        self.shelf.set_len(cx.shared.shelf.items().len());
        self.shelf.go(0);
        self.filling = false;
        cx.notice(Level::Info, format!("minted: {text}"));
    }

    fn reveal(&mut self, cx: &mut Cx) {
        let Some(at) = self.shelf.at() else {
            return cx.notice(Level::Warning, "the shelf is empty: nothing to reveal");
        };
        if cx.shared.shelf.revealed() == Some(at) {
            cx.shared.shelf.mask();
        } else {
            let turn = cx.shared.shelf.reveal(at);
            cx.effect(Effect::After(TimerId::Mask(turn), REVEALED));
        }
    }

    fn on_form(&mut self, action: Action, cx: &mut Cx) -> bool {
        let Some(form) = self.form_mut(cx.shared) else {
            self.filling = false;
            return true;
        };
        match action {
            Action::NextField => form.next(),
            Action::PreviousField => form.previous(),
            Action::Down => form.choose(true),
            Action::Up => form.choose(false),
            Action::Toggle => {
                form.toggle();
                self.edited(cx);
            }
            Action::Accept => match form.accept() {
                Accepted::Submit => self.submit(cx),
                Accepted::Completion(_) => self.edited(cx),
                Accepted::Next => {}
            },
            Action::Submit => self.submit(cx),
            Action::Back if self.minting() => {
                self.cancel(cx);
                cx.notice(
                    Level::Warning,
                    "minting was cancelled; a credential may have been made all the same",
                );
            }
            Action::Back => self.filling = false,
            _ => return false,
        }
        true
    }

    fn edited(&mut self, cx: &mut Cx) {
        // What was refused is not what is written there now.
        self.refused = None;
        if let Some(account) = &cx.shared.opened
            && !cx.shared.drafts.contains(account)
        {
            cx.shared.drafts.push(account.clone());
        }
    }

    /// How the room is shared: form above, shelf below, or only the half with the focus.
    fn halves(&self, area: Rect, shared: &Shared) -> (Rect, Rect) {
        let nothing = Rect { height: 0, ..area };
        let Some(form) = self.form(shared) else { return (nothing, area) };
        if area.height < BOTH_HALVES {
            return if self.filling { (area, nothing) } else { (nothing, area) };
        }
        let extra = self.below_form(shared, area.width);
        let wanted = 3 + form.height(area.width) + 1 + extra;
        let form_height = wanted.min(area.height.saturating_sub(4));
        let shelf = Rect { y: area.y + form_height, height: area.height - form_height, ..area };
        (Rect { height: form_height, ..area }, shelf)
    }

    /// Lines under the form: the request that will be sent, and why the last one was refused.
    fn below_form(&self, shared: &Shared, width: u16) -> u16 {
        let preview = wrapped_height(&self.preview(shared), width).min(6);
        let refused = self.refusal(shared).map_or(0, |text| wrapped_height(&text, width) + 1);
        preview + refused
    }

    fn preview(&self, shared: &Shared) -> String {
        if self.minting() {
            return format!("minting… {} cancels", shared.keymap.key_in(Place::Form, Action::Back));
        }
        let (Some(form), Some(account)) = (self.form(shared), shared.opened.as_deref()) else {
            return String::new();
        };
        let mut copy = form.clone();
        match forms::check(self.kind, account, &mut copy) {
            Some(request) => {
                let preview = api::preview(&request);
                // What every such path begins with says nothing; the `@` reads better than its escape.
                let path = preview.url_path.replace("/v1/projects/-/", "…/").replace("%40", "@");
                format!("{} {path} {}", preview.method, preview.body)
            }
            // Beside the field it is said only when sending was tried: nobody has finished typing yet.
            None => format!("not yet: {}", copy.first_reason().unwrap_or_default()),
        }
    }

    fn refusal(&self, shared: &Shared) -> Option<String> {
        let (request, error) = self.refused.as_ref()?;
        if shared.opened.as_deref() != Some(request.account.as_str()) || request.kind() != self.kind {
            return None;
        }
        let grant = match self.missing() {
            Some(_) => format!(
                " {}, then {} stages that grant or asks for it.",
                shared.keymap.key_in(Place::Form, Action::Back),
                shared.keymap.key(Action::Grant)
            ),
            None => String::new(),
        };
        Some(format!("{}{}{}{grant}", error.sentence(), hops(request, error), error.next_words()))
    }

    /// The first hop of a chain is asked about, so that the form can say whether the caller may use it.
    fn test_first_hop(&mut self, cx: &mut Cx) {
        let Some(hop) = self.form(cx.shared).and_then(forms::first_hop) else { return };
        let facts = cx.shared.facts.entry(hop.clone()).or_default();
        if facts.granted.value.is_none() && facts.granted.awaiting.is_none() {
            cx.test_permissions(&hop);
        }
    }

    fn draw_form(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        let (theme, shared) = (look.theme, look.shared);
        let Some(form) = self.form(shared).filter(|_| area.height > 0) else { return };
        let active = focused && self.filling;
        let menu = shared.keymap.key(Action::MintMenu);
        let tab = |kind: Kind| {
            Span::styled(
                format!(" {} ", kind.name()),
                if kind == self.kind { theme.accent } else { theme.dim },
            )
        };
        let kinds = Line::from(vec![
            tab(Kind::AccessToken),
            tab(Kind::IdToken),
            Span::styled(format!("  {menu} chooses"), theme.dim),
        ]);
        buf.set_line(area.x, area.y, &kinds, area.width);
        let (mut y, bottom) = (area.y + 1, area.bottom());
        let rest = |y: u16| Rect { y: y.min(bottom), height: bottom.saturating_sub(y), ..area };
        // Where there is little room, the fields have it.
        if area.height >= BOTH_HALVES {
            y += 1;
        }
        if area.height > TIGHT {
            buf.set_stringn(area.x, y, "you may", usize::from(area.width), theme.dim);
            let value =
                Rect { x: area.x + LABEL.min(area.width), width: area.width.saturating_sub(LABEL), ..area };
            for line in fold(vec![forms::you_may(self.kind, form, look)], value.width).iter().take(2) {
                buf.set_line(value.x, y, line, value.width);
                y += 1;
            }
        }
        let cursor = form.draw(rest(y), buf, active, theme);
        look.cursor.set(cursor.filter(|_| active).or(look.cursor.get()));
        y += form.height(area.width) + 1;
        if let Some(refusal) = self.refusal(shared) {
            y += wrapped(&refusal, rest(y), buf, theme.bad) + 1;
        }
        let preview = Rect { height: rest(y).height.min(6), ..rest(y) };
        wrapped(&self.preview(shared), preview, buf, theme.dim);
    }
}

/// The hops of a chain that was refused: Google does not say which of them failed.
fn hops(request: &MintRequest, error: &ApiError) -> String {
    if request.delegates.is_empty() || error.kind != ErrorKind::Denied {
        return String::new();
    }
    let chain: Vec<&str> =
        request.delegates.iter().chain([&request.account]).map(|name| short(name)).collect();
    format!(" The chain is you > {}; each must be allowed on the next.", chain.join(" > "))
}

impl Pane for Mint {
    fn place(&self) -> Place {
        if self.filling { Place::Form } else { Place::Shelf }
    }

    fn on_show(&mut self, cx: &mut Cx) {
        self.shelf.set_len(cx.shared.shelf.items().len());
    }

    fn on_action(&mut self, action: Action, cx: &mut Cx) -> bool {
        if action == Action::Reveal {
            self.reveal(cx);
            return true;
        }
        if self.filling {
            let handled = self.on_form(action, cx);
            if matches!(action, Action::NextField | Action::PreviousField | Action::Accept) {
                self.complete(cx.shared);
                self.test_first_hop(cx);
            }
            return handled;
        }
        if let Some(step) = as_move(action) {
            cx.shared.shelf.mask();
            return self.shelf.step(step);
        }
        match action {
            Action::Inspect => {
                let Some(credential) = self.shelf.at().and_then(|at| cx.shared.shelf.get(at)) else {
                    return true;
                };
                let from = format!("{} from the shelf", credential.request.kind().name());
                let (token, expires) = (credential.secret.clone(), credential.expires);
                let about = shelf::about(credential);
                cx.intend(Intent::Inspect { token, from, about, expires });
            }
            Action::FocusNext | Action::FocusPrevious if cx.shared.opened.is_some() => {
                self.open_form(self.kind, cx)
            }
            Action::Back if cx.shared.shelf.revealed().is_some() => cx.shared.shelf.mask(),
            _ => return false,
        }
        true
    }

    fn on_text(&mut self, edit: &TextEdit, cx: &mut Cx) {
        let Some(form) = self.form_mut(cx.shared) else { return };
        if form.edit(edit) {
            self.edited(cx);
            self.complete(cx.shared);
        }
    }

    fn on_reply(&mut self, req: ReqId, reply: Result<Reply, ApiError>, cx: &mut Cx) {
        if !self.pending.awaits(req) {
            return;
        }
        self.pending.awaiting = None;
        match reply {
            Ok(Reply::Minted(credential)) => self.minted(*credential, cx),
            Ok(_) => {}
            Err(error) => {
                self.refused = cx.shared.last_mint.clone().map(|request| (request, error.clone()));
                // Where the form of that request is not on screen, the sentence must be.
                if !self.roomy || self.refusal(cx.shared).is_none() {
                    cx.complain(&error);
                }
            }
        }
    }

    fn fit(&mut self, area: Rect, shared: &Shared, _now: Timestamp) {
        self.shelf.set_len(shared.shelf.items().len());
        let (form, shelf) = self.halves(area, shared);
        self.roomy = area.height >= BOTH_HALVES && form.height > 0;
        let secret = shelf::revealed_height(shared, shelf);
        self.shelf.set_height(usize::from(shelf.height.saturating_sub(1 + secret)));
    }

    fn copies(&self, shared: &Shared) -> Vec<Action> {
        let Some(credential) = self.shelf.at().and_then(|at| shared.shelf.get(at)) else { return Vec::new() };
        shelf::copies(credential)
    }

    fn copy(&self, action: Action, shared: &Shared) -> Result<Effect, String> {
        let credential = self.shelf.at().and_then(|at| shared.shelf.get(at)).ok_or("the shelf is empty")?;
        shelf::copy(action, credential, shared)
    }

    fn counts_down(&self, shared: &Shared, now: crate::app::msg::Now) -> bool {
        shared.shelf.counts_down(now.utc)
    }

    fn title(&self, look: &Look) -> String {
        let waiting = if self.minting() { " minting…" } else { "" };
        match look.shared.opened.as_deref() {
            Some(account) => format!("as {}{waiting}", short(account)),
            None => "no account is open".into(),
        }
    }

    fn draw(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        let (form, shelf) = self.halves(area, look.shared);
        self.draw_form(form, buf, look, focused);
        shelf::draw(&self.shelf, shelf, buf, look, focused && !self.filling);
    }
}

#[cfg(test)]
mod tests;
