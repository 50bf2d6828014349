//! IAM v1: reads identity pools and their providers, which come from the world only.

use serde_json::{Map, Value, json};

use super::{ApiCall, Route, page, routes};
use crate::error::{ApiResult, Failure};
use crate::identity::{Mapping, Pool, Provider, ProviderKind};
use crate::reply;
use crate::state::{Resource, State};

pub(super) const ROUTES: &[Route] = routes! {
    Iam "/v1/projects/{project}/locations/{location}/workloadIdentityPools" "google.iam.v1.WorkloadIdentityPools.";
        "iam.workloadIdentityPools.list" GET "" "ListWorkloadIdentityPools" => workload_pools;
        "iam.workloadIdentityPools.get" GET "/{pool}" "GetWorkloadIdentityPool" => pool;
        "iam.workloadIdentityPoolProviders.list" GET "/{pool}/providers" "ListWorkloadIdentityPoolProviders" => providers;
        "iam.workloadIdentityPoolProviders.get" GET "/{pool}/providers/{provider}" "GetWorkloadIdentityPoolProvider" => provider;
    Iam "/v1/locations/{location}/workforcePools" "google.iam.admin.v1.WorkforcePools.";
        "iam.workforcePools.list" GET "" "ListWorkforcePools" => workforce_pools;
        "iam.workforcePools.get" GET "/{pool}" "GetWorkforcePool" => pool;
        "iam.workforcePoolProviders.list" GET "/{pool}/providers" "ListWorkforcePoolProviders" => providers;
        "iam.workforcePoolProviders.get" GET "/{pool}/providers/{provider}" "GetWorkforcePoolProvider" => provider;
};

const LIST: &[&str] = &["pageSize", "pageToken", "showDeleted"];

/// `workloadIdentityPools.list`, `workforcePoolProviders.get`: the permission of a call is its short name.
fn permission(call: &ApiCall) -> String {
    call.route.name.replacen("iam.", "iam.googleapis.com/", 1)
}

/// The parent of a pool.
fn parent(state: &State, pool: &Pool) -> Option<Resource> {
    match (&pool.organization, pool.project) {
        (Some(number), _) => state.node(&format!("organizations/{number}")),
        (None, Some(number)) => state.node(&format!("projects/{number}")),
        (None, None) => None,
    }
}

/// A pool as IAM returns it.
fn pool_json(pool: &Pool) -> Value {
    let parent = pool.organization.map(|number| format!("organizations/{number}"));
    json!({"name": pool.name, "parent": parent, "state": "ACTIVE", "disabled": pool.disabled})
}

/// A provider as IAM returns it. The keys of one whose key the emulator makes look uploaded: it has no issuer to ask
/// for them.
fn provider_json(state: &State, pool: &Pool, provider: &Provider) -> Value {
    let is_aws = matches!(provider.kind, ProviderKind::Aws(_));
    let mut json = json!({"name": format!("{}/providers/{}", pool.name, provider.id), "state": "ACTIVE",
        "disabled": provider.disabled, "attributeMapping": mapping_json(&provider.mapping, is_aws)});
    match &provider.kind {
        ProviderKind::Oidc(oidc) => {
            let keys = oidc.jwks.clone().or_else(|| state.made_key(pool, provider).map(|key| key.jwks()));
            json["oidc"] = json!({"issuerUri": oidc.issuer, "jwksJson": keys.map(|keys| keys.to_string())});
            match pool.organization {
                Some(_) => json["oidc"]["clientId"] = oidc.audiences.first().cloned().into(),
                None => json["oidc"]["allowedAudiences"] = oidc.audiences.clone().into(),
            }
        }
        ProviderKind::Aws(aws) => json["aws"] = json!({"accountId": aws.account}),
        ProviderKind::Saml(_) => json["saml"] = json!({"idpMetadataXml": "<EntityDescriptor/>"}),
        ProviderKind::Unclear => {}
    }
    json
}

/// The role of an AWS session without the name of the session, as IAM's documentation maps it by default.
const AWS_ROLE: &str = "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + \
    'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn";

fn mapping_json(mapping: &Mapping, of_aws: bool) -> Value {
    let claim = |name: &String| match name.as_str() {
        "aws_role" if of_aws => AWS_ROLE.to_owned(),
        name => format!("assertion.{name}"),
    };
    let mut told = Map::from_iter([("google.subject".to_owned(), claim(&mapping.subject).into())]);
    told.extend(mapping.groups.iter().map(|name| ("google.groups".to_owned(), claim(name).into())));
    let attributes = mapping.attributes.iter();
    told.extend(attributes.map(|(name, from)| (format!("attribute.{name}"), claim(from).into())));
    told.into()
}

/// The pools of a project or an organization as a page of a list.
async fn pools_of(call: &ApiCall, parent: &str, collection: &str, allowed: &[&str], most: i64) -> ApiResult {
    let query = call.query(allowed)?;
    query.flag("showDeleted")?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let permission = permission(call);
    let on = state.node(parent).ok_or_else(|| Failure::denied(&permission))?;
    call.require(&state, &caller, &permission, on)?;
    let inside = |pool: &&Pool| self::parent(&state, pool) == Some(on) && is_global(call);
    let all: Vec<Value> = state.pools.iter().filter(inside).map(pool_json).collect();
    let (pools, next) = page(&all, &query, 50, most)?;
    let mut told = Map::from_iter([(collection.to_owned(), pools.into())]);
    told.insert("nextPageToken".into(), next.into());
    Ok(reply::message(told.into()))
}

/// There are pools in no other location.
fn is_global(call: &ApiCall) -> bool {
    call.param("location") == "global"
}

async fn workload_pools(call: ApiCall) -> ApiResult {
    let parent = format!("projects/{}", call.param("project"));
    pools_of(&call, &parent, "workloadIdentityPools", LIST, 1_000).await
}

async fn workforce_pools(call: ApiCall) -> ApiResult {
    let allowed = ["parent", "pageSize", "pageToken", "showDeleted"];
    let parent = call.query(&allowed)?.text("parent").unwrap_or_default().to_owned();
    if !parent.starts_with("organizations/") {
        return Err(Failure::invalid_argument());
    }
    pools_of(&call, &parent, "workforcePools", &allowed, 100).await
}

/// The pool of the path, if the caller may do that with it. An unknown one reads like one that the caller cannot
/// access, except to those who may look into the project.
fn authorize_pool<'a>(
    call: &ApiCall,
    state: &'a State,
    caller: &super::ApiCaller,
) -> Result<&'a Pool, Failure> {
    let permission = permission(call);
    let project = call.params.get("project").map(|name| state.project(name).map(Resource::Project));
    let inside = |pool: &&Pool| match project {
        Some(on) => pool.organization.is_none() && on.is_some() && parent(state, pool) == on,
        None => pool.organization.is_some(),
    };
    let found =
        state.pools.iter().filter(inside).find(|pool| is_global(call) && pool.id == call.param("pool"));
    let on = found.map_or(project.flatten(), |pool| parent(state, pool));
    call.require(state, caller, &permission, on.ok_or_else(|| Failure::denied(&permission))?)?;
    found.ok_or_else(Failure::not_found)
}

async fn pool(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    Ok(reply::message(pool_json(authorize_pool(&call, &state, &caller)?)))
}

async fn providers(call: ApiCall) -> ApiResult {
    let query = call.query(LIST)?;
    query.flag("showDeleted")?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let pool = authorize_pool(&call, &state, &caller)?;
    let all: Vec<Value> = pool.providers.iter().map(|it| provider_json(&state, pool, it)).collect();
    let (providers, next) = page(&all, &query, 50, 100)?;
    let collection = call.route.name.trim_start_matches("iam.").trim_end_matches(".list").to_owned();
    let mut told = Map::from_iter([(collection, providers.into())]);
    told.insert("nextPageToken".into(), next.into());
    Ok(reply::message(told.into()))
}

async fn provider(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let pool = authorize_pool(&call, &state, &caller)?;
    let found = pool.providers.iter().find(|provider| provider.id == call.param("provider"));
    Ok(reply::message(provider_json(&state, pool, found.ok_or_else(Failure::not_found)?)))
}
