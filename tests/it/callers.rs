//! Everybody who can call: each kind of credentials, by the search order, through the API layer and the command line.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
};

use impersona::{
    api::{Client, Settings},
    auth::{self, FindOptions},
    flows,
    http::{ApiError, ErrorKind, endpoints::Endpoints},
    local::env::Env,
};
use impersona_emulator::{
    CallerFile, Emulator, Options, World,
    names::{API as MACHINE, RELAY_A, RELAY_B, VAULT},
};
use serde_json::{Value, json};

use crate::support::{
    DEPLOYER, EmulatorProcess, Home, PATIENCE, access, assert_sentence, eventually, names, proxy,
};

/// Who the credentials of this file are in the end, as a policy writes it.
fn member(caller: &CallerFile) -> String {
    match &caller.impersonates {
        Some(account) => format!("serviceAccount:{account}"),
        None => caller.principal.clone(),
    }
}

/// The example organization, where each of these may list the accounts and take the first step to the vault.
async fn open_to(members: &[String]) -> Emulator {
    let mut world: Value =
        serde_json::from_str(include_str!("../../crates/emulator/assets/world.json")).unwrap();
    for project in world["projects"].as_array_mut().unwrap() {
        let viewers = json!({"role": "roles/viewer", "members": members});
        if let Some(bindings) = project["policy"]["bindings"].as_array_mut() {
            bindings.push(viewers);
        }
        for account in project["accounts"].as_array_mut().into_iter().flatten() {
            if account["email"] == "relay-a" {
                account["policy"]["bindings"][0]["members"] = json!(members);
            }
        }
    }
    let world = World::parse(&world.to_string()).unwrap();
    Emulator::start(Options { port: 0, world }).await.unwrap()
}

/// Where the emulator is, with these variables beside and none of its callers.
fn at(emulator: &Emulator, vars: &[(&str, &str)]) -> Env {
    let own = emulator.env().into_iter().filter(|(name, _)| name != "GOOGLE_APPLICATION_CREDENTIALS");
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Env::from_vars(own.chain(vars))
}

fn client(env: &Env) -> Client {
    let source = auth::find(env, &FindOptions::default());
    let universe = source.as_ref().ok().and_then(|source| source.universe.clone());
    let mut settings = Settings::new(Endpoints::new(env, universe.as_deref()).unwrap(), source);
    settings.use_proxy = false;
    Client::new(settings)
}

fn client_of(emulator: &Emulator, file: &Path) -> Client {
    client(&at(
        emulator,
        &[
            ("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap()),
            ("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1"),
        ],
    ))
}

/// How many accounts it can list, and an access token through two others.
async fn list_and_mint(client: &Client) -> Result<usize, ApiError> {
    let mut listed = 0;
    client.list_accounts("acme-prod", &mut |page: Vec<_>| listed += page.len()).await?;
    let minted = flows::mint(client, &access(VAULT, &[RELAY_A, RELAY_B])).await?;
    assert!(minted.secret.expose().starts_with("ya29."));
    Ok(listed)
}

fn usable(emulator: &Emulator) -> Vec<CallerFile> {
    let callers = emulator.callers().iter().filter(|caller| caller.kind != "gdch_service_account");
    callers.cloned().collect()
}

// Every kind.

#[tokio::test]
async fn whoever_calls_is_known_lists_accounts_and_mints_through_a_chain_of_two() {
    let example = Emulator::start(Options { port: 0, world: World::demo() }).await.unwrap();
    let members: Vec<String> = usable(&example).iter().map(member).collect();
    let emulator = open_to(&members).await;
    let callers = usable(&emulator);
    assert!(callers.len() >= 14, "{callers:?}");
    let mut kinds: Vec<&str> = callers.iter().map(|caller| caller.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "authorized_user",
            "external_account",
            "external_account_authorized_user",
            "impersonated_service_account",
            "service_account"
        ]
    );
    for file in &callers {
        let client = client_of(&emulator, &file.path);
        let caller = client.caller().await.unwrap_or_else(|error| panic!("{file:?}: {error}"));
        assert_eq!(caller.member(), Some(member(file)), "{file:?}");
        assert!(caller.expires.is_some(), "{file:?}");
        let listed = list_and_mint(&client).await.unwrap_or_else(|error| panic!("{file:?}: {error}"));
        assert!(listed > 50, "{file:?}");
    }
}

#[tokio::test]
async fn a_machine_is_a_caller_like_any_other() {
    let emulator = open_to(&[format!("serviceAccount:{MACHINE}")]).await;
    let client = client(&at(&emulator, &[]));
    let caller = client.caller().await.unwrap();
    assert_eq!((caller.principal.as_deref(), caller.source.as_str()), (Some(MACHINE), "metadata server"));
    assert!(list_and_mint(&client).await.unwrap() > 50);
}

/// A `gcloud` that gives a token of the deployer, when it is told what it has to be told: the configuration, and that it
/// must write no log. Gives the variables of whoever has nothing else.
#[cfg(unix)]
async fn logged_in(emulator: &Emulator, home: &Home, after: &str) -> Vec<(String, String)> {
    let dev = client_of(emulator, &emulator.callers()[0].path);
    let token = flows::mint(&dev, &access(DEPLOYER, &[])).await.unwrap();
    let script = format!(
        "test \"$CLOUDSDK_ACTIVE_CONFIG_NAME$CLOUDSDK_CORE_DISABLE_FILE_LOGGING$CLOUDSDK_AUTH_ACCESS_TOKEN$*\" = \
         'worktrueauth print-access-token --quiet' && echo {}{after}",
        token.secret.expose()
    );
    let vars = home.stand_in("gcloud", &script);
    fs::create_dir(home.path("configurations")).unwrap();
    fs::write(home.path("active_config"), "work").unwrap();
    let properties =
        format!("[core]\naccount = {DEPLOYER}\nproject = acme-prod\n[billing]\nquota_project = acme-stage\n");
    fs::write(home.path("configurations").join("config_work"), properties).unwrap();
    let path = vars.into_iter().find(|(name, _)| name == "PATH").unwrap();
    vec![path, ("CLOUDSDK_CONFIG".into(), home.path("").to_str().unwrap().to_owned())]
}

#[cfg(unix)]
#[tokio::test]
async fn a_gcloud_login_is_a_caller_like_any_other() {
    let emulator = open_to(&[format!("serviceAccount:{DEPLOYER}")]).await;
    let home = Home::new();
    // Something of gcloud's goes on in the background and holds its output open.
    let vars = logged_in(&emulator, &home, "; sleep 600 &").await;
    let mut vars: Vec<(&str, &str)> = vars.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    vars.push(("NO_GCE_CHECK", "true"));
    let client = client(&at(&emulator, &vars));
    let caller = client.caller().await.unwrap();
    assert_eq!(caller.principal.as_deref(), Some(DEPLOYER));
    assert_eq!((caller.source.as_str(), caller.kind.as_str()), ("gcloud login", "service account"));
    assert_eq!(caller.project.as_deref(), Some("acme-prod"));
    assert_eq!(caller.quota_project.as_deref(), Some("acme-stage"));
}

#[cfg(unix)]
#[tokio::test]
async fn the_machine_goes_before_gclouds_login_and_is_not_charged_to_its_project() {
    let emulator =
        open_to(&[format!("serviceAccount:{DEPLOYER}"), format!("serviceAccount:{MACHINE}")]).await;
    let home = Home::new();
    let vars = logged_in(&emulator, &home, "").await;
    let vars: Vec<(&str, &str)> = vars.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    let machine = client(&at(&emulator, &vars)).caller().await.unwrap();
    assert_eq!((machine.principal.as_deref(), machine.quota_project), (Some(MACHINE), None));

    // Somebody who answers to every name, as portals do, is no metadata server.
    let portal = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = portal.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in portal.incoming().flatten() {
            let _ = stream.read(&mut [0; 1_024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
        }
    });
    let elsewhere = [&vars[..], &[("GCE_METADATA_HOST", &address)]].concat();
    let login = client(&at(&emulator, &elsewhere));
    let caller = login.caller().await.unwrap();
    assert_eq!((caller.principal.as_deref(), caller.source.as_str()), (Some(DEPLOYER), "gcloud login"));
    assert_eq!(caller.quota_project.as_deref(), Some("acme-stage"));
}

#[cfg(unix)]
#[test]
fn a_gcloud_that_hangs_is_given_up_with_all_that_it_started() {
    let home = Home::new();
    let vars = home.stand_in("gcloud", "sleep 600 & echo $! > child; wait");
    let path = vars.into_iter().find(|(name, _)| name == "PATH").unwrap().1;
    let folder = home.path("home").join(".config/gcloud/configurations");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config_default"), "[core]\naccount = dev@example.com\n").unwrap();
    let output = home.command(&["--timeout", "1s", "whoami"]).env("PATH", path).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("gcloud returned no access token") && said.contains("--timeout"), "{said}");
    let child = fs::read_to_string(home.path("home").join("child")).unwrap();
    let child = rustix::process::Pid::from_raw(child.trim().parse().unwrap()).unwrap();
    eventually("what gcloud started is gone", || {
        let status = fs::read_to_string(format!("/proc/{}/stat", child.as_raw_nonzero())).ok();
        let gone = match &status {
            // Dead and not yet waited for by whoever inherited it.
            Some(status) => status.contains(") Z "),
            None => rustix::process::test_kill_process(child).is_err(),
        };
        gone.then_some(())
    });
}

#[tokio::test]
async fn an_account_that_a_caller_became_calls_as_itself() {
    let emulator = open_to(&["user:dev@example.com".to_owned()]).await;
    let env =
        at(&emulator, &[("GOOGLE_APPLICATION_CREDENTIALS", emulator.callers()[0].path.to_str().unwrap())]);
    let dev = auth::find(&env, &FindOptions::default()).unwrap();
    let relay = dev.becoming(RELAY_A, &[], None).becoming(RELAY_B, &[], None);
    let mut settings = Settings::new(Endpoints::new(&env, None).unwrap(), Ok(relay));
    settings.use_proxy = false;
    let client = Client::new(settings);
    assert_eq!(client.caller().await.unwrap().principal.as_deref(), Some(RELAY_B));
    flows::mint(&client, &access(VAULT, &[])).await.unwrap();
    // And it is refused where it may not go, as itself.
    let error = flows::mint(&client, &access(DEPLOYER, &[])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert_sentence(&error);
}

// The command line.

#[test]
fn whoami_knows_every_file_and_refuses_what_cannot_be_used() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    let callers = emulator.first["callers"].as_array().unwrap().clone();
    let run = |file: &str, arguments: &[&str]| {
        let mut command = home.command(&[&["--credentials", file], arguments].concat());
        let output = command
            .envs(emulator.env())
            .env("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    assert_eq!(names(&callers[0]), ["principal", "kind", "path"]);
    for caller in &callers {
        let file = caller["path"].as_str().unwrap();
        let (code, out, err) = run(file, &["whoami", "--json"]);
        if caller["kind"] == "gdch_service_account" {
            assert_eq!((code, out.as_str()), (Some(3), ""), "{caller}");
            assert!(err.contains("Distributed Cloud"), "{err}");
            continue;
        }
        assert_eq!((code, err.as_str()), (Some(0), ""), "{caller}");
        let said: Value = serde_json::from_str(&out).unwrap();
        let principal = said["principal"].as_str().unwrap();
        let expected = caller["impersonates"].as_str().or(caller["principal"].as_str()).unwrap();
        assert!(
            expected == principal || expected.ends_with(&format!(":{principal}")),
            "{caller}: {principal}"
        );
        assert_eq!(
            said["source"],
            format!("--credentials {}", Path::new(file).file_name().unwrap().to_str().unwrap())
        );
    }
}

#[test]
fn a_program_is_run_only_with_googles_own_permission() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    let callers = emulator.first["callers"].as_array().unwrap();
    let program = callers.iter().map(|caller| caller["path"].as_str().unwrap()).find(|file| {
        let content: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        content["credential_source"]["executable"]["command"].is_string()
    });
    let mut command = home.command(&["--credentials", program.unwrap(), "whoami"]);
    const PERMISSION: &str = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES";
    let output = command.envs(emulator.env()).env_remove(PERMISSION).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1"), "{said}");
    // What the emulator prints for a shell gives it, for its own program's sake.
    let mut command = home.command(&["--credentials", program.unwrap(), "whoami"]);
    assert!(command.envs(emulator.env()).output().unwrap().status.success());
}

#[test]
fn a_file_that_sends_secrets_elsewhere_is_not_used_unasked() {
    let home = Home::new();
    let file = home.foreign_file(json!({}));
    let said = home.run(&["--credentials", &file, "whoami"]).failed(3);
    assert!(said.contains("https://sts.not-google.example/v1/token"), "{said}");
    assert!(said.contains("not Google's") && said.contains("confirm it once"), "{said}");
    // Asking is for a terminal only: what is piped in answers nothing.
    let said = home.run_with("y\n", &["--credentials", &file, "whoami"]).failed(3);
    assert!(said.contains("confirm it once"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_is_confirmed_beforehand_where_nobody_can_be_asked() {
    let home = Home::new();
    // A file is no witness for its own universe.
    let file = home.foreign_file(json!({"universe_domain": "not-google.example"}));
    let (address, asked) = proxy();
    let whoami =
        || home.command(&["--credentials", &file, "whoami"]).env("HTTPS_PROXY", &address).output().unwrap();
    assert_eq!(whoami().status.code(), Some(3));
    assert!(asked.try_recv().is_err(), "nothing was sent");
    let line = std::process::Command::new("sha256sum").arg(&file).output().unwrap().stdout;
    fs::write(home.path("state").join("trusted-files"), line).unwrap();
    assert_eq!(whoami().status.code(), Some(7));
    assert_eq!(asked.recv().unwrap().trim(), "CONNECT sts.not-google.example:443 HTTP/1.1");
}

#[test]
fn a_file_that_is_broken_is_one_sentence_with_file_and_field() {
    let home = Home::new();
    let whoami = |text: &str| {
        let file = home.file("broken.json", text);
        let error = home.run(&["--credentials", &file, "whoami", "--json"]).error(3);
        let message = error["message"].as_str().unwrap().to_owned();
        assert!(message.contains("broken.json") && message.ends_with('.'), "{message}");
        message
    };
    assert!(whoami("{").contains("JSON"));
    assert!(whoami("[]").contains("broken.json"));
    assert!(
        whoami(r#"{"type": "authorized_user", "client_id": "x", "client_secret": "y"}"#)
            .contains("“refresh_token”")
    );
    assert!(whoami(r#"{"type": "service_account", "client_email": 5}"#).contains("“client_email”"));
    assert!(whoami(r#"{"type": "something_new"}"#).contains("something_new"));
    let missing = home.run(&["--credentials", "nowhere.json", "whoami"]).failed(3);
    assert!(missing.contains("nowhere.json"), "{missing}");
    let folder = home.run(&["--credentials", ".", "whoami"]).failed(3);
    assert!(folder.contains("file"), "{folder}");
}

// The way there.

#[test]
fn a_proxy_is_used_for_googles_hosts() {
    let home = Home::new();
    let (address, asked) = proxy();
    let file =
        json!({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "1//r"});
    let file = home.file("user.json", file.to_string());
    let output =
        home.command(&["--credentials", &file, "whoami"]).env("HTTPS_PROXY", &address).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(asked.recv_timeout(PATIENCE).unwrap().trim(), "CONNECT oauth2.googleapis.com:443 HTTP/1.1");
}

#[test]
fn loopback_and_the_metadata_server_are_reached_past_a_proxy() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    let (address, asked) = proxy();
    for way in [&["whoami"][..], &["token", "metadata"]] {
        let mut command = home.command(way);
        let command = command.envs(emulator.env());
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, &address);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(asked.try_recv().is_err(), "nothing went through the proxy");
}

#[test]
fn hosts_of_no_proxy_are_reached_directly_in_each_of_its_forms() {
    let home = Home::new();
    let vars = [
        ("CLOUDSDK_AUTH_ACCESS_TOKEN", "ya29.x"),
        ("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "cloud.invalid"),
        ("GOOGLE_CLOUD_PROJECT", "acme-prod"),
    ];
    for (name, list, direct) in [
        ("NO_PROXY", "*.cloud.invalid", true),
        ("no_proxy", "10.0.0.0/8 iam.cloud.invalid:443", true),
        ("NO_PROXY", "iam.cloud.invalid:8443, *.invalid.example", false),
    ] {
        let (address, asked) = proxy();
        let mut command = home.command(&["accounts"]);
        let output = command.envs(vars).env("HTTPS_PROXY", &address).env(name, list).output().unwrap();
        assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(asked.try_recv().is_err(), direct, "{list}");
    }
}

#[test]
fn a_proxy_that_isnt_supported_is_named_with_what_is() {
    let home = Home::new();
    for (name, value) in
        [("HTTPS_PROXY", "socks5://127.0.0.1:1080"), ("ALL_PROXY", "socks5h://proxy.example:1")]
    {
        let mut command = home.command(&["accounts", "--project", "acme-prod"]);
        let output = command.env("CLOUDSDK_AUTH_ACCESS_TOKEN", "ya29.x").env(name, value).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let scheme = value.split(':').next().unwrap();
        assert!(said.contains(&format!("{scheme}:// isn't supported")), "{said}");
        assert!(said.contains("http://HOST:PORT") && said.contains("NO_PROXY"), "{said}");
        assert_eq!(output.status.code(), Some(2), "{said}");
    }
}

#[test]
fn a_machine_without_certificate_files_runs_the_demo() {
    let home = Home::new();
    let mut command = home.command(&["--demo", "whoami", "--json"]);
    let output = command.env("SSL_CERT_FILE", "/nowhere").env("SSL_CERT_DIR", "/nowhere").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_universe_is_where_its_credentials_call() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    let callers = emulator.first["callers"].as_array().unwrap();
    let key = callers.iter().find(|caller| caller["kind"] == "service_account").unwrap();
    let key = fs::read_to_string(key["path"].as_str().unwrap()).unwrap();
    let mut key: Value = serde_json::from_str(&key).unwrap();
    key["universe_domain"] = "cloud.example".into();
    key["token_uri"] = "https://oauth2.cloud.example/token".into();
    let file = home.file("key.json", key.to_string());
    // Only the environment can say that it is one of ours.
    let (address, asked) = proxy();
    let mut command = home.command(&["--credentials", &file, "accounts", "--project", "acme-prod"]);
    let output = command.env("HTTPS_PROXY", &address).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("cloud.example") && said.contains("confirm it once"), "{said}");
    assert!(asked.try_recv().is_err(), "nothing was sent");
    for (arguments, host) in [
        (&["accounts", "--project", "acme-prod"][..], "iam.cloud.example"),
        (&["token", "access", DEPLOYER], "iamcredentials.cloud.example"),
        (&["policy", "get", DEPLOYER], "iam.cloud.example"),
    ] {
        let (address, asked) = proxy();
        let mut command = home.command(&[&["--credentials", &file], arguments].concat());
        command.env("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "cloud.example");
        let output = command.env("HTTPS_PROXY", &address).output().unwrap();
        assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
        let line = asked.recv_timeout(PATIENCE).unwrap();
        assert_eq!(line.trim(), format!("CONNECT {host}:443 HTTP/1.1"), "{arguments:?}");
    }
    // An environment that names another universe than the credentials is no guess to make.
    let output = home
        .command(&["--credentials", &file, "accounts", "--project", "acme-prod"])
        .env("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "other.example")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("other.example") && said.contains("cloud.example"),
        "{said}"
    );
}
