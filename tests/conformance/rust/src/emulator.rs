//! `impersona emulator` as a process, in a home of its own, and programs that are led to it.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use google_cloud_auth::credentials::{AccessTokenCredentials, user_account};
use serde_json::Value;

use crate::said;

/// The longest that it may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// A credentials file that the emulator wrote.
pub struct Caller {
    /// Its name in the table.
    pub name: String,
    /// Its `type`.
    pub kind: String,
    /// What is in it.
    pub text: String,
    /// Who signs in.
    pub principal: String,
}

/// The running emulator.
pub struct Emulator {
    // Held for their drops: it is stopped, and then its home goes.
    _process: Process,
    home: Home,
    /// The program.
    pub binary: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// The credentials files, in its order.
    pub callers: Vec<Caller>,
    env: Vec<(String, String)>,
}

impl Emulator {
    /// Starts it and waits for its first line.
    pub fn start(binary: &Path) -> Result<Emulator, String> {
        let binary = binary.canonicalize().map_err(|error| format!("{}: {error}", binary.display()))?;
        let home = Home::new().map_err(said)?;
        let process = Command::new(&binary)
            .arg("emulator")
            .env_clear()
            .envs(bare(&home.0))
            .stdout(Stdio::piped())
            .spawn()
            .map_err(said)?;
        let mut process = Process(process);
        let stdout = process.0.stdout.take().ok_or("it has no output")?;
        let (sender, line) = channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = line.recv_timeout(PATIENCE).map_err(|_| format!("it said nothing within {PATIENCE:?}"))?;
        let first: Value = serde_json::from_str(&line).map_err(|error| format!("its first line: {error}"))?;
        let port =
            first["port"].as_u64().and_then(|port| u16::try_from(port).ok()).ok_or("it has no port")?;
        let env = first["env"].as_object().into_iter().flatten();
        let env = env.map(|(name, value)| (name.clone(), text(value))).collect();
        let callers =
            first["callers"].as_array().into_iter().flatten().map(caller).collect::<Result<_, _>>()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Emulator { _process: process, home, binary, address, callers, env })
    }

    /// The JSON of a caller's file.
    pub fn file(&self, kind: &str, principal: &str) -> Result<Value, String> {
        let wanted = |caller: &&Caller| caller.kind == kind && caller.principal.contains(principal);
        let caller = self.callers.iter().find(wanted).ok_or(format!("no {kind} of {principal}"))?;
        serde_json::from_str(&caller.text).map_err(said)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The caller whom most is allowed to, by Google's library.
    pub fn dev(&self) -> Result<AccessTokenCredentials, String> {
        let file = self.file("authorized_user", "user:dev@example.com")?;
        user_account::Builder::new(file).build_access_token_credentials().map_err(said)
    }

    /// A program that finds this emulator behind `recorder`, and a copy of a caller's file that says so, too. Without
    /// a file it is on the emulator's machine.
    pub fn led(
        &self,
        program: &Path,
        recorder: SocketAddr,
        file: Option<&Caller>,
    ) -> Result<tokio::process::Command, String> {
        let (here, there) = (self.address.to_string(), recorder.to_string());
        let mut command = tokio::process::Command::new(program);
        command.env_clear().envs(bare(&self.home.0)).stdin(Stdio::null()).kill_on_drop(true);
        for (name, value) in &self.env {
            if !matches!(
                name.as_str(),
                "GOOGLE_APPLICATION_CREDENTIALS" | "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"
            ) {
                command.env(name, value.replace(&here, &there));
            }
        }
        // What would leave the machine is led to the recorder as well.
        command.env("HTTPS_PROXY", format!("http://{there}"));
        if let Some(file) = file {
            let path = self.home.0.join(format!("{}-{}", recorder.port(), file.name));
            fs::write(&path, file.text.replace(&here, &there)).map_err(said)?;
            self.confirm(&path)?;
            command.env("GOOGLE_APPLICATION_CREDENTIALS", path);
        }
        Ok(command)
    }
}

impl Emulator {
    /// Confirms a file to impersona, as it says to where nobody can be asked: a copy sends a subject token that does not
    /// lie beside it to this machine.
    fn confirm(&self, file: &Path) -> Result<(), String> {
        const SCRIPT: &str = r#"umask 077; mkdir -p "$1"; sha256sum "$2" >> "$1/trusted-files""#;
        let folder = self.home.0.join(".local/state/impersona");
        let done = Command::new("sh").args(["-c", SCRIPT, "sh"]).arg(folder).arg(file).status();
        done.map_err(said)?
            .success()
            .then_some(())
            .ok_or_else(|| "the file could not be confirmed".to_owned())
    }
}

/// A program that is stopped when it is no longer needed.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It is told to stop, so that it takes its files along; a killed one could not.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        for _ in 0..100 {
            if !matches!(self.0.try_wait(), Ok(None)) {
                break;
            }
            thread::sleep(PATIENCE / 100);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder that only its owner may look into, for copies of credentials files, and gone in the end.
struct Home(PathBuf);

impl Home {
    fn new() -> io::Result<Home> {
        let folder = std::env::temp_dir().join(format!("impersona-conformance-{}", std::process::id()));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        Ok(Home(folder))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The environment of a program that is to find nothing of whoever runs this.
fn bare(home: &Path) -> [(String, std::ffi::OsString); 3] {
    let path = std::env::var_os("PATH").unwrap_or_default();
    [("HOME".into(), home.into()), ("TMPDIR".into(), home.into()), ("PATH".into(), path)]
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn caller(value: &Value) -> Result<Caller, String> {
    let path = PathBuf::from(text(&value["path"]));
    Ok(Caller {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        kind: text(&value["kind"]),
        text: fs::read_to_string(&path).map_err(said)?,
        principal: text(&value["principal"]),
    })
}
