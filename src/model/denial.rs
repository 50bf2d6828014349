//! Why Google refused, and what to do next: facts of a refusal in, one cause of a closed list out, with a
//! sentence and the next step. Pure; it decides by status and reason, and by Google's message only where there
//! is no reason, because messages change.

use std::collections::BTreeMap;

use super::permission::{self, Permission};

/// What was asked for when the refusal came: what the answer alone does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The API by its host name: `iamcredentials.googleapis.com`.
    pub service: String,
    /// The gRPC name of the method: `google.iam.credentials.v1.IAMCredentials.GenerateAccessToken`.
    pub method: &'static str,
    /// The account, project or folder it was about; empty when there is none.
    pub resource: String,
    /// The permission the method needs on `resource`, where it is known.
    pub permission: Option<&'static str>,
    /// The lifetime asked for in a mint request, in seconds.
    pub lifetime_seconds: Option<u32>,
    /// How many delegates stood between the caller and the account.
    pub delegates: usize,
    /// For whom a token was asked by domain-wide delegation.
    pub delegation: Option<Delegation>,
}

/// What a JWT of domain-wide delegation asks the token endpoint for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delegation {
    /// The e-mail of the Workspace user.
    pub subject: String,
    /// Full scope URLs.
    pub scopes: Vec<String>,
}

/// The facts of a refusal, free of control characters and secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The canonical code (`PERMISSION_DENIED`) or the OAuth one (`invalid_grant`); empty when none was given.
    pub code: String,
    /// `ErrorInfo.reason`, else the older `errors[0].reason`, else OAuth's `error_subtype`.
    pub reason: Option<String>,
    /// `ErrorInfo.domain`: `iam.googleapis.com`.
    pub domain: Option<String>,
    /// Whether the body has none of Google's forms: then something in between answered, and its status means little.
    pub foreign: bool,
    /// The server's own words.
    pub message: String,
    /// `ErrorInfo.metadata`: `permission`, `consumer`, `service`, …
    pub metadata: BTreeMap<String, String>,
    /// What was asked.
    pub asked: Asked,
}

/// The closed list of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The API is off in the project that is charged for the call.
    ApiDisabled,
    /// The caller's access token lacks the scope.
    ScopeMissing,
    /// IAM said no.
    PermissionMissing,
    /// The quota project may not be used, or there is none of that name.
    QuotaProject,
    /// The caller's credentials have ended or must be confirmed by a person.
    LoginAgain,
    /// VPC Service Controls.
    ServicePerimeter,
    /// Too many calls.
    RateLimited,
    /// Not there, or not to be seen by this caller.
    NotFoundOrHidden,
    /// A lifetime over one hour that the organization does not allow.
    LifetimeTooLong,
    /// Somebody else changed it in between.
    Conflict,
    /// The account is disabled.
    AccountDisabled,
    /// A setting of Google Workspace keeps the account from acting for this user.
    WorkspaceDelegation,
    /// None of the above.
    Unknown,
}

/// A refusal explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Which of the causes.
    pub cause: Cause,
    /// One plain sentence: what happened.
    pub sentence: String,
    /// One plain sentence: what to do about it.
    pub next: String,
}

/// Projects of Google's own tools (gcloud's ADC login and gcloud's login). A user without a quota project is
/// charged to one of these, where nobody but Google can enable anything.
const SHARED_CLIENT_PROJECTS: [&str; 2] = ["764086051850", "32555940559"];

/// The longest lifetime that needs no exception of the organization, in seconds (IAM Credentials reference).
const ORDINARY_LIFETIME: u32 = 3_600;

/// The command that makes the caller's credentials fresh.
pub const LOGIN: &str = "gcloud auth application-default login";

/// Finds the cause.
pub fn explain(refusal: &Refusal) -> Explanation {
    let cause = cause(refusal);
    let (sentence, next) = match cause {
        Cause::ApiDisabled => api_disabled(refusal),
        Cause::ScopeMissing => (
            format!("The caller's access token lacks the scope that {} needs.", refusal.service()),
            format!("Log in again with the scope cloud-platform: `{LOGIN}`."),
        ),
        Cause::PermissionMissing => permission_missing(refusal),
        Cause::QuotaProject => quota_project(refusal),
        Cause::LoginAgain => login_again(refusal),
        Cause::ServicePerimeter => (
            format!("VPC Service Controls keep the caller from {}.", refusal.service()),
            match refusal.metadata.get("uid") {
                Some(uid) => format!("Give an administrator of the perimeter this identifier: {uid}."),
                None => "Ask an administrator of the perimeter, or call from inside it.".to_owned(),
            },
        ),
        Cause::RateLimited => (
            match refusal.metadata.get("quota_limit") {
                Some(limit) => format!("Too many calls to {}: the limit {limit} is reached.", refusal.service()),
                None => format!("Too many calls to {} in a short time.", refusal.service()),
            },
            "Wait a minute, then try again.".to_owned(),
        ),
        // Without a code it is not the API that answers: what came instead is worth telling.
        Cause::NotFoundOrHidden if refusal.code.is_empty() && !refusal.message.is_empty() => (
            format!("{} was not found ({}).", refusal.subject(), refusal.message),
            "Check the name and the endpoint settings.".to_owned(),
        ),
        Cause::NotFoundOrHidden if refusal.asked.delegates > 0 => {
            let who = match refusal.message.rsplit_once("email ") {
                Some((_, email)) if email.contains('@') => email.trim_end_matches('.').to_owned(),
                _ => "An account of the chain".to_owned(),
            };
            (
                format!("{who} was not found, or the caller may not see it."),
                "Check each name of the chain; an account made a moment ago can take a minute to appear.".to_owned(),
            )
        }
        Cause::NotFoundOrHidden => (
            format!("{} was not found, or the caller may not see it.", refusal.subject()),
            "Check the name; an account made a moment ago can take a minute to appear.".to_owned(),
        ),
        Cause::LifetimeTooLong => (
            format!(
                "Google refused the lifetime of {} s: over {ORDINARY_LIFETIME} s only where the organization allows it for this account.",
                refusal.asked.lifetime_seconds.unwrap_or_default()
            ),
            "Ask for one hour or less, or have the account listed in constraints/iam.allowServiceAccountCredentialLifetimeExtension."
                .to_owned(),
        ),
        Cause::Conflict => (
            format!("{} was changed by somebody else in the meantime.", refusal.subject()),
            "Read it again, compare, then apply the change anew.".to_owned(),
        ),
        Cause::AccountDisabled => (
            format!("{} is disabled, or in a state that allows no credentials.", refusal.disabled_account()),
            "An administrator can enable it again: `gcloud iam service-accounts enable`.".to_owned(),
        ),
        Cause::WorkspaceDelegation => delegation(refusal),
        Cause::Unknown => unknown(refusal),
    };
    Explanation { cause, sentence, next }
}

/// The order matters: reasons first, because they are exact; then the canonical code; messages last.
fn cause(refusal: &Refusal) -> Cause {
    if refusal.is_somebody_elses() {
        return Cause::Unknown;
    }
    match refusal.reason.as_deref().unwrap_or_default() {
        "SERVICE_DISABLED" | "accessNotConfigured" => return Cause::ApiDisabled,
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT" | "insufficientPermissions" => return Cause::ScopeMissing,
        "IAM_PERMISSION_DENIED" => return Cause::PermissionMissing,
        "USER_PROJECT_DENIED" | "CONSUMER_INVALID" | "CONSUMER_SUSPENDED" | "RESOURCE_PROJECT_INVALID" => {
            return Cause::QuotaProject;
        }
        "invalid_rapt"
        | "rapt_required"
        | "ACCESS_TOKEN_EXPIRED"
        | "CREDENTIALS_MISSING"
        | "ACCESS_TOKEN_TYPE_UNSUPPORTED"
        | "authError"
        | "required" => return Cause::LoginAgain,
        "SECURITY_POLICY_VIOLATED" | "vpcServiceControls" => return Cause::ServicePerimeter,
        "RATE_LIMIT_EXCEEDED" | "rateLimitExceeded" => return Cause::RateLimited,
        "ACCOUNT_STATE_INVALID" => return Cause::AccountDisabled,
        _ => {}
    }
    let long = refusal.asked.lifetime_seconds.is_some_and(|seconds| seconds > ORDINARY_LIFETIME);
    match (refusal.status, refusal.code.as_str()) {
        (_, "invalid_grant" | "deleted_client") if about_a_gone_account(&refusal.message) => {
            Cause::AccountDisabled
        }
        (_, "invalid_grant" | "unauthorized_client" | "invalid_scope" | "access_denied")
            if refusal.asked.delegation.is_some() =>
        {
            Cause::WorkspaceDelegation
        }
        (
            _,
            "invalid_grant" | "invalid_token" | "deleted_client" | "invalid_client" | "unauthorized_client",
        ) => Cause::LoginAgain,
        (400, "INVALID_ARGUMENT") if long => Cause::LifetimeTooLong,
        // How a mint for a disabled account is refused is not documented; this is the code that fits it.
        (400, "FAILED_PRECONDITION") if refusal.is_mint() => Cause::AccountDisabled,
        (401, _) => Cause::LoginAgain,
        // With a reason that is not ours to explain, Google's own words are better than a guess.
        (403, _) if matches!(refusal.reason.as_deref(), None | Some("forbidden")) => Cause::PermissionMissing,
        (404, _) => Cause::NotFoundOrHidden,
        (409 | 412, code) if code != "ALREADY_EXISTS" => Cause::Conflict,
        (429, _) => Cause::RateLimited,
        _ => Cause::Unknown,
    }
}

/// By which setting of Workspace, or which claim, a delegation fails: the token endpoint's own words are few and lead
/// many people to the wrong page.
fn delegation(refusal: &Refusal) -> (String, String) {
    let Delegation { subject, scopes } = refusal.asked.delegation.clone().unwrap_or_default();
    let domain = subject.split_once('@').map_or("its domain", |(_, domain)| domain);
    let account = &refusal.asked.resource;
    let message = refusal.message.to_lowercase();
    if refusal.code == "invalid_scope" {
        return (
            "The token endpoint knows no such scope as the JWT asks for.".to_owned(),
            "Check the claim scope: full https:// scopes, separated by single spaces.".to_owned(),
        );
    }
    if refusal.code == "invalid_grant" && (message.contains("email") || message.contains("user id")) {
        return (
            format!("Workspace knows no active user {subject}."),
            format!(
                "Check the claim sub: the main address of a user of {domain} who is not suspended; a group, an alias or a service account is none."
            ),
        );
    }
    if refusal.code == "invalid_grant" {
        return (
            format!("The token endpoint does not accept the JWT ({}).", refusal.message),
            "Check iat and exp (at most 1h apart, and this machine's clock), iss (the account itself) and aud (the token endpoint); then sign a new one.".to_owned(),
        );
    }
    let scopes = if scopes.is_empty() { "its scopes".to_owned() } else { scopes.join(",") };
    (
        format!("Google Workspace does not let {account} act for {subject} with these scopes."),
        format!(
            "An administrator of {domain} adds the account's client ID (its unique id) with exactly {scopes} in the Admin console: Security, Access and data control, API controls, Domain-wide delegation; it can take up to 24 hours."
        ),
    )
}

/// The token endpoint gives no reason here, so its words have to do.
fn about_a_gone_account(message: &str) -> bool {
    message.contains("Robot is disabled") || message.contains("account not found")
}

impl Refusal {
    /// Whether a status that at Google speaks of the caller, or of others, comes from somebody in between: a
    /// proxy's 403 is no denial of IAM. What is not found is not found wherever it is asked for.
    pub fn is_somebody_elses(&self) -> bool {
        self.foreign && matches!(self.status, 401 | 403 | 409 | 412 | 429)
    }

    /// The API that refused, by its host name.
    fn service(&self) -> &str {
        self.metadata.get("service").unwrap_or(&self.asked.service)
    }

    /// The project charged for the call, without the leading `projects/`.
    fn consumer(&self) -> Option<&str> {
        self.metadata.get("consumer").map(|name| name.strip_prefix("projects/").unwrap_or(name))
    }

    /// What the call was about, for the start of a sentence.
    fn subject(&self) -> &str {
        if self.asked.resource.is_empty() { "What was asked for" } else { &self.asked.resource }
    }

    /// A state refusal may be about the caller itself, when the caller is an account.
    fn disabled_account(&self) -> &str {
        match self.metadata.get("email") {
            Some(email) => email,
            None if self.is_mint() || self.asked.delegation.is_some() => self.subject(),
            None => "The caller's account",
        }
    }

    fn is_mint(&self) -> bool {
        self.asked.method.starts_with("google.iam.credentials.")
    }
}

fn api_disabled(refusal: &Refusal) -> (String, String) {
    let service = refusal.service();
    match refusal.consumer() {
        Some(consumer) if SHARED_CLIENT_PROJECTS.contains(&consumer) => (
            format!("{service} is off in project {consumer}, which is Google's own: the caller has no quota project."),
            "Set a quota project: --quota-project, or `gcloud auth application-default set-quota-project PROJECT`."
                .to_owned(),
        ),
        Some(consumer) => (
            format!("{service} is not enabled in project {consumer}."),
            format!("Enable it, then wait a few minutes: `gcloud services enable {service} --project={consumer}`."),
        ),
        None => (
            format!("{service} is not enabled in the project that is charged for the call."),
            format!("Enable it in that project, then wait a few minutes: `gcloud services enable {service}`."),
        ),
    }
}

fn permission_missing(refusal: &Refusal) -> (String, String) {
    let named = refusal.metadata.get("permission").map(String::as_str);
    let name = named.or(refusal.asked.permission);
    let on = if refusal.asked.resource.is_empty() {
        String::new()
    } else {
        format!(" on {}", refusal.asked.resource)
    };
    let sentence = match (name, named.is_some(), refusal.asked.delegates) {
        (None, ..) => format!("The caller may not do this{on}, or it may not exist."),
        (Some(name), true, 0) => format!("The caller lacks {name}{on} (or it may not exist)."),
        (Some(name), true, _) => {
            format!(
                "Somebody in the chain of delegates lacks {name} on the next account, or an account may not exist."
            )
        }
        // Google did not say which: this is the one that the method needs.
        (Some(name), false, _) => {
            format!("The caller may not do this{on}, or it may not exist; it takes {name}.")
        }
    };
    let next = match name.and_then(permission::by_name) {
        Some(needed) if is_mint_permission(needed) => format!(
            "Have {} granted on the account; Owner and Editor include no permission to mint. A grant takes some minutes to work.",
            needed.role
        ),
        Some(needed) => format!("Have {} granted on the account.", needed.role),
        None => match name {
            Some(name) => format!("Ask an administrator for a role that contains {name}."),
            None => "Ask an administrator, or check the name.".to_owned(),
        },
    };
    (sentence, next)
}

fn is_mint_permission(needed: Permission) -> bool {
    use permission::{GET_ACCESS_TOKEN, GET_OPEN_ID_TOKEN, IMPLICIT_DELEGATION, SIGN_BLOB, SIGN_JWT};
    [GET_ACCESS_TOKEN, GET_OPEN_ID_TOKEN, SIGN_JWT, SIGN_BLOB, IMPLICIT_DELEGATION].contains(&needed)
}

fn quota_project(refusal: &Refusal) -> (String, String) {
    let project =
        refusal.consumer().map_or_else(|| "the quota project".to_owned(), |id| format!("project {id}"));
    if refusal.reason.as_deref() == Some("USER_PROJECT_DENIED") {
        (
            format!("The caller may not charge calls to {project}."),
            "Have roles/serviceusage.serviceUsageConsumer granted there, or choose another with --quota-project.".to_owned(),
        )
    } else {
        (
            format!("Google takes no calls for {project}: it may not exist, or is suspended."),
            "Choose another project with --quota-project or --project.".to_owned(),
        )
    }
}

fn login_again(refusal: &Refusal) -> (String, String) {
    let message = refusal.message.trim_end_matches('.');
    let sentence = match (refusal.reason.as_deref(), refusal.code.as_str()) {
        (Some("invalid_rapt" | "rapt_required"), _) => {
            "The organization wants the caller to log in again from time to time, and that time has come."
                .to_owned()
        }
        (_, "invalid_grant") => {
            format!("The caller's credentials are expired, revoked or not accepted ({message}).")
        }
        (_, "invalid_client" | "deleted_client" | "unauthorized_client") => {
            format!("Google does not accept the caller's OAuth client ({message}).")
        }
        _ => "The caller's access token is expired or not accepted.".to_owned(),
    };
    (sentence, format!("Log in again: `{LOGIN}`."))
}

fn unknown(refusal: &Refusal) -> (String, String) {
    let service = if refusal.service().is_empty() { "The server" } else { refusal.service() };
    let sentence = if refusal.message.is_empty() {
        format!("{service} answered {} without a word of explanation.", refusal.status)
    } else {
        format!("{service} answered {}: {}", refusal.status, refusal.message)
    };
    let next = match (refusal.status, &refusal.reason) {
        _ if refusal.is_somebody_elses() => "Check the network, endpoint and proxy settings.".to_owned(),
        (500.., _) => "Try again in a moment; status.cloud.google.com knows of outages.".to_owned(),
        (403, Some(reason)) => format!("Google's documentation of {reason} says what it takes."),
        _ => "Check the values that were sent.".to_owned(),
    };
    (sentence, next)
}
