//! Tests of signed requests of AWS, signed here once more by the rules of Signature Version 4 as AWS states them.

use aws_lc_rs::hmac;
use serde_json::Map;

use super::federation::{POOL, audience};
use super::*;
use crate::keys;

const ROLE: &str = "arn:aws:sts::123456789012:assumed-role/ci-runner";
const KEY: (&str, &str, &str) =
    ("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "example+session/token==");

/// How a request is made; what is not changed is right.
struct Making {
    key: (&'static str, &'static str, &'static str),
    seconds: i64,
    region: &'static str,
    host: &'static str,
    method: &'static str,
    action: &'static str,
    target: String,
    /// Whether the target is among what is signed, as AWS recommends and google-auth does not do.
    sign_target: bool,
    /// A header that is sent and not signed.
    unsigned: &'static str,
    /// A header that is left out, whatever it is.
    without: &'static str,
}

impl Default for Making {
    fn default() -> Making {
        Making {
            key: KEY,
            seconds: 0,
            region: "eu-west-1",
            host: "sts.eu-west-1.amazonaws.com",
            method: "POST",
            action: "GetCallerIdentity",
            target: audience("aws"),
            sign_target: false,
            unsigned: "",
            without: "",
        }
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

impl Making {
    fn token(&self, now: i64) -> Value {
        let at = jiff::Timestamp::from_second(now + self.seconds).unwrap();
        let date = at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let (id, secret, session) = self.key;
        let mut headers = vec![
            ("host", self.host.to_owned()),
            ("x-amz-date", date.clone()),
            ("x-amz-security-token", session.to_owned()),
        ];
        if self.sign_target {
            headers.push(("x-goog-cloud-target-resource", self.target.clone()));
        }
        let unsigned: Vec<_> = headers.extract_if(.., |(name, _)| *name == self.unsigned).collect();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let query = format!("Action={}&Version=2011-06-15", self.action);
        let canonical = format!("{}\n/\n{query}\n{lines}\n{names}\n{nothing}", self.method);
        let scope = format!("{}/{}/sts/aws4_request", &date[..8], self.region);
        let hash = keys::hex(&keys::hash(&canonical));
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in scope.split('/') {
            key = mac(&key, part);
        }
        let signature = keys::hex(&mac(&key, &format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}")));
        let credential = format!("Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        headers.push(("Authorization", format!("AWS4-HMAC-SHA256 {credential}")));
        if !self.sign_target {
            headers.push(("x-goog-cloud-target-resource", self.target.clone()));
        }
        headers.extend(unsigned);
        headers.retain(|(name, _)| *name != self.without);
        let headers: Vec<Value> =
            headers.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        json!({"url": format!("https://{}?{query}", self.host), "method": self.method, "headers": headers})
    }
}

impl TestClient {
    async fn aws(&self, token: &str) -> TestResponse {
        let asked = json!({"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": audience("aws"), "scope": CLOUD, "subject_token": token,
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request"});
        let asked: Map<String, Value> = serde_json::from_value(asked).unwrap();
        self.form("v1/token", &asked, None).await
    }
}

#[tokio::test]
async fn a_request_signed_with_the_role_s_key_is_the_role() {
    let api = TestClient::demo().await;
    let now = api.emulator.handle().now();
    for making in [
        Making::default(),
        Making { sign_target: true, ..Making::default() },
        Making { target: format!("https:{}", audience("aws")), ..Making::default() },
        Making { host: "sts.amazonaws.com", region: "us-east-1", ..Making::default() },
        Making { seconds: -600, ..Making::default() },
    ] {
        let plain = making.token(now).to_string();
        let encoded = percent_encoding::utf8_percent_encode(&plain, percent_encoding::NON_ALPHANUMERIC);
        for token in [plain.clone(), encoded.to_string()] {
            let answer = api.aws(&token).await;
            let access = answer.json["access_token"].as_str().expect(&answer.text);
            let expected =
                format!("principal://iam.googleapis.com/{POOL}/subject/{ROLE}/i-0abc1234def567890");
            assert_eq!(api.username(access).await, expected);
        }
    }
}

#[tokio::test]
async fn what_is_given_to_the_role_is_given_to_its_sessions() {
    let api = TestClient::demo().await;
    let answer = api.aws(&Making::default().token(api.emulator.handle().now()).to_string()).await;
    let access = answer.json["access_token"].as_str().unwrap();
    let mint = format!("{DEPLOYER}:generateAccessToken");
    assert_eq!(api.bare(&mint, access, Some(json!({"scope": [CLOUD]}))).await.status, 200);
    let deployer = "deployer@acme-prod.iam.gserviceaccount.com";
    let other = |policy: &mut Policy| {
        for member in policy.bindings.iter_mut().flat_map(|binding| &mut binding.members) {
            *member = member.replace("ci-runner", "ci-walker");
        }
    };
    assert!(api.emulator.handle().set_policy_of(deployer, other).await);
    assert_eq!(api.bare(&mint, access, Some(json!({"scope": [CLOUD]}))).await.status, 403);
}

#[tokio::test]
async fn a_request_that_the_key_did_not_sign_like_this_is_refused() {
    let api = TestClient::demo().await;
    let now = api.emulator.handle().now();
    for (making, words) in [
        (Making { key: (KEY.0, "another", KEY.2), ..Making::default() }, "SignatureDoesNotMatch"),
        (Making { key: ("ASIAOTHER", KEY.1, KEY.2), ..Making::default() }, "InvalidClientTokenId"),
        (Making { key: (KEY.0, KEY.1, "another"), ..Making::default() }, "InvalidClientTokenId"),
        (Making { seconds: -1_000, ..Making::default() }, "SignatureDoesNotMatch"),
        (Making { seconds: 1_000, ..Making::default() }, "SignatureDoesNotMatch"),
        (Making { region: "us-east-2", ..Making::default() }, "another day or region"),
        (Making { unsigned: "host", ..Making::default() }, "have to be signed"),
        (Making { unsigned: "x-amz-date", ..Making::default() }, "have to be signed"),
        (Making { unsigned: "x-amz-security-token", ..Making::default() }, "have to be signed"),
        (Making { target: audience("github"), ..Making::default() }, "does not name the audience"),
    ] {
        let answer = api.aws(&making.token(now).to_string()).await;
        assert_eq!((answer.status.as_u16(), &answer.json["error"]), (400, &json!("invalid_grant")));
        assert!(answer.text.contains(words), "{words}: {}", answer.text);
    }
    let mut changed = Making { sign_target: true, ..Making::default() }.token(now);
    changed["headers"][3]["value"] = format!("https:{}", audience("aws")).into();
    let answer = api.aws(&changed.to_string()).await;
    assert!(answer.text.contains("SignatureDoesNotMatch"), "a signed header was changed: {}", answer.text);
}

#[tokio::test]
async fn a_request_that_aws_would_not_take_for_a_question_who_calls_is_malformed() {
    let api = TestClient::demo().await;
    let now = api.emulator.handle().now();
    for making in [
        Making { method: "GET", ..Making::default() },
        Making { action: "AssumeRole", ..Making::default() },
        Making { host: "sts.example.com", ..Making::default() },
        Making { host: "iam.amazonaws.com", ..Making::default() },
        Making { without: "host", ..Making::default() },
        Making { without: "x-amz-date", ..Making::default() },
        Making { without: "Authorization", ..Making::default() },
        Making { without: "x-goog-cloud-target-resource", ..Making::default() },
    ] {
        let token = making.token(now).to_string();
        let answer = api.aws(&token).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json["error"]),
            (400, &json!("invalid_request")),
            "{token}"
        );
    }
    let session = Making { without: "x-amz-security-token", ..Making::default() }.token(now).to_string();
    assert_eq!(api.aws(&session).await.json["error"], "invalid_grant");
    assert_eq!(api.aws("{}").await.json["error"], "invalid_request");
}
