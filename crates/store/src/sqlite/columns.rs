//! Values to columns and back. Text that no version of this program wrote is an error, never a
//! guess.

use std::sync::Arc;

use protocol::id::{
    BootId, Epoch, Generation, KeyHash, Participant, PlanId, QuestionId, Seq, SessionId, StreamId,
    UserId,
};
use protocol::record::{
    AnswerRow, EventRow, Fence, Happening, HappeningRow, ParticipantRow, RequestRow, SegmentRow,
    SessionRow,
};
use protocol::time::Wall;
use protocol::value::{Audience, EndReason, Outcome, Role, Status};
use rusqlite::types::Type;
use rusqlite::{Error, Row};

/// The columns [`session_row`] and [`fence`] read, in their order.
pub(crate) const SESSION_COLUMNS: &str = "session, status, reason, ended_by, candidate, title, \
     snapshot, epoch, seq, created_at, started_at, ended_at, duration_ms, deadline_at, \
     last_activity_at, owner_boot, owner_generation";

/// Milliseconds as SQLite's own date functions write them, for parameter `n`.
macro_rules! stamp {
    ($n:literal) => {
        concat!(
            "strftime('%Y-%m-%d %H:%M:%f', ?",
            $n,
            " / 1000.0, 'unixepoch')"
        )
    };
}
pub(crate) use stamp;

/// The way back from [`stamp`], also for what other programs wrote.
pub(crate) const CREATED_MS: &str =
    "CAST(round((julianday(created_at) - 2440587.5) * 86400000.0) AS INTEGER)";

fn broken(column: usize, why: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::FromSqlConversionFailure(column, Type::Text, Box::new(why))
}

#[derive(Debug, thiserror::Error)]
#[error("{0:?} is none of the allowed words")]
struct UnknownWord(String);

/// A `u64` that [`crate::judge`] has found to fit.
pub(crate) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The error of a word that no version of this program wrote.
pub(crate) fn unknown(column: usize, word: &str) -> Error {
    broken(column, UnknownWord(word.to_owned()))
}

/// A number that must not be negative.
pub(crate) fn unsigned<T: TryFrom<i64>>(row: &Row<'_>, column: usize) -> Result<T, Error> {
    let value: i64 = row.get(column)?;
    T::try_from(value).map_err(|_| Error::IntegralValueOutOfRange(column, value))
}

/// A shared text.
pub(crate) fn text(row: &Row<'_>, column: usize) -> Result<Arc<str>, Error> {
    let value = row
        .get_ref(column)?
        .as_str()
        .map_err(|why| broken(column, why))?;
    Ok(Arc::from(value))
}

macro_rules! ids {
    ($($name:ident, $optional:ident -> $id:ident;)+) => {
        $(
            /// An id.
            #[allow(dead_code)]
            pub(crate) fn $name(row: &Row<'_>, column: usize) -> Result<$id, Error> {
                let value = row.get_ref(column)?.as_str().map_err(|why| broken(column, why))?;
                $id::parse(value).map_err(|why| broken(column, why))
            }

            /// An id or nothing.
            #[allow(dead_code)]
            pub(crate) fn $optional(row: &Row<'_>, column: usize) -> Result<Option<$id>, Error> {
                let value = row.get_ref(column)?.as_str_or_null();
                match value.map_err(|why| broken(column, why))? {
                    None => Ok(None),
                    Some(value) => $id::parse(value).map(Some).map_err(|why| broken(column, why)),
                }
            }
        )+
    };
}

ids! {
    session_id, _optional_session -> SessionId;
    plan_id, _optional_plan -> PlanId;
    user_id, optional_user -> UserId;
    question_id, optional_question -> QuestionId;
    boot_id, _optional_boot -> BootId;
}

macro_rules! word {
    ($name:ident -> $word:ident) => {
        /// A word of a closed list.
        pub(crate) fn $name(row: &Row<'_>, column: usize) -> Result<$word, Error> {
            let value = row
                .get_ref(column)?
                .as_str()
                .map_err(|why| broken(column, why))?;
            $word::parse(value).ok_or_else(|| broken(column, UnknownWord(value.to_owned())))
        }
    };
}

word!(status -> Status);
word!(role -> Role);
word!(outcome -> Outcome);
word!(reason -> EndReason);
word!(happening -> Happening);

/// A reason or nothing.
pub(crate) fn optional_reason(row: &Row<'_>, column: usize) -> Result<Option<EndReason>, Error> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => reason(row, column).map(Some),
    }
}

fn optional_wall(row: &Row<'_>, column: usize) -> Result<Option<Wall>, Error> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Wall))
}

/// A row of `sessions` from [`SESSION_COLUMNS`].
pub(crate) fn session_row(row: &Row<'_>) -> Result<SessionRow, Error> {
    let duration = match row.get::<_, Option<i64>>(12)? {
        None => None,
        Some(_) => Some(unsigned(row, 12)?),
    };
    Ok(SessionRow {
        session: session_id(row, 0)?,
        status: status(row, 1)?,
        reason: optional_reason(row, 2)?,
        ended_by: optional_user(row, 3)?,
        candidate: optional_user(row, 4)?,
        title: text(row, 5)?,
        snapshot: text(row, 6)?,
        epoch: Epoch(unsigned(row, 7)?),
        seq: Seq(unsigned(row, 8)?),
        created_at: Wall(row.get(9)?),
        started_at: optional_wall(row, 10)?,
        ended_at: optional_wall(row, 11)?,
        duration_ms: duration,
        deadline_at: optional_wall(row, 13)?,
        last_activity_at: Wall(row.get(14)?),
    })
}

/// The owner from [`SESSION_COLUMNS`].
pub(crate) fn fence(row: &Row<'_>) -> Result<Fence, Error> {
    Ok(Fence {
        boot: boot_id(row, 15)?,
        generation: Generation(unsigned(row, 16)?),
    })
}

/// `seq, at, audience, body`.
pub(crate) fn event_row(row: &Row<'_>) -> Result<EventRow, Error> {
    Ok(EventRow {
        seq: Seq(unsigned(row, 0)?),
        at: Wall(row.get(1)?),
        audience: Audience(unsigned(row, 2)?),
        body: text(row, 3)?,
    })
}

/// The columns [`participant_row`] reads, in their order.
pub(crate) const PARTICIPANT_COLUMNS: &str =
    "user_id, participant, role, generation, joined_at, resume_key, away_since, seated";

/// A row of `participants` from [`PARTICIPANT_COLUMNS`].
pub(crate) fn participant_row(row: &Row<'_>) -> Result<ParticipantRow, Error> {
    let key: Option<[u8; 16]> = row.get(5)?;
    Ok(ParticipantRow {
        user: user_id(row, 0)?,
        participant: Participant(unsigned(row, 1)?),
        role: role(row, 2)?,
        generation: Generation(unsigned(row, 3)?),
        joined_at: optional_wall(row, 4)?,
        key: key.map(|key| KeyHash(u128::from_be_bytes(key))),
        away_since: optional_wall(row, 6)?,
        seated: row.get(7)?,
    })
}

/// `place, at, what, user_id, detail`.
pub(crate) fn happening_row(row: &Row<'_>) -> Result<HappeningRow, Error> {
    Ok(HappeningRow {
        place: unsigned(row, 0)?,
        at: Wall(row.get(1)?),
        what: happening(row, 2)?,
        user: optional_user(row, 3)?,
        detail: Box::from(&*text(row, 4)?),
    })
}

/// `question, place, outcome, from_ms, to_ms, limit_ms`.
pub(crate) fn answer_row(row: &Row<'_>) -> Result<AnswerRow, Error> {
    Ok(AnswerRow {
        question: question_id(row, 0)?,
        index: unsigned(row, 1)?,
        outcome: outcome(row, 2)?,
        from_ms: unsigned(row, 3)?,
        to_ms: unsigned(row, 4)?,
        limit_ms: unsigned(row, 5)?,
    })
}

/// `seq, user_id, stream, utterance, question, start_ms, end_ms`.
pub(crate) fn segment_row(row: &Row<'_>) -> Result<SegmentRow, Error> {
    Ok(SegmentRow {
        seq: Seq(unsigned(row, 0)?),
        user: user_id(row, 1)?,
        stream: StreamId(unsigned(row, 2)?),
        utterance: unsigned(row, 3)?,
        question: optional_question(row, 4)?,
        start_ms: unsigned(row, 5)?,
        end_ms: unsigned(row, 6)?,
    })
}

/// `user_id, id, reply`.
pub(crate) fn request_row(row: &Row<'_>) -> Result<RequestRow, Error> {
    Ok(RequestRow {
        user: user_id(row, 0)?,
        id: Box::from(&*text(row, 1)?),
        reply: text(row, 2)?,
    })
}
