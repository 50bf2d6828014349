//! Every caller's file, and the metadata server: Google's library and impersona must be the same caller by it, and send
//! the same but for what is known to differ.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use tokio::process::Command;

use crate::compare;
use crate::emulator::{Caller, Emulator};
use crate::http::{self, Request};
use crate::recorder::Recorder;
use crate::report::{Report, in_time};
use crate::{Checked, ask, ensure, said};

/// What allows both to run the program that a file names.
const ALLOW: &str = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES";

/// The longest that a party may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a party answered, and what it sent for that.
struct Party {
    answer: Value,
    sent: Vec<Request>,
}

/// Makes all checks.
pub async fn run(emulator: &Emulator, report: &mut Report) {
    for caller in &emulator.callers {
        let outcome = in_time(file(emulator, caller, report)).await;
        report.line(caller.name.trim_end_matches(".json"), outcome);
        if caller.text.contains("\"executable\"") {
            let name = format!("{} not allowed", caller.name.trim_end_matches(".json"));
            report.check(&name, not_allowed(emulator, caller)).await;
        }
    }
    let outcome = in_time(same(emulator, None, report)).await;
    report.line("metadata server", outcome);
}

/// One file: who is it, and what is sent.
async fn file(emulator: &Emulator, caller: &Caller, report: &mut Report) -> Checked {
    match caller.kind.as_str() {
        "service_account" => signs_for_itself(emulator, caller).await,
        "external_account_authorized_user" => {
            let reason = not_read(emulator, caller, "unknown type").await?;
            let own = whoami(emulator, Some(caller), true).await?;
            ensure(own.answer["principal"] == caller.principal.as_str(), &own.answer)?;
            Ok(reason)
        }
        "gdch_service_account" => {
            let reason = not_read(emulator, caller, "not supported").await?;
            let own = whoami(emulator, Some(caller), true).await?;
            ensure(own.answer["error"]["kind"] == "credentials", &own.answer)?;
            Ok(format!("{reason} And not by impersona"))
        }
        _ => same(emulator, Some(caller), report).await,
    }
}

/// Both are the same caller, and nothing unknown differs.
async fn same(emulator: &Emulator, caller: Option<&Caller>, report: &mut Report) -> Checked {
    let theirs = google(emulator, caller, true).await?;
    let own = whoami(emulator, caller, true).await?;
    let token = theirs.answer["token"].as_str().ok_or_else(|| theirs.answer.to_string())?;
    let who = holder(emulator, token).await?;
    ensure(own.answer["principal"] == who.as_str(), (&who, &own.answer))?;
    let mut differences = compare::differences(&theirs.sent, &own.sent);
    let (theirs, own) = (&theirs.answer["quotaProject"], &own.answer["quotaProject"]);
    if theirs != own {
        differences.push(format!("the quota project is {theirs} at Google's library, {own} at impersona"));
    }
    report.differs(differences)?;
    Ok(who)
}

/// A key: the library signs its own token and calls nobody for it, where impersona asks for one.
async fn signs_for_itself(emulator: &Emulator, caller: &Caller) -> Checked {
    let theirs = google(emulator, Some(caller), true).await?;
    ensure(theirs.sent.is_empty(), "it sent something")?;
    let token = theirs.answer["token"].as_str().ok_or_else(|| theirs.answer.to_string())?;
    let claims = token.split('.').nth(1).ok_or("it is no JWT")?;
    let claims: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).map_err(said)?).map_err(said)?;
    let own = whoami(emulator, Some(caller), true).await?;
    ensure(claims["sub"] == own.answer["principal"], (&claims, &own.answer))?;
    let account = own.answer["principal"].as_str().unwrap_or_default();
    let (status, answer) =
        http::get_with(emulator.address, &format!("/v1/projects/-/serviceAccounts/{account}"), token)?;
    ensure(
        status == 200 || status == 403 && answer["error"]["status"] == "PERMISSION_DENIED",
        (status, &answer),
    )?;
    Ok(format!("{account}, not by this library: it signs its own token and never calls token_uri"))
}

/// A type that the library does not read. A newer one may.
async fn not_read(emulator: &Emulator, caller: &Caller, why: &str) -> Checked {
    let theirs = google(emulator, Some(caller), true).await?;
    ensure(theirs.answer["kind"] == why && theirs.sent.is_empty(), &theirs.answer)?;
    let error = theirs.answer["error"].as_str().unwrap_or_default();
    Ok(format!("not by this library: {error}"))
}

/// Neither runs the program of a file without leave.
async fn not_allowed(emulator: &Emulator, caller: &Caller) -> Checked {
    let theirs = google(emulator, Some(caller), false).await?;
    ensure(theirs.answer["error"].to_string().contains(ALLOW) && theirs.sent.is_empty(), &theirs.answer)?;
    let own = whoami(emulator, Some(caller), false).await?;
    ensure(own.answer["error"].to_string().contains(ALLOW) && own.sent.is_empty(), &own.answer)?;
    Ok("refused by both".into())
}

/// What a program with Google's library gets by the file.
async fn google(emulator: &Emulator, caller: Option<&Caller>, allowed: bool) -> Result<Party, String> {
    let this = std::env::current_exe().map_err(said)?;
    party(emulator, &this, caller, allowed, |command| command.args([ask::FLAG, "token"])).await
}

/// What impersona says of the file.
async fn whoami(emulator: &Emulator, caller: Option<&Caller>, allowed: bool) -> Result<Party, String> {
    party(emulator, &emulator.binary, caller, allowed, |command| command.args(["whoami", "--json"])).await
}

async fn party(
    emulator: &Emulator,
    program: &Path,
    caller: Option<&Caller>,
    allowed: bool,
    arguments: impl Fn(&mut Command) -> &mut Command,
) -> Result<Party, String> {
    let recorder = Recorder::start(emulator.address)?;
    let mut command = emulator.led(program, recorder.address, caller)?;
    // The emulator's own environment allows it already.
    if allowed {
        command.env(ALLOW, "1");
    } else {
        command.env_remove(ALLOW);
    }
    let output = tokio::time::timeout(PATIENCE, arguments(&mut command).output()).await;
    let output = output.map_err(|_| format!("not within {PATIENCE:?}"))?.map_err(said)?;
    // What goes wrong is said on stderr by impersona, in JSON as well.
    let said_what = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
    let answer = serde_json::from_slice(said_what)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(said_what)))?;
    Ok(Party { answer, sent: recorder.seen() })
}

/// Who holds a token, as the emulator says. Of an account's token it may know the number alone, as Google does; whose
/// number that is, somebody who may look at the account is told.
pub async fn holder(emulator: &Emulator, token: &str) -> Checked {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if token.starts_with("ya29.d") {
        let answer = http::post(emulator.address, "/v1/introspect", ("token", token))?;
        return text(&answer["username"]).ok_or_else(|| answer.to_string());
    }
    let answer = http::post(emulator.address, "/tokeninfo", ("access_token", token))?;
    if let Some(email) = text(&answer["email"]) {
        return Ok(email);
    }
    let number = text(&answer["azp"]).ok_or_else(|| answer.to_string())?;
    let dev = emulator.dev()?.access_token().await.map_err(said)?;
    let path = format!("/v1/projects/-/serviceAccounts/{number}");
    let (_, account) = http::get_with(emulator.address, &path, &dev.token)?;
    text(&account["email"]).ok_or_else(|| account.to_string())
}
