//! From an upgrade request to a connection's task: may this address come, is the request well
//! formed, is the page welcome, what token did it bring. Refusals of the person go out on the
//! WebSocket (`connection:error` and a close code), because a page cannot see an HTTP status there;
//! refusals of the request go out as HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use engine::gate::Gate;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use protocol::error::{ErrorCode, Refusal};
use protocol::limits::Limits;
use protocol::outbox;
use protocol::plain::handshake::{PROTOCOL, credentials};
use protocol::time::Wall;
use protocol::ws::{self, Ws, handshake};
use tokio::net::TcpStream;

use super::guest::{Checked, Guard, in_time};
use super::http::{Http, error_body, refusal};
use super::listener::Place;
use super::plain::{Entry, Here, Plain};
use super::socket::{Door, Socket};
use crate::core::conn::{Conn, Dialect};

/// When a client that comes while the server drains should come again, milliseconds.
const DRAIN_RETRY_MS: u64 = 2_000;

/// Whether the page that asks may connect, by the headers `Origin` and `Host` (D6).
pub type Welcome = dyn Fn(&HeaderMap) -> bool + Send + Sync;

/// What the doors are built with.
pub(crate) struct Doors {
    pub(crate) guard: Arc<dyn Guard>,
    pub(crate) welcome: Arc<Welcome>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) outbox: outbox::Limits,
    pub(crate) gate: Mutex<Gate>,
    /// Set when the server drains: nobody new.
    pub(crate) closing: AtomicBool,
}

/// Which door a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DoorKind {
    Plain,
    #[cfg(feature = "conformance")]
    Echo,
}

impl Doors {
    /// The door of a path.
    pub(crate) fn of(&self, path: &str) -> Option<DoorKind> {
        match path {
            "/ws" => Some(DoorKind::Plain),
            #[cfg(feature = "conformance")]
            "/conformance/echo" => Some(DoorKind::Echo),
            _ => None,
        }
    }

    fn ws(&self) -> Ws {
        Ws::new(ws::Limits {
            frame_bytes_max: self.limits.message_bytes,
            message_bytes_max: self.limits.message_bytes,
            unfinished_ms_max: self.limits.message_timeout_ms,
            ..ws::Limits::default()
        })
    }
}

/// Answers an upgrade request; on 101 the connection's task is started once hyper lets go of the
/// socket.
pub(crate) fn answer(
    http: &Arc<Http>,
    kind: DoorKind,
    mut request: Request<Incoming>,
    peer: SocketAddr,
    place: Arc<Place>,
) -> Response<Body> {
    let core = &http.core;
    let now = core.clock().now();
    if let Err(retry_ms) = http.doors.gate.lock().handshake(now.mono, peer.ip()) {
        core.counters().handshake_limited.add(1);
        let code = ErrorCode::RateLimited;
        return refusal(StatusCode::TOO_MANY_REQUESTS, code, Some(retry_ms));
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let headers = request.headers();
    let lines = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    let is_1_1 = request.version() == http::Version::HTTP_11;
    let shake = match handshake::check(request.method().as_str(), is_1_1, lines) {
        Ok(shake) => shake,
        Err(refused) => {
            core.counters().handshake_malformed.add(1);
            return malformed(refused);
        }
    };
    let (entry, chosen) = entry(http, &request, &shake, now.wall);
    let response = switching(shake.accept(), chosen);
    tokio::spawn(open(Arc::clone(http), kind, upgrade, entry, place));
    response
}

fn malformed(refused: handshake::Refused) -> Response<Body> {
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = error_body(status, refused.code(), &refused.to_string(), None);
    for &(name, value) in refused.headers() {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn switching(accept: &str, protocol: Option<&'static str>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = protocol {
        let value = HeaderValue::from_static(protocol);
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
    }
    response
}

/// What the request says about who comes, and the subprotocol to answer with.
fn entry(
    http: &Http,
    request: &Request<Incoming>,
    shake: &handshake::Handshake<'_>,
    now: Wall,
) -> (Entry, Option<&'static str>) {
    let doors = &http.doors;
    let offered = shake.protocols.contains(&PROTOCOL).then_some(PROTOCOL);
    if doors.closing.load(Ordering::Acquire) {
        let refusal = Refusal::new(ErrorCode::Draining).retry_after(DRAIN_RETRY_MS);
        return (Entry::Refused(refusal), offered);
    }
    if !(doors.welcome)(request.headers()) {
        let refusal = ErrorCode::OriginNotAllowed.into();
        return (Entry::Refused(refusal), offered);
    }
    let header = request.headers().get(header::AUTHORIZATION);
    let header = match header.map(HeaderValue::to_str) {
        Some(Err(_)) => {
            let refusal = ErrorCode::TokenInvalid.into();
            return (Entry::Refused(refusal), offered);
        }
        Some(Ok(text)) => Some(text),
        None => None,
    };
    let found = match credentials(header, &shake.protocols, request.uri().query()) {
        Ok(found) => found,
        Err(refusal) => return (Entry::Refused(refusal), offered),
    };
    let entry = match found.token {
        None => Entry::Unknown,
        Some(token) => match doors.guard.check(&token, now) {
            Checked::Now(verdict) => Entry::of(verdict),
            Checked::Later(later) => Entry::Judged(later),
        },
    };
    (entry, found.protocol)
}

/// Takes the socket over from hyper and starts a task of its own for it, so that an idle
/// connection does not keep the handshake's future.
async fn open(
    http: Arc<Http>,
    kind: DoorKind,
    upgrade: OnUpgrade,
    entry: Entry,
    place: Arc<Place>,
) {
    let Ok(upgraded) = upgrade.await else {
        return;
    };
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
        tracing::error!("an upgraded socket is not ours");
        return;
    };
    let entry = match entry {
        Entry::Judged(later) => Entry::of(in_time(later).await),
        entry => entry,
    };
    let (read, write) = parts.io.into_inner().into_split();
    let doors = &http.doors;
    let core = Arc::clone(&http.core);
    let conn = Conn::new(core.conns().name(), Dialect::Plain, write, doors.outbox);
    let here = Here {
        core: &core,
        conn: &conn,
        now: core.clock().now(),
    };
    let door = match kind {
        DoorKind::Plain => Door::Plain(Plain::new(Arc::clone(doors), here, entry)),
        #[cfg(feature = "conformance")]
        DoorKind::Echo => Door::Echo,
    };
    let timeout = doors.limits.write_timeout_ms;
    let mut socket = Socket::new(core, conn, read, (doors.ws(), door), timeout, place);
    socket.begin(&parts.read_buf);
    tokio::spawn(socket);
}
