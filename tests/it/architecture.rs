//! The rules of ARCHITECTURE.md that a search can hold. What stands after `mod tests`, in files of tests and in
//! comments does not count.

mod printing;

use std::{collections::BTreeSet, fs, path::Path};

use crate::support::sources;

/// The rooms of the house from the ground up: each imports only those before it. The last two stand side by side.
const ORDER: [&str; 13] = [
    "model", "keymap", "text", "local", "http", "auth", "api", "flows", "ops", "session", "serve", "tui",
    "cli",
];
const SIDE_BY_SIDE: [&str; 2] = ["tui", "cli"];

/// Who may wait. `terminal` and `clipboard` have none of it: one is called, the other is a thread.
const MAY_AWAIT: [&str; 12] = [
    "src/local/history.rs",
    "src/http/",
    "src/auth/",
    "src/api/",
    "src/flows/",
    "src/ops/",
    "src/session/setup.rs",
    "src/serve/",
    "crates/emulator/",
    "src/cli/",
    "src/tui/runtime",
    "src/main.rs",
];

/// Who may open a secret, and what for.
const MAY_EXPOSE: [(&str, &str); 26] = [
    ("src/http/handed_out.rs", "looks what it is made of before it goes anywhere"),
    ("src/tui/app/clip.rs", "takes out what could act where it is pasted"),
    ("src/auth/fields.rs", "looks whether a header can hold it"),
    ("src/api/credentials.rs", "reads the end of a JWT out of its claims"),
    ("src/api/credentials/signed_blob.rs", "reads the bytes of a signature, which a URL holds"),
    ("src/api/credentials/signed_jwt.rs", "hashes what was signed"),
    ("src/http/transport.rs", "puts it on the wire"),
    ("src/http/redact.rs", "takes it out of answers that quote it"),
    ("src/auth/choices.rs", "trims a token that was given on stdin"),
    ("src/auth/external/aws.rs", "signs the one request that AWS takes as proof"),
    ("src/auth/external/mod.rs", "puts client credentials into a header"),
    ("src/auth/key.rs", "signs with a service account's key"),
    ("src/auth/token_cache.rs", "compares two tokens"),
    ("src/auth/mod.rs", "checks that a token given by hand is one word"),
    ("src/serve/mod.rs", "puts the session's secret into an address"),
    ("src/serve/adc.rs", "hands it to a program that showed the session's secret"),
    ("src/serve/metadata.rs", "hands it to a program of our own user"),
    ("src/cli/output.rs", "prints it, or writes it to the file of --out"),
    ("src/tui/clipboard.rs", "copies it, and compares it before clearing"),
    ("src/tui/clipboard/tmux.rs", "hands it to tmux through a pipe"),
    ("src/flows/mint.rs", "checks the signature that has just been made"),
    ("src/model/jwt/judge.rs", "checks the signature over it"),
    ("src/tui/panes/inspect.rs", "decodes it"),
    ("src/tui/panes/mint/shelf.rs", "shows it when it is revealed, and makes the texts to copy"),
    ("src/tui/runtime.rs", "hands it to the terminal's clipboard"),
    ("src/tui/runtime/keeping.rs", "saves it to a file"),
];

/// The code of the product, without comments and tests.
fn code() -> Vec<(String, String)> {
    let is_test = |name: &str| {
        let ends = ["_tests.rs", "/testing.rs"];
        name.contains("/tests") || name.contains("_tests/") || ends.iter().any(|end| name.ends_with(end))
    };
    let mut files = sources("src", "rs");
    files.extend(sources("crates", "rs"));
    files.retain(|(name, _)| !is_test(name));
    for (_, text) in &mut files {
        let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = product.lines().filter(|line| !line.trim_start().starts_with("//"));
        *text = lines.collect::<Vec<_>>().join("\n");
    }
    assert!(files.len() > 50, "the search finds the sources");
    files
}

/// Every file of Rust, tests among them.
fn all_sources() -> impl Iterator<Item = (String, String)> {
    ["src", "crates", "tests"].into_iter().flat_map(|folder| sources(folder, "rs"))
}

/// The modules of ours that a file names: `crate::api::…`, `crate::{api, model::…}`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.extend(first_word(rest));
            continue;
        };
        let (mut depth, mut start) = (0, true);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    start = false;
                    found.extend(first_word(&list[at..]));
                }
                _ => {}
            }
        }
    }
    found
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// Whether a word stands in the code as a word.
fn has_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
}

#[test]
fn imports_are_found_in_every_form() {
    let code =
        "use crate::{\n    api::{Call, Reply},\n    model::account,\n    env\n};\nlet x = crate::files::f();";
    assert_eq!(imports(code).into_iter().collect::<Vec<_>>(), ["api", "env", "files", "model"]);
}

/// What a room imports that does not stand below it.
fn against_the_order(room: &str, code: &str) -> Vec<String> {
    let level = |name: &str| ORDER.iter().position(|room| *room == name);
    let imported = imports(code).into_iter().filter(|name| name != room && level(name).is_some());
    let beside = |name: &str| [room, name].iter().all(|room| SIDE_BY_SIDE.contains(room));
    imported.filter(|name| level(name) > level(room) || beside(name)).collect()
}

#[test]
fn rooms_import_only_what_stands_below_them() {
    let mut rooms = BTreeSet::new();
    for (name, code) in code() {
        let Some(room) = name.strip_prefix("src/").and_then(|path| path.split('/').next()) else { continue };
        if ["main.rs", "lib.rs"].contains(&room) {
            continue;
        }
        assert!(ORDER.contains(&room), "{name}: a new room needs its place in the order");
        rooms.insert(room.to_owned());
        assert_eq!(against_the_order(room, &code), [""; 0], "{name}");
    }
    assert_eq!(rooms.len(), ORDER.len(), "a room that is gone has no place: {rooms:?}");
}

#[test]
fn an_import_against_the_order_is_found() {
    assert_eq!(against_the_order("http", "use crate::{api::Client, model::secret::Secret};"), ["api"]);
    assert_eq!(against_the_order("tui", "crate::cli::fail(&failure)"), ["cli"]);
    assert_eq!(against_the_order("cli", "use crate::{session::Failure, tui::app};"), ["tui"]);
    assert_eq!(against_the_order("flows", "use crate::{api, auth, flows::mint, model};"), [""; 0]);
}

#[test]
fn the_screen_never_sees_the_client() {
    let screen = [
        "src/tui/app/",
        "src/tui/panes/",
        "src/tui/overlays/",
        "src/tui/view/",
        "src/tui/widgets/",
        "src/keymap/",
        "src/model/",
    ];
    for (name, code) in code() {
        let is_screen = screen.iter().any(|layer| name.starts_with(layer));
        assert!(!(is_screen && has_word(&code, "Client")), "{name} names Client");
    }
}

#[test]
fn only_the_outer_layers_wait() {
    for (name, code) in code() {
        let may = MAY_AWAIT.iter().any(|layer| name.starts_with(layer));
        assert!(may || !(has_word(&code, "async") || has_word(&code, "await")), "{name} waits");
    }
}

/// Whether code opens a secret: by a call, or by handing on the function that does.
fn opens(code: &str) -> bool {
    code.contains(".expose()") || code.contains("Secret::expose")
}

#[test]
fn a_secret_is_opened_only_where_there_is_a_reason() {
    let found: BTreeSet<String> = code()
        .into_iter()
        .filter(|(name, code)| name != "src/model/secret.rs" && opens(code))
        .map(|(name, _)| name)
        .collect();
    let allowed: BTreeSet<String> = MAY_EXPOSE.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, allowed, "a new place needs a reason, a place that is gone needs none");
}

#[test]
fn keys_are_named_in_the_key_table_only() {
    for (name, code) in code() {
        // What terminals send is no key of ours yet.
        let may = ["src/keymap/", "src/tui/widgets/", "src/tui/terminal/sequences.rs"];
        let may = may.iter().any(|place| name.starts_with(place));
        assert!(may || !code.contains("KeyCode::Char("), "{name} names a key");
    }
}

#[test]
fn nothing_is_left_undone_or_taken_for_granted() {
    for (name, code) in code() {
        for word in [".unwrap()", "todo!(", "unimplemented!(", "dbg!("] {
            assert!(!code.contains(word), "{name}: {word}");
        }
    }
    let ignored = concat!("#[", "ignore");
    for (name, text) in all_sources() {
        assert!(!text.contains(ignored), "{name}: a test that does not run proves nothing");
    }
}

#[test]
fn no_file_is_longer_than_a_person_reads_at_once() {
    for (name, text) in all_sources() {
        let lines = text.lines().count();
        assert!(lines <= 600, "{name}: {lines} lines");
    }
}

/// Two readings of the protocol have to agree, so that the emulator knows nothing of the client; the compiler holds it to
/// its manifest, and this the manifest.
#[test]
fn emulator_depends_on_nothing_of_impersona_but_the_contract() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("crates/emulator/Cargo.toml")).unwrap();
    let names = manifest.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let ours: BTreeSet<&str> = names.filter(|name| name.starts_with("impersona")).collect();
    // Itself, with a feature that is for tests.
    assert_eq!(ours.into_iter().collect::<Vec<_>>(), ["impersona-contract", "impersona-emulator"]);
    assert!(!manifest.contains("path = \"../..\""), "the root is not among its dependencies");
}

/// A crate holds all it is built from, so that each has its own copy of what Google publishes for both.
#[test]
fn both_crates_know_the_same_roles_and_scopes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["roles.tsv", "scopes.tsv"] {
        let [client, emulator] = ["assets", "crates/emulator/assets"]
            .map(|folder| fs::read(root.join(folder).join(name)).unwrap());
        assert!(client == emulator, "{name}: copy assets/{name} to crates/emulator/assets");
    }
}
