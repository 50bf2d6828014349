use super::*;

#[test]
fn googles_hosts_the_universes_and_this_machine_are_trusted() {
    for url in [
        "https://sts.googleapis.com/v1/token",
        "https://sts.us-east1.googleapis.com/v1/token",
        "https://us-east1-sts.googleapis.com/v1/token",
        "https://sts-xyz.p.googleapis.com/v1/token",
        "https://iamcredentials.mtls.googleapis.com/v1/x",
        "https://iamcredentials.us-east1.rep.googleapis.com/v1/x",
        "https://oauth2.googleapis.com/token",
        "https://www.googleapis.com/oauth2/v4/token",
        "https://accounts.google.com/o/oauth2/token",
        "https://iamcredentials.cloud.example/v1/x",
        "http://127.0.0.1:8787/v1/token",
        "http://localhost:1/x",
    ] {
        assert!(is_trusted(url, "cloud.example"), "{url}");
    }
    for url in [
        "http://sts.googleapis.com/v1/token",
        "https://sts.googleapis.com.evil.example/",
        "https://evilgoogleapis.com/",
        "https://user@sts.googleapis.com/",
        "http://169.254.169.254/latest/meta-data",
        // Google's hosts as well, and what is posted there is kept for strangers.
        "https://www.googleapis.com/upload/storage/v1/b/evil/o?uploadType=media&name=x",
        "https://storage.googleapis.com/evil/x",
        "https://sts.storage.googleapis.com/x",
        "https://evil-sts.storage.googleapis.com/x",
        "https://script.google.com/macros/s/x/exec",
        "https://accounts.google.com/x",
        "https://idp.example.com/token",
        "file:///etc/passwd",
        "nonsense",
    ] {
        assert!(!is_trusted(url, GOOGLE), "{url}");
    }
}

fn in_doubt(origin: &str, hash: &str) -> TrustPrompt {
    TrustPrompt {
        origin: origin.into(),
        hash: hash.into(),
        reasons: vec![Reason::Addresses(vec!["https://a".into()])],
        remark: None,
    }
}

#[test]
fn a_file_is_confirmed_as_it_is_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new");
    let doubt = |hash: &str| in_doubt("/x", hash);
    assert_eq!(is_confirmed(Some(&path), &doubt("aa")), Ok(false));
    assert_eq!(is_confirmed(None, &doubt("aa")), Ok(false));
    confirm(&path, &doubt("aa")).unwrap();
    assert_eq!(is_confirmed(Some(&path), &doubt("aa")), Ok(true));
    for other in ["ab", "a", "aaa", "AA", "xaa", "/x", "aa /x", ""] {
        assert_eq!(is_confirmed(Some(&path), &doubt(other)), Ok(false), "{other}");
    }
    // One more does not take the place of the first.
    confirm(&path, &doubt("bb")).unwrap();
    for known in ["aa", "bb"] {
        assert_eq!(is_confirmed(Some(&path), &doubt(known)), Ok(true), "{known}");
    }
    assert_eq!(is_confirmed(None, &doubt("aa")), Ok(false));
}

#[test]
fn hashes_count_whatever_the_names_beside_them_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    // A name in Latin-1, one that sha256sum escaped, and a line that was cut off.
    fs::write(&path, b"aa  /caf\xe9.json\n\\bb  /a\\nb.json\ncc  /cut").unwrap();
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    confirm(folder.path(), &in_doubt("/x", "dd")).unwrap();
    for known in ["aa", "bb", "cc", "dd"] {
        assert_eq!(is_confirmed(Some(folder.path()), &in_doubt("/x", known)), Ok(true), "{known}");
    }
}

#[test]
fn a_hash_in_the_name_of_another_file_confirms_nothing() {
    for origin in
        ["ab", "/ab", "/x ab", "/x ab y", " ab", "\tab", "/x\u{2028}ab y", "/x\u{85}ab y", "/x\u{a0}ab"]
    {
        let folder = tempfile::tempdir().unwrap();
        confirm(folder.path(), &in_doubt(origin, "aa")).unwrap();
        assert_eq!(is_confirmed(Some(folder.path()), &in_doubt("/x", "aa")), Ok(true), "{origin:?}");
        assert_eq!(is_confirmed(Some(folder.path()), &in_doubt("/x", "ab")), Ok(false), "{origin:?}");
    }
}

#[test]
fn no_control_character_in_the_name_of_a_file_forges_a_line() {
    let controls = (0..=0x9f_u8).map(char::from).filter(|c| c.is_control());
    let breaks =
        controls.map(|c| c.to_string()).chain(["\r\n".to_owned(), "\n\n".to_owned(), "\n \n".to_owned()]);
    for line_break in breaks {
        let folder = tempfile::tempdir().unwrap();
        let origin = format!("/x{line_break}ab /y{line_break}ac{line_break}");
        confirm(folder.path(), &in_doubt(&origin, "aa")).unwrap();
        // The next one begins a line of its own.
        confirm(folder.path(), &in_doubt("/z", "bb")).unwrap();
        for (hash, known) in [("aa", true), ("bb", true), ("ab", false), ("ac", false), ("/y", false)] {
            assert_eq!(
                is_confirmed(Some(folder.path()), &in_doubt("/x", hash)),
                Ok(known),
                "{line_break:?} {hash}"
            );
        }
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(
            (text.lines().count(), text.chars().filter(|c| c.is_control()).count()),
            (2, 2),
            "{text:?}"
        );
    }
}

/// Credentials of a file, as far as they tell where secrets go: to `token`, `minting` and `info`; and where the subject
/// comes from.
fn source(token: &str, minting: Option<&str>, info: Option<&str>, from: Option<&str>) -> Source {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.json");
    let from =
        from.map_or_else(|| serde_json::json!({ "file": "/x" }), |url| serde_json::json!({ "url": url }));
    let mut file = serde_json::json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": format!("{token}/v1/token"),
        "credential_source": from,
    });
    let account = "v1/projects/-/serviceAccounts/sa@p-1234.iam.gserviceaccount.com:generateAccessToken";
    file["service_account_impersonation_url"] = minting.map(|host| format!("{host}/{account}")).into();
    file["token_info_url"] = info.map(|host| format!("{host}/v1/introspect")).into();
    fs::write(&path, file.to_string()).unwrap();
    super::super::file::read(&path, "ADC").unwrap()
}

/// A login of a workforce user, that is sent to `token` and told of at `info`.
fn login(token: &str, info: Option<&str>) -> Source {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.json");
    let mut file = serde_json::json!({
        "type": "external_account_authorized_user", "token_url": format!("{token}/v1/oauthtoken"),
        "client_id": "c", "client_secret": "s", "refresh_token": "r",
    });
    file["token_info_url"] = info.map(|host| format!("{host}/v1/introspect")).into();
    fs::write(&path, file.to_string()).unwrap();
    super::super::file::read(&path, "ADC").unwrap()
}

/// The hosts of the addresses in doubt.
fn foreign(source: &Source) -> Vec<String> {
    let reasons = doubt(source, &Env::default()).map(|doubt| doubt.reasons).unwrap_or_default();
    let addresses = reasons.into_iter().filter_map(|reason| match reason {
        Reason::Addresses(addresses) => Some(addresses),
        _ => None,
    });
    let host = |url: String| url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    addresses.flatten().map(host).collect()
}

#[test]
fn each_address_that_gets_a_secret_is_in_doubt_by_itself() {
    const STS: &str = "https://sts.googleapis.com";
    for host in [
        // What the machine's metadata say may be read from there, and no secret goes there.
        "http://169.254.169.254",
        "https://169.254.169.254",
        "http://[fd00:ec2::254]",
        "http://metadata.google.internal",
        "http://sts.googleapis.com",
        "https://storage.googleapis.com",
        "https://user@sts.googleapis.com",
        "https://user:password@sts.googleapis.com",
        "https://:password@sts.googleapis.com",
        "http://user@127.0.0.1:1",
        "https://sts.googleapis.com.",
        "https://sts.googleapis.com.evil.example",
        "https://idp.example.com",
        "https://10.0.0.1",
    ] {
        assert_eq!(foreign(&source(host, None, None, None)), [host]);
        assert_eq!(foreign(&source(STS, Some(host), None, None)), [host]);
        assert_eq!(foreign(&source(STS, None, Some(host), None)), [host]);
        assert_eq!(foreign(&source(host, Some(host), Some(host), None)), [host, host, host]);
        assert_eq!(foreign(&login(host, None)), [host]);
        assert_eq!(foreign(&login(STS, Some(host))), [host]);
    }
    for host in [STS, "http://127.0.0.1:8787", "http://[::1]:1", "http://localhost:1"] {
        for (minting, info) in
            [(None, None), (Some(host), None), (None, Some(host)), (Some(host), Some(host))]
        {
            assert_eq!(foreign(&source(host, minting, info, None)), [""; 0], "{host}");
        }
        assert_eq!(foreign(&login(host, Some(host))), [""; 0], "{host}");
    }
}

#[test]
fn an_address_that_gives_a_secret_may_also_be_the_machines_own() {
    let from =
        |host: &str| foreign(&source("https://sts.googleapis.com", None, None, Some(&format!("{host}/x"))));
    for host in [
        "http://169.254.169.254",
        "http://169.254.0.0",
        "http://169.254.255.255:80",
        "http://[fd00:ec2::254]",
        "http://[fe80::1]",
        "http://127.0.0.1:1",
        "http://localhost",
        "https://sts.googleapis.com",
    ] {
        assert_eq!(from(host), [""; 0], "{host}");
    }
    for host in [
        "http://169.253.255.255",
        "http://169.255.0.0",
        "http://10.0.0.1",
        "http://[fd01::1]",
        "http://metadata.google.internal",
        "http://169.254.169.254.example.com",
        "https://idp.example.com",
        "https://storage.googleapis.com",
    ] {
        assert_eq!(from(host), [host]);
    }
}

#[test]
fn what_nobody_wrote_into_a_file_is_not_in_doubt() {
    let foreign = Source { hash: None, ..source("https://idp.example.com", None, None, None) };
    assert_eq!(doubt(&foreign, &Env::default()), None);
}

#[test]
fn a_doubt_says_each_of_its_reasons_and_the_remark() {
    let reasons = [
        (
            Reason::Addresses(vec!["https://a".into(), "https://b".into()]),
            "sends secrets to hosts that are not Google's: https://a, https://b",
        ),
        (
            Reason::Universe("cloud.example".into()),
            "sends every call, with its access token, to the universe cloud.example, which is not Google's",
        ),
        (
            Reason::Mixed { here: "http://localhost:1".into(), there: "https://c".into() },
            "sends secrets to a program on this machine, http://localhost:1, as well as to https://c",
        ),
        (
            Reason::Local { what: "what is in /k".into(), to: "http://localhost:2".into() },
            "sends what is in /k to a program on this machine: http://localhost:2",
        ),
    ];
    for (reason, clause) in &reasons {
        let doubt = TrustPrompt { reasons: vec![reason.clone()], ..in_doubt("/x", "aa") };
        assert_eq!(
            doubt.question(),
            format!("The credentials file /x {clause}. Trust this file as it is now?")
        );
        assert_eq!(doubt.refusal(), format!("The credentials file /x needs confirmation: it {clause}."));
    }
    let (all, clauses): (Vec<_>, Vec<_>) = reasons.into_iter().unzip();
    let doubt = TrustPrompt { reasons: all, remark: Some("So it is.".into()), ..in_doubt("/x", "aa") };
    let clauses = clauses.join("; it ");
    assert_eq!(
        doubt.question(),
        format!("The credentials file /x {clauses}. So it is. Trust this file as it is now?")
    );
    assert_eq!(
        doubt.refusal(),
        format!("The credentials file /x needs confirmation: it {clauses}. So it is.")
    );
}

#[test]
fn there_is_no_command_for_a_name_that_no_shell_can_be_given() {
    let folder = Path::new("/state");
    assert!(command(folder, &in_doubt("/x y.json", "aa")).is_some());
    assert_eq!(command(folder, &in_doubt(&format!("/x{UNQUOTABLE}"), "aa")), None);
    assert_eq!(command(Path::new(&format!("/s{UNQUOTABLE}")), &in_doubt("/x", "aa")), None);
}

/// At a umask under which groups may write, as on most desktops.
#[cfg(target_os = "linux")]
#[test]
fn the_command_confirms_a_file_whatever_the_umask_is() {
    let outer = tempfile::tempdir().unwrap();
    let (file, folder) = (outer.path().join("a b.json"), outer.path().join("it's state"));
    fs::write(&file, "{}").unwrap();
    let doubt = TrustPrompt {
        origin: file.to_str().unwrap().to_owned(),
        hash: "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a".to_owned(),
        reasons: vec![],
        remark: None,
    };
    let command = command(&folder, &doubt).unwrap();
    for _ in 0..2 {
        let script = format!("umask 002; {command}");
        assert!(std::process::Command::new("sh").args(["-c", &script]).status().unwrap().success());
        assert_eq!(is_confirmed(Some(&folder), &doubt), Ok(true));
    }
}

#[cfg(unix)]
#[test]
fn what_others_may_have_confirmed_does_not_count() {
    use std::os::unix::fs::PermissionsExt;
    let open_to = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("state");
    let path = folder.join(FILE);
    let doubt = TrustPrompt { origin: "/x".into(), hash: "aa".into(), reasons: vec![], remark: None };
    confirm(&folder, &doubt).unwrap();
    assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
    for (place, wide, narrow) in
        [(&path, 0o620, 0o600), (&path, 0o602, 0o600), (&folder, 0o770, 0o700), (&folder, 0o707, 0o700)]
    {
        open_to(place, wide);
        let why = is_confirmed(Some(&folder), &doubt).unwrap_err();
        assert!(why.contains("ignored") && why.contains("chmod go-w"), "{why}");
        open_to(place, narrow);
        assert_eq!(is_confirmed(Some(&folder), &doubt), Ok(true));
    }
    // Confirming again does not vouch for what was there.
    fs::write(&path, "bb planted\n").unwrap();
    open_to(&path, 0o666);
    confirm(&folder, &doubt).unwrap();
    assert_eq!((mode(&path), is_confirmed(Some(&folder), &doubt)), (0o600, Ok(true)));
    assert_eq!(is_confirmed(Some(&folder), &TrustPrompt { hash: "bb".into(), ..doubt }), Ok(false));
}

#[test]
fn what_has_no_host_is_neither_here_nor_of_the_machine() {
    for url in ["data:,x", "mailto:dev@example.com", "unix:/run/x", "file:///x", "nonsense", ""] {
        assert!(!is_here(url) && !is_of_machine(url) && !is_trusted(url, GOOGLE), "{url}");
    }
    for (url, here, of_machine) in [
        ("http://localhost:1/x", true, true),
        ("https://127.0.0.1/x", true, true),
        ("http://169.254.169.254/x", false, true),
        ("https://sts.googleapis.com/x", false, false),
    ] {
        assert_eq!((is_here(url), is_of_machine(url)), (here, of_machine), "{url}");
    }
}

#[test]
fn list_of_confirmed_files_names_them() {
    let folder = tempfile::tempdir().unwrap();
    confirm(folder.path(), &in_doubt("/x y/é.json", "aa")).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap(), "aa /x y/é.json\n");
}

#[test]
fn file_lies_among_others_in_each_place_where_its_user_has_things_and_nowhere_else() {
    let outer = tempfile::tempdir().unwrap();
    // Without links of the machine's own.
    let outer = outer.path().canonicalize().unwrap();
    let [home, gcloud] = ["home/dev", "gcloud"].map(|name| outer.join(name));
    let origin = |path: &Path| Source {
        origin: path.display().to_string(),
        ..login("https://sts.googleapis.com", None)
    };
    let vars =
        [("HOME", &home), ("CLOUDSDK_CONFIG", &gcloud)].map(|(name, path)| (name, path.to_str().unwrap()));
    let env = Env::from_vars(vars);
    for (folder, among) in [
        ("home/dev", true),
        ("home/dev/Downloads", true),
        ("home/dev/.keys", true),
        ("home/dev/.keys/a/b", true),
        ("home/dev/..keys/a", true),
        ("home", true),
        ("", true),
        ("gcloud", true),
        ("gcloud/legacy/a", true),
        ("home/dev/project/a", false),
        // Only what stands first in the home is a hidden folder of it.
        ("home/dev/project/.a", false),
        ("home/dev/a.b/c", false),
        ("home/dev2", false),
        ("home/other/a", false),
        ("gcloud2", false),
        ("usb", false),
    ] {
        let folder = outer.join(folder);
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("file.json");
        fs::write(&file, "{}").unwrap();
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(&gcloud).unwrap();
        assert_eq!(is_among_others(&origin(&file), &env), among, "{folder:?}");
    }
    // What cannot be found lies anywhere, and so does what lies in nothing.
    for lost in [outer.join("usb/none.json"), PathBuf::from("/")] {
        assert!(is_among_others(&origin(&lost), &env), "{lost:?}");
    }
    assert!(!is_among_others(&origin(&outer.join("usb/file.json")), &Env::default()));
}

#[test]
fn proof_of_whoever_stands_behind_an_impersonation_is_looked_at_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.json");
    let source = |url: &str| {
        serde_json::json!({
            "type": "external_account", "audience": "//iam.googleapis.com/x",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": format!("{url}/v1/token"), "credential_source": { "file": "/proof" },
        })
    };
    let here = "http://127.0.0.1:8787";
    for (url, asked) in [(here, true), ("https://sts.googleapis.com", false)] {
        let account = "v1/projects/-/serviceAccounts/sa@p-1234.iam.gserviceaccount.com:generateAccessToken";
        let file = serde_json::json!({
            "type": "impersonated_service_account", "source_credentials": source(url),
            "service_account_impersonation_url": format!("{url}/{account}").replace("//sts.", "//iamcredentials."),
        });
        for file in [source(url), file] {
            fs::write(&path, file.to_string()).unwrap();
            let source = super::super::file::read(&path, "ADC").unwrap();
            let reasons = doubt(&source, &Env::default()).map(|doubt| doubt.reasons).unwrap_or_default();
            let local = Reason::Local { what: "what is in /proof".into(), to: format!("{here}/v1/token") };
            assert_eq!(reasons, if asked { vec![local] } else { vec![] }, "{file}");
        }
    }
}
