//! Denials by services that credentials are used with: Cloud Run, Cloud Storage, Identity-Aware Proxy, API gateways.
//! This is where minted tokens and signed URLs fail most often, and these answers name neither a permission nor what to
//! mint instead.

use super::Refusal;
use crate::model::shell::quote;

/// A service that credentials are minted for, identified by its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CalledService {
    Run,
    /// Cloud Run functions at their own address.
    Function,
    /// Cloud Storage's XML API, where signed URLs go.
    Storage,
    Iap,
    /// API Gateway, Cloud Endpoints, and others that check JWTs with Envoy.
    Gateway,
}

impl CalledService {
    const ALL: [CalledService; 5] = [
        CalledService::Run,
        CalledService::Function,
        CalledService::Storage,
        CalledService::Iap,
        CalledService::Gateway,
    ];

    /// Its name in the description of the request.
    pub(crate) fn name(self) -> &'static str {
        match self {
            CalledService::Run => "Cloud Run",
            CalledService::Function => "The function",
            CalledService::Storage => "Cloud Storage",
            CalledService::Iap => "Identity-Aware Proxy",
            CalledService::Gateway => "The API gateway",
        }
    }

    fn of(refusal: &Refusal) -> Option<CalledService> {
        CalledService::ALL.into_iter().find(|service| service.name() == refusal.asked.service)
    }
}

/// What is wrong with the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Audience,
    Signature,
    Expired,
    Issuer,
    Email,
    Unreadable,
    /// The account isn't allowed.
    NotAllowed,
    Some,
}

/// Phrases that identify the fault, more specific ones first, in lower case.
const WORDS: [(&str, Fault); 17] = [
    ("expired", Fault::Expired),
    ("signaturedoesnotmatch", Fault::Signature),
    ("malformedsecurityheader", Fault::Signature),
    ("audience", Fault::Audience),
    ("'aud'", Fault::Audience),
    ("email", Fault::Email),
    ("issuer", Fault::Issuer),
    ("signature", Fault::Signature),
    ("verification fail", Fault::Signature),
    ("jwks", Fault::Signature),
    ("empty token", Fault::Unreadable),
    ("missing", Fault::Unreadable),
    ("parse", Fault::Unreadable),
    ("decode", Fault::Unreadable),
    ("not in the form", Fault::Unreadable),
    ("authenticationrequired", Fault::Unreadable),
    ("could not be verified", Fault::Some),
];

fn fault(refusal: &Refusal, service: CalledService) -> Fault {
    let said =
        format!("{} {}", refusal.reason.as_deref().unwrap_or_default(), refusal.message).to_lowercase();
    let named = WORDS.iter().find(|(words, _)| said.contains(words)).map(|(_, fault)| *fault);
    match (named, service, refusal.status) {
        (None, CalledService::Storage, _) => Fault::Some,
        (None, _, 403) => Fault::NotAllowed,
        (fault, ..) => fault.unwrap_or(Fault::Some),
    }
}

/// The sentence and the next step.
pub(super) fn explain(refusal: &Refusal) -> (String, String) {
    let Some(service) = CalledService::of(refusal) else {
        return super::words::unknown(refusal);
    };
    let fault = fault(refusal, service);
    let name = service.name();
    let what = match (fault, service) {
        (Fault::Expired, CalledService::Storage) => "doesn't accept the signed URL or token: it has expired",
        (Fault::Expired, _) => "doesn't accept the token: it has expired",
        (Fault::Signature, CalledService::Storage) => {
            "got a different request from the one the URL was signed for, so the signature doesn't match"
        }
        (Fault::Signature, _) => "doesn't accept the token: it isn't signed by the expected signer",
        (Fault::Audience, _) => "doesn't accept the token: it was minted for another audience",
        (Fault::Issuer, _) => "doesn't accept the token: it doesn't trust the issuer",
        (Fault::Email, _) => "doesn't accept the token: it has no email",
        (Fault::Unreadable, _) => "got no token, or one that it can't read",
        (Fault::NotAllowed, CalledService::Iap) => "knows the account, but doesn't let it in",
        (Fault::NotAllowed, _) => "got no token, or its account isn't allowed in",
        (Fault::Some, CalledService::Run | CalledService::Function) => {
            "doesn't accept the token: it isn't an ID token for this service, or it has expired"
        }
        (Fault::Some, CalledService::Storage) => "doesn't accept the request",
        (Fault::Some, _) => "doesn't accept the token",
    };
    let words = refusal.message.trim_end_matches('.');
    let words = if words.is_empty() { String::new() } else { format!(" ({words})") };
    (format!("{name} {what}{words}."), next(refusal, service, fault))
}

fn next(refusal: &Refusal, service: CalledService, fault: Fault) -> String {
    let audience = |otherwise: &str| match refusal.asked.resource.as_str() {
        "" => otherwise.to_owned(),
        url => quote(url),
    };
    let next = match (service, fault) {
        (CalledService::Storage, Fault::Signature) => return signature(refusal),
        (CalledService::Storage, Fault::Expired) => {
            "Sign it again: `impersona sign-url ACCOUNT gs://BUCKET/OBJECT --expires 1h`; if it is fresh, check this machine's clock."
        }
        (CalledService::Storage, Fault::Unreadable) => {
            "Send an access token (`impersona token access ACCOUNT`), or use a signed URL as it is."
        }
        (CalledService::Storage, _) => {
            "Check the URL against what was signed: decode it with `impersona decode FILE`."
        }
        (CalledService::Run, Fault::NotAllowed) => {
            return format!(
                "Send an ID token for the service's URL (`impersona token id ACCOUNT --audience {}`), not an access token, and grant its account roles/run.invoker on the service.",
                audience("https://SERVICE.run.app")
            );
        }
        (CalledService::Run, _) => {
            return format!(
                "Mint an ID token (not an access token) for the service's URL without a path: `impersona token id ACCOUNT --audience {}`.",
                audience("https://SERVICE.run.app")
            );
        }
        (CalledService::Function, fault) => {
            let url = audience("https://REGION-PROJECT.cloudfunctions.net/NAME");
            let role = match fault {
                Fault::NotAllowed => {
                    ", and grant its account roles/run.invoker on the function's service (1st gen: roles/cloudfunctions.invoker on the function)"
                }
                _ => "",
            };
            return format!(
                "Send an ID token for the function's URL with its name (`impersona token id ACCOUNT --audience {url}`), not an access token{role}."
            );
        }
        (CalledService::Iap, Fault::Signature) => {
            "Send an ID token from Google, or a JWT signed by the account in iss and sub itself: `impersona token jwt ACCOUNT --claims FILE`."
        }
        (CalledService::Iap, Fault::Email) => {
            "Mint an ID token with the email: `impersona token id ACCOUNT --audience CLIENT_ID` without --no-email."
        }
        (CalledService::Iap, Fault::NotAllowed) => {
            "Grant the account roles/iap.httpsResourceAccessor on the application (IAM of Identity-Aware Proxy), and check its access levels."
        }
        (CalledService::Iap, _) => {
            let client = refusal.message.split_once("expected value (").map_or("", |(_, rest)| rest);
            let client = client.split(')').next().filter(|name| name.contains('.')).unwrap_or("CLIENT_ID");
            return format!(
                "Mint an ID token whose audience is IAP's OAuth client ID: `impersona token id ACCOUNT --audience {}`; or sign a JWT whose aud is the URL you call.",
                quote(client)
            );
        }
        (CalledService::Gateway, Fault::Issuer | Fault::Signature) => {
            "Use a token from the issuer that the API's definition names (x-google-issuer, x-google-jwks_uri): an ID token from Google, or a JWT signed by that account."
        }
        (CalledService::Gateway, Fault::NotAllowed) => {
            "Check that the account is allowed to call the API, and that the gateway's own account is allowed to invoke the backend."
        }
        (CalledService::Gateway, _) => {
            "Mint a token whose audience is one of x-google-audiences in the API's definition, or else the gateway's URL: `impersona token id ACCOUNT --audience AUDIENCE`."
        }
    };
    next.to_owned()
}

/// What to compare when a signature doesn't match: the request that Cloud Storage got, and the key.
fn signature(refusal: &Refusal) -> String {
    let seen = |name: &str| refusal.metadata.get(name).map(String::as_str);
    let got = match (seen("method"), seen("path"), seen("headers")) {
        (Some(method), path, headers) => {
            let path = path.map(|path| format!(" {path}")).unwrap_or_default();
            let headers = headers.map(|names| format!(" and the headers {names}")).unwrap_or_default();
            format!("Cloud Storage got {method}{path}{headers}; sign exactly that, or send what was signed")
        }
        _ => "Use the URL with exactly the method, headers and query it was signed for, quoted in the shell"
            .to_owned(),
    };
    let account = seen("email").map_or_else(|| "ACCOUNT".to_owned(), quote);
    let method = seen("method").unwrap_or("METHOD");
    format!(
        "{got}: `impersona sign-url {account} gs://BUCKET/OBJECT --method {method}`. If both are the same, the key that signed was deleted: `gcloud iam service-accounts keys list --iam-account={account}` lists the keys there are."
    )
}
