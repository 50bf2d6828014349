//! Refusals of the token endpoint and the Security Token Service, in the form of OAuth.

use serde_json::json;

use super::Failure;

impl Failure {
    /// The token endpoint's `invalid_grant`: an invalid refresh token, assertion or account.
    pub(crate) fn invalid_grant(description: &str) -> Failure {
        Failure::oauth(400, "invalid_grant", description)
    }

    /// An expired or revoked refresh token (recalled).
    pub(crate) fn grant_ended() -> Failure {
        Failure::invalid_grant("Token has been expired or revoked.")
    }

    /// An organization that wants people to log in again, with the subtype `invalid_rapt` (issue cline/cline#4080).
    pub(crate) fn invalid_rapt() -> Failure {
        Failure::verbatim(
            400,
            json!({"error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)",
                "error_uri": "https://support.google.com/a/answer/9368756", "error_subtype": "invalid_rapt"}),
        )
    }

    /// A scope that does not exist (issue oneduo/laravel-recaptcha-enterprise#10).
    pub(crate) fn invalid_scope() -> Failure {
        Failure::oauth(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
    }

    /// An unknown client (quoted in public issues).
    pub(crate) fn invalid_client() -> Failure {
        Failure::oauth(401, "invalid_client", "The OAuth client was not found.")
    }

    /// Domain-wide delegation without an administrator's permission (quoted in public issues).
    pub(crate) fn unauthorized_client() -> Failure {
        Failure::oauth(
            401,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of \
             the scopes requested.",
        )
    }

    /// An unknown grant type.
    pub(crate) fn unsupported_grant(grant: &str) -> Failure {
        Failure::oauth(400, "unsupported_grant_type", &format!("Invalid grant_type: {grant}"))
    }

    /// A token request that lacks a field.
    pub(crate) fn missing_parameter(name: &str) -> Failure {
        Failure::invalid_request(&format!("Missing required parameter: {name}"))
    }

    /// The same at the token endpoint, which has words of its own for three of its fields (seen on the wire).
    pub(crate) fn missing_at_token_endpoint(name: &str) -> Failure {
        match name {
            "grant_type" => Failure::invalid_request("Required parameter is missing: grant_type"),
            "client_id" => Failure::invalid_request("Could not determine client ID from request."),
            "client_secret" => Failure::invalid_request("client_secret is missing."),
            other => Failure::missing_parameter(other),
        }
    }

    /// A token request with a field that cannot be used.
    pub(crate) fn invalid_request(description: &str) -> Failure {
        Failure::oauth(400, "invalid_request", description)
    }

    /// An audience that is not the name of a provider (issue google-github-actions/auth#211).
    pub(crate) fn invalid_audience() -> Failure {
        Failure::invalid_request(
            "Invalid value for \"audience\". This value should be the full resource name of the Identity Provider. \
             See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible \
             formats.",
        )
    }

    /// A pool or a provider that does not exist, or is disabled (Google's troubleshooting pages).
    pub(crate) fn invalid_target() -> Failure {
        Failure::oauth(
            400,
            "invalid_target",
            "The target service indicated by the \"audience\" parameters is invalid. This might either be because the \
             pool or provider is disabled or deleted or because it doesn't exist.",
        )
    }

    /// A credential that the provider's condition rejects (Google's troubleshooting pages). Only a fault answers so,
    /// for the mappings of the world have no conditions. The status was measured in 2026.
    pub(crate) fn attribute_condition() -> Failure {
        let description = "The given credential is rejected by the attribute condition.";
        Failure::oauth(400, "unauthorized_client", description)
    }

    /// A credential from which the mapping makes no `google.subject` (Google's troubleshooting pages).
    pub(crate) fn no_subject() -> Failure {
        let description = "Could not obtain a value for google.subject from the given credential.";
        Failure::oauth(400, "unauthorized_client", description)
    }

    /// A credential from which the mapping makes one that is too long (the same pages).
    pub(crate) fn long_subject() -> Failure {
        Failure::invalid_request(
            "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute \
             mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes.",
        )
    }

    /// An exchange without scopes (seen on the wire).
    pub(crate) fn missing_scopes() -> Failure {
        Failure::invalid_request("Scope(s) must be provided.")
    }

    /// What tokeninfo says of a token that it does not know, or that has expired (seen on the wire).
    pub(crate) fn invalid_token() -> Failure {
        Failure::oauth(400, "invalid_token", "Invalid Value")
    }
}
