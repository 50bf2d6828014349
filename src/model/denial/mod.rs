//! Why Google denied a call, and what to do next: facts of a denial in, one cause out of a closed list out, with a
//! sentence and the next step. It is pure. It decides by status and reason, and by Google's message only if there is no
//! reason, because messages change.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

mod agents;
mod called;
mod cause;
mod facts;
mod federation;
mod front_end;
mod library;
mod org_policy;
mod sentences;
mod words;

use super::{permission, shell::quote};
pub(crate) use called::CalledService;
pub use cause::Cause;
pub(crate) use facts::{
    KUBERNETES, as_member, implied_permission, permission_in, principal_in, resource_in, short_account_in,
};
pub(crate) use sentences::{
    denies, is_known_sentence, is_of_a_library, library_sentence, refuses_an_exchange, telling_phrases,
};
pub(in crate::model) use words::is_mint_permission;
use words::{
    api_disabled, assertion, delegation, limit_reached, login_again, permission_missing, quota_project,
    scope_missing, unknown,
};

/// The request behind a denial: what the answer alone doesn't tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RequestContext {
    /// The API by its host name: `iamcredentials.googleapis.com`.
    pub service: String,
    /// The address, if not Google's own host: `127.0.0.1:8080`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
    /// The gRPC name of the method: `google.iam.credentials.v1.IAMCredentials.GenerateAccessToken`.
    pub method: Cow<'static, str>,
    /// The account, project or folder it was about; empty if there is none.
    pub resource: String,
    /// The permission that the method needs on `resource`, if known.
    pub permission: Option<Cow<'static, str>>,
    /// The requested lifetime of a mint, in seconds.
    pub lifetime_seconds: Option<u32>,
    /// The accounts between the caller and the account, first hop first.
    pub delegates: Vec<String>,
    /// The quota project that the call named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_project: Option<String>,
    /// The user that domain-wide delegation requested a token for.
    pub delegation: Option<Delegation>,
    /// Whether a command of gcloud's printed it, which uses credentials of its own.
    #[serde(skip)]
    pub by_gcloud: bool,
}

impl RequestContext {
    /// A call of this method of a service.
    pub(crate) fn new(service: impl Into<String>, method: &'static str) -> RequestContext {
        RequestContext { service: service.into(), method: method.into(), ..RequestContext::default() }
    }
}

/// What a JWT for domain-wide delegation requests from the token endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Delegation {
    /// The email of the Workspace user.
    pub(crate) subject: String,
    pub(crate) scopes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Answerer {
    /// One of Google's APIs.
    #[default]
    Api,
    /// Google's front end, before any API saw the request.
    FrontEnd,
    /// A service that a credential was used with, or something in front of it.
    CalledService,
    /// A client library, which asked no API.
    Library,
    /// The body has none of Google's forms: something in between answered, and its status means little.
    Stranger,
}

/// The facts of a denial, without control characters and secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Refusal {
    pub(crate) status: u16,
    /// The canonical code (`PERMISSION_DENIED`) or the OAuth one (`invalid_grant`); empty if there was none.
    pub(crate) code: String,
    /// `ErrorInfo.reason`, else the older `errors[0].reason`, else OAuth's `error_subtype`.
    pub(crate) reason: Option<String>,
    /// `ErrorInfo.domain`: `iam.googleapis.com`.
    pub(crate) domain: Option<String>,
    /// Who answered, as far as the form of the answer tells.
    pub(crate) by: Answerer,
    /// The server's own words.
    pub(crate) message: String,
    /// `ErrorInfo.metadata`: `permission`, `consumer`, `service`, …
    pub metadata: BTreeMap<String, String>,
    /// What was violated, if the answer says so: the type in `PreconditionFailure` or in Resource Manager's own detail
    /// (`serviceusage/billing-enabled`, `constraints/iam.allowedPolicyMemberDomains`).
    pub(crate) violation: Option<String>,
    /// Who or what violates it, in Google's words: `User x is not in permitted organization`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) violator: Option<String>,
    /// Who lacks the permission, as a policy member, if the denial names them. It can be a service agent of Google's
    /// rather than the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) principal: Option<String>,
    pub(crate) asked: RequestContext,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) cause: Cause,
    /// One plain sentence: what happened.
    pub(crate) sentence: String,
    /// One plain sentence: what to do about it.
    pub(crate) next: String,
}

/// Projects of Google's own tools (gcloud's ADC login and gcloud's login). A user without a quota project is charged to
/// one of these, where only Google can enable anything.
pub(crate) const SHARED_CLIENT_PROJECTS: [&str; 2] = ["764086051850", "32555940559"];

/// The longest lifetime that doesn't need an exception by the organization, in seconds (IAM Credentials reference).
pub(crate) const ORDINARY_LIFETIME: u32 = 3_600;

/// The organization policy constraint that allows more, for the accounts that it lists.
const LIFETIME_CONSTRAINT: &str = "iam.allowServiceAccountCredentialLifetimeExtension";

/// The command that renews the caller's credentials.
pub(crate) const LOGIN: &str = "gcloud auth application-default login";

/// The same for gcloud's own credentials, which its commands use.
const GCLOUD_LOGIN: &str = "gcloud auth login";

/// Finds the cause, as far as the denial alone tells.
pub(crate) fn explain(refusal: &Refusal) -> Explanation {
    explain_as(refusal, cause(refusal))
}

/// The sentences for a cause that was found by looking further.
pub(super) fn explain_as(refusal: &Refusal, cause: Cause) -> Explanation {
    let (sentence, next) = match cause {
        _ if refusal.by == Answerer::FrontEnd => front_end::explain(refusal),
        _ if refusal.by == Answerer::Library => library::explain(refusal),
        Cause::CredentialRefused => called::explain(refusal),
        Cause::ApiDisabled => api_disabled(refusal),
        Cause::ScopeMissing => scope_missing(refusal),
        Cause::OrganizationPolicy => org_policy::explain(refusal),
        Cause::LimitReached => limit_reached(refusal),
        Cause::AssertionRejected => assertion(refusal),
        Cause::PermissionMissing => permission_missing(refusal),
        Cause::QuotaProject => quota_project(refusal),
        Cause::LoginAgain => login_again(refusal),
        Cause::ServicePerimeter => (
            format!("VPC Service Controls block you from {}.", refusal.named_service()),
            match refusal.metadata.get("uid") {
                Some(uid) => format!("Send an administrator of the perimeter this identifier: {uid}."),
                None => "Ask an administrator of the perimeter, or call from inside it.".to_owned(),
            },
        ),
        Cause::RateLimited => (
            match refusal.metadata.get("quota_limit") {
                Some(limit) => format!("Too many calls to {}: you have reached the limit {limit}.", refusal.named_service()),
                None => format!("Too many calls to {} in a short time.", refusal.named_service()),
            },
            "Wait a minute, then try again.".to_owned(),
        ),
        // Without a code the answer isn't the API's, so it is worth showing what came instead.
        Cause::NotFoundOrHidden
            if refusal.code.is_empty() && !refusal.message.is_empty() && refusal.by != Answerer::Api =>
        (
            format!("{} was not found ({}).", refusal.subject(), refusal.message.trim_end_matches('.')),
            "Check the name and the endpoint settings.".to_owned(),
        ),
        Cause::NotFoundOrHidden if !refusal.asked.delegates.is_empty() => {
            let who = match refusal.message.rsplit_once("email ") {
                Some((_, email)) if email.contains('@') => email.trim_end_matches('.').to_owned(),
                _ => "An account in the chain".to_owned(),
            };
            (
                format!("{who} was not found, or you can't see it."),
                "Check each name in the chain; a new account can take a minute to appear.".to_owned(),
            )
        }
        Cause::NotFoundOrHidden => (
            format!("{} was not found, or you can't see it.", refusal.subject()),
            "Check the name; a new account can take a minute to appear.".to_owned(),
        ),
        Cause::LifetimeTooLong => (
            match refusal.asked.lifetime_seconds {
                Some(seconds) => format!(
                    "Google refused the lifetime of {seconds} s: the organization has to allow more than {ORDINARY_LIFETIME} s for this account."
                ),
                // A pasted error doesn't tell what was requested.
                None => format!(
                    "Google refused the lifetime: the organization has to allow more than {ORDINARY_LIFETIME} s for this account."
                ),
            },
            format!("Use one hour or less, or ask an administrator to list the account in constraints/{LIFETIME_CONSTRAINT}."),
        ),
        Cause::Conflict => (
            format!("{} was changed by someone else in the meantime.", refusal.subject()),
            "Read it again, compare, then apply your change again.".to_owned(),
        ),
        Cause::AccountDisabled => (
            format!("{} is disabled, or in a state that allows no credentials.", refusal.disabled_account()),
            match refusal.email() {
                Some(email) => format!("Ask an administrator to enable it: `gcloud iam service-accounts enable {}`.", quote(email)),
                None => "Ask an administrator to enable it: `gcloud iam service-accounts enable`.".to_owned(),
            },
        ),
        Cause::AccountGone => (
            format!("{} is gone: deleted, or re-created under the same name.", refusal.disabled_account()),
            "Grants to and on the old account don't apply to a new one of the same name; a deleted account can be restored for 30 days: `gcloud iam service-accounts undelete`.".to_owned(),
        ),
        Cause::WorkspaceDelegation => delegation(refusal),
        Cause::Federation => federation::explain(refusal),
        Cause::DomainRestricted => (
            match refusal.violator.as_deref().and_then(violating_member) {
                Some(member) => format!("An organization policy doesn't allow {member} in this policy: it belongs to another domain."),
                None => "An organization policy doesn't allow members of other domains in this policy.".to_owned(),
            },
            "Grant it to someone in an allowed domain, or ask an administrator to change constraints/iam.allowedPolicyMemberDomains.".to_owned(),
        ),
        Cause::Billing => (
            match refusal.consumer() {
                Some(project) => format!("Project {project} has no active billing account."),
                None => "The project has no active billing account.".to_owned(),
            },
            "Link one: `gcloud billing projects link PROJECT --billing-account=ID`.".to_owned(),
        ),
        Cause::OnItself => (
            format!("{} doesn't have the role on itself: an account can't mint for itself without it.", refusal.subject()),
            format!("Grant it {} on itself, or use its token directly.", refusal.role()),
        ),
        // These need more than the denial; the doctor has the sentences.
        Cause::ConditionFalse | Cause::DenyPolicy | Cause::Propagating | Cause::ChainHop => permission_missing(refusal),
        Cause::InvalidRequest
        | Cause::ServerTrouble
        | Cause::MetadataServer
        | Cause::NoCredentials
        | Cause::UniverseMismatch
        | Cause::Unknown => unknown(refusal),
    };
    let next = match refusal.refused_quota_project() {
        Some(_) => format!("{} Or continue without a quota project: --no-quota-project.", next),
        None => next,
    };
    Explanation { cause, sentence, next }
}

/// The order matters: reasons first, because they are exact; then the canonical code; messages last.
fn cause(refusal: &Refusal) -> Cause {
    match refusal.by {
        _ if refusal.is_somebody_elses() => return Cause::ServerTrouble,
        Answerer::FrontEnd => return front_end::cause(refusal),
        Answerer::CalledService if refusal.status < 500 => return Cause::CredentialRefused,
        Answerer::Library => return library::cause(refusal),
        Answerer::CalledService | Answerer::Api | Answerer::Stranger => {}
    }
    // A limit comes with the code of a rate, and a perimeter with the reason of a missing permission in older forms.
    if words::is_limit(&refusal.message) {
        return Cause::LimitReached;
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
        "SERVICE_ACCOUNT_ACCESS_DENIED" => return Cause::PermissionMissing,
        "RATE_LIMIT_EXCEEDED" | "rateLimitExceeded" => return Cause::RateLimited,
        "ACCOUNT_STATE_INVALID" => return Cause::AccountDisabled,
        "BILLING_DISABLED" => return Cause::Billing,
        _ => {}
    }
    match refusal.violation.as_deref().unwrap_or_default() {
        violation if violation.contains("billing") => return Cause::Billing,
        violation if violation.contains("allowedPolicyMember") => return Cause::DomainRestricted,
        "VPC_SERVICE_CONTROLS" => return Cause::ServicePerimeter,
        _ => {}
    }
    if let Some(cause) = sentences::cause(&refusal.message) {
        return cause;
    }
    // Without details, Google's sentence is all there is (captured from setIamPolicy).
    if refusal.message.contains("do not belong to a permitted customer") {
        return Cause::DomainRestricted;
    }
    // The denial names the constraint that would allow more, whatever else it says.
    if refusal.message.contains(LIFETIME_CONSTRAINT) {
        return Cause::LifetimeTooLong;
    }
    if org_policy::is_refused(refusal) {
        return Cause::OrganizationPolicy;
    }
    let long = refusal.asked.lifetime_seconds.is_some_and(|seconds| seconds > ORDINARY_LIFETIME);
    match (refusal.status, refusal.code.as_str()) {
        (_, "invalid_grant") if refusal.message.contains("Robot is disabled") => Cause::AccountDisabled,
        (_, "invalid_grant" | "deleted_client") if refusal.message.contains("account not found") => {
            Cause::AccountGone
        }
        // The token endpoint says this about a client without delegation; for a login it would be another sentence.
        (_, "unauthorized_client")
            if refusal.asked.method.is_empty() && refusal.message.contains("using this method") =>
        {
            Cause::WorkspaceDelegation
        }
        // A login names no user, and is never refused as a client.
        (_, "invalid_grant") if words::is_no_user(&refusal.message) => Cause::WorkspaceDelegation,
        (_, "access_denied") if refusal.message.contains("client not authorized") => {
            Cause::WorkspaceDelegation
        }
        // Gmail's answer to a service account that acts for no one.
        (400, "FAILED_PRECONDITION")
            if refusal.service().starts_with("gmail.") && refusal.message.contains("Precondition check") =>
        {
            Cause::WorkspaceDelegation
        }
        // A login never sends an assertion.
        (_, "invalid_grant")
            if refusal.message.contains("Invalid JWT") && refusal.asked.delegation.is_none() =>
        {
            Cause::AssertionRejected
        }
        _ if federation::is_refused(refusal) => Cause::Federation,
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
        // How a mint for a disabled account is denied is not documented; this is the code that fits.
        (400, "FAILED_PRECONDITION") if refusal.is_mint() => Cause::AccountDisabled,
        (401, _) => Cause::LoginAgain,
        // With a reason that we don't explain, Google's own words are better than a guess.
        (403, _) if matches!(refusal.reason.as_deref(), None | Some("forbidden" | "accessDenied")) => {
            Cause::PermissionMissing
        }
        (404, _) => Cause::NotFoundOrHidden,
        (409, "ALREADY_EXISTS") => Cause::InvalidRequest,
        (409, _) if refusal.message.contains(" already exists") => Cause::InvalidRequest,
        (409 | 412, _) => Cause::Conflict,
        (429, _) => Cause::RateLimited,
        // This won't pass: there is no such method, at Google or at what stands in for it.
        (501, _) => Cause::InvalidRequest,
        (500.., _) => Cause::ServerTrouble,
        (400..=499, code) if !code.is_empty() && refusal.status != 403 => Cause::InvalidRequest,
        // Go prints the status and the message without the code.
        (400, _) if refusal.by == Answerer::Api && !refusal.message.is_empty() => Cause::InvalidRequest,
        _ => Cause::Unknown,
    }
}

/// The member in `User serviceAccount:x is not in permitted organization`.
fn violating_member(words: &str) -> Option<String> {
    words.split_whitespace().find_map(as_member)
}

impl Refusal {
    /// Whether IAM denied a permission, rather than a scope, an API, a perimeter or a policy of the organization. Only
    /// then does a later yes of IAM's say that a grant has arrived.
    pub(crate) fn is_iam_denial(&self) -> bool {
        self.status == 403
            && matches!(self.reason.as_deref(), None | Some("forbidden" | "IAM_PERMISSION_DENIED"))
            && self.violation.is_none()
            && cause(self) == Cause::PermissionMissing
    }

    /// The project that it is about, as far as it says.
    fn project(&self) -> Option<String> {
        let resource = self.asked.resource.strip_prefix("projects/").and_then(|rest| rest.split('/').next());
        let resource = resource.filter(|id| *id != "-").map(str::to_owned);
        resource
            .or_else(|| {
                let account = self.asked.resource.rsplit('/').next().unwrap_or_default();
                super::account::project_of(account).map(|project| project.to_string())
            })
            .or_else(|| self.consumer().map(str::to_owned))
    }

    /// The account whose state is refused.
    pub(crate) fn email(&self) -> Option<&str> {
        let at = self
            .message
            .find(".gserviceaccount.com is disabled")
            .or_else(|| self.message.find(".gserviceaccount.com does not exist"));
        let begin = at
            .map(|at| self.message[..at].rfind([' ', '\'', '"', '/', ':', '(']).map_or(0, |begin| begin + 1));
        let named = at.zip(begin).map(|(at, begin)| &self.message[begin..at + ".gserviceaccount.com".len()]);
        let named = self.metadata.get("email").map(String::as_str).or(named);
        named.or(Some(self.asked.resource.as_str()).filter(|name| self.is_mint() && name.contains('@')))
    }

    /// Whether a status that at Google concerns the caller, or other callers, comes from something in between: a
    /// proxy's 403 isn't an IAM denial. Not found means the same wherever it comes from.
    pub(crate) fn is_somebody_elses(&self) -> bool {
        self.by == Answerer::Stranger && matches!(self.status, 401 | 403 | 409 | 412 | 429)
    }

    /// The API that denied, by its host name.
    pub fn service(&self) -> &str {
        self.metadata.get("service").unwrap_or(&self.asked.service)
    }

    /// The same in a sentence: a pasted answer might name none.
    fn named_service(&self) -> &str {
        if self.service().is_empty() { "the API" } else { self.service() }
    }

    /// The project charged for the call, without the leading `projects/`.
    pub fn consumer(&self) -> Option<&str> {
        self.metadata.get("consumer").map(|name| name.strip_prefix("projects/").unwrap_or(name))
    }

    /// The quota project, if the denial is about it: its APIs, or whether it is usable. Newer answers name the consumer
    /// as the request did, older ones by its number only.
    pub(crate) fn refused_quota_project(&self) -> Option<&str> {
        const REASONS: [&str; 5] = [
            "SERVICE_DISABLED",
            "USER_PROJECT_DENIED",
            "CONSUMER_INVALID",
            "CONSUMER_SUSPENDED",
            "RESOURCE_PROJECT_INVALID",
        ];
        let project = self.asked.quota_project.as_deref()?;
        let named = [self.metadata.get("containerInfo").map(String::as_str), self.consumer()];
        let numbers = named.iter().flatten().all(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        let it = numbers || named.contains(&Some(project));
        (it && self.reason.as_deref().is_some_and(|reason| REASONS.contains(&reason))).then_some(project)
    }

    /// The subject of the call, for the start of a sentence.
    fn subject(&self) -> &str {
        if self.asked.resource.is_empty() { "The requested resource" } else { &self.asked.resource }
    }

    /// A state error can concern the caller itself, if the caller is an account.
    fn disabled_account(&self) -> &str {
        match self.email() {
            Some(email) => email,
            None if self.is_mint() || self.asked.delegation.is_some() => self.subject(),
            None => "Your account",
        }
    }

    /// The missing permission: as Google names it, else the one that the method needs.
    pub(crate) fn permission(&self) -> Option<&str> {
        self.metadata.get("permission").map(String::as_str).or(self.asked.permission.as_deref())
    }

    /// The role that is usually granted for a permission, else the only one that the denial itself names.
    pub(in crate::model) fn usual_role<'a>(&'a self, name: &str) -> Option<&'a str> {
        permission::usual_role(name).or_else(|| {
            let (_, rest) = self.message.split_once("roles/")?;
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'));
            let at = self.message.len() - rest.len() - "roles/".len();
            let role = self.message[at..][.."roles/".len() + end.unwrap_or(rest.len())].trim_end_matches('.');
            (self.message.matches("roles/").count() == self.message.matches(role).count()).then_some(role)
        })
    }

    /// The command that renews the credentials that were denied.
    fn login(&self) -> &'static str {
        if self.asked.by_gcloud { GCLOUD_LOGIN } else { LOGIN }
    }

    /// The narrowest role that gives it.
    fn role(&self) -> &str {
        let needed = self.permission().and_then(permission::by_name);
        needed.map_or(permission::GET_ACCESS_TOKEN.role, |needed| needed.role_for(self.principal.as_deref()))
    }

    /// Whether a Kubernetes service account lacks something.
    pub(crate) fn names_kubernetes(&self) -> bool {
        self.principal.as_deref().is_some_and(|member| member.contains(".svc.id.goog["))
    }

    /// Whether it came from IAM Credentials.
    pub(crate) fn is_mint(&self) -> bool {
        self.asked.method.starts_with("google.iam.credentials.")
    }
}
