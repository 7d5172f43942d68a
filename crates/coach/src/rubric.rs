//! What an answer to a question is expected to tell: the scoring key as plain values.
//!
//! Reading it from TOML is `plan`'s business, matching it against words is `score`'s.

use std::collections::BTreeMap;

use protocol::id::QuestionId;
use serde::{Deserialize, Serialize};

use crate::hash::hash;

/// What sort of question it is; decides how an answer is expected to be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// About something that happened: situation, task, action, result.
    Behavioral,
    /// About how something works or is built: claim, reason, example, trade-off, summary.
    Technical,
    /// About what somebody would do: built like a technical answer.
    Situational,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Behavioral, Self::Technical, Self::Situational];

    /// The word for it in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Behavioral => "behavioral",
            Self::Technical => "technical",
            Self::Situational => "situational",
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.as_str() == name)
    }

    /// Length of an answer that is asked for where the question does not say, milliseconds.
    pub fn default_target_ms(self) -> (u64, u64) {
        match self {
            Self::Behavioral | Self::Situational => (60_000, 120_000),
            Self::Technical => (60_000, 180_000),
        }
    }
}

/// What the scores are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// To get better: the way of speaking is shown and counts a little.
    Practice,
    /// To choose somebody: only what was said counts, the way of speaking is left out.
    #[default]
    Hiring,
}

impl Mode {
    /// The word for it in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Practice => "practice",
            Self::Hiring => "hiring",
        }
    }
}

/// The scoring key of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rubric {
    /// What sort of question it is.
    pub kind: Kind,
    /// Length of a good answer, from and to, milliseconds.
    pub target_ms: (u64, u64),
    /// How much the question counts among the others, from 1.
    pub weight: u32,
    /// What a good answer tells.
    pub points: Vec<Point>,
}

/// Something a good answer tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// Name inside the question: small letters, digits and `-`.
    pub id: String,
    /// What it is, in a few words that fit after “about”.
    pub label: String,
    /// How much it counts among the others, from 1.
    pub weight: u32,
    /// Without it the question reaches level 3 at most.
    pub must: bool,
    /// Within how many words the groups of a way of saying it must stand.
    pub near: u32,
    /// Ways of saying it. One is enough.
    pub any: Vec<Way>,
    /// Phrases that say the opposite: a match next to one does not count.
    pub not: Vec<String>,
    /// The question to ask when it has not been said.
    pub ask: Option<String>,
}

/// A way of saying a point: all its groups, near each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Way {
    /// At least one.
    pub groups: Vec<Group>,
}

/// Phrases that mean the same; one of them is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// At least one, each of one or more words.
    pub phrases: Vec<String>,
    /// No part of the point by itself: it needs the others. Where all groups are so, a way is
    /// found as a whole or not at all.
    pub is_context: bool,
}

impl Rubric {
    /// Fingerprint over everything in it.
    pub fn hash(&self) -> String {
        let json = serde_json::to_vec(self).expect("invariant: a rubric is plain values");
        hash(&json)
    }

    /// Weight of all points together.
    pub fn points_weight(&self) -> u32 {
        self.points.iter().map(|p| p.weight).sum()
    }
}

/// How a session's answers are to be scored, apart from the answers themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scoring {
    /// What for.
    pub mode: Mode,
    /// Language of the answers, as a tag like `en`.
    pub language: String,
    /// The recognizer writes down `um` and `uh`.
    pub keeps_fillers: bool,
    /// Nothing about the way of speaking is measured, for somebody whom that would treat unfairly.
    pub without_delivery: bool,
    /// Scoring keys by question. A question without one is not scored.
    pub rubrics: BTreeMap<QuestionId, Rubric>,
}

impl Scoring {
    /// As it is kept in the records, under the name [`Self::name`] gives it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("invariant: scoring keys are plain values")
    }

    /// The name of this key: a fingerprint over everything in it.
    pub fn name(&self) -> String {
        hash(self.to_json().as_bytes())
    }
}
