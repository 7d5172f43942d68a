//! Questions against the clock (I2): asked, answered or timed out or skipped, next. Plain state;
//! what is said about it is decided in the rules around it.

use protocol::id::QuestionId;
use protocol::record::AnswerRow;
use protocol::time::Mono;
use protocol::value::{Outcome, Plan};
use serde::{Deserialize, Serialize};

use super::timer::Countdown;

/// The question that is open now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) index: u32,
    /// When it was put, milliseconds of the session.
    pub(crate) from_ms: u64,
    pub(crate) clock: Countdown,
    /// Time left when the clock was stopped (a plan may say so while the candidate is away).
    pub(crate) paused_left_ms: Option<u64>,
}

/// A question that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Closed {
    pub(crate) index: u32,
    pub(crate) outcome: Outcome,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
}

/// Where the interview is in its plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) open: Option<Open>,
    pub(crate) closed: Vec<Closed>,
    pub(crate) extensions: u32,
    /// Closed questions the records already have.
    pub(crate) saved: usize,
}

impl Flow {
    /// The place of the next question that was not put yet.
    pub(crate) fn next_index(&self) -> u32 {
        let open = u32::from(self.open.is_some());
        u32::try_from(self.closed.len()).unwrap_or(u32::MAX) + open
    }

    /// The question in whose time `at_ms` lies; between two, the earlier one. Late finals are
    /// placed by this, so that words said before the bell belong to the question they answer.
    pub(crate) fn question_at(&self, plan: Option<&Plan>, at_ms: u64) -> Option<QuestionId> {
        let open = self
            .open
            .as_ref()
            .filter(|open| open.from_ms <= at_ms)
            .map(|open| open.index);
        let index = open.or_else(|| {
            self.closed
                .iter()
                .rev()
                .find(|closed| closed.from_ms <= at_ms)
                .map(|c| c.index)
        })?;
        question_id(plan, index)
    }

    /// The id of the open question.
    pub(crate) fn open_id(&self, plan: Option<&Plan>) -> Option<QuestionId> {
        question_id(plan, self.open.as_ref()?.index)
    }

    /// How many were closed this way.
    pub(crate) fn count(&self, outcome: Outcome) -> u32 {
        let n = self
            .closed
            .iter()
            .filter(|closed| closed.outcome == outcome)
            .count();
        u32::try_from(n).unwrap_or(u32::MAX)
    }

    /// Rows of the questions closed since the last save.
    pub(crate) fn unsaved_rows(&self, plan: Option<&Plan>) -> Vec<AnswerRow> {
        let rows = self.closed.iter().skip(self.saved).filter_map(|closed| {
            let question = plan?.questions.get(closed.index as usize)?;
            Some(AnswerRow {
                question: question.id.clone(),
                index: closed.index,
                outcome: closed.outcome,
                from_ms: closed.from_ms,
                to_ms: closed.to_ms,
                limit_ms: question.limit_ms,
            })
        });
        rows.collect()
    }

    /// When the question clock wants to be asked.
    pub(crate) fn next_timeout(&self) -> Option<Mono> {
        let open = self.open.as_ref()?;
        open.paused_left_ms.is_none().then(|| open.clock.next())
    }
}

fn question_id(plan: Option<&Plan>, index: u32) -> Option<QuestionId> {
    Some(plan?.questions.get(index as usize)?.id.clone())
}
