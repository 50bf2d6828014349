//! Tokens from the metadata server of the machine: their form, and their place on the shelf.

use jiff::Timestamp;

use super::{ACCESS_COPIES, Item, KindForm, audience_field, scope_facts, scopes_field, scopes_of};
use crate::{
    model::{
        account,
        credential::{MintRequest, What},
        jwt::audience,
        scopes,
    },
    tui::{
        app::shared::Shared,
        panes::mint::completions,
        widgets::form::{Completion, Field, Form},
    },
};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Id {
    What,
    Account,
    Scopes,
    Audience,
    Full,
    Licenses,
}

const TOKENS: [&str; 2] = ["access token", "ID token"];

impl KindForm for Id {
    type Kept = ();
    const THROUGH: Option<Id> = None;

    fn form(_: &str) -> Form<Id> {
        let account = "“default” or the email of an attached account";
        Form::new(
            "get",
            vec![
                Field::choice(Id::What, "get", &TOKENS, "from the metadata server of this machine"),
                Field::text(Id::Account, "account", "default", account),
                scopes_field(Id::Scopes, "", "comma-separated; empty: the machine's scopes"),
                audience_field(Id::Audience),
                Field::check(Id::Full, "format full", false, "adds google.compute_engine"),
                Field::check(Id::Licenses, "licenses", false, "include image licences"),
            ],
        )
    }

    fn changed(form: &mut Form<Id>, _: &str) {
        let id = form.chosen(Id::What) == TOKENS[1];
        form.show(Id::Scopes, !id);
        for field in [Id::Audience, Id::Full] {
            form.show(field, id);
        }
        form.show(Id::Licenses, id && form.checked(Id::Full));
    }

    /// The form belongs to no account: one of the machine's is named in it.
    fn account(form: &mut Form<Id>, _: &str) -> Option<String> {
        let name = form.text(Id::Account).trim().to_owned();
        let named = if name == "default" { Ok(name) } else { account::parse(&name) };
        form.valid(Id::Account, named)
    }

    fn check(form: &mut Form<Id>, _: &str, _: Timestamp) -> Option<What> {
        if form.chosen(Id::What) == TOKENS[0] {
            return scopes_of(form, Id::Scopes, true).map(|scopes| What::MetadataAccess { scopes });
        }
        let audience = audience::check(form.text(Id::Audience));
        let (full, licenses) = (form.checked(Id::Full), form.checked(Id::Licenses));
        form.valid(Id::Audience, audience).map(|audience| What::MetadataId {
            audience,
            full,
            licenses: full && licenses,
        })
    }

    fn fill(form: &mut Form<Id>, request: &MintRequest) {
        form.set_text(Id::Account, &request.account);
        if let What::MetadataId { audience, full, licenses } = &request.what {
            form.set_text(Id::What, TOKENS[1]);
            form.set_text(Id::Audience, audience);
            form.set_checked(Id::Full, *full);
            form.set_checked(Id::Licenses, *licenses);
        }
        form.set_text(Id::Scopes, &scopes::set(request.what.scopes()));
    }

    fn completions(self, text: &str, typed: &str, shared: &Shared) -> Vec<Completion> {
        match self {
            Id::Scopes => completions::scopes_for(text, typed, shared),
            Id::Audience => completions::audiences(typed, shared),
            Id::Account => completions::attached(typed, shared),
            Id::What | Id::Full | Id::Licenses => Vec::new(),
        }
    }

    fn takes_any_text(self) -> bool {
        matches!(self, Id::Audience | Id::Account)
    }
}

/// A metadata server may ignore the requested scopes; a remark says so.
pub(crate) fn item(scopes: &[String]) -> Item {
    let target = match scopes {
        [] => "the machine's scopes".to_owned(),
        _ => format!("asked for {}", scopes::set(scopes)),
    };
    Item { target, facts: scope_facts("asked for", scopes), copies: ACCESS_COPIES }
}
