//! What the pure core costs: a frame, an update, a filter, decoding, comparing and merging policies, signing. Figures
//! are for comparing on one machine; nothing is asserted.
//!
//! ```sh
//! cargo bench --bench core
//! cargo bench --bench core -- frame
//! ```

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent};
use divan::{Bencher, black_box};
use impersona::{
    http::{endpoints::Endpoints, error_text, redact},
    keymap::Keymap,
    local::{env::Env, state::Remembered},
    model::{
        account::Account,
        caller::Caller,
        jwt::{decode, judge},
        policy::{Policy, diff::diff, merge::merge},
    },
    ops::{Call, Listed, Part, Reply},
    tui::{
        app::{
            AppState, Start,
            msg::{Effect, Msg, Now, Owner, PaneId},
        },
        view,
        widgets::theme::Theme,
    },
};
use jiff::Timestamp;
use ratatui::{
    buffer::Buffer,
    layout::{Rect, Size},
};
use serde_json::{Value, json};

/// As many accounts as Google would need a hundred thousand projects' defaults for, and hardly more than a screen.
const SIZES: [usize; 2] = [100, 100_000];
const MEMBERS: [usize; 2] = [15, 1_500];
const SIZE: Size = Size { width: 120, height: 40 };

fn main() {
    divan::main();
}

fn now() -> Now {
    Now { utc: Timestamp::UNIX_EPOCH, mono: Duration::ZERO }
}

/// The explorer without a terminal or a network.
struct Screen(AppState);

impl Screen {
    /// With so many accounts listed.
    fn listing(count: usize) -> Screen {
        let start = Start {
            caller: Ok(Caller { source: "ADC".into(), ..Caller::default() }),
            project: Some("acme-prod".into()),
            account: None,
            pane: None,
            keymap: Keymap::default(),
            remembered: Remembered::default(),
            endpoints: Endpoints::new(&Env::from_vars([("HOME", "/nowhere")]), None).expect("Google's"),
            demo: false,
            read_only: false,
            production: Vec::new(),
            idle_wipe: None,
            questions_per_second: 20,
        };
        let mut screen = Screen(AppState::new(start, SIZE));
        let effects = screen.0.update(now(), Msg::Start);
        let listing = |effect: &Effect| match effect {
            Effect::Call { req, call: Call::ListAccounts { .. }, .. } => Some(*req),
            _ => None,
        };
        let req = effects.iter().find_map(listing).expect("a project is listed at the start");
        let owner = Owner::Pane(PaneId::Accounts);
        for first in (0..count).step_by(100) {
            let page = Part::Accounts((first..count.min(first + 100)).map(account).collect());
            screen.0.update(now(), Msg::Part { req, owner, part: page });
        }
        screen.0.update(now(), Msg::Reply { req, owner, reply: Ok(Reply::from(Listed)) });
        screen
    }

    /// With the policy of an account shown, which has so many members.
    fn reading(members: usize) -> Screen {
        let mut screen = Screen::listing(1);
        screen.key(KeyCode::Enter);
        let effects = screen.key(KeyCode::Char('p'));
        let reading = |effect: &Effect| match effect {
            Effect::Call { req, owner, call: Call::GetPolicy { .. } } => Some((*req, *owner)),
            _ => None,
        };
        let (req, owner) = effects.iter().find_map(reading).expect("the pane reads its policy");
        let reply = Ok(Reply::from(policy(members, 0)));
        screen.0.update(now(), Msg::Reply { req, owner, reply });
        screen
    }

    fn key(&mut self, code: KeyCode) -> Vec<Effect> {
        self.0.update(now(), Msg::Input(Event::Key(KeyEvent::from(code))))
    }

    fn frame(&self, theme: &Theme) -> Buffer {
        let mut buf = Buffer::empty(Rect::from((ratatui::layout::Position::ORIGIN, SIZE)));
        view::draw(&self.0, now(), theme, &mut buf);
        buf
    }
}

fn account(n: usize) -> Account {
    let words = ["ingest", "report", "relay", "mirror", "backup", "probe", "build", "deploy"];
    let (word, other) = (words[n % words.len()], words[n / words.len() % words.len()]);
    Account {
        email: format!("{word}-{other}-{n:06}@acme-prod.iam.gserviceaccount.com"),
        unique_id: impersona::model::account::UniqueId::read(&format!("1{n:020}")),
        project: impersona::model::project::ProjectRef::read("acme-prod"),
        display_name: format!("{word} {other} job"),
        ..Account::default()
    }
}

/// Half of the members in one binding, half in another with a condition; `but` so many of them otherwise.
fn policy(members: usize, but: usize) -> Policy {
    let name = |n: usize| {
        if n < but { format!("user:new{n}@example.com") } else { format!("user:u{n}@example.com") }
    };
    let names = |range: std::ops::Range<usize>| range.map(name).collect::<Vec<String>>();
    let half = members / 2;
    let value = json!({"version": 3, "etag": "BwYZ", "bindings": [
        {"role": "roles/iam.serviceAccountTokenCreator", "members": names(0..half)},
        {"role": "roles/iam.serviceAccountUser", "members": names(half..members),
         "condition": {"title": "until", "expression": "request.time < timestamp(\"2030-01-01T00:00:00Z\")"}}]});
    Policy::parse(value).expect("a policy")
}

#[divan::bench(args = SIZES)]
fn frame_of_the_list(bencher: Bencher, accounts: usize) {
    let (screen, theme) = (Screen::listing(accounts), Theme::default());
    bencher.bench_local(|| screen.frame(&theme));
}

#[divan::bench(args = MEMBERS)]
fn frame_of_a_policy(bencher: Bencher, members: usize) {
    let (screen, theme) = (Screen::reading(members), Theme::default());
    bencher.bench_local(|| screen.frame(&theme));
}

#[divan::bench(args = SIZES)]
fn update_for_a_row_down(bencher: Bencher, accounts: usize) {
    let mut screen = Screen::listing(accounts);
    bencher.bench_local(|| screen.key(KeyCode::Down));
}

#[divan::bench(args = MEMBERS)]
fn update_for_a_row_down_in_a_policy(bencher: Bencher, members: usize) {
    let mut screen = Screen::reading(members);
    bencher.bench_local(|| screen.key(KeyCode::Down));
}

/// A letter, then all of them again, so that each round is alike.
#[divan::bench(args = SIZES)]
fn filter_by_a_letter_and_take_it_back(bencher: Bencher, accounts: usize) {
    let mut screen = Screen::listing(accounts);
    screen.key(KeyCode::Char('/'));
    bencher.bench_local(|| {
        screen.key(KeyCode::Char('g'));
        screen.key(KeyCode::Backspace)
    });
}

#[divan::bench(args = SIZES)]
fn filter_by_a_word(bencher: Bencher, accounts: usize) {
    let mut screen = Screen::listing(accounts);
    screen.key(KeyCode::Char('/'));
    bencher.bench_local(|| {
        "ingest-04".chars().for_each(|letter| drop(screen.key(KeyCode::Char(letter))));
        screen.key(KeyCode::Esc);
        screen.key(KeyCode::Char('/'))
    });
}

#[divan::bench]
fn a_page_of_accounts_comes_in(bencher: Bencher) {
    let page = || (0..100).map(account).collect::<Vec<_>>();
    bencher.with_inputs(|| (Screen::listing(1_000), page())).bench_local_values(|(mut screen, page)| {
        let owner = Owner::Pane(PaneId::Accounts);
        let effects = screen.key(KeyCode::Char('r'));
        let listing = effects.iter().find_map(|effect| match effect {
            Effect::Call { req, .. } => Some(*req),
            _ => None,
        });
        let req = listing.expect("r lists anew");
        screen.0.update(now(), Msg::Part { req, owner, part: Part::Accounts(page) });
        screen
    });
}

/// A key and a token of it.
fn signed(claims: &Value) -> (jsonwebtoken::EncodingKey, String, String) {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use base64::{
        Engine,
        engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
    };

    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a size that RSA keys have");
    let der = AsDer::<Pkcs8V1Der>::as_der(&pair).expect("a key can be written");
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    );
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()).expect("an RSA key");
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    header.kid = Some("k".into());
    let token = jsonwebtoken::encode(&header, claims, &key).expect("a token");
    let public = aws_lc_rs::signature::KeyPair::public_key(&pair);
    let n = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
    let e = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
    let keys = json!({"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k", "n": n, "e": e}]});
    (key, token, keys.to_string())
}

fn claims() -> Value {
    json!({"iss": "https://accounts.google.com", "aud": "https://api-abc-ew.a.run.app", "azp": "1", "sub": "1",
        "email": "api@acme-prod.iam.gserviceaccount.com", "email_verified": true, "iat": 1, "exp": 3601})
}

#[divan::bench]
fn decode_an_id_token(bencher: Bencher) {
    let (_, token, _) = signed(&claims());
    bencher.bench(|| decode::read(black_box(&token)));
}

#[divan::bench]
fn decode_a_token_with_ten_thousand_claims(bencher: Bencher) {
    let claims: Value =
        (0..10_000).map(|n| (format!("claim{n}"), Value::from(n))).collect::<serde_json::Map<_, _>>().into();
    let (_, token, _) = signed(&claims);
    bencher.bench(|| decode::read(black_box(&token)));
}

#[divan::bench]
fn sign_a_jwt(bencher: Bencher) {
    let (key, _, _) = signed(&claims());
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    let claims = claims();
    bencher.bench(|| jsonwebtoken::encode(&header, &claims, &key));
}

#[divan::bench]
fn verify_a_jwt(bencher: Bencher) {
    let (_, token, keys) = signed(&claims());
    bencher.bench(|| judge::verify(&decode::read(&token), &keys, "Google"));
}

/// As every answer is before it is kept or shown: 1 MiB that quotes none of five secrets.
#[divan::bench]
fn redact_an_answer(bencher: Bencher) {
    let row = json!({"name": "projects/acme-prod/serviceAccounts/deployer@acme-prod.iam.gserviceaccount.com",
        "uniqueId": "104857600000000000001", "displayName": "Deploys \"everything\", 100% of it",
        "etag": "BwYlQ2hpbGQ=", "url": "https://example.com/a%2Fb%20c"});
    let answer = Value::from(vec![row.clone(); (1 << 20) / row.to_string().len()]).to_string();
    let jwt = format!("eyJhbGciOiJSUzI1NiJ9.{}.{}", "eyJpc3MiOiJ4In0".repeat(12), "c2lnbmF0dXJl".repeat(28));
    let secrets =
        ["ya29.c.b0Aaekm1K".repeat(12), "1//09abcdefg-hIj".repeat(6), jwt, "GOCSPX-hush-hush-hush".into()];
    let secrets = || secrets.iter().map(String::as_str).chain(["Basic aWQ6aHVzaC1odXNoLWh1c2g="]);
    bencher.bench(|| redact::without(black_box(answer.as_bytes()), secrets()));
}

/// What is pasted to be explained, 1 MiB of each: a log, objects, sentences that tell an error, and what looks like values.
const PASTED: [&str; 5] = [
    "2027-02-11T08:12:01Z INFO fetched https://storage.googleapis.com/b/o with 200 for a@b.example\n",
    "{\"a\": {\"b\": [1, \"x\", {\"c\": \"long text here\"}]}}\n",
    "Permission 'a.b.c' denied on projects/p: a@b.example does not have access\n",
    "{\"",
    "\\\\\"",
];

fn mebibyte(part: &str) -> String {
    part.repeat((1 << 20) / part.len())
}

/// To compare with: a search for one word, line by line.
#[divan::bench(args = PASTED)]
fn one_plain_pass_over_a_pasted_mebibyte(bencher: Bencher, part: &str) {
    let text = mebibyte(part);
    bencher
        .bench(|| black_box(text.as_str()).lines().filter(|line| line.contains("PERMISSION_DENIED")).count());
}

#[divan::bench(args = PASTED)]
fn read_a_pasted_mebibyte(bencher: Bencher, part: &str) {
    let text = mebibyte(part);
    bencher.bench(|| error_text::find(black_box(&text)));
}

#[divan::bench(args = MEMBERS)]
fn compare_two_policies(bencher: Bencher, members: usize) {
    let (before, after) = (policy(members, 0), policy(members, 5));
    bencher.bench(|| diff(&before, &after));
}

#[divan::bench(args = MEMBERS)]
fn merge_with_somebody_elses_change(bencher: Bencher, members: usize) {
    let (base, mine, theirs) = (policy(members, 0), policy(members, 5), policy(members + 5, 0));
    bencher.bench(|| merge(&base, &mine, &theirs));
}
