//! Opening the database: the library's version, the connection's settings, and migrations, which
//! only go forward. No rows of a session here.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::StoreError;

/// 3.51.3: older ones can lose committed writes when a checkpoint races a writer.
const LIBRARY_NEEDED: i32 = 3_051_003;

/// Pages of the database a connection keeps, KiB. The system caches the file anyway; what each
/// connection keeps besides would only grow with the file for a long time.
pub(crate) const CACHE_KIB: i64 = 512;

/// Number, name and text of every migration; numbers grow by one.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (
        1,
        "records",
        include_str!("../../migrations/sqlite/0001_records.sql"),
    ),
    (
        2,
        "life",
        include_str!("../../migrations/sqlite/0002_life.sql"),
    ),
    (
        3,
        "desk",
        include_str!("../../migrations/sqlite/0003_desk.sql"),
    ),
    (
        4,
        "coaching",
        include_str!("../../migrations/sqlite/0004_coaching.sql"),
    ),
];

pub(crate) const ACTIVE_TABLE: &str =
    include_str!("../../migrations/sqlite/active_interview_sessions.sql");

/// The schema this program writes.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |(number, ..)| *number)
}

/// Refuses a library that can lose commits.
pub(crate) fn check_library() -> Result<(), StoreError> {
    let found = rusqlite::version_number();
    if found < LIBRARY_NEEDED {
        return Err(StoreError::LibraryTooOld {
            found,
            needed: LIBRARY_NEEDED,
        });
    }
    Ok(())
}

/// Opens the one connection that writes. `create`: only at the start of the process; a file that
/// vanished later is a store that is away, never an empty one.
pub(crate) fn open_writer(
    path: &Path,
    busy: Duration,
    create: bool,
) -> Result<Connection, StoreError> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::Unreadable {
            what: format!("journal mode {mode}, not wal"),
        });
    }
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA temp_store = MEMORY;",
    )?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(96);
    Ok(connection)
}

/// Opens a connection that can only read.
pub(crate) fn open_reader(path: &Path, busy: Duration) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(48);
    Ok(connection)
}

/// The schema of the database; 0 for an empty one.
pub(crate) fn version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.query_row(
        "SELECT coalesce(max(version), 0) FROM schema_version",
        [],
        |row| row.get(0),
    )
}

/// Brings the tables up to this program, in one transaction that locks others out.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_version (
             version INTEGER PRIMARY KEY NOT NULL,
             name    TEXT NOT NULL
         ) STRICT;",
    )?;
    let found = version(&transaction)?;
    if found > newest() {
        return Err(StoreError::SchemaTooNew {
            found,
            known: newest(),
        });
    }
    for (number, name, sql) in MIGRATIONS.iter().filter(|(number, ..)| *number > found) {
        transaction.execute_batch(sql)?;
        transaction.execute(
            "INSERT INTO schema_version (version, name) VALUES (?1, ?2)",
            (number, name),
        )?;
    }
    transaction.execute_batch(ACTIVE_TABLE)?;
    transaction.commit()?;
    Ok(())
}
