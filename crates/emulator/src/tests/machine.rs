//! Tests of what a machine tells of itself beyond its name, of waiting for that to change, and of the issuers' documents.

use super::*;

const INSTANCE: &str = "computeMetadata/v1/instance";

impl TestClient {
    async fn told(&self, path: &str) -> (u16, String, String) {
        let url = format!("{}{path}", self.emulator.base_url());
        let got = self.http.get(url).header("metadata-flavor", "Google").send().await.unwrap();
        let etag = got.headers()["etag"].to_str().unwrap().to_owned();
        (got.status().as_u16(), got.text().await.unwrap(), etag)
    }
}

#[tokio::test]
async fn a_virtual_machine_tells_its_parts_as_text_and_as_json() {
    let mut world = World::demo();
    world.metadata.as_mut().unwrap().instance.tags = vec!["web".into(), "prod".into()];
    let api = TestClient::of(world).await;
    for (path, text) in [
        ("machine-type", "projects/415104041262/machineTypes/e2-medium"),
        ("cpu-platform", "Intel Broadwell"),
        ("maintenance-event", "NONE"),
        ("preempted", "FALSE"),
        ("tags", "[\"web\",\"prod\"]"),
        ("tags?alt=text", "web\nprod\n"),
        ("tags?alt=json", "[\"web\",\"prod\"]"),
        ("network-interfaces/", "0/\n"),
        ("network-interfaces/0/ip", "10.132.0.2"),
        ("network-interfaces/0/mac", "42:01:0a:84:00:02"),
        ("network-interfaces/0/access-configs/0/external-ip", ""),
        ("network-interfaces/0/network", "projects/415104041262/networks/default"),
        ("disks/0/device-name", "boot"),
        ("licenses/0/id", "5926592092274602096"),
        ("scheduling/on-host-maintenance", "MIGRATE"),
    ] {
        let (status, told, _) = api.told(&format!("{INSTANCE}/{path}")).await;
        assert_eq!((status, told.as_str()), (200, text), "{path}");
    }
    let (_, image, _) = api.told(&format!("{INSTANCE}/image")).await;
    assert!(image.starts_with("projects/debian-cloud/global/images/"), "{image}");
    let (_, all, _) = api.told(&format!("{INSTANCE}/?recursive=true")).await;
    let all: Value = serde_json::from_str(&all).unwrap();
    assert_eq!(all["networkInterfaces"][0]["accessConfigs"][0]["type"], "ONE_TO_ONE_NAT");
    assert_eq!(all["disks"][0]["index"], 0);
    assert_eq!(all["tags"], json!(["web", "prod"]));
    assert_eq!(all["licenses"], json!([{"id": "5926592092274602096"}]));
    assert_eq!(api.told(&format!("{INSTANCE}/region")).await.0, 404, "a zone is all that it has");
}

#[tokio::test]
async fn cloud_run_tells_its_region_and_has_no_parts() {
    let mut world = World::demo();
    world.metadata.as_mut().unwrap().platform = Platform::Serverless;
    let api = TestClient::of(world).await;
    let (_, region, _) = api.told(&format!("{INSTANCE}/region")).await;
    assert_eq!(region, "projects/415104041262/regions/europe-west1");
    assert_eq!(api.told(&format!("{INSTANCE}/machine-type")).await.0, 404);
}

#[tokio::test]
async fn who_waits_for_a_change_is_answered_when_there_is_one() {
    let api = TestClient::demo().await;
    api.emulator.open_control();
    let event = format!("{INSTANCE}/maintenance-event");
    let (_, now, etag) = api.told(&event).await;
    // What was seen is another already: there is nothing to wait for.
    let (_, told, _) = api.told(&format!("{event}?wait_for_change=true&last_etag=0000000000000000")).await;
    assert_eq!(told, now);
    // The time is up at once.
    let (_, told, _) = api.told(&format!("{event}?wait_for_change=true&timeout_sec=0")).await;
    assert_eq!(told, now);
    let waiting = format!("{event}?wait_for_change=true&last_etag={etag}");
    let change = async {
        // A change of something else wakes nobody up.
        for change in [json!({"preempted": true}), json!({"maintenanceEvent": "MIGRATE_ON_HOST_MAINTENANCE"})]
        {
            assert_eq!(api.post("_emulator/machine", change).await.status, 200);
        }
    };
    let ((_, told, after), ()) = tokio::join!(api.told(&waiting), change);
    assert_eq!(told, "MIGRATE_ON_HOST_MAINTENANCE");
    assert_ne!(after, etag);
    assert_eq!(api.told(&format!("{INSTANCE}/preempted")).await.1, "TRUE");
    let nowhere = TestClient::of(World { metadata: None, ..World::demo() }).await;
    nowhere.emulator.open_control();
    assert_eq!(nowhere.post("_emulator/machine", json!({"preempted": true})).await.status, 400);
    assert_eq!(nowhere.post("_emulator/machine", json!({"presumed": true})).await.status, 400);
}

#[tokio::test]
async fn google_s_issuer_and_those_of_the_pools_say_where_their_keys_are() {
    let api = TestClient::demo().await;
    let base = api.emulator.base_url();
    let google = api.get(".well-known/openid-configuration").await.json;
    assert_eq!(google["issuer"], "https://accounts.google.com");
    let path = |url: &Value| url.as_str().unwrap().strip_prefix(&base).unwrap().to_owned();
    assert_eq!(api.get(&path(&google["jwks_uri"])).await.json["keys"][0]["alg"], "RS256");
    for name in ["token_endpoint", "userinfo_endpoint", "revocation_endpoint"] {
        let got = api.post(&path(&google[name]), json!({})).await;
        assert!(!got.text.contains("Error 404") || name == "userinfo_endpoint", "{name}: {}", got.text);
    }
    let provider = "external/acme-ci/ci-pool/github";
    let issuer = api.get(&format!("{provider}/.well-known/openid-configuration")).await.json;
    let keys = api.get(&path(&issuer["jwks_uri"])).await.json;
    let source = api.http.get(format!("{base}{provider}/identities/0"));
    let (name, value) = crate::subject::HEADER;
    let given: Value = source.header(name, value).send().await.unwrap().json().await.unwrap();
    let token = given["access_token"].as_str().unwrap();
    assert_eq!(jsonwebtoken::decode_header(token).unwrap().kid.as_deref(), keys["keys"][0]["kid"].as_str());
    assert_eq!(crate::keys::Jwt::parse(token).unwrap().text("iss"), issuer["issuer"].as_str());
    assert_eq!(api.get("external/acme-ci/ci-pool/nobody/jwks").await.status, 404);
}
