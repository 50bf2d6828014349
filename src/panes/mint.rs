//! Minting: a form for each kind of credential over the shelf of what was minted. A form belongs to its account
//! and keeps what was typed; it shows the exact request before it is sent, and why one was refused.

mod completions;
mod forms;
mod may;
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
    api::{ApiError, Call, ErrorKind, Reply, commands, credentials, metadata},
    app::{
        msg::{Clip, Effect, Intent, Level, Owner, PaneId, ReqId, TimerId},
        remote::Remote,
        shared::{Cx, Shared},
    },
    flows::{self, Hop},
    keymap::{Action, Place},
    model::{
        account::{Account, short},
        claims,
        credential::{Credential, Kind, MintRequest, What},
        lifetime,
        permission::{Permission, by_name},
        secret::Secret,
    },
    overlays::{Confirmed, Overlay},
    state::{toggle, touch},
    view::theme::Theme,
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

/// The request is shown in no more lines than these.
const MOST_PREVIEW: u16 = 6;

/// What is known about a chain or a machine is shown in no more lines than these.
const MOST_KNOWN: usize = 6;

/// From this width kinds are named in full.
const WIDE: u16 = 100;

/// Up to this many lines only the fields are shown.
const TIGHT: u16 = 8;

/// Forms and shelf.
pub struct Mint {
    kind: Kind,
    /// Forms by account and kind: what was typed stays with its account.
    forms: HashMap<(String, Kind), Form>,
    filling: bool,
    pending: Remote<()>,
    /// What is being minted, or was last.
    sent: Option<MintRequest>,
    /// Why the last request was refused, and which it was.
    refused: Option<(MintRequest, ApiError)>,
    shelf: ListCursor,
    /// What is known of the hops of the chain in the form.
    chain: Remote<Vec<Hop>>,
    /// Which chain that is: the account, the kind, and the delegates.
    chain_of: Option<(String, Kind, Vec<String>)>,
    /// Claims that were typed under each template, so that looking at another one loses none.
    claims: HashMap<(String, usize), String>,
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
            sent: None,
            refused: None,
            shelf: ListCursor::default(),
            chain: Remote::default(),
            chain_of: None,
            claims: HashMap::new(),
            roomy: false,
            known: Vec::new(),
        }
    }
}

impl Mint {
    /// Shows the form of a kind for the opened account, ready to be filled.
    pub fn open_form(&mut self, kind: Kind, cx: &mut Cx) {
        let Some(account) = subject(kind, cx.shared) else {
            let key = cx.shared.keymap.key(Action::ShowAccounts);
            return cx.notice(
                Level::Warning,
                format!("no account is open: {key} goes to the list, enter opens one"),
            );
        };
        self.kind = kind;
        let form = self.forms.entry((account.clone(), kind));
        form.or_insert_with(|| forms::new(kind, &account)).focus_first();
        self.filling = true;
        if kind == Kind::Metadata {
            self.look_around(cx);
        }
    }

    /// Asks whether there is a metadata server: off the screen's path, and for half a second at most.
    fn look_around(&mut self, cx: &mut Cx) {
        let req = cx.call(Owner::Pane(PaneId::Mint), Call::Metadata(metadata::Call::Look));
        let old = cx.shared.machine.start(req);
        cx.cancel(old);
    }

    /// Sends a request again: on the shelf that of the selected credential, else the last one.
    pub fn again(&mut self, on_shelf: bool, cx: &mut Cx) {
        let selected = self.shelf.at().and_then(|at| cx.shared.shelf.get(at)).filter(|_| on_shelf);
        let request = selected.map(|credential| credential.request.clone()).or(cx.shared.last_mint.clone());
        match request {
            Some(MintRequest { what: What::Delegated { .. }, .. }) => cx.notice(
                Level::Warning,
                "a user's token comes of a signed JWT: sign a new one, then exchange it",
            ),
            Some(request) => self.send(request, cx),
            None => cx.notice(Level::Warning, "nothing was minted yet"),
        }
    }

    /// Puts the request of the selected credential into its form, to be changed and sent.
    fn change(&mut self, cx: &mut Cx) {
        let Some(request) = self.selected_credential(cx.shared).map(|held| held.request.clone()) else {
            return cx.notice(Level::Warning, "the shelf is empty: nothing to change");
        };
        let kind = request.kind();
        if kind == Kind::Delegated {
            return self.again(true, cx);
        }
        // The form belongs to the account that the credential is for, and that becomes the opened one.
        if kind != Kind::Metadata && cx.shared.opened.as_deref() != Some(request.account.as_str()) {
            cx.intend(Intent::OpenAccount(request.account.clone()));
        }
        let account = if kind == Kind::Metadata { String::new() } else { request.account.clone() };
        let mut form = forms::new(kind, &account);
        forms::fill(&mut form, &request);
        form.focus_first();
        self.forms.insert((account, kind), form);
        (self.kind, self.filling, self.refused) = (kind, true, None);
        if kind == Kind::Metadata {
            self.look_around(cx);
        }
    }

    /// Gives the selected signed JWT to the token endpoint.
    fn exchange(&mut self, cx: &mut Cx) {
        let Some(held) = self.selected_credential(cx.shared) else {
            return cx.notice(Level::Warning, "the shelf is empty: nothing to exchange");
        };
        let What::SignedJwt { claims, .. } = &held.request.what else {
            return cx.notice(
                Level::Warning,
                "only a signed JWT can be exchanged: sign one for domain-wide delegation",
            );
        };
        let Some((subject, scopes)) = claims::delegation(claims) else {
            return cx.notice(
                Level::Warning,
                "this JWT is not meant for the token endpoint: it needs the claims scope, sub and aud of the template for domain-wide delegation",
            );
        };
        let request = MintRequest {
            account: held.request.account.clone(),
            delegates: held.request.delegates.clone(),
            what: What::Delegated { subject, scopes },
        };
        let assertion = held.secret.clone();
        self.start(request.clone(), credentials::Call::Exchange { request, assertion }, cx);
    }

    /// Asks whether the chain in the form may be tried by minting.
    fn ask_to_probe(&mut self, cx: &mut Cx) {
        let chain = self.form(cx.shared).and_then(forms::delegates).filter(|delegates| !delegates.is_empty());
        let Some(delegates) = chain.filter(|_| self.kind != Kind::Metadata) else {
            return cx
                .notice(Level::Warning, "there is no chain to try: name delegates in the field through");
        };
        let question = format!(
            "Try {} hops by minting an access token at each, to be dropped at once? Google audits every try and what is refused, and each needs iam.serviceAccounts.getAccessToken, which delegating does not imply.",
            delegates.len() + 1
        );
        cx.intend(Intent::Open(Overlay::Confirm { question, yes: Confirmed::Probe }));
    }

    /// Tries the chain in the form by minting: the person said yes.
    pub fn probe(&mut self, cx: &mut Cx) {
        let Some(account) = cx.shared.opened.clone() else { return };
        let Some(delegates) = self.form(cx.shared).and_then(forms::delegates) else { return };
        self.chain_of = Some((account.clone(), self.kind, delegates.clone()));
        self.ask_about_chain(flows::Call::ProbeChain { account, delegates }, cx);
    }

    /// What is known of each hop, once the delegates are named and whenever they are others.
    fn look_at_chain(&mut self, cx: &mut Cx) {
        let delegates = self.form(cx.shared).and_then(forms::delegates).filter(|list| !list.is_empty());
        let (Some(account), Some(permission)) = (cx.shared.opened.clone(), may::needed(self.kind)) else {
            return;
        };
        let chain = delegates.map(|delegates| (account, self.kind, delegates));
        if chain == self.chain_of {
            return;
        }
        self.chain_of.clone_from(&chain);
        match chain {
            Some((account, _, delegates)) => {
                self.ask_about_chain(flows::Call::CheckChain { account, delegates, permission }, cx)
            }
            None => {
                let awaited = std::mem::take(&mut self.chain).awaiting;
                cx.cancel(awaited);
            }
        }
    }

    fn ask_about_chain(&mut self, call: flows::Call, cx: &mut Cx) {
        let req = cx.call(Owner::Pane(PaneId::Mint), Call::Flow(call));
        let old = self.chain.start(req);
        cx.cancel(old);
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

    fn selected_credential<'a>(&self, shared: &'a Shared) -> Option<&'a Credential> {
        shared.shelf.get(self.shelf.at()?)
    }

    fn form(&self, shared: &Shared) -> Option<&Form> {
        self.forms.get(&(subject(self.kind, shared)?, self.kind))
    }

    fn form_mut(&mut self, shared: &Shared) -> Option<&mut Form> {
        self.forms.get_mut(&(subject(self.kind, shared)?, self.kind))
    }

    fn complete(&mut self, shared: &Shared) {
        let (kind, known) = (self.kind, self.known.clone());
        if let Some(form) = self.form_mut(shared) {
            let completions = completions::completions(kind, form, &known, shared);
            // An audience may be anything; a half-typed scope or account may not.
            let first = !matches!(form.editing(), Some("audience" | "account")) && !form.is_blank();
            form.offer(completions, first);
        }
    }

    fn submit(&mut self, cx: &mut Cx) {
        let (Some(account), kind, now) = (subject(self.kind, cx.shared), self.kind, cx.now.utc) else {
            return;
        };
        let Some(form) = self.form_mut(cx.shared) else { return };
        match forms::check(kind, &account, form, now) {
            Some(request) => self.send(request, cx),
            None => {
                if let Some(wrong) = form.first_error() {
                    form.focus_on(wrong);
                }
            }
        }
    }

    fn send(&mut self, request: MintRequest, cx: &mut Cx) {
        cx.shared.last_mint = Some(request.clone());
        self.start(request.clone(), credentials::Call::Mint(request), cx);
    }

    fn start(&mut self, request: MintRequest, call: credentials::Call, cx: &mut Cx) {
        self.refused = None;
        self.sent = Some(request);
        let req = cx.call(Owner::Pane(PaneId::Mint), Call::Credentials(call));
        let old = self.pending.start(req);
        if old.is_some() {
            cx.notice(
                Level::Warning,
                "the mint before was cancelled; a credential may have been made all the same",
            );
        }
        cx.cancel(old);
    }

    fn minted(&mut self, credential: Credential, cx: &mut Cx) {
        let request = credential.request.clone();
        let left =
            credential.remaining(cx.now.utc).map(|left| format!(", ends in {}", lifetime::countdown(left)));
        let (level, remark) = shelf::first_remark(&credential);
        let text = format!(
            "{} for {}{}{remark}",
            request.kind().name(),
            short(&request.account),
            left.unwrap_or_default()
        );
        cx.shared.drafts.retain(|account| *account != request.account);
        remember(&request, cx);
        cx.shared.shelf.push(credential);
        self.shelf.set_len(cx.shared.shelf.items().len());
        self.shelf.go(0);
        self.filling = false;
        cx.notice(level, format!("minted: {text}"));
    }

    /// Makes what the selected credential is meant for a favourite, or no longer.
    fn favourite(&mut self, cx: &mut Cx) {
        let Some(what) = self.selected_credential(cx.shared).map(|held| held.request.what.clone()) else {
            return cx.notice(Level::Warning, "the shelf is empty: nothing to make a favourite");
        };
        let remembered = &mut cx.shared.remembered;
        let (now, name) = match &what {
            What::IdToken { audience, .. } | What::MetadataId { audience, .. } => {
                (toggle(&mut remembered.favourite_audiences, audience), audience.clone())
            }
            What::AccessToken { scopes, .. } | What::MetadataAccess { scopes } if !scopes.is_empty() => {
                let set = shelf::scope_set(scopes);
                (toggle(&mut remembered.favourite_scopes, &set), set)
            }
            _ => return cx.notice(Level::Warning, "only scopes and audiences can be favourites"),
        };
        cx.effect(Effect::Remember(cx.shared.remembered.clone()));
        let said = if now { "is a favourite: forms offer it first" } else { "is no favourite any more" };
        cx.notice(Level::Info, format!("{name} {said}"));
    }

    /// Drops the selected credential; it wipes itself.
    fn wipe_one(&mut self, cx: &mut Cx) {
        let Some(at) = self.shelf.at() else {
            return cx.notice(Level::Warning, "the shelf is empty: nothing to wipe");
        };
        if let Some(gone) = cx.shared.shelf.remove(at) {
            self.shelf.set_len(cx.shared.shelf.items().len());
            cx.intend(Intent::Wiped(gone.secret.clone()));
            cx.notice(
                Level::Info,
                format!(
                    "wiped: {} of {}; copies elsewhere stay valid until it ends",
                    gone.request.kind().name(),
                    short(&gone.request.account)
                ),
            );
        }
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
                let before = forms::template(form);
                if form.toggle() {
                    self.edited(before, cx);
                }
            }
            Action::Accept => {
                let before = forms::template(form);
                match form.accept() {
                    Accepted::Submit => self.submit(cx),
                    Accepted::Edited(_) => self.edited(before, cx),
                    Accepted::Next => {}
                }
            }
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

    /// Something in the form changed; `template` is the one that was chosen before.
    fn edited(&mut self, template: usize, cx: &mut Cx) {
        // What was refused is not what is written there now.
        self.refused = None;
        let (kind, now) = (self.kind, cx.now.utc);
        let Some(account) = subject(kind, cx.shared) else { return };
        if kind != Kind::Metadata && !cx.shared.drafts.contains(&account) {
            cx.shared.drafts.push(account.clone());
        }
        let Some(form) = self.forms.get_mut(&(account.clone(), kind)) else { return };
        let chosen = forms::template(form);
        if kind == Kind::SignedJwt && chosen != template {
            self.claims.insert((account.clone(), template), form.area("claims"));
            let kept = self.claims.get(&(account.clone(), chosen)).cloned();
            form.set_text("claims", &kept.unwrap_or_else(|| claims::TEMPLATES[chosen].claims(&account)));
        }
        forms::changed(kind, form);
        forms::doubts(kind, &account, form, now);
    }

    /// How the room is shared: form above, shelf below, or only the half with the focus.
    fn halves(&self, area: Rect, shared: &Shared, now: Timestamp) -> (Rect, Rect) {
        let nothing = Rect { height: 0, ..area };
        let Some(form) = self.form(shared) else { return (nothing, area) };
        if area.height < BOTH_HALVES {
            return if self.filling { (area, nothing) } else { (nothing, area) };
        }
        let extra = self.below_form(shared, area.width, now);
        let look_lines = self.known_height(form, shared, area.width);
        let wanted = 2 + look_lines + form.height(area.width) + 1 + extra;
        let form_height = wanted.min(area.height.saturating_sub(4));
        let shelf = Rect { y: area.y + form_height, height: area.height - form_height, ..area };
        (Rect { height: form_height, ..area }, shelf)
    }

    /// Lines under the form: the request that will be sent, and why the last one was refused.
    fn below_form(&self, shared: &Shared, width: u16, now: Timestamp) -> u16 {
        let preview = wrapped_height(&self.preview(shared, now), width).min(MOST_PREVIEW);
        let refused = self.refusal(shared).map_or(0, |text| wrapped_height(&text, width) + 1);
        preview + refused
    }

    /// The request that the form describes; none while a field is wrong.
    fn described(&self, shared: &Shared, now: Timestamp) -> Result<MintRequest, String> {
        let (Some(form), Some(account)) = (self.form(shared), subject(self.kind, shared)) else {
            return Err("no form is open".to_owned());
        };
        let mut copy = form.clone();
        // Beside the field it is said only when sending was tried: nobody has finished typing yet.
        forms::check(self.kind, &account, &mut copy, now)
            .ok_or_else(|| format!("not yet: {}", copy.first_reason().unwrap_or_default()))
    }

    fn preview(&self, shared: &Shared, now: Timestamp) -> String {
        if self.minting() {
            return format!("minting… {} cancels", shared.keymap.key_in(Place::Form, Action::Back));
        }
        let shown = self
            .described(shared, now)
            .and_then(|request| credentials::preview(&request, &shared.endpoints, now));
        match shown {
            Ok(preview) => {
                // What every such path begins with says nothing; the `@` reads better than its escape.
                let path = preview.url_path.replace("/v1/projects/-/", "…/").replace("%40", "@");
                let body = preview.body.map(|body| format!(" {body}")).unwrap_or_default();
                format!("{} {path}{body}", preview.method)
            }
            Err(why) => why,
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

    fn draw_form(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        let (theme, shared) = (look.theme, look.shared);
        let Some(form) = self.form(shared).filter(|_| area.height > 0) else { return };
        let active = focused && self.filling;
        buf.set_line(area.x, area.y, &self.kinds(look, area.width), area.width);
        let (mut y, bottom) = (area.y + 1, area.bottom());
        let rest = |y: u16| Rect { y: y.min(bottom), height: bottom.saturating_sub(y), ..area };
        // Where there is little room, the fields have it.
        if area.height >= BOTH_HALVES {
            y += 1;
        }
        if area.height > TIGHT {
            let value =
                Rect { x: area.x + LABEL.min(area.width), width: area.width.saturating_sub(LABEL), ..area };
            let label = if self.kind == Kind::Metadata { "machine" } else { "you may" };
            buf.set_stringn(area.x, y, label, usize::from(area.width), theme.dim);
            for line in self.known(form, look, value.width, area.height) {
                buf.set_line(value.x, y, &line, value.width);
                y += 1;
            }
        }
        let cursor = form.draw(rest(y), buf, active, theme);
        look.cursor.set(cursor.filter(|_| active).or(look.cursor.get()));
        y += form.height(area.width) + 1;
        if let Some(refusal) = self.refusal(shared) {
            y += wrapped(&refusal, rest(y), buf, theme.bad) + 1;
        }
        let preview = Rect { height: rest(y).height.min(MOST_PREVIEW), ..rest(y) };
        wrapped(&self.preview(shared, look.now.utc), preview, buf, theme.dim);
    }

    /// The kinds that there are, the one being filled marked; and how to get to another.
    fn kinds(&self, look: &Look, width: u16) -> Line<'static> {
        let theme = look.theme;
        let rows: Vec<_> = look.shared.keymap.rows(Place::MintMenu).collect();
        let mut spans = Vec::new();
        for kind in Kind::FORMS {
            let key =
                rows.iter().find(|(row, _)| row.action == action(kind)).and_then(|(_, keys)| keys.first());
            let name = if width >= WIDE { kind.name() } else { kind.word() };
            let text = key.map_or_else(|| format!(" {name} "), |key| format!(" ({key}) {name} "));
            spans.push(Span::styled(text, if kind == self.kind { theme.accent } else { theme.dim }));
        }
        Line::from(spans)
    }

    /// What is known about whether it may be sent, in the lines that there are for it.
    fn known(&self, form: &Form, look: &Look, width: u16, height: u16) -> Vec<Line<'static>> {
        let lines = fold(may::lines(self.kind, form, &self.chain, look.shared, look.theme), width);
        let most = if height >= BOTH_HALVES { MOST_KNOWN } else { 2 };
        lines.into_iter().take(most).collect()
    }

    fn known_height(&self, form: &Form, shared: &Shared, width: u16) -> u16 {
        let lines = may::lines(self.kind, form, &self.chain, shared, &Theme::default());
        fold(lines, width.saturating_sub(LABEL)).len().min(MOST_KNOWN) as u16
    }
}

/// Whose form it is: the opened account's, or for the metadata server nobody's.
fn subject(kind: Kind, shared: &Shared) -> Option<String> {
    if kind == Kind::Metadata { Some(String::new()) } else { shared.opened.clone() }
}

/// The action of the menu that opens the form of a kind.
fn action(kind: Kind) -> Action {
    match kind {
        Kind::AccessToken | Kind::Delegated => Action::MintAccess,
        Kind::IdToken => Action::MintId,
        Kind::SignedJwt => Action::MintJwt,
        Kind::SignedBlob => Action::MintBlob,
        Kind::SignedUrl => Action::MintUrl,
        Kind::Metadata => Action::MintMetadata,
    }
}

/// What it was meant for is offered again, by name only.
fn remember(request: &MintRequest, cx: &mut Cx) {
    let remembered = &mut cx.shared.remembered;
    match &request.what {
        What::IdToken { audience, .. } | What::MetadataId { audience, .. } => {
            touch(&mut remembered.audiences, audience)
        }
        What::AccessToken { scopes, .. } | What::MetadataAccess { scopes } if !scopes.is_empty() => {
            touch(&mut remembered.scopes, &shelf::scope_set(scopes))
        }
        _ => return,
    }
    cx.effect(Effect::Remember(cx.shared.remembered.clone()));
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

/// A request as a command, without any token.
fn request_copy(
    action: Action,
    request: &MintRequest,
    shared: &Shared,
    now: Timestamp,
) -> Result<Effect, String> {
    let (command, name) = match action {
        Action::CopyCurl => (commands::curl(request, &shared.endpoints, now)?, "the request as curl"),
        Action::CopyGcloud => (commands::gcloud(request, &shared.endpoints, now)?, "the gcloud command"),
        _ => return Err("that cannot be copied here".into()),
    };
    let what = match command.differs {
        "" => name.to_owned(),
        differs => format!("{name} ({differs})"),
    };
    Ok(Effect::Copy(Clip { text: Secret::new(command.text), what, sensitive: false }))
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
        if action == Action::ProbeChain {
            self.ask_to_probe(cx);
            return true;
        }
        if self.filling {
            let handled = self.on_form(action, cx);
            if matches!(action, Action::NextField | Action::PreviousField | Action::Accept) {
                self.complete(cx.shared);
                self.look_at_chain(cx);
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
            Action::FocusNext | Action::FocusPrevious if subject(self.kind, cx.shared).is_some() => {
                self.open_form(self.kind, cx)
            }
            Action::MintEdited => self.change(cx),
            Action::Exchange => self.exchange(cx),
            Action::FavouriteTarget => self.favourite(cx),
            Action::WipeOne => self.wipe_one(cx),
            Action::Back if cx.shared.shelf.revealed().is_some() => cx.shared.shelf.mask(),
            _ => return false,
        }
        true
    }

    fn on_text(&mut self, edit: &TextEdit, cx: &mut Cx) {
        let Some(form) = self.form_mut(cx.shared) else { return };
        let before = forms::template(form);
        if form.edit(edit) {
            self.edited(before, cx);
            self.complete(cx.shared);
        }
    }

    fn on_reply(&mut self, req: ReqId, reply: Result<Reply, ApiError>, cx: &mut Cx) {
        if self.chain.awaits(req) {
            self.chain.settle_as(req, reply, |reply| match reply {
                Reply::Chain(hops) => Some(hops),
                _ => None,
            });
            return;
        }
        if cx.shared.machine.awaits(req) {
            // What was found before is of no use where the server is gone.
            cx.shared.machine.value = None;
            cx.shared.machine.settle_as(req, reply, |reply| match reply {
                Reply::Machine(machine) => Some(machine),
                _ => None,
            });
            return;
        }
        if !self.pending.awaits(req) {
            return;
        }
        self.pending.awaiting = None;
        match reply {
            Ok(Reply::Minted(credential)) => self.minted(*credential, cx),
            Ok(_) => {}
            Err(error) => {
                self.refused = self.sent.clone().map(|request| (request, error.clone()));
                // Where the form of that request is not on screen, the sentence must be.
                if !self.roomy || self.refusal(cx.shared).is_none() {
                    cx.complain(&error);
                }
            }
        }
    }

    fn fit(&mut self, area: Rect, shared: &Shared, now: Timestamp) {
        self.shelf.set_len(shared.shelf.items().len());
        let (form, shelf) = self.halves(area, shared, now);
        self.roomy = area.height >= BOTH_HALVES && form.height > 0;
        let below = shelf::below_height(&self.shelf, shared, shelf);
        self.shelf.set_height(usize::from(shelf.height.saturating_sub(1 + below)));
    }

    fn copies(&self, shared: &Shared) -> Vec<Action> {
        // In a form it is the request that is copied: letters are text there, the palette is not.
        if self.filling {
            return vec![Action::CopyCurl, Action::CopyGcloud];
        }
        let Some(credential) = self.shelf.at().and_then(|at| shared.shelf.get(at)) else { return Vec::new() };
        shelf::copies(credential)
    }

    fn copy(&self, action: Action, shared: &Shared, now: Timestamp) -> Result<Effect, String> {
        if self.filling {
            return request_copy(action, &self.described(shared, now)?, shared, now);
        }
        let credential = self.shelf.at().and_then(|at| shared.shelf.get(at)).ok_or("the shelf is empty")?;
        shelf::copy(action, credential, shared, now)
    }

    fn counts_down(&self, shared: &Shared, now: crate::app::msg::Now) -> bool {
        shared.shelf.counts_down(now.utc)
    }

    fn title(&self, look: &Look) -> String {
        let waiting = if self.minting() { " minting…" } else { "" };
        match look.shared.opened.as_deref() {
            Some(account) => format!("as {}{waiting}", short(account)),
            None if self.kind == Kind::Metadata => format!("as this machine{waiting}"),
            None => "no account is open".into(),
        }
    }

    fn draw(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        let (form, shelf) = self.halves(area, look.shared, look.now.utc);
        self.draw_form(form, buf, look, focused);
        shelf::draw(&self.shelf, shelf, buf, look, focused && !self.filling);
    }
}

#[cfg(test)]
mod tests;
