//! The join between operations as data and the client's methods: one exhaustive match, nothing else.

use crate::{
    api::{Client, credentials, iam, metadata, oauth, policies, projects},
    flows::{self, Patience},
    http::{ApiError, ErrorKind},
    local::history::Snapshots,
    ops::{Call, Part, Reply},
};

/// Does what the call says. Pages and progress go to `parts` as they come; policies are saved in `snapshots` before
/// they are written over.
///
/// # Errors
/// Those of the method behind the call.
pub async fn perform_with(
    client: &Client,
    snapshots: &Snapshots,
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
            flows::mint(client, &request).await.map(|credential| Reply::Minted(Box::new(credential)))
        }
        Call::Credentials(credentials::Call::Exchange { request, assertion }) => {
            let minted = client.exchange(&request, &assertion).await;
            minted.map(|credential| Reply::Minted(Box::new(credential)))
        }
        Call::Metadata(metadata::Call::Look) => client.machine().await.map(Reply::Machine),
        Call::Flow(flows::Call::CheckChain { account, delegates, permission }) => {
            Ok(Reply::Chain(flows::check_chain(client, &account, &delegates, permission).await))
        }
        Call::Flow(flows::Call::ProbeChain { account, delegates, permission }) => {
            Ok(Reply::Chain(flows::probe_chain(client, &account, &delegates, permission).await))
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
        Call::Oauth(oauth::Call::Token(token)) => {
            client.token_facts(&token).await.map(|facts| Reply::TokenFacts(Box::new(facts)))
        }
        Call::Oauth(oauth::Call::Keys(source)) => client.signing_keys(source).await.map(Reply::KeySet),
        Call::Policies(policies::Call::Get { account }) => {
            client.get_policy(&account).await.map(|policy| Reply::Policy(Box::new(policy)))
        }
        Call::Policies(policies::Call::Level { name }) => {
            client.level_policy(&name).await.map(|policy| Reply::Policy(Box::new(policy)))
        }
        Call::Policies(policies::Call::GrantableRoles { account }) => {
            client.grantable_roles(&account).await.map(Reply::Roles)
        }
        Call::Policies(policies::Call::Role { name }) => {
            client.get_role(&name).await.map(|role| Reply::Role(Box::new(role)))
        }
        Call::Policies(policies::Call::Lint { account, condition }) => {
            client.lint_condition(&account, &condition).await.map(Reply::Lints)
        }
        Call::Flow(flows::Call::Inherited { account_project }) => {
            Ok(Reply::Inherited(flows::inherited(client, &account_project).await))
        }
        Call::Flow(flows::Call::ApplyPolicy(request)) => flows::apply_policy(client, snapshots, *request)
            .await
            .map(|applied| Reply::Applied(Box::new(applied))),
        Call::Flow(flows::Call::WatchGrant { account, permissions }) => {
            let mut told = |progress| parts(Part::Watching(progress));
            flows::watch_grant(client, &account, &permissions, Patience::default(), &mut told)
                .await
                .map(Reply::Watched)
        }
        Call::Flow(flows::Call::ReadKeys { path }) => flows::read_keys(&path).await.map(Reply::KeySet),
        Call::Flow(flows::Call::EnableService { project, service }) => {
            let mut told = |progress| parts(Part::Enabling(progress));
            flows::enable_service(client, &project, &service, flows::ENABLING_PATIENCE, &mut told)
                .await
                .map(Reply::Enabled)
        }
        Call::Flow(flows::Call::Examine { refusal, caller, deep }) => {
            let seen = flows::examine(client, snapshots, &refusal, caller.as_deref(), deep).await;
            Ok(Reply::Examined(Box::new(seen)))
        }
        Call::Flow(flows::Call::Scan { accounts, question }) => {
            let mut told = |scanned| parts(Part::Scanned(scanned));
            flows::scan(client, accounts, question, flows::AT_ONCE, &mut told).await.map(Reply::Scanned)
        }
        Call::Flow(flows::Call::History { account, unique_id }) => {
            let whose = flows::whose(client, &account, &unique_id);
            let list = snapshots.list(&whose).await.map(Reply::History);
            list.map_err(|why| ApiError::new(ErrorKind::Other, format!("The history can't be read: {why}")))
        }
    }
}
