//! A hundred thousand connections that join and vanish, from one pool of candidates: what is left.

use crate::crowd::{Crowd, Habits};
use crate::faults;
use crate::judge::Sheet;
use crate::limits::Churn;
use crate::stand::{self, CACHE_KIB, Stand};
use crate::sys::Memory;
use anyhow::{Result, ensure};
use std::path::Path;
use std::time::{Duration, Instant};

/// Candidates, and so the most connections at a time.
const POOL: u32 = 400;
const EMPTY_LIMIT: Duration = Duration::from_secs(60);

/// Lets `limits.connections` come and vanish.
///
/// # Errors
/// When the server does not start or stops answering.
pub fn run(
    binary: &Path,
    core: Option<usize>,
    quick: bool,
    limits: Churn,
    sheet: &mut Sheet,
) -> Result<()> {
    let stand = Stand::new(binary, core, "grace = \"2s\"", "")?;
    stand.set("store", &format!("cache = \"{CACHE_KIB}KiB\""))?;
    let (server, _) = stand.start()?;
    let (first, all) = match quick {
        true => (500, 2_000),
        false => (limits.base_connections, limits.connections),
    };
    let (fresh, _) = stand::held(server.pid())?;
    let begun = Instant::now();
    let crowd = Crowd::new(stand.address, stand.identity.clone(), Habits::default())?;
    // In two halves: in the second, as in all the rest, candidates come back to a session that is
    // over, and what that needs once (a statement of each reader, for one) belongs to the base.
    let half = crowd.churn(first / 2, POOL)?;
    faults::empty("churn: half of the base", &stand, EMPTY_LIMIT, sheet)?;
    let one = half.and(crowd.churn(first - first / 2, POOL)?);
    faults::empty("churn: base", &stand, EMPTY_LIMIT, sheet)?;
    let base = faults::still("churn: base", server.pid(), sheet)?;
    let two = crowd.churn(all - first, POOL)?;
    ensure!(one.joined > 0 && two.joined > 0, "nobody got in");
    faults::empty("churn", &stand, EMPTY_LIMIT, sheet)?;
    let end = faults::still("churn", server.pid(), sheet)?;
    let (before, after) = (base.memory, end.memory);

    let mib = |bytes: f64| bytes / 1024.0 / 1024.0;
    sheet.note(
        "churn: connections that vanished",
        format!(
            "{} joined, {} started, {} refused, {:.0}/s",
            one.joined + two.joined,
            one.started + two.started,
            one.refused + two.refused,
            f64::from(all) / begun.elapsed().as_secs_f64()
        ),
    );
    sheet.at_most(
        "churn: memory more than after the first",
        mib(after.anonymous as f64 - before.anonymous as f64),
        mib(limits.memory_bytes as f64),
        "MiB",
    );
    sheet.note(
        "churn: memory, heaps and stacks",
        format!(
            "{:.1} -> {:.1} MiB",
            mib(before.anonymous as f64),
            mib(after.anonymous as f64)
        ),
    );
    let files = |memory: Memory| mib(memory.rss.saturating_sub(memory.anonymous) as f64);
    sheet.note(
        "churn: pages of files, the database's index among them",
        format!("{:.1} -> {:.1} MiB", files(before), files(after)),
    );
    sheet.exactly(
        "churn: descriptors more than before",
        end.descriptors.saturating_sub(base.descriptors) as u64,
        0,
    );
    sheet.note(
        "churn: descriptors",
        format!(
            "fresh {fresh}, base {}, end {}",
            base.descriptors, end.descriptors
        ),
    );
    sheet.note("churn: SQLite's cache", cache(&stand, server.pid())?);
    Ok(())
}

/// What SQLite may keep of its file in memory; how much of it it does, cannot be seen from outside.
fn cache(stand: &Stand, pid: u32) -> Result<String> {
    let size = |name: &str| {
        let path = stand.data().join(name);
        std::fs::metadata(path).map_or(0.0, |file| file.len() as f64 / 1024.0 / 1024.0)
    };
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))?.map_while(Result::ok);
    let links = descriptors.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let connections = links.filter(|link| link.ends_with("greenroom.db")).count();
    let (file, wal) = (size("greenroom.db"), size("greenroom.db-wal"));
    Ok(format!(
        "<= {CACHE_KIB} KiB in each of {connections} connections; file {file:.1} MiB, log {wal:.1} MiB"
    ))
}
