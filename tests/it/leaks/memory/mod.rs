//! What is in the memory of the running program, measured, from before a credential is made until all are wiped: another
//! process is the server, so that nothing of what is found is the server's own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

mod front;
mod process;
mod search;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use front::Front;
use search::{Hit, Wanted};

use super::{MINTS, SIZE, may_be_traced, mint_all, traceable};
use crate::{
    support::{EmulatorProcess, Home, eventually},
    terminal::Terminal,
};

/// What there is of each credential at one time.
type Found = Vec<Hit>;

/// What was found on the way from nothing to nothing.
struct Story {
    wanted: Wanted,
    /// Before anything was made.
    before: Found,
    /// While each was shown, of that one.
    shown: Found,
    /// When all were made, shown, decoded and copied, and each is masked.
    held: Found,
    /// After all were wiped.
    wiped: Found,
}

/// Waits until nothing is left, or no longer than anything may take; gives what is left then.
fn after_a_while(wanted: &Wanted, pid: u32) -> Found {
    let mut left = Vec::new();
    for _ in 0..20 {
        left = wanted.search(&process::read(pid));
        if left.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    left
}

/// Makes one of each kind; shows each, masks it, decodes it and copies it; and wipes all.
fn live(home: &Home, vars: &[(String, String)]) -> Story {
    let vars: Vec<_> = vars.iter().cloned().chain([traceable()]).collect();
    let mut terminal = Terminal::start(home, SIZE, &[], &vars);
    terminal.wait_for("deployer@acme-prod");
    let pid = terminal.pid();
    let (at_first, mut wanted, mut shown) = (process::read(pid), Wanted::default(), Vec::new());
    mint_all(&mut terminal, |terminal, name, made| {
        terminal.press("*");
        terminal.wait_for("hides it");
        let memory = process::read(pid);
        terminal.press("*");
        terminal.wait_until("masked", |screen| !screen.contains("hides it"));
        terminal.press("y y");
        let whose = wanted.add(name, &terminal.wait_for_copy(made));
        shown.extend(wanted.search(&memory).into_iter().filter(|hit| hit.whose == whose));
        terminal.press("enter");
        terminal.wait_for("e check against");
        terminal.press("v v 3");
        terminal.wait_for(&format!("Shelf {made} "));
    });
    let held = wanted.search(&process::read(pid));
    terminal.press("X");
    terminal.wait_for("This clears the shelf");
    terminal.press("y");
    terminal.wait_for("Wiped shelf");
    let wiped = after_a_while(&wanted, pid);
    Story { before: wanted.search(&at_first), shown, held, wiped, wanted }
}

impl Story {
    /// In how many places each was found.
    fn table(&self) -> String {
        let times =
            [("before", &self.before), ("shown", &self.shown), ("held", &self.held), ("wiped", &self.wiped)];
        self.wanted.table(&times)
    }

    /// What is held is found, so that finding nothing says something; and after a wipe there is nothing.
    #[track_caller]
    fn assert_it_ends_well(&self) {
        let table = self.table();
        println!("{table}");
        for whose in 0..=MINTS.len() {
            let whole = |hits: &Found| hits.iter().filter(|hit| hit.whose == whose && hit.whole).count();
            let in_cells = |hits: &Found| hits.iter().filter(|hit| hit.whose == whose && hit.cells).count();
            assert!(whole(&self.held) > 0 && whole(&self.shown) > 0 && in_cells(&self.shown) > 0, "{table}");
            assert_eq!(in_cells(&self.held), 0, "what is masked is on no frame: {table}");
        }
        assert!(self.before.is_empty(), "before it was made? {table}");
        assert!(self.wiped.is_empty(), "{table}{}", self.wanted.places(&self.wiped));
    }
}

#[test]
fn after_a_wipe_nothing_of_any_credential_is_left_in_memory() {
    if !may_be_traced() {
        return;
    }
    let (here, there) = (Home::new(), Home::new());
    let emulator = EmulatorProcess::start(&there, &[]);
    live(&here, &emulator.env()).assert_it_ends_well();
}

#[test]
fn nor_is_any_token_that_was_pasted() {
    if !may_be_traced() {
        return;
    }
    let home = Home::new();
    let mut terminal = Terminal::start(&home, SIZE, &["--demo"], &[traceable()]);
    terminal.wait_for("deployer@acme-prod");
    let mut wanted = Wanted::default();
    let token = pasted();
    wanted.add("pasted token", &token);
    terminal.press("4");
    terminal.paste(&token);
    terminal.wait_for("https://idp.example");
    let held = wanted.search(&process::read(terminal.pid()));
    assert!(held.iter().any(|hit| hit.whole), "what is held is found");
    terminal.press("X");
    terminal.wait_for("This clears the shelf");
    terminal.press("y");
    terminal.wait_for("Wiped shelf");
    let wiped = after_a_while(&wanted, terminal.pid());
    println!("{}", wanted.table(&[("held", &held), ("wiped", &wiped)]));
    // crossterm reads into two buffers that it never wipes and lets nobody at: what is typed or pasted next is written
    // over what was before.
    assert!(wiped.len() <= 2, "{}", wanted.places(&wiped));
    terminal.paste(&"nothing ".repeat(1_000));
    let after = after_a_while(&wanted, terminal.pid());
    assert!(after.is_empty(), "{}", wanted.places(&after));
}

/// A token of nobody's, with a signature that is nowhere else.
fn pasted() -> String {
    let mut signature = [0; 256];
    aws_lc_rs::rand::fill(&mut signature).unwrap();
    let [header, claims] =
        [r#"{"alg":"RS256","typ":"JWT"}"#, r#"{"iss":"https://idp.example","sub":"somebody"}"#]
            .map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn nor_on_the_way_to_a_terminal_that_does_not_read() {
    if !may_be_traced() {
        return;
    }
    let home = Home::new();
    let mut terminal = Terminal::start(&home, SIZE, &["--demo"], &[traceable()]);
    terminal.wait_for("deployer@acme-prod");
    terminal.press("enter");
    terminal.press("t i");
    terminal.paste("https://svc.run.app");
    terminal.press("ctrl-s");
    terminal.wait_for("Shelf 1 ");
    terminal.press("y y");
    let mut wanted = Wanted::default();
    wanted.add("ID token", &terminal.wait_for_copy(1));
    let stuck = eventually("a frame that is stuck", || {
        terminal.hold(true);
        terminal.press("*");
        let found = wanted.search(&process::read(terminal.pid()));
        if found.iter().any(|hit| hit.cells) {
            return Some(found);
        }
        // It was another frame, or we looked too early.
        terminal.hold(false);
        terminal.wait_for("hides it");
        terminal.press("*");
        terminal.wait_until("masked", |screen| !screen.contains("hides it"));
        None
    });
    terminal.press("X y");
    let wiped = after_a_while(&wanted, terminal.pid());
    println!("{}", wanted.table(&[("stuck", &stuck), ("wiped", &wiped)]));
    assert!(wiped.is_empty(), "{}", wanted.places(&wiped));
    terminal.hold(false);
    // The notice may have come and gone while nothing was read.
    terminal.wait_for("Nothing minted yet");
    terminal.wait_until("nothing of it", |screen| !screen.contains("eyJ") && screen.contains("Shelf"));
}

#[test]
fn nor_in_what_libraries_keep_of_tls_and_http_2() {
    if !may_be_traced() {
        return;
    }
    let (here, there) = (Home::new(), Home::new());
    let emulator = EmulatorProcess::start(&there, &[]);
    let front = Front::of(&emulator, &here);
    let story = live(&here, front.env());
    assert!(front.asked() > MINTS.len(), "all went through TLS");
    story.assert_it_ends_well();
}
