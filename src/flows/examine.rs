//! Examining a denial for the doctor: only what bears on its cause is read, each part by itself, so that an unreadable
//! part hides nothing else. Nothing is minted or written.

use std::collections::HashMap;

use super::{chain::roles_of, check_chain, inherited, whose};
use crate::{
    api::Client,
    http::{ApiError, ErrorKind},
    local::history::Snapshots,
    model::{
        account::{Account, AccountRef, UniqueId, is_name, project_of},
        caller::Caller,
        denial::{self, Cause, Refusal, SHARED_CLIENT_PROJECTS},
        doctor::{Examined, Known, diagnose},
        member::Member,
        permission::{GET_ACCESS_TOKEN, MATRIX, by_name},
        policy::Policy,
        role,
    },
};

/// Looks around a refusal. `caller` is who was refused, as far as known; `deep` also asks Policy Troubleshooter, which
/// otherwise is asked only where a role is there, or must be, and access is denied.
pub async fn examine(
    client: &Client,
    snapshots: &Snapshots,
    refusal: &Refusal,
    caller: Option<&Caller>,
    deep: bool,
) -> Examined {
    let mut seen = Examined::default();
    match denial::explain(refusal).cause {
        Cause::ApiDisabled => api(client, refusal, &mut seen).await,
        Cause::PermissionMissing if !refusal.asked.delegates.is_empty() => {
            hops(client, refusal, &mut seen).await
        }
        Cause::PermissionMissing => {
            permission(client, refusal, caller, &mut seen).await;
            written(client, snapshots, refusal, &mut seen).await;
            if deep || contradicts(refusal, caller, &seen) || is_lopsided(refusal, &seen) {
                troubleshooter(client, refusal, caller, &mut seen).await;
            }
        }
        Cause::NotFoundOrHidden | Cause::AccountGone if is_account(refusal) => {
            account(client, refusal, &mut seen).await;
            written(client, snapshots, refusal, &mut seen).await;
        }
        _ => {}
    }
    seen
}

/// Whether the policies say yes where IAM says no.
fn contradicts(refusal: &Refusal, caller: Option<&Caller>, seen: &Examined) -> bool {
    let known = Known { caller, examined: seen, remedy: None, now: super::now() };
    diagnose(refusal, &known).cause == Cause::DenyPolicy
}

/// Whether the caller has a permission there that comes with the missing one in every predefined role: then a role is
/// there, and something takes a part of it away.
fn is_lopsided(refusal: &Refusal, seen: &Examined) -> bool {
    let (Some(missing), Some(granted)) = (refusal.permission(), seen.granted) else { return false };
    let held = MATRIX.into_iter().filter(|permission| granted.has(*permission));
    held.map(|permission| role::giving(permission.name)).any(|roles| {
        !roles.is_empty() && roles.iter().all(|role| role.permissions().any(|given| given == missing))
    })
}

async fn api(client: &Client, refusal: &Refusal, seen: &mut Examined) {
    let Some(consumer) = refusal.consumer().filter(|consumer| !SHARED_CLIENT_PROJECTS.contains(consumer))
    else {
        return;
    };
    match client.is_enabled(consumer, refusal.service()).await {
        Ok(on) => seen.api_enabled = Some(on),
        Err(error) => seen.unread.push(format!("couldn't read the state of the API: {}", error.sentence())),
    }
}

async fn hops(client: &Client, refusal: &Refusal, seen: &mut Examined) {
    // What the last hop needs is what the method needs, whichever hop was refused.
    let last = refusal.asked.permission.as_deref().and_then(by_name).unwrap_or(GET_ACCESS_TOKEN);
    seen.hops = check_chain(client, &refusal.asked.resource, &refusal.asked.delegates, last).await;
}

async fn account(client: &Client, refusal: &Refusal, seen: &mut Examined) {
    match client.get_account(&refusal.asked.resource).await {
        Ok(found) => seen.account = Some(found),
        Err(error) => seen.unread.push(format!("couldn't read the account: {}", error.sentence())),
    }
}

async fn permission(client: &Client, refusal: &Refusal, caller: Option<&Caller>, seen: &mut Examined) {
    let resource = refusal.asked.resource.as_str();
    if !is_account(refusal) {
        // `projects/x` or plain `x`; folders and organizations are walked from projects only.
        if !resource.is_empty()
            && !resource.starts_with("folders/")
            && !resource.starts_with("organizations/")
        {
            seen.above = levels(inherited(client, resource.trim_start_matches("projects/")).await, seen);
        }
        return;
    }
    let (granted, found, policy) = tokio::join!(
        client.test_permissions(resource),
        client.get_account(resource),
        client.get_policy(resource),
    );
    let mut note = |what: &str, error: &ApiError| seen.unread.push(format!("{what}: {}", error.sentence()));
    match &granted {
        Ok(granted) => seen.granted = Some(*granted),
        Err(error) => note("couldn't test your permissions there", error),
    }
    if let Err(error) = &policy {
        note("couldn't read its policy", error);
    }
    let project =
        project_of(resource).or_else(|| found.as_ref().ok().and_then(|found| found.project.clone()));
    seen.account = found.ok();
    seen.policy = policy.ok();
    if let Some(project) = project {
        seen.above = levels(inherited(client, &project).await, seen);
    }
    if let Some(member) = caller.and_then(Caller::member) {
        seen.roles = roles(client, seen, &Member::read(&member)).await;
    }
}

fn levels(found: Vec<super::Level>, seen: &mut Examined) -> Vec<crate::model::policy::Level> {
    for level in &found {
        if let Err(error) = &level.policy {
            seen.unread.push(match error.kind {
                ErrorKind::Denied => format!("you can't read the policy of {}", level.to_model().name),
                _ => format!("the policy of {}: {}", level.to_model().name, error.sentence()),
            });
        }
    }
    found.iter().map(super::Level::to_model).collect()
}

async fn roles(client: &Client, seen: &Examined, member: &Member) -> HashMap<String, Vec<String>> {
    let above = seen.above.iter().filter_map(|level| level.policy.as_ref());
    let policies: Vec<&Policy> = seen.policy.iter().chain(above).collect();
    roles_of(client, &policies, member).await
}

/// When impersona itself wrote this policy last, and which account it was then.
async fn written(client: &Client, snapshots: &Snapshots, refusal: &Refusal, seen: &mut Examined) {
    let id = seen.account.as_ref().and_then(|account| account.unique_id.as_ref());
    let whose = whose(client, &AccountRef::read(&refusal.asked.resource), id);
    // Compared by name only, too, because a recreated account has another ID.
    let by_name = crate::local::history::Whose { unique_id: String::new(), ..whose };
    let Ok(list) = snapshots.list(&by_name).await else { return };
    if let Some(newest) = list.first() {
        let granted = newest.granted.iter().map(|(role, member)| (role.clone(), Member::read(member)));
        seen.written = Some((newest.time, granted.collect()));
        seen.unique_id_then = UniqueId::read(&newest.whose.unique_id);
    }
}

async fn troubleshooter(client: &Client, refusal: &Refusal, caller: Option<&Caller>, seen: &mut Examined) {
    let principal = caller.and_then(|caller| caller.principal.as_deref()).filter(|name| name.contains('@'));
    let (Some(principal), Some(permission)) = (principal, refusal.permission()) else {
        return seen.unread.push("Policy Troubleshooter needs your email, which is unknown".into());
    };
    let said = match full_name(client, refusal, seen).await {
        Ok(name) => client.troubleshoot(principal, &name, permission).await,
        Err(error) => Err(error),
    };
    match said {
        Ok(said) => seen.troubleshot = Some(said),
        Err(error) => seen.unread.push(format!("couldn't ask Policy Troubleshooter: {}", error.sentence())),
    }
}

/// What the refusal is about, by its full name.
async fn full_name(client: &Client, refusal: &Refusal, seen: &Examined) -> Result<String, ApiError> {
    let resource = refusal.asked.resource.as_str();
    if is_account(refusal) {
        return match seen.account.as_ref().and_then(Account::full_name) {
            Some(name) => Ok(name),
            None => client.full_name(resource).await,
        };
    }
    // `projects/x`, or plain `x`; folders and organizations say what they are.
    let sort = if resource.contains('/') { "" } else { "projects/" };
    Ok(format!("//cloudresourcemanager.googleapis.com/{sort}{resource}"))
}

fn is_account(refusal: &Refusal) -> bool {
    is_name(&refusal.asked.resource)
}
