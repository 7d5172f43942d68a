//! What the writer's thread does beside saves: leases, taking over sessions, clearing rows,
//! deleting records that are no longer kept. Each is one transaction; none of it is part of a
//! save.

use std::time::Duration;

use protocol::id::{BootId, Generation, SessionId, UserId};
use protocol::record::Fence;
use protocol::time::{Now, Wall};
use rusqlite::{Connection, Error, OptionalExtension, TransactionBehavior, params};

use crate::rows::{Adopted, Forgotten, Kind};
use crate::sqlite::columns::{self, number};
use crate::sqlite::save::is_missing_table;

/// How long the row of a boot that owns nothing is kept.
const NODE_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// A moment in a boot's life, as it is written down.
pub(crate) struct Moment<'a> {
    /// By both clocks.
    pub(crate) now: Now,
    /// Which monotonic clock.
    pub(crate) clock: &'a str,
    /// How long it counts as alive from here.
    pub(crate) lease_ms: u64,
}

/// Registers this boot. Only one process may write to a SQLite database, so every other boot is
/// gone, and its lease with it.
pub(crate) fn register(
    connection: &mut Connection,
    boot: &BootId,
    moment: &Moment<'_>,
) -> Result<(), Error> {
    let now = moment.now.wall;
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
        "INSERT INTO nodes (boot_id, started_at, lease_until, seen_at, seen_mono, clock)
         VALUES (?1, ?2, ?3, ?2, ?4, ?5)
         ON CONFLICT (boot_id) DO UPDATE SET lease_until = excluded.lease_until,
             seen_at = excluded.seen_at, seen_mono = excluded.seen_mono, clock = excluded.clock,
             left_clean = 0",
        params![
            boot.as_str(),
            now.0,
            now.after(moment.lease_ms).0,
            number(moment.now.mono.0),
            moment.clock
        ],
    )?;
    transaction.commit()
}

/// Writes the lease of a registered boot.
pub(crate) fn lease(
    connection: &mut Connection,
    boot: &BootId,
    moment: &Moment<'_>,
    leaves: bool,
) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let now = moment.now.wall;
    transaction
        .prepare_cached(
            "UPDATE nodes SET lease_until = ?2, seen_at = ?3, seen_mono = ?4, left_clean = ?5
             WHERE boot_id = ?1",
        )?
        .execute(params![
            boot.as_str(),
            now.after(moment.lease_ms).0,
            now.0,
            number(moment.now.mono.0),
            leaves
        ])?;
    transaction.commit()
}

/// A number that changes when another connection has committed.
pub(crate) fn data_version(connection: &Connection) -> Result<i64, Error> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

/// Whether nobody has dropped `active_interview_sessions`.
pub(crate) fn has_active_table(connection: &Connection) -> Result<bool, Error> {
    connection
        .prepare_cached(
            "SELECT 1 FROM sqlite_schema
             WHERE type = 'table' AND name = 'active_interview_sessions'",
        )?
        .exists([])
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

/// Who takes sessions over, and when.
pub(crate) struct Heir<'a> {
    /// The boot that takes them.
    pub(crate) boot: &'a BootId,
    /// Now.
    pub(crate) now: Now,
    /// Which monotonic clock that is.
    pub(crate) clock: &'a str,
    /// How often a process gives a sign of life: it may have lived so long after its last one.
    pub(crate) sign_every_ms: u64,
}

/// An owner as the tables know it.
struct Owner {
    boot: BootId,
    generation: Generation,
    lives: bool,
    away_ms: u64,
}

/// The columns [`Heir::owner`] reads, from `sessions LEFT JOIN nodes ON boot_id = owner_boot`.
const OWNER_COLUMNS: &str = "owner_boot, owner_generation, lease_until, seen_at, seen_mono, \
     coalesce(clock, ''), coalesce(left_clean, 0)";

impl Heir<'_> {
    /// Reads an owner from [`OWNER_COLUMNS`], which begin at `at`.
    fn owner(&self, row: &rusqlite::Row<'_>, at: usize) -> Result<Owner, Error> {
        let lease_until: Option<i64> = row.get(at + 2)?;
        let seen_at: Option<i64> = row.get(at + 3)?;
        let seen_mono: Option<i64> = row.get(at + 4)?;
        let same_clock = !self.clock.is_empty() && row.get::<_, String>(at + 5)? == self.clock;
        let clean: bool = row.get(at + 6)?;
        let (wall, mono) = (self.now.wall.0, number(self.now.mono.0));
        let by_mono = seen_mono.filter(|seen| same_clock && *seen <= mono);
        let gone = match by_mono {
            Some(seen) => mono.saturating_sub(seen),
            None => wall.saturating_sub(seen_at.or(lease_until).unwrap_or(0)),
        };
        let doubt = if clean { 0 } else { self.sign_every_ms };
        Ok(Owner {
            boot: columns::boot_id(row, at)?,
            generation: Generation(columns::unsigned(row, at + 1)?),
            lives: lease_until.is_some_and(|until| until > wall),
            away_ms: u64::try_from(gone).unwrap_or(0).saturating_sub(doubt),
        })
    }

    fn take(
        &self,
        connection: &Connection,
        session: &SessionId,
        owner: &Owner,
    ) -> Result<Adopted, Error> {
        let fence = Fence {
            boot: self.boot.clone(),
            generation: owner.generation.next(),
        };
        connection
            .prepare_cached(
                "UPDATE sessions SET owner_boot = ?2, owner_generation = ?3 WHERE session = ?1",
            )?
            .execute(params![
                session.as_str(),
                self.boot.as_str(),
                fence.generation.0
            ])?;
        Ok(Adopted {
            fence,
            away_ms: owner.away_ms,
        })
    }
}

/// Takes a session over; see [`crate::Store::adopt`].
pub(crate) fn adopt(
    connection: &mut Connection,
    session: &SessionId,
    heir: &Heir<'_>,
) -> Result<Option<Adopted>, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = format!(
        "SELECT {OWNER_COLUMNS} FROM sessions LEFT JOIN nodes ON boot_id = owner_boot
         WHERE session = ?1 AND status <> 'ended'"
    );
    let owner = transaction
        .query_row(&sql, [session.as_str()], |row| heir.owner(row, 0))
        .optional()?;
    let Some(owner) = owner else {
        return Ok(None);
    };
    if owner.boot == *heir.boot {
        let fence = Fence {
            boot: owner.boot,
            generation: owner.generation,
        };
        return Ok(Some(Adopted { fence, away_ms: 0 }));
    }
    if owner.lives {
        return Ok(None);
    }
    let adopted = heir.take(&transaction, session, &owner)?;
    transaction.commit()?;
    Ok(Some(adopted))
}

/// Takes over what runs and has no living owner; see [`crate::Store::adopt_running`].
pub(crate) fn adopt_running(
    connection: &mut Connection,
    heir: &Heir<'_>,
    limit: u32,
) -> Result<Vec<(SessionId, Adopted)>, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = format!(
        "SELECT session, {OWNER_COLUMNS}
         FROM sessions LEFT JOIN nodes ON boot_id = owner_boot
         WHERE status <> 'ended' AND status IN ('active', 'completing') AND owner_boot <> ?1
             AND coalesce(lease_until, ?2) <= ?2
         LIMIT ?3"
    );
    let found: Vec<(SessionId, Owner)> = transaction
        .prepare_cached(&sql)?
        .query_map(params![heir.boot.as_str(), heir.now.wall.0, limit], |row| {
            Ok((columns::session_id(row, 0)?, heir.owner(row, 1)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut adopted = Vec::with_capacity(found.len());
    for (session, owner) in found {
        let taken = heir.take(&transaction, &session, &owner)?;
        adopted.push((session, taken));
    }
    transaction.commit()?;
    Ok(adopted)
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
        "hook_events",
        "hook_deliveries",
        "happenings",
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
