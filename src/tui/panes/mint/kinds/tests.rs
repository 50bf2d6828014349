//! What the forms accept, reject and warn about: each rule with its sentence.

use jiff::Timestamp;

use super::{
    KindForm, MintForm, access_token::Id as Access, action, id_token::Id as IdToken,
    metadata::Id as Metadata, new, signed_blob::Id as Blob, signed_jwt::Id as Jwt, signed_url::Id as Url,
};
use crate::{
    keymap::{KeyCtx, Keymap},
    model::{
        credential::{Kind, MintRequest, Payload, What},
        signed_url::SignedUrl,
    },
    tui::{app::testing::Screen, widgets::form::Form},
};

const ACCOUNT: &str = impersona_emulator::names::DEPLOYER;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time")
}

/// What makes a form valid.
trait Good: KindForm {
    const TEXTS: &'static [(Self, &'static str)];
}

impl Good for Access {
    const TEXTS: &'static [(Access, &'static str)] = &[];
}

impl Good for IdToken {
    const TEXTS: &'static [(IdToken, &'static str)] = &[(IdToken::Audience, "https://svc.example.com")];
}

impl Good for Jwt {
    const TEXTS: &'static [(Jwt, &'static str)] = &[];
}

impl Good for Blob {
    const TEXTS: &'static [(Blob, &'static str)] = &[(Blob::Data, "hello"), (Blob::File, "some/file")];
}

impl Good for Url {
    const TEXTS: &'static [(Url, &'static str)] = &[(Url::Object, "gs://acme-drop/report.csv")];
}

impl Good for Metadata {
    const TEXTS: &'static [(Metadata, &'static str)] = &[(Metadata::Audience, "https://svc.example.com")];
}

/// A form as it is opened.
fn empty<Id: KindForm>() -> Form<Id, Id::Kept> {
    let mut form = Id::form(ACCOUNT);
    Id::changed(&mut form, ACCOUNT);
    form
}

fn good<Id: Good>() -> Form<Id, Id::Kept> {
    let mut form = empty::<Id>();
    Id::TEXTS.iter().for_each(|(field, text)| form.set_text(*field, text));
    form
}

fn request(form: &mut dyn MintForm) -> Option<MintRequest> {
    form.check(ACCOUNT, now())
}

#[test]
fn every_form_can_be_sent() {
    for kind in Kind::FORMS {
        let mut form: Box<dyn MintForm> = match kind {
            Kind::AccessToken | Kind::Delegated => Box::new(good::<Access>()),
            Kind::IdToken => Box::new(good::<IdToken>()),
            Kind::SignedJwt => Box::new(good::<Jwt>()),
            Kind::SignedBlob => Box::new(good::<Blob>()),
            Kind::SignedUrl => Box::new(good::<Url>()),
            Kind::Metadata => Box::new(good::<Metadata>()),
        };
        let request = request(&mut *form).unwrap_or_else(|| panic!("{kind:?}: {:?}", form.first_reason()));
        assert_eq!(request.kind(), kind);
        let whose = if kind == Kind::Metadata { "default" } else { ACCOUNT };
        assert_eq!(request.account, whose, "the metadata server's accounts are the machine's");
    }
}

#[test]
fn each_kind_with_a_form_has_a_menu_entry_that_opens_it() {
    let keymap = Keymap::default();
    let menu: Vec<_> = keymap.all().filter(|(row, _)| row.ctx == KeyCtx::MintMenu).collect();
    assert_eq!(menu.iter().map(|(row, _)| row.action).collect::<Vec<_>>(), Kind::FORMS.map(action));
    for ((_, keys), kind) in menu.into_iter().zip(Kind::FORMS) {
        let mut screen = Screen::ready();
        screen.keys("enter t").keys(&keys[0].to_string());
        assert_eq!((screen.app.panes.mint.kind, screen.app.panes.mint.filling), (kind, true));
    }
}

#[test]
fn scopes_and_delegates_may_be_separated_by_commas_or_spaces() {
    let mut form = empty::<Access>();
    form.set_text(Access::Scopes, "cloud-platform, devstorage.read_only email");
    form.set_text(Access::Through, "relay-a@acme-ci, relay-b@acme-ci");
    form.set_text(Access::Lifetime, "10m");
    let request = request(&mut form).expect("a good form");
    let What::AccessToken { scopes, lifetime_seconds } = request.what else { panic!("an access token") };
    assert_eq!((scopes.len(), lifetime_seconds), (3, 600));
    assert_eq!(
        request.delegates,
        ["relay-a@acme-ci.iam.gserviceaccount.com", "relay-b@acme-ci.iam.gserviceaccount.com"],
        "in the order in which they were typed"
    );
}

/// With these choices in a valid form, this text is refused beside its field, with a sentence that has these words.
fn wrong<Id: Good>(given: &[(Id, &str)], field: Id, text: &str, words: &str) {
    let mut form = good::<Id>();
    given.iter().for_each(|(field, text)| form.set_text(*field, text));
    Id::changed(&mut form, ACCOUNT);
    form.set_text(field, text);
    assert_eq!(request(&mut form), None, "{field:?} {text}");
    assert_eq!(form.first_error(), Some(field), "{field:?} {text}");
    let said = form.first_reason().unwrap_or_default();
    assert!(said.contains(words), "{field:?} {text}: {said}");
}

#[test]
fn each_wrong_field_is_refused_beside_itself_with_the_rule() {
    wrong(&[], Access::Scopes, "", "enter a scope");
    wrong(&[], Access::Scopes, "no-such-scope", "Unknown scope “no-such-scope”");
    wrong(&[], Access::Lifetime, "13h", "the maximum is 12h");
    wrong(&[], Access::Lifetime, "0s", "the minimum is 1s");
    wrong(&[], Access::Through, "dev@example.com", "21-digit unique ID");
    wrong(&[], IdToken::Audience, "", "enter an audience");
    wrong(&[], IdToken::Audience, "two words", "without spaces or control characters");
    wrong(&[], Jwt::Claims, "", "no claims yet");
    wrong(&[], Jwt::Claims, "{\n  \"a\": }", "line 2, column 8: expected value");
    wrong(&[], Jwt::Claims, "[1]", "must be a JSON object");
    wrong(&[], Jwt::Claims, "{\"exp\": 1}", "in the past");
    wrong(&[], Jwt::Claims, "{\"exp\": 1800050000}", "at most 12h");
    wrong(&[], Jwt::Claims, "{\"exp\": \"soon\"}", "whole seconds since 1970");
    wrong(&[], Jwt::Lifetime, "1d", "1s to 12h");
    wrong(&[], Blob::Data, "", "is empty");
    wrong(&[(Blob::Source, "hex")], Blob::Data, "0g", "Not hexadecimal");
    wrong(&[(Blob::Source, "hex")], Blob::Data, "abc", "Not hexadecimal");
    wrong(&[(Blob::Source, "base64")], Blob::Data, "%%", "Not base64");
    wrong(&[(Blob::Source, "file")], Blob::File, "", "path of a file");
    wrong(&[], Url::Object, "acme-drop/x", "gs://BUCKET/OBJECT");
    wrong(&[], Url::Object, "gs://UPPER/x", "Invalid bucket");
    wrong(&[], Url::Expires, "8d", "7d");
    wrong(&[], Url::Expires, "0", "7d");
    wrong(&[], Url::Headers, "no colon", "'Name: value'");
    wrong(&[], Url::Headers, "Host: x", "set when signing");
    wrong(&[], Url::Query, "nothing", "name=value");
    wrong(&[], Url::Query, "X-Goog-Date=1", "set when signing");
    wrong(&[], Metadata::Account, "root", "21-digit unique ID");
    wrong(&[(Metadata::What, "ID token")], Metadata::Audience, "", "enter an audience");
}

/// This text in a valid form is doubted with these words, and sent.
fn doubtful<Id: Good>(field: Id, text: &str, words: &str) {
    let mut form = good::<Id>();
    form.set_text(field, text);
    form.edited(ACCOUNT, now());
    let said = form.warnings(field).join(" ");
    assert!(said.contains(words), "{field:?} {text}: {said}");
    assert!(request(&mut form).is_some(), "{field:?} {text}");
    // A corrected field loses its warnings.
    let mut form = good::<Id>();
    form.edited(ACCOUNT, now());
    assert_eq!(form.warnings(field), Vec::<String>::new(), "{field:?}");
}

#[test]
fn doubts_are_shown_while_typing_and_do_not_block() {
    doubtful(Access::Lifetime, "2h", "allowServiceAccountCredentialLifetimeExtension");
    doubtful(Jwt::Claims, "{\"aud\": \"x\", \"aud\": \"y\"}", "aud appears twice");
    doubtful(Jwt::Claims, "{\"iss\": \"https://idp.example.com\"}", "iss is not this account");
    doubtful(Url::Expires, "13h", "the signing key may rotate sooner");
}

#[test]
fn wrong_claims_are_said_while_typing_and_a_half_typed_audience_is_not() {
    let mut form = empty::<Jwt>();
    form.set_text(Jwt::Claims, "{");
    form.edited(ACCOUNT, now());
    assert!(form.error(Jwt::Claims).is_some_and(|said| said.starts_with("line 1, column 1")));
    let mut form = empty::<IdToken>();
    form.edited(ACCOUNT, now());
    assert_eq!(form.first_error(), None);
}

#[test]
fn bytes_may_be_given_as_text_hex_or_either_base64() {
    let signed = |source: &str, data: &str| {
        let mut form = good::<Blob>();
        form.set_text(Blob::Source, source);
        form.set_text(Blob::Data, data);
        match request(&mut form).map(|request| request.what) {
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
    fn seen<Id: KindForm>(form: &mut Form<Id, Id::Kept>) -> Vec<Id> {
        form.focus_first();
        let mut names = Vec::new();
        while let Some(name) = form.focused() {
            names.push(name);
            form.next();
        }
        names
    }
    use Metadata::{Account, Audience, Full, Licenses, Scopes};
    let mut form = empty::<Metadata>();
    assert_eq!(seen(&mut form), [Metadata::What, Account, Scopes]);
    form.set_text(Metadata::What, "ID token");
    Metadata::changed(&mut form, "");
    assert_eq!(seen(&mut form), [Metadata::What, Account, Audience, Full]);
    form.set_checked(Full, true);
    Metadata::changed(&mut form, "");
    assert_eq!(seen(&mut form), [Metadata::What, Account, Audience, Full, Licenses]);
    let mut form = empty::<Blob>();
    assert_eq!(seen(&mut form), [Blob::Source, Blob::Data, Blob::Through]);
    form.set_text(Blob::Source, "file");
    Blob::changed(&mut form, ACCOUNT);
    assert_eq!(seen(&mut form), [Blob::Source, Blob::File, Blob::Through]);
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
        form.fill(&asked);
        assert_eq!(request(&mut *form).as_ref(), Some(&asked), "{:?}", form.first_reason());
    }
}
