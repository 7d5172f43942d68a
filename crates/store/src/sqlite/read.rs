//! Every question readers ask, on a read-only connection. Nothing is changed here.

use std::sync::Arc;

use protocol::id::{BootId, Seq, SessionId, UserId};
use protocol::record::{AnswerRow, EventRow, HappeningRow, Loaded, ParticipantRow, SessionRow};
use protocol::time::Wall;
use protocol::value::{Role, Status};
use rusqlite::{Connection, Error, OptionalExtension, params};

use crate::rows::{
    ActiveRow, ActiveRows, EndBucket, EndCounts, Filter, PAGE_ROWS_MAX, Page, SpokenRow, Trace,
};
use crate::sqlite::columns::{self, CREATED_MS, PARTICIPANT_COLUMNS, SESSION_COLUMNS, number};
use crate::sqlite::save::is_missing_table;

/// Answers to one question come from one moment: several statements share a transaction.
pub(crate) fn find(
    connection: &mut Connection,
    sessions: &[SessionId],
) -> Result<Vec<Trace>, Error> {
    let moment = connection.transaction()?;
    let found = {
        let mut look = moment.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM sessions WHERE session = ?1),
                    EXISTS (SELECT 1 FROM tombstones WHERE session = ?1)",
        )?;
        let trace = |kept, deleted| match (kept, deleted) {
            (true, _) => Trace::Kept,
            (false, true) => Trace::Deleted,
            (false, false) => Trace::Nothing,
        };
        let mut look = |session: &SessionId| {
            look.query_row([session.as_str()], |row| {
                Ok(trace(row.get(0)?, row.get(1)?))
            })
        };
        sessions
            .iter()
            .map(&mut look)
            .collect::<Result<_, Error>>()?
    };
    moment.commit()?;
    Ok(found)
}

pub(crate) fn load(
    connection: &mut Connection,
    session: &SessionId,
) -> Result<Option<Loaded>, Error> {
    let moment = connection.transaction()?;
    let sql = format!("SELECT {SESSION_COLUMNS} FROM sessions WHERE session = ?1");
    let found = moment
        .prepare_cached(&sql)?
        .query_row([session.as_str()], |row| {
            Ok((columns::session_row(row)?, columns::fence(row)?))
        })
        .optional()?;
    let Some((row, fence)) = found else {
        return Ok(None);
    };
    let requests = moment
        .prepare_cached(
            "SELECT user_id, id, reply FROM requests WHERE session = ?1 ORDER BY place",
        )?
        .query_map([session.as_str()], columns::request_row)?
        .collect::<Result<_, _>>()?;
    let mut last_seq = [Seq(0); 3];
    for role in Role::ALL {
        let last: i64 = moment
            .prepare_cached(
                "SELECT coalesce((SELECT seq FROM events WHERE session = ?1
                     AND audience & ?2 <> 0 ORDER BY seq DESC LIMIT 1), 0)",
            )?
            .query_row(params![session.as_str(), 1 << role.index()], |row| {
                row.get(0)
            })?;
        last_seq[role.index()] = Seq(u64::try_from(last).unwrap_or(0));
    }
    let participants = participants(&moment, session)?;
    let happened = moment
        .prepare_cached("SELECT coalesce(max(place), 0) FROM happenings WHERE session = ?1")?
        .query_row([session.as_str()], |row| columns::unsigned(row, 0))?;
    moment.commit()?;
    Ok(Some(Loaded {
        row,
        fence,
        participants,
        requests,
        last_seq,
        happened,
        away_ms: 0,
        unsaved_end: None,
    }))
}

pub(crate) fn session_row(
    connection: &Connection,
    session: &SessionId,
) -> Result<Option<SessionRow>, Error> {
    let sql = format!("SELECT {SESSION_COLUMNS} FROM sessions WHERE session = ?1");
    connection
        .prepare_cached(&sql)?
        .query_row([session.as_str()], columns::session_row)
        .optional()
}

pub(crate) fn log(
    connection: &Connection,
    session: &SessionId,
    after: Seq,
    limit_bytes: usize,
) -> Result<Vec<EventRow>, Error> {
    let mut select = connection.prepare_cached(
        "SELECT seq, at, audience, body FROM events WHERE session = ?1 AND seq > ?2 ORDER BY seq",
    )?;
    let mut rows = select.query(params![session.as_str(), number(after.0)])?;
    let mut events = Vec::new();
    let mut bytes = 0usize;
    while let Some(row) = rows.next()? {
        let event = columns::event_row(row)?;
        bytes = bytes.saturating_add(event.body.len());
        if bytes > limit_bytes && !events.is_empty() {
            break;
        }
        events.push(event);
    }
    Ok(events)
}

pub(crate) fn active_of(
    connection: &Connection,
    user: &UserId,
) -> Result<Option<ActiveRow>, Error> {
    let sql = format!(
        "SELECT session_id, coalesce(status, 'active'), coalesce({CREATED_MS}, 0)
         FROM active_interview_sessions WHERE user_id = ?1"
    );
    let read = |row: &rusqlite::Row<'_>| {
        Ok(ActiveRow {
            session: columns::session_id(row, 0)?,
            status: columns::status(row, 1)?,
            created_at: Wall(row.get(2)?),
        })
    };
    let asked = connection
        .prepare_cached(&sql)
        .and_then(|mut select| select.query_row([user.as_str()], read).optional());
    match asked {
        Err(error) if is_missing_table(&error) => Ok(None),
        asked => asked,
    }
}

pub(crate) fn participants(
    connection: &Connection,
    session: &SessionId,
) -> Result<Vec<ParticipantRow>, Error> {
    let sql = format!(
        "SELECT {PARTICIPANT_COLUMNS} FROM participants WHERE session = ?1 ORDER BY participant"
    );
    connection
        .prepare_cached(&sql)?
        .query_map([session.as_str()], columns::participant_row)?
        .collect()
}

pub(crate) fn answers(
    connection: &Connection,
    session: &SessionId,
) -> Result<Vec<AnswerRow>, Error> {
    connection
        .prepare_cached(
            "SELECT question, place, outcome, from_ms, to_ms, limit_ms FROM answers
             WHERE session = ?1 ORDER BY place, question",
        )?
        .query_map([session.as_str()], columns::answer_row)?
        .collect()
}

pub(crate) fn segments(
    connection: &Connection,
    session: &SessionId,
) -> Result<Vec<SpokenRow>, Error> {
    connection
        .prepare_cached(
            "SELECT s.seq, s.user_id, s.stream, s.utterance, s.question, s.start_ms, s.end_ms,
                 e.body
             FROM segments s JOIN events e ON e.session = s.session AND e.seq = s.seq
             WHERE s.session = ?1 ORDER BY s.seq",
        )?
        .query_map([session.as_str()], |row| {
            Ok(SpokenRow {
                segment: columns::segment_row(row)?,
                body: columns::text(row, 7)?,
            })
        })?
        .collect()
}

pub(crate) fn report(
    connection: &Connection,
    session: &SessionId,
) -> Result<Option<Arc<str>>, Error> {
    connection
        .prepare_cached("SELECT body FROM reports WHERE session = ?1")?
        .query_row([session.as_str()], |row| columns::text(row, 0))
        .optional()
}

pub(crate) fn list_sessions(
    connection: &Connection,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<SessionRow>, Error> {
    let (at, id) = match &page.after {
        Some((at, session)) => (at.0, session.as_str()),
        None => (i64::MAX, ""),
    };
    // `after` is behind every row when there is none: no row is made at the end of time.
    let sql = format!(
        "SELECT {SESSION_COLUMNS} FROM sessions
         WHERE (created_at, session) < (?1, ?2)
             AND (?3 IS NULL OR status = ?3)
             AND (?4 IS NULL OR created_at >= ?4)
             AND (?5 IS NULL OR candidate = ?5)
         ORDER BY created_at DESC, session DESC LIMIT ?6"
    );
    connection
        .prepare_cached(&sql)?
        .query_map(
            params![
                at,
                id,
                filter.status.map(Status::as_str),
                filter.since.map(|at| at.0),
                filter.candidate.as_ref().map(UserId::as_str),
                page.limit.min(PAGE_ROWS_MAX),
            ],
            columns::session_row,
        )?
        .collect()
}

pub(crate) fn unfinished_of_other_boots(
    connection: &Connection,
    boot: &BootId,
    now: Wall,
    limit: u32,
) -> Result<Vec<SessionId>, Error> {
    connection
        .prepare_cached(
            "SELECT session FROM sessions LEFT JOIN nodes ON boot_id = owner_boot
             WHERE status <> 'ended' AND owner_boot <> ?1 AND coalesce(lease_until, ?2) <= ?2
             ORDER BY session LIMIT ?3",
        )?
        .query_map(params![boot.as_str(), now.0, limit], |row| {
            columns::session_id(row, 0)
        })?
        .collect()
}

pub(crate) fn overdue(
    connection: &Connection,
    now: Wall,
    limit: u32,
) -> Result<Vec<SessionId>, Error> {
    connection
        .prepare_cached(
            "SELECT session FROM sessions WHERE status = 'scheduled' AND deadline_at <= ?1
             ORDER BY deadline_at, session LIMIT ?2",
        )?
        .query_map(params![now.0, limit], |row| columns::session_id(row, 0))?
        .collect()
}

pub(crate) fn active_rows(connection: &Connection, now: Wall) -> Result<ActiveRows, Error> {
    let sql =
        format!("SELECT count(*), min(coalesce({CREATED_MS}, 0)) FROM active_interview_sessions");
    let read = |row: &rusqlite::Row<'_>| {
        let oldest: Option<i64> = row.get(1)?;
        Ok(ActiveRows {
            count: columns::unsigned(row, 0)?,
            oldest_age_ms: oldest.map(|at| u64::try_from(now.0.saturating_sub(at)).unwrap_or(0)),
        })
    };
    let asked = connection
        .prepare_cached(&sql)
        .and_then(|mut select| select.query_row([], read));
    match asked {
        Err(error) if is_missing_table(&error) => Ok(ActiveRows::default()),
        asked => asked,
    }
}

pub(crate) fn ends_by_reason(
    connection: &Connection,
    from: Wall,
    until: Wall,
) -> Result<EndCounts, Error> {
    let mut counts: EndCounts = connection
        .prepare_cached(
            "SELECT reason, count(*) FROM sessions
             WHERE status = 'ended' AND ended_at >= ?1 AND ended_at < ?2 GROUP BY reason",
        )?
        .query_map([from.0, until.0], |row| {
            Ok((columns::reason(row, 0)?, columns::unsigned(row, 1)?))
        })?
        .collect::<Result<_, _>>()?;
    counts.sort_unstable();
    Ok(counts)
}

pub(crate) fn ends_over_time(
    connection: &Connection,
    (from, until): (Wall, Wall),
    bucket_ms: u64,
) -> Result<Vec<EndBucket>, Error> {
    let bucket = number(bucket_ms.max(1));
    connection
        .prepare_cached(
            "SELECT ?1 + (ended_at - ?1) / ?3 * ?3 AS bucket, reason, count(*),
                 coalesce(sum(duration_ms), 0)
             FROM sessions
             WHERE status = 'ended' AND ended_at >= ?1 AND ended_at < ?2 AND reason IS NOT NULL
             GROUP BY bucket, reason ORDER BY bucket, reason",
        )?
        .query_map(params![from.0, until.0, bucket], |row| {
            Ok(EndBucket {
                from: Wall(row.get(0)?),
                reason: columns::reason(row, 1)?,
                count: columns::unsigned(row, 2)?,
                duration_ms: columns::unsigned(row, 3)?,
            })
        })?
        .collect()
}

pub(crate) fn happenings(
    connection: &Connection,
    session: &SessionId,
) -> Result<Vec<HappeningRow>, Error> {
    connection
        .prepare_cached(
            "SELECT place, at, what, user_id, detail FROM happenings
             WHERE session = ?1 ORDER BY place",
        )?
        .query_map([session.as_str()], columns::happening_row)?
        .collect()
}
