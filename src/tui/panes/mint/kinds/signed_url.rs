//! Signed URLs: their form, and their place on the shelf.

use jiff::Timestamp;

use super::{Item, KindForm, signed, through_field};
use crate::{
    keymap::Action,
    model::{
        credential::{MintRequest, What},
        lifetime,
        signed_url::{self, KEY_SECONDS, METHODS, SignedUrl},
    },
    tui::widgets::form::{Field, Form},
};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Id {
    Object,
    Method,
    Expires,
    Headers,
    Query,
    Style,
    Through,
}

const STYLES: [&str; 2] = ["path", "virtual host"];

impl KindForm for Id {
    type Kept = ();
    const THROUGH: Option<Id> = Some(Id::Through);

    fn form(_: &str) -> Form<Id> {
        Form::new(
            "sign",
            vec![
                Field::text(Id::Object, "object", "gs://", "gs://BUCKET/OBJECT"),
                Field::choice(Id::Method, "method", &METHODS, "the URL works for this method only"),
                Field::text(Id::Expires, "expires", "15m", "1s to 7d; can't be revoked"),
                Field::area(Id::Headers, "headers", "", 1, "one per line: Name: value"),
                Field::area(Id::Query, "query", "", 1, "one per line: name=value"),
                Field::choice(Id::Style, "style", &STYLES, "bucket in the path or in the host name"),
                through_field(Id::Through),
            ],
        )
    }

    fn check(form: &mut Form<Id>, _: &str, _: Timestamp) -> Option<What> {
        let object = signed_url::parse_object(form.text(Id::Object));
        let expires = signed_url::parse_expires(form.text(Id::Expires));
        let headers = lines(&form.area(Id::Headers), signed_url::parse_header);
        let query = lines(&form.area(Id::Query), signed_url::parse_query);
        let object = form.valid(Id::Object, object);
        let expires = form.valid(Id::Expires, expires);
        let headers = form.valid(Id::Headers, headers);
        let query = form.valid(Id::Query, query);
        let long = expires.is_some_and(|seconds| seconds > KEY_SECONDS);
        let warning = "over 12h: the signing key may rotate sooner, which ends the URL early";
        form.set_warnings(Id::Expires, if long { vec![warning.to_owned()] } else { Vec::new() });
        let (bucket, object) = object?;
        let url = SignedUrl {
            method: form.chosen(Id::Method).to_owned(),
            bucket,
            object,
            expires_seconds: expires?,
            headers: headers?,
            query: query?,
            virtual_host: form.chosen(Id::Style) == STYLES[1],
        };
        let sound = url.check();
        form.valid(Id::Query, sound)?;
        Some(What::SignedUrl(url))
    }

    fn fill(form: &mut Form<Id>, request: &MintRequest) {
        let What::SignedUrl(url) = &request.what else { return };
        let pairs = |list: &[(String, String)], sign: &str| {
            list.iter().map(|(name, value)| format!("{name}{sign}{value}")).collect::<Vec<_>>().join("\n")
        };
        form.set_text(Id::Object, &format!("gs://{}/{}", url.bucket, url.object));
        form.set_text(Id::Method, &url.method);
        form.set_text(Id::Expires, &lifetime::words(url.expires_seconds));
        form.set_text(Id::Headers, &pairs(&url.headers, ": "));
        form.set_text(Id::Query, &pairs(&url.query, "="));
        form.set_text(Id::Style, STYLES[usize::from(url.virtual_host)]);
    }
}

/// One value per line; empty lines are ignored.
fn lines<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.lines().filter(|line| !line.trim().is_empty()).map(read).collect()
}

const COPIES: &[Action] =
    &[Action::CopyRaw, Action::CopyCurl, Action::CopyGcloud, Action::CopyDecoded, Action::Save];

pub(crate) fn item(url: &SignedUrl) -> Item {
    signed(format!("{} gs://{}/{}", url.method, url.bucket, url.object), COPIES)
}
