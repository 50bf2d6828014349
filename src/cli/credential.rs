//! `impersona credential`: other programs' protocols for credentials. stdout belongs to the protocol.

use std::io::Read as _;

use serde_json::Value;

use super::args::running::{As, DockerAction};
use super::output::{self, Opened};
use super::running::{access_token, impersonation};
use crate::local::env::Env;
use crate::session::Failure;
use crate::session::setup::Setup;

/// The name that kubectl gives its question.
const INFO: &str = "KUBERNETES_EXEC_INFO";
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// Without the second, Kubernetes Engine knows the account by its number only.
const CLUSTER_SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email"];

/// What docker takes, word for word, for a registry without credentials: it goes on anonymously.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The longest question that is read.
const LONGEST: u64 = 64 * 1024;

/// Answers kubectl with an ExecCredential.
///
/// # Errors
/// A question in another version, and those of minting.
pub(super) async fn kubectl(who: &As, setup: &Setup, env: &Env) -> Result<(), Failure> {
    let version = version(env.get(INFO))?;
    let credential = access_token(setup, impersonation(who)?, &CLUSTER_SCOPES).await?;
    let status = Status { expires: credential.expires.map(output::time), token: Opened(&credential.secret) };
    output::line(&output::to_json(&ExecCredential { api_version: version, kind: "ExecCredential", status }))
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential<'a> {
    api_version: &'a str,
    kind: &'a str,
    status: Status<'a>,
}

#[derive(serde::Serialize)]
struct Status<'a> {
    #[serde(rename = "expirationTimestamp", skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    token: Opened<'a>,
}

/// The version that kubectl asks in; the current one without a question.
///
/// # Errors
/// A question that can't be read, or in another version.
fn version(info: Option<&str>) -> Result<&'static str, Failure> {
    let Some(info) = info else { return Ok(VERSIONS[0]) };
    let asked: Value = serde_json::from_str(info)
        .map_err(|error| Failure::refused(format!("{INFO} can't be read: {error}")))?;
    let asked = asked["apiVersion"].as_str().unwrap_or_default();
    VERSIONS.into_iter().find(|version| *version == asked).ok_or_else(|| {
        Failure::refused(format!(
            "Unknown version “{asked}” in {INFO}: set apiVersion to {} in kubeconfig",
            VERSIONS[0]
        ))
    })
}

/// Answers docker.
///
/// # Errors
/// Those of minting; a registry that isn't Google's ends with exit code 1 and docker's own words on stdout.
pub(super) async fn docker(
    who: &As,
    action: DockerAction,
    setup: impl AsyncFnOnce() -> Result<Setup, Failure>,
) -> Result<(), Failure> {
    let whose = impersonation(who)?;
    if action == DockerAction::List {
        return output::line("{}");
    }
    let mut asked = zeroize::Zeroizing::new(String::new());
    let read = std::io::stdin().lock().take(LONGEST).read_to_string(&mut asked);
    read.map_err(|error| Failure::refused(format!("reading the registry from stdin: {error}")))?;
    if action != DockerAction::Get {
        return Ok(());
    }
    let registry = asked.trim();
    if !is_googles(registry) {
        output::line(NOT_FOUND)?;
        return Err(Failure::Told(1));
    }
    let credential = access_token(&setup().await?, whose, &[]).await?;
    output::line(&output::to_json(&Login {
        registry,
        user: "oauth2accesstoken",
        token: Opened(&credential.secret),
    }))
}

#[derive(serde::Serialize)]
struct Login<'a> {
    #[serde(rename = "ServerURL")]
    registry: &'a str,
    #[serde(rename = "Username")]
    user: &'a str,
    #[serde(rename = "Secret")]
    token: Opened<'a>,
}

/// Whether a registry is Google's, so that no one else gets the token: Artifact Registry, or the hosts of Container
/// Registry that lead to it.
fn is_googles(registry: &str) -> bool {
    let rest = registry.strip_prefix("https://").unwrap_or(registry);
    let host = rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
    };
    host == "gcr.io" || [".pkg.dev", ".gcr.io"].iter().any(|end| host.strip_suffix(end).is_some_and(is_name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kubectl_is_answered_in_its_own_version() {
        assert_eq!(version(None).ok(), Some(VERSIONS[0]));
        for asked in VERSIONS {
            let info = json!({"kind": "ExecCredential", "apiVersion": asked, "spec": {}}).to_string();
            assert_eq!(version(Some(&info)).ok(), Some(asked));
        }
        let code = |text: &str| version(Some(text)).map_err(|failure| failure.exit_code());
        assert_eq!(code(r#"{"apiVersion":"client.authentication.k8s.io/v1alpha1"}"#), Err(8));
        assert_eq!(code("{"), Err(8));
    }

    #[test]
    fn token_is_for_googles_registries_only() {
        for registry in
            ["europe-docker.pkg.dev", "https://us-central1-docker.pkg.dev", "https://EU.gcr.io/v1/", "gcr.io"]
        {
            assert!(is_googles(registry), "{registry}");
        }
        for registry in [
            "",
            "https://index.docker.io/v1/",
            "pkg.dev",
            "pkg.dev.evil.example",
            "evil.example/x.pkg.dev",
            "https://evil.example#.pkg.dev",
            "https://user@evil.example?.pkg.dev",
            "http://europe-docker.pkg.dev",
            ".pkg.dev",
            "mygcr.io",
        ] {
            assert!(!is_googles(registry), "{registry}");
        }
    }
}
