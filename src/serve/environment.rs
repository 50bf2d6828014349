//! The environment in which a program finds the account's credentials and no others. Each client library reads other
//! variables; docs/guide/use.md says which.

use std::path::Path;

use super::Server;
use crate::local::env::Env;

/// Variables by which one of Google's libraries or tools would find other credentials, or would not look for a
/// metadata server.
pub(crate) const REMOVED: [&str; 20] = [
    "APPENGINE_RUNTIME",
    "CLOUDSDK_ACTIVE_CONFIG_NAME",
    "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    "CLOUDSDK_AUTH_DISABLE_CREDENTIALS",
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT",
    "CLOUDSDK_CORE_ACCOUNT",
    "CLOUDSDK_CORE_CHECK_GCE_METADATA",
    // Java's library asks Cloud Shell first.
    "DEVSHELL_CLIENT_PORT",
    "GCE_METADATA_MTLS_MODE",
    // Terraform's provider, and its backend in Cloud Storage.
    "GCLOUD_KEYFILE_JSON",
    "GOOGLE_BACKEND_CREDENTIALS",
    "GOOGLE_BACKEND_IMPERSONATE_SERVICE_ACCOUNT",
    "GOOGLE_CLOUD_KEYFILE_JSON",
    "GOOGLE_CREDENTIALS",
    "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT",
    "GOOGLE_OAUTH_ACCESS_TOKEN",
    "NO_GCE_CHECK",
    // Node's library reads the name in small letters, too.
    "google_application_credentials",
];

/// Where a program is pointed to.
pub(crate) struct Points<'a> {
    /// The credentials file that calls the server.
    pub(crate) file: &'a Path,
    /// An empty folder of gcloud's: it keeps tokens there.
    pub(crate) gcloud: &'a Path,
    /// The project that was named for this run.
    pub(crate) project: Option<&'a str>,
}

/// What is set, with the variables that the user has in mind.
pub(crate) async fn environment(server: &Server, points: Points<'_>, env: &Env) -> Vec<(String, String)> {
    let host = server.metadata_host();
    let mut set: Vec<(String, String)> = vec![
        ("CLOUDSDK_CONFIG".to_owned(), points.gcloud.display().to_string()),
        ("GCE_METADATA_HOST".to_owned(), host.clone()),
        // Node's library, and the probe of Python's: neither takes a path.
        ("GCE_METADATA_IP".to_owned(), format!("127.0.0.1:{}", server.port())),
        ("GCE_METADATA_ROOT".to_owned(), host),
        ("GOOGLE_APPLICATION_CREDENTIALS".to_owned(), points.file.display().to_string()),
        ("METADATA_SERVER_DETECTION".to_owned(), "assume-present".to_owned()),
    ];
    // Some read one, some the other.
    let direct = ["NO_PROXY", "no_proxy"];
    let before = direct.iter().find_map(|name| env.get(name));
    for name in direct {
        set.push((name.to_owned(), bypassing(env.get(name).or(before))));
    }
    let projects = ["CLOUDSDK_CORE_PROJECT", "GOOGLE_CLOUD_PROJECT"];
    let missing = projects.into_iter().filter(|name| points.project.is_some() || env.get(name).is_none());
    let missing: Vec<&str> = missing.collect();
    if !missing.is_empty() {
        let project = match points.project {
            Some(project) => project.to_owned(),
            None => server.project_id().await,
        };
        let named = missing.into_iter().filter(|_| !project.is_empty());
        set.extend(named.map(|name| (name.to_owned(), project.clone())));
    }
    set
}

/// The hosts that are called without a proxy, ours among them.
fn bypassing(before: Option<&str>) -> String {
    match before {
        None => "127.0.0.1,localhost".to_owned(),
        Some(all) if all.trim() == "*" => all.to_owned(),
        Some(all) => format!("{},127.0.0.1,localhost", all.trim_end_matches([',', ' '])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_added_to_the_hosts_without_a_proxy() {
        assert_eq!(bypassing(None), "127.0.0.1,localhost");
        assert_eq!(bypassing(Some(".corp.example, ")), ".corp.example,127.0.0.1,localhost");
        assert_eq!(bypassing(Some("*")), "*");
    }

    #[test]
    fn removed_variables_are_sorted_and_none_is_set() {
        assert!(REMOVED.is_sorted());
    }
}
