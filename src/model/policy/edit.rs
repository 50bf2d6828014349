//! Staged edits: a list on top of an unchanged base, undone and redone one at a time.

use std::collections::BTreeSet;

use super::diff::{Change, apply, between};
use super::{Policy, Triple};

/// One staged edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Grant.
    Grant(Triple),
    /// Revoke, in all spellings.
    Revoke(Triple),
    /// Another condition or role for the same member.
    Replace {
        /// The present triple.
        old: Triple,
        /// Its replacement.
        new: Triple,
    },
}

/// Edits on top of the policy they started from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Staged {
    base: Policy,
    edits: Vec<Edit>,
    undone: Vec<Edit>,
}

impl Staged {
    pub(crate) fn new(base: Policy) -> Staged {
        Staged { base, edits: Vec::new(), undone: Vec::new() }
    }

    /// These changes as edits over a policy: after a conflict, over their version; for a restore, over today's.
    pub(crate) fn with(base: Policy, changes: &[Change]) -> Staged {
        let mut triples = base.triples().into_iter().collect();
        let edits = changes.iter().filter_map(Edit::of).filter(|edit| edit.replay(&mut triples)).collect();
        Staged { base, edits, undone: Vec::new() }
    }

    /// The policy as read.
    pub(crate) fn base(&self) -> &Policy {
        &self.base
    }

    /// The edits in force, oldest first.
    pub(crate) fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// Adds an edit and forgets what was undone. Returns false, and does nothing, if it would change nothing.
    pub(crate) fn stage(&mut self, edit: Edit) -> bool {
        let mut triples = self.triples();
        let changes = edit.replay(&mut triples);
        if changes {
            self.edits.push(edit);
            self.undone.clear();
        }
        changes
    }

    /// Undoes the last edit and returns it.
    pub(crate) fn undo(&mut self) -> Option<&Edit> {
        self.undone.push(self.edits.pop()?);
        self.undone.last()
    }

    /// Redoes the last undone edit and returns it.
    pub(crate) fn redo(&mut self) -> Option<&Edit> {
        self.edits.push(self.undone.pop()?);
        self.edits.last()
    }

    /// Whether nothing would change: no edits, or edits that cancel out.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes().is_empty()
    }

    /// The net effect of the edits.
    pub(crate) fn changes(&self) -> Vec<Change> {
        between(self.base.triples(), self.triples())
    }

    /// The base with [`Staged::changes`] applied and nothing else touched.
    pub(crate) fn result(&self) -> Policy {
        apply(&self.base, &self.changes())
    }

    fn triples(&self) -> BTreeSet<Triple> {
        let mut triples = self.base.triples().into_iter().collect();
        for edit in &self.edits {
            edit.replay(&mut triples);
        }
        triples
    }
}

impl Edit {
    fn of(change: &Change) -> Option<Edit> {
        match (change.removed(), change.added()) {
            (Some(old), Some(new)) => Some(Edit::Replace { old, new }),
            (Some(old), None) => Some(Edit::Revoke(old)),
            (None, added) => added.map(Edit::Grant),
        }
    }

    /// Applies it to a set of triples; returns false if it changes nothing.
    fn replay(&self, triples: &mut BTreeSet<Triple>) -> bool {
        match self {
            Edit::Grant(triple) => triples.insert(triple.clone()),
            Edit::Revoke(triple) => triples.remove(triple),
            Edit::Replace { old, new } if old == new => false,
            Edit::Replace { old, new } => {
                let revoked = triples.remove(old);
                triples.insert(new.clone()) || revoked
            }
        }
    }
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
