//! A sample for every operation that makes requests, with and without what is optional.

use std::collections::BTreeMap;

use super::answers;
use crate::{
    api::oauth,
    flows,
    model::{
        account::{AccountRef, UniqueId},
        caller::Caller,
        condition::Condition,
        credential::{MintRequest, Payload, What},
        denial::{Refusal, RequestContext},
        member::Member,
        permission::{GET_ACCESS_TOKEN, SIGN_JWT},
        policy::{Policy, Triple, edit::Edit},
        secret::Secret,
        signed_url::SignedUrl,
    },
    ops::Call,
};
use impersona_emulator::names::CREATOR;

/// Values of an enumeration, by pattern: a variant without a pattern does not compile, and a pattern without a sample of
/// its own panics.
macro_rules! every {
    ($kind:ty: $($pattern:pat => $some:expr),+ $(,)?) => {{
        fn _every_variant(one: &$kind) {
            match one {
                $($pattern => {}),+
            }
        }
        let mut all: Vec<$kind> = Vec::new();
        $({
            let some = $some;
            assert!(!some.is_empty() && some.iter().all(|one: &$kind| matches!(one, $pattern)), "{}", stringify!($pattern));
            all.extend(some);
        })+
        all
    }};
}
pub(crate) use every;

const SA: &str = "sa@acme-prod.iam.gserviceaccount.com";
const DEFAULT_SA: &str = "1-compute@developer.gserviceaccount.com";
const UNIQUE_ID: &str = "109300000000000000001";

fn delegates() -> Vec<String> {
    vec!["a@acme-prod.iam.gserviceaccount.com".into(), "b@acme-prod.iam.gserviceaccount.com".into()]
}

/// Everything that can be asked for.
pub(crate) fn samples() -> Vec<Call> {
    let account = || SA.to_owned();
    every!(Call:
        Call::ListAccounts { .. } => {
            ["acme-prod", "example.com:odd"].map(|id| Call::ListAccounts { project: id.into() })
        },
        Call::GetAccount { .. } => {
            [SA, UNIQUE_ID].map(|name| Call::GetAccount { account: name.into() })
        },
        Call::ListKeys { .. } => [Call::ListKeys { account: account() }],
        Call::TestPermissions { .. } => [Call::TestPermissions { account: account() }],
        Call::Mint { .. } => {
            requests().into_iter().map(|request| Call::Mint { request }).collect::<Vec<_>>()
        },
        Call::ExchangeJwt { .. } => [Call::ExchangeJwt {
            request: request(What::Delegated { subject: "dev@example.com".into(), scopes: vec!["https://s".into()] }, &[]),
            assertion: Secret::new("eyJh.e30.c2ln"),
        }],
        Call::SearchProjects {} => [Call::SearchProjects {}],
        Call::GetProject { .. } => {
            ["acme-prod", "415104041262"].map(|id| Call::GetProject { project: id.into() })
        },
        Call::GetAncestors { .. } => {
            [Call::GetAncestors { parent: "folders/1".into() }]
        },
        Call::IdentifyCaller {} => [Call::IdentifyCaller {}],
        Call::GetTokenFacts { .. } => [Call::GetTokenFacts { token: Secret::new("ya29.x") }],
        Call::GetSigningKeys { source: oauth::KeySource::Google } => {
            [Call::GetSigningKeys { source: oauth::KeySource::Google }]
        },
        Call::GetSigningKeys { source: oauth::KeySource::Account(_) } => {
            [Call::GetSigningKeys { source: oauth::KeySource::Account(account()) }]
        },
        Call::GetSigningKeys { source: oauth::KeySource::Certificates(_) } => {
            [Call::GetSigningKeys { source: oauth::KeySource::Certificates(account()) }]
        },
        Call::GetPolicy { .. } => [Call::GetPolicy { account: account() }],
        // Of one the name does not tell the project.
        Call::ListGrantableRoles { .. } => [SA, DEFAULT_SA]
            .map(|name| Call::ListGrantableRoles { account: name.into() }),
        Call::GetRole { .. } => ["roles/viewer", "projects/p/roles/own", "organizations/2/roles/own"]
            .map(|name| Call::GetRole { name: name.into() }),
        Call::LintCondition { .. } => [SA, DEFAULT_SA].map(|name| {
            Call::LintCondition {
                account: name.into(),
                condition: Condition::new("t", "true").described("why"),
            }
        }),
        Call::GetMachine {} => [Call::GetMachine {}],
        Call::GetInherited { .. } => {
            [Call::GetInherited { account_project: "acme-prod".into() }]
        },
        Call::ApplyPolicy { .. } => [change()],
        Call::Scan { .. } => {
            [flows::Question::Permissions, flows::Question::Policy].map(|question| {
                Call::Scan { accounts: [SA.to_owned(), UNIQUE_ID.to_owned()].into(), question }
            })
        },
        Call::WatchGrant { .. } => [Call::WatchGrant {
            account: account(),
            permissions: vec![GET_ACCESS_TOKEN],
        }],
        Call::CheckChain { .. } => [Call::CheckChain {
            account: account(),
            delegates: delegates(),
            permission: SIGN_JWT,
        }],
        Call::ProbeChain { .. } => [Call::ProbeChain {
            account: account(),
            delegates: delegates(),
            permission: GET_ACCESS_TOKEN,
        }],
        Call::EnableService { .. } => ["acme-prod", "projects/415104041262"].map(|project| {
            let service = "iamcredentials.googleapis.com".into();
            Call::EnableService { project: project.into(), service }
        }),
        Call::Examine { .. } => refusals().map(|refusal| {
            let caller = Caller { principal: Some("dev@example.com".into()), kind: "user".into(), ..Caller::default() };
            Call::Examine { refusal: Box::new(refusal), caller: Some(Box::new(caller)), deep: true }
        }),
        // These two ask nobody.
        Call::ReadKeys { .. } => {
            [Call::ReadKeys { path: concat!(env!("CARGO_MANIFEST_DIR"), "/LICENSE").into() }]
        },
        Call::ListHistory { .. } => {
            [Call::ListHistory { account: AccountRef::read(SA), unique_id: None }]
        },
    )
}

fn request(what: What, delegates: &[String]) -> MintRequest {
    MintRequest { account: SA.into(), delegates: delegates.to_vec(), what }
}

/// Every kind that is minted, each with and without delegates.
fn requests() -> Vec<MintRequest> {
    let url = SignedUrl {
        method: "GET".into(),
        bucket: "bucket".into(),
        object: "a b".into(),
        expires_seconds: 60,
        headers: vec![],
        query: vec![],
        virtual_host: false,
    };
    let scopes = || vec!["https://www.googleapis.com/auth/cloud-platform".to_owned(), "openid".to_owned()];
    let audience = || "https://a.example".to_owned();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/LICENSE");
    let kinds = every!(What:
        What::AccessToken { .. } => [1, 43_200].map(|lifetime_seconds| What::AccessToken { scopes: scopes(), lifetime_seconds }),
        What::IdToken { .. } => [(true, true), (true, false), (false, false)].map(|(include_email, organization_number)| {
            What::IdToken { audience: audience(), include_email, organization_number }
        }),
        What::SignedJwt { .. } => [None, Some(600)]
            .map(|lifetime_seconds| What::SignedJwt { claims: r#"{"aud":"x"}"#.into(), lifetime_seconds }),
        What::SignedBlob(_) => [
            What::SignedBlob(Payload::Bytes(vec![0xfb, 0xff, 0x00])),
            What::SignedBlob(Payload::Bytes(vec![0xfb, 0xff])),
            What::SignedBlob(Payload::File(file.into())),
        ],
        What::SignedUrl(_) => [What::SignedUrl(url)],
        What::MetadataAccess { .. } => [vec![], scopes()].map(|scopes| What::MetadataAccess { scopes }),
        What::MetadataId { .. } => [(false, false), (true, true)]
            .map(|(full, licenses)| What::MetadataId { audience: audience(), full, licenses }),
        // Minted by an exchange only.
        What::Delegated { .. } => [What::Delegated { subject: "dev@example.com".into(), scopes: scopes() }],
    );
    let minted = kinds.into_iter().filter(|what| !matches!(what, What::Delegated { .. }));
    minted.flat_map(|what| [request(what.clone(), &[]), request(what, &delegates())]).collect()
}

/// A change of a policy that has conditions, audit configurations and an etag.
fn change() -> Call {
    let base = Policy::parse(answers::policy()).unwrap();
    let to = |member: &str| Triple { role: CREATOR.into(), member: Member::read(member), condition: None };
    let until = Condition::new("until", "request.time < timestamp('2099-01-01T00:00:00Z')");
    let edits = vec![
        Edit::Grant(to("user:new@example.com")),
        Edit::Grant(Triple { condition: Some(until), ..to("group:new@example.com") }),
        Edit::Revoke(to("user:dev@example.com")),
    ];
    let mode = flows::Mode::Once;
    Call::ApplyPolicy {
        request: Box::new(flows::Request {
            account: AccountRef::read(SA),
            unique_id: UniqueId::read(UNIQUE_ID),
            base,
            edits,
            mode,
        }),
    }
}

/// Refusals that lead the doctor to each thing that it can look at.
fn refusals() -> [Refusal; 6] {
    let denied = |resource: &str, delegates: Vec<String>| Refusal {
        status: 403,
        code: "PERMISSION_DENIED".into(),
        reason: Some("IAM_PERMISSION_DENIED".into()),
        domain: Some("iam.googleapis.com".into()),
        metadata: BTreeMap::from([("permission".to_owned(), GET_ACCESS_TOKEN.name.to_owned())]),
        asked: RequestContext { resource: resource.into(), delegates, ..RequestContext::default() },
        ..Refusal::default()
    };
    let disabled = Refusal {
        reason: Some("SERVICE_DISABLED".into()),
        domain: Some("googleapis.com".into()),
        metadata: BTreeMap::from([
            ("consumer".to_owned(), "projects/415104041262".to_owned()),
            ("service".to_owned(), "iam.googleapis.com".to_owned()),
        ]),
        ..denied(SA, vec![])
    };
    let gone = Refusal {
        status: 404,
        code: "NOT_FOUND".into(),
        reason: None,
        metadata: BTreeMap::new(),
        ..denied(SA, vec![])
    };
    [
        denied(SA, vec![]),
        denied(UNIQUE_ID, vec![]),
        denied(SA, delegates()),
        denied("projects/acme-prod", vec![]),
        disabled,
        gone,
    ]
}
