//! Checks the signature of a token against trusted keys. The keys come from outside the token only: `jwk`, `jku` and
//! `x5u` in a header are never used. Claims are not judged here, see [`mod@super::findings`].

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily, crypto};

use super::decode::Reading;
use super::form::Form;
use super::keys::{self, Key, KeySet, Unusable};
use super::{is_google, quoted};
use crate::model::account::Email;

/// What is known about a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Made by a trusted key.
    Verified,
    /// Made by none of the trusted keys.
    Failed,
    /// Unknown.
    NotChecked,
}

impl State {
    /// The word used in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            State::Verified => "verified",
            State::Failed => "failed",
            State::NotChecked => "not_checked",
        }
    }
}

/// The state of a signature, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Verified, failed or not checked.
    pub state: State,
    /// One clause: by which key, or why not.
    pub reason: String,
    /// The ID of the key that made the signature.
    pub(crate) key: Option<String>,
}

impl Verdict {
    /// Not checked, for this reason.
    pub(crate) fn not_checked(reason: impl Into<String>) -> Verdict {
        Verdict { state: State::NotChecked, reason: reason.into(), key: None }
    }

    fn failed(reason: impl Into<String>) -> Verdict {
        Verdict { state: State::Failed, reason: reason.into(), key: None }
    }
}

/// Whose keys a token is checked with, according to its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// Google itself: its OAuth certs.
    Google,
    /// The service account with this email: its own key set.
    Account(String),
    /// Another issuer, whose keys have to be given by hand; its name, if the token has one.
    Other(Option<String>),
}

/// Who claims to have signed this token. The claim only decides where to look for keys, never whether to trust.
pub fn signer(reading: &Reading) -> Signer {
    match reading.claims.text("iss") {
        Some(issuer) if is_google(&issuer) => Signer::Google,
        Some(issuer) if Email::parse(&issuer).is_ok_and(|email| *email == *issuer) => Signer::Account(issuer),
        issuer => Signer::Other(issuer),
    }
}

/// Why this token can't be checked with any public keys; `None` if it can. Checked before keys are fetched.
pub fn uncheckable(reading: &Reading) -> Option<Verdict> {
    prepare(reading).err()
}

/// Checks the signature against public keys in any form that [`mod@super::keys`] reads. `whose` names them in the
/// verdict: `Google's OAuth certs`. A signature has failed only if every key that could have made it was tried.
pub fn verify(reading: &Reading, keys: &str, whose: &str) -> Verdict {
    let algorithm = match prepare(reading) {
        Ok(algorithm) => algorithm,
        Err(verdict) => return verdict,
    };
    let keys = match keys::read(keys) {
        Ok(keys) => keys,
        Err(problem) => return Verdict::not_checked(format!("{whose} can't be read: {problem}")),
    };
    let kid = reading.header.text("kid");
    // A key without an ID can be any.
    let may_be = |id: &Option<String>| kid.is_none() || id.is_none() || *id == kid;
    let candidates: Vec<&Key> = keys.usable.iter().filter(|key| may_be(&key.id)).collect();
    let token = reading.token.expose();
    let (message, signature) = token.rsplit_once('.').expect("prepare() saw a signature after a dot");
    for key in candidates.iter().filter(|key| key.fits(algorithm)) {
        if crypto::verify(signature, message.as_bytes(), &key.key, algorithm).unwrap_or(false) {
            let reason = match &key.id {
                Some(id) => format!("key {} of {whose}", brief(id)),
                None => format!("a key without an ID of {whose}"),
            };
            return Verdict { state: State::Verified, reason, key: key.id.clone() };
        }
    }
    let named = |id: &Option<String>| kid.is_some() && *id == kid;
    let is_there = keys.usable.iter().any(|key| named(&key.id));
    // Where the key that the token names was tried, it can't be one without an ID.
    let could_be = |key: &Unusable| !is_there && may_be(&key.id) && key.could_make(algorithm);
    if let Some(verdict) = unsearched(&keys, whose, |key| named(&key.id) || could_be(key)) {
        return verdict;
    }
    let fitting = candidates.iter().any(|key| key.fits(algorithm));
    if let Some(kid) = &kid
        && !is_there
    {
        return Verdict::failed(format!(
            "key {} is not among {whose} ({} there{}): signed by someone else, or the key has since been rotated",
            quoted(kid),
            keys.usable.len(),
            if fitting { ", and none without an ID fits" } else { "" },
        ));
    }
    if !fitting {
        return Verdict::failed(format!(
            "the header says {algorithm:?}, but the key in {whose} is for another algorithm"
        ));
    }
    if reading.is_detached() {
        return Verdict::not_checked("the signed payload is not in the token (detached)");
    }
    Verdict::failed(format!("the signature doesn't match {whose}, or the token has since been changed"))
}

/// Why no key of a set that doesn't verify a signature can be said not to have made it: there is none that can be used,
/// or the one that could have made it can't be.
fn unsearched(keys: &KeySet, whose: &str, is_it: impl Fn(&Unusable) -> bool) -> Option<Verdict> {
    let it = keys.unusable.iter().find(|key| is_it(key));
    let Some(key) = it.or_else(|| keys.unusable.first().filter(|_| keys.usable.is_empty())) else {
        return keys.usable.is_empty().then(|| Verdict::not_checked(format!("{whose} contain no keys")));
    };
    let which = match &key.id {
        Some(id) => format!("key {}", quoted(&brief(id))),
        None => "a key without an ID".to_owned(),
    };
    let others = if it.is_none() && keys.unusable.len() > 1 { ", and no other can" } else { "" };
    Some(Verdict::not_checked(format!("{which} of {whose} can't be used{others}: it {}", key.why)))
}

/// Checks a signature by `signBlob` (RSASSA-PKCS1-v1_5 over SHA-256) with the key of this ID in a key set, as
/// [`verify`] takes it.
pub(crate) fn verify_bytes(
    message: &[u8],
    signature: &[u8],
    key_id: &str,
    keys: &str,
    whose: &str,
) -> Verdict {
    let keys = match keys::read(keys) {
        Ok(keys) => keys,
        Err(problem) => return Verdict::not_checked(format!("{whose} can't be read: {problem}")),
    };
    let signature = zeroize::Zeroizing::new(URL_SAFE_NO_PAD.encode(signature));
    let is_it = |id: &Option<String>| id.as_deref() == Some(key_id);
    let named: Vec<&Key> = keys.usable.iter().filter(|key| is_it(&key.id)).collect();
    if named.iter().any(|key| {
        key.fits(Algorithm::RS256)
            && crypto::verify(&signature, message, &key.key, Algorithm::RS256).unwrap_or(false)
    }) {
        let reason = format!("key {} of {whose}", brief(key_id));
        return Verdict { state: State::Verified, reason, key: Some(key_id.to_owned()) };
    }
    if let Some(verdict) = unsearched(&keys, whose, |key| is_it(&key.id)) {
        return verdict;
    }
    Verdict::failed(match named.is_empty() {
        true => format!("key {} is not among {whose}", quoted(key_id)),
        false => format!("the signature doesn't match {whose}"),
    })
}

/// The algorithm to check with, or why there is none.
fn prepare(reading: &Reading) -> Result<Algorithm, Verdict> {
    if reading.form != Form::Jws {
        return Err(Verdict::not_checked(format!(
            "{}: only a signed JWT can be verified",
            reading.form.name()
        )));
    }
    if reading.too_long.is_some() {
        return Err(Verdict::not_checked("the token is too long: its end wasn't read"));
    }
    if reading.is_cut_off() {
        return Err(Verdict::not_checked("the token is cut off: its end is missing"));
    }
    let Some(name) = reading.header.text("alg") else {
        return Err(Verdict::not_checked("the header has no algorithm (alg)"));
    };
    if name.eq_ignore_ascii_case("none") {
        return Err(Verdict::failed("alg is “none”: the token is not signed, anyone could have written it"));
    }
    if reading.header.find("crit").is_some() {
        return Err(Verdict::not_checked(
            "the header has critical extensions (crit) that impersona doesn't support",
        ));
    }
    if reading.header.find("b64").is_some_and(|member| member.json == "false") {
        return Err(Verdict::not_checked(
            "b64 is false, but crit doesn't list it: readers disagree on the payload",
        ));
    }
    let algorithm = Algorithm::from_str(&name)
        .map_err(|_| Verdict::not_checked(format!("alg {} isn't supported", quoted(&name))))?;
    // A shared secret cannot be public: checking HS256 with a public key as the secret is the classic forgery.
    if algorithm.family() == AlgorithmFamily::Hmac {
        return Err(Verdict::not_checked(format!(
            "{name} uses a shared secret, which no public key can verify"
        )));
    }
    if reading.signature.is_none() {
        return Err(Verdict::failed("the token has no signature"));
    }
    // The signature must cover exactly what was decoded as the claims.
    if reading.token.expose().matches('.').count() != 2 {
        return Err(Verdict::not_checked("the token doesn't have three parts"));
    }
    Ok(algorithm)
}

/// The ends of a key ID are enough to recognize it.
fn brief(id: &str) -> String {
    let letters: Vec<char> = id.chars().collect();
    match letters.len() {
        0..=12 => id.to_owned(),
        n => letters[..4].iter().chain(['…'].iter()).chain(&letters[n - 4..]).collect(),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
