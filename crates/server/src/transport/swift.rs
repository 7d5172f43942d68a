//! The short way in. Nearly every socket's first bytes are one whole, well-formed upgrade request,
//! so it is judged where it lies in the thread's read buffer, and the answer goes out in one write
//! with the door's first words. Whatever is not just that goes on to hyper, first bytes and all,
//! which answers everything this module does not: it refuses nobody itself.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use protocol::plain::handshake::parameter;
use protocol::ws::handshake::{self as upgrade, Handshake};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::guest::in_time;
use super::handshake::{Asking, DoorKind, Opened, Wanted, begin, entry};
use super::http::Http;
use super::listener::Place;
use super::peer::Entry;
use super::served::{HEAD_BYTES, HEAD_LINES};
use super::socket::Socket;

thread_local! {
    static HEAD: RefCell<Box<[u8]>> = RefCell::new(vec![0; HEAD_BYTES].into_boxed_slice());
}

/// What a socket began with.
pub(crate) enum First {
    /// With an upgrade.
    Upgrade(TcpStream, Coming),
    /// With something else, of which so much was read.
    Other(Rewound),
    /// With its end.
    Nothing,
}

/// A request that may come in this way.
pub(crate) struct Coming {
    kind: DoorKind,
    entry: Entry,
    /// The response's head.
    answer: Bytes,
    /// What came behind the request.
    early: Bytes,
}

/// Reads a socket's first bytes.
pub(crate) async fn first(http: &Arc<Http>, mut stream: TcpStream, peer: SocketAddr) -> First {
    let looked = poll_fn(|cx| {
        HEAD.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            // Not `try_read`: this one knows when nothing more is there, which spares the next call.
            let read = ready!(Pin::new(&mut stream).poll_read(cx, &mut buffer));
            let bytes = buffer.filled();
            Poll::Ready(match look(http, bytes, peer) {
                _ if read.is_err() => Err(Bytes::new()),
                Some(coming) => Ok(coming),
                None => Err(Bytes::copy_from_slice(bytes)),
            })
        })
    })
    .await;
    match looked {
        Err(bytes) if bytes.is_empty() => First::Nothing,
        Err(bytes) => First::Other(Rewound { bytes, stream }),
        Ok(coming) => First::Upgrade(stream, coming),
    }
}

/// Judges the first bytes of a socket; none if they must go the long way.
fn look(http: &Http, bytes: &[u8], peer: SocketAddr) -> Option<Coming> {
    let mut lines = [httparse::EMPTY_HEADER; HEAD_LINES];
    let mut request = httparse::Request::new(&mut lines);
    let Ok(httparse::Status::Complete(length)) = request.parse(bytes) else {
        return None;
    };
    let (path, query) = match request.path?.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request.path?, None),
    };
    // Hyper tells a request target that is none; what is odd here is left to it.
    let kind = http.doors.of(path)?;
    if kind.is_engineio() && !is_websocket(query?) {
        return None;
    }
    let headers = request
        .headers
        .iter()
        .map(|header| (header.name, header.value));
    let is_1_1 = request.version == Some(1);
    let shake = upgrade::check(request.method?, is_1_1, headers).ok()?;
    let said = Said::of(request.headers)?;
    let now = http.core.clock().now();
    // The long way counts again, and says how long to wait.
    http.doors.gate.lock().handshake(now.mono, peer.ip()).ok()?;
    let (entry, answer) = judge(http, &shake, &said, query, now.wall);
    Some(Coming {
        kind,
        entry,
        answer,
        early: Bytes::copy_from_slice(&bytes[length..]),
    })
}

/// Whether the query of an Engine.IO request asks for a new connection over WebSocket.
fn is_websocket(query: &str) -> bool {
    let is = |name, value| parameter(query, name).as_deref() == Some(value);
    is("EIO", "4") && is("transport", "websocket") && parameter(query, "sid").is_none()
}

/// The headers that say who comes.
struct Said {
    /// `Origin` and `Host`, if there is an `Origin`.
    page: HeaderMap,
    authorization: Option<HeaderValue>,
}

impl Said {
    /// None if one of them is no header value.
    fn of(headers: &[httparse::Header<'_>]) -> Option<Self> {
        let value = |header: &httparse::Header<'_>| HeaderValue::from_bytes(header.value).ok();
        let named = |name: HeaderName| {
            let is = move |header: &&httparse::Header<'_>| {
                header.name.eq_ignore_ascii_case(name.as_str())
            };
            headers.iter().filter(is)
        };
        let mut page = HeaderMap::new();
        for origin in named(header::ORIGIN) {
            page.append(header::ORIGIN, value(origin)?);
        }
        if !page.is_empty() {
            for host in named(header::HOST) {
                page.append(header::HOST, value(host)?);
            }
        }
        let mut authorization = named(header::AUTHORIZATION);
        let authorization = match authorization.next() {
            Some(first) => Some(value(first)?),
            None => None,
        };
        Some(Self {
            page,
            authorization,
        })
    }
}

fn judge(
    http: &Http,
    shake: &Handshake<'_>,
    said: &Said,
    query: Option<&str>,
    now: protocol::time::Wall,
) -> (Entry, Bytes) {
    let asking = Asking {
        page: &said.page,
        authorization: said.authorization.as_ref(),
        protocols: &shake.protocols,
        query,
    };
    let (entry, chosen) = entry(http, asking, now);
    (entry, upgrade::response(shake, chosen).into())
}

/// Opens the connection, once it is known who comes. Its first words wait behind the answer.
pub(crate) async fn enter(
    http: &Arc<Http>,
    stream: TcpStream,
    coming: Coming,
    place: Arc<Place>,
) -> Socket {
    let Coming {
        kind,
        entry,
        answer,
        early,
    } = coming;
    let opened = Opened {
        stream,
        answer: Some(answer),
        early,
    };
    let entry = match entry {
        // Boxed, since few have to wait, and all would hold the room for it.
        Entry::Judged(later) => Entry::of(Box::pin(in_time(later)).await),
        entry => entry,
    };
    begin(http, Wanted::Door(kind), entry, opened, place)
}

/// A socket of which some was read that its reader has yet to see.
pub(crate) struct Rewound {
    bytes: Bytes,
    stream: TcpStream,
}

impl Rewound {
    /// The socket, and what is still to be read before it.
    pub(crate) fn into_parts(self) -> (TcpStream, Bytes) {
        (self.stream, self.bytes)
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let some = self.bytes.len().min(buf.remaining());
        buf.put_slice(&self.bytes.split_to(some));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
