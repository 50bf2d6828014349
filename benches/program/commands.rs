//! Commands as whole processes: the size of the program, a mint, a decoding.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    Outcome, app,
    server::Server,
    table::{Sample, Table, installed},
};

const RUNS: usize = 15;
const ACCOUNT: &str = "sa@acme-prod.iam.gserviceaccount.com";

/// The program itself.
pub fn size() -> Outcome<()> {
    let bytes = std::fs::metadata(app())?.len();
    Table::new("stripped", "bytes").line("impersona", bytes as f64, "bar 14,000,000");
    Ok(())
}

/// The time from start to end, the median of several, all in turns.
fn in_turns(commands: &mut [(&'static str, Command)]) -> Outcome<Vec<(&'static str, f64)>> {
    let mut times: Vec<Vec<Duration>> = commands.iter().map(|_| Vec::new()).collect();
    for _ in 0..RUNS {
        for ((who, command), times) in commands.iter_mut().zip(&mut times) {
            let since = Instant::now();
            let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
            times.push(since.elapsed());
            if !status.success() {
                return Err(format!("{who} ended with {status}").into());
            }
        }
    }
    let names = commands.iter().map(|(who, _)| *who);
    Ok(names.zip(times.iter().map(|times| Sample::of_times(times).median())).collect())
}

/// A command with nothing in its environment but what is said.
fn bare(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear();
    command.envs(["PATH", "LANG"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

/// One impersonated access token.
pub fn mint() -> Outcome<()> {
    let server = Server::start(Duration::ZERO)?;
    let folder = tempfile::tempdir()?;
    let base = format!("http://{}/", server.addr);
    let login = serde_json::json!({"type": "authorized_user", "client_id": "c", "client_secret": "s",
        "refresh_token": "r", "token_uri": format!("{base}token")});
    let file = folder.path().join("login.json");
    std::fs::write(&file, login.to_string())?;
    let token = folder.path().join("token");
    std::fs::write(&token, "ya29.a.caller")?;
    let own = std::env::current_exe()?;
    let mut ours = bare(&app(), &["token", "access", ACCOUNT]);
    ours.env("HOME", folder.path())
        .env("GOOGLE_APPLICATION_CREDENTIALS", &file)
        .env("CLOUDSDK_AUTH_TOKEN_HOST", format!("{base}token"))
        .env("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", &base);
    let url = format!("{base}v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken");
    let floor = bare(&own.display().to_string(), &["floor", "mint", &base]);
    let mut commands = vec![("bare reqwest, 2 requests", floor), ("impersona token access", ours)];
    if installed("curl") {
        let curl =
            bare("curl", &["-sS", "-d", "a=b", &format!("{base}token"), "--next", "-sS", "-d", "{}", &url]);
        commands.push(("curl, 2 requests", curl));
    }
    if installed("gcloud") {
        let mut gcloud =
            bare("gcloud", &["auth", "print-access-token", "--impersonate-service-account", ACCOUNT]);
        gcloud
            .env("HOME", folder.path())
            .env("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", &token)
            .env("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", &base);
        commands.push(("gcloud, 1 request", gcloud));
    }
    let mut table = Table::new("an access token, from start to end", "ms");
    for (who, time) in in_turns(&mut commands)? {
        table.line(who, time, if who.starts_with("impersona") { "bar 1.5x; 1/70 of gcloud" } else { "" });
    }
    ["curl", "gcloud"].into_iter().filter(|tool| !installed(tool)).for_each(|tool| table.absent(tool));
    Ok(())
}

/// One ID token, read and printed.
pub fn decode() -> Outcome<()> {
    // Of nobody: the signature is none.
    const TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwczovL2FjY291bnRzLmdvb2dsZS5jb20iLCJhdWQiOiJodHRwczovL2FwaS5leGFtcGxlLmNvbSIsInN1YiI6IjEiLCJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMzYwMH0.c2lnbmF0dXJl";
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN)?;
    let mut ours = bare(&app(), &["decode", "--offline", &file.display().to_string()]);
    ours.env("HOME", folder.path());
    let mut commands = vec![("true", bare("true", &[])), ("impersona decode", ours)];
    if installed("jwt") {
        commands.push(("jwt decode (jwt-cli)", bare("jwt", &["decode", TOKEN])));
    }
    if installed("jwt-ui") {
        commands.push(("jwt-ui -s", bare("jwt-ui", &["-s", TOKEN])));
    }
    let mut table = Table::new("an ID token decoded, from start to end", "ms");
    for (who, time) in in_turns(&mut commands)? {
        table.line(who, time, if who.starts_with("impersona") { "bar 1.5x jwt-cli" } else { "" });
    }
    for (tool, name) in [("jwt", "jwt-cli"), ("jwt-ui", "jwt-ui")] {
        if !installed(tool) {
            table.absent(name);
        }
    }
    Ok(())
}
