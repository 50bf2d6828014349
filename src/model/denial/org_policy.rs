//! Denials by organization policy constraints: each of IAM's by name, with the way around it, and any other by the name
//! that the denial gives it.

use super::Refusal;
use crate::model::shell::quote;

/// A constraint, words that Google refuses with, what it forbids, and the way around it.
struct Constraint {
    name: &'static str,
    words: &'static [&'static str],
    forbids: &'static str,
    around: &'static str,
}

const NO_KEY: &str = "do without a key: mint short-lived credentials instead (`impersona token access ACCOUNT`), or use workload identity federation";
const EXISTING: &str = "use an existing service account";

/// Constraints of IAM. The managed ones (`iam.managed.…`) have the same last part.
const KNOWN: [Constraint; 11] = [
    Constraint {
        name: "iam.disableServiceAccountKeyCreation",
        words: &["Key creation is not allowed"],
        forbids: "creating service account keys",
        around: NO_KEY,
    },
    Constraint {
        name: "iam.disableServiceAccountKeyUpload",
        words: &["Key upload is not allowed", "Uploading keys is not allowed", "Public key upload is"],
        forbids: "uploading service account keys",
        around: NO_KEY,
    },
    Constraint {
        name: "iam.disableServiceAccountCreation",
        words: &["ervice account creation is not allowed", "Creating service accounts is not allowed"],
        forbids: "creating service accounts",
        around: EXISTING,
    },
    Constraint {
        name: "iam.disableCrossProjectServiceAccountUsage",
        words: &[
            "cross-project service account",
            "Cross-project service account",
            "ross project service account",
        ],
        forbids: "attaching a service account to a resource in another project",
        around: "use a service account of the project that the resource is in",
    },
    Constraint {
        name: "iam.automaticIamGrantsForDefaultServiceAccounts",
        words: &[],
        forbids: "automatic grants to default service accounts",
        around: "grant the default service account the roles that it needs, or use an account of your own",
    },
    Constraint {
        name: "iam.preventPrivilegedBasicRolesForDefaultServiceAccounts",
        words: &[],
        forbids: "Owner and Editor for default service accounts",
        around: "grant a narrower role",
    },
    Constraint {
        name: "iam.serviceAccountKeyExpiryHours",
        words: &[],
        forbids: "keys that live longer",
        around: NO_KEY,
    },
    Constraint {
        name: "iam.disableServiceAccountApiKeyCreation",
        words: &[],
        forbids: "creating API keys that are bound to service accounts",
        around: "mint an access token instead: `impersona token access ACCOUNT`",
    },
    Constraint {
        name: "iam.workloadIdentityPoolProviders",
        words: &[],
        forbids: "identity providers that aren't on its list in workload identity pools",
        around: "use a provider on the list",
    },
    Constraint {
        name: "iam.workloadIdentityPoolAwsAccounts",
        words: &[],
        forbids: "AWS accounts that aren't on its list in workload identity pools",
        around: "use an AWS account on the list",
    },
    Constraint {
        name: "iam.disableWorkloadIdentityClusterCreation",
        words: &[],
        forbids: "creating clusters with workload identity",
        around: "create the cluster in a project that allows it",
    },
];

/// The last part of a constraint's name, which is the same for managed ones.
fn last(name: &str) -> &str {
    name.rsplit(['.', '/']).next().unwrap_or_default()
}

/// The constraint that a text names, or that refuses in these words: `constraints/iam.disableServiceAccountKeyCreation`.
pub(super) fn constraint_in(text: &str) -> Option<String> {
    for (at, found) in text.match_indices("onstraints/").take(8) {
        let name = &text[at + found.len()..];
        let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || "._".contains(c))).unwrap_or(name.len());
        let name = name[..end].trim_end_matches('.');
        if name.contains('.') {
            let custom = if text[..at].ends_with("customC") { "customConstraints" } else { "constraints" };
            return Some(format!("{custom}/{name}"));
        }
    }
    let known = KNOWN.iter().find(|known| known.words.iter().any(|words| text.contains(words)))?;
    Some(format!("constraints/{}", known.name))
}

/// See [`super::telling_phrases`].
pub(super) fn phrases() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().flat_map(|known| known.words).copied().chain(["onstraints/"])
}

/// Whether the denial is by a constraint.
pub(super) fn is_refused(refusal: &Refusal) -> bool {
    refusal.violation.as_deref().is_some_and(|it| it.contains("onstraints/"))
        || refusal.reason.as_deref().is_some_and(|reason| reason.contains("ORG_POLICY"))
        || ["rg policy", "rganization policy", "rg policies", "rganization Policy"]
            .iter()
            .any(|words| refusal.message.contains(words))
            && matches!(refusal.status, 400 | 403 | 412)
}

/// The sentence and the next step.
pub(super) fn explain(refusal: &Refusal) -> (String, String) {
    let name = refusal.violation.as_deref().filter(|it| it.contains("onstraints/"));
    let named = name.map_or_else(
        || "An organization policy".to_owned(),
        |name| format!("The organization policy {name}"),
    );
    let known = name.and_then(|name| KNOWN.iter().find(|known| last(known.name) == last(name)));
    let project = refusal.project().map(|project| format!(" (project {project})")).unwrap_or_default();
    let sentence = match known {
        Some(known) => format!("{named} forbids {}{project}.", known.forbids),
        None => match refusal.message.trim_end_matches('.') {
            "" => format!("{named} forbids this{project}."),
            words => format!("{named} forbids this{project}: {words}."),
        },
    };
    let change = match name {
        Some(name) => {
            format!("ask someone with roles/orgpolicy.policyAdmin on the organization to change {name}")
        }
        None => {
            "ask someone with roles/orgpolicy.policyAdmin on the organization which policy it is".to_owned()
        }
    };
    let account = refusal.asked.resource.rsplit('/').next().filter(|name| name.contains('@'));
    let account = quote(account.unwrap_or("ACCOUNT"));
    let next = match known {
        Some(known) => {
            let around = known.around.replace("ACCOUNT", &account);
            format!("{}{}; or {change}.", around[..1].to_uppercase(), &around[1..])
        }
        None => format!("{}{}.", change[..1].to_uppercase(), &change[1..]),
    };
    (sentence, next)
}
