//! What putting the table of active sessions right costs the thread that writes, for so many rows
//! of every kind: on the store itself, and in a server before it lets anybody in.

use crate::crowd::records::Records;
use crate::faults::Run;
use crate::judge::Sheet;
use crate::stand::Stand;
use crate::stats::median;
use anyhow::{Context, Result, ensure};
use protocol::id::BootId;
use protocol::time::{Mono, Now, Wall};
use rusqlite::Connection;
use std::path::Path;
use store::rows::Reaped;
use store::sqlite::{Config, Sqlite};
use store::{Callbacks, Store};

/// Rows of no session go when they are older; what the server says, in milliseconds.
const AGE_MS: u64 = 15 * 60_000;

/// When all of it happens, in milliseconds since 1970.
const NOW: Wall = Wall(1_800_000_000_000);

/// Measurements of a case. Their median is judged: one of them may meet a neighbor's disk.
const ROUNDS: usize = 7;

/// A debug build among other tests has more time.
const PATIENCE: f64 = 25.0;

/// What the table and the sessions are before the reaper comes: so many hundredths of the rows.
/// Sessions whose deadline passed are no case of their own: their owner ends them, and if that is
/// gone its heir, one by one and told like any other end.
struct Case {
    name: &'static str,
    /// Of sessions that run.
    right: u32,
    /// Of sessions that never were.
    orphans: u32,
    /// Of sessions that are ended.
    ended: u32,
    /// Not there, though their sessions run.
    missing: u32,
}

const NONE: Case = Case {
    name: "",
    right: 0,
    orphans: 0,
    ended: 0,
    missing: 0,
};

const CASES: [Case; 5] = [
    Case {
        name: "none wrong",
        right: 100,
        ..NONE
    },
    Case {
        name: "all without a session",
        orphans: 100,
        ..NONE
    },
    Case {
        name: "all of ended sessions",
        ended: 100,
        ..NONE
    },
    Case {
        name: "half of them wrong",
        right: 50,
        orphans: 25,
        ended: 25,
        ..NONE
    },
    Case {
        name: "all missing, a transaction",
        missing: 100,
        ..NONE
    },
];

impl Case {
    /// Puts them there. Names are random, as those of users are: no order helps.
    fn fill(&self, raw: &Connection, rows: u32) -> Result<()> {
        raw.execute_batch("BEGIN; CREATE TEMP TABLE n (user TEXT, session TEXT)")?;
        let names = |hundredths: u32| {
            format!(
                "DELETE FROM temp.n; INSERT INTO temp.n
                 WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i)
                 SELECT hex(randomblob(8)), hex(randomblob(8)) FROM i LIMIT {};",
                rows / 100 * hundredths
            )
        };
        let sessions = |status: &str, reason: &str, sealed: u8| {
            format!(
                "INSERT INTO sessions (session, status, reason, sealed, candidate, title, snapshot,
                     epoch, seq, created_at, started_at, ended_at, deadline_at, last_activity_at,
                     owner_boot, owner_generation)
                 SELECT session, '{status}', {reason}, {sealed}, user, 'Interview',
                     hex(randomblob(300)), 1, 1, {at}, {at}, iif({sealed}, {at}, NULL),
                     {at} + 600000, {at}, '{OWNER}', 1 FROM temp.n;",
                at = NOW.0 - 60_000
            )
        };
        let running = sessions("active", "NULL", 0);
        let active = "INSERT INTO active_interview_sessions (user_id, session_id, created_at)
             SELECT user, session, '2020-01-01 00:00:00' FROM temp.n;";
        for sql in [
            names(self.right) + &running + active,
            names(self.missing) + &running,
            names(self.ended) + &sessions("ended", "'completed'", 1) + active,
            names(self.orphans) + active,
        ] {
            raw.execute_batch(&sql)?;
        }
        raw.execute_batch("COMMIT")?;
        Ok(())
    }

    fn expected(&self, rows: u32) -> Reaped {
        let of = |hundredths: u32| u64::from(rows / 100 * hundredths);
        Reaped {
            gone: of(self.orphans + self.ended),
            come: of(self.missing),
        }
    }

    /// How long the writer worked, in milliseconds, and in how many transactions.
    fn measure(&self, folder: &Path, rows: u32) -> Result<(f64, u64)> {
        let store = open(folder)?;
        let raw = Connection::open(folder.join(FILE))?;
        self.fill(&raw, rows)?;
        let done = store.reap_active(NOW, AGE_MS)?;
        ensure!(done == self.expected(rows), "{}: {done:?}", self.name);
        let again = store.reap_active(NOW, AGE_MS)?;
        ensure!(again == Reaped::default(), "{}: {again:?}", self.name);
        let spent = store.metrics().reap_us.read();
        Ok((spent.sum as f64 / 1e3, spent.count()))
    }
}

/// The boot that owns the sessions, and the file they are in.
const OWNER: &str = "owner";
const FILE: &str = "records.db";

fn open(folder: &Path) -> Result<Sqlite> {
    let now = || Now {
        mono: Mono(1),
        wall: NOW,
    };
    let callbacks = Callbacks::on_saved(|_| {});
    let config = Config::new(folder.join(FILE));
    Ok(Sqlite::open(
        &config,
        BootId::parse(OWNER)?,
        now,
        callbacks,
    )?)
}

/// What the rounds of a case came to.
fn judge(run: &Run<'_>, sheet: &mut Sheet, name: &str, ms: &[f64], steps: u64) -> Result<()> {
    let slowest = ms.iter().copied().fold(0.0, f64::max);
    let middle = median(ms).context("nothing was measured")?;
    sheet.note(
        &format!("reaper: {name}: slowest, transactions"),
        format!("{slowest:.1} ms in {steps}"),
    );
    let patience = if run.quick { PATIENCE } else { 1.0 };
    sheet.at_most(
        &format!("reaper: {name}"),
        middle,
        run.limits.reap_ms * patience,
        "ms",
    );
    Ok(())
}

/// All cases.
///
/// # Errors
/// When the store or the server does not do what it should.
pub(crate) fn reaper(run: &Run<'_>, sheet: &mut Sheet) -> Result<()> {
    let rows = run.limits.reap_rows;
    let rounds = if run.quick { 1 } else { ROUNDS };
    for case in &CASES {
        let mut ms = Vec::with_capacity(rounds);
        let mut steps = 0;
        for _ in 0..rounds {
            let folder = tempfile::Builder::new().prefix("bench-").tempdir()?;
            let (spent, transactions) = case.measure(folder.path(), rows)?;
            // Rows that are missing are no rows of the table: what counts is how long a save
            // waits behind one step of making them.
            let parts = if case.missing > 0 {
                transactions.max(1)
            } else {
                1
            };
            ms.push(spent / parts as f64);
            steps = transactions;
        }
        judge(run, sheet, case.name, &ms, steps)?;
    }
    before_the_listener(run, sheet)
}

/// Puts rows of sessions that never were into the table of a stopped server, and starts it again:
/// the reaper works before anybody is let in.
fn before_the_listener(run: &Run<'_>, sheet: &mut Sheet) -> Result<()> {
    let stand = Stand::new(run.binary, run.core, "", "")?;
    let (server, _) = stand.start()?;
    drop(server);
    let rows = run.limits.reap_rows;
    let records = Records::of(&stand.data())?;
    records.0.execute_batch(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO active_interview_sessions (user_id, session_id, created_at)
         SELECT 'u' || i, 'gone' || i, '2020-01-01 00:00:00' FROM n"
    ))?;
    let (_server, took) = stand.start()?;
    let left = records.count("SELECT count(*) FROM active_interview_sessions")?;
    sheet.exactly("reaper: wrong rows left", left.unsigned_abs(), 0);
    let pages = stand.metric("greenroom_reap_seconds_count")?;
    let writer_ms = stand.metric("greenroom_reap_seconds_sum")? * 1e3;
    ensure!(pages > 0.0, "the reaper found nothing to do");
    sheet.note(
        "reaper: a server that starts with them serves after",
        format!("{took:.0?}"),
    );
    judge(
        run,
        sheet,
        "before the listener opens",
        &[writer_ms],
        pages as u64,
    )
}
