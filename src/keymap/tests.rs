//! Properties of the key table and of rebinding.

use super::*;

#[test]
fn in_every_place_a_key_means_one_thing() {
    Keymap::new(&[]).expect("no clash");
}

#[test]
fn every_action_has_its_own_name() {
    let mut names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn labels_start_with_a_verb_and_have_five_words_at_most() {
    const VERBS: &str = "accept answer ask check close continue copy delete edit enable exchange explain favourite filter \
        focus fold get go grant group impersonate inspect mark mint move open quit redo refresh reload restore \
        reveal reverse review revoke run save select set show sign sort stage submit suspend switch test toggle \
        choose try undo wait wipe write zoom";
    for row in TABLE {
        let words: Vec<_> = row.label.split_whitespace().collect();
        let verb = words[0].trim_end_matches('…');
        assert!(VERBS.split_whitespace().any(|known| known == verb), "{}: {}", row.name, row.label);
        assert!(words.len() <= 5, "{}: {}", row.name, row.label);
        assert!(!row.description.starts_with(' ') && !row.description.ends_with('.'), "{}", row.name);
    }
}

#[test]
fn a_former_name_still_binds_the_action() {
    let bind = |name: &str, keys: &str| (name.to_owned(), keys.to_owned());
    let keymap = Keymap::new(&[bind("become", "B")]).expect("a free key");
    assert_eq!(keymap.action(Place::Accounts, "B".parse().expect("a key")), Some(Action::Impersonate));
    // A clash is reported at the setting as it was written.
    let clash = [bind("zoom", "z"), bind("become", "q"), bind("redo", "Z")];
    assert!(matches!(Keymap::new(&clash), Err((1, why)) if why.contains("quit")));
    for (former, present) in FORMER_NAMES {
        assert!(TABLE.iter().all(|row| row.name != former), "{former}");
        assert!(TABLE.iter().any(|row| row.name == present), "{present}");
    }
}

#[test]
fn an_unknown_action_offers_a_near_one() {
    let bind = |name: &str| Keymap::new(&[(name.to_owned(), "F5".to_owned())]).map(|_| ()).unwrap_err().1;
    assert_eq!(bind("favorite"), "Unknown action “favorite”. Did you mean “favourite”?");
    assert_eq!(bind("xyz"), "Unknown action “xyz”. `impersona keys` lists all actions.");
}

#[test]
fn no_letter_acts_in_a_form_or_in_text() {
    let keymap = Keymap::default();
    for place in [Place::Form, Place::Text] {
        for letter in ('!'..='~').map(Chord::char) {
            assert_eq!(keymap.action(place, letter), None, "{letter} in {place:?}");
        }
    }
}

#[test]
fn a_rebinding_replaces_the_keys_and_a_clash_is_refused_with_its_place() {
    let bind = |name: &str, keys: &str| (name.to_owned(), keys.to_owned());
    let keymap = Keymap::new(&[bind("refresh", "F5")]).expect("free key");
    assert_eq!(keymap.action(Place::Accounts, Chord::char('r')), None);
    assert_eq!(keymap.key(Action::Refresh), "F5");
    assert!(
        matches!(Keymap::new(&[bind("zoom", "z"), bind("refresh", "q")]), Err((1, why)) if why.contains("quit"))
    );
    assert!(matches!(Keymap::new(&[bind("no-such", "z")]), Err((0, why)) if why.contains("no-such")));
    assert!(matches!(Keymap::new(&[bind("leave", "x")]), Err((0, why)) if why.contains("text")));
    assert!(matches!(Keymap::new(&[bind("quit", "zz")]), Err((0, why)) if why.contains("Unknown key")));
}
