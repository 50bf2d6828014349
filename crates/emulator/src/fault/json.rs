//! Faults as a world and the control endpoint write them: one flat object. If several fields exclude each
//! other, the order of the checks below decides.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Additions, Delivery, Outcome, Selector};

/// The object. Its name is the public type's, because serde's messages contain it.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Fault {
    method: String,
    path: String,
    nth: u32,
    times: Option<u32>,
    per_minute: Option<u32>,
    delay_ms: u64,
    hang: bool,
    reset_before: bool,
    reset_after: bool,
    truncate: bool,
    half: bool,
    endless: bool,
    html: bool,
    redirect: Option<String>,
    empty: bool,
    content_type: Option<String>,
    drip_ms: u64,
    gzip_bomb: bool,
    date_offset_seconds: i64,
    token_expired: bool,
    stale_read: bool,
    etag_conflict: bool,
    error: Option<String>,
    status: Option<u16>,
    body: Option<Value>,
    retry_after: Option<u64>,
    retry_delay_ms: Option<u64>,
}

impl Fault {
    fn delivery(&self) -> Delivery {
        let Fault { status, .. } = *self;
        match &self.redirect {
            _ if self.hang => Delivery::Hang,
            _ if self.reset_before => Delivery::ResetBefore,
            _ if self.html => Delivery::Html { status: status.unwrap_or(502) },
            Some(to) => Delivery::Redirect { status: status.unwrap_or(302), to: to.clone() },
            _ if self.reset_after => Delivery::ResetAfter,
            _ if self.empty => Delivery::Empty { status },
            _ if self.truncate => Delivery::Truncate,
            _ if self.half => Delivery::Half,
            _ if self.drip_ms > 0 => Delivery::Drip { pause_ms: self.drip_ms },
            _ if self.endless => Delivery::Endless,
            _ if self.gzip_bomb => Delivery::GzipBomb,
            _ => Delivery::Usual,
        }
    }

    fn outcome(self) -> Outcome {
        // With these a status is only that of an answer which the fault shapes in another way.
        let is_shaped = self.html || self.redirect.is_some() || self.empty;
        match (self.error, self.status.filter(|_| !is_shaped), self.body) {
            _ if self.etag_conflict => Outcome::EtagConflict,
            (Some(name), ..) => Outcome::Error(name),
            (_, None, None) if self.token_expired => Outcome::TokenExpired,
            (_, None, None) if self.stale_read => Outcome::StaleRead,
            (_, None, None) => Outcome::Usual,
            (.., body) => Outcome::Answer { status: self.status.unwrap_or(200), body },
        }
    }
}

impl From<Fault> for super::Fault {
    fn from(mut json: Fault) -> super::Fault {
        super::Fault {
            calls: Selector {
                method: std::mem::take(&mut json.method),
                path: std::mem::take(&mut json.path),
                nth: json.nth,
                times: json.times,
                per_minute: json.per_minute,
            },
            adds: Additions {
                delay_ms: json.delay_ms,
                date_offset_seconds: json.date_offset_seconds,
                content_type: json.content_type.take(),
                retry_after: json.retry_after,
                retry_delay_ms: json.retry_delay_ms,
            },
            delivery: json.delivery(),
            outcome: json.outcome(),
        }
    }
}

impl From<super::Fault> for Fault {
    fn from(fault: super::Fault) -> Fault {
        let super::Fault { calls, adds, outcome, delivery } = fault;
        let mut json = Fault {
            method: calls.method,
            path: calls.path,
            nth: calls.nth,
            times: calls.times,
            per_minute: calls.per_minute,
            delay_ms: adds.delay_ms,
            date_offset_seconds: adds.date_offset_seconds,
            content_type: adds.content_type,
            retry_after: adds.retry_after,
            retry_delay_ms: adds.retry_delay_ms,
            ..Fault::default()
        };
        match outcome {
            Outcome::Usual => {}
            Outcome::TokenExpired => json.token_expired = true,
            Outcome::StaleRead => json.stale_read = true,
            Outcome::EtagConflict => json.etag_conflict = true,
            Outcome::Error(name) => json.error = Some(name),
            Outcome::Answer { status, body } => (json.status, json.body) = (Some(status), body),
        }
        match delivery {
            Delivery::Usual => {}
            Delivery::Hang => json.hang = true,
            Delivery::ResetBefore => json.reset_before = true,
            Delivery::ResetAfter => json.reset_after = true,
            Delivery::Html { status } => (json.html, json.status) = (true, Some(status)),
            Delivery::Redirect { status, to } => (json.redirect, json.status) = (Some(to), Some(status)),
            Delivery::Empty { status } => (json.empty, json.status) = (true, status.or(json.status)),
            Delivery::Truncate => json.truncate = true,
            Delivery::Half => json.half = true,
            Delivery::Drip { pause_ms } => json.drip_ms = pause_ms,
            Delivery::Endless => json.endless = true,
            Delivery::GzipBomb => json.gzip_bomb = true,
        }
        json
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::fault::{Delivery, Fault, Outcome};

    #[test]
    fn fault_keeps_every_field_of_its_json() {
        for mut stated in [
            json!({"method": "iam.*", "path": "p", "nth": 2, "times": 3, "perMinute": 4, "delayMs": 5,
                "dateOffsetSeconds": 6, "contentType": "text/plain", "retryAfter": 7, "retryDelayMs": 8}),
            json!({"hang": true, "error": "UNAVAILABLE"}),
            json!({"resetBefore": true, "tokenExpired": true}),
            json!({"resetAfter": true, "staleRead": true}),
            json!({"truncate": true, "etagConflict": true}),
            json!({"half": true, "status": 418, "body": null}),
            json!({"endless": true}),
            json!({"html": true, "status": 404}),
            json!({"redirect": "/x", "status": 307}),
            json!({"empty": true, "status": 503, "tokenExpired": true}),
            json!({"dripMs": 9, "status": 200, "body": {"a": 1}}),
            json!({"gzipBomb": true}),
        ] {
            let fault: Fault = serde_json::from_value(stated.clone()).unwrap();
            let written = serde_json::to_value(&fault).unwrap();
            let all = written.as_object().unwrap();
            assert_eq!(all.len(), 27, "every field is written");
            let fields = stated.as_object_mut().unwrap();
            let is_set = |value: &&Value| !matches!(value, Value::Null | Value::Bool(false)) && **value != "";
            let set = all.iter().filter(|(_, value)| is_set(value) && **value != json!(0));
            let set: serde_json::Map<_, _> = set.map(|(name, value)| (name.clone(), value.clone())).collect();
            fields.retain(|_, value| !value.is_null());
            assert_eq!(Value::Object(set), stated);
        }
    }

    #[test]
    fn of_contradicting_fields_the_first_happens() {
        let of = |json: Value| serde_json::from_value::<Fault>(json).unwrap();
        let page = of(json!({"html": true, "hang": false, "half": true, "empty": true}));
        assert_eq!(page.delivery, Delivery::Html { status: 502 });
        let error = of(json!({"error": "INTERNAL", "status": 418, "tokenExpired": true}));
        assert_eq!(error.outcome, Outcome::Error("INTERNAL".into()));
        let unknown = serde_json::from_str::<Fault>(r#"{"hangs": true}"#).unwrap_err().to_string();
        assert!(unknown.starts_with("unknown field `hangs`, expected one of `method`, `path`"), "{unknown}");
    }
}
