//! `impersona whoami`: the caller, and where its credentials come from.

use serde_json::json;

use super::output::{self, columns};
use crate::model::scopes::short;
use crate::session::Failure;
use crate::session::setup::Setup;

pub(super) async fn run(setup: &Setup, json: bool) -> Result<(), Failure> {
    let caller = setup.client.caller().await?;
    let project = setup.project.as_ref().or(caller.project.as_ref());
    let ends = caller.expires.map(output::time);
    if json {
        return output::line(&output::to_json(&json!({
            "principal": caller.principal,
            "source": caller.source,
            "project": project,
            "quotaProject": caller.quota_project,
            "universe": caller.universe,
            "scopes": caller.scopes,
            "expireTime": ends,
        })));
    }
    let scopes: Vec<&str> = caller.scopes.iter().map(|scope| short(scope)).collect();
    let unknown = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("unknown").to_owned();
    let callers = setup.connector.callers();
    let login = caller.other_login(&callers).map(|login| format!("{login} (someone else)"));
    for (name, value) in [
        ("principal", unknown(caller.principal.as_deref())),
        ("credentials", format!("{}, {}", caller.kind, caller.source)),
        ("from", caller.origin.clone()),
        ("project", unknown(project.map(String::as_str))),
        ("quota project", caller.quota_project.as_deref().unwrap_or("none").to_owned()),
        ("universe", caller.universe.clone()),
        ("scopes", unknown(Some(&scopes.join(", ")))),
        ("token expires", unknown(ends.as_deref())),
    ] {
        output::line(&columns(&[(name, 13), (&value, 0)]))?;
    }
    login.map_or(Ok(()), |login| output::line(&columns(&[("gcloud login", 13), (&login, 0)])))
}
