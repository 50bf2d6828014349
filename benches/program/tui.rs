//! The explorer on a terminal, beside a bare list on one.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use impersona_emulator::{Emulator, Options, World};
use portable_pty::CommandBuilder;
use tokio::runtime::Runtime;

use crate::{
    Outcome, app,
    screen::{Screen, marked, shows},
    server::Server,
    table::{Sample, Table, find},
};

const RUNS: usize = 15;
const KEYS: usize = 200;
const MANY: usize = 100_000;
const QUIET: Duration = Duration::from_millis(30);

/// Google, with so many accounts in a project.
struct Google {
    emulator: Emulator,
    _runtime: Runtime,
    home: tempfile::TempDir,
}

impl Google {
    fn with(accounts: usize) -> Outcome<Google> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let world = World::demo().with_generated_accounts(accounts, "acme-prod");
        let emulator = runtime.block_on(Emulator::start(Options { port: 0, world }))?;
        Ok(Google { emulator, _runtime: runtime, home: tempfile::tempdir()? })
    }

    fn app(&self) -> CommandBuilder {
        let mut command = clean(&app(), self.home.path());
        self.emulator.env().into_iter().for_each(|(name, value)| command.env(name, value));
        command
    }
}

fn clean(program: &str, home: &std::path::Path) -> CommandBuilder {
    let mut command = CommandBuilder::new(program);
    command.env_clear();
    for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin")] {
        command.env(name, value);
    }
    command.env("HOME", home);
    command.env("IMPERSONA_STATE_DIR", home);
    command.cwd(home);
    command
}

fn floor(rows: usize) -> Outcome<CommandBuilder> {
    let own = std::env::current_exe()?;
    let mut command = clean(&own.display().to_string(), &std::env::temp_dir());
    command.args(["floor", "list", &rows.to_string()]);
    Ok(command)
}

/// From the start of the process to its first text; and with an API that takes two seconds for everything.
pub fn start() -> Outcome<()> {
    let (google, slow) = (Google::with(100)?, Server::start(Duration::from_secs(2))?);
    let behind = |base: String| {
        let mut command = google.app();
        for service in ["IAM", "IAMCREDENTIALS", "CLOUDRESOURCEMANAGER"] {
            command.env(format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{service}"), &base);
        }
        command.env("CLOUDSDK_AUTH_TOKEN_HOST", format!("{base}token"));
        command.env("IMPERSONA_OAUTH2_ENDPOINT", &base);
        command
    };
    let mut table = Table::new("first text", "ms");
    let (mut bare, mut ours, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        for (times, command) in [
            (&mut bare, floor(100)?),
            (&mut ours, google.app()),
            (&mut waiting, behind(format!("http://{}/", slow.addr))),
        ] {
            let mut screen = Screen::start(command)?;
            let at = screen.wait(|screen| !screen.contents().trim().is_empty())?;
            times.push(at - screen.since);
        }
    }
    table.line("a bare list of 100", Sample::of_times(&bare).median(), "");
    table.line("impersona", Sample::of_times(&ours).median(), "bar 1.5x");
    table.line(
        "impersona, API takes 2 s",
        Sample::of_times(&waiting).median(),
        "bar: the same within a tenth",
    );
    Ok(())
}

/// The explorer with a hundred thousand accounts listed.
fn listed(google: &Google) -> Outcome<Screen> {
    listed_by(google.app())
}

fn listed_by(command: CommandBuilder) -> Outcome<Screen> {
    let mut screen = Screen::start(command)?;
    screen.wait(shows("Accounts 100,000 ─"))?;
    screen.settle(QUIET * 10);
    Ok(screen)
}

/// A row down or up, until it is shown.
pub fn keys() -> Outcome<()> {
    let google = Google::with(MANY)?;
    let mut table = Table::new("a row down or up in a list of 100,000: p50", "ms");
    let mut all = Vec::new();
    let mut bare = Screen::start(floor(MANY)?)?;
    bare.wait(shows("account-000001"))?;
    for (who, mut screen) in [("a bare list", bare), ("impersona", listed(&google)?)] {
        let (times, bytes) = moves(&mut screen)?;
        table.line(who, times.median(), &format!("{:.0} bytes", bytes.median()));
        all.push((who, times.percentile(99)));
    }
    let mut table = Table::new("the same: p99", "ms");
    all.into_iter()
        .for_each(|(who, p99)| table.line(who, p99, if who == "impersona" { "bar 2x" } else { "" }));
    Ok(())
}

/// Rows down and up within a page: the times until each is shown, and the bytes that each costs.
fn moves(screen: &mut Screen) -> Outcome<(Sample, Sample)> {
    // Unlike anything that comes at regular times.
    const PAUSES: [u64; 6] = [7, 61, 13, 41, 29, 19];
    // From the top, so that the page never scrolls.
    screen.send("\x1b[H")?;
    screen.settle(QUIET * 3);
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    for (n, pause) in (0..KEYS).zip(PAUSES.into_iter().cycle()) {
        let before = marked_row(screen)?;
        let (since, written) = (Instant::now(), screen.written);
        screen.send(if n / 30 % 2 == 0 { "\x1b[B" } else { "\x1b[A" })?;
        let at = screen.wait(|screen| marked(screen) != Some(before))?;
        times.push(at - since);
        screen.pass(Duration::from_millis(pause));
        bytes.push((screen.written - written) as f64);
    }
    Ok((Sample::of_times(&times), Sample::new(bytes)))
}

/// The same at rest, and while all accounts are asked what the caller may do, as fast as the settings allow.
pub fn at_work() -> Outcome<()> {
    let google = Google::with(MANY)?;
    fs::write(google.home.path().join("config.toml"), "questions_per_second = 1000\n")?;
    let mut command = google.app();
    command.env("IMPERSONA_CONFIG", google.home.path().join("config.toml"));
    let mut screen = listed_by(command)?;
    let rest = moves(&mut screen)?.0;
    screen.send("m")?;
    screen.wait(shows("Sure?"))?;
    screen.send("y")?;
    screen.wait(shows(" of 98,969"))?;
    let work = moves(&mut screen)?.0;
    let mut table = Table::new("a row down or up, p99", "ms");
    table.line("at rest", rest.percentile(99), "");
    table.line("during a scan, 1,000 a second", work.percentile(99), "bar 3x");
    Ok(())
}

/// From the key that mints to the token on the screen, connections being there.
pub fn mint() -> Outcome<()> {
    let google = Google::with(100)?;
    let mut screen = Screen::start(google.app())?;
    screen.wait(shows("Accounts 100 ─"))?;
    screen.send("\r")?;
    let mut times = Vec::new();
    for n in 1..=101 {
        screen.send("ta")?;
        screen.wait(shows("[ mint ]"))?;
        screen.settle(QUIET);
        let since = Instant::now();
        screen.send("\x13")?;
        let at = screen.wait(shows(&format!("Shelf {n} ")))?;
        // The first one makes the connections.
        if n > 1 {
            times.push(at - since);
        }
        screen.settle(QUIET);
    }
    let times = Sample::of_times(&times);
    let mut table = Table::new("from the key to the token on the shelf, warm", "ms");
    table.line("impersona: p50", times.median(), "");
    table.line("impersona: p99", times.percentile(99), "bar 5 ms");
    Ok(())
}

/// Where the cursor of the list is now.
fn marked_row(screen: &mut Screen) -> Outcome<u16> {
    screen.wait(|screen| marked(screen).is_some())?;
    marked(screen.shown()).ok_or_else(|| "no row is marked".into())
}

/// A filter typed letter by letter and taken back, until the right count is shown.
pub fn filter() -> Outcome<()> {
    let google = Google::with(MANY)?;
    let mut ours = listed(&google)?;
    ours.send("/")?;
    ours.settle(QUIET * 3);
    // Ours shows the letter and its hits in one frame: nothing may change after it.
    let mut frames = Vec::new();
    let ours = typed(
        &mut ours,
        |screen, typed| screen.contains(&format!("/{typed} ")),
        |frame, settled| {
            frames.push(frame == settled);
        },
    )?;
    if frames.contains(&false) {
        return Err("a frame showed a letter without its hits".into());
    }
    let theirs = find("fzf").map(|path| fzf(&path)).transpose()?;
    for (what, percent, bar) in [("p50", 50, ""), ("p99", 99, "bar 0.5x, and 16 ms")] {
        let what = format!("a letter of a filter over 100,000, to the frame with its hits: {what}");
        let mut table = Table::new(&what, "ms");
        match &theirs {
            Some(times) => table.line("fzf -e", times.percentile(percent), ""),
            None => table.absent("fzf"),
        }
        table.line("impersona", ours.percentile(percent), bar);
    }
    Ok(())
}

/// The same lines in fzf. It shows the letter first and the right count of hits later.
fn fzf(path: &Path) -> Outcome<Sample> {
    let home = tempfile::tempdir()?;
    let world = World::demo().with_generated_accounts(MANY, "acme-prod");
    let accounts = world.projects.into_iter().find(|project| project.id == "acme-prod");
    let lines: Vec<String> =
        accounts.iter().flat_map(|project| &project.accounts).map(|account| account.email.clone()).collect();
    fs::write(home.path().join("accounts"), lines.join("\n"))?;
    let mut command = clean("/bin/sh", home.path());
    command.args(["-c", "exec \"$FZF\" -e < accounts"]);
    command.env("FZF", path);
    let mut screen = Screen::start(command)?;
    let total = lines.len();
    screen.wait(shows(&format!("{total}/{total}")))?;
    screen.settle(QUIET * 10);
    let is_right = |screen: &str, typed: &str| {
        let hits = lines.iter().filter(|line| line.contains(typed)).count();
        screen.contains(&format!("{hits}/{total}"))
    };
    typed(&mut screen, is_right, |_, _| ())
}

/// Types a word letter by letter and takes it back, three times: how long each key takes until the screen, which has
/// changed, is right for what is typed so far. The screen is told as it was then, and as it is when nothing moves any more.
fn typed(
    screen: &mut Screen,
    is_right: impl Fn(&str, &str) -> bool,
    mut told: impl FnMut(&str, &str),
) -> Outcome<Sample> {
    let word = "ingest-04";
    let mut times = Vec::new();
    for _ in 0..3 {
        let back = (0..word.len()).rev().map(|n| ("\x7f", n));
        for (key, length) in (1..=word.len()).map(|n| (&word[n - 1..n], n)).chain(back) {
            let (since, before) = (Instant::now(), screen.shown().contents());
            screen.send(key)?;
            let at = screen.wait(|screen| {
                let now = screen.contents();
                now != before && is_right(&now, &word[..length])
            })?;
            times.push(at - since);
            let frame = screen.shown().contents();
            screen.settle(QUIET);
            told(&frame, &screen.shown().contents());
        }
    }
    Ok(Sample::of_times(&times))
}

/// Two hundred keys at once.
pub fn burst() -> Outcome<()> {
    let google = Google::with(MANY)?;
    let mut bare = Screen::start(floor(MANY)?)?;
    bare.wait(shows("account-000001"))?;
    bare.settle(QUIET * 10);
    let mut table = Table::new("200 rows down at once, until the last is shown", "ms");
    for (who, mut screen, last, bar) in [
        ("a bare list", bare, "account-000200", ""),
        ("impersona", listed(&google)?, "000188", ", bar 10 ms"),
    ] {
        let (since, written) = (Instant::now(), screen.written);
        screen.send(&"\x1b[B".repeat(KEYS))?;
        let at = screen.wait(shows(last))?;
        screen.settle(QUIET * 3);
        let bytes = screen.written - written;
        table.line(who, (at - since).as_secs_f64() * 1_000.0, &format!("{bytes} bytes{bar}"));
    }
    Ok(())
}

/// Wakeups while nothing happens, and memory.
pub fn idle() -> Outcome<()> {
    let mut memory = Table::new("resident memory", "MiB");
    let mut wakeups = Vec::new();
    for (who, accounts, text) in
        [("100 accounts", 100, "Accounts 100 ─"), ("100,000 accounts", MANY, "Accounts 100,000 ─")]
    {
        let google = Google::with(accounts)?;
        let mut screen = Screen::start(google.app())?;
        screen.wait(shows(text))?;
        // Threads that only waited for work are gone then.
        std::thread::sleep(Duration::from_secs(12));
        screen.settle(QUIET);
        let pid = screen.pid()?;
        let (before, written) = (switches(pid)?, screen.written);
        screen.settle(Duration::from_secs(5));
        let woken =
            switches(pid)?.into_iter().map(|(task, count)| count - before.get(&task).copied().unwrap_or(0));
        let rate = woken.sum::<u64>() as f64 / 5.0;
        wakeups.push((who, rate, screen.written - written));
        memory.line(
            who,
            resident(pid)?,
            if accounts == MANY { "bar: 1.5x the JSON's 34 MB more" } else { "" },
        );
    }
    let mut table = Table::new("idle: wakeups a second", "1/s");
    wakeups.into_iter().for_each(|(who, rate, bytes)| {
        table.line(who, rate, &format!("{bytes} bytes in 5 s, bar 0.2 and 0"))
    });
    Ok(())
}

/// How often each thread of a process went to sleep: so often it was woken.
fn switches(pid: u32) -> Outcome<HashMap<OsString, u64>> {
    let mut counts = HashMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?;
        let status = fs::read_to_string(task.path().join("status"))?;
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        counts.insert(task.file_name(), count.map_or(Ok(0), |count| count.trim().parse())?);
    }
    Ok(counts)
}

fn resident(pid: u32) -> Outcome<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.map(|kilobytes| kilobytes / 1024.0).ok_or_else(|| "no VmRSS".into())
}
