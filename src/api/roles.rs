//! IAM's roles: what one gives, and which can be granted on an account. Builders of requests and readers of answers,
//! pure, and the client's methods over them. Whether a role stands in our own table is the caller's business.

use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{
        Client,
        pages::{MOST_PAGES, Pages, Read},
    },
    http::{
        ApiError, CallKind, ErrorKind,
        answer::{decode, decode_list, lacks},
        endpoints::{self, Service},
        request_spec::{Priority, RequestSpec, segment},
    },
    model::{denial::RequestContext, role},
};

/// A role with everything it gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleDetails {
    /// `roles/iam.serviceAccountTokenCreator`, `projects/p/roles/own`, `organizations/1/roles/own`
    pub(crate) name: String,
    /// What people call it; may be empty.
    pub(crate) title: String,
    /// `ALPHA`, `BETA`, `GA`, `DEPRECATED`, `DISABLED`, `EAP`.
    pub(crate) stage: String,
    /// Everything it gives, in the server's order.
    pub(crate) permissions: Vec<String>,
    /// Deleted, not yet purged: it gives nothing any more.
    pub(crate) deleted: bool,
}

/// A role as lists give it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleSummary {
    /// As in [`RoleDetails::name`].
    pub(crate) name: String,
    /// What people call it; may be empty.
    pub(crate) title: String,
    /// What it is for, in Google's words; may be empty.
    pub(crate) description: String,
    /// As in [`RoleDetails::stage`].
    pub(crate) stage: String,
}

/// The most that `queryGrantableRoles` gives at once (IAM discovery document).
const PAGE_SIZE: u32 = 3_000;

fn asked(method: &'static str, resource: &str, permission: Option<&'static str>) -> RequestContext {
    RequestContext {
        resource: resource.to_owned(),
        permission: permission.map(Into::into),
        ..RequestContext::new(endpoints::service(Service::Iam), method)
    }
}

/// Checks the form of a typed role name, not whether the role exists.
///
/// # Errors
/// One sentence with the three forms.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    let text = text.trim();
    match path(text) {
        Some(_) => Ok(text.to_owned()),
        None => {
            let shown: String = text.chars().take(120).collect();
            Err(match role::meant(text) {
                Some(role) => format!("Unknown role “{shown}”. Did you mean {}?", role.name),
                None => format!(
                    "Invalid role “{shown}”. Use roles/NAME, or for custom roles projects/PROJECT/roles/NAME or organizations/NUMBER/roles/NAME"
                ),
            })
        }
    }
}

/// Where a role is read; none where `name` has not one of the three forms.
fn path(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split('/').collect();
    let letters =
        |part: &&str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    if !parts.iter().all(letters) {
        return None;
    }
    match parts[..] {
        ["roles", role] => Some(format!("/v1/roles/{}", segment(role))),
        [above @ ("projects" | "organizations"), id, "roles", role] => {
            Some(format!("/v1/{above}/{}/roles/{}", segment(id), segment(role)))
        }
        _ => None,
    }
}

fn get_spec(name: &str) -> Result<RequestSpec, String> {
    let path = path(&parse(name)?).unwrap_or_default();
    let asked = asked("google.iam.admin.v1.IAM.GetRole", name, Some("iam.roles.get"));
    // One policy can name dozens of roles, so they are questions like any other.
    Ok(RequestSpec { priority: Some(Priority::Front), ..RequestSpec::get(Service::Iam, path, asked) })
}

fn grantable_spec(name: &str, account: &str, page: &str) -> RequestSpec {
    let mut body = json!({ "fullResourceName": name, "pageSize": PAGE_SIZE });
    if !page.is_empty() {
        body["pageToken"] = page.into();
    }
    let asked = asked("google.iam.admin.v1.IAM.QueryGrantableRoles", account, None);
    let path = "/v1/roles:queryGrantableRoles".to_owned();
    RequestSpec {
        priority: Some(Priority::Front),
        ..RequestSpec::post(CallKind::Read, Service::Iam, path, body, asked)
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RoleAnswer {
    name: String,
    title: String,
    description: String,
    stage: String,
    included_permissions: Vec<String>,
    deleted: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RolePage {
    roles: Vec<RoleAnswer>,
    next_page_token: String,
}

/// `ALPHA` is the zero of the enumeration, which the wire leaves out.
fn stage(told: String) -> String {
    if told.is_empty() { "ALPHA".to_owned() } else { told }
}

impl From<RoleAnswer> for RoleDetails {
    fn from(answer: RoleAnswer) -> RoleDetails {
        RoleDetails {
            name: answer.name,
            title: answer.title,
            stage: stage(answer.stage),
            permissions: answer.included_permissions,
            deleted: answer.deleted,
        }
    }
}

impl From<RoleAnswer> for RoleSummary {
    fn from(answer: RoleAnswer) -> RoleSummary {
        RoleSummary {
            name: answer.name,
            title: answer.title,
            description: answer.description,
            stage: stage(answer.stage),
        }
    }
}

fn read_role(body: &[u8]) -> Result<RoleDetails, ApiError> {
    let answer: RoleAnswer = decode(body, endpoints::name(Service::Iam))?;
    if answer.name.is_empty() {
        return Err(lacks(endpoints::name(Service::Iam), "role"));
    }
    Ok(RoleDetails::from(answer))
}

fn read_page(body: &[u8]) -> Result<(Vec<RoleSummary>, String), ApiError> {
    let page: RolePage = decode_list(body, endpoints::name(Service::Iam), &["roles", "nextPageToken"])?;
    let roles = page.roles.into_iter().filter(|role| !role.deleted).map(RoleSummary::from).collect();
    Ok((roles, page.next_page_token))
}

impl Client {
    /// One role, predefined or custom, with everything it gives. Paced, see [`crate::http::rate_limiter`].
    ///
    /// # Errors
    /// As for every call, and [`ErrorKind::Invalid`] for an invalid role name.
    pub(crate) async fn get_role(&self, name: &str) -> Result<RoleDetails, ApiError> {
        let spec = get_spec(name).map_err(|problem| ApiError::new(ErrorKind::Invalid, problem))?;
        read_role(&self.send(spec).await?.body)
    }

    /// The roles that can be granted on an account (email or unique ID), all pages, in the server's order. Where
    /// the name does not tell the project, the account is asked for it. Paced, see [`crate::http::rate_limiter`].
    ///
    /// # Errors
    /// As for every call.
    pub(crate) async fn grantable_roles(&self, account: &str) -> Result<Vec<RoleSummary>, ApiError> {
        let name = self.full_name(account).await?;
        let (mut all, mut page) = (Vec::new(), String::new());
        let mut pages = Pages::new("iam.googleapis.com", MOST_PAGES);
        loop {
            // The page token goes into the body here, unlike in every other list.
            let answer = self.send(grantable_spec(&name, account, &page)).await?;
            let (roles, next) = read_page(&answer.body)?;
            let read = Read::of(Some(next), roles.iter().map(|role| role.name.as_str()));
            all.extend(roles);
            match pages.after(read, answer.body.len())? {
                Some(next) => page = next,
                None => return Ok(all),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{Server, ok};

    #[test]
    fn a_role_is_read_from_what_iam_sends_and_an_alpha_one_has_no_stage_there() {
        let body = br#"{
  "name": "roles/iam.serviceAccountOpenIdTokenCreator",
  "title": "Service Account OpenID Connect Identity Token Creator",
  "description": "Create OpenID Connect (OIDC) identity tokens",
  "includedPermissions": [
    "iam.serviceAccounts.getOpenIdToken"
  ],
  "stage": "GA",
  "etag": "AA=="
}
"#;
        let role = read_role(body).unwrap();
        assert_eq!((role.stage.as_str(), role.permissions.len()), ("GA", 1));
        assert_eq!(role.permissions[0], "iam.serviceAccounts.getOpenIdToken");
        let alpha = read_role(br#"{"name":"projects/p/roles/own","deleted":true}"#).unwrap();
        assert!(alpha.stage == "ALPHA" && alpha.deleted && alpha.permissions.is_empty());
    }

    #[test]
    fn a_role_has_one_of_three_names_and_nothing_escapes_the_path() {
        assert_eq!(path("roles/viewer").as_deref(), Some("/v1/roles/viewer"));
        assert_eq!(
            path("projects/example.com:p/roles/own").as_deref(),
            Some("/v1/projects/example.com%3Ap/roles/own")
        );
        assert_eq!(path("organizations/1/roles/own").as_deref(), Some("/v1/organizations/1/roles/own"));
        for wrong in ["", "own", "roles/", "roles/a/b", "folders/1/roles/x", "projects//roles/x", "roles/a b"]
        {
            assert!(parse(wrong).unwrap_err().contains("roles/NAME"), "{wrong}");
        }
        let near = parse("TokenCreator").unwrap_err();
        assert_eq!(near, "Unknown role “TokenCreator”. Did you mean roles/iam.serviceAccountTokenCreator?");
    }

    #[tokio::test]
    async fn grantable_roles_are_all_pages_with_the_token_in_the_body() {
        let first = r#"{"roles":[{"name":"roles/a","title":"A","stage":"GA"}],"nextPageToken":"p2"}"#;
        let second = r#"{"roles":[{"name":"roles/b"},{"name":"projects/p/roles/gone","deleted":true}]}"#;
        let server = Server::start([ok(first), ok(second)]).await;
        let roles = server.client().grantable_roles("sa@my-proj.iam.gserviceaccount.com").await.unwrap();
        let names: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
        assert_eq!(names, ["roles/a", "roles/b"]);
        let requests = server.requests().await;
        assert!(
            requests[0].starts_with("POST /v1/roles:queryGrantableRoles HTTP/1.1\r\n"),
            "{}",
            requests[0]
        );
        assert!(requests[0].contains(
            r#""fullResourceName":"//iam.googleapis.com/projects/my-proj/serviceAccounts/sa@my-proj.iam.gserviceaccount.com""#
        ));
        assert!(requests[1].contains(r#""pageToken":"p2""#), "{}", requests[1]);
    }

    #[tokio::test]
    async fn where_the_name_does_not_tell_the_project_the_account_is_asked() {
        let account = r#"{"email":"1-compute@developer.gserviceaccount.com","projectId":"told-proj"}"#;
        let server = Server::start([ok(account), ok("{}")]).await;
        let roles = server.client().grantable_roles("1-compute@developer.gserviceaccount.com").await.unwrap();
        assert!(roles.is_empty());
        assert!(
            server.requests().await[1].contains("projects/told-proj/serviceAccounts/1-compute@developer")
        );
    }
}
