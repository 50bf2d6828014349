//! Puts insertions into a text, and remembers where each came to stand.

use std::ops::Range;

use crate::sites::Insertion;

/// A piece of the new text that was put in, or one that such pieces stand around.
pub struct Piece {
    /// Of the new text, in bytes.
    pub place: Range<usize>,
    /// The mutants of the file it serves.
    pub serves: Range<usize>,
    /// Whether it was put in itself.
    pub own: bool,
}

pub fn weave(text: &str, insertions: &[Insertion]) -> (String, Vec<Piece>) {
    // What ends comes before what begins; within each, so that ranges are nested.
    let mut order: Vec<usize> = (0..insertions.len()).collect();
    order.sort_by_key(|at| {
        let insertion = &insertions[*at];
        let ends = insertion.other < insertion.at;
        let (kind, other, sequence) = match ends {
            true => (0, -(insertion.other as i64), -(*at as i64)),
            false => (1, -(insertion.other as i64), *at as i64),
        };
        (insertion.at, kind, other, sequence)
    });
    let mut new = String::with_capacity(text.len() * 2);
    let mut pieces: Vec<Piece> = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut from = 0;
    for at in order {
        let insertion = &insertions[at];
        new.push_str(&text[from..insertion.at]);
        from = insertion.at;
        let start = new.len();
        new.push_str(&insertion.text);
        pieces.push(Piece { place: start..new.len(), serves: insertion.serves.clone(), own: true });
        if insertion.other > insertion.at {
            open.push((start, at));
        } else if insertion.other < insertion.at
            && let Some((start, opened)) = open.pop()
        {
            let serves = insertions[opened].serves.clone();
            pieces.push(Piece { place: start..new.len(), serves, own: false });
        }
    }
    new.push_str(&text[from..]);
    (new, pieces)
}
