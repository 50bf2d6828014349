//! The least that has to be answered so that an operation goes on: second pages, levels above, operations that end.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::google::{Carried, Sent};

const EMAIL: &str = "sa@acme-prod.iam.gserviceaccount.com";

/// A policy with everything that a policy can have. Its custom roles, and one that is not in our table, are bound to
/// members who may be anybody, so that they are looked up.
pub(super) fn policy() -> Value {
    let condition = json!({"title": "t", "description": "d", "expression": "request.time < timestamp('2099-01-01T00:00:00Z')", "location": "l"});
    let bound =
        |role: &str| json!({"role": role, "members": ["group:all@example.com"], "condition": condition});
    json!({"version": 3, "etag": "BwX1y2z3a4U=",
        "bindings": [
            bound("projects/acme-prod/roles/own"), bound("organizations/2/roles/own"), bound("roles/not.inOurTable"),
            {"role": "roles/iam.serviceAccountTokenCreator", "members": ["user:dev@example.com"]}],
        "auditConfigs": [{"service": "allServices",
            "auditLogConfigs": [{"logType": "DATA_READ", "exemptedMembers": ["user:dev@example.com"]}]}]})
}

/// The answer of a method that a document has.
pub(super) fn documented(method: &str, sent: &Sent) -> Value {
    let body = match &sent.body {
        Carried::Json(body) => body.clone(),
        _ => Value::Null,
    };
    let is_first = sent.query.iter().all(|(name, _)| name != "pageToken") && body["pageToken"].is_null();
    let page = |field: &str, item: Value| {
        if is_first { json!({ field: [item], "nextPageToken": "p2" }) } else { json!({}) }
    };
    let role = json!({"name": "roles/own", "title": "Own", "stage": "GA"});
    let account = json!({"email": EMAIL, "uniqueId": "109300000000000000001", "projectId": "acme-prod"});
    match method.splitn(3, '.').last().unwrap_or_default() {
        "projects.serviceAccounts.list" => page("accounts", account),
        "projects.serviceAccounts.get" => account,
        "projects.serviceAccounts.testIamPermissions" => json!({"permissions": body["permissions"]}),
        "projects.serviceAccounts.setIamPolicy" => {
            let mut stored = body["policy"].clone();
            stored["etag"] = "BwX1y2z3a4Y=".into();
            stored
        }
        name if name.ends_with("getIamPolicy") => policy(),
        name if name.ends_with("roles.get") => json!({"name": "roles/own", "includedPermissions": ["a.b.c"]}),
        "roles.queryGrantableRoles" => page("roles", role),
        "projects.serviceAccounts.generateAccessToken" => {
            json!({"accessToken": "ya29.minted", "expireTime": "2099-01-01T00:00:00Z"})
        }
        "projects.serviceAccounts.generateIdToken" => {
            json!({"token": jwt(&json!({"aud": body["audience"]}).to_string())})
        }
        "projects.serviceAccounts.signJwt" => {
            json!({"keyId": "abc", "signedJwt": jwt(body["payload"].as_str().unwrap_or_default())})
        }
        "projects.serviceAccounts.signBlob" => json!({"keyId": "abc", "signedBlob": "c2ln"}),
        "projects.search" => page("projects", json!({"name": "projects/1", "projectId": "acme-prod"})),
        "projects.get" => json!({"projectId": "acme-prod", "displayName": "Acme", "parent": "folders/1"}),
        "folders.get" => json!({"displayName": "Shop", "parent": "organizations/2"}),
        "organizations.get" => json!({"displayName": "example.com"}),
        "services.get" => json!({"state": "DISABLED"}),
        "services.batchEnable" => json!({"name": "operations/acat.p2-1-x"}),
        "operations.get" => json!({"name": "operations/acat.p2-1-x", "done": true}),
        "iam.troubleshoot" => json!({"overallAccessState": "CANNOT_ACCESS"}),
        "token" => token(),
        _ => json!({}),
    }
}

/// An answer with all that a document has, but where it says what it has to say: what would lead elsewhere, a further
/// page or a failure, is not added.
pub(super) fn merged(full: Value, least: Value) -> Value {
    match (full, least) {
        (Value::Object(mut full), Value::Object(least)) => {
            full.retain(|name, _| !["nextPageToken", "error"].contains(&name.as_str()));
            for (name, least) in least {
                let whole = merged(full.remove(&name).unwrap_or_default(), least);
                full.insert(name, whole);
            }
            full.into()
        }
        (Value::Array(full), Value::Array(least)) => {
            let example = full.into_iter().next().unwrap_or_default();
            least.into_iter().map(|least| merged(example.clone(), least)).collect()
        }
        (_, least) => least,
    }
}

/// A JWT of these claims, whose signature is nobody's.
fn jwt(claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(r#"{"alg":"RS256"}"#), part(claims), part("sig"))
}

fn token() -> Value {
    json!({"access_token": "ya29.d", "expires_in": 3_599, "token_type": "Bearer"})
}

/// The answer to everything else.
pub(super) fn other(sent: &Sent) -> Value {
    let path = sent.path.as_str();
    let attached = json!({"email": EMAIL, "aliases": ["default"], "scopes": ["https://www.googleapis.com/auth/cloud-platform"]});
    match sent.service.as_str() {
        "token" => token(),
        "sts" if path == "/v1/introspect" => json!({"username": "principal://x"}),
        "sts" => token(),
        // Without an email, so that userinfo is asked.
        "oauth2" if path == "/tokeninfo" => json!({"scope": "openid", "exp": "4070908800"}),
        "oauth2" => json!({"email": "dev@example.com"}),
        "certs" if path.contains("/x509/") => json!({"abc": "-----BEGIN CERTIFICATE-----"}),
        "certs" => json!({"keys": []}),
        "computeMetadata" if path.ends_with("/project-id") => "acme-prod".into(),
        "computeMetadata" if path.ends_with("/universe-domain") => "googleapis.com".into(),
        "computeMetadata" if path.ends_with("/identity") => {
            let audience = sent.query.iter().find(|(name, _)| name == "audience");
            jwt(&json!({"aud": audience.map(|(_, value)| value)}).to_string()).into()
        }
        "computeMetadata" if path.ends_with("/token") => token(),
        "computeMetadata" if path.ends_with("/service-accounts/") => json!({ EMAIL: attached }),
        "computeMetadata" => attached,
        "elsewhere" if path.ends_with("/zone") => "us-east-2b".into(),
        "elsewhere" if path.ends_with("/role") => "runner".into(),
        "elsewhere" if path.ends_with("/runner") => {
            json!({"AccessKeyId": "AKID", "SecretAccessKey": "hush", "Token": "session"})
        }
        "elsewhere" => "foreign.subject.token".into(),
        _ => json!({}),
    }
}
