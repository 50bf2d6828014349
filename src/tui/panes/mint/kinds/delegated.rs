//! Access tokens of Workspace users: their place on the shelf. They have no form, and can't be asked for again.

use super::{Item, scope_facts};
use crate::keymap::Action;

const COPIES: &[Action] = &[
    Action::CopyRaw,
    Action::CopyHeader,
    Action::CopyEnv,
    Action::CopyTerraform,
    Action::CopyDecoded,
    Action::Save,
];

pub(crate) fn item(subject: &str, scopes: &[String]) -> Item {
    let mut facts = vec![("user", subject.to_owned())];
    facts.extend(scope_facts("scope", scopes));
    Item { target: subject.to_owned(), facts, copies: COPIES }
}
