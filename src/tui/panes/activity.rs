//! Every request of this run: time, call, outcome and latency, in a bounded ring. Bodies are redacted before they
//! get here.

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
    http::{Record, record::Outcome},
    keymap::{Action, Place},
    model::secret::Secret,
    text::{
        safe::{safe_line, safe_lines},
        width::truncate,
    },
    tui::{
        app::{
            msg::{Clip, Effect, Level},
            shared::{Cx, Shared},
        },
        widgets::{
            list::{ListCursor, Move},
            text::fold,
        },
    },
};

/// More than anyone reads.
const MOST: usize = 10_000;

/// Bound for all bodies together, in bytes; beyond it the answers of the oldest requests are dropped.
const MOST_BYTES: usize = 4 * 1024 * 1024;

fn size(record: &Record) -> usize {
    record.request.len() + record.response.len()
}

/// The requests, oldest first; the list shows the newest first.
#[derive(Default)]
pub(crate) struct Activity {
    /// In the order of their numbers.
    records: VecDeque<Record>,
    bytes: usize,
    /// How many of the oldest no longer have their answers.
    answerless: usize,
    cursor: ListCursor,
    /// The request whose details are shown, by its id.
    opened: Option<u64>,
    details: ListCursor,
    /// How many records were lost: their requests are missing here or look unfinished.
    lost: u64,
    width: u16,
}

impl Activity {
    /// A request began or ended.
    pub(crate) fn on_record(&mut self, record: Record) {
        // Records are numbered as requests start, but arrive in any order; almost always it is the last one.
        let at = match self.records.back() {
            Some(last) if last.id >= record.id => self.records.partition_point(|known| known.id < record.id),
            _ => self.records.len(),
        };
        let bytes = size(&record);
        let is_full = self.records.len() == MOST;
        match self.records.get_mut(at) {
            Some(known) if known.id == record.id => self.bytes -= size(&std::mem::replace(known, record)),
            // The request has already left the ring.
            _ if at == 0 && is_full => return,
            _ => self.insert(at, record),
        }
        self.bytes += bytes;
        self.answerless = self.answerless.min(at);
        self.forget_old_answers();
    }

    fn insert(&mut self, at: usize, record: Record) {
        self.records.insert(at, record);
        if self.records.len() > MOST {
            let oldest = self.records.pop_front();
            self.bytes -= oldest.map_or(0, |record| size(&record));
            self.answerless = self.answerless.saturating_sub(1);
        }
        self.cursor.set_len(self.records.len());
        // A cursor on the newest row follows new requests; anywhere else it stays on its request.
        if let Some(at) = self.cursor.at().filter(|at| *at > 0) {
            self.cursor.go(at + 1);
        }
    }

    /// A list of a hundred thousand accounts shouldn't be held twice.
    fn forget_old_answers(&mut self) {
        while self.bytes > MOST_BYTES {
            let Some(record) = self.records.get_mut(self.answerless) else { return };
            self.bytes -= size(record);
            // The request is small, and needed to copy it as curl.
            record.response = String::new();
            self.bytes += size(record);
            self.answerless += 1;
        }
    }

    /// Takes the number of records lost so far.
    pub(crate) fn on_lost(&mut self, count: u64) {
        self.lost = count;
    }

    /// How many requests are in flight.
    pub(crate) fn running(&self) -> usize {
        self.records.iter().rev().take(256).filter(|record| record.outcome == Outcome::Running).count()
    }

    /// The requests, oldest first.
    #[cfg(test)]
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.iter()
    }

    fn nth(&self, at: usize) -> Option<&Record> {
        self.records.len().checked_sub(at + 1).and_then(|at| self.records.get(at))
    }

    fn shown(&self) -> Option<&Record> {
        let id = self.opened?;
        let at = self.records.binary_search_by_key(&id, |record| record.id).ok()?;
        self.records.get(at)
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
        let forgotten = "(no longer stored)".to_owned();
        let is_forgotten = record.response.is_empty() && record.response_bytes > 0;
        let response = if is_forgotten { &forgotten } else { &record.response };
        for (title, body) in [("request", &record.request), ("response", response)] {
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
        Outcome::Running if record.tries > 0 => format!("{status} will retry").trim_start().to_owned(),
        Outcome::Running => "in progress".into(),
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
            Action::Open if self.records.is_empty() => return false,
            Action::Open => {
                self.opened = self.selected().map(|record| record.id);
                self.details.scroll(Move::Top);
            }
            Action::Back if self.opened.is_some() => self.opened = None,
            Action::ExportHar => {
                if self.records.is_empty() {
                    cx.notice(Level::Warning, "No requests to save yet");
                } else {
                    let text = Secret::new(crate::tui::view::har::har(self.records.iter()));
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

    fn copy(&self, _action: Action, _shared: &Shared, _now: Timestamp) -> Result<Effect, String> {
        let text = self.selected().ok_or("No request selected")?.curl();
        Clip::text(&text, "request as curl").map(Effect::Copy)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: u64, outcome: Outcome, response: &str) -> Record {
        Record { id, response: response.into(), ..Record::of_a_read(outcome) }
    }

    fn ids(activity: &Activity) -> Vec<u64> {
        activity.records().map(|record| record.id).collect()
    }

    #[test]
    fn an_ending_takes_the_place_of_its_beginning_whatever_came_between() {
        let mut activity = Activity::default();
        for id in [1, 3, 2, 5, 4] {
            activity.on_record(record(id, Outcome::Running, ""));
        }
        activity.on_record(record(2, Outcome::Done, "two"));
        assert_eq!(ids(&activity), [1, 2, 3, 4, 5]);
        assert_eq!(activity.records().filter(|record| record.outcome == Outcome::Running).count(), 4);
        assert_eq!(activity.bytes, 3);
    }

    #[test]
    fn the_ring_is_bounded_and_the_end_of_a_forgotten_request_is_forgotten_too() {
        let mut activity = Activity::default();
        for id in 1..=MOST as u64 + 10 {
            activity.on_record(record(id, Outcome::Running, ""));
        }
        activity.on_record(record(3, Outcome::Done, "late"));
        assert_eq!((activity.records.len(), activity.bytes), (MOST, 0));
        assert_eq!(activity.records.front().map(|record| record.id), Some(11));
    }

    #[test]
    fn the_answers_to_old_requests_are_forgotten_when_all_together_are_too_much() {
        let mut activity = Activity { width: 80, ..Activity::default() };
        let megabyte = "x".repeat(1024 * 1024);
        for id in 1..=50 {
            activity.on_record(record(id, Outcome::Running, ""));
            let request = "sent".to_owned();
            activity.on_record(Record { request, response_bytes: 9, ..record(id, Outcome::Done, &megabyte) });
        }
        assert!(activity.bytes <= MOST_BYTES, "{}", activity.bytes);
        assert_eq!(activity.bytes, activity.records().map(size).sum::<usize>());
        assert_eq!(activity.records().filter(|record| record.response == megabyte).count(), 3);
        assert_eq!(activity.records.back().map(|record| record.response.len()), Some(megabyte.len()));
        // The requests are kept, the old responses aren't.
        assert!(activity.records().all(|record| record.request == "sent"));
        let oldest = activity.records.front().expect("a record");
        let details: String = activity.detail_lines(oldest).iter().map(ToString::to_string).collect();
        assert!(details.contains("no longer stored"), "{details}");
    }
}
