//! IAM Credentials by Google's client: every credential is what it claims to be, and refusals have Google's types.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use google_cloud_auth::credentials::idtoken::verifier;
use google_cloud_auth::credentials::{Credentials, service_account};
use google_cloud_iam_credentials_v1::client::IAMCredentials;
use serde_json::{Value, json};

use crate::callers::holder;
use crate::emulator::Emulator;
use crate::report::Report;
use crate::{Checked, ask::AUDIENCE, ensure, said};

/// What most is tried on: dev may do everything here but edit its policy.
pub const DEPLOYER: &str = "deployer@acme-prod.iam.gserviceaccount.com";
const CI: &str = "ci@acme-ci.iam.gserviceaccount.com";
pub const VAULT: &str = "vault@acme-prod.iam.gserviceaccount.com";
const RELAYS: [&str; 2] =
    ["relay-a@acme-ci.iam.gserviceaccount.com", "relay-b@acme-ci.iam.gserviceaccount.com"];
const CLOUD: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Makes all checks.
pub async fn run(emulator: &Emulator, report: &mut Report) {
    report.check("generateAccessToken", access_token(emulator)).await;
    report.check("generateAccessToken by a chain", chain(emulator)).await;
    report.check("signJwt", jwt(emulator)).await;
    report.check("signBlob", blob(emulator)).await;
    report.check("signer of a key", key(emulator)).await;
    report.check("a denial", denied(emulator)).await;
    report.check("an account that is not there", unknown(emulator)).await;
}

/// The client, led to the emulator, with a caller's file.
pub async fn client(emulator: &Emulator) -> Result<IAMCredentials, String> {
    let builder = IAMCredentials::builder().with_endpoint(emulator.base());
    builder.with_credentials(Credentials::from(emulator.dev()?)).build().await.map_err(said)
}

/// The name of an account in this API.
pub fn resource(account: &str) -> String {
    format!("projects/-/serviceAccounts/{account}")
}

/// The name of the status that refuses something.
pub fn refusal<T>(outcome: Result<T, google_cloud_iam_admin_v1::Error>) -> Result<String, String> {
    match outcome {
        Ok(_) => Err("nothing was refused".into()),
        Err(error) => {
            let status = error.status().ok_or_else(|| format!("an error without a status: {error:?}"))?;
            Ok(status.code.name().to_owned())
        }
    }
}

async fn access_token(emulator: &Emulator) -> Checked {
    let request =
        client(emulator).await?.generate_access_token().set_name(resource(DEPLOYER)).set_scope([CLOUD]);
    let answer = request.send().await.map_err(said)?;
    ensure(answer.expire_time.is_some(), "it has no end")?;
    let who = holder(emulator, &answer.access_token).await?;
    ensure(who == DEPLOYER, &who)?;
    Ok(who)
}

async fn chain(emulator: &Emulator) -> Checked {
    let client = client(emulator).await?;
    let request = || client.generate_access_token().set_name(resource(VAULT)).set_scope([CLOUD]);
    let answer = request().set_delegates(RELAYS.map(resource)).send().await.map_err(said)?;
    let who = holder(emulator, &answer.access_token).await?;
    ensure(who == VAULT, &who)?;
    let broken = refusal(request().set_delegates([resource(RELAYS[0])]).send().await)?;
    ensure(broken == "PERMISSION_DENIED", &broken)?;
    Ok(format!("{who}; {broken} by half of it"))
}

/// Claims that Google's verifier of ID tokens reads; whoever may sign for an account may write what is wanted.
fn claims() -> String {
    // Long after this: what is verified is the signature.
    json!({"iss": "https://accounts.google.com", "aud": AUDIENCE, "sub": "conformance", "exp": 4_102_444_800_i64})
        .to_string()
}

async fn by_the_keys_of(emulator: &Emulator, account: &str, token: &str) -> Checked {
    let keys = format!("{}/service_accounts/v1/jwk/{account}", emulator.base());
    let verifier = verifier::Builder::new([AUDIENCE]).with_jwks_url(keys).build();
    let claims = verifier.verify(token).await.map_err(said)?;
    ensure(claims["sub"] == "conformance", &claims)?;
    Ok("verified by the published keys".into())
}

async fn jwt(emulator: &Emulator) -> Checked {
    // Google signs for no longer than half a day, so this one has a clock.
    let now = std::time::UNIX_EPOCH.elapsed().map_err(said)?.as_secs();
    let mut payload: Value = serde_json::from_str(&claims()).map_err(said)?;
    payload["exp"] = (now + 600).into();
    let client = client(emulator).await?;
    let request = client.sign_jwt().set_name(resource(DEPLOYER)).set_payload(payload.to_string());
    let answer = request.send().await.map_err(said)?;
    ensure(!answer.key_id.is_empty(), "no key is named")?;
    by_the_keys_of(emulator, DEPLOYER, &answer.signed_jwt).await
}

/// A JWT is put together by hand from signed bytes, so that the same verifier can judge them.
async fn blob(emulator: &Emulator) -> Checked {
    let client = client(emulator).await?;
    let sign = |bytes: String| {
        client.sign_blob().set_name(resource(DEPLOYER)).set_payload(bytes.into_bytes()).send()
    };
    let key = sign("which key is it?".into()).await.map_err(said)?.key_id;
    let text = unsigned(&key);
    let answer = sign(text.clone()).await.map_err(said)?;
    ensure(answer.key_id == key, (&answer.key_id, &key))?;
    let signature = BASE64_URL_SAFE_NO_PAD.encode(&answer.signed_blob);
    by_the_keys_of(emulator, DEPLOYER, &format!("{text}.{signature}")).await
}

/// The key of a file signs without asking anybody, and its other half is published.
async fn key(emulator: &Emulator) -> Checked {
    let file = emulator.file("service_account", CI)?;
    let text = unsigned(file["private_key_id"].as_str().unwrap_or_default());
    let signer = service_account::Builder::new(file).build_signer().map_err(said)?;
    let signature = BASE64_URL_SAFE_NO_PAD.encode(signer.sign(text.clone()).await.map_err(said)?);
    by_the_keys_of(emulator, CI, &format!("{text}.{signature}")).await
}

fn unsigned(key: &str) -> String {
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": key}).to_string();
    [header, claims()].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".")
}

async fn denied(emulator: &Emulator) -> Checked {
    let client = client(emulator).await?;
    let api = resource("api@acme-prod.iam.gserviceaccount.com");
    let token = refusal(client.generate_access_token().set_name(&api).set_scope([CLOUD]).send().await)?;
    let bytes = refusal(client.sign_blob().set_name(&api).set_payload("x").send().await)?;
    ensure(token == "PERMISSION_DENIED" && bytes == token, (&token, &bytes))?;
    Ok(token)
}

async fn unknown(emulator: &Emulator) -> Checked {
    let nobody = resource("nobody@acme-prod.iam.gserviceaccount.com");
    let outcome =
        client(emulator).await?.generate_access_token().set_name(nobody).set_scope([CLOUD]).send().await;
    let status = refusal(outcome)?;
    ensure(status == "NOT_FOUND", &status)?;
    Ok(status)
}
