//! The sentence and the next step of each cause that need more than a line.

use super::{Delegation, LOGIN, Refusal, SHARED_CLIENT_PROJECTS};
use crate::model::permission::{self, Permission};
use crate::model::shell::quote;

/// The Workspace setting or claim that makes a delegation fail: the token endpoint's own words are few and lead many
/// people to the wrong page.
pub(super) fn delegation(refusal: &Refusal) -> (String, String) {
    let Delegation { subject, scopes } = refusal.asked.delegation.clone().unwrap_or_default();
    let domain = subject.split_once('@').map_or("its domain", |(_, domain)| domain).to_owned();
    let subject = if subject.is_empty() { "the user in sub".to_owned() } else { subject };
    let account = if refusal.asked.resource.is_empty() { "the account" } else { &refusal.asked.resource };
    let message = refusal.message.to_lowercase();
    if refusal.code == "invalid_scope" {
        return (
            "The JWT requests a scope that the token endpoint doesn't know.".to_owned(),
            "Check the claim scope: full https:// scopes, separated by single spaces.".to_owned(),
        );
    }
    if refusal.code == "invalid_grant" && (message.contains("email") || message.contains("user id")) {
        return (
            format!("Workspace has no active user {subject}."),
            format!(
                "Check the claim sub: use the primary address of an active user of {domain}, not a group, an alias or a service account."
            ),
        );
    }
    if refusal.code == "invalid_grant" {
        return (
            format!("The token endpoint rejected the JWT ({}).", refusal.message.trim_end_matches('.')),
            "Check iat and exp (at most 1h apart, and this machine's clock), iss (the account itself) and aud (the token endpoint); then sign a new one.".to_owned(),
        );
    }
    let scopes = if scopes.is_empty() { "its scopes".to_owned() } else { scopes.join(",") };
    (
        format!("Google Workspace doesn't let {account} act for {subject} with these scopes."),
        format!(
            "Ask an administrator of {domain} to add the account's client ID (its unique ID) with exactly {scopes} in the Admin console: Security, Access and data control, API controls, Domain-wide delegation; it can take up to 24 hours."
        ),
    )
}

pub(super) fn api_disabled(refusal: &Refusal) -> (String, String) {
    let service = refusal.service();
    match refusal.consumer() {
        Some(consumer) if SHARED_CLIENT_PROJECTS.contains(&consumer) => (
            format!("{service} is not enabled in project {consumer}, which is Google's own: you have no quota project."),
            "Set a quota project: --quota-project, or `gcloud auth application-default set-quota-project PROJECT`."
                .to_owned(),
        ),
        Some(consumer) => (
            format!("{service} is not enabled in project {consumer}."),
            format!("Enable it, then wait a few minutes: `gcloud services enable {} --project={}`.", quote(service), quote(consumer)),
        ),
        None => (
            format!("{service} is not enabled in the project that is charged for the call."),
            format!("Enable it in that project, then wait a few minutes: `gcloud services enable {}`.", quote(service)),
        ),
    }
}

pub(super) fn permission_missing(refusal: &Refusal) -> (String, String) {
    let named = refusal.metadata.get("permission").map(String::as_str);
    let name = named.or(refusal.asked.permission.as_deref());
    let on = if refusal.asked.resource.is_empty() {
        String::new()
    } else {
        format!(" on {}", refusal.asked.resource)
    };
    let sentence = match (name, named.is_some(), refusal.asked.delegates.len()) {
        (None, ..) => format!("You aren't allowed to do this{on}, or it doesn't exist."),
        (Some(name), true, 0) => format!("You don't have {name}{on} (or it doesn't exist)."),
        (Some(name), true, _) => {
            format!(
                "A delegate in the chain doesn't have {name} on the next account, or an account doesn't exist."
            )
        }
        // Google didn't say which: this is the one that the method needs.
        (Some(name), false, _) => {
            format!("You aren't allowed to do this{on}, or it doesn't exist; it requires {name}.")
        }
    };
    let next = match name.and_then(permission::by_name) {
        Some(needed) if is_mint_permission(needed) => format!(
            "Ask for {} on the account; Owner and Editor don't include permission to mint. A grant takes a few minutes to work.",
            needed.role
        ),
        Some(needed) => format!("Ask for {} on the account.", needed.role),
        None => match name {
            Some(name) => format!("Ask an administrator for a role that contains {name}."),
            None => "Ask an administrator, or check the name.".to_owned(),
        },
    };
    (sentence, next)
}

pub(in crate::model) fn is_mint_permission(needed: Permission) -> bool {
    use permission::{GET_ACCESS_TOKEN, GET_OPEN_ID_TOKEN, IMPLICIT_DELEGATION, SIGN_BLOB, SIGN_JWT};
    [GET_ACCESS_TOKEN, GET_OPEN_ID_TOKEN, SIGN_JWT, SIGN_BLOB, IMPLICIT_DELEGATION].contains(&needed)
}

pub(super) fn quota_project(refusal: &Refusal) -> (String, String) {
    let project =
        refusal.consumer().map_or_else(|| "the quota project".to_owned(), |id| format!("project {id}"));
    if refusal.reason.as_deref() == Some("USER_PROJECT_DENIED") {
        (
            format!("You can't charge calls to {project}."),
            "Ask for roles/serviceusage.serviceUsageConsumer there, or choose another project with --quota-project.".to_owned(),
        )
    } else {
        (
            format!("Google accepts no calls for {project}: it doesn't exist or is suspended."),
            "Choose another project with --quota-project or --project.".to_owned(),
        )
    }
}

pub(super) fn login_again(refusal: &Refusal) -> (String, String) {
    let message = refusal.message.trim_end_matches('.');
    let sentence = match (refusal.reason.as_deref(), refusal.code.as_str()) {
        (Some("invalid_rapt" | "rapt_required"), _) => {
            "Your organization requires you to log in again.".to_owned()
        }
        (_, "invalid_grant") => {
            format!("Your credentials are expired, revoked or not accepted ({message}).")
        }
        (_, "invalid_client" | "deleted_client" | "unauthorized_client") => {
            format!("Google doesn't accept your OAuth client ({message}).")
        }
        _ => "Your access token is expired or not accepted.".to_owned(),
    };
    (sentence, format!("Log in again: `{LOGIN}`."))
}

/// What to do about values that Google rejects in words only: these answers have no reason (captured from
/// `setIamPolicy`; if the wording changes, only the hint is lost).
const HINTS: [(&str, &str); 7] = [
    (
        "larger than the maximum allowed size",
        "Use groups: a policy can have 1,500 members, 250 of them groups.",
    ),
    (
        "SOLO_MUST_INVITE_OWNERS",
        "Owners of a project outside an organization are invited in the console, not by a policy.",
    ),
    (
        "Please set the type prefix",
        "Add the type that Google names to the member: user:, group:, serviceAccount:, …",
    ),
    ("does not exist.", "Check the spelling."),
    ("olicy version", "Read and write the policy with version 3, or its conditions are lost."),
    (
        "is not supported for this resource",
        "`gcloud iam list-grantable-roles` lists the roles that can be granted there.",
    ),
    ("be in the form", "Use the account's email or its 21-digit unique ID."),
];

pub(super) fn unknown(refusal: &Refusal) -> (String, String) {
    let service = match &refusal.asked.instead {
        // Independent of what Google's hosts do and say.
        Some(host) => host,
        None if refusal.service().is_empty() => "The server",
        None => refusal.service(),
    };
    let sentence = match refusal.message.as_str() {
        "" => format!("{service} returned {} without an explanation.", refusal.status),
        message if message.ends_with(['.', '!', '?']) => {
            format!("{service} returned {}: {message}", refusal.status)
        }
        message => format!("{service} returned {}: {message}.", refusal.status),
    };
    let hint = HINTS.iter().find(|(words, _)| {
        refusal.message.contains(words) || refusal.violation.as_deref().is_some_and(|it| it.contains(words))
    });
    if let Some((_, next)) = hint {
        return (sentence, (*next).to_owned());
    }
    let next = match (refusal.status, &refusal.reason) {
        _ if refusal.is_somebody_elses() => "Check the network, endpoint and proxy settings.".to_owned(),
        (501, _) => format!("{service} doesn't have this method: check the address, or use another method."),
        (500.., _) if refusal.asked.instead.is_some() => {
            format!("Try again in a moment; {service} stands in for Google here.")
        }
        (500.., _) => "Try again in a moment; status.cloud.google.com lists outages.".to_owned(),
        (403, Some(reason)) => format!("See Google's documentation of {reason}."),
        _ => "Check the values that were sent.".to_owned(),
    };
    (sentence, next)
}
