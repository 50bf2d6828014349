//! IAM v1: methods that change service accounts. A new account works at once; at Google that takes a while.

use serde::Deserialize;
use serde_json::{Value, json};

use super::iam::{ETAG, account_json, find_account};
use super::{ApiCall, ApiCaller, Route, routes};
use crate::check::{Field, FieldType};
use crate::error::{ApiResult, Failure};
use crate::policy::{self, Policy};
use crate::reply;
use crate::state::{Resource, State};
use crate::world::Account;

pub(super) const ROUTES: &[Route] = routes! {
    Iam "/v1/projects/{project}/serviceAccounts" "google.iam.admin.v1.IAM.";
        "iam.serviceAccounts.create" POST "" "CreateServiceAccount" => create;
        "iam.serviceAccounts.patch" PATCH "/{account}" "PatchServiceAccount" => patch;
        "iam.serviceAccounts.update" PUT "/{account}" "UpdateServiceAccount" => update;
        "iam.serviceAccounts.delete" DELETE "/{account}" "DeleteServiceAccount" => delete;
        "iam.serviceAccounts.disable" POST "/{account}:disable" "DisableServiceAccount" => disable;
        "iam.serviceAccounts.enable" POST "/{account}:enable" "EnableServiceAccount" => enable;
        "iam.serviceAccounts.undelete" POST "/{account}:undelete" "UndeleteServiceAccount" => undelete;
};

/// How many accounts a project may have unless the world says otherwise (quotas page of IAM).
const MOST_ACCOUNTS: usize = 100;

/// The most bytes of a display name and of a description (IAM reference, `ServiceAccount`).
const LONGEST_NAME: usize = 100;
const LONGEST_DESCRIPTION: usize = 256;

/// A service account in a request. What only Google sets is read and not looked at.
const ACCOUNT: &[Field] = &[
    ("name", FieldType::Text),
    ("projectId", FieldType::Text),
    ("uniqueId", FieldType::Text),
    ("email", FieldType::Text),
    ("displayName", FieldType::Text),
    ("etag", FieldType::Bytes),
    ("description", FieldType::Text),
    ("oauth2ClientId", FieldType::Text),
    ("disabled", FieldType::Flag),
];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AccountFields {
    display_name: Option<String>,
    description: Option<String>,
    etag: Option<String>,
}

impl AccountFields {
    /// Refuses texts that are too long, and the etag of something else. How Google words either is not known.
    fn check(&self) -> Result<(), Failure> {
        let is_long = |text: &Option<String>, most| text.as_ref().is_some_and(|text| text.len() > most);
        if is_long(&self.display_name, LONGEST_NAME) || is_long(&self.description, LONGEST_DESCRIPTION) {
            return Err(Failure::invalid_argument());
        }
        match self.etag.as_deref() {
            None | Some("" | ETAG) => Ok(()),
            Some(_) => Err(Failure::account_conflict()),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateAccountBody {
    account_id: String,
    service_account: AccountFields,
}

async fn create(call: ApiCall) -> ApiResult {
    const PERMISSION: &str = "iam.serviceAccounts.create";
    const FIELDS: &[Field] =
        &[("accountId", FieldType::Text), ("serviceAccount", FieldType::Message(ACCOUNT))];
    call.query(&[])?;
    let caller = call.caller().await?;
    let body: CreateAccountBody = call.body(FIELDS)?;
    let mut state = call.state().await;
    let project = state.project(call.param("project")).ok_or_else(|| Failure::denied(PERMISSION))?;
    call.require(&state, &caller, PERMISSION, Resource::Project(project))?;
    check_id(&body.account_id)?;
    // The etag of an account that does not exist yet says nothing.
    let wanted = AccountFields { etag: None, ..body.service_account };
    wanted.check()?;
    let mut account = Account {
        email: body.account_id.clone(),
        display_name: wanted.display_name.unwrap_or_default(),
        description: wanted.description.unwrap_or_default(),
        policy: Policy { etag: policy::EMPTY_POLICY_ETAG.into(), ..Policy::default() },
        ..Account::default()
    };
    account.complete(&state.projects[project].id);
    if let Some(there) = state.account(&account.email) {
        return Err(exists(&state, there));
    }
    if state.accounts.of_project(project).len()
        >= state.projects[project].account_quota.unwrap_or(MOST_ACCOUNTS)
    {
        return Err(Failure::too_many_accounts());
    }
    account.unique_id = state.accounts.fresh_id(&account.email);
    let made = state.accounts.make(project, account, call.now());
    Ok(reply::message(account_json(&state, made)))
}

/// Refuses what cannot be the id of an account. Of the two sentences the first was seen; the second is ours.
fn check_id(id: &str) -> Result<(), Failure> {
    if !(6..=30).contains(&id.len()) {
        return Err(Failure::invalid(format!(
            "The account ID \"{id}\" does not have a length between 6 and 30."
        )));
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !id.chars().all(plain) || !id.starts_with(|c: char| c.is_ascii_lowercase()) || id.ends_with('-') {
        return Err(Failure::invalid(format!(
            "The account ID \"{id}\" does not match the pattern [a-z]([-a-z0-9]*[a-z0-9])."
        )));
    }
    Ok(())
}

/// The refusal of an email that is in use.
fn exists(state: &State, account: usize) -> Failure {
    let name = state.name(Resource::Account(account));
    let id = state.accounts[account].email.split('@').next().unwrap_or_default();
    Failure::account_exists(id, &state.project_of(account).id, &name)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PatchAccountBody {
    service_account: AccountFields,
    update_mask: Option<String>,
}

async fn patch(call: ApiCall) -> ApiResult {
    const FIELDS: &[Field] =
        &[("serviceAccount", FieldType::Message(ACCOUNT)), ("updateMask", FieldType::Text)];
    call.query(&[])?;
    let caller = call.caller().await?;
    let body: PatchAccountBody = call.body(FIELDS)?;
    let AccountFields { display_name, description, .. } = &body.service_account;
    let (mut named, mut described) = (display_name.is_some(), description.is_some());
    if let Some(mask) = body.update_mask.as_deref().filter(|mask| !mask.is_empty()) {
        (named, described) = (false, false);
        for path in mask.split(',').map(str::trim) {
            match path {
                "displayName" | "display_name" => named = true,
                "description" => described = true,
                _ => return Err(Failure::invalid_argument()),
            }
        }
    }
    change(&call, &caller, body.service_account, named, described).await
}

/// The older way to change an account, which only knows its display name.
async fn update(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let body: AccountFields = call.body(ACCOUNT)?;
    change(&call, &caller, body, true, false).await
}

async fn change(
    call: &ApiCall,
    caller: &ApiCaller,
    wanted: AccountFields,
    named: bool,
    described: bool,
) -> ApiResult {
    let mut state = call.state().await;
    let i = find_account(call, &state, caller, "iam.serviceAccounts.update")?;
    wanted.check()?;
    if named {
        state.accounts[i].display_name = wanted.display_name.unwrap_or_default();
    }
    if described {
        state.accounts[i].description = wanted.description.unwrap_or_default();
    }
    Ok(reply::message(account_json(&state, i)))
}

async fn delete(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let mut state = call.state().await;
    let i = find_account(&call, &state, &caller, "iam.serviceAccounts.delete")?;
    state.delete_account(i, call.now());
    Ok(reply::message(json!({})))
}

async fn disable(call: ApiCall) -> ApiResult {
    set_disabled(&call, "iam.serviceAccounts.disable", true).await
}

async fn enable(call: ApiCall) -> ApiResult {
    set_disabled(&call, "iam.serviceAccounts.enable", false).await
}

async fn set_disabled(call: &ApiCall, permission: &str, disabled: bool) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let _: Value = call.body(&[])?;
    let mut state = call.state().await;
    let i = find_account(call, &state, &caller, permission)?;
    state.accounts[i].disabled = disabled;
    Ok(reply::message(json!({})))
}

/// Only by unique id, for thirty days, and not while another account has the email. How Google words the refusals but
/// for the last is not known.
async fn undelete(call: ApiCall) -> ApiResult {
    const PERMISSION: &str = "iam.serviceAccounts.undelete";
    call.query(&[])?;
    let caller = call.caller().await?;
    let _: Value = call.body(&[])?;
    let mut state = call.state().await;
    let Some(i) = state.accounts.deleted(call.param("account"), call.now()) else {
        find_account(&call, &state, &caller, PERMISSION)?;
        return Err(Failure::failed_precondition());
    };
    let project = call.param("project");
    if project != "-" && state.project(project) != Some(state.accounts.project(i)) {
        return Err(Failure::denied(PERMISSION));
    }
    call.require(&state, &caller, PERMISSION, Resource::Account(i))?;
    if let Some(there) = state.account(&state.accounts[i].email) {
        return Err(exists(&state, there));
    }
    state.restore_account(i);
    Ok(reply::message(json!({"restoredAccount": account_json(&state, i)})))
}
