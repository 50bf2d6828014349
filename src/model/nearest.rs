//! “Did you mean …?”: the nearest match for a typo in a list of known words.

/// The candidate that a typed word most likely means: close to it in spelling, whatever its case. `None` if nothing is
/// close, or the word is too short to tell.
pub(crate) fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let length = typed.chars().count();
    if !(3..=MAX_LENGTH).contains(&length) {
        return None;
    }
    let slips = if length < 5 { 1 } else { 2 };
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&typed, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= slips)
        .min_by_key(|(distance, candidate)| (*distance, candidate.len()))
        .map(|(_, candidate)| candidate)
}

/// Longer words are hardly typos, and comparing takes time.
const MAX_LENGTH: usize = 120;

/// ` Did you mean X?` for the end of a sentence, or empty.
pub(crate) fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!(" Did you mean {name}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 4] = ["drive.readonly", "drive", "whoami", "token"];

    #[test]
    fn slips_of_one_or_two_letters_are_recognized() {
        for (typed, meant) in [
            ("drive.readnly", Some("drive.readonly")),
            ("drvie", Some("drive")),
            ("WhoAmI", Some("whoami")),
            ("tokens", Some("token")),
            ("tok", None),
            ("to", None),
            ("readonly", None),
            ("man", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, WORDS), meant, "{typed}");
        }
    }

    #[test]
    fn long_input_is_not_compared() {
        let long = "x".repeat(MAX_LENGTH + 1);
        assert_eq!(nearest(&long, [long.as_str()]), None);
        assert_eq!(nearest(&long[1..], [&long[1..]]), Some(&long[1..]));
    }

    #[test]
    fn a_suggestion_is_the_end_of_a_sentence() {
        assert_eq!(did_you_mean(Some("drive")), " Did you mean drive?");
        assert_eq!(did_you_mean(None), "");
    }
}
