//! `impersona token`: mints one credential and prints it alone, so that it can be used in `$(…)`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{How, Token};
use super::output::{self, Failure, Opened, Sink};
use super::setup::Setup;
use crate::model::credential::{Credential, MintRequest, What};
use crate::model::jwt::audience;
use crate::model::{account, lifetime, scopes};

/// What to mint and where to write it, checked by the rules of the domain.
///
/// # Errors
/// The first rule that is broken.
pub(super) fn request(token: Token) -> Result<(MintRequest, Option<PathBuf>), String> {
    let (account, what, how) = match token {
        Token::Access { account, scopes, lifetime, how } => {
            let mut full = scopes.iter().map(|scope| scopes::expand(scope)).collect::<Result<Vec<_>, _>>()?;
            if full.is_empty() {
                full.push(scopes::DEFAULT.to_owned());
            }
            (account, What::AccessToken { scopes: full, lifetime_seconds: lifetime::parse(&lifetime)? }, how)
        }
        Token::Id { account, audience, no_email, organization_number, how } => {
            let audience = audience::check(&audience)?;
            (account, What::IdToken { audience, include_email: !no_email, organization_number }, how)
        }
    };
    let How { delegates, out } = how;
    let delegates = delegates.iter().map(|name| account::parse(name)).collect::<Result<_, _>>()?;
    Ok((MintRequest { account: account::parse(&account)?, delegates, what }, out))
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
            "impersona: {} asked for; {}",
            lifetime::words(lifetime_seconds),
            lifetime::EXTENSION
        ));
    }
    let mut sink = Sink::open(out)?;
    let credential = setup.client.mint(request).await?;
    sink.write(&credential.secret, json.then(|| Printed::of(&credential)).as_ref())?;
    if let Some(path) = out {
        let ends = credential.expires.map(|end| format!(", ends {}", output::time(end))).unwrap_or_default();
        output::remark(&format!("impersona: {} written to {}{ends}", request.kind().name(), path.display()));
    }
    Ok(())
}

/// The answer for `--json`, in the order that the README promises.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    kind: &'static str,
    account: &'a str,
    token: Opened<'a>,
    expire_time: Option<String>,
    #[serde(flatten)]
    target: Target<'a>,
    delegates: &'a [String],
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Target<'a> {
    Access { scopes: &'a [String] },
    Id { audience: &'a str, include_email: bool, organization_number: bool },
}

impl<'a> Printed<'a> {
    fn of(credential: &'a Credential) -> Printed<'a> {
        let request = &credential.request;
        Printed {
            kind: request.kind().word(),
            account: &request.account,
            token: Opened(&credential.secret),
            expire_time: credential.expires.map(output::time),
            target: match &request.what {
                What::AccessToken { scopes, .. } => Target::Access { scopes },
                What::IdToken { audience, include_email, organization_number } => Target::Id {
                    audience,
                    include_email: *include_email,
                    organization_number: *organization_number,
                },
            },
            delegates: &request.delegates,
        }
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
        request(token).map(|(request, _)| request)
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
        let mut credential = Credential {
            request: access(&[], "1h").unwrap(),
            secret: Secret::new("ya29.c.x"),
            expires: Some(Timestamp::from_second(1_700_000_000).unwrap()),
            minted: Timestamp::from_second(1_699_996_400).unwrap(),
        };
        assert_eq!(
            *output::to_json(&Printed::of(&credential)),
            r#"{"kind":"access","account":"deployer@acme-prod.iam.gserviceaccount.com","token":"ya29.c.x","expireTime":"2023-11-14T22:13:20Z","scopes":["https://www.googleapis.com/auth/cloud-platform"],"delegates":["relay@acme-ci.iam.gserviceaccount.com"]}"#
        );
        credential.request.what = What::IdToken {
            audience: "https://a.run.app".into(),
            include_email: true,
            organization_number: false,
        };
        let text = output::to_json(&Printed::of(&credential));
        assert!(text.contains(r#""kind":"id""#), "{}", *text);
        assert!(
            text.contains(r#""expireTime":"2023-11-14T22:13:20Z","audience":"https://a.run.app","#),
            "{}",
            *text
        );
    }
}
