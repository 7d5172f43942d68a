//! One save inside the writer's transaction: every statement it takes, and what it comes to.
//! The caller holds the transaction, a savepoint around this, and decides what an error means.

use protocol::id::{Epoch, Generation, Seq, SessionId, UserId};
use protocol::record::{ActiveChange, Elsewhere, EventRow, Save, Saved};
use protocol::value::Status;
use rusqlite::{Connection, Error, OptionalExtension, named_params, params};

use crate::judge::{Known, Verdict, judge};
use crate::sqlite::columns::{self, number, stamp};
use crate::sqlite::{desk, read};

/// What a save came to.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The answer.
    pub(crate) saved: Saved,
    /// It put a candidate into `active_interview_sessions`: an interview begins (X5).
    pub(crate) start: bool,
    /// Another program ended the session.
    pub(crate) ended_elsewhere: bool,
    /// The table `active_interview_sessions` is missing.
    pub(crate) table_missing: bool,
}

impl Applied {
    fn answer(saved: Saved) -> Self {
        Self {
            saved,
            start: false,
            ended_elsewhere: false,
            table_missing: false,
        }
    }
}

/// What became of the active row.
enum Active {
    Done { start: bool },
    Elsewhere(Box<Elsewhere>),
    TableMissing,
}

/// Carries out one save, and with `hooks` notes what of it webhooks tell. Anything but
/// `Saved::Committed` asks for a rollback of the savepoint.
pub(crate) fn apply(connection: &Connection, save: &Save, hooks: bool) -> Result<Applied, Error> {
    let known = known(connection, &save.session)?;
    let before = known.as_ref().map(|known| (known.status, known.sealed));
    let forgotten = known.is_none() && is_forgotten(connection, &save.session)?;
    match judge(save, known.as_ref(), forgotten) {
        Verdict::Refuse(saved, why) => {
            if saved == Saved::Rejected {
                tracing::error!(session = %save.session, why, "a save was rejected");
            }
            return Ok(Applied::answer(saved));
        }
        Verdict::EndedElsewhere => {
            let told = Applied::answer(Saved::Temporary);
            return Ok(Applied {
                ended_elsewhere: true,
                ..told
            });
        }
        Verdict::Overtaken(seq) => {
            let same = events(connection, save, seq)?;
            return Ok(Applied::answer(if same {
                Saved::Committed(seq)
            } else {
                Saved::Rejected
            }));
        }
        Verdict::Write => {}
        Verdict::WriteUnderEnd => return under_end(connection, save, known.as_ref()),
    }
    if !session(connection, save, known.is_some(), None)? {
        return Ok(Applied::answer(Saved::Fenced));
    }
    if !events(connection, save, known.map_or(Seq(0), |known| known.seq))? {
        return Ok(Applied::answer(Saved::Rejected));
    }
    let (start, table_missing) = match active(connection, save)? {
        Active::Done { start } => (start, false),
        Active::TableMissing => (false, true),
        Active::Elsewhere(other) => return Ok(Applied::answer(Saved::ActiveElsewhere(other))),
    };
    rest(connection, save)?;
    if hooks {
        desk::note(connection, save, before)?;
    }
    let saved = Saved::Committed(save.row.seq);
    Ok(Applied {
        saved,
        start,
        ended_elsewhere: false,
        table_missing,
    })
}

/// A save whose session another program has ended already.
fn under_end(
    connection: &Connection,
    save: &Save,
    known: Option<&Known>,
) -> Result<Applied, Error> {
    if !session(connection, save, true, known)? {
        return Ok(Applied::answer(Saved::Fenced));
    }
    if !events(connection, save, known.map_or(Seq(0), |known| known.seq))? {
        return Ok(Applied::answer(Saved::Rejected));
    }
    rest(connection, save)?;
    Ok(Applied::answer(Saved::Committed(save.row.seq)))
}

fn known(connection: &Connection, session: &SessionId) -> Result<Option<Known>, Error> {
    let mut select = connection.prepare_cached(
        "SELECT owner_boot, owner_generation, status, reason, sealed, seq, epoch
         FROM sessions WHERE session = ?1",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Known {
            boot: columns::boot_id(row, 0)?,
            generation: Generation(columns::unsigned(row, 1)?),
            status: columns::status(row, 2)?,
            reason: columns::optional_reason(row, 3)?,
            sealed: row.get(4)?,
            seq: Seq(columns::unsigned(row, 5)?),
            epoch: Epoch(columns::unsigned(row, 6)?),
        })
    };
    select.query_row([session.as_str()], read).optional()
}

fn is_forgotten(connection: &Connection, session: &SessionId) -> Result<bool, Error> {
    connection
        .prepare_cached("SELECT 1 FROM tombstones WHERE session = ?1")?
        .exists([session.as_str()])
}

/// Writes the session's row; false when another owner holds it. `ended`: it stays ended as another
/// program left it.
fn session(
    connection: &Connection,
    save: &Save,
    exists: bool,
    ended: Option<&Known>,
) -> Result<bool, Error> {
    let status = ended.map_or(save.row.status, |known| known.status);
    let reason = ended.map_or(save.row.reason, |known| known.reason);
    let row = &save.row;
    let sql = if exists {
        "UPDATE sessions SET status = :status, reason = :reason, ended_by = :ended_by,
             candidate = :candidate, title = :title, snapshot = :snapshot, epoch = :epoch,
             seq = :seq, created_at = :created_at, started_at = :started_at,
             ended_at = CASE WHEN :keep_end THEN ended_at ELSE :ended_at END,
             duration_ms = :duration_ms, deadline_at = :deadline_at,
             last_activity_at = :last_activity_at, owner_generation = :generation, sealed = :sealed
         WHERE session = :session AND owner_boot = :boot AND owner_generation <= :generation"
    } else {
        "INSERT INTO sessions (session, status, reason, ended_by, candidate, title, snapshot,
             epoch, seq, created_at, started_at, ended_at, duration_ms, deadline_at,
             last_activity_at, owner_boot, owner_generation, sealed)
         VALUES (:session, :status, :reason, :ended_by, :candidate, :title, :snapshot, :epoch,
             :seq, :created_at, :started_at, CASE WHEN :keep_end THEN NULL ELSE :ended_at END, :duration_ms, :deadline_at,
             :last_activity_at, :boot, :generation, :sealed)"
    };
    let changed = connection.prepare_cached(sql)?.execute(named_params! {
        ":session": save.session.as_str(),
        ":status": status.as_str(),
        ":reason": reason.map(|reason| reason.as_str()),
        ":ended_by": row.ended_by.as_ref().map(UserId::as_str),
        ":candidate": row.candidate.as_ref().map(UserId::as_str),
        ":title": &*row.title,
        ":snapshot": &*row.snapshot,
        ":epoch": row.epoch.0,
        ":seq": number(row.seq.0),
        ":created_at": row.created_at.0,
        ":started_at": row.started_at.map(|at| at.0),
        ":ended_at": row.ended_at.map(|at| at.0),
        ":duration_ms": row.duration_ms.map(number),
        ":deadline_at": row.deadline_at.map(|at| at.0),
        ":last_activity_at": row.last_activity_at.0,
        ":boot": save.fence.boot.as_str(),
        ":generation": save.fence.generation.0,
        ":sealed": row.status == Status::Ended && ended.is_none(),
        ":keep_end": ended.is_some(),
    })?;
    Ok(changed == 1)
}

/// Appends what is new of the events; false when one that is stored differs.
fn events(connection: &Connection, save: &Save, stored: Seq) -> Result<bool, Error> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (session, seq, at, audience, body) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (session, seq) DO NOTHING",
    )?;
    let mut select = connection.prepare_cached(
        "SELECT seq, at, audience, body FROM events WHERE session = ?1 AND seq = ?2",
    )?;
    let session = save.session.as_str();
    let mut same = |event: &EventRow| -> Result<bool, Error> {
        let found = select.query_row(params![session, number(event.seq.0)], columns::event_row);
        Ok(found.optional()?.as_ref() == Some(event))
    };
    for event in &save.events {
        if event.seq > stored {
            let EventRow {
                seq,
                at,
                audience,
                body,
            } = event;
            let added =
                insert.execute(params![session, number(seq.0), at.0, audience.0, &**body])?;
            if added == 1 {
                continue;
            }
        }
        if !same(event)? {
            tracing::error!(
                session,
                seq = event.seq.0,
                "a stored event differs from the saved one"
            );
            return Ok(false);
        }
    }
    Ok(true)
}

/// Does to `active_interview_sessions` what the save says.
fn active(connection: &Connection, save: &Save) -> Result<Active, Error> {
    let done = match save.active {
        ActiveChange::Keep => return Ok(Active::Done { start: false }),
        ActiveChange::Delete => delete_active(connection, save),
        ActiveChange::Upsert { status, force } => upsert_active(connection, save, status, force),
    };
    match done {
        Err(error) if is_missing_table(&error) => Ok(Active::TableMissing),
        done => done,
    }
}

/// Whether the error says that `active_interview_sessions` was dropped.
pub(crate) fn is_missing_table(error: &Error) -> bool {
    error
        .to_string()
        .contains("no such table: active_interview_sessions")
}

fn delete_active(connection: &Connection, save: &Save) -> Result<Active, Error> {
    let session = save.session.as_str();
    match &save.row.candidate {
        Some(user) => connection
            .prepare_cached(
                "DELETE FROM active_interview_sessions WHERE user_id = ?1 AND session_id = ?2",
            )?
            .execute([user.as_str(), session])?,
        None => connection
            .prepare_cached("DELETE FROM active_interview_sessions WHERE session_id = ?1")?
            .execute([session])?,
    };
    Ok(Active::Done { start: false })
}

/// What is known of the session that holds the candidate's row.
fn elsewhere(connection: &Connection, session: SessionId, user: &str) -> Result<Elsewhere, Error> {
    let row = read::session_row(connection, &session)?;
    let seats = read::participants(connection, &session)?;
    Ok(Elsewhere {
        session,
        row,
        seat: seats.into_iter().find(|seat| seat.user.as_str() == user),
    })
}

fn upsert_active(
    connection: &Connection,
    save: &Save,
    status: Status,
    force: bool,
) -> Result<Active, Error> {
    let row = &save.row;
    let user = row.candidate.as_ref().map_or("", UserId::as_str);
    let session = save.session.as_str();
    let found = connection
        .prepare_cached("SELECT session_id FROM active_interview_sessions WHERE user_id = ?1")?
        .query_row([user], |row| row.get::<_, String>(0))
        .optional()?;
    let mine = found.as_deref() == Some(session);
    // A text that is no session id was not written by us and stands for no session of ours.
    let other = found.and_then(|text| SessionId::parse(&text).ok());
    if let Some(other) = other.filter(|_| !mine && !force) {
        let over = connection
            .prepare_cached("SELECT 1 FROM sessions WHERE session = ?1 AND status = 'ended'")?
            .exists([other.as_str()])?;
        if !over {
            let found = elsewhere(connection, other, user)?;
            return Ok(Active::Elsewhere(Box::new(found)));
        }
    }
    if mine {
        connection
            .prepare_cached(concat!(
                "UPDATE active_interview_sessions SET status = ?2, updated_at = ",
                stamp!("3"),
                " WHERE user_id = ?1"
            ))?
            .execute(params![user, status.as_str(), row.last_activity_at.0])?;
        return Ok(Active::Done { start: false });
    }
    let since = row.started_at.unwrap_or(row.created_at);
    connection
        .prepare_cached(concat!(
            "INSERT OR REPLACE INTO active_interview_sessions
                 (user_id, session_id, status, created_at, updated_at)
             VALUES (?1, ?2, ?3, ",
            stamp!("4"),
            ", ",
            stamp!("5"),
            ")"
        ))?
        .execute(params![
            user,
            session,
            status.as_str(),
            since.0,
            row.last_activity_at.0
        ])?;
    Ok(Active::Done {
        start: status == Status::Active,
    })
}

/// Seats. An older holder's generation never replaces a newer one's (L3).
fn seats(connection: &Connection, save: &Save) -> Result<(), Error> {
    for seat in &save.participants {
        connection
            .prepare_cached(
                "INSERT INTO participants (session, user_id, participant, role, generation,
                     joined_at, resume_key, away_since, seated)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (session, user_id) DO UPDATE SET participant = excluded.participant,
                     role = excluded.role, generation = excluded.generation,
                     joined_at = excluded.joined_at, resume_key = excluded.resume_key,
                     away_since = excluded.away_since, seated = excluded.seated
                 WHERE excluded.generation >= participants.generation",
            )?
            .execute(params![
                save.session.as_str(),
                seat.user.as_str(),
                seat.participant.0,
                seat.role.as_str(),
                seat.generation.0,
                seat.joined_at.map(|at| at.0),
                seat.key.map(|key| key.0.to_be_bytes()),
                seat.away_since.map(|at| at.0),
                seat.seated,
            ])?;
    }
    Ok(())
}

/// What happened beside the log; a place that is taken stays as it is.
fn happenings(connection: &Connection, save: &Save) -> Result<(), Error> {
    for row in &save.happenings {
        connection
            .prepare_cached(
                "INSERT INTO happenings (session, place, at, what, user_id, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (session, place) DO NOTHING",
            )?
            .execute(params![
                save.session.as_str(),
                row.place,
                row.at.0,
                row.what.as_str(),
                row.user.as_ref().map(UserId::as_str),
                &*row.detail,
            ])?;
    }
    Ok(())
}

/// Seats, answers, segments, requests, happenings and the report.
fn rest(connection: &Connection, save: &Save) -> Result<(), Error> {
    let session = save.session.as_str();
    seats(connection, save)?;
    for answer in &save.answers {
        connection
            .prepare_cached(
                "INSERT INTO answers (session, question, place, outcome, from_ms, to_ms, limit_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (session, question) DO UPDATE SET place = excluded.place,
                     outcome = excluded.outcome, from_ms = excluded.from_ms,
                     to_ms = excluded.to_ms, limit_ms = excluded.limit_ms",
            )?
            .execute(params![
                session,
                answer.question.as_str(),
                answer.index,
                answer.outcome.as_str(),
                number(answer.from_ms),
                number(answer.to_ms),
                number(answer.limit_ms),
            ])?;
    }
    spoken(connection, save)?;
    happenings(connection, save)?;
    for request in &save.requests {
        connection
            .prepare_cached(
                "INSERT INTO requests (session, user_id, id, reply) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (session, user_id, id) DO NOTHING",
            )?
            .execute(params![
                session,
                request.user.as_str(),
                &*request.id,
                &*request.reply
            ])?;
    }
    if let Some(report) = &save.report {
        let made = save.row.ended_at.unwrap_or(save.row.last_activity_at);
        connection
            .prepare_cached(
                "INSERT INTO reports (session, made_at, body) VALUES (?1, ?2, ?3)
                 ON CONFLICT (session) DO UPDATE SET made_at = excluded.made_at,
                     body = excluded.body",
            )?
            .execute(params![session, made.0, &**report])?;
    }
    Ok(())
}

fn spoken(connection: &Connection, save: &Save) -> Result<(), Error> {
    for segment in &save.segments {
        connection
            .prepare_cached(
                "INSERT INTO segments
                     (session, seq, user_id, stream, utterance, question, start_ms, end_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (session, seq) DO UPDATE SET user_id = excluded.user_id,
                     stream = excluded.stream, utterance = excluded.utterance,
                     question = excluded.question, start_ms = excluded.start_ms,
                     end_ms = excluded.end_ms",
            )?
            .execute(params![
                save.session.as_str(),
                number(segment.seq.0),
                segment.user.as_str(),
                segment.stream.0,
                segment.utterance,
                segment.question.as_ref().map(|question| question.as_str()),
                number(segment.start_ms),
                number(segment.end_ms),
            ])?;
    }
    Ok(())
}
