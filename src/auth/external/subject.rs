//! Where a foreign token comes from: a file, an address, a program, or AWS. Nothing of it is logged; a program runs
//! without a shell, and only where Google's own variable allows it.

use std::{path::PathBuf, process::Stdio, time::Duration};

use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use super::{External, aws, no_subject, seconds};
use crate::{
    auth::fields::{Fields, printable},
    http::{
        ApiError, ErrorKind, endpoints::Service, handed_out::HandedOut, request_spec::RequestSpec,
        transport::Http,
    },
    local::env::Env,
    model::{denial::RequestContext, secret::Secret},
    text::decode::decode,
};

/// No foreign token is larger.
const MOST: u64 = 256 * 1024;

/// Where the foreign token comes from.
#[derive(Clone, Debug)]
pub(in crate::auth) enum Source {
    /// A file that something else keeps fresh.
    File { path: PathBuf, form: Form },
    /// An address that is asked by `GET`.
    Url { url: String, headers: Vec<(String, Secret)>, form: Form },
    /// A program that prints it.
    Executable(Executable),
    /// A signed request to AWS, which proves who asks.
    Aws(aws::Aws),
}

/// How the token stands in what was read.
#[derive(Clone, Debug)]
pub(in crate::auth) enum Form {
    /// It is all there is.
    Text,
    /// In this field of a JSON object.
    Json(String),
}

/// A program that prints a token.
#[derive(Clone, Debug)]
pub(in crate::auth) struct Executable {
    /// The program and its arguments, split at white space as google-auth does: no shell.
    pub(in crate::auth) argv: Vec<String>,
    timeout: Duration,
    output_file: Option<PathBuf>,
    /// Whether `GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES` is 1.
    allowed: bool,
}

/// Reads `credential_source`. Exactly one kind may be there. `mtls` tells whether the file has the type of a client
/// certificate.
pub(super) fn read(mut fields: Fields, mtls: bool) -> Result<Source, String> {
    let kinds = ["file", "url", "executable", "certificate", "environment_id"];
    let there: Vec<&str> = kinds.into_iter().filter(|kind| fields.has(kind)).collect();
    // AWS has a `url` of its own.
    match there.as_slice() {
        [] => Err("has no source in its field “credential_source”: it needs file, url, executable or environment_id".to_owned()),
        ["certificate"] => Err(certificate(fields, mtls)?),
        ["file"] => {
            let path = PathBuf::from(fields.required("file")?);
            Ok(Source::File { path, form: form(&mut fields)? })
        }
        ["url"] => {
            let url = fields.required_url("url")?;
            let headers = match fields.object("headers")? {
                Some(headers) => headers.headers()?,
                None => Vec::new(),
            };
            Ok(Source::Url { url, headers, form: form(&mut fields)? })
        }
        ["executable"] => executable(fields).map(Source::Executable),
        ["environment_id"] | ["url", "environment_id"] => aws::read(fields).map(Source::Aws),
        several => Err(format!("has several sources in its field “credential_source”: {}", several.join(", "))),
    }
}

/// What is said of a client certificate: the whole of it is read, and its use isn't built.
fn certificate(mut fields: Fields, mtls: bool) -> Result<String, String> {
    let mut inner = fields.object("certificate")?.ok_or_else(|| fields.lacks("certificate"))?;
    let default = inner.flag("use_default_certificate_config")?.unwrap_or(false);
    let location = inner.optional("certificate_config_location")?;
    inner.optional("trust_chain_path")?;
    let also = match (default, location.is_some(), mtls) {
        (true, true, _) | (false, false, _) => {
            " (its field “credential_source.certificate” must also have either use_default_certificate_config or certificate_config_location)"
        }
        (_, _, false) => {
            " (its field “subject_token_type” must also be urn:ietf:params:oauth:token-type:mtls)"
        }
        (_, _, true) => "",
    };
    Ok(format!(
        "has the source “certificate” in its field “credential_source”, which needs mutual TLS and isn't supported{also}"
    ))
}

fn form(fields: &mut Fields) -> Result<Form, String> {
    let Some(mut format) = fields.object("format")? else { return Ok(Form::Text) };
    match format.optional("type")?.as_deref() {
        None | Some("text") => Ok(Form::Text),
        Some("json") => format.required("subject_token_field_name").map(Form::Json),
        Some(_) => Err("must have text or json in its field “credential_source.format.type”".to_owned()),
    }
}

fn executable(mut fields: Fields) -> Result<Executable, String> {
    let mut inner = fields.object("executable")?.ok_or_else(|| fields.lacks("executable"))?;
    let command = inner.required("command")?;
    let argv: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    let millis = inner.number("timeout_millis")?.unwrap_or(30_000);
    if !(5_000..=120_000).contains(&millis) {
        return Err(
            "has a time outside 5000 to 120000 in its field “credential_source.executable.timeout_millis”"
                .to_owned(),
        );
    }
    Ok(Executable {
        argv,
        timeout: Duration::from_millis(millis),
        output_file: inner.optional("output_file")?.map(PathBuf::from),
        allowed: false,
    })
}

impl Source {
    /// The addresses that it asks.
    pub(super) fn addresses(&self) -> Vec<&str> {
        match self {
            Source::Url { url, .. } => vec![url],
            Source::Aws(aws) => aws.addresses(),
            Source::File { .. } | Source::Executable(_) => Vec::new(),
        }
    }

    pub(super) fn with_environment(&mut self, env: &Env) {
        match self {
            Source::Executable(executable) => {
                executable.allowed = env.get("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES") == Some("1");
            }
            Source::Aws(aws) => aws.with_environment(env),
            Source::File { .. } | Source::Url { .. } => {}
        }
    }

    /// Gets the token, and looks at what it is made of: it comes from somewhere else.
    pub(super) async fn token(&self, external: &External, http: &Http) -> Result<Secret, ApiError> {
        let token = self.fetch(external, http).await?;
        HandedOut::from(token)
            .subject("the source")
            .map_err(|error| no_subject(error.message.trim_end_matches('.')))
    }

    async fn fetch(&self, external: &External, http: &Http) -> Result<Secret, ApiError> {
        match self {
            Source::File { path, form } => {
                let bytes =
                    contents(path).await.map_err(|why| no_subject(format!("{} {why}", path.display())))?;
                extract(&bytes, form).map_err(|why| no_subject(format!("{} {why}", path.display())))
            }
            Source::Url { url, headers, form } => {
                let spec = source_request(url, headers.clone(), "subject token");
                let answer = http.send(&spec, None).await.map_err(|error| about_the_source(error, url))?;
                extract(&answer.body, form)
                    .map_err(|why| no_subject(format!("the response from its URL {why}")))
            }
            Source::Executable(executable) => executable.run(external).await,
            Source::Aws(aws) => aws.token(&external.audience, http).await,
        }
    }
}

/// A request to an address of the file, without the caller's token.
pub(super) fn source_request(url: &str, headers: Vec<(String, Secret)>, method: &'static str) -> RequestSpec {
    let asked = RequestContext::new("the source of the subject token", method);
    RequestSpec {
        address: Some(url.to_owned()),
        headers,
        auth: false,
        ..RequestSpec::get(Service::Token, String::new(), asked)
    }
}

pub(super) fn host_of(url: &str) -> String {
    reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

/// Whatever goes wrong at the address of a subject token is about the caller's credentials, and Google has no part in
/// it.
fn about_the_source(error: ApiError, url: &str) -> ApiError {
    let host = host_of(url);
    let (why, next) = match error.status {
        Some(status @ (401 | 403)) => (
            format!("{host} responded with {status}"),
            "Check credential_source.headers in the credentials file: what responds there wants another header or secret.",
        ),
        Some(status @ 500..) => (format!("{host} responded with {status}"), "Try again in a moment."),
        Some(status) => (
            format!("{host} responded with {status}"),
            "Check the address in credential_source.url of the credentials file.",
        ),
        None => (
            error.sentence().trim_end_matches('.').to_owned(),
            "Check the address in credential_source.url of the credentials file, and that what gives out the token is running.",
        ),
    };
    no_subject(why).with_next(next)
}

async fn contents(path: &std::path::Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let said = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "isn't readable by you".to_owned(),
        _ => format!("can't be read: {error}"),
    };
    let file = tokio::fs::File::open(path).await.map_err(said)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 * 1024));
    file.take(MOST + 1).read_to_end(&mut bytes).await.map_err(said)?;
    if bytes.len() as u64 > MOST {
        return Err("is too large for a token".to_owned());
    }
    Ok(bytes)
}

fn extract(bytes: &[u8], form: &Form) -> Result<Secret, String> {
    let text = &*decode(bytes).map_err(|_| "isn't UTF-8 text".to_owned())?;
    let token = match form {
        Form::Text if text.trim_start().starts_with('{') => {
            return Err("is JSON, but the file expects the bare token: set credential_source.format to {\"type\": \"json\", \"subject_token_field_name\": …}".to_owned());
        }
        Form::Text => text.trim().to_owned(),
        Form::Json(field) => {
            let invalid = |_| match text.trim_start().starts_with("eyJ") {
                true => {
                    "isn't valid JSON but a bare token: set credential_source.format.type to text".to_owned()
                }
                false => "isn't valid JSON".to_owned(),
            };
            let value: Value = serde_json::from_str(text).map_err(invalid)?;
            let token = value.get(field).and_then(Value::as_str);
            token
                .ok_or_else(|| format!("has no string in its field “{field}”{}", strings_in(&value)))?
                .to_owned()
        }
    };
    if token.is_empty() { Err("is empty".to_owned()) } else { Ok(Secret::new(token)) }
}

/// The names of an object's texts, for someone who looks for the token's.
fn strings_in(value: &Value) -> String {
    let fields = value.as_object().into_iter().flatten().filter(|(_, value)| value.is_string());
    let names = fields.map(|(name, _)| printable(name)).filter(|name| !name.is_empty());
    let names: Vec<String> = names.take(5).collect();
    if names.is_empty() { String::new() } else { format!("; it has {}", names.join(", ")) }
}

/// What the program prints (Google's documents of executable-sourced credentials).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Printed {
    version: Value,
    success: Value,
    id_token: Option<Secret>,
    saml_response: Option<Secret>,
    expiration_time: Value,
    code: Value,
}

impl Executable {
    async fn run(&self, external: &External) -> Result<Secret, ApiError> {
        let argv = self.argv.join(" ");
        if !self.allowed {
            let message = format!("The credentials file would run a program, which isn't allowed: {argv}.");
            return Err(ApiError::new(ErrorKind::Credentials, message).with_next(
                "If you trust it, set GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1, as for Google's own libraries.",
            ));
        }
        if let Some(path) = &self.output_file
            && let Ok(bytes) = contents(path).await
            && let Ok(cached) = serde_json::from_slice::<Printed>(&bytes)
            // Only what says itself that it is still good.
            && cached.expiration_time.as_i64().is_some_and(|end| end > seconds())
            && let Ok(token) = cached.token()
        {
            return Ok(token);
        }
        let [program, arguments @ ..] = self.argv.as_slice() else {
            return Err(no_subject("the field credential_source.executable.command is empty"));
        };
        let mut command = tokio::process::Command::new(program);
        command
            .args(arguments)
            .env("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", &external.audience)
            .env("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", &external.subject_token_type)
            .env("GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", "0")
            .env("GOOGLE_EXTERNAL_ACCOUNT_REVOKE", "0")
            // It belongs to another caller, and is nothing to this program.
            .env_remove("CLOUDSDK_AUTH_ACCESS_TOKEN")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if let Some(account) = external.account() {
            command.env("GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL", account);
        }
        if let Some(path) = &self.output_file {
            command.env("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", path);
        }
        let mut child =
            command.spawn().map_err(|error| no_subject(format!("{program} doesn't start: {error}")))?;
        let mut out = Zeroizing::new(Vec::with_capacity(8 * 1024));
        let work = async {
            if let Some(stdout) = child.stdout.take() {
                stdout.take(MOST).read_to_end(&mut out).await?;
            }
            child.wait().await
        };
        let status = tokio::time::timeout(self.timeout, work)
            .await
            .map_err(|_| no_subject(format!("{program} took longer than {} s", self.timeout.as_secs())))?
            .map_err(|error| no_subject(format!("{program} can't be run: {error}")))?;
        if !status.success() {
            return Err(no_subject(format!("{program} failed with {status}")));
        }
        // A program that has an output file may print nothing and write there.
        if let Some(path) = self.output_file.as_ref().filter(|_| out.trim_ascii().is_empty()) {
            let about = |why| no_subject(format!("{program} printed nothing, and its output file {why}"));
            out = contents(path).await.map_err(about)?;
        }
        let printed: Printed = serde_json::from_slice(&out).map_err(|_| {
            no_subject(format!("the output of {program} isn't the JSON that Google documents"))
                .with_next("It must print {\"version\": 1, \"success\": true, \"token_type\": …, \"id_token\": …} and nothing else on stdout.")
        })?;
        printed.token().map_err(|why| no_subject(format!("{program} {why}")))
    }
}

impl Printed {
    fn token(self) -> Result<Secret, String> {
        match &self.version {
            version if version.as_u64() == Some(1) => {}
            Value::Number(version) => return Err(format!("uses version {version}; only 1 is supported")),
            _ => return Err("must print 1 in the field “version”".to_owned()),
        }
        match &self.success {
            Value::Bool(true) => {}
            Value::Bool(false) => {
                let code = self.code.as_str().map_or_else(|| self.code.to_string(), str::to_owned);
                return Err(format!("reported a failure (code {})", printable(&code)));
            }
            _ => return Err("must print true or false in the field “success”".to_owned()),
        }
        match &self.expiration_time {
            Value::Null => {}
            time => match time.as_i64() {
                Some(end) if end > 100_000_000_000 => {
                    return Err("must print “expiration_time” in seconds, not milliseconds".to_owned());
                }
                Some(end) if end > seconds() => {}
                Some(_) => return Err("returned an expired token".to_owned()),
                None => {
                    return Err("must print a number of seconds in the field “expiration_time”".to_owned());
                }
            },
        }
        self.id_token
            .or(self.saml_response)
            .filter(|token| !token.is_empty())
            .ok_or_else(|| "returned no token".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_out_of_text_or_a_field() {
        let token = |bytes: &[u8], form: &Form| extract(bytes, form).map(|token| token.expose().to_owned());
        assert_eq!(token(b" eyJ.x\n", &Form::Text).as_deref(), Ok("eyJ.x"));
        let field = Form::Json("access_token".into());
        assert_eq!(token(br#"{"access_token":"eyJ.x"}"#, &field).as_deref(), Ok("eyJ.x"));
        for (bytes, part) in [
            (&b"{}"[..], "has no string in its field “access_token”"),
            (br#"{"access_token":7}"#, "has no string"),
            (b"eyJ", "isn't valid JSON"),
            (b"\xff", "isn't UTF-8 text"),
        ] {
            assert!(token(bytes, &field).unwrap_err().contains(part));
        }
        assert!(token(b" \n", &Form::Text).unwrap_err().contains("is empty"));
    }

    #[test]
    fn what_a_program_prints_is_taken_only_when_it_says_that_it_went_well() {
        let token = |text: &str| {
            serde_json::from_str::<Printed>(text).unwrap().token().map(|t| t.expose().to_owned())
        };
        assert_eq!(token(r#"{"version":1,"success":true,"id_token":"eyJ.x"}"#).as_deref(), Ok("eyJ.x"));
        assert_eq!(token(r#"{"version":1,"success":true,"saml_response":"PHg+"}"#).as_deref(), Ok("PHg+"));
        for (text, part) in [
            (r#"{"version":2,"success":true,"id_token":"x"}"#, "version 2"),
            (r#"{"version":1,"success":false,"code":"401","message":"secret"}"#, "code 401"),
            (r#"{"version":1,"success":true,"id_token":"x","expiration_time":1}"#, "expired"),
            (r#"{"version":1,"success":true}"#, "no token"),
        ] {
            let why = token(text).unwrap_err();
            assert!(why.contains(part) && !why.contains("secret"), "{why}");
        }
    }
}
