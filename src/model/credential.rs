//! What impersona mints: a secret with the account it belongs to, its target, the chain it came through and its expiry.

use std::{fmt, path::PathBuf};

use jiff::Timestamp;

use super::{jwt::Verdict, secret::Secret, signed_url::SignedUrl};

/// The kinds of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
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
    pub const FORMS: [Kind; 6] = [
        Kind::AccessToken,
        Kind::IdToken,
        Kind::SignedJwt,
        Kind::SignedBlob,
        Kind::SignedUrl,
        Kind::Metadata,
    ];

    /// The word used in the shelf and in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::AccessToken => "access",
            Kind::IdToken => "id",
            Kind::SignedJwt => "jwt",
            Kind::SignedBlob => "blob",
            Kind::SignedUrl => "url",
            Kind::Metadata => "metadata",
            Kind::Delegated => "user",
        }
    }

    /// The name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Kind::AccessToken => "access token",
            Kind::IdToken => "ID token",
            Kind::SignedJwt => "signed JWT",
            Kind::SignedBlob => "signed blob",
            Kind::SignedUrl => "signed URL",
            Kind::Metadata => "metadata token",
            Kind::Delegated => "user's access token",
        }
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
pub const LARGEST_PAYLOAD: usize = 4 * 1024 * 1024;

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Payload::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Payload::File(path) => write!(f, "{path:?}"),
        }
    }
}

impl MintRequest {
    /// The kind of credential this asks for.
    pub fn kind(&self) -> Kind {
        match self.what {
            What::AccessToken { .. } => Kind::AccessToken,
            What::IdToken { .. } => Kind::IdToken,
            What::SignedJwt { .. } => Kind::SignedJwt,
            What::SignedBlob(_) => Kind::SignedBlob,
            What::SignedUrl(_) => Kind::SignedUrl,
            What::MetadataAccess { .. } | What::MetadataId { .. } => Kind::Metadata,
            What::Delegated { .. } => Kind::Delegated,
        }
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
    pub whose: Option<String>,
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
    pub sha256: String,
    /// Whether it was made by one of the account's published keys.
    pub verdict: Verdict,
    /// Until when that key is published; `None` if that couldn't be read.
    pub key_ends: Option<Timestamp>,
}

impl Credential {
    /// A credential without a signature to show and without remarks.
    pub fn new(
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
    pub fn ended(&self, now: Timestamp) -> bool {
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
