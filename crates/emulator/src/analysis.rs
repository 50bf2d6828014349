//! Who has access to what, as Cloud Asset's analysis of policies finds it: every binding in a scope that
//! matches a query, with its identities, accesses and resources. It reads only allow policies, as Google's
//! first version does, and answers as of now.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::condition;
use super::policy::Binding;
use super::role;
use super::state::{Resource, State};
use super::tokens::Principal;
use super::verdict::Verdict;

/// The most members of a group and resources below a resource in an answer (Cloud Asset reference, `AnalysisOptions`).
const MOST: usize = 1_000;

/// The permissions to impersonate an account (Cloud Asset reference, `analyzeServiceAccountImpersonation`).
const IMPERSONATION: [&str; 6] = [
    "iam.serviceAccounts.actAs",
    "iam.serviceAccounts.signBlob",
    "iam.serviceAccounts.signJwt",
    "iam.serviceAccounts.getAccessToken",
    "iam.serviceAccounts.getOpenIdToken",
    "iam.serviceAccounts.implicitDelegation",
];

#[derive(Debug, Clone)]
pub(crate) struct AnalysisQuery {
    /// The resource in question, with its descendants.
    pub(crate) scope: Resource,
    /// Whose access, as in a policy; everyone's if left out.
    pub(crate) identity: Option<String>,
    /// The resource, under the name in the request; every resource if left out.
    pub(crate) resource: Option<(Resource, String)>,
    pub(crate) roles: Vec<String>,
    /// Which permissions. Without roles and permissions, any.
    pub(crate) permissions: Vec<String>,
    /// When conditions are evaluated; if left out, those about the time stay open.
    pub(crate) time: Option<i64>,
    pub(crate) options: AnalysisOptions,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AnalysisOptions {
    /// List the members of groups in a binding.
    pub(crate) expand_groups: bool,
    /// List the permissions of a binding's role.
    pub(crate) expand_roles: bool,
    /// List the descendants of resources.
    pub(crate) expand_resources: bool,
    /// List which resource is the parent of which.
    pub(crate) resource_edges: bool,
    /// List who is in which group.
    pub(crate) group_edges: bool,
}

/// The results of a query.
pub(crate) struct Findings {
    pub(crate) results: Vec<Value>,
    identities: BTreeSet<String>,
    resources: Vec<Resource>,
    /// Whether the members of some group are hidden from the caller.
    pub(crate) hidden: bool,
}

/// The members of a binding that a query matches.
#[derive(Default)]
struct Members {
    identities: BTreeSet<String>,
    edges: Vec<(String, String)>,
    hidden: bool,
}

impl State {
    /// The full name of a resource as Cloud Asset writes it: accounts go by their unique ids.
    pub(crate) fn asset_name(&self, of: Resource) -> String {
        match of {
            Resource::Account(i) => {
                let (project, id) = (&self.project_of(i).id, &self.accounts[i].unique_id);
                format!("//iam.googleapis.com/projects/{project}/serviceAccounts/{id}")
            }
            other => self.full_name(other),
        }
    }

    /// Everything there is, from the top down.
    pub(crate) fn resources(&self) -> impl Iterator<Item = Resource> {
        (0..self.organizations.len())
            .map(Resource::Organization)
            .chain((0..self.folders.len()).map(Resource::Folder))
            .chain((0..self.projects.len()).map(Resource::Project))
            .chain(self.accounts.places().map(Resource::Account))
    }

    /// The known permissions of a role.
    pub(crate) fn permissions_of(&self, name: &str) -> Vec<String> {
        match role::predefined().get(name) {
            Some(role) => role.permissions.iter().map(ToString::to_string).collect(),
            None => self.custom_role(name).map(|role| role.permissions.clone()).unwrap_or_default(),
        }
    }

    /// The answer to a query by a principal.
    pub(crate) fn analyze(&self, question: &AnalysisQuery, asks: &Principal) -> Findings {
        let mut found = Findings {
            results: Vec::new(),
            identities: BTreeSet::new(),
            resources: Vec::new(),
            hidden: false,
        };
        let is_inside = |of: Resource, top: Resource| self.ancestors(of).any(|level| level == top);
        // A world can have a hundred thousand accounts, most of them without a binding.
        let bound = |of: &Resource| !self.policy(*of).bindings.is_empty();
        for attached in self.resources().filter(bound).filter(|of| is_inside(*of, question.scope)) {
            let resources = match question.resource {
                Some((wanted, _)) if is_inside(wanted, attached) => self.below(wanted, question.options),
                Some((wanted, _)) if question.options.expand_resources && is_inside(attached, wanted) => {
                    self.below(attached, question.options)
                }
                Some(_) => continue,
                None => self.below(attached, question.options),
            };
            for binding in &self.policy(attached).bindings {
                let accesses = self.accesses(question, &binding.role);
                let members = self.members_asked_about(question, binding, asks);
                found.hidden |= members.hidden;
                if accesses.is_empty() || members.identities.is_empty() {
                    continue;
                }
                let lists = self.access_lists(question, attached, binding, &resources, &accesses);
                let edges = members.edges.iter().filter(|_| question.options.group_edges);
                found.results.push(json!({"attachedResourceFullName": self.asset_name(attached),
                    "iamBinding": binding, "accessControlLists": lists,
                    "identityList": {
                        "identities": members.identities.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
                        "groupEdges": edges.map(|(from, to)| edge(from, to)).collect::<Vec<_>>()},
                    "fullyExplored": !members.hidden}));
                found.identities.extend(members.identities);
                found.resources.extend(&resources);
            }
        }
        found
    }

    /// The resource, with its descendants if these were asked for.
    fn below(&self, top: Resource, options: AnalysisOptions) -> Vec<Resource> {
        if !options.expand_resources || matches!(top, Resource::Account(_)) {
            return vec![top];
        }
        let inside = self.resources().filter(|of| self.ancestors(*of).any(|level| level == top));
        inside.take(MOST).collect()
    }

    fn accesses(&self, question: &AnalysisQuery, role: &str) -> Vec<Value> {
        let gives = |permission: &String| self.role_gives(role, permission);
        let permission = |name: &String| json!({"permission": name});
        if question.roles.is_empty() && question.permissions.is_empty() {
            let mut all = vec![json!({"role": role})];
            if question.options.expand_roles {
                all.extend(self.permissions_of(role).iter().map(permission));
            }
            return all;
        }
        let roles = question.roles.iter().filter(|name| *name == role).map(|name| json!({"role": name}));
        roles.chain(question.permissions.iter().filter(|name| gives(name)).map(permission)).collect()
    }

    fn members_asked_about(&self, question: &AnalysisQuery, binding: &Binding, asks: &Principal) -> Members {
        let mut members = Members::default();
        for member in &binding.members {
            match &question.identity {
                Some(identity) if self.leads_to(member, identity, asks, &mut members) => {
                    members.identities.insert(identity.clone());
                }
                Some(_) => {}
                None => {
                    members.identities.insert(member.clone());
                    if question.options.expand_groups {
                        self.expand(member, asks, &mut members);
                    }
                }
            }
        }
        members
    }

    /// Whether a member is the identity or one of its groups; edges are those that lead there.
    fn leads_to(&self, member: &str, identity: &str, asks: &Principal, members: &mut Members) -> bool {
        if member == identity {
            return true;
        }
        let mut inside = Members::default();
        self.expand(member, asks, &mut inside);
        members.hidden |= inside.hidden;
        let found = inside.identities.contains(identity);
        if found {
            members.edges.extend(inside.edges);
        }
        found
    }

    /// The members of a group and of the groups in it, as far as the caller can see them.
    fn expand(&self, member: &str, asks: &Principal, members: &mut Members) {
        let mut open = vec![member.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(group) = open.pop() {
            let Some(inside) = group.strip_prefix("group:").and_then(|email| self.groups.get(email)) else {
                continue;
            };
            if !seen.insert(group.clone()) {
                continue;
            }
            if self.includes(&group, asks, None) != Verdict::Yes {
                members.hidden = true;
                continue;
            }
            for one in inside.iter().take(MOST) {
                members.edges.push((group.clone(), one.clone()));
                members.identities.insert(one.clone());
                open.push(one.clone());
            }
        }
    }

    /// The resources of a binding by the value of its condition on each.
    fn access_lists(
        &self,
        question: &AnalysisQuery,
        attached: Resource,
        binding: &Binding,
        resources: &[Resource],
        accesses: &[Value],
    ) -> Vec<Value> {
        let evaluation = |on: Resource| {
            let condition = binding.condition.as_ref()?;
            let facts = condition::Facts { now: question.time, ..self.facts(on, 0) };
            Some(match condition::evaluate(&condition.expression, &facts) {
                Ok(Some(true)) => "TRUE",
                Ok(Some(false)) | Err(_) => "FALSE",
                Ok(None) => "CONDITIONAL",
            })
        };
        let mut lists: Vec<(Option<&str>, Vec<Resource>)> = Vec::new();
        for on in resources {
            let value = evaluation(*on);
            match lists.iter_mut().find(|(known, _)| *known == value) {
                Some((_, all)) => all.push(*on),
                None => lists.push((value, vec![*on])),
            }
        }
        let told = lists.into_iter().map(|(value, resources)| {
            let names = resources.iter().map(|on| json!({"fullResourceName": self.asset_name(*on)}));
            let edges = resources.iter().filter(|_| question.options.resource_edges);
            let edges = edges.flat_map(|on| self.edges_from(attached, *on)).collect::<BTreeSet<_>>();
            json!({"resources": names.collect::<Vec<_>>(), "accesses": accesses,
                "conditionEvaluation": {"evaluationValue": value},
                "resourceEdges": edges.iter().map(|(from, to)| edge(from, to)).collect::<Vec<_>>()})
        });
        told.collect()
    }

    /// The steps from the top down to a resource.
    fn edges_from(&self, top: Resource, on: Resource) -> Vec<(String, String)> {
        let way: Vec<Resource> = self.ancestors(on).collect();
        let length = way.iter().position(|level| *level == top).unwrap_or(0);
        let name = |of: Resource| self.asset_name(of);
        way.windows(2).take(length).map(|pair| (name(pair[1]), name(pair[0]))).collect()
    }

    /// The queries about impersonation that follow from the results: the access of the accounts that an
    /// identity can impersonate, or else who can impersonate the accounts that have access.
    pub(crate) fn impersonation(
        &self,
        question: &AnalysisQuery,
        found: &Findings,
        asks: &Principal,
    ) -> Vec<AnalysisQuery> {
        let acting = AnalysisQuery {
            roles: Vec::new(),
            permissions: IMPERSONATION.map(str::to_owned).to_vec(),
            resource: None,
            options: AnalysisOptions { expand_resources: true, ..AnalysisOptions::default() },
            ..question.clone()
        };
        match &question.identity {
            Some(_) => {
                let reached = self.analyze(&acting, asks).resources;
                let accounts: BTreeSet<usize> = reached
                    .into_iter()
                    .filter_map(|on| match on {
                        Resource::Account(i) => Some(i),
                        _ => None,
                    })
                    .collect();
                let identity = |i: usize| Some(format!("serviceAccount:{}", self.accounts[i].email));
                accounts
                    .into_iter()
                    .map(|i| AnalysisQuery { identity: identity(i), ..question.clone() })
                    .collect()
            }
            None => {
                let accounts = found.identities.iter().filter_map(|name| {
                    let on = Resource::Account(self.account(name.strip_prefix("serviceAccount:")?)?);
                    Some((on, self.asset_name(on)))
                });
                let options = AnalysisOptions::default();
                accounts.map(|on| AnalysisQuery { resource: Some(on), options, ..acting.clone() }).collect()
            }
        }
    }
}

fn edge(from: &str, to: &str) -> Value {
    json!({"sourceNode": from, "targetNode": to})
}

impl AnalysisQuery {
    /// The query as the answer repeats it.
    pub(crate) fn json(&self, scope: &str) -> Value {
        let AnalysisOptions { expand_groups, expand_roles, expand_resources, resource_edges, group_edges } =
            self.options;
        let mut told = Map::from_iter([("scope".to_owned(), Value::from(scope))]);
        let mut add = |name: &str, value: Value| drop(told.insert(name.to_owned(), value));
        add("identitySelector", json!({"identity": self.identity}));
        add("resourceSelector", json!({"fullResourceName": self.resource.as_ref().map(|(_, name)| name)}));
        add("accessSelector", json!({"roles": self.roles, "permissions": self.permissions}));
        add(
            "options",
            json!({"expandGroups": expand_groups, "expandRoles": expand_roles,
            "expandResources": expand_resources, "outputResourceEdges": resource_edges,
            "outputGroupEdges": group_edges}),
        );
        add("conditionContext", json!({"accessTime": self.time.map(super::clock::rfc3339)}));
        told.into()
    }
}
