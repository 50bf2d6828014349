//! Writing staged edits, and the outcome. A write is never cancelled and always ends in a notice; a grant to the caller
//! is watched until it works.

use crate::{
    api::commands,
    flows::{self, Applied, Mode as Applying, Watched, Watching},
    http::ApiError,
    keymap::Action,
    model::{
        account::{AccountRef, short},
        lifetime, permission,
        policy::{
            diff::{Change, Op},
            edit::Staged,
            merge::Overlap,
        },
        role,
    },
    ops::{self, Reply},
    tui::{
        app::{msg::Level, shared::Cx, writes::Write},
        widgets::list::Move,
    },
};

use super::{
    Mode, OWNER, PolicyPane, Watch, Writing,
    review::{Review, Theirs, said},
};

impl PolicyPane {
    pub(super) fn write(&mut self, cx: &mut Cx) {
        let Some((account, facts)) = cx.shared.workspace.opened_facts() else { return };
        let Some(staged) = facts.staged.clone() else { return };
        let Mode::Review(review) = &mut self.mode else { return };
        if self.scroll.window().end < self.scroll.len() {
            // Only what was shown can be confirmed.
            self.scroll.scroll(Move::PageDown);
            return cx.notice(Level::Warning, "There's more below: read it first");
        }
        let said = said(account, &staged, cx.shared, cx.shared.session.at_google(cx.now.utc));
        if !review.may_write(&said) {
            if said.refused.is_empty() && said.to_type().is_none() {
                review.accepted = true;
                let enter = cx.shared.keymap.key(Action::Write);
                cx.notice(
                    Level::Warning,
                    format!("Accept the safety checks: press {enter} again to write anyway"),
                );
            } else if let Some(text) = said.to_type() {
                review.accepted = true;
                let text = format!("Type {text} to confirm");
                cx.notice(Level::Warning, text);
            }
            return;
        }
        if self.writing.is_some() {
            return cx.notice(Level::Warning, "A policy is already being written");
        }
        if cx.shared.session.read_only {
            return cx.notice(Level::Error, "Read-only mode (--read-only): nothing is written");
        }
        let account = account.to_owned();
        let request = flows::Request {
            account: AccountRef::read(&account),
            unique_id: facts.unique_id(),
            base: staged.base().clone(),
            edits: staged.edits().to_vec(),
            mode: Applying::Once,
        };
        let req = cx.call(OWNER, ops::apply_policy(Box::new(request)));
        let write = Write {
            what: format!("the policy of {}", short(&account)),
            check: commands::show_policy(&account),
        };
        cx.shared.requests.writes.begin(req.id, write);
        cx.notice(Level::Info, format!("Writing the policy of {}…", short(&account)));
        self.writing = Some(Writing { req, account, changes: staged.changes() });
        self.mode = Mode::Browse;
    }

    /// Handles the outcome of a write, always with a notice.
    pub(super) fn written(&mut self, writing: Writing, reply: Result<Applied, ApiError>, cx: &mut Cx) {
        let account = writing.account;
        let here = cx.shared.workspace.opened.as_deref() == Some(account.as_str());
        let name = short(&account).into_owned();
        let facts = cx.shared.workspace.facts.entry(account.clone()).or_default();
        match reply {
            Ok(Applied::Applied { after, ref differs, .. }) => {
                let level = if differs.is_empty() { Level::Info } else { Level::Warning };
                let sentence = if differs.is_empty() {
                    let count = writing.changes.len();
                    format!(
                        "Wrote {count} {} to the policy of {name}",
                        if count == 1 { "change" } else { "changes" }
                    )
                } else {
                    format!(
                        "{name}: the policy was written, but the stored policy differs from what was sent. Check it"
                    )
                };
                facts.set_policy(after, cx.now.utc);
                facts.staged = None;
                cx.notice(level, sentence);
                // Groups, domains and allUsers may include the caller: after any change its known permissions are outdated.
                cx.test_permissions_anew(&account);
                self.watch_own_grant(&account, &writing.changes, cx);
            }
            Ok(Applied::Conflict { theirs, merged }) => {
                let mine: Vec<Change> = merged
                    .mine
                    .iter()
                    .filter(|change| !overlapping(change, &merged.overlaps))
                    .cloned()
                    .collect();
                facts.set_policy(theirs.clone(), cx.now.utc);
                let read =
                    facts.staged.as_ref().map_or_else(|| theirs.clone(), |staged| staged.base().clone());
                facts.staged = Some(Staged::with(theirs.clone(), &mine));
                if here {
                    let theirs =
                        Some(Theirs { read, now: theirs, will_be: merged.merged, overlaps: merged.overlaps });
                    self.scroll.scroll(Move::Top);
                    self.mode = Mode::Review(Review { theirs, ..Review::default() });
                }
                cx.notice(
                    Level::Warning,
                    format!(
                        "{name}: someone changed the policy meanwhile, so nothing was written. See the review"
                    ),
                );
            }
            Ok(outcome @ (Applied::NotApplied { .. } | Applied::Unknown { .. })) => {
                if let Applied::NotApplied { now, .. } = &outcome {
                    facts.set_policy(now.clone(), cx.now.utc);
                }
                cx.notice(Level::Error, format!("{name}: {}", outcome.sentence()));
                if matches!(outcome, Applied::Unknown { .. }) {
                    cx.test_permissions_anew(&account);
                }
            }
            Err(error) => cx.complain(&error),
        }
        self.rebuild(cx.shared);
    }

    /// Watches a grant to the caller until it works; for anyone else that can't be observed from here.
    pub(super) fn watch_own_grant(&mut self, account: &str, changes: &[Change], cx: &mut Cx) {
        let caller = cx.shared.session.caller_member();
        let mut permissions = Vec::new();
        for change in changes.iter().filter(|change| change.op != Op::Remove) {
            if caller.as_ref() == Some(&change.member) {
                // IAM tests only permissions on the account itself: not those to list or create accounts.
                permissions.extend(role::permissions(&change.role).filter_map(permission::by_name));
            }
        }
        if permissions.is_empty() {
            if changes.iter().any(|change| change.op != Op::Remove) {
                cx.notice(
                    Level::Info,
                    "Written. Takes effect in about 2–7 min (groups longer); can't be checked from here",
                );
            }
            return;
        }
        let req = cx.call(OWNER, ops::watch_grant(account.to_owned(), permissions));
        let old =
            self.watch.replace(Watch { req, account: account.to_owned(), progress: Watching::default() });
        cx.cancel(old.map(|watch| watch.req));
    }

    pub(super) fn watched(&mut self, watch: Watch, reply: Result<Reply, ApiError>, cx: &mut Cx) {
        let name = short(&watch.account).into_owned();
        // In any case the known permissions are older than the grant.
        cx.test_permissions_anew(&watch.account);
        match watch.req.open(reply) {
            Ok(Watched::Works { after, .. }) => {
                let after = lifetime::words(after.as_secs() as i64);
                cx.notice(Level::Info, format!("Your grant on {name} is in effect (took {after})"));
            }
            Ok(Watched::NotYet { after, .. }) => {
                let after = lifetime::words(after.as_secs() as i64);
                cx.notice(Level::Warning, format!("Your grant on {name} hasn't taken effect after {after}; groups and conditions take longer"));
            }
            Err(error) => cx.complain(&error),
        }
    }
}

fn overlapping(change: &Change, overlaps: &[Overlap]) -> bool {
    overlaps.iter().any(|overlap| overlap.role == change.role && overlap.member == change.member)
}
