//! The doctor: turns a denial, and what could be learned around it, into one cause, the evidence and the next steps. It
//! is pure. [`super::denial`] judges the denial alone; this looks further, at policies, conditions, chains, the state
//! of the API, and recent writes. Collecting these takes calls and is a flow.

mod evidence;
mod found;
mod steps;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Timestamp;

use super::{
    account::{Account, UniqueId, short},
    caller::Caller,
    chain::{Hop, HopState},
    denial::{self, Cause, Refusal},
    member::Member,
    permission::{self, Granted},
    policy::{Level, Policy},
};
pub(crate) use evidence::{Evidence, Mark};
use found::{Confidence, Found};
pub use steps::{Step, StepAction};

/// For this many seconds after a write its effect can be missing in places: Google speaks of two minutes as usual and
/// of seven and more.
const YOUNG: i64 = 10 * 60;

/// The place of a grant on the account itself.
const HERE: &str = "here";

/// What was learned around a denial. Empty means what is known without any call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examined {
    /// The account it was about.
    pub(crate) account: Option<Account>,
    /// What IAM now says the caller can do with it.
    pub(crate) granted: Option<Granted>,
    pub(crate) policy: Option<Policy>,
    /// The policies above it, or of the project it was about and above that; nearest first.
    pub(crate) above: Vec<Level>,
    /// The permissions of custom roles in these policies.
    pub(crate) roles: HashMap<String, Vec<String>>,
    /// The hops of the chain.
    pub(crate) hops: Vec<Hop>,
    /// Whether the API is enabled now in the project that is charged.
    pub(crate) api_enabled: Option<bool>,
    /// What Policy Troubleshooter says.
    pub(crate) troubleshot: Option<Troubleshot>,
    /// When impersona last wrote the account's policy, and which roles it granted to whom.
    pub(crate) written: Option<(Timestamp, Vec<(String, Member)>)>,
    /// The account's unique ID at that time.
    pub(crate) unique_id_then: Option<UniqueId>,
    /// What couldn't be read, a sentence each.
    pub(crate) unread: Vec<String>,
}

/// What Policy Troubleshooter says; `None` for what it can't tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Troubleshot {
    /// Whether access is granted in the end.
    pub(crate) can: Option<bool>,
    /// Whether an allow policy grants it.
    pub(crate) allowed: Option<bool>,
    /// Whether a deny policy denies it.
    pub(crate) denied: Option<bool>,
    /// These deny policies, each with its resource.
    pub(crate) denied_by: Vec<String>,
}

/// What is known besides the denial.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The caller; `None` if unknown.
    pub caller: Option<&'a Caller>,
    /// What was learned.
    pub examined: &'a Examined,
    /// The command that renews these credentials, if a better one than the general one is known.
    pub remedy: Option<&'a str>,
    /// The time of the diagnosis.
    pub now: Timestamp,
}

/// A denial explained as far as possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// One cause out of the closed list.
    pub cause: Cause,
    /// One plain sentence.
    pub sentence: String,
    /// What supports it, and what was ruled out.
    pub evidence: Vec<Evidence>,
    /// What to do, best first.
    pub steps: Vec<Step>,
}

/// Finds the one cause.
pub fn diagnose(refusal: &Refusal, known: &Known<'_>) -> Diagnosis {
    let found = Found::look(refusal, known);
    let told = denial::explain(refusal);
    let (cause, sentence) = refine(refusal, told.cause, &found, known).unwrap_or((told.cause, told.sentence));
    let evidence = evidence::gather(refusal, cause, &found, known);
    let next = denial::explain_as(refusal, cause).next;
    let steps = steps::steps(refusal, cause, &found, known, &next);
    Diagnosis { cause, sentence, evidence, steps }
}

/// Refines the cause that the denial alone suggests; `None` if there is nothing to refine.
fn refine(refusal: &Refusal, cause: Cause, found: &Found, known: &Known<'_>) -> Option<(Cause, String)> {
    let seen = known.examined;
    match cause {
        Cause::PermissionMissing => permission_missing(refusal, found, known),
        Cause::ApiDisabled if seen.api_enabled == Some(true) => {
            let sentence =
                format!("{} is enabled now, but wasn't at the time of the call.", refusal.service());
            Some((Cause::Propagating, sentence))
        }
        Cause::NotFoundOrHidden | Cause::AccountGone => {
            let account = seen.account.as_ref()?;
            let (then, now) = (seen.unique_id_then.as_ref()?, account.unique_id.as_ref()?);
            (then != now).then(|| {
                let name = short(&account.email);
                let sentence = format!(
                    "{name} was re-created: its unique ID was {then} and is now {now}; grants to the old account are gone."
                );
                (Cause::AccountGone, sentence)
            })
        }
        _ => None,
    }
}

fn permission_missing(refusal: &Refusal, found: &Found, known: &Known<'_>) -> Option<(Cause, String)> {
    let seen = known.examined;
    let name = refusal.permission()?;
    let target = short(&refusal.asked.resource);
    // What was learned is about the caller; the denial can be about someone else, or about more than IAM.
    if lacker(refusal, known).is_some() || !refusal.is_iam_denial() {
        return None;
    }
    if !refusal.asked.delegates.is_empty() {
        return chain(name, refusal, seen);
    }
    let yes = permission::by_name(name).zip(seen.granted).is_some_and(|(it, granted)| granted.has(it));
    // Without permission, the account's state doesn't show.
    if yes && refusal.is_mint() && seen.account.as_ref().is_some_and(|account| account.disabled) {
        return Some((Cause::AccountDisabled, format!("{target} is disabled: no one can mint for it.")));
    }
    if yes {
        let sentence = format!("IAM now says that you have {name} on {target}: the grant has taken effect.");
        return Some((Cause::Propagating, sentence));
    }
    let troubleshot = seen.troubleshot.clone().unwrap_or_default();
    if troubleshot.denied == Some(true) {
        let by = if troubleshot.denied_by.is_empty() {
            "A deny policy".to_owned()
        } else {
            format!("The deny policy {}", troubleshot.denied_by.join(", "))
        };
        return Some((Cause::DenyPolicy, format!("{by} denies {name}, whatever roles grant it.")));
    }
    if troubleshot.can == Some(true) {
        let sentence = format!(
            "Policy Troubleshooter says that you have {name} on {target}: a grant takes 2 to 7 minutes to work everywhere."
        );
        return Some((Cause::Propagating, sentence));
    }
    if (troubleshot.allowed, troubleshot.denied) == (Some(true), Some(false)) {
        let sentence = format!(
            "A role grants you {name} on {target} and no deny policy denies it: a principal access boundary blocks you."
        );
        return Some((Cause::DenyPolicy, sentence));
    }
    if let Some(grant) = found.grants.iter().find(|grant| grant.how == Confidence::Holds) {
        let young = grant.place == HERE && is_young(&grant.role, known);
        let given = format!("{} grants you {name} ({})", grant.role, grant.place);
        return Some(if young {
            let sentence =
                format!("{given}, but IAM doesn't know it everywhere yet: a grant takes 2 to 7 minutes.");
            (Cause::Propagating, sentence)
        } else {
            let sentence = format!(
                "{given}, but access is denied anyway: by a deny policy or a principal access boundary, or because it was granted only minutes ago."
            );
            (Cause::DenyPolicy, sentence)
        });
    }
    if let Some((grant, words)) = found.grants.iter().find_map(|grant| match &grant.how {
        Confidence::NotNow(words) => Some((grant, words)),
        _ => None,
    }) {
        let sentence =
            format!("{} would grant you {name} ({}), but its condition {words}.", grant.role, grant.place);
        return Some((Cause::ConditionFalse, sentence));
    }
    if known.caller.and_then(|caller| caller.principal.as_deref()) == Some(refusal.asked.resource.as_str()) {
        let sentence =
            format!("{target} doesn't have {name} on itself: an account can't mint for itself without it.");
        return Some((Cause::OnItself, sentence));
    }
    let you = if refusal.metadata.contains_key("permission") { "you don't have" } else { "this requires" };
    Some((Cause::PermissionMissing, format!("{you} {name} on {}.", where_missing(name, &target))))
}

/// The hop of the chain that is closed: by what is known of the hops, starting at the caller; by the permission that
/// Google names if nothing is known.
fn chain(name: &str, refusal: &Refusal, seen: &Examined) -> Option<(Cause, String)> {
    let hop = failing_hop(refusal, &seen.hops);
    let open = |hop: &Hop| matches!(hop.state, HopState::Yes(_));
    let sentence = match hop {
        None if !seen.hops.is_empty() && seen.hops.iter().all(open) => {
            let sentence = "every hop of the chain looks open now: a grant takes 2 to 7 minutes to work everywhere, or a deny policy overrides it.";
            return Some((Cause::Propagating, sentence.to_owned()));
        }
        Some(Hop { from: None, to, permission, .. }) => {
            format!("the chain stops at its first hop: you don't have {} on {}.", permission.name, short(to))
        }
        Some(Hop {
            from: Some(from),
            to,
            permission,
            state: HopState::Unread(_) | HopState::CannotTell(_),
        }) => {
            let (from, to) = (short(from), short(to));
            format!(
                "according to Google, the chain stops at {from} > {to}: {from} needs {} there; whether it has it is unknown.",
                permission.name
            )
        }
        Some(Hop { from: Some(from), to, permission, .. }) => {
            format!(
                "the chain stops at {} > {}: {} doesn't have {} there.",
                short(from),
                short(to),
                short(from),
                permission.name
            )
        }
        None if name == permission::IMPLICIT_DELEGATION.name => {
            format!(
                "the chain can't pass through one of the {} delegates: {name} is missing on it.",
                refusal.asked.delegates.len()
            )
        }
        None => {
            let last = refusal.asked.delegates.last().map_or("the last delegate".into(), |name| short(name));
            format!(
                "the last hop is closed: {last} doesn't have {name} on {}.",
                short(&refusal.asked.resource)
            )
        }
    };
    Some((Cause::ChainHop, sentence))
}

/// The hop that Google's denial is about: of the hops that need the named permission, the first known to be closed,
/// else the first without a grant in any readable policy, else the only unknown one. If Google names no permission, the
/// first closed hop of all.
fn failing_hop<'a>(refusal: &Refusal, hops: &'a [Hop]) -> Option<&'a Hop> {
    let named = refusal.metadata.get("permission");
    let fits = |hop: &&Hop| named.is_none_or(|name| hop.permission.name == name);
    let is_open = |hop: &&Hop| matches!(hop.state, HopState::Yes(_));
    let closed = |hop: &&Hop| matches!(hop.state, HopState::No(_));
    let unseen = |hop: &&Hop| matches!(hop.state, HopState::NoGrantSeen);
    let fitting = || hops.iter().filter(fits);
    fitting().find(closed).or_else(|| fitting().find(unseen)).or_else(|| {
        let mut others = fitting().filter(|hop| !is_open(hop));
        let one = others.next()?;
        others.next().is_none().then_some(one)
    })
}

/// Whether this role was granted to the caller on the account itself a moment ago, from here.
fn is_young(role: &str, known: &Known<'_>) -> bool {
    let (Some((at, granted)), Some(caller)) = (&known.examined.written, member(known)) else { return false };
    let age = known.now.as_second() - at.as_second();
    (0..YOUNG).contains(&age) && granted.iter().any(|(granted, member)| granted == role && *member == caller)
}

fn who(account: Option<&str>) -> Cow<'_, str> {
    account.map_or("you".into(), short)
}

fn where_missing<'a>(permission: &str, name: &'a str) -> &'a str {
    match permission::by_name(permission) {
        _ if !name.is_empty() => name,
        Some(permission::ACT_AS) => "the service account that is attached",
        Some(_) => "the service account that is impersonated",
        None => "the requested resource",
    }
}

/// Who lacks the permission according to the denial, if that isn't the caller.
fn lacker(refusal: &Refusal, known: &Known<'_>) -> Option<String> {
    let named = refusal.principal.clone().filter(|_| refusal.asked.delegates.is_empty())?;
    let caller = known.caller.and_then(Caller::member);
    (caller.as_deref() != Some(named.as_str())).then_some(named)
}

/// The caller as a policy member.
fn member(known: &Known<'_>) -> Option<Member> {
    known.caller?.member().map(|member| Member::read(&member))
}
