//! IAM v2: reads deny policies. They come from the world only, and are attached to projects, folders and
//! organizations, whose full names are one part of the path:
//! `cloudresourcemanager.googleapis.com%2Fprojects%2Fp`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::projects::CREATED;
use super::{ApiCall, Route, paged, routes};
use crate::deny::{DenyPolicy, DenyRule};
use crate::error::{ApiResult, Failure};
use crate::keys;
use crate::reply;
use crate::state::{Resource, State};

pub(super) const ROUTES: &[Route] = routes! {
    Iam "/v2/policies/{point}/denypolicies" "google.iam.v2.Policies.";
        "iam.denyPolicies.list" GET "" "ListPolicies" => list;
        "iam.denyPolicies.get" GET "/{policy}" "GetPolicy" => get;
};

/// The common part of a policy in lists and reads. A list leaves out the rules and the etag (seen in public tools
/// that then get each).
fn metadata(name: &str, policy: &DenyPolicy) -> Value {
    let uid = keys::hex(&keys::hash(name)[..16]);
    let uid = [&uid[..8], &uid[8..12], &uid[12..16], &uid[16..20], &uid[20..]].join("-");
    json!({"name": name, "uid": uid, "kind": "DenyPolicy", "displayName": policy.display_name,
        "createTime": CREATED, "updateTime": CREATED})
}

fn rule_json(rule: &DenyRule) -> Value {
    let mut told = json!({"denyRule": rule});
    told["description"] = rule.description.clone().into();
    told
}

/// The resource of the path, if the caller may do that there, and how the names of its policies begin: with numbers,
/// whichever way the resource was named.
fn authorize_point(
    call: &ApiCall,
    state: &State,
    caller: &super::ApiCaller,
    permission: &str,
) -> Result<(Resource, String), Failure> {
    // gcloud escapes the slashes twice; Google takes both.
    let point = call.param("point").replace("%2F", "/").replace("%2f", "/");
    let node = point.strip_prefix("cloudresourcemanager.googleapis.com/");
    let node = node.ok_or_else(Failure::invalid_argument)?;
    let on = state.node(node).ok_or_else(|| Failure::denied(permission))?;
    call.require(state, caller, permission, on)?;
    let point = format!("cloudresourcemanager.googleapis.com/{}", state.name(on)).replace('/', "%2F");
    Ok((on, format!("policies/{point}/denypolicies")))
}

/// "IAM ignores this value and uses the value 1000" (IAM reference, `pageSize`).
async fn list(call: ApiCall) -> ApiResult {
    let query = call.query(&["pageSize", "pageToken"])?;
    query.int("pageSize")?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let (on, start) = authorize_point(&call, &state, &caller, "iam.denypolicies.list")?;
    let all: Vec<Value> = state
        .deny_policies(on)
        .iter()
        .map(|policy| metadata(&format!("{start}/{}", policy.id), policy))
        .collect();
    let (policies, next) = paged(&all, 1_000, query.text("pageToken").unwrap_or_default(), 1_000, 1_000)?;
    Ok(reply::message(json!({"policies": policies, "nextPageToken": next})))
}

async fn get(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let (on, start) = authorize_point(&call, &state, &caller, "iam.denypolicies.get")?;
    let found = state.deny_policies(on).iter().find(|policy| policy.id == call.param("policy"));
    let policy = found.ok_or_else(Failure::not_found)?;
    let mut told = metadata(&format!("{start}/{}", policy.id), policy);
    told["rules"] = policy.rules.iter().map(rule_json).collect();
    told["etag"] = STANDARD.encode(&keys::hash(&told.to_string())[..8]).into();
    Ok(reply::message(told))
}
