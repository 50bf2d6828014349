//! What a written policy can contain: existing roles, existing members, valid conditions, and no more of
//! anything than Google's limits. `policy` stores policies; the routes decide who can write.

use std::collections::{HashMap, HashSet};

use super::condition;
use super::error::Failure;
use super::member;
use super::policy::{Binding, Policy};
use super::role;
use super::state::{Resource, State};

/// The most groups in a policy, each counted as often as it is there (IAM reference, `Policy.bindings`).
const MOST_GROUPS: usize = 250;

/// The most bindings of one role and one member under different conditions (quotas page of IAM).
const MOST_CONDITIONS: usize = 20;

impl State {
    /// Refuses roles and members that do not exist. Users and groups are known for the world's own domains only;
    /// every account has to exist, except Google's service agents.
    pub(crate) fn check_policy(&self, policy: &Policy, on: Resource) -> Result<(), Failure> {
        for binding in &policy.bindings {
            self.check_role(&binding.role, on)?;
            check_condition(binding)?;
        }
        check_limits(policy)?;
        policy.members().try_for_each(|member| self.check_member(member, on))?;
        self.check_owners(policy, on)
    }

    /// Refuses a role that does not exist, or not at this level: a custom role belongs to the resource or to one
    /// above it. Both texts were seen on the wire.
    fn check_role(&self, name: &str, on: Resource) -> Result<(), Failure> {
        let exists = match role::predefined().get(name) {
            Some(role) if matches!(on, Resource::Account(_)) && !role.is_for_accounts() => {
                return Err(Failure::invalid(format!("Role {name} is not supported for this resource.")));
            }
            Some(_) => true,
            None => {
                let parent = name.split_once("/roles/").and_then(|(parent, _)| self.node(parent));
                let above = parent.is_some_and(|parent| self.ancestors(on).any(|level| level == parent));
                above && self.custom_role(name).is_some()
            }
        };
        match exists {
            true => Ok(()),
            false => {
                Err(Failure::invalid(format!("Role ({name}) does not exist in the resource's hierarchy.")))
            }
        }
    }

    /// Refuses a new owner of a project who is of another domain: they would have to be invited in the console.
    fn check_owners(&self, policy: &Policy, on: Resource) -> Result<(), Failure> {
        if !matches!(on, Resource::Project(_)) {
            return Ok(());
        }
        let organization = self.organization(on);
        let owners = |policy: &Policy| -> HashSet<String> {
            let all = policy.bindings.iter().filter(|binding| binding.role == OWNER);
            all.flat_map(|binding| &binding.members).cloned().collect()
        };
        let before = owners(self.policy(on));
        let ours = |email: &str| {
            let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
            organization.is_some_and(|organization| organization.domain.eq_ignore_ascii_case(domain))
        };
        let mut strangers: Vec<String> = owners(policy)
            .into_iter()
            .filter(|member| !before.contains(member))
            .filter(|member| member.strip_prefix("user:").is_some_and(|email| !ours(email)))
            .collect();
        strangers.sort();
        if strangers.is_empty() {
            return Ok(());
        }
        let kind = match organization {
            Some(_) => "ORG_MUST_INVITE_EXTERNAL_OWNERS",
            None => "SOLO_MUST_INVITE_OWNERS",
        };
        Err(Failure::uninvited_owners(&strangers, OWNER, kind))
    }

    fn check_member(&self, member: &str, on: Resource) -> Result<(), Failure> {
        let missing =
            |kind: &str, email: &str| Err(Failure::invalid(format!("{kind} {email} does not exist.")));
        let wrong_type = |email: &str, kind: &str| {
            Err(Failure::invalid(format!(
                "Account {email} is of type \"{kind}\". Please set the type prefix to be \"{kind}:\"."
            )))
        };
        if !member::is_member(member) {
            return Err(Failure::invalid(format!(
                "The member {member} is of an unknown type. Please set a valid type prefix for the member."
            )));
        }
        match member.split_once(':') {
            None if member == "allUsers" || member == "allAuthenticatedUsers" => match on {
                Resource::Account(_) => Ok(()),
                _ => Err(Failure::invalid_argument()),
            },
            Some(("user" | "group", email)) if self.account(email).is_some() => {
                wrong_type(email, "serviceAccount")
            }
            Some(("user" | "serviceAccount", email)) if self.groups.contains_key(email) => {
                wrong_type(email, "group")
            }
            Some(("group" | "serviceAccount", email)) if self.users.contains_key(email) => {
                wrong_type(email, "user")
            }
            Some((kind @ ("user" | "group"), email)) if email.contains('@') => {
                let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
                let ours = self.organizations.iter().any(|o| o.domain == domain);
                let there = self.users.contains_key(email) || self.groups.contains_key(email);
                match kind {
                    "user" if ours && !there => missing("User", email),
                    "group" if ours && !there => missing("Group", email),
                    _ => self.check_customer(domain, on),
                }
            }
            Some(("serviceAccount", email)) if email.contains('@') => {
                if member::is_agent(email) || self.account(email).is_some() {
                    Ok(())
                } else {
                    missing("Service account", email)
                }
            }
            Some(("domain", domain)) => self.check_customer(domain, on),
            // Workloads, pools, deleted members: none of these is checked.
            _ => Ok(()),
        }
    }

    fn check_customer(&self, domain: &str, on: Resource) -> Result<(), Failure> {
        let permitted = self.organization(on).map_or(&[][..], |o| &o.permitted_domains);
        if permitted.is_empty() || permitted.iter().any(|d| d == domain) {
            return Ok(());
        }
        Err(Failure::not_permitted_customer())
    }
}

const OWNER: &str = "roles/owner";

/// Refuses a condition that cannot be read or is too long. How Google words it is not known.
fn check_condition(binding: &Binding) -> Result<(), Failure> {
    let Some(condition) = &binding.condition else { return Ok(()) };
    match condition::check(&condition.expression) {
        Err(unreadable) => Err(Failure::invalid(format!(
            "The condition of role {} cannot be compiled: {} (at {}).",
            binding.role, unreadable.problem, unreadable.offset
        ))),
        Ok(operators) if operators > condition::MOST_OPERATORS => Err(Failure::invalid(format!(
            "The condition of role {} has {operators} logical operators, {} are allowed.",
            binding.role,
            condition::MOST_OPERATORS
        ))),
        Ok(_) => Ok(()),
    }
}

/// Refuses more groups or more conditions of one role and member than the limit. How Google words it is not known.
fn check_limits(policy: &Policy) -> Result<(), Failure> {
    let groups = policy.members().filter(|member| member.starts_with("group:")).count();
    if groups > MOST_GROUPS {
        return Err(Failure::invalid(format!(
            "The number of groups in the policy ({groups}) is larger than the maximum allowed size {MOST_GROUPS}."
        )));
    }
    let mut conditions: HashMap<(&str, &str), usize> = HashMap::new();
    for binding in &policy.bindings {
        for member in &binding.members {
            let count = conditions.entry((&binding.role, member)).or_default();
            *count += usize::from(binding.condition.is_some());
            if *count > MOST_CONDITIONS {
                return Err(Failure::invalid(format!(
                    "The member {member} has role {} under more than {MOST_CONDITIONS} conditions.",
                    binding.role
                )));
            }
        }
    }
    Ok(())
}
