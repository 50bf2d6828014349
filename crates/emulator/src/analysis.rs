//! Who has access to what, as Cloud Asset's analysis of policies finds it: every binding in a scope that
//! matches a query, with its identities, accesses and resources. What the caller cannot see may match, so it is in
//! the answer and marked there. It reads only allow policies, as Google's first version does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::asset::{AssetTypes, Cursor};
use super::boundary::TokenHolder;
use super::condition;
use super::policy::Binding;
use super::role;
use super::state::{Resource, State};
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
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) results: Vec<Value>,
    identities: BTreeSet<String>,
    resources: Vec<Resource>,
    /// What keeps them from being complete.
    pub(crate) gaps: BTreeSet<Gap>,
}

/// Why an analysis is not complete. Except for its code, how Google reports each is a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gap {
    /// The caller cannot see who is in a group.
    Group,
    /// The caller cannot see what a role gives.
    Role,
    /// There are more members or resources than an answer has.
    TooMany,
}

impl Gap {
    /// As an analysis state.
    pub(crate) fn json(self) -> Value {
        let (code, cause) = match self {
            Gap::Group => {
                ("PERMISSION_DENIED", "Some groups could not be expanded: you can't see their members.")
            }
            Gap::Role => {
                ("PERMISSION_DENIED", "Some roles could not be expanded: you can't see their permissions.")
            }
            Gap::TooMany => (
                "RESOURCE_EXHAUSTED",
                "Some groups or resources were expanded to their first 1,000 members only.",
            ),
        };
        json!({"code": code, "cause": cause})
    }
}

/// The members of a binding that a query matches or may match.
#[derive(Default)]
struct Members {
    /// Each with what is not known of it.
    identities: BTreeMap<String, Option<Gap>>,
    edges: Vec<(String, String)>,
    gaps: BTreeSet<Gap>,
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

    /// The known permissions of a role.
    pub(crate) fn permissions_of(&self, name: &str) -> Vec<String> {
        match role::predefined().get(name) {
            Some(role) => role.permissions.iter().map(ToString::to_string).collect(),
            None => self.custom_role(name).map(|role| role.permissions.clone()).unwrap_or_default(),
        }
    }

    /// The answer to a query by a caller.
    pub(crate) fn analyze(&self, question: &AnalysisQuery, asks: TokenHolder<'_>, now: i64) -> Findings {
        let mut found = Findings::default();
        let is_inside = |of: Resource, top: Resource| self.ancestors(of).any(|level| level == top);
        // A world can have a hundred thousand accounts, most of them without a binding.
        let assets = self.assets(question.scope, AssetTypes::resources(), Cursor::default(), now);
        let bound = assets
            .map(|(_, asset)| asset.of)
            .filter(|of| !self.searched_policy(*of, now).bindings.is_empty());
        for attached in bound {
            let top = match question.resource {
                Some((wanted, _)) if is_inside(wanted, attached) => wanted,
                Some((wanted, _)) if question.options.expand_resources && is_inside(attached, wanted) => {
                    attached
                }
                Some(_) => continue,
                None => attached,
            };
            let mut below = None;
            for binding in &self.searched_policy(attached, now).bindings {
                let (accesses, unread) = self.accesses(question, &binding.role, asks, now);
                if accesses.is_empty() {
                    continue;
                }
                let members = self.members_asked_about(question, binding, asks);
                if members.identities.is_empty() {
                    continue;
                }
                let (resources, cut) = below.get_or_insert_with(|| self.below(top, question.options, now));
                let mut gaps = members.gaps;
                gaps.extend(unread.then_some(Gap::Role));
                gaps.extend(cut.then_some(Gap::TooMany));
                let lists = self.access_lists(question, attached, binding, resources, &accesses);
                let edges = members.edges.iter().filter(|_| question.options.group_edges);
                let identity = |(name, gap): (&String, &Option<Gap>)| json!({"name": name, "analysisState": gap.map(Gap::json)});
                found.results.push(json!({"attachedResourceFullName": self.asset_name(attached),
                    "iamBinding": binding, "accessControlLists": lists,
                    "identityList": {
                        "identities": members.identities.iter().map(identity).collect::<Vec<_>>(),
                        "groupEdges": edges.map(|(from, to)| edge(from, to)).collect::<Vec<_>>()},
                    "fullyExplored": gaps.is_empty()}));
                found.identities.extend(members.identities.into_keys());
                found.resources.extend(&*resources);
                found.gaps.extend(gaps);
            }
        }
        found
    }

    /// The resource, with its descendants if these were asked for, and whether there are more of them.
    fn below(&self, top: Resource, options: AnalysisOptions, now: i64) -> (Vec<Resource>, bool) {
        if !options.expand_resources || matches!(top, Resource::Account(_)) {
            return (vec![top], false);
        }
        let assets = self.assets(top, AssetTypes::resources(), Cursor::default(), now);
        let mut inside = assets.map(|(_, asset)| asset.of);
        let first = inside.by_ref().take(MOST).collect();
        (first, inside.next().is_some())
    }

    /// What of a role was asked for, and whether the caller cannot see what it gives though that matters.
    fn accesses(
        &self,
        question: &AnalysisQuery,
        role: &str,
        asks: TokenHolder<'_>,
        now: i64,
    ) -> (Vec<Value>, bool) {
        let is_any = question.roles.is_empty() && question.permissions.is_empty();
        let asks_permissions = !question.permissions.is_empty() || (is_any && question.options.expand_roles);
        let named = is_any || question.roles.iter().any(|name| name == role);
        let unread = asks_permissions && !self.can_read_role(role, asks, now);
        if unread {
            return (vec![json!({"role": role, "analysisState": Gap::Role.json()})], true);
        }
        let mut all: Vec<Value> = named.then(|| json!({"role": role})).into_iter().collect();
        let permission = |name: &String| json!({"permission": name});
        if is_any && asks_permissions {
            all.extend(self.permissions_of(role).iter().map(permission));
        }
        let asked = question.permissions.iter().filter(|name| self.role_gives(role, name));
        all.extend(asked.map(permission));
        (all, false)
    }

    /// Whether a caller can see what a role gives: everyone can for predefined roles.
    pub(crate) fn can_read_role(&self, role: &str, asks: TokenHolder<'_>, now: i64) -> bool {
        role.split_once("/roles/").is_none_or(|(parent, _)| {
            self.node(parent).is_some_and(|on| self.allows(asks, "iam.roles.get", on, now))
        })
    }

    fn members_asked_about(
        &self,
        question: &AnalysisQuery,
        binding: &Binding,
        asks: TokenHolder<'_>,
    ) -> Members {
        let mut members = Members::default();
        for member in &binding.members {
            match &question.identity {
                Some(identity) if identity == member => {
                    members.identities.insert(member.clone(), None);
                }
                Some(identity) if member.starts_with("group:") => {
                    self.look_for(identity, member, asks, &mut members);
                }
                Some(_) => {}
                None => {
                    members.identities.insert(member.clone(), None);
                    if question.options.expand_groups {
                        self.expand(member, asks, &mut members);
                    }
                }
            }
        }
        // Who is in a binding is in it, whatever closed groups are there too.
        if question.identity.as_ref().is_some_and(|identity| members.identities.get(identity) == Some(&None))
        {
            members.gaps.clear();
        }
        members
    }

    /// An identity in a group of a binding, with the edges that lead there. Where members are hidden, it may be among
    /// them: then it is in the answer, with what is not known.
    fn look_for(&self, identity: &str, group: &str, asks: TokenHolder<'_>, members: &mut Members) {
        let mut inside = Members::default();
        self.expand(group, asks, &mut inside);
        if inside.identities.contains_key(identity) {
            members.identities.insert(identity.to_owned(), None);
            members.edges.extend(inside.edges);
            return;
        }
        if let Some(gap) = inside.gaps.first() {
            members.identities.entry(identity.to_owned()).or_insert(Some(*gap));
            members.gaps.extend(inside.gaps);
        }
    }

    /// The members of a group and of the groups in it, as far as the caller can see them.
    fn expand(&self, member: &str, asks: TokenHolder<'_>, members: &mut Members) {
        let mut open = vec![member.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(group) = open.pop() {
            let Some(inside) = group.strip_prefix("group:").and_then(|email| self.groups.get(email)) else {
                continue;
            };
            if !seen.insert(group.clone()) {
                continue;
            }
            if self.includes(&group, asks.who, None) != Verdict::Yes {
                members.gaps.insert(Gap::Group);
                members.identities.insert(group, Some(Gap::Group));
                continue;
            }
            members.gaps.extend((inside.len() > MOST).then_some(Gap::TooMany));
            for one in inside.iter().take(MOST) {
                members.edges.push((group.clone(), one.clone()));
                members.identities.entry(one.clone()).or_default();
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
        asks: TokenHolder<'_>,
        now: i64,
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
                let reached = self.analyze(&acting, asks, now).resources;
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
