//! Identity pools as data: which identity providers outside of Google are trusted, and how their claims
//! become principals. This file owns the form of that section of the world; `identity_check` checks it, and
//! `subject` verifies tokens.

mod json;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::federated::Federated;
use super::world::World;

/// The pools of the world.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct IdentityPools {
    /// Pools of projects, for programs that run elsewhere.
    pub workload: Vec<WorkloadPool>,
    /// Pools of organizations, for people who sign in elsewhere.
    pub workforce: Vec<WorkforcePool>,
}

/// A pool of a project.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct WorkloadPool {
    /// The id of its project.
    pub project: String,
    /// The last part of its name.
    pub id: String,
    /// Whether it is disabled.
    pub disabled: bool,
    /// Its providers.
    pub providers: Vec<Provider>,
}

/// A pool of an organization.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct WorkforcePool {
    /// The number of its organization.
    pub organization: u64,
    /// The last part of its name.
    pub id: String,
    /// Whether it is disabled.
    pub disabled: bool,
    /// Its providers.
    pub providers: Vec<Provider>,
    /// People who have signed in, and may have refresh tokens.
    pub users: Vec<WorkforceUser>,
}

/// An identity provider that a pool believes. Its JSON has exactly one of `oidc`, `saml` and `aws`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "json::Provider", into = "json::Provider")]
pub struct Provider {
    /// The last part of its name.
    pub id: String,
    /// Whether it is disabled.
    pub disabled: bool,
    /// What it is.
    pub kind: ProviderKind,
    /// How its claims become a principal. An AWS account needs none: its ARNs are its subjects.
    pub mapping: Mapping,
}

/// What a provider is.
#[derive(Debug, Clone, Default)]
pub enum ProviderKind {
    /// Not exactly one of the others is stated. A world with such a provider is refused.
    #[default]
    Unclear,
    /// A provider of JWTs.
    Oidc(Oidc),
    /// A provider of SAML responses.
    Saml(Saml),
    /// An account of AWS.
    Aws(Aws),
}

/// A provider of JWTs: exactly one of `jwks` and `generated` is stated.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Oidc {
    /// Its `iss`, an https URL; no request is ever sent to it.
    pub issuer: String,
    /// The `aud` it accepts. If left out, the provider's full resource name, with or without `https:`; a workforce
    /// provider has to state its client id.
    pub audiences: Vec<String>,
    /// Its public keys, RSA or P-256.
    pub jwks: Option<Value>,
    /// Whether the emulator makes its key, so that it can give out subject tokens.
    pub generated: bool,
    /// The claims of the identities to which a generated provider issues subject tokens; other claims are added.
    pub identities: Vec<Map<String, Value>>,
}

/// A provider of SAML responses. Their signatures are not checked: a response is believed if it is one of these.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Saml {
    /// All responses it ever gives.
    pub responses: Vec<SamlResponse>,
}

/// A SAML response and its claims.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SamlResponse {
    /// The XML, word for word; it is sent as base64.
    pub text: String,
    /// Its claims.
    pub claims: Map<String, Value>,
}

/// An account of AWS, and a machine of it whose metadata server the emulator is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Aws {
    /// Its 12 digits.
    pub account: String,
    /// The zone of its machine, as `eu-west-1a`.
    pub zone: String,
    /// The roles of which keys exist; the first is the machine's.
    pub roles: Vec<AwsRole>,
}

/// A role of AWS, with a key of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AwsRole {
    /// Its name.
    pub name: String,
    /// The session, as the id of a machine: the last part of the ARN if it is stated.
    pub session: String,
    /// The id of the access key.
    pub access_key_id: String,
    /// The secret of the access key.
    pub secret_access_key: String,
    /// The session token of a temporary key; empty for a permanent one.
    pub session_token: String,
}

/// How claims become a principal: names of claims, each taken as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Mapping {
    /// The claim that becomes `google.subject`; `sub` if left out, `arn` of AWS.
    pub subject: String,
    /// The claim that becomes `google.groups`, a list of texts; no groups if left out.
    pub groups: Option<String>,
    /// The claims that become attributes, by the attributes' names; `aws_role` of AWS if left out.
    pub attributes: BTreeMap<String, String>,
}

/// A user of a workforce pool.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct WorkforceUser {
    /// Their subject.
    pub subject: String,
    /// Their groups.
    pub groups: Vec<String>,
    /// Their attributes.
    pub attributes: BTreeMap<String, String>,
    /// The provider they signed in with.
    pub provider: String,
    /// Whether their refresh token still works.
    pub session: Session,
    /// Whether each refresh gives a new refresh token and ends the old one.
    pub rotates: bool,
}

/// The state of a login.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Session {
    /// It lasts.
    #[default]
    Open,
    /// The user has to reauthenticate (`invalid_rapt`).
    Reauth,
    /// It has expired or was revoked.
    Ended,
}

#[derive(Debug, Clone)]
pub(crate) struct Pool {
    /// As `locations/global/workforcePools/P` or `projects/N/locations/global/workloadIdentityPools/P`.
    pub(crate) name: String,
    /// The id of its project; `-` for a workforce pool.
    pub(crate) owner: String,
    /// The number of its project.
    pub(crate) project: Option<u64>,
    /// The number of its organization, of a workforce pool.
    pub(crate) organization: Option<u64>,
    /// The last part of its name.
    pub(crate) id: String,
    pub(crate) disabled: bool,
    pub(crate) providers: Vec<Provider>,
    pub(crate) users: Vec<WorkforceUser>,
}

impl IdentityPools {
    /// Fills in the default mappings.
    pub(super) fn complete(&mut self) {
        let workload = self.workload.iter_mut().flat_map(|pool| &mut pool.providers);
        let workforce = self.workforce.iter_mut().flat_map(|pool| &mut pool.providers);
        for Provider { kind, mapping, .. } in workload.chain(workforce) {
            let is_aws = matches!(kind, ProviderKind::Aws(_));
            if mapping.subject.is_empty() {
                mapping.subject = if is_aws { "arn" } else { "sub" }.into();
            }
            if is_aws && mapping.attributes.is_empty() {
                mapping.attributes.insert("aws_role".into(), "aws_role".into());
            }
        }
    }
}

impl World {
    /// All pools, under their names.
    pub(super) fn pools(&self) -> Vec<Pool> {
        let number = |id: &str| self.projects.iter().find(|project| project.id == id).map(|p| p.number);
        let workload = self.identity_pools.workload.iter().cloned().map(|pool| {
            let project = number(&pool.project);
            let number = project.unwrap_or_default();
            Pool {
                name: format!("projects/{number}/locations/global/workloadIdentityPools/{}", pool.id),
                owner: pool.project,
                project,
                organization: None,
                id: pool.id,
                disabled: pool.disabled,
                providers: pool.providers,
                users: Vec::new(),
            }
        });
        let workforce = self.identity_pools.workforce.iter().cloned().map(|pool| Pool {
            name: format!("locations/global/workforcePools/{}", pool.id),
            owner: "-".into(),
            project: None,
            organization: Some(pool.organization),
            id: pool.id,
            disabled: pool.disabled,
            providers: pool.providers,
            users: pool.users,
        });
        workload.chain(workforce).collect()
    }
}

impl Pool {
    /// The full resource name of one of its providers, which is the audience of an exchange.
    pub(crate) fn audience(&self, provider: &Provider) -> String {
        format!("//iam.googleapis.com/{}/providers/{}", self.name, provider.id)
    }

    /// One of its users as a principal.
    pub(crate) fn person(&self, user: &WorkforceUser) -> Federated {
        Federated {
            pool: self.name.clone(),
            subject: user.subject.clone(),
            groups: user.groups.clone(),
            attributes: user.attributes.clone(),
        }
    }
}

impl Aws {
    /// What AWS says of the holder of a key.
    pub(crate) fn claims(&self, role: &AwsRole) -> Map<String, Value> {
        let of_role = format!("arn:aws:sts::{}:assumed-role/{}", self.account, role.name);
        let arn =
            if role.session.is_empty() { of_role.clone() } else { format!("{of_role}/{}", role.session) };
        let user = format!("{}:{}", role.access_key_id, role.session);
        [("arn", arn), ("aws_role", of_role), ("account", self.account.clone()), ("userid", user)]
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .into_iter()
            .collect()
    }
}
