//! A run whose clients write one history, and the judge that reads it at the end.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use history::entry::{Entry, What, write};
use history::judge::{Limits, judge};
use history::tape::Tape;
use serde_json::Value;

use super::now_ms;
use super::records::Records;

/// The history of one test.
#[derive(Clone)]
pub(crate) struct Run {
    tape: Arc<Mutex<Tape>>,
    began: Instant,
    wall_zero: i64,
}

/// One connection's end of the tape.
#[derive(Clone)]
pub(crate) struct Taped {
    run: Run,
    conn: u64,
}

impl Taped {
    pub(crate) fn sent(&self, message: &Value) {
        let at = self.run.now();
        self.run.tape.lock().unwrap().sent(at, self.conn, message);
    }

    pub(crate) fn came(&self, message: &Value) {
        let at = self.run.now();
        self.run.tape.lock().unwrap().came(at, self.conn, message);
    }

    pub(crate) fn closed(&self, code: Option<u16>) {
        let at = self.run.now();
        self.run.tape.lock().unwrap().closed(at, self.conn, code);
    }
}

thread_local! {
    /// Histories this test, which has a thread of its own, has left so far.
    static LEFT: Cell<u32> = const { Cell::new(0) };
}

/// Leaves a history where it can be read after the run, in the place of the last one.
fn keep(entries: &[Entry]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("histories");
    std::fs::create_dir_all(&folder).unwrap();
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("unnamed").replace("::", "-");
    let nth = LEFT.get() + 1;
    LEFT.set(nth);
    let path = folder.join(format!("{test}-{nth}.jsonl"));
    std::fs::write(&path, write(entries)).unwrap();
    path
}

impl Run {
    /// Begins now.
    pub(crate) fn new() -> Self {
        Self {
            tape: Arc::default(),
            began: Instant::now(),
            wall_zero: now_ms(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    /// A connection of this user.
    pub(crate) fn opened(&self, user: &str) -> Taped {
        let at = self.now();
        let conn = self.tape.lock().unwrap().opened(at, user);
        Taped {
            run: self.clone(),
            conn,
        }
    }

    /// Notes a fact.
    pub(crate) fn note(&self, what: What) {
        let at = self.now();
        self.tape.lock().unwrap().note(at, what);
    }

    /// Notes what the records hold of a session.
    pub(crate) fn note_records(&self, records: &Records, session: &str) {
        let at = self.now();
        let Some(row) = records.session(session) else {
            return;
        };
        let number = |sql: &str| -> i64 {
            let value: Option<i64> = { &records.0 }
                .query_row(sql, [session], |row| row.get(0))
                .unwrap();
            value.unwrap_or(0)
        };
        let epoch = number("SELECT epoch FROM sessions WHERE session = ?1").unsigned_abs();
        let ended_at = number("SELECT ended_at FROM sessions WHERE session = ?1");
        let active = "SELECT count(*) FROM active_interview_sessions WHERE session_id = ?1";
        let active = number(active) > 0;
        let mut tape = self.tape.lock().unwrap();
        let row = What::Row {
            session: session.into(),
            status: row.status.into(),
            reason: row.reason.map(Into::into),
            epoch,
            seq: row.seq,
            ended_at: (ended_at > 0).then(|| (ended_at - self.wall_zero).max(0).unsigned_abs()),
            active,
        };
        tape.note(at, row);
        let sql = "SELECT seq, audience, body FROM events WHERE session = ?1 ORDER BY seq";
        let mut select = records.0.prepare(sql).unwrap();
        let mut rows = select.query([session]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let (seq, to): (i64, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
            let body: String = row.get(2).unwrap();
            let body = serde_json::from_str(&body).unwrap();
            let to = u8::try_from(to).unwrap();
            tape.stored(at, session, seq.unsigned_abs(), to, &body);
        }
    }

    /// Everybody is done: the records of these sessions are noted and all of it is judged.
    pub(crate) fn judge(&self, data: &Path, sessions: &[&str], limits: Limits) {
        self.judge_by(&Records::of(data), sessions, limits);
    }

    /// As [`Run::judge`], where the records are opened already.
    pub(crate) fn judge_by(&self, records: &Records, sessions: &[&str], limits: Limits) {
        self.note(What::Over);
        records.assert_sound();
        for session in sessions {
            self.note_records(records, session);
        }
        self.judge_noted(limits);
    }

    /// Something is made to go wrong.
    pub(crate) fn fault(&self, what: &str) {
        self.note(What::Fault { what: what.into() });
    }

    /// How long the judge waits for everybody to be settled is about pages that stay: for those that
    /// have been told the end, it need not.
    pub(crate) fn limits() -> Limits {
        Limits {
            settle_ms: 0,
            ..Limits::default()
        }
    }

    /// Judges what is there.
    pub(crate) fn judge_noted(&self, limits: Limits) {
        let entries: Vec<Entry> = self.tape.lock().unwrap().entries().to_vec();
        println!("history in {}", keep(&entries).display());
        let verdict = judge(&entries, limits);
        println!("{verdict}");
        assert!(verdict.received > 0, "nothing was put to the test");
        assert!(verdict.holds(), "{verdict}");
    }
}
