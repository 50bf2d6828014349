//! IAM v1: reads roles, predefined and custom, and those that can be granted on a resource.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiCall, Route, page, paged, routes};
use crate::check::{Field, FieldType, Query};
use crate::deny;
use crate::error::{ApiResult, Failure};
use crate::reply;
use crate::role::{self, Role};
use crate::state::Resource;
use crate::testable;
use crate::world::CustomRole;

pub(super) const ROUTES: &[Route] = routes! {
    Iam "" "google.iam.admin.v1.IAM.";
        "iam.roles.list" GET "/v1/roles" "ListRoles" => list_predefined;
        "iam.roles.get" GET "/v1/roles/{role}" "GetRole" => get_predefined;
        "iam.roles.queryGrantableRoles" POST "/v1/roles:queryGrantableRoles" "QueryGrantableRoles" => grantable;
        "iam.permissions.queryTestablePermissions" POST "/v1/permissions:queryTestablePermissions" "QueryTestablePermissions" => testable;
        "iam.projects.roles.list" GET "/v1/projects/{project}/roles" "ListRoles" => list_of_project;
        "iam.projects.roles.get" GET "/v1/projects/{project}/roles/{role}" "GetRole" => get_of_project;
        "iam.organizations.roles.list" GET "/v1/organizations/{organization}/roles" "ListRoles" => list_of_organization;
        "iam.organizations.roles.get" GET "/v1/organizations/{organization}/roles/{role}" "GetRole" => get_of_organization;
};

const LIST: &[&str] = &["parent", "pageSize", "pageToken", "view", "showDeleted"];

/// ALPHA is the zero value of the stage, so it is never written.
fn stage(stage: &str) -> &str {
    if stage == "ALPHA" { "" } else { stage }
}

fn predefined_json(name: &str, role: &Role, full: bool) -> Value {
    let permissions = if full { role.permissions.as_slice() } else { &[] };
    json!({"name": name, "title": role.title, "includedPermissions": permissions, "stage": stage(role.stage),
        "etag": "AA=="})
}

fn custom_json(parent: &str, role: &CustomRole, full: bool) -> Value {
    let mut permissions: Vec<&String> = if full { role.permissions.iter().collect() } else { Vec::new() };
    permissions.sort();
    json!({"name": format!("{parent}/roles/{}", role.id), "title": role.title, "description": role.description,
        "includedPermissions": permissions, "stage": stage(&role.stage), "etag": "BwWWja0YfJA="})
}

const VIEW: &str = "google.iam.admin.v1.RoleView";
const VIEWS: &[&str] = &["BASIC", "FULL"];

fn is_full(query: &Query) -> Result<bool, Failure> {
    Ok(query.enums("view", VIEW, VIEWS)?.first() == Some(&"FULL"))
}

/// The roles in lists: those with a title. The two thousand others have no effect here; each can be read by its name,
/// and can be granted.
fn titled() -> impl Iterator<Item = (&'static String, &'static Role)> {
    role::predefined().iter().filter(|(_, role)| !role.title.is_empty())
}

async fn list_predefined(call: ApiCall) -> ApiResult {
    let query = call.query(LIST)?;
    query.flag("showDeleted")?;
    call.caller().await?;
    let full = is_full(&query)?;
    let all: Vec<Value> = titled().map(|(name, role)| predefined_json(name, role, full)).collect();
    answer(&all, &query)
}

fn answer(all: &[Value], query: &Query) -> ApiResult {
    let (roles, next) = page(all, query, 300, 1_000)?;
    Ok(reply::message(json!({"roles": roles, "nextPageToken": next})))
}

async fn get_predefined(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    call.caller().await?;
    let name = format!("roles/{}", call.param("role"));
    let role = role::predefined().get(name.as_str()).ok_or_else(|| Failure::role_not_found(&name))?;
    Ok(reply::message(predefined_json(&name, role, true)))
}

async fn list_of_project(call: ApiCall) -> ApiResult {
    let parent = format!("projects/{}", call.param("project"));
    list_custom(&call, &parent).await
}

async fn list_of_organization(call: ApiCall) -> ApiResult {
    let parent = format!("organizations/{}", call.param("organization"));
    list_custom(&call, &parent).await
}

async fn list_custom(call: &ApiCall, parent: &str) -> ApiResult {
    let query = call.query(LIST)?;
    query.flag("showDeleted")?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let on = state.node(parent).ok_or_else(|| Failure::denied("iam.roles.list"))?;
    call.require(&state, &caller, "iam.roles.list", on)?;
    let full = is_full(&query)?;
    let roles = state.custom_roles(parent).unwrap_or_default();
    answer(&roles.iter().map(|role| custom_json(parent, role, full)).collect::<Vec<_>>(), &query)
}

async fn get_of_project(call: ApiCall) -> ApiResult {
    let parent = format!("projects/{}", call.param("project"));
    get_custom(&call, &parent).await
}

async fn get_of_organization(call: ApiCall) -> ApiResult {
    let parent = format!("organizations/{}", call.param("organization"));
    get_custom(&call, &parent).await
}

async fn get_custom(call: &ApiCall, parent: &str) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let on = state.node(parent).ok_or_else(|| Failure::denied("iam.roles.get"))?;
    call.require(&state, &caller, "iam.roles.get", on)?;
    let name = format!("{parent}/roles/{}", call.param("role"));
    let role = state.custom_role(&name).ok_or_else(|| Failure::role_not_found(&name))?;
    Ok(reply::message(custom_json(parent, role, true)))
}

const GRANTABLE: &[Field] = &[
    ("fullResourceName", FieldType::Text),
    ("view", FieldType::Enum(VIEW, VIEWS)),
    ("pageSize", FieldType::Int),
    ("pageToken", FieldType::Text),
];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GrantableRolesBody {
    full_resource_name: String,
    view: Option<String>,
    page_size: i64,
    page_token: String,
}

/// The roles of the table that have something to say about the kind of resource, and the custom roles above it.
async fn grantable(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let body: GrantableRolesBody = call.body(GRANTABLE)?;
    let full = body.view.as_deref() == Some("FULL");
    let state = call.state().await;
    let on = state.by_full_name(&body.full_resource_name).ok_or_else(Failure::invalid_argument)?;
    call.guard(&state, &caller, Some(on))?;
    let fits = |role: &Role| match on {
        Resource::Account(_) => role.is_for_accounts(),
        _ => true,
    };
    let mut roles: Vec<Value> = titled()
        .filter(|(name, role)| fits(role) && !name.to_lowercase().ends_with("serviceagent"))
        .map(|(name, role)| predefined_json(name, role, full))
        .collect();
    for level in state.ancestors(on) {
        let parent = match level {
            Resource::Project(i) => format!("projects/{}", state.projects[i].id),
            other => state.name(other),
        };
        roles.extend(
            state.custom_roles(&parent).unwrap_or_default().iter().map(|r| custom_json(&parent, r, full)),
        );
    }
    let (roles, next) = paged(&roles, body.page_size, &body.page_token, 300, 3_000)?;
    Ok(reply::message(json!({"roles": roles, "nextPageToken": next})))
}

const TESTABLE: &[Field] =
    &[("fullResourceName", FieldType::Text), ("pageSize", FieldType::Int), ("pageToken", FieldType::Text)];

/// The permissions whose names are known and that someone can hold on the resource. All of them are generally
/// available here and may be in custom roles.
async fn testable(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let body: GrantableRolesBody = call.body(TESTABLE)?;
    let state = call.state().await;
    let on = state.by_full_name(&body.full_resource_name).ok_or_else(Failure::invalid_argument)?;
    call.guard(&state, &caller, Some(on))?;
    let names: Vec<&String> = testable::known().iter().filter(|name| state.is_testable(name, on)).collect();
    let (names, next) = paged(&names, body.page_size, &body.page_token, 100, 1_000)?;
    let is_off = |name: &str| match on {
        Resource::Project(i) => deny::v2(name).split_once('/').is_some_and(|(api, _)| !state.is_on(i, api)),
        _ => false,
    };
    let permissions: Vec<Value> = names
        .into_iter()
        .map(|name| json!({"name": name, "stage": "GA", "apiDisabled": is_off(name)}))
        .collect();
    Ok(reply::message(json!({"permissions": permissions, "nextPageToken": next})))
}
