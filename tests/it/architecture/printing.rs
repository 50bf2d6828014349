//! What can be printed with `{:?}` ends in panics, logs and tests: a type that prints itself as it is holds every secret
//! as a `Secret`, which does not. The emulator's tokens open nothing but the emulator.

use std::collections::BTreeSet;

use super::code;

/// What the name of a field or variant with a secret is made of.
const SECRETIVE: [&str; 17] = [
    "access",
    "assertion",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "credentials",
    "jwt",
    "pass",
    "password",
    "private",
    "rapt",
    "refresh",
    "saml",
    "secret",
    "signature",
    "token",
];

/// Types that hold text as it is, or bytes.
const PLAIN: [&str; 7] = ["String", "str", "u8", "Value", "Bytes", "Map", "OsString"];

/// Named like a secret, and none: why.
const NO_SECRET: [(&str, &str, &str); 6] = [
    ("src/auth/external/mod.rs", "subject_token_type", "one of a few words of the standard"),
    ("src/auth/external/mod.rs", "token_url", "an address from the credentials file"),
    ("src/auth/mod.rs", "token_uri", "an address from the credentials file"),
    (
        "src/auth/credentials/external_account_authorized_user.rs",
        "token_url",
        "an address from the credentials file",
    ),
    ("src/model/jwt/expect.rs", "AccessToken", "the scopes of one that would do"),
    ("src/model/jwt/expect.rs", "IdToken", "the audience of one that would do"),
];

/// Who says by itself how it is printed, and what of it.
const SAYS_ITSELF: [(&str, &str); 5] = [
    ("src/local/env.rs", "the names of the variables"),
    ("src/model/credential.rs", "how long it is, of what is to be signed"),
    ("src/model/secret.rs", "nothing"),
    ("src/ops/mod.rs", "the number of a request under way"),
    ("src/tui/app/msg.rs", "how long it is, of what is pasted"),
];

/// Every type of a file that derives `Debug`: all between its braces.
fn derived(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("#[derive(") {
        let rest = &code[at..];
        if !rest.find(")]").is_some_and(|end| has_debug(&rest[..end])) {
            continue;
        }
        // The one thing that may be a type is the next: what stands between is attributes and who may see it.
        let Some(kind) = ["struct ", "enum "].iter().filter_map(|kind| rest.find(kind)).min() else {
            continue;
        };
        let Some(open) = rest[kind..].find(['{', '(', ';']).map(|open| kind + open) else { continue };
        let mut depth = 0;
        let close = rest[open..].char_indices().find(|(_, c)| {
            depth += i32::from(matches!(c, '{' | '(')) - i32::from(matches!(c, '}' | ')'));
            depth <= 0
        });
        found.extend(close.map(|(close, _)| &rest[open..open + close]));
    }
    found
}

fn has_debug(derive: &str) -> bool {
    derive.split(|c: char| !c.is_alphanumeric()).any(|word| word == "Debug")
}

/// Fields (`name: Type`) and variants (`Name(Type)`) that are named like a secret and hold plain text.
fn told(body: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, c) in body.char_indices().filter(|(_, c)| matches!(c, ':' | '(')) {
        let is_path = body[at + 1..].starts_with(':') || body[..at].ends_with(':');
        let before = &body[..at];
        let name = &before[before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1)..];
        if is_path || name.is_empty() {
            continue;
        }
        // To the end of the field: a comma outside of every bracket.
        let mut depth = 0;
        let end = body[at + 1..].find(|c: char| {
            depth += i32::from(matches!(c, '<' | '(' | '[')) - i32::from(matches!(c, '>' | ')' | ']'));
            depth < 0 || (depth == 0 && c == ',')
        });
        let held = &body[at + 1..end.map_or(body.len(), |end| at + 1 + end)];
        let plain = held.split(|c: char| !c.is_alphanumeric()).any(|word| PLAIN.contains(&word));
        let secretive = words(name).iter().any(|word| SECRETIVE.contains(&word.as_str()));
        // A field's own type begins with a small letter never; a variant's name always with a large one.
        let fits = c == ':' || name.starts_with(char::is_uppercase);
        if plain && secretive && fits && !held.contains("Secret") {
            found.push(name);
        }
    }
    found
}

/// The words of `private_key` and `PrivateKey`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c.is_uppercase() {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().expect("there is one").extend(c.to_lowercase());
        }
    }
    words
}

#[test]
fn what_would_tell_a_secret_is_found_in_every_form() {
    let code = "#[derive(Clone, Debug)]\n#[serde(default)]\npub(crate) struct A {\n    pub refresh_token: Option<String>,\n    \
                list: Vec<(String, Secret)>,\n    private_key: Secret,\n    max_age: String,\n}\n\
                #[derive(Debug)]\nenum B {\n    Token(String),\n    Pair { password: Box<str>, user: String },\n    \
                Key(Secret),\n    Kind,\n}\n#[derive(Debug)]\nstruct C(Token);\n\
                #[derive(Clone)]\nstruct D {\n    token: String,\n}";
    let found: Vec<_> = derived(code).into_iter().flat_map(told).collect();
    assert_eq!(found, ["refresh_token", "Token", "password"]);
    assert_eq!(derived(code).len(), 3);
}

#[test]
fn what_prints_itself_as_it_is_holds_secrets_as_secrets_only() {
    let (mut found, mut types) = (BTreeSet::new(), 0);
    let code = code();
    for (name, code) in code.iter().filter(|(name, _)| !name.starts_with("crates/emulator/src/")) {
        for body in derived(code) {
            types += 1;
            found.extend(told(body).into_iter().map(|field| (name.as_str(), field)));
        }
    }
    assert!(types > 200, "the search finds the types: {types}");
    let allowed: BTreeSet<_> = NO_SECRET.iter().map(|(file, name, _)| (*file, *name)).collect();
    assert_eq!(found, allowed, "a secret is a Secret; what is none needs a reason");
}

#[test]
fn who_says_by_itself_how_it_is_printed_has_a_reason() {
    let code = code();
    let by_hand = |(_, code): &&(String, String)| code.contains("Debug for ");
    let found: Vec<_> = code.iter().filter(by_hand).map(|(name, _)| name.as_str()).collect();
    let allowed: Vec<_> = SAYS_ITSELF.iter().map(|(file, _)| *file).collect();
    assert_eq!(found, allowed);
}
