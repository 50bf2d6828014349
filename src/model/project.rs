//! A project and its place in the resource hierarchy.

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

/// Checks a typed project ID or number.
///
/// # Errors
/// One sentence with the rule (6–30 letters, digits and hyphens, from the Resource Manager reference).
pub(crate) fn parse(text: &str) -> Result<String, String> {
    let text = text.trim();
    // `example.com:proj` is the older, domain-scoped form.
    let id = text.split_once(':').map_or(text, |(_, id)| id);
    let letters = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let named = letters
        && (6..=30).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && !id.ends_with('-');
    let number = !text.is_empty() && text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit());
    if named || number {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "Invalid project “{}”: use its ID (6 to 30 lowercase letters, digits and hyphens, starting with a letter) or its number",
            text.chars().take(60).collect::<String>()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
