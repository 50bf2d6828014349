//! Overlays: help, the palette and other pickers, questions, menus and the doctor. They form a stack: keys go to the
//! top one, drawing starts at the bottom. An overlay changes nothing itself; it ends in an [`Outcome`].

pub(crate) mod doctor;
pub(crate) mod picker;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

pub(crate) use doctor::Doctor;
pub(crate) use picker::{Picked, Picker};

use crate::{
    keymap::{Action, Keymap, Place, docs},
    model::{caller::Switch, doctor::StepAction},
    text::{safe::safe_line, width::width},
    tui::{
        app::shared::Shared,
        panes::{Look, as_move},
        widgets::{
            frame::{popup, popup_area},
            input::{TextEdit, TextInput},
            list::ListCursor,
            text::{fold, fold_hanging, wrapped, wrapped_height},
            theme::Theme,
        },
    },
};

/// A pop-up over the panes.
#[derive(Debug)]
pub(crate) enum Overlay {
    /// The keys of a place.
    Help {
        /// The place whose keys are listed.
        place: Place,
        scroll: ListCursor,
    },
    /// A list to search by typing.
    Picker(Box<Picker>),
    Confirm {
        /// The question, a sentence.
        question: String,
        /// What happens on yes.
        yes: Confirmed,
    },
    /// A few actions, each with its key.
    Menu {
        /// Which menu; decides the keys.
        place: Place,
        title: String,
        /// The actions on offer.
        actions: Vec<Action>,
    },
    /// Why something was denied.
    Doctor(Box<Doctor>),
}

/// What can be confirmed, with what the question was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Confirmed {
    /// Wipe shelf and clipboard.
    Wipe,
    /// Test the caller's access to these accounts.
    TestAll(Vec<String>),
    /// Test a delegation chain by minting.
    Probe,
    /// Enable this API.
    Enable(Api),
    /// Trust a credentials file: the switch that waits for it, or none for the initial caller.
    Trust(Option<Switch>),
    /// Quit with staged edits or during a write.
    Quit,
}

impl Confirmed {
    /// Whether a yes would be one for the caller at that time.
    pub(crate) fn is_of_caller(&self) -> bool {
        matches!(self, Confirmed::TestAll(_) | Confirmed::Probe | Confirmed::Enable(_))
    }
}

/// An API of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Api {
    pub(crate) service: String,
    pub(crate) project: String,
}

/// The result of an action in an overlay.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Stay,
    /// It closes without effect.
    Close,
    /// It closes, and this action is carried out.
    Act(Action),
    /// It closes, and this was picked.
    Pick(Picked),
    /// It closes, and this was confirmed.
    Confirm(Confirmed),
    /// A step of the doctor; the step decides whether it closes.
    Step(StepAction),
}

const HELP_WIDTH: u16 = 76;
const MENU_WIDTH: u16 = 72;

impl Overlay {
    /// The help for a place.
    pub(crate) fn help(place: Place) -> Overlay {
        Overlay::Help { place, scroll: ListCursor::default() }
    }

    /// A prompt for the name of an account, with the recent and the listed ones to choose from.
    pub(crate) fn account_by_name(listed: &[String], shared: &Shared) -> Overlay {
        Overlay::Picker(Box::new(Picker::accounts(listed, shared)))
    }

    /// Where the keyboard is while this is on top.
    pub(crate) fn place(&self) -> Place {
        match self {
            Overlay::Help { .. } => Place::Help,
            Overlay::Picker(_) => Place::Text,
            Overlay::Confirm { .. } => Place::Confirm,
            Overlay::Menu { place, .. } => *place,
            Overlay::Doctor(_) => Place::Doctor,
        }
    }

    pub(crate) fn on_action(&mut self, action: Action) -> Outcome {
        if action == Action::Back {
            return Outcome::Close;
        }
        match self {
            Overlay::Help { scroll, .. } => {
                if let Some(step) = as_move(action) {
                    scroll.scroll(step);
                }
                Outcome::Stay
            }
            Overlay::Picker(picker) => picker.on_action(action),
            Overlay::Confirm { yes, .. } => match action {
                Action::Yes => Outcome::Confirm(yes.clone()),
                Action::No => Outcome::Close,
                _ => Outcome::Stay,
            },
            Overlay::Menu { actions, .. } if actions.contains(&action) => Outcome::Act(action),
            Overlay::Menu { .. } => Outcome::Stay,
            Overlay::Doctor(doctor) => doctor.on_action(action),
        }
    }

    pub(crate) fn on_text(&mut self, edit: &TextEdit) {
        if let Overlay::Picker(picker) = self {
            picker.on_text(edit);
        }
    }

    /// The line being edited, if there is one.
    pub(crate) fn line(&self) -> Option<&TextInput> {
        match self {
            Overlay::Picker(picker) => Some(picker.line()),
            _ => None,
        }
    }

    /// Adapts to the size of the screen.
    pub(crate) fn fit(&mut self, screen: Rect, shared: &Shared) {
        match self {
            Overlay::Help { place, scroll } => {
                let area = popup_area(screen, HELP_WIDTH, screen.height.saturating_sub(2));
                scroll.set_height(usize::from(area.height.saturating_sub(2)));
                let inner = area.width.saturating_sub(4);
                scroll.set_len(help_lines(&shared.keymap, *place, inner, &Theme::default()).len());
            }
            Overlay::Picker(picker) => picker.fit(screen),
            Overlay::Doctor(doctor) => doctor.fit(screen, shared),
            Overlay::Confirm { .. } | Overlay::Menu { .. } => {}
        }
    }

    pub(crate) fn draw(&self, screen: Rect, buf: &mut Buffer, look: &Look) {
        let theme = look.theme;
        match self {
            Overlay::Help { place, scroll } => {
                let inner = popup(
                    screen,
                    HELP_WIDTH,
                    screen.height.saturating_sub(2),
                    buf,
                    Line::raw(" Help "),
                    theme,
                );
                let lines = help_lines(&look.shared.keymap, *place, inner.width, theme);
                let shown = lines.iter().skip(scroll.window().start);
                for (y, line) in (inner.y..inner.bottom()).zip(shown) {
                    buf.set_line(inner.x, y, line, inner.width);
                }
            }
            Overlay::Picker(picker) => picker.draw(screen, buf, look),
            Overlay::Doctor(doctor) => doctor.draw(screen, buf, look),
            Overlay::Confirm { question, .. } => {
                let width = MENU_WIDTH.min(screen.width);
                let (title, text) = split_question(question, width.saturating_sub(6));
                let height = wrapped_height(text, width.saturating_sub(4)) + 4;
                let title = Line::raw(format!(" {} ", safe_line(title)));
                let inner = popup(screen, width, height, buf, title, theme);
                let taken = wrapped(text, inner, buf, theme.strong);
                let keys = |action: Action| look.shared.keymap.key(action);
                let text = format!("{} yes   {} no", keys(Action::Yes), keys(Action::No));
                let y = inner.y + taken + 1;
                if y < inner.bottom() {
                    buf.set_line(inner.x, y, &Line::styled(text, theme.accent), inner.width);
                }
            }
            Overlay::Menu { place, title, actions } => {
                let rows: Vec<_> = look
                    .shared
                    .keymap
                    .rows(*place)
                    .filter(|(row, _)| actions.contains(&row.action))
                    .collect();
                let height = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(2);
                let inner = popup(screen, MENU_WIDTH, height, buf, Line::raw(format!(" {title} ")), theme);
                for (y, (row, chords)) in (inner.y..inner.bottom()).zip(rows) {
                    let key = chords.first().map(ToString::to_string).unwrap_or_default();
                    let line = Line::from(vec![
                        Span::styled(format!("{key:<3}"), theme.accent),
                        Span::raw(row.text()),
                    ]);
                    for line in fold(vec![line], inner.width).iter().take(1) {
                        buf.set_line(inner.x, y, line, inner.width);
                    }
                }
            }
        }
    }
}

/// A question as the title of its pop-up, and the text below: what follows the question. A question that is longer than a
/// title can be is the text itself.
fn split_question(text: &str, columns: u16) -> (&str, &str) {
    let split = text.split_once("? ").map(|(question, rest)| (&text[..question.len() + 1], rest));
    split.filter(|(question, _)| width(question) <= usize::from(columns)).unwrap_or(("Confirm", text))
}

/// Where the labels of the help begin.
const HELP_LABELS: u16 = 17;

/// The lines of the help; what follows a line break is indented to the labels.
fn help_lines(keymap: &Keymap, place: Place, columns: u16, theme: &Theme) -> Vec<Line<'static>> {
    let lines = docs::help(keymap, place).into_iter();
    let folded = lines.flat_map(|(keys, label)| {
        let line = match keys.as_str() {
            "" => return fold(vec![Line::styled(label, theme.strong)], columns),
            _ => vec![Span::styled(format!("  {keys:<15}"), theme.accent), Span::raw(label)],
        };
        fold_hanging(Line::from(line), columns, HELP_LABELS)
    });
    folded.collect()
}
