//! Checks that the parts of a world fit together, and reports problems with their field, so that a mistake in
//! a file is found at the start.

use std::collections::{HashMap, HashSet};

use super::{World, WorldError, content};
use crate::clock::Clock;
use crate::deny::DenyPolicy;
use crate::member::is_member;
use crate::policy::Policy;
use crate::role;
use crate::services;

/// More seconds than anything here lasts: a hundred years.
const LONGEST: i64 = 3_155_695_200;

/// The most folders in each other; Google admits ten (Resource Manager documentation, limits).
const DEEPEST: usize = 100;

impl World {
    /// Refuses the first problem.
    pub(super) fn check(&self) -> Result<(), WorldError> {
        let mut nodes: HashSet<String> = HashSet::new();
        for (i, organization) in self.organizations.iter().enumerate() {
            unique(&mut nodes, format!("organizations/{}", organization.number), || {
                format!("organizations[{i}].number")
            })?;
        }
        for (i, folder) in self.folders.iter().enumerate() {
            unique(&mut nodes, format!("folders/{}", folder.number), || format!("folders[{i}].number"))?;
        }
        self.check_ways_up(&nodes)?;
        let mut emails = HashSet::new();
        for (i, project) in self.projects.iter().enumerate() {
            unique(&mut nodes, format!("projects/{}", project.id), || format!("projects[{i}].id"))?;
            unique(&mut nodes, format!("projects/{}", project.number), || format!("projects[{i}].number"))?;
            if let Some(parent) = &project.parent {
                let field = format!("projects[{i}].parent");
                if !parent.starts_with("folders/") && !parent.starts_with("organizations/") {
                    let problem = format!("{parent} is neither a folder nor an organization");
                    return Err(content(field, problem));
                }
                if !nodes.contains(parent) {
                    return Err(content(field, format!("{parent} is not in this world")));
                }
            }
            for (j, account) in project.accounts.iter().enumerate() {
                unique(&mut emails, account.email.clone(), || format!("projects[{i}].accounts[{j}].email"))?;
            }
        }
        self.check_forms()?;
        self.check_policies()?;
        self.check_numbers()?;
        for (i, fault) in self.faults.iter().enumerate() {
            fault.check().map_err(|(field, problem)| content(format!("faults[{i}].{field}"), problem))?;
        }
        for (i, caller) in self.callers.iter().enumerate() {
            caller.check(self, &format!("callers[{i}]"))?;
        }
        for (i, perimeter) in self.perimeters.iter().enumerate() {
            perimeter.check(self, &format!("perimeters[{i}]"))?;
        }
        self.identity_pools.check(self)?;
        self.behaviour.check()?;
        self.workspace.check(self)?;
        self.metadata.iter().try_for_each(|metadata| metadata.check(self))
    }

    fn check_policies(&self) -> Result<(), WorldError> {
        for (i, organization) in self.organizations.iter().enumerate() {
            self.check_level(
                &format!("organizations[{i}]"),
                &organization.policy,
                &organization.deny_policies,
            )?;
        }
        for (i, folder) in self.folders.iter().enumerate() {
            self.check_level(&format!("folders[{i}]"), &folder.policy, &folder.deny_policies)?;
        }
        for (i, project) in self.projects.iter().enumerate() {
            let field = format!("projects[{i}]");
            self.check_level(&field, &project.policy, &project.deny_policies)?;
            for (j, account) in project.accounts.iter().enumerate() {
                self.check_level(&format!("{field}.accounts[{j}]"), &account.policy, &[])?;
            }
        }
        for (i, group) in self.groups.iter().enumerate() {
            check_members(&group.members, &format!("groups[{i}].members"))?;
        }
        Ok(())
    }

    fn check_level(&self, field: &str, policy: &Policy, denies: &[DenyPolicy]) -> Result<(), WorldError> {
        policy.check_form(&format!("{field}.policy"))?;
        for (b, binding) in policy.bindings.iter().enumerate() {
            let field = format!("{field}.policy.bindings[{b}]");
            if !self.has_role(&binding.role) {
                let problem =
                    format!("{:?} is neither a predefined role nor one of this world", binding.role);
                return Err(content(format!("{field}.role"), problem));
            }
            check_members(&binding.members, &format!("{field}.members"))?;
        }
        denies.iter().enumerate().try_for_each(|(d, deny)| deny.check(&format!("{field}.denyPolicies[{d}]")))
    }

    fn has_role(&self, name: &str) -> bool {
        let Some((parent, id)) = name.split_once("/roles/") else {
            return role::predefined().contains_key(name);
        };
        let mut roles = match parent.split_once('/') {
            Some(("projects", id)) => self.projects.iter().find(|p| p.id == id).map(|p| &p.roles),
            Some(("organizations", number)) => {
                self.organizations.iter().find(|o| o.number.to_string() == number).map(|o| &o.roles)
            }
            _ => None,
        }
        .into_iter()
        .flatten();
        roles.any(|role| role.id == id)
    }

    fn check_numbers(&self) -> Result<(), WorldError> {
        for (field, seconds) in [
            ("activationSeconds", self.activation_seconds),
            ("propagationSeconds", self.propagation_seconds),
            ("staleReadSeconds", self.stale_read_seconds),
            ("assetLagSeconds", self.asset_lag_seconds),
        ] {
            if !(0..=LONGEST).contains(&seconds) {
                return Err(content(field.into(), format!("{seconds} is not a time from 0 to {LONGEST}")));
            }
        }
        if !Clock::default().advance(self.clock_offset_seconds) {
            let problem = format!("{} leaves the years 1971 to 9998", self.clock_offset_seconds);
            return Err(content("clockOffsetSeconds".into(), problem));
        }
        for (i, project) in self.projects.iter().enumerate() {
            check_services(&project.disabled_services, &format!("projects[{i}].disabledServices"))?;
        }
        for (i, client) in self.client_projects.iter().enumerate() {
            check_services(&client.disabled_services, &format!("clientProjects[{i}].disabledServices"))?;
        }
        Ok(())
    }

    /// Checks that every folder is in an organization. Each walk is short, so that many folders take no longer than they
    /// have to.
    fn check_ways_up(&self, nodes: &HashSet<String>) -> Result<(), WorldError> {
        let parents: HashMap<String, &str> = self
            .folders
            .iter()
            .map(|folder| (format!("folders/{}", folder.number), folder.parent.as_str()))
            .collect();
        for (i, folder) in self.folders.iter().enumerate() {
            let wrong = |problem: String| Err(content(format!("folders[{i}].parent"), problem));
            let (mut parent, mut seen) = (folder.parent.as_str(), HashSet::new());
            while let Some(above) = parents.get(parent) {
                if !seen.insert(parent) {
                    return wrong("the folders form a circle".into());
                }
                if seen.len() >= DEEPEST {
                    return wrong(format!("more than {DEEPEST} folders are nested; Google allows ten"));
                }
                parent = above;
            }
            if !nodes.contains(parent) {
                return wrong(format!("{parent} is not in this world"));
            }
        }
        Ok(())
    }
}

/// Refuses an API that does not exist: with a typo in its name everything would stay on.
fn check_services(names: &[String], field: &str) -> Result<(), WorldError> {
    match names.iter().position(|name| !services::is_api(name)) {
        Some(i) => {
            let problem = format!("{:?} is not the name of an API, as iam.googleapis.com", names[i]);
            Err(content(format!("{field}[{i}]"), problem))
        }
        None => Ok(()),
    }
}

fn unique(seen: &mut HashSet<String>, name: String, field: impl Fn() -> String) -> Result<(), WorldError> {
    if seen.contains(&name) {
        return Err(content(field(), format!("{name} appears twice")));
    }
    seen.insert(name);
    Ok(())
}

/// Checks members by their form only: policies outlive users.
pub(crate) fn check_members(members: &[String], field: &str) -> Result<(), WorldError> {
    match members.iter().position(|member| !is_member(member)) {
        Some(i) => {
            Err(content(format!("{field}[{i}]"), format!("{:?} is not a member of a policy", members[i])))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        World::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_role_or_a_member_that_cannot_be_is_named_by_its_field() {
        let policy = |binding: &str| {
            format!(
                r#"{{"projects":[{{"id":"p","number":1,"accounts":[{{"email":"a","policy":{{"bindings":[{binding}]}}}}]}}]}}"#
            )
        };
        let role = problem(&policy(r#"{"role":"projects/p/roles/gone","members":["allUsers"]}"#));
        assert!(
            role.contains("projects[0].accounts[0].policy.bindings[0].role") && role.contains("gone"),
            "{role}"
        );
        let member = problem(&policy(r#"{"role":"roles/viewer","members":["allUsers","ann@example.com"]}"#));
        assert!(member.contains("bindings[0].members[1]") && member.contains("ann@example.com"), "{member}");
        let group = problem(r#"{"groups":[{"email":"g@example.com","members":["bob"]}]}"#);
        assert!(group.contains("groups[0].members[0]"), "{group}");
    }

    #[test]
    fn numbers_and_services_that_cannot_be_are_named_by_their_field() {
        assert!(problem(r#"{"propagationSeconds":-1}"#).contains("propagationSeconds: -1"));
        assert!(problem(r#"{"activationSeconds":9223372036854775807}"#).contains("activationSeconds: "));
        assert!(problem(r#"{"clockOffsetSeconds":9223372036854775807}"#).contains("clockOffsetSeconds: "));
        assert!(problem(r#"{"projects":[{"number":1}]}"#).contains("projects[0].id: "));
        let service = problem(r#"{"projects":[{"id":"p","number":1,"disabledServices":["iam"]}]}"#);
        assert!(service.contains("projects[0].disabledServices[0]: \"iam\""), "{service}");
        let fault = problem(r#"{"faults":[{"method":"iam.serviceAccount.get","hang":true}]}"#);
        assert!(fault.contains("faults[0].method"), "{fault}");
        let perimeter = problem(r#"{"perimeters":[{"projects":["p"]}]}"#);
        assert!(perimeter.contains("perimeters[0].projects[0]: p is not in this world"), "{perimeter}");
        let typo = problem(r#"{"perimeters":[{"services":["iamcredentials"]}]}"#);
        assert!(typo.contains("perimeters[0].services[0]: \"iamcredentials\""), "{typo}");
    }
}
