//! The catalogue of OAuth scopes of Google APIs (`assets/scopes.tsv`) and the short names people type for them. It only
//! names and checks scopes: whether one is enough for a call is up to the server.

use std::sync::LazyLock;

use super::nearest::nearest;

/// The default scope of a new access token.
pub(crate) const DEFAULT: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The prefix of nearly every scope, left out in short names.
const PREFIX: &str = "https://www.googleapis.com/auth/";

/// Far longer than any real scope, so that a pasted document isn't sent as one.
const MAX_BYTES: usize = 2_048;

/// Names of scopes outside the catalogue.
const SHORTHANDS: [&str; 3] = ["email", "profile", "openid"];

/// One scope of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// `https://www.googleapis.com/auth/devstorage.read_only`
    pub(crate) full: &'static str,
    /// The APIs whose documents name it, separated by commas: `storage,transfer`.
    pub(crate) apis: &'static str,
}

impl Scope {
    /// The name as people type it: `devstorage.read_only`.
    pub(crate) fn short(self) -> &'static str {
        short(self.full)
    }

    /// Whether it belongs to an API, whose name can come from a host name and then has no capitals.
    fn is_of(self, api: &str) -> bool {
        self.apis.split(',').any(|name| name.eq_ignore_ascii_case(api))
    }
}

static CATALOGUE: LazyLock<Vec<Scope>> = LazyLock::new(|| {
    include_str!("../../assets/scopes.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
        .map(|(full, apis)| Scope { full, apis })
        .collect()
});

/// Every scope of the catalogue, sorted by its full name.
pub(crate) fn all() -> &'static [Scope] {
    &CATALOGUE
}

/// The full scope for typed text: a short name of the catalogue, `email`, `profile`, `openid`, or any `https://` text,
/// known or not.
///
/// # Errors
/// One sentence with the rule.
pub(crate) fn expand(text: &str) -> Result<String, String> {
    let text = text.trim();
    let shown: String = text.chars().take(80).collect();
    if text.is_empty() {
        return Err("enter a scope: a short name such as cloud-platform, or a full https:// URL".to_owned());
    }
    // RFC 6749, scope-token: printable ASCII without space, quote and backslash.
    if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') || text.len() > MAX_BYTES {
        return Err(format!(
            "Invalid scope “{shown}”: use printable ASCII without spaces, quotes or backslashes, at most {MAX_BYTES} bytes"
        ));
    }
    match text {
        "email" => return Ok(format!("{PREFIX}userinfo.email")),
        "profile" => return Ok(format!("{PREFIX}userinfo.profile")),
        "openid" => return Ok(text.to_owned()),
        _ if text.starts_with("https://") && text.len() > "https://".len() => return Ok(text.to_owned()),
        _ => {}
    }
    let full = format!("{PREFIX}{text}");
    match find(&full) {
        Some(_) => Ok(full),
        None => match nearest(text, CATALOGUE.iter().map(|scope| scope.short()).chain(SHORTHANDS)) {
            Some(meant) => Err(format!("Unknown scope “{shown}”. Did you mean {meant}?")),
            None => Err(format!(
                "Unknown scope “{shown}”. Use a short name such as cloud-platform, or a full https:// URL"
            )),
        },
    }
}

/// A scope without the common prefix; any other text unchanged.
pub(crate) fn short(full: &str) -> &str {
    full.strip_prefix(PREFIX).unwrap_or(full)
}

/// Several scopes as people type them: short names with commas.
pub(crate) fn set(scopes: &[String]) -> String {
    scopes.iter().map(|scope| short(scope)).collect::<Vec<_>>().join(", ")
}

/// The scopes in the documents of an API (`storage`), broadest first: a name without a dot covers the whole API. Which
/// of them a single method accepts is up to the server.
pub(crate) fn of_api(api: &str) -> Vec<Scope> {
    let mut found: Vec<Scope> = all().iter().copied().filter(|scope| scope.is_of(api)).collect();
    let narrow = |scope: &Scope| scope.full.starts_with(PREFIX) && scope.short().contains('.');
    found.sort_by_key(|scope| (scope.full != DEFAULT, narrow(scope), scope.short().len()));
    found
}

/// Whether this API's documents are known.
pub(crate) fn is_api(name: &str) -> bool {
    all().iter().any(|scope| scope.is_of(name))
}

/// The scope to request for calling this API: cloud-platform if it accepts that, else its own.
pub(crate) fn for_api(api: &str) -> String {
    of_api(api).first().map_or(DEFAULT, |scope| scope.full).to_owned()
}

/// The APIs whose documents name this scope, separated by commas; empty if none does.
pub(crate) fn apis(full: &str) -> &'static str {
    find(full).map_or("", |scope| scope.apis)
}

fn find(full: &str) -> Option<Scope> {
    let at = CATALOGUE.binary_search_by(|scope| scope.full.cmp(full)).ok()?;
    Some(CATALOGUE[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_sorted_and_every_short_name_leads_back() {
        assert!(all().len() > 500);
        assert!(all().is_sorted_by(|a, b| a.full < b.full), "binary search needs it");
        for scope in all() {
            assert_eq!(expand(scope.short()).as_deref(), Ok(scope.full));
            assert!(!scope.apis.is_empty(), "{}", scope.full);
        }
    }

    #[test]
    fn short_names_and_own_https_text_are_accepted() {
        assert_eq!(expand(" cloud-platform ").as_deref(), Ok(DEFAULT));
        assert_eq!(expand("email").as_deref(), Ok("https://www.googleapis.com/auth/userinfo.email"));
        assert_eq!(expand("openid").as_deref(), Ok("openid"));
        assert_eq!(expand("iam").as_deref(), Ok("https://www.googleapis.com/auth/iam"));
        assert_eq!(expand("https://example.com/auth/own").as_deref(), Ok("https://example.com/auth/own"));
    }

    #[test]
    fn anything_else_is_refused_with_the_rule() {
        for wrong in [
            "",
            "  ",
            "cloud-plattform",
            "a b",
            "https://x y",
            "https://",
            "https://x\u{7}",
            "“cloud-platform”",
        ] {
            assert!(expand(wrong).unwrap_err().contains("scope"), "{wrong:?}");
        }
        assert!(expand(&format!("https://{}", "x".repeat(3_000))).is_err());
    }

    #[test]
    fn the_apis_of_a_scope_are_those_whose_documents_name_it() {
        assert!(apis(DEFAULT).split(',').any(|api| api == "iamcredentials"));
        assert_eq!(apis("https://example.com/none"), "");
    }
}
