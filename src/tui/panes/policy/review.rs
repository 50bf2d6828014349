//! The review: what will be written, in words, after any warnings. Nothing is written before it was shown here and
//! confirmed.

use jiff::Timestamp;
use ratatui::text::{Line, Span};

use crate::{
    model::{
        account::short,
        condition::Condition,
        policy::{
            Policy, Triple,
            diff::{Change, Op},
            edit::Staged,
            gives::sentence,
            guard::{Context, Guard, Kind, guards},
            limits::limits,
            merge::Overlap,
        },
        role,
    },
    text::{safe::safe_line, width::pad_right},
    tui::{
        app::shared::Shared,
        widgets::{input::TextInput, theme::Theme},
    },
};

/// A concurrent change: the policy as it was read, as it is now, and as it will be.
#[derive(Clone, Debug)]
pub(crate) struct Theirs {
    /// The policy that the edits were based on.
    pub(crate) read: Policy,
    pub(crate) now: Policy,
    /// The current policy with the staged edits applied.
    pub(crate) will_be: Policy,
    /// Grants that both changed.
    pub(crate) overlaps: Vec<Overlap>,
}

/// The state of a review.
#[derive(Clone, Debug, Default)]
pub(crate) struct Review {
    /// After a conflict: the concurrent change.
    pub(crate) theirs: Option<Theirs>,
    /// Whether the user accepted the guards.
    pub(crate) accepted: bool,
    /// Typed text for guards that ask for a name.
    pub(crate) typed: TextInput,
}

/// The contents of a review.
pub(crate) struct Said {
    /// The changes, each with its sentence.
    pub(crate) changes: Vec<(Change, String)>,
    pub(crate) guards: Vec<Guard>,
    /// Reasons that make a write impossible.
    pub(crate) refused: Vec<String>,
}

/// Collects the contents of a review.
pub(crate) fn said(account: &str, staged: &Staged, shared: &Shared, now: Timestamp) -> Said {
    let caller = shared.session.caller_member();
    let custom = |role: &str| shared.workspace.role_permissions(role);
    let levels = shared.workspace.levels(account);
    let context = Context {
        account,
        caller: caller.as_ref(),
        levels: &levels,
        production: shared.production(account),
        custom: &custom,
        now,
    };
    let after = staged.result();
    let changes = staged.changes();
    let mut refused = limits(&after);
    refused.extend(after.editable().err());
    Said {
        changes: changes
            .into_iter()
            .map(|change| {
                let text = sentence(&change, &after, &context);
                (change, text)
            })
            .collect(),
        guards: guards(staged.base(), &after, &context),
        refused,
    }
}

impl Said {
    /// Guards that block a write until accepted.
    pub(crate) fn stops(&self) -> impl Iterator<Item = &Guard> {
        self.guards.iter().filter(|guard| guard.kind == Kind::Guard)
    }

    /// The text to type, if a guard asks for one.
    pub(crate) fn to_type(&self) -> Option<&str> {
        self.stops().find_map(|guard| guard.type_to_confirm.as_deref())
    }
}

impl Review {
    /// Whether all guards are accepted.
    pub(crate) fn may_write(&self, said: &Said) -> bool {
        let typed = said.to_type().is_none_or(|text| self.typed.text().trim() == text);
        said.refused.is_empty() && typed && (self.accepted || said.stops().next().is_none())
    }

    fn guard_line(&self, guard: &Guard, theme: &Theme) -> Line<'static> {
        let (mark, style) = match guard.kind {
            Kind::Guard if self.accepted => (theme.glyphs.yes, theme.warning),
            Kind::Guard => ("!", theme.bad),
            Kind::Remark => (theme.glyphs.dot, theme.dim),
        };
        let text = safe_line(&guard.sentence).into_owned();
        Line::from(vec![Span::styled(format!("{mark} "), style), Span::styled(text, style)])
    }

    /// The lines of the review.
    pub(crate) fn lines(
        &self,
        said: &Said,
        read_ago: &str,
        others: usize,
        now: Timestamp,
        theme: &Theme,
    ) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        if let Some(theirs) = &self.theirs {
            lines.extend(conflict(theirs, theme));
        }
        // Blocking reasons come first, so that they're visible on a small screen.
        for sentence in &said.refused {
            lines.push(Line::styled(format!("{} {}", theme.glyphs.no, safe_line(sentence)), theme.bad));
        }
        for guard in said.stops() {
            lines.push(self.guard_line(guard, theme));
        }
        for (change, text) in &said.changes {
            lines.push(change_line(change, now, theme));
            lines.push(Line::styled(format!("    {}", safe_line(text)), theme.dim));
        }
        lines.push(Line::default());
        for guard in said.guards.iter().filter(|guard| guard.kind == Kind::Remark) {
            lines.push(self.guard_line(guard, theme));
        }
        let stay = match others {
            0 => "No other bindings".to_owned(),
            1 => "1 other binding unchanged".to_owned(),
            _ => format!("{others} other bindings unchanged"),
        };
        let stay = format!("Read {read_ago} ago. {stay}.");
        lines.push(Line::styled(stay, theme.dim));
        lines
    }
}

/// `+ roles/… user:dev@example.com  until 14:00Z`
pub(crate) fn change_line(change: &Change, now: Timestamp, theme: &Theme) -> Line<'static> {
    let (mark, style) = match change.op {
        Op::Add => ("+", theme.good),
        Op::Remove => ("-", theme.bad),
        Op::Change => ("~", theme.warning),
    };
    let words = |condition: &Option<Condition>| {
        condition.as_ref().map_or_else(|| "always".to_owned(), |condition| condition_words(condition, now))
    };
    let condition = match change.op {
        Op::Change => format!("{} {} {}", words(&change.was), theme.glyphs.arrow, words(&change.condition)),
        _ => change.condition.as_ref().map(|condition| condition_words(condition, now)).unwrap_or_default(),
    };
    Line::from(vec![
        Span::styled(format!("{mark} "), style),
        Span::styled(safe_line(&change.role).into_owned(), style),
        Span::raw(format!("  {}", safe_line(change.member.as_str()))),
        Span::styled(format!("  {}", safe_line(&condition)), theme.dim),
    ])
}

/// A condition in a few words: its present state if it depends only on time, else its expression; with its title.
pub(crate) fn condition_words(condition: &Condition, now: Timestamp) -> String {
    let words = condition.words(now);
    match condition.title() {
        // A title that repeats the words is left out.
        title if title.is_empty() || title.starts_with("expires ") && words.contains("until") => words,
        title => format!("{words} “{title}”"),
    }
}

/// Grants that differ between the three policies, in three columns.
fn conflict(theirs: &Theirs, theme: &Theme) -> Vec<Line<'static>> {
    const COLUMN: usize = 9;
    let all = [theirs.read.triples(), theirs.now.triples(), theirs.will_be.triples()];
    let mut rows: Vec<&Triple> = Vec::new();
    for triple in all.iter().flatten() {
        if !rows.contains(&triple) && !all.iter().all(|policy| policy.contains(triple)) {
            rows.push(triple);
        }
    }
    let head: String = ["as read", "now", "will be"].iter().map(|word| pad_right(word, COLUMN)).collect();
    let mut lines = vec![
        Line::styled("Someone changed this policy after you read it:", theme.warning),
        Line::styled(head, theme.dim),
    ];
    for triple in rows {
        let mut spans: Vec<Span<'static>> = all
            .iter()
            .map(|policy| match policy.contains(triple) {
                true => Span::styled(pad_right(&format!("{} yes", theme.glyphs.yes), COLUMN), theme.good),
                false => Span::styled(pad_right(&format!("{} no", theme.glyphs.no), COLUMN), theme.dim),
            })
            .collect();
        let when = triple
            .condition
            .as_ref()
            .map(|condition| format!(" “{}”", condition.title()))
            .unwrap_or_default();
        let role = role::title(&triple.role).unwrap_or(&triple.role);
        let what = format!("{}{when}  {role}", triple.member.as_str());
        spans.push(Span::raw(safe_line(&what).into_owned()));
        lines.push(Line::from(spans));
    }
    if !theirs.overlaps.is_empty() {
        lines.push(Line::styled(
            "You both changed these; their version stays unless you stage yours again:",
            theme.bad,
        ));
        for overlap in &theirs.overlaps {
            lines.push(Line::raw(format!(
                "  {} of {}",
                safe_line(&overlap.role),
                safe_line(overlap.member.as_str())
            )));
        }
    }
    lines.push(Line::default());
    lines.push(Line::styled("Their changes stay. Yours on top:", theme.strong));
    lines
}

/// The title of the review.
pub(crate) fn title(account: &str, conflict: bool) -> String {
    let short = short(account);
    if conflict {
        format!("Apply your change on top, to {short}?")
    } else {
        format!("Write these changes to {short}'s policy?")
    }
}
