//! The one thread that writes: groups saves into transactions, runs commands between them, keeps
//! the lease of this process, looks for changes by other programs, checkpoints, and opens the
//! connection again when it fails.
//!
//! Invariants: an answer leaves only after its transaction is over; when it is not known to be
//! committed, the answer is `Temporary`.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use protocol::id::{BootId, EffectId, SessionId};
use protocol::record::Saved;
use protocol::time::Now;
use rusqlite::{Connection, Error, ErrorCode, TransactionBehavior};

use crate::metrics::Metrics;
use crate::sqlite::queue::{Item, Queue, Work};
use crate::sqlite::{admin, reap, save, schema};
use crate::{Answers, Callbacks, StoreError};

/// How often other programs' changes are looked for (S8).
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Longest pause before the connection is tried again.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// Shortest such pause.
const BACKOFF_MIN: Duration = Duration::from_millis(50);

/// Pages in the log file that make a checkpoint worth it when there is nothing else to do.
const CHECKPOINT_PAGES: i64 = 1000;

/// Pages in the log file that make a checkpoint due whatever waits. Rare enough that one save in
/// some hundreds meets it, so it does not show in the 99th percentile.
const CHECKPOINT_PAGES_MAX: i64 = 4000;

/// Commits after which a busy writer looks at the size of the log file.
const CHECKPOINT_COMMITS: u32 = 256;

/// How long after its loss was noticed `active_interview_sessions` is made anew.
const REMAKE_AFTER: Duration = Duration::from_secs(1);

/// What the thread is given.
pub(crate) struct Settings {
    pub(crate) path: PathBuf,
    pub(crate) opening: schema::Opening,
    pub(crate) boot: BootId,
    pub(crate) lease: Duration,
    pub(crate) lease_every: Duration,
    pub(crate) hooks: bool,
    pub(crate) now: Box<dyn Fn() -> Now + Send>,
    /// Names the monotonic clock.
    pub(crate) clock: String,
    #[cfg(test)]
    pub(crate) faults: Arc<crate::sqlite::Faults>,
}

/// The thread's state.
pub(crate) struct Writer {
    settings: Settings,
    queue: Arc<Queue>,
    metrics: Arc<Metrics>,
    callbacks: Callbacks,
    connection: Option<Connection>,
    retry_at: Instant,
    backoff: Duration,
    lease_at: Instant,
    look_at: Instant,
    data_version: i64,
    /// Transactions since the log file's size was last looked at.
    commits: u32,
    warned_table: bool,
    /// When `active_interview_sessions` is made anew.
    remake_at: Option<Instant>,
    /// Sessions ended by other programs of which the owner was told.
    told: HashSet<SessionId>,
    drained: bool,
}

/// Closes the queue however the thread ends, so that nobody waits for it.
struct Closing(Arc<Queue>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Writer {
    /// A writer on an open, migrated connection whose lease was just written.
    pub(crate) fn new(
        settings: Settings,
        queue: Arc<Queue>,
        metrics: Arc<Metrics>,
        callbacks: Callbacks,
        connection: Connection,
    ) -> Self {
        let now = Instant::now();
        Self {
            lease_at: now + settings.lease_every,
            settings,
            queue,
            metrics,
            callbacks,
            connection: Some(connection),
            retry_at: now,
            backoff: BACKOFF_MIN,
            look_at: now,
            data_version: -1,
            commits: 0,
            warned_table: false,
            remake_at: None,
            told: HashSet::new(),
            drained: false,
        }
    }

    /// Runs until the queue is stopped; whether everything queued was dealt with.
    pub(crate) fn run(mut self) -> bool {
        let _closing = Closing(Arc::clone(&self.queue));
        loop {
            let work = self.queue.wait(self.lease_at.min(self.look_at));
            let stop = work.stop;
            let quiet = work.batch.is_empty() && work.commands.is_empty();
            let drained = work.drained;
            self.work(work);
            let bytes = u64::try_from(self.queue.bytes()).unwrap_or(u64::MAX);
            self.metrics.queued_bytes.store(bytes, Ordering::Relaxed);
            if let Some(stop) = stop {
                self.drained = drained;
                if drained || Instant::now() >= stop.until {
                    break;
                }
                continue;
            }
            self.lease();
            self.look();
            self.remake();
            self.checkpoint(quiet);
        }
        self.leave();
        self.drained
    }

    fn work(&mut self, work: Work) {
        if !work.batch.is_empty() {
            self.commit(&work.batch);
        }
        for command in work.commands {
            self.reopen();
            match self.connection.as_mut() {
                Some(connection) => {
                    command(Ok(connection));
                    self.commits += 1;
                }
                None => command(Err(StoreError::Busy)),
            }
        }
    }

    /// Writes a batch and delivers what became of it.
    fn commit(&mut self, batch: &[Item]) {
        self.reopen();
        let mut foreign = Vec::new();
        let answers = match self.connection.as_mut() {
            None => all_temporary(batch),
            Some(connection) => match transaction(connection, batch, &self.settings) {
                Ok(outcome) => {
                    foreign = outcome.foreign;
                    self.succeeded(batch, &outcome.answers, &outcome.starts);
                    if outcome.table_missing > 0 {
                        self.table_missing(outcome.table_missing);
                    }
                    outcome.answers
                }
                Err(error) => {
                    self.failed(&error);
                    all_temporary(batch)
                }
            },
        };
        for (_, _, saved) in &answers {
            match saved {
                Saved::Temporary => Metrics::count(&self.metrics.saves_temporary),
                Saved::Rejected => Metrics::count(&self.metrics.saves_rejected),
                Saved::Fenced => Metrics::count(&self.metrics.saves_fenced),
                Saved::Committed(_) | Saved::ActiveElsewhere(_) => {}
            }
        }
        for session in foreign {
            (self.callbacks.foreign_end)(session);
        }
        (self.callbacks.saved)(answers);
    }

    fn succeeded(&mut self, batch: &[Item], answers: &Answers, starts: &[EffectId]) {
        self.recovered();
        self.commits += 1;
        Metrics::count(&self.metrics.commits);
        self.metrics
            .batch_sizes
            .record(u64::try_from(batch.len()).unwrap_or(u64::MAX));
        let now = Instant::now();
        for (item, (_, _, saved)) in batch.iter().zip(answers) {
            if matches!(saved, Saved::Committed(_)) {
                self.metrics
                    .saved(now - item.since, starts.contains(&item.id));
            }
        }
    }

    fn table_missing(&mut self, saves: u64) {
        self.metrics
            .active_table_missing
            .fetch_add(saves, Ordering::Relaxed);
        self.table_lost();
    }

    /// `active_interview_sessions` is not there.
    fn table_lost(&mut self) {
        self.remake_at
            .get_or_insert_with(|| Instant::now() + REMAKE_AFTER);
        if !std::mem::replace(&mut self.warned_table, true) {
            tracing::warn!(
                "table active_interview_sessions is missing: interviews go on, one session per \
                 candidate is not checked until it is made anew"
            );
        }
    }

    /// Makes `active_interview_sessions` anew and puts into it what runs, a page at a time.
    fn remake(&mut self) {
        let due = self.remake_at.is_some_and(|at| at <= Instant::now());
        let Some(connection) = self.connection.as_mut().filter(|_| due) else {
            return;
        };
        let now = (self.settings.now)().wall;
        let amiss = reap::amiss_alone(connection);
        match amiss.and_then(|amiss| reap::put_right(connection, amiss, now, u64::MAX)) {
            Ok(reaped) => {
                self.commits += 1;
                if reaped.come < u64::from(reap::ALONE_ROWS) {
                    self.remake_at = None;
                    self.warned_table = false;
                    tracing::warn!("table active_interview_sessions was made anew");
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    /// The database answered.
    fn recovered(&mut self) {
        self.backoff = BACKOFF_MIN;
        if self.metrics.away.swap(false, Ordering::Relaxed) {
            tracing::info!("the database is back");
        }
    }

    /// The database failed: drop the connection if it may be the cause.
    fn failed(&mut self, error: &Error) {
        if !self.metrics.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "the database is away");
        }
        let keep = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull)
        );
        if !keep {
            self.connection = None;
        }
        self.retry_at = Instant::now() + self.backoff;
        self.lease_at = self.lease_at.min(self.retry_at);
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
    }

    /// Opens the connection again if it was lost and its pause is over.
    fn reopen(&mut self) {
        if self.connection.is_some() || Instant::now() < self.retry_at {
            return;
        }
        match schema::open_writer(&self.settings.path, self.settings.opening, false) {
            Ok(connection) => {
                Metrics::count(&self.metrics.reopened);
                self.connection = Some(connection);
                self.data_version = -1;
            }
            Err(error) => {
                tracing::warn!(%error, "the database cannot be opened");
                self.retry_at = Instant::now() + self.backoff;
                self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
            }
        }
    }

    /// Writes the lease when it is due; while the database is away that is also how its return
    /// is noticed.
    fn lease(&mut self) {
        if Instant::now() < self.lease_at {
            return;
        }
        self.reopen();
        let written = match self.connection.as_mut() {
            None => false,
            Some(connection) => match write_lease(connection, &self.settings, false) {
                Ok(()) => {
                    self.recovered();
                    self.commits += 1;
                    true
                }
                Err(error) => {
                    self.failed(&error);
                    false
                }
            },
        };
        let pause = if written {
            self.settings.lease_every
        } else {
            self.backoff
        };
        self.lease_at = Instant::now() + pause.min(self.settings.lease_every);
        if !written {
            Metrics::count(&self.metrics.lease_failures);
            (self.callbacks.lease_failed)();
        }
    }

    /// Looks whether another connection has committed, and if so which of our sessions it ended.
    fn look(&mut self) {
        if Instant::now() < self.look_at {
            return;
        }
        self.look_at = Instant::now() + LOOK_EVERY;
        let Some(connection) = self.connection.as_ref() else {
            return;
        };
        let found = match admin::data_version(connection) {
            Ok(version) if version == self.data_version => return,
            Ok(version) => admin::ended_elsewhere(connection, &self.settings.boot)
                .and_then(|sessions| Ok((version, sessions, admin::has_active_table(connection)?))),
            Err(error) => Err(error),
        };
        match found {
            Ok((version, sessions, has_table)) => {
                self.data_version = version;
                if !has_table {
                    self.table_lost();
                }
                let told = std::mem::replace(&mut self.told, sessions.iter().cloned().collect());
                for session in sessions {
                    if !told.contains(&session) {
                        Metrics::count(&self.metrics.ended_elsewhere);
                        (self.callbacks.foreign_end)(session);
                    }
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Moves committed pages into the database file: when quiet and it is worth it, else when due.
    fn checkpoint(&mut self, quiet: bool) {
        if self.commits == 0 || !quiet && self.commits < CHECKPOINT_COMMITS {
            return;
        }
        let Some(connection) = self.connection.as_ref() else {
            return;
        };
        self.commits = 0;
        let limit = if quiet {
            CHECKPOINT_PAGES
        } else {
            CHECKPOINT_PAGES_MAX
        };
        let done = admin::pages_waiting(connection).and_then(|pages| {
            if pages < limit {
                return Ok(());
            }
            admin::checkpoint(connection)?;
            Metrics::count(&self.metrics.checkpoints);
            Ok(())
        });
        if let Err(error) = done {
            tracing::debug!(%error, "no checkpoint");
        }
    }

    /// Gives the lease back and tidies up.
    fn leave(&mut self) {
        self.reopen();
        let Some(connection) = self.connection.as_mut() else {
            return;
        };
        let left = write_lease(connection, &self.settings, true)
            .and_then(|()| admin::checkpoint(connection));
        if let Err(error) = left {
            tracing::warn!(%error, "the lease could not be given back");
        }
    }
}

/// Writes the lease, or gives it back.
fn write_lease(
    connection: &mut Connection,
    settings: &Settings,
    leaves: bool,
) -> Result<(), Error> {
    let moment = admin::Moment {
        now: (settings.now)(),
        clock: &settings.clock,
        lease_ms: if leaves { 0 } else { millis(settings.lease) },
    };
    admin::lease(connection, &settings.boot, &moment, leaves)
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn all_temporary(batch: &[Item]) -> Answers {
    batch
        .iter()
        .map(|item| (item.id, item.save.session.clone(), Saved::Temporary))
        .collect()
}

/// What a committed transaction came to.
struct Outcome {
    answers: Answers,
    starts: Vec<EffectId>,
    foreign: Vec<SessionId>,
    table_missing: u64,
}

/// One transaction for a batch. An error means that nothing of it is known to be written.
fn transaction(
    connection: &mut Connection,
    batch: &[Item],
    settings: &Settings,
) -> Result<Outcome, Error> {
    let mut outcome = Outcome {
        answers: Vec::with_capacity(batch.len()),
        starts: Vec::new(),
        foreign: Vec::new(),
        table_missing: 0,
    };
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for item in batch {
        let mut savepoint = transaction.savepoint()?;
        let saved = match save::apply(&savepoint, &item.save, settings.hooks) {
            Ok(applied) => {
                if applied.start {
                    outcome.starts.push(item.id);
                }
                if applied.ended_elsewhere {
                    outcome.foreign.push(item.save.session.clone());
                }
                outcome.table_missing += u64::from(applied.table_missing);
                applied.saved
            }
            Err(error) if is_ours(&error) => {
                tracing::error!(session = %item.save.session, %error, "a save was rejected");
                Saved::Rejected
            }
            Err(error) => return Err(error),
        };
        if matches!(saved, Saved::Committed(_)) {
            savepoint.commit()?;
        } else {
            savepoint.rollback()?;
            savepoint.commit()?;
        }
        outcome
            .answers
            .push((item.id, item.save.session.clone(), saved));
    }
    #[cfg(test)]
    settings.faults.before_commit()?;
    transaction.commit()?;
    #[cfg(test)]
    settings.faults.after_commit()?;
    Ok(outcome)
}

/// Whether an error is the save's own fault, so that trying again is useless.
fn is_ours(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch)
    )
}
