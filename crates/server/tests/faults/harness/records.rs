//! The records as another program sees them: SQLite opened beside the server.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use serde_json::Value;

/// A second connection to a server's database.
pub(crate) struct Records(pub(crate) Connection);

/// What stands in `sessions`.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) seq: u64,
}

impl Records {
    /// Of the server with this data folder.
    pub(crate) fn of(data: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(data.join("greenroom.db"), flags).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        Self(connection)
    }

    /// The session's row.
    pub(crate) fn session(&self, session: &str) -> Option<Row> {
        let sql = "SELECT status, reason, seq FROM sessions WHERE session = ?1";
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Row {
                status: row.get(0)?,
                reason: row.get(1)?,
                seq: row.get::<_, i64>(2)?.unsigned_abs(),
            })
        };
        self.0.query_row(sql, [session], read).optional().unwrap()
    }

    /// The session's log: place and body.
    pub(crate) fn events(&self, session: &str) -> Vec<(u64, Value)> {
        let sql = "SELECT seq, body FROM events WHERE session = ?1 ORDER BY seq";
        let mut select = self.0.prepare(sql).unwrap();
        let read = |row: &rusqlite::Row<'_>| {
            let body: String = row.get(1)?;
            Ok((
                row.get::<_, i64>(0)?.unsigned_abs(),
                serde_json::from_str(&body).unwrap(),
            ))
        };
        let rows = select.query_map([session], read).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// The session's report.
    pub(crate) fn report(&self, session: &str) -> Option<Value> {
        let sql = "SELECT body FROM reports WHERE session = ?1";
        let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let body = self.0.query_row(sql, [session], read).optional().unwrap();
        body.map(|body| serde_json::from_str(&body).unwrap())
    }

    /// A number.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.0.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Panics unless the file is sound.
    pub(crate) fn assert_sound(&self) {
        let check = "PRAGMA integrity_check";
        let verdict: String = self.0.query_row(check, [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
        assert_eq!(
            self.count("SELECT count(*) FROM pragma_foreign_key_check"),
            0
        );
    }

    /// Panics unless all of these stored events, as a client saw them, stand in the log, in their
    /// places and word by word, and the log has no hole.
    pub(crate) fn assert_holds(&self, session: &str, seen: &[Value]) {
        let events = self.events(session);
        for (index, (seq, _)) in events.iter().enumerate() {
            assert_eq!(*seq, index as u64 + 1, "a hole in the log of {session}");
        }
        for event in seen {
            let seq = event["seq"].as_u64().unwrap();
            let stored = events.get(seq as usize - 1).map(|(_, body)| body);
            let mut said = event.clone();
            let fields = said.as_object_mut().unwrap();
            fields.remove("seq");
            fields.remove("prev");
            fields.remove("provisional");
            assert_eq!(stored, Some(&said), "{session} lost or changed event {seq}");
        }
    }
}
