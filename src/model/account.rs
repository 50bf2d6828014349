//! A service account, its keys, and the two ways to name one: by email or by 21-digit unique ID.

use jiff::Timestamp;

/// A Google Cloud service account, as `iam.projects.serviceAccounts.get` describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// `deployer@acme-prod.iam.gserviceaccount.com`
    pub email: String,
    /// 21 digits; survives delete and undelete, differs for a recreated account. Empty if not known.
    pub unique_id: String,
    /// The project that owns it. Empty if not known.
    pub project: String,
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
        Account {
            email: name.to_owned(),
            project: project_of(name).unwrap_or_default(),
            ..Account::default()
        }
    }

    /// IAM's full name for it (AIP-122), which is documented with the project ID and the email only; `None` if these
    /// are not known.
    pub(crate) fn full_name(&self) -> Option<String> {
        let Account { email, project, .. } = self;
        (email.contains('@') && !project.is_empty())
            .then(|| format!("//iam.googleapis.com/projects/{project}/serviceAccounts/{email}"))
    }

    /// The short form used in lists: `deployer@acme-prod`.
    pub(crate) fn short(&self) -> &str {
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

/// Cuts the domain that all ordinary accounts share: `a@p.iam.gserviceaccount.com` → `a@p`.
pub(crate) fn short(email: &str) -> &str {
    email.strip_suffix(".iam.gserviceaccount.com").unwrap_or(email)
}

/// The project in an account's email; `None` for default accounts and unique IDs, whose names don't contain it.
pub fn project_of(email: &str) -> Option<String> {
    let (_, domain) = email.split_once('@')?;
    let inner = domain.strip_suffix(".iam.gserviceaccount.com")?;
    // `proj.example.com.iam…` belongs to the domain-scoped project `example.com:proj`.
    Some(match inner.split_once('.') {
        Some((project, domain)) => format!("{domain}:{project}"),
        None => inner.to_owned(),
    })
}

/// Whether a text has the form of an account's name: an email, or a unique ID of 21 digits. It could also name a
/// person.
pub(crate) fn is_name(text: &str) -> bool {
    text.contains('@') || (text.len() == 21 && text.bytes().all(|b| b.is_ascii_digit()))
}

/// Checks a typed name. Returns it trimmed, with the email completed from the short form `name@project`.
///
/// # Errors
/// One sentence with the two valid forms.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    let text = text.trim().trim_start_matches("serviceAccount:");
    let wrong = || {
        format!(
            "“{}” isn't a full account name. Use NAME@PROJECT, the full email (NAME@PROJECT.iam.gserviceaccount.com), or the 21-digit unique ID",
            text.chars().take(80).collect::<String>()
        )
    };
    if text.len() == 21 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    let (local, domain) = text.split_once('@').ok_or_else(wrong)?;
    let plain = |s: &str, extra: &[u8]| {
        !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || extra.contains(&b))
    };
    if !plain(local, b"-._") || !plain(domain, b"-.") {
        return Err(wrong());
    }
    if domain.ends_with(".gserviceaccount.com") {
        Ok(text.to_owned())
    } else if !domain.contains('.') && (6..=30).contains(&domain.len()) {
        Ok(format!("{local}@{domain}.iam.gserviceaccount.com"))
    } else {
        Err(wrong())
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
