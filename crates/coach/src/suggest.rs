//! Follow-up questions while an interview runs: what to ask about next, by rule.
//!
//! A pure state machine. Time comes in as milliseconds of any clock that does not go back; nothing
//! is sent here. Suggestions rest on the same matching as the scores, so what is suggested is what
//! the report would miss.
//!
//! **Invariants**: nothing before the candidate has said something and then been quiet for
//! [`QUIET_MS`]; at most one suggestion in [`INTERVAL_MS`]; each criterion once a question; nothing
//! when all is said.

use protocol::id::QuestionId;
use protocol::value::Role;
use serde::{Deserialize, Serialize};

use crate::rubric::{Mode, Point, Rubric, Scoring};
use crate::score::{Answer, Cover, Ready, Said, Shares, cues, story_parts, weights};

/// The candidate has been quiet for this long, milliseconds.
pub const QUIET_MS: u64 = 2_500;
/// Shortest time between two suggestions, milliseconds.
pub const INTERVAL_MS: u64 = 15_000;
/// Most suggestions for one question.
pub const PER_QUESTION_MAX: usize = 4;
/// Words of an answer after which suggestions begin.
pub const WORDS_MIN: usize = 8;
/// Words of an answer that are kept; more are not looked at.
pub const WORDS_MAX: usize = 20_000;

/// Something to ask next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// About which question.
    pub question_id: QuestionId,
    /// Which criterion is missing: `point:…` or `structure:…`, as in the report.
    pub criterion: String,
    /// What it is about, in a few words.
    pub label: String,
    /// The question to ask.
    pub text: String,
    /// Why, in a plain sentence.
    pub reason: String,
    /// Who may see it.
    pub to: Vec<Role>,
}

/// Watches one session and says what to ask next.
#[derive(Debug)]
pub struct Coach {
    scoring: Scoring,
    open: Option<Open>,
    last_suggestion_ms: Option<u64>,
}

#[derive(Debug)]
struct Open {
    question: QuestionId,
    rubric: Rubric,
    words: Vec<Said>,
    is_speaking: bool,
    last_voice_ms: Option<u64>,
    /// Words came that have not been looked at.
    is_fresh: bool,
    given: Vec<String>,
}

impl Coach {
    /// A coach for a session that is scored like this.
    pub fn new(scoring: Scoring) -> Self {
        Self {
            scoring,
            open: None,
            last_suggestion_ms: None,
        }
    }

    /// A question was put. Without a scoring key there will be no suggestions for it.
    pub fn opened(&mut self, question: &QuestionId) {
        let rubric = self.scoring.rubrics.get(question);
        self.open = rubric.map(|rubric| Open {
            question: question.clone(),
            rubric: rubric.clone(),
            words: Vec::new(),
            is_speaking: false,
            last_voice_ms: None,
            is_fresh: false,
            given: Vec::new(),
        });
    }

    /// The question was closed.
    pub fn closed(&mut self) {
        self.open = None;
    }

    /// The candidate's voice is heard now. To be told again while it lasts, or until
    /// [`Self::paused`].
    pub fn speaking(&mut self, now_ms: u64) {
        if let Some(open) = &mut self.open {
            open.is_speaking = true;
            open.heard_at(now_ms);
        }
    }

    /// The candidate's voice has stopped.
    pub fn paused(&mut self, now_ms: u64) {
        if let Some(open) = &mut self.open
            && open.is_speaking
        {
            open.is_speaking = false;
            open.heard_at(now_ms);
        }
    }

    /// A final of the candidate came for a question. A final of a question that is not open is
    /// left aside.
    pub fn heard(&mut self, question: &QuestionId, text: &str, now_ms: u64) {
        let Some(open) = self.open.as_mut().filter(|o| o.question == *question) else {
            return;
        };
        let room = WORDS_MAX.saturating_sub(open.words.len());
        let said = text.split_whitespace().take(room).map(|word| Said {
            text: word.to_owned(),
            from_ms: now_ms,
            to_ms: now_ms,
            confidence: None,
        });
        open.words.extend(said);
        open.is_speaking = false;
        open.is_fresh = true;
        open.heard_at(now_ms);
    }

    /// When [`Self::poll`] may have something to say, if nothing else happens.
    pub fn due_ms(&self) -> Option<u64> {
        let open = self.open.as_ref()?;
        let can = !open.is_speaking
            && open.is_fresh
            && open.words.len() >= WORDS_MIN
            && open.given.len() < PER_QUESTION_MAX;
        if !can {
            return None;
        }
        let quiet = open.last_voice_ms?.saturating_add(QUIET_MS);
        let next = self
            .last_suggestion_ms
            .map(|at| at.saturating_add(INTERVAL_MS));
        Some(quiet.max(next.unwrap_or_default()))
    }

    /// What to ask now; most of the time nothing.
    pub fn poll(&mut self, now_ms: u64) -> Option<Suggestion> {
        if self.due_ms().is_none_or(|due| now_ms < due) {
            return None;
        }
        let to = self.scoring.suggestions_to.clone();
        let mode = self.scoring.mode;
        let open = self.open.as_mut()?;
        // The same words give the same answer: look again only when more were said.
        open.is_fresh = false;
        let suggestion = open.next(mode, to)?;
        open.given.push(suggestion.criterion.clone());
        self.last_suggestion_ms = Some(now_ms);
        Some(suggestion)
    }
}

impl Open {
    fn heard_at(&mut self, now_ms: u64) {
        self.last_voice_ms = Some(self.last_voice_ms.map_or(now_ms, |at| at.max(now_ms)));
    }

    /// The missing criterion that would change the level most; of two alike the first.
    fn next(&self, mode: Mode, to: Vec<Role>) -> Option<Suggestion> {
        let answer = Answer::new(self.words.clone());
        let mut best: Option<Missing> = None;
        for missing in self
            .missing_points(&answer, mode)
            .into_iter()
            .chain(self.missing_parts(&answer, mode))
        {
            let known = self.given.contains(&missing.criterion);
            if !known && best.as_ref().is_none_or(|b| missing.worth > b.worth) {
                best = Some(missing);
            }
        }
        let best = best?;
        Some(Suggestion {
            question_id: self.question.clone(),
            criterion: best.criterion,
            label: best.label,
            text: best.text,
            reason: best.reason.to_owned(),
            to,
        })
    }

    fn missing_points(&self, answer: &Answer, mode: Mode) -> Vec<Missing> {
        let share = shares(mode).content / f64::from(self.rubric.points_weight().max(1));
        let look = |p| (p, Ready::new(p).find(answer).cover);
        let points: Vec<(&Point, Cover)> = self.rubric.points.iter().map(look).collect();
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

    fn missing_parts(&self, answer: &Answer, mode: Mode) -> Vec<Missing> {
        let share = shares(mode).structure;
        let parts = story_parts(answer, self.rubric.kind).into_iter();
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
