//! The chain of delegates in a form: what is known about its hops, and testing them by minting after a confirmation.

use super::{Mint, kinds};
use crate::{
    http::{ApiError, ErrorKind},
    model::{
        account::short,
        chain::Hop,
        credential::{Kind, MintRequest},
    },
    ops::{self, Operation},
    tui::{
        app::{
            msg::{Intent, Level, Owner, PaneId},
            shared::{Cx, Shared},
            slot::Slot,
        },
        overlays::{Confirmed, Overlay},
    },
};

impl Mint {
    /// Asks for confirmation to test the chain in the form by minting.
    pub(super) fn ask_to_probe(&mut self, cx: &mut Cx) {
        let chain = self.form(cx.shared).and_then(kinds::delegates).filter(|delegates| !delegates.is_empty());
        let Some(delegates) = chain.filter(|_| self.kind != Kind::Metadata) else {
            return cx.notice(Level::Warning, "No chain to test: enter delegates first");
        };
        let question = format!(
            "Test the chain by minting? This mints up to {} access tokens and discards them at once. Google audits every attempt, denials included. Each hop needs iam.serviceAccounts.getAccessToken, which delegation doesn't imply.",
            delegates.len()
        );
        cx.intend(Intent::Open(Overlay::Confirm { question, yes: Confirmed::Probe }));
    }

    /// Tests the chain in the form by minting, once confirmed.
    pub(crate) fn probe(&mut self, cx: &mut Cx) {
        let Some(account) = cx.shared.opened.clone() else { return };
        let Some(delegates) = self.form(cx.shared).and_then(kinds::delegates) else { return };
        self.chain_of = Some((account.clone(), self.kind, delegates.clone()));
        let Some(permission) = self.kind.permission() else { return };
        self.ask_about_chain(ops::probe_chain(account, delegates, permission), cx);
    }

    /// Looks up each hop when the delegates are complete and whenever they change.
    pub(super) fn look_at_chain(&mut self, cx: &mut Cx) {
        let delegates = self.form(cx.shared).and_then(kinds::delegates).filter(|list| !list.is_empty());
        let (Some(account), Some(permission)) = (cx.shared.opened.clone(), self.kind.permission()) else {
            return;
        };
        let chain = delegates.map(|delegates| (account, self.kind, delegates));
        if chain == self.chain_of && self.chain.error.is_none() {
            return;
        }
        self.chain_of.clone_from(&chain);
        match chain {
            Some((account, _, delegates)) => {
                self.ask_about_chain(ops::check_chain(account, delegates, permission), cx)
            }
            None => {
                let awaited = std::mem::take(&mut self.chain).awaiting;
                cx.cancel(awaited);
            }
        }
    }

    /// Looks up the chain again: when a form is shown again, or when a request contradicted what was known.
    pub(super) fn look_at_chain_again(&mut self, cx: &mut Cx) {
        self.chain_of = None;
        self.look_at_chain(cx);
    }

    /// What is known about exactly the chain in the visible form.
    pub(super) fn chain_on_screen(&self, shared: &Shared) -> Option<&Slot<Vec<Hop>>> {
        let named = self.form(shared).and_then(kinds::delegates)?;
        let (account, kind, delegates) = self.chain_of.as_ref()?;
        let same = shared.opened.as_ref() == Some(account) && *kind == self.kind && *delegates == named;
        same.then_some(&self.chain)
    }

    /// Whether anything is known about the visible chain.
    #[cfg(test)]
    pub(crate) fn shows_chain(&self, shared: &Shared) -> bool {
        self.chain_on_screen(shared).is_some_and(|chain| chain.value.is_some())
    }

    pub(super) fn ask_about_chain(&mut self, check: Operation<Vec<Hop>>, cx: &mut Cx) {
        let req = cx.call(Owner::Pane(PaneId::Mint), check);
        let old = self.chain.start(req);
        cx.cancel(old);
    }
}

/// The hops of a denied chain: Google doesn't say which of them failed.
pub(super) fn hops(request: &MintRequest, error: &ApiError) -> String {
    if request.delegates.is_empty() || !matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound) {
        return String::new();
    }
    let chain: Vec<&str> =
        request.delegates.iter().chain([&request.account]).map(|name| short(name)).collect();
    format!(" The chain is you > {}; each needs access to the next.", chain.join(" > "))
}
