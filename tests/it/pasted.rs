//! Errors as tools print them, as raw text: what each is taken for, for whom and on what, and the first step. And
//! whatever is printed around an error changes nothing of what is said.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use impersona::{
    http::{ApiError, error_text},
    model::{
        denial::{Cause, RequestContext},
        doctor::{Diagnosis, Examined, Known, StepAction, diagnose},
    },
};
use jiff::Timestamp;

use super::denials;

fn explained(text: &str) -> Option<Diagnosis> {
    let error = error_text::find(text)?;
    let nothing = Examined::default();
    let known = Known { caller: None, examined: &nothing, remedy: None, now: Timestamp::UNIX_EPOCH };
    Some(diagnose(error.refusal.as_deref()?, &known))
}

/// Sentence and evidence, and the first step with what it copies.
fn told(diagnosis: &Diagnosis) -> (String, String) {
    let evidence = diagnosis.evidence.iter().map(|line| line.text.as_str());
    let said = std::iter::once(diagnosis.sentence.as_str()).chain(evidence).collect::<Vec<_>>().join("\n");
    let first = diagnosis.steps.first().map(|step| match &step.what {
        StepAction::Copy { text, .. } => format!("{}\n{text}", step.text),
        StepAction::Grant { account, member, permission, .. } => {
            format!(
                "{}\n{} on {account} to {}",
                step.text,
                permission.role,
                member.as_deref().unwrap_or("MEMBER")
            )
        }
        _ => {
            let (says, does) = step.for_shell();
            format!("{}\n{says}\n{}", step.text, does.unwrap_or_default())
        }
    });
    (said, first.unwrap_or_default())
}

/// The text, the cause, words of sentence and evidence, and words of the first step; what begins with `!` must not occur.
type Row = (&'static str, Cause, &'static [&'static str], &'static [&'static str]);

const MINT: &str = r#"{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"IAM_PERMISSION_DENIED","domain":"iam.googleapis.com","metadata":{"permission":"iam.serviceAccounts.getAccessToken"}}]}}"#;

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Go and Terraform: the list after “Details:”, and the reason at the end.
    ("╷\n│ Error: Error when reading or editing Project Service foo/compute.googleapis.com: googleapi: Error 403: Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: Zx9\n│ Details:\n│ [\n│   {\n│     \"@type\": \"type.googleapis.com/google.rpc.PreconditionFailure\",\n│     \"violations\": [\n│       {\n│         \"description\": \"Zx9\",\n│         \"type\": \"VPC_SERVICE_CONTROLS\"\n│       }\n│     ]\n│   },\n│   {\n│     \"@type\": \"type.googleapis.com/google.rpc.ErrorInfo\",\n│     \"domain\": \"googleapis.com\",\n│     \"metadata\": {\n│       \"consumer\": \"projects/77\",\n│       \"service\": \"serviceusage.googleapis.com\",\n│       \"uid\": \"Zx9\"\n│     },\n│     \"reason\": \"SECURITY_POLICY_VIOLATED\"\n│   }\n│ ]\n│ , forbidden\n│\n│   with google_project_service.a,\n│   on main.tf line 3\n╵", Cause::ServicePerimeter, &["serviceusage.googleapis.com"], &["Zx9"]),
    ("Error: googleapi: Error 403: Request had insufficient authentication scopes.\nDetails:\n[\n  {\n    \"@type\": \"type.googleapis.com/google.rpc.ErrorInfo\",\n    \"domain\": \"googleapis.com\",\n    \"metadata\": {\n      \"method\": \"x\",\n      \"service\": \"siteverification.googleapis.com\"\n    },\n    \"reason\": \"ACCESS_TOKEN_SCOPE_INSUFFICIENT\"\n  }\n]\n\nMore details:\nReason: insufficientPermissions, Message: Insufficient Permission", Cause::ScopeMissing, &["siteverification.googleapis.com"], &["gcloud auth application-default login --scopes=", "siteverification"]),
    ("panic: googleapi: Error 403: Compute Engine API has not been used in project 4711 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/compute.googleapis.com/overview?project=4711 then retry.\nDetails:\n[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"domain\":\"googleapis.com\",\"metadata\":{\"consumer\":\"projects/4711\",\"service\":\"compute.googleapis.com\"},\"reason\":\"SERVICE_DISABLED\"}]\n, accessNotConfigured", Cause::ApiDisabled, &["compute.googleapis.com", "4711"], &["enable compute.googleapis.com in project 4711"]),
    ("googleapi: Error 403: IAM Service Account Credentials API has not been used in project 99 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/iamcredentials.googleapis.com/overview?project=99 then retry., forbidden", Cause::ApiDisabled, &["iamcredentials.googleapis.com is not enabled in project 99"], &["in project 99"]),
    // A disabled account, with and without the box.
    ("╷\n│ Error: googleapi: Error 400: Service account 123456789012-compute@developer.gserviceaccount.com is disabled., badRequest\n│ \n│   with google_container_cluster.c,\n╵", Cause::AccountDisabled, &["123456789012-compute@developer.gserviceaccount.com is disabled", "400"], &["gcloud iam service-accounts enable 123456789012-compute@developer.gserviceaccount.com"]),
    ("googleapi: Error 400: Service account web@shop-1.iam.gserviceaccount.com is disabled., failedPrecondition", Cause::AccountDisabled, &["web@shop-1.iam.gserviceaccount.com"], &["enable web@shop-1.iam.gserviceaccount.com", "--project=shop-1"]),
    (r#"{"error":{"code":400,"message":"Service account ci@p.iam.gserviceaccount.com is disabled.","status":"FAILED_PRECONDITION"}}"#, Cause::AccountDisabled, &["ci@p.iam"], &["gcloud iam service-accounts enable ci@p.iam.gserviceaccount.com"]),
    // What the values refer to is missing.
    ("Error: googleapi: Error 400: Identity Pool does not exist (acme-1.svc.id.goog). Please check that you specified a valid resource name as returned in the `name` attribute in the configuration API., badRequest", Cause::InvalidRequest, &["Identity Pool"], &["project acme-1", "Workload Identity"]),
    ("Error setting IAM policy: googleapi: Error 400: The member principleSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/* is of an unknown type. Please set a valid type prefix for the member., badRequest", Cause::InvalidRequest, &["unknown type"], &["principalSet://"]),
    ("ERROR: (gcloud.projects.add-iam-policy-binding) INVALID_ARGUMENT: Service account service-77@gcp-sa-logging.iam.gserviceaccount.com does not exist.", Cause::InvalidRequest, &["service-77@gcp-sa-logging"], &["services identity create --service=logging.googleapis.com --project=77"]),
    // Perimeters by their text alone.
    (r#"{"error":{"code":403,"message":"Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: Qq-7_x","status":"PERMISSION_DENIED"}}"#, Cause::ServicePerimeter, &["VPC Service Controls"], &["Qq-7_x"]),
    ("ERROR: (gcloud.run.deploy) PERMISSION_DENIED: Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: kk1. This command is authenticated as a@example.com", Cause::ServicePerimeter, &[], &["kk1"]),
    ("google.api_core.exceptions.Forbidden: 403 GET https://storage.googleapis.com/storage/v1/b/x: Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: Ab_3", Cause::ServicePerimeter, &[], &["Ab_3"]),
    // Constraints.
    ("ERROR: (gcloud.iam.service-accounts.keys.create) FAILED_PRECONDITION: Key creation is not allowed on this service account.\n- '@type': type.googleapis.com/google.rpc.PreconditionFailure\n  violations:\n  - description: Key creation is not allowed on this service account.\n    subject: projects/acme-7/serviceAccounts/k@acme-7.iam.gserviceaccount.com?configvalue=k\n    type: constraints/iam.disableServiceAccountKeyCreation", Cause::OrganizationPolicy, &["constraints/iam.disableServiceAccountKeyCreation", "acme-7"], &["mint short-lived credentials", "roles/orgpolicy.policyAdmin"]),
    ("googleapi: Error 400: Key creation is not allowed on this service account., failedPrecondition", Cause::OrganizationPolicy, &["iam.disableServiceAccountKeyCreation"], &["mint short-lived"]),
    ("Operation denied by org policy on resource 'projects/p-9': [\"constraints/iam.managed.disableServiceAccountKeyCreation\": \"This constraint, when enforced, blocks service account key creation.\"] (FAILED_PRECONDITION)", Cause::OrganizationPolicy, &["iam.managed.disableServiceAccountKeyCreation"], &["mint short-lived"]),
    (r#"{"error":{"code":400,"message":"Service account creation is not allowed on this project.","status":"FAILED_PRECONDITION","details":[{"@type":"type.googleapis.com/google.rpc.PreconditionFailure","violations":[{"type":"constraints/iam.disableServiceAccountCreation","subject":"projects/p","description":"Service account creation is not allowed on this project."}]}]}}"#, Cause::OrganizationPolicy, &["iam.disableServiceAccountCreation"], &["existing service account", "policyAdmin"]),
    ("Error: Error creating instance: googleapi: Error 412: Constraint constraints/compute.vmExternalIpAccess violated for project 1234. Add instance projects/p/zones/z/instances/i to the constraint to use external IP with it., conditionNotMet", Cause::OrganizationPolicy, &["constraints/compute.vmExternalIpAccess"], &["roles/orgpolicy.policyAdmin", "constraints/compute.vmExternalIpAccess"]),
    // Limits.
    ("ERROR: (gcloud.iam.service-accounts.keys.create) RESOURCE_EXHAUSTED: Maximum number of keys on account reached.\n- '@type': type.googleapis.com/google.rpc.RetryInfo\n  retryDelay: 86401s", Cause::LimitReached, &["10 user-managed"], &["Delete old ones", "mint short-lived"]),
    (r#"{"error":{"code":429,"message":"Maximum number of keys on account reached.","status":"RESOURCE_EXHAUSTED"}}"#, Cause::LimitReached, &["waiting doesn't help"], &["keys list"]),
    ("Error: Error creating service account: googleapi: Error 429: Maximum number of service accounts on project reached., rateLimitExceeded", Cause::LimitReached, &["waiting doesn't help"], &["Delete what isn't used"]),
    // The right role on the right account for the right principal.
    (MINT, Cause::PermissionMissing, &["iam.serviceAccounts.getAccessToken"], &["roles/iam.serviceAccountTokenCreator", "service account that is impersonated", "!workloadIdentityUser"]),
    ("google.auth.exceptions.RefreshError: ('Unable to acquire impersonated credentials', '{\\n  \"error\": {\\n    \"code\": 403,\\n    \"message\": \"Permission \\'iam.serviceAccounts.getAccessToken\\' denied on resource (or it may not exist).\",\\n    \"status\": \"PERMISSION_DENIED\"\\n  }\\n}\\n')", Cause::PermissionMissing, &["iam.serviceAccounts.getAccessToken"], &["roles/iam.serviceAccountTokenCreator"]),
    ("googleapi: Error 403: Permission 'iam.serviceaccounts.actAs' denied on service account 123456789012-compute@developer.gserviceaccount.com (or it may not exist)., forbidden", Cause::PermissionMissing, &["iam.serviceAccounts.actAs on 123456789012-compute@developer"], &["roles/iam.serviceAccountUser on 123456789012-compute@developer.gserviceaccount.com"]),
    ("Deploying...\nCreating Revision...failed\nDeployment failed\nERROR: (gcloud.run.deploy) PERMISSION_DENIED: Permission 'iam.serviceaccounts.actAs' denied on service account d@p.iam.gserviceaccount.com (or it may not exist). This command is authenticated as ci@p.iam.gserviceaccount.com using the credentials in f.json, specified by the [auth/credential_file_override] property.", Cause::PermissionMissing, &["ci@p.iam.gserviceaccount.com doesn't have iam.serviceAccounts.actAs on d@p.iam.gserviceaccount.com", "403 PERMISSION_DENIED: Permission 'iam.serviceaccounts.actAs'", "!Deploying"], &["roles/iam.serviceAccountUser on d@p.iam.gserviceaccount.com to serviceAccount:ci@p.iam.gserviceaccount.com"]),
    ("Step #2 - \"deploy\": ERROR: (gcloud.functions.deploy) ResponseError: status=[403], code=[Ok], message=[Caller a@b-1.iam.gserviceaccount.com is missing permission 'iam.serviceaccounts.actAs' on service account projects/-/serviceAccounts/r@b-1.iam.gserviceaccount.com. Grant the role 'roles/iam.serviceAccountUser' to the caller on the service account.]", Cause::PermissionMissing, &["a@b-1.iam.gserviceaccount.com doesn't have iam.serviceAccounts.actAs on r@b-1.iam.gserviceaccount.com"], &["roles/iam.serviceAccountUser on r@b-1.iam.gserviceaccount.com to serviceAccount:a@b-1"]),
    (r#"{"insertId":"x","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","status":{"code":7,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."},"authenticationInfo":{"principalSubject":"principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/gh/subject/repo:o/r:ref:refs/heads/main"},"serviceName":"iamcredentials.googleapis.com","methodName":"GenerateAccessToken","request":{"name":"projects/-/serviceAccounts/d@p.iam.gserviceaccount.com"}},"severity":"ERROR"}"#, Cause::PermissionMissing, &["403 PERMISSION_DENIED", "workloadIdentityPools/gh/subject/repo:o/r:ref:refs/heads/main doesn't have iam.serviceAccounts.getAccessToken on d@p.iam"], &["roles/iam.workloadIdentityUser on d@p.iam.gserviceaccount.com to principal://"]),
    (r#"protoPayload: {"@type":"type.googleapis.com/google.cloud.audit.AuditLog","status":{"code":7,"message":"PERMISSION_DENIED"},"authenticationInfo":{"principalEmail":"dev@example.com"},"authorizationInfo":[{"permission":"storage.objects.get","resource":"projects/_/buckets/b/objects/o"}],"serviceName":"storage.googleapis.com","methodName":"storage.objects.get","resourceName":"projects/_/buckets/b/objects/o"}"#, Cause::PermissionMissing, &["dev@example.com doesn't have storage.objects.get on projects/_/buckets/b"], &["roles/storage.objectViewer"]),
    ("Post \"https://sheets.googleapis.com/v4\": impersonate: status code 403: {\n  \"error\": {\n    \"code\": 403,\n    \"message\": \"The caller does not have permission\",\n    \"status\": \"PERMISSION_DENIED\"\n  }\n}\n", Cause::PermissionMissing, &["iam.serviceAccounts.getAccessToken"], &["roles/iam.serviceAccountTokenCreator"]),
    ("ERROR: (gcloud.storage.cp) [ci@acme-1.iam.gserviceaccount.com] does not have permission to access b instance [builds] (or it may not exist): ci@acme-1.iam.gserviceaccount.com does not have storage.objects.create access to the Google Cloud Storage object. Permission 'storage.objects.create' denied on resource (or it may not exist).", Cause::PermissionMissing, &["ci@acme-1.iam.gserviceaccount.com doesn't have storage.objects.create"], &["roles/storage.objectCreator"]),
    // Service agents.
    ("Google Cloud Run Service Agent service-321@serverless-robot-prod.iam.gserviceaccount.com must have permission to read the image, gcr.io/p/i. Permission 'artifactregistry.repositories.downloadArtifacts' denied on resource (or it may not exist).", Cause::PermissionMissing, &["service agent service-321@serverless-robot-prod", "not you", "artifactregistry.repositories.downloadArtifacts"], &["roles/artifactregistry.reader", "serviceAccount:service-321@serverless-robot-prod.iam.gserviceaccount.com"]),
    ("googleapi: Error 403: service-5@gcp-sa-pubsub.iam.gserviceaccount.com does not have iam.serviceAccounts.getOpenIdToken access on service account push@p.iam.gserviceaccount.com., forbidden", Cause::PermissionMissing, &["service agent service-5@gcp-sa-pubsub"], &["roles/iam.serviceAccountOpenIdTokenCreator on push@p.iam.gserviceaccount.com to serviceAccount:service-5@gcp-sa-pubsub"]),
    ("Error 403: 55@cloudbuild.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object. (PERMISSION_DENIED)", Cause::PermissionMissing, &["service agent 55@cloudbuild"], &["roles/storage.objectViewer"]),
    // Scopes in each library's words.
    ("<HttpError 403 when requesting https://www.googleapis.com/drive/v3/files?alt=json returned \"Request had insufficient authentication scopes.\". Details: \"[{'message': 'Insufficient Permission', 'domain': 'global', 'reason': 'insufficientPermissions'}]\">", Cause::ScopeMissing, &["403"], &["--scopes="]),
    ("google.api_core.exceptions.PermissionDenied: 403 Request had insufficient authentication scopes. [reason: \"ACCESS_TOKEN_SCOPE_INSUFFICIENT\"\ndomain: \"googleapis.com\"\nmetadata {\n  key: \"service\"\n  value: \"secretmanager.googleapis.com\"\n}\nmetadata {\n  key: \"method\"\n  value: \"x\"\n}\n]", Cause::ScopeMissing, &["secretmanager.googleapis.com"], &["cloud-platform"]),
    ("com.google.api.gax.rpc.PermissionDeniedException: io.grpc.StatusRuntimeException: PERMISSION_DENIED: Request had insufficient authentication scopes.\n\tat com.google.api.gax.rpc.ApiExceptionFactory.createException(ApiExceptionFactory.java:90)\nCaused by: io.grpc.StatusRuntimeException: PERMISSION_DENIED: Request had insufficient authentication scopes.\n\t... 3 more", Cause::ScopeMissing, &["PERMISSION_DENIED"], &["--scopes="]),
    ("google.api_core.exceptions.PermissionDenied: 403 Your application is authenticating by using local Application Default Credentials. The translate.googleapis.com API requires a quota project, which is not set by default. To learn how to set your quota project, see https://cloud.google.com/docs/authentication/adc-troubleshooting/user-creds . [reason: \"SERVICE_DISABLED\"\ndomain: \"googleapis.com\"\nmetadata {\n  key: \"consumer\"\n  value: \"projects/764086051850\"\n}\nmetadata {\n  key: \"service\"\n  value: \"translate.googleapis.com\"\n}\n]", Cause::ApiDisabled, &["764086051850"], &["charge a project of your own"]),
    // Reauthentication in any wording.
    ("google.auth.exceptions.RefreshError: Reauthentication is needed. Please run `gcloud auth application-default login` to reauthenticate.", Cause::LoginAgain, &["log in again"], &["gcloud auth application-default login"]),
    ("ERROR: (gcloud.compute.instances.list) There was a problem refreshing your current auth tokens: Reauthentication failed. cannot prompt during non-interactive execution.", Cause::LoginAgain, &["log in again"], &["login"]),
    ("oauth2: \"invalid_grant\" \"reauth related error (invalid_rapt)\" \"https://support.google.com/a/answer/9368756\"", Cause::LoginAgain, &["log in again"], &["login"]),
    ("rpc error: code = Unauthenticated desc = transport: per-RPC creds failed due to error: oauth2: cannot fetch token: 400 Bad Request\nResponse: {\"error\":\"invalid_grant\",\"error_subtype\":\"rapt_required\"}", Cause::LoginAgain, &["log in again"], &["login"]),
    // Domain-wide delegation, also as Rust prints it.
    ("AuthError { error: UnauthorizedClient, error_description: Some(\"Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.\"), error_uri: None }", Cause::WorkspaceDelegation, &["Workspace"], &["Admin console"]),
    ("google.auth.exceptions.RefreshError: ('unauthorized_client: Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.', {'error': 'unauthorized_client', 'error_description': 'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.'})", Cause::WorkspaceDelegation, &["Workspace"], &["Admin console"]),
    // What libraries say of the metadata server, and of credentials.
    ("metadata: GCE metadata \"instance/service-accounts/default/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fsqlservice.admin\" not defined", Cause::MetadataServer, &["404"], &["annotation"]),
    ("google.auth.exceptions.RefreshError: (\"Failed to retrieve http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/?recursive=true from the Google Compute Engine metadata service. Status: 404 Response:\\nb'Not Found'\", <google.auth.transport.requests._Response object at 0x7f>)", Cause::MetadataServer, &["404"], &["annotation"]),
    ("google.auth.exceptions.TransportError: Failed to retrieve http://169.254.169.254 from the Google Compute Engine metadata service. Compute Engine Metadata server unavailable due to timed out", Cause::MetadataServer, &["No metadata server"], &["GOOGLE_APPLICATION_CREDENTIALS"]),
    ("java.io.IOException: ComputeEngineCredentials cannot find the metadata server. This is likely because code is not running on Google Compute Engine.", Cause::MetadataServer, &["No metadata server"], &["login"]),
    ("google.auth.exceptions.DefaultCredentialsError: Your default credentials were not found. To set up Application Default Credentials, see https://cloud.google.com/docs/authentication/external/set-up-adc for more information.", Cause::NoCredentials, &["no credentials"], &["gcloud auth application-default login"]),
    ("Error: Attempted to load application default credentials since neither `credentials` nor `access_token` was set in the provider block.  No credentials loaded. Original error: google: could not find default credentials.", Cause::NoCredentials, &["no credentials"], &["gcloud auth application-default login"]),
    ("Error: Could not load the default credentials. Browse to https://cloud.google.com/docs/authentication/getting-started for more information.\n    at GoogleAuth.getApplicationDefaultAsync (/app/node_modules/google-auth-library/build/src/auth/googleauth.js:180:19)", Cause::NoCredentials, &["no credentials"], &["attach a service account"]),
    ("java.io.IOException: The configured universe domain (a.example) does not match the universe domain found in the credentials (googleapis.com). If you haven't configured the universe domain explicitly, `googleapis.com` is the default.", Cause::UniverseMismatch, &["universe"], &["GOOGLE_CLOUD_UNIVERSE_DOMAIN"]),
    // Assertions.
    ("Error: failed: {\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT: Failed audience check. The right audience is https://oauth2.googleapis.com/token\"}", Cause::AssertionRejected, &["wrong audience"], &["https://oauth2.googleapis.com/token", "logging in doesn't help"]),
    ("FirebaseAppError: Credential implementation provided to initializeApp() via the \"credential\" property failed to fetch a valid Google OAuth2 access token with the following error: \"Error fetching access token: invalid_grant (Invalid JWT Signature.)\". There are two likely causes", Cause::AssertionRejected, &["isn't signed by a key"], &["keys list", "clock"]),
    ("google.auth.exceptions.RefreshError: ('invalid_grant: Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.', {'error': 'invalid_grant', 'error_description': 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.'})", Cause::AssertionRejected, &["isn't valid now"], &["clock"]),
    // Federation.
    ("failed to generate Google Cloud federated token for //iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/gh/providers/gh: {\"error\":\"invalid_request\",\"error_description\":\"The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes.\"}", Cause::Federation, &["127 bytes"], &["attribute mapping"]),
    ("ERROR: (gcloud.projects.describe) There was a problem refreshing your current auth tokens: ('Error code invalid_target: The target service indicated by the \"audience\" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\\'t exist.', '{\"error\":\"invalid_target\",\"error_description\":\"The target service indicated by the \\\\\"audience\\\\\" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\\'t exist.\"}')", Cause::Federation, &["provider"], &["enabled"]),
    ("failed to generate Google Cloud federated token for //iam.googleapis.com/projects/my-proj/locations/global/workloadIdentityPools/p/providers/x: {\"error\":\"invalid_target\",\"error_description\":\"The target service indicated by the \\\"audience\\\" parameters is invalid.\"}", Cause::Federation, &["project ID where the project number"], &["projectNumber"]),
    // Other libraries' words.
    ("grpc._channel._InactiveRpcError: <_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.PERMISSION_DENIED\n\tdetails = \"Permission 'cloudkms.cryptoKeyVersions.useToDecrypt' denied on resource 'projects/p/locations/l/keyRings/r/cryptoKeys/k' (or it may not exist).\"\n\tdebug_error_string = \"UNKNOWN:Error received from peer\"\n>", Cause::PermissionMissing, &["cloudkms.cryptoKeyVersions.useToDecrypt on projects/p/locations/l/keyRings/r/cryptoKeys/k"], &["roles/cloudkms.cryptoKeyDecrypter"]),
    ("Grpc.Core.RpcException: Status(StatusCode=\"PermissionDenied\", Detail=\"Request had insufficient authentication scopes.\")", Cause::ScopeMissing, &["403 PERMISSION_DENIED: Request had"], &["--scopes="]),
    ("status: PermissionDenied, message: \"Permission 'pubsub.topics.publish' denied on resource 'projects/p1/topics/t' (or it may not exist).\", details: [], metadata: MetadataMap { headers: {} }", Cause::PermissionMissing, &["pubsub.topics.publish on projects/p1/topics/t"], &["roles/pubsub.publisher"]),
    ("7 PERMISSION_DENIED: Permission 'secretmanager.versions.access' denied for resource 'projects/p/secrets/s/versions/latest' (or it may not exist).", Cause::PermissionMissing, &["on projects/p/secrets/s/versions/latest"], &["roles/secretmanager.secretAccessor"]),
    ("ERROR: gcloud crashed (ReauthUnattendedError): cannot prompt during non-interactive execution.", Cause::LoginAgain, &["log in again"], &["login"]),
    ("Error: Error creating provider: googleapi: Error 400: Precondition check failed.\nDetails:\n[{\"@type\":\"type.googleapis.com/google.rpc.PreconditionFailure\",\"violations\":[{\"description\":\"Org Policy violated for value: 'https://a.example'.\",\"type\":\"constraints/iam.workloadIdentityPoolProviders\"}]}]\n, failedPrecondition", Cause::OrganizationPolicy, &["Precondition check failed"], &["a.example"]),
    ("GceMetadataError: Unable to generate access token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).\nThis error could be caused by a missing IAM policy binding on the target IAM service account.", Cause::PermissionMissing, &["Kubernetes service account"], &["roles/iam.workloadIdentityUser"]),
    // Called services.
    ("<html><head>\n<meta http-equiv=\"content-type\" content=\"text/html;charset=utf-8\">\n<title>401 Unauthorized</title>\n</head>\n<body text=#000000 bgcolor=#ffffff>\n<h2>Your client does not have permission to the requested URL <code>/x</code>.</h2>\n</body></html>", Cause::CredentialRefused, &["401", "Cloud Run"], &["token id ACCOUNT --audience"]),
    ("requests.exceptions.HTTPError: 403 Client Error: Forbidden\nbody: '<html><head>\\n<title>403 Forbidden</title>\\n</head>\\n<body>\\n<h1>Error: Forbidden</h1>\\n<h2>Your client does not have permission to get URL <code>/f</code> from this server.</h2>\\n</body></html>'", Cause::CredentialRefused, &["403", "Cloud Run"], &["roles/run.invoker"]),
    ("WARNING: The request was not authenticated. Either allow unauthenticated invocations or set the proper Authorization header.", Cause::CredentialRefused, &["Cloud Run"], &["--audience"]),
    ("<?xml version='1.0' encoding='UTF-8'?><Error><Code>SignatureDoesNotMatch</Code><Message>Access denied.</Message><Details>The request signature we calculated does not match the signature you provided.</Details><StringToSign>GET\n\n\n1700000000\n/b/o</StringToSign></Error>", Cause::CredentialRefused, &["Cloud Storage", "signature"], &["sign-url"]),
    ("Error: \"<?xml version='1.0' encoding='UTF-8'?><Error><Code>ExpiredToken</Code><Message>Invalid argument.</Message><Details>Request signature expired at: 2026-01-01T00:00:00+00:00</Details></Error>\"", Cause::CredentialRefused, &["has expired"], &["--expires"]),
    ("Invalid IAP credentials: JWT audience doesn't match this application ('aud' claim (x) doesn't match expected value (y))", Cause::CredentialRefused, &["audience"], &["CLIENT_ID"]),
];

#[test]
fn every_pasted_text_has_its_cause_and_first_step() {
    let mut wrong = Vec::new();
    for (text, cause, words, steps) in ROWS {
        let Some(diagnosis) = explained(text) else {
            wrong.push(format!("nothing found in {text}"));
            continue;
        };
        let (said, first) = told(&diagnosis);
        let missing = |text: &str, words: &[&str]| {
            let fails = |word: &&&str| match word.strip_prefix('!') {
                Some(word) => text.contains(word),
                None => !text.contains(**word),
            };
            words.iter().filter(fails).map(|word| (*word).to_owned()).collect::<Vec<_>>()
        };
        let lacks = [missing(&said, words), missing(&first, steps)].concat();
        if diagnosis.cause != *cause || !lacks.is_empty() {
            wrong.push(format!("{:?} {lacks:?}\n  {text:.200}\n  {said}\n  {first}", diagnosis.cause));
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), ROWS.len(), wrong.join("\n"));
}

/// Errors as people have them, in files by who printed them: `%%% TITLE`, the raw text, `%%=`, and what has to be said of
/// it, one `NAME: WORDS` a line.
const FILES: [(&str, &str); 12] = [
    ("audit", include_str!("pasted/audit.txt")),
    ("called", include_str!("pasted/called.txt")),
    ("federation", include_str!("pasted/federation.txt")),
    ("gcloud", include_str!("pasted/gcloud.txt")),
    ("libraries", include_str!("pasted/libraries.txt")),
    ("login", include_str!("pasted/login.txt")),
    ("logs", include_str!("pasted/logs.txt")),
    ("metadata", include_str!("pasted/metadata.txt")),
    ("others", include_str!("pasted/others.txt")),
    ("policies", include_str!("pasted/policies.txt")),
    ("python", include_str!("pasted/python.txt")),
    ("terraform", include_str!("pasted/terraform.txt")),
];

/// A row of these files.
struct Case {
    title: String,
    text: &'static str,
    expected: Vec<(&'static str, &'static str)>,
}

fn cases() -> Vec<Case> {
    let blocks = FILES.iter().flat_map(|(file, text)| {
        text.strip_prefix("%%% ").unwrap().split("\n%%% ").map(move |block| (file, block))
    });
    let case = |(file, block): (&&str, &'static str)| {
        let (title, rest) = block.split_once('\n').unwrap();
        let (text, expected) = rest.split_once("\n%%=\n").unwrap();
        let expected =
            expected.lines().filter(|line| !line.is_empty()).map(|line| line.split_once(": ").unwrap());
        Case { title: format!("{file}: {title}"), text, expected: expected.collect() }
    };
    blocks.map(case).collect()
}

/// `permission_missing`
fn snake(cause: Cause) -> String {
    let capital =
        |c: char| if c.is_uppercase() { format!("_{}", c.to_ascii_lowercase()) } else { c.to_string() };
    format!("{cause:?}").chars().map(capital).collect::<String>().trim_start_matches('_').to_owned()
}

/// What a row expects and the diagnosis doesn't say.
fn misses(case: &Case, diagnosis: &Diagnosis) -> Vec<String> {
    let (said, first) = told(diagnosis);
    let member = |name: &str| name.split_once(':').map_or(name, |(_, name)| name).to_owned();
    let fits = |(name, words): &&(&str, &str)| match *name {
        "cause" => snake(diagnosis.cause) == *words,
        "says" => said.contains(words),
        "first" => first.contains(words),
        "not" => !said.contains(words) && !first.contains(words),
        "permission" => diagnosis.sentence.contains(words),
        "role" => first.contains(words),
        // An account is shown short in the sentence, and whole where it is granted.
        "resource" => diagnosis.sentence.contains(&format!(" on {words}")) || first.contains(words),
        "principal" => diagnosis.sentence.contains(&member(words)) && first.contains(words),
        _ => false,
    };
    case.expected.iter().filter(|row| !fits(row)).map(|(name, words)| format!("{name}: {words}")).collect()
}

#[test]
fn every_error_in_the_files_is_explained_as_expected() {
    let cases = cases();
    let mut wrong = Vec::new();
    for case in &cases {
        let Some(diagnosis) = explained(case.text) else {
            wrong.push(format!("{}: nothing found", case.title));
            continue;
        };
        let misses = misses(case, &diagnosis);
        if !misses.is_empty() {
            let (said, first) = told(&diagnosis);
            wrong.push(format!("{} {misses:?}\n  {:?} {said}\n  {first}", case.title, diagnosis.cause));
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() + ROWS.len() >= 150, "{}", cases.len());
}

/// The explorer and the command line explain an answer as it came; the same body pasted has to say the same.
#[test]
fn a_body_is_explained_alike_whether_answered_or_pasted() {
    let texts = cases().into_iter().map(|case| case.text).chain(ROWS.iter().map(|(text, ..)| *text));
    let catalogue = denials::CATALOGUE.iter().map(|(_, status, _, body, ..)| (*status, *body));
    let bodies: Vec<(u16, &str)> = texts.filter_map(plain_body).chain(catalogue).collect();
    let mut wrong = Vec::new();
    for (status, body) in &bodies {
        let error = ApiError::from_answer(*status, body.as_bytes(), &RequestContext::default());
        let nothing = Examined::default();
        let known = Known { caller: None, examined: &nothing, remedy: None, now: Timestamp::UNIX_EPOCH };
        let live = diagnose(error.refusal.as_deref().unwrap(), &known);
        let text = format!("HTTP/1.1 {status} \n\n{body}\n");
        let pasted = explained(&text);
        let same = |pasted: &Diagnosis| {
            (live.cause, &live.sentence, &live.steps) == (pasted.cause, &pasted.sentence, &pasted.steps)
        };
        if !pasted.as_ref().is_some_and(same) {
            let pasted = pasted.as_ref().map(told);
            wrong.push(format!("{body}\n  live   {:?}\n  pasted {pasted:?}", told(&live)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), bodies.len(), wrong.join("\n"));
}

/// The status and the body, if a text is nothing but the body of an API or of the token endpoint.
fn plain_body(text: &'static str) -> Option<(u16, &'static str)> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let status = match value.get("error")? {
        serde_json::Value::String(code) if code.contains(' ') => return None,
        serde_json::Value::String(_) => 400,
        error => u16::try_from(error.get("code")?.as_u64()?).ok()?,
    };
    Some((status, text))
}

type Wrapper = (&'static str, fn(&str) -> String);

/// What tools put around an error.
const WRAPPERS: [Wrapper; 14] = [
    ("Terraform's box", |text| {
        let lines = text.lines().map(|line| format!("│ {line}\n")).collect::<String>();
        format!("╷\n{lines}│ \n│   with google_x.y,\n╵\n")
    }),
    ("colours", |text| format!("\u{1b}[31m\u{1b}[1m{text}\u{1b}[0m")),
    ("a time on each line", |text| {
        text.lines().map(|line| format!("2027-01-15T08:00:00.1234567Z {line}\n")).collect()
    }),
    ("a log level", |text| format!("[2027-01-15 08:00:00,123] ERROR: {text}")),
    ("GitHub's runner", |text| format!("Run deploy\n##[error]{text}\n")),
    ("Cloud Build", |text| text.lines().map(|line| format!("Step #1 - \"deploy\": {line}\n")).collect()),
    ("a JSON string", |text| serde_json::json!({ "severity": "ERROR", "message": text }).to_string()),
    ("Go's %q", |text| format!("level=error msg={}", serde_json::Value::from(text))),
    ("a Python tuple", |text| {
        let text = text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n");
        format!("example.Error: ('Unable to do it', '{text}')")
    }),
    ("Rust's Debug", |text| format!("Error {{ kind: Other, source: Some({text:?}) }}")),
    ("a Java cause", |text| {
        format!(
            "Exception in thread \"main\" java.io.IOException: oops\n\tat a.b.C.d(C.java:1)\nCaused by: java.lang.Exception: {text}\n\t... 3 more"
        )
    }),
    ("a Go wrapper", |text| format!("failed to do it: {text}")),
    ("compose", |text| text.lines().map(|line| format!("app-1  | {line}\n")).collect()),
    ("Windows", |text| format!("\u{feff}{}\r\n", text.replace('\n', "\r\n"))),
];

#[test]
fn what_is_printed_around_an_error_changes_nothing() {
    let mut wrong = Vec::new();
    let bodies = [
        MINT,
        r#"{"error":{"code":403,"message":"Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abc","status":"PERMISSION_DENIED"}}"#,
        r#"{"error":"invalid_target","error_description":"The target service indicated by the \"audience\" parameters is invalid."}"#,
        r#"{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_subtype":"invalid_rapt"}"#,
        r#"{"error":{"code":400,"message":"Key creation is not allowed on this service account.","status":"FAILED_PRECONDITION","details":[{"@type":"type.googleapis.com/google.rpc.PreconditionFailure","violations":[{"type":"constraints/iam.disableServiceAccountKeyCreation","subject":"projects/p","description":"Key creation is not allowed on this service account."}]}]}}"#,
        "googleapi: Error 403: Permission 'iam.serviceAccounts.actAs' denied on service account d@p.iam.gserviceaccount.com (or it may not exist)., forbidden",
        "metadata: GCE metadata \"instance/service-accounts/default/token\" not defined",
    ];
    for body in bodies {
        let plain = explained(body).unwrap();
        for (outer, wrap_outer) in WRAPPERS {
            for (inner, wrap_inner) in WRAPPERS {
                let text = wrap_outer(&wrap_inner(body));
                let found = explained(&text);
                if found.as_ref() != Some(&plain) {
                    let found = found.as_ref().map(told);
                    wrong.push(format!("{inner} in {outer}: {found:?} for {:?}", told(&plain)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

#[test]
fn every_error_in_the_files_survives_a_wrapper() {
    let mut wrong = Vec::new();
    for (at, case) in cases().iter().enumerate() {
        let (name, wrap) = WRAPPERS[at % WRAPPERS.len()];
        let found = explained(&wrap(case.text));
        let misses = found.as_ref().map(|found| misses(case, found));
        if misses.as_ref().is_none_or(|misses| !misses.is_empty()) {
            wrong.push(format!("{} in {name}: {misses:?} {:?}", case.title, found.as_ref().map(told)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
