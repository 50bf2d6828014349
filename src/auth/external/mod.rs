//! Federated callers (`external_account`): a token from somewhere else is shown to Google's Security Token Service,
//! which gives one of its own; with an impersonation URL that one mints the account's. Where the foreign token comes
//! from is in [`subject`] and [`aws`].

mod aws;
mod subject;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::{
    Source,
    credentials::{CredentialsType, Facts, Identity, impersonated},
    exchange::{Granted, Target, TokenAnswer, impersonate},
    fields::Fields,
    key,
};
use crate::{
    http::{
        ApiError, ErrorKind, answer::decode, clock::now, endpoints::Service, handed_out,
        request_spec::RequestSpec, transport::Http,
    },
    local::env::Env,
    model::{caller::Charge, denial::RequestContext, secret::Secret},
};
pub(super) use subject::Source as Subject;

/// What an `external_account` file says.
#[derive(Clone, Debug)]
pub(super) struct External {
    /// `//iam.googleapis.com/projects/…/providers/…`
    pub(super) audience: String,
    pub(super) subject_token_type: String,
    pub(super) token_url: String,
    /// Where the federated token can be looked at.
    pub(super) introspect_url: Option<String>,
    /// Taken as it stands in the file, as Google's libraries do.
    pub(super) impersonation_url: Option<String>,
    pub(super) lifetime_seconds: Option<u64>,
    pub(super) user_project: Option<String>,
    pub(super) client: Option<(String, Secret)>,
    pub(super) subject: Subject,
}

/// The types of subject tokens that are taken here.
const TYPES: [&str; 5] = [
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:id_token",
    "urn:ietf:params:oauth:token-type:saml2",
    "urn:ietf:params:aws:token-type:aws4_request",
    MTLS,
];

/// The type of a client certificate.
const MTLS: &str = "urn:ietf:params:oauth:token-type:mtls";

/// The lifetimes that an impersonated token may have, in seconds (Google's documents of the file).
const LIFETIMES: std::ops::RangeInclusive<u64> = 600..=43_200;

/// Reads what is left of the file.
pub(super) fn read(mut fields: Fields) -> Result<External, String> {
    let subject_token_type = fields.required("subject_token_type")?;
    if !TYPES.contains(&subject_token_type.as_str()) {
        let known = TYPES.join(", ");
        return Err(format!(
            "has an unsupported type in its field “subject_token_type”, which must be one of {known}"
        ));
    }
    let impersonation_url = fields.optional("service_account_impersonation_url")?;
    if let Some(url) = &impersonation_url {
        impersonated(url)?;
    }
    let lifetime_seconds = match fields.object("service_account_impersonation")? {
        Some(mut inner) => inner.number("token_lifetime_seconds")?,
        None => None,
    };
    if lifetime_seconds.is_some_and(|seconds| !LIFETIMES.contains(&seconds)) {
        return Err(
            "has a lifetime outside 600 to 43200 in its field “service_account_impersonation.token_lifetime_seconds”"
                .to_owned(),
        );
    }
    let client = match (fields.optional("client_id")?, fields.optional("client_secret")?) {
        (Some(id), secret) => Some((id, Secret::new(secret.unwrap_or_default()))),
        (None, _) => None,
    };
    let source = fields.object("credential_source")?.ok_or_else(|| fields.lacks("credential_source"))?;
    let audience = fields.required("audience")?;
    check_audience(&audience)?;
    let user_project = fields.optional("workforce_pool_user_project")?;
    if user_project.is_some() && !audience.contains("/workforcePools/") {
        return Err(
            "sets its field “workforce_pool_user_project”, which needs a workforce audience".to_owned()
        );
    }
    let (token_url, introspect_url) =
        (fields.required_url("token_url")?, fields.optional_url("token_info_url")?);
    let certificate = source.has("certificate");
    let subject = subject::read(source, subject_token_type == MTLS)?;
    if subject_token_type == MTLS && !certificate {
        return Err(format!(
            "has the type {MTLS} in its field “subject_token_type”, which needs the source “certificate” in its field “credential_source”"
        ));
    }
    Ok(External {
        audience,
        token_url,
        introspect_url,
        user_project,
        subject,
        subject_token_type,
        impersonation_url,
        lifetime_seconds,
        client,
    })
}

const WORKLOAD: &str =
    "//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER";
const WORKFORCE: &str = "//iam.googleapis.com/locations/global/workforcePools/POOL/providers/PROVIDER";

/// Checks the form of an audience, which the Security Token Service would refuse with less to say. What doesn't name a
/// pool is left to it.
fn check_audience(audience: &str) -> Result<(), String> {
    let workforce = audience.contains("workforcePools");
    if !workforce && !audience.contains("workloadIdentityPools") {
        return Ok(());
    }
    let form = if workforce { WORKFORCE } else { WORKLOAD };
    let wrong = |why: &str| Err(format!("{why} in its field “audience”, which must be {form}"));
    if audience.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'<>{}$".contains(c)) {
        return wrong("has a character that no provider's name has");
    }
    let parts: Vec<&str> = match audience.strip_prefix("//").and_then(|rest| rest.split_once('/')) {
        Some((_, path)) => path.split('/').collect(),
        None if audience.starts_with("principal") => return wrong("names principals instead of a provider"),
        None if audience.starts_with("http") => return wrong("has an address that begins with https:"),
        None => return wrong("lacks //iam.googleapis.com/ at the beginning"),
    };
    let (project, path) = match parts.as_slice() {
        ["projects", project, path @ ..] => (Some(*project), path),
        path => (None, path),
    };
    match (project, path) {
        (Some(_), _) if workforce => wrong("names a project for a workforce pool"),
        (None, _) if !workforce => wrong("names no project"),
        (Some(project), _) if !project.bytes().all(|b| b.is_ascii_digit()) => wrong(
            "names the project by its ID, not its number (`gcloud projects describe PROJECT --format='value(projectNumber)'`),",
        ),
        (_, ["locations", location, ..]) if *location != "global" => {
            wrong("has another location than global")
        }
        (_, ["locations", _, _, _, "providers", provider]) if !provider.is_empty() => Ok(()),
        (_, ["locations", _, _, _, what, ..])
            if what.starts_with("attribute.") || ["subject", "group", "*"].contains(what) =>
        {
            wrong("names principals instead of a provider")
        }
        (_, ["locations", _, _, _]) => wrong("names a pool without its provider"),
        _ => wrong("doesn't name a provider"),
    }
}

impl CredentialsType for External {
    fn facts(&self) -> Facts<'_> {
        let (kind, identity) = match self.account() {
            Some(account) => ("federated, impersonating", Identity::Minted(account)),
            None => ("federated", Identity::Federated(None)),
        };
        let mut to = vec![self.token_url.as_str()];
        to.extend(self.impersonation_url.as_deref());
        to.extend(self.introspect_url.as_deref());
        let subject = Some((&self.subject, self.token_url.as_str()));
        Facts { kind, identity, to, from: self.subject.addresses(), subject }
    }

    fn remedy(&self, source: &Source) -> String {
        format!(
            "Check that the subject token is fresh, and the pool, provider and conditions named in {}.",
            source.origin
        )
    }

    fn grant<'a>(&'a self, http: &'a Http) -> BoxFuture<'a, Result<Granted, ApiError>> {
        Box::pin(self.granted(http))
    }
}

impl External {
    /// The account that it ends up being; none for one that stays federated.
    pub(super) fn account(&self) -> Option<String> {
        self.impersonation_url.as_deref().and_then(|url| impersonated(url).ok())
    }

    /// Takes in what the environment says about the subject.
    pub(super) fn with_environment(&mut self, env: &Env) {
        self.subject.with_environment(env);
    }

    async fn granted(&self, http: &Http) -> Result<Granted, ApiError> {
        let subject = self.subject.token(self, http).await?;
        let mut plain = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange".to_owned()),
            ("audience", self.audience.clone()),
            ("scope", key::SCOPE.to_owned()),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token".to_owned()),
            ("subject_token_type", self.subject_token_type.clone()),
        ];
        // The project that is charged for a workforce user's calls; a client of its own is charged itself.
        plain.extend(
            self.user_project
                .as_ref()
                .filter(|_| self.client.is_none())
                .map(|project| ("options", serde_json::json!({ "userProject": project }).to_string())),
        );
        let asked = asked("google.identity.sts.v1.SecurityTokenService.ExchangeToken", &self.audience);
        let form =
            RequestSpec::form(Service::Token, String::new(), plain, vec![("subject_token", subject)], asked);
        let spec = RequestSpec {
            address: Some(self.token_url.clone()),
            headers: self.client.iter().map(|(id, secret)| basic(id, secret)).collect(),
            ..form
        };
        let answer = http.send(&spec, None).await?;
        let answer: TokenAnswer = decode(&answer.body, "the Security Token Service")?;
        let federated = answer.granted("the Security Token Service")?;
        match &self.impersonation_url {
            None => Ok(Granted { principal: self.introspect(&federated.secret, http).await, ..federated }),
            Some(url) => {
                let account = impersonated(url).unwrap_or_default();
                let lifetime_seconds = self.lifetime_seconds.unwrap_or(3_600);
                // Unlike a file of an impersonated account, this one's project is charged for the minting, too, as
                // google-auth does.
                let charge = Charge::AsCredentials;
                let target = Target {
                    account: &account,
                    delegates: &[],
                    lifetime_seconds,
                    address: Some(url),
                    charge,
                };
                impersonate(target, &federated.secret, http).await
            }
        }
    }

    /// Who the federated token says it is; nobody knows where the service does not tell.
    async fn introspect(&self, token: &Secret, http: &Http) -> Option<String> {
        introspect(self.introspect_url.as_deref()?, self.client.as_ref(), token, http).await
    }
}

/// Asks the Security Token Service who a token of its own belongs to.
pub(super) async fn introspect(
    url: &str,
    client: Option<&(String, Secret)>,
    token: &Secret,
    http: &Http,
) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        username: String,
    }
    let asked = asked("google.identity.sts.v1.SecurityTokenService.IntrospectToken", "");
    let spec = RequestSpec {
        address: Some(url.to_owned()),
        headers: client.iter().map(|(id, secret)| basic(id, secret)).collect(),
        ..RequestSpec::form(Service::Token, String::new(), vec![], vec![("token", token.clone())], asked)
    };
    let answer = http.send(&spec, None).await.ok()?;
    let answer: Answer = decode(&answer.body, "the Security Token Service").ok()?;
    handed_out::principal(Some(answer.username))
}

/// Client credentials as a header (RFC 6749, section 2.3.1).
pub(super) fn basic(id: &str, secret: &Secret) -> (String, Secret) {
    let text = zeroize::Zeroizing::new(format!("{id}:{}", secret.expose()));
    ("Authorization".to_owned(), Secret::new(format!("Basic {}", STANDARD.encode(text.as_bytes()))))
}

fn asked(method: &'static str, resource: &str) -> RequestContext {
    RequestContext { resource: resource.to_owned(), ..RequestContext::new("sts.googleapis.com", method) }
}

/// A subject that cannot be had: one sentence, whose fault it is.
fn no_subject(why: impl std::fmt::Display) -> ApiError {
    ApiError::new(ErrorKind::Credentials, format!("Can't get the subject token: {why}."))
        .with_next("Check the field credential_source of the credentials file.")
}

/// The time, for what is signed with it.
fn seconds() -> i64 {
    now().as_second()
}

#[cfg(test)]
#[path = "external_tests.rs"]
mod tests;
