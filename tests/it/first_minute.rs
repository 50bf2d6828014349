//! The first minute of a person at Google, call by call, for each kind of caller that people have: exactly what is
//! refused, and that whatever is refused names a way on. `docs/index.md`, “The first minute”, says the same in words.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::fs;

use impersona::{
    api::{Client, Settings},
    auth::{self, FindOptions},
    http::{ApiError, ErrorKind, endpoints::Endpoints},
    local::env::Env,
    model::caller::Charge,
};
use impersona_emulator::{Emulator, Options, World};
use serde_json::{Value, json};

use crate::support::{DEPLOYER, Home, access, assert_sentence, client, emulator};

const PROJECT: &str = "acme-prod";

/// The calls of the first minute, in the explorer's order.
const ALL: [&str; 8] = ["caller", "accounts", "account", "permissions", "keys", "policy", "project", "mint"];

/// How each of [`ALL`] ended.
async fn first_minute(client: &Client) -> Vec<(&'static str, Result<(), ApiError>)> {
    let outcomes = [
        client.caller().await.map(drop),
        client.list_accounts(PROJECT, &mut |_| ()).await,
        client.get_account(DEPLOYER).await.map(drop),
        client.test_permissions(DEPLOYER).await.map(drop),
        client.list_keys(DEPLOYER).await.map(drop),
        client.get_policy(DEPLOYER).await.map(drop),
        client.get_project(PROJECT).await.map(drop),
        client.mint(&access(DEPLOYER, &[])).await.map(drop),
    ];
    ALL.into_iter().zip(outcomes).collect()
}

/// What was refused of these calls, which is exactly what is expected; each with a sentence and a step that can be taken: a
/// command, a switch, or whom to ask for what.
async fn refused(client: &Client, expected: &[&str]) -> Vec<ApiError> {
    let all = first_minute(client).await;
    let refused: Vec<_> =
        all.into_iter().filter_map(|(call, outcome)| Some((call, outcome.err()?))).collect();
    let calls: Vec<&str> = refused.iter().map(|(call, _)| *call).collect();
    assert_eq!(calls, expected, "{refused:?}");
    for (call, error) in &refused {
        assert_sentence(error);
        let next = error.next().unwrap_or_default();
        let way = ["`", "--", "Ask ", "Have "].iter().any(|way| next.contains(way));
        assert!(way, "{call}: {error} / {next}");
    }
    refused.into_iter().map(|(_, error)| error).collect()
}

/// Where the emulator is, with these variables and none of its callers.
fn at(emulator: &Emulator, vars: &[(&str, &str)]) -> Env {
    let own = emulator.env().into_iter().filter(|(name, _)| name != "GOOGLE_APPLICATION_CREDENTIALS");
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Env::from_vars(own.chain(vars))
}

/// A client of whatever is found there.
fn found(env: &Env, charge: Charge) -> Client {
    let source = auth::find(env, &FindOptions::default());
    let mut settings = Settings::new(Endpoints::new(env, None).unwrap(), source);
    settings.use_proxy = false;
    settings.charge = charge;
    Client::new(settings)
}

/// A client of the file that `gcloud auth application-default login` writes for a person, in its folder, with this quota
/// project or none.
fn logged_in(emulator: &Emulator, home: &Home, quota_project: Option<&str>, charge: Charge) -> Client {
    let file = fs::read_to_string(&emulator.callers()[0].path).unwrap();
    let mut file: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(file["type"], "authorized_user");
    let fields = file.as_object_mut().unwrap();
    fields.remove("quota_project_id");
    fields.extend(quota_project.map(|project| ("quota_project_id".to_owned(), project.into())));
    fs::write(home.path("application_default_credentials.json"), file.to_string()).unwrap();
    let client = found(&at(emulator, &[("CLOUDSDK_CONFIG", home.path("").to_str().unwrap())]), charge);
    assert_eq!(client.known_caller().source, "ADC");
    client
}

#[tokio::test]
async fn a_login_whose_quota_project_has_the_apis_meets_no_refusal() {
    let (emulator, home) = (emulator().await, Home::new());
    refused(&logged_in(&emulator, &home, Some(PROJECT), Charge::AsCredentials), &[]).await;
}

#[tokio::test]
async fn a_quota_project_without_the_apis_can_be_left_out() {
    let (emulator, home) = (emulator().await, Home::new());
    let dark = logged_in(&emulator, &home, Some("acme-dark"), Charge::AsCredentials);
    for error in refused(&dark, &["mint"]).await {
        let next = error.next().unwrap_or_default();
        assert_eq!(error.reason(), Some("SERVICE_DISABLED"), "{error}");
        assert!(next.contains("gcloud services enable") && next.contains("--no-quota-project"), "{next}");
    }
    // The way on leads on.
    refused(&logged_in(&emulator, &home, Some("acme-dark"), Charge::Unnamed), &[]).await;
}

/// The example organization, and Google's own project that a login without a quota project is charged to, with IAM
/// Credentials off.
async fn charged_to_googles_own() -> Emulator {
    let mut world: Value =
        serde_json::from_str(include_str!("../../crates/emulator/assets/world.json")).unwrap();
    let own = json!({"id": "google-sdk", "number": 764_086_051_850_u64, "parent": world["projects"][0]["parent"],
        "disabledServices": ["iamcredentials.googleapis.com"]});
    world["projects"].as_array_mut().unwrap().push(own);
    let world = World::parse(&world.to_string()).unwrap();
    Emulator::start(Options { port: 0, world }).await.unwrap()
}

#[tokio::test]
async fn a_login_without_a_quota_project_is_told_to_name_one() {
    let (emulator, home) = (charged_to_googles_own().await, Home::new());
    let client = logged_in(&emulator, &home, None, Charge::AsCredentials);
    assert_eq!(client.known_caller().quota_project, None);
    for error in refused(&client, &["mint"]).await {
        let next = error.next().unwrap_or_default();
        assert_eq!((error.kind, error.reason()), (ErrorKind::Denied, Some("SERVICE_DISABLED")), "{error}");
        assert!(next.contains("Set a quota project") && next.contains("--quota-project"), "{next}");
    }
}

/// A client of a gcloud that is logged in with this token, and has no quota project set.
#[cfg(unix)]
fn gcloud(emulator: &Emulator, home: &Home, account: &str, token: &str) -> Client {
    let script = format!("test \"$*\" = 'auth print-access-token --quiet' && echo {token}");
    let path = home.stand_in("gcloud", &script).into_iter().find(|(name, _)| name == "PATH").unwrap().1;
    fs::create_dir(home.path("configurations")).unwrap();
    let properties = format!("[core]\naccount = {account}\n");
    fs::write(home.path("configurations").join("config_default"), properties).unwrap();
    let folder = home.path("");
    let vars = [("PATH", &path[..]), ("CLOUDSDK_CONFIG", folder.to_str().unwrap()), ("NO_GCE_CHECK", "true")];
    let client = found(&at(emulator, &vars), Charge::AsCredentials);
    let caller = client.known_caller();
    assert_eq!((caller.source.as_str(), caller.quota_project), ("gcloud login", None));
    client
}

#[cfg(unix)]
#[tokio::test]
async fn a_persons_gcloud_login_meets_no_refusal_without_a_quota_project() {
    let (emulator, home) = (emulator().await, Home::new());
    let cloud = "https://www.googleapis.com/auth/cloud-platform";
    let token = emulator.handle().mint("user:dev@example.com", &[cloud], 3_600).await.unwrap();
    refused(&gcloud(&emulator, &home, "dev@example.com", &token), &[]).await;
}

#[cfg(unix)]
#[tokio::test]
async fn an_accounts_gcloud_login_meets_the_refusals_of_its_roles_only() {
    let (emulator, home) = (emulator().await, Home::new());
    let minted = client(&emulator).mint(&access(DEPLOYER, &[])).await.unwrap();
    let client = gcloud(&emulator, &home, DEPLOYER, minted.secret.expose());
    for error in refused(&client, &["accounts", "account", "keys", "policy", "project", "mint"]).await {
        assert_eq!(
            (error.kind, error.reason()),
            (ErrorKind::Denied, Some("IAM_PERMISSION_DENIED")),
            "{error}"
        );
    }
}
