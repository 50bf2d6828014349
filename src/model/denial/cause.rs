//! The closed list of causes.

/// The closed list of causes. The denial alone identifies most; for some the doctor ([`crate::model::doctor`]) looks at
/// policies and chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The API is disabled in the project that the call is charged to.
    ApiDisabled,
    /// The caller's access token lacks the scope.
    ScopeMissing,
    /// IAM denied it.
    PermissionMissing,
    /// A grant exists, under a condition that doesn't hold now.
    ConditionFalse,
    /// A grant exists, but a deny policy or a principal access boundary overrides it.
    DenyPolicy,
    /// A grant exists, but is too young to work everywhere.
    Propagating,
    /// One account between the caller and the target can't impersonate the next.
    ChainHop,
    /// An account that impersonates itself lacks the role on itself.
    OnItself,
    /// VPC Service Controls.
    ServicePerimeter,
    /// An organization policy keeps members of other domains out of policies.
    DomainRestricted,
    /// Another organization policy forbids it.
    OrganizationPolicy,
    /// There are as many keys, accounts or the like as there can be: waiting doesn't help.
    LimitReached,
    /// The token endpoint rejected a signed assertion, so no login helps.
    AssertionRejected,
    /// The metadata server has no token, or can't be reached.
    MetadataServer,
    /// A library found no credentials.
    NoCredentials,
    /// The client and its credentials belong to different universes.
    UniverseMismatch,
    /// The caller's credentials have expired or must be confirmed by a person.
    LoginAgain,
    /// The credential behind a federated caller was rejected.
    Federation,
    /// A Google Workspace setting keeps the account from acting for this user.
    WorkspaceDelegation,
    /// The quota project isn't usable, or doesn't exist.
    QuotaProject,
    /// The project has no billing account, and the API requires one.
    Billing,
    /// Too many calls.
    RateLimited,
    /// A lifetime over one hour that the organization doesn't allow.
    LifetimeTooLong,
    /// Someone else changed it in between.
    Conflict,
    /// The account is disabled.
    AccountDisabled,
    /// The account was deleted, or recreated under the same name.
    AccountGone,
    /// Not found, or not visible to this caller.
    NotFoundOrHidden,
    /// The service that a credential was used with rejects it.
    CredentialRefused,
    /// The values were rejected.
    InvalidRequest,
    /// An error of the server, or of something in between.
    ServerTrouble,
    /// None of the above.
    Unknown,
}

impl Cause {
    /// The word for scripts; it never changes.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Cause::ApiDisabled => "api_disabled",
            Cause::ScopeMissing => "scope_missing",
            Cause::PermissionMissing => "permission_missing",
            Cause::ConditionFalse => "condition_false",
            Cause::DenyPolicy => "deny_policy",
            Cause::Propagating => "propagating",
            Cause::ChainHop => "chain_hop",
            Cause::OnItself => "role_on_itself_missing",
            Cause::ServicePerimeter => "service_perimeter",
            Cause::DomainRestricted => "domain_restricted",
            Cause::OrganizationPolicy => "organization_policy",
            Cause::LimitReached => "limit_reached",
            Cause::AssertionRejected => "assertion_rejected",
            Cause::MetadataServer => "metadata_server",
            Cause::NoCredentials => "no_credentials",
            Cause::UniverseMismatch => "universe_mismatch",
            Cause::LoginAgain => "login_again",
            Cause::Federation => "federation",
            Cause::WorkspaceDelegation => "workspace_delegation",
            Cause::QuotaProject => "quota_project",
            Cause::Billing => "billing",
            Cause::RateLimited => "rate_limited",
            Cause::LifetimeTooLong => "lifetime_too_long",
            Cause::Conflict => "conflict",
            Cause::AccountDisabled => "account_disabled",
            Cause::AccountGone => "account_gone",
            Cause::NotFoundOrHidden => "not_found_or_hidden",
            Cause::CredentialRefused => "credential_refused",
            Cause::InvalidRequest => "invalid_request",
            Cause::ServerTrouble => "server_trouble",
            Cause::Unknown => "unknown",
        }
    }
}
