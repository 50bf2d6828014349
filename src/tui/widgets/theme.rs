//! Colours and glyphs as meanings. Few: one accent for the focus, four meanings, dim for context, and the
//! terminal's own foreground and background for the rest, so that light and dark terminals both read well.
//! Without colour the meanings are bold, underlined or reversed, and every mark is also a word or a place.

use ratatui::{
    style::{Color, Modifier, Style},
    symbols::border,
};

use crate::session::config::Mode;

/// Styles by meaning, and the glyphs of this locale.
#[derive(Clone, Debug)]
pub struct Theme {
    /// Focus: the border and title of the focused pane, the cursor's bar.
    pub(crate) accent: Style,
    pub(crate) good: Style,
    /// About to expire, doubtful.
    pub(crate) warning: Style,
    pub(crate) bad: Style,
    /// Secrets, masked or not.
    pub(crate) secret: Style,
    /// Context: labels, hints, unknowns.
    pub(crate) dim: Style,
    pub(crate) strong: Style,
    /// The row under the cursor.
    pub(crate) selected: Style,
    pub(crate) glyphs: &'static Glyphs,
}

/// Marks, one column wide each, in Unicode or in ASCII.
#[derive(Debug)]
pub(crate) struct Glyphs {
    /// Whether only ASCII can be shown.
    pub(crate) ascii: bool,
    pub(crate) yes: &'static str,
    pub(crate) no: &'static str,
    pub(crate) live: &'static str,
    pub(crate) star: &'static str,
    /// Full and empty parts of a bar.
    pub(crate) bar: (&'static str, &'static str),
    /// The cursor's bar at the left of a row.
    pub(crate) cursor: &'static str,
    pub(crate) flight: &'static str,
    pub(crate) arrow: &'static str,
    /// A group that is shown.
    pub(crate) open: &'static str,
    /// A group that is folded.
    pub(crate) closed: &'static str,
    pub(crate) dot: &'static str,
    /// Frames of the spinner.
    pub(crate) spinner: &'static [&'static str],
    /// The border of panes.
    pub(crate) border: border::Set<'static>,
}

static UNICODE: Glyphs = Glyphs {
    ascii: false,
    yes: "✓",
    no: "✗",
    live: "●",
    star: "★",
    bar: ("▰", "▱"),
    cursor: "▌",
    flight: "⇅",
    arrow: "→",
    open: "▾",
    closed: "▸",
    dot: "·",
    spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
    border: border::PLAIN,
};

static ASCII: Glyphs = Glyphs {
    ascii: true,
    yes: "+",
    no: "x",
    live: "*",
    star: "#",
    bar: ("=", "-"),
    cursor: ">",
    flight: "~",
    arrow: ">",
    open: "v",
    closed: ">",
    dot: ".",
    spinner: &["|", "/", "-", "\\"],
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
};

impl Theme {
    /// The styles of a mode; `unicode` says whether the locale supports more than ASCII.
    pub(crate) fn new(mode: Mode, unicode: bool) -> Theme {
        let plain = Style::new();
        let colour = |dark: Color, light: Color| match mode {
            Mode::Dark => plain.fg(dark),
            Mode::Light => plain.fg(light),
            Mode::None => plain,
        };
        let add = |style: Style, modifier: Modifier| {
            if mode == Mode::None { style.add_modifier(modifier) } else { style }
        };
        Theme {
            accent: colour(Color::Cyan, Color::Blue).add_modifier(Modifier::BOLD),
            good: colour(Color::Green, Color::Green),
            warning: add(colour(Color::Yellow, Color::Magenta), Modifier::UNDERLINED),
            bad: add(colour(Color::LightRed, Color::Red), Modifier::BOLD),
            secret: colour(Color::Magenta, Color::Magenta),
            // Dim is a modifier, not a grey: greys vanish on one of the two backgrounds.
            dim: plain.add_modifier(Modifier::DIM),
            strong: plain.add_modifier(Modifier::BOLD),
            selected: plain.add_modifier(Modifier::REVERSED),
            glyphs: if unicode { &UNICODE } else { &ASCII },
        }
    }
}

impl Default for Theme {
    fn default() -> Self {
        Theme::new(Mode::default(), true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn without_colour_no_style_names_one() {
        let theme = Theme::new(Mode::None, true);
        for style in
            [theme.accent, theme.good, theme.warning, theme.bad, theme.secret, theme.dim, theme.selected]
        {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }

    #[test]
    fn every_mark_is_one_column_and_ascii_is_ascii() {
        for glyphs in [&UNICODE, &ASCII] {
            let marks =
                [glyphs.yes, glyphs.no, glyphs.live, glyphs.star, glyphs.bar.0, glyphs.bar.1, glyphs.cursor];
            assert!(marks.iter().chain(glyphs.spinner).all(|mark| mark.width() == 1));
        }
        assert!(
            [ASCII.yes, ASCII.no, ASCII.arrow, ASCII.dot, ASCII.bar.0].iter().all(|mark| mark.is_ascii())
        );
    }
}
