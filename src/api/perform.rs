//! The join between operations as data and the client's methods: one exhaustive match, nothing else.

use crate::api::{ApiError, Call, Client, Part, Reply, credentials, iam, oauth, projects};

/// Does what the call says. Pages go to `parts` as they come.
///
/// # Errors
/// Those of the method behind the call.
pub async fn perform(
    client: &Client,
    call: Call,
    parts: &mut (dyn FnMut(Part) + Send),
) -> Result<Reply, ApiError> {
    match call {
        Call::Iam(iam::Call::ListAccounts { project }) => {
            client.list_accounts(&project, &mut |page| parts(Part::Accounts(page))).await?;
            Ok(Reply::Listed)
        }
        Call::Iam(iam::Call::GetAccount { account }) => {
            client.get_account(&account).await.map(Reply::Account)
        }
        Call::Iam(iam::Call::ListKeys { account }) => client.list_keys(&account).await.map(Reply::Keys),
        Call::Iam(iam::Call::TestPermissions { account }) => {
            client.test_permissions(&account).await.map(Reply::Granted)
        }
        Call::Credentials(credentials::Call::Mint(request)) => {
            client.mint(&request).await.map(|credential| Reply::Minted(Box::new(credential)))
        }
        Call::Projects(projects::Call::Search) => {
            client.search_projects(&mut |page| parts(Part::Projects(page))).await?;
            Ok(Reply::Listed)
        }
        Call::Projects(projects::Call::Get { project }) => {
            client.get_project(&project).await.map(Reply::Project)
        }
        Call::Projects(projects::Call::Ancestors { parent }) => {
            client.ancestors(&parent).await.map(Reply::Ancestors)
        }
        Call::Oauth(oauth::Call::Caller) => client.caller().await.map(Reply::Caller),
        Call::Oauth(oauth::Call::Keys(source)) => client.signing_keys(source).await.map(Reply::KeySet),
    }
}
