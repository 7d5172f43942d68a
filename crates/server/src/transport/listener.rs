//! Sockets in: one listener per io thread on the same port, and an accept loop with a cap. What a
//! socket speaks is `served`'s business.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::http::Http;
use super::served::serve;

/// Handshakes that may wait in the kernel.
const BACKLOG: i32 = 4_096;
/// How long written bytes may stay unacknowledged before the kernel gives the socket up.
const USER_TIMEOUT: Duration = Duration::from_secs(20);
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
    if let Err(error) = prepare(&listener, options) {
        tracing::warn!(%error, "socket_options_refused");
    }
    let mut pause = Duration::from_millis(10);
    let stopped = stop.clone();
    let mut stopping = pin!(stop.wait_for(|stop| *stop));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.as_mut() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = Duration::from_millis(10);
                let Some(place) = Place::take(&http.open, options.sockets_max) else {
                    http.core.counters().accept_refused.add(1);
                    continue;
                };
                http.core.counters().accepted.add(1);
                tokio::spawn(serve(
                    stream,
                    peer,
                    Arc::clone(&http),
                    place,
                    stopped.clone(),
                ));
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

/// Sets what its sockets inherit on a listener, where it costs nothing for each of them.
fn prepare(listener: &TcpListener, options: SocketOptions) -> io::Result<()> {
    let socket = SockRef::from(listener);
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(options.send_buffer)?;
    // No keepalive: a silent peer is found by its heartbeat, or by the deadline of a request's head,
    // long before, and each socket would have a timer in the kernel.
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))
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

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    /// Options are set once, on the listener: an accepted socket has them from the first moment.
    #[tokio::test]
    async fn an_accepted_socket_has_the_options_of_its_listener() {
        let options = SocketOptions {
            send_buffer: 64 * 1024,
            sockets_max: 1,
        };
        let bound = bind(([127, 0, 0, 1], 0).into(), 1).unwrap().remove(0);
        let addr = bound.local_addr().unwrap();
        let listener = TcpListener::from_std(bound).unwrap();
        prepare(&listener, options).unwrap();
        let _peer = TcpStream::connect(addr).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
        // The kernel doubles it, for its own bookkeeping.
        assert_eq!(socket.send_buffer_size().unwrap(), 2 * options.send_buffer);
    }
}
