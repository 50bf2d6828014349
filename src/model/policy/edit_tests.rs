use super::super::Binding;
use super::super::testing::{edits, policies, policy, triple, triples};
use super::*;
use crate::model::condition::Condition;
use proptest::prelude::*;
use serde_json::json;

fn base() -> Policy {
    policy(json!({"etag": "A", "bindings": [
        {"role": "a", "members": ["user:Ann@b.c", "user:bob@b.c", "user:ann@b.c"], "bindingId": "1"},
        {"role": "a", "members": ["user:ann@B.C"]},
        {"role": "a", "members": ["user:ann@b.c"], "condition": {"title": "t", "expression": "e", "future": 1}},
    ]}))
}

fn staged(edits: impl IntoIterator<Item = Edit>) -> Staged {
    let mut staged = Staged::new(base());
    for edit in edits {
        assert!(staged.stage(edit.clone()), "{edit:?} changes nothing");
    }
    staged
}

#[test]
fn a_grant_joins_the_binding_of_its_role_and_condition() {
    let condition = Some(Condition::new("t", "e"));
    let staged = staged([
        Edit::Grant(triple("a", "user:new@b.c")),
        Edit::Grant(Triple { condition, ..triple("a", "user:new@b.c") }),
        Edit::Grant(triple("b", "user:new@b.c")),
    ]);
    let mut expected = base().to_json();
    expected["bindings"][0]["members"].as_array_mut().unwrap().push("user:new@b.c".into());
    expected["bindings"][2]["members"].as_array_mut().unwrap().push("user:new@b.c".into());
    expected["bindings"].as_array_mut().unwrap().push(json!({"role": "b", "members": ["user:new@b.c"]}));
    assert_eq!(staged.result().to_json().to_string(), expected.to_string());
}

#[test]
fn a_revocation_takes_every_spelling_and_the_binding_left_empty() {
    let staged = staged([Edit::Revoke(triple("a", "user:ANN@b.c"))]);
    let expected = json!([
        {"role": "a", "members": ["user:bob@b.c"], "bindingId": "1"},
        {"role": "a", "members": ["user:ann@b.c"], "condition": {"title": "t", "expression": "e", "future": 1}},
    ]);
    assert_eq!(staged.result().to_json()["bindings"].to_string(), expected.to_string());
}

#[test]
fn members_that_take_turns_in_a_binding_keep_what_else_it_carries() {
    let condition = Some(Condition::new("t", "e"));
    let turn = |member| Triple { condition: condition.clone(), ..triple("a", member) };
    let staged = staged([Edit::Replace { old: turn("user:ann@b.c"), new: turn("user:new@b.c") }]);
    assert_eq!(staged.result().to_json()["bindings"][2]["condition"]["future"], 1);
}

#[test]
fn what_changes_nothing_is_not_staged_and_what_cancels_out_is_no_change() {
    let mut staged = Staged::new(base());
    assert!(!staged.stage(Edit::Grant(triple("a", "user:BOB@b.c"))));
    assert!(!staged.stage(Edit::Revoke(triple("b", "user:bob@b.c"))));
    let same = triple("a", "user:bob@b.c");
    assert!(!staged.stage(Edit::Replace { old: same.clone(), new: same.clone() }));
    assert!(staged.stage(Edit::Revoke(same.clone())) && staged.stage(Edit::Grant(same)));
    assert!(staged.is_empty() && staged.edits().len() == 2);
    assert_eq!(staged.result().to_json().to_string(), base().to_json().to_string());
}

#[test]
fn a_new_edit_forgets_what_was_undone() {
    let mut staged = staged([Edit::Grant(triple("b", "user:x@b.c"))]);
    assert_eq!(staged.undo(), Some(&Edit::Grant(triple("b", "user:x@b.c"))));
    assert_eq!(staged.undo(), None);
    staged.stage(Edit::Grant(triple("b", "user:y@b.c")));
    assert_eq!(staged.redo(), None);
    assert_eq!(staged.edits().len(), 1);
}

#[test]
fn what_changes_nothing_leaves_what_was_undone_to_be_redone() {
    let mut staged = staged([Edit::Grant(triple("b", "user:x@b.c"))]);
    staged.undo();
    assert!(!staged.stage(Edit::Revoke(triple("b", "user:x@b.c"))));
    assert!(staged.edits().is_empty());
    assert_eq!(staged.redo(), Some(&Edit::Grant(triple("b", "user:x@b.c"))));
    assert_eq!(staged.redo(), None);
}

#[test]
fn each_kind_of_edit_is_undone_and_redone_last_first() {
    let bob = triple("a", "user:bob@b.c");
    let edits = [
        Edit::Grant(triple("b", "user:x@b.c")),
        Edit::Revoke(bob.clone()),
        Edit::Replace { old: triple("b", "user:x@b.c"), new: triple("c", "user:x@b.c") },
    ];
    let mut staged = staged(edits.clone());
    for edit in edits.iter().rev() {
        assert_eq!(staged.undo(), Some(edit));
    }
    for edit in &edits {
        assert_eq!(staged.redo(), Some(edit));
    }
    assert_eq!(staged.edits(), edits);
}

#[test]
fn a_replacement_counts_where_either_half_of_it_does_something() {
    let (bob, ann, new) =
        (triple("a", "user:bob@b.c"), triple("a", "user:ann@b.c"), triple("a", "user:new@b.c"));
    let other = triple("z", "user:none@b.c");
    for (old, new, changes, afterwards) in [
        (&bob, &new, true, [false, true, true]),
        (&bob, &ann, true, [false, true, false]),
        (&other, &new, true, [true, true, true]),
        (&other, &ann, false, [true, true, false]),
        (&bob, &bob, false, [true, true, false]),
        (&other, &other, false, [true, true, false]),
    ] {
        let mut staged = Staged::new(base());
        let edit = Edit::Replace { old: old.clone(), new: new.clone() };
        assert_eq!(staged.stage(edit.clone()), changes, "{edit:?}");
        let there = triples(&staged.result());
        let found =
            ["user:bob@b.c", "user:ann@b.c", "user:new@b.c"].map(|who| there.contains(&triple("a", who)));
        assert_eq!(found, afterwards, "{edit:?}");
        assert!(!there.contains(&other));
    }
}

#[test]
fn changes_over_another_policy_leave_out_what_is_so_there_already() {
    let add = |member: &str| Change::of(crate::model::policy::diff::Op::Add, triple("a", member));
    let remove = |member: &str| Change::of(crate::model::policy::diff::Op::Remove, triple("a", member));
    let changes = [add("user:new@b.c"), add("user:bob@b.c"), remove("user:ann@b.c"), remove("user:none@b.c")];
    let staged = Staged::with(base(), &changes);
    assert_eq!(
        staged.edits(),
        [Edit::Grant(triple("a", "user:new@b.c")), Edit::Revoke(triple("a", "user:ann@b.c"))]
    );
    assert_eq!(staged.changes().len(), 2);
}

fn binding_texts(policy: &Policy, wanted: impl Fn(&Binding<'_>) -> bool) -> Vec<String> {
    let raw = policy.to_json()["bindings"].as_array().cloned().unwrap_or_default();
    policy
        .bindings()
        .zip(raw)
        .filter(|(binding, _)| wanted(binding))
        .map(|(_, raw)| raw.to_string())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn without_an_edit_there_is_nothing_to_send(policy in policies()) {
        let staged = Staged::new(policy.clone());
        prop_assert!(staged.is_empty());
        prop_assert_eq!(staged.result().to_json().to_string(), policy.to_json().to_string());
    }

    #[test]
    fn undoing_everything_gives_what_was_read_and_redoing_gives_it_back(policy in policies(), edits in edits()) {
        let mut staged = Staged::new(policy.clone());
        for edit in edits {
            staged.stage(edit);
        }
        let done = staged.clone();
        while staged.undo().is_some() {}
        prop_assert!(staged.is_empty());
        prop_assert_eq!(staged.result().to_json().to_string(), policy.to_json().to_string());
        while staged.redo().is_some() {}
        prop_assert_eq!(staged, done);
    }

    #[test]
    fn bindings_that_no_edit_names_stay_to_the_byte(policy in policies(), edits in edits()) {
        let mut staged = Staged::new(policy.clone());
        for edit in edits {
            staged.stage(edit);
        }
        let (changes, result) = (staged.changes(), staged.result());
        let untouched = |binding: &Binding<'_>| {
            !changes.iter().flat_map(|change| [change.removed(), change.added()]).flatten().any(|triple| {
                triple.role == binding.role && triple.condition == binding.condition
            })
        };
        prop_assert_eq!(binding_texts(&policy, untouched), binding_texts(&result, untouched));
        prop_assert_eq!(result.etag(), policy.etag());
        prop_assert_eq!(result.audit_configs(), policy.audit_configs());
    }

    #[test]
    fn the_result_is_what_the_edits_say_one_after_the_other(policy in policies(), edits in edits()) {
        let mut expected = triples(&policy);
        let mut staged = Staged::new(policy);
        for edit in edits {
            staged.stage(edit.clone());
            match edit {
                Edit::Grant(triple) => { expected.insert(triple); }
                Edit::Revoke(triple) => { expected.remove(&triple); }
                Edit::Replace { old, new } if old != new => { expected.remove(&old); expected.insert(new); }
                Edit::Replace { .. } => {}
            }
        }
        prop_assert_eq!(triples(&staged.result()), expected);
    }

    #[test]
    fn changes_staged_again_over_the_same_policy_come_to_the_same(policy in policies(), edits in edits()) {
        let mut staged = Staged::new(policy.clone());
        for edit in edits {
            staged.stage(edit);
        }
        prop_assert_eq!(Staged::with(policy, &staged.changes()).changes(), staged.changes());
    }
}
