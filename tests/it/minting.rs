//! Every kind of credential through the flow that the screen and the command line share, against the emulator: what
//! is checked afterwards, and what is said about it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::time::Duration;

use impersona::{
    api::{Client, Settings},
    auth::{self, FindOptions},
    flows,
    http::{ErrorKind, endpoints::Endpoints},
    local::env::Env,
    model::{
        chain::HopState,
        claims::TEMPLATES,
        credential::{Credential, MintRequest, Payload, What},
        jwt::State,
        permission::{GET_ACCESS_TOKEN, GET_OPEN_ID_TOKEN},
        signed_url::SignedUrl,
    },
};
use impersona_emulator::{
    Delivery, Emulator, Fault, Options, Outcome, World,
    names::{RELAY_A, RELAY_B, VAULT},
};
use serde_json::Value;

use crate::support::{DEPLOYER, access, assert_sentence, client, client_with, emulator};

const STORAGE: &str = "https://www.googleapis.com/auth/devstorage.read_only";

fn request(what: What) -> MintRequest {
    MintRequest { what, ..access(DEPLOYER, &[]) }
}

fn jwt(template: usize) -> MintRequest {
    let claims = TEMPLATES[template].claims(DEPLOYER).replace("user@example.com", "alice@example.com");
    request(What::SignedJwt { claims, lifetime_seconds: Some(600) })
}

fn blob() -> MintRequest {
    request(What::SignedBlob(Payload::Bytes(b"hello".to_vec())))
}

fn url() -> MintRequest {
    request(What::SignedUrl(SignedUrl {
        method: "GET".into(),
        bucket: "acme-drop".into(),
        object: "report 1.csv".into(),
        expires_seconds: 50_000,
        headers: vec![],
        query: vec![],
        virtual_host: false,
    }))
}

#[track_caller]
fn verdict(credential: &Credential) -> (State, &str) {
    let signed = credential.signed.as_ref().expect("it is signed");
    (signed.verdict.state, signed.verdict.reason.as_str())
}

/// The example organization with something else in it.
async fn world(change: impl FnOnce(&mut Value)) -> Emulator {
    let mut world: Value =
        serde_json::from_str(include_str!("../../crates/emulator/assets/world.json")).unwrap();
    change(&mut world);
    let world = World::parse(&world.to_string()).unwrap();
    Emulator::start(Options { port: 0, world }).await.unwrap()
}

// Signatures.

#[tokio::test]
async fn what_an_account_signs_is_verified_with_its_published_keys() {
    let emulator = emulator().await;
    let client = client(&emulator);
    for request in [jwt(0), blob(), url()] {
        let credential = flows::mint(&client, &request).await.unwrap();
        let (state, reason) = verdict(&credential);
        assert_eq!(state, State::Verified, "{reason}");
        assert!(reason.contains("the published keys of deployer@acme-prod"), "{reason}");
        let signed = credential.signed.unwrap();
        let days = (signed.key_ends.unwrap().as_second() - credential.minted.as_second()) / 86_400;
        assert!((1..40).contains(&days), "the key's certificate ends in {days} days");
    }
}

#[tokio::test]
async fn a_signature_of_an_account_whose_keys_cannot_be_read_is_not_checked_and_still_given() {
    let emulator = emulator().await;
    let fault = Fault::on("certs.x509").outcome(Outcome::Answer { status: 404, body: None });
    emulator.handle().add_fault(fault).await;
    let credential = flows::mint(&client(&emulator), &blob()).await.unwrap();
    let (state, reason) = verdict(&credential);
    assert_eq!(state, State::NotChecked, "{reason}");
    assert!(!credential.secret.is_empty());
}

#[tokio::test]
async fn a_file_is_read_when_it_is_signed_and_what_is_wrong_with_it_is_a_sentence() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("artifact");
    let file = request(What::SignedBlob(Payload::File(path.clone())));
    let error = flows::mint(&client, &file).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_sentence(&error);

    std::fs::write(&path, "hello").unwrap();
    let one = flows::mint(&client, &file).await.unwrap();
    let other = flows::mint(&client, &blob()).await.unwrap();
    assert_eq!(one.secret, other.secret, "the same bytes have the same signature");
    assert_eq!((verdict(&one).0, &one.request), (State::Verified, &file));

    std::fs::write(&path, vec![0; 4 * 1024 * 1024 + 1]).unwrap();
    assert!(flows::mint(&client, &file).await.unwrap_err().sentence().contains("4 MiB"));
    let folder = request(What::SignedBlob(Payload::File(folder.path().into())));
    assert_sentence(&flows::mint(&client, &folder).await.unwrap_err());
}

#[tokio::test]
async fn a_url_that_may_outlive_its_key_says_so() {
    let emulator = emulator().await;
    let credential = flows::mint(&client(&emulator), &url()).await.unwrap();
    let said = credential.remarks.join(" ");
    assert!(said.contains("can't be revoked") && said.contains("over 12h"), "{said}");
    assert!(said.contains("storage.objects.get"), "{said}");
    assert!(credential.secret.expose().contains("/acme-drop/report%201.csv?X-Goog-Algorithm="));
}

// Domain-wide delegation.

#[tokio::test]
async fn a_jwt_is_exchanged_for_the_token_of_a_workspace_user() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let signed = flows::mint(&client, &jwt(1)).await.unwrap();
    let scopes = vec!["https://www.googleapis.com/auth/drive.readonly".to_owned()];
    let wish = request(What::Delegated { subject: "alice@example.com".into(), scopes: scopes.clone() });
    let token = client.exchange(&wish, &signed.secret).await.unwrap();
    assert_eq!(client.token_facts(&token.secret).await.unwrap().scopes, scopes);
    assert!(token.expires.is_some());
}

#[tokio::test]
async fn what_workspace_refuses_is_explained() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let try_with = async |find: &str, put: &str| {
        let MintRequest { what: What::SignedJwt { claims, lifetime_seconds }, .. } = jwt(1) else {
            panic!("a JWT")
        };
        let claims = claims.replace(find, put);
        let (subject, scopes) = impersona::model::claims::delegation(&claims).unwrap();
        let signed =
            flows::mint(&client, &request(What::SignedJwt { claims, lifetime_seconds })).await.unwrap();
        let wish = request(What::Delegated { subject, scopes });
        let error = client.exchange(&wish, &signed.secret).await.unwrap_err();
        assert_sentence(&error);
        format!("{} {}", error.sentence(), error.next().unwrap_or_default())
    };
    let scope = try_with("drive.readonly", "gmail.modify").await;
    assert!(scope.contains("Domain-wide delegation") && scope.contains("gmail.modify"), "{scope}");
    let nobody = try_with("alice@", "nobody-here@").await;
    assert!(nobody.contains("no active user nobody-here@example.com"), "{nobody}");
}

// The metadata server.

fn metadata(scopes: &[&str]) -> MintRequest {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    MintRequest { account: "default".into(), delegates: vec![], what: What::MetadataAccess { scopes } }
}

#[tokio::test]
async fn the_machine_says_who_it_is() {
    let emulator = emulator().await;
    let machine = client(&emulator).machine().await.unwrap();
    assert_eq!(machine.project, "acme-prod");
    assert_eq!(machine.accounts[0].aliases, ["default"]);
    assert_eq!(machine.accounts.len(), 2);
}

#[tokio::test]
async fn scopes_are_compared_afterwards_and_what_a_machine_did_with_them_is_said() {
    for (platform, said) in
        [("compute", "ignored, as on Compute Engine"), ("serverless", "has the requested scopes")]
    {
        let emulator = world(|world| {
            world["metadata"]["platform"] = platform.into();
            if platform != "compute" {
                world["metadata"].as_object_mut().unwrap().remove("instance");
            }
        })
        .await;
        let client = client(&emulator);
        let credential = flows::mint(&client, &metadata(&[STORAGE])).await.unwrap();
        assert!(credential.remarks[0].contains(said), "{platform}: {:?}", credential.remarks);
        assert_eq!(
            (credential.request.account.as_str(), credential.account()),
            ("default", "api@acme-prod.iam.gserviceaccount.com")
        );
        assert!(credential.remaining(credential.minted).is_some_and(|left| left > 0));
        let plain = flows::mint(&client, &metadata(&[])).await.unwrap();
        assert_eq!(plain.remarks, Vec::<String>::new(), "nothing was asked for, nothing is compared");
    }
}

#[tokio::test]
async fn without_a_metadata_server_that_is_said_without_waiting_for_one() {
    // A port that takes connections and never answers: the worst case.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = silent.local_addr().unwrap().to_string();
    let env = Env::from_vars([("GCE_METADATA_HOST", host.as_str())]);
    let source = auth::find(&env, &FindOptions::default());
    let mut settings = Settings::new(Endpoints::new(&env, None).unwrap(), source);
    // Nothing but the patience with metadata servers ends it.
    settings.timeout = Duration::from_secs(3_600);
    let client = Client::new(settings);
    let wish = metadata(&[]);
    let mint = flows::mint(&client, &wish);
    let error = tokio::time::timeout(Duration::from_secs(20), mint).await.expect("it ends").unwrap_err();
    let said = format!("No metadata server responds at {host} (set by GCE_METADATA_HOST).");
    assert_eq!(error.sentence(), said);
}

#[tokio::test]
async fn a_server_that_is_not_googles_is_not_believed() {
    let emulator = emulator().await;
    // It says 200 and looks right, but for the flavour.
    let fault = Fault::on("metadata.read").delivery(Delivery::Html { status: 200 });
    emulator.handle().add_fault(fault).await;
    let error = client(&emulator).machine().await.unwrap_err();
    assert!(
        error.sentence().contains("doesn't identify itself as Google's metadata server"),
        "{}",
        error.sentence()
    );
}

#[tokio::test]
async fn an_account_that_is_not_attached_is_said_to_be_so() {
    let emulator = emulator().await;
    let request = MintRequest { account: DEPLOYER.into(), ..metadata(&[]) };
    let error = flows::mint(&client(&emulator), &request).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.sentence().contains("isn't attached"), "{}", error.sentence());
}

// Chains.

#[tokio::test]
async fn each_hop_of_a_chain_is_looked_at_where_it_can_be_seen() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let delegates = vec![RELAY_A.to_owned(), RELAY_B.to_owned()];
    let hops = flows::check_chain(&client, VAULT, &delegates, GET_ACCESS_TOKEN).await;
    assert_eq!(hops.len(), 3);
    assert_eq!(hops[0].state, HopState::Yes("per IAM".into()));
    assert!(
        matches!(&hops[1].state, HopState::Yes(how) if how.contains("serviceAccountTokenCreator")),
        "{:?}",
        hops[1]
    );
    assert!(
        matches!(&hops[2].state, HopState::Yes(how) if how.contains("serviceAccountTokenCreator")),
        "{:?}",
        hops[2]
    );

    let wrong_way = vec![RELAY_B.to_owned(), RELAY_A.to_owned()];
    let hops = flows::check_chain(&client, VAULT, &wrong_way, GET_ACCESS_TOKEN).await;
    assert!(matches!(hops[0].state, HopState::No(_)), "{:?}", hops[0]);
    assert!(!matches!(hops[1].state, HopState::Yes(_)), "{:?}", hops[1]);
}

#[tokio::test]
async fn a_chain_is_probed_hop_by_hop_and_stops_at_the_first_refusal() {
    let emulator = emulator().await;
    let client = client_with(&emulator, |_| {});
    let through = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let probe =
        async |delegates: &[&str], last| flows::probe_chain(&client, VAULT, &through(delegates), last).await;
    let hops = probe(&[RELAY_A, RELAY_B], GET_ACCESS_TOKEN).await;
    assert!(
        hops.iter().all(|hop| matches!(&hop.state, HopState::Yes(how) if how.contains("test mint"))),
        "{hops:?}"
    );
    // relay-a may not mint for the vault itself, which says nothing against you and relay-a.
    let hops = probe(&[RELAY_A], GET_ACCESS_TOKEN).await;
    assert!(
        matches!(hops[0].state, HopState::Yes(_)) && matches!(hops[1].state, HopState::No(_)),
        "{hops:?}"
    );
    // You may not delegate through relay-b: nothing behind it is tried.
    let hops = probe(&[RELAY_B, RELAY_A], GET_ACCESS_TOKEN).await;
    assert!(matches!(hops[0].state, HopState::No(_)), "{hops:?}");
    // What only an ID token needs is not tried by an access token: the reading stands.
    let read = flows::check_chain(&client, VAULT, &through(&[RELAY_A]), GET_OPEN_ID_TOKEN).await;
    let hops = probe(&[RELAY_A], GET_OPEN_ID_TOKEN).await;
    assert_eq!(hops[1].state, read[1].state);
    let log = emulator.handle().request_log().await;
    let mints = log.iter().filter(|served| served.method == "iamcredentials.generateAccessToken").count();
    assert_eq!(mints, 2 + 1 + 1 + 1);
}
