//! What the forms accept and refuse, and what may complete them.

use jiff::Timestamp;

use super::forms::{check, new};
use crate::model::credential::{Kind, What};

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time")
}

const ACCOUNT: &str = "deployer@acme-prod.iam.gserviceaccount.com";

#[test]
fn scopes_and_delegates_may_be_separated_by_commas_or_spaces() {
    let mut form = new(Kind::AccessToken, ACCOUNT);
    form.set_text("scopes", "cloud-platform, devstorage.read_only email");
    form.set_text("through", "relay-a@acme-ci, relay-b@acme-ci");
    form.set_text("lifetime", "10m");
    let request = check(Kind::AccessToken, ACCOUNT, &mut form, now()).expect("a good form");
    let What::AccessToken { scopes, lifetime_seconds } = request.what else { panic!("an access token") };
    assert_eq!((scopes.len(), lifetime_seconds), (3, 600));
    assert_eq!(
        request.delegates,
        ["relay-a@acme-ci.iam.gserviceaccount.com", "relay-b@acme-ci.iam.gserviceaccount.com"]
    );
}

#[test]
fn each_wrong_field_is_refused_beside_itself_with_the_rule() {
    let cases = [
        (Kind::AccessToken, "scopes", "", "scope"),
        (Kind::AccessToken, "scopes", "no-such-scope", "no-such-scope"),
        (Kind::AccessToken, "lifetime", "13h", "12h"),
        (Kind::AccessToken, "lifetime", "0s", "12h"),
        (Kind::AccessToken, "through", "dev@example.com", "21-digit"),
        (Kind::IdToken, "audience", "", "audience"),
        (Kind::IdToken, "audience", "two words", "audience"),
    ];
    for (kind, field, text, word) in cases {
        let mut form = new(kind, ACCOUNT);
        form.set_text("audience", "https://svc.example.com");
        form.set_text(field, text);
        assert!(check(kind, ACCOUNT, &mut form, now()).is_none(), "{field}: {text}");
        assert_eq!(form.first_error(), Some(field), "{text}");
        let shown = format!("{form:?}");
        assert!(shown.contains(word), "{field}: {text}");
    }
}
