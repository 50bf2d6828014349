//! Who has a permission, computed from the policies of a resource and its ancestors. It changes nothing.

use std::collections::HashSet;

use super::boundary::TokenHolder;
use super::condition::{self, Facts};
use super::deny::{self, DenyPolicy};
use super::role;
use super::state::{Resource, State};
use super::tokens::Principal;
use super::verdict::Verdict;

impl State {
    /// Whether someone has a permission on a resource, at a time: a role gives it, no deny policy takes it away, and the
    /// boundary of their token leaves it.
    pub(crate) fn allows<'a>(
        &self,
        holder: impl Into<TokenHolder<'a>>,
        permission: &str,
        on: Resource,
        now: i64,
    ) -> bool {
        let TokenHolder { who, within } = holder.into();
        let facts = self.facts(on, now);
        if within.is_some_and(|boundary| !boundary.leaves(self, permission, on, &facts)) {
            return false;
        }
        let given = self.ancestors(on).any(|level| {
            self.enforced_policy(level, now).bindings.iter().any(|binding| {
                self.role_gives(&binding.role, permission)
                    && binding.members.iter().any(|member| self.includes(member, who, None) == Verdict::Yes)
                    && binding.condition.as_ref().is_none_or(|c| condition::holds(&c.expression, &facts))
            })
        });
        given && !self.denies(who, permission, on, &facts)
    }

    /// Whether a deny policy takes a permission away.
    fn denies(&self, who: &Principal, permission: &str, on: Resource, facts: &Facts) -> bool {
        let permission = deny::v2(permission);
        let includes = |principal: &str| self.includes(&deny::member(principal), who, None);
        let mut rules = self.ancestors(on).flat_map(|level| self.deny_policies(level)).flat_map(|p| &p.rules);
        rules.any(|rule| rule.denies(&permission, includes, facts) == Verdict::Yes)
    }

    /// The deny policies that are attached to a resource; accounts have none.
    pub(crate) fn deny_policies(&self, of: Resource) -> &[DenyPolicy] {
        match of {
            Resource::Account(_) => &[],
            Resource::Project(i) => &self.projects[i].deny_policies,
            Resource::Folder(i) => &self.folders[i].deny_policies,
            Resource::Organization(i) => &self.organizations[i].deny_policies,
        }
    }

    /// Whether a role gives a permission.
    pub(crate) fn role_gives(&self, role: &str, permission: &str) -> bool {
        match role::predefined().get(role) {
            Some(role) => role.permissions.contains(&permission),
            None => {
                self.custom_role(role).is_some_and(|role| role.permissions.iter().any(|p| p == permission))
            }
        }
    }

    /// Whether a member of a policy includes a principal. Deleted members include none; groups can be nested. As
    /// groups are by default, the members of a group are hidden from a caller outside of it; without a caller nothing is
    /// hidden.
    pub(crate) fn includes(&self, member: &str, who: &Principal, asks: Option<&Principal>) -> Verdict {
        // Groups may contain each other: each is looked into once.
        let mut seen = HashSet::new();
        let mut open = vec![member];
        let mut verdict = Verdict::No;
        while let Some(member) = open.pop() {
            verdict = match member.split_once(':') {
                Some(("group", email)) => {
                    let visible = asks
                        .is_none_or(|asks| asks == who || self.includes(member, asks, None) == Verdict::Yes);
                    match self.groups.get_key_value(&email.to_lowercase()) {
                        _ if !visible => verdict.or(Verdict::Hidden),
                        Some((email, members)) if seen.insert(email) => {
                            open.extend(members.iter().map(String::as_str));
                            verdict
                        }
                        _ => verdict,
                    }
                }
                _ => verdict.or(Verdict::of(self.is_or_means(member, who))),
            };
            if verdict == Verdict::Yes {
                break;
            }
        }
        verdict
    }

    /// The same for a member other than a group.
    fn is_or_means(&self, member: &str, who: &Principal) -> bool {
        if let Some(set) = member.strip_prefix("principalSet://cloudresourcemanager.googleapis.com/") {
            return self.is_account_below(who, set);
        }
        match member.split_once(':') {
            // `allAuthenticatedUsers` are those who signed in at Google.
            None => {
                member == "allUsers"
                    || (member == "allAuthenticatedUsers" && !matches!(who, Principal::Federated(_)))
            }
            Some(("domain", domain)) => match who {
                Principal::User(email) => {
                    email.rsplit_once('@').is_some_and(|(_, host)| host.eq_ignore_ascii_case(domain))
                }
                Principal::Account(_) | Principal::Federated(_) => false,
            },
            Some(_) => match who {
                Principal::Federated(who) => who.is_in(member),
                Principal::User(_) | Principal::Account(_) => member.eq_ignore_ascii_case(&who.member()),
            },
        }
    }

    /// Whether a principal is among all accounts of `projects/N/type/ServiceAccount` or its like, which deny policies
    /// name.
    fn is_account_below(&self, who: &Principal, set: &str) -> bool {
        let (Principal::Account(email), Some(name)) = (who, set.strip_suffix("/type/ServiceAccount")) else {
            return false;
        };
        match (self.account(email), self.node(name)) {
            (Some(i), Some(top)) => self.ancestors(Resource::Account(i)).any(|level| level == top),
            _ => false,
        }
    }

    /// The facts for conditions in a request about a resource.
    pub(crate) fn facts(&self, on: Resource, now: i64) -> Facts {
        let (service, kind) = match on {
            Resource::Account(_) => ("iam.googleapis.com", "iam.googleapis.com/ServiceAccount"),
            Resource::Project(_) => {
                ("cloudresourcemanager.googleapis.com", "cloudresourcemanager.googleapis.com/Project")
            }
            Resource::Folder(_) => {
                ("cloudresourcemanager.googleapis.com", "cloudresourcemanager.googleapis.com/Folder")
            }
            Resource::Organization(_) => {
                ("cloudresourcemanager.googleapis.com", "cloudresourcemanager.googleapis.com/Organization")
            }
        };
        let name = match on {
            Resource::Account(i) => format!("projects/-/serviceAccounts/{}", self.accounts[i].unique_id),
            other => self.name(other),
        };
        Facts { now: Some(now), name: Some(name), kind: Some(kind.into()), service: Some(service.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::federated::Federated;
    use crate::names::GET_ACCESS_TOKEN as MINT;
    use crate::world::World;

    fn state(account_policy: &str, project_policy: &str) -> State {
        let text = format!(
            r#"{{"organizations":[{{"number":1,"domain":"example.com"}}],
                "groups":[{{"email":"g@example.com","members":["group:h@example.com"]}},
                          {{"email":"h@example.com","members":["user:ann@example.com"]}}],
                "projects":[{{"id":"p","number":2,"parent":"organizations/1",
                    "roles":[{{"id":"minter","permissions":["{MINT}"]}}],
                    "policy":{{"bindings":{project_policy}}},
                    "accounts":[{{"email":"a","policy":{{"bindings":{account_policy}}}}}]}}]}}"#
        );
        State::new(World::parse(&text).unwrap(), 0)
    }

    fn ann_may(account_policy: &str, project_policy: &str) -> bool {
        let ann = Principal::User("ann@example.com".into());
        state(account_policy, project_policy).allows(&ann, MINT, Resource::Account(0), 1_700_000_000)
    }

    fn creator(member: &str) -> String {
        format!(r#"[{{"role":"roles/iam.serviceAccountTokenCreator","members":["{member}"]}}]"#)
    }

    #[test]
    fn a_role_on_the_account_or_on_its_project_gives_its_permissions() {
        assert!(!ann_may("[]", "[]"));
        assert!(ann_may(&creator("user:ann@example.com"), "[]"));
        assert!(ann_may("[]", &creator("user:ANN@example.com")));
        assert!(ann_may(r#"[{"role":"projects/p/roles/minter","members":["domain:example.com"]}]"#, "[]"));
    }

    #[test]
    fn groups_and_everybody_include_ann_and_deleted_members_do_not() {
        for member in ["group:g@example.com", "allUsers", "allAuthenticatedUsers"] {
            assert!(ann_may(&creator(member), "[]"), "{member}");
        }
        assert!(!ann_may(&creator("deleted:user:ann@example.com?uid=1"), "[]"));
        assert!(!ann_may(&creator("serviceAccount:ann@example.com"), "[]"));
    }

    #[test]
    fn a_condition_that_has_ended_gives_nothing() {
        let until = |year| {
            format!(
                r#"[{{"role":"roles/iam.serviceAccountTokenCreator","members":["user:ann@example.com"],
                    "condition":{{"expression":"request.time < timestamp(\"{year}-01-01T00:00:00Z\")"}}}}]"#
            )
        };
        assert!(!ann_may(&until(2020), "[]"));
        assert!(ann_may(&until(2099), "[]"));
    }

    #[test]
    fn somebody_of_a_pool_has_what_is_given_to_the_pool_a_group_or_an_attribute_of_theirs() {
        const POOL: &str = "//iam.googleapis.com/projects/2/locations/global/workloadIdentityPools/ci-pool";
        let runner = Federated {
            groups: vec!["builders".into()],
            attributes: [("repository".to_owned(), "acme/app".to_owned())].into(),
            ..Federated::parse(&format!("principal:{POOL}/subject/Runner@example.com")).unwrap()
        };
        let runner = Principal::Federated(Box::new(runner));
        let may = |member: &str| {
            state(&creator(member), "[]").allows(&runner, MINT, Resource::Account(0), 1_700_000_000)
        };
        for set in ["/group/builders", "/attribute.repository/acme/app", "/*"] {
            assert!(may(&format!("principalSet:{POOL}{set}")), "{set}");
        }
        assert!(may(&format!("principal:{POOL}/subject/Runner@example.com")) && may("allUsers"));
        for other in
            ["user:Runner@example.com", "allAuthenticatedUsers", "domain:example.com", "group:g@example.com"]
        {
            assert!(!may(other), "{other}");
        }
        for other in [
            "principal:{POOL}/subject/runner@example.com",
            "principalSet:{POOL}-2/*",
            "deleted:principal:{POOL}/subject/Runner@example.com",
        ] {
            assert!(!may(&other.replace("{POOL}", POOL)), "{other}");
        }
    }

    #[test]
    fn an_owner_may_not_mint() {
        assert!(!ann_may("[]", r#"[{"role":"roles/owner","members":["user:ann@example.com"]}]"#));
    }

    #[test]
    fn a_deny_policy_above_wins_over_a_role_on_the_account() {
        let mut state = state(&creator("user:ann@example.com"), "[]");
        let ann = Principal::User("ann@example.com".into());
        let may = |state: &State| state.allows(&ann, MINT, Resource::Account(0), 1_700_000_000);
        let deny = |principal: &str, spared: &str| {
            let rule = format!(
                r#"[{{"id":"d","rules":[{{"deniedPrincipals":["{principal}"],"exceptionPrincipals":[{spared}],
                    "deniedPermissions":["iam.googleapis.com/serviceAccounts.getAccessToken"]}}]}}]"#
            );
            serde_json::from_str::<Vec<DenyPolicy>>(&rule).unwrap()
        };
        let group = "principalSet://goog/group/g@example.com";
        for principal in ["principal://goog/subject/ann@example.com", group, "principalSet://goog/public:all"]
        {
            state.organizations[0].deny_policies = deny(principal, "");
            assert!(!may(&state), "{principal}");
        }
        state.organizations[0].deny_policies = deny(group, "\"principal://goog/subject/ann@example.com\"");
        assert!(may(&state));
        let accounts = "principalSet://cloudresourcemanager.googleapis.com/projects/2/type/ServiceAccount";
        state.organizations[0].deny_policies = deny(accounts, "");
        assert!(may(&state));
        let own = Principal::Account("a@p.iam.gserviceaccount.com".into());
        assert!(state.is_account_below(&own, "projects/2/type/ServiceAccount"));
    }

    #[test]
    fn who_is_in_a_group_is_hidden_from_those_who_are_not() {
        let state = state("[]", "[]");
        let [ann, bob, carol] =
            ["ann", "bob", "carol"].map(|name| Principal::User(format!("{name}@example.com")));
        let seen = |who, asks| state.includes("group:g@example.com", who, asks);
        assert_eq!(seen(&ann, Some(&bob)), Verdict::Hidden);
        assert_eq!(seen(&carol, Some(&ann)), Verdict::No);
        assert_eq!(seen(&ann, Some(&ann)), Verdict::Yes);
        assert_eq!(seen(&ann, None), Verdict::Yes);
    }

    #[test]
    fn groups_that_all_contain_each_other_are_each_looked_into_once() {
        let mut state = state(&creator("group:0@example.com"), "[]");
        let names: Vec<String> = (0..40).map(|i| format!("{i}@example.com")).collect();
        let all: Vec<String> = names.iter().map(|name| format!("group:{name}")).collect();
        state.groups = names.iter().map(|name| (name.clone(), all.clone())).collect();
        let [ann, bob] = ["ann", "bob"].map(|name| Principal::User(format!("{name}@example.com")));
        let may = |state: &State, who| state.allows(who, MINT, Resource::Account(0), 1_700_000_000);
        assert!(!may(&state, &ann));
        assert_eq!(state.includes(&all[0], &ann, Some(&bob)), Verdict::Hidden);
        state.groups.get_mut("39@example.com").unwrap().push("user:ann@example.com".into());
        assert!(may(&state, &ann) && !may(&state, &bob));
        assert_eq!(state.includes(&all[0], &bob, Some(&ann)), Verdict::No);
    }
}
