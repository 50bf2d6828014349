//! Actions on held credentials: mint again, edit, exchange, reveal, wipe.

use super::{FormKey, Mint, REVEALED, kinds, shelf, subject};
use crate::{
    local::state::{Remembered, toggle, touch},
    model::{
        account::{AccountRef, short},
        claims,
        credential::{Credential, Kind, MintRequest, What},
        lifetime, scopes,
    },
    ops,
    tui::app::{
        msg::{Effect, Intent, Level, TimerId},
        shared::Cx,
    },
};

impl Mint {
    /// Mints again: the selected credential's request on the shelf, else the last one.
    pub(crate) fn again(&mut self, on_shelf: bool, cx: &mut Cx) {
        let selected = self.shelf.at().and_then(|at| cx.shared.shelf.get(at)).filter(|_| on_shelf);
        let request =
            selected.map(|credential| credential.request.clone()).or(cx.shared.shelf.last_request().cloned());
        match request {
            Some(request) => self.resend(request, cx),
            None => cx.notice(Level::Warning, "Nothing minted yet"),
        }
    }

    /// Sends a request again.
    pub(crate) fn resend(&mut self, request: MintRequest, cx: &mut Cx) {
        if request.kind() == Kind::Delegated {
            return cx.notice(
                Level::Warning,
                "A user's token comes from a signed JWT: sign a new one, then exchange it",
            );
        }
        self.send(request, None, cx);
    }

    /// Sends a request that another pane made.
    pub(crate) fn mint(&mut self, request: MintRequest, cx: &mut Cx) {
        self.filling = false;
        self.send(request, None, cx);
    }

    /// Drops the last error, which was another caller's.
    pub(crate) fn forget_refusal(&mut self) {
        self.refused = None;
    }

    /// Opens the selected credential's request in its form.
    pub(super) fn change(&mut self, cx: &mut Cx) {
        let Some(request) = self.selected_credential(cx.shared).map(|held| held.request.clone()) else {
            return cx.notice(Level::Warning, "The shelf is empty: nothing to edit");
        };
        let kind = request.kind();
        if kind == Kind::Delegated {
            return self.again(true, cx);
        }
        // The form belongs to the credential's account, which becomes the opened one.
        if kind != Kind::Metadata && cx.shared.workspace.opened.as_deref() != Some(request.account.as_str()) {
            cx.intend(Intent::OpenAccount(AccountRef::read(&request.account)));
        }
        let account = if kind == Kind::Metadata { String::new() } else { request.account.clone() };
        let key = (account, kind);
        if self.touched.remove(&key) {
            cx.notice(Level::Warning, "Replaced what you had typed in this form with this request");
        }
        let form = self.forms.entry(key.clone()).or_insert_with(|| kinds::new(kind, &key.0));
        form.fill(&request);
        form.edited(&key.0, cx.now.utc);
        form.focus_first();
        (self.kind, self.filling, self.refused) = (kind, true, None);
        self.forget_chain(cx);
        if kind == Kind::Metadata {
            self.explore(cx);
        }
    }

    /// Exchanges the selected signed JWT at the token endpoint.
    pub(super) fn exchange(&mut self, cx: &mut Cx) {
        let Some(held) = self.selected_credential(cx.shared) else {
            return cx.notice(Level::Warning, "The shelf is empty: nothing to exchange");
        };
        let What::SignedJwt { claims, .. } = &held.request.what else {
            return cx.notice(
                Level::Warning,
                "Only a signed JWT can be exchanged. Sign one for domain-wide delegation first",
            );
        };
        let Some((subject, scopes)) = claims::delegation(claims) else {
            return cx.notice(
                Level::Warning,
                "This JWT isn't for the token endpoint: it needs the claims scope, sub and aud, as in the template for domain-wide delegation",
            );
        };
        let request = MintRequest {
            account: held.request.account.clone(),
            delegates: held.request.delegates.clone(),
            what: What::Delegated { subject, scopes },
        };
        let assertion = held.secret.clone();
        self.start(request.clone(), ops::exchange_jwt(request, assertion), None, cx);
    }

    pub(super) fn minted(&mut self, credential: Credential, from: Option<FormKey>, cx: &mut Cx) {
        let request = credential.request.clone();
        let now = cx.shared.session.at_google(cx.now.utc);
        let left =
            credential.remaining(now).map(|left| format!(", expires in {}", lifetime::countdown(left)));
        let (level, remark) = shelf::first_remark(&credential);
        let text = format!(
            "{} for {}{}{remark}",
            request.kind().done(),
            short(credential.account()),
            left.unwrap_or_default()
        );
        remember(&request, cx);
        cx.shared.shelf.push(credential);
        self.shelf.set_len(cx.shared.shelf.items().len());
        // Someone who is typing elsewhere by now isn't interrupted.
        if let Some(from) = &from {
            self.touched.remove(from);
            let drafts = &self.touched;
            cx.shared.workspace.drafts.retain(|account| drafts.iter().any(|(other, _)| other == account));
        }
        let here = subject(self.kind, cx.shared).map(|account| (account, self.kind));
        if from.is_some() && from == here {
            self.filling = false;
        }
        if !self.filling {
            self.shelf.go(0);
        }
        cx.notice(level, text);
    }

    /// Toggles the selected credential's scopes or audience as a favourite.
    pub(super) fn favourite(&mut self, cx: &mut Cx) {
        let Some(request) = self.selected_credential(cx.shared).map(|held| held.request.clone()) else {
            return cx.notice(Level::Warning, "The shelf is empty: nothing to favourite");
        };
        let marked = Target::of(&request, &mut cx.shared.remembered)
            .map(|target| (toggle(target.favourites, &target.name), target.name));
        let Some((now, name)) = marked else {
            return cx.notice(Level::Warning, "Only scopes and audiences can be favourites");
        };
        cx.effect(Effect::Remember(cx.shared.remembered.clone()));
        let said = if now { "is now a favourite: forms offer it first" } else { "is no longer a favourite" };
        cx.notice(Level::Info, format!("{name} {said}"));
    }

    /// Drops the selected credential, which wipes itself.
    pub(super) fn wipe_one(&mut self, cx: &mut Cx) {
        let Some(at) = self.shelf.at() else {
            return cx.notice(Level::Warning, "The shelf is empty: nothing to wipe");
        };
        if let Some(gone) = cx.shared.shelf.remove(at) {
            self.shelf.set_len(cx.shared.shelf.items().len());
            cx.intend(Intent::Wiped(gone.secret.clone()));
            cx.notice(
                Level::Info,
                format!(
                    "Wiped {} of {}; copies elsewhere stay valid until they expire",
                    gone.request.kind().name(),
                    short(&gone.request.account)
                ),
            );
        }
    }

    pub(super) fn reveal(&mut self, cx: &mut Cx) {
        let Some(at) = self.shelf.at() else {
            return cx.notice(Level::Warning, "The shelf is empty: nothing to reveal");
        };
        if cx.shared.shelf.revealed() == Some(at) {
            cx.shared.shelf.mask();
        } else {
            let turn = cx.shared.shelf.reveal(at);
            cx.effect(Effect::After(TimerId::Mask(turn), REVEALED));
        }
    }
}

/// The part of a request that forms offer again, and where it is remembered.
struct Target<'a> {
    name: String,
    recent: &'a mut Vec<String>,
    favourites: &'a mut Vec<String>,
}

impl Target<'_> {
    /// The audience, else the scopes; those of a user's token are in the claims that it was made from.
    fn of<'a>(request: &MintRequest, remembered: &'a mut Remembered) -> Option<Target<'a>> {
        let Remembered { audiences, favourite_audiences, scopes, favourite_scopes, .. } = remembered;
        match (request.what.audience(), request.what.scopes()) {
            (Some(audience), _) => {
                Some(Target { name: audience.to_owned(), recent: audiences, favourites: favourite_audiences })
            }
            (None, set) if !set.is_empty() && request.kind() != Kind::Delegated => {
                Some(Target { name: scopes::set(set), recent: scopes, favourites: favourite_scopes })
            }
            (None, _) => None,
        }
    }
}

/// Remembers scopes or audience for completions; never the credential.
pub(super) fn remember(request: &MintRequest, cx: &mut Cx) {
    if let Some(target) = Target::of(request, &mut cx.shared.remembered) {
        touch(target.recent, &target.name);
        cx.effect(Effect::Remember(cx.shared.remembered.clone()));
    }
}
