//! IAM's service accounts: builders of requests and readers of answers, pure, and the client's methods over them.
//! Nothing here knows an address or a token.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{
        ApiError, CallKind, Client,
        answer::{decode, lacks},
        endpoints::{self, Base},
        pages::Read,
        ticket::{Lane, Ticket, segment},
    },
    model::{
        account::{Account, AccountKey, project_of},
        denial::Asked,
        permission::{Granted, MATRIX},
    },
};

/// An operation on accounts, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Every account of a project, page by page.
    ListAccounts {
        /// Id or number.
        project: String,
    },
    /// One account.
    GetAccount {
        /// E-mail or unique id.
        account: String,
    },
    /// Its user-managed keys.
    ListKeys {
        /// E-mail or unique id.
        account: String,
    },
    /// What the caller may do with it.
    TestPermissions {
        /// E-mail or unique id.
        account: String,
    },
}

/// The most that IAM gives at once.
const PAGE_SIZE: &str = "100";

/// How Google writes “never”: `9999-12-31T23:59:59Z`, which is later than our clock type can tell.
const NEVER: &str = "9999-12-31";

fn asked(method: &'static str, resource: &str, permission: Option<&'static str>) -> Asked {
    let service = endpoints::service(Base::Iam);
    Asked {
        service,
        method: method.into(),
        resource: resource.to_owned(),
        permission: permission.map(Into::into),
        ..Asked::default()
    }
}

/// `projects/-` lets the e-mail alone name the account, wherever it lives.
fn account_path(account: &str, rest: &str) -> String {
    format!("/v1/projects/-/serviceAccounts/{}{rest}", segment(account))
}

fn list_ticket(project: &str) -> Ticket {
    let path = format!("/v1/projects/{}/serviceAccounts", segment(project));
    let asked =
        asked("google.iam.admin.v1.IAM.ListServiceAccounts", project, Some("iam.serviceAccounts.list"));
    Ticket { query: vec![("pageSize", PAGE_SIZE.to_owned())], ..Ticket::get(Base::Iam, path, asked) }
}

fn get_ticket(account: &str) -> Ticket {
    let asked = asked("google.iam.admin.v1.IAM.GetServiceAccount", account, Some("iam.serviceAccounts.get"));
    Ticket::get(Base::Iam, account_path(account, ""), asked)
}

fn keys_ticket(account: &str) -> Ticket {
    let permission = Some("iam.serviceAccountKeys.list");
    let asked = asked("google.iam.admin.v1.IAM.ListServiceAccountKeys", account, permission);
    let query = vec![("keyTypes", "USER_MANAGED".to_owned())];
    Ticket { query, ..Ticket::get(Base::Iam, account_path(account, "/keys"), asked) }
}

fn test_ticket(account: &str) -> Ticket {
    let asked = asked("google.iam.admin.v1.IAM.TestIamPermissions", account, None);
    let body = json!({ "permissions": MATRIX.map(|permission| permission.name) });
    let path = account_path(account, ":testIamPermissions");
    Ticket { pace: Some(Lane::Front), ..Ticket::post(CallKind::Read, Base::Iam, path, body, asked) }
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
        let told = answer.project_id;
        let project = if told.is_empty() { project_of(&answer.email).unwrap_or_default() } else { told };
        Account {
            email: answer.email,
            unique_id: answer.unique_id,
            project,
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
    let page: AccountPage = decode(body, endpoints::name(Base::Iam))?;
    // One without a name cannot be opened: asking for it would ask for the list.
    let named = page.accounts.into_iter().filter(|account| !account.email.is_empty());
    Ok((named.map(Account::from).collect(), page.next_page_token))
}

fn read_account(body: &[u8]) -> Result<Account, ApiError> {
    let answer: AccountAnswer = decode(body, endpoints::name(Base::Iam))?;
    if answer.email.is_empty() {
        return Err(lacks(endpoints::name(Base::Iam), "account"));
    }
    Ok(Account::from(answer))
}

fn read_keys(body: &[u8]) -> Result<Vec<AccountKey>, ApiError> {
    let list: KeyList = decode(body, endpoints::name(Base::Iam))?;
    Ok(list.keys.into_iter().map(AccountKey::from).collect())
}

fn read_granted(body: &[u8]) -> Result<Granted, ApiError> {
    let answer: Permissions = decode(body, endpoints::name(Base::Iam))?;
    Ok(Granted::from_names(&answer.permissions))
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
        self.follow(list_ticket(project), |body| {
            let (accounts, next) = read_page(body)?;
            let read = Read::of(next, accounts.iter().map(|account| account.email.as_str()));
            on_page(accounts);
            Ok(read)
        })
        .await
    }

    /// One account, by e-mail or unique id.
    ///
    /// # Errors
    /// As for every call; an account that does not exist is a denial here, because IAM does not tell.
    pub async fn get_account(&self, account: &str) -> Result<Account, ApiError> {
        read_account(&self.send(get_ticket(account)).await?.body)
    }

    /// The user-managed keys of an account, in the server's order.
    ///
    /// # Errors
    /// As for every call.
    pub async fn list_keys(&self, account: &str) -> Result<Vec<AccountKey>, ApiError> {
        read_keys(&self.send(keys_ticket(account)).await?.body)
    }

    /// What IAM says the caller may do with an account. Paced, see [`super::pace`].
    ///
    /// # Errors
    /// As for every call, and the refusal to go on after many denials in a row.
    pub async fn test_permissions(&self, account: &str) -> Result<Granted, ApiError> {
        read_granted(&self.send(test_ticket(account)).await?.body)
    }

    /// The same as one question of a scan, paced behind all others.
    ///
    /// # Errors
    /// As for every call, and the refusal to go on after many denials in a row.
    pub async fn scan_permissions(&self, account: &str) -> Result<Granted, ApiError> {
        let ticket = Ticket { pace: Some(Lane::Back), ..test_ticket(account) };
        read_granted(&self.send(ticket).await?.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::ticket::Body,
        model::permission::{GET_ACCESS_TOKEN, SIGN_JWT},
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
            (account.unique_id.as_str(), account.project.as_str()),
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
        assert_eq!((accounts[0].project.as_str(), next.as_deref()), ("my-proj", Some("abc")));
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
        assert!(read_granted(b"{}").unwrap().is_none());
        let granted = read_granted(br#"{"permissions":["iam.serviceAccounts.getAccessToken"]}"#).unwrap();
        assert!(granted.has(GET_ACCESS_TOKEN) && !granted.has(SIGN_JWT));
    }

    #[test]
    fn names_are_encoded_in_paths_and_probes_are_paced() {
        let ticket = test_ticket("sa@p.iam.gserviceaccount.com");
        assert_eq!(
            ticket.path,
            "/v1/projects/-/serviceAccounts/sa%40p.iam.gserviceaccount.com:testIamPermissions"
        );
        assert!(ticket.pace.is_some() && ticket.kind == CallKind::Read);
        let Body::Json(body) = ticket.body else { panic!("a JSON body") };
        assert_eq!(body["permissions"].as_array().map(Vec::len), Some(MATRIX.len()));
        assert_eq!(list_ticket("example.com:p/q").path, "/v1/projects/example.com%3Ap%2Fq/serviceAccounts");
    }

    #[test]
    fn an_answer_of_the_wrong_type_is_a_sentence_without_its_content() {
        let error = read_account(br#"{"email": 7, "x": "ya29.secret"}"#).unwrap_err();
        assert_eq!(error.sentence(), "The answer of IAM is not what it should be (line 1, column 11).");
        assert!(read_account(br#"{"email": "a"#).unwrap_err().sentence().contains("stops short"));
    }
}
