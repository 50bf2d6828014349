//! Any token, decoded: header, claims with their meaning, times, and what is wrong with it. Nothing is sent until
//! a key asks for the signer's public keys.

use jiff::{Timestamp, tz::TimeZone};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{Look, Pane, as_move};
use crate::{
    api::{
        ApiError, Call, Reply,
        endpoints::{self, Base},
        oauth,
    },
    app::{
        msg::{Clip, Effect, Level, Now, Owner, PaneId, ReqId},
        remote::Remote,
        shared::{Cx, Shared},
    },
    keymap::{Action, Place},
    model::{
        jwt::{self, Form, Member, Reading, Section, Severity, State, Verdict},
        secret::Secret,
    },
    view::theme::Theme,
    widgets::{
        countdown,
        list::{ListCursor, Move},
        safe::{safe_line, safe_lines},
        text::{fold, thousands},
    },
};

/// From this width the verdict stands beside the claims.
const BESIDE: u16 = 92;

/// More claims than these are not shown.
const MOST_CLAIMS: usize = 2_000;

/// Of one value no more characters than these are shown, of all together no more than [`MOST_SHOWN`]: what is shown is
/// laid out at every change.
const MOST_VALUE: usize = 4_000;

/// See [`MOST_VALUE`].
const MOST_SHOWN: usize = 60_000;

/// A token and what is known about it.
#[derive(Default)]
pub struct Inspect {
    reading: Option<Reading>,
    from: String,
    about: Vec<(&'static str, String)>,
    expires: Option<Timestamp>,
    keys: Remote<String>,
    verdict: Option<Verdict>,
    raw: bool,
    scroll: ListCursor,
    width: u16,
}

impl Inspect {
    /// Shows a token.
    pub fn open(&mut self, token: &Secret, from: String, cx: &mut Cx) {
        let awaited = self.keys.awaiting.take();
        cx.cancel(awaited);
        self.reading = Some(jwt::read(token.expose()));
        self.from = from;
        self.about.clear();
        self.expires = None;
        self.keys = Remote::default();
        self.verdict = None;
        self.scroll.scroll(Move::Top);
    }

    /// Adds what is known besides what the token says itself; with the verdict, where it was checked when it was made.
    pub fn add(
        &mut self,
        about: Vec<(&'static str, String)>,
        expires: Option<Timestamp>,
        verdict: Option<Verdict>,
    ) {
        self.about = about;
        self.expires = expires;
        self.verdict = verdict;
    }

    /// Shows what was pasted.
    pub fn paste(&mut self, text: &str, cx: &mut Cx) {
        self.open(&Secret::new(text), "what was pasted".into(), cx);
    }

    /// Whether there is no token here.
    pub fn is_empty(&self) -> bool {
        self.reading.is_none()
    }

    /// Forgets the token, if it is this one.
    pub fn forget(&mut self, secret: &Secret) {
        if self.reading.as_ref().is_some_and(|reading| reading.token == *secret) {
            self.wipe();
        }
    }

    /// Forgets the token.
    pub fn wipe(&mut self) {
        *self = Inspect::default();
    }

    /// Asks for the public keys of whoever claims to have signed it: always from the fixed places, whatever the
    /// token names.
    fn check(&mut self, cx: &mut Cx) {
        // The verdict is at the top.
        self.scroll.scroll(Move::Top);
        let Some(reading) = &self.reading else {
            return cx.notice(Level::Warning, "there is no token here: paste one");
        };
        if let Some(verdict) = jwt::judge::uncheckable(reading) {
            self.verdict = Some(verdict);
            return;
        }
        match oauth::KeySource::of(jwt::signer(reading)) {
            Some(source) => {
                let req = cx.call(Owner::Pane(PaneId::Inspect), Call::Oauth(oauth::Call::Keys(source)));
                let old = self.keys.start(req);
                cx.cancel(old);
            }
            None => {
                self.verdict = Some(Verdict::not_checked(
                    "its issuer is neither Google nor a service account: whose keys sign it is not known",
                ));
            }
        }
    }

    fn left(&self, shared: &Shared, theme: &Theme) -> Vec<Line<'static>> {
        let Some(reading) = &self.reading else {
            let keys = &shared.keymap;
            let lines = [
                "Paste a token here: a JWT, an access token, a whole curl line or JSON reply.".to_owned(),
                "It is decoded on this machine; nothing is sent.".to_owned(),
                format!(
                    "From the shelf ({}): {} on a credential.",
                    keys.key(Action::ShowMint),
                    keys.key(Action::Inspect)
                ),
            ];
            return lines.into_iter().map(|text| Line::styled(text, theme.dim)).collect();
        };
        // What came from the shelf is known for what it is, whatever it looks like.
        let name = match (reading.form, self.about.is_empty()) {
            (Form::Opaque, false) => self.from.replace(" from the shelf", ""),
            (form, _) => form.name().to_owned(),
        };
        let mut lines = vec![Line::from(vec![
            Span::styled(name, theme.strong),
            Span::styled(format!("  {} characters", thousands(reading.token.len())), theme.dim),
        ])];
        for (label, text) in &self.about {
            lines.push(Line::from(vec![
                Span::styled(format!("  {label:<9} "), theme.dim),
                Span::raw(safe_line(text).into_owned()),
            ]));
        }
        let name_of = |id: &str| {
            let known = shared.facts.values().filter_map(|facts| facts.account.value.as_ref());
            known.into_iter().find(|account| account.unique_id == id).map(|account| account.email.clone())
        };
        let mut budget = MOST_SHOWN;
        for (title, section) in [("header", &reading.header), ("claims", &reading.claims)] {
            if matches!(section, Section::Absent) {
                continue;
            }
            lines.push(Line::default());
            lines.push(Line::styled(title, theme.dim));
            match section {
                Section::Absent => {}
                Section::Text(text) => {
                    let (text, more) = cut(text, MOST_VALUE);
                    lines.extend(safe_lines(text).map(|line| Line::raw(line.into_owned())));
                    lines.extend(more.map(|more| Line::styled(more, theme.dim)));
                }
                Section::Object(members) => {
                    let column = members.list.iter().take(MOST_CLAIMS).map(|member| member.name.len()).max();
                    let column = column.unwrap_or(0).clamp(3, 16);
                    let mut shown = 0;
                    for member in members.list.iter().take(MOST_CLAIMS) {
                        if budget == 0 {
                            break;
                        }
                        let (line, taken) = self.member_line(member, reading, column, &name_of, theme);
                        lines.push(line);
                        budget = budget.saturating_sub(taken);
                        shown += 1;
                    }
                    let hidden = members.total.saturating_sub(shown);
                    if hidden > 0 {
                        lines.push(Line::styled(format!("  … and {} more", thousands(hidden)), theme.dim));
                    }
                }
            }
        }
        if let Some(bytes) = reading.signature {
            lines.push(Line::default());
            lines.push(Line::styled(format!("signature  {bytes} bytes"), theme.dim));
        }
        lines
    }

    /// One header field or claim with its meaning; and how much was shown of it.
    fn member_line(
        &self,
        member: &Member,
        reading: &Reading,
        column: usize,
        name_of: &dyn Fn(&str) -> Option<String>,
        theme: &Theme,
    ) -> (Line<'static>, usize) {
        let (json, more) = cut(&member.json, MOST_VALUE);
        let whole = more.is_none();
        let value = if self.raw || !whole { None } else { member.text() };
        let value = value.as_deref().unwrap_or(json);
        let (name, _) = cut(&member.name, MOST_VALUE);
        let mut spans = vec![
            Span::styled(format!("  {:<column$}  ", safe_line(name)), theme.accent),
            Span::raw(safe_line(value).into_owned()),
        ];
        spans.extend(more.map(|more| Span::styled(more, theme.dim)));
        if let Some(meaning) = jwt::meaning(member, reading, name_of).filter(|_| whole && !self.raw) {
            spans.push(Span::styled(format!("   {}", safe_line(&meaning)), theme.dim));
        }
        (Line::from(spans), name.len() + value.len())
    }

    fn right(&self, shared: &Shared, now: Timestamp, theme: &Theme) -> Vec<Line<'static>> {
        let Some(reading) = &self.reading else { return Vec::new() };
        let mut lines = vec![self.verdict_line(reading, shared, theme)];
        if let Some(verdict) = &self.verdict {
            lines.push(Line::raw(format!("  {}", safe_line(&verdict.reason))));
        }
        if let Some(error) = &self.keys.error {
            lines.push(Line::styled(error.sentence(), theme.bad));
        }
        lines.push(Line::default());
        let times = times(reading, now, theme);
        match self.expires.filter(|_| times.is_empty()) {
            Some(end) => {
                let left = end.as_second() - now.as_second();
                let mut spans = vec![Span::raw(if left > 0 { "expires in " } else { "" })];
                spans.extend(countdown::line(left, 3_600, theme).spans);
                lines.push(Line::from(spans));
            }
            None => lines.extend(times),
        }
        let known = reading.form == Form::Opaque && !self.about.is_empty();
        let findings = if known { Vec::new() } else { jwt::findings(reading, now, None) };
        if !findings.is_empty() {
            lines.push(Line::default());
        }
        for finding in findings {
            let (glyph, style) = match finding.severity {
                Severity::Error => (theme.glyphs.no, theme.bad),
                Severity::Warning => ("!", theme.warning),
                Severity::Info => (theme.glyphs.dot, theme.dim),
            };
            let message = safe_line(&finding.message).into_owned();
            lines.push(Line::from(vec![Span::styled(format!("{glyph} "), style), Span::raw(message)]));
        }
        lines
    }

    fn verdict_line(&self, reading: &Reading, shared: &Shared, theme: &Theme) -> Line<'static> {
        let (glyph, text, style) = match (&self.verdict, self.keys.awaiting) {
            (_, Some(_)) => ("?", "fetching the signer's public keys…".to_owned(), theme.dim),
            (Some(verdict), None) => match verdict.state {
                State::Verified if emulated(shared) => {
                    (theme.glyphs.yes, "verified by an EMULATOR key".to_owned(), theme.warning)
                }
                State::Verified => (theme.glyphs.yes, "signature verified".to_owned(), theme.good),
                State::Failed => (theme.glyphs.no, "signature failed".to_owned(), theme.bad),
                State::NotChecked => ("?", "signature not checked".to_owned(), theme.warning),
            },
            (None, None) if reading.form == Form::Jws => {
                let key = shared.keymap.key(Action::CheckSignature);
                ("?", format!("signature not checked: {key} fetches the public keys"), theme.dim)
            }
            (None, None) => ("?", "nothing here to check a signature of".to_owned(), theme.dim),
        };
        Line::from(vec![Span::styled(format!("{glyph} "), style), Span::styled(text, style)])
    }

    /// Claims and verdict side by side or one above the other, folded to their widths.
    fn columns(
        &self,
        shared: &Shared,
        now: Timestamp,
        theme: &Theme,
    ) -> (Vec<Line<'static>>, Vec<Line<'static>>) {
        let (left, right) = (self.left(shared, theme), self.right(shared, now, theme));
        if self.width >= BESIDE && self.reading.is_some() {
            let (left_width, right_width) = split(self.width);
            return (fold(left, left_width), fold(right, right_width));
        }
        let mut all = right;
        if !all.is_empty() {
            all.push(Line::default());
        }
        all.extend(left);
        (fold(all, self.width), Vec::new())
    }
}

/// Whether keys do not come from Google's own hosts: what they verify proves nothing about Google.
fn emulated(shared: &Shared) -> bool {
    let certs = endpoints::name(Base::Certs);
    shared.demo || shared.endpoints.overridden().iter().any(|(name, _)| *name == certs)
}

/// The beginning of a text, and how much is left out.
fn cut(text: &str, most: usize) -> (&str, Option<String>) {
    if text.len() <= most {
        return (text, None);
    }
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    (&text[..end], Some(format!(" … {} more bytes", thousands(text.len() - end))))
}

/// Widths of claims and verdict, side by side.
fn split(width: u16) -> (u16, u16) {
    let right = width * 2 / 5;
    (width - right - 2, right)
}

fn times(reading: &Reading, now: Timestamp, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let now = now.as_second();
    if let Some(exp) = reading.times.exp {
        let whole = reading.times.iat.map_or(3_600, |iat| exp.saturating_sub(iat));
        let mut spans = vec![Span::styled(if exp > now { "expires in " } else { "" }, Style::new())];
        spans.extend(countdown::line(exp.saturating_sub(now), whole, theme).spans);
        lines.push(Line::from(spans));
    }
    for (name, time) in [("iat", reading.times.iat), ("nbf", reading.times.nbf), ("exp", reading.times.exp)] {
        if let Some(stamp) = time.and_then(|seconds| Timestamp::from_second(seconds).ok()) {
            let mut spans = vec![
                Span::styled(format!("{name}   "), theme.dim),
                Span::raw(stamp.strftime("%Y-%m-%d %H:%M:%SZ").to_string()),
            ];
            let here = stamp.to_zoned(TimeZone::system());
            if here.offset().seconds() != 0 {
                spans.push(Span::styled(here.strftime("  %H:%M:%S here").to_string(), theme.dim));
            }
            lines.push(Line::from(spans));
        }
    }
    lines
}

impl Pane for Inspect {
    fn place(&self) -> Place {
        Place::Inspect
    }

    fn on_action(&mut self, action: Action, cx: &mut Cx) -> bool {
        if let Some(step) = as_move(action) {
            return self.scroll.scroll(step);
        }
        match action {
            Action::CheckSignature => self.check(cx),
            Action::ToggleRaw => self.raw = !self.raw,
            _ => return false,
        }
        true
    }

    fn on_reply(&mut self, req: ReqId, reply: Result<Reply, ApiError>, cx: &mut Cx) {
        let settled = self
            .keys
            .settle_as(req, reply, |reply| if let Reply::KeySet(keys) = reply { Some(keys) } else { None });
        if let (true, None, Some(keys), Some(reading)) =
            (settled, &self.keys.error, &self.keys.value, &self.reading)
            && let Some(source) = oauth::KeySource::of(jwt::signer(reading))
        {
            self.verdict = Some(jwt::verify(reading, keys, &source.whose(&cx.shared.endpoints)));
        }
    }

    fn fit(&mut self, area: Rect, shared: &Shared, now: Timestamp) {
        self.width = area.width;
        self.scroll.set_height(usize::from(area.height));
        self.scroll.set_len(self.columns(shared, now, &Theme::default()).0.len());
    }

    fn copies(&self, _shared: &Shared) -> Vec<Action> {
        match &self.reading {
            Some(reading) if matches!(reading.form, Form::Jws | Form::Jwe) => {
                vec![Action::CopyDecoded, Action::CopyRaw]
            }
            Some(_) => vec![Action::CopyRaw],
            None => Vec::new(),
        }
    }

    fn copy(&self, action: Action, _shared: &Shared, _now: Timestamp) -> Result<Effect, String> {
        let reading = self.reading.as_ref().ok_or("there is no token here")?;
        if action == Action::CopyRaw {
            let clip = Clip { text: reading.token.clone(), what: "the token".into(), sensitive: true };
            return Ok(Effect::Copy(clip));
        }
        let text = jwt::decode::pretty(reading);
        Ok(Effect::Copy(Clip { text: Secret::new(text), what: "the decoded token".into(), sensitive: false }))
    }

    fn counts_down(&self, _shared: &Shared, now: Now) -> bool {
        let own = self.reading.as_ref().and_then(|reading| reading.times.exp);
        own.or(self.expires.map(Timestamp::as_second)).is_some_and(|end| end > now.utc.as_second())
    }

    fn title(&self, _look: &Look) -> String {
        let name = self.reading.as_ref().map(|_| self.from.clone()).unwrap_or_default();
        if self.raw { format!("{name} (raw)") } else { name }
    }

    fn draw(&self, area: Rect, buf: &mut Buffer, look: &Look, _focused: bool) {
        let (left, right) = self.columns(look.shared, look.now.utc, look.theme);
        let from = self.scroll.window().start;
        let left_width = if right.is_empty() { area.width } else { split(area.width).0 };
        for (y, line) in (area.y..area.bottom()).zip(left.iter().skip(from)) {
            buf.set_line(area.x, y, line, left_width);
        }
        for (y, line) in (area.y..area.bottom()).zip(&right) {
            buf.set_line(area.x + left_width + 2, y, line, split(area.width).1);
        }
    }
}
