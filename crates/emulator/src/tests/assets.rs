//! Tests of Cloud Asset's searches.

use super::*;
use crate::policy::Binding;

const ORGANIZATION: &str = "v1/organizations/123456789012";

/// The owner, who may search everywhere.
async fn api() -> TestClient {
    let api = TestClient::demo().await;
    let token = api.emulator.handle().mint("user:owner@example.com", &[CLOUD], 3600).await.unwrap();
    TestClient { token, ..api }
}

fn names(got: &TestResponse, field: &str) -> Vec<String> {
    let results = got.json["results"].as_array().into_iter().flatten();
    results.map(|result| result[field].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn policies_are_found_by_member_with_the_bindings_that_match_alone() {
    let api = api().await;
    let query = "query=policy:contractor@example.net&assetTypes=iam.googleapis.com/ServiceAccount";
    let found = api.get(&format!("{ORGANIZATION}:searchAllIamPolicies?{query}")).await;
    let result = &found.json["results"][0];
    assert_eq!(found.json["results"].as_array().unwrap().len(), 1);
    assert_eq!(result["assetType"], "iam.googleapis.com/ServiceAccount");
    assert_eq!(
        result["resource"],
        "//iam.googleapis.com/projects/acme-prod/serviceAccounts/109300000000000004411"
    );
    assert_eq!(result["project"], "projects/415104041262");
    assert_eq!(result["folders"][0], "folders/310000000003");
    assert_eq!(result["organization"], "organizations/123456789012");
    let bindings = result["policy"]["bindings"].as_array().unwrap();
    assert_eq!((bindings.len(), &bindings[0]["members"]), (1, &json!(["user:contractor@example.net"])));
    assert!(bindings[0]["condition"]["expression"].is_string() && result.get("explanation").is_none());
}

#[tokio::test]
async fn policies_are_found_by_what_their_roles_give_and_that_is_explained() {
    let api = api().await;
    let query = "query=policy.role.permissions:iam.serviceAccounts.getOpenIdToken%20policy:dev@example.com";
    let found = api.get(&format!("v1/projects/acme-prod:searchAllIamPolicies?{query}&pageSize=500")).await;
    assert!(!found.json["results"].as_array().unwrap().is_empty());
    for result in found.json["results"].as_array().unwrap() {
        for binding in result["policy"]["bindings"].as_array().unwrap() {
            let role = binding["role"].as_str().unwrap();
            let matched = &result["explanation"]["matchedPermissions"][role]["permissions"];
            assert_eq!(matched, &json!(["iam.serviceAccounts.getOpenIdToken"]), "{role}");
            assert!(binding["members"].as_array().unwrap().contains(&json!(DEV)));
        }
    }
}

#[tokio::test]
async fn resources_are_found_by_type_and_words_sorted_and_masked() {
    let api = api().await;
    let accounts = format!("{ORGANIZATION}:searchAllResources?assetTypes=iam.googleapis.com/ServiceAccount");
    let canary = api.get(&format!("{accounts}&query=displayName:canary")).await.json["results"][0].clone();
    assert_eq!(
        (&canary["state"], &canary["parentAssetType"]),
        (&json!("DISABLED"), &json!("cloudresourcemanager.googleapis.com/Project"))
    );
    assert_eq!(canary["additionalAttributes"]["email"], "deploy-canary@acme-prod.iam.gserviceaccount.com");
    let masked = api
        .get(&format!("{accounts}&query=displayName:relay*&orderBy=displayName%20DESC&readMask=displayName"))
        .await;
    assert_eq!(masked.json["results"], json!([{"displayName": "Relay B"}, {"displayName": "Relay A"}]));
    let projects = api
        .get(&format!("{ORGANIZATION}:searchAllResources?assetTypes=.*Project&query=labels.env:prod"))
        .await;
    assert_eq!(names(&projects, "name"), ["//cloudresourcemanager.googleapis.com/projects/acme-prod"]);
    let keys =
        api.get(&format!("{ORGANIZATION}:searchAllResources?assetTypes=.*Key&query=state=DISABLED")).await;
    assert_eq!(keys.json["results"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn results_come_in_pages() {
    let api = api().await;
    let url =
        format!("{ORGANIZATION}:searchAllResources?assetTypes=iam.googleapis.com/ServiceAccount&pageSize=50");
    let first = api.get(&url).await;
    let next = first.json["nextPageToken"].as_str().unwrap();
    let rest = api.get(&format!("{url}&pageToken={next}")).await;
    let all: std::collections::HashSet<String> =
        names(&first, "name").into_iter().chain(names(&rest, "name")).collect();
    assert!(first.json["results"].as_array().unwrap().len() == 50 && all.len() > 60);
}

#[tokio::test]
async fn a_search_is_refused_without_the_permission_or_with_what_there_is_not() {
    let api = api().await;
    for wrong in [
        "searchAllIamPolicies?query=policy:(a%20OR%20b",
        "searchAllIamPolicies?query=assetType:Project",
        "searchAllIamPolicies?query=policy=user:dev@example.com",
        "searchAllIamPolicies?assetTypes=compute.googleapis.com/Disc",
        "searchAllIamPolicies?orderBy=policy",
        "searchAllIamPolicies?pageToken=CAI",
        "searchAllResources?query=displayNme:x",
        "searchAllResources?readMask=email",
        "searchAllResources?orderBy=labels",
        "searchAllResources?filter=x",
    ] {
        assert_eq!(api.get(&format!("{ORGANIZATION}:{wrong}")).await.status, 400, "{wrong}");
    }
    let none = api.get(&format!("{ORGANIZATION}:searchAllResources?assetTypes=storage.*")).await;
    assert_eq!((none.status.as_u16(), none.json), (200, json!({})), "a type that the world has none of");
    let dev = TestClient { token: api.emulator.handle().mint(DEV, &[CLOUD], 3600).await.unwrap(), ..api };
    for scope in [ORGANIZATION, "v1/folders/1"] {
        let denied = dev.get(&format!("{scope}:searchAllIamPolicies")).await;
        assert_eq!((denied.status.as_u16(), denied.reason()), (403, "IAM_PERMISSION_DENIED"));
        let resource = format!("//cloudresourcemanager.googleapis.com/{}", &scope[3..]);
        let permission = "cloudasset.assets.searchAllIamPolicies";
        let message =
            format!("Permission '{permission}' denied on resource '{resource}' (or it may not exist).");
        assert_eq!(denied.message(), message);
    }
}

/// Where bindings were found, by the last part of the resource's name and the roles.
fn bindings(got: &TestResponse) -> Vec<(String, String)> {
    assert_eq!(got.status, 200, "{}", got.text);
    let last = |value: &Value| value.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let results = got.json["results"].as_array().into_iter().flatten();
    let of_result = |result: &Value| -> Vec<(String, String)> {
        let roles = result["policy"]["bindings"].as_array().unwrap().iter();
        roles.map(|binding| (last(&result["resource"]), last(&binding["role"]))).collect()
    };
    results.flat_map(of_result).collect()
}

const KEY: &str = "cafecafecafecafecafecafecafecafecafecafe";

/// Folders in each other, a group, a pool and a custom role that only its project's readers can read.
async fn company() -> TestClient {
    let bind = |role: &str, members: &[&str]| json!({"role": role, "members": members});
    let until = json!({"role": "roles/iam.serviceAccountUser", "members": ["group:night-shift@corp.example"],
        "condition": {"title": "night watch", "expression": "request.time < timestamp('2031-01-01T00:00:00Z')"}});
    let pool = "principalSet://iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/ci/*";
    let world = json!({
        "organizations": [{"number": 1, "domain": "corp.example", "policy": {"bindings": [
            bind("roles/cloudasset.viewer", &[DEV, "user:zoe@corp.example"]), bind("roles/owner", &[DEV])]}}],
        "folders": [{"number": 50, "name": "Shops", "parent": "organizations/1"},
            {"number": 51, "name": "Kiosks", "parent": "folders/50", "policy": {"bindings": [
                bind("roles/iam.serviceAccountViewer", &["domain:corp.example"])]}}],
        "users": [{"email": "dev@example.com"}, {"email": "zoe@corp.example"}],
        "projects": [
            {"id": "kiosk-eu", "number": 7, "parent": "folders/51", "labels": {"env": "prod"},
             "roles": [{"id": "tokens", "permissions": ["iam.serviceAccounts.getAccessToken"]}],
             "policy": {"bindings": [bind("projects/kiosk-eu/roles/tokens", &["user:zoe@corp.example"]), until]},
             "accounts": [{"email": "till", "uniqueId": "100000000000000000070", "displayName": "Till",
                "keys": [{"id": KEY, "created": "2026-02-03T04:05:06Z"}],
                "policy": {"bindings": [bind("roles/iam.workloadIdentityUser", &[pool])]}}]},
            {"id": "web", "number": 8, "parent": "folders/50", "policy": {"bindings": [
                bind("roles/iam.serviceAccountTokenCreator", &["allUsers", "user:zoe@corp.example.net"])]}}],
    });
    let mut api = TestClient::of(World::parse(&world.to_string()).unwrap()).await;
    api.project = "web";
    api
}

impl TestClient {
    async fn search(&self, scope: &str, query: &str) -> TestResponse {
        let url = format!("{}v1/{scope}:searchAllIamPolicies", self.emulator.base_url());
        let request = self.http.get(url).query(&[("query", query)]).bearer_auth(&self.token);
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        TestResponse { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
    }
}

#[tokio::test]
async fn bindings_are_found_by_every_field_and_what_joins_them() {
    let api = company().await;
    let (viewer, owner) = (("1", "cloudasset.viewer"), ("1", "owner"));
    let (reviewer, tokens) = (("51", "iam.serviceAccountViewer"), ("kiosk-eu", "tokens"));
    let night = ("kiosk-eu", "iam.serviceAccountUser");
    let (web, till) =
        (("web", "iam.serviceAccountTokenCreator"), ("100000000000000000070", "iam.workloadIdentityUser"));
    for (query, expected) in [
        ("policy:zoe@corp.example", &[viewer, tokens, web][..]),
        ("policy:zoe@corp.example -policy:net", &[viewer, tokens]),
        ("policy:\"night watch\"", &[night]),
        ("policy:(shift OR reviewer) ", &[night]),
        ("policy:serviceAccountView*", &[reviewer]),
        ("memberTypes:(group OR domain)", &[reviewer, night]),
        ("memberTypes=allUsers", &[web]),
        ("memberTypes:principalSet", &[till]),
        ("roles=roles/owner", &[owner]),
        ("roles=owner", &[]),
        ("roles:projects/kiosk-eu", &[tokens]),
        ("resource=//cloudresourcemanager.googleapis.com/projects/web", &[web]),
        ("resource:organizations/1 memberTypes:user", &[viewer, owner]),
        ("folders:51", &[reviewer, tokens, night, till]),
        ("folders=folders/50 NOT folders:51", &[web]),
        ("organization:1 project:8", &[web]),
        ("50 -7", &[reviewer, web]),
        ("NOT (folders:50 OR policy:owner)", &[viewer]),
        ("policy.role.permissions:iam.serviceAccounts.getAccessToken", &[tokens, web, till]),
        ("policy.role.permissions=iam.serviceAccounts.signBlob", &[web]),
        ("policy.role.permissions:signB* memberTypes:user", &[web]),
        ("getAccessToken", &[]),
    ] {
        let mut found = bindings(&api.search("organizations/1", query).await);
        let mut expected: Vec<_> =
            expected.iter().map(|(on, role)| ((*on).to_owned(), (*role).to_owned())).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{query}");
    }
    let inside = bindings(&api.search("folders/51", "").await);
    assert_eq!(inside.len(), 4, "{inside:?}");
    assert_eq!(bindings(&api.search("projects/7", "").await).len(), 3);
}

#[tokio::test]
async fn bindings_whose_role_is_closed_to_the_caller_are_left_out_where_permissions_are_asked_for() {
    let api = company().await;
    let query = "policy.role.permissions:getAccessToken OR policy.role.permissions:setIamPolicy";
    let mine = api.search("projects/kiosk-eu", query).await;
    let role = "projects/kiosk-eu/roles/tokens";
    let explained = &mine.json["results"][0]["explanation"]["matchedPermissions"];
    assert_eq!(
        explained[role]["permissions"],
        json!(["iam.serviceAccounts.getAccessToken"]),
        "{}",
        mine.text
    );
    assert!(explained.get("roles/iam.serviceAccountUser").is_none());
    let zoe = api.emulator.handle().mint("user:zoe@corp.example", &[CLOUD], 3600).await.unwrap();
    let api = TestClient { token: zoe, ..api };
    let at = |found: Vec<(String, String)>| found.into_iter().map(|(on, _)| on).collect::<Vec<_>>();
    let asked = at(bindings(&api.search("folders/51", &format!("{query} OR policy:zoe")).await));
    assert_eq!(asked, ["100000000000000000070"]);
    assert_eq!(at(bindings(&api.search("folders/51", "policy:zoe").await)), ["kiosk-eu"]);
}

#[tokio::test]
async fn search_wants_a_quota_project_where_the_client_s_own_has_the_api_off() {
    let number = crate::files::CLIENT_ID.split('-').next().unwrap().parse().unwrap();
    let mut world = World::demo();
    let off = vec!["cloudasset.googleapis.com".into()];
    world.client_projects.push(ClientProject { number, disabled_services: off.clone() });
    world.projects[0].disabled_services.extend(off);
    let api = TestClient::of(world).await;
    let token = api.emulator.handle().mint("user:owner@example.com", &[CLOUD], 3600).await.unwrap();
    let api = TestClient { token, ..api };
    let refused = api.search("organizations/123456789012", "").await;
    assert_eq!((refused.status.as_u16(), refused.reason()), (403, "SERVICE_DISABLED"));
    assert!(refused.message().contains("The cloudasset.googleapis.com API requires a quota project"));
    let off = api.get(&format!("{ORGANIZATION}:searchAllIamPolicies")).await;
    assert!(
        off.reason() == "SERVICE_DISABLED" && off.message().starts_with("Cloud Asset API has not been used")
    );
}

#[tokio::test]
async fn page_token_is_for_the_search_that_it_came_from() {
    let api = company().await;
    let url = "v1/organizations/1:searchAllIamPolicies?pageSize=2&query=policy:roles";
    let empty = api.get(&format!("{}&query=&orderBy=", url.replace("&query=policy:roles", ""))).await;
    let next = empty.json["nextPageToken"].as_str().unwrap();
    assert_eq!(
        api.get(&format!("v1/organizations/1:searchAllIamPolicies?pageSize=2&pageToken={next}")).await.status,
        200
    );
    for order in ["", "&orderBy=assetType%20DESC,resource"] {
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let page = api.get(&format!("{url}{order}&pageToken={token}&alt=json")).await;
            found.extend(names(&page, "resource"));
            match page.json["nextPageToken"].as_str() {
                Some(next) => token = next.to_owned(),
                None => break,
            }
            for other in [
                format!("{}&pageToken={token}", url.replace("=2", "=3")),
                format!("{url}{order}x&pageToken={token}"),
                format!("{}{order}&pageToken={token}", url.replace("organizations/1", "folders/50")),
                format!("{url}{order}&pageToken={}", &token[..token.len() - 4]),
            ] {
                assert_eq!(api.get(&other).await.status, 400, "{other}");
            }
        }
        let last: Vec<&str> = found.iter().map(|name| name.rsplit('/').next().unwrap()).collect();
        let expected = match order {
            "" => ["1", "51", "kiosk-eu", "web", "100000000000000000070"],
            _ => ["100000000000000000070", "kiosk-eu", "web", "1", "51"],
        };
        assert_eq!(last, expected, "{order}");
    }
}

#[tokio::test]
async fn searches_are_behind_by_as_much_as_the_world_says() {
    let mut world = World::demo();
    world.asset_lag_seconds = 600;
    let api = TestClient::of(world).await;
    let token = api.emulator.handle().mint("user:owner@example.com", &[CLOUD], 7_200).await.unwrap();
    let api = TestClient { token, ..api };
    let zoe = "user:zoe@example.com";
    let change = |policy: &mut Policy| {
        policy.bindings.push(Binding {
            role: CREATOR.into(),
            members: vec![zoe.into()],
            ..Binding::default()
        });
    };
    let account = json!({"accountId": "newcomer", "serviceAccount": {"displayName": "New"}});
    assert_eq!(api.post("v1/projects/acme-prod/serviceAccounts", account).await.status, 200);
    assert!(api.emulator.handle().set_policy_of("editable@acme-prod.iam.gserviceaccount.com", change).await);
    assert_eq!(api.send(Method::DELETE, crate::names::path::DEPLOYER, None).await.unwrap().status, 200);
    let found = async || {
        let policies = api.get(&format!("{ORGANIZATION}:searchAllIamPolicies?query=policy:{zoe}")).await;
        let count = async |words: &str| {
            let accounts = "searchAllResources?assetTypes=.*ServiceAccount&query";
            names(&api.get(&format!("{ORGANIZATION}:{accounts}={words}")).await, "name").len()
        };
        (names(&policies, "resource").len(), count("newcomer").await, count("deployer@acme-prod").await)
    };
    assert_eq!(found().await, (0, 0, 1));
    assert!(api.emulator.handle().advance_clock(601));
    assert_eq!(found().await, (1, 1, 0));
}

#[tokio::test]
async fn resources_are_found_by_their_fields_times_and_labels() {
    let api = company().await;
    let found = async |query: &str| {
        let query = query.replace(' ', "%20").replace('"', "%22").replace('<', "%3C").replace('>', "%3E");
        let got = api.get(&format!("v1/organizations/1:searchAllResources?query={query}")).await;
        names(&got, "name").iter().map(|name| name.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (till, key) = ("100000000000000000070", KEY);
    for (query, expected) in [
        ("labels.env:*", &["kiosk-eu"][..]),
        ("labels:env", &["kiosk-eu"]),
        ("labels.env=prod", &["kiosk-eu"]),
        ("labels.env=Prod", &[]),
        ("labels.team:*", &[]),
        ("displayName:(shops OR till)", &["50", till, key]),
        ("displayName=Till", &[till]),
        ("till@kiosk-eu.iam", &[till, key]),
        ("additionalAttributes:till", &[]),
        ("parentFullResourceName:folders/50 -parentAssetType:x", &["51", "web"]),
        ("project=projects/7 state:enabled", &[till, key]),
        ("createTime>2026-02-03", &[key]),
        ("createTime<=\"2026-02-03T04:05:06\" createTime>1770091505", &[key]),
        ("createTime=1770091506", &[key]),
        ("createTime<1000000000", &[]),
    ] {
        if query.starts_with("additional") {
            let url = format!("v1/organizations/1:searchAllResources?query={query}");
            assert_eq!(api.get(&url).await.status, 400, "{query}");
            continue;
        }
        assert_eq!(found(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn large_fields_of_a_resource_come_when_they_are_asked_for() {
    let api = company().await;
    let url = "v1/projects/kiosk-eu:searchAllResources?assetTypes=iam.*&readMask";
    let usual = api.get(url.trim_end_matches("&readMask")).await.json["results"].clone();
    assert!(usual[0].get("versionedResources").is_none() && usual[0]["displayName"] == "Till", "{usual}");
    let name = format!("projects/kiosk-eu/serviceAccounts/till@kiosk-eu.iam.gserviceaccount.com/keys/{KEY}");
    assert_eq!(usual[1]["displayName"], name);
    for mask in ["*", "name,versioned_resources", "versionedResources"] {
        let found = api.get(&format!("{url}={mask}")).await.json["results"].clone();
        let account = &found[0]["versionedResources"][0];
        assert_eq!(account["resource"]["email"], "till@kiosk-eu.iam.gserviceaccount.com", "{mask}: {found}");
        assert!(account["version"] == "v1" && account["resource"].get("disabled").is_none());
        let key = &found[1]["versionedResources"][0]["resource"];
        assert_eq!(
            (&key["keyType"], &key["validAfterTime"]),
            (&json!("USER_MANAGED"), &json!("2026-02-03T04:05:06Z"))
        );
        assert_eq!(found[0].get("displayName").is_some(), mask == "*");
    }
}
