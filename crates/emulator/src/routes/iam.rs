//! IAM v1: reads service accounts, reads and writes their policies, and lints conditions.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiCall, ApiCaller, Route, page, policies, routes};
use crate::behaviour::{LargePages, Tolerance};
use crate::check::{Field, FieldType};
use crate::condition::{self, MOST_OPERATORS, Unreadable};
use crate::error::{ApiResult, Failure};
use crate::member;
use crate::policy::CONDITION;
use crate::reply;
use crate::state::{Resource, State};
use crate::world::Account;

pub(super) const ROUTES: &[Route] = routes! {
    Iam "/v1/projects/{project}/serviceAccounts" "google.iam.admin.v1.IAM.";
        "iam.serviceAccounts.list" GET "" "ListServiceAccounts" => list;
        "iam.serviceAccounts.get" GET "/{account}" "GetServiceAccount" => get;
        "iam.serviceAccounts.getIamPolicy" POST "/{account}:getIamPolicy" "GetIAMPolicy" => get_policy;
        "iam.serviceAccounts.setIamPolicy" POST "/{account}:setIamPolicy" "SetIAMPolicy" => set_policy;
        "iam.serviceAccounts.testIamPermissions" POST "/{account}:testIamPermissions" "TestIAMPermissions" => test_permissions;
    Iam "" "google.iam.admin.v1.IAM.";
        "iam.iamPolicies.lintPolicy" POST "/v1/iamPolicies:lintPolicy" "LintPolicy" => lint;
};

/// The account of the path. Under `-` an unknown account reads like one that the caller cannot access (IAM
/// reference); under a project the caller learns the difference, if it has the permission there.
pub(crate) fn find_account(
    call: &ApiCall,
    state: &State,
    caller: &ApiCaller,
    permission: &str,
) -> Result<usize, Failure> {
    let (project, name) = (call.param("project"), call.param("account"));
    if let Some(i) = state.account_in(project, name) {
        call.require(state, caller, permission, Resource::Account(i))?;
        return Ok(i);
    }
    match state.project(project) {
        Some(p) if state.allows(caller, permission, Resource::Project(p), call.now()) => {
            Err(Failure::unknown_account())
        }
        _ => Err(Failure::denied(permission)),
    }
}

/// The account whose policy is meant. An unknown account is missing for every caller, whatever the project is called
/// (captures of policy calls; the reference names them nowhere among those that hide it).
fn policy_holder(
    call: &ApiCall,
    state: &State,
    caller: &ApiCaller,
    permission: &str,
) -> Result<usize, Failure> {
    let name = call.param("account");
    match state.account_in(call.param("project"), name) {
        Some(i) => call.require(state, caller, permission, Resource::Account(i)).map(|()| i),
        None if is_without_gaia_id(state, name) => Err(Failure::gaia_not_found(name)),
        None => Err(Failure::unknown_account()),
    }
}

/// Whether a name is an email that no account anywhere has. Google's own agents have accounts, and so have accounts
/// in other projects.
fn is_without_gaia_id(state: &State, name: &str) -> bool {
    member::is_email(name) && !member::is_agent(name) && state.account(name).is_none()
}

/// The etag of every account: the field is deprecated, and always this (recalled).
pub(crate) const ETAG: &str = "MDEwMjE5MjA=";

/// An account as IAM returns it.
pub(crate) fn account_json(state: &State, i: usize) -> Value {
    let Account { email, unique_id, display_name, description, disabled, .. } = &state.accounts[i];
    json!({"name": state.name(Resource::Account(i)), "projectId": state.project_of(i).id, "uniqueId": unique_id,
        "email": email, "displayName": display_name, "description": description, "etag": ETAG,
        "oauth2ClientId": unique_id, "disabled": disabled})
}

async fn list(call: ApiCall) -> ApiResult {
    let query = call.query(&["pageSize", "pageToken"])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let project = state.project(call.param("project")).ok_or_else(Failure::not_found)?;
    call.require(&state, &caller, "iam.serviceAccounts.list", Resource::Project(project))?;
    // Discovery says that 100 is the most, and not what more is.
    if state.behaviour.large_pages == LargePages::Refused && query.int("pageSize")?.unwrap_or(0) > 100 {
        return Err(Failure::invalid_argument());
    }
    let (page, next) = page(state.accounts.of_project(project), &query, 20, 100)?;
    let accounts: Vec<Value> = page.into_iter().map(|i| account_json(&state, i)).collect();
    Ok(reply::message(json!({"accounts": accounts, "nextPageToken": next})))
}

async fn get(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let i = find_account(&call, &state, &caller, "iam.serviceAccounts.get")?;
    Ok(reply::message(account_json(&state, i)))
}

/// The version is in the query; whether a body like Resource Manager's is accepted too is for the world to say.
async fn get_policy(call: ApiCall) -> ApiResult {
    let query = call.query(&["options.requestedPolicyVersion"])?;
    let accepted = call.state().await.behaviour.policy_read_body == Tolerance::Accepted;
    let body: policies::GetPolicyBody = call.body(if accepted { policies::GET } else { &[] })?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let i = policy_holder(&call, &state, &caller, "iam.serviceAccounts.getIamPolicy")?;
    let version = query.int("options.requestedPolicyVersion")?.unwrap_or(body.version());
    policies::read_policy(&call, &state, Resource::Account(i), version)
}

async fn set_policy(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let mut state = call.state().await;
    let i = policy_holder(&call, &state, &caller, "iam.serviceAccounts.setIamPolicy")?;
    policies::write_policy(&call, &mut state, Resource::Account(i))
}

async fn test_permissions(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    // Unlike other resources an unknown account is reported as missing (captured of several kinds of addresses).
    let account = state.account_in(call.param("project"), call.param("account"));
    let account = account.ok_or_else(Failure::unknown_account)?;
    policies::test_permissions(&call, &state, &caller, Some(Resource::Account(account)))
}

const LINT: &[Field] = &[("fullResourceName", FieldType::Text), ("condition", FieldType::Message(CONDITION))];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LintBody {
    full_resource_name: String,
    condition: crate::policy::Condition,
}

/// Reports a condition that cannot be compiled, and one of more than 12 logical operators (quotas page). How Google words
/// what is wrong is not known but for CEL's own messages.
async fn lint(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let body: LintBody = call.body(LINT)?;
    {
        let state = call.state().await;
        call.guard(&state, &caller, state.by_full_name(&body.full_resource_name))?;
    }
    let expression = body.condition.expression;
    let result = |unit: &str, severity: &str, offset: usize, problem: &str| {
        json!({"level": "CONDITION", "validationUnitName": format!("lintValidationUnits/{unit}"),
            "severity": severity, "fieldName": "condition.expression", "locationOffset": offset,
            "debugMessage": problem})
    };
    let mut results = Vec::new();
    match condition::check(&expression) {
        Err(unreadable) => {
            let Unreadable { offset, problem } = unreadable;
            results.push(result("ConditionCompilationCheck", "ERROR", offset, &problem));
        }
        Ok(operators) if operators > MOST_OPERATORS => {
            let problem =
                format!("The expression has {operators} logical operators, {MOST_OPERATORS} are allowed.");
            results.push(result("ConditionComplexityCheck", "ERROR", 0, &problem));
        }
        Ok(_) => {}
    }
    Ok(reply::message(json!({"lintResults": results})))
}
