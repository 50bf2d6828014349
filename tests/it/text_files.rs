//! Text that a person hands over is read the same way by every command, whatever wrote it: PowerShell's `>` writes
//! UTF-16, editors write byte order marks and CRLF, loggers write colours.
#![allow(clippy::unwrap_used, reason = "a file that cannot be written must fail")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use impersona_emulator::names::DEPLOYER;

use crate::support::Home;

/// Every way in which a program writes this text.
fn written(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let wide =
        |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let marked = format!("\u{feff}{text}");
    vec![
        ("UTF-8 with a mark", marked.clone().into_bytes()),
        ("CRLF", format!("{text}\r\n").into_bytes()),
        ("UTF-16LE with a mark and CRLF", wide(&format!("{marked}\r\n"), u16::to_le_bytes)),
        ("UTF-16BE with a mark", wide(&marked, u16::to_be_bytes)),
        ("UTF-16LE", wide(text, u16::to_le_bytes)),
        ("UTF-16BE", wide(text, u16::to_be_bytes)),
        ("colours around it", format!("\u{1b}[32m{text}\u{1b}[0m\n").into_bytes()),
    ]
}

#[test]
fn every_command_reads_text_of_any_making_alike() {
    let home = Home::new();
    let token =
        format!("{}.{}.c2ln", B64.encode(r#"{"alg":"RS256"}"#), B64.encode(r#"{"sub":"é","aud":"x"}"#));
    let keys = r#"{"keys":[{"kty":"RSA","use":"enc","kid":"k","n":"AQAB","e":"AQAB"}]}"#;
    let error = r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."}}"#;
    let policy = r#"{"bindings":[],"etag":"BwYz","version":1}"#;
    let file = home.path("given");
    let token_file = home.path("token");
    std::fs::write(&token_file, &token).unwrap();
    let (path, token_path) = (file.display().to_string(), token_file.display().to_string());
    let refused_claims = r#"{"exp": "soon"}"#;
    let cases: [(&str, Vec<&str>); 6] = [
        (&token, vec!["decode", "--offline", &path]),
        (keys, vec!["decode", "--jwks", &path, &token_path]),
        (error, vec!["doctor", &path]),
        ("theme = \"none\"", vec!["--config", &path, "decode", "--offline", &token_path]),
        // Rejected for what it says, not for how it is written.
        (refused_claims, vec!["--demo", "token", "jwt", DEPLOYER, "--claims", &path]),
        (policy, vec!["--demo", "policy", "diff", DEPLOYER, &path]),
    ];
    for (text, arguments) in &cases {
        std::fs::write(&file, text).unwrap();
        let plain = home.run(arguments);
        for (how, bytes) in written(text) {
            std::fs::write(&file, bytes).unwrap();
            let ran = home.run(arguments);
            let said = (ran.code, &ran.out, &ran.err);
            assert_eq!(said, (plain.code, &plain.out, &plain.err), "{arguments:?}, {how}");
        }
    }
    let plain = home.run_with(&token, &["decode", "--offline"]).good();
    for (how, bytes) in written(&token) {
        assert_eq!(home.run_with(bytes, &["decode", "--offline"]).good(), plain, "stdin, {how}");
    }
}
