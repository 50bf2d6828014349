//! Staged edits: a list over a base that stays as read, undone and redone one at a time.

use std::collections::BTreeSet;

use super::diff::{Change, apply, between};
use super::{Policy, Triple};

/// One staged edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Give.
    Grant(Triple),
    /// Take away, in all its spellings.
    Revoke(Triple),
    /// Another condition or role for the same member.
    Replace {
        /// What is there.
        old: Triple,
        /// What takes its place.
        new: Triple,
    },
}

/// Edits over the policy they started from.
#[derive(Clone, Debug, PartialEq)]
pub struct Staged {
    base: Policy,
    edits: Vec<Edit>,
    undone: Vec<Edit>,
}

impl Staged {
    /// No edits yet.
    pub fn new(base: Policy) -> Staged {
        Staged { base, edits: Vec::new(), undone: Vec::new() }
    }

    /// These changes as edits over a policy: after a conflict over theirs, for a restore over today's.
    pub fn with(base: Policy, changes: &[Change]) -> Staged {
        let mut triples = base.triples().into_iter().collect();
        let edits = changes.iter().filter_map(Edit::of).filter(|edit| edit.replay(&mut triples)).collect();
        Staged { base, edits, undone: Vec::new() }
    }

    /// The policy as read.
    pub fn base(&self) -> &Policy {
        &self.base
    }

    /// The edits in force, oldest first.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// Adds an edit, and forgets what was undone. False, and nothing happens, when it would change nothing.
    pub fn stage(&mut self, edit: Edit) -> bool {
        let mut triples = self.triples();
        let changes = edit.replay(&mut triples);
        if changes {
            self.edits.push(edit);
            self.undone.clear();
        }
        changes
    }

    /// Takes the last edit back; gives it.
    pub fn undo(&mut self) -> Option<&Edit> {
        self.undone.push(self.edits.pop()?);
        self.undone.last()
    }

    /// Puts the last undone edit back; gives it.
    pub fn redo(&mut self) -> Option<&Edit> {
        self.edits.push(self.undone.pop()?);
        self.edits.last()
    }

    /// Whether nothing would change: no edits, or edits that cancel out.
    pub fn is_empty(&self) -> bool {
        self.changes().is_empty()
    }

    /// What the edits come to.
    pub fn changes(&self) -> Vec<Change> {
        between(self.base.triples(), self.triples())
    }

    /// The base with [`Staged::changes`] applied and nothing else touched.
    pub fn result(&self) -> Policy {
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

    /// Does it to a set of triples; false when it changes nothing.
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
