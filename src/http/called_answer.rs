//! Answers of the services that minted credentials are used with, as people paste them: Cloud Run's page, Cloud
//! Storage's XML, a line from Identity-Aware Proxy, an API gateway's JSON. None of them has the form of an API error.

use std::collections::BTreeMap;

use super::{ApiError, ErrorKind, error::plain, web_page};
use crate::model::{
    denial::{Answerer, CalledService, Refusal, RequestContext},
    jwt::wanted_at,
};

/// The denial in a text; `None` if it isn't from such a service.
pub(super) fn find(written: &str) -> Option<ApiError> {
    let mut refusal =
        storage(written).or_else(|| iap(written)).or_else(|| gateway(written)).or_else(|| page(written))?;
    let kind = match refusal.status {
        401 => ErrorKind::Credentials,
        404 => ErrorKind::NotFound,
        400 => ErrorKind::Invalid,
        500.. => ErrorKind::Server,
        _ => ErrorKind::Denied,
    };
    refusal.complete();
    if refusal.asked.service == CalledService::Run.name()
        && let Some(audience) = addresses(written).find_map(wanted_at)
    {
        if audience.contains(".cloudfunctions.net") {
            refusal.asked.service = CalledService::Function.name().to_owned();
        }
        refusal.asked.resource = plain(&audience);
    }
    Some(ApiError::refused(kind, refusal))
}

/// The addresses in a text.
fn addresses(written: &str) -> impl Iterator<Item = &str> {
    const MOST: usize = 64;
    written.match_indices("https://").take(MOST).map(|(at, _)| {
        let rest = &written[at..];
        let end = rest.find(|c: char| c.is_whitespace() || "\"'<>`,;)]}".contains(c)).unwrap_or(rest.len());
        rest[..end].trim_end_matches([':', '.'])
    })
}

/// A status from an address of Cloud Run's, of a function's or of a container registry's, for texts that say nothing else:
/// `401 Client Error: Unauthorized for url: https://…`.
pub(super) fn by_address(written: &str) -> Option<ApiError> {
    const MOST: usize = 64 * 1024;
    let whole = Some(written).filter(|text| text.len() < MOST);
    let lines = written.lines().filter(|line| line.len() < 4_096 && line.contains("https://"));
    lines.chain(whole).filter_map(|line| Some((line, denied_status(line)?))).find_map(|(line, status)| {
        let kind = if status == 401 { ErrorKind::Credentials } else { ErrorKind::Denied };
        if let Some(refusal) = addresses(line).find_map(|address| registry(address, status)) {
            return Some(ApiError::refused(kind, Refusal { message: plain(line), ..refusal }));
        }
        let audience = addresses(line).find_map(wanted_at)?;
        let function = audience.contains(".cloudfunctions.net");
        let service = if function { CalledService::Function } else { CalledService::Run };
        let mut refusal = refused(service, status, "");
        refusal.asked.resource = plain(&audience);
        Some(ApiError::refused(kind, refusal))
    })
}

/// `401 Unauthorized`, `403 Forbidden` or `403 Client Error` in a line.
fn denied_status(line: &str) -> Option<u16> {
    let says = |words: &[&str]| words.iter().any(|words| line.contains(words));
    match line {
        _ if says(&["401 Unauthorized", "401 Client Error", "status code 401", "status 401"]) => Some(401),
        _ if says(&["403 Forbidden", "403 Client Error", "status code 403", "status 403"]) => Some(403),
        _ => None,
    }
}

/// What a container registry refuses, by the address of its token: `https://REGION-docker.pkg.dev/v2/token?scope=…`.
fn registry(address: &str, status: u16) -> Option<Refusal> {
    let (host, query) = address.strip_prefix("https://")?.split_once("/v2/")?;
    let location = host.strip_suffix("-docker.pkg.dev");
    if location.is_none() && host != "gcr.io" && !host.ends_with(".gcr.io") {
        return None;
    }
    // `scope=repository%3APROJECT%2FREPOSITORY%2FIMAGE%3Apull`, or the path of an image.
    let query = query.replace("%3A", ":").replace("%2F", "/");
    let path = query.split_once("repository:").map_or(query.as_str(), |(_, path)| path);
    let mut parts = path.split([':', '/', '&']);
    let (project, repository) = (parts.next()?, parts.next()?);
    let resource = location.map(|it| format!("projects/{project}/locations/{it}/repositories/{repository}"));
    let push = query.contains(":push") || query.contains("push,");
    let permission = match push {
        true => "artifactregistry.repositories.uploadArtifacts",
        false => "artifactregistry.repositories.downloadArtifacts",
    };
    let code = if status == 401 { "UNAUTHENTICATED" } else { "PERMISSION_DENIED" };
    Some(Refusal {
        status,
        code: code.to_owned(),
        asked: RequestContext {
            service: "artifactregistry.googleapis.com".to_owned(),
            resource: plain(&resource.unwrap_or_default()),
            permission: Some(permission.into()),
            ..RequestContext::default()
        },
        ..Refusal::default()
    })
}

fn refused(service: CalledService, status: u16, message: &str) -> Refusal {
    Refusal {
        status,
        message: plain(message),
        by: Answerer::CalledService,
        asked: RequestContext { service: service.name().to_owned(), ..RequestContext::default() },
        ..Refusal::default()
    }
}

/// `<Error><Code>SignatureDoesNotMatch</Code><Message>…</Message><Details>…</Details></Error>`. S3 answers in the same
/// form, with identifiers that Cloud Storage doesn't have.
fn storage(written: &str) -> Option<Refusal> {
    let element = |name: &str| {
        let (_, rest) = written.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim())
    };
    let code = element("Code").filter(|code| code.bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
    if !written.contains("<Error>")
        || ["RequestId", "HostId", "AWSAccessKeyId"].into_iter().any(|id| element(id).is_some())
    {
        return None;
    }
    let mut message = element("Details").or(element("Message")).unwrap_or_default().to_owned();
    if let Some(name) = element("ParameterName") {
        message = format!("{}: {name}", message.trim_end_matches('.'));
    }
    let status = match code {
        "ExpiredToken" | "AuthenticationRequired" | "InvalidArgument" | "MalformedSecurityHeader" => 400,
        code if code.starts_with("NoSuch") => 404,
        "InternalError" => 500,
        "ServiceUnavailable" | "SlowDown" => 503,
        _ => 403,
    };
    let mut refusal =
        Refusal { reason: Some(code.to_owned()), ..refused(CalledService::Storage, status, &message) };
    if let Some(request) = element("CanonicalRequest").or(element("StringToSign")) {
        refusal.metadata = seen(request);
    }
    // `sa@p.iam.gserviceaccount.com does not have storage.objects.get access to …`: the credential isn't at fault.
    let missing = message.split_once("does not have ").and_then(|(_, rest)| rest.split_once(" access"));
    let missing = missing.map(|(permission, _)| permission).filter(|name| name.split('.').count() > 2);
    // No account at all: no token arrived.
    let missing = missing.filter(|_| !message.starts_with("Anonymous caller"));
    let code = if message.starts_with("Anonymous caller") { "AuthenticationRequired" } else { code };
    Some(match (code, missing) {
        ("AccessDenied", Some(permission)) => Refusal {
            by: Answerer::Api,
            code: "PERMISSION_DENIED".to_owned(),
            reason: None,
            metadata: [("permission".to_owned(), permission.to_owned())].into(),
            ..refusal
        },
        _ if status == 404 => {
            Refusal { by: Answerer::Api, code: "NOT_FOUND".to_owned(), reason: None, ..refusal }
        }
        _ => refusal,
    })
}

/// What Cloud Storage got, by the request that it signed itself to compare: the method and path, the signed headers and
/// the account. V4 names all of these; V2 begins with the method and has the path last.
fn seen(request: &str) -> BTreeMap<String, String> {
    let lines: Vec<&str> = request.lines().map(str::trim).collect();
    let method = lines.first().copied().filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase()));
    let Some(method) = method.filter(|name| !name.is_empty()) else { return BTreeMap::new() };
    let path = lines.iter().rev().chain(lines.get(1)).find(|line| line.starts_with('/'));
    let header = |line: &&&str| {
        let name = line.split_once(':').map_or("", |(name, _)| name);
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_0123456789".contains(&byte))
    };
    let headers: Vec<&str> = lines.iter().skip(1).filter(header).copied().collect();
    let account = request.split_once("X-Goog-Credential=").map(|(_, rest)| rest.replace("%40", "@"));
    let account = account.and_then(|rest| Some(rest.split(['%', '/', '&']).next()?.to_owned()));
    let values = [
        ("method", Some(method.to_owned())),
        ("path", path.map(|path| (*path).to_owned())),
        ("headers", Some(headers.join(", ")).filter(|headers| !headers.is_empty())),
        ("email", account.filter(|email| email.contains('@'))),
    ];
    values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), plain(&value?)))).collect()
}

/// `Invalid IAP credentials: JWT signature is invalid`, and its page for accounts that aren't allowed.
fn iap(written: &str) -> Option<Refusal> {
    const BEFORE: &str = "Invalid IAP credentials";
    const PAGE: [&str; 2] = ["x-goog-iap-generated-response", "Identity-Aware Proxy"];
    const NO_ACCESS: [&str; 3] = ["You don't have access", "You don&#39;t have access", "Access denied"];
    let denied = NO_ACCESS.iter().find(|words| written.contains(*words));
    if let Some(words) =
        denied.filter(|_| PAGE.iter().any(|of| written.contains(of)) && !written.contains(BEFORE))
    {
        let said = written.split(['<', '>', '\n']).find(|part| part.contains(".gserviceaccount.com"));
        return Some(refused(CalledService::Iap, 403, said.unwrap_or(words)));
    }
    let code = "There was a problem with your request. Error code ";
    if let Some((_, number)) = written.split_once(code) {
        let number = number.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        return Some(refused(CalledService::Iap, 401, &format!("{code}{number}")));
    }
    let line = written.lines().find(|line| line.contains(BEFORE))?;
    let words = line.split_once(BEFORE).map_or("", |(_, rest)| rest).trim_start_matches([':', ' ']);
    Some(refused(CalledService::Iap, 401, words.split('<').next().unwrap_or_default()))
}

/// `{"code":401,"message":"Audiences in Jwt are not allowed"}`: Envoy's wording, alone or in a body.
fn gateway(written: &str) -> Option<Refusal> {
    const WORDS: [&str; 8] = [
        "Audiences in Jwt are not allowed",
        "Jwt issuer is not configured",
        "Jwt verification fails",
        "Jwt is expired",
        "Jwt is missing",
        "Jwt is not in the form",
        "Jwks",
        "Jwt not yet valid",
    ];
    let words = WORDS.into_iter().find(|words| written.contains(words))?;
    let (_, rest) = written.split_once(words)?;
    let rest = rest.split(['"', '\n', '<']).next().unwrap_or_default();
    Some(refused(
        CalledService::Gateway,
        if words.starts_with("Aud") { 403 } else { 401 },
        &format!("{words}{rest}"),
    ))
}

/// What Cloud Run and functions say in a header or a log, or on a page without its markup, and Cloud Storage to a request
/// without a token.
fn run(written: &str) -> Option<Refusal> {
    const METADATA: [&str; 3] = ["computeMetadata", "metadata.google.internal", "169.254.169.254"];
    const WORDS: [(&str, u16); 8] = [
        // Cloud Scheduler and Cloud Tasks, of an address that they call.
        ("URL_ERROR-ERROR_AUTHENTICATION", 401),
        ("The request was not authenticated.", 401),
        ("The request was not authorized to invoke this service", 403),
        ("The access token could not be verified", 401),
        ("The IAM principal lacks permission to invoke", 403),
        ("Unauthorized to invoke the function", 403),
        ("Your client does not have permission to get URL", 403),
        ("Your client does not have permission to the requested URL", 401),
    ];
    const ANONYMOUS: &str = "Anonymous caller does not have storage.";
    if let Some(line) = written.lines().find(|line| line.contains(ANONYMOUS)) {
        let said = line.find(ANONYMOUS).map_or(line, |at| &line[at..]);
        let said = said.split(['"', '<']).next().unwrap_or_default();
        let refusal = refused(CalledService::Storage, 401, said);
        return Some(Refusal { reason: Some("AuthenticationRequired".to_owned()), ..refusal });
    }
    let (words, status) = WORDS.into_iter().find(|(words, _)| written.contains(words))?;
    let line = written.lines().find(|line| line.contains(words))?;
    // The metadata server's page has the same words.
    if METADATA.iter().any(|name| line.contains(name)) {
        return None;
    }
    let (_, rest) = line.split_once(words)?;
    let end = rest.find(['"', '\n', '<', '\'']).unwrap_or(rest.len());
    // The page has the same sentence for both.
    let says = ["403 Forbidden", "HTTP 403", " 403 ", "error 403", "Error: Forbidden", "number = 403"];
    let status = if says.iter().any(|text| written.contains(text)) { 403 } else { status };
    Some(refused(CalledService::Run, status, &format!("{words}{}", &rest[..end])))
}

/// Cloud Run's page, with the reason from a header before it.
fn page(written: &str) -> Option<Refusal> {
    let Some(page) = web_page::find(written) else { return run(written) };
    // The metadata server's page, by the header that it misses.
    if page.words.contains("Metadata-Flavor") {
        let refusal =
            Refusal { by: Answerer::Library, status: page.status, message: page.words, ..Refusal::default() };
        return Some(refusal);
    }
    let header = |name: &str| {
        let (_, rest) = written.split_once(name)?;
        rest.split_once('"').map(|(value, _)| value)
    };
    match (page.by, header("error_description=\"")) {
        (Answerer::CalledService, Some(reason)) => {
            Some(refused(CalledService::Run, page.status, &format!("{}: {reason}", page.words)))
        }
        (Answerer::CalledService, None) => Some(refused(CalledService::Run, page.status, &page.words)),
        (by, _) => Some(Refusal { by, status: page.status, message: page.words, ..Refusal::default() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::denial::Cause;

    fn told(text: &str) -> (Option<Cause>, String) {
        let error = find(text).unwrap_or_else(|| panic!("nothing found in {text}"));
        (error.cause(), format!("{} / {}", error.sentence(), error.next().unwrap_or_default()))
    }

    #[test]
    fn what_a_called_service_refuses_names_the_fault_and_what_to_mint() {
        let run = |status: &str, words: &str| {
            format!(
                "<html><head>\n<title>{status} {words}</title>\n</head>\n<body>\n<h1>Error: {words}</h1>\n<h2>Your client does not have permission to the requested URL <code>/</code>.</h2>\n</body></html>"
            )
        };
        let xml = |code: &str, details: &str| {
            format!(
                "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>Access denied.</Message><Details>{details}</Details></Error>"
            )
        };
        for (text, parts) in [
            (run("401", "Unauthorized"), ["isn't an ID token for this service", "token id ACCOUNT --audience"]),
            (run("403", "Forbidden"), ["its account isn't allowed in", "roles/run.invoker"]),
            (xml("SignatureDoesNotMatch", "x"), ["signature doesn't match", "sign-url ACCOUNT"]),
            (xml("ExpiredToken", "Request signature expired at: 2026-01-01T00:00:00Z"), ["has expired", "--expires"]),
            (xml("MalformedSecurityHeader", "Header was included in signedheaders, but not in the request."), ["signature", "headers"]),
            (
                "Invalid IAP credentials: JWT audience doesn't match this application ('aud' claim (x) doesn't match expected value (y))".into(),
                ["another audience", "OAuth client ID"],
            ),
            ("Invalid IAP credentials: JWT signature is invalid".into(), ["signature", "token jwt"]),
            ("Invalid IAP credentials: Expired JWT".into(), ["has expired", "token id"]),
            ("Invalid IAP credentials: empty token".into(), ["got no token", "token id"]),
            ("Invalid IAP credentials: JWT 'email' claim isn't a string".into(), ["email", "--no-email"]),
            (r#"{"code":403,"message":"Audiences in Jwt are not allowed"}"#.into(), ["another audience", "x-google-audiences"]),
            (r#"{"code":401,"message":"Jwt issuer is not configured"}"#.into(), ["issuer", "x-google-issuer"]),
            (r#"{"message":"Jwt is expired","code":401}"#.into(), ["has expired", "token id"]),
        ] {
            let (cause, said) = told(&text);
            assert_eq!(cause, Some(Cause::CredentialRefused), "{text}");
            assert!(parts.iter().all(|part| said.contains(part)), "{said}");
            assert!(!said.contains("Log in"), "{said}");
        }
    }

    #[test]
    fn a_denial_of_storage_is_one_of_iam() {
        let denied = "<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access denied.</Message><Details>sa@p.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist).</Details></Error>";
        let (cause, said) = told(denied);
        assert_eq!(cause, Some(Cause::PermissionMissing));
        assert!(said.contains("storage.objects.get"), "{said}");
        let gone =
            "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
        assert_eq!(told(gone).0, Some(Cause::NotFoundOrHidden));
    }

    #[test]
    fn what_is_of_nobody_known_is_no_answer() {
        for text in [
            "",
            "{}",
            "<Error><Code>SignatureDoesNotMatch</Code><RequestId>4F</RequestId></Error>",
            "<title>401 Unauthorized</title><h1>nginx</h1>",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn a_page_of_the_front_end_is_googles_own() {
        for (status, name, cause, part) in [
            (404, "Not Found", Cause::NotFoundOrHidden, "endpoint settings"),
            (411, "Length Required", Cause::InvalidRequest, "Content-Length"),
            (413, "Request Entity Too Large", Cause::InvalidRequest, "too large"),
            (414, "Request-URI Too Large", Cause::InvalidRequest, "address is too long"),
            (429, "Too Many Requests", Cause::RateLimited, "Wait"),
            (502, "Server Error", Cause::ServerTrouble, "Try again"),
        ] {
            let text = format!(
                "HTTP/1.1 {status} x\n\n<!DOCTYPE html><html lang=en><title>Error {status} ({name})!!1</title>"
            );
            let (found, said) = told(&text);
            assert_eq!(found, Some(cause), "{text}");
            assert!(said.starts_with("Google's front end") && said.contains(part), "{said}");
            assert!(!said.contains("be in between"), "{said}");
        }
    }
}
