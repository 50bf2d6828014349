//! What the tests share: a home of their own, the program in a terminal of its own, an emulator, and waiting on
//! conditions, never on time.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that waits has to look at the clock, and one that cannot go on has to panic"
)]

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use impersona::{
    api::{ApiError, Client, Settings, endpoints::Endpoints},
    auth::{self, FindOptions},
    emulator::{Emulator, Fault, Handle, Options, World},
    env::Env,
    model::credential::{MintRequest, What},
};
use serde_json::Value;
use tempfile::TempDir;

/// How long a condition may take to come true on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the example organization is tried on: dev may do everything here but edit its policy.
pub const DEPLOYER: &str = "deployer@acme-prod.iam.gserviceaccount.com";

/// A deadline, for everything that waits.
#[derive(Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn new() -> Deadline {
        Deadline(Instant::now() + PATIENCE)
    }

    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// Asks again and again until there is an answer.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Deadline::new();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(!deadline.left().is_zero(), "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A home with nothing in it, and the environment that goes with it: no variable of ours or of Google's is set.
pub struct Home {
    folder: TempDir,
}

impl Home {
    pub fn new() -> Home {
        let home = Home { folder: tempfile::tempdir().unwrap() };
        for name in ["home", "tmp", "state"] {
            fs::create_dir(home.path(name)).unwrap();
        }
        fs::write(home.path("config.toml"), "").unwrap();
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the home; gives its path as text.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path("home").join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn env(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.path(name).to_str().unwrap().to_owned();
        let mut env = vec![
            ("HOME", path("home")),
            ("TMPDIR", path("tmp")),
            ("IMPERSONA_STATE_DIR", path("state")),
            ("IMPERSONA_CONFIG", path("config.toml")),
            ("TERM", "xterm-256color".into()),
            ("LANG", "C.UTF-8".into()),
            ("TZ", "UTC".into()),
        ];
        if cfg!(windows) {
            env.push(("SystemRoot", "C:\\Windows".into()));
        }
        env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The program with these arguments and nothing of our own environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_impersona"));
        command.args(arguments).env_clear().envs(self.env()).current_dir(self.path("home"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs it to its end with something on stdin.
    pub fn run_with(&self, input: impl AsRef<[u8]>, arguments: &[&str]) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.as_ref().to_vec();
        // Whoever refuses to read on has said why on stderr.
        let writer = std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Ran::of(output)
    }

    /// Every file below the home, its temporary and its state folder, with its content.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            // Temporary files come and go while we look.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                } else if let Ok(content) = fs::read(entry.path()) {
                    found.push((entry.path(), content));
                }
            }
        }
        found
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// stdout, when all went well.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// stdout as JSON, when all went well.
    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.good()).unwrap()
    }

    /// The object `error` on stderr, when it went wrong with this code and nothing was printed.
    #[track_caller]
    pub fn error(self, code: i32) -> Value {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        let parsed: Value =
            serde_json::from_str(&self.err).unwrap_or_else(|why| panic!("{why}: {:?}", self.err));
        assert_eq!(names(&parsed), ["error"]);
        assert_eq!(names(&parsed["error"]), ["kind", "status", "reason", "message", "next"]);
        parsed["error"].clone()
    }

    /// stderr, when it went wrong with this code and nothing was printed.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        self.err
    }
}

/// The names of an object's fields, in their order.
#[track_caller]
pub fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().map(String::as_str).collect()
}

/// `impersona emulator` as a process of its own; it ends when dropped.
pub struct EmulatorProcess {
    child: Child,
    pub first: Value,
}

impl EmulatorProcess {
    pub fn start(home: &Home, arguments: &[&str]) -> EmulatorProcess {
        let arguments: Vec<&str> = ["emulator"].iter().chain(arguments).copied().collect();
        let mut child = home.command(&arguments).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let first = serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line:?}"));
        EmulatorProcess { child, first }
    }

    /// What points others at it.
    pub fn env(&self) -> Vec<(String, String)> {
        let env = self.first["env"].as_object().unwrap();
        env.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    }

    /// Asks it to stop, as the system does; gives the exit code.
    #[cfg(unix)]
    pub fn terminate(mut self) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        eventually("the emulator ends", || self.child.try_wait().unwrap()).code().unwrap_or(-1)
    }
}

impl Drop for EmulatorProcess {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An emulator in this process, with the example organization.
pub async fn emulator() -> Emulator {
    Emulator::start(Options { port: 0, world: World::demo() }).await.unwrap()
}

/// An emulator in which something goes wrong, and its handle.
pub async fn emulator_with(fault: Fault) -> (Emulator, Handle) {
    let emulator = emulator().await;
    let handle = emulator.handle();
    handle.add_fault(fault).await;
    (emulator, handle)
}

/// A client of the emulator's default caller, made as the program makes its own.
pub fn client(emulator: &Emulator) -> Client {
    client_with(emulator, |_| {})
}

/// The same with other settings.
pub fn client_with(emulator: &Emulator, change: impl FnOnce(&mut Settings)) -> Client {
    let env = Env::from_vars(emulator.env());
    let source = auth::find(&env, &FindOptions::default());
    let mut settings = Settings::new(Endpoints::new(&env, None).unwrap(), source);
    settings.use_proxy = false;
    settings.timeout = Duration::from_secs(10);
    change(&mut settings);
    Client::new(settings)
}

/// An access token for an account, for an hour.
pub fn access(account: &str, delegates: &[&str]) -> MintRequest {
    MintRequest {
        account: account.to_owned(),
        delegates: delegates.iter().map(|name| (*name).to_owned()).collect(),
        what: What::AccessToken {
            scopes: vec!["https://www.googleapis.com/auth/cloud-platform".into()],
            lifetime_seconds: 3_600,
        },
    }
}

/// One sentence for people: no web page, no debug print, no line break.
#[track_caller]
pub fn assert_sentence(error: &ApiError) {
    let text = error.sentence();
    assert!(
        text.ends_with('.') && text.len() < 300 && !text.contains(['\n', '<', '{', '\u{1b}']),
        "{text:?}"
    );
}

/// The mode of a file: who may do what with it.
#[cfg(unix)]
pub fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
}

/// Every file below a folder of the project with this ending, as its path from the project's root and its text.
pub fn sources(folder: &str, ending: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some(OsStr::new(ending)) {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[cfg(unix)]
pub use terminal::Terminal;

#[cfg(unix)]
mod terminal {
    use std::{num::NonZeroU16, sync::mpsc, thread::JoinHandle};

    use base64::{Engine, engine::general_purpose::STANDARD};
    use portable_pty::{Child, CommandBuilder, MasterPty, PtyPair, PtySize, SlavePty, native_pty_system};
    use rustix::process::{Pid, Signal};

    use super::*;

    /// What the program asked of the terminal beside the screen.
    #[derive(Default)]
    struct Heard {
        clipboard: Vec<String>,
        titles: usize,
    }

    impl vt100::Callbacks for Heard {
        fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], data: &[u8]) {
            self.clipboard.push(String::from_utf8(STANDARD.decode(data).unwrap()).unwrap());
        }

        fn set_window_title(&mut self, _: &mut vt100::Screen, _: &[u8]) {
            self.titles += 1;
        }
    }

    /// The program in a terminal of its own, seen as a person sees it and byte for byte.
    pub struct Terminal {
        master: Option<Box<dyn MasterPty + Send>>,
        // The settings of a terminal are forgotten with its last user: ours stays open to look at them.
        slave: Option<Box<dyn SlavePty + Send>>,
        writer: Option<Box<dyn Write + Send>>,
        reader: Option<JoinHandle<()>>,
        child: Box<dyn Child + Send + Sync>,
        chunks: mpsc::Receiver<Vec<u8>>,
        parser: vt100::Parser<Heard>,
        raw: Vec<u8>,
        settings_before: String,
    }

    impl Terminal {
        /// Starts the program in `size` columns and rows, with more variables than the home's own.
        pub fn start(
            home: &Home,
            size: (u16, u16),
            arguments: &[&str],
            vars: &[(String, String)],
        ) -> Terminal {
            Terminal::start_as(home, size, arguments, vars, true)
        }

        /// The same; a program that the terminal does not control gets no SIGHUP when it closes.
        pub fn start_as(
            home: &Home,
            size: (u16, u16),
            arguments: &[&str],
            vars: &[(String, String)],
            controlled: bool,
        ) -> Terminal {
            let PtyPair { master, slave } = native_pty_system().openpty(pty_size(size)).unwrap();
            let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_impersona"));
            command.args(arguments);
            command.cwd(home.path("home"));
            command.env_clear();
            for (name, value) in home.env().iter().chain(vars) {
                command.env(name, value);
            }
            command.set_controlling_tty(controlled);
            let settings_before = settings(&*master);
            let (sender, chunks) = mpsc::channel();
            let mut output = master.try_clone_reader().unwrap();
            let reader = std::thread::spawn(move || {
                let mut buffer = [0; 65_536];
                while let Ok(count @ 1..) = output.read(&mut buffer) {
                    if sender.send(buffer[..count].to_vec()).is_err() {
                        break;
                    }
                }
            });
            let child = slave.spawn_command(command).unwrap();
            let (rows, cols) = cells(size);
            Terminal {
                writer: Some(master.take_writer().unwrap()),
                master: Some(master),
                slave: Some(slave),
                reader: Some(reader),
                child,
                chunks,
                parser: vt100::Parser::new_with_callbacks(rows, cols, 0, Heard::default()),
                raw: Vec::new(),
                settings_before,
            }
        }

        /// The demo, its list of accounts on the screen.
        pub fn demo(home: &Home, size: (u16, u16)) -> Terminal {
            let mut terminal = Terminal::start(home, size, &["--demo"], &[]);
            terminal.wait_for("deployer@acme-prod");
            terminal
        }

        pub fn pid(&self) -> u32 {
            self.child.process_id().unwrap()
        }

        /// What a person sees.
        pub fn screen(&mut self) -> String {
            self.take_in();
            self.parser.screen().contents()
        }

        /// Every byte that came so far.
        pub fn raw(&mut self) -> &[u8] {
            self.take_in();
            &self.raw
        }

        /// Waits until this text is on the screen; gives the screen.
        #[track_caller]
        pub fn wait_for(&mut self, text: &str) -> String {
            self.wait_until(text, |screen| screen.contains(text))
        }

        /// Waits until the screen is as it should be; gives the screen.
        #[track_caller]
        pub fn wait_until(&mut self, what: &str, mut is_so: impl FnMut(&str) -> bool) -> String {
            self.wait(what, |terminal| {
                let screen = terminal.parser.screen().contents();
                is_so(&screen).then_some(screen)
            })
        }

        /// Waits until something was written after these many bytes.
        #[track_caller]
        pub fn wait_for_more_than(&mut self, bytes: usize) {
            self.wait("more output", |terminal| (terminal.raw.len() > bytes).then_some(()));
        }

        /// Waits for the first, second, … copy to the terminal's clipboard; gives its text.
        #[track_caller]
        pub fn wait_for_copy(&mut self, which: usize) -> String {
            self.wait("a copy", |terminal| terminal.parser.callbacks().clipboard.get(which - 1).cloned())
        }

        /// Everything that was sent to the terminal's clipboard.
        pub fn copies(&mut self) -> Vec<String> {
            self.take_in();
            self.parser.callbacks().clipboard.clone()
        }

        /// How often a title was set.
        pub fn titles(&mut self) -> usize {
            self.take_in();
            self.parser.callbacks().titles
        }

        #[track_caller]
        fn wait<T>(&mut self, what: &str, mut look: impl FnMut(&Terminal) -> Option<T>) -> T {
            let deadline = Deadline::new();
            loop {
                self.take_in();
                if let Some(seen) = look(self) {
                    return seen;
                }
                match self.chunks.recv_timeout(deadline.left()) {
                    Ok(chunk) => self.process(&chunk),
                    Err(why) => {
                        panic!(
                            "{why} waiting for “{what}”; on the screen:\n{}",
                            self.parser.screen().contents()
                        )
                    }
                }
            }
        }

        fn take_in(&mut self) {
            while let Ok(chunk) = self.chunks.try_recv() {
                self.process(&chunk);
            }
        }

        fn process(&mut self, chunk: &[u8]) {
            self.raw.extend_from_slice(chunk);
            self.parser.process(chunk);
        }

        /// Presses keys, by their names or as they are: `press("enter t a ctrl-s")`.
        pub fn press(&mut self, keys: &str) {
            for key in keys.split_whitespace() {
                match key {
                    "enter" => self.send("\r"),
                    "esc" => self.send("\x1b"),
                    "tab" => self.send("\t"),
                    "space" => self.send(" "),
                    "up" => self.send("\x1b[A"),
                    "down" => self.send("\x1b[B"),
                    "backspace" => self.send("\x7f"),
                    key => match key.strip_prefix("ctrl-").map(str::as_bytes) {
                        Some(&[letter]) => self.send([letter & 0x1f]),
                        _ => self.send(key),
                    },
                }
            }
        }

        /// Types text.
        pub fn type_text(&mut self, text: &str) {
            self.send(text);
        }

        /// Pastes text, as a terminal does for a program that asked for brackets.
        pub fn paste(&mut self, text: &str) {
            self.send(format!("\x1b[200~{text}\x1b[201~"));
        }

        fn send(&mut self, bytes: impl AsRef<[u8]>) {
            let writer = self.writer.as_mut().unwrap();
            writer.write_all(bytes.as_ref()).and_then(|()| writer.flush()).unwrap();
        }

        /// Makes the terminal this large.
        pub fn resize(&mut self, size: (u16, u16)) {
            self.take_in();
            let (rows, cols) = cells(size);
            self.parser.screen_mut().set_size(rows, cols);
            self.master.as_ref().unwrap().resize(pty_size(size)).unwrap();
        }

        /// Sends a signal.
        pub fn signal(&self, signal: Signal) {
            let pid = Pid::from_raw(self.pid().try_into().unwrap()).unwrap();
            rustix::process::kill_process(pid, signal).unwrap();
        }

        /// Takes the terminal away, as a closed window or a lost connection does.
        pub fn close(&mut self) {
            let reader = self.reader.take().unwrap();
            // Nobody takes the next chunk, so the reader ends with it and lets go of the terminal.
            self.chunks = mpsc::channel().1;
            self.resize((81, 25));
            reader.join().unwrap();
            (self.writer, self.slave, self.master) = (None, None, None);
        }

        /// Waits for the end; gives the exit code.
        pub fn exit_code(&mut self) -> u32 {
            eventually("the program ends", || self.child.try_wait().unwrap()).exit_code()
        }

        /// Waits for the end; the terminal must be as it was: screen, cursor, paste, settings.
        #[track_caller]
        pub fn ends_with(&mut self, code: u32) {
            assert_eq!(self.exit_code(), code, "{}", self.screen());
            self.wait("the terminal as it was", |terminal| {
                let screen = terminal.parser.screen();
                let ours = screen.alternate_screen() || screen.hide_cursor() || screen.bracketed_paste();
                (!ours).then_some(())
            });
            assert_eq!(settings(&**self.master.as_ref().unwrap()), self.settings_before);
        }

        /// Whether the program has the terminal to itself.
        pub fn is_taken(&mut self) -> bool {
            self.take_in();
            let raw = settings(&**self.master.as_ref().unwrap()) != self.settings_before;
            let screen = self.parser.screen();
            raw && screen.alternate_screen() && screen.bracketed_paste()
        }
    }

    impl Drop for Terminal {
        fn drop(&mut self) {
            // Gone already is as good.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// The settings of the line: raw or cooked, echo, signals.
    fn settings(master: &dyn MasterPty) -> String {
        format!("{:?}", master.get_termios().unwrap())
    }

    fn pty_size((cols, rows): (u16, u16)) -> PtySize {
        PtySize { rows, cols, ..PtySize::default() }
    }

    fn cells((cols, rows): (u16, u16)) -> (NonZeroU16, NonZeroU16) {
        (NonZeroU16::new(rows).unwrap(), NonZeroU16::new(cols).unwrap())
    }
}
