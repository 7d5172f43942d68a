//! What is deleted when: ended sessions' data after its time, kind by kind, and by id when somebody
//! asks (L13). Done by the reaper; the records say what went when.

use protocol::error::{ErrorCode, Refusal};
use protocol::id::SessionId;
use protocol::record::DataKind;
use protocol::time::Wall;
use protocol::value::Status;
use store::StoreError;
use store::audio::scan;
use store::rows::Forgotten;

use super::Driver;

/// Sessions cleaned in one transaction.
const PAGE: u32 = 100;
/// Such transactions of one kind in one round, so that a large backlog does not hold the writer.
const PAGES_MAX: usize = 20;

/// How long after its end a session's data is kept, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// What was said.
    pub transcript_ms: u64,
    /// The report; it quotes what was said, so not longer than that.
    pub report_ms: u64,
    /// All of it.
    pub everything_ms: u64,
}

impl Default for Retention {
    fn default() -> Self {
        const MONTH_MS: u64 = 30 * 86_400_000;
        Self {
            transcript_ms: MONTH_MS,
            report_ms: MONTH_MS,
            everything_ms: MONTH_MS,
        }
    }
}

/// One round: deletes what is past its time. Returns how many sessions lost something.
///
/// # Errors
/// When the records cannot be written; the next round goes on where this one stopped.
pub(crate) fn sweep(driver: &Driver) -> Result<usize, StoreError> {
    let kept = driver.retention;
    let now = driver.clock.wall();
    let mut cleaned = 0;
    // The whole first: of what is gone no part has to be deleted any more.
    for (kind, ms) in [
        (DataKind::Everything, kept.everything_ms),
        (DataKind::Transcript, kept.transcript_ms),
        (DataKind::Report, kept.report_ms),
    ] {
        let before = Wall(now.0.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)));
        for _ in 0..PAGES_MAX {
            let gone = driver.store.purge(kind, before, PAGE, now)?;
            if gone.is_empty() {
                break;
            }
            for session in &gone {
                if kind == DataKind::Everything {
                    driver.recorder.delete_session(session);
                }
                tracing::info!(%session, kind = kind.as_str(), "data_deleted");
            }
            cleaned += gone.len();
        }
    }
    sweep_audio(driver)?;
    Ok(cleaned)
}

/// Sound of sessions that have ended: it is text by now, or never will be (I11).
fn sweep_audio(driver: &Driver) -> Result<(), StoreError> {
    let found = match scan(&driver.data) {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "audio_not_listed");
            return Ok(());
        }
    };
    for (session, _) in found {
        let over = match driver.store.session_row(&session)? {
            Some(row) => row.status == Status::Ended,
            // Not known may also mean not stored yet.
            None => !driver.store.deletions(&session)?.is_empty(),
        };
        if over {
            driver.recorder.delete_session(&session);
            tracing::info!(%session, kind = "audio", "data_deleted");
        }
    }
    Ok(())
}

/// Deletes data of one session because somebody asks for it.
///
/// # Errors
/// `session_not_found`, `bad_transition` while it runs, `store_unavailable`.
pub(crate) fn forget(driver: &Driver, session: &SessionId, kind: DataKind) -> Result<(), Refusal> {
    let now = driver.clock.wall();
    let done = driver.store.forget_kind(session, kind, now);
    match done {
        Ok(Forgotten::Done) => {}
        Ok(Forgotten::Unknown) => return Err(ErrorCode::SessionNotFound.into()),
        Ok(Forgotten::NotEnded) => {
            let why = "The session is not over. End it first; then its data can be deleted.";
            return Err(Refusal::because(ErrorCode::BadTransition, why));
        }
        Err(error) => {
            tracing::warn!(%session, %error, "data_not_deleted");
            return Err(Refusal::new(ErrorCode::StoreUnavailable).retry_after(2_000));
        }
    }
    if matches!(kind, DataKind::Audio | DataKind::Everything) {
        driver.recorder.delete_session(session);
    }
    tracing::info!(%session, kind = kind.as_str(), "data_deleted");
    Ok(())
}
