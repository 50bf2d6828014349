//! Carries faults out: refusals that the world states, and answers that are slow, cut, endless or not what they say.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Map, Value};

use super::super::connection::Scissors;
use super::super::error::{Failure, Scene};
use super::super::fault::Fault;
use super::super::reply;
use super::Route;

/// How many bytes come at a time when an answer drips.
const DROP: usize = 16;

/// How large a gzip bomb is on the wire, and to what it grows: each 13 bytes of it are 2,064.
const BOMB: usize = 4 * 1024 * 1024;

/// The refusal that a fault states, if it is that kind of fault.
pub fn refusal(fault: &Fault, route: &Route, scene: &Scene<'_>) -> Option<Failure> {
    let failure = if fault.etag_conflict && route.name.ends_with("setIamPolicy") {
        Failure::conflict()
    } else if let Some(name) = &fault.error {
        Failure::named(name, scene)?
    } else if let Some(failure) = stated(fault) {
        failure
    } else if fault.is_quota_alone() {
        Failure::named("RATE_LIMIT_EXCEEDED", scene)?
    } else {
        return None;
    };
    Some(failure.retry_info(fault.retry_delay_ms))
}

/// The answer that a fault states word for word, if it does.
pub fn stated(fault: &Fault) -> Option<Failure> {
    if (fault.status.is_none() || fault.answers_otherwise()) && fault.body.is_none() {
        return None;
    }
    let body = fault.body.clone().unwrap_or_else(|| Value::Object(Map::new()));
    Some(Failure::verbatim(fault.status.unwrap_or(200), body))
}

/// Carries a fault out around the answer, whatever that becomes: it says when to ask again if the fault does.
pub async fn struck(
    fault: &Fault,
    scissors: &Scissors,
    path: &str,
    answer: impl Future<Output = Response>,
) -> Response {
    let mut response = changed(fault, scissors, path, answer).await;
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

async fn changed(
    fault: &Fault,
    scissors: &Scissors,
    path: &str,
    answer: impl Future<Output = Response>,
) -> Response {
    if fault.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    if fault.hang {
        return std::future::pending().await;
    }
    if fault.reset_before {
        scissors.cut();
        return Response::default();
    }
    let stated = |default: StatusCode| {
        fault.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(default)
    };
    if fault.html {
        return reply::page(stated(StatusCode::BAD_GATEWAY), path);
    }
    if let Some(to) = &fault.redirect {
        return redirect(stated(StatusCode::FOUND), to);
    }
    let mut response = answer.await;
    if fault.reset_after {
        scissors.cut();
    }
    if fault.empty {
        let status = stated(response.status());
        let mut nothing = Response::new(Body::empty());
        *nothing.status_mut() = status;
        return nothing;
    }
    if let Some(Ok(kind)) = fault.content_type.as_deref().map(HeaderValue::from_str) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    if fault.truncate {
        return truncated(response).await;
    }
    if fault.half {
        let (parts, body) = response.into_parts();
        let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        return Response::from_parts(parts, Body::from(whole.slice(..whole.len() / 2)));
    }
    if fault.drip_ms > 0 {
        return dripping(response, Duration::from_millis(fault.drip_ms)).await;
    }
    if fault.endless {
        let line = Bytes::from(" ".repeat(64 * 1024));
        return json(stream::repeat_with(move || Ok(line.clone())));
    }
    if fault.gzip_bomb {
        let mut response = json(bomb());
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        return response;
    }
    response
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
