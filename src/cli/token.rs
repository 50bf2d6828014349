//! `impersona token`: mints one credential and prints it alone, so that it can be used in `$(…)`.

use std::path::{Path, PathBuf};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::args::{How, SignUrl, Token};
use super::output::{self, Opened, Sink};
use super::{input, now};
use crate::flows;
use crate::model::credential::{Credential, Kind, LARGEST_PAYLOAD, MintRequest, Payload, What};
use crate::model::jwt::{State, audience};
use crate::model::{account, claims, lifetime, scopes, signed_url};
use crate::session::Failure;
use crate::session::setup::Setup;

/// What to mint and where to write it, checked by the rules of the domain; what is to be signed is read.
///
/// # Errors
/// The first rule that is broken, a file that cannot be read.
pub(super) fn request(token: Token, json: bool) -> Result<(MintRequest, Option<PathBuf>), Failure> {
    let refused = Failure::refused;
    let (account, what, how) = match token {
        Token::Access { account, scopes, lifetime, how } => {
            let mut scopes = expanded(&scopes).map_err(refused)?;
            if scopes.is_empty() {
                scopes.push(scopes::DEFAULT.to_owned());
            }
            let lifetime_seconds = lifetime::parse(&lifetime).map_err(refused)?;
            (account, What::AccessToken { scopes, lifetime_seconds }, how)
        }
        Token::Id { account, audience, no_email, organization_number, how } => {
            let audience = audience::check(&audience).map_err(refused)?;
            (account, What::IdToken { audience, include_email: !no_email, organization_number }, how)
        }
        Token::Jwt { account, claims: file, how } => {
            let signer = account::parse(&account).map_err(refused)?;
            // UTF-16 and UTF-32 take up to four times the bytes.
            let most = 4 * (claims::MAX_BYTES as u64 + 1);
            let claims = input::text(&file, most, "type the claims as JSON")?.to_string();
            // The API is asked only for what it does not refuse.
            let checked = claims::check(&claims, None, &signer, now().as_second())
                .map_err(|why| refused(format!("{}: {why}", file.display())))?;
            for warning in checked.warnings.iter().filter(|_| !json) {
                output::remark(&format!("impersona: {warning}"));
            }
            (account, What::SignedJwt { claims, lifetime_seconds: None }, how)
        }
        Token::Blob { account, file, how } => {
            let bytes = input::bytes(&file, LARGEST_PAYLOAD as u64 + 1, "type what is to be signed")?;
            let payload = Payload::from_bytes(bytes.to_vec())
                .map_err(|why| refused(format!("{}: {why}", file.display())))?;
            (account, What::SignedBlob(payload), how)
        }
        Token::Metadata { scopes, audience, full, account, out } => {
            let what = match audience {
                Some(audience) => {
                    let audience = audience::check(&audience).map_err(refused)?;
                    What::MetadataId { audience, full, licenses: false }
                }
                None => What::MetadataAccess { scopes: expanded(&scopes).map_err(refused)? },
            };
            let account = match account.as_str() {
                "default" => account,
                name => account::parse(name).map_err(refused)?,
            };
            return Ok((MintRequest { account, delegates: Vec::new(), what }, out));
        }
    };
    finished(&account, what, how).map_err(refused)
}

/// What a signed URL is made from, checked.
///
/// # Errors
/// The first rule that is broken.
pub(super) fn signed_url(wish: &SignUrl) -> Result<(MintRequest, Option<PathBuf>), String> {
    let (bucket, object) = signed_url::parse_object(&wish.object)?;
    let url = signed_url::SignedUrl {
        method: signed_url::parse_method(&wish.method)?,
        bucket,
        object,
        expires_seconds: signed_url::parse_expires(&wish.expires)?,
        headers: wish.headers.iter().map(|text| signed_url::parse_header(text)).collect::<Result<_, _>>()?,
        query: wish.query.iter().map(|text| signed_url::parse_query(text)).collect::<Result<_, _>>()?,
        virtual_host: wish.virtual_host,
    };
    url.check()?;
    finished(&wish.account, What::SignedUrl(url), wish.how.clone())
}

fn expanded(scopes: &[String]) -> Result<Vec<String>, String> {
    scopes.iter().map(|scope| scopes::expand(scope)).collect()
}

fn finished(account: &str, what: What, how: How) -> Result<(MintRequest, Option<PathBuf>), String> {
    let How { delegates, out } = how;
    let delegates = delegates.iter().map(|name| account::parse(name)).collect::<Result<_, _>>()?;
    Ok((MintRequest { account: account::parse(account)?, delegates, what }, out))
}

pub(super) async fn run(
    setup: &Setup,
    request: &MintRequest,
    out: Option<&Path>,
    json: bool,
) -> Result<(), Failure> {
    if !json
        && let What::AccessToken { lifetime_seconds, .. } = request.what
        && lifetime::needs_extension(lifetime_seconds)
    {
        output::remark(&format!(
            "impersona: lifetime {}: {}",
            lifetime::words(lifetime_seconds),
            lifetime::EXTENSION
        ));
    }
    let mut sink = Sink::open(out)?;
    let credential = flows::mint(&setup.client, request).await?;
    // On stderr whatever else is printed, because ignored options matter.
    for remark in &credential.remarks {
        output::remark(&format!("impersona: {remark}"));
    }
    // Said whatever is printed: a signature that nobody can check is not what was asked for.
    if let Some(signed) = credential.signed.as_ref().filter(|signed| signed.verdict.state != State::Verified)
    {
        output::remark(&format!("impersona: the signature isn't verified: {}", signed.verdict.reason));
    }
    sink.write(&credential.secret, json.then_some(&Printed(&credential)))?;
    if let Some(path) = out {
        let ends =
            credential.expires.map(|end| format!(", expires {}", output::time(end))).unwrap_or_default();
        output::remark(&format!("impersona: {} written to {}{ends}", request.kind().name(), path.display()));
    }
    Ok(())
}

/// The answer for `--json`, in the order that the README promises.
struct Printed<'a>(&'a Credential);

impl Serialize for Printed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Credential { request, secret, expires, signed, .. } = self.0;
        let (token, ends) = (Opened(secret), expires.map(output::time));
        let key_id = signed.as_ref().map(|signed| signed.key_id.as_str());
        let mut map = serializer.serialize_map(None)?;
        if request.kind() == Kind::SignedUrl {
            map.serialize_entry("url", &token)?;
            map.serialize_entry("expireTime", &ends)?;
            return map.end();
        }
        map.serialize_entry("kind", request.kind().word())?;
        map.serialize_entry("account", self.0.account())?;
        let bare = |map: &mut S::SerializeMap| {
            map.serialize_entry("token", &token)?;
            map.serialize_entry("expireTime", &ends)
        };
        match &request.what {
            What::AccessToken { scopes, .. } => {
                bare(&mut map)?;
                map.serialize_entry("scopes", scopes)?;
            }
            What::IdToken { audience, include_email, organization_number } => {
                bare(&mut map)?;
                map.serialize_entry("audience", audience)?;
                map.serialize_entry("includeEmail", include_email)?;
                map.serialize_entry("organizationNumber", organization_number)?;
            }
            What::SignedJwt { .. } => {
                map.serialize_entry("token", &token)?;
                map.serialize_entry("keyId", &key_id)?;
                map.serialize_entry("expireTime", &ends)?;
            }
            What::SignedBlob(_) => {
                map.serialize_entry("signature", &token)?;
                map.serialize_entry("keyId", &key_id)?;
                map.serialize_entry("sha256", &signed.as_ref().map(|signed| signed.sha256.as_str()))?;
            }
            // The scopes of a metadata token are what the machine has, not what was asked for.
            What::MetadataAccess { .. }
            | What::MetadataId { .. }
            | What::Delegated { .. }
            | What::SignedUrl(_) => bare(&mut map)?,
        }
        if request.kind() != Kind::Metadata {
            map.serialize_entry("delegates", &request.delegates)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret::Secret;
    use jiff::Timestamp;

    fn access(scopes: &[&str], lifetime: &str) -> Result<MintRequest, String> {
        let token = Token::Access {
            account: "deployer@acme-prod".into(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            lifetime: lifetime.into(),
            how: How { delegates: vec!["relay@acme-ci".into()], out: None },
        };
        request(token, true).map(|(request, _)| request).map_err(|_| String::new())
    }

    #[test]
    fn short_names_become_what_is_sent() {
        let request = access(&["email"], "10m").unwrap();
        assert_eq!(request.account, "deployer@acme-prod.iam.gserviceaccount.com");
        assert_eq!(request.delegates, ["relay@acme-ci.iam.gserviceaccount.com"]);
        let scopes = vec!["https://www.googleapis.com/auth/userinfo.email".to_owned()];
        assert_eq!(request.what, What::AccessToken { scopes, lifetime_seconds: 600 });
        let What::AccessToken { scopes, .. } = access(&[], "1h").unwrap().what else {
            panic!("an access token")
        };
        assert_eq!(scopes, [scopes::DEFAULT]);
        assert!(access(&["no such"], "1h").is_err() && access(&[], "13h").is_err());
    }

    #[test]
    fn the_json_has_the_promised_fields_in_the_promised_order() {
        let mut credential = Credential::new(
            access(&[], "1h").unwrap(),
            Secret::new("ya29.c.x"),
            Some(Timestamp::from_second(1_700_000_000).unwrap()),
            Timestamp::from_second(1_699_996_400).unwrap(),
        );
        assert_eq!(
            *output::to_json(&Printed(&credential)),
            r#"{"kind":"access","account":"deployer@acme-prod.iam.gserviceaccount.com","token":"ya29.c.x","expireTime":"2023-11-14T22:13:20Z","scopes":["https://www.googleapis.com/auth/cloud-platform"],"delegates":["relay@acme-ci.iam.gserviceaccount.com"]}"#
        );
        credential.request.what = What::IdToken {
            audience: "https://a.run.app".into(),
            include_email: true,
            organization_number: false,
        };
        let text = output::to_json(&Printed(&credential));
        assert!(text.contains(r#""kind":"id""#), "{}", *text);
        assert!(
            text.contains(r#""expireTime":"2023-11-14T22:13:20Z","audience":"https://a.run.app","#),
            "{}",
            *text
        );
    }
}
