//! Why somebody has a permission or does not: what each policy on the way up says of it, as far as the one who asks may
//! see that policy, the role and the group. It decides nothing; what is enforced is the permission's.

use super::boundary::Holder;
use super::condition::{self, Facts, Unreadable};
use super::deny::{self, DenyPolicy, DenyRule};
use super::policy::Binding;
use super::state::{Resource, State};
use super::tokens::Principal;
use super::verdict::Verdict;

/// A question to the troubleshooter.
pub struct Question<'a> {
    /// Where the answer is looked up.
    pub state: &'a State,
    /// The caller: what they may not read is not told.
    pub asks: Holder<'a>,
    /// Whose access it is about.
    pub who: Principal,
    /// The permission in the v1 form.
    pub permission: String,
    /// What conditions may look at.
    pub facts: Facts,
    /// When it is asked.
    pub now: i64,
}

/// What the allow policy of a level says; without bindings where it may not be read.
pub struct Allowed<'a> {
    /// The resource, if the policy may be read.
    pub on: Option<Resource>,
    /// What it comes to.
    pub access: Verdict,
    /// What each binding says.
    pub bindings: Vec<Given<'a>>,
}

/// What a binding says.
pub struct Given<'a> {
    /// The binding.
    pub binding: &'a Binding,
    /// Whether the role has the permission.
    pub role: Verdict,
    /// Whether each member includes whom it is about; nothing for a kind of member that can not be asked for.
    pub members: Vec<(&'a str, Option<Verdict>)>,
    /// What becomes of the condition, if it has one.
    pub condition: Option<Result<Option<bool>, Unreadable>>,
    /// What it comes to.
    pub access: Verdict,
}

/// What the deny policies of a level say; without policies where they may not be read.
pub struct Denied<'a> {
    /// The resource, if its policies may be read.
    pub on: Option<Resource>,
    /// Whether one of them denies.
    pub denies: Verdict,
    /// Each policy.
    pub policies: &'a [DenyPolicy],
}

impl<'a> Question<'a> {
    /// What the allow policies say, from the resource up. A level of nothing is one that is not there.
    pub fn allow(&self, levels: &[Option<Resource>]) -> Vec<Allowed<'a>> {
        levels.iter().map(|level| self.allowed(*level)).collect()
    }

    /// What the deny policies say, from the resource up: of levels that have some, or may not be read.
    pub fn deny(&self, levels: &[Option<Resource>]) -> Vec<Denied<'a>> {
        let denied = levels.iter().map(|level| match level {
            Some(on) if self.may_read(*on) => {
                let policies = self.state.deny_policies(*on);
                let denies = Verdict::any(policies.iter().map(|policy| self.denies(policy)));
                Denied { on: Some(*on), denies, policies }
            }
            _ => Denied { on: None, denies: Verdict::Hidden, policies: &[] },
        });
        // An account has no deny policies, readable or not.
        let attachable = levels.iter().map(|level| !matches!(level, Some(Resource::Account(_))));
        let kept = denied.zip(attachable).filter(|(denied, attachable)| {
            *attachable && (denied.on.is_none() || !denied.policies.is_empty())
        });
        kept.map(|(denied, _)| denied).collect()
    }

    /// Whether a deny policy denies.
    pub fn denies(&self, policy: &DenyPolicy) -> Verdict {
        Verdict::any(policy.rules.iter().map(|rule| self.rule_denies(rule)))
    }

    /// Whether a rule denies.
    pub fn rule_denies(&self, rule: &DenyRule) -> Verdict {
        rule.denies(&deny::v2(&self.permission), |principal| self.is_denied(principal), &self.facts)
    }

    /// Whether a principal of a deny rule includes whom it is about.
    pub fn is_denied(&self, principal: &str) -> Verdict {
        self.state.includes(&deny::member(principal), &self.who, Some(self.asks.who))
    }

    /// Whether the caller may read the policies of a level. Deny policies have a permission of their own
    /// (`iam.denypolicies.get`), which the table of roles does not hold: whoever reads the one reads the other.
    fn may_read(&self, on: Resource) -> bool {
        let permission = match on {
            Resource::Account(_) => "iam.serviceAccounts.getIamPolicy",
            Resource::Project(_) => "resourcemanager.projects.getIamPolicy",
            Resource::Folder(_) => "resourcemanager.folders.getIamPolicy",
            Resource::Organization(_) => "resourcemanager.organizations.getIamPolicy",
        };
        self.state.allows(self.asks, permission, on, self.now)
    }

    fn allowed(&self, level: Option<Resource>) -> Allowed<'a> {
        let Some(on) = level.filter(|on| self.may_read(*on)) else {
            return Allowed { on: None, access: Verdict::Hidden, bindings: Vec::new() };
        };
        let bindings: Vec<Given> =
            self.state.enforced_policy(on, self.now).bindings.iter().map(|b| self.given(b)).collect();
        let access = Verdict::any(bindings.iter().map(|given| given.access));
        Allowed { on: Some(on), access, bindings }
    }

    fn given(&self, binding: &'a Binding) -> Given<'a> {
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
        Given { binding, role, members, condition, access }
    }

    /// Everybody may read predefined roles; a custom one whoever may where it lies.
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
