//! Access tokens: their form, and their place on the shelf.

use jiff::Timestamp;

use super::{ACCESS_COPIES, Item, KindForm, scope_facts, scopes_field, scopes_of, through_field};
use crate::{
    model::{
        credential::{MintRequest, What},
        lifetime, scopes,
    },
    tui::{
        app::shared::Shared,
        panes::mint::completions,
        widgets::form::{Completion, Field, Form},
    },
};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Id {
    Scopes,
    Lifetime,
    Through,
}

impl KindForm for Id {
    type Kept = ();
    const THROUGH: Option<Id> = Some(Id::Through);

    fn form(_: &str) -> Form<Id> {
        let default = scopes::short(scopes::DEFAULT);
        Form::new(
            "mint",
            vec![
                scopes_field(Id::Scopes, default, "type to search; comma-separated"),
                Field::text(Id::Lifetime, "lifetime", "1h", "up to 1h; up to 12h where allowed"),
                through_field(Id::Through),
            ],
        )
    }

    fn check(form: &mut Form<Id>, _: &str, _: Timestamp) -> Option<What> {
        let scopes = scopes_of(form, Id::Scopes, false);
        let lifetime = lifetime::parse(form.text(Id::Lifetime));
        let lifetime_seconds = form.valid(Id::Lifetime, lifetime);
        let long = lifetime_seconds.is_some_and(lifetime::needs_extension);
        form.set_warnings(Id::Lifetime, if long { vec![lifetime::EXTENSION.to_owned()] } else { Vec::new() });
        Some(What::AccessToken { scopes: scopes?, lifetime_seconds: lifetime_seconds? })
    }

    fn fill(form: &mut Form<Id>, request: &MintRequest) {
        let What::AccessToken { scopes, lifetime_seconds } = &request.what else { return };
        form.set_text(Id::Scopes, &scopes::set(scopes));
        form.set_text(Id::Lifetime, &lifetime::words(*lifetime_seconds));
    }

    fn completions(self, text: &str, typed: &str, shared: &Shared) -> Vec<Completion> {
        if self == Id::Scopes { completions::scopes_for(text, typed, shared) } else { Vec::new() }
    }
}

pub(crate) fn item(scopes: &[String]) -> Item {
    let target = match scopes {
        [] => String::new(),
        [only] => scopes::short(only).to_owned(),
        [first, rest @ ..] => format!("{} +{}", scopes::short(first), rest.len()),
    };
    Item { target, facts: scope_facts("scope", scopes), copies: ACCESS_COPIES }
}
