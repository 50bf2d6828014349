//! Whatever a server answers to a request for a credential is one that is made only of what such a credential is made
//! of, or an error that says so: the first byte chooses the kind, the rest is the body.
#![no_main]

use impersona::api::credentials::read;
use impersona::http::endpoints::Endpoints;
use impersona::local::env::Env;
use impersona::model::credential::{MintRequest, Payload, What};
use impersona::model::signed_url::SignedUrl;
use impersona::text::safe::{is_unsafe, safe_line};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else { return };
    let endpoints = Endpoints::new(&Env::default(), None).expect("Google's own");
    let at = "2027-01-15T08:00:00Z".parse().expect("a time");
    let (what, takes): (What, fn(u8) -> bool) = match kind % 8 {
        0 => (What::AccessToken { scopes: vec![], lifetime_seconds: 3_600 }, graphic),
        1 => (What::IdToken { audience: "x".into(), include_email: true, organization_number: false }, jwt),
        2 => (What::SignedJwt { claims: "{}".into(), lifetime_seconds: None }, jwt),
        3 => (What::SignedBlob(Payload::Bytes(b"x".to_vec())), base64),
        4 => (What::SignedUrl(url()), graphic),
        5 => (What::MetadataAccess { scopes: vec![] }, graphic),
        6 => (What::MetadataId { audience: "x".into(), full: true, licenses: true }, jwt),
        _ => (What::Delegated { subject: "u@example.com".into(), scopes: vec![] }, graphic),
    };
    let request = MintRequest { account: "sa@p.iam.gserviceaccount.com".into(), delegates: vec![], what };
    match read(&request, &endpoints, body, at) {
        Ok(credential) => {
            let text = credential.secret.expose();
            assert!(!text.is_empty() && text.bytes().all(takes), "made of its alphabet");
            if let Some(signed) = credential.signed {
                assert!(signed.key_id.bytes().all(jwt), "a key id is a word");
            }
        }
        Err(error) => assert!(!safe_line(&error.sentence()).contains(is_unsafe)),
    }
});

fn graphic(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

fn jwt(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

fn url() -> SignedUrl {
    SignedUrl {
        method: "GET".into(),
        bucket: "b".into(),
        object: "o".into(),
        expires_seconds: 900,
        headers: vec![],
        query: vec![],
        virtual_host: false,
    }
}
