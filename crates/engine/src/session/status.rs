//! The table of a session's life (S2): every status against everything that can move it. No other
//! place changes a status, and there is no wildcard: a new trigger does not compile until every
//! status has an opinion.

use protocol::value::Status;

/// What can move a session on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// `interview:start`, or the candidate's join where the plan says so.
    Start,
    /// Somebody or some clock ends it.
    End,
    /// Finals are flushed and the report is made, or their time is over.
    Sealed,
    /// The store says that the start collides with another session of the candidate.
    StartRefused,
}

/// What the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Go there.
    To(Status),
    /// Nothing to do: it is so already, or it will be soon.
    Stay,
    /// Not possible from here.
    Refused,
}

/// The table.
pub(crate) fn step(from: Status, trigger: Trigger) -> Step {
    match (from, trigger) {
        (Status::Scheduled, Trigger::Start) => Step::To(Status::Active),
        // Never active, so there is nothing to flush and no report is due.
        (Status::Scheduled, Trigger::End) => Step::To(Status::Ended),
        (Status::Scheduled, Trigger::Sealed | Trigger::StartRefused) => Step::Refused,

        (Status::Active, Trigger::Start) => Step::Refused,
        (Status::Active, Trigger::End) => Step::To(Status::Completing),
        (Status::Active, Trigger::Sealed) => Step::Refused,
        // Not a way back: nothing of the start was stored or said.
        (Status::Active, Trigger::StartRefused) => Step::To(Status::Scheduled),

        (Status::Completing, Trigger::Start) => Step::Refused,
        (Status::Completing, Trigger::End) => Step::Stay,
        (Status::Completing, Trigger::Sealed) => Step::To(Status::Ended),
        (Status::Completing, Trigger::StartRefused) => Step::Refused,

        (Status::Ended, Trigger::Start) => Step::Refused,
        (Status::Ended, Trigger::End | Trigger::Sealed) => Step::Stay,
        (Status::Ended, Trigger::StartRefused) => Step::Refused,
    }
}
