//! Tests of when accounts and keys are said to have authenticated.

use jiff::Timestamp;

use super::names::CI;
use super::*;

const DAY: i64 = 86_400;

async fn api() -> TestClient {
    let mut world = World::demo();
    let of =
        |world: &mut World, id: &str| world.projects.iter().position(|project| project.id == id).unwrap();
    let prod = of(&mut world, "acme-prod");
    let deployer = &mut world.projects[prod].accounts[0];
    assert!(deployer.email.starts_with("deployer@") && !deployer.keys.is_empty());
    let stated = clock::Clock::default().now() - 10 * DAY;
    let time = Timestamp::from_second(stated - stated.rem_euclid(DAY) + 12 * 3_600).unwrap().to_string();
    deployer.last_authenticated = Some(time.clone());
    deployer.keys[0].last_authenticated = Some(time);
    TestClient::of(world).await
}

impl TestClient {
    /// What is told of a type of activity in a project to its owner.
    async fn activity(&mut self, project: &str, kind: &str, filter: &str) -> Value {
        self.token = self.emulator.handle().mint("user:owner@example.com", &[CLOUD], 3600).await.unwrap();
        let path = format!("v1/projects/{project}/locations/global/activityTypes/{kind}/activities:query");
        let filter = if filter.is_empty() { String::new() } else { format!("?filter={filter}") };
        let got = self.get(&format!("{path}{filter}")).await;
        assert_eq!(got.status, 200, "{}", got.text);
        got.json["activities"].clone()
    }
}

#[tokio::test]
async fn activity_is_told_by_days_that_are_over() {
    let mut api = api().await;
    let name =
        "//iam.googleapis.com/projects/acme-prod/serviceAccounts/deployer@acme-prod.iam.gserviceaccount.com";
    let filter = format!("activities.fullResourceName%3D%22{name}%22");
    let told = api.activity("acme-prod", "serviceAccountLastAuthentication", &filter).await;
    assert_eq!(told.as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told[0]["fullResourceName"], name);
    let about = json!({"projectNumber": "415104041262", "serviceAccountId": "109300000000000004411", "fullResourceName": name});
    assert_eq!(told[0]["activity"]["serviceAccount"], about);
    let last = told[0]["activity"]["lastAuthenticatedTime"].as_str().unwrap().to_owned();
    assert!(last.ends_with("T07:00:00Z"), "{last}");
    assert!(told[0]["observationPeriod"]["endTime"].as_str().unwrap().ends_with("T07:00:00Z"));
    // A mint counts once its day has ended.
    api.token = api.emulator.handle().mint(DEV, &[CLOUD], 3600).await.unwrap();
    let minted = api.post(&format!("{DEPLOYER}:generateAccessToken"), json!({"scope": [CLOUD]})).await;
    assert_eq!(minted.status, 200);
    let told = api.activity("acme-prod", "serviceAccountLastAuthentication", &filter).await;
    assert_eq!(told[0]["activity"]["lastAuthenticatedTime"], last.as_str());
    api.emulator.handle().advance_clock(DAY);
    let told = api.activity("acme-prod", "serviceAccountLastAuthentication", &filter).await;
    assert!(told[0]["activity"]["lastAuthenticatedTime"].as_str().unwrap() > last.as_str(), "{told}");
}

#[tokio::test]
async fn key_that_logs_in_authenticates_with_its_account() {
    let mut api = api().await;
    let never = api.activity("acme-ci", "serviceAccountKeyLastAuthentication", "").await;
    let of_ci = |told: &Value| {
        let all = told.as_array().unwrap().clone();
        all.into_iter().find(|one| one["fullResourceName"].as_str().unwrap().contains(CI)).unwrap()
    };
    assert!(of_ci(&never)["activity"]["lastAuthenticatedTime"].is_null(), "{never}");
    let number = api.emulator.callers().iter().position(|caller| caller.principal.ends_with(CI)).unwrap();
    let file = api.file(number);
    assert!(api.log_in(&file).await.json["access_token"].is_string());
    api.emulator.handle().advance_clock(DAY);
    let told = of_ci(&api.activity("acme-ci", "serviceAccountKeyLastAuthentication", "").await);
    let name = told["fullResourceName"].as_str().unwrap();
    assert!(name.ends_with(&format!("/keys/{}", file["private_key_id"].as_str().unwrap())), "{name}");
    assert!(told["activity"]["lastAuthenticatedTime"].is_string(), "{told}");
    assert_eq!(told["activity"]["serviceAccountKey"]["fullResourceName"], name);
    let account = of_ci(&api.activity("acme-ci", "serviceAccountLastAuthentication", "").await);
    assert!(account["activity"]["lastAuthenticatedTime"].is_string(), "{account}");
}

#[tokio::test]
async fn activity_is_not_told_to_strangers_or_of_other_things() {
    let mut api = api().await;
    let path = |rest: &str| format!("v1/projects/acme-prod/locations/{rest}/activities:query");
    api.token = api.emulator.handle().mint("user:owner@example.com", &[CLOUD], 3600).await.unwrap();
    for wrong in [
        path("global/activityTypes/nothing"),
        path("europe-west1/activityTypes/serviceAccountLastAuthentication"),
        path("global/activityTypes/serviceAccountLastAuthentication") + "?filter=name%3Dx",
    ] {
        assert_eq!(api.get(&wrong).await.status, 400, "{wrong}");
    }
    let bearer = api.emulator.handle().mint("user:nobody@example.net", &[CLOUD], 3600).await.unwrap();
    let path = path("global/activityTypes/serviceAccountKeyLastAuthentication");
    let (status, body) = api.emulator.handle().ask("GET", &format!("/{path}"), &bearer, None).await;
    let refused: Value = serde_json::from_slice(&body).unwrap();
    let named = &refused["error"]["details"][0]["metadata"]["permission"];
    let permission = "policyanalyzer.serviceAccountKeyLastAuthenticationActivities.query";
    assert_eq!((status, named), (403, &json!(permission)), "{refused}");
}
