//! Tests of what Google's documents leave open: each point as it is by default, and the other way round.

use super::*;

const PAUSED: &str = "v1/projects/-/serviceAccounts/paused@p.iam.gserviceaccount.com";
const BOT: &str = "v1/projects/-/serviceAccounts/bot@p.iam.gserviceaccount.com";

async fn api(behaviour: Value) -> TestClient {
    let accounts: Vec<Value> = (0..120).map(|i| json!({"email": format!("generated-{i:03}")})).collect();
    let condition = json!({"title": "t", "expression": "request.time > timestamp(\"2020-01-01T00:00:00Z\")"});
    let mut accounts = [
        vec![
            json!({"email": "bot"}),
            json!({"email": "paused", "disabled": true}),
            json!({"email": "held", "policy": {"bindings": [
                {"role": CREATOR, "members": ["user:dev@example.com"], "condition": condition}]}}),
        ],
        accounts,
    ]
    .concat();
    accounts.sort_by_key(|one| one["email"].to_string());
    let all = |role: &str| json!({"role": role, "members": ["user:dev@example.com"]});
    let world = json!({"users": [{"email": "dev@example.com"}], "behaviour": behaviour,
        "projects": [{"id": "p", "number": 7, "accounts": accounts, "policy": {"bindings": [
            all("roles/iam.serviceAccountTokenCreator"), all("roles/iam.serviceAccountAdmin"),
            all("roles/serviceusage.serviceUsageConsumer")]}}]});
    let mut api = TestClient::of(World::parse(&world.to_string()).unwrap()).await;
    api.project = "p";
    api
}

/// Status and message of the answer by default, and of the one that the world asks for.
async fn both(behaviour: Value, path: &str, body: &Value) -> [(u16, String, Value); 2] {
    let mut answers = Vec::new();
    for behaviour in [json!({}), behaviour] {
        let got = api(behaviour).await.post(path, body.clone()).await;
        answers.push((got.status.as_u16(), got.message().to_owned(), got.json));
    }
    answers.try_into().unwrap()
}

#[tokio::test]
async fn a_mint_for_a_named_project_is_refused_or_not() {
    let path = BOT.replace("/-/", "/p/");
    let body = json!({"scope": [CLOUD]});
    let [before, after] =
        both(json!({"namedProject": "accepted"}), &format!("{path}:generateAccessToken"), &body).await;
    assert_eq!((before.0, after.0), (400, 200));
    // It is a project that there is, either way.
    let nowhere = BOT.replace("/-/", "/nowhere/");
    let [_, after] =
        both(json!({"namedProject": "accepted"}), &format!("{nowhere}:generateAccessToken"), &body).await;
    assert_eq!(after.0, 400);
}

#[tokio::test]
async fn a_disabled_account_is_refused_by_either_status_and_any_words() {
    let how =
        json!({"disabledAccount": "permissionDenied", "messages": {"disabledAccount": "{email} sleeps"}});
    let [before, after] =
        both(how, &format!("{PAUSED}:generateAccessToken"), &json!({"scope": [CLOUD]})).await;
    assert_eq!((before.0, &*before.1), (400, "Account disabled: paused@p.iam.gserviceaccount.com"));
    assert_eq!((after.0, &*after.1), (403, "paused@p.iam.gserviceaccount.com sleeps"));
    assert_eq!(after.2["error"]["status"], "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_payload_may_have_a_limit() {
    let how = json!({"largestPayload": 4, "messages": {"largePayload": "too much"}});
    for (path, body) in [
        (format!("{BOT}:signBlob"), json!({"payload": "aGVsbG8="})),
        (format!("{BOT}:signJwt"), json!({"payload": "{\"a\":1}"})),
    ] {
        let [before, after] = both(how.clone(), &path, &body).await;
        assert_eq!((before.0, after.0, &*after.1), (200, 400, "too much"));
    }
}

#[tokio::test]
async fn claims_are_signed_as_they_came_or_written_anew() {
    use base64::Engine;
    let body = json!({"payload": " {\"b\": 1, \"a\": 2}\n"});
    let answers = both(json!({"signedClaims": "reserialized"}), &format!("{BOT}:signJwt"), &body).await;
    let signed = answers.map(|(_, _, json)| {
        let part = json["signedJwt"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
        String::from_utf8(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    });
    assert_eq!(signed, ["{\"b\": 1, \"a\": 2}", "{\"a\":2,\"b\":1}"]);
}

#[tokio::test]
async fn what_is_refused_without_known_words_has_those_of_the_world() {
    let messages = json!({"scope": "no scope", "namedProject": "no dash", "delegate": "no delegate",
        "jwtExpiry": "no time", "jwtPayload": "no object", "policyVersion": "no version"});
    let jwt = |payload: &str| json!({"payload": payload});
    let access = format!("{BOT}:generateAccessToken");
    let condition = json!({"title": "t", "expression": "true"});
    let policy = json!({"policy": {"version": 1, "bindings": [
        {"role": CREATOR, "members": ["user:dev@example.com"], "condition": condition}]}});
    for (path, body, words) in [
        (access.clone(), json!({"scope": ["no scope at all"]}), "no scope"),
        (access.replace("/-/", "/p/"), json!({"scope": [CLOUD]}), "no dash"),
        (access, json!({"scope": [CLOUD], "delegates": ["projects/p/x"]}), "no delegate"),
        (format!("{BOT}:signJwt"), jwt("{\"exp\": 1}"), "no time"),
        (format!("{BOT}:signJwt"), jwt("[]"), "no object"),
        (format!("{BOT}:setIamPolicy"), policy, "no version"),
    ] {
        let [before, after] = both(json!({"messages": messages}), &path, &body).await;
        assert_eq!((before.0, after.0, &*after.1), (400, 400, words), "{path}");
        assert_ne!(before.1, after.1, "{path}");
    }
}

#[tokio::test]
async fn a_large_page_is_clamped_or_refused() {
    let path = "v1/projects/p/serviceAccounts?pageSize=101";
    let page = api(json!({})).await.get(path).await;
    assert_eq!(page.json["accounts"].as_array().unwrap().len(), 100);
    let api = api(json!({"largePages": "refused"})).await;
    assert_eq!(api.get(path).await.status, 400);
    assert_eq!(api.get(&path.replace("101", "100")).await.status, 200);
}

#[tokio::test]
async fn a_body_where_none_belongs_is_read_or_refused() {
    let body = json!({"options": {"requestedPolicyVersion": 3}});
    let [before, after] =
        both(json!({"policyReadBody": "refused"}), &format!("{BOT}:getIamPolicy"), &body).await;
    assert_eq!((before.0, after.0), (200, 400));
    assert!(after.1.contains("Unknown name \"options\""), "{}", after.1);
}

#[tokio::test]
async fn an_old_reader_of_conditions_gets_mangled_roles_or_nothing() {
    let path = format!("{}:getIamPolicy", BOT.replace("bot@", "held@"));
    let [before, after] = both(json!({"oldReaders": "refused"}), &path, &json!({})).await;
    assert!(before.2["bindings"][0]["role"].as_str().unwrap().contains("_withcond_"));
    assert_eq!(after.0, 400);
    assert!(after.1.starts_with("Requested policy version (0) cannot be less than"), "{}", after.1);
}

#[tokio::test]
async fn a_write_that_changes_nothing_keeps_the_etag_or_renews_it() {
    for (behaviour, kept) in [(json!({}), true), (json!({"unchangedPolicy": "renewed"}), false)] {
        let api = api(behaviour).await;
        let held = BOT.replace("bot@", "held@");
        let read = format!("{held}:getIamPolicy?options.requestedPolicyVersion=3");
        let before = api.send(Method::POST, &read, None).await.unwrap().json;
        let after = api.post(&format!("{held}:setIamPolicy"), json!({"policy": before})).await;
        assert_eq!(after.status, 200, "{}", after.text);
        assert_eq!(after.json["etag"] == before["etag"], kept);
    }
}

#[tokio::test]
async fn bindings_without_members_public_members_and_large_policies_are_taken_or_not() {
    let policy = |members: &[&str]| json!({"policy": {"bindings": [{"role": CREATOR, "members": members}]}});
    let path = format!("{BOT}:setIamPolicy");
    for (behaviour, body, statuses) in [
        (json!({"emptyBindings": "dropped"}), policy(&[]), [400, 200]),
        (json!({"publicMembers": "refused"}), policy(&["allUsers"]), [200, 400]),
        (json!({"publicMembers": "refused"}), policy(&["user:dev@example.com"]), [200, 200]),
        (json!({"largestPolicy": 64}), policy(&["user:dev@example.com"]), [200, 400]),
    ] {
        let answers = both(behaviour.clone(), &path, &body).await;
        assert_eq!(answers.map(|(status, ..)| status), statuses, "{behaviour}");
    }
}

#[tokio::test]
async fn searches_are_read_and_refused_as_the_world_says() {
    let asked = async |behaviour: Value, query: &str| {
        let bind = |role: &str, who: &str| json!({"role": role, "members": [format!("user:{who}")]});
        let world = json!({"users": [{"email": "dev@example.com"}], "behaviour": behaviour,
            "projects": [{"id": "p", "number": 7, "policy": {"bindings": [
                bind("roles/cloudasset.viewer", "dev@example.com"),
                bind("roles/serviceusage.serviceUsageConsumer", "dev@example.com"),
                bind("roles/browser", "example-dev@example.net")]}}]});
        let mut api = TestClient::of(World::parse(&world.to_string()).unwrap()).await;
        api.project = "p";
        let got = api.get(&format!("v1/projects/{query}")).await;
        let bindings = got.json["results"][0]["policy"]["bindings"].as_array().map_or(0, Vec::len);
        (got.status.as_u16(), bindings, got.message().to_owned())
    };
    let search = |words: &str| format!("p:searchAllIamPolicies?query={}", words.replace(' ', "%20"));
    for (behaviour, words, before, after) in [
        (json!({"searchPrecedence": "or"}), "roles:browser dev OR policy:viewer", 2, 1),
        (json!({"searchWildcard": "lastWord"}), "policy:exam-d*", 3, 0),
        (json!({"searchWildcard": "lastWord"}), "policy:dev-exam*", 3, 3),
    ] {
        assert_eq!(asked(json!({}), &search(words)).await.1, before, "{words}");
        assert_eq!(asked(behaviour, &search(words)).await.1, after, "{words}");
    }
    let unknown = search("-member:x browser");
    assert_eq!(asked(json!({}), &unknown).await.0, 400);
    assert_eq!(asked(json!({"unknownSearchField": "accepted"}), &unknown).await.1, 1);
    let worded = json!({"messages": {"search": "Cannot read that."}});
    assert_eq!(asked(worded, &unknown).await, (400, 0, "Cannot read that.".to_owned()));
    let elsewhere = "q:searchAllIamPolicies";
    assert!(
        asked(json!({}), elsewhere)
            .await
            .2
            .contains("denied on resource '//cloudresourcemanager.googleapis.com/projects/q'")
    );
    let unnamed = asked(json!({"assetDenial": "unnamed"}), elsewhere).await;
    assert_eq!((unnamed.0, unnamed.2.as_str()), (403, "Request denied by Cloud IAM."));
}
