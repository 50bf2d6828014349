//! IAM's service accounts: builders of requests and readers of answers, pure, and the client's methods over them.
//! Nothing here knows an address or a token.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{Client, pages::Read},
    http::{
        ApiError, CallKind, ErrorKind,
        answer::{decode, decode_list, lacks},
        endpoints::{self, Service},
        request_spec::{Priority, RequestSpec, segment},
    },
    model::{
        account::{Account, AccountKey, UniqueId, project_of},
        denial::RequestContext,
        permission::{Granted, MATRIX},
        project::ProjectRef,
    },
};

/// The most that IAM gives at once.
const PAGE_SIZE: &str = "100";

/// How Google writes “never”: `9999-12-31T23:59:59Z`, which is later than our clock type can tell.
const NEVER: &str = "9999-12-31";

fn asked(method: &'static str, resource: &str, permission: Option<&'static str>) -> RequestContext {
    RequestContext {
        resource: resource.to_owned(),
        permission: permission.map(Into::into),
        ..RequestContext::new(endpoints::service(Service::Iam), method)
    }
}

/// `projects/-` lets the email alone name the account, wherever it lives.
fn account_path(account: &str, rest: &str) -> String {
    format!("/v1/projects/-/serviceAccounts/{}{rest}", segment(account))
}

fn list_spec(project: &str) -> RequestSpec {
    let path = format!("/v1/projects/{}/serviceAccounts", segment(project));
    let asked =
        asked("google.iam.admin.v1.IAM.ListServiceAccounts", project, Some("iam.serviceAccounts.list"));
    RequestSpec {
        query: vec![("pageSize", PAGE_SIZE.to_owned())],
        ..RequestSpec::get(Service::Iam, path, asked)
    }
}

fn get_spec(account: &str) -> RequestSpec {
    let asked = asked("google.iam.admin.v1.IAM.GetServiceAccount", account, Some("iam.serviceAccounts.get"));
    RequestSpec::get(Service::Iam, account_path(account, ""), asked)
}

fn keys_spec(account: &str) -> RequestSpec {
    let permission = Some("iam.serviceAccountKeys.list");
    let asked = asked("google.iam.admin.v1.IAM.ListServiceAccountKeys", account, permission);
    let query = vec![("keyTypes", "USER_MANAGED".to_owned())];
    RequestSpec { query, ..RequestSpec::get(Service::Iam, account_path(account, "/keys"), asked) }
}

/// What [`Client::ask_permissions`] knows accounts by.
const KIND: &str = "serviceAccounts";

fn test_spec(account: &str, permissions: &[&str], priority: Priority) -> RequestSpec {
    let asked = asked("google.iam.admin.v1.IAM.TestIamPermissions", account, None);
    let body = json!({ "permissions": permissions });
    let path = account_path(account, ":testIamPermissions");
    RequestSpec {
        priority: Some(priority),
        ..RequestSpec::post(CallKind::Read, Service::Iam, path, body, asked)
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AccountPage {
    accounts: Vec<AccountAnswer>,
    next_page_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AccountAnswer {
    email: String,
    unique_id: String,
    project_id: String,
    display_name: String,
    description: String,
    disabled: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct KeyList {
    keys: Vec<KeyAnswer>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct KeyAnswer {
    name: String,
    valid_after_time: Option<Timestamp>,
    valid_before_time: Option<String>,
    disabled: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Permissions {
    permissions: Vec<String>,
}

impl From<AccountAnswer> for Account {
    fn from(answer: AccountAnswer) -> Account {
        Account {
            project: ProjectRef::read(&answer.project_id).or_else(|| project_of(&answer.email)),
            email: answer.email,
            unique_id: UniqueId::read(&answer.unique_id),
            display_name: answer.display_name,
            description: answer.description,
            disabled: answer.disabled,
        }
    }
}

impl From<KeyAnswer> for AccountKey {
    fn from(answer: KeyAnswer) -> AccountKey {
        let end = answer.valid_before_time.filter(|end| !end.starts_with(NEVER));
        AccountKey {
            id: answer.name.rsplit('/').next().unwrap_or_default().to_owned(),
            created: answer.valid_after_time,
            expires: end.and_then(|end| end.parse().ok()),
            disabled: answer.disabled,
        }
    }
}

fn read_page(body: &[u8]) -> Result<(Vec<Account>, Option<String>), ApiError> {
    let page: AccountPage = decode_list(body, endpoints::name(Service::Iam), &["accounts", "nextPageToken"])?;
    // One without a name cannot be opened: asking for it would ask for the list.
    let named = page.accounts.into_iter().filter(|account| !account.email.is_empty());
    Ok((named.map(Account::from).collect(), page.next_page_token))
}

fn read_account(body: &[u8]) -> Result<Account, ApiError> {
    let answer: AccountAnswer = decode(body, endpoints::name(Service::Iam))?;
    if answer.email.is_empty() {
        return Err(lacks(endpoints::name(Service::Iam), "account"));
    }
    Ok(Account::from(answer))
}

fn read_keys(body: &[u8]) -> Result<Vec<AccountKey>, ApiError> {
    let list: KeyList = decode_list(body, endpoints::name(Service::Iam), &["keys"])?;
    Ok(list.keys.into_iter().map(AccountKey::from).collect())
}

fn read_granted(body: &[u8], asked: &[&str]) -> Result<Granted, ApiError> {
    let answer: Permissions = decode_list(body, endpoints::name(Service::Iam), &["permissions"])?;
    Ok(Granted::from_answer(asked, &answer.permissions))
}

impl Client {
    /// Every account of a project (id or number), a page of up to 100 at a time, in the server's order.
    ///
    /// # Errors
    /// As for every call; pages given before stay given.
    pub async fn list_accounts(
        &self,
        project: &str,
        on_page: &mut (dyn FnMut(Vec<Account>) + Send),
    ) -> Result<(), ApiError> {
        self.follow(list_spec(project), |body| {
            let (accounts, next) = read_page(body)?;
            let read = Read::of(next, accounts.iter().map(|account| account.email.as_str()));
            on_page(accounts);
            Ok(read)
        })
        .await
    }

    /// One account, by email or unique ID.
    ///
    /// # Errors
    /// As for every call; an account that does not exist is a denial here, because IAM does not tell.
    pub async fn get_account(&self, account: &str) -> Result<Account, ApiError> {
        read_account(&self.send(get_spec(account)).await?.body)
    }

    /// IAM's full name of an account (email or unique ID), which other services know it by. Where the name does not tell
    /// the project, the account is read.
    ///
    /// # Errors
    /// As for every call, and [`ErrorKind::Server`] for an account that is told without email or project.
    pub(crate) async fn full_name(&self, account: &str) -> Result<String, ApiError> {
        if let Some(name) = Account::named(account).full_name() {
            return Ok(name);
        }
        self.get_account(account).await?.full_name().ok_or_else(|| {
            ApiError::new(ErrorKind::Server, "IAM's response has no email or project for the account.")
        })
    }

    /// The user-managed keys of an account, in the server's order.
    ///
    /// # Errors
    /// As for every call.
    pub async fn list_keys(&self, account: &str) -> Result<Vec<AccountKey>, ApiError> {
        read_keys(&self.send(keys_spec(account)).await?.body)
    }

    /// What IAM says the caller may do with an account. Paced, see [`crate::http::rate_limiter`].
    ///
    /// # Errors
    /// As for every call, and the refusal to go on after many denials in a row.
    pub async fn test_permissions(&self, account: &str) -> Result<Granted, ApiError> {
        self.matrix(account, Priority::Front).await
    }

    /// The same as one question of a scan, paced behind all others.
    ///
    /// # Errors
    /// As for every call, and the refusal to go on after many denials in a row.
    pub(crate) async fn scan_permissions(&self, account: &str) -> Result<Granted, ApiError> {
        self.matrix(account, Priority::Back).await
    }

    async fn matrix(&self, account: &str, priority: Priority) -> Result<Granted, ApiError> {
        let names = MATRIX.map(|permission| permission.name);
        let spec = |permissions: &[&str]| test_spec(account, permissions, priority);
        match self.ask_permissions(KIND, &names, spec).await? {
            Some((answer, asked)) => read_granted(&answer.body, &asked),
            None => Ok(Granted::from_answer::<&str>(&[], &[])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::testing::{Server, answer, ok},
        http::request_spec::Body,
        model::permission::{GET_ACCESS_TOKEN, SIGN_BLOB, SIGN_JWT},
    };

    #[test]
    fn an_account_is_read_from_what_iam_sends() {
        let body = br#"{
  "name": "projects/my-proj/serviceAccounts/sa@my-proj.iam.gserviceaccount.com",
  "projectId": "my-proj",
  "uniqueId": "107517467455664443765",
  "email": "sa@my-proj.iam.gserviceaccount.com",
  "displayName": "D",
  "description": "desc",
  "etag": "MDEwMjE5MjA=",
  "oauth2ClientId": "107517467455664443765",
  "disabled": true
}
"#;
        let account = read_account(body).unwrap();
        assert_eq!(account.email, "sa@my-proj.iam.gserviceaccount.com");
        assert_eq!(
            (
                account.unique_id.as_deref().unwrap_or_default(),
                account.project.as_deref().unwrap_or_default()
            ),
            ("107517467455664443765", "my-proj")
        );
        assert!(account.disabled);
    }

    #[test]
    fn a_project_without_accounts_is_an_empty_object() {
        assert_eq!(read_page(b"{}\n").unwrap(), (vec![], None));
    }

    #[test]
    fn a_page_tells_where_the_next_one_is() {
        let body = br#"{"accounts":[{"email":"a@my-proj.iam.gserviceaccount.com"}],"nextPageToken":"abc"}"#;
        let (accounts, next) = read_page(body).unwrap();
        assert_eq!((accounts[0].project.as_deref(), next.as_deref()), (Some("my-proj"), Some("abc")));
    }

    #[tokio::test]
    async fn a_full_name_has_project_and_email_whatever_named_the_account() {
        let read = r#"{"email":"1-compute@developer.gserviceaccount.com","projectId":"told-proj","uniqueId":"109300000000000004411"}"#;
        let server = Server::start([ok(read)]).await;
        let default =
            "//iam.googleapis.com/projects/told-proj/serviceAccounts/1-compute@developer.gserviceaccount.com";
        for (account, name, calls) in [
            (
                "sa@my-proj.iam.gserviceaccount.com",
                "//iam.googleapis.com/projects/my-proj/serviceAccounts/sa@my-proj.iam.gserviceaccount.com",
                0,
            ),
            ("109300000000000004411", default, 1),
            ("1-compute@developer.gserviceaccount.com", default, 2),
        ] {
            assert_eq!(server.client().full_name(account).await.as_deref(), Ok(name));
            assert_eq!(server.requests().await.len(), calls);
        }
        let server = Server::start([ok("{}")]).await;
        let error = server.client().full_name("109300000000000004411").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Server);
    }

    #[test]
    fn a_key_that_never_ends_has_no_end() {
        let body = br#"{"keys":[
            {"name":"projects/p/serviceAccounts/sa@p.iam.gserviceaccount.com/keys/624c17268b56898009a0a1af3ff51f35c94e3a93",
             "validAfterTime":"2026-01-01T00:00:00Z","validBeforeTime":"9999-12-31T23:59:59Z","keyAlgorithm":"KEY_ALG_RSA_2048",
             "keyOrigin":"GOOGLE_PROVIDED","keyType":"USER_MANAGED"},
            {"name":"projects/p/serviceAccounts/x/keys/1","validBeforeTime":"2026-02-01T00:00:00Z","disabled":true}]}"#;
        let keys = read_keys(body).unwrap();
        assert_eq!(keys[0].id, "624c17268b56898009a0a1af3ff51f35c94e3a93");
        assert_eq!((keys[0].created, keys[0].expires), ("2026-01-01T00:00:00Z".parse().ok(), None));
        assert_eq!((keys[1].expires, keys[1].disabled), ("2026-02-01T00:00:00Z".parse().ok(), true));
    }

    #[test]
    fn nothing_granted_is_an_empty_object_and_some_is_a_list() {
        let asked = MATRIX.map(|permission| permission.name);
        assert!(read_granted(b"{}", &asked).unwrap().is_none());
        let some = br#"{"permissions":["iam.serviceAccounts.getAccessToken"]}"#;
        let granted = read_granted(some, &asked).unwrap();
        assert!(granted.has(GET_ACCESS_TOKEN) && granted.answer(SIGN_JWT) == Some(false));
    }

    const INVALID: &str = r#"{"error":{"code":400,"message":"Permission iam.serviceAccounts.signBlob is not valid for this resource.","status":"INVALID_ARGUMENT"}}"#;

    #[tokio::test]
    async fn a_permission_that_cannot_be_tested_is_not_known_and_asked_once() {
        let yes = r#"{"permissions":["iam.serviceAccounts.signJwt"]}"#;
        let server = Server::start([answer(400, "", INVALID), ok(yes)]).await;
        let client = server.client();
        for _ in 0..2 {
            let granted = client.test_permissions("x").await.unwrap();
            assert_eq!((granted.answer(SIGN_BLOB), granted.answer(SIGN_JWT)), (None, Some(true)));
            assert_eq!(granted.answer(GET_ACCESS_TOKEN), Some(false));
        }
        client.scan_permissions("y").await.unwrap();
        let asks: Vec<bool> =
            server.requests().await.iter().map(|request| request.contains("signBlob")).collect();
        assert_eq!(asks, [true, false, false, false]);
    }

    #[tokio::test]
    async fn a_refusal_that_names_no_permission_is_told() {
        let body = r#"{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT"}}"#;
        let server = Server::start([answer(400, "", body)]).await;
        assert_eq!(server.client().test_permissions("x").await.unwrap_err().status, Some(400));
        assert_eq!(server.requests().await.len(), 1);
    }

    #[test]
    fn names_are_encoded_in_paths_and_probes_are_paced() {
        let names = MATRIX.map(|permission| permission.name);
        let spec = test_spec("sa@p.iam.gserviceaccount.com", &names, Priority::Front);
        assert_eq!(
            spec.path,
            "/v1/projects/-/serviceAccounts/sa%40p.iam.gserviceaccount.com:testIamPermissions"
        );
        assert!(spec.priority.is_some() && spec.kind == CallKind::Read);
        let Body::Json(body) = spec.body else { panic!("a JSON body") };
        assert_eq!(body["permissions"].as_array().map(Vec::len), Some(MATRIX.len()));
        assert_eq!(list_spec("example.com:p/q").path, "/v1/projects/example.com%3Ap%2Fq/serviceAccounts");
    }

    #[test]
    fn a_failure_in_another_shape_is_not_an_empty_list() {
        for body in [&br#"{"errors":[{"message":"no"}]}"#[..], br#"{"message":"no","code":403}"#] {
            assert!(read_page(body).is_err() && read_keys(body).is_err());
            assert!(read_granted(body, &["a"]).is_err(), "no answer is not a no");
        }
        assert!(read_page(b"{}").unwrap().0.is_empty() && read_keys(b"{}").unwrap().is_empty());
        assert!(read_granted(b"{}", &["a"]).is_ok());
    }

    #[test]
    fn an_answer_of_the_wrong_type_is_a_sentence_without_its_content() {
        let error = read_account(br#"{"email": 7, "x": "ya29.secret"}"#).unwrap_err();
        assert_eq!(error.sentence(), "The response from IAM has an unexpected form (line 1, column 11).");
        assert!(read_account(br#"{"email": "a"#).unwrap_err().sentence().contains("is cut off"));
    }
}
