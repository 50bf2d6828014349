//! What claims and header fields mean in Google's tokens, in a few words beside the value. Unknown names and odd
//! values mean nothing here; times are given in UTC.

use jiff::Timestamp;

use super::decode::{Member, Reading};
use super::{is_account, is_google, is_unique_id};
use crate::model::account::short;
use crate::model::lifetime::words;
use crate::model::scopes;

/// What a claim or header field means in this token; none when there is nothing to add. `name_of` gives the
/// e-mail of a unique id, where it is known.
pub fn meaning(
    member: &Member,
    reading: &Reading,
    name_of: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    let text = member.text();
    let text = text.as_deref();
    Some(match member.name.as_str() {
        "alg" => match text? {
            "RS256" => "RSA and SHA-256, what Google signs with".to_owned(),
            none if none.eq_ignore_ascii_case("none") => "not signed at all".to_owned(),
            hmac if hmac.starts_with("HS") => "a shared secret, never Google's".to_owned(),
            _ => return None,
        },
        "kid" => "which key of the signer".to_owned(),
        "jwk" | "jku" | "x5u" | "x5c" => {
            "ignored: keys come from Google or from you, never from the token".to_owned()
        }
        "iss" => issuer(text?)?,
        "aud" => audience(text).to_owned(),
        "azp" | "sub" => identity(&member.name, text?, reading, name_of)?,
        "email" => match reading.claims.find("email_verified")?.json.as_str() {
            "true" => "verified".to_owned(),
            _ => "not verified".to_owned(),
        },
        "email_verified" => (if member.json == "true" {
            "the issuer vouches for the address"
        } else {
            "nobody vouches for the address"
        })
        .to_owned(),
        "iat" | "nbf" | "exp" => time(member, reading)?,
        "google" => google(member)?,
        "hd" => "the domain of the Workspace or Cloud Identity organization".to_owned(),
        "scope" => format!("{} to be exchanged for", scope_words(text?)),
        "target_audience" => "the audience of the ID token to be exchanged for".to_owned(),
        "at_hash" => "ties the token to an access token given with it".to_owned(),
        "nonce" => "ties the token to the request that asked for it".to_owned(),
        "jti" => "the token's own id".to_owned(),
        _ => return None,
    })
}

fn issuer(issuer: &str) -> Option<String> {
    Some(match issuer {
        _ if is_google(issuer) => "Google".to_owned(),
        _ if is_account(issuer) => format!("{} itself: signed with its own key", short(issuer)),
        "https://cloud.google.com/iap" => "Identity-Aware Proxy".to_owned(),
        "https://token.actions.githubusercontent.com" => "GitHub Actions".to_owned(),
        _ if issuer.starts_with("https://securetoken.google.com/") => {
            "Identity Platform or Firebase".to_owned()
        }
        _ if issuer.starts_with("https://sts.googleapis.com") => "Google's Security Token Service".to_owned(),
        _ => return None,
    })
}

fn audience(audience: Option<&str>) -> &'static str {
    match audience {
        Some("https://oauth2.googleapis.com/token" | "https://www.googleapis.com/oauth2/v4/token") => {
            "Google's token endpoint: to be exchanged for an access token"
        }
        Some(client) if client.ends_with(".apps.googleusercontent.com") => {
            "who it is meant for: an OAuth client"
        }
        Some(api)
            if api.starts_with("https://") && api.trim_end_matches('/').ends_with(".googleapis.com") =>
        {
            "who it is meant for: a Google API"
        }
        _ => "who it is meant for",
    }
}

fn identity(
    name: &str,
    id: &str,
    reading: &Reading,
    name_of: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    if name == "sub" && reading.claims.text("azp").as_deref() == Some(id) {
        return Some("the same account".to_owned());
    }
    if name == "sub" && reading.claims.text("iss").as_deref() == Some(id) {
        return Some("the same account: it speaks for itself".to_owned());
    }
    if let Some(email) = name_of(id) {
        return Some(short(&email).to_owned());
    }
    let own = reading.claims.text("email").filter(|email| is_account(email));
    match name {
        _ if is_unique_id(id) && own.is_some() => Some("the account's unique id".to_owned()),
        "azp" if is_unique_id(id) => Some("the account's unique id".to_owned()),
        // People have ids of the same form.
        _ if is_unique_id(id) => Some("the unique id of a person or an account".to_owned()),
        "azp" if id.ends_with(".apps.googleusercontent.com") => {
            Some("the OAuth client that asked for it".to_owned())
        }
        "sub" if reading.claims.text("iss").is_some_and(|iss| is_account(&iss)) && id.contains('@') => {
            Some("the person to act for: domain-wide delegation".to_owned())
        }
        _ => None,
    }
}

fn time(member: &Member, reading: &Reading) -> Option<String> {
    let at = member.seconds()?;
    let utc = Timestamp::from_second(at)
        .map_or_else(|_| "beyond all calendars".to_owned(), |time| time.to_string());
    Some(match (member.name.as_str(), reading.times.iat) {
        ("exp", Some(iat)) if at > iat => {
            let length = at.saturating_sub(iat);
            let google = length == 3_600 && reading.claims.text("iss").is_some_and(|iss| is_google(&iss));
            format!(
                "{utc}, {} after iat{}",
                words(length),
                if google { ", Google's fixed lifetime" } else { "" }
            )
        }
        _ => utc,
    })
}

fn google(member: &Member) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(&member.json).ok()?;
    let mut said = Vec::new();
    match value.get("organization_number") {
        Some(serde_json::Value::Null) => said.push("the account's project has no organization".to_owned()),
        Some(number) => said.push(format!("organization {number}")),
        None => {}
    }
    if let Some(vm) = value.get("compute_engine") {
        let part = |name| vm.get(name).and_then(serde_json::Value::as_str).unwrap_or("?");
        said.push(format!("made on the VM {} in {}", part("instance_name"), part("project_id")));
    }
    (!said.is_empty()).then(|| said.join(", "))
}

fn scope_words(text: &str) -> String {
    text.split_whitespace().map(scopes::short).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::jwt::read;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;

    fn meanings(claims: &str) -> Vec<Option<String>> {
        let reading = read(&format!("{}.{}.c2ln", B64.encode(r#"{"alg":"none"}"#), B64.encode(claims)));
        let name_of = |id: &str| {
            (id == "109300000000000004411").then(|| "deployer@acme-prod.iam.gserviceaccount.com".to_owned())
        };
        let members = reading.header.members().iter().chain(reading.claims.members());
        members.map(|member| meaning(member, &reading, &name_of)).skip(1).collect()
    }

    fn said(claims: &str) -> Vec<String> {
        meanings(claims).into_iter().map(Option::unwrap_or_default).collect()
    }

    #[test]
    fn a_google_id_token_reads_as_sentences() {
        assert_eq!(
            said(
                r#"{"iss":"https://accounts.google.com","aud":"https://svc-a.run.app","azp":"109300000000000004411",
                    "sub":"109300000000000004411","email":"deployer@acme-prod.iam.gserviceaccount.com","email_verified":true,
                    "iat":1700000000,"exp":1700003600,"google":{"organization_number":123456}}"#
            ),
            [
                "Google",
                "who it is meant for",
                "deployer@acme-prod",
                "the same account",
                "verified",
                "the issuer vouches for the address",
                "2023-11-14T22:13:20Z",
                "2023-11-14T23:13:20Z, 1h after iat, Google's fixed lifetime",
                "organization 123456",
            ]
        );
    }

    #[test]
    fn a_self_signed_jwt_says_who_speaks_for_whom() {
        assert_eq!(
            said(
                r#"{"iss":"ci@acme-ci.iam.gserviceaccount.com","sub":"dev@example.com","aud":"https://oauth2.googleapis.com/token",
                    "scope":"https://www.googleapis.com/auth/cloud-platform https://mail.google.com/"}"#
            ),
            [
                "ci@acme-ci itself: signed with its own key",
                "the person to act for: domain-wide delegation",
                "Google's token endpoint: to be exchanged for an access token",
                "cloud-platform, https://mail.google.com/ to be exchanged for",
            ]
        );
    }

    #[test]
    fn odd_values_mean_nothing_and_break_nothing() {
        let odd = meanings(r#"{"iss":7,"azp":null,"sub":["x"],"exp":"1","google":1,"iat":8e15,"own":1}"#);
        assert_eq!(odd, [None, None, None, None, None, Some("beyond all calendars".to_owned()), None]);
    }
}
