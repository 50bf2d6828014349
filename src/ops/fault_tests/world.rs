//! The emulator that the table is run against: a world in which all that the samples name is there, a caller who may
//! do everything, and what has to be put back before each run because a run before it changed it.

use std::time::Duration;

use serde_json::json;
use tokio::{net::TcpSocket, sync::mpsc};

use crate::{
    api::{Client, Settings},
    auth::{self, FindOptions},
    flows,
    http::{ApiError, Record, endpoints::Endpoints},
    local::{env::Env, history::Snapshots},
    model::{
        credential::{MintRequest, What},
        member::Member,
        policy::{Policy, Triple, edit::Edit},
        secret::Secret,
    },
    ops::{Call, Part, Reply, contract_tests, perform},
};
use impersona_emulator::{self as emulator, Emulator, Fault, Handle, Options, World, names::CREATOR};

pub(super) const SA: &str = "sa@acme-prod.iam.gserviceaccount.com";
const CLOUD: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Off before each run, and needed by nobody.
const OFF: &str = "secretmanager.googleapis.com";

/// What the samples name.
fn world() -> World {
    let bind = |role: &str, members: &[&str]| json!({"role": role, "members": members});
    let account = |name: &str| format!("serviceAccount:{name}@acme-prod.iam.gserviceaccount.com");
    let own =
        json!([{"id": "own", "title": "Own", "stage": "GA", "permissions": ["iam.serviceAccounts.get"]}]);
    let accounts = json!([
        {"email": "sa", "uniqueId": "109300000000000000001", "policy": {"bindings": [
            bind(CREATOR, &[&account("b"), "user:dev@example.com"]),
            bind("projects/acme-prod/roles/own", &["group:all@example.com"]),
        ]}},
        {"email": "a", "policy": {"bindings": [bind(CREATOR, &["user:dev@example.com"])]}},
        {"email": "b", "policy": {"bindings": [bind(CREATOR, &[&account("a")])]}},
        {"email": "1-compute@developer.gserviceaccount.com"},
    ]);
    let world = json!({
        "organizations": [{"number": 2, "domain": "example.com", "roles": own, "policy": {"bindings": [
            bind("roles/owner", &["user:dev@example.com"]), bind(CREATOR, &["user:dev@example.com"]),
            bind("roles/iam.serviceAccountAdmin", &["user:dev@example.com"]),
            bind("roles/serviceusage.serviceUsageAdmin", &["user:dev@example.com"]),
            bind("roles/iam.organizationRoleAdmin", &["user:dev@example.com"]),
            bind("roles/resourcemanager.organizationAdmin", &["user:dev@example.com"]),
        ]}}],
        "folders": [{"number": 1, "name": "Shop", "parent": "organizations/2"}],
        "projects": [
            {"id": "acme-prod", "number": 415_104_041_262_u64, "parent": "folders/1", "roles": own, "accounts": accounts,
                "disabledServices": [OFF]},
            {"id": "example.com:odd", "number": 7, "parent": "folders/1", "accounts": [{"email": "odd"}]},
            {"id": "p", "number": 8, "parent": "folders/1", "roles": own},
        ],
        "users": [{"email": "dev@example.com", "name": "Dev"}, {"email": "new@example.com", "name": "New"}],
        "groups": [{"email": "all@example.com", "members": []}],
        "callers": [{"principal": "user:dev@example.com", "quotaProject": "acme-prod"}],
        "workspace": {"domains": ["example.com"], "delegations": [{"account": SA, "scopes": [CLOUD]}]},
        "metadata": {"platform": "compute", "project": "acme-prod", "accounts": [{"account": SA, "scopes": [CLOUD]}],
            "instance": {"name": "i", "id": 1, "zone": "europe-west1-b"}},
        "operationPolls": 1,
    });
    World::parse(&world.to_string()).unwrap()
}

/// The emulator and one client of it, which stays the same through all runs.
pub(super) struct Desk {
    emulator: Emulator,
    handle: Handle,
    pub(super) client: Client,
    snapshots: Snapshots,
    records: mpsc::Receiver<Record>,
    bearer: String,
    policy: emulator::Policy,
    /// `127.0.0.1:PORT`, which sentences name.
    pub(super) host: String,
    /// The port while nobody listens there, so that it is given to nobody else.
    kept: Option<TcpSocket>,
}

/// What the emulator saw of a run, or our own record where nobody listens: the method of each request, and its path
/// without the query.
pub(super) type Seen = Vec<(String, String)>;

impl Desk {
    pub(super) async fn new() -> Desk {
        let emulator = Emulator::start(Options { port: 0, world: world() }).await.unwrap();
        let env = Env::from_vars(emulator.env());
        let (sender, records) = mpsc::channel(16_384);
        let source = auth::find(&env, &FindOptions::default());
        let client = Client::new(Settings {
            use_proxy: false,
            records: Some(sender),
            ..Settings::new(Endpoints::new(&env, None).unwrap(), source)
        });
        // The token is there before anything goes wrong: what becomes of its renewal is a table of its own.
        client.get_account(SA).await.unwrap();
        let handle = emulator.handle();
        let bearer = handle.mint("user:dev@example.com", &[CLOUD], 3_600).await.unwrap();
        let policy = handle.policy_of(SA).await.unwrap();
        let host = emulator.addr().to_string();
        let snapshots = Snapshots::in_memory();
        Desk { emulator, handle, client, snapshots, records, bearer, policy, host, kept: None }
    }

    /// Nobody listens any more.
    pub(super) async fn hang_up(&mut self) {
        self.emulator.stop_listening().await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        // A program that another test starts has our listener, too, until it runs.
        let busy = |bound: &std::io::Result<()>| {
            bound.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
        };
        let mut bound = socket.bind(self.emulator.addr());
        for _ in 0..1_000 {
            if !busy(&bound) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
            bound = socket.bind(self.emulator.addr());
        }
        bound.unwrap();
        self.kept = Some(socket);
    }

    pub(super) async fn pick_up(&mut self) {
        self.emulator.listen_again().await.unwrap();
        self.kept = None;
    }

    pub(super) async fn arm(&self, fault: Fault) {
        self.handle.add_fault(fault).await;
    }

    /// Everything that can be asked for, as it can be asked of this world.
    pub(super) async fn calls(&self) -> Vec<Call> {
        let mut calls = contract_tests::samples();
        // These ask nobody.
        calls.retain(|call| !matches!(call, Call::ReadKeys { .. } | Call::ListHistory { .. }));
        let assertion = self.assertion().await;
        let token = Secret::new(self.bearer.clone());
        for call in &mut calls {
            match call {
                Call::ExchangeJwt { assertion: sample, .. } => {
                    *sample = assertion.clone();
                }
                Call::Mint { request } => match &mut request.what {
                    What::SignedJwt { claims, .. } => *claims = r#"{"aud":"x"}"#.into(),
                    What::MetadataAccess { .. } | What::MetadataId { .. } => request.delegates.clear(),
                    // Twelve hours are for those whom the organization allows it.
                    What::AccessToken { lifetime_seconds, .. } => {
                        *lifetime_seconds = (*lifetime_seconds).min(3_600);
                    }
                    _ => {}
                },
                Call::GetTokenFacts { token: sample } => *sample = token.clone(),
                Call::EnableService { service, .. } => *service = OFF.to_owned(),
                _ => {}
            }
        }
        calls.dedup();
        calls
    }

    /// A JWT that the token endpoint takes.
    async fn assertion(&self) -> Secret {
        let at = crate::http::clock::now().as_second();
        let claims = json!({"iss": SA, "sub": "dev@example.com", "scope": CLOUD, "iat": at, "exp": at + 3_600,
            "aud": self.client.endpoints().token_audience()});
        let what = What::SignedJwt { claims: claims.to_string(), lifetime_seconds: None };
        let request = MintRequest { account: SA.into(), delegates: vec![], what };
        flows::mint(&self.client, &request).await.unwrap().secret
    }

    /// Keys and connections that are kept are too old then; nothing else of the client's goes by this clock.
    pub(super) async fn a_day_later() {
        tokio::time::advance(Duration::from_secs(25 * 3_600)).await;
    }

    /// Puts back the permissions of runs change, forgets what the client keeps, and the call as it is to be made now.
    pub(super) async fn prepare(&mut self, call: &Call) -> Call {
        self.handle.clear_faults().await;
        self.client.reset_probing();
        while self.records.try_recv().is_ok() {}
        match call {
            Call::ApplyPolicy { request } => {
                let policy = self.policy.clone();
                assert!(self.handle.set_policy_of(SA, |stored| *stored = policy).await);
                let stored = self.handle.policy_of(SA).await.unwrap();
                let base = Policy::parse(serde_json::to_value(stored).unwrap()).unwrap();
                let to = |member: &str| Triple {
                    role: CREATOR.into(),
                    member: Member::read(member),
                    condition: None,
                };
                let edits =
                    vec![Edit::Grant(to("user:new@example.com")), Edit::Revoke(to("user:dev@example.com"))];
                let request = flows::Request { base, edits, ..(**request).clone() };
                Call::ApplyPolicy { request: Box::new(request) }
            }
            Call::EnableService { .. } if self.is_done(call).await => {
                let path = format!("/v1/projects/acme-prod/services/{OFF}:disable");
                let (status, body) = self.handle.ask("POST", &path, &self.bearer, Some(&json!({}))).await;
                assert_eq!(status, 200);
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let path = format!("/v1/{}", body["name"].as_str().unwrap());
                self.handle.ask("GET", &path, &self.bearer, None).await;
                call.clone()
            }
            other => other.clone(),
        }
    }

    /// Whether what a write was to do is done.
    pub(super) async fn is_done(&self, write: &Call) -> bool {
        match write {
            Call::ApplyPolicy { .. } => {
                let stored = self.handle.policy_of(SA).await.unwrap();
                let mut members = stored.bindings.iter().flat_map(|binding| &binding.members);
                members.any(|member| member == "user:new@example.com")
            }
            _ => {
                let path = format!("/v1/projects/acme-prod/services/{OFF}");
                let (_, body) = self.handle.ask("GET", &path, &self.bearer, None).await;
                String::from_utf8_lossy(&body).contains("\"ENABLED\"")
            }
        }
    }

    /// Makes a call; gives how it ended and what was seen of it, in the order of coming.
    pub(super) async fn make(&mut self, call: Call) -> (Result<Reply, ApiError>, Seen) {
        self.handle.forget_requests().await;
        let mut parts = |_: Part| ();
        let reply = perform(&self.client, &self.snapshots, call, &mut parts).await;
        let log = self.handle.request_log().await;
        assert!(log.len() < 10_000, "older requests are no longer in it");
        let mut seen: Seen = log.into_iter().map(|served| (served.method, served.path)).collect();
        if self.kept.is_some() {
            while let Ok(record) = self.records.try_recv() {
                let times = record.latency.map_or(0, |_| record.tries) as usize;
                let path = record.path.split('?').next().unwrap_or_default().to_owned();
                let request = (record.call.into_owned(), path);
                seen.extend(std::iter::repeat_n(request, times));
            }
        }
        (reply, seen)
    }
}
