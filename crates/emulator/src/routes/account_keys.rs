//! IAM v1: the keys of service accounts. Google's own key of an account comes first in each list;
//! user-managed keys are those of the world, that of the account's credentials file, and those created here.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::iam::find_account;
use super::{ApiCall, Route, routes};
use crate::check::{Field, FieldType};
use crate::clock;
use crate::error::{ApiResult, Failure};
use crate::files;
use crate::keys::{self, Key, Validity};
use crate::reply;
use crate::state::{Resource, State};
use crate::world::AccountKey;

pub(super) const ROUTES: &[Route] = routes! {
    Iam "/v1/projects/{project}/serviceAccounts" "google.iam.admin.v1.IAM.";
        "iam.keys.list" GET "/{account}/keys" "ListServiceAccountKeys" => list;
        "iam.keys.get" GET "/{account}/keys/{key}" "GetServiceAccountKey" => get;
        "iam.keys.create" POST "/{account}/keys" "CreateServiceAccountKey" => create;
        "iam.keys.delete" DELETE "/{account}/keys/{key}" "DeleteServiceAccountKey" => delete;
        "iam.keys.disable" POST "/{account}/keys/{key}:disable" "DisableServiceAccountKey" => disable;
        "iam.keys.enable" POST "/{account}/keys/{key}:enable" "EnableServiceAccountKey" => enable;
};

const SYSTEM: &str = "SYSTEM_MANAGED";
const USER: &str = "USER_MANAGED";

/// The most user-managed keys of an account (IAM documentation, creating keys).
const MOST_KEYS: usize = 10;

/// A key as a list shows it.
struct ListedKey {
    id: String,
    kind: &'static str,
    json: Value,
    /// The key itself, with how long its certificate is good; a key that the world only states has none.
    real: Option<(Arc<Key>, Validity)>,
}

/// A user-managed key as IAM returns it.
pub(crate) fn user_json(account: &str, key: &AccountKey) -> Value {
    let until = key.expires.as_deref().map_or_else(|| keys::NEVER.to_owned(), clock::canonical);
    json!({"name": format!("{account}/keys/{}", key.id), "validAfterTime": clock::canonical(&key.created),
        "validBeforeTime": until, "keyAlgorithm": "KEY_ALG_RSA_2048",
        "keyOrigin": if key.uploaded { "USER_PROVIDED" } else { "GOOGLE_PROVIDED" }, "keyType": USER,
        "disabled": key.disabled})
}

/// The keys of the account in the path, and the account's unique id.
async fn keys_of(call: &ApiCall, permission: &str) -> Result<(Vec<ListedKey>, String), Failure> {
    let caller = call.caller().await?;
    let (name, subject, user_managed) = {
        let state = call.state().await;
        let i = find_account(call, &state, &caller, permission)?;
        let name = state.name(Resource::Account(i));
        let listed = |key: &AccountKey| ListedKey {
            id: key.id.clone(),
            kind: USER,
            json: user_json(&name, key),
            real: state.private_keys.get(&key.id).map(|real| (Arc::clone(real), key.validity())),
        };
        let user_managed: Vec<ListedKey> = state.accounts[i].keys.iter().map(listed).collect();
        (name, state.accounts[i].unique_id.clone(), user_managed)
    };
    let valid = Validity::of_google(call.now());
    let own = keys::key_of(&subject).await;
    let json = json!({"name": format!("{name}/keys/{}", own.id), "validAfterTime": clock::rfc3339(valid.from),
        "validBeforeTime": clock::rfc3339(valid.until), "keyAlgorithm": "KEY_ALG_RSA_2048",
        "keyOrigin": "GOOGLE_PROVIDED", "keyType": SYSTEM});
    let mut all = vec![ListedKey { id: own.id.clone(), kind: SYSTEM, json, real: Some((own, valid)) }];
    all.extend(user_managed);
    Ok((all, subject))
}

async fn list(call: ApiCall) -> ApiResult {
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

async fn get(call: ApiCall) -> ApiResult {
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

const PRIVATE_TYPES: &[&str] = &["TYPE_UNSPECIFIED", PKCS12, CREDENTIALS_FILE];
const PKCS12: &str = "TYPE_PKCS12_FILE";
const CREDENTIALS_FILE: &str = "TYPE_GOOGLE_CREDENTIALS_FILE";
const ALGORITHMS: &[&str] = &["KEY_ALG_UNSPECIFIED", SHORT, "KEY_ALG_RSA_2048"];
const SHORT: &str = "KEY_ALG_RSA_1024";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateKeyBody {
    private_key_type: String,
    key_algorithm: String,
}

/// Makes a key and gives its credentials file, whose addresses are the emulator's. There are RSA keys of 2,048 bits and
/// credentials files; the other kinds are named in a refusal.
async fn create(call: ApiCall) -> ApiResult {
    const FIELDS: &[Field] = &[
        (
            "privateKeyType",
            FieldType::Enum("google.iam.admin.v1.ServiceAccountPrivateKeyType", PRIVATE_TYPES),
        ),
        ("keyAlgorithm", FieldType::Enum("google.iam.admin.v1.ServiceAccountKeyAlgorithm", ALGORITHMS)),
    ];
    const PERMISSION: &str = "iam.serviceAccountKeys.create";
    call.query(&[])?;
    let caller = call.caller().await?;
    let body: CreateKeyBody = call.body(FIELDS)?;
    if let Some(other) =
        [body.private_key_type, body.key_algorithm].iter().find(|it| [PKCS12, SHORT].contains(&it.as_str()))
    {
        return Err(Failure::not_served(&format!("{other} of iam.projects.serviceAccounts.keys.create")));
    }
    let room = async || {
        let state = call.state().await;
        let i = find_account(&call, &state, &caller, PERMISSION)?;
        if state
            .organization(Resource::Account(i))
            .is_some_and(|organization| organization.key_creation_disabled)
        {
            return Err(Failure::key_creation_disabled(&state.name(Resource::Account(i))));
        }
        if state.accounts[i].keys.len() >= MOST_KEYS {
            return Err(Failure::failed_precondition());
        }
        Ok((state, i))
    };
    // Making a key takes time: the state is not locked meanwhile, and afterwards there still has to be room.
    drop(room().await?);
    let key = keys::fresh().await;
    let (mut state, i) = room().await?;
    let stated =
        AccountKey { id: key.id.clone(), created: clock::rfc3339(call.now()), ..AccountKey::default() };
    let name = state.name(Resource::Account(i));
    let mut told = user_json(&name, &stated);
    let file = files::key_file(&state, i, &key, &call.shared.addresses);
    let text = serde_json::to_string_pretty(&file).expect("a JSON value can be written");
    told["privateKeyType"] = CREDENTIALS_FILE.into();
    told["privateKeyData"] = STANDARD.encode(format!("{text}\n")).into();
    state.add_key(i, stated, key);
    Ok(reply::message(told))
}

/// The state, and where the user-managed key of the path is in it, if the caller may do that with it. What becomes of an
/// attempt on Google's own key is not known.
async fn authorize_account<'a>(
    call: &'a ApiCall,
    permission: &str,
) -> Result<(tokio::sync::MutexGuard<'a, State>, usize, usize), Failure> {
    call.query(&[])?;
    let caller = call.caller().await?;
    let _: Value = call.body(&[])?;
    let state = call.state().await;
    let i = find_account(call, &state, &caller, permission)?;
    let id = call.param("key");
    let at = state.accounts[i].keys.iter().position(|key| key.id == id);
    let at = at.ok_or_else(|| Failure::key_not_found(id))?;
    Ok((state, i, at))
}

async fn delete(call: ApiCall) -> ApiResult {
    let (mut state, i, at) = authorize_account(&call, "iam.serviceAccountKeys.delete").await?;
    let key = state.accounts[i].keys.remove(at);
    state.private_keys.remove(&key.id);
    Ok(reply::message(json!({})))
}

async fn disable(call: ApiCall) -> ApiResult {
    let (mut state, i, at) = authorize_account(&call, "iam.serviceAccountKeys.disable").await?;
    state.accounts[i].keys[at].disabled = true;
    Ok(reply::message(json!({})))
}

async fn enable(call: ApiCall) -> ApiResult {
    let (mut state, i, at) = authorize_account(&call, "iam.serviceAccountKeys.enable").await?;
    state.accounts[i].keys[at].disabled = false;
    Ok(reply::message(json!({})))
}
