//! IAM v1: the keys of service accounts, as a list and one by one. Keys are never made, changed or deleted here.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::clock;
use super::super::error::{Answer, Failure};
use super::super::keys::{self, Key, Validity};
use super::super::reply;
use super::super::state::Resource;
use super::iam::account;
use super::{Api, Call, Route, row};

pub const ROUTES: &[Route] = &[
    row!(
        Api::Iam,
        "GET",
        "/v1/projects/{project}/serviceAccounts/{account}/keys",
        "iam.keys.list",
        "google.iam.admin.v1.IAM.ListServiceAccountKeys",
        list
    ),
    row!(
        Api::Iam,
        "GET",
        "/v1/projects/{project}/serviceAccounts/{account}/keys/{key}",
        "iam.keys.get",
        "google.iam.admin.v1.IAM.GetServiceAccountKey",
        get
    ),
];

const SYSTEM: &str = "SYSTEM_MANAGED";
const USER: &str = "USER_MANAGED";

/// A key as a list shows it.
struct Listed {
    id: String,
    kind: &'static str,
    json: Value,
    /// The key itself, with how long its certificate is good; a key that the world only states has none.
    real: Option<(Arc<Key>, Validity)>,
}

/// The keys of the account in the path: the one of Google's, those that the world states, and the one in its file.
async fn keys_of(call: &Call, permission: &str) -> Result<(Vec<Listed>, String), Failure> {
    let caller = call.caller().await?;
    let (name, email, subject, stated) = {
        let state = call.state().await;
        let i = account(call, &state, &caller, permission)?;
        let account = &state.accounts[i];
        let name = state.name(Resource::Account(i));
        (name, account.email.clone(), account.unique_id.clone(), account.keys.clone())
    };
    let key = |id: &str, kind: &str, from: &str, until: &str| {
        json!({"name": format!("{name}/keys/{id}"), "validAfterTime": from, "validBeforeTime": until,
            "keyAlgorithm": "KEY_ALG_RSA_2048", "keyOrigin": "GOOGLE_PROVIDED", "keyType": kind})
    };
    let valid = Validity::of_google(call.now());
    let (from, until) = (clock::rfc3339(valid.from), clock::rfc3339(valid.until));
    let own = keys::of(&email).await;
    let json = key(&own.id, SYSTEM, &from, &until);
    let mut all = vec![Listed { id: own.id.clone(), kind: SYSTEM, json, real: Some((own, valid)) }];
    for stated in stated {
        let until = stated.expires.as_deref().map_or_else(|| keys::NEVER.to_owned(), clock::canonical);
        let mut json = key(&stated.id, USER, &clock::canonical(&stated.created), &until);
        if stated.uploaded {
            json["keyOrigin"] = "USER_PROVIDED".into();
        }
        json["disabled"] = stated.disabled.into();
        all.push(Listed { id: stated.id, kind: USER, json, real: None });
    }
    if let Some(file) = keys::made(&keys::user_managed(&email)).await {
        let json = key(&file.id, USER, &from, keys::NEVER);
        let real = Some((Arc::clone(&file), Validity::of_file(call.now())));
        all.push(Listed { id: file.id.clone(), kind: USER, json, real });
    }
    Ok((all, subject))
}

async fn list(call: Call) -> Answer {
    let query = call.query(&["keyTypes"])?;
    let types = query.enums(
        "keyTypes",
        "google.iam.admin.v1.ListServiceAccountKeysRequest.KeyType",
        &["KEY_TYPE_UNSPECIFIED", USER, SYSTEM],
    )?;
    // "Duplicate key types are not allowed" (IAM reference).
    if types.iter().enumerate().any(|(i, kind)| types[..i].contains(kind)) {
        return Err(Failure::invalid_argument());
    }
    let (all, _) = keys_of(&call, "iam.serviceAccountKeys.list").await?;
    let wanted = all.into_iter().filter(|key| types.is_empty() || types.contains(&key.kind));
    Ok(reply::message(json!({"keys": wanted.map(|key| key.json).collect::<Vec<_>>()})))
}

async fn get(call: Call) -> Answer {
    let query = call.query(&["publicKeyType"])?;
    let forms = ["TYPE_NONE", "TYPE_X509_PEM_FILE", "TYPE_RAW_PUBLIC_KEY"];
    let form = query.enums("publicKeyType", "google.iam.admin.v1.ServiceAccountPublicKeyType", &forms)?;
    let (all, subject) = keys_of(&call, "iam.serviceAccountKeys.get").await?;
    let id = call.param("key");
    let found = all.into_iter().find(|key| key.id == id).ok_or_else(|| Failure::key_not_found(id))?;
    let mut told = found.json;
    if let Some((key, valid)) = found.real {
        told["publicKeyData"] = match form.first() {
            Some(&"TYPE_X509_PEM_FILE") => STANDARD.encode(key.certificate(&subject, valid)).into(),
            Some(&"TYPE_RAW_PUBLIC_KEY") => key.raw().into(),
            _ => Value::Null,
        };
    }
    Ok(reply::message(told))
}
