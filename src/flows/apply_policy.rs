//! Changing the policy of an account without losing anything: what was read is saved first, the write carries its etag,
//! someone else's change is merged and never overwritten, and a lost answer is looked up, never guessed.
//!
//! ```text
//! save ─► write ─┬─ stored ──────────────► Applied
//!                ├─ 409 ─► read ─► merge ─┬─ Once, or overlapping ─► Conflict
//!                │                        └─ Retry, disjoint ──────► save, write again
//!                └─ no answer ─► read ─┬─ it is there ─────────────► Applied
//!                                      ├─ the old etag ────────────► NotApplied
//!                                      ├─ someone else's ──────────► Conflict
//!                                      └─ no answer either ────────► Unknown
//! ```

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::sleep;

use crate::{
    api::{Client, commands},
    http::{ApiError, ErrorKind, endpoints::Service},
    local::history::{Snapshot, Snapshots, Whose},
    model::{
        account::{AccountRef, UniqueId},
        policy::{
            Policy,
            diff::{self, Change, Diff},
            edit::{Edit, Staged},
            merge::{self, Merge},
        },
    },
};

/// The wait before the second write after a conflict, doubled for each further one, each with some chance added.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// A write whose answer did not come in time may still be under way; it is looked for again after these waits.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// What to do if someone else was faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Give back both sides: a person looks at them.
    Once,
    /// Apply changes that touch nothing of theirs again, at most so often.
    Retry {
        /// How often.
        times: usize,
    },
}

/// A change of an account's policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The account.
    pub account: AccountRef,
    /// `None` when not known; saved policies are then kept by the email.
    pub unique_id: Option<UniqueId>,
    /// The policy as it was read.
    pub base: Policy,
    /// What to change in it.
    pub edits: Vec<Edit>,
    /// What to do about a conflict.
    pub mode: Mode,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// It is done.
    Applied {
        /// The policy that was written over.
        before: Policy,
        /// The policy that is stored now.
        after: Policy,
        /// Its etag; empty if the answer had none.
        etag: String,
        /// What is stored otherwise than it was written; empty when all is well.
        differs: Diff,
        /// The ID under which `before` is saved; `None` if nothing had to be written.
        saved: Option<String>,
    },
    /// Someone else changed the policy, and nothing of ours is in it.
    Conflict {
        /// The policy as it is now.
        theirs: Policy,
        /// Both sides' changes, and what would come of them.
        merged: Merge,
    },
    /// The answer was lost, and the policy is still the one that was read. It was not sent again.
    NotApplied {
        /// How the answer was lost.
        lost: ApiError,
        /// The policy as it is.
        now: Policy,
    },
    /// The answer was lost, and the policy cannot be read either.
    Unknown {
        /// How the answer was lost.
        lost: ApiError,
        /// Why the policy cannot be read.
        read_again: ApiError,
        /// The command that tells.
        check: String,
    },
}

impl Applied {
    /// What happened, in one sentence.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Applied::Applied { differs, .. } if differs.is_empty() => "The policy was written.".to_owned(),
            Applied::Applied { .. } => {
                "The policy was written, but what is stored differs from what was sent: check the differences."
                    .to_owned()
            }
            Applied::Conflict { merged, .. } if merged.overlaps.is_empty() => {
                "Someone else changed the policy in the meantime, and your change is not in it.".to_owned()
            }
            Applied::Conflict { .. } => {
                "Someone else changed the same access in the meantime, and your change is not in it."
                    .to_owned()
            }
            Applied::NotApplied { lost, .. } => format!(
                "The response was lost ({}), but the policy is unchanged: your change was not applied.",
                lost.sentence().trim_end_matches('.')
            ),
            Applied::Unknown { lost, check, .. } => format!(
                "The response was lost ({}), and the policy can't be read, so it's unknown whether it changed. Check with `{check}`.",
                lost.sentence().trim_end_matches('.')
            ),
        }
    }
}

/// Changes the policy of an account. Never drop it once it runs: a write that is under way would lose its answer.
///
/// # Errors
/// Nothing was changed: the policy cannot be written without a loss, or could not be saved first, or Google refused
/// (denied, too many calls, bad member), or `--read-only` did.
pub async fn apply_policy(
    client: &Client,
    snapshots: &Snapshots,
    request: Request,
) -> Result<Applied, ApiError> {
    apply_policy_if(client, snapshots, request, &|_, _| true).await
}

/// [`apply_policy`] where a merge is judged before it is written: two changes that are harmless each can be harmful
/// together, such as taking away one administrator each. `fits` gets the policy as it is and as it would be; a merge
/// that does not fit is a conflict.
///
/// # Errors
/// As [`apply_policy`].
pub async fn apply_policy_if(
    client: &Client,
    snapshots: &Snapshots,
    request: Request,
    fits: &(dyn Fn(&Policy, &Policy) -> bool + Sync),
) -> Result<Applied, ApiError> {
    let Request { account, unique_id, base, edits, mode } = request;
    let whose = whose(client, &account, unique_id.as_ref());
    let mut staged = Staged::new(base.clone());
    for edit in edits {
        staged.stage(edit);
    }
    // What the person saw and changed: every merge starts from here, so that no side is ever measured by a merge.
    let mine = staged.result();
    let (mut read, mut wanted) = (base.clone(), mine.clone());
    let tries = match mode {
        Mode::Once => 0,
        Mode::Retry { times } => times,
    };
    let mut waits =
        ExponentialBuilder::default().with_jitter().with_min_delay(FIRST_WAIT).with_max_times(tries).build();
    loop {
        let changes = diff::diff(&read, &wanted).changes;
        if changes.is_empty() {
            // Nothing to change, or others did the same: nothing is sent.
            return Ok(applied(read.clone(), read, &wanted, None));
        }
        let saved = save(snapshots, &whose, &read, &changes).await?;
        match send_once(client, &account, &read, &wanted, &changes).await {
            Ok(Sent::Stored(after)) => return Ok(applied(read, after, &wanted, Some(saved))),
            Ok(Sent::Lost(lost, now)) => {
                return Ok(match now {
                    Err(read_again) => unknown(&account, lost, read_again),
                    Ok(now) if is_there(&changes, &now) => applied(read, now, &wanted, Some(saved)),
                    Ok(now) if now.etag() == read.etag() => Applied::NotApplied { lost, now },
                    Ok(now) => {
                        // The etag has moved on: ours was not carried out, or has been undone, and never will be now.
                        let merged = merge::merge(&base, &mine, &now);
                        Applied::Conflict { theirs: now, merged }
                    }
                });
            }
            // A conflict and a refusal say that ours was not written.
            not_written => {
                snapshots.take_back(&whose, &saved).await;
                not_written?;
            }
        }
        let theirs = client.get_policy(&account).await?;
        let merged = merge::merge(&base, &mine, &theirs);
        let again = merged.overlaps.is_empty() && fits(&theirs, &merged.merged);
        let wait = if again { waits.next() } else { None };
        let Some(wait) = wait else { return Ok(Applied::Conflict { theirs, merged }) };
        sleep(wait).await;
        (read, wanted) = (theirs, merged.merged);
    }
}

/// What became of one write.
enum Sent {
    /// This is stored.
    Stored(Policy),
    /// Someone else was faster.
    Conflict,
    /// The answer doesn't tell; the policy as it was read since, or why it can't be read.
    Lost(ApiError, Result<Policy, ApiError>),
}

/// Writes once, and looks up what the answer doesn't tell.
///
/// # Errors
/// It was refused.
async fn send_once(
    client: &Client,
    account: &str,
    read: &Policy,
    wanted: &Policy,
    changes: &[Change],
) -> Result<Sent, ApiError> {
    match client.set_policy(account, wanted).await {
        // A policy that changed has another etag: one under the old etag is what was sent, given back by something that
        // stored nothing.
        Ok(after) if after.etag() != read.etag() && is_there(changes, &after) => Ok(Sent::Stored(after)),
        // Another policy than the one that was written: only the policy itself tells what became of it.
        Ok(other) => {
            let is_old = other.etag() == read.etag();
            let what = if is_old { "under the old etag" } else { "other than the one sent" };
            let lost = ApiError::new(ErrorKind::Server, format!("IAM responded with a policy {what}."));
            Ok(match client.get_policy(account).await {
                // It is stored, and otherwise than it was sent.
                Ok(now) if now.etag() == other.etag() && !is_old => Sent::Stored(now),
                now => Sent::Lost(lost, now),
            })
        }
        Err(error) if error.kind == ErrorKind::Conflict => Ok(Sent::Conflict),
        Err(lost) if lost.leaves_doubt() => {
            let now = look_again(client, account, read, &lost).await;
            Ok(Sent::Lost(lost, now))
        }
        Err(refused) => Err(refused),
    }
}

/// Whose snapshots those of an account are, at the endpoint of this client.
pub fn whose(client: &Client, account: &AccountRef, unique_id: Option<&UniqueId>) -> Whose {
    let url = client.endpoints().url(Service::Iam);
    let host = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    let (email, id) = match account {
        AccountRef::Email(email) => (email.to_string(), unique_id),
        AccountRef::Id(id) => (String::new(), unique_id.or(Some(id))),
    };
    let unique_id = id.map(UniqueId::to_string).unwrap_or_default();
    Whose { endpoint: host.to_owned(), account: email, unique_id }
}

async fn save(
    snapshots: &Snapshots,
    whose: &Whose,
    read: &Policy,
    changes: &[Change],
) -> Result<String, ApiError> {
    let snapshot = Snapshot {
        id: String::new(),
        time: super::now(),
        whose: whose.clone(),
        change: changes.iter().map(line).collect(),
        granted: changes
            .iter()
            .filter_map(Change::added)
            .map(|it| (it.role, it.member.as_str().into()))
            .collect(),
        policy: read.to_json(),
    };
    snapshots.save(snapshot).await.map_err(|why| {
        let message = format!("The current policy couldn't be saved ({why}), so nothing was written.");
        ApiError::new(ErrorKind::Other, message)
            .with_next("Free up space, or set IMPERSONA_STATE_DIR to another folder.")
    })
}

/// A change as one line: `+ roles/x user:a@b [title]`.
fn line(change: &Change) -> String {
    let sign = match change.op {
        diff::Op::Add => '+',
        diff::Op::Remove => '-',
        diff::Op::Change => '~',
    };
    let condition = change.condition.as_ref().map(|condition| format!(" [{}]", condition.title()));
    format!("{sign} {} {}{}", change.role, change.member.as_str(), condition.unwrap_or_default())
}

fn applied(before: Policy, after: Policy, wanted: &Policy, saved: Option<String>) -> Applied {
    let etag = after.etag().unwrap_or_default().to_owned();
    let differs = diff::diff(wanted, &after);
    Applied::Applied { before, after, etag, differs, saved }
}

fn unknown(account: &AccountRef, lost: ApiError, read_again: ApiError) -> Applied {
    Applied::Unknown { lost, read_again, check: commands::show_policy(account) }
}

/// Reads the policy after a lost answer. One that did not come in time may belong to a write that is still under way,
/// so an unchanged policy is looked at again.
async fn look_again(
    client: &Client,
    account: &str,
    read: &Policy,
    lost: &ApiError,
) -> Result<Policy, ApiError> {
    let waits: &[Duration] = if lost.kind == ErrorKind::Timeout { &LOOK_AGAIN } else { &[] };
    let mut now = client.get_policy(account).await?;
    for wait in waits {
        if now.etag() != read.etag() {
            break;
        }
        sleep(*wait).await;
        now = client.get_policy(account).await?;
    }
    Ok(now)
}

/// Whether all that was to be changed is so.
fn is_there(changes: &[Change], now: &Policy) -> bool {
    let triples = now.triples();
    changes.iter().all(|change| {
        change.added().is_none_or(|added| triples.contains(&added))
            && change.removed().is_none_or(|removed| !triples.contains(&removed))
    })
}

#[cfg(test)]
#[path = "apply_policy_tests.rs"]
mod tests;
