//! Which characters are visible as what they are; the others act on a terminal, reorder a line, or hide.

use std::borrow::Cow;

/// Ranges of characters that never reach the terminal, in order: controls, format and default-ignorable
/// characters, line separators, noncharacters (Unicode 16, DerivedCoreProperties and General_Category Cc, Cf, Zl, Zp),
/// and the last plane of private use. The two noncharacters at the end of each plane are not listed.
const UNSAFE: [(u32, u32); 29] = [
    (0x00, 0x1f),
    (0x7f, 0x9f),
    (0xad, 0xad),
    (0x34f, 0x34f),
    (0x600, 0x605),
    (0x61c, 0x61c),
    (0x6dd, 0x6dd),
    (0x70f, 0x70f),
    (0x890, 0x891),
    (0x8e2, 0x8e2),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x2028, 0x202e),
    (0x2060, 0x206f),
    (0x3164, 0x3164),
    (0xfdd0, 0xfdef),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0x110bd, 0x110bd),
    (0x110cd, 0x110cd),
    (0x13430, 0x1343f),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0000, 0xe0fff),
    (0x10_0000, 0x10_fffd),
];

/// Whether this character must not reach the terminal as it is.
pub fn is_unsafe(c: char) -> bool {
    match c {
        ' '..='~' => false,
        // Box drawing and block elements: most of a frame besides ASCII.
        '\u{2500}'..='\u{25ff}' => false,
        _ => {
            let c = c as u32;
            let after = UNSAFE.partition_point(|(first, _)| *first <= c);
            // The first range begins with the first character.
            let listed = c <= UNSAFE[after - 1].1;
            listed || c & 0xfffe == 0xfffe
        }
    }
}

/// Replaces a character that was removed from a sentence.
const MARK: char = '\u{fffd}';

/// Text from outside as part of one of our lines: every unsafe character becomes a mark, line breaks too.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_unsafe(c) { MARK } else { c }).collect())
}

/// JSON with the same content, in which every unsafe character is escaped, except line breaks between values.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| c != '\n' && is_unsafe(c);
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            let mut units = [0; 2];
            shown.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_shows_that_something_was_taken_out() {
        assert_eq!(line("a\nb\x1b[2J\u{202e}c"), "a\u{fffd}b\u{fffd}[2J\u{fffd}c");
        assert!(matches!(line("Zoë 数"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn json_keeps_its_content(text in any::<String>()) {
            let value = serde_json::json!({ &text: [&text, "\u{9b}\u{7f}\u{e0041}"] });
            for written in [value.to_string(), format!("{value:#}")] {
                let shown = json(&written);
                prop_assert!(!shown.contains(|c| c != '\n' && is_unsafe(c)));
                prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&shown).unwrap(), &value);
            }
        }
    }

    #[test]
    fn the_ranges_are_in_order() {
        assert!(UNSAFE.is_sorted_by(|a, b| a.0 <= a.1 && a.1 < b.0));
    }

    /// For each code point, whether Unicode's own data call it invisible. Private use and unassigned characters take a
    /// cell like others.
    fn invisible_by_unicode() -> Vec<bool> {
        use icu_properties::props::{
            BidiControl, DefaultIgnorableCodePoint, GeneralCategory as Category, NoncharacterCodePoint,
            VariationSelector,
        };
        use icu_properties::{CodePointMapData, CodePointSetData};
        let hidden =
            [Category::Control, Category::Format, Category::LineSeparator, Category::ParagraphSeparator];
        let sets = [
            CodePointSetData::new::<DefaultIgnorableCodePoint>(),
            CodePointSetData::new::<NoncharacterCodePoint>(),
            CodePointSetData::new::<BidiControl>(),
            CodePointSetData::new::<VariationSelector>(),
        ];
        let categories = CodePointMapData::<Category>::new();
        let ranges = hidden.into_iter().flat_map(|category| categories.iter_ranges_for_value(category));
        let mut invisible = vec![false; 0x11_0000];
        for range in ranges.chain(sets.iter().flat_map(|set| set.iter_ranges())) {
            invisible[*range.start() as usize..=*range.end() as usize].fill(true);
        }
        invisible
    }

    /// Unsafe here although Unicode doesn't say so: the last plane, all of it private use. Icon fonts use the first two
    /// private-use areas, which stay allowed.
    const BY_CHOICE: std::ops::RangeInclusive<char> = '\u{100000}'..='\u{10fffd}';

    #[test]
    fn exactly_what_unicode_calls_invisible_is_unsafe() {
        let invisible = invisible_by_unicode();
        let wrong: Vec<char> = ('\0'..=char::MAX)
            .filter(|c| is_unsafe(*c) != (invisible[*c as usize] || BY_CHOICE.contains(c)))
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn json_that_hides_nothing_is_not_written_anew() {
        for text in ["", "{}", "{\n  \"a\": \"Zoë 数\"\n}"] {
            assert!(matches!(json(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        for (text, shown) in
            [("\u{9b}", "\\u009b"), ("\"\u{e0041}\"", "\"\\udb40\\udc41\""), ("\t\n", "\\u0009\n")]
        {
            assert_eq!(json(text), shown);
        }
    }
}
