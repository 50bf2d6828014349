//! The forms: their fields, what is wrong with what was typed, and what may complete it.

use nucleo_matcher::{
    Config, Matcher,
    pattern::{CaseMatching, Normalization, Pattern},
};
use ratatui::text::{Line, Span};

use crate::{
    app::shared::Shared,
    model::{
        account::{self, short},
        credential::{Kind, MintRequest, What},
        jwt::audience,
        lifetime,
        permission::{GET_ACCESS_TOKEN, GET_OPEN_ID_TOKEN, IMPLICIT_DELEGATION, Permission},
        scopes,
    },
    panes::Look,
    widgets::form::{COMPLETIONS, Completion, Field, Form},
};

/// An empty form of a kind.
pub fn new(kind: Kind) -> Form {
    let through = Field::text("through", "through", "", "delegates with commas, the nearest to you first");
    match kind {
        Kind::AccessToken => Form::new(
            "mint",
            vec![
                Field::text(
                    "scopes",
                    "scopes",
                    scopes::short(scopes::DEFAULT),
                    "type to search; several with commas",
                ),
                Field::text("lifetime", "lifetime", "1h", "up to 1h; to 12h where allowed"),
                through,
            ],
        ),
        Kind::IdToken => Form::new(
            "mint",
            vec![
                Field::text("audience", "audience", "", "who it is meant for"),
                Field::check("email", "include email", true, "adds email and email_verified"),
                Field::check("organization", "organization", false, "adds google.organization_number"),
                through,
            ],
        ),
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\n']).map(str::trim).filter(|part| !part.is_empty())
}

/// The request that a form describes; none when a field is wrong, with the reason beside that field.
pub fn check(kind: Kind, account: &str, form: &mut Form) -> Option<MintRequest> {
    let delegates: Result<Vec<String>, String> = parts(form.text("through")).map(account::parse).collect();
    form.set_error("through", delegates.as_ref().err().cloned());
    let what = match kind {
        Kind::AccessToken => {
            let scopes: Result<Vec<String>, String> =
                parts(form.text("scopes")).map(scopes::expand).collect();
            let scopes = scopes
                .and_then(|list| if list.is_empty() { scopes::expand("").map(|_| list) } else { Ok(list) });
            let lifetime = lifetime::parse(form.text("lifetime"));
            form.set_error("scopes", scopes.as_ref().err().cloned());
            form.set_error("lifetime", lifetime.as_ref().err().cloned());
            What::AccessToken { scopes: scopes.ok()?, lifetime_seconds: lifetime.ok()? }
        }
        Kind::IdToken => {
            let audience = audience::check(form.text("audience"));
            form.set_error("audience", audience.as_ref().err().cloned());
            What::IdToken {
                audience: audience.ok()?,
                include_email: form.checked("email"),
                organization_number: form.checked("organization"),
            }
        }
    };
    Some(MintRequest { account: account.to_owned(), delegates: delegates.ok()?, what })
}

/// What may complete the field being edited.
pub fn completions(kind: Kind, form: &Form, accounts: &[String], shared: &Shared) -> Vec<Completion> {
    let Some(field) = form.editing() else { return Vec::new() };
    let typed = form.text(field).rsplit([',', ' ']).next().unwrap_or_default().trim();
    match (kind, field) {
        (Kind::AccessToken, "scopes") => fuzzy_scopes(typed),
        (_, "through") if !typed.is_empty() => accounts
            .iter()
            .filter(|email| email.as_str() != typed)
            .take(COMPLETIONS)
            .map(|email| Completion { text: email.clone(), about: String::new() })
            .collect(),
        (Kind::IdToken, "audience") => shared
            .remembered
            .audiences
            .iter()
            .filter(|audience| audience.contains(typed) && audience.as_str() != typed)
            .take(COMPLETIONS)
            .map(|audience| Completion { text: audience.clone(), about: "used before".into() })
            .collect(),
        _ => Vec::new(),
    }
}

fn fuzzy_scopes(typed: &str) -> Vec<Completion> {
    // A scope that is complete needs no completion, and its list would hide the fields below.
    if typed.is_empty() || scopes::expand(typed).is_ok() {
        return Vec::new();
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
    let mut hits = pattern.match_list(scopes::all().iter().map(|scope| scope.short()), &mut matcher);
    let lower = typed.to_lowercase();
    let known_by = |name: &str| scopes::expand(name).map_or(0, |full| scopes::apis(&full).split(',').count());
    // What begins with the text, then what holds it; among equals what more APIs know, for that is what is meant.
    hits.sort_by_key(|(name, score)| {
        let holds = name.to_lowercase().find(&lower);
        (
            holds != Some(0),
            holds.is_none(),
            std::cmp::Reverse(known_by(name)),
            std::cmp::Reverse(*score),
            name.len(),
        )
    });
    hits.into_iter()
        .take(COMPLETIONS)
        .map(|(name, _)| {
            let full = scopes::expand(name).unwrap_or_default();
            Completion { text: name.to_owned(), about: scopes::apis(&full).to_owned() }
        })
        .collect()
}

/// The account that stands next to the caller in the chain, where one is named rightly.
pub fn first_hop(form: &Form) -> Option<String> {
    parts(form.text("through")).next().and_then(|text| account::parse(text).ok())
}

/// Whether the caller may, as far as it was asked: for the account itself, or for the first hop of a chain.
pub fn you_may(kind: Kind, form: &Form, look: &Look) -> Line<'static> {
    let theme = look.theme;
    let opened = look.shared.opened_facts().and_then(|(_, facts)| facts.account.value.as_ref());
    if opened.is_some_and(|account| account.disabled) {
        return Line::from(vec![
            Span::styled(format!("{} ", theme.glyphs.no), theme.bad),
            Span::raw("the account is disabled: nobody can mint as it"),
        ]);
    }
    let (subject, permission): (String, Permission) = match (first_hop(form), kind) {
        (Some(hop), _) => (hop, IMPLICIT_DELEGATION),
        (None, Kind::AccessToken) => (look.shared.opened.clone().unwrap_or_default(), GET_ACCESS_TOKEN),
        (None, Kind::IdToken) => (look.shared.opened.clone().unwrap_or_default(), GET_OPEN_ID_TOKEN),
    };
    let on =
        if permission == IMPLICIT_DELEGATION { format!(" on {}", short(&subject)) } else { String::new() };
    let (glyph, style, said) = match look.shared.granted(&subject).map(|granted| granted.has(permission)) {
        Some(true) => (theme.glyphs.yes, theme.good, format!("{}{on}", permission.name)),
        Some(false) => {
            (theme.glyphs.no, theme.bad, format!("{}{on} ({} gives it)", permission.name, permission.role))
        }
        None => ("?", theme.dim, format!("{}{on}: not tested", permission.name)),
    };
    Line::from(vec![Span::styled(format!("{glyph} "), style), Span::raw(said)])
}
