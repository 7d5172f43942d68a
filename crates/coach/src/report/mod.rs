//! The report of a session: what was asked, what was heard, how long it took, how it ended.
//!
//! [`build`] makes it once, when the session ends, from rows alone; its JSON is stored and
//! everything shown later is drawn from that. The same rows, in whatever order, give the same
//! bytes. A figure that cannot be had is absent with its reason; it is never zero and never a
//! guess.
//!
//! Without scores ([`build`]) a report has shape 1, with scores ([`build_scored`]) shape 2, which is
//! shape 1 and the scores: both read back as a [`Report`], any other shape is refused. They are
//! described for other programs in `schema/report-1.json` ([`SCHEMA_JSON`]) and
//! `schema/report-2.json` ([`SCHEMA_V2_JSON`]). Text is kept as it was recognized: whoever shows it escapes it, as `page` and `summary` do.

mod build;
mod figures;
mod input;
mod words;

use protocol::id::{PlanId, QuestionId, Seq, SessionId, StreamId, UserId};
use protocol::time::Wall;
use protocol::value::{EndReason, Outcome, Role, Status};
use serde::{Deserialize, Serialize};

use crate::score::Scores;

pub use build::{build, build_scored};
pub(crate) use figures::{length, merged, session_times};
pub use input::{
    AnswerFacts, GapFacts, ParticipantFacts, PlanFacts, RecognizerFacts, ReportInput, SegmentFacts,
    SessionFacts,
};
pub use words::{Ending, ending};

/// The JSON Schema (draft 2020-12) of what [`Report::to_json`] writes of a report without scores,
/// [`Schema::V1`].
pub const SCHEMA_JSON: &str = include_str!("../../schema/report-1.json");

/// The JSON Schema of a report with scores, [`Schema::V2`].
pub const SCHEMA_V2_JSON: &str = include_str!("../../schema/report-2.json");

/// A silence this long between two words is a pause, milliseconds.
pub const PAUSE_MS_MIN: u64 = 250;
/// A silence this long is a long pause, milliseconds.
pub const LONG_PAUSE_MS_MIN: u64 = 2_000;
/// Pace is measured from this much speech on, milliseconds.
pub const PACE_SPEECH_MS_MIN: u64 = 5_000;
/// A word recognized with less confidence is marked as unsure.
pub const UNSURE_BELOW: f32 = 0.6;

/// Which shape a report has. Another one does not parse as this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schema {
    /// The first.
    #[serde(rename = "greenroom.report/1")]
    V1,
    /// With scores.
    #[serde(rename = "greenroom.report/2")]
    V2,
}

/// A report. Times named `…Ms` without another word are milliseconds from the session's start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The shape.
    pub schema: Schema,
    /// Which session.
    pub session: SessionPart,
    /// Which plan it ran, if any.
    pub plan: Option<PlanPart>,
    /// How it ended.
    pub end: EndPart,
    /// Who was invited or came: candidate, interviewers, observers, by id.
    pub participants: Vec<ParticipantPart>,
    /// Every question that was put, in order.
    pub questions: Vec<QuestionPart>,
    /// What was said while no question was open.
    pub outside: OutsidePart,
    /// The session as a whole.
    pub totals: TotalsPart,
    /// Stretches of sound that did not become words.
    pub gaps: Vec<GapPart>,
    /// What wrote down the words; none: nothing listened.
    pub recognizer: Option<RecognizerPart>,
    /// How the report was made and what it cannot tell, in plain sentences.
    pub method: Vec<String>,
    /// Scores and what they rest on; none in the first shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
}

impl Report {
    /// The report as JSON, on one line. The same report gives the same bytes.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("invariant: a report has text keys and finite numbers")
    }

    /// Whether anybody's words are in it.
    pub fn is_silent(&self) -> bool {
        self.outside.transcript.is_empty() && self.questions.iter().all(|q| q.transcript.is_empty())
    }
}

/// The session in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionPart {
    /// Its id.
    pub id: SessionId,
    /// For people.
    pub title: String,
    /// Where it was in its life when the report was made.
    pub status: Status,
    /// When it was made.
    pub created_at: Wall,
    /// When it became active.
    pub started_at: Option<Wall>,
    /// When it ended.
    pub ended_at: Option<Wall>,
    /// From start to end, milliseconds.
    pub duration_ms: Option<u64>,
}

/// The plan it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanPart {
    /// Its id in the bank, if it came from there.
    pub id: Option<PlanId>,
    /// For people.
    pub title: String,
    /// How many questions it has.
    pub questions: u32,
}

/// How the session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndPart {
    /// Why; none: it had not ended.
    pub reason: Option<EndReason>,
    /// That in two or three words.
    pub title: String,
    /// That in a plain sentence or two.
    pub text: String,
    /// Who ended it, where somebody did.
    pub ended_by: Option<UserId>,
    /// As what they were in the session, if they were.
    pub ended_by_role: Option<Role>,
}

/// Somebody who was invited or came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantPart {
    /// Who.
    pub user_id: UserId,
    /// As what.
    pub role: Role,
    /// When they first came; none: they did not.
    pub joined_at: Option<Wall>,
}

/// A question and what was said to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuestionPart {
    /// Which.
    pub id: QuestionId,
    /// 0-based place in the plan.
    pub index: u32,
    /// What was asked.
    pub text: String,
    /// How it was closed.
    pub outcome: Outcome,
    /// When it was put.
    pub from_ms: u64,
    /// When it was closed.
    pub to_ms: u64,
    /// How long it was open, milliseconds.
    pub used_ms: u64,
    /// How long it could be open, milliseconds.
    pub limit_ms: u64,
    /// Sound of the candidate that is missing in this time, milliseconds, as far as it can be
    /// placed.
    pub missing_ms: u64,
    /// What was said, by everybody, in order.
    pub transcript: Vec<Line>,
    /// How the candidate spoke.
    pub figures: Figures,
}

/// Words outside any question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutsidePart {
    /// What was said, by everybody, in order.
    pub transcript: Vec<Line>,
    /// How the candidate spoke.
    pub figures: Figures,
}

/// One stretch of speech as it was recognized.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Its place in the session's log.
    pub seq: Seq,
    /// Who spoke.
    pub user_id: UserId,
    /// As what.
    pub role: Role,
    /// When it began.
    pub start_ms: u64,
    /// When it ended.
    pub end_ms: u64,
    /// As recognized, with the names of the plan's word list put right.
    pub text: String,
    /// As recognized, where the word list changed something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// 0 to 1, in hundredths; none if the recognizer did not tell.
    pub confidence: Option<f64>,
    /// Which words of the text, counted from 0 between white space, are unsure.
    pub unsure: Vec<u32>,
}

/// How the candidate spoke, in figures. For information: none of it is a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Words recognized.
    pub words: u64,
    /// Time in which a voice was heard, milliseconds.
    pub speaking_ms: u64,
    /// How fast.
    pub pace: Pace,
    /// Silences between words; none if there were no words.
    pub pauses: Option<Pauses>,
    /// From the question to the first word, milliseconds; none outside questions and without words.
    pub first_word_ms: Option<u64>,
    /// Pace, pauses and first word rest on estimated times of words.
    pub estimated: bool,
}

/// Words a minute, or why there is no such figure. Exactly one of the two is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pace {
    /// Words ÷ minutes from the first word to the last, rounded.
    pub words_per_minute: Option<u64>,
    /// Why it was not measured.
    pub not_measured: Option<NotMeasured>,
}

/// Why a figure is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotMeasured {
    /// Nothing listened.
    NoRecognizer,
    /// No words came.
    NothingHeard,
    /// Less than [`PACE_SPEECH_MS_MIN`] of speech.
    TooShort,
    /// The words came without usable times.
    NoTimes,
}

/// Silences between two words of one stretch of speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pauses {
    /// Of [`PAUSE_MS_MIN`] or more.
    pub count: u64,
    /// Of [`LONG_PAUSE_MS_MIN`] or more.
    pub long: u64,
    /// The longest, milliseconds.
    pub longest_ms: u64,
    /// All together, milliseconds.
    pub total_ms: u64,
}

/// The session as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TotalsPart {
    /// Questions of the plan.
    pub questions: u32,
    /// Questions that were put.
    pub asked: u32,
    /// Questions closed as answered.
    pub answered: u32,
    /// Questions whose time ran out.
    pub timed_out: u32,
    /// Questions passed over.
    pub skipped: u32,
    /// Questions the session ended around.
    pub lost: u32,
    /// Questions that were never put.
    pub not_asked: u32,
    /// Time questions were open, milliseconds.
    pub used_ms: u64,
    /// Time they could be open, milliseconds.
    pub limit_ms: u64,
    /// Sound that did not become words, milliseconds.
    pub missing_ms: u64,
    /// How the candidate spoke, in and outside questions.
    pub figures: Figures,
}

/// A stretch of sound that was lost or could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GapPart {
    /// Whose.
    pub user_id: UserId,
    /// Which stream.
    pub stream_id: StreamId,
    /// From, milliseconds of the stream.
    pub stream_start_ms: u64,
    /// To, milliseconds of the stream.
    pub stream_end_ms: u64,
    /// How much, milliseconds.
    pub missing_ms: u64,
    /// About when its middle was, judged by the words nearest to it; none if there are none.
    pub around_ms: Option<u64>,
}

/// What wrote down the words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecognizerPart {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The times of single words are estimated, not measured.
    pub word_times_estimated: bool,
}
