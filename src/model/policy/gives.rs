//! What a role gives on a service account, and what a change of its policy means, in words.

use super::diff::{Change, Op};
use super::guard::Context;
use super::{Condition, Policy, Triple};
use crate::model::member::{Kind, Member};
use crate::model::permission::{self, Permission};
use crate::model::role;

/// The permissions of a role that the predefined table doesn't know (a custom role), as `roles.get` returned them;
/// `None` if unknown.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<Vec<String>>;

/// A key can be used to act as the account for as long as the key lives.
const CREATE_KEY: &str = "iam.serviceAccountKeys.create";

/// The permissions that matter, with the word for each, in display order.
const WORDS: [(&str, &str); 9] = [
    (permission::GET_ACCESS_TOKEN.name, "access"),
    (permission::GET_OPEN_ID_TOKEN.name, "id"),
    (permission::SIGN_JWT.name, "jwt"),
    (permission::SIGN_BLOB.name, "blob"),
    (permission::IMPLICIT_DELEGATION.name, "delegate"),
    (permission::ACT_AS.name, "actAs"),
    (CREATE_KEY, "keys"),
    (permission::GET_IAM_POLICY.name, "see"),
    (permission::SET_IAM_POLICY.name, "edit"),
];

/// Those of [`WORDS`], in the same order.
#[derive(Clone, Copy)]
enum Right {
    Access,
    Id,
    Jwt,
    Blob,
    Delegate,
    ActAs,
    Keys,
    See,
    Edit,
}

/// How many of [`WORDS`], from the first, are about minting.
const MINTING: usize = Right::ActAs as usize;

/// What a role gives on a service account, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gives([bool; WORDS.len()]);

impl Gives {
    /// What this role gives; `None` if neither the table of predefined roles nor the lookup knows it.
    pub(crate) fn of(role: &str, custom: Lookup<'_>) -> Option<Gives> {
        match role::find(role) {
            Some(role) => Some(Gives::from_names(role.permissions())),
            None => custom(role).map(|names| Gives::from_names(names.iter().map(String::as_str))),
        }
    }

    fn from_names<'a>(names: impl Iterator<Item = &'a str>) -> Gives {
        let mut gives = Gives::default();
        for name in names {
            if let Some(i) = WORDS.iter().position(|(permission, _)| *permission == name) {
                gives.0[i] = true;
            }
        }
        gives
    }

    /// Those of `access id jwt blob delegate actAs keys see edit` that it gives.
    pub(crate) fn words(self) -> String {
        let words: Vec<&str> =
            WORDS.iter().zip(self.0).filter(|(_, yes)| *yes).map(|((_, word), _)| *word).collect();
        words.join(" ")
    }

    /// A note for roles that look stronger or weaker than they are, such as Owner and Editor: they can't mint, but can
    /// get to it.
    pub(crate) fn note(self) -> Option<&'static str> {
        if self.mints() {
            None
        } else if self.gives(Right::Edit) {
            Some("can't mint, but its members can grant themselves access")
        } else if self.gives(Right::Keys) {
            Some("can't mint, but its members can create keys")
        } else {
            None
        }
    }

    /// Whether it gives this permission.
    pub(crate) fn has(self, permission: Permission) -> bool {
        WORDS.iter().zip(self.0).any(|((name, _), yes)| yes && *name == permission.name)
    }

    /// Whether it gives any permission to mint, sign or delegate.
    pub(crate) fn mints(self) -> bool {
        self.0[..MINTING].contains(&true)
    }

    /// Whether it gives nothing that matters here.
    pub(crate) fn is_nothing(self) -> bool {
        self == Gives::default()
    }

    /// What either gives.
    pub(super) fn union(self, other: Gives) -> Gives {
        Gives(std::array::from_fn(|i| self.0[i] || other.0[i]))
    }

    /// What both give.
    pub(super) fn intersection(self, other: Gives) -> Gives {
        Gives(std::array::from_fn(|i| self.0[i] && other.0[i]))
    }

    /// What this gives and the other doesn't.
    pub(super) fn without(self, other: Gives) -> Gives {
        Gives(std::array::from_fn(|i| self.0[i] && !other.0[i]))
    }

    fn gives(self, right: Right) -> bool {
        self.0[right as usize]
    }

    /// `mint access and ID tokens, sign JWTs and blobs, and delegate as deployer`
    fn verbs(self, name: &str) -> String {
        let minting = list(&self.parts(false, true));
        let minting = if minting.is_empty() { minting } else { format!("{minting} as {name}") };
        let others = list(&self.parts(false, false));
        [minting, others].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; also ")
    }

    /// `minting of access and ID tokens, signing of JWTs and blobs, and delegating`
    pub(super) fn nouns(self) -> String {
        list(&[self.parts(true, true), self.parts(true, false)].concat())
    }

    fn parts(self, noun: bool, minting: bool) -> Vec<String> {
        let named = |names: &[(Right, &str)]| -> Vec<String> {
            names.iter().filter(|(it, _)| self.gives(*it)).map(|(_, name)| (*name).to_owned()).collect()
        };
        let say = |verb: &str, gerund: &str| if noun { gerund.to_owned() } else { verb.to_owned() };
        let mut parts = Vec::new();
        if minting {
            let tokens = list(&named(&[(Right::Access, "access"), (Right::Id, "ID")]));
            let signed = list(&named(&[(Right::Jwt, "JWTs"), (Right::Blob, "blobs")]));
            if !tokens.is_empty() {
                parts.push(format!("{} {tokens} tokens", say("mint", "minting of")));
            }
            if !signed.is_empty() {
                parts.push(format!("{} {signed}", say("sign", "signing of")));
            }
            if self.gives(Right::Delegate) {
                parts.push(say("delegate", "delegating"));
            }
        } else {
            if self.gives(Right::ActAs) {
                parts.push(say("attach it to resources", "attaching it to resources"));
            }
            if self.gives(Right::Keys) {
                parts.push(say("create keys for it", "key creation"));
            }
            let policy = if noun {
                [(Right::See, "reading"), (Right::Edit, "changing")]
            } else {
                [(Right::See, "see"), (Right::Edit, "change")]
            };
            let policy = list(&named(&policy));
            if !policy.is_empty() {
                parts.push(format!("{policy} {}", say("its policy", "of its policy")));
            }
        }
        parts
    }
}

/// `a`, `a and b`, `a, b, and c`
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [most @ .., last] => format!("{}, and {last}", most.join(", ")),
    }
}

/// What a change means, `after` being the policy with all changes: `lets this group mint access tokens as deployer`,
/// `ends their minting of ID tokens here; they keep it through project acme-prod (roles/…)`.
pub(crate) fn sentence(change: &Change, after: &Policy, cx: &Context<'_>) -> String {
    let name = cx.account.split('@').next().unwrap_or_default();
    let Some(gives) = Gives::of(&change.role, cx.custom) else {
        return match change.op {
            Op::Add => format!("the permissions of {} are unknown", change.role),
            Op::Remove => format!("the permissions of {} are unknown", change.role),
            Op::Change => format!("changes when {} holds it: {}", who(&change.member), times(change, cx)),
        };
    };
    if gives.is_nothing() {
        let what = "no permission to mint for, use or administer this account";
        return format!("{} {what}", if change.op == Op::Remove { "granted" } else { "grants" });
    }
    match change.op {
        Op::Add if change.member.is_deleted() => {
            "gives nothing to anyone: this principal was deleted".to_owned()
        }
        Op::Add => {
            let when = change.condition.as_ref().map(|_| format!(" ({})", time(&change.condition, cx)));
            format!("lets {} {}{}", who(&change.member), gives.verbs(name), when.unwrap_or_default())
        }
        Op::Change => {
            format!("changes when {} can {}: {}", who(&change.member), gives.verbs(name), times(change, cx))
        }
        Op::Remove => {
            format!("ends their {} here{}", gives.nouns(), what_stays(&change.member, gives, after, cx))
        }
    }
}

fn times(change: &Change, cx: &Context<'_>) -> String {
    format!("before, {}; then, {}", time(&change.was, cx), time(&change.condition, cx))
}

fn time(condition: &Option<Condition>, cx: &Context<'_>) -> String {
    condition.as_ref().map_or_else(
        || "always".to_owned(),
        |condition| format!("“{}”: {}", condition.title(), condition.words(cx.now)),
    )
}

fn who(member: &Member) -> String {
    match member.kind() {
        Kind::User => "this user",
        Kind::Group => "this group",
        Kind::ServiceAccount => "this service account",
        Kind::Kubernetes => "this Kubernetes account",
        Kind::Domain => return format!("everyone in {}", member.domain().unwrap_or("this domain")),
        Kind::Principal => "this federated identity",
        Kind::PrincipalSet => "all of these identities",
        Kind::ProjectRole => "everyone with this role on the project",
        Kind::Deleted => "a deleted principal",
        Kind::AllUsers => "anyone on the internet",
        Kind::AllAuthenticatedUsers => "anyone with a Google account",
        Kind::Other => "this member",
    }
    .to_owned()
}

/// Where a member certainly keeps what was revoked: the place, the role, and what.
pub(super) fn kept(
    member: &Member,
    lost: Gives,
    after: &Policy,
    cx: &Context<'_>,
) -> Vec<(String, String, Gives)> {
    let here = std::iter::once(("here".to_owned(), after));
    let above = cx
        .levels
        .iter()
        .filter_map(|level| Some((format!("through {}", level.name), level.policy.as_ref()?)));
    let mut missing = lost;
    let mut kept = Vec::new();
    for (place, policy) in here.chain(above) {
        for Triple { role, member: other, condition } in policy.triples() {
            if other != *member || !condition.is_none_or(|condition| condition.evaluate(cx.now).holds()) {
                continue;
            }
            let Some(gives) = Gives::of(&role, cx.custom) else { continue };
            let found = missing.intersection(gives);
            if !found.is_nothing() {
                missing = missing.without(found);
                kept.push((place.clone(), role, found));
            }
        }
    }
    kept
}

fn what_stays(member: &Member, lost: Gives, after: &Policy, cx: &Context<'_>) -> String {
    let kept = kept(member, lost, after, cx);
    let stays: Vec<String> = kept
        .iter()
        .map(|(place, role, gives)| {
            let what = if *gives == lost { "it".to_owned() } else { gives.nouns() };
            format!("{what} {place} ({role})")
        })
        .collect();
    let mut text = if stays.is_empty() { String::new() } else { format!("; they keep {}", list(&stays)) };
    let all = kept.iter().fold(Gives::default(), |all, (_, _, gives)| all.union(*gives));
    let unread = cx.unread();
    if all != lost && !unread.is_empty() {
        text.push_str(&format!("; what they have through {} is unknown", list(&unread)));
    }
    text
}

#[cfg(test)]
#[path = "gives_tests.rs"]
mod tests;
