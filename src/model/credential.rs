//! What impersona mints: a secret with the account it speaks for, what it is meant for, the chain it came
//! through and when it ends.

use jiff::Timestamp;

use super::secret::Secret;

/// The kinds of credential that can be minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An OAuth 2.0 access token: says who calls Google's APIs.
    AccessToken,
    /// An OpenID Connect ID token: says who calls a service, for one audience.
    IdToken,
}

impl Kind {
    /// The word used in the shelf and in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::AccessToken => "access",
            Kind::IdToken => "id",
        }
    }

    /// The name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Kind::AccessToken => "access token",
            Kind::IdToken => "ID token",
        }
    }
}

/// What to mint: everything that decides the request, nothing secret. `T` sends it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintRequest {
    /// The e-mail or unique id of the account to speak for.
    pub account: String,
    /// Accounts between the caller and `account`, nearest to the caller first.
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
        /// Whole seconds, 1 to 43,200; over 3,600 only where the organization allows it.
        lifetime_seconds: u32,
    },
    /// `generateIdToken`
    IdToken {
        /// Who the token is meant for; required.
        audience: String,
        /// Adds the claims `email` and `email_verified`.
        include_email: bool,
        /// Adds the claim `google.organization_number`.
        organization_number: bool,
    },
}

impl MintRequest {
    /// The kind of credential this asks for.
    pub fn kind(&self) -> Kind {
        match self.what {
            What::AccessToken { .. } => Kind::AccessToken,
            What::IdToken { .. } => Kind::IdToken,
        }
    }
}

/// A minted credential, as it lies on the shelf.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The request that made it; tells account, target and chain.
    pub request: MintRequest,
    /// The token itself.
    pub secret: Secret,
    /// When it ends; none when the answer did not tell.
    pub expires: Option<Timestamp>,
    /// When it was minted, by our clock.
    pub minted: Timestamp,
}

impl Credential {
    /// Whole seconds until it ends, never below zero; none when the end is not known.
    pub fn remaining(&self, now: Timestamp) -> Option<i64> {
        self.expires.map(|end| (end.as_second() - now.as_second()).max(0))
    }

    /// Whether its end has come.
    pub fn ended(&self, now: Timestamp) -> bool {
        self.remaining(now) == Some(0)
    }
}
