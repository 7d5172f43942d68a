//! A TCP proxy on loopback that can freeze: both ends stay open, nothing passes any more, as when
//! a laptop's lid closes or a NAT forgets.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// Passes connections on to one address.
pub(crate) struct Proxy {
    /// Where to connect.
    pub(crate) address: SocketAddr,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    frozen: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        let frozen = self.frozen.lock().unwrap();
        drop(self.changed.wait_while(frozen, |frozen| *frozen).unwrap());
    }
}

impl Proxy {
    /// In front of this server.
    pub(crate) fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Arc::new(Gate::default());
        let shared = Arc::clone(&gate);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(server) else {
                    return;
                };
                let _ = far.set_nodelay(true);
                pump(
                    near.try_clone().unwrap(),
                    far.try_clone().unwrap(),
                    Arc::clone(&shared),
                );
                pump(far, near, Arc::clone(&shared));
            }
        });
        Self { address, gate }
    }

    /// Nothing passes from now on, in either direction; no socket is closed.
    pub(crate) fn freeze(&self) {
        *self.gate.frozen.lock().unwrap() = true;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        *self.gate.frozen.lock().unwrap() = false;
        self.gate.changed.notify_all();
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, gate: Arc<Gate>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            gate.pass();
            if read == 0 || to.write_all(&buffer[..read]).is_err() {
                let _ = to.shutdown(std::net::Shutdown::Both);
                return;
            }
        }
    });
}
