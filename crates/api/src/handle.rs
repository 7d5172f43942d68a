//! What the API needs of the rest of the server: [`Handle`] for everything that concerns running
//! sessions, [`Records`] for everything that is written down. Object-safe, so that tests drive the
//! router with fakes. No behavior here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use coach::plan::Entry;
use protocol::error::Refusal;
use protocol::id::{ConnectionId, PlanId, Seq, SessionId, UserId};
use protocol::record::{DataKind, EventRow, ParticipantRow, ReportJob, ReportPlace, SessionRow};
use protocol::said::Said;
use protocol::time::Wall;
use protocol::value::{Audience, EndReason, Invited, Plan, PresenceState, Role, Status};
use serde::Serialize;

use crate::identity::Identity;

/// A future in a box. Implementations answer within their own deadline and go on with work that
/// was begun when the caller drops it.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The running server.
pub trait Handle: Send + Sync {
    /// Makes a session; answers once it is stored. Refusals: `draining`, `busy`,
    /// `store_unavailable`, and whatever the engine has against this id or plan.
    fn create(&self, session: CreateSession) -> Answer<'_, Result<(), Refusal>>;

    /// Ends a session; answers when the end is stored or went out unrecorded. Ending what is over
    /// is no error: the first end is the answer.
    fn end(&self, order: EndOrder) -> Answer<'_, Result<Ended, Refusal>>;

    /// Says something to a session's members; answers once it is stored, where it is to be.
    fn say(
        &self,
        session: SessionId,
        said: Said,
        audience: Audience,
    ) -> Answer<'_, Result<Told, Refusal>>;

    /// Ends the user's running session, or takes its row away where nothing runs (L7). Which
    /// session that was; none: there was nothing to clear.
    fn clear_active(&self, user: UserId) -> Answer<'_, Result<Option<SessionId>, Refusal>>;

    /// Puts a plan into the bank under its id, with the text it was read from; over one with that id
    /// only if `replace`. Refusals: `store_unavailable`, `busy` when there are too many.
    fn put_plan(
        &self,
        plan: Entry,
        text: String,
        replace: bool,
    ) -> Answer<'_, Result<PlanPut, Refusal>>;

    /// Takes a plan out of the bank; sessions that have it keep it. Whether there was one.
    fn remove_plan(&self, id: PlanId) -> Answer<'_, Result<bool, Refusal>>;

    /// Deletes data of an ended session, for good (L13). Refusals: `session_not_found`,
    /// `bad_transition` while it runs, `store_unavailable`.
    fn forget(&self, session: SessionId, kind: DataKind) -> Answer<'_, Result<(), Refusal>>;

    /// Puts a report that was given up into the queue again. Whether there was one.
    fn requeue_report(&self, session: SessionId) -> Answer<'_, Result<bool, Refusal>>;

    /// Who is in a session's room right now; none: it is not in memory.
    fn live(&self, session: &SessionId) -> Option<Vec<LiveMember>>;

    /// Takes a code that moves an interview to another device; it is good once. Refusal:
    /// `transfer_invalid`.
    fn redeem_transfer(&self, code: &str) -> Result<Redeemed, Refusal>;

    /// The latest connections that are over, the latest first; at most 200.
    fn closed_connections(&self) -> Vec<ClosedConnection>;

    /// The figures of L12, counted now.
    fn metrics(&self) -> MetricsSnapshot;

    /// The same and more, in Prometheus' text format.
    fn prometheus(&self) -> String;

    /// Whether new sessions can be taken.
    fn ready(&self) -> Answer<'_, Readiness>;
}

/// What is written down. Reads only; errors are `store_unavailable`.
pub trait Records: Send + Sync {
    /// A session with everybody named in it.
    fn session(&self, id: SessionId) -> Answer<'_, Result<Option<SessionRecord>, Refusal>>;

    /// A session's report as stored JSON.
    fn report(&self, id: SessionId) -> Answer<'_, Result<Option<Arc<str>>, Refusal>>;

    /// How far a session's report is, and what of the session was deleted when.
    fn report_state(&self, id: SessionId) -> Answer<'_, Result<ReportState, Refusal>>;

    /// Reports that are not made yet and behind `after`, given up ones first; at most `limit`.
    fn open_reports(
        &self,
        after: Option<ReportPlace>,
        limit: u32,
    ) -> Answer<'_, Result<Vec<ReportJob>, Refusal>>;

    /// The user's row in `active_interview_sessions`.
    fn active_of(&self, user: UserId) -> Answer<'_, Result<Option<ActiveRecord>, Refusal>>;

    /// Sessions, newest first.
    fn list(&self, query: ListQuery) -> Answer<'_, Result<Vec<SessionRow>, Refusal>>;

    /// How many sessions ended for which reason in `from..until`, in stretches of `bucket_ms`.
    fn closures(
        &self,
        from: Wall,
        until: Wall,
        bucket_ms: u64,
    ) -> Answer<'_, Result<Vec<Closure>, Refusal>>;

    /// Stored events of a session after `after`, in order, up to `limit_bytes` of bodies; at least
    /// one if there is one.
    fn log(
        &self,
        id: SessionId,
        after: Seq,
        limit_bytes: usize,
    ) -> Answer<'_, Result<Vec<EventRow>, Refusal>>;

    /// A session's whole life in order; none: there is no such session.
    fn story(&self, id: SessionId) -> Answer<'_, Result<Option<Story>, Refusal>>;

    /// How full `active_interview_sessions` is.
    fn active_stats(&self) -> Answer<'_, Result<ActiveStats, Refusal>>;
}

/// What became of a plan that was to be put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanPut {
    /// It is new.
    Created,
    /// It took another one's place.
    Replaced,
    /// There is one with this id, and it stays.
    Exists,
}

/// How far a report is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportState {
    /// The job; none: no report is due.
    pub job: Option<ReportJob>,
    /// What of the session was deleted when.
    pub deleted: Vec<(DataKind, Wall)>,
}

/// A session to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateSession {
    /// Chosen by the caller; none: by the server.
    pub id: SessionId,
    /// For people.
    pub title: String,
    /// Whose interview it is, if known.
    pub candidate: Option<UserId>,
    /// Everybody else who may come.
    pub participants: Vec<Invited>,
    /// What is asked, if known by now.
    pub plan: Option<Plan>,
}

/// A wish to end a session.
#[derive(Debug, Clone, PartialEq)]
pub struct EndOrder {
    /// Which.
    pub session: SessionId,
    /// With this reason, if nothing ended it before.
    pub reason: EndReason,
    /// On whose behalf; their rights were judged by the records, and may be judged again.
    pub by: Identity,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Where it stands.
    pub status: Status,
    /// Its one reason.
    pub reason: Option<EndReason>,
    /// Whether that is stored.
    pub recorded: bool,
}

/// Who heard what a back end said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Its place in the log; none: it has none.
    pub seq: Option<Seq>,
    /// Connections it went to.
    pub receivers: u32,
}

/// Somebody in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveMember {
    /// Who.
    pub user_id: UserId,
    /// As what.
    pub role: Role,
    /// There, or gone for a moment.
    pub state: PresenceState,
}

/// A session as it is written down.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRecord {
    /// Its row.
    pub row: SessionRow,
    /// Who was invited or came.
    pub participants: Vec<ParticipantRow>,
    /// The plan it runs, if it has a name.
    pub plan: Option<PlanId>,
    /// Questions that were put, and how many it has.
    pub questions: (u32, u32),
}

/// A row of `active_interview_sessions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveRecord {
    /// The session it names.
    pub session: SessionId,
    /// `active` or `completing`.
    pub status: Status,
    /// When the row was made.
    pub created_at: Wall,
}

/// Which sessions to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only these.
    pub status: Option<Status>,
    /// Only this candidate's.
    pub candidate: Option<UserId>,
    /// Go on behind this one.
    pub after: Option<(Wall, SessionId)>,
    /// At most so many.
    pub limit: u32,
}

/// What a code to move an interview was good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// The interview.
    pub session: SessionId,
    /// Whose seat.
    pub user: UserId,
    /// As what they sit.
    pub role: Role,
}

/// Ends for one reason in one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closure {
    /// Where the stretch begins.
    pub from: Wall,
    /// Why.
    pub reason: EndReason,
    /// How many.
    pub count: u64,
    /// How long they were active, milliseconds, all together.
    pub duration_ms: u64,
}

/// A connection that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClosedConnection {
    /// Its name.
    pub connection_id: ConnectionId,
    /// Whose.
    pub user_id: UserId,
    /// The session it was in last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// Since when its user was known.
    pub opened_at: Wall,
    /// When it was gone.
    pub closed_at: Wall,
    /// The close frame's code; none: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// A word of the table of close codes, `closed_by_client`, or `lost`.
    pub reason: Box<str>,
}

/// A session's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// In order.
    pub lines: Vec<StoryLine>,
    /// Later events were left out: there are too many.
    pub truncated: bool,
}

/// One fact of a session's life. Never a word that somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoryLine {
    /// When.
    pub at: Wall,
    /// The event's name, or what happened.
    pub what: String,
    /// Its place in the log, for events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// More in a few words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// How full `active_interview_sessions` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActiveStats {
    /// Rows.
    pub rows: u64,
    /// Age of the oldest, milliseconds.
    pub oldest_age_ms: Option<u64>,
}

/// The gauges of L12, but for those of the table, which [`Records`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsSnapshot {
    /// Sessions in memory.
    pub active_sessions: u64,
    /// Questions with a running clock.
    pub question_timers: u64,
    /// Entries of the registry: seats held by connections.
    pub socket_mappings: u64,
    /// Bytes.
    pub memory: Memory,
    /// Sessions cleaned up since the process started.
    pub cleaned_up_total: u64,
}

/// Memory of the process in bytes, by the names the documents use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// Resident.
    pub rss: u64,
    /// Held by the allocator.
    pub heap_total: u64,
    /// In use.
    pub heap_used: u64,
    /// Mapped from files: programs and models.
    pub external: u64,
}

/// Whether the server can take sessions, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Part and how it is; ready when all of them are fine.
    pub checks: Vec<Check>,
}

/// One part of [`Readiness`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `store`, `drain`, …
    pub name: &'static str,
    /// Whether it is fine.
    pub ok: bool,
    /// In words, without secrets.
    pub detail: String,
}

impl Readiness {
    /// Whether every part is fine.
    pub fn is_ready(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }
}
