//! The chain of delegates in a form: what is known about its hops, and testing them by minting after a confirmation.

use super::{Mint, OWNER, kinds};
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
            msg::{Intent, Level},
            shared::{Cx, Shared},
            slot::Slot,
        },
        overlays::{Confirmed, Overlay},
    },
};

/// A chain: who mints what through whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChainOf {
    pub(super) account: String,
    kind: Kind,
    delegates: Vec<String>,
}

/// A chain, and what is known about its hops.
pub(super) struct Chain {
    pub(super) of: ChainOf,
    pub(super) hops: Slot<Vec<Hop>>,
}

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
        let Some(account) = cx.shared.workspace.opened.clone() else { return };
        let Some(delegates) = self.form(cx.shared).and_then(kinds::delegates) else { return };
        let Some(permission) = self.kind.permission() else { return };
        let of = ChainOf { account: account.clone(), kind: self.kind, delegates: delegates.clone() };
        self.ask_about_chain(of, ops::probe_chain(account, delegates, permission), cx);
    }

    /// Looks up each hop when the delegates are complete and whenever they change.
    pub(super) fn look_at_chain(&mut self, cx: &mut Cx) {
        self.check_chain(false, cx);
    }

    fn check_chain(&mut self, again: bool, cx: &mut Cx) {
        let delegates = self.form(cx.shared).and_then(kinds::delegates).filter(|list| !list.is_empty());
        let (Some(account), Some(permission)) = (cx.shared.workspace.opened.clone(), self.kind.permission())
        else {
            return;
        };
        let Some(delegates) = delegates else { return self.forget_chain(cx) };
        let of = ChainOf { account, kind: self.kind, delegates };
        let is_known = |chain: &Chain| chain.of == of && chain.hops.error().is_none();
        if !again && self.chain.as_ref().is_some_and(is_known) {
            return;
        }
        let check = ops::check_chain(of.account.clone(), of.delegates.clone(), permission);
        self.ask_about_chain(of, check, cx);
    }

    /// Looks up the chain again: when a form is shown again, or when a request contradicted what was known.
    pub(super) fn look_at_chain_again(&mut self, cx: &mut Cx) {
        self.check_chain(true, cx);
    }

    /// Drops what is known about the chain.
    pub(super) fn forget_chain(&mut self, cx: &mut Cx) {
        let awaited = self.chain.take().and_then(|mut chain| chain.hops.stop());
        cx.cancel(awaited);
    }

    /// What is known about exactly the chain in the visible form.
    pub(super) fn chain_on_screen(&self, shared: &Shared) -> Option<&Slot<Vec<Hop>>> {
        let named = self.form(shared).and_then(kinds::delegates)?;
        let Chain { of, hops } = self.chain.as_ref()?;
        let same = shared.workspace.opened.as_ref() == Some(&of.account)
            && of.kind == self.kind
            && of.delegates == named;
        same.then_some(hops)
    }

    /// Whether anything is known about the visible chain.
    #[cfg(test)]
    pub(crate) fn shows_chain(&self, shared: &Shared) -> bool {
        self.chain_on_screen(shared).is_some_and(|chain| chain.value().is_some())
    }

    fn ask_about_chain(&mut self, of: ChainOf, check: Operation<Vec<Hop>>, cx: &mut Cx) {
        if self.chain.as_ref().is_some_and(|chain| chain.of != of) {
            self.forget_chain(cx);
        }
        let chain = self.chain.get_or_insert_with(|| Chain { of, hops: Slot::default() });
        cx.read_into(&mut chain.hops, OWNER, check);
    }
}

/// The hops of a denied chain: Google doesn't say which of them failed.
pub(super) fn hops(request: &MintRequest, error: &ApiError) -> String {
    if request.delegates.is_empty() || !matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound) {
        return String::new();
    }
    let chain: Vec<_> = request.delegates.iter().chain([&request.account]).map(|name| short(name)).collect();
    format!(" The chain is you > {}; each needs access to the next.", chain.join(" > "))
}
