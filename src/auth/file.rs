//! Credentials files: reading one, with a sentence for everything that can be wrong with it. It repeats nothing of
//! a file but the names of its fields and its type.

use std::{fs::File, io::Read as _, path::Path};

use zeroize::Zeroizing;

use super::{
    Credentials, Source,
    fields::Fields,
    other_files,
    trust::{self, Proof},
};
use crate::{
    http::{
        ApiError, ErrorKind,
        endpoints::{GOOGLE, is_domain},
    },
    model::{
        denial::LOGIN,
        nearest::{did_you_mean, nearest},
        secret::Secret,
    },
    text::decode::decode,
};

/// Larger files can't be credentials.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// A file in a file in a file: nobody writes more.
const DEEPEST: usize = 4;

/// Reads a credentials file. `label` says how it was found.
pub(super) fn read(path: &Path, label: &str) -> Result<Source, ApiError> {
    // Both say no more than the path does.
    let by_name = label.starts_with("--credentials") || label.starts_with("file ");
    if other_files::is_content(&path.to_string_lossy()) {
        let named = if by_name { "The path of the credentials file" } else { label };
        let message = format!("{named} has credentials in it instead of the path of a file.");
        return Err(ApiError::new(ErrorKind::Credentials, message)
            .with_next("Write them to a file that only you can read, and name that file; an access token goes to stdin: `--credentials -`."));
    }
    let origin = path.display().to_string();
    let source = text(path).and_then(|text| parse(&text, label, &origin)).map(|source| {
        let stray = match source.credentials.proof() {
            Some((Proof::File(named), _)) => !trust::is_beside(named, path),
            _ => false,
        };
        Source { stray, ..source }
    });
    source.map_err(|Wrong { why, next }| {
        let via = if by_name { String::new() } else { format!(" ({label})") };
        let error =
            ApiError::new(ErrorKind::Credentials, format!("The credentials file {origin}{via} {why}."));
        match next {
            Some(next) => error.with_next(next),
            None => error,
        }
    })
}

/// What is wrong with a file, as the end of a sentence that starts with it, and the next step.
struct Wrong {
    why: String,
    next: Option<String>,
}

impl From<String> for Wrong {
    fn from(why: String) -> Wrong {
        Wrong { why, next: None }
    }
}

impl From<other_files::Kind> for Wrong {
    fn from((why, next): other_files::Kind) -> Wrong {
        Wrong { why: why.to_owned(), next: Some(next.to_owned()) }
    }
}

fn text(path: &Path) -> Result<Zeroizing<Vec<u8>>, Wrong> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Wrong {
            why: "does not exist".to_owned(),
            next: other_files::path_slip(&path.to_string_lossy()).map(str::to_owned),
        },
        std::io::ErrorKind::PermissionDenied => "isn't readable by you".to_owned().into(),
        _ => format!("can't be read: {error}").into(),
    };
    let found = std::fs::metadata(path).map_err(unreadable)?;
    if found.is_dir() {
        return Err(("is a directory", "Name the file in it.").into());
    }
    let mut bytes =
        Zeroizing::new(Vec::with_capacity(usize::try_from(found.len().min(SIZE_LIMIT)).unwrap_or(0) + 1));
    File::open(path)
        .and_then(|file| file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err("is over 1 MiB, too large for credentials".to_owned().into());
    }
    Ok(bytes)
}

/// The object in a file, or what the file is instead.
fn object(bytes: &[u8]) -> Result<Fields, Wrong> {
    // What is not text isn't JSON either, which is said with the place.
    let text = decode(bytes);
    let read = Fields::read(text.as_ref().map_or(bytes, |text| text.as_bytes()));
    let other = || match &text {
        Ok(text) => other_files::text(text),
        Err(_) => other_files::binary(bytes),
    };
    // Kubernetes has a type of its own, and SOPS encrypts it.
    let of_its_own = |fields: &Fields| ["kind", "sops"].iter().any(|name| fields.has(name));
    let named =
        |fields: &Fields| other_files::object(fields).filter(|_| !fields.has("type") || of_its_own(fields));
    match read {
        Ok(Some(fields)) => named(&fields).map_or(Ok(fields), |kind| Err(kind.into())),
        Ok(None) => Err(other().map_or_else(|| "isn't a JSON object".to_owned().into(), Wrong::from)),
        Err(error) => {
            let place = format!("(line {}, column {})", error.line(), error.column());
            let slip = || {
                let (why, next) = other_files::slip(&error)?;
                Some(Wrong {
                    why: format!("isn't valid JSON {place}: it {why}"),
                    next: Some(next.to_owned()),
                })
            };
            let wrong = other().map(Wrong::from).or_else(slip);
            Err(wrong.unwrap_or_else(|| format!("isn't valid JSON {place}").into()))
        }
    }
}

fn parse(bytes: &[u8], label: &str, origin: &str) -> Result<Source, Wrong> {
    let mut fields = object(bytes)?;
    let mut source = Source {
        label: label.to_owned(),
        origin: origin.to_owned(),
        principal: None,
        project: fields.optional("project_id")?,
        quota_project: fields.optional("quota_project_id")?,
        universe: None,
        token_uri: fields.optional("token_uri")?,
        hash: Some(hash(bytes)),
        stray: false,
        credentials: Credentials::AccessToken(Secret::new("")),
    };
    let mut reading = Reading::default();
    source.credentials =
        credentials(fields, 0, &mut reading).map_err(|why| Wrong { why, next: reading.next })?;
    // A file from before the word, or that leaves it out, is Google's: its secrets go nowhere else.
    let universe = reading.universe.unwrap_or_else(|| GOOGLE.to_owned());
    if source.credentials.refresh_token().is_some() && universe != GOOGLE {
        // google-auth rejects it as well: the login would be sent to hosts chosen by the file's author.
        return Err("contains a user login, which only works with googleapis.com, but has another universe in its field “universe_domain”".to_owned().into());
    }
    source.universe = Some(universe);
    source.principal = source.credentials.principal();
    Ok(source)
}

/// SHA-256 of the file, in hexadecimal: what was confirmed once is confirmed for this file and no other.
fn hash(bytes: &[u8]) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes in the universe of credentials, or of credentials within them: they are of one, or one would see the other's
/// tokens.
fn of_universe(fields: &mut Fields, universe: &mut Option<String>) -> Result<(), String> {
    let Some(named) = fields.optional("universe_domain")? else { return Ok(()) };
    if !is_domain(&named) {
        return Err(format!(
            "must have a lowercase domain name such as googleapis.com in its field “{}”",
            fields.path_of("universe_domain")
        ));
    }
    match universe {
        Some(universe) if *universe != named => Err(format!(
            "has a different universe in its field “{}” than outside it",
            fields.path_of("universe_domain")
        )),
        _ => {
            *universe = Some(named);
            Ok(())
        }
    }
}

/// What is known of a file while it is read.
#[derive(Default)]
struct Reading {
    universe: Option<String>,
    /// What to do about the innermost credentials that are wrong.
    next: Option<String>,
}

fn credentials(mut fields: Fields, depth: usize, reading: &mut Reading) -> Result<Credentials, String> {
    if depth >= DEEPEST {
        return Err("nests credentials too deeply".to_owned());
    }
    of_universe(&mut fields, &mut reading.universe)?;
    let kind = fields.required("type")?;
    let read = Credentials::read(&kind, fields, |inner| credentials(inner, depth + 1, reading));
    read.inspect_err(|_| {
        reading.next.get_or_insert_with(|| replacement(&kind));
    })
}

/// How to get a file of this type that can be used.
fn replacement(kind: &str) -> String {
    match kind {
        "authorized_user" => format!("Log in again: `{LOGIN}`."),
        "service_account" => "Use the key's JSON file as Google gave it, or create another key: `gcloud iam service-accounts keys create FILE --iam-account=ACCOUNT`.".to_owned(),
        "impersonated_service_account" => format!("Create it again: `{LOGIN} --impersonate-service-account=ACCOUNT`."),
        "external_account" => "Create it again: `gcloud iam workload-identity-pools create-cred-config`, or for a workforce pool `gcloud iam workforce-pools create-cred-config`.".to_owned(),
        "external_account_authorized_user" => format!("Log in again: `{LOGIN} --login-config=FILE`."),
        "gdch_service_account" => format!("Use credentials of Google Cloud: `{LOGIN}`."),
        other => {
            let meant = nearest(&other.replace(['-', ' '], "_"), TYPES);
            format!("The types are {}.{}", TYPES.join(", "), did_you_mean(meant))
        }
    }
}

const TYPES: [&str; 5] = [
    "authorized_user",
    "service_account",
    "impersonated_service_account",
    "external_account",
    "external_account_authorized_user",
];

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
