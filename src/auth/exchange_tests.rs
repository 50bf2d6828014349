use serde_json::{Value, json};

use super::*;
use crate::{
    api::{
        Client,
        testing::{Server, answer, ok},
    },
    auth::{FindOptions, find},
    env::Env,
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
