//! What supports a cause, and what was ruled out: lines for people, each with a mark.

use super::{Cause, Confidence, Found, Known, who};
use crate::model::{
    account::short, chain::HopState, denial::Refusal, permission, policy::gives::Gives, scopes,
};

/// The meaning of a line of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Fact,
    /// Fine: not the cause.
    Fine,
    Wrong,
    Unknown,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub(crate) mark: Mark,
    /// A clause, without a full stop.
    pub text: String,
}

/// More lines of one kind than these are summed up.
const MOST: usize = 4;

pub(super) fn gather(refusal: &Refusal, cause: Cause, found: &Found, known: &Known<'_>) -> Vec<Evidence> {
    let mut lines = Lines(Vec::new());
    lines.add(Mark::Fact, facts(refusal));
    if let Some(caller) = known.caller {
        let who = caller.name().map_or("your name is unknown".to_owned(), |name| format!("you are {name}"));
        let from = if caller.source.is_empty() {
            caller.kind.clone()
        } else {
            format!("{}, {}", caller.kind, caller.source)
        };
        lines.add(Mark::Fact, format!("{who} ({from})"));
    }
    lines.ruled_out(refusal, cause, known);
    if matches!(
        cause,
        Cause::PermissionMissing
            | Cause::ConditionFalse
            | Cause::DenyPolicy
            | Cause::Propagating
            | Cause::OnItself
    ) {
        lines.policies(refusal, found);
    }
    lines.chain(known);
    if known.examined.account.as_ref().is_some_and(|account| account.disabled)
        && cause != Cause::AccountDisabled
    {
        lines.add(
            Mark::Wrong,
            "in addition, the account is disabled: no one can mint for it until it is enabled",
        );
    }
    lines.troubleshooter(known);
    if let Some(true) = known.examined.api_enabled {
        lines.add(
            Mark::Fine,
            format!("{} is enabled in {}", refusal.service(), refusal.consumer().unwrap_or("the project")),
        );
    } else if let Some(false) = known.examined.api_enabled {
        lines.add(
            Mark::Wrong,
            format!(
                "{} is disabled in {}, Service Usage confirms",
                refusal.service(),
                refusal.consumer().unwrap_or("the project")
            ),
        );
    }
    for sentence in known.examined.unread.iter().take(MOST) {
        lines.add(Mark::Unknown, sentence.trim_end_matches('.').to_owned());
    }
    lines.0
}

/// `403 PERMISSION_DENIED, reason IAM_PERMISSION_DENIED, domain iam.googleapis.com`, and Google's message.
fn facts(refusal: &Refusal) -> String {
    // A library's own words came without an answer.
    if refusal.status == 0 {
        return refusal.message.trim_end_matches('.').to_owned();
    }
    let mut text = refusal.status.to_string();
    if !refusal.code.is_empty() {
        text.push_str(&format!(" {}", refusal.code));
    }
    if let Some(reason) = &refusal.reason {
        text.push_str(&format!(", reason {reason}"));
    }
    if let Some(domain) = &refusal.domain {
        text.push_str(&format!(", domain {domain}"));
    }
    if let Some(violation) = &refusal.violation {
        text.push_str(&format!(", {violation}"));
    }
    // Google's first sentence is enough; further ones repeat what the next steps here say better.
    match refusal.message.split(". ").next().unwrap_or_default() {
        "" => text,
        message => format!("{text}: {}", message.trim_end_matches('.')),
    }
}

struct Lines(Vec<Evidence>);

impl Lines {
    fn add(&mut self, mark: Mark, text: impl Into<String>) {
        self.0.push(Evidence { mark, text: text.into() });
    }

    /// A missing scope and a missing role look alike to people; saying which one it isn't is worth a line.
    fn ruled_out(&mut self, refusal: &Refusal, cause: Cause, known: &Known<'_>) {
        let scopes = known.caller.map(|caller| caller.scopes.as_slice()).unwrap_or_default();
        let wide = scopes.iter().any(|scope| scope == scopes::DEFAULT);
        match cause {
            Cause::ScopeMissing => {
                let names: Vec<&str> = scopes.iter().take(MOST).map(|scope| scopes::short(scope)).collect();
                let more = if scopes.len() > MOST { ", …" } else { "" };
                if !names.is_empty() {
                    self.add(
                        Mark::Wrong,
                        format!(
                            "your token has {}{more}, but {} requires cloud-platform",
                            names.join(", "),
                            refusal.service()
                        ),
                    );
                }
                self.add(Mark::Fine, "not a role: the call never reached IAM");
            }
            _ if refusal.reason.as_deref() == Some("IAM_PERMISSION_DENIED") => {
                if wide {
                    self.add(Mark::Fine, "not the scope: your token has cloud-platform");
                }
                if refusal.service().is_empty() {
                    return;
                }
                // Scopes and the API's state are checked before IAM is asked.
                self.add(
                    Mark::Fine,
                    format!("not the API: {} responded, so it is enabled", refusal.service()),
                );
            }
            Cause::ApiDisabled => self.add(Mark::Fine, "not a role or a scope: the call never reached IAM"),
            _ => {}
        }
    }

    fn policies(&mut self, refusal: &Refusal, found: &Found) {
        for grant in found.grants.iter().take(MOST) {
            let (mark, text) = match &grant.how {
                Confidence::Holds => (Mark::Fine, "grants it to you".to_owned()),
                Confidence::NotNow(words) => (Mark::Wrong, format!("would grant it to you, but {words}")),
                Confidence::Unclear(title) => {
                    (Mark::Unknown, format!("might grant it to you, under the condition “{title}”"))
                }
                Confidence::Perhaps(many) => {
                    (Mark::Unknown, format!("grants it to {many}, whose members aren't visible"))
                }
            };
            self.add(mark, format!("{} ({}) {text}", grant.role, grant.place));
        }
        for (role, place) in found.others.iter().take(MOST) {
            let note = Gives::of(role, &|_| None).and_then(Gives::note);
            let said = match note {
                Some(note) if refusal.permission().and_then(permission::by_name).is_some() => note.to_owned(),
                _ => "doesn't grant it".to_owned(),
            };
            self.add(Mark::Fact, format!("your {role} ({place}) {said}"));
        }
        for (role, place) in found.unknown.iter().take(MOST) {
            self.add(Mark::Unknown, format!("couldn't read your role {role} ({place})"));
        }
        if found.complete && found.grants.is_empty() {
            let read = if found.of_account {
                "the account's own policy and all above it"
            } else {
                "its own policy and all above it"
            };
            self.add(Mark::Wrong, format!("no policy grants it to you (checked {read})"));
        }
    }

    fn chain(&mut self, known: &Known<'_>) {
        for hop in known.examined.hops.iter().take(MOST * 2) {
            let (mark, said) = match &hop.state {
                HopState::Yes(how) => (Mark::Fine, format!("yes: {how}")),
                HopState::No(why) => (Mark::Wrong, format!("no: {why}")),
                HopState::NoGrantSeen => (Mark::Wrong, format!("no grant found for {}", hop.permission.role)),
                HopState::Unread(why) | HopState::CannotTell(why) => (Mark::Unknown, why.clone()),
            };
            self.add(mark, format!("{} > {}  {said}", who(hop.from.as_deref()), short(&hop.to)));
        }
    }

    fn troubleshooter(&mut self, known: &Known<'_>) {
        let Some(said) = &known.examined.troubleshot else { return };
        let words = |state, yes: &str, no: &str| match state {
            Some(true) => yes.to_owned(),
            Some(false) => no.to_owned(),
            None => "unknown".to_owned(),
        };
        let mark = match (said.denied, said.can) {
            (Some(true), _) | (_, Some(false)) => Mark::Wrong,
            (_, Some(true)) => Mark::Fine,
            _ => Mark::Unknown,
        };
        self.add(
            mark,
            format!(
                "Policy Troubleshooter: allow policies {}, deny policies {}",
                words(said.allowed, "grant it", "don't grant it"),
                words(said.denied, "deny it", "don't apply"),
            ),
        );
    }
}
