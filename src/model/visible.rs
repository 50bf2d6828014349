//! Which characters show what they are: the others act on a terminal, reorder a line, or hide.

/// Ranges of characters that never reach the terminal, in order: controls, format and default-ignorable
/// characters, line separators, noncharacters (Unicode 16, DerivedCoreProperties and General_Category Cc, Cf, Zl, Zp).
const UNSAFE: [(u32, u32); 31] = [
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
    (0xfffe, 0xffff),
    (0x110bd, 0x110bd),
    (0x110cd, 0x110cd),
    (0x13430, 0x1343f),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0x1fffe, 0x1ffff),
    (0xe0000, 0xe0fff),
    (0xf_fffe, 0x10_ffff),
];

/// Whether this character must not reach the terminal as it is.
pub fn is_unsafe(c: char) -> bool {
    match c {
        ' '..='~' => false,
        // Box drawing and block elements: most of what a frame holds beside ASCII.
        '\u{2500}'..='\u{25ff}' => false,
        _ => {
            let c = c as u32;
            let after = UNSAFE.partition_point(|(first, _)| *first <= c);
            after > 0 && c <= UNSAFE[after - 1].1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_are_in_order() {
        assert!(UNSAFE.is_sorted_by(|a, b| a.0 <= a.1 && a.1 < b.0));
    }
}
