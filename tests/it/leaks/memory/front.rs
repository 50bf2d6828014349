//! A front door as Google's are: TLS 1.3 and HTTP/2, of which the emulator speaks neither. Without it nothing would be
//! known of what those libraries keep.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    body::Bytes,
    http::{Request, Response},
};
use h2::{RecvStream, server::SendResponse};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer, version::TLS13},
};

use crate::support::{EmulatorProcess, Home};

/// What stands for one connection only, and is not passed on.
const HOPS: [&str; 4] = ["host", "connection", "transfer-encoding", "content-length"];

/// Passes on all that it is asked; it ends when dropped.
pub struct Front {
    env: Vec<(String, String)>,
    asked: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Front {
    /// A door in front of an emulator. Who trusts it is told where its certificate is, in the home.
    pub fn of(emulator: &EmulatorProcess, home: &Home) -> Front {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let plain = format!("http://127.0.0.1:{}", emulator.first["port"]);
        let sealed = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut env: Vec<_> =
            emulator.env().into_iter().map(|(name, value)| (name, value.replace(&plain, &sealed))).collect();
        env.push(("SSL_CERT_FILE".into(), home.file("front.pem", pair.cert.pem())));
        let key = PrivateKeyDer::Pkcs8(pair.signing_key.serialize_der().into());
        let mut config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![pair.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let asked = Arc::new(AtomicUsize::new(0));
        runtime.spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), plain, asked.clone()));
        Front { env, asked, _runtime: runtime }
    }

    /// What points others at it.
    pub fn env(&self) -> &[(String, String)] {
        &self.env
    }

    /// How many requests came through it.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, plain: String, asked: Arc<AtomicUsize>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut talks = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        talks.spawn(talk(stream, acceptor.clone(), client.clone(), plain.clone(), asked.clone()));
    }
}

/// One connection. That the other side goes away is no mistake.
async fn talk(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    client: reqwest::Client,
    plain: String,
    asked: Arc<AtomicUsize>,
) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let mut turns = JoinSet::new();
    while let Some(Ok((request, respond))) = connection.accept().await {
        asked.fetch_add(1, Ordering::SeqCst);
        turns.spawn(pass_on(request, respond, client.clone(), plain.clone()));
    }
}

async fn pass_on(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    client: reqwest::Client,
    plain: String,
) {
    let (head, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(Ok(piece)) = body.data().await {
        let _ = body.flow_control().release_capacity(piece.len());
        bytes.extend_from_slice(&piece);
    }
    let url = format!("{plain}{}", head.uri.path_and_query().unwrap());
    let mut headers = head.headers;
    HOPS.iter().for_each(|name| drop(headers.remove(*name)));
    let answer = client.request(head.method, url).headers(headers).body(bytes).send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| !HOPS.contains(&name.as_str())) {
        response = response.header(name, value);
    }
    let body = answer.bytes().await.unwrap();
    // Whoever gave up on the answer does not take it.
    if let Ok(mut stream) = respond.send_response(response.body(()).unwrap(), false) {
        let _ = stream.send_data(body, true);
    }
}
