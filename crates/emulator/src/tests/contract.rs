//! The emulator against Google's discovery documents: its routes against their paths, every answer of every emulator in
//! the tests of this crate against their schemas (see `conforming`), and each method sampled.
#![allow(clippy::disallowed_types, reason = "what is dropped cannot wait for a lock")]

use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::response::Response;

use super::*;
use crate::conforming::{BEYOND, documented, look, service};
use crate::error::{self, Failure, FaultContext, Place};
use crate::routes::{self, Route};
use impersona_contract::{contract, refusal};

/// Routes that no discovery document has, by the beginning of their short name, and where their form is from.
const WITHOUT: [(&str, &str); 10] = [
    ("certs.", "public keys: JWK sets (RFC 7517) and maps of certificates, at addresses without an API"),
    ("oauth2.", "OAuth 2.0 and OpenID Connect at addresses of their own; the documents have version 2 only"),
    ("sts.introspect", "RFC 7662; the document has the exchange alone"),
    ("sts.oauthtoken", "RFC 6749; the document has the exchange alone"),
    ("sts.revoke", "RFC 7009; the document has the exchange alone"),
    ("metadata.", "the metadata server: plain text and JSON of its own"),
    ("external.", "services that are not Google's"),
    ("cloudresourcemanager.v2.", "version 2 is no longer documented; gcloud still calls it"),
    ("policytroubleshooter.v2alpha1.", "never documented; gcloud calls it"),
    ("unrouted", "a page for people"),
];

/// What was found wrong, with the base URL of the emulator that said it.
static FOUND: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

fn found() -> std::sync::MutexGuard<'static, Vec<(String, String)>> {
    FOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers what is wrong until the emulator ends.
pub fn report(base: &str, wrong: Vec<String>) {
    found().extend(wrong.into_iter().map(|wrong| (base.to_owned(), wrong)));
}

/// At the end of an emulator: nothing that it said was wrong.
pub fn settle(base: &str) {
    let mut found = found();
    let wrong: Vec<String> =
        found.extract_if(.., |(whose, _)| whose == base).map(|(_, wrong)| wrong).collect();
    drop(found);
    assert!(
        wrong.is_empty() || std::thread::panicking(),
        "not as Google's documents say:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_route_is_googles_or_is_listed_with_the_reason_why_it_cannot_be_looked_up() {
    for route in routes::all() {
        let reason = WITHOUT.iter().find(|(name, _)| route.name.starts_with(name));
        let known = documented(route);
        assert!(known.is_some() || reason.is_some(), "{} {}: {}", route.verb, route.path, route.name);
    }
    for (name, _) in WITHOUT {
        let used = |route: &Route| route.name.starts_with(name) && documented(route).is_none();
        assert!(name == "unrouted" || routes::all().any(used), "{name} needs no reason");
    }
}

/// A request for each method that it answers with a success: verb, path and body.
fn samples() -> Vec<(Method, &'static str, Option<Value>)> {
    const SA: &str = crate::names::path::DEPLOYER;
    let name =
        "//iam.googleapis.com/projects/acme-prod/serviceAccounts/deployer@acme-prod.iam.gserviceaccount.com";
    let get = |path| (Method::GET, path, None);
    let post = |path, body| (Method::POST, path, Some(body));
    let delete = |path| (Method::DELETE, path, None);
    let made = |method, rest: &str, body| {
        let path =
            format!("v1/projects/acme-prod/serviceAccounts/newcomer@acme-prod.iam.gserviceaccount.com{rest}");
        (method, path.leak() as &'static str, body)
    };
    let version = || json!({"options": {"requestedPolicyVersion": 3}});
    let policy = |role: &str| {
        json!({"policy": {"version": 3, "bindings": [{"role": role, "members": ["user:owner@example.com"],
            "condition": {"title": "t", "description": "d", "expression": "true", "location": "l"}}],
            "auditConfigs": [{"service": "allServices", "auditLogConfigs": [
                {"logType": "DATA_READ", "exemptedMembers": ["user:owner@example.com"]}]}]},
            "updateMask": "bindings,auditConfigs"})
    };
    let held = || json!({"permissions": ["resourcemanager.projects.get", "iam.roles.list"]});
    let tuple = || {
        json!({"accessTuple": {"principal": "dev@example.com", "fullResourceName": name,
            "permission": "iam.serviceAccounts.getAccessToken"}})
    };
    let on = |verb: &str| format!("{SA}{verb}").leak() as &'static str;
    vec![
        post("v1/organizations/123456789012:getIamPolicy", version()),
        get("v1/projects/acme-prod:searchAllIamPolicies?query=policy:dev@example.com&pageSize=2"),
        get(
            "v1/organizations/123456789012:searchAllResources?assetTypes=iam.googleapis.com/ServiceAccount&pageSize=2",
        ),
        get(
            "v1/projects/acme-prod:analyzeIamPolicy?analysisQuery.identitySelector.identity=user:dev@example.com&analysisQuery.options.outputGroupEdges=True&analysisQuery.options.analyzeServiceAccountImpersonation=true",
        ),
        get(
            "v1/projects/acme-prod/locations/global/activityTypes/serviceAccountLastAuthentication/activities:query",
        ),
        get("v1/organizations/123456789012"),
        post("v1/organizations:search", json!({})),
        post("v1/organizations/123456789012:testIamPermissions", held()),
        get("v1/projects/acme-prod"),
        post("v1/projects/acme-prod:getAncestry", json!({})),
        post("v1/projects/acme-prod:getIamPolicy", version()),
        get("v1/projects?pageSize=2"),
        post("v1/projects/acme-prod:testIamPermissions", held()),
        get("v3/folders/310000000001"),
        post("v3/folders/310000000001:getIamPolicy", version()),
        get("v3/folders?parent=organizations/123456789012"),
        get("v3/folders:search"),
        post("v3/folders/310000000001:testIamPermissions", held()),
        get("v3/organizations/123456789012"),
        post("v3/organizations/123456789012:getIamPolicy", version()),
        get("v3/organizations:search"),
        post("v3/organizations/123456789012:testIamPermissions", held()),
        get("v3/projects/acme-prod"),
        post("v3/projects/acme-prod:getIamPolicy", version()),
        get("v3/projects?parent=folders/310000000001"),
        get("v3/projects:search?pageSize=1"),
        post("v3/projects/acme-prod:testIamPermissions", held()),
        post(
            "v1/iamPolicies:lintPolicy",
            json!({"fullResourceName": name, "condition": {"expression": "1 +"}}),
        ),
        get("v1/organizations/123456789012/roles?view=FULL&showDeleted=true"),
        get("v1/organizations/123456789012/roles/tokenAuditor"),
        get("v1/projects/acme-prod/roles?view=FULL"),
        get("v1/projects/acme-prod/roles/signer"),
        get("v1/roles?view=FULL&pageSize=1000"),
        get("v1/roles/iam.serviceAccountTokenCreator"),
        post(
            "v1/roles:queryGrantableRoles",
            json!({"fullResourceName": name, "view": "FULL", "pageSize": 2}),
        ),
        get(SA),
        post(on(":getIamPolicy?options.requestedPolicyVersion=3"), json!({})),
        get(on("/keys")),
        get(on("/keys/KEY?publicKeyType=TYPE_X509_PEM_FILE")),
        post("v1/permissions:queryTestablePermissions", json!({"fullResourceName": name, "pageSize": 3})),
        get("v1/projects/acme-prod/serviceAccounts?pageSize=100"),
        post(on(":testIamPermissions"), json!({"permissions": ["iam.serviceAccounts.get"]})),
        post(
            "v1/projects/acme-prod/serviceAccounts",
            json!({"accountId": "newcomer", "serviceAccount": {"displayName": "N", "description": "d"}}),
        ),
        made(
            Method::PATCH,
            "",
            Some(json!({"serviceAccount": {"displayName": "M"}, "updateMask": "displayName,description"})),
        ),
        made(Method::PUT, "", Some(json!({"displayName": "O"}))),
        made(Method::POST, ":disable", Some(json!({}))),
        made(Method::POST, ":enable", Some(json!({}))),
        made(Method::POST, "/keys", Some(json!({"keyAlgorithm": "KEY_ALG_RSA_2048"}))),
        made(Method::POST, "/keys/MADE:disable", Some(json!({}))),
        made(Method::POST, "/keys/MADE:enable", Some(json!({}))),
        made(Method::DELETE, "/keys/MADE", None),
        delete("v1/projects/-/serviceAccounts/UNIQUE"),
        post("v1/projects/-/serviceAccounts/UNIQUE:undelete", json!({})),
        get("v1/projects/acme-ci/locations/global/workloadIdentityPools?pageSize=1"),
        get("v1/projects/acme-ci/locations/global/workloadIdentityPools/ci-pool"),
        get("v1/projects/acme-ci/locations/global/workloadIdentityPools/ci-pool/providers?pageSize=1"),
        get("v1/projects/acme-ci/locations/global/workloadIdentityPools/ci-pool/providers/aws"),
        get("v1/locations/global/workforcePools?parent=organizations/123456789012"),
        get("v1/locations/global/workforcePools/staff"),
        get("v1/locations/global/workforcePools/staff/providers"),
        get("v1/locations/global/workforcePools/staff/providers/partner-login"),
        get("v2/policies/cloudresourcemanager.googleapis.com%2Fprojects%2Facme-locked/denypolicies"),
        get(
            "v2/policies/cloudresourcemanager.googleapis.com%2Fprojects%2Facme-locked/denypolicies/no-id-tokens",
        ),
        get("v1/locations/global/workforcePools/staff/allowedLocations"),
        get("v1/projects/415104041264/locations/global/workloadIdentityPools/ci-pool/allowedLocations"),
        post(on(":generateAccessToken"), json!({"scope": [CLOUD], "lifetime": "600s"})),
        post(
            on(":generateIdToken"),
            json!({"audience": "https://a.example", "includeEmail": true,
            "organizationNumberIncluded": true}),
        ),
        get(on("/allowedLocations")),
        post(on(":signBlob"), json!({"payload": "AAAA"})),
        post(on(":signJwt"), json!({"payload": "{}"})),
        post("oauth2/v2/tokeninfo?access_token=TOKEN", json!({})),
        get("oauth2/v2/userinfo"),
        get("userinfo/v2/me"),
        post("v1/iam:troubleshoot", tuple()),
        post("v3/iam:troubleshoot", tuple()),
        get("v1/projects/acme-dark/services/iam.googleapis.com"),
        get("v1/projects/acme-dark/services?filter=state:DISABLED"),
        get("v1/projects/acme-dark/services:batchGet?names=projects/acme-dark/services/iam.googleapis.com"),
        post(
            "v1/projects/acme-dark/services:batchEnable",
            json!({"serviceIds": ["iamcredentials.googleapis.com"]}),
        ),
        get("v1/OPERATION"),
        get("v1/OPERATION"),
        get("v1/OPERATION"),
        post("v1/projects/acme-dark/services/iamcredentials.googleapis.com:enable", json!({})),
        post("v1/projects/acme-dark/services/iamcredentials.googleapis.com:disable", json!({})),
        // What takes something away from the others comes last.
        post(on(":setIamPolicy"), policy(CREATOR)),
        post("v1/projects/acme-prod:setIamPolicy", policy("roles/owner")),
        post("v3/projects/acme-prod:setIamPolicy", policy("roles/owner")),
        post("v3/folders/310000000001:setIamPolicy", policy("roles/resourcemanager.organizationAdmin")),
        post("v1/organizations/123456789012:setIamPolicy", policy("roles/resourcemanager.organizationAdmin")),
        post("v3/organizations/123456789012:setIamPolicy", policy("roles/resourcemanager.organizationAdmin")),
    ]
}

#[tokio::test]
async fn every_method_answers_as_documented_and_refuses_strangers_as_documented() {
    let mut world = World::demo();
    // Owners do not mint, and the table of roles does not have all that they may do with APIs.
    for role in [CREATOR, "roles/serviceusage.serviceUsageAdmin"] {
        let members = vec!["user:owner@example.com".to_owned()];
        world.organizations[0].policy.bindings.push(Binding { role: role.into(), members, condition: None });
    }
    let mut api = TestClient::of(world).await;
    let owner = api
        .emulator
        .handle()
        .mint("user:owner@example.com", &[CLOUD, "https://www.googleapis.com/auth/userinfo.email"], 3600)
        .await
        .unwrap();
    let stranger = api.emulator.handle().mint("user:nobody@example.net", &[CLOUD], 3600).await.unwrap();
    let (mut operation, mut key, mut answered) = (String::new(), String::new(), Vec::new());
    let (mut unique, mut made) = (String::new(), String::new());
    for (verb, path, body) in samples() {
        let path = path
            .replace("TOKEN", &owner)
            .replace("OPERATION", &operation)
            .replace("UNIQUE", &unique)
            .replace("MADE", &made)
            .replace("/KEY?", &format!("/{key}?"));
        api.token.clone_from(&owner);
        let got = api.send(verb.clone(), &path, body.clone()).await.unwrap();
        assert_eq!(got.status, 200, "{path}: {}", got.text);
        if path.ends_with(":batchEnable") {
            operation = got.json["name"].as_str().unwrap().to_owned();
        }
        if let Some(id) = got.json["uniqueId"].as_str() {
            id.clone_into(&mut unique);
        }
        if verb == Method::POST && path.ends_with("/keys") {
            let name = got.json["name"].as_str().unwrap();
            made = name.rsplit('/').next().unwrap().to_owned();
        } else if path.ends_with("/keys") {
            let name = got.json["keys"][0]["name"].as_str().unwrap();
            key = name.rsplit('/').next().unwrap().to_owned();
        }
        let plain = format!("/{}", path.split('?').next().unwrap_or_default());
        let services = routes::all().map(service);
        let names = services.filter_map(|of| contract().find(of, verb.as_str(), &plain)).map(|one| &one.name);
        answered.extend(names.map(|name| (name, got.json.clone())));
        api.token.clone_from(&stranger);
        api.send(verb, &path, body).await.unwrap();
    }
    // The tests of federation have the exchanges of tokens.
    for method in contract().methods().filter(|method| method.name != "sts.v1.token") {
        assert!(answered.iter().any(|(name, _)| **name == method.name), "{} is not sampled", method.name);
    }
    for (method, field, _) in BEYOND {
        let told = |(name, answer): &(&String, Value)| name.as_str() == method && answer.get(field).is_some();
        assert!(answered.iter().any(told), "{method} says no {field}: it need not be listed");
    }
}

#[tokio::test]
async fn no_parameter_and_no_field_that_a_document_has_is_unknown_here() {
    let mut api = TestClient::demo().await;
    api.token = api.emulator.handle().mint("user:owner@example.com", &[CLOUD], 3600).await.unwrap();
    let mut unknown = Vec::new();
    for (verb, path, _) in samples() {
        let plain = format!("/{}", path.split('?').next().unwrap_or_default());
        let plain = plain.replace("OPERATION", "operations/x");
        let plain = plain.replace("UNIQUE", "x").replace("MADE", "x");
        let Some(method) =
            routes::all().find_map(|route| contract().find(service(route), verb.as_str(), &plain))
        else {
            panic!("{path} is in no document");
        };
        // The old addresses of tokeninfo take their token in the query.
        if method.name.starts_with("oauth2.") {
            continue;
        }
        let (query, body) = contract().everything(method);
        assert_eq!(contract().request(method, &query, body.as_ref()), [""; 0], "{}", method.name);
        let url = format!("{}{}", api.emulator.base_url(), &plain[1..]);
        let mut request = api.http.request(verb, url).bearer_auth(&api.token).query(&query);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let text = request.send().await.unwrap().text().await.unwrap();
        let words = ["Unknown name", "Invalid value at", "Cannot bind query parameter"];
        if words.iter().any(|word| text.contains(word)) {
            unknown.push(format!("{}: {text}", method.name));
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

#[test]
fn every_refusal_that_a_fault_can_name_has_googles_form() {
    let at = Place { service: "iam.googleapis.com", title: "IAM", method: "google.iam.admin.v1.IAM.X" };
    let context = FaultContext { at, method: "iam.roles.get", consumer: "7", resource: "", per_minute: None };
    for (name, _) in error::names() {
        let failure = Failure::named(name, &context).unwrap();
        if failure.body["error"].is_object() {
            assert_eq!(refusal(failure.status.as_u16(), &failure.body), [""; 0], "{name}");
        }
    }
}

#[test]
fn the_table_holds_nothing_that_is_not_served() {
    let served: Vec<&str> = routes::all().filter_map(documented).map(|method| method.name.as_str()).collect();
    for method in contract().methods() {
        assert!(served.contains(&method.name.as_str()), "{}", method.name);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_as_documented_is_told() {
    let route = routes::all().find(|route| route.name == "iam.serviceAccounts.get").unwrap();
    let wrong = json!({"email": "", "disabled": true, "project": "p"}).to_string();
    look("http://nowhere/", route, None, Response::new(Body::from(wrong))).await;
    let told = std::panic::catch_unwind(|| settle("http://nowhere/")).unwrap_err();
    let told = told.downcast_ref::<String>().unwrap();
    assert!(told.contains("has no such field") && told.contains("default value"), "{told}");
}
