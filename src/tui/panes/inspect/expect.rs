//! The form for what the token will be used for, the checks against that, and the request for a token that fits.

use std::path::PathBuf;

use jiff::Timestamp;

use super::Inspect;
use crate::{
    keymap::Action,
    model::{
        account::parse,
        credential::{MintRequest, What},
        denial::ORDINARY_LIFETIME,
        jwt::{self, Around, Check, Expectation, Fix},
    },
    tui::{
        app::{
            msg::{Intent, Level},
            shared::{Cx, Shared},
        },
        widgets::form::{Field, Form},
    },
};

pub(super) fn form() -> Form {
    Form::new(
        "check",
        vec![
            Field::text("call", "destination", "", "a URL, or a Google API such as storage"),
            Field::text("audience", "audience", "", "what the service expects, if not the URL"),
            Field::text("keys", "public keys", "", "a JWKS or certificate file; empty: the signer's keys"),
        ],
    )
}

impl Inspect {
    /// Takes in the typed text; errors are shown beside the field, and the rest is checked anyway.
    pub(super) fn expect(&mut self) {
        let calling = Expectation::calling(self.form.text("call"));
        self.form.set_error("call", calling.as_ref().err().cloned());
        // A rejected paste was already reported there and doesn't keep the form open.
        ["audience", "keys"].into_iter().for_each(|field| self.form.set_error(field, None));
        let audience = Some(self.form.text("audience").trim().to_owned()).filter(|text| !text.is_empty());
        self.expectation = Expectation { audience, ..calling.unwrap_or_default() };
    }

    /// Closes the form; with a file of keys, checks the signature with them.
    pub(super) fn submit(&mut self, cx: &mut Cx) {
        self.expect();
        if let Some(wrong) = self.form.first_error() {
            return self.form.focus_on(wrong);
        }
        self.filling = false;
        let path = Some(self.form.text("keys").trim()).filter(|path| !path.is_empty()).map(PathBuf::from);
        if path != self.keys_file {
            let awaited = std::mem::take(&mut self.keys).stop();
            cx.cancel(awaited);
            self.keys_file = path;
            self.verdict = None;
            if self.keys_file.is_some() && self.reading.is_some() {
                self.check(cx);
            }
        }
    }

    /// The checks against the token's use.
    pub(super) fn checks(&self, shared: &Shared, now: Timestamp) -> Vec<Check> {
        let Some(reading) = &self.reading else { return Vec::new() };
        let scopes = self.scopes();
        let around = Around {
            now,
            scopes: scopes.as_deref(),
            ends: self.expires.or(self.facts.value().and_then(|facts| facts.expires)),
            skew: shared.session.skew,
            disabled: self.account().is_some_and(|account| is_disabled(&account, shared)),
        };
        jwt::checks(reading, &self.expectation, &around)
    }

    /// The scopes of an access token: according to Google, else those it was minted with.
    fn scopes(&self) -> Option<Vec<String>> {
        let told = self.facts.value().map(|facts| facts.scopes.clone());
        told.or_else(|| match &self.request.as_ref()?.what {
            What::AccessToken { scopes, .. } | What::Delegated { scopes, .. } => Some(scopes.clone()),
            _ => None,
        })
    }

    /// The account that the token represents, from its request, its claims or Google.
    fn account(&self) -> Option<String> {
        if let Some(request) = &self.request {
            return Some(request.account.clone());
        }
        let claims = &self.reading.as_ref()?.claims;
        let told = self.facts.value().and_then(|facts| facts.email.clone());
        let mut named = ["email", "iss", "sub"].into_iter().filter_map(|name| claims.text(name)).chain(told);
        named.find(|name| parse(name).as_ref() == Ok(name) && name.contains('@'))
    }

    /// The request for a token that fits, if the failed checks determine one: for the account that the token represents,
    /// else for the opened one.
    pub(super) fn mended(&self, checks: &[Check], shared: &Shared) -> Option<MintRequest> {
        let fix = checks.iter().find_map(|check| check.fix.clone())?;
        self.request_for(fix, self.account().or_else(|| shared.workspace.opened.clone())?)
    }

    /// Mints a token that fits, instead of this one.
    pub(super) fn fix(&mut self, cx: &mut Cx) {
        if self.reading.is_none() {
            return cx.notice(Level::Warning, "No token yet: paste one");
        }
        let checks = self.checks(cx.shared, cx.shared.session.at_google(cx.now.utc));
        if let Some(request) = self.mended(&checks, cx.shared) {
            return cx.intend(Intent::Mint(request));
        }
        let key = cx.shared.keymap.key(Action::Expect);
        let text = if checks.iter().any(|check| check.fix.is_some()) {
            "Can't mint a replacement: the account is unknown, or this credential can't be minted again. Use its form"
                .to_owned()
        } else if self.expectation.is_empty() {
            format!("Press {key} and enter what you will call first")
        } else {
            "A different token would not help".to_owned()
        };
        cx.notice(Level::Info, text);
    }

    fn request_for(&self, fix: Fix, account: String) -> Option<MintRequest> {
        // A user's token has a different identity from the account it was obtained with.
        if self.request.as_ref().is_some_and(|request| matches!(request.what, What::Delegated { .. })) {
            return None;
        }
        let delegates = self.request.as_ref().map(|request| request.delegates.clone()).unwrap_or_default();
        let what = match fix {
            Fix::IdToken(audience) => {
                What::IdToken { audience, include_email: true, organization_number: false }
            }
            Fix::AccessToken(scopes) => What::AccessToken { scopes, lifetime_seconds: ORDINARY_LIFETIME },
            Fix::Again => return self.request.clone(),
        };
        Some(MintRequest { account, delegates, what })
    }
}

fn is_disabled(account: &str, shared: &Shared) -> bool {
    let known = shared.workspace.facts.get(account).and_then(|facts| facts.account.value());
    known.is_some_and(|account| account.disabled)
}
