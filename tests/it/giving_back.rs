//! Restoring and taking over the terminal: with a shell, and with a terminal that reads slowly or not at all.

use rustix::{fs::OFlags, process::Signal};

use crate::{
    support::{EmulatorProcess, Home, eventually},
    terminal::Terminal,
};

const SIZE: (u16, u16) = (120, 40);

// Suspending like any job of a shell.

/// Runs the program, reports when it is suspended, waits for a line, and resumes it.
const STOP_AND_GO: &str = r#""$0" --demo; echo "stands still"; read go; fg >/dev/null; echo "ended with $?""#;

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_back() {
    let home = Home::new();
    let mut terminal = Terminal::start_jobs(&home, SIZE, STOP_AND_GO);
    terminal.wait_for("deployer@acme-prod");
    terminal.wait_for("in example.com, 3 folders deep");
    terminal.press("?");
    let before = terminal.wait_for_whole("Help");
    terminal.press("ctrl-z");
    terminal.wait_for("stands still");
    terminal.is_given_back();
    terminal.press("enter");
    terminal.wait_until("the screen as it was", |screen| screen == before);
    assert!(terminal.is_taken());
    terminal.press("esc");
    terminal.wait_until("no help", |screen| !screen.contains("Help"));
    terminal.press("q");
    terminal.wait_for("ended with 0");
    terminal.ends_with(0);
}

#[test]
fn what_is_typed_with_ctrl_z_in_one_rush_is_heard_after_it() {
    let home = Home::new();
    let mut terminal = Terminal::start_jobs(&home, SIZE, STOP_AND_GO);
    terminal.wait_for("deployer@acme-prod");
    terminal.type_text(&format!("{}\u{1a}?", "jk".repeat(50)));
    terminal.wait_for("stands still");
    terminal.press("enter");
    terminal.wait_for("┌ Help ");
}

#[test]
fn the_terminal_is_not_taken_again_while_only_a_write_is_waited_for() {
    let home = Home::new();
    let mut world: serde_json::Value =
        serde_json::from_str(include_str!("../../crates/emulator/assets/world.json")).unwrap();
    world["faults"] = serde_json::json!([{"method": "iam.serviceAccounts.setIamPolicy", "hang": true}]);
    let world = home.file("world.json", world.to_string());
    let emulator = EmulatorProcess::start(&home, &["--world", &world]);
    let script = STOP_AND_GO.replace(" --demo", "");
    let mut terminal = Terminal::start_script(&home, SIZE, &script, &[], &emulator.env());
    terminal.wait_for("deployer@acme-prod");
    terminal.press("/");
    terminal.type_text("editable");
    terminal.press("enter enter");
    terminal.wait_for("✓ edit policy");
    terminal.press("p");
    terminal.wait_for("group:oncall");
    terminal.press("a ctrl-s s enter ctrl-c");
    terminal.wait_for("to be written; ctrl-c stops waiting");
    terminal.press("ctrl-z");
    terminal.wait_for("stands still");
    let before = terminal.raw().len();
    terminal.press("enter");
    // It ends by itself once the time to wait for the write is over.
    terminal.wait_for("ended with 130");
    assert!(!terminal.raw()[before..].contains(&b'\x1b'), "nothing but words was written");
    terminal.ends_with(0);
}

#[test]
fn a_signal_to_stop_does_the_same() {
    let home = Home::new();
    let script = r#""$0" --demo & p=$!; fg >/dev/null; echo "stands still"; read go; fg >/dev/null; echo "ended with $?""#;
    let mut terminal = Terminal::start_jobs(&home, SIZE, &script.replace("p=$!;", "echo $! > pid;"));
    terminal.wait_for("deployer@acme-prod");
    let pid = std::fs::read_to_string(home.path("home").join("pid")).unwrap();
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::TSTP).unwrap();
    terminal.wait_for("stands still");
    terminal.is_given_back();
    terminal.press("enter");
    terminal.wait_for("deployer@acme-prod");
    terminal.press("q");
    terminal.wait_for("ended with 0");
    terminal.ends_with(0);
}

#[test]
fn ctrl_z_stops_the_script_that_it_runs_in_too() {
    let home = Home::new();
    let script =
        r#"sh -c '"$0" --demo; echo inside' "$0"; echo "stands still"; read go; fg >/dev/null; echo after"#;
    let mut terminal = Terminal::start_jobs(&home, SIZE, script);
    terminal.wait_for("deployer@acme-prod");
    terminal.press("ctrl-z");
    let screen = terminal.wait_for("stands still");
    assert!(!screen.contains("inside"), "{screen}");
    terminal.is_given_back();
    terminal.press("enter");
    terminal.wait_for("deployer@acme-prod");
    terminal.press("q");
    let screen = terminal.wait_for("after");
    assert!(screen.contains("inside"), "{screen}");
    terminal.ends_with(0);
}

#[test]
fn started_in_the_background_it_leaves_the_terminal_alone_until_it_is_brought_forward() {
    let home = Home::new();
    let script = r#""$0" --demo & until jobs >jobs && grep -q Stopped jobs; do sleep 0.1; done; echo "stands still"; read go; fg >/dev/null"#;
    let mut terminal = Terminal::start_jobs(&home, SIZE, script);
    terminal.wait_for("stands still");
    terminal.is_given_back();
    assert!(!terminal.raw().contains(&b'\x1b'), "nothing was written");
    terminal.press("enter");
    terminal.wait_for("deployer@acme-prod");
    assert!(terminal.is_taken());
    terminal.press("q");
    terminal.ends_with(0);
}

#[test]
fn told_to_end_while_it_stands_still_it_ends_and_touches_nothing() {
    let home = Home::new();
    let script =
        r#""$0" --demo; echo "stands still"; read go; kill -TERM %1; fg >/dev/null; echo "ended with $?""#;
    let mut terminal = Terminal::start_jobs(&home, SIZE, script);
    terminal.wait_for("deployer@acme-prod");
    terminal.press("ctrl-z");
    terminal.wait_for("stands still");
    terminal.press("enter");
    terminal.wait_for("ended with 143");
    terminal.ends_with(0);
}

#[test]
fn a_terminal_that_has_another_size_when_it_comes_back_is_drawn_in_it() {
    let home = Home::new();
    let mut terminal = Terminal::start_jobs(&home, SIZE, STOP_AND_GO);
    terminal.wait_for("deployer@acme-prod");
    terminal.press("ctrl-z");
    terminal.wait_for("stands still");
    terminal.resize((30, 8));
    terminal.press("enter");
    terminal.wait_for("too small");
    terminal.resize((100, 30));
    terminal.wait_for("deployer@acme-prod");
    terminal.press("q");
    terminal.wait_for("ended with 0");
}

#[test]
fn stopped_without_a_word_it_takes_the_terminal_again_from_whoever_had_it() {
    let home = Home::new();
    let mut terminal = Terminal::demo(&home, SIZE);
    let before = terminal.wait_for_quiet();
    terminal.signal(Signal::STOP);
    terminal.is_stopped();
    terminal.is_reset();
    terminal.signal(Signal::CONT);
    terminal.wait_until("the screen as it was", |screen| screen == before);
    eventually("the terminal is taken", || terminal.is_taken().then_some(()));
    terminal.press("q");
    terminal.ends_with(0);
}

// A burst of input.

#[test]
fn keys_that_come_in_one_rush_are_heard_to_the_last() {
    let home = Home::new();
    let mut terminal = Terminal::demo(&home, SIZE);
    terminal.signal(Signal::STOP);
    terminal.is_stopped();
    terminal.type_text(&"?".repeat(3_001));
    terminal.signal(Signal::CONT);
    terminal.wait_for("┌ Help ");
    terminal.press("?");
    terminal.wait_until("no help", |screen| !screen.contains("┌ Help "));
}

#[test]
fn a_mebibyte_pasted_anywhere_is_text_and_no_keys() {
    let home = Home::new();
    let mut terminal = Terminal::demo(&home, SIZE);
    // Keys that leave, suspend, quit, wipe, mint, confirm: in a paste they are text.
    let keys = "\u{3}\u{1a}qXta\u{13}y\r".repeat(1024 * 1024 / 9);
    for place in ["", "/", ":", "P", "i", "enter t a", "t j", "t", "y", "4", "2", "6", "X"] {
        terminal.press(place);
        terminal.paste(&keys);
        // The next key is handled, so all of the paste was.
        terminal.type_text("\u{1b}OP");
        terminal.wait_for("┌ Help ");
        for _ in 0..4 {
            terminal.type_text("\u{1b}[27u");
        }
        terminal.wait_until("no help", |screen| !screen.contains("┌ Help "));
    }
    terminal.press("6");
    let screen = terminal.wait_for("ListServiceAccounts");
    assert!(!screen.contains("GenerateAccessToken"), "{screen}");
    assert!(terminal.copies().is_empty());
    terminal.press("q");
    terminal.ends_with(0);
}

// A terminal that reads slowly, or not at all.

/// Presses keys until the terminal, which reads nothing, takes no more output.
fn fill(terminal: &mut Terminal) {
    terminal.stop_reading();
    let mut open = false;
    eventually("the terminal is full", || {
        // Open and close the help.
        terminal.press("?");
        open = !open;
        terminal.is_full().then_some(())
    });
    if open {
        terminal.press("?");
    }
}

#[test]
fn a_terminal_that_does_not_read_holds_no_end_back() {
    for (keys, signal, code) in
        [("q", None, 0), ("ctrl-c", None, 130), ("", Some(Signal::TERM), 143), ("", Some(Signal::HUP), 129)]
    {
        let home = Home::new();
        let mut terminal = Terminal::demo(&home, SIZE);
        fill(&mut terminal);
        terminal.press(keys);
        if let Some(signal) = signal {
            terminal.signal(signal);
        }
        assert_eq!(terminal.exit_code(), code);
        terminal.read_on();
        terminal.ends_with(code);
    }
}

#[test]
fn a_panic_over_a_terminal_that_does_not_read_gives_it_back_too() {
    if !cfg!(debug_assertions) {
        return; // The switch that makes it panic is for debug builds.
    }
    let home = Home::new();
    let switch = [("IMPERSONA_DEBUG_PANIC".to_owned(), "state".to_owned())];
    let mut terminal = Terminal::start(&home, SIZE, &["--demo"], &switch);
    terminal.wait_for("deployer@acme-prod");
    // The switch waits for a key, and a new size can be heard of before one that was pressed earlier.
    terminal.press("?");
    terminal.wait_for("┌ Help ");
    fill(&mut terminal);
    terminal.resize((121, 40));
    assert_eq!(terminal.exit_code(), 101);
    terminal.read_on();
    terminal.ends_with(101);
    terminal.wait_for("impersona crashed (a bug)");
}

#[test]
fn what_changed_while_the_terminal_did_not_read_is_one_frame() {
    let home = Home::new();
    let mut terminal = Terminal::demo(&home, SIZE);
    let before = terminal.wait_for_quiet();
    fill(&mut terminal);
    for _ in 0..1_000 {
        terminal.press("? ?");
    }
    let seen = terminal.raw().len();
    terminal.read_slowly(1_000);
    terminal.wait_until("the screen as it was", |screen| screen == before);
    let came = terminal.raw().len() - seen;
    assert!(came < 300_000, "{came} bytes: what the terminal held, and a few frames more");
}

#[test]
fn a_size_that_came_and_went_before_it_was_drawn_leaves_no_trace() {
    let home = Home::new();
    let mut terminal = Terminal::demo(&home, SIZE);
    let before = terminal.wait_for_quiet();
    fill(&mut terminal);
    terminal.resize((1, 1));
    terminal.resize(SIZE);
    terminal.read_on();
    terminal.wait_until("the screen as it was", |screen| screen == before);
}

#[test]
fn after_a_storm_of_sizes_the_screen_is_as_before() {
    let home = Home::new();
    let mut terminal = Terminal::demo(&home, SIZE);
    let before = terminal.wait_for_quiet();
    for step in 0..500_u16 {
        terminal.resize((1 + step * 37 % 250, 1 + step * 17 % 90));
        if step % 10 == 0 {
            terminal.press("? ?");
        }
    }
    terminal.resize(SIZE);
    terminal.wait_until("the screen as it was", |screen| screen == before);
    terminal.press("q");
    terminal.ends_with(0);
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_waits_for_the_terminal_does_not_spin() {
    let home = Home::new();
    let mut terminal = Terminal::demo(&home, SIZE);
    fill(&mut terminal);
    // It has to draw first. A busy loop would use all the processor time, now and later.
    eventually("half a second without work", || {
        let before = terminal.processor_time();
        std::thread::sleep(std::time::Duration::from_millis(500));
        (terminal.processor_time() - before < 5).then_some(())
    });
}

// Before the terminal is taken over.

#[test]
fn a_signal_ends_the_wait_for_a_credentials_file() {
    let home = Home::new();
    let pipe = home.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // A child that another test starts meanwhile would hold it open, and end the wait by its own end.
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let name = pipe.to_str().unwrap();
    for (arguments, signal) in [
        (["--credentials", name], Some(Signal::TERM)),
        (["--credentials", name], Some(Signal::HUP)),
        (["--credentials", name], Some(Signal::QUIT)),
        (["--credentials", name], None),
        (["--config", name], Some(Signal::INT)),
    ] {
        let mut terminal = Terminal::start(&home, SIZE, &arguments, &[]);
        // There is no reader before the program waits.
        let _held = eventually("it waits for the file", || {
            rustix::fs::open(&pipe, flags, rustix::fs::Mode::empty()).ok()
        });
        match signal {
            Some(signal) => terminal.signal(signal),
            None => terminal.press("ctrl-c"),
        }
        terminal.ends_with(128 + signal.unwrap_or(Signal::INT).as_raw().unsigned_abs());
    }
}
