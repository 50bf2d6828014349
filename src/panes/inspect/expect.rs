//! What the token is meant for, as typed; what is wrong about it for that; and the request for one that would do.

use std::path::PathBuf;

use jiff::Timestamp;

use super::Inspect;
use crate::{
    app::{
        msg::{Intent, Level},
        shared::{Cx, Shared},
    },
    keymap::Action,
    model::{
        account::parse,
        credential::{MintRequest, What},
        denial::ORDINARY_LIFETIME,
        jwt::{self, Around, Check, Expectation, Fix},
    },
    widgets::form::{Field, Form},
};

/// The fields, empty.
pub(super) fn form() -> Form {
    Form::new(
        "judge it",
        vec![
            Field::text("call", "I will call", "", "a URL, or an API of Google's such as storage"),
            Field::text("audience", "audience", "", "what the service expects, where it is not the URL"),
            Field::text("keys", "keys from", "", "a file: JWKS or certificates; empty: the signer's own"),
        ],
    )
}

impl Inspect {
    /// Takes in what was typed; what is wrong is said beside the field, and judging goes on with the rest.
    pub(super) fn expect(&mut self) {
        let calling = Expectation::calling(self.form.text("call"));
        self.form.set_error("call", calling.as_ref().err().cloned());
        let audience = Some(self.form.text("audience").trim().to_owned()).filter(|text| !text.is_empty());
        self.expectation = Expectation { audience, ..calling.unwrap_or_default() };
    }

    /// Leaves the form; with a file of keys, checks the signature with those.
    pub(super) fn submit(&mut self, cx: &mut Cx) {
        self.expect();
        if let Some(wrong) = self.form.first_error() {
            return self.form.focus_on(wrong);
        }
        self.filling = false;
        let path = Some(self.form.text("keys").trim()).filter(|path| !path.is_empty()).map(PathBuf::from);
        if path != self.keys_file {
            self.keys_file = path;
            self.verdict = None;
            if self.keys_file.is_some() && self.reading.is_some() {
                self.check(cx);
            }
        }
    }

    /// What was looked at about the token's use.
    pub(super) fn checks(&self, shared: &Shared, now: Timestamp) -> Vec<Check> {
        let Some(reading) = &self.reading else { return Vec::new() };
        let scopes = self.scopes();
        let around = Around {
            now,
            scopes: scopes.as_deref(),
            ends: self.expires.or(self.facts.value.as_ref().and_then(|facts| facts.expires)),
            skew: shared.skew,
            disabled: self.account(shared).is_some_and(|account| is_disabled(&account, shared)),
        };
        jwt::checks(reading, &self.expectation, &around)
    }

    /// The scopes of an access token: as Google tells, else as it was minted with.
    fn scopes(&self) -> Option<Vec<String>> {
        let told = self.facts.value.as_ref().map(|facts| facts.scopes.clone());
        told.or_else(|| match &self.request.as_ref()?.what {
            What::AccessToken { scopes, .. } | What::Delegated { scopes, .. } => Some(scopes.clone()),
            _ => None,
        })
    }

    /// The account that the token speaks for, as far as it or its making tells.
    fn account(&self, shared: &Shared) -> Option<String> {
        if let Some(request) = &self.request {
            return Some(request.account.clone());
        }
        let claims = &self.reading.as_ref()?.claims;
        let told = self.facts.value.as_ref().and_then(|facts| facts.email.clone());
        let named = ["email", "iss", "sub"].into_iter().filter_map(|name| claims.text(name)).chain(told);
        let mut accounts = named.filter(|name| parse(name).as_ref() == Ok(name) && name.contains('@'));
        accounts.next().or_else(|| shared.opened.clone())
    }

    /// Mints the token that would do in place of this one.
    pub(super) fn fix(&mut self, cx: &mut Cx) {
        if self.reading.is_none() {
            return cx.notice(Level::Warning, "there is no token here: paste one");
        }
        let fix = self.checks(cx.shared, cx.now.utc).into_iter().find_map(|check| check.fix);
        let Some(fix) = fix else {
            let key = cx.shared.keymap.key(Action::Expect);
            let text = if self.expectation.is_empty() {
                format!("what it is for is not known: {key} asks")
            } else {
                "there is nothing that another token would mend".to_owned()
            };
            return cx.notice(Level::Info, text);
        };
        let Some(account) = self.account(cx.shared) else {
            return cx
                .notice(Level::Warning, "which account to mint as is not known: open it in the list first");
        };
        match self.request_for(fix, account) {
            Some(request) => cx.intend(Intent::Mint(request)),
            None => {
                cx.notice(Level::Warning, "this one cannot be made again from here: its form makes another")
            }
        }
    }

    fn request_for(&self, fix: Fix, account: String) -> Option<MintRequest> {
        let delegates = self.request.as_ref().map(|request| request.delegates.clone()).unwrap_or_default();
        let what = match fix {
            Fix::IdToken(audience) => {
                What::IdToken { audience, include_email: true, organization_number: false }
            }
            Fix::AccessToken(scopes) => What::AccessToken { scopes, lifetime_seconds: ORDINARY_LIFETIME },
            Fix::Again => return self.again(account),
        };
        Some(MintRequest { account, delegates, what })
    }

    /// The same once more: as it was minted here, or an ID token for the audience it has.
    fn again(&self, account: String) -> Option<MintRequest> {
        if let Some(request) = &self.request {
            return Some(request.clone()).filter(|request| !matches!(request.what, What::Delegated { .. }));
        }
        let audience = self.reading.as_ref()?.claims.text("aud")?;
        let what = What::IdToken { audience, include_email: true, organization_number: false };
        Some(MintRequest { account, delegates: Vec::new(), what })
    }
}

fn is_disabled(account: &str, shared: &Shared) -> bool {
    let known = shared.facts.get(account).and_then(|facts| facts.account.value.as_ref());
    known.is_some_and(|account| account.disabled)
}
