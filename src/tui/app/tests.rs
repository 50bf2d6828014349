//! The effects of keys and answers.

use crossterm::event::Event;

use super::{
    Focus, Start,
    msg::{Effect, Level, Msg, Owner, PaneId, ReqId, TimerId},
    testing::{API, DEPLOYER, Screen, denied, minted, start},
    writes::Write,
};
use crate::{
    http::{ApiError, ErrorKind},
    keymap::{Action, Place},
    model::{
        account::{Account, AccountRef, UniqueId},
        caller::Caller,
        credential::What,
        denial::{Refusal, RequestContext},
        permission::Granted,
        project::Project,
    },
    ops::{Call, Listed, Part, Reply},
    tui::overlays::Overlay,
};

#[test]
fn starting_asks_who_calls_and_lists_the_project_and_nothing_else() {
    let screen = Screen::with(start());
    let calls: Vec<&Call> = screen.calls().into_iter().map(|(_, call)| call).collect();
    assert!(matches!(calls[0], Call::IdentifyCaller {}));
    assert_eq!(calls.len(), 3, "{calls:?}");
}

#[test]
fn without_a_project_the_picker_opens_and_a_project_can_be_typed_though_searching_is_denied() {
    let mut screen = Screen::with(Start { project: None, ..start() });
    assert_eq!(screen.app.place(), Place::Text);
    let search = screen.asked(|call| matches!(call, Call::SearchProjects {}));
    screen.reply(search, Err(denied()));
    screen.typed("acme-stage").keys("enter");
    assert_eq!(screen.app.shared.workspace.project.as_deref(), Some("acme-stage"));
    screen.asked(|call| matches!(call, Call::ListAccounts { project } if project == "acme-stage"));
}

#[test]
fn without_a_caller_the_screen_opens_says_so_and_inspects() {
    let error =
        ApiError::new(ErrorKind::Credentials, "no credentials were found").with_next("run impersona --demo");
    let mut screen = Screen::with(Start { caller: Err(error), ..start() });
    assert!(screen.calls().is_empty());
    assert!(
        screen.notice().contains("no credentials were found") && screen.notice().contains("--demo"),
        "{}",
        screen.notice()
    );
    screen.keys("4");
    screen.send(Msg::Input(Event::Paste("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.".into())));
    assert_eq!(screen.app.pane, PaneId::Inspect);
    assert!(screen.calls().is_empty(), "nothing inspected is sent");
}

#[test]
fn moving_asks_nothing_and_opening_asks_three_things() {
    let mut screen = Screen::ready();
    let before = screen.calls().len();
    screen.keys("j k j G g");
    assert_eq!(screen.calls().len(), before);
    screen.keys("enter");
    assert_eq!(screen.calls().len(), before + 3);
    assert_eq!(screen.app.shared.workspace.opened.as_deref(), Some(DEPLOYER));
}

#[test]
fn a_superseded_answer_is_dropped() {
    let mut screen = Screen::ready();
    screen.keys("enter r");
    let tests: Vec<ReqId> = screen
        .calls()
        .into_iter()
        .filter(|(_, call)| matches!(call, Call::TestPermissions { .. }))
        .map(|(req, _)| req)
        .collect();
    assert_eq!(tests.len(), 2);
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Cancel(req) if *req == tests[0])));
    screen.reply(tests[0], Ok(Reply::from(Granted::from_names(&["iam.serviceAccounts.signJwt"]))));
    assert_eq!(screen.app.shared.workspace.granted(DEPLOYER), None, "the late answer counts for nothing");
    screen.reply(tests[1], Ok(Reply::from(Granted::from_names::<&str>(&[]))));
    assert!(screen.app.shared.workspace.granted(DEPLOYER).is_some_and(|granted| granted.is_none()));
}

#[test]
fn an_answer_belongs_to_the_account_it_was_asked_about() {
    let mut screen = Screen::ready();
    screen.keys("enter");
    let first = screen.asked(|call| matches!(call, Call::TestPermissions { account } if account == DEPLOYER));
    screen.keys("0 j enter");
    screen.reply(first, Ok(Reply::from(Granted::from_names(&["iam.serviceAccounts.signJwt"]))));
    assert!(screen.app.shared.workspace.granted(DEPLOYER).is_some());
    assert_eq!(screen.app.shared.workspace.granted(API), None);
}

#[test]
fn a_hung_request_never_holds_a_key_back() {
    let mut screen = Screen::ready();
    screen.keys("enter 0 j t i").typed("https://svc.example.com");
    assert_eq!(
        screen.app.shared.workspace.opened.as_deref(),
        Some(API),
        "t means the account under the cursor"
    );
    screen.keys("ctrl-s");
    assert_eq!(screen.mints().len(), 1);
    screen.wait(3_600);
    screen.keys("esc esc esc j 6 4 0");
    assert_eq!(screen.app.focus, Focus::List);
}

#[test]
fn minting_by_keys_sends_what_the_form_says_and_shelves_the_answer() {
    let mut screen = Screen::ready();
    screen.keys("enter t a ctrl-s");
    let request = screen.mints()[0].clone();
    let cloud = "https://www.googleapis.com/auth/cloud-platform".to_owned();
    assert_eq!(request.what, What::AccessToken { scopes: vec![cloud], lifetime_seconds: 3_600 });
    screen.answer_mint();
    assert_eq!(screen.app.shared.shelf.items().len(), 1);
    assert_eq!(screen.app.place(), Place::Shelf);
    assert!(screen.notice().contains("Minted"));
}

#[test]
fn an_id_token_needs_an_audience_and_says_so_beside_the_field_before_anything_is_sent() {
    let mut screen = Screen::ready();
    screen.keys("enter t i ctrl-s");
    assert!(screen.mints().is_empty());
    assert_eq!(screen.app.place(), Place::Form);
    screen.typed("https://svc.example.com").keys("ctrl-s");
    assert!(
        matches!(&screen.mints()[0].what, What::IdToken { audience, include_email: true, .. } if audience == "https://svc.example.com")
    );
}

#[test]
fn a_form_swallows_every_global_letter() {
    let mut screen = Screen::ready();
    screen.keys("enter t i");
    let before = screen.effects.len();
    let letters: String = ('!'..='~').collect();
    screen.typed(&letters);
    assert_eq!(screen.app.place(), Place::Form);
    assert!(screen.app.overlays.is_empty());
    assert!(screen.effects[before..].iter().all(|effect| matches!(effect, Effect::After(..))));
    // Also on a box.
    screen.keys("tab").typed("qXtPT:/?").keys("4 6");
    assert_eq!((screen.app.place(), screen.app.pane), (Place::Form, PaneId::Mint));
}

#[test]
fn letters_in_a_filter_are_letters() {
    let mut screen = Screen::ready();
    let before = screen.effects.len();
    screen.keys("/").typed("qtXP4");
    assert_eq!(screen.effects.len(), before);
    assert_eq!((screen.app.place(), screen.app.focus), (Place::Text, Focus::List));
    screen.keys("esc");
    assert_eq!(screen.app.place(), Place::Accounts);
}

#[test]
fn a_denial_is_a_sentence_and_keeps_what_was_typed() {
    let mut screen = Screen::ready();
    screen.keys("enter t a ctrl-s");
    let req = screen.asked(|call| matches!(call, Call::Mint { .. } | Call::ExchangeJwt { .. }));
    screen.reply(req, Err(denied()));
    assert_eq!(screen.app.place(), Place::Form);
    assert!(screen.app.shared.shelf.items().is_empty());
    screen.keys("ctrl-s");
    assert_eq!(screen.mints().len(), 2);
}

#[test]
fn what_was_refused_before_the_caller_was_known_is_explained_by_what_is_known_then() {
    let mut screen = Screen::ready();
    screen.keys("enter t a ctrl-s");
    let minted = screen.asked(|call| matches!(call, Call::Mint { .. } | Call::ExchangeJwt { .. }));
    let asked = RequestContext {
        method: "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken".into(),
        ..RequestContext::default()
    };
    let refusal = Refusal {
        status: 403,
        code: "PERMISSION_DENIED".into(),
        reason: Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT".into()),
        asked,
        ..Refusal::default()
    };
    let mut error = denied();
    error.refusal = Some(Box::new(refusal));
    screen.reply(minted, Err(error));
    screen.keys("esc x");
    let evidence = |screen: &Screen| match screen.app.overlays.last() {
        Some(Overlay::Doctor(doctor)) => format!("{:?}", doctor.diagnosis()),
        other => panic!("no doctor: {other:?}"),
    };
    assert!(!evidence(&screen).contains("your token has"));
    let req = screen.asked(|call| matches!(call, Call::IdentifyCaller {}));
    let scopes = vec!["https://www.googleapis.com/auth/devstorage.read_only".into()];
    let known = Caller { source: "ADC".into(), scopes, ..Caller::default() };
    screen.reply(req, Ok(Reply::from(known)));
    assert!(evidence(&screen).contains("your token has devstorage.read_only"), "{}", evidence(&screen));
    screen.keys("esc x");
    assert!(evidence(&screen).contains("your token has devstorage.read_only"), "{}", evidence(&screen));
}

#[test]
fn esc_cancels_a_mint_under_way_and_its_late_answer_is_dropped() {
    let mut screen = Screen::ready();
    screen.keys("enter t a ctrl-s esc");
    let req = screen.asked(|call| matches!(call, Call::Mint { .. } | Call::ExchangeJwt { .. }));
    assert!(
        screen.effects.iter().any(|effect| matches!(effect, Effect::Cancel(cancelled) if *cancelled == req))
    );
    let (request, now) = (screen.mints()[0].clone(), screen.now.utc);
    screen.reply(req, Ok(minted(&request, now)));
    assert!(screen.app.shared.shelf.items().is_empty());
}

#[test]
fn the_last_mint_can_be_sent_again_from_anywhere() {
    let mut screen = Screen::with_token();
    screen.keys("1 T");
    let mints = screen.mints();
    assert_eq!((mints.len(), mints[0]), (2, mints[1]));
    assert_eq!(screen.app.pane, PaneId::Mint);
}

#[test]
fn a_revealed_secret_masks_itself_and_an_earlier_timer_masks_nothing() {
    let mut screen = Screen::with_token();
    screen.keys("* * *");
    let turns: Vec<TimerId> = screen
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::After(timer @ TimerId::Mask(_), wait) => Some((timer, wait)).map(|(timer, wait)| {
                assert_eq!(*wait, crate::tui::panes::mint::REVEALED);
                *timer
            }),
            _ => None,
        })
        .collect();
    assert_eq!((turns.len(), screen.app.shared.shelf.revealed()), (2, Some(0)));
    screen.send(Msg::Timer(turns[0]));
    assert_eq!(screen.app.shared.shelf.revealed(), Some(0));
    screen.send(Msg::Timer(turns[1]));
    assert_eq!(screen.app.shared.shelf.revealed(), None);
}

#[test]
fn the_clock_is_right_after_an_hour_idle_and_nothing_ticks_when_nothing_counts_down() {
    let mut screen = Screen::with_token();
    let ticks = |effects: &[Effect]| {
        effects.iter().filter(|e| matches!(e, Effect::After(TimerId::Second, _))).count()
    };
    assert_eq!(ticks(&screen.effects), 1, "one timer while one runs down");
    screen.wait(3_601);
    screen.effects.clear();
    screen.send(Msg::Timer(TimerId::Second));
    assert_eq!(ticks(&screen.effects), 0, "it has ended: nothing is left to count");
    let credential = screen.app.shared.shelf.get(0).expect("shelved");
    assert!(credential.ended(screen.now.utc));
}

#[test]
fn wiping_asks_first_and_then_takes_everything() {
    let mut screen = Screen::with_token();
    screen.keys("X n");
    assert_eq!(screen.app.shared.shelf.items().len(), 1);
    screen.keys("X y");
    assert!(screen.app.shared.shelf.items().is_empty());
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::ClearClipboard)));
}

#[test]
fn copying_names_what_was_copied_and_the_menu_offers_only_what_makes_sense() {
    let mut screen = Screen::with_token();
    screen.keys("y");
    assert!(
        matches!(screen.app.overlays.last(), Some(Overlay::Menu { actions, .. }) if !actions.contains(&Action::CopyHex))
    );
    screen.keys("e");
    let clip = screen
        .effects
        .iter()
        .find_map(|effect| if let Effect::Copy(clip) = effect { Some(clip) } else { None })
        .expect("copied");
    assert_eq!(clip.content().expose(), " export CLOUDSDK_AUTH_ACCESS_TOKEN=ya29.c.test");
    assert!(clip.is_sensitive() && clip.what().contains("deployer@acme-prod"));
}

#[test]
fn esc_goes_one_step_back_and_never_quits() {
    let mut screen = Screen::ready();
    screen.keys("enter t a");
    screen.keys("?").typed("x");
    screen.keys("esc esc esc esc esc esc");
    assert_eq!((screen.app.focus, screen.app.place()), (Focus::List, Place::Accounts));
    assert!(!screen.effects.iter().any(|effect| matches!(effect, Effect::Quit(_))));
}

#[test]
fn leaving_works_in_text_in_forms_and_over_pop_ups() {
    for keys in ["/", "enter t i", "?", "ctrl-p", "X", "P", ""] {
        let mut screen = Screen::ready();
        screen.keys(keys).keys("ctrl-c");
        assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Quit(130))), "{keys}");
    }
}

#[test]
fn while_a_write_is_waited_for_with_the_terminal_given_back_only_leaving_and_stopping_are_heard() {
    let mut screen = Screen::ready();
    let write = Write { what: "a policy".into(), check: "look".into() };
    screen.app.shared.requests.writes.begin(ReqId(7_777), write);
    screen.keys("enter ctrl-c");
    assert!(screen.app.is_leaving());
    screen.effects.clear();
    screen.keys("t a ctrl-s X enter ctrl-p ? Y q").typed("text");
    screen.send(Msg::Input(Event::Paste("pasted".into())));
    assert!(screen.effects.is_empty(), "{:?}", screen.effects);
    assert!(screen.app.overlays.is_empty());
    screen.keys("ctrl-z");
    assert!(matches!(screen.effects.as_slice(), [Effect::Suspend]), "{:?}", screen.effects);
    screen.keys("ctrl-c");
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Quit(130))));
}

#[test]
fn a_paste_outside_text_is_not_run_as_keys() {
    let mut screen = Screen::ready();
    screen.send(Msg::Input(Event::Paste("qqq\nX\ny".into())));
    assert!(!screen.effects.iter().any(|effect| matches!(effect, Effect::Quit(_))));
    assert!(screen.app.overlays.is_empty() && screen.notice().contains("Paste ignored"));
}

#[test]
fn a_failed_refresh_keeps_the_old_list_and_says_why() {
    let mut screen = Screen::ready();
    screen.keys("r");
    let req = screen.asked(|call| matches!(call, Call::ListAccounts { .. }));
    screen.reply(req, Err(ApiError::new(ErrorKind::Network, "the network is away")));
    assert!(screen.app.panes.accounts.selected().is_some());
    assert!(screen.notice().contains("the network is away"));
}

#[test]
fn an_account_can_be_opened_by_name_where_listing_is_denied() {
    let mut screen = Screen::with(start());
    let req = screen.asked(|call| matches!(call, Call::ListAccounts { .. }));
    screen.reply(req, Err(denied()));
    screen.keys("enter").typed("hidden@acme-locked").keys("enter");
    assert_eq!(
        screen.app.shared.workspace.opened.as_deref(),
        Some("hidden@acme-locked.iam.gserviceaccount.com")
    );
}

#[test]
fn an_account_of_googles_own_is_not_opened_and_the_reason_is_shown() {
    let agent = "service-8150@gcp-sa-eventarc.iam.gserviceaccount.com";
    let mut screen = Screen::ready();
    screen.keys("/").typed(agent).keys("enter enter");
    assert!(screen.notice().contains("belongs to Google"), "{}", screen.notice());
    screen.app.shared.remembered.accounts = vec![agent.to_owned()];
    screen.keys("esc A").typed("eventarc").keys("enter");
    assert!(screen.notice().contains("belongs to Google"), "{}", screen.notice());
    assert_eq!(screen.app.shared.workspace.opened, None);
    screen.keys("esc enter t a tab tab").typed("service-8150@compute-system").keys("ctrl-s");
    assert!(
        !screen.effects.iter().any(|effect| matches!(effect, Effect::Call { call: Call::Mint { .. }, .. }))
    );
}

#[test]
fn accounts_of_a_domains_project_are_found_and_opened_by_their_short_form() {
    let mut screen = Screen::with(start());
    let req = screen.asked(|call| matches!(call, Call::ListAccounts { .. }));
    let email = "mail@till.example.org.iam.gserviceaccount.com";
    let (part, owner) = (Part::Accounts(vec![Account::named(email)]), Owner::Pane(PaneId::Accounts));
    screen.send(Msg::Part { req, owner, part });
    screen.keys("/").typed("example.org:till").keys("enter");
    assert_eq!(screen.app.panes.accounts.selected().map(|account| account.email.as_str()), Some(email));
    screen.keys("enter");
    assert_eq!(screen.app.shared.workspace.opened.as_deref(), Some(email));
}

#[test]
fn a_deep_link_opens_its_account_and_pane_and_acts_on_nothing() {
    let start = Start { account: Some(AccountRef::read(DEPLOYER)), pane: Some(PaneId::Mint), ..start() };
    let screen = Screen::with(start);
    assert_eq!((screen.app.pane, screen.app.focus), (PaneId::Mint, Focus::Pane));
    assert!(screen.mints().is_empty());
}

#[test]
fn the_palette_finds_a_command_and_carries_it_out() {
    let mut screen = Screen::ready();
    screen.keys("enter :").typed("id token").keys("enter");
    assert_eq!((screen.app.pane, screen.app.place()), (PaneId::Mint, Place::Form));
    assert!(screen.app.overlays.is_empty());
}

#[test]
fn a_quiet_notice_goes_away_and_an_error_stays_until_a_key() {
    let mut screen = Screen::ready();
    screen.send(Msg::Copied(Ok("copied".into())));
    let timer =
        screen.effects.iter().rev().find_map(|e| {
            if let Effect::After(timer @ TimerId::Notice(_), _) = e { Some(*timer) } else { None }
        });
    screen.send(Msg::Timer(timer.expect("it ends by itself")));
    assert_eq!(screen.notice(), "");
    screen.send(Msg::Copied(Err("no".into())));
    assert_eq!(screen.app.notice.as_ref().map(|notice| notice.level), Some(Level::Error));
    screen.keys("j");
    assert_eq!(screen.notice(), "");
}

#[test]
fn nothing_is_redrawn_when_nothing_changed() {
    let mut screen = Screen::ready();
    screen.app.take_dirty();
    screen.keys("k");
    assert!(!screen.app.take_dirty(), "the cursor was at the top already");
    screen.send(Msg::Timer(TimerId::Notice(999)));
    assert!(!screen.app.take_dirty(), "a late timer");
    screen.keys("j");
    assert!(screen.app.take_dirty());
}

#[test]
fn another_project_and_a_shorter_list_keep_the_screen_standing() {
    let mut screen = Screen::ready();
    screen.keys("G P").typed("acme-stage").keys("enter");
    assert_eq!(screen.app.shared.workspace.project.as_deref(), Some("acme-stage"));
    let mut screen = Screen::ready();
    screen.keys("G r");
    let req = screen.asked(|call| matches!(call, Call::ListAccounts { .. }));
    let owner = Owner::Pane(PaneId::Accounts);
    screen.send(Msg::Part { req, owner, part: Part::Accounts(vec![Account::named(DEPLOYER)]) });
    screen.reply(req, Ok(Reply::from(Listed)));
    assert_eq!(screen.app.panes.accounts.selected().map(|account| account.email.as_str()), Some(DEPLOYER));
}

#[test]
fn a_deep_link_puts_the_cursor_on_its_account() {
    let mut screen = Screen::with(Start { account: Some(AccountRef::read(API)), ..start() });
    let req = screen.asked(|call| matches!(call, Call::ListAccounts { .. }));
    let accounts = [DEPLOYER, API].map(Account::named).to_vec();
    screen.send(Msg::Part { req, owner: Owner::Pane(PaneId::Accounts), part: Part::Accounts(accounts) });
    screen.reply(req, Ok(Reply::from(Listed)));
    assert_eq!(screen.app.panes.accounts.selected().map(|account| account.email.as_str()), Some(API));
}

#[test]
fn a_pasted_credential_is_kept_out_of_fields() {
    let mut screen = Screen::ready();
    screen.keys("enter t a");
    screen.send(Msg::Input(Event::Paste("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln".into())));
    assert!(screen.notice().contains("looks like a credential"));
    screen.keys("ctrl-s");
    assert_eq!(screen.mints().len(), 1, "the form is as it was");
}

#[test]
fn a_paste_that_a_line_cannot_hold_is_refused_with_the_reason_and_not_cut() {
    let mut screen = Screen::ready();
    screen.keys("/").typed("dep");
    screen.send(Msg::Input(Event::Paste("x".repeat(8_190))));
    assert!(screen.notice().contains("would have 8,193 characters"), "{}", screen.notice());
    assert!(screen.app.panes.accounts.selected().is_some(), "what was typed still filters");
    screen.keys("esc :");
    screen.send(Msg::Input(Event::Paste("x".repeat(10_000))));
    assert!(screen.notice().contains("would have 10,000 characters"), "{}", screen.notice());
}

#[test]
fn inspector_form_closes_after_a_rejected_paste() {
    let mut screen = Screen::ready();
    screen.keys("4");
    screen.send(Msg::Input(Event::Paste("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln".into())));
    screen.keys("e tab tab");
    assert_eq!(screen.app.place(), Place::Form);
    screen.send(Msg::Input(Event::Paste("x".repeat(10_000))));
    screen.keys("ctrl-s");
    assert_eq!(screen.app.place(), Place::Inspect);
}

#[test]
fn the_mint_pane_opens_on_the_shelf_so_that_keys_still_act() {
    let mut screen = Screen::ready();
    screen.keys("enter 3 4");
    assert_eq!(screen.app.pane, PaneId::Inspect);
}

fn project(id: &str) -> Project {
    Project { id: id.into(), ..Project::default() }
}

#[test]
fn a_project_typed_whole_is_the_one_that_is_opened() {
    let mut screen = Screen::with(Start { project: None, ..start() });
    let req = screen.asked(|call| matches!(call, Call::SearchProjects {}));
    let page = vec![project("acme-prod-eu"), project("acme-prod")];
    screen.send(Msg::Part { req, owner: Owner::Root, part: Part::Projects(page) });
    screen.typed("acme-prod").keys("enter");
    assert_eq!(screen.app.shared.workspace.project.as_deref(), Some("acme-prod"));
}

#[test]
fn a_project_that_the_search_hides_can_be_chosen_as_typed() {
    let mut screen = Screen::with(Start { project: None, ..start() });
    let req = screen.asked(|call| matches!(call, Call::SearchProjects {}));
    screen.send(Msg::Part { req, owner: Owner::Root, part: Part::Projects(vec![project("acme-prod-eu")]) });
    screen.typed("acme-prod").keys("Down enter");
    assert_eq!(screen.app.shared.workspace.project.as_deref(), Some("acme-prod"));
}

#[test]
fn a_failed_search_is_made_again_and_recent_projects_stay_on_offer() {
    let mut screen = Screen::with(Start { project: None, ..start() });
    screen.app.shared.remembered.projects.push("recent-one".into());
    let req = screen.asked(|call| matches!(call, Call::SearchProjects {}));
    screen.reply(req, Err(denied()));
    screen.keys("esc P");
    let again = screen.asked(|call| matches!(call, Call::SearchProjects {}));
    assert_ne!(req, again);
    screen.typed("recent").keys("enter");
    assert_eq!(screen.app.shared.workspace.project.as_deref(), Some("recent-one"));
}

#[test]
fn what_is_above_another_project_is_never_shown_for_this_one() {
    let mut screen = Screen::ready();
    let get = screen.asked(|call| matches!(call, Call::GetProject { .. }));
    let parent = Project { parent: "folders/1".into(), ..project("acme-prod") };
    screen.reply(get, Ok(Reply::from(parent)));
    let above = screen.asked(|call| matches!(call, Call::GetAncestors { .. }));
    screen.keys("P").typed("acme-stage").keys("enter");
    screen.reply(above, Ok(Reply::Ancestors(Box::default())));
    assert!(screen.app.shared.workspace.ancestors.value().is_none());
}

#[test]
fn an_account_opened_by_its_unique_id_is_called_by_its_email_once_that_is_known() {
    let mut screen = Screen::ready();
    screen.keys("A").typed("107517467455664443765").keys("enter");
    let req = screen.asked(|call| matches!(call, Call::GetAccount { .. }));
    let account = Account { unique_id: UniqueId::read("107517467455664443765"), ..Account::named(API) };
    screen.reply(req, Ok(Reply::from(account)));
    assert_eq!(screen.app.shared.workspace.opened.as_deref(), Some(API));
}

#[test]
fn a_listing_can_be_stopped_and_what_has_come_stays() {
    let mut screen = Screen::with(start());
    let req = screen.asked(|call| matches!(call, Call::ListAccounts { .. }));
    let page = vec![Account::named(DEPLOYER)];
    screen.send(Msg::Part { req, owner: Owner::Pane(PaneId::Accounts), part: Part::Accounts(page) });
    screen.keys("esc");
    assert!(
        screen.effects.iter().any(|effect| matches!(effect, Effect::Cancel(cancelled) if *cancelled == req))
    );
    assert!(screen.app.panes.accounts.selected().is_some());
}
