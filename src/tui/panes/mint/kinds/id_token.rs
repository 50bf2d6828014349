//! ID tokens: their form, and their place on the shelf.

use jiff::Timestamp;

use super::{Item, JWT_COPIES, KindForm, audience_field, through_field};
use crate::{
    model::{
        credential::{MintRequest, What},
        jwt::audience,
    },
    tui::{
        app::shared::Shared,
        panes::mint::completions,
        widgets::form::{Completion, Field, Form},
    },
};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Id {
    Audience,
    Email,
    Organization,
    Through,
}

impl KindForm for Id {
    type Kept = ();
    const THROUGH: Option<Id> = Some(Id::Through);

    fn form(_: &str) -> Form<Id> {
        Form::new(
            "mint",
            vec![
                audience_field(Id::Audience),
                Field::check(Id::Email, "include email", true, "adds email and email_verified"),
                Field::check(Id::Organization, "organization", false, "adds google.organization_number"),
                through_field(Id::Through),
            ],
        )
    }

    fn check(form: &mut Form<Id>, _: &str, _: Timestamp) -> Option<What> {
        let audience = audience::check(form.text(Id::Audience));
        form.valid(Id::Audience, audience).map(|audience| What::IdToken {
            audience,
            include_email: form.checked(Id::Email),
            organization_number: form.checked(Id::Organization),
        })
    }

    fn fill(form: &mut Form<Id>, request: &MintRequest) {
        let What::IdToken { audience, include_email, organization_number } = &request.what else { return };
        form.set_text(Id::Audience, audience);
        form.set_checked(Id::Email, *include_email);
        form.set_checked(Id::Organization, *organization_number);
    }

    fn completions(self, _: &str, typed: &str, shared: &Shared) -> Vec<Completion> {
        if self == Id::Audience { completions::audiences(typed, shared) } else { Vec::new() }
    }

    fn takes_any_text(self) -> bool {
        self == Id::Audience
    }
}

pub(crate) fn item(audience: &str) -> Item {
    let facts = vec![("audience", audience.to_owned())];
    Item { target: audience.to_owned(), facts, copies: JWT_COPIES }
}
