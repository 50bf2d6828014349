//! Text of somebody hostile, in every place that shows any: nothing reaches the terminal but what we say on purpose, and
//! everything stands where it was laid out.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

mod lines;
mod strict;
mod world;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use strict::first_trick;
use world::{flood, trick, world};

use crate::{
    support::{EmulatorProcess, Home},
    terminal::Terminal,
};

/// The explorer over a hostile world.
struct Stage {
    terminal: Terminal,
    checked: usize,
    _emulator: EmulatorProcess,
    _homes: [Home; 2],
}

impl Stage {
    fn open(size: (u16, u16), faults: Value) -> Stage {
        let (here, there) = (Home::new(), Home::new());
        let file = there.file("world.json", world(faults).to_string());
        let emulator = EmulatorProcess::start(&there, &["--world", &file]);
        let mut terminal = Terminal::start(&here, size, &[], &emulator.env());
        terminal.wait_for("deployer@acme-prod");
        Stage { terminal, checked: 0, _emulator: emulator, _homes: [here, there] }
    }

    /// Presses keys, waits until they have been answered, and looks at all that came.
    #[track_caller]
    fn press(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            match key {
                // As terminals say it that can: nothing that follows is taken for a part of it.
                "esc" => self.terminal.type_text("\u{1b}[27u"),
                key => self.terminal.press(key),
            }
        }
        self.settle(keys);
    }

    /// Waits for a text, and looks at all that came.
    #[track_caller]
    fn wait_for(&mut self, text: &str) -> String {
        let screen = self.terminal.wait_for(text);
        self.settle(text);
        screen
    }

    #[track_caller]
    fn paste(&mut self, text: &str) {
        self.terminal.paste(text);
        self.settle("what was pasted");
    }

    /// The help comes and goes: what was asked for before has been drawn.
    #[track_caller]
    fn settle(&mut self, step: &str) {
        self.terminal.type_text("\u{1b}OP");
        self.terminal.wait_for("┌ Help ");
        self.terminal.type_text("?");
        self.terminal.wait_until("no help", |screen| !screen.contains("┌ Help "));
        let raw = self.terminal.raw();
        let new = &raw[self.checked..];
        assert_eq!(first_trick(whole(new)), None, "after {step}");
        self.checked = raw.len() - (new.len() - whole(new).len());
        let edge = self.terminal.right_edge();
        let frame = edge.trim_matches(|c| c != '┐' && c != '┘');
        let sides = frame.trim_start_matches('┐').trim_end_matches('┘');
        assert!(
            frame.len() > sides.len() && sides.chars().all(|c| "│┐┘".contains(c)),
            "after {step} the frame is broken: {edge}\n{}",
            self.terminal.screen()
        );
        assert_eq!((self.terminal.copies().len(), self.terminal.titles()), (0, 0), "after {step}");
    }
}

/// Without a sequence or letter at the end that has not come in whole yet.
fn whole(raw: &[u8]) -> &[u8] {
    let mut end = raw.len();
    if let Some(escape) = raw.iter().rposition(|byte| *byte == 0x1b)
        && !raw[escape..].iter().skip(2).any(|byte| byte.is_ascii_alphabetic())
    {
        end = escape;
    }
    match std::str::from_utf8(&raw[..end]) {
        Err(error) if error.error_len().is_none() => &raw[..error.valid_up_to()],
        _ => &raw[..end],
    }
}

/// A token whose every text is a trick.
fn token() -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "RS256", "typ": trick(), "kid": trick()});
    let claims = json!({
        "iss": trick(), "sub": trick(), "aud": [trick(), flood()], "exp": 4_000_000_000_u64, "email": trick(),
        trick(): trick(), "nested": {trick(): [trick(), {"deep": flood()}]},
    });
    format!("{}.{}.{}", part(&header), part(&claims), URL_SAFE_NO_PAD.encode("signature"))
}

const SIZES: [(u16, u16); 4] = [(120, 40), (80, 24), (40, 10), (203, 51)];

#[test]
fn accounts_overview_and_policy_show_tricks_as_marks() {
    for size in SIZES {
        let mut stage = Stage::open(size, json!([]));
        stage.press("enter");
        stage.wait_for("␛]0;owned");
        stage.press("G");
        stage.press("0 /");
        stage.paste(&trick());
        stage.press("esc");
        stage.press("p");
        stage.wait_for("▾");
        for keys in ["G", "v", "G", "g", "o", "/"] {
            stage.press(keys);
        }
        stage.paste(&trick());
        stage.press("esc");
        for keys in ["v", "g down", "D", "s", "esc", "H", "esc", "a"] {
            stage.press(keys);
        }
        for _ in 0..4 {
            stage.paste(&trick());
            stage.press("tab");
        }
        stage.press("esc");
    }
}

#[test]
fn pickers_and_the_palette_show_tricks_as_marks() {
    for size in SIZES {
        let mut stage = Stage::open(size, json!([]));
        for open in ["P", "i", ":", "A"] {
            stage.press(open);
            stage.press("down down");
            stage.paste(&trick());
            stage.paste(&flood());
            stage.press("esc");
            stage.press("esc");
        }
    }
}

#[test]
fn forms_and_the_editor_show_tricks_as_marks() {
    for size in SIZES {
        let mut stage = Stage::open(size, json!([]));
        stage.press("enter");
        for form in ["a", "i", "j", "b", "u", "m"] {
            stage.press("t");
            stage.press(form);
            for _ in 0..5 {
                stage.paste(&trick());
                stage.press("tab");
            }
            stage.paste(&flood());
            stage.press("ctrl-s");
            stage.press("esc");
            stage.press("esc");
        }
    }
}

#[test]
fn the_inspector_shows_tricks_as_marks() {
    for size in SIZES {
        let mut stage = Stage::open(size, json!([]));
        stage.press("4");
        for text in [
            token(),
            trick(),
            flood(),
            format!("{{\"{}\": 1}}", trick()),
            format!("curl -H 'Authorization: Bearer {}'", token()),
        ] {
            stage.paste(&text);
            for keys in ["G", "v", "G", "g", "v", "e"] {
                stage.press(keys);
            }
            stage.paste(&trick());
            stage.press("esc");
        }
    }
}

#[test]
fn errors_activity_and_the_doctor_show_tricks_as_marks() {
    let refusal = json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": flood(), "details": [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": trick(), "domain": trick(), "metadata": {trick(): trick(), "permission": trick()}},
        {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"description": trick(), "url": trick()}]},
        {"@type": trick()},
    ]}});
    for size in SIZES {
        let faults =
            json!([{"method": "iamcredentials.generateAccessToken", "status": 403, "body": refusal}]);
        let mut stage = Stage::open(size, faults);
        stage.press("enter");
        stage.press("t");
        stage.press("a");
        stage.press("ctrl-s");
        // The answer is out of sight where there is little room.
        stage.terminal.resize((120, 40));
        stage.wait_for("returned 403: Pwn");
        stage.terminal.resize(size);
        for keys in ["esc", "esc", "6"] {
            stage.press(keys);
        }
        stage.wait_for("403");
        for keys in ["x", "G", "esc", "6", "g", "enter", "G", "g"] {
            stage.press(keys);
        }
    }
}
