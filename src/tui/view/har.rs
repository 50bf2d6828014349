//! Requests as a HAR 1.2 file (the archive format that browsers and proxies read): only what Activity shows. Bodies are
//! redacted; headers are left out, because one of them is a credential.

use serde_json::{Value, json};

use crate::{
    http::{Record, record::Content},
    model::visible,
};

/// The archive as text.
pub(crate) fn har<'a>(records: impl Iterator<Item = &'a Record>) -> String {
    let entries: Vec<Value> = records.map(entry).collect();
    let log = json!({
        "log": {
            "version": "1.2",
            "creator": { "name": "impersona", "version": env!("CARGO_PKG_VERSION") },
            "entries": entries,
        }
    });
    visible::json(&format!("{log:#}")).into_owned()
}

fn entry(record: &Record) -> Value {
    let millis = record.latency.map_or(-1.0, |latency| latency.as_secs_f64() * 1_000.0);
    let mut content = json!({ "size": record.response_bytes, "mimeType": "application/json" });
    // An old request has lost its response.
    if !record.response.is_empty() || record.response_bytes == 0 {
        content["text"] = json!(record.response);
    }
    let mut entry = json!({
        "startedDateTime": record.started.to_string(),
        "time": millis,
        "request": {
            "method": record.method,
            "url": record.url(),
            "httpVersion": "HTTP/1.1",
            "cookies": [], "headers": [], "queryString": [],
            "headersSize": -1,
            "bodySize": -1,
        },
        "response": {
            "status": record.status.unwrap_or_default(),
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [], "headers": [],
            "content": content,
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": record.response_bytes,
        },
        "cache": {},
        "timings": { "send": -1, "wait": millis, "receive": -1 },
        "comment": format!("{}, {} tries", record.call, record.tries),
    });
    if let Some(content) = record.content {
        let mut sent = json!({ "mimeType": content.mime() });
        match content {
            Content::Json => sent["text"] = json!(record.request),
            // The format allows one of the two: form fields, or a text.
            Content::Form => {
                sent["params"] =
                    record.fields().map(|(name, value)| json!({ "name": name, "value": value })).collect();
            }
        }
        entry["request"]["postData"] = sent;
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::record::Outcome;

    #[test]
    fn address_and_body_are_what_was_sent() {
        let record = |scheme, host: &str, content, request: &str| Record {
            id: 1,
            started: jiff::Timestamp::UNIX_EPOCH,
            method: "POST",
            scheme,
            host: host.into(),
            path: "/token".into(),
            call: "x".into(),
            outcome: Outcome::Done,
            status: Some(200),
            latency: None,
            tries: 1,
            bearer: false,
            charged: None,
            content,
            request: request.into(),
            response: String::new(),
            response_bytes: 0,
            skew: None,
        };
        let read = |record| {
            let text = har([&record].into_iter());
            serde_json::from_str::<Value>(&text).unwrap()["log"]["entries"][0]["request"].take()
        };
        let form =
            read(record("http", "[::1]:8080", Some(Content::Form), "grant_type=a=b\nassertion=…(7 chars)"));
        assert_eq!(form["url"], "http://[::1]:8080/token");
        assert_eq!(
            form["postData"],
            json!({
                "mimeType": "application/x-www-form-urlencoded",
                "params": [{"name": "grant_type", "value": "a=b"}, {"name": "assertion", "value": "…(7 chars)"}],
            })
        );
        let json = read(record("https", "127.0.0.1:8443", Some(Content::Json), "{}"));
        assert_eq!(json["url"], "https://127.0.0.1:8443/token");
        assert_eq!(json["postData"], json!({"mimeType": "application/json", "text": "{}"}));
        assert_eq!(read(record("https", "a.example", None, "")).get("postData"), None);
    }
}
