//! Resource Manager v1 and v2, as far as gcloud still uses them: the resources and policies of v3 under older
//! names.

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

use super::projects::{self, all_projects, filter, may, organization_has, project_has};
use super::{ApiCall, Route, page, paged, routes};
use crate::check::{Field, FieldType};
use crate::error::{ApiResult, Failure};
use crate::filter::{FilterTerm, SideBySide};
use crate::reply;
use crate::state::{Resource, State};

pub(super) const ROUTES: &[Route] = routes! {
    ResourceManager "/v1/projects" "google.cloudresourcemanager.v1.Projects.";
        "cloudresourcemanager.v1.projects.list" GET "" "ListProjects" => list;
        "cloudresourcemanager.v1.projects.get" GET "/{id}" "GetProject" => get;
        "cloudresourcemanager.v1.projects.getAncestry" POST "/{id}:getAncestry" "GetAncestry" => ancestry;
        "cloudresourcemanager.v1.projects.getIamPolicy" POST "/{id}:getIamPolicy" "GetIamPolicy" => projects::get_policy;
        "cloudresourcemanager.v1.projects.setIamPolicy" POST "/{id}:setIamPolicy" "SetIamPolicy" => projects::set_policy;
        "cloudresourcemanager.v1.projects.testIamPermissions" POST "/{id}:testIamPermissions" "TestIamPermissions" => projects::test_permissions;
    ResourceManager "/v2/folders" "google.cloud.resourcemanager.v2.Folders.";
        "cloudresourcemanager.v2.folders.getIamPolicy" POST "/{id}:getIamPolicy" "GetIamPolicy" => projects::get_policy;
        "cloudresourcemanager.v2.folders.setIamPolicy" POST "/{id}:setIamPolicy" "SetIamPolicy" => projects::set_policy;
        "cloudresourcemanager.v2.folders.testIamPermissions" POST "/{id}:testIamPermissions" "TestIamPermissions" => projects::test_permissions;
        "cloudresourcemanager.v2.folders.list" GET "" "ListFolders" => list_folders;
        "cloudresourcemanager.v2.folders.get" GET "/{id}" "GetFolder" => get_folder;
    ResourceManager "/v1/organizations" "google.cloudresourcemanager.v1.Organizations.";
        "cloudresourcemanager.v1.organizations.search" POST ":search" "SearchOrganizations" => search_organizations;
        "cloudresourcemanager.v1.organizations.get" GET "/{id}" "GetOrganization" => get_organization;
        "cloudresourcemanager.v1.organizations.testIamPermissions" POST "/{id}:testIamPermissions" "TestIamPermissions" => projects::test_permissions;
        "cloudresourcemanager.v1.organizations.getIamPolicy" POST "/{id}:getIamPolicy" "GetIamPolicy" => projects::get_policy;
        "cloudresourcemanager.v1.organizations.setIamPolicy" POST "/{id}:setIamPolicy" "SetIamPolicy" => projects::set_policy;
};

/// The type and the id of a resource: a project's is its id, not its number.
fn id(state: &State, of: Resource) -> Value {
    match of {
        Resource::Project(i) => json!({"type": "project", "id": state.projects[i].id}),
        other => {
            let name = state.name(other);
            let (kind, number) = name.split_once('/').expect("resource names have a slash");
            json!({"type": kind.trim_end_matches('s'), "id": number})
        }
    }
}

fn project_json(state: &State, of: Resource) -> Value {
    let Resource::Project(i) = of else { return Value::Null };
    let project = &state.projects[i];
    json!({"projectNumber": project.number.to_string(), "projectId": project.id, "lifecycleState": "ACTIVE",
        "name": project.name, "createTime": "2024-03-01T09:00:00Z", "labels": project.labels,
        "parent": state.parent(of).map(|parent| id(state, parent))})
}

async fn list(call: ApiCall) -> ApiResult {
    let query = call.query(&["filter", "pageSize", "pageToken"])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let filter = filter(query.text("filter"), state.behaviour.side_by_side)?;
    let fits = |of: &Resource| filter.holds(&|term: &FilterTerm| project_has(&state, *of, term));
    let found: Vec<Resource> =
        all_projects(&state).filter(|of| may(&call, &state, &caller, "get", *of)).filter(fits).collect();
    let (found, next) = page(&found, &query, 500, 500)?;
    let projects: Vec<Value> = found.into_iter().map(|of| project_json(&state, of)).collect();
    Ok(reply::message(json!({"projects": projects, "nextPageToken": next})))
}

async fn get(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let (state, of) = find_visible(&call).await?;
    Ok(reply::message(project_json(&state, of)))
}

/// The resource of the path, if the caller may see it: these versions do not say whether it exists.
async fn find_visible(call: &ApiCall) -> Result<(MutexGuard<'_, State>, Resource), Failure> {
    let caller = call.caller().await?;
    let state = call.state().await;
    let of = projects::authorize(call, &state, &caller, "get")?;
    Ok((state, of))
}

fn folder_json(state: &State, of: Resource) -> Value {
    let Resource::Folder(i) = of else { return Value::Null };
    json!({"name": state.name(of), "parent": state.parent(of).map(|parent| state.name(parent)),
        "displayName": state.folders[i].name, "lifecycleState": "ACTIVE", "createTime": "2024-03-01T09:00:00Z"})
}

fn organization_json(state: &State, of: Resource) -> Value {
    let Resource::Organization(i) = of else { return Value::Null };
    json!({"name": state.name(of), "displayName": state.organizations[i].domain,
        "owner": {"directoryCustomerId": "C0emulator"}, "creationTime": "2024-03-01T09:00:00Z",
        "lifecycleState": "ACTIVE"})
}

async fn get_folder(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let (state, of) = find_visible(&call).await?;
    Ok(reply::message(folder_json(&state, of)))
}

async fn list_folders(call: ApiCall) -> ApiResult {
    let query = call.query(&["parent", "showDeleted", "pageSize", "pageToken"])?;
    query.flag("showDeleted")?;
    let caller = call.caller().await?;
    let parent = query.text("parent").ok_or_else(Failure::invalid_argument)?;
    let state = call.state().await;
    let listed = |on: &Resource| state.allows(&caller, "resourcemanager.folders.list", *on, call.now());
    let above = state.node(parent).filter(listed).ok_or_else(Failure::caller_denied)?;
    let all = (0..state.folders.len()).map(Resource::Folder);
    let inside: Vec<Resource> = all.filter(|of| state.parent(*of) == Some(above)).collect();
    let (found, next) = page(&inside, &query, 100, 500)?;
    let folders: Vec<Value> = found.into_iter().map(|of| folder_json(&state, of)).collect();
    Ok(reply::message(json!({"folders": folders, "nextPageToken": next})))
}

async fn get_organization(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let (state, of) = find_visible(&call).await?;
    Ok(reply::message(organization_json(&state, of)))
}

const SEARCH: &[Field] =
    &[("filter", FieldType::Text), ("pageSize", FieldType::Int), ("pageToken", FieldType::Text)];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SearchBody {
    filter: String,
    page_size: i64,
    page_token: String,
}

async fn search_organizations(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let body: SearchBody = call.body(SEARCH)?;
    let filter = filter(Some(&body.filter), SideBySide::All)?;
    let state = call.state().await;
    let fits = |of: &Resource| {
        let told = organization_json(&state, *of);
        organization_has(&filter, &told["displayName"], &told["owner"]["directoryCustomerId"])
    };
    let all = (0..state.organizations.len()).map(Resource::Organization);
    let seen: Vec<Resource> = all.filter(|of| may(&call, &state, &caller, "get", *of)).filter(fits).collect();
    let (found, next) = paged(&seen, body.page_size, &body.page_token, 100, 500)?;
    let organizations: Vec<Value> = found.into_iter().map(|of| organization_json(&state, of)).collect();
    Ok(reply::message(json!({"organizations": organizations, "nextPageToken": next})))
}

async fn ancestry(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    call.body::<Value>(&[])?;
    let (state, of) = find_visible(&call).await?;
    let levels: Vec<Value> =
        state.ancestors(of).map(|level| json!({"resourceId": id(&state, level)})).collect();
    Ok(reply::message(json!({"ancestor": levels})))
}
