use super::super::edit::{Edit, Staged};
use super::super::testing::{edits, policies, policy, triple, triples};
use super::*;
use proptest::prelude::*;
use serde_json::json;

fn edited(base: &Policy, edits: Vec<Edit>) -> Policy {
    let mut staged = Staged::new(base.clone());
    for edit in edits {
        staged.stage(edit);
    }
    staged.result()
}

#[test]
fn independent_changes_are_both_kept_on_their_etag_and_fields() {
    let base =
        policy(json!({"etag": "A", "bindings": [{"role": "a", "members": ["user:x@b.c", "user:y@b.c"]}]}));
    let mine = edited(&base, vec![Edit::Revoke(triple("a", "user:x@b.c"))]);
    let theirs = policy(json!({"etag": "B", "future": 1, "bindings": [
        {"role": "a", "members": ["user:x@b.c", "user:y@b.c"]},
        {"role": "b", "members": ["user:z@b.c"]},
    ]}));
    let merge = merge(&base, &mine, &theirs);
    let expected = json!({"etag": "B", "future": 1, "bindings": [
        {"role": "a", "members": ["user:y@b.c"]},
        {"role": "b", "members": ["user:z@b.c"]},
    ]});
    assert_eq!(merge.merged.to_json().to_string(), expected.to_string());
    assert_eq!((merge.mine.len(), merge.theirs.len(), merge.overlaps.len()), (1, 1, 0));
}

#[test]
fn where_both_touched_the_same_role_of_the_same_member_theirs_stands_and_it_is_said() {
    let of = |title: &str| {
        policy(json!({"etag": title, "bindings": [
            {"role": "a", "members": ["user:x@b.c"], "condition": {"title": title, "expression": "e"}}
        ]}))
    };
    let merge = merge(&of("base"), &of("mine"), &of("theirs"));
    assert_eq!(merge.merged, of("theirs"));
    let overlap = &merge.overlaps[0];
    assert_eq!((overlap.role.as_str(), overlap.member.as_str()), ("a", "user:x@b.c"));
    assert_eq!((&overlap.mine, &overlap.theirs), (&merge.mine, &merge.theirs));
}

#[test]
fn the_same_change_by_both_is_no_overlap() {
    let base = policy(json!({"etag": "A"}));
    let mine = edited(&base, vec![Edit::Grant(triple("a", "user:x@b.c"))]);
    let theirs = policy(json!({"etag": "B", "bindings": [{"role": "a", "members": ["user:X@b.c"]}]}));
    let merge = merge(&base, &mine, &theirs);
    assert!(merge.overlaps.is_empty());
    assert_eq!(merge.merged, theirs);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_triple_that_neither_side_removed_is_never_dropped(base in policies(), mine in edits(), theirs in policies()) {
        let mine = edited(&base, mine);
        let merged = triples(&merge(&base, &mine, &theirs).merged);
        let (mine, theirs) = (triples(&mine), triples(&theirs));
        for triple in triples(&base).iter().filter(|triple| mine.contains(triple) && theirs.contains(triple)) {
            prop_assert!(merged.contains(triple), "{triple:?}");
        }
    }

    #[test]
    fn independent_changes_of_both_sides_are_kept(base in policies(), mine in edits(), theirs in edits()) {
        let (mine, theirs) = (edited(&base, mine), edited(&base, theirs));
        let merge = merge(&base, &mine, &theirs);
        let merged = triples(&merge.merged);
        let overlaps = |change: &Change| merge.overlaps.iter().any(|o| (&o.role, &o.member) == (&change.role, &change.member));
        let kept = |change: &Change| {
            change.added().is_none_or(|triple| merged.contains(&triple))
                && change.removed().is_none_or(|triple| !merged.contains(&triple))
        };
        prop_assert!(merge.theirs.iter().all(kept), "theirs always stands");
        prop_assert!(merge.mine.iter().filter(|change| !overlaps(change)).all(kept));
    }

    #[test]
    fn nothing_is_in_a_merge_that_neither_side_has(base in policies(), mine in policies(), theirs in policies()) {
        let merge = merge(&base, &mine, &theirs);
        let sides: Vec<_> = triples(&mine).union(&triples(&theirs)).cloned().collect();
        prop_assert!(triples(&merge.merged).iter().all(|triple| sides.binary_search(triple).is_ok()));
        prop_assert_eq!(merge.merged.etag(), theirs.etag());
        prop_assert_eq!(merge.merged.audit_configs(), theirs.audit_configs());
    }

    #[test]
    fn without_overlaps_it_does_not_matter_who_was_first(base in policies(), mine in edits(), theirs in edits()) {
        let (mine, theirs) = (edited(&base, mine), edited(&base, theirs));
        let (one, other) = (merge(&base, &mine, &theirs), merge(&base, &theirs, &mine));
        prop_assert_eq!(one.overlaps.len(), other.overlaps.len());
        if one.overlaps.is_empty() {
            prop_assert_eq!(triples(&one.merged), triples(&other.merged));
        }
    }

    #[test]
    fn who_changed_nothing_gets_what_the_other_made(base in policies(), other in policies()) {
        prop_assert_eq!(merge(&base, &base, &other).merged.to_json().to_string(), other.to_json().to_string());
        prop_assert_eq!(triples(&merge(&base, &other, &base).merged), triples(&other));
    }
}

/// A policy in which these have these roles under the conditions that the bits choose: none, `a`, `b`.
fn bits(etag: &str, of: &[(&str, &str, u8)]) -> Policy {
    let mut bindings = Vec::new();
    for (role, member, bits) in of {
        for (i, title) in ["", "a", "b"].iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0) {
            let mut binding = json!({"role": role, "members": [member]});
            if i > 0 {
                binding["condition"] = json!({"title": title, "expression": "e"});
            }
            bindings.push(binding);
        }
    }
    policy(json!({"etag": etag, "bindings": bindings}))
}

#[test]
fn of_one_role_of_one_member_the_one_side_that_changed_it_counts_and_of_two_theirs() {
    for (base, mine, theirs) in (0..8u8)
        .flat_map(|base| (0..8u8).flat_map(move |mine| (0..8u8).map(move |theirs| (base, mine, theirs))))
    {
        let of = |etag: &str, bits_here: u8| bits(etag, &[("r", "user:x@b.c", bits_here)]);
        let merge = merge(&of("A", base), &of("A", mine), &of("B", theirs));
        let overlap = mine != base && theirs != base && mine != theirs;
        let expected = if theirs == base { mine } else { theirs };
        assert_eq!(merge.overlaps.len(), usize::from(overlap), "{base:03b} {mine:03b} {theirs:03b}");
        assert_eq!(triples(&merge.merged), triples(&of("B", expected)), "{base:03b} {mine:03b} {theirs:03b}");
        assert_eq!(merge.mine.is_empty(), mine == base);
        assert_eq!(merge.theirs.is_empty(), theirs == base);
        assert_eq!(merge.merged.etag(), Some("B"));
    }
}

#[test]
fn another_role_or_another_member_is_independent_and_an_overlap_holds_back_only_itself() {
    let (x, y) = ("user:x@b.c", "user:y@b.c");
    for other in [("r", y), ("s", x)] {
        for (mine, theirs) in (0..8u8).flat_map(|mine| (0..8u8).map(move |theirs| (mine, theirs))) {
            let of =
                |etag: &str, here: u8, there: u8| bits(etag, &[("r", x, here), (other.0, other.1, there)]);
            // Mine here, theirs there: never an overlap.
            let apart = merge(&of("A", 1, 1), &of("A", mine, 1), &of("B", 1, theirs));
            assert!(apart.overlaps.is_empty(), "{other:?} {mine:03b} {theirs:03b}");
            assert_eq!(triples(&apart.merged), triples(&of("B", mine, theirs)));
            // Both here, in different ways, and mine there too.
            let both = merge(&of("A", 1, 1), &of("A", 2, mine), &of("B", 4, 1));
            assert_eq!(both.overlaps.len(), 1, "{other:?} {mine:03b}");
            assert_eq!(triples(&both.merged), triples(&of("B", 4, mine)));
        }
    }
}
