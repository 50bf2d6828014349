//! Checks the identity pools of a world. A problem is reported with its field.

use std::collections::HashSet;

use super::identity::{AwsRole, IdentityPools, Mapping, Oidc, Provider, ProviderKind, WorkforceUser};
use super::jwks;
use super::world::{World, WorldError, content};

/// The most bytes that a subject has.
pub(crate) const LONGEST_SUBJECT: usize = 127;

impl IdentityPools {
    pub(super) fn check(&self, world: &World) -> Result<(), WorldError> {
        let mut seen = HashSet::new();
        for (i, pool) in self.workload.iter().enumerate() {
            let at = format!("identityPools.workload[{i}]");
            if !world.projects.iter().any(|project| project.id == pool.project) {
                let problem = format!("{:?} is not a project of this world", pool.project);
                return Err(content(format!("{at}.project"), problem));
            }
            check_id(&mut seen, &pool.project, &pool.id, || format!("{at}.id"))?;
            check_providers(&pool.providers, &at, false)?;
        }
        for (i, pool) in self.workforce.iter().enumerate() {
            let at = format!("identityPools.workforce[{i}]");
            if !world.organizations.iter().any(|organization| organization.number == pool.organization) {
                let problem = format!("{} is not an organization of this world", pool.organization);
                return Err(content(format!("{at}.organization"), problem));
            }
            check_id(&mut seen, "-", &pool.id, || format!("{at}.id"))?;
            check_providers(&pool.providers, &at, true)?;
            for (j, user) in pool.users.iter().enumerate() {
                user.check(&pool.providers, &format!("{at}.users[{j}]"))?;
            }
        }
        Ok(())
    }
}

/// Small letters, digits and dashes, and unique.
fn check_id(
    seen: &mut HashSet<(String, String)>,
    of: &str,
    id: &str,
    field: impl Fn() -> String,
) -> Result<(), WorldError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(3..=63).contains(&id.len()) || !id.chars().all(plain) {
        let problem = format!("{id:?} is not 3 to 63 small letters, digits and dashes");
        return Err(content(field(), problem));
    }
    if !seen.insert((of.to_owned(), id.to_owned())) {
        return Err(content(field(), format!("{id} appears twice")));
    }
    Ok(())
}

fn check_providers(providers: &[Provider], pool: &str, workforce: bool) -> Result<(), WorldError> {
    let mut seen = HashSet::new();
    for (i, provider) in providers.iter().enumerate() {
        let at = format!("{pool}.providers[{i}]");
        let wrong = |field: &str, problem: &str| Err(content(format!("{at}{field}"), problem.to_owned()));
        check_id(&mut seen, "", &provider.id, || format!("{at}.id"))?;
        provider.mapping.check(&at)?;
        match &provider.kind {
            ProviderKind::Oidc(oidc) => oidc.check(&format!("{at}.oidc"), &provider.mapping, workforce)?,
            ProviderKind::Saml(saml) => {
                if let Some(i) = saml.responses.iter().position(|response| response.text.is_empty()) {
                    return wrong(&format!(".saml.responses[{i}].text"), "a response has a text");
                }
            }
            ProviderKind::Aws(_) if workforce => return wrong(".aws", "people do not sign in with AWS"),
            ProviderKind::Aws(aws) => {
                if aws.account.len() != 12 || !aws.account.bytes().all(|b| b.is_ascii_digit()) {
                    return wrong(".aws.account", "an account of AWS has 12 digits");
                }
                if aws.zone.len() < 2 {
                    return wrong(".aws.zone", "a machine of AWS is in a zone, as eu-west-1a");
                }
                for (i, role) in aws.roles.iter().enumerate() {
                    let parts = [
                        ("name", &role.name),
                        ("accessKeyId", &role.access_key_id),
                        ("secretAccessKey", &role.secret_access_key),
                    ];
                    if let Some((name, _)) = parts.iter().find(|(_, value)| value.is_empty()) {
                        return wrong(&format!(".aws.roles[{i}].{name}"), "a role of AWS has one");
                    }
                    let same = |before: &AwsRole| before.access_key_id == role.access_key_id;
                    if aws.roles[..i].iter().any(same) {
                        return wrong(&format!(".aws.roles[{i}].accessKeyId"), "it appears twice");
                    }
                }
            }
            ProviderKind::Unclear => return wrong("", "a provider has exactly one of oidc, saml and aws"),
        }
    }
    Ok(())
}

impl Mapping {
    fn check(&self, provider: &str) -> Result<(), WorldError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let wrong = |name: &&String| !(1..=100).contains(&name.len()) || !name.chars().all(plain);
        match self.attributes.keys().find(wrong) {
            Some(name) => Err(content(
                format!("{provider}.mapping.attributes"),
                format!("{name:?} is not 1 to 100 small letters, digits and underscores"),
            )),
            None => Ok(()),
        }
    }
}

impl Oidc {
    fn check(&self, at: &str, mapping: &Mapping, workforce: bool) -> Result<(), WorldError> {
        let wrong = |field: &str, problem: String| Err(content(format!("{at}{field}"), problem));
        if !self.issuer.starts_with("https://") {
            return wrong(".issuer", format!("{:?} is not an https address", self.issuer));
        }
        if workforce && self.audiences.is_empty() {
            return wrong(".audiences", "a workforce provider has a client id".into());
        }
        match &self.jwks {
            Some(_) if self.generated => return wrong(".jwks", "a generated provider makes its own".into()),
            Some(set) => {
                if let Some(problem) = jwks::problem(set) {
                    return wrong(".jwks", problem);
                }
                if !self.identities.is_empty() {
                    return wrong(".identities", "only a generated provider gives out tokens".into());
                }
            }
            None if !self.generated => return wrong("", "a provider has jwks, or it is generated".into()),
            None => {}
        }
        let subject = &mapping.subject;
        let nameless = |claims: &serde_json::Map<String, serde_json::Value>| !claims.contains_key(subject);
        match self.identities.iter().position(nameless) {
            Some(i) => wrong(&format!(".identities[{i}]"), format!("it has no claim {subject}")),
            None => Ok(()),
        }
    }
}

impl WorkforceUser {
    fn check(&self, providers: &[Provider], at: &str) -> Result<(), WorldError> {
        if self.subject.is_empty() || self.subject.len() > LONGEST_SUBJECT {
            let problem = format!("a subject has 1 to {LONGEST_SUBJECT} bytes");
            return Err(content(format!("{at}.subject"), problem));
        }
        if !providers.iter().any(|provider| provider.id == self.provider) {
            let problem = format!("{:?} is not a provider of this pool", self.provider);
            return Err(content(format!("{at}.provider"), problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn problem(pools: Value) -> String {
        let world = json!({"organizations": [{"number": 7, "domain": "example.com"}],
            "projects": [{"id": "acme-ci", "number": 1}], "identityPools": pools});
        World::parse(&world.to_string()).err().map(|error| error.to_string()).unwrap_or_default()
    }

    fn provider(change: Value) -> Value {
        let mut provider = json!({"id": "github", "oidc": {"issuer": "https://issuer.example", "generated": true,
            "identities": [{"sub": "a"}]}});
        for (name, value) in change.as_object().unwrap() {
            provider[name] = value.clone();
        }
        provider
    }

    fn workload(change: Value) -> String {
        problem(
            json!({"workload": [{"project": "acme-ci", "id": "ci-pool", "providers": [provider(change)]}]}),
        )
    }

    #[test]
    fn what_is_wrong_with_a_provider_is_named_by_its_field() {
        assert_eq!(workload(json!({})), "");
        let at = "identityPools.workload[0].providers[0]";
        let oidc = |change: Value| {
            let mut oidc = provider(json!({}))["oidc"].clone();
            for (name, value) in change.as_object().unwrap() {
                oidc[name] = value.clone();
            }
            json!({"oidc": oidc})
        };
        let role = json!({"name": "r", "accessKeyId": "A", "secretAccessKey": "s"});
        let aws = |account: &str, zone: &str, roles: Value| json!({"oidc": null, "aws": {"account": account, "zone": zone, "roles": roles}});
        assert_eq!(workload(aws("123456789012", "eu-west-1a", json!([role]))), "");
        for (change, field) in [
            (json!({"id": "Git Hub"}), ".id: \"Git Hub\""),
            (json!({"oidc": null}), ": a provider has exactly one"),
            (json!({"saml": {}}), ": a provider has exactly one"),
            (json!({"oidc": null, "saml": {"responses": [{}]}}), ".saml.responses[0].text: "),
            (oidc(json!({"issuer": "http://issuer.example"})), ".oidc.issuer: "),
            (oidc(json!({"generated": false})), ".oidc: a provider has jwks"),
            (oidc(json!({"jwks": {"keys": []}})), ".oidc.jwks: a generated"),
            (oidc(json!({"generated": false, "jwks": {"keys": []}})), ".oidc.jwks: a JWK set"),
            (oidc(json!({"identities": [{"sub": "a"}, {}]})), ".oidc.identities[1]: it has no claim sub"),
            (json!({"mapping": {"attributes": {"aws-role": "arn"}}}), ".mapping.attributes: \"aws-role\""),
            (aws("1", "eu-west-1a", json!([])), ".aws.account: "),
            (aws("123456789012", "", json!([])), ".aws.zone: "),
            (aws("123456789012", "eu-west-1a", json!([{"name": "r"}])), ".aws.roles[0].accessKeyId: "),
            (aws("123456789012", "eu-west-1a", json!([role, role])), ".aws.roles[1].accessKeyId: "),
        ] {
            let problem = workload(change);
            assert!(problem.contains(&format!("{at}{field}")), "{field}: {problem}");
        }
        assert!(workload(json!({"kind": "oidc"})).contains("unknown field `kind`"));
    }

    #[test]
    fn what_is_wrong_with_a_pool_is_named_by_its_field() {
        let pool = json!({"project": "acme-ci", "id": "ci-pool"});
        let staff = |change: Value| {
            let login = json!({"id": "login", "oidc": {"issuer": "https://login.example", "generated": true,
                "audiences": ["client"]}});
            let mut pool = json!({"organization": 7, "id": "staff", "providers": [login],
                "users": [{"subject": "wendy@partner.example", "provider": "login"}]});
            for (name, value) in change.as_object().unwrap() {
                pool[name] = value.clone();
            }
            problem(json!({"workforce": [pool]}))
        };
        assert_eq!(staff(json!({})), "");
        for (problem, field) in [
            (problem(json!({"workload": [{"project": "x", "id": "ci-pool"}]})), "workload[0].project: "),
            (problem(json!({"workload": [pool, pool]})), "workload[1].id: ci-pool appears twice"),
            (staff(json!({"organization": 8})), "workforce[0].organization: "),
            (staff(json!({"users": [{"provider": "login"}]})), "workforce[0].users[0].subject: "),
            (staff(json!({"users": [{"subject": "w"}]})), "workforce[0].users[0].provider: "),
            (staff(json!({"providers": [provider(json!({}))]})), "providers[0].oidc.audiences: "),
            (
                staff(json!({"providers": [{"id": "aws", "aws": {}}]})),
                "workforce[0].providers[0].aws: people",
            ),
        ] {
            assert!(problem.contains(field), "{field}: {problem}");
        }
    }
}
