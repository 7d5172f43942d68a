//! Reports that were not there when their session ended: made from the records, one after the
//! other, tried again with growing pauses, given up after some tries. The records hold the queue,
//! so it survives a restart; a lease keeps two processes from making one report at once.

use std::time::Duration;

use protocol::record::ReportJob;
use store::StoreError;

use super::{Driver, report};

/// How often the queue is looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long one report may take before somebody else takes it, milliseconds.
const LEASE_MS: u64 = 60_000;
/// Tries before a report is given up.
const ATTEMPTS_MAX: u32 = 5;
/// Pause after the first failure, milliseconds; doubled with each one.
const PAUSE_MS: u64 = 5_000;

/// Makes every report that is due. Returns how many were made.
///
/// # Errors
/// When the queue cannot be read or written; what is in it stays.
pub(crate) fn make_due(driver: &Driver) -> Result<usize, StoreError> {
    let mut made = 0;
    loop {
        // Most of the time there is nothing, which a reader can tell.
        if driver.store.open_report_jobs(None, 1)?.is_empty() {
            return Ok(made);
        }
        let now = driver.clock.wall();
        let taken = driver.store.take_report_job(now, now.after(LEASE_MS))?;
        let Some(job) = taken else {
            return Ok(made);
        };
        made += usize::from(make(driver, &job)?);
    }
}

fn make(driver: &Driver, job: &ReportJob) -> Result<bool, StoreError> {
    let session = &job.session;
    let report = report::remake(driver, session);
    let now = driver.clock.wall();
    match report {
        Ok(report) => {
            let kept = driver.store.report_made(session, &report, now)?;
            tracing::info!(%session, attempts = job.attempts, kept, "report_made");
            Ok(true)
        }
        Err(error) => {
            let again = job.attempts < ATTEMPTS_MAX;
            let pause = PAUSE_MS << job.attempts.min(10);
            let retry_at = again.then(|| now.after(pause));
            tracing::warn!(%session, attempts = job.attempts, again, %error, "report_not_made");
            driver
                .store
                .report_failed(session, error.code(), retry_at, now)?;
            Ok(false)
        }
    }
}
