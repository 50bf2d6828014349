//! Policy Troubleshooter v1, v2alpha1 (which gcloud 528 calls) and v3: one explanation in two spellings. v1
//! takes no facts for conditions; only v3 knows deny policies.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{ApiCall, ApiCaller, Route, routes};
use crate::check::{Field, FieldType};
use crate::condition::{Facts, Unreadable};
use crate::deny::{self, DenyPolicy, DenyRule};
use crate::error::{ApiResult, Failure};
use crate::explain::{AccessQuestion, ExplainedBinding, ExplainedDeny, ExplainedPolicy};
use crate::policy::Condition;
use crate::reply;
use crate::state::{Resource, State};
use crate::tokens::Principal;
use crate::verdict::Verdict;

pub(super) const ROUTES: &[Route] = routes! {
    Troubleshooter "" "google.cloud.policytroubleshooter.v1.IamChecker.";
        "policytroubleshooter.v1.iam.troubleshoot" POST "/v1/iam:troubleshoot" "TroubleshootIamPolicy" => v1;
    Troubleshooter "" "google.cloud.policytroubleshooter.v2alpha1.IamChecker.";
        "policytroubleshooter.v2alpha1.iam.troubleshoot" POST "/v2alpha1/iam:troubleshoot" "TroubleshootIamPolicy" => v2alpha1;
    Troubleshooter "" "google.cloud.policytroubleshooter.iam.v3.PolicyTroubleshooter.";
        "policytroubleshooter.iam.troubleshoot" POST "/v3/iam:troubleshoot" "TroubleshootIamPolicy" => v3;
};

const TUPLE: [Field; 3] =
    [("principal", FieldType::Text), ("fullResourceName", FieldType::Text), ("permission", FieldType::Text)];
const CONTEXT: &[Field] = &[
    (
        "resource",
        FieldType::Message(&[
            ("service", FieldType::Text),
            ("name", FieldType::Text),
            ("type", FieldType::Text),
        ]),
    ),
    ("destination", FieldType::Message(&[("ip", FieldType::Text), ("port", FieldType::Int)])),
    ("request", FieldType::Message(&[("receiveTime", FieldType::Time)])),
    (
        "effectiveTags",
        FieldType::Messages(&[
            ("tagValue", FieldType::Text),
            ("namespacedTagValue", FieldType::Text),
            ("tagKey", FieldType::Text),
            ("namespacedTagKey", FieldType::Text),
            ("tagKeyParentName", FieldType::Text),
            ("inherited", FieldType::Flag),
        ]),
    ),
];
const WITHOUT_CONTEXT: &[Field] = &[("accessTuple", FieldType::Message(&TUPLE))];
const WITH_CONTEXT: &[Field] = &[(
    "accessTuple",
    FieldType::Message(&[
        TUPLE[0],
        TUPLE[1],
        TUPLE[2],
        ("permissionFqdn", FieldType::Text),
        ("conditionContext", FieldType::Message(CONTEXT)),
    ]),
)];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TroubleshootBody {
    access_tuple: AccessTuple,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AccessTuple {
    principal: String,
    full_resource_name: String,
    permission: String,
    condition_context: Map<String, Value>,
}

impl AccessTuple {
    /// What conditions may look at: only what was stated, nothing that follows from the resource (which of it Google
    /// fills in is not known).
    fn facts(&self) -> Facts {
        let of = |part: &str, name: &str| {
            let value = self.condition_context.get(part)?.get(name)?.as_str()?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        let time = of("request", "receiveTime").and_then(|time| time.parse::<jiff::Timestamp>().ok());
        Facts {
            now: time.map(jiff::Timestamp::as_second),
            name: of("resource", "name"),
            kind: of("resource", "type"),
            service: of("resource", "service"),
        }
    }

    /// Google accounts and service accounts, by their email.
    fn who(&self, state: &State) -> Option<Principal> {
        let email = self.principal.to_lowercase();
        let is_account = state.account(&email).is_some() || email.ends_with(".gserviceaccount.com");
        let is_email =
            email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
        let plain = is_email && !email.contains([':', '/']);
        plain.then_some(if is_account { Principal::Account(email) } else { Principal::User(email) })
    }
}

/// The resource and all above it. An unknown account reads like one whose policy the caller cannot read.
fn levels(state: &State, full: &str) -> Result<Vec<Option<Resource>>, Failure> {
    if let Some(on) = state.by_full_name(full) {
        return Ok(state.ancestors(on).map(Some).collect());
    }
    let known = ["//iam.googleapis.com/projects/", "//cloudresourcemanager.googleapis.com/"];
    if !known.iter().any(|start| full.starts_with(start)) {
        // Google knows the resources of every service, the emulator those of two.
        return Err(Failure::invalid_argument());
    }
    let project = full.strip_prefix(known[0]).and_then(|rest| rest.split_once('/'));
    let above = project.and_then(|(id, _)| state.project(id)).map(Resource::Project);
    Ok(std::iter::once(None).chain(above.into_iter().flat_map(|p| state.ancestors(p)).map(Some)).collect())
}

/// A version of the API, each with its own spelling.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ApiVersion {
    /// v1, which has no conditions that hold.
    V1,
    /// v2alpha1: v1 that is told what conditions may look at.
    V2Alpha1,
    V3,
}

impl ApiVersion {
    fn access(self, verdict: Verdict) -> &'static str {
        match (self, verdict) {
            (ApiVersion::V3, Verdict::Yes) => "ALLOW_ACCESS_STATE_GRANTED",
            (ApiVersion::V3, Verdict::No) => "ALLOW_ACCESS_STATE_NOT_GRANTED",
            (ApiVersion::V3, Verdict::Hidden) => "ALLOW_ACCESS_STATE_UNKNOWN_INFO",
            (ApiVersion::V3, Verdict::Open) => "ALLOW_ACCESS_STATE_UNKNOWN_CONDITIONAL",
            (_, Verdict::Yes) => "GRANTED",
            (_, Verdict::No) => "NOT_GRANTED",
            (_, Verdict::Hidden) => "UNKNOWN_INFO_DENIED",
            (_, Verdict::Open) => "UNKNOWN_CONDITIONAL",
        }
    }

    fn role(self, verdict: Verdict) -> &'static str {
        match (self, verdict) {
            (_, Verdict::Yes) => "ROLE_PERMISSION_INCLUDED",
            (_, Verdict::No) => "ROLE_PERMISSION_NOT_INCLUDED",
            (ApiVersion::V3, _) => "ROLE_PERMISSION_UNKNOWN_INFO",
            _ => "ROLE_PERMISSION_UNKNOWN_INFO_DENIED",
        }
    }

    fn member(self, verdict: Option<Verdict>) -> &'static str {
        match (self, verdict) {
            (_, None) => "MEMBERSHIP_UNKNOWN_UNSUPPORTED",
            (ApiVersion::V3, Some(Verdict::Yes)) => "MEMBERSHIP_MATCHED",
            (ApiVersion::V3, Some(Verdict::No)) => "MEMBERSHIP_NOT_MATCHED",
            (ApiVersion::V3, _) => "MEMBERSHIP_UNKNOWN_INFO",
            (_, Some(Verdict::Yes)) => "MEMBERSHIP_INCLUDED",
            (_, Some(Verdict::No)) => "MEMBERSHIP_NOT_INCLUDED",
            _ => "MEMBERSHIP_UNKNOWN_INFO_DENIED",
        }
    }

    /// Google does not publish how relevance is computed; here everything that is not negative is relevant.
    fn relevance(self, verdict: Verdict) -> &'static str {
        match (self, verdict) {
            (ApiVersion::V3, Verdict::No) => "HEURISTIC_RELEVANCE_NORMAL",
            (ApiVersion::V3, _) => "HEURISTIC_RELEVANCE_HIGH",
            (_, Verdict::No) => "NORMAL",
            _ => "HIGH",
        }
    }

    fn access_field(self) -> &'static str {
        if self == ApiVersion::V3 { "allowAccessState" } else { "access" }
    }

    fn membership(self, verdict: Option<Verdict>) -> Value {
        json!({"membership": self.member(verdict), "relevance": self.relevance(verdict.unwrap_or(Verdict::No))})
    }

    fn binding(self, given: &ExplainedBinding) -> Value {
        let among = Verdict::any(given.members.iter().filter_map(|(_, verdict)| *verdict));
        let members: Map<String, Value> = given
            .members
            .iter()
            .map(|(name, verdict)| ((*name).to_owned(), self.membership(*verdict)))
            .collect();
        let mut told = json!({self.access_field(): self.access(given.access), "role": given.binding.role,
            "rolePermission": self.role(given.role), "rolePermissionRelevance": self.relevance(given.role),
            "memberships": members, "relevance": self.relevance(given.role.and(among)),
            "condition": given.binding.condition});
        if self == ApiVersion::V3 {
            told["combinedMembership"] = self.membership(Some(among));
        }
        if let (Some(outcome), Some(condition)) = (&given.condition, &given.binding.condition)
            && self != ApiVersion::V1
        {
            told["conditionExplanation"] = explained(condition, outcome);
        }
        told
    }

    /// A level, with the policy as it is enforced: for a while after a write that is the one before. Of one that the
    /// caller cannot read only that is said.
    fn policy(self, state: &State, level: &ExplainedPolicy, now: i64) -> Result<Value, Failure> {
        let bindings: Vec<Value> = level.bindings.iter().map(|given| self.binding(given)).collect();
        let policy = level.on.map(|on| state.enforced_policy(on, now).read(3)).transpose()?;
        let relevance = level.on.map(|_| self.relevance(level.access));
        Ok(
            json!({self.access_field(): self.access(level.access), "relevance": relevance, "fullResourceName": level.on.map(|on| state.full_name(on)), "policy": policy,
            "bindingExplanations": bindings}),
        )
    }
}

/// The value of a condition: of the expression as a whole, not of each part as at Google.
fn explained(condition: &Condition, outcome: &Result<Option<bool>, Unreadable>) -> Value {
    let end = condition.expression.chars().count().saturating_sub(1);
    match outcome {
        Ok(value) => json!({"value": value, "evaluationStates": [{"start": 0, "end": end, "value": value}]}),
        Err(unreadable) => json!({"value": null, "errors": [{"code": 3, "message": unreadable.problem}]}),
    }
}

/// The fields that are `google.protobuf.Value`: false and null are told there.
const VALUES: &[&str] = &["value"];

async fn v1(call: ApiCall) -> ApiResult {
    old(&call, WITHOUT_CONTEXT, ApiVersion::V1).await
}

async fn v2alpha1(call: ApiCall) -> ApiResult {
    old(&call, WITH_CONTEXT, ApiVersion::V2Alpha1).await
}

async fn old(call: &ApiCall, fields: &[Field], version: ApiVersion) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let TroubleshootBody { access_tuple: tuple } = call.body(fields)?;
    let state = call.state().await;
    let (question, levels) = ask(call, &state, &caller, &tuple)?;
    let allowed = question.allow(&levels);
    let access = Verdict::any(allowed.iter().map(|level| level.access));
    let policies: Vec<Value> =
        allowed.iter().map(|level| version.policy(&state, level, call.now())).collect::<Result<_, _>>()?;
    let body = json!({"access": version.access(access), "explainedPolicies": policies});
    Ok(reply::message_keeping(body, VALUES))
}

fn ask<'a>(
    call: &ApiCall,
    state: &'a State,
    caller: &'a ApiCaller,
    tuple: &AccessTuple,
) -> Result<(AccessQuestion<'a>, Vec<Option<Resource>>), Failure> {
    let who = tuple.who(state).ok_or_else(Failure::invalid_argument)?;
    if !tuple.permission.contains('.') {
        return Err(Failure::invalid_argument());
    }
    let permission = deny::v1(&tuple.permission);
    let levels = levels(state, &tuple.full_resource_name)?;
    call.guard(state, caller, levels.iter().flatten().next().copied())?;
    let facts = tuple.facts();
    let question = AccessQuestion { state, asks: caller.into(), who, permission, facts, now: call.now() };
    Ok((question, levels))
}

async fn v3(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    let caller = call.caller().await?;
    let TroubleshootBody { access_tuple: tuple } = call.body(WITH_CONTEXT)?;
    let state = call.state().await;
    let (question, levels) = ask(&call, &state, &caller, &tuple)?;
    let (allowed, denied) = (question.allow(&levels), question.deny(&levels));
    let access = Verdict::any(allowed.iter().map(|level| level.access));
    let denies = Verdict::any(denied.iter().map(|level| level.denies));
    let overall = match access.and(!denies) {
        Verdict::Yes => "CAN_ACCESS",
        Verdict::No => "CANNOT_ACCESS",
        Verdict::Hidden => "UNKNOWN_INFO",
        Verdict::Open => "UNKNOWN_CONDITIONAL",
    };
    let third = ApiVersion::V3;
    let policies: Vec<Value> =
        allowed.iter().map(|level| third.policy(&state, level, call.now())).collect::<Result<_, _>>()?;
    let resources: Vec<Value> = denied.iter().map(|level| denied_json(&question, level)).collect();
    let body = json!({
        "accessTuple": {"principal": tuple.principal, "fullResourceName": tuple.full_resource_name,
            "permission": tuple.permission, "permissionFqdn": deny::v2(&question.permission),
            "conditionContext": context_json(tuple.condition_context.clone())},
        "overallAccessState": overall,
        "allowPolicyExplanation": {"allowAccessState": third.access(access), "explainedPolicies": policies,
            "relevance": third.relevance(!access)},
        // Which permissions can be denied is a list of Google's; all of the emulator's are taken to be on it.
        "denyPolicyExplanation": {"denyAccessState": deny_state(denies), "explainedResources": resources,
            "relevance": third.relevance(denies), "permissionDeniable": true},
    });
    Ok(reply::message_keeping(body, VALUES))
}

/// A context as the answer repeats it: of 64 bits, a port is text in JSON.
fn context_json(context: Map<String, Value>) -> Value {
    let mut context = Value::Object(context);
    if let Some(port) = context.pointer_mut("/destination/port") {
        *port = port.as_i64().map_or(Value::Null, |port| port.to_string().into());
    }
    context
}

fn deny_state(denies: Verdict) -> &'static str {
    match denies {
        Verdict::Yes => "DENY_ACCESS_STATE_DENIED",
        Verdict::No => "DENY_ACCESS_STATE_NOT_DENIED",
        Verdict::Hidden => "DENY_ACCESS_STATE_UNKNOWN_INFO",
        Verdict::Open => "DENY_ACCESS_STATE_UNKNOWN_CONDITIONAL",
    }
}

fn denied_json(question: &AccessQuestion, level: &ExplainedDeny) -> Value {
    let full_name = level.on.map(|on| question.state.full_name(on));
    let policy = |policy: &DenyPolicy| {
        let denies = question.denies(policy);
        let rules: Vec<Value> = policy.rules.iter().map(|rule| rule_json(question, rule)).collect();
        let stated: Vec<Value> = policy
            .rules
            .iter()
            .map(|rule| json!({"description": rule.description, "denyRule": rule}))
            .collect();
        let point = full_name.as_deref().unwrap_or_default().trim_start_matches('/').replace('/', "%2F");
        json!({"denyAccessState": deny_state(denies), "relevance": ApiVersion::V3.relevance(denies),
            "policy": {"name": format!("policies/{point}/denypolicies/{}", policy.id), "kind": "DenyPolicy",
                "displayName": policy.display_name, "rules": stated},
            "ruleExplanations": rules})
    };
    let relevance = level.on.map(|_| ApiVersion::V3.relevance(level.denies));
    json!({"denyAccessState": deny_state(level.denies), "fullResourceName": full_name, "relevance": relevance,
        "explainedPolicies": level.policies.iter().map(policy).collect::<Vec<_>>()})
}

fn rule_json(question: &AccessQuestion, rule: &DenyRule) -> Value {
    let third = ApiVersion::V3;
    let permission = deny::v2(&question.permission);
    let named = |verdict: Verdict| {
        let state = match verdict {
            Verdict::Yes => "PERMISSION_PATTERN_MATCHED",
            _ => "PERMISSION_PATTERN_NOT_MATCHED",
        };
        json!({"permissionMatchingState": state, "relevance": third.relevance(verdict)})
    };
    let names = |pattern: &String| Verdict::of(deny::matches(pattern, &permission));
    let permissions = |all: &[String]| -> Map<String, Value> {
        all.iter().map(|pattern| (pattern.clone(), named(names(pattern)))).collect()
    };
    let principals = |all: &[String]| -> Map<String, Value> {
        all.iter().map(|name| (name.clone(), third.membership(Some(question.is_denied(name))))).collect()
    };
    let any_name = |all: &[String]| named(Verdict::any(all.iter().map(names)));
    let any_principal = |all: &[String]| {
        third.membership(Some(Verdict::any(all.iter().map(|name| question.is_denied(name)))))
    };
    let denies = question.rule_denies(rule);
    let mut told = json!({"denyAccessState": deny_state(denies), "relevance": third.relevance(denies),
        "deniedPermissions": permissions(&rule.denied_permissions),
        "combinedDeniedPermission": any_name(&rule.denied_permissions),
        "exceptionPermissions": permissions(&rule.exception_permissions),
        "deniedPrincipals": principals(&rule.denied_principals),
        "combinedDeniedPrincipal": any_principal(&rule.denied_principals),
        "exceptionPrincipals": principals(&rule.exception_principals),
        "condition": rule.denial_condition});
    // What the rule does not have is not explained.
    if !rule.exception_permissions.is_empty() {
        told["combinedExceptionPermission"] = any_name(&rule.exception_permissions);
    }
    if !rule.exception_principals.is_empty() {
        told["combinedExceptionPrincipal"] = any_principal(&rule.exception_principals);
    }
    if let Some(condition) = &rule.denial_condition {
        let outcome = crate::condition::evaluate(&condition.expression, &question.facts);
        told["conditionExplanation"] = explained(condition, &outcome);
    }
    told
}
