//! What of a world does not fit together, named by its field, so that a mistake in a file is found at the start and not by
//! the test that wondered about it.

use std::collections::HashSet;

use super::super::deny::DenyPolicy;
use super::super::policy::Policy;
use super::{Folder, World, WorldError, content};

impl World {
    /// Refuses the first thing that does not fit.
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
        for (i, folder) in self.folders.iter().enumerate() {
            self.check_way_up(folder, || format!("folders[{i}].parent"))?;
        }
        let mut emails = HashSet::new();
        for (i, project) in self.projects.iter().enumerate() {
            unique(&mut nodes, format!("projects/{}", project.id), || format!("projects[{i}].id"))?;
            unique(&mut nodes, format!("projects/{}", project.number), || format!("projects[{i}].number"))?;
            if let Some(parent) = project.parent.as_ref().filter(|parent| !nodes.contains(*parent)) {
                return Err(content(
                    format!("projects[{i}].parent"),
                    format!("{parent} is not in this world"),
                ));
            }
            for (j, account) in project.accounts.iter().enumerate() {
                unique(&mut emails, account.email.clone(), || format!("projects[{i}].accounts[{j}].email"))?;
                for (k, key) in account.keys.iter().enumerate() {
                    if key.created.parse::<jiff::Timestamp>().is_err() {
                        let field = format!("projects[{i}].accounts[{j}].keys[{k}].created");
                        return Err(content(field, format!("{:?} is not an RFC 3339 time", key.created)));
                    }
                }
            }
        }
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

    /// Of the predefined roles only those that matter here are known, so any name will do for one.
    fn has_role(&self, name: &str) -> bool {
        let Some((parent, id)) = name.split_once("/roles/") else {
            return name.strip_prefix("roles/").is_some_and(|id| !id.is_empty());
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
        ] {
            if seconds < 0 {
                return Err(content(field.into(), format!("{seconds} is before the start")));
            }
        }
        for (i, project) in self.projects.iter().enumerate() {
            if project.id.is_empty() || project.number == 0 {
                return Err(content(format!("projects[{i}]"), "a project has an id and a number".into()));
            }
            let mut disabled = project.disabled_services.iter().enumerate();
            if let Some((s, service)) = disabled.find(|(_, name)| !name.ends_with(".googleapis.com")) {
                let problem = format!("{service:?} is not the name of an API, as iam.googleapis.com");
                return Err(content(format!("projects[{i}].disabledServices[{s}]"), problem));
            }
        }
        Ok(())
    }

    fn check_way_up(&self, folder: &Folder, field: impl Fn() -> String) -> Result<(), WorldError> {
        let mut parent = &folder.parent;
        for _ in 0..=self.folders.len() {
            if self.organizations.iter().any(|o| *parent == format!("organizations/{}", o.number)) {
                return Ok(());
            }
            match self.folders.iter().find(|f| *parent == format!("folders/{}", f.number)) {
                Some(above) => parent = &above.parent,
                None => return Err(content(field(), format!("{parent} is not in this world"))),
            }
        }
        Err(content(field(), "the folders go round in a circle".into()))
    }
}

fn unique(seen: &mut HashSet<String>, name: String, field: impl Fn() -> String) -> Result<(), WorldError> {
    if seen.contains(&name) {
        return Err(content(field(), format!("{name} is there twice")));
    }
    seen.insert(name);
    Ok(())
}

/// Members by their form: who of them is there is not asked, for policies outlive people.
pub fn check_members(members: &[String], field: &str) -> Result<(), WorldError> {
    const KINDS: &[&str] = &[
        "user",
        "serviceAccount",
        "group",
        "domain",
        "deleted",
        "principal",
        "principalSet",
        "principalHierarchy",
        "projectOwner",
        "projectEditor",
        "projectViewer",
    ];
    let fine = |member: &String| match member.split_once(':') {
        None => member == "allUsers" || member == "allAuthenticatedUsers",
        Some((kind, rest)) => KINDS.contains(&kind) && !rest.is_empty(),
    };
    match members.iter().position(|member| !fine(member)) {
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
        let role = problem(&policy(r#"{"role":"projects/p/roles/gone","members":[]}"#));
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
        assert!(problem(r#"{"projects":[{"number":1}]}"#).contains("projects[0]: a project has an id"));
        let service = problem(r#"{"projects":[{"id":"p","number":1,"disabledServices":["iam"]}]}"#);
        assert!(service.contains("projects[0].disabledServices[0]: \"iam\""), "{service}");
        let fault = problem(r#"{"faults":[{"method":"iam.serviceAccount.get","hang":true}]}"#);
        assert!(fault.contains("faults[0].method"), "{fault}");
        let perimeter = problem(r#"{"perimeters":[{"projects":["p"]}]}"#);
        assert!(perimeter.contains("perimeters[0].projects[0]: p is not in this world"), "{perimeter}");
    }
}
