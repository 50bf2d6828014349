//! Methods that Google documents for these services and that no route serves. Google's page for an unknown
//! path would make clients report a missing resource, so the refusal names the method.

use std::sync::LazyLock;

use axum::http::{Method, Uri};

use super::pattern;
use crate::error::Failure;
use crate::front::Host;

pub(crate) struct Documented {
    /// `iam.projects.serviceAccounts.create`
    pub(crate) id: &'static str,
    pub(crate) verb: &'static str,
    /// Each part in braces takes one segment.
    pub(crate) path: &'static str,
}

/// Every method of the documents, as `scripts/discovery` writes them down.
pub(crate) static DOCUMENTED: LazyLock<Vec<Documented>> = LazyLock::new(|| {
    let rows = include_str!("../../assets/methods.tsv").lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|row| {
        let mut cells = row.split('\t');
        Some(Documented { id: cells.next()?, verb: cells.next()?, path: cells.next()? })
    })
    .collect()
});

/// The refusal of a request that no route takes, if Google has a method there.
pub(crate) fn find_refusal(verb: &Method, uri: &Uri, host: Host) -> Option<Failure> {
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
