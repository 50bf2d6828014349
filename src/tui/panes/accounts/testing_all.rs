//! Tests what the caller can do with every listed account, at a limited rate; for many accounts it asks first. A test
//! can be paused and resumed; results stay.

use std::sync::Arc;

use super::Accounts;
use crate::{
    flows::{self, Found, Question, Scanned, Tally},
    http::{ApiError, ErrorKind},
    keymap::{Action, Place},
    model::permission::{GET_ACCESS_TOKEN, GET_OPEN_ID_TOKEN, Granted, SIGN_BLOB, SIGN_JWT},
    ops::{self, Pending, Reply},
    tui::{
        app::{
            msg::{Effect, Intent, Level, Owner, PaneId, ReqId},
            shared::Cx,
        },
        overlays::{Confirmed, Overlay},
        widgets::text::thousands,
    },
};

/// More calls than this need a confirmation.
const MANY: usize = 500;

/// A test of many accounts, running or paused.
#[derive(Debug)]
pub(super) struct Testing {
    /// The accounts to test, in the order of the list when the test began.
    accounts: Arc<[String]>,
    /// The state of each.
    fates: Vec<Fate>,
    answered: usize,
    /// How many failed since the test was last resumed.
    failed: usize,
    /// How many accounts the caller can mint for.
    usable: usize,
    /// The request, and the positions of the accounts in it; none while paused.
    awaiting: Option<(Pending<Tally>, Vec<usize>)>,
    /// Whether the user was told about rate limiting.
    slowed: bool,
}

/// The state of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Waiting,
    Answered,
    Failed,
}

/// How many kinds of credential the caller can mint.
pub(super) fn may_mint(granted: Granted) -> usize {
    let sorts = [GET_ACCESS_TOKEN, GET_OPEN_ID_TOKEN, SIGN_JWT, SIGN_BLOB];
    sorts.into_iter().filter(|permission| granted.has(*permission)).count()
}

fn accounts(count: usize) -> String {
    match count {
        1 => "1 account".to_owned(),
        count => format!("{} accounts", thousands(count)),
    }
}

impl Testing {
    fn of(accounts: Vec<String>) -> Testing {
        let fates = vec![Fate::Waiting; accounts.len()];
        Testing {
            accounts: accounts.into(),
            fates,
            answered: 0,
            failed: 0,
            usable: 0,
            awaiting: None,
            slowed: false,
        }
    }

    /// Those without an answer. Failed ones come last, so that every account is tried once before any is tried twice.
    fn left(&self) -> Vec<usize> {
        let with = |fate: Fate| (0..self.fates.len()).filter(move |at| self.fates[*at] == fate);
        with(Fate::Waiting).chain(with(Fate::Failed)).collect()
    }

    /// `12 of 1,204`
    fn progress(&self) -> String {
        format!("{} of {}", thousands(self.answered + self.failed), thousands(self.accounts.len()))
    }

    /// For the title of the list.
    pub(super) fn title(&self) -> String {
        let word = if self.awaiting.is_some() { "testing" } else { "paused" };
        format!(" {word} {}", self.progress())
    }

    /// The result so far.
    fn sum(&self) -> String {
        format!("You can mint for {} of {}", thousands(self.usable), accounts(self.answered))
    }
}

impl Accounts {
    /// Starts, pauses or resumes the test.
    pub(super) fn test_all(&mut self, cx: &mut Cx) {
        if let Some(testing) = &mut self.testing {
            let awaited = testing.awaiting.take();
            if awaited.is_none() {
                cx.notice(Level::Info, format!("Resumed at {}", testing.progress()));
                return self.go_on_testing(cx);
            }
            let keys = &cx.shared.keymap;
            let key = |action| keys.key_in(Place::Accounts, action);
            let (on, end) = (key(Action::TestAll), key(Action::Back));
            let text = format!("Paused at {} · {on} resumes · {end} stops", testing.progress());
            cx.cancel(awaited.map(|(req, _)| req));
            cx.notice(Level::Info, text);
            return self.sort_again(cx.shared);
        }
        let accounts: Vec<String> = self.testable().map(str::to_owned).collect();
        let count = accounts.len();
        if count <= MANY {
            return self.begin_testing(accounts, cx);
        }
        let rate = cx.shared.session.questions_per_second.max(1);
        let minutes = (count as u64).div_ceil(u64::from(rate) * 60);
        let count = thousands(count);
        let question = format!(
            "Test access to {count} accounts? {count} audited API calls, about {minutes} min at {rate}/s. Filter first to test fewer."
        );
        // The confirmation is for these accounts, even if the list changes meanwhile.
        cx.intend(Intent::Open(Overlay::Confirm { question, yes: Confirmed::TestAll(accounts) }));
    }

    /// A disabled account can't authenticate, whatever IAM allows.
    fn testable(&self) -> impl Iterator<Item = &str> {
        let listed = self.view.iter().map(|at| &self.rows[*at as usize].account);
        listed.filter(|account| !account.disabled).map(|account| account.email.as_str())
    }

    /// Tests these accounts: those that were listed and matched the filter.
    pub(crate) fn begin_testing(&mut self, accounts: Vec<String>, cx: &mut Cx) {
        if accounts.is_empty() {
            return cx.notice(Level::Warning, "No accounts in the list to test");
        }
        self.testing = Some(Testing::of(accounts));
        self.go_on_testing(cx);
    }

    /// Tests those that are left.
    fn go_on_testing(&mut self, cx: &mut Cx) {
        let Some(testing) = &mut self.testing else { return };
        let left = testing.left();
        // At the start the list is shared rather than copied.
        let accounts = match left.iter().copied().eq(0..testing.accounts.len()) {
            true => testing.accounts.clone(),
            false => left.iter().map(|at| testing.accounts[*at].clone()).collect(),
        };
        testing.failed = 0;
        cx.effect(Effect::ResetProbing);
        let req = cx.call(Owner::Pane(PaneId::Accounts), ops::scan(accounts, Question::Permissions));
        testing.awaiting = Some((req, left));
    }

    /// A request was rate-limited. Each is retried for a while before it fails; the user is told once why the test is
    /// slow.
    pub(crate) fn slowed(&mut self, cx: &mut Cx) {
        let Some(testing) = self.testing.as_mut().filter(|testing| testing.awaiting.is_some()) else {
            return;
        };
        if !std::mem::replace(&mut testing.slowed, true) {
            let end = cx.shared.keymap.key_in(Place::Accounts, Action::Back);
            let text = format!("Google is rate-limiting the test: it continues more slowly · {end} stops");
            cx.notice(Level::Warning, text);
        }
    }

    /// Whether this is the request of the running test.
    pub(super) fn tests(&self, req: ReqId) -> bool {
        let testing = self.testing.as_ref().and_then(|testing| testing.awaiting.as_ref());
        testing.is_some_and(|(awaited, _)| *awaited == req)
    }

    /// One account was tested.
    pub(super) fn on_tested(&mut self, req: ReqId, scanned: Scanned, cx: &mut Cx) {
        let Some(testing) = &mut self.testing else { return };
        let Some((_, asked)) = testing.awaiting.as_ref().filter(|(awaited, _)| *awaited == req) else {
            return;
        };
        let Some(fate) = asked.get(scanned.at).and_then(|at| testing.fates.get_mut(*at)) else { return };
        let Ok(Found::Granted(granted)) = scanned.found else {
            *fate = Fate::Failed;
            testing.failed += 1;
            return;
        };
        *fate = Fate::Answered;
        testing.answered += 1;
        testing.usable += usize::from(may_mint(granted) > 0);
        // This answer is newer than what the opened account shows.
        if let Some(facts) = cx.shared.workspace.facts.get_mut(&scanned.account) {
            facts.granted.set(granted);
        }
        cx.shared.workspace.tested.insert(scanned.account, granted);
    }

    /// The test finished or was interrupted.
    pub(super) fn tested_all(&mut self, reply: Result<Reply, ApiError>, cx: &mut Cx) {
        let Some(mut testing) = self.testing.take() else { return };
        let Some((req, _)) = testing.awaiting.take() else { return };
        let keys = &cx.shared.keymap;
        match req.open(reply) {
            Ok(tally) => {
                let (level, failed) = match tally.first_failure {
                    None => (Level::Info, String::new()),
                    Some(error) => {
                        let failed = accounts(tally.failed);
                        (Level::Warning, format!("; no answer for {failed}: {}", error.sentence()))
                    }
                };
                cx.notice(level, format!("{}{failed}", testing.sum()));
            }
            Err(error) => {
                let key = |action| keys.key_in(Place::Accounts, action);
                let (on, end) = (key(Action::TestAll), key(Action::Back));
                let why = match error.kind {
                    ErrorKind::Credentials | ErrorKind::Config => "No calls are possible.".to_owned(),
                    ErrorKind::Denied => format!("Denied {} times in a row.", flows::IN_A_ROW),
                    _ => format!("No answer {} times in a row.", flows::IN_A_ROW),
                };
                let text = format!(
                    "{} {why} The test is paused at {} · {on} resumes with the others · {end} stops",
                    error.sentence(),
                    testing.progress()
                );
                cx.notice(Level::Error, text);
                self.testing = Some(testing);
            }
        }
        self.sort_again(cx.shared);
    }

    /// Stops the test; its results stay.
    pub(super) fn stop_testing(&mut self, cx: &mut Cx) {
        if let Some(testing) = self.give_up_testing(cx) {
            cx.notice(Level::Info, format!("Test stopped. {}", testing.sum()));
            self.sort_again(cx.shared);
        }
    }

    /// Stops the test without a notice.
    pub(super) fn give_up_testing(&mut self, cx: &mut Cx) -> Option<Testing> {
        let mut testing = self.testing.take()?;
        cx.cancel(testing.awaiting.take().map(|(req, _)| req));
        Some(testing)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        flows::Tally,
        http::{Record, record},
        model::account::Account,
        ops::{Call, Listed, Part},
        tui::app::{
            msg::Msg,
            testing::{API, DEPLOYER, Screen, start},
        },
    };

    const OWNER: Owner = Owner::Pane(PaneId::Accounts);

    fn scans(screen: &Screen) -> Vec<(ReqId, Vec<String>)> {
        let calls = screen.calls().into_iter();
        let scan = |(req, call): (ReqId, &Call)| match call {
            Call::Scan { accounts, .. } => Some((req, accounts.to_vec())),
            _ => None,
        };
        calls.filter_map(scan).collect()
    }

    fn answer(screen: &mut Screen, account: &str, permissions: &[&str]) {
        tell(screen, account, Ok(Found::Granted(Granted::from_names(permissions))));
    }

    fn tell(screen: &mut Screen, account: &str, found: Result<Found, ApiError>) {
        let (req, accounts) = scans(screen).pop().expect("a scan");
        let at = accounts.iter().position(|asked| asked == account).expect("it was asked about");
        let part = Part::Scanned(Scanned { at, account: account.into(), found });
        screen.send(Msg::Part { req, owner: OWNER, part });
    }

    fn end(screen: &mut Screen, reply: Result<Tally, ApiError>) {
        let req = scans(screen).last().expect("a scan").0;
        screen.reply(req, reply.map(Reply::from));
    }

    /// A screen with so many accounts listed.
    fn with_accounts(count: usize) -> Screen {
        let mut screen = Screen::with(start());
        let req = screen.asked(|call| matches!(call, Call::ListAccounts { .. }));
        let name = |n| Account::named(&format!("a{n}@acme-prod.iam.gserviceaccount.com"));
        let part = Part::Accounts((0..count).map(name).collect());
        screen.send(Msg::Part { req, owner: OWNER, part });
        screen.reply(req, Ok(Reply::from(Listed)));
        screen
    }

    #[test]
    fn a_key_tests_the_whole_list_and_its_end_says_what_came_of_it() {
        let mut screen = Screen::ready();
        screen.keys("m");
        assert_eq!(scans(&screen)[0].1, [DEPLOYER, API]);
        answer(&mut screen, API, &[SIGN_JWT.name]);
        assert!(screen.app.shared.workspace.granted(API).is_some_and(|granted| granted.has(SIGN_JWT)));
        assert!(screen.app.shared.workspace.granted(DEPLOYER).is_none());
        answer(&mut screen, DEPLOYER, &[]);
        end(&mut screen, Ok(Tally { answered: 2, ..Tally::default() }));
        assert_eq!(screen.notice(), "You can mint for 1 of 2 accounts");
        assert!(screen.app.panes.accounts.testing.is_none());
    }

    #[test]
    fn a_pause_stops_the_questions_and_going_on_asks_only_what_is_left() {
        let mut screen = Screen::ready();
        screen.keys("m");
        answer(&mut screen, DEPLOYER, &[]);
        screen.keys("m");
        let first = scans(&screen)[0].0;
        assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Cancel(req) if *req == first)));
        assert!(screen.notice().starts_with("Paused at 1 of 2"), "{}", screen.notice());
        // A late answer is dropped: the account is tested again.
        let found = Ok(Found::Granted(Granted::from_names::<&str>(&[])));
        let late = Part::Scanned(Scanned { at: 1, account: API.into(), found });
        screen.send(Msg::Part { req: first, owner: OWNER, part: late });
        screen.keys("m");
        assert_eq!(scans(&screen)[1].1, [API]);
    }

    #[test]
    fn what_gave_no_answer_is_asked_again_when_it_goes_on() {
        let mut screen = Screen::ready();
        screen.keys("m");
        answer(&mut screen, DEPLOYER, &[]);
        let gone = || ApiError::new(crate::http::ErrorKind::Network, "The connection broke.");
        tell(&mut screen, API, Err(gone()));
        end(&mut screen, Err(gone()));
        assert!(screen.notice().contains("paused at 2 of 2"), "{}", screen.notice());
        screen.keys("m");
        assert_eq!(scans(&screen)[1].1, [API]);
    }

    #[test]
    fn nothing_is_asked_twice_before_all_were_asked_once() {
        let mut screen = with_accounts(5);
        screen.keys("m");
        let asked = scans(&screen)[0].1.clone();
        let denied = || ApiError::new(crate::http::ErrorKind::Denied, "No.");
        tell(&mut screen, &asked[0], Err(denied()));
        tell(&mut screen, &asked[1], Err(denied()));
        answer(&mut screen, &asked[2], &[]);
        end(&mut screen, Err(denied()));
        screen.keys("m");
        let again = [3, 4, 0, 1].map(|at: usize| asked[at].clone());
        assert_eq!(scans(&screen)[1].1, again);
        answer(&mut screen, &asked[0], &[GET_ACCESS_TOKEN.name]);
        assert!(screen.app.shared.workspace.granted(&asked[0]).is_some());
        screen.keys("m m");
        assert_eq!(scans(&screen)[2].1, [3, 4, 1].map(|at: usize| asked[at].clone()));
    }

    #[test]
    fn unanswered_accounts_come_first_and_get_their_own_answers() {
        let mut screen = with_accounts(4);
        screen.keys("m");
        let asked = scans(&screen)[0].1.clone();
        let denied = || ApiError::new(crate::http::ErrorKind::Denied, "No.");
        asked[..2].iter().for_each(|account| tell(&mut screen, account, Err(denied())));
        end(&mut screen, Err(denied()));
        screen.keys("m");
        assert!(screen.notice().contains("Resumed at 2 of 4"), "{}", screen.notice());
        assert_eq!(scans(&screen)[1].1, [2, 3, 0, 1].map(|at: usize| asked[at].clone()));
        answer(&mut screen, &asked[2], &[]);
        screen.keys("m m");
        assert_eq!(scans(&screen)[2].1, [3, 0, 1].map(|at: usize| asked[at].clone()));
    }

    #[test]
    fn that_questions_are_refused_as_too_many_is_said_once() {
        let refused = || {
            let failed = record::Outcome::Failed("Too many.".into());
            Msg::Http(Box::new(Record { status: Some(429), ..Record::of_a_read(failed) }))
        };
        let mut screen = with_accounts(4);
        screen.send(refused());
        assert_eq!(screen.notice(), "", "nothing is tested");
        screen.keys("m");
        screen.send(refused());
        assert!(
            screen.notice().contains("rate-limiting the test: it continues more slowly"),
            "{}",
            screen.notice()
        );
        screen.keys("m m");
        screen.send(refused());
        assert!(screen.notice().contains("Resumed at 0 of 4"), "{}", screen.notice());
    }

    #[test]
    fn a_yes_is_one_to_the_accounts_that_were_asked_about() {
        let mut screen = Screen::with(start());
        let req = screen.asked(|call| matches!(call, Call::ListAccounts { .. }));
        let page = |range: std::ops::Range<usize>| {
            Part::Accounts(
                range.map(|n| Account::named(&format!("a{n}@acme-prod.iam.gserviceaccount.com"))).collect(),
            )
        };
        screen.send(Msg::Part { req, owner: OWNER, part: page(0..600) });
        screen.keys("m");
        screen.send(Msg::Part { req, owner: OWNER, part: page(600..2_000) });
        screen.keys("y");
        assert_eq!(scans(&screen)[0].1.len(), 600);
    }

    #[test]
    fn a_question_does_not_outlive_the_caller_whom_it_was_asked() {
        let mut screen = with_accounts(501);
        screen.keys("m");
        let caller = crate::model::caller::Caller { source: "ADC".into(), ..Default::default() };
        let endpoints = screen.app.shared.session.endpoints().clone();
        let switched = crate::tui::app::msg::Switched { caller, endpoints, before: Vec::new() };
        screen.send(Msg::Switched(Ok(Box::new(switched))));
        assert!(screen.app.overlays.is_empty());
        screen.keys("y");
        assert!(scans(&screen).is_empty());
    }

    #[test]
    fn esc_ends_it_though_the_list_is_filtered() {
        let mut screen = with_accounts(30);
        screen.keys("m").keys("/").typed("a2").keys("enter esc");
        assert!(screen.app.panes.accounts.testing.is_none());
        assert!(screen.notice().contains("stopped"), "{}", screen.notice());
    }

    #[test]
    fn it_can_be_asked_for_from_anywhere() {
        let mut screen = Screen::ready();
        screen.keys("enter tab ctrl-p").typed("test access to listed").keys("enter");
        assert_eq!(scans(&screen).len(), 1);
    }

    #[test]
    fn esc_ends_it_and_keeps_what_was_found() {
        let mut screen = Screen::ready();
        screen.keys("m");
        answer(&mut screen, DEPLOYER, &[GET_ACCESS_TOKEN.name]);
        screen.keys("esc");
        assert_eq!(screen.notice(), "Test stopped. You can mint for 1 of 1 account");
        assert!(screen.app.shared.workspace.granted(DEPLOYER).is_some());
        screen.keys("m");
        assert_eq!(scans(&screen)[1].1.len(), 2, "a new one is about the whole list");
    }

    #[test]
    fn more_than_five_hundred_calls_are_made_only_after_a_yes() {
        let mut screen = with_accounts(500);
        screen.keys("m");
        assert_eq!(scans(&screen).len(), 1);
        let mut screen = with_accounts(501);
        screen.keys("m");
        assert!(scans(&screen).is_empty());
        screen.keys("n");
        assert!(scans(&screen).is_empty());
        screen.keys("m y");
        let asked: BTreeSet<_> = scans(&screen)[0].1.iter().cloned().collect();
        assert_eq!(asked.len(), 501);
    }

    #[test]
    fn a_filter_makes_it_fewer_and_the_order_can_be_by_what_one_may() {
        let mut screen = with_accounts(30);
        screen.keys("/").typed("a2").keys("enter m");
        let asked = scans(&screen)[0].1.clone();
        assert_eq!(asked.len(), 11);
        answer(&mut screen, &asked[5], &[GET_ACCESS_TOKEN.name, SIGN_BLOB.name]);
        answer(&mut screen, &asked[7], &[GET_ACCESS_TOKEN.name]);
        end(&mut screen, Ok(Tally::default()));
        screen.keys("o o o o g");
        assert_eq!(screen.app.panes.accounts.selected().map(|account| &account.email), Some(&asked[5]));
        screen.keys("j");
        assert_eq!(screen.app.panes.accounts.selected().map(|account| &account.email), Some(&asked[7]));
    }

    #[test]
    fn another_project_ends_it_and_another_caller_knows_nothing_of_it() {
        let mut screen = Screen::ready();
        screen.keys("m");
        answer(&mut screen, DEPLOYER, &[GET_ACCESS_TOKEN.name]);
        let caller = crate::model::caller::Caller { source: "ADC".into(), ..Default::default() };
        let endpoints = screen.app.shared.session.endpoints().clone();
        let switched = crate::tui::app::msg::Switched { caller, endpoints, before: Vec::new() };
        screen.send(Msg::Switched(Ok(Box::new(switched))));
        assert!(screen.app.panes.accounts.testing.is_none());
        assert!(screen.app.shared.workspace.granted(DEPLOYER).is_none());
    }
}
