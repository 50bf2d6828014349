//! `impersona policy`: the allow policy of an account, read, compared, changed and put back. What a change does and
//! what must be said about it comes from the model; writing is the flow's business.

mod change;
mod print;

use std::path::Path;

use super::args::{self, Binding, Grant, Revoke};
use super::input;
use super::output;
use crate::flows;
use crate::local::history::{Snapshots, Whose};
use crate::model::account::{self, Account, AccountRef};
use crate::model::condition::Condition;
use crate::model::lifetime;
use crate::model::member::Member;
use crate::model::policy::{Policy, Triple, diff};
use crate::session::Failure;
use crate::session::setup::Setup;
use crate::{
    api::roles,
    http::{ApiError, ErrorKind},
};
use change::What;

/// A policy is a few tens of KiB at most; this is what is read of a file.
const MAX_FILE: u64 = 4 * 1024 * 1024;

pub(super) async fn run(
    wish: args::Policy,
    setup: impl AsyncFnOnce() -> Result<Setup, Failure>,
    json: bool,
) -> Result<(), Failure> {
    let name = |account: &str| account::parse(account).map_err(Failure::refused);
    // What is wrong with the request is said before anything is started.
    let (account, what, how) = match wish {
        args::Policy::Get { account } => {
            let account = name(&account)?;
            return get(&setup().await?, &account, json).await;
        }
        args::Policy::Diff { account, file } => {
            let (account, file) = (name(&account)?, read(&file)?);
            return compare(&setup().await?, &account, &file, json).await;
        }
        args::Policy::History { account } => {
            let account = name(&account)?;
            return history(&setup().await?, &account, json).await;
        }
        args::Policy::Grant(wish) => (name(&wish.binding.account)?, granted(&wish)?, wish.how),
        args::Policy::Revoke(wish) => (name(&wish.binding.account)?, What::Revoke(revoked(&wish)?), wish.how),
        args::Policy::Apply { account, file, take_current_etag, how } => {
            let policy = read(&file)?;
            if policy.etag().is_none() && !take_current_etag {
                return Err(Failure::refused(
                    "the file has no etag, so it's unknown which version of the policy it is based on: \
                     pass --take-current-etag to apply it to the current policy",
                ));
            }
            (name(&account)?, What::Apply { policy, take_current_etag }, how)
        }
        args::Policy::Restore { account, id, how } => (name(&account)?, What::Restore { id }, how),
    };
    change::run(&setup().await?, &account, what, &how, json).await
}

async fn get(setup: &Setup, account: &str, json: bool) -> Result<(), Failure> {
    let policy = setup.client.get_policy(account).await?;
    if json {
        return output::line(&output::to_json(&policy.to_json()));
    }
    print::policy(&policy, super::now()).iter().try_for_each(|line| output::line(line))
}

async fn compare(setup: &Setup, account: &str, file: &Policy, json: bool) -> Result<(), Failure> {
    let today = setup.client.get_policy(account).await?;
    let diff = diff::diff(&today, file);
    if let Err(why) = diff.apply_to(&today).editable() {
        output::remark(&format!("`policy apply` would refuse this file: {why}."));
    }
    if json {
        return output::line(&print::object(&today, file, &diff.changes, today.etag()));
    }
    for line in print::diff(&diff) {
        output::line(&line)?;
    }
    if diff.is_empty() {
        output::remark("No differences.");
    }
    if let Err(sentence) = diff.writable() {
        output::remark(&sentence);
    }
    if file.etag().is_some_and(|etag| !same_etag(etag, today.etag())) {
        output::remark("The file is based on another version of the policy.");
    }
    Ok(())
}

async fn history(setup: &Setup, account: &str, json: bool) -> Result<(), Failure> {
    let (whose, _) = identify(setup, account).await;
    let kept = snapshots(setup).list(&whose).await.map_err(unreadable)?;
    for snapshot in &kept {
        for line in print::snapshot(snapshot, json) {
            output::line(&line)?;
        }
    }
    if kept.is_empty() && !json {
        output::remark("No saved versions yet: impersona saves a policy right before it overwrites it.");
    }
    Ok(())
}

/// Where policies are saved: the demo leaves nothing behind.
fn snapshots(setup: &Setup) -> Snapshots {
    match setup.emulator {
        Some(_) => Snapshots::in_memory(),
        None => Snapshots::in_state_folder(setup.env.state_dir()),
    }
}

/// The account under which its policies are saved. If it isn't readable, its name has to do.
async fn identify(setup: &Setup, name: &str) -> (Whose, Account) {
    let account = setup.client.get_account(name).await.unwrap_or_else(|_| Account::named(name));
    (flows::whose(&setup.client, &AccountRef::read(&account.email), account.unique_id.as_ref()), account)
}

/// What to grant, checked.
fn granted(wish: &Grant) -> Result<What, Failure> {
    let lasts = match &wish.expires {
        None => None,
        Some(text) => {
            let wrong = || {
                let shown: String = text.chars().take(40).collect();
                Failure::refused(format!("Invalid duration “{shown}”: use for example 15m, 1h or 72h"))
            };
            let seconds = lifetime::seconds(text).filter(|seconds| *seconds > 0).ok_or_else(wrong)?;
            let length = i64::try_from(seconds).map(jiff::SignedDuration::from_secs).map_err(|_| wrong())?;
            // From when on, only the server's clock can tell; that it can end at all is known now.
            super::now().checked_add(length).map_err(|_| wrong())?;
            Some(length)
        }
    };
    Ok(What::Grant(named(&wish.binding)?, lasts))
}

/// What to revoke, checked; without a condition whichever there is.
fn revoked(wish: &Revoke) -> Result<Triple, Failure> {
    if wish.expires.is_some() {
        return Err(Failure::refused(
            "--expires is only for grants: revoke an expiring grant by its --condition-expression and --condition-title",
        ));
    }
    named(&wish.binding)
}

fn named(binding: &Binding) -> Result<Triple, Failure> {
    let role = roles::parse(&binding.role).map_err(Failure::refused)?;
    let (member, remark) = Member::parse(&binding.member).map_err(Failure::refused)?;
    if let Some(remark) = remark {
        output::remark(&remark);
    }
    let condition = binding.condition_title.as_ref().zip(binding.condition_expression.as_ref());
    Ok(Triple {
        role,
        member,
        condition: condition.map(|(title, expression)| Condition::new(title, expression)),
    })
}

/// A policy from a file, or from stdin for `-`.
fn read(path: &Path) -> Result<Policy, Failure> {
    let about = |problem: String| Failure::refused(format!("{}: {problem}", path.display()));
    let text = input::text(path, MAX_FILE, "paste a policy as JSON")?;
    Policy::from_slice(text.as_bytes()).map_err(about)
}

/// Whether two etags are the same bytes: gcloud writes them in the other alphabet of base64.
fn same_etag(one: &str, other: Option<&str>) -> bool {
    let plain = |etag: &str| etag.trim_end_matches('=').replace('-', "+").replace('_', "/");
    other.is_some_and(|other| plain(one) == plain(other))
}

/// The state folder is there and cannot be read.
fn unreadable(why: String) -> Failure {
    ApiError::new(ErrorKind::Other, format!("The history can't be read: {why}")).into()
}

/// A refusal that sends the user back to the policy as it is now.
fn conflict(sentence: String, next: &str) -> Failure {
    ApiError::new(ErrorKind::Conflict, sentence).with_next(next).into()
}

#[cfg(test)]
mod tests;
