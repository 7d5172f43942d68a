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

use crate::rubric::{Mode, Rubric, Scoring};
use crate::score::{Answer, Cover, Ready, Said, cues, story_parts, weights};

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
        let shares = match mode {
            Mode::Practice => weights().practice,
            Mode::Hiring => weights().hiring,
        };
        let answer = Answer::new(self.words.clone());
        let whole = f64::from(self.rubric.points_weight().max(1));
        let points = self.rubric.points.iter();
        let found: Vec<Cover> = points
            .clone()
            .map(|p| Ready::new(p).find(&answer).cover)
            .collect();
        let told = points
            .clone()
            .zip(&found)
            .filter(|(_, c)| **c == Cover::Covered);
        // Of two points of one weight the first is named.
        let told = told.map(|(p, _)| p).rev().max_by_key(|p| p.weight);
        let templates = &cues().suggest;
        let mut best: Option<(f64, Suggestion)> = None;
        let mut offer = |worth: f64, criterion: String, label: &str, text: String, reason: &str| {
            let known = self.given.contains(&criterion);
            if known || best.as_ref().is_some_and(|(most, _)| *most >= worth) {
                return;
            }
            let suggestion = Suggestion {
                question_id: self.question.clone(),
                criterion,
                label: label.to_owned(),
                text,
                reason: reason.to_owned(),
                to: to.clone(),
            };
            best = Some((worth, suggestion));
        };
        for (point, cover) in points.zip(&found) {
            let missing = 1.0 - cover.value();
            if missing <= 0.0 {
                continue;
            }
            let text = point.ask.clone().unwrap_or_else(|| {
                let name = if told.is_some() {
                    "point_after"
                } else {
                    "point"
                };
                let template = templates.get(name).map_or("{label}", String::as_str);
                let found = told.map_or("", |p| p.label.as_str());
                template
                    .replace("{label}", &point.label)
                    .replace("{found}", found)
            });
            let reason = match cover {
                Cover::Partial => "This was only touched on so far.",
                _ => "No words about this were heard so far.",
            };
            let worth = shares.content * f64::from(point.weight) / whole * missing;
            offer(
                worth,
                format!("point:{}", point.id),
                &point.label,
                text,
                reason,
            );
        }
        for part in story_parts(&answer, self.rubric.kind) {
            if part.value > 0.0 {
                continue;
            }
            let Some(text) = templates.get(part.id) else {
                continue;
            };
            let reason = "This part of the answer was not heard so far.";
            let worth = shares.structure * part.weight;
            offer(
                worth,
                format!("structure:{}", part.id),
                part.label,
                text.clone(),
                reason,
            );
        }
        best.map(|(_, suggestion)| suggestion)
    }
}

#[cfg(test)]
mod tests;
