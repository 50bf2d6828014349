//! Tokens from the metadata server of the machine: an access token or an ID token of an attached account.

use super::{CredentialKind, MintContext, Sent, TokenAnswer, expiry, gcloud::Gcloud};
use crate::{
    api::metadata::{ROOT, text},
    http::{
        ApiError,
        endpoints::{self, Service},
        handed_out::HandedOut,
        request_spec::metadata_segment,
    },
    model::{credential::Credential, shell::quote},
};

pub(super) struct Access<'a> {
    pub(super) scopes: &'a [String],
}

pub(super) struct Identity<'a> {
    pub(super) audience: &'a str,
    pub(super) full: bool,
    pub(super) licenses: bool,
}

impl CredentialKind for Access<'_> {
    /// Compute Engine ignores `scopes`; App Engine, Cloud Run and Cloud Run functions do not.
    fn request(&self, cx: &MintContext) -> Result<Sent, String> {
        let scopes = (!self.scopes.is_empty()).then(|| ("scopes", self.scopes.join(",")));
        Ok(sent(cx, "metadata.token", "token", scopes.into_iter().collect()))
    }

    fn read(&self, cx: &MintContext, body: &[u8]) -> Result<Credential, ApiError> {
        TokenAnswer::read(cx, body, Service::Metadata)
    }

    fn ends_by_our_clock(&self) -> bool {
        true
    }

    fn gcloud(&self, cx: &MintContext) -> Result<Gcloud, String> {
        let account = &cx.request.account;
        let mut words = vec!["gcloud auth print-access-token".to_owned()];
        words.extend((account != "default").then(|| quote(account)));
        let differs = if self.scopes.is_empty() {
            "the machine's token only if no one is logged in to gcloud"
        } else {
            "it requests no scopes, and returns the machine's token only if no one is logged in to gcloud"
        };
        Ok(Gcloud { words, differs, ..Gcloud::default() })
    }
}

impl Identity<'_> {
    fn format(&self) -> &'static str {
        if self.full { "full" } else { "standard" }
    }
}

impl CredentialKind for Identity<'_> {
    fn request(&self, cx: &MintContext) -> Result<Sent, String> {
        let mut query = vec![("audience", self.audience.to_owned()), ("format", self.format().to_owned())];
        query.extend((self.full && self.licenses).then(|| ("licenses", "TRUE".to_owned())));
        Ok(sent(cx, "metadata.identity", "identity", query))
    }

    fn read(&self, cx: &MintContext, body: &[u8]) -> Result<Credential, ApiError> {
        let token = HandedOut::text(text(body)?).jwt(endpoints::name(Service::Metadata))?;
        let expires = expiry(&token);
        Ok(cx.made(token, expires))
    }

    fn gcloud(&self, _: &MintContext) -> Result<Gcloud, String> {
        let mut words = vec![
            format!("gcloud auth print-identity-token --audiences={}", quote(self.audience)),
            format!("--token-format={}", self.format()),
        ];
        words.extend((self.full && self.licenses).then(|| "--include-license".to_owned()));
        let differs = "it uses the default account, and works only if no one is logged in to gcloud";
        Ok(Gcloud { words, differs, ..Gcloud::default() })
    }
}

fn sent(cx: &MintContext, method: &'static str, last: &str, query: Vec<(&'static str, String)>) -> Sent {
    let account = metadata_segment(&cx.request.account);
    let path = format!("{ROOT}/instance/service-accounts/{account}/{last}");
    Sent { method, base: Service::Metadata, path, query, body: None }
}

#[cfg(test)]
mod tests {
    use crate::{
        api::{
            Client, Settings,
            credentials::preview,
            testing::{Server, answer, bare_token},
        },
        http::endpoints::Endpoints,
        local::env::Env,
        model::credential::{MintRequest, What},
    };

    fn path_and_query(request: &MintRequest) -> String {
        let google = Endpoints::new(&Env::default(), None).unwrap();
        preview(request, &google, jiff::Timestamp::UNIX_EPOCH).unwrap().url_path
    }

    fn request(what: What) -> MintRequest {
        MintRequest { account: "default".into(), delegates: vec![], what }
    }

    #[test]
    fn a_token_is_asked_for_by_path_and_query() {
        let path = |what| path_and_query(&request(what));
        let scopes = vec!["https://a/b".to_owned(), "openid".to_owned()];
        assert_eq!(
            path(What::MetadataAccess { scopes }),
            "/computeMetadata/v1/instance/service-accounts/default/token?scopes=https%3A%2F%2Fa%2Fb%2Copenid"
        );
        assert_eq!(
            path(What::MetadataAccess { scopes: vec![] }),
            "/computeMetadata/v1/instance/service-accounts/default/token"
        );
        let id = |full, licenses| What::MetadataId { audience: "https://a.example".into(), full, licenses };
        assert!(path(id(false, true)).ends_with("identity?audience=https%3A%2F%2Fa.example&format=standard"));
        assert!(path(id(true, true)).ends_with("&format=full&licenses=TRUE"));
    }

    #[tokio::test]
    async fn request_is_the_previewed_one_when_a_value_needs_encoding() {
        let server = Server::start([answer(404, "Metadata-Flavor: Google\r\n", "")]).await;
        let host = server.url.trim_start_matches("http://");
        let endpoints = Endpoints::new(&Env::from_vars([("GCE_METADATA_HOST", host)]), None).unwrap();
        let audience = "https://a.example/~b*c d+e&f='\u{e9}'".to_owned();
        let request = request(What::MetadataId { audience, full: false, licenses: false });
        assert!(Client::new(Settings::new(endpoints, bare_token())).mint(&request).await.is_err());
        let sent = server.requests().await.remove(0);
        assert_eq!(sent.split(' ').nth(1), Some(path_and_query(&request).as_str()));
    }

    #[tokio::test]
    async fn a_404_says_whether_the_account_is_attached() {
        let list =
            r#"{"default":{"aliases":["default"],"email":"web@shop-1.iam.gserviceaccount.com","scopes":[]}}"#;
        let said = |status: u16, body: &str| answer(status, "Metadata-Flavor: Google\r\n", body);
        for (list, account, sentence, next) in [
            (
                said(200, list),
                "default",
                "“default” is attached to this machine, but its metadata server has no token for it: no annotation.",
                "iam.gke.io/gcp-service-account",
            ),
            (
                said(200, list),
                "web@shop-1.iam.gserviceaccount.com",
                "is attached to this machine, but",
                "seconds old",
            ),
            (
                said(200, list),
                "other@shop-1.iam.gserviceaccount.com",
                "isn't attached to this machine",
                "Use default",
            ),
            (said(404, ""), "default", "isn't attached to this machine", "attach one"),
            (said(403, ""), "default", "isn't attached to this machine", "Use default"),
        ] {
            let server = Server::start([said(404, "no annotation.\n"), list]).await;
            let host = server.url.trim_start_matches("http://");
            let endpoints = Endpoints::new(&Env::from_vars([("GCE_METADATA_HOST", host)]), None).unwrap();
            let what =
                What::MetadataId { audience: "https://a.example".into(), full: false, licenses: false };
            let request = MintRequest { account: account.into(), ..request(what) };
            let error = Client::new(Settings::new(endpoints, bare_token())).mint(&request).await.unwrap_err();
            assert!(error.sentence().contains(sentence), "{account}: {}", error.sentence());
            assert!(error.next().unwrap_or_default().contains(next), "{error:?}");
        }
    }

    #[test]
    fn an_email_goes_into_the_path_as_googles_libraries_send_it() {
        let named = |account: &str| {
            let what = What::MetadataAccess { scopes: vec![] };
            path_and_query(&MintRequest { account: account.into(), delegates: vec![], what })
        };
        let folder = "/computeMetadata/v1/instance/service-accounts";
        assert_eq!(
            named("a@p.iam.gserviceaccount.com"),
            format!("{folder}/a@p.iam.gserviceaccount.com/token")
        );
        assert_eq!(named("a/../b?c"), format!("{folder}/a%2F..%2Fb%3Fc/token"));
    }
}
