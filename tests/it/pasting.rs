//! What is copied, and then pasted into a shell: whatever a policy, an account or a refusal holds, nothing acts before
//! Enter, and then exactly the programs are called that were meant, with exactly the words that were meant. Everything
//! that is copied for a shell is for a POSIX one, and so are these: impersona copies no form for PowerShell or cmd.exe.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use impersona::{
    api::{commands, credentials::preview, policies},
    http::{
        ApiError, Record,
        endpoints::Endpoints,
        record::{Content, Outcome},
    },
    local::env::Env,
    model::{
        account::project_of,
        caller::Caller,
        condition::Condition,
        credential::{MintRequest, Payload, What},
        denial::{Refusal, RequestContext},
        doctor::{Examined, Known, Step, StepAction, diagnose},
        member::Member,
        permission,
        policy::{
            Policy, Triple,
            diff::{Change, Op},
            export,
        },
        signed_url::SignedUrl,
        visible::is_unsafe,
    },
    tui::app::clip::Clip,
};
use jiff::Timestamp;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;

/// Pieces that end a paste, a word or a command, or are expanded, or hide.
const PIECES: [&str; 36] = [
    "\x1b[201~",
    "\x03",
    "\r",
    "\n",
    "\t",
    "\x7f",
    "\u{9b}201~",
    "\u{202e}",
    "\u{200b}",
    "\u{e0041}",
    "\u{fe0f}",
    "'",
    "\"",
    "`touch x`",
    "$(touch x)",
    "${IFS}",
    "$HOME",
    "\\",
    "\\0",
    "!!",
    "!x",
    ";",
    "&",
    "|",
    "> x",
    "*",
    "~",
    "=",
    "^",
    ",",
    "%s",
    "--help",
    " ",
    "\0",
    "é",
    "数",
];

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(PIECES.to_vec()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-z@.:/]{1,8}",
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// One copied text, and the programs that it is to call with these words.
struct Case {
    text: String,
    /// How many lines it has, whatever it is made from.
    lines: usize,
    /// What shows, run after it, what became of it; nothing where it calls programs itself.
    then: &'static str,
    calls: Vec<Vec<String>>,
}

impl Case {
    fn of(text: String, calls: Vec<Vec<String>>) -> Case {
        Case { text, lines: 1, then: "", calls }
    }

    fn one(text: String, words: &[&str]) -> Case {
        Case::of(text, vec![words.iter().map(|word| (*word).to_owned()).collect()])
    }
}

fn now() -> Timestamp {
    "2027-01-15T08:00:00Z".parse().unwrap()
}

/// What makes a case of each command that is copied or offered.
fn texts(seed: &[String; 6], folder: &Path) -> Vec<Case> {
    let google = Endpoints::new(&Env::default(), None).unwrap();
    let [member, role, title, expression, account, project] = seed;
    let mut all = minting(seed, &google, folder);
    let condition = Condition::new(title, expression).described(member);
    let triple = Triple { role: role.clone(), member: Member::read(member), condition: Some(condition) };
    let change = Change { op: Op::Change, was: None, ..Change::of(Op::Add, triple.clone()) };
    let binding = |verb: &str, condition: &str| {
        ["gcloud", "iam", "service-accounts", verb, account]
            .map(str::to_owned)
            .into_iter()
            .chain([format!("--member={member}"), format!("--role={role}"), condition.to_owned()])
            .chain([format!("--project={project}")])
            .collect::<Vec<_>>()
    };
    let (add, remove) = ("add-iam-policy-binding", "remove-iam-policy-binding");
    // How a condition is made one word has a test of its own.
    let added = binding(add, BEGINS_CONDITION);
    all.push(Case::of(export::gcloud(&Change::of(Op::Add, triple), account, project), vec![added.clone()]));
    let both = vec![added, binding(remove, "--condition=None")];
    all.push(Case { lines: 2, ..Case::of(export::gcloud(&change, account, project), both) });
    if let Ok(policy) =
        Policy::parse(json!({"etag": "BwX1", "bindings": [{"role": role, "members": [member]}]}))
        && let Ok(text) = policies::curl("a@b.iam.gserviceaccount.com", &policy, &google)
    {
        let body = json!({"policy": policy.to_write().unwrap(), "updateMask": "bindings,etag"}).to_string();
        let url = "https://iam.googleapis.com/v1/projects/-/serviceAccounts/a%40b.iam.gserviceaccount.com";
        let head = ["curl", "-sS", "-X", "POST", "-H", "Authorization: Bearer T"].map(str::to_owned);
        let read =
            ["-d".to_owned(), String::new(), format!("{url}:getIamPolicy?options.requestedPolicyVersion=3")];
        let write = ["-H", "Content-Type: application/json", "-d", &body, &format!("{url}:setIamPolicy")];
        let read = head.iter().cloned().chain(read).collect();
        let write = head.iter().cloned().chain(write.map(str::to_owned)).collect();
        all.push(Case { lines: 2, ..Case::of(text, vec![token(), read, token(), write]) });
    }
    let body = json!({ "audience": title }).to_string();
    let words = ["curl", "-sS", "-X", "POST", "-H", "Content-Type: application/json", "-d", &body];
    all.push(Case::one(record(&body).curl(), &[&words[..], &["https://iam.googleapis.com/v1/x"]].concat()));
    for variable in ["CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN"] {
        let moved = Env::from_vars([("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM", "http://127.0.0.1:1/")]);
        for endpoints in [&google, &Endpoints::new(&moved, None).unwrap()] {
            let text = commands::export(variable, title, endpoints);
            let then = match variable {
                "CLOUDSDK_AUTH_ACCESS_TOKEN" => "gcloud \"$CLOUDSDK_AUTH_ACCESS_TOKEN\"",
                _ => "gcloud \"$GOOGLE_OAUTH_ACCESS_TOKEN\"",
            };
            all.push(Case { then, ..Case::one(text, &["gcloud", title]) });
        }
    }
    all.push(Case::one(commands::show_policy(account), &["impersona", "policy", "get", account]));
    let (project, filter) = (format!("--project={project}"), format!("--filter=config.name:{role}"));
    let shown = ["gcloud", "services", "list", "--enabled", &project, &filter];
    all.push(Case::one(commands::show_api(&seed[5], role), &shown));
    all.extend(doctor(seed));
    all
}

/// Stands for every word that begins so.
const BEGINS_CONDITION: &str = "--condition=";

fn token() -> Vec<String> {
    ["gcloud", "auth", "print-access-token"].map(str::to_owned).into()
}

/// Every kind of request as gcloud and as curl.
fn minting(seed: &[String; 6], google: &Endpoints, folder: &Path) -> Vec<Case> {
    let [member, role, title, _, account, project] = seed;
    // A file that is there, under a name that is hostile.
    let name: String = member.chars().filter(|c| !matches!(c, '/' | '\0')).take(20).collect();
    let file = folder.join(format!("f{name}"));
    fs::write(&file, "text").unwrap();
    let path = file.display().to_string();
    let scopes = vec![title.clone(), role.clone()];
    let whole = format!("--impersonate-service-account={role},{account}");
    let through = format!("--impersonate-service-account={role}");
    let signer = format!("--iam-account={account}");
    let claims = json!({ "aud": title, "sub": member }).to_string();
    let url = SignedUrl {
        method: "GET".into(),
        bucket: "reports".into(),
        object: title.clone(),
        expires_seconds: 600,
        headers: vec![],
        query: vec![],
        virtual_host: false,
    };
    let sign = |verb: &'static str, input: &str| {
        let words = ["gcloud", "iam", "service-accounts", verb, &signer, &through, input, "-"];
        words.map(str::to_owned).to_vec()
    };
    let (audience, listed) = (format!("--audiences={title}"), format!("--scopes={title},{role}"));
    let object = format!("gs://reports/{title}");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let audience_of = |full| What::MetadataId { audience: title.clone(), full, licenses: full };
    let blob = |payload| What::SignedBlob(payload);
    let kinds = vec![
        (
            What::AccessToken { scopes: scopes.clone(), lifetime_seconds: 600 },
            words(&["gcloud", "auth", "print-access-token", &whole, "--lifetime=600s", &listed]),
        ),
        (
            What::IdToken { audience: title.clone(), include_email: true, organization_number: false },
            words(&["gcloud", "auth", "print-identity-token", &whole, &audience, "--include-email"]),
        ),
        (What::SignedJwt { claims, lifetime_seconds: None }, sign("sign-jwt", "/dev/stdin")),
        (blob(Payload::Bytes(title.clone().into_bytes())), sign("sign-blob", "/dev/stdin")),
        (blob(Payload::File(file)), sign("sign-blob", &path)),
        (
            What::SignedUrl(url),
            words(&["gcloud", "storage", "sign-url", &object, "--duration=600s", "--http-verb=GET", &whole]),
        ),
        (What::MetadataAccess { scopes }, words(&["gcloud", "auth", "print-access-token", account])),
        (
            audience_of(true),
            words(&[
                "gcloud",
                "auth",
                "print-identity-token",
                &audience,
                "--token-format=full",
                "--include-license",
            ]),
        ),
    ];
    let mut all = Vec::new();
    for (what, mut called) in kinds {
        let metadata = matches!(what, What::MetadataAccess { .. } | What::MetadataId { .. });
        if !metadata {
            called.push(format!("--billing-project={project}"));
        }
        let request = MintRequest { account: account.clone(), delegates: vec![role.clone()], what };
        if let Ok(command) = commands::gcloud(&request, google, Some(project), now()) {
            all.push(Case::of(command.text, vec![called]));
        }
        let Ok(command) = commands::curl(&request, google, Some(project), now()) else { continue };
        let sent = preview(&request, google, now()).unwrap();
        let url = format!("{}{}", google.url(sent.base), sent.url_path);
        let Some(body) = sent.body else {
            all.push(Case::one(command.text, &["curl", "-sS", "-H", "Metadata-Flavor: Google", &url]));
            continue;
        };
        let body = match &request.what {
            What::SignedBlob(Payload::File(_)) => "@-".to_owned(),
            _ => body.to_string(),
        };
        let charged = format!("x-goog-user-project: {project}");
        let posted = ["curl", "-sS", "-X", "POST", "-H", "Authorization: Bearer T", "-H", &charged, "-H"];
        let posted = [&posted[..], &["Content-Type: application/json", "-d", &body, &url]].concat();
        all.push(Case::of(command.text, vec![token(), words(&posted)]));
    }
    all
}

/// Each command that the doctor copies or prints for a shell, by the refusal that leads to it.
fn doctor(seed: &[String; 6]) -> Vec<Case> {
    // What is empty is not named at all, and another text stands in its place; what hides is taken out of an answer.
    let seed = &seed.clone().map(|text| format!("x{text}"));
    let read = refusal(403, "SERVICE_DISABLED", seed);
    let (role, project, account) = (read.service(), read.consumer().unwrap(), &read.metadata["email"]);
    let [member, _, title, ..] = seed;
    let caller = Caller { principal: Some(format!("{member}@x")), ..Caller::default() };
    let whom = caller.member().unwrap();
    let (of, member) = (format!("--project={project}"), format!("--member={whom}"));
    let enable = ["gcloud", "services", "enable", role, &of];
    let user = ["gcloud", "projects", "add-iam-policy-binding", project, &member];
    let user = [&user[..], &["--role=roles/serviceusage.serviceUsageConsumer", "--condition=None"]].concat();
    let there = project_of(account).map(|project| format!("--project={project}"));
    let state = ["gcloud", "iam", "service-accounts", "enable", account];
    let state = [&state[..], there.as_deref().as_slice()].concat();
    let billing = ["gcloud", "billing", "projects", "link", project, "--billing-account=ID"];
    let mut all = Vec::new();
    for (status, reason, expected) in [
        (403, "SERVICE_DISABLED", &enable[..]),
        (403, "USER_PROJECT_DENIED", &user),
        (401, "ACCOUNT_STATE_INVALID", &state),
        (403, "BILLING_DISABLED", &billing),
    ] {
        let steps = steps(status, reason, seed, Some(&caller));
        let copied = steps.iter().find_map(|step| match &step.what {
            StepAction::Copy { text, .. } if text.starts_with("gcloud ") => Some(text.clone()),
            _ => None,
        });
        all.push(Case::one(copied.unwrap_or_else(|| panic!("{reason} {steps:?}")), expected));
        let printed = steps.iter().map(Step::for_shell).filter_map(|(_, command)| command);
        all.extend(printed.filter(|text| text.starts_with("gcloud ")).map(|text| Case::one(text, expected)));
    }
    let permission = permission::GET_ACCESS_TOKEN;
    let grant = StepAction::Grant {
        account: account.to_owned(),
        member: Some(title.clone()),
        permission,
        may_edit: true,
    };
    let (to, gives) = (format!("--member={title}"), format!("--role={}", permission.role));
    for (what, expected) in [
        (grant, &["impersona", "policy", "grant", account, &to, &gives, "--expires=1h"][..]),
        (StepAction::Watch { account: account.to_owned(), permission }, &["impersona", "can", account]),
        (StepAction::ReadPolicy(account.to_owned()), &["impersona", "policy", "get", account]),
    ] {
        let step = Step { what, text: String::new() };
        all.push(Case::one(step.for_shell().1.unwrap(), expected));
    }
    all
}

/// The doctor's steps after such a refusal.
fn steps(status: u16, reason: &str, seed: &[String; 6], caller: Option<&Caller>) -> Vec<Step> {
    let examined = Examined::default();
    let known = Known { caller, examined: &examined, remedy: None, now: now() };
    diagnose(&refusal(status, reason, seed), &known).steps
}

/// A refusal that is made of these words.
fn refusal(status: u16, reason: &str, seed: &[String; 6]) -> Refusal {
    let [member, role, title, _, account, project] = seed;
    let body = json!({"error": {"code": status, "status": "PERMISSION_DENIED", "message": member, "details": [{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com",
        "metadata": {"service": role, "consumer": format!("projects/{project}"), "uid": title, "email": account}}]}});
    *ApiError::from_answer(status, body.to_string().as_bytes(), &RequestContext::default()).refusal.unwrap()
}

fn record(request: &str) -> Record {
    Record {
        id: 1,
        started: "2027-01-15T08:00:00Z".parse().unwrap(),
        method: "POST",
        scheme: "https",
        host: "iam.googleapis.com".into(),
        path: "/v1/x".into(),
        call: "x".into(),
        outcome: Outcome::Done,
        status: Some(200),
        latency: None,
        tries: 1,
        charged: None,
        bearer: false,
        content: Some(Content::Json),
        request: request.to_owned(),
        response: String::new(),
        response_bytes: 0,
        skew: None,
    }
}

/// The texts that say the same to people: nothing is run, and lines are ours alone.
fn messages(seed: &[String; 6]) -> Vec<String> {
    let [member, role, title, expression, account, project] = seed;
    let condition = Condition::new(title, expression).described(member);
    let triple = Triple { role: role.clone(), member: Member::read(member), condition: Some(condition) };
    let mut all = vec![
        export::terraform(&triple, account, project),
        export::request(&triple, account, project, Some(title)),
    ];
    for reason in [
        "SERVICE_DISABLED",
        "USER_PROJECT_DENIED",
        "ACCOUNT_STATE_INVALID",
        "SECURITY_POLICY_VIOLATED",
        "BILLING_DISABLED",
    ] {
        all.extend(steps(403, reason, seed, None).into_iter().filter_map(|step| match step.what {
            StepAction::Copy { text, .. } => Some(text),
            _ => None,
        }));
    }
    all
}

/// What is copied of it; none where a word cannot be given to any program. Nothing may have had to be taken out.
fn copied(text: &str) -> Option<String> {
    let clip = Clip::text(text, "it").ok()?;
    assert!(!clip.what().contains("without"), "{text:?} was made of its parts with care");
    let text = clip.content().expose().to_owned();
    assert!(!text.contains(|c| c != '\n' && is_unsafe(c)), "{text:?}");
    Some(text)
}

/// Runs commands in one shell where nothing can be found but stand-ins that note how they were called; gives the calls
/// of each.
fn run(shell: &str, folder: &Path, commands: &[String]) -> Vec<Vec<Vec<String>>> {
    let log = folder.join("log");
    fs::write(&log, "").unwrap();
    let note = |name: &str, says: &str| {
        format!("{name}() {{ printf '%s\\0' {name} \"$@\" '\n' >> '{}'; {says} }}\n", log.display())
    };
    let mut script = note("gcloud", "printf T;") + &note("curl", "") + &note("impersona", "");
    // What others stand in a pipe with them: they take all, and say nothing.
    for name in ["base64", "tr"] {
        script.push_str(&format!("{name}() {{ while IFS= read -r line; do :; done; }}\n"));
    }
    for command in commands {
        script.push_str(&format!("{command}\nprintf '\\n\\n\\0' >> '{}'\n", log.display()));
    }
    let mut child = Command::new(shell)
        .env_clear()
        .env("PATH", folder.join("empty"))
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell}");
    let noted = fs::read(&log).unwrap();
    let (mut all, mut calls, mut words) = (Vec::new(), Vec::new(), Vec::new());
    for word in noted.split(|byte| *byte == 0) {
        match word {
            b"\n" => calls.push(std::mem::take(&mut words)),
            b"\n\n" => all.push(std::mem::take(&mut calls)),
            word => words.push(String::from_utf8(word.to_vec()).unwrap()),
        }
    }
    all
}

#[test]
fn a_copied_command_calls_one_program_with_the_words_meant() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(6) });
    let seeds = prop::collection::vec(prop::array::uniform6(hostile()), 20);
    runner
        .run(&seeds, |seeds| {
            let mut wanted = Vec::new();
            let mut commands = Vec::new();
            for case in seeds.iter().flat_map(|seed| texts(seed, folder.path())) {
                match copied(&case.text) {
                    Some(text) => {
                        prop_assert_eq!(text.lines().count(), case.lines, "{:?}", text);
                        commands.push(format!("{text}\n{}", case.then));
                        wanted.push(case.calls);
                    }
                    None => {
                        let words = case.calls.concat();
                        prop_assert!(
                            seeds.iter().flatten().any(|word| word.contains('\0') || word.ends_with('\n')),
                            "{:?}",
                            words
                        );
                    }
                }
            }
            for shell in ["bash", "dash"]
                .map(|name| format!("/bin/{name}"))
                .iter()
                .filter(|path| Path::new(path).exists())
            {
                let all = run(shell, folder.path(), &commands);
                prop_assert_eq!(all.len(), wanted.len());
                for ((calls, wanted), command) in all.iter().zip(&wanted).zip(&commands) {
                    prop_assert_eq!(calls.len(), wanted.len(), "{} {:?}", shell, command);
                    for (words, wanted) in calls.iter().zip(wanted) {
                        prop_assert_eq!(words.len(), wanted.len(), "{} {:?} {:?}", shell, command, words);
                        for (word, wanted) in words.iter().zip(wanted) {
                            let whole = wanted != BEGINS_CONDITION;
                            prop_assert!(
                                if whole { word == wanted } else { word.starts_with(wanted) },
                                "{} {:?}: {:?} {:?}",
                                shell,
                                command,
                                word,
                                wanted
                            );
                        }
                    }
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_condition_is_one_word_that_gcloud_takes_apart_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let (title, expression) = ("a, b\x1b[201~\nc", "x == \"it's\" && !y");
    let condition = Condition::new(title, expression).described("d\u{202e}");
    let triple =
        Triple { role: "roles/x".into(), member: Member::read("user:a@b.c"), condition: Some(condition) };
    let command = export::gcloud(&Change::of(Op::Add, triple), "a@b.iam.gserviceaccount.com", "p");
    let calls = run("/bin/bash", folder.path(), &[copied(&command).unwrap()]);
    assert_eq!(
        calls[0][0][7],
        format!("--condition=^;^expression={expression};title={title};description=d\u{202e}")
    );
}

#[test]
fn nothing_that_is_copied_acts_where_it_is_pasted() {
    let lines =
        |seed: &[String; 6]| messages(seed).iter().map(|text| text.lines().count()).collect::<Vec<_>>();
    let plain =
        lines(&["user:a@b.c", "roles/x", "t", "true", "a@b.iam.gserviceaccount.com", "p"].map(str::to_owned));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(200) });
    runner
        .run(&prop::array::uniform6(hostile()), |seed| {
            let seed = seed.map(|text| format!("x{text}x"));
            let messages = messages(&seed);
            for text in &messages {
                copied(text);
            }
            for at in 0..2 {
                prop_assert_eq!(messages[at].lines().count(), plain[at], "{:?}", messages[at]);
            }
            Ok(())
        })
        .unwrap();
}
