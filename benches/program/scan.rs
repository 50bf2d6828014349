//! A scan of many policies: ours with the limiter lifted, beside bare sockets that send the same and wait for the answer.

use std::{
    net::SocketAddr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use impersona::{
    api::{Client, Settings},
    auth::{self, FindOptions},
    flows::{self, Question},
    http::endpoints::Endpoints,
    local::env::Env,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    Outcome,
    server::Server,
    table::{Sample, Table},
};

const POLICIES: usize = 10_000;
const AT_ONCE: usize = 64;

/// Both in turns, three times.
pub fn scan() -> Outcome<()> {
    for (delay, count) in [(20, POLICIES), (0, POLICIES)] {
        let server = Server::start(Duration::from_millis(delay))?;
        let (mut floor, mut bare, mut ours) = (Vec::new(), Vec::new(), Vec::new());
        let most = || server.counts.most.swap(0, Ordering::Relaxed);
        let (mut ours_at_once, mut connections) = (0, 0);
        for _ in 0..3 {
            floor.push(child("sockets", server.addr, count)?);
            bare.push(child("reqwest-scan", server.addr, count)?);
            most();
            server.counts.connections.store(0, Ordering::Relaxed);
            ours.push(child("app-scan", server.addr, count)?);
            ours_at_once = ours_at_once.max(most());
            connections = connections.max(server.counts.connections.load(Ordering::Relaxed));
        }
        let median = |runs: &[(f64, f64)], pick: fn(&(f64, f64)) -> f64| {
            Sample::new(runs.iter().map(pick).collect()).median()
        };
        let what = format!("{count} policies, {AT_ONCE} at once, {delay} ms each");
        let mut times = Table::new(&what, "ms");
        times.line("bare sockets", median(&floor, |run| run.0), "");
        times.line("bare reqwest", median(&bare, |run| run.0), "");
        times.line("impersona, limiter lifted", median(&ours, |run| run.0), "bar 1.05x at 20 ms");
        let mut cpu = Table::new(&format!("{what}, CPU of the client for each"), "us");
        cpu.line("bare reqwest", median(&bare, |run| run.1), "");
        cpu.line("impersona, limiter lifted", median(&ours, |run| run.1), "bar 2x");
        cpu.line("bare sockets", median(&floor, |run| run.1), "");
        println!("    impersona had at most {ours_at_once} under way, on {connections} connections");
    }
    Ok(())
}

/// A scan that asks for twice what the project's quota gives: how soon it is done, and how often it was refused.
pub fn quota() -> Outcome<()> {
    const QUOTA: u32 = 100;
    const COUNT: usize = 3_000;
    let server = Server::with_quota(Duration::from_millis(20), Some(QUOTA))?;
    let (time, _) = child("app-scan-200", server.addr, COUNT)?;
    let mut table =
        Table::new(&format!("{COUNT} policies at 200 a second, where {QUOTA} a second are allowed"), "ms");
    // A second's worth is there at the start.
    table.line("the quota alone", (COUNT as f64 / f64::from(QUOTA) - 1.0) * 1_000.0, "");
    let refused = server.counts.refused.load(Ordering::Relaxed);
    let part = refused as f64 / COUNT as f64 * 100.0;
    table.line("impersona", time, &format!("bar 1.1x; {refused} refused, {part:.1} %, bar 5 %; none lost"));
    Ok(())
}

/// Milliseconds, and microseconds of CPU for each policy, of a process that reads so many.
fn child(task: &str, addr: SocketAddr, count: usize) -> Outcome<(f64, f64)> {
    let out = Command::new(std::env::current_exe()?)
        .args(["floor", task, &addr.to_string(), &count.to_string(), &AT_ONCE.to_string()])
        .output()?;
    let text = String::from_utf8(out.stdout)?;
    let mut figures = text.split_ascii_whitespace().map(str::parse::<f64>);
    match (figures.next(), figures.next()) {
        (Some(Ok(time)), Some(Ok(cpu))) => Ok((time, cpu / count as f64)),
        _ => Err(format!("{task}: {}", String::from_utf8_lossy(&out.stderr)).into()),
    }
}

/// Times the work, and prints what [`child`] reads.
fn timed(work: impl Future<Output = Outcome<()>>) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (since, before) = (Instant::now(), cpu());
    runtime.block_on(work)?;
    println!("{} {}", since.elapsed().as_secs_f64() * 1_000.0, cpu() - before);
    Ok(())
}

/// Microseconds of CPU that the threads of this process have had; 0 where nobody tells.
fn cpu() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("schedstat")).ok();
    let nanoseconds = tasks.filter_map(of).filter_map(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.sum::<f64>() / 1_000.0
}

/// The engine of the explorer, at so many questions a second, or without a limit.
pub fn app(addr: SocketAddr, count: usize, at_once: usize, rate: Option<f64>) -> Outcome<()> {
    timed(async move {
        let base = format!("http://{addr}/");
        let env = Env::from_vars([
            ("CLOUDSDK_AUTH_ACCESS_TOKEN", "ya29.a.caller"),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM", base.as_str()),
        ]);
        let source = auth::find(&env, &FindOptions::default());
        let mut settings = Settings::new(Endpoints::new(&env, None)?, source);
        (settings.rate, settings.use_proxy) = (rate, false);
        let client = Client::new(settings);
        let accounts: Vec<String> =
            (0..count).map(|n| format!("sa{n}@acme-prod.iam.gserviceaccount.com")).collect();
        let tally = flows::scan(&client, accounts.into(), Question::Policy, at_once, &mut |_| ()).await?;
        if tally.answered == count { Ok(()) } else { Err(format!("{tally:?}").into()) }
    })
}

/// The same requests and the same answers, by nothing but sockets.
pub fn sockets(addr: SocketAddr, count: usize, at_once: usize) -> Outcome<()> {
    timed(async move {
        let next = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..at_once).map(|_| tokio::spawn(worker(addr, count, next.clone()))).collect();
        for worker in workers {
            worker.await??;
        }
        Ok(())
    })
}

/// The same by a bare HTTP client, the answers not even read as JSON.
pub fn reqwest(addr: SocketAddr, count: usize, at_once: usize) -> Outcome<()> {
    timed(async move {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let next = Arc::new(AtomicUsize::new(0));
        let worker = async |client: reqwest::Client, next: Arc<AtomicUsize>| -> reqwest::Result<()> {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return Ok(());
                }
                let url = format!(
                    "http://{addr}/v1/projects/-/serviceAccounts/sa{n}%40acme-prod.iam.gserviceaccount.com:getIamPolicy?options.requestedPolicyVersion=3"
                );
                client
                    .post(url)
                    .bearer_auth("ya29.a.caller")
                    .header("content-length", 0)
                    .send()
                    .await?
                    .bytes()
                    .await?;
            }
        };
        let workers = (0..at_once).map(|_| worker(client.clone(), next.clone()));
        futures_util::future::try_join_all(workers).await?;
        Ok(())
    })
}

async fn worker(addr: SocketAddr, count: usize, next: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let mut answer = Vec::with_capacity(8 * 1024);
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= count {
            return Ok(());
        }
        let request = format!(
            "POST /v1/projects/-/serviceAccounts/sa{n}%40acme-prod.iam.gserviceaccount.com:getIamPolicy?options.requestedPolicyVersion=3 HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer ya29.a.caller\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        answer.clear();
        // The answers are alike and end with the same braces.
        while !answer.ends_with(b"}]}") {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
