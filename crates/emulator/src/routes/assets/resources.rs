//! `searchAllResources`: accounts, keys, projects, folders and organizations by their fields. Google's own keys of
//! accounts are not among them: the emulator makes them when they are needed.

use serde_json::{Value, json};

use super::{SearchRequest, authorize_scope};
use crate::asset::Asset;
use crate::clock;
use crate::error::{ApiResult, Failure};
use crate::reply;
use crate::routes::ApiCall;
use crate::routes::account_keys::user_json;
use crate::routes::iam::account_json;
use crate::routes::projects::{CREATED, resource_json};
use crate::search::{Comparable, SearchTerm};
use crate::state::{Resource, State};

/// The fields of a found resource (Cloud Asset reference, `ResourceSearchResult`), those last that come only when they
/// are asked for.
const FIELDS: [&str; 27] = [
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
    "tagKeys",
    "tagValues",
    "tagValueIds",
    "networkTags",
    "kmsKey",
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
    "relationships",
    "enrichments",
];
const USUAL: usize = 22;

const SORTABLE: [&str; 11] = [
    "name",
    "assetType",
    "project",
    "displayName",
    "description",
    "location",
    "createTime",
    "updateTime",
    "state",
    "parentFullResourceName",
    "parentAssetType",
];

/// The fields that resources can be searched by. What a resource has in addition is found by words without a field.
fn field(name: &str) -> Option<Comparable> {
    match name.split_once('.').map_or(name, |(outer, _)| outer) {
        "createTime" | "updateTime" => Some(Comparable::Time),
        "labels" | "relationships" | "sccSecurityMarks" => Some(Comparable::Text),
        "name"
        | "project"
        | "folders"
        | "organization"
        | "displayName"
        | "description"
        | "location"
        | "networkTags"
        | "kmsKey"
        | "kmsKeys"
        | "state"
        | "parentFullResourceName"
        | "parentAssetType"
        | "tagKeys"
        | "tagKeyIds"
        | "tagValues"
        | "tagValueIds"
        | "effectiveTagKeys"
        | "effectiveTagKeyIds"
        | "effectiveTagValues"
        | "effectiveTagValueIds"
            if !name.contains('.') =>
        {
            Some(Comparable::Text)
        }
        _ => None,
    }
}

pub(super) async fn search(call: ApiCall) -> ApiResult {
    let query = call.query(&["query", "assetTypes", "orderBy", "readMask", "pageSize", "pageToken"])?;
    let mask = mask(query.text("readMask"))?;
    let caller = call.caller().await?;
    let state = call.state().await;
    let request = SearchRequest::parse(&call, &state, &query, field, &SORTABLE)?;
    let scope = authorize_scope(&call, &state, &caller, &["cloudasset.assets.searchAllResources"])?;
    let assets = state.assets(scope, request.types, request.from(), call.now());
    let matching = assets.filter_map(|(cursor, asset)| {
        // Most searches are for everything: then only those of the page are written out.
        let fits = request.search.is_empty() || {
            let told = json(asset, &state);
            request.search.holds(&|term| term_fits(&told, term))
        };
        fits.then_some((cursor, asset))
    });
    let key =
        |asset: &Asset, field: &str| json(*asset, &state)[field].as_str().unwrap_or_default().to_owned();
    let (page, next) = request.page(matching, key);
    let shown = |asset: Asset| {
        let mut told = json(asset, &state);
        if mask.contains(&"versionedResources") {
            told["versionedResources"] = json!([versioned(asset, &state)]);
        }
        if let Some(fields) = told.as_object_mut() {
            fields.retain(|name, _| mask.contains(&name.as_str()));
        }
        told
    };
    let results: Vec<Value> = page.into_iter().map(shown).collect();
    Ok(reply::message(json!({"results": results, "nextPageToken": next})))
}

/// The fields that a mask asks for, in either spelling.
fn mask(text: Option<&str>) -> Result<Vec<&'static str>, Failure> {
    let field = |name: &str| {
        let camel = |field: &&&str| **field == name || crate::check::snake(field) == name;
        FIELDS.iter().find(camel).copied().ok_or_else(Failure::invalid_argument)
    };
    match text {
        None => Ok(FIELDS[..USUAL].to_vec()),
        Some("*") => Ok(FIELDS.to_vec()),
        Some(mask) => mask.split(',').map(|name| field(name.trim())).collect(),
    }
}

/// An asset as it is found, without what is large. The attributes of an account are a guess: no capture of one was seen.
fn json(asset: Asset, state: &State) -> Value {
    let mut told = match (asset.of, asset.key) {
        (Resource::Account(i), None) => {
            let account = &state.accounts[i];
            json!({"displayName": account.display_name, "description": account.description,
                "state": if account.disabled { "DISABLED" } else { "ENABLED" }, "location": "global",
                "additionalAttributes": {"email": account.email, "uniqueId": account.unique_id}})
        }
        (Resource::Account(i), Some(key)) => {
            let key = &state.accounts[i].keys[key];
            json!({"displayName": format!("{}/keys/{}", state.name(asset.of), key.id),
                "createTime": clock::canonical(&key.created), "location": "global",
                "state": if key.disabled { "DISABLED" } else { "ENABLED" },
                "additionalAttributes": {"keyType": "USER_MANAGED"}})
        }
        (Resource::Project(i), _) => {
            let project = &state.projects[i];
            json!({"displayName": project.name, "labels": project.labels, "state": "ACTIVE",
                "createTime": CREATED, "location": "global", "additionalAttributes": {"projectId": project.id}})
        }
        (Resource::Folder(i), _) => {
            json!({"displayName": state.folders[i].name, "state": "ACTIVE", "createTime": CREATED,
                "location": "global"})
        }
        (Resource::Organization(i), _) => {
            json!({"displayName": state.organizations[i].domain, "state": "ACTIVE", "createTime": CREATED,
                "location": "global"})
        }
    };
    let parent = asset.parent(state);
    if let Some(fields) = told.as_object_mut() {
        fields.insert("name".into(), asset.name(state).into());
        fields.insert("assetType".into(), asset.type_name().into());
        fields.append(&mut asset.place(state));
        if let Some(parent) = parent {
            fields.insert("parentFullResourceName".into(), parent.name(state).into());
            fields.insert("parentAssetType".into(), parent.type_name().into());
        }
    }
    told
}

/// The resource as its own service returns it; what is disabled says so, and what is not says nothing.
fn versioned(asset: Asset, state: &State) -> Value {
    let (version, mut resource) = match (asset.of, asset.key) {
        (Resource::Account(i), None) => ("v1", account_json(state, i)),
        (Resource::Account(i), Some(key)) => {
            ("v1", user_json(&state.name(asset.of), &state.accounts[i].keys[key]))
        }
        (of, _) => ("v3", resource_json(state, of)),
    };
    if let Some(fields) = resource.as_object_mut() {
        fields.retain(|_, value| !value.is_null() && *value != false && *value != "");
    }
    json!({"version": version, "resource": resource})
}

/// Whether a term speaks of a found resource: of the field that it names, `labels.key` included, or of any.
fn term_fits(told: &Value, term: &SearchTerm) -> bool {
    fn any(value: &Value, term: &SearchTerm) -> bool {
        match value {
            Value::String(text) => term.fits(text),
            Value::Array(items) => items.iter().any(|item| any(item, term)),
            Value::Object(fields) => fields.iter().any(|(key, value)| term.fits(key) || any(value, term)),
            _ => false,
        }
    }
    // The names of additional attributes are not part of what is searched, their values are.
    let attributes =
        || told["additionalAttributes"].as_object().is_some_and(|all| all.values().any(|one| any(one, term)));
    match term.field.as_deref() {
        None => {
            let mut fields = told.as_object().into_iter().flatten();
            fields.any(|(name, value)| {
                !matches!(name.as_str(), "additionalAttributes" | "createTime" | "updateTime")
                    && any(value, term)
            }) || attributes()
        }
        Some(field) => match field.split_once('.') {
            Some((outer, inner)) => told[outer].get(inner).is_some_and(|value| any(value, term)),
            None => any(&told[field], term),
        },
    }
}
