//! Entries of Cloud Audit Logs: their code is gRPC's, and they name the caller, the account and the permission.

use serde_json::{Map, Value, json};

use super::{
    error::plain,
    error_text::{Structured, by_number},
    error_words,
};
use crate::model::denial::{RequestContext, as_member};

/// The denial in an entry; `None` for anything else.
pub(super) fn read(map: &Map<String, Value>) -> Option<Structured> {
    let says = |name: &str| map.get(name).and_then(Value::as_str).unwrap_or_default();
    let by = map.get("authenticationInfo").and_then(Value::as_object);
    let error = map.get("status").and_then(Value::as_object)?;
    let (code, status) = error.get("code").and_then(Value::as_u64).and_then(by_number)?;
    if says("methodName").is_empty() && by.is_none() {
        return None;
    }
    let denied = map.get("authorizationInfo").and_then(Value::as_array).into_iter().flatten();
    let mut denied = denied.filter(|info| info.get("granted").and_then(Value::as_bool) != Some(true));
    let denied = denied.next();
    let of = |name: &str| denied.and_then(|info| info.get(name)).and_then(Value::as_str);
    let requested = ["name", "resource"]
        .iter()
        .filter_map(|name| map.get("request")?.get(*name)?.as_str())
        .find(|name| name.contains('/'));
    let resource = requested.or(of("resource")).unwrap_or_else(|| says("resourceName"));
    let mut metadata = Map::new();
    if let Some(name) = of("permission") {
        metadata.insert("permission".to_owned(), name.into());
    }
    let mut details: Vec<Value> = error.get("details").and_then(Value::as_array).cloned().unwrap_or_default();
    if details.is_empty() && !metadata.is_empty() {
        let kind = "type.googleapis.com/google.rpc.ErrorInfo";
        details.push(json!({ "@type": kind, "metadata": metadata }));
    }
    let who = ["principalSubject", "principalEmail"].iter().find_map(|name| by?.get(*name)?.as_str());
    let who = who.and_then(|who| as_member(who.trim_start_matches("serviceAccount:")));
    let account = resource.rsplit('/').next().filter(|name| name.contains('@'));
    let asked = RequestContext {
        service: plain(says("serviceName")),
        resource: plain(account.unwrap_or(resource)),
        permission: error_words::permission_of(says("methodName")).map(Into::into),
        ..RequestContext::default()
    };
    let message = error.get("message").cloned().unwrap_or_default();
    let body = json!({"error": {"code": status, "status": code, "message": message, "details": details}});
    Some(Structured { weight: 10, body, status: Some(status), asked, principal: who })
}

/// The same in YAML, as `gcloud logging read` prints it. The lines have lost their indentation with what stood before
/// them, so fields are told apart by what precedes them.
pub(super) fn in_yaml(text: &str) -> Option<Structured> {
    let begins = |line: &str| line.starts_with("principalEmail: ") || line.starts_with("principalSubject: ");
    if !text.lines().any(|line| begins(line.trim_start_matches(['-', ' ']))) {
        return None;
    }
    let fields = fields(text);
    let at = |section: &str| fields.iter().position(|(name, value)| *name == section && value.is_empty());
    let after = |section: &str, names: &[&str]| {
        let begin = at(section)? + 1;
        let named = fields[begin..].iter().find(|(name, value)| names.contains(name) && !value.is_empty());
        named.map(|(_, value)| Value::from(value.as_str()))
    };
    let first = |name: &str| {
        fields.iter().find(|(found, _)| *found == name).map(|(_, value)| Value::from(value.as_str()))
    };
    let code: u64 = after("status", &["code"])?.as_str()?.parse().ok()?;
    // The denied permission is one that wasn't granted: `granted: true` comes before the permission it is about.
    let mut denied = (None, None);
    let mut granted = false;
    for (name, value) in &fields {
        match *name {
            "granted" => granted = value == "true",
            "permission" if !granted && denied.0.is_none() => denied.0 = Some(value.as_str()),
            "resource" if !granted && denied.0.is_some() && denied.1.is_none() => denied.1 = Some(value),
            "permission" => granted = false,
            _ => {}
        }
    }
    let entry = json!({
        "status": { "code": code, "message": after("status", &["message"]) },
        "authenticationInfo": {
            "principalEmail": first("principalEmail"), "principalSubject": first("principalSubject"),
        },
        "authorizationInfo": [{ "permission": denied.0, "resource": denied.1 }],
        "methodName": first("methodName"),
        "serviceName": first("serviceName"),
        "resourceName": first("resourceName"),
        "request": { "name": after("request", &["name", "resource"]) },
    });
    read(entry.as_object()?)
}

/// The most lines that are read as fields.
const LINES: usize = 4_000;

/// The lines of YAML as names and values; a line without a name continues the value before it.
fn fields(text: &str) -> Vec<(&str, String)> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in text.lines().take(LINES) {
        let line = line.trim().trim_start_matches("- ");
        let pair = line.split_once(':').filter(|(name, value)| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_@'\"-".contains(&byte))
                && (value.is_empty() || value.starts_with(' '))
        });
        match (pair, fields.last_mut()) {
            (Some((name, value)), _) => {
                let value = value.trim().trim_matches(['\'', '"']);
                fields.push((name.trim_matches(['\'', '"']), value.to_owned()));
            }
            (None, Some((_, value))) if !line.is_empty() => value.extend([" ", line]),
            _ => {}
        }
    }
    fields
}
