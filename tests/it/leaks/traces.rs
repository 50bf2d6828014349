//! What is left of a credential where it was written in part, folded, encoded or printed as bytes. Used by the tests of
//! the whole, and by those of the state, which see inside.

use std::collections::HashMap;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

/// Pieces of the secret parts of credentials, in each form in which they may be written, with whose they are.
#[derive(Default)]
pub(crate) struct Traces(HashMap<Vec<u8>, String>);

/// The length of a piece of text, and of a list of numbers.
const SIZES: [usize; 2] = [12, 28];

impl Traces {
    /// Of one only.
    pub(crate) fn of(whose: &str, credential: &str) -> Traces {
        let mut traces = Traces::default();
        traces.add(whose, credential);
        traces
    }

    /// Adds a token, a signed JWT, a signature in base64, or a signed URL.
    pub(crate) fn add(&mut self, whose: &str, credential: &str) {
        let (_, signature) = credential.rsplit_once("X-Goog-Signature=").unwrap_or(("", credential));
        let secret = signature.rsplit('.').next().unwrap_or_default();
        let secret = secret.rsplit_once("EMULATOR-").map_or(secret, |(_, random)| random);
        assert!(secret.len() >= 24, "the {whose} is of some length");
        let mut raw = vec![secret.as_bytes().to_vec()];
        // The bytes that the text stands for.
        raw.extend(STANDARD.decode(secret).or_else(|_| URL_SAFE_NO_PAD.decode(secret)).ok());
        let mut texts = vec![secret.to_owned()];
        for bytes in &raw {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            texts.extend([hex.to_uppercase(), hex]);
            texts.extend((0..3).map(|skip| STANDARD.encode(&bytes[skip..bytes.len() / 3 * 3])));
        }
        texts.extend(texts.clone().iter().map(|text| text.replace('+', "-").replace('/', "_")));
        let lists = raw.iter().map(|bytes| format!("{bytes:?}").trim_matches(['[', ']']).to_owned());
        let pieces =
            texts.iter().map(|text| (text.clone(), SIZES[0])).chain(lists.map(|list| (list, SIZES[1])));
        for (text, size) in pieces {
            self.0.extend(text.as_bytes().chunks_exact(size).map(|piece| (piece.to_vec(), whose.to_owned())));
        }
    }

    /// Where the first piece of one begins, and whose it is. Found is all that has twice the length of a piece.
    pub(crate) fn found_in(&self, text: &[u8]) -> Option<(usize, &str)> {
        let look = |size: usize| {
            text.windows(size).enumerate().find_map(|(at, piece)| Some((at, self.0.get(piece)?)))
        };
        SIZES.into_iter().find_map(look).map(|(at, whose)| (at, whose.as_str()))
    }
}

/// Nothing of any of them is in there.
#[track_caller]
pub(crate) fn assert_absent(traces: &Traces, text: &[u8], place: &str) {
    assert!(!traces.0.is_empty(), "something is looked for");
    if let Some((at, whose)) = traces.found_in(text) {
        let before = String::from_utf8_lossy(&text[at.saturating_sub(200)..at]);
        panic!("the {whose} is in {place}, after {before:?}");
    }
}

#[test]
fn a_credential_is_found_whole_in_part_and_in_every_writing() {
    let token = "ya29.c.EMULATOR-q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k";
    let (traces, secret) = (Traces::of("token", token), token.rsplit('-').next().unwrap_or_default());
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    for written in [
        token.to_owned(),
        secret[9..34].to_owned(),
        hex,
        format!("{:?}", secret.as_bytes()),
        STANDARD.encode(token),
        STANDARD.encode(format!("x{token}")),
        STANDARD.encode(format!("xy{token}")),
        format!("{:?}", URL_SAFE_NO_PAD.decode(secret).unwrap_or_default()),
    ] {
        assert!(traces.found_in(written.as_bytes()).is_some(), "{written}");
    }
    assert_eq!(traces.found_in(b"ya29.c.EMULATOR-"), None);
}
