//! Google's verifier of ID tokens judges the emulator's, and the library's own ways to one end at the emulator where
//! they can be led there.

use google_cloud_auth::credentials::idtoken::{user_account, verifier};
use google_cloud_iam_credentials_v1::client::IAMCredentials;
use serde_json::Value;

use crate::ask::{AUDIENCE, FLAG};
use crate::credentials::{DEPLOYER, client, resource};
use crate::emulator::{Caller, Emulator};
use crate::recorder::Recorder;
use crate::report::Report;
use crate::{Checked, ensure, said};

/// Makes all checks.
pub async fn run(emulator: &Emulator, report: &mut Report) {
    report.check("ID token of an account", of_an_account(emulator)).await;
    report.check("ID token for somebody else", for_somebody_else(emulator)).await;
    report.check("ID token of a person", of_a_person(emulator)).await;
    report.check("ID token by an impersonation file", by_a_file(emulator)).await;
    report.check("ID token of the metadata server", of_the_machine(emulator)).await;
    report
        .check(
            "ID token by a key",
            elsewhere(emulator, "service_account", "id-token", "oauth2.googleapis.com:443"),
        )
        .await;
    let iam = "iamcredentials.googleapis.com:443";
    report
        .check(
            "signer of an impersonation file",
            elsewhere(emulator, "impersonated_service_account", "signature", iam),
        )
        .await;
}

/// What an ID token claims, once Google's verifier has believed it by the emulator's keys.
pub async fn verified(emulator: &Emulator, token: &str, audience: &str) -> Result<Value, String> {
    let keys = format!("{}/oauth2/v3/certs", emulator.base());
    let verifier = verifier::Builder::new([audience]).with_jwks_url(keys).build();
    verifier.verify(token).await.map(Value::Object).map_err(said)
}

async fn minted(credentials: &IAMCredentials) -> Checked {
    let request = credentials.generate_id_token().set_name(resource(DEPLOYER));
    let answer = request.set_audience(AUDIENCE).set_include_email(true).send().await.map_err(said)?;
    Ok(answer.token)
}

async fn of_an_account(emulator: &Emulator) -> Checked {
    let token = minted(&client(emulator).await?).await?;
    let claims = verified(emulator, &token, AUDIENCE).await?;
    ensure(claims["email"] == DEPLOYER && claims["email_verified"] == true, &claims)?;
    ensure(claims["sub"] == claims["azp"] && claims["exp"].as_i64() > claims["iat"].as_i64(), &claims)?;
    Ok(format!("verified, {}", claims["email"]))
}

async fn for_somebody_else(emulator: &Emulator) -> Checked {
    let token = minted(&client(emulator).await?).await?;
    let (signed, _) = token.rsplit_once('.').ok_or("it is no JWT")?;
    for (token, audience) in
        [(token.as_str(), "https://other.run.app"), (&format!("{signed}.AAAA"), AUDIENCE)]
    {
        let refused = verified(emulator, token, audience).await;
        ensure(refused.is_err(), "it was believed")?;
    }
    Ok("another audience and another signature are refused".into())
}

/// Google's login gives an ID token along with the access token.
async fn of_a_person(emulator: &Emulator) -> Checked {
    let file = emulator.file("authorized_user", "user:dev@example.com")?;
    let client = file["client_id"].as_str().unwrap_or_default().to_owned();
    let token = user_account::Builder::new(file).build().map_err(said)?.id_token().await.map_err(said)?;
    let claims = verified(emulator, &token, &client).await?;
    ensure(claims["email"] == "dev@example.com", &claims)?;
    Ok(format!("verified, {}", claims["email"]))
}

async fn by_a_file(emulator: &Emulator) -> Checked {
    let answer = asked(emulator, caller(emulator, "impersonated_service_account")?, "id-token").await?;
    let token = answer["token"].as_str().ok_or_else(|| answer.to_string())?;
    let claims = verified(emulator, token, AUDIENCE).await?;
    ensure(claims["email"] == "vault@acme-prod.iam.gserviceaccount.com", &claims)?;
    Ok(format!("verified, {}", claims["email"]))
}

async fn of_the_machine(emulator: &Emulator) -> Checked {
    let answer = asked(emulator, None, "id-token").await?;
    let token = answer["token"].as_str().ok_or_else(|| answer.to_string())?;
    let claims = verified(emulator, token, AUDIENCE).await?;
    ensure(claims["google"]["compute_engine"]["project_id"] == "acme-prod", &claims)?;
    Ok(format!("verified, {}", claims["email"]))
}

fn caller<'a>(emulator: &'a Emulator, kind: &str) -> Result<Option<&'a Caller>, String> {
    let caller = emulator.callers.iter().find(|caller| caller.kind == kind);
    caller.map(Some).ok_or_else(|| format!("no {kind}"))
}

async fn asked(emulator: &Emulator, file: Option<&Caller>, question: &str) -> Result<Value, String> {
    let recorder = Recorder::start(emulator.address)?;
    let this = std::env::current_exe().map_err(said)?;
    let output =
        emulator.led(&this, recorder.address, file)?.args([FLAG, question]).output().await.map_err(said)?;
    serde_json::from_slice(&output.stdout).map_err(said)
}

/// The library asks an address that is written into it, so it cannot be led here: a newer one may be. It asks again and
/// again, so it is ended as soon as it has asked.
async fn elsewhere(emulator: &Emulator, kind: &str, question: &str, address: &str) -> Checked {
    let recorder = Recorder::start(emulator.address)?;
    let this = std::env::current_exe().map_err(said)?;
    let mut command = emulator.led(&this, recorder.address, caller(emulator, kind)?)?;
    let mut program =
        command.args([FLAG, question]).stdout(std::process::Stdio::null()).spawn().map_err(said)?;
    let mut ended = false;
    loop {
        let seen = recorder.seen();
        if seen.iter().any(|request| request.method == "CONNECT" && request.target == address) {
            program.kill().await.map_err(said)?;
            return Ok(format!("not by this library: it asks {address}, whatever the file says"));
        }
        ensure(!ended, "it ended without asking there: look at whether it can be led now")?;
        ended = program.try_wait().map_err(said)?.is_some();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
