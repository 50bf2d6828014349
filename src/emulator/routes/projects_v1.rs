//! Resource Manager v1 and v2, as far as gcloud still uses them: the same resources and policies as v3 under older
//! names.

use serde_json::{Value, json};

use super::super::error::{Answer, Failure};
use super::super::reply;
use super::super::state::{Resource, State};
use super::projects::{self, all_projects, may, project_has, terms};
use super::{Api, Call, Route, page, row};

pub const ROUTES: &[Route] = &[
    row!(
        Api::ResourceManager,
        "GET",
        "/v1/projects",
        "cloudresourcemanager.v1.projects.list",
        "google.cloudresourcemanager.v1.Projects.ListProjects",
        list
    ),
    row!(
        Api::ResourceManager,
        "GET",
        "/v1/projects/{id}",
        "cloudresourcemanager.v1.projects.get",
        "google.cloudresourcemanager.v1.Projects.GetProject",
        get
    ),
    row!(
        Api::ResourceManager,
        "POST",
        "/v1/projects/{id}:getAncestry",
        "cloudresourcemanager.v1.projects.getAncestry",
        "google.cloudresourcemanager.v1.Projects.GetAncestry",
        ancestry
    ),
    row!(
        Api::ResourceManager,
        "POST",
        "/v1/projects/{id}:getIamPolicy",
        "cloudresourcemanager.v1.projects.getIamPolicy",
        "google.cloudresourcemanager.v1.Projects.GetIamPolicy",
        projects::project_policy
    ),
    row!(
        Api::ResourceManager,
        "POST",
        "/v1/projects/{id}:setIamPolicy",
        "cloudresourcemanager.v1.projects.setIamPolicy",
        "google.cloudresourcemanager.v1.Projects.SetIamPolicy",
        projects::set_project_policy
    ),
    row!(
        Api::ResourceManager,
        "POST",
        "/v1/projects/{id}:testIamPermissions",
        "cloudresourcemanager.v1.projects.testIamPermissions",
        "google.cloudresourcemanager.v1.Projects.TestIamPermissions",
        projects::test_project
    ),
    row!(
        Api::ResourceManager,
        "POST",
        "/v2/folders/{id}:getIamPolicy",
        "cloudresourcemanager.v2.folders.getIamPolicy",
        "google.cloud.resourcemanager.v2.Folders.GetIamPolicy",
        projects::folder_policy
    ),
    row!(
        Api::ResourceManager,
        "POST",
        "/v2/folders/{id}:setIamPolicy",
        "cloudresourcemanager.v2.folders.setIamPolicy",
        "google.cloud.resourcemanager.v2.Folders.SetIamPolicy",
        projects::set_folder_policy
    ),
    row!(
        Api::ResourceManager,
        "POST",
        "/v1/organizations/{id}:getIamPolicy",
        "cloudresourcemanager.v1.organizations.getIamPolicy",
        "google.cloudresourcemanager.v1.Organizations.GetIamPolicy",
        projects::organization_policy
    ),
    row!(
        Api::ResourceManager,
        "POST",
        "/v1/organizations/{id}:setIamPolicy",
        "cloudresourcemanager.v1.organizations.setIamPolicy",
        "google.cloudresourcemanager.v1.Organizations.SetIamPolicy",
        projects::set_organization_policy
    ),
];

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

async fn list(call: Call) -> Answer {
    let query = call.query(&["filter", "pageSize", "pageToken"])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let terms = terms(query.text("filter").unwrap_or(""))?;
    let fits = |of: &Resource| terms.iter().all(|(field, value)| project_has(&state, *of, field, value));
    let found: Vec<Resource> =
        all_projects(&state).filter(|of| may(&call, &state, &caller, "get", *of)).filter(fits).collect();
    let (found, next) = page(&found, &query, 500, 500)?;
    let projects: Vec<Value> = found.into_iter().map(|of| project_json(&state, of)).collect();
    Ok(reply::message(json!({"projects": projects, "nextPageToken": next})))
}

async fn get(call: Call) -> Answer {
    call.query(&[])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let found = state.node(&format!("projects/{}", call.param("id")));
    let of = found.filter(|of| may(&call, &state, &caller, "get", *of)).ok_or_else(Failure::caller_denied)?;
    Ok(reply::message(project_json(&state, of)))
}

async fn ancestry(call: Call) -> Answer {
    call.query(&[])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let found = state.node(&format!("projects/{}", call.param("id")));
    let of = found.filter(|of| may(&call, &state, &caller, "get", *of)).ok_or_else(Failure::caller_denied)?;
    let levels: Vec<Value> = state.way_up(of).map(|level| json!({"resourceId": id(&state, level)})).collect();
    Ok(reply::message(json!({"ancestor": levels})))
}
