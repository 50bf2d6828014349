//! Earlier versions of the policy, each saved right before it was overwritten. Restoring one stages the changes that lead
//! back to it, over today's policy and etag: nothing is written from here.

use crate::{
    keymap::Action,
    local::history::Snapshot,
    model::{
        account::AccountRef,
        policy::{
            Policy,
            diff::{Change, diff},
        },
    },
    ops,
    tui::{
        app::{msg::Level, shared::Cx, slot::Slot},
        panes::as_move,
        widgets::list::ListCursor,
    },
};

use super::{Mode, OWNER, PolicyPane};

/// The list of saved policies.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Saved policies, newest first.
    pub(crate) list: Slot<Vec<Snapshot>>,
    pub(crate) cursor: ListCursor,
}

impl History {
    /// The version under the cursor.
    pub(crate) fn selected(&self) -> Option<&Snapshot> {
        self.list.value()?.get(self.cursor.at()?)
    }
}

/// The changes that lead from today's policy back to a saved one.
///
/// # Errors
/// A sentence: the file isn't a policy, or differs in parts that a write never touches.
pub(crate) fn back_to(snapshot: &Snapshot, today: &Policy) -> Result<Vec<Change>, String> {
    if let Some(damage) = snapshot.damage() {
        return Err(format!("This version {damage}: choose another one."));
    }
    let then = Policy::parse(snapshot.policy.clone())?;
    let back = diff(today, &then);
    back.writable()?;
    Ok(back.changes)
}

impl PolicyPane {
    pub(super) fn open_history(&mut self, cx: &mut Cx) {
        let Some((account, facts)) = cx.shared.workspace.opened_facts() else { return };
        let read = ops::list_history(AccountRef::read(account), facts.unique_id());
        let mut list = Slot::default();
        cx.read_into(&mut list, OWNER, read);
        self.mode = Mode::History(History { list, cursor: ListCursor::default() });
    }

    pub(super) fn on_history(&mut self, action: Action, cx: &mut Cx) -> bool {
        let Mode::History(history) = &mut self.mode else { return false };
        if let Some(step) = as_move(action) {
            return history.cursor.step(step);
        }
        match action {
            Action::Restore => match history.selected().cloned() {
                Some(snapshot) => self.restore(&snapshot, cx),
                None => cx.notice(Level::Warning, "Nothing to restore"),
            },
            Action::Back => self.mode = Mode::Browse,
            _ => return false,
        }
        true
    }

    /// Handles Google's answer about a condition.
    pub(super) fn linted(
        &mut self,
        linting: super::Linting,
        reply: Result<crate::ops::Reply, crate::http::ApiError>,
        cx: &mut Cx,
    ) {
        let complaint = match linting.req.open(reply) {
            Ok(lints) => lints.iter().find(|lint| lint.is_error()).map(|lint| lint.message.clone()),
            // A failed lint doesn't block the edit: Google checks the write itself again.
            Err(error) => {
                cx.notice(
                    Level::Warning,
                    format!("Couldn't check the condition first: {}", error.sentence()),
                );
                None
            }
        };
        match (complaint, &mut self.mode) {
            (Some(complaint), Mode::Grant(grant)) => {
                grant.form.set_error("expression", Some(complaint));
                grant.form.focus_on("expression");
            }
            (Some(complaint), _) => cx.notice(Level::Error, complaint),
            (None, _) => {
                self.mode = Mode::Browse;
                self.stage(&linting.account, linting.edit, cx);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use serde_json::json;

    fn snapshot(policy: serde_json::Value) -> Snapshot {
        Snapshot {
            id: "1".into(),
            time: Timestamp::from_second(1_800_000_000).expect("a time"),
            whose: Default::default(),
            change: Vec::new(),
            granted: Vec::new(),
            policy,
        }
    }

    #[test]
    fn going_back_is_a_set_of_changes_over_today() {
        let today = Policy::parse(
            json!({"etag":"B","bindings":[{"role":"roles/viewer","members":["user:b@example.com"]}]}),
        )
        .expect("a policy");
        let then = snapshot(
            json!({"etag":"A","bindings":[{"role":"roles/viewer","members":["user:a@example.com"]}]}),
        );
        let changes = back_to(&then, &today).expect("writable");
        assert_eq!(changes.len(), 2);
    }

    #[test]
    fn a_saved_policy_with_other_audit_settings_is_refused_not_half_restored() {
        let today = Policy::parse(json!({"etag":"B"})).expect("a policy");
        let then = snapshot(json!({"etag":"A","auditConfigs":[{"service":"allServices"}]}));
        assert!(back_to(&then, &today).is_err());
    }
}
