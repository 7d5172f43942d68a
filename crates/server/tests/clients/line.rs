//! A line between a client and the server that can be cut, go silent, go deaf, or carry what neither
//! of the two said: what happens to sockets between a page and a data center.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex};
use socket2::{Domain, Socket, Type};

/// Connections to one server through an address of its own.
pub(crate) struct Line {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Nothing new comes through.
    closed: AtomicBool,
    /// What the client says is lost.
    mute: AtomicBool,
    /// What the server says waits.
    stalled: Mutex<bool>,
    changed: Condvar,
    /// Requests that open a connection, as far as they came through or were refused.
    handshakes: AtomicUsize,
    over: AtomicBool,
    pairs: Mutex<Vec<Pair>>,
}

/// The two ends of one connection.
struct Pair {
    client: TcpStream,
    server: TcpStream,
}

impl Line {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if of_thread.over.load(Ordering::SeqCst) {
                    return;
                }
                // A server that is not there right now is a line that leads nowhere.
                if let Some(pair) = of_thread.pair(client, server) {
                    of_thread.pairs.lock().push(pair);
                }
            }
        });
        Self { address, shared }
    }

    /// Where a client connects to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often a client began a connection.
    pub(crate) fn handshakes(&self) -> usize {
        self.shared.handshakes.load(Ordering::SeqCst)
    }

    /// Everything breaks off, without a word, and nothing new comes through until it is mended.
    pub(crate) fn cut(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.cut();
    }

    pub(crate) fn mend(&self) {
        self.shared.closed.store(false, Ordering::SeqCst);
    }

    /// What the client says is lost from now on; the server is still heard.
    pub(crate) fn mute(&self, mute: bool) {
        self.shared.mute.store(mute, Ordering::SeqCst);
    }

    /// What the server says does not get through; it is not lost, there is just no room.
    pub(crate) fn stall(&self, stalled: bool) {
        self.shared.stall(stalled);
    }

    /// Says something to the server in the client's name.
    pub(crate) fn say_to_server(&self, bytes: &[u8]) {
        for pair in &*self.shared.pairs.lock() {
            let _ = (&pair.server).write_all(bytes);
        }
    }

    /// Says a last word to the client in the server's name; nothing new comes through until it is
    /// mended.
    pub(crate) fn end_with(&self, bytes: &[u8]) {
        self.shared.closed.store(true, Ordering::SeqCst);
        for pair in self.shared.pairs.lock().drain(..) {
            let _ = (&pair.client).write_all(bytes);
            let _ = pair.client.shutdown(Shutdown::Write);
            let _ = pair.server.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.shared.stall(false);
        self.shared.cut();
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn cut(&self) {
        for pair in self.pairs.lock().drain(..) {
            let _ = pair.client.shutdown(Shutdown::Both);
            let _ = pair.server.shutdown(Shutdown::Both);
        }
    }

    fn stall(&self, stalled: bool) {
        *self.stalled.lock() = stalled;
        self.changed.notify_all();
    }

    fn pair(self: &Arc<Self>, client: TcpStream, server: SocketAddr) -> Option<Pair> {
        if self.closed.load(Ordering::SeqCst) {
            self.handshakes.fetch_add(1, Ordering::SeqCst);
            return None;
        }
        // Little room on the way, so that a reader who stops is noticed soon.
        let narrow = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
        narrow.set_recv_buffer_size(16 * 1024).ok()?;
        narrow.connect(&server.into()).ok()?;
        let server = TcpStream::from(narrow);
        for end in [&client, &server] {
            end.set_nodelay(true).ok()?;
        }
        let pair = Pair {
            client: client.try_clone().ok()?,
            server: server.try_clone().ok()?,
        };
        let (up, down) = (Arc::clone(self), Arc::clone(self));
        let (from_client, to_client) = (client.try_clone().ok()?, client);
        let (from_server, to_server) = (server.try_clone().ok()?, server);
        std::thread::spawn(move || up.up(from_client, to_server));
        std::thread::spawn(move || down.down(from_server, to_client));
        Some(pair)
    }

    fn up(&self, mut client: TcpStream, mut server: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = client.read(&mut buffer).unwrap_or(0);
            let bytes = &buffer[..read];
            // A request with a `sid` goes on with a connection.
            let line = bytes
                .split(|&byte| byte == b'\r')
                .next()
                .unwrap_or_default();
            if line.starts_with(b"GET /") && !line.windows(4).any(|four| four == b"sid=") {
                self.handshakes.fetch_add(1, Ordering::SeqCst);
            }
            let is_lost = self.mute.load(Ordering::SeqCst);
            if read == 0 || (!is_lost && server.write_all(bytes).is_err()) {
                let _ = server.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    fn down(&self, mut server: TcpStream, mut client: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = server.read(&mut buffer).unwrap_or(0);
            let mut stalled = self.stalled.lock();
            self.changed.wait_while(&mut stalled, |is_so| *is_so);
            drop(stalled);
            if read == 0 || client.write_all(&buffer[..read]).is_err() {
                let _ = client.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}
