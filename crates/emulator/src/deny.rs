//! Deny policies (IAM v2), which win over every role. This file owns their form and the names that they use
//! for principals and permissions; the state knows groups, and what is enforced.

use serde::{Deserialize, Serialize};

use super::condition::{self, Facts};
use super::policy::Condition;
use super::verdict::Verdict;
use super::world::{WorldError, check_condition, content};

/// A deny policy of a project, folder or organization (discovery `iam.v2`, `GoogleIamV2Policy`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DenyPolicy {
    /// The last part of its name.
    pub id: String,
    /// Its display name.
    pub display_name: String,
    /// Its rules; each denies on its own.
    pub rules: Vec<DenyRule>,
}

/// A rule of a deny policy (`GoogleIamV2DenyRule`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DenyRule {
    /// What it is for.
    #[serde(skip_serializing)]
    pub description: String,
    /// The principals that it denies, as `principal://goog/subject/ann@example.com` or `principalSet://goog/public:all`.
    pub denied_principals: Vec<String>,
    /// Exceptions among these principals.
    pub exception_principals: Vec<String>,
    /// The permissions that it denies, as `iam.googleapis.com/serviceAccounts.getAccessToken`; `*` may stand for the
    /// resource, the verb or both.
    pub denied_permissions: Vec<String>,
    /// Exceptions among these permissions.
    pub exception_permissions: Vec<String>,
    /// When it holds; always if left out. Google accepts only resource tags here (discovery); ours accepts what
    /// conditions of bindings can contain, because tests need time and have no tags.
    pub denial_condition: Option<Condition>,
}

impl DenyPolicy {
    /// Whether its rules name principals and permissions in their v2 forms: the forms of allow policies would deny
    /// nothing.
    pub(crate) fn check(&self, field: &str) -> Result<(), WorldError> {
        for (r, rule) in self.rules.iter().enumerate() {
            let lists = [
                ("deniedPrincipals", &rule.denied_principals, is_principal as fn(&str) -> bool),
                ("exceptionPrincipals", &rule.exception_principals, |p| {
                    is_principal(p) && !p.ends_with("public:all")
                }),
                ("deniedPermissions", &rule.denied_permissions, |p| matches(p, p)),
                ("exceptionPermissions", &rule.exception_permissions, |p| matches(p, p)),
            ];
            for (name, list, fine) in lists {
                if let Some(i) = list.iter().position(|value| !fine(value)) {
                    let problem = format!("{} is not in the form of deny policies", list[i]);
                    return Err(content(format!("{field}.rules[{r}].{name}[{i}]"), problem));
                }
            }
            check_condition(
                rule.denial_condition.as_ref(),
                &format!("{field}.rules[{r}]"),
                "denialCondition",
            )?;
        }
        Ok(())
    }
}

/// The forms that discovery lists, except the customer ID and service agents, which no world has.
fn is_principal(name: &str) -> bool {
    let name = name.strip_prefix("deleted:").unwrap_or(name);
    let known = member(name);
    known != name
        || name.starts_with("principal://iam.googleapis.com/")
        || name.starts_with("principalSet://iam.googleapis.com/")
        || (name.starts_with("principalSet://cloudresourcemanager.googleapis.com/")
            && name.ends_with("/type/ServiceAccount"))
}

impl DenyRule {
    /// Whether the rule takes a permission (in the v2 form) away from a principal. `includes` says whether a principal
    /// set of the rule includes the one in question.
    pub(crate) fn denies(
        &self,
        permission: &str,
        includes: impl Fn(&str) -> Verdict,
        facts: &Facts,
    ) -> Verdict {
        let named = |all: &[String]| Verdict::of(all.iter().any(|pattern| matches(pattern, permission)));
        let hit = |all: &[String]| Verdict::any(all.iter().map(|principal| includes(principal)));
        named(&self.denied_permissions)
            .and(!named(&self.exception_permissions))
            .and(hit(&self.denied_principals))
            .and(!hit(&self.exception_principals))
            .and(self.condition(facts))
    }

    /// Whether the condition holds. One that cannot be read holds: a deny rule fails closed (IAM documentation, deny
    /// policies; recalled).
    pub(crate) fn condition(&self, facts: &Facts) -> Verdict {
        match &self.denial_condition {
            None => Verdict::Yes,
            Some(condition) => match condition::evaluate(&condition.expression, facts) {
                Ok(Some(holds)) => Verdict::of(holds),
                Ok(None) => Verdict::Open,
                Err(_) => Verdict::Yes,
            },
        }
    }
}

/// Whether a permission of a rule, perhaps with stars, names a permission.
pub(crate) fn matches(pattern: &str, permission: &str) -> bool {
    let parts = |name: &str| {
        let (service, rest) = name.split_once('/')?;
        let (resource, verb) = rest.rsplit_once('.')?;
        Some([service.to_owned(), resource.to_owned(), verb.to_owned()])
    };
    match (parts(pattern), parts(permission)) {
        (Some(pattern), Some(name)) => pattern.iter().zip(&name).all(|(p, n)| p == "*" || p == n),
        _ => false,
    }
}

/// A permission in the v2 form: `iam.serviceAccounts.signJwt` is `iam.googleapis.com/serviceAccounts.signJwt`.
pub(crate) fn v2(permission: &str) -> String {
    match permission.split_once('.') {
        Some(_) if permission.contains('/') => permission.to_owned(),
        Some(("resourcemanager", rest)) => format!("cloudresourcemanager.googleapis.com/{rest}"),
        Some((service, rest)) => format!("{service}.googleapis.com/{rest}"),
        None => permission.to_owned(),
    }
}

/// A permission in the v1 form, whichever it came in. Identity pools have only the one with the slash.
pub(crate) fn v1(permission: &str) -> String {
    match permission.split_once(".googleapis.com/") {
        Some(("iam", rest)) if rest.starts_with("work") => permission.to_owned(),
        Some(("cloudresourcemanager", rest)) => format!("resourcemanager.{rest}"),
        Some((service, rest)) => format!("{service}.{rest}"),
        None => permission.to_owned(),
    }
}

/// A principal of a rule as an allow policy would write it. Those of identity pools are the same in both.
pub(crate) fn member(principal: &str) -> String {
    const KINDS: &[(&str, &str)] = &[
        ("principal://goog/subject/", "user:"),
        ("principal://iam.googleapis.com/projects/-/serviceAccounts/", "serviceAccount:"),
        ("principalSet://goog/group/", "group:"),
    ];
    if principal == "principalSet://goog/public:all" {
        return "allUsers".to_owned();
    }
    let same = KINDS.iter().find_map(|(from, to)| Some(format!("{to}{}", principal.strip_prefix(from)?)));
    same.unwrap_or_else(|| principal.to_owned())
}

/// A member of an allow policy that is an account, deleted or not, as a rule names it; others stay as they are.
pub(crate) fn principal(member: &str) -> String {
    let (deleted, live) = member.strip_prefix("deleted:").map_or(("", member), |live| ("deleted:", live));
    match live.strip_prefix("serviceAccount:") {
        Some(email) => {
            format!("{deleted}principal://iam.googleapis.com/projects/-/serviceAccounts/{email}")
        }
        None => member.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_have_two_forms_and_stars_stand_for_resource_and_verb() {
        let token = "iam.googleapis.com/serviceAccounts.getAccessToken";
        assert_eq!(v2("iam.serviceAccounts.getAccessToken"), token);
        assert_eq!(v1(token), "iam.serviceAccounts.getAccessToken");
        assert_eq!(v2("resourcemanager.projects.get"), "cloudresourcemanager.googleapis.com/projects.get");
        assert_eq!(v1(&v2("resourcemanager.projects.get")), "resourcemanager.projects.get");
        let pool = "iam.googleapis.com/workloadIdentityPools.get";
        assert_eq!((v1(pool), v2(pool)), (pool.to_owned(), pool.to_owned()));
        for pattern in [
            token,
            "iam.googleapis.com/serviceAccounts.*",
            "iam.googleapis.com/*.*",
            "iam.googleapis.com/*.getAccessToken",
        ] {
            assert!(matches(pattern, token), "{pattern}");
        }
        assert!(!matches("iam.googleapis.com/roles.*", token) && !matches("iam.serviceAccounts.*", token));
    }

    #[test]
    fn an_exception_spares_and_a_condition_that_cannot_be_read_denies() {
        let rule = |condition: &str| DenyRule {
            denied_principals: vec!["principalSet://goog/public:all".into()],
            exception_principals: vec!["principal://goog/subject/ann@example.com".into()],
            denied_permissions: vec!["iam.googleapis.com/serviceAccounts.*".into()],
            exception_permissions: vec!["iam.googleapis.com/serviceAccounts.get".into()],
            denial_condition: Some(Condition { expression: condition.into(), ..Condition::default() }),
            ..DenyRule::default()
        };
        let judged = |who: &str, permission: &str, condition: &str| {
            let includes = |principal: &str| {
                let member = member(principal);
                Verdict::of(member == "allUsers" || member == format!("user:{who}"))
            };
            rule(condition).denies(&v2(permission), includes, &Facts { now: Some(0), ..Facts::default() })
        };
        assert_eq!(judged("bob@example.com", "iam.serviceAccounts.signJwt", "true"), Verdict::Yes);
        assert_eq!(judged("ann@example.com", "iam.serviceAccounts.signJwt", "true"), Verdict::No);
        assert_eq!(judged("bob@example.com", "iam.serviceAccounts.get", "true"), Verdict::No);
        assert_eq!(judged("bob@example.com", "iam.serviceAccounts.signJwt", "false"), Verdict::No);
        assert_eq!(judged("bob@example.com", "iam.serviceAccounts.signJwt", "no idea"), Verdict::Yes);
        assert_eq!(
            judged("bob@example.com", "iam.serviceAccounts.signJwt", "resource.name == 'x'"),
            Verdict::Open
        );
    }
}
