//! From the rows of a session to its report: reads them, sorts out what they are, hands them to
//! the coach. How a report is made of them is the coach's business.

use std::collections::HashMap;
use std::sync::Arc;

use coach::report::{
    AnswerFacts, GapFacts, ParticipantFacts, PlanFacts, RecognizerFacts, ReportInput, SegmentFacts,
    SessionFacts, build_scored,
};
use coach::rubric::Scoring;
use engine::effect::ReportFacts;
use protocol::id::{Seq, SessionId, UserId};
use protocol::record::AnswerRow;
use protocol::server::EventBody;
use protocol::value::{Plan, Role, Status};
use serde::Deserialize;
use speech::{Capabilities, WordTimes};
use store::{Store, StoreError};

use super::{Driver, coaching};

/// Bytes of events read at a time.
const LOG_BYTES: usize = 128 * 1024;

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    #[error("the records could not be read")]
    Store(#[from] StoreError),
    #[error("the session is not in the records")]
    Missing,
}

impl ReportError {
    /// The stable word for it.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Store(_) => "store_unavailable",
            Self::Missing => "session_not_found",
        }
    }
}

/// What of a session's snapshot a report needs.
#[derive(Deserialize)]
struct Snapshot {
    fixed: Fixed,
}

#[derive(Deserialize)]
struct Fixed {
    plan: Option<Plan>,
}

/// The plan a session's row was stored with.
pub(crate) fn plan_of(snapshot: &str) -> Option<Plan> {
    let read: Snapshot = serde_json::from_str(snapshot).ok()?;
    read.fixed.plan
}

/// Makes the report of a session that ends, as JSON.
pub(crate) fn make(
    driver: &Driver,
    session: &SessionId,
    facts: &ReportFacts,
) -> Result<Arc<str>, ReportError> {
    let speech = driver.speech.as_ref().map(|speech| speech.capabilities());
    let (input, plan) = read(&*driver.store, session, facts, speech)?;
    let scoring = match &plan {
        Some(plan) => coaching::scoring(driver, plan)?,
        None => Arc::default(),
    };
    Ok(write(&input, &scoring, speech))
}

/// Makes the report of a session that has ended, from its records alone: the same bytes as at its
/// end.
pub(crate) fn remake(driver: &Driver, session: &SessionId) -> Result<Arc<str>, ReportError> {
    let row = driver.store.session_row(session)?;
    let row = row.ok_or(ReportError::Missing)?;
    let (Some(reason), Some(ended_at)) = (row.reason, row.ended_at) else {
        return Err(ReportError::Missing);
    };
    let since = row.started_at.map(|at| ended_at.0.saturating_sub(at.0));
    let lasted = since.and_then(|ms| u64::try_from(ms).ok());
    let facts = ReportFacts {
        reason,
        by: row.ended_by,
        ended_at,
        duration_ms: row.duration_ms.or(lasted).unwrap_or_default(),
    };
    make(driver, session, &facts)
}

/// The report of these facts, scored where there is a key.
fn write(input: &ReportInput, scoring: &Scoring, speech: Option<&Capabilities>) -> Arc<str> {
    let scoring = Scoring {
        keeps_fillers: speech.is_some_and(|able| able.fillers),
        ..scoring.clone()
    };
    build_scored(input, &scoring).to_json().into()
}

/// Everything a report tells, out of the records; and the plan the session ran.
fn read(
    store: &dyn Store,
    session: &SessionId,
    facts: &ReportFacts,
    speech: Option<&Capabilities>,
) -> Result<(ReportInput, Option<Plan>), ReportError> {
    let row = store.session_row(session)?.ok_or(ReportError::Missing)?;
    let seats = store.participants(session)?;
    let roles: HashMap<UserId, Role> = seats.iter().map(|p| (p.user.clone(), p.role)).collect();
    let plan = plan_of(&row.snapshot);
    let (segments, gaps) = spoken(store, session, &roles)?;
    let answers = store.answers(session)?;
    let input = ReportInput {
        session: SessionFacts {
            id: session.clone(),
            title: row.title.to_string(),
            status: Status::Ended,
            created_at: row.created_at,
            started_at: row.started_at,
            ended_at: Some(facts.ended_at),
            duration_ms: Some(facts.duration_ms),
            reason: Some(facts.reason),
            ended_by: facts.by.clone(),
        },
        plan: plan.as_ref().map(PlanFacts::from),
        participants: seats
            .into_iter()
            .map(|p| ParticipantFacts {
                user: p.user,
                role: p.role,
                joined_at: p.joined_at,
            })
            .collect(),
        answers: answers
            .into_iter()
            .map(|a| answer(a, plan.as_ref()))
            .collect(),
        segments,
        gaps,
        recognizer: speech.map(|able| RecognizerFacts {
            name: able.name.clone(),
            version: able.version.clone(),
            word_times_estimated: able.word_times == WordTimes::Estimated,
        }),
    };
    Ok((input, plan))
}

fn answer(row: AnswerRow, plan: Option<&Plan>) -> AnswerFacts {
    let asked = plan.and_then(|plan| plan.questions.iter().find(|q| q.id == row.question));
    AnswerFacts {
        text: asked.map(|q| q.text.clone()).unwrap_or_default(),
        question: row.question,
        index: row.index,
        outcome: row.outcome,
        from_ms: row.from_ms,
        to_ms: row.to_ms,
        limit_ms: row.limit_ms,
    }
}

/// Words and gaps, from the log.
fn spoken(
    store: &dyn Store,
    session: &SessionId,
    roles: &HashMap<UserId, Role>,
) -> Result<(Vec<SegmentFacts>, Vec<GapFacts>), ReportError> {
    let (mut segments, mut gaps) = (Vec::new(), Vec::new());
    let mut after = Seq(0);
    loop {
        let events = store.log(session, after, LOG_BYTES)?;
        let Some(last) = events.last() else {
            return Ok((segments, gaps));
        };
        after = last.seq;
        for event in &events {
            // A body no version of this program wrote has no words we could show.
            let Ok(body) = serde_json::from_str::<EventBody>(&event.body) else {
                continue;
            };
            let role = match &body {
                EventBody::Transcript { user_id, .. } => roles.get(user_id).copied(),
                _ => None,
            };
            let role = role.unwrap_or(Role::Candidate);
            segments.extend(SegmentFacts::from_event(event.seq, role, &body));
            gaps.extend(GapFacts::from_event(&body));
        }
    }
}

#[cfg(test)]
mod tests;
