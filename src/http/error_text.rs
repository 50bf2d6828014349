//! Errors as people have them: pasted from gcloud, from a library's exception, from curl with its headers, from a log.
//! A text is unwrapped, the error in it is read into the same refusal as a live answer, and what the text around it says
//! about the request is added. It never fails on odd text, it only finds nothing.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::{
    http::{
        ApiError, ErrorKind, audit_entry, called_answer,
        error::{CODES, plain, text},
        error_words::{self, Words},
        loose_json,
        unwrap::unwrap,
    },
    model::denial::{Answerer, Refusal, RequestContext, is_of_a_library, refuses_an_exchange},
};

/// The most bytes of a text that are read; of a longer one, the first half of it and the last.
const MOST: usize = 1024 * 1024;

/// How deep texts in values are searched for errors.
const DEPTH: usize = 3;

/// The most texts that are read in words: the levels of escaping, and texts in values.
const TEXTS: usize = 24;

/// The shortest text in a value that can hold an error.
const SHORTEST: usize = 12;

/// The denial in a text; `None` if there is none.
pub fn find(written: &str) -> Option<ApiError> {
    let mut levels = unwrap(&ends(written));
    let mut found = Found::default();
    for level in &levels {
        found.read(level, 0);
    }
    if found.errors.is_empty() {
        found.errors.extend(levels.first().and_then(|level| audit_entry::in_yaml(level)));
    }
    levels.extend(std::mem::take(&mut found.texts));
    let called = levels.iter().filter_map(|level| called_answer::find(level));
    if let Some(error) = called.min_by_key(|error| error.message.matches('\\').count()) {
        return Some(error);
    }
    let words = error_words::read(&levels);
    let best =
        found.errors.into_iter().rev().max_by_key(|error| (error.weight, std::cmp::Reverse(error.escapes())));
    let mut error = match (best, words) {
        (Some(mut found), words) => {
            // Some libraries print the description beside the code that came with it.
            if let (Some(words), Some(body)) = (words, found.body.as_object_mut())
                && body.get("error").is_some_and(Value::is_string)
                && refuses_an_exchange(&words.message)
            {
                body.entry("error_description").or_insert(words.message.into());
            }
            found.into_error(&levels)
        }
        (None, Some(words)) => in_words(words, &found.details, &levels),
        (None, None) => return levels.iter().find_map(|level| called_answer::by_address(level)),
    };
    if let Some(refusal) = &mut error.refusal {
        error_words::add_context(&levels, refusal);
        refusal.message = plain(&refusal.message);
    }
    Some(error)
}

/// A text, or both ends of one that is too long: a log says what failed at its end.
fn ends(written: &str) -> Cow<'_, str> {
    if written.len() <= MOST {
        return written.into();
    }
    let (first, last) = (MOST / 2, written.len() - MOST / 2);
    let first = (0..=first).rev().find(|at| written.is_char_boundary(*at)).unwrap_or(0);
    let last = (last..=written.len()).find(|at| written.is_char_boundary(*at)).unwrap_or(written.len());
    format!("{}\n{}", &written[..first], &written[last..]).into()
}

/// An error in one of Google's forms, or ours.
pub(super) struct Structured {
    /// How much it says.
    pub(super) weight: usize,
    /// As an API or the token endpoint answers it.
    pub(super) body: Value,
    pub(super) status: Option<u16>,
    pub(super) asked: RequestContext,
    pub(super) principal: Option<String>,
}

impl Structured {
    /// How much of its message is still escaped.
    fn escapes(&self) -> usize {
        let error = self.body.get("error");
        let message = error.and_then(|error| error.get("message")).or(self.body.get("error_description"));
        message.and_then(Value::as_str).map_or(0, |message| message.matches('\\').count())
    }

    fn into_error(self, levels: &[String]) -> ApiError {
        let named = || error_words::code(&self.body.to_string()).map(|(_, status)| status);
        let elsewhere = || levels.iter().find_map(|level| error_words::status(level));
        let status = self.status.or_else(elsewhere).or_else(named).unwrap_or(400);
        let mut error = ApiError::from_answer(status, self.body.to_string().as_bytes(), &self.asked);
        if let Some(refusal) = &mut error.refusal {
            // Our own errors have the reason beside the message.
            let own = || text(self.body.get("error")?.get("reason"));
            refusal.reason = refusal.reason.take().or_else(own);
            refusal.principal = self.principal.or(refusal.principal.take());
            refusal.by = Answerer::Api;
        }
        error
    }
}

/// What the values in a text hold.
#[derive(Default)]
struct Found {
    errors: Vec<Structured>,
    /// Details without an error around them, as Go prints them after the message.
    details: Vec<Value>,
    /// Texts in values.
    texts: Vec<String>,
}

impl Found {
    fn read(&mut self, text: &str, depth: usize) {
        for value in loose_json::values(text) {
            self.value(&value, depth);
        }
    }

    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Object(map) => {
                let before = self.errors.len();
                self.errors.extend(structured(map));
                if self.errors.len() == before {
                    match detail(map) {
                        Some(detail) => self.details.push(detail),
                        None => map.values().for_each(|value| self.value(value, depth)),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| self.value(value, depth)),
            Value::String(text) if text.len() >= SHORTEST && depth < DEPTH && self.texts.len() < TEXTS => {
                let text = unwrap(text).swap_remove(0);
                if text.contains('{') {
                    self.read(&text, depth + 1);
                }
                self.texts.push(text);
            }
            _ => {}
        }
    }
}

/// The error that an object is or has.
fn structured(map: &Map<String, Value>) -> Option<Structured> {
    let number = |value: Option<&Value>| {
        let number = value.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
        number.and_then(|code| u16::try_from(code).ok()).filter(|code| (400..600).contains(code))
    };
    if let Some(found) = audit_entry::read(map) {
        return Some(found);
    }
    let plain = |weight, body, status| {
        Some(Structured { weight, body, status, asked: RequestContext::default(), principal: None })
    };
    let details = |error: &Map<String, Value>| usize::from(error.get("details").is_some_and(Value::is_array));
    match map.get("error") {
        Some(Value::Object(error)) if error.contains_key("message") || error.contains_key("code") => {
            let status = number(error.get("code")).or(number(error.get("status")));
            let known = usize::from(status.is_some() || error.contains_key("status"));
            return plain(4 + known + 2 * details(error), json!({ "error": error }), status);
        }
        Some(Value::String(code)) => {
            let code = error_words::oauth(code)?;
            let mut body = map.clone();
            body.insert("error".to_owned(), code.into());
            return plain(4 + usize::from(map.contains_key("error_description")), Value::Object(body), None);
        }
        _ => {}
    }
    // A bare google.rpc.Status: its code is gRPC's, so the name decides.
    let says = map.get("message").is_some_and(Value::is_string);
    let canonical = |name: &str| map.get(name).and_then(Value::as_str).and_then(error_words::canonical);
    let code = map.get("code");
    let coded = canonical("status").or(canonical("code"));
    let numbered = code.is_some_and(|code| code.is_u64() || number(Some(code)).is_some());
    if !says || !(coded.is_some() || numbered || details(map) > 0) || map.contains_key("response") {
        return None;
    }
    let named = code.and_then(Value::as_u64).and_then(by_number).or(canonical("code"));
    let status = number(code).or(named.map(|(_, status)| status));
    let mut error = map.clone();
    if let Some(details) = error.get_mut("details").and_then(Value::as_array_mut) {
        let typed = details.iter().map(|it| it.as_object().and_then(detail).unwrap_or_else(|| it.clone()));
        *details = typed.collect();
    }
    if let Some((name, _)) = named {
        error.entry("status").or_insert(name.into());
    }
    plain(3 + 2 * details(map), json!({ "error": error }), status)
}

/// The canonical code with gRPC's number.
pub(super) fn by_number(number: u64) -> Option<(&'static str, u16)> {
    CODES.iter().find(|(code, ..)| *code == number).map(|(_, name, status)| (*name, *status))
}

/// A detail of an error, as such or as google-api-core prints it.
fn detail(map: &Map<String, Value>) -> Option<Value> {
    if map.get("@type").and_then(Value::as_str).is_some_and(|kind| kind.contains("google.rpc.")) {
        let mut detail = map.clone();
        // An old name of Go's.
        if let Some(metadata) = detail.remove("metadatas") {
            detail.insert("metadata".to_owned(), metadata);
        }
        return Some(Value::Object(detail));
    }
    if map.get("reason").is_some_and(Value::is_string)
        && (map.contains_key("domain") || map.contains_key("metadata"))
    {
        let mut info = map.clone();
        info.insert("@type".to_owned(), "type.googleapis.com/google.rpc.ErrorInfo".into());
        return Some(Value::Object(info));
    }
    None
}

/// An error that is said in words, with the details that stand beside it.
fn in_words(words: Words, details: &[Value], levels: &[String]) -> ApiError {
    let Words { message, code, oauth, .. } = words;
    // What the metadata server passes on from IAM is IAM's.
    if oauth.is_none() && code.is_none() && is_of_a_library(&message) && details.is_empty() {
        let refusal = Refusal { message: plain(&message), by: Answerer::Library, ..Refusal::default() };
        return ApiError::refused(ErrorKind::Credentials, refusal);
    }
    let status = words.status.or(code.map(|(_, status)| status));
    let body = match (oauth, code) {
        (Some(oauth), None) => {
            let subtype = ["invalid_rapt", "rapt_required"];
            let subtype = subtype.iter().find(|name| levels.iter().any(|level| level.contains(**name)));
            json!({ "error": oauth, "error_description": message, "error_subtype": subtype })
        }
        _ => {
            let mut details = details.to_vec();
            if details.is_empty() {
                details = error_words::details(levels);
            }
            let errors = words.reason.map(|reason| json!([{ "reason": reason }]));
            let code = code.map_or("", |(code, _)| code);
            json!({"error": {"message": message, "status": code, "details": details, "errors": errors}})
        }
    };
    let otherwise = if oauth.is_some() { 400 } else { 403 };
    let mut error = ApiError::from_answer(
        status.unwrap_or(otherwise),
        body.to_string().as_bytes(),
        &RequestContext::default(),
    );
    if let Some(refusal) = &mut error.refusal {
        refusal.by = Answerer::Api;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::denial::Cause;

    const BODY: &str = r#"{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"IAM_PERMISSION_DENIED","domain":"iam.googleapis.com","metadata":{"permission":"iam.serviceAccounts.getAccessToken"}}]}}"#;

    fn found(text: &str) -> (Option<u16>, Option<Cause>, Option<String>) {
        let error = find(text).unwrap_or_else(|| panic!("nothing found in {text}"));
        let permission = error.refusal.as_deref().and_then(|refusal| refusal.permission().map(str::to_owned));
        (error.status, error.cause(), permission)
    }

    #[test]
    fn a_body_is_found_in_whatever_was_copied_around_it() {
        let denied = (
            Some(403),
            Some(Cause::PermissionMissing),
            Some("iam.serviceAccounts.getAccessToken".to_owned()),
        );
        let escaped = BODY.replace('"', "\\\"").replace(",\"status", ",\\n\"status");
        for text in [
            BODY.to_owned(),
            format!("[{BODY}]"),
            format!("HTTP/2 403 \r\ncontent-type: application/json\r\n\r\n{BODY}\n"),
            format!("> POST /v1/x {{ }}\n< HTTP/1.1 403 Forbidden\n{BODY}"),
            format!(
                "google.auth.exceptions.RefreshError: ('Unable to acquire impersonated credentials', '{}')",
                BODY.replace(':', ":\\n ").replace("google.rpc:\\n", "google.rpc:")
            ),
            format!("oauth2: \"{escaped}\""),
        ] {
            assert_eq!(found(&text), denied, "{text}");
        }
    }

    #[test]
    fn what_gcloud_prints_is_read_with_its_details() {
        let text = "ERROR: (gcloud.auth.print-access-token) PERMISSION_DENIED: Failed to impersonate [sa@p.iam.gserviceaccount.com]. Make sure the account that's trying to impersonate it has access to the service account itself and the \"roles/iam.serviceAccountTokenCreator\" role.\n- '@type': type.googleapis.com/google.rpc.ErrorInfo\n  domain: iam.googleapis.com\n  metadata:\n    permission: iam.serviceAccounts.getAccessToken\n  reason: IAM_PERMISSION_DENIED\n";
        assert_eq!(
            found(text),
            (
                Some(403),
                Some(Cause::PermissionMissing),
                Some("iam.serviceAccounts.getAccessToken".to_owned())
            )
        );
        assert_eq!(find(text).unwrap().refusal.unwrap().asked.resource, "sa@p.iam.gserviceaccount.com");
        let off = "ERROR: (gcloud.iam) PERMISSION_DENIED: IAM API has not been used.\n- '@type': type.googleapis.com/google.rpc.ErrorInfo\n  metadata:\n    consumer: projects/8667575547\n    service: iam.googleapis.com\n  reason: SERVICE_DISABLED\n";
        assert_eq!(found(off).1, Some(Cause::ApiDisabled));
        let login = "ERROR: (gcloud.auth.print-access-token) There was a problem refreshing your current auth tokens: ('invalid_grant: Token has been expired or revoked.', None)";
        assert_eq!(found(login).1, Some(Cause::LoginAgain));
        let other =
            "robot@p.iam.gserviceaccount.com does not have storage.objects.get access (PERMISSION_DENIED)";
        assert_eq!(find(other).unwrap().refusal.unwrap().asked.resource, "");
        let compute = "ERROR: (gcloud.compute) Some requests did not succeed:\n - Required 'compute.instances.list' permission for 'projects/acme-prod'";
        assert_eq!(
            found(compute),
            (Some(403), Some(Cause::PermissionMissing), Some("compute.instances.list".to_owned()))
        );
        let terraform = "Error: googleapi: Error 403: Permission denied on resource project foo., forbidden";
        assert_eq!(found(terraform).1, Some(Cause::PermissionMissing));
        let gke = "Unable to generate access token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).";
        assert_eq!(found(gke).1, Some(Cause::PermissionMissing));
    }

    #[test]
    fn our_own_errors_and_bare_statuses_are_errors_too() {
        let own = r#"{"error":{"kind":"denied","status":403,"reason":"SERVICE_DISABLED","message":"x is not enabled.","next":null}}"#;
        assert_eq!(found(own).1, Some(Cause::ApiDisabled));
        let bare = r#"{"code":7,"message":"no","status":"PERMISSION_DENIED","details":[]}"#;
        assert_eq!((found(bare).0, found(bare).1), (Some(403), Some(Cause::PermissionMissing)));
        let oauth = r#"{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_subtype":"invalid_rapt"}"#;
        assert_eq!(found(oauth).1, Some(Cause::LoginAgain));
    }

    #[test]
    fn a_refused_exchange_is_one_whatever_printed_it() {
        let why = "The given credential is rejected by the attribute condition.";
        let body = format!(r#"{{"error":"unauthorized_client","error_description":"{why}"}}"#);
        let target = r#"The target service indicated by the "audience" parameters is invalid."#;
        let nested =
            serde_json::json!({ "error": "invalid_target", "error_description": target }).to_string();
        for text in [
            body.clone(),
            format!(
                "Error: google-github-actions/auth failed with: failed to generate Google Cloud federated token for //iam.googleapis.com/***: {body}"
            ),
            format!("oauth2/google: status code 400: {body}"),
            format!("google.auth.exceptions.OAuthError: ('Error code unauthorized_client: {why}', '{body}')"),
            format!(
                "ERROR: (gcloud.config.set) There was a problem refreshing your current auth tokens: ('Error code unauthorized_client: {why}', '{body}')"
            ),
            format!(
                r"OAuthError: ('Error code invalid_target: {target}', '{}')",
                nested.replace('\\', r"\\")
            ),
            format!("failed: {:?}", nested),
            format!("google.auth.exceptions.OAuthError: Error code unauthorized_client: {why}"),
            why.to_owned(),
            format!(
                "╷\n│ Error: oauth2/google: status code 400: {}\n│ \n╵",
                body.replace("by the", "by\n│ the")
            ),
        ] {
            let error = find(&text).unwrap_or_else(|| panic!("nothing found in {text}"));
            assert_eq!(error.cause(), Some(Cause::Federation), "{text}");
            let said = format!("{} / {}", error.sentence(), error.next().unwrap_or_default());
            assert!(said.contains("condition") || said.contains("audience"), "{said}");
            assert!(!said.contains("Log in") && !said.contains("')"), "{said}");
        }
    }

    #[test]
    fn braces_that_a_runner_masked_are_put_back() {
        let masked = "failed to generate Google Cloud access token for sa@p.iam.gserviceaccount.com: ***\n  \"error\": ***\n    \"code\": 403,\n    \"message\": \"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).\",\n    \"status\": \"PERMISSION_DENIED\"\n  ***\n***";
        let permission = Some("iam.serviceAccounts.getAccessToken".to_owned());
        assert_eq!(found(masked), (Some(403), Some(Cause::PermissionMissing), permission));
    }

    #[test]
    fn a_lifetime_is_refused_by_the_constraints_name() {
        let body = r#"{"error":{"code":400,"message":"Tokens can not have lifetimes of more than 1 hour. Use the Org Policy Constraint constraints/iam.allowServiceAccountCredentialLifetimeExtension to allow up to 12 hours.","status":"INVALID_ARGUMENT"}}"#;
        assert_eq!(found(body).1, Some(Cause::LifetimeTooLong));
        let error = find(body).unwrap();
        assert!(!error.sentence().contains(" 0 s"), "{error}");
        assert!(error.next().unwrap().contains("one hour or less"), "{:?}", error.next());
    }

    #[test]
    fn both_ends_of_a_long_log_are_read() {
        let filler = "all is well here\n".repeat(MOST / 8);
        for text in [format!("{BODY}\n{filler}"), format!("{filler}{BODY}")] {
            assert_eq!(found(&text).1, Some(Cause::PermissionMissing));
        }
        assert_eq!(find(&filler), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_whatever_breaks_it(before in ".{0,80}", inside in "[{}\\[\\]\":,a-z0-9 \\\\']{0,120}", status in 0u16..1_000) {
            for text in [
                format!("{before}{{\"error\":{{{inside}"),
                format!("{before} HTTP/1.1 {status} {inside}"),
                format!("PERMISSION_DENIED: {before} serviceAccounts/{inside}"),
                format!("Permission '{inside}' {before}"),
            ] {
                if let Some(error) = find(&text) {
                    let raw = error.sentence().contains(char::is_control);
                    proptest::prop_assert!(error.refusal.is_some() && !raw);
                }
            }
        }
    }

    #[test]
    fn what_is_no_error_is_none_whatever_its_form() {
        for text in [
            "",
            "hello",
            "INTERNAL use only",
            "UNAVAILABLE_COUNT=0",
            "{}",
            "[1,2]",
            r#"{"accessToken":"x"}"#,
            "{{{{{{",
            &"{".repeat(100_000),
        ] {
            assert_eq!(find(text), None, "{text:.20}");
        }
    }
}
