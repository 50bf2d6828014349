//! Any answer that is no success ends in a sentence and a next step, and so does any text that somebody takes for an
//! error: the first two bytes are the status, the rest is the body.
#![no_main]

use impersona::http::{ApiError, error_text};
use impersona::model::denial::RequestContext;
use impersona::model::doctor::{Examined, Known, diagnose};
use impersona::text::safe::{is_unsafe, safe_line};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((status, body)) = data.split_first_chunk() else { return };
    let status = 300 + u16::from_be_bytes(*status) % 300;
    let asked = RequestContext {
        service: "iamcredentials.googleapis.com".to_owned(),
        method: "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken".into(),
        resource: "ci@acme-prod.iam.gserviceaccount.com".to_owned(),
        permission: Some("iam.serviceAccounts.getAccessToken".into()),
        lifetime_seconds: Some(43_200),
        delegates: vec!["relay@acme-ci.iam.gserviceaccount.com".to_owned()],
        delegation: None,
        ..RequestContext::default()
    };
    for asked in [&asked, &RequestContext::default()] {
        hold(&ApiError::from_answer(status, body, asked));
    }
    if let Some(error) = error_text::find(&String::from_utf8_lossy(body)) {
        hold(&error);
    }
});

fn hold(error: &ApiError) {
    let sentence = error.sentence();
    assert!(!sentence.trim().is_empty(), "something is said");
    assert!(!safe_line(&sentence).contains(is_unsafe));
    error.next();
    let (examined, now) = (Examined::default(), "2027-01-15T08:00:00Z".parse().expect("a time"));
    let known = Known { caller: None, examined: &examined, remedy: None, now };
    let refusal = error.refusal.as_deref().expect("an answer is a refusal");
    assert!(!diagnose(refusal, &known).steps.is_empty(), "something can be done");
}
