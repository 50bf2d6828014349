//! Snapshots of the screens. A changed snapshot has to be looked at before it is accepted.

use std::time::Duration;

use crossterm::event::Event;
use jiff::Timestamp;
use ratatui::{buffer::Buffer, layout::Rect, style::Color};

use super::draw;
use crate::session::config::Mode;
use crate::tui::widgets::theme::Theme;
use crate::{
    http::{
        ApiError, ErrorKind, Record,
        record::{Content, Outcome},
    },
    keymap::{Place, docs},
    model::{
        account::{Account, AccountKey, UniqueId},
        caller::Caller,
        denial::RequestContext,
        permission::{Granted, MATRIX},
        project::{Ancestor, Project},
    },
    ops::{Call, Listed, Part, Reply},
    tui::app::{
        Start,
        msg::{Msg, Owner, PaneId},
        testing::{API, DEPLOYER, Screen, start},
    },
};

fn buffer(screen: &mut Screen, width: u16, height: u16, theme: &Theme) -> Buffer {
    screen.send(Msg::Input(Event::Resize(width, height)));
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    draw(&screen.app, screen.now, theme, &mut buf);
    buf
}

pub(super) fn picture(screen: &mut Screen, width: u16, height: u16) -> String {
    let buf = buffer(screen, width, height, &Theme::default());
    let row = |y: u16| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>();
    let rows: Vec<String> = (0..height).map(|y| row(y).trim_end().to_owned()).collect();
    rows.join("\n")
}

/// Snapshots at the three sizes that matter.
pub(super) fn pictures(name: &str, screen: &mut Screen) {
    for (width, height) in [(80, 24), (120, 40), (40, 10)] {
        let picture = picture(screen, width, height);
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), picture);
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time")
}

/// A known caller, a project below two folders, and four accounts, the first one open.
pub(super) fn opened() -> Screen {
    let mut screen = Screen::with(start());
    let caller = Caller {
        principal: Some("dev@example.com".into()),
        kind: "user".into(),
        source: "ADC".into(),
        ..Caller::default()
    };
    let req = screen.asked(|call| matches!(call, Call::IdentifyCaller {}));
    screen.reply(req, Ok(Reply::from(caller)));
    let req = screen.asked(|call| matches!(call, Call::GetProject { .. }));
    let project = Project { id: "acme-prod".into(), parent: "folders/2".into(), ..Project::default() };
    screen.reply(req, Ok(Reply::from(project)));
    let req = screen.asked(|call| matches!(call, Call::GetAncestors { .. }));
    let level =
        |name: &str, display_name: &str| Ancestor { name: name.into(), display_name: display_name.into() };
    let above =
        vec![level("folders/2", "shop"), level("folders/1", ""), level("organizations/9", "example.com")];
    screen.reply(req, Ok(Reply::from(above)));
    let req = screen.asked(|call| matches!(call, Call::ListAccounts { .. }));
    let mut accounts: Vec<Account> = [
        DEPLOYER,
        API,
        "canary@acme-prod.iam.gserviceaccount.com",
        "415104041262-compute@developer.gserviceaccount.com",
    ]
    .map(Account::named)
    .to_vec();
    accounts[2].disabled = true;
    screen.send(Msg::Part { req, owner: Owner::Pane(PaneId::Accounts), part: Part::Accounts(accounts) });
    screen.reply(req, Ok(Reply::from(Listed)));
    screen.keys("enter");
    let account = Account {
        unique_id: UniqueId::read("109300000000000004411"),
        display_name: "Deployer".into(),
        description: "Rolls releases out to production".into(),
        ..Account::named(DEPLOYER)
    };
    let req = screen.asked(|call| matches!(call, Call::GetAccount { .. }));
    screen.reply(req, Ok(Reply::from(account)));
    let names: Vec<&str> = MATRIX
        .iter()
        .map(|p| p.name)
        .filter(|name| !name.contains("Policy") && !name.contains("OpenId"))
        .collect();
    let req = screen.asked(|call| matches!(call, Call::TestPermissions { .. }));
    screen.reply(req, Ok(Reply::from(Granted::from_names(&names))));
    let key = AccountKey {
        id: "624c17268b56898009a0a1af3ff51f35c94e3a93".into(),
        created: Some(at(screen.now.utc.as_second() - 411 * 86_400)),
        expires: None,
        disabled: false,
    };
    let req = screen.asked(|call| matches!(call, Call::ListKeys { .. }));
    screen.reply(req, Ok(Reply::from(vec![key])));
    screen
}

fn denied_minting() -> ApiError {
    let body = br#"{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"IAM_PERMISSION_DENIED","domain":"iam.googleapis.com","metadata":{"permission":"iam.serviceAccounts.getAccessToken"}}]}}"#;
    let asked = RequestContext {
        service: "iamcredentials.googleapis.com".into(),
        resource: DEPLOYER.into(),
        ..RequestContext::default()
    };
    ApiError::from_answer(403, body, &asked)
}

#[test]
fn overview_and_accounts() {
    pictures("overview", &mut opened());
    pictures("accounts", opened().keys("0"));
}

#[test]
fn filter_and_empty_lists() {
    pictures("filter", opened().keys("0 /").typed("deploy"));
    pictures("filter_without_hits", opened().keys("0 /").typed("nobody@acme-stage"));
    let mut screen = Screen::with(start());
    let req = screen.asked(|call| matches!(call, Call::ListAccounts { .. }));
    screen.reply(
        req,
        Err(ApiError::new(ErrorKind::Denied, "Listing the accounts of acme-prod is denied to you.")),
    );
    pictures("listing_denied", &mut screen);
}

#[test]
fn mint_forms() {
    pictures("mint_access", opened().keys("t a"));
    pictures("mint_id", opened().keys("t i").typed("https://svc-a.run.app"));
    pictures("mint_id_refused_before_sending", opened().keys("t i ctrl-s"));
    pictures("mint_scopes_completed", opened().keys("t a ctrl-u").typed("devsto"));
    let mut screen = opened();
    screen.keys("t a ctrl-s");
    let req = screen.asked(|call| matches!(call, Call::Mint { .. } | Call::ExchangeJwt { .. }));
    screen.reply(req, Err(denied_minting()));
    pictures("mint_denied", &mut screen);
}

#[test]
fn shelf_with_live_ending_and_ended_rows() {
    let mut screen = opened();
    screen.keys("t a ctrl-s");
    screen.answer_mint();
    screen.wait(3_000);
    screen.keys("t i").typed("https://svc-a.run.app").keys("ctrl-s");
    screen.answer_mint();
    screen.wait(500);
    pictures("shelf_ending", &mut screen);
    screen.wait(220);
    screen.keys("*");
    pictures("shelf_ended_and_revealed", &mut screen);
}

#[test]
fn inspecting_a_pasted_token() {
    let mut screen = opened();
    screen.keys("4");
    pictures("inspect_empty", &mut screen);
    // {"alg":"RS256","typ":"JWT","kid":"3a088d4f"} · aud, azp, email, exp and so on, signed by nobody
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
    let now = screen.now.utc.as_second();
    let header = B64.encode(r#"{"alg":"RS256","typ":"JWT","kid":"3a088d4f"}"#);
    let claims = B64.encode(format!(
        r#"{{"aud":"https://svc-a.run.app/","azp":"109300000000000004411","email":"{DEPLOYER}","email_verified":true,"exp":{},"iat":{},"iss":"https://accounts.google.com","sub":"109300000000000004411"}}"#,
        now + 3_252,
        now - 348,
    ));
    screen.send(Msg::Input(Event::Paste(format!("Authorization: Bearer {header}.{claims}.c2lnbmF0dXJl"))));
    pictures("inspect", &mut screen);
    pictures("inspect_raw", screen.keys("v"));
}

#[test]
fn activity_and_its_details() {
    let mut screen = opened();
    let record = |id: u64, call: &'static str, status: Option<u16>, outcome: Outcome| Record {
        id,
        started: at(1_800_000_000),
        method: "POST",
        scheme: "https",
        host: "iamcredentials.googleapis.com".into(),
        path:
            "/v1/projects/-/serviceAccounts/deployer%40acme-prod.iam.gserviceaccount.com:generateAccessToken"
                .into(),
        call: call.into(),
        outcome,
        status,
        latency: status.map(|_| Duration::from_millis(41)),
        tries: 1,
        bearer: true,
        charged: None,
        content: Some(Content::Json),
        request: "{\n  \"lifetime\": \"3600s\"\n}".into(),
        response: "{\n  \"accessToken\": \"…(1,043 chars)\"\n}".into(),
        response_bytes: 1_100,
        skew: None,
    };
    let mint = "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken";
    for record in [
        record(1, mint, Some(200), Outcome::Done),
        record(2, mint, Some(403), Outcome::Failed("You can't".into())),
        record(3, mint, None, Outcome::Running),
    ] {
        screen.send(Msg::Http(Box::new(record)));
    }
    pictures("activity", screen.keys("6"));
    pictures("activity_details", screen.keys("G enter"));
}

#[test]
fn help_on_a_narrow_screen_says_all_of_it_over_more_lines() {
    let mut screen = opened();
    screen.keys("? g");
    let mut shown = String::new();
    for _ in 0..80 {
        let picture = picture(&mut screen, 40, 10);
        let line = picture.lines().nth(2).unwrap_or_default().trim_matches(['│', ' ']);
        shown.push_str(&format!("{line} "));
        screen.keys("j");
    }
    // The last page stays full.
    shown.push_str(&picture(&mut screen, 40, 10).replace(['│', '\n'], " "));
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let help = docs::help(&screen.app.shared.keymap, Place::Reading);
    assert!(help.iter().any(|(_, label)| label.len() > 25), "some are too long for a line");
    for (keys, label) in help {
        let both = format!("{keys} {label}");
        assert!(shown.contains(both.trim()), "“{both}” in {shown}");
    }
}

#[test]
fn a_matrix_that_could_not_be_asked_says_what_to_do_about_it() {
    let mut screen = opened();
    screen.keys("r");
    let req = screen.asked(|call| matches!(call, Call::TestPermissions { .. }));
    let error = ApiError::new(ErrorKind::Network, "no connection").with_next("Look at the cable.");
    screen.reply(req, Err(error));
    let shown = picture(&mut screen, 120, 40);
    assert!(shown.contains("no connection Look at the cable."), "{shown}");
}

#[test]
fn overlays() {
    pictures("help", opened().keys("?"));
    pictures("palette", opened().keys(":").typed("mint"));
    pictures("mint_menu", opened().keys("t"));
    pictures("account_by_name", opened().keys("0 A").typed("dev@example.com").keys("enter"));
    let mut screen = opened();
    screen.keys("t a ctrl-s");
    screen.answer_mint();
    pictures("copy_menu", screen.keys("y"));
    pictures("wipe", screen.keys("esc X"));
    let mut screen = Screen::with(Start { project: None, ..start() });
    let req = screen.asked(|call| matches!(call, Call::SearchProjects {}));
    let project =
        |id: &str, name: &str| Project { id: id.into(), display_name: name.into(), ..Project::default() };
    let page = vec![project("acme-prod", "Acme production"), project("acme-stage", "Acme staging")];
    screen.send(Msg::Part { req, owner: Owner::Root, part: Part::Projects(page) });
    pictures("project_picker", &mut screen);
}

#[test]
fn without_a_caller() {
    let error = ApiError::new(ErrorKind::Credentials, "No credentials found.")
        .with_next("Log in, or look around with `impersona --demo`.");
    pictures("no_caller", &mut Screen::with(Start { caller: Err(error), ..start() }));
}

#[test]
fn badges_say_what_is_unusual() {
    let mut screen = Screen::with(Start { read_only: true, demo: true, ..start() });
    assert!(picture(&mut screen, 120, 40).lines().next().is_some_and(|line| line.contains("read-only DEMO")));
}

#[test]
fn a_screen_that_is_too_small_says_so_and_comes_back() {
    let mut screen = opened();
    let before = picture(&mut screen, 80, 24);
    for (width, height) in [(39, 10), (40, 9), (1, 1), (3, 2)] {
        picture(&mut screen, width, height);
    }
    assert!(picture(&mut screen, 39, 9).contains("too small"));
    assert_eq!(picture(&mut screen, 80, 24), before);
}

#[test]
fn no_place_panics_at_any_size() {
    let everywhere = ["", "0", "0 /", "t a", "t i ctrl-s", "4", "6", "?", ":", "t", "0 A", "P", "X", "+"];
    for keys in everywhere {
        let mut screen = opened();
        screen.keys(keys);
        for (width, height) in
            [(40, 10), (41, 11), (55, 13), (79, 24), (99, 12), (100, 10), (200, 60), (300, 100)]
        {
            picture(&mut screen, width, height);
        }
    }
}

#[test]
fn without_colour_nothing_is_coloured() {
    let mut screen = opened();
    screen.keys("t a ctrl-s");
    screen.answer_mint();
    let buf = buffer(&mut screen, 120, 40, &Theme::new(Mode::None, true));
    assert!(buf.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
}

#[test]
fn an_ascii_locale_sees_ascii_only() {
    let mut screen = opened();
    screen.keys("t a ctrl-s");
    screen.answer_mint();
    let buf = buffer(&mut screen, 120, 40, &Theme::new(Mode::Dark, false));
    let odd: Vec<&str> =
        buf.content.iter().map(|cell| cell.symbol()).filter(|symbol| !symbol.is_ascii()).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[test]
fn hostile_names_reach_no_cell() {
    let mut screen = Screen::with(start());
    let req = screen.asked(|call| matches!(call, Call::ListAccounts { .. }));
    let hostile = "evil\u{1b}[31m\u{202e}\u{200b}\u{9b}2J\u{7}@acme-prod.iam.gserviceaccount.com";
    let account = Account { display_name: "\u{1b}]52;c;x\u{7}".into(), ..Account::named(hostile) };
    screen.send(Msg::Part {
        req,
        owner: Owner::Pane(PaneId::Accounts),
        part: Part::Accounts(vec![account.clone()]),
    });
    screen.reply(req, Ok(Reply::from(Listed)));
    screen.keys("enter");
    let req = screen.asked(|call| matches!(call, Call::GetAccount { .. }));
    screen.reply(req, Ok(Reply::from(account)));
    let picture = picture(&mut screen, 120, 40);
    assert!(!picture.contains(|c: char| c != '\n' && crate::text::safe::is_unsafe(c)), "{picture}");
}

#[test]
fn a_token_with_one_huge_claim_is_shown_in_part_with_what_is_left_out() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
    let claims = serde_json::json!({ "long": "é".repeat(350_000), "sub": "somebody" }).to_string();
    let token = format!("{}.{}.c2ln", B64.encode(r#"{"alg":"RS256"}"#), B64.encode(claims));
    let mut screen = opened();
    screen.keys("4");
    screen.send(Msg::Input(Event::Paste(token)));
    let first = picture(&mut screen, 120, 40);
    let last = picture(screen.keys("G"), 120, 40);
    assert!(first.contains("éééé") && last.contains("more bytes") && last.contains("somebody"), "{last}");
}
