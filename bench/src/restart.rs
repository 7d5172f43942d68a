//! Thousands of live sessions and a server that goes away: killed, and told to stop. How soon is
//! everybody back.

use crate::crowd::records::{Records, judge_all};
use crate::crowd::{Crowd, Habits, Join, Mode};
use crate::judge::Sheet;
use crate::limits::Restart;
use crate::stand::Stand;
use anyhow::{Context, Result, ensure};
use history::entry::What;
use history::judge::Limits;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest wait for the last one.
const BACK_LIMIT: Duration = Duration::from_secs(60);

/// Lets the server go away twice and judges who came back when.
///
/// # Errors
/// When the sessions do not get under way, or the server does not come back.
pub fn run(
    binary: &Path,
    core: Option<usize>,
    sessions: u32,
    limits: Restart,
    sheet: &mut Sheet,
) -> Result<()> {
    let stand = Stand::new(
        binary,
        core,
        "max_duration = \"1h\"\ninactivity = \"1h\"",
        "",
    )?;
    let (server, _) = stand.start()?;
    let habits = Habits {
        pace_ms: (2_000, 20_000),
        questions: 50,
        listeners: 0,
        ..Habits::default()
    };
    let crowd = Crowd::new(stand.address, stand.identity.clone(), habits)?;
    crowd.open(sessions, Duration::from_secs(u64::from(sessions) / 250 + 2));
    let records = Records::of(&stand.data())?;
    let active = "SELECT count(*) FROM sessions WHERE status = 'active'";
    let begun = Instant::now();
    while records.count(active)? < i64::from(sessions) {
        ensure!(
            begun.elapsed() < Duration::from_secs(180),
            "the sessions do not get under way"
        );
        crowd.run(Duration::from_millis(500));
    }

    crowd.forget_joins();
    let killed = Instant::now();
    drop(server);
    crowd.note(&What::Down);
    let (server, _) = stand.start()?;
    let down = killed.elapsed();
    crowd.note(&What::Up);
    sheet.at_most(
        "restart: down after kill -9",
        ms(down),
        limits.down_ms,
        "ms",
    );
    let back = come_back(&crowd, sessions);
    judge(
        &back,
        sessions,
        "killed",
        limits.resumed_99_ms,
        limits.resumed_all_ms,
        sheet,
    );

    crowd.run(Duration::from_secs(5));
    crowd.forget_joins();
    let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw);
    kill_process(pid.context("a process has a number")?, Signal::TERM)?;
    let told = Instant::now();
    let mut server = server;
    while !server.has_ended()? {
        ensure!(
            told.elapsed() < Duration::from_secs(45),
            "the drain does not end"
        );
        crowd.run(Duration::from_millis(20));
    }
    drop(server);
    sheet.note(
        "restart: drain took",
        format!("{:.1} s", told.elapsed().as_secs_f64()),
    );
    crowd.note(&What::Down);
    crowd.forget_joins();
    let (_server, _) = stand.start()?;
    crowd.note(&What::Up);
    let back = come_back(&crowd, sessions);
    judge(
        &back,
        sessions,
        "drained",
        limits.drained_all_ms,
        limits.drained_all_ms,
        sheet,
    );

    crowd.note(&What::Peace);
    crowd.run(Duration::from_secs(6));
    crowd.set(Mode::Still);
    crowd.run(Duration::from_secs(5));
    crowd.note(&What::Over);
    let rooms = crowd.rooms();
    for room in &rooms {
        records.note(&crowd.shared, room)?;
    }
    let judged = judge_all(
        &rooms,
        Limits {
            most: 3,
            ..Limits::default()
        },
    );
    sheet.exactly(
        "restart: broken promises",
        judged.violations.len() as u64,
        0,
    );
    for violation in judged.violations.iter().take(10) {
        sheet.fault(violation.clone());
    }
    sheet.note("restart: lines", crowd.losses());
    Ok(())
}

fn ms(length: Duration) -> f64 {
    length.as_secs_f64() * 1e3
}

/// When each session's candidate was back, milliseconds after now, and whether recovered.
fn come_back(crowd: &Crowd, sessions: u32) -> BTreeMap<u32, (u64, bool)> {
    let from = crowd.shared.now();
    let mut back = BTreeMap::new();
    let begun = Instant::now();
    while back.len() < sessions as usize && begun.elapsed() < BACK_LIMIT {
        crowd.run(Duration::from_millis(50));
        for Join {
            room,
            at,
            recovered,
            ..
        } in crowd.take_joins()
        {
            let first = (at.saturating_sub(from), recovered == Some(true));
            back.entry(room).or_insert(first);
        }
    }
    back
}

fn judge(
    back: &BTreeMap<u32, (u64, bool)>,
    sessions: u32,
    how: &str,
    most_99: f64,
    most_all: f64,
    sheet: &mut Sheet,
) {
    let mut times: Vec<u64> = back.values().map(|(at, _)| *at).collect();
    times.sort_unstable();
    let at = |share: f64| {
        let rank = (f64::from(sessions) * share).ceil() as usize;
        times
            .get(rank.saturating_sub(1))
            .map_or(f64::INFINITY, |at| *at as f64)
    };
    sheet.note(
        &format!("{how}: half are back after"),
        format!("{:.0} ms", at(0.5)),
    );
    sheet.at_most(
        &format!("{how}: 99 % are back after"),
        at(0.99),
        most_99,
        "ms",
    );
    sheet.at_most(
        &format!("{how}: all are back after"),
        at(1.0),
        most_all,
        "ms",
    );
    let recovered = back.values().filter(|(_, recovered)| *recovered).count();
    sheet.exactly(
        &format!("{how}: came back with their log"),
        recovered as u64,
        u64::from(sessions),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits as All;

    #[test]
    fn who_is_late_missing_or_reset_is_seen() {
        let limits = All::load().unwrap();
        let sheet = |late: u64, missing: bool, reset: bool| {
            let mut back: BTreeMap<u32, (u64, bool)> = (0..200).map(|n| (n, (500, true))).collect();
            back.insert(0, (late, !reset));
            if missing {
                back.remove(&1);
            }
            let mut sheet = Sheet::new("restart", limits.method, false);
            judge(&back, 200, "killed", 10_000.0, 25_000.0, &mut sheet);
            sheet.holds()
        };
        assert!(sheet(24_000, false, false));
        assert!(!sheet(26_000, false, false));
        assert!(!sheet(500, true, false));
        assert!(!sheet(500, false, true));
    }
}
