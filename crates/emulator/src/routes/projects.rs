//! Resource Manager v3: projects, folders, organizations and their policies. What the caller cannot see is left out
//! of searches and reads like something that does not exist.

use serde_json::{Value, json};

use super::{ApiCall, ApiCaller, Route, page, policies, routes};
use crate::error::{ApiResult, Failure};
use crate::filter::{Filter, FilterTerm, SideBySide};
use crate::reply;
use crate::state::{Resource, State};

pub(super) const ROUTES: &[Route] = routes! {
    ResourceManager "/v3/projects" "google.cloud.resourcemanager.v3.Projects.";
        "cloudresourcemanager.projects.search" GET ":search" "SearchProjects" => search_projects;
        "cloudresourcemanager.projects.list" GET "" "ListProjects" => list;
        "cloudresourcemanager.projects.get" GET "/{id}" "GetProject" => get;
        "cloudresourcemanager.projects.getIamPolicy" POST "/{id}:getIamPolicy" "GetIamPolicy" => get_policy;
        "cloudresourcemanager.projects.setIamPolicy" POST "/{id}:setIamPolicy" "SetIamPolicy" => set_policy;
        "cloudresourcemanager.projects.testIamPermissions" POST "/{id}:testIamPermissions" "TestIamPermissions" => test_permissions;
    ResourceManager "/v3/folders" "google.cloud.resourcemanager.v3.Folders.";
        "cloudresourcemanager.folders.search" GET ":search" "SearchFolders" => search_folders;
        "cloudresourcemanager.folders.list" GET "" "ListFolders" => list;
        "cloudresourcemanager.folders.get" GET "/{id}" "GetFolder" => get;
        "cloudresourcemanager.folders.getIamPolicy" POST "/{id}:getIamPolicy" "GetIamPolicy" => get_policy;
        "cloudresourcemanager.folders.setIamPolicy" POST "/{id}:setIamPolicy" "SetIamPolicy" => set_policy;
        "cloudresourcemanager.folders.testIamPermissions" POST "/{id}:testIamPermissions" "TestIamPermissions" => test_permissions;
    ResourceManager "/v3/organizations" "google.cloud.resourcemanager.v3.Organizations.";
        "cloudresourcemanager.organizations.search" GET ":search" "SearchOrganizations" => search_organizations;
        "cloudresourcemanager.organizations.get" GET "/{id}" "GetOrganization" => get;
        "cloudresourcemanager.organizations.getIamPolicy" POST "/{id}:getIamPolicy" "GetIamPolicy" => get_policy;
        "cloudresourcemanager.organizations.setIamPolicy" POST "/{id}:setIamPolicy" "SetIamPolicy" => set_policy;
        "cloudresourcemanager.organizations.testIamPermissions" POST "/{id}:testIamPermissions" "TestIamPermissions" => test_permissions;
};

/// The creation time of everything in the world.
pub(crate) const CREATED: &str = "2024-03-01T09:00:00Z";

/// A resource as its own message.
pub(crate) fn resource_json(state: &State, of: Resource) -> Value {
    let parent = state.parent(of).map(|parent| state.name(parent));
    match of {
        Resource::Project(i) => {
            let project = &state.projects[i];
            json!({"name": state.name(of), "parent": parent, "projectId": project.id, "state": "ACTIVE",
                "displayName": project.name, "createTime": CREATED, "updateTime": CREATED,
                "etag": "W/\"emulator\"", "labels": project.labels})
        }
        Resource::Folder(i) => {
            json!({"name": state.name(of), "parent": parent, "displayName": state.folders[i].name,
            "state": "ACTIVE", "createTime": CREATED, "updateTime": CREATED, "etag": "W/\"emulator\""})
        }
        Resource::Organization(i) => {
            json!({"name": state.name(of), "displayName": state.organizations[i].domain,
            "directoryCustomerId": "C0emulator", "state": "ACTIVE", "createTime": CREATED, "updateTime": CREATED,
            "etag": "W/\"emulator\""})
        }
        Resource::Account(_) => unreachable!("accounts are IAM's, no route here finds one"),
    }
}

/// `projects`, `folders` or `organizations`.
fn collection(of: Resource) -> &'static str {
    match of {
        Resource::Account(_) => "serviceAccounts",
        Resource::Project(_) => "projects",
        Resource::Folder(_) => "folders",
        Resource::Organization(_) => "organizations",
    }
}

pub(crate) fn may(call: &ApiCall, state: &State, caller: &ApiCaller, action: &str, on: Resource) -> bool {
    let permission = format!("resourcemanager.{}.{action}", collection(on));
    state.allows(caller, &permission, on, call.now())
}

pub(crate) fn all_projects(state: &State) -> impl Iterator<Item = Resource> {
    (0..state.projects.len()).map(Resource::Project)
}

fn all_folders(state: &State) -> impl Iterator<Item = Resource> {
    (0..state.folders.len()).map(Resource::Folder)
}

/// The resources as a page of a list.
fn answer(call: &ApiCall, state: &State, name: &str, mut found: Vec<Resource>) -> ApiResult {
    let query = call.query(&["parent", "query", "showDeleted", "pageSize", "pageToken"])?;
    found.sort_by_cached_key(|of| resource_json(state, *of)["displayName"].to_string());
    let (found, next) = page(&found, &query, 100, 500)?;
    let items: Vec<Value> = found.into_iter().map(|of| resource_json(state, of)).collect();
    let mut body = serde_json::Map::new();
    body.insert(name.into(), items.into());
    body.insert("nextPageToken".into(), next.into());
    Ok(reply::message(body.into()))
}

async fn search_projects(call: ApiCall) -> ApiResult {
    let query = call.query(&["query", "pageSize", "pageToken"])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let filter = filter(query.text("query"), state.behaviour.side_by_side)?;
    let fits = |of: &Resource| filter.holds(&|term: &FilterTerm| project_has(&state, *of, term));
    let found =
        all_projects(&state).filter(|of| may(&call, &state, &caller, "get", *of)).filter(fits).collect();
    answer(&call, &state, "projects", found)
}

/// A filter of the query, or a refusal.
pub(crate) fn filter(text: Option<&str>, group: SideBySide) -> Result<Filter, Failure> {
    Filter::parse(text.unwrap_or(""), group).ok_or_else(Failure::invalid_argument)
}

/// Whether an organization of that domain and customer is what a filter asks for.
pub(crate) fn organization_has(filter: &Filter, domain: &Value, customer: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    filter.holds(&|term: &FilterTerm| match term.field.as_str() {
        "domain" | "displayname" => term.fits(&text(domain)),
        "directorycustomerid" | "owner.directorycustomerid" => term.fits(&text(customer)),
        _ => false,
    })
}

/// Whether a project has what a term asks for.
pub(crate) fn project_has(state: &State, of: Resource, term: &FilterTerm) -> bool {
    let Resource::Project(i) = of else { return false };
    let project = &state.projects[i];
    let parent = project.parent.clone().unwrap_or_default();
    let (parent_type, parent_id) = parent.split_once('/').unwrap_or(("", ""));
    match term.field.as_str() {
        "displayname" | "name" => term.fits(&project.name),
        "id" | "projectid" => term.fits(&project.id),
        "projectnumber" => term.fits(&project.number.to_string()),
        "parent" => term.fits(&parent),
        "parent.type" => term.fits(parent_type.trim_end_matches('s')),
        "parent.id" => term.fits(parent_id),
        "state" | "lifecyclestate" => term.fits("ACTIVE"),
        // "Filters by label name or value."
        "labels" => project.labels.iter().any(|(key, value)| term.fits(key) || term.fits(value)),
        other => other
            .strip_prefix("labels.")
            .and_then(|name| project.labels.iter().find(|(key, _)| key.to_lowercase() == name))
            .is_some_and(|(_, label)| term.fits(label)),
    }
}

async fn search_folders(call: ApiCall) -> ApiResult {
    let query = call.query(&["query", "pageSize", "pageToken"])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let filter = filter(query.text("query"), SideBySide::All)?;
    let fits = |of: &Resource| {
        let folder = resource_json(&state, *of);
        let text = |name: &str| folder[name].as_str().unwrap_or_default();
        filter.holds(&|term: &FilterTerm| match term.field.as_str() {
            "displayname" => term.words_fit(text("displayName")),
            "parent" => term.fits(text("parent")),
            "state" | "lifecyclestate" => term.fits(text("state")),
            _ => false,
        })
    };
    let found =
        all_folders(&state).filter(|of| may(&call, &state, &caller, "get", *of)).filter(fits).collect();
    answer(&call, &state, "folders", found)
}

async fn search_organizations(call: ApiCall) -> ApiResult {
    let query = call.query(&["query", "pageSize", "pageToken"])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let filter = filter(query.text("query"), SideBySide::All)?;
    let fits = |of: &Resource| {
        let organization = resource_json(&state, *of);
        organization_has(&filter, &organization["displayName"], &organization["directoryCustomerId"])
    };
    let all = (0..state.organizations.len()).map(Resource::Organization);
    let found = all.filter(|of| may(&call, &state, &caller, "get", *of)).filter(fits).collect();
    answer(&call, &state, "organizations", found)
}

/// Direct children of a parent, which has to be named.
async fn list(call: ApiCall) -> ApiResult {
    let query = call.query(&["parent", "showDeleted", "pageSize", "pageToken"])?;
    query.flag("showDeleted")?;
    let caller = call.caller().await?;
    let parent = query.text("parent").ok_or_else(Failure::invalid_argument)?;
    let collection = call.route.collection();
    let permission = format!("resourcemanager.{collection}.list");
    let state = call.state().await;
    let denied =
        || Failure::denied_on(&permission, &format!("//cloudresourcemanager.googleapis.com/{parent}"));
    let above = state.node(parent).ok_or_else(denied)?;
    if !state.allows(&caller, &permission, above, call.now()) {
        return Err(denied());
    }
    let all: Vec<Resource> =
        if collection == "projects" { all_projects(&state).collect() } else { all_folders(&state).collect() };
    let found = all.into_iter().filter(|of| state.parent(*of) == Some(above)).collect();
    answer(&call, &state, collection, found)
}

/// The name of the resource of the path, as `projects/p`.
fn resource_name(call: &ApiCall) -> String {
    format!("{}/{}", call.route.collection(), call.param("id"))
}

async fn get(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let name = resource_name(&call);
    match state.node(&name).filter(|of| may(&call, &state, &caller, "get", *of)) {
        Some(of) => Ok(reply::message(resource_json(&state, of))),
        None => Err(Failure::denied_on(
            &format!("resourcemanager.{}.get", call.route.collection()),
            &format!("//cloudresourcemanager.googleapis.com/{name}"),
        )),
    }
}

/// The resource of the path, if the caller may do that with it: denied otherwise, whether it exists or not.
pub(crate) fn authorize(
    call: &ApiCall,
    state: &State,
    caller: &ApiCaller,
    action: &str,
) -> Result<Resource, Failure> {
    let found = state.node(&resource_name(call));
    found.filter(|on| may(call, state, caller, action, *on)).ok_or_else(Failure::caller_denied)
}

pub(crate) async fn get_policy(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let body: policies::GetPolicyBody = call.body(policies::GET)?;
    let state = call.state().await;
    let on = authorize(&call, &state, &caller, "getIamPolicy")?;
    policies::read_policy(&call, &state, on, body.version())
}

pub(crate) async fn set_policy(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let mut state = call.state().await;
    let on = authorize(&call, &state, &caller, "setIamPolicy")?;
    policies::write_policy(&call, &mut state, on)
}

pub(crate) async fn test_permissions(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let on = state.node(&resource_name(&call));
    policies::test_permissions(&call, &state, &caller, on)
}
