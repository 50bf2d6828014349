//! A run of the real state against the emulator that mints every kind of credential. Everything printable is printed at
//! every step, and must contain none of them.

use std::{collections::BTreeSet, fmt::Debug};

use crossterm::event::Event;
use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
};
use tokio::sync::mpsc;

use super::{
    Start,
    msg::{Effect, Intent, Msg, PaneId},
    testing::{DEPLOYER, Screen, start},
};
use crate::{
    api::{Client, Settings},
    auth::{self, FindOptions},
    http::{Record, answer::Answer, endpoints::Endpoints},
    local::{env::Env, history::Snapshots},
    model::{credential::Kind, jwt},
    ops::{Call, perform},
    tui::view,
};
use impersona_emulator::{Emulator, Options, World};

#[path = "../../../tests/it/leaks/traces.rs"]
mod traces;

use traces::{Traces, assert_absent};

/// The credentials that a run makes: keys that open a form, keys and text that fill it.
const MINTS: [(&str, &str, &str); 8] = [
    ("t a", "", ""),
    ("t i", "", "https://svc.run.app"),
    ("t j", "", ""),
    ("t b", "tab", "hello"),
    ("t u", "", "acme-drop/report.csv"),
    ("t m", "", ""),
    ("t m", "space tab tab", "https://svc.run.app"),
    // It is exchanged for a Workspace user's token.
    ("t j", "space tab Down Down ctrl-k", "  \"sub\": \"alice@example.com\","),
];

struct Run {
    screen: Screen,
    client: Client,
    records: mpsc::Receiver<Record>,
    /// How many effects were carried out.
    done: usize,
    /// Everything that was printed.
    printed: String,
    /// Every row of every picture.
    rows: BTreeSet<String>,
}

impl Run {
    async fn start(emulator: &Emulator) -> Run {
        let env = Env::from_vars(emulator.env());
        let source = auth::find(&env, &FindOptions::default());
        let caller = source.as_ref().map(auth::Source::caller).map_err(Clone::clone);
        let endpoints = Endpoints::new(&env, None).expect("the emulator's");
        let printed = format!("{env:?} {source:?}");
        let (sender, records) = mpsc::channel(4_096);
        let settings =
            Settings { records: Some(sender), use_proxy: false, ..Settings::new(endpoints.clone(), source) };
        let mut screen = Screen::with(Start { caller, endpoints, ..start() });
        screen.now.utc = crate::http::clock::now();
        let mut run =
            Run { screen, client: Client::new(settings), records, done: 0, printed, rows: BTreeSet::new() };
        run.settle().await;
        run
    }

    fn print(&mut self, value: &impl Debug) {
        self.printed.push_str(&format!("{value:?}\n"));
    }

    fn send(&mut self, msg: Msg) {
        self.print(&msg);
        self.screen.send(msg);
    }

    async fn keys(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            self.screen.keys(key);
            self.settle().await;
        }
    }

    /// Carries out effects as the loop does, until there are no more.
    async fn settle(&mut self) {
        loop {
            while let Ok(record) = self.records.try_recv() {
                self.send(Msg::Http(Box::new(record)));
            }
            let Some(effect) = self.screen.effects.get(self.done) else { break };
            self.done += 1;
            self.printed.push_str(&format!("{effect:?}\n"));
            match effect {
                Effect::Call { req, owner, call } => {
                    let (req, owner, call) = (*req, *owner, call.clone());
                    let mut parts = Vec::new();
                    let snapshots = Snapshots::in_memory();
                    let reply = perform(&self.client, &snapshots, call, &mut |part| parts.push(part)).await;
                    parts.into_iter().for_each(|part| self.send(Msg::Part { req, owner, part }));
                    if let Err(error) = &reply {
                        self.printed.push_str(&format!("{error} {error:?}"));
                    }
                    self.send(Msg::Reply { req, owner, reply });
                }
                // Clips that aren't marked sensitive are searched.
                Effect::Copy(clip) if !clip.is_sensitive() => self.printed.push_str(clip.content().expose()),
                Effect::Save { name, text } if name.ends_with(".har") => self.printed.push_str(text.expose()),
                _ => {}
            }
        }
        let mut buf = Buffer::empty(Rect::new(0, 0, 120, 40));
        view::draw(
            &self.screen.app,
            self.screen.now,
            &crate::tui::widgets::theme::Theme::default(),
            &mut buf,
        );
        let row = |cells: &[Cell]| cells.iter().map(Cell::symbol).collect();
        self.rows.extend(buf.content().chunks(120).map(row));
    }

    /// Prints all of the state that can be printed.
    fn print_state(&mut self) {
        let app = &self.screen.app;
        self.printed.push_str(&format!("{:?} {:?} {:?}\n", app.shared, app.overlays, app.notice));
    }

    /// Fills a form and sends it; one more credential is on the shelf then.
    async fn mint(&mut self, (open, fill, text): (&str, &str, &str)) {
        let before = self.screen.app.shared.shelf.items().len();
        self.keys(open).await;
        self.keys(fill).await;
        self.send(Msg::Input(Event::Paste(text.into())));
        self.keys("ctrl-s").await;
        self.print_state();
        assert_eq!(
            self.screen.app.shared.shelf.items().len(),
            before + 1,
            "{open}: {}",
            self.screen.notice()
        );
    }
}

#[tokio::test]
async fn nothing_that_can_be_printed_of_a_run_holds_a_credential() {
    let emulator = Emulator::start(Options { port: 0, world: World::demo() }).await.expect("an emulator");
    let mut run = Run::start(&emulator).await;
    run.keys("enter").await;
    assert_eq!(run.screen.app.shared.workspace.opened.as_deref(), Some(DEPLOYER));
    for mint in MINTS {
        run.mint(mint).await;
    }
    run.keys("E").await;
    let made: Vec<_> = run.screen.app.shared.shelf.items().to_vec();
    for kind in Kind::FORMS.into_iter().chain([Kind::Delegated]) {
        assert!(made.iter().any(|held| held.request.kind() == kind), "{kind:?}: {}", run.screen.notice());
    }

    // Every action on each.
    run.keys("3 g").await;
    for _ in &made {
        for letter in ["y", "h", "e", "t", "c", "g", "d", "x", "s"] {
            run.keys(&format!("y {letter}")).await;
            // Not every menu offers every key.
            if !run.screen.app.overlays.is_empty() {
                run.keys("esc").await;
            }
        }
        run.keys("enter v v Y 3 f f j").await;
    }
    let saved = run.screen.effects.iter().filter(|effect| matches!(effect, Effect::Save { .. })).count();
    assert!(saved >= made.len(), "{saved} were saved");
    run.keys("6 enter enter y c s").await;
    run.print_state();

    // Values passed within one message.
    for credential in &made {
        let secret = &credential.secret;
        run.printed.push_str(&format!("{secret}"));
        run.print(credential);
        let text = secret.expose().to_owned();
        run.print(&jwt::read(&text));
        run.print(&Answer { body: text.clone().into_bytes().into(), max_age: None });
        run.send(Msg::Input(Event::Paste(text.clone())));
        run.print(&Env::from_vars([("CLOUDSDK_AUTH_ACCESS_TOKEN", text)]));
        let assertion = secret.clone();
        run.print(&Call::ExchangeJwt { request: credential.request.clone(), assertion });
        run.print(&Intent::Wiped(secret.clone()));
        let (token, from, about) = (secret.clone(), String::new(), Vec::new());
        run.print(&Intent::Inspect { token, from, about, expires: None, verdict: None, request: None });
        let options = FindOptions { stdin_token: Some(secret.clone()), ..FindOptions::default() };
        run.print(&auth::find(&Env::default(), &options));
        run.print(&options);
    }
    assert_eq!(run.screen.app.pane, PaneId::Activity);

    let mut traces = Traces::default();
    made.iter().for_each(|held| traces.add(held.request.kind().name(), held.secret.expose()));
    run.printed.extend(run.rows.iter().map(String::as_str));
    assert!(run.printed.contains("AccessToken") && run.printed.contains("generateIdToken"));
    assert_absent(&traces, run.printed.as_bytes(), "what was printed");
}
