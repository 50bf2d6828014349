//! A screen without a terminal or a network, for tests: keys and answers in, effects and state out.

use std::time::Duration;

use crossterm::event::{Event, KeyEvent};
use jiff::Timestamp;
use ratatui::layout::Size;

use super::{
    AppState, Start,
    msg::{Effect, Msg, Now, Owner, PaneId, ReqId, TimerId},
};
use crate::{
    http::{ApiError, ErrorKind, endpoints::Endpoints},
    keymap::{Chord, Keymap},
    local::{env::Env, state::Remembered},
    model::{
        account::Account,
        caller::Caller,
        credential::{Credential, MintRequest},
        secret::Secret,
    },
    ops::{Call, Listed, Part, Reply},
};

pub(crate) use impersona_emulator::names::{API, DEPLOYER};

pub(crate) struct Screen {
    pub(crate) app: AppState,
    pub(crate) now: Now,
    pub(crate) effects: Vec<Effect>,
}

impl Screen {
    pub(crate) fn with(start: Start) -> Screen {
        let now = Now { utc: Timestamp::from_second(1_800_000_000).expect("a time"), mono: Duration::ZERO };
        let mut screen = Screen { app: AppState::new(start, Size::new(120, 40)), now, effects: Vec::new() };
        screen.send(Msg::Start);
        screen
    }

    /// A caller, a project, two accounts listed.
    pub(crate) fn ready() -> Screen {
        let mut screen = Screen::with(start());
        let req = screen.asked(|call| matches!(call, Call::ListAccounts { .. }));
        let accounts = [DEPLOYER, API].map(Account::named).to_vec();
        let owner = Owner::Pane(PaneId::Accounts);
        screen.send(Msg::Part { req, owner, part: Part::Accounts(accounts) });
        screen.reply(req, Ok(Reply::from(Listed)));
        screen
    }

    pub(crate) fn send(&mut self, msg: Msg) {
        self.effects.extend(self.app.update(self.now, msg));
    }

    /// Presses keys, written as in the key table: `t a ctrl-s`.
    pub(crate) fn keys(&mut self, keys: &str) -> &mut Screen {
        for key in keys.split_whitespace() {
            key.parse::<Chord>().expect("a key of the table");
            self.send(Msg::Input(Event::Key(event(key))));
        }
        self
    }

    pub(crate) fn typed(&mut self, text: &str) -> &mut Screen {
        for c in text.chars() {
            self.send(Msg::Input(Event::Key(KeyEvent::from(crossterm::event::KeyCode::Char(c)))));
        }
        self
    }

    /// The last request of a kind.
    pub(crate) fn asked(&self, which: impl Fn(&Call) -> bool) -> ReqId {
        self.calls()
            .into_iter()
            .rev()
            .find(|(_, call)| which(call))
            .map(|(req, _)| req)
            .expect("it was asked")
    }

    pub(crate) fn calls(&self) -> Vec<(ReqId, &Call)> {
        let call =
            |effect| if let &Effect::Call { req, ref call, .. } = effect { Some((req, call)) } else { None };
        self.effects.iter().filter_map(call).collect()
    }

    pub(crate) fn mints(&self) -> Vec<&MintRequest> {
        let mint = |effect| match effect {
            &Effect::Call { call: Call::Mint { ref request }, .. } => Some(request),
            _ => None,
        };
        self.effects.iter().filter_map(mint).collect()
    }

    pub(crate) fn owner(&self, req: ReqId) -> Owner {
        let found = self.effects.iter().find_map(|effect| match effect {
            Effect::Call { req: asked, owner, .. } if *asked == req => Some(*owner),
            _ => None,
        });
        found.expect("it was asked")
    }

    pub(crate) fn reply(&mut self, req: ReqId, reply: Result<Reply, ApiError>) {
        let owner = self.owner(req);
        self.send(Msg::Reply { req, owner, reply });
    }

    /// An access token for the deployer, minted by keys and on the shelf.
    pub(crate) fn with_token() -> Screen {
        let mut screen = Screen::ready();
        screen.keys("enter t a ctrl-s");
        screen.answer_mint();
        screen
    }

    /// Answers the last mint with a credential; returns the request.
    pub(crate) fn answer_mint(&mut self) -> MintRequest {
        let req = self.asked(|call| matches!(call, Call::Mint { .. } | Call::ExchangeJwt { .. }));
        let request =
            self.mints().last().map(|request| (*request).clone()).expect("something is being minted");
        let reply = minted(&request, self.now.utc);
        self.reply(req, Ok(reply));
        request
    }

    pub(crate) fn notice(&self) -> &str {
        self.app.notice.as_ref().map_or("", |notice| notice.text.as_str())
    }

    /// The notice has been shown for long enough.
    pub(crate) fn expire_notice(&mut self) {
        if let Some(id) = self.app.notice.as_ref().map(|notice| notice.id) {
            self.send(Msg::Timer(TimerId::Notice(id)));
        }
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now.mono += Duration::from_secs(seconds);
        self.now.utc = Timestamp::from_second(self.now.utc.as_second() + seconds as i64).expect("a time");
    }
}

pub(crate) fn start() -> Start {
    Start {
        caller: Ok(Caller { source: "ADC".into(), ..Caller::default() }),
        project: Some("acme-prod".into()),
        account: None,
        pane: None,
        keymap: Keymap::default(),
        remembered: Remembered::default(),
        endpoints: Endpoints::new(&Env::from_vars([("HOME", "/nowhere")]), None).expect("Google's"),
        demo: false,
        read_only: false,
        production: Vec::new(),
        idle_wipe: None,
        questions_per_second: 20,
    }
}

fn event(key: &str) -> KeyEvent {
    use crossterm::event::{KeyCode, KeyModifiers};
    let (code, modifiers) = match key.strip_prefix("ctrl-") {
        Some(key) => (key, KeyModifiers::CONTROL),
        None => (key, KeyModifiers::NONE),
    };
    let code = match code {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "shift-tab" => KeyCode::BackTab,
        "space" => KeyCode::Char(' '),
        "Down" => KeyCode::Down,
        "Up" => KeyCode::Up,
        "F1" => KeyCode::F(1),
        key => KeyCode::Char(key.chars().next().expect("one letter")),
    };
    KeyEvent::new(code, modifiers)
}

pub(crate) fn minted(request: &MintRequest, now: Timestamp) -> Reply {
    let end = Timestamp::from_second(now.as_second() + 3_600).expect("a time");
    Reply::from(Credential::new(request.clone(), Secret::new("ya29.c.test"), Some(end), now))
}

pub(crate) fn denied() -> ApiError {
    ApiError::new(ErrorKind::Denied, "You can't")
}
