//! `impersona can`: what IAM says the caller may do with an account, or with every account of some projects. When nobody
//! can say, every answer is unknown and the failure follows.

use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::args::Can;
use super::output::{self, columns};
use crate::flows::{self, Found, Question, Scanned, Tally};
use crate::http::{ApiError, ErrorKind};
use crate::model::account::{self, Account};
use crate::model::permission::{Granted, MATRIX, Permission};
use crate::model::project;
use crate::session::Failure;
use crate::session::setup::Setup;

pub(super) async fn run(
    wish: Can,
    projects: &[String],
    setup: impl AsyncFnOnce() -> Result<Setup, Failure>,
    json: bool,
) -> Result<(), Failure> {
    match wish.account {
        Some(account) => {
            let account = account::parse(&account).map_err(Failure::refused)?;
            one(&setup().await?, &account, &wish.check, json).await
        }
        None => {
            let named: Result<Vec<String>, String> =
                projects.iter().map(|name| project::parse(name)).collect();
            let named = named.map_err(Failure::refused)?;
            all(&setup().await?, named, &wish.only, json).await
        }
    }
}

async fn one(setup: &Setup, account: &str, check: &[Permission], json: bool) -> Result<(), Failure> {
    let outcome = setup.client.test_permissions(account).await;
    let granted = outcome.as_ref().ok();
    if json {
        output::line(&output::to_json(&object(account, granted)))?;
    } else {
        for line in lines(granted) {
            output::line(&line)?;
        }
    }
    let granted = outcome?;
    let missing: Vec<Permission> =
        check.iter().copied().filter(|permission| !granted.has(*permission)).collect();
    if !missing.is_empty() {
        return Err(denied(account, &missing).into());
    }
    if granted.is_none() && !json {
        output::remark("No access at all, or no such account: IAM doesn't say which.");
    }
    Ok(())
}

/// What was to be checked, and is not there.
fn denied(account: &str, missing: &[Permission]) -> ApiError {
    let names: Vec<&str> = missing.iter().map(|permission| permission.name).collect();
    let mut roles: Vec<&str> = missing.iter().map(|permission| permission.role).collect();
    roles.sort_unstable();
    roles.dedup();
    let message = format!("You don't have {} on {account} (or it doesn't exist).", names.join(", "));
    ApiError::new(ErrorKind::Denied, message)
        .with_next(format!("Ask for {} on the account.", roles.join(" and ")))
}

/// One line for each account as soon as it is known, in the order of the answers. What can't be listed or tested is
/// told apart and fails in the end; the rest is printed anyway.
async fn all(setup: &Setup, projects: Vec<String>, only: &[Permission], json: bool) -> Result<(), Failure> {
    let projects = if projects.is_empty() { vec![setup.project()?.to_owned()] } else { projects };
    let (accounts, unlisted) = list(setup, &projects).await;
    let total = accounts.len();
    let (stop, mut stopped) = oneshot::channel();
    let (mut stop, mut done) = (Some(stop), 0);
    let mut told = |scanned: Scanned| {
        done += 1;
        output::progress("");
        if let Err(failure) = print(&scanned, only, json)
            && let Some(stop) = stop.take()
        {
            let _ = stop.send(failure);
        }
        output::progress(&format!("tested {done} of {total} accounts…"));
    };
    let tally = tokio::select! {
        biased;
        // Nobody reads on: the accounts still to come need not be asked about.
        Ok(failure) = &mut stopped => Err(failure),
        tally = flows::scan(&setup.client, accounts.into(), Question::Permissions, flows::AT_ONCE, &mut told) => {
            tally.map_err(Failure::from)
        }
    };
    output::progress("");
    if let Ok(failure) = stopped.try_recv() {
        return Err(failure);
    }
    finish(&tally?, unlisted)
}

/// The emails of all accounts of these projects, and why those of some are not among them.
async fn list(setup: &Setup, projects: &[String]) -> (Vec<String>, Option<ApiError>) {
    let (mut emails, mut first) = (Vec::new(), None);
    for project in projects {
        let mut page = |accounts: Vec<Account>| {
            emails.extend(accounts.into_iter().map(|account| account.email));
            output::progress(&format!("listing accounts: {}…", emails.len()));
        };
        if let Err(error) = setup.client.list_accounts(project, &mut page).await {
            if projects.len() > 1 {
                output::progress("");
                output::remark(&format!("{project}: {}", error.sentence()));
            }
            first.get_or_insert(error);
        }
    }
    output::progress("");
    (emails, first)
}

fn print(scanned: &Scanned, only: &[Permission], json: bool) -> Result<(), Failure> {
    let granted = match &scanned.found {
        Ok(Found::Granted(granted)) => Some(granted),
        _ => None,
    };
    let wanted =
        |granted: &Granted| only.is_empty() || only.iter().any(|permission| granted.has(*permission));
    match granted {
        // Whether it is one of those wanted is not known, so it isn't left out.
        None => {}
        Some(granted) if wanted(granted) => {}
        Some(_) => return Ok(()),
    }
    output::line(&if json {
        output::to_json(&object(&scanned.account, granted)).to_string()
    } else {
        let can = granted.map_or_else(|| "unknown".to_owned(), words);
        columns(&[(&scanned.account, 60), (&can, 0)])
    })
}

/// What the caller may do, each in a word.
fn words(granted: &Granted) -> String {
    let can: Vec<&str> = MATRIX
        .into_iter()
        .filter(|permission| granted.has(*permission))
        .map(|permission| permission.word)
        .collect();
    if can.is_empty() { "-".to_owned() } else { can.join(",") }
}

/// Whether all were listed and tested.
fn finish(tally: &Tally, unlisted: Option<ApiError>) -> Result<(), Failure> {
    if tally.failed > 0 {
        let all = tally.answered + tally.failed;
        output::remark(&format!(
            "{} of {all} accounts couldn't be tested; the first failure follows.",
            tally.failed
        ));
    }
    unlisted.or_else(|| tally.first_failure.clone()).map_or(Ok(()), |error| Err(error.into()))
}

fn object(account: &str, granted: Option<&Granted>) -> Value {
    let answer = |permission| granted.and_then(|granted| granted.answer(permission));
    let permissions: Map<String, Value> = MATRIX
        .into_iter()
        .map(|permission| (permission.name.to_owned(), json!(answer(permission))))
        .collect();
    json!({ "account": account, "permissions": permissions })
}

fn lines(granted: Option<&Granted>) -> Vec<String> {
    let line = |permission: Permission| {
        let (mark, needs) = match granted.and_then(|granted| granted.answer(permission)) {
            Some(true) => ("yes", String::new()),
            Some(false) => ("no", format!("needs {}", permission.role)),
            None => ("unknown", String::new()),
        };
        columns(&[(mark, 11), (permission.label, 12), (permission.name, 38), (&needs, 0)])
    };
    MATRIX.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::permission;

    #[test]
    fn unknown_is_null_and_never_no() {
        let unknown = object("a", None);
        assert!(unknown["permissions"].as_object().unwrap().values().all(Value::is_null));
        let granted = Granted::from_names(&["iam.serviceAccounts.signJwt"]);
        let known = object("a", Some(&granted));
        assert_eq!(known["permissions"]["iam.serviceAccounts.signJwt"], true);
        assert_eq!(known["permissions"]["iam.serviceAccounts.signBlob"], false);
        assert_eq!(known["permissions"].as_object().unwrap().len(), MATRIX.len());
    }

    #[test]
    fn a_no_names_the_role_that_would_help() {
        let lines = lines(Some(&Granted::from_names(&["iam.serviceAccounts.getAccessToken"])));
        assert!(lines[0].starts_with("yes") && !lines[0].contains("needs"), "{}", lines[0]);
        assert!(lines[1].contains("needs roles/iam.serviceAccountOpenIdTokenCreator"), "{}", lines[1]);
    }

    #[test]
    fn missing_permission_of_a_check_names_each_role_once() {
        let error = denied(
            "a@p",
            &[permission::GET_ACCESS_TOKEN, permission::GET_OPEN_ID_TOKEN, permission::SIGN_JWT],
        );
        assert_eq!(error.kind, ErrorKind::Denied);
        assert_eq!(
            error.next().as_deref(),
            Some(
                "Ask for roles/iam.serviceAccountOpenIdTokenCreator and roles/iam.serviceAccountTokenCreator on the account."
            )
        );
    }
}
