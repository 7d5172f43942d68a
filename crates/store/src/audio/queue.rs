//! What waits for the recorder's thread: chunks, bounded in bytes, and orders about streams. What
//! did not fit is remembered, so that it holds acknowledgements back.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use protocol::id::SessionId;

use super::{Chunk, StreamKey};

/// Memory of an order beside its payload, roughly.
const ORDER_BYTES: usize = 256;

/// Something to do, in order.
pub(crate) enum Order {
    Append(StreamKey, Chunk),
    /// A chunk did not fit at this point.
    Lost(StreamKey, u32),
    Close(StreamKey),
    /// Open the file a dead process left, and say how far it is safe.
    Reopen(StreamKey),
    Delete(StreamKey, u32),
    DeleteSession(SessionId),
}

#[derive(Default)]
struct Inner {
    orders: VecDeque<Order>,
    bytes: usize,
    since: Option<Instant>,
    /// Lowest chunk of a stream that did not fit and did not come again, of those the thread
    /// has not been told yet.
    lost: BTreeMap<StreamKey, u32>,
    /// The thread is at work on what it took.
    working: bool,
    stop: bool,
    closed: bool,
}

/// What the thread does next.
pub(crate) struct Work {
    pub(crate) orders: VecDeque<Order>,
    pub(crate) stop: bool,
}

/// The queue.
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    wake: Condvar,
    bytes_max: usize,
    linger: Duration,
}

impl Queue {
    /// Holds at most `bytes_max`; orders wait up to `linger` so that one wake serves many.
    pub(crate) fn new(bytes_max: usize, linger: Duration) -> Self {
        Self {
            inner: Mutex::default(),
            wake: Condvar::new(),
            bytes_max,
            linger,
        }
    }

    /// Queues an order; false when it did not fit. Orders that free space always fit.
    pub(crate) fn push(&self, order: Order) -> bool {
        let mut inner = self.inner.lock();
        let bytes = match &order {
            Order::Append(_, chunk) => ORDER_BYTES + chunk.payload.len(),
            _ => ORDER_BYTES,
        };
        let refused = inner.closed || inner.stop;
        if refused {
            return false;
        }
        if let Order::Append(key, chunk) = &order {
            let told = inner.lost.get(key).copied();
            if inner.bytes + bytes > self.bytes_max {
                if told.is_none_or(|told| chunk.seq < told) {
                    inner.lost.insert(key.clone(), chunk.seq);
                    inner.orders.push_back(Order::Lost(key.clone(), chunk.seq));
                }
                return false;
            }
            if told.is_some_and(|told| chunk.seq <= told) {
                inner.lost.remove(key);
            }
        }
        let half_before = inner.bytes * 2 > self.bytes_max;
        inner.bytes += bytes;
        inner.orders.push_back(order);
        let first = inner.since.is_none();
        inner.since.get_or_insert_with(Instant::now);
        let half = inner.bytes * 2 > self.bytes_max;
        drop(inner);
        if first || (half && !half_before) {
            self.wake.notify_one();
        }
        true
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }

    /// Orders that are not carried out yet, those being carried out counted as one.
    pub(crate) fn waiting(&self) -> usize {
        let inner = self.inner.lock();
        inner.orders.len() + usize::from(inner.working)
    }

    /// Asks the thread to end once it has dealt with what is queued.
    pub(crate) fn stop(&self) {
        self.inner.lock().stop = true;
        self.wake.notify_one();
    }

    /// The thread is gone.
    pub(crate) fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.orders.clear();
        inner.bytes = 0;
        inner.working = false;
    }

    /// Waits for orders, at most until `until`.
    pub(crate) fn wait(&self, until: Option<Instant>) -> Work {
        let mut inner = self.inner.lock();
        inner.working = false;
        loop {
            let full = inner.bytes * 2 > self.bytes_max;
            if inner.stop || full {
                break;
            }
            let ready = inner.since.map(|since| since + self.linger);
            let next = [ready, until].into_iter().flatten().min();
            match next {
                None => self.wake.wait(&mut inner),
                Some(at) => {
                    if self.wake.wait_until(&mut inner, at).timed_out() {
                        break;
                    }
                }
            }
        }
        inner.bytes = 0;
        inner.since = None;
        inner.lost.clear();
        inner.working = !inner.orders.is_empty();
        Work {
            orders: std::mem::take(&mut inner.orders),
            stop: inner.stop,
        }
    }
}
