//! What the emulator costs: listing 20,000 accounts, and a mint beside the signature in it. It prints figures and
//! asserts nothing. CPU is that of the emulator's own threads, from Linux' `schedstat`; elsewhere only the time is told.
//!
//! ```sh
//! cargo bench --bench emulator
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use impersona_emulator::{Emulator, Handle, Options, World, names};
use serde_json::{Value, json};

const ACCOUNTS: usize = 20_000;
const PROJECT: &str = "acme-prod";
const PAGE: &str = "/v1/projects/acme-prod/serviceAccounts?pageSize=100";
const MINTS: u32 = 200;
/// The name of the emulator's threads, by which their CPU is found.
const THREADS: &str = "emulator";

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(THREADS)
        .enable_all()
        .build()?;
    let world = World::demo().with_generated_accounts(ACCOUNTS, PROJECT);
    let (emulator, token) = runtime.block_on(runtime.spawn(async move {
        let emulator = Emulator::start(Options { port: 0, world }).await?;
        let scopes = ["https://www.googleapis.com/auth/cloud-platform"];
        let token = emulator.handle().mint(names::DEV, &scopes, 3600).await;
        Ok::<_, impersona_emulator::StartError>((emulator, token.unwrap_or_default()))
    }))??;
    let (handle, base) = (emulator.handle(), emulator.base_url());

    // The client is in a runtime of its own, so that its work is not counted.
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bearer = token.clone();
    let started = Costs::now();
    let count = client.block_on(over_http(&base, &bearer))?;
    started.tell(&format!("{count} accounts through HTTP"), 1);

    let (inner, bearer) = (handle.clone(), token.clone());
    let started = Costs::now();
    let count = runtime.block_on(runtime.spawn(async move { by_route(&inner, &bearer).await }))?;
    started.tell(&format!("{count} accounts through the route alone"), 1);

    let started = Costs::now();
    runtime.block_on(runtime.spawn(async move { mints(&handle, &token).await }))?;
    started.tell("an ID token, minted", MINTS);

    let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| "no key was made")?;
    let started = Costs::now();
    runtime.block_on(runtime.spawn(async move { signatures(&key) }))?;
    started.tell("its RSA signature alone", MINTS);
    Ok(())
}

/// The number of accounts in an answer, and where the next page is.
fn read(answer: &[u8]) -> (usize, Option<String>) {
    let page: Value = serde_json::from_slice(answer).unwrap_or_default();
    let next = page["nextPageToken"].as_str().map(|next| format!("{PAGE}&pageToken={next}"));
    (page["accounts"].as_array().map_or(0, Vec::len), next)
}

async fn over_http(base: &str, token: &str) -> Outcome<usize> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let (mut path, mut count) = (Some(PAGE.to_owned()), 0);
    while let Some(here) = path {
        let url = format!("{}{here}", base.trim_end_matches('/'));
        let answer = client.get(url).bearer_auth(token).send().await?.error_for_status()?.bytes().await?;
        let (found, next) = read(&answer);
        (path, count) = (next, count + found);
    }
    Ok(count)
}

/// The reading of the answers is counted here; it is small beside their making.
async fn by_route(handle: &Handle, token: &str) -> usize {
    let (mut path, mut count) = (Some(PAGE.to_owned()), 0);
    while let Some(here) = path {
        let (_, answer) = handle.ask("GET", &here, token, None).await;
        let (found, next) = read(&answer);
        (path, count) = (next, count + found);
    }
    count
}

async fn mints(handle: &Handle, token: &str) {
    let path = format!("/{}:generateIdToken", names::path::DEPLOYER);
    let body = json!({"audience": "https://svc.run.app", "includeEmail": true});
    for _ in 0..MINTS {
        let (status, answer) = handle.ask("POST", &path, token, Some(&body)).await;
        if status != 200 {
            println!("a mint was refused: {}", String::from_utf8_lossy(&answer));
            return;
        }
    }
}

fn signatures(key: &KeyPair) {
    let random = SystemRandom::new();
    // As long as the header and the claims of an ID token.
    let (message, mut signature) = ([b'x'; 500], vec![0; key.public_modulus_len()]);
    for _ in 0..MINTS {
        if key.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature).is_err() {
            println!("nothing was signed");
            return;
        }
    }
}

/// A moment, and the CPU that the emulator's threads had had by then.
struct Costs {
    at: Instant,
    cpu: Option<Duration>,
}

impl Costs {
    #[expect(clippy::disallowed_methods, reason = "a bench is about real time")]
    fn now() -> Costs {
        Costs { at: Instant::now(), cpu: cpu() }
    }

    fn tell(&self, what: &str, times: u32) {
        let elapsed = self.at.elapsed() / times;
        let cpu = cpu().zip(self.cpu).map(|(now, then)| now.saturating_sub(then) / times);
        let cpu = cpu.map_or("unknown".to_owned(), |cpu| format!("{cpu:.2?}"));
        println!("{what:<45} CPU {cpu:>10}  time {elapsed:>10.2?}");
    }
}

/// What the emulator's threads have run so far.
fn cpu() -> Option<Duration> {
    let mut sum = 0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let path = task.ok()?.path();
        if std::fs::read_to_string(path.join("comm")).ok()?.trim() == THREADS {
            let stat = std::fs::read_to_string(path.join("schedstat")).ok()?;
            sum += stat.split_whitespace().next()?.parse::<u64>().ok()?;
        }
    }
    Some(Duration::from_nanos(sum))
}
