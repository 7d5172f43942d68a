//! What can go wrong with the store as a whole. What became of one save is `Saved`, not an error.

use std::path::PathBuf;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The SQLite library in use has a bug that loses committed writes.
    #[error("SQLite {found} is too old: at least {needed} is needed, older ones can lose commits")]
    LibraryTooOld {
        /// As `sqlite3_libversion_number` reports it.
        found: i32,
        /// The least accepted.
        needed: i32,
    },
    /// A newer program has changed the tables.
    #[error(
        "the database has schema {found}, this program knows only up to {known}: start a newer program"
    )]
    SchemaTooNew {
        /// In the database.
        found: i64,
        /// The newest this program brings.
        known: i64,
    },
    /// Another process writes to this database.
    #[error("another server process has {path} open; only one may")]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The database could not be asked just now.
    #[error("the database is away")]
    Away(#[source] rusqlite::Error),
    /// A file could not be used.
    #[error("a file of the store cannot be used")]
    Io(#[source] std::io::Error),
    /// A thread could not be started, or has died.
    #[error("the store is closed")]
    Closed,
    /// Too much waits already.
    #[error("the store has too much to do")]
    Busy,
    /// No answer within the deadline; it may still come about.
    #[error("the store gave no answer in time")]
    TimedOut,
    /// A value no version of this program wrote.
    #[error("a record cannot be read: {what}")]
    Unreadable {
        /// Column and value.
        what: String,
    },
    /// The words of an id or a limit that cannot be stored.
    #[error("a record breaks a rule of the tables")]
    Rejected(#[source] rusqlite::Error),
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Away(_) | Self::Io(_) | Self::Busy | Self::TimedOut
        )
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation) => Self::Rejected(error),
            _ => Self::Away(error),
        }
    }
}
