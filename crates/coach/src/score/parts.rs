//! What scores look like in a report.

use protocol::id::QuestionId;
use serde::{Deserialize, Serialize};

use crate::rubric::{Kind, Mode};

/// The scores of a session, and what they rest on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scores {
    /// What they are for.
    pub mode: Mode,
    /// Over all scored questions: the middle one by weight. None: no question was scored.
    pub level: Option<LevelRange>,
    /// Questions that were scored.
    pub scored: u32,
    /// Questions that were put.
    pub of: u32,
    /// Somebody should read the answers before anything is decided.
    pub human_review: bool,
    /// Up to three things that were told well, the heaviest first.
    pub strengths: Vec<Finding>,
    /// Up to three things to do next time, the heaviest first.
    pub next_steps: Vec<Finding>,
    /// Every question that was put, in the order of the report.
    pub questions: Vec<QuestionScore>,
    /// How fast the candidate spoke, window by window.
    pub pace: PaceLine,
    /// The data files the scores come from.
    pub data: Vec<DataPart>,
    /// How scores were made and what they cannot tell, in plain sentences.
    pub method: Vec<String>,
}

/// A level from 1 to 5, and between which it may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelRange {
    /// 1 to 5.
    pub level: u8,
    /// Without the words the recognizer was not sure about.
    pub low: u8,
    /// With points partly found counted as found.
    pub high: u8,
}

/// Something worth saying in the summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Which entry of the report's questions, from 0.
    pub question: u32,
    /// Which criterion of it.
    pub criterion: String,
    /// What it is about, in a few words.
    pub label: String,
    /// A sentence.
    pub text: String,
    /// Where it was told; none if it was not.
    pub evidence: Option<Evidence>,
}

/// Whether an answer can be scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// It can.
    Open,
    /// Too little was heard to be an answer.
    NoAnswer,
    /// Too much is missing or unsure. For a person to judge.
    LowEvidence,
    /// Nothing listened.
    NoRecognizer,
    /// Nobody wrote down what a good answer tells.
    NoRubric,
    /// There are no word lists for the language.
    Language,
}

impl Gate {
    /// Every gate.
    pub const ALL: &'static [Self] = &[
        Self::Open,
        Self::NoAnswer,
        Self::LowEvidence,
        Self::NoRecognizer,
        Self::NoRubric,
        Self::Language,
    ];
}

/// A question's score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuestionScore {
    /// Which question.
    pub id: QuestionId,
    /// What sort of question it is; none without a scoring key.
    pub kind: Option<Kind>,
    /// Id and fingerprint of the scoring key.
    pub rubric: Option<String>,
    /// Whether it could be scored.
    pub gate: Gate,
    /// Why not, in a plain sentence.
    pub reason: Option<String>,
    /// The level; none if it was not scored.
    pub level: Option<LevelRange>,
    /// 0 to 1 in thousandths: what the level comes from.
    pub value: Option<f64>,
    /// How much it counts among the others.
    pub weight: u32,
    /// A point that must be told was not found, so the level was capped.
    pub is_capped: bool,
    /// The range is wide, or the answer could not be scored.
    pub human_review: bool,
    /// Share of the answer's words that belong to the question; none if it was not measured.
    pub overlap: Option<f64>,
    /// That share is very low. For information; it changes no score.
    pub may_be_off_topic: bool,
    /// Everything looked at: points, parts, delivery.
    pub criteria: Vec<Criterion>,
    /// Words of the candidate under this question; evidence counts in these.
    pub words: u32,
}

/// What a criterion is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriterionKind {
    /// An expected point.
    Content,
    /// A part of the story or argument.
    Structure,
    /// The way of speaking.
    Delivery,
}

/// Why a criterion has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotMeasurable {
    /// The recognizer leaves such words out.
    FillersDropped,
    /// Too little speech.
    TooShort,
    /// The words have no usable times.
    NoTimes,
    /// The answer did not pass the gate.
    Gate,
    /// The figure is for people to look at; there is no right value.
    ShownOnly,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Criterion {
    /// `point:…`, `structure:…` or `delivery:…`.
    pub criterion: String,
    /// What it is about.
    pub kind: CriterionKind,
    /// In a few words.
    pub label: String,
    /// 0 to 1; none if it was not measured.
    pub value: Option<f64>,
    /// Its share among the criteria of its kind, 0 to 1; 0 where it is only shown.
    pub weight: f64,
    /// Whether there is a value.
    pub measurable: bool,
    /// Why there is none.
    pub reason: Option<NotMeasurable>,
    /// How sure the recognizer was of the words it rests on, in hundredths.
    pub confidence: Option<f64>,
    /// Which rule gave the value.
    pub rule: String,
    /// The data the rule comes from: name and fingerprint.
    pub rubric: String,
    /// The figure behind it, for people.
    pub figure: Option<String>,
    /// The words it rests on.
    pub evidence: Vec<Evidence>,
}

/// Words of the candidate that show something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Which entry of the report's questions, from 0.
    pub question: u32,
    /// First word, counted from 0 over the candidate's lines under the question.
    pub from_word: u32,
    /// One past the last word.
    pub to_word: u32,
    /// Start of the first word, milliseconds of the session.
    pub from_ms: u64,
    /// End of the last word, milliseconds of the session.
    pub to_ms: u64,
    /// Those words, one space between each.
    pub quote: String,
}

/// A data file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataPart {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `fnv1a128:` and 32 hexadecimal digits over its bytes.
    pub hash: String,
}

/// Pace over the session.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaceLine {
    /// Length of a window, milliseconds.
    pub window_ms: u64,
    /// Windows with speech, in order.
    pub windows: Vec<PaceWindow>,
}

/// A window of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaceWindow {
    /// Its start, milliseconds of the session.
    pub from_ms: u64,
    /// Words of the candidate in it.
    pub words: u32,
    /// Time the candidate spoke in it, milliseconds.
    pub speaking_ms: u64,
    /// Words ÷ minutes spoken; none below three seconds of speech.
    pub words_per_minute: Option<u32>,
}
