//! The records in SQLite: one process, one file, one thread that writes, a few connections that
//! read.
//!
//! Invariants: a second process that wants to write is refused (a lock on `<file>.lock` that dies
//! with the process), so every other boot in the tables is gone; `synchronous=FULL`, so committed
//! means on disk.

mod admin;
mod coaching;
mod columns;
mod desk;
mod pool;
mod queue;
mod read;
mod reader;
mod reap;
mod save;
pub(crate) mod schema;
mod stopwatch;
mod writer;

pub use desk::DeskFile;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::time::Duration;

use parking_lot::Mutex;
use protocol::id::{BootId, EffectId, Seq, SessionId, UserId};
use protocol::record::{
    AnswerRow, EventRow, HappeningRow, Loaded, ParticipantRow, Save, Saved, SessionRow,
};
use protocol::time::{Now, Wall};
use rusqlite::{Connection, Error};

pub use self::reader::Reader;
use crate::error::StoreError;
use crate::metrics::Metrics;
use crate::rows::{
    ActiveRow, ActiveRows, Adopted, EndBucket, EndCounts, Filter, Forgotten, Health, Kind, Page,
    Reaped, SpokenRow, Trace,
};
use crate::sqlite::pool::Pool;
use crate::sqlite::queue::{Queue, Queued};
pub use crate::sqlite::stopwatch::{Shown, Stopwatch};
use crate::sqlite::writer::{Settings, Writer};
use crate::{Callbacks, Store};

/// How to open the records.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database file; its folder must exist. Beside it: `-wal`, `-shm` and `.lock`.
    pub path: PathBuf,
    /// Bytes of saves that may wait for the disk; beyond it they are answered `Temporary`.
    pub queue_bytes_max: usize,
    /// How long a write waits for another program's lock before it is `Temporary`.
    pub busy: Duration,
    /// Connections for reading.
    pub readers: usize,
    /// Bytes of the database each connection keeps in memory.
    pub cache_bytes: u64,
    /// How long a reader or a command waits for its turn and its answer.
    pub wait: Duration,
    /// How long this process counts as alive after its last sign of life.
    pub lease: Duration,
    /// How often it gives one.
    pub lease_every: Duration,
    /// Starts, ends and reports are noted for webhooks.
    pub hooks: bool,
    /// Names the monotonic clock leases are written with: times of another process on a clock of
    /// the same name can be compared. Empty: none can.
    pub clock: String,
}

impl Config {
    /// The defaults for a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            queue_bytes_max: 64 << 20,
            busy: Duration::from_millis(250),
            readers: 4,
            cache_bytes: schema::CACHE_BYTES,
            wait: Duration::from_secs(10),
            lease: Duration::from_secs(15),
            lease_every: Duration::from_secs(5),
            hooks: false,
            clock: String::new(),
        }
    }
}

/// How long the thread may take to leave beyond the time it was given.
const LEAVE: Duration = Duration::from_secs(5);

/// Failures the tests order.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// So many commits fail before they happen.
    pub(crate) fail_before: std::sync::atomic::AtomicU32,
    /// So many commits happen, and then an error is reported.
    pub(crate) fail_after: std::sync::atomic::AtomicU32,
}

#[cfg(test)]
impl Faults {
    fn strike(count: &std::sync::atomic::AtomicU32) -> Result<(), Error> {
        let left = count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        match left {
            Ok(_) => Err(Error::SqliteFailure(rusqlite::ffi::Error::new(10), None)),
            Err(_) => Ok(()),
        }
    }

    pub(crate) fn before_commit(&self) -> Result<(), Error> {
        Self::strike(&self.fail_before)
    }

    pub(crate) fn after_commit(&self) -> Result<(), Error> {
        Self::strike(&self.fail_after)
    }
}

/// The records in a SQLite file.
pub struct Sqlite {
    queue: Arc<Queue>,
    pool: Pool,
    metrics: Arc<Metrics>,
    wait: Duration,
    clock: String,
    sign_every_ms: u64,
    /// What the thread says when it is over: whether everything queued was dealt with.
    over: Mutex<Receiver<bool>>,
    drained: AtomicBool,
    #[cfg(test)]
    pub(crate) faults: Arc<Faults>,
}

impl Sqlite {
    /// Checks the library, locks out other processes, brings the tables up to date, registers
    /// this boot and starts the writing thread. `now` is read for every lease.
    ///
    /// # Errors
    /// A library with a known loss of commits, another process, a newer schema, or a file that
    /// cannot be used.
    pub fn open(
        config: &Config,
        boot: BootId,
        now: impl Fn() -> Now + Send + 'static,
        callbacks: Callbacks,
    ) -> Result<Self, StoreError> {
        schema::check_library()?;
        let lock = lock(&config.path)?;
        let opening = schema::Opening {
            busy: config.busy,
            cache_bytes: config.cache_bytes,
        };
        let mut connection = schema::open_writer(&config.path, opening, true)?;
        schema::migrate(&mut connection)?;
        let moment = admin::Moment {
            now: now(),
            clock: &config.clock,
            lease_ms: writer::millis(config.lease),
        };
        admin::register(&mut connection, &boot, &moment)?;

        let metrics = Arc::new(Metrics::default());
        let queue = Arc::new(Queue::new(config.queue_bytes_max));
        #[cfg(test)]
        let faults = Arc::new(Faults::default());
        let settings = Settings {
            path: config.path.clone(),
            opening,
            boot,
            lease: config.lease,
            lease_every: config.lease_every,
            hooks: config.hooks,
            now: Box::new(now),
            clock: config.clock.clone(),
            #[cfg(test)]
            faults: Arc::clone(&faults),
        };
        let writer = Writer::new(
            settings,
            Arc::clone(&queue),
            Arc::clone(&metrics),
            callbacks,
            connection,
        );
        let (ends, over) = channel();
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                let drained = writer.run();
                // The lock goes after the connection, so that no two processes ever write.
                drop(lock);
                // Nobody may be waiting.
                let _ = ends.send(drained);
            })
            .map_err(StoreError::Io)?;
        Ok(Self {
            queue,
            pool: Pool::new(config.path.clone(), config.readers, opening, config.wait),
            metrics,
            wait: config.wait,
            clock: config.clock.clone(),
            sign_every_ms: writer::millis(config.lease_every),
            over: Mutex::new(over),
            drained: AtomicBool::new(false),
            #[cfg(test)]
            faults,
        })
    }

    /// Runs something on the write connection, for tests.
    #[cfg(test)]
    pub(crate) fn on_writer(&self, sql: &'static str) {
        self.command(move |connection| connection.execute_batch(sql))
            .unwrap();
    }

    /// Asks a connection that can only read.
    fn ask<T>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        self.pool.ask(read)
    }

    /// Runs something on the write connection and waits for its answer.
    fn command<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = sync_channel(1);
        self.queue.command(Box::new(move |connection| {
            let done = connection.and_then(|connection| run(connection).map_err(StoreError::from));
            // Nobody waits any more after the deadline.
            let _ = answer.send(done);
        }))?;
        match answered.recv_timeout(self.wait) {
            Ok(done) => done,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => Err(StoreError::TimedOut),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Err(StoreError::Closed),
        }
    }
}

/// Locks `<file>.lock` for the life of the returned file.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(name)
        .map_err(StoreError::Io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(StoreError::Io(error)),
    }
}

impl Drop for Sqlite {
    /// Stops without writing what is queued; [`Store::shutdown`] first writes it.
    fn drop(&mut self) {
        self.shutdown(Duration::ZERO);
    }
}

impl Store for Sqlite {
    fn submit(&self, id: EffectId, save: Save) -> Result<(), Saved> {
        match self.queue.push(id, save) {
            Ok(Queued { replaced, bytes }) => {
                if replaced {
                    Metrics::count(&self.metrics.saves_replaced);
                }
                let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
                self.metrics.queued_bytes.store(bytes, Ordering::Relaxed);
                Ok(())
            }
            Err(queue::Refused) => {
                Metrics::count(&self.metrics.saves_temporary);
                Err(Saved::Temporary)
            }
        }
    }

    fn find(&self, sessions: &[SessionId]) -> Result<Vec<Trace>, StoreError> {
        self.pool.ask(|connection| read::find(connection, sessions))
    }

    fn load(&self, session: &SessionId) -> Result<Option<Loaded>, StoreError> {
        self.pool.ask(|connection| read::load(connection, session))
    }

    fn session_row(&self, session: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        self.pool
            .ask(|connection| read::session_row(connection, session))
    }

    fn log(
        &self,
        session: &SessionId,
        after: Seq,
        limit_bytes: usize,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.pool
            .ask(|connection| read::log(connection, session, after, limit_bytes))
    }

    fn active_of(&self, user: &UserId) -> Result<Option<ActiveRow>, StoreError> {
        self.pool
            .ask(|connection| read::active_of(connection, user))
    }

    fn participants(&self, session: &SessionId) -> Result<Vec<ParticipantRow>, StoreError> {
        self.pool
            .ask(|connection| read::participants(connection, session))
    }

    fn answers(&self, session: &SessionId) -> Result<Vec<AnswerRow>, StoreError> {
        self.pool
            .ask(|connection| read::answers(connection, session))
    }

    fn segments(&self, session: &SessionId) -> Result<Vec<SpokenRow>, StoreError> {
        self.pool
            .ask(|connection| read::segments(connection, session))
    }

    fn report(&self, session: &SessionId) -> Result<Option<Arc<str>>, StoreError> {
        self.pool
            .ask(|connection| read::report(connection, session))
    }

    fn list_sessions(&self, filter: &Filter, page: &Page) -> Result<Vec<SessionRow>, StoreError> {
        self.pool
            .ask(|connection| read::list_sessions(connection, filter, page))
    }

    fn unfinished_of_other_boots(
        &self,
        boot: &BootId,
        now: Wall,
        limit: u32,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.pool
            .ask(|connection| read::unfinished_of_other_boots(connection, boot, now, limit))
    }

    fn overdue(&self, now: Wall, limit: u32) -> Result<Vec<SessionId>, StoreError> {
        self.pool
            .ask(|connection| read::overdue(connection, now, limit))
    }

    fn active_rows(&self, now: Wall) -> Result<ActiveRows, StoreError> {
        self.pool
            .ask(|connection| read::active_rows(connection, now))
    }

    fn ends_by_reason(&self, from: Wall, until: Wall) -> Result<EndCounts, StoreError> {
        self.pool
            .ask(|connection| read::ends_by_reason(connection, from, until))
    }

    fn health(&self) -> Health {
        let asked = self.pool.ask(|connection| {
            connection
                .prepare_cached("SELECT 1 FROM schema_version LIMIT 1")?
                .exists([])
        });
        Health {
            readable: asked.unwrap_or(false),
            writable: self.queue.is_open() && !self.metrics.away.load(Ordering::Relaxed),
        }
    }

    fn adopt(
        &self,
        session: &SessionId,
        boot: &BootId,
        now: Now,
    ) -> Result<Option<Adopted>, StoreError> {
        let (session, boot) = (session.clone(), boot.clone());
        let (clock, sign_every_ms) = (self.clock.clone(), self.sign_every_ms);
        self.command(move |connection| {
            let heir = admin::Heir {
                boot: &boot,
                now,
                clock: &clock,
                sign_every_ms,
            };
            admin::adopt(connection, &session, &heir)
        })
    }

    fn adopt_running(
        &self,
        boot: &BootId,
        now: Now,
        limit: u32,
    ) -> Result<Vec<(SessionId, Adopted)>, StoreError> {
        let boot = boot.clone();
        let (clock, sign_every_ms) = (self.clock.clone(), self.sign_every_ms);
        self.command(move |connection| {
            let heir = admin::Heir {
                boot: &boot,
                now,
                clock: &clock,
                sign_every_ms,
            };
            admin::adopt_running(connection, &heir, limit)
        })
    }

    fn clear_active(&self, user: &UserId) -> Result<bool, StoreError> {
        let user = user.clone();
        self.command(move |connection| admin::clear_active(connection, &user))
    }

    fn reap_active(&self, now: Wall, age_ms: u64) -> Result<Reaped, StoreError> {
        let mut all = Reaped::default();
        // Readers look; the writer is asked only for what there is to do, so much at a time.
        loop {
            let look = |connection: &mut Connection| reap::amiss(connection, now, age_ms);
            let amiss = self.pool.ask(look)?;
            if !amiss.anything() {
                break;
            }
            let metrics = Arc::clone(&self.metrics);
            let reaped = self.command(move |connection| {
                let watch = Stopwatch::start();
                let reaped = reap::put_right(connection, amiss, now, age_ms);
                let shown = watch.show();
                metrics.reap_us.record(shown.us);
                metrics
                    .reap_waited_us
                    .fetch_add(shown.waited_us, Ordering::Relaxed);
                reaped
            })?;
            all.gone += reaped.gone;
            all.come += reaped.come;
            self.metrics
                .active_rows_reaped
                .fetch_add(reaped.gone, Ordering::Relaxed);
            if reaped == Reaped::default() {
                break;
            }
        }
        Ok(all)
    }

    fn happenings(&self, session: &SessionId) -> Result<Vec<HappeningRow>, StoreError> {
        self.pool
            .ask(|connection| read::happenings(connection, session))
    }

    fn ends_over_time(
        &self,
        from: Wall,
        until: Wall,
        bucket_ms: u64,
    ) -> Result<Vec<EndBucket>, StoreError> {
        self.pool
            .ask(|connection| read::ends_over_time(connection, (from, until), bucket_ms))
    }

    fn forget(&self, session: &SessionId, now: Wall) -> Result<Forgotten, StoreError> {
        let session = session.clone();
        self.command(move |connection| admin::forget(connection, &session, Kind::Everything, now))
    }

    fn purge(
        &self,
        kind: Kind,
        before: Wall,
        limit: u32,
        now: Wall,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.command(move |connection| admin::purge(connection, kind, before, limit, now))
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn shutdown(&self, within: Duration) -> bool {
        self.queue.stop(within);
        // A batch that was begun is finished, and the lease given back.
        if let Ok(drained) = self.over.lock().recv_timeout(within + LEAVE) {
            self.drained.store(drained, Ordering::Relaxed);
        }
        self.drained.load(Ordering::Relaxed)
    }
}
