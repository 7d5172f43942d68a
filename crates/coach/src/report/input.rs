//! What a report is made from: rows of one session as plain values. Whoever holds the rows fills
//! this in; the order of the lists does not matter.

use protocol::id::{PlanId, QuestionId, Seq, SessionId, StreamId, UserId};
use protocol::server::EventBody;
use protocol::time::Wall;
use protocol::value::{EndReason, Outcome, Plan, Role, Status, Word};

/// Everything a report tells comes from here.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportInput {
    /// The session's row.
    pub session: SessionFacts,
    /// The plan it ran; none for a plain room.
    pub plan: Option<PlanFacts>,
    /// Invitations and seats.
    pub participants: Vec<ParticipantFacts>,
    /// Questions that were closed.
    pub answers: Vec<AnswerFacts>,
    /// Finals of the log.
    pub segments: Vec<SegmentFacts>,
    /// Sound that did not become words.
    pub gaps: Vec<GapFacts>,
    /// What listened; none: nothing did.
    pub recognizer: Option<RecognizerFacts>,
}

/// The session's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFacts {
    /// Its id.
    pub id: SessionId,
    /// For people.
    pub title: String,
    /// Where it is in its life.
    pub status: Status,
    /// When it was made.
    pub created_at: Wall,
    /// When it became active.
    pub started_at: Option<Wall>,
    /// When it ended.
    pub ended_at: Option<Wall>,
    /// From start to end, milliseconds.
    pub duration_ms: Option<u64>,
    /// Why it ends.
    pub reason: Option<EndReason>,
    /// Who ended it; their role is looked up among the participants.
    pub ended_by: Option<UserId>,
}

/// The plan it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFacts {
    /// Its id in the bank, if it came from there.
    pub id: Option<PlanId>,
    /// For people.
    pub title: String,
    /// How many questions it has.
    pub questions: u32,
}

impl From<&Plan> for PlanFacts {
    fn from(plan: &Plan) -> Self {
        Self {
            id: plan.id.clone(),
            title: plan.title.clone(),
            questions: u32::try_from(plan.questions.len()).unwrap_or(u32::MAX),
        }
    }
}

/// Somebody invited or seated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantFacts {
    /// Who.
    pub user: UserId,
    /// As what.
    pub role: Role,
    /// When they first came.
    pub joined_at: Option<Wall>,
}

/// A closed question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerFacts {
    /// Which.
    pub question: QuestionId,
    /// 0-based place in the plan.
    pub index: u32,
    /// What was asked.
    pub text: String,
    /// How it was closed.
    pub outcome: Outcome,
    /// When it was put, milliseconds of the session.
    pub from_ms: u64,
    /// When it was closed, milliseconds of the session.
    pub to_ms: u64,
    /// Its limit, milliseconds.
    pub limit_ms: u64,
}

/// A final of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentFacts {
    /// Its place in the log.
    pub seq: Seq,
    /// Who spoke.
    pub user: UserId,
    /// As what.
    pub role: Role,
    /// Which stream.
    pub stream: StreamId,
    /// Which utterance of it.
    pub utterance: u32,
    /// What was understood, with the names of the plan's word list put right.
    pub text: String,
    /// As it was recognized, where the word list changed something.
    pub raw: Option<String>,
    /// With times; may be empty.
    pub words: Vec<Word>,
    /// Milliseconds of the stream.
    pub start_ms: u64,
    /// Milliseconds of the stream.
    pub end_ms: u64,
    /// Its middle, milliseconds of the session.
    pub at_ms: u64,
    /// 0 to 1.
    pub confidence: f32,
    /// The question it belongs to.
    pub question: Option<QuestionId>,
}

impl SegmentFacts {
    /// The segment in an event of the log; none if the event is something else. The log does not
    /// say who is what: `role` is the speaker's.
    pub fn from_event(seq: Seq, role: Role, event: &EventBody) -> Option<Self> {
        let EventBody::Transcript {
            user_id,
            stream_id,
            utterance,
            text,
            raw,
            words,
            start_ms,
            end_ms,
            at_ms,
            confidence,
            question_id,
            ..
        } = event
        else {
            return None;
        };
        Some(Self {
            seq,
            user: user_id.clone(),
            role,
            stream: *stream_id,
            utterance: *utterance,
            text: text.clone(),
            raw: raw.clone(),
            words: words.clone(),
            start_ms: *start_ms,
            end_ms: *end_ms,
            at_ms: *at_ms,
            confidence: *confidence,
            question: question_id.clone(),
        })
    }
}

/// Sound that did not become words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GapFacts {
    /// Whose.
    pub user: UserId,
    /// Which stream.
    pub stream: StreamId,
    /// From, milliseconds of the stream.
    pub start_ms: u64,
    /// To, milliseconds of the stream.
    pub end_ms: u64,
}

impl GapFacts {
    /// The gap in an event of the log; none if the event is something else.
    pub fn from_event(event: &EventBody) -> Option<Self> {
        let EventBody::Gap {
            user_id,
            stream_id,
            start_ms,
            end_ms,
            ..
        } = event
        else {
            return None;
        };
        Some(Self {
            user: user_id.clone(),
            stream: *stream_id,
            start_ms: *start_ms,
            end_ms: *end_ms,
        })
    }
}

/// What listened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecognizerFacts {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The times of single words are estimated, not measured.
    pub word_times_estimated: bool,
}
