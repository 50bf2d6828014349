//! Every error body that the protocol's catalogue knows (E1 to E33), as raw bytes: what it is taken for, and what to do
//! about it. Bodies are as they were captured, or as the catalogue completes them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use impersona::{
    http::ApiError,
    model::{
        denial::{Cause, RequestContext},
        doctor::{Examined, Known, StepAction, diagnose},
    },
};
use jiff::Timestamp;

/// Which question the error answers.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Of {
    /// IAM Credentials, an access token of the usual lifetime.
    Mint,
    /// The same for two hours.
    LongMint,
    /// The token endpoint.
    Token,
    /// The Security Token Service.
    Sts,
    /// IAM, about an account.
    Iam,
    /// Resource Manager, about a project.
    Project,
}

fn asked(of: Of) -> RequestContext {
    let (service, method, resource) = match of {
        Of::Mint | Of::LongMint => (
            "iamcredentials.googleapis.com",
            "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken",
            "sa@p.iam.gserviceaccount.com",
        ),
        Of::Token => ("oauth2.googleapis.com", "token", ""),
        Of::Sts => ("sts.googleapis.com", "sts token", "//iam.googleapis.com/projects/1/x"),
        Of::Iam => {
            ("iam.googleapis.com", "google.iam.admin.v1.IAM.SetIAMPolicy", "sa@p.iam.gserviceaccount.com")
        }
        Of::Project => (
            "cloudresourcemanager.googleapis.com",
            "google.cloudresourcemanager.v3.Projects.GetIamPolicy",
            "projects/acme-prod",
        ),
    };
    let permission = match of {
        Of::Mint | Of::LongMint => Some("iam.serviceAccounts.getAccessToken".into()),
        Of::Iam => Some("iam.serviceAccounts.setIamPolicy".into()),
        Of::Project => Some("resourcemanager.projects.getIamPolicy".into()),
        Of::Token | Of::Sts => None,
    };
    RequestContext {
        service: service.into(),
        method: method.into(),
        resource: resource.into(),
        permission,
        lifetime_seconds: (of == Of::LongMint).then_some(7_200),
        ..RequestContext::default()
    }
}

/// Name, status, question, body, cause, and words of the first step.
type Row = (&'static str, u16, Of, &'static str, Cause, &'static str);

#[rustfmt::skip]
pub(super) const CATALOGUE: &[Row] = &[
    ("E1", 403, Of::Mint, r#"{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"IAM_PERMISSION_DENIED","domain":"iam.googleapis.com","metadata":{"permission":"iam.serviceAccounts.getAccessToken"}}]}}"#, Cause::PermissionMissing, "Service Account Token Creator"),
    ("E1b", 403, Of::Mint, r#"{"error":{"code":403,"message":"The caller does not have permission","status":"PERMISSION_DENIED"}}"#, Cause::PermissionMissing, "Service Account Token Creator"),
    ("E2", 404, Of::Mint, r#"{"error":{"code":404,"message":"Not found; Gaia id not found for email 714722133158-compute@developer.gserviceaccount.com","errors":[{"message":"Not found; Gaia id not found for email 714722133158-compute@developer.gserviceaccount.com","domain":"global","reason":"notFound"}],"status":"NOT_FOUND"}}"#, Cause::NotFoundOrHidden, "Check the name"),
    ("E2 IAM", 404, Of::Iam, r#"{"error":{"code":404,"message":"Unknown service account","status":"NOT_FOUND"}}"#, Cause::NotFoundOrHidden, "Check the name"),
    ("E3", 403, Of::Mint, r#"{"error":{"code":403,"message":"Request had insufficient authentication scopes.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT","domain":"googleapis.com","metadata":{"service":"iamcredentials.googleapis.com","method":"google.iam.credentials.v1.IAMCredentials.GenerateAccessToken"}}]}}"#, Cause::ScopeMissing, "gcloud auth application-default login"),
    ("E4", 401, Of::Mint, r#"{"error":{"code":401,"message":"Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.","status":"UNAUTHENTICATED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_EXPIRED","domain":"googleapis.com","metadata":{"method":"google.cloud.kms.v1.KeyManagementService.Decrypt","service":"cloudkms.googleapis.com"}}]}}"#, Cause::LoginAgain, "login"),
    ("E4 type", 401, Of::Mint, r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_TYPE_UNSUPPORTED","domain":"googleapis.com","metadata":{}}]}}"#, Cause::LoginAgain, "login"),
    ("E4b", 401, Of::Mint, r#"{"error":{"code":401,"message":"Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.","errors":[{"message":"Login Required.","domain":"global","reason":"required","location":"Authorization","locationType":"header"}],"status":"UNAUTHENTICATED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"CREDENTIALS_MISSING","domain":"googleapis.com","metadata":{"service":"bigquery.googleapis.com"}}]}}"#, Cause::LoginAgain, "login"),
    ("E5", 403, Of::Mint, r#"{"error":{"code":403,"message":"IAM Service Account Credentials API has not been used in project 8667575547 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/iamcredentials.googleapis.com/overview?project=8667575547 then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.Help","links":[{"description":"Google developers console API activation","url":"https://console.developers.google.com/apis/api/iamcredentials.googleapis.com/overview?project=8667575547"}]},{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED","domain":"googleapis.com","metadata":{"consumer":"projects/8667575547","service":"iamcredentials.googleapis.com"}}]}}"#, Cause::ApiDisabled, "enable iamcredentials.googleapis.com in project 8667575547"),
    ("E5 2025", 403, Of::Mint, r#"{"error":{"code":403,"message":"IAM Service Account Credentials API has not been used in project 764086051850 before or it is disabled.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED","domain":"googleapis.com","metadata":{"activationUrl":"https://console.developers.google.com/","consumer":"projects/764086051850","containerInfo":"764086051850","service":"iamcredentials.googleapis.com","serviceTitle":"IAM Service Account Credentials API"}},{"@type":"type.googleapis.com/google.rpc.LocalizedMessage","locale":"en-US","message":"x"}]}}"#, Cause::ApiDisabled, "charge a project of your own"),
    ("E5 v1", 403, Of::Mint, r#"{"error":{"code":403,"message":"Access Not Configured.","errors":[{"domain":"usageLimits","reason":"accessNotConfigured"}]}}"#, Cause::ApiDisabled, "gcloud services enable"),
    ("E6", 403, Of::Mint, r#"{"error":{"code":403,"message":"Caller does not have required permission to use project xxx-yyy. Grant the caller the roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission, by visiting https://console.developers.google.com/iam-admin/iam/project?project=xxx-yyy and then retry. Propagation of the new permission may take a few minutes.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"USER_PROJECT_DENIED","domain":"googleapis.com","metadata":{"consumer":"projects/xxx-yyy","service":"iamcredentials.googleapis.com"}}]}}"#, Cause::QuotaProject, "charge another project"),
    ("E6b", 403, Of::Mint, r#"{"error":{"code":403,"message":"Permission denied on resource project X.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"CONSUMER_INVALID","domain":"googleapis.com","metadata":{"containerInfo":"X","service":"iamcredentials.googleapis.com","consumer":"projects/X"}}]}}"#, Cause::QuotaProject, "charge another project"),
    ("E7", 400, Of::Mint, r#"{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT"}}"#, Cause::InvalidRequest, "Check the values"),
    ("E7 long", 400, Of::LongMint, r#"{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT"}}"#, Cause::LifetimeTooLong, "1h"),
    ("E8", 400, Of::Token, r#"{"error":"invalid_scope","error_description":"Invalid OAuth scope or ID token audience provided."}"#, Cause::InvalidRequest, "Check the values"),
    ("E9", 400, Of::Token, r#"{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_uri":"https://support.google.com/a/answer/9368756","error_subtype":"invalid_rapt"}"#, Cause::LoginAgain, "login"),
    ("E9b", 400, Of::Token, r#"{"error":"invalid_grant","error_description":"reauth related error (rapt_required)","error_uri":"https://support.google.com/a/answer/9368756","error_subtype":"rapt_required"}"#, Cause::LoginAgain, "login"),
    ("E10", 400, Of::Token, r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#, Cause::LoginAgain, "login"),
    ("E10 malformed", 400, Of::Token, r#"{"error":"invalid_grant","error_description":"Bad Request"}"#, Cause::LoginAgain, "login"),
    ("E11", 400, Of::Token, r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#, Cause::AssertionRejected, "keys list"),
    ("E11 time", 400, Of::Token, r#"{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}"#, Cause::AssertionRejected, "clock"),
    ("E12 gone", 400, Of::Token, r#"{"error":"invalid_grant","error_description":"Invalid grant: account not found"}"#, Cause::AccountGone, "undelete"),
    ("E12 disabled", 400, Of::Token, r#"{"error":"invalid_grant","error_description":"Robot is disabled."}"#, Cause::AccountDisabled, "gcloud iam service-accounts enable"),
    ("E12 client", 401, Of::Token, r#"{"error":"deleted_client","error_description":"The OAuth client was deleted."}"#, Cause::LoginAgain, "login"),
    ("E12 unauthorized", 401, Of::Token, r#"{"error":"unauthorized_client","error_description":"Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."}"#, Cause::LoginAgain, "login"),
    ("E12 invalid", 401, Of::Token, r#"{"error":"invalid_client","error_description":"The OAuth client was not found."}"#, Cause::LoginAgain, "login"),
    ("E13", 400, Of::Mint, r#"{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"project_id\": Cannot find field.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"description":"Invalid JSON payload received. Unknown name \"project_id\": Cannot find field."}]}]}}"#, Cause::InvalidRequest, "Check the values"),
    ("E14", 400, Of::Iam, r#"{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"optionsRequestedPolicyVersion\": Cannot bind query parameter. Field 'optionsRequestedPolicyVersion' could not be found in request message.","status":"INVALID_ARGUMENT"}}"#, Cause::InvalidRequest, "Check the values"),
    ("E15", 400, Of::Mint, r#"{"error":{"code":400,"message":"Invalid value at 'lifetime' (type.googleapis.com/google.protobuf.Duration), Field 'lifetime', Illegal duration format; duration must end with 's'","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"lifetime","description":"Illegal duration format; duration must end with 's'"}]}]}}"#, Cause::InvalidRequest, "Check the values"),
    ("E16", 409, Of::Iam, r#"{"error":{"code":409,"message":"There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.","errors":[{"message":"There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.","domain":"global","reason":"aborted"}],"status":"ABORTED"}}"#, Cause::Conflict, "read the policy again"),
    ("E17", 400, Of::Iam, r#"{"error":{"code":400,"message":"The number of members in the policy (1,501) is larger than the maximum allowed size 1,500.","status":"INVALID_ARGUMENT"}}"#, Cause::InvalidRequest, "groups"),
    ("E18", 400, Of::Project, r#"{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.cloudresourcemanager.v1.ProjectIamPolicyError","member":"user:some_user2@gmail.com","role":"roles/owner","type":"SOLO_MUST_INVITE_OWNERS"}]}}"#, Cause::InvalidRequest, "invited in the console"),
    ("E19", 400, Of::Iam, r#"{"error":{"code":400,"message":"Service account thorstenstaerk-search-compute@developer.gserviceaccount.com does not exist.","status":"INVALID_ARGUMENT"}}"#, Cause::InvalidRequest, "spelling"),
    ("E19 domain", 400, Of::Iam, r#"{"error":{"code":400,"message":"One or more users named in the policy do not belong to a permitted customer,  perhaps due to an organization policy.","status":"FAILED_PRECONDITION"}}"#, Cause::DomainRestricted, "allowedPolicyMemberDomains"),
    ("E20", 400, Of::Iam, r#"{"error":{"code":400,"message":"Specified policy version (1) cannot be less than the existing policy version (3). For more information, please refer to https://cloud.google.com/iam/docs/policies#versions.","errors":[{"reason":"badRequest"}],"status":"INVALID_ARGUMENT"}}"#, Cause::InvalidRequest, "version 3"),
    ("E21", 409, Of::Iam, r#"{"error":{"code":409,"message":"Service account workflow-dataform-prod already exists within project projects/maj-q1.","status":"ALREADY_EXISTS","details":[{"@type":"type.googleapis.com/google.rpc.ResourceInfo","resourceName":"projects/maj-q1/serviceAccounts/workflow-dataform-prod@maj-q1.iam.gserviceaccount.com"}]}}"#, Cause::InvalidRequest, "Check the values"),
    ("E22", 400, Of::Project, r#"{"error":{"code":400,"message":"Some specified value(s) are invalid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"access_selector","description":"In one request, the total number of roles and permissions should be equal or less than 10. If you have more than that, please split your request into multiple ones."}]}]}}"#, Cause::InvalidRequest, "Check the values"),
    ("E23", 429, Of::Mint, r#"{"error":{"code":429,"message":"Quota exceeded for quota metric 'speech.googleapis.com/default_requests' and limit 'DefaultRequestsPerMinutePerProject' of service 'speech.googleapis.com' for consumer 'project_number:764086051850'.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","domain":"googleapis.com","metadata":{"service":"speech.googleapis.com","quota_limit":"DefaultRequestsPerMinutePerProject","consumer":"projects/764086051850"}}]}}"#, Cause::RateLimited, "Wait a minute"),
    ("E24", 400, Of::Iam, r#"{"error":{"code":400,"message":"The name should be in the form \"projects/{project_id}/serviceAccounts/{account}\".","status":"INVALID_ARGUMENT"}}"#, Cause::InvalidRequest, "unique ID"),
    ("E25", 404, Of::Project, r#"{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND"}}"#, Cause::NotFoundOrHidden, "Check the name"),
    ("E26", 400, Of::Sts, r#"{"error":"invalid_request","error_description":"Invalid value for \"audience\". This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats."}"#, Cause::Federation, "audience"),
    ("E27", 401, Of::Sts, r#"{"error":"unauthorized_client","error_description":"The given credential is rejected by the attribute condition."}"#, Cause::Federation, "attribute condition"),
    ("E27 target", 400, Of::Sts, r#"{"error":"invalid_target","error_description":"The target service indicated by the \"audience\" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist."}"#, Cause::Federation, "enabled"),
    ("E27 stale", 400, Of::Sts, r#"{"error":"invalid_grant","error_description":"ID Token issued at 1 is stale to sign-in."}"#, Cause::Federation, "fresh"),
    ("subject", 400, Of::Sts, r#"{"error":"invalid_request","error_description":"The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes."}"#, Cause::Federation, "extract("),
    ("issuer", 400, Of::Sts, r#"{"error":"invalid_grant","error_description":"Error connecting to the given credential's issuer."}"#, Cause::Federation, "openid-configuration"),
    ("lifetime", 400, Of::Mint, r#"{"error":{"code":400,"message":"Access tokens can not have lifetimes of more than 1 hour. Use the Org Policy Constraint constraints/iam.allowServiceAccountCredentialLifetimeExtension to allow up to 12 hours.","status":"INVALID_ARGUMENT"}}"#, Cause::LifetimeTooLong, "1h"),
    ("E28", 429, Of::Sts, r#"{"error":"rate_limit_exceeded","error_description":"[Security Token Service] The request was throttled due to rate limit. Please retry after a few seconds."}"#, Cause::RateLimited, "Wait a minute"),
    ("E29 GKE", 403, Of::Mint, "Unable to generate access token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).\nThis error could be caused by a missing IAM policy binding on the target IAM service account.\n", Cause::PermissionMissing, "Service Account Token Creator"),
    ("E30", 404, Of::Mint, "<!DOCTYPE html>\n<html lang=en>\n  <title>Error 404 (Not Found)!!1</title>\n", Cause::NotFoundOrHidden, "endpoint settings"),
    ("E31", 400, Of::Token, r#"{"error":"invalid_token","error_description":"Invalid Value"}"#, Cause::LoginAgain, "login"),
    ("E32", 403, Of::Project, r#"{"error":{"code":403,"message":"The caller does not have permission","status":"PERMISSION_DENIED"}}"#, Cause::PermissionMissing, "resourcemanager.projects.getIamPolicy"),
    ("E33", 503, Of::Mint, r#"{"error":{"code":503,"message":"The service is currently unavailable.","status":"UNAVAILABLE"}}"#, Cause::ServerTrouble, "Try again"),
    ("E33 500", 500, Of::Mint, r#"{"error":{"code":500,"message":"Internal error encountered.","status":"INTERNAL"}}"#, Cause::ServerTrouble, "Try again"),
    ("VPC", 403, Of::Mint, r#"{"error":{"code":403,"message":"Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abc","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SECURITY_POLICY_VIOLATED","domain":"googleapis.com","metadata":{"uid":"abc-123","consumer":"projects/1","service":"iamcredentials.googleapis.com"}}]}}"#, Cause::ServicePerimeter, "abc-123"),
    ("billing", 400, Of::Project, r#"{"error":{"code":400,"message":"Billing account for project '1' is not found.","status":"FAILED_PRECONDITION","details":[{"@type":"type.googleapis.com/google.rpc.PreconditionFailure","violations":[{"type":"serviceusage/billing-enabled","subject":"billing-enabled","description":"x"}]}]}}"#, Cause::Billing, "gcloud billing projects link"),
    ("disabled", 401, Of::Mint, r#"{"error":{"code":401,"message":"x","status":"UNAUTHENTICATED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCOUNT_STATE_INVALID","domain":"googleapis.com","metadata":{"email":"ci@p.iam.gserviceaccount.com"}}]}}"#, Cause::AccountDisabled, "gcloud iam service-accounts enable"),
];

#[test]
fn every_error_of_the_catalogue_has_its_cause_and_its_next_step() {
    let nothing = Examined::default();
    let mut wrong = Vec::new();
    for (name, status, of, body, cause, words) in CATALOGUE {
        let error = ApiError::from_answer(*status, body.as_bytes(), &asked(*of));
        let refusal = error.refusal.as_deref().unwrap();
        let known = Known { caller: None, examined: &nothing, remedy: None, now: Timestamp::UNIX_EPOCH };
        let diagnosis = diagnose(refusal, &known);
        let first = diagnosis.steps.first().map(|step| match &step.what {
            StepAction::Copy { text, .. } => format!("{} {text}", step.text),
            _ => step.text.clone(),
        });
        let fits = diagnosis.cause == *cause
            && error.cause() == Some(*cause)
            && first.as_ref().is_some_and(|first| first.contains(words))
            && diagnosis.sentence.ends_with('.')
            && diagnosis.sentence.len() < 400
            && diagnosis.evidence[0].text.starts_with(&status.to_string());
        if !fits {
            wrong.push(format!("{name}: {:?} {}\n  {first:?}", diagnosis.cause, diagnosis.sentence));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
