//! Public keys from a file of the user's: a JWKS, or a map of key id to certificate.

use std::{io::Read as _, path::Path};

use crate::{
    http::{ApiError, ErrorKind},
    model::jwt,
};

/// Far more than any set of keys.
const MOST: u64 = 1024 * 1024;

/// The text of the file, off the executor: a disk may hang.
///
/// # Errors
/// One sentence with the file's name.
pub(crate) async fn read_keys(path: &Path) -> Result<String, ApiError> {
    let (named, shown) = (path.to_owned(), path.display().to_string());
    let read = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        std::fs::File::open(named)?.take(MOST).read_to_string(&mut text)?;
        Ok::<_, std::io::Error>(text)
    });
    let failed =
        |why: String| ApiError::new(ErrorKind::Invalid, format!("The keys can't be read: {shown}: {why}."));
    let text =
        read.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
    if jwt::read(&text).form.is_secret() {
        return Err(failed("it contains a secret; use public keys only".to_owned()));
    }
    Ok(text)
}
