//! Denials of a token exchange by the Security Token Service. Its codes are OAuth's and say little: `invalid_grant`
//! covers a wrong issuer, a bad signature and an old token alike. The sentence beside them names the part at fault. No
//! other Google service uses these sentences, so they identify such an answer even if nothing else does.

use super::Refusal;
use crate::model::shell::quote;

/// The part of an exchange that is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The provider's attribute condition is false for the claims.
    Condition,
    /// The value mapped to `google.subject` is too long.
    SubjectTooLong,
    /// `google.subject` has no value, because its claim is missing.
    Subject,
    /// Another mapped attribute, or one of the wrong type.
    Mapping,
    /// The `audience` parameter doesn't name an existing, enabled provider.
    Provider,
    /// The `aud` of the external credential.
    Audience,
    /// The `iss` of the external credential.
    Issuer,
    /// The issuer's keys can't be fetched.
    IssuerUnreachable,
    /// The signature of the external credential.
    Signature,
    /// The external credential is too old, or not valid yet.
    Stale,
    /// The external credential can't be parsed.
    Unreadable,
    /// AWS's answer to the signed request.
    Aws,
    /// The external credential, without details.
    Credential,
}

/// How these sentences name a foreign credential. Capital letters count: the token endpoint and IAM Credentials speak
/// of an “ID token”.
const CREDENTIAL: [&str; 5] = ["ID Token", "SAML", "given credential", "subject token", "subject_token"];

/// The parts of a foreign credential by their names, more specific ones first.
const PARTS: [(&str, Part); 14] = [
    ("connect", Part::IssuerUnreachable),
    ("fetch", Part::IssuerUnreachable),
    ("audience", Part::Audience),
    ("issuer", Part::Issuer),
    ("signature", Part::Signature),
    ("verify", Part::Signature),
    ("stale", Part::Stale),
    ("expired", Part::Stale),
    ("in the future", Part::Stale),
    ("not yet valid", Part::Stale),
    ("parse", Part::Unreadable),
    ("decode", Part::Unreadable),
    ("malformed", Part::Unreadable),
    ("invalid format", Part::Unreadable),
];

/// See [`super::telling_phrases`].
pub(super) fn phrases() -> impl Iterator<Item = &'static str> {
    let own = [
        "attribute condition",
        "mapped attribute",
        "google.subject",
        "attribute mapping",
        "\"audience\"",
        "AWS response",
        "AWS STS",
    ];
    own.into_iter().chain(CREDENTIAL)
}

impl Part {
    /// The part at fault according to a sentence of the service; `None` for any other sentence.
    pub(super) fn named(message: &str) -> Option<Part> {
        let has = |words: &str| message.contains(words);
        if has("attribute condition") {
            return Some(Part::Condition);
        }
        if has("mapped attribute") && has("bytes") {
            return Some(Part::SubjectTooLong);
        }
        if has("google.subject") && !has("must be of type") {
            return Some(Part::Subject);
        }
        if has("mapped attribute") || has("attribute mapping") || has("google.subject") {
            return Some(Part::Mapping);
        }
        if has("\"audience\"") {
            return Some(Part::Provider);
        }
        if has("AWS response") || has("AWS STS") {
            return Some(Part::Aws);
        }
        if !CREDENTIAL.iter().any(|name| has(name)) {
            return None;
        }
        let lower = message.to_lowercase();
        let part = PARTS.iter().find(|(words, _)| lower.contains(words));
        Some(part.map_or(Part::Credential, |(_, part)| *part))
    }
}

/// Whether the denial is from the Security Token Service, by endpoint or by wording.
pub(super) fn is_refused(refusal: &Refusal) -> bool {
    let speaks_oauth = refusal.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let asked = refusal.asked.service.starts_with("sts.") || refusal.asked.method.contains("sts");
    let here = asked && !refusal.code.is_empty();
    // Denials of a login or key, and of delegated credentials, concern neither pool nor provider.
    let elsewhere = refusal.asked.delegation.is_some();
    matches!(refusal.status, 400 | 401)
        && !elsewhere
        && (here
            || refusal.code == "invalid_target"
            || speaks_oauth && Part::named(&refusal.message).is_some())
}

/// Whether the provider is named by the ID of its project, which the service doesn't accept.
fn has_project_id(refusal: &Refusal) -> bool {
    let name = [refusal.asked.resource.as_str(), &refusal.message].into_iter().find_map(|text| {
        let (before, _) = text.split_once("/locations/global/workloadIdentityPools/")?;
        before.rsplit('/').next()
    });
    name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// The provider that the exchange was for: `projects/1/locations/global/workloadIdentityPools/a/providers/b`.
fn provider(refusal: &Refusal) -> Option<&str> {
    let path =
        refusal.asked.resource.strip_prefix("//iam.googleapis.com/").unwrap_or(&refusal.asked.resource);
    (path.starts_with("projects/") && path.contains("/providers/")).then_some(path)
}

const DESCRIBE: &str = "`gcloud iam workload-identity-pools providers describe`";

/// The sentence and the next step.
pub(super) fn explain(refusal: &Refusal) -> (String, String) {
    let message = refusal.message.trim_end_matches('.');
    let part = Part::named(message).or(match refusal.code.as_str() {
        "invalid_target" => Some(Part::Provider),
        "invalid_grant" => Some(Part::Credential),
        "unauthorized_client" | "access_denied" => Some(Part::Condition),
        _ => None,
    });
    let (what, next) = match part {
        Some(Part::Condition) => (
            "The provider's attribute condition rejects the external credential",
            format!("Compare its claims with the attribute condition and mapping: {DESCRIBE}."),
        ),
        Some(Part::SubjectTooLong) => (
            "The external subject is too long: google.subject takes at most 127 bytes",
            "Shorten it in the provider's attribute mapping, for example google.subject=assertion.sub.extract('repo:{repo}:'), or map a shorter claim; then adapt the grants that name the old subject.".to_owned(),
        ),
        Some(Part::Subject) => (
            "The external credential has no value for google.subject",
            format!("Map google.subject to a claim that the credential has: {DESCRIBE} shows the attribute mapping."),
        ),
        Some(Part::Mapping) => (
            "The provider's attribute mapping doesn't fit the external credential",
            format!("Correct the expression for the attribute that it names (it must yield a string): {DESCRIBE} shows the mapping."),
        ),
        Some(Part::Provider) if has_project_id(refusal) => (
            "The provider's path has a project ID where the project number belongs",
            "Write the number: //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER in audience of the credentials file; `gcloud projects describe PROJECT --format='value(projectNumber)'` prints it.".to_owned(),
        ),
        Some(Part::Provider) => (
            "No such workload identity provider, or it or its pool is disabled",
            match provider(refusal) {
                Some(path) => format!("Check that it exists and that it and its pool are enabled: `gcloud iam workload-identity-pools providers describe {}`; a deleted one can be restored for 30 days (`undelete`).", quote(path)),
                None => "Check the audience in the credentials file (//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER) and that pool and provider are enabled.".to_owned(),
            },
        ),
        Some(Part::Audience) => {
            let named = message.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(aud, _)| aud);
            (
                "The external credential was issued for another audience",
                format!(
                    "Request it for the provider's allowed audience, or add its aud{} to the allowed audiences: {}.",
                    named.map(|aud| format!(" {aud}")).unwrap_or_default(),
                    match provider(refusal) {
                        Some(path) => format!("`gcloud iam workload-identity-pools providers describe {}`", quote(path)),
                        None => DESCRIBE.to_owned(),
                    }
                ),
            )
        }
        Some(Part::Issuer) => (
            "The external credential isn't from the issuer that the provider trusts",
            format!("Its iss and the provider's issuer URI must be identical, including a trailing slash: {DESCRIBE}."),
        ),
        Some(Part::IssuerUnreachable) => (
            "Google could not get the keys of the external credential's issuer",
            "Check that ISSUER/.well-known/openid-configuration and the key set that it names are reachable from the internet, or upload the key set to the provider.".to_owned(),
        ),
        Some(Part::Signature) => (
            "The external credential's signature can't be verified with its issuer's keys",
            "Get a fresh one. If the error stays, the keys that the issuer publishes, or the key set uploaded to the provider, aren't the ones it signs with.".to_owned(),
        ),
        Some(Part::Stale) => (
            "The external credential has expired or isn't valid yet",
            "Get a fresh one right before the exchange, and check its issuer's clock.".to_owned(),
        ),
        Some(Part::Unreadable) => (
            "The external credential can't be read",
            "Check that credential_source yields the token itself, in the format and field that the credentials file names.".to_owned(),
        ),
        Some(Part::Aws) => (
            "AWS doesn't accept the signed request that serves as the external credential",
            "Check the AWS credentials, their session token, the region and this machine's clock.".to_owned(),
        ),
        Some(Part::Credential) => (
            "The external credential has expired or isn't trusted",
            "Get a fresh one; its issuer and keys must match the provider's.".to_owned(),
        ),
        None => (
            "The Security Token Service refused the exchange",
            "Check audience, subject_token_type and scopes in the credentials file.".to_owned(),
        ),
    };
    let sentence = if message.is_empty() { format!("{what}.") } else { format!("{what} ({message}).") };
    (sentence, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_at_fault_is_told_by_the_services_words() {
        for (message, part) in [
            ("The given credential is rejected by the attribute condition.", Part::Condition),
            (
                "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes.",
                Part::SubjectTooLong,
            ),
            ("Could not obtain a value for google.subject from the given credential.", Part::Subject),
            ("The mapped attribute 'google.subject' must be of type STRING.", Part::Mapping),
            ("The mapped attribute 'attribute.team' must be of type STRING.", Part::Mapping),
            (
                "Invalid value for \"audience\". This value should be the full resource name of the Identity Provider.",
                Part::Provider,
            ),
            (
                "The audience in ID Token [https://a.example] does not match the expected audience.",
                Part::Audience,
            ),
            (
                "The issuer in ID Token https://a.example does not match the expected one in config: https://b.example",
                Part::Issuer,
            ),
            (
                "The issuer in ID Token null does not match the expected ones: https://b.example.",
                Part::Issuer,
            ),
            ("Error connecting to the given credential's issuer.", Part::IssuerUnreachable),
            ("Unable to verify the ID Token signature.", Part::Signature),
            ("Unable to verify the SAML Assertion signature.", Part::Signature),
            ("ID Token issued at 1704067200 is stale to sign-in.", Part::Stale),
            ("Unable to parse the ID Token.", Part::Unreadable),
            ("The given credential is bad.", Part::Credential),
        ] {
            assert_eq!(Part::named(message), Some(part), "{message}");
        }
    }

    #[test]
    fn what_other_services_say_is_no_part_of_an_exchange() {
        for message in [
            "",
            "Bad Request",
            "Token has been expired or revoked.",
            "Invalid OAuth scope or ID token audience provided.",
            "Invalid JWT Signature.",
            "Client is unauthorized to retrieve access tokens using this method.",
            "reauth related error (invalid_rapt)",
        ] {
            assert_eq!(Part::named(message), None, "{message}");
        }
    }
}
