//! What impersona mints: a secret with the account it belongs to, its target, the chain it came through and its expiry.

use std::{fmt, path::PathBuf};

use jiff::Timestamp;

use super::{
    jwt::Verdict,
    permission::{self, Permission},
    secret::Secret,
    signed_url::SignedUrl,
};

/// The kinds of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// An OAuth 2.0 access token: identifies the caller of Google's APIs.
    AccessToken,
    /// An OpenID Connect ID token: identifies the caller of a service, for one audience.
    IdToken,
    /// Your own claims, signed with the account's Google-managed key.
    SignedJwt,
    /// Your own bytes, signed with the account's Google-managed key.
    SignedBlob,
    /// A Cloud Storage URL that works without a login until it expires.
    SignedUrl,
    /// An access token or ID token from the machine's metadata server.
    Metadata,
    /// An access token of a Workspace user, exchanged for a signed JWT by domain-wide delegation.
    Delegated,
}

impl Kind {
    /// The kinds that have a form, in display order.
    pub(crate) const FORMS: [Kind; 6] = [
        Kind::AccessToken,
        Kind::IdToken,
        Kind::SignedJwt,
        Kind::SignedBlob,
        Kind::SignedUrl,
        Kind::Metadata,
    ];

    /// What is known of each: its word, its name, and its permission.
    fn row(self) -> (&'static str, &'static str, Option<Permission>) {
        match self {
            Kind::AccessToken => ("access", "access token", Some(permission::GET_ACCESS_TOKEN)),
            Kind::IdToken => ("id", "ID token", Some(permission::GET_OPEN_ID_TOKEN)),
            Kind::SignedJwt => ("jwt", "signed JWT", Some(permission::SIGN_JWT)),
            Kind::SignedBlob => ("blob", "signed blob", Some(permission::SIGN_BLOB)),
            Kind::SignedUrl => ("url", "signed URL", Some(permission::SIGN_BLOB)),
            Kind::Metadata => ("metadata", "metadata token", None),
            Kind::Delegated => ("user", "user's access token", None),
        }
    }

    /// The word used in the shelf and in `--json`.
    pub(crate) fn word(self) -> &'static str {
        self.row().0
    }

    /// The name in a sentence.
    pub(crate) fn name(self) -> &'static str {
        self.row().1
    }

    /// What is said once it is there: `Minted access token`, `Signed JWT`.
    pub(crate) fn done(self) -> String {
        match self {
            Kind::AccessToken | Kind::IdToken => format!("Minted {}", self.name()),
            Kind::SignedJwt => "Signed JWT".to_owned(),
            Kind::SignedBlob => "Signed blob".to_owned(),
            Kind::SignedUrl => "Signed URL".to_owned(),
            Kind::Metadata | Kind::Delegated => format!("Got {}", self.name()),
        }
    }

    /// The permission on the account that minting one needs; none where IAM isn't involved.
    pub(crate) fn permission(self) -> Option<Permission> {
        self.row().2
    }
}

/// What to mint: everything that decides the request, without secrets. `T` sends it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintRequest {
    /// The email or unique ID of the target account; at the metadata server also `default`.
    pub account: String,
    /// Accounts between the caller and `account`, first hop first.
    pub delegates: Vec<String>,
    /// What kind, with the fields of that kind.
    pub what: What,
}

/// The fields that differ by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// `generateAccessToken`
    AccessToken {
        /// Full scope URLs, at least one.
        scopes: Vec<String>,
        /// Whole seconds, 1 to 43,200; over 3,600 only if the organization allows it.
        lifetime_seconds: u32,
    },
    /// `generateIdToken`
    IdToken {
        /// The audience; required.
        audience: String,
        /// Adds the claims `email` and `email_verified`.
        include_email: bool,
        /// Adds the claim `google.organization_number`.
        organization_number: bool,
    },
    /// `signJwt`
    SignedJwt {
        /// A JSON object, as typed; checked by [`super::claims`].
        claims: String,
        /// Whole seconds: `iat` and `exp` are added on sending, if the claims have none.
        lifetime_seconds: Option<u32>,
    },
    /// `signBlob`
    SignedBlob(Payload),
    /// `signBlob` over the text behind a V4 signed URL.
    SignedUrl(SignedUrl),
    /// `instance/service-accounts/…/token` of the metadata server.
    MetadataAccess {
        /// Full scope URLs; empty for the machine's own.
        scopes: Vec<String>,
    },
    /// `instance/service-accounts/…/identity` of the metadata server.
    MetadataId {
        /// The audience; required.
        audience: String,
        /// Adds the claim `google.compute_engine`: format `full` in place of `standard`.
        full: bool,
        /// Adds the licences of the machine's images, in format `full` only.
        licenses: bool,
    },
    /// A signed JWT for the token endpoint. It can't be sent again without a new JWT.
    Delegated {
        /// The email of the Workspace user.
        subject: String,
        /// Full scope URLs.
        scopes: Vec<String>,
    },
}

/// What is to be signed.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The content of this file on sending.
    File(PathBuf),
}

/// The largest body of a request: for anything larger, sign its hash. The service's limit is not published; this one is
/// ours.
pub(crate) const LARGEST_PAYLOAD: usize = 4 * 1024 * 1024;

impl Payload {
    /// These bytes, if they can be signed.
    ///
    /// # Errors
    /// One sentence: there are none, or too many.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Result<Payload, String> {
        match bytes.len() {
            0 => Err("The input is empty: enter data or a file to sign".to_owned()),
            n if n > LARGEST_PAYLOAD => Err("Too large to sign (over 4 MiB). Sign a digest instead, and have the verifier check that digest".to_owned()),
            _ => Ok(Payload::Bytes(bytes)),
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Payload::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Payload::File(path) => write!(f, "{path:?}"),
        }
    }
}

impl What {
    /// The kind, and what several kinds have: scopes and an audience.
    fn facts(&self) -> (Kind, &[String], Option<&str>) {
        match self {
            What::AccessToken { scopes, .. } => (Kind::AccessToken, scopes, None),
            What::IdToken { audience, .. } => (Kind::IdToken, &[], Some(audience)),
            What::SignedJwt { .. } => (Kind::SignedJwt, &[], None),
            What::SignedBlob(_) => (Kind::SignedBlob, &[], None),
            What::SignedUrl(_) => (Kind::SignedUrl, &[], None),
            What::MetadataAccess { scopes } => (Kind::Metadata, scopes, None),
            What::MetadataId { audience, .. } => (Kind::Metadata, &[], Some(audience)),
            What::Delegated { scopes, .. } => (Kind::Delegated, scopes, None),
        }
    }

    /// The requested scopes; none for kinds without scopes.
    pub(crate) fn scopes(&self) -> &[String] {
        self.facts().1
    }

    /// The requested audience of an ID token.
    pub(crate) fn audience(&self) -> Option<&str> {
        self.facts().2
    }
}

impl MintRequest {
    /// The kind of credential this asks for.
    pub(crate) fn kind(&self) -> Kind {
        self.what.facts().0
    }
}

/// A minted credential on the shelf.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The request that made it, with account, target and chain.
    pub request: MintRequest,
    /// The token itself; for a blob its signature in base64, for a URL the whole address.
    pub secret: Secret,
    /// When it expires; `None` if the answer didn't say, or it has no expiry of its own.
    pub expires: Option<Timestamp>,
    /// When it was minted, by our clock.
    pub minted: Timestamp,
    /// The account behind the metadata server's `default`; else `None`.
    pub(crate) whose: Option<String>,
    /// What is known about the signature, if the account's own key signed it.
    pub signed: Option<Signed>,
    /// Remarks about it, each a sentence.
    pub remarks: Vec<String>,
}

/// A signature by the account's Google-managed key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The ID of the key, forty hexadecimal digits.
    pub key_id: String,
    /// SHA-256 of the signed bytes, in hexadecimal.
    pub(crate) sha256: String,
    /// Whether it was made by one of the account's published keys.
    pub verdict: Verdict,
    /// Until when that key is published; `None` if that couldn't be read.
    pub key_ends: Option<Timestamp>,
}

impl Credential {
    /// A credential without a signature to show and without remarks.
    pub(crate) fn new(
        request: MintRequest,
        secret: Secret,
        expires: Option<Timestamp>,
        minted: Timestamp,
    ) -> Credential {
        Credential { request, secret, expires, minted, whose: None, signed: None, remarks: Vec::new() }
    }

    /// The account that it belongs to.
    pub fn account(&self) -> &str {
        self.whose.as_deref().unwrap_or(&self.request.account)
    }

    /// Whole seconds until it expires, never below zero; `None` if the expiry is unknown.
    pub fn remaining(&self, now: Timestamp) -> Option<i64> {
        self.expires.map(|end| (end.as_second() - now.as_second()).max(0))
    }

    /// Whether it has expired.
    pub(crate) fn ended(&self, now: Timestamp) -> bool {
        self.remaining(now) == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credential_has_ended_from_the_second_of_its_end_on() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let what = What::AccessToken { scopes: Vec::new(), lifetime_seconds: 1 };
        let request = MintRequest { account: "default".into(), delegates: Vec::new(), what };
        let credential =
            |expires| Credential::new(request.clone(), Secret::new("ya29.x"), expires, Timestamp::UNIX_EPOCH);
        let ends = credential(Some(at("2026-05-01T12:00:00Z")));
        for (now, left) in [
            ("2026-05-01T11:59:58Z", 2),
            ("2026-05-01T11:59:59Z", 1),
            ("2026-05-01T11:59:59.999Z", 1),
            ("2026-05-01T12:00:00Z", 0),
            ("2026-05-01T12:00:01Z", 0),
            ("2027-05-01T12:00:00Z", 0),
        ] {
            assert_eq!((ends.remaining(at(now)), ends.ended(at(now))), (Some(left), left == 0), "{now}");
        }
        let endless = credential(None);
        assert_eq!((endless.remaining(Timestamp::MAX), endless.ended(Timestamp::MAX)), (None, false));
    }
}
