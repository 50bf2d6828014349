//! The table of operations. A row reads as a function: what it may do, its two names, its arguments, the type of its
//! answer, and how it is done with a client, the snapshots of policies, and a sink for pages and progress.

use std::{path::PathBuf, sync::Arc};

use super::{Listed, Operation, Output, Part, Reply};
use crate::{
    api::{
        Client,
        metadata::Machine,
        oauth::{KeySource, TokenFacts},
        policies::Lint,
        roles::{RoleDetails, RoleSummary},
    },
    flows::{self, Patience},
    http::{ApiError, CallKind, ErrorKind},
    local::history::{Snapshot, Snapshots},
    model::{
        account::{Account, AccountKey, AccountRef, UniqueId},
        caller::Caller,
        chain::Hop,
        condition::Condition,
        credential::{Credential, MintRequest},
        denial::Refusal,
        doctor::Examined,
        permission::{Granted, Permission},
        policy::Policy,
        project::{Ancestor, Project},
        secret::Secret,
    },
};

macro_rules! operations {
    (|$client:ident, $snapshots:ident, $parts:ident|
     $($(#[$doc:meta])* $kind:ident $variant:ident = $name:ident(
         $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)?
     ) -> $output:ty { $run:expr })*) => {
        /// An operation as data, for the explorer's runtime.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Call {
            $($(#[$doc])* $variant { $($(#[$field_doc])* $field: $type),* },)*
        }

        impl Call {
            /// What the call may do.
            pub(crate) fn kind(&self) -> CallKind {
                match self { $(Call::$variant { .. } => CallKind::$kind,)* }
            }

            /// The name of its row.
            #[cfg(test)]
            pub(super) fn name(&self) -> &'static str {
                match self { $(Call::$variant { .. } => stringify!($name),)* }
            }
        }

        $($(#[$doc])*
        pub(crate) fn $name($($field: $type),*) -> Operation<$output> {
            Operation::new(Call::$variant { $($field),* })
        })*

        /// Does what the call says. Pages and progress go to `parts` as they come; policies are saved in `snapshots` before
        /// they are written over.
        ///
        /// # Errors
        /// Those of the function behind the call.
        pub(crate) async fn perform(
            $client: &Client,
            $snapshots: &Snapshots,
            call: Call,
            $parts: &mut (dyn FnMut(Part) + Send),
        ) -> Result<Reply, ApiError> {
            match call {
                $(Call::$variant { $($field),* } => {
                    let done: Result<$output, ApiError> = $run;
                    done.map(Output::into_reply)
                })*
            }
        }
    };
}

operations! { |client, snapshots, parts|
    /// Every account of a project, page by page.
    Read ListAccounts = list_accounts(
        /// Id or number.
        project: String,
    ) -> Listed {
        client.list_accounts(&project, &mut |page| parts(Part::Accounts(page))).await.map(|()| Listed)
    }

    /// One account.
    Read GetAccount = get_account(
        /// Email or unique ID.
        account: String,
    ) -> Account { client.get_account(&account).await }

    /// The user-managed keys of an account.
    Read ListKeys = list_keys(
        /// Email or unique ID.
        account: String,
    ) -> Vec<AccountKey> { client.list_keys(&account).await }

    /// What the caller may do with an account.
    Read TestPermissions = test_permissions(
        /// Email or unique ID.
        account: String,
    ) -> Granted { client.test_permissions(&account).await }

    /// Every project the caller can see, page by page.
    Read SearchProjects = search_projects() -> Listed {
        client.search_projects(&mut |page| parts(Part::Projects(page))).await.map(|()| Listed)
    }

    /// One project.
    Read GetProject = get_project(
        /// Id or number.
        project: String,
    ) -> Project { client.get_project(&project).await }

    /// The folders and the organization above a project.
    Read GetAncestors = get_ancestors(
        /// [`Project::parent`]: `folders/876` or `organizations/2`.
        parent: String,
    ) -> Vec<Ancestor> { client.ancestors(&parent).await }

    /// Who is calling.
    Read IdentifyCaller = identify_caller() -> Caller { client.caller().await }

    /// Public keys.
    Read GetSigningKeys = get_signing_keys(
        /// Whose.
        source: KeySource,
    ) -> String { client.signing_keys(source).await }

    /// Public keys out of a file. Nothing is asked of Google.
    Read ReadKeys = read_keys(
        /// A JWKS, or a map of key id to certificate.
        path: PathBuf,
    ) -> String { flows::read_keys(&path).await }

    /// What Google tells of an access token.
    Read GetTokenFacts = get_token_facts(
        /// An access token that Google issued.
        token: Secret,
    ) -> TokenFacts { client.token_facts(&token).await }

    /// What the metadata server says about its machine, if there is one.
    Read GetMachine = get_machine() -> Machine { client.machine().await }

    /// Mints a credential, and checks what can be checked.
    Mint Mint = mint(
        /// What to mint.
        request: MintRequest,
    ) -> Credential { flows::mint(client, &request).await }

    /// Gives a signed JWT to the token endpoint, for the access token that it asks for.
    Mint ExchangeJwt = exchange_jwt(
        /// What will come of it: [`crate::model::credential::What::Delegated`].
        request: MintRequest,
        /// The JWT.
        assertion: Secret,
    ) -> Credential { client.exchange(&request, &assertion).await }

    /// What is known of each hop of a chain, without minting anything.
    Read CheckChain = check_chain(
        /// The account at its end.
        account: String,
        /// Those between the caller and it, nearest to the caller first.
        delegates: Vec<String>,
        /// What the last hop needs.
        permission: Permission,
    ) -> Vec<Hop> { Ok(flows::check_chain(client, &account, &delegates, permission).await) }

    /// Mints access tokens through a chain, and drops them: only after consent, for each is audited.
    Mint ProbeChain = probe_chain(
        /// The account at its end.
        account: String,
        /// Those between the caller and it, nearest to the caller first.
        delegates: Vec<String>,
        /// What the last hop needs.
        permission: Permission,
    ) -> Vec<Hop> { Ok(flows::probe_chain(client, &account, &delegates, permission).await) }

    /// The allow policy of an account.
    Read GetPolicy = get_policy(
        /// Email or unique ID.
        account: String,
    ) -> Policy { client.get_policy(&account).await }

        /// `projects/x`, `folders/1`, `organizations/2`
    /// The policies above the accounts of a project.
    Read GetInherited = get_inherited(
        /// Id or number.
        account_project: String,
    ) -> Vec<flows::Level> { Ok(flows::inherited(client, &account_project).await) }

    /// The roles that can be granted on an account.
    Read ListGrantableRoles = list_grantable_roles(
        /// Email or unique ID.
        account: String,
    ) -> Vec<RoleSummary> { client.grantable_roles(&account).await }

    /// What a role gives.
    Read GetRole = get_role(
        /// `roles/x`, `projects/p/roles/x`, `organizations/1/roles/x`
        name: String,
    ) -> RoleDetails { client.get_role(&name).await }

    /// What Google says about a condition before it is used.
    Read LintCondition = lint_condition(
        /// The account it is meant for: email or unique ID.
        account: String,
        /// The condition.
        condition: Condition,
    ) -> Vec<Lint> { client.lint_condition(&account, &condition).await }

    /// Changes the policy of an account.
    Write ApplyPolicy = apply_policy(
        /// What to change.
        request: Box<flows::Request>,
    ) -> flows::Applied { flows::apply_policy(client, snapshots, *request).await }

    /// The saved policies of an account. Nothing is asked of Google.
    Read ListHistory = list_history(
        /// The account.
        account: AccountRef,
        /// `None` when not known.
        unique_id: Option<UniqueId>,
    ) -> Vec<Snapshot> {
        snapshots
            .list(&flows::whose(client, &account, unique_id.as_ref()))
            .await
            .map_err(|why| ApiError::new(ErrorKind::Other, format!("The history can't be read: {why}")))
    }

    /// Asks until a grant to the caller works.
    Read WatchGrant = watch_grant(
        /// Email or unique ID.
        account: String,
        /// What the grant should give.
        permissions: Vec<Permission>,
    ) -> flows::Watched {
        flows::watch_grant(client, &account, &permissions, Patience::default(), &mut |progress| {
            parts(Part::Watching(progress));
        })
        .await
    }

    /// Switches an API on in a project.
    Write EnableService = enable_service(
        /// Id, number or `projects/…`.
        project: String,
        /// `iamcredentials.googleapis.com`
        service: String,
    ) -> flows::Enabled {
        flows::enable_service(client, &project, &service, flows::ENABLING_PATIENCE, &mut |progress| {
            parts(Part::Enabling(progress));
        })
        .await
    }

    /// Looks for what explains a refusal.
    Read Examine = examine(
        /// What was refused.
        refusal: Box<Refusal>,
        /// Who was refused, as far as known.
        caller: Option<Box<Caller>>,
        /// Whether Policy Troubleshooter is asked in any case.
        deep: bool,
    ) -> Examined {
        Ok(flows::examine(client, snapshots, &refusal, caller.as_deref(), deep).await)
    }

    /// The same question about many accounts.
    Read Scan = scan(
        /// Emails or unique IDs.
        accounts: Arc<[String]>,
        /// What is asked about each.
        question: flows::Question,
    ) -> flows::Tally {
        flows::scan(client, accounts, question, flows::AT_ONCE, &mut |scanned| parts(Part::Scanned(scanned))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::contract_tests::samples;

    #[test]
    fn only_two_operations_write_and_only_three_mint() {
        let of = |kind| {
            let mut names: Vec<&str> =
                samples().iter().filter(|call| call.kind() == kind).map(Call::name).collect();
            names.dedup();
            names
        };
        assert_eq!(of(CallKind::Write), ["apply_policy", "enable_service"]);
        assert_eq!(of(CallKind::Mint), ["mint", "exchange_jwt", "probe_chain"]);
    }
}
