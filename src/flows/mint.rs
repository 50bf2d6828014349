//! Making a credential, and looking at it at once: the file is read, the one request sent, a signature checked with
//! the account's published keys, and scopes that a metadata server may have ignored compared with those it gave.
//! What cannot be checked is said; it takes nothing away from the credential.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use crate::{
    api::{Client, credentials::claims, metadata, oauth::KeySource},
    http::{ApiError, ErrorKind},
    model::{
        certificate,
        clock::at_google,
        credential::{Credential, LARGEST_PAYLOAD, MintRequest, Payload, Signed, What},
        jwt::{self, Verdict},
        scopes::short,
        signed_url,
    },
};

/// Makes a credential of any kind that can be minted.
///
/// # Errors
/// Those of [`Client::mint`]; a file that cannot be read, an account without an email that needs one.
pub async fn mint(client: &Client, request: &MintRequest) -> Result<Credential, ApiError> {
    let mut credential = match &request.what {
        What::SignedBlob(Payload::File(path)) => {
            let what = What::SignedBlob(contents(path).await?);
            let made = client.mint(&MintRequest { what, ..request.clone() }).await?;
            // `T` reads the file again, as it is then.
            return Ok(Credential { request: request.clone(), ..checked(client, made).await });
        }
        // The URL names its signer by email.
        What::SignedUrl(_) if !request.account.contains('@') => {
            let account = client.get_account(&request.account).await?.email;
            client.mint(&MintRequest { account, ..request.clone() }).await?
        }
        What::MetadataAccess { .. } | What::MetadataId { .. } => {
            // This tells soon whether there is a server at all; a request for a token would try for longer.
            let machine = client.machine().await?;
            let named = |account: &&metadata::Attached| {
                account.email == request.account || account.aliases.contains(&request.account)
            };
            let whose = machine.accounts.iter().find(named).map(|account| account.email.clone());
            Credential { whose, ..client.mint(request).await? }
        }
        _ => client.mint(request).await?,
    };
    if let Some(why) = unlike(&credential) {
        return Err(ApiError::new(ErrorKind::Server, format!("{why}. It was discarded."))
            .with_next("Check the endpoint settings: Google doesn't send such responses."));
    }
    if credential.ended(at_google(credential.minted, client.skew())) {
        credential
            .remarks
            .push("it has already expired: check the clocks and the endpoint settings".to_owned());
    }
    match &request.what {
        What::MetadataAccess { scopes } if !scopes.is_empty() => {
            let remark = compared(client, &credential, scopes).await;
            credential.remarks.push(remark);
        }
        What::SignedUrl(url) => {
            credential.remarks.extend(signed_url::remarks(url, &credential.request.account))
        }
        _ => {}
    }
    Ok(checked(client, credential).await)
}

/// In what a token is not the one that was asked for: another audience, or other claims than those that were sent. Who
/// answers for Google could have anything signed otherwise.
fn unlike(credential: &Credential) -> Option<String> {
    // Claims that cannot be read are none that were asked for.
    let claims = || claims::<Map<String, Value>>(&credential.secret).unwrap_or_default();
    match &credential.request.what {
        What::IdToken { audience, .. } | What::MetadataId { audience, .. } => {
            let is_for = claims().get("aud").cloned().unwrap_or_default();
            (is_for != audience.as_str())
                .then(|| format!("The returned ID token is for an audience other than “{audience}”"))
        }
        What::SignedJwt { claims: sent, .. } => {
            let sent: Map<String, Value> = serde_json::from_str(sent).ok()?;
            let signed = claims();
            // What was not typed was added when it was sent.
            let is_added = |name: &str| matches!(name, "iat" | "exp");
            let is_same = |(name, value): (&String, &Value)| signed.get(name) == Some(value);
            let same = sent.iter().all(is_same)
                && signed.keys().all(|name| sent.contains_key(name) || is_added(name));
            (!same).then(|| "The returned JWT doesn't have the claims that were sent".to_owned())
        }
        _ => None,
    }
}

/// What is in a file, to be signed.
async fn contents(path: &std::path::Path) -> Result<Payload, ApiError> {
    let unread = |error: std::io::Error| {
        ApiError::new(ErrorKind::Invalid, format!("{} can't be read: {error}.", path.display()))
    };
    let file = tokio::fs::File::open(path).await.map_err(unread)?;
    let mut bytes = Vec::new();
    // A pipe that never ends, or a device, ends here.
    let most = LARGEST_PAYLOAD as u64 + 1;
    file.take(most).read_to_end(&mut bytes).await.map_err(unread)?;
    Payload::from_bytes(bytes)
        .map_err(|why| ApiError::new(ErrorKind::Invalid, format!("{}: {why}.", path.display())))
}

/// Whether the scopes that were asked for are those of the token. It is the only way to know what the machine is.
async fn compared(client: &Client, credential: &Credential, asked: &[String]) -> String {
    let got = match client.token_facts(&credential.secret).await.map(|facts| facts.scopes) {
        Ok(got) => got,
        Err(error) => {
            return format!("couldn't check whether the scopes were honoured: {}", error.sentence());
        }
    };
    let list = |scopes: &[String]| scopes.iter().map(|scope| short(scope)).collect::<Vec<_>>().join(", ");
    if asked.iter().all(|scope| got.contains(scope)) && got.len() == asked.len() {
        return "the token has the requested scopes".to_owned();
    }
    if asked.iter().all(|scope| got.contains(scope)) {
        return format!("the token has more scopes than requested: {}", list(&got));
    }
    format!(
        "the requested scopes were ignored, as on Compute Engine: the token has {}, the scopes set on the machine",
        list(&got)
    )
}

/// The signature of a JWT, blob or URL, checked with the keys that the account publishes.
async fn checked(client: &Client, mut credential: Credential) -> Credential {
    if let Some(signed) = credential.signed.take() {
        let (verdict, key_ends) = verdict(client, &credential, &signed).await;
        credential.signed = Some(Signed { verdict, key_ends, ..signed });
    }
    credential
}

async fn verdict(
    client: &Client,
    credential: &Credential,
    signed: &Signed,
) -> (Verdict, Option<jiff::Timestamp>) {
    let account = &credential.request.account;
    let email = if account.contains('@') {
        Ok(account.clone())
    } else {
        client.get_account(account).await.map(|account| account.email)
    };
    let unread = |error: ApiError| {
        (Verdict::not_checked(format!("couldn't read the account's keys: {}", error.sentence())), None)
    };
    let source = match email {
        Ok(email) => KeySource::Certificates(email),
        Err(error) => return unread(error),
    };
    let whose = source.whose(client.endpoints());
    let mut keys = match client.signing_keys(source.clone()).await {
        Ok(keys) => keys,
        Err(error) => return unread(error),
    };
    // A list from before the key was made says nothing about it: keys are replaced about every two weeks.
    if !is_listed(&signed.key_id, &keys) {
        keys = match client.signing_keys_anew(source).await {
            Ok(keys) => keys,
            Err(error) => return unread(error),
        };
    }
    if !is_listed(&signed.key_id, &keys) {
        let why = format!("key {} is not among {whose} yet", signed.key_id);
        return (Verdict::not_checked(why), None);
    }
    let ends = certificate::ends(&keys, &signed.key_id);
    let verdict = match &credential.request.what {
        What::SignedJwt { .. } => jwt::verify(&jwt::read(credential.secret.expose()), &keys, &whose),
        What::SignedBlob(Payload::Bytes(bytes)) => {
            let signature = Zeroizing::new(STANDARD.decode(credential.secret.expose()).unwrap_or_default());
            jwt::judge::verify_bytes(bytes, &signature, &signed.key_id, &keys, &whose)
        }
        What::SignedUrl(url) => {
            let at = credential.minted;
            let unsigned = url.prepare(account, client.endpoints().universe(), at);
            let signature = signature_of(credential.secret.expose());
            jwt::judge::verify_bytes(unsigned.to_sign().as_bytes(), &signature, &signed.key_id, &keys, &whose)
        }
        _ => Verdict::not_checked("nothing here is signed with the account's key"),
    };
    (verdict, ends)
}

/// Whether a key is among these certificates by its whole ID. Without an ID there is no key to wait for.
fn is_listed(key_id: &str, certificates: &str) -> bool {
    let list = serde_json::from_str::<Map<String, Value>>(certificates).unwrap_or_default();
    key_id.is_empty() || list.contains_key(key_id)
}

/// The bytes behind `X-Goog-Signature=`, which comes last; empty unless they are hexadecimal.
fn signature_of(url: &str) -> Zeroizing<Vec<u8>> {
    let hex = url.rsplit_once("X-Goog-Signature=").map_or("", |(_, hex)| hex);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    Zeroizing::new(hex.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>().unwrap_or_default())
}

#[cfg(test)]
#[path = "mint_tests.rs"]
mod tests;
