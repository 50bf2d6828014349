//! Callers with a credentials file, as data: the principal, where the identity comes from, and the account to
//! impersonate. This file owns the form and the checks of that section of the world; `files` writes the
//! credentials files.

use serde::{Deserialize, Serialize};

use super::federated::Federated;
use super::identity::{Pool, Provider, ProviderKind, WorkforceUser};
use super::subject;
use super::tokens::{Principal, is_scope};
use super::world::{World, WorldError, content};

/// A principal for whom a credentials file is written.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Caller {
    /// `user:…` for an authorized_user file, `serviceAccount:…` for a key file, `principal://…` for a file of the kind
    /// that `source` says, `system:serviceaccount:PROJECT:NAME` for a gdch_service_account file.
    pub principal: String,
    /// The quota project in the file. In one with subject tokens of a workforce pool it is the user project.
    pub quota_project: Option<String>,
    /// What a refresh token gives when no scope is asked for; cloud-platform, email and openid if left out.
    pub scopes: Vec<String>,
    /// Where the identity of a pool's principal comes from.
    pub source: Option<Source>,
    /// The email of the account to impersonate: an impersonated_service_account file for a user,
    /// an impersonation URL for a pool's principal.
    pub impersonates: Option<String>,
    /// The delegation chain to that account; only a user's file has one.
    pub delegates: Vec<String>,
}

/// Where the identity of a pool's principal comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// A file with the subject token and nothing else.
    File,
    /// A file of JSON with the subject token in a field.
    FileJson,
    /// An address that gives the subject token.
    Url,
    /// A program that prints the subject token.
    Executable,
    /// The metadata server of a machine of AWS.
    Aws,
    /// A login of a workforce pool's user: an external_account_authorized_user file.
    Session,
}

/// The part of the world that a pool's principal comes from.
pub(crate) enum Origin<'a> {
    /// The identity, SAML response or role of a provider with that number.
    Provider(&'a Pool, &'a Provider, usize),
    Login(&'a Pool, &'a WorkforceUser),
}

/// Finds the part of the world that a pool's principal comes from.
pub(crate) fn find_origin<'a>(pools: &'a [Pool], who: &Federated, source: Source) -> Option<Origin<'a>> {
    let pool = pools.iter().find(|pool| pool.name == who.pool)?;
    if source == Source::Session {
        let user = pool.users.iter().find(|user| user.subject == who.subject)?;
        return Some(Origin::Login(pool, user));
    }
    pool.providers.iter().find_map(|provider| {
        let is_who = |claims: &_| {
            subject::principal(pool, &provider.mapping, claims).is_ok_and(|made| made.subject == who.subject)
        };
        let number = match &provider.kind {
            // The machine has the first role only.
            ProviderKind::Aws(aws) if source == Source::Aws => {
                aws.roles.first().filter(|role| is_who(&aws.claims(role))).map(|_| 0)
            }
            ProviderKind::Oidc(oidc) if source != Source::Aws => oidc.identities.iter().position(is_who),
            ProviderKind::Saml(saml) if source != Source::Aws => {
                saml.responses.iter().position(|response| is_who(&response.claims))
            }
            _ => None,
        };
        number.map(|number| Origin::Provider(pool, provider, number))
    })
}

/// Parses project and name from `system:serviceaccount:PROJECT:NAME`.
pub(crate) fn parse_distributed(principal: &str) -> Option<(&str, &str)> {
    let (project, name) = principal.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    (!project.is_empty() && !name.is_empty() && !name.contains(['/', ':'])).then_some((project, name))
}

impl Caller {
    pub(super) fn check(&self, world: &World, at: &str) -> Result<(), WorldError> {
        let wrong = |field: &str, problem: String| Err(content(format!("{at}.{field}"), problem));
        let principal = Principal::parse(&self.principal);
        let known = match &principal {
            Some(Principal::User(email)) => world.users.iter().any(|user| user.email == *email),
            Some(Principal::Account(email)) => world.has_account(email),
            Some(Principal::Federated(_)) => true,
            None => parse_distributed(&self.principal).is_some(),
        };
        if !known {
            let problem = format!("{:?} is neither a user nor an account of this world", self.principal);
            return wrong("principal", problem);
        }
        match (&principal, self.source) {
            (Some(Principal::Federated(who)), Some(source)) => {
                if find_origin(&world.pools(), who, source).is_none() {
                    let problem =
                        format!("no pool of this world gives {:?} from that source", self.principal);
                    return wrong("source", problem);
                }
            }
            (Some(Principal::Federated(_)), None) => {
                return wrong("source", "a pool's principal needs a source".into());
            }
            (_, Some(_)) => return wrong("source", "only a pool's principal has a source".into()),
            (_, None) => {}
        }
        if let Some(quota) = &self.quota_project
            && !world.projects.iter().any(|p| p.id == *quota || p.number.to_string() == *quota)
        {
            return wrong("quotaProject", format!("{quota:?} is not a project of this world"));
        }
        if let Some((i, scope)) = self.scopes.iter().enumerate().find(|(_, scope)| !is_scope(scope)) {
            return wrong(&format!("scopes[{i}]"), format!("{scope:?} is not a scope"));
        }
        if let Some(target) = &self.impersonates {
            let may = matches!(principal, Some(Principal::User(_) | Principal::Federated(_)));
            if !may || self.source == Some(Source::Session) {
                return wrong("impersonates", "a file of this kind cannot impersonate an account".into());
            }
            if !world.has_account(target) {
                return wrong("impersonates", format!("{target:?} is not an account of this world"));
            }
        }
        let chain = self.impersonates.is_some() && matches!(principal, Some(Principal::User(_)));
        if !self.delegates.is_empty() && !chain {
            return wrong(
                "delegates",
                "only the file of a user who impersonates an account has delegates".into(),
            );
        }
        match self.delegates.iter().position(|email| !world.has_account(email)) {
            Some(i) => wrong(
                &format!("delegates[{i}]"),
                format!("{:?} is not an account of this world", self.delegates[i]),
            ),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const RUNNER: &str =
        "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci-pool/subject/a";

    fn problem(caller: Value) -> String {
        let provider = json!({"id": "github", "oidc": {"issuer": "https://issuer.example", "generated": true,
            "identities": [{"sub": "a"}]}});
        let world = json!({"projects": [{"id": "p", "number": 1, "accounts": [{"email": "bot"}]}],
            "users": [{"email": "ann@example.com"}], "callers": [caller],
            "identityPools": {"workload": [{"project": "p", "id": "ci-pool", "providers": [provider]}]}});
        World::parse(&world.to_string()).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_wrong_with_a_caller_is_named_by_its_field() {
        let (ann, bot) = ("user:ann@example.com", "bot@p.iam.gserviceaccount.com");
        for fine in [
            json!({"principal": ann, "impersonates": bot, "delegates": [bot]}),
            json!({"principal": RUNNER, "source": "fileJson", "impersonates": bot}),
            json!({"principal": "system:serviceaccount:edge:agent"}),
        ] {
            assert_eq!(problem(fine), "");
        }
        for (caller, field) in [
            (json!({"principal": "user:bob@example.com"}), "callers[0].principal: "),
            (json!({"principal": "system:serviceaccount:edge"}), "callers[0].principal: "),
            (json!({"principal": RUNNER}), "callers[0].source: "),
            (json!({"principal": RUNNER, "source": "aws"}), "callers[0].source: no pool"),
            (json!({"principal": format!("{RUNNER}b"), "source": "url"}), "callers[0].source: no pool"),
            (json!({"principal": RUNNER, "source": "cloud"}), "unknown variant `cloud`"),
            (json!({"principal": ann, "quotaProject": "q"}), "callers[0].quotaProject: \"q\""),
            (json!({"principal": ann, "scopes": ["openid", "all"]}), "callers[0].scopes[1]: \"all\""),
            (json!({"principal": ann, "source": "file"}), "callers[0].source: only"),
            (json!({"principal": ann, "impersonates": "x@p"}), "callers[0].impersonates: \"x@p\""),
            (
                json!({"principal": format!("serviceAccount:{bot}"), "impersonates": bot}),
                "callers[0].impersonates: a file",
            ),
            (json!({"principal": ann, "delegates": [bot]}), "callers[0].delegates: "),
            (
                json!({"principal": ann, "impersonates": bot, "delegates": [bot, "x@p"]}),
                "callers[0].delegates[1]: ",
            ),
        ] {
            let problem = problem(caller);
            assert!(problem.contains(field), "{field}: {problem}");
        }
    }
}
