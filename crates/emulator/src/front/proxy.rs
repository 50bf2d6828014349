//! The emulator as a proxy: it ends tunnels to Google's hosts itself, so that clients with compiled-in
//! addresses reach it unchanged. It forwards nothing.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use futures_util::future::BoxFuture;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Front;
use super::authority::Authority;
use super::hosts::{self, Host};
use crate::connection::ConnectionCutter;
use crate::reply;

#[derive(Clone)]
pub(crate) struct Proxy {
    authority: Arc<Authority>,
    sender: mpsc::Sender<BoxFuture<'static, ()>>,
}

impl Proxy {
    /// A proxy with that authority, and the task that holds its tunnels: they end with it.
    pub(crate) fn new(authority: Arc<Authority>) -> (Proxy, impl Future<Output = ()> + Send + 'static) {
        let (sender, mut receiver) = mpsc::channel::<BoxFuture<'static, ()>>(16);
        let tunnels = async move {
            let mut tunnels = JoinSet::new();
            loop {
                tokio::select! {
                    tunnel = receiver.recv() => match tunnel {
                        Some(tunnel) => drop(tunnels.spawn(tunnel)),
                        None => break,
                    },
                    Some(_) = tunnels.join_next() => {}
                }
            }
        };
        (Proxy { authority, sender }, tunnels)
    }
}

/// Answers a request for a tunnel.
pub(crate) async fn connect(front: &Front, cutter: ConnectionCutter, request: Request) -> Response {
    if request.extensions().get::<Host>().is_some() {
        return reply::plain(StatusCode::METHOD_NOT_ALLOWED, "CONNECT is not supported inside a tunnel.\n");
    }
    let Some(proxy) = &front.proxy else {
        return reply::plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "This emulator is not a proxy: start it with --proxy.\n",
        );
    };
    let Some(host) = requested_host(request.uri()) else {
        let asked = request.uri().to_string().replace(|c: char| !c.is_ascii_graphic(), "");
        let hosts: Vec<String> = hosts::googles().map(|(host, _)| host).collect();
        return reply::plain(
            StatusCode::FORBIDDEN,
            &format!(
                "The emulator's proxy doesn't forward to {asked}. It serves only port 443 of {}.\n",
                hosts.join(", ")
            ),
        );
    };
    let inner = Front { shared: Arc::clone(&front.shared), proxy: None };
    let (acceptor, upgrade) = (proxy.authority.acceptor.clone(), hyper::upgrade::on(request));
    let tunnel = async move {
        // A client that goes away, or does not believe the certificate, has ended its tunnel.
        let Ok(upgraded) = upgrade.await else { return };
        let Ok(stream) = acceptor.accept(TokioIo::new(upgraded)).await else { return };
        let router = inner.router().layer(Extension(ConnectInfo(cutter))).layer(Extension(host));
        let service = TowerToHyperService::new(router);
        let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
    };
    // Fails only while the emulator ends, which ends this connection, too.
    let _ = proxy.sender.send(Box::pin(tunnel)).await;
    Response::new(Body::empty())
}

/// The host of Google's that a tunnel is asked for.
fn requested_host(uri: &Uri) -> Option<Host> {
    let authority = uri.authority().filter(|authority| authority.port_u16() == Some(443))?;
    hosts::service(authority.host()).map(Host::Google)
}
