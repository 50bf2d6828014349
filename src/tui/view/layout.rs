//! The layout, as pure functions of size and focus.
//!
//! ```text
//! 100 columns and more            below, or zoomed: the focused half only
//! ┌──────────────────────────┐    ┌──────────────────┐
//! │ header                   │    │ header           │
//! ├─────────┬────────────────┤    ├──────────────────┤
//! │ list    │ pane           │    │ list or pane     │
//! ├─────────┴────────────────┤    ├──────────────────┤
//! │ notice (when needed)     │    │ notice           │
//! │ hints                    │    │ hints            │
//! └──────────────────────────┘    └──────────────────┘
//! ```

use ratatui::layout::Rect;

use crate::tui::app::Focus;

/// From this width the list is always beside the pane.
pub(crate) const BESIDE: u16 = 100;

/// Below this size only a message is shown.
pub(crate) const SMALLEST: (u16, u16) = (40, 10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Areas {
    pub(crate) header: Rect,
    /// The list of accounts, with its border.
    pub(crate) list: Option<Rect>,
    /// The pane, with its border.
    pub(crate) pane: Option<Rect>,
    /// The notice above the hints; of zero height without one.
    pub(crate) notice: Rect,
    pub(crate) hints: Rect,
}

/// The layout of a screen.
pub(crate) fn areas(screen: Rect, focus: Focus, zoom: bool, notice: u16) -> Areas {
    let line = |y: u16, height: u16| Rect { y, height, ..screen };
    let header = line(screen.y, 1.min(screen.height));
    let hints = line(
        screen.bottom().saturating_sub(1).max(header.bottom()).min(screen.bottom()),
        u16::from(screen.height > 1),
    );
    let notice = notice.min(screen.height.saturating_sub(5));
    let notice = line(hints.y - notice.min(hints.y), notice);
    let body = line(header.bottom(), notice.y.saturating_sub(header.bottom()));
    let (list, pane) = if screen.width >= BESIDE && !zoom {
        let width = (screen.width / 3).clamp(36, 56);
        let left = Rect { width, ..body };
        (Some(left), Some(Rect { x: left.right(), width: body.width - width, ..body }))
    } else {
        match focus {
            Focus::List => (Some(body), None),
            Focus::Pane => (None, Some(body)),
        }
    };
    Areas { header, list, pane, notice, hints }
}

/// The area inside a pane's border, with one column of padding on each side.
pub(crate) fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + 2.min(area.width),
        y: area.y + 1.min(area.height),
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_is_ever_outside_the_screen_or_over_something_else(
            width in 1u16..240, height in 1u16..80, notice in 0u16..6, zoom: bool, left: bool
        ) {
            let screen = Rect::new(0, 0, width, height);
            let focus = if left { Focus::List } else { Focus::Pane };
            let areas = areas(screen, focus, zoom, notice);
            let all: Vec<Rect> = [Some(areas.header), areas.list, areas.pane, Some(areas.notice), Some(areas.hints)]
                .into_iter().flatten().filter(|area| !area.is_empty()).collect();
            for (at, area) in all.iter().enumerate() {
                prop_assert_eq!(area.intersection(screen), *area);
                prop_assert!(all[at + 1..].iter().all(|other| !area.intersects(*other)), "{:?}", all);
            }
        }
    }

    #[test]
    fn the_list_is_beside_the_pane_from_100_columns() {
        let at = |width| areas(Rect::new(0, 0, width, 24), Focus::Pane, false, 0);
        assert!(at(100).list.is_some() && at(100).pane.is_some());
        assert!(at(99).list.is_none() && at(99).pane.is_some());
    }
}
