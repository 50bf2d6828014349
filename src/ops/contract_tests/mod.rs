//! Every request that we can send, held against Google's discovery documents: verb, path, parameters, body. The requests
//! are taken off the wire, from the same operations that the screen and the command line perform; the samples are
//! complete because what has none does not compile. Answers with everything that a document has must be read, too. The
//! requests of callers are in `auth/contract_tests.rs`.

mod answers;
mod google;
mod samples;
mod wire;

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;

pub(crate) use google::{Google, Talk};
pub(crate) use samples::{every, samples};

use crate::{
    api::Client,
    local::history::Snapshots,
    ops::{Call, perform},
};

/// Requests that no discovery document has: a name for them here, service, verb and beginning of the path, and why.
const WITHOUT: [(&str, &str, &str, &str, &str); 10] = [
    ("token", "token", "POST", "", "the token endpoint is OAuth 2.0 (RFC 6749, RFC 7523) and no API"),
    (
        "tokeninfo",
        "oauth2",
        "POST",
        "/tokeninfo",
        "the document has version 2, at another host and in another form",
    ),
    ("userinfo", "oauth2", "GET", "/v1/userinfo", "OpenID Connect Core, section 5.3"),
    ("Google's keys", "certs", "GET", "/oauth2/v3/certs", "a JWK set (RFC 7517)"),
    ("keys", "certs", "GET", "/service_accounts/v1/metadata/jwk/", "a JWK set (RFC 7517)"),
    ("certificates", "certs", "GET", "/service_accounts/v1/metadata/x509/", "a map of key id to certificate"),
    ("metadata", "computeMetadata", "GET", "/v1/", "the metadata server has no document"),
    ("introspect", "sts", "POST", "/v1/introspect", "RFC 7662; the document has the exchange alone"),
    ("refresh", "sts", "POST", "/v1/oauthtoken", "RFC 6749, section 6; the document has the exchange alone"),
    ("elsewhere", "elsewhere", "", "", "where a foreign token comes from is not Google's"),
];

/// What was sent, all of it as documented or known to have no document.
pub(crate) struct Judged {
    pub(crate) methods: BTreeSet<String>,
    /// What else was asked, by the names of [`WITHOUT`] and in its order.
    pub(crate) others: Vec<&'static str>,
    /// Each method with each parameter and field that was sent.
    said: BTreeSet<(String, String)>,
}

impl Judged {
    /// Panics unless each of these was sent to the method, at some time: nothing optional is left without a sample.
    #[track_caller]
    pub(crate) fn has(&self, method: &str, names: &[&str]) {
        for name in names {
            let pair = (method.to_owned(), (*name).to_owned());
            assert!(
                self.methods.contains(method) && self.said.contains(&pair),
                "{method} was sent no {name}"
            );
        }
    }
}

/// Panics with everything that is wrong with what was sent.
pub(crate) async fn judge(google: &Google) -> Judged {
    let (mut methods, mut said, mut others) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut wrong = google.misfits().await;
    wrong.extend(wire::faults(&google.heads().await));
    for sent in google.sent().await {
        let brings_secrets = ["iamcredentials", "token", "sts", "elsewhere", "computeMetadata"];
        if brings_secrets.contains(&sent.service.as_str()) && !sent.head.wants_it_plain() {
            wrong.push(format!("a credential would come compressed: {sent:?}"));
        }
        match sent.method() {
            Some(method) => {
                let problems = sent.problems(method);
                wrong
                    .extend(problems.iter().map(|problem| format!("{}: {problem}\n  {sent:?}", method.name)));
                said.extend(sent.names().into_iter().map(|name| (method.name.clone(), name)));
                methods.insert(method.name.clone());
            }
            None => match WITHOUT.iter().position(|(_, service, verb, path, _)| {
                sent.service == *service && sent.verb.starts_with(verb) && sent.path.starts_with(path)
            }) {
                Some(reason) => drop(others.insert(reason)),
                None => wrong.push(format!("no document has it, and no reason is given: {sent:?}")),
            },
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Judged { methods, said, others: others.into_iter().map(|reason| WITHOUT[reason].0).collect() }
}

/// The gRPC names that the product's code in a folder of `src` tells requests by, in its files and those below.
pub(crate) fn told_in(folder: &str) -> BTreeSet<String> {
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder)];
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let product = text.split("#[cfg(test)]").next().unwrap_or_default();
            let is_test = path.to_string_lossy().contains("_tests");
            let lines = product.lines().filter(|line| !is_test && !line.trim_start().starts_with("//"));
            let texts = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
            found.extend(texts.filter(|text| text.starts_with("google.")).map(str::to_owned));
        }
    }
    found
}

/// Performs every sample, few at once: each has its own patience, and all of them share one thread. Gives what failed.
async fn perform_all(google: &Google) -> Vec<String> {
    perform_all_as(&google.client()).await
}

async fn perform_all_as(client: &Client) -> Vec<String> {
    let snapshots = Snapshots::in_memory();
    let calls = samples();
    let run = async |call: &Call| {
        let mut parts = |_| ();
        let reply = perform(client, &snapshots, call.clone(), &mut parts);
        match tokio::time::timeout(Duration::from_secs(120), reply).await {
            Ok(reply) => reply.err().map(|error| format!("{call:?}: {error:?}")),
            Err(_) => Some(format!("{call:?} does not end")),
        }
    };
    let mut failed = Vec::new();
    for few in calls.chunks(8) {
        failed.extend(join_all(few.iter().map(run)).await.into_iter().flatten());
    }
    failed
}

#[tokio::test]
async fn every_request_has_the_head_that_google_demands() {
    let google = Google::start(Talk::Least).await;
    perform_all(&google).await;
    let heads = google.heads().await;
    assert_eq!(heads.len(), google.sent().await.len(), "as many heads as requests");
    wire::judge(&heads, "HTTP/1.1");
}

#[tokio::test]
async fn every_request_has_such_a_head_over_http_2_too() {
    let google = Google::start(Talk::Least).await;
    let client = google.client();
    let http_2 = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    client.connect_through(http_2).await;
    perform_all_as(&client).await;
    let heads: Vec<_> = google.sent().await.into_iter().map(|sent| sent.head).collect();
    wire::judge(&heads, "HTTP/2.0");
}

#[tokio::test]
async fn every_answer_is_read_whatever_of_the_documented_it_holds() {
    let google = Google::start(Talk::All).await;
    let failed = perform_all(&google).await;
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    judge(&google).await;
}

#[tokio::test]
async fn every_request_is_as_googles_documents_say() {
    let google = Google::start(Talk::Least).await;
    let failed = perform_all(&google).await;
    let judged = judge(&google).await;
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(judged.methods.iter().collect::<Vec<_>>(), OURS);
    assert_eq!(
        judged.others,
        ["token", "tokeninfo", "userinfo", "Google's keys", "keys", "certificates", "metadata"]
    );
    for (method, names) in OPTIONAL {
        judged.has(method, names);
    }
    let told = told_in("api");
    let sent = google.told().await;
    assert!(told.len() > 20 && told.is_subset(&sent), "without a sample: {:?}", told.difference(&sent));
}

/// What need not be sent, and is sent by one of the samples.
const OPTIONAL: [(&str, &[&str]); 10] = [
    ("cloudresourcemanager.v3.projects.search", &["pageSize", "pageToken"]),
    ("iam.v1.projects.serviceAccounts.list", &["pageSize", "pageToken"]),
    ("iam.v1.projects.serviceAccounts.keys.list", &["keyTypes"]),
    ("iam.v1.roles.queryGrantableRoles", &["fullResourceName", "pageSize", "pageToken"]),
    (
        "iam.v1.iamPolicies.lintPolicy",
        &["fullResourceName", "condition", "title", "description", "expression"],
    ),
    (
        "iam.v1.projects.serviceAccounts.setIamPolicy",
        &[
            "policy",
            "version",
            "etag",
            "bindings",
            "condition",
            "location",
            "auditConfigs",
            "logType",
            "updateMask",
        ],
    ),
    ("iamcredentials.v1.projects.serviceAccounts.generateAccessToken", &["scope", "lifetime", "delegates"]),
    (
        "iamcredentials.v1.projects.serviceAccounts.generateIdToken",
        &["audience", "includeEmail", "organizationNumberIncluded", "delegates"],
    ),
    ("iamcredentials.v1.projects.serviceAccounts.signBlob", &["payload", "delegates"]),
    ("iamcredentials.v1.projects.serviceAccounts.signJwt", &["payload", "delegates"]),
];

/// The methods that we call.
const OURS: [&str; 26] = [
    "cloudresourcemanager.v3.folders.get",
    "cloudresourcemanager.v3.folders.getIamPolicy",
    "cloudresourcemanager.v3.organizations.get",
    "cloudresourcemanager.v3.organizations.getIamPolicy",
    "cloudresourcemanager.v3.projects.get",
    "cloudresourcemanager.v3.projects.getIamPolicy",
    "cloudresourcemanager.v3.projects.search",
    "iam.v1.iamPolicies.lintPolicy",
    "iam.v1.organizations.roles.get",
    "iam.v1.projects.roles.get",
    "iam.v1.projects.serviceAccounts.get",
    "iam.v1.projects.serviceAccounts.getIamPolicy",
    "iam.v1.projects.serviceAccounts.keys.list",
    "iam.v1.projects.serviceAccounts.list",
    "iam.v1.projects.serviceAccounts.setIamPolicy",
    "iam.v1.projects.serviceAccounts.testIamPermissions",
    "iam.v1.roles.get",
    "iam.v1.roles.queryGrantableRoles",
    "iamcredentials.v1.projects.serviceAccounts.generateAccessToken",
    "iamcredentials.v1.projects.serviceAccounts.generateIdToken",
    "iamcredentials.v1.projects.serviceAccounts.signBlob",
    "iamcredentials.v1.projects.serviceAccounts.signJwt",
    "policytroubleshooter.v3.iam.troubleshoot",
    "serviceusage.v1.operations.get",
    "serviceusage.v1.services.batchEnable",
    "serviceusage.v1.services.get",
];
