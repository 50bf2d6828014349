//! What is known to differ between Google's library and impersona for the same file, and why that is right. A
//! difference that is not here fails the run, and one that is here and is met no more does as well.

/// Each difference as `compare` says it, and its reason.
pub const DIFFERENCES: &[(&str, &str)] = &[
    (
        "POST /token: header content-type is “application/json” at Google's library, “application/x-www-form-urlencoded” at impersona",
        "A refresh is a form by RFC 6749, and Google takes JSON as well.",
    ),
    (
        "POST /token: field scopes is “null” at Google's library, missing at impersona",
        "Nobody asked for other scopes than those of the login; what is null is as good as missing.",
    ),
    (
        "POST /tokeninfo: only impersona asks",
        "It says who the caller is and how long; the library never knows.",
    ),
    ("POST /v1/introspect: only impersona asks", "The same, of a federated token."),
    (
        "POST /v1/token: field scope is “https://www.googleapis.com/auth/iam” at Google's library, “https://www.googleapis.com/auth/cloud-platform” at impersona",
        "Each of the two opens IAM Credentials, and the token of the exchange is used for nothing else.",
    ),
    (
        "POST …:generateAccessToken: path is “/v1/projects/-/serviceAccounts/vault@acme-prod.iam.gserviceaccount.com:generateAccessToken” at Google's library, “/v1/projects/-/serviceAccounts/vault%40acme-prod.iam.gserviceaccount.com:generateAccessToken” at impersona",
        "The library takes the file's URL as it is, impersona its own client, which escapes: one path in two forms.",
    ),
    (
        "PUT /external/acme-ci/ci-pool/aws/latest/api/token: header x-aws-ec2-metadata-token-ttl-seconds is “21600” at Google's library, “300” at impersona",
        "It is used at once; Google's Python library says 300 as well.",
    ),
    (
        "POST /v1/token: field subject_token body is “” at Google's library, missing at impersona",
        "The signed request has no body either way, and Google's Python library leaves it out.",
    ),
    (
        "POST /v1/token: field subject_token space is “+” at Google's library, “%20” at impersona",
        "Two forms of a space in what is decoded as a query.",
    ),
    (
        "POST /v1/token: field subject_token url is “https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15” at Google's library, “https://sts.eu-west-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15” at impersona",
        "The file's own form, as Google's Python library sends it; the root is the path of both, and is what is signed.",
    ),
    (
        "GET /computeMetadata/v1/instance/service-accounts/default/: only impersona asks",
        "It says whose machine this is; the library never knows.",
    ),
    (
        "GET /computeMetadata/v1/instance/service-accounts/default/token: query scopes is missing at Google's library, “https://www.googleapis.com/auth/cloud-platform” at impersona",
        "Compute Engine ignores scopes and other machines heed them; the library asks for none unless it is told to.",
    ),
];

/// Why a difference is right, if it is known.
pub fn reason(difference: &str) -> Option<&'static str> {
    DIFFERENCES.iter().find(|(known, _)| *known == difference).map(|(_, reason)| *reason)
}
