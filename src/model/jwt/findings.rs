//! What is worth knowing about a token besides its signature: expired, meant for someone else, unlike Google's. Each
//! finding has a code that scripts can rely on and a sentence for people.

use jiff::Timestamp;

use super::decode::{Reading, Section};
use super::form::Form;
use super::time::{self, Unit};
use super::{audience, is_account, is_google, quoted};
use crate::model::lifetime::{countdown, words};

/// The clock difference that is mentioned, in seconds.
const SKEW: i64 = 60;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Might be rejected, or isn't what it seems.
    Warning,
    /// Will be rejected.
    Error,
}

impl Severity {
    /// The word used in `--json`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// One thing worth knowing about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable name: `expired`, `audience_mismatch`.
    pub code: &'static str,
    /// How much it matters.
    pub(crate) severity: Severity,
    /// One sentence, without a full stop.
    pub message: String,
}

/// Everything worth knowing about a token, whatever it is used for, in the order: form, notation, header, times,
/// identity.
pub fn findings(reading: &Reading, now: Timestamp) -> Vec<Finding> {
    let mut found = Found { list: Vec::new(), depth: 0 };
    let mut part = Some(reading);
    while let Some(reading) = part {
        let outside = found.list.len();
        found.look(reading, now);
        // Findings about a token inside another one say so.
        if found.depth > 0 {
            for finding in &mut found.list[outside..] {
                finding.message = format!("inside: {}", finding.message);
            }
        }
        found.depth += 1;
        part = reading.inner.as_deref();
    }
    found.list
}

struct Found {
    list: Vec<Finding>,
    depth: usize,
}

impl Found {
    fn look(&mut self, reading: &Reading, now: Timestamp) {
        self.form(reading, now);
        for (code, message) in &reading.remarks {
            let severity = if matches!(
                *code,
                "too_long" | "json" | "truncated" | "cut_off" | "two_tokens" | "compressed"
            ) {
                Severity::Warning
            } else {
                Severity::Info
            };
            self.add(code, severity, message.clone());
        }
        if matches!(reading.form, Form::Jws | Form::Jwe) {
            self.header(reading);
        }
        if reading.form == Form::Jws {
            self.duplicates(reading);
        }
        // Claims that aren't here can't be missing.
        if reading.form == Form::Jws && reading.inner.is_none() && !reading.is_detached() {
            let from = self.list.len();
            self.times(reading, now);
            self.audience(reading);
            self.identity(reading);
            if !reading.has_all_claims() {
                let is_missing = |code: &str| code.starts_with("no_") || code == "email_not_verified";
                let found = self.list.split_off(from);
                self.list.extend(found.into_iter().filter(|finding| !is_missing(finding.code)));
            }
        }
    }

    fn add(&mut self, code: &'static str, severity: Severity, message: impl Into<String>) {
        self.list.push(Finding { code, severity, message: message.into() });
    }

    fn form(&mut self, reading: &Reading, now: Timestamp) {
        let form = reading.form;
        let severity = if form.is_long_lived() { Severity::Warning } else { Severity::Info };
        let (code, message) = match form {
            Form::Jws | Form::Empty => return,
            Form::Jwe => ("encrypted", "an encrypted JWT: only the holder of the key can read its claims"),
            Form::GoogleAccessToken => {
                ("opaque", "a Google access token is opaque: only Google can tell what it is for")
            }
            Form::Opaque => ("opaque", "not a JWT or any other known kind of token"),
            // https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke
            Form::RefreshToken => (
                "refresh_token",
                "long-lived: a refresh token acts for a person until they remove the app at \
                 https://myaccount.google.com/connections; impersona never sends it anywhere",
            ),
            Form::AuthorizationCode => {
                ("authorization_code", "works once, for a few minutes, together with the client's secret")
            }
            Form::ApiKey => (
                "api_key",
                "long-lived: an API key identifies a project, not a caller, until it is deleted: \
                 gcloud services api-keys delete KEY",
            ),
            Form::BoundApiKey => (
                "bound_api_key",
                "long-lived: anyone with this key acts as the service account it is bound to until it is \
                 deleted: gcloud services api-keys delete KEY",
            ),
            Form::ClientSecret | Form::OauthClient => (
                form.word(),
                "long-lived: the secret authenticates the OAuth client until it is deleted on the client's page at \
                 https://console.cloud.google.com/auth/clients",
            ),
            Form::ServiceAccountKey => (
                "service_account_key",
                "long-lived: anyone with the file can act as the account until the key is deleted: \
                 gcloud iam service-accounts keys delete KEY_ID --iam-account=ACCOUNT",
            ),
            Form::UserCredentials => (
                "user_credentials",
                "long-lived: the refresh token in it acts for a person until it is revoked: \
                 gcloud auth application-default revoke",
            ),
            Form::ImpersonatedCredentials => (
                "impersonated_credentials",
                "long-lived: anyone with the file can impersonate the account until the source credentials in it, or their \
                 permission to impersonate, are revoked",
            ),
            Form::FederatedUserCredentials => (
                "federated_user_credentials",
                "long-lived: the refresh token in it acts for a workforce user until it is revoked: \
                 gcloud auth application-default revoke",
            ),
            Form::FederatedCredentials => (
                "federated_credentials",
                "says where a subject token comes from and what it is exchanged for; it contains no Google key",
            ),
            Form::PrivateKey => (
                "private_key",
                "long-lived: anyone with it can sign as its owner until its public key is removed everywhere it is \
                 trusted",
            ),
            Form::PublicKeys => ("public_keys", "public keys: they verify signatures and are safe to share"),
            Form::Certificate => ("certificate", "a certificate is public: it names the owner of a key"),
            Form::SignedUrl => {
                ("signed_url", "anyone with the URL can use it until it expires, without logging in")
            }
            Form::Foreign => (
                "foreign_credential",
                "not Google's: impersona never sends it anywhere; if others saw it, revoke it where it was issued",
            ),
        };
        let severity = if form == Form::Foreign { Severity::Warning } else { severity };
        self.add(code, severity, message);
        if matches!(form, Form::SignedUrl | Form::Certificate) && reading.times.exp.is_some() {
            self.times(reading, now);
        }
    }

    fn header(&mut self, reading: &Reading) {
        let alg = reading.header.text("alg");
        match alg.as_deref() {
            Some(alg) if alg.eq_ignore_ascii_case("none") => {
                self.add(
                    "alg_none",
                    Severity::Error,
                    "alg is “none”: the token is not signed, no one will accept it",
                );
            }
            Some(alg) if alg.starts_with("HS") => {
                self.add(
                    "alg_shared_secret",
                    Severity::Warning,
                    format!("{} uses a shared secret; Google never does", quoted(alg)),
                );
            }
            Some(_)
                if reading.form == Form::Jws
                    && reading.signature.is_none()
                    && reading.too_long.is_none()
                    && !reading.is_cut_off() =>
            {
                self.add("no_signature", Severity::Error, "has no signature: no one will accept it");
            }
            None if reading.header != Section::Absent => {
                self.add(
                    "no_alg",
                    Severity::Error,
                    "the header has no algorithm (alg): no one can verify it",
                );
            }
            _ => {}
        }
        let own: Vec<&str> = ["jwk", "jku", "x5u", "x5c"]
            .into_iter()
            .filter(|name| reading.header.find(name).is_some())
            .collect();
        if !own.is_empty() {
            self.add(
                "key_in_header",
                Severity::Warning,
                format!("the header brings its own key ({}): it is ignored", own.join(", ")),
            );
        }
    }

    fn duplicates(&mut self, reading: &Reading) {
        for (part, section) in [("header has", &reading.header), ("claims have", &reading.claims)] {
            let names: Vec<String> = section.duplicates().into_iter().take(5).map(quoted).collect();
            if !names.is_empty() {
                self.add(
                    "duplicate_claim",
                    Severity::Warning,
                    format!(
                        "the {part} {} more than once: most readers use the last, some the first",
                        names.join(", ")
                    ),
                );
            }
        }
    }

    fn times(&mut self, reading: &Reading, now: Timestamp) {
        let now = now.as_second();
        let times = reading.times;
        for name in ["iat", "exp", "nbf"] {
            if let Some(member) = reading.claims.find(name).filter(|member| member.seconds().is_none()) {
                let date = member.text().and_then(|text| time::of_text(&text));
                let date = date.map(|at| match time::date(at) {
                    Some(date) if name == "exp" => format!("; as a date, it {} {date}", ending(at, now)),
                    Some(date) => format!("; as a date, it is {date}"),
                    None => String::new(),
                });
                self.add(
                    "time_not_a_number",
                    Severity::Error,
                    format!(
                        "{name} is {}, not a number of seconds{}",
                        quoted(&member.json),
                        date.unwrap_or_default()
                    ),
                );
            }
        }
        self.units(reading, now);
        match times.exp {
            Some(exp) if exp <= now => {
                self.add(
                    "expired",
                    Severity::Error,
                    format!("expired {} ago", countdown(now.saturating_sub(exp))),
                );
            }
            None if reading.claims.find("exp").is_none() => {
                self.add("no_exp", Severity::Warning, "has no expiry (exp), which Google requires");
            }
            _ => {}
        }
        if let Some(nbf) = times.nbf.filter(|nbf| *nbf > now) {
            self.add(
                "not_yet_valid",
                Severity::Error,
                format!("not valid before {} from now (nbf)", countdown(nbf.saturating_sub(now))),
            );
        }
        if let Some(iat) = times.iat.filter(|iat| *iat > now.saturating_add(SKEW)) {
            let ahead = countdown(iat.saturating_sub(now));
            self.add(
                "issued_in_future",
                Severity::Warning,
                format!("issued {ahead} from now: a clock is wrong, here or at the issuer"),
            );
        }
        if let (Some(iat), Some(exp)) = (times.iat, times.exp) {
            let length = exp.saturating_sub(iat);
            let to_google = audiences(reading).iter().any(|aud| is_google_endpoint(aud));
            if length < 0 {
                self.add(
                    "ends_before_it_starts",
                    Severity::Error,
                    "expires (exp) before it was issued (iat)",
                );
            } else if length > 3_600 && to_google {
                let length = words(length);
                self.add(
                    "lifetime_over_1h",
                    Severity::Error,
                    format!("lifetime is {length}; Google accepts at most 1h"),
                );
            }
        }
    }

    /// Times in another unit than seconds, and what they mean in it.
    fn units(&mut self, reading: &Reading, now: i64) {
        let times = [("exp", reading.times.exp), ("iat", reading.times.iat), ("nbf", reading.times.nbf)];
        for (code, unit) in [
            ("time_in_milliseconds", Unit::Milliseconds),
            ("time_in_microseconds", Unit::Microseconds),
            ("time_in_nanoseconds", Unit::Nanoseconds),
        ] {
            let found: Vec<_> = times.iter().filter(|(name, _)| reading.unit(name) == unit).collect();
            let Some((first, Some(at))) = found.first() else { continue };
            let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
            let date = time::date(*at).unwrap_or_default();
            let means = match *first {
                "exp" => format!("as such, it {} {date}", ending(*at, now)),
                name => format!("as such, {name} is {date}"),
            };
            let are = if names.len() > 1 { "are" } else { "is" };
            self.add(
                code,
                Severity::Error,
                format!(
                    "{} {are} in {}, but must be in seconds since 1970; {means}",
                    names.join(" and "),
                    unit.name()
                ),
            );
        }
    }

    fn audience(&mut self, reading: &Reading) {
        if reading.claims.find("aud").is_none() {
            self.add("no_audience", Severity::Warning, "has no audience (aud): it doesn't say who it is for");
        }
    }

    fn identity(&mut self, reading: &Reading) {
        let Some(issuer) = reading.claims.text("iss") else {
            self.add("no_issuer", Severity::Warning, "has no issuer (iss): it doesn't say who issued it");
            return;
        };
        if is_account(&issuer) {
            self.add("self_signed", Severity::Info, "signed by the account itself, not by Google: Cloud Run and IAP don't accept it as an ID token");
        } else if !is_google(&issuer) {
            self.add(
                "issuer_not_google",
                Severity::Info,
                format!("issued by {}, not by Google", quoted(&issuer)),
            );
        } else if reading.claims.find("email").is_none() {
            self.add(
                "no_email",
                Severity::Warning,
                "has no email claim: services that grant access by email reject it",
            );
        } else if reading.claims.find("email_verified").is_none_or(|member| member.json != "true") {
            self.add("email_not_verified", Severity::Warning, "its email is not verified");
        }
    }
}

fn ending(exp: i64, now: i64) -> &'static str {
    if exp > now { "expires" } else { "expired" }
}

/// The audiences of a token: one, a list, or none.
pub(super) fn audiences(reading: &Reading) -> Vec<String> {
    let Some(member) = reading.claims.find("aud") else { return Vec::new() };
    match member.text() {
        Some(one) => vec![one],
        None => serde_json::from_str(&member.json).unwrap_or_default(),
    }
}

/// Whether an audience is one of Google's own endpoints.
pub(super) fn is_google_endpoint(audience: &str) -> bool {
    audience::of_url(audience).is_some_and(|origin| origin.ends_with(".googleapis.com"))
}

#[cfg(test)]
#[path = "findings_tests.rs"]
mod tests;
