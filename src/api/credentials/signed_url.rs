//! Signed URLs: `signBlob` over what a V4 signed URL is made from, and the URL put together from the signature.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    CredentialKind, MintContext, Sent,
    gcloud::Gcloud,
    signed_blob::{sign, signature},
};
use crate::{
    http::ApiError,
    model::{
        credential::Credential,
        secret::Secret,
        shell::quote,
        signed_url::{KEY_SECONDS, SignedUrl, Unsigned},
    },
};

pub(super) struct UrlToSign<'a>(pub(super) &'a SignedUrl);

impl UrlToSign<'_> {
    /// What the URL is made from at this time.
    fn unsigned(&self, cx: &MintContext) -> Unsigned {
        self.0.prepare(&cx.request.account, cx.endpoints.universe(), cx.at)
    }

    fn command(&self) -> String {
        let url = self.0;
        let mut words = vec![
            "gcloud storage sign-url".to_owned(),
            quote(&format!("gs://{}/{}", url.bucket, url.object)),
            format!("--duration={}s --http-verb={}", url.expires_seconds, url.method),
        ];
        for (flag, pairs) in [("--headers", &url.headers), ("--query-params", &url.query)] {
            let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            if !pairs.is_empty() {
                // gcloud splits at the character that such a beginning names.
                let list = if pairs.iter().any(|pair| pair.contains(',')) {
                    format!("^|^{}", pairs.join("|"))
                } else {
                    pairs.join(",")
                };
                words.push(format!("{flag}={}", quote(&list)));
            }
        }
        words.join(" ")
    }
}

impl CredentialKind for UrlToSign<'_> {
    fn request(&self, cx: &MintContext) -> Result<Sent, String> {
        Ok(sign(cx, &STANDARD.encode(self.unsigned(cx).to_sign())))
    }

    fn read(&self, cx: &MintContext, body: &[u8]) -> Result<Credential, ApiError> {
        let url = self.unsigned(cx);
        let (_, signature, signed) = signature(body, url.to_sign().as_bytes())?;
        let secret = Secret::new(url.finish(&signature));
        Ok(Credential { signed: Some(signed), ..cx.made(secret, Some(url.expires())) })
    }

    fn curl_differs(&self) -> &'static str {
        "it only signs, for the current time; you have to build the URL from the signature"
    }

    fn gcloud(&self, cx: &MintContext) -> Result<Gcloud, String> {
        if self.0.expires_seconds > KEY_SECONDS {
            return Err("gcloud signs URLs for at most 12h with a Google-managed key".to_owned());
        }
        let words = vec![self.command(), cx.as_account()];
        let differs = if self.0.virtual_host {
            "it makes path-style URLs only, and looks up the bucket's region in Cloud Storage"
        } else {
            "it looks up the bucket's region in Cloud Storage, as the account"
        };
        Ok(Gcloud { words, differs, ..Gcloud::default() })
    }
}
