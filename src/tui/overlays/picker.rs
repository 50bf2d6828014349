//! A fuzzy picker for commands, projects, accounts and callers. The typed text can also
//! be picked itself, where a name typed by hand makes sense.

use std::collections::HashSet;

use nucleo_matcher::{
    Config, Matcher,
    pattern::{CaseMatching, Normalization, Pattern},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::Outcome;
use crate::{
    keymap::{Action, Chord, KeyCtx, Row},
    model::{
        account::{self, AccountRef},
        caller::{CredentialSource, Switch},
        project,
    },
    text::{
        safe::safe_line,
        width::{pad_right, truncate, truncate_middle},
    },
    tui::{
        app::shared::Shared,
        panes::Look,
        widgets::{
            frame::{padded, popup, popup_area},
            input::{TextEdit, TextInput},
            list::{ListCursor, Move},
            text::wrapped,
        },
    },
};

/// What is being picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Palette,
    /// A project to list.
    Projects,
    Charged,
    /// The name of an account.
    Accounts,
    Callers,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Picked {
    Command(&'static Row),
    /// A project, by id or number.
    Project(String),
    /// The quota project, by id or number.
    Charge(String),
    Account(AccountRef),
    Caller(Switch),
}

#[derive(Clone, Debug)]
struct Item {
    /// Matched, and shown first.
    name: String,
    about: String,
    picked: Picked,
}

/// The typed text, the items, and the matching ones.
#[derive(Debug)]
pub(crate) struct Picker {
    /// What is being picked.
    pub(crate) kind: Kind,
    input: TextInput,
    items: Vec<Item>,
    hits: Vec<u32>,
    cursor: ListCursor,
    /// The typed text as the last row, if it is a name that no item has.
    typed: Option<Item>,
    /// Whether the cursor was moved since the last typing.
    chosen: bool,
    /// Why the typed text can't be picked.
    error: Option<String>,
}

const WIDTH: u16 = 76;
const HEIGHT: u16 = 20;

impl Picker {
    fn new(kind: Kind, items: Vec<Item>) -> Picker {
        let mut picker = Picker {
            kind,
            input: TextInput::default(),
            items,
            hits: Vec::new(),
            cursor: ListCursor::default(),
            typed: None,
            chosen: false,
            error: None,
        };
        picker.find();
        picker
    }

    /// Every command, with its key.
    pub(crate) fn palette(shared: &Shared) -> Picker {
        let keymap = &shared.keymap;
        let items = keymap.all().filter(|(row, _)| row.is_command()).map(|(row, chords)| Item {
            name: row.label.to_owned(),
            // A row of a menu shows the key that opens the menu, then its own.
            about: match row.ctx {
                KeyCtx::MintMenu => format!("{} ", keymap.key(Action::MintMenu)),
                KeyCtx::CopyMenu => format!("{} ", keymap.key(Action::CopyMenu)),
                _ => String::new(),
            } + &chords.iter().map(Chord::to_string).collect::<Vec<_>>().join(" "),
            picked: Picked::Command(row),
        });
        Picker::new(Kind::Palette, items.collect())
    }

    /// The projects that were found, recent ones first.
    pub(crate) fn projects(shared: &Shared) -> Picker {
        Picker::new(Kind::Projects, project_items(shared, Picked::Project))
    }

    /// The same, for the quota project.
    pub(crate) fn charged(shared: &Shared) -> Picker {
        Picker::new(Kind::Charged, project_items(shared, Picked::Charge))
    }

    /// Whether it lists projects.
    pub(crate) fn is_of_projects(&self) -> bool {
        matches!(self.kind, Kind::Projects | Kind::Charged)
    }

    /// Recent and listed accounts, and any typed name.
    pub(crate) fn accounts(listed: &[String], shared: &Shared) -> Picker {
        let known = shared.remembered.favourites.iter().chain(&shared.remembered.accounts);
        let known = known.map(|name| (name, "recent")).chain(listed.iter().map(|name| (name, "listed")));
        let mut seen = HashSet::new();
        let items = known.filter(|(name, _)| seen.insert(*name)).map(|(name, about)| Item {
            name: name.clone(),
            about: about.to_owned(),
            picked: Picked::Account(AccountRef::read(name)),
        });
        Picker::new(Kind::Accounts, items.collect())
    }

    /// Available callers, and any typed file.
    pub(crate) fn callers(shared: &Shared) -> Picker {
        Picker::new(Kind::Callers, caller_items(shared))
    }

    /// Takes in new items while the picker is open.
    pub(crate) fn refresh(&mut self, shared: &Shared) {
        if self.kind == Kind::Callers {
            self.items = caller_items(shared);
            self.find();
        }
        if self.is_of_projects() {
            // The cursor stays on its row when more come.
            let kept = self.selected().map(|item| item.picked.clone()).filter(|_| self.chosen);
            let picked = if self.kind == Kind::Charged { Picked::Charge } else { Picked::Project };
            self.items = project_items(shared, picked);
            self.find();
            let at = kept.and_then(|picked| {
                self.hits.iter().position(|hit| self.item(*hit).is_some_and(|item| item.picked == picked))
            });
            if let Some(at) = at {
                self.cursor.go(at);
            }
        }
    }

    pub(crate) fn on_action(&mut self, action: Action) -> Outcome {
        match action {
            Action::Down => {
                self.chosen = true;
                self.cursor.step(Move::Down);
                Outcome::Stay
            }
            Action::Up => {
                self.chosen = true;
                self.cursor.step(Move::Up);
                Outcome::Stay
            }
            Action::Accept => self.accept(),
            _ => Outcome::Stay,
        }
    }

    pub(crate) fn on_text(&mut self, edit: &TextEdit) {
        if self.input.edit(edit) {
            self.error = None;
            self.chosen = false;
            self.find();
            self.cursor.step(Move::Top);
        }
    }

    pub(crate) fn line(&self) -> &TextInput {
        &self.input
    }

    /// The item of a hit; the last one may be the typed text.
    fn item(&self, hit: u32) -> Option<&Item> {
        self.items.get(hit as usize).or(self.typed.as_ref())
    }

    fn selected(&self) -> Option<&Item> {
        self.item(*self.hits.get(self.cursor.at()?)?)
    }

    /// Picks the chosen row, else the item with exactly the typed name, else the typed text if it can only be a name,
    /// else the best hit.
    fn accept(&mut self) -> Outcome {
        let typed = self.input.text().trim();
        let exact = self.items.iter().find(|item| item.name == typed);
        let sure = self.kind == Kind::Callers && typed.contains(['/', '\\'])
            || typed.contains('@')
            || !typed.is_empty() && typed.bytes().all(|b| b.is_ascii_digit());
        let meant = match (self.chosen, exact) {
            (true, _) => None,
            (false, Some(item)) => Some(item),
            (false, None) => self.typed.as_ref().filter(|_| sure),
        };
        match meant.or_else(|| self.selected()) {
            Some(item) => Outcome::Pick(item.picked.clone()),
            None => {
                self.error =
                    self.by_hand().err().filter(|sentence| !sentence.is_empty() && !typed.is_empty());
                Outcome::Stay
            }
        }
    }

    /// The typed text as a name.
    fn by_hand(&self) -> Result<Picked, String> {
        match self.kind {
            Kind::Palette => Err(String::new()),
            Kind::Projects => project::parse(self.input.text()).map(Picked::Project),
            Kind::Charged => project::parse(self.input.text()).map(Picked::Charge),
            Kind::Accounts => AccountRef::parse(self.input.text()).map(Picked::Account),
            Kind::Callers => match self.input.text().trim() {
                path if path.contains(['/', '\\', '.']) => {
                    Ok(Picked::Caller(Switch::To(CredentialSource::File(path.into()))))
                }
                _ => Err("Enter the path of a credentials file".to_owned()),
            },
        }
    }

    fn find(&mut self) {
        let pattern = Pattern::parse(self.input.text(), CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let mut hits: Vec<(u32, u32)> = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            // The short form of an account in a project of a domain has its parts the other way round.
            let short = account::short(&item.name);
            let hay =
                format!("{} {}{}", item.name, item.about, if short.contains(':') { &*short } else { "" });
            let hay = nucleo_matcher::Utf32Str::new(&hay, &mut buffer);
            if let Some(score) = pattern.score(hay, &mut matcher) {
                hits.push((score, at as u32));
            }
        }
        // Equal scores keep the order of the items: recent ones and the table's own order come first.
        hits.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        self.hits = hits.into_iter().map(|(_, at)| at).collect();
        self.typed = None;
        if let Ok(picked) = self.by_hand() {
            // A name of an item selects it, even if the item is shown under another name.
            match self.items.iter().position(|item| item.picked == picked) {
                Some(at) => {
                    self.hits.retain(|hit| *hit != at as u32);
                    self.hits.insert(0, at as u32);
                }
                None => {
                    let name = self.input.text().trim().to_owned();
                    self.typed = Some(Item { name, about: "as typed".into(), picked });
                    self.hits.push(u32::MAX);
                }
            }
        }
        self.cursor.set_len(self.hits.len());
    }

    /// How much room there is.
    pub(crate) fn fit(&mut self, screen: Rect) {
        let area = popup_area(screen, WIDTH, HEIGHT);
        self.cursor.set_height(usize::from(area.height.saturating_sub(4)));
    }

    pub(crate) fn draw(&self, screen: Rect, buf: &mut Buffer, look: &Look) {
        let (theme, shared) = (look.theme, look.shared);
        let title = match self.kind {
            Kind::Palette => " Commands ",
            Kind::Projects => " Project ",
            Kind::Charged => " Quota project ",
            Kind::Accounts => " Account by name ",
            Kind::Callers => " Switch caller ",
        };
        let title = match self.kind {
            // Often there are more than fit.
            Kind::Callers => format!("{title}({}) ", self.items.len()),
            _ => title.to_owned(),
        };
        let inner = popup(screen, WIDTH, HEIGHT, buf, Line::raw(title), theme);
        if inner.is_empty() {
            return;
        }
        let line = Rect { height: 1, ..inner };
        buf.set_string(line.x, line.y, ">", theme.accent);
        let text = Rect { x: line.x + 2.min(line.width), width: line.width.saturating_sub(2), ..line };
        look.cursor.set(self.input.draw(text, buf, Style::new(), true));
        if self.kind == Kind::Callers && self.input.text().is_empty() {
            let hint = "filter, or enter the path of a credentials file";
            buf.set_stringn(text.x + 1, text.y, hint, usize::from(text.width.saturating_sub(1)), theme.dim);
        }
        let rows = Rect { y: inner.y + 2, height: inner.height.saturating_sub(2), ..inner };
        let said = self.error.clone().or_else(|| self.remark(shared));
        if let Some(text) = said.filter(|_| self.error.is_some() || self.hits.is_empty()) {
            wrapped(&text, padded(rows), buf, if self.error.is_some() { theme.bad } else { theme.dim });
            return;
        }
        for (y, at) in (rows.y..rows.bottom()).zip(self.cursor.window()) {
            let Some(item) = self.item(self.hits[at]) else { continue };
            let selected = self.cursor.at() == Some(at);
            let room = usize::from(rows.width);
            let about = truncate(&safe_line(&item.about), room / 2).into_owned();
            let name_room = room.saturating_sub(unicode_width::UnicodeWidthStr::width(about.as_str()) + 2);
            let name = pad_right(&truncate_middle(&safe_line(&item.name), name_room), name_room);
            let line = Line::from(vec![
                Span::styled(name, if selected { theme.selected } else { Style::new() }),
                Span::raw("  "),
                Span::styled(about, theme.dim),
            ]);
            buf.set_line(rows.x, y, &line, rows.width);
        }
    }

    /// The text shown if nothing matches.
    fn remark(&self, shared: &Shared) -> Option<String> {
        let typed = self.input.text().trim();
        Some(match self.kind {
            Kind::Palette => "No matching command".into(),
            Kind::Projects | Kind::Charged => match (shared.workspace.projects.error(), shared.workspace.projects.is_awaiting()) {
                (_, true) => "Searching your projects… You can also type a project ID or number".into(),
                (Some(error), false) => format!("{} Type a project ID or number, then press enter.", error.sentence()),
                (None, false) if typed.is_empty() => "No projects found. Type a project ID or number, then press enter".into(),
                (None, false) => "Press enter to use what you typed".into(),
            },
            Kind::Accounts if typed.is_empty() => "Type the full email, the short form NAME@PROJECT, or the 21-digit unique ID, then press enter".into(),
            Kind::Accounts => "Press enter to open what you typed".into(),
            Kind::Callers if typed.is_empty() => {
                "No credentials found. Type the path of a credentials file, then press enter".into()
            }
            Kind::Callers => "No match. You can also enter the path of a credentials file".into(),
        })
    }
}

fn caller_items(shared: &Shared) -> Vec<Item> {
    let mut items = Vec::new();
    let present = shared.session.caller.value().and_then(|caller| caller.principal.as_deref());
    if let Some(account) = shared.workspace.opened.as_deref().filter(|account| Some(*account) != present) {
        items.push(Item {
            name: format!("impersonate {}", account::short(account)),
            about: "needs iam.serviceAccounts.getAccessToken".into(),
            picked: Picked::Caller(Switch::Become(account.to_owned())),
        });
    }
    if let Some(before) = shared.session.callers_before().last() {
        items.push(Item {
            name: format!("back to {before}"),
            about: "previous caller".into(),
            picked: Picked::Caller(Switch::Back),
        });
    }
    items.extend(shared.session.choices.iter().map(|choice| Item {
        name: choice.label.clone(),
        about: choice.about.clone(),
        picked: Picked::Caller(Switch::To(choice.how.clone())),
    }));
    items
}

fn project_items(shared: &Shared, picked: fn(String) -> Picked) -> Vec<Item> {
    let recent = &shared.remembered.projects;
    let mut items: Vec<Item> = shared
        .workspace
        .projects
        .value()
        .into_iter()
        .flatten()
        .map(|project| Item {
            name: project.id.clone(),
            about: if project.display_name == project.id {
                String::new()
            } else {
                project.display_name.clone()
            },
            picked: picked(project.id.clone()),
        })
        .collect();
    items.sort_by_key(|item| recent.iter().position(|id| *id == item.name).unwrap_or(usize::MAX));
    let hidden = |id: &&String| {
        !shared.workspace.projects.value().into_iter().flatten().any(|project| project.id == **id)
    };
    for id in recent.iter().rev().filter(hidden) {
        items.insert(0, Item { name: id.clone(), about: "recent".into(), picked: picked(id.clone()) });
    }
    items
}
