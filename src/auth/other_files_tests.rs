use serde_json::json;

use super::path_slip;
use crate::{auth::file::read, http::ApiError};

fn error(bytes: &[u8]) -> ApiError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("given.json");
    std::fs::write(&path, bytes).unwrap();
    read(&path, "ADC").unwrap_err()
}

/// The sentence and the next step; neither repeats a secret.
fn said(bytes: &[u8]) -> (String, String) {
    let error = error(bytes);
    let (sentence, next) = (error.sentence(), error.next().unwrap_or_default());
    assert!(!sentence.contains("hush") && !next.contains("hush"), "{sentence} {next}");
    (sentence, next)
}

#[test]
fn an_object_that_isnt_credentials_is_named_with_the_file_that_is_needed() {
    for (object, what, next) in [
        (
            json!({"installed": {"client_id": "7-q.apps.googleusercontent.com", "client_secret": "hush"}}),
            "“installed”",
            "--client-id-file",
        ),
        (json!({"web": {"client_id": "7", "redirect_uris": []}}), "“web”", "--client-id-file"),
        (
            json!({"project_info": {"project_number": "7"}, "client": [], "configuration_version": "1"}),
            "google-services.json",
            "JSON key",
        ),
        (json!({"apiKey": "hush", "authDomain": "shop.firebaseapp.com"}), "Firebase", "JSON key"),
        (json!({"apiKey": "hush", "projectId": "shop-9"}), "Firebase", "JSON key"),
        (
            json!({"type": "ENC[AES256_GCM,data:hush]", "sops": {"version": "3"}, "client_email": "ENC[hush]"}),
            "SOPS",
            "sops --decrypt",
        ),
        (json!({"data": "ENC[hush]", "sops": {"mac": "hush"}}), "SOPS", "sops --decrypt"),
        (
            json!({"apiVersion": "v1", "kind": "Config", "clusters": [], "contexts": [], "users": []}),
            "kubeconfig",
            "gcloud auth application-default login",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"key.json": "hush"}}),
            "Kubernetes object",
            "base64 --decode",
        ),
        (json!({"apiVersion": "v1", "kind": "ConfigMap"}), "Kubernetes object", "credentials file"),
        (
            json!({"Version": 1, "AccessKeyId": "ASIA7", "SecretAccessKey": "hush", "SessionToken": "hush"}),
            "keys of AWS",
            "federation",
        ),
        (json!({"Credentials": {"AccessKeyId": "hush"}, "AssumedRoleUser": {}}), "keys of AWS", "federation"),
        (json!({"AccessKey": {"UserName": "u", "SecretAccessKey": "hush"}}), "keys of AWS", "federation"),
        (
            json!({"appId": "7", "displayName": "ci", "password": "hush", "tenant": "t"}),
            "Azure service principal",
            "federation",
        ),
        (
            json!({"clientId": "7", "clientSecret": "hush", "subscriptionId": "s", "tenantId": "t"}),
            "Azure service principal",
            "federation",
        ),
        (
            json!({"accessToken": "hush", "expiresOn": "2027-01-01", "tokenType": "Bearer"}),
            "token of Azure",
            "federation",
        ),
        (
            json!({"name": "projects/p/serviceAccounts/a/keys/k", "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE", "privateKeyData": "hush"}),
            "creating a key",
            ".privateKeyData",
        ),
        (json!({"auths": {"gcr.io": {"auth": "hush"}}}), "Docker", "Log in"),
        (json!({"credHelpers": {"eu.gcr.io": "gcloud"}}), "Docker", "Log in"),
        (json!({"version": 4, "terraform_version": "1.9.0", "resources": []}), "Terraform", "JSON key"),
        (
            json!({"access_token": "ya29.hush", "expires_in": 3599, "token_type": "Bearer"}),
            "access token",
            "--credentials -",
        ),
        (json!({"id_token": "eyJhush"}), "ID token", "Log in"),
        (json!({"keys": [{"kty": "RSA", "kid": "1"}]}), "public keys", "JSON key"),
        (json!({"bindings": [], "etag": "BwX=", "version": 1}), "IAM policy", "credentials file"),
        (
            json!({"client_email": "a@b.iam.gserviceaccount.com", "private_key": "hush"}),
            "must be service_account",
            "JSON key",
        ),
        (
            json!({"client_id": "7", "client_secret": "hush", "refresh_token": "hush"}),
            "must be authorized_user",
            "Log in",
        ),
        (
            json!({"audience": "//iam.googleapis.com/x", "credential_source": {"file": "/hush"}}),
            "must be external_account",
            "create-cred-config",
        ),
        (
            json!({"cert_configs": {"workload": {"cert_path": "/hush"}}}),
            "certificate configuration",
            "Log in",
        ),
        (json!({"error": "invalid_grant", "error_description": "hush"}), "error response", "Log in"),
        (
            json!({"type": "Service-Account", "client_email": "hush"}),
            "unknown type “Service-Account”",
            "Did you mean service_account?",
        ),
        (
            json!({"type": "authorised_user"}),
            "unknown type “authorised_user”",
            "Did you mean authorized_user?",
        ),
        (json!({"type": "external account"}), "unknown type", "Did you mean external_account?"),
        (
            json!({"type": "authorized_user", "client_id": "7", "client_secret": "hush"}),
            "missing the field “refresh_token”",
            "gcloud auth application-default login",
        ),
        (
            json!({"type": "service_account", "client_email": "a@b", "private_key": "hush"}),
            "no RSA key",
            "keys create",
        ),
        (
            json!({"type": "impersonated_service_account"}),
            "“service_account_impersonation_url”",
            "--impersonate-service-account",
        ),
        (
            json!({"type": "external_account_authorized_user", "client_id": "7", "client_secret": "hush"}),
            "“token_url”",
            "--login-config",
        ),
    ] {
        let (sentence, step) = said(object.to_string().as_bytes());
        assert!(sentence.contains(what), "{object}: {sentence}");
        assert!(step.contains(next), "{object}: {step}");
    }
}

#[test]
fn a_text_that_isnt_an_object_is_named_by_what_it_is() {
    let encoded = "ewogICJ0eXBlIjogInNlcnZpY2VfYWNj\nb3VudCIsCiAgImEiOiAiaHVzaCIKfQo=\n";
    for (text, what, next) in [
        ("", "is empty", "Log in"),
        (" \r\n\t", "is empty", "Log in"),
        ("-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n", "bare key", "JSON key"),
        ("-----BEGIN RSA PRIVATE KEY-----\nhush", "bare key", "JSON key"),
        ("-----BEGIN CERTIFICATE-----\nhush", "certificate", "JSON key"),
        ("-----BEGIN PGP MESSAGE-----\nhush", "PGP", "Decrypt"),
        ("ssh-ed25519 AAAAhush me@host", "SSH", "JSON key"),
        ("$ANSIBLE_VAULT;1.1;AES256\n6768", "Ansible Vault", "ansible-vault decrypt"),
        ("age-encryption.org/v1\nhush", "age", "Decrypt"),
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:hush\nsize 2300\n",
            "Git LFS",
            "git lfs pull",
        ),
        ("ya29.a0hush", "access token", "--credentials -"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJodXNoIjoxfQ.c2ln", "JWT", "Log in"),
        ("AIzaSyhush", "API key", "Log in"),
        ("1//0ghush", "refresh token", "Log in"),
        ("<!DOCTYPE html><title>Sign in</title>", "web page", "Log in"),
        ("<?xml version=\"1.0\"?><plist/>", "XML", "Log in"),
        (encoded, "base64 of a JSON file", "base64 --decode"),
        (
            "\"{\\\"type\\\": \\\"service_account\\\", \\\"a\\\": \\\"hush\\\"}\"",
            "inside a JSON string",
            "jq -r",
        ),
        (
            "[default]\naws_access_key_id = AKIAhush\naws_secret_access_key = hush\n",
            "keys of AWS",
            "federation",
        ),
        ("[profile ci]\nrole_arn = arn:aws:iam::1:role/hush\n", "AWS's configuration", "federation"),
        ("apiVersion: v1\nclusters:\n- cluster: {server: hush}\nkind: Config\n", "kubeconfig", "Log in"),
        ("apiVersion: v1\nkind: Secret\ndata:\n  key.json: hush\n", "Kubernetes object", "base64 --decode"),
        ("[core]\naccount = a@b.example\nproject = hush\n", "gcloud's configuration", "Log in"),
        ("[Credentials]\ngs_oauth2_refresh_token = hush\n", "gsutil", "Log in"),
        ("export GOOGLE_APPLICATION_CREDENTIALS=/hush.json\n", "sets variables", "Source it"),
        ("# local\nGOOGLE_CREDENTIALS=hush\n", "sets variables", "Source it"),
        ("${{ secrets.HUSH }}", "placeholder", "Set the secret"),
        ("${GCP_KEY}", "variable that nothing", "Set the variable"),
        ("$(cat key.json)", "command that wasn't run", "Write the file again"),
        ("{{ .Values.key }}", "placeholder", "write the file again"),
        ("{'type': 'service_account'}", "single quotes", "json.dumps"),
        (
            "{\"type\": \"service_account\", \"private_key\": \"-----BEGIN\nhush\"}",
            "line break inside a string",
            "private key",
        ),
        ("{\"credential_source\": {\"file\": \"C:\\keys\\hush\"}}", "backslash", "twice"),
        ("{\"type\": \"authorized_user\", }", "comma too many", "Remove"),
        ("{\"type\": \"authorized_user\"} {\"a\": 1}", "goes on after", "one object"),
        ("{\"type\": \"service_account\", \"private_key_id\": \"hu", "is cut off", "whole"),
    ] {
        let (sentence, step) = said(text.as_bytes());
        assert!(sentence.contains(what), "{text}: {sentence}");
        assert!(step.contains(next), "{text}: {step}");
        // The same however the text was written.
        if !text.trim().is_empty() {
            let units = format!("\u{feff}{}", text.replace('\n', "\r\n"));
            let bytes: Vec<u8> = units.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let (again, _) = said(&bytes);
            assert!(again.contains(what), "{text}: {again}");
        }
    }
}

#[test]
fn credentials_in_place_of_a_path_are_never_repeated() {
    use crate::{
        auth::{FindOptions, find},
        local::env::Env,
    };
    for content in [
        r#"{"type":"service_account","private_key":"hush"}"#,
        "\n  {\"type\": \"authorized_user\", \"client_secret\": \"hush\"}",
        "'{\"type\":\"external_account\",\"x\":\"hush\"}'",
        "-----BEGIN PRIVATE KEY-----\nhush",
        "ya29.hush",
        "1//0ghush",
        "eyJhbGciOiJSUzI1NiJ9.eyJodXNoIjoxfQ.hush",
        "ewogICJ0eXBlIjogInNlcnZpY2VfYWNjb3VudCIsICJhIjogImh1c2giCn0K",
    ] {
        let env = Env::from_vars([("GOOGLE_APPLICATION_CREDENTIALS", content)]);
        let flag = FindOptions { credentials_file: Some(content.into()), ..FindOptions::default() };
        for (env, options, named) in [
            (&env, FindOptions::default(), "GOOGLE_APPLICATION_CREDENTIALS has credentials"),
            (&Env::default(), flag, "The path of the credentials file has credentials"),
        ] {
            let error = find(env, &options).unwrap_err();
            let (sentence, next) = (error.sentence(), error.next().unwrap_or_default());
            assert!(sentence.contains(named) && next.contains("name that file"), "{sentence} {next}");
            assert!(!sentence.contains("hush") && !sentence.contains("aHVz"), "{sentence}");
        }
    }
}

#[test]
fn a_path_that_leads_nowhere_is_told_by_its_form() {
    for (path, next) in [
        ("\"/keys/ci.json\"", "Remove the quotes"),
        ("'/keys/ci.json'", "Remove the quotes"),
        ("/nowhere/ci.json\r", "white space"),
        (" /nowhere/ci.json", "white space"),
        ("~/nowhere/ci.json", "only a shell"),
        ("$HOME/nowhere/ci.json", "only a shell"),
        ("file:///nowhere/ci.json", "without file:"),
        ("gs://keys/ci.json", "download it first"),
        ("https://example.com/ci.json", "download it first"),
    ] {
        let error = read(std::path::Path::new(path), "GOOGLE_APPLICATION_CREDENTIALS").unwrap_err();
        assert!(error.sentence().contains("does not exist"), "{error:?}");
        assert!(error.next().unwrap_or_default().contains(next), "{path}: {error:?}");
    }
    #[cfg(unix)]
    assert!(path_slip("C:\\keys\\ci.json").is_some_and(|next| next.contains("Windows")));
    assert_eq!(path_slip("/nowhere/ci.json"), None);
}

#[test]
fn bytes_that_arent_text_are_named_by_what_they_are() {
    for (bytes, what) in [
        (&[0x30, 0x82, 0x0a, 0x11, 0x02, 0x01, 0x03, 0xff][..], ".p12"),
        (&[0x1f, 0x8b, 8, 0, 0xff, 0xfe, 0x80], "gzip"),
        (b"PK\x03\x04\xff\xfe\x80\x81", "ZIP archive"),
        (b"Salted__\xff\xfe\x80\x81\x01\x02\x03", "OpenSSL"),
    ] {
        let (sentence, next) = said(bytes);
        assert!(sentence.contains(what) && !next.is_empty(), "{sentence}");
    }
    assert!(said(&[0xff, 0x80, 0x81]).0.contains("isn't valid JSON"));
}

#[test]
fn a_file_with_a_type_is_read_by_it_whatever_else_is_in_it() {
    let (sentence, _) = said(br#"{"type":"authorized_user","access_token":"hush","error":"x","keys":[]}"#);
    assert!(sentence.contains("missing the field “client_id”"), "{sentence}");
}
