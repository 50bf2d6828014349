//! What is known of a delegation chain, hop by hop. IAM answers for hop one, because it concerns the caller; every later
//! one can only be read out of the next account's policy and those above it, or tried by minting, which leaves traces.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Level, custom_roles, inherited};
use crate::{
    api::Client,
    http::{ApiError, ErrorKind},
    model::{
        account::project_of,
        chain::{Hop, HopState},
        credential::{MintRequest, What},
        member::Member,
        permission::{GET_ACCESS_TOKEN, IMPLICIT_DELEGATION, Permission, by_name},
        policy::{
            Policy,
            access::{Access, access},
        },
        scopes,
    },
};

/// How long a token lives that is minted only to see whether it can be, in seconds.
const PROBE_SECONDS: u32 = 60;

/// The hops of a chain, each with what it needs: the delegate's permission for all but the last.
fn hops(account: &str, delegates: &[String], last: Permission) -> Vec<Hop> {
    let mut from = None;
    let mut hops = Vec::new();
    for (at, to) in delegates.iter().map(String::as_str).chain([account]).enumerate() {
        let permission = if at == delegates.len() { last } else { IMPLICIT_DELEGATION };
        let state = HopState::CannotTell("not checked".into());
        hops.push(Hop { from: from.replace(to.to_owned()), to: to.to_owned(), permission, state });
    }
    hops
}

/// Looks at each hop without minting anything.
pub async fn check_chain(client: &Client, account: &str, delegates: &[String], last: Permission) -> Vec<Hop> {
    let mut hops = hops(account, delegates, last);
    for hop in &mut hops {
        hop.state = match &hop.from {
            None => first(client, &hop.to, hop.permission).await,
            Some(from) => later(client, from, &hop.to, hop.permission).await,
        };
    }
    hops
}

async fn first(client: &Client, to: &str, permission: Permission) -> HopState {
    match client.test_permissions(to).await {
        Ok(granted) => match granted.answer(permission) {
            Some(true) => HopState::Yes("per IAM".into()),
            Some(false) => HopState::No(format!("IAM says no; {} would grant it", permission.role)),
            None => HopState::CannotTell(format!("IAM can't be asked about {}", permission.name)),
        },
        Err(error) => HopState::CannotTell(error.sentence()),
    }
}

async fn later(client: &Client, from: &str, to: &str, permission: Permission) -> HopState {
    if !from.contains('@') {
        return HopState::CannotTell("policies use emails: enter the delegate's email".into());
    }
    let member = Member::read(&format!("serviceAccount:{from}"));
    let own = client.get_policy(to).await;
    let project = match project_of(to) {
        Some(project) => Ok(Some(project)),
        None => client.get_account(to).await.map(|account| account.project),
    };
    let above = match project {
        Ok(project) => inherited(client, project.as_deref().unwrap_or_default()).await,
        // What is above cannot even be named.
        Err(error) => vec![Level { name: String::new(), display_name: String::new(), policy: Err(error) }],
    };
    let own = Level { name: String::new(), display_name: String::new(), policy: own };
    let levels: Vec<Level> = [own].into_iter().chain(above).collect();
    let policies: Vec<&Policy> = levels.iter().filter_map(|level| level.policy.as_ref().ok()).collect();
    let roles = roles_of(client, &policies, &member).await;
    judge(&levels, &member, permission, &roles, super::now())
}

/// From what was read at each level, the account itself first.
fn judge(
    levels: &[Level],
    member: &Member,
    permission: Permission,
    roles: &HashMap<String, Vec<String>>,
    now: Timestamp,
) -> HopState {
    let custom = |name: &str| roles.get(name).cloned();
    let mut best: Option<(Access, &Level)> = None;
    for (level, policy) in levels.iter().filter_map(|level| Some((level, level.policy.as_ref().ok()?))) {
        let found = access(policy, member, permission.name, &custom, now);
        if best.as_ref().is_none_or(|(so_far, _)| found.rank() > so_far.rank()) {
            best = Some((found, level));
        }
    }
    let place = |level: &Level| if level.name.is_empty() { "here".into() } else { level.name.clone() };
    match best {
        Some((Access::Granted(role), level)) => HopState::Yes(format!("{role}, {}", place(level))),
        Some((Access::Unclear(why), _)) => HopState::CannotTell(why),
        _ => match levels.iter().find_map(|level| Some((level, level.policy.as_ref().err()?))) {
            Some((level, error)) if level.name.is_empty() && std::ptr::eq(level, &levels[0]) => {
                unread("its policy", error)
            }
            Some((level, error)) if level.name.is_empty() => unread("what is above it", error),
            Some((level, error)) => unread(&format!("the policy of {}", level.name), error),
            None => HopState::NoGrantSeen,
        },
    }
}

/// Closed is one thing, and out of reach another.
fn unread(what: &str, error: &ApiError) -> HopState {
    HopState::Unread(match error.kind {
        ErrorKind::Denied | ErrorKind::NotFound => format!("you can't read {what}"),
        _ => format!("couldn't read {what}: {}", error.sentence()),
    })
}

/// What the custom roles give that are bound to this member, or to many members.
pub(super) async fn roles_of(
    client: &Client,
    policies: &[&Policy],
    member: &Member,
) -> HashMap<String, Vec<String>> {
    let concerns = |other: &Member| other == member || other.is_opaque() || other.is_public();
    let bindings = policies.iter().flat_map(|policy| policy.bindings());
    let concerned = bindings.filter(|binding| binding.members.iter().any(concerns));
    custom_roles(client, concerned.map(|binding| binding.role)).await
}

/// Tries a chain by minting access tokens through it, the shortest beginning first, and dropping them. What the reading
/// said stays where a try tells nothing new: a token minted through a hop shows that it may delegate, and the last hop
/// is tried only where it is about access tokens. It stops at the first hop that is known to be closed. Every try is
/// audited.
pub async fn probe_chain(client: &Client, account: &str, delegates: &[String], last: Permission) -> Vec<Hop> {
    let mut hops = check_chain(client, account, delegates, last).await;
    for at in 1..hops.len() {
        let is_last = at + 1 == hops.len();
        let what =
            What::AccessToken { scopes: vec![scopes::DEFAULT.into()], lifetime_seconds: PROBE_SECONDS };
        let request = MintRequest { account: hops[at].to.clone(), delegates: delegates[..at].to_vec(), what };
        let tried = client.mint(&request).await.map(drop);
        match tried {
            Ok(()) => {
                hops[at - 1].state = HopState::Yes("test mint".into());
                if is_last && last == GET_ACCESS_TOKEN {
                    hops[at].state = HopState::Yes("test mint".into());
                }
            }
            Err(error) => match named(&error) {
                // The hops before have been open, so this one is not.
                Some(IMPLICIT_DELEGATION) => {
                    hops[at - 1].state = HopState::No("minting through it was denied".into());
                    break;
                }
                Some(GET_ACCESS_TOKEN) if is_last && last == GET_ACCESS_TOKEN => {
                    hops[at].state = HopState::No("minting was denied".into());
                }
                // An account in between can be delegated to, even if the caller can't mint for it.
                _ if error.kind == ErrorKind::Denied => {}
                _ => hops[at].state = HopState::CannotTell(error.sentence()),
            },
        }
    }
    hops
}

/// The permission that a refusal names.
fn named(error: &ApiError) -> Option<Permission> {
    by_name(error.metadata()?.get("permission")?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use impersona_emulator::names::{CREATOR, member::RELAY_A as RELAY};

    fn level(name: &str, policy: Option<serde_json::Value>) -> Level {
        let policy = match policy {
            Some(policy) => Ok(Policy::parse(policy).unwrap()),
            None => Err(ApiError::new(ErrorKind::Denied, "no")),
        };
        Level { name: name.into(), display_name: String::new(), policy }
    }

    fn judged(levels: &[Level]) -> HopState {
        judge(levels, &Member::read(RELAY), IMPLICIT_DELEGATION, &HashMap::new(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_each_hop_needs_is_delegation_but_for_the_last() {
        let hops = hops("t@p", &["a@p".into(), "b@p".into()], GET_ACCESS_TOKEN);
        let seen: Vec<_> =
            hops.iter().map(|hop| (hop.from.as_deref(), hop.to.as_str(), hop.permission)).collect();
        assert_eq!(
            seen,
            [
                (None, "a@p", IMPLICIT_DELEGATION),
                (Some("a@p"), "b@p", IMPLICIT_DELEGATION),
                (Some("b@p"), "t@p", GET_ACCESS_TOKEN)
            ]
        );
    }

    #[test]
    fn a_grant_at_any_level_is_a_yes_whatever_else_is_unread() {
        let grant = json!({"bindings": [{"role": CREATOR, "members": [RELAY]}]});
        let yes = judged(&[level("", None), level("projects/p", Some(grant))]);
        assert_eq!(yes, HopState::Yes(format!("{CREATOR}, projects/p")));
    }

    #[test]
    fn chain_names_the_nearest_level_when_several_grant() {
        let bound = |role: &str| Some(json!({"bindings": [{"role": role, "members": [RELAY]}]}));
        let custom = "projects/p/roles/relay";
        let roles = HashMap::from([(custom.to_owned(), vec![IMPLICIT_DELEGATION.name.to_owned()])]);
        let levels = [level("", bound(CREATOR)), level("projects/p", bound(custom))];
        let found = judge(&levels, &Member::read(RELAY), IMPLICIT_DELEGATION, &roles, Timestamp::UNIX_EPOCH);
        assert_eq!(found, HopState::Yes(format!("{CREATOR}, here")));
    }

    #[test]
    fn what_could_not_be_reached_is_not_called_closed() {
        let broken = ApiError::new(ErrorKind::Network, "The connection broke.");
        let own = Level { name: String::new(), display_name: String::new(), policy: Err(broken) };
        assert_eq!(
            judged(&[own]),
            HopState::Unread("couldn't read its policy: The connection broke.".into())
        );
    }

    #[test]
    fn without_a_grant_what_is_unread_is_said_and_never_taken_for_a_no() {
        let empty = || Some(json!({}));
        assert_eq!(judged(&[level("", empty()), level("projects/p", empty())]), HopState::NoGrantSeen);
        assert_eq!(judged(&[level("", None)]), HopState::Unread("you can't read its policy".into()));
        assert_eq!(
            judged(&[level("", empty()), level("folders/1", None)]),
            HopState::Unread("you can't read the policy of folders/1".into())
        );
        assert_eq!(
            judged(&[level("", empty()), level("", None)]),
            HopState::Unread("you can't read what is above it".into())
        );
    }
}
