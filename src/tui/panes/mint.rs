//! Minting: a form for each kind of credential, above the shelf of minted credentials. A form belongs to its account
//! and keeps what was typed; it shows the exact request before sending, and why one was denied.

mod chain;
mod completions;
mod draw;
mod held;
mod kinds;
mod may;
mod shelf;

pub(crate) use kinds::action as menu_action;

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use ratatui::{buffer::Buffer, layout::Rect};

use super::{Look, Pane, as_move};
use crate::{
    http::ApiError,
    keymap::{Action, Place},
    model::{
        account::{Account, short},
        claims,
        credential::{Credential, Kind, MintRequest},
        permission::{Permission, by_name},
    },
    ops::{self, Operation, Pending, Reply},
    tui::{
        app::{
            msg::{Effect, Intent, Level, Owner, PaneId, ReqId},
            shared::{Cx, Shared},
        },
        widgets::{form::Accepted, input::TextEdit, list::ListCursor},
    },
};
use chain::Chain;
use kinds::MintForm;

const OWNER: Owner = Owner::Pane(PaneId::Mint);

/// How long a secret stays revealed.
pub(crate) const REVEALED: std::time::Duration = std::time::Duration::from_secs(30);

/// Below this many lines only the half with the focus is shown.
const BOTH_HALVES: u16 = 15;

/// A form's account (empty for the metadata server) and kind.
type FormKey = (String, Kind);

/// A request under way.
struct Minting {
    pending: Pending<Credential>,
    request: MintRequest,
    /// The form it was sent from, while that is unchanged.
    from: Option<FormKey>,
}

pub(crate) struct Mint {
    kind: Kind,
    /// Forms by account and kind, so that typed text stays with its account.
    forms: HashMap<FormKey, Box<dyn MintForm>>,
    filling: bool,
    minting: Option<Minting>,
    /// Forms with typed text that wasn't sent.
    touched: HashSet<FormKey>,
    /// The last request that failed, with its error.
    refused: Option<(MintRequest, ApiError)>,
    shelf: ListCursor,
    /// The chain in the form, as far as it is known.
    chain: Option<Chain>,
    /// Whether form and error fit on the screen.
    roomy: bool,
    /// Accounts to complete in the field being edited.
    known: Vec<String>,
}

impl Default for Mint {
    fn default() -> Self {
        Mint {
            kind: Kind::AccessToken,
            forms: HashMap::new(),
            filling: false,
            minting: None,
            touched: HashSet::new(),
            refused: None,
            shelf: ListCursor::default(),
            chain: None,
            roomy: false,
            known: Vec::new(),
        }
    }
}

impl Mint {
    /// Shows the form of a kind for the opened account, ready to be filled.
    pub(crate) fn open_form(&mut self, kind: Kind, cx: &mut Cx) {
        let Some(account) = subject(kind, cx.shared) else {
            let key = cx.shared.keymap.key(Action::Show(PaneId::Accounts));
            return cx.notice(
                Level::Warning,
                format!("No account is open. Press {key} for the list, then enter to open one"),
            );
        };
        self.kind = kind;
        let form = self.forms.entry((account.clone(), kind));
        let form = form.or_insert_with(|| kinds::new(kind, &account));
        form.edited(&account, cx.now.utc);
        form.focus_first();
        self.filling = true;
        self.look_at_chain_again(cx);
        if kind == Kind::Metadata {
            self.explore(cx);
        }
    }

    /// Looks for a metadata server, in the background.
    fn explore(&mut self, cx: &mut Cx) {
        cx.read(OWNER, ops::get_machine(), |shared| &mut shared.workspace.machine);
    }

    /// The permission named by the last denial, if any.
    pub(crate) fn missing(&self) -> Option<Permission> {
        let (_, error) = self.refused.as_ref()?;
        by_name(error.metadata()?.get("permission")?)
    }

    /// Whether a request is in flight.
    pub(crate) fn minting(&self) -> bool {
        self.minting.is_some()
    }

    /// The request that is minted by this call.
    pub(crate) fn request(&self, req: ReqId) -> Option<&MintRequest> {
        self.minting.as_ref().filter(|minting| minting.pending == req).map(|minting| &minting.request)
    }

    /// The last request that failed.
    pub(crate) fn refused_request(&self) -> Option<&MintRequest> {
        self.refused.as_ref().map(|(request, _)| request)
    }

    /// Cancels the mint in progress.
    pub(crate) fn cancel(&mut self, cx: &mut Cx) {
        cx.cancel(self.minting.take().map(|minting| minting.pending));
    }

    /// The same, with a notice about the consequences.
    fn give_up(&mut self, cx: &mut Cx) {
        self.cancel(cx);
        cx.notice(Level::Warning, "Minting cancelled; the credential may have been created anyway");
    }

    /// Offers listed accounts as delegates while one is being typed.
    pub(crate) fn offer_accounts(&mut self, accounts: &[&Account], shared: &Shared) {
        self.known = accounts.iter().map(|account| account.email.clone()).collect();
        self.complete(shared);
    }

    /// The delegate being typed, if the delegates field has the keyboard.
    pub(crate) fn asks_for_accounts(&self, shared: &Shared) -> Option<String> {
        self.form(shared).filter(|_| self.filling)?.typed_delegate().map(str::to_owned)
    }

    fn selected_credential<'a>(&self, shared: &'a Shared) -> Option<&'a Credential> {
        shared.shelf.get(self.shelf.at()?)
    }

    fn form(&self, shared: &Shared) -> Option<&dyn MintForm> {
        self.forms.get(&(subject(self.kind, shared)?, self.kind)).map(|form| &**form)
    }

    fn form_mut(&mut self, shared: &Shared) -> Option<&mut Box<dyn MintForm>> {
        self.forms.get_mut(&(subject(self.kind, shared)?, self.kind))
    }

    fn complete(&mut self, shared: &Shared) {
        let known = self.known.clone();
        if let Some(form) = self.form_mut(shared) {
            form.complete(&known, shared);
        }
    }

    fn submit(&mut self, cx: &mut Cx) {
        let (Some(account), kind, now) = (subject(self.kind, cx.shared), self.kind, cx.now.utc) else {
            return;
        };
        let under_way = self.minting.as_ref().map(|minting| minting.request.clone());
        let Some(form) = self.form_mut(cx.shared) else { return };
        match form.check(&account, now) {
            // Pressed twice: already in flight.
            Some(request) if under_way.as_ref() == Some(&request) => {}
            Some(request) => self.send(request, Some((account, kind)), cx),
            None => {
                // An error with a position moves the cursor there.
                if let Some((line, column)) = form.focus_on_error().and_then(claims::place) {
                    form.go(line, column);
                }
            }
        }
    }

    fn send(&mut self, request: MintRequest, from: Option<FormKey>, cx: &mut Cx) {
        cx.shared.shelf.set_last_request(request.clone());
        self.start(request.clone(), ops::mint(request), from, cx);
    }

    fn start(
        &mut self,
        request: MintRequest,
        mint: Operation<Credential>,
        from: Option<FormKey>,
        cx: &mut Cx,
    ) {
        self.refused = None;
        let pending = cx.call(OWNER, mint);
        let Some(old) = self.minting.replace(Minting { pending, request, from }) else { return };
        cx.notice(
            Level::Warning,
            "The previous mint was cancelled; its credential may have been created anyway",
        );
        cx.cancel(Some(old.pending));
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
                if form.toggle() {
                    self.edited(cx);
                }
            }
            Action::Accept => match form.accept() {
                Accepted::Submit => self.submit(cx),
                Accepted::Edited => self.edited(cx),
                Accepted::Next => {}
            },
            Action::Submit => self.submit(cx),
            Action::Back if self.minting() => self.give_up(cx),
            Action::Back => self.filling = false,
            _ => return false,
        }
        true
    }

    /// Handles a change in the form.
    fn edited(&mut self, cx: &mut Cx) {
        // The text no longer matches what was denied or sent.
        self.refused = None;
        self.minting.iter_mut().for_each(|minting| minting.from = None);
        let (kind, now) = (self.kind, cx.now.utc);
        let Some(account) = subject(kind, cx.shared) else { return };
        self.touched.insert((account.clone(), kind));
        if kind != Kind::Metadata && !cx.shared.workspace.drafts.contains(&account) {
            cx.shared.workspace.drafts.push(account.clone());
        }
        if let Some(form) = self.forms.get_mut(&(account.clone(), kind)) {
            form.edited(&account, now);
        }
    }
}

/// The account of a form: the opened one; empty for the metadata server.
fn subject(kind: Kind, shared: &Shared) -> Option<String> {
    if kind == Kind::Metadata { Some(String::new()) } else { shared.workspace.opened.clone() }
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
                let verdict = credential.signed.as_ref().map(|signed| signed.verdict.clone());
                let request = Some(credential.request.clone());
                cx.intend(Intent::Inspect { token, from, about, expires, verdict, request });
            }
            Action::FocusNext | Action::FocusPrevious if subject(self.kind, cx.shared).is_some() => {
                self.open_form(self.kind, cx)
            }
            Action::MintEdited => self.change(cx),
            Action::Exchange => self.exchange(cx),
            Action::FavouriteTarget => self.favourite(cx),
            Action::WipeOne => self.wipe_one(cx),
            Action::Back if cx.shared.shelf.revealed().is_some() => cx.shared.shelf.mask(),
            Action::Back if self.minting() => self.give_up(cx),
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
        if let Some(chain) = self.chain.as_mut().filter(|chain| chain.hops.awaits(req)) {
            chain.hops.settle(req, reply);
            return;
        }
        if cx.shared.workspace.machine.awaits(req) {
            // Earlier results are useless without the server.
            cx.shared.workspace.machine.forget();
            cx.shared.workspace.machine.settle(req, reply);
            return;
        }
        let Some(minting) = self.minting.take_if(|minting| minting.pending == req) else { return };
        match minting.pending.open(reply) {
            Ok(credential) => self.minted(credential, minting.from, cx),
            Err(error) => {
                self.refused = Some((minting.request, error.clone()));
                // What was known about the chain may be outdated.
                self.look_at_chain_again(cx);
                // If the form of that request isn't visible, the error goes to the notice.
                if !self.roomy || self.refusal(cx.shared).is_none() {
                    cx.complain(&error);
                }
            }
        }
    }

    fn renamed(&mut self, from: &str, to: &str, _shared: &Shared) {
        for kind in Kind::FORMS {
            let (old, new) = ((from.to_owned(), kind), (to.to_owned(), kind));
            let typed = self.touched.remove(&old);
            // Of two forms, the one with typed text stays.
            if let Some(form) = self.forms.remove(&old)
                && (typed || !self.forms.contains_key(&new))
            {
                self.forms.insert(new.clone(), form);
            }
            if typed {
                self.touched.insert(new);
            }
        }
        let minting = self.minting.iter_mut().flat_map(|minting| {
            [&mut minting.request.account]
                .into_iter()
                .chain(minting.from.iter_mut().map(|(account, _)| account))
        });
        let refused = self.refused.iter_mut().map(|(request, _)| &mut request.account);
        let chain = self.chain.iter_mut().map(|chain| &mut chain.of.account);
        let names = minting.chain(refused).chain(chain);
        names.filter(|name| *name == from).for_each(|name| *name = to.to_owned());
    }

    fn fit(&mut self, area: Rect, shared: &Shared, now: Timestamp) {
        self.shelf.set_len(shared.shelf.items().len());
        self.roomy = self.has_room_below(area, shared);
        let (_, shelf) = self.halves(area, shared, now);
        let below = shelf::below_height(&self.shelf, shared, shelf);
        self.shelf.set_height(usize::from(shelf.height.saturating_sub(1 + below)));
    }

    fn copies(&self, shared: &Shared) -> Vec<Action> {
        // While a form is edited, the palette copies its request.
        if self.filling {
            return vec![Action::CopyCurl, Action::CopyGcloud];
        }
        let Some(credential) = self.shelf.at().and_then(|at| shared.shelf.get(at)) else { return Vec::new() };
        kinds::item(&credential.request.what).copies.to_vec()
    }

    fn copy(&self, action: Action, shared: &Shared, now: Timestamp) -> Result<Effect, String> {
        if self.filling {
            return draw::request_copy(action, &self.described(shared, now)?, shared, now);
        }
        let credential = self.shelf.at().and_then(|at| shared.shelf.get(at)).ok_or("The shelf is empty")?;
        shelf::copy(action, credential, shared, now)
    }

    fn denial<'a>(&'a self, _shared: &'a Shared) -> Option<&'a ApiError> {
        self.refused.as_ref().map(|(_, error)| error)
    }

    fn counts_down(&self, shared: &Shared, now: crate::tui::app::msg::Now) -> bool {
        shared.shelf.counts_down(shared.session.at_google(now.utc))
    }

    fn title(&self, look: &Look) -> String {
        let waiting = if self.minting() { " minting…" } else { "" };
        match look.shared.workspace.opened.as_deref() {
            _ if self.filling && self.kind == Kind::Metadata => format!("this machine{waiting}"),
            Some(account) => format!("{}{waiting}", short(account)),
            None => "no account open".into(),
        }
    }

    fn draw(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        let (form, shelf) = self.halves(area, look.shared, look.now.utc);
        self.draw_form(form, buf, look, focused);
        shelf::draw(&self.shelf, shelf, buf, look, focused && !self.filling);
    }
}
