//! The forms of policy members (IAM reference, `Binding.members`). Whether a member exists is not checked
//! here.

/// Whether a text has the form of a policy member.
pub(crate) fn is_member(member: &str) -> bool {
    match member.split_once(':') {
        None => member == "allUsers" || member == "allAuthenticatedUsers",
        Some(("user" | "group", email)) => is_email(email),
        Some(("serviceAccount", rest)) => is_email(rest) || is_workload(rest),
        Some(("domain", domain)) => is_domain(domain),
        Some(("projectOwner" | "projectEditor" | "projectViewer", project)) => is_plain(project),
        Some(("principal", rest)) => in_pool(rest, false) || is_resource(rest) || is_agent_identity(rest),
        Some(("principalSet", rest)) => {
            in_pool(rest, true)
                || is_agent_identity(rest)
                || rest.strip_prefix("//cloudresourcemanager.googleapis.com/").is_some_and(is_plain)
        }
        Some(("principalHierarchy", rest)) => rest.strip_prefix("//").is_some_and(is_plain),
        Some(("deleted", rest)) => is_deleted(rest),
        _ => false,
    }
}

/// Whether a text is an email address, as far as Google's accounts have one.
pub(crate) fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| is_plain(name) && is_domain(host))
}

/// Whether an address is that of an agent of Google's own, of which no project has a list: a service agent, or the one
/// that runs the APIs of a project.
pub(crate) fn is_agent(email: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match email.split_once('@') {
        Some((name, "cloudservices.gserviceaccount.com")) => number(name),
        Some((name, host)) => name.starts_with("service-") && host.ends_with(".iam.gserviceaccount.com"),
        None => false,
    }
}

/// Whether a text is the name of a domain: at least two parts of letters, digits and inner dashes.
pub(crate) fn is_domain(text: &str) -> bool {
    let part = |part: &str| {
        let inner = |c: char| c.is_alphanumeric() || c == '-';
        !part.is_empty() && part.chars().all(inner) && !part.starts_with('-') && !part.ends_with('-')
    };
    text.contains('.') && text.split('.').all(part)
}

/// `PROJECT.svc.id.goog[NAMESPACE/NAME]`
fn is_workload(text: &str) -> bool {
    let parts = text.split_once(".svc.id.goog[").and_then(|(project, rest)| {
        let (namespace, name) = rest.strip_suffix(']')?.split_once('/')?;
        Some([project, namespace, name])
    });
    parts.is_some_and(|parts| parts.into_iter().all(is_plain))
}

/// `user:EMAIL?uid=NUMBER` and its like, and a pool's former principals.
fn is_deleted(text: &str) -> bool {
    let Some((member, uid)) = text.split_once("?uid=") else {
        return text.starts_with("principal:") && is_member(text);
    };
    let kind = member.split(':').next();
    let number = !uid.is_empty() && uid.bytes().all(|b| b.is_ascii_digit());
    number && matches!(kind, Some("user" | "group" | "serviceAccount")) && is_member(member)
}

/// One of a workforce or workload pool, or a set of them. Subjects and attributes may be any text, slashes included.
fn in_pool(text: &str, set: bool) -> bool {
    let Some(rest) = text.strip_prefix("//iam.googleapis.com/") else { return false };
    let rest = match rest.strip_prefix("projects/") {
        Some(rest) => {
            let rest = rest.split_once("/locations/global/workloadIdentityPools/");
            rest.filter(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
                .map(|(_, rest)| rest)
        }
        None => rest.strip_prefix("locations/global/workforcePools/"),
    };
    let parts = rest.and_then(|rest| rest.split_once('/')).filter(|(pool, _)| is_plain(pool));
    match parts.map(|(_, rest)| rest) {
        Some("*") => set,
        Some(rest) => rest.split_once('/').is_some_and(|(kind, value)| {
            !value.is_empty()
                && !value.contains(char::is_control)
                && matches!(kind, "subject" | "kubernetes.serviceaccount.uid") != set
                && is_plain(kind)
        }),
        None => false,
    }
}

/// `//SERVICE.googleapis.com/projects/NUMBER/…`, of resources that have an identity of their own.
fn is_resource(text: &str) -> bool {
    let named = text.strip_prefix("//").and_then(|rest| rest.split_once(".googleapis.com/projects/"));
    named.is_some_and(|(service, rest)| {
        service != "iam" && rest.starts_with(|c: char| c.is_ascii_digit()) && is_plain(rest)
    })
}

/// `//agents.global.….system.id.goog/…`
fn is_agent_identity(text: &str) -> bool {
    let named = text.strip_prefix("//agents.global.").and_then(|rest| rest.split_once(".system.id.goog/"));
    named.is_some_and(|(owner, rest)| is_plain(owner) && is_plain(rest))
}

/// Not empty, and without separators.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '?'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKLOAD: &str = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p";
    const WORKFORCE: &str = "//iam.googleapis.com/locations/global/workforcePools/p";

    #[test]
    fn every_documented_form_is_a_member() {
        for member in [
            "allUsers",
            "allAuthenticatedUsers",
            "user:ann@example.com",
            "group:all.of-us@mail.example.com",
            "serviceAccount:a@p.iam.gserviceaccount.com",
            "serviceAccount:p.svc.id.goog[shop/mail]",
            "domain:example.com",
            "projectOwner:p",
            "deleted:user:ann@example.com?uid=123",
            "deleted:serviceAccount:a@p.iam.gserviceaccount.com?uid=123",
            &format!("principal:{WORKLOAD}/subject/repo:acme/app:ref:refs/heads/main"),
            &format!("principal:{WORKFORCE}/subject/ann@example.com"),
            &format!("principalSet:{WORKFORCE}/*"),
            &format!("principalSet:{WORKLOAD}/group/a b"),
            &format!("principalSet:{WORKLOAD}/attribute.repository/acme/app"),
            &format!("deleted:principal:{WORKLOAD}/subject/x"),
            "principalSet://cloudresourcemanager.googleapis.com/projects/1/type/ServiceAccount",
            &format!("principal:{WORKLOAD}.svc.id.goog/kubernetes.serviceaccount.uid/6a1c"),
            &format!("principalSet:{WORKLOAD}.svc.id.goog/namespace/shop"),
            "principal://parametermanager.googleapis.com/projects/1/uid/locations/global/parameters/x",
            "principal://agents.global.org-1.system.id.goog/resources/aiplatform/projects/1/locations/x",
        ] {
            assert!(is_member(member), "{member}");
        }
    }

    #[test]
    fn what_only_looks_like_a_member_is_none() {
        for member in [
            "",
            "everybody",
            "ann@example.com",
            "user:",
            "user:@",
            "user:ann",
            "user:ann@example",
            "user:a b@example.com",
            "user:a@b@example.com",
            "domain:example",
            "domain:-x.com",
            "serviceAccount:p.svc.id.goog[shop]",
            "deleted:bogus?uid=",
            "deleted:user:ann@example.com?uid=x",
            "deleted:ann@example.com?uid=1",
            "principal://nonsense",
            &format!("principal:{WORKLOAD}/*"),
            &format!("principal:{WORKLOAD}/group/x"),
            &format!("principalSet:{WORKLOAD}/subject/x"),
            &format!("principalSet:{WORKLOAD}"),
            "principal://iam.googleapis.com/projects/acme/locations/global/workloadIdentityPools/p/subject/x",
            "robot:a@example.com",
        ] {
            assert!(!is_member(member), "{member}");
        }
    }
}
