//! The library in a program that `impersona exec` runs as an account: it finds the account's credentials, though a
//! person's own lie where it looks.

use serde_json::Value;

use crate::ask::FLAG;
use crate::callers::holder;
use crate::credentials::{DEPLOYER, VAULT};
use crate::emulator::Emulator;
use crate::report::Report;
use crate::{Checked, ensure, said};

const CHAIN: [&str; 4] = [
    "--delegate",
    "relay-a@acme-ci.iam.gserviceaccount.com",
    "--delegate",
    "relay-b@acme-ci.iam.gserviceaccount.com",
];

/// Takes the credentials file away from a program, which leaves the metadata server.
const WITHOUT_FILE: [&str; 3] = ["env", "-u", "GOOGLE_APPLICATION_CREDENTIALS"];

/// Makes all checks.
pub async fn run(emulator: &Emulator, report: &mut Report) {
    report.check("exec: access token by the file", token(emulator, DEPLOYER, &[], &[])).await;
    report.check("exec: access token by a chain", token(emulator, VAULT, &CHAIN, &[])).await;
    report.check("exec: access token by metadata", token(emulator, DEPLOYER, &[], &WITHOUT_FILE)).await;
    report.check("exec: ID token by metadata", id_token(emulator)).await;
    report.check("exec: denial", denied(emulator)).await;
}

/// What the library answers in a program that runs as an account.
async fn asked(
    emulator: &Emulator,
    account: &str,
    flags: &[&str],
    before: &[&str],
    question: &str,
) -> Result<Value, String> {
    let dev = emulator.callers.iter().find(|caller| caller.principal == "user:dev@example.com");
    let mut command = emulator.led(&emulator.binary, emulator.address, dev)?;
    let this = std::env::current_exe().map_err(said)?;
    let program = this.to_str().ok_or("a path that is no text")?;
    command.arg("exec").arg(account).args(flags).arg("--").args(before).args([program, FLAG, question]);
    let output = command.output().await.map_err(said)?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

async fn token(emulator: &Emulator, account: &str, flags: &[&str], before: &[&str]) -> Checked {
    let answer = asked(emulator, account, flags, before, "token").await?;
    let token = answer["token"].as_str().ok_or_else(|| answer.to_string())?;
    let holder = holder(emulator, token).await?;
    ensure(holder.contains(account), &holder)?;
    Ok(holder)
}

async fn id_token(emulator: &Emulator) -> Checked {
    let answer = asked(emulator, DEPLOYER, &[], &WITHOUT_FILE, "id-token").await?;
    let token = answer["token"].as_str().ok_or_else(|| answer.to_string())?;
    let claims = crate::id_tokens::verified(emulator, token, crate::ask::AUDIENCE).await?;
    ensure(claims["email"] == DEPLOYER, &claims)?;
    Ok(format!("verified, {}", claims["email"]))
}

async fn denied(emulator: &Emulator) -> Checked {
    let account = "editable@acme-prod.iam.gserviceaccount.com";
    let answer = asked(emulator, account, &[], &WITHOUT_FILE, "token").await?;
    let error = answer["error"].as_str().ok_or_else(|| answer.to_string())?;
    ensure(error.contains("iam.serviceAccounts.getAccessToken"), error)?;
    Ok("the library's own error".to_owned())
}
