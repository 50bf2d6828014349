//! Failed refreshes: in every pane the old rows stay on the screen, and beside them
//! one sentence says why they are old.

use crossterm::event::Event;
use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
};
use serde_json::json;

use super::{
    msg::{Msg, Owner, PaneId, ReqId},
    testing::{API, DEPLOYER, Screen},
};
use crate::{
    flows,
    http::{ApiError, ErrorKind, Record, record::Outcome},
    model::{
        account::{Account, AccountKey},
        caller::Caller,
        chain::{Hop, HopState},
        denial::RequestContext,
        permission::{GET_ACCESS_TOKEN, Granted},
        policy::Policy,
        project::{Ancestor, Project},
    },
    ops::{Call, Listed, Part, Reply},
    tui::view,
};

const SIZE: (u16, u16) = (160, 50);

/// The visible text, line by line, without the frames.
fn rows(screen: &Screen) -> String {
    let mut buf = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
    view::draw(&screen.app, screen.now, &crate::tui::widgets::theme::Theme::default(), &mut buf);
    let row = |cells: &[Cell]| cells.iter().map(Cell::symbol).collect::<String>();
    buf.content().chunks(SIZE.0.into()).map(|cells| row(cells) + "\n").collect()
}

/// The same in one line, because a sentence can wrap anywhere.
fn words(screen: &Screen, from: usize) -> String {
    let rows = rows(screen);
    let right = rows.lines().map(|line| line.chars().skip(from).collect::<String>());
    right
        .collect::<Vec<_>>()
        .join(" ")
        .replace(['│', '┃'], " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// One error of each kind with its own wording.
fn failures() -> Vec<ApiError> {
    let of = |kind, sentence: &str| ApiError::new(kind, sentence).with_next("Look there.");
    let refused = |status: u16, code: &str| {
        let body = json!({"error": {"code": status, "message": "In Google's words.", "status": code}});
        ApiError::from_answer(status, body.to_string().as_bytes(), &RequestContext::default())
    };
    vec![
        of(ErrorKind::Network, "Nobody is there."),
        of(ErrorKind::Timeout, "It took too long."),
        of(ErrorKind::Server, "A web page came."),
        refused(401, "UNAUTHENTICATED"),
        refused(403, "PERMISSION_DENIED"),
        refused(404, "NOT_FOUND"),
        refused(429, "RESOURCE_EXHAUSTED"),
        refused(503, "UNAVAILABLE"),
    ]
}

fn key() -> AccountKey {
    AccountKey { id: "624c17268b56".into(), created: None, expires: None, disabled: false }
}

fn policy(member: &str) -> Policy {
    let bindings = json!([{"role": "roles/iam.serviceAccountTokenCreator", "members": [member]}]);
    Policy::parse(json!({"version": 1, "etag": "A", "bindings": bindings})).expect("a policy")
}

fn levels() -> Vec<flows::Level> {
    let level = |name: &str, member: &str| flows::Level {
        name: name.into(),
        display_name: String::new(),
        policy: Ok(policy(member)),
    };
    vec![level("projects/acme-prod", "user:up@example.com"), level("organizations/9", "user:top@example.com")]
}

/// A successful answer to any call of a pane.
fn good(call: &Call) -> Option<Reply> {
    Some(match call {
        Call::ListAccounts { .. } | Call::SearchProjects {} => Reply::from(Listed),
        Call::GetAccount { .. } => {
            Reply::from(Account { display_name: "Rolls out".into(), ..Account::named(DEPLOYER) })
        }
        Call::ListKeys { .. } => Reply::from(vec![key()]),
        Call::TestPermissions { .. } => Reply::from(Granted::from_names(&[GET_ACCESS_TOKEN.name])),
        Call::GetProject { .. } => {
            Reply::from(Project { id: "acme-prod".into(), parent: "folders/2".into(), ..Project::default() })
        }
        Call::GetAncestors { .. } => {
            Reply::from(vec![Ancestor { name: "organizations/9".into(), display_name: "example.com".into() }])
        }
        Call::IdentifyCaller {} => Reply::from(Caller {
            principal: Some("dev@example.com".into()),
            kind: "user".into(),
            source: "ADC".into(),
            ..Caller::default()
        }),
        Call::GetPolicy { .. } => Reply::from(policy("user:own@example.com")),
        Call::GetInherited { .. } => Reply::from(levels()),
        Call::CheckChain { .. } => Reply::from(vec![Hop {
            from: None,
            to: DEPLOYER.into(),
            permission: GET_ACCESS_TOKEN,
            state: HopState::Yes("seen by somebody".into()),
        }]),
        _ => return None,
    })
}

/// Answers all calls since, and those that follow from the answers.
fn answer(screen: &mut Screen, from: usize) {
    let mut at = from;
    while let Some((req, call)) = screen.calls().get(at).map(|(req, call)| (*req, (*call).clone())) {
        at += 1;
        let owner = screen.owner(req);
        let part = match call {
            Call::ListAccounts { .. } => Some(Part::Accounts([DEPLOYER, API].map(Account::named).to_vec())),
            Call::SearchProjects {} => {
                let project = |id: &str| Project { id: id.into(), ..Project::default() };
                Some(Part::Projects(vec![project("acme-prod"), project("acme-stage")]))
            }
            _ => None,
        };
        part.into_iter().for_each(|part| screen.send(Msg::Part { req, owner, part }));
        if let Some(reply) = good(&call) {
            screen.reply(req, Ok(reply));
        }
    }
}

/// A screen after these keys, with everything answered.
fn shown(keys: &str) -> Screen {
    let mut screen = Screen::ready();
    screen.send(Msg::Input(Event::Resize(SIZE.0, SIZE.1)));
    answer(&mut screen, 0);
    for key in keys.split_whitespace() {
        let before = screen.calls().len();
        screen.keys(key);
        answer(&mut screen, before);
    }
    screen
}

/// The same with a credential on the shelf.
fn with_token() -> Screen {
    let mut screen = shown("enter t a ctrl-s");
    screen.answer_mint();
    screen
}

/// What is shown, the key that refreshes, the call that fails, and what stays.
struct Case {
    name: &'static str,
    keys: &'static str,
    again: &'static str,
    fails: fn(&Call) -> bool,
    stay: &'static [&'static str],
    /// The column from which the sentence is searched: beside the list of accounts.
    from: usize,
}

const CASES: [Case; 8] = [
    Case {
        name: "accounts",
        keys: "",
        again: "r",
        fails: |call| matches!(call, Call::ListAccounts { .. }),
        stay: &["deployer", "api"],
        from: 0,
    },
    Case {
        name: "the account",
        keys: "enter",
        again: "r",
        fails: |call| matches!(call, Call::GetAccount { .. }),
        stay: &["Rolls out", "624c1726", "yes"],
        from: 40,
    },
    Case {
        name: "keys",
        keys: "enter",
        again: "r",
        fails: |call| matches!(call, Call::ListKeys { .. }),
        stay: &["Rolls out", "624c1726", "yes"],
        from: 40,
    },
    Case {
        name: "permissions",
        keys: "enter",
        again: "r",
        fails: |call| matches!(call, Call::TestPermissions { .. }),
        stay: &["Rolls out", "624c1726", "yes"],
        from: 40,
    },
    Case {
        name: "policy",
        keys: "enter p",
        again: "r",
        fails: |call| matches!(call, Call::GetPolicy { .. }),
        stay: &["own@example.com", "up@example.com", "top@example.com"],
        from: 40,
    },
    Case {
        name: "inherited",
        keys: "enter p",
        again: "r",
        fails: |call| matches!(call, Call::GetInherited { .. }),
        stay: &["own@example.com", "up@example.com", "top@example.com"],
        from: 40,
    },
    Case {
        name: "a mint beside the shelf",
        keys: "",
        again: "",
        fails: |call| matches!(call, Call::Mint { .. } | Call::ExchangeJwt { .. }),
        stay: &["access token", "deployer"],
        from: 0,
    },
    Case {
        name: "caller",
        keys: "",
        again: "",
        fails: |call| matches!(call, Call::IdentifyCaller {}),
        stay: &["dev@example.com", "deployer"],
        from: 0,
    },
];

#[test]
fn what_was_read_stays_on_the_screen_when_reading_it_again_fails_with_the_sentence_beside_it() {
    let mut wrong = Vec::new();
    for Case { name, keys, again, fails, stay, from } in CASES {
        for error in failures() {
            let mut screen = match name {
                "a mint beside the shelf" => with_token(),
                _ => shown(keys),
            };
            let before = screen.calls().len();
            match name {
                "a mint beside the shelf" => {
                    screen.keys("T");
                }
                "caller" => {
                    let now = screen.now;
                    let mut out = super::shared::Out::default();
                    screen.app.ask_caller(now, &mut out);
                    screen.effects.extend(out.effects);
                }
                _ => {
                    screen.keys(again);
                }
            }
            let picture = rows(&screen);
            let missing = stay.iter().filter(|row| !picture.contains(**row));
            wrong.extend(
                missing
                    .map(|row| format!("{name}: {row} is not there while it is asked for again\n{picture}")),
            );
            let asked: Vec<(ReqId, Call)> =
                screen.calls().into_iter().skip(before).map(|(req, call)| (req, call.clone())).collect();
            assert!(asked.iter().any(|(_, call)| fails(call)), "{name}: nothing was asked again");
            for (req, call) in asked {
                if fails(&call) {
                    screen.reply(req, Err(error.clone()));
                } else if let Some(reply) = good(&call) {
                    screen.reply(req, Ok(reply));
                }
            }
            let picture = rows(&screen);
            let gone = stay.iter().filter(|row| !picture.contains(**row));
            wrong.extend(gone.map(|row| format!("{name}, {:?}: {row} is gone\n{picture}", error.kind)));
            let sentence = error.sentence();
            if !words(&screen, from).contains(&sentence) {
                wrong.push(format!("{name}, {:?}: it does not say: {sentence}\n{picture}", error.kind));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong, the first:\n{}\n\n{}",
        wrong.len(),
        wrong[0],
        wrong.iter().filter_map(|w| w.lines().next()).collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn levels_that_cannot_be_reached_again_keep_the_policies_that_were_read() {
    let mut screen = shown("enter p");
    let before = screen.calls().len();
    screen.keys("r");
    let down = || ApiError::new(ErrorKind::Network, "Nobody is there.");
    let asked: Vec<(ReqId, Call)> =
        screen.calls().into_iter().skip(before).map(|(req, call)| (req, call.clone())).collect();
    for (req, call) in asked {
        if matches!(call, Call::GetInherited { .. }) {
            // The flow succeeds, but every level of it is an error.
            let lost = |name: &str| flows::Level {
                name: name.into(),
                display_name: String::new(),
                policy: Err(down()),
            };
            screen.reply(req, Ok(Reply::from(vec![lost("projects/acme-prod"), lost("")])));
        } else {
            screen.reply(req, Ok(good(&call).expect("an answer")));
        }
    }
    let picture = rows(&screen);
    for row in ["up@example.com", "top@example.com", "Nobody is there."] {
        assert!(picture.contains(row), "{row}\n{picture}");
    }
    // A level that denies access now is different: the caller must no longer see what was read there.
    let req = {
        let before = screen.calls().len();
        screen.keys("r");
        let calls = screen.calls();
        let found = calls[before..].iter().find(|(_, call)| matches!(call, Call::GetInherited { .. }));
        found.expect("it was asked again").0
    };
    let denied = ApiError::new(ErrorKind::Denied, "It is closed.");
    let closed =
        flows::Level { name: "projects/acme-prod".into(), display_name: String::new(), policy: Err(denied) };
    screen.reply(req, Ok(Reply::from(vec![closed])));
    assert!(!rows(&screen).contains("up@example.com"));
}

#[test]
fn projects_that_were_found_stay_when_searching_again_fails() {
    for error in failures() {
        let mut screen = shown("P");
        assert!(rows(&screen).contains("acme-stage"), "{}", rows(&screen));
        screen.keys("esc");
        let before = screen.calls().len();
        screen.keys("P");
        let calls: Vec<ReqId> = screen.calls().into_iter().skip(before).map(|(req, _)| req).collect();
        for req in calls {
            screen.send(Msg::Reply { req, owner: Owner::Root, reply: Err(error.clone()) });
        }
        assert!(rows(&screen).contains("acme-stage"), "{}", rows(&screen));
        let said = words(&screen, 0);
        assert!(said.contains(&error.sentence()), "{}\n{}", error.sentence(), rows(&screen));
    }
}

#[test]
fn a_token_that_is_being_looked_at_stays_when_its_keys_cannot_be_had() {
    for error in failures() {
        let mut screen = shown("4");
        let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2FjY291bnRzLmdvb2dsZS5jb20iLCJzdWIiOiJ4In0.c2ln";
        screen.send(Msg::Input(Event::Paste(token.into())));
        assert_eq!(screen.app.pane, PaneId::Inspect);
        assert!(rows(&screen).contains("accounts.google.com"), "{}", rows(&screen));
        let before = screen.calls().len();
        screen.keys("enter");
        let calls: Vec<ReqId> = screen.calls().into_iter().skip(before).map(|(req, _)| req).collect();
        assert!(!calls.is_empty(), "it asks for keys\n{}", rows(&screen));
        for req in calls {
            screen.reply(req, Err(error.clone()));
        }
        assert!(rows(&screen).contains("accounts.google.com"), "{}", rows(&screen));
        assert!(words(&screen, 115).contains(&error.sentence()), "{}\n{}", error.sentence(), rows(&screen));
    }
}

#[test]
fn requests_that_were_recorded_stay_when_one_fails() {
    let mut screen = shown("6");
    let record = |id: u64, call: &'static str, status: Option<u16>, outcome: Outcome| Record {
        id,
        started: screen.now.utc,
        call: call.into(),
        status,
        ..Record::of_a_read(outcome)
    };
    let records = [
        record(1, "google.iam.admin.v1.IAM.GetServiceAccount", Some(200), Outcome::Done),
        record(
            2,
            "google.iam.admin.v1.IAM.ListServiceAccountKeys",
            None,
            Outcome::Failed("Nobody is there.".into()),
        ),
    ];
    records.into_iter().for_each(|record| screen.send(Msg::Http(Box::new(record))));
    for row in ["GetServiceAccount", "ListServiceAccountKeys"] {
        assert!(rows(&screen).contains(row), "{row}\n{}", rows(&screen));
    }
    screen.keys("enter");
    assert!(rows(&screen).contains("Nobody is there."), "{}", rows(&screen));
}
