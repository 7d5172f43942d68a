//! Inputs that must not run where they arose: answers of other threads, and effects for another
//! shard. One queue per io thread; a task there runs a turn for each.
//!
//! Bounded by what fills it: at most one save, one load and one report in flight per session, one
//! contest per start, and speech, which its own queues bound.

use std::collections::VecDeque;

use engine::Input;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::ShardId;

#[derive(Debug, Default)]
struct Inbox {
    queue: Mutex<VecDeque<(ShardId, Input)>>,
    arrived: Notify,
}

/// The queues of all io threads.
#[derive(Debug)]
pub struct Inboxes {
    shards: usize,
    inboxes: Vec<Inbox>,
}

impl Inboxes {
    /// Queues for so many threads, and so many shards spread over them.
    pub(crate) fn new(threads: usize, shards: usize) -> Self {
        Self {
            shards,
            inboxes: (0..threads.max(1)).map(|_| Inbox::default()).collect(),
        }
    }

    /// The shard a session lives in.
    pub(crate) fn shard_of(&self, session: &protocol::id::SessionId) -> ShardId {
        shard_of(session, self.shards)
    }

    /// Which io thread sees to this shard.
    pub(crate) fn thread_of(&self, shard: ShardId) -> usize {
        usize::from(shard.0) % self.inboxes.len()
    }

    /// Hands an input to its shard, or to all if it is about no session.
    pub fn post(&self, input: Input) {
        match input.session().map(|session| self.shard_of(session)) {
            Some(shard) => self.put(shard, input),
            None => {
                for shard in 0..self.shards {
                    self.put(ShardId::new(shard), input.clone());
                }
            }
        }
    }

    /// Hands many over and wakes each thread once, when all is there: one that is woken earlier
    /// would find a part, and be woken again for the rest.
    pub fn post_all(&self, inputs: impl IntoIterator<Item = Input>) {
        let mut threads = vec![false; self.inboxes.len()];
        for input in inputs {
            match input.session().map(|session| self.shard_of(session)) {
                Some(shard) => threads[self.queue(shard, input)] = true,
                None => self.post(input),
            }
        }
        for (inbox, touched) in self.inboxes.iter().zip(threads) {
            if touched {
                inbox.arrived.notify_one();
            }
        }
    }

    fn put(&self, shard: ShardId, input: Input) {
        let thread = self.queue(shard, input);
        // A permit is kept when nobody waits, and one is enough for all that is queued.
        self.inboxes[thread].arrived.notify_one();
    }

    /// Queues an input and says for which thread.
    fn queue(&self, shard: ShardId, input: Input) -> usize {
        let thread = self.thread_of(shard);
        let mut queue = self.inboxes[thread].queue.lock();
        queue.push_back((shard, input));
        thread
    }

    /// Waits until something is there for this thread, and takes all of it.
    pub(crate) async fn take(&self, thread: usize) -> VecDeque<(ShardId, Input)> {
        loop {
            let taken = std::mem::take(&mut *self.inboxes[thread].queue.lock());
            if !taken.is_empty() {
                return taken;
            }
            self.inboxes[thread].arrived.notified().await;
        }
    }

    /// How many wait, on all threads.
    pub fn waiting(&self) -> usize {
        self.inboxes.iter().map(|i| i.queue.lock().len()).sum()
    }
}

/// The same in every process: FNV-1a, and then mixed, since ids that differ in their last letters
/// differ in few of its bits.
pub(crate) fn shard_of(session: &protocol::id::SessionId, shards: usize) -> ShardId {
    let mut hash = session
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    ShardId::new((hash % shards.max(1) as u64) as usize)
}
