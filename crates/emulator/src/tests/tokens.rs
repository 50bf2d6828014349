//! Tests of the token endpoint, the mints and the keys.

use super::*;

#[tokio::test]
async fn a_refresh_token_is_worth_an_access_token_in_both_forms() {
    let api = TestClient::demo().await;
    let file = api.file(0);
    let body = json!({"grant_type": "refresh_token", "client_id": file["client_id"],
        "client_secret": file["client_secret"], "refresh_token": file["refresh_token"]});
    let url = format!("{}token", api.emulator.base_url());
    for request in [api.http.post(&url).json(&body), api.http.post(&url).form(&body)] {
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert!(answer["access_token"].as_str().unwrap().starts_with("ya29.a0"));
        assert_eq!(answer["expires_in"], 3599);
        assert_eq!(answer["token_type"], "Bearer");
    }
    let mut wrong = body;
    wrong["refresh_token"] = "1//other".into();
    let answer = api.post("token", wrong).await;
    assert_eq!((answer.status.as_u16(), &answer.json["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn a_key_file_is_worth_access_and_id_tokens_and_signs_its_own() {
    let mut api = TestClient::demo().await;
    let file = api.file(2);
    let now = api.emulator.handle().now();
    let email = file["client_email"].as_str().unwrap();
    let sign = |claims: Value| {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        header.kid = file["private_key_id"].as_str().map(str::to_owned);
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(file["private_key"].as_str().unwrap().as_bytes())
            .unwrap();
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    };
    let claims =
        json!({"iss": email, "aud": "https://oauth2.googleapis.com/token", "iat": now, "exp": now + 3600});
    let grant = |extra: (&str, &str)| {
        let mut claims = claims.clone();
        claims[extra.0] = extra.1.into();
        json!({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": sign(claims)})
    };
    let access = api.post("token", grant(("scope", CLOUD))).await;
    assert!(access.json["access_token"].as_str().unwrap().starts_with("ya29.c."));
    let id = api.post("token", grant(("target_audience", "https://a.example"))).await;
    let jwks = api.get("oauth2/v3/certs").await.json;
    assert_eq!(verified(id.json["id_token"].as_str().unwrap(), &jwks)["email"], email);

    api.token = sign(json!({"iss": email, "sub": email, "iat": now, "exp": now + 3600, "scope": CLOUD}));
    assert_eq!(api.get(DEPLOYER).await.status, 200);
    api.token = sign(json!({"iss": email, "sub": email, "iat": now, "exp": now + 3600,
        "aud": "https://iam.googleapis.com/"}));
    assert_eq!(api.get(DEPLOYER).await.status, 200);
    api.token.pop();
    assert_eq!(api.get(DEPLOYER).await.status, 401);
}

#[tokio::test]
async fn tokeninfo_takes_a_bearer_where_no_token_is_a_parameter() {
    let api = TestClient::demo().await;
    let form = "application/x-www-form-urlencoded;charset=UTF-8";
    let send = async |method: Method, path: &str| {
        let url = format!("{}{path}", api.emulator.base_url());
        let request = api.http.request(method, url).header("content-type", form).bearer_auth(&api.token);
        let response = request.header("content-length", "0").send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    for path in ["tokeninfo", "oauth2/v3/tokeninfo", "oauth2/v1/tokeninfo"] {
        for method in [Method::GET, Method::POST] {
            let (status, told) = send(method.clone(), path).await;
            assert_eq!((status, &told["scope"]), (200, &json!(CLOUD)), "{method} {path}");
        }
    }
    // A parameter wins.
    assert_eq!(send(Method::POST, "tokeninfo?access_token=ya29.other").await.0, 400);
}

#[tokio::test]
async fn the_token_endpoint_names_what_is_missing_in_google_s_words() {
    let api = TestClient::demo().await;
    let refresh = json!({"grant_type": "refresh_token", "client_id": "a", "client_secret": "b"});
    for (missing, words) in [
        ("grant_type", "Required parameter is missing: grant_type"),
        ("client_id", "Could not determine client ID from request."),
        ("client_secret", "client_secret is missing."),
        ("refresh_token", "Missing required parameter: refresh_token"),
    ] {
        let mut asked = refresh.clone();
        asked.as_object_mut().unwrap().remove(missing);
        let refused = api.post("token", asked).await;
        assert_eq!((refused.status.as_u16(), &refused.json["error"]), (400, &json!("invalid_request")));
        assert_eq!(refused.json["error_description"], words);
    }
}

#[tokio::test]
async fn lifetimes_are_taken_as_they_are_up_to_what_is_allowed() {
    let api = TestClient::demo().await;
    let mint = async |account: &str, lifetime: &str| {
        let url = format!(
            "v1/projects/-/serviceAccounts/{account}@acme-prod.iam.gserviceaccount.com:generateAccessToken"
        );
        api.post(&url, json!({"scope": [CLOUD], "lifetime": lifetime})).await
    };
    for lifetime in ["1s", "59s", "599s", "3600s"] {
        assert_eq!(mint("deployer", lifetime).await.status, 200, "{lifetime}");
    }
    for lifetime in ["0s", "-1s"] {
        let refused = mint("deployer", lifetime).await;
        assert_eq!(refused.message(), "Lifetime of access token must be larger then zero.", "{lifetime}");
    }
    for lifetime in ["3600.5s", "3601s", "86400s"] {
        let refused = mint("deployer", lifetime).await;
        assert!(refused.message().contains("LifetimeExtension to allow up to 12 hours."), "{lifetime}");
    }
    assert!(mint("reports", "43201s").await.message().ends_with("of more than 12 hours."));
}

#[tokio::test]
async fn an_empty_scope_is_cloud_platform_and_no_scope_is_refused() {
    let api = TestClient::demo().await;
    let mint = format!("{DEPLOYER}:generateAccessToken");
    let minted = api.post(&mint, json!({"scope": [""]})).await;
    let info = api.post("tokeninfo", json!({"access_token": minted.json["accessToken"]})).await;
    assert_eq!(info.json["scope"], CLOUD);
    assert_eq!(api.post(&mint, json!({"scope": []})).await.status, 400);
}

#[tokio::test]
async fn the_minted_access_token_is_the_account_for_as_long_as_it_said() {
    let mut api = TestClient::demo().await;
    let mint = format!("{DEPLOYER}:generateAccessToken");
    let now = || Clock::default().now();
    let before = now();
    let answer = api.post(&mint, json!({"scope": [CLOUD], "lifetime": "600s", "delegates": null})).await;
    let after = now();
    let ends = answer.json["expireTime"].as_str().unwrap();
    assert_eq!(ends.len(), "2026-01-01T00:00:00Z".len());
    let ends = ends.parse::<jiff::Timestamp>().unwrap().as_second();
    assert!((before + 600..=after + 600).contains(&ends), "{ends}");
    let token = answer.json["accessToken"].as_str().unwrap().to_owned();
    let info = api.post("tokeninfo", json!({"access_token": token})).await;
    assert_eq!(
        (&info.json["azp"], &info.json["exp"]),
        (&json!("109300000000000004411"), &json!(ends.to_string()))
    );
    let left: i64 = info.json["expires_in"].as_str().unwrap().parse().unwrap();
    assert!((ends - now()..=ends - before).contains(&left), "{left}");

    api.token = token;
    let denied = api.get("v1/projects/acme-prod/serviceAccounts").await;
    assert_eq!(denied.reason(), "USER_PROJECT_DENIED");
    api.emulator.handle().advance_clock(601);
    let over = api.get("v1/projects/acme-prod/serviceAccounts").await;
    assert_eq!((over.status.as_u16(), over.reason()), (401, "ACCESS_TOKEN_EXPIRED"));
    assert!(over.headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));
}

#[tokio::test]
async fn a_mint_is_refused_for_each_reason_in_google_s_words() {
    let mut api = TestClient::demo().await;
    let mint = |account: &str| {
        format!("v1/projects/-/serviceAccounts/{account}.iam.gserviceaccount.com:generateAccessToken")
    };
    let good = json!({"scope": [CLOUD]});
    let denied = api.post(&mint("deploy-bot@acme-stage"), good.clone()).await;
    assert_eq!(
        denied.json["error"]["details"][0]["metadata"]["permission"],
        "iam.serviceAccounts.getAccessToken"
    );
    assert_eq!(api.post(&mint("billing-export@acme-prod"), good.clone()).await.status, 403);
    assert_eq!(
        api.post(&mint("reports@acme-prod"), json!({"scope": [CLOUD], "lifetime": "43200s"})).await.status,
        200
    );
    let long = api.post(&mint("deployer@acme-prod"), json!({"scope": [CLOUD], "lifetime": "3601s"})).await;
    let words = "can not have lifetimes of more than 1 hour. Use the Org Policy Constraint \
        constraints/iam.allowServiceAccountCredentialLifetimeExtension to allow up to 12 hours.";
    assert!(long.status == 400 && long.message().ends_with(words), "{}", long.text);
    let missing = api.post(&mint("nobody@acme-prod"), good.clone()).await;
    assert_eq!(
        missing.message(),
        "Not found; Gaia id not found for email nobody@acme-prod.iam.gserviceaccount.com"
    );
    assert_eq!(
        api.post(&mint("deploy-canary@acme-prod"), good.clone()).await.reason(),
        "ACCOUNT_STATE_INVALID"
    );
    assert_eq!(api.post(&mint("deployer@acme-prod"), json!({})).await.status, 400);
    assert!(
        api.post(&mint("deployer@acme-prod"), json!({"scopes": []})).await.message().contains("\"scopes\"")
    );

    api.project = "acme-dark";
    let off = api.post(&mint("deployer@acme-prod"), good.clone()).await;
    assert_eq!(off.reason(), "SERVICE_DISABLED");
    assert!(
        off.message()
            .starts_with("IAM Service Account Credentials API has not been used in project 415104041265")
    );
    api.project = "no-such-project";
    assert_eq!(api.post(&mint("deployer@acme-prod"), good.clone()).await.reason(), "CONSUMER_INVALID");
    api.project = "acme-prod";
    api.token = api.emulator.handle().mint(DEV, &["openid"], 60).await.unwrap();
    let scope = api.post(&mint("deployer@acme-prod"), good).await;
    assert_eq!(scope.reason(), "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
}

#[tokio::test]
async fn a_chain_opens_the_vault_hop_by_hop_and_not_otherwise() {
    let api = TestClient::demo().await;
    let vault = "v1/projects/-/serviceAccounts/vault@acme-prod.iam.gserviceaccount.com:generateIdToken";
    let (a, b) = (
        "relay-a@acme-ci.iam.gserviceaccount.com",
        "projects/-/serviceAccounts/relay-b@acme-ci.iam.gserviceaccount.com",
    );
    let through = |delegates: Vec<&str>| json!({"audience": "https://a.example", "delegates": delegates});
    assert_eq!(api.post(vault, through(vec![a, b])).await.status, 200);
    let short = api.post(vault, through(vec![a])).await;
    assert_eq!(
        short.json["error"]["details"][0]["metadata"]["permission"],
        "iam.serviceAccounts.getOpenIdToken"
    );
    let skipped = api.post(vault, through(vec![b])).await;
    assert_eq!(
        skipped.json["error"]["details"][0]["metadata"]["permission"],
        "iam.serviceAccounts.implicitDelegation"
    );
}

#[tokio::test]
async fn id_tokens_verify_with_google_s_keys_and_signatures_with_the_account_s() {
    let api = TestClient::demo().await;
    let body =
        json!({"audience": "https://a.example", "includeEmail": "true", "organizationNumberIncluded": true});
    let token = api.post(&format!("{DEPLOYER}:generateIdToken"), body).await;
    let claims = verified(token.json["token"].as_str().unwrap(), &api.get("oauth2/v3/certs").await.json);
    assert_eq!(claims["google"]["organization_number"], 123_456_789_012_u64);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    assert_eq!(claims["azp"], claims["sub"]);

    let signed = api.post(&format!("{DEPLOYER}:signJwt"), json!({"payload": "{\"a\":1}\n"})).await;
    let path = "service_accounts/v1/metadata/jwk/deployer%40acme-prod.iam.gserviceaccount.com";
    let jwks = api.get(path).await;
    assert_eq!(verified(signed.json["signedJwt"].as_str().unwrap(), &jwks.json), json!({"a": 1}));
    assert!(jwks.headers["cache-control"].to_str().unwrap().starts_with("public, max-age="));
    let map = api.get("robot/v1/metadata/x509/deployer@acme-prod.iam.gserviceaccount.com").await;
    assert!(map.json[signed.json["keyId"].as_str().unwrap()].as_str().unwrap().contains("BEGIN CERTIFICATE"));
    let late = json!({"payload": format!("{{\"exp\":{}}}", api.emulator.handle().now() + 43_300)});
    assert_eq!(api.post(&format!("{DEPLOYER}:signJwt"), late).await.status, 400);
    assert_eq!(api.post(&format!("{DEPLOYER}:signJwt"), json!({"payload": "[1]"})).await.status, 400);
}

/// The dates in a certificate, as they stand in its bytes: two digits of the year until 2049, four from 2050.
fn dates(pem: &str) -> Vec<String> {
    use base64::Engine;
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let is_date = |tag: u8, length: u8, rest: &[u8]| {
        matches!((tag, length), (0x17, 13) | (0x18, 15))
            && rest[..usize::from(length) - 1].iter().all(u8::is_ascii_digit)
            && rest[usize::from(length) - 1] == b'Z'
    };
    let starts = (0..der.len() - 17).filter(|i| is_date(der[*i], der[i + 1], &der[i + 2..]));
    starts.map(|i| String::from_utf8(der[i + 2..i + 2 + usize::from(der[i + 1])].to_vec()).unwrap()).collect()
}

#[tokio::test]
async fn the_certificates_of_an_account_end_when_the_list_of_its_keys_says() {
    let api = TestClient::demo().await;
    let now = api.emulator.handle().now();
    let ci = "ci@acme-ci.iam.gserviceaccount.com";
    let listed = api.get(&format!("v1/projects/-/serviceAccounts/{ci}/keys")).await.json["keys"].clone();
    for folder in ["service_accounts/v1/metadata/x509", "robot/v1/metadata/x509"] {
        let served = api.get(&format!("{folder}/{ci}")).await.json;
        assert_eq!(served.as_object().unwrap().len(), 2);
        for key in listed.as_array().unwrap() {
            let id = key["name"].as_str().unwrap().rsplit_once('/').unwrap().1;
            let said = |name: &str| key[name].as_str().unwrap().replace(['-', ':', 'T'], "");
            let dates = dates(served[id].as_str().unwrap());
            assert!(said("validAfterTime").ends_with(&dates[0]), "{dates:?} {key}");
            assert!(said("validBeforeTime").ends_with(&dates[1]), "{dates:?} {key}");
            let until: Result<jiff::Timestamp, _> = key["validBeforeTime"].as_str().unwrap().parse();
            match key["keyType"].as_str().unwrap() {
                "SYSTEM_MANAGED" => {
                    let days = (until.unwrap().as_second() - now) / 86_400;
                    assert!((14..=21).contains(&days), "{days}");
                }
                _ => assert_eq!(dates[1], "99991231235959Z"),
            }
        }
    }
}

#[tokio::test]
async fn the_keys_of_an_account_are_served_in_three_forms() {
    let api = TestClient::demo().await;
    let served = async |form: &str| {
        api.get(&format!("service_accounts/v1/metadata/{form}/deployer@acme-prod.iam.gserviceaccount.com"))
            .await
    };
    let jwk = served("jwk").await.json;
    let id = jwk["keys"][0]["kid"].as_str().unwrap();
    assert!(served("x509").await.json[id].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    use base64::Engine;
    let raw = served("raw").await.json;
    let raw = base64::engine::general_purpose::STANDARD.decode(raw[id].as_str().unwrap()).unwrap();
    assert!(raw.starts_with(b"-----BEGIN PUBLIC KEY-----"));
}

#[tokio::test]
async fn bytes_to_sign_must_be_there_and_may_be_in_either_alphabet() {
    let api = TestClient::demo().await;
    let url = format!("{DEPLOYER}:signBlob");
    for nothing in [json!({}), json!({"payload": null}), json!({"payload": ""})] {
        assert_eq!(api.post(&url, nothing.clone()).await.status, 400, "{nothing}");
    }
    assert_eq!(api.post(&url, json!({"payload": "not base64!"})).await.status, 400);
    // RSASSA-PKCS1-v1_5 has no chance in it: equal bytes give equal signatures.
    let mut signed = Vec::new();
    for payload in ["+/8+", "-_8-", "+/8+/w==", "-_8-_w"] {
        signed.push(api.post(&url, json!({"payload": payload})).await.json["signedBlob"].clone());
    }
    assert!(signed[0].is_string() && signed[0] == signed[1] && signed[2] == signed[3]);
    assert_ne!(signed[0], signed[2]);
}

#[tokio::test]
async fn claims_to_sign_are_an_object_that_ends_within_twelve_hours_and_stay_as_they_are() {
    let api = TestClient::demo().await;
    let now = api.emulator.handle().now();
    let sign =
        async |payload: &str| api.post(&format!("{DEPLOYER}:signJwt"), json!({"payload": payload})).await;
    for refused in ["", "x", "[1]", "\"a\"", r#"{"exp":"1"}"#, r#"{"exp":1.5}"#, r#"{"exp":null}"#] {
        assert_eq!(sign(refused).await.status, 400, "{refused}");
    }
    assert_eq!(api.post(&format!("{DEPLOYER}:signJwt"), json!({})).await.status, 400);
    for (ahead, status) in [(-5, 400), (60, 200), (43_200, 200), (43_260, 400)] {
        assert_eq!(sign(&json!({"exp": now + ahead}).to_string()).await.status, status, "{ahead}");
    }
    let claims = format!(r#"{{"z": [1, {{"b":2 }}], "exp":{}, "a":"é"}}"#, now + 60);
    let token = sign(&claims).await.json["signedJwt"].as_str().unwrap().to_owned();
    let jwks = api.get("service_accounts/v1/metadata/jwk/deployer@acme-prod.iam.gserviceaccount.com").await;
    assert_eq!(verified(&token, &jwks.json), serde_json::from_str::<Value>(&claims).unwrap());
}
