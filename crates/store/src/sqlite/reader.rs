//! Reading the records beside a running server, or without one: for commands that only look.

use std::path::Path;
use std::time::Duration;

use parking_lot::Mutex;
use protocol::id::{Seq, SessionId};
use protocol::record::{EventRow, HappeningRow, SessionRow};
use rusqlite::Connection;

use super::{read, schema};
use crate::error::StoreError;

/// How long a look waits for a lock.
const BUSY: Duration = Duration::from_secs(2);

/// A look at a database file. It changes nothing.
pub struct Reader(Mutex<Connection>);

impl Reader {
    /// Opens the file as it is.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self(Mutex::new(schema::open_reader(
            path,
            schema::Opening::beside(BUSY),
        )?)))
    }

    /// A session's row.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn session_row(&self, session: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        Ok(read::session_row(&self.0.lock(), session)?)
    }

    /// Events in order, up to `limit_bytes` of bodies.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn log(
        &self,
        session: &SessionId,
        limit_bytes: usize,
    ) -> Result<Vec<EventRow>, StoreError> {
        Ok(read::log(&self.0.lock(), session, Seq(0), limit_bytes)?)
    }

    /// What happened around the log, in order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn happenings(&self, session: &SessionId) -> Result<Vec<HappeningRow>, StoreError> {
        Ok(read::happenings(&self.0.lock(), session)?)
    }
}
