//! What waits for the writer's thread: at most one save per session, bounded in bytes, and a few
//! commands. No SQL here.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use protocol::id::{EffectId, SessionId};
use protocol::record::Save;
use rusqlite::Connection;

use crate::error::StoreError;

/// Most saves of one transaction.
pub(crate) const BATCH_MAX: usize = 256;

/// Most commands waiting.
const COMMANDS_MAX: usize = 1024;

/// Something to do on the write connection outside a batch; given an error when that is away.
pub(crate) type Command = Box<dyn FnOnce(Result<&mut Connection, StoreError>) + Send>;

/// A save that waits.
pub(crate) struct Item {
    pub(crate) id: EffectId,
    pub(crate) save: Save,
    pub(crate) since: Instant,
    bytes: usize,
}

/// What the thread does next.
pub(crate) struct Work {
    /// Saves for one transaction.
    pub(crate) batch: Vec<Item>,
    /// Commands, in order.
    pub(crate) commands: Vec<Command>,
    /// Set once the end was asked for.
    pub(crate) stop: Option<Stop>,
    /// Nothing else waits.
    pub(crate) drained: bool,
}

/// How to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop {
    /// Write what is queued until then.
    pub(crate) until: Instant,
}

/// Why a save was not queued.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

#[derive(Default)]
struct Inner {
    /// Boxed: a crowd's saves of one moment would leave a table of their size behind.
    saves: HashMap<SessionId, Box<Item>>,
    order: VecDeque<SessionId>,
    bytes: usize,
    commands: VecDeque<Command>,
    stop: Option<Stop>,
    closed: bool,
}

/// The queue.
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    wake: Condvar,
    bytes_max: usize,
}

/// What a save took the place of, and how many bytes wait after it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    pub(crate) replaced: bool,
    pub(crate) bytes: usize,
}

impl Queue {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            inner: Mutex::default(),
            wake: Condvar::new(),
            bytes_max,
        }
    }

    /// Queues a save, in the place of an older one of its session. Refused beyond the bound, and
    /// when the thread is gone; then an older one stays.
    pub(crate) fn push(&self, id: EffectId, save: Save) -> Result<Queued, Refused> {
        let bytes = weight(&save);
        let mut inner = self.inner.lock();
        let freed = inner
            .saves
            .get(&save.session)
            .map_or(0, |older| older.bytes);
        let total = inner.bytes - freed + bytes;
        if inner.closed || inner.stop.is_some() || total > self.bytes_max {
            return Err(Refused);
        }
        inner.bytes = total;
        let session = save.session.clone();
        // The older one's time counts: from then on the session has been waiting.
        let since = inner
            .saves
            .get(&session)
            .map_or_else(Instant::now, |older| older.since);
        let older = inner.saves.insert(
            session.clone(),
            Box::new(Item {
                id,
                save,
                since,
                bytes,
            }),
        );
        if older.is_none() {
            inner.order.push_back(session);
        }
        drop(inner);
        self.wake.notify_one();
        Ok(Queued {
            replaced: older.is_some(),
            bytes: total,
        })
    }

    /// Queues a command.
    pub(crate) fn command(&self, command: Command) -> Result<(), StoreError> {
        let mut inner = self.inner.lock();
        if inner.closed || inner.stop.is_some() {
            return Err(StoreError::Closed);
        }
        if inner.commands.len() >= COMMANDS_MAX {
            return Err(StoreError::Busy);
        }
        inner.commands.push_back(command);
        drop(inner);
        self.wake.notify_one();
        Ok(())
    }

    /// Asks the thread to end; the first wish counts.
    pub(crate) fn stop(&self, within: Duration) {
        let mut inner = self.inner.lock();
        inner.stop.get_or_insert(Stop {
            until: Instant::now() + within,
        });
        drop(inner);
        self.wake.notify_one();
    }

    /// The thread is gone: nothing is taken any more, what waits is dropped.
    pub(crate) fn close(&self) -> usize {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.commands.clear();
        inner.order.clear();
        inner.bytes = 0;
        std::mem::take(&mut inner.saves).len()
    }

    /// Whether saves are taken.
    pub(crate) fn is_open(&self) -> bool {
        let inner = self.inner.lock();
        !inner.closed && inner.stop.is_none()
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }

    /// Waits for something to do, at most until `until`.
    pub(crate) fn wait(&self, until: Instant) -> Work {
        let mut inner = self.inner.lock();
        while inner.order.is_empty() && inner.commands.is_empty() && inner.stop.is_none() {
            if self.wake.wait_until(&mut inner, until).timed_out() {
                break;
            }
        }
        let take = inner.order.len().min(BATCH_MAX);
        let mut batch = Vec::with_capacity(take);
        for _ in 0..take {
            let Some(session) = inner.order.pop_front() else {
                break;
            };
            if let Some(item) = inner.saves.remove(&session) {
                inner.bytes -= item.bytes;
                batch.push(*item);
            }
        }
        Work {
            batch,
            commands: inner.commands.drain(..).collect(),
            stop: inner.stop,
            drained: inner.order.is_empty(),
        }
    }
}

/// Bytes a save holds in memory, roughly.
pub(crate) fn weight(save: &Save) -> usize {
    let row = &save.row;
    let texts = row.title.len() + row.snapshot.len() + save.report.as_ref().map_or(0, |r| r.len());
    let events: usize = save.events.iter().map(|event| event.body.len() + 48).sum();
    let requests: usize = save
        .requests
        .iter()
        .map(|r| r.reply.len() + r.id.len() + 64)
        .sum();
    let small = save.participants.len() + save.answers.len() + save.segments.len();
    512 + texts + events + requests + small * 96
}
