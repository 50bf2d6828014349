//! Credential Access Boundaries: which of a principal's permissions a downscoped token keeps. At Google only
//! Cloud Storage honours them; here every service does, as the documentation of the Security Token Service
//! describes them: a boundary on buckets alone allows no call to these services.

use serde::Deserialize;

use super::condition::{self, Facts};
use super::policy::Condition;
use super::role;
use super::state::{Resource, State};
use super::tokens::Principal;

/// The most rules of a boundary (discovery document of the Security Token Service, and google-auth).
const MOST_RULES: usize = 10;
/// The most characters of a condition (the same document). That the whole has to fit into as many it recommends only.
const LONGEST_CONDITION: usize = 2_048;

/// An upper bound of permissions: those that one of its rules allows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Boundary {
    access_boundary_rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    /// A full resource name.
    available_resource: String,
    /// `inRole:ROLE`.
    available_permissions: Vec<String>,
    availability_condition: Option<Condition>,
}

/// A principal, and the boundary of the token in use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenHolder<'a> {
    pub(crate) who: &'a Principal,
    /// The boundary of the token; `None` without one.
    pub(crate) within: Option<&'a Boundary>,
}

impl<'a> From<&'a Principal> for TokenHolder<'a> {
    fn from(who: &'a Principal) -> TokenHolder<'a> {
        TokenHolder { who, within: None }
    }
}

impl Boundary {
    /// Refuses what the documents do not allow. How Google words it is not known.
    pub(crate) fn check(&self, state: &State) -> Result<(), String> {
        match self.access_boundary_rules.len() {
            0 => return Err("a boundary needs at least one rule.".into()),
            rules if rules > MOST_RULES => {
                return Err(format!("a boundary has at most {MOST_RULES} rules, this one has {rules}."));
            }
            _ => {}
        }
        let mut rules = self.access_boundary_rules.iter().enumerate();
        rules.try_for_each(|(i, rule)| {
            rule.check(state).map_err(|problem| format!("accessBoundaryRules[{i}].{problem}"))
        })
    }

    /// Whether a permission on a resource is allowed. A rule for a resource applies to its descendants, too.
    pub(crate) fn leaves(&self, state: &State, permission: &str, on: Resource, facts: &Facts) -> bool {
        self.access_boundary_rules.iter().any(|rule| {
            state
                .by_full_name(&rule.available_resource)
                .is_some_and(|top| state.ancestors(on).any(|at| at == top))
                && rule.roles().any(|role| state.role_gives(role, permission))
                && rule
                    .availability_condition
                    .as_ref()
                    .is_none_or(|condition| condition::holds(&condition.expression, facts))
        })
    }
}

impl Rule {
    fn roles(&self) -> impl Iterator<Item = &str> {
        self.available_permissions.iter().filter_map(|permission| permission.strip_prefix("inRole:"))
    }

    fn check(&self, state: &State) -> Result<(), String> {
        let resource = &self.available_resource;
        if !resource.strip_prefix("//").is_some_and(|rest| {
            rest.split_once('/').is_some_and(|(host, path)| !host.is_empty() && !path.is_empty())
        }) {
            return Err(format!("availableResource: {resource:?} is not a full resource name."));
        }
        if self.available_permissions.is_empty() {
            return Err("availablePermissions: at least one role has to be named.".into());
        }
        for permission in &self.available_permissions {
            let exists = permission.strip_prefix("inRole:").is_some_and(|role| {
                role::predefined().contains_key(role) || state.custom_role(role).is_some()
            });
            if !exists {
                return Err(format!("availablePermissions: {permission:?} is not inRole: with a role."));
            }
        }
        let Some(condition) = &self.availability_condition else { return Ok(()) };
        if condition.expression.chars().count() > LONGEST_CONDITION {
            return Err(format!(
                "availabilityCondition: the expression has more than {LONGEST_CONDITION} characters."
            ));
        }
        match condition::check(&condition.expression) {
            Ok(_) => Ok(()),
            Err(unreadable) => Err(format!("availabilityCondition: {}", unreadable.problem)),
        }
    }
}
