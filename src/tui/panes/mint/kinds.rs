//! The kinds of credential in this pane: a file for each, with its form and its place on the shelf. [`row`] and [`item`]
//! join them.

mod access_token;
mod delegated;
mod id_token;
mod metadata;
mod signed_blob;
mod signed_jwt;
mod signed_url;

use std::{fmt::Debug, ops::DerefMut};

use jiff::Timestamp;

use super::completions;
use crate::{
    keymap::Action,
    model::{
        account,
        credential::{Kind, MintRequest, What},
        scopes,
    },
    tui::{
        app::shared::Shared,
        widgets::form::{Completion, Field, Form, Sheet},
    },
};

/// The form of a kind, described by the enum that names its fields.
pub(crate) trait KindForm: Copy + Debug + PartialEq + 'static {
    /// What is kept in addition to the fields.
    type Kept: Clone + Debug + Default;

    /// The field for delegates.
    const THROUGH: Option<Self>;

    /// Fields whose errors are shown while typing.
    const SAID_AT_ONCE: &'static [Self] = &[];

    /// An empty form for an account.
    fn form(account: &str) -> Form<Self, Self::Kept>;

    /// Shows the fields that apply to the current choices.
    fn changed(_form: &mut Form<Self, Self::Kept>, _account: &str) {}

    /// The account to mint for, from the form's own.
    fn account(_form: &mut Form<Self, Self::Kept>, account: &str) -> Option<String> {
        Some(account.to_owned())
    }

    /// What the form describes at this time; none if a field is invalid, with the reason beside that field. All fields
    /// are checked before the first invalid one ends it.
    fn check(form: &mut Form<Self, Self::Kept>, account: &str, now: Timestamp) -> Option<What>;

    /// Fills an empty form from a request of this kind.
    fn fill(form: &mut Form<Self, Self::Kept>, request: &MintRequest);

    /// Completions for this field, which holds `text`, for the part being typed.
    fn completions(self, _text: &str, _typed: &str, _shared: &Shared) -> Vec<Completion> {
        Vec::new()
    }

    /// Whether any text is valid in this field, so that no completion is preselected.
    fn takes_any_text(self) -> bool {
        false
    }
}

/// A form of some kind.
pub(crate) trait MintForm: DerefMut<Target = Sheet> {
    /// The text of the field for delegates.
    fn through(&self) -> &str;

    /// The delegate being typed, if that field has the keyboard.
    fn typed_delegate(&self) -> Option<&str>;

    /// Offers completions for the field being edited, `accounts` among them.
    fn complete(&mut self, accounts: &[String], shared: &Shared);

    /// The request that the form describes at this time; none if a field is invalid, with the reason beside that field.
    fn check(&mut self, account: &str, now: Timestamp) -> Option<MintRequest>;

    /// The same without a sign beside a field: the user may still be typing.
    fn described(&self, account: &str, now: Timestamp) -> Result<MintRequest, String>;

    /// Shows what applies to the values of the fields: further fields, warnings, and the errors that are shown while
    /// typing; all others are shown on submit only.
    fn edited(&mut self, account: &str, now: Timestamp);

    /// Fills the form from a request, so that it can be edited and sent again.
    fn fill(&mut self, request: &MintRequest);
}

impl<Id: KindForm> MintForm for Form<Id, Id::Kept> {
    fn through(&self) -> &str {
        Id::THROUGH.map_or("", |id| self.text(id))
    }

    fn typed_delegate(&self) -> Option<&str> {
        self.editing().filter(|id| Some(*id) == Id::THROUGH).map(|id| last_part(self.text(id)))
    }

    fn complete(&mut self, accounts: &[String], shared: &Shared) {
        let Some(id) = self.editing() else { return self.offer(Vec::new(), false) };
        let text = self.text(id);
        let completions = match self.typed_delegate() {
            Some(typed) => completions::delegates(accounts, typed),
            None => id.completions(text, last_part(text), shared),
        };
        // A half-typed scope or account is invalid.
        let first = !id.takes_any_text() && !self.is_blank();
        self.offer(completions, first);
    }

    fn check(&mut self, account: &str, now: Timestamp) -> Option<MintRequest> {
        let delegates: Result<Vec<String>, String> = parts(self.through()).map(account::parse).collect();
        let delegates = match Id::THROUGH {
            Some(id) => self.valid(id, delegates),
            None => delegates.ok(),
        };
        let what = Id::check(self, account, now);
        let account = Id::account(self, account);
        let what = what.filter(|_| self.first_error().is_none())?;
        Some(MintRequest { account: account?, delegates: delegates?, what })
    }

    fn described(&self, account: &str, now: Timestamp) -> Result<MintRequest, String> {
        let mut copy = self.clone();
        copy.check(account, now)
            .ok_or_else(|| format!("incomplete: {}", copy.first_reason().unwrap_or_default()))
    }

    fn edited(&mut self, account: &str, now: Timestamp) {
        Id::changed(self, account);
        let mut judged = self.clone();
        judged.check(account, now);
        self.set_all_warnings(&judged);
        for id in Id::SAID_AT_ONCE {
            self.set_error(*id, judged.error(*id).map(str::to_owned));
        }
    }

    fn fill(&mut self, request: &MintRequest) {
        let kept = std::mem::take(&mut self.kept);
        *self = Id::form(&request.account);
        self.kept = kept;
        if let Some(id) = Id::THROUGH {
            self.set_text(id, &request.delegates.join(", "));
        }
        Id::fill(self, request);
    }
}

/// Makes an empty form for an account.
type New = fn(&str) -> Box<dyn MintForm>;

fn form<Id: KindForm>(account: &str) -> Box<dyn MintForm> {
    Box::new(Id::form(account))
}

/// The entry of the mint menu for each kind, and its form.
fn row(kind: Kind) -> (Action, New) {
    match kind {
        // A user's token has no form: it is made from a signed JWT.
        Kind::AccessToken | Kind::Delegated => (Action::MintAccess, form::<access_token::Id>),
        Kind::IdToken => (Action::MintId, form::<id_token::Id>),
        Kind::SignedJwt => (Action::MintJwt, form::<signed_jwt::Id>),
        Kind::SignedBlob => (Action::MintBlob, form::<signed_blob::Id>),
        Kind::SignedUrl => (Action::MintUrl, form::<signed_url::Id>),
        Kind::Metadata => (Action::MintMetadata, form::<metadata::Id>),
    }
}

/// The menu action that opens the form of a kind.
pub(crate) fn action(kind: Kind) -> Action {
    row(kind).0
}

/// An empty form of a kind, for an account.
pub(crate) fn new(kind: Kind, account: &str) -> Box<dyn MintForm> {
    row(kind).1(account)
}

/// How a credential is shown on the shelf.
pub(crate) struct Item {
    /// Its target, in a few words.
    pub(crate) target: String,
    /// What is known about it in addition to its own contents.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// The entries of its copy menu.
    pub(crate) copies: &'static [Action],
}

/// How each kind is shown on the shelf.
pub(crate) fn item(what: &What) -> Item {
    match what {
        What::AccessToken { scopes, .. } => access_token::item(scopes),
        What::IdToken { audience, .. } | What::MetadataId { audience, .. } => id_token::item(audience),
        What::SignedJwt { claims, .. } => signed_jwt::item(claims),
        What::SignedBlob(payload) => signed_blob::item(payload),
        What::SignedUrl(url) => signed_url::item(url),
        What::MetadataAccess { scopes } => metadata::item(scopes),
        What::Delegated { subject, scopes } => delegated::item(subject, scopes),
    }
}

/// What can be copied of an access token: programs take it from variables.
const ACCESS_COPIES: &[Action] = &[
    Action::CopyRaw,
    Action::CopyHeader,
    Action::CopyEnv,
    Action::CopyTerraform,
    Action::CopyCurl,
    Action::CopyGcloud,
    Action::CopyDecoded,
    Action::Save,
];

/// What can be copied of a JWT.
const JWT_COPIES: &[Action] = &[
    Action::CopyRaw,
    Action::CopyHeader,
    Action::CopyCurl,
    Action::CopyGcloud,
    Action::CopyDecoded,
    Action::Save,
];

/// The item of what the account's key signed.
fn signed(target: String, copies: &'static [Action]) -> Item {
    Item { facts: vec![("signed", target.clone())], target, copies }
}

fn scope_facts(label: &'static str, scopes: &[String]) -> Vec<(&'static str, String)> {
    scopes.iter().map(|scope| (label, scope.clone())).collect()
}

/// The part being typed.
fn last_part(text: &str) -> &str {
    text.rsplit([',', ' ']).next().unwrap_or_default().trim()
}

/// Parts separated by commas, spaces or line breaks.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\n']).map(str::trim).filter(|part| !part.is_empty())
}

/// Whether there are delegates.
pub(crate) fn has_chain(form: &dyn MintForm) -> bool {
    parts(form.through()).next().is_some()
}

/// The delegates, if all of them are valid accounts.
pub(crate) fn delegates(form: &dyn MintForm) -> Option<Vec<String>> {
    parts(form.through()).map(|name| account::parse(name).ok()).collect()
}

fn through_field<Id>(id: Id) -> Field<Id> {
    Field::text(id, "delegates", "", "comma-separated, first hop first")
}

fn scopes_field<Id>(id: Id, text: &str, note: &str) -> Field<Id> {
    Field::text(id, "scopes", text, note)
}

fn audience_field<Id>(id: Id) -> Field<Id> {
    Field::text(id, "audience", "", "the service that accepts it")
}

/// Full scopes; an empty list only where that is meaningful.
fn scopes_of<Id: KindForm>(form: &mut Form<Id, Id::Kept>, id: Id, may_be_none: bool) -> Option<Vec<String>> {
    let read: Result<Vec<String>, String> = parts(form.text(id)).map(scopes::expand).collect();
    let read = read.and_then(|list| match list.is_empty() && !may_be_none {
        true => scopes::expand("").map(|_| list),
        false => Ok(list),
    });
    form.valid(id, read)
}

#[cfg(test)]
mod tests;
