//! Faults that can be switched on, one at a time, to prove that the simulator notices them. Without
//! the feature `planted` every question here is `false` at compile time. No other code.

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bug {
    /// A lost connection stays in the registry.
    SkipUnregister,
    /// The grace of a lost candidate has no timer.
    DropGraceTimer,
    /// The clock of a question has no timer.
    DropQuestionTimer,
    /// A new holder of a seat gets the old generation.
    ReuseGeneration,
    /// An event is sent before it is stored.
    SendBeforeCommit,
    /// A reply that promises storage does not wait for it.
    ReplyBeforeCommit,
    /// A retried save leaves the first event out.
    SkipEventOnRetry,
    /// A second end writes its own reason.
    EndTwice,
    /// A takeover leaves the old connection in its seat.
    KeepOldOnTakeover,
    /// `prev` ignores that some members may not see some events.
    WrongPrev,
    /// A resume starts one event too late.
    ResumeOffByOne,
    /// An ended session stays in memory.
    ForgetCleanup,
    /// A goodbye of an old connection empties the new holder's seat.
    LateGoodbye,
    /// A degraded session never says that it is well again.
    SilentRecovery,
    /// A page that was sent away still hears what waited for it.
    KeepWaitingWords,
    /// A snapshot shown in an outage stands at events that are not stored.
    SnapshotAhead,
    /// Takeovers of one seat are never damped.
    NoStormDamping,
    /// A promise about a row is given before the save that holds it is done.
    PromiseBeforeRow,
    /// An interview begins before the candidate has agreed.
    StartWithoutConsent,
    /// Something is suggested while the candidate still speaks.
    TalkInto,
    /// The audio route of an ended session stays open.
    LeaveRouteOpen,
    /// The audio is deleted before the transcript of it is stored.
    DeleteAudioEarly,
    /// An end that could not be stored is called stored.
    CallItRecorded,
    /// Captions go to a candidate who may not see them.
    CaptionsForAll,
    /// A request is answered twice.
    ReplyTwice,
    /// The row of a running session says nothing about when something must happen.
    NoDeadline,
    /// Who asked for an end over the API never hears of it.
    LeaveApiWaiting,
    /// A new member hears who speaks before the answer to their join.
    HearBeforeJoined,
    /// Nobody is told that the place of a member was given up.
    SilentLeave,
    /// A session lives on although its end was told and kept beside the records.
    ForgetUnsavedEnd,
    /// A candidate who says goodbye in a running interview is waited for far beyond
    /// the grace.
    WaitAfterGoodbye,
}

impl Bug {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::SkipUnregister,
        Self::DropGraceTimer,
        Self::DropQuestionTimer,
        Self::ReuseGeneration,
        Self::SendBeforeCommit,
        Self::ReplyBeforeCommit,
        Self::SkipEventOnRetry,
        Self::EndTwice,
        Self::KeepOldOnTakeover,
        Self::WrongPrev,
        Self::ResumeOffByOne,
        Self::ForgetCleanup,
        Self::LateGoodbye,
        Self::SilentRecovery,
        Self::KeepWaitingWords,
        Self::SnapshotAhead,
        Self::NoStormDamping,
        Self::PromiseBeforeRow,
        Self::StartWithoutConsent,
        Self::TalkInto,
        Self::LeaveRouteOpen,
        Self::DeleteAudioEarly,
        Self::CallItRecorded,
        Self::CaptionsForAll,
        Self::ReplyTwice,
        Self::NoDeadline,
        Self::LeaveApiWaiting,
        Self::HearBeforeJoined,
        Self::SilentLeave,
        Self::ForgetUnsavedEnd,
        Self::WaitAfterGoodbye,
    ];
}

/// Whether this fault is switched on.
#[inline]
pub(crate) fn on(config: &crate::Config, bug: Bug) -> bool {
    cfg!(feature = "planted") && config.planted == Some(bug)
}
