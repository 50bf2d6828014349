//! Tests of the analysis of policies: who has access to what.

use super::*;

const ANN: &str = "user:ann@example.com";
const BOT: &str = "serviceAccount:bot@shop.iam.gserviceaccount.com";
const IDENTITY: &str = "analysisQuery.identitySelector.identity";
const RESOURCE: &str = "analysisQuery.resourceSelector.fullResourceName";
const PERMISSION: &str = "analysisQuery.accessSelector.permissions";
const ROLE: &str = "analysisQuery.accessSelector.roles";
const SHOP: &str = "//cloudresourcemanager.googleapis.com/projects/shop";

fn option(name: &str) -> String {
    format!("analysisQuery.options.{name}")
}

/// Ann is in the group of a folder; the bot may read the project, and Ann may mint as the bot.
async fn api() -> TestClient {
    let bind = |role: &str, member: &str| json!({"role": role, "members": [member]});
    let soon = json!({"role": "roles/browser", "members": [ANN],
        "condition": {"title": "t", "expression": "request.time < timestamp('2100-01-01T00:00:00Z')"}});
    let world = json!({
        "organizations": [{"number": 1, "domain": "example.com", "policy": {"bindings": [
            bind("roles/owner", DEV), bind("roles/cloudasset.viewer", DEV)]}}],
        "folders": [{"number": 5, "name": "F", "parent": "organizations/1", "policy": {"bindings": [
            bind("roles/iam.serviceAccountViewer", "group:all@example.com")]}}],
        "users": [{"email": "dev@example.com"}, {"email": "ann@example.com"}],
        "groups": [{"email": "all@example.com", "members": ["group:some@example.com", DEV]},
            {"email": "some@example.com", "members": [ANN, DEV]},
            {"email": "closed@example.com", "members": [ANN]}],
        "projects": [{"id": "shop", "number": 2, "parent": "folders/5",
            "policy": {"bindings": [bind("roles/viewer", BOT), soon]},
            "accounts": [{"email": "bot", "uniqueId": "100000000000000000007",
                "policy": {"bindings": [bind("roles/iam.serviceAccountTokenCreator", ANN)]}}]}]
    });
    let mut api = TestClient::of(World::parse(&world.to_string()).unwrap()).await;
    api.project = "shop";
    api
}

impl TestClient {
    async fn analyze(&self, scope: &str, asked: &[(&str, &str)]) -> TestResponse {
        let url = format!("{}v1/{scope}:analyzeIamPolicy", self.emulator.base_url());
        let request = self.http.get(url).query(asked).bearer_auth(&self.token);
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        TestResponse { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
    }
}

/// The results by where the binding is and which role it has.
fn found(got: &TestResponse) -> Vec<(String, String)> {
    assert_eq!(got.status, 200, "{}", got.text);
    let results = got.json["mainAnalysis"]["analysisResults"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().rsplit(['/']).next().unwrap().to_owned();
    results.iter().map(|r| (text(&r["attachedResourceFullName"]), text(&r["iamBinding"]["role"]))).collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(at, role)| ((*at).to_owned(), (*role).to_owned())).collect()
}

#[tokio::test]
async fn analysis_finds_an_identity_in_nested_groups() {
    let api = api().await;
    let got = api.analyze("organizations/1", &[(IDENTITY, ANN), (&option("outputGroupEdges"), "True")]).await;
    let all = [
        ("5", "iam.serviceAccountViewer"),
        ("shop", "browser"),
        ("100000000000000000007", "iam.serviceAccountTokenCreator"),
    ];
    assert_eq!(found(&got), pairs(&all), "{}", got.text);
    let first = &got.json["mainAnalysis"]["analysisResults"][0];
    assert_eq!(first["identityList"]["identities"], json!([{"name": ANN}]));
    let edge = json!({"sourceNode": "group:some@example.com", "targetNode": ANN});
    assert!(first["identityList"]["groupEdges"].as_array().unwrap().contains(&edge), "{first}");
    assert_eq!(
        first["accessControlLists"][0]["accesses"],
        json!([{"role": "roles/iam.serviceAccountViewer"}])
    );
    assert_eq!(got.json["fullyExplored"], true);
    assert_eq!(got.json["mainAnalysis"]["analysisQuery"]["scope"], "organizations/1");
    let below = api.analyze("projects/shop", &[(IDENTITY, ANN)]).await;
    assert_eq!(found(&below), pairs(&all[1..]), "what is above the scope is not looked at");
}

#[tokio::test]
async fn analysis_tells_who_reaches_a_resource() {
    let api = api().await;
    let get = "resourcemanager.projects.get";
    let got = api.analyze("organizations/1", &[(RESOURCE, SHOP), (PERMISSION, get)]).await;
    let roles: Vec<String> = found(&got).into_iter().map(|(_, role)| role).collect();
    for role in ["owner", "iam.serviceAccountViewer", "viewer", "browser"] {
        assert!(roles.contains(&role.to_owned()), "{role}: {roles:?}");
    }
    let results = got.json["mainAnalysis"]["analysisResults"].as_array().unwrap();
    for result in results {
        assert_eq!(result["accessControlLists"][0]["resources"], json!([{"fullResourceName": SHOP}]));
        assert_eq!(result["accessControlLists"][0]["accesses"], json!([{"permission": get}]));
    }
    let expanded = [
        (RESOURCE, SHOP),
        (ROLE, CREATOR),
        (&option("expandResources"), "true"),
        (&option("expandGroups"), "true"),
    ];
    let inside = api.analyze("organizations/1", &expanded).await;
    assert_eq!(found(&inside), pairs(&[("100000000000000000007", "iam.serviceAccountTokenCreator")]));
}

#[tokio::test]
async fn condition_is_judged_at_the_time_of_access() {
    let api = api().await;
    let judged = async |time: Option<&str>| {
        let mut asked = vec![(ROLE, "roles/browser")];
        asked.extend(time.map(|time| ("analysisQuery.conditionContext.accessTime", time)));
        let got = api.analyze("projects/shop", &asked).await;
        let list = &got.json["mainAnalysis"]["analysisResults"][0]["accessControlLists"][0];
        list["conditionEvaluation"]["evaluationValue"].clone()
    };
    assert_eq!(judged(None).await, "CONDITIONAL");
    assert_eq!(judged(Some("2099-01-01T00:00:00Z")).await, "TRUE");
    assert_eq!(judged(Some("2101-01-01T00:00:00Z")).await, "FALSE");
}

#[tokio::test]
async fn impersonation_is_followed_one_step_both_ways() {
    let api = api().await;
    let flag = option("analyzeServiceAccountImpersonation");
    let got = api.analyze("projects/shop", &[(IDENTITY, ANN), (ROLE, "roles/viewer"), (&flag, "true")]).await;
    assert_eq!(found(&got), []);
    let derived = &got.json["serviceAccountImpersonationAnalysis"];
    assert_eq!(derived[0]["analysisQuery"]["identitySelector"]["identity"], BOT, "{}", got.text);
    assert_eq!(derived[0]["analysisResults"][0]["iamBinding"]["role"], "roles/viewer");
    let got =
        api.analyze("projects/shop", &[(RESOURCE, SHOP), (ROLE, "roles/viewer"), (&flag, "true")]).await;
    let derived = &got.json["serviceAccountImpersonationAnalysis"][0]["analysisResults"][0];
    assert_eq!(derived["identityList"]["identities"], json!([{"name": ANN}]), "{}", got.text);
}

#[tokio::test]
async fn group_that_is_closed_to_the_caller_leaves_the_answer_open() {
    let api = api().await;
    let change = |policy: &mut Policy| policy.bindings[0].members.push("group:closed@example.com".into());
    assert!(api.emulator.handle().set_policy_of("bot@shop.iam.gserviceaccount.com", change).await);
    let got = api.analyze("projects/shop", &[(ROLE, CREATOR), (&option("expandGroups"), "true")]).await;
    let analysis = &got.json["mainAnalysis"];
    assert!(got.json["fullyExplored"].is_null() && analysis["fullyExplored"].is_null(), "{}", got.text);
    assert_eq!(analysis["nonCriticalErrors"][0]["code"], "PERMISSION_DENIED");
}

#[tokio::test]
async fn closed_group_may_be_what_leads_to_an_identity() {
    let api = api().await;
    let change = |policy: &mut Policy| policy.bindings[0].members.push("group:closed@example.com".into());
    assert!(api.emulator.handle().set_policy_of("bot@shop.iam.gserviceaccount.com", change).await);
    let got = api.analyze("projects/shop", &[(ROLE, CREATOR), (IDENTITY, "user:bob@example.com")]).await;
    let result = &got.json["mainAnalysis"]["analysisResults"][0];
    let identities = result["identityList"]["identities"].as_array().unwrap();
    assert_eq!(
        (identities.len(), &identities[0]["name"]),
        (1, &json!("user:bob@example.com")),
        "{}",
        got.text
    );
    assert_eq!(identities[0]["analysisState"]["code"], "PERMISSION_DENIED");
    assert!(result.get("fullyExplored").is_none() && got.json.get("fullyExplored").is_none());
    let sure = api.analyze("projects/shop", &[(ROLE, CREATOR), (IDENTITY, ANN)]).await;
    let result = &sure.json["mainAnalysis"]["analysisResults"][0];
    assert_eq!(result["identityList"]["identities"], json!([{"name": ANN}]), "she is in the binding anyway");
    assert_eq!((&result["fullyExplored"], &sure.json["fullyExplored"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn role_that_is_closed_to_the_caller_leaves_the_answer_open() {
    let bind = |role: &str, member: &str| json!({"role": role, "members": [member]});
    let world = json!({
        "organizations": [{"number": 1, "domain": "example.com", "policy": {"bindings": [
            bind("roles/cloudasset.viewer", DEV)]}}],
        "projects": [{"id": "shop", "number": 2, "parent": "organizations/1",
            "roles": [{"id": "odd", "permissions": ["iam.serviceAccounts.signJwt"]}],
            "policy": {"bindings": [bind("projects/shop/roles/odd", ANN), bind("roles/viewer", ANN)]}}]
    });
    let api = TestClient::of(World::parse(&world.to_string()).unwrap()).await;
    let got = api.analyze("organizations/1", &[(PERMISSION, "iam.serviceAccounts.signBlob")]).await;
    assert_eq!(found(&got), pairs(&[("shop", "odd")]), "it may give that");
    let access = &got.json["mainAnalysis"]["analysisResults"][0]["accessControlLists"][0]["accesses"][0];
    assert_eq!(access["role"], "projects/shop/roles/odd");
    assert_eq!(access["analysisState"]["code"], "PERMISSION_DENIED");
    assert_eq!(got.json["mainAnalysis"]["nonCriticalErrors"].as_array().unwrap().len(), 1);
    let by_role = api.analyze("organizations/1", &[(ROLE, "projects/shop/roles/odd")]).await;
    assert_eq!(
        (found(&by_role).len(), &by_role.json["fullyExplored"]),
        (1, &json!(true)),
        "{}",
        by_role.text
    );
}

#[tokio::test]
async fn expansion_ends_after_a_thousand_and_says_so() {
    let bind = |role: &str, member: &str| json!({"role": role, "members": [member]});
    let accounts: Vec<Value> = (0..1_005).map(|i| json!({"email": format!("bot-{i}")})).collect();
    let people: Vec<String> =
        (0..1_003).map(|i| format!("user:p{i}@example.com")).chain([DEV.into()]).collect();
    let members = |got: &TestResponse| {
        got.json["mainAnalysis"]["analysisResults"][0]["identityList"]["identities"].as_array().unwrap().len()
    };
    let world = json!({
        "organizations": [{"number": 1, "domain": "example.com", "policy": {"bindings": [
            bind("roles/cloudasset.viewer", DEV)]}}],
        "groups": [{"email": "all@example.com", "members": people}],
        "projects": [{"id": "shop", "number": 2, "parent": "organizations/1", "accountQuota": 5000,
            "accounts": accounts, "policy": {"bindings": [bind("roles/viewer", "group:all@example.com")]}}]
    });
    let api = TestClient::of(World::parse(&world.to_string()).unwrap()).await;
    let (groups, below) = (option("expandGroups"), option("expandResources"));
    for expanded in [[(ROLE, "roles/viewer"), (&groups, "true")], [(ROLE, "roles/viewer"), (&below, "true")]]
    {
        let got = api.analyze("projects/shop", &expanded).await;
        let result = &got.json["mainAnalysis"]["analysisResults"][0];
        let resources = result["accessControlLists"][0]["resources"].as_array().unwrap().len();
        assert_eq!(members(&got).max(resources), if expanded[1].0 == groups { 1_001 } else { 1_000 });
        assert!(got.json.get("fullyExplored").is_none());
        assert_eq!(got.json["mainAnalysis"]["nonCriticalErrors"][0]["code"], "RESOURCE_EXHAUSTED");
    }
}

#[tokio::test]
async fn question_that_cannot_be_asked_is_refused() {
    let api = api().await;
    let many: Vec<(&str, &str)> = vec![(PERMISSION, "iam.serviceAccounts.get"); 11];
    let (roles, groups, below) = (option("expandRoles"), option("expandGroups"), option("expandResources"));
    let folder = "//cloudresourcemanager.googleapis.com/folders/5";
    for (asked, field) in [
        (many.as_slice(), "access_selector"),
        (&[], "analysis_query"),
        (&[(RESOURCE, "//cloudresourcemanager.googleapis.com/projects/gone")], "resource_selector"),
        (&[(IDENTITY, ANN), (&groups, "true")], "options.expand_groups"),
        (&[(ROLE, CREATOR), (&roles, "true")], "options.expand_roles"),
        (&[(RESOURCE, folder), (&below, "true")], "options.expand_resources"),
        (
            &[(IDENTITY, ANN), ("analysisQuery.conditionContext.accessTime", "2001-01-01T00:00:00Z")],
            "condition_context.access_time",
        ),
    ] {
        let refused = api.analyze("organizations/1", asked).await;
        assert_eq!(refused.message(), "Some specified value(s) are invalid.", "{asked:?}: {}", refused.text);
        assert_eq!(refused.json["error"]["details"][0]["fieldViolations"][0]["field"], field);
    }
    assert_eq!(api.analyze("organizations/1", &[("savedAnalysisQuery", "x")]).await.status, 501);
    assert_eq!(api.analyze("organizations/9", &[(IDENTITY, ANN)]).await.reason(), "IAM_PERMISSION_DENIED");
}

#[tokio::test]
async fn organization_analyzes_twenty_times_a_day() {
    let mut api = api().await;
    for _ in 0..20 {
        assert_eq!(api.analyze("projects/shop", &[(IDENTITY, ANN)]).await.status, 200);
    }
    let refused = api.analyze("organizations/1", &[(IDENTITY, ANN)]).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json["error"]["status"]),
        (429, &json!("RESOURCE_EXHAUSTED"))
    );
    api.emulator.handle().advance_clock(86_400);
    api.token = api.emulator.handle().mint(DEV, &[CLOUD], 3600).await.unwrap();
    assert_eq!(api.analyze("projects/shop", &[(IDENTITY, ANN)]).await.status, 200);
}
