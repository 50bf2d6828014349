//! Files of federated callers: audiences, client certificates, and what sources give.

use std::fs;

use serde_json::{Value, json};

use crate::{
    api::{
        Client,
        testing::{Server, Turn, answer, ok},
    },
    auth::{FindOptions, Source, find},
    http::{ApiError, ErrorKind},
    local::env::Env,
};

const PROVIDER: &str =
    "//iam.googleapis.com/projects/4711/locations/global/workloadIdentityPools/ci/providers/forge";

fn caller(file: &Value, env: &Env) -> Result<Source, ApiError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.json");
    fs::write(&path, file.to_string()).unwrap();
    find(env, &FindOptions { credentials_file: Some(path), ..FindOptions::default() })
}

fn file(more: Value) -> Value {
    let mut file = json!({"type": "external_account", "audience": PROVIDER,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token", "credential_source": {"file": "/x"}});
    file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    file
}

#[test]
fn an_audience_that_names_no_provider_is_refused_with_its_form() {
    let pools = "//iam.googleapis.com/projects/4711/locations/global/workloadIdentityPools";
    for (audience, why) in [
        (format!("{pools}/ci/attribute.repository/acme/shop"), "principals instead of a provider"),
        (format!("{pools}/ci/subject/repo"), "principals instead of a provider"),
        (format!("{pools}/ci/group/team"), "principals instead of a provider"),
        (format!("{pools}/ci/*"), "principals instead of a provider"),
        (format!("principalSet:{pools}/ci/attribute.a/b"), "principals instead of a provider"),
        (format!("{pools}/ci"), "a pool without its provider"),
        (format!("{pools}/ci/providers/"), "doesn't name a provider"),
        (format!("{pools}/ci/providers/forge/extra"), "doesn't name a provider"),
        (format!("{pools}/ci/provider/forge"), "doesn't name a provider"),
        (PROVIDER.replace("4711", "acme-shop"), "its ID, not its number"),
        (PROVIDER.replace("4711", "example.com:shop"), "its ID, not its number"),
        (PROVIDER.replace("//iam", "https://iam"), "begins with https:"),
        (PROVIDER.replace("//iam.googleapis.com/", ""), "lacks //iam.googleapis.com/"),
        (PROVIDER.replace("//", "/"), "lacks //iam.googleapis.com/"),
        (PROVIDER.replace("global", "europe-west1"), "another location than global"),
        (PROVIDER.replace("projects/4711/", ""), "names no project"),
        (format!("{PROVIDER}\n"), "has a character"),
        (format!("\"{PROVIDER}\""), "has a character"),
        (PROVIDER.replace("4711", "${NUMBER}"), "has a character"),
        (
            "//iam.googleapis.com/projects/4711/locations/global/workforcePools/staff/providers/idp".into(),
            "a project for a workforce pool",
        ),
        ("//iam.googleapis.com/locations/global/workforcePools/staff".into(), "a pool without its provider"),
        ("iam.googleapis.com/locations/global/workforcePools/staff/providers/idp".into(), "lacks //iam"),
    ] {
        let error = caller(&file(json!({ "audience": audience })), &Env::default()).unwrap_err();
        let sentence = error.sentence();
        let form =
            if audience.contains("workforce") { "global/workforcePools/POOL" } else { "projects/NUMBER" };
        assert!(sentence.contains(why) && sentence.contains(form), "{audience}: {sentence}");
        assert!(
            sentence.contains("“audience”") && error.next().unwrap().contains("create-cred-config"),
            "{error:?}"
        );
    }
    for audience in [PROVIDER, "//iam.googleapis.com/locations/global/workforcePools/staff/providers/idp"] {
        assert!(caller(&file(json!({ "audience": audience })), &Env::default()).is_ok(), "{audience}");
    }
}

#[test]
fn a_client_certificate_is_read_field_by_field_before_it_is_said_to_be_unsupported() {
    let mtls = "urn:ietf:params:oauth:token-type:mtls";
    let x509 = |certificate: Value, more: Value| {
        let mut file =
            file(json!({"subject_token_type": mtls, "token_url": "https://sts.mtls.googleapis.com/v1/token",
            "credential_source": {"certificate": certificate}}));
        file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        caller(&file, &Env::default()).unwrap_err().sentence()
    };
    let default = json!({"use_default_certificate_config": true});
    for (certificate, more, said) in [
        (default.clone(), json!({}), "needs mutual TLS and isn't supported."),
        (
            json!({"certificate_config_location": "/etc/c.json", "trust_chain_path": "/etc/chain.pem"}),
            json!({}),
            "isn't supported.",
        ),
        (
            json!({"use_default_certificate_config": false, "certificate_config_location": "/c"}),
            json!({}),
            "isn't supported.",
        ),
        (
            json!({}),
            json!({}),
            "must also have either use_default_certificate_config or certificate_config_location",
        ),
        (
            json!({"use_default_certificate_config": true, "certificate_config_location": "/c"}),
            json!({}),
            "must also have either",
        ),
        (
            json!({"use_default_certificate_config": "yes"}),
            json!({}),
            "“credential_source.certificate.use_default_certificate_config”, which must be true or false",
        ),
        (
            json!({"certificate_config_location": 7}),
            json!({}),
            "“credential_source.certificate.certificate_config_location”",
        ),
        (json!("x"), json!({}), "“credential_source.certificate”, which must be an object"),
        (default.clone(), json!({"token_url": null}), "missing the field “token_url”"),
        (
            default.clone(),
            json!({"audience": "//iam.googleapis.com/projects/p/locations/global/workloadIdentityPools/x/providers/x"}),
            "its ID, not its number",
        ),
        (
            default.clone(),
            json!({"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}),
            "must also be urn:ietf:params:oauth:token-type:mtls",
        ),
        (default, json!({"credential_source": {"file": "/t"}}), "which needs the source “certificate”"),
    ] {
        let sentence = x509(certificate.clone(), more.clone());
        assert!(sentence.contains(said), "{certificate} {more}: {sentence}");
    }
}

/// A caller of AWS whose questions go to this server.
async fn aws(turns: Vec<Turn>, v2: bool, vars: &[(&str, &str)]) -> ApiError {
    let server = Server::start(turns).await;
    let url = |path: &str| format!("{}/latest/{path}", server.url);
    let mut source = json!({"environment_id": "aws1", "region_url": url("zone"), "url": url("roles"),
        "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity"});
    if v2 {
        source["imdsv2_session_token_url"] = url("token").into();
    }
    let more = json!({"subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "credential_source": source, "token_url": format!("{}/sts", server.url)});
    let source = caller(&file(more), &Env::from_vars(vars.iter().copied()));
    let error = Client::new(server.settings(source)).caller().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Credentials, "{error:?}");
    error
}

#[tokio::test]
async fn of_the_questions_to_aws_the_one_that_failed_is_named_with_its_cure() {
    let status = |status: u16| answer(status, "", "hush");
    let (zone, role) = (|| ok("eu-west-1b"), || ok("build-role"));
    for (turns, v2, what, cure) in [
        (vec![status(401)], false, "the region (127.0.0.1 responded with 401)", "--enable-imdsv2"),
        (vec![zone(), status(401)], false, "the name of the attached role", "--enable-imdsv2"),
        (vec![zone(), role(), status(401)], false, "the keys of the attached role", "--enable-imdsv2"),
        (vec![ok("session"), status(401)], true, "the region", "imdsv2_session_token_url"),
        (vec![status(403)], true, "an IMDSv2 session token", "--http-endpoint enabled"),
        (
            vec![status(405)],
            true,
            "an IMDSv2 session token (127.0.0.1 responded with 405)",
            "isn't EC2's own",
        ),
        (vec![status(415)], false, "the region", "SageMaker"),
        (vec![zone(), status(415)], false, "the name of the attached role", "credential_source.url"),
        (vec![zone(), status(404)], false, "the name of the attached role", "associate-iam-instance-profile"),
        (
            vec![ok("s"), zone(), status(404)],
            true,
            "the name of the attached role",
            "associate-iam-instance-profile",
        ),
        (vec![zone(), role(), status(404)], false, "the keys of the attached role", "instance profile"),
        (vec![zone(), ok(" \n")], false, "names no role", "associate-iam-instance-profile"),
        (
            vec![zone(), role(), ok(r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"hush"}"#)],
            false,
            "no keys for the role (code AssumeRoleUnauthorizedAccess)",
            "trust policy",
        ),
        (vec![zone(), role(), ok("{}")], false, "no keys for the role:", ""),
        (vec![status(404)], false, "the region", "credential_source.region_url"),
        (vec![Turn::Close], true, "an IMDSv2 session token", "hop-limit 2"),
        (vec![Turn::Close], false, "the region", "AWS_REGION"),
    ] {
        let error = aws(turns, v2, &[]).await;
        let (sentence, next) = (error.sentence(), error.next().unwrap_or_default());
        assert!(sentence.contains(what.trim_end_matches(':')), "{what}: {sentence}");
        assert!(next.contains(cure), "{what}: {next}");
        assert!(!sentence.contains("hush") && !next.contains("hush"), "{sentence}");
    }
}

#[tokio::test]
async fn what_the_environment_lacks_of_aws_keys_is_named() {
    let region = ("AWS_REGION", "eu-west-1");
    let (id, secret) = (("AWS_ACCESS_KEY_ID", "AKIA7"), ("AWS_SECRET_ACCESS_KEY", "hush"));
    for (vars, part) in [
        (vec![region, id], "AWS_SECRET_ACCESS_KEY is not set"),
        (vec![region, secret], "AWS_ACCESS_KEY_ID is not set"),
        (vec![region, ("AWS_ACCESS_KEY_ID", "ASIA7"), secret], "AWS_SESSION_TOKEN is not set"),
    ] {
        let error = aws(vec![answer(404, "", "")], false, &vars).await;
        assert!(error.sentence().contains(part) && error.next().is_some(), "{}", error.sentence());
    }
}

/// What is said of a source in a file, at a URL or of a program.
async fn subject(source: Value, turns: Vec<Turn>) -> ApiError {
    let server = Server::start(turns).await;
    let text = source.to_string().replace("SERVER", &server.url);
    let source: Value = serde_json::from_str(&text).unwrap();
    let more = json!({"credential_source": source, "token_url": format!("{}/sts", server.url)});
    let env = Env::from_vars([("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")]);
    Client::new(server.settings(caller(&file(more), &env))).caller().await.unwrap_err()
}

#[tokio::test]
async fn what_is_wrong_with_a_subject_token_is_said_by_its_source() {
    let json_field = |name: &str| json!({"type": "json", "subject_token_field_name": name});
    let at = |format: Value| json!({"url": "SERVER/subject", "format": format});
    for (source, turn, said, next) in [
        (
            at(json!({"type": "text"})),
            ok(r#"{"value": "eyJ.hush"}"#),
            "is JSON, but the file expects the bare token",
            "credential_source",
        ),
        (
            at(json_field("access_token")),
            ok(r#"{"value": "eyJ.hush", "count": 7}"#),
            "no string in its field “access_token”; it has value",
            "",
        ),
        (
            at(json_field("value")),
            ok("eyJhbGciOiJub25lIn0.e30."),
            "a bare token: set credential_source.format.type to text",
            "",
        ),
        (at(json_field("value")), ok("not it"), "isn't valid JSON", ""),
        (at(json_field("value")), ok(r#"{"value": {"hush": 1}}"#), "no string in its field “value”", ""),
        (at(json!({})), ok(" "), "is empty", ""),
        (at(json!({})), answer(401, "", "hush"), "responded with 401", "credential_source.headers"),
        (at(json!({})), answer(403, "", "hush"), "responded with 403", "credential_source.headers"),
        (at(json!({})), answer(404, "", "hush"), "responded with 404", "credential_source.url"),
        (at(json!({})), Turn::Close, "broke", "is running"),
        (json!({"file": "/nowhere/token"}), ok(""), "/nowhere/token does not exist", "credential_source"),
    ] {
        let error = subject(source.clone(), vec![turn]).await;
        let (sentence, step) = (error.sentence(), error.next().unwrap_or_default());
        assert!(sentence.contains(said) && step.contains(next), "{source}: {sentence} | {step}");
        assert!(!sentence.contains("hush"), "{sentence}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_wrong_with_a_programs_output_is_said_by_its_field() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (output, said)) in [
        (r#"{"success": true, "id_token": "hush"}"#, "must print 1 in the field “version”"),
        (r#"{"version": "1", "success": true, "id_token": "hush"}"#, "must print 1 in the field “version”"),
        (r#"{"version": 3, "success": true, "id_token": "hush"}"#, "version 3; only 1"),
        (r#"{"version": 1, "id_token": "hush"}"#, "true or false in the field “success”"),
        (r#"{"version": 1, "success": "true", "id_token": "hush"}"#, "true or false in the field “success”"),
        (
            r#"{"version": 1, "success": false, "code": 401, "message": "hush"}"#,
            "reported a failure (code 401)",
        ),
        (
            r#"{"version": 1, "success": true, "expiration_time": "soon", "id_token": "hush"}"#,
            "a number of seconds",
        ),
        (
            r#"{"version": 1, "success": true, "expiration_time": 4102444800000, "id_token": "hush"}"#,
            "not milliseconds",
        ),
        (
            r#"{"version": 1, "success": true, "expiration_time": 1000, "id_token": "hush"}"#,
            "an expired token",
        ),
        (r#"{"version": 1, "success": true}"#, "returned no token"),
        ("Logging in… hush", "isn't the JSON that Google documents"),
        ("", "isn't the JSON that Google documents"),
    ]
    .into_iter()
    .enumerate()
    {
        let printed = folder.path().join(format!("{number}.json"));
        fs::write(&printed, output).unwrap();
        let command = format!("/bin/cat {}", printed.display());
        let error = subject(json!({"executable": {"command": command}}), vec![ok("")]).await;
        assert!(error.sentence().contains(said), "{output}: {}", error.sentence());
        assert!(!error.sentence().contains("hush") && error.next().is_some(), "{error:?}");
    }
    let error = subject(json!({"executable": {"command": "/nowhere/program"}}), vec![ok("")]).await;
    assert!(error.sentence().contains("/nowhere/program doesn't start"), "{}", error.sentence());
    let error = subject(json!({"executable": {"command": "/bin/false"}}), vec![ok("")]).await;
    assert!(error.sentence().contains("/bin/false failed with exit status: 1"), "{}", error.sentence());
}
