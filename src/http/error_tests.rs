use super::*;

/// A mint of an access token, as the API layer sends it.
fn mint() -> RequestContext {
    RequestContext {
        service: "iamcredentials.googleapis.com".into(),
        method: "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken".into(),
        resource: "sa@p.iam.gserviceaccount.com".into(),
        permission: Some("iam.serviceAccounts.getAccessToken".into()),
        lifetime_seconds: Some(3_600),
        ..RequestContext::default()
    }
}

fn read(status: u16, body: &str) -> ApiError {
    ApiError::from_answer(status, body.as_bytes(), &mint())
}

/// Checks the cause of a body; every part must occur in the sentence or the next step.
fn means(status: u16, body: &str, kind: ErrorKind, cause: Cause, parts: &[&str]) {
    let error = read(status, body);
    assert_eq!((error.kind, error.cause()), (kind, Some(cause)), "{body}");
    let text = format!("{} / {}", error.sentence(), error.next().unwrap_or_default());
    for part in parts {
        assert!(text.contains(part), "“{part}” is not in: {text}");
    }
    assert!(error.sentence().ends_with(['.', '?']) || cause == Cause::Unknown, "{text}");
}

#[test]
fn e1_a_missing_permission_is_named_with_the_narrowest_role() {
    let body = r#"{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"IAM_PERMISSION_DENIED","domain":"iam.googleapis.com","metadata":{"permission":"iam.serviceAccounts.getAccessToken"}}]}}"#;
    let parts = [
        "iam.serviceAccounts.getAccessToken on sa@p.iam.gserviceaccount.com",
        "or it doesn't exist",
        "roles/iam.serviceAccountTokenCreator",
        "Owner and Editor don't include permission to mint",
    ];
    means(403, body, ErrorKind::Denied, Cause::PermissionMissing, &parts);
    let error = read(403, body);
    assert_eq!((error.code(), error.reason()), (Some("PERMISSION_DENIED"), Some("IAM_PERMISSION_DENIED")));
    assert_eq!(error.metadata().unwrap()["permission"], "iam.serviceAccounts.getAccessToken");
}

#[test]
fn e1b_a_denial_without_a_reason_names_the_permission_that_the_method_needs() {
    let body = r#"{"error":{"code":403,"message":"The caller does not have permission","status":"PERMISSION_DENIED"}}"#;
    means(
        403,
        body,
        ErrorKind::Denied,
        Cause::PermissionMissing,
        &["it requires iam.serviceAccounts.getAccessToken"],
    );
}

#[test]
fn a_denial_in_a_chain_blames_the_chain_not_the_last_account() {
    let body = r#"{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.implicitDelegation' denied on resource (or it may not exist).","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"IAM_PERMISSION_DENIED","domain":"iam.googleapis.com","metadata":{"permission":"iam.serviceAccounts.implicitDelegation"}}]}}"#;
    let asked = RequestContext { delegates: vec!["a@p".into(), "b@p".into()], ..mint() };
    let error = ApiError::from_answer(403, body.as_bytes(), &asked);
    assert!(
        error.sentence().contains("A delegate in the chain")
            && error.sentence().contains("implicitDelegation")
    );
}

#[test]
fn e2_what_is_not_found_may_also_be_hidden() {
    let body = r#"{"error":{"code":404,"message":"Not found; Gaia id not found for email 714722133158-compute@developer.gserviceaccount.com","errors":[{"message":"Not found; Gaia id not found for email 714722133158-compute@developer.gserviceaccount.com","domain":"global","reason":"notFound"}],"status":"NOT_FOUND"}}"#;
    means(
        404,
        body,
        ErrorKind::NotFound,
        Cause::NotFoundOrHidden,
        &["sa@p.iam.gserviceaccount.com was not found"],
    );
    assert_eq!(read(404, body).reason(), Some("notFound"));
    let e25 = r#"{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND"}}"#;
    means(404, e25, ErrorKind::NotFound, Cause::NotFoundOrHidden, &["can't see it"]);
}

#[test]
fn e3_a_missing_scope_is_not_a_missing_permission() {
    let body = r#"{"error":{"code":403,"message":"Request had insufficient authentication scopes.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT","domain":"googleapis.com","metadata":{"service":"iamcredentials.googleapis.com","method":"google.iam.credentials.v1.IAMCredentials.GenerateAccessToken"}}]}}"#;
    means(
        403,
        body,
        ErrorKind::Denied,
        Cause::ScopeMissing,
        &["iamcredentials.googleapis.com", "cloud-platform"],
    );
}

#[test]
fn e4_an_expired_token_asks_for_a_login() {
    let body = r#"{"error":{"code":401,"message":"Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.","status":"UNAUTHENTICATED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_EXPIRED","domain":"googleapis.com","metadata":{"method":"google.cloud.kms.v1.KeyManagementService.Decrypt","service":"cloudkms.googleapis.com"}}]}}"#;
    means(401, body, ErrorKind::Credentials, Cause::LoginAgain, &["gcloud auth application-default login"]);
    let e4b = r#"{"error":{"code":401,"message":"Request is missing required authentication credential.","errors":[{"message":"Login Required.","domain":"global","reason":"required","location":"Authorization","locationType":"header"}],"status":"UNAUTHENTICATED"}}"#;
    means(401, e4b, ErrorKind::Credentials, Cause::LoginAgain, &[]);
}

#[test]
fn e5_a_disabled_api_names_service_and_consumer() {
    let body = r#"{"error":{"code":403,"message":"IAM Service Account Credentials API has not been used in project 8667575547 before or it is disabled.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.Help","links":[{"description":"Google developers console API activation","url":"https://console.developers.google.com/apis/api/iamcredentials.googleapis.com/overview?project=8667575547"}]},{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED","domain":"googleapis.com","metadata":{"consumer":"projects/8667575547","service":"iamcredentials.googleapis.com"}}]}}"#;
    let parts =
        ["iamcredentials.googleapis.com is not enabled in project 8667575547", "--project=8667575547"];
    means(403, body, ErrorKind::Denied, Cause::ApiDisabled, &parts);
    for shared in ["764086051850", "32555940559"] {
        let body = body.replace("8667575547", shared);
        means(403, &body, ErrorKind::Denied, Cause::ApiDisabled, &["Set a quota project", shared]);
        assert!(!read(403, &body).next().unwrap().contains("services enable"));
    }
}

#[test]
fn e6_a_quota_project_that_may_not_be_used_or_does_not_exist() {
    let body = r#"{"error":{"code":403,"message":"Caller does not have required permission to use project xxx-yyy. Grant the caller the roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"USER_PROJECT_DENIED","domain":"googleapis.com","metadata":{"consumer":"projects/xxx-yyy","service":"iamcredentials.googleapis.com"}}]}}"#;
    let parts = ["project xxx-yyy", "roles/serviceusage.serviceUsageConsumer", "--quota-project"];
    means(403, body, ErrorKind::Denied, Cause::QuotaProject, &parts);
    let e6b = r#"{"error":{"code":403,"message":"Permission denied on resource project X.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"CONSUMER_INVALID","domain":"googleapis.com","metadata":{"containerInfo":"X","service":"iamcredentials.googleapis.com","consumer":"projects/X"}},{"@type":"type.googleapis.com/google.rpc.LocalizedMessage","locale":"en-US","message":"Permission denied on resource project X."}]}}"#;
    means(403, e6b, ErrorKind::Denied, Cause::QuotaProject, &["project X", "doesn't exist"]);
}

#[test]
fn e7_an_invalid_argument_is_about_the_lifetime_only_when_a_long_one_was_asked_for() {
    let body = r#"{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT"}}"#;
    means(400, body, ErrorKind::Invalid, Cause::InvalidRequest, &["Request contains an invalid argument."]);
    let asked = RequestContext { lifetime_seconds: Some(7_200), ..mint() };
    let error = ApiError::from_answer(400, body.as_bytes(), &asked);
    assert_eq!(error.cause(), Some(Cause::LifetimeTooLong));
    assert!(error.next().unwrap().contains("constraints/iam.allowServiceAccountCredentialLifetimeExtension"));
    assert_eq!(error.kind.exit_code(), 8);
}

#[test]
fn e8_to_e12_the_token_endpoint_speaks_oauth() {
    let e8 = r#"{"error":"invalid_scope","error_description":"Invalid OAuth scope or ID token audience provided."}"#;
    means(400, e8, ErrorKind::Invalid, Cause::InvalidRequest, &["Invalid OAuth scope"]);
    let e9 = r#"{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_uri":"https://support.google.com/a/answer/9368756","error_subtype":"invalid_rapt"}"#;
    let parts = ["log in again", "gcloud auth application-default login"];
    means(400, e9, ErrorKind::Credentials, Cause::LoginAgain, &parts);
    means(
        400,
        &e9.replace("invalid_rapt", "rapt_required"),
        ErrorKind::Credentials,
        Cause::LoginAgain,
        &parts,
    );
    let e10 = r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#;
    means(400, e10, ErrorKind::Credentials, Cause::LoginAgain, &["expired, revoked", "login"]);
    let e11 = r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#;
    means(400, e11, ErrorKind::Credentials, Cause::AssertionRejected, &["(Invalid JWT Signature)."]);
    for (status, code, description, cause) in [
        (400, "invalid_grant", "Invalid grant: account not found", Cause::AccountGone),
        (400, "invalid_grant", "Robot is disabled.", Cause::AccountDisabled),
        (401, "deleted_client", "The OAuth client was deleted.", Cause::LoginAgain),
        (
            401,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method.",
            Cause::LoginAgain,
        ),
        (401, "invalid_client", "The OAuth client was not found.", Cause::LoginAgain),
    ] {
        let body = format!(r#"{{"error":"{code}","error_description":"{description}"}}"#);
        means(status, &body, ErrorKind::Credentials, cause, &[]);
        assert_eq!(read(status, &body).code(), Some(code));
    }
}

#[test]
fn e13_to_e15_a_refused_field_is_named() {
    let e13 = r#"{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"project_id\": Cannot find field.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"description":"Invalid JSON payload received. Unknown name \"project_id\": Cannot find field."}]}]}}"#;
    means(400, e13, ErrorKind::Invalid, Cause::InvalidRequest, &["Unknown name \"project_id\""]);
    let e15 = r#"{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"lifetime","description":"Illegal duration format; duration must end with 's'"}]}]}}"#;
    means(400, e15, ErrorKind::Invalid, Cause::InvalidRequest, &["lifetime: Illegal duration format"]);
}

#[test]
fn e16_and_e21_conflicts() {
    let e16 = r#"{"error":{"code":409,"message":"There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.","errors":[{"message":"There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.","domain":"global","reason":"aborted"}],"status":"ABORTED"}}"#;
    means(409, e16, ErrorKind::Conflict, Cause::Conflict, &["changed by someone else"]);
    let e21 = r#"{"error":{"code":409,"message":"Service account workflow-dataform-prod already exists within project projects/maj-q1.","status":"ALREADY_EXISTS","details":[{"@type":"type.googleapis.com/google.rpc.ResourceInfo","resourceName":"projects/maj-q1/serviceAccounts/workflow-dataform-prod@maj-q1.iam.gserviceaccount.com"}]}}"#;
    means(409, e21, ErrorKind::Conflict, Cause::InvalidRequest, &["already exists within project"]);
}

#[test]
fn e23_and_e28_too_many_calls() {
    let e23 = r#"{"error":{"code":429,"message":"Quota exceeded for quota metric 'speech.googleapis.com/default_requests' and limit 'DefaultRequestsPerMinutePerProject' of service 'speech.googleapis.com' for consumer 'project_number:764086051850'.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","domain":"googleapis.com","metadata":{"service":"speech.googleapis.com","quota_metric":"speech.googleapis.com/default_requests","quota_location":"global","quota_limit":"DefaultRequestsPerMinutePerProject","quota_limit_value":"900","consumer":"projects/764086051850"}},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}}"#;
    means(
        429,
        e23,
        ErrorKind::Quota,
        Cause::RateLimited,
        &["DefaultRequestsPerMinutePerProject", "Wait a minute"],
    );
    assert_eq!(read(429, e23).retry_after, Some(Duration::from_millis(1_500)));
    let old = r#"{"error":{"code":403,"message":"Quota exceeded","errors":[{"domain":"usageLimits","reason":"rateLimitExceeded"}]}}"#;
    means(403, old, ErrorKind::Quota, Cause::RateLimited, &[]);
}

#[test]
fn what_somebody_in_between_answers_is_no_denial_no_login_and_no_conflict() {
    let page = "<!DOCTYPE html><title>Blocked by example.com</title>";
    for status in [401, 403, 409, 429] {
        means(
            status,
            page,
            ErrorKind::Server,
            Cause::ServerTrouble,
            &["a web page came back", "proxy settings"],
        );
        means(status, "slow down", ErrorKind::Server, Cause::ServerTrouble, &["slow down", "proxy settings"]);
        for body in [r#"{"error":{"cod"#, "{}", r#"{"error":{}}"#, r#"{"status":403,"error":"Forbidden"}"#] {
            means(status, body, ErrorKind::Server, Cause::ServerTrouble, &["can't be read"]);
        }
        let elsewhere = r#"{"error":{"message":"Policy 7"}}"#;
        means(status, elsewhere, ErrorKind::Server, Cause::ServerTrouble, &["Policy 7"]);
        assert_eq!(read(status, page).kind.exit_code(), 7);
    }
    means(403, "", ErrorKind::Server, Cause::ServerTrouble, &["403 without an explanation"]);
    means(401, "", ErrorKind::Credentials, Cause::LoginAgain, &[]);
    let bare = r#"{"error":{"code":403,"message":"The caller does not have permission"}}"#;
    means(403, bare, ErrorKind::Denied, Cause::PermissionMissing, &[]);
}

#[test]
fn vpc_service_controls_come_with_an_identifier_for_the_administrator() {
    let body = r#"{"error":{"code":403,"message":"Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abc","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SECURITY_POLICY_VIOLATED","domain":"googleapis.com","metadata":{"uid":"abc-123","consumer":"projects/1","service":"iamcredentials.googleapis.com"}}]}}"#;
    means(403, body, ErrorKind::Denied, Cause::ServicePerimeter, &["VPC Service Controls", "abc-123"]);
}

#[test]
fn a_reason_that_is_not_known_here_is_told_and_not_taken_for_a_missing_permission() {
    let body = r#"{"error":{"code":403,"message":"The location is not allowed.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"LOCATION_POLICY_VIOLATED","domain":"googleapis.com","metadata":{"consumer":"projects/1"}}]}}"#;
    means(
        403,
        body,
        ErrorKind::Denied,
        Cause::Unknown,
        &["The location is not allowed.", "LOCATION_POLICY_VIOLATED"],
    );
}

#[test]
fn a_disabled_account_is_recognized_by_reason_and_on_a_mint_by_code() {
    let body = r#"{"error":{"code":401,"message":"x","status":"UNAUTHENTICATED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCOUNT_STATE_INVALID","domain":"googleapis.com","metadata":{"service":"iam.googleapis.com","email":"ci@p.iam.gserviceaccount.com"}}]}}"#;
    means(
        401,
        body,
        ErrorKind::Credentials,
        Cause::AccountDisabled,
        &["ci@p.iam.gserviceaccount.com is disabled"],
    );
    let on_mint =
        r#"{"error":{"code":400,"message":"Service account is disabled.","status":"FAILED_PRECONDITION"}}"#;
    means(
        400,
        on_mint,
        ErrorKind::Invalid,
        Cause::AccountDisabled,
        &["sa@p.iam.gserviceaccount.com is disabled"],
    );
}

#[test]
fn e30_and_e33_servers_in_trouble_end_in_plain_sentences() {
    let html = "<!DOCTYPE html>\n<html lang=en>\n  <title>Error 404 (Not Found)!!1</title>\n";
    means(
        404,
        html,
        ErrorKind::NotFound,
        Cause::NotFoundOrHidden,
        &["Google's front end doesn't know this address", "endpoint settings"],
    );
    let html = html.replace("404 (Not Found)", "502 (Server Error)");
    means(502, &html, ErrorKind::Server, Cause::ServerTrouble, &["Google's front end", "Try again"]);
    let html = html.replace("502 (Server Error)", "411 (Length Required)");
    means(411, &html, ErrorKind::Invalid, Cause::InvalidRequest, &["Google's front end", "Content-Length"]);
    let e33 =
        r#"{"error":{"code":503,"message":"The service is currently unavailable.","status":"UNAVAILABLE"}}"#;
    means(503, e33, ErrorKind::Server, Cause::ServerTrouble, &["503: The service is currently unavailable."]);
    means(500, "", ErrorKind::Server, Cause::ServerTrouble, &["500 without an explanation"]);
    means(500, r#"{"error":{"code":500,"mess"#, ErrorKind::Server, Cause::ServerTrouble, &["can't be read"]);
    means(
        503,
        "upstream connect error",
        ErrorKind::Server,
        Cause::ServerTrouble,
        &["503: upstream connect error"],
    );
}

#[test]
fn an_error_wrapped_in_a_list_of_one_is_read_all_the_same() {
    let body = r#"[{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND"}}]"#;
    assert_eq!(read(404, body).code(), Some("NOT_FOUND"));
}

#[test]
fn fields_of_the_wrong_type_and_deep_nesting_do_no_harm() {
    for body in [
        r#"{"error":{"code":"x","message":7,"status":[],"details":{"@type":1},"errors":"no"}}"#.to_owned(),
        r#"{"error":{"details":[7,{"@type":"ErrorInfo","metadata":[1],"reason":{}}]}}"#.to_owned(),
        r#"{"error":null}"#.to_owned(),
        "[".repeat(100_000),
    ] {
        assert_eq!(read(403, &body).kind, ErrorKind::Server);
    }
}

#[test]
fn server_text_loses_control_characters_credentials_and_excess() {
    let long = "x".repeat(100_000);
    let body = format!(
        r#"{{"error":{{"message":"bad\u001b[31m token \"ya29.c.b0Aaekm1K_secret\" and eyJhbGciOiJub25lIn0.e30. {long}"}}}}"#
    );
    let error = read(400, &body);
    assert!(
        !error.message.contains('\u{1b}')
            && !error.message.contains("secret")
            && !error.message.contains("eyJ")
    );
    assert!(error.message.contains("token \"…\" and …"), "{}", &error.message[..80]);
    assert!(error.message.chars().count() <= TEXT_LIMIT);
}

#[test]
fn every_kind_has_its_exit_code() {
    let codes = [
        (ErrorKind::Config, 2),
        (ErrorKind::Credentials, 3),
        (ErrorKind::Denied, 4),
        (ErrorKind::NotFound, 5),
        (ErrorKind::Conflict, 6),
        (ErrorKind::Network, 7),
        (ErrorKind::Timeout, 7),
        (ErrorKind::Server, 7),
        (ErrorKind::Quota, 7),
        (ErrorKind::Invalid, 8),
        (ErrorKind::ReadOnly, 8),
        (ErrorKind::Cancelled, 1),
        (ErrorKind::Other, 1),
    ];
    for (kind, code) in codes {
        assert_eq!(kind.exit_code(), code, "{}", kind.word());
    }
}

/// Every kind, and whether a call that ended like this might have been carried out.
const KINDS: [(ErrorKind, bool); 13] = [
    (ErrorKind::Network, true),
    (ErrorKind::Timeout, true),
    (ErrorKind::Server, true),
    (ErrorKind::Quota, false),
    (ErrorKind::Config, false),
    (ErrorKind::Credentials, false),
    (ErrorKind::Denied, false),
    (ErrorKind::NotFound, false),
    (ErrorKind::Conflict, false),
    (ErrorKind::Invalid, false),
    (ErrorKind::ReadOnly, false),
    (ErrorKind::Cancelled, false),
    (ErrorKind::Other, false),
];

#[test]
fn a_write_may_have_been_carried_out_where_the_answer_was_lost_and_something_was_sent() {
    for (kind, doubt) in KINDS {
        let error = ApiError::new(kind, "no answer");
        assert_eq!(error.leaves_doubt(), doubt, "{kind:?}");
        assert_eq!(error.passes(), doubt || kind == ErrorKind::Quota, "{kind:?}");
        assert!(!error.before_sending().leaves_doubt(), "{kind:?}: nothing was sent");
    }
}

#[test]
fn only_a_front_end_that_refused_before_any_api_saw_the_request_leaves_no_doubt() {
    for by in [Answerer::Api, Answerer::FrontEnd, Answerer::CalledService, Answerer::Stranger] {
        for status in [0, 403, 429, 499, 500, 502, 503, 599] {
            for (kind, doubt) in KINDS {
                let error = ApiError::refused(kind, Refusal { by, status, ..Refusal::default() });
                let early = by == Answerer::FrontEnd && status < 500;
                assert_eq!(error.leaves_doubt(), doubt && !early, "{kind:?} {by:?} {status}");
                assert!(!error.before_sending().leaves_doubt(), "{kind:?} {by:?} {status}");
            }
        }
    }
}

/// A JWT for domain-wide delegation sent to the token endpoint.
fn delegated(body: &str, status: u16) -> ApiError {
    let delegation = denial::Delegation {
        subject: "alice@example.com".into(),
        scopes: vec!["https://www.googleapis.com/auth/drive.readonly".into()],
    };
    let asked = RequestContext {
        service: "oauth2.googleapis.com".into(),
        method: "token".into(),
        resource: "sa@p.iam.gserviceaccount.com".into(),
        delegation: Some(delegation),
        ..RequestContext::default()
    };
    ApiError::from_answer(status, body.as_bytes(), &asked)
}

#[test]
fn what_workspace_refuses_is_explained_by_the_setting_at_fault() {
    let unlisted = r#"{"error":"unauthorized_client","error_description":"Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."}"#;
    let error = delegated(unlisted, 401);
    assert_eq!(error.cause(), Some(Cause::WorkspaceDelegation));
    assert!(error.sentence().contains("act for alice@example.com"), "{}", error.sentence());
    let next = error.next().unwrap();
    for part in ["Domain-wide delegation", "administrator of example.com", "drive.readonly", "unique ID"] {
        assert!(next.contains(part), "{next}");
    }

    let nobody = r#"{"error":"invalid_grant","error_description":"Invalid email or User ID"}"#;
    let error = delegated(nobody, 400);
    assert!(error.sentence().contains("no active user alice@example.com"), "{}", error.sentence());
    assert!(error.next().unwrap().contains("claim sub"));

    let late = r#"{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."}"#;
    let error = delegated(late, 400);
    assert!(error.sentence().contains("short-lived"), "{}", error.sentence());
    assert!(error.next().unwrap().contains("iat and exp"));

    let scope = r#"{"error":"invalid_scope","error_description":"Some requested scopes were invalid."}"#;
    assert!(delegated(scope, 400).next().unwrap().contains("claim scope"));
    // The caller's own login isn't at fault.
    assert!(!delegated(unlisted, 401).next().unwrap().contains("gcloud auth"));
}

#[test]
fn the_systems_numbers_are_left_out_and_nothing_else() {
    let system = std::io::Error::from_raw_os_error(2).to_string();
    assert!(system.contains("(os error 2)"), "{system}");
    let said = ApiError::new(ErrorKind::Other, format!("“x” cannot be read: {system}.")).message;
    assert!(said.starts_with("“x” cannot be read: ") && said.ends_with('.'), "{said}");
    assert!(!said.contains("os error") && !said.contains(" ."), "{said}");
    for other in ["", " (os error ", "a (os error x) b", "(os error 2)", "a (os error 2"] {
        assert_eq!(without_numbers(other), other);
    }
}

#[test]
fn googles_status_page_is_named_where_google_was_asked() {
    let error = read(503, r#"{"error":{"code":503,"message":"Busy","status":"UNAVAILABLE"}}"#);
    assert!(error.sentence().starts_with("iamcredentials.googleapis.com returned 503"), "{error}");
    assert!(error.next_words().contains("status.cloud.google.com"), "{}", error.next_words());
}
