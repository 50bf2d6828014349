//! `searchAllIamPolicies`: bindings by their members, roles, permissions and conditions, and by where they are.

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{SearchRequest, authorize_scope};
use crate::asset::Asset;
use crate::boundary::TokenHolder;
use crate::error::ApiResult;
use crate::policy::Binding;
use crate::reply;
use crate::routes::ApiCall;
use crate::search::{Comparable, Search, SearchTerm};
use crate::state::State;

const PERMISSIONS: &str = "policy.role.permissions";

/// The fields that bindings can be searched by (Cloud Asset reference, `IamPolicySearchResult`).
fn field(name: &str) -> Option<Comparable> {
    match name {
        "policy" => Some(Comparable::Words),
        PERMISSIONS | "roles" | "memberTypes" | "resource" | "project" | "folders" | "organization" => {
            Some(Comparable::Text)
        }
        _ => None,
    }
}

pub(super) async fn search(call: ApiCall) -> ApiResult {
    let query = call.query(&["query", "assetTypes", "orderBy", "pageSize", "pageToken"])?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let request = SearchRequest::parse(&call, &state, &query, field, &["resource", "assetType", "project"])?;
    let scope = authorize_scope(&call, &state, &caller, &["cloudasset.assets.searchAllIamPolicies"])?;
    let asks = PolicySearch::new(&state, &request.search, (&caller).into(), call.now());
    let assets = state.assets(scope, request.types, request.from(), call.now());
    let found = assets.filter_map(|(cursor, asset)| Some((cursor, asks.find(asset)?)));
    let key = |one: &Found, field: &str| match field {
        "resource" => one.place.name.clone(),
        "assetType" => one.asset.type_name().to_owned(),
        _ => one.place.project().to_owned(),
    };
    let (page, next) = request.page(found, key);
    let results: Vec<Value> = page.into_iter().map(|one| asks.json(one)).collect();
    Ok(reply::message(json!({"results": results, "nextPageToken": next})))
}

/// A search for bindings by a caller.
struct PolicySearch<'a> {
    state: &'a State,
    search: &'a Search,
    /// The terms about what roles give. If there are some, bindings whose role the caller cannot read are left out.
    permission_terms: Vec<(&'a SearchTerm, bool)>,
    /// What is known of the roles that were met: whether the caller can read it, and which terms it fits, by number.
    roles: RefCell<HashMap<&'a str, (bool, Vec<usize>)>>,
    asks: TokenHolder<'a>,
    now: i64,
}

/// The name of a resource and where it is.
struct AssetPlace {
    name: String,
    fields: Map<String, Value>,
}

impl AssetPlace {
    fn project(&self) -> &str {
        self.fields.get("project").and_then(Value::as_str).unwrap_or_default()
    }
}

/// The bindings of a policy that fit.
struct Found<'a> {
    asset: Asset,
    place: AssetPlace,
    bindings: Vec<&'a Binding>,
}

impl<'a> PolicySearch<'a> {
    fn new(state: &'a State, search: &'a Search, asks: TokenHolder<'a>, now: i64) -> PolicySearch<'a> {
        let about = |(term, _): &(&SearchTerm, bool)| term.field.as_deref() == Some(PERMISSIONS);
        let permission_terms = search.terms().into_iter().filter(about).collect();
        PolicySearch { state, search, permission_terms, roles: RefCell::default(), asks, now }
    }

    /// What fits of a policy, if anything does.
    fn find(&self, asset: Asset) -> Option<Found<'a>> {
        let policy = self.state.searched_policy(asset.of, self.now);
        if asset.key.is_some() || policy.bindings.is_empty() {
            return None;
        }
        let place = AssetPlace { name: asset.name(self.state), fields: asset.place(self.state) };
        let fits = |binding: &&'a Binding| {
            (self.permission_terms.is_empty() || self.of_role(&binding.role, |(readable, _)| *readable))
                && self.search.holds(&|term| self.term_fits(term, &place, binding))
        };
        let bindings: Vec<&'a Binding> = policy.bindings.iter().filter(fits).collect();
        (!bindings.is_empty()).then_some(Found { asset, place, bindings })
    }

    /// Something of what is known of a role.
    fn of_role(&self, role: &'a str, so: impl Fn(&(bool, Vec<usize>)) -> bool) -> bool {
        let mut roles = self.roles.borrow_mut();
        so(roles.entry(role).or_insert_with(|| {
            let readable = self.state.can_read_role(role, self.asks, self.now);
            let given = self.state.permissions_of(role);
            let fits = |term: &SearchTerm| given.iter().any(|name| term.fits(name));
            let terms = self.permission_terms.iter().filter(|(term, _)| fits(term));
            (readable, terms.map(|(term, _)| term.number).collect())
        }))
    }

    fn term_fits(&self, term: &SearchTerm, place: &AssetPlace, binding: &'a Binding) -> bool {
        let of_place = |field: &str| match place.fields.get(field) {
            Some(Value::String(text)) => term.fits(text),
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).any(|text| term.fits(text)),
            _ => false,
        };
        let members = || binding.members.iter().any(|member| term.fits(member));
        let condition = || {
            let condition = binding.condition.as_ref();
            condition.is_some_and(|c| [&c.title, &c.description, &c.expression].iter().any(|t| term.fits(t)))
        };
        let policy = || term.fits(&binding.role) || members() || condition();
        match term.field.as_deref() {
            Some("policy") => policy(),
            Some(PERMISSIONS) => self.of_role(&binding.role, |(_, fits)| fits.contains(&term.number)),
            Some("roles") => term.fits(&binding.role),
            Some("memberTypes") => binding.members.iter().any(|member| term.fits(member_type(member))),
            Some("resource") => term.fits(&place.name),
            Some(field) => of_place(field),
            None => {
                term.fits(&place.name)
                    || ["project", "folders", "organization"].into_iter().any(of_place)
                    || policy()
            }
        }
    }

    fn json(&self, found: Found) -> Value {
        let Found { asset, place: AssetPlace { name, fields: mut told }, bindings } = found;
        told.insert("resource".into(), name.into());
        told.insert("assetType".into(), asset.type_name().into());
        if !self.permission_terms.is_empty() {
            told.insert("explanation".into(), json!({"matchedPermissions": self.matched(&bindings)}));
        }
        told.insert("policy".into(), json!({"bindings": bindings}));
        told.into()
    }

    /// The permissions that were asked for, by the role that gives them.
    fn matched(&self, bindings: &[&Binding]) -> Map<String, Value> {
        let asked =
            |name: &String| self.permission_terms.iter().any(|(term, negated)| !negated && term.fits(name));
        let roles = bindings.iter().map(|binding| {
            let names: Vec<String> =
                self.state.permissions_of(&binding.role).into_iter().filter(asked).collect();
            (binding.role.clone(), names)
        });
        let some = roles.filter(|(_, names)| !names.is_empty());
        some.map(|(role, names)| (role, json!({"permissions": names}))).collect()
    }
}

/// As `user` of `user:ann@example.com`; of `allUsers` it is the whole.
fn member_type(member: &str) -> &str {
    member.split(':').next().unwrap_or_default()
}
