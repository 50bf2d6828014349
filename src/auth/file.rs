//! Credentials files: reading one, with a sentence for everything that can be wrong with it. It repeats nothing of
//! a file but the names of its fields and its type.

use std::{fs::File, io::Read as _, path::Path};

use zeroize::Zeroizing;

use super::{
    Credentials, Source, external,
    fields::Fields,
    key,
    trust::{self, Proof},
};
use crate::{
    http::{
        ApiError, ErrorKind,
        endpoints::{GOOGLE, is_domain},
    },
    model::{account, secret::Secret},
};

/// Larger files can't be credentials.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// A file in a file in a file: nobody writes more.
const DEEPEST: usize = 4;

/// Reads a credentials file. `label` says how it was found.
pub(super) fn read(path: &Path, label: &str) -> Result<Source, ApiError> {
    let origin = path.display().to_string();
    let source = text(path).and_then(|text| parse(&text, label, &origin)).map(|source| {
        let stray = match source.credentials.proof() {
            Some((Proof::File(named), _)) => !trust::is_beside(named, path),
            _ => false,
        };
        Source { stray, ..source }
    });
    source.map_err(|why| {
        // Both say no more than the path does.
        let by_name = label.starts_with("--credentials") || label.starts_with("file ");
        let via = if by_name { String::new() } else { format!(" ({label})") };
        ApiError::new(ErrorKind::Credentials, format!("The credentials file {origin}{via} {why}."))
    })
}

fn text(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "isn't readable by you".to_owned(),
        _ => format!("can't be read: {error}"),
    };
    let found = std::fs::metadata(path).map_err(unreadable)?;
    if found.is_dir() {
        return Err("is a directory".to_owned());
    }
    let mut bytes =
        Zeroizing::new(Vec::with_capacity(usize::try_from(found.len().min(SIZE_LIMIT)).unwrap_or(0) + 1));
    File::open(path)
        .and_then(|file| file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err("is over 1 MiB, too large for credentials".to_owned());
    }
    Ok(bytes)
}

fn parse(bytes: &[u8], label: &str, origin: &str) -> Result<Source, String> {
    let mut fields = Fields::read(bytes)?;
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
    let mut universe = None;
    source.credentials = credentials(fields, 0, &mut universe)?;
    // A file from before the word, or that leaves it out, is Google's: its secrets go nowhere else.
    let universe = universe.unwrap_or_else(|| GOOGLE.to_owned());
    if source.credentials.holds_a_login() && universe != GOOGLE {
        // google-auth rejects it as well: the login would be sent to hosts chosen by the file's author.
        return Err("contains a user login, which only works with googleapis.com, but has another universe in its field “universe_domain”".to_owned());
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

fn credentials(
    mut fields: Fields,
    depth: usize,
    universe: &mut Option<String>,
) -> Result<Credentials, String> {
    if depth >= DEEPEST {
        return Err("nests credentials too deeply".to_owned());
    }
    of_universe(&mut fields, universe)?;
    Ok(match fields.required("type")?.as_str() {
        "authorized_user" => Credentials::User {
            account: fields.optional("account")?,
            client_id: fields.required("client_id")?,
            client_secret: fields.secret("client_secret")?,
            refresh_token: fields.secret("refresh_token")?,
            rapt: fields.optional("rapt_token")?.map(Secret::new),
        },
        "service_account" => {
            let email = fields.required("client_email")?;
            let private_key = fields.secret("private_key")?;
            if !key::is_key(&private_key) {
                return Err("has no RSA key in PEM form in its field “private_key”".to_owned());
            }
            Credentials::ServiceAccount { email, key_id: fields.optional("private_key_id")?, private_key }
        }
        "impersonated_service_account" => {
            let account = impersonated(&fields.required("service_account_impersonation_url")?)?;
            let delegates = fields.texts("delegates")?;
            let delegates = delegates.iter().map(|name| bare(name)).collect::<Result<_, _>>()?;
            let mut inner =
                fields.object("source_credentials")?.ok_or_else(|| fields.lacks("source_credentials"))?;
            let source_project = inner.optional("quota_project_id")?;
            let source = Box::new(credentials(inner, depth + 1, universe)?);
            Credentials::Impersonated { account, delegates, source, source_project }
        }
        "external_account" => Credentials::External(Box::new(external::read(fields)?)),
        "external_account_authorized_user" => Credentials::Workforce {
            token_url: fields.required_url("token_url")?,
            introspect_url: fields.optional_url("token_info_url")?,
            client_id: fields.required("client_id")?,
            client_secret: fields.secret("client_secret")?,
            refresh_token: fields.secret("refresh_token")?,
        },
        "gdch_service_account" => {
            return Err(
                "has the type “gdch_service_account”: it is for Google Distributed Cloud, which isn't supported"
                    .to_owned(),
            );
        }
        other => {
            let shown: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(format!("has the unknown type “{shown}” in its field “type”"));
        }
    })
}

/// The account in an address of `generateAccessToken`.
pub(super) fn impersonated(url: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http"))
        .filter(|url| url.query().is_none() && url.fragment().is_none());
    let name = url
        .as_ref()
        .and_then(|url| url.path().rsplit_once('/'))
        .and_then(|(_, last)| last.strip_suffix(":generateAccessToken"))
        .map(|name| percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned());
    name.filter(|name| account::parse(name).is_ok()).ok_or_else(|| {
        "has no account in its field “service_account_impersonation_url”, which must end in ACCOUNT:generateAccessToken"
            .to_owned()
    })
}

/// A delegate, by its email alone or by its resource name.
fn bare(name: &str) -> Result<String, String> {
    let name = name.rsplit_once('/').map_or(name, |(_, last)| last);
    account::parse(name).map_err(|_| "has an invalid account in its field “delegates”".to_owned())
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
