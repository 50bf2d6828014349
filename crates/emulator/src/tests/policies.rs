//! Tests of resources, policies and roles.

use super::*;

#[tokio::test]
async fn accounts_come_in_pages_without_default_values() {
    let api = TestClient::demo().await;
    let first = api.get("v1/projects/acme-prod/serviceAccounts?alt=json").await;
    assert_eq!(first.json["accounts"].as_array().unwrap().len(), 20);
    assert!(first.json["accounts"][0].get("disabled").is_none());
    assert!(first.text.starts_with("{\n  \"accounts\"") && first.text.ends_with("}\n"));
    let next = first.json["nextPageToken"].as_str().unwrap();
    let rest =
        api.get(&format!("v1/projects/415104041262/serviceAccounts?pageSize=1000&pageToken={next}")).await;
    assert_eq!(rest.json["accounts"].as_array().unwrap().len(), 40);
    assert!(rest.json.get("nextPageToken").is_none());
    assert_eq!(api.get("v1/projects/acme-locked/serviceAccounts").await.reason(), "IAM_PERMISSION_DENIED");
    assert_eq!(api.get("v1/projects/nowhere/serviceAccounts").await.status, 404);
}

#[tokio::test]
async fn an_account_is_found_by_email_escaped_or_not_and_by_unique_id() {
    let api = TestClient::demo().await;
    let whole = api.get(DEPLOYER).await.json;
    assert_eq!(api.get(&DEPLOYER.replace('@', "%40")).await.json, whole);
    let id = whole["uniqueId"].as_str().unwrap();
    assert_eq!(api.get(&format!("v1/projects/acme-prod/serviceAccounts/{id}")).await.json, whole);
    let nobody = "serviceAccounts/nobody@acme-prod.iam.gserviceaccount.com";
    assert_eq!(api.get(&format!("v1/projects/-/{nobody}")).await.status, 403);
    assert_eq!(api.get(&format!("v1/projects/acme-prod/{nobody}")).await.status, 404);
}

#[tokio::test]
async fn a_grant_is_written_under_its_etag_and_works_at_once() {
    let api = TestClient::demo().await;
    let read = format!("{EDITABLE}:getIamPolicy?options.requestedPolicyVersion=3");
    let mut policy = api.send(Method::POST, &read, None).await.unwrap().json;
    assert_eq!(policy["version"], 3);
    let test = json!({"permissions": ["iam.serviceAccounts.signJwt", "iam.serviceAccounts.setIamPolicy"]});
    let before = api.post(&format!("{EDITABLE}:testIamPermissions"), test.clone()).await;
    assert_eq!(before.json["permissions"], json!(["iam.serviceAccounts.setIamPolicy"]));

    policy["bindings"]
        .as_array_mut()
        .unwrap()
        .push(json!({"role": CREATOR, "members": ["user:DEV@example.com"]}));
    let write = json!({"policy": policy});
    let stored = api.post(&format!("{EDITABLE}:setIamPolicy"), write.clone()).await;
    assert_eq!(stored.status, 200);
    assert_ne!(stored.json["etag"], policy["etag"]);
    assert!(!stored.json["auditConfigs"].as_array().unwrap().is_empty());
    let after = api.post(&format!("{EDITABLE}:testIamPermissions"), test.clone()).await;
    assert_eq!(after.json["permissions"], test["permissions"]);

    // gcloud sends the bytes of an etag back in the other alphabet.
    let mut same = json!({"policy": stored.json});
    same["policy"]["etag"] = stored.json["etag"].as_str().unwrap().replace('+', "-").replace('/', "_").into();
    assert_eq!(api.post(&format!("{EDITABLE}:setIamPolicy"), same).await.json, stored.json);
    let again = api.post(&format!("{EDITABLE}:setIamPolicy"), write).await;
    assert_eq!((again.status.as_u16(), &again.json["error"]["status"]), (409, &json!("ABORTED")));
    let policy = api.emulator.handle().policy_of("editable@acme-prod.iam.gserviceaccount.com").await.unwrap();
    assert!(policy.members().any(|member| member == DEV));
}

#[tokio::test]
async fn a_kind_of_log_is_written_by_name_or_by_number_as_googles_clients_do() {
    let api = TestClient::demo().await;
    let url = format!("{EDITABLE}:setIamPolicy");
    let set = |kind: serde_json::Value| {
        let logs = json!([{"logType": kind, "exemptedMembers": ["user:dev@example.com"]}]);
        json!({"policy": {"version": 3, "auditConfigs": [{"service": "allServices", "auditLogConfigs": logs}]},
            "updateMask": "auditConfigs,version"})
    };
    for kind in [json!("DATA_READ"), json!(3)] {
        let stored = api.post(&url, set(kind)).await.json;
        assert_eq!(stored["auditConfigs"][0]["auditLogConfigs"][0]["logType"], "DATA_READ", "{stored}");
    }
    for kind in [json!("DATA"), json!(4), json!(-1), json!(true)] {
        let refused = api.post(&url, set(kind)).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text.contains("google.iam.v1.AuditLogConfig.LogType"), "{}", refused.text);
    }
    for none in [json!("LOG_TYPE_UNSPECIFIED"), json!(0)] {
        assert_eq!(api.post(&url, set(none)).await.json["error"]["status"], "INVALID_ARGUMENT");
    }
}

#[tokio::test]
async fn members_and_roles_that_are_not_there_are_refused() {
    let api = TestClient::demo().await;
    let set = |role: &str, member: &str| json!({"policy": {"version": 3, "bindings": [{"role": role, "members": [member]}]}});
    let url = format!("{EDITABLE}:setIamPolicy");
    for (member, message) in [
        (
            "serviceAccount:no@acme-prod.iam.gserviceaccount.com",
            "Service account no@acme-prod.iam.gserviceaccount.com does not exist.",
        ),
        ("user:nobody@example.com", "User nobody@example.com does not exist."),
        (
            "group:dev@example.com",
            "Account dev@example.com is of type \"user\". Please set the type prefix to be \"user:\".",
        ),
        (
            "dev@example.com",
            "The member dev@example.com is of an unknown type. Please set a valid type prefix for the member.",
        ),
    ] {
        assert_eq!(api.post(&url, set(CREATOR, member)).await.message(), message);
    }
    let role = api.post(&url, set("roles/storage.admin", DEV)).await;
    assert_eq!(role.message(), "Role roles/storage.admin is not supported for this resource.");
    // Another project's role is as much in nobody's hierarchy as one that is nowhere.
    for role in ["roles/iam.noSuchRole", "projects/acme-prod/roles/nothing", "projects/acme-ci/roles/signer"]
    {
        let refused = api.post(&url, set(role, DEV)).await;
        let words = format!("Role ({role}) does not exist in the resource's hierarchy.");
        assert_eq!((refused.status.as_u16(), refused.message()), (400, &*words));
    }
}

#[tokio::test]
async fn policy_calls_miss_an_account_that_is_not_there() {
    let api = TestClient::demo().await;
    let agent = "415104041262@cloudservices.gserviceaccount.com";
    let stranger = "bot@somewhere-else.iam.gserviceaccount.com";
    let elsewhere = "ci@acme-ci.iam.gserviceaccount.com";
    let unknown = "Unknown service account";
    let gaia = |email: &str| format!("Not found; Gaia id not found for email {email}");
    let test = json!({"permissions": ["iam.serviceAccounts.actAs"]});
    let set = json!({"policy": {"bindings": []}});
    for (project, name, words) in [
        ("-", agent, unknown.to_owned()),
        ("-", stranger, gaia(stranger)),
        ("acme-prod", stranger, gaia(stranger)),
        ("acme-locked", stranger, gaia(stranger)),
        ("acme-prod", elsewhere, unknown.to_owned()),
        ("acme-prod", "service", unknown.to_owned()),
        ("-", "service-1@gcp-sa-x.iam.gserviceaccount.com", unknown.to_owned()),
        ("-", "100000000000000000000", unknown.to_owned()),
    ] {
        let url = format!("v1/projects/{project}/serviceAccounts/{name}");
        let tested = api.post(&format!("{url}:testIamPermissions"), test.clone()).await;
        assert_eq!((tested.status.as_u16(), tested.message()), (404, unknown), "{name}");
        for (verb, body) in [("getIamPolicy", json!({})), ("setIamPolicy", set.clone())] {
            let missing = api.post(&format!("{url}:{verb}"), body).await;
            assert_eq!((missing.status.as_u16(), missing.message()), (404, &*words), "{verb} {name}");
            assert_eq!(missing.json["error"]["status"], "NOT_FOUND");
        }
    }
}

#[tokio::test]
async fn one_permission_that_is_not_testable_fails_the_whole_test() {
    let api = TestClient::demo().await;
    let good = "resourcemanager.projects.get";
    for (path, good, bad) in [
        ("v1/projects/acme-prod", good, "resourcemanager.projects.list"),
        ("v3/projects/acme-prod", good, "policyremediatormanager.locations.get"),
        ("v3/projects/acme-prod", good, "resourcemanager.projects.fly"),
        ("v2/folders/310000000001", good, "billing.accounts.get"),
        ("v3/folders/310000000001", good, "resourcemanager.organizations.get"),
        ("v1/organizations/123456789012", good, "nothing"),
        ("v3/organizations/123456789012", good, "iam.serviceAccounts.fly"),
        (DEPLOYER, "iam.serviceAccounts.actAs", "iam.serviceAccounts.list"),
        (DEPLOYER, "iam.serviceAccounts.actAs", good),
    ] {
        let ask = async |permissions: &[&str]| {
            api.post(&format!("{path}:testIamPermissions"), json!({"permissions": permissions})).await
        };
        assert_eq!(ask(&[good]).await.status, 200, "{path}");
        let refused = ask(&[good, bad]).await;
        let words = format!("Permission {bad} is not valid for this resource.");
        assert_eq!((refused.status.as_u16(), refused.message()), (400, &*words), "{path}");
        assert_eq!(refused.json["error"]["status"], "INVALID_ARGUMENT");
    }
}

#[tokio::test]
async fn the_way_up_is_read_where_it_may_be() {
    let api = TestClient::demo().await;
    let found = api.get("v3/projects:search?query=projectId:acme-p*").await;
    assert_eq!(found.json["projects"][0]["parent"], "folders/310000000003");
    assert_eq!(api.get("v3/folders/310000000003").await.json["parent"], "folders/310000000002");
    let version = json!({"options": {"requestedPolicyVersion": 3}});
    let readable = api.post("v3/folders/310000000003:getIamPolicy", version.clone()).await;
    assert_eq!(readable.json["version"], 3);
    let closed = api.post("v3/folders/310000000002:getIamPolicy", version.clone()).await;
    assert_eq!(closed.message(), "The caller does not have permission");
    assert_eq!(api.post("v3/organizations/123456789012:getIamPolicy", version.clone()).await.status, 200);
    assert_eq!(api.post("v3/projects/no-such:getIamPolicy", version).await.status, 403);
    let folders = api.get("v3/folders?parent=organizations/123456789012").await;
    assert_eq!(folders.json["folders"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn roles_tell_what_they_give() {
    let api = TestClient::demo().await;
    let role = api.get("v1/roles/iam.serviceAccountOpenIdTokenCreator").await;
    assert_eq!(role.json["includedPermissions"], json!(["iam.serviceAccounts.getOpenIdToken"]));
    let on = "//iam.googleapis.com/projects/acme-prod/serviceAccounts/deployer%40acme-prod.iam.gserviceaccount.com";
    let body = json!({"fullResourceName": on, "view": "FULL"});
    let roles = api.post("v1/roles:queryGrantableRoles", body).await;
    let names: Vec<&str> =
        roles.json["roles"].as_array().unwrap().iter().filter_map(|role| role["name"].as_str()).collect();
    assert!(names.contains(&CREATOR) && names.contains(&"projects/acme-prod/roles/signer"));
    assert!(api.get("v1/projects/acme-prod/roles/signer").await.json["includedPermissions"].is_array());
}

#[test]
fn every_policy_of_the_demo_may_be_written_as_it_is() {
    let state = State::new(World::demo(), 0);
    let all = (state.accounts.places_at(0, 0))
        .map(Resource::Account)
        .chain((0..state.projects.len()).map(Resource::Project));
    for on in all {
        let policy = Policy { version: 3, ..state.policy(on).clone() };
        assert!(state.check_policy(&policy, on).is_ok(), "{}", state.name(on));
        assert_eq!(state.policy(on).write(policy, None, String::new()).unwrap().etag, state.policy(on).etag);
    }
}

#[test]
fn an_organization_may_permit_its_own_people_only() {
    let mut world = World::demo();
    world.organizations[0].permitted_domains = vec!["example.com".into()];
    let state = State::new(world, 0);
    let stranger =
        Binding { role: CREATOR.into(), members: vec!["user:x@example.org".into()], condition: None };
    let policy = Policy { bindings: vec![stranger], ..Policy::default() };
    let failure = state.check_policy(&policy, Resource::Account(0)).unwrap_err();
    assert!(failure.body.to_string().contains("do not belong to a permitted customer,  perhaps"));
}

#[tokio::test]
async fn a_key_is_read_with_its_public_part_in_the_form_that_was_asked_for() {
    use base64::Engine;
    let api = TestClient::demo().await;
    let keys = api.get(&format!("{DEPLOYER}/keys")).await.json["keys"].clone();
    let id = |i: usize| keys[i]["name"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
    let (own, stated) = (id(0), id(1));
    assert_eq!(api.get(&format!("{DEPLOYER}/keys/{own}")).await.json, keys[0]);
    let read = async |form: &str| {
        let got = api.get(&format!("{DEPLOYER}/keys/{own}?publicKeyType={form}")).await;
        let data = got.json["publicKeyData"].as_str().unwrap_or_default().to_owned();
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(data).unwrap()).unwrap()
    };
    assert!(read("TYPE_X509_PEM_FILE").await.starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(read("TYPE_RAW_PUBLIC_KEY").await.starts_with("-----BEGIN PUBLIC KEY-----"));
    assert_eq!(read("TYPE_NONE").await, "");
    assert_eq!(
        api.get(&format!("{DEPLOYER}/keys/{stated}?publicKeyType=TYPE_RAW_PUBLIC_KEY")).await.json,
        keys[1]
    );
    assert_eq!(api.get(&format!("{DEPLOYER}/keys/0000")).await.status, 404);
    let wrong = api.get(&format!("{DEPLOYER}/keys/{own}?publicKeyType=PEM")).await;
    assert!(wrong.message().starts_with("Invalid value at 'public_key_type'"), "{}", wrong.text);
}

#[tokio::test]
async fn testable_permissions_fit_the_resource_and_say_what_is_off() {
    let api = TestClient::demo().await;
    let ask = async |name: &str| {
        let body = json!({"fullResourceName": name, "pageSize": 1000});
        api.post("v1/permissions:queryTestablePermissions", body).await.json["permissions"].clone()
    };
    let account = ask("//iam.googleapis.com/projects/acme-prod/serviceAccounts/deployer%40acme-prod.iam.gserviceaccount.com").await;
    let names: Vec<&str> = account.as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"iam.serviceAccounts.getAccessToken") && names.is_sorted());
    assert!(names.iter().all(|name| name.starts_with("iam.serviceAccount")));
    assert!(!names.contains(&"iam.serviceAccounts.list"));
    assert_eq!(account[0]["stage"], "GA");
    let mut world = World::demo();
    world.projects[0].disabled_services.push("cloudasset.googleapis.com".into());
    let api = TestClient::of(world).await;
    let body = json!({"fullResourceName": "//cloudresourcemanager.googleapis.com/projects/acme-prod"});
    let first =
        api.post("v1/permissions:queryTestablePermissions", body).await.json["permissions"][0].clone();
    assert_eq!(
        first,
        json!({"name": "cloudasset.assets.analyzeIamPolicy", "stage": "GA", "apiDisabled": true})
    );
}

#[tokio::test]
async fn gcloud_reads_folders_and_organizations_under_their_older_names() {
    let api = TestClient::demo().await;
    let found = api.post("v1/organizations:search", json!({"filter": "domain:example.com"})).await;
    let organization = &found.json["organizations"][0];
    assert_eq!(
        (&organization["name"], &organization["lifecycleState"]),
        (&json!("organizations/123456789012"), &json!("ACTIVE"))
    );
    assert_eq!(&api.get("v1/organizations/123456789012").await.json, organization);
    let below = api.get("v2/folders?parent=organizations/123456789012").await;
    assert_eq!(below.json["folders"][0]["displayName"], "Engineering");
    let folder = api.get("v2/folders/310000000001").await.json;
    assert_eq!(
        (&folder["parent"], &folder["name"]),
        (&json!("organizations/123456789012"), &json!("folders/310000000001"))
    );
    assert_eq!(api.get("v2/folders/1").await.status, 403);
    let test = json!({"permissions": ["resourcemanager.organizations.get", "resourcemanager.organizations.setIamPolicy"]});
    let may = api.post("v1/organizations/123456789012:testIamPermissions", test).await;
    assert_eq!(may.json["permissions"], json!(["resourcemanager.organizations.get"]));
}
