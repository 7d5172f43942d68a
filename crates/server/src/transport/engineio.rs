//! Engine.IO over HTTP: which transport a request means, the handshake of a connection that polls,
//! its GETs and POSTs, and what browsers ask before (CORS). WebSockets go to `handshake`; what the
//! packets mean is the door's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use protocol::dialect::Dialect;
use protocol::engineio::{Opening, polling::join};
use protocol::error::ErrorCode;
use protocol::outbox::{Frame, Outbox};
use protocol::plain::handshake::parameter;
use tokio::time::timeout;

use super::guest::in_time;
use super::handshake::{self, Asking, DoorKind, Doors, Wanted};
use super::http::{Http, error_body, refusal};
use super::listener::Place;
use super::peer::{Entry, Here};
use super::polling::{Polled, Refused, new_sid};
use crate::core::conn::{Carrier, Conn};

/// When a client that comes while the server drains should come again, milliseconds.
const RETRY_MS: u64 = 2_000;

/// Tells a client that its connection is open.
pub(crate) fn say_open(doors: &Doors, here: Here<'_>, sid: &str, upgradable: bool) {
    let frame = Frame::event(opening(doors, sid, upgradable).frame());
    here.conn.push(here.now.mono, frame, here.core.counters());
}

fn opening<'a>(doors: &Doors, sid: &'a str, upgradable: bool) -> Opening<'a> {
    let limits = &doors.limits;
    Opening {
        sid,
        upgradable,
        ping_interval_ms: limits.ping_interval_ms,
        ping_timeout_ms: limits.ping_timeout_ms,
        payload_bytes_max: limits.message_bytes,
    }
}

/// Answers a request to an Engine.IO path.
pub(crate) async fn answer(
    http: &Arc<Http>,
    kind: DoorKind,
    request: Request<Incoming>,
    peer: SocketAddr,
    place: Arc<Place>,
) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default();
    let value = |name| parameter(query, name);
    let sid = value("sid").map(|sid| sid.into_owned());
    let transport = value("transport").map(|transport| transport.into_owned());
    let is_4 = value("EIO").as_deref() == Some("4");
    if request.method() != Method::OPTIONS {
        if !is_4 {
            let why = "This server speaks the fourth version of Engine.IO: `EIO=4`.";
            return bad("unsupported_protocol_version", why);
        }
        if transport.as_deref() == Some("websocket") {
            let wanted = match sid {
                None => Wanted::Door(kind),
                Some(sid) => Wanted::Upgrade(http.doors.polls.get(&sid)),
            };
            return handshake::answer(http, wanted, request, peer, place);
        }
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    if !(http.doors.welcome)(request.headers()) {
        return refusal(StatusCode::FORBIDDEN, ErrorCode::OriginNotAllowed, None);
    }
    let asks = request.method() == Method::OPTIONS;
    let mut response = match transport.as_deref() {
        _ if asks => no_content(),
        Some("polling") => polled(http, kind, request, peer, sid).await,
        _ => bad(
            "unknown_transport",
            "The transport must be `polling` or `websocket`.",
        ),
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        allow(headers, origin, asks);
    }
    response
}

/// The headers without which a page of another origin may not read the answer.
fn allow(headers: &mut HeaderMap, origin: HeaderValue, asks: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    let preflight = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    for (name, value) in preflight.into_iter().filter(|_| asks) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// A request of a client that polls, or wants to.
async fn polled(
    http: &Arc<Http>,
    kind: DoorKind,
    request: Request<Incoming>,
    peer: SocketAddr,
    sid: Option<String>,
) -> Response<Body> {
    let method = request.method().clone();
    let found = match sid {
        None if method == Method::GET => return open(http, kind, request, peer).await,
        None => None,
        Some(sid) => match http.doors.polls.get(&sid) {
            Some(polled) => Some(polled),
            None => return refused(Refused::UnknownSid),
        },
    };
    match (method, found) {
        (Method::GET, Some(polled)) => match polled.fetch().await {
            Ok(body) => text(body),
            Err(why) => refused(why),
        },
        (Method::POST, Some(polled)) => post(&http.doors, &polled, request).await,
        _ => bad(
            "bad_handshake_method",
            "A connection opens with GET; then GET fetches and POST sends.",
        ),
    }
}

/// Opens a connection that polls.
async fn open(
    http: &Arc<Http>,
    kind: DoorKind,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Response<Body> {
    if let Err(limited) = handshake::count(http, peer) {
        return *limited;
    }
    let doors = &http.doors;
    let core = &http.core;
    let (entry, _) = handshake::entry(http, Asking::of(&request, &[]), core.clock().wall());
    drop(request);
    let entry = match entry {
        Entry::Judged(later) => Entry::of(in_time(later).await),
        entry => entry,
    };
    let is_drained =
        matches!(&entry, Entry::Refused(refusal) if refusal.code == ErrorCode::Draining);
    let sid = match new_sid() {
        Some(sid) if !is_drained => sid,
        Some(_) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return refusal(status, ErrorCode::Draining, Some(RETRY_MS));
        }
        None => return refusal(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, None),
    };
    let conn = Conn::new(
        core.conns().name(),
        Dialect::Unnamed,
        Carrier::Poll(None),
        doors.outbox,
    );
    let here = Here {
        core,
        conn: &conn,
        now: core.clock().now(),
    };
    let mut door = doors.door(kind, here, entry);
    if !conn.is_open() {
        door.end();
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return refusal(status, ErrorCode::Limited, Some(RETRY_MS));
    }
    // Written by the same hand as all that follows.
    let mut first = Outbox::default();
    let _ = first.push(Frame::event(opening(doors, &sid, true).frame()));
    let body = join(&mut first, usize::MAX);
    let most = doors.limits.message_bytes as usize;
    Polled::start(core, &conn, (sid, door, most), &doors.polls);
    text(body)
}

/// Takes in what a client posts.
async fn post(doors: &Doors, polled: &Polled, request: Request<Incoming>) -> Response<Body> {
    let limits = &doors.limits;
    let most = if polled.is_known() {
        // Binary messages come as base64, and may be as large as elsewhere.
        limits.message_bytes as usize / 3 * 4 + 1_024
    } else {
        limits.unauthenticated_bytes as usize
    };
    let deadline = Duration::from_millis(limits.message_timeout_ms.into());
    let body = Limited::new(request.into_body(), most).collect();
    let bytes = match timeout(deadline, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            if polled.is_known() {
                polled.too_large();
                polled.told().await;
            }
            return refusal(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, None);
        }
        Ok(Err(_)) => return refused(Refused::BadPayload),
        Err(_late) => return refusal(StatusCode::REQUEST_TIMEOUT, ErrorCode::TimedOut, None),
    };
    let done = match std::str::from_utf8(&bytes) {
        Ok(body) => polled.post(body),
        // No packet begins so.
        Err(_) => polled.post(""),
    };
    match done {
        Ok(()) => text("ok".into()),
        Err(why) => {
            if why == Refused::TooLarge {
                polled.told().await;
            }
            refused(why)
        }
    }
}

fn refused(why: Refused) -> Response<Body> {
    match why {
        Refused::UnknownSid => bad("unknown_sid", "There is no connection of that name."),
        Refused::TwoPolls => bad("two_polls", "This connection waits for an answer already."),
        Refused::BadPayload => bad("bad_payload", "This is no sequence of Engine.IO packets."),
        Refused::TooLarge => refusal(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, None),
    }
}

fn bad(code: &'static str, why: &str) -> Response<Body> {
    error_body(StatusCode::BAD_REQUEST, code, why, None)
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn text(body: Vec<u8>) -> Response<Body> {
    const HEADERS: [(header::HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "text/plain; charset=UTF-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let mut response = Response::new(Body::from(body));
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
