//! Signed blobs: their form, and their place on the shelf.

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use jiff::Timestamp;

use super::{Item, KindForm, signed, through_field};
use crate::{
    keymap::Action,
    model::credential::{MintRequest, Payload, What},
    tui::widgets::{
        form::{Field, Form},
        text::thousands,
    },
};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Id {
    Source,
    Data,
    File,
    Through,
}

const SOURCES: [&str; 4] = ["text", "hex", "base64", "file"];

impl KindForm for Id {
    type Kept = ();
    const THROUGH: Option<Id> = Some(Id::Through);

    fn form(_: &str) -> Form<Id> {
        Form::new(
            "sign",
            vec![
                Field::choice(Id::Source, "sign", &SOURCES, "of the data below"),
                Field::area(Id::Data, "data", "", 3, "type or paste the data to sign"),
                Field::text(Id::File, "file", "", "file path (read when you sign)"),
                through_field(Id::Through),
            ],
        )
    }

    fn changed(form: &mut Form<Id>, _: &str) {
        let file = form.chosen(Id::Source) == "file";
        form.show(Id::Data, !file);
        form.show(Id::File, file);
    }

    fn check(form: &mut Form<Id>, _: &str, _: Timestamp) -> Option<What> {
        payload(form).map(What::SignedBlob)
    }

    fn fill(form: &mut Form<Id>, request: &MintRequest) {
        let What::SignedBlob(payload) = &request.what else { return };
        match payload {
            Payload::File(path) => {
                form.set_text(Id::Source, "file");
                form.set_text(Id::File, &path.display().to_string());
            }
            Payload::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) if !text.chars().any(|c| c.is_control() && c != '\n') => {
                    form.set_text(Id::Source, "text");
                    form.set_text(Id::Data, text);
                }
                _ => {
                    form.set_text(Id::Source, "base64");
                    form.set_text(Id::Data, &STANDARD.encode(bytes));
                }
            },
        }
    }
}

fn payload(form: &mut Form<Id>) -> Option<Payload> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let data = form.area(Id::Data);
    let bare: String = data.split_whitespace().collect();
    let bytes = match form.chosen(Id::Source) {
        "file" => {
            let path = form.text(Id::File).trim();
            let read =
                if path.is_empty() { Err("Enter the path of a file".to_owned()) } else { Ok(path.into()) };
            return form.valid(Id::File, read).map(Payload::File);
        }
        "hex" => hex(&bare).ok_or_else(|| "Not hexadecimal: use two digits (0-9, a-f) per byte".to_owned()),
        "base64" => LENIENT
            .decode(bare.replace('-', "+").replace('_', "/"))
            .map_err(|_| "Not base64: use letters, digits, and + / or - _".to_owned()),
        _ => Ok(data.into_bytes()),
    };
    form.valid(Id::Data, bytes.and_then(Payload::from_bytes))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

const COPIES: &[Action] = &[
    Action::CopyRaw,
    Action::CopyCurl,
    Action::CopyGcloud,
    Action::CopyDecoded,
    Action::CopyHex,
    Action::Save,
];

pub(crate) fn item(payload: &Payload) -> Item {
    let target = match payload {
        Payload::File(path) => path.display().to_string(),
        Payload::Bytes(bytes) => format!("{} bytes", thousands(bytes.len())),
    };
    signed(target, COPIES)
}
