//! A service account, its keys, and the two ways to name one: by email or by 21-digit unique ID.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use jiff::Timestamp;

use super::project::ProjectRef;

/// A Google Cloud service account, as `iam.projects.serviceAccounts.get` describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// `deployer@acme-prod.iam.gserviceaccount.com`
    pub email: String,
    /// Survives delete and undelete, differs for a recreated account. `None` if not known.
    pub unique_id: Option<UniqueId>,
    /// The project that owns it. `None` if not known.
    pub project: Option<ProjectRef>,
    /// Up to 100 bytes of free text, can be empty.
    pub display_name: String,
    /// Up to 256 bytes of free text, can be empty.
    pub description: String,
    /// A disabled account can't authenticate.
    pub disabled: bool,
}

impl Account {
    /// An account known by name only: typed, nothing read about it yet.
    pub(crate) fn named(name: &str) -> Account {
        Account { email: name.to_owned(), project: project_of(name), ..Account::default() }
    }

    /// IAM's full name for it (AIP-122), which is documented with the project ID and the email only; `None` if these
    /// are not known.
    pub(crate) fn full_name(&self) -> Option<String> {
        let (email, project) = (&self.email, self.project.as_ref()?);
        email
            .contains('@')
            .then(|| format!("//iam.googleapis.com/projects/{project}/serviceAccounts/{email}"))
    }

    /// The short form used in lists: `deployer@acme-prod`.
    pub(crate) fn short(&self) -> Cow<'_, str> {
        short(&self.email)
    }
}

/// One key of an account. Only user-managed keys are read: they are the ones people leak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountKey {
    pub(crate) id: String,
    /// When it was created (`validAfterTime`).
    pub(crate) created: Option<Timestamp>,
    /// When it expires; `None` for never (Google writes 9999-12-31T23:59:59Z).
    pub(crate) expires: Option<Timestamp>,
    /// Google rejects the signatures of disabled keys.
    pub(crate) disabled: bool,
}

/// A service account's email in full, or whatever Google wrote in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Email(String);

/// An account's unique ID: 21 digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UniqueId(String);

/// What a request names an account by. Google accepts both, in the same place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccountRef {
    /// `deployer@acme-prod.iam.gserviceaccount.com`
    Email(Email),
    /// `107517467455664443765`
    Id(UniqueId),
}

/// Whose account an email names, as far as it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner<'a> {
    /// Created in this project.
    Project(Cow<'a, str>),
    /// The default account of a project, which App Engine's name tells.
    Default(Option<Cow<'a, str>>),
    /// A service agent, or another account of Google's own.
    Google,
    /// Not a service account.
    None,
}

/// The domain of all service accounts, in every universe.
const DOMAIN: &str = ".gserviceaccount.com";

/// What comes before [`DOMAIN`] in the emails of a project's own accounts.
const OF_PROJECTS: &str = ".iam";

/// Google's projects that only contain service agents (IAM's page on service agents), in addition to those that begin
/// with `gcp-sa-`.
const AGENTS: [&str; 24] = [
    "bigquery-encryption",
    "cloud-cdn-fill",
    "cloud-filer",
    "cloud-memcache-sa",
    "cloud-redis",
    "cloud-tpu",
    "cloudcomposer-accounts",
    "compute-system",
    "container-analysis",
    "container-engine-robot",
    "containerregistry",
    "dataflow-service-producer-prod",
    "dataproc-accounts",
    "dlp-api",
    "endpoints-portal",
    "firebase-rules",
    "gcf-admin-robot",
    "gcp-gae-service",
    "gs-project-accounts",
    "security-center-api",
    "serverless-robot-prod",
    "service-consumer-management",
    "service-networking",
    "storage-transfer-service",
];

/// The forms that are accepted.
const FORMS: &str =
    "Use NAME@PROJECT, the full email (NAME@PROJECT.iam.gserviceaccount.com), or the 21-digit unique ID";

impl Email {
    /// As Google wrote it: kept, whatever it is.
    pub(crate) fn read(text: &str) -> Email {
        Email(text.to_owned())
    }

    /// Checks a typed email. The short form `name@project` is completed, and the name of the resource
    /// (`projects/-/serviceAccounts/EMAIL`) and of the member are accepted.
    ///
    /// # Errors
    /// One sentence with the accepted forms.
    pub(crate) fn parse(text: &str) -> Result<Email, String> {
        let (project, name) = unwrapped(text);
        let wrong = || {
            let shown: String = text.trim().chars().take(80).collect();
            format!("“{shown}” isn't a full account name. {FORMS}")
        };
        let plain = |s: &str, extra: &[u8]| {
            !s.is_empty()
                && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || extra.contains(&b))
        };
        let (local, domain) =
            name.split_once('@').filter(|(local, _)| plain(local, b"-._")).ok_or_else(wrong)?;
        let email = match ProjectRef::parse(domain) {
            _ if domain.ends_with(DOMAIN) && domain.split('.').all(|label| plain(label, b"-")) => {
                Email(name.to_owned())
            }
            // Only the names of resources begin with `projects/`.
            Ok(ProjectRef::Id(id)) if id == domain => {
                Email(format!("{local}@{}{OF_PROJECTS}{DOMAIN}", swapped(&id, ':')))
            }
            _ => return Err(wrong()),
        };
        match (project.map(ProjectRef::parse), project_of(&email.0)) {
            (Some(Ok(ProjectRef::Id(named))), Some(own)) if named != *own => {
                Err(format!("{name} is an account of {own}, but the name says projects/{named}: use {email}"))
            }
            (Some(Err(_)), _) if project != Some("-") => Err(wrong()),
            _ => Ok(email),
        }
    }
}

impl UniqueId {
    /// As Google wrote it: kept, whatever it is. `None` where nothing was written.
    pub fn read(text: &str) -> Option<UniqueId> {
        (!text.is_empty()).then(|| UniqueId(text.to_owned()))
    }
}

impl AccountRef {
    /// As Google wrote it, or as it was checked before: kept, whatever it is.
    pub fn read(text: &str) -> AccountRef {
        match UniqueId::read(text).filter(|_| text.bytes().all(|b| b.is_ascii_digit())) {
            Some(id) => AccountRef::Id(id),
            None => AccountRef::Email(Email::read(text)),
        }
    }

    /// Checks the typed name of an account to act as.
    ///
    /// # Errors
    /// One sentence with the accepted forms, or that the account is one of Google's own.
    pub(crate) fn parse(text: &str) -> Result<AccountRef, String> {
        let (_, name) = unwrapped(text);
        if is_id(name) {
            return Ok(AccountRef::Id(UniqueId(name.to_owned())));
        }
        let email = Email::parse(text)?;
        match is_googles(&email) {
            true => Err(format!(
                "{email} belongs to Google: only Google's services can act as it, and no policy changes that. \
                 Use an account of your own project"
            )),
            false => Ok(AccountRef::Email(email)),
        }
    }
}

/// A name that Google's APIs and files write around it: the project of the resource, if it is one, and the name itself.
fn unwrapped(text: &str) -> (Option<&str>, &str) {
    let text = text.trim();
    let text = text.strip_prefix("serviceAccount:").unwrap_or(text);
    let path = text.strip_prefix("principal:").unwrap_or(text);
    let path = path.strip_prefix("//iam.googleapis.com/").unwrap_or(path);
    let parts = path.strip_prefix("projects/").and_then(|path| path.split_once("/serviceAccounts/"));
    parts.map_or((None, text), |(project, name)| (Some(project), name))
}

fn is_id(text: &str) -> bool {
    text.len() == 21 && text.bytes().all(|b| b.is_ascii_digit())
}

/// `example.com:shop` as emails write it, `shop.example.com`, or the other way round, by the separator that is there.
fn swapped(project: &str, separator: char) -> Cow<'_, str> {
    let other = if separator == ':' { '.' } else { ':' };
    match project.split_once(separator) {
        Some((first, second)) => format!("{second}{other}{first}").into(),
        None => project.into(),
    }
}

fn owner(email: &str) -> Owner<'_> {
    let parts = email.split_once('@');
    let Some((local, host)) = parts.and_then(|(local, domain)| Some((local, domain.strip_suffix(DOMAIN)?)))
    else {
        return Owner::None;
    };
    let project = host.strip_suffix(OF_PROJECTS);
    // In other universes than googleapis.com, what is Google's own there is in a project of the universe's system:
    // `developer.s3ns-system.iam`.
    let in_system = project.and_then(|project| {
        project.split_once('.').filter(|(_, domain)| domain.ends_with("-system") && !domain.contains('.'))
    });
    match (in_system.map(|(name, _)| name), project) {
        (Some("developer"), _) => Owner::Default(None),
        (Some("appspot"), _) => Owner::Default(Some(swapped(local, '.'))),
        (Some(_), _) => Owner::Google,
        (None, Some(project))
            if project.starts_with("gcp-sa-")
                || AGENTS.contains(&project)
                || (project.ends_with(".google.com") && local.starts_with("service-")) =>
        {
            Owner::Google
        }
        (None, Some(project)) => Owner::Project(swapped(project, '.')),
        (None, None) => match host {
            "developer" => Owner::Default(None),
            "appspot" => Owner::Default(Some(swapped(local, '.'))),
            _ => Owner::Google,
        },
    }
}

/// Whether it is an account of Google's own, such as a service agent (`service-1@gcp-sa-pubsub.iam.gserviceaccount.com`)
/// or what runs the APIs of a project (`1@cloudservices.gserviceaccount.com`): no one else can act as it.
pub(crate) fn is_googles(email: &str) -> bool {
    owner(email) == Owner::Google
}

/// Whether an email is that of a service account.
pub(crate) fn is_service_account(email: &str) -> bool {
    email.to_ascii_lowercase().ends_with(DOMAIN)
}

/// The short form of an email, where it has one: `a@p.iam.gserviceaccount.com` → `a@p`, and
/// `a@p.example.com.iam.gserviceaccount.com` → `a@example.com:p`. It is accepted wherever an account is.
pub(crate) fn short(email: &str) -> Cow<'_, str> {
    let ours = email.strip_suffix(DOMAIN).and_then(|rest| rest.strip_suffix(OF_PROJECTS));
    match ours.and_then(|rest| rest.split_once('@')) {
        Some((_, project)) if project.contains('.') => match owner(email) {
            Owner::Project(project) => {
                format!("{}@{project}", email.split('@').next().unwrap_or_default()).into()
            }
            _ => email.into(),
        },
        _ => ours.unwrap_or(email).into(),
    }
}

/// The project in an account's email; `None` for Compute Engine's default accounts, Google's own and unique IDs, whose
/// names don't contain it.
pub fn project_of(email: &str) -> Option<ProjectRef> {
    match owner(email) {
        Owner::Project(project) | Owner::Default(Some(project)) => ProjectRef::read(&project),
        Owner::Default(None) | Owner::Google | Owner::None => None,
    }
}

/// Whether a text has the form of an account's name: an email, or a unique ID of 21 digits. It could also name a
/// person.
pub(crate) fn is_name(text: &str) -> bool {
    text.contains('@') || is_id(text)
}

/// [`AccountRef::parse`], as text.
///
/// # Errors
/// As there.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    AccountRef::parse(text).map(|account| account.to_string())
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Display for AccountRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl Deref for Email {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Deref for UniqueId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Deref for AccountRef {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            AccountRef::Email(email) => email,
            AccountRef::Id(id) => id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_documented_forms_and_the_short_one_are_accepted() {
        let full = "deployer@acme-prod.iam.gserviceaccount.com";
        assert_eq!(parse(full).as_deref(), Ok(full));
        assert_eq!(parse(" deployer@acme-prod ").as_deref(), Ok(full));
        assert_eq!(parse("107517467455664443765").as_deref(), Ok("107517467455664443765"));
        assert!(parse("415104041262-compute@developer.gserviceaccount.com").is_ok());
    }

    #[test]
    fn anything_else_is_refused_with_both_forms_named() {
        for wrong in [
            "",
            "deployer",
            "dev@example.com",
            "Deployer@acme-prod",
            "1234",
            "a@b",
            "x@y z",
            "a/../b@acme-prod",
        ] {
            let sentence = parse(wrong).unwrap_err();
            assert!(sentence.contains("21-digit") && sentence.contains("@PROJECT.iam"), "{sentence}");
        }
    }

    /// Emails of every kind, with the short form (the same where there is none), the project, and whether it is
    /// Google's own.
    const EMAILS: [(&str, &str, Option<&str>, bool); 22] = [
        ("mail@shop-prod.iam.gserviceaccount.com", "mail@shop-prod", Some("shop-prod"), false),
        (
            "mail@till.example.org.iam.gserviceaccount.com",
            "mail@example.org:till",
            Some("example.org:till"),
            false,
        ),
        (
            "mail@a1.sub.example.org.iam.gserviceaccount.com",
            "mail@sub.example.org:a1",
            Some("sub.example.org:a1"),
            false,
        ),
        ("mail@shop-prod.eu0.iam.gserviceaccount.com", "mail@eu0:shop-prod", Some("eu0:shop-prod"), false),
        (
            "service-8150@shop-prod.iam.gserviceaccount.com",
            "service-8150@shop-prod",
            Some("shop-prod"),
            false,
        ),
        ("8150-compute@developer.gserviceaccount.com", "", None, false),
        ("8150-compute@developer.eu0-system.iam.gserviceaccount.com", "", None, false),
        ("shop-prod@appspot.gserviceaccount.com", "", Some("shop-prod"), false),
        ("till.example.org@appspot.gserviceaccount.com", "", Some("example.org:till"), false),
        ("shop-prod.eu0@appspot.eu0-system.iam.gserviceaccount.com", "", Some("eu0:shop-prod"), false),
        ("service-8150@gcp-sa-eventarc.iam.gserviceaccount.com", "service-8150@gcp-sa-eventarc", None, true),
        (
            "service-org-77@gcp-sa-scc-notification.iam.gserviceaccount.com",
            "service-org-77@gcp-sa-scc-notification",
            None,
            true,
        ),
        ("p8150-7c@gcp-sa-cloud-sql.iam.gserviceaccount.com", "p8150-7c@gcp-sa-cloud-sql", None, true),
        ("service-8150@gcp-sa-eventarc.eu0-system.iam.gserviceaccount.com", "", None, true),
        ("service-8150@compute-system.iam.gserviceaccount.com", "service-8150@compute-system", None, true),
        ("service-8150@compute-system.eu0-system.iam.gserviceaccount.com", "", None, true),
        (
            "service-8150@gs-project-accounts.iam.gserviceaccount.com",
            "service-8150@gs-project-accounts",
            None,
            true,
        ),
        ("bq-8150@bigquery-encryption.iam.gserviceaccount.com", "bq-8150@bigquery-encryption", None, true),
        ("service-8150@cloud-ml.google.com.iam.gserviceaccount.com", "", None, true),
        ("8150@cloudservices.gserviceaccount.com", "", None, true),
        ("8150@cloudservices.eu0-system.iam.gserviceaccount.com", "", None, true),
        ("8150@cloudbuild.gserviceaccount.com", "", None, true),
    ];

    #[test]
    fn every_short_form_is_read_as_the_email_that_it_is_short_for() {
        for (email, shown, project, googles) in EMAILS {
            let shown = if shown.is_empty() { email } else { shown };
            assert_eq!((&*short(email), project_of(email).as_deref()), (shown, project), "{email}");
            assert_eq!(is_googles(email), googles, "{email}");
            for typed in [
                shown.to_owned(),
                format!(" serviceAccount:{shown} "),
                format!("projects/-/serviceAccounts/{shown}"),
                format!("projects/8150/serviceAccounts/{email}"),
                format!("projects/{}/serviceAccounts/{email}", project.unwrap_or("other-one")),
                format!("//iam.googleapis.com/projects/-/serviceAccounts/{email}"),
                format!("principal://iam.googleapis.com/projects/-/serviceAccounts/{email}"),
            ] {
                assert_eq!(Email::parse(&typed).as_deref(), Ok(email), "{typed}");
                let said = AccountRef::parse(&typed).err().unwrap_or_default();
                assert_eq!(said.contains("belongs to Google"), googles, "{typed}: {said}");
            }
        }
    }

    #[test]
    fn names_of_resources_are_checked_too() {
        let id = AccountRef::parse("projects/-/serviceAccounts/107517467455664443765");
        assert!(matches!(id, Ok(AccountRef::Id(_))), "{id:?}");
        let other =
            parse("projects/shop-test/serviceAccounts/mail@shop-prod.iam.gserviceaccount.com").unwrap_err();
        assert!(
            other.contains("is an account of shop-prod") && other.contains("projects/shop-test"),
            "{other}"
        );
        for wrong in [
            "projects//serviceAccounts/mail@shop-prod",
            "projects/-/serviceAccounts/",
            "projects/-/serviceAccounts/mail",
            "projects/-/serviceaccounts/mail@shop-prod",
            "mail@projects/shop-prod",
            "mail@:till",
            "mail@example.org:",
            "mail@example.org:till:x",
            "mail@Example.org:till",
            "mail@till.example.org",
            "mail@8150000000",
            "mail@.gserviceaccount.com",
            "mail@till..iam.gserviceaccount.com",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_project_is_read_from_the_name_where_the_name_tells() {
        assert_eq!(project_of("a@acme-prod.iam.gserviceaccount.com").as_deref(), Some("acme-prod"));
        assert_eq!(
            project_of("a@proj.example.com.iam.gserviceaccount.com").as_deref(),
            Some("example.com:proj")
        );
        assert_eq!(project_of("1-compute@developer.gserviceaccount.com"), None);
    }
}
