//! A list cursor that doesn't hold the rows: it knows only how many there are and how many fit.
//! Drawing takes [`ListCursor::window`] and builds only those rows.

use std::ops::Range;

/// Cursor and window over `len` rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListCursor {
    at: usize,
    top: usize,
    len: usize,
    height: usize,
}

/// A way to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is a direction and says so")]
pub(crate) enum Move {
    Down,
    Up,
    Top,
    Bottom,
    HalfDown,
    HalfUp,
    PageDown,
    PageUp,
}

impl ListCursor {
    /// The row the cursor is on; none when there are no rows.
    pub(crate) fn at(&self) -> Option<usize> {
        (self.len > 0).then_some(self.at)
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The rows to draw.
    pub(crate) fn window(&self) -> Range<usize> {
        self.top..(self.top + self.height).min(self.len)
    }

    /// Sets the number of rows; the cursor stays as near as possible.
    pub(crate) fn set_len(&mut self, len: usize) {
        self.len = len;
        self.settle();
    }

    /// Sets how many rows fit.
    pub(crate) fn set_height(&mut self, height: usize) {
        self.height = height;
        self.settle();
    }

    /// Moves the cursor to a row.
    pub(crate) fn go(&mut self, at: usize) {
        self.at = at;
        self.settle();
    }

    /// Moves; returns whether anything changed.
    pub(crate) fn step(&mut self, step: Move) -> bool {
        let before = (self.at, self.top);
        let page = self.height.max(1);
        self.at = match step {
            Move::Down => self.at + 1,
            Move::Up => self.at.saturating_sub(1),
            Move::Top => 0,
            Move::Bottom => self.len,
            Move::HalfDown => self.at + page.div_ceil(2),
            Move::HalfUp => self.at.saturating_sub(page.div_ceil(2)),
            Move::PageDown => self.at + page,
            Move::PageUp => self.at.saturating_sub(page),
        };
        self.settle();
        before != (self.at, self.top)
    }

    /// Scrolls a text, which has a first line instead of a cursor.
    pub(crate) fn scroll(&mut self, step: Move) -> bool {
        let before = self.top;
        let last = self.len.saturating_sub(self.height);
        let page = self.height.max(1);
        self.top = match step {
            Move::Down => self.top + 1,
            Move::Up => self.top.saturating_sub(1),
            Move::Top => 0,
            Move::Bottom => last,
            Move::HalfDown => self.top + page.div_ceil(2),
            Move::HalfUp => self.top.saturating_sub(page.div_ceil(2)),
            Move::PageDown => self.top + page,
            Move::PageUp => self.top.saturating_sub(page),
        }
        .min(last);
        // The cursor goes along, so that `settle` after a resize keeps the same first line.
        self.at = self.top;
        before != self.top
    }

    fn settle(&mut self) {
        self.at = self.at.min(self.len.saturating_sub(1));
        if self.height == 0 {
            return;
        }
        self.top = self.top.min(self.at).max((self.at + 1).saturating_sub(self.height));
        self.top = self.top.min(self.len.saturating_sub(self.height));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_move() -> impl Strategy<Value = Move> {
        use Move::*;
        prop::sample::select(vec![Down, Up, Top, Bottom, HalfDown, HalfUp, PageDown, PageUp])
    }

    proptest! {
        #[test]
        fn the_cursor_is_always_in_the_window_and_the_window_in_the_rows(
            steps in prop::collection::vec((any_move(), 0usize..50, 0usize..12), 1..60)
        ) {
            let mut list = ListCursor::default();
            for (step, len, height) in steps {
                list.set_len(len);
                list.set_height(height);
                list.step(step);
                let window = list.window();
                prop_assert!(window.end <= list.len() && window.len() <= height);
                if let Some(at) = list.at() && height > 0 {
                    prop_assert!(window.contains(&at), "{at} in {window:?}");
                }
            }
        }
    }

    #[test]
    fn a_window_of_no_height_comes_back_to_the_same_row() {
        let mut list = ListCursor::default();
        list.set_len(100);
        list.set_height(10);
        list.go(57);
        list.set_height(0);
        list.set_height(10);
        assert_eq!(list.at(), Some(57));
    }
}
