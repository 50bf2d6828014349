//! Tests of the filters of Resource Manager.

use super::*;

const WORLD: &str = r#"{
    "organizations": [{"number": 9, "domain": "example.com",
        "policy": {"bindings": [{"role": "roles/owner", "members": ["user:dev@example.com"]},
            {"role": "roles/resourcemanager.organizationViewer", "members": ["user:dev@example.com"]},
            {"role": "roles/browser", "members": ["user:dev@example.com"]}]}}],
    "folders": [{"number": 20, "name": "Data Platform", "parent": "organizations/9"},
        {"number": 21, "name": "Platform", "parent": "folders/20"}],
    "projects": [
        {"id": "app-one", "number": 1, "name": "First App", "parent": "folders/20", "labels": {"env": "prod", "color": "red"}},
        {"id": "app-two", "number": 2, "name": "Second App", "parent": "folders/21", "labels": {"env": "test", "size": "big"}},
        {"id": "example.com:three", "number": 3, "name": "Third (old)", "parent": "organizations/9"}],
    "users": [{"email": "dev@example.com"}]}"#;

async fn api(change: Value) -> TestClient {
    let mut world: Value = serde_json::from_str(WORLD).unwrap();
    world.as_object_mut().unwrap().append(&mut change.as_object().unwrap().clone());
    let mut api = TestClient::of(World::parse(&world.to_string()).unwrap()).await;
    api.project = "app-one";
    api
}

impl TestClient {
    /// The ids or names that an address finds, with its query percent-encoded; the status if it refuses.
    async fn found(&self, path: &str, query: &str) -> Result<Vec<String>, u16> {
        let query = percent_encoding::utf8_percent_encode(query, percent_encoding::NON_ALPHANUMERIC);
        let got = self.get(&format!("{path}{query}")).await;
        if got.status != 200 {
            return Err(got.status.as_u16());
        }
        let all =
            got.json.as_object().unwrap().values().find_map(Value::as_array).cloned().unwrap_or_default();
        let name = |one: &Value| one["projectId"].as_str().or(one["name"].as_str()).unwrap().to_owned();
        let mut names: Vec<String> = all.iter().map(name).collect();
        names.sort();
        Ok(names)
    }
}

#[tokio::test]
async fn projects_are_found_by_the_same_expressions_in_both_versions() {
    let api = api(json!({})).await;
    let (one, two, three) = ("app-one", "app-two", "example.com:three");
    let cases: &[(&str, &[&str])] = &[
        ("", &[one, two, three]),
        ("id:app-*", &[one, two]),
        ("projectId=APP-ONE", &[one]),
        ("id:example.com:three", &[three]),
        ("projectNumber:2", &[two]),
        ("name:\"first app\"", &[one]),
        ("name = \"Third (old)\"", &[three]),
        ("parent.type:folder parent.id:20", &[one]),
        ("parent.id=20", &[one]),
        ("parent.type=organization AND parent.id=9", &[three]),
        ("(parent.id:20 OR parent.id:21) AND NOT labels.env:prod", &[two]),
        ("labels.color:* ", &[one]),
        ("labels:big", &[two]),
        ("labels.color:red labels.size:big", &[one, two]),
        ("labels.color:red AND labels.size:big", &[]),
        ("lifecycleState:ACTIVE AND -id:app-*", &[three]),
        ("lifecycleState:DELETE_REQUESTED", &[]),
    ];
    for path in ["v1/projects?filter=", "v3/projects:search?query="] {
        for (query, wanted) in cases {
            assert_eq!(api.found(path, query).await.unwrap(), *wanted, "{path}{query}");
        }
        for query in ["app", "id:", "(id:app-one", "id:app-one)", "name:\"first", "id:a AND"] {
            assert_eq!(api.found(path, query).await, Err(400), "{path}{query}");
        }
    }
}

#[tokio::test]
async fn folders_and_organizations_are_found_by_expressions_too() {
    let api = api(json!({})).await;
    let folders = "v3/folders:search?query=";
    for (query, wanted) in [
        ("displayName=\"data platform\"", &["folders/20"][..]),
        ("displayName=\"Platform Data\"", &["folders/20"]),
        ("displayName:plat*", &["folders/21"]),
        ("parent=folders/20 AND state=ACTIVE", &["folders/21"]),
        ("parent=folders/20 state=DELETE_REQUESTED", &[]),
        ("NOT (displayName:platform OR parent:organizations/9)", &[]),
    ] {
        assert_eq!(api.found(folders, query).await.unwrap(), wanted, "{query}");
    }
    let organizations = "v3/organizations:search?query=";
    for (query, count) in
        [("domain:example.com", 1), ("directoryCustomerId:c0EMULATOR", 1), ("NOT domain:example.com", 0)]
    {
        assert_eq!(api.found(organizations, query).await.unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn terms_side_by_side_mean_what_the_world_says() {
    let api = api(json!({"behaviour": {"sideBySide": "all"}})).await;
    for path in ["v1/projects?filter=", "v3/projects:search?query="] {
        assert_eq!(api.found(path, "labels.color:red labels.size:big").await, Ok(Vec::new()), "{path}");
        assert_eq!(api.found(path, "labels.color:red id:app-*").await.unwrap(), ["app-one"], "{path}");
    }
}
