//! What a table of active sessions full of rows that are wrong costs the thread that writes.

use crate::crowd::records::Records;
use crate::faults::Run;
use crate::judge::Sheet;
use crate::stand::Stand;
use anyhow::{Result, ensure};

/// Puts rows of sessions that never were into the table of a stopped server, and starts it again:
/// the reaper works before anybody is let in.
///
/// # Errors
/// When the server does not start or does not answer.
pub(crate) fn reaper(run: &Run<'_>, sheet: &mut Sheet) -> Result<()> {
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
        "reaper: rows, pages, start",
        format!("{rows} in {pages}, serving after {took:.0?}"),
    );
    sheet.note(
        "reaper: the writer's time for a page",
        format!("{:.1} ms", writer_ms / pages),
    );
    // A debug build among other tests has more time.
    let patience = if run.quick { 500.0 } else { 1.0 };
    sheet.at_most(
        "reaper: the writer's time for all",
        writer_ms,
        run.limits.reap_ms * patience,
        "ms",
    );
    Ok(())
}
