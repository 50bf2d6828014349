//! Checks of tokens that are exchanged for others: at Google's token endpoint, and at the Security Token Service. What
//! such a token requests or is for is decided there; the scopes that an API accepts have nothing to do with it.

use super::destination::{TOKEN_ENDPOINTS, provider};
use super::expect::Looked;
use super::findings::{Severity, audiences};
use super::form::Form;
use super::time::Unit;
use super::{audience, is_account, is_google, quoted};
use crate::model::{lifetime::words, scopes};

/// The longest lifetime of a token that the Security Token Service exchanges, in seconds
/// (<https://cloud.google.com/iam/docs/workload-identity-federation-with-other-providers>).
const DAY: i64 = 86_400;

/// The most bytes of `google.subject`.
const MAX_SUBJECT: usize = 127;

impl Looked<'_> {
    /// RFC 7523 as Google implements it
    /// (<https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests>).
    pub(super) fn at_token_endpoint(&mut self) {
        match self.reading.form {
            Form::Jws => {}
            Form::RefreshToken | Form::AuthorizationCode => {
                return self.yes("grant", "grant (exchanged together with the OAuth client's secret)");
            }
            form => {
                let message = format!(
                    "the token endpoint exchanges JWTs and refresh tokens: this is a {}",
                    form.name()
                );
                return self.no("not_for_calls", Severity::Error, message, None);
            }
        }
        let issuer = self.reading.claims.text("iss").unwrap_or_default();
        if !is_account(&issuer) {
            let what = if is_google(&issuer) { "an ID token" } else { "a token of another issuer" };
            let message =
                format!("the token endpoint exchanges JWTs that a service account signed itself, not {what}");
            return self.no("assertion_expected", Severity::Error, message, None);
        }
        if let Some(alg) = self.reading.header.text("alg").filter(|alg| alg != "RS256") {
            let message = format!("alg is {}: the token endpoint accepts RS256 only", quoted(&alg));
            self.no("alg_refused", Severity::Error, message, None);
        }
        self.at_endpoint_audience();
        self.at_requested();
        self.at_subject(&issuer);
        self.at_hour();
    }

    fn at_endpoint_audience(&mut self) {
        let found = audiences(self.reading);
        if found.iter().any(|aud| TOKEN_ENDPOINTS.contains(&aud.as_str())) {
            return self.yes("audience", "audience");
        }
        let wanted = TOKEN_ENDPOINTS[0];
        let message = match found.first().and_then(|aud| audience::difference(aud, wanted)) {
            Some(difference) => format!("aud {difference}: the token endpoint accepts only itself"),
            None => format!("has no aud: the token endpoint expects {}", quoted(wanted)),
        };
        self.no("audience_mismatch", Severity::Error, message, None);
    }

    /// What it is exchanged for: scopes make an access token, an audience makes an ID token.
    fn at_requested(&mut self) {
        let claims = &self.reading.claims;
        let scope = claims.text("scope").filter(|scope| !scope.trim().is_empty());
        match (scope, claims.text("target_audience")) {
            (Some(scope), _) => {
                let names: Vec<&str> = scope.split_whitespace().map(scopes::short).collect();
                self.yes("scope", format!("scope (requests {})", names.join(", ")));
            }
            (None, Some(audience)) => {
                self.yes("target_audience", format!("target_audience (requests an ID token for {audience})"));
            }
            (None, None) if claims.find("scope").is_some_and(|member| member.text().is_none()) => self.no(
                "scope_missing",
                Severity::Error,
                "scope must be text with spaces between the scopes",
                None,
            ),
            (None, None) => self.no(
                "scope_missing",
                Severity::Error,
                "has neither scope nor target_audience: it requests nothing",
                None,
            ),
        }
    }

    fn at_subject(&mut self, issuer: &str) {
        match self.reading.claims.text("sub") {
            Some(sub) if sub == issuer => self.yes("subject", "sub"),
            Some(sub) if sub.contains('@') && !is_account(&sub) => self.no(
                "domain_wide_delegation",
                Severity::Info,
                format!(
                    "acts for {}: works if domain-wide delegation allows the account's client ID exactly these scopes",
                    quoted(&sub)
                ),
                None,
            ),
            Some(sub) => self.no(
                "subject_mismatch",
                Severity::Error,
                format!("sub is {}: it must be the issuer or a user's email", quoted(&sub)),
                None,
            ),
            // Without one it speaks for its issuer.
            None => {}
        }
    }

    fn at_hour(&mut self) {
        let times = self.reading.times;
        let missing: Vec<&str> = [("iat", times.iat), ("exp", times.exp)]
            .into_iter()
            .filter(|(_, time)| time.is_none())
            .map(|(name, _)| name)
            .collect();
        if missing.is_empty() {
            return self.at_lifetime();
        }
        let message = format!("has no {}: the token endpoint requires iat and exp", missing.join(" and no "));
        self.no("time_missing", Severity::Error, message, None);
    }

    /// Token exchange for other issuers' tokens, and for Google's own access tokens to restrict them.
    pub(super) fn at_sts(&mut self) {
        match self.reading.form {
            Form::Jws => {}
            Form::GoogleAccessToken => {
                return self.yes("grant", "grant (an access token is exchanged for a restricted one)");
            }
            form => {
                let message = format!(
                    "the Security Token Service exchanges tokens of other issuers: this is a {}",
                    form.name()
                );
                return self.no("not_for_calls", Severity::Error, message, None);
            }
        }
        let issuer = self.reading.claims.text("iss").unwrap_or_default();
        if is_account(&issuer) {
            self.no(
                "issuer_refused",
                Severity::Error,
                "signed by a service account itself: Google's token endpoint exchanges it, the Security Token Service doesn't",
                None,
            );
        }
        self.at_provider();
        match self.reading.claims.text("sub") {
            None => self.no(
                "subject_missing",
                Severity::Warning,
                "has no sub, from which google.subject is usually mapped",
                None,
            ),
            Some(sub) if sub.len() > MAX_SUBJECT => self.no(
                "subject_too_long",
                Severity::Warning,
                format!(
                    "sub has {} bytes, and google.subject takes {MAX_SUBJECT} at most: map a shorter one in the provider",
                    sub.len()
                ),
                None,
            ),
            Some(_) => self.yes("subject", "sub"),
        }
        let (iat, exp) = (self.reading.times.iat, self.reading.times.exp);
        let in_seconds = ["iat", "exp"].iter().all(|name| self.reading.unit(name) == Unit::Seconds);
        if let (Some(iat), Some(exp), true) = (iat, exp, in_seconds) {
            match exp.saturating_sub(iat) {
                1..=DAY => self.yes("lifetime", "lifetime"),
                long if long > DAY => {
                    let message =
                        format!("lives {}; the Security Token Service accepts 24h at most", words(long));
                    self.no("lifetime_over_24h", Severity::Error, message, None);
                }
                _ => {}
            }
        }
    }

    /// The audience: the provider's own name, or one of those that it lists.
    fn at_provider(&mut self) {
        let found = audiences(self.reading);
        let name = |text: &str| provider(text).unwrap_or(text).to_owned();
        let wanted = self.expectation.audience.as_deref().map(name);
        let fits = |aud: &String| match &wanted {
            Some(wanted) => name(aud) == *wanted,
            None => provider(aud).is_some(),
        };
        if found.iter().any(fits) {
            return self.yes("audience", "audience");
        }
        let Some(first) = found.first() else { return };
        let (severity, message) = match &wanted {
            Some(wanted) => (
                Severity::Error,
                format!(
                    "aud is {}, expected {}, unless the provider lists it",
                    quoted(first),
                    quoted(wanted)
                ),
            ),
            None => (
                Severity::Warning,
                format!(
                    "aud is {}: fits only if the provider lists it as an allowed audience; otherwise it must be \
                     the provider's name, https://iam.googleapis.com/projects/NUMBER/locations/global/\
                     workloadIdentityPools/POOL/providers/PROVIDER",
                    quoted(first)
                ),
            ),
        };
        self.no("audience_mismatch", severity, message, None);
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
