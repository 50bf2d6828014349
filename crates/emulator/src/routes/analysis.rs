//! Cloud Asset v1: `analyzeIamPolicy`. This file checks the query and counts the quota; `analysis` answers.

use serde_json::{Value, json};

use super::assets::authorize_scope;
use super::{ApiCall, Route, routes};
use crate::analysis::{AnalysisOptions, AnalysisQuery, Findings};
use crate::check::{self, Query};
use crate::clock;
use crate::error::{ApiResult, Failure};
use crate::reply;
use crate::state::{Resource, State};

pub(super) const ROUTES: &[Route] = routes! {
    CloudAsset "/v1/{kind}/{id}" "google.cloud.asset.v1.AssetService.";
        "cloudasset.analyzeIamPolicy" GET ":analyzeIamPolicy" "AnalyzeIamPolicy" => analyze;
};

/// How many analyses an organization may ask for in a day unless the world says otherwise (quotas page of Cloud Asset).
const A_DAY: u32 = 20;

/// The most roles and permissions of a question.
const MOST_ACCESSES: usize = 10;

/// What the caller needs on the scope.
const NEEDED: [&str; 3] = [
    "cloudasset.assets.analyzeIamPolicy",
    "cloudasset.assets.searchAllResources",
    "cloudasset.assets.searchAllIamPolicies",
];

const IDENTITY: &str = "analysisQuery.identitySelector.identity";
const RESOURCE: &str = "analysisQuery.resourceSelector.fullResourceName";
const ROLES: &str = "analysisQuery.accessSelector.roles";
const PERMISSIONS: &str = "analysisQuery.accessSelector.permissions";
const TIME: &str = "analysisQuery.conditionContext.accessTime";
const IMPERSONATION: &str = "analysisQuery.options.analyzeServiceAccountImpersonation";
const PARAMETERS: &[&str] = &[
    IDENTITY,
    RESOURCE,
    ROLES,
    PERMISSIONS,
    TIME,
    IMPERSONATION,
    "analysisQuery.options.expandGroups",
    "analysisQuery.options.expandRoles",
    "analysisQuery.options.expandResources",
    "analysisQuery.options.outputResourceEdges",
    "analysisQuery.options.outputGroupEdges",
    "executionTimeout",
    "savedAnalysisQuery",
];

async fn analyze(call: ApiCall) -> ApiResult {
    let query = call.query(PARAMETERS)?;
    let impersonation = query.flag(IMPERSONATION)?;
    let caller = call.caller().await?;
    let mut state = call.state().await;
    let scope = authorize_scope(&call, &state, &caller, &NEEDED)?;
    let question = question(&call, &state, &query, scope)?;
    count_analysis(&call, &mut state, scope)?;
    let name = format!("{}/{}", call.param("kind"), call.param("id"));
    let told = |question: &AnalysisQuery, found: Findings, impersonation: bool| {
        let errors: Vec<Value> = found.gaps.iter().map(|gap| gap.json()).collect();
        let mut analysis = json!({"analysisQuery": question.json(&name), "analysisResults": found.results,
            "fullyExplored": found.gaps.is_empty(), "nonCriticalErrors": errors});
        if impersonation {
            analysis["analysisQuery"]["options"]["analyzeServiceAccountImpersonation"] = true.into();
        }
        analysis
    };
    let (asks, now) = ((&caller).into(), call.now());
    let main = state.analyze(&question, asks, now);
    let mut explored = main.gaps.is_empty();
    let mut derived = Vec::new();
    if impersonation {
        for question in state.impersonation(&question, &main, asks, now) {
            let found = state.analyze(&question, asks, now);
            explored &= found.gaps.is_empty();
            if !found.results.is_empty() {
                derived.push(told(&question, found, false));
            }
        }
    }
    Ok(reply::message(json!({"mainAnalysis": told(&question, main, impersonation),
        "serviceAccountImpersonationAnalysis": derived, "fullyExplored": explored})))
}

/// Parses the query of a request. Except for the limit of ten the sentences are ours.
fn question(call: &ApiCall, state: &State, query: &Query, scope: Resource) -> Result<AnalysisQuery, Failure> {
    if query.text("savedAnalysisQuery").is_some() {
        return Err(Failure::not_served("savedAnalysisQuery of cloudasset.analyzeIamPolicy"));
    }
    if query.text("executionTimeout").is_some_and(|text| check::seconds(text).is_none()) {
        return Err(Failure::invalid_argument());
    }
    let wrong = |field: &str, problem: &str| Err(Failure::invalid_analysis(field, problem));
    let list = |name: &str| -> Vec<String> {
        query.all(name).into_iter().filter(|text| !text.is_empty()).map(str::to_owned).collect()
    };
    let flag = |name: &str| query.flag(&format!("analysisQuery.options.{name}"));
    let options = AnalysisOptions {
        expand_groups: flag("expandGroups")?,
        expand_roles: flag("expandRoles")?,
        expand_resources: flag("expandResources")?,
        resource_edges: flag("outputResourceEdges")?,
        group_edges: flag("outputGroupEdges")?,
    };
    let identity = query.text(IDENTITY).map(crate::policy::fold);
    let (roles, permissions) = (list(ROLES), list(PERMISSIONS));
    let named = query.text(RESOURCE);
    let resource = match named {
        None => None,
        Some(name) => match state.by_full_name(name) {
            Some(on) if state.ancestors(on).any(|level| level == scope) => Some((on, name.to_owned())),
            _ => {
                return wrong("resource_selector", "The resource is not in the scope, or it does not exist.");
            }
        },
    };
    let accesses = roles.len() + permissions.len();
    if accesses > MOST_ACCESSES {
        return wrong(
            "access_selector",
            "In one request, the total number of roles and permissions should be equal or less than 10. If you have \
             more than that, please split your request into multiple ones.",
        );
    }
    if identity.is_none() && resource.is_none() && accesses == 0 {
        return wrong(
            "analysis_query",
            "At least one of the identity, resource and access selectors is needed.",
        );
    }
    if options.expand_groups && identity.is_some() {
        return wrong("options.expand_groups", "Groups cannot be expanded when an identity is selected.");
    }
    if options.expand_roles && accesses > 0 {
        return wrong(
            "options.expand_roles",
            "Roles cannot be expanded when roles or permissions are selected.",
        );
    }
    let is_high =
        |(on, _): &(Resource, String)| matches!(on, Resource::Folder(_) | Resource::Organization(_));
    if options.expand_resources && resource.as_ref().is_some_and(is_high) {
        return wrong(
            "options.expand_resources",
            "Only a selected project, or what lies in one, can be expanded.",
        );
    }
    let time = match query.text(TIME) {
        None => None,
        Some(text) => match clock::stated(text).map(|time| time.as_second()) {
            Some(time) if time >= call.now() => Some(time),
            _ => return wrong("condition_context.access_time", "The access time is not now or later."),
        },
    };
    Ok(AnalysisQuery { scope, identity, resource, roles, permissions, time, options })
}

/// Counts an analysis against its organization's day. How Google words the refusal is not known.
fn count_analysis(call: &ApiCall, state: &mut State, scope: Resource) -> Result<(), Failure> {
    let Some(organization) = state.organization(scope) else { return Ok(()) };
    let (number, most) = (organization.number, organization.analyses_per_day.unwrap_or(A_DAY));
    let today = call.now().div_euclid(86_400);
    let (day, so_far) = state.analyses.entry(number).or_default();
    if *day != today {
        (*day, *so_far) = (today, 0);
    }
    if *so_far >= most {
        return Err(Failure::exhausted());
    }
    *so_far += 1;
    Ok(())
}
