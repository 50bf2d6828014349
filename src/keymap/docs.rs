//! The key table as documentation: hint line, help, `impersona keys`, and the table in `docs/keys.md`.

use strum::IntoEnumIterator as _;

use super::{Action, Chord, KeyCtx, Keymap, Place, Row};

/// Hints for a bottom line of `width` columns, most important first: each is a key and a word, none is cut.
///
/// `offered` leaves out actions that can't do anything at the moment.
pub(crate) fn hints(
    keymap: &Keymap,
    place: Place,
    width: usize,
    offered: impl Fn(Action) -> bool,
) -> Vec<(String, &'static str)> {
    let shown = |row: &Row, chords: &[Chord]| row.hint.0 > 0 && !chords.is_empty() && offered(row.action);
    let mut rows: Vec<_> = keymap.rows(place).filter(|(row, chords)| shown(row, chords)).collect();
    rows.sort_by_key(|(row, _)| row.hint.0);
    // `back` and `help` keep their place on a short line, because they are what someone who is lost needs.
    let cost = |row: &Row, chords: &[Chord]| {
        keys_for_hint(row, chords).chars().count() + row.hint.1.chars().count() + 3
    };
    let reserve: usize =
        rows.iter().filter(|(row, _)| row.hint.0 >= 20).map(|(row, chords)| cost(row, chords)).sum();
    let (mut left, mut out) = (width.saturating_sub(reserve), Vec::new());
    for (row, chords) in rows {
        let cost = cost(row, chords);
        let reserved = row.hint.0 >= 20;
        if reserved || cost <= left {
            left -= if reserved { 0 } else { cost };
            out.push((keys_for_hint(row, chords), row.hint.1));
        }
    }
    out
}

/// Moving is shown as a pair of keys, everything else by its first key.
fn keys_for_hint(row: &Row, chords: &[Chord]) -> String {
    match row.name {
        "down" if chords.first() == Some(&Chord::char('j')) => "j/k".to_owned(),
        _ => chords[0].to_string(),
    }
}

fn keys(chords: &[Chord]) -> String {
    chords.iter().map(Chord::to_string).collect::<Vec<_>>().join(" ")
}

/// Help for a place: a heading for each context, then the keys and what they do.
pub(crate) fn help(keymap: &Keymap, place: Place) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for ctx in place.contexts() {
        lines.push((String::new(), heading(*ctx).to_owned()));
        let rows = keymap.rows(place).filter(|(row, chords)| row.ctx == *ctx && !chords.is_empty());
        lines.extend(rows.map(|(row, chords)| (keys(chords), row.text())));
    }
    lines
}

/// The heading of a context in help and documentation.
pub(crate) fn heading(ctx: KeyCtx) -> &'static str {
    match ctx {
        KeyCtx::Global => "Anywhere outside text and forms",
        KeyCtx::List => "Moving",
        KeyCtx::Accounts => "Accounts",
        KeyCtx::Policy => "Policy",
        KeyCtx::Review => "Review",
        KeyCtx::History => "Policy history",
        KeyCtx::Shelf => "Shelf",
        KeyCtx::Inspect => "Inspect",
        KeyCtx::Activity => "Activity",
        KeyCtx::Form => "Forms",
        KeyCtx::Text => "Filters and pickers",
        KeyCtx::Edit => "Typing",
        KeyCtx::Help => "Help",
        KeyCtx::Confirm => "Questions",
        KeyCtx::MintMenu => "Mint menu",
        KeyCtx::CopyMenu => "Copy menu",
        KeyCtx::Doctor => "Denials explained",
        KeyCtx::Always => "Everywhere",
    }
}

/// The whole table as text, for `impersona keys`.
pub(crate) fn text(keymap: &Keymap) -> String {
    let mut out = String::new();
    for ctx in KeyCtx::iter() {
        out.push_str(heading(ctx));
        out.push('\n');
        for (row, chords) in keymap.all().filter(|(row, _)| row.ctx == ctx) {
            out.push_str(&format!("  {:<16} {:<22} {}\n", keys(chords), row.name, row.text()));
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

/// The whole table as JSON, for `impersona keys --json`: `[{context, name, keys, label}]`.
pub(crate) fn json(keymap: &Keymap) -> String {
    let rows: Vec<_> = KeyCtx::iter()
        .flat_map(|ctx| keymap.all().filter(move |(row, _)| row.ctx == ctx))
        .map(|(row, chords)| {
            serde_json::json!({
                "context": heading(row.ctx),
                "name": row.name,
                "keys": chords.iter().map(Chord::to_string).collect::<Vec<_>>(),
                "label": row.text(),
            })
        })
        .collect();
    serde_json::Value::from(rows).to_string()
}

/// The table as Markdown, for `docs/keys.md`; a test compares them.
pub fn markdown() -> String {
    let keymap = Keymap::default();
    let mut out = String::from("| where | key | does |\n|---|---|---|\n");
    for ctx in KeyCtx::iter() {
        for (row, chords) in keymap.all().filter(|(row, chords)| row.ctx == ctx && !chords.is_empty()) {
            let keys: Vec<_> = chords.iter().map(|chord| format!("`{chord}`")).collect();
            out.push_str(&format!("| {} | {} | {} |\n", heading(ctx), keys.join(" "), row.text()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_shows_every_action_that_is_live() {
        let keymap = Keymap::default();
        for place in Place::iter() {
            let lines = help(&keymap, place);
            for (row, _) in keymap.rows(place).filter(|(_, chords)| !chords.is_empty()) {
                assert!(lines.iter().any(|(_, text)| *text == row.text()), "{} in {place:?}", row.name);
            }
        }
    }

    #[test]
    fn a_narrow_hint_line_keeps_the_way_back_and_the_help() {
        let shown = hints(&Keymap::default(), Place::Accounts, 40, |_| true);
        assert!(
            shown.iter().any(|(_, word)| *word == "help") && shown.iter().any(|(_, word)| *word == "back")
        );
    }
}
