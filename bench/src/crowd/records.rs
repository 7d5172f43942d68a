//! What the records hold of a session, put on its tape: read as any other program would.

use super::{Room, Shared};
use anyhow::{Context, Result};
use history::entry::What;
use history::judge::{Limits, Verdict, judge};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// A second connection to a server's database.
pub struct Records(pub Connection);

impl Records {
    /// Of the server with this data folder.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn of(data: &Path) -> Result<Records> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(data.join("greenroom.db"), flags)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        Ok(Records(connection))
    }

    /// A number.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn count(&self, sql: &str) -> Result<i64> {
        Ok(self.0.query_row(sql, [], |row| row.get(0))?)
    }

    /// Puts row and log of a session on its tape.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn note(&self, shared: &Shared, room: &Room) -> Result<()> {
        let at = shared.now();
        let session: std::sync::Arc<str> = room.name.as_str().into();
        let mut tape = room.tape.borrow_mut();
        let active = "SELECT count(*) FROM active_interview_sessions WHERE session_id = ?1";
        let active: i64 = self.0.query_row(active, [&room.name], |row| row.get(0))?;
        let sql = "SELECT status, reason, epoch, seq, ended_at FROM sessions WHERE session = ?1";
        let row = self.0.query_row(sql, [&room.name], |row| {
            let ended_at: Option<i64> = row.get(4)?;
            Ok(What::Row {
                session: session.clone(),
                status: row.get::<_, String>(0)?.into(),
                reason: row.get::<_, Option<String>>(1)?.map(Into::into),
                epoch: row.get::<_, i64>(2)?.unsigned_abs(),
                seq: row.get::<_, i64>(3)?.unsigned_abs(),
                ended_at: ended_at.map(|at| (at - shared.wall_zero).max(0).unsigned_abs()),
                active: active > 0,
            })
        });
        let Some(row) = row.optional()? else {
            return Ok(());
        };
        tape.note(at, row);
        let sql = "SELECT seq, audience, body FROM events WHERE session = ?1 ORDER BY seq";
        let mut select = self.0.prepare_cached(sql)?;
        let mut rows = select.query(params![room.name])?;
        while let Some(row) = rows.next()? {
            let (seq, to): (i64, i64) = (row.get(0)?, row.get(1)?);
            let body: String = row.get(2)?;
            let body = serde_json::from_str(&body).context("a stored event that is no JSON")?;
            let to = u8::try_from(to).unwrap_or(7);
            tape.stored(at, &room.name, seq.unsigned_abs(), to, &body);
        }
        Ok(())
    }
}

/// Verdicts of many sessions.
#[derive(Debug, Default)]
pub struct Judged {
    /// How many.
    pub sessions: u64,
    /// Durable events received, requests acknowledged.
    pub received: u64,
    /// Durable requests answered with `ok`.
    pub acknowledged: u64,
    /// What does not hold, with where the history lies.
    pub violations: Vec<String>,
}

/// Judges these sessions, each by its own tape; a history that breaks a promise is kept in a file.
#[must_use]
pub fn judge_all(rooms: &[Rc<Room>], limits: Limits) -> Judged {
    let mut judged = Judged::default();
    for room in rooms {
        judged.add(room, limits);
    }
    judged
}

impl Judged {
    /// Judges one more session.
    pub fn add(&mut self, room: &Room, limits: Limits) {
        let tape = room.tape.borrow();
        let verdict: Verdict = judge(tape.entries(), limits);
        self.sessions += 1;
        self.received += verdict.received;
        self.acknowledged += verdict.acknowledged;
        if verdict.holds() {
            return;
        }
        let kept = keep(&room.name, tape.entries());
        for violation in verdict.violations {
            self.violations
                .push(format!("{violation} ({})", kept.display()));
        }
    }
}

/// Writes a history down for whoever looks for the reason.
fn keep(name: &str, entries: &[history::entry::Entry]) -> PathBuf {
    let folder = std::env::temp_dir().join("greenroom-histories");
    let path = folder.join(format!("{name}.jsonl"));
    let _ = std::fs::create_dir_all(folder);
    let _ = std::fs::write(&path, history::entry::write(entries));
    path
}
