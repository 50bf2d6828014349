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
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use impersona::{
    api::{Client, Settings},
    auth::{self, FindOptions},
    http::{ApiError, endpoints::Endpoints},
    local::env::Env,
    model::credential::{MintRequest, What},
};
use impersona_emulator::{Emulator, Fault, Handle, Options, World};
use serde_json::Value;
use tempfile::TempDir;

/// How long a condition may take to come true on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the example organization is tried on: dev may do everything here but edit its policy.
pub use impersona_emulator::names::DEPLOYER;

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

    /// Writes a federated caller's file that sends its secrets to a host which is not Google's, and what else it is to
    /// say; gives its path.
    pub fn foreign_file(&self, more: Value) -> String {
        let mut content = serde_json::json!({
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.not-google.example/v1/token",
            "credential_source": {"file": self.file("subject", "eyJh.e30.c2ln")},
        });
        content.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.file("foreign.json", content.to_string())
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
            // Who we are is no question to the network.
            ("NO_GCE_CHECK", "true".into()),
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

    /// A program of this name that does what the script says, and the variables of somebody inside tmux who finds it
    /// before any other.
    #[cfg(unix)]
    pub fn stand_in(&self, name: &str, script: &str) -> Vec<(String, String)> {
        let bin = self.path("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        let owners = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(bin.join(name), owners).unwrap();
        let path = format!("{}:/usr/bin:/bin", bin.display());
        vec![("TMUX".into(), "/nowhere,1,0".into()), ("PATH".into(), path)]
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

    /// What points others at it, as the default caller.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = self.shell_env();
        let named = env.iter_mut().find(|(name, _)| name == "GOOGLE_APPLICATION_CREDENTIALS").unwrap();
        named.1 = self.first["callers"][0]["path"].as_str().unwrap().to_owned();
        env
    }

    /// What it prints for a shell.
    pub fn shell_env(&self) -> Vec<(String, String)> {
        let env = self.first["env"].as_object().unwrap();
        env.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    }

    /// Asks it to stop, as a person or the system does; gives the exit code.
    #[cfg(unix)]
    pub fn stop(mut self, signal: rustix::process::Signal) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
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

/// Takes connections as a proxy does and tells the first line of each; it gives no answer.
pub fn proxy() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut line = String::new();
            let _ = BufReader::new(stream.unwrap()).read_line(&mut line);
            let _ = sender.send(line);
        }
    });
    (address, asked)
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
        text.ends_with(['.', '?']) && text.len() < 300 && !text.contains(['\n', '<', '{', '\u{1b}']),
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
