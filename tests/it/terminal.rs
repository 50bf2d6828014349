//! The program in its own terminal: keys in, a screen out, and every byte in between.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

mod device;

use std::{
    io::{Read, Write},
    num::NonZeroU16,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use portable_pty::{Child, CommandBuilder, MasterPty, PtyPair, PtySize, SlavePty, native_pty_system};
use rustix::process::{Pid, Signal};

use crate::support::{Deadline, Home, eventually};
use device::{Gate, StandIns};

/// What the program sent to the terminal in addition to the screen.
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

/// The program in its own terminal, as a person sees it and byte for byte.
pub struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    // A terminal loses its settings with its last user: we keep it open to read them.
    slave: Option<Box<dyn SlavePty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    reader: Option<JoinHandle<()>>,
    gate: Arc<Gate>,
    child: Box<dyn Child + Send + Sync>,
    chunks: mpsc::Receiver<Vec<u8>>,
    parser: vt100::Parser<Heard>,
    raw: Vec<u8>,
    stand_ins: StandIns,
    settings_before: String,
    /// Keys pressed since the program was last given time to read them.
    rushed: usize,
}

impl Terminal {
    /// Starts the program with `size` columns and rows, and with extra variables.
    pub fn start(home: &Home, size: (u16, u16), arguments: &[&str], vars: &[(String, String)]) -> Terminal {
        Terminal::start_as(home, size, arguments, vars, true)
    }

    /// The same without a controlling terminal, which would send SIGHUP when it closes.
    pub fn start_as(
        home: &Home,
        size: (u16, u16),
        arguments: &[&str],
        vars: &[(String, String)],
        controlled: bool,
    ) -> Terminal {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_impersona"));
        command.args(arguments);
        Terminal::start_command(home, size, command, vars, controlled)
    }

    /// Runs a script in a shell with job control, with the program as `$0`.
    pub fn start_jobs(home: &Home, size: (u16, u16), script: &str) -> Terminal {
        Terminal::start_script(home, size, script, &[], &[])
    }

    /// The same with arguments of the script and more variables.
    pub fn start_script(
        home: &Home,
        size: (u16, u16),
        script: &str,
        arguments: &[&str],
        vars: &[(String, String)],
    ) -> Terminal {
        let mut command = CommandBuilder::new("/bin/sh");
        command.args(["-mc", script, env!("CARGO_BIN_EXE_impersona")]);
        command.args(arguments);
        let vars: Vec<_> = vars.iter().cloned().chain([("PATH".into(), "/usr/bin:/bin".into())]).collect();
        Terminal::start_command(home, size, command, &vars, true)
    }

    fn start_command(
        home: &Home,
        size: (u16, u16),
        mut command: CommandBuilder,
        vars: &[(String, String)],
        controlled: bool,
    ) -> Terminal {
        let PtyPair { master, slave } = native_pty_system().openpty(pty_size(size)).unwrap();
        command.cwd(home.path("home"));
        command.env_clear();
        for (name, value) in home.env().iter().chain(vars) {
            command.env(name, value);
        }
        command.set_controlling_tty(controlled);
        let settings_before = settings(&*master);
        let (sender, chunks) = mpsc::channel();
        let mut output = master.try_clone_reader().unwrap();
        let gate = Arc::new(Gate::default());
        let passes = gate.clone();
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(count @ 1..) = output.read(&mut buffer[..passes.pass()]) {
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
            gate,
            child,
            chunks,
            parser: vt100::Parser::new_with_callbacks(rows, cols, 0, Heard::default()),
            raw: Vec::new(),
            stand_ins: StandIns::default(),
            settings_before,
            rushed: 0,
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

    /// The visible screen.
    pub fn screen(&mut self) -> String {
        self.take_in();
        contents(&self.parser)
    }

    /// The last column, from the top to the bottom.
    pub fn right_edge(&mut self) -> String {
        self.take_in();
        let screen = self.parser.screen();
        let (rows, columns) = screen.size();
        (0..rows.get())
            .filter_map(|row| screen.cell(row, columns.get() - 1))
            .map(vt100::Cell::contents)
            .collect()
    }

    /// Row and column of the cursor.
    pub fn cursor(&mut self) -> (u16, u16) {
        self.take_in();
        self.parser.screen().cursor_position()
    }

    /// Every byte received so far.
    pub fn raw(&mut self) -> &[u8] {
        self.take_in();
        &self.raw
    }

    /// Waits until this text is on the screen; returns the screen.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// Waits until the screen satisfies this; returns the screen.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, mut is_so: impl FnMut(&str) -> bool) -> String {
        self.wait(what, |terminal| {
            let screen = contents(&terminal.parser);
            is_so(&screen).then_some(screen)
        })
    }

    /// Waits until this text is on a completely drawn screen without a cursor; returns the screen.
    #[track_caller]
    pub fn wait_for_whole(&mut self, text: &str) -> String {
        self.wait(text, |terminal| {
            let screen = contents(&terminal.parser);
            // A frame ends by showing or hiding the cursor.
            (screen.contains(text) && terminal.raw.ends_with(b"\x1b[?25l")).then_some(screen)
        })
    }

    /// Waits until the demo has said all that it says by itself: the caller, the list, and where the project is, which
    /// come in any order. Until then the next answer changes the screen.
    #[track_caller]
    pub fn wait_for_quiet(&mut self) -> String {
        self.wait("the demo with nothing left to come", |terminal| {
            let screen = contents(&terminal.parser);
            let all = ["dev@example.com · demo", "Accounts 60 ─", "in example.com, 3 folders deep"];
            let is_whole = terminal.raw.ends_with(b"\x1b[?25l");
            (is_whole && all.iter().all(|text| screen.contains(text))).then_some(screen)
        })
    }

    /// Waits until more than this many bytes were written.
    #[track_caller]
    pub fn wait_for_more_than(&mut self, bytes: usize) {
        self.wait("more output", |terminal| (terminal.raw.len() > bytes).then_some(()));
    }

    /// Waits for the nth copy to the terminal's clipboard; returns its text.
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
                    panic!("{why} waiting for “{what}”; on the screen:\n{}", contents(&self.parser))
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
        self.parser.process(&self.stand_ins.put(chunk));
    }

    /// Presses keys, by their names or as they are: `press("enter t a ctrl-s")`.
    pub fn press(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            // More at once would be a paste.
            if self.rushed == 8 {
                self.is_read();
                self.rushed = 0;
            }
            self.rushed += 1;
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
        // Without a controlling terminal it isn't told of the size, but it draws something for a key.
        self.resize((81, 25));
        self.send("?");
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
        self.is_given_back();
    }

    /// Waits until the terminal is as it was: screen, cursor, paste, settings.
    #[track_caller]
    pub fn is_given_back(&mut self) {
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
        self.gate.open();
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a person sees; nobody sees whether the end of a line was written or left empty.
fn contents(parser: &vt100::Parser<Heard>) -> String {
    let screen = parser.screen().contents();
    screen.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
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
