//! The caller's access as far as it is known: to the account itself, or for each hop of a chain.

use ratatui::text::{Line, Span};

use super::kinds::{MintForm, has_chain};
use crate::{
    api::metadata::Machine,
    http::ErrorKind,
    keymap::{Action, Keymap},
    model::{
        account::short,
        chain::{Hop, HopState},
        credential::Kind,
    },
    text::safe::safe_line,
    tui::{
        app::{shared::Shared, slot::Slot},
        widgets::theme::Theme,
    },
};

/// Further hops are only counted.
const MOST_HOPS: usize = 4;

/// What is known about the caller's access for this form.
pub(crate) fn lines(
    kind: Kind,
    form: &dyn MintForm,
    chain: Option<&Slot<Vec<Hop>>>,
    shared: &Shared,
    theme: &Theme,
) -> Vec<Line<'static>> {
    if kind == Kind::Metadata {
        return machine(&shared.workspace.machine, theme);
    }
    let opened = shared.workspace.opened_facts().and_then(|(_, facts)| facts.account.value());
    if opened.is_some_and(|account| account.disabled) {
        return vec![Line::from(vec![
            Span::styled(format!("{} ", theme.glyphs.no), theme.bad),
            Span::raw("the account is disabled: no one can mint for it"),
        ])];
    }
    if has_chain(form) {
        return hops(chain, &shared.keymap, theme);
    }
    let Some(permission) = kind.permission() else { return Vec::new() };
    let subject = shared.workspace.opened.clone().unwrap_or_default();
    let (glyph, style, said) =
        match shared.workspace.granted(&subject).and_then(|granted| granted.answer(permission)) {
            Some(true) => (theme.glyphs.yes, theme.good, permission.name.to_owned()),
            Some(false) => (
                theme.glyphs.no,
                theme.bad,
                format!("missing {} (included in {})", permission.name, permission.role),
            ),
            None => ("?", theme.dim, format!("{}: not checked", permission.name)),
        };
    vec![Line::from(vec![Span::styled(format!("{glyph} "), style), Span::raw(said)])]
}

/// One line per hop: who acts as whom, and what is known about it.
fn hops(chain: Option<&Slot<Vec<Hop>>>, keymap: &Keymap, theme: &Theme) -> Vec<Line<'static>> {
    let awaiting = chain.is_some_and(|chain| chain.is_awaiting());
    let Some(hops) = chain.and_then(|chain| chain.value()).filter(|_| !awaiting) else {
        let text = if awaiting { "checking each hop…" } else { "checked when you leave the field" };
        return vec![Line::styled(format!("? {text}"), theme.dim)];
    };
    let mut lines: Vec<Line<'static>> = hops
        .iter()
        .take(MOST_HOPS)
        .map(|hop| {
            let (glyph, style, said) = match &hop.state {
                HopState::Yes(how) => (theme.glyphs.yes, theme.good, format!("yes: {}", safe_line(how))),
                HopState::No(why) => (theme.glyphs.no, theme.bad, format!("no: {}", safe_line(why))),
                HopState::NoGrantSeen => {
                    ("?", theme.warning, format!("no grant found for {}", hop.permission.role))
                }
                HopState::Unread(why) => ("?", theme.warning, format!("couldn't read: {}", safe_line(why))),
                HopState::CannotTell(why) => ("?", theme.dim, format!("can't tell: {}", safe_line(why))),
            };
            let from = hop.from.as_deref().map_or("you".into(), short).into_owned();
            Line::from(vec![
                Span::styled(format!("{glyph} "), style),
                Span::raw(format!("{from} > {}  ", short(&hop.to))),
                Span::styled(said, theme.dim),
            ])
        })
        .collect();
    if hops.len() > MOST_HOPS {
        lines.push(Line::styled(format!("… and {} more hops", hops.len() - MOST_HOPS), theme.dim));
    }
    let settled = |hop: &Hop| matches!(hop.state, HopState::Yes(_) | HopState::No(_));
    if !hops.iter().all(settled) {
        let key = keymap.key(Action::Palette);
        lines.push(Line::styled(
            format!("{key} “test the delegation chain” tests each hop by minting"),
            theme.dim,
        ));
    }
    lines
}

/// What the metadata server says about the machine.
fn machine(machine: &Slot<Machine>, theme: &Theme) -> Vec<Line<'static>> {
    if machine.is_awaiting() {
        return vec![Line::styled("? looking for a metadata server…", theme.dim)];
    }
    match (machine.value(), machine.error()) {
        (_, Some(error)) if matches!(error.kind, ErrorKind::Network | ErrorKind::Timeout) => {
            vec![Line::from(vec![
                Span::styled(format!("{} ", theme.glyphs.no), theme.warning),
                Span::raw(error.sentence()),
            ])]
        }
        (_, Some(error)) => vec![Line::styled(format!("? {}", error.sentence()), theme.warning)],
        (Some(found), None) => {
            let mut lines = vec![Line::from(vec![
                Span::styled(format!("{} ", theme.glyphs.yes), theme.good),
                Span::raw(format!(
                    "{}, project {}, {}",
                    safe_line(&found.host),
                    safe_line(&found.project),
                    safe_line(&found.universe)
                )),
            ])];
            if found.accounts.is_empty() {
                lines.push(Line::styled("no account is attached to this machine", theme.warning));
            }
            lines.extend(found.accounts.iter().take(MOST_HOPS).map(|account| {
                let scopes: Vec<&str> =
                    account.scopes.iter().map(|scope| crate::model::scopes::short(scope)).collect();
                Line::from(vec![
                    Span::raw(format!("  {}  ", safe_line(&short(&account.email)))),
                    Span::styled(
                        safe_line(&format!("{}  scopes {}", account.aliases.join(" "), scopes.join(", ")))
                            .into_owned(),
                        theme.dim,
                    ),
                ])
            }));
            lines
        }
        (None, None) => Vec::new(),
    }
}
