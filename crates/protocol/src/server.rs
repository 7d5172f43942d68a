//! Everything the server says, typed. How it is written is `json`'s business.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::close::CloseCode;
use crate::error::Refusal;
use crate::id::{
    ConnectionId, Epoch, Participant, PlanId, QuestionId, ResumeKey, Seq, SessionId, StreamId,
    UserId,
};
use crate::time::Wall;
use crate::value::{
    Clock, Consent, EndReason, Outcome, PresenceState, Role, Status, Suggestion, Visibility, Word,
};

/// A push. Replies are [`Reply`].
#[derive(Debug, Clone, PartialEq)]
pub enum ServerMessage {
    /// `connection:success`
    ConnectionSuccess(Box<ConnectionSuccess>),
    /// `connection:error`; the connection closes next.
    ConnectionError(Refusal),
    /// `connection:replaced`; close 4409 follows.
    ConnectionReplaced {
        /// Where.
        session: SessionId,
    },
    /// `connection:token_expiring`: send `auth:refresh`, else close 4410 follows.
    TokenExpiring {
        /// The token's `exp`.
        expires_at: Wall,
        /// The server's clock when this was said.
        server_now: Wall,
    },
    /// `session:joined`, to the one who joined.
    Joined(Box<Joined>),
    /// `session:left`, to the one who left.
    Left {
        /// Which.
        session: SessionId,
    },
    /// `user:joined`, `user:left`, `user:disconnected`, to the others.
    Presence {
        /// Where.
        session: SessionId,
        /// Who.
        user: UserId,
        /// Their number.
        participant: Participant,
        /// As what.
        role: Role,
        /// What happened.
        change: PresenceChange,
    },
    /// `user:visibility`, to the others.
    Visibility {
        /// Where.
        session: SessionId,
        /// Who.
        user: UserId,
        /// What they show.
        state: Visibility,
    },
    /// `session:state`: everything at once, when a resume could not be continuous.
    State(Box<SessionView>),
    /// `consent:request`, to the candidate: nothing they say is taken before they agree.
    ConsentRequest {
        /// Where.
        session: SessionId,
        /// To what.
        consent: Box<Consent>,
    },
    /// `session:expiring`
    Expiring {
        /// Where.
        session: SessionId,
        /// Which clock.
        what: Clock,
        /// When it runs out.
        deadline_at: Wall,
    },
    /// `session:degraded`
    Degraded {
        /// Where.
        session: SessionId,
        /// Begins or is over.
        on: bool,
        /// When over: everything up to here is stored.
        seq: Option<Seq>,
    },
    /// `session_ended`: the last word; a close follows.
    SessionEnded {
        /// Which.
        session: SessionId,
        /// Why.
        reason: EndReason,
        /// For a person.
        message: &'static str,
        /// Whether the end is in the records.
        recorded: bool,
    },
    /// `transcription:result` that may still change.
    Partial(Box<PartialCaption>),
    /// `transcription:processing`
    TranscriptionProcessing {
        /// Where.
        session: SessionId,
        /// Which request of this session.
        request: u32,
    },
    /// `transcription:error`, `audio:error`, `session:error`, `error`: something failed that no
    /// request waits for.
    Error {
        /// The event's name.
        event: crate::client::ErrorEvent,
        /// Where, if in a session.
        session: Option<SessionId>,
        /// What.
        refusal: Refusal,
    },
    /// `transcription:result` of one request; only to the one who asked.
    TranscriptionResult {
        /// Where.
        session: SessionId,
        /// Which request.
        request: u32,
        /// What was understood.
        text: String,
        /// With times.
        words: Vec<Word>,
        /// 0 to 1.
        confidence: f32,
    },
    /// `audio:ack`
    AudioAck {
        /// Where.
        session: SessionId,
        /// Which stream.
        stream: StreamId,
        /// Highest chunk that lies on disk.
        seq: u32,
    },
    /// `server:draining`
    Draining {
        /// When to come back.
        retry_after_ms: u64,
    },
    /// A durable event out of the session's log.
    Event(Logged),
    /// What a back end says in the server's place: a flat JSON object, `{"type":…}`, see
    /// [`crate::said`].
    Said(Arc<str>),
    /// `pong`, with the `ref` of the ping.
    Pong {
        /// The ping's `ref`, as JSON text.
        reference: Option<Box<str>>,
    },
}

/// What happened to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresenceChange {
    /// `user:joined`
    Joined,
    /// `user:left`
    Left,
    /// `user:disconnected`
    Disconnected,
}

/// A durable event as one member sees it: the body is shared, `prev` depends on the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its place in the log.
    pub seq: Seq,
    /// The last seq this member was entitled to before it.
    pub prev: Seq,
    /// Sent before it was stored.
    pub provisional: bool,
    /// The event as a flat JSON object, `{"type":…}`, without `seq` and `prev`.
    pub body: Arc<str>,
}

/// Fields of `connection:success`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionSuccess {
    /// The connection's name.
    pub connection: ConnectionId,
    /// Who the token says they are.
    pub user: UserId,
    /// When the server sent this.
    pub server_time: Wall,
    /// WebSocket ping every so often, milliseconds.
    pub ping_interval_ms: u64,
    /// Silence the server accepts after a ping, milliseconds.
    pub ping_timeout_ms: u64,
    /// Largest message, bytes.
    pub message_bytes: u64,
    /// Audio, bytes a second.
    pub audio_bytes_per_second: u64,
    /// Events a second.
    pub events_per_second: u64,
    /// The private key for `session:join {resume}`.
    pub resume_key: ResumeKey,
}

/// Fields of `session:joined`.
#[derive(Debug, Clone, PartialEq)]
pub struct Joined {
    /// Handle of this session in binary audio frames of this connection.
    pub room: u16,
    /// The joiner's own number.
    pub participant: Participant,
    /// The joiner.
    pub user: UserId,
    /// As what.
    pub role: Role,
    /// Whether the missed events follow without a gap.
    pub recovered: bool,
    /// What a resume of this seat will need.
    pub resume_key: ResumeKey,
    /// The session as it is.
    pub view: SessionView,
}

/// A session as a member sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionView {
    /// Which.
    pub session: SessionId,
    /// For people.
    pub title: Arc<str>,
    /// Where it is in its life.
    pub status: Status,
    /// Which plan it runs.
    pub plan: Option<PlanId>,
    /// When it was made.
    pub created_at: Wall,
    /// When it became active.
    pub started_at: Option<Wall>,
    /// When its longest duration is over.
    pub ends_at: Option<Wall>,
    /// The log's incarnation.
    pub epoch: Epoch,
    /// The last event that is stored.
    pub seq: Seq,
    /// Who is in.
    pub members: Vec<MemberView>,
    /// The open question.
    pub question: Option<Asked>,
}

/// A member as the others see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberView {
    /// Who.
    pub user: UserId,
    /// Their number.
    pub participant: Participant,
    /// As what.
    pub role: Role,
    /// There or lost.
    pub state: PresenceState,
}

/// A caption that may still change.
#[derive(Debug, Clone, PartialEq)]
pub struct PartialCaption {
    /// Where.
    pub session: SessionId,
    /// Who speaks.
    pub user: UserId,
    /// Their stream.
    pub stream: StreamId,
    /// Which utterance of the stream, counted from 0; its final has the same number.
    pub utterance: u32,
    /// The whole utterance so far.
    pub text: String,
    /// How many leading words will not change any more.
    pub stable: u32,
    /// Where the utterance begins, milliseconds from the start of the stream.
    pub start_ms: u64,
    /// How far it was heard.
    pub end_ms: u64,
    /// The question it answers.
    pub question: Option<QuestionId>,
}

/// The fields of `question:asked` (without `sessionId` and `serverNow`, which `json` adds).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// Which.
    pub question_id: QuestionId,
    /// 0-based place in the plan.
    pub index: u32,
    /// How many there are.
    pub total: u32,
    /// What is asked.
    pub text: String,
    /// When.
    pub started_at: Wall,
    /// Until when.
    pub deadline_at: Wall,
}

/// The body of a durable event; serialized once, when it is recorded. Tag and field names are the
/// wire's. `sessionId` is inside, so that the stored text is the sent text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum EventBody {
    /// The session changed its status.
    #[serde(rename = "session:status:updated")]
    StatusUpdated {
        /// Which session.
        session_id: SessionId,
        /// Now.
        status: Status,
        /// When ended: why.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<EndReason>,
        /// When.
        at: Wall,
    },
    /// A question was put.
    #[serde(rename = "question:asked")]
    QuestionAsked {
        /// Which session.
        session_id: SessionId,
        /// What.
        #[serde(flatten)]
        asked: Asked,
        /// The server's clock when it was recorded.
        server_now: Wall,
    },
    /// The time of the open question changed.
    #[serde(rename = "question:extended")]
    QuestionExtended {
        /// Which session.
        session_id: SessionId,
        /// Which.
        question_id: QuestionId,
        /// Until when now.
        deadline_at: Wall,
        /// The server's clock when it was recorded.
        server_now: Wall,
    },
    /// A question is over.
    #[serde(rename = "question:closed")]
    QuestionClosed {
        /// Which session.
        session_id: SessionId,
        /// Which.
        question_id: QuestionId,
        /// How.
        outcome: Outcome,
        /// When.
        at: Wall,
        /// How long it was open, milliseconds.
        used_ms: u64,
    },
    /// A final transcript segment.
    #[serde(rename = "transcription:result")]
    Transcript {
        /// Which session.
        session_id: SessionId,
        /// Who spoke.
        user_id: UserId,
        /// Their stream.
        stream_id: StreamId,
        /// Which utterance.
        utterance: u32,
        /// Always true.
        is_final: bool,
        /// What was understood, with the names of the plan's word list put right.
        text: String,
        /// As it was recognized, where the word list changed something.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raw: Option<String>,
        /// With times.
        words: Vec<Word>,
        /// Milliseconds from the start of the stream.
        start_ms: u64,
        /// Milliseconds from the start of the stream.
        end_ms: u64,
        /// Milliseconds from the start of the session to the middle of the segment, as heard.
        at_ms: u64,
        /// 0 to 1.
        confidence: f32,
        /// The question it answers, by audio time.
        #[serde(skip_serializing_if = "Option::is_none")]
        question_id: Option<QuestionId>,
    },
    /// Audio that could not be turned into words: a stretch that was dropped or unreadable.
    #[serde(rename = "transcription:gap")]
    Gap {
        /// Which session.
        session_id: SessionId,
        /// Whose.
        user_id: UserId,
        /// Which stream.
        stream_id: StreamId,
        /// From, milliseconds of the stream.
        start_ms: u64,
        /// To, milliseconds of the stream.
        end_ms: u64,
    },
    /// What could be asked next, for the roles the plan names.
    #[serde(rename = "responses:suggestions")]
    Suggestions {
        /// Which session.
        session_id: SessionId,
        /// About the answer to which question.
        question_id: QuestionId,
        /// The best first.
        suggestions: Vec<Suggestion>,
        /// When.
        at: Wall,
    },
    /// The candidate agreed: their sound may be taken from here on.
    #[serde(rename = "consent:given")]
    ConsentGiven {
        /// Which session.
        session_id: SessionId,
        /// Who.
        user_id: UserId,
        /// To which wording.
        version: String,
        /// What for.
        purposes: Vec<String>,
        /// When.
        at: Wall,
    },
    /// The candidate did not agree, or does so no longer: the session ends.
    #[serde(rename = "consent:declined")]
    ConsentDeclined {
        /// Which session.
        session_id: SessionId,
        /// Who.
        user_id: UserId,
        /// Which wording.
        version: String,
        /// When.
        at: Wall,
    },
    /// The interview is over and the report is stored.
    #[serde(rename = "interview_ended")]
    InterviewEnded {
        /// Which session.
        session_id: SessionId,
        /// Why it ended and how far it came.
        result: EndResult,
        /// Path of the report's page, from the server's root.
        report_url: Option<String>,
    },
}

/// How an interview ended, in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndResult {
    /// Why.
    pub reason: EndReason,
    /// From start to end, milliseconds.
    pub duration_ms: u64,
    /// Questions that were put.
    pub asked: u32,
    /// Questions closed as answered.
    pub answered: u32,
    /// Whether the report is in the records.
    pub report_ready: bool,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Done. The result's fields as JSON text without braces (`"sessionId":"s1"`), maybe empty.
    Ok(Arc<str>),
    /// Refused.
    Refused(Refusal),
}

/// The last thing a connection is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// Why.
    pub code: CloseCode,
}
