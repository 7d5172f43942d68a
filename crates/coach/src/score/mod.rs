//! Scores: what an answer told, how it was built, and, for practice, how it was spoken. Rules on
//! words alone, without any model: the same words give the same scores, and each names the words
//! it rests on.
//!
//! What must never be here: faces, voices, feelings, accents; a rank; the word hire. A criterion
//! that could not be measured has a reason and no value.

mod content;
mod data;
mod delivery;
mod method;
mod pace;
mod parts;
mod question;
mod structure;
mod words;

use crate::report::{Report, SegmentFacts};
use crate::rubric::Scoring;

pub(crate) use content::{Cover, Ready};
pub(crate) use data::{Shares, cues, weights};
pub use parts::{
    Criterion, CriterionKind, DataPart, Evidence, Finding, Gate, LevelRange, NotMeasurable,
    PaceLine, PaceWindow, QuestionScore, Scores,
};
pub(crate) use structure::parts as story_parts;
pub(crate) use words::{Answer, Said};

use question::{Put, score_question};

/// Scores for the questions of a report. `segments`: what was said under each, by everybody, in
/// the order of the transcript, with stretches in which a voice but no word was heard.
pub(crate) fn score(report: &Report, segments: &[Vec<&SegmentFacts>], scoring: &Scoring) -> Scores {
    let mut questions = Vec::new();
    let mut strengths = Vec::new();
    let mut next_steps = Vec::new();
    for (place, (part, said)) in (0u32..).zip(report.questions.iter().zip(segments)) {
        let put = Put {
            place,
            part,
            said,
            rubric: scoring.rubrics.get(&part.id),
            scoring,
            nothing_listened: report.recognizer.is_none(),
        };
        let scored = score_question(&put);
        strengths.extend(scored.strengths);
        next_steps.extend(scored.next_steps);
        questions.push(scored.score);
    }
    let of = u32::try_from(questions.len()).unwrap_or(u32::MAX);
    let scored: Vec<&QuestionScore> = questions.iter().filter(|q| q.level.is_some()).collect();
    let level = session_level(&scored);
    let human_review = questions.iter().any(|q| q.human_review);
    let scored = u32::try_from(scored.len()).unwrap_or(u32::MAX);
    Scores {
        mode: scoring.mode,
        level,
        scored,
        of,
        human_review,
        strengths: heaviest(strengths),
        next_steps: heaviest(next_steps),
        pace: pace::line(segments),
        data: data::data_parts(),
        method: method::method(scoring, &questions),
        questions,
    }
}

/// A finding with its weight in the session.
type Weighed = (f64, Finding);

fn heaviest(mut all: Vec<Weighed>) -> Vec<Finding> {
    const SHOWN: usize = 3;
    // Stable: what weighs the same stays in the order of the interview.
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.truncate(SHOWN);
    all.into_iter().map(|(_, finding)| finding).collect()
}

/// The weighted median, the lower of two in the middle.
fn session_level(scored: &[&QuestionScore]) -> Option<LevelRange> {
    let median = |of: fn(&LevelRange) -> u8| -> Option<u8> {
        let mut levels: Vec<(u8, u64)> = scored
            .iter()
            .filter_map(|q| Some((of(q.level.as_ref()?), u64::from(q.weight))))
            .collect();
        levels.sort_unstable();
        let whole: u64 = levels.iter().map(|(_, w)| w).sum();
        let mut passed = 0;
        levels.into_iter().find_map(|(level, weight)| {
            passed += weight;
            (passed * 2 >= whole).then_some(level)
        })
    };
    Some(LevelRange {
        level: median(|l| l.level)?,
        low: median(|l| l.low)?,
        high: median(|l| l.high)?,
    })
}
