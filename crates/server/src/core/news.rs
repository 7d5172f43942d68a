//! The engine's news, counted and logged. Ids only: never a word that somebody said.

use engine::Event;
use engine::event::JoinKind;

use super::counters::Counters;

/// Counts an event and writes its line.
pub(crate) fn tell(counters: &Counters, event: Event) {
    match event {
        Event::SessionOpened { session, new } => {
            counters.sessions_opened.add(1);
            tracing::info!(%session, new, "session_opened");
        }
        Event::Started { session } => {
            counters.sessions_started.add(1);
            tracing::info!(%session, "session_started");
        }
        Event::Joined {
            session,
            conn,
            role,
            how,
        } => {
            counters.joins.add(1);
            match how {
                JoinKind::Resumed | JoinKind::ResumedWithGap => counters.resumes.add(1),
                JoinKind::Takeover => counters.takeovers.add(1),
                JoinKind::New | JoinKind::Rejoined => {}
            }
            tracing::info!(%session, %conn, %role, ?how, "member_joined");
        }
        Event::Detached {
            session,
            conn,
            role,
        } => {
            counters.detached.add(1);
            tracing::info!(%session, %conn, %role, "member_detached");
        }
        Event::TakeoverStorm { session } => {
            counters.takeover_storms.add(1);
            tracing::warn!(%session, "takeover_storm");
        }
        Event::Ended {
            session,
            reason,
            duration_ms,
            recorded,
        } => {
            counters.ends[reason as usize].add(1);
            tracing::info!(%session, %reason, duration_ms, recorded, "session_ended");
        }
        Event::CleanedUp { session } => {
            counters.sessions_cleaned_up.add(1);
            tracing::info!(%session, "session_cleaned_up");
        }
        Event::Unloaded { session } => tracing::debug!(%session, "session_unloaded"),
        Event::Degraded { session, on } => {
            if on {
                counters.degraded.add(1);
            }
            tracing::warn!(%session, on, "session_degraded");
        }
        Event::Fenced { session } => {
            counters.fenced.add(1);
            tracing::warn!(%session, "session_fenced");
        }
        Event::Rejected { session } => {
            counters.rejected.add(1);
            tracing::error!(%session, "save_rejected");
        }
        Event::Panicked { session } => {
            counters.panicked.add(1);
            tracing::error!(%session, "session_panicked");
        }
        Event::FinalDropped { session } => {
            counters.finals_dropped.add(1);
            tracing::warn!(%session, "final_dropped");
        }
        Event::Revived { session } => {
            counters.revived.add(1);
            tracing::info!(%session, "session_taken_over");
        }
        Event::Recovering { session } => {
            counters.recovered.add(1);
            tracing::info!(%session, "session_recovering");
        }
    }
}
