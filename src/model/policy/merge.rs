//! Three-way merge: two people changed the same policy; what each did, and the combined result.

use std::collections::BTreeMap;

use super::diff::{Change, apply, diff};
use super::{Member, Policy};

/// Both changed this role of this member, in different ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    pub(crate) role: String,
    pub(crate) member: Member,
    pub(crate) mine: Vec<Change>,
    /// What they did, which is what [`Merge::merged`] has.
    pub(crate) theirs: Vec<Change>,
}

/// A three-way merge.
#[derive(Clone, Debug, PartialEq)]
pub struct Merge {
    /// Their version (its etag, its fields) with my changes, except for those that overlap.
    pub merged: Policy,
    /// From base to mine.
    pub(crate) mine: Vec<Change>,
    /// From base to theirs.
    pub(crate) theirs: Vec<Change>,
    /// Empty when the changes are independent.
    pub overlaps: Vec<Overlap>,
}

/// Merges `mine`, made from `base`, with the current version `theirs`. If both touched the same role of the same
/// member, theirs stays and the overlap is reported: no change is overwritten unseen.
pub fn merge(base: &Policy, mine: &Policy, theirs: &Policy) -> Merge {
    let merged_into = theirs;
    let (mine, theirs) = (diff(base, mine).changes, diff(base, theirs).changes);
    let touched = touches(&theirs);
    let mut independent = Vec::new();
    let mut overlaps = Vec::new();
    for ((role, member), mine) in touches(&mine) {
        match touched.get(&(role, member)) {
            Some(theirs) if *theirs != mine => overlaps.push(Overlap {
                role: role.to_owned(),
                member: member.clone(),
                mine,
                theirs: theirs.clone(),
            }),
            _ => independent.extend(mine),
        }
    }
    Merge { merged: apply(merged_into, &independent), mine, theirs, overlaps }
}

fn touches(changes: &[Change]) -> BTreeMap<(&str, &Member), Vec<Change>> {
    let mut touches: BTreeMap<_, Vec<Change>> = BTreeMap::new();
    for change in changes {
        touches.entry((change.role.as_str(), &change.member)).or_default().push(change.clone());
    }
    touches
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
