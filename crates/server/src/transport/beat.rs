//! The beat of an io thread: every 50 ms the clocks of its shards and of a part of the
//! connections are looked at, instead of a timer for each. It measures its own lateness, since a
//! late beat means that something held the thread up.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::core::conns::PARTS;
use crate::core::{Core, ShardId};
use crate::telemetry;

/// How often.
const BEAT: Duration = Duration::from_millis(50);
/// A connection is looked at once in so many beats; more often where suites measure heartbeats of
/// fractions of a second.
const ROUNDS: usize = if cfg!(feature = "conformance") { 2 } else { 5 };
/// Lateness that is worth a line in the log.
const LATE_US: u64 = 5_000;

/// Beats for one thread out of `threads`, for ever.
pub(crate) async fn beat(core: Arc<Core>, thread: usize, threads: usize) {
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut round = 0;
    let mut silent_until = 0;
    loop {
        let due = ticks.tick().await;
        let late = due.elapsed();
        let late_us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        // Tokio's timers have a grain of one millisecond.
        core.counters()
            .beat_late
            .observe_us(late_us.saturating_sub(1_000));
        let now = core.clock().mono();
        if late_us > LATE_US + 1_000 && now.0 >= silent_until {
            silent_until = now.after(10_000).0;
            tracing::warn!(thread, late_ms = late_us / 1_000, "beat_late");
        }
        for shard in (thread..core.shards()).step_by(threads.max(1)) {
            core.turn_if_due(ShardId::new(shard), now);
        }
        for part in (thread..PARTS)
            .step_by(threads.max(1))
            .filter(|p| p % ROUNDS == round)
        {
            core.conns().wake_due(part, now);
        }
        round = (round + 1) % ROUNDS;
        // A thread that never sleeps lets go of its lines here.
        telemetry::let_go();
    }
}

/// Runs a turn for each input that is posted to this thread, for ever.
pub(crate) async fn see_to_inbox(core: Arc<Core>, thread: usize) {
    loop {
        for (shard, input) in core.inboxes().take(thread).await {
            core.turn(shard, input);
        }
        // Other tasks of the thread get their turn between two batches.
        tokio::task::yield_now().await;
    }
}
