//! `impersona accounts`: the service accounts of a project, each on its line as soon as its page is there.

use serde_json::json;
use tokio::sync::oneshot;

use super::output::{self, columns};
use crate::model::account::Account;
use crate::session::Failure;
use crate::session::setup::Setup;

pub(super) async fn run(setup: &Setup, json: bool) -> Result<(), Failure> {
    let project = setup.project()?;
    let (stop, mut stopped) = oneshot::channel();
    let mut stop = Some(stop);
    let mut page = |accounts: Vec<Account>| {
        let printed = accounts.iter().try_for_each(|account| output::line(&line(account, json)));
        if let Err(failure) = printed
            && let Some(stop) = stop.take()
        {
            let _ = stop.send(failure);
        }
    };
    tokio::select! {
        listed = setup.client.list_accounts(project, &mut page) => listed?,
        // Nobody reads on: the pages still to come need not be asked for.
        Ok(failure) = &mut stopped => return Err(failure),
    }
    stopped.try_recv().map_or(Ok(()), Err)
}

fn line(account: &Account, json: bool) -> String {
    if json {
        let object = json!({
            "email": account.email,
            "uniqueId": account.unique_id.as_deref().unwrap_or_default(),
            "displayName": account.display_name,
            "description": account.description,
            "disabled": account.disabled,
            "project": account.project.as_deref().unwrap_or_default(),
        });
        return output::to_json(&object).to_string();
    }
    let state = if account.disabled { "disabled" } else { "" };
    columns(&[(&account.email, 60), (state, 8), (&account.display_name, 0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_is_one_line_whatever_its_name_holds() {
        let account = Account {
            display_name: "a\nb\u{1b}[2J".into(),
            disabled: true,
            ..Account::named("x@acme-prod.iam.gserviceaccount.com")
        };
        let text = line(&account, false);
        assert!(
            text.starts_with("x@acme-prod.iam.gserviceaccount.com  ") && text.ends_with("disabled  a⏎b␛[2J"),
            "{text}"
        );
        assert_eq!(
            line(&account, true),
            r#"{"email":"x@acme-prod.iam.gserviceaccount.com","uniqueId":"","displayName":"a\nb\u001b[2J","description":"","disabled":true,"project":"acme-prod"}"#
        );
    }
}
