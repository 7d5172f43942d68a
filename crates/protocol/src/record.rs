//! What is written down: rows as absolute images, as the engine hands them to the store. Plain
//! values; no SQL here, no rules there.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{
    BootId, Epoch, Generation, KeyHash, Participant, QuestionId, Seq, SessionId, StreamId, UserId,
};
use crate::time::Wall;
use crate::value::{Audience, EndReason, Outcome, Role, Status, words};

/// Everything one session wants written, in one transaction. Repeating it is harmless: rows are
/// absolute images, events are kept as first written.
#[derive(Debug, Clone, PartialEq)]
pub struct Save {
    /// Which session.
    pub session: SessionId,
    /// Who owns it; the store refuses a lower generation or another boot (`Saved::Fenced`).
    pub fence: Fence,
    /// The session's row as it should be.
    pub row: SessionRow,
    /// Events from the first uncommitted one on, without a hole.
    pub events: Vec<EventRow>,
    /// What becomes of the candidate's row in `active_interview_sessions` (L6).
    pub active: ActiveChange,
    /// Seats as they are; written whole when something changed since the last save.
    pub participants: Vec<ParticipantRow>,
    /// Questions closed with these events.
    pub answers: Vec<AnswerRow>,
    /// Finals among these events.
    pub segments: Vec<SegmentRow>,
    /// Requests answered durably with these events.
    pub requests: Vec<RequestRow>,
    /// The report, when the session ends.
    pub report: Option<Arc<str>>,
    /// What happened around the log since the last save: who came, went, took over.
    pub happenings: Vec<HappeningRow>,
}

/// The right to write a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The process run that owns it.
    pub boot: BootId,
    /// The owner generation; grows with every change of owner.
    pub generation: Generation,
}

/// A row of `sessions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Key.
    pub session: SessionId,
    /// Where it is in its life.
    pub status: Status,
    /// Set exactly when `status` is `ended`.
    pub reason: Option<EndReason>,
    /// Who ended it, where a person or program did.
    pub ended_by: Option<UserId>,
    /// The candidate, once known.
    pub candidate: Option<UserId>,
    /// For people.
    pub title: Arc<str>,
    /// Plan, invitations, question times and options as versioned JSON; read back on recovery.
    pub snapshot: Arc<str>,
    /// The log's incarnation.
    pub epoch: Epoch,
    /// The last event's place after this save.
    pub seq: Seq,
    /// When it was made.
    pub created_at: Wall,
    /// When it became active.
    pub started_at: Option<Wall>,
    /// When it ended.
    pub ended_at: Option<Wall>,
    /// From start to end by the monotonic clock, milliseconds; set with the end.
    pub duration_ms: Option<u64>,
    /// When something must happen at the latest: never empty before the end.
    pub deadline_at: Option<Wall>,
    /// When somebody last did something.
    pub last_activity_at: Wall,
}

/// What a save does to the candidate's row in `active_interview_sessions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActiveChange {
    /// Leave it.
    Keep,
    /// There is to be a row with this status and this session; one of another session answers
    /// `Saved::ActiveElsewhere` and nothing is written, unless `force`.
    Upsert {
        /// `active` or `completing`.
        status: Status,
        /// Take the row from another session.
        force: bool,
    },
    /// There is to be no row of this session.
    Delete,
}

/// A row of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Place.
    pub seq: Seq,
    /// When it was recorded.
    pub at: Wall,
    /// Who may see it.
    pub audience: Audience,
    /// The event as sent: a flat JSON object without `seq` and `prev`.
    pub body: Arc<str>,
}

/// A row of `participants`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantRow {
    /// Who.
    pub user: UserId,
    /// Their number in the session.
    pub participant: Participant,
    /// As what.
    pub role: Role,
    /// Which connection holds the seat, as a growing number.
    pub generation: Generation,
    /// When they first came.
    pub joined_at: Option<Wall>,
    /// What the holder's resume key is known by (L2); none: nobody ever held it.
    pub key: Option<KeyHash>,
    /// Since when nobody is connected; none: somebody is, or nobody ever was.
    pub away_since: Option<Wall>,
    /// Whether the seat is kept; one that was given up stays as a row to remember them by.
    pub seated: bool,
}

/// A row of `happenings`: one fact of a session's life that is not in its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HappeningRow {
    /// Its place, 1, 2, 3 … per session.
    pub place: u32,
    /// When.
    pub at: Wall,
    /// What.
    pub what: Happening,
    /// Whom it is about; none: the session.
    pub user: Option<UserId>,
    /// More in a word: a role, a connection, a reason; maybe empty.
    pub detail: Box<str>,
}

words! {
    /// What can happen to a session beside its log (X6).
    Happening {
        /// A member came for the first time.
        Joined = "joined",
        /// A member came again with the resume key.
        Resumed = "resumed",
        /// A member came again without the resume key.
        Rejoined = "rejoined",
        /// A newer connection took a member's seat.
        TookOver = "took_over",
        /// A takeover was refused: too many, or against the policy.
        TakeoverRefused = "takeover_refused",
        /// A member's connection was lost.
        Disconnected = "disconnected",
        /// A member left, or did not come back in time.
        Left = "left",
        /// The store was slow or away; words went out marked.
        Degraded = "degraded",
        /// Everything is stored again.
        Restored = "restored",
        /// Another process took the session over from one that died or stopped.
        Recovered = "recovered",
        /// A code to move to another device was given out (L10).
        TransferOffered = "transfer_offered",
        /// Further facts were not kept: the bound was reached.
        Truncated = "truncated",
    }
}

/// A row of `answers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// Which question.
    pub question: QuestionId,
    /// 0-based place in the plan.
    pub index: u32,
    /// How it was closed.
    pub outcome: Outcome,
    /// When it was put, milliseconds of the session.
    pub from_ms: u64,
    /// When it was closed, milliseconds of the session.
    pub to_ms: u64,
    /// Its limit, milliseconds.
    pub limit_ms: u64,
}

/// A row of `segments`: where to find a final in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRow {
    /// The event that holds the words.
    pub seq: Seq,
    /// Who spoke.
    pub user: UserId,
    /// Which stream.
    pub stream: StreamId,
    /// Which utterance of it.
    pub utterance: u32,
    /// The question it belongs to.
    pub question: Option<QuestionId>,
    /// Milliseconds of the stream.
    pub start_ms: u64,
    /// Milliseconds of the stream.
    pub end_ms: u64,
}

/// A row of `requests`: a request with an `id`, and the answer it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Who asked.
    pub user: UserId,
    /// Their `id`.
    pub id: Box<str>,
    /// The reply's fields.
    pub reply: Arc<str>,
}

/// What became of a [`Save`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// All of it is on disk; the log reaches to here.
    Committed(Seq),
    /// The candidate's active row belongs to this other session; nothing was written.
    ActiveElsewhere(Box<Elsewhere>),
    /// Somebody else owns the session; nothing was written.
    Fenced,
    /// Not now (locked, full, away); nothing is known to be written, try again.
    Temporary,
    /// Never (a constraint we broke); nothing was written.
    Rejected,
}

/// The session that holds a candidate's active row against another one's start (L7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Which.
    pub session: SessionId,
    /// Its row; none: the active row is all there is of it.
    pub row: Option<SessionRow>,
    /// The candidate's seat in it, if they ever had one.
    pub seat: Option<ParticipantRow>,
}

/// An end as far as it has begun: what is known of it before it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndBegun {
    /// Why.
    pub reason: EndReason,
    /// Who ended it, where a person or program did.
    pub by: Option<UserId>,
    /// When.
    pub at: Wall,
    /// From start to end by the monotonic clock, milliseconds.
    pub duration_ms: u64,
}

/// A session as read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The row.
    pub row: SessionRow,
    /// Who owned it when it was read.
    pub fence: Fence,
    /// Seats.
    pub participants: Vec<ParticipantRow>,
    /// Requests answered durably.
    pub requests: Vec<RequestRow>,
    /// Last seq per role that a member of it was entitled to, index = [`Role::index`].
    pub last_seq: [Seq; 3],
    /// The place of the last happening.
    pub happened: u32,
    /// How long its owner had been gone, at least, when it was taken over, milliseconds; 0 when it
    /// was ours already.
    pub away_ms: u64,
    /// An end that its owner told and could not save; it is not in the records but beside them.
    pub unsaved_end: Option<EndBegun>,
}

words! {
    /// What of an ended session is kept for how long (L13).
    DataKind {
        /// Files of sound. The records keep only when they were deleted.
        Audio = "audio",
        /// What was said: finals in the log, and the report, which quotes them.
        Transcript = "transcript",
        /// The report.
        Report = "report",
        /// Every record, leaving a tombstone.
        Everything = "everything",
    }
}

words! {
    /// How far a report is.
    JobState {
        /// To be made.
        Queued = "queued",
        /// Being made.
        Running = "running",
        /// Made.
        Done = "done",
        /// Given up.
        Failed = "failed",
    }
}

/// Where an open report stands among the others: given up ones first, then by when they are due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportPlace {
    /// It was not given up.
    pub waits: bool,
    /// Not to be tried before.
    pub due_at: Wall,
    /// Of which session.
    pub session: SessionId,
}

/// A report that is to be made, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportJob {
    /// Of which session.
    pub session: SessionId,
    /// How far it is.
    pub state: JobState,
    /// How often it was tried, beside the try at the session's end.
    pub attempts: u32,
    /// Stable word for why the last try failed.
    pub error: Option<Arc<str>>,
    /// Not to be tried before.
    pub due_at: Wall,
    /// When it last changed.
    pub changed_at: Wall,
}

impl ReportJob {
    /// Its place among the open ones.
    pub fn place(&self) -> ReportPlace {
        ReportPlace {
            waits: self.state != JobState::Failed,
            due_at: self.due_at,
            session: self.session.clone(),
        }
    }
}
