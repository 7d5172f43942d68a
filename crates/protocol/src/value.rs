//! Small values that the wire, the engine and the records share: roles, states, reasons, plans.
//! Their text forms are the wire's, the API's and the database's alike. No rules.

use serde::{Deserialize, Serialize};

use crate::id::{PlanId, QuestionId, UserId};

macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident {
        $($(#[doc = $vdoc:literal])+ $variant:ident = $text:literal,)+
    }) => {
        $(#[doc = $doc])+
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $($(#[doc = $vdoc])+ #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its words and what they mean, for the documents made from the contract.
            pub const WORDS: $crate::contract::Words = $crate::contract::Words {
                name: stringify!($name),
                about: concat!($($doc),+),
                words: &[$(($text, concat!($($vdoc),+)),)+],
            };

            /// The word on the wire and in the database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value of a word.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What a user may do in a session. `admin` is a role of the token and joins as observer.
    Role {
        /// Answers the questions; has the seat whose loss starts the resume grace.
        Candidate = "candidate",
        /// Asks, listens, may start and end.
        Interviewer = "interviewer",
        /// Sees, says nothing.
        Observer = "observer",
    }
}

impl Role {
    /// 0, 1, 2: the index into per-role tables and the bit in an [`Audience`].
    pub fn index(self) -> usize {
        self as usize
    }
}

words! {
    /// Where a session is in its life (S2). There is no way back.
    Status {
        /// Made, not begun.
        Scheduled = "scheduled",
        /// The interview runs.
        Active = "active",
        /// Asked to end: the last words are written and the report is made.
        Completing = "completing",
        /// Over, with one reason.
        Ended = "ended",
    }
}

words! {
    /// Why a session ended: the closed list of the contract.
    EndReason {
        /// The last question was closed.
        Completed = "completed",
        /// The candidate ended it.
        CandidateEnded = "candidate_ended",
        /// An interviewer ended it.
        InterviewerEnded = "interviewer_ended",
        /// An administrator ended it.
        AdminEnded = "admin_ended",
        /// A back end ended it through the API.
        ApiEnded = "api_ended",
        /// `POST /api/websocket/close-connection` (S7).
        ClosedByApi = "closed_by_api",
        /// Another program set the row to `ended` (S8).
        ClosedExternally = "closed_externally",
        /// The candidate cleared a session left open (L7).
        ClearedByUser = "cleared_by_user",
        /// Another session of the same candidate took its place.
        ReplacedByNewSession = "replaced_by_new_session",
        /// Consent was declined.
        Declined = "declined",
        /// Nobody began it before its time was over.
        Expired = "expired",
        /// The longest allowed duration was reached.
        MaxDuration = "max_duration",
        /// Nobody said or did anything for too long.
        Inactivity = "inactivity",
        /// The candidate did not come back within the resume grace.
        Abandoned = "abandoned",
        /// An upload was not finished in time.
        UploadTimeout = "upload_timeout",
        /// The token of the candidate was revoked.
        TokenRevoked = "token_revoked",
        /// The server process died.
        ServerCrash = "server_crash",
        /// A process had to stop with this end unsaved.
        StoreLost = "store_lost",
        /// A fault of ours.
        InternalError = "internal_error",
    }
}

words! {
    /// How a question was closed (I2).
    Outcome {
        /// The candidate said they were done.
        Answered = "answered",
        /// The clock ran out.
        TimedOut = "timed_out",
        /// Passed over.
        Skipped = "skipped",
        /// The session ended around it.
        Lost = "lost",
    }
}

words! {
    /// Whether a member's page is in front.
    Visibility {
        /// In front.
        Visible = "visible",
        /// Behind other windows or tabs.
        Hidden = "hidden",
    }
}

words! {
    /// How a member is in the room right now.
    PresenceState {
        /// There with a live connection.
        Connected = "connected",
        /// Connection lost, the seat is kept for a while.
        Disconnected = "disconnected",
    }
}

words! {
    /// Which clock is about to run out (L5).
    Clock {
        /// The time limit of the current question.
        Question = "question",
        /// Nothing was said or done.
        Inactivity = "inactivity",
        /// The longest allowed duration of the session.
        Duration = "duration",
    }
}

/// A set of roles that may see an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Audience(pub u8);

impl Audience {
    /// Nobody.
    pub const NONE: Self = Self(0);
    /// Everybody in the room.
    pub const ALL: Self = Self(0b111);
    /// Interviewers and observers.
    pub const STAFF: Self = Self(0b110);

    /// Whether the role may see it.
    pub fn includes(self, role: Role) -> bool {
        self.0 & (1 << role.index()) != 0
    }

    /// Exactly these roles.
    pub fn of(roles: impl IntoIterator<Item = Role>) -> Self {
        Self(
            roles
                .into_iter()
                .fold(0, |all, role| all | 1 << role.index()),
        )
    }

    /// The roles in it, in the order of the table.
    pub fn roles(self) -> Vec<Role> {
        let all = Role::ALL.iter().copied();
        all.filter(|role| self.includes(*role)).collect()
    }
}

/// An [`Audience`] as the list of its roles' names.
mod role_names {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::{Audience, Role};

    pub(super) fn serialize<S: Serializer>(all: &Audience, to: S) -> Result<S::Ok, S::Error> {
        all.roles().serialize(to)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Audience, D::Error> {
        Ok(Audience::of(Vec::<Role>::deserialize(from)?))
    }
}

/// One question as the engine runs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Name inside the plan.
    pub id: QuestionId,
    /// What is asked, as shown to people.
    pub text: String,
    /// Time for the answer, milliseconds.
    pub limit_ms: u64,
}

/// What a plan allows; the rules the engine needs of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanOptions {
    /// The candidate's join starts the interview.
    pub start_on_join: bool,
    /// Question clocks stand still while the candidate is disconnected.
    pub pause_on_disconnect: bool,
    /// The candidate sees captions.
    pub candidate_sees_transcript: bool,
    /// Who gets suggestions of what to ask next.
    #[serde(with = "role_names")]
    pub suggestions_to: Audience,
    /// How often the time may be extended.
    pub extensions: u32,
    /// By how much each time, milliseconds.
    pub extension_ms: u64,
    /// Longest duration of the session, milliseconds; none: the server's default.
    pub max_duration_ms: Option<u64>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            start_on_join: false,
            pause_on_disconnect: false,
            candidate_sees_transcript: true,
            suggestions_to: Audience::STAFF,
            extensions: 0,
            extension_ms: 60_000,
            max_duration_ms: None,
        }
    }
}

/// Questions and options, as an interview runs them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Which plan this was made from, if any.
    pub id: Option<PlanId>,
    /// For people.
    pub title: String,
    /// In order. May be empty: a plain room.
    pub questions: Vec<Question>,
    /// What it allows.
    #[serde(default)]
    pub options: PlanOptions,
    /// What the candidate must agree to before any sound of theirs is taken (I10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// Names and products that recognition is likely to get wrong; finals are corrected by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// Name of the scoring key its answers are judged by, in the records; none: no such key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scoring: Option<String>,
}

/// What a candidate is asked to agree to (I10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// Name of this wording; a changed text gets a new one.
    pub version: String,
    /// What is shown.
    pub text: String,
    /// What for, in a few words each: `recording`, `transcription`, `scoring` …
    pub purposes: Vec<String>,
}

/// Something to ask next (I6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// Which criterion is missing: `point:…` or `structure:…`, as in the report.
    pub criterion: String,
    /// What it is about, in a few words.
    pub label: String,
    /// The question to ask.
    pub text: String,
    /// Why, in a plain sentence.
    pub reason: String,
}

/// A user named for a session, before or after they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invited {
    /// Who.
    pub user_id: UserId,
    /// As what.
    pub role: Role,
}

/// A recognised word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Word {
    /// As recognised.
    pub text: String,
    /// Milliseconds from the start of the stream.
    pub start_ms: u64,
    /// Milliseconds from the start of the stream.
    pub end_ms: u64,
    /// 0 to 1.
    pub confidence: f32,
}
