//! Service Usage v1: which APIs are enabled in a project, and the operations that enable and disable them.

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

use super::{ApiCall, Route, page, routes};
use crate::check::{Field, FieldType};
use crate::error::{ApiResult, Failure};
use crate::reply;
use crate::services::ServiceChange;
use crate::state::{Resource, State};

pub(super) const ROUTES: &[Route] = routes! {
    ServiceUsage "/v1/projects/{project}/services" "google.api.serviceusage.v1.ServiceUsage.";
        "serviceusage.services.list" GET "" "ListServices" => list;
        "serviceusage.services.batchGet" GET ":batchGet" "BatchGetServices" => batch_get;
        "serviceusage.services.batchEnable" POST ":batchEnable" "BatchEnableServices" => batch_enable;
        "serviceusage.services.get" GET "/{service}" "GetService" => get;
        "serviceusage.services.enable" POST "/{service}:enable" "EnableService" => enable;
        "serviceusage.services.disable" POST "/{service}:disable" "DisableService" => disable;
    ServiceUsage "" "google.longrunning.Operations.";
        "serviceusage.operations.get" GET "/v1/operations/{id}" "GetOperation" => operation;
};

/// The largest batches (discovery).
const MOST_READ: usize = 30;
const MOST_ENABLED: usize = 20;

/// The state and the project of the path, if the caller may do that to its services. `what` is how a refusal names it.
async fn authorize_project<'a>(
    call: &'a ApiCall,
    permission: &str,
    what: &str,
) -> Result<(MutexGuard<'a, State>, usize), Failure> {
    let caller = call.caller().await?;
    let state = call.state().await;
    let named = call.param("project");
    let project = state.project(named).ok_or_else(|| Failure::unknown_consumer(named))?;
    let permission = format!("serviceusage.services.{permission}");
    if !state.allows(&caller, &permission, Resource::Project(project), call.now()) {
        return Err(Failure::service_usage_denied(what));
    }
    Ok((state, project))
}

fn known(state: &State, services: &[String]) -> Result<(), Failure> {
    let unknown: Vec<&str> =
        services.iter().map(String::as_str).filter(|name| state.services.get(name).is_none()).collect();
    if unknown.is_empty() { Ok(()) } else { Err(Failure::unknown_services(&unknown.join(","))) }
}

async fn list(call: ApiCall) -> ApiResult {
    let query = call.query(&["filter", "pageSize", "pageToken"])?;
    let wanted = match query.text("filter") {
        None => None,
        Some("state:ENABLED") => Some(true),
        Some("state:DISABLED") => Some(false),
        Some(_) => return Err(Failure::invalid_argument()),
    };
    let what = format!("list services for consumer container [projects/{}]", call.param("project"));
    let (state, project) = authorize_project(&call, "list", &what).await?;
    let fits = |name: &&str| wanted.is_none_or(|wanted| state.is_on(project, name) == wanted);
    let names: Vec<&str> = state.services.names().filter(fits).collect();
    let (names, next) = page(&names, &query, 50, 200)?;
    let services: Vec<Value> = names.into_iter().map(|name| state.service_json(project, name)).collect();
    Ok(reply::message(json!({"services": services, "nextPageToken": next})))
}

async fn batch_get(call: ApiCall) -> ApiResult {
    let query = call.query(&["names"])?;
    let names = query.all("names");
    if names.is_empty() || names.len() > MOST_READ {
        return Err(Failure::invalid_argument());
    }
    let (state, project) = authorize_project(&call, "get", "get services").await?;
    let service = |name: &&str| {
        let (parent, service) = name.split_once("/services/")?;
        (state.node(parent) == Some(Resource::Project(project))).then(|| service.to_owned())
    };
    let services: Option<Vec<String>> = names.iter().map(service).collect();
    let services = services.ok_or_else(Failure::invalid_argument)?;
    known(&state, &services)?;
    let found: Vec<Value> = services.iter().map(|name| state.service_json(project, name)).collect();
    Ok(reply::message(json!({"services": found})))
}

async fn get(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let service = call.param("service").to_owned();
    let (state, project) = authorize_project(&call, "get", &format!("get service [{service}]")).await?;
    known(&state, std::slice::from_ref(&service))?;
    Ok(reply::message(state.service_json(project, &service)))
}

/// Turns services on, all of them or none.
async fn turn_on(call: &ApiCall, change: ServiceChange, services: Vec<String>) -> ApiResult {
    let what = format!("enable service [{}]", services.join(","));
    let (mut state, project) = authorize_project(call, "enable", &what).await?;
    known(&state, &services)?;
    let about = &state.projects[project];
    let needs = |name: &String| state.services.get(name).is_some_and(|service| service.needs_billing);
    let unpaid: Vec<String> = services.iter().filter(|name| needs(name)).cloned().collect();
    if about.billing == Some(false) && !unpaid.is_empty() {
        return Err(Failure::billing_required(about.number, &unpaid));
    }
    Ok(reply::message(state.start(change, project, services, call.now())))
}

async fn enable(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    call.body::<Value>(&[])?;
    turn_on(&call, ServiceChange::Enable, vec![call.param("service").to_owned()]).await
}

const BATCH: &[Field] = &[("serviceIds", FieldType::Texts)];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BatchEnableBody {
    service_ids: Vec<String>,
}

async fn batch_enable(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let BatchEnableBody { service_ids } = call.body(BATCH)?;
    if service_ids.is_empty() || service_ids.len() > MOST_ENABLED {
        return Err(Failure::invalid_argument());
    }
    turn_on(&call, ServiceChange::BatchEnable, service_ids).await
}

const DISABLE: &[Field] = &[
    ("disableDependentServices", FieldType::Flag),
    (
        "checkIfServiceHasUsage",
        FieldType::Enum(
            "google.api.serviceusage.v1.DisableServiceRequest.CheckIfServiceHasUsage",
            &["CHECK_IF_SERVICE_HAS_USAGE_UNSPECIFIED", "SKIP", "CHECK"],
        ),
    ),
];

/// Turns one off. No service of ours depends on another one, and none has usage.
async fn disable(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    call.body::<Value>(DISABLE)?;
    let service = call.param("service").to_owned();
    let (mut state, project) =
        authorize_project(&call, "disable", &format!("disable service [{service}]")).await?;
    known(&state, std::slice::from_ref(&service))?;
    if !state.is_on(project, &service) {
        return Err(Failure::not_enabled(&service, state.projects[project].number));
    }
    Ok(reply::message(state.start(ServiceChange::Disable, project, vec![service], call.now())))
}

/// Any caller can look at an operation by its name: which permission Google asks for is not known.
async fn operation(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    call.caller().await?;
    let name = format!("operations/{}", call.param("id"));
    let found = call.state().await.poll(&name, call.now());
    found.map(reply::message).ok_or_else(Failure::not_found)
}

#[cfg(test)]
mod tests {
    use crate::routes::Api;
    use crate::services::Services;

    #[test]
    fn what_is_served_is_in_the_catalogue_under_the_title_that_its_refusals_use() {
        let services = Services::new(&[], None, 0);
        for api in [
            Api::Iam,
            Api::Credentials,
            Api::ResourceManager,
            Api::ServiceUsage,
            Api::Troubleshooter,
            Api::CloudAsset,
            Api::Sts,
        ] {
            let known = services.get(api.host()).map(|service| service.title.as_str());
            assert_eq!(known, Some(api.title()), "{}", api.host());
        }
    }
}
