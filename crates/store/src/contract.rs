//! What every implementation of the records answers: the trait [`Store`] and whom it tells.
//! No implementation here.

use std::sync::Arc;
use std::time::Duration;

use protocol::id::{BootId, EffectId, Seq, SessionId, UserId};
use protocol::record::{
    AnswerRow, EventRow, HappeningRow, Loaded, ParticipantRow, Save, Saved, SessionRow,
};
use protocol::time::{Now, Wall};

use crate::coaching::Coaching;
use crate::desk::Desk;
use crate::error::StoreError;
use crate::metrics::Metrics;
use crate::rows::{
    ActiveRow, ActiveRows, Adopted, EndBucket, EndCounts, Filter, Forgotten, Health, Kind, Page,
    Reaped, SpokenRow, Trace,
};

/// Answers to saves, in the order they were decided.
pub type Answers = Vec<(EffectId, SessionId, Saved)>;

/// Whom the store's thread tells what. Called on that thread: hand it on and return.
pub struct Callbacks {
    /// Answers to saves, one batch per commit.
    pub saved: Box<dyn Fn(Answers) + Send>,
    /// Another program ended this session's row (S8). The owner ends the live session and saves
    /// the end, which is then accepted. Comes before any answer that depends on it.
    pub foreign_end: Box<dyn Fn(SessionId) + Send>,
    /// The lease of this process could not be written.
    pub lease_failed: Box<dyn Fn() + Send>,
}

impl Callbacks {
    /// Tells only of saves.
    pub fn on_saved(saved: impl Fn(Answers) + Send + 'static) -> Self {
        Self {
            saved: Box::new(saved),
            foreign_end: Box::new(|_| {}),
            lease_failed: Box::new(|| {}),
        }
    }
}

/// The records. All methods but [`Store::submit`] and [`Store::metrics`] block.
pub trait Store: Coaching + Desk {
    /// Queues a save; never blocks. The answer comes through [`Callbacks::saved`], unless a later
    /// save of the same session takes its place before it is written: then only the later one is
    /// answered (rows are absolute images and its events are a superset).
    ///
    /// # Errors
    /// `Saved::Temporary` at once when too many bytes wait, or the store is shut down.
    fn submit(&self, id: EffectId, save: Save) -> Result<(), Saved>;

    /// What there is of each of these sessions, in their order: one question for a crowd that
    /// comes at once.
    fn find(&self, sessions: &[SessionId]) -> Result<Vec<Trace>, StoreError>;

    /// A session as recovery needs it.
    fn load(&self, session: &SessionId) -> Result<Option<Loaded>, StoreError>;

    /// A session's row.
    fn session_row(&self, session: &SessionId) -> Result<Option<SessionRow>, StoreError>;

    /// Events after `after`, in order, up to `limit_bytes` of bodies; at least one if there is one.
    fn log(
        &self,
        session: &SessionId,
        after: Seq,
        limit_bytes: usize,
    ) -> Result<Vec<EventRow>, StoreError>;

    /// The candidate's row in `active_interview_sessions`.
    fn active_of(&self, user: &UserId) -> Result<Option<ActiveRow>, StoreError>;

    /// Seats, by number.
    fn participants(&self, session: &SessionId) -> Result<Vec<ParticipantRow>, StoreError>;

    /// Closed questions, by place in the plan.
    fn answers(&self, session: &SessionId) -> Result<Vec<AnswerRow>, StoreError>;

    /// Finals with their words, in the order of the log.
    fn segments(&self, session: &SessionId) -> Result<Vec<SpokenRow>, StoreError>;

    /// The report, if there is one.
    fn report(&self, session: &SessionId) -> Result<Option<Arc<str>>, StoreError>;

    /// Sessions, newest first.
    fn list_sessions(&self, filter: &Filter, page: &Page) -> Result<Vec<SessionRow>, StoreError>;

    /// Sessions that are not ended and whose owner is another boot without a lease at `now`.
    fn unfinished_of_other_boots(
        &self,
        boot: &BootId,
        now: Wall,
        limit: u32,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Scheduled sessions whose deadline is over at `now`, earliest first.
    fn overdue(&self, now: Wall, limit: u32) -> Result<Vec<SessionId>, StoreError>;

    /// Size and age of `active_interview_sessions`; nothing when the table is missing.
    fn active_rows(&self, now: Wall) -> Result<ActiveRows, StoreError>;

    /// How many sessions ended for which reason in `from..until`, in the order of the reasons.
    fn ends_by_reason(&self, from: Wall, until: Wall) -> Result<EndCounts, StoreError>;

    /// Whether it can be read and written.
    fn health(&self) -> Health;

    /// Takes over a session that is not ended from a boot whose lease is over at `now`: the new
    /// fence, with the generation one higher. A session `boot` owns already gives its fence.
    /// None: there is no such session, it is ended, or its owner lives.
    fn adopt(
        &self,
        session: &SessionId,
        boot: &BootId,
        now: Now,
    ) -> Result<Option<Adopted>, StoreError>;

    /// Takes over up to `limit` sessions that run (`active` or `completing`) and whose owner is
    /// another boot without a lease at `now`. Empty: there is none left.
    fn adopt_running(
        &self,
        boot: &BootId,
        now: Now,
        limit: u32,
    ) -> Result<Vec<(SessionId, Adopted)>, StoreError>;

    /// Takes the candidate's row out of `active_interview_sessions`, unless it names a session
    /// that is not ended: that one has to be ended instead. Whether a row went.
    fn clear_active(&self, user: &UserId) -> Result<bool, StoreError>;

    /// Puts `active_interview_sessions` right (L5, L6): makes it if it is missing, takes out rows
    /// whose session is ended and rows older than `age_ms` whose session does not exist, and puts
    /// in what running sessions lack.
    fn reap_active(&self, now: Wall, age_ms: u64) -> Result<Reaped, StoreError>;

    /// What happened around a session's log, in order (X6).
    fn happenings(&self, session: &SessionId) -> Result<Vec<HappeningRow>, StoreError>;

    /// How many sessions ended for which reason in `from..until`, in stretches of `bucket_ms` from
    /// `from` on; stretches without an end are left out. In order of time, then of the words.
    fn ends_over_time(
        &self,
        from: Wall,
        until: Wall,
        bucket_ms: u64,
    ) -> Result<Vec<EndBucket>, StoreError>;

    /// Deletes every record of an ended session and leaves a tombstone (L13).
    fn forget(&self, session: &SessionId, now: Wall) -> Result<Forgotten, StoreError>;

    /// Deletes one kind of record of at most `limit` sessions that ended before `before` (L13), and
    /// keeps when. Sessions without that kind are passed over.
    /// Which sessions were cleaned; empty when there is nothing left to do.
    fn purge(
        &self,
        kind: Kind,
        before: Wall,
        limit: u32,
        now: Wall,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Counters and latencies.
    fn metrics(&self) -> &Metrics;

    /// Writes what is queued, at most for `within`, gives the lease back and stops. Later saves
    /// are refused. True when everything queued was written or answered.
    fn shutdown(&self, within: Duration) -> bool;
}
