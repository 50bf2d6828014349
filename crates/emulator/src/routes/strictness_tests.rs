//! One test for all methods of Google's APIs: what the protocol does not have is refused.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Api, CLOUD_PLATFORM, Route, TABLES};
use crate::names::DEV;
use crate::policy::Binding;
use crate::world::World;
use crate::{Emulator, Options};

/// The path of a route with something that is there in each place.
fn filled(route: &Route) -> String {
    let id = match route.path {
        path if path.contains("organizations/{id}") => "123456789012",
        path if path.contains("folders/{id}") => "310000000001",
        path if path.contains("operations/{id}") => "noop.DONE_OPERATION",
        _ => "acme-prod",
    };
    let role = if route.path.starts_with("/v1/roles") { "viewer" } else { "signer" };
    [
        ("{project}", if route.api == Api::Credentials { "-" } else { "acme-prod" }),
        ("{account}", "deployer@acme-prod.iam.gserviceaccount.com"),
        ("{organization}", "123456789012"),
        ("{service}", "iam.googleapis.com"),
        ("{kind}", "projects"),
        ("{role}", role),
        ("{key}", "0"),
        ("{id}", id),
    ]
    .iter()
    .fold(route.path.to_owned(), |path, (part, value)| path.replace(part, value))
}

struct OwnerClient {
    emulator: Emulator,
    client: reqwest::Client,
    token: String,
}

impl OwnerClient {
    /// Somebody who may do everything, so that nothing is refused but what is asked wrongly.
    async fn open() -> OwnerClient {
        let mut world = World::demo();
        for role in
            ["roles/owner", "roles/resourcemanager.organizationAdmin", "roles/iam.serviceAccountTokenCreator"]
        {
            let members = vec![DEV.to_owned()];
            world.organizations[0].policy.bindings.push(Binding {
                role: role.into(),
                members,
                condition: None,
            });
        }
        let emulator = Emulator::start(Options { port: 0, world }).await.unwrap();
        let token = emulator.handle().mint(DEV, &[CLOUD_PLATFORM], 3600).await.unwrap();
        OwnerClient { emulator, client: reqwest::Client::builder().no_proxy().build().unwrap(), token }
    }

    async fn send(&self, route: &Route, query: &str, body: Option<&str>) -> (u16, String) {
        let url = format!("{}{}{query}", self.emulator.base_url(), &filled(route)[1..]);
        let verb = reqwest::Method::from_bytes(route.verb.as_bytes()).unwrap();
        let mut request = self.client.request(verb, url).bearer_auth(&self.token);
        request = request.header("x-goog-user-project", "acme-prod");
        request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_owned()),
            None if ["POST", "PUT", "PATCH"].contains(&route.verb) => request.header("content-length", "0"),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let value: Value = answer.json().await.unwrap_or_default();
        (status, value["error"]["message"].as_str().unwrap_or_default().to_owned())
    }
}

fn of_google() -> impl Iterator<Item = &'static Route> {
    let apis = [
        Api::Iam,
        Api::Credentials,
        Api::ResourceManager,
        Api::ServiceUsage,
        Api::Troubleshooter,
        Api::CloudAsset,
    ];
    // What has a discovery document and messages of its own; OAuth's services read forms.
    TABLES.iter().copied().flatten().filter(move |route| apis.contains(&route.api))
}

#[tokio::test]
async fn an_unknown_query_parameter_is_refused_by_every_method() {
    let owner = OwnerClient::open().await;
    for route in of_google() {
        let (status, message) = owner.send(route, "?noSuchThing=1", None).await;
        let expected = "Unknown name \"noSuchThing\": Cannot bind query parameter.";
        assert!(
            status == 400 && message.contains(expected),
            "{} {}: {status} {message}",
            route.verb,
            route.path
        );
    }
}

#[tokio::test]
async fn what_is_no_message_or_has_an_unknown_field_is_refused_by_every_method_with_a_body() {
    let owner = OwnerClient::open().await;
    for route in of_google().filter(|route| route.verb == "POST") {
        for (body, expected) in [
            (r#"{"noSuchThing": 1}"#, "Unknown name \"noSuchThing\": Cannot find field."),
            ("[]", "Root element must be a message."),
            ("{", "Unexpected"),
        ] {
            let (status, message) = owner.send(route, "", Some(body)).await;
            assert!(
                status == 400 && message.contains(expected),
                "{} with {body}: {status} {message}",
                route.path
            );
        }
    }
}

#[tokio::test]
async fn a_field_of_another_type_is_refused_by_name() {
    let owner = OwnerClient::open().await;
    let route = |name: &str| of_google().find(|route| route.name == name).unwrap();
    for (name, body, field) in [
        ("iamcredentials.generateAccessToken", json!({"scope": "a"}), "scope"),
        ("iamcredentials.generateAccessToken", json!({"scope": [1]}), "scope[0]"),
        ("iamcredentials.generateAccessToken", json!({"scope": ["a"], "lifetime": "1h"}), "lifetime"),
        ("iamcredentials.generateIdToken", json!({"audience": 1}), "audience"),
        ("iamcredentials.generateIdToken", json!({"audience": "a", "includeEmail": "yes"}), "include_email"),
        ("iamcredentials.signBlob", json!({"payload": "~"}), "payload"),
        ("iam.serviceAccounts.setIamPolicy", json!({"policy": []}), "policy"),
        ("iam.serviceAccounts.setIamPolicy", json!({"policy": {"bindings": {}}}), "policy.bindings"),
        (
            "iam.serviceAccounts.setIamPolicy",
            json!({"policy": {"auditConfigs": [{"auditLogConfigs": [{"logType": "NONE"}]}]}}),
            "policy.audit_configs[0].audit_log_configs[0].log_type",
        ),
        ("iam.roles.queryGrantableRoles", json!({"view": "ALL"}), "view"),
        ("iam.permissions.queryTestablePermissions", json!({"pageSize": "many"}), "page_size"),
        ("iam.permissions.queryTestablePermissions", json!({"pageSize": 3_000_000_000_u64}), "page_size"),
        (
            "serviceusage.services.disable",
            json!({"checkIfServiceHasUsage": "MAYBE"}),
            "check_if_service_has_usage",
        ),
        ("serviceusage.services.batchEnable", json!({"serviceIds": "iam.googleapis.com"}), "service_ids"),
        ("policytroubleshooter.iam.troubleshoot", json!({"accessTuple": "x"}), "access_tuple"),
    ] {
        let (status, message) = owner.send(route(name), "", Some(&body.to_string())).await;
        let expected = format!("Invalid value at '{field}'");
        assert!(status == 400 && message.starts_with(&expected), "{name} {body}: {status} {message}");
    }
    for (name, query, field) in [
        ("iam.serviceAccounts.list", "?pageSize=many", "page_size"),
        ("iam.roles.list", "?view=ALL", "view"),
        ("iam.roles.list", "?showDeleted=maybe", "show_deleted"),
        ("iam.keys.list", "?keyTypes=MINE", "key_types"),
        ("iam.keys.get", "?publicKeyType=PEM", "public_key_type"),
        ("serviceusage.services.list", "?pageSize=1.5", "page_size"),
        ("cloudasset.searchAllResources", "?pageSize=x", "page_size"),
    ] {
        let (status, message) = owner.send(route(name), query, None).await;
        let expected = format!("Invalid value at '{field}'");
        assert!(status == 400 && message.starts_with(&expected), "{name} {query}: {status} {message}");
    }
}

impl OwnerClient {
    /// An answer as text, with a body of some type and perhaps without a header that says who asks.
    async fn raw(&self, path: &str, bearer: bool, body: Option<(&str, &str)>) -> (u16, String) {
        let url = format!("{}{path}", self.emulator.base_url());
        let verb = if body.is_some() { reqwest::Method::POST } else { reqwest::Method::GET };
        let mut request = self.client.request(verb, url).header("x-goog-user-project", "acme-prod");
        if bearer {
            request = request.bearer_auth(&self.token);
        }
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).header("content-length", body.len());
            request = request.body(body.to_owned());
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

const ACCOUNT: &str = crate::names::path::DEPLOYER;

#[tokio::test]
async fn the_parameters_that_every_method_has_do_what_they_say() {
    let owner = OwnerClient::open().await;
    for name in ["access_token", "oauth_token"] {
        let (status, _) = owner.raw(&format!("{ACCOUNT}?{name}={}", owner.token), false, None).await;
        assert_eq!(status, 200, "{name}");
    }
    let (_, compact) = owner.raw(&format!("{ACCOUNT}?prettyPrint=false"), true, None).await;
    assert!(!compact.contains('\n') && compact.contains("\"email\":\"deployer@"), "{compact}");
    let (_, part) =
        owner.raw(&format!("{ACCOUNT}?fields=email,disabled&prettyPrint=false"), true, None).await;
    assert_eq!(part, r#"{"email":"deployer@acme-prod.iam.gserviceaccount.com"}"#);
    let list =
        "v1/projects/acme-prod/serviceAccounts?pageSize=1&fields=accounts/email&$alt=json;enum-encoding=int";
    let (_, part) = owner.raw(list, true, None).await;
    let part: Value = serde_json::from_str(&part).unwrap();
    let fields: Vec<&String> = part["accounts"][0].as_object().unwrap().keys().collect();
    assert!(fields == ["email"] && part.as_object().unwrap().len() == 1, "{part}");
    // What is refused is whole, but as compact as it was asked for.
    let nobody = "v1/projects/acme-prod/serviceAccounts/nobody@acme-prod.iam.gserviceaccount.com";
    let (status, refused) = owner.raw(&format!("{nobody}?fields=email&prettyPrint=false"), true, None).await;
    assert!(status == 404 && refused.starts_with("{\"error\":{\"code\":404"), "{refused}");
    for wrong in ["fields=a(", "alt=xml", "alt=proto", "prettyPrint=perhaps"] {
        assert_eq!(owner.raw(&format!("{ACCOUNT}?{wrong}"), true, None).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_body_that_is_said_to_be_a_form_is_not_read_as_json() {
    let owner = OwnerClient::open().await;
    let body = json!({"scope": [CLOUD_PLATFORM]}).to_string();
    let path = format!("{ACCOUNT}:generateAccessToken");
    let form = "application/x-www-form-urlencoded";
    let (status, text) = owner.raw(&path, true, Some((form, &body))).await;
    assert!(status == 400 && text.contains("Cannot bind query parameter."), "{status} {text}");
    assert_eq!(owner.raw(&path, true, Some(("application/json; charset=utf-8", &body))).await.0, 200);
    // Without anything in it the type says nothing.
    let policy = format!("{ACCOUNT}:getIamPolicy");
    assert_eq!(owner.raw(&policy, true, Some((form, ""))).await.0, 200);
}

#[tokio::test]
async fn lifetimes_and_scopes_that_only_look_right_are_refused() {
    let owner = OwnerClient::open().await;
    let path = format!("{ACCOUNT}:generateAccessToken");
    for (lifetime, scope, status) in [
        ("3600s", CLOUD_PLATFORM, 200),
        ("3600.000s", CLOUD_PLATFORM, 200),
        ("1.5s", CLOUD_PLATFORM, 200),
        ("3600.001s", CLOUD_PLATFORM, 400),
        ("0.5s", CLOUD_PLATFORM, 400),
        ("+5s", CLOUD_PLATFORM, 400),
        ("60s", "https://www.googleapis.com/auth/cloud-platforms", 400),
        ("60s", "https://www.googleapis.com/auth/iam", 200),
        ("60s", "openid", 200),
        ("60s", "https://www.googleapis.com/auth/drive.readonly", 200),
    ] {
        let body = json!({"scope": [scope], "lifetime": lifetime}).to_string();
        let (found, text) = owner.raw(&path, true, Some(("application/json", &body))).await;
        assert_eq!(found, status, "{lifetime} {scope}: {text}");
    }
}

#[tokio::test]
async fn what_other_services_do_not_take_is_refused_in_their_own_form() {
    let owner = OwnerClient::open().await;
    let json_body = |body: Value| body.to_string();
    for (body, words) in [
        (json_body(json!({"grantType": 1})), "Invalid value at 'grantType' (TYPE_STRING), 1"),
        (json_body(json!({"scope": ["a"]})), "Invalid value at 'scope' (TYPE_STRING)"),
        ("{".to_owned(), "Invalid JSON payload received."),
    ] {
        let (status, text) = owner.raw("v1/token", false, Some(("application/json", &body))).await;
        assert!(status == 400 && text.contains(words), "{body}: {status} {text}");
    }
    for (path, known) in
        [("oauth2/v2/userinfo?noSuchThing=1", false), ("oauth2/v3/userinfo?noSuchThing=1", true)]
    {
        let (_, text) = owner.raw(path, true, None).await;
        assert_ne!(text.contains("Cannot bind query parameter."), known, "{path}: {text}");
    }
    let keys = format!("{ACCOUNT}/keys?keyTypes=USER_MANAGED&keyTypes=");
    assert_eq!(owner.raw(&format!("{keys}SYSTEM_MANAGED"), true, None).await.0, 200);
    assert_eq!(owner.raw(&format!("{keys}USER_MANAGED"), true, None).await.0, 400);
}

#[test]
fn methods_have_names_of_their_own() {
    let mut seen = HashSet::new();
    for route in of_google() {
        assert!(seen.insert((route.verb, route.path)), "{} {} appears twice", route.verb, route.path);
    }
}
