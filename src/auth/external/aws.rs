//! AWS as a source: a request to `GetCallerIdentity`, signed but never sent by us, which lets Google ask AWS who we
//! are. Signature Version 4 for this one request is a page of HMACs; the libraries for it bring an SDK along.

use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    no_subject, seconds,
    subject::{host_of, source_request},
};
use crate::{
    auth::fields::Fields,
    http::{
        ApiError, ErrorKind,
        answer::{Answer, decode},
        endpoints::Service,
        handed_out::{self, HandedOut},
        request_spec::{Method, RequestSpec, segment},
        transport::Http,
    },
    local::env::Env,
    model::{denial::RequestContext, secret::Secret},
};

/// How long a session token of the machine's metadata is asked for, in seconds, as google-auth does.
const SESSION_SECONDS: &str = "300";

/// What the file says about AWS.
#[derive(Clone, Debug)]
pub(in crate::auth) struct Aws {
    region_url: Option<String>,
    url: Option<String>,
    verification_url: String,
    session_url: Option<String>,
    region: Option<String>,
    keys: Option<Keys>,
    /// The variable that the environment's keys lack.
    missing: Option<&'static str>,
}

/// Keys of AWS.
#[derive(Clone, Debug)]
pub(in crate::auth) struct Keys {
    id: String,
    secret: Secret,
    token: Option<Secret>,
}

/// Reads `credential_source`.
pub(super) fn read(mut fields: Fields) -> Result<Aws, String> {
    let environment = fields.required("environment_id")?;
    if environment != "aws1" {
        return Err("must have aws1 in its field “credential_source.environment_id”".to_owned());
    }
    Ok(Aws {
        region_url: fields.optional_url("region_url")?,
        url: fields.optional_url("url")?,
        verification_url: fields.required("regional_cred_verification_url")?,
        session_url: fields.optional_url("imdsv2_session_token_url")?,
        region: None,
        keys: None,
        missing: None,
    })
}

impl Aws {
    /// What it asks, where the environment does not tell. The address for `GetCallerIdentity` is only signed, and is Google's to call.
    pub(super) fn addresses(&self) -> Vec<&str> {
        let region = self.region_url.as_ref().filter(|_| self.region.is_none());
        let keys = self.url.as_ref().filter(|_| self.keys.is_none());
        let session = self.session_url.as_ref().filter(|_| region.is_some() || keys.is_some());
        [region, keys, session].into_iter().flatten().map(String::as_str).collect()
    }

    /// Whether the environment names the keys that it signs with.
    pub(in crate::auth) fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Keys and region of the environment go before those of the machine.
    pub(super) fn with_environment(&mut self, env: &Env) {
        self.region = env.get("AWS_REGION").or_else(|| env.get("AWS_DEFAULT_REGION")).map(str::to_owned);
        let (id, secret) = (env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY"));
        let token = env.get("AWS_SESSION_TOKEN");
        self.keys = id.zip(secret).map(|(id, secret)| Keys {
            id: id.to_owned(),
            secret: Secret::new(secret),
            token: token.map(Secret::new),
        });
        self.missing = match (id, secret) {
            (Some(_), None) => Some("AWS_SECRET_ACCESS_KEY"),
            (None, Some(_)) => Some("AWS_ACCESS_KEY_ID"),
            // The keys of a session or role begin so, and are nothing without its token.
            (Some(id), Some(_)) if id.starts_with("ASIA") && token.is_none() => Some("AWS_SESSION_TOKEN"),
            _ => None,
        };
    }

    /// The signed request, as the text that the Security Token Service takes.
    pub(super) async fn token(&self, audience: &str, http: &Http) -> Result<Secret, ApiError> {
        if let (Some(_), Some(missing)) = (&self.keys, self.missing) {
            let why = format!("the environment has the keys of an AWS session, but {missing} is not set");
            return Err(no_subject(why).with_next(FROM_ENVIRONMENT));
        }
        let session = match (&self.session_url, self.region.is_some() && self.keys.is_some()) {
            (Some(url), false) => Some(self.session(url, http).await?),
            _ => None,
        };
        let region = match (&self.region, &self.region_url) {
            (Some(region), _) => region.clone(),
            (None, Some(url)) => {
                let zone = self.question(Question::Region, url, session.as_ref(), http).await?;
                // The zone is the region and one letter.
                let zone = String::from_utf8_lossy(&zone).trim().to_owned();
                let region = zone.get(..zone.len().saturating_sub(1)).unwrap_or_default();
                handed_out::label(region, "AWS")?
            }
            (None, None) => {
                return Err(no_subject(
                    "neither AWS_REGION nor the field credential_source.region_url is set",
                ));
            }
        };
        let keys = match (&self.keys, &self.url) {
            (Some(keys), _) => keys.clone(),
            (None, Some(url)) => self.role_keys(url, session.as_ref(), http).await?,
            (None, None) => {
                let missing = self.missing.unwrap_or("AWS_ACCESS_KEY_ID");
                let why = format!("neither {missing} nor the field credential_source.url is set");
                return Err(no_subject(why).with_next(FROM_ENVIRONMENT));
            }
        };
        let address = self.verification_url.replace("{region}", &region);
        let at = Timestamp::from_second(seconds()).unwrap_or_default();
        signed(&address, &region, &keys, audience, at)
            .map_err(|why| no_subject(format!("the request to AWS can't be signed: {why}")))
    }

    async fn session(&self, url: &str, http: &Http) -> Result<Secret, ApiError> {
        let asked = RequestContext::new("AWS", "aws session");
        let spec = RequestSpec {
            method: Method::Put,
            address: Some(url.to_owned()),
            headers: vec![("X-aws-ec2-metadata-token-ttl-seconds".into(), Secret::new(SESSION_SECONDS))],
            auth: false,
            ..RequestSpec::get(Service::Token, String::new(), asked)
        };
        let answer = self.answer(Question::Session, url, http.send(&spec, None)).await?;
        HandedOut::text(String::from_utf8_lossy(&answer.body).trim()).word("AWS")
    }

    async fn role_keys(&self, url: &str, session: Option<&Secret>, http: &Http) -> Result<Keys, ApiError> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        struct RoleKeys {
            code: String,
            access_key_id: Option<String>,
            secret_access_key: Option<HandedOut>,
            token: Option<HandedOut>,
        }
        let role = self.question(Question::Role, url, session, http).await?;
        let role = String::from_utf8_lossy(&role).trim().to_owned();
        if role.is_empty() {
            return Err(no_subject("AWS's instance metadata names no role").with_next(NO_ROLE));
        }
        let address = format!("{}/{}", url.trim_end_matches('/'), segment(&handed_out::name(role, "AWS")?));
        let body = self.question(Question::Keys, &address, session, http).await?;
        let answer: RoleKeys = decode(&body, "AWS")?;
        let (Some(id), Some(secret)) = (answer.access_key_id, answer.secret_access_key) else {
            let code: String = answer.code.chars().filter(char::is_ascii_alphanumeric).take(60).collect();
            let code = if code.is_empty() { String::new() } else { format!(" (code {code})") };
            return Err(no_subject(format!("AWS's instance metadata has no keys for the role{code}"))
                .with_next("Check that the role still exists and that its trust policy lets ec2.amazonaws.com assume it."));
        };
        Ok(Keys {
            id: handed_out::name(id, "AWS")?,
            secret: secret.word("AWS")?,
            token: answer.token.map(|token| token.word("AWS")).transpose()?,
        })
    }

    /// Asks the machine's metadata.
    async fn question(
        &self,
        question: Question,
        url: &str,
        session: Option<&Secret>,
        http: &Http,
    ) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        let headers = session.map(|token| ("X-aws-ec2-metadata-token".to_owned(), token.clone()));
        let spec = source_request(url, headers.into_iter().collect(), question.method());
        Ok(self.answer(question, url, http.send(&spec, None)).await?.body)
    }

    /// The answer to a question, or which question failed and what helps. The metadata are one hop away, so a long
    /// silence is one for good.
    async fn answer(
        &self,
        question: Question,
        url: &str,
        sent: impl Future<Output = Result<Answer, ApiError>>,
    ) -> Result<Answer, ApiError> {
        let silent =
            |_| ApiError::new(ErrorKind::Timeout, format!("no response within {} s", PATIENCE.as_secs()));
        let error = match tokio::time::timeout(PATIENCE, sent).await.map_err(silent) {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) | Err(error) => error,
        };
        let why = match error.status {
            Some(status) => format!("{} responded with {status}", host_of(url)),
            None => error.sentence().trim_end_matches('.').to_owned(),
        };
        let unused = match self.missing {
            Some(missing) => {
                format!("; the environment's AWS keys aren't used, because {missing} is not set")
            }
            None => String::new(),
        };
        let what = question.what();
        let told = no_subject(format!("AWS's instance metadata didn't give {what} ({why}){unused}"));
        Err(told.with_next(question.cure(error.status, self.session_url.is_some())))
    }
}

/// How long the machine's metadata are waited for: longer than all repeats of a request take.
const PATIENCE: Duration = Duration::from_secs(5);

const FROM_ENVIRONMENT: &str = "Set AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for a role or session, AWS_SESSION_TOKEN: `aws configure export-credentials --format env` prints the last three.";

const NO_ROLE: &str = "Attach an IAM role to the instance: `aws ec2 associate-iam-instance-profile`; or set AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.";

/// The questions to AWS's instance metadata, in their order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    /// The token that the others need where IMDSv2 is required.
    Session,
    Region,
    /// The name of the attached role.
    Role,
    /// The keys of that role.
    Keys,
}

impl Question {
    fn method(self) -> &'static str {
        match self {
            Question::Session => "aws session",
            Question::Region => "aws region",
            Question::Role => "aws role",
            Question::Keys => "aws keys",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Question::Session => "an IMDSv2 session token",
            Question::Region => "the region",
            Question::Role => "the name of the attached role",
            Question::Keys => "the keys of the attached role",
        }
    }

    fn field(self) -> &'static str {
        match self {
            Question::Session => "credential_source.imdsv2_session_token_url",
            Question::Region => "credential_source.region_url",
            Question::Role | Question::Keys => "credential_source.url",
        }
    }

    /// What helps, by AWS's documents of the instance metadata service; `v2` if the file asks for a session token.
    fn cure(self, status: Option<u16>, v2: bool) -> String {
        match (status, self) {
            (Some(401), _) if !v2 => "The instance requires IMDSv2: create the credentials file again with `gcloud iam workload-identity-pools create-cred-config PROVIDER --aws --enable-imdsv2 …`, which adds imdsv2_session_token_url.".to_owned(),
            (Some(401), _) => format!("Something between here and the instance metadata drops the session token: check the addresses in {} and in credential_source.imdsv2_session_token_url.", self.field()),
            (Some(403), _) => "The instance metadata service is turned off or forbidden here: `aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled`.".to_owned(),
            (Some(404), Question::Role) => NO_ROLE.to_owned(),
            (Some(404), Question::Keys) => "The role was just changed or detached: try again, then check the instance profile.".to_owned(),
            (Some(400 | 404 | 405 | 415), _) => format!("This isn't EC2's own metadata service, or the address in {} is wrong. On SageMaker, ECS, EKS and Lambda, take the keys from the environment: `aws configure export-credentials --format env`, and AWS_REGION.", self.field()),
            (Some(500..), _) => "Try again in a moment.".to_owned(),
            (Some(_), _) => format!("Check the address in {}.", self.field()),
            (None, Question::Session) => "In a container, the hop limit of IMDSv2 has to be 2: `aws ec2 modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2`. Outside EC2, set AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.".to_owned(),
            (None, _) => format!("Outside EC2, set AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; on EC2, check the address in {}, and in containers that they can reach it.", self.field()),
        }
    }
}

/// All but the unreserved characters, as Python's `quote` has it, for Google reads what google-auth writes.
const QUOTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The request in JSON, percent-encoded: url, method, and headers in the order of their names.
fn signed(address: &str, region: &str, keys: &Keys, audience: &str, at: Timestamp) -> Result<Secret, String> {
    let url = reqwest::Url::parse(address)
        .map_err(|_| "the address for GetCallerIdentity is invalid".to_owned())?;
    let host = url.host_str().ok_or("the address for GetCallerIdentity has no host")?;
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let time = at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut headers = vec![("host", host), ("x-amz-date", time.clone())];
    headers.extend(keys.token.as_ref().map(|token| ("x-amz-security-token", token.expose().to_owned())));
    // Signed as well, as Google recommends: a request for one provider is none for another.
    headers.push(("x-goog-cloud-target-resource", audience.to_owned()));
    let authorization = authorization(&url, &headers, region, keys, &time);
    headers.push(("Authorization", authorization));
    headers.sort_by_key(|(name, _)| *name);
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| json!({ "key": name, "value": value })).collect();
    let text = json!({ "headers": headers, "method": "POST", "url": address }).to_string();
    Ok(Secret::new(utf8_percent_encode(&text, QUOTED).to_string()))
}

/// AWS's “Create a signed API request”, for a POST without a body.
fn authorization(
    url: &reqwest::Url,
    headers: &[(&str, String)],
    region: &str,
    keys: &Keys,
    time: &str,
) -> String {
    let mut query: Vec<(String, String)> = url.query_pairs().map(|(k, v)| (strict(&k), strict(&v))).collect();
    query.sort();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let request = format!("POST\n{}\n{}\n{lines}\n{names}\n{}", url.path(), query.join("&"), sha256(b""));
    let date = &time[..8];
    let scope = format!("{date}/{region}/sts/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(request.as_bytes()));
    let first = Zeroizing::new(format!("AWS4{}", keys.secret.expose()).into_bytes());
    let mut key = mac(&first, date.as_bytes());
    for part in [region, "sts", "aws4_request"] {
        key = mac(key.as_ref(), part.as_bytes());
    }
    let signature = hex(mac(key.as_ref(), to_sign.as_bytes()).as_ref());
    format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", keys.id)
}

fn strict(text: &str) -> String {
    segment(text)
}

fn mac(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_the_one_that_google_auth_makes() {
        // Made by google-auth 2.62.2, aws.RequestSigner, with these keys at this time.
        let keys = Keys {
            id: "AKIDEXAMPLE".into(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            token: Some(Secret::new("session")),
        };
        let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let address = "https://sts.us-east-2.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15";
        let url = reqwest::Url::parse(address).unwrap();
        let headers = [
            ("host", "sts.us-east-2.amazonaws.com".to_owned()),
            ("x-amz-date", "20260102T030405Z".to_owned()),
            ("x-amz-security-token", "session".to_owned()),
        ];
        let text = authorization(&url, &headers, "us-east-2", &keys, "20260102T030405Z");
        assert_eq!(text, GOOGLE_AUTH);
        let whole = signed(address, "us-east-2", &keys, "//iam.googleapis.com/x", at).unwrap();
        let plain = percent_encoding::percent_decode_str(whole.expose()).decode_utf8().unwrap();
        assert!(
            plain.starts_with(r#"{"headers":[{"key":"Authorization","value":"AWS4-HMAC-SHA256 "#),
            "{plain}"
        );
        assert!(plain.contains(r#"{"key":"x-goog-cloud-target-resource","value":"//iam.googleapis.com/x"}],"method":"POST","url":"#));
    }

    const GOOGLE_AUTH: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-2/sts/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=33bf7574ba0450709032a0c6486e1ff36ac45af3a4206ceab2c5bc341b662bd3";
}
