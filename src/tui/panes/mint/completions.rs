//! Completions for the field being edited: scopes by their letters, favourites, recent values, accounts.

use nucleo_matcher::{
    Config, Matcher,
    pattern::{CaseMatching, Normalization, Pattern},
};

use crate::{
    model::{account, scopes},
    tui::{
        app::shared::Shared,
        widgets::form::{COMPLETIONS, Completion},
    },
};

/// Listed accounts. A complete name needs no completion, and accepting one would replace it.
pub(crate) fn delegates(accounts: &[String], typed: &str) -> Vec<Completion> {
    if typed.is_empty() || account::parse(typed).is_ok() {
        return Vec::new();
    }
    accounts
        .iter()
        .filter(|email| email.contains(typed) || account::short(email).contains(typed))
        .take(COMPLETIONS)
        .map(|email| Completion { text: email.clone(), about: String::new() })
        .collect()
}

/// Audiences of earlier ID tokens.
pub(crate) fn audiences(typed: &str, shared: &Shared) -> Vec<Completion> {
    named(&shared.remembered.favourite_audiences, &shared.remembered.audiences, typed)
}

/// Accounts that are attached to this machine.
pub(crate) fn attached(typed: &str, shared: &Shared) -> Vec<Completion> {
    let machine = shared.workspace.machine.value();
    let attached = machine.into_iter().flat_map(|machine| &machine.accounts);
    let about = |aliases: &[String]| match aliases {
        [] => "attached to this machine".to_owned(),
        aliases => format!("aliases: {}", aliases.join(", ")),
    };
    attached
        .filter(|account| account.email != typed && account.email.contains(typed))
        .map(|account| Completion { text: account.email.clone(), about: about(&account.aliases) })
        .collect()
}

/// Favourites, then recent values, that contain the typed text.
fn named(favourites: &[String], recent: &[String], typed: &str) -> Vec<Completion> {
    let fits = |name: &&String| name.contains(typed) && name.as_str() != typed;
    let favourite = favourites.iter().filter(fits).map(|name| (name, "favourite"));
    let others = recent.iter().filter(|name| !favourites.contains(name) && fits(name));
    favourite
        .chain(others.map(|name| (name, "recent")))
        .take(COMPLETIONS)
        .map(|(text, about)| Completion { text: text.clone(), about: about.into() })
        .collect()
}

/// With nothing typed, recent sets of scopes; else the catalogue.
pub(crate) fn scopes_for(whole: &str, typed: &str, shared: &Shared) -> Vec<Completion> {
    if whole.trim().is_empty() {
        return named(&shared.remembered.favourite_scopes, &shared.remembered.scopes, "");
    }
    let mut found = fuzzy_scopes(typed);
    // Among the matches a favourite comes first.
    let favourite = |name: &str| {
        shared.remembered.favourite_scopes.iter().any(|set| set.split(", ").any(|scope| scope == name))
    };
    found.sort_by_key(|completion| !favourite(&completion.text));
    found
}

fn fuzzy_scopes(typed: &str) -> Vec<Completion> {
    // A complete scope needs no completion, and the list would hide the fields below.
    if typed.is_empty() || scopes::expand(typed).is_ok() {
        return Vec::new();
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
    let mut hits = pattern.match_list(scopes::all().iter().map(|scope| scope.short()), &mut matcher);
    let lower = typed.to_lowercase();
    let known_by = |name: &str| scopes::expand(name).map_or(0, |full| scopes::apis(&full).split(',').count());
    // Prefix matches first, then the rest; among equals, the scope that more APIs accept is the likelier one.
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
