//! Cloud Asset v1: the two searches. They find the present state; Google's are some minutes behind.

use serde_json::{Map, Value, json};
use tokio::sync::MutexGuard;

use super::{ApiCall, Route, paged, routes};
use crate::check::Query;
use crate::clock;
use crate::error::{ApiResult, Failure};
use crate::policy::Binding;
use crate::reply;
use crate::search::{Search, SearchTerm};
use crate::state::{Resource, State};

pub(super) const ROUTES: &[Route] = routes! {
    CloudAsset "/v1/{kind}/{id}" "google.cloud.asset.v1.AssetService.";
        "cloudasset.searchAllIamPolicies" GET ":searchAllIamPolicies" "SearchAllIamPolicies" => policies;
        "cloudasset.searchAllResources" GET ":searchAllResources" "SearchAllResources" => resources;
};

const ACCOUNT: &str = "iam.googleapis.com/ServiceAccount";
const KEY: &str = "iam.googleapis.com/ServiceAccountKey";
const PROJECT: &str = "cloudresourcemanager.googleapis.com/Project";
const FOLDER: &str = "cloudresourcemanager.googleapis.com/Folder";
const ORGANIZATION: &str = "cloudresourcemanager.googleapis.com/Organization";

/// The kinds of assets that the emulator has.
const TYPES: [&str; 5] = [ACCOUNT, KEY, PROJECT, FOLDER, ORGANIZATION];

/// An asset: a resource, or a user-managed key of an account.
#[derive(Clone, Copy)]
struct Asset {
    of: Resource,
    key: Option<usize>,
}

impl Asset {
    fn kind(self) -> &'static str {
        match (self.of, self.key) {
            (Resource::Account(_), None) => ACCOUNT,
            (Resource::Account(_), Some(_)) => KEY,
            (Resource::Project(_), _) => PROJECT,
            (Resource::Folder(_), _) => FOLDER,
            (Resource::Organization(_), _) => ORGANIZATION,
        }
    }

    /// The full name, in which accounts go by their unique id.
    fn name(self, state: &State) -> String {
        match self.of {
            Resource::Account(i) => {
                let keys = &state.accounts[i].keys;
                let key = self.key.map_or(String::new(), |key| format!("/keys/{}", keys[key].id));
                format!("{}{key}", state.asset_name(self.of))
            }
            other => state.asset_name(other),
        }
    }

    /// Project, folders and organization, which both searches return.
    fn place(self, state: &State) -> Map<String, Value> {
        let mut place = Map::new();
        let mut folders = Vec::new();
        for level in state.ancestors(self.of) {
            match level {
                Resource::Account(_) => {}
                Resource::Project(_) => drop(place.insert("project".into(), state.name(level).into())),
                Resource::Folder(_) => folders.push(Value::String(state.name(level))),
                Resource::Organization(_) => {
                    drop(place.insert("organization".into(), state.name(level).into()))
                }
            }
        }
        place.insert("folders".into(), folders.into());
        place
    }

    /// As `searchAllResources` returns it. The attributes of an account are a guess: no capture of one was seen.
    fn json(self, state: &State) -> Value {
        let parent = match self.key {
            Some(_) => Some(Asset { key: None, ..self }),
            None => state.parent(self.of).map(|of| Asset { of, key: None }),
        };
        let mut told = match (self.of, self.key) {
            (Resource::Account(i), None) => {
                let account = &state.accounts[i];
                json!({"displayName": account.display_name, "description": account.description,
                    "state": if account.disabled { "DISABLED" } else { "ENABLED" }, "location": "global",
                    "additionalAttributes": {"email": account.email, "uniqueId": account.unique_id}})
            }
            (Resource::Account(i), Some(key)) => {
                let key = &state.accounts[i].keys[key];
                json!({"displayName": key.id, "createTime": clock::canonical(&key.created), "location": "global",
                    "state": if key.disabled { "DISABLED" } else { "ENABLED" },
                    "additionalAttributes": {"keyType": "USER_MANAGED"}})
            }
            (Resource::Project(i), _) => {
                let project = &state.projects[i];
                json!({"displayName": project.name, "labels": project.labels, "state": "ACTIVE", "location": "global",
                    "additionalAttributes": {"projectId": project.id}})
            }
            (Resource::Folder(i), _) => {
                json!({"displayName": state.folders[i].name, "state": "ACTIVE", "location": "global"})
            }
            (Resource::Organization(i), _) => {
                json!({"displayName": state.organizations[i].domain, "state": "ACTIVE", "location": "global"})
            }
        };
        let fields = told.as_object_mut().expect("an object was just made");
        fields.insert("name".into(), self.name(state).into());
        fields.insert("assetType".into(), self.kind().into());
        fields.append(&mut self.place(state));
        if let Some(parent) = parent {
            fields.insert("parentFullResourceName".into(), parent.name(state).into());
            fields.insert("parentAssetType".into(), parent.kind().into());
        }
        told
    }
}

/// The state and the assets of the scope that are of the wanted types, if the caller may search there.
async fn authorize_scope<'a>(
    call: &'a ApiCall,
    query: &Query,
) -> Result<(MutexGuard<'a, State>, Vec<Asset>), Failure> {
    let caller = call.caller().await?;
    let permission = format!("cloudasset.assets.{}", call.route.name.trim_start_matches("cloudasset."));
    let state = call.state().await;
    let scope = state.node(&format!("{}/{}", call.param("kind"), call.param("id")));
    // How Google's denial reads in full is not known.
    let scope = scope.ok_or_else(|| Failure::denied(&permission))?;
    call.require(&state, &caller, &permission, scope)?;
    let types = query.all("assetTypes");
    let fits = |pattern: &str| TYPES.iter().any(|kind| like(kind, pattern));
    if types.iter().any(|pattern| !fits(pattern)) {
        return Err(Failure::invalid_argument());
    }
    let wanted = |asset: &Asset| types.is_empty() || types.iter().any(|pattern| like(asset.kind(), pattern));
    let inside = state.resources().filter(|of| state.ancestors(*of).any(|level| level == scope));
    let assets: Vec<Asset> = inside
        .flat_map(|of| {
            let keys = match of {
                Resource::Account(i) => state.accounts[i].keys.len(),
                _ => 0,
            };
            std::iter::once(None).chain((0..keys).map(Some)).map(move |key| Asset { of, key })
        })
        .filter(wanted)
        .collect();
    Ok((state, assets))
}

/// Whether a type fits a pattern. Of regular expressions only `.*` is read.
fn like(kind: &str, pattern: &str) -> bool {
    let mut parts = pattern.split(".*");
    let Some(mut rest) = kind.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut open = false;
    for part in parts {
        open = part.is_empty();
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    open || rest.is_empty()
}

fn search(query: &Query) -> Result<Search, Failure> {
    Search::parse(query.text("query").unwrap_or("")).ok_or_else(Failure::invalid_argument)
}

/// Sorts by a list of fields, each perhaps with ` DESC`.
fn sort(found: &mut [Value], order: Option<&str>, sortable: &[&str]) -> Result<(), Failure> {
    let fields: Vec<&str> = order.into_iter().flat_map(|order| order.split(',')).collect();
    // The last field first: the sort keeps what is equal as it is.
    for field in fields.into_iter().rev() {
        let mut words = field.split_whitespace();
        let (name, down) = (words.next().unwrap_or_default(), words.next());
        let known = sortable.contains(&name) && words.next().is_none();
        if !known
            || down
                .is_some_and(|word| !word.eq_ignore_ascii_case("desc") && !word.eq_ignore_ascii_case("asc"))
        {
            return Err(Failure::invalid_argument());
        }
        let text = |value: &Value| value[name].as_str().unwrap_or_default().to_owned();
        found.sort_by_cached_key(text);
        if down.is_some_and(|word| word.eq_ignore_ascii_case("desc")) {
            found.reverse();
        }
    }
    Ok(())
}

/// Zero and less are the default; how many that is, is Google's choice.
fn part<T: Clone>(all: &[T], query: &Query) -> Result<(Vec<T>, String), Failure> {
    let size = query.int("pageSize")?.unwrap_or(0).max(0);
    paged(all, size, query.text("pageToken").unwrap_or(""), 100, 500)
}

async fn policies(call: ApiCall) -> ApiResult {
    let query = call.query(&["query", "assetTypes", "orderBy", "pageSize", "pageToken"])?;
    let search = search(&query)?;
    let (state, assets) = authorize_scope(&call, &query).await?;
    let asks_bindings = search.has(is_about_binding);
    let result = |asset: &Asset| {
        let policy = state.policy(asset.of);
        if asset.key.is_some() || policy.bindings.is_empty() {
            return None;
        }
        let name = asset.name(&state);
        let fits = |binding: &&Binding| {
            search.holds(|term| match term.field.as_deref() {
                Some("resource" | "name") => term.fits(&name),
                Some("assetType") => term.fits(asset.kind()),
                Some("project" | "folders" | "organization") => {
                    let place = asset.place(&state);
                    term.fits(
                        &place
                            .get(term.field.as_deref().unwrap_or_default())
                            .map(Value::to_string)
                            .unwrap_or_default(),
                    )
                }
                _ => binding_fits(&state, binding, term),
            })
        };
        let bindings: Vec<&Binding> = policy.bindings.iter().filter(fits).collect();
        if bindings.is_empty() {
            return None;
        }
        let mut told = asset.place(&state);
        told.insert("resource".into(), name.into());
        told.insert("assetType".into(), asset.kind().into());
        // Only what was asked about bindings is explained.
        if asks_bindings {
            told.insert(
                "explanation".into(),
                json!({"matchedPermissions": matched(&state, &search, &bindings)}),
            );
        }
        told.insert("policy".into(), json!({"bindings": bindings}));
        Some(Value::Object(told))
    };
    let mut found: Vec<Value> = assets.iter().filter_map(result).collect();
    sort(&mut found, query.text("orderBy"), &["resource", "assetType", "project"])?;
    let (found, next) = part(&found, &query)?;
    Ok(reply::message(json!({"results": found, "nextPageToken": next})))
}

fn is_about_binding(term: &SearchTerm) -> bool {
    term.field.as_deref() == Some("policy.role.permissions")
}

/// Whether a term speaks of a binding: of its role, its members, its condition, or what the role gives.
fn binding_fits(state: &State, binding: &Binding, term: &SearchTerm) -> bool {
    let members = || binding.members.iter().any(|member| term.fits(member));
    match term.field.as_deref() {
        Some("policy.role.permissions") => {
            state.permissions_of(&binding.role).iter().any(|name| term.fits(name))
        }
        Some("roles" | "policy.role") => term.fits(&binding.role),
        Some("memberTypes") => {
            binding.members.iter().any(|member| term.fits(member.split(':').next().unwrap_or_default()))
        }
        None | Some("policy") => {
            let condition = binding.condition.as_ref();
            let condition = condition.map(|c| format!("{} {} {}", c.title, c.description, c.expression));
            term.fits(&binding.role) || members() || condition.is_some_and(|text| term.fits(&text))
        }
        Some(_) => false,
    }
}

/// The permissions that were asked for, by role. Google drops bindings whose role the caller cannot read; ours does not
/// look at that.
fn matched(state: &State, search: &Search, bindings: &[&Binding]) -> Value {
    let roles = bindings.iter().map(|binding| {
        let asked = |name: &String| search.has(|term| is_about_binding(term) && term.fits(name));
        let names: Vec<String> = state.permissions_of(&binding.role).into_iter().filter(asked).collect();
        (binding.role.clone(), json!({"permissions": names}))
    });
    roles.collect::<Map<_, _>>().into()
}

/// The fields of a found resource that may be asked for one by one.
const FIELDS: &[&str] = &[
    "name",
    "assetType",
    "project",
    "folders",
    "organization",
    "displayName",
    "description",
    "location",
    "labels",
    "tags",
    "networkTags",
    "kmsKeys",
    "createTime",
    "updateTime",
    "state",
    "additionalAttributes",
    "parentFullResourceName",
    "parentAssetType",
    "effectiveTags",
    "versionedResources",
    "attachedResources",
];

async fn resources(call: ApiCall) -> ApiResult {
    let query = call.query(&["query", "assetTypes", "orderBy", "readMask", "pageSize", "pageToken"])?;
    let search = search(&query)?;
    let mask: Option<Vec<&str>> =
        query.text("readMask").filter(|mask| *mask != "*").map(|m| m.split(',').collect());
    if mask.iter().flatten().any(|field| !FIELDS.contains(field)) {
        return Err(Failure::invalid_argument());
    }
    let (state, assets) = authorize_scope(&call, &query).await?;
    let shown = |mut told: Value| {
        if let (Some(mask), Some(fields)) = (&mask, told.as_object_mut()) {
            fields.retain(|name, _| mask.contains(&name.as_str()));
        }
        told
    };
    // A world may have a hundred thousand accounts: without a question only those of the page are written out.
    let (found, next) = if search.is_empty() && query.text("orderBy").is_none() {
        let (page, next) = part(&assets, &query)?;
        (page.into_iter().map(|asset| asset.json(&state)).collect(), next)
    } else {
        let all = assets.iter().map(|asset| asset.json(&state));
        let mut all: Vec<Value> = all.filter(|told| search.holds(|term| resource_fits(told, term))).collect();
        sort(&mut all, query.text("orderBy"), FIELDS)?;
        part(&all, &query)?
    };
    let results: Vec<Value> = found.into_iter().map(shown).collect();
    Ok(reply::message(json!({"results": results, "nextPageToken": next})))
}

/// Whether a term speaks of a found resource: of the field that it names, `labels.key` included, or of any.
fn resource_fits(told: &Value, term: &SearchTerm) -> bool {
    fn any(value: &Value, term: &SearchTerm) -> bool {
        match value {
            Value::String(text) => term.fits(text),
            Value::Array(items) => items.iter().any(|item| any(item, term)),
            Value::Object(fields) => fields.values().any(|value| any(value, term)),
            _ => false,
        }
    }
    match term.field.as_deref() {
        None => any(told, term),
        Some(field) => match field.split_once('.') {
            Some((outer, inner)) => any(&told[outer][inner], term),
            None => any(&told[field], term) || any(&told["additionalAttributes"][field], term),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_of_types_may_leave_open_its_start_middle_or_end() {
        for pattern in [ACCOUNT, "iam.googleapis.com.*", ".*ServiceAccount", "iam.*Account", ".*"] {
            assert!(like(ACCOUNT, pattern), "{pattern}");
        }
        for pattern in [KEY, "iam", "compute.*", ".*Service", ""] {
            assert!(!like(ACCOUNT, pattern), "{pattern}");
        }
    }
}
