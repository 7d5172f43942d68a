//! Faults at full size against the released server: links that are cut all the time, kills at
//! random instants under load, a database that is away, a process that stands still. Every run's
//! histories go to the judge; small versions of these run with the tests.

use crate::crowd::records::{Records, judge_all};
use crate::crowd::{Crowd, Habits, Mode};
use crate::judge::Sheet;
use crate::limits;
use crate::reaper::reaper;
use crate::stand::{self, Holds, Stand};
use anyhow::{Context, Result, ensure};
use history::entry::What;
use history::judge::Limits;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::time::{Duration, Instant};

/// Acting on good lines after the last fault, then listening only.
const CALM: Duration = Duration::from_secs(6);
const STILL: Duration = Duration::from_secs(4);

/// What a fault run needs to know.
pub struct Run<'a> {
    /// The server's binary.
    pub binary: &'a Path,
    /// The core it gets.
    pub core: Option<usize>,
    /// The numbers it is judged by.
    pub limits: limits::Faults,
    /// Small and short.
    pub quick: bool,
}

impl Run<'_> {
    /// How long a lost candidate is waited for.
    fn grace(&self) -> Duration {
        Duration::from_secs(if self.quick { 4 } else { 15 })
    }

    fn stand(&self) -> Result<Stand> {
        let grace = format!("grace = \"{}s\"", self.grace().as_secs());
        Stand::new(self.binary, self.core, &grace, "")
    }

    fn judge_limits(&self) -> Limits {
        Limits {
            switch_ms: 1_000,
            orphan_ms: u64::try_from(self.grace().as_millis()).unwrap_or(0) + 1_000,
            settle_ms: 5_000,
            most: 5,
            ..Limits::default()
        }
    }
}

/// A fault.
type Fault = fn(&Run<'_>, &mut Sheet) -> Result<()>;

/// Faults by their names.
const ALL: [(&str, Fault); 5] = [
    ("links", links),
    ("kills", kills),
    ("away", away),
    ("frozen", frozen),
    ("reaper", reaper),
];

/// Peace, quiet, the records read, everything judged; then everybody goes and the end of every
/// session is judged, too.
fn settle(
    run: &Run<'_>,
    name: &str,
    stand: &Stand,
    crowd: &Crowd,
    sheet: &mut Sheet,
) -> Result<()> {
    let records = Records::of(&stand.data())?;
    crowd.set(Mode::Calm);
    crowd.note(&What::Peace);
    crowd.run(CALM);
    crowd.set(Mode::Still);
    crowd.run(STILL);
    crowd.note(&What::Over);
    let rooms = crowd.rooms();
    for room in &rooms {
        records.note(&crowd.shared, room)?;
    }
    let judged = judge_all(&rooms, run.judge_limits());
    report(&format!("{name}: while all are there"), &judged, sheet);

    crowd.set(Mode::Home);
    crowd.run(Duration::from_millis(200));
    let unfinished = "SELECT count(*) FROM sessions WHERE status IN ('active', 'completing')";
    let begun = Instant::now();
    let limit = run.grace() + Duration::from_secs(10);
    while records.count(unfinished)? > 0 && begun.elapsed() < limit {
        crowd.run(Duration::from_millis(100));
    }
    sheet.exactly(
        &format!("{name}: sessions left behind"),
        records.count(unfinished)?.unsigned_abs(),
        0,
    );
    crowd.run(run.grace().saturating_sub(begun.elapsed()) + Duration::from_secs(2));
    crowd.note(&What::Over);
    for room in &rooms {
        records.note(&crowd.shared, room)?;
    }
    let judged = judge_all(&rooms, run.judge_limits());
    report(&format!("{name}: after all have gone"), &judged, sheet);
    let rows = "SELECT count(*) FROM active_interview_sessions";
    sheet.exactly(
        &format!("{name}: rows of active sessions"),
        records.count(rows)?.unsigned_abs(),
        0,
    );
    let sound: String = { &records.0 }.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(sound == "ok", "the database is broken: {sound}");
    sheet.note(&format!("{name}: lines"), crowd.losses());
    Ok(())
}

fn report(name: &str, judged: &crate::crowd::records::Judged, sheet: &mut Sheet) {
    sheet.note(
        name,
        format!(
            "{} sessions, {} events, {} acknowledged",
            judged.sessions, judged.received, judged.acknowledged
        ),
    );
    if judged.received == 0 || judged.acknowledged == 0 {
        sheet.fault(format!("{name}: nothing was put to the test"));
    }
    let many = judged.violations.len() as u64;
    sheet.exactly(&format!("{name}: broken promises"), many, 0);
    for violation in judged.violations.iter().take(10) {
        sheet.fault(violation.clone());
    }
}

/// Durable events through links that are cut every few seconds.
fn links(run: &Run<'_>, sheet: &mut Sheet) -> Result<()> {
    let (sessions, length) = if run.quick {
        (20, Duration::from_secs(15))
    } else {
        (
            run.limits.links_sessions,
            Duration::from_secs(run.limits.links_seconds),
        )
    };
    let stand = run.stand()?;
    let (_server, _) = stand.start()?;
    let crowd = Crowd::new(stand.address, stand.identity.clone(), Habits::default())?;
    crowd.open(sessions, Duration::from_secs(5));
    crowd.run(Duration::from_secs(8));
    let before = crowd.take_joins().len();
    ensure!(before as u32 >= sessions * 2, "only {before} pages joined");
    crowd.set(Mode::Wild);
    crowd.run(length);
    let joins = crowd.take_joins();
    let resumed = joins
        .iter()
        .filter(|join| join.recovered == Some(true))
        .count();
    let reset = joins
        .iter()
        .filter(|join| join.recovered == Some(false))
        .count();
    sheet.note(
        "links: cut links that came back",
        format!("{resumed} resumed, {reset} with a snapshot"),
    );
    ensure!(resumed > 0, "nobody resumed");
    settle(run, "links", &stand, &crowd, sheet)
}

/// Kills at random instants under load.
fn kills(run: &Run<'_>, sheet: &mut Sheet) -> Result<()> {
    let kills = if run.quick { 8 } else { run.limits.kills };
    let stand = run.stand()?;
    let (mut server, _) = stand.start()?;
    let habits = Habits {
        pace_ms: (40, 400),
        questions: 8,
        again: true,
        enders: 3,
        ..Habits::default()
    };
    let crowd = Crowd::new(stand.address, stand.identity.clone(), habits)?;
    crowd.open(20, Duration::from_millis(500));
    crowd.run(Duration::from_secs(2));
    let mut slowest = Duration::ZERO;
    for _ in 0..kills {
        let instant = crowd.shared.between((100, 1_500));
        crowd.run(Duration::from_millis(instant));
        drop(server);
        crowd.note(&What::Down);
        let (fresh, took) = stand.start()?;
        server = fresh;
        crowd.note(&What::Up);
        slowest = slowest.max(took);
    }
    sheet.note("kills: kill -9 at random instants", kills.to_string());
    // A debug build among other tests has more time.
    let patience = if run.quick { 3.0 } else { 1.0 };
    sheet.at_most(
        "kills: slowest until serving again",
        slowest.as_secs_f64() * 1e3,
        run.limits.serving_again_ms * patience,
        "ms",
    );
    settle(run, "kills", &stand, &crowd, sheet)
}

/// The database is locked by another program in mid-interview.
fn away(run: &Run<'_>, sheet: &mut Sheet) -> Result<()> {
    let seconds = if run.quick {
        6
    } else {
        run.limits.away_seconds
    };
    let stand = run.stand()?;
    let (_server, _) = stand.start()?;
    let habits = Habits {
        pace_ms: (400, 1_500),
        ..Habits::default()
    };
    let crowd = Crowd::new(stand.address, stand.identity.clone(), habits)?;
    crowd.open(50, Duration::from_secs(1));
    crowd.run(Duration::from_secs(6));
    let records = Records::of(&stand.data())?;
    records.0.execute_batch("BEGIN IMMEDIATE")?;
    crowd.run(Duration::from_secs(2));
    // Somebody new begins while nothing can be written.
    crowd.open(10, Duration::from_secs(1));
    crowd.run(Duration::from_secs(seconds - 2));
    let degraded = stand.metric("greenroom_sessions_degraded")?;
    ensure!(degraded > 0.0, "nobody noticed that the database was away");
    sheet.note("away: sessions that waited for it", format!("{degraded}"));
    records.0.execute_batch("ROLLBACK")?;
    let back = Instant::now();
    // The table is right: a row for each interview that runs, and no other.
    let right = "SELECT (SELECT count(*) FROM active_interview_sessions) = (SELECT count(*) FROM \
        sessions s JOIN active_interview_sessions a ON a.session_id = s.session AND a.status = \
        s.status AND a.user_id = s.candidate) AND NOT EXISTS (SELECT 1 FROM sessions s WHERE \
        s.status IN ('active', 'completing') AND NOT EXISTS (SELECT 1 FROM \
        active_interview_sessions a WHERE a.session_id = s.session))";
    let limit = Duration::from_secs(60);
    loop {
        crowd.run(Duration::from_millis(50));
        let left = stand.metric("greenroom_sessions_degraded")?;
        if left == 0.0 && records.count(right)? == 1 {
            break;
        }
        ensure!(back.elapsed() < limit, "{left} sessions are still degraded");
    }
    sheet.at_most(
        "away: until the table is right again",
        back.elapsed().as_secs_f64() * 1e3,
        run.limits.table_right_ms,
        "ms",
    );
    let rows = records.count("SELECT count(*) FROM active_interview_sessions")?;
    sheet.exactly("away: interviews that run", rows.unsigned_abs(), 60);
    records
        .0
        .execute_batch("DROP TABLE active_interview_sessions")?;
    let dropped = Instant::now();
    while records.count(right).unwrap_or(0) != 1 {
        crowd.run(Duration::from_millis(50));
        ensure!(dropped.elapsed() < limit, "the table does not come back");
    }
    sheet.at_most(
        "away: until a dropped table is right again",
        dropped.elapsed().as_secs_f64() * 1e3,
        run.limits.table_right_ms,
        "ms",
    );
    settle(run, "away", &stand, &crowd, sheet)
}

/// The process stands still.
fn frozen(run: &Run<'_>, sheet: &mut Sheet) -> Result<()> {
    let seconds = if run.quick {
        10
    } else {
        run.limits.frozen_seconds
    };
    let stand = run.stand()?;
    let (server, _) = stand.start()?;
    let habits = Habits {
        pace_ms: (400, 1_500),
        ..Habits::default()
    };
    let crowd = Crowd::new(stand.address, stand.identity.clone(), habits)?;
    crowd.open(50, Duration::from_secs(1));
    crowd.run(Duration::from_secs(5));
    let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw);
    let pid = pid.context("a process has a number")?;
    kill_process(pid, Signal::STOP)?;
    crowd.run(Duration::from_secs(seconds));
    kill_process(pid, Signal::CONT)?;
    crowd.run(Duration::from_secs(2));
    let running = stand.metric("greenroom_sessions")?;
    sheet.exactly("frozen: sessions that still run", running as u64, 50);
    let missed = stand.metric("greenroom_heartbeats_missed_total")?;
    sheet.exactly("frozen: members blamed for our own sleep", missed as u64, 0);
    settle(run, "frozen", &stand, &crowd, sheet)
}

/// Runs the faults whose name holds `only`.
///
/// # Errors
/// When a run cannot be made.
pub fn run(run: &Run<'_>, only: Option<&str>, sheet: &mut Sheet) -> Result<()> {
    for (name, fault) in ALL {
        if only.is_none_or(|part| name.contains(part)) {
            fault(run, sheet).with_context(|| name)?;
        }
    }
    Ok(())
}

/// Waits until nothing is left and puts what is on the sheet; used by soak and churn.
///
/// # Errors
/// When the server does not answer.
pub fn empty(name: &str, stand: &Stand, limit: Duration, sheet: &mut Sheet) -> Result<()> {
    match stand::until_empty(stand, limit)? {
        Ok(took) => sheet.note(
            &format!("{name}: every gauge at 0 after"),
            format!("{:.1} s", took.as_secs_f64()),
        ),
        Err(left) => sheet.fault(format!("{name}: still there after {limit:?}: {left}")),
    }
    Ok(())
}

/// Waits until the server is still, and says what it holds; one that does not come to rest is put on
/// the sheet, with what moved last. Used by soak and churn.
///
/// # Errors
/// When the process is gone.
pub fn still(name: &str, pid: u32, sheet: &mut Sheet) -> Result<Holds> {
    match stand::until_still(pid)? {
        Ok((holds, took)) => {
            sheet.note(
                &format!("{name}: still after"),
                format!("{:.1} s", took.as_secs_f64()),
            );
            Ok(holds)
        }
        Err(moved) => {
            sheet.fault(format!("{name}: does not come to rest: {moved}"));
            Holds::read(pid)
        }
    }
}
