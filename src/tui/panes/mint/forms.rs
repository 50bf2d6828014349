//! The forms: their fields, errors and warnings about what was typed, and the resulting request.

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use jiff::Timestamp;

use crate::{
    model::{
        account,
        claims::{self, TEMPLATES},
        credential::{Kind, LARGEST_PAYLOAD, MintRequest, Payload, What},
        jwt::audience,
        lifetime, scopes,
        signed_url::{self, KEY_SECONDS, METHODS, SignedUrl},
    },
    tui::widgets::form::{Field, Form},
};

/// The names of the templates, for the field that chooses one.
const TEMPLATE_NAMES: [&str; TEMPLATES.len()] = {
    let mut names = [""; TEMPLATES.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = TEMPLATES[at].name;
        at += 1;
    }
    names
};

const SOURCES: [&str; 4] = ["text", "hex", "base64", "file"];
const STYLES: [&str; 2] = ["path", "virtual host"];
const METADATA: [&str; 2] = ["access token", "ID token"];

/// An empty form of a kind, for an account.
pub fn new(kind: Kind, account: &str) -> Form {
    let through = || Field::text("through", "through", "", "delegates, comma-separated, first hop first");
    let scopes = |text: &str, note: &str| Field::text("scopes", "scopes", text, note);
    let audience = || Field::text("audience", "audience", "", "the service that accepts it");
    match kind {
        Kind::AccessToken | Kind::Delegated => Form::new(
            "mint",
            vec![
                scopes(scopes::short(scopes::DEFAULT), "type to search; comma-separated"),
                Field::text("lifetime", "lifetime", "1h", "up to 1h; up to 12h where allowed"),
                through(),
            ],
        ),
        Kind::IdToken => Form::new(
            "mint",
            vec![
                audience(),
                Field::check("email", "include email", true, "adds email and email_verified"),
                Field::check("organization", "organization", false, "adds google.organization_number"),
                through(),
            ],
        ),
        Kind::SignedJwt => Form::new(
            "sign",
            vec![
                Field::choice("template", "template", &TEMPLATE_NAMES, TEMPLATES[0].about),
                Field::area("claims", "claims", &TEMPLATES[0].claims(account), 3, "a JSON object"),
                Field::text("lifetime", "lifetime", "1h", "sets iat/exp when signing; empty: no iat/exp"),
                through(),
            ],
        ),
        Kind::SignedBlob => {
            let mut form = Form::new(
                "sign",
                vec![
                    Field::choice("source", "sign", &SOURCES, "the format of the data below"),
                    Field::area("data", "data", "", 3, "type or paste the data to sign"),
                    Field::text("file", "file", "", "file path (read when you sign)"),
                    through(),
                ],
            );
            form.show("file", false);
            form
        }
        Kind::SignedUrl => Form::new(
            "sign",
            vec![
                Field::text("object", "object", "gs://", "gs://BUCKET/OBJECT"),
                Field::choice("method", "method", &METHODS, "the URL works for this method only"),
                Field::text("expires", "expires", "15m", "1s to 7d; can't be revoked"),
                Field::area("headers", "headers", "", 1, "one per line: Name: value"),
                Field::area("query", "query", "", 1, "one per line: name=value"),
                Field::choice("style", "style", &STYLES, "bucket in the path or in the host name"),
                through(),
            ],
        ),
        Kind::Metadata => {
            let mut form = Form::new(
                "get",
                vec![
                    Field::choice("what", "get", &METADATA, "from the metadata server of this machine"),
                    Field::text(
                        "account",
                        "account",
                        "default",
                        "“default” or the email of an attached account",
                    ),
                    scopes("", "comma-separated; empty: the machine's scopes"),
                    audience(),
                    Field::check("full", "format full", false, "adds google.compute_engine"),
                    Field::check("licenses", "licenses", false, "include image licences"),
                ],
            );
            changed(Kind::Metadata, &mut form);
            form
        }
    }
}

/// Parts separated by commas, spaces or line breaks.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\n']).map(str::trim).filter(|part| !part.is_empty())
}

/// Whether there are delegates.
pub fn has_chain(form: &Form) -> bool {
    parts(form.text("through")).next().is_some()
}

/// The delegates, if all of them are valid accounts.
pub fn delegates(form: &Form) -> Option<Vec<String>> {
    parts(form.text("through")).map(|name| account::parse(name).ok()).collect()
}

/// The index of the chosen template.
pub fn template(form: &Form) -> usize {
    TEMPLATE_NAMES.iter().position(|name| *name == form.chosen("template")).unwrap_or_default()
}

/// Shows the fields that apply to the current choices.
pub fn changed(kind: Kind, form: &mut Form) {
    match kind {
        Kind::SignedJwt => form.set_note("template", TEMPLATES[template(form)].about),
        Kind::SignedBlob => {
            let file = form.chosen("source") == "file";
            form.show("data", !file);
            form.show("file", file);
        }
        Kind::Metadata => {
            let id = form.chosen("what") == METADATA[1];
            form.show("scopes", !id);
            for field in ["audience", "full"] {
                form.show(field, id);
            }
            form.show("licenses", id && form.checked("full"));
        }
        _ => {}
    }
}

/// Sets the error of a field; returns the value of a valid one.
fn field<T>(form: &mut Form, id: &'static str, read: Result<T, String>) -> Option<T> {
    form.set_error(id, read.as_ref().err().cloned());
    read.ok()
}

/// The request that a form describes at this time; none if a field is invalid, with the reason beside that field.
pub fn check(kind: Kind, account: &str, form: &mut Form, now: Timestamp) -> Option<MintRequest> {
    let through: Result<Vec<String>, String> = parts(form.text("through")).map(account::parse).collect();
    let delegates = field(form, "through", through);
    // All fields are checked before the first invalid one ends it.
    let (account, what) = match kind {
        Kind::AccessToken => (account.to_owned(), access_token(form)),
        Kind::IdToken => {
            let audience = audience::check(form.text("audience"));
            let what = field(form, "audience", audience).map(|audience| What::IdToken {
                audience,
                include_email: form.checked("email"),
                organization_number: form.checked("organization"),
            });
            (account.to_owned(), what)
        }
        Kind::SignedJwt => (account.to_owned(), signed_jwt(account, form, now)),
        Kind::SignedBlob => (account.to_owned(), payload(form).map(What::SignedBlob)),
        Kind::SignedUrl => (account.to_owned(), signed_url(form).map(What::SignedUrl)),
        Kind::Metadata => {
            let name = form.text("account").trim().to_owned();
            let named = if name == "default" { Ok(name) } else { account::parse(&name) };
            (field(form, "account", named).unwrap_or_default(), metadata(form))
        }
        Kind::Delegated => (account.to_owned(), None),
    };
    let what = what.filter(|_| form.first_error().is_none())?;
    Some(MintRequest { account, delegates: delegates?, what })
}

/// Full scopes; an empty list only where that is meaningful.
fn scopes_of(form: &mut Form, may_be_none: bool) -> Option<Vec<String>> {
    let read: Result<Vec<String>, String> = parts(form.text("scopes")).map(scopes::expand).collect();
    let read = read.and_then(|list| match list.is_empty() && !may_be_none {
        true => scopes::expand("").map(|_| list),
        false => Ok(list),
    });
    field(form, "scopes", read)
}

fn access_token(form: &mut Form) -> Option<What> {
    let scopes = scopes_of(form, false);
    let lifetime = lifetime::parse(form.text("lifetime"));
    let lifetime_seconds = field(form, "lifetime", lifetime);
    let long = lifetime_seconds.is_some_and(lifetime::needs_extension);
    form.set_warnings("lifetime", if long { vec![lifetime::EXTENSION.to_owned()] } else { Vec::new() });
    Some(What::AccessToken { scopes: scopes?, lifetime_seconds: lifetime_seconds? })
}

fn signed_jwt(account: &str, form: &mut Form, now: Timestamp) -> Option<What> {
    let text = form.text("lifetime").trim().to_owned();
    let lifetime = if text.is_empty() { Ok(None) } else { lifetime::parse(&text).map(Some) };
    let lifetime = field(form, "lifetime", lifetime);
    let typed = form.area("claims");
    let checked = claims::check(&typed, lifetime.flatten(), account, now.as_second());
    let warnings = checked.as_ref().map(|checked| checked.warnings.clone()).unwrap_or_default();
    form.set_warnings("claims", warnings);
    field(form, "claims", checked)?;
    Some(What::SignedJwt { claims: typed, lifetime_seconds: lifetime? })
}

fn payload(form: &mut Form) -> Option<Payload> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let data = form.area("data");
    let bare: String = data.split_whitespace().collect();
    let bytes = match form.chosen("source") {
        "file" => {
            let path = form.text("file").trim();
            let read =
                if path.is_empty() { Err("Enter the path of a file".to_owned()) } else { Ok(path.into()) };
            return field(form, "file", read).map(Payload::File);
        }
        "hex" => hex(&bare).ok_or_else(|| "Not hexadecimal: use two digits (0-9, a-f) per byte".to_owned()),
        "base64" => LENIENT
            .decode(bare.replace('-', "+").replace('_', "/"))
            .map_err(|_| "Not base64: use letters, digits, and + / or - _".to_owned()),
        _ => Ok(data.into_bytes()),
    };
    let bytes = bytes.and_then(|bytes| match bytes.len() {
        0 => Err("Nothing to sign yet".to_owned()),
        n if n > LARGEST_PAYLOAD => Err("More than 4 MiB, the maximum for a request. Sign a digest instead, and have the verifier check that digest".to_owned()),
        _ => Ok(bytes),
    });
    field(form, "data", bytes).map(Payload::Bytes)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// One value per line; empty lines are ignored.
fn lines<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.lines().filter(|line| !line.trim().is_empty()).map(read).collect()
}

fn signed_url(form: &mut Form) -> Option<SignedUrl> {
    let object = signed_url::parse_object(form.text("object"));
    let expires = signed_url::parse_expires(form.text("expires"));
    let headers = lines(&form.area("headers"), signed_url::parse_header);
    let query = lines(&form.area("query"), signed_url::parse_query);
    let object = field(form, "object", object);
    let expires = field(form, "expires", expires);
    let headers = field(form, "headers", headers);
    let query = field(form, "query", query);
    let long = expires.is_some_and(|seconds| seconds > KEY_SECONDS);
    let warning = "over 12h: the signing key may rotate sooner, which ends the URL early";
    form.set_warnings("expires", if long { vec![warning.to_owned()] } else { Vec::new() });
    let (bucket, object) = object?;
    let url = SignedUrl {
        method: form.chosen("method").to_owned(),
        bucket,
        object,
        expires_seconds: expires?,
        headers: headers?,
        query: query?,
        virtual_host: form.chosen("style") == STYLES[1],
    };
    let sound = url.check();
    field(form, "query", sound)?;
    Some(url)
}

fn metadata(form: &mut Form) -> Option<What> {
    if form.chosen("what") == METADATA[0] {
        return scopes_of(form, true).map(|scopes| What::MetadataAccess { scopes });
    }
    let audience = audience::check(form.text("audience"));
    let (full, licenses) = (form.checked("full"), form.checked("licenses"));
    field(form, "audience", audience).map(|audience| What::MetadataId {
        audience,
        full,
        licenses: full && licenses,
    })
}

/// Warnings and invalid claims are shown while typing; all other errors only on submit, because the user may still be
/// typing.
pub fn doubts(kind: Kind, account: &str, form: &mut Form, now: Timestamp) {
    let mut judged = form.clone();
    check(kind, account, &mut judged, now);
    for id in ["lifetime", "claims", "expires"] {
        form.set_warnings(id, judged.warnings(id));
    }
    if kind == Kind::SignedJwt {
        form.set_error("claims", judged.error("claims"));
    }
}

/// Fills a form from a request, so that it can be edited and sent again.
pub fn fill(form: &mut Form, request: &MintRequest) {
    form.set_text("through", &request.delegates.join(", "));
    match &request.what {
        What::AccessToken { scopes, lifetime_seconds } => {
            form.set_text("scopes", &scopes::set(scopes));
            form.set_text("lifetime", &lifetime::words(*lifetime_seconds));
        }
        What::IdToken { audience, include_email, organization_number } => {
            form.set_text("audience", audience);
            form.set_checked("email", *include_email);
            form.set_checked("organization", *organization_number);
        }
        What::SignedJwt { claims, lifetime_seconds } => {
            let kept = TEMPLATES.iter().position(|template| template.claims(&request.account) == *claims);
            form.set_text("template", TEMPLATE_NAMES[kept.unwrap_or(TEMPLATES.len() - 1)]);
            form.set_text("claims", claims);
            form.set_text("lifetime", &lifetime_seconds.map(lifetime::words).unwrap_or_default());
        }
        What::SignedBlob(Payload::File(path)) => {
            form.set_text("source", "file");
            form.set_text("file", &path.display().to_string());
        }
        What::SignedBlob(Payload::Bytes(bytes)) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.chars().any(|c| c.is_control() && c != '\n') => {
                form.set_text("source", "text");
                form.set_text("data", text);
            }
            _ => {
                form.set_text("source", "base64");
                form.set_text("data", &STANDARD.encode(bytes));
            }
        },
        What::SignedUrl(url) => {
            let pairs = |list: &[(String, String)], sign: &str| {
                list.iter().map(|(name, value)| format!("{name}{sign}{value}")).collect::<Vec<_>>().join("\n")
            };
            form.set_text("object", &format!("gs://{}/{}", url.bucket, url.object));
            form.set_text("method", &url.method);
            form.set_text("expires", &lifetime::words(url.expires_seconds));
            form.set_text("headers", &pairs(&url.headers, ": "));
            form.set_text("query", &pairs(&url.query, "="));
            form.set_text("style", STYLES[usize::from(url.virtual_host)]);
        }
        What::MetadataAccess { scopes } => {
            form.set_text("what", METADATA[0]);
            form.set_text("account", &request.account);
            form.set_text("scopes", &scopes::set(scopes));
        }
        What::MetadataId { audience, full, licenses } => {
            form.set_text("what", METADATA[1]);
            form.set_text("account", &request.account);
            form.set_text("audience", audience);
            form.set_checked("full", *full);
            form.set_checked("licenses", *licenses);
        }
        What::Delegated { .. } => {}
    }
    changed(request.kind(), form);
}
