//! What the metadata server answers: the account's tokens, its names and scopes, the project and the universe. There is
//! no machine behind it, so instance names, zones and attributes don't exist.

use std::collections::BTreeSet;

use axum::{
    extract::Query,
    http::{StatusCode, Uri},
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{Event, Shared, minting::Wanted, reply::Reply};
use crate::{
    http::{ApiError, ErrorKind},
    model::{jwt::audience, scopes},
};

/// Where the account's values and tokens are.
const ACCOUNTS: &str = "service-accounts";

/// A place in the tree.
enum Node {
    Directory(Vec<(String, Node)>),
    Text(String),
    List(Vec<String>),
    AccessToken,
    IdToken,
}

impl Node {
    fn directory<const N: usize>(entries: [(&str, Node); N]) -> Node {
        Node::Directory(entries.map(|(name, node)| (name.to_owned(), node)).into())
    }

    fn child(&self, name: &str) -> Option<&Node> {
        let Node::Directory(entries) = self else { return None };
        // Some libraries spell `universe-domain` with an underscore.
        let name = name.replace("universe_domain", "universe-domain");
        entries.iter().find(|(known, _)| *known == name).map(|(_, node)| node)
    }

    /// The names in a directory, one a line, those of directories with a slash at the end.
    fn listing(entries: &[(String, Node)]) -> String {
        let slash = |node: &Node| if matches!(node, Node::Directory(_)) { "/" } else { "" };
        entries.iter().map(|(name, node)| format!("{name}{}\n", slash(node))).collect()
    }

    /// All below it as JSON, without tokens; `None` for a token.
    fn whole(&self) -> Option<Value> {
        match self {
            Node::Directory(entries) => {
                let known = entries.iter().filter_map(|(name, node)| Some((camel(name), node.whole()?)));
                Some(Value::Object(known.collect::<Map<String, Value>>()))
            }
            Node::Text(text) => {
                Some(text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number)))
            }
            Node::List(lines) => Some(json!(lines)),
            Node::AccessToken | Node::IdToken => None,
        }
    }
}

/// `numericProjectId` for `numeric-project-id`. An account's email stays as it is.
fn camel(name: &str) -> String {
    if name.contains('@') {
        return name.to_owned();
    }
    let mut parts = name.split('-');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut whole, part| {
        let mut letters = part.chars();
        whole.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        whole.extend(letters);
        whole
    })
}

/// The answer to a GET of `path`, which starts with `/computeMetadata`; `uri` is the request as it came.
pub(super) async fn answer(shared: &Shared, uri: &Uri, path: &str) -> Reply {
    let segments: Vec<String> = path
        .split('/')
        .skip(1)
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let query = query(uri);
    let is_recursive = flag(&query, "recursive") == Some(true);
    let tree = tree(shared, needs_project(&segments, is_recursive)).await;
    let Some(node) = find(&tree, &segments) else { return Reply::not_found(path) };
    match node {
        Node::Directory(_) if segments.last().is_some_and(|last| !last.is_empty()) => {
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            Reply::moved(format!("{}/{query}", uri.path()))
        }
        Node::Directory(_) if is_recursive => Reply::json(&node.whole().unwrap_or_default()),
        Node::Directory(entries) => Reply::text(Node::listing(entries)),
        Node::AccessToken => access_token(shared, &query).await,
        Node::IdToken => id_token(shared, &query).await,
        _ if value(&query, "alt") == Some("json") => Reply::json(&node.whole().unwrap_or_default()),
        Node::Text(text) => Reply::text(text.as_str()),
        Node::List(lines) => Reply::text(lines.iter().map(|line| format!("{line}\n")).collect::<String>()),
    }
}

/// Whether an answer tells what only a call to Google tells.
fn needs_project(segments: &[String], is_recursive: bool) -> bool {
    let words: Vec<&str> = segments.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [_, _, "project", "numeric-project-id"] => true,
        [] | [_] | [_, _] | [_, _, "project"] => is_recursive,
        _ => false,
    }
}

async fn tree(shared: &Shared, with_number: bool) -> Node {
    let whose = &shared.impersonation;
    let account = |aliases: Vec<String>| {
        Node::directory([
            ("aliases", Node::List(aliases)),
            ("email", Node::Text(whose.account.clone())),
            ("identity", Node::IdToken),
            ("scopes", Node::List(default_scopes(&whose.scopes).into_iter().collect())),
            ("token", Node::AccessToken),
        ])
    };
    let alias = || vec!["default".to_owned()];
    let accounts =
        Node::directory([("default", account(alias())), (whose.account.as_str(), account(alias()))]);
    let number = if with_number { shared.project().await.number } else { String::new() };
    // gcloud takes this for a metadata server only if there is a number. No project has 0.
    let number = if number.is_empty() { "0".to_owned() } else { number };
    let project = Node::directory([
        ("numeric-project-id", Node::Text(number)),
        ("project-id", Node::Text(shared.project_id().await)),
    ]);
    let universe = Node::Text(shared.client.endpoints().universe().to_owned());
    let v1 = Node::directory([
        ("instance", Node::directory([(ACCOUNTS, accounts)])),
        ("project", project),
        ("universe", Node::directory([("universe-domain", universe)])),
    ]);
    Node::directory([("computeMetadata", Node::directory([("v1", v1)]))])
}

/// A slash at the end names the same place; an empty segment elsewhere names none.
fn find<'a>(tree: &'a Node, segments: &[String]) -> Option<&'a Node> {
    let (last, before) = segments.split_last()?;
    let parent = before.iter().try_fold(tree, |node, name| node.child(name))?;
    match (last.as_str(), parent) {
        ("", Node::Directory(_)) => Some(parent),
        (name, _) => parent.child(name),
    }
}

fn query(uri: &Uri) -> Vec<(String, String)> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// A flag that is set or not; `None` if it is absent or neither.
fn flag(query: &[(String, String)], name: &str) -> Option<bool> {
    let value = value(query, name)?;
    ["true", "false"].iter().find(|word| value.eq_ignore_ascii_case(word)).map(|word| *word == "true")
}

/// The scopes of a client that requests none.
fn default_scopes(fixed: &[String]) -> BTreeSet<String> {
    match fixed {
        [] => BTreeSet::from([scopes::DEFAULT.to_owned()]),
        fixed => fixed.iter().cloned().collect(),
    }
}

/// The scopes that a client gets: the fixed ones, as on Compute Engine, else those it requests.
///
/// # Errors
/// One sentence about a scope that can't be one.
pub(super) fn granted<'a>(
    fixed: &[String],
    requested: impl Iterator<Item = &'a str>,
) -> Result<BTreeSet<String>, String> {
    if !fixed.is_empty() {
        return Ok(default_scopes(fixed));
    }
    let requested: BTreeSet<String> =
        requested.filter(|scope| !scope.is_empty()).map(scopes::expand).collect::<Result<_, _>>()?;
    Ok(if requested.is_empty() { default_scopes(&[]) } else { requested })
}

async fn access_token(shared: &Shared, query: &[(String, String)]) -> Reply {
    let lists = query.iter().filter(|(name, _)| name == "scopes").map(|(_, list)| list.as_str());
    let requested = lists.flat_map(|list| list.split([',', ' ']));
    let scopes = match granted(&shared.impersonation.scopes, requested) {
        Ok(scopes) => scopes,
        Err(why) => return Reply::refusal(StatusCode::BAD_REQUEST, format!("{why}\n")),
    };
    match mint(shared, Wanted::Scopes(scopes)).await {
        Ok((credential, left)) => Reply::json(&json!({
            "access_token": credential.secret.expose(), "expires_in": left, "token_type": "Bearer"
        })),
        Err(error) => refusal(&error, "access token", status(&error)),
    }
}

/// An ID token. Both formats have the email. The full one has nothing more, as on Cloud Run: its claims about an
/// instance and its licences are only Google's to make.
async fn id_token(shared: &Shared, query: &[(String, String)]) -> Reply {
    let refused = |why: String| Reply::refusal(StatusCode::BAD_REQUEST, format!("{why}\n"));
    if !matches!(value(query, "format"), None | Some("standard" | "full")) {
        return refused("format must be standard or full".to_owned());
    }
    if value(query, "licenses").is_some() && flag(query, "licenses").is_none() {
        return refused("licenses must be TRUE or FALSE".to_owned());
    }
    let audience = match value(query, "audience").filter(|audience| !audience.is_empty()) {
        Some(audience) => match audience::check(audience) {
            Ok(audience) => audience,
            Err(why) => return refused(why),
        },
        None => return refused("non-empty audience parameter required".to_owned()),
    };
    match mint(shared, Wanted::Audience(audience)).await {
        Ok((credential, _)) => Reply::id_token(credential.secret.expose()),
        // gcloud asks for an ID token with every access token, and carries on without one only after a 404.
        Err(error) if error.kind == ErrorKind::Denied => {
            refusal(&error, "identity token", StatusCode::NOT_FOUND)
        }
        Err(error) => refusal(&error, "identity token", status(&error)),
    }
}

/// Mints, and tells who listens.
///
/// # Errors
/// Those of [`crate::flows::mint`].
pub(super) async fn mint(shared: &Shared, wanted: Wanted) -> Result<super::minting::Minted, ApiError> {
    let minted = shared.minter.mint(wanted.clone()).await?;
    shared.tell(Event::Served { wanted, left: minted.1 });
    Ok(minted)
}

/// The status of a failed mint: IAM's own, and where the client should try again one that it tries again.
pub(super) fn status(error: &ApiError) -> StatusCode {
    let own = error.status.filter(|status| (400..500).contains(status) && *status != 401);
    let own = own.and_then(|status| StatusCode::from_u16(status).ok());
    match error.kind {
        _ if error.passes() && error.kind != ErrorKind::Quota => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Quota => StatusCode::TOO_MANY_REQUESTS,
        _ => own.unwrap_or(StatusCode::FORBIDDEN),
    }
}

/// As the metadata server of Kubernetes Engine passes on what IAM refuses.
fn refusal(error: &ApiError, what: &str, status: StatusCode) -> Reply {
    let by = error.status.map(|status| format!("; IAM returned {status}")).unwrap_or_default();
    Reply::refusal(
        status,
        format!("Unable to generate {what}{by}: {}{}\n", error.sentence(), error.next_words()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(scopes: &[&str]) -> BTreeSet<String> {
        scopes.iter().map(|scope| (*scope).to_owned()).collect()
    }

    #[test]
    fn requested_scopes_are_granted_unless_others_are_fixed() {
        let requested = || ["email", "openid", "", "email"].into_iter();
        let email = "https://www.googleapis.com/auth/userinfo.email";
        assert_eq!(granted(&[], requested()), Ok(set(&["openid", email])));
        assert_eq!(granted(&[], [""].into_iter()), Ok(set(&[scopes::DEFAULT])));
        assert_eq!(granted(&["openid".to_owned()], requested()), Ok(set(&["openid"])));
        assert!(granted(&[], ["no such"].into_iter()).is_err());
    }

    #[test]
    fn names_of_json_are_camel_case_and_emails_stay() {
        assert_eq!(camel("numeric-project-id"), "numericProjectId");
        assert_eq!(camel("instance"), "instance");
        assert_eq!(camel("a-b@acme-prod.iam.gserviceaccount.com"), "a-b@acme-prod.iam.gserviceaccount.com");
    }

    #[test]
    fn project_number_is_read_only_for_answers_that_tell_it() {
        let needs = |path: &str, recursive| {
            needs_project(&path.split('/').map(str::to_owned).collect::<Vec<_>>(), recursive)
        };
        assert!(needs("computeMetadata/v1/project/numeric-project-id", false));
        assert!(needs("computeMetadata/v1/", true) && needs("computeMetadata/v1/project/", true));
        assert!(!needs("computeMetadata/v1/project/project-id", false));
        assert!(!needs("computeMetadata/v1/project/", false));
        assert!(!needs("computeMetadata/v1/instance/service-accounts/default/", true));
    }

    #[test]
    fn failures_that_pass_are_told_as_such_and_refusals_as_they_are() {
        let error = |kind, status| {
            let mut error = ApiError::new(kind, "x");
            error.status = status;
            error
        };
        for (kind, own, wanted) in [
            (ErrorKind::Denied, Some(403), 403),
            (ErrorKind::NotFound, Some(404), 404),
            (ErrorKind::Invalid, Some(400), 400),
            (ErrorKind::Quota, Some(429), 429),
            (ErrorKind::Server, Some(500), 503),
            (ErrorKind::Network, None, 503),
            (ErrorKind::Timeout, None, 503),
            // Our caller's login, which a client can't renew.
            (ErrorKind::Credentials, Some(401), 403),
            (ErrorKind::Credentials, None, 403),
        ] {
            assert_eq!(status(&error(kind, own)).as_u16(), wanted, "{kind:?}");
        }
    }
}
