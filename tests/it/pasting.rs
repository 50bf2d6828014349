//! What is copied, and then pasted into a shell: whatever a policy, an account or a refusal holds, nothing acts before
//! Enter, and then exactly one program is called with exactly the words that were meant.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use impersona::{
    api::{
        ApiError, Record, commands,
        endpoints::Endpoints,
        policies,
        record::{Content, Outcome},
    },
    app::clip::Clip,
    env::Env,
    model::{
        condition::Condition,
        credential::{MintRequest, What},
        denial::Asked,
        doctor::{Do, Examined, Known, diagnose},
        member::Member,
        policy::{
            Policy, Triple,
            diff::{Change, Op},
            export,
        },
        visible::is_unsafe,
    },
};
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

/// One copied text, and the programs that it is to call with these words: a word, or only how it begins.
struct Case {
    text: String,
    calls: Vec<Vec<String>>,
}

fn texts(seed: &[String; 6]) -> Vec<Case> {
    let [member, role, title, expression, account, project] = seed;
    let google = Endpoints::new(&Env::default(), None).unwrap();
    let condition = Condition::new(title, expression).described(member);
    let triple = Triple { role: role.clone(), member: Member::read(member), condition: Some(condition) };
    let change = Change::of(Op::Add, triple);
    let binding = vec![
        "gcloud".into(),
        "iam".into(),
        "service-accounts".into(),
        "add-iam-policy-binding".into(),
        account.clone(),
        format!("--member={member}"),
        format!("--role={role}"),
        "--condition=".into(),
        format!("--project={project}"),
    ];
    let at = "2027-01-15T08:00:00Z".parse().unwrap();
    let what = What::IdToken { audience: title.clone(), include_email: false, organization_number: false };
    let request = MintRequest { account: account.clone(), delegates: vec![role.clone()], what };
    let token = vec!["gcloud".into(), "auth".into(), "print-access-token".into()];
    let mint = vec![
        "gcloud".into(),
        "auth".into(),
        "print-identity-token".into(),
        format!("--impersonate-service-account={role},{account}"),
        format!("--audiences={title}"),
        format!("--billing-project={project}"),
    ];
    let body = json!({ "audience": title, "includeEmail": false, "delegates": [format!("projects/-/serviceAccounts/{role}")] });
    let posted = vec![
        "curl".into(),
        "-sS".into(),
        "-X".into(),
        "POST".into(),
        "-H".into(),
        "Authorization: Bearer T".into(),
        "-H".into(),
        format!("x-goog-user-project: {project}"),
        "-H".into(),
        "Content-Type: application/json".into(),
        "-d".into(),
        body.to_string(),
        "https://".into(),
    ];
    let record = record(&body.to_string());
    let again = vec![
        "curl".into(),
        "-sS".into(),
        "-X".into(),
        "POST".into(),
        "-H".into(),
        "Content-Type: application/json".into(),
        "-d".into(),
        body.to_string(),
        "https://iam.googleapis.com/v1/x".into(),
    ];
    vec![
        Case { text: export::gcloud(&change, account, project), calls: vec![binding] },
        Case {
            text: commands::gcloud(&request, &google, Some(project), at).unwrap().text,
            calls: vec![mint],
        },
        Case {
            text: commands::curl(&request, &google, Some(project), at).unwrap().text,
            calls: vec![token, posted],
        },
        Case { text: record.curl(), calls: vec![again] },
    ]
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
    let info = json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": member, "details": [{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED", "domain": "googleapis.com",
        "metadata": {"service": role, "consumer": format!("projects/{project}"), "uid": title, "email": account}}]}});
    let mut all = vec![
        export::terraform(&triple, account, project),
        export::request(&triple, account, project, Some(title)),
        Policy::parse(json!({"etag": "BwX1", "bindings": [{"role": role, "members": [member]}]}))
            .ok()
            .and_then(|policy| {
                policies::curl(
                    "a@b.iam.gserviceaccount.com",
                    &policy,
                    &Endpoints::new(&Env::default(), None).unwrap(),
                )
                .ok()
            })
            .unwrap_or_default(),
    ];
    for reason in [
        "SERVICE_DISABLED",
        "USER_PROJECT_DENIED",
        "ACCOUNT_STATE_INVALID",
        "SECURITY_POLICY_VIOLATED",
        "BILLING_DISABLED",
    ] {
        let body = info.to_string().replace("SERVICE_DISABLED", reason);
        let error = ApiError::from_answer(403, body.as_bytes(), &Asked::default());
        let (examined, now) = (Examined::default(), "2027-01-15T08:00:00Z".parse().unwrap());
        let known = Known { caller: None, examined: &examined, remedy: None, now };
        let steps = diagnose(error.refusal.as_deref().unwrap(), &known).steps;
        all.extend(steps.into_iter().filter_map(|step| match step.what {
            Do::Copy { text, .. } => Some(text),
            _ => None,
        }));
    }
    all
}

/// What is copied of it; none where a word cannot be given to any program. Nothing may have had to be taken out.
fn copied(text: &str) -> Option<String> {
    let clip = Clip::text(text, "it").ok()?;
    assert_eq!(clip.what(), "it", "{text:?} was made of its parts with care");
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
        format!(
            "{name}() {{ printf '%s\\0' {name} \"$@\" >> '{0}'; printf '\\n\\0' >> '{0}'; {says} }}\n",
            log.display()
        )
    };
    let mut script = note("gcloud", "printf T;") + &note("curl", "");
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
    let seeds = prop::collection::vec(prop::array::uniform6(hostile()), 60);
    runner
        .run(&seeds, |seeds| {
            let mut wanted = Vec::new();
            let mut commands = Vec::new();
            for case in seeds.iter().flat_map(texts) {
                match copied(&case.text) {
                    Some(text) => {
                        prop_assert!(!text.contains('\n'), "one line each: {:?}", text);
                        commands.push(text);
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
                            let whole = wanted != "--condition=" && wanted != "https://";
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
