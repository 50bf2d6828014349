//! Domain-wide delegation as data: which accounts can impersonate users of which domains, with which scopes.
//! This file owns the form and the checks of that section of the world; the token endpoint issues the tokens.

use serde::{Deserialize, Serialize};

use super::tokens::is_scope;
use super::world::{World, WorldError, content};

/// The world's Google Workspace, as its administrator has set it up.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Workspace {
    /// Its domains. Accounts can impersonate the world's users of these and no others.
    pub domains: Vec<String>,
    /// The delegations that were granted.
    pub delegations: Vec<Delegation>,
}

/// The scopes of one account for every user of the domains.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Delegation {
    /// The account's email; while the emulator runs, its unique id.
    pub account: String,
    /// The scopes it may ask for.
    pub scopes: Vec<String>,
}

impl Workspace {
    /// Emails and domains are compared in lower case.
    pub(super) fn complete(&mut self) {
        self.domains.iter_mut().for_each(|domain| *domain = domain.to_lowercase());
        self.delegations.iter_mut().for_each(|delegation| {
            delegation.account = delegation.account.to_lowercase();
        });
    }

    pub(super) fn check(&self, world: &World) -> Result<(), WorldError> {
        if self.domains.is_empty() && !self.delegations.is_empty() {
            let problem = "without a domain there are no users to impersonate";
            return Err(content("workspace.domains".into(), problem.into()));
        }
        for (i, Delegation { account, scopes }) in self.delegations.iter().enumerate() {
            let field = |name: &str| format!("workspace.delegations[{i}].{name}");
            if !world.has_account(account) {
                return Err(content(
                    field("account"),
                    format!("{account:?} is not an account of this world"),
                ));
            }
            if self.delegations[..i].iter().any(|before| before.account == *account) {
                return Err(content(field("account"), format!("{account} appears twice")));
            }
            if let Some((j, scope)) = scopes.iter().enumerate().find(|(_, scope)| !is_scope(scope)) {
                return Err(content(field(&format!("scopes[{j}]")), format!("{scope:?} is not a scope")));
            }
        }
        Ok(())
    }

    /// Whether the account of a unique id can have all these scopes for a user.
    pub(crate) fn allows(&self, account: &str, scopes: &[String]) -> bool {
        let delegation = self.delegations.iter().find(|delegation| delegation.account == account);
        delegation.is_some_and(|delegation| scopes.iter().all(|scope| delegation.scopes.contains(scope)))
    }

    /// Whether an email address is one of its domains'.
    pub(crate) fn holds(&self, email: &str) -> bool {
        email.rsplit_once('@').is_some_and(|(_, domain)| self.domains.iter().any(|ours| ours == domain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(workspace: &str) -> String {
        let projects = r#"[{"id":"p","number":1,"accounts":[{"email":"a"}]}]"#;
        let text = format!(r#"{{"projects":{projects},"workspace":{workspace}}}"#);
        World::parse(&text).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_wrong_with_a_delegation_is_named_by_its_field() {
        let of = |account: &str, scope: &str| {
            let delegation =
                format!(r#"{{"account":"{account}@p.iam.gserviceaccount.com","scopes":["{scope}"]}}"#);
            problem(&format!(r#"{{"domains":["example.com"],"delegations":[{delegation}]}}"#))
        };
        assert_eq!(of("A", "openid"), "");
        assert!(of("b", "openid").contains("workspace.delegations[0].account: "));
        assert!(of("a", "drive").contains("workspace.delegations[0].scopes[0]: \"drive\" is not a scope"));
        let twice = r#"{"account":"a@p.iam.gserviceaccount.com"}"#;
        let twice = problem(&format!(r#"{{"domains":["example.com"],"delegations":[{twice},{twice}]}}"#));
        assert!(twice.contains("workspace.delegations[1].account"), "{twice}");
        assert!(problem(r#"{"delegations":[{}]}"#).contains("workspace.domains: "));
        assert!(problem(r#"{"domain":[]}"#).contains("unknown field `domain`"));
    }
}
