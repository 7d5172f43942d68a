//! Sockets in: one listener per io thread on the same port, an accept loop with a cap, and hyper's
//! HTTP/1 with deadlines. No decision about who may come: that is `handshake`'s.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::http::Http;

/// Handshakes that may wait in the kernel.
const BACKLOG: i32 = 4_096;
/// How long a client may take to send a request's head.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 16 * 1024;
/// Lines of a request's head.
const HEAD_LINES: usize = 64;
/// How long written bytes may stay unacknowledged before the kernel gives the socket up.
const USER_TIMEOUT: Duration = Duration::from_secs(20);
/// When the kernel asks a silent peer whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// The longest pause after a failed accept.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What an operator may set of a socket.
#[derive(Debug, Clone, Copy)]
pub struct SocketOptions {
    /// Bytes the kernel may hold of what we wrote.
    pub send_buffer: usize,
    /// Open sockets of this process.
    pub sockets_max: usize,
}

/// Binds `count` listeners to the same address; with port 0 the first one chooses.
///
/// # Errors
/// What the system says: the address is in use, or not ours.
pub fn bind(addr: SocketAddr, count: usize) -> io::Result<Vec<StdListener>> {
    let mut addr = addr;
    let mut out = Vec::with_capacity(count);
    for _ in 0..count.max(1) {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        let listener = StdListener::from(socket);
        addr = listener.local_addr()?;
        out.push(listener);
    }
    Ok(out)
}

/// Accepts until `stop` says so, then closes the listener and returns.
pub(crate) async fn accept_loop(
    listener: TcpListener,
    http: Arc<Http>,
    options: SocketOptions,
    mut stop: watch::Receiver<bool>,
) {
    let mut pause = Duration::from_millis(10);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = Duration::from_millis(10);
                let Some(place) = Place::take(&http.open, options.sockets_max) else {
                    http.core.counters().accept_refused.add(1);
                    continue;
                };
                http.core.counters().accepted.add(1);
                if let Err(error) = prepare(&stream, options) {
                    tracing::debug!(%error, "socket_options_refused");
                }
                tokio::spawn(serve(stream, peer, Arc::clone(&http), place, stop.clone()));
            }
            Err(error) if is_of_one_peer(&error) => {}
            Err(error) => {
                // Out of file descriptors or memory: trying at once would only burn the core.
                http.core.counters().accept_refused.add(1);
                tracing::warn!(%error, "accept_failed");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

fn is_of_one_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

fn prepare(stream: &TcpStream, options: SocketOptions) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(options.send_buffer)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))
}

/// One of the open sockets; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        if open.fetch_add(1, Ordering::AcqRel) < max {
            return Some(Self(Arc::clone(open)));
        }
        open.fetch_sub(1, Ordering::AcqRel);
        None
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Serves one socket's requests until it closes or becomes a WebSocket.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    http: Arc<Http>,
    place: Place,
    mut stop: watch::Receiver<bool>,
) {
    let place = Arc::new(place);
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
