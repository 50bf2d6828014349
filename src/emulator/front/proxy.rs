//! The emulator as a proxy: a tunnel to a host of Google's ends here, so that clients with compiled-in addresses reach it
//! unchanged. It leads nowhere else.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::task::JoinSet;

use super::super::connection::Scissors;
use super::super::reply;
use super::Front;
use super::authority::Authority;
use super::hosts::{self, Host};

/// What a proxy needs beyond the services themselves.
pub struct Proxy {
    authority: Authority,
    tunnels: Mutex<JoinSet<()>>,
}

impl Proxy {
    /// Makes the authority; `now` is the real time, in seconds since the epoch.
    pub fn new(now: i64) -> io::Result<Proxy> {
        let authority = Authority::make(now).map_err(io::Error::other)?;
        Ok(Proxy { authority, tunnels: Mutex::default() })
    }

    /// The certificate of the authority, as PEM.
    pub fn certificate(&self) -> &str {
        &self.authority.certificate
    }

    /// Ends every tunnel.
    pub fn close(&self) {
        self.tunnels.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

/// Answers a request for a tunnel.
pub fn connect(front: &Front, scissors: Scissors, request: Request) -> Response {
    let Some(proxy) = &front.proxy else {
        return reply::plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "This emulator is not a proxy: start it with --proxy.\n",
        );
    };
    let Some(host) = asked(request.uri()) else {
        let asked = request.uri().to_string().replace(|c: char| !c.is_ascii_graphic(), "");
        let hosts: Vec<String> = hosts::googles().map(|(host, _)| host).collect();
        return reply::plain(
            StatusCode::FORBIDDEN,
            &format!(
                "The emulator's proxy leads to itself alone, not to {asked}. It stands for port 443 of {}.\n",
                hosts.join(", ")
            ),
        );
    };
    let inner = Front { shared: Arc::clone(&front.shared), proxy: None };
    let (acceptor, upgrade) = (proxy.authority.acceptor.clone(), hyper::upgrade::on(request));
    let mut tunnels = proxy.tunnels.lock().unwrap_or_else(PoisonError::into_inner);
    // What has ended is let go of.
    while tunnels.try_join_next().is_some() {}
    tunnels.spawn(async move {
        // A client that goes away, or does not believe the certificate, has ended its tunnel.
        let Ok(upgraded) = upgrade.await else { return };
        let Ok(stream) = acceptor.accept(TokioIo::new(upgraded)).await else { return };
        let router = inner.router().layer(Extension(ConnectInfo(scissors))).layer(Extension(host));
        let service = TowerToHyperService::new(router);
        let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
    });
    Response::new(Body::empty())
}

/// The host of Google's that a tunnel is asked for.
fn asked(uri: &Uri) -> Option<Host> {
    let authority = uri.authority().filter(|authority| authority.port_u16() == Some(443))?;
    hosts::service(authority.host()).map(Host::Google)
}
