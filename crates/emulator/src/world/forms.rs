//! Checks the forms of IDs, emails, keys, custom roles and etags in a world. `consistency` checks that what
//! they refer to exists.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Account, AccountKey, CustomRole, Organization, Project, World, WorldError, content};
use crate::clock;
use crate::condition;
use crate::keys::NEVER;
use crate::member::{is_domain, is_email};
use crate::policy::{Condition, EMPTY_POLICY_ETAG, Policy};
use crate::role;

fn wrong(at: &str, field: &str, problem: impl Into<String>) -> Result<(), WorldError> {
    Err(content(format!("{at}.{field}"), problem.into()))
}

impl World {
    /// Refuses the first malformed or repeated name.
    pub(super) fn check_forms(&self) -> Result<(), WorldError> {
        for (i, organization) in self.organizations.iter().enumerate() {
            organization.check_form(&format!("organizations[{i}]"))?;
        }
        for (i, folder) in self.folders.iter().enumerate() {
            if folder.number == 0 {
                return wrong(&format!("folders[{i}]"), "number", "a folder has a number");
            }
        }
        let mut ids = HashSet::new();
        for (i, project) in self.projects.iter().enumerate() {
            project.check_form(&format!("projects[{i}]"))?;
            for (j, account) in project.accounts.iter().enumerate() {
                let at = format!("projects[{i}].accounts[{j}]");
                account.check_form(&at)?;
                if !ids.insert(account.unique_id.as_str()) {
                    return wrong(&at, "uniqueId", format!("{} appears twice", account.unique_id));
                }
            }
        }
        self.check_people()
    }

    /// Emails of users and groups, each of them unique.
    fn check_people(&self) -> Result<(), WorldError> {
        let mut emails = HashSet::new();
        for (i, user) in self.users.iter().enumerate() {
            check_email(&mut emails, &user.email, &format!("users[{i}]"))?;
        }
        for (i, group) in self.groups.iter().enumerate() {
            check_email(&mut emails, &group.email.to_lowercase(), &format!("groups[{i}]"))?;
        }
        Ok(())
    }
}

fn check_email(seen: &mut HashSet<String>, email: &str, at: &str) -> Result<(), WorldError> {
    if !is_email(email) {
        return wrong(at, "email", format!("{email:?} is not an email address"));
    }
    if !seen.insert(email.to_owned()) {
        return wrong(at, "email", format!("{email} appears twice"));
    }
    Ok(())
}

impl Organization {
    fn check_form(&self, at: &str) -> Result<(), WorldError> {
        if self.number == 0 {
            return wrong(at, "number", "an organization has a number");
        }
        if !self.domain.is_empty() && !is_domain(&self.domain) {
            return wrong(at, "domain", format!("{:?} is not a domain", self.domain));
        }
        if let Some(i) = self.permitted_domains.iter().position(|domain| !is_domain(domain)) {
            let problem = format!("{:?} is not a domain", self.permitted_domains[i]);
            return wrong(at, &format!("permittedDomains[{i}]"), problem);
        }
        check_roles(&self.roles, at)
    }
}

impl Project {
    fn check_form(&self, at: &str) -> Result<(), WorldError> {
        if !is_project_id(&self.id) {
            let problem = format!(
                "{:?} is not a project's id: up to 30 small letters, digits and dashes, a letter first",
                self.id
            );
            return wrong(at, "id", problem);
        }
        if self.number == 0 || i64::try_from(self.number).is_err() {
            return wrong(at, "number", "a project has a number, of 63 bits at most");
        }
        if let Some(key) = self.labels.keys().find(|key| !is_label(key)) {
            return wrong(
                at,
                "labels",
                format!("{key:?} is not a label key: use small letters, digits, _ and -, a letter first"),
            );
        }
        check_roles(&self.roles, at)
    }
}

/// Letters of any language, none of them a capital.
fn is_label(key: &str) -> bool {
    let may = |c: char| (c.is_alphanumeric() && !c.is_uppercase()) || matches!(c, '_' | '-');
    key.chars().count() <= 63 && key.starts_with(char::is_alphabetic) && key.chars().all(may)
}

/// Google's ids have six characters at least; a world's may have less. Those of a domain have it before a colon, and so
/// have those of another universe with its prefix.
fn is_project_id(id: &str) -> bool {
    let (domain, id) = id.split_once(':').map_or((None, id), |(domain, id)| (Some(domain), id));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_prefix = |text: &str| !text.is_empty() && text.chars().all(plain) && !text.ends_with('-');
    domain.is_none_or(|domain| is_domain(domain) || is_prefix(domain))
        && id.len() <= 30
        && id.chars().all(plain)
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && !id.ends_with('-')
}

impl Account {
    fn check_form(&self, at: &str) -> Result<(), WorldError> {
        if !is_email(&self.email) || self.email.contains(['/', ':']) {
            return wrong(at, "email", format!("{:?} is not an email address", self.email));
        }
        if self.unique_id.len() != 21 || !self.unique_id.bytes().all(|b| b.is_ascii_digit()) {
            return wrong(at, "uniqueId", format!("{:?} is not 21 digits", self.unique_id));
        }
        check_times(at, &[("lastAuthenticated", self.last_authenticated.as_ref())])?;
        let mut ids = HashSet::new();
        for (k, key) in self.keys.iter().enumerate() {
            let at = format!("{at}.keys[{k}]");
            key.check_form(&at)?;
            if !ids.insert(&key.id) {
                return wrong(&at, "id", format!("{} appears twice", key.id));
            }
        }
        Ok(())
    }
}

impl AccountKey {
    fn check_form(&self, at: &str) -> Result<(), WorldError> {
        if self.id.len() != 40 || !self.id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return wrong(at, "id", format!("{:?} is not 40 hexadecimal digits", self.id));
        }
        let times = [
            ("created", Some(&self.created)),
            ("expires", self.expires.as_ref()),
            ("lastAuthenticated", self.last_authenticated.as_ref()),
        ];
        check_times(at, &times)
    }
}

/// Refuses a malformed time.
fn check_times(at: &str, times: &[(&str, Option<&String>)]) -> Result<(), WorldError> {
    for (field, time) in times.iter().filter_map(|(field, time)| Some((field, (*time)?))) {
        if time != NEVER && clock::stated(time).is_none() {
            return wrong(at, field, format!("{time:?} is not an RFC 3339 time of the years 1 to 9999"));
        }
    }
    Ok(())
}

fn check_roles(roles: &[CustomRole], at: &str) -> Result<(), WorldError> {
    const STAGES: &[&str] = &["", "ALPHA", "BETA", "GA", "DEPRECATED", "DISABLED", "EAP"];
    for (i, role) in roles.iter().enumerate() {
        let at = format!("{at}.roles[{i}]");
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        if !(3..=64).contains(&role.id.len()) || !role.id.chars().all(plain) {
            let problem = format!("{:?} is not 3 to 64 letters, digits, dots and underscores", role.id);
            return wrong(&at, "id", problem);
        }
        if roles[..i].iter().any(|before| before.id == role.id) {
            return wrong(&at, "id", format!("{} appears twice", role.id));
        }
        if !STAGES.contains(&role.stage.as_str()) {
            return wrong(&at, "stage", format!("{:?} is not a launch stage", role.stage));
        }
        if let Some(name) = role.permissions.iter().find(|name| !is_permission(name)) {
            let problem = format!("{name:?} is not a permission, as iam.serviceAccounts.get");
            return wrong(&at, "permissions", problem);
        }
    }
    Ok(())
}

/// Whether a permission is well-formed and, for accounts and keys, where all permissions are known, exists.
fn is_permission(name: &str) -> bool {
    // Those of identity pools have the service in full: `iam.googleapis.com/workloadIdentityPools.get`.
    let short = name.strip_prefix("iam.googleapis.com/").map(|rest| format!("iam.{rest}"));
    let name = short.as_deref().unwrap_or(name);
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let known = |name: &str| role::predefined().values().any(|role| role.permissions.contains(&name));
    let ours =
        ["iam.serviceAccounts.", "iam.serviceAccountKeys."].iter().any(|start| name.starts_with(start));
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('.').count() >= 3
        && name.split('.').all(plain)
        && (!ours || known(name))
}

impl Policy {
    /// Checks its etag, version and conditions.
    pub(super) fn check_form(&self, at: &str) -> Result<(), WorldError> {
        let bytes = STANDARD.decode(&self.etag);
        if bytes.is_err() || (self.etag == EMPTY_POLICY_ETAG && !self.is_empty()) {
            let problem = format!("{:?} is not base64, or that of an empty policy", self.etag);
            return wrong(at, "etag", problem);
        }
        if !matches!(self.version, 0 | 1 | 3) {
            return wrong(at, "version", format!("{} is not 0, 1 or 3", self.version));
        }
        if self.version == 1 && self.bindings.iter().any(|binding| binding.condition.is_some()) {
            return wrong(at, "version", "a policy with a condition has version 3");
        }
        if let Some((c, l)) = self.unspecified_log() {
            let at = format!("{at}.auditConfigs[{c}].auditLogConfigs[{l}]");
            return wrong(&at, "logType", "expected ADMIN_READ, DATA_WRITE or DATA_READ");
        }
        for (b, binding) in self.bindings.iter().enumerate() {
            let at = format!("{at}.bindings[{b}]");
            if binding.members.is_empty() {
                return wrong(&at, "members", "a binding has a member");
            }
            check_condition(binding.condition.as_ref(), &at, "condition")?;
        }
        Ok(())
    }
}

/// Refuses a condition that cannot be read.
pub(crate) fn check_condition(
    condition: Option<&Condition>,
    at: &str,
    field: &str,
) -> Result<(), WorldError> {
    let Some(condition) = condition else { return Ok(()) };
    match condition::check(&condition.expression) {
        Ok(_) => Ok(()),
        Err(unreadable) => {
            let problem = format!("{} (at {})", unreadable.problem, unreadable.offset);
            wrong(at, &format!("{field}.expression"), problem)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is wrong with a world of one project with one account after a change of one of its parts.
    fn problem(part: &str, change: Value) -> String {
        let mut world = json!({
            "organizations": [{"number": 1, "domain": "example.com"}],
            "folders": [{"number": 2, "parent": "organizations/1"}],
            "projects": [{"id": "shop-1", "number": 3, "parent": "folders/2", "accounts": [{"email": "bot"}]}],
            "users": [{"email": "ann@example.com"}],
            "groups": [{"email": "all@example.com", "members": ["user:ann@example.com"]}]
        });
        let at = world.pointer_mut(part).unwrap_or_else(|| panic!("there is no {part}"));
        match (at, change) {
            (Value::Object(fields), Value::Object(change)) => fields.extend(change),
            (Value::Array(items), change) => items.push(change),
            (at, change) => *at = change,
        }
        World::parse(&world.to_string()).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_cannot_be_a_name_or_is_there_twice_is_named_by_its_field() {
        assert_eq!(problem("/projects", json!({"id": "example.com:shop-2", "number": 4})), "");
        assert_eq!(problem("/projects", json!({"id": "eu0:shop-prod", "number": 4})), "");
        let key = |change: Value| {
            let mut key = json!({"created": "2026-01-01T00:00:00Z"});
            key.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            json!({"keys": [key]})
        };
        let role = |change: Value| {
            let mut role = json!({"id": "minter", "permissions": ["iam.serviceAccounts.get"]});
            role.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            json!({"roles": [role]})
        };
        let same = json!({"created": "2026-01-01T00:00:00Z"});
        let roles = json!({"roles": [{"id": "minter"}, {"id": "minter"}]});
        let (project, account) = ("/projects/0", "/projects/0/accounts/0");
        let bound = |binding: Value| json!({"policy": {"bindings": [binding]}});
        let ann = json!(["user:ann@example.com"]);
        for (part, change, field) in [
            ("/organizations", json!({"number": 0}), "organizations[1].number: "),
            ("/organizations/0", json!({"domain": "x y"}), "organizations[0].domain: "),
            (
                "/organizations/0",
                json!({"permittedDomains": ["x"]}),
                "organizations[0].permittedDomains[0]: ",
            ),
            ("/folders", json!({"number": 0, "parent": "organizations/1"}), "folders[1].number: "),
            (project, json!({"id": "P P/../x"}), "projects[0].id: "),
            (project, json!({"id": "shop-"}), "projects[0].id: "),
            (project, json!({"number": 0}), "projects[0].number: "),
            (account, json!({"email": "a b/c?d"}), "projects[0].accounts[0].email: "),
            (account, json!({"uniqueId": "abc"}), "projects[0].accounts[0].uniqueId: "),
            (
                "/projects/0/accounts",
                json!({"email": "other", "uniqueId": super::super::unique_id("bot@shop-1.iam.gserviceaccount.com")}),
                "projects[0].accounts[1].uniqueId: ",
            ),
            (account, key(json!({"id": "zz/../?"})), "accounts[0].keys[0].id: "),
            (account, key(json!({"expires": "tomorrow"})), "accounts[0].keys[0].expires: "),
            (account, key(json!({"created": ""})), "accounts[0].keys[0].created: "),
            (account, key(json!({"created": "-000005-01-01T00:00:00Z"})), "accounts[0].keys[0].created: "),
            (project, json!({"number": u64::MAX}), "projects[0].number: "),
            (project, json!({"labels": {"@type": "y"}}), "projects[0].labels: "),
            (
                project,
                json!({"policy": {"auditConfigs": [{"service": "allServices", "auditLogConfigs": [
                    {"logType": "LOG_TYPE_UNSPECIFIED"}]}]}}),
                "policy.auditConfigs[0].auditLogConfigs[0].logType: ",
            ),
            (account, json!({"keys": [same, same]}), "accounts[0].keys[1].id: "),
            (project, role(json!({"id": "x"})), "projects[0].roles[0].id: "),
            (project, role(json!({"stage": "SOON"})), "projects[0].roles[0].stage: "),
            (project, role(json!({"permissions": ["x"]})), "projects[0].roles[0].permissions: "),
            (project, roles, "projects[0].roles[1].id: "),
            ("/users", json!({"email": "bob"}), "users[1].email: "),
            ("/users", json!({"email": "Ann@example.com"}), "users[1].email: "),
            ("/groups", json!({"email": "ALL@example.com"}), "groups[1].email: "),
            ("/groups", json!({"email": "ann@example.com"}), "groups[1].email: "),
            (project, json!({"policy": {"etag": "not base64!"}}), "projects[0].policy.etag: "),
            (
                project,
                json!({"policy": {"etag": "ACAB", "bindings": [{"role": "roles/viewer", "members": ann}]}}),
                "projects[0].policy.etag: ",
            ),
            (account, bound(json!({"role": "roles/viewer"})), "accounts[0].policy.bindings[0].members: "),
            (
                account,
                bound(json!({"role": "roles/iam.serviceAccountTokenCreater", "members": ann})),
                "accounts[0].policy.bindings[0].role: ",
            ),
            (
                project,
                bound(json!({"role": "roles/viewer", "members": ann,
                    "condition": {"expression": "this is not CEL ("}})),
                "projects[0].policy.bindings[0].condition.expression: ",
            ),
            (project, bound(json!({"role": "roles/viewer", "members": ["user:ann"]})), "members[0]: "),
        ] {
            let problem = problem(part, change);
            assert!(problem.contains(field), "{field}: {problem:?}");
        }
    }
}
