//! Every request this program made: when, what, how it ended, how long it took. A bounded ring; bodies were
//! redacted before they came here.

use std::collections::VecDeque;

use jiff::Timestamp;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{Look, Pane, as_move};
use crate::{
    api::{Record, record::Outcome},
    app::{
        msg::{Clip, Effect, Level},
        shared::{Cx, Shared},
    },
    keymap::{Action, Place},
    model::secret::Secret,
    widgets::{
        list::{ListCursor, Move},
        safe::{safe_line, safe_lines},
        text::fold,
        width::truncate,
    },
};

/// More than anybody reads back.
const MOST: usize = 10_000;

/// The requests, oldest first; the list shows the newest first.
#[derive(Default)]
pub struct Activity {
    records: VecDeque<Record>,
    cursor: ListCursor,
    /// The request whose details are shown, by its id.
    opened: Option<u64>,
    details: ListCursor,
    /// How many records never came: their requests are missing here, or look as if they had not ended.
    lost: u64,
    width: u16,
}

impl Activity {
    /// A request began or ended.
    pub fn on_record(&mut self, record: Record) {
        // An ending is near its beginning: look from the newest.
        if let Some(known) = self.records.iter_mut().rev().find(|known| known.id == record.id) {
            *known = record;
            return;
        }
        self.records.push_back(record);
        if self.records.len() > MOST {
            self.records.pop_front();
        }
        self.cursor.set_len(self.records.len());
        // On the newest row the list follows; elsewhere the row under the cursor stays.
        if let Some(at) = self.cursor.at().filter(|at| *at > 0) {
            self.cursor.go(at + 1);
        }
    }

    /// Records were lost; how many in all.
    pub fn on_lost(&mut self, count: u64) {
        self.lost = count;
    }

    /// How many requests are under way.
    pub fn running(&self) -> usize {
        self.records.iter().rev().take(256).filter(|record| record.outcome == Outcome::Running).count()
    }

    /// The requests, oldest first.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.iter()
    }

    fn nth(&self, at: usize) -> Option<&Record> {
        self.records.len().checked_sub(at + 1).and_then(|at| self.records.get(at))
    }

    fn shown(&self) -> Option<&Record> {
        let id = self.opened?;
        self.records.iter().rev().find(|record| record.id == id)
    }

    fn selected(&self) -> Option<&Record> {
        self.shown().or_else(|| self.nth(self.cursor.at()?))
    }

    fn detail_lines(&self, record: &Record) -> Vec<Line<'static>> {
        let mut lines: Vec<Line<'static>> = vec![
            Line::raw(format!("{} {}{}", record.method, safe_line(&record.host), safe_line(&record.path))),
            Line::raw(format!("{}  {}", record.started, record.call)),
            Line::raw(format!(
                "{}  {} {}",
                outcome(record),
                record.tries,
                if record.tries == 1 { "try" } else { "tries" }
            )),
        ];
        for (title, body) in [("sent", &record.request), ("answered", &record.response)] {
            if !body.is_empty() {
                lines.push(Line::default());
                lines.push(Line::raw(title));
                lines.extend(safe_lines(body).map(|line| Line::raw(line.into_owned())));
            }
        }
        fold(lines, self.width)
    }
}

fn outcome(record: &Record) -> String {
    let status = record.status.map(|status| status.to_string()).unwrap_or_default();
    match &record.outcome {
        Outcome::Running => "under way".into(),
        Outcome::Done => status,
        Outcome::Failed(why) => format!("{status} {}", safe_line(why)).trim_start().to_owned(),
        Outcome::Cancelled => "cancelled".into(),
    }
}

impl Pane for Activity {
    fn place(&self) -> Place {
        Place::Activity
    }

    fn on_action(&mut self, action: Action, cx: &mut Cx) -> bool {
        if let Some(step) = as_move(action) {
            return if self.opened.is_some() { self.details.scroll(step) } else { self.cursor.step(step) };
        }
        match action {
            Action::Open if self.opened.is_some() => self.opened = None,
            Action::Open => {
                self.opened = self.selected().map(|record| record.id);
                self.details.scroll(Move::Top);
            }
            Action::Back if self.opened.is_some() => self.opened = None,
            Action::ExportHar => {
                if self.records.is_empty() {
                    cx.notice(Level::Warning, "there are no requests to save yet");
                } else {
                    let text = Secret::new(crate::view::har::har(self.records.iter()));
                    let name = format!("impersona-{}.har", cx.now.utc.strftime("%Y%m%dT%H%M%SZ"));
                    cx.effect(Effect::Save { name, text });
                }
            }
            _ => return false,
        }
        true
    }

    fn fit(&mut self, area: Rect, _shared: &Shared, _now: Timestamp) {
        self.width = area.width;
        self.cursor.set_height(usize::from(area.height));
        self.details.set_height(usize::from(area.height));
        self.details.set_len(self.shown().map_or(0, |record| self.detail_lines(record).len()));
    }

    fn copies(&self, _shared: &Shared) -> Vec<Action> {
        if self.selected().is_some() { vec![Action::CopyCurl] } else { Vec::new() }
    }

    fn copy(&self, _action: Action, shared: &Shared, _now: Timestamp) -> Result<Effect, String> {
        let record = self.selected().ok_or("no request is selected")?;
        let caller = shared.caller.value.as_ref();
        let text = record.curl(caller.and_then(|caller| caller.quota_project.as_deref()));
        Ok(Effect::Copy(Clip {
            text: Secret::new(text),
            what: "the request as curl".into(),
            sensitive: false,
        }))
    }

    fn title(&self, _look: &Look) -> String {
        let count = match self.records.len() {
            0 => "no requests yet".to_owned(),
            1 => "1 request".to_owned(),
            count => format!("{count} requests"),
        };
        if self.lost > 0 { format!("{count}, {} records lost", self.lost) } else { count }
    }

    fn draw(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        let theme = look.theme;
        if let Some(record) = self.shown() {
            let lines = self.detail_lines(record);
            for (y, line) in (area.y..area.bottom()).zip(lines.iter().skip(self.details.window().start)) {
                buf.set_line(area.x, y, line, area.width);
            }
            return;
        }
        for (line, at) in self.cursor.window().enumerate() {
            let Some(record) = self.nth(at) else { break };
            let style = match record.outcome {
                Outcome::Failed(_) => theme.bad,
                Outcome::Running => theme.warning,
                Outcome::Done | Outcome::Cancelled => Style::new(),
            };
            let selected = self.cursor.at() == Some(at);
            let base = if selected && focused { theme.selected } else { Style::new() };
            let time = record.started.strftime("%H:%M:%S").to_string();
            let status = record.status.map_or_else(|| "·".to_owned(), |status| status.to_string());
            let latency =
                record.latency.map_or_else(String::new, |latency| format!("{} ms", latency.as_millis()));
            let room = usize::from(area.width).saturating_sub(42);
            let name = record.call.rsplit('.').next().unwrap_or_default();
            let path = safe_line(&record.path);
            let text = Line::from(vec![
                Span::styled(if selected { theme.glyphs.cursor } else { " " }, theme.accent),
                Span::styled(format!("{time} "), theme.dim),
                Span::styled(format!("{status:>3} "), style),
                Span::styled(format!("{latency:>8} "), theme.dim),
                Span::styled(format!("{name:<18} "), base),
                Span::styled(truncate(&path, room), theme.dim),
            ]);
            buf.set_line(area.x, area.y + line as u16, &text, area.width);
        }
    }
}
