//! Everything that can happen to a node. Facts, never wishes. No behavior here.

use std::sync::Arc;

use protocol::client::{ClientMessage, ReplyTo};
use protocol::id::{
    ConnectionId, EffectId, Participant, QuestionId, ResumeKey, Seq, SessionId, StreamId, UserId,
};
use protocol::record::{EventRow, Loaded, Saved};
use protocol::said::Said;
use protocol::value::{Audience, EndReason, Invited, Plan, Role, Suggestion, Word};

use crate::node::Plans;

/// Who a token says somebody is, as far as the rules care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `sub`.
    pub user: UserId,
    /// The token's role inside sessions, if it names one.
    pub role: Option<Role>,
    /// The token's role is `admin`: may join any session, as observer.
    pub admin: bool,
    /// The token is good for this session.
    pub session: Option<SessionId>,
}

/// The connection a request came through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Which.
    pub conn: ConnectionId,
    /// Whose.
    pub who: Arc<Identity>,
    /// Its private resume key.
    pub key: ResumeKey,
    /// The handle its next session gets in binary audio frames.
    pub room: u16,
}

/// An input. Each names the session it is about; the shell routes by that.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A request came in.
    Message {
        /// From whom.
        caller: Caller,
        /// About which session.
        session: SessionId,
        /// What.
        message: ClientMessage,
        /// Whom to answer.
        reply: ReplyTo,
        /// The request's own id, for safe repetition.
        id: Option<Box<str>>,
    },
    /// A connection that had a seat here is gone. Late or repeated ones change nothing.
    ConnectionClosed {
        /// Which.
        conn: ConnectionId,
        /// Where it had a seat.
        session: SessionId,
    },
    /// The recorder has audio on disk up to here.
    AudioStored {
        /// Whose session.
        session: SessionId,
        /// Whose audio.
        participant: Participant,
        /// Which stream.
        stream: StreamId,
        /// Highest chunk on disk.
        seq: u32,
    },
    /// Speech has something to say.
    Speech {
        /// Whose session.
        session: SessionId,
        /// What.
        report: SpeechReport,
    },
    /// The API asks.
    Ask {
        /// To find the answer by.
        ask: AskId,
        /// About which session.
        session: SessionId,
        /// What.
        what: Ask,
    },
    /// The store answers a `Save`.
    StoreReplied {
        /// Which.
        id: EffectId,
        /// Of which session.
        session: SessionId,
        /// How it went.
        saved: Saved,
    },
    /// The store answers a `LoadSession`.
    SessionLoaded {
        /// Which.
        id: EffectId,
        /// Of which session.
        session: SessionId,
        /// The session, nothing, or no answer.
        found: Found,
    },
    /// The store answers a `LoadLog`; `None` when it could not.
    LogLoaded {
        /// Which.
        id: EffectId,
        /// Of which session.
        session: SessionId,
        /// Events in order.
        events: Option<Vec<EventRow>>,
    },
    /// The report is there, or could not be made.
    ReportMade {
        /// Which.
        id: EffectId,
        /// Of which session.
        session: SessionId,
        /// JSON.
        report: Option<Arc<str>>,
    },
    /// The coach answers an `Advise`.
    Advised {
        /// Which.
        id: EffectId,
        /// In which session.
        session: SessionId,
        /// About the answer to which question.
        question: QuestionId,
        /// What to ask next; none: nothing is missing, or nothing is known about this question.
        suggestion: Option<Suggestion>,
    },
    /// The plans an interview can be started with have changed.
    PlansChanged {
        /// All of them.
        plans: Arc<Plans>,
    },
    /// An unfinished session of a dead process, adopted by this one.
    Recover {
        /// As read back, with our fence.
        loaded: Box<Loaded>,
    },
    /// Another session of the same candidate claims their active row.
    Contested {
        /// The one that holds the row.
        session: SessionId,
        /// The one that claims it.
        by: SessionId,
        /// Whether the claimer's candidate is connected.
        live: bool,
    },
    /// The answer to a `Contest`.
    ContestAnswered {
        /// The claimer.
        session: SessionId,
        /// Whether it may take the row.
        won: bool,
    },
    /// The node is to stop (L9): nothing new from here on.
    Drain,
}

/// What a `LoadSession` found.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// It is there, and this process may write it.
    Session(Box<Loaded>),
    /// It does not exist.
    Nothing,
    /// It was deleted as a whole; no other session ever has its id.
    Forgotten,
    /// The records could not be read.
    Unavailable,
}

/// A question of the API, to find its answer by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u64);

/// What the API may ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Make a session.
    Create(Box<Create>),
    /// May this user's seat be moved to another device now (L10)?
    Transfer {
        /// Whose seat.
        user: UserId,
    },
    /// End it; answered when the end is stored, or went out unrecorded.
    End {
        /// With this reason.
        reason: EndReason,
        /// On whose behalf.
        by: Option<UserId>,
        /// If set, only a member with this user id and a role that may end, or nobody.
        only_if_allowed: Option<Arc<Identity>>,
    },
    /// Say this to its members; answered when it is stored, where it is to be.
    Say {
        /// What, judged already.
        said: Said,
        /// To whom.
        audience: Audience,
    },
}

/// A session to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Create {
    /// For people.
    pub title: Arc<str>,
    /// Whose interview it is, if known.
    pub candidate: Option<UserId>,
    /// Who else may come.
    pub invited: Vec<Invited>,
    /// What is asked, if known.
    pub plan: Option<Plan>,
}

/// What speech reports about one stream. Stream times in milliseconds from the stream's start;
/// `at_ms` in milliseconds from the start of the session, when the middle was heard.
#[derive(Debug, Clone, PartialEq)]
pub enum SpeechReport {
    /// Words that may still change.
    Partial {
        /// Who speaks.
        participant: Participant,
        /// Their stream.
        stream: StreamId,
        /// Which utterance.
        utterance: u32,
        /// All of it so far.
        text: String,
        /// Leading words that will stay.
        stable: u32,
        /// Where it begins.
        start_ms: u64,
        /// How far it was heard.
        end_ms: u64,
    },
    /// Words that will not change.
    Final {
        /// Who spoke.
        participant: Participant,
        /// Their stream.
        stream: StreamId,
        /// Which utterance.
        utterance: u32,
        /// All of it.
        text: String,
        /// With times.
        words: Vec<Word>,
        /// Where it begins.
        start_ms: u64,
        /// Where it ends.
        end_ms: u64,
        /// Its middle, in the session's time.
        at_ms: u64,
        /// 0 to 1.
        confidence: f32,
    },
    /// A stretch that was never turned into words.
    Gap {
        /// Whose.
        participant: Participant,
        /// Which stream.
        stream: StreamId,
        /// From.
        start_ms: u64,
        /// To.
        end_ms: u64,
    },
    /// Audio that cannot be read, or a recogniser that failed.
    Failed {
        /// Whose.
        participant: Participant,
        /// What.
        refusal: protocol::error::Refusal,
    },
    /// A voice was heard since the last report: activity (L5).
    Voiced {
        /// Whose.
        participant: Participant,
    },
    /// Every stream of the session is finished: nothing more will come.
    Flushed,
    /// The answer to a `TranscribeOnce`.
    Once {
        /// Which request.
        request: u32,
        /// The words, or why not.
        result: Result<(String, Vec<Word>, f32), protocol::error::Refusal>,
    },
}

impl Input {
    /// The session this input is about; none: every shard gets it.
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            Self::Message { session, .. }
            | Self::ConnectionClosed { session, .. }
            | Self::AudioStored { session, .. }
            | Self::Speech { session, .. }
            | Self::Ask { session, .. }
            | Self::StoreReplied { session, .. }
            | Self::SessionLoaded { session, .. }
            | Self::LogLoaded { session, .. }
            | Self::ReportMade { session, .. }
            | Self::Advised { session, .. }
            | Self::Contested { session, .. }
            | Self::ContestAnswered { session, .. } => Some(session),
            Self::Recover { loaded } => Some(&loaded.row.session),
            Self::Drain | Self::PlansChanged { .. } => None,
        }
    }
}

/// Up to where a `LoadLog` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRange {
    /// After this one.
    pub after: Seq,
    /// Up to and with this one.
    pub upto: Seq,
}
