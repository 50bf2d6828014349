use super::*;

#[tokio::test]
async fn connections_are_closed_when_asked_and_the_next_request_opens_one_anew() {
    let stays = Turn::Stay(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ACCOUNT}", ACCOUNT.len()));
    let server = Server::start([stays, ok(ACCOUNT)]).await;
    let client = server.client();
    client.get_account("x").await.unwrap();
    client.disconnect().await;
    let closed = async {
        while !server.requests().await.iter().any(|request| request == CLOSED) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), closed).await.expect("it is closed");
    client.get_account("x").await.unwrap();
    assert_eq!(server.requests().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_gave_no_answer_is_not_kept() {
    let server = Server::start([Turn::Stay(String::new()), ok("{}")]).await;
    let http = http(&server, None);
    let error = http.send(&read(None), None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(http.0.direct.lock().await.is_none());
}
