//! What a text says about an error in words: the line that says it and the message in that line, the code and status,
//! details in YAML and log formats, and what stands around it about the request.

use std::{cmp::Reverse, sync::LazyLock};

use aho_corasick::AhoCorasick;
use serde_json::{Map, Value, json};

use super::error::{CODES, plain};
use crate::model::denial::{
    KUBERNETES, Refusal, as_member, denies, implied_permission, is_known_sentence, is_of_a_library,
    library_sentence, permission_in, principal_in, refuses_an_exchange, resource_in, short_account_in,
    telling_phrases,
};

/// OAuth's codes of the token endpoint and the Security Token Service. They come with 400 or 401, but the text doesn't
/// say which.
const OAUTH: [&str; 9] = [
    "invalid_grant",
    "invalid_client",
    "invalid_scope",
    "invalid_token",
    "invalid_request",
    "invalid_target",
    "deleted_client",
    "unauthorized_client",
    "access_denied",
];

/// The most places where something is looked for in one text.
const TRIES: usize = 64;

/// The longest line that is read, in bytes.
const LINE: usize = 16 * 1024;

/// An error in words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) message: String,
    pub(super) code: Option<(&'static str, u16)>,
    pub(super) oauth: Option<&'static str>,
    pub(super) status: Option<u16>,
    /// The older kind of reason, after the message.
    pub(super) reason: Option<String>,
}

/// OAuth's code in its own spelling or as Rust's Debug prints it (`UnauthorizedClient`).
pub(super) fn oauth(code: &str) -> Option<&'static str> {
    let plain = |text: &str| text.replace('_', "").to_ascii_lowercase();
    OAUTH
        .iter()
        .copied()
        .find(|known| *known == code || code.starts_with(char::is_uppercase) && plain(known) == plain(code))
}

/// What a line says, and how little of it is escaped.
type Weight = (usize, Reverse<usize>);

/// The most lines of a text that are weighed, half of them its first and half its last: a log can repeat an error.
const WEIGHED: usize = 512;

/// Every phrase that gives a line weight, so that one pass over a text finds the few lines worth reading.
static PHRASES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let spelled = CODES.iter().map(|(_, name, _)| name.replace('_', ""));
    let codes = CODES.iter().map(|(_, name, _)| *name);
    let words = codes.chain(OAUTH).chain(SAYS_STATUS).chain(["Not found: "]).chain(telling_phrases());
    let words = words.map(str::to_owned).chain(spelled);
    AhoCorasick::builder().ascii_case_insensitive(true).build(words).ok()
});

/// The lines of a text that have one of the phrases.
fn telling(text: &str) -> impl Iterator<Item = &str> {
    let mut lines: Vec<&str> = text.lines().collect();
    if let Some(phrases) = PHRASES.as_ref() {
        lines.retain(|line| phrases.is_match(*line));
    }
    let last = lines.split_off(lines.len().min(WEIGHED / 2));
    let skipped = last.len().saturating_sub(WEIGHED / 2);
    lines.into_iter().chain(last.into_iter().skip(skipped))
}

/// The error that the texts say in words: the best line of all.
pub(super) fn read(texts: &[String]) -> Option<Words> {
    let none = (0, Reverse(usize::MAX));
    let mut best: Option<(Weight, &str, &str)> = None;
    for text in texts {
        for line in telling(text) {
            let line = bounded(line.trim());
            let weight = (weight(line), Reverse(line.matches('\\').count()));
            if weight.0 > 0 && weight > best.map_or(none, |(most, ..)| most) {
                best = Some((weight, line, text));
            }
        }
    }
    let (_, line, text) = best?;
    let code = code(line).or_else(|| code(text)).or_else(|| says_not_found(line));
    let oauth = OAUTH
        .iter()
        .copied()
        .find(|code| line.contains(code))
        .or_else(|| OAUTH.iter().copied().find(|code| text.contains(code)));
    let exchange = refuses_an_exchange(line);
    // The sentence alone: OAuth's code is not known.
    let oauth = oauth.or((exchange && code.is_none()).then_some("invalid_request"));
    let library = library_sentence(line).filter(|_| code.is_none() && !is_known_sentence(line));
    let mut message = match library {
        Some(begin) => ended(line[begin..].trim_start()).to_owned(),
        None => message(line, oauth),
    };
    let reason = older_reason(&mut message);
    let status = status(line).or_else(|| status(text)).or_else(|| texts.iter().find_map(|text| status(text)));
    Some(Words { message, code, oauth: oauth.filter(|_| code.is_none()), status, reason })
}

fn bounded(line: &str) -> &str {
    let end = (0..=line.len().min(LINE)).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    &line[..end]
}

/// BigQuery's `Not found: Table acme:sales.orders`, which has no code in front of it.
fn says_not_found(line: &str) -> Option<(&'static str, u16)> {
    if ["does not exist in project ", "not found in project "].iter().any(|words| line.contains(words)) {
        return Some(("NOT_FOUND", 404));
    }
    let (_, rest) = line.split_once("Not found: ")?;
    let of_these = ["Dataset ", "Table ", "Project ", "Job ", "Routine ", "Model "];
    of_these.iter().any(|kind| rest.starts_with(kind)).then_some(("NOT_FOUND", 404))
}

/// How much a line says about why a call failed; 0 for nothing.
fn weight(line: &str) -> usize {
    let known = if is_known_sentence(line) || refuses_an_exchange(line) { 8 } else { 0 };
    let denied = if denies(line) { 4 } else { 0 };
    let coded = code(line).or(says_not_found(line)).is_some();
    let coded = if coded || OAUTH.iter().any(|code| line.contains(code)) { 4 } else { 0 };
    let library = if is_of_a_library(line) { 3 } else { 0 };
    let stated = if says_status(line) && status(line).is_some() { 2 } else { 0 };
    let weight = known + denied + coded + library + stated;
    // Details are read as such; the message is beside them.
    if line.starts_with(['{', '[', '"']) { weight.min(1) } else { weight }
}

/// What stands before a message in a line.
const BEFORE: [&str; 15] = [
    "message=[",
    "message=",
    "desc = ",
    "details = \"",
    "Detail=\"",
    "message: \"",
    "returned \"",
    "msg=\"",
    "error_description: ",
    "error_description\":\"",
    "error_description\": \"",
    "error_description': '",
    "\"message\": \"",
    "\"message\":\"",
    "Forbidden: ",
];

/// The message in a line: what follows its last introduction, to the end of the sentence or the quotes.
fn message(line: &str, oauth: Option<&str>) -> String {
    let mut begin = 0;
    let mut follows = |at: usize| {
        if line[at..].trim().len() > 3 && at > begin {
            begin = at;
        }
    };
    for before in BEFORE {
        if let Some(at) = line.find(before) {
            follows(at + before.len());
        }
    }
    // `ERROR: (gcloud.run.deploy) `
    if let Some(at) = line.find("(gcloud.")
        && let Some(end) = line[at..].find(") ")
    {
        follows(at + end + 2);
    }
    for (_, name, _) in CODES {
        for (at, _) in line.match_indices(name).take(TRIES) {
            let rest = &line[at + name.len()..];
            if let Some(rest) = rest.strip_prefix(": ").or_else(|| rest.strip_prefix(":")) {
                follows(line.len() - rest.len());
            }
        }
    }
    for before in STATUS_BEFORE {
        for (at, _) in find_ignoring_case(line, before) {
            let rest = &line[at + before.len()..];
            let number = rest.get(..3).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            let rest = rest.get(3..).filter(|_| number).unwrap_or_default();
            let rest = rest.strip_prefix(": ").or_else(|| rest.strip_prefix(' ').filter(|_| before == ": "));
            if let Some(rest) = rest {
                follows(line.len() - after_request(rest).len());
            }
        }
    }
    if let Some(code) = oauth
        && let Some(at) = line.rfind(code)
    {
        follows(at + code.len());
    }
    let message = line[begin..].trim_start_matches([':', ' ', '\'', '"', ',', '(', '`', '=', '>']);
    // A sentence that begins by itself needs no introduction.
    let starts = [
        "Permission '",
        "Permission \"",
        "Request had insufficient",
        "Request is prohibited",
        "Key creation is not",
        "Required '",
        "Service account ",
    ];
    let own =
        starts.iter().filter_map(|start| message.find(start)).min().filter(|_| is_known_sentence(message));
    let message = own.map_or(message, |at| &message[at..]);
    ended(message).trim_end_matches([' ', ',']).to_owned()
}

/// `GET https://x/y: ` before a message.
fn after_request(rest: &str) -> &str {
    let verb = ["GET ", "POST ", "PUT ", "PATCH ", "DELETE "].iter().any(|verb| rest.starts_with(verb));
    match rest.split_once(": ") {
        Some((_, rest)) if verb => rest,
        _ => rest,
    }
}

/// A message up to where what a program printed around it begins.
fn ended(message: &str) -> &str {
    let mut end = message.len();
    for mark in [
        " Details: ",
        " [reason:",
        " [type_url",
        " This command is authenticated",
        "</",
        "\", grpc_status",
        " More details:",
        " Details:",
        ", forbidden: provider=",
        "; reason: ",
    ] {
        end = end.min(message.find(mark).unwrap_or(end));
    }
    // A closing quote that nothing opened, with what ends a value after it.
    for quote in ['\'', '"', '`'] {
        let mut open = false;
        for (at, _) in message.match_indices(quote) {
            let rest = &message[at + 1..];
            let closes = rest.chars().next().is_none_or(|c| ",)}];:. \"'`".contains(c));
            let opens =
                message[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || "([{=:".contains(c));
            if open {
                open = false;
            } else if closes && !opens {
                end = end.min(at);
                break;
            } else {
                open = true;
            }
        }
    }
    let message = message[..end].trim_end();
    // A bracket that nothing opened.
    let unopened = |c: char, opens: char| {
        message.ends_with(c) && message.matches(c).count() > message.matches(opens).count()
    };
    if unopened(')', '(') || unopened(']', '[') || unopened('}', '{') {
        return message[..message.len() - 1].trim_end();
    }
    message
}

/// Takes `, forbidden` from the end, as Go and Terraform print the reason.
fn older_reason(message: &mut String) -> Option<String> {
    let (before, last) = message.rsplit_once(", ")?;
    let word = last.trim_end_matches('.');
    let fits = (5..40).contains(&word.len())
        && (word.bytes().all(|byte| byte.is_ascii_alphabetic())
            && word.starts_with(|c: char| c.is_ascii_lowercase())
            || word.contains('_') && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        && before.ends_with(['.', ')', '\'', '"', '!', '?'])
        || ["forbidden", "badRequest", "notFound", "conflict", "SERVICE_ACCOUNT_ACCESS_DENIED"]
            .contains(&word);
    let reason = fits.then(|| word.to_owned())?;
    message.truncate(before.len());
    (reason != "forbidden" && reason != "badRequest").then_some(reason)
}

fn find_ignoring_case<'a>(text: &'a str, wanted: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let (bytes, length) = (text.as_bytes(), wanted.len());
    let first = wanted.bytes().next().unwrap_or_default();
    let places = memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), bytes);
    let same = move |at: &usize| {
        bytes.get(*at..at + length).is_some_and(|found| found.eq_ignore_ascii_case(wanted.as_bytes()))
    };
    places.filter(same).map(move |at| (at, wanted)).take(TRIES)
}

/// `HTTP/1.1 403`, `HttpError 403`, `googleapi: Error 403:`, `status code 403`, `status: 403`.
const STATUS_BEFORE: [&str; 12] = [
    "http/1.1 ",
    "http/2 ",
    "httperror ",
    "error ",
    "status code ",
    "status: ",
    "code: ",
    "returned ",
    "exception: ",
    "status=",
    "error code ",
    ": ",
];

pub(super) fn status(text: &str) -> Option<u16> {
    let lower = text.to_ascii_lowercase();
    STATUS_BEFORE.iter().find_map(|before| {
        lower.match_indices(before).take(TRIES).find_map(|(at, _)| {
            let rest = &lower[at + before.len()..];
            let ends = rest
                .get(3..)?
                .chars()
                .next()
                .is_none_or(|c| !c.is_ascii_alphanumeric() && c != '.' && c != '_');
            let digits = rest.get(..3).filter(|_| ends)?;
            digits.parse::<u16>().ok().filter(|status| (400..600).contains(status))
        })
    })
}

/// Whether a number in the text is certainly a status, written as libraries and curl write it.
fn says_status(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    SAYS_STATUS.iter().any(|before| lower.contains(before))
}

const SAYS_STATUS: [&str; 6] =
    ["googleapi: error ", "httperror ", "http/1.1 ", "http/2 ", "exception: 4", "exception: 5"];

/// The canonical code in a text, as a separate word (`PERMISSION_DENIED: …`, `"status": "NOT_FOUND"`), or as libraries
/// spell it (`code = PermissionDenied`, `StatusCode.PERMISSION_DENIED`).
pub(super) fn code(text: &str) -> Option<(&'static str, u16)> {
    const SPELLED_AFTER: [&str; 7] =
        ["code = ", "StatusCode.", "StatusCode=\"", "exceptions.", "status: ", "codes.", "Code: "];
    let stands = |name: &str| {
        text.match_indices(name).take(TRIES).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + name.len()..].chars().next();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
                && after.is_none_or(|c| ":,\"')]\n\r".contains(c))
        })
    };
    let named = CODES.iter().find(|(_, name, _)| stands(name)).map(|(_, name, status)| (*name, *status));
    let spelled = || {
        let after = SPELLED_AFTER.iter().flat_map(|before| text.match_indices(before).take(TRIES));
        after.into_iter().find_map(|(at, before)| {
            let rest = &text[at + before.len()..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            canonical(&rest[..end])
        })
    };
    named.or_else(spelled)
}

/// The canonical code that a word is, also as libraries spell it (`PermissionDenied`).
pub(super) fn canonical(word: &str) -> Option<(&'static str, u16)> {
    let same = |name: &str| {
        let plain = name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase());
        plain.eq(word.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase()))
    };
    let found = CODES.iter().find(|(_, name, _)| word.starts_with(char::is_uppercase) && same(name));
    found.map(|(_, name, status)| (*name, *status))
}

/// The value of a field in YAML, logfmt or prose (`Reason: x`); `None` if the text has none that can be one.
fn field(text: &str, name: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    find_ignoring_case(text, name).find_map(|(at, _)| {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || "_-.".contains(c)) {
            return None;
        }
        let rest = text[at + name.len()..].trim_start_matches(['"', '\'']);
        let rest =
            rest.strip_prefix(':').or_else(|| rest.strip_prefix('=')).or_else(|| rest.strip_prefix('['))?;
        let rest = rest.trim_start_matches([' ', '"', '\'', '>']);
        let end = rest.find(|c: char| c.is_whitespace() || ",\"'}])".contains(c)).unwrap_or(rest.len());
        Some(rest[..end].trim_end_matches('.')).filter(|value| !value.is_empty() && fits(value)).map(plain)
    })
}

/// A field's name, and what its value looks like.
type Field<'a> = (&'static str, &'a dyn Fn(&str) -> bool);

/// Details that stand in the texts as fields rather than as JSON.
pub(super) fn details(texts: &[String]) -> Vec<Value> {
    let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let find =
        |name: &str, fits: &dyn Fn(&str) -> bool| texts.iter().find_map(|text| field(text, name, fits));
    let mut metadata = Map::new();
    let fields: [Field<'_>; 6] = [
        ("permission", &|value| value.matches('.').count() >= 2),
        ("consumer", &|value| value.starts_with("projects/")),
        ("service", &|value| value.ends_with(".googleapis.com")),
        ("uid", &|value| value.len() > 4),
        ("email", &|value| value.contains('@')),
        ("quota_limit", &word),
    ];
    for (name, fits) in fields {
        if let Some(value) = find(name, fits) {
            metadata.insert(name.to_owned(), value.into());
        }
    }
    let reason = find("reason", &|value| word(value) && value.len() > 4);
    let domain = find("domain", &|value| value.ends_with("googleapis.com"));
    let mut details = vec![json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain, "metadata": metadata,
    })];
    let kind = find("type", &|value| {
        value.contains("constraints/") || value.contains("serviceusage/") || value == "VPC_SERVICE_CONTROLS"
    });
    if let Some(kind) = kind {
        let lines = || texts.iter().flat_map(|text| text.lines());
        let said = lines().find_map(|line| line.trim_start_matches(['-', ' ']).strip_prefix("description: "));
        let description = said.map(|text| plain(text.trim_matches(['\'', '"'])));
        let violations = json!([{ "type": kind, "description": description }]);
        details.push(json!({ "@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": violations }));
    }
    details
}

/// The permission that a method of IAM Credentials needs, by its name or its address.
pub(super) fn permission_of(text: &str) -> Option<&'static str> {
    const METHODS: [(&str, &str); 4] = [
        ("generateaccesstoken", "iam.serviceAccounts.getAccessToken"),
        ("generateidtoken", "iam.serviceAccounts.getOpenIdToken"),
        ("signblob", "iam.serviceAccounts.signBlob"),
        ("signjwt", "iam.serviceAccounts.signJwt"),
    ];
    let lower = text.to_ascii_lowercase();
    METHODS.iter().find(|(method, _)| lower.contains(method)).map(|(_, permission)| *permission)
}

/// Words of libraries for a call of generateAccessToken.
const IMPERSONATION: [&str; 5] = [
    "impersonate: status code",
    "Unable to acquire impersonated credentials",
    "unable to impersonate",
    "Failed to impersonate",
    "Google Cloud access token for ",
];

/// Adds what the texts say about the request: the service, the account, who called, and the method.
pub(super) fn add_context(texts: &[String], refusal: &mut Refusal) {
    let services = ["iamcredentials", "sts", "cloudresourcemanager", "serviceusage", "oauth2", "iam"];
    let service = || {
        let hosts = services.iter().map(|name| format!("{name}.googleapis.com"));
        // `principal://iam.googleapis.com/…` names no service.
        let called = |before: &str| !before.ends_with("//") || before.ends_with("s://");
        let named =
            |text: &String, host: &String| text.match_indices(host).any(|(at, _)| called(&text[..at]));
        hosts.into_iter().find(|host| texts.iter().any(|text| named(text, host)))
    };
    if refusal.asked.service.is_empty() && refusal.by == crate::model::denial::Answerer::Api {
        let other = || texts.iter().find_map(|text| api_host(text));
        refusal.asked.service = service().or_else(other).unwrap_or_default();
    }
    if refusal.asked.resource.is_empty() || refusal.asked.resource.contains("serviceAccounts/") {
        let short = || texts.iter().flat_map(|text| text.lines()).find_map(short_account_in);
        let target = texts.iter().find_map(|text| target(text)).map(plain).or_else(short);
        refusal.asked.resource = target.unwrap_or_else(|| std::mem::take(&mut refusal.asked.resource));
    }
    let lines = || texts.iter().flat_map(|text| text.lines()).map(bounded);
    if refusal.status == 403 && refusal.permission().is_none() && refusal.reason.is_none() {
        let impersonates = |text: &String| IMPERSONATION.iter().any(|words| text.contains(words));
        let by_method = texts.iter().find_map(|text| permission_of(text));
        let by_words = texts.iter().any(impersonates).then_some("iam.serviceAccounts.getAccessToken");
        let implied = || lines().filter(|line| denies(line)).find_map(implied_permission);
        let in_text = || lines().find_map(permission_in).map(|name| plain(name).into());
        refusal.asked.permission = by_method.or(by_words).map(Into::into);
        refusal.asked.permission =
            refusal.asked.permission.take().or_else(|| implied().map(Into::into)).or_else(in_text);
    }
    refusal.asked.by_gcloud = texts.iter().any(|text| {
        ["(gcloud.", "gcloud crashed (", "$ gcloud auth login"].iter().any(|words| text.contains(words))
    });
    let lines = || lines().filter(|line| line.contains('@') || line.contains("principal"));
    // GKE's metadata server passes on what IAM said to the Kubernetes service account.
    if refusal.principal.is_none() && texts.iter().any(|text| text.contains("IAM returned 40")) {
        refusal.principal = Some(KUBERNETES.to_owned());
    }
    // The action of GitHub's that logs in with a provider says so.
    if refusal.principal.is_none()
        && refusal.permission() == Some("iam.serviceAccounts.getAccessToken")
        && texts.iter().any(|text| text.contains("Google Cloud access token for "))
    {
        refusal.principal = Some(GITHUB.to_owned());
    }
    if refusal.principal.is_none() && refusal.status == 403 {
        let by = |line: &str| {
            let (_, rest) = line.split_once("authenticated as ")?;
            as_member(rest.trim_start_matches('[').split([' ', ',', ']']).next()?)
        };
        refusal.principal =
            lines().find_map(by).or_else(|| lines().filter(|line| denies(line)).find_map(principal_in));
    }
    if refusal.asked.resource.is_empty() && refusal.status == 403 {
        let found = texts.iter().flat_map(|text| text.lines()).map(bounded).filter(|line| denies(line));
        refusal.asked.resource =
            found.filter_map(resource_in).next().map(|name| plain(&name)).unwrap_or_default();
    }
    if refusal
        .principal
        .as_deref()
        .is_some_and(|member| member.ends_with(&format!(":{}", refusal.asked.resource)))
    {
        refusal.asked.resource.clear();
    }
}

/// A workflow of GitHub's whose repository isn't known.
const GITHUB: &str = "principalSet://iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/attribute.repository/OWNER/REPOSITORY";

/// The API whose address stands in a text: `drive.googleapis.com`, also for `www.googleapis.com/drive/`.
fn api_host(text: &str) -> Option<String> {
    text.match_indices("https://").take(TRIES).find_map(|(at, found)| {
        let rest = &text[at + found.len()..];
        let (host, path) = rest.split_once(".googleapis.com/")?;
        let plain = |name: &str| {
            !name.is_empty() && name.len() < 64 && name.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let name = match host {
            "www" => path.split('/').next().filter(|name| !["auth", "oauth2"].contains(name)),
            "type" => None,
            host => Some(host.rsplit('-').next().unwrap_or(host)),
        };
        name.filter(|name| plain(name)).map(|name| format!("{name}.googleapis.com"))
    })
}

/// The account or provider that the call was about, only if the text says so, because many sentences name the caller.
fn target(text: &str) -> Option<&str> {
    const BEFORE: [&str; 13] = [
        "serviceAccounts/",
        "impersonate [",
        "impersonate ",
        "found for email ",
        "on service account ",
        "service account [",
        "access token for ",
        "ID token for ",
        "service account ",
        "//iam.googleapis.com/",
        "target_principal=",
        "Service account ",
        "iss: ",
    ];
    BEFORE.iter().find_map(|before| {
        text.match_indices(before).take(8).find_map(|(at, _)| {
            let rest = text[at + before.len()..].trim_start_matches(['\'', '"', '`', '*']);
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || "-_.@/".contains(c)))
                .unwrap_or(rest.len());
            let whole = rest[..end].trim_end_matches(['.', '/']);
            let provider = *before == "//iam.googleapis.com/" && whole.contains("/workloadIdentityPools/");
            let name = if provider { whole } else { whole.split('/').next().unwrap_or_default() };
            let account = name.contains('@') && name.ends_with("gserviceaccount.com");
            // `the service account a@b does not have …` names who lacks it.
            let lacks = ["does not have", "doesn't have", "lacks", "must have", "needs"];
            let after = rest[name.len()..].trim_start_matches(['\'', '"', ' ', '`', ']', ')']);
            let lacks = lacks.iter().any(|verb| after.starts_with(verb));
            // `for Revision service account a@b` as well.
            let runs =
                text[..at].ends_with("Revision ") || text[..at].ends_with(|c: char| c.is_alphanumeric());
            (!lacks && !runs && (account || provider)).then_some(name)
        })
    })
}
