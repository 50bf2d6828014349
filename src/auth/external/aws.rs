//! AWS as a source: a request to `GetCallerIdentity`, signed but never sent by us, which lets Google ask AWS who we
//! are. Signature Version 4 for this one request is a page of HMACs; the libraries for it bring an SDK along.

use aws_lc_rs::{digest, hmac};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;

use super::{
    no_subject, seconds,
    subject::{about_the_source, get},
};
use crate::{
    auth::fields::Fields,
    http::{
        ApiError,
        answer::decode,
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
        self.keys =
            env.get("AWS_ACCESS_KEY_ID").zip(env.get("AWS_SECRET_ACCESS_KEY")).map(|(id, secret)| Keys {
                id: id.to_owned(),
                secret: Secret::new(secret),
                token: env.get("AWS_SESSION_TOKEN").map(Secret::new),
            });
    }

    /// The signed request, as the text that the Security Token Service takes.
    pub(super) async fn token(&self, audience: &str, http: &Http) -> Result<Secret, ApiError> {
        let session = match (&self.session_url, self.region.is_some() && self.keys.is_some()) {
            (Some(url), false) => Some(session(url, http).await?),
            _ => None,
        };
        let headers = || -> Vec<(String, Secret)> {
            session.iter().map(|token| ("X-aws-ec2-metadata-token".to_owned(), token.clone())).collect()
        };
        let region = match (&self.region, &self.region_url) {
            (Some(region), _) => region.clone(),
            (None, Some(url)) => {
                let zone = get(url, headers(), "aws region", http).await?;
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
            (None, Some(url)) => machine_keys(url, headers, http).await?,
            (None, None) => {
                return Err(no_subject(
                    "neither AWS_ACCESS_KEY_ID nor the field credential_source.url is set",
                ));
            }
        };
        let address = self.verification_url.replace("{region}", &region);
        let at = Timestamp::from_second(seconds()).unwrap_or_default();
        signed(&address, &region, &keys, audience, at).map_err(no_subject)
    }
}

async fn session(url: &str, http: &Http) -> Result<Secret, ApiError> {
    let asked = RequestContext::new("AWS", "aws session");
    let spec = RequestSpec {
        method: Method::Put,
        address: Some(url.to_owned()),
        headers: vec![("X-aws-ec2-metadata-token-ttl-seconds".into(), Secret::new(SESSION_SECONDS))],
        auth: false,
        ..RequestSpec::get(Service::Token, String::new(), asked)
    };
    let answer = http.send(&spec, None).await.map_err(|error| about_the_source(error, url))?;
    HandedOut::text(String::from_utf8_lossy(&answer.body).trim()).word("AWS")
}

async fn machine_keys(
    url: &str,
    headers: impl Fn() -> Vec<(String, Secret)>,
    http: &Http,
) -> Result<Keys, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        access_key_id: String,
        secret_access_key: HandedOut,
        token: Option<HandedOut>,
    }
    let role = get(url, headers(), "aws role", http).await?;
    let role = String::from_utf8_lossy(&role).trim().to_owned();
    let address = format!("{}/{}", url.trim_end_matches('/'), segment(&handed_out::name(role, "AWS")?));
    let body = get(&address, headers(), "aws keys", http).await?;
    let answer: Answer = decode(&body, "AWS")?;
    Ok(Keys {
        id: handed_out::name(answer.access_key_id, "AWS")?,
        secret: answer.secret_access_key.word("AWS")?,
        token: answer.token.map(|token| token.word("AWS")).transpose()?,
    })
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
    let first = zeroize::Zeroizing::new(format!("AWS4{}", keys.secret.expose()).into_bytes());
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
