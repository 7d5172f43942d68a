//! A few read-only connections, lent out one question at a time. No SQL of its own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, Error, ErrorCode};

use crate::error::StoreError;
use crate::sqlite::schema::{self, Opening};

struct Inner {
    free: Vec<Connection>,
    open: usize,
}

/// The connections.
pub(crate) struct Pool {
    path: PathBuf,
    opening: Opening,
    wait: Duration,
    most: usize,
    inner: Mutex<Inner>,
    freed: Condvar,
}

/// A place in the pool that is given back however the question ends.
struct Lent<'p> {
    pool: &'p Pool,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut inner = self.pool.inner.lock();
        match self.connection.take() {
            Some(connection) => inner.free.push(connection),
            None => inner.open -= 1,
        }
        drop(inner);
        self.pool.freed.notify_one();
    }
}

impl Pool {
    /// All its connections are opened at once: what the process holds is the same from its first
    /// minute on. One that cannot be opened now is opened when it is asked for.
    pub(crate) fn new(path: PathBuf, most: usize, opening: Opening, wait: Duration) -> Self {
        let ready = || {
            let connection = schema::open_reader(&path, opening).ok()?;
            // SQLite opens its files at the first question.
            schema::version(&connection).ok()?;
            Some(connection)
        };
        let free: Vec<Connection> = (0..most.max(1)).map_while(|_| ready()).collect();
        let inner = Mutex::new(Inner {
            open: free.len(),
            free,
        });
        Self {
            path,
            opening,
            wait,
            most: most.max(1),
            inner,
            freed: Condvar::new(),
        }
    }

    /// Asks a question; waits for a free connection at most as long as the pool was told.
    pub(crate) fn ask<T>(
        &self,
        question: impl FnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        let mut lent = self.lend()?;
        let connection = match lent.connection.take() {
            Some(connection) => connection,
            None => schema::open_reader(&self.path, self.opening)?,
        };
        let connection = lent.connection.insert(connection);
        let answer = question(connection);
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.explain(error, &mut lent)),
        }
    }

    fn explain(&self, error: Error, lent: &mut Lent<'_>) -> StoreError {
        match &error {
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..) => StoreError::Unreadable {
                what: error.to_string(),
            },
            _ => {
                let busy = matches!(
                    error.sqlite_error_code(),
                    Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
                );
                if !busy {
                    // The connection may be the cause; the next question opens another.
                    lent.connection = None;
                }
                StoreError::Away(error)
            }
        }
    }

    fn lend(&self) -> Result<Lent<'_>, StoreError> {
        let until = Instant::now() + self.wait;
        let mut inner = self.inner.lock();
        loop {
            if let Some(connection) = inner.free.pop() {
                return Ok(Lent {
                    pool: self,
                    connection: Some(connection),
                });
            }
            if inner.open < self.most {
                inner.open += 1;
                return Ok(Lent {
                    pool: self,
                    connection: None,
                });
            }
            if self.freed.wait_until(&mut inner, until).timed_out() {
                return Err(StoreError::TimedOut);
            }
        }
    }
}
