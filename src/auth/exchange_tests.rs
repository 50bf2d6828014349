use serde_json::{Value, json};

use super::*;
use crate::{
    api::{
        Client, Settings,
        testing::{Server, answer, ok},
    },
    auth::{FindOptions, credentials::Credentials, find, machine},
    local::env::Env,
};

const SA: &str = "sa@acme-prod.iam.gserviceaccount.com";

/// The caller of a credentials file.
fn caller(file: &Value) -> Result<Source, ApiError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.json");
    std::fs::write(&path, file.to_string()).unwrap();
    find(&Env::default(), &FindOptions { credentials_file: Some(path), ..FindOptions::default() })
}

/// A federated caller whose foreign token and Security Token Service are on this server.
fn federated(server: &Server, more: Value) -> Value {
    let mut file = json!({"type": "external_account", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "token_url": format!("{}/sts", server.url), "credential_source": {"url": format!("{}/subject", server.url)}});
    file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    file
}

#[tokio::test]
async fn a_refused_exchange_names_its_part_and_no_login() {
    for (code, description, part) in [
        (
            "invalid_request",
            "The size of mapped attribute google.subject exceeds the 127 bytes limit.",
            "extract(",
        ),
        ("invalid_grant", "Unable to verify the ID Token signature.", "keys"),
        ("unauthorized_client", "The given credential is rejected by the attribute condition.", "condition"),
    ] {
        let body = json!({ "error": code, "error_description": description }).to_string();
        let server = Server::start([ok("foreign"), answer(400, "", &body)]).await;
        let client = Client::new(server.settings(caller(&federated(&server, json!({})))));
        let error = client.get_account(SA).await.unwrap_err();
        assert_eq!((error.kind, error.cause()), (ErrorKind::Credentials, Some(Cause::Federation)));
        let next = error.next().unwrap();
        assert!(next.contains(part) && !next.to_lowercase().contains("log in"), "{next}");
    }
}

/// In a pod, no login helps: the Kubernetes service account needs a role on the account that it is annotated with.
#[tokio::test]
async fn a_pod_is_told_which_role_its_kubernetes_account_needs() {
    let account = r#"{"email":"shop@acme-prod.iam.gserviceaccount.com","scopes":[]}"#;
    let denied = "Unable to generate access token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).\nThis error could be caused by a missing IAM policy binding on the target IAM service account.\n";
    let flavor = "Metadata-Flavor: Google\r\n";
    let server = Server::start([answer(200, flavor, account), answer(403, flavor, denied)]).await;
    let machine = Source::new(machine::LABEL, machine::LABEL, Credentials::Machine);
    let env = Env::from_vars([("GCE_METADATA_HOST", server.url.trim_start_matches("http://"))]);
    let endpoints = endpoints::Endpoints::new(&env, None).unwrap();
    let error = Client::new(Settings::new(endpoints, Ok(machine))).get_account(SA).await.unwrap_err();
    assert_eq!(error.cause(), Some(Cause::PermissionMissing), "{error:?}");
    let (said, next) = (error.sentence(), error.next().unwrap());
    assert!(said.contains("Kubernetes") && said.contains("shop@acme-prod.iam.gserviceaccount.com"), "{said}");
    assert!(next.contains("roles/iam.workloadIdentityUser") && next.contains("svc.id.goog["), "{next}");
    assert!(!next.contains("gcloud auth") && !next.contains("machine"), "{next}");
    let pasted = crate::http::error_text::find(denied).unwrap();
    assert_eq!(pasted.cause(), error.cause());
}

#[tokio::test]
async fn what_answers_at_an_address_of_the_file_is_named_by_its_host() {
    let refused = || answer(418, "", "no such thing here");
    let url = |server: &Server| {
        json!({"service_account_impersonation_url":
            format!("{}/v1/projects/-/serviceAccounts/{SA}:generateAccessToken", server.url)})
    };
    for turns in [vec![ok("foreign"), ok(TOKEN), refused()], vec![ok("foreign"), refused()]] {
        let server = Server::start(turns).await;
        let client = Client::new(server.settings(caller(&federated(&server, url(&server)))));
        let said = client.get_account(SA).await.unwrap_err().sentence();
        let host = server.url.trim_start_matches("http://");
        assert!(said.contains(host) && !said.contains("googleapis.com"), "{said}");
    }
}

const ACCOUNT: &str = r#"{"email":"sa@acme-prod.iam.gserviceaccount.com"}"#;
const MINTED: &str = r#"{"accessToken":"ya29.minted","expireTime":"2100-01-01T00:00:00Z"}"#;
const TOKEN: &str = r#"{"access_token":"ya29.source","expires_in":3599,"token_type":"Bearer"}"#;

/// The quota project of each request, in their order, by the last part of its path.
async fn charged(server: &Server) -> Vec<(String, Option<String>)> {
    let requests = server.requests().await;
    let each = requests.iter().map(|request| {
        let path =
            request.split(' ').nth(1).unwrap_or_default().rsplit(['/', ':']).next().unwrap_or_default();
        let header = request.lines().find_map(|line| line.strip_prefix("x-goog-user-project: "));
        (path.to_owned(), header.map(str::to_owned))
    });
    each.collect()
}

#[tokio::test]
async fn a_source_mints_without_the_quota_project_of_the_file() {
    let user = |more: Value| {
        let mut user =
            json!({"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"});
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        user
    };
    let minted = || [ok(TOKEN), ok(MINTED), ok(ACCOUNT)];
    for (inner, mint) in
        [(json!({}), None), (json!({"quota_project_id": "of-the-source"}), Some("of-the-source"))]
    {
        let server = Server::start(minted()).await;
        let file = json!({"type": "impersonated_service_account", "quota_project_id": "of-the-file",
            "service_account_impersonation_url": format!("https://x.example/v1/projects/-/serviceAccounts/{SA}:generateAccessToken"),
            "source_credentials": user(inner)});
        Client::new(server.settings(caller(&file))).get_account(SA).await.unwrap();
        let charged = charged(&server).await;
        let projects: Vec<Option<&str>> = charged.iter().map(|(_, project)| project.as_deref()).collect();
        assert_eq!(projects, [None, mint, Some("of-the-file")], "{charged:?}");
    }

    let server = Server::start([ok("foreign")].into_iter().chain(minted())).await;
    let url = format!("{}/v1/projects/-/serviceAccounts/{SA}:generateAccessToken", server.url);
    let more = json!({"quota_project_id": "of-the-file", "service_account_impersonation_url": url});
    Client::new(server.settings(caller(&federated(&server, more)))).get_account(SA).await.unwrap();
    let charged = charged(&server).await;
    let projects: Vec<Option<&str>> = charged.iter().map(|(_, project)| project.as_deref()).collect();
    assert_eq!(projects, [None, None, Some("of-the-file"), Some("of-the-file")], "{charged:?}");
}

#[tokio::test]
async fn only_services_that_charge_are_told_whom() {
    let source = caller(&json!({"type": "authorized_user", "client_id": "i", "client_secret": "s",
        "refresh_token": "r", "quota_project_id": "quota-1"}));
    let server = Server::start([ok(TOKEN), ok("{}"), ok("{}"), ok(ACCOUNT)]).await;
    let client = Client::new(server.settings(source));
    client.caller().await.unwrap();
    client.get_account(SA).await.unwrap();
    let charged = charged(&server).await;
    let told: Vec<&str> =
        charged.iter().filter(|(_, project)| project.is_some()).map(|(path, _)| path.as_str()).collect();
    assert_eq!(told, ["sa%40acme-prod.iam.gserviceaccount.com"], "{charged:?}");
    assert!(charged.iter().any(|(path, _)| path == "userinfo"), "{charged:?}");
}

#[tokio::test]
async fn no_quota_project_is_sent_when_it_is_left_out() {
    let source = caller(&json!({"type": "authorized_user", "client_id": "i", "client_secret": "s",
        "refresh_token": "r", "quota_project_id": "quota-1"}));
    let server = Server::start([ok(TOKEN), ok(ACCOUNT)]).await;
    let settings = crate::api::Settings { charge: Charge::Unnamed, ..server.settings(source) };
    let client = Client::new(settings);
    client.get_account(SA).await.unwrap();
    assert!(charged(&server).await.iter().all(|(_, project)| project.is_none()));
    assert_eq!(client.known_caller().quota_project, None);
}

#[tokio::test]
async fn a_refused_quota_project_can_be_left_out() {
    let refused = |reason: &str, consumer: &str| {
        json!({"error": {"code": 403, "message": "x", "status": "PERMISSION_DENIED", "details": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com",
            "metadata": {"consumer": format!("projects/{consumer}"), "service": "iam.googleapis.com"}}]}})
        .to_string()
    };
    let file = |more: Value| {
        let mut file =
            json!({"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"});
        file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        caller(&file)
    };
    for (source, reason, consumer, offered) in [
        (json!({"quota_project_id": "quota-1"}), "SERVICE_DISABLED", "415104041262", true),
        (json!({"quota_project_id": "quota-1"}), "USER_PROJECT_DENIED", "quota-1", true),
        (json!({"quota_project_id": "quota-1"}), "SERVICE_DISABLED", "another", false),
        (json!({"quota_project_id": "quota-1"}), "IAM_PERMISSION_DENIED", "quota-1", false),
        (json!({}), "SERVICE_DISABLED", "764086051850", false),
    ] {
        let server = Server::start([ok(TOKEN), answer(403, "", &refused(reason, consumer))]).await;
        let error = Client::new(server.settings(file(source))).get_account(SA).await.unwrap_err();
        let next = error.next().unwrap();
        assert_eq!(next.contains("--no-quota-project"), offered, "{reason} {consumer}: {next}");
    }
}
