//! Connections that were given something to send and not flushed yet, per thread.
//!
//! Whoever pushes marks; whoever marks flushes before its thread does anything else. A mark that
//! another thread holds is enough: it clears the mark before it takes the wire's lock, so it sees
//! every frame that was pushed before the mark was found set.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::conn::Conn;

thread_local! {
    static DIRTY: RefCell<Vec<Arc<Conn>>> = const { RefCell::new(Vec::new()) };
}

/// Notes that this connection has something to send.
pub(crate) fn mark(conn: &Arc<Conn>) {
    if !conn.dirty().swap(true, Ordering::AcqRel) {
        DIRTY.with_borrow_mut(|list| list.push(Arc::clone(conn)));
    }
}

/// Writes what this thread's marked connections have to send, as far as their sockets take it.
/// Must not be called with a lock held.
pub(crate) fn flush() {
    while let Some(conn) = DIRTY.with_borrow_mut(Vec::pop) {
        conn.dirty().store(false, Ordering::Release);
        conn.flush();
    }
}
