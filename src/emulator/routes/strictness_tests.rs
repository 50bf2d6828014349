//! One test for all methods of Google's APIs: what the protocol does not have is refused, whatever the method.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::policy::Binding;
use super::super::world::World;
use super::super::{Emulator, Options};
use super::{Api, CLOUD_PLATFORM, Route, TABLES};

const DEV: &str = "user:dev@example.com";

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

struct Desk {
    emulator: Emulator,
    client: reqwest::Client,
    token: String,
}

impl Desk {
    /// Somebody who may do everything, so that nothing is refused but what is asked wrongly.
    async fn open() -> Desk {
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
        Desk { emulator, client: reqwest::Client::builder().no_proxy().build().unwrap(), token }
    }

    async fn send(&self, route: &Route, query: &str, body: Option<&str>) -> (u16, String) {
        let url = format!("{}{}{query}", self.emulator.base_url(), &filled(route)[1..]);
        let verb = reqwest::Method::from_bytes(route.verb.as_bytes()).unwrap();
        let mut request = self.client.request(verb, url).bearer_auth(&self.token);
        request = request.header("x-goog-user-project", "acme-prod");
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
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
    // Only what needs a caller: the looks at boundaries are answered to anybody and take nothing.
    TABLES.iter().copied().flatten().filter(move |route| apis.contains(&route.api))
}

#[tokio::test]
async fn an_unknown_query_parameter_is_refused_by_every_method() {
    let desk = Desk::open().await;
    for route in of_google() {
        let (status, message) = desk.send(route, "?noSuchThing=1", None).await;
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
    let desk = Desk::open().await;
    for route in of_google().filter(|route| route.verb == "POST") {
        for (body, expected) in [
            (r#"{"noSuchThing": 1}"#, "Unknown name \"noSuchThing\": Cannot find field."),
            ("[]", "Root element must be a message."),
            ("{", "Unexpected"),
        ] {
            let (status, message) = desk.send(route, "", Some(body)).await;
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
    let desk = Desk::open().await;
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
        let (status, message) = desk.send(route(name), "", Some(&body.to_string())).await;
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
        let (status, message) = desk.send(route(name), query, None).await;
        let expected = format!("Invalid value at '{field}'");
        assert!(status == 400 && message.starts_with(&expected), "{name} {query}: {status} {message}");
    }
}

#[test]
fn methods_have_names_of_their_own() {
    let mut seen = HashSet::new();
    for route in of_google() {
        assert!(seen.insert((route.verb, route.path)), "{} {} is there twice", route.verb, route.path);
    }
}
