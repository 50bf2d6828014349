//! The faults, and what the rules say of each: how it is told, and how often a request that meets it is sent.

use serde_json::json;

use crate::http::ErrorKind::{
    self, Conflict, Credentials, Denied, Invalid, Network, NotFound, Other, Quota, Server, Timeout,
};
use impersona_emulator::{Delivery, Fault, Outcome};

/// How often something that may be repeated is sent in all, when the fault stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Another time would fare no better.
    Once,
    /// With waits in between that grow.
    FourTimes,
    /// Once more with a fresh token, and not again.
    Renewed,
}

/// Something that goes wrong.
#[derive(Clone, Debug)]
pub(super) struct Wrong {
    pub(super) name: String,
    pub(super) fault: Option<Fault>,
    /// None: the answer is as good as ever.
    pub(super) kind: Option<ErrorKind>,
    pub(super) sent: Sent,
    /// Megabytes: only the first request of each call meets it.
    pub(super) is_heavy: bool,
    /// Also with only one of a call's requests hit, whatever the call.
    pub(super) at_each: bool,
}

impl Wrong {
    fn heavy(self) -> Wrong {
        Wrong { is_heavy: true, ..self }
    }

    fn at_each(self) -> Wrong {
        Wrong { at_each: true, ..self }
    }
}

fn wrong(name: &str, fault: Fault, kind: ErrorKind, sent: Sent) -> Wrong {
    Wrong {
        name: name.to_owned(),
        fault: Some(fault),
        kind: Some(kind),
        sent,
        is_heavy: false,
        at_each: false,
    }
}

fn harmless(name: &str, fault: Fault) -> Wrong {
    Wrong { kind: None, ..wrong(name, fault, Other, Sent::Once) }
}

fn none() -> Fault {
    Fault::on("*")
}

fn status(status: u16) -> Fault {
    none().delivery(Delivery::Html { status })
}

fn error(name: &str) -> Fault {
    none().error(name)
}

pub(super) fn connections() -> Vec<Wrong> {
    use Sent::{FourTimes, Once};
    vec![
        Wrong { fault: None, ..wrong("connection refused", none(), Network, FourTimes) },
        wrong(
            "connection reset before anything was done",
            none().delivery(Delivery::ResetBefore),
            Network,
            FourTimes,
        )
        .at_each(),
        wrong(
            "connection reset after it was done",
            none().delivery(Delivery::ResetAfter),
            Network,
            FourTimes,
        ),
        wrong("the answer breaks off", none().delivery(Delivery::Truncate), Network, FourTimes),
        wrong("no answer, ever", none().delivery(Delivery::Hang), Timeout, Once),
        wrong(
            "the answer drips, 16 bytes in 40 s",
            none().delivery(Delivery::Drip { pause_ms: 40_000 }),
            Timeout,
            Once,
        ),
        harmless("the answer is 300 ms late", none().delay_ms(300)),
    ]
}

/// Answers that are none.
pub(super) fn answers() -> Vec<Wrong> {
    use Sent::{FourTimes, Once, Renewed};
    // Whatever is asked for has one of these, and it is of another type.
    let wrong_type = json!({"accounts": 7, "email": 7, "keys": 7, "permissions": 7, "bindings": 7, "accessToken": 7,
        "access_token": 7, "token": 7, "keyId": 7, "signedJwt": 7, "signedBlob": 7, "projects": 7, "projectId": 7,
        "displayName": 7, "parent": 7, "state": 7, "name": 7, "roles": 7, "includedPermissions": 7, "lintResults": 7,
        "overallAccessState": 7, "scope": 7, "exp": 7, "done": 7});
    vec![
        wrong("half of the JSON, as if it were all", none().delivery(Delivery::Half), Server, Once).at_each(),
        wrong("a web page under 200", status(200), Server, Once),
        wrong("a web page under 401", status(401), Server, Once),
        wrong("a web page under 403", status(403), Server, Once),
        wrong("a web page under 404", status(404), NotFound, Once),
        wrong("a web page under 429", status(429), Quota, FourTimes),
        wrong("a web page under 502", status(502), Server, FourTimes),
        wrong("nothing under 200", none().delivery(Delivery::Empty { status: None }), Server, Once),
        wrong(
            "nothing under 401",
            none().delivery(Delivery::Empty { status: None }).outcome(Outcome::TokenExpired),
            Credentials,
            Renewed,
        ),
        wrong("nothing under 503", none().delivery(Delivery::Empty { status: Some(503) }), Server, FourTimes),
        wrong("a list where an object belongs", none().answer(200, json!([])), Server, Once),
        wrong("fields of another type", none().answer(200, wrong_type), Server, Once),
        harmless("another content type", none().content_type("text/plain")),
        wrong("4 MiB that unpack to 600", none().delivery(Delivery::GzipBomb), Server, Once).heavy(),
        wrong("a body without end", none().delivery(Delivery::Endless), Server, Once).heavy(),
        wrong(
            "a redirect",
            none().delivery(Delivery::Redirect { status: 302, to: "https://elsewhere.example/".into() }),
            Server,
            Once,
        ),
    ]
}

/// Refusals, in Google's words.
pub(super) fn refusals() -> Vec<Wrong> {
    use Sent::{FourTimes, Once, Renewed};
    let again_after = |seconds| error("RATE_LIMIT_EXCEEDED").retry_after(seconds);
    vec![
        wrong("400 INVALID_ARGUMENT", error("INVALID_ARGUMENT"), Invalid, Once),
        wrong("400 FAILED_PRECONDITION", error("FAILED_PRECONDITION"), Invalid, Once),
        wrong("401 ACCESS_TOKEN_EXPIRED", none().outcome(Outcome::TokenExpired), Credentials, Renewed),
        wrong("401 CREDENTIALS_MISSING", error("CREDENTIALS_MISSING"), Credentials, Renewed),
        wrong(
            "401 ACCESS_TOKEN_TYPE_UNSUPPORTED",
            error("ACCESS_TOKEN_TYPE_UNSUPPORTED"),
            Credentials,
            Renewed,
        ),
        wrong("401 ACCOUNT_STATE_INVALID", error("ACCOUNT_STATE_INVALID"), Credentials, Renewed),
        wrong("404 NOT_FOUND", error("NOT_FOUND"), NotFound, Once),
        wrong("409 ABORTED", error("ABORTED"), Conflict, Once),
        wrong("409 ALREADY_EXISTS", error("ALREADY_EXISTS"), Conflict, Once),
        wrong("429 RATE_LIMIT_EXCEEDED", error("RATE_LIMIT_EXCEEDED"), Quota, FourTimes),
        wrong("429 with Retry-After: 2", again_after(2), Quota, FourTimes),
        wrong("429 with Retry-After: 3600", again_after(3_600), Quota, Once),
        wrong("500 INTERNAL", error("INTERNAL"), Server, FourTimes),
        wrong("503 UNAVAILABLE", error("UNAVAILABLE"), Server, FourTimes),
        wrong("503 with Retry-After: 3600", error("UNAVAILABLE").retry_after(3_600), Server, Once),
        wrong("504 DEADLINE_EXCEEDED", error("DEADLINE_EXCEEDED"), Server, FourTimes),
        harmless("a clock an hour ahead", none().date_offset_seconds(3_600)),
        harmless("a clock an hour behind", none().date_offset_seconds(-3_600)),
    ]
}

/// Every 403, by its reason.
pub(super) fn denials() -> Vec<Wrong> {
    REASONS.map(|reason| wrong(&format!("403 {reason}"), error(reason), Denied, Sent::Once)).to_vec()
}

/// Why Google answers 403.
const REASONS: [&str; 22] = [
    "PERMISSION_DENIED",
    "IAM_PERMISSION_DENIED",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    "SERVICE_DISABLED",
    "USER_PROJECT_DENIED",
    "CONSUMER_INVALID",
    "SECURITY_POLICY_VIOLATED",
    "ACCOUNT_TYPE_UNSUPPORTED",
    "API_KEY_SERVICE_BLOCKED",
    "BILLING_DISABLED",
    "CONSUMER_SUSPENDED",
    "CREDENTIAL_TYPE_UNSUPPORTED",
    "ENDPOINT_USAGE_RESTRICTION_VIOLATED",
    "GCP_SUSPENDED",
    "LOCATION_ORG_POLICY_VIOLATED",
    "LOCATION_POLICY_VIOLATED",
    "LOCATION_TAX_POLICY_VIOLATED",
    "ORG_RESTRICTION_VIOLATION",
    "RESOURCE_USAGE_RESTRICTION_VIOLATED",
    "SERVICE_NOT_VISIBLE",
    "TLS_ORG_POLICY_VIOLATED",
    "USER_BLOCKED_BY_ADMIN",
];
