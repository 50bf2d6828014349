//! What is left of a credential where it was written in part, folded, encoded or printed as bytes. Used by the tests of
//! the whole, and by those of the state, which see inside.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

/// Pieces of a credential's secret part, in each form in which it may be written.
pub struct Traces {
    whose: String,
    pieces: Vec<String>,
}

impl Traces {
    /// Of a token, a signed JWT, a signature in base64, or a signed URL.
    pub fn of(whose: &str, credential: &str) -> Traces {
        let (_, signature) = credential.rsplit_once("X-Goog-Signature=").unwrap_or(("", credential));
        let secret = signature.rsplit('.').next().unwrap_or_default().trim_start_matches("EMULATOR-");
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
        let mut pieces: Vec<String> = texts.iter().flat_map(|text| cut(text, 12)).collect();
        pieces.extend(raw.iter().flat_map(|bytes| {
            let list = format!("{bytes:?}");
            cut(list.trim_matches(['[', ']']), 40)
        }));
        Traces { whose: whose.to_owned(), pieces }
    }

    /// A piece of it that is in the text, if one is.
    pub fn found_in(&self, text: &str) -> Option<String> {
        let found = self.pieces.iter().find(|piece| text.contains(piece.as_str()))?;
        Some(format!("“{found}” of the {}", self.whose))
    }
}

/// Pieces of this many characters: who writes down twice as many in a row is found.
fn cut(text: &str, size: usize) -> Vec<String> {
    assert!(text.is_ascii());
    (0..text.len() / size).map(|at| text[at * size..(at + 1) * size].to_owned()).collect()
}

/// Nothing of any of them is in there.
#[track_caller]
pub fn assert_absent(traces: &[Traces], bytes: &[u8], place: &str) {
    let text = String::from_utf8_lossy(bytes);
    for traces in traces {
        if let Some(found) = traces.found_in(&text) {
            let at = text.find(found.split(['“', '”']).nth(1).unwrap_or_default()).unwrap_or_default();
            let around: String =
                text[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
            panic!("{found} is in {place}, after {around:?}");
        }
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
        assert!(traces.found_in(&written).is_some(), "{written}");
    }
    assert_eq!(traces.found_in("ya29.c.EMULATOR-"), None);
}
