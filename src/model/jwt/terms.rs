//! What names in tokens stand for, each in a few words: registered header fields and claims, and those of the issuers
//! whose tokens Google exchanges or issues. Only names with the same meaning in all tokens, or with a known issuer.

/// Header fields and claims whose name is clear enough, with the document that defines them.
const NAMES: [(&str, &str); 59] = [
    // RFC 7515, 4.1, RFC 7516, 4.1, RFC 7797
    ("kid", "which key of the signer"),
    ("x5t", "the thumbprint of the signer's certificate"),
    ("x5t#S256", "the thumbprint of the signer's certificate"),
    ("crit", "extensions that a reader has to support"),
    ("enc", "how the content is encrypted"),
    ("zip", "compressed before it was encrypted"),
    ("epk", "the sender's half of the key agreement"),
    // RFC 7519, OpenID Connect Core, 2 and 3.3.2.11
    ("jti", "the token's own ID"),
    ("nonce", "ties the token to the request that asked for it"),
    ("at_hash", "ties the token to an access token given with it"),
    ("c_hash", "ties the token to an authorization code given with it"),
    ("s_hash", "ties the token to the state of the request"),
    ("acr", "how strongly the person authenticated"),
    ("sid", "the session of the person"),
    ("client_id", "the OAuth client that asked for it"),
    ("may_act", "who can act for the subject"),
    ("authorization_details", "what it allows, in detail"),
    // RFC 9449
    ("ath", "ties the proof to an access token"),
    ("htm", "the method of the one request it proves"),
    ("htu", "the address of the one request it proves"),
    // Google: Workspace, delegated signing, IAP
    ("hd", "the domain of the Workspace or Cloud Identity organization"),
    ("target_audience", "the audience of the ID token to be exchanged for"),
    ("identity_source", "which login IAP used"),
    ("workforce_identity", "who it is in a workforce pool"),
    // GitHub: docs, "OpenID Connect reference"
    ("repository", "the repository that ran the workflow"),
    ("repository_id", "its ID, which survives renaming"),
    ("repository_owner", "whose repository it is"),
    ("repository_owner_id", "its owner's ID, which survives renaming"),
    ("repository_visibility", "who can see the repository"),
    ("workflow", "the workflow's name"),
    ("workflow_ref", "the workflow's file and version"),
    ("job_workflow_ref", "the reusable workflow that the job came from"),
    ("event_name", "what started the workflow"),
    ("ref_type", "a branch or a tag"),
    ("base_ref", "the branch that a pull request goes to"),
    ("head_ref", "the branch of a pull request; its author chose the name"),
    ("run_id", "this run of the workflow"),
    ("runner_environment", "whose machine ran it"),
    // GitLab: docs, "ID token payload"
    ("namespace_path", "the GitLab group or user"),
    ("namespace_id", "its ID, which survives renaming"),
    ("project_path", "the GitLab project that ran the pipeline"),
    ("pipeline_source", "what started the pipeline"),
    ("pipeline_id", "this run of the pipeline"),
    ("job_id", "the job"),
    ("user_login", "who started the pipeline"),
    ("user_email", "who started the pipeline"),
    ("ref_path", "the branch or tag, in full"),
    ("ci_config_ref_uri", "the pipeline's file and version"),
    // Microsoft Entra: docs, "Access token claims reference"
    ("tid", "the Entra tenant"),
    ("oid", "the person's or app's ID in the tenant"),
    ("appid", "the app that asked for it"),
    ("app_displayname", "that app's name; anyone can choose one"),
    ("upn", "the person's login name; it may change"),
    ("preferred_username", "a name to show; it may change"),
    ("unique_name", "a name to show; it may change"),
    ("idp", "who authenticated the person"),
    ("wids", "the roles in the whole tenant"),
    ("roles", "what the app lets the subject do"),
    ("groups", "the groups of the subject"),
];

/// What a name stands for; `None` if unknown.
pub(super) fn of_name(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, words)| *words)
}

/// Who an issuer is, apart from Google and service accounts.
pub(super) fn issuer(issuer: &str) -> Option<String> {
    const EXACT: [(&str, &str); 5] = [
        ("https://cloud.google.com/iap", "Identity-Aware Proxy"),
        ("https://token.actions.githubusercontent.com", "GitHub Actions"),
        ("https://gitlab.com", "GitLab"),
        ("https://app.terraform.io", "HCP Terraform"),
        ("https://confidentialcomputing.googleapis.com", "Confidential Space: attests what runs where"),
    ];
    // The rest of the address names a project, a tenant, a cluster.
    const BELOW: [(&str, &str); 8] = [
        ("https://securetoken.google.com/", "Identity Platform or Firebase, project "),
        ("https://session.firebase.google.com/", "a Firebase session cookie, project "),
        ("https://firebaseappcheck.googleapis.com/", "Firebase App Check, project number "),
        ("https://sts.windows.net/", "Microsoft Entra, tenant "),
        ("https://login.microsoftonline.com/", "Microsoft Entra, tenant "),
        ("https://token.actions.githubusercontent.com/", "GitHub Actions, enterprise "),
        ("https://agent.buildkite.com", "Buildkite"),
        ("https://sts.googleapis.com", "Google's Security Token Service"),
    ];
    if let Some((_, who)) = EXACT.iter().find(|(known, _)| *known == issuer) {
        return Some((*who).to_owned());
    }
    if let Some(cluster) = issuer.strip_prefix("https://container.googleapis.com/v1/projects/") {
        let mut parts = cluster.split('/').skip(2).step_by(2);
        let project = cluster.split('/').next()?;
        return match (parts.next(), parts.next()) {
            (Some(place), Some(name)) => {
                Some(format!("the GKE cluster {name} in {place}, project {project}"))
            }
            _ => Some(format!("a GKE cluster in the project {project}")),
        };
    }
    if issuer == "kubernetes/serviceaccount" || issuer.starts_with("https://kubernetes.default.svc") {
        return Some("a Kubernetes cluster".to_owned());
    }
    BELOW.iter().find_map(|(start, who)| {
        let name = issuer.strip_prefix(start)?.split('/').next()?;
        Some(if who.ends_with(' ') { format!("{who}{name}") } else { (*who).to_owned() })
    })
}

/// Who a federated or proxied subject is; `None` for an unknown form.
pub(super) fn subject(subject: &str) -> Option<String> {
    if let Some(account) = subject.strip_prefix("system:serviceaccount:") {
        return Some(format!("the Kubernetes service account {}", account.replacen(':', "/", 1)));
    }
    if let Some((_, id)) = subject.split_once("accounts.google.com:") {
        return Some(format!("the Google account {id}"));
    }
    if let Some((provider, id)) =
        subject.strip_prefix("securetoken.google.com/").and_then(|s| s.split_once(':'))
    {
        return Some(format!("{id} in Identity Platform ({provider})"));
    }
    if let Some(path) = subject.strip_prefix("project_path:") {
        let mut parts = path.splitn(2, ':');
        return Some(format!("the GitLab project {}, {}", parts.next()?, at(parts.next()?)));
    }
    if let Some(repository) = subject.strip_prefix("repo:") {
        let mut parts = repository.splitn(2, ':');
        return Some(format!("the GitHub repository {}, {}", parts.next()?, at(parts.next()?)));
    }
    let (kind, path) = subject.split_once("://iam.googleapis.com/")?;
    let pool = path.split_once("Pools/")?.1.split('/').next()?;
    let pool = format!(
        "the {} pool {pool}",
        if path.contains("workforcePools/") { "workforce" } else { "workload identity" }
    );
    Some(match (kind, path.split_once("/subject/")) {
        ("principal", Some((_, id))) => format!("{id} in {pool}"),
        _ => format!("someone in {pool}"),
    })
}

/// Where in a repository: `ref:refs/heads/main`, `ref_type:branch:ref:main`, `environment:prod`, `pull_request`.
fn at(rest: &str) -> String {
    match rest.rsplit_once("ref:").map_or(rest, |(_, name)| name) {
        name if name != rest => format!("at {name}"),
        other => other.replacen(':', " ", 1).replace('_', " "),
    }
}

/// Who a token is for; `None` if nothing more can be said about this audience.
pub(super) fn audience(audience: &str) -> Option<&'static str> {
    let host = audience.strip_prefix("https://").map(|rest| rest.split('/').next().unwrap_or_default());
    Some(match audience {
        "https://oauth2.googleapis.com/token" | "https://www.googleapis.com/oauth2/v4/token" => {
            "Google's token endpoint: to be exchanged for an access token"
        }
        "api://AzureADTokenExchange" => "Microsoft Entra: to be exchanged for an access token",
        "sts.amazonaws.com" => "AWS: to be exchanged for credentials of a role",
        _ if audience.starts_with("//iam.googleapis.com/")
            || audience.starts_with("https://iam.googleapis.com/projects/") =>
        {
            "a provider of a pool: to be exchanged at Google's Security Token Service"
        }
        _ if audience
            .starts_with("https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.") =>
        {
            "Identity Platform or Firebase: to sign someone in (custom token)"
        }
        // https://cloud.google.com/iap/docs/signed-headers-howto
        _ if audience.starts_with("/projects/") => "an app behind Identity-Aware Proxy",
        _ if audience.ends_with(".svc.id.goog") => "the workload identity pool of a project's GKE clusters",
        _ if audience.ends_with(".apps.googleusercontent.com") => "who it is meant for: an OAuth client",
        _ => match host? {
            host if host.ends_with(".googleapis.com") => "who it is meant for: a Google API",
            host if host.ends_with(".run.app") => "who it is meant for: a Cloud Run service",
            host if host.ends_with(".cloudfunctions.net") => "who it is meant for: a function",
            host if host.ends_with(".gateway.dev") => "who it is meant for: an API behind API Gateway",
            host if host.ends_with(".cloud.goog") => "who it is meant for: an API behind Cloud Endpoints",
            _ => return None,
        },
    })
}

/// The kind of token that a header's `typ` announces, if it isn't an ordinary one; `application/` can be left out.
pub(super) fn kind(typ: &str) -> Option<&'static str> {
    let lower = typ.to_ascii_lowercase();
    Some(match lower.strip_prefix("application/").unwrap_or(&lower) {
        "at+jwt" => "an access token (RFC 9068), not an ID token",
        "dpop+jwt" => "proof of possession of a key (RFC 9449), not an access token",
        "logout+jwt" => "a request to end a session, not an access token",
        "secevent+jwt" => "a security event (RFC 8417), not an access token",
        "token-introspection+jwt" => "an answer about a token (RFC 9701), not the token",
        "jose" | "jose+json" => "signed or encrypted content of any kind",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_told_once() {
        let mut names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        assert!(NAMES.iter().all(|(_, words)| !words.is_empty() && !words.ends_with('.')));
    }

    #[test]
    fn issuers_are_named_with_what_their_address_says() {
        for (text, said) in [
            ("https://cloud.google.com/iap", "Identity-Aware Proxy"),
            ("https://securetoken.google.com/acme", "Identity Platform or Firebase, project acme"),
            ("https://sts.windows.net/t-1/", "Microsoft Entra, tenant t-1"),
            ("https://login.microsoftonline.com/t-1/v2.0", "Microsoft Entra, tenant t-1"),
            ("https://token.actions.githubusercontent.com/octo", "GitHub Actions, enterprise octo"),
            (
                "https://container.googleapis.com/v1/projects/acme/locations/europe-west1/clusters/c1",
                "the GKE cluster c1 in europe-west1, project acme",
            ),
            ("https://container.googleapis.com/v1/projects/acme", "a GKE cluster in the project acme"),
            ("https://kubernetes.default.svc.cluster.local", "a Kubernetes cluster"),
        ] {
            assert_eq!(issuer(text).as_deref(), Some(said), "{text}");
        }
        for odd in ["https://cloud.google.com/iap.evil.example", "https://gitlab.com.evil.example", "", "x"] {
            assert_eq!(issuer(odd), None, "{odd}");
        }
    }

    #[test]
    fn subjects_are_named_by_their_form() {
        for (text, said) in [
            ("system:serviceaccount:prod:api", "the Kubernetes service account prod/api"),
            ("accounts.google.com:1075", "the Google account 1075"),
            ("repo:acme/app:ref:refs/heads/main", "the GitHub repository acme/app, at refs/heads/main"),
            ("repo:acme/app:environment:prod", "the GitHub repository acme/app, environment prod"),
            ("repo:acme/app:pull_request", "the GitHub repository acme/app, pull request"),
            ("project_path:acme/app:ref_type:branch:ref:main", "the GitLab project acme/app, at main"),
            (
                "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/dev@example.com",
                "dev@example.com in the workforce pool staff",
            ),
            (
                "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/attribute.x/y",
                "someone in the workload identity pool ci",
            ),
        ] {
            assert_eq!(subject(text).as_deref(), Some(said), "{text}");
        }
        for odd in ["repo:", "system:", "principal://", "1075", ""] {
            assert_eq!(subject(odd), None, "{odd}");
        }
    }

    #[test]
    fn audiences_tell_what_they_are_for() {
        assert!(audience("/projects/1/global/backendServices/2").is_some_and(|said| said.contains("Proxy")));
        assert!(audience("https://svc-a.run.app").is_some_and(|said| said.contains("Cloud Run")));
        assert!(audience("acme.svc.id.goog").is_some_and(|said| said.contains("GKE")));
        assert_eq!(audience("https://example.com/x.run.app"), None);
    }

    #[test]
    fn a_token_of_another_kind_says_so() {
        assert!(kind("application/AT+JWT").is_some_and(|said| said.contains("access token")));
        assert_eq!(kind("vendor+x"), None);
    }
}
