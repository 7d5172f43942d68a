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
use std::sync::atomic::Ordering;
use store::rows::Reaped;
use store::sqlite::{Config, Sqlite, Stopwatch};
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

const CASES: [Case; 6] = [
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
    MISSING,
    Case {
        name: "half right, half wrong in every way",
        right: 50,
        orphans: 17,
        ended: 17,
        missing: 16,
    },
    Case {
        name: "all wrong in every way",
        orphans: 34,
        ended: 33,
        missing: 33,
        ..NONE
    },
];

const MISSING: Case = Case {
    name: "all missing",
    missing: 100,
    ..NONE
};

impl Case {
    /// Puts them there. Names are random, as those of users are, and so are
    /// the times interviews began: no order helps.
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
                     hex(randomblob(300)), 1, 1, {at} - abs(random() % 600000), {at} - abs(random() % 600000),
                     iif({sealed}, {at}, NULL), {at} + 600000, {at} - abs(random() % 60000),
                     '{OWNER}', 1 FROM temp.n;",
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
        // As records lie when nothing much happens.
        raw.execute_batch("COMMIT; DROP TABLE temp.n; PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(())
    }

    fn expected(&self, rows: u32) -> Reaped {
        let of = |hundredths: u32| u64::from(rows / 100 * hundredths);
        Reaped {
            gone: of(self.orphans + self.ended),
            come: of(self.missing),
        }
    }

    fn measure(&self, folder: &Path, rows: u32) -> Result<Spent> {
        let store = open(folder)?;
        let raw = Connection::open(folder.join(FILE))?;
        self.fill(&raw, rows)?;
        let done = store.reap_active(NOW, AGE_MS)?;
        ensure!(done == self.expected(rows), "{}: {done:?}", self.name);
        let again = store.reap_active(NOW, AGE_MS)?;
        ensure!(again == Reaped::default(), "{}: {again:?}", self.name);
        let metrics = store.metrics();
        let spent = metrics.reap_us.read();
        let waited = metrics.reap_waited_us.load(Ordering::Relaxed);
        Ok(Spent::of(
            spent.sum as f64 / 1e3,
            waited as f64 / 1e3,
            spent.count(),
        ))
    }

    /// What the same rows cost one bare `INSERT … SELECT` out of memory, sorted, into the same table:
    /// nothing looked up, nothing checked. Milliseconds.
    fn floor(&self, folder: &Path, rows: u32) -> Result<f64> {
        drop(open(folder)?);
        let raw = Connection::open(folder.join(FILE))?;
        self.fill(&raw, rows)?;
        raw.execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -8192;
             PRAGMA temp_store = MEMORY;
             CREATE TEMP TABLE ready AS
                 SELECT candidate, session, status,
                     strftime('%Y-%m-%d %H:%M:%f', started_at / 1000.0, 'unixepoch') AS since,
                     strftime('%Y-%m-%d %H:%M:%f', last_activity_at / 1000.0, 'unixepoch') AS last
                 FROM sessions ORDER BY candidate",
        )?;
        let watch = Stopwatch::start();
        let done = raw.execute(
            "INSERT INTO active_interview_sessions
                 (user_id, session_id, status, created_at, updated_at)
             SELECT candidate, session, status, since, last FROM temp.ready",
            [],
        )?;
        ensure!(done as u64 == self.expected(rows).come, "{done} rows");
        let shown = watch.show();
        Ok((shown.us - shown.waited_us) as f64 / 1e3)
    }
}

/// What the writer spent in a round, milliseconds.
#[derive(Clone, Copy)]
struct Spent {
    /// At work or waiting for the disk.
    writer: f64,
    /// By the clock on the wall: also while others had the processors.
    wall: f64,
    transactions: u64,
}

impl Spent {
    fn of(wall: f64, waited: f64, transactions: u64) -> Self {
        Self {
            writer: wall - waited,
            wall,
            transactions,
        }
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

/// What the rounds of a case came to. Judged is the writer's own time, its waits for the disk
/// with it; how long it stood in line behind other programs is their business, and noted.
fn judge(run: &Run<'_>, sheet: &mut Sheet, name: &str, rounds: &[Spent]) -> Result<()> {
    let writer: Vec<f64> = rounds.iter().map(|spent| spent.writer).collect();
    let wall: Vec<f64> = rounds.iter().map(|spent| spent.wall).collect();
    let middle = median(&writer).context("nothing was measured")?;
    let by_wall = median(&wall).context("nothing was measured")?;
    let slowest = wall.iter().copied().fold(0.0, f64::max);
    let steps = rounds.last().map_or(0, |spent| spent.transactions);
    sheet.note(
        &format!("reaper: {name}: by the wall"),
        format!("{by_wall:.1} ms, slowest {slowest:.1}, {steps} steps"),
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
    let rounds = if run.quick { 1 } else { ROUNDS };
    for case in &CASES {
        let mut spent = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let folder = tempfile::Builder::new().prefix("bench-").tempdir()?;
            spent.push(case.measure(folder.path(), run.limits.reap_rows)?);
        }
        judge(run, sheet, case.name, &spent)?;
    }
    let mut floors = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir()?;
        floors.push(MISSING.floor(folder.path(), run.limits.reap_rows)?);
    }
    let floor = median(&floors).context("nothing was measured")?;
    sheet.note(
        "reaper: all missing: a bare insert of them",
        format!("{floor:.1} ms"),
    );
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
    let wall = stand.metric("greenroom_reap_seconds_sum")? * 1e3;
    let waited = stand.metric("greenroom_store_reap_waited_us_total")? / 1e3;
    ensure!(pages > 0.0, "the reaper found nothing to do");
    sheet.note(
        "reaper: a server that starts with them serves after",
        format!("{took:.0?}"),
    );
    let spent = Spent::of(wall, waited, pages as u64);
    judge(run, sheet, "before the listener opens", &[spent])
}
