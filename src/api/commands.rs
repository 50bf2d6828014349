//! The same request as a curl or a gcloud command for a POSIX shell, to be copied from forms and shelf. They hold no
//! token: curl gets the caller's from gcloud when it runs, and gcloud is kept from writing one to its log. Beside them the
//! few others that are offered: the export of a token, which holds it, and those that show what a lost write became.

use jiff::Timestamp;

use crate::{
    api::credentials::{Gcloud, MintContext, Preview, kind_of, preview},
    http::endpoints::Endpoints,
    model::{
        credential::{Kind, MintRequest},
        shell::quote,
    },
};

/// gcloud writes what it prints to a log that others may read, unless it is told not to.
const NO_LOG: &str = "CLOUDSDK_CORE_DISABLE_FILE_LOGGING=true";

/// Stands in a body for what the shell puts there.
const HERE: &str = "@@payload@@";

/// A command, and in which way it does otherwise than the request that is sent from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// One line for a POSIX shell.
    pub text: String,
    /// A clause; empty when it does the same.
    pub(crate) differs: &'static str,
}

/// The request as curl, as it would be sent at this time. The caller's token comes from gcloud when it runs; where
/// the services are moved, from `$TOKEN`, for gcloud knows no token there.
///
/// # Errors
/// Those of [`preview`].
pub fn curl(
    request: &MintRequest,
    endpoints: &Endpoints,
    quota_project: Option<&str>,
    at: Timestamp,
) -> Result<Command, String> {
    let Preview { method, base, url_path, body } = preview(request, endpoints, at)?;
    let url = quote(&format!("{}{url_path}", endpoints.url(base)));
    let Some(mut body) = body else {
        let text = format!("curl -sS -H 'Metadata-Flavor: Google' {url}");
        return Ok(Command { text, differs: "" });
    };
    let token = if endpoints.overridden().is_empty() {
        format!("$({NO_LOG} gcloud auth print-access-token)")
    } else {
        "$TOKEN".to_owned()
    };
    let kind = kind_of(&request.what);
    let (input, data) = match kind.file() {
        // By stdin: a file has no room in an argument.
        Some(path) => {
            body["payload"] = HERE.into();
            let body = body.to_string();
            let (before, after) = body.split_once(HERE).unwrap_or((&body, ""));
            let file = quote(&path.display().to_string());
            let (before, after) = (quote(before), quote(after));
            let input =
                format!("{{ printf %s {before}; base64 < {file} | tr -d '\\n'; printf %s {after}; }} | ");
            (input, "@-".to_owned())
        }
        None => (String::new(), quote(&body.to_string())),
    };
    let charged = quota_project
        .map(|project| format!(" -H {}", quote(&format!("x-goog-user-project: {project}"))))
        .unwrap_or_default();
    let text = format!(
        "{input}curl -sS -X {method} -H \"Authorization: Bearer {token}\"{charged} -H 'Content-Type: application/json' -d {data} {url}"
    );
    Ok(Command { text, differs: kind.curl_differs() })
}

/// The gcloud command that comes nearest. It carries the endpoints where they are moved.
///
/// # Errors
/// One sentence where gcloud has no such command, or the claims would be refused.
pub fn gcloud(
    request: &MintRequest,
    endpoints: &Endpoints,
    quota_project: Option<&str>,
    at: Timestamp,
) -> Result<Command, String> {
    let Gcloud { input, words: command, output, differs } =
        kind_of(&request.what).gcloud(&MintContext { request, endpoints, at })?;
    let mut words = vec![NO_LOG.to_owned()];
    // gcloud knows nothing of our own variables.
    let moved = endpoints.as_env().into_iter();
    words.extend(moved.filter_map(|(name, value)| match name {
        "GCE_METADATA_HOST" => Some(format!("GCE_METADATA_ROOT={}", quote(&value))),
        name => name.starts_with("CLOUDSDK_").then(|| format!("{name}={}", quote(&value))),
    }));
    words.extend(command);
    // A machine's own token is charged to nobody else.
    let charged = quota_project.filter(|_| request.kind() != Kind::Metadata);
    words.extend(charged.map(|project| format!("--billing-project={}", quote(project))));
    words.extend(output.map(str::to_owned));
    let text = words.join(" ");
    Ok(Command { text: input.map_or(text.clone(), |input| format!("{input} | {text}")), differs })
}

/// Gives a token to other programs, in a variable of theirs. The leading space keeps the line out of most shells'
/// histories; endpoints that are not Google's go along, so that a token of the demo is never taken for a real one.
pub fn export(variable: &str, token: &str, endpoints: &Endpoints) -> String {
    let moved = endpoints.as_env().into_iter();
    let moved: String = moved.map(|(name, value)| format!("export {name}={}; ", quote(&value))).collect();
    format!(" {moved}export {variable}={}", quote(token))
}

/// Shows the policy of an account as it is now.
pub fn show_policy(account: &str) -> String {
    format!("impersona policy get {}", quote(account))
}

/// Shows whether an API is on in a project.
pub fn show_api(project: &str, service: &str) -> String {
    let filter = quote(&format!("config.name:{service}"));
    format!("gcloud services list --enabled --project={} --filter={filter}", quote(project))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        local::env::Env,
        model::{
            credential::{Payload, What},
            scopes,
            signed_url::SignedUrl,
        },
    };

    const SA: &str = "sa@p.iam.gserviceaccount.com";
    const D1: &str = "d1@p.iam.gserviceaccount.com";

    fn request(what: What, delegates: &[&str]) -> MintRequest {
        let delegates = delegates.iter().map(|name| (*name).to_owned()).collect();
        MintRequest { account: SA.into(), delegates, what }
    }

    fn access(delegates: &[&str]) -> MintRequest {
        request(
            What::AccessToken { scopes: vec![scopes::DEFAULT.into()], lifetime_seconds: 3_600 },
            delegates,
        )
    }

    fn id(audience: &str) -> MintRequest {
        let what =
            What::IdToken { audience: audience.into(), include_email: true, organization_number: false };
        request(what, &[])
    }

    fn google() -> Endpoints {
        Endpoints::new(&Env::default(), None).unwrap()
    }

    fn at() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn by_gcloud(request: &MintRequest) -> String {
        gcloud(request, &google(), None, at()).unwrap().text
    }

    fn by_curl(request: &MintRequest) -> String {
        curl(request, &google(), None, at()).unwrap().text
    }

    #[test]
    fn copied_commands_hold_no_token_and_keep_gcloud_from_logging_one() {
        let text = by_curl(&access(&[]));
        assert!(
            text.contains("$(CLOUDSDK_CORE_DISABLE_FILE_LOGGING=true gcloud auth print-access-token)"),
            "{text}"
        );
        assert!(text.ends_with(
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/sa%40p.iam.gserviceaccount.com:generateAccessToken"
        ));
        assert_eq!(
            by_gcloud(&access(&[D1])),
            "CLOUDSDK_CORE_DISABLE_FILE_LOGGING=true gcloud auth print-access-token \
             --impersonate-service-account=d1@p.iam.gserviceaccount.com,sa@p.iam.gserviceaccount.com --lifetime=3600s"
        );
    }

    #[test]
    fn what_is_copied_against_a_moved_service_says_so() {
        let variable = "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS";
        let moved = Endpoints::new(&Env::from_vars([(variable, "http://127.0.0.1:8787")]), None).unwrap();
        let text = gcloud(&access(&[]), &moved, None, at()).unwrap().text;
        assert!(text.contains(&format!("{variable}=http://127.0.0.1:8787/ gcloud")));
        let text = curl(&access(&[]), &moved, None, at()).unwrap().text;
        assert!(text.contains("Bearer $TOKEN\"") && text.contains("http://127.0.0.1:8787/v1/"), "{text}");
    }

    #[test]
    fn nothing_typed_can_break_out_of_a_copied_command() {
        let text = by_gcloud(&id("it's $(rm -rf ~); `x` \"y\""));
        assert!(text.contains(r#"--audiences='it'\''s $(rm -rf ~); `x` "y"'"#), "{text}");
        // What acts on a terminal is not in it at all.
        let text = by_gcloud(&id("a\x1b[201~\nrm -rf ~\r."));
        assert!(text.contains(r#"--audiences="$(printf %b 'a\0033[201~\0012rm -rf ~\0015.')""#), "{text}");
        let file = request(What::SignedBlob(Payload::File("a'; rm -rf ~ #".into())), &[]);
        assert!(by_curl(&file).contains(r"base64 < 'a'\''; rm -rf ~ #' | tr -d '\n'"), "{}", by_curl(&file));
        assert!(by_gcloud(&file).contains(r"'a'\''; rm -rf ~ #' -"));
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn a_jwt_is_signed_by_gcloud_from_stdin_with_the_times_of_now() {
        let what = What::SignedJwt { claims: "{\"aud\":\"x\"}".into(), lifetime_seconds: Some(60) };
        assert_eq!(
            by_gcloud(&request(what.clone(), &[])),
            "printf %s '{\"aud\":\"x\", \"iat\": 1800000000, \"exp\": 1800000060 }' | \
             CLOUDSDK_CORE_DISABLE_FILE_LOGGING=true gcloud iam service-accounts sign-jwt \
             --iam-account=sa@p.iam.gserviceaccount.com /dev/stdin -"
        );
        let chained = gcloud(&request(what, &[D1]), &google(), None, at()).unwrap();
        assert!(
            chained.text.contains("--impersonate-service-account=d1@p.iam.gserviceaccount.com /dev/stdin")
        );
        assert!(chained.differs.contains("last delegate"));
        let ended = What::SignedJwt { claims: "{\"exp\":1}".into(), lifetime_seconds: None };
        assert!(gcloud(&request(ended, &[]), &google(), None, at()).is_err());
    }

    #[test]
    fn a_blob_goes_in_as_it_is_and_comes_out_as_base64() {
        let text = by_gcloud(&request(What::SignedBlob(Payload::Bytes(b"\0x".to_vec())), &[]));
        assert!(
            text.starts_with("printf %s AHg= | base64 -d | CLOUDSDK")
                && text.ends_with("/dev/stdin - | base64 | tr -d '\\n'")
        );
    }

    #[test]
    fn a_signed_url_carries_headers_and_parameters_in_gclouds_own_lists() {
        let url = SignedUrl {
            method: "PUT".into(),
            bucket: "acme-drop".into(),
            object: "a b.txt".into(),
            expires_seconds: 900,
            headers: vec![
                ("content-type".into(), "text/plain".into()),
                ("x-goog-meta-a".into(), "1,2".into()),
            ],
            query: vec![("generation".into(), "7".into())],
            virtual_host: false,
        };
        let text = by_gcloud(&request(What::SignedUrl(url), &[D1]));
        assert!(
            text.contains(
                "gcloud storage sign-url 'gs://acme-drop/a b.txt' --duration=900s --http-verb=PUT \
             --headers='^|^content-type=text/plain|x-goog-meta-a=1,2' --query-params=generation=7 \
             --impersonate-service-account=d1@p.iam.gserviceaccount.com,sa@p.iam.gserviceaccount.com"
            ),
            "{text}"
        );
    }

    #[test]
    fn what_is_charged_elsewhere_says_so_in_the_commands_too() {
        let text = curl(&access(&[]), &google(), Some("acme-quota"), at()).unwrap().text;
        assert!(text.contains("-H 'x-goog-user-project: acme-quota'"), "{text}");
        let text = gcloud(&access(&[]), &google(), Some("acme-quota"), at()).unwrap().text;
        assert!(text.ends_with("--billing-project=acme-quota"), "{text}");
    }

    #[test]
    fn a_metadata_token_needs_no_login() {
        let what = What::MetadataId { audience: "https://a.example".into(), full: true, licenses: true };
        let request = MintRequest { account: "default".into(), ..request(what, &[]) };
        assert_eq!(
            by_curl(&request),
            "curl -sS -H 'Metadata-Flavor: Google' 'http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity?audience=https%3A%2F%2Fa.example&format=full&licenses=TRUE'"
        );
        assert!(by_gcloud(&request).ends_with("--token-format=full --include-license"));
    }
}
