//! The mint pane beyond access and ID tokens: keys in, effects out.

use crossterm::event::Event;

use super::{
    msg::{Clip, Effect, Msg, PaneId},
    testing::{API, DEPLOYER, Screen, denied, start},
};
use crate::{
    api::metadata::Machine,
    http::{ApiError, ErrorKind},
    keymap::{Action, Place},
    model::{
        chain::{Hop, HopState},
        credential::{Credential, Kind, MintRequest, Payload, What},
        denial::{Refusal, RequestContext},
        permission::SIGN_JWT,
        secret::Secret,
    },
    ops::{Call, Reply},
    tui::overlays::Overlay,
};

fn clip(screen: &Screen) -> &Clip {
    let mut effects = screen.effects.iter().rev();
    effects
        .find_map(|effect| if let Effect::Copy(clip) = effect { Some(clip) } else { None })
        .expect("something was copied")
}

/// Answers the last mint with a refusal.
fn refuse(screen: &mut Screen, status: u16, message: &str) {
    let asked = RequestContext {
        method: "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken".into(),
        resource: DEPLOYER.into(),
        ..RequestContext::default()
    };
    let refusal = Refusal { status, message: message.into(), asked, ..Refusal::default() };
    let mut error = ApiError::new(ErrorKind::Denied, message);
    error.refusal = Some(Box::new(refusal));
    let req = screen.asked(|call| matches!(call, Call::Mint { .. }));
    screen.reply(req, Err(error));
}

#[test]
fn doctor_mints_the_denied_request_again_when_another_was_minted_since() {
    let too_long = "constraints/iam.allowServiceAccountCredentialLifetimeExtension";
    for (key, status, message) in [("h", 400, too_long), ("T", 503, "The service is unavailable.")] {
        let mut screen = Screen::ready();
        screen.keys("enter t a ctrl-s");
        refuse(&mut screen, status, message);
        screen.keys("esc t i").typed("https://svc.example.com").keys("ctrl-s");
        screen.answer_mint();
        screen.keys("1 x").keys(key);
        let What::AccessToken { lifetime_seconds, .. } = &last_mint(&screen).what else {
            panic!("{key}: {:?}", last_mint(&screen));
        };
        assert_eq!((screen.mints().len(), *lifetime_seconds), (3, 3_600), "{key}");
    }
}

fn last_mint(screen: &Screen) -> &MintRequest {
    screen.mints().last().copied().expect("something was minted")
}

/// A signed JWT for domain-wide delegation on the shelf.
fn with_jwt() -> Screen {
    let mut screen = Screen::ready();
    screen.keys("enter t j space ctrl-s");
    let req = screen.asked(|call| matches!(call, Call::Mint { .. } | Call::ExchangeJwt { .. }));
    let request = last_mint(&screen).clone();
    let held = Credential::new(request, Secret::new("eyJ.jwt.sig"), None, screen.now.utc);
    screen.reply(req, Ok(Reply::from(held)));
    screen
}

#[test]
fn each_kind_has_its_letter_and_sends_its_request() {
    let cases: [(&str, &str, Kind); 6] = [
        ("t a", "", Kind::AccessToken),
        ("t i", "https://svc.example.com", Kind::IdToken),
        ("t j", "", Kind::SignedJwt),
        ("t b tab", "hello", Kind::SignedBlob),
        ("t u", "acme-drop/report.csv", Kind::SignedUrl),
        ("t m", "", Kind::Metadata),
    ];
    for (keys, text, kind) in cases {
        let mut screen = Screen::ready();
        screen.keys("enter").keys(keys).typed(text).keys("ctrl-s");
        assert_eq!(last_mint(&screen).kind(), kind, "{keys}");
    }
}

#[test]
fn the_metadata_server_needs_no_open_account_and_is_looked_for_when_its_form_opens() {
    let mut screen = Screen::with(super::Start { project: None, ..start() });
    screen.keys("esc t");
    assert!(
        matches!(screen.app.overlays.last(), Some(Overlay::Menu { actions, .. }) if *actions == [Action::MintMetadata])
    );
    screen.keys("m");
    let req = screen.asked(|call| matches!(call, Call::GetMachine {}));
    screen.keys("ctrl-s");
    assert_eq!(last_mint(&screen).account, "default", "minting doesn't wait for the search");
    let machine = Machine { project: "acme-prod".into(), ..Machine::default() };
    screen.reply(req, Ok(Reply::from(machine)));
    assert!(screen.app.shared.workspace.machine.value().is_some());
    // Searched again: earlier results are dropped if the server is gone.
    screen.keys("esc esc t m");
    let req = screen.asked(|call| matches!(call, Call::GetMachine {}));
    screen.reply(req, Err(ApiError::new(ErrorKind::Timeout, "nobody answers")));
    assert_eq!(screen.app.shared.workspace.machine.value(), None);
}

#[test]
fn a_newline_is_a_newline_in_claims_and_ctrl_s_sends_them() {
    let mut screen = Screen::ready();
    screen.keys("enter t j tab").typed("x").keys("enter").typed("y");
    assert_eq!(screen.app.place(), Place::Form);
    screen.keys("ctrl-s");
    assert!(screen.mints().is_empty(), "that isn't JSON");
    let mut screen = Screen::ready();
    screen.keys("enter t j tab enter ctrl-s");
    let What::SignedJwt { claims, lifetime_seconds } = &last_mint(&screen).what else { panic!("a JWT") };
    assert!(claims.starts_with("\n{"), "{claims}");
    assert_eq!(*lifetime_seconds, Some(3_600));
}

#[test]
fn looking_at_another_template_loses_nothing_that_was_typed() {
    let mut screen = Screen::ready();
    screen.keys("enter t j tab").typed(" ").keys("shift-tab");
    // Once around: seven templates.
    screen.keys("space space space space space space space ctrl-s");
    let What::SignedJwt { claims, .. } = &last_mint(&screen).what else { panic!("a JWT") };
    assert!(claims.starts_with(" {") && claims.contains("storage.googleapis.com"), "{claims}");
}

#[test]
fn pasted_claims_keep_their_lines_and_a_pasted_token_is_refused() {
    let mut screen = Screen::ready();
    screen.keys("enter t b tab");
    screen.send(Msg::Input(Event::Paste("one\r\ntwo".into())));
    screen.send(Msg::Input(Event::Paste("eyJhbGciOiJub25lIn0.e30.".into())));
    assert!(screen.notice().contains("looks like a credential"));
    screen.keys("ctrl-s");
    assert_eq!(last_mint(&screen).what, What::SignedBlob(Payload::Bytes(b"one\ntwo".to_vec())));
}

#[test]
fn a_jwt_for_delegation_is_exchanged_by_a_key_and_what_comes_is_the_users() {
    let mut screen = with_jwt();
    screen.keys("E");
    let req = screen.asked(|call| matches!(call, Call::ExchangeJwt { .. }));
    let (_, call) = screen.calls().into_iter().find(|(asked, _)| *asked == req).expect("asked");
    let Call::ExchangeJwt { request, assertion } = call else { panic!("an exchange") };
    assert_eq!(*assertion, Secret::new("eyJ.jwt.sig"));
    let What::Delegated { subject, scopes } = &request.what else { panic!("a user's token") };
    assert_eq!((subject.as_str(), scopes.len()), ("user@example.com", 1));
    let held = Credential::new(request.clone(), Secret::new("ya29.a0user"), None, screen.now.utc);
    screen.reply(req, Ok(Reply::from(held)));
    assert_eq!(screen.app.shared.shelf.items().len(), 2);
    // It can't be minted by itself.
    screen.keys("T");
    assert_eq!(screen.mints().len(), 1);
    assert!(screen.notice().contains("sign a new one"));
}

#[test]
fn a_refused_exchange_is_said_and_the_jwt_stays() {
    let mut screen = with_jwt();
    screen.keys("E");
    let req = screen.asked(|call| matches!(call, Call::ExchangeJwt { .. }));
    screen.reply(req, Err(denied()));
    assert!(screen.notice().contains("You can't"));
    assert_eq!(screen.app.shared.shelf.items().len(), 1);
    // No other credential can be exchanged.
    let mut screen = Screen::with_token();
    screen.keys("E");
    assert!(screen.notice().contains("Only a signed JWT"));
}

#[test]
fn minting_again_on_the_shelf_means_the_selected_one() {
    let mut screen = Screen::with_token();
    screen.keys("t i").typed("https://svc.example.com").keys("ctrl-s");
    screen.answer_mint();
    screen.keys("j T");
    assert_eq!(last_mint(&screen).kind(), Kind::AccessToken);
    screen.answer_mint();
    screen.keys("1 T");
    assert_eq!(last_mint(&screen).kind(), Kind::AccessToken, "elsewhere it means the last");
}

#[test]
fn a_request_is_put_back_into_its_form_to_be_changed_in_one_field() {
    let mut screen = Screen::ready();
    screen.keys("enter t i").typed("https://svc.example.com").keys("tab space ctrl-s");
    screen.answer_mint();
    // Another account is opened meanwhile.
    screen.keys("0 j enter 3 e");
    assert_eq!(
        screen.app.shared.workspace.opened.as_deref(),
        Some(DEPLOYER),
        "the form is that of its account"
    );
    assert_eq!((screen.app.pane, screen.app.place()), (PaneId::Mint, Place::Form));
    screen.typed("/v2").keys("ctrl-s");
    let request = last_mint(&screen);
    let What::IdToken { audience, include_email, .. } = &request.what else { panic!("an ID token") };
    assert_eq!((audience.as_str(), *include_email), ("https://svc.example.com/v2", false));
    assert_eq!(request.account, DEPLOYER);
    assert_ne!(request.account, API);
}

#[test]
fn one_credential_is_wiped_from_the_shelf_the_inspector_and_the_clipboard() {
    let mut screen = Screen::with_token();
    screen.keys("y y enter 3 D");
    assert!(screen.app.shared.shelf.items().is_empty());
    let cleared =
        |screen: &Screen| screen.effects.iter().any(|effect| matches!(effect, Effect::ClearClipboard));
    assert!(cleared(&screen));
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Forget)));
    // The clipboard may contain something else.
    let mut other = Screen::with_token();
    other.keys("y y y c D");
    assert!(!cleared(&other), "the curl line isn't a credential");
    assert!(screen.notice().contains("stay valid"));
    screen.keys("4 Y");
    assert!(screen.notice().contains("Nothing to copy"), "{}", screen.notice());
    screen.keys("3 D");
    assert!(screen.notice().contains("The shelf is empty"));
}

#[test]
fn what_was_minted_for_is_offered_again_and_favourites_come_first() {
    let mut screen = Screen::ready();
    for audience in ["https://one.example.com", "https://two.example.com"] {
        screen.keys("enter t i ctrl-u").typed(audience).keys("ctrl-s");
        screen.answer_mint();
    }
    screen.keys("j f");
    assert_eq!(screen.app.shared.remembered.favourite_audiences, ["https://one.example.com"]);
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Remember(_))));
    // The favourite is the first completion; choosing it accepts it.
    screen.keys("t i ctrl-u").typed("https").keys("Down enter ctrl-s");
    assert!(
        matches!(&last_mint(&screen).what, What::IdToken { audience, .. } if audience == "https://one.example.com")
    );
    screen.answer_mint();
    screen.keys("f");
    assert!(screen.app.shared.remembered.favourite_audiences.is_empty(), "and no longer");
}

#[test]
fn the_hops_of_a_chain_are_looked_at_when_they_are_named_and_only_then() {
    let mut screen = Screen::ready();
    screen.keys("enter t j");
    let looked = |screen: &Screen| {
        let checks = |call: &Call| matches!(call, Call::CheckChain { .. });
        screen.calls().into_iter().filter(|(_, call)| checks(call)).count()
    };
    screen.keys("tab tab tab").typed("relay-a@acme-ci");
    assert_eq!(looked(&screen), 0, "typing isn't finished");
    screen.keys("tab");
    assert_eq!(looked(&screen), 1);
    let call = screen
        .calls()
        .into_iter()
        .rev()
        .find(|(_, call)| matches!(call, Call::CheckChain { .. } | Call::ProbeChain { .. }))
        .map(|(_, c)| c);
    assert!(
        matches!(call, Some(Call::CheckChain { permission, .. }) if *permission == SIGN_JWT),
        "the last hop needs what signing a JWT needs"
    );
    screen.keys("shift-tab tab shift-tab tab");
    assert_eq!(looked(&screen), 1, "the same chain is not checked twice");
    screen.keys("shift-tab").typed(", relay-b@acme-ci").keys("tab");
    assert_eq!(looked(&screen), 2);
}

#[test]
fn a_form_shows_the_hops_of_its_own_chain_only_and_looks_again_when_it_is_opened() {
    let hop = |to: &str| Hop {
        from: None,
        to: format!("{to}.iam.gserviceaccount.com"),
        permission: SIGN_JWT,
        state: HopState::Yes("per IAM".into()),
    };
    let looked = |screen: &Screen| {
        let checks = |call: &Call| matches!(call, Call::CheckChain { .. });
        screen.calls().into_iter().filter(|(_, call)| checks(call)).count()
    };
    let mut screen = Screen::ready();
    screen.keys("enter t a tab tab").typed("relay-a@acme-ci").keys("tab");
    let req = screen.asked(|call| matches!(call, Call::CheckChain { .. }));
    screen.reply(req, Ok(Reply::from(vec![hop("relay-a@acme-ci")])));
    let shows = |screen: &Screen| screen.app.panes.mint.shows_chain(&screen.app.shared);
    assert!(shows(&screen));
    // Another kind, account or chain: nothing is known about those.
    screen.keys("esc t i");
    assert!(!shows(&screen));
    screen.keys("esc t a");
    assert_eq!(looked(&screen), 2, "what was known may have changed since");
    screen.keys("tab tab").typed(", relay-b@acme-ci");
    assert!(!shows(&screen));
}

#[test]
fn a_late_answer_does_not_take_the_keyboard_out_of_another_form() {
    let mut screen = Screen::with_token();
    screen.keys("T t i").typed("https://sv");
    screen.answer_mint();
    assert_eq!(screen.app.place(), Place::Form);
    screen.typed("c.exampleDXq").keys("ctrl-s");
    assert!(
        matches!(&last_mint(&screen).what, What::IdToken { audience, .. } if audience == "https://svc.exampleDXq")
    );
    assert_eq!(screen.app.shared.shelf.items().len(), 2, "nothing was wiped by a letter");
    // Typing on in the form that was sent keeps it, too.
    screen.typed("/more");
    screen.answer_mint();
    assert_eq!(screen.app.place(), Place::Form);
}

#[test]
fn enter_on_a_whole_delegate_goes_on_and_swaps_it_for_no_other() {
    let mut screen = Screen::ready();
    screen.keys("enter t a tab tab").typed("api").keys("enter");
    screen.keys("enter ctrl-s");
    assert_eq!(last_mint(&screen).delegates, [API]);
}

#[test]
fn a_draft_is_marked_until_it_was_sent_itself() {
    let mut screen = Screen::ready();
    screen.keys("enter t i").typed("https://draft").keys("esc T");
    assert_eq!(screen.app.shared.workspace.drafts, [DEPLOYER]);
    screen.keys("t a ctrl-s");
    screen.answer_mint();
    assert_eq!(screen.app.shared.workspace.drafts, [DEPLOYER], "the other form still holds what was typed");
    screen.keys("t i").typed(".example").keys("ctrl-s");
    screen.answer_mint();
    assert!(screen.app.shared.workspace.drafts.is_empty());
}

#[test]
fn esc_on_the_shelf_cancels_what_is_being_minted() {
    let mut screen = Screen::with_token();
    screen.keys("T esc");
    let req = screen.asked(|call| matches!(call, Call::Mint { .. } | Call::ExchangeJwt { .. }));
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Cancel(gone) if *gone == req)));
    assert!(screen.notice().contains("cancelled"));
}

#[test]
fn chain_is_tested_by_minting_only_after_a_yes() {
    let probes = |screen: &Screen| {
        let probe = |call: &Call| matches!(call, Call::ProbeChain { .. });
        screen.calls().into_iter().filter(|(_, call)| probe(call)).count()
    };
    let mut screen = Screen::ready();
    screen.keys("enter t a tab tab").typed("relay-a@acme-ci").keys("tab");
    screen.keys("ctrl-p").typed("test the delegation chain").keys("enter");
    assert!(
        matches!(screen.app.overlays.last(), Some(Overlay::Confirm { question, .. }) if question.contains("audits"))
    );
    screen.keys("n");
    assert_eq!(probes(&screen), 0);
    screen.keys("ctrl-p").typed("test the delegation chain").keys("enter y");
    assert_eq!(probes(&screen), 1);
    let req = screen.asked(|call| matches!(call, Call::ProbeChain { .. }));
    let hop = Hop {
        from: None,
        to: "relay-a@acme-ci.iam.gserviceaccount.com".into(),
        permission: SIGN_JWT,
        state: HopState::No("no".into()),
    };
    screen.reply(req, Ok(Reply::from(vec![hop])));
    assert_eq!(screen.app.place(), Place::Form);
    // Without a chain there is nothing to test.
    let mut screen = Screen::ready();
    screen.keys("enter t a ctrl-p").typed("test the delegation chain").keys("enter");
    assert!(screen.app.overlays.is_empty() && screen.notice().contains("No chain"));
}

#[test]
fn the_request_of_a_form_is_copied_from_the_palette_before_anything_is_sent() {
    let mut screen = Screen::ready();
    screen.keys("enter t j tab tab").keys("ctrl-p").typed("copy as gcloud command").keys("enter");
    let copied = clip(&screen);
    assert!(
        !copied.is_sensitive()
            && copied.content().expose().contains("sign-jwt --iam-account=deployer@acme-prod")
    );
    screen.keys("ctrl-p").typed("copy request as curl").keys("enter");
    let copied = clip(&screen);
    assert!(
        copied.content().expose().contains(":signJwt") && copied.what().contains("iat and exp"),
        "{}",
        copied.what()
    );
    assert!(screen.mints().is_empty());
    assert_eq!(screen.app.place(), Place::Form);
    // An invalid form can't be copied: the notice says why.
    screen.keys("esc t i ctrl-p").typed("copy request as curl").keys("enter");
    assert!(screen.notice().contains("enter an audience"), "{}", screen.notice());
}

#[test]
fn a_signature_is_copied_in_hexadecimal_too_and_is_no_header() {
    let mut screen = Screen::ready();
    screen.keys("enter t b tab").typed("hello").keys("ctrl-s");
    let req = screen.asked(|call| matches!(call, Call::Mint { .. } | Call::ExchangeJwt { .. }));
    let held = Credential::new(last_mint(&screen).clone(), Secret::new("AAH/"), None, screen.now.utc);
    screen.reply(req, Ok(Reply::from(held)));
    screen.keys("y");
    let Some(Overlay::Menu { actions, .. }) = screen.app.overlays.last() else { panic!("a menu") };
    assert!(!actions.contains(&Action::CopyHeader) && !actions.contains(&Action::CopyEnv));
    screen.keys("x");
    assert_eq!((clip(&screen).content().expose(), clip(&screen).is_sensitive()), ("0001ff", true));
}
