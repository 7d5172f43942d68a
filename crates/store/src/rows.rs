//! What readers of the store ask with and get back, beside the rows of `protocol::record`.

use std::sync::Arc;

use protocol::id::{PlanId, SessionId, UserId};
use protocol::record::{Fence, SegmentRow};
use protocol::time::Wall;
use protocol::value::{EndReason, Status};

/// A candidate's row in `active_interview_sessions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveRow {
    /// The session it names.
    pub session: SessionId,
    /// `active` or `completing`.
    pub status: Status,
    /// When the row was made.
    pub created_at: Wall,
}

/// How many rows `active_interview_sessions` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActiveRows {
    /// Rows.
    pub count: u64,
    /// Age of the oldest, milliseconds; none without rows.
    pub oldest_age_ms: Option<u64>,
}

/// A final with the event that holds its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpokenRow {
    /// Where it stands.
    pub segment: SegmentRow,
    /// The event's body.
    pub body: Arc<str>,
}

/// Which sessions to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only these.
    pub status: Option<Status>,
    /// Only sessions made at this time or later.
    pub since: Option<Wall>,
    /// Only sessions of this candidate.
    pub candidate: Option<UserId>,
}

/// Which part of a list, newest session first.
#[derive(Debug, Clone)]
pub struct Page {
    /// Go on behind this session: its `created_at` and id, from the last row of the page before.
    pub after: Option<(Wall, SessionId)>,
    /// At most so many; never more than [`PAGE_ROWS_MAX`].
    pub limit: u32,
}

/// Most rows of one page.
pub const PAGE_ROWS_MAX: u32 = 200;

/// How the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// A read came back.
    pub readable: bool,
    /// The last write did not fail because the database was away.
    pub writable: bool,
}

/// What became of a wish to delete a session's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// Deleted, with its tombstone.
    Done,
    /// Still running: end it first.
    NotEnded,
    /// There is none of that id, or it was deleted before.
    Unknown,
}

/// What of an ended session is kept for how long.
pub use protocol::record::DataKind as Kind;
pub use protocol::record::{JobState, ReportJob, ReportPlace};

/// A plan made through the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRow {
    /// Its id.
    pub plan: PlanId,
    /// Its text; none: a plan of that id is taken out of the bank.
    pub body: Option<Arc<str>>,
    /// When it was put or taken out.
    pub changed_at: Wall,
}

/// How many sessions ended for a reason.
pub type EndCounts = Vec<(EndReason, u64)>;

/// How many sessions ended for a reason within one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndBucket {
    /// Where the stretch begins.
    pub from: Wall,
    /// Why they ended.
    pub reason: EndReason,
    /// How many.
    pub count: u64,
    /// How long they were active, milliseconds, all together.
    pub duration_ms: u64,
}

/// A session taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The right to write it.
    pub fence: Fence,
    /// How long its owner had been gone, at least, milliseconds; 0 when it was ours already.
    pub away_ms: u64,
}

/// How `active_interview_sessions` was put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reaped {
    /// Rows of no running session that were taken out.
    pub gone: u64,
    /// Rows of running sessions that were missing.
    pub come: u64,
}

/// What the records have of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Nothing.
    Nothing,
    /// Its row.
    Kept,
    /// That it was deleted as a whole: its id is never used again.
    Deleted,
}
