//! The interesting ways through the rules, counted. A way that no world takes proves nothing, so a
//! zero over a whole run is a failure.

macro_rules! paths {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// A way worth counting.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Path {
            $($(#[$doc])* $name,)+
        }

        impl Path {
            /// Every way, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// In words.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

paths! {
    /// First join.
    JoinNew = "join",
    /// Resume without a gap.
    Resume = "resume",
    /// Resume that got a snapshot.
    ResumeGap = "resume with a gap",
    /// Return without the key.
    Rejoin = "return without the key",
    /// Takeover of a live seat.
    Takeover = "takeover",
    /// Takeover while the session was completing.
    TakeoverInEnd = "takeover during the end",
    /// Join while the session was completing.
    JoinInEnd = "join during the end",
    /// An end was asked for while joins waited for the session to be read.
    EndInJoin = "end during a join",
    /// A second request to end.
    EndTwice = "end asked for twice",
    /// Too many takeovers.
    Storm = "takeover storm refused",
    /// A resume had to read the store.
    LogRead = "resume from the stored log",
    /// The stored log could not be read.
    LogFailed = "log read failed",
    /// A replay took more than one turn.
    LongReplay = "replay of more than one turn",
    /// A session became degraded.
    Degraded = "degraded",
    /// A member was given provisional words.
    Provisional = "provisional word told",
    /// A join while the session was degraded.
    JoinDegraded = "join while degraded",
    /// An end went out unrecorded.
    EndUnrecorded = "end told unrecorded",
    /// A process found an end that its predecessor had told and not saved.
    EndLost = "end: store lost",
    /// A request was refused as busy.
    Busy = "busy",
    /// A start was refused because another session runs.
    StartRefused = "start refused: session active",
    /// Two sessions fought for the active row.
    Contested = "active row contested",
    /// The claimer won.
    ContestWon = "contest won",
    /// The claimer lost.
    ContestLost = "contest lost",
    /// The process died.
    Crash = "process crash",
    /// A dead process's session was ended.
    Recovered = "crash recovery",
    /// A dead process's session went on.
    Revived = "session outlived its process",
    /// A scheduled session was read back.
    Reloaded = "scheduled session read back",
    /// A scheduled session left memory.
    Unloaded = "scheduled session unloaded",
    /// Nobody began it in time.
    Expired = "end: expired",
    /// Nobody did anything.
    Inactivity = "end: inactivity",
    /// The candidate did not come back.
    Abandoned = "end: abandoned",
    /// It lasted too long.
    MaxDuration = "end: max duration",
    /// All questions were closed.
    Completed = "end: completed",
    /// Another session took its place.
    Replaced = "end: replaced by new session",
    /// Another program ended the row.
    ForeignEnd = "end: closed externally",
    /// A question ran out of time.
    QuestionTimeout = "question timed out",
    /// A question was passed over.
    Skipped = "question skipped",
    /// More time was granted.
    Extended = "extension",
    /// Another process owns the session.
    Fenced = "fenced",
    /// The store called a save impossible.
    Rejected = "save rejected",
    /// Not now, said the store.
    SaveFailed = "save failed before",
    /// Written, and nobody was told.
    AnswerLost = "save answer lost",
    /// Written, and called a failure.
    Uncertain = "save uncertain",
    /// The same answer twice.
    AnsweredTwice = "save answered twice",
    /// Written after the engine gave up waiting.
    LateCommit = "commit after the wait",
    /// A request came through the plain door.
    ThroughPlain = "request through the plain door",
    /// A request came through the Socket.IO door.
    ThroughSocketIo = "request through the Socket.IO door",
    /// A request came in the body of a POST.
    ThroughPolling = "request through long-polling",
    /// A page that polls fetched what it was owed.
    Polled = "words fetched by polling",
    /// It took more than one body.
    PolledTwice = "words fetched in several bodies",
    /// A ping was answered.
    PingAnswered = "ping answered",
    /// Nobody answered a ping.
    HeartbeatMissed = "heartbeat missed",
    /// A request with an `id` was repeated.
    Repeated = "repeated request answered again",
    /// A goodbye of a connection that was replaced before.
    LateGoodbye = "late goodbye ignored",
    /// The room had no place left.
    RoomFull = "room full",
    /// The session could not be read.
    LoadFailed = "session read failed",
    /// No report came.
    ReportMissing = "report never made",
    /// Speech never finished.
    FlushMissing = "speech never flushed",
    /// A final came after its question was closed.
    LateFinal = "final after its question",
    /// The node was told to stop.
    Draining = "refused: draining",
    /// The role did not allow it.
    NotAllowed = "refused: not allowed",
    /// A stranger asked.
    Stranger = "refused: stranger",
    /// One connection held several seats.
    ManyRooms = "one connection in several rooms",
    /// The wall clock jumped.
    WallJump = "wall clock jumped",
    /// A connection was replaced in one session and lives on in another.
    ReplacedInOne = "replaced in one of several rooms",
    /// Something was suggested.
    Suggested = "suggestion",
    /// An interview ran with its candidate's consent.
    Consented = "interview with consent",
    /// The candidate did not agree.
    Declined = "end: declined",
    /// A line fell silent, and neither end knew.
    HalfOpen = "line half open",
    /// A silent line lost its seat to the page's next one.
    SilentReplaced = "silent line replaced",
    /// Words under way were lost with their line.
    WordLost = "word lost with its line",
    /// A request under way was lost with its line.
    RequestLost = "request lost with its line",
    /// A page came back to a node that had been told to stop.
    ResumeInDrain = "resume during drain",
    /// The process died with a commit done that nobody had heard of.
    CrashAfterCommit = "crash between commit and broadcast",
    /// Somebody heard another one speak.
    Sound = "sound heard",
    /// A captions-hidden plan was run with the candidate in the room.
    Hidden = "events hidden from the candidate",
}

/// How often each way was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths(Vec<u64>);

impl Default for Paths {
    fn default() -> Self {
        Self(vec![0; Path::ALL.len()])
    }
}

impl Paths {
    /// Counts one.
    pub fn took(&mut self, path: Path) {
        if let Some(n) = self.0.get_mut(path as usize) {
            *n += 1;
        }
    }

    /// How often.
    pub fn get(&self, path: Path) -> u64 {
        self.0.get(path as usize).copied().unwrap_or(0)
    }

    /// Adds another world's.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }
}
