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
            ("service", service_in(&message)),
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
        if self.permission().is_none() {
            self.asked.permission = implied_permission(&message).map(Into::into);
        }
        // GKE's metadata server passes on what IAM said to the Kubernetes service account.
        if self.principal.is_none() && !self.is_mint() && message.contains("IAM returned 40") {
            self.principal = Some(KUBERNETES.to_owned());
        }
        if self.principal.is_none() {
            self.principal = principal_in(&message);
        }
        if self.asked.resource.is_empty() {
            let named = self.metadata.get("resource").filter(|name| name.contains('/'));
            let found = short_account_in(&message).or_else(|| resource_in(&message)).or(named.cloned());
            let found = found.unwrap_or_default();
            self.asked.resource =
                found.strip_prefix("//cloudresourcemanager.googleapis.com/").unwrap_or(&found).to_owned();
        }
        self.message = message;
    }
}

/// A Kubernetes service account whose name isn't known.
pub(crate) const KUBERNETES: &str = "serviceAccount:PROJECT.svc.id.goog[NAMESPACE/NAME]";

/// The project of `has not been used in project 123 before`.
fn disabled_in(message: &str) -> Option<&str> {
    const BEFORE: [&str; 5] = [
        "has not been used in project ",
        "is not enabled for project ",
        "overview?project=",
        "enable billing on project #",
        "billing/enable?project=",
    ];
    after(message, &BEFORE)
}

/// Sentences that name what isn't allowed only in words, each with the permission.
const IMPLIED: [(&str, &str); 11] = [
    ("permission to get table", "bigquery.tables.get"),
    ("permission to get dataset", "bigquery.datasets.get"),
    ("must have permission to read the image", "artifactregistry.repositories.downloadArtifacts"),
    ("permission to query table", "bigquery.tables.getData"),
    ("does not have access to service account", "iam.serviceAccounts.actAs"),
    ("iam.serviceAccountUser role on the service account", "iam.serviceAccounts.actAs"),
    ("ermission denied on secret: ", "secretmanager.versions.access"),
    ("4033: 'not authorized'", "iap.tunnelInstances.accessViaIAP"),
    ("IAM policy for project ", "resourcemanager.projects.setIamPolicy"),
    ("IAM policy for folder ", "resourcemanager.folders.setIamPolicy"),
    ("IAM policy for organization ", "resourcemanager.organizations.setIamPolicy"),
];

/// The permission that a denial is about without naming it.
pub(crate) fn implied_permission(text: &str) -> Option<String> {
    // `to access projects instance [acme:getIamPolicy]`, as gcloud says it.
    let instance = text.split_once("projects instance [").and_then(|(_, rest)| rest.split_once(']'));
    if let Some((_, method)) = instance.and_then(|(instance, _)| instance.split_once(':')) {
        return Some(format!("resourcemanager.projects.{method}"));
    }
    let denied = ["denied", "does not have", "must have", "not authorized", "Ask a project owner"];
    let known = IMPLIED.iter().find(|(words, _)| text.contains(words));
    known.filter(|_| denied.iter().any(|words| text.contains(words))).map(|(_, name)| (*name).to_owned())
}

/// The API in the address of the page that enables it, or in `API x.cloud.goog is not enabled for the project`.
fn service_in(message: &str) -> Option<&str> {
    let named = || message.split_once(" is not enabled for the project")?.0.rsplit([' ', ':']).next();
    let plain = |name: &&str| name.contains('.') && !name.contains('/');
    after(message, &["apis/api/"]).filter(|name| name.ends_with(".com")).or_else(|| named().filter(plain))
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
        // `spec.template.containers[0]` and `a.b.c()` are a field and a function.
        let stands = !word[end..].starts_with(['[', '(']) || word[end..].starts_with("(s)");
        if stands
            && is_permission(name)
            && !before.is_some_and(|c| c.is_alphanumeric() || "@/._-]".contains(c))
        {
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
        && last.starts_with(|c: char| c.is_ascii_lowercase())
        && first.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && parts.all(plain)
}

/// The principal that lacks something according to a sentence, as a policy member.
pub(crate) fn principal_in(message: &str) -> Option<String> {
    // Who must have something is said of an agent beside the caller who asked.
    const VERBS: [&str; 12] = [
        " must have",
        " does not have",
        " doesn't have",
        " do not have",
        " lacks",
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
        let mut words = message[from..at].split([' ', '\'', '"', '(', ')', '`', '<', '>', ',']).rev();
        // `Message[a@b does not have …]`
        let bracketed = |word: &str| as_member(word.rsplit('[').next()?);
        let named = words.find_map(|word| as_member(word).or_else(|| bracketed(word)));
        if named.is_some() {
            return named;
        }
    }
    const BEFORE: [&str; 6] = [
        "authenticated as ",
        "ermission to service agent ",
        "ervice agent ",
        "for Revision service account ",
        "User: '",
        "Delegation denied for ",
    ];
    BEFORE
        .iter()
        .filter_map(|before| message.split_once(before))
        .find_map(|(_, rest)| as_member(rest.split([' ', ',', '\n', '\'']).next().unwrap_or_default()))
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
pub(crate) fn resource_in(message: &str) -> Option<String> {
    const BEFORE: [&str; 28] = [
        "found for email ",
        "on service account ",
        "for service account ",
        "to service account ",
        "denied on secret: ",
        "denied on resource '",
        "denied on resource ",
        "denied for resource ",
        "denied on '",
        "denied on ",
        "permission for '",
        "permission for ",
        "permission(s) for ",
        "on resource '",
        "on resource ",
        "for resource ",
        "to resource ",
        "on dataset ",
        "query table ",
        "get table ",
        "get dataset ",
        "permission on ",
        "IAM policy for project ",
        "on project ",
        "in project ",
        "to project ",
        "on bucket ",
        "on the resource ",
    ];
    // `to access serviceAccounts instance [a@b]`, as gcloud says it.
    if !message.contains("must have")
        && let Some((collection, rest)) = message.split_once(" instance [")
        && let Some((name, _)) = rest.split_once([']', ':'])
    {
        let project = collection.ends_with("projects");
        return Some(if project { format!("projects/{name}") } else { name.to_owned() });
    }
    let found = BEFORE.iter().find_map(|before| {
        // `Revision service account` doesn't say what something is on.
        let starts = |at: &usize| !message[..*at].ends_with(|c: char| c.is_alphanumeric());
        let at = message.find(before).filter(starts)?;
        resource_at(&message[at + before.len()..])
    });
    // `lacks pubsub.topics.publish on projects/p/topics/t`
    let beside = || {
        let (_, rest) = message.split_once(permission_in(message)?)?;
        let rest = rest.trim_start_matches(['\'', '"', '`', ']', ')', ' ']);
        resource_at(rest.strip_prefix("on ").or_else(|| rest.strip_prefix("for "))?)
    };
    found.or_else(beside).map(str::to_owned)
}

/// The name that a text begins with, if it can be a resource's.
fn resource_at(text: &str) -> Option<&str> {
    const NO_NAMES: [&str; 12] =
        ["resource", "project", "the", "this", "it", "or", "for", "service", "a", "account", "parent", "at"];
    let text = text.trim_start_matches(['\'', '"', '`', '[', '(', '#']);
    let end = text.find(|c: char| c.is_whitespace() || "'\"`),;]".contains(c)).unwrap_or(text.len());
    let name = text[..end].trim_end_matches(['.', ':']);
    let named = name.len() > 2 && !NO_NAMES.contains(&name) && name.contains(['/', '@', '-', '.', '_'])
        || name.len() > 5 && name.contains(char::is_numeric);
    (named && !name.starts_with("//iam.googleapis.com/projects/-")).then_some(name)
}

/// The account of `service account deployer in project acme`, where only its short name is written.
pub(crate) fn short_account_in(text: &str) -> Option<String> {
    const PLACES: [&str; 5] =
        [" in project ", " within project ", " of project ", " for project ", " does not exist in project "];
    let at = text.find("ervice account ")?;
    let named = |text: &str| {
        let text = text.trim_start_matches(['\'', '"', '`', '[', '(']);
        let text = text.strip_prefix("projects/").unwrap_or(text);
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(text.len());
        let name = &text[..end];
        let plain = name.starts_with(|c: char| c.is_ascii_lowercase()) && (4..31).contains(&name.len());
        plain.then(|| name.to_owned())
    };
    let after = &text[at + "ervice account ".len()..];
    let account = named(after)?;
    let begin = after.find(account.as_str())? + account.len();
    let (after, near) = (&after[begin..], 60);
    let place = PLACES.iter().filter_map(|place| Some((after.find(place)?, place))).min()?;
    let rest = &after[place.0 + place.1.len()..];
    let project = named(rest)?;
    // It can be the one that lacks something.
    if ["does not have", "doesn't have", "lacks"].iter().any(|verb| rest.contains(verb)) {
        return None;
    }
    // `a@b` is whole already, and what comes before the project belongs to the same sentence.
    (place.0 < near && !after.starts_with(['@', '.', '/']))
        .then(|| format!("{account}@{project}.iam.gserviceaccount.com"))
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
    fn a_short_name_is_an_account_of_the_project_beside_it() {
        for (text, account) in [
            (
                "service account loader in project north-11 was not found",
                Some("loader@north-11.iam.gserviceaccount.com"),
            ),
            (
                "Service account 'loader' already exists within project projects/north-11.",
                Some("loader@north-11.iam.gserviceaccount.com"),
            ),
            ("service account a@b.example in project north-11", None),
            ("service account loader in project north-11 does not have a.b.c", None),
            ("the service account of your project", None),
        ] {
            assert_eq!(short_account_in(text).as_deref(), account, "{text}");
        }
        assert_eq!(
            resource_in("missing permission run.services.get on projects/p1").as_deref(),
            Some("projects/p1")
        );
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
            assert_eq!(resource_in(message).as_deref(), name, "{message}");
        }
    }
}
