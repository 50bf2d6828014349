//! The files of those who are of identity pools, and what the files point at: subject tokens that are good for some
//! hours, and a script that prints one.

use std::io;

use serde_json::{Value, json};

use super::super::callers::{Caller, Origin, Source, origin};
use super::super::federated::Federated;
use super::super::identity::{Pool, Provider, WorkforceUser};
use super::super::routes::Api;
use super::super::state::{Grant, State};
use super::super::subject::{self, HEADER, given};
use super::super::tokens::{Principal, secret};
use super::{CLIENT_ID, Desk, granted, private};

/// The field of the subject token where it stands in JSON.
const FIELD: &str = "access_token";

/// What a file is called, its kind, and its content.
pub struct Made {
    /// What tells it from the others.
    pub name: String,
    /// Its `type`.
    pub kind: &'static str,
    /// The JSON.
    pub content: Value,
}

/// Makes the file of somebody of a pool, and writes what it points at.
pub fn make(
    state: &mut State,
    caller: &Caller,
    who: &Federated,
    file: usize,
    desk: &Desk<'_>,
) -> io::Result<Made> {
    let source = caller.source.expect("the world was checked");
    let pools = state.pools.clone();
    match origin(&pools, who, source).expect("the world was checked") {
        Origin::Login(pool, user) => Ok(login(state, caller, pool, user, desk)),
        Origin::Provider(pool, provider, number) => {
            let (kind, place) = credential_source(state, (pool, provider, number), source, (file, desk))?;
            Ok(account(caller, (pool, provider), kind, (source, place), desk))
        }
    }
}

fn account(
    caller: &Caller,
    (pool, provider): (&Pool, &Provider),
    kind: &str,
    (source, place): (Source, Value),
    desk: &Desk<'_>,
) -> Made {
    let base = desk.addresses.of(Api::Sts);
    let mut content = json!({"type": "external_account", "audience": pool.audience(provider),
        "subject_token_type": kind, "token_url": format!("{base}v1/token"),
        "token_info_url": format!("{base}v1/introspect"), "credential_source": place,
        "universe_domain": "googleapis.com"});
    if let Some(project) = &caller.quota_project {
        let field = if pool.project.is_none() { "workforce_pool_user_project" } else { "quota_project_id" };
        content[field] = project.clone().into();
    }
    let source = match source {
        Source::File => "-file",
        Source::FileJson => "-file-json",
        Source::Url => "-url",
        Source::Executable => "-executable",
        Source::Aws | Source::Session => "",
    };
    let mut name = format!("{}{source}", provider.id);
    if let Some(target) = &caller.impersonates {
        content["service_account_impersonation_url"] = desk.mint_url(target).into();
        name.push_str(&format!("-as-{}", super::local(target)));
    }
    Made { name, kind: "external_account", content }
}

/// The type of the subject token, and where it comes from.
fn credential_source(
    state: &State,
    (pool, provider, number): (&Pool, &Provider, usize),
    source: Source,
    (file, desk): (usize, &Desk<'_>),
) -> io::Result<(&'static str, Value)> {
    let external = format!("{}external/{}/{}/{}", desk.base, pool.owner, pool.id, provider.id);
    if source == Source::Aws {
        // The last address is signed and never called, and clients take no other than AWS's own.
        let meta = format!("{external}/latest/meta-data");
        return Ok((
            subject::AWS4,
            json!({"environment_id": "aws1", "region_url": format!("{meta}/placement/availability-zone"),
                "url": format!("{meta}/iam/security-credentials"),
                "imdsv2_session_token_url": format!("{external}/latest/api/token"),
                "regional_cred_verification_url":
                    "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"}),
        ));
    }
    let given = given(pool, provider, state.made_key(pool, provider), number, desk.now)
        .expect("the world was checked");
    let file = |end: &str| desk.folder.join(format!("{file}-subject-token{end}"));
    let json_format = json!({"type": "json", "subject_token_field_name": FIELD});
    let place = match source {
        Source::File => {
            private(&file(".txt"), 0o600, &given.token)?;
            json!({"file": file(".txt"), "format": {"type": "text"}})
        }
        Source::FileJson => {
            private(&file(".json"), 0o600, &json!({FIELD: given.token}).to_string())?;
            json!({"file": file(".json"), "format": json_format})
        }
        Source::Url => {
            json!({"url": format!("{external}/identities/{number}"), "headers": {HEADER.0: HEADER.1},
                "format": json_format})
        }
        Source::Executable => {
            let field = if given.kind == subject::SAML2 { "saml_response" } else { "id_token" };
            let printed = json!({"version": 1, "success": true, "token_type": given.kind, field: given.token,
                "expiration_time": given.expires});
            private(&file(".sh"), 0o700, &format!("#!/bin/sh\ncat <<'END'\n{printed}\nEND\n"))?;
            json!({"executable": {"command": file(".sh"), "timeout_millis": 10_000}})
        }
        Source::Aws | Source::Session => unreachable!("both were dealt with before"),
    };
    Ok((given.kind, place))
}

fn login(state: &mut State, caller: &Caller, pool: &Pool, user: &WorkforceUser, desk: &Desk<'_>) -> Made {
    let base = desk.addresses.of(Api::Sts);
    let (secret, refresh) = (secret(), format!("1//EMULATOR-{}", secret()));
    let grant = Grant {
        principal: Principal::Federated(Box::new(pool.person(user))),
        client: (CLIENT_ID.to_owned(), secret.clone()),
        scopes: granted(caller),
        session: user.session,
        rotates: user.rotates,
    };
    state.grants.insert(refresh.clone(), grant);
    let audience = format!("//iam.googleapis.com/{}/providers/{}", pool.name, user.provider);
    let mut content = json!({"type": "external_account_authorized_user", "audience": audience,
        "client_id": CLIENT_ID, "client_secret": secret, "refresh_token": refresh,
        "token_url": format!("{base}v1/oauthtoken"), "token_info_url": format!("{base}v1/introspect"),
        "revoke_url": format!("{base}v1/revoke"), "universe_domain": "googleapis.com"});
    if let Some(project) = &caller.quota_project {
        content["quota_project_id"] = project.clone().into();
    }
    Made { name: super::local(&user.subject).to_owned(), kind: "external_account_authorized_user", content }
}
