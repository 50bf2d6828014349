use aws_lc_rs::signature::RsaKeyPair;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::{
    api::{
        Settings,
        testing::{Server, Turn, answer, bare_token, ok},
    },
    http::{clock::now, endpoints::Endpoints},
    local::env::Env,
    model::{
        jwt::{
            State,
            testing::{self, FOREIGN, KEY, certificate, signature},
        },
        secret::Secret,
        signed_url::SignedUrl,
    },
};

const ACCOUNT: &str = "sa@acme-prod.iam.gserviceaccount.com";

fn jwt(claims: &Value) -> String {
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(json!({"alg": "RS256"}).to_string()), part(claims.to_string()), part("x".into()))
}

async fn minted(what: What, body: Value) -> Result<Credential, ApiError> {
    let server = Server::start([ok(&body.to_string()), answer(404, "", "{}")]).await;
    let client = server.client();
    mint(&client, &request(what)).await
}

fn request(what: What) -> MintRequest {
    MintRequest { account: ACCOUNT.to_owned(), delegates: Vec::new(), what }
}

#[tokio::test]
async fn id_token_for_another_audience_is_refused() {
    let what =
        || What::IdToken { audience: "https://a".into(), include_email: true, organization_number: false };
    let good =
        minted(what(), json!({"token": jwt(&json!({"aud": "https://a", "exp": 4_000_000_000_i64}))})).await;
    assert_eq!(good.unwrap().remarks, Vec::<String>::new());
    for claims in [json!({"aud": "https://b"}), json!({"aud": ["https://a"]}), json!({})] {
        let error = minted(what(), json!({"token": jwt(&claims)})).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Server, "{claims}");
        assert!(error.message.contains("an audience other than “https://a”"), "{}", error.message);
    }
    // Claims that are none are for nobody.
    let unreadable = jwt(&json!("https://a"));
    assert_eq!(minted(what(), json!({"token": unreadable})).await.unwrap_err().kind, ErrorKind::Server);
}

#[tokio::test]
async fn token_that_has_ended_already_is_said_to_have() {
    let what = What::AccessToken {
        scopes: vec!["https://www.googleapis.com/auth/cloud-platform".into()],
        lifetime_seconds: 600,
    };
    let answered = json!({"accessToken": "ya29.x", "expireTime": "1999-01-01T00:00:00Z"});
    let remarks = minted(what, answered).await.unwrap().remarks;
    assert!(remarks.iter().any(|remark| remark.starts_with("it has already expired")), "{remarks:?}");
}

/// An answer by a clock that is so many seconds from ours.
fn dated(apart: i64, body: &str) -> Turn {
    let there = now() + jiff::SignedDuration::from_secs(apart);
    answer(200, &there.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n").to_string(), body)
}

#[tokio::test]
async fn token_is_not_called_expired_when_only_our_clock_is_ahead() {
    let what = || What::AccessToken { scopes: vec!["openid".into()], lifetime_seconds: 600 };
    for (end, remarks) in [(-3_000, 0), (-3_700, 1)] {
        let end = now() + jiff::SignedDuration::from_secs(end);
        let body = json!({"accessToken": "ya29.x", "expireTime": end.to_string()}).to_string();
        let server = Server::start([dated(-3_600, &body)]).await;
        let made = mint(&server.client(), &request(what())).await.unwrap();
        assert_eq!(made.remarks.len(), remarks, "{:?}", made.remarks);
    }
}

#[tokio::test]
async fn url_keeps_the_remark_that_it_expired_when_our_clock_is_behind() {
    let body = json!({"keyId": "a", "signedBlob": STANDARD.encode(signature(&KEY, b"hello"))}).to_string();
    let server = Server::start([dated(3_600, &body), answer(404, "", "{}")]).await;
    let remarks = mint(&server.client(), &request(What::SignedUrl(url()))).await.unwrap().remarks;
    assert!(remarks[0].starts_with("it has already expired"), "{remarks:?}");
    assert_eq!(remarks[1..], signed_url::remarks(&url(), ACCOUNT));
}

#[tokio::test]
async fn jwt_over_other_claims_than_were_sent_is_refused() {
    let what = || What::SignedJwt { claims: r#"{"iss":"me","n":1}"#.into(), lifetime_seconds: Some(600) };
    let signed = |claims: &Value| json!({"keyId": "abc", "signedJwt": jwt(claims)});
    let good = json!({"n": 1, "iss": "me", "iat": 1, "exp": 4_000_000_000_i64});
    assert!(minted(what(), signed(&good)).await.is_ok());
    for other in [
        json!({"iss": "me"}),
        json!({"iss": "root", "n": 1}),
        json!({"iss": "me", "n": 1, "sub": "root"}),
        json!({"iss": "me", "n": "1"}),
        json!("me"),
    ] {
        let error = minted(what(), signed(&other)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Server, "{other}");
        assert!(error.message.contains("doesn't have the claims"), "{}", error.message);
    }
}

// What came is the requested resource.

/// What is unlike in an answer with these claims.
fn difference(what: What, claims: &Value) -> Option<String> {
    unlike(&Credential::new(request(what), Secret::new(jwt(claims)), None, Timestamp::UNIX_EPOCH))
}

#[test]
fn each_kind_of_id_token_is_for_the_audience_that_was_asked_for() {
    let audience = "https://a.example".to_owned();
    let id = What::IdToken { audience: audience.clone(), include_email: false, organization_number: false };
    let metadata = What::MetadataId { audience, full: false, licenses: false };
    for what in [&id, &metadata] {
        let what = || what.clone();
        for good in [json!({"aud": "https://a.example"}), json!({"aud": "https://a.example", "azp": "x"})] {
            assert_eq!(difference(what(), &good), None, "{good}");
        }
        for bad in [
            json!({}),
            json!({"aud": null}),
            json!({"aud": ""}),
            json!({"aud": 7}),
            json!({"aud": ["https://a.example"]}),
            json!({"aud": ["https://a.example", "https://b.example"]}),
            json!({"aud": {"https://a.example": 1}}),
            json!({"aud": "https://a.example/"}),
            json!({"aud": "https://A.example"}),
            json!({"aud": "https://a.example "}),
            json!({"AUD": "https://a.example"}),
            json!({"azp": "https://a.example"}),
            json!([{"aud": "https://a.example"}]),
            json!("https://a.example"),
            json!(null),
        ] {
            let why = difference(what(), &bad).unwrap_or_else(|| panic!("{bad} is taken"));
            assert!(why.contains("an audience other than “https://a.example”"), "{why}");
        }
    }
    // A text other than a JWT has no audience.
    for text in ["", "x", "a.b.c", "e30", "e30."] {
        let credential = Credential::new(request(id.clone()), Secret::new(text), None, Timestamp::UNIX_EPOCH);
        assert!(unlike(&credential).is_some(), "{text}");
    }
}

#[test]
fn each_claim_of_a_jwt_comes_back_as_it_was_sent_and_none_is_added() {
    let sent = json!({"iss": "me", "n": 1, "list": [1, 2], "deep": {"a": 1}, "no": null, "yes": true, "exp": 4_000_000_000_i64});
    let what = || What::SignedJwt { claims: sent.to_string(), lifetime_seconds: None };
    assert_eq!(difference(what(), &sent), None);
    let with = |name: &str, value: Value| {
        let mut claims = sent.clone();
        claims[name] = value;
        claims
    };
    let names: Vec<&String> = sent.as_object().unwrap().keys().collect();
    for name in names {
        let mut without = sent.clone();
        without.as_object_mut().unwrap().shift_remove(name);
        assert!(difference(what(), &without).is_some(), "without {name}");
        for other in
            [json!("other"), json!(2), json!([1, 2, 3]), json!([2, 1]), json!({"a": 2}), json!(false)]
        {
            assert!(difference(what(), &with(name, other.clone())).is_some(), "{name} is {other}");
        }
    }
    for (name, value) in [
        ("iss", json!("Me")),
        ("n", json!("1")),
        ("deep", json!({"a": 1, "b": 1})),
        ("yes", json!("true")),
        ("exp", json!(4_000_000_001_i64)),
    ] {
        assert!(difference(what(), &with(name, value.clone())).is_some(), "{name} is {value}");
    }
    // Two are added on sending, where they were not typed.
    assert_eq!(difference(what(), &with("iat", json!(1))), None);
    let bare = || What::SignedJwt { claims: r#"{"iss":"me"}"#.into(), lifetime_seconds: Some(600) };
    assert_eq!(difference(bare(), &json!({"iss": "me", "iat": 1, "exp": 2})), None);
    for added in ["nbf", "jti", "sub", "aud", "scope", "email", "ia", "expi", "EXP", ""] {
        let why = difference(bare(), &json!({"iss": "me", added: "x"}))
            .unwrap_or_else(|| panic!("{added} is taken"));
        assert!(why.contains("doesn't have the claims that were sent"), "{why}");
    }
    for unreadable in [json!([sent]), json!("me"), json!(null)] {
        assert!(difference(what(), &unreadable).is_some(), "{unreadable}");
    }
}

#[test]
fn what_has_no_claims_of_its_own_is_taken_as_it_is() {
    let scopes = || vec!["https://www.googleapis.com/auth/cloud-platform".to_owned()];
    for what in [
        What::AccessToken { scopes: scopes(), lifetime_seconds: 600 },
        What::SignedBlob(Payload::Bytes(b"x".to_vec())),
        What::SignedUrl(url()),
        What::MetadataAccess { scopes: scopes() },
        What::Delegated { subject: "alice@example.com".into(), scopes: scopes() },
    ] {
        assert_eq!(difference(what, &json!({"aud": "x"})), None);
    }
}

// Files.

#[tokio::test]
async fn file_of_exactly_the_limit_is_read_and_one_of_a_byte_more_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("artifact");
    let limit = 4 * 1024 * 1024;
    let length = |payload: Payload| if let Payload::Bytes(bytes) = payload { bytes.len() as u64 } else { 0 };
    for size in [1, limit - 1, limit] {
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(size).unwrap();
        assert_eq!(length(contents(&path).await.unwrap()), size);
    }
    for size in [limit + 1, 2 * limit] {
        std::fs::File::create(&path).unwrap().set_len(size).unwrap();
        let error = contents(&path).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{size}");
        assert!(error.message.contains("over 4 MiB"), "{}", error.message);
    }
    std::fs::write(&path, b"hello\n\0").unwrap();
    assert_eq!(contents(&path).await.unwrap(), Payload::Bytes(b"hello\n\0".to_vec()));
    for none in [folder.path().join("none"), folder.path().to_owned()] {
        let error = contents(&none).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.message.contains("can't be read"), "{}", error.message);
    }
    #[cfg(unix)]
    assert!(contents(std::path::Path::new("/dev/zero")).await.unwrap_err().message.contains("4 MiB"));
}

#[tokio::test]
async fn blob_is_refused_when_its_file_is_empty() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let server = Server::start([signs(&KEY, "a")]).await;
    let what = What::SignedBlob(Payload::File(file.path().to_owned()));
    let error = mint(&server.client(), &request(what)).await.unwrap_err();
    assert_eq!((error.kind, server.requests().await.len()), (ErrorKind::Invalid, 0));
    assert!(error.message.contains("is empty"), "{}", error.message);
}

// Scopes that a metadata server may have ignored.

#[tokio::test]
async fn scopes_are_told_to_be_as_asked_more_or_ignored() {
    let (a, b, c) =
        ("https://www.googleapis.com/auth/a", "https://b.example", "https://www.googleapis.com/auth/c");
    let ignored = "the requested scopes were ignored, as on Compute Engine: the token has";
    for (asked, got, said) in [
        (&[a][..], &[a][..], "the token has the requested scopes".to_owned()),
        (&[a, b], &[b, a], "the token has the requested scopes".to_owned()),
        (&[a], &[a, b], "the token has more scopes than requested: a, https://b.example".to_owned()),
        (&[a], &[b, a], "the token has more scopes than requested: https://b.example, a".to_owned()),
        (&[a, b], &[c, b, a], "the token has more scopes than requested: c, https://b.example, a".to_owned()),
        (&[a, b], &[a], format!("{ignored} a, the scopes")),
        (&[a, b], &[b], format!("{ignored} https://b.example, the scopes")),
        (&[a], &[b], format!("{ignored} https://b.example, the scopes")),
        (&[a, b], &[a, c], format!("{ignored} a, c, the scopes")),
        (&[a], &["https://www.googleapis.com/auth/a.b"], format!("{ignored} a.b, the scopes")),
        (&[a], &["a"], format!("{ignored} a, the scopes")),
    ] {
        let server = Server::start([ok(&json!({"scope": got.join(" ")}).to_string())]).await;
        let asked: Vec<String> = asked.iter().map(|scope| (*scope).to_owned()).collect();
        let what = What::MetadataAccess { scopes: asked.clone() };
        let token = Credential::new(request(what), Secret::new("ya29.x"), None, Timestamp::UNIX_EPOCH);
        let remark = compared(&server.client(), &token, &asked).await;
        assert!(remark.starts_with(&said), "{remark}");
    }
    let server = Server::start([answer(400, "", r#"{"error":"invalid_token"}"#)]).await;
    let what = What::MetadataAccess { scopes: vec![a.into()] };
    let token = Credential::new(request(what), Secret::new("ya29.x"), None, Timestamp::UNIX_EPOCH);
    let remark = compared(&server.client(), &token, &[a.to_owned()]).await;
    assert!(
        remark.starts_with("couldn't check whether the scopes were honoured: Google doesn't know"),
        "{remark}"
    );
}

/// What a metadata server says of two accounts, to whatever it is asked: it is one word, and so the name of a project too.
const MACHINE: &str = r#"{"api@acme-prod.iam.gserviceaccount.com":{"email":"api@acme-prod.iam.gserviceaccount.com","aliases":["default","main"]},"other@acme-prod.iam.gserviceaccount.com":{"email":"other@acme-prod.iam.gserviceaccount.com"}}"#;

#[tokio::test]
async fn account_of_a_metadata_token_is_told_by_email_and_by_each_alias() {
    let api = "api@acme-prod.iam.gserviceaccount.com";
    let other = "other@acme-prod.iam.gserviceaccount.com";
    let from_there = |body: &str| answer(200, "Metadata-Flavor: Google\r\n", body);
    let token = json!({"access_token": "ya29.x", "expires_in": 3_599}).to_string();
    let id = jwt(&json!({"aud": "https://a.example", "exp": 4_000_000_000_i64}));
    for (account, whose) in [
        ("default", Some(api)),
        ("main", Some(api)),
        (api, Some(api)),
        (other, Some(other)),
        ("nobody", None),
    ] {
        let access = |scopes: &[&str]| What::MetadataAccess {
            scopes: scopes.iter().map(|&scope| scope.into()).collect(),
        };
        let audience = "https://a.example".to_owned();
        for (what, body, asked, remarks) in [
            (access(&[]), &token, 4, 0),
            (access(&["https://x.example"]), &token, 5, 1),
            (What::MetadataId { audience, full: false, licenses: false }, &id, 4, 0),
        ]
        .into_iter()
        // Each kind once is enough.
        .take(if account == "default" { 3 } else { 1 })
        {
            let about = || from_there(MACHINE);
            let last = ok(r#"{"scope":"https://x.example"}"#);
            let server = Server::start([about(), about(), about(), from_there(body), last]).await;
            let host = server.url.trim_start_matches("http://").to_owned();
            let vars = [("GCE_METADATA_HOST", host.as_str()), ("IMPERSONA_OAUTH2_ENDPOINT", &server.url)];
            let client = Client::new(Settings::new(
                Endpoints::new(&Env::from_vars(vars), None).unwrap(),
                bare_token(),
            ));
            let wish = MintRequest { account: account.to_owned(), ..request(what) };
            let credential = mint(&client, &wish).await.unwrap();
            assert_eq!(credential.whose.as_deref(), whose, "{account}");
            assert_eq!(
                (server.requests().await.len(), credential.remarks.len()),
                (asked, remarks),
                "{account}"
            );
        }
    }
}

// Signatures.

fn url() -> SignedUrl {
    SignedUrl {
        method: "GET".into(),
        bucket: "acme-drop".into(),
        object: "report.csv".into(),
        expires_seconds: 600,
        headers: vec![],
        query: vec![],
        virtual_host: false,
    }
}

/// The account's certificates, as they are published for an hour.
fn published(keys: &[(&str, &RsaKeyPair, i32)]) -> Turn {
    let all: Map<String, Value> =
        keys.iter().map(|(id, key, year)| ((*id).to_owned(), json!(certificate(key, *year)))).collect();
    answer(200, "Cache-Control: public, max-age=3600\r\n", &Value::Object(all).to_string())
}

fn signed_by(key_id: &str) -> Signed {
    let verdict = Verdict::not_checked("not checked yet");
    Signed { key_id: key_id.to_owned(), sha256: String::new(), verdict, key_ends: None }
}

fn blob_by(key: &RsaKeyPair) -> Credential {
    let secret = Secret::new(STANDARD.encode(signature(key, b"hello")));
    let what = What::SignedBlob(Payload::Bytes(b"hello".to_vec()));
    Credential::new(request(what), secret, None, Timestamp::UNIX_EPOCH)
}

/// What `signBlob` answers: a signature by this key, under this id.
fn signs(key: &RsaKeyPair, id: &str) -> Turn {
    ok(&json!({"keyId": id, "signedBlob": STANDARD.encode(signature(key, b"hello"))}).to_string())
}

#[tokio::test]
async fn key_that_was_made_after_the_list_was_read_is_found_by_reading_it_again() {
    let server = Server::start([
        signs(&FOREIGN, "old"),
        published(&[("old", &FOREIGN, 2031)]),
        signs(&KEY, "new"),
        published(&[("old", &FOREIGN, 2031), ("new", &KEY, 2032)]),
        signs(&FOREIGN, "old"),
        signs(&KEY, "new"),
        answer(500, "", "{}"),
    ])
    .await;
    let client = server.client();
    // One question for a signature, and one for the keys where the id is not among those that are kept.
    for (key, ends, asked) in [("old", "2031", 2), ("new", "2032", 4), ("old", "2031", 5), ("new", "2032", 6)]
    {
        let what = What::SignedBlob(Payload::Bytes(b"hello".to_vec()));
        let signed = mint(&client, &request(what)).await.unwrap().signed.unwrap();
        assert_eq!((signed.verdict.state, signed.key_id.as_str()), (State::Verified, key));
        assert!(
            signed.verdict.reason.contains("published keys of sa@acme-prod"),
            "{}",
            signed.verdict.reason
        );
        assert!(signed.key_ends.unwrap().to_string().starts_with(ends), "{:?}", signed.key_ends);
        assert_eq!(server.requests().await.len(), asked, "{key}");
    }
}

#[tokio::test]
async fn signature_by_a_key_that_is_not_published_yet_is_not_called_wrong() {
    let missing = || published(&[("b", &FOREIGN, 2031)]);
    let broken = || answer(404, "", "{}");
    for (turns, said) in [
        (vec![missing(), missing()], "key a is not among the published keys"),
        (vec![missing(), broken()], "couldn't read the account's keys: "),
        (vec![broken()], "couldn't read the account's keys: "),
        (vec![ok("<html>")], "couldn't read the account's keys: "),
        (vec![ok(r#"{"a":7}"#)], "couldn't read the account's keys: "),
    ] {
        let asked = turns.len();
        let server = Server::start(turns).await;
        // By whichever key: nothing is known of either.
        let (verdict, ends) = verdict(&server.client(), &blob_by(&KEY), &signed_by("a")).await;
        assert_eq!((verdict.state, ends), (State::NotChecked, None), "{}", verdict.reason);
        assert!(verdict.reason.starts_with(said), "{}", verdict.reason);
        assert_eq!(verdict.reason.ends_with(" yet"), said.starts_with("key a"), "{}", verdict.reason);
        assert_eq!(server.requests().await.len(), asked, "{said}");
    }
}

#[test]
fn key_is_listed_by_its_whole_id_only() {
    let list = json!({"abcd": certificate(&KEY, 2031), "7": "x"}).to_string();
    for id in ["abcd", "7", ""] {
        assert!(is_listed(id, &list), "{id}");
    }
    for id in ["a", "abc", "bcd", "ABCD", "abcd ", "x", "BEGIN CERTIFICATE", "\"", ":"] {
        assert!(!is_listed(id, &list), "{id}");
    }
    assert!(!is_listed("abcd", "[]") && !is_listed("abcd", "abcd"));
}

#[tokio::test]
async fn signature_of_each_kind_is_verified_only_by_the_key_that_made_it() {
    let at = Timestamp::UNIX_EPOCH;
    let jwt_by = |key: &RsaKeyPair| {
        let token = testing::jwt(key, &json!({"alg": "RS256", "kid": "a"}), r#"{"iss":"me"}"#);
        let what = What::SignedJwt { claims: r#"{"iss":"me"}"#.into(), lifetime_seconds: None };
        Credential::new(request(what), Secret::new(token), None, at)
    };
    let url_by = |key: &RsaKeyPair| {
        let unsigned = url().prepare(ACCOUNT, "googleapis.com", at);
        let finished = unsigned.finish(&signature(key, unsigned.to_sign().as_bytes()));
        Credential::new(request(What::SignedUrl(url())), Secret::new(finished), None, at)
    };
    let later =
        |credential: Credential| Credential { minted: Timestamp::from_second(1).unwrap(), ..credential };
    let of_another = |credential: Credential| {
        let what = What::SignedBlob(Payload::Bytes(b"hellO".to_vec()));
        Credential { request: request(what), ..credential }
    };
    let emptied = |credential: Credential| Credential { secret: Secret::new(""), ..credential };
    for (credential, state) in [
        (blob_by(&KEY), State::Verified),
        (jwt_by(&KEY), State::Verified),
        (url_by(&KEY), State::Verified),
        (blob_by(&FOREIGN), State::Failed),
        (jwt_by(&FOREIGN), State::Failed),
        (url_by(&FOREIGN), State::Failed),
        (of_another(blob_by(&KEY)), State::Failed),
        (later(url_by(&KEY)), State::Failed),
        (emptied(blob_by(&KEY)), State::Failed),
        (emptied(url_by(&KEY)), State::Failed),
        (emptied(jwt_by(&KEY)), State::NotChecked),
    ] {
        let server = Server::start([published(&[("a", &KEY, 2031), ("b", &FOREIGN, 2032)])]).await;
        let kind = credential.request.kind();
        let (verdict, ends) = verdict(&server.client(), &credential, &signed_by("a")).await;
        assert_eq!(verdict.state, state, "{kind:?}: {}", verdict.reason);
        // The expiry is the key's, even for another signer.
        assert_eq!(ends.map(|ends| ends.to_string()).as_deref(), Some("2031-12-31T00:00:00Z"));
    }
    // Other bytes aren't described as a signature.
    let what = What::SignedBlob(Payload::File("artifact".into()));
    let unread = Credential { request: request(what), ..blob_by(&KEY) };
    let server = Server::start([published(&[("a", &KEY, 2031)])]).await;
    assert_eq!(verdict(&server.client(), &unread, &signed_by("a")).await.0.state, State::NotChecked);
}

#[tokio::test]
async fn keys_of_an_account_that_is_known_by_its_id_are_found_by_its_email() {
    let id = "107517467455664443765";
    let by_id =
        Credential { request: MintRequest { account: id.into(), ..blob_by(&KEY).request }, ..blob_by(&KEY) };
    let account = ok(&json!({"email": ACCOUNT, "uniqueId": id, "projectId": "acme-prod"}).to_string());
    let server = Server::start([account, published(&[("a", &KEY, 2031)])]).await;
    let (told, _) = verdict(&server.client(), &by_id, &signed_by("a")).await;
    assert_eq!(told.state, State::Verified, "{}", told.reason);
    let requests = server.requests().await;
    assert!(
        requests[0].contains(id) && !requests[1].contains(id) && requests[1].contains("sa"),
        "{requests:?}"
    );

    let server = Server::start([answer(403, "", "{}")]).await;
    let (told, _) = verdict(&server.client(), &by_id, &signed_by("a")).await;
    assert_eq!(told.state, State::NotChecked, "{}", told.reason);
    assert_eq!(server.requests().await.len(), 1);
}

#[test]
fn signature_of_a_url_is_what_stands_behind_the_last_parameter() {
    for (url, bytes) in [
        ("https://h/o?X-Goog-Date=1&X-Goog-Signature=00ff7A", &[0, 255, 0x7a][..]),
        ("https://h/X-Goog-Signature=00/o?X-Goog-Signature=01", &[1]),
        ("https://h/o?X-Goog-Signature=", &[]),
        ("https://h/o?X-Goog-Signature=0g", &[]),
        ("https://h/o?X-Goog-Signature=00&x=y", &[]),
        ("https://h/o?X-Goog-Signature=é", &[]),
        ("https://h/o?x-goog-signature=00", &[]),
        ("00ff", &[]),
        ("", &[]),
    ] {
        assert_eq!(signature_of(url).as_slice(), bytes, "{url}");
    }
}

// What is asked before the one request, and told after it.

#[tokio::test]
async fn file_is_signed_by_what_is_in_it_and_asked_for_again_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blob");
    std::fs::write(&path, "hello").unwrap();
    let server = Server::start([signs(&KEY, "a"), published(&[("a", &KEY, 2031)])]).await;
    let made = mint(&server.client(), &request(What::SignedBlob(Payload::File(path.clone())))).await.unwrap();
    assert!(server.requests().await[0].contains(&STANDARD.encode("hello")));
    assert_eq!(made.request.what, What::SignedBlob(Payload::File(path.clone())));
    assert_eq!(made.signed.unwrap().verdict.state, State::Verified);
    // Without the file nothing is sent.
    std::fs::remove_file(&path).unwrap();
    let error = mint(&server.client(), &request(What::SignedBlob(Payload::File(path)))).await.unwrap_err();
    assert_eq!((error.kind, server.requests().await.len()), (ErrorKind::Invalid, 2));
}

#[tokio::test]
async fn url_names_its_signer_by_email_and_what_it_opens_is_said() {
    let found = || ok(&json!({"email": ACCOUNT, "projectId": "acme-prod", "uniqueId": "107"}).to_string());
    for (account, asked) in [(ACCOUNT, 1), ("107", 2)] {
        let turns = [found(), signs(&KEY, "a"), answer(404, "", "{}")];
        let server = Server::start(turns.into_iter().skip(2 - asked)).await;
        let wish = MintRequest { account: account.to_owned(), ..request(What::SignedUrl(url())) };
        let made = mint(&server.client(), &wish).await.unwrap();
        let requests = server.requests().await;
        assert_eq!(requests[0].starts_with("GET "), asked == 2, "{}", requests[0]);
        assert!(requests[asked - 1].starts_with("POST "), "{}", requests[asked - 1]);
        assert!(made.secret.expose().contains("sa%40acme-prod.iam.gserviceaccount.com"), "{account}");
        assert_eq!(
            (made.request.account.as_str(), made.remarks),
            (ACCOUNT, signed_url::remarks(&url(), ACCOUNT))
        );
    }
    // Nobody else's answer has such remarks.
    let server = Server::start([signs(&KEY, "a"), answer(404, "", "{}")]).await;
    let blob = What::SignedBlob(Payload::Bytes(b"hello".to_vec()));
    assert_eq!(mint(&server.client(), &request(blob)).await.unwrap().remarks, [""; 0]);
}
