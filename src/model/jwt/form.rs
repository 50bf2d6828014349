//! The forms a text can have, and how opaque credentials are recognized by their prefixes. The prefixes are what the
//! services issue today; only `ya29.` is certain enough to ask Google about a token.

use std::ops::RangeInclusive;

/// The form of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A signed JWT: header, claims, signature.
    Jws,
    /// An encrypted JWT: only its header can be read.
    Jwe,
    /// `ya29.…`: opaque, known to Google's tokeninfo.
    GoogleAccessToken,
    /// `1//…`: mints access tokens for a user until revoked; never sent anywhere.
    RefreshToken,
    /// `4/…`: exchanged once for the tokens of a user who has just consented.
    AuthorizationCode,
    /// `AIza…`, 39 characters; never sent anywhere.
    ApiKey,
    /// `AQ.…`: an API key that acts as the service account it is bound to (Google calls it an authorization key).
    BoundApiKey,
    /// `GOCSPX-…`: what an OAuth client authenticates with.
    ClientSecret,
    /// A key file of a service account, `service_account` or `gdch_service_account`.
    ServiceAccountKey,
    /// A credentials file `authorized_user`: a user's refresh token and the client that got it.
    UserCredentials,
    /// A credentials file `impersonated_service_account`: source credentials, and the account to impersonate.
    ImpersonatedCredentials,
    /// A credentials file `external_account`: where a foreign token comes from, and the account it impersonates.
    FederatedCredentials,
    /// A credentials file `external_account_authorized_user`: the refresh token of a workforce pool user.
    FederatedUserCredentials,
    /// The file of an OAuth client, with its secret.
    OauthClient,
    /// The private half of a key pair, or a shared secret: PEM or JWK.
    PrivateKey,
    /// Public keys: a JWK, a JWKS, Google's map of certificates, or PEM.
    PublicKeys,
    /// An X.509 certificate in PEM.
    Certificate,
    /// A signed URL of Cloud Storage.
    SignedUrl,
    /// A credential for another service: AWS, GitHub and others.
    Foreign,
    /// Anything else.
    Opaque,
    /// No text at all.
    Empty,
}

impl Form {
    /// The word used in `--json`.
    pub fn word(self) -> &'static str {
        self.called().0
    }

    /// The name in a sentence.
    pub(crate) fn name(self) -> &'static str {
        self.called().1
    }

    fn called(self) -> (&'static str, &'static str) {
        match self {
            Form::Jws => ("jws", "signed JWT"),
            Form::Jwe => ("jwe", "encrypted JWT"),
            Form::GoogleAccessToken => ("google_access_token", "Google access token"),
            Form::RefreshToken => ("refresh_token", "Google refresh token"),
            Form::AuthorizationCode => ("authorization_code", "Google authorization code"),
            Form::ApiKey => ("api_key", "Google API key"),
            Form::BoundApiKey => ("bound_api_key", "Google API key bound to a service account"),
            Form::ClientSecret => ("client_secret", "Google OAuth client secret"),
            Form::ServiceAccountKey => ("service_account_key", "service account key file"),
            Form::UserCredentials => ("user_credentials", "user credentials file"),
            Form::ImpersonatedCredentials => {
                ("impersonated_credentials", "impersonated service account credentials file")
            }
            Form::FederatedCredentials => ("federated_credentials", "federation credentials file"),
            Form::FederatedUserCredentials => {
                ("federated_user_credentials", "workforce user credentials file")
            }
            Form::OauthClient => ("oauth_client", "OAuth client file"),
            Form::PrivateKey => ("private_key", "private key"),
            Form::PublicKeys => ("public_keys", "public keys"),
            Form::Certificate => ("certificate", "certificate"),
            Form::SignedUrl => ("signed_url", "Cloud Storage signed URL"),
            Form::Foreign => ("foreign_credential", "credential of another service"),
            Form::Opaque => ("opaque", "unknown kind of text"),
            Form::Empty => ("empty", "nothing"),
        }
    }

    /// Whether showing it would do harm. An unknown form isn't taken for a secret.
    pub(crate) fn is_secret(self) -> bool {
        !matches!(self, Form::PublicKeys | Form::Certificate | Form::Opaque | Form::Empty)
    }

    /// Whether Google's tokeninfo can be asked about it: its own access tokens only.
    pub fn may_ask_google(self) -> bool {
        self == Form::GoogleAccessToken
    }

    /// Whether it is valid until revoked, without an expiry.
    pub(crate) fn is_long_lived(self) -> bool {
        matches!(
            self,
            Form::RefreshToken
                | Form::ApiKey
                | Form::BoundApiKey
                | Form::ClientSecret
                | Form::ServiceAccountKey
                | Form::UserCredentials
                | Form::ImpersonatedCredentials
                | Form::FederatedUserCredentials
                | Form::OauthClient
                | Form::PrivateKey
        )
    }
}

/// The prefix and length of an opaque credential.
pub(super) struct Look {
    pub(crate) start: &'static str,
    pub(crate) form: Form,
    /// Its issuer, if the form doesn't say.
    pub(crate) whose: Option<&'static str>,
    /// The minimum and maximum number of characters.
    length: RangeInclusive<usize>,
}

const fn look(start: &'static str, form: Form, least: usize, most: usize) -> Look {
    Look { start, form, whose: None, length: least..=most }
}

const fn foreign(start: &'static str, whose: &'static str, least: usize, most: usize) -> Look {
    Look { start, form: Form::Foreign, whose: Some(whose), length: least..=most }
}

/// No credential is longer.
const ANY: usize = usize::MAX;

/// What the prefixes of Google's access tokens mean, longest first. Google guarantees none of it.
const MADE_FOR: [(&str, &str); 4] = [
    ("ya29.c.", "a service account"),
    ("ya29.dr.", "the Security Token Service: a federated or downscoped identity"),
    ("ya29.d.", "the Security Token Service: a federated or downscoped identity"),
    ("ya29.a0", "a person"),
];

/// Every opaque credential that is known here.
pub(super) const LOOKS: [Look; 21] = [
    look("ya29.", Form::GoogleAccessToken, 6, ANY),
    look("1//", Form::RefreshToken, 4, ANY),
    look("4/", Form::AuthorizationCode, 20, ANY),
    look("AIza", Form::ApiKey, 39, 39),
    look("AQ.", Form::BoundApiKey, 20, ANY),
    look("GOCSPX-", Form::ClientSecret, 20, ANY),
    foreign("AKIA", "AWS access key id", 20, 20),
    foreign("ASIA", "AWS access key id", 20, 20),
    foreign("ghp_", "GitHub personal access token", 20, ANY),
    foreign("github_pat_", "GitHub personal access token", 20, ANY),
    foreign("gho_", "GitHub OAuth token", 20, ANY),
    foreign("ghu_", "GitHub user token", 20, ANY),
    foreign("ghs_", "GitHub app token", 20, ANY),
    foreign("ghr_", "GitHub refresh token", 20, ANY),
    foreign("glpat-", "GitLab personal access token", 20, ANY),
    foreign("xoxb-", "Slack bot token", 20, ANY),
    foreign("xoxp-", "Slack user token", 20, ANY),
    foreign("npm_", "npm access token", 20, ANY),
    foreign("hvs.", "HashiCorp Vault token", 20, ANY),
    foreign("sk-ant-", "Anthropic API key", 20, ANY),
    foreign("sk-proj-", "OpenAI API key", 20, ANY),
];

/// The characters of an opaque credential after its prefix.
pub(super) fn is_opaque_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// The form of a text that is one opaque credential and nothing else.
pub(super) fn look_of(text: &str) -> Option<&'static Look> {
    LOOKS.iter().find(|look| {
        text.strip_prefix(look.start)
            .is_some_and(|rest| look.length.contains(&text.len()) && rest.bytes().all(is_opaque_byte))
    })
}

/// The kind of account that an access token seems to belong to, by its prefix.
pub(super) fn made_for(token: &str) -> Option<&'static str> {
    MADE_FOR.iter().find(|(start, _)| token.starts_with(start)).map(|(_, whom)| *whom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_opaque_credential_is_known_by_its_beginning() {
        for look in &LOOKS {
            let length = (*look.length.start()).max(look.start.len() + 1);
            let text = format!("{}{}", look.start, "x".repeat(length - look.start.len()));
            assert_eq!(look_of(&text).map(|found| found.form), Some(look.form), "{text}");
            assert!(look_of(&format!("{text} and")).is_none(), "{text} has no space in it");
        }
        for text in ["", "ya29.", "4/5", "AIza-too-short", "AQ.", "the ya29.c.x", "https://example.com/1//x"]
        {
            assert!(look_of(text).is_none(), "{text}");
        }
    }

    #[test]
    fn only_googles_own_access_tokens_may_be_asked_about() {
        let forms = LOOKS.iter().map(|look| look.form).chain([
            Form::Jws,
            Form::Jwe,
            Form::ServiceAccountKey,
            Form::SignedUrl,
            Form::Opaque,
            Form::Empty,
        ]);
        for form in forms {
            assert_eq!(form.may_ask_google(), form == Form::GoogleAccessToken, "{form:?}");
            assert!(!form.is_long_lived() || form.is_secret(), "{form:?}");
        }
    }

    #[test]
    fn an_access_token_says_no_more_than_its_beginning_does() {
        assert_eq!(made_for("ya29.c.abc"), Some("a service account"));
        assert!(made_for("ya29.dr.abc").is_some_and(|whom| whom.contains("Security Token Service")));
        assert_eq!(made_for("ya29.other"), None);
    }
}
