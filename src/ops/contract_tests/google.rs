//! A server that takes every request for one to Google, remembers it whole, and answers in a way that makes the client
//! continue.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    response::IntoResponse,
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use tokio::{net::TcpListener, sync::Mutex, sync::mpsc, task::JoinSet};

use super::{
    answers,
    wire::{Head, Tap, Tapped},
};
use crate::{
    api::{Client, Settings, testing::bare_token},
    auth::Source,
    http::{
        Record,
        endpoints::{Endpoints, Service},
    },
    local::env::Env,
};
use impersona_contract::{Method, Way, contract};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// The service that its address names: `iam`.
    pub(crate) service: String,
    /// `GET`
    pub(crate) verb: String,
    /// As it came, percent-encoded: `/v1/projects/…`
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Carried,
    /// What stood above that, as the server made it out.
    pub(crate) head: Head,
}

/// What a request carried.
#[derive(Clone, Debug)]
pub(crate) enum Carried {
    Nothing,
    Json(Value),
    Form(Vec<(String, String)>),
}

/// The schemas of an exchange of tokens and of its field `options`.
const OPTIONS: &str = "sts.v1.GoogleIdentityStsV1Options";

impl Sent {
    /// The method that a document has for it.
    pub(crate) fn method(&self) -> Option<&'static Method> {
        contract().find(&self.service, &self.verb, &self.path)
    }

    /// The names of its parameters and fields.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.query.iter().map(|(name, _)| name.clone()).collect();
        match &self.body {
            Carried::Nothing => {}
            Carried::Json(body) => collect(body, &mut names),
            Carried::Form(fields) => names.extend(fields.iter().map(|(name, _)| name.clone())),
        }
        names
    }

    /// What is wrong with it.
    pub(crate) fn problems(&self, method: &Method) -> Vec<String> {
        match &self.body {
            Carried::Nothing => contract().request(method, &self.query, None),
            Carried::Json(body) => contract().request(method, &self.query, Some(body)),
            Carried::Form(fields) => {
                // RFC 8693 spells in a form what the document spells as JSON.
                let named = fields.iter().map(|(name, value)| (camel(name), value.clone().into()));
                let body = named.collect::<Map<String, Value>>();
                let options = body.get("options").and_then(Value::as_str);
                let options = options.map(|text| serde_json::from_str(text).unwrap_or_default());
                let within = options.map(|options| contract().message(OPTIONS, &options, Way::Sent));
                let mut wrong = contract().request(method, &self.query, Some(&Value::Object(body)));
                wrong.extend(within.unwrap_or_default());
                wrong
            }
        }
    }
}

/// The names of all fields, those within others too.
fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            names.extend(fields.keys().cloned());
            fields.values().for_each(|value| collect(value, names));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, names)),
        _ => {}
    }
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |so_far, word| so_far + &word[..1].to_uppercase() + &word[1..])
}

/// The server; it stops when dropped.
pub(crate) struct Google {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Sent>>>,
    misfits: Arc<Mutex<Vec<String>>>,
    tapped: Tapped,
    records: Mutex<mpsc::Receiver<Record>>,
    sender: mpsc::Sender<Record>,
    _task: JoinSet<()>,
}

/// How much a server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    /// What a client needs to continue.
    Least,
    /// That, and every field that a document has.
    All,
}

type Shared = (Arc<Mutex<Vec<Sent>>>, Arc<Mutex<Vec<String>>>, Talk);

/// The first part of the path that a service is reached under: its name in the documents, where it has one.
fn prefix(base: Service) -> &'static str {
    match base {
        Service::Iam => "iam",
        Service::Credentials => "iamcredentials",
        Service::Projects => "cloudresourcemanager",
        Service::Services => "serviceusage",
        Service::Troubleshooter => "policytroubleshooter",
        Service::Token => "token",
        Service::Tokeninfo | Service::Userinfo => "oauth2",
        Service::Certs => "certs",
        // A host is all that can be said of it.
        Service::Metadata => "",
    }
}

impl Google {
    pub(crate) async fn start(talk: Talk) -> Google {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let tapped = Tapped::default();
        let listener = Tap { listener, tapped: tapped.clone() };
        let shared: Shared = (Arc::default(), Arc::default(), talk);
        let app = Router::new().fallback(serve).with_state(shared.clone());
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, app).await.unwrap() });
        let (sender, records) = mpsc::channel(4_096);
        let records = Mutex::new(records);
        Google { url, seen: shared.0, misfits: shared.1, tapped, records, sender, _task: task }
    }

    /// What points everything here.
    pub(crate) fn env(&self) -> Env {
        let over = |name: &str| format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}");
        let vars = [
            (Service::Iam, over("IAM")),
            (Service::Credentials, over("IAMCREDENTIALS")),
            (Service::Projects, over("CLOUDRESOURCEMANAGER")),
            (Service::Services, over("SERVICEUSAGE")),
            (Service::Troubleshooter, over("POLICYTROUBLESHOOTER")),
            (Service::Token, "CLOUDSDK_AUTH_TOKEN_HOST".to_owned()),
            (Service::Tokeninfo, "IMPERSONA_OAUTH2_ENDPOINT".to_owned()),
            (Service::Certs, "IMPERSONA_CERTS_ENDPOINT".to_owned()),
        ];
        let host = self.url.trim_start_matches("http://").to_owned();
        let vars = vars.map(|(base, name)| (name, format!("{}/{}", self.url, prefix(base))));
        Env::from_vars(vars.into_iter().chain([("GCE_METADATA_HOST".to_owned(), host)]))
    }

    /// A client of a caller, of whose requests everything comes here.
    pub(crate) fn client_of(&self, source: Source) -> Client {
        let endpoints = Endpoints::new(&self.env(), None).unwrap();
        assert!(!endpoints.partly_overridden(), "a request could leave this machine");
        let records = Some(self.sender.clone());
        Client::new(Settings { records, use_proxy: false, ..Settings::new(endpoints, Ok(source)) })
    }

    /// A client with a token.
    pub(crate) fn client(&self) -> Client {
        self.client_of(bare_token().unwrap())
    }

    /// Everything that was sent so far.
    pub(crate) async fn sent(&self) -> Vec<Sent> {
        self.seen.lock().await.clone()
    }

    /// The head of everything that was sent over HTTP/1.1, as its bytes say it.
    pub(crate) async fn heads(&self) -> Vec<Head> {
        self.tapped.heads().await
    }

    /// Where an answer from here is not as the documents say: what is tried on a wrong answer proves nothing.
    pub(crate) async fn misfits(&self) -> Vec<String> {
        self.misfits.lock().await.clone()
    }

    /// The gRPC names of everything that was sent so far.
    pub(crate) async fn told(&self) -> BTreeSet<String> {
        let mut records = self.records.lock().await;
        let mut told = BTreeSet::new();
        while let Ok(record) = records.try_recv() {
            told.insert(record.call.into_owned());
        }
        told
    }
}

async fn serve(State((seen, misfits, talk)): State<Shared>, request: Request) -> impl IntoResponse {
    let (parts, body) = request.into_parts();
    let (service, path) = parts.uri.path()[1..].split_once('/').unwrap_or((&parts.uri.path()[1..], ""));
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let kind = parts.headers.get("content-type").map(|kind| kind.to_str().unwrap());
    let body = match kind {
        Some("application/json") => Carried::Json(serde_json::from_slice(&body).unwrap()),
        Some("application/x-www-form-urlencoded") => {
            Carried::Form(pairs(std::str::from_utf8(&body).unwrap()))
        }
        None if body.is_empty() => Carried::Nothing,
        other => panic!("nobody sends {other:?}"),
    };
    let sent = Sent {
        service: service.to_owned(),
        verb: parts.method.to_string(),
        path: if path.is_empty() { String::new() } else { format!("/{path}") },
        query: pairs(parts.uri.query().unwrap_or_default()),
        body,
        head: Head::of(&parts),
    };
    seen.lock().await.push(sent.clone());
    let answer = match sent.method() {
        Some(method) => {
            let answer = answers::documented(&method.name, &sent);
            let answer = match talk {
                Talk::Least => answer,
                Talk::All => answers::merged(contract().full_answer(method), answer),
            };
            let wrong = contract().answer(method, &answer);
            misfits
                .lock()
                .await
                .extend(wrong.into_iter().map(|wrong| format!("our answer of {}: {wrong}", method.name)));
            answer
        }
        None => answers::other(&sent),
    };
    let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
    ([("content-type", "application/json"), ("metadata-flavor", "Google")], text)
}

/// A query, or a form, decoded.
fn pairs(text: &str) -> Vec<(String, String)> {
    let plain = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8().unwrap().into_owned();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (plain(name), plain(value))).collect()
}
