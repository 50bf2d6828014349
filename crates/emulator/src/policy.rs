//! Allow policies as resources keep them: reading by version, writing under an etag, normalising. It checks a
//! policy on its own; `admission` checks roles and members, and the routes decide who can write.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::check::{Field, FieldType};
use super::error::Failure;
use super::keys;

/// The etag of a policy that was never written (seen on the wire).
pub(crate) const EMPTY_POLICY_ETAG: &str = "ACAB";

const MOST_MEMBERS: usize = 1_500;
const VERSIONS: &str =
    "For more information, please refer to https://cloud.google.com/iam/docs/policies#versions.";

/// The message for a condition in a write of another version. The wording is not known.
pub(crate) fn needs_version_3() -> String {
    format!("Policy version must be 3 to use conditions. {VERSIONS}")
}

/// The message for a reader of a version without conditions (2019).
pub(crate) fn too_old_a_reader(requested: i64) -> String {
    format!(
        "Requested policy version ({requested}) cannot be less than the existing policy version (3). {VERSIONS}"
    )
}

/// An allow policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Policy {
    /// 0, 1 or 3; only looked at in a write.
    pub version: i64,
    /// Left out in a world: made when the world starts.
    pub etag: String,
    /// Who has which role.
    pub bindings: Vec<Binding>,
    /// What is logged.
    pub audit_configs: Vec<AuditConfig>,
}

/// A role given to members, perhaps under a condition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Binding {
    /// The role's full name.
    pub role: String,
    /// Who has it.
    pub members: Vec<String>,
    /// When they have it.
    pub condition: Option<Condition>,
}

/// The condition of a binding.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Condition {
    /// A short name.
    pub title: String,
    /// A longer text.
    pub description: String,
    /// CEL.
    pub expression: String,
    /// Where the expression came from.
    pub location: String,
}

/// What is logged for a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AuditConfig {
    /// As `allServices`.
    pub service: String,
    /// What of it.
    pub audit_log_configs: Vec<AuditLogConfig>,
}

/// One kind of log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AuditLogConfig {
    /// As `DATA_READ`.
    pub log_type: String,
    /// Who is not logged.
    pub exempted_members: Vec<String>,
}

/// The fields of a policy in a request.
pub(crate) const FIELDS: &[Field] = &[
    ("version", FieldType::Int),
    // Bytes, not text: gcloud sends back in the URL's alphabet what it read in the standard one.
    ("etag", FieldType::Bytes),
    (
        "bindings",
        FieldType::Messages(&[
            ("role", FieldType::Text),
            ("members", FieldType::Texts),
            ("condition", FieldType::Message(CONDITION)),
        ]),
    ),
    (
        "auditConfigs",
        FieldType::Messages(&[
            ("service", FieldType::Text),
            (
                "auditLogConfigs",
                FieldType::Messages(&[("logType", LOG_TYPE), ("exemptedMembers", FieldType::Texts)]),
            ),
        ]),
    ),
];

const LOG_TYPE: FieldType = FieldType::Enum("google.iam.v1.AuditLogConfig.LogType", &LOG_TYPES);
/// By their numbers; the first says nothing.
const LOG_TYPES: [&str; 4] = ["LOG_TYPE_UNSPECIFIED", "ADMIN_READ", "DATA_WRITE", "DATA_READ"];

/// The fields of a condition in a request.
pub(crate) const CONDITION: &[Field] = &[
    ("title", FieldType::Text),
    ("description", FieldType::Text),
    ("expression", FieldType::Text),
    ("location", FieldType::Text),
];

impl Policy {
    /// Whether a binding has a condition.
    pub(crate) fn is_conditional(&self) -> bool {
        self.bindings.iter().any(|binding| binding.condition.is_some())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bindings.is_empty() && self.audit_configs.is_empty()
    }

    /// Where it has an unspecified log type: the audit configuration and the entry.
    pub(crate) fn unspecified_log(&self) -> Option<(usize, usize)> {
        let known = &LOG_TYPES[1..];
        self.audit_configs.iter().enumerate().find_map(|(c, config)| {
            let is_none = |log: &AuditLogConfig| !known.contains(&log.log_type.as_str());
            Some((c, config.audit_log_configs.iter().position(is_none)?))
        })
    }

    /// Every member, each time it occurs.
    pub(crate) fn members(&self) -> impl Iterator<Item = &str> {
        let exempted =
            self.audit_configs.iter().flat_map(|c| &c.audit_log_configs).flat_map(|l| &l.exempted_members);
        self.bindings.iter().flat_map(|b| &b.members).chain(exempted).map(String::as_str)
    }

    /// The policy as a reader of that version sees it. Below 3, conditions are gone and their roles are mangled, as
    /// seen on the wire today.
    pub(crate) fn read(&self, requested: i64) -> Result<Value, Failure> {
        if !matches!(requested, 0 | 1 | 3) {
            return Err(Failure::invalid_argument());
        }
        if self.etag == EMPTY_POLICY_ETAG {
            return Ok(json!({"etag": self.etag}));
        }
        let mut bindings = self.bindings.clone();
        if requested < 3 {
            for binding in &mut bindings {
                if let Some(condition) = binding.condition.take() {
                    let hash = keys::hex(&keys::hash(&format!("{condition:?}"))[..10]);
                    binding.role = format!("{}_withcond_{hash}", binding.role);
                }
            }
        }
        let version = if self.is_conditional() && requested == 3 { 3 } else { 1 };
        Ok(
            json!({"version": version, "etag": self.etag, "bindings": bindings, "auditConfigs": self.audit_configs}),
        )
    }

    /// What is stored after a write of `incoming` over this policy. `etag` is used if anything really changed: whether
    /// a write of the same policy renews the etag is not known, and ours does not. The version speaks of the conditions
    /// of bindings, so a write that leaves the bindings alone may have any.
    pub(crate) fn write(
        &self,
        incoming: Policy,
        mask: Option<&str>,
        etag: String,
    ) -> Result<Policy, Failure> {
        if incoming.unspecified_log().is_some() {
            return Err(Failure::invalid_argument());
        }
        let version = incoming.version;
        if !matches!(version, 0 | 1 | 3) {
            return Err(Failure::invalid_argument());
        }
        let mask = mask.filter(|mask| !mask.is_empty()).unwrap_or("bindings,etag");
        let paths: Vec<&str> = mask.split(',').map(str::trim).collect();
        let writes_bindings = paths.contains(&"bindings");
        if !incoming.etag.is_empty() {
            if writes_bindings && self.is_conditional() && version < 3 {
                return Err(Failure::invalid(format!(
                    "Specified policy version ({version}) cannot be less than the existing policy version (3). {VERSIONS}"
                )));
            }
            if incoming.etag != self.etag {
                return Err(Failure::conflict());
            }
        }
        let mut stored = self.clone();
        for path in paths {
            match path {
                "bindings" => stored.bindings.clone_from(&incoming.bindings),
                "auditConfigs" | "audit_configs" => stored.audit_configs.clone_from(&incoming.audit_configs),
                "etag" | "version" => {}
                _ => return Err(Failure::invalid_argument()),
            }
        }
        if writes_bindings && stored.is_conditional() && version != 3 {
            return Err(Failure::invalid(needs_version_3()));
        }
        stored.check()?;
        stored.normalise();
        if stored != *self {
            stored.etag = etag;
        }
        Ok(stored)
    }

    fn check(&self) -> Result<(), Failure> {
        if self.bindings.iter().any(|b| b.members.is_empty() || b.role.is_empty()) {
            return Err(Failure::invalid_argument());
        }
        if self.bindings.iter().flat_map(|b| &b.condition).any(|c| c.expression.trim().is_empty()) {
            return Err(Failure::invalid_argument());
        }
        let count = self.members().count();
        if count > MOST_MEMBERS {
            return Err(Failure::too_many_members(&thousands(count)));
        }
        Ok(())
    }

    /// Folds the case of emails, drops repeated members, joins bindings of the same role and condition, sorts.
    pub(crate) fn normalise(&mut self) {
        let mut joined: Vec<Binding> = Vec::new();
        for mut binding in std::mem::take(&mut self.bindings) {
            for member in &mut binding.members {
                *member = fold(member);
            }
            match joined.iter_mut().find(|b| b.role == binding.role && b.condition == binding.condition) {
                Some(same) => same.members.append(&mut binding.members),
                None => joined.push(binding),
            }
        }
        for binding in &mut joined {
            binding.members.sort();
            binding.members.dedup();
        }
        joined.sort_by(|a, b| (&a.role, &a.condition).cmp(&(&b.role, &b.condition)));
        self.bindings = joined;
    }
}

/// A member with its email in lower case; other forms keep theirs.
pub(crate) fn fold(member: &str) -> String {
    match member.split_once(':') {
        Some((kind @ ("user" | "group" | "serviceAccount" | "domain"), rest)) => {
            format!("{kind}:{}", rest.to_lowercase())
        }
        _ => member.to_owned(),
    }
}

/// An etag that looks like Google's: eight bytes, a 7 and a time in microseconds.
pub(crate) fn etag(micros: i64) -> String {
    use base64::Engine;
    let mut bytes = micros.to_be_bytes();
    bytes[0] = 7;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(role: &str, members: &[&str], condition: Option<&str>) -> Binding {
        Binding {
            role: role.into(),
            members: members.iter().map(ToString::to_string).collect(),
            condition: condition.map(|e| Condition { expression: e.into(), ..Condition::default() }),
        }
    }

    fn stored() -> Policy {
        let bindings =
            vec![binding("roles/a", &["user:a@x"], Some("true")), binding("roles/b", &["user:b@x"], None)];
        Policy { etag: "BwXX".into(), bindings, ..Policy::default() }
    }

    fn refusal(result: Result<Policy, Failure>) -> (u16, String) {
        let failure = result.unwrap_err();
        (failure.status.as_u16(), failure.body["error"]["message"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_reader_of_version_1_sees_no_condition_and_a_mangled_role() {
        let read = stored().read(1).unwrap();
        assert_eq!(read["version"], 1);
        let role = read["bindings"][0]["role"].as_str().unwrap();
        assert!(role.starts_with("roles/a_withcond_") && role.len() == "roles/a_withcond_".len() + 20);
        assert!(read["bindings"][0]["condition"].is_null());
        assert_eq!(stored().read(3).unwrap()["version"], 3);
        assert!(stored().read(2).is_err());
    }

    #[test]
    fn a_write_under_another_etag_is_a_conflict_and_one_without_etag_is_not() {
        let mut write = Policy { version: 3, etag: "BwYY".into(), ..stored() };
        assert_eq!(refusal(stored().write(write.clone(), None, "BwZZ".into())).0, 409);
        write.etag.clear();
        write.bindings.pop();
        assert_eq!(stored().write(write, None, "BwZZ".into()).unwrap().etag, "BwZZ");
    }

    #[test]
    fn an_old_version_may_not_write_over_conditions_that_it_read() {
        let write = Policy { version: 1, ..stored() };
        let (status, message) = refusal(stored().write(write, None, "BwZZ".into()));
        assert_eq!(status, 400);
        assert!(message.starts_with(
            "Specified policy version (1) cannot be less than the existing policy version (3)."
        ));
    }

    #[test]
    fn the_same_policy_keeps_its_etag_and_one_that_was_emptied_is_no_virgin() {
        let write = Policy { version: 3, ..stored() };
        assert_eq!(stored().write(write, None, "BwZZ".into()).unwrap().etag, "BwXX");
        let empty = stored().write(Policy { version: 3, ..Policy::default() }, None, "BwZZ".into()).unwrap();
        let read = empty.read(3).unwrap();
        assert_eq!((&read["etag"], &read["version"]), (&json!("BwZZ"), &json!(1)));
        let virgin = Policy { etag: EMPTY_POLICY_ETAG.into(), ..Policy::default() };
        assert_eq!(virgin.read(3).unwrap(), json!({"etag": "ACAB"}));
        let nothing = virgin.write(Policy::default(), None, "BwZZ".into()).unwrap();
        assert_eq!(nothing.etag, EMPTY_POLICY_ETAG);
    }

    #[test]
    fn audit_configs_are_written_only_when_the_mask_names_them() {
        let audit = AuditConfig { service: "allServices".into(), ..AuditConfig::default() };
        let write = Policy { version: 3, audit_configs: vec![audit], ..stored() };
        assert!(stored().write(write.clone(), None, "BwZZ".into()).unwrap().audit_configs.is_empty());
        let written = stored().write(write, Some("bindings,auditConfigs"), "BwZZ".into()).unwrap();
        assert_eq!(written.audit_configs.len(), 1);
    }

    #[test]
    fn members_are_folded_joined_and_sorted() {
        let mut policy = Policy {
            bindings: vec![
                binding("roles/b", &["user:B@X.com", "user:b@x.com"], None),
                binding("roles/a", &["deleted:user:Z@x?uid=1"], None),
                binding("roles/b", &["user:a@x.com"], None),
            ],
            ..Policy::default()
        };
        policy.normalise();
        assert_eq!(policy.bindings[0].members, ["deleted:user:Z@x?uid=1"]);
        assert_eq!(policy.bindings[1].members, ["user:a@x.com", "user:b@x.com"]);
    }

    #[test]
    fn more_than_1500_members_are_refused_with_commas() {
        let members: Vec<String> = (0..1501).map(|i| format!("user:u{i}@x.com")).collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let write = Policy { bindings: vec![binding("roles/a", &members, None)], ..Policy::default() };
        let (_, message) = refusal(Policy::default().write(write, None, "BwZZ".into()));
        assert!(message.contains("(1,501)"));
    }
}
