//! From an upgrade request to a connection's task: may this address come, is the request well
//! formed, is the page welcome, what token did it bring. Refusals of the person go out on the
//! WebSocket (`connection:error` and a close code), because a page cannot see an HTTP status there;
//! refusals of the request go out as HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use bytes::Bytes;
use engine::gate::Gate;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use protocol::dialect::Dialect;
use protocol::error::{ErrorCode, Refusal};
use protocol::limits::Limits;
use protocol::outbox::{self, Frame};
use protocol::plain::handshake::{PROTOCOL, credentials};
use protocol::time::Wall;
use protocol::ws::{self, Ws, handshake};
use tokio::net::TcpStream;

use super::door::Door;
use super::engineio;
use super::guest::{Checked, Guard, in_time};
use super::http::{Http, error_body, refusal};
use super::listener::Place;
use super::peer::{Entry, Here};
use super::plain::Plain;
use super::polling::{Polled, Polls};
use super::probe::Probe;
use super::socket::Socket;
use super::socketio::SocketIo;
use super::swift::Rewound;
use crate::core::conn::{Carrier, Conn};

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
    /// The namespace `/` is let in like `/interview`.
    pub(crate) root_is_alias: bool,
    /// The connections that poll.
    pub(crate) polls: Arc<Polls>,
    /// Serve the suites of the protocols in the place of the product.
    #[cfg(feature = "conformance")]
    pub(crate) conformance: bool,
}

/// Which door a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DoorKind {
    Plain,
    SocketIo,
    #[cfg(feature = "conformance")]
    Mirror,
    #[cfg(feature = "conformance")]
    Echo,
    #[cfg(feature = "conformance")]
    Rooms,
}

/// What a WebSocket is to become.
pub(crate) enum Wanted {
    /// A connection of its own.
    Door(DoorKind),
    /// The carrier of a connection that polls; none if there is none of that name.
    Upgrade(Option<Arc<Polled>>),
}

impl Doors {
    /// The door of a path.
    pub(crate) fn of(&self, path: &str) -> Option<DoorKind> {
        #[cfg(feature = "conformance")]
        if self.conformance {
            return match path {
                "/engine.io" | "/engine.io/" => Some(DoorKind::Echo),
                "/socket.io" | "/socket.io/" => Some(DoorKind::Rooms),
                "/echo" => Some(DoorKind::Mirror),
                _ => None,
            };
        }
        match path {
            "/ws" => Some(DoorKind::Plain),
            "/socket.io" | "/socket.io/" => Some(DoorKind::SocketIo),
            _ => None,
        }
    }

    /// The side of a connection that has just opened.
    pub(crate) fn door(self: &Arc<Self>, kind: DoorKind, here: Here<'_>, entry: Entry) -> Door {
        match kind {
            DoorKind::Plain => Door::Plain(Plain::new(Arc::clone(self), here, entry)),
            DoorKind::SocketIo => {
                Door::SocketIo(Box::new(SocketIo::new(Arc::clone(self), here, entry)))
            }
            #[cfg(feature = "conformance")]
            DoorKind::Mirror => Door::Mirror,
            #[cfg(feature = "conformance")]
            DoorKind::Echo => Door::Echo(Box::new(super::conformance::Echo::new(self, here))),
            #[cfg(feature = "conformance")]
            DoorKind::Rooms => Door::Rooms(Box::new(super::conformance::Rooms::new(self, here))),
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

/// Counts a handshake.
///
/// # Errors
/// The answer if this address has too many.
pub(crate) fn count(http: &Http, peer: SocketAddr) -> Result<(), Box<Response<Body>>> {
    let now = http.core.clock().mono();
    http.doors
        .gate
        .lock()
        .handshake(now, peer.ip())
        .map_err(|retry_ms| {
            http.core.counters().handshake_limited.add(1);
            let code = ErrorCode::RateLimited;
            Box::new(refusal(StatusCode::TOO_MANY_REQUESTS, code, Some(retry_ms)))
        })
}

/// Answers an upgrade request; on 101 the connection's task is started once hyper lets go of the
/// socket.
pub(crate) fn answer(
    http: &Arc<Http>,
    wanted: Wanted,
    mut request: Request<Incoming>,
    peer: SocketAddr,
    place: Arc<Place>,
) -> Response<Body> {
    let core = &http.core;
    let now = core.clock().now();
    if let Err(limited) = count(http, peer) {
        return *limited;
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
    let (entry, chosen) = match &wanted {
        Wanted::Door(_) => entry(http, Asking::of(&request, &shake.protocols), now.wall),
        // Who it is was judged when it opened. What its address still carries may be over by now,
        // and a ticket is.
        Wanted::Upgrade(_) => match unwelcome(http, request.headers()) {
            Some(why) => return not_upgraded(why),
            None => (Entry::Unknown, None),
        },
    };
    let response = switching(shake.accept(), chosen);
    tokio::spawn(open(Arc::clone(http), wanted, upgrade, entry, place));
    response
}

/// Said over HTTP: the connection lives, and its client goes on polling. A WebSocket that is opened
/// and closed again is more than python-engineio can bear.
fn not_upgraded(why: Refusal) -> Response<Body> {
    let status = match why.code {
        ErrorCode::Draining => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::FORBIDDEN,
    };
    refusal(status, why.code, why.retry_after_ms)
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

/// Why nobody may come just now, or no page of this address.
fn unwelcome(http: &Http, headers: &HeaderMap) -> Option<Refusal> {
    let doors = &http.doors;
    if doors.closing.load(Ordering::Acquire) {
        return Some(Refusal::new(ErrorCode::Draining).retry_after(DRAIN_RETRY_MS));
    }
    let welcome = (doors.welcome)(headers);
    (!welcome).then(|| ErrorCode::OriginNotAllowed.into())
}

/// What a request says of who comes.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'r> {
    /// Has its `Origin` and `Host`.
    pub(crate) page: &'r HeaderMap,
    pub(crate) authorization: Option<&'r HeaderValue>,
    /// The subprotocols it offers.
    pub(crate) protocols: &'r [&'r str],
    pub(crate) query: Option<&'r str>,
}

impl<'r> Asking<'r> {
    pub(crate) fn of(request: &'r Request<Incoming>, protocols: &'r [&'r str]) -> Self {
        Self {
            page: request.headers(),
            authorization: request.headers().get(header::AUTHORIZATION),
            protocols,
            query: request.uri().query(),
        }
    }
}

/// Who comes, and the subprotocol to answer with.
pub(crate) fn entry(http: &Http, asking: Asking<'_>, now: Wall) -> (Entry, Option<&'static str>) {
    let doors = &http.doors;
    let offered = asking.protocols.contains(&PROTOCOL).then_some(PROTOCOL);
    if let Some(refusal) = unwelcome(http, asking.page) {
        return (Entry::Refused(refusal), offered);
    }
    let header = match asking.authorization.map(HeaderValue::to_str) {
        Some(Err(_)) => {
            let refusal = ErrorCode::TokenInvalid.into();
            return (Entry::Refused(refusal), offered);
        }
        Some(Ok(text)) => Some(text),
        None => None,
    };
    let found = match credentials(header, asking.protocols, asking.query) {
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

/// Takes the socket over from hyper.
async fn open(
    http: Arc<Http>,
    wanted: Wanted,
    upgrade: OnUpgrade,
    entry: Entry,
    place: Arc<Place>,
) {
    let Ok(upgraded) = upgrade.await else {
        return;
    };
    let Ok(parts) = upgraded.downcast::<TokioIo<Rewound>>() else {
        tracing::error!("an upgraded socket is not ours");
        return;
    };
    let entry = match entry {
        Entry::Judged(later) => Entry::of(in_time(later).await),
        entry => entry,
    };
    let (stream, unread) = parts.io.into_inner().into_parts();
    let early = match unread.is_empty() {
        true => parts.read_buf,
        // Hyper read less than had come.
        false => Bytes::from([parts.read_buf, unread].concat()),
    };
    let opened = Opened {
        stream,
        answer: None,
        early,
    };
    // A task of its own, so that an idle connection does not keep this future.
    tokio::spawn(begin(&http, wanted, entry, opened, place));
}

/// A socket that became a WebSocket.
pub(crate) struct Opened {
    pub(crate) stream: TcpStream,
    /// The head of the response, if it is not out yet.
    pub(crate) answer: Option<Bytes>,
    /// What came behind the request.
    pub(crate) early: Bytes,
}

/// A connection's task; the door's first words are out.
pub(crate) fn begin(
    http: &Arc<Http>,
    wanted: Wanted,
    entry: Entry,
    opened: Opened,
    place: Arc<Place>,
) -> Socket {
    let (read, write) = opened.stream.into_split();
    let doors = &http.doors;
    let core = Arc::clone(&http.core);
    let dialect = match wanted {
        Wanted::Door(DoorKind::Plain) => Dialect::Plain,
        Wanted::Door(_) | Wanted::Upgrade(_) => Dialect::Unnamed,
    };
    let conn = Conn::new(
        core.conns().name(),
        dialect,
        Carrier::Socket(write),
        doors.outbox,
    );
    let here = Here {
        core: &core,
        conn: &conn,
        now: core.clock().now(),
    };
    if let Some(answer) = opened.answer {
        conn.push(here.now.mono, Frame::control(answer), core.counters());
    }
    let door = match wanted {
        Wanted::Door(kind) => {
            if kind.is_engineio() {
                engineio::say_open(doors, here, &conn.id().to_string(), false);
            }
            doors.door(kind, here, entry)
        }
        Wanted::Upgrade(polled) => Door::Probe(Probe::new(here, polled)),
    };
    let timeout = doors.limits.write_timeout_ms;
    let mut socket = Socket::new(core, conn, read, (doors.ws(), door), timeout, place);
    socket.begin(&opened.early);
    socket
}

impl DoorKind {
    /// Whether Engine.IO lies under it.
    pub(crate) fn is_engineio(self) -> bool {
        match self {
            Self::Plain => false,
            Self::SocketIo => true,
            #[cfg(feature = "conformance")]
            Self::Mirror => false,
            #[cfg(feature = "conformance")]
            Self::Echo | Self::Rooms => true,
        }
    }
}
