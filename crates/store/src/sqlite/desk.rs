//! The operator's tables in SQLite: every statement, on whichever connection it belongs. Each
//! change is one transaction.

use std::path::Path;
use std::time::Duration;

use protocol::id::SessionId;
use protocol::record::Save;
use protocol::time::Wall;
use protocol::value::Status;
use rusqlite::{Connection, Error, Row, TransactionBehavior, params};

use crate::desk::{
    ApiKeyRow, DeliveryFilter, DeliveryRow, Desk, HookEventRow, HookKind, HookState, RevocationRow,
    Revokes, worth_telling,
};
use crate::error::StoreError;
use crate::rows::PAGE_ROWS_MAX;
use crate::sqlite::columns::{self, number};
use crate::sqlite::{Sqlite, schema};

/// How long a command waits for the server's own write.
const BUSY: Duration = Duration::from_secs(5);

const DELIVERY: &str = "id, endpoint, kind, session, body, created_at, state, attempts, next_at,
     status, error";

pub(crate) fn api_keys(connection: &Connection) -> Result<Vec<ApiKeyRow>, Error> {
    connection
        .prepare_cached(
            "SELECT id, name, hash, created_at, revoked_at FROM api_keys ORDER BY created_at, id",
        )?
        .query_map([], |row| {
            Ok(ApiKeyRow {
                id: row.get(0)?,
                name: row.get(1)?,
                hash: row.get(2)?,
                created_at: Wall(row.get(3)?),
                revoked_at: row.get::<_, Option<i64>>(4)?.map(Wall),
            })
        })?
        .collect()
}

pub(crate) fn add_api_key(connection: &Connection, key: &ApiKeyRow) -> Result<bool, Error> {
    let added = connection.execute(
        "INSERT INTO api_keys (id, name, hash, created_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
        params![key.id, key.name, key.hash, key.created_at.0],
    )?;
    Ok(added == 1)
}

pub(crate) fn revoke_api_key(connection: &Connection, id: &str, now: Wall) -> Result<bool, Error> {
    let changed = connection.execute(
        "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        params![id, now.0],
    )?;
    Ok(changed == 1)
}

pub(crate) fn revocations(connection: &Connection) -> Result<Vec<RevocationRow>, Error> {
    connection
        .prepare_cached(
            "SELECT kind, subject, before_ms, made_by FROM revocations ORDER BY kind, subject",
        )?
        .query_map([], |row| {
            Ok(RevocationRow {
                kind: word(row, 0, Revokes::parse)?,
                subject: row.get(1)?,
                before: Wall(row.get(2)?),
                by: row.get(3)?,
            })
        })?
        .collect()
}

pub(crate) fn revoke(
    connection: &mut Connection,
    row: &RevocationRow,
    most: u32,
) -> Result<bool, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT INTO revocations (kind, subject, before_ms, made_by) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (kind, subject) DO UPDATE
             SET before_ms = max(before_ms, excluded.before_ms), made_by = excluded.made_by",
        params![row.kind.as_str(), row.subject, row.before.0, row.by],
    )?;
    let count: u32 =
        transaction.query_row("SELECT count(*) FROM revocations", [], |row| row.get(0))?;
    if count > most {
        return Ok(false);
    }
    transaction.commit()?;
    Ok(true)
}

pub(crate) fn unrevoke(
    connection: &Connection,
    kind: Revokes,
    subject: &str,
) -> Result<bool, Error> {
    let gone = connection.execute(
        "DELETE FROM revocations WHERE kind = ?1 AND subject = ?2",
        params![kind.as_str(), subject],
    )?;
    Ok(gone == 1)
}

/// Inside the transaction of a save: what of it somebody is to be told.
pub(crate) fn note(
    connection: &Connection,
    save: &Save,
    before: Option<(Status, bool)>,
) -> Result<(), Error> {
    for kind in worth_telling(save, before) {
        connection
            .prepare_cached("INSERT INTO hook_events (session, kind, at) VALUES (?1, ?2, ?3)")?
            .execute(params![
                save.session.as_str(),
                kind.as_str(),
                save.row.last_activity_at.0
            ])?;
    }
    Ok(())
}

pub(crate) fn hook_events(connection: &Connection, limit: u32) -> Result<Vec<HookEventRow>, Error> {
    connection
        .prepare_cached("SELECT place, session, kind, at FROM hook_events ORDER BY place LIMIT ?1")?
        .query_map([limit], |row| {
            Ok(HookEventRow {
                place: columns::unsigned(row, 0)?,
                session: columns::session_id(row, 1)?,
                kind: word(row, 2, HookKind::parse)?,
                at: Wall(row.get(3)?),
            })
        })?
        .collect()
}

pub(crate) fn queue_deliveries(
    connection: &mut Connection,
    upto: u64,
    rows: &[DeliveryRow],
    most: u32,
) -> Result<u64, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for row in rows {
        transaction
            .prepare_cached(
                "INSERT INTO hook_deliveries (id, endpoint, kind, session, body, created_at, state,
                     attempts, next_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', 0, ?7)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                row.id,
                row.endpoint,
                row.kind.as_str(),
                row.session.as_str(),
                &*row.body,
                row.created_at.0,
                row.next_at.0
            ])?;
    }
    transaction.execute("DELETE FROM hook_events WHERE place <= ?1", [number(upto)])?;
    let given_up = transaction.execute(
        "UPDATE hook_deliveries SET state = 'failed', error = 'too many were waiting'
         WHERE state = 'waiting' AND (id, endpoint) IN (
             SELECT id, endpoint FROM hook_deliveries WHERE state = 'waiting'
             ORDER BY created_at DESC, id DESC LIMIT -1 OFFSET ?1)",
        [most],
    )?;
    transaction.commit()?;
    Ok(u64::try_from(given_up).unwrap_or(0))
}

pub(crate) fn due_deliveries(
    connection: &Connection,
    endpoint: &str,
    now: Wall,
    limit: u32,
) -> Result<Vec<DeliveryRow>, Error> {
    connection
        .prepare_cached(&format!(
            "SELECT {DELIVERY} FROM hook_deliveries
             WHERE state = 'waiting' AND endpoint = ?1 AND next_at <= ?2
             ORDER BY next_at, created_at, id LIMIT ?3"
        ))?
        .query_map(params![endpoint, now.0, limit], delivery)?
        .collect()
}

pub(crate) fn delivery_done(connection: &Connection, row: &DeliveryRow) -> Result<(), Error> {
    connection
        .prepare_cached(
            "UPDATE hook_deliveries SET state = ?3, attempts = ?4, next_at = ?5, status = ?6,
                 error = ?7 WHERE id = ?1 AND endpoint = ?2",
        )?
        .execute(params![
            row.id,
            row.endpoint,
            row.state.as_str(),
            row.attempts,
            row.next_at.0,
            row.status,
            row.error
        ])?;
    Ok(())
}

pub(crate) fn deliveries(
    connection: &Connection,
    filter: &DeliveryFilter,
) -> Result<Vec<DeliveryRow>, Error> {
    let (at, id, endpoint) = match &filter.after {
        Some((at, id, endpoint)) => (at.0, id.as_str(), endpoint.as_str()),
        None => (i64::MAX, "", ""),
    };
    connection
        .prepare_cached(&format!(
            "SELECT {DELIVERY} FROM hook_deliveries
             WHERE (created_at, id, endpoint) < (?1, ?2, ?3)
                 AND (?4 IS NULL OR session = ?4) AND (?5 IS NULL OR state = ?5)
             ORDER BY created_at DESC, id DESC, endpoint DESC LIMIT ?6"
        ))?
        .query_map(
            params![
                at,
                id,
                endpoint,
                filter.session.as_ref().map(SessionId::as_str),
                filter.state.map(HookState::as_str),
                filter.limit.min(PAGE_ROWS_MAX)
            ],
            delivery,
        )?
        .collect()
}

pub(crate) fn trim_deliveries(
    connection: &Connection,
    before: Wall,
    most: u32,
) -> Result<u64, Error> {
    let gone = connection.execute(
        "DELETE FROM hook_deliveries WHERE state <> 'waiting' AND (created_at < ?1
             OR (id, endpoint) IN (
                 SELECT id, endpoint FROM hook_deliveries WHERE state <> 'waiting'
                 ORDER BY created_at DESC, id DESC LIMIT -1 OFFSET ?2))",
        params![before.0, most],
    )?;
    Ok(u64::try_from(gone).unwrap_or(0))
}

fn delivery(row: &Row<'_>) -> Result<DeliveryRow, Error> {
    Ok(DeliveryRow {
        id: row.get(0)?,
        endpoint: row.get(1)?,
        kind: word(row, 2, HookKind::parse)?,
        session: columns::session_id(row, 3)?,
        body: columns::text(row, 4)?,
        created_at: Wall(row.get(5)?),
        state: word(row, 6, HookState::parse)?,
        attempts: columns::unsigned(row, 7)?,
        next_at: Wall(row.get(8)?),
        status: row.get(9)?,
        error: row.get(10)?,
    })
}

/// One of a few words.
fn word<T>(row: &Row<'_>, column: usize, parse: fn(&str) -> Option<T>) -> Result<T, Error> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| {
        let what = format!("`{text}` is no word of this column").into();
        Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, what)
    })
}

impl Desk for Sqlite {
    fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        self.pool.ask(|connection| api_keys(connection))
    }

    fn add_api_key(&self, key: ApiKeyRow) -> Result<bool, StoreError> {
        self.command(move |connection| add_api_key(connection, &key))
    }

    fn revoke_api_key(&self, id: &str, now: Wall) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.command(move |connection| revoke_api_key(connection, &id, now))
    }

    fn revocations(&self) -> Result<Vec<RevocationRow>, StoreError> {
        self.pool.ask(|connection| revocations(connection))
    }

    fn revoke(&self, row: RevocationRow, most: u32) -> Result<bool, StoreError> {
        self.command(move |connection| revoke(connection, &row, most))
    }

    fn unrevoke(&self, kind: Revokes, subject: &str) -> Result<bool, StoreError> {
        let subject = subject.to_owned();
        self.command(move |connection| unrevoke(connection, kind, &subject))
    }

    fn hook_events(&self, limit: u32) -> Result<Vec<HookEventRow>, StoreError> {
        self.pool.ask(|connection| hook_events(connection, limit))
    }

    fn queue_deliveries(
        &self,
        upto: u64,
        rows: Vec<DeliveryRow>,
        most: u32,
    ) -> Result<u64, StoreError> {
        self.command(move |connection| queue_deliveries(connection, upto, &rows, most))
    }

    fn due_deliveries(
        &self,
        endpoint: &str,
        now: Wall,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        self.pool
            .ask(|connection| due_deliveries(connection, endpoint, now, limit))
    }

    fn delivery_done(&self, row: DeliveryRow) -> Result<(), StoreError> {
        self.command(move |connection| delivery_done(connection, &row))
    }

    fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRow>, StoreError> {
        self.pool.ask(|connection| deliveries(connection, filter))
    }

    fn trim_deliveries(&self, before: Wall, most: u32) -> Result<u64, StoreError> {
        self.command(move |connection| trim_deliveries(connection, before, most))
    }
}

/// The operator's tables for a command beside a running server, or before the first start.
#[derive(Debug)]
pub struct DeskFile {
    connection: Connection,
}

impl DeskFile {
    /// Opens them. Where no server runs, the file is made and brought up to date; where one runs,
    /// it has to be of this version.
    ///
    /// # Errors
    /// A file that cannot be used, or another schema than this program's.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        schema::check_library()?;
        match super::lock(path) {
            Ok(_lock) => {
                let mut connection =
                    schema::open_writer(path, schema::Opening::beside(BUSY), true)?;
                schema::migrate(&mut connection)?;
                Ok(Self { connection })
            }
            Err(StoreError::InUse { .. }) => {
                let connection = schema::open_writer(path, schema::Opening::beside(BUSY), false)?;
                let found = schema::version(&connection)?;
                let known = schema::newest();
                if found == known {
                    return Ok(Self { connection });
                }
                Err(StoreError::SchemaTooNew { found, known })
            }
            Err(error) => Err(error),
        }
    }

    /// See [`Desk::api_keys`].
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        Ok(api_keys(&self.connection)?)
    }

    /// See [`Desk::add_api_key`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add_api_key(&self, key: &ApiKeyRow) -> Result<bool, StoreError> {
        Ok(add_api_key(&self.connection, key)?)
    }

    /// See [`Desk::revoke_api_key`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn revoke_api_key(&self, id: &str, now: Wall) -> Result<bool, StoreError> {
        Ok(revoke_api_key(&self.connection, id, now)?)
    }
}
