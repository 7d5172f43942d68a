//! What the writer's thread does beside saves: leases, taking over sessions, clearing rows,
//! deleting records that are no longer kept. Each is one transaction; none of it is part of a
//! save.

use std::time::Duration;

use protocol::id::{BootId, Generation, SessionId, UserId};
use protocol::record::Fence;
use protocol::time::Wall;
use rusqlite::{Connection, Error, OptionalExtension, TransactionBehavior, params};

use crate::rows::{Forgotten, Kind};
use crate::sqlite::columns::{self, CREATED_MS, number};
use crate::sqlite::save::is_missing_table;

/// How long the row of a boot that owns nothing is kept.
const NODE_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Registers this boot. Only one process may write to a SQLite database, so every other boot is
/// gone, and its lease with it.
pub(crate) fn register(
    connection: &mut Connection,
    boot: &BootId,
    now: Wall,
    until: Wall,
) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let kept = i64::try_from(NODE_KEPT.as_millis()).unwrap_or(i64::MAX);
    transaction.execute(
        "DELETE FROM nodes WHERE lease_until < ?1 AND NOT EXISTS (
             SELECT 1 FROM sessions WHERE owner_boot = boot_id AND status <> 'ended')",
        [now.0.saturating_sub(kept)],
    )?;
    transaction.execute(
        "UPDATE nodes SET lease_until = min(lease_until, ?1) WHERE boot_id <> ?2",
        params![now.0, boot.as_str()],
    )?;
    // Reports they were making are made by us.
    transaction.execute(
        "UPDATE report_jobs SET state = 'queued', lease_until = NULL WHERE state = 'running'",
        [],
    )?;
    transaction.execute(
        "INSERT INTO nodes (boot_id, started_at, lease_until) VALUES (?1, ?2, ?3)
         ON CONFLICT (boot_id) DO UPDATE SET lease_until = excluded.lease_until",
        params![boot.as_str(), now.0, until.0],
    )?;
    transaction.commit()
}

/// Writes the lease of a registered boot.
pub(crate) fn lease(connection: &mut Connection, boot: &BootId, until: Wall) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction
        .prepare_cached("UPDATE nodes SET lease_until = ?2 WHERE boot_id = ?1")?
        .execute(params![boot.as_str(), until.0])?;
    transaction.commit()
}

/// A number that changes when another connection has committed.
pub(crate) fn data_version(connection: &Connection) -> Result<i64, Error> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

/// Sessions of this boot that another program has ended.
pub(crate) fn ended_elsewhere(
    connection: &Connection,
    boot: &BootId,
) -> Result<Vec<SessionId>, Error> {
    connection
        .prepare_cached(
            "SELECT session FROM sessions
             WHERE owner_boot = ?1 AND status = 'ended' AND sealed = 0",
        )?
        .query_map([boot.as_str()], |row| columns::session_id(row, 0))?
        .collect()
}

/// Pages in the log file that are not in the database file yet.
pub(crate) fn pages_waiting(connection: &Connection) -> Result<i64, Error> {
    connection
        .prepare_cached("PRAGMA wal_checkpoint(NOOP)")?
        .query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
}

/// Moves what can be moved into the database file without waiting for anybody.
pub(crate) fn checkpoint(connection: &Connection) -> Result<(), Error> {
    connection
        .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
        .query_row([], |_| Ok(()))
}

/// Takes a session over; see [`crate::Store::adopt`].
pub(crate) fn adopt(
    connection: &mut Connection,
    session: &SessionId,
    boot: &BootId,
    now: Wall,
) -> Result<Option<Fence>, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let owner = transaction
        .query_row(
            "SELECT owner_boot, owner_generation, coalesce(lease_until, ?2) > ?2
             FROM sessions LEFT JOIN nodes ON boot_id = owner_boot
             WHERE session = ?1 AND status <> 'ended'",
            params![session.as_str(), now.0],
            |row| {
                let generation = Generation(columns::unsigned(row, 1)?);
                Ok((
                    columns::boot_id(row, 0)?,
                    generation,
                    row.get::<_, bool>(2)?,
                ))
            },
        )
        .optional()?;
    let Some((owner, generation, lives)) = owner else {
        return Ok(None);
    };
    if owner == *boot {
        return Ok(Some(Fence {
            boot: owner,
            generation,
        }));
    }
    if lives {
        return Ok(None);
    }
    let fence = Fence {
        boot: boot.clone(),
        generation: generation.next(),
    };
    transaction.execute(
        "UPDATE sessions SET owner_boot = ?2, owner_generation = ?3 WHERE session = ?1",
        params![session.as_str(), boot.as_str(), fence.generation.0],
    )?;
    transaction.commit()?;
    Ok(Some(fence))
}

/// Clears a candidate's row; see [`crate::Store::clear_active`].
pub(crate) fn clear_active(connection: &mut Connection, user: &UserId) -> Result<bool, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let gone = transaction.execute(
        "DELETE FROM active_interview_sessions WHERE user_id = ?1 AND NOT EXISTS (
             SELECT 1 FROM sessions WHERE session = session_id AND status <> 'ended')",
        [user.as_str()],
    );
    let gone = without_table(gone)?;
    transaction.commit()?;
    Ok(gone > 0)
}

/// Reaps rows nobody owns; see [`crate::Store::reap_active`].
pub(crate) fn reap_active(
    connection: &mut Connection,
    now: Wall,
    age_ms: u64,
) -> Result<u64, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = format!(
        "DELETE FROM active_interview_sessions WHERE
             EXISTS (SELECT 1 FROM sessions WHERE session = session_id AND status = 'ended')
             OR (coalesce({CREATED_MS}, 0) < ?1
                 AND NOT EXISTS (SELECT 1 FROM sessions WHERE session = session_id))"
    );
    let gone = transaction.execute(&sql, [now.0.saturating_sub(number(age_ms))]);
    let gone = without_table(gone)?;
    transaction.commit()?;
    Ok(u64::try_from(gone).unwrap_or(u64::MAX))
}

/// A missing table has no rows.
fn without_table(done: Result<usize, Error>) -> Result<usize, Error> {
    match done {
        Err(error) if is_missing_table(&error) => Ok(0),
        done => done,
    }
}

/// Deletes a session's records; see [`crate::Store::forget`].
pub(crate) fn forget(
    connection: &mut Connection,
    session: &SessionId,
    kind: Kind,
    now: Wall,
) -> Result<Forgotten, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let ended = transaction
        .query_row(
            "SELECT status = 'ended' FROM sessions WHERE session = ?1",
            [session.as_str()],
            |row| row.get::<_, bool>(0),
        )
        .optional()?;
    match ended {
        None => return Ok(Forgotten::Unknown),
        Some(false) => return Ok(Forgotten::NotEnded),
        Some(true) => {}
    }
    delete(&transaction, session, kind, now)?;
    transaction.commit()?;
    Ok(Forgotten::Done)
}

/// Deletes one kind of record of a session and keeps when.
fn delete(
    connection: &Connection,
    session: &SessionId,
    kind: Kind,
    now: Wall,
) -> Result<(), Error> {
    let mut gone = vec![kind];
    match kind {
        Kind::Everything => return delete_all(connection, session, now),
        Kind::Audio => {}
        Kind::Transcript => {
            delete_spoken(connection, session)?;
            delete_report(connection, session, now)?;
            gone.push(Kind::Report);
        }
        Kind::Report => delete_report(connection, session, now)?,
    }
    for kind in gone {
        connection.execute(
            "INSERT INTO deletions (session, kind, deleted_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (session, kind) DO NOTHING",
            params![session.as_str(), kind.as_str(), now.0],
        )?;
    }
    Ok(())
}

/// Deletes the report. One that is still to be made is not made.
fn delete_report(connection: &Connection, session: &SessionId, now: Wall) -> Result<(), Error> {
    let id = session.as_str();
    connection.execute("DELETE FROM reports WHERE session = ?1", [id])?;
    connection.execute(
        "UPDATE report_jobs SET state = 'done', lease_until = NULL, changed_at = ?2
         WHERE session = ?1 AND state <> 'done'",
        params![id, now.0],
    )?;
    Ok(())
}

fn delete_all(connection: &Connection, session: &SessionId, now: Wall) -> Result<(), Error> {
    let id = session.as_str();
    for table in [
        "segments",
        "events",
        "participants",
        "answers",
        "requests",
        "reports",
        "report_jobs",
        "deletions",
    ] {
        connection.execute(&format!("DELETE FROM {table} WHERE session = ?1"), [id])?;
    }
    let active = "DELETE FROM active_interview_sessions WHERE session_id = ?1";
    without_table(connection.execute(active, [id]))?;
    connection.execute("DELETE FROM sessions WHERE session = ?1", [id])?;
    connection.execute(
        "INSERT INTO tombstones (session, deleted_at) VALUES (?1, ?2)
         ON CONFLICT (session) DO NOTHING",
        params![id, now.0],
    )?;
    Ok(())
}

/// Deletes one kind of record of old sessions; see [`crate::Store::purge`].
pub(crate) fn purge(
    connection: &mut Connection,
    kind: Kind,
    before: Wall,
    limit: u32,
    now: Wall,
) -> Result<Vec<SessionId>, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Of the sound the records say only when it was deleted.
    let has = match kind {
        Kind::Audio => {
            "NOT EXISTS (SELECT 1 FROM deletions k WHERE k.session = s.session AND k.kind = 'audio')"
        }
        Kind::Transcript => "EXISTS (SELECT 1 FROM segments k WHERE k.session = s.session)",
        Kind::Report => "EXISTS (SELECT 1 FROM reports k WHERE k.session = s.session)",
        Kind::Everything => "true",
    };
    let sessions: Vec<SessionId> = transaction
        .prepare(&format!(
            "SELECT s.session FROM sessions s WHERE s.status = 'ended' AND s.ended_at < ?1
                 AND {has}
             ORDER BY s.ended_at, s.session LIMIT ?2"
        ))?
        .query_map(params![before.0, limit], |row| columns::session_id(row, 0))?
        .collect::<Result<_, _>>()?;
    for session in &sessions {
        delete(&transaction, session, kind, now)?;
    }
    transaction.commit()?;
    Ok(sessions)
}

/// Deletes finals: the segments, and the events that hold their words.
fn delete_spoken(connection: &Connection, session: &SessionId) -> Result<(), Error> {
    let places: Vec<i64> = connection
        .prepare_cached("DELETE FROM segments WHERE session = ?1 RETURNING seq")?
        .query_map([session.as_str()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut delete =
        connection.prepare_cached("DELETE FROM events WHERE session = ?1 AND seq = ?2")?;
    for place in places {
        delete.execute(params![session.as_str(), place])?;
    }
    Ok(())
}
