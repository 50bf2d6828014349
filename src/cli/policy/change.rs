//! One change of a policy from wish to ending: what it comes to, what must be said about it, the write, and the
//! sentence for every way it can end.

use std::collections::HashMap;

use jiff::SignedDuration;

use super::super::args::Change as How;
use super::super::output;
use super::{conflict, identify, print, same_etag, snapshots};
use crate::flows::{self, Applied, Mode, Request};
use crate::http::{ApiError, ErrorKind};
use crate::local::history::{Snapshots, Whose};
use crate::model::account::{Account, AccountRef, UniqueId};
use crate::model::clock;
use crate::model::condition::Condition;
use crate::model::member::Member;
use crate::model::policy::diff::{self, Diff};
use crate::model::policy::edit::{Edit, Staged};
use crate::model::policy::guard::{self, Context, Guard, Kind};
use crate::model::policy::limits::limits;
use crate::model::policy::merge::Merge;
use crate::model::policy::{Level, Policy, Triple};
use crate::model::shell::quote;
use crate::session::Failure;
use crate::session::setup::Setup;

/// How often a change is applied again when it doesn't overlap with someone else's.
const RETRIES: usize = 5;

/// What to do with the policy.
pub(super) enum What {
    /// For so long, where that was said.
    Grant(Triple, Option<SignedDuration>),
    /// Under whichever condition when the triple has none.
    Revoke(Triple),
    Apply {
        policy: Policy,
        take_current_etag: bool,
    },
    Restore {
        id: String,
    },
}

impl What {
    /// A grant that ends gets the condition that ends it: counted from Google's clock, which judges it, and known from
    /// the policy that has just been read. `behind` is how far this machine's clock is behind, in milliseconds.
    fn until(self, behind: Option<i64>, json: bool) -> Result<What, Failure> {
        let What::Grant(triple, Some(lasts)) = self else { return Ok(self) };
        let here = crate::cli::now();
        let at_google = clock::at_google(here, behind);
        let end = at_google
            .checked_add(lasts)
            .map_err(|_| Failure::refused("the duration is too long".to_owned()))?;
        if let Some(words) = clock::apart(behind).filter(|_| !json) {
            output::remark(&format!("{words}, so the grant's expiry is counted from Google's."));
        }
        let condition = Some(Condition::expires(end, &format!("until {}", output::time(end))));
        Ok(What::Grant(Triple { condition, ..triple }, None))
    }
}

pub(super) async fn run(setup: &Setup, name: &str, what: What, how: &How, json: bool) -> Result<(), Failure> {
    let snapshots = snapshots(setup);
    let ((whose, account), today) = tokio::join!(identify(setup, name), setup.client.get_policy(name));
    let today = today?;
    today.editable().map_err(|why| Failure::refused(format!("the policy can't be changed: {why}")))?;
    let what = what.until(setup.client.skew(), json)?;
    lint(setup, name, &what, json).await?;
    let edits = edits(&today, what, &snapshots, &whose, json).await?;
    let mut staged = Staged::new(today.clone());
    for edit in edits {
        staged.stage(edit);
    }
    let (changes, after) = (staged.changes(), staged.result());
    if changes.is_empty() {
        if json {
            return output::line(&print::object(&today, &today, &[], today.etag()));
        }
        output::remark("Nothing to do: the policy already says so.");
        return Ok(());
    }
    if let Some(sentence) = limits(&after).into_iter().next() {
        return Err(Failure::refused(sentence));
    }
    // What could not be written is not shown as a plan either.
    after.editable().map_err(|why| Failure::refused(format!("this change can't be written: {why}")))?;
    let around = Around::ask(setup, &account, &[&today, &after]).await;
    let said = around.with_context(|context| {
        if !json {
            print::changes(&changes, &after, context).iter().try_for_each(|line| output::line(line))?;
        }
        Ok::<_, Failure>(guard::guards(&today, &after, context))
    })?;
    let missing = unmet(&said, &how.accepted);
    if !json {
        remarks(&said);
    }
    if how.dry_run {
        if json {
            return output::line(&print::object(&today, &after, &changes, today.etag()));
        }
        for guard in missing {
            output::remark(&format!("{} This needs --accept {}.", guard.sentence, guard.name));
        }
        output::remark("Dry run: nothing was written.");
        return Ok(());
    }
    if !missing.is_empty() {
        return Err(refusal(&missing));
    }
    let request = Request {
        account: AccountRef::read(&account.email),
        unique_id: UniqueId::read(&whose.unique_id),
        base: today,
        edits: staged.edits().to_vec(),
        mode: Mode::Retry { times: RETRIES },
    };
    // A concurrent change by someone else can turn a harmless change into one that needs consent.
    let fits = |before: &Policy, after: &Policy| {
        around.with_context(|context| unmet(&guard::guards(before, after, context), &how.accepted).is_empty())
    };
    let applied = flows::apply_policy_if(&setup.client, &snapshots, request, &fits).await?;
    let undo = match &applied {
        // The demo's saved policies end with it.
        Applied::Applied { saved: Some(id), .. } if setup.emulator.is_none() => {
            Some(format!("impersona policy restore {} {}", quote(name), quote(id)))
        }
        _ => None,
    };
    end(applied, json)?;
    if let Some(command) = undo.filter(|_| !json) {
        output::remark(&format!("To undo it, run `{command}`."));
    }
    Ok(())
}

/// What Google says about a typed condition.
async fn lint(setup: &Setup, account: &str, what: &What, json: bool) -> Result<(), Failure> {
    let What::Grant(Triple { condition: Some(condition), .. }, _) = what else { return Ok(()) };
    // Advice that cannot be had holds nothing back: the write itself is judged again.
    let said = setup.client.lint_condition(account, condition).await.unwrap_or_default();
    if let Some(lint) = said.iter().find(|lint| lint.is_error()) {
        return Err(Failure::refused(format!(
            "the condition is invalid at character {}: {}",
            lint.offset, lint.message
        )));
    }
    if !json {
        said.iter().for_each(|lint| output::remark(&format!("About the condition: {}", lint.message)));
    }
    Ok(())
}

/// What was wished for, as edits of today's policy.
async fn edits(
    today: &Policy,
    what: What,
    snapshots: &Snapshots,
    whose: &Whose,
    json: bool,
) -> Result<Vec<Edit>, Failure> {
    match what {
        What::Grant(triple, _) => Ok(vec![Edit::Grant(triple)]),
        What::Revoke(triple) => revoke(today, triple),
        What::Apply { policy, take_current_etag } => {
            if !take_current_etag && policy.etag().is_some_and(|etag| !same_etag(etag, today.etag())) {
                return Err(conflict(
                    "The file is based on an older version of the policy: someone has changed it since."
                        .to_owned(),
                    "Run `impersona policy diff`, then read the policy again or pass --take-current-etag.",
                ));
            }
            replaced(today, &policy)
        }
        What::Restore { id } => {
            let snapshot = snapshots.load(whose, &id).await.map_err(Failure::refused)?;
            if snapshot.is_doubtful(whose) && !json {
                output::remark(
                    "The account's unique ID is unknown, so this might be the policy of an earlier account with this name.",
                );
            }
            let policy = Policy::parse(snapshot.policy).map_err(Failure::refused)?;
            replaced(today, &policy)
        }
    }
}

/// The edits that make today's policy that one.
fn replaced(today: &Policy, policy: &Policy) -> Result<Vec<Edit>, Failure> {
    let diff = diff::diff(today, policy);
    diff.writable().map_err(Failure::refused)?;
    Ok(Staged::with(today.clone(), &diff.changes).edits().to_vec())
}

/// Of several conditions under which a member has a role, one must be named.
fn revoke(today: &Policy, wanted: Triple) -> Result<Vec<Edit>, Failure> {
    let named = |found: &Triple| match (&wanted.condition, &found.condition) {
        (None, _) => true,
        (Some(wanted), Some(found)) => {
            wanted.title() == found.title() && wanted.expression() == found.expression()
        }
        (Some(_), None) => false,
    };
    let found: Vec<Triple> = today
        .triples()
        .into_iter()
        .filter(|found| found.role == wanted.role && found.member == wanted.member && named(found))
        .collect();
    if found.len() > 1 {
        let ways: Vec<String> = found
            .iter()
            .map(|triple| match &triple.condition {
                None => "always".to_owned(),
                Some(condition) => format!("“{}”: {}", condition.title(), condition.expression()),
            })
            .collect();
        return Err(Failure::refused(format!(
            "the member has this role {} times ({}): pick one with --condition-expression and --condition-title",
            found.len(),
            ways.join("; ")
        )));
    }
    Ok(found.into_iter().map(Edit::Revoke).collect())
}

/// What is known around the account, for sentences and guards.
struct Around {
    account: String,
    caller: Option<Member>,
    levels: Vec<Level>,
    production: bool,
    custom: HashMap<String, Vec<String>>,
}

impl Around {
    /// Asks what can be asked; what is not answered is unknown to the guards, and they say so.
    async fn ask(setup: &Setup, account: &Account, policies: &[&Policy]) -> Around {
        let client = &setup.client;
        let levels = async {
            match account.project.as_deref() {
                None => vec![Level { name: "the levels above".to_owned(), policy: None }],
                Some(project) => {
                    flows::inherited(client, project).await.iter().map(flows::Level::to_model).collect()
                }
            }
        };
        let (caller, levels) = tokio::join!(client.caller(), levels);
        let caller = caller.ok().and_then(|caller| caller.member());
        let above = levels.iter().filter_map(|level: &Level| level.policy.as_ref());
        let bindings = policies.iter().copied().chain(above).flat_map(Policy::bindings);
        let custom = flows::custom_roles(client, bindings.map(|binding| binding.role)).await;
        let production =
            setup.config.production_projects.iter().any(|name| account.project.as_deref() == Some(name));
        Around {
            account: account.email.clone(),
            caller: caller.as_deref().map(Member::read),
            levels,
            production,
            custom,
        }
    }

    fn with_context<T>(&self, tell: impl FnOnce(&Context<'_>) -> T) -> T {
        let custom = |role: &str| self.custom.get(role).cloned();
        tell(&Context {
            account: &self.account,
            caller: self.caller.as_ref(),
            levels: &self.levels,
            production: self.production,
            custom: &custom,
            now: crate::cli::now(),
        })
    }
}

fn unmet<'a>(said: &'a [Guard], accepted: &[String]) -> Vec<&'a Guard> {
    said.iter()
        .filter(|guard| guard.kind == Kind::Guard && !accepted.iter().any(|name| name == guard.name))
        .collect()
}

fn remarks(said: &[Guard]) {
    for remark in said.iter().filter(|guard| guard.kind == Kind::Remark) {
        output::remark(&remark.sentence);
    }
}

fn refusal(unmet: &[&Guard]) -> Failure {
    let sentences: Vec<&str> = unmet.iter().map(|guard| guard.sentence.as_str()).collect();
    let flags: Vec<String> = unmet.iter().map(|guard| format!("--accept {}", guard.name)).collect();
    let message = format!("Nothing was written. {}", sentences.join(" "));
    ApiError::new(ErrorKind::Invalid, message)
        .with_next(format!("To write it anyway, add {}.", flags.join(" ")))
        .into()
}

/// Prints what came of it, or says why nothing did.
fn end(applied: Applied, json: bool) -> Result<(), Failure> {
    let sentence = applied.sentence();
    match applied {
        Applied::Applied { before, after, etag, differs, .. } => {
            if json {
                let changes = diff::diff(&before, &after).changes;
                output::line(&print::object(&before, &after, &changes, Some(&etag)))?;
            } else {
                output::remark(&format!("{sentence} Its etag is {etag}."));
            }
            told_apart(&differs);
            Ok(())
        }
        Applied::Conflict { merged, .. } => {
            let next = if merged.overlaps.is_empty() {
                "Run it again: the changes don't conflict."
            } else {
                "Check the current policy with `impersona policy get`, then decide."
            };
            Err(conflict(format!("{sentence}{}", overlaps(&merged)), next))
        }
        Applied::NotApplied { lost, .. } => {
            Err(ApiError::new(lost.kind, sentence).with_next("Run the same command again.").into())
        }
        Applied::Unknown { lost, check, .. } => {
            Err(ApiError::new(lost.kind, sentence).with_next(format!("Run `{check}`.")).into())
        }
    }
}

/// What is stored otherwise than it was sent is said also to programs: nothing else tells it.
fn told_apart(differs: &Diff) {
    if differs.is_empty() {
        return;
    }
    output::remark("Stored differently than sent:");
    print::diff(differs).iter().for_each(|line| output::remark(line));
}

fn overlaps(merged: &Merge) -> String {
    let names: Vec<String> = merged
        .overlaps
        .iter()
        .map(|overlap| format!("{} of {}", overlap.role, overlap.member.as_str()))
        .collect();
    if names.is_empty() { String::new() } else { format!(" Both changed {}.", names.join(", ")) }
}
