//! Errors as people have them: pasted from gcloud, from a library's exception, from curl with its headers, from a log.
//! It extracts what the doctor needs. It never fails on odd text, it only finds nothing.

use serde_json::Value;

use crate::{
    http::{
        ApiError, called_answer,
        error::{CODES, plain, quoted_permission, text},
    },
    model::denial::{Answerer, RequestContext, refuses_an_exchange},
};

/// The most bytes of a text that are read.
const MOST: usize = 1024 * 1024;

/// The most places tried as the beginning of an object.
const TRIES: usize = 64;

/// OAuth's codes of the token endpoint and the Security Token Service. They come with 400 or 401, but the text doesn't
/// say which.
const OAUTH: [&str; 9] = [
    "invalid_grant",
    "invalid_client",
    "invalid_scope",
    "invalid_token",
    "invalid_request",
    "invalid_target",
    "deleted_client",
    "unauthorized_client",
    "access_denied",
];

/// The denial in a text; `None` if there is none.
pub fn find(written: &str) -> Option<ApiError> {
    let end = (0..=written.len().min(MOST)).rev().find(|at| written.is_char_boundary(*at)).unwrap_or(0);
    let written = &written[..end];
    if let Some(error) = called_answer::find(written) {
        return Some(error);
    }
    let status = status(written);
    let boxed = unboxed(written);
    let written = boxed.as_deref().unwrap_or(written);
    let found =
        object(written).or_else(|| object(&unescaped(written))).or_else(|| object(&unmasked(written)?));
    if let Some((body, own)) = found {
        let status =
            own.or(status).unwrap_or_else(|| code_in(&body.to_string()).map_or(400, |(_, status)| status));
        let mut error =
            ApiError::from_answer(status, body.to_string().as_bytes(), &RequestContext::default());
        if let Some(refusal) = &mut error.refusal {
            // Our own errors have the reason beside the message.
            refusal.reason = refusal.reason.take().or_else(|| text(body.get("error")?.get("reason")));
            refusal.by = Answerer::Api;
            about(written, &mut refusal.asked);
        }
        return Some(error);
    }
    from_words(written, status)
}

/// The first JSON object that is an error in one of Google's forms or ours, and the HTTP status that it names.
fn object(written: &str) -> Option<(Value, Option<u16>)> {
    for (at, _) in written.match_indices('{').take(TRIES) {
        let mut values = serde_json::Deserializer::from_str(&written[at..]).into_iter::<Value>();
        let Some(Ok(value)) = values.next() else { continue };
        let status =
            |value: Option<&Value>| value.and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        match value.get("error") {
            Some(Value::Object(error)) => {
                let own = status(error.get("code")).or(status(error.get("status")));
                return Some((value, own.filter(|code| *code >= 100)));
            }
            Some(Value::String(_)) => return Some((value, None)),
            _ => {}
        }
        // A bare google.rpc.Status: its code is gRPC's, so the name decides.
        if value.get("message").is_some() && (value.get("details").is_some() || value.get("code").is_some()) {
            let own = status(value.get("code")).filter(|code| *code >= 100);
            return Some((serde_json::json!({ "error": value }), own));
        }
    }
    None
}

/// As programming languages print a string with JSON in it: `{\n  \"error\": …`.
fn unescaped(written: &str) -> String {
    written.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\").replace("\\'", "'")
}

/// Removes the frame that Terraform draws around an error, and joins the lines that it broke.
fn unboxed(written: &str) -> Option<String> {
    let frame = |line: &str| line.trim_start().starts_with('│');
    written.lines().any(frame).then(|| {
        let inside = written.lines().map(|line| line.trim_start().trim_start_matches(['│', '╷', '╵']).trim());
        inside.map(|line| if line.is_empty() { "\n" } else { line }).collect::<Vec<_>>().join(" ")
    })
}

/// Restores braces that GitHub's runner masked: it masks each line of a secret, and a key file has lines with only a
/// brace.
fn unmasked(written: &str) -> Option<String> {
    let (first, rest) = written.split_once("***")?;
    let mut out = first.to_owned();
    for part in rest.split("***") {
        out.push(if part.trim_start().starts_with('"') { '{' } else { '}' });
        out.push_str(part);
    }
    Some(out)
}

/// `HTTP/1.1 403`, `HttpError 403`, `googleapi: Error 403:`, `status code 403`, `status: 403`.
fn status(written: &str) -> Option<u16> {
    const BEFORE: [&str; 8] =
        ["http/1.1 ", "http/2 ", "httperror ", "error ", "status code ", "status: ", "code: ", "returned "];
    let lower = written.to_ascii_lowercase();
    BEFORE.iter().find_map(|before| {
        lower.match_indices(before).take(TRIES).find_map(|(at, _)| {
            let digits = lower.get(at + before.len()..at + before.len() + 3)?;
            digits.parse::<u16>().ok().filter(|status| (400..600).contains(status))
        })
    })
}

/// The canonical code in a text, as a separate word: `PERMISSION_DENIED: …`, `"status": "NOT_FOUND"`, `status:
/// UNAVAILABLE` at the end of a line.
fn code_in(written: &str) -> Option<(&'static str, u16)> {
    let stands = |name: &str| {
        written.match_indices(name).any(|(at, _)| {
            let before = written[..at].chars().next_back();
            let after = written[at + name.len()..].chars().next();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
                && after.is_none_or(|c| ":,\"')]\n\r".contains(c))
        })
    };
    CODES.iter().find(|(_, name, _)| stands(name)).map(|(_, name, status)| (*name, *status))
}

/// As gcloud prints it: a code, a sentence, and details as YAML.
fn from_words(written: &str, status: Option<u16>) -> Option<ApiError> {
    let code = code_in(written);
    let oauth = OAUTH.iter().find(|code| written.contains(**code));
    let exchange = refuses_an_exchange(written);
    let permission = quoted_permission(written);
    let permission = permission.or_else(|| required_permission(written));
    if code.is_none()
        && oauth.is_none()
        && permission.is_none()
        && !exchange
        && !(says_status(written) && status.is_some())
    {
        return None;
    }
    let field = |name: &str| {
        written.lines().find_map(|line| {
            let line = line.trim_start_matches([' ', '-']);
            let value = line.strip_prefix(name)?.strip_prefix(':')?.trim().trim_matches(['\'', '"']);
            (!value.is_empty()).then(|| value.to_owned())
        })
    };
    let mut lines = written.lines().map(str::trim).filter(|line| !line.is_empty());
    let message = if exchange { lines.find(|line| refuses_an_exchange(line)) } else { lines.next() };
    let message = message.unwrap_or_default();
    let message = oauth.and_then(|code| message.split_once(code)).map_or(message, |(_, rest)| rest);
    let message = code.and_then(|(code, _)| message.split_once(code)).map_or(message, |(_, rest)| rest);
    let mut metadata = serde_json::Map::new();
    for name in ["permission", "consumer", "service", "uid", "email", "quota_limit"] {
        if let Some(value) = field(name) {
            metadata.insert(name.to_owned(), value.into());
        }
    }
    if let Some(name) = permission {
        metadata.entry("permission").or_insert_with(|| name.into());
    }
    let subtype = ["invalid_rapt", "rapt_required"].into_iter().find(|name| written.contains(name));
    let body = match (oauth, code) {
        (Some(oauth), None) => serde_json::json!({
            "error": oauth, "error_description": unquoted(message), "error_subtype": subtype,
        }),
        // The sentence alone: OAuth's code is not known.
        (None, None) if exchange => {
            serde_json::json!({ "error": "invalid_request", "error_description": unquoted(message) })
        }
        _ => {
            let reason = field("reason");
            let code = code.map_or("", |(code, _)| code);
            serde_json::json!({"error": {
                "message": message.trim_start_matches([':', ' ']),
                "status": code,
                "details": [{
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": reason, "domain": field("domain"), "metadata": metadata,
                }],
            }})
        }
    };
    let otherwise = if oauth.is_some() || exchange { 400 } else { 403 };
    let status = status.or(code.map(|(_, status)| status)).unwrap_or(otherwise);
    let mut error = ApiError::from_answer(status, body.to_string().as_bytes(), &RequestContext::default());
    if let Some(refusal) = &mut error.refusal {
        refusal.by = Answerer::Api;
        about(written, &mut refusal.asked);
    }
    Some(error)
}

/// A message without what a program printed around it: `: Unable to parse the ID Token.', None)`.
fn unquoted(message: &str) -> &str {
    let message = message.trim_start_matches([':', ' ', '\'', '"', ',']);
    let end = [".'", ".\""].iter().filter_map(|end| message.find(end)).min();
    end.map_or(message, |end| &message[..=end])
}

/// Compute Engine's wording: `Required 'compute.instances.list' permission for 'projects/acme-prod'`.
fn required_permission(written: &str) -> Option<&str> {
    let (_, rest) = written.split_once("Required '")?;
    rest.split_once("' permission")
        .map(|(name, _)| name)
        .filter(|name| name.contains('.') && !name.contains(' '))
}

/// Whether a number in the text is certainly a status, written as libraries and curl write it.
fn says_status(written: &str) -> bool {
    let lower = written.to_ascii_lowercase();
    ["googleapi: error ", "httperror ", "http/1.1 ", "http/2 "].iter().any(|before| lower.contains(before))
}

/// What the text says about the request: the service, and the account that it names.
fn about(written: &str, asked: &mut RequestContext) {
    let services = ["iamcredentials", "sts", "cloudresourcemanager", "serviceusage", "oauth2", "iam"];
    let service =
        services.iter().map(|name| format!("{name}.googleapis.com")).find(|host| written.contains(host));
    asked.service = service.unwrap_or_default();
    asked.resource = target(written).map(plain).unwrap_or_default();
}

/// The account that the call was about, only if the text says so, because many sentences name the caller.
fn target(written: &str) -> Option<&str> {
    const BEFORE: [&str; 4] = ["serviceAccounts/", "impersonate [", "found for email ", "service account ["];
    let account = |rest: &'_ str| -> Option<usize> {
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.@".contains(c))).unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches('.');
        (name.contains('@') && name.ends_with(".gserviceaccount.com")).then_some(name.len())
    };
    BEFORE.iter().find_map(|before| {
        let (_, rest) = written.split_once(before)?;
        account(rest).map(|length| &rest[..length])
    })
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
