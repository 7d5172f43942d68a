//! When to suggest what to ask next (I6): after the candidate has said something and then been
//! quiet, not too often, to the roles the plan names. What to suggest is the coach's business,
//! who is asked by an effect and answers when it can.
//!
//! **Invariants**: never while a voice is heard; at most one suggestion in `suggest_every_ms`; each
//! criterion once a question; one question to the coach at a time.

use protocol::id::{EffectId, QuestionId};
use protocol::server::EventBody;
use protocol::time::Mono;
use protocol::value::{Audience, Status, Suggestion};

use super::{Ctx, Session};
use crate::config::Config;
use crate::effect::{AdviceAsked, Effect};
use crate::planted::{self, Bug};

/// Most suggestions for one question.
const PER_QUESTION_MAX: usize = 4;
/// Words of an answer from which on suggestions make sense.
const WORDS_MIN: usize = 8;
/// Bytes of an answer that are kept for the coach; what comes later is not looked at.
const BYTES_MAX: usize = 64 * 1024;
/// How long the coach may take, milliseconds.
const ANSWER_MS: u64 = 5_000;

/// What is known of the answer to the open question.
#[derive(Debug, Default)]
pub(crate) struct Advice {
    said: String,
    words: usize,
    /// Words came that the coach has not seen.
    fresh: bool,
    /// When the candidate was last heard.
    heard: Option<Mono>,
    /// Criteria suggested for this question.
    given: Vec<String>,
    /// The coach is asked: which effect, since when.
    asking: Option<(EffectId, Mono)>,
    /// When the last suggestion went out, of whichever question.
    last: Option<Mono>,
}

impl Advice {
    /// Of an interview that is read back: when the last suggestion went out is not known.
    pub(super) fn resumed(now: Mono) -> Self {
        Self {
            last: Some(now),
            ..Self::default()
        }
    }

    /// The next question is put: what was said belongs to the one before.
    pub(super) fn next_question(&mut self) {
        *self = Self {
            last: self.last,
            ..Self::default()
        };
    }

    /// A voice is heard.
    pub(super) fn voice(&mut self, now: Mono) {
        self.heard = Some(now);
    }

    /// Finished words of the open question.
    pub(super) fn heard(&mut self, now: Mono, text: &str) {
        self.heard = Some(now);
        if self.said.len() + text.len() >= BYTES_MAX {
            return;
        }
        self.words += text.split_whitespace().count();
        self.said.push_str(text);
        self.said.push('\n');
        self.fresh = true;
    }

    /// When to look again.
    fn next(&self, config: &Config) -> Option<Mono> {
        if let Some((_, since)) = self.asking {
            return Some(since.after(ANSWER_MS));
        }
        let ready = self.fresh && self.words >= WORDS_MIN && self.given.len() < PER_QUESTION_MAX;
        let patience = match planted::on(config, Bug::TalkInto) {
            true => 0,
            false => config.suggest_quiet_ms,
        };
        let quiet = self.heard.filter(|_| ready)?.after(patience);
        let free = self.last.map(|at| at.after(config.suggest_every_ms));
        Some(free.map_or(quiet, |free| quiet.max(free)))
    }
}

impl Session {
    fn suggests_to(&self) -> Audience {
        let plan = self.plan.as_ref();
        plan.map_or(Audience::NONE, |plan| plan.options.suggestions_to)
    }

    /// Where suggestions are wanted, what is heard is noted.
    pub(super) fn note_advice(&mut self, note: impl FnOnce(&mut Advice)) {
        if self.status != Status::Active || self.suggests_to() == Audience::NONE {
            return;
        }
        if let Some(live) = self.live.as_mut().filter(|live| live.flow.open.is_some()) {
            note(&mut live.advice);
        }
    }

    pub(super) fn advice_next(&self, config: &Config) -> Option<Mono> {
        // An end that comes of a fault of ours leaves the question as it was.
        let live = self
            .live
            .as_ref()
            .filter(|_| self.status == Status::Active)?;
        live.flow.open.as_ref()?;
        live.advice.next(config)
    }

    /// Asks the coach when it is time.
    pub(super) fn advice_timeouts(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now.mono;
        let due = self.advice_next(ctx.config).is_some_and(|at| at <= now);
        let open = self.live.as_ref().and_then(|live| live.flow.open.as_ref());
        let plan = self.plan.as_ref();
        let question = open.zip(plan).and_then(|(open, plan)| {
            let question = plan.questions.get(open.index as usize)?;
            Some((plan.id.clone(), plan.scoring.clone(), question.clone()))
        });
        let Some((plan, scoring, question)) = question.filter(|_| due) else {
            return;
        };
        let Some(live) = &mut self.live else { return };
        if live.advice.asking.take().is_some() {
            // No answer in time: what is said next is another chance.
            return;
        }
        live.advice.fresh = false;
        let asked = AdviceAsked {
            plan,
            scoring,
            question,
            said: live.advice.said.clone(),
            given: live.advice.given.clone(),
        };
        let id = ctx.effect_id();
        live.advice.asking = Some((id, now));
        ctx.out(Effect::Advise {
            id,
            session: self.id.clone(),
            asked: Box::new(asked),
        });
    }

    /// The coach has something to suggest, or nothing.
    pub(crate) fn advised(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: EffectId,
        question: &QuestionId,
        suggestion: Option<Suggestion>,
    ) {
        let to = self.suggests_to();
        let is_open = self.open_question().as_ref() == Some(question);
        let has_room = self.has_room(ctx);
        let active = self.status == Status::Active;
        let Some(live) = self.live.as_mut().filter(|_| active) else {
            return;
        };
        let advice = &mut live.advice;
        let Some((_, since)) = advice.asking.take_if(|(asked, _)| *asked == id) else {
            return;
        };
        let Some(suggestion) = suggestion.filter(|_| is_open && has_room) else {
            return;
        };
        if advice.heard.is_some_and(|at| at > since) {
            // They speak again: perhaps they say it themselves.
            advice.fresh = true;
            return;
        }
        advice.given.push(suggestion.criterion.clone());
        advice.last = Some(ctx.now.mono);
        let body = EventBody::Suggestions {
            session_id: self.id.clone(),
            question_id: question.clone(),
            suggestions: vec![suggestion],
            at: ctx.now.wall,
        };
        self.record(ctx, &body, to);
    }

    fn open_question(&self) -> Option<QuestionId> {
        let live = self.live.as_ref()?;
        live.flow.open_id(self.plan.as_deref())
    }
}
