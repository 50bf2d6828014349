//! Staging: an action becomes an edit based on the policy as it was read, or a sentence that says why not. The only
//! request sent from here lints a condition.

use crate::{
    keymap::Action,
    local::history::Snapshot,
    model::{
        clock,
        condition::State,
        permission::SET_IAM_POLICY,
        policy::{
            edit::{Edit, Staged},
            export,
        },
    },
    ops,
    tui::{
        app::{
            msg::{Clip, Effect, Level},
            shared::Cx,
        },
        widgets::list::Move,
    },
};

use super::{
    Linting, Mode, OWNER, PolicyPane,
    grant::Grant,
    history,
    review::Review,
    rows::{self, Entry, Mark, Origin},
};

impl PolicyPane {
    /// Whether the policy is being written and can't be edited; tells the user.
    fn is_writing(&self, account: &str, cx: &mut Cx) -> bool {
        let writing = self.writing.as_ref().is_some_and(|writing| writing.account == account);
        if writing {
            cx.notice(Level::Warning, "This policy is being written: wait for the result");
        }
        writing
    }

    /// Whether IAM denies the caller to edit; tells the user, with the alternative.
    fn may_not_edit(&self, account: &str, cx: &mut Cx) -> bool {
        let refused = cx
            .shared
            .workspace
            .granted(account)
            .is_some_and(|granted| granted.answer(SET_IAM_POLICY) == Some(false));
        if refused {
            let key = cx.shared.keymap.key(Action::Grant);
            cx.notice(
                Level::Warning,
                format!("You can't edit this policy. Press {key} to prepare a request for an administrator"),
            );
        }
        refused
    }

    /// Stages an edit of the opened account.
    pub(super) fn stage(&mut self, account: &str, edit: Edit, cx: &mut Cx) {
        if self.is_writing(account, cx) {
            return;
        }
        self.follow = Some(match &edit {
            Edit::Grant(triple) | Edit::Revoke(triple) | Edit::Replace { new: triple, .. } => triple.clone(),
        });
        let facts = cx.shared.workspace.facts.entry(account.to_owned()).or_default();
        let staged = facts.staged.take().or_else(|| facts.policy.value().cloned().map(Staged::new));
        let Some(mut staged) = staged else { return self.await_policy(account, edit, cx) };
        match staged.base().editable() {
            Ok(()) => {
                let changed = staged.stage(edit);
                facts.staged = Some(staged);
                if changed {
                    let key = cx.shared.keymap.key(Action::Review);
                    cx.notice(Level::Info, format!("Staged. Press {key} to review and write"));
                } else {
                    cx.notice(Level::Warning, "Nothing staged: that's already granted");
                }
            }
            Err(why) => cx.notice(Level::Error, why),
        }
        self.rebuild(cx.shared);
    }

    /// Keeps an edit until the policy has been read.
    fn await_policy(&mut self, account: &str, edit: Edit, cx: &mut Cx) {
        if cx.shared.workspace.opened.as_deref() != Some(account) {
            return cx.notice(Level::Error, "Nothing staged: the policy hasn't been read");
        }
        self.ahead.push((account.to_owned(), edit));
        cx.notice(Level::Info, "Reading the policy first; your change is staged when it arrives");
        if !cx.shared.workspace.facts_mut(account).policy.is_awaiting() {
            self.read(cx);
        }
    }

    /// Once the policy of an account was read, stages edits made before; if reading failed, says that they're lost.
    pub(super) fn stage_ahead(&mut self, account: &str, cx: &mut Cx) {
        let edits: Vec<Edit> =
            self.ahead.extract_if(.., |(of, _)| of == account).map(|(_, edit)| edit).collect();
        if edits.is_empty() {
            return;
        }
        if cx.shared.workspace.facts.entry(account.to_owned()).or_default().policy.value().is_none() {
            return cx.notice(Level::Error, "Nothing staged: the policy couldn't be read");
        }
        for edit in edits {
            self.stage(account, edit, cx);
        }
    }

    pub(super) fn revoke(&mut self, cx: &mut Cx) {
        let Some(account) = cx.shared.workspace.opened.clone() else { return };
        if self.may_not_edit(&account, cx) {
            return;
        }
        if !self.marked.is_empty() {
            // Marks may be left from another account or from before a refresh: only existing grants are staged.
            let here = rows::here(&self.rows);
            for triple in here.into_iter().filter(|triple| self.marked.contains(triple)).collect::<Vec<_>>() {
                self.stage(&account, Edit::Revoke(triple), cx);
            }
            self.marked.clear();
            return;
        }
        match self.entry().cloned() {
            Some(Entry { origin: Origin::Above(level), .. }) => {
                inherited(&level, cx);
            }
            Some(Entry { mark: Mark::Remove, .. }) => cx.notice(Level::Warning, "Already staged for removal"),
            Some(entry) => self.stage(&account, Edit::Revoke(entry.triple), cx),
            None => cx.notice(Level::Warning, "Select the member to revoke first"),
        }
    }

    pub(super) fn edit(&mut self, cx: &mut Cx) {
        if cx.shared.workspace.opened.clone().is_some_and(|account| self.may_not_edit(&account, cx)) {
            return;
        }
        match self.entry().cloned() {
            Some(Entry { origin: Origin::Here, triple, mark }) if mark != Mark::Remove => {
                self.mode = Mode::Grant(Box::new(Grant::edit(&triple)));
                if let Some(account) = cx.shared.workspace.opened.clone() {
                    self.ask_roles(account, cx);
                }
                self.complete(cx.shared);
            }
            Some(Entry { origin: Origin::Above(level), .. }) => {
                inherited(&level, cx);
            }
            _ => cx.notice(Level::Warning, "Select the grant to edit first"),
        }
    }

    pub(super) fn undo(&mut self, redo: bool, cx: &mut Cx) {
        let Some(account) = cx.shared.workspace.opened.clone() else { return };
        if self.is_writing(&account, cx) {
            return;
        }
        let facts = cx.shared.workspace.facts.entry(account.clone()).or_default();
        let done = facts
            .staged
            .as_mut()
            .is_some_and(|staged| if redo { staged.redo().is_some() } else { staged.undo().is_some() });
        if !done {
            cx.notice(Level::Warning, if redo { "Nothing to redo" } else { "Nothing to undo" });
        }
        self.rebuild(cx.shared);
    }

    pub(super) fn open_review(&mut self, cx: &mut Cx) {
        let Some((_, facts)) = cx.shared.workspace.opened_facts() else { return };
        if facts.staged.as_ref().is_none_or(Staged::is_empty) {
            let grant = cx.shared.keymap.key(Action::Grant);
            return cx.notice(Level::Warning, format!("Nothing staged. Press {grant} to add a grant"));
        }
        self.scroll.scroll(Move::Top);
        self.mode = Mode::Review(Review::default());
    }

    /// Handles the submitted grant form.
    pub(super) fn submit_grant(&mut self, cx: &mut Cx) {
        let (Some(account), Mode::Grant(grant)) = (cx.shared.workspace.opened.clone(), &mut self.mode) else {
            return;
        };
        // Google's clock decides when it expires.
        let now = cx.shared.session.at_google(cx.now.utc);
        let Some(triple) = grant.check(now) else {
            if let Some(field) = grant.form.first_error() {
                grant.form.focus_on(field);
            }
            return;
        };
        if grant.asks {
            let text = export::request(&triple, &account, &cx.shared.workspace.project_for(&account), None);
            self.mode = Mode::Browse;
            match Clip::text(&text, "request for an administrator") {
                Ok(clip) => cx.effect(Effect::Copy(clip)),
                Err(why) => cx.notice(Level::Warning, why),
            }
            return;
        }
        let apart = clock::apart(cx.shared.session.skew).filter(|_| grant.counts());
        let edit = match grant.replaces.clone() {
            Some(old) => Edit::Replace { old, new: triple.clone() },
            None => Edit::Grant(triple.clone()),
        };
        match triple.condition {
            // Conditions on time alone are known to be valid; Google lints all others first.
            Some(condition) if condition.evaluate(now) == State::Unknown => {
                let req = cx.call(OWNER, ops::lint_condition(account.clone(), condition));
                self.linting = Some(Linting { req, account, edit });
            }
            _ => {
                self.mode = Mode::Browse;
                self.stage(&account, edit, cx);
                if let Some(words) = apart {
                    cx.notice(Level::Warning, format!("Staged. {words}; the expiry uses Google's clock"));
                }
            }
        }
    }

    /// Stages the changes that lead back to a saved policy, over today's policy and etag.
    pub(super) fn restore(&mut self, snapshot: &Snapshot, cx: &mut Cx) {
        let Some((account, facts)) = cx.shared.workspace.opened_facts() else { return };
        let (Some(today), account) = (facts.policy.value().cloned(), account.to_owned()) else {
            return cx.notice(Level::Error, "The current policy hasn't been read: refresh first");
        };
        if self.is_writing(&account, cx) {
            return;
        }
        match history::back_to(snapshot, &today) {
            Ok(changes) if changes.is_empty() => {
                cx.notice(Level::Info, "Nothing to restore: the policy already matches that version")
            }
            Ok(changes) => {
                let count = changes.len();
                cx.shared.workspace.facts.entry(account.clone()).or_default().staged =
                    Some(Staged::with(today, &changes));
                let key = cx.shared.keymap.key(Action::Review);
                cx.notice(
                    Level::Info,
                    format!(
                        "Staged {count} {} back to {}. Press {key} to review and write",
                        if count == 1 { "change" } else { "changes" },
                        snapshot.time.strftime("%Y-%m-%d %H:%MZ")
                    ),
                );
            }
            Err(why) => cx.notice(Level::Error, why),
        }
        self.mode = Mode::Browse;
        self.rebuild(cx.shared);
    }
}

fn inherited(level: &str, cx: &mut Cx) {
    cx.notice(Level::Warning, format!("Inherited from {level}: change it there"));
}
