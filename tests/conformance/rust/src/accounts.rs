//! IAM by Google's client: accounts and their policies are read and written, and refusals have Google's types.

use google_cloud_auth::credentials::Credentials;
use google_cloud_iam_admin_v1::client::Iam;
use google_cloud_iam_v1::model::{GetPolicyOptions, Policy};

use crate::credentials::{DEPLOYER, refusal, resource};
use crate::emulator::Emulator;
use crate::report::Report;
use crate::{Checked, ensure, said};

/// Its policy is the one that dev may write.
const EDITABLE: &str = "editable@acme-prod.iam.gserviceaccount.com";

/// Makes all checks.
pub async fn run(emulator: &Emulator, report: &mut Report) {
    report.check("list accounts", list(emulator)).await;
    report.check("get an account", get(emulator)).await;
    report.check("get an account that is not there", unknown(emulator)).await;
    report.check("get and set a policy", policy(emulator)).await;
    report.check("set a policy without leave", denied(emulator)).await;
    report.check("testIamPermissions", permissions(emulator)).await;
}

async fn client(emulator: &Emulator) -> Result<Iam, String> {
    let builder = Iam::builder().with_endpoint(emulator.base());
    builder.with_credentials(Credentials::from(emulator.dev()?)).build().await.map_err(said)
}

/// Page by page, until no token is left.
async fn list(emulator: &Emulator) -> Checked {
    let client = client(emulator).await?;
    let (mut token, mut emails, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let request = client.list_service_accounts().set_name("projects/acme-prod").set_page_size(3);
        let page = request.set_page_token(token).send().await.map_err(said)?;
        ensure(page.accounts.len() <= 3, page.accounts.len())?;
        emails.extend(page.accounts.into_iter().map(|account| account.email));
        (token, pages) = (page.next_page_token, pages + 1);
        if token.is_empty() {
            break;
        }
    }
    let count = emails.len();
    ensure(pages > 1 && emails.iter().any(|email| email == DEPLOYER), &emails)?;
    emails.sort();
    emails.dedup();
    ensure(emails.len() == count, "an account is on two pages")?;
    Ok(format!("{count} accounts on {pages} pages"))
}

async fn get(emulator: &Emulator) -> Checked {
    let client = client(emulator).await?;
    let account = client.get_service_account().set_name(resource(DEPLOYER)).send().await.map_err(said)?;
    ensure(account.email == DEPLOYER && account.project_id == "acme-prod" && !account.disabled, &account)?;
    let again =
        client.get_service_account().set_name(resource(&account.unique_id)).send().await.map_err(said)?;
    ensure(again == account, &again)?;
    Ok(account.display_name)
}

/// Google's reference of `name`: with the wildcard for a project, an account that is not there is 403 and not 404.
async fn unknown(emulator: &Emulator) -> Checked {
    let client = client(emulator).await?;
    let nobody = resource("nobody@acme-prod.iam.gserviceaccount.com");
    let hidden = refusal(client.get_service_account().set_name(&nobody).send().await)?;
    let named = nobody.replace("/-/", "/acme-prod/");
    let missing = refusal(client.get_service_account().set_name(named).send().await)?;
    ensure(hidden == "PERMISSION_DENIED" && missing == "NOT_FOUND", (&hidden, &missing))?;
    Ok(format!("{missing}, and {hidden} by the wildcard"))
}

async fn read(client: &Iam, account: &str) -> Result<Policy, String> {
    let options = GetPolicyOptions::new().set_requested_policy_version(3);
    client.get_iam_policy().set_resource(resource(account)).set_options(options).send().await.map_err(said)
}

/// What was read is written, less a binding and with it again; the etag of an older reading is refused.
async fn policy(emulator: &Emulator) -> Checked {
    let client = client(emulator).await?;
    let before = read(&client, EDITABLE).await?;
    ensure(
        before.version == 3 && before.bindings.iter().any(|binding| binding.condition.is_some()),
        &before,
    )?;
    let set =
        |policy: Policy| client.set_iam_policy().set_resource(resource(EDITABLE)).set_policy(policy).send();
    let mut less = before.clone();
    less.bindings.pop();
    let written = set(less).await.map_err(said)?;
    ensure(written.bindings.len() + 1 == before.bindings.len() && written.etag != before.etag, &written)?;
    let stale = refusal(set(before.clone()).await)?;
    ensure(stale == "ABORTED", &stale)?;
    set(before.clone().set_etag(written.etag)).await.map_err(said)?;
    let after = read(&client, EDITABLE).await?;
    ensure(after.bindings == before.bindings && after.audit_configs == before.audit_configs, &after)?;
    Ok(format!("nothing is lost, and an old etag is {stale}"))
}

async fn denied(emulator: &Emulator) -> Checked {
    let client = client(emulator).await?;
    let policy = read(&client, DEPLOYER).await?;
    let outcome = client.set_iam_policy().set_resource(resource(DEPLOYER)).set_policy(policy).send().await;
    let status = refusal(outcome)?;
    ensure(status == "PERMISSION_DENIED", &status)?;
    Ok(status)
}

async fn permissions(emulator: &Emulator) -> Checked {
    let asked = [
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.setIamPolicy",
        "iam.serviceAccounts.signJwt",
    ];
    let client = client(emulator).await?;
    let request = client.test_iam_permissions().set_resource(resource(DEPLOYER)).set_permissions(asked);
    let answer = request.send().await.map_err(said)?;
    ensure(answer.permissions == [asked[0], asked[2]], &answer.permissions)?;
    Ok(answer.permissions.join(", "))
}
