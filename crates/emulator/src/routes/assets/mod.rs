//! Cloud Asset v1: the two searches. This file has what they share: who may search where, the order, and pages. A page
//! goes on where the last one stopped, so that all pages together take one walk over the assets; with an order each
//! page takes a walk.

mod policies;
mod resources;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{ApiCall, ApiCaller, Route, routes};
use crate::asset::{AssetTypes, Cursor};
use crate::behaviour::{AssetDenial, Tolerance};
use crate::check::{self, Query};
use crate::error::Failure;
use crate::keys;
use crate::search::{Comparable, Language, Search};
use crate::state::{Resource, State};

pub(super) const ROUTES: &[Route] = routes! {
    CloudAsset "/v1/{kind}/{id}" "google.cloud.asset.v1.AssetService.";
        "cloudasset.searchAllIamPolicies" GET ":searchAllIamPolicies" "SearchAllIamPolicies" => policies::search;
        "cloudasset.searchAllResources" GET ":searchAllResources" "SearchAllResources" => resources::search;
};

/// The most results of a page, and how many there are by default, which is a guess.
const MOST: i64 = 500;
const DEFAULT: i64 = 100;

/// The resource whose assets are asked for, if the caller has the permissions there.
pub(super) fn authorize_scope(
    call: &ApiCall,
    state: &State,
    caller: &ApiCaller,
    permissions: &[&str],
) -> Result<Resource, Failure> {
    let name = format!("{}/{}", call.param("kind"), call.param("id"));
    let scope = state.node(&name);
    for permission in permissions {
        if scope.is_none_or(|on| !state.allows(caller, permission, on, call.now())) {
            return Err(match state.behaviour.asset_denial {
                AssetDenial::Named => Failure::asset_denied(permission, &name),
                AssetDenial::Unnamed => Failure::denied_by_cloud_iam(),
            });
        }
    }
    scope.ok_or_else(Failure::denied_by_cloud_iam)
}

/// What both searches are asked for.
struct SearchRequest {
    search: Search,
    types: AssetTypes,
    /// Fields, each with whether it goes down.
    order: Vec<(String, bool)>,
    size: usize,
    start: Start,
    /// What the token of the next page is bound to: everything else that was asked.
    digest: String,
}

/// Where a page starts.
#[derive(Clone, Copy)]
enum Start {
    /// Without an order: at this place.
    At(Cursor),
    /// With one: after so many results.
    After(usize),
}

impl SearchRequest {
    fn parse(
        call: &ApiCall,
        state: &State,
        query: &Query,
        field: fn(&str) -> Option<Comparable>,
        sortable: &[&str],
    ) -> Result<SearchRequest, Failure> {
        let how = &state.behaviour;
        let refused = || Failure::invalid(how.messages.search.clone());
        let language = Language {
            field,
            precedence: how.search_precedence,
            wildcard: how.search_wildcard,
            takes_unknown_fields: how.unknown_search_field == Tolerance::Accepted,
        };
        let search = Search::parse(query.text("query").unwrap_or(""), &language).ok_or_else(refused)?;
        let types: Vec<&str> =
            query.all("assetTypes").into_iter().filter(|pattern| !pattern.is_empty()).collect();
        let types = AssetTypes::parse(&types).ok_or_else(Failure::invalid_argument)?;
        let order = order(query.text("orderBy"), sortable).ok_or_else(Failure::invalid_argument)?;
        let size = match query.int("pageSize")?.unwrap_or(0) {
            // Zero and less are the default.
            ..=0 => DEFAULT,
            size => size.min(MOST),
        };
        let digest = digest(call, query);
        let start = match query.text("pageToken") {
            None if order.is_empty() => Start::At(Cursor::default()),
            None => Start::After(0),
            Some(token) => start(token, &digest, !order.is_empty()).ok_or_else(refused)?,
        };
        let size = usize::try_from(size).unwrap_or_default();
        Ok(SearchRequest { search, types, order, size, start, digest })
    }

    /// Where the walk over the assets starts.
    fn from(&self) -> Cursor {
        match self.start {
            Start::At(cursor) => cursor,
            Start::After(_) => Cursor::default(),
        }
    }

    /// The page of what was found from there on, and the token of the next; `key` is what a field is sorted by.
    fn page<T>(
        &self,
        mut found: impl Iterator<Item = (Cursor, T)>,
        key: impl Fn(&T, &str) -> String,
    ) -> (Vec<T>, String) {
        let Start::After(passed) = self.start else {
            let page: Vec<T> = found.by_ref().take(self.size).map(|(_, one)| one).collect();
            let next = found.next().map(|(cursor, _)| cursor.to_string());
            return (page, self.token(next));
        };
        let keys = |one: &T| -> Vec<String> { self.order.iter().map(|(name, _)| key(one, name)).collect() };
        let mut all: Vec<(Vec<String>, T)> = found.map(|(_, one)| (keys(&one), one)).collect();
        all.sort_by(|(a, _), (b, _)| {
            let fields = self.order.iter().zip(a.iter().zip(b));
            let by_field = fields.map(|((_, down), (a, b))| if *down { b.cmp(a) } else { a.cmp(b) });
            by_field.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
        let end = passed.saturating_add(self.size);
        let next = (end < all.len()).then(|| end.to_string());
        let page = all.into_iter().skip(passed).take(self.size).map(|(_, one)| one).collect();
        (page, self.token(next))
    }

    fn token(&self, next: Option<String>) -> String {
        let token = |place| URL_SAFE_NO_PAD.encode(format!("emulator:{}:{place}", self.digest));
        next.map_or_else(String::new, token)
    }
}

/// Fields to sort by, each perhaps with ` DESC`.
fn order(text: Option<&str>, sortable: &[&str]) -> Option<Vec<(String, bool)>> {
    let field = |field: &str| {
        let mut words = field.split_whitespace();
        let (name, down) = (words.next()?, words.next());
        let is_down = match down {
            None => false,
            Some(word) if word.eq_ignore_ascii_case("asc") => false,
            Some(word) if word.eq_ignore_ascii_case("desc") => true,
            Some(_) => return None,
        };
        let fine = sortable.contains(&name) && words.next().is_none();
        fine.then(|| (name.to_owned(), is_down))
    };
    text.into_iter().flat_map(|text| text.split(',')).map(field).collect()
}

/// A short form of everything that has to stay the same from page to page.
fn digest(call: &ApiCall, query: &Query) -> String {
    let mut asked: Vec<String> = query
        .own()
        // Empty is absent: Google's Python client leaves such a parameter out from the second page on.
        .filter(|(name, value)| !(matches!(*name, "pageToken" | "page_token") || value.is_empty()))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    asked.sort();
    let text = format!("{} {}/{} {asked:?}", call.route.name, call.param("kind"), call.param("id"));
    keys::hex(&keys::hash(&text)[..8])
}

/// Where the page of a token starts, if it is a token for what is asked.
fn start(token: &str, digest: &str, is_ordered: bool) -> Option<Start> {
    let text = String::from_utf8(check::decode(token)?).ok()?;
    let place = text.strip_prefix("emulator:")?.strip_prefix(digest)?.strip_prefix(':')?;
    if is_ordered { place.parse().ok().map(Start::After) } else { place.parse().ok().map(Start::At) }
}
