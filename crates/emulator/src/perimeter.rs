//! Service perimeters (VPC Service Controls): which calls to which services about which projects are refused,
//! whatever roles the caller has.

use serde::{Deserialize, Serialize};

use super::services;
use super::state::{Resource, State};
use super::tokens::Principal;
use super::verdict::Verdict;
use super::world::{World, WorldError, check_members, content};

/// A perimeter. At Google networks, devices and rules decide who is inside; here the accounts of its own projects are,
/// and principals that are admitted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Perimeter {
    /// A name, for people who read the world.
    pub name: String,
    /// The projects inside, by id.
    pub projects: Vec<String>,
    /// The restricted services, as `iamcredentials.googleapis.com`.
    pub services: Vec<String>,
    /// Who can call from outside anyway, as in a policy.
    pub admitted: Vec<String>,
}

impl Perimeter {
    /// Checks that its projects and services exist, and that its members are well-formed.
    pub(crate) fn check(&self, world: &World, field: &str) -> Result<(), WorldError> {
        for (i, project) in self.projects.iter().enumerate() {
            if !world.projects.iter().any(|p| p.id == *project) {
                let problem = format!("{project} is not in this world");
                return Err(content(format!("{field}.projects[{i}]"), problem));
            }
        }
        if let Some(i) = self.services.iter().position(|name| !services::is_api(name)) {
            let problem = format!("{:?} is not the name of an API, as iam.googleapis.com", self.services[i]);
            return Err(content(format!("{field}.services[{i}]"), problem));
        }
        check_members(&self.admitted, &format!("{field}.admitted"))
    }
}

impl State {
    /// Whether a perimeter keeps a caller from a service and a project.
    pub(crate) fn keeps_out(&self, who: &Principal, service: &str, project: usize) -> bool {
        let inside = |perimeter: &Perimeter, project: usize| {
            perimeter.projects.iter().any(|id| self.project(id) == Some(project))
        };
        self.perimeters.iter().any(|perimeter| {
            let own = self.account(who.email()).and_then(|i| self.parent(Resource::Account(i)));
            let from_inside = matches!(own, Some(Resource::Project(p)) if inside(perimeter, p));
            let is_admitted = perimeter.admitted.iter().any(|m| self.includes(m, who, None) == Verdict::Yes);
            perimeter.services.iter().any(|restricted| restricted == service)
                && inside(perimeter, project)
                && !from_inside
                && !is_admitted
        })
    }
}
