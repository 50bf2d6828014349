use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::api::testing::{Server, answer, ok};

fn jwt(claims: &Value) -> String {
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(json!({"alg": "RS256"}).to_string()), part(claims.to_string()), part("x".into()))
}

async fn minted(what: What, body: Value) -> Result<Credential, ApiError> {
    let server = Server::start([ok(&body.to_string()), answer(404, "", "{}")]).await;
    let client = server.client();
    let account = "sa@acme-prod.iam.gserviceaccount.com".to_owned();
    mint(&client, &MintRequest { account, delegates: Vec::new(), what }).await
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
        assert!(error.message.contains("another audience than “https://a”"), "{}", error.message);
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
        assert!(error.message.contains("other claims"), "{}", error.message);
    }
}
