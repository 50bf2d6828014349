//! Why a principal has a permission or not: what each policy up the hierarchy says about it, as far as the
//! caller can see that policy, the role and the group. It only explains; `permission` decides.

use super::boundary::TokenHolder;
use super::condition::{self, Facts, Unreadable};
use super::deny::{self, DenyPolicy, DenyRule};
use super::policy::Binding;
use super::state::{Resource, State};
use super::tokens::Principal;
use super::verdict::Verdict;

pub(crate) struct AccessQuestion<'a> {
    /// Where the answer is looked up.
    pub(crate) state: &'a State,
    /// The caller. What they cannot read is left out.
    pub(crate) asks: TokenHolder<'a>,
    pub(crate) who: Principal,
    /// The permission in the v1 form.
    pub(crate) permission: String,
    pub(crate) facts: Facts,
    pub(crate) now: i64,
}

/// What the allow policy of a level says; without bindings if the caller cannot read it.
pub(crate) struct ExplainedPolicy<'a> {
    /// The resource, if the caller can read the policy.
    pub(crate) on: Option<Resource>,
    pub(crate) access: Verdict,
    pub(crate) bindings: Vec<ExplainedBinding<'a>>,
}

/// What a binding says.
pub(crate) struct ExplainedBinding<'a> {
    pub(crate) binding: &'a Binding,
    /// Whether the role has the permission.
    pub(crate) role: Verdict,
    /// Whether each member includes the principal in question; `None` for a kind of member that can't be asked for.
    pub(crate) members: Vec<(&'a str, Option<Verdict>)>,
    /// What becomes of the condition, if it has one.
    pub(crate) condition: Option<Result<Option<bool>, Unreadable>>,
    pub(crate) access: Verdict,
}

/// What the deny policies of a level say; without policies if the caller cannot read them.
pub(crate) struct ExplainedDeny<'a> {
    /// The resource, if the caller can read its policies.
    pub(crate) on: Option<Resource>,
    /// Whether one of them denies.
    pub(crate) denies: Verdict,
    pub(crate) policies: &'a [DenyPolicy],
}

impl<'a> AccessQuestion<'a> {
    /// What the allow policies say, from the resource up. `None` is a level that does not exist.
    pub(crate) fn allow(&self, levels: &[Option<Resource>]) -> Vec<ExplainedPolicy<'a>> {
        levels.iter().map(|level| self.allowed(*level)).collect()
    }

    /// What the deny policies say, from the resource up, for levels that have some or that the caller cannot read.
    pub(crate) fn deny(&self, levels: &[Option<Resource>]) -> Vec<ExplainedDeny<'a>> {
        let denied = levels.iter().map(|level| match level {
            Some(on) if self.may_read_denials(*on) => {
                let policies = self.state.deny_policies(*on);
                let denies = Verdict::any(policies.iter().map(|policy| self.denies(policy)));
                ExplainedDeny { on: Some(*on), denies, policies }
            }
            _ => ExplainedDeny { on: None, denies: Verdict::Hidden, policies: &[] },
        });
        // An account has no deny policies, readable or not.
        let attachable = levels.iter().map(|level| !matches!(level, Some(Resource::Account(_))));
        let kept = denied.zip(attachable).filter(|(denied, attachable)| {
            *attachable && (denied.on.is_none() || !denied.policies.is_empty())
        });
        kept.map(|(denied, _)| denied).collect()
    }

    pub(crate) fn denies(&self, policy: &DenyPolicy) -> Verdict {
        Verdict::any(policy.rules.iter().map(|rule| self.rule_denies(rule)))
    }

    pub(crate) fn rule_denies(&self, rule: &DenyRule) -> Verdict {
        rule.denies(&deny::v2(&self.permission), |principal| self.is_denied(principal), &self.facts)
    }

    /// Whether a principal of a deny rule includes the principal in question.
    pub(crate) fn is_denied(&self, principal: &str) -> Verdict {
        self.state.includes(&deny::member(principal), &self.who, Some(self.asks.who))
    }

    /// Whether the caller can read the allow policy of a level.
    fn may_read(&self, on: Resource) -> bool {
        let permission = match on {
            Resource::Account(_) => "iam.serviceAccounts.getIamPolicy",
            Resource::Project(_) => "resourcemanager.projects.getIamPolicy",
            Resource::Folder(_) => "resourcemanager.folders.getIamPolicy",
            Resource::Organization(_) => "resourcemanager.organizations.getIamPolicy",
        };
        self.state.allows(self.asks, permission, on, self.now)
    }

    /// Whether the caller can read the deny policies of a level.
    fn may_read_denials(&self, on: Resource) -> bool {
        self.state.allows(self.asks, "iam.denypolicies.get", on, self.now)
    }

    fn allowed(&self, level: Option<Resource>) -> ExplainedPolicy<'a> {
        let Some(on) = level.filter(|on| self.may_read(*on)) else {
            return ExplainedPolicy { on: None, access: Verdict::Hidden, bindings: Vec::new() };
        };
        let bindings: Vec<ExplainedBinding> = self
            .state
            .enforced_policy(on, self.now)
            .bindings
            .iter()
            .map(|b| self.explain_binding(b))
            .collect();
        let access = Verdict::any(bindings.iter().map(|given| given.access));
        ExplainedPolicy { on: Some(on), access, bindings }
    }

    fn explain_binding(&self, binding: &'a Binding) -> ExplainedBinding<'a> {
        let role = self.role(&binding.role);
        let members: Vec<(&str, Option<Verdict>)> =
            binding.members.iter().map(|member| (member.as_str(), self.member(member))).collect();
        let condition = binding.condition.as_ref();
        let condition = condition.map(|c| condition::evaluate(&c.expression, &self.facts));
        let holds = match &condition {
            None => Verdict::Yes,
            Some(Ok(Some(holds))) => Verdict::of(*holds),
            Some(_) => Verdict::Open,
        };
        // A kind of member that cannot be asked for includes no Google account, which is all one can ask for.
        let among = Verdict::any(members.iter().filter_map(|(_, verdict)| *verdict));
        let access = role.and(among).and(holds);
        ExplainedBinding { binding, role, members, condition, access }
    }

    /// Everyone can read predefined roles; a custom one needs the permission on its parent.
    fn role(&self, name: &str) -> Verdict {
        let hidden = name.split_once("/roles/").is_some_and(|(parent, _)| {
            let at = self.state.node(parent);
            at.is_none_or(|at| !self.state.allows(self.asks, "iam.roles.get", at, self.now))
        });
        if hidden { Verdict::Hidden } else { Verdict::of(self.state.role_gives(name, &self.permission)) }
    }

    fn member(&self, member: &str) -> Option<Verdict> {
        let pool = member.starts_with("principal:") || member.starts_with("principalSet:");
        (!pool).then(|| self.state.includes(member, &self.who, Some(self.asks.who)))
    }
}
