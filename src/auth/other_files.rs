//! Files that people name as credentials and that are something else: an OAuth client, another cloud's keys, a kubeconfig,
//! an encrypted or encoded file. Each is told by its form, with the file that is needed; nothing of it is repeated.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::fields::Fields;

/// What a file is, as the end of a sentence that starts with its name, and what to do.
pub(super) type Kind = (&'static str, &'static str);

const LOG_IN: &str = "Log in with `gcloud auth application-default login`, or name a credentials file.";
const WITH_CLIENT: &str = "Log in with it: `gcloud auth application-default login --client-id-file=FILE`, which writes the credentials.";
const KEY: &str =
    "Use a service account's JSON key, or better, log in: `gcloud auth application-default login`.";
const FEDERATE: &str = "To call Google Cloud from there, use workload identity federation: `gcloud iam workload-identity-pools create-cred-config` writes a credentials file.";
const TOKEN: &str = "Pass the access token itself on stdin: `--credentials -`.";
const DECODE: &str = "Decode it first: `base64 --decode FILE`.";
const DECRYPT: &str = "Decrypt it first.";

/// Objects by the fields that they have, the more telling ones first.
const OBJECTS: [(&[&str], Kind); 31] = [
    (&["installed"], ("is an OAuth client (“installed”), not credentials of anyone", WITH_CLIENT)),
    (&["web"], ("is an OAuth client (“web”), not credentials of anyone", WITH_CLIENT)),
    (
        &["project_info", "client"],
        ("is a Firebase app's configuration (google-services.json), not credentials", KEY),
    ),
    (&["apiKey", "authDomain"], ("is a Firebase app's configuration, not credentials", KEY)),
    (&["apiKey", "projectId"], ("is a Firebase app's configuration, not credentials", KEY)),
    (&["sops"], ("is encrypted with SOPS", "Decrypt it first: `sops --decrypt FILE`.")),
    (&["clusters", "contexts"], ("is a kubeconfig, which is for a Kubernetes cluster", LOG_IN)),
    (
        &["apiVersion", "kind", "data"],
        (
            "is a Kubernetes object",
            "Take the credentials out of its field data, and decode them: `base64 --decode`.",
        ),
    ),
    (&["apiVersion", "kind"], ("is a Kubernetes object, not credentials", LOG_IN)),
    (&["AccessKeyId", "SecretAccessKey"], ("has keys of AWS, not of Google Cloud", FEDERATE)),
    (&["Credentials", "AssumedRoleUser"], ("has keys of AWS, not of Google Cloud", FEDERATE)),
    (&["AccessKey"], ("has keys of AWS, not of Google Cloud", FEDERATE)),
    (&["appId", "tenant"], ("is an Azure service principal", FEDERATE)),
    (&["clientId", "tenantId"], ("is an Azure service principal", FEDERATE)),
    (&["subscriptionId", "tenantId"], ("is an Azure service principal", FEDERATE)),
    (&["accessToken", "expiresOn"], ("has a token of Azure, not of Google Cloud", FEDERATE)),
    (
        &["privateKeyData"],
        (
            "is IAM's response to creating a key",
            "Decode its field privateKeyData: `jq -r .privateKeyData FILE | base64 --decode` gives the credentials file.",
        ),
    ),
    (&["auths"], ("is Docker's configuration, not credentials of Google Cloud", LOG_IN)),
    (&["credHelpers"], ("is Docker's configuration, not credentials of Google Cloud", LOG_IN)),
    (&["terraform_version"], ("is Terraform's state", KEY)),
    (&["access_token"], ("has an access token, not credentials", TOKEN)),
    (&["accessToken"], ("has an access token, not credentials", TOKEN)),
    (&["id_token"], ("has an ID token, not credentials", LOG_IN)),
    (&["keys"], ("is a set of public keys", KEY)),
    (&["bindings"], ("is an IAM policy, not credentials", LOG_IN)),
    (
        &["audience", "credential_source"],
        ("is missing the field “type”, which must be external_account", FEDERATE),
    ),
    (
        &["service_account_impersonation_url", "source_credentials"],
        ("is missing the field “type”, which must be impersonated_service_account", LOG_IN),
    ),
    (&["client_email", "private_key"], ("is missing the field “type”, which must be service_account", KEY)),
    (&["client_id", "refresh_token"], ("is missing the field “type”, which must be authorized_user", LOG_IN)),
    (
        &["cert_configs"],
        ("is a certificate configuration, which credentials name in credential_source.certificate", LOG_IN),
    ),
    (&["error"], ("is an error response, not credentials", LOG_IN)),
];

/// Texts by how they begin.
const BEGINNINGS: [(&str, Kind); 22] = [
    ("-----BEGIN CERTIFICATE", ("is a certificate, not credentials", KEY)),
    ("-----BEGIN PGP", ("is encrypted with PGP", DECRYPT)),
    ("-----BEGIN PUBLIC KEY", ("is a public key, not credentials", KEY)),
    ("-----BEGIN OPENSSH", ("is a key for SSH, not credentials", KEY)),
    ("-----BEGIN", ("is a bare key: credentials also name whose it is", KEY)),
    ("ssh-", ("is a public key for SSH, not credentials", KEY)),
    ("age-encryption.org/", ("is encrypted with age", DECRYPT)),
    (
        "$ANSIBLE_VAULT",
        ("is encrypted with Ansible Vault", "Decrypt it first: `ansible-vault decrypt FILE`."),
    ),
    (
        "version https://git-lfs",
        ("is a Git LFS pointer: the file itself isn't here", "Get it: `git lfs pull`."),
    ),
    ("ya29.", ("is an access token, not a credentials file", "Pass it on stdin: `--credentials - < FILE`.")),
    ("1//", ("is a refresh token, not a credentials file", LOG_IN)),
    ("AIza", ("is an API key, which names no one", LOG_IN)),
    ("<!DOCTYPE", ("is a web page", LOG_IN)),
    ("<!doctype", ("is a web page", LOG_IN)),
    ("<html", ("is a web page", LOG_IN)),
    ("<?xml", ("is XML, not JSON", LOG_IN)),
    ("<plist", ("is a Firebase app's configuration (GoogleService-Info.plist), not credentials", KEY)),
    (
        "${{",
        (
            "has a placeholder that nothing was put in place of",
            "Set the secret that it names, and write the file again.",
        ),
    ),
    (
        "${",
        (
            "has a variable that nothing was put in place of",
            "Set the variable that it names, and write the file again.",
        ),
    ),
    ("$(", ("has a command that wasn't run", "Write the file again, in double quotes or without.")),
    (
        "{{",
        (
            "has a placeholder that nothing was put in place of",
            "Set the value that it names, and write the file again.",
        ),
    ),
    (
        "{'",
        (
            "has single quotes, which JSON doesn't allow",
            "Write it with a JSON library, such as Python's json.dumps.",
        ),
    ),
];

/// Texts by a line that begins so.
const LINES: [(&str, Kind); 11] = [
    ("aws_access_key_id", ("has keys of AWS, not of Google Cloud", FEDERATE)),
    ("aws_session_token", ("has keys of AWS, not of Google Cloud", FEDERATE)),
    ("role_arn", ("is AWS's configuration", FEDERATE)),
    ("clusters:", ("is a kubeconfig, which is for a Kubernetes cluster", LOG_IN)),
    (
        "kind:",
        (
            "is a Kubernetes object, not credentials",
            "Take the credentials out of its data, and decode them: `base64 --decode`.",
        ),
    ),
    ("[core]", ("is gcloud's configuration, not credentials", LOG_IN)),
    ("client_secret =", ("is a configuration file, not JSON", LOG_IN)),
    ("[Credentials]", ("is gsutil's configuration (.boto), not JSON", LOG_IN)),
    (
        "export ",
        (
            "sets variables and isn't a credentials file",
            "Source it in your shell, then leave out --credentials.",
        ),
    ),
    (
        "GOOGLE_",
        (
            "sets variables and isn't a credentials file",
            "Source it in your shell, then leave out --credentials.",
        ),
    ),
    ("AZURE_", ("has keys of Azure, not of Google Cloud", FEDERATE)),
];

/// What an object is if it isn't credentials.
pub(super) fn object(fields: &Fields) -> Option<Kind> {
    let has_all = |names: &[&str]| names.iter().all(|name| fields.has(name));
    OBJECTS.iter().find(|(names, _)| has_all(names)).map(|(_, kind)| *kind)
}

/// What a text is that isn't a JSON object.
pub(super) fn text(text: &str) -> Option<Kind> {
    let text = text.trim();
    if text.is_empty() {
        return Some(("is empty: it isn't valid JSON (line 1, column 0)", LOG_IN));
    }
    if let Some((_, kind)) = BEGINNINGS.iter().find(|(begin, _)| text.starts_with(begin)) {
        return Some(*kind);
    }
    if text.starts_with("eyJ") && text.matches('.').count() >= 2 {
        return Some(("is a JWT, not a credentials file", LOG_IN));
    }
    if is_encoded(text) {
        return Some(("is base64 of a JSON file", DECODE));
    }
    // A string with JSON in it, as a shell or a template quotes it twice.
    if text.starts_with('"')
        && serde_json::from_str::<String>(text).is_ok_and(|inner| inner.trim_start().starts_with('{'))
    {
        return Some(("has its JSON inside a JSON string", "Write the object itself: `jq -r . FILE`."));
    }
    let begins = |line: &str| LINES.iter().find(|(begin, _)| line.trim_start().starts_with(begin));
    text.lines().find_map(begins).map(|(_, kind)| *kind)
}

/// What bytes are that aren't text.
pub(super) fn binary(bytes: &[u8]) -> Option<Kind> {
    match bytes {
        [0x30, 0x82 | 0x83, ..] => Some((
            "is a binary key or certificate (.p12 or DER), not JSON",
            "Create a JSON key instead: `gcloud iam service-accounts keys create FILE --iam-account=ACCOUNT`.",
        )),
        [0x1f, 0x8b, ..] => Some(("is compressed (gzip)", "Decompress it first: `gunzip`.")),
        [b'P', b'K', 3, 4, ..] => Some(("is a ZIP archive", "Unpack it first: `unzip FILE`.")),
        _ if bytes.starts_with(b"Salted__") => Some(("is encrypted with OpenSSL", DECRYPT)),
        _ => None,
    }
}

/// Whether credentials were given where a path belongs, as people do with the secrets of a CI. They must not be repeated
/// as a path.
pub(super) fn is_content(path: &str) -> bool {
    let text = path.trim_start_matches(['"', '\'', ' ', '\n', '\r', '\t', '\u{feff}']);
    text.starts_with('{')
        || text.contains("-----BEGIN")
        || text.contains("private_key")
        || ["ya29.", "1//", "GOCSPX-", "AIza"].iter().any(|begin| text.starts_with(begin))
        || (text.starts_with("eyJ") && text.matches('.').count() >= 2)
        || is_encoded(text)
}

/// What is wrong with a path that leads nowhere, as far as its form tells.
pub(super) fn path_slip(path: &str) -> Option<&'static str> {
    let quoted = |quote: char| path.len() > 1 && path.starts_with(quote) && path.ends_with(quote);
    let drive = path.as_bytes().get(1..3).is_some_and(|two| two == b":\\") && !cfg!(windows);
    match () {
        () if quoted('"') || quoted('\'') => Some("Remove the quotes: they are part of the path."),
        () if path != path.trim() => Some("Remove the white space or line break around the path."),
        () if path.starts_with('~') => Some("Write the whole path: only a shell replaces ~."),
        () if path.starts_with('$') || path.starts_with('%') => {
            Some("Write the path itself: only a shell replaces a variable.")
        }
        () if path.starts_with("file:") => Some("Write the path without file:."),
        () if path.contains("://") => Some("It has to be a file on this machine: download it first."),
        () if drive => {
            Some("It is a path of Windows: write it as this system does, such as /mnt/c/… in WSL.")
        }
        () => None,
    }
}

/// Whether it is base64, in lines of any length, of a text that begins like an object.
fn is_encoded(text: &str) -> bool {
    let begin: String = text.chars().filter(|c| !c.is_ascii_whitespace()).take(16).collect();
    let all = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=-_\r\n".contains(&b));
    let decoded = || STANDARD.decode(begin.as_bytes()).unwrap_or_default();
    all && begin.len() == 16 && decoded().trim_ascii_start().starts_with(b"{")
}

/// Why JSON can't be read, for the slips that people make: a private key pasted with its line breaks, a path of Windows.
pub(super) fn slip(error: &serde_json::Error) -> Option<Kind> {
    let said = error.to_string();
    let has = |words: &str| said.contains(words);
    match () {
        () if has("control character") => Some((
            "has a line break inside a string",
            "Write each line break of the private key as \\n, as in the file that Google gave you.",
        )),
        () if has("invalid escape") => Some((
            "has a backslash that isn't part of an escape",
            "Write each backslash of a path twice: C:\\\\keys.",
        )),
        () if has("trailing comma") => Some(("has a comma too many", "Remove the last comma.")),
        () if has("trailing characters") => {
            Some(("goes on after its JSON object ends", "Keep one object in it, and nothing after."))
        }
        () if error.is_eof() => Some(("is cut off", "Copy or download it again, whole.")),
        () => None,
    }
}

#[cfg(test)]
#[path = "other_files_tests.rs"]
mod tests;
