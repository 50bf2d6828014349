//! A program that uses Google's library as most do: it takes what the environment gives. It is this binary again, as a
//! process of its own, because the library reads the environment and hangs where it cannot be led.

use google_cloud_auth::build_errors::Error as BuildError;
use google_cloud_auth::credentials::{Builder, CacheableResource, Credentials, idtoken};
use serde_json::{Value, json};

use crate::said;

/// What makes this binary such a program.
pub const FLAG: &str = "--as-google";

/// The audience that ID tokens are asked for.
pub const AUDIENCE: &str = "https://svc.run.app";

/// Answers `token`, `id-token` or `signature` in one line of JSON.
pub async fn answer(question: &str) -> Value {
    let answer = match question {
        "id-token" => id_token().await,
        "signature" => signature().await,
        _ => token().await,
    };
    answer.unwrap_or_else(|(kind, error)| json!({"kind": kind, "error": error}))
}

type Answered = Result<Value, (&'static str, String)>;

async fn token() -> Answered {
    let credentials = Builder::default().build_access_token_credentials().map_err(|error| built(&error))?;
    let token = credentials.access_token().await.map_err(|error| ("fetch", said(error)))?;
    let credentials = Credentials::from(credentials);
    let headers = credentials.headers(Default::default()).await;
    let quota = match headers.map_err(|error| ("fetch", said(error)))? {
        CacheableResource::New { data, .. } => data.get("x-goog-user-project").cloned(),
        CacheableResource::NotModified => None,
    };
    let quota = quota.and_then(|value| value.to_str().ok().map(str::to_owned));
    Ok(json!({"token": token.token, "quotaProject": quota}))
}

async fn id_token() -> Answered {
    let credentials =
        idtoken::Builder::new(AUDIENCE).with_include_email().build().map_err(|error| built(&error))?;
    let token = credentials.id_token().await.map_err(|error| ("fetch", said(error)))?;
    Ok(json!({"token": token}))
}

async fn signature() -> Answered {
    let signer = Builder::default().build_signer().map_err(|error| built(&error))?;
    let signature = signer.sign("to be signed").await.map_err(|error| ("fetch", said(error)))?;
    Ok(json!({"length": signature.len()}))
}

/// Why the library does not even begin.
fn built(error: &BuildError) -> (&'static str, String) {
    let kind = match error {
        error if error.is_unknown_type() => "unknown type",
        error if error.is_not_supported() => "not supported",
        _ => "build",
    };
    (kind, error.to_string())
}
