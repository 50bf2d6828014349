//! `impersona can`: what IAM says the caller may do with an account. When nobody can say, every answer is unknown
//! and the failure follows.

use serde_json::{Map, Value, json};

use super::output::{self, columns};
use crate::model::permission::{Granted, MATRIX};
use crate::session::Failure;
use crate::session::setup::Setup;

pub(super) async fn run(setup: &Setup, account: &str, json: bool) -> Result<(), Failure> {
    let outcome = setup.client.test_permissions(account).await;
    let granted = outcome.as_ref().ok();
    if json {
        output::line(&output::to_json(&object(account, granted)))?;
    } else {
        for line in lines(granted) {
            output::line(&line)?;
        }
    }
    match outcome {
        Err(error) => Err(error.into()),
        Ok(granted) => {
            if granted.is_none() && !json {
                output::remark("No access at all, or no such account: IAM doesn't say which.");
            }
            Ok(())
        }
    }
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
    let line = |permission: crate::model::permission::Permission| {
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
}
