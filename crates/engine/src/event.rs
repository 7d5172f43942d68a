//! News worth counting or logging. The engine emits them; `server::telemetry` turns each into a
//! counter or a log line. They never carry words that people said.

use protocol::id::{ConnectionId, SessionId};
use protocol::value::{EndReason, Role};

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A session came into memory, new or read back.
    SessionOpened {
        /// Which.
        session: SessionId,
        /// Made just now.
        new: bool,
    },
    /// The interview began.
    Started {
        /// Which.
        session: SessionId,
    },
    /// A member took a seat.
    Joined {
        /// Where.
        session: SessionId,
        /// Through which connection.
        conn: ConnectionId,
        /// As what.
        role: Role,
        /// How.
        how: JoinKind,
    },
    /// A member's connection was lost.
    Detached {
        /// Where.
        session: SessionId,
        /// Which.
        conn: ConnectionId,
        /// As what.
        role: Role,
    },
    /// A takeover was refused because the seat changed hands too fast.
    TakeoverStorm {
        /// Where.
        session: SessionId,
    },
    /// The session ended, with its one reason.
    Ended {
        /// Which.
        session: SessionId,
        /// Why.
        reason: EndReason,
        /// How long it was active, milliseconds.
        duration_ms: u64,
        /// Whether the end was stored before it was said.
        recorded: bool,
    },
    /// Nothing of an ended session is left in memory (S6).
    CleanedUp {
        /// Which.
        session: SessionId,
    },
    /// A scheduled session nobody is in left memory; its row stays.
    Unloaded {
        /// Which.
        session: SessionId,
    },
    /// The store does not answer in time, or does again.
    Degraded {
        /// Which.
        session: SessionId,
        /// Begins or is over.
        on: bool,
    },
    /// Another process owns the session; it was dropped here.
    Fenced {
        /// Which.
        session: SessionId,
    },
    /// The store refused what we wrote as impossible: our bug.
    Rejected {
        /// Which.
        session: SessionId,
    },
    /// A session's turn panicked: our bug.
    Panicked {
        /// Which.
        session: SessionId,
    },
    /// A final was dropped because too much was waiting to be stored.
    FinalDropped {
        /// Which.
        session: SessionId,
    },
    /// A session of a dead process lives on.
    Revived {
        /// Which.
        session: SessionId,
    },
    /// A session of a dead process is being ended.
    Recovering {
        /// Which.
        session: SessionId,
    },
}

/// How a member got the seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// For the first time.
    New,
    /// Again, with the resume key and nothing missed.
    Resumed,
    /// Again, with the resume key, but the log did not reach back.
    ResumedWithGap,
    /// From a live connection of the same user.
    Takeover,
    /// Again after a loss, without the resume key.
    Rejoined,
}
