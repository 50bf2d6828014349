//! Requests as a HAR 1.2 file (the archive format that browsers and proxies read): what Activity shows, and no
//! more than it shows. Bodies are the redacted ones; headers are left out, for one of them is a credential.

use serde_json::{Value, json};

use crate::api::{Record, endpoints::is_loopback};

/// The archive as text.
pub fn har<'a>(records: impl Iterator<Item = &'a Record>) -> String {
    let entries: Vec<Value> = records.map(entry).collect();
    let log = json!({
        "log": {
            "version": "1.2",
            "creator": { "name": "impersona", "version": env!("CARGO_PKG_VERSION") },
            "entries": entries,
        }
    });
    format!("{log:#}")
}

fn entry(record: &Record) -> Value {
    let scheme =
        if is_loopback(record.host.split(':').next().unwrap_or_default()) { "http" } else { "https" };
    let millis = record.latency.map_or(-1.0, |latency| latency.as_secs_f64() * 1_000.0);
    json!({
        "startedDateTime": record.started.to_string(),
        "time": millis,
        "request": {
            "method": record.method,
            "url": format!("{scheme}://{}{}", record.host, record.path),
            "httpVersion": "HTTP/1.1",
            "cookies": [], "headers": [], "queryString": [],
            "postData": { "mimeType": "application/json", "text": record.request },
            "headersSize": -1,
            "bodySize": -1,
        },
        "response": {
            "status": record.status.unwrap_or_default(),
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [], "headers": [],
            "content": { "size": record.response_bytes, "mimeType": "application/json", "text": record.response },
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": record.response_bytes,
        },
        "cache": {},
        "timings": { "send": -1, "wait": millis, "receive": -1 },
        "comment": format!("{}, {} tries", record.call, record.tries),
    })
}
