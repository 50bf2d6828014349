//! The sentence and the next step of each cause that need more than a line.

use super::{Delegation, LOGIN, Refusal, SHARED_CLIENT_PROJECTS, agents};
use crate::model::member::Member;
use crate::model::permission::{self, Permission};
use crate::model::scopes;
use crate::model::shell::quote;

/// The Workspace setting or claim that makes a delegation fail: the token endpoint's own words are few and lead many
/// people to the wrong page.
pub(super) fn delegation(refusal: &Refusal) -> (String, String) {
    let Delegation { subject, scopes } = refusal.asked.delegation.clone().unwrap_or_default();
    let domain = subject.split_once('@').map_or("its domain", |(_, domain)| domain).to_owned();
    let subject = if subject.is_empty() { "the user in sub".to_owned() } else { subject };
    let named = refusal.principal.as_deref().and_then(|member| member.strip_prefix("serviceAccount:"));
    let account = match refusal.asked.resource.as_str() {
        "" => named.unwrap_or("the account"),
        name => name,
    };
    let message = refusal.message.to_lowercase();
    if refusal.code == "invalid_scope" {
        return (
            "The JWT requests a scope that the token endpoint doesn't know.".to_owned(),
            "Check the claim scope: full https:// scopes, separated by single spaces.".to_owned(),
        );
    }
    // Gmail and its kin have no mailbox for the account itself.
    if message.contains("precondition check failed") {
        return (
            format!("{} has no data for a service account itself: the token names no user.", refusal.named_service()),
            "Act for a Workspace user: set sub to their address in the signed JWT (with_subject in Python), after an administrator has added the account's client ID under Domain-wide delegation.".to_owned(),
        );
    }
    if refusal.code == "invalid_grant" && is_no_user(&message) {
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

/// Whether the token endpoint says that the user in `sub` doesn't exist.
pub(super) fn is_no_user(message: &str) -> bool {
    let lower = message.to_lowercase();
    lower.contains("email") || lower.contains("user id")
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
    let who = refusal.principal.as_deref().map(lacking);
    let sentence = match (name, named.is_some(), refusal.asked.delegates.len()) {
        (Some(name), _, 0) if who.is_some() => {
            format!("{} doesn't have {name}{on} (or it doesn't exist).", who.unwrap_or_default())
        }
        (None, ..) => match who {
            Some(who) => format!("{who} isn't allowed to do this{on}, or it doesn't exist."),
            None => format!("You aren't allowed to do this{on}, or it doesn't exist."),
        },
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
    let whom = refusal.principal.as_deref().map(|member| format!(" for {member}")).unwrap_or_default();
    let place = match refusal.asked.resource.as_str() {
        name if name.contains('@') && refusal.asked.delegates.is_empty() => {
            name.rsplit('/').next().unwrap_or(name)
        }
        _ if refusal.principal.is_some() || refusal.asked.resource.is_empty() => {
            "the service account that is impersonated or attached"
        }
        _ => "the account",
    };
    let next = match name.and_then(permission::by_name) {
        Some(needed) if is_mint_permission(needed) => format!(
            "Ask for {}{whom} on {place}; Owner and Editor don't include permission to mint. A grant takes a few minutes to work.",
            needed.role_for(refusal.principal.as_deref())
        ),
        Some(needed) => format!("Ask for {}{whom} on {place}.", needed.role),
        None => match name.map(|name| (name, refusal.usual_role(name))) {
            Some((name, Some(role))) => format!("Ask for {role}{whom}{on}, which contains {name}."),
            Some((name, None)) => format!("Ask an administrator for a role{whom} that contains {name}{on}."),
            None if refusal.service().starts_with("admin.") => {
                "Act for a Workspace administrator (the claim sub of domain-wide delegation), or give the account an admin role in the Admin console.".to_owned()
            }
            None => match refusal.principal.as_deref() {
                Some(member) => format!("Ask an administrator to grant {member} a role{on}, or check the name."),
                None => "Ask an administrator, or check the name.".to_owned(),
            },
        },
    };
    (sentence, next)
}

/// The one that lacks something, for the start of a sentence: it can be an agent of Google's that no one can log in as.
pub(in crate::model) fn lacking(member: &str) -> String {
    let name = member
        .split_once(':')
        .filter(|(kind, _)| !kind.starts_with("principal"))
        .map_or(member, |(_, name)| name);
    match name {
        name if agents::is_one(member) => format!("The service agent {name}, not you,"),
        name if name.contains(".svc.id.goog[") => format!("The Kubernetes service account {name}"),
        name => name.to_owned(),
    }
}

pub(super) fn scope_missing(refusal: &Refusal) -> (String, String) {
    // BigQuery reads a sheet with the caller's own token.
    let drive = refusal.message.contains("Drive credentials");
    let service = if drive { "drive.googleapis.com" } else { refusal.service() };
    let api = service.strip_suffix(".googleapis.com").unwrap_or_default();
    let of_api = scopes::of_api(api);
    let broad = of_api.is_empty() || of_api.iter().any(|scope| scope.full == scopes::DEFAULT);
    let sentence = format!(
        "Your access token doesn't have the scope that {} needs.",
        if drive { "Google Drive" } else { refusal.named_service() }
    );
    let next = match of_api.first().filter(|_| !broad) {
        // Logins for other APIs' scopes need cloud-platform as well.
        Some(scope) => format!(
            "Log in again with a scope of {api}: `{LOGIN} --scopes={},{}`; it isn't a role that is missing.",
            scopes::DEFAULT,
            scope.full
        ),
        None => format!(
            "Log in again with the scope cloud-platform: `{LOGIN} --scopes={}`; on a virtual machine, widen its access scopes.",
            scopes::DEFAULT
        ),
    };
    (sentence, next)
}

/// Beginnings of sentences about a number that is reached, in lower case.
pub(super) const LIMITS: [&str; 4] =
    ["maximum number of ", "limit on the number of ", "limit for the number of ", "exceeded your allotted "];

/// Whether a message says that there are as many of something as there can be.
pub(super) fn is_limit(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    let counted = LIMITS.iter().any(|words| lower.contains(words));
    let of_these =
        ["keys", "service accounts", "pools", "providers", "project"].iter().any(|what| lower.contains(what));
    counted && of_these && !lower.contains("per minute") && !lower.contains("members in the policy")
}

pub(super) fn limit_reached(refusal: &Refusal) -> (String, String) {
    let account = refusal.email().or(Some(refusal.asked.resource.as_str()).filter(|name| name.contains('@')));
    let on = quote(account.unwrap_or("ACCOUNT"));
    if refusal.message.to_ascii_lowercase().contains("keys") {
        let whose = account.unwrap_or("The service account");
        return (
            format!("{whose} has as many keys as it can have (10 user-managed ones); waiting doesn't help."),
            format!(
                "Delete old ones (`gcloud iam service-accounts keys list --managed-by=user --iam-account={on}` shows them), or do without a key: mint short-lived credentials instead (`impersona token access {on}`)."
            ),
        );
    }
    let message = refusal.message.trim_end_matches('.');
    (
        format!("A limit is reached, so waiting doesn't help: {message}."),
        "Delete what isn't used any more (deleted ones can count for 30 days), use another project, or ask for a higher limit in the console under IAM, Quotas.".to_owned(),
    )
}

/// A signed JWT that the token endpoint doesn't accept.
pub(super) fn assertion(refusal: &Refusal) -> (String, String) {
    let message = refusal.message.trim_end_matches('.').to_owned();
    let lower = message.to_lowercase();
    let account = Some(refusal.asked.resource.as_str()).filter(|name| name.contains('@'));
    let account = quote(account.unwrap_or("ACCOUNT"));
    let (what, next) = if lower.contains("audience") {
        (
            "names the wrong audience",
            "Set its aud to https://oauth2.googleapis.com/token (token_uri in the credentials file) and sign a new one; logging in doesn't help.".to_owned(),
        )
    } else if lower.contains("signature") {
        (
            "isn't signed by a key of its account",
            format!(
                "Check that the key still exists: `gcloud iam service-accounts keys list --iam-account={account}` shows the private_key_id of the file unless the key was deleted; then check that iss is that account, and this machine's clock. Logging in doesn't help."
            ),
        )
    } else if ["iat", "exp", "timeframe", "short-lived"].iter().any(|word| lower.contains(word)) {
        (
            "isn't valid now",
            "Check this machine's clock, then iat and exp (at most 1h apart), and sign a new one; logging in doesn't help.".to_owned(),
        )
    } else {
        (
            "isn't accepted",
            "Check iss (the account itself), aud (https://oauth2.googleapis.com/token), iat and exp, and sign a new one; logging in doesn't help.".to_owned(),
        )
    };
    (format!("The signed assertion (JWT) {what} ({message})."), next)
}

pub(in crate::model) fn is_mint_permission(needed: Permission) -> bool {
    use permission::{GET_ACCESS_TOKEN, GET_OPEN_ID_TOKEN, IMPLICIT_DELEGATION, SIGN_BLOB, SIGN_JWT};
    [GET_ACCESS_TOKEN, GET_OPEN_ID_TOKEN, SIGN_JWT, SIGN_BLOB, IMPLICIT_DELEGATION].contains(&needed)
}

pub(super) fn quota_project(refusal: &Refusal) -> (String, String) {
    if refusal.message.contains("requires a quota project") {
        return (
            format!("{} needs a quota project, and your credentials have none.", refusal.named_service()),
            "Set one: `gcloud auth application-default set-quota-project PROJECT`, or --quota-project."
                .to_owned(),
        );
    }
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
        _ if message.contains("eauth") && !message.contains("uthentication credential") => {
            "Your organization requires you to log in again.".to_owned()
        }
        (_, "invalid_grant") => {
            format!("Your credentials are expired, revoked or not accepted ({message}).")
        }
        (_, "invalid_client" | "deleted_client" | "unauthorized_client") => {
            format!("Google doesn't accept your OAuth client ({message}).")
        }
        _ if sends_nothing(refusal) => "No credential arrived with the request.".to_owned(),
        _ => "Your access token is expired or not accepted.".to_owned(),
    };
    let next = match sends_nothing(refusal) {
        true => format!(
            "Send one in the header Authorization, as “Bearer TOKEN” (`impersona token access ACCOUNT` mints one), or log in: `{}`.",
            refusal.login()
        ),
        false => format!("Log in again: `{}`.", refusal.login()),
    };
    (sentence, next)
}

/// Whether the request had no credential at all.
fn sends_nothing(refusal: &Refusal) -> bool {
    refusal.reason.as_deref() == Some("CREDENTIALS_MISSING")
        || refusal.message.contains("missing required authentication credential")
        || refusal.message.contains("unregistered callers")
}

/// What to do about values that Google rejects in words only: these answers have no reason (captured from
/// `setIamPolicy`; if the wording changes, only the hint is lost).
const HINTS: [(&str, &str); 12] = [
    (
        " already exists",
        "Check the values that were sent: choose another name, or use the one that exists (in Terraform, import it).",
    ),
    (
        "on Cloud KMS key",
        "Grant the service agent of the service that uses the key roles/cloudkms.cryptoKeyEncrypterDecrypter on the key.",
    ),
    (
        "Invalid OAuth scope or ID token audience",
        "Check the values of scope (full https:// scopes, separated by single spaces) and, for an ID token, target_audience.",
    ),
    (
        "Precondition check failed",
        "Google gives no reason: check the state of the resource, its limits (an account has at most 10 keys) and the organization policies of the project.",
    ),
    (
        "failed to connect to all addresses",
        "Check the network, firewall and proxy between this machine and the API, then try again.",
    ),
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

/// The same with names from the message filled in.
fn filled_in(message: &str) -> Option<String> {
    if let Some((_, rest)) = message.split_once("Identity Pool does not exist") {
        let pool = rest.split(['(', ')']).nth(1).unwrap_or("PROJECT.svc.id.goog");
        if let Some(path) = pool.strip_prefix("projects/") {
            let project = quote(path.split('/').next().unwrap_or("PROJECT"));
            return Some(format!(
                "Check the name and the project number: `gcloud iam workload-identity-pools list --location=global --show-deleted --project={project}` lists the pools; a deleted one can be restored for 30 days."
            ));
        }
        let project = pool.trim_end_matches(".svc.id.goog");
        return Some(format!(
            "{pool} exists once a cluster of project {project} has Workload Identity: create one or enable it first (`gcloud container clusters update CLUSTER --workload-pool={pool}`), or correct the project."
        ));
    }
    if let Some((before, _)) = message.split_once(" is of an unknown type") {
        let written = before.rsplit(' ').next().unwrap_or_default();
        let meant = match Member::parse(written) {
            Ok(_) => String::new(),
            Err(why) => format!(" {}", why.trim_end_matches('.')),
        };
        let meant =
            meant.split_once("Did you mean ").map(|(_, meant)| meant.trim_end_matches('?').to_owned());
        let meant = meant.map(|meant| format!(" Did you mean {meant}?")).unwrap_or_default();
        return Some(format!(
            "Correct the type in front of the first colon: user:, group:, serviceAccount:, domain:, principal:// or principalSet://.{meant}"
        ));
    }
    let (before, _) = message.split_once(" does not exist")?;
    agents::creation(before.rsplit(' ').next().unwrap_or_default())
}

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
    if let Some(next) = filled_in(&refusal.message) {
        return (sentence, next);
    }
    let hint = HINTS.iter().find(|(words, _)| {
        refusal.message.contains(words) || refusal.violation.as_deref().is_some_and(|it| it.contains(words))
    });
    if let Some((_, next)) = hint.filter(|_| !refusal.is_somebody_elses()) {
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
