//! The methods that Google documents for the services here and that no route serves. Google's page for an address that is
//! not there would make clients say that the resource is missing; the name of the method says what is.

use std::sync::LazyLock;

use axum::http::{Method, Uri};

use super::super::error::Failure;
use super::super::front::Host;
use super::pattern;

/// A documented method.
pub(in super::super) struct Documented {
    /// `iam.projects.serviceAccounts.create`
    pub(in super::super) id: &'static str,
    pub(in super::super) verb: &'static str,
    /// Each part in braces takes one segment.
    pub(in super::super) path: &'static str,
}

/// Every method of the documents, as `scripts/discovery` writes them down.
pub(in super::super) static DOCUMENTED: LazyLock<Vec<Documented>> = LazyLock::new(|| {
    let rows = include_str!("../../assets/methods.tsv").lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|row| {
        let mut cells = row.split('\t');
        Some(Documented { id: cells.next()?, verb: cells.next()?, path: cells.next()? })
    })
    .collect()
});

/// The refusal of a request that no route takes, if Google has a method there.
pub fn refusal(verb: &Method, uri: &Uri, host: Host) -> Option<Failure> {
    let segments = pattern::segments(uri)?;
    let fits = |method: &&Documented| {
        method.verb == verb.as_str()
            && host.has_named(method.id.split('.').next().unwrap_or_default())
            && pattern::parameters(method.path, &segments).is_some()
            && !pattern::lacks_a_verb(method.path, &segments)
    };
    // The one with the fewest parts that may be anything is the one that is meant.
    let meant = DOCUMENTED.iter().filter(fits).min_by_key(|method| method.path.matches('{').count())?;
    Some(Failure::not_served(meant.id))
}
