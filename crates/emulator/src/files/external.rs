//! The credentials files of identity pools' principals, and what these files point to: subject tokens that
//! are good for some hours, and a script that prints one.

use std::io;

use serde_json::{Value, json};

use super::{CLIENT_ID, FileContext, granted_scopes, write_private};
use crate::callers::{Caller, Origin, Source, find_origin};
use crate::federated::Federated;
use crate::identity::{Pool, Provider, WorkforceUser};
use crate::routes::Api;
use crate::state::{Grant, State};
use crate::subject::{self, HEADER, issue_subject_token};
use crate::tokens::{Principal, secret};

/// The field of the subject token in JSON.
const FIELD: &str = "access_token";

/// A credentials file before it is written.
pub(crate) struct UnwrittenFile {
    /// The distinguishing part of its name.
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) content: Value,
}

/// Makes the file of a pool's principal, and writes what it points to.
pub(crate) fn make_file(
    state: &mut State,
    caller: &Caller,
    who: &Federated,
    file: usize,
    context: &FileContext<'_>,
) -> io::Result<UnwrittenFile> {
    let source = caller.source.expect("the world was checked");
    let pools = state.pools.clone();
    match find_origin(&pools, who, source).expect("the world was checked") {
        Origin::Login(pool, user) => Ok(make_login_file(state, caller, pool, user, context)),
        Origin::Provider(pool, provider, number) => {
            let (kind, place) = credential_source(state, (pool, provider, number), source, (file, context))?;
            Ok(make_external_account_file(caller, (pool, provider), kind, (source, place), context))
        }
    }
}

fn make_external_account_file(
    caller: &Caller,
    (pool, provider): (&Pool, &Provider),
    kind: &str,
    (source, place): (Source, Value),
    context: &FileContext<'_>,
) -> UnwrittenFile {
    let base = context.addresses.of(Api::Sts);
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
        content["service_account_impersonation_url"] = context.mint_url(target).into();
        name.push_str(&format!("-as-{}", super::local_part(target)));
    }
    UnwrittenFile { name, kind: "external_account", content }
}

/// The type of the subject token, and where it comes from.
fn credential_source(
    state: &State,
    (pool, provider, number): (&Pool, &Provider, usize),
    source: Source,
    (file, context): (usize, &FileContext<'_>),
) -> io::Result<(&'static str, Value)> {
    let external = format!("{}external/{}/{}/{}", context.base, pool.owner, pool.id, provider.id);
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
    let given = issue_subject_token(pool, provider, state.made_key(pool, provider), number, context.now)
        .expect("the world was checked");
    let file = |end: &str| context.folder.join(format!("{file}-subject-token{end}"));
    let json_format = json!({"type": "json", "subject_token_field_name": FIELD});
    let place = match source {
        Source::File => {
            write_private(&file(".txt"), 0o600, &given.token)?;
            json!({"file": file(".txt"), "format": {"type": "text"}})
        }
        Source::FileJson => {
            write_private(&file(".json"), 0o600, &json!({FIELD: given.token}).to_string())?;
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
            write_private(&file(".sh"), 0o700, &format!("#!/bin/sh\ncat <<'END'\n{printed}\nEND\n"))?;
            json!({"executable": {"command": file(".sh"), "timeout_millis": 10_000}})
        }
        Source::Aws | Source::Session => unreachable!("both were dealt with before"),
    };
    Ok((given.kind, place))
}

fn make_login_file(
    state: &mut State,
    caller: &Caller,
    pool: &Pool,
    user: &WorkforceUser,
    context: &FileContext<'_>,
) -> UnwrittenFile {
    let base = context.addresses.of(Api::Sts);
    let (secret, refresh) = (secret(), format!("1//EMULATOR-{}", secret()));
    let grant = Grant {
        principal: Principal::Federated(Box::new(pool.person(user))),
        client: (CLIENT_ID.to_owned(), secret.clone()),
        scopes: granted_scopes(caller),
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
    UnwrittenFile {
        name: super::local_part(&user.subject).to_owned(),
        kind: "external_account_authorized_user",
        content,
    }
}
