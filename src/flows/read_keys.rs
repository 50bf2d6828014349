//! Public keys from a file of the user's: a JWKS, a map of key ID to certificate, PEM.

use std::{io::Read as _, path::Path};

use crate::{
    http::{ApiError, ErrorKind},
    model::jwt,
    text::decode::decode,
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
        let mut bytes = Vec::new();
        std::fs::File::open(named)?.take(MOST).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    });
    let failed =
        |why: String| ApiError::new(ErrorKind::Invalid, format!("The keys can't be read: {shown}: {why}."));
    let bytes =
        read.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
    let text = decode(&bytes).map_err(|why| failed(format!("it {why}")))?.to_string();
    if jwt::read(&text).form.is_secret() {
        return Err(failed("it contains a secret; use public keys only".to_owned()));
    }
    Ok(text)
}
