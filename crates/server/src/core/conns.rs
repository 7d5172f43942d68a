//! All connections by name. A leaf: its locks are held for a look-up and nothing else.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use protocol::id::ConnectionId;
use protocol::time::Mono;

use super::conn::Conn;

/// Parts of the table: each with a lock of its own, each looked at in a beat of its own.
pub(crate) const PARTS: usize = 64;

/// Names are counted, so their bits are spread by one multiplication.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte) ^ self.0.rotate_left(8));
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
}

type Part = HashMap<u64, Arc<Conn>, BuildHasherDefault<Spread>>;

/// The table.
#[derive(Debug)]
pub struct Conns {
    next: AtomicU64,
    parts: Vec<Mutex<Part>>,
}

impl Default for Conns {
    fn default() -> Self {
        Self {
            next: AtomicU64::new(1),
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Conns {
    /// A name nobody had before in this process.
    pub(crate) fn name(&self) -> ConnectionId {
        ConnectionId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn part(&self, id: ConnectionId) -> &Mutex<Part> {
        &self.parts[(id.0 % PARTS as u64) as usize]
    }

    /// Enters a connection.
    pub(crate) fn enter(&self, conn: &Arc<Conn>) {
        let mut part = self.part(conn.id()).lock();
        part.insert(conn.id().0, Arc::clone(conn));
    }

    /// Takes a connection out.
    pub(crate) fn leave(&self, id: ConnectionId) {
        let mut part = self.part(id).lock();
        part.remove(&id.0);
        // What a flood of connections took is given back once they are gone.
        if part.capacity() > 64 && part.len() * 8 < part.capacity() {
            part.shrink_to_fit();
        }
    }

    /// The connection of that name.
    pub fn get(&self, id: ConnectionId) -> Option<Arc<Conn>> {
        self.part(id).lock().get(&id.0).cloned()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock().len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Wakes the owners in this part whose time has come.
    pub(crate) fn wake_due(&self, part: usize, now: Mono) {
        for conn in self.parts[part].lock().values() {
            conn.wake_if_due(now);
        }
    }

    /// All of them, as they are now.
    pub(crate) fn all(&self) -> Vec<Arc<Conn>> {
        let mut out = Vec::new();
        for part in &self.parts {
            out.extend(part.lock().values().cloned());
        }
        out
    }
}
