//! The JSON form of refusals. No discovery document has it: it is `google.rpc.Status` with the HTTP status for its code
//! and its code as a word, with the details of `google/rpc/error_details.proto`, and the older list `errors` beside them.

use serde_json::Value;

/// The words and the HTTP statuses they come with (`google/rpc/code.proto`).
const CODES: [(&str, u64); 16] = [
    ("CANCELLED", 499),
    ("UNKNOWN", 500),
    ("INVALID_ARGUMENT", 400),
    ("DEADLINE_EXCEEDED", 504),
    ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409),
    ("PERMISSION_DENIED", 403),
    ("UNAUTHENTICATED", 401),
    ("RESOURCE_EXHAUSTED", 429),
    ("FAILED_PRECONDITION", 400),
    ("ABORTED", 409),
    ("OUT_OF_RANGE", 400),
    ("UNIMPLEMENTED", 501),
    ("INTERNAL", 500),
    ("UNAVAILABLE", 503),
    ("DATA_LOSS", 500),
];

/// The details, each with its fields, those of an inner list behind its name.
const DETAILS: [(&str, &[&str]); 10] = [
    ("google.rpc.ErrorInfo", &["reason", "domain", "metadata"]),
    ("google.rpc.RetryInfo", &["retryDelay"]),
    ("google.rpc.DebugInfo", &["stackEntries", "detail"]),
    (
        "google.rpc.QuotaFailure",
        &[
            "violations",
            "subject",
            "description",
            "apiService",
            "quotaMetric",
            "quotaId",
            "quotaDimensions",
            "quotaValue",
            "futureQuotaValue",
        ],
    ),
    ("google.rpc.PreconditionFailure", &["violations", "type", "subject", "description"]),
    ("google.rpc.BadRequest", &["fieldViolations", "field", "description", "reason", "localizedMessage"]),
    ("google.rpc.RequestInfo", &["requestId", "servingData"]),
    ("google.rpc.ResourceInfo", &["resourceType", "resourceName", "owner", "description"]),
    ("google.rpc.Help", &["links", "description", "url"]),
    ("google.rpc.LocalizedMessage", &["locale", "message"]),
];

/// What is wrong with the body of a refusal with this HTTP status; nothing when all is well.
pub fn refusal(status: u16, body: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let error = &body["error"];
    names(body, &["error"], "refusal", &mut wrong);
    names(error, &["code", "message", "errors", "status", "details"], "error", &mut wrong);
    if error["code"] != status {
        wrong.push(format!("error.code: {} is not the status {status}", error["code"]));
    }
    if error["message"].as_str().is_none_or(str::is_empty) {
        wrong.push("error.message: there is none".to_owned());
    }
    let word = error["status"].as_str().unwrap_or_default();
    if !CODES.contains(&(word, status.into())) {
        wrong.push(format!("error.status: “{word}” does not come with {status}"));
    }
    for old in list(error, "errors", "error", &mut wrong) {
        names(old, &["message", "domain", "reason", "location", "locationType"], "error.errors", &mut wrong);
        if ["message", "domain", "reason"].iter().any(|name| !old[*name].is_string()) {
            wrong.push("error.errors: one lacks message, domain or reason".to_owned());
        }
    }
    for detail in list(error, "details", "error", &mut wrong) {
        self::detail(detail, &mut wrong);
    }
    wrong
}

fn detail(detail: &Value, wrong: &mut Vec<String>) {
    let kind = detail["@type"].as_str().unwrap_or_default();
    let Some(name) = kind.strip_prefix("type.googleapis.com/") else {
        return wrong.push(format!("error.details: “{kind}” is no type"));
    };
    let Some((_, fields)) = DETAILS.iter().find(|(known, _)| *known == name) else {
        // Services have details of their own; Resource Manager's are the ones that we know of.
        if !name.starts_with("google.cloudresourcemanager.") {
            wrong.push(format!("error.details: nobody knows {name}"));
        }
        return;
    };
    let outer: Vec<&str> = fields.iter().copied().chain(["@type"]).collect();
    names(detail, &outer, name, wrong);
    for (field, value) in detail.as_object().into_iter().flatten() {
        let good = match field.as_str() {
            "metadata" => value.as_object().is_some_and(|pairs| pairs.values().all(Value::is_string)),
            "violations" | "fieldViolations" | "links" => {
                let items = list(detail, field, name, wrong);
                items.iter().for_each(|item| names(item, fields, name, wrong));
                !items.is_empty()
            }
            "stackEntries" => value.is_array(),
            "retryDelay" => value.as_str().is_some_and(|text| text.ends_with('s')),
            _ => value.as_str().is_some_and(|text| !text.is_empty()),
        };
        if !good {
            wrong.push(format!("{name}.{field}: {value}"));
        }
    }
}

/// Whatever is there that has none of these names.
fn names(value: &Value, known: &[&str], at: &str, wrong: &mut Vec<String>) {
    let Some(fields) = value.as_object() else { return wrong.push(format!("{at}: {value} is no object")) };
    let strange = fields.keys().filter(|name| !known.contains(&name.as_str()));
    wrong.extend(strange.map(|name| format!("{at}: there is no field {name}")));
}

/// The objects of a list, which may be absent but not empty.
fn list<'a>(value: &'a Value, name: &str, at: &str, wrong: &mut Vec<String>) -> Vec<&'a Value> {
    match value.get(name) {
        None => Vec::new(),
        Some(Value::Array(items)) if !items.is_empty() => items.iter().collect(),
        Some(other) => {
            wrong.push(format!("{at}.{name}: {other} is no list with something in it"));
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_has_its_status_in_a_number_and_in_the_word_for_it() {
        let good = json!({"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "X", "domain": "d", "metadata": {"a": "b"}},
            {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"description": "d", "url": "u"}]}]}});
        assert_eq!(refusal(403, &good), [""; 0]);
        assert_eq!(refusal(404, &good).len(), 2);
        let mut strange = good.clone();
        strange["error"]["details"][0]["metadata"]["a"] = json!(1);
        strange["error"]["details"][1]["links"][0]["uri"] = json!("u");
        strange["error"]["errors"] = json!([]);
        strange["extra"] = json!(1);
        assert_eq!(refusal(403, &strange).len(), 4, "{:?}", refusal(403, &strange));
        assert!(!refusal(400, &json!({"error": "invalid_grant"})).is_empty());
    }
}
