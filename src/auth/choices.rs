//! The callers to choose from: everything that is there, said without asking anybody.

use super::credentials::Credentials;
use super::{
    FindOptions, Source, asks_the_machine, at_home, gcloud, machine, named_by, own_file, well_known,
};
use crate::{
    http::{ApiError, ErrorKind},
    local::env::Env,
    model::{
        caller::{Choice, CredentialSource},
        secret::Secret,
    },
};

/// Everything that is there to call as. Reads small files; asks nobody, and runs nothing.
pub(crate) fn all(env: &Env, options: &FindOptions) -> Vec<Choice> {
    let mut found: Vec<CredentialSource> =
        options.credentials_file.iter().cloned().map(CredentialSource::File).collect();
    found.extend(options.stdin_token.iter().map(|_| CredentialSource::Stdin));
    if env.get("CLOUDSDK_AUTH_ACCESS_TOKEN").is_some() {
        found.push(CredentialSource::Variable);
    }
    found.extend(env.get("GOOGLE_APPLICATION_CREDENTIALS").map(|path| CredentialSource::File(path.into())));
    found.extend(well_known(env).map(CredentialSource::File));
    found.extend(gcloud::logins(env).into_iter().map(|login| CredentialSource::Gcloud(login.name)));
    if asks_the_machine(env) {
        found.push(CredentialSource::Machine);
    }
    let mut seen = Vec::new();
    found.retain(|how| {
        let new = !seen.contains(how);
        seen.push(how.clone());
        new
    });
    found.into_iter().map(|how| choice(how, env, options)).collect()
}

/// What can be said of one without asking anybody.
pub(crate) fn choice(how: CredentialSource, env: &Env, options: &FindOptions) -> Choice {
    match load(&how, env, options) {
        Ok(source) => Choice {
            gclouds_own: matches!(&source.credentials, Credentials::Gcloud(login) if login.active),
            how,
            label: source.label.clone(),
            principal: source.principal.clone(),
            about: match (&source.principal, source.credentials.program()) {
                (Some(principal), Some(program)) => format!("runs {program}, as {principal}"),
                (Some(principal), None) => format!("{}, {principal}", source.kind()),
                (None, Some(program)) => format!("{}, runs {program}", source.kind()),
                (None, None) => source.kind().to_owned(),
            },
        },
        Err(error) => {
            let label = match &how {
                CredentialSource::File(path) => named_by(path, env),
                CredentialSource::Stdin => "stdin".to_owned(),
                CredentialSource::Variable => "CLOUDSDK_AUTH_ACCESS_TOKEN".to_owned(),
                CredentialSource::Gcloud(name) => format!("gcloud configuration “{name}”"),
                CredentialSource::Machine => machine::LABEL.to_owned(),
            };
            Choice { how, label, about: error.sentence(), principal: None, gclouds_own: false }
        }
    }
}

/// The credentials of a choice.
///
/// # Errors
/// As for [`super::find`].
pub(crate) fn load(how: &CredentialSource, env: &Env, options: &FindOptions) -> Result<Source, ApiError> {
    match how {
        CredentialSource::File(path) => own_file(&at_home(path, env), env),
        CredentialSource::Stdin => {
            let token = options.stdin_token.as_ref().map(Secret::expose).unwrap_or_default().trim();
            Source::token(Secret::new(token), "stdin", env)
        }
        CredentialSource::Variable => {
            let token = env.get("CLOUDSDK_AUTH_ACCESS_TOKEN").unwrap_or_default().trim();
            Source::token(Secret::new(token), "CLOUDSDK_AUTH_ACCESS_TOKEN", env)
        }
        CredentialSource::Gcloud(name) => gcloud::logins(env)
            .into_iter()
            .find(|login| login.name == *name)
            .map(|login| Source::gcloud(login, env))
            .ok_or_else(|| {
                let message = format!("gcloud has no configuration “{name}” with a login.");
                ApiError::new(ErrorKind::Credentials, message).with_next("Log in with `gcloud auth login`.")
            }),
        CredentialSource::Machine => {
            Ok(Source::new(machine::LABEL, machine::LABEL, Credentials::Machine).with_environment(env))
        }
    }
}
