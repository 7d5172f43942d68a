//! Mixed load with random cuts for as long as one likes; afterwards nothing may be left of it.

use crate::crowd::records::{Judged, Records};
use crate::crowd::{Crowd, Habits, Mode, Room};
use crate::faults;
use crate::judge::Sheet;
use crate::limits::Soak;
use crate::stand::{self, CACHE_KIB, Stand};
use crate::sys::Memory;
use anyhow::Result;
use history::entry::What;
use history::judge::Limits;
use history::tape::Tape;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Sessions at a time.
const LANES: u32 = 60;
const GRACE_MS: u64 = 5_000;
/// Until everything is over after the last page has gone: grace, half-open lines, reports.
const EMPTY_LIMIT: Duration = Duration::from_secs(90);
/// A session that is over is judged so long after.
const LOOK_EVERY: Duration = Duration::from_secs(5);

fn habits() -> Habits {
    Habits {
        pace_ms: (200, 1_500),
        line_ms: (2_000, 40_000),
        silent: 10,
        questions: 6,
        question_ms: 60_000,
        audio_ms: 250,
        again: true,
        listeners: 1,
        enders: 8,
    }
}

/// Soaks for `length` and puts on the sheet what is left.
///
/// # Errors
/// When the server does not start or stops answering.
pub fn run(
    binary: &Path,
    core: Option<usize>,
    length: Duration,
    limits: Soak,
    sheet: &mut Sheet,
) -> Result<()> {
    let sessions = "grace = \"5s\"";
    let stand = Stand::new(binary, core, sessions, "")?;
    stand.set("store", &format!("cache = \"{CACHE_KIB}KiB\""))?;
    let (server, _) = stand.start()?;
    // Pools, caches and arenas grow to their size before the base is taken.
    let warm = length
        .min(Duration::from_secs(60))
        .max(Duration::from_secs(20));
    let mut judged = Judged::default();
    spell(&stand, "warm", warm, &mut judged)?;
    faults::empty("soak: warm", &stand, EMPTY_LIMIT, sheet)?;
    let before = faults::still("soak: warm", server.pid(), sheet)?;
    let kinds_before = stand::kinds(server.pid())?;
    spell(&stand, "soak", length, &mut judged)?;
    faults::empty("soak", &stand, EMPTY_LIMIT, sheet)?;
    let after = faults::still("soak", server.pid(), sheet)?;
    let kinds_after = stand::kinds(server.pid())?;

    let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
    let base = before.memory.rss as f64;
    let most = base + (base * (limits.memory_ratio - 1.0)).max(limits.memory_bytes as f64);
    sheet.at_most(
        "soak: memory afterwards",
        mib(after.memory.rss),
        most / 1024.0 / 1024.0,
        "MiB",
    );
    let parts = |memory: Memory| {
        let (all, own) = (mib(memory.rss), mib(memory.anonymous));
        format!("{all:.1} MiB, {own:.1} of it heaps and stacks")
    };
    sheet.note("soak: memory before", parts(before.memory));
    sheet.note("soak: memory after", parts(after.memory));
    sheet.exactly(
        "soak: descriptors more than before",
        after.descriptors.saturating_sub(before.descriptors) as u64,
        0,
    );
    for (kind, count) in &kinds_after {
        let base = kinds_before.get(kind).copied().unwrap_or(0);
        if *count > base {
            sheet.note(
                &format!("soak: more of {kind}"),
                format!("{base} -> {count}"),
            );
        }
    }
    sheet.exactly(
        "soak: threads more than before",
        after.threads.saturating_sub(before.threads) as u64,
        0,
    );
    let records = Records::of(&stand.data())?;
    let left = "SELECT count(*) FROM sessions WHERE status IN ('active', 'completing')";
    sheet.exactly(
        "soak: sessions left",
        records.count(left)?.unsigned_abs(),
        0,
    );
    let left = "SELECT count(*) FROM active_interview_sessions";
    sheet.exactly(
        "soak: active rows left",
        records.count(left)?.unsigned_abs(),
        0,
    );
    for reason in reasons(&records)? {
        sheet.note("soak: ends", reason);
    }
    sheet.note(
        "soak: judged",
        format!(
            "{} sessions, {} events, {} acknowledged",
            judged.sessions, judged.received, judged.acknowledged
        ),
    );
    sheet.exactly("soak: broken promises", judged.violations.len() as u64, 0);
    for violation in judged.violations.iter().take(10) {
        sheet.fault(violation.clone());
    }
    Ok(())
}

fn reasons(records: &Records) -> Result<Vec<String>> {
    let sql = "SELECT reason, count(*) FROM sessions WHERE reason IS NOT NULL GROUP BY reason";
    let mut select = records.0.prepare(sql)?;
    let rows = select.query_map([], |row| {
        Ok(format!(
            "{} {}",
            row.get::<_, i64>(1)?,
            row.get::<_, String>(0)?
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One crowd from its first page to its last.
fn spell(stand: &Stand, name: &'static str, length: Duration, judged: &mut Judged) -> Result<()> {
    let identity = stand.identity.named(name);
    let crowd = Crowd::new(stand.address, identity, habits())?;
    let records = Records::of(&stand.data())?;
    let mut done = BTreeSet::new();
    crowd.open(LANES, Duration::from_secs(5).min(length / 4));
    crowd.set(Mode::Wild);
    let begun = Instant::now();
    while begun.elapsed() < length {
        let over = over(&crowd, &done);
        crowd.run(LOOK_EVERY.min(length));
        for room in over {
            judge(&crowd, &records, &room, judged)?;
            done.insert(room.number);
        }
    }
    crowd.set(Mode::Calm);
    crowd.note(&What::Peace);
    crowd.run(Duration::from_secs(6));
    crowd.set(Mode::Still);
    crowd.run(Duration::from_secs(3));
    crowd.note(&What::Over);
    let rest = crowd
        .rooms()
        .into_iter()
        .filter(|room| !done.contains(&room.number));
    for room in rest.collect::<Vec<_>>() {
        judge(&crowd, &records, &room, judged)?;
    }
    crowd.set(Mode::Home);
    crowd.run(Duration::from_millis(500));
    Ok(())
}

fn over(crowd: &Crowd, done: &BTreeSet<u32>) -> Vec<Rc<Room>> {
    let rooms = crowd.rooms().into_iter();
    let fresh = rooms.filter(|room| !done.contains(&room.number));
    fresh.filter(|room| room.over.borrow().is_some()).collect()
}

/// Judges a session and forgets what was seen of it.
fn judge(crowd: &Crowd, records: &Records, room: &Room, judged: &mut Judged) -> Result<()> {
    records.note(&crowd.shared, room)?;
    let limits = Limits {
        orphan_ms: GRACE_MS + 1_000,
        ..Limits::default()
    };
    judged.add(room, limits);
    room.tape.replace(Tape::new());
    Ok(())
}
