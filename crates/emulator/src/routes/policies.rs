//! The three policy methods, which accounts, projects, folders and organizations share. Each service finds
//! the resource and words its own denial.

use axum::response::Response;
use serde::Deserialize;

use super::{ApiCall, ApiCaller};
use crate::behaviour::{Behaviour, EmptyBindings, OldReaders, Tolerance, UnchangedPolicy};
use crate::check::{Field, FieldType};
use crate::error::{ApiResult, Failure};
use crate::policy::{self, FIELDS, Policy};
use crate::reply;
use crate::state::{Resource, State};

pub(crate) const GET: &[Field] =
    &[("options", FieldType::Message(&[("requestedPolicyVersion", FieldType::Int)]))];
const SET: &[Field] = &[("policy", FieldType::Message(FIELDS)), ("updateMask", FieldType::Text)];
const TEST: &[Field] = &[("permissions", FieldType::Texts)];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct GetPolicyBody {
    options: GetPolicyOptions,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GetPolicyOptions {
    requested_policy_version: i64,
}

impl GetPolicyBody {
    /// The version that the reader understands.
    pub(crate) fn version(&self) -> i64 {
        self.options.requested_policy_version
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SetPolicyBody {
    policy: Option<Policy>,
    update_mask: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TestPermissionsBody {
    permissions: Vec<String>,
}

/// The policy of a resource that the caller may read.
pub(crate) fn read_policy(call: &ApiCall, state: &State, on: Resource, version: i64) -> ApiResult {
    let policy = state.read_policy(on, call.now(), call.stale_read);
    if state.behaviour.old_readers == OldReaders::Refused && policy.is_conditional() && version < 3 {
        return Err(Failure::invalid(policy::too_old_a_reader(version)));
    }
    Ok(reply::message(policy.read(version)?))
}

/// Writes the policy of a resource that the caller may write.
pub(crate) fn write_policy(call: &ApiCall, state: &mut State, on: Resource) -> ApiResult {
    let body: SetPolicyBody = call.body(SET)?;
    let mut incoming = body.policy.ok_or_else(Failure::invalid_argument)?;
    let how = state.behaviour.clone();
    if how.empty_bindings == EmptyBindings::Dropped {
        incoming.bindings.retain(|binding| !binding.members.is_empty());
    }
    for member in incoming.bindings.iter_mut().flat_map(|binding| &mut binding.members) {
        *member = state.current_member(member).unwrap_or_else(|| std::mem::take(member));
    }
    incoming.normalise();
    let version = incoming.version;
    let etag = state.next_etag(call.shared.clock.micros());
    let before = state.policy(on);
    let mut stored = before
        .write(incoming, body.update_mask.as_deref(), etag.clone())
        .map_err(|refusal| refusal.reworded(&policy::needs_version_3(), &how.messages.policy_version))?;
    if how.unchanged_policy == UnchangedPolicy::Renewed
        && stored.etag == before.etag
        && stored.etag != policy::EMPTY_POLICY_ETAG
    {
        stored.etag = etag;
    }
    fits_in(&stored, on, &how)?;
    state.check_policy(&stored, on)?;
    let answer = reply::message(stored.read(if version == 3 { 3 } else { 1 })?);
    state.set_policy(on, stored, call.now());
    Ok(answer)
}

/// Refuses what exceeds the limits in the world's behaviour.
fn fits_in(policy: &Policy, on: Resource, how: &Behaviour) -> Result<(), Failure> {
    let public = |member: &str| matches!(member, "allUsers" | "allAuthenticatedUsers");
    if how.public_members == Tolerance::Refused
        && matches!(on, Resource::Account(_))
        && policy.members().any(public)
    {
        return Err(Failure::not_permitted_customer());
    }
    let size = serde_json::to_vec(policy).map_or(0, |bytes| bytes.len());
    if how.largest_policy.is_some_and(|most| size > most) {
        return Err(Failure::invalid_argument());
    }
    Ok(())
}

/// The permissions of a list that the caller has, in the order of the list. One that does not apply there fails the
/// whole call. A resource that does not exist has none (google.iam.v1: "an empty set of permissions, not a NOT_FOUND
/// error").
pub(crate) fn test_permissions(
    call: &ApiCall,
    state: &State,
    caller: &ApiCaller,
    on: Option<Resource>,
) -> Result<Response, Failure> {
    let body: TestPermissionsBody = call.body(TEST)?;
    if body.permissions.iter().any(|p| p.contains('*')) {
        return Err(Failure::invalid_argument());
    }
    if let Some(on) = on
        && let Some(strange) = body.permissions.iter().find(|p| !state.is_testable(p, on))
    {
        return Err(Failure::not_testable(strange));
    }
    let has = |p: &String| on.is_some_and(|on| state.allows(caller, p, on, call.now()));
    let granted: Vec<String> = body.permissions.into_iter().filter(has).collect();
    Ok(reply::message(serde_json::json!({"permissions": granted})))
}
