//! Access tokens: issue, find, revoke, in memory only. A token from elsewhere is never recorded.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::boundary::Boundary;
use super::federated::Federated;

/// Whose a token or a JWT is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Principal {
    User(String),
    /// A service account, by its email.
    Account(String),
    /// A principal of an identity pool.
    Federated(Box<Federated>),
}

impl Principal {
    /// The email address; empty for a principal of an identity pool, whose subject can look like any email.
    pub(crate) fn email(&self) -> &str {
        match self {
            Principal::User(email) | Principal::Account(email) => email,
            Principal::Federated(_) => "",
        }
    }

    /// As in a policy.
    pub(crate) fn member(&self) -> String {
        match self {
            Principal::User(email) => format!("user:{email}"),
            Principal::Account(email) => format!("serviceAccount:{email}"),
            Principal::Federated(who) => who.member(),
        }
    }

    /// Reads `user:…`, `serviceAccount:…` or `principal://…`.
    pub(crate) fn parse(member: &str) -> Option<Principal> {
        match member.split_once(':')? {
            ("user", email) => Some(Principal::User(email.to_lowercase())),
            ("serviceAccount", email) => Some(Principal::Account(email.to_lowercase())),
            ("principal", _) => Some(Principal::Federated(Box::new(Federated::parse(member)?))),
            _ => None,
        }
    }
}

/// What an access token is good for.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) principal: Principal,
    /// What it may be used for.
    pub(crate) scopes: Vec<String>,
    /// When it ends, in seconds since the epoch.
    pub(crate) expires: i64,
    /// The OAuth client for a person, the unique id for an account; for a principal of an identity pool the OAuth client,
    /// or the number of the project that pays, or nothing.
    pub(crate) client: String,
    /// What it is limited to, if it was downscoped.
    pub(crate) boundary: Option<Arc<Boundary>>,
}

impl Token {
    /// Whether the Security Token Service issued it: the OAuth endpoints do not know such a token.
    pub(crate) fn is_exchanged(&self) -> bool {
        self.boundary.is_some() || matches!(self.principal, Principal::Federated(_))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    by_text: HashMap<String, Token>,
}

impl Tokens {
    /// Makes a token. The prefixes are Google's; the rest says where it comes from.
    pub(crate) fn issue(&mut self, token: Token, now: i64) -> String {
        if self.by_text.len() >= 50_000 {
            self.by_text.retain(|_, token| token.expires > now - 3600);
        }
        let prefix = match token.principal {
            _ if token.boundary.is_some() => "ya29.dr.EMULATOR-",
            Principal::User(_) => "ya29.a0EMULATOR-",
            Principal::Account(_) => "ya29.c.EMULATOR-",
            Principal::Federated(_) => "ya29.d.EMULATOR-",
        };
        let text = format!("{prefix}{}", secret());
        self.by_text.insert(text.clone(), token);
        text
    }

    /// The token of that text, expired or not.
    pub(crate) fn find(&self, text: &str) -> Option<&Token> {
        self.by_text.get(text)
    }

    pub(crate) fn revoke(&mut self, text: &str) -> bool {
        self.by_text.remove(text).is_some()
    }
}

/// Whether there is a scope of that name: one of Google's discovery documents, or one that is used without being there.
pub(crate) fn is_scope(scope: &str) -> bool {
    const OTHERS: &[&str] = &[
        "email",
        "profile",
        "https://www.googleapis.com/auth/accounts.reauth",
        "https://www.googleapis.com/auth/iam",
        "https://www.googleapis.com/auth/sqlservice.login",
    ];
    static DOCUMENTED: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let lines = include_str!("../assets/scopes.tsv").lines();
        lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split('\t').next()).collect()
    });
    OTHERS.contains(&scope) || DOCUMENTED.contains(scope)
}

/// 256 random bits as text.
pub(crate) fn secret() -> String {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).expect("the system has random numbers");
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_own_text_only_and_shows_what_it_is() {
        let mut tokens = Tokens::default();
        let token = Token {
            principal: Principal::Account("a@p.iam.gserviceaccount.com".into()),
            scopes: vec![],
            expires: 10,
            client: String::new(),
            boundary: None,
        };
        let text = tokens.issue(token, 0);
        assert!(text.starts_with("ya29.c.EMULATOR-"));
        assert!(tokens.find(&text).is_some() && tokens.find("ya29.c.other").is_none());
        assert!(tokens.revoke(&text) && tokens.find(&text).is_none());
    }
}
