//! What only the words of a denial say: the permission, where and for whom it is missing, the constraint, the perimeter's
//! identifier. The same for an answer and for a pasted text.

use super::{Refusal, org_policy};
use crate::model::permission;

impl Refusal {
    /// Adds what the message says and the details don't.
    pub(crate) fn complete(&mut self) {
        let message = std::mem::take(&mut self.message);
        if let Some(name) = self.metadata.get_mut("permission") {
            *name = permission::canonical(name).to_owned();
        } else if let Some(name) = permission_in(&message) {
            self.metadata.insert("permission".to_owned(), permission::canonical(name).to_owned());
        }
        for (key, value) in [
            (
                "uid",
                after(
                    &message,
                    &["vpcServiceControlsUniqueIdentifier: ", "vpcServiceControlsUniqueIdentifier "],
                ),
            ),
            ("consumer", disabled_in(&message)),
            ("service", after(&message, &["apis/api/"]).filter(|name| name.ends_with(".com"))),
        ] {
            if let Some(value) = value.filter(|_| !self.metadata.contains_key(key)) {
                self.metadata.insert(key.to_owned(), value.to_owned());
            }
        }
        let named = self.violation.as_deref().is_some_and(|it| it.contains("constraints/"));
        if !named {
            let values = self.metadata.values().map(String::as_str);
            let found = values.chain([message.as_str()]).find_map(org_policy::constraint_in);
            self.violation = found.or(self.violation.take());
        }
        if self.principal.is_none() {
            self.principal = principal_in(&message);
        }
        if self.asked.resource.is_empty() {
            let named = self.metadata.get("resource").map(String::as_str).filter(|name| name.contains('/'));
            let found = resource_in(&message).or(named).unwrap_or_default();
            self.asked.resource =
                found.strip_prefix("//cloudresourcemanager.googleapis.com/").unwrap_or(found).to_owned();
        }
        self.message = message;
    }
}

/// The project of `has not been used in project 123 before`.
fn disabled_in(message: &str) -> Option<&str> {
    after(message, &["has not been used in project ", "is not enabled for project ", "overview?project="])
}

/// The word that follows one of these.
fn after<'a>(text: &'a str, before: &[&str]) -> Option<&'a str> {
    let word = before.iter().find_map(|before| text.split_once(before))?.1;
    let word = word.trim_start_matches(['\'', '"']);
    let end = word.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.:".contains(c))).unwrap_or(word.len());
    Some(word[..end].trim_end_matches(['.', ':'])).filter(|word| !word.is_empty())
}

/// The permission in a sentence about one: `Permission 'a.b.c' denied`, `does not have a.b.c access`.
pub(crate) fn permission_in(message: &str) -> Option<&str> {
    let about = ["ermission", " access", "not have", "lacks", "denied", "missing"];
    if !about.iter().any(|word| message.contains(word)) {
        return None;
    }
    let mut rest = message;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_lowercase()) {
        let before = rest[..begin].chars().next_back();
        let word = &rest[begin..];
        let end =
            word.find(|c: char| !(c.is_ascii_alphanumeric() || "._-@/:".contains(c))).unwrap_or(word.len());
        let name = word[..end].trim_end_matches(['.', ':', '-']);
        if is_permission(name) && !before.is_some_and(|c| c.is_alphanumeric() || "@/._-".contains(c)) {
            return Some(name);
        }
        rest = &word[end.max(1)..];
    }
    None
}

/// `service.resources.verb`, and not a host, a file or a class.
fn is_permission(name: &str) -> bool {
    const NOT_LAST: [&str; 20] = [
        "com",
        "org",
        "net",
        "io",
        "dev",
        "app",
        "py",
        "go",
        "js",
        "ts",
        "java",
        "rs",
        "rb",
        "tf",
        "json",
        "yaml",
        "internal",
        "html",
        "exceptions",
        "v1",
    ];
    let mut parts = name.split('.');
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let (first, last) = (parts.next().unwrap_or_default(), name.rsplit('.').next().unwrap_or_default());
    name.matches('.').count() >= 2
        && !["google", "com", "io", "org", "www", "gcloud", "grpc", "java", "os"].contains(&first)
        && !NOT_LAST.contains(&last)
        && first.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && parts.all(plain)
}

/// The principal that lacks something according to a sentence, as a policy member.
pub(crate) fn principal_in(message: &str) -> Option<String> {
    const VERBS: [&str; 12] = [
        " does not have",
        " doesn't have",
        " do not have",
        " lacks",
        " must have",
        " is missing",
        " needs ",
        " has insufficient",
        " is not authorized",
        " not authorized",
        " requires",
        " should have",
    ];
    // The longest window in which the name can stand before the verb.
    const WINDOW: usize = 220;
    for verb in VERBS {
        let Some(at) = message.find(verb) else { continue };
        let from = (at.saturating_sub(WINDOW)..=at).find(|at| message.is_char_boundary(*at)).unwrap_or(at);
        let named =
            message[from..at].split([' ', '\'', '"', '(', ')', '`', '<', '>', ',']).rev().find_map(as_member);
        if named.is_some() {
            return named;
        }
    }
    ["authenticated as ", "ermission to service agent ", "ervice agent "]
        .iter()
        .filter_map(|before| message.split_once(before))
        .find_map(|(_, rest)| as_member(rest.split([' ', ',', '\n']).next().unwrap_or_default()))
}

/// A principal as a policy member: `user:a@b.c`.
pub(crate) fn as_member(word: &str) -> Option<String> {
    let word = word.trim_matches(['.', ',', ':', '\'', '"', '`', '(', ')', '[', '{', '}', ';']);
    let word = if word.contains('[') { word } else { word.trim_end_matches(']') };
    if word.starts_with("principal://") || word.starts_with("principalSet://") {
        return Some(word.to_owned());
    }
    if ["serviceAccount:", "user:", "group:"].iter().any(|kind| word.starts_with(kind)) {
        return word
            .contains('@')
            .then(|| word.to_owned())
            .or_else(|| word.contains(".svc.id.goog[").then(|| word.to_owned()));
    }
    if word.contains(".svc.id.goog[") {
        return Some(format!("serviceAccount:{word}"));
    }
    let (name, domain) = word.split_once('@')?;
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b));
    if name.is_empty() || !domain.contains('.') || !plain(name) || !plain(domain) {
        return None;
    }
    let kind = if domain.ends_with("gserviceaccount.com") { "serviceAccount" } else { "user" };
    Some(format!("{kind}:{word}"))
}

/// What the permission is missing on, according to a sentence.
pub(crate) fn resource_in(message: &str) -> Option<&str> {
    const BEFORE: [&str; 16] = [
        "on service account ",
        "for service account ",
        "denied on resource '",
        "denied on resource ",
        "denied for resource ",
        "denied on '",
        "denied on ",
        "permission for '",
        "permission for ",
        "on resource '",
        "for resource ",
        "on project ",
        "in project ",
        "to project ",
        "on bucket ",
        "on the resource ",
    ];
    const NO_NAMES: [&str; 12] =
        ["resource", "project", "the", "this", "it", "or", "for", "service", "a", "account", "parent", "at"];
    BEFORE.iter().find_map(|before| {
        let (_, rest) = message.split_once(before)?;
        let rest = rest.trim_start_matches(['\'', '"', '`', '[', '(']);
        let end = rest.find(|c: char| c.is_whitespace() || "'\"`),;]".contains(c)).unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches(['.', ':']);
        let named = name.len() > 2 && !NO_NAMES.contains(&name) && name.contains(['/', '@', '-', '.', '_'])
            || name.len() > 5 && name.contains(char::is_numeric);
        (named && !name.starts_with("//iam.googleapis.com/projects/-")).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_permission_is_found_in_any_wording() {
        for (message, name) in [
            (
                "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
                Some("iam.serviceAccounts.getAccessToken"),
            ),
            (
                "a@p.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object.",
                Some("storage.objects.get"),
            ),
            (
                "Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.",
                Some("bigquery.jobs.create"),
            ),
            ("Required 'compute.instances.list' permission for 'projects/p'", Some("compute.instances.list")),
            ("The caller does not have permission (storage.googleapis.com)", None),
            ("google.api_core.exceptions.Forbidden: access denied", None),
            ("see docs.example.com.", None),
        ] {
            assert_eq!(permission_in(message), name, "{message}");
        }
    }

    #[test]
    fn the_one_who_lacks_it_and_the_resource_are_named() {
        let agent = "The Cloud Run Service Agent (service-1@serverless-robot-prod.iam.gserviceaccount.com) must have permission to read the image";
        assert_eq!(
            principal_in(agent).as_deref(),
            Some("serviceAccount:service-1@serverless-robot-prod.iam.gserviceaccount.com")
        );
        let by = "Failed. This command is authenticated as dev@example.com which is the active account";
        assert_eq!(principal_in(by).as_deref(), Some("user:dev@example.com"));
        assert_eq!(principal_in("The caller does not have permission"), None);
        for (message, name) in [
            ("denied on resource (or it may not exist).", None),
            (
                "denied on service account d@p.iam.gserviceaccount.com (or it may not exist).",
                Some("d@p.iam.gserviceaccount.com"),
            ),
            ("permission for 'projects/acme-prod'", Some("projects/acme-prod")),
            (
                "Permission 'x' denied on resource '//run.googleapis.com/projects/p/locations/l/services/s' (or it may not exist).",
                Some("//run.googleapis.com/projects/p/locations/l/services/s"),
            ),
        ] {
            assert_eq!(resource_in(message), name, "{message}");
        }
    }
}
