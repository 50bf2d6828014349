mod addresses;
mod hosts;

use super::*;

fn endpoints(vars: &[(&str, &str)]) -> Result<Endpoints, ApiError> {
    Endpoints::new(&Env::from_vars(vars.iter().copied()), None)
}

#[test]
fn without_overrides_everything_is_google() {
    let endpoints = endpoints(&[]).unwrap();
    assert_eq!(endpoints.url(Service::Iam), "https://iam.googleapis.com");
    assert_eq!(endpoints.url(Service::Token), "https://oauth2.googleapis.com/token");
    assert_eq!(endpoints.overridden(), vec![]);
    assert!(!endpoints.partly_overridden());
}

#[test]
fn a_universe_replaces_googleapis_in_every_host() {
    let endpoints = endpoints(&[("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "cloud.example")]).unwrap();
    assert_eq!(endpoints.url(Service::Credentials), "https://iamcredentials.cloud.example");
    assert_eq!(endpoints.token_audience(), "https://oauth2.cloud.example/token");
    for wrong in [
        "evil",
        "a/b.c",
        "a.b:80",
        "A.B",
        "a.b.",
        ".a.b",
        "a..b",
        "u@a.b",
        "a.b?c",
        "a.b#c",
        "a\\.b",
        "1.2.3.4",
        "a.0x7f",
        "-a.b",
        "a-.b",
        "a.b ",
        "a\u{3002}b",
        "googleapis\u{ff0e}com",
        "a%2e.b",
        "[::1].b",
        "a\n.b",
    ] {
        assert!(Endpoints::new(&Env::default(), Some(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn two_universes_at_once_are_refused() {
    let env = Env::from_vars([("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "cloud.example")]);
    assert!(Endpoints::new(&env, Some("other.example")).is_err());
    assert!(Endpoints::new(&env, Some("cloud.example")).is_ok());
}

#[test]
fn an_override_may_be_https_or_this_machine_with_or_without_a_slash() {
    let variable = "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM";
    for (text, url) in [
        ("http://127.0.0.1:8787/", "http://127.0.0.1:8787"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://[::1]:1/x/", "http://[::1]:1/x"),
        ("https://iam.example/", "https://iam.example"),
    ] {
        assert_eq!(endpoints(&[(variable, text)]).unwrap().url(Service::Iam), url);
    }
    for text in [
        "http://iam.example/",
        "iam.example",
        "ftp://localhost/",
        "https://u:p@h/",
        "https://h/?a=b",
        "http://127.0.0.1.evil.example/",
    ] {
        let error = endpoints(&[(variable, text)]).unwrap_err();
        assert!(error.message.starts_with(variable) && !error.message.contains(text), "{error}");
        assert_eq!(error.kind.exit_code(), 2);
    }
}

#[test]
fn the_badge_knows_which_services_moved() {
    let endpoints = endpoints(&[("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM", "http://127.0.0.1:8787/")]).unwrap();
    assert_eq!(endpoints.overridden(), vec![("IAM", "127.0.0.1:8787".to_owned())]);
    assert!(endpoints.partly_overridden());
    assert_eq!(
        endpoints.as_env(),
        vec![("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM", "http://127.0.0.1:8787/".to_owned())]
    );
}

#[test]
fn exported_addresses_have_the_slash_that_gcloud_wants_and_the_token_endpoint_has_none() {
    let names = ["CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", "CLOUDSDK_AUTH_TOKEN_HOST"];
    let set = endpoints(&[(names[0], "https://a.example/x"), (names[1], "https://a.example/token")]).unwrap();
    let wanted = [(names[0], "https://a.example/x/"), (names[1], "https://a.example/token")];
    assert_eq!(set.as_env(), wanted.map(|(name, url)| (name, url.to_owned())));
}

#[test]
fn a_files_token_uri_counts_only_where_it_is_trusted_and_nothing_else_is_said() {
    let google = "https://oauth2.googleapis.com/token";
    for (uri, used) in [
        (Some("https://accounts.google.com/o/oauth2/token"), "https://accounts.google.com/o/oauth2/token"),
        (Some("http://127.0.0.1:9/token"), "http://127.0.0.1:9/token"),
        (Some("https://evil.example/token"), google),
        (Some("https://evilgoogleapis.com/token"), google),
        (Some("https://script.google.com/macros/s/x/exec"), google),
        (Some("http://oauth2.googleapis.com/token"), google),
        (None, google),
    ] {
        assert_eq!(endpoints(&[]).unwrap().with_token_uri(uri).url(Service::Token), used);
    }
    let set = endpoints(&[("CLOUDSDK_AUTH_TOKEN_HOST", "http://localhost:1/token")]).unwrap();
    assert_eq!(
        set.with_token_uri(Some("http://127.0.0.1:9/token")).url(Service::Token),
        "http://localhost:1/token"
    );
}

/// Each service: its address at Google, the variable that moves it, its display name, and whether it charges.
const SERVICES: [(Service, &str, &str, &str, bool); 10] = [
    (Service::Iam, "https://iam.U", "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM", "IAM", true),
    (
        Service::Credentials,
        "https://iamcredentials.U",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS",
        "IAM Credentials",
        true,
    ),
    (
        Service::Projects,
        "https://cloudresourcemanager.U",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER",
        "Resource Manager",
        true,
    ),
    (
        Service::Services,
        "https://serviceusage.U",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE",
        "Service Usage",
        true,
    ),
    (
        Service::Troubleshooter,
        "https://policytroubleshooter.U",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_POLICYTROUBLESHOOTER",
        "Policy Troubleshooter",
        true,
    ),
    (Service::Token, "https://oauth2.U/token", "CLOUDSDK_AUTH_TOKEN_HOST", "OAuth token", false),
    (Service::Tokeninfo, "https://oauth2.U", "IMPERSONA_OAUTH2_ENDPOINT", "tokeninfo", false),
    (Service::Userinfo, "https://openidconnect.U", "IMPERSONA_OAUTH2_ENDPOINT", "userinfo", false),
    (Service::Certs, "https://www.U", "IMPERSONA_CERTS_ENDPOINT", "certificates", false),
    (Service::Metadata, "http://metadata.google.internal", "GCE_METADATA_HOST", "metadata server", false),
];

#[test]
fn each_service_is_where_google_has_it_in_every_universe() {
    for universe in ["googleapis.com", "cloud.example"] {
        let endpoints = endpoints(&[("GOOGLE_CLOUD_UNIVERSE_DOMAIN", universe)]).unwrap();
        assert_eq!(endpoints.universe(), universe);
        for (base, url, _, people, charges) in SERVICES {
            let url = url.replace(".U", &format!(".{universe}"));
            assert_eq!((endpoints.url(base), endpoints.is_moved(base)), (url.as_str(), false));
            assert_eq!((endpoints.moved_to(base), name(base), base.charges()), (None, people, charges));
        }
        assert_eq!(endpoints.as_env(), vec![]);
    }
    // Errors name a service as Google does, whatever the universe.
    for (base, url, ..) in SERVICES.into_iter().filter(|(base, ..)| *base != Service::Metadata) {
        let host = url.trim_start_matches("https://").trim_end_matches("/token");
        assert_eq!(service(base), host.replace(".U", ".googleapis.com"));
    }
    assert_eq!(service(Service::Metadata), "the metadata server");
}

#[test]
fn each_variable_moves_its_services_and_no_other() {
    for (_, _, variable, ..) in SERVICES {
        let (value, moved) = match variable {
            "GCE_METADATA_HOST" => ("10.0.0.1:8787", "http://10.0.0.1:8787"),
            _ => ("https://a.example:1/x/", "https://a.example:1/x"),
        };
        let here = moved.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches("/x");
        let endpoints = endpoints(&[(variable, value)]).unwrap();
        let mut people = Vec::new();
        for (base, url, own, name, _) in SERVICES {
            let is_own = own == variable;
            let url = url.replace(".U", ".googleapis.com");
            assert_eq!(endpoints.url(base), if is_own { moved } else { url.as_str() }, "{variable}");
            assert_eq!(endpoints.is_moved(base), is_own);
            assert_eq!(endpoints.moved_to(base), is_own.then(|| here.to_owned()));
            people.extend(is_own.then(|| (name, here.to_owned())));
        }
        assert_eq!(endpoints.overridden(), people);
        assert!(endpoints.partly_overridden());
        // Listed once, though two services share it.
        let written = match variable {
            "GCE_METADATA_HOST" => here.to_owned(),
            _ if variable.contains("OVERRIDES") => format!("{moved}/"),
            _ => moved.to_owned(),
        };
        assert_eq!(endpoints.as_env(), vec![(variable, written)]);
    }
}

#[test]
fn where_all_but_one_are_moved_a_token_may_reach_both_worlds() {
    let all = || SERVICES.map(|(_, _, variable, ..)| variable);
    let value = |variable| if variable == "GCE_METADATA_HOST" { "127.0.0.1:1" } else { "http://127.0.0.1:1" };
    let moved = |without: &str| {
        let vars = all().into_iter().filter(|variable| *variable != without);
        endpoints(&vars.map(|variable| (variable, value(variable))).collect::<Vec<_>>()).unwrap()
    };
    assert!(!moved("").partly_overridden());
    for variable in all() {
        assert!(moved(variable).partly_overridden(), "{variable}");
    }
}

#[test]
fn a_universe_is_refused_by_the_name_of_who_said_it() {
    let env = Env::from_vars([("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "evil")]);
    for (error, origin) in [
        (Endpoints::new(&env, None).unwrap_err(), "GOOGLE_CLOUD_UNIVERSE_DOMAIN"),
        (Endpoints::new(&Env::default(), Some("evil")).unwrap_err(), "universe_domain"),
    ] {
        assert_eq!(error.kind, ErrorKind::Config);
        assert_eq!(error.message, format!("{origin} must be a domain name such as googleapis.com"));
    }
    // Two of them: each is named, and neither wins.
    let env = Env::from_vars([("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "googleapis.com")]);
    let error = Endpoints::new(&env, Some("cloud.example")).unwrap_err();
    assert!(error.message.contains("googleapis.com") && error.message.contains("cloud.example"), "{error}");
}

#[test]
fn a_files_token_uri_is_taken_in_its_own_universe_and_this_machine_alone() {
    let universe = endpoints(&[("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "cloud.example")]).unwrap();
    let usual = "https://oauth2.cloud.example/token";
    for (uri, used) in [
        ("https://sts.cloud.example/v1/token", "https://sts.cloud.example/v1/token"),
        ("https://oauth2.googleapis.com/token", "https://oauth2.googleapis.com/token"),
        ("http://localhost:1/token/", "http://localhost:1/token"),
        ("https://[::1]:1/token", "https://[::1]:1/token"),
        ("https://oauth2.other.example/token", usual),
        ("http://169.254.169.254/token", usual),
        ("https://user@oauth2.cloud.example/token", usual),
        ("https://oauth2.cloud.example/token?to=evil", usual),
        ("https://oauth2.cloud.example/token#x", usual),
        ("ftp://localhost/token", usual),
        ("nonsense", usual),
        ("", usual),
    ] {
        assert_eq!(universe.clone().with_token_uri(Some(uri)).url(Service::Token), used, "{uri}");
    }
}
