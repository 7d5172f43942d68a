//! The task of one socket: the short way in (`swift`), else hyper's HTTP/1 with deadlines. No
//! decision about who may come: that is `handshake`'s.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::http::Http;
use super::listener::Place;
use super::socket::Socket;
use super::swift::{self, First, Rewound};

/// How long a client may take to send its first bytes, and from there a request's head.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of a request's head.
pub(crate) const HEAD_BYTES: usize = 16 * 1024;
/// Lines of a request's head.
pub(crate) const HEAD_LINES: usize = 64;

/// The task of one socket, until it closes. An enum and no `async` block, since a WebSocket stays
/// in it for its whole life: it is as large as that and no larger.
#[expect(
    clippy::large_enum_variant,
    reason = "it is its task's place, which is allocated once"
)]
pub(crate) enum Served {
    /// Its first bytes are to come.
    New(Boxed<Began>),
    /// It is a WebSocket.
    Connected(Socket),
    /// It speaks HTTP, or is over.
    Other(Boxed<()>),
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a new socket became.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are the large one, and it is moved once"
)]
pub(crate) enum Began {
    /// A WebSocket.
    Connected(Socket),
    /// Something else.
    Other(Boxed<()>),
    /// Nothing: it closed or took too long.
    Nothing,
}

/// The task of a socket that was just accepted.
pub(crate) fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    http: Arc<Http>,
    place: Place,
    stop: watch::Receiver<bool>,
) -> Served {
    Served::New(Box::pin(begin(stream, peer, http, place, stop)))
}

impl Future for Served {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match this {
                Self::New(new) => match ready!(new.as_mut().poll(cx)) {
                    Began::Connected(socket) => *this = Self::Connected(socket),
                    Began::Other(other) => *this = Self::Other(other),
                    Began::Nothing => return Poll::Ready(()),
                },
                Self::Connected(socket) => return Pin::new(socket).poll(cx),
                Self::Other(other) => return other.as_mut().poll(cx),
            }
        }
    }
}

async fn begin(
    stream: TcpStream,
    peer: SocketAddr,
    http: Arc<Http>,
    place: Place,
    stop: watch::Receiver<bool>,
) -> Began {
    let place = Arc::new(place);
    let first = swift::first(&http, stream, peer);
    // Not told when the server stops: hyper is, and closes at once.
    match tokio::time::timeout(HEAD_DEADLINE, first).await {
        Ok(First::Upgrade(stream, coming)) => {
            Began::Connected(swift::enter(&http, stream, coming, place).await)
        }
        Ok(First::Other(stream)) => {
            Began::Other(Box::pin(converse(stream, peer, http, place, stop)))
        }
        Ok(First::Nothing) | Err(_) => Began::Nothing,
    }
}

/// Serves a socket's requests through hyper.
async fn converse(
    stream: Rewound,
    peer: SocketAddr,
    http: Arc<Http>,
    place: Arc<Place>,
    mut stop: watch::Receiver<bool>,
) {
    let service = hyper::service::service_fn(|request| {
        let (http, place) = (Arc::clone(&http), Arc::clone(&place));
        async move { http.answer(request, peer, place).await }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_LINES);
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
