//! What the rules can be told: every time limit and bound of a session. Values only.

use std::sync::Arc;

/// Settings of a node. All times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How long a lost seat is kept (L1). 0 purges at once.
    pub grace_ms: u64,
    /// Silence and idleness after which an active session ends (L5).
    pub inactivity_ms: u64,
    /// Longest duration of an active session without a plan's own (L5).
    pub max_duration_ms: u64,
    /// How long a node may still run that was told to stop: so long a lost seat is kept at least,
    /// since its page was told to come back to the next process (L9).
    pub drain_ms: u64,
    /// How long a session may stay scheduled before it ends `expired`.
    pub scheduled_ttl_ms: u64,
    /// How long the end waits for the last finals (S4).
    pub flush_ms: u64,
    /// How long the end waits for the report.
    pub report_ms: u64,
    /// How long an end waits for the store before it goes out unrecorded.
    pub end_hold_ms: u64,
    /// How long the recovery of a dead session may transcribe its audio.
    pub recovery_flush_ms: u64,
    /// Silence of the candidate after which something may be suggested (I6).
    pub suggest_quiet_ms: u64,
    /// Shortest time between two suggestions (I6).
    pub suggest_every_ms: u64,
    /// How long a save may take before the session is degraded.
    pub save_slow_ms: u64,
    /// How long to wait for a session or log to be read.
    pub load_ms: u64,
    /// A candidate's join of an unknown id creates the session (A5).
    pub create_on_join: bool,
    /// A second page without the resume key takes the seat; else it is refused (L3).
    pub takeover_newest: bool,
    /// Members in one room.
    pub room_size: usize,
    /// Bytes of output that may wait for a commit (the paragraph under L13).
    pub held_bytes: usize,
    /// Bytes of stored events kept in memory for resumes.
    pub ring_bytes: usize,
    /// Requests with an `id` remembered per session.
    pub requests: usize,
    /// Sessions in memory per node.
    pub sessions: usize,
    /// Names the monotonic clock: times another process wrote by a clock of the same name can be
    /// compared with ours. Empty: none can, and wall times are taken.
    pub clock: Arc<str>,
    /// Which fault is switched on; only the simulator sets it.
    pub planted: Option<crate::planted::Bug>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            grace_ms: 60_000,
            drain_ms: 40_000,
            inactivity_ms: 5 * 60_000,
            max_duration_ms: 10 * 60_000,
            scheduled_ttl_ms: 7 * 24 * 3_600_000,
            flush_ms: 2_000,
            report_ms: 5_000,
            end_hold_ms: 5_000,
            recovery_flush_ms: 10 * 60_000,
            suggest_quiet_ms: 2_500,
            suggest_every_ms: 15_000,
            save_slow_ms: 1_000,
            load_ms: 5_000,
            create_on_join: false,
            takeover_newest: true,
            room_size: 32,
            held_bytes: 256 * 1024,
            ring_bytes: 64 * 1024,
            requests: 1_024,
            sessions: 20_000,
            clock: Arc::from(""),
            planted: None,
        }
    }
}

/// Durable events replayed to one member in one turn; the rest follows in the next.
pub(crate) const REPLAY_PER_TURN: usize = 64;
/// Takeovers of one seat within [`STORM_MS`] before the newest is refused (L3).
pub(crate) const STORM_TAKEOVERS: usize = 3;
/// The window of the rule above, milliseconds.
pub(crate) const STORM_MS: u64 = 10_000;
/// Joins and asks that may wait for one session to be read.
pub(crate) const WAITING_MAX: usize = 64;
/// Beyond this many times `held_bytes`, finals are dropped and counted.
pub(crate) const HELD_HARD_FACTOR: usize = 4;
/// An unanswered save is sent again after this long, milliseconds.
pub(crate) const SAVE_LOST_MS: u64 = 5_000;
/// How old the last activity in the records may be while somebody is active.
pub const ACTIVITY_SAVE_MS: u64 = 60_000;
/// How long the last finals are waited for when another program has ended the session: its members
/// are to know within a second (S8).
pub(crate) const FOREIGN_FLUSH_MS: u64 = 250;
/// How long an interview may be moved to another device once that was asked for (L10).
pub(crate) const TRANSFER_MS: u64 = 5 * 60_000;
/// Facts beside the log that are kept of one session.
pub(crate) const HAPPENINGS_MAX: u32 = 500;
/// Streams whose last acknowledgement is remembered.
pub(crate) const ACKS_MAX: usize = 16;
/// API calls that may wait for one session's end.
pub(crate) const ENDERS_MAX: usize = 32;
