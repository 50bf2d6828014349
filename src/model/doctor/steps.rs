//! What to do about a cause, as data: the screen has a key for each step, the command line prints the sentence.

use super::{Cause, Found, Known, failing_hop, lacker, who};
use crate::model::{
    account::{is_name, project_of, short},
    denial::{Refusal, SHARED_CLIENT_PROJECTS, is_mint_permission},
    member::{Kind, Member},
    permission::{self, Permission, SET_IAM_POLICY},
    policy::{Triple, export},
    role,
    shell::quote,
    visible,
};

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The action.
    pub what: StepAction,
    /// One plain sentence or clause.
    pub text: String,
}

impl Step {
    /// The same for a shell, where there are no keys: a clause, and the command or text that does it.
    pub fn for_shell(&self) -> (String, Option<String>) {
        let (says, does) = match &self.what {
            StepAction::Grant { account, member: Some(member), permission, may_edit: true } => {
                let (account, member) = (quote(account), quote(member));
                let role = permission.role;
                let command =
                    format!("impersona policy grant {account} --member={member} --role={role} --expires=1h");
                ("grant it for an hour", Some(command))
            }
            StepAction::Grant { .. } => ("ask an administrator to grant it", None),
            StepAction::Enable { service, project } => {
                let command =
                    format!("gcloud services enable {} --project={}", quote(service), quote(project));
                return (self.text.clone(), Some(command));
            }
            StepAction::WhoCanGrant(names) => {
                return (format!("these can grant it: {}", names.join(", ")), None);
            }
            StepAction::Copy { text, .. } if self.text.contains(text.as_str()) => {
                return (self.text.clone(), None);
            }
            StepAction::Copy { text, .. } => return (self.text.clone(), Some(text.clone())),
            StepAction::QuotaProject => ("charge another project: --quota-project PROJECT", None),
            StepAction::NoQuotaProject => ("continue without a quota project: --no-quota-project", None),
            StepAction::OtherCaller => ("use other credentials: --credentials FILE", None),
            StepAction::ShorterLifetime => ("mint it for at most an hour: --lifetime 1h", None),
            StepAction::Again => ("try again", None),
            StepAction::Watch { account, .. } => {
                ("wait until IAM says yes", Some(format!("impersona can {}", quote(account))))
            }
            StepAction::Troubleshoot => return (self.text.clone(), None),
            StepAction::ReadPolicy(account) => {
                ("read the policy again", Some(format!("impersona policy get {}", quote(account))))
            }
            StepAction::Told => return (self.text.clone(), None),
        };
        (says.to_owned(), does)
    }
}

/// What a step does. None of them changes anything at Google without a further confirmation; some mint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepAction {
    /// Enable an API.
    Enable {
        /// `iamcredentials.googleapis.com`
        service: String,
        /// ID or number.
        project: String,
    },
    /// Stage a grant, or write the request for it if the caller can't edit.
    Grant {
        /// The account to grant on.
        account: String,
        /// The member to grant to; `None` if the caller is unknown.
        member: Option<String>,
        /// The permission that the grant has to give.
        permission: Permission,
        /// Whether the caller can write that policy, as far as it was tested.
        may_edit: bool,
    },
    /// Show who could grant it.
    WhoCanGrant(Vec<String>),
    /// Copy a text: a command, a request.
    Copy {
        /// The text.
        text: String,
        /// What it is, for the notice: `the login command`.
        what: &'static str,
    },
    /// Choose the quota project.
    QuotaProject,
    /// Continue without a quota project.
    NoQuotaProject,
    /// Switch callers.
    OtherCaller,
    /// Mint again with the lifetime that is always allowed.
    ShorterLifetime,
    /// Try the same again.
    Again,
    /// Poll until IAM says yes, then report it.
    Watch {
        /// The account to poll.
        account: String,
        /// The permission to wait for.
        permission: Permission,
    },
    /// Ask Policy Troubleshooter.
    Troubleshoot,
    /// Read the policy of this account again and show it.
    ReadPolicy(String),
    /// Something that a key can't do.
    Told,
}

/// The steps, best first. `next` is what the denial alone suggests.
pub(super) fn steps(
    refusal: &Refusal,
    cause: Cause,
    found: &Found,
    known: &Known<'_>,
    next: &str,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut add = |what, text: String| steps.push(Step { what, text });
    let account = Some(&refusal.asked.resource).filter(|name| is_name(name));
    match cause {
        Cause::ApiDisabled => match refusal.consumer() {
            Some(consumer) if SHARED_CLIENT_PROJECTS.contains(&consumer) => {
                add(
                    StepAction::QuotaProject,
                    format!("charge a project of your own: {consumer} is Google's"),
                );
                let text = "gcloud auth application-default set-quota-project PROJECT".to_owned();
                add(
                    StepAction::Copy { text: text.clone(), what: "the command" },
                    format!("permanently: {text}"),
                );
            }
            Some(consumer) => {
                let (service, project) = (refusal.service().to_owned(), consumer.to_owned());
                let text =
                    format!("gcloud services enable {} --project={}", quote(&service), quote(&project));
                add(
                    StepAction::Enable { service: service.clone(), project: project.clone() },
                    format!(
                        "enable {service} in project {project}; requires serviceusage.services.enable there"
                    ),
                );
                add(StepAction::Copy { text, what: "the command" }, "copy the gcloud command for it".into());
                add(StepAction::QuotaProject, "charge another project that has it enabled".into());
            }
            None => add(StepAction::Told, next.to_owned()),
        },
        Cause::PermissionMissing
        | Cause::OnItself
        | Cause::ConditionFalse
        | Cause::DenyPolicy
        | Cause::ChainHop => {
            let missing = Missing::of(refusal, known);
            missing.grant(cause, refusal, known, &mut add);
            if let Some(account) = account
                && cause == Cause::DenyPolicy
            {
                if known.examined.troubleshot.is_none() {
                    add(StepAction::Troubleshoot, "ask Policy Troubleshooter which policy denies it".into());
                }
                if let Some(watch) = watch(account, refusal) {
                    add(watch, "wait until it works: a new grant takes a few minutes".into());
                }
            }
            if cause == Cause::DenyPolicy {
                denied(refusal, known, &mut add);
                return steps;
            }
            if !found.granters.is_empty() {
                let names = found.granters.iter().map(|member| member.as_str().to_owned()).collect();
                add(
                    StepAction::WhoCanGrant(names),
                    format!("see who can grant it: {}", count(&found.granters)),
                );
            }
            missing.request(refusal, known, &mut add);
            if cause == Cause::PermissionMissing
                && known.examined.troubleshot.is_none()
                && account.is_some()
                && !found.complete
            {
                add(
                    StepAction::Troubleshoot,
                    "ask Policy Troubleshooter, which might see more than you".into(),
                );
            }
        }
        Cause::Propagating => {
            add(StepAction::Again, "try again now".into());
            if let Some(account) = account
                && refusal.reason.as_deref() != Some("SERVICE_DISABLED")
                && let Some(watch) = watch(account, refusal)
            {
                add(watch, "wait until IAM says yes, three times in a row".into());
            }
        }
        Cause::ScopeMissing | Cause::LoginAgain | Cause::NoCredentials => {
            let text = known.remedy.unwrap_or(next).to_owned();
            match command(&text) {
                Some(login) => {
                    add(StepAction::Copy { text: login.to_owned(), what: "the command" }, text.clone())
                }
                None => add(StepAction::Told, text),
            }
            add(StepAction::OtherCaller, "switch to another caller for now".into());
        }
        Cause::QuotaProject => {
            match command(next) {
                Some(text) => {
                    add(StepAction::Copy { text: text.to_owned(), what: "the command" }, next.to_owned())
                }
                None => add(StepAction::QuotaProject, "charge another project".into()),
            }
            if refusal.reason.as_deref() == Some("USER_PROJECT_DENIED")
                && let Some(project) = refusal.consumer()
            {
                let who = known.caller.and_then(|caller| caller.member()).unwrap_or_else(|| "MEMBER".into());
                let text = format!(
                    "gcloud projects add-iam-policy-binding {} --member={} --role=roles/serviceusage.serviceUsageConsumer --condition=None",
                    quote(project),
                    quote(&who)
                );
                add(
                    StepAction::Copy { text, what: "the request for an administrator" },
                    format!("ask for roles/serviceusage.serviceUsageConsumer on {project}"),
                );
            }
        }
        Cause::LifetimeTooLong => {
            add(StepAction::ShorterLifetime, "mint it again for 1h, which is always allowed".into());
            let text = "constraints/iam.allowServiceAccountCredentialLifetimeExtension".to_owned();
            add(StepAction::Copy { text, what: "the constraint" }, "or ask an administrator to list the account in constraints/iam.allowServiceAccountCredentialLifetimeExtension".into());
        }
        Cause::Conflict if account.is_some() => {
            let account = account.cloned().unwrap_or_default();
            add(StepAction::ReadPolicy(account), "read the policy again; staged changes are kept".into());
        }
        Cause::RateLimited | Cause::ServerTrouble => {
            add(StepAction::Told, next.to_owned());
            add(StepAction::Again, "try again".into());
        }
        Cause::AccountDisabled => {
            let named = refusal.email().or(account.map(String::as_str));
            let email = named.unwrap_or("ACCOUNT").to_owned();
            let project = project_of(&email).map(|project| format!(" --project={}", quote(&project)));
            let text = format!(
                "gcloud iam service-accounts enable {}{}",
                quote(&email),
                project.unwrap_or_default()
            );
            add(StepAction::Copy { text, what: "the command for an administrator" }, next.to_owned());
        }
        Cause::ServicePerimeter => match refusal.metadata.get("uid") {
            Some(uid) => add(
                StepAction::Copy { text: visible::line(uid).into_owned(), what: "the identifier" },
                next.to_owned(),
            ),
            None => add(StepAction::Told, next.to_owned()),
        },
        Cause::DomainRestricted | Cause::OrganizationPolicy => {
            let words = refusal.violator.as_ref().unwrap_or(&refusal.message);
            let text = visible::line(&format!("{words} {next}")).into_owned();
            add(StepAction::Copy { text, what: "what an administrator needs" }, next.to_owned());
        }
        Cause::Billing => {
            let project = quote(refusal.consumer().unwrap_or("PROJECT"));
            let text = format!("gcloud billing projects link {project} --billing-account=ID");
            add(
                StepAction::Copy { text, what: "the command" },
                "link a billing account to the project".into(),
            );
            add(StepAction::QuotaProject, "charge another project".into());
        }
        Cause::Federation | Cause::WorkspaceDelegation => {
            let text = visible::line(command(next).unwrap_or(next)).into_owned();
            add(StepAction::Copy { text, what: "what to do" }, next.to_owned());
            add(StepAction::OtherCaller, "switch to another caller for now".into());
        }
        Cause::CredentialRefused => {
            let text = command(next).map_or_else(|| next.to_owned(), str::to_owned);
            add(StepAction::Copy { text, what: "what to do" }, next.to_owned());
        }
        _ => match command(next) {
            Some(text) => {
                add(StepAction::Copy { text: text.to_owned(), what: "the command" }, next.to_owned())
            }
            None => add(StepAction::Told, next.to_owned()),
        },
    }
    if let Some(project) = refusal.refused_quota_project() {
        let text = format!("continue without the quota project {project}");
        steps.push(Step { what: StepAction::NoQuotaProject, text });
    }
    if steps.is_empty() {
        steps.push(Step { what: StepAction::Told, text: next.to_owned() });
    }
    steps
}

/// What someone who can change deny policies and boundaries has to know: another grant would change nothing.
fn denied(refusal: &Refusal, known: &Known<'_>, add: &mut impl FnMut(StepAction, String)) {
    let member = known.caller.and_then(|caller| caller.member()).unwrap_or_else(|| "MEMBER".into());
    let by =
        known.examined.troubleshot.as_ref().map(|said| said.denied_by.join(", ")).filter(|by| !by.is_empty());
    let by = by.map_or_else(
        || "a deny policy or a principal access boundary".to_owned(),
        |by| format!("the deny policy {by}"),
    );
    let text = format!(
        "{member} has a role that grants {} on {}, but {by} denies it. Please add an exception for this principal or this permission.",
        refusal.permission().unwrap_or("it"),
        refusal.asked.resource
    );
    let text = visible::line(&text).into_owned();
    let what = "the request for an administrator";
    add(StepAction::Copy { text, what }, "copy the request for an administrator of deny policies".into());
}

/// What is missing, where and for whom.
struct Missing {
    account: Option<String>,
    permission: Option<Permission>,
    /// `None` if the caller is unknown.
    member: Option<String>,
    /// `you`, `relay-a@acme-ci`
    who: String,
}

impl Missing {
    fn of(refusal: &Refusal, known: &Known<'_>) -> Missing {
        if !refusal.asked.delegates.is_empty() {
            let hop = failing_hop(refusal, &known.examined.hops);
            return Missing {
                account: hop.map(|hop| hop.to.clone()),
                permission: hop.map(|hop| hop.permission),
                member: match hop.and_then(|hop| hop.from.as_ref()) {
                    Some(from) => Some(format!("serviceAccount:{from}")),
                    None => known.caller.and_then(|caller| caller.member()),
                },
                who: who(hop.and_then(|hop| hop.from.as_deref())).into_owned(),
            };
        }
        let named = lacker(refusal, known);
        let member = named.clone().or_else(|| known.caller.and_then(|caller| caller.member()));
        let needed = refusal.permission().and_then(permission::by_name);
        Missing {
            account: Some(refusal.asked.resource.clone()).filter(|name| is_name(name)),
            permission: needed.map(|needed| needed.for_member(member.as_deref())),
            member: member.clone(),
            who: named
                .as_deref()
                .map_or("you", |member| member.split_once(':').map_or(member, |(_, name)| name))
                .to_owned(),
        }
    }

    fn grant(
        &self,
        cause: Cause,
        refusal: &Refusal,
        known: &Known<'_>,
        add: &mut impl FnMut(StepAction, String),
    ) {
        // A deny policy overrides every grant.
        if cause == Cause::DenyPolicy {
            return;
        }
        let (Some(account), Some(permission)) = (&self.account, self.permission) else { return };
        let title = role::title(permission.role).unwrap_or(permission.role);
        // If it is another account than the one that was tested, the grant's own form knows.
        let tested = known.examined.granted.filter(|_| refusal.asked.delegates.is_empty());
        let may_edit = tested.and_then(|granted| granted.answer(SET_IAM_POLICY));
        let on = short(account);
        let text = match may_edit {
            Some(true) => format!("stage and review the grant: {title} on {on} to {}, 1h", self.who),
            Some(false) => format!("prepare a request for an administrator: {title} on {on}"),
            None => {
                format!("stage the grant, or prepare a request for it: {title} on {on} to {}, 1h", self.who)
            }
        };
        let may_edit = may_edit == Some(true);
        add(
            StepAction::Grant { account: account.clone(), member: self.member.clone(), permission, may_edit },
            text,
        );
    }

    /// The request to an administrator, with the reason.
    fn request(&self, refusal: &Refusal, known: &Known<'_>, add: &mut impl FnMut(StepAction, String)) {
        let member = self.member.clone().unwrap_or_else(|| "MEMBER".into());
        let what = "the request for an administrator";
        let (Some(account), Some(permission)) = (&self.account, self.permission) else {
            let Some(name) = refusal.permission() else { return };
            let needed = permission::by_name(name).map(|needed| needed.role_for(self.member.as_deref()));
            let role = needed.or_else(|| refusal.usual_role(name));
            let on = match where_granted(&refusal.asked.resource) {
                "" if needed.is_some() => {
                    "the service account that is impersonated or attached (not on the project)"
                }
                on => on,
            };
            let text = match role {
                Some(role) => {
                    format!("Please grant {member} the role {role}{}. Missing: {name}.", on_what(on))
                }
                None => format!("Please grant {member} a role that contains {name}{}.", on_what(on)),
            };
            let text = visible::line(&text).into_owned();
            let asks = role.unwrap_or(name);
            return add(
                StepAction::Copy { text, what },
                format!("copy a request for an administrator: {asks}{}", on_what(on)),
            );
        };
        let triple =
            Triple { role: permission.role.to_owned(), member: Member::read(&member), condition: None };
        let project = project_of(account)
            .or_else(|| known.examined.account.as_ref().and_then(|found| found.project.clone()));
        let note = if is_mint_permission(permission) { " (Owner and Editor don't include it)" } else { "" };
        let reason = format!("Missing: {}{note}.", permission.name);
        let project = project.as_deref().unwrap_or("PROJECT");
        let text = export::request(&triple, account, project, Some(&reason));
        add(
            StepAction::Copy { text, what },
            "copy a request for an administrator: gcloud command and reason".into(),
        );
    }
}

/// The resource of a policy; for a custom role, the project or organization that it belongs to, and for a version, the
/// secret.
fn where_granted(resource: &str) -> &str {
    ["/roles/", "/versions/"]
        .iter()
        .find_map(|part| resource.split_once(part))
        .map_or(resource, |(owner, _)| owner)
}

fn on_what(on: &str) -> String {
    if on.is_empty() { String::new() } else { format!(" on {on}") }
}

/// Waiting until IAM says yes works only for the permissions in the matrix, which IAM can be asked about.
fn watch(account: &str, refusal: &Refusal) -> Option<StepAction> {
    let permission = refusal.permission().and_then(permission::by_name)?;
    Some(StepAction::Watch { account: account.to_owned(), permission })
}

/// `2 groups and 1 user`
fn count(members: &[Member]) -> String {
    let sorts = [("group", Kind::Group), ("user", Kind::User), ("service account", Kind::ServiceAccount)];
    let mut counted = 0;
    let mut parts = Vec::new();
    for (word, kind) in sorts {
        let count = members.iter().filter(|member| member.kind() == kind).count();
        counted += count;
        match count {
            0 => {}
            1 => parts.push(format!("1 {word}")),
            count => parts.push(format!("{count} {word}s")),
        }
    }
    match members.len() - counted {
        0 => {}
        others => parts.push(format!("{others} more")),
    }
    parts.join(" and ")
}

/// The command between backticks in a sentence.
fn command(sentence: &str) -> Option<&str> {
    let (_, rest) = sentence.split_once('`')?;
    rest.split_once('`').map(|(command, _)| command)
}
