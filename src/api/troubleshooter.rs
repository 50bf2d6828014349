//! Policy Troubleshooter v3: why IAM allows or denies something, across allow and deny policies. Builder of the request
//! and reader of the answer, pure, and the client's method over them. It explains what the caller can read, and says
//! where it couldn't look.

use serde::Deserialize;
use serde_json::json;

use crate::{
    api::Client,
    http::{
        ApiError, CallKind,
        answer::decode,
        endpoints::{self, Service},
        error::plain,
        request_spec::{Priority, RequestSpec},
    },
    model::{denial::RequestContext, doctor::Troubleshot},
};

fn spec(principal: &str, full_name: &str, permission: &str) -> RequestSpec {
    let account = full_name.rsplit('/').next().unwrap_or_default();
    let asked = RequestContext {
        resource: account.to_owned(),
        ..RequestContext::new(
            endpoints::service(Service::Troubleshooter),
            "google.cloud.policytroubleshooter.iam.v3.PolicyTroubleshooter.TroubleshootIamPolicy",
        )
    };
    let body = json!({ "accessTuple": {
        "principal": principal, "fullResourceName": full_name, "permission": permission,
    }});
    RequestSpec {
        priority: Some(Priority::Front),
        ..RequestSpec::post(
            CallKind::Read,
            Service::Troubleshooter,
            "/v3/iam:troubleshoot".into(),
            body,
            asked,
        )
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    overall_access_state: String,
    allow_policy_explanation: Allow,
    deny_policy_explanation: Deny,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Allow {
    allow_access_state: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Deny {
    deny_access_state: String,
    explained_resources: Vec<DenyResource>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DenyResource {
    deny_access_state: String,
    full_resource_name: String,
    explained_policies: Vec<DenyPolicy>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DenyPolicy {
    deny_access_state: String,
    policy: Named,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Named {
    name: String,
    display_name: String,
}

const DENIED: &str = "DENY_ACCESS_STATE_DENIED";

fn read(body: &[u8]) -> Result<Troubleshot, ApiError> {
    let answer: Answer = decode(body, endpoints::name(Service::Troubleshooter))?;
    let known = |state: &str, yes: &str, no: &str| match state {
        _ if state == yes => Some(true),
        _ if state == no => Some(false),
        _ => None,
    };
    let deny = answer.deny_policy_explanation;
    let denied_by = deny
        .explained_resources
        .iter()
        .filter(|resource| resource.deny_access_state == DENIED)
        .flat_map(|resource| resource.explained_policies.iter().map(move |policy| (resource, policy)))
        .filter(|(_, policy)| policy.deny_access_state == DENIED)
        .map(|(resource, DenyPolicy { policy, .. })| {
            let name = [&policy.display_name, &policy.name].into_iter().find(|name| !name.is_empty());
            let on = resource.full_resource_name.trim_start_matches("//cloudresourcemanager.googleapis.com/");
            plain(&format!("{} on {on}", name.map_or("a policy", String::as_str)))
        })
        .collect();
    Ok(Troubleshot {
        can: known(&answer.overall_access_state, "CAN_ACCESS", "CANNOT_ACCESS"),
        allowed: known(
            &answer.allow_policy_explanation.allow_access_state,
            "ALLOW_ACCESS_STATE_GRANTED",
            "ALLOW_ACCESS_STATE_NOT_GRANTED",
        ),
        denied: known(&deny.deny_access_state, DENIED, "DENY_ACCESS_STATE_NOT_DENIED"),
        denied_by,
    })
}

impl Client {
    /// Asks Policy Troubleshooter whether a principal (a bare email) has a permission on an account, and why. The account
    /// is named in full: see [`Client::full_name`].
    ///
    /// # Errors
    /// As for every call; it needs the Policy Troubleshooter API and permission to read the policies.
    pub(crate) async fn troubleshoot(
        &self,
        principal: &str,
        full_name: &str,
        permission: &str,
    ) -> Result<Troubleshot, ApiError> {
        read(&self.send(spec(principal, full_name, permission)).await?.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request_spec::Body;

    #[test]
    fn it_is_asked_with_a_bare_email_and_the_full_name_of_the_account() {
        let account =
            "//iam.googleapis.com/projects/acme-prod/serviceAccounts/sa@acme-prod.iam.gserviceaccount.com";
        let spec = spec("dev@example.com", account, "iam.serviceAccounts.getAccessToken");
        let Body::Json(body) = spec.body else { panic!("a JSON body") };
        assert_eq!(
            body.to_string(),
            r#"{"accessTuple":{"principal":"dev@example.com","fullResourceName":"//iam.googleapis.com/projects/acme-prod/serviceAccounts/sa@acme-prod.iam.gserviceaccount.com","permission":"iam.serviceAccounts.getAccessToken"}}"#
        );
        assert_eq!(spec.asked.resource, "sa@acme-prod.iam.gserviceaccount.com");
    }

    #[test]
    fn an_answer_tells_allow_and_deny_apart() {
        let body = br#"{"overallAccessState":"CANNOT_ACCESS","accessTuple":{},
          "allowPolicyExplanation":{"allowAccessState":"ALLOW_ACCESS_STATE_GRANTED","explainedPolicies":[]},
          "denyPolicyExplanation":{"denyAccessState":"DENY_ACCESS_STATE_DENIED","permissionDeniable":true,
            "explainedResources":[{"denyAccessState":"DENY_ACCESS_STATE_DENIED","fullResourceName":"//cloudresourcemanager.googleapis.com/projects/acme-prod",
              "explainedPolicies":[{"denyAccessState":"DENY_ACCESS_STATE_DENIED","policy":{"name":"policies/x/denypolicies/no-mint","displayName":"No minting"}}]}]}}"#;
        let found = read(body).unwrap();
        assert_eq!((found.can, found.allowed, found.denied), (Some(false), Some(true), Some(true)));
        assert_eq!(found.denied_by, ["No minting on projects/acme-prod"]);
        let unknown = read(br#"{"overallAccessState":"UNKNOWN_INFO"}"#).unwrap();
        assert_eq!((unknown.can, unknown.allowed, unknown.denied), (None, None, None));
    }
}
