//! What other programs find after a copy: on a real X display, in a real tmux, and in the terminal. Needs Xvfb, xclip and
//! tmux; without them the tests are skipped, except in the gate.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use impersona::local::env::Env;
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    support::{Home, eventually},
    terminal::Terminal,
};

const SIZE: (u16, u16) = (120, 40);

/// The format that asks clipboard histories not to keep something.
const HINT: &str = "x-kde-passwordManagerHint";

// A desktop.

#[test]
fn a_token_is_on_the_desktop_marked_as_a_secret_and_gone_after_quitting() {
    let Some(display) = Display::start() else { return };
    let home = Home::new();
    let (mut terminal, token) = minted(&home, &display.vars());
    terminal.press("y y");
    let notice = words(&terminal.wait_for("Copied access token of deployer@acme-prod"));
    assert!(notice.contains("(clears in 60 s and on quit)"), "{notice}");
    assert_eq!(display.text().as_deref(), Some(token.as_str()));
    assert!(display.is_marked());
    assert!(terminal.copies().is_empty(), "what the desktop took is not sent to the terminal");
    terminal.press("q");
    terminal.ends_with(0);
    assert_eq!(display.text(), None);
}

#[test]
fn however_it_ends_a_token_that_a_clipboard_manager_holds_for_us_is_taken_back() {
    let Some(display) = Display::start() else { return };
    let ends =
        [("q", None, 0), ("ctrl-c", None, 130), ("", Some(Signal::TERM), 143), ("", Some(Signal::HUP), 129)];
    for (key, signal, code) in ends {
        let home = Home::new();
        let (mut terminal, token) = minted(&home, &display.vars());
        terminal.press("y y");
        terminal.wait_for("Copied access token");
        let _manager = display.copy(&token);
        end(&mut terminal, key, signal);
        terminal.ends_with(code);
        assert_eq!(display.text(), None, "ended with {code}");
    }
}

#[test]
fn what_another_program_copied_since_is_left_alone() {
    let Some(display) = Display::start() else { return };
    let home = Home::new();
    let (mut terminal, _) = minted(&home, &display.vars());
    terminal.press("y y");
    terminal.wait_for("Copied access token");
    let _other = display.copy("theirs");
    terminal.press("q");
    terminal.ends_with(0);
    assert_eq!(display.text().as_deref(), Some("theirs"));
}

#[test]
fn wiping_clears_the_desktop() {
    let Some(display) = Display::start() else { return };
    let home = Home::new();
    let (mut terminal, token) = minted(&home, &display.vars());
    terminal.press("y y");
    terminal.wait_for("Copied access token");
    assert_eq!(display.text(), Some(token));
    terminal.press("X enter");
    terminal.wait_for("Wiped shelf");
    eventually("the clipboard is empty", || display.text().is_none().then_some(()));
}

#[test]
fn what_is_no_secret_is_not_marked_as_one() {
    let Some(display) = Display::start() else { return };
    let home = Home::new();
    let (mut terminal, _) = minted(&home, &display.vars());
    for (keys, notice, what) in
        [("y g", "Copied gcloud command", "gcloud auth"), ("y c", "Copied request as curl", "curl ")]
    {
        terminal.press(keys);
        let screen = terminal.wait_for(notice);
        assert!(!screen.contains("(clears"), "{screen}");
        let text = display.text().expect("a copy");
        assert!(text.contains(what), "{text}");
        assert!(!display.is_marked());
    }
}

// No desktop.

#[test]
fn without_a_display_the_terminal_gets_the_token_byte_for_byte_and_the_notice_promises_nothing() {
    let home = Home::new();
    assert_goes_to_the_terminal(&home, &[]);
}

#[test]
fn over_ssh_the_display_is_not_the_persons_own() {
    let Some(display) = Display::start() else { return };
    let home = Home::new();
    let mut vars = display.vars();
    vars.push(("SSH_CONNECTION".into(), "192.0.2.1 50000 192.0.2.2 22".into()));
    assert_goes_to_the_terminal(&home, &vars);
    assert_eq!(display.text(), None);
}

#[track_caller]
fn assert_goes_to_the_terminal(home: &Home, vars: &[(String, String)]) {
    let (mut terminal, token) = minted(home, vars);
    terminal.press("y y");
    let notice =
        words(&terminal.wait_for("Sent access token of deployer@acme-prod to the terminal clipboard"));
    assert!(notice.contains("(OSC 52): can't confirm or clear it"), "{notice}");
    assert!(!notice.contains("Copied"), "{notice}");
    let raw = String::from_utf8_lossy(terminal.raw()).into_owned();
    let sent: Vec<_> = raw.split("\x1b]52;").skip(1).filter_map(|rest| rest.split("\x1b\\").next()).collect();
    let [sent] = sent.as_slice() else { panic!("one copy, not {}", sent.len()) };
    let sent = STANDARD.decode(sent.strip_prefix("c;").expect("the clipboard, not a selection"));
    assert_eq!(sent.as_deref(), Ok(token.as_bytes()));
    terminal.press("q");
    terminal.ends_with(0);
}

// tmux.

#[test]
fn inside_tmux_a_token_is_in_a_buffer_by_stdin_until_it_is_wiped_or_the_program_ends() {
    let home = Home::new();
    let Some(tmux) = Tmux::start(&home) else { return };
    let (mut terminal, token) = minted(&home, &tmux.vars());
    terminal.press("y y");
    let notice = words(&terminal.wait_for("Copied access token of deployer@acme-prod to tmux buffer"));
    assert!(notice.contains("“impersona” (deleted in 60 s and on quit)"), "{notice}");
    assert!(notice.contains("a copy that tmux passes to the terminal stays"), "{notice}");
    assert_eq!(tmux.buffer().as_deref(), Some(token.as_str()));
    assert!(terminal.copies().is_empty(), "tmux passes it on itself");
    terminal.press("X enter");
    terminal.wait_for("Wiped shelf");
    eventually("the buffer is gone", || tmux.buffer().is_none().then_some(()));

    for (key, signal, code) in [("q", None, 0), ("", Some(Signal::TERM), 143)] {
        let home = Home::new();
        let (mut terminal, token) = minted(&home, &tmux.vars());
        terminal.press("y y");
        terminal.wait_for("Copied access token");
        assert_eq!(tmux.buffer(), Some(token.clone()));
        end(&mut terminal, key, signal);
        terminal.ends_with(code);
        assert_eq!(tmux.buffer(), None, "ended with {code}");
        assert!(!tmux.arguments().contains(&token));
    }
    assert!(!tmux.arguments().contains(&token));
    assert_eq!(tmux.arguments().matches("load-buffer -w -b impersona -\n").count(), 3);
}

// Hanging programs.

#[test]
fn a_display_that_hangs_from_the_start_holds_neither_keys_nor_the_copy_nor_quitting_back() {
    let Some(display) = Display::start() else { return };
    let home = Home::new();
    let (mut terminal, token) = minted(&home, &display.vars());
    display.server.signal(Signal::STOP);
    terminal.press("y y ?");
    terminal.wait_for("inspect this credential");
    terminal.press("esc");
    assert_eq!(terminal.wait_for_copy(1), token);
    terminal.wait_for("Sent access token of deployer@acme-prod to the terminal clipboard");
    assert_ends_soon(&mut terminal, "q");
}

#[test]
fn a_token_that_was_wiped_while_a_display_hung_goes_nowhere() {
    let Some(display) = Display::start() else { return };
    let home = Home::new();
    let (mut terminal, _) = minted(&home, &display.vars());
    display.server.signal(Signal::STOP);
    terminal.press("y y X enter");
    terminal.wait_for("Wiped shelf");
    terminal.press("0 Y");
    // The first request would have been served first.
    let first = terminal.wait_for_copy(1);
    assert!(first.contains("@acme-prod.iam.gserviceaccount.com"), "{first}");
    assert_ends_soon(&mut terminal, "q");
    display.server.signal(Signal::CONT);
    assert_eq!(display.text(), None);
}

#[test]
fn a_display_that_hangs_later_is_not_said_to_have_taken_a_copy() {
    let Some(display) = Display::start() else { return };
    let home = Home::new();
    let (mut terminal, token) = minted(&home, &display.vars());
    terminal.press("y y");
    terminal.wait_for("Copied access token");
    display.server.signal(Signal::STOP);
    terminal.press("y h");
    assert_eq!(terminal.wait_for_copy(1), format!("Authorization: Bearer {token}"));
    let screen = terminal.wait_for("Sent access token of deployer@acme-prod as header to the terminal");
    assert!(!screen.contains("Copied"), "{screen}");
    assert_ends_soon(&mut terminal, "ctrl-c");
    display.server.signal(Signal::CONT);
    assert_eq!(display.text(), None, "it is gone with us");
}

#[test]
fn a_program_that_owns_the_clipboard_and_hangs_holds_neither_the_next_copy_nor_quitting_back() {
    let Some(display) = Display::start() else { return };
    let home = Home::new();
    let (mut terminal, _) = minted(&home, &display.vars());
    terminal.press("y y");
    terminal.wait_for("Copied access token");
    let other = display.copy("theirs");
    other.signal(Signal::STOP);
    // Only the owner itself can tell whose the clipboard is.
    terminal.press("X enter");
    terminal.wait_for("Wiped shelf");
    terminal.press("0 Y");
    assert!(terminal.wait_for_copy(1).contains("@acme-prod.iam.gserviceaccount.com"));
    terminal.press("q");
    terminal.ends_with(0);
}

#[test]
fn a_program_that_owns_the_clipboard_and_hangs_gives_way_to_a_new_copy() {
    let Some(display) = Display::start() else { return };
    let home = Home::new();
    let (mut terminal, token) = minted(&home, &display.vars());
    terminal.press("y y");
    terminal.wait_for("Copied access token");
    let other = display.copy("theirs");
    other.signal(Signal::STOP);
    terminal.press("y h");
    terminal.wait_for("Copied access token of deployer@acme-prod as header");
    assert_eq!(display.text(), Some(format!("Authorization: Bearer {token}")));
    let another = display.copy("theirs again");
    another.signal(Signal::STOP);
    assert_ends_soon(&mut terminal, "q");
}

/// Ends with the terminal restored even if something hangs: half a minute would be easy to wait by mistake.
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "the time itself is what is tested")]
fn assert_ends_soon(terminal: &mut Terminal, key: &str) {
    let began = Instant::now();
    terminal.press(key);
    terminal.ends_with(if key == "q" { 0 } else { 130 });
    // One second of patience. A busy machine may take some more, but not as long as the hanging program.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

// Test fixtures.

/// The demo with an access token of deployer on its shelf, and the token as the program saves it.
fn minted(home: &Home, vars: &[(String, String)]) -> (Terminal, String) {
    let mut terminal = Terminal::start(home, SIZE, &["--demo"], vars);
    terminal.wait_for("deployer@acme-prod");
    terminal.press("enter t a ctrl-s");
    terminal.wait_for("Shelf 1");
    terminal.press("y s");
    terminal.wait_for("Saved deployer-access-");
    let files = home.files();
    let saved = files.iter().find(|(path, _)| path.to_string_lossy().contains("deployer-access-"));
    let token = String::from_utf8(saved.expect("a file").1.clone()).unwrap().trim_end().to_owned();
    assert!(token.starts_with("ya29.c."));
    (terminal, token)
}

/// Asks the program to end, by keys or by a signal.
fn end(terminal: &mut Terminal, keys: &str, signal: Option<Signal>) {
    terminal.press(keys);
    if let Some(signal) = signal {
        terminal.signal(signal);
    }
}

/// The screen with its lines joined, so that a wrapped notice is one text.
fn words(screen: &str) -> String {
    screen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The paths of these programs, if all exist. In the gate a missing one fails the test.
fn find<const N: usize>(names: [&str; N]) -> Option<[PathBuf; N]> {
    let env = Env::system();
    let folders: Vec<PathBuf> = std::env::split_paths(env.get("PATH").unwrap_or_default()).collect();
    let paths = names
        .map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file()).ok_or(name));
    if let Some(missing) = paths.iter().find_map(|path| path.as_ref().err()) {
        assert!(env.get("CI").is_none(), "no {missing}, and CI is set: nothing may be skipped");
        // Past the harness, which hides the output of a passing test.
        let _ = writeln!(io::stderr(), "skipped: no {missing}");
        return None;
    }
    Some(paths.map(|path| path.expect("none is missing")))
}

/// A process that ends with its test.
struct Process(Child);

impl Process {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM, not SIGKILL, so that an X server removes its lock; already gone is fine.
        for signal in [Signal::TERM, Signal::CONT] {
            let _ = kill_process(Pid::from_child(&self.0), signal);
        }
        let _ = self.0.wait();
    }
}

/// A private X display.
struct Display {
    server: Process,
    name: String,
    xclip: PathBuf,
}

impl Display {
    /// None without an X server or a program to read it.
    fn start() -> Option<Display> {
        let [xvfb, xclip] = find(["Xvfb", "xclip"])?;
        let mut server = Command::new(xvfb)
            .args(["-displayfd", "1", "-screen", "0", "64x64x8", "-nolisten", "tcp", "-noreset"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        assert!(!number.is_empty(), "the X server started");
        Some(Display { server: Process(server), name: format!(":{}", number.trim()), xclip })
    }

    /// The variables that make a program use it.
    fn vars(&self) -> Vec<(String, String)> {
        vec![("DISPLAY".into(), self.name.clone())]
    }

    fn xclip(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.xclip);
        command.args(["-selection", "clipboard"]).args(arguments);
        command
            .env_clear()
            .envs(self.vars())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// The clipboard's content in this format, if offered.
    fn read(&self, target: &str) -> Option<String> {
        let output = self.xclip(&["-o", "-t", target]).stdout(Stdio::piped()).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    fn text(&self) -> Option<String> {
        self.read("UTF8_STRING")
    }

    /// Whether clipboard histories are asked not to keep its content.
    fn is_marked(&self) -> bool {
        let offered =
            self.read("TARGETS").is_some_and(|targets| targets.lines().any(|target| target == HINT));
        offered && self.read(HINT).as_deref() == Some("secret")
    }

    /// Another program copies this.
    fn copy(&self, text: &str) -> Process {
        let mut other = self.xclip(&["-i", "-quiet"]).stdin(Stdio::piped()).spawn().unwrap();
        other.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        eventually("another program has the clipboard", || {
            (!self.is_marked() && self.text().as_deref() == Some(text)).then_some(())
        });
        Process(other)
    }
}

/// A private tmux server, and a `tmux` wrapper that records its arguments.
struct Tmux {
    tmux: PathBuf,
    bin: PathBuf,
    socket: PathBuf,
    inside: String,
}

impl Tmux {
    /// None without tmux.
    fn start(home: &Home) -> Option<Tmux> {
        use std::os::unix::fs::PermissionsExt;
        let [tmux] = find(["tmux"])?;
        let bin = home.path("bin");
        fs::create_dir(&bin).unwrap();
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> '{}'\nexec '{}' \"$@\"\n",
            bin.join("arguments").display(),
            tmux.display()
        );
        fs::write(bin.join("tmux"), script).unwrap();
        fs::set_permissions(bin.join("tmux"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut started = Tmux { tmux, bin, socket: home.path("tmux"), inside: String::new() };
        started.run(&["-f", "/dev/null", "new-session", "-d", "cat"]).expect("tmux starts");
        started.inside = started
            .run(&["display-message", "-p", "#{socket_path},#{pid},0"])
            .expect("an answer")
            .trim()
            .into();
        Some(started)
    }

    /// The output of tmux, if it succeeds.
    fn run(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(&self.tmux);
        command.arg("-S").arg(&self.socket).args(arguments);
        command.env_clear().envs([("TERM", "xterm-256color"), ("SHELL", "/bin/sh"), ("LANG", "C.UTF-8")]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// The variables that make a program think it runs inside.
    fn vars(&self) -> Vec<(String, String)> {
        let path = format!("{}:/usr/bin:/bin", self.bin.display());
        vec![("TMUX".into(), self.inside.clone()), ("PATH".into(), path)]
    }

    /// The content of our buffer, if it exists.
    fn buffer(&self) -> Option<String> {
        self.run(&["show-buffer", "-b", "impersona"])
    }

    /// All command lines of tmux.
    fn arguments(&self) -> String {
        fs::read_to_string(self.bin.join("arguments")).unwrap()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.run(&["kill-server"]);
    }
}
