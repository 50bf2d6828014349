//! Policy Analyzer v1: when the accounts of a project and their keys last authenticated.

use serde_json::{Value, json};

use super::{ApiCall, Route, paged, routes};
use crate::activity;
use crate::clock;
use crate::error::{ApiResult, Failure};
use crate::reply;
use crate::state::{Resource, State};

pub(super) const ROUTES: &[Route] = routes! {
    PolicyAnalyzer "/v1/projects/{project}/locations/{location}/activityTypes" "google.cloud.policyanalyzer.v1.PolicyAnalyzer.";
        "policyanalyzer.activities.query" GET "/{type}/activities:query" "QueryActivity" => query;
};

/// The most names in a filter (Policy Analyzer documentation).
const MOST_NAMES: usize = 10;

/// The subject of an activity: the resource's name, its unique ID or its key's ID, and the account.
struct Subject {
    name: String,
    id: String,
    account: usize,
}

async fn query(call: ApiCall) -> ApiResult {
    let query = call.query(&["filter", "pageSize", "pageToken"])?;
    let caller = call.caller().await?;
    let (of_keys, permission) = match call.param("type") {
        "serviceAccountLastAuthentication" => {
            (false, "policyanalyzer.serviceAccountLastAuthenticationActivities.query")
        }
        "serviceAccountKeyLastAuthentication" => {
            (true, "policyanalyzer.serviceAccountKeyLastAuthenticationActivities.query")
        }
        _ => return Err(Failure::invalid_argument()),
    };
    let state = call.state().await;
    let project = state.project(call.param("project")).ok_or_else(|| Failure::denied(permission))?;
    call.require(&state, &caller, permission, Resource::Project(project))?;
    if call.param("location") != "global" {
        return Err(Failure::invalid_argument());
    }
    let names = filter(query.text("filter").unwrap_or_default()).ok_or_else(Failure::invalid_argument)?;
    let wanted = |subject: &Subject| names.is_empty() || names.contains(&subject.name);
    let all: Vec<Value> = subjects(&state, project, of_keys)
        .filter(wanted)
        .map(|subject| activity_json(&state, &subject, call.param("type"), of_keys, call.now()))
        .collect();
    let size = query.int("pageSize")?.unwrap_or(0).max(0);
    let (activities, next) = paged(&all, size, query.text("pageToken").unwrap_or_default(), 100, 1_000)?;
    Ok(reply::message(json!({"activities": activities, "nextPageToken": next})))
}

/// The accounts of a project, or their user-managed keys that are not disabled (as Google leaves disabled keys out).
fn subjects(state: &State, project: usize, of_keys: bool) -> impl Iterator<Item = Subject> {
    state.accounts.of_project(project).iter().flat_map(move |i| {
        let (name, account) = (state.full_name(Resource::Account(*i)), &state.accounts[*i]);
        let keys = account.keys.iter().filter(|key| of_keys && !key.disabled);
        let of_key = |key: &crate::world::AccountKey| (format!("{name}/keys/{}", key.id), key.id.clone());
        let itself = (!of_keys).then(|| (name.clone(), account.unique_id.clone()));
        let all: Vec<(String, String)> = itself.into_iter().chain(keys.map(of_key)).collect();
        all.into_iter().map(|(name, id)| Subject { name, id, account: *i })
    })
}

fn activity_json(state: &State, subject: &Subject, kind: &str, of_keys: bool, now: i64) -> Value {
    let (start, end) = activity::observed(now);
    let last = state.activity.last(&subject.id, now).map(clock::rfc3339);
    let about = json!({"projectNumber": state.project_of(subject.account).number.to_string(),
        "serviceAccountId": state.accounts[subject.account].unique_id, "fullResourceName": subject.name});
    let mut activity = json!({"lastAuthenticatedTime": last});
    activity[if of_keys { "serviceAccountKey" } else { "serviceAccount" }] = about;
    json!({"fullResourceName": subject.name, "activityType": kind,
        "observationPeriod": {"startTime": clock::rfc3339(start), "endTime": clock::rfc3339(end)},
        "activity": activity})
}

/// The names of a filter: `activities.fullResourceName = "…"`, several joined by OR. `None` if it cannot be parsed.
fn filter(text: &str) -> Option<Vec<String>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    let name = |part: &str| {
        let (field, value) = part.split_once('=')?;
        let known = matches!(field.trim(), "activities.fullResourceName" | "activities.full_resource_name");
        let value = value.trim();
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let value = quoted.unwrap_or(value);
        (known && value.starts_with("//") && !value.contains(['"', ' '])).then(|| value.to_owned())
    };
    let names: Option<Vec<String>> = text.split(" OR ").map(name).collect();
    names.filter(|names| names.len() <= MOST_NAMES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_names_up_to_ten_resources() {
        let one = r#"activities.fullResourceName="//iam.googleapis.com/x""#;
        let both = format!("{one} OR activities.full_resource_name = //iam.googleapis.com/y");
        assert_eq!(filter(&both).unwrap(), ["//iam.googleapis.com/x", "//iam.googleapis.com/y"]);
        assert_eq!(filter("").unwrap(), [""; 0]);
        assert!(filter(&[one; 10].join(" OR ")).is_some() && filter(&[one; 11].join(" OR ")).is_none());
        for wrong in
            ["fullResourceName=\"//x\"", "activities.fullResourceName", &format!("{one} AND {one}"), "x"]
        {
            assert!(filter(wrong).is_none(), "{wrong}");
        }
    }
}
