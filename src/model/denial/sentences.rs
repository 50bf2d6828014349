//! Sentences that identify an error, or its cause, by themselves: for texts and answers without details.

use super::{Cause, facts, federation, library, org_policy, words};

/// Whether a text has the Security Token Service's wording for a rejected exchange, which no other Google service uses.
pub(crate) fn refuses_an_exchange(text: &str) -> bool {
    federation::Part::named(text).is_some()
}

/// Whether a text has a sentence of a client library's own about credentials, a metadata server or a universe.
pub(crate) fn is_of_a_library(text: &str) -> bool {
    library::Trouble::named(text).is_some()
}

/// Where the sentence of a client library begins in a line.
pub(crate) fn library_sentence(line: &str) -> Option<usize> {
    library::begin(line)
}

/// Whether a text has a sentence of Google's that identifies a cause by itself.
pub(crate) fn is_known_sentence(text: &str) -> bool {
    KNOWN_SENTENCES.iter().any(|words| text.contains(words)) || org_policy::constraint_in(text).is_some()
}

/// Beginnings and other parts of Google's sentences that say why, whatever stands around them.
const KNOWN_SENTENCES: [&str; 48] = [
    "Access Denied: ",
    "does not exist in project ",
    "not found in project ",
    "must have permission to read the image",
    "Delegation denied for ",
    "does not have access to service account",
    "iam.serviceAccountUser role on the service account",
    "Policy update access denied",
    "ermission denied on secret",
    "ermission denied while getting Drive credentials",
    "requires billing to be enabled",
    "exceeded your allotted project quota",
    "[4033: ",
    "Permission \"",
    "Permission '",
    "Permission denied on ",
    "caller does not have permission",
    "caller does not have required permission",
    "Caller does not have required permission",
    "does not have permission",
    "Request had insufficient authentication scopes",
    "Request had invalid authentication credentials",
    "Request is missing required authentication credential",
    "prohibited by organization's policy",
    "vpcServiceControlsUniqueIdentifier",
    "has not been used in project",
    "it is disabled. Enable it by visiting",
    "requires a quota project",
    "Key creation is not allowed",
    "Maximum number of ",
    "aximum number of keys",
    "do not belong to a permitted customer",
    "Gaia id not found",
    "Unknown service account",
    "Identity Pool does not exist",
    "is of an unknown type",
    "Invalid JWT",
    "Robot is disabled",
    "is unauthorized to retrieve access tokens",
    "Token has been expired or revoked",
    "concurrent policy changes",
    "can not have lifetimes of more than",
    "perhaps due to an organization policy",
    "rganization policy",
    "Required '",
    "billing account",
    "Anonymous caller does not have",
    "Quota exceeded for quota metric",
];

/// Everything of which a text has to have something, or none of the functions above and [`denies`] is true; capitals
/// don't count.
pub(crate) fn telling_phrases() -> impl Iterator<Item = &'static str> {
    let own = KNOWN_SENTENCES.into_iter().chain(DENIAL_VERBS).chain(STATES).chain(words::LIMITS);
    own.chain(library::phrases()).chain(federation::phrases()).chain(org_policy::phrases())
}

/// Beside a permission, each says that it is missing.
const DENIAL_VERBS: [&str; 8] =
    ["does not have", "doesn't have", "denied", "lacks", "issing", "equired", "must have", "forbidden"];

/// States of an account that keep it from working.
const STATES: [&str; 2] = [".gserviceaccount.com is disabled", ".gserviceaccount.com does not exist"];

/// What keeps someone from something, in any wording: `a@b does not have x.y.z access`, `Service account x is disabled`.
pub(crate) fn denies(text: &str) -> bool {
    is_known_sentence(text)
        || words::is_limit(text)
        || facts::permission_in(text).is_some() && DENIAL_VERBS.iter().any(|words| text.contains(words))
        || STATES.iter().any(|words| text.contains(words))
}

/// The cause by a sentence of Google's that only this cause has, for answers without details.
pub(super) fn cause(message: &str) -> Option<Cause> {
    const SENTENCES: [(&str, Cause); 17] = [
        ("while getting Drive credentials", Cause::ScopeMissing),
        ("requires billing to be enabled", Cause::Billing),
        ("Delegation denied for ", Cause::WorkspaceDelegation),
        (" is not enabled for the project", Cause::ApiDisabled),
        ("vpcServiceControlsUniqueIdentifier", Cause::ServicePerimeter),
        ("prohibited by organization's policy", Cause::ServicePerimeter),
        ("insufficient authentication scopes", Cause::ScopeMissing),
        ("insufficient authentication scope", Cause::ScopeMissing),
        ("Reauthentication", Cause::LoginAgain),
        ("reauth related error", Cause::LoginAgain),
        ("requires a quota project", Cause::QuotaProject),
        ("has not been used in project", Cause::ApiDisabled),
        ("it is disabled. Enable it by visiting", Cause::ApiDisabled),
        ("Caller does not have required permission to use project", Cause::QuotaProject),
        (".gserviceaccount.com is disabled", Cause::AccountDisabled),
        ("Robot is disabled", Cause::AccountDisabled),
        ("Account disabled: ", Cause::AccountDisabled),
    ];
    SENTENCES.iter().find(|(words, _)| message.contains(words)).map(|(_, cause)| *cause)
}
