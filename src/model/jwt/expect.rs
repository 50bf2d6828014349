//! Expectations: what a token is going to be used for, and what would be rejected there, each with the way to a token
//! that fits. It knows the rules of Google's APIs and of services that take Google's ID tokens (Cloud Run, functions,
//! Identity-Aware Proxy), and calls nothing.

use jiff::Timestamp;

use super::decode::Reading;
use super::destination::{self, Destination, TOKEN_ENDPOINTS};
use super::findings::{Finding, Severity, audiences, is_google_endpoint};
use super::form::Form;
use super::time::Unit;
use super::{audience, is_account, is_google, quoted};
use crate::model::{lifetime::words, scopes};

/// The clock difference that is mentioned, in milliseconds: Google allows some minutes, libraries often ten seconds or
/// less.
const SKEW: i64 = 10_000;

/// What a token is meant to be used for. Empty means nothing in particular.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The service expects exactly this audience.
    pub(crate) audience: Option<String>,
    /// The service at this URL will be called.
    pub(crate) url: Option<String>,
    /// This Google API will be called: `storage`; empty if only its host is known to be Google's.
    pub(crate) api: Option<String>,
}

/// What is known besides the token's own content.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    pub(crate) now: Timestamp,
    /// The scopes of an access token, as reported by Google or known from minting it.
    pub(crate) scopes: Option<&'a [String]>,
    /// When it expires, if it doesn't say so itself.
    pub(crate) ends: Option<Timestamp>,
    /// How far this machine's clock is behind Google's, in milliseconds; negative if it is ahead.
    pub(crate) skew: Option<i64>,
    /// Whether its account is known to be disabled.
    pub(crate) disabled: bool,
}

impl Around<'_> {
    /// Only the time is known.
    pub fn at(now: Timestamp) -> Around<'static> {
        Around { now, scopes: None, ends: None, skew: None, disabled: false }
    }
}

/// A token that would fit, in place of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// An ID token for this audience, with the email claim.
    IdToken(String),
    /// An access token with these scopes.
    AccessToken(Vec<String>),
    /// The same again.
    Again,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// A stable name: `audience_mismatch`, `scope_missing`; if it is fine, what was checked: `audience`.
    pub(crate) code: &'static str,
    /// How much it matters; `None` if it is fine.
    pub(crate) severity: Option<Severity>,
    /// A clause, without a full stop.
    pub message: String,
    /// A token that would fit.
    pub(crate) fix: Option<Fix>,
}

impl Check {
    /// As a finding; `None` if it is fine.
    pub(crate) fn finding(&self) -> Option<Finding> {
        let severity = self.severity?;
        Some(Finding { code: self.code, severity, message: self.message.clone() })
    }
}

impl Expectation {
    /// From what was typed as the destination: a URL, or an API by its name or host.
    ///
    /// # Errors
    /// A sentence with the valid forms.
    pub fn calling(text: &str) -> Result<Expectation, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Expectation::default());
        }
        if text.contains("://") {
            let url = check_url(text)?;
            let api = api_of_url(&url);
            return Ok(Expectation { url: Some(url), api, ..Expectation::default() });
        }
        match api_of(text)
            .filter(|api| !api.is_empty())
            .or_else(|| scopes::is_api(text).then(|| text.to_ascii_lowercase()))
        {
            Some(api) => Ok(Expectation { api: Some(api), ..Expectation::default() }),
            None if text.contains('.') && !text.contains(char::is_whitespace) => Err(format!(
                "{} isn't a URL. Did you mean {}?",
                quoted(text),
                quoted(&format!("https://{text}"))
            )),
            None => Err(format!(
                "Unknown API {}: enter a URL (https://…) or an API such as storage or drive.googleapis.com",
                quoted(text)
            )),
        }
    }

    /// Whether nothing in particular is expected.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Expectation::default()
    }

    /// Who will get the token.
    fn destination(&self) -> Destination {
        match (&self.url, &self.api) {
            (Some(url), api) => destination::of_url(url, api.is_some()),
            (None, Some(api)) if api == "sts" => Destination::Sts,
            (None, Some(_)) => Destination::Api,
            (None, None) => Destination::Unknown,
        }
    }

    /// The audience that the service expects: the given one, else its own. APIs have none.
    fn wanted(&self) -> Option<String> {
        self.audience.clone().or_else(|| self.destination().wanted())
    }

    /// The expectation in words: `https://svc-a.run.app`, `the storage API`.
    pub(crate) fn words(&self) -> String {
        let api = self.api.as_ref().map(|api| format!("the {api} API"));
        let audience = self.audience.as_ref().map(|audience| format!("a service that expects {audience}"));
        // One without a name came from a URL.
        self.url.clone().or(api).or(audience).unwrap_or_default()
    }
}

/// A URL as typed.
fn check_url(text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("Invalid URL {}: {why}", quoted(text)));
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    if !matches!(scheme.to_ascii_lowercase().as_str(), "https" | "http") || audience::of_url(text).is_none() {
        return wrong("use https://HOST/…");
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return wrong("it can't contain spaces or control characters");
    }
    if rest.split(['/', '?', '#']).next().unwrap_or_default().contains('@') {
        return Err("the URL contains a user name or password: remove everything before the @".to_owned());
    }
    Ok(text.to_owned())
}

/// The API at a Google URL: by its host, on `www` by the first part of the path. Empty if that doesn't tell the API;
/// `None` if the host isn't Google's.
fn api_of_url(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_once(['/', '?', '#']).unwrap_or((rest, ""));
    let host = authority.rsplit('@').next()?.split(':').next()?;
    let api = api_of(host)?;
    let first = path.split(['/', '?', '#']).next().unwrap_or_default();
    Some(if api.is_empty() && scopes::is_api(first) { first.to_ascii_lowercase() } else { api })
}

/// `storage.googleapis.com` → `storage`; bucket hosts and regional hosts are also Cloud Storage's.
fn api_of(host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let name = host.strip_suffix(".googleapis.com")?;
    let mut parts = name.rsplit('.');
    Some(match (parts.next(), parts.next(), parts.next()) {
        (Some("www"), ..) => String::new(),
        (Some("rep"), _, api) => api.unwrap_or_default().to_owned(),
        (api, ..) => api.unwrap_or_default().to_owned(),
    })
}

/// Checks everything that is expected; without expectations, only the clock and the account.
pub fn checks(reading: &Reading, expectation: &Expectation, around: &Around<'_>) -> Vec<Check> {
    // The whole token is presented; services check the claims, which can be inside.
    let mut reading = reading;
    while let Some(inner) = reading.inner.as_deref() {
        reading = inner;
    }
    let mut looked = Looked { list: Vec::new(), reading, expectation, around };
    if !expectation.is_empty() {
        looked.at_it();
    }
    looked.at_clock();
    if around.disabled {
        looked.no(
            "account_disabled",
            Severity::Error,
            "the account is disabled: Google accepts none of its tokens",
            None,
        );
    }
    looked.list
}

pub(super) struct Looked<'a> {
    list: Vec<Check>,
    pub(super) reading: &'a Reading,
    pub(super) expectation: &'a Expectation,
    around: &'a Around<'a>,
}

impl Looked<'_> {
    pub(super) fn no(
        &mut self,
        code: &'static str,
        severity: Severity,
        message: impl Into<String>,
        fix: Option<Fix>,
    ) {
        self.list.push(Check { code, severity: Some(severity), message: message.into(), fix });
    }

    pub(super) fn yes(&mut self, code: &'static str, message: impl Into<String>) {
        self.list.push(Check { code, severity: None, message: message.into(), fix: None });
    }

    fn at_it(&mut self) {
        match self.expectation.destination() {
            Destination::TokenEndpoint => self.at_token_endpoint(),
            Destination::Sts => self.at_sts(),
            // What an account signed itself is exchanged there, whatever part of the address was given.
            Destination::Api
                if self.expectation.api.as_deref() == Some("oauth2")
                    && self.reading.claims.text("iss").is_some_and(|iss| is_account(&iss)) =>
            {
                self.at_token_endpoint()
            }
            _ => self.at_service(),
        }
        self.at_end();
    }

    fn at_service(&mut self) {
        let known_scopes = self.around.scopes.is_some();
        match self.reading.form {
            Form::Jws if known_scopes => self.at_access_token(),
            Form::Jws => {
                let issuer = self.reading.claims.text("iss").unwrap_or_default();
                if is_account(&issuer) {
                    self.at_self_signed()
                } else {
                    self.at_id_token(&issuer)
                }
                self.at_lifetime();
            }
            Form::GoogleAccessToken | Form::Opaque if known_scopes || self.reading.form.may_ask_google() => {
                self.at_access_token();
            }
            Form::Empty => {}
            form => self.no(
                "not_for_calls",
                Severity::Error,
                format!("can't be used for a call: {}", form.name()),
                self.wanted_token(),
            ),
        }
    }

    /// What a call there is made with.
    fn wanted_token(&self) -> Option<Fix> {
        match &self.expectation.api {
            Some(api) => Some(Fix::AccessToken(vec![scopes::for_api(api)])),
            None => self.expectation.wanted().map(Fix::IdToken),
        }
    }

    fn at_id_token(&mut self, issuer: &str) {
        if let Some(api) = &self.expectation.api {
            let fix = Some(Fix::AccessToken(vec![scopes::for_api(api)]));
            self.no(
                "id_token_for_google_api",
                Severity::Error,
                "Google's APIs take access tokens, not ID tokens",
                fix,
            );
            return;
        }
        self.at_audience();
        if is_google(issuer) {
            self.yes("issuer", "issuer");
            self.at_email();
        } else if !issuer.is_empty() {
            self.no(
                "issuer_refused",
                Severity::Warning,
                format!("issued by {}: services that expect Google's ID tokens reject it", quoted(issuer)),
                self.expectation.wanted().map(Fix::IdToken),
            );
        }
    }

    /// A JWT that an account signed itself: Google's APIs accept it with themselves as the audience, or with scopes;
    /// IAP accepts it for the URL; Cloud Run and functions don't.
    fn at_self_signed(&mut self) {
        let Some(api) = self.expectation.api.clone() else {
            // Its API definition names the issuers.
            if self.expectation.destination() == Destination::Gateway {
                return self.at_audience();
            }
            let fix = self.expectation.wanted().map(Fix::IdToken);
            self.no(
                "self_signed",
                Severity::Warning,
                "signed by the account itself: Cloud Run and functions accept Google's ID tokens only (Identity-Aware Proxy accepts both)",
                fix,
            );
            return self.at_audience();
        };
        let issuer = self.reading.claims.text("iss");
        if let Some(sub) = self.reading.claims.text("sub").filter(|sub| Some(sub) != issuer.as_ref()) {
            self.no(
                "subject_mismatch",
                Severity::Error,
                format!(
                    "sub is {}: an API accepts self-signed JWTs only with iss and sub the same",
                    quoted(&sub)
                ),
                Some(Fix::AccessToken(vec![scopes::for_api(&api)])),
            );
        }
        if audiences(self.reading).iter().any(|aud| TOKEN_ENDPOINTS.contains(&aud.as_str())) {
            return self.no(
                "audience_mismatch",
                Severity::Error,
                "aud is Google's token endpoint: exchange it there for an access token first",
                Some(Fix::AccessToken(vec![scopes::for_api(&api)])),
            );
        }
        if let Some(scope) = self.reading.claims.text("scope") {
            return self.at_scopes(&api, &scope.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        }
        if api.is_empty() {
            return self.no(
                "api_unknown",
                Severity::Info,
                "impersona doesn't know which Google API this is",
                None,
            );
        }
        let wanted = format!("https://{api}.googleapis.com/");
        let fits = audiences(self.reading)
            .iter()
            .any(|aud| aud.trim_end_matches('/') == wanted.trim_end_matches('/'));
        if fits {
            self.yes("audience", "audience");
        } else {
            self.no(
                "audience_mismatch",
                Severity::Error,
                format!("aud is not {}: an API accepts self-signed JWTs only for itself", quoted(&wanted)),
                Some(Fix::AccessToken(vec![scopes::for_api(&api)])),
            );
        }
    }

    fn at_access_token(&mut self) {
        let Some(api) = self.expectation.api.clone() else {
            let fix = self.expectation.wanted().map(Fix::IdToken);
            self.no(
                "access_token_for_service",
                Severity::Error,
                "a service behind Cloud Run, functions or Identity-Aware Proxy takes ID tokens, not access tokens",
                fix,
            );
            return;
        };
        match self.around.scopes {
            Some(scopes) => self.at_scopes(&api, scopes),
            None => {
                self.no("scopes_unknown", Severity::Info, "its scopes are unknown here: ask Google", None)
            }
        }
    }

    fn at_scopes(&mut self, api: &str, has: &[String]) {
        let accepted = scopes::of_api(api);
        if accepted.is_empty() {
            let which = if api.is_empty() { "this Google API".to_owned() } else { format!("the {api} API") };
            let message = format!("impersona doesn't know which scopes {which} accepts");
            return self.no("api_unknown", Severity::Info, message, None);
        }
        let fitting: Vec<&str> = has
            .iter()
            .filter(|scope| accepted.iter().any(|one| one.full == **scope))
            .map(|scope| scopes::short(scope))
            .collect();
        if fitting.is_empty() {
            let few: Vec<&str> = accepted.iter().take(4).map(|scope| scope.short()).collect();
            let more = if accepted.len() > few.len() { ", …" } else { "" };
            let message =
                format!("the {api} API accepts none of its scopes (it accepts {}{more})", few.join(", "));
            self.no(
                "scope_missing",
                Severity::Error,
                message,
                Some(Fix::AccessToken(vec![scopes::for_api(api)])),
            );
        } else {
            self.yes("scope", format!("scope ({})", fitting.join(", ")));
        }
    }

    fn at_audience(&mut self) {
        let found = audiences(self.reading);
        let destination = self.expectation.destination();
        if self.expectation.audience.is_none()
            && let Some(unsure) = found
                .first()
                .and_then(|_| destination::unsure(&found, &destination, self.expectation.url.as_deref()))
        {
            let (severity, message) = unsure;
            return self.no("audience_unknown", severity, message, None);
        }
        let Some(wanted) = self.expectation.wanted() else { return };
        if found.contains(&wanted) {
            return self.yes("audience", "audience");
        }
        // One matching audience is enough; the first explains the mismatch if none fits.
        let Some(difference) = found.first().and_then(|aud| audience::difference(aud, &wanted)) else {
            return;
        };
        let can_list = matches!(destination, Destination::CloudRun(_) | Destination::Domain(_));
        let custom = if self.expectation.audience.is_none() && can_list {
            ", unless the service lists it as a custom audience"
        } else {
            ""
        };
        self.no(
            "audience_mismatch",
            Severity::Error,
            format!("aud {difference}{custom}"),
            Some(Fix::IdToken(wanted)),
        );
    }

    fn at_email(&mut self) {
        let verified = self.reading.claims.find("email_verified").is_some_and(|member| member.json == "true");
        match self.reading.claims.find("email") {
            // Already among the findings; this adds the way out.
            None => self.no(
                "no_email",
                Severity::Warning,
                "no email claim: Cloud Run and Identity-Aware Proxy identify callers by it",
                self.expectation.wanted().map(Fix::IdToken),
            ),
            Some(_) if verified => self.yes("email", "email"),
            Some(_) => {}
        }
    }

    pub(super) fn at_lifetime(&mut self) {
        // In another unit, no service gets a lifetime out of them.
        if ["iat", "exp"].iter().any(|name| self.reading.unit(name) != Unit::Seconds) {
            return;
        }
        if let (Some(iat), Some(exp)) = (self.reading.times.iat, self.reading.times.exp) {
            let length = exp.saturating_sub(iat);
            match length {
                1..=3_600 => self.yes("lifetime", "lifetime"),
                3_601.. if self.expectation.api.is_some() && !self.to_google() => {
                    let message = format!("lifetime is {}; Google accepts at most 1h", words(length));
                    self.no("lifetime_over_1h", Severity::Error, message, self.wanted_token());
                }
                3_601.. if self.is_for_proxy() => {
                    let message = format!("lives {}; Identity-Aware Proxy accepts 1h at most", words(length));
                    self.no("lifetime_over_1h", Severity::Warning, message, None);
                }
                _ => {}
            }
        }
    }

    /// Whether Identity-Aware Proxy can get it as a JWT that an account signed itself.
    fn is_for_proxy(&self) -> bool {
        matches!(self.expectation.destination(), Destination::AppEngine | Destination::Domain(_))
            && self.reading.claims.text("iss").is_some_and(|iss| is_account(&iss))
    }

    fn to_google(&self) -> bool {
        audiences(self.reading).iter().any(|aud| is_google_endpoint(aud))
    }

    fn at_end(&mut self) {
        let end = self.reading.times.exp.or(self.around.ends.map(Timestamp::as_second));
        if end.is_some_and(|end| end <= self.around.now.as_second()) {
            self.no("expired", Severity::Error, "expired: services will reject it", Some(Fix::Again));
        }
    }

    fn at_clock(&mut self) {
        let Some(skew) = self.around.skew else { return };
        let seconds = format!("{}.{} s", skew.abs() / 1_000, skew.abs() % 1_000 / 100);
        if skew.abs() <= SKEW {
            if !self.expectation.is_empty() {
                self.yes("clock", format!("clock (skew {seconds})"));
            }
            return;
        }
        let way = if skew.is_positive() { "behind" } else { "ahead of" };
        self.no(
            "clock_skew",
            Severity::Warning,
            format!("this machine's clock is {seconds} {way} Google's: tokens signed here might look too old or too new there"),
            None,
        );
    }
}

#[cfg(test)]
#[path = "expect_table_tests.rs"]
mod table_tests;
#[cfg(test)]
#[path = "expect_tests.rs"]
mod tests;
