//! Credentials files: reading one, with a sentence for everything that can be wrong with it. It repeats nothing of
//! a file but the names of its fields and its type.

use std::{collections::HashMap, fmt, fs::File, io::Read as _, path::Path};

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::{Credentials, Source, exchange};
use crate::{
    api::{ApiError, ErrorKind, endpoints::GOOGLE},
    model::secret::Secret,
};

/// Larger files are no credentials.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// Types that Google's libraries know and we do not yet.
const LATER: [&str; 4] = [
    "impersonated_service_account",
    "external_account",
    "external_account_authorized_user",
    "gdch_service_account",
];

/// Reads a credentials file. `label` says how it was found.
pub(super) fn read(path: &Path, label: &str) -> Result<Source, ApiError> {
    let origin = path.display().to_string();
    let text = text(path).and_then(|text| parse(&text, label, &origin));
    text.map_err(|why| {
        let via = if label.starts_with("--credentials") { String::new() } else { format!(" ({label})") };
        ApiError::new(ErrorKind::Credentials, format!("The credentials file {origin}{via} {why}."))
    })
}

fn text(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "may not be read by you".to_owned(),
        _ => format!("cannot be read: {error}"),
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
        return Err("is larger than 1 MiB, which no credentials are".to_owned());
    }
    Ok(bytes)
}

fn parse(bytes: &[u8], label: &str, origin: &str) -> Result<Source, String> {
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // serde's own text may quote the file, so only the place is told.
    let mut fields: Fields = serde_json::from_slice(json).map_err(|error| {
        if error.is_data() {
            return "holds no JSON object".to_owned();
        }
        format!("is no JSON (line {}, column {})", error.line(), error.column())
    })?;
    let mut source = Source {
        label: label.to_owned(),
        origin: origin.to_owned(),
        principal: None,
        project: fields.optional("project_id")?,
        quota_project: fields.optional("quota_project_id")?,
        // A file from before the word, or that leaves it out, is Google's: its secrets go nowhere else.
        universe: Some(fields.optional("universe_domain")?.unwrap_or_else(|| GOOGLE.to_owned())),
        token_uri: fields.optional("token_uri")?,
        credentials: Credentials::AccessToken(Secret::new("")),
    };
    source.credentials = match fields.required("type")?.as_str() {
        "authorized_user" => {
            source.principal = fields.optional("account")?;
            Credentials::User {
                client_id: fields.required("client_id")?,
                client_secret: fields.secret("client_secret")?,
                refresh_token: fields.secret("refresh_token")?,
            }
        }
        "service_account" => {
            let email = fields.required("client_email")?;
            source.principal = Some(email.clone());
            let private_key = fields.secret("private_key")?;
            if !exchange::is_key(&private_key) {
                return Err("has no RSA key in PEM form in its field “private_key”".to_owned());
            }
            Credentials::ServiceAccount { email, key_id: fields.optional("private_key_id")?, private_key }
        }
        known if LATER.contains(&known) => {
            return Err(format!("has the type “{known}”, which is not supported yet"));
        }
        other => {
            let shown: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(format!("has the unknown type “{shown}” in its field “type”"));
        }
    };
    Ok(source)
}

/// The fields of a file. Any of them may be a secret, one that is not known here too, so all are wiped in the end.
#[derive(serde::Deserialize)]
struct Fields(HashMap<String, Field>);

enum Field {
    Text(Zeroizing<String>),
    Null,
    /// Something else, by what it is called.
    Other(&'static str),
}

impl Fields {
    /// A text that must be there. Empty is as good as missing.
    fn required(&mut self, name: &str) -> Result<String, String> {
        self.optional(name)?.ok_or_else(|| format!("lacks the field “{name}”"))
    }

    /// The same, for what nobody may see: it is moved, not copied.
    fn secret(&mut self, name: &str) -> Result<Secret, String> {
        self.required(name).map(Secret::new)
    }

    /// Takes the text out.
    fn optional(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.0.get_mut(name) {
            None | Some(Field::Null) => Ok(None),
            Some(Field::Text(text)) => Ok(Some(std::mem::take(&mut **text)).filter(|text| !text.is_empty())),
            Some(Field::Other(found)) => {
                Err(format!("has {found} in its field “{name}”, where a text belongs"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_any(AnyField)
    }
}

struct AnyField;

impl<'de> Visitor<'de> for AnyField {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Field, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Field, E> {
        Ok(Field::Other("a boolean"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Field, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Field, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other("an object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(content: &[u8]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        std::fs::write(&path, content).unwrap();
        let error = read(&path, "ADC").unwrap_err();
        assert!(error.message.contains("key.json") && error.kind == ErrorKind::Credentials, "{error}");
        assert!(!error.message.contains("hunter2"), "{error}");
        error.message
    }

    #[test]
    fn every_broken_file_is_one_sentence_with_the_place_and_never_the_content() {
        for (content, part) in [
            (&b""[..], "is no JSON (line 1, column 0)"),
            (b"{\n \"type\": hunter2 }", "is no JSON (line 2, column 10)"),
            (b"\xff\xfe\x00", "is no JSON"),
            (b"[]", "holds no JSON object"),
            (b"{}", "lacks the field “type”"),
            (b"7", "holds no JSON object"),
            (br#"{"type":7}"#, "a number in its field “type”"),
            (br#"{"type":-7.5}"#, "a number in its field “type”"),
            (br#"{"type":{"a":{"b":[true]}}}"#, "an object in its field “type”"),
            (br#"{"type":true}"#, "a boolean in its field “type”"),
            (br#"{"type":null}"#, "lacks the field “type”"),
            (br#"{"type":"hunter"}"#, "unknown type “hunter”"),
            (br#"{"type":"external_account"}"#, "“external_account”, which is not supported yet"),
            (
                br#"{"type":"authorized_user","client_id":"x","client_secret":"hunter2"}"#,
                "lacks the field “refresh_token”",
            ),
            (br#"{"type":"authorized_user","client_id":["hunter2"]}"#, "a list in its field “client_id”"),
            (br#"{"type":"service_account","client_email":"a@b","private_key":"hunter2"}"#, "“private_key”"),
        ] {
            let message = wrong(content);
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_file_of_more_than_a_megabyte_is_not_read() {
        assert!(wrong(&vec![b' '; 1024 * 1024 + 1]).contains("larger than 1 MiB"));
    }

    #[test]
    fn a_directory_is_named_as_one() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path(), "ADC").unwrap_err().message.contains("is a directory"));
    }

    #[test]
    fn a_byte_order_mark_is_tolerated() {
        let mut content = b"\xef\xbb\xbf".to_vec();
        content.extend(br#"{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r","account":""}"#);
        let source = parse(&content, "ADC", "/x").unwrap();
        assert_eq!((source.kind(), source.principal), ("user", None));
    }

    #[test]
    fn a_file_that_names_no_universe_is_googles_and_its_secrets_go_to_no_other() {
        let universe = |field: &str| {
            let text = format!(
                r#"{{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r"{field}}}"#
            );
            parse(text.as_bytes(), "ADC", "/x").unwrap().universe
        };
        let elsewhere = crate::env::Env::from_vars([("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "cloud.example")]);
        let made = |universe: Option<String>| {
            crate::api::endpoints::Endpoints::new(&elsewhere, universe.as_deref()).map_err(|error| error.kind)
        };
        for field in ["", r#","universe_domain":"""#, r#","universe_domain":null"#] {
            assert_eq!(universe(field).as_deref(), Some(GOOGLE));
            assert_eq!(made(universe(field)), Err(ErrorKind::Config));
        }
        assert!(made(universe(r#","universe_domain":"cloud.example""#)).is_ok());
        assert!(made(None).is_ok());
    }

    #[test]
    fn of_a_field_that_stands_twice_the_last_counts_as_with_googles_libraries() {
        let text = br#"{"type":"x","type":"authorized_user","client_id":"i","client_secret":"a\u0062","refresh_token":"r","extra":[1,{"a":null}]}"#;
        let source = parse(text, "ADC", "/x").unwrap();
        let Credentials::User { client_secret, .. } = source.credentials else { panic!("a person's login") };
        assert_eq!(client_secret.expose(), "ab");
    }
}
