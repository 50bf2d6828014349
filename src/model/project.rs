//! A project and its place in the resource hierarchy.

use std::fmt;
use std::ops::Deref;

/// A project as Resource Manager v3 describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// `acme-prod`
    pub(crate) id: String,
    /// Digits only. Empty when not known.
    pub(crate) number: String,
    /// The display name; can be empty.
    pub(crate) display_name: String,
    /// `folders/876` or `organizations/2`; empty for a project without a parent, or when not known.
    pub(crate) parent: String,
    /// Whether it is usable (`ACTIVE`), not about to be deleted.
    pub(crate) active: bool,
}

/// One level above a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// `folders/876` or `organizations/2`
    pub(crate) name: String,
    /// The display name; empty if it isn't readable.
    pub(crate) display_name: String,
}

/// What names a project: requests accept both.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProjectRef {
    /// `acme-prod`, or `example.com:shop` for a project of a domain or of another universe.
    Id(String),
    /// Digits only.
    Number(String),
}

impl ProjectRef {
    /// Checks a typed project, which can be the name of the resource (`projects/acme-prod`).
    ///
    /// # Errors
    /// One sentence with the rules (from the Resource Manager reference; those of `DOMAIN:ID` from the pattern with
    /// which Google's Terraform provider checks it).
    pub(crate) fn parse(text: &str) -> Result<ProjectRef, String> {
        let text = text.trim();
        let name = text.strip_prefix("//cloudresourcemanager.googleapis.com/").unwrap_or(text);
        let name = name.strip_prefix("projects/").unwrap_or(name);
        if !name.is_empty() && name.len() <= 19 && name.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(ProjectRef::Number(name.to_owned()));
        }
        let fits = match name.split_once(':') {
            Some((domain, id)) => domain.split('.').all(is_label) && is_label(id),
            None => {
                is_label(name)
                    && (6..=30).contains(&name.len())
                    && name.starts_with(|c: char| c.is_ascii_lowercase())
            }
        };
        if fits {
            return Ok(ProjectRef::Id(name.to_owned()));
        }
        // In the emails of its accounts, a project of a domain is written the other way round.
        let meant = match name.split_once('.') {
            Some((id, domain)) if name.split('.').all(is_label) => format!(". Did you mean {domain}:{id}?"),
            _ => String::new(),
        };
        Err(format!(
            "Invalid project “{}”: use its ID (6 to 30 lowercase letters, digits and hyphens, starting with a letter; \
             DOMAIN:ID for a project of a domain) or its number{meant}",
            text.chars().take(60).collect::<String>()
        ))
    }

    /// As Google wrote it: kept, whatever it is. `None` where nothing was written.
    pub fn read(text: &str) -> Option<ProjectRef> {
        let is_number = text.bytes().all(|b| b.is_ascii_digit());
        let project = if is_number { ProjectRef::Number } else { ProjectRef::Id };
        (!text.is_empty()).then(|| project(text.to_owned()))
    }
}

/// As sent.
impl Deref for ProjectRef {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            ProjectRef::Id(text) | ProjectRef::Number(text) => text,
        }
    }
}

impl fmt::Display for ProjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// A part of a name between dots: up to 63 lowercase letters, digits and inner hyphens.
fn is_label(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    plain && (1..=63).contains(&text.len()) && !text.starts_with('-') && !text.ends_with('-')
}

/// [`ProjectRef::parse`], as text.
///
/// # Errors
/// As there.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    ProjectRef::parse(text).map(|project| project.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_of_domains_and_of_other_universes_are_accepted_and_names_of_resources_unwrapped() {
        for (typed, id) in [
            ("example.org:till", "example.org:till"),
            ("sub.example.org:a1", "sub.example.org:a1"),
            ("eu0:shop-prod", "eu0:shop-prod"),
            (" projects/shop-prod ", "shop-prod"),
            ("//cloudresourcemanager.googleapis.com/projects/example.org:till", "example.org:till"),
        ] {
            assert_eq!(ProjectRef::parse(typed), Ok(ProjectRef::Id(id.to_owned())), "{typed}");
        }
        assert_eq!(ProjectRef::parse("projects/8150"), Ok(ProjectRef::Number("8150".to_owned())));
        for wrong in [
            ":till",
            "example.org:",
            "example.org:till:x",
            "Example.org:till",
            "example.org:-till",
            ".org:till",
            "example.org:till/x",
            "projects/",
            "projects/till",
            "folders/8150",
            "till",
        ] {
            assert!(ProjectRef::parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse("till.example.org").unwrap_err().ends_with("Did you mean example.org:till?"));
    }

    #[test]
    fn ids_and_numbers_are_accepted_and_nothing_that_could_escape_a_path() {
        assert!(
            parse("acme-prod").is_ok()
                && parse("415104041262").is_ok()
                && parse("example.com:old-one").is_ok()
        );
        for wrong in ["", "acme", "Acme-Prod", "acme-prod-", "1acme-prod", "acme/../prod", "acme prod"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
