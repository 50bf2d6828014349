//! Credentials files: reading one, with a sentence for everything that can be wrong with it. It repeats nothing of
//! a file but the names of its fields and its type.

use std::{fs::File, io::Read as _, path::Path};

use zeroize::Zeroizing;

use super::{
    Credentials, Source,
    fields::Fields,
    trust::{self, Proof},
};
use crate::{
    http::{
        ApiError, ErrorKind,
        endpoints::{GOOGLE, is_domain},
    },
    model::secret::Secret,
    text::decode::decode,
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
    // What is not text isn't JSON either, which is said with the place.
    let mut fields = match decode(bytes) {
        Ok(text) => Fields::read(text.as_bytes())?,
        Err(_) => Fields::read(bytes)?,
    };
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
    if source.credentials.refresh_token().is_some() && universe != GOOGLE {
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
    let kind = fields.required("type")?;
    Credentials::read(&kind, fields, |inner| credentials(inner, depth + 1, universe))
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
