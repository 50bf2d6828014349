//! The real binary in a real terminal: what a person sees and does, and the terminal restored however it ends.

use std::collections::BTreeSet;

use rustix::process::Signal;

use crate::{
    support::{EmulatorProcess, Home, proxy},
    terminal::Terminal,
};

const SIZE: (u16, u16) = (120, 40);

fn demo(home: &Home) -> Terminal {
    Terminal::demo(home, SIZE)
}

fn variable(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

// What a person does.

#[test]
fn the_first_frame_shows_who_calls_where_and_what_may_be_picked() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.wait_for("dev@example.com");
    let screen = terminal.wait_for("in example.com, 3 folders deep");
    for text in
        ["impersona", "acme-prod", "DEMO", "Accounts 60", "1 Overview", "3 Mint", "4 Inspect", "? help"]
    {
        assert!(screen.contains(text), "{text}\n{screen}");
    }
    assert!(terminal.is_taken());
}

#[test]
fn something_is_shown_before_the_example_organization_is_made() {
    let mut terminal = demo(&Home::new());
    terminal.wait_for("Accounts");
    let raw = String::from_utf8_lossy(terminal.raw()).into_owned();
    let (first, list) = (raw.find("starting"), raw.find("Accounts"));
    assert!(first.is_some() && first < list, "{first:?} {list:?}");
}

#[test]
fn a_demo_that_cannot_start_gives_the_terminal_back() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, (80, 24), &["--demo", "--config", "/nonexistent.toml"], &[]);
    terminal.ends_with(2);
    terminal.is_given_back();
}

#[test]
fn an_access_token_is_minted_by_keys_alone() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.press("enter");
    terminal.wait_for("109300000000000004411");
    terminal.press("t a ctrl-s");
    let screen = terminal.wait_for("Minted access token for deployer@acme-prod");
    assert!(screen.contains("Shelf 1"), "{screen}");
    assert!(!screen.contains("EMULATOR-"), "the secret is masked\n{screen}");
}

#[test]
fn keys_typed_ahead_of_every_answer_do_the_same() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.press("enter t a ctrl-s");
    terminal.wait_for("Minted access token for deployer@acme-prod");
}

#[test]
fn an_id_token_is_minted_inspected_and_its_signature_checked() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.press("enter t i");
    terminal.wait_for("audience");
    terminal.type_text("https://svc.run.app");
    terminal.press("ctrl-s");
    terminal.wait_for("Minted ID token");
    terminal.press("enter");
    let screen = terminal.wait_for("signature not checked");
    for text in ["signed JWT", "https://svc.run.app", "RS256", "109300000000000004411", "expires in"] {
        assert!(screen.contains(text), "{text}\n{screen}");
    }
    terminal.press("enter");
    terminal.wait_for("✓ verified by an EMULATOR key");
}

#[test]
fn a_denial_is_a_sentence_with_the_permission_and_the_role_that_helps() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.press("down down enter");
    terminal.wait_for("api@acme-prod.iam.gserviceaccount.com");
    terminal.press("t a ctrl-s");
    let screen = words(&terminal.wait_until("a denial", |screen| words(screen).contains("You don't have")));
    assert!(screen.contains("iam.serviceAccounts.getAccessToken"), "{screen}");
    assert!(screen.contains("roles/iam.serviceAccountTokenCreator"), "{screen}");
    assert!(!screen.contains("Minted"), "{screen}");
}

/// The screen as running text, with wrapped lines joined.
fn words(screen: &str) -> String {
    let text = screen.lines().map(|line| line.rsplit('│').nth(1).unwrap_or(line).trim());
    text.collect::<Vec<_>>().join(" ")
}

#[test]
fn letters_in_a_filter_never_act() {
    let home = Home::new();
    let mut terminal = demo(&home);
    let before = list(&terminal.wait_for("maps-writer@acme-prod"));
    terminal.press("/");
    terminal.type_text("qtXPyYTA0134@?:*+rfjk");
    let screen = terminal.wait_for("qtXPyYTA0134@?:*+rfjk");
    assert!(screen.contains("Open an account on the left"), "nothing was opened\n{screen}");
    terminal.press("esc");
    terminal.wait_until("the list as it was", |screen| list(screen) == before);
}

#[test]
fn a_terminal_of_one_cell_and_back_keeps_the_place() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.press("down down enter");
    terminal.wait_for("✗ edit policy");
    terminal.press("0 down");
    let before = list(&terminal.wait_for("▌ vault@acme-prod"));
    for size in [(1, 1), (2, 60), (200, 1), (200, 60)] {
        let seen = terminal.raw().len();
        terminal.resize(size);
        terminal.wait_for_more_than(seen);
    }
    terminal.resize(SIZE);
    terminal.wait_until("the same place", |screen| {
        list(screen) == before && screen.contains("api@acme-prod.iam.gserviceaccount.com")
    });
}

/// The rows of the list, on the left half of the screen.
fn list(screen: &str) -> String {
    let rows = screen.lines().filter(|line| line.starts_with('│'));
    rows.filter_map(|row| row.split("││").next()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_frame_drawn_before_the_new_size_is_heard_of_is_no_panic() {
    let home = Home::new();
    // A terminal that doesn't control the program sends no SIGWINCH: the resize event never comes.
    let mut terminal = Terminal::start_as(&home, SIZE, &["--demo"], &[], false);
    terminal.wait_for("deployer@acme-prod");
    for size in [(80, 24), (1, 1), (200, 60)] {
        let seen = terminal.raw().len();
        terminal.resize(size);
        terminal.press("j");
        terminal.wait_for_more_than(seen);
    }
    terminal.press("q");
    terminal.ends_with(0);
}

#[test]
fn below_forty_by_ten_it_says_so() {
    let home = Home::new();
    let mut terminal = demo(&home);
    for size in [(39, 24), (80, 9)] {
        terminal.resize(size);
        terminal.wait_for("Terminal too small (min 40×10)");
    }
    terminal.resize((40, 10));
    terminal.wait_for("deployer@acme-prod");
}

#[test]
fn what_is_pasted_is_never_run_as_keys() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.paste(&"q\r".repeat(512 * 1024));
    terminal.wait_for("Paste ignored");
    terminal.press("/");
    terminal.paste(&"q".repeat(1024 * 1024));
    terminal.wait_for("would have 1,048,576 characters");
    terminal.paste(&"q".repeat(8_000));
    terminal.wait_for("qqqqqq");
    terminal.press("esc");
    terminal.wait_for("deploy-canary@acme-prod");
}

#[test]
fn without_a_display_a_copy_goes_to_the_terminal_and_the_notice_says_so() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.press("enter t a ctrl-s");
    terminal.wait_for("Shelf 1");
    terminal.press("y y");
    let token = terminal.wait_for_copy(1);
    assert!(token.starts_with("ya29.c.") && token.len() > 30 && !token.contains(char::is_whitespace));
    terminal.wait_for("Sent access token of deployer@acme-prod to the terminal clipboard");
}

// What the terminal receives.

#[test]
fn no_color_means_no_colour() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, SIZE, &["--demo"], &variable("NO_COLOR", "1"));
    terminal.wait_for("deployer@acme-prod");
    terminal.press("enter t a ctrl-s");
    terminal.wait_for("Shelf 1");
    let colours: Vec<u32> = sequences(terminal.raw())
        .iter()
        .filter_map(|sequence| sequence.strip_prefix("\x1b[")?.strip_suffix('m'))
        .flat_map(|numbers| numbers.split([';', ':']))
        .filter_map(|number| number.parse().ok())
        .filter(|number| matches!(number, 30..=38 | 40..=48 | 58 | 90..=107))
        .collect();
    assert_eq!(colours, [0; 0], "39 and 49 give colours back, everything else sets one");
}

#[test]
fn text_of_a_server_reaches_the_terminal_as_text_only() {
    let (here, there) = (Home::new(), Home::new());
    let hostile = "A\u{1b}]0;owned\u{7}\u{1b}[31mB\u{9b}2J\u{202e}C\u{200b}D\u{1b}]52;c;b3duZWQ=\u{7}\r\nE";
    let mut world: serde_json::Value =
        serde_json::from_str(include_str!("../../crates/emulator/assets/world.json")).unwrap();
    for name in ["displayName", "description"] {
        world["projects"][0]["accounts"][0][name] = hostile.into();
    }
    world["projects"][0]["name"] = hostile.into();
    let file = there.file("world.json", world.to_string());
    let emulator = EmulatorProcess::start(&there, &["--world", &file]);

    let mut terminal = Terminal::start(&here, SIZE, &[], &emulator.env());
    terminal.wait_for("deployer@acme-prod");
    terminal.press("enter");
    let screen = terminal.wait_for("109300000000000004411");
    assert!(screen.contains("A␛]0;owned"), "what is dangerous is shown\n{screen}");
    // Sequences for the clipboard have a key to cause them; those for mouse and titles have none.
    let known = ["?h", "?l", "H", "J", "K", "X", "m"];
    let sent: BTreeSet<String> = sequences(terminal.raw()).iter().map(|sequence| kind(sequence)).collect();
    assert!(sent.iter().all(|kind| known.contains(&kind.as_str())), "{sent:?}");
    assert_eq!((terminal.copies().len(), terminal.titles()), (0, 0));
    let text = String::from_utf8_lossy(terminal.raw()).into_owned();
    assert!(!text.contains(['\u{202e}', '\u{200b}', '\u{9b}', '\u{7}']), "invisible tricks are taken out");
}

/// Every escape sequence and control character, in order.
fn sequences(raw: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(raw);
    let mut chars = text.chars().peekable();
    let mut found = Vec::new();
    while let Some(first) = chars.next() {
        let mut sequence = String::from(first);
        if first == '\u{1b}' && chars.next_if_eq(&'[').is_some() {
            sequence.push('[');
            for next in chars.by_ref() {
                sequence.push(next);
                if matches!(next, '@'..='~') {
                    break;
                }
            }
        } else if first == '\u{1b}' {
            sequence.extend(chars.next());
        }
        if first.is_control() {
            found.push(sequence);
        }
    }
    found
}

/// A sequence without its numbers: `?h`, `H`, `m`; any other control as it is.
fn kind(sequence: &str) -> String {
    match sequence.strip_prefix("\x1b[") {
        Some(rest) => rest.replace(|c: char| c.is_ascii_digit() || c == ';', ""),
        None => format!("{sequence:?}"),
    }
}

// How it ends.

#[test]
fn ctrl_c_leaves_at_once_from_anywhere() {
    for keys in ["ctrl-c", "/ ctrl-c", "enter t a ctrl-c", "? ctrl-c", "ctrl-p ctrl-c"] {
        let home = Home::new();
        let mut terminal = demo(&home);
        terminal.press(keys);
        terminal.ends_with(130);
    }
}

#[test]
fn q_quits() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.press("q");
    terminal.ends_with(0);
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let signals = [
        Signal::INT,
        Signal::TERM,
        Signal::HUP,
        Signal::QUIT,
        Signal::USR1,
        Signal::USR2,
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
        Signal::XCPU,
        Signal::XFSZ,
        Signal::SYS,
        Signal::TRAP,
        #[cfg(target_os = "linux")]
        Signal::IO,
        #[cfg(target_os = "linux")]
        Signal::POWER,
    ];
    for signal in signals {
        let home = Home::new();
        let mut terminal = demo(&home);
        terminal.signal(signal);
        terminal.ends_with(128 + signal.as_raw().unsigned_abs());
    }
}

#[test]
fn a_panic_anywhere_gives_the_terminal_back_and_says_where() {
    if !cfg!(debug_assertions) {
        return; // The switch that makes it panic is for debug builds.
    }
    for (place, key) in [("task", ""), ("thread", ""), ("update", "j"), ("draw", "j")] {
        let home = Home::new();
        let switch = variable("IMPERSONA_DEBUG_PANIC", place);
        let mut terminal = Terminal::start(&home, SIZE, &["--demo"], &switch);
        terminal.wait_for("Accounts");
        terminal.press(key);
        terminal.ends_with(101);
        let screen = terminal.wait_for("impersona crashed (a bug)");
        assert!(screen.contains("asked for: in ") && screen.contains(place), "{screen}");
    }
}

#[test]
fn a_tmux_that_hangs_does_not_hold_quitting_back() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let bin = home.path("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let tmux = bin.join("tmux");
    std::fs::write(&tmux, "#!/bin/sh\nexec sleep 600\n").unwrap();
    std::fs::set_permissions(&tmux, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let vars = [("TMUX", "/nowhere,1,0"), ("SSH_TTY", "/dev/pts/9"), ("PATH", path.as_str())];
    let vars: Vec<_> = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut terminal = Terminal::start(&home, SIZE, &["--demo"], &vars);
    terminal.wait_for("deployer@acme-prod");
    terminal.press("Y q");
    terminal.ends_with(0);
}

#[test]
fn a_terminal_that_goes_away_ends_the_program() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.close();
    assert_eq!(terminal.exit_code(), 129);
}

#[test]
fn a_terminal_that_goes_away_without_a_signal_ends_it_too() {
    let home = Home::new();
    let mut terminal = Terminal::start_as(&home, SIZE, &["--demo"], &[], false);
    terminal.wait_for("deployer@acme-prod");
    terminal.close();
    assert_eq!(terminal.exit_code(), 129);
}

// How it begins.

#[test]
fn without_credentials_it_opens_says_so_and_inspects() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, SIZE, &[], &[]);
    terminal.wait_until("why", |screen| screen.contains("No credentials found"));
    terminal.wait_until("the way out", |screen| words(screen).contains("impersona --demo"));
    terminal.press("4");
    terminal.wait_for("Paste a token here");
    // {"alg":"none"} . {"sub":"somebody","aud":"https://svc.run.app"} .
    terminal.paste("eyJhbGciOiJub25lIn0.eyJzdWIiOiJzb21lYm9keSIsImF1ZCI6Imh0dHBzOi8vc3ZjLnJ1bi5hcHAifQ.");
    let screen = terminal.wait_for("somebody");
    assert!(screen.contains("https://svc.run.app"), "{screen}");
    terminal.press("q");
    terminal.ends_with(0);
}

#[test]
fn without_a_terminal_it_says_that_it_needs_one() {
    for arguments in [&["--demo"][..], &[]] {
        let sentence = Home::new().run(arguments).failed(2);
        assert!(sentence.starts_with("impersona: the explorer needs a terminal"), "{sentence}");
    }
}

// Callers.

#[test]
fn another_caller_is_chosen_without_starting_again_and_what_is_open_is_read_as_it() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.press("enter");
    terminal.wait_until("dev may mint", |screen| screen.contains("✓ access token"));
    terminal.press("i");
    terminal.wait_for("Switch caller");
    terminal.wait_for("viewer-only@example.com");
    terminal.type_text("viewer");
    terminal.press("enter");
    terminal.wait_for("Calling as viewer-only@example.com");
    terminal.wait_until("viewer may not", |screen| screen.contains("✗ access token"));
    assert!(terminal.screen().lines().next().is_some_and(|line| line.contains("viewer-only@example.com")));
}

#[test]
fn caller_impersonates_the_opened_account_and_switches_back() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.press("enter");
    terminal.wait_for("109300000000000004411");
    terminal.press("i");
    terminal.wait_for("impersonate deployer@acme-prod");
    terminal.press("enter");
    terminal.wait_for("Calling as deployer@acme-prod");
    terminal.press("i");
    terminal.wait_for("back to dev@example.com");
    terminal.press("enter");
    terminal.wait_for("Calling as dev@example.com");
    terminal.wait_until("as before", |screen| screen.contains("✓ access token"));
}

#[test]
fn account_without_mint_access_cannot_be_impersonated() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.press("/");
    terminal.type_text("vault");
    terminal.press("enter enter i");
    terminal.wait_for("impersonate vault@acme-prod");
    terminal.press("enter");
    let screen = terminal.wait_for("iam.serviceAccounts.getAccessToken");
    assert!(screen.lines().next().is_some_and(|line| line.contains("dev@example.com")), "{screen}");
}

#[test]
fn an_own_file_is_one_more_caller_and_a_broken_one_changes_nothing() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    let mut terminal = Terminal::start(&home, SIZE, &[], &emulator.env());
    terminal.wait_for("dev@example.com");
    home.file("broken.json", "{");
    terminal.press("i");
    terminal.wait_for("Switch caller");
    terminal.type_text("~/broken.json");
    terminal.press("enter");
    let screen = terminal.wait_for("The credentials file");
    assert!(screen.lines().next().is_some_and(|line| line.contains("dev@example.com")), "{screen}");
    let viewer = emulator.first["callers"][1]["path"].as_str().unwrap();
    home.file("viewer.json", std::fs::read(viewer).unwrap());
    terminal.press("i");
    terminal.wait_for("Switch caller");
    terminal.type_text("~/viewer.json");
    terminal.press("enter");
    terminal.wait_for("Calling as viewer-only@example.com");
}

#[test]
fn a_file_that_sends_secrets_elsewhere_is_asked_about_before_anything_is_sent() {
    let home = Home::new();
    let file = home.foreign_file(serde_json::json!({}));
    let emulator = EmulatorProcess::start(&home, &[]);
    let (address, asked) = proxy();
    let mut vars = emulator.env();
    vars.push(("HTTPS_PROXY".into(), address));
    let mut terminal = Terminal::start(&home, SIZE, &[], &vars);
    terminal.wait_for("dev@example.com");
    let choose = |terminal: &mut Terminal| {
        terminal.press("i");
        terminal.wait_for("Switch caller");
        terminal.type_text(&file);
        terminal.press("enter");
    };
    choose(&mut terminal);
    let screen = terminal.wait_for("not-google.example");
    assert!(screen.contains("Trust this file"), "{screen}");
    terminal.press("esc");
    terminal.wait_until("asked no more", |screen| !screen.contains("Trust this file"));
    assert!(asked.try_recv().is_err(), "nothing was sent");
    choose(&mut terminal);
    terminal.wait_for("Trust this file");
    terminal.press("y");
    terminal.wait_for("can't be reached");
    assert_eq!(asked.recv().unwrap().trim(), "CONNECT sts.not-google.example:443 HTTP/1.1");
    // One confirmation is enough, and a caller without a token doesn't replace the current one.
    choose(&mut terminal);
    assert_eq!(asked.recv().unwrap().trim(), "CONNECT sts.not-google.example:443 HTTP/1.1");
    let screen = terminal.screen();
    assert!(screen.lines().next().is_some_and(|line| line.contains("dev@example.com")), "{screen}");
}

#[test]
fn caller_is_used_after_a_yes_when_the_answer_cant_be_saved() {
    let home = Home::new();
    let file = home.foreign_file(serde_json::json!({}));
    // Nothing can be written in place of a folder.
    std::fs::create_dir_all(home.path("state").join("trusted-files")).unwrap();
    let (address, asked) = proxy();
    let vars = [("HTTPS_PROXY".to_owned(), address)];
    let mut terminal = Terminal::start(&home, SIZE, &["--credentials", &file], &vars);
    terminal.wait_for("Trust this file");
    assert!(asked.try_recv().is_err(), "nothing was sent");
    terminal.press("y");
    assert_eq!(asked.recv().unwrap().trim(), "CONNECT sts.not-google.example:443 HTTP/1.1");
}

#[test]
fn of_two_switches_the_later_one_counts() {
    let home = Home::new();
    let mut world: serde_json::Value =
        serde_json::from_str(include_str!("../../crates/emulator/assets/world.json")).unwrap();
    world["faults"] = serde_json::json!([{"method": "iamcredentials.generateAccessToken", "hang": true}]);
    let world = home.file("world.json", world.to_string());
    let emulator = EmulatorProcess::start(&home, &["--world", &world]);
    let mut terminal = Terminal::start(&home, SIZE, &[], &emulator.env());
    terminal.wait_for("Accounts 60");
    terminal.press("enter");
    terminal.wait_for("unique ID");
    terminal.press("i");
    terminal.wait_for("impersonate deployer@acme-prod");
    terminal.press("enter");
    terminal.wait_for("Impersonating deployer@acme-prod");
    terminal.press("i");
    terminal.wait_for("Switch caller");
    terminal.type_text(emulator.first["callers"][1]["path"].as_str().unwrap());
    terminal.press("enter");
    terminal.wait_for("Calling as viewer-only@example.com");
    // Earlier requests are still listed: both callers listed the accounts.
    terminal.press("6");
    let both = |screen: &str| screen.matches("ListServiceAccounts ").count() == 2;
    let screen = terminal.wait_until("what both asked", both);
    assert!(screen.lines().next().is_some_and(|line| line.contains("viewer-only@example.com")), "{screen}");
}

#[test]
fn every_kind_of_file_is_a_caller_of_the_explorer() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    let mut vars = emulator.env();
    vars.push(("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES".into(), "1".into()));
    let mut terminal = Terminal::start(&home, SIZE, &["--project", "acme-prod"], &vars);
    terminal.wait_for("dev@example.com");
    for caller in emulator.first["callers"].as_array().unwrap().iter().skip(1) {
        let text = |name: &str| caller[name].as_str().unwrap_or_default().to_owned();
        // Back to a known caller in between, so that each switch is visible.
        for (path, who) in [
            (emulator.first["callers"][0]["path"].as_str().unwrap().to_owned(), "dev@example.com".to_owned()),
            (text("path"), text("impersonates")),
        ] {
            terminal.press("i");
            terminal.wait_for("Switch caller");
            terminal.type_text(&path);
            terminal.press("enter");
            if text("kind") == "gdch_service_account" && path == text("path") {
                terminal.wait_for("Distributed Cloud");
                continue;
            }
            let who = if who.is_empty() { text("principal") } else { who };
            // The header shows the subject of a federated identity, short account names where space is scarce, and no prefix.
            let who = who.rsplit("/subject/").next().unwrap_or_default();
            let who = who.trim_start_matches("user:").trim_start_matches("serviceAccount:").to_owned();
            let who = who.trim_end_matches(".iam.gserviceaccount.com");
            let part: String = who.chars().take(25).collect();
            terminal.wait_until(&format!("{path} is {part}"), |screen| {
                screen.lines().next().is_some_and(|line| line.contains(&part))
                    && !screen.contains("Switch caller")
            });
        }
    }
}
