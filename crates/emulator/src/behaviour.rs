//! What Google's documents leave open and nobody has measured, as data: each point is a field with a default,
//! so that a test can hold a client against every outcome. It owns the form of that section of the world; the routes
//! do what it says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::INVALID_ARGUMENT;
use super::filter::SideBySide;
use super::policy;
use super::search::{Precedence, Wildcard};
use super::world::{WorldError, content};

/// How the emulator behaves where Google's behaviour is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Behaviour {
    /// A project's id in place of `-` in the path of a mint, which is documented as invalid: `refused` (the default)
    /// or `accepted`.
    pub named_project: Tolerance,
    /// A mint for a disabled account, or through one: `failedPrecondition` (400, the default) or `permissionDenied`
    /// (403).
    pub disabled_account: DisabledAccount,
    /// The most bytes that signBlob and signJwt take as a payload; if left out, what fits into a request of 10 MiB.
    pub largest_payload: Option<usize>,
    /// The claims that signJwt signs: `verbatim` as they came (the default), or `reserialized`, without blanks and in
    /// the order of the alphabet.
    pub signed_claims: SignedClaims,
    /// A page of service accounts of more than 100: `clamped` to 100 (the default) or `refused`.
    pub large_pages: LargePages,
    /// A body in IAM's getIamPolicy, which has none in the discovery document: `accepted` (the default) or `refused`.
    pub policy_read_body: Tolerance,
    /// A policy with conditions for a reader of version 1: `mangled`, the conditions gone and the roles renamed, as it
    /// was seen last (the default), or `refused` as in 2019.
    pub old_readers: OldReaders,
    /// The etag after a policy was written that changes nothing: `kept` (the default) or `renewed`.
    pub unchanged_policy: UnchangedPolicy,
    /// A binding without members in a write: `refused` (the default) or `dropped`.
    pub empty_bindings: EmptyBindings,
    /// `allUsers` and `allAuthenticatedUsers` in the policy of an account: `accepted` (the default) or `refused`, as
    /// by an organization policy.
    pub public_members: Tolerance,
    /// The most bytes of a policy, as compact JSON; any if left out. 64 KB is often quoted.
    pub largest_policy: Option<usize>,
    /// Terms of a filter or query for projects without a word between them: `any` of them matches, as the reference
    /// says (the default), or `all` have to, as people expect.
    pub side_by_side: SideBySide,
    /// What binds closer in a query of Cloud Asset's searches: `and` (the default) or `or`.
    pub search_precedence: Precedence,
    /// What a phrase that ends in `*` finds in Cloud Asset's searches: texts in which `eachWord` of it begins a word, as
    /// the reference says of `us-west*` (the default), or texts that have all of them in order, the `lastWord` perhaps only
    /// begun.
    pub search_wildcard: Wildcard,
    /// A field that there is not in a query of Cloud Asset's searches: `refused` (the default) or `accepted`, and nothing
    /// found.
    pub unknown_search_field: Tolerance,
    /// How Cloud Asset denies a scope: `named`, with the permission and the resource (the default), or `unnamed`, as it was
    /// captured from 2021 to 2023.
    pub asset_denial: AssetDenial,
    /// A POST, PUT or PATCH over HTTP/2 that carries nothing and has no `content-length`: `refused` as over HTTP/1.1 (the
    /// default, so that what works here works at Google) or `accepted`.
    pub unsized_http2: Tolerance,
    /// The texts of refusals whose wording is not known.
    pub messages: Messages,
}

/// The texts of refusals whose wording is not known; most are "Request contains an invalid argument." if left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Messages {
    /// A malformed scope.
    pub scope: String,
    /// A project's id in place of `-`.
    pub named_project: String,
    /// A delegate whose name has another form.
    pub delegate: String,
    /// An `exp` that signJwt does not take.
    pub jwt_expiry: String,
    /// A payload of signJwt that is not a JSON object.
    pub jwt_payload: String,
    /// A payload of signBlob or signJwt over the largest.
    pub large_payload: String,
    /// A mint for a disabled account; `{email}` is replaced by its email, and `Account disabled: {email}` is the default.
    pub disabled_account: String,
    /// A query of Cloud Asset's searches that cannot be read, or whose page token is another one's.
    pub search: String,
    /// A policy with a condition in a write of version 1; says by default that the version has to be 3.
    pub policy_version: String,
}

/// Whether something is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Tolerance {
    /// It is an error.
    Refused,
    /// It is as good as the usual form.
    Accepted,
}

/// How a mint for a disabled account fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DisabledAccount {
    /// 400.
    FailedPrecondition,
    /// 403.
    PermissionDenied,
}

/// What becomes of claims before they are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignedClaims {
    /// They are signed as they came, without the white space around them.
    Verbatim,
    /// They are parsed and serialized again.
    Reserialized,
}

/// What becomes of a page that is asked for and too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LargePages {
    /// It has the largest size that is allowed.
    Clamped,
    /// It is an error.
    Refused,
}

/// What a reader of version 1 gets of conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OldReaders {
    /// Roles with `_withcond_` in their name.
    Mangled,
    /// An error.
    Refused,
}

/// The etag of a policy that was written over with itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnchangedPolicy {
    /// The one before.
    Kept,
    /// A new one.
    Renewed,
}

/// What becomes of a binding without members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EmptyBindings {
    /// It is an error.
    Refused,
    /// It is left out.
    Dropped,
}

/// What Cloud Asset says to a caller that is not allowed to look into a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AssetDenial {
    /// Which permission is missing, and where.
    Named,
    /// "Request denied by Cloud IAM.", with links.
    Unnamed,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            named_project: Tolerance::Refused,
            disabled_account: DisabledAccount::FailedPrecondition,
            largest_payload: None,
            signed_claims: SignedClaims::Verbatim,
            large_pages: LargePages::Clamped,
            policy_read_body: Tolerance::Accepted,
            old_readers: OldReaders::Mangled,
            unchanged_policy: UnchangedPolicy::Kept,
            empty_bindings: EmptyBindings::Refused,
            public_members: Tolerance::Accepted,
            largest_policy: None,
            side_by_side: SideBySide::Any,
            search_precedence: Precedence::And,
            search_wildcard: Wildcard::EachWord,
            unknown_search_field: Tolerance::Refused,
            asset_denial: AssetDenial::Named,
            unsized_http2: Tolerance::Refused,
            messages: Messages::default(),
        }
    }
}

impl Default for Messages {
    fn default() -> Messages {
        let generic = || INVALID_ARGUMENT.to_owned();
        Messages {
            scope: generic(),
            named_project: generic(),
            delegate: generic(),
            jwt_expiry: generic(),
            jwt_payload: generic(),
            large_payload: generic(),
            search: generic(),
            disabled_account: "Account disabled: {email}".to_owned(),
            policy_version: policy::needs_version_3(),
        }
    }
}

/// What was open once, and what Google was measured to do. A world that still chooses is refused, for what it asks for
/// happens nowhere.
const SETTLED: [(&str, &str); 3] = [
    ("/attributeConditionStatus", "the status is 400"),
    ("/zeroLifetime", "a lifetime of 0s is refused"),
    ("/messages/lifetime", "the texts are known"),
];

/// Refuses the settings of points that are no longer open.
pub(super) fn check_settled(world: &Value) -> Result<(), WorldError> {
    let stated = SETTLED.iter().find(|(at, _)| world["behaviour"].pointer(at).is_some());
    stated.map_or(Ok(()), |(at, known)| {
        let problem = format!("this is settled by measurements at Google: {known}. Leave it out");
        Err(content(format!("behaviour{}", at.replace('/', ".")), problem))
    })
}

impl Behaviour {
    pub(super) fn check(&self) -> Result<(), WorldError> {
        for (field, most) in
            [("largestPayload", self.largest_payload), ("largestPolicy", self.largest_policy)]
        {
            if most == Some(0) {
                return Err(content(format!("behaviour.{field}"), "0 would refuse everything".into()));
            }
        }
        let messages = serde_json::to_value(&self.messages).unwrap_or_default();
        let empty = messages.as_object().into_iter().flatten().find(|(_, text)| *text == "");
        match empty {
            Some((name, _)) => {
                Err(content(format!("behaviour.messages.{name}"), "a message cannot be empty".into()))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    #[test]
    fn every_point_has_a_default_and_a_value_that_cannot_be_is_named() {
        let world = World::parse(r#"{"behaviour": {"messages": {}}}"#).unwrap();
        assert_eq!(world.behaviour, Behaviour::default());
        for (text, word) in [
            (r#"{"behaviour": {"largestPayload": 0}}"#, "behaviour.largestPayload"),
            (r#"{"behaviour": {"messages": {"scope": ""}}}"#, "behaviour.messages.scope"),
            (r#"{"behaviour": {"oldReaders": "kept"}}"#, "unknown variant `kept`"),
            (r#"{"behaviour": {"oldReader": "mangled"}}"#, "unknown field `oldReader`"),
        ] {
            let error = World::parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn behaviour_that_is_settled_is_refused_with_what_is_known() {
        for (text, word) in [
            (r#"{"attributeConditionStatus": 400}"#, "behaviour.attributeConditionStatus: this is settled"),
            (r#"{"zeroLifetime": "anHour"}"#, "behaviour.zeroLifetime: this is settled"),
            (r#"{"messages": {"lifetime": "too long"}}"#, "behaviour.messages.lifetime: this is settled"),
        ] {
            let error = World::parse(&format!(r#"{{"behaviour": {text}}}"#)).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
