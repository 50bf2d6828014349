//! Carries faults out: refusals that the world states, and answers that are slow, cut, endless or malformed.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Map, Value};

use super::Route;
use crate::connection::ConnectionCutter;
use crate::error::{Failure, FaultContext};
use crate::fault::{Delivery, Fault, Outcome};
use crate::reply;

/// How many bytes come at a time when an answer drips.
const DROP: usize = 16;

/// How large a gzip bomb is on the wire, and to what it grows: each 13 bytes of it are 2,064.
const BOMB: usize = 4 * 1024 * 1024;

/// The refusal that a fault states, if it is that kind of fault.
pub(crate) fn find_refusal(fault: &Fault, route: &Route, context: &FaultContext<'_>) -> Option<Failure> {
    let failure = match &fault.outcome {
        Outcome::EtagConflict if route.name.ends_with("setIamPolicy") => Failure::conflict(),
        Outcome::Error(name) => Failure::named(name, context)?,
        Outcome::Usual if fault.is_quota_alone() => Failure::named("RATE_LIMIT_EXCEEDED", context)?,
        _ => stated(fault)?,
    };
    Some(failure.retry_info(fault.adds.retry_delay_ms))
}

/// The answer that a fault states word for word, if it does.
pub(crate) fn stated(fault: &Fault) -> Option<Failure> {
    let Outcome::Answer { status, body } = &fault.outcome else { return None };
    Some(Failure::verbatim(*status, body.clone().unwrap_or_else(|| Value::Object(Map::new()))))
}

/// Delivers an answer as a fault says, with the headers that it adds whatever becomes of the answer.
pub(crate) async fn deliver(
    fault: &Fault,
    cutter: &ConnectionCutter,
    path: &str,
    answer: impl Future<Output = Response>,
) -> Response {
    let mut response = changed(fault, cutter, path, answer).await;
    if let Some(seconds) = fault.adds.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

async fn changed(
    fault: &Fault,
    cutter: &ConnectionCutter,
    path: &str,
    answer: impl Future<Output = Response>,
) -> Response {
    if fault.adds.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(fault.adds.delay_ms)).await;
    }
    let status = |stated: u16, default| StatusCode::from_u16(stated).unwrap_or(default);
    match &fault.delivery {
        Delivery::Hang => return std::future::pending().await,
        Delivery::ResetBefore => {
            cutter.cut();
            return Response::default();
        }
        Delivery::Html { status: stated } => {
            return reply::page(status(*stated, StatusCode::BAD_GATEWAY), path);
        }
        Delivery::Redirect { status: stated, to } => {
            return redirect(status(*stated, StatusCode::FOUND), to);
        }
        _ => {}
    }
    let mut response = answer.await;
    if let Delivery::Empty { status: stated } = fault.delivery {
        let own = response.status();
        let mut nothing = Response::new(Body::empty());
        *nothing.status_mut() = stated.map_or(own, |stated| status(stated, own));
        return nothing;
    }
    if let Some(Ok(kind)) = fault.adds.content_type.as_deref().map(HeaderValue::from_str) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    match fault.delivery {
        Delivery::ResetAfter => {
            cutter.cut();
            response
        }
        Delivery::Truncate => truncated(response).await,
        Delivery::Half => {
            let (parts, body) = response.into_parts();
            let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
            Response::from_parts(parts, Body::from(whole.slice(..whole.len() / 2)))
        }
        Delivery::Drip { pause_ms } => dripping(response, Duration::from_millis(pause_ms)).await,
        Delivery::Endless => {
            let line = Bytes::from(" ".repeat(64 * 1024));
            json(stream::repeat_with(move || Ok(line.clone())))
        }
        Delivery::GzipBomb => {
            let mut response = json(bomb());
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        }
        _ => response,
    }
}

fn redirect(status: StatusCode, to: &str) -> Response {
    let mut response = reply::html(status, "<HTML><HEAD><TITLE>Moved</TITLE></HEAD></HTML>\n");
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

fn json(body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static) -> Response {
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The first half of a body under the length of the whole: hyper closes the connection when the stream fails.
async fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let start = stream::iter([Ok(half)]);
    let end = stream::once(async {
        // Gives hyper the turn in which it sends the first half.
        tokio::task::yield_now().await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    });
    Response::from_parts(parts, Body::from_stream(start.chain(end)))
}

/// The body in drops, with a pause before each.
async fn dripping(response: Response, pause: Duration) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let drops = stream::unfold(whole, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let drop = rest.split_to(rest.len().min(DROP));
        Some((Ok::<_, std::io::Error>(drop), rest))
    });
    Response::from_parts(parts, Body::from_stream(drops))
}

/// A gzip stream of one space and then ever more copies of the 258 bytes before it: two thirds of a gigabyte in four
/// megabytes, which then break off.
fn bomb() -> impl Stream<Item = std::io::Result<Bytes>> {
    let head = Bytes::from_static(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    // In fixed codes (RFC 1951, 3.2.6): the block's head is 1, 1, 0; a space is 01010000; a copy of length 258 is
    // 11000101 and its distance of one 00000. Thirteen bits in thirteen bytes make eight copies.
    let (start, copy) = ([true, true, false], [true, true, false, false, false, true, false, true]);
    let space = [false, true, false, true, false, false, false, false];
    let copies = copy.into_iter().chain([false; 5]).cycle();
    let bits = start.into_iter().chain(space).chain(copies);
    // The first 11 bits are in the first two bytes; from there on the same 13 bytes come again and again.
    let mut bits = bits.take(15 * 8);
    let start: Vec<u8> =
        (0..15).map(|_| bits.by_ref().take(8).enumerate().map(|(i, bit)| u8::from(bit) << i).sum()).collect();
    let (start, again) = start.split_at(2);
    let bytes = [start, &again.repeat(BOMB / again.len())].concat();
    stream::iter([Ok(head), Ok(Bytes::from(bytes))])
}
