//! Any answer that is no success ends in a sentence and a next step: the first two bytes are the status, the rest is
//! the body.
#![no_main]

use impersona::api::ApiError;
use impersona::model::denial::Asked;
use impersona::widgets::safe::{is_unsafe, safe_line};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((status, body)) = data.split_first_chunk() else { return };
    let status = 300 + u16::from_be_bytes(*status) % 300;
    let asked = Asked {
        service: "iamcredentials.googleapis.com".to_owned(),
        method: "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken",
        resource: "ci@acme-prod.iam.gserviceaccount.com".to_owned(),
        permission: Some("iam.serviceAccounts.getAccessToken"),
        lifetime_seconds: Some(43_200),
        delegates: 1,
        delegation: None,
    };
    for asked in [&asked, &Asked::default()] {
        let error = ApiError::from_answer(status, body, asked);
        let sentence = error.sentence();
        assert!(!sentence.trim().is_empty(), "something is said");
        assert!(!safe_line(&sentence).contains(is_unsafe));
        error.next();
    }
});
