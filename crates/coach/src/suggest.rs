//! Follow-up questions while an interview runs: what to ask about next, by rule.
//!
//! A pure function of the words said so far. When to ask is the engine's business. Suggestions rest
//! on the same matching as the scores, so what is suggested is what the report would miss.
//!
//! **Invariants**: each criterion once a question; nothing when all is said.

use protocol::id::QuestionId;
use protocol::value::Suggestion;

use crate::rubric::{Mode, Point, Rubric, Scoring};
use crate::score::{Answer, Cover, Ready, Said, Shares, cues, story_parts, weights};

/// Words of an answer that are looked at; more are left aside.
pub const WORDS_MAX: usize = 20_000;

/// What to ask next about the answer to this question: the missing criterion that would change the
/// level most, of two alike the first. `said` is what the candidate said to it, `given` are the
/// criteria that were suggested already. None: nothing is missing, or the question has no key.
pub fn next(
    scoring: &Scoring,
    question: &QuestionId,
    said: &str,
    given: &[String],
) -> Option<Suggestion> {
    let rubric = scoring.rubrics.get(question)?;
    let words = said.split_whitespace().take(WORDS_MAX).map(|word| Said {
        text: word.to_owned(),
        from_ms: 0,
        to_ms: 0,
        confidence: None,
    });
    let answer = Answer::new(words.collect());
    let mut best: Option<Missing> = None;
    let points = missing_points(rubric, &answer, scoring.mode);
    for missing in points
        .into_iter()
        .chain(missing_parts(rubric, &answer, scoring.mode))
    {
        let known = given.contains(&missing.criterion);
        if !known && best.as_ref().is_none_or(|b| missing.worth > b.worth) {
            best = Some(missing);
        }
    }
    let best = best?;
    Some(Suggestion {
        criterion: best.criterion,
        label: best.label,
        text: best.text,
        reason: best.reason.to_owned(),
    })
}

fn missing_points(rubric: &Rubric, answer: &Answer, mode: Mode) -> Vec<Missing> {
    let share = shares(mode).content / f64::from(rubric.points_weight().max(1));
    let look = |p| (p, Ready::new(p).find(answer).cover);
    let points: Vec<(&Point, Cover)> = rubric.points.iter().map(look).collect();
    let told = points
        .iter()
        .filter(|(_, c)| *c == Cover::Covered)
        .map(|(p, _)| *p);
    // Of two points of one weight the first is named.
    let told = told.rev().max_by_key(|p| p.weight);
    let missing = points.iter().filter(|(_, c)| *c != Cover::Covered);
    missing
        .map(|(point, cover)| Missing {
            worth: share * f64::from(point.weight) * (1.0 - cover.value()),
            criterion: format!("point:{}", point.id),
            label: point.label.clone(),
            text: question_about(point, told),
            reason: match cover {
                Cover::Partial => "This was only touched on so far.",
                _ => "No words about this were heard so far.",
            },
        })
        .collect()
}

fn missing_parts(rubric: &Rubric, answer: &Answer, mode: Mode) -> Vec<Missing> {
    let share = shares(mode).structure;
    let parts = story_parts(answer, rubric.kind).into_iter();
    parts
        .filter(|part| part.value <= 0.0)
        .filter_map(|part| {
            Some(Missing {
                worth: share * part.weight,
                criterion: format!("structure:{}", part.id),
                label: part.label.to_owned(),
                text: cues().suggest.get(part.id)?.clone(),
                reason: "This part of the answer was not heard so far.",
            })
        })
        .collect()
}

/// A criterion that has not been met, and what meeting it would add.
struct Missing {
    worth: f64,
    criterion: String,
    label: String,
    text: String,
    reason: &'static str,
}

fn shares(mode: Mode) -> Shares {
    match mode {
        Mode::Practice => weights().practice,
        Mode::Hiring => weights().hiring,
    }
}

/// The point's own question, or one made of its label and of what was told already.
fn question_about(point: &Point, told: Option<&Point>) -> String {
    if let Some(ask) = &point.ask {
        return ask.clone();
    }
    let name = if told.is_some() {
        "point_after"
    } else {
        "point"
    };
    let template = cues().suggest.get(name).map_or("{label}", String::as_str);
    let found = told.map_or("", |p| p.label.as_str());
    let text = template.replace("{found}", found);
    text.replace("{label}", &point.label)
}

#[cfg(test)]
mod tests;
