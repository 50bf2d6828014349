//! Signed blobs: `signBlob`, over bytes or what is in a file when it is sent.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{CredentialKind, MintContext, Sent, gcloud::Gcloud, unchecked};
use crate::{
    http::{
        ApiError, ErrorKind,
        answer::decode,
        endpoints::{self, Service},
        handed_out::{HandedOut, key_id},
    },
    model::{
        credential::{Credential, Payload, Signed},
        secret::Secret,
        shell::quote,
    },
};

pub(super) struct SignedBlob<'a>(pub(super) &'a Payload);

/// The request for a signature over what this is the base64 of.
pub(super) fn sign(cx: &MintContext, payload: &str) -> Sent {
    let method = "google.iam.credentials.v1.IAMCredentials.SignBlob";
    cx.iam("signBlob", method, json!({ "payload": payload }))
}

/// The signature of an answer in base64, its bytes, and what is known of it.
pub(super) fn signature(
    body: &[u8],
    signed: &[u8],
) -> Result<(Secret, Zeroizing<Vec<u8>>, Signed), ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        #[serde(default)]
        key_id: String,
        signed_blob: HandedOut,
    }
    let from = endpoints::name(Service::Credentials);
    let answer: Answer = decode(body, from)?;
    let base64 = answer.signed_blob.base64(from)?;
    match STANDARD.decode(base64.expose()).map(Zeroizing::new) {
        Ok(bytes) if !bytes.is_empty() => {
            Ok((base64, bytes, unchecked(key_id(answer.key_id, from)?, signed)))
        }
        _ => Err(ApiError::new(ErrorKind::Server, format!("The response from {from} has no signature."))),
    }
}

impl CredentialKind for SignedBlob<'_> {
    fn request(&self, cx: &MintContext) -> Result<Sent, String> {
        Ok(match self.0 {
            Payload::Bytes(bytes) => sign(cx, &STANDARD.encode(bytes)),
            Payload::File(path) => sign(cx, &format!("base64 of {}", path.display())),
        })
    }

    fn read(&self, cx: &MintContext, body: &[u8]) -> Result<Credential, ApiError> {
        let bytes = if let Payload::Bytes(bytes) = self.0 { bytes.as_slice() } else { &[] };
        let (blob, _, signed) = signature(body, bytes)?;
        Ok(Credential { signed: Some(signed), ..cx.made(blob, None) })
    }

    fn file(&self) -> Option<&Path> {
        match self.0 {
            Payload::Bytes(_) => None,
            Payload::File(path) => Some(path),
        }
    }

    fn gcloud(&self, cx: &MintContext) -> Result<Gcloud, String> {
        let (input, file) = match self.0 {
            Payload::File(path) => (None, quote(&path.display().to_string())),
            Payload::Bytes(bytes) => (
                Some(format!("printf %s {} | base64 -d", quote(&STANDARD.encode(bytes)))),
                "/dev/stdin".to_owned(),
            ),
        };
        let output = Some("| base64 | tr -d '\\n'");
        Ok(Gcloud { input, output, ..cx.signing("sign-blob", &file) })
    }
}
