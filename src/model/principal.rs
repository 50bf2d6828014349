//! The names of federated identities and of sets of principals, `principal://…` and `principalSet://…`, as IAM's page on
//! principal identifiers documents them for allow policies, with the rule that a mistaken one breaks.

use super::account::is_service_account;
use super::nearest::nearest;

/// Pools belong to an organization or to a project.
const WORKFORCE: &str = "locations/global/workforcePools/";
const WORKLOAD: &str = "locations/global/workloadIdentityPools/";

/// How GKE's pool ends: there is one in each project, for its clusters.
const OF_GKE: &str = ".svc.id.goog";

/// Checks a name that begins with `principal`. `None` if it is documented, else why it isn't: Google adds forms.
///
/// # Errors
/// The broken rule of a documented form, without the name.
pub(super) fn check(text: &str) -> Result<Option<String>, String> {
    let Some((scheme, path)) = text.split_once("://").filter(|(_, path)| !path.is_empty()) else {
        return Err("the name of a pool and of a principal has to follow the type".to_owned());
    };
    let is_set = match scheme {
        "principal" => false,
        "principalSet" => true,
        _ => match nearest(scheme, ["principal", "principalSet"]) {
            Some(meant) => return Err(format!("did you mean {meant}://{}?", cut(path))),
            None => return undocumented(&format!("no identifier begins with {scheme}://")),
        },
    };
    let (service, rest) = path.split_once('/').unwrap_or((path, ""));
    match service {
        "iam.googleapis.com" => in_pool(rest, is_set),
        "cloudresourcemanager.googleapis.com" => below_resource(rest, is_set),
        "goog" => Err(in_deny_policy(rest)),
        // Agents have identities of their own, in a domain for each organization or project.
        domain if domain.starts_with("agents.global.") && domain.ends_with(".system.id.goog") => {
            match rest.split_once('/') {
                None if rest == "*" => set("all agents", is_set, rest),
                Some(("resources", name)) if !name.is_empty() => one("an agent", is_set, rest),
                Some((what, value)) if what.starts_with("attribute.") && !value.is_empty() => {
                    set("attributes", is_set, rest)
                }
                _ => undocumented("an agent is named by resources/…, agents by attribute.NAME/VALUE or *"),
            }
        }
        // Some resources have an identity of their own, under the name of their service.
        service if service.ends_with(".googleapis.com") && number_after(rest, "projects/").is_some() => {
            one("a resource", is_set, rest)
        }
        _ => undocumented("the documented ones are of pools, of agents, and of service accounts by resource"),
    }
}

fn undocumented(why: &str) -> Result<Option<String>, String> {
    Ok(Some(why.to_owned()))
}

fn cut(text: &str) -> String {
    text.chars().take(160).collect()
}

/// What follows a number and a slash.
fn number_after<'a>(path: &'a str, before: &str) -> Option<&'a str> {
    let (number, rest) = path.strip_prefix(before)?.split_once('/')?;
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(rest)
}

/// What has to be named as a set, which is its last part.
fn set(what: &str, is_set: bool, who: &str) -> Result<Option<String>, String> {
    match is_set {
        true => Ok(None),
        false => {
            Err(format!("{what} need principalSet://, not principal:// (principalSet://…/{})", cut(who)))
        }
    }
}

/// What has to be named as one principal.
fn one(what: &str, is_set: bool, who: &str) -> Result<Option<String>, String> {
    match is_set {
        false => Ok(None),
        true => Err(format!("{what} needs principal://, not principalSet:// (principal://…/{})", cut(who))),
    }
}

fn in_pool(path: &str, is_set: bool) -> Result<Option<String>, String> {
    if let Some(email) = path.strip_prefix("projects/-/serviceAccounts/") {
        return Err(format!(
            "only deny policies name accounts so. Did you mean serviceAccount:{}?",
            cut(email)
        ));
    }
    let (project, path) = match path.strip_prefix("projects/").and_then(|path| path.split_once('/')) {
        // Managed workload identities are also named with `name/` here.
        Some((project, path)) => (Some(project), path.strip_prefix("name/").unwrap_or(path)),
        None => (None, path),
    };
    let path = match (project, path.strip_prefix(WORKFORCE), path.strip_prefix(WORKLOAD)) {
        (None, Some(path), _) | (Some(_), _, Some(path)) => path,
        (Some(project), Some(_), _) => {
            return Err(format!(
                "workforce pools belong to an organization: leave out projects/{}/",
                cut(project)
            ));
        }
        (None, _, Some(_)) => {
            return Err(
                "workload identity pools belong to a project: put projects/NUMBER/ before locations/"
                    .to_owned(),
            );
        }
        (_, None, None) => {
            return undocumented(&format!(
                "a pool is named {WORKFORCE}POOL or projects/NUMBER/{WORKLOAD}POOL"
            ));
        }
    };
    let Some((pool, who)) = path.split_once('/').filter(|(pool, who)| !pool.is_empty() && !who.is_empty())
    else {
        return Err(
            "who in the pool is missing: add subject/SUBJECT, group/GROUP, attribute.NAME/VALUE, or * for \
                    everyone (the last three with principalSet://)"
                .to_owned(),
        );
    };
    let of_gke = project.is_some() && pool.ends_with(OF_GKE);
    let documented = in_this_pool(who, is_set, of_gke)?;
    match project.filter(|project| project.bytes().any(|b| !b.is_ascii_digit())) {
        Some(project) => {
            undocumented(&format!("the pool's project is named by its number, not its ID ({})", cut(project)))
        }
        None => Ok(documented),
    }
}

fn in_this_pool(who: &str, is_set: bool, of_gke: bool) -> Result<Option<String>, String> {
    let (what, value) = who.split_once('/').unwrap_or((who, ""));
    let attribute = what.strip_prefix("attribute.").map(|name| !name.is_empty());
    let documented = match what {
        "*" if value.is_empty() => return set("all identities of a pool", is_set, who),
        "subject" => one("a subject", is_set, who),
        "group" => set("groups", is_set, who),
        _ if attribute == Some(true) => set("attributes", is_set, who),
        "attribute" | "attribute." => Err("an attribute is written attribute.NAME/VALUE".to_owned()),
        "providers" => Err("a member names a pool, not its provider: leave out providers/…".to_owned()),
        "ns" if of_gke => Err(format!("a Kubernetes account is written subject/{}", cut(who))),
        "namespace" if of_gke => set("namespaces", is_set, who),
        "kubernetes.serviceaccount.uid" if of_gke => one("a Kubernetes account", is_set, who),
        "kubernetes.cluster" if of_gke => set("clusters", is_set, who),
        "namespace" | "kubernetes.serviceaccount.uid" | "kubernetes.cluster" => {
            undocumented(&format!("{what} is only for GKE's pool, PROJECT_ID{OF_GKE}"))
        }
        _ => undocumented(&format!(
            "a pool has subject/…, group/…, attribute.NAME/… and *, but not {}",
            cut(what)
        )),
    }?;
    let kubernetes = value.split('/').collect::<Vec<_>>();
    match what {
        _ if value.is_empty() => Err(format!("{}/ has to be followed by a value", cut(what))),
        "subject"
            if of_gke
                && !matches!(kubernetes[..], ["ns", ns, "sa", name] if !ns.is_empty() && !name.is_empty()) =>
        {
            Err("in GKE's pool a subject is ns/NAMESPACE/sa/NAME".to_owned())
        }
        "kubernetes.cluster" if of_gke && !value.starts_with("https://container.googleapis.com/") => {
            Err("a cluster is named by its URL: \
                 https://container.googleapis.com/v1/projects/PROJECT/locations/LOCATION/clusters/NAME"
                .to_owned())
        }
        _ => Ok(documented),
    }
}

/// All service accounts, or all service agents, of a project, folder or organization.
fn below_resource(path: &str, is_set: bool) -> Result<Option<String>, String> {
    const KINDS: [&str; 2] = ["ServiceAccount", "ServiceAgent"];
    let parts: Vec<&str> = path.split('/').collect();
    let (sort @ ("projects" | "folders" | "organizations"), number) =
        (parts[0], parts.get(1).copied().unwrap_or_default())
    else {
        return undocumented("accounts are named by projects/NUMBER, folders/NUMBER or organizations/NUMBER");
    };
    if number.is_empty() || number.bytes().any(|b| !b.is_ascii_digit()) {
        return Err(format!("{sort} are named by their number here, not by {}", quoted(number)));
    }
    match parts[2..] {
        ["type", kind] if KINDS.contains(&kind) => set("service accounts", is_set, path),
        ["type", kind] => match nearest(kind, KINDS) {
            Some(meant) => Err(format!("unknown type {}. Did you mean type/{meant}?", quoted(kind))),
            None => undocumented(&format!("the types are {} and {}", KINDS[0], KINDS[1])),
        },
        _ => undocumented(&format!("for the service accounts of {sort}/{number}, add /type/ServiceAccount")),
    }
}

fn quoted(text: &str) -> String {
    format!("“{}”", cut(text))
}

/// The second version of IAM's API names principals otherwise, in deny policies.
fn in_deny_policy(path: &str) -> String {
    let (what, value) = path.split_once('/').unwrap_or((path, ""));
    let meant = match what {
        "subject" if is_service_account(value) => format!("serviceAccount:{}", cut(value)),
        "subject" if !value.is_empty() => format!("user:{}", cut(value)),
        "group" if !value.is_empty() => format!("group:{}", cut(value)),
        "public:all" => "allUsers".to_owned(),
        "cloudIdentityCustomerId" => "domain:DOMAIN".to_owned(),
        _ => return "names under goog/ are only for deny policies: use user:EMAIL or group:EMAIL".to_owned(),
    };
    format!("only deny policies name principals so. Did you mean {meant}?")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAFF: &str = "iam.googleapis.com/locations/global/workforcePools/staff";
    const CI: &str = "iam.googleapis.com/projects/8150/locations/global/workloadIdentityPools/ci";
    const GKE: &str =
        "iam.googleapis.com/projects/8150/locations/global/workloadIdentityPools/shop-prod.svc.id.goog";
    const RESOURCES: &str = "cloudresourcemanager.googleapis.com";

    #[test]
    fn every_documented_identifier_is_accepted() {
        let cluster =
            "https://container.googleapis.com/v1/projects/shop-prod/locations/europe-west6/clusters/blue";
        for text in [
            format!("principal://{STAFF}/subject/mia@example.org"),
            format!("principalSet://{STAFF}/group/ops@example.org"),
            format!("principalSet://{STAFF}/attribute.team/payments"),
            format!("principalSet://{STAFF}/*"),
            format!("principal://{CI}/subject/project_path:shop/api:ref_type:branch:ref:main"),
            format!("principalSet://{CI}/group/runners"),
            format!("principalSet://{CI}/attribute.repository_owner/shop"),
            format!("principalSet://{CI}/*"),
            format!("principal://{}/subject/ns/batch/sa/nightly", CI.replace("/locations", "/name/locations")),
            format!("principal://{GKE}/subject/ns/batch/sa/nightly"),
            format!("principal://{GKE}/kubernetes.serviceaccount.uid/7c0b2f5e-1b7a-4df0-9d50-3f1c2f8f2b11"),
            format!("principalSet://{GKE}/namespace/batch"),
            format!("principalSet://{GKE}/kubernetes.cluster/{cluster}"),
            format!("principalSet://{GKE}/*"),
            format!("principalSet://{RESOURCES}/projects/8150/type/ServiceAccount"),
            format!("principalSet://{RESOURCES}/folders/8150/type/ServiceAccount"),
            format!("principalSet://{RESOURCES}/organizations/8150/type/ServiceAccount"),
            format!("principalSet://{RESOURCES}/organizations/8150/type/ServiceAgent"),
            "principal://parametermanager.googleapis.com/projects/8150/uid/locations/global/parameters/5c".to_owned(),
            "principal://agents.global.org-77.system.id.goog/resources/aiplatform/projects/8150/x/1".to_owned(),
            "principalSet://agents.global.org-77.system.id.goog/attribute.platformContainer/aiplatform/projects/8150"
                .to_owned(),
        ] {
            assert_eq!(check(&text), Ok(None), "{text}");
        }
    }

    #[test]
    fn a_mistaken_identifier_is_refused_with_its_rule() {
        for (text, rule) in [
            (format!("principal://{CI}/attribute.repository/shop/api"), "attributes need principalSet://"),
            (format!("principal://{STAFF}/attribute.team/payments"), "principalSet://…/attribute.team/payments"),
            (format!("principal://{STAFF}/group/ops"), "groups need principalSet://"),
            (format!("principal://{CI}/*"), "all identities of a pool need principalSet://"),
            (format!("principal://{GKE}/namespace/batch"), "namespaces need principalSet://"),
            (format!("principalSet://{CI}/subject/s"), "a subject needs principal://"),
            (format!("principalSet://{GKE}/kubernetes.serviceaccount.uid/7c"), "needs principal://"),
            (format!("principalSet://{CI}/attribute/repository/shop"), "attribute.NAME/VALUE"),
            (format!("principalSet://{CI}/attribute.repository"), "attribute.repository/ has to be followed"),
            (format!("principal://{CI}/subject/"), "subject/ has to be followed"),
            (format!("principalSet://{CI}"), "who in the pool is missing"),
            (format!("principalSet://{CI}/providers/gitlab"), "leave out providers/"),
            (format!("principal://{GKE}/subject/system:serviceaccount:batch:nightly"), "ns/NAMESPACE/sa/NAME"),
            (format!("principal://{GKE}/ns/batch/sa/nightly"), "written subject/ns/batch/sa/nightly"),
            (format!("principalSet://{GKE}/kubernetes.cluster/blue"), "https://container.googleapis.com/"),
            (
                "principalSet://iam.googleapis.com/projects/8150/locations/global/workforcePools/staff/*".to_owned(),
                "leave out projects/8150/",
            ),
            (
                "principal://iam.googleapis.com/locations/global/workloadIdentityPools/ci/subject/s".to_owned(),
                "projects/NUMBER/ before",
            ),
            (format!("principalSet://{RESOURCES}/projects/shop-prod/type/ServiceAccount"), "their number here"),
            (format!("principalSet://{RESOURCES}/folders/1/type/serviceAccounts"), "type/ServiceAccount?"),
            (format!("principal://{RESOURCES}/projects/1/type/ServiceAccount"), "need principalSet://"),
            ("principal://goog/subject/mia@example.org".to_owned(), "Did you mean user:mia@example.org?"),
            ("principalSet://goog/group/ops@example.org".to_owned(), "Did you mean group:ops@example.org?"),
            ("principalSet://goog/public:all".to_owned(), "Did you mean allUsers?"),
            ("principalSet://goog/cloudIdentityCustomerId/C0".to_owned(), "domain:DOMAIN"),
            (
                "principal://iam.googleapis.com/projects/-/serviceAccounts/b@shop-prod.iam.gserviceaccount.com".to_owned(),
                "Did you mean serviceAccount:b@shop-prod.iam.gserviceaccount.com?",
            ),
            (format!("principalset://{CI}/*"), "did you mean principalSet://iam"),
            (format!("principle://{CI}/subject/s"), "did you mean principal://iam"),
        ] {
            let said = check(&text).unwrap_err();
            assert!(said.contains(rule), "{text}: {said}");
        }
    }

    #[test]
    fn an_identifier_that_google_may_have_added_is_left_to_iam() {
        for (text, why) in [
            (CI.replace("8150", "shop-prod") + "/subject/s", "its number, not its ID (shop-prod)"),
            (format!("{CI}/namespace/batch"), "GKE's pool"),
            (format!("{CI}/device/9"), "not device"),
            (format!("{RESOURCES}/projects/8150"), "add /type/ServiceAccount"),
            ("id.example.org/x".to_owned(), "documented ones"),
        ] {
            let scheme = if why.contains("number") { "principal" } else { "principalSet" };
            let said = check(&format!("{scheme}://{text}")).unwrap().unwrap_or_default();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
