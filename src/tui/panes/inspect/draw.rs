//! Drawing a token: its contents on the left, the verdict on the right.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::Inspect;
use crate::{
    http::endpoints::{self, Service},
    keymap::{Action, PaneId},
    model::{
        account::short,
        credential::{MintRequest, What},
        jwt::{
            self, Form, Member, Reading, Section, Severity, State, relative,
            time::{self, Unit},
        },
        permission::MATRIX,
        scopes,
    },
    text::safe::{safe_line, safe_lines},
    tui::{
        app::shared::Shared,
        panes::Look,
        widgets::{
            countdown,
            text::{fold, thousands},
            theme::Theme,
        },
    },
};

/// From this width the verdict stands beside the claims.
const BESIDE: u16 = 92;

const MOST_CLAIMS: usize = 2_000;

/// Most characters shown of one value, as [`MOST_SHOWN`] is of all together: everything shown is laid out again at each
/// change.
const MOST_VALUE: usize = 4_000;

/// See [`MOST_VALUE`].
const MOST_SHOWN: usize = 60_000;

/// What ends later than in a hundred years, in seconds, has a date instead of a countdown.
const DISTANT: i64 = 100 * 365 * 86_400;

/// Cells for one permission in a row of several.
const ROLE: u16 = 17;

/// A scope accepted by more APIs than this isn't listed under one of them.
const MANY_APIS: usize = 12;

impl Inspect {
    fn left(&self, shared: &Shared, theme: &Theme) -> Vec<Line<'static>> {
        let Some(reading) = &self.reading else {
            let keys = &shared.keymap;
            let lines = [
                "Paste a token here: a JWT, an access token, a whole curl command or a JSON response."
                    .to_owned(),
                "It is decoded locally; nothing is sent.".to_owned(),
                format!(
                    "From the shelf ({}): {} on a credential.",
                    keys.key(Action::Show(PaneId::Mint)),
                    keys.key(Action::Inspect)
                ),
            ];
            return lines.into_iter().map(|text| Line::styled(text, theme.dim)).collect();
        };
        // A token from the shelf is of a known kind, whatever it looks like.
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
        lines.extend(facts_lines(&reading.facts, theme));
        let name_of = |id: &str| {
            let known = shared.workspace.facts.values().filter_map(|facts| facts.account.value());
            known
                .into_iter()
                .find(|account| account.unique_id.as_deref() == Some(id))
                .map(|account| account.email.clone())
        };
        lines.extend(self.told(&name_of, theme));
        let mut budget = MOST_SHOWN;
        let mut part = Some(reading);
        while let Some(reading) = part {
            for (title, section) in [("header", &reading.header), ("claims", &reading.claims)] {
                if !matches!(section, Section::Absent) {
                    lines.push(Line::default());
                    lines.push(Line::styled(title, theme.dim));
                    lines.extend(self.section(section, reading, &name_of, &mut budget, theme));
                }
            }
            part = reading.inner.as_deref();
            if let Some(inner) = part {
                lines.push(Line::default());
                lines.push(Line::styled(format!("inside: {}", inner.form.name()), theme.strong));
                lines.extend(facts_lines(&inner.facts, theme));
            }
        }
        if let Some(bytes) = reading.signature {
            lines.push(Line::default());
            lines.push(Line::styled(format!("signature  {bytes} bytes"), theme.dim));
        }
        lines
    }

    fn section(
        &self,
        section: &Section,
        reading: &Reading,
        name_of: &dyn Fn(&str) -> Option<String>,
        budget: &mut usize,
        theme: &Theme,
    ) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
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
                    if *budget == 0 {
                        break;
                    }
                    let (line, taken) = self.member_line(member, reading, column, name_of, theme);
                    lines.push(line);
                    *budget = budget.saturating_sub(taken);
                    shown += 1;
                }
                let hidden = members.total.saturating_sub(shown);
                if hidden > 0 {
                    lines.push(Line::styled(format!("  … and {} more", thousands(hidden)), theme.dim));
                }
            }
        }
        lines
    }

    /// Google's information about an access token: its owner, and its scopes by API.
    fn told(&self, name_of: &dyn Fn(&str) -> Option<String>, theme: &Theme) -> Vec<Line<'static>> {
        let Some(facts) = self.facts.value() else { return Vec::new() };
        let mut lines = vec![Line::default(), Line::styled("Google says", theme.dim)];
        let mut add = |label: &str, text: &str| {
            lines.push(Line::from(vec![
                Span::styled(format!("  {label:<16}  "), theme.accent),
                Span::raw(safe_line(text).into_owned()),
            ]));
        };
        add("email", facts.email.as_deref().unwrap_or("unknown (the token has no userinfo.email scope)"));
        if let Some(audience) = &facts.audience {
            match name_of(audience) {
                Some(email) => add("issued to", &format!("{audience}   {}", short(&email))),
                None => add("issued to", audience),
            }
        }
        for (apis, names) in by_api(&facts.scopes) {
            add(&apis, &names.join(", "));
        }
        lines
    }

    /// Its expiry by its own claims or by another source, in seconds since 1970.
    pub(super) fn end(&self) -> Option<i64> {
        let own = self.reading.as_ref().and_then(|reading| reading.times.exp);
        let told = self.facts.value().and_then(|facts| facts.expires);
        own.or(self.expires.or(told).map(Timestamp::as_second))
    }

    /// What the user will call, and what would be denied; with the key that mints a token that fits.
    fn expected(&self, shared: &Shared, now: Timestamp, theme: &Theme) -> Vec<Line<'static>> {
        let checks = self.checks(shared, now);
        let mut lines = Vec::new();
        if !self.expectation.is_empty() {
            lines.push(Line::from(vec![
                Span::styled("destination  ", theme.dim),
                Span::styled(safe_line(&self.expectation.words()).into_owned(), theme.strong),
            ]));
        }
        for check in &checks {
            let (glyph, style) = match check.severity {
                None => continue,
                Some(severity) => mark(severity, theme),
            };
            let text = safe_line(&check.message).into_owned();
            lines.push(Line::from(vec![Span::styled(format!("{glyph} "), style), Span::raw(text)]));
        }
        let fine: Vec<Span<'static>> = checks
            .iter()
            .filter(|check| check.severity.is_none())
            .flat_map(|check| {
                [
                    Span::styled(format!("{} ", theme.glyphs.yes), theme.good),
                    Span::raw(format!("{}  ", safe_line(&check.message))),
                ]
            })
            .collect();
        if !fine.is_empty() {
            lines.push(Line::from(fine));
        }
        // While the form is open, the key would type a letter.
        if let Some(request) = self.mended(&checks, shared).filter(|_| !self.filling) {
            let key = shared.keymap.key(Action::Fix);
            lines.push(Line::from(vec![
                Span::styled(format!("  {key} "), theme.accent),
                Span::raw(safe_line(&in_words(&request)).into_owned()),
            ]));
        }
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines
    }

    /// What the caller can do with the opened account, next to the scopes of an access token: only side by side can a
    /// missing scope and a missing role be told apart.
    fn roles(&self, shared: &Shared, theme: &Theme) -> Vec<Line<'static>> {
        if self.facts.value().is_none() && !self.facts.is_awaiting() {
            return Vec::new();
        }
        let Some(account) = shared.workspace.opened.as_deref() else {
            return vec![Line::styled("Open an account to see your IAM access to it here.", theme.dim)];
        };
        let title = format!(
            "What your IAM roles allow on {} (independent of the token's scopes)",
            safe_line(&short(account))
        );
        let mut lines = vec![Line::styled(title, theme.dim)];
        let Some(granted) = shared.workspace.granted(account) else {
            lines.push(Line::styled("? not checked", theme.dim));
            return lines;
        };
        let width = if self.width >= BESIDE { split(self.width).1 } else { self.width };
        for row in MATRIX.chunks(usize::from(width / ROLE).clamp(1, MATRIX.len() / 2)) {
            let cells = row.iter().flat_map(|permission| {
                let (glyph, style) = match granted.answer(*permission) {
                    Some(true) => (theme.glyphs.yes, theme.good),
                    Some(false) => (theme.glyphs.no, theme.bad),
                    None => ("?", theme.dim),
                };
                [Span::styled(format!("{glyph} "), style), Span::raw(format!("{:<14} ", permission.label))]
            });
            lines.push(Line::from(cells.collect::<Vec<_>>()));
        }
        lines
    }

    /// One header field or claim with its meaning, and how many characters of it are shown.
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
        let mut lines = vec![self.verdict_line(reading, shared, now, theme)];
        if let Some(verdict) = &self.verdict {
            lines.push(Line::raw(format!("  {}", safe_line(&verdict.reason))));
        }
        if let Some(error) = self.keys.error() {
            lines.push(Line::styled(error.sentence(), theme.bad));
        }
        if let Some(error) = self.facts.error() {
            lines.push(Line::styled(format!("  {}", error.sentence()), theme.bad));
        }
        lines.push(Line::default());
        let times = times(reading, now, theme);
        match self.end().filter(|_| times.is_empty()) {
            Some(end) => lines.push(ending(end, 3_600, now.as_second(), theme)),
            None => lines.extend(times),
        }
        if !matches!(lines.last(), Some(line) if line.spans.is_empty()) {
            lines.push(Line::default());
        }
        lines.extend(self.expected(shared, now, theme));
        let known = reading.form == Form::Opaque && !self.about.is_empty();
        let findings = if known { Vec::new() } else { jwt::findings(reading, now) };
        for finding in &findings {
            let (glyph, style) = mark(finding.severity, theme);
            let message = safe_line(&finding.message).into_owned();
            lines.push(Line::from(vec![Span::styled(format!("{glyph} "), style), Span::raw(message)]));
        }
        if !findings.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(self.roles(shared, theme));
        while matches!(lines.last(), Some(line) if line.spans.is_empty()) {
            lines.pop();
        }
        lines
    }

    fn verdict_line(
        &self,
        reading: &Reading,
        shared: &Shared,
        now: Timestamp,
        theme: &Theme,
    ) -> Line<'static> {
        let asking = self.facts.is_awaiting();
        let (glyph, text, style) = match (&self.verdict, self.keys.is_awaiting()) {
            (_, true) => ("?", "fetching public keys…".to_owned(), theme.dim),
            (_, false) if asking => ("?", "asking Google…".to_owned(), theme.dim),
            (_, false) if self.facts.error().is_some() => {
                ("?", "Google could not identify it".to_owned(), theme.warning)
            }
            (_, false)
                if self.facts.value().is_some() && self.end().is_some_and(|end| end <= now.as_second()) =>
            {
                (theme.glyphs.no, "Expired; Google identified it earlier".to_owned(), theme.bad)
            }
            (_, false) if self.facts.value().is_some() => {
                (theme.glyphs.yes, "Valid according to Google".to_owned(), theme.good)
            }
            (Some(verdict), false) => match verdict.state {
                State::Verified if emulated(shared) => {
                    (theme.glyphs.yes, "verified by an EMULATOR key".to_owned(), theme.warning)
                }
                State::Verified => (theme.glyphs.yes, "signature verified".to_owned(), theme.good),
                State::Failed => (theme.glyphs.no, "signature failed".to_owned(), theme.bad),
                State::NotChecked => ("?", "signature not checked".to_owned(), theme.warning),
            },
            (None, false) if reading.form == Form::Jws => {
                let key = shared.keymap.key(Action::CheckSignature);
                ("?", format!("signature not checked: press {key} to fetch the public keys"), theme.dim)
            }
            (None, false) if reading.form.may_ask_google() => {
                let key = shared.keymap.key(Action::CheckSignature);
                ("?", format!("opaque: press {key} to ask Google about it"), theme.dim)
            }
            (None, false) => ("?", "no signature to check".to_owned(), theme.dim),
        };
        Line::from(vec![Span::styled(format!("{glyph} "), style), Span::styled(text, style)])
    }

    /// Claims and verdict, side by side or stacked, folded to their widths.
    pub(super) fn columns(
        &self,
        shared: &Shared,
        now: Timestamp,
        theme: &Theme,
    ) -> (Vec<Line<'static>>, Vec<Line<'static>>) {
        let now = shared.session.at_google(now);
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

    /// The height of the form; zero when it isn't open.
    pub(super) fn form_height(&self, area: Rect) -> u16 {
        if self.filling { (self.form.height(area.width) + 1).min(area.height / 2) } else { 0 }
    }

    pub(super) fn draw_all(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        let (left, right) = self.columns(look.shared, look.now.utc, look.theme);
        let form = self.form_height(area);
        if form > 0 {
            let area = Rect { height: form.saturating_sub(1), ..area };
            if let Some(cursor) = self.form.draw(area, buf, focused, look.theme) {
                look.cursor.set(Some(cursor));
            }
        }
        let area = Rect { y: area.y + form, height: area.height - form, ..area };
        let from = self.scroll.window().start;
        let left_width = if right.is_empty() { area.width } else { split(area.width).0 };
        for (y, line) in (area.y..area.bottom()).zip(left.iter().skip(from)) {
            buf.set_line(area.x, y, line, left_width);
        }
        for (y, line) in (area.y..area.bottom()).zip(right.iter().skip(from)) {
            buf.set_line(area.x + left_width + 2, y, line, split(area.width).1);
        }
    }
}

/// The facts shown of a credential that isn't a JWT.
fn facts_lines(facts: &[(&'static str, String)], theme: &Theme) -> Vec<Line<'static>> {
    let line = |(label, text): &(&'static str, String)| {
        Line::from(vec![
            Span::styled(format!("  {label:<14}  "), theme.accent),
            Span::raw(safe_line(cut(text, MOST_VALUE).0).into_owned()),
        ])
    };
    facts.iter().map(line).collect()
}

/// Scopes by the API that accepts them; one accepted by many APIs says how many.
fn by_api(scopes: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for scope in scopes {
        let apis = scopes::apis(scope);
        let apis = match apis.split(',').count() {
            _ if apis.is_empty() => "other".to_owned(),
            count if count > MANY_APIS => format!("{count} APIs"),
            _ => apis.split(',').next().unwrap_or_default().to_owned(),
        };
        groups.entry(apis).or_default().push(scopes::short(scope).to_owned());
    }
    groups
}

fn in_words(request: &MintRequest) -> String {
    let what = match &request.what {
        What::IdToken { audience, .. } => format!("an ID token for {audience}"),
        What::AccessToken { scopes, .. } => format!("an access token with {}", scopes::set(scopes)),
        _ => "it again".to_owned(),
    };
    format!("mints {what} for {}", short(&request.account))
}

fn mark(severity: Severity, theme: &Theme) -> (&'static str, Style) {
    match severity {
        Severity::Error => (theme.glyphs.no, theme.bad),
        Severity::Warning => ("!", theme.warning),
        Severity::Info => (theme.glyphs.dot, theme.dim),
    }
}

fn ending(end: i64, whole: i64, now: i64, theme: &Theme) -> Line<'static> {
    let mut spans = vec![Span::raw(if end > now { "expires in " } else { "" })];
    spans.extend(countdown::line(end.saturating_sub(now), whole, theme).spans);
    Line::from(spans)
}

/// Whether keys come from other hosts than Google's: then a verified signature proves nothing about Google.
fn emulated(shared: &Shared) -> bool {
    let certs = endpoints::name(Service::Certs);
    shared.session.demo || shared.session.endpoints().overridden().iter().any(|(name, _)| *name == certs)
}

/// The beginning of a text, and how much is omitted.
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
        let unit = reading.unit("exp");
        let whole = reading.times.iat.map_or(3_600, |iat| exp.saturating_sub(iat));
        lines.push(match time::date(exp) {
            // A bar would promise what no service reads out of it.
            Some(date) if unit != Unit::Seconds => {
                let ends = if exp > now { "expires" } else { "expired" };
                Line::styled(format!("in {}: as such, it {ends} {date}", unit.name()), theme.bad)
            }
            Some(date) if exp.saturating_sub(now) > DISTANT => Line::raw(format!("expires {date}")),
            None if exp > now => Line::raw("expires after the year 9999"),
            _ => ending(exp, whole, now, theme),
        });
    }
    for (name, time) in [("iat", reading.times.iat), ("nbf", reading.times.nbf), ("exp", reading.times.exp)] {
        if let Some((seconds, date)) = time.and_then(|seconds| Some((seconds, time::date(seconds)?))) {
            let mut spans =
                vec![Span::styled(format!("{name}   "), theme.dim), Span::raw(date.replace('T', " "))];
            let here = Timestamp::from_second(seconds).ok().map(|stamp| stamp.to_zoned(TimeZone::system()));
            if let Some(here) = here.filter(|here| here.offset().seconds() != 0) {
                spans.push(Span::styled(here.strftime("  %H:%M:%S here").to_string(), theme.dim));
            }
            if name != "exp" {
                spans.push(Span::styled(format!("  {}", relative(seconds, now)), theme.dim));
            }
            lines.push(Line::from(spans));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;

    use super::*;

    #[test]
    fn expiry_counts_down_only_where_services_read_the_same_time() {
        let now = Timestamp::from_second(1_700_000_000).expect("a time");
        let shown = |exp: &str| {
            let claims = B64.encode(format!(r#"{{"iat":1700000000,"exp":{exp}}}"#));
            let lines = times(&jwt::read(&format!("e30.{claims}.c2ln")), now, &Theme::default());
            lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        assert!(shown("1700003600").starts_with("expires in 1h 00m 00s ▰"));
        for (exp, first) in [
            ("1503397606258", "in milliseconds: as such, it expired 2017-08-22T10:26:46Z"),
            ("1700003600000", "in milliseconds: as such, it expires 2023-11-14T23:13:20Z"),
            ("1700003600000000", "in microseconds: as such, it expires 2023-11-14T23:13:20Z"),
            ("253402300799", "expires 9999-12-31T23:59:59Z"),
            ("253402300800", "expires after the year 9999"),
            ("9223372036854775807", "expires after the year 9999"),
            ("1600000000", "expired 1157d 09h ago"),
        ] {
            let shown = shown(exp);
            assert_eq!(shown.lines().next(), Some(first), "{exp}");
            assert!(!shown.contains('▰'), "{exp}: {shown}");
        }
        assert!(shown("253402300799").contains("exp   9999-12-31 23:59:59Z"));
        assert!(!shown("\"2030-01-01T00:00:00Z\"").contains("exp"));
    }
}
