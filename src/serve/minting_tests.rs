use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::*;
use crate::{
    api::testing::{Server, Turn, answer, later, ok},
    http::clock::Stopped,
};

const SA: &str = "sa@acme-prod.iam.gserviceaccount.com";

fn token(name: &str, seconds: i64) -> Turn {
    let ends = now() + jiff::SignedDuration::from_secs(seconds);
    ok(&json!({"accessToken": format!("ya29.c.{name}"), "expireTime": ends.to_string()}).to_string())
}

fn denied() -> Turn {
    let body = r#"{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).","status":"PERMISSION_DENIED"}}"#;
    answer(403, "", body)
}

fn scopes(names: &[&str]) -> Wanted {
    Wanted::Scopes(names.iter().map(|name| format!("https://scope/{name}")).collect())
}

struct Mint {
    server: Server,
    minter: Minter,
    events: mpsc::Receiver<Event>,
    _running: JoinSet<()>,
}

impl Mint {
    async fn start(lifetime_seconds: u32, turns: impl IntoIterator<Item = Turn>) -> Mint {
        let server = Server::start(turns).await;
        let impersonation = Impersonation {
            account: SA.to_owned(),
            delegates: Vec::new(),
            scopes: Vec::new(),
            lifetime_seconds,
        };
        let (sender, events) = mpsc::channel(8);
        let mut running = JoinSet::new();
        let minter = Minter::start(server.client(), impersonation, sender, &mut running);
        Mint { server, minter, events, _running: running }
    }

    /// What a client gets, and how long it is good for.
    async fn get(&self, wanted: Wanted) -> Result<(String, i64), ApiError> {
        let (credential, left) = self.minter.mint(wanted).await?;
        Ok((credential.secret.expose().to_owned(), left))
    }

    async fn mints(&self) -> usize {
        self.server.requests().await.len()
    }
}

fn got(name: &str, left: i64) -> Result<(String, i64), ApiError> {
    Ok((format!("ya29.c.{name}"), left))
}

#[tokio::test]
async fn thousand_askers_at_once_lead_to_one_mint() {
    let _clock = Stopped::now();
    let mint = Mint::start(3_600, [token("one", 3_600)]).await;
    assert_eq!(mint.mints().await, 0, "nothing is minted before it is asked for");
    let all = join_all((0..1_000).map(|_| mint.get(scopes(&["a"])))).await;
    assert!(all.into_iter().all(|one| one == got("one", 3_600)));
    assert_eq!(mint.mints().await, 1);
}

#[tokio::test]
async fn each_set_of_scopes_and_each_audience_is_minted_by_itself() {
    let _clock = Stopped::now();
    let mint = Mint::start(3_600, [token("a", 3_600), token("b", 3_600)]).await;
    assert_eq!(mint.get(scopes(&["x", "y"])).await, got("a", 3_600));
    assert_eq!(mint.get(scopes(&["y", "x"])).await, got("a", 3_600));
    assert_eq!(mint.get(scopes(&["x"])).await, got("b", 3_600));
    // No JWT, so it is discarded; but it was another request.
    assert!(mint.get(Wanted::Audience("https://a".into())).await.is_err());
    let requests = mint.server.requests().await;
    assert!(requests[2].contains(":generateIdToken") && requests[2].contains(r#""includeEmail":true"#));
    assert_eq!(requests.len(), 3);
}

#[tokio::test]
async fn token_is_renewed_when_less_than_six_minutes_are_left() {
    let clock = Stopped::now();
    let mint = Mint::start(3_600, [token("old", 3_600), token("new", 7_200)]).await;
    assert_eq!(mint.get(scopes(&["a"])).await, got("old", 3_600));
    clock.forward(3_240);
    assert_eq!(mint.get(scopes(&["a"])).await, got("old", 360));
    clock.forward(1);
    assert_eq!(mint.get(scopes(&["a"])).await, got("new", 3_959));
}

#[tokio::test]
async fn short_token_is_renewed_at_half_of_its_life() {
    let clock = Stopped::now();
    let mint = Mint::start(300, [token("old", 300), token("new", 500)]).await;
    assert_eq!(mint.get(scopes(&["a"])).await, got("old", 300));
    clock.forward(150);
    assert_eq!(mint.get(scopes(&["a"])).await, got("old", 150));
    clock.forward(1);
    assert_eq!(mint.get(scopes(&["a"])).await, got("new", 349));
}

/// Winds the waits between tries on.
async fn hurry() {
    loop {
        tokio::time::sleep(Duration::from_millis(2)).await;
        later(Duration::from_secs(10)).await;
    }
}

#[tokio::test]
async fn renewal_that_fails_for_a_while_leaves_the_old_token_and_a_denial_does_not() {
    let clock = Stopped::now();
    let mint = Mint::start(3_600, [token("old", 3_600), answer(500, "", "{}")]).await;
    assert_eq!(mint.get(scopes(&["a"])).await, got("old", 3_600));
    clock.forward(3_400);
    let renewed = tokio::select! {
        renewed = mint.get(scopes(&["a"])) => renewed,
        () = hurry() => unreachable!("it goes on for ever"),
    };
    assert_eq!(renewed, got("old", 200));

    let mint = Mint::start(3_600, [token("old", 3_600), denied()]).await;
    assert_eq!(mint.get(scopes(&["a"])).await, got("old", 3_600));
    clock.forward(3_400);
    let error = mint.get(scopes(&["a"])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
}

#[tokio::test]
async fn denial_reaches_all_who_waited_and_is_told_once() {
    let mut mint = Mint::start(3_600, [denied()]).await;
    let all = join_all((0..50).map(|_| mint.get(scopes(&["a"])))).await;
    assert!(all.into_iter().all(|one| one.is_err_and(|error| error.kind == ErrorKind::Denied)));
    assert_eq!(mint.mints().await, 1);
    assert!(mint.get(scopes(&["a"])).await.is_err(), "a later one is asked again");
    assert_eq!(mint.mints().await, 2);
    assert!(matches!(mint.events.try_recv(), Ok(Event::NotMinted { .. })));
    assert!(mint.events.try_recv().is_err());
}

#[tokio::test]
async fn asker_that_goes_away_does_not_stop_the_mint() {
    let _clock = Stopped::now();
    let slow = Turn::Late(
        Duration::from_millis(50),
        match token("one", 3_600) {
            Turn::Say(text) => text,
            _ => unreachable!("it is said at once"),
        },
    );
    let mint = Mint::start(3_600, [slow, denied()]).await;
    // As Ruby's library does after half a second.
    let impatient = tokio::time::timeout(Duration::from_millis(1), mint.get(scopes(&["a"]))).await;
    assert!(impatient.is_err());
    mint.server.asked(1).await;
    assert_eq!(mint.get(scopes(&["a"])).await, got("one", 3_600));
    assert_eq!(mint.mints().await, 1);
}

#[tokio::test]
async fn what_was_minted_for_ever_new_audiences_is_forgotten() {
    let _clock = Stopped::now();
    let mint = Mint::start(3_600, [token("one", 3_600)]).await;
    for number in 0..KEPT + 1 {
        assert!(mint.get(scopes(&[&number.to_string()])).await.is_ok());
    }
    let before = mint.mints().await;
    assert!(mint.get(scopes(&["0"])).await.is_ok());
    assert_eq!(mint.mints().await, before + 1, "the first is minted again");
}
