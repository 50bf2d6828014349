//! An account that is opened by its unique ID and by its email is one account once the email is known.

use super::*;
use crate::model::{
    account::{Account, UniqueId},
    credential::What,
};

const ID: &str = "107517467455664443765";

/// Opens an account by name; returns the request for its details.
fn open(screen: &mut Screen, name: &str) -> ReqId {
    screen.keys("0 A").typed(name).keys("enter");
    screen.asked(|call| matches!(call, Call::GetAccount { .. }))
}

fn details(email: &str) -> Result<Reply, ApiError> {
    Ok(Reply::from(Account { unique_id: UniqueId::read(ID), ..Account::named(email) }))
}

/// Opens the policy pane, answers with a policy, and stages a grant.
fn stage(screen: &mut Screen, etag: &str) {
    screen.keys("p");
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen.reply(req, Ok(Reply::from(policy(etag, &["user:a@example.com"]))));
    screen.keys("g j D");
}

fn members(screen: &Screen, account: &str) -> Vec<String> {
    let staged = screen.app.shared.workspace.facts[account].staged.as_ref();
    let changes = staged.map(Staged::changes).unwrap_or_default();
    changes.iter().map(|change| change.member.as_str().to_owned()).collect()
}

#[test]
fn staged_edits_stay_when_the_account_is_opened_again_by_its_id() {
    let mut screen = Screen::ready();
    let by_email = open(&mut screen, DEPLOYER);
    screen.reply(by_email, details(DEPLOYER));
    stage(&mut screen, "A");
    assert_eq!(members(&screen, DEPLOYER), ["user:a@example.com"]);
    let by_id = open(&mut screen, ID);
    let twice = screen.asked(|call| matches!(call, Call::TestPermissions { .. }));
    let own =
        screen.calls().into_iter().filter(|(_, call)| matches!(call, Call::TestPermissions { .. })).count();
    assert_eq!(own, 2);
    screen.reply(by_id, details(DEPLOYER));
    assert_eq!(screen.app.shared.workspace.opened.as_deref(), Some(DEPLOYER));
    assert_eq!(members(&screen, DEPLOYER), ["user:a@example.com"]);
    assert!(!screen.app.shared.workspace.facts.contains_key(ID));
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Cancel(req) if *req == twice)));
}

#[test]
fn staged_edits_stay_when_they_were_staged_under_the_id() {
    let mut screen = Screen::ready();
    let by_id = open(&mut screen, ID);
    stage(&mut screen, "A");
    let by_email = open(&mut screen, DEPLOYER);
    screen.reply(by_email, details(DEPLOYER));
    screen.reply(by_id, details(DEPLOYER));
    assert_eq!(members(&screen, DEPLOYER), ["user:a@example.com"]);
    assert_eq!(screen.app.shared.workspace.facts[DEPLOYER].policy.value().and_then(Policy::etag), Some("A"));
    assert!(!screen.app.shared.workspace.facts.contains_key(ID));
}

#[test]
fn edits_under_both_names_are_joined_when_the_email_is_known() {
    let mut screen = Screen::ready();
    let by_id = open(&mut screen, ID);
    stage(&mut screen, "A");
    let by_email = open(&mut screen, DEPLOYER);
    screen.reply(by_email, details(DEPLOYER));
    screen.keys("p");
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen.reply(req, Ok(Reply::from(policy("B", &["user:a@example.com", "user:b@example.com"]))));
    screen.keys("g j j D");
    assert_eq!(members(&screen, DEPLOYER), ["user:b@example.com"]);
    screen.reply(by_id, details(DEPLOYER));
    assert_eq!(members(&screen, DEPLOYER), ["user:a@example.com", "user:b@example.com"]);
}

#[test]
fn edit_made_ahead_is_staged_when_the_email_arrives_before_the_policy() {
    let mut screen = Screen::ready();
    let by_id = open(&mut screen, ID);
    screen.keys("a").typed("user:new@example.com").keys("ctrl-s");
    screen.reply(by_id, details(DEPLOYER));
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen.reply(req, Ok(Reply::from(policy("A", &["user:a@example.com"]))));
    assert_eq!(members(&screen, DEPLOYER).len(), 1, "{}", screen.notice());
}

#[test]
fn write_ends_under_the_email_when_that_arrives_meanwhile() {
    let mut screen = Screen::ready();
    let by_id = open(&mut screen, ID);
    stage(&mut screen, "A");
    screen.keys("s enter enter");
    let req = writes(&screen).last().map(|(req, _)| *req).expect("it is being written");
    screen.reply(by_id, details(DEPLOYER));
    screen.keys("z");
    assert_eq!(screen.notice(), "This policy is being written: wait for the result");
    screen.reply(req, Ok(applied(policy("B", &[]))));
    assert!(members(&screen, DEPLOYER).is_empty() && !screen.app.shared.workspace.facts.contains_key(ID));
}

#[test]
fn form_keeps_its_text_when_the_email_arrives() {
    let mut screen = Screen::ready();
    let by_id = open(&mut screen, ID);
    screen.keys("t i").typed("https://svc.example.com");
    screen.reply(by_id, details(DEPLOYER));
    assert_eq!(screen.app.place(), Place::Form);
    screen.keys("esc");
    let req = open(&mut screen, API);
    screen.reply(req, Ok(Reply::from(Account::named(API))));
    screen.keys("t a ctrl-s");
    screen.answer_mint();
    assert!(screen.app.shared.workspace.has_draft(DEPLOYER), "another form was sent");
    open(&mut screen, DEPLOYER);
    screen.keys("t i ctrl-s");
    let What::IdToken { audience, .. } = &screen.mints()[1].what else { panic!("{:?}", screen.mints()) };
    assert_eq!(
        (audience.as_str(), screen.mints()[1].account.as_str()),
        ("https://svc.example.com", DEPLOYER)
    );
}

#[test]
fn form_closes_after_its_mint_when_the_email_arrives_meanwhile() {
    let mut screen = Screen::ready();
    let by_id = open(&mut screen, ID);
    screen.keys("t i").typed("https://svc.example.com").keys("ctrl-s");
    screen.reply(by_id, details(DEPLOYER));
    screen.answer_mint();
    assert_eq!(screen.app.place(), Place::Shelf);
    assert!(!screen.app.shared.workspace.has_draft(DEPLOYER));
}

#[test]
fn grant_under_a_condition_is_staged_when_the_email_arrives_before_googles_check() {
    for email_is_open in [false, true] {
        let mut screen = Screen::ready();
        if email_is_open {
            let by_email = open(&mut screen, DEPLOYER);
            screen.reply(by_email, details(DEPLOYER));
            screen.keys("p");
            let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
            screen.reply(req, Ok(Reply::from(policy("A", &["user:a@example.com"]))));
        }
        let by_id = open(&mut screen, ID);
        screen.keys("p");
        let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
        screen.reply(req, Ok(Reply::from(policy("A", &["user:a@example.com"]))));
        screen.keys("a").typed("user:new@example.com").keys("tab tab tab").typed(r#"resource.name == "x""#);
        screen.keys("tab").typed("mine").keys("ctrl-s");
        let lint = screen.asked(|call| matches!(call, Call::LintCondition { .. }));
        screen.reply(by_id, details(DEPLOYER));
        screen.reply(lint, Ok(Reply::Lints(Box::default())));
        assert_eq!(
            members(&screen, DEPLOYER),
            ["user:new@example.com"],
            "{email_is_open}: {}",
            screen.notice()
        );
    }
}
