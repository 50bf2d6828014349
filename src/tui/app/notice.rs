//! The notice above the hints: what was done, or why not. Informational ones disappear, errors stay until the next key.

use std::time::Duration;

use super::msg::Level;
use crate::tui::widgets::text::wrapped_height;

/// More lines would hide what the notice is about.
const MOST_LINES: u16 = 6;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Its id, for the timer that ends it.
    pub(crate) id: u64,
    /// How loud it is.
    pub(crate) level: Level,
    pub(crate) text: String,
}

impl Notice {
    /// How long it stays; none: until the next key.
    pub(crate) fn stays(&self) -> Option<Duration> {
        match self.level {
            Level::Info => Some(Duration::from_secs(8)),
            Level::Warning => Some(Duration::from_secs(15)),
            Level::Error => None,
        }
    }

    /// Lines it takes on a screen of this width.
    pub(crate) fn height(&self, width: u16) -> u16 {
        wrapped_height(&self.text, width.saturating_sub(4)).clamp(1, MOST_LINES)
    }
}
