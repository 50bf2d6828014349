//! The names of accounts, projects and members as people write them, through the program: every form that Google
//! documents or that we show is accepted by every option, and what can't work is said before anything is sent.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::fs;

use serde_json::{Value, json};

use crate::support::{EmulatorProcess, Home};

const MAIL: &str = "mail@till.example.org.iam.gserviceaccount.com";
const API: &str = "api@shop-prod.eu0.iam.gserviceaccount.com";
const COMPUTE: &str = "8150-compute@developer.gserviceaccount.com";
const APPSPOT: &str = "till.example.org@appspot.gserviceaccount.com";
const CREATOR: &str = "roles/iam.serviceAccountTokenCreator";

/// A project of a domain and one of another universe, whose accounts the caller can mint for.
fn world() -> Value {
    let open = |also: Option<&str>| {
        let members: Vec<String> = ["user:owner@example.org".to_owned()]
            .into_iter()
            .chain(also.map(|email| format!("serviceAccount:{email}")))
            .collect();
        json!({"bindings": [{"role": CREATOR, "members": members}]})
    };
    json!({
        "organizations": [{"number": 77, "domain": "example.org",
            "policy": {"bindings": [{"role": "roles/owner", "members": ["user:owner@example.org"]}]}}],
        "projects": [
            {"id": "example.org:till", "number": 8150, "parent": "organizations/77", "accounts": [
                {"email": "mail", "policy": open(None)},
                {"email": COMPUTE, "policy": open(None)},
                {"email": APPSPOT, "policy": open(None)}]},
            {"id": "eu0:shop-prod", "number": 8151, "parent": "organizations/77", "accounts": [
                {"email": "api", "policy": open(Some(MAIL))}]}
        ],
        "users": [{"email": "owner@example.org"}],
        "callers": [{"principal": "user:owner@example.org"}]
    })
}

struct Shop {
    home: Home,
    emulator: EmulatorProcess,
}

/// How a command ended: its exit code, and both of its streams.
type Ended = (i32, String, String);

impl Shop {
    fn open() -> Shop {
        let home = Home::new();
        let emulator =
            EmulatorProcess::start(&home, &["--world", &home.file("world.json", world().to_string())]);
        Shop { home, emulator }
    }

    fn run_with(&self, arguments: &[&str], env: &[(&str, &str)]) -> Ended {
        let mut command = self.home.command(arguments);
        // The emulator's own project would hide what the configuration says.
        let there = self.emulator.env().into_iter().filter(|(name, _)| !name.ends_with("_PROJECT"));
        let output = command.envs(there).envs(env.iter().copied()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, &[])
    }

    /// What a grant to this member comes to, written nowhere.
    fn grant(&self, member: &str) -> Ended {
        self.run(&[
            "policy",
            "grant",
            "mail@example.org:till",
            "--role",
            CREATOR,
            "--member",
            member,
            "--dry-run",
        ])
    }
}

#[test]
fn a_project_is_named_in_every_form_by_every_setting() {
    let shop = Shop::open();
    for (project, listed) in [
        ("example.org:till", MAIL),
        ("projects/example.org:till", MAIL),
        ("8150", MAIL),
        ("eu0:shop-prod", API),
        ("//cloudresourcemanager.googleapis.com/projects/8151", API),
    ] {
        let (code, out, err) = shop.run(&["accounts", "--project", project, "--quota-project", project]);
        assert!(code == 0 && out.contains(listed), "{project}: {out}{err}");
        let config = format!("project = \"{project}\"\nquota_project = \"{project}\"\n");
        let config = shop.home.file("names.toml", config);
        let (code, out, err) = shop.run(&["accounts", "--config", &config]);
        assert!(code == 0 && out.contains(listed), "{project} in the configuration: {out}{err}");
    }
    for project in ["example.org:till", "eu0:shop-prod"] {
        let env = [("GOOGLE_CLOUD_PROJECT", project), ("GOOGLE_CLOUD_QUOTA_PROJECT", project)];
        let (code, out, err) = shop.run_with(&["accounts"], &env);
        assert!(code == 0 && out.contains('@'), "{project} in the environment: {err}");
        let (_, file) = shop
            .emulator
            .env()
            .into_iter()
            .find(|(name, _)| name == "GOOGLE_APPLICATION_CREDENTIALS")
            .unwrap();
        let mut credentials: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        credentials["quota_project_id"] = project.into();
        let file = shop.home.file("quota.json", credentials.to_string());
        let (code, out, err) = shop.run(&["whoami", "--json", "--credentials", &file]);
        assert!(
            code == 0 && out.contains(&format!(r#""quotaProject":"{project}""#)),
            "{project}: {out}{err}"
        );
    }
    for (wrong, said) in [
        ("till.example.org", "Did you mean example.org:till?"),
        ("example.org:", "DOMAIN:ID"),
        ("projects/example.org/till", "DOMAIN:ID"),
        ("Till-Prod", "6 to 30"),
    ] {
        for option in ["--project", "--quota-project"] {
            let (code, _, err) = shop.run(&["accounts", option, wrong]);
            assert!(code == 8 && err.contains(said), "{option} {wrong}: {err}");
        }
    }
}

#[test]
fn an_account_is_named_in_every_form_by_every_command() {
    let shop = Shop::open();
    for (typed, email) in [
        ("mail@example.org:till", MAIL),
        (MAIL, MAIL),
        ("serviceAccount:mail@example.org:till", MAIL),
        ("projects/-/serviceAccounts/mail@till.example.org.iam.gserviceaccount.com", MAIL),
        ("projects/example.org:till/serviceAccounts/mail@example.org:till", MAIL),
        (
            "//iam.googleapis.com/projects/8150/serviceAccounts/mail@till.example.org.iam.gserviceaccount.com",
            MAIL,
        ),
        ("api@eu0:shop-prod", API),
        (COMPUTE, COMPUTE),
        (APPSPOT, APPSPOT),
    ] {
        for command in [&["can"][..], &["token", "access"], &["policy", "get"], &["policy", "history"]] {
            let (code, out, err) = shop.run(&[command, &[typed, "--json"]].concat());
            assert_eq!(code, 0, "{command:?} {typed}: {err}");
            let names = matches!(command[0], "can" | "token");
            assert!(!names || out.contains(&format!(r#""account":"{email}""#)), "{command:?} {typed}: {out}");
        }
    }
    for delegate in ["mail@example.org:till", MAIL, &format!("projects/-/serviceAccounts/{MAIL}")] {
        let (code, out, err) =
            shop.run(&["token", "access", "api@eu0:shop-prod", "--json", "--delegate", delegate]);
        assert!(code == 0 && out.contains(&format!(r#""delegates":["{MAIL}"]"#)), "{delegate}: {out}{err}");
    }
}

#[test]
fn an_account_of_googles_own_is_refused_before_anything_is_sent() {
    let shop = Shop::open();
    // Nothing answers here: whatever is sent fails otherwise.
    let nowhere = [
        ("IMPERSONA_IAM_ENDPOINT", "http://127.0.0.1:9/"),
        ("IMPERSONA_IAMCREDENTIALS_ENDPOINT", "http://127.0.0.1:9/"),
    ];
    for agent in [
        "service-8150@gcp-sa-eventarc.iam.gserviceaccount.com",
        "service-8150@gcp-sa-eventarc",
        "service-org-77@gcp-sa-scc-notification.iam.gserviceaccount.com",
        "service-8150@compute-system.iam.gserviceaccount.com",
        "service-8150@compute-system.eu0-system.iam.gserviceaccount.com",
        "service-8150@container-engine-robot.iam.gserviceaccount.com",
        "project-8150@storage-transfer-service.iam.gserviceaccount.com",
        "service-8150@gae-api-prod.google.com.iam.gserviceaccount.com",
        "8150@cloudservices.gserviceaccount.com",
        "8150@cloudbuild.gserviceaccount.com",
        "projects/-/serviceAccounts/8150@cloudservices.gserviceaccount.com",
    ] {
        for arguments in [
            &["can", agent][..],
            &["token", "access", agent],
            &["token", "id", agent, "--audience", "https://till.example.org"],
            &["token", "access", "mail@example.org:till", "--delegate", agent],
            &["sign-url", agent, "gs://till/day.csv"],
            &["policy", "get", agent],
            &[agent],
        ] {
            let (code, _, err) = shop.run_with(arguments, &nowhere);
            assert!(code == 8 && err.contains("belongs to Google"), "{arguments:?}: {code} {err}");
        }
        // In a policy they are members like others.
        if !agent.contains('/') {
            let (code, out, err) = shop.grant(&format!("serviceAccount:{agent}"));
            assert!(code == 0 && out.contains("gserviceaccount.com"), "{agent}: {err}");
        }
    }
}

const POOLS: &str = "iam.googleapis.com/projects/8150/locations/global/workloadIdentityPools";

#[test]
fn a_member_is_planned_or_refused_with_its_own_rule() {
    let shop = Shop::open();
    let cluster = "https://container.googleapis.com/v1/projects/till/locations/europe-west6/clusters/blue";
    for member in [
        "serviceAccount:mail@example.org:till".to_owned(),
        "serviceAccount:api@eu0:shop-prod".to_owned(),
        format!("serviceAccount:{COMPUTE}"),
        "serviceAccount:example.org:till.svc.id.goog[batch/nightly]".to_owned(),
        format!("principal://{POOLS}/till.svc.id.goog/subject/ns/batch/sa/nightly"),
        format!("principal://{POOLS}/till.svc.id.goog/kubernetes.serviceaccount.uid/5d9c"),
        format!("principalSet://{POOLS}/till.svc.id.goog/namespace/batch"),
        format!("principalSet://{POOLS}/till.svc.id.goog/kubernetes.cluster/{cluster}"),
        format!("principalSet://{POOLS}/gitlab/attribute.project_path/till/api"),
        "principalSet://cloudresourcemanager.googleapis.com/folders/12/type/ServiceAccount".to_owned(),
        "principalSet://iam.googleapis.com/locations/global/workforcePools/staff/group/ops".to_owned(),
    ] {
        let (code, out, err) = shop.grant(&member);
        assert!(code == 0 && out.contains("lets ") && !err.contains("no documented form"), "{member}: {err}");
    }
    for (member, rule) in [
        (
            format!("principal://{POOLS}/gitlab/attribute.project_path/till/api"),
            "attributes need principalSet://",
        ),
        (format!("principalSet://{POOLS}/gitlab/subject/project_path:till"), "a subject needs principal://"),
        (format!("principalSet://{POOLS}/gitlab"), "who in the pool is missing"),
        ("principal://goog/subject/mia@example.org".to_owned(), "Did you mean user:mia@example.org?"),
        ("mail@example.org:till".to_owned(), "Did you mean serviceAccount:mail@till.example.org.iam"),
        ("user:mail@example.org:till".to_owned(), "Did you mean serviceAccount:mail@till.example.org.iam"),
        ("deleted:serviceAccount:mia@example.org?uid=7".to_owned(), "deleted:user:EMAIL?uid=DIGITS"),
    ] {
        let (code, _, err) = shop.grant(&member);
        assert!(code == 8 && err.contains(rule), "{member}: {err}");
    }
}

#[test]
fn a_grant_or_url_that_does_something_else_says_so() {
    let shop = Shop::open();
    let gone = "deleted:serviceAccount:old@till.example.org.iam.gserviceaccount.com?uid=104";
    let (code, out, err) = shop.grant(gone);
    assert!(code == 0 && out.contains("gives nothing to anyone"), "{out}");
    assert!(err.contains("This gives nothing to anyone") && err.contains(gone), "{err}");
    let bucket = "resource.name.startsWith('projects/_/buckets/till-exports')";
    let under = ["--condition-title", "exports", "--condition-expression", bucket];
    let grant = ["policy", "grant", MAIL, "--role", CREATOR, "--member", "user:mia@example.com", "--dry-run"];
    let (code, _, err) = shop.run(&[&grant[..], &under].concat());
    assert!(code == 0 && err.contains("“exports” is about another resource"), "{err}");
    let (code, _, err) = shop.run(&["sign-url", MAIL, "gs://till/day.csv#1719490000000001"]);
    assert!(code == 0 && err.contains("--query generation=1719490000000001"), "{err}");
}

#[test]
fn a_policy_read_without_its_conditions_is_no_plan() {
    let shop = Shop::open();
    let (_, out, _) = shop.run(&["policy", "get", MAIL, "--json"]);
    let mut policy: Value = serde_json::from_str(&out).unwrap();
    let hidden = "roles/iam.serviceAccountUser_withcond_5b0f5d6a7c8e";
    policy["bindings"]
        .as_array_mut()
        .unwrap()
        .push(json!({"role": hidden, "members": ["user:owner@example.org"]}));
    let file = shop.home.file("policy.json", policy.to_string());
    for more in [&["--dry-run"][..], &["--dry-run", "--json"], &[]] {
        let (code, out, err) = shop.run(&[&["policy", "apply", MAIL, &file], more].concat());
        assert!(code == 8 && out.is_empty() && err.contains("would lose them"), "{more:?}: {out}{err}");
    }
    for more in [&[][..], &["--json"]] {
        let (code, out, err) = shop.run(&[&["policy", "diff", MAIL, &file], more].concat());
        assert!(
            code == 0 && out.contains(hidden) && err.contains("`policy apply` would refuse this file"),
            "{err}"
        );
    }
}
