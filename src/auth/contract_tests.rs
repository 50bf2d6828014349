//! Every request by which a caller gets a token, held against the discovery documents like those of
//! `ops/contract_tests`: for every type of credentials and every source of a foreign token.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Credentials, FindOptions, Source,
    external::{External, Subject},
    find, gcloud,
};
use crate::{
    local::env::Env,
    model::secret::Secret,
    ops::contract_tests::{Google, Talk, every, judge, told_in},
};

const SA: &str = "sa@acme-prod.iam.gserviceaccount.com";

/// Files whose addresses are all on one machine.
struct Files {
    url: String,
    folder: tempfile::TempDir,
}

impl Files {
    fn write(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn read(&self, file: &Value) -> Credentials {
        let credentials_file = Some(self.write("credentials.json", &file.to_string()).into());
        let env = Env::from_vars([("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")]);
        find(&env, &FindOptions { credentials_file, ..FindOptions::default() }).unwrap().credentials
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }

    fn mints(&self) -> String {
        self.at(&format!("iamcredentials/v1/projects/-/serviceAccounts/{SA}:generateAccessToken"))
    }

    fn external(&self, source: Value, more: Value) -> External {
        let mut file = json!({"type": "external_account", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
            "token_url": self.at("sts/v1/token"), "credential_source": source});
        file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let Credentials::External(external) = self.read(&file) else { panic!("it is one") };
        *external
    }

    /// Federated callers with a foreign token from each kind of source, and with all that their file may say.
    fn federated(&self) -> Vec<Credentials> {
        let printed = json!({"version": 1, "success": true, "expiration_time": 4_070_908_800_i64,
            "token_type": "urn:ietf:params:oauth:token-type:jwt", "id_token": "x"});
        let (file, printed) = (self.write("subject", "x"), self.write("printed", &printed.to_string()));
        let url = || json!({"url": self.at("elsewhere/subject")});
        let aws = json!({"environment_id": "aws1", "region_url": self.at("elsewhere/zone"),
            "url": self.at("elsewhere/role"), "imdsv2_session_token_url": self.at("elsewhere/session"),
            "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity"});
        let of = |source: Value| [self.external(source, json!({})).subject];
        let subjects = every!(Subject:
            Subject::File { .. } => of(json!({"file": file})),
            Subject::Url { .. } => of(url()),
            Subject::Executable(_) => of(json!({"executable": {"command": "no", "output_file": printed}})),
            Subject::Aws(_) => of(aws),
        );
        let plain = self.external(url(), json!({}));
        let of_workforce = json!({"workforce_pool_user_project": "acme-prod",
            "audience": "//iam.googleapis.com/locations/global/workforcePools/staff/providers/q",
            "token_info_url": self.at("sts/v1/introspect")});
        let impersonating = json!({"service_account_impersonation_url": self.mints(), "client_id": "c",
            "client_secret": "s", "service_account_impersonation": {"token_lifetime_seconds": 600}});
        let more = [of_workforce, impersonating].map(|more| self.external(url(), more));
        let all = subjects.into_iter().map(|subject| External { subject, ..plain.clone() }).chain(more);
        all.map(|external| Credentials::External(Box::new(external))).collect()
    }

    fn login(&self) -> gcloud::Login {
        self.write("gcloud", "");
        self.write("config/configurations/config_default", "[core]\naccount = dev@example.com\n");
        let config = self.folder.path().join("config");
        let vars = [("PATH", self.folder.path()), ("CLOUDSDK_CONFIG", &config)];
        let env = Env::from_vars(vars.map(|(name, path)| (name, path.to_str().unwrap())));
        gcloud::logins(&env).remove(0)
    }

    /// One caller at least of every type.
    fn callers(&self) -> Vec<Credentials> {
        let user = |more: Value| {
            let mut file = json!({"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"});
            file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            file
        };
        let impersonated = |delegates: Value| {
            json!({"type": "impersonated_service_account", "delegates": delegates, "source_credentials": user(json!({})),
                "service_account_impersonation_url": self.mints()})
        };
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap().serialize_pem();
        let account =
            json!({"type": "service_account", "private_key_id": "a", "private_key": key, "client_email": SA});
        let workforce = json!({"type": "external_account_authorized_user", "client_id": "c", "client_secret": "s",
            "refresh_token": "r", "token_url": self.at("sts/v1/oauthtoken"),
            "token_info_url": self.at("sts/v1/introspect")});
        every!(Credentials:
            Credentials::AccessToken(_) => [Credentials::AccessToken(Secret::new("ya29.x"))],
            Credentials::User { .. } => [json!({}), json!({"rapt_token": "proof"})].map(|more| self.read(&user(more))),
            Credentials::ServiceAccount { .. } => [self.read(&account)],
            Credentials::Impersonated { .. } => {
                [json!([]), json!([format!("projects/-/serviceAccounts/{SA}")])].map(|all| self.read(&impersonated(all)))
            },
            Credentials::External(_) => self.federated(),
            Credentials::Workforce { .. } => [self.read(&workforce)],
            Credentials::Machine => [Credentials::Machine],
            Credentials::Gcloud(_) => [Credentials::Gcloud(self.login())],
            Credentials::Any(_) => [Credentials::Any(vec![Credentials::Machine, Credentials::Gcloud(self.login())])],
        )
    }
}

#[tokio::test]
async fn every_way_to_a_token_is_as_googles_documents_say() {
    let google = Google::start(Talk::Least).await;
    let files = Files { url: google.url.clone(), folder: tempfile::tempdir().unwrap() };
    // gcloud makes its requests itself.
    let callers = files.callers().into_iter().filter(|one| !matches!(one, Credentials::Gcloud(_)));
    for credentials in callers {
        let kind = format!("{credentials:?}");
        let client = google.client_of(Source::new("here", "here", credentials));
        client.caller().await.unwrap_or_else(|error| panic!("{kind}: {error:?}"));
    }
    let judged = judge(&google).await;
    let documented = ["iamcredentials.v1.projects.serviceAccounts.generateAccessToken", "sts.v1.token"];
    assert_eq!(judged.methods, documented.map(str::to_owned).into());
    assert_eq!(
        judged.others,
        ["token", "tokeninfo", "userinfo", "metadata", "introspect", "refresh", "elsewhere"]
    );
    judged.has("sts.v1.token", &["audience", "grant_type", "options", "requested_token_type", "scope"]);
    judged.has("sts.v1.token", &["subject_token", "subject_token_type"]);
    judged.has(documented[0], &["scope", "lifetime", "delegates"]);
    let (told, sent): (_, BTreeSet<String>) = (told_in("auth"), google.told().await);
    assert!(told.len() > 3 && told.is_subset(&sent), "without a sample: {:?}", told.difference(&sent));
}
