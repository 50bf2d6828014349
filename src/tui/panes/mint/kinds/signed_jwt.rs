//! Signed JWTs: their form, and their place on the shelf.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Item, JWT_COPIES, KindForm, signed, through_field};
use crate::{
    model::{
        claims::{self, TEMPLATES},
        credential::{MintRequest, What},
        jwt::audience,
        lifetime,
    },
    tui::widgets::form::{Field, Form},
};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Id {
    Template,
    Claims,
    Lifetime,
    Through,
}

/// Claims typed under each template, so that switching templates loses nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Templates {
    shown: usize,
    typed: HashMap<usize, String>,
}

/// The names of the templates, for the field that chooses one.
const TEMPLATE_NAMES: [&str; TEMPLATES.len()] = {
    let mut names = [""; TEMPLATES.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = TEMPLATES[at].name;
        at += 1;
    }
    names
};

impl KindForm for Id {
    type Kept = Templates;
    const THROUGH: Option<Id> = Some(Id::Through);
    const SAID_AT_ONCE: &'static [Id] = &[Id::Claims];

    fn form(account: &str) -> Form<Id, Templates> {
        let first = TEMPLATES[0];
        Form::new(
            "sign",
            vec![
                Field::choice(Id::Template, "template", &TEMPLATE_NAMES, first.about),
                Field::area(Id::Claims, "claims", &first.claims(account), 3, "a JSON object"),
                Field::text(Id::Lifetime, "lifetime", "1h", "sets iat/exp when signing; empty: no iat/exp"),
                through_field(Id::Through),
            ],
        )
    }

    fn changed(form: &mut Form<Id, Templates>, account: &str) {
        let chosen = form.chosen(Id::Template);
        let chosen = TEMPLATE_NAMES.iter().position(|name| *name == chosen).unwrap_or_default();
        let shown = std::mem::replace(&mut form.kept.shown, chosen);
        if chosen != shown {
            let typed = form.area(Id::Claims);
            form.kept.typed.insert(shown, typed);
            let kept = form.kept.typed.get(&chosen).cloned();
            form.set_text(Id::Claims, &kept.unwrap_or_else(|| TEMPLATES[chosen].claims(account)));
        }
        form.set_note(Id::Template, TEMPLATES[chosen].about);
    }

    fn check(form: &mut Form<Id, Templates>, account: &str, now: Timestamp) -> Option<What> {
        let text = form.text(Id::Lifetime).trim();
        let lifetime = if text.is_empty() { Ok(None) } else { lifetime::parse(text).map(Some) };
        let lifetime = form.valid(Id::Lifetime, lifetime);
        let typed = form.area(Id::Claims);
        let checked = claims::check(&typed, lifetime.flatten(), account, now.as_second());
        let warnings = checked.as_ref().map(|checked| checked.warnings.clone()).unwrap_or_default();
        form.set_warnings(Id::Claims, warnings);
        form.valid(Id::Claims, checked)?;
        Some(What::SignedJwt { claims: typed, lifetime_seconds: lifetime? })
    }

    fn fill(form: &mut Form<Id, Templates>, request: &MintRequest) {
        let What::SignedJwt { claims, lifetime_seconds } = &request.what else { return };
        let like = TEMPLATES.iter().position(|template| template.claims(&request.account) == *claims);
        let like = like.unwrap_or(TEMPLATES.len() - 1);
        form.kept.shown = like;
        form.set_text(Id::Template, TEMPLATE_NAMES[like]);
        form.set_text(Id::Claims, claims);
        form.set_text(Id::Lifetime, &lifetime_seconds.map(lifetime::words).unwrap_or_default());
    }
}

pub(crate) fn item(claims: &str) -> Item {
    signed(audience::of_claims(claims).unwrap_or_else(|| "own claims".to_owned()), JWT_COPIES)
}
