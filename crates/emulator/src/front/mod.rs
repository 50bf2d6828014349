//! Google's front end, which every request passes before an API. It refuses with an HTML page, not with JSON.
//! It owns hosts, verbs, sizes and the headers of every answer, and knows no methods.
//!
//! It does what was seen at Google. Limits of size, which Google does not publish, are documented choices.

mod authority;
mod demands;
mod headers;
mod hosts;
mod proxy;
mod verb;

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State as Shares};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use tower_http::compression::CompressionLayer;

use super::connection::ConnectionCutter;
use super::reply;
use super::routes::{self, FromGoogle, payload};
use super::state::Shared;
pub(crate) use authority::Authority;
pub(crate) use hosts::Host;
use hosts::Misdirected;
pub(crate) use proxy::Proxy;
pub(crate) use verb::Parameters;

/// The front end of one emulator.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) shared: Arc<Shared>,
    /// How tunnels end, if it is a proxy.
    pub(crate) proxy: Option<Proxy>,
}

impl Front {
    /// Everything that is served over one connection.
    pub(crate) fn router(self) -> Router {
        let compressed = CompressionLayer::new().gzip(true).compress_when(headers::MayBeCompressed);
        Router::new().fallback(serve).with_state(self).layer(compressed)
    }
}

async fn serve(
    Shares(front): Shares<Front>,
    ConnectInfo(cutter): ConnectInfo<ConnectionCutter>,
    request: Request,
) -> Response {
    if request.method() == Method::CONNECT {
        return proxy::connect(&front, cutter, request).await;
    }
    let tunnel = request.extensions().get::<Host>().copied();
    let (mut parts, body) = request.into_parts();
    // Even if the request is refused: a connection with half a body in it cannot carry the next request.
    let mut body = payload::read_body(body).await;
    let is_whole = body.is_ok();
    let mut response = match hosts::find_host(&parts, tunnel) {
        Err(Misdirected::Several) => reply::page(StatusCode::BAD_REQUEST, parts.uri.path()),
        Err(Misdirected::Elsewhere) => {
            reply::plain(StatusCode::FORBIDDEN, "The emulator serves only requests for a loopback host.\n")
        }
        Ok(host) => {
            let (path, version) = (parts.uri.path().to_owned(), parts.version);
            let refusal = match demands::is_googles(&path) {
                true => {
                    let unsized_http2 = front.shared.state.lock().await.behaviour.unsized_http2;
                    demands::find_refusal(&parts, &body, unsized_http2)
                        .or_else(|| verb::stand_for(&mut parts, &mut body).err())
                }
                false => None,
            };
            let mut response = match refusal {
                Some(page) => logged(&front.shared, path, page).await,
                None => {
                    verb::head_as_get(&mut parts);
                    routes::serve(&front.shared, &cutter, parts, body, host).await
                }
            };
            headers::dress(&mut response, version, host);
            response
        }
    };
    if !is_whole {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Logs a request that reached no method.
async fn logged(shared: &Shared, path: String, mut response: Response) -> Response {
    response.extensions_mut().insert(FromGoogle { fault_applied: false });
    let status = response.status().as_u16();
    let mut state = shared.state.lock().await;
    let number = state.arrived(routes::UNROUTED, path);
    state.answered(number, status);
    drop(state);
    routes::dated(response, shared.clock.now())
}
