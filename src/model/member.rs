//! A member of a binding: the string as written, and the form in which two of them are compared. It knows the
//! documented forms (reference of `Policy`, field `Binding.members`) and what to tell a reader about each; it never
//! looks anything up.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::account::{self, Email, is_service_account};
use super::nearest::nearest;
use super::principal;

/// A member string, kept as written and compared normalized: the value of `user:`, `group:`, `serviceAccount:` and
/// `domain:` without regard to case, everything else exactly. IAM folds the former when it stores a policy and keeps
/// the case of the latter; Terraform's provider compares the same way.
#[derive(Clone, Debug)]
pub struct Member {
    text: String,
    key: String,
}

/// The kind of member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `user:{email}`
    User,
    /// `group:{email}`
    Group,
    /// `serviceAccount:{email}`
    ServiceAccount,
    /// `serviceAccount:{project}.svc.id.goog[{namespace}/{account}]`
    Kubernetes,
    /// `domain:{domain}`
    Domain,
    /// `principal://…`: one federated identity
    Principal,
    /// `principalSet://…` and other `principal…://` forms: many identities
    PrincipalSet,
    /// `projectOwner:{project}`, `projectEditor:{project}`, `projectViewer:{project}`
    ProjectRole,
    /// `deleted:…`
    Deleted,
    /// `allUsers`
    AllUsers,
    /// `allAuthenticatedUsers`
    AllAuthenticatedUsers,
    /// Anything else.
    Other,
}

/// Shown if a typed member has no documented form.
const FORMS: &str = "user:EMAIL, group:EMAIL, serviceAccount:EMAIL, domain:DOMAIN, allUsers, \
     allAuthenticatedUsers, principal://… or principalSet://…";

/// What a member can begin with, before the colon.
const TYPES: [&str; 6] = ["user", "group", "serviceAccount", "domain", "principal", "principalSet"];

/// Said of a user or group without one.
const AN_EMAIL: &str = "an email address has to follow the type, such as user:dev@example.com";

impl Member {
    /// A member as the server sent it: kept, whatever it is.
    pub fn read(text: &str) -> Member {
        let key = match text.split_once(':') {
            Some((kind @ ("user" | "group" | "serviceAccount" | "domain"), value)) => {
                format!("{kind}:{}", value.to_lowercase())
            }
            _ => text.to_owned(),
        };
        Member { text: text.to_owned(), key }
    }

    /// Checks a typed member; the short form of a service account is completed. The remark is for an undocumented
    /// `principal…://` form, because Google adds forms.
    ///
    /// # Errors
    /// One sentence with the rule.
    pub fn parse(text: &str) -> Result<(Member, Option<String>), String> {
        let text = text.trim();
        let shown: String = text.chars().take(80).collect();
        let no = |rule: &str| Err(format!("Invalid member “{shown}”: {rule}"));
        if text.chars().any(char::is_control) {
            return no("it contains control characters");
        }
        let value = text.split_once(':').map_or("", |(_, value)| value);
        let member = match (Member::read(text), Email::parse(value)) {
            (member, Ok(email)) if member.kind() == Kind::ServiceAccount => {
                Member::read(&format!("serviceAccount:{email}"))
            }
            (member, _) => member,
        };
        match member.kind() {
            Kind::AllUsers | Kind::AllAuthenticatedUsers => {}
            Kind::User | Kind::Group if is_service_account(value) || value.contains(':') => {
                return match Email::parse(value) {
                    Ok(email) => {
                        Err(format!("“{shown}” is a service account. Did you mean serviceAccount:{email}?"))
                    }
                    Err(_) => no(AN_EMAIL),
                };
            }
            Kind::User | Kind::Group if !is_email(value) => return no(AN_EMAIL),
            Kind::ServiceAccount if !is_account(&member) => {
                return no(
                    "use the full email, which ends in gserviceaccount.com, or for a Kubernetes account \
                     serviceAccount:PROJECT.svc.id.goog[NAMESPACE/NAME]",
                );
            }
            Kind::Kubernetes if !is_kubernetes(value) => {
                return no("use serviceAccount:PROJECT.svc.id.goog[NAMESPACE/NAME] for a Kubernetes account");
            }
            Kind::Domain if !is_domain(value) => {
                return no("a domain has to follow the type, such as domain:example.com");
            }
            Kind::Deleted if !is_deleted_form(value) => {
                return no(
                    "use deleted:user:EMAIL?uid=DIGITS for a deleted principal, likewise for group and \
                     serviceAccount, or deleted:principal://…",
                );
            }
            Kind::ProjectRole => {
                return no(
                    "members such as projectOwner: exist on buckets and datasets, not on service accounts",
                );
            }
            Kind::Principal | Kind::PrincipalSet => {
                return match principal::check(text) {
                    Ok(None) => Ok((member, None)),
                    Ok(Some(why)) => {
                        let remark = format!(
                            "“{shown}” has no documented form ({why}); IAM will say whether it knows it"
                        );
                        Ok((member, Some(remark)))
                    }
                    Err(rule) => no(&rule),
                };
            }
            Kind::Other => return Err(unknown_type(text, &shown)),
            _ => {}
        }
        Ok((member, None))
    }

    /// As written: `user:Dev@Example.com`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As compared: `user:dev@example.com`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The kind of member.
    pub fn kind(&self) -> Kind {
        let (prefix, value) = self.text.split_once(':').unwrap_or((&self.text, ""));
        match prefix {
            "allUsers" if value.is_empty() => Kind::AllUsers,
            "allAuthenticatedUsers" if value.is_empty() => Kind::AllAuthenticatedUsers,
            "user" => Kind::User,
            "group" => Kind::Group,
            "serviceAccount" if value.contains('[') => Kind::Kubernetes,
            "serviceAccount" => Kind::ServiceAccount,
            "domain" => Kind::Domain,
            "deleted" => Kind::Deleted,
            "projectOwner" | "projectEditor" | "projectViewer" => Kind::ProjectRole,
            "principal" if value.starts_with("//") => Kind::Principal,
            _ if prefix.starts_with("principal") && value.starts_with("//") => Kind::PrincipalSet,
            _ => Kind::Other,
        }
    }

    /// For lists: without what all of its kind share, and with a long `uid` cut.
    pub(crate) fn short(&self) -> String {
        match self.kind() {
            Kind::ServiceAccount => account::short(&self.text).into_owned(),
            Kind::Principal | Kind::PrincipalSet => match self.text.split_once("Pools/") {
                Some((start, rest)) => {
                    format!("{}://…/{rest}", start.split_once(':').map_or("principal", |(scheme, _)| scheme))
                }
                None => self.text.clone(),
            },
            Kind::Deleted => match self.text.split_once("?uid=") {
                Some((name, uid)) if uid.chars().count() > 8 => {
                    format!("{name}?uid={}…", uid.chars().take(4).collect::<String>())
                }
                _ => self.text.clone(),
            },
            _ => self.text.clone(),
        }
    }

    /// Anyone, with or without a Google account.
    pub(crate) fn is_public(&self) -> bool {
        matches!(self.kind(), Kind::AllUsers | Kind::AllAuthenticatedUsers)
    }

    /// The principal was deleted; a new one of the same name doesn't get its roles.
    pub(crate) fn is_deleted(&self) -> bool {
        self.kind() == Kind::Deleted
    }

    /// Many principals behind one name, which are not visible from here.
    pub(crate) fn is_opaque(&self) -> bool {
        matches!(self.kind(), Kind::Group | Kind::Domain | Kind::PrincipalSet | Kind::ProjectRole)
    }

    /// The domain of a user, group or `domain:`, lower case.
    pub(crate) fn domain(&self) -> Option<&str> {
        let value = self.key.split_once(':')?.1;
        match self.kind() {
            Kind::User | Kind::Group => Some(value.rsplit_once('@')?.1),
            Kind::Domain => Some(value),
            _ => None,
        }
    }

    /// What to tell a reader about it: `other project`, `other domain`, `public`, … An unknown project or domain marks
    /// nothing.
    pub(crate) fn marks(
        &self,
        account_project: Option<&str>,
        caller_domain: Option<&str>,
    ) -> Vec<&'static str> {
        let mut marks = Vec::new();
        match self.kind() {
            Kind::AllUsers | Kind::AllAuthenticatedUsers => marks.push("public"),
            Kind::Deleted => marks.push("deleted principal"),
            Kind::Group => marks.push("group: members hidden"),
            Kind::PrincipalSet => marks.push("identity set: members hidden"),
            Kind::Domain => marks.push("whole domain"),
            Kind::ProjectRole => marks.push("project role: members hidden"),
            Kind::Other => marks.push("unknown form"),
            Kind::ServiceAccount | Kind::Kubernetes if self.is_service_agent() => {
                marks.push("Google's service agent");
            }
            _ => {}
        }
        let elsewhere = |known: Option<&str>, its: Option<&str>| matches!((known, its), (Some(a), Some(b)) if !a.eq_ignore_ascii_case(b));
        if !self.is_service_agent() && elsewhere(account_project, self.project().as_deref()) {
            marks.push("other project");
        }
        if elsewhere(caller_domain, self.domain()) {
            marks.push("other domain");
        }
        marks
    }

    /// The project in an account's name.
    fn project(&self) -> Option<String> {
        let value = self.key.split_once(':')?.1;
        match self.kind() {
            Kind::ServiceAccount => account::project_of(value).map(|project| project.to_string()),
            Kind::Kubernetes => value.split_once(".svc.id.goog[").map(|(project, _)| project.to_owned()),
            _ => None,
        }
    }

    /// One of Google's own, see [`account::is_googles`].
    fn is_service_agent(&self) -> bool {
        self.kind() == Kind::ServiceAccount && account::is_googles(&self.key)
    }
}

impl PartialEq for Member {
    fn eq(&self, other: &Member) -> bool {
        self.key == other.key
    }
}

impl Eq for Member {}

impl Hash for Member {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl PartialOrd for Member {
    fn partial_cmp(&self, other: &Member) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Member {
    fn cmp(&self, other: &Member) -> Ordering {
        self.key.cmp(&other.key)
    }
}

fn is_email(text: &str) -> bool {
    let no_space = !text.contains(char::is_whitespace);
    no_space
        && text.split_once('@').is_some_and(|(local, domain)| {
            let plain = |c: char| c.is_alphanumeric() || "!#$%&'*+/=^_`{|}~.-".contains(c);
            !local.is_empty() && local.chars().all(plain) && is_domain(domain)
        })
}

fn is_domain(text: &str) -> bool {
    text.contains('.')
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// Whether a `serviceAccount:` names one.
fn is_account(member: &Member) -> bool {
    member.key.split_once(':').is_some_and(|(_, email)| is_email(email) && is_service_account(email))
}

/// `{project}.svc.id.goog[{namespace}/{account}]`, with names as Kubernetes allows them.
fn is_kubernetes(value: &str) -> bool {
    let name = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
    };
    value
        .strip_suffix(']')
        .and_then(|value| value.split_once(".svc.id.goog["))
        .and_then(|(project, inner)| Some((project, inner.split_once('/')?)))
        .is_some_and(|(project, (namespace, account))| {
            name(&project.replace(':', "")) && name(namespace) && name(account)
        })
}

fn is_deleted_form(value: &str) -> bool {
    if value.starts_with("principal://") {
        return principal::check(value) == Ok(None);
    }
    let Some((kind, (email, uid))) =
        value.split_once(':').and_then(|(kind, rest)| Some((kind, rest.split_once("?uid=")?)))
    else {
        return false;
    };
    matches!(kind, "user" | "group" | "serviceAccount")
        && is_email(email)
        && is_service_account(email) == (kind == "serviceAccount")
        && !uid.is_empty()
        && uid.bytes().all(|b| b.is_ascii_digit())
}

/// A member without a type or with an unknown one: suggests the nearest correction.
fn unknown_type(text: &str, shown: &str) -> String {
    if let Ok(email) = Email::parse(text) {
        return format!("“{shown}” needs a type. Did you mean serviceAccount:{email}?");
    }
    match text.split_once(':') {
        None if is_email(text) => format!("“{shown}” needs a type. Did you mean user:{shown}?"),
        None => match nearest(text, ["allUsers", "allAuthenticatedUsers"]) {
            Some(meant) => format!("Unknown member “{shown}”. Did you mean {meant}?"),
            None => format!("Invalid member “{shown}”: use {FORMS}"),
        },
        Some((kind, value)) => match nearest(kind, TYPES) {
            Some(meant) if meant != kind && !value.is_empty() => {
                let value: String = value.chars().take(80).collect();
                format!("Unknown member type “{kind}”. Did you mean {meant}:{value}?")
            }
            _ => format!("Invalid member “{shown}”: use {FORMS}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKFORCE: &str = "iam.googleapis.com/locations/global/workforcePools/staff";
    const WORKLOAD: &str = "iam.googleapis.com/projects/4711/locations/global/workloadIdentityPools/ci";

    #[test]
    fn every_documented_form_is_accepted_without_a_remark() {
        for text in [
            "allUsers".to_owned(),
            "allAuthenticatedUsers".to_owned(),
            "user:Dev.O'Hara+x@Example.com".to_owned(),
            "group:oncall@example.com".to_owned(),
            "serviceAccount:ci@acme-ci.iam.gserviceaccount.com".to_owned(),
            "serviceAccount:4711-compute@developer.gserviceaccount.com".to_owned(),
            "serviceAccount:acme-prod.svc.id.goog[shop/mail]".to_owned(),
            "domain:example.com".to_owned(),
            format!("principal://{WORKFORCE}/subject/ann@example.com"),
            format!("principalSet://{WORKFORCE}/group/g-1"),
            format!("principalSet://{WORKFORCE}/attribute.department/IT"),
            format!("principalSet://{WORKFORCE}/*"),
            format!("principal://{WORKLOAD}/subject/repo:acme/shop:ref:refs/heads/main"),
            format!("principalSet://{WORKLOAD}/attribute.repository/acme/shop"),
            "deleted:user:ghost@example.com?uid=6052".to_owned(),
            "deleted:serviceAccount:x@acme-ci.iam.gserviceaccount.com?uid=1".to_owned(),
            "deleted:group:g@example.com?uid=1".to_owned(),
            format!("deleted:principal://{WORKFORCE}/subject/ann"),
        ] {
            let (member, remark) = Member::parse(&format!(" {text} ")).unwrap();
            assert_eq!((member.as_str(), remark), (text.as_str(), None));
        }
    }

    #[test]
    fn the_short_form_of_a_service_account_is_completed() {
        for (typed, member) in [
            ("serviceAccount:mail@shop-prod", "serviceAccount:mail@shop-prod.iam.gserviceaccount.com"),
            (
                "serviceAccount:mail@example.org:till",
                "serviceAccount:mail@till.example.org.iam.gserviceaccount.com",
            ),
            (
                "serviceAccount:mail@eu0:shop-prod",
                "serviceAccount:mail@shop-prod.eu0.iam.gserviceaccount.com",
            ),
            (
                "serviceAccount:projects/-/serviceAccounts/mail@shop-prod.iam.gserviceaccount.com",
                "serviceAccount:mail@shop-prod.iam.gserviceaccount.com",
            ),
            (
                "serviceAccount:service-8150@gcp-sa-eventarc",
                "serviceAccount:service-8150@gcp-sa-eventarc.iam.gserviceaccount.com",
            ),
            ("serviceAccount:8150@cloudservices.gserviceaccount.com", ""),
            ("serviceAccount:8150-compute@developer.eu0-system.iam.gserviceaccount.com", ""),
            ("serviceAccount:example.org:till.svc.id.goog[batch/nightly]", ""),
        ] {
            let (read, remark) = Member::parse(typed).unwrap();
            let member = if member.is_empty() { typed } else { member };
            assert_eq!((read.as_str(), remark), (member, None));
            assert_eq!(Member::parse(&read.short()).map(|(again, _)| again), Ok(read));
        }
        for (typed, meant) in [
            ("mail@example.org:till", "serviceAccount:mail@till.example.org.iam.gserviceaccount.com?"),
            ("mail@shop-prod", "serviceAccount:mail@shop-prod.iam.gserviceaccount.com?"),
            ("user:mail@example.org:till", "serviceAccount:mail@till.example.org.iam.gserviceaccount.com?"),
        ] {
            assert!(Member::parse(typed).unwrap_err().ends_with(&format!("Did you mean {meant}")), "{typed}");
        }
        for typed in [
            "deleted:serviceAccount:mia@example.org?uid=7",
            "deleted:user:mail@shop-prod.iam.gserviceaccount.com?uid=7",
            "deleted:principal://goog/subject/mia@example.org?uid=7",
            "user:mia@example.org:x:y",
        ] {
            assert!(Member::parse(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn a_federated_form_that_google_may_have_added_is_a_remark() {
        for text in [
            "principalHierarchy://cloudresourcemanager.googleapis.com/folders/1",
            "principalSet://cloudresourcemanager.googleapis.com/projects/4711",
            "principal://iam.googleapis.com/projects/acme-prod/locations/global/workloadIdentityPools/p/subject/s",
        ] {
            assert!(Member::parse(text).unwrap().1.unwrap().contains("no documented form"), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_rule() {
        for (text, rule) in [
            ("", "allUsers"),
            ("dev@example.com", "Did you mean user:dev@example.com?"),
            ("ci@acme-ci.iam.gserviceaccount.com", "Did you mean serviceAccount:ci@acme-ci.iam"),
            ("allusers", "Did you mean allUsers?"),
            ("allUsers:x", "allUsers"),
            ("User:dev@example.com", "Did you mean user:dev@example.com?"),
            ("serviceacount:a@b.c", "Did you mean serviceAccount:a@b.c?"),
            ("robot:dev@example.com", "use user:EMAIL, group:EMAIL"),
            ("user:dev", "email"),
            ("user:dev@example", "email"),
            ("user:a b@example.com", "email"),
            ("user:a@b.c@d.e", "email"),
            ("group:x@-a.com", "email"),
            ("user:ci@acme-ci.iam.gserviceaccount.com", "Did you mean serviceAccount:ci@acme-ci"),
            ("serviceAccount:dev@example.com", "gserviceaccount.com"),
            ("serviceAccount:acme-prod.svc.id.goog[shop]", "[NAMESPACE/NAME]"),
            ("serviceAccount:[a/b]", "[NAMESPACE/NAME]"),
            ("domain:example", "domain:example.com"),
            ("deleted:user:ghost@example.com", "?uid="),
            ("deleted:domain:example.com?uid=1", "?uid="),
            ("projectOwner:acme-prod", "buckets"),
            ("principal://", "has to follow"),
            ("principalSet:x", "principalSet://"),
            ("user:dev\u{1b}[31m@example.com", "control"),
        ] {
            let sentence = Member::parse(text).unwrap_err();
            assert!(sentence.contains(rule), "{text}: {sentence}");
        }
    }

    #[test]
    fn addresses_are_compared_without_regard_to_case_and_nothing_else_is() {
        let same = |a, b| Member::read(a) == Member::read(b);
        assert!(same("user:Dev@Example.com", "user:dev@example.COM"));
        assert!(same("domain:Example.com", "domain:example.com"));
        assert!(!same("user:dev@example.com", "group:dev@example.com"));
        assert!(!same("deleted:user:A@b.c?uid=1", "deleted:user:a@b.c?uid=1"));
        assert!(!same("principal://x/subject/A", "principal://x/subject/a"));
        assert_eq!(Member::read("user:Dev@Example.com").as_str(), "user:Dev@Example.com");
    }

    #[test]
    fn what_a_reader_should_know_is_said_in_words() {
        let marks = |text: &str| Member::read(text).marks(Some("acme-prod"), Some("example.com"));
        assert_eq!(marks("user:dev@Example.com"), Vec::<&str>::new());
        assert_eq!(marks("user:carol@contractor.example"), ["other domain"]);
        assert_eq!(marks("serviceAccount:ci@acme-ci.iam.gserviceaccount.com"), ["other project"]);
        assert_eq!(marks("serviceAccount:acme-ci.svc.id.goog[shop/mail]"), ["other project"]);
        assert_eq!(marks("serviceAccount:a@acme-prod.iam.gserviceaccount.com"), Vec::<&str>::new());
        assert_eq!(
            marks("serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com"),
            ["Google's service agent"]
        );
        assert_eq!(marks("domain:example.net"), ["whole domain", "other domain"]);
        assert_eq!(marks("group:oncall@example.com"), ["group: members hidden"]);
        assert_eq!(marks("allAuthenticatedUsers"), ["public"]);
        assert_eq!(marks("deleted:user:ghost@example.net?uid=6"), ["deleted principal"]);
        assert_eq!(marks("martian:x"), ["unknown form"]);
        assert!(Member::read("user:a@b.c").marks(None, None).is_empty());
    }

    #[test]
    fn lists_leave_out_what_all_of_a_sort_share() {
        let short = |text: &str| Member::read(text).short();
        assert_eq!(short("serviceAccount:ci@acme-ci.iam.gserviceaccount.com"), "serviceAccount:ci@acme-ci");
        assert_eq!(short(&format!("principal://{WORKLOAD}/subject/s")), "principal://…/ci/subject/s");
        assert_eq!(
            short("deleted:user:ghost@example.com?uid=605212345678"),
            "deleted:user:ghost@example.com?uid=6052…"
        );
        assert_eq!(short("user:dev@example.com"), "user:dev@example.com");
    }
}
