//! Permissions that `testIamPermissions` does not take: a permission can be tested only where a principal can hold it, and
//! one that cannot makes Google refuse the whole call. Which ones those are is learned from such a refusal, and asked no
//! more for as long as the client lives.

use std::collections::BTreeSet;

use tokio::sync::Mutex;

use crate::http::ApiError;

/// What was learned, by kind of resource (`serviceAccounts`).
#[derive(Debug, Default)]
pub(super) struct Untestable(Mutex<BTreeSet<(&'static str, String)>>);

impl Untestable {
    /// Those that can be asked about on such a resource, as far as it is known.
    pub(super) async fn without<'a>(&self, kind: &'static str, permissions: &[&'a str]) -> Vec<&'a str> {
        let known = self.0.lock().await;
        let testable = |name: &&&str| !known.contains(&(kind, (**name).to_owned()));
        permissions.iter().filter(testable).copied().collect()
    }

    /// Takes in a refusal; says whether it named any of those that were asked about.
    pub(super) async fn learn(&self, kind: &'static str, asked: &[&str], error: &ApiError) -> bool {
        let named = named(asked, error);
        let mut known = self.0.lock().await;
        known.extend(named.iter().map(|name| (kind, (*name).to_owned())));
        !named.is_empty()
    }
}

/// The permissions that a refusal of the whole call names: `Permission X is not valid for this resource.`
fn named<'a>(asked: &[&'a str], error: &ApiError) -> Vec<&'a str> {
    if error.status != Some(400) {
        return Vec::new();
    }
    // Whole names: one is often the beginning of another.
    let words: BTreeSet<&str> = error
        .message
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
        .map(|word| word.trim_matches('.'))
        .collect();
    asked.iter().copied().filter(|name| words.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::denial::RequestContext;

    const ASKED: [&str; 3] = ["a.things.get", "a.things.getSecret", "a.things.list"];

    fn refused(status: u16, message: &str) -> ApiError {
        let body =
            serde_json::json!({"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}});
        ApiError::from_answer(status, body.to_string().as_bytes(), &RequestContext::default())
    }

    #[tokio::test]
    async fn what_a_refusal_names_is_asked_no_more_on_such_a_resource() {
        let untestable = Untestable::default();
        let error = refused(400, "Permission a.things.getSecret is not valid for this resource.");
        assert!(untestable.learn("things", &ASKED, &error).await);
        assert_eq!(untestable.without("things", &ASKED).await, ["a.things.get", "a.things.list"]);
        assert_eq!(untestable.without("others", &ASKED).await, ASKED);
        let two = refused(400, "Permissions 'a.things.get', 'a.things.list' can't be tested.");
        assert!(untestable.learn("things", &ASKED, &two).await);
        assert!(untestable.without("things", &ASKED).await.is_empty());
    }

    #[tokio::test]
    async fn another_refusal_teaches_nothing() {
        let untestable = Untestable::default();
        for error in [
            refused(403, "Permission a.things.get denied."),
            refused(400, "Request contains an invalid argument."),
            refused(400, "Permission a.things.getOther is not valid for this resource."),
        ] {
            assert!(!untestable.learn("things", &ASKED, &error).await, "{error}");
        }
        assert_eq!(untestable.without("things", &ASKED).await, ASKED);
    }
}
