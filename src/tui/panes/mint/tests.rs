//! What the forms accept, reject and warn about: each rule with its sentence.

use jiff::Timestamp;

use super::forms::{changed, check, doubts, fill, new};
use crate::{
    model::{
        credential::{Kind, MintRequest, Payload, What},
        signed_url::SignedUrl,
    },
    tui::widgets::form::Form,
};

const ACCOUNT: &str = impersona_emulator::names::DEPLOYER;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time")
}

/// A valid form.
fn good(kind: Kind) -> Form {
    let mut form = new(kind, ACCOUNT);
    for (field, text) in [
        ("audience", "https://svc.example.com"),
        ("data", "hello"),
        ("file", "some/file"),
        ("object", "gs://acme-drop/report.csv"),
    ] {
        form.set_text(field, text);
    }
    form
}

fn request(kind: Kind, form: &mut Form) -> Option<MintRequest> {
    check(kind, ACCOUNT, form, now())
}

#[test]
fn every_form_can_be_sent() {
    for kind in Kind::FORMS {
        let mut form = good(kind);
        let request = request(kind, &mut form).unwrap_or_else(|| panic!("{kind:?}: {form:?}"));
        assert_eq!(request.kind(), kind);
        let whose = if kind == Kind::Metadata { "default" } else { ACCOUNT };
        assert_eq!(request.account, whose, "the metadata server's accounts are the machine's");
    }
}

#[test]
fn scopes_and_delegates_may_be_separated_by_commas_or_spaces() {
    let mut form = new(Kind::AccessToken, ACCOUNT);
    form.set_text("scopes", "cloud-platform, devstorage.read_only email");
    form.set_text("through", "relay-a@acme-ci, relay-b@acme-ci");
    form.set_text("lifetime", "10m");
    let request = request(Kind::AccessToken, &mut form).expect("a good form");
    let What::AccessToken { scopes, lifetime_seconds } = request.what else { panic!("an access token") };
    assert_eq!((scopes.len(), lifetime_seconds), (3, 600));
    assert_eq!(
        request.delegates,
        ["relay-a@acme-ci.iam.gserviceaccount.com", "relay-b@acme-ci.iam.gserviceaccount.com"],
        "in the order in which they were typed"
    );
}

/// A kind, the choices in its form, the invalid field as `name=text`, and a part of the sentence.
type Wrong = (Kind, &'static [(&'static str, &'static str)], &'static str, &'static str);

#[test]
fn each_wrong_field_is_refused_beside_itself_with_the_rule() {
    let cases: [Wrong; 29] = [
        (Kind::AccessToken, &[], "scopes=", "enter a scope"),
        (Kind::AccessToken, &[], "scopes=no-such-scope", "Unknown scope “no-such-scope”"),
        (Kind::AccessToken, &[], "lifetime=13h", "the maximum is 12h"),
        (Kind::AccessToken, &[], "lifetime=0s", "the minimum is 1s"),
        (Kind::AccessToken, &[], "through=dev@example.com", "21-digit unique ID"),
        (Kind::IdToken, &[], "audience=", "enter an audience"),
        (Kind::IdToken, &[], "audience=two words", "without spaces or control characters"),
        (Kind::SignedJwt, &[], "claims=", "no claims yet"),
        (Kind::SignedJwt, &[], "claims={\n  \"a\": }", "line 2, column 8: expected value"),
        (Kind::SignedJwt, &[], "claims=[1]", "must be a JSON object"),
        (Kind::SignedJwt, &[], "claims={\"exp\": 1}", "in the past"),
        (Kind::SignedJwt, &[], "claims={\"exp\": 1800050000}", "at most 12h"),
        (Kind::SignedJwt, &[], "claims={\"exp\": \"soon\"}", "whole seconds since 1970"),
        (Kind::SignedJwt, &[], "lifetime=1d", "1s to 12h"),
        (Kind::SignedBlob, &[], "data=", "Nothing to sign"),
        (Kind::SignedBlob, &[("source", "hex")], "data=0g", "Not hexadecimal"),
        (Kind::SignedBlob, &[("source", "hex")], "data=abc", "Not hexadecimal"),
        (Kind::SignedBlob, &[("source", "base64")], "data=%%", "Not base64"),
        (Kind::SignedBlob, &[("source", "file")], "file=", "path of a file"),
        (Kind::SignedUrl, &[], "object=acme-drop/x", "gs://BUCKET/OBJECT"),
        (Kind::SignedUrl, &[], "object=gs://UPPER/x", "Invalid bucket"),
        (Kind::SignedUrl, &[], "expires=8d", "7d"),
        (Kind::SignedUrl, &[], "expires=0", "7d"),
        (Kind::SignedUrl, &[], "headers=no colon", "'Name: value'"),
        (Kind::SignedUrl, &[], "headers=Host: x", "set when signing"),
        (Kind::SignedUrl, &[], "query=nothing", "name=value"),
        (Kind::SignedUrl, &[], "query=X-Goog-Date=1", "set when signing"),
        (Kind::Metadata, &[], "account=root", "21-digit unique ID"),
        (Kind::Metadata, &[("what", "ID token")], "audience=", "enter an audience"),
    ];
    for (kind, given, wrong, words) in cases {
        let mut form = good(kind);
        for (field, text) in given {
            form.set_text(field, text);
        }
        changed(kind, &mut form);
        let (field, text) = wrong.split_once('=').expect("field=text");
        form.set_text(field, text);
        assert_eq!(request(kind, &mut form), None, "{kind:?} {wrong}");
        assert_eq!(form.first_error(), Some(field), "{kind:?} {wrong}");
        let said = form.first_reason().unwrap_or_default();
        assert!(said.contains(words), "{kind:?} {wrong}: {said}");
    }
}

#[test]
fn doubts_are_shown_while_typing_and_do_not_block() {
    let cases = [
        (Kind::AccessToken, "lifetime", "2h", "allowServiceAccountCredentialLifetimeExtension"),
        (Kind::SignedJwt, "claims", "{\"aud\": \"x\", \"aud\": \"y\"}", "aud appears twice"),
        (Kind::SignedJwt, "claims", "{\"iss\": \"https://idp.example.com\"}", "iss is not this account"),
        (Kind::SignedUrl, "expires", "13h", "the signing key may rotate sooner"),
    ];
    for (kind, field, text, words) in cases {
        let mut form = good(kind);
        form.set_text(field, text);
        doubts(kind, ACCOUNT, &mut form, now());
        let said = form.warnings(field).join(" ");
        assert!(said.contains(words), "{kind:?} {text}: {said}");
        assert!(request(kind, &mut form).is_some(), "{kind:?} {text}");
        // A corrected field loses its warnings.
        let mut form = good(kind);
        doubts(kind, ACCOUNT, &mut form, now());
        assert_eq!(form.warnings(field), Vec::<String>::new(), "{kind:?}");
    }
}

#[test]
fn wrong_claims_are_said_while_typing_and_a_half_typed_audience_is_not() {
    let mut form = new(Kind::SignedJwt, ACCOUNT);
    form.set_text("claims", "{");
    doubts(Kind::SignedJwt, ACCOUNT, &mut form, now());
    assert!(form.error("claims").is_some_and(|said| said.starts_with("line 1, column 1")));
    let mut form = new(Kind::IdToken, ACCOUNT);
    doubts(Kind::IdToken, ACCOUNT, &mut form, now());
    assert_eq!(form.first_error(), None);
}

#[test]
fn bytes_may_be_given_as_text_hex_or_either_base64() {
    let signed = |source: &str, data: &str| {
        let mut form = good(Kind::SignedBlob);
        form.set_text("source", source);
        form.set_text("data", data);
        match request(Kind::SignedBlob, &mut form).map(|request| request.what) {
            Some(What::SignedBlob(Payload::Bytes(bytes))) => bytes,
            other => panic!("{source}: {other:?}"),
        }
    };
    assert_eq!(signed("text", "two\nlines"), b"two\nlines");
    assert_eq!(signed("hex", "00 fF\n10"), [0, 255, 16]);
    assert_eq!(signed("base64", "-_8"), [0xfb, 0xff]);
    assert_eq!(signed("base64", "+/8=\n"), [0xfb, 0xff]);
}

#[test]
fn fields_come_and_go_with_what_is_chosen() {
    let mut form = new(Kind::Metadata, "");
    let seen = |form: &mut Form| {
        form.focus_first();
        let mut names = Vec::new();
        while let Some(name) = form.focused() {
            names.push(name);
            form.next();
        }
        names
    };
    assert_eq!(seen(&mut form), ["what", "account", "scopes"]);
    form.set_text("what", "ID token");
    changed(Kind::Metadata, &mut form);
    assert_eq!(seen(&mut form), ["what", "account", "audience", "full"]);
    form.set_checked("full", true);
    changed(Kind::Metadata, &mut form);
    assert_eq!(seen(&mut form), ["what", "account", "audience", "full", "licenses"]);
    let mut form = new(Kind::SignedBlob, ACCOUNT);
    assert_eq!(seen(&mut form), ["source", "data", "through"]);
    form.set_text("source", "file");
    changed(Kind::SignedBlob, &mut form);
    assert_eq!(seen(&mut form), ["source", "file", "through"]);
}

#[test]
fn a_request_put_back_into_its_form_comes_out_the_same() {
    let scopes = vec!["https://www.googleapis.com/auth/devstorage.read_only".to_owned(), "openid".to_owned()];
    let url = SignedUrl {
        method: "PUT".into(),
        bucket: "acme-drop".into(),
        object: "a b/c.csv".into(),
        expires_seconds: 90_000,
        headers: vec![("Content-Type".into(), "text/csv; charset=utf-8".into())],
        query: vec![("versionId".into(), "7".into())],
        virtual_host: true,
    };
    let audience = "https://svc.example.com".to_owned();
    let all = [
        What::AccessToken { scopes: scopes.clone(), lifetime_seconds: 5_400 },
        What::IdToken { audience: audience.clone(), include_email: false, organization_number: true },
        What::SignedJwt { claims: "{\"aud\": \"x\"}".into(), lifetime_seconds: None },
        What::SignedJwt { claims: "{}".into(), lifetime_seconds: Some(60) },
        What::SignedBlob(Payload::Bytes(b"hello\nyou\n".to_vec())),
        What::SignedBlob(Payload::Bytes(vec![0, 1, 255])),
        What::SignedBlob(Payload::File("dist/app.tar.gz".into())),
        What::SignedUrl(url),
        What::MetadataAccess { scopes },
        What::MetadataId { audience, full: true, licenses: true },
    ];
    for what in all {
        let of_machine = matches!(what, What::MetadataAccess { .. } | What::MetadataId { .. });
        let delegates =
            if of_machine { vec![] } else { vec!["relay@acme-ci.iam.gserviceaccount.com".into()] };
        let asked = MintRequest { account: ACCOUNT.into(), delegates, what };
        let mut form = new(asked.kind(), ACCOUNT);
        fill(&mut form, &asked);
        assert_eq!(check(asked.kind(), ACCOUNT, &mut form, now()).as_ref(), Some(&asked), "{form:?}");
    }
}
