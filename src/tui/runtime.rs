//! The event loop: events in, effects out. The only file of the explorer that awaits, uses the client, reads the clock
//! or starts tasks; it decides when to draw, never what.

mod callers;
mod frames;
mod keeping;
mod panic_switch;
mod room;
mod signals;
mod stopping;
mod typing;

use std::{
    collections::{BTreeMap, HashMap},
    io, iter,
    path::PathBuf,
    time::Duration,
};

use crossterm::event::Event;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver},
    task::{AbortHandle, JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use crate::{
    api::Client,
    auth::trust::TrustPrompt,
    http::{Record, clock, without_numbers},
    local::{env::Env, history::Snapshots, state::Store},
    ops::perform,
    session::{
        Failure,
        args::TuiArgs,
        config::Mode,
        failure, logging,
        setup::{Connector, Setup},
    },
    tui::{
        app::{
            AppState, Start,
            msg::{Effect, Msg, Now, Owner, ReqId, TimerId},
        },
        clipboard::{self, Clipboard, Copied},
        terminal::{self, Screen},
        view,
        widgets::theme::Theme,
    },
};
use callers::{Callers, Outcome, SwitchRequest};
use frames::Frames;
use keeping::{Keep, keep_files, open_store};
use panic_switch::PanicSwitch;
use room::Room;
use signals::{JobSignal, Signals};
use stopping::Stopping;
use typing::Typing;

/// Most queued keys handled before the next frame, so that a flood of keys can't stop drawing.
const BURST: usize = 1_024;

/// Most pages and records queued between tasks and loop.
const QUEUE: usize = 256;

/// Runs the explorer; returns the exit code.
///
/// # Errors
/// What kept it from opening; the terminal is left as it was.
pub fn open(args: &TuiArgs, env: &Env) -> Result<u8, Failure> {
    terminal::restore_on_panic();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Err(Failure::io("starting", &error)),
    };
    let code = runtime.block_on(explore(args, env));
    // A blocked task must not delay the shell.
    runtime.shutdown_timeout(Duration::from_millis(200));
    code
}

async fn explore(args: &TuiArgs, env: &Env) -> Result<u8, Failure> {
    // Installed before taking over the terminal.
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return Err(Failure::io("listening for signals", &error)),
    };
    if let Some(code) = stopping::until_in_foreground(&mut signals).await {
        return Ok(code);
    }
    // Making the keys and accounts of the example organization takes a moment, so show something meanwhile.
    let term = env.get("TERM");
    let early = match args.global.demo.then(|| starting(term)).transpose() {
        Ok(early) => early,
        Err(error) => return Err(Failure::usage(error.to_string())),
    };
    let (records_in, records) = mpsc::channel(QUEUE * 8);
    let setup = tokio::select! {
        biased;
        code = stopping::until_told_to_end(&mut signals, early.is_none()) => {
            terminal::restore();
            return Ok(code);
        }
        setup = Setup::make(&args.global, env, Some(records_in)) => setup,
    };
    let setup = match setup {
        Ok(setup) => setup,
        Err(failure) => {
            terminal::restore();
            return Err(failure);
        }
    };
    let folder = if args.global.demo { None } else { env.state_dir() };
    if let Some(folder) = &folder {
        logging::start(folder, args.global.verbose);
    }
    let (store, remark) = open_store(&folder, args.global.demo).await?;
    let theme = theme(args, env, &setup);
    let screen = match early.map_or_else(|| Screen::enter(term), Ok) {
        Ok(screen) => screen,
        Err(error) => return Err(Failure::usage(error.to_string())),
    };
    let app = AppState::new(start(args, &setup, store.as_ref()), screen.size());
    // The rest of it isn't needed later: the caller may be switched soon.
    let Setup { connector, source, doubt, client, emulator, .. } = setup;
    let (copied_in, copied) = mpsc::unbounded_channel();
    // The clipboard is the real one, in the demo too.
    let clipboard = Clipboard::new(env, copied_in);
    let (keeper, jobs) = mpsc::unbounded_channel();
    let (saved_in, saved) = mpsc::unbounded_channel();
    let mut files = JoinSet::new();
    files.spawn(keep_files(store, jobs, saved_in));
    let mut looped = Loop {
        app,
        room: Room::of(&screen),
        screen,
        theme,
        client,
        snapshots: match &folder {
            Some(folder) => Snapshots::in_state_folder(Some(folder.clone())),
            None if args.global.demo => Snapshots::in_memory(),
            None => Snapshots::in_state_folder(None),
        },
        clipboard,
        folder,
        remark,
        tasks: JoinSet::new(),
        running: HashMap::new(),
        timers: BTreeMap::new(),
        timer_count: 0,
        began: Instant::now(),
        frames: Frames::default(),
        quit: None,
        stopping: None,
        parts: mpsc::channel(QUEUE),
        records,
        lost: 0,
        lost_before: 0,
        copied,
        keeper,
        saved,
        panic: PanicSwitch::new(env),
        connector,
        callers: Callers::new(source),
        doubt,
        wish: SwitchRequest::default(),
        loaded: mpsc::channel(QUEUE),
    };
    let ended = looped.run(&mut signals).await;
    terminal::restore();
    let Loop { clipboard, mut tasks, keeper, .. } = looped;
    tasks.abort_all();
    // Requested files are written before the end, unless the disk hangs.
    drop(keeper);
    let _ = tokio::time::timeout(Duration::from_secs(1), files.join_next()).await;
    // Clears our copies; the terminal is restored already.
    drop(clipboard);
    drop(emulator);
    // An error here means that the terminal is gone: there is no one to tell.
    Ok(ended.unwrap_or(HANGUP))
}

/// The terminal, with a line on it.
fn starting(term: Option<&str>) -> io::Result<Screen> {
    let mut screen = Screen::enter(term)?;
    screen
        .draw(|frame| frame.render_widget(" impersona  starting the example organization…", frame.area()))?;
    Ok(screen)
}

fn start(args: &TuiArgs, setup: &Setup, store: Option<&Store>) -> Start {
    Start {
        caller: setup.caller.clone(),
        project: setup.project.clone(),
        account: args.account.clone(),
        pane: args.pane,
        keymap: setup.config.keymap.clone(),
        remembered: store.map(|store| store.remembered().clone()).unwrap_or_default(),
        endpoints: setup.client.endpoints().clone(),
        demo: args.global.demo,
        read_only: args.global.read_only,
        production: setup.config.production_projects.clone(),
        idle_wipe: setup.config.idle_wipe,
        questions_per_second: setup.connector.questions_per_second,
    }
}

/// `NO_COLOR` (any text) and `--no-color` mean no colour; a locale that is not UTF-8 means ASCII.
fn theme(args: &TuiArgs, env: &Env, setup: &Setup) -> Theme {
    let plain = args.global.no_color || env.get("NO_COLOR").is_some();
    let mode = if plain { Mode::None } else { setup.config.theme };
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env.get(name)).unwrap_or("UTF-8");
    let utf8 = locale.to_ascii_uppercase().replace('-', "").contains("UTF8");
    Theme::new(mode, utf8)
}

/// The message from a finished task to `update`, if any.
type Done = Option<Msg>;

struct Loop {
    app: AppState,
    screen: Screen,
    /// Reports when a slow terminal can take more.
    room: Room,
    theme: Theme,
    client: Client,
    /// Where policies are saved before they are overwritten.
    snapshots: Snapshots,
    clipboard: Clipboard,
    /// Where the last failure is saved; none in the demo.
    folder: Option<PathBuf>,
    /// What has to be said about the file of favourites and recents at the start.
    remark: Option<String>,
    /// All tasks: a panic in one is noticed here.
    tasks: JoinSet<Done>,
    running: HashMap<ReqId, AbortHandle>,
    timers: BTreeMap<(Instant, u64), TimerId>,
    timer_count: u64,
    began: Instant,
    frames: Frames,
    quit: Option<u8>,
    /// Who is to be suspended, until the loop gets to it.
    stopping: Option<Stopping>,
    parts: (mpsc::Sender<Msg>, mpsc::Receiver<Msg>),
    records: mpsc::Receiver<Record>,
    lost: u64,
    /// Requests of earlier callers' clients.
    lost_before: u64,
    copied: UnboundedReceiver<clipboard::Outcome>,
    keeper: mpsc::UnboundedSender<Keep>,
    saved: UnboundedReceiver<Msg>,
    panic: PanicSwitch,
    connector: Connector,
    /// The caller, and those before it.
    callers: Callers,
    /// A credentials file that the user has to trust first.
    doubt: Option<TrustPrompt>,
    wish: SwitchRequest,
    loaded: (mpsc::Sender<Outcome>, mpsc::Receiver<Outcome>),
}

/// Waits until a time; returns at once if it has passed, instead of at the next timer tick.
async fn time_of(wake: Option<Instant>) {
    if let Some(wake) = wake.filter(|wake| *wake > Instant::now()) {
        sleep_until(wake).await;
    }
}

impl Loop {
    async fn run(&mut self, signals: &mut Signals) -> io::Result<u8> {
        // The first frame is drawn before any call is made and any event is read.
        self.draw()?;
        let mut typing = Typing::listen();
        self.handle(Msg::Start)?;
        if let Some(remark) = self.remark.take() {
            self.handle(Msg::Saved(Err(without_numbers(&remark))))?;
        }
        if let Some(doubt) = &self.doubt {
            let question = doubt.question();
            self.handle(Msg::TrustNeeded { question, wish: None })?;
        }
        self.panic.in_a_task(&mut self.tasks);
        loop {
            if let Some(stopping) = self.stopping.take() {
                self.stop(stopping, signals).await?;
            }
            if let Some(code) = self.quit {
                return Ok(code);
            }
            // Also before the first wait: even a start without calls may have something to show.
            if self.app.take_dirty() {
                self.frames.want(Instant::now());
            }
            if self.screen.is_ready() && self.frames.is_late(Instant::now()) {
                self.draw()?;
            }
            let ready = self.screen.is_ready();
            let next_timer = self.timers.first_key_value().map(|((at, _), _)| *at);
            let wake = [next_timer, self.frames.due().filter(|_| ready)].into_iter().flatten().min();
            tokio::select! {
                biased;
                signal = signals.next() => match signal {
                    JobSignal::End(code) => self.handle(Msg::Leave(code))?,
                    JobSignal::Stop => self.stopping = Some(Stopping::Us),
                    JobSignal::GoOn => self.go_on(signals).await?,
                    JobSignal::Resize => {
                        self.resize()?;
                        self.draw_changes()?;
                    }
                },
                () = terminal::panicked() => return Ok(PANICKED),
                msg = typing.next() => {
                    let Some(msg) = msg else { return Ok(HANGUP) };
                    self.handle(msg)?;
                    self.drain(&mut typing)?;
                    self.draw_changes()?;
                }
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => self.finished(done)?,
                Some(part) = self.parts.1.recv() => self.handle(part)?,
                Some(record) = self.records.recv() => {
                    logging::request(&record);
                    self.handle(Msg::Http(Box::new(record)))?;
                    let lost = self.lost_before + self.client.lost_records();
                    if lost != self.lost {
                        self.lost = lost;
                        self.handle(Msg::RecordsLost(lost))?;
                    }
                }
                // A copy may have to go through the terminal.
                Some(copied) = self.copied.recv(), if ready => self.copied(copied)?,
                () = self.room.writable(), if !ready => self.screen.send()?,
                Some(outcome) = self.loaded.1.recv() => self.loaded(outcome)?,
                Some(saved) = self.saved.recv() => self.handle(saved)?,
                // Last, so that everything queued becomes one frame.
                () = time_of(wake), if wake.is_some() => {
                    self.fire()?;
                    if ready && self.frames.due().is_some_and(|due| due <= Instant::now()) {
                        self.draw()?;
                    }
                }
            }
        }
    }

    /// Handles all queued keys as one burst, with one frame.
    fn drain(&mut self, typing: &mut Typing) -> io::Result<()> {
        for _ in 0..BURST {
            // Checked first: whatever is taken must be handled, and keys after ctrl-z wait until we are resumed.
            if self.quit.is_some() || self.stopping.is_some() {
                break;
            }
            let Some(msg) = typing.try_next() else { break };
            self.handle(msg)?;
        }
        Ok(())
    }

    /// Draws at once what changed after input.
    fn draw_changes(&mut self) -> io::Result<()> {
        if self.quit.is_none() && self.app.take_dirty() { self.draw() } else { Ok(()) }
    }

    /// Draws a frame now, or as soon as the terminal has taken the last one; changes until then share a frame.
    fn draw(&mut self) -> io::Result<()> {
        if !self.screen.is_ready() {
            self.frames.hold(Instant::now());
            return Ok(());
        }
        // The terminal may have been resized before its event arrives.
        let size = self.screen.size();
        if size != self.app.size {
            self.handle(Msg::Input(Event::Resize(size.width, size.height)))?;
        }
        self.app.take_dirty();
        self.frames.drawn(Instant::now());
        let now = self.now();
        self.panic.in_draw();
        let (app, theme) = (&self.app, &self.theme);
        self.screen.draw(|frame| {
            if let Some(cursor) = view::draw(app, now, theme, frame.buffer_mut()) {
                frame.set_cursor_position(cursor);
            }
        })
    }

    fn now(&self) -> Now {
        Now { utc: clock::now(), mono: self.began.elapsed() }
    }

    fn handle(&mut self, msg: Msg) -> io::Result<()> {
        self.panic.in_update(&msg, &self.app);
        if matches!(msg, Msg::Input(Event::Resize(..))) {
            self.screen.resized();
        }
        let effects = self.app.update(self.now(), msg);
        effects.into_iter().try_for_each(|effect| self.carry_out(effect))
    }

    fn carry_out(&mut self, effect: Effect) -> io::Result<()> {
        match effect {
            Effect::Call { req, owner, call } => self.call(req, owner, call),
            Effect::Cancel(req) => {
                if let Some(task) = self.running.remove(&req) {
                    task.abort();
                }
            }
            Effect::After(timer, wait) => {
                self.timer_count += 1;
                self.timers.insert((Instant::now() + wait, self.timer_count), timer);
            }
            Effect::Copy(clip) => self.clipboard.copy(clip),
            Effect::ClearClipboard => self.clipboard.clear(),
            Effect::Forget => {
                self.clipboard.forget();
                self.screen.forget()?;
                // Copies of credentials that still wait for the terminal are dropped.
                for outcome in iter::from_fn(|| self.copied.try_recv().ok()).collect::<Vec<_>>() {
                    self.copied(outcome)?;
                }
                let client = self.client.clone();
                self.tasks.spawn(async move {
                    client.disconnect().await;
                    None
                });
            }
            Effect::Save { name, text } => self.keep(Keep::Save(name, text)),
            Effect::FindCallers => {
                let connector = self.connector.clone();
                self.tasks.spawn(async move {
                    let found = tokio::task::spawn_blocking(move || connector.callers()).await;
                    Some(Msg::Callers(found.ok()?))
                });
            }
            Effect::Switch(wish) => self.switch(wish),
            Effect::Trust(wish) => self.trust(wish)?,
            Effect::Remember(remembered) => self.keep(Keep::Remember(Box::new(remembered))),
            Effect::KeepFailure(failure) => {
                if let Some(folder) = &self.folder {
                    self.keep(Keep::Failure(failure::file(folder), failure));
                }
            }
            Effect::ResetProbing => self.client.reset_probing(),
            Effect::Suspend => self.stopping = Some(Stopping::Job),
            Effect::GiveBack(line) | Effect::Farewell(line) => {
                terminal::restore();
                terminal::say(&line);
            }
            Effect::Quit(code) => self.quit = Some(code),
        }
        Ok(())
    }

    fn call(&mut self, req: ReqId, owner: Owner, call: crate::ops::Call) {
        let writes = call.kind() == crate::http::CallKind::Write;
        let (client, snapshots, parts) = (self.client.clone(), self.snapshots.clone(), self.parts.0.clone());
        let task = self.tasks.spawn(async move {
            // Pages are queued in order: the sink must not wait, and the channel must be bounded.
            let (pages_in, mut pages) = mpsc::unbounded_channel();
            let mut sink = |part| {
                let _ = pages_in.send(part);
            };
            let work = perform(&client, &snapshots, call, &mut sink);
            tokio::pin!(work);
            let reply = loop {
                tokio::select! {
                    biased;
                    Some(part) = pages.recv() => {
                        let _ = parts.send(Msg::Part { req, owner, part }).await;
                    }
                    reply = &mut work => break reply,
                }
            };
            while let Ok(part) = pages.try_recv() {
                let _ = parts.send(Msg::Part { req, owner, part }).await;
            }
            Some(Msg::Reply { req, owner, reply })
        });
        // A write is never cancelled: what it did would stay unknown.
        if !writes {
            self.running.insert(req, task);
        }
    }

    fn finished(&mut self, done: Result<Done, JoinError>) -> io::Result<()> {
        match done {
            Ok(Some(msg)) => {
                // The last queued page goes before the final answer.
                while let Ok(part) = self.parts.1.try_recv() {
                    self.handle(part)?;
                }
                if let Msg::Reply { req, .. } = &msg {
                    self.running.remove(req);
                }
                self.handle(msg)
            }
            Ok(None) => Ok(()),
            Err(error) if error.is_panic() => {
                // The hook has restored the terminal and reported the place; this state can't be trusted now.
                self.quit = Some(PANICKED);
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    fn fire(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= now) {
            let timer = entry.remove();
            self.handle(Msg::Timer(timer))?;
        }
        Ok(())
    }

    fn copied(&mut self, outcome: clipboard::Outcome) -> io::Result<()> {
        let sentence = match outcome.since_no_wipe() {
            None => return Ok(()),
            Some(Copied::Done(sentence)) => sentence,
            Some(Copied::ByTerminal(text, sentence)) => {
                self.screen.copy(text.expose())?;
                sentence
            }
        };
        self.handle(Msg::Copied(Ok(sentence)))
    }

    /// Files are written one after the other, off the loop: a disk may hang, and the last write must win.
    fn keep(&mut self, job: Keep) {
        // The writer ends only with the loop.
        let _ = self.keeper.send(job);
    }
}

/// The exit code after a panic: Rust's own.
const PANICKED: u8 = 101;

/// 128 and the number of SIGHUP, as shells count.
const HANGUP: u8 = 129;
