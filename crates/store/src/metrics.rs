//! Counters and latency histograms of the store, read by whoever renders metrics. Numbers only;
//! names and formats are the reader's.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the latency buckets, microseconds; one more bucket holds the rest.
pub const LATENCY_BOUNDS_US: [u64; 16] = [
    100, 200, 350, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 25_000, 50_000, 100_000,
    500_000, 2_000_000,
];

/// Upper bounds of the batch size buckets, saves; one more bucket holds the rest.
pub const BATCH_BOUNDS: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/// Counts of values by upper bound.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    bounds: [u64; N],
    counts: [AtomicU64; N],
    rest: AtomicU64,
    sum: AtomicU64,
}

/// A histogram at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets {
    /// Upper bound and how many values were at most that and above the bound before.
    pub by_bound: Vec<(u64, u64)>,
    /// Values above every bound.
    pub rest: u64,
    /// Sum of all values.
    pub sum: u64,
}

impl<const N: usize> Histogram<N> {
    fn new(bounds: [u64; N]) -> Self {
        Self {
            bounds,
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            rest: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts one value.
    pub fn record(&self, value: u64) {
        let place = self.bounds.iter().position(|bound| value <= *bound);
        let count = place.map_or(&self.rest, |at| &self.counts[at]);
        count.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn read(&self) -> Buckets {
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        Buckets {
            by_bound: self.bounds.iter().copied().zip(counts).collect(),
            rest: self.rest.load(Ordering::Relaxed),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

impl Buckets {
    /// How many values.
    pub fn count(&self) -> u64 {
        self.by_bound.iter().map(|(_, count)| count).sum::<u64>() + self.rest
    }
}

/// What the store counts.
#[derive(Debug)]
pub struct Metrics {
    /// Transactions committed for saves.
    pub commits: AtomicU64,
    /// Saves in one transaction.
    pub batch_sizes: Histogram<9>,
    /// From `submit` to the commit, microseconds.
    pub save_latency_us: Histogram<16>,
    /// The same for saves that begin an interview (X5).
    pub start_latency_us: Histogram<16>,
    /// How long one step of the reaper's work held the writer's thread, microseconds.
    pub reap_us: Histogram<16>,
    /// How much of all that the thread only stood in line for a processor, microseconds; 0 where
    /// the system does not say.
    pub reap_waited_us: AtomicU64,
    /// Saves answered `Temporary`.
    pub saves_temporary: AtomicU64,
    /// Saves answered `Rejected`.
    pub saves_rejected: AtomicU64,
    /// Saves answered `Fenced`.
    pub saves_fenced: AtomicU64,
    /// Saves a later one of the same session took the place of, unanswered.
    pub saves_replaced: AtomicU64,
    /// Saves written without the table `active_interview_sessions`.
    pub active_table_missing: AtomicU64,
    /// Rows the reaper took out of `active_interview_sessions`.
    pub active_rows_reaped: AtomicU64,
    /// Times the lease of this process could not be written.
    pub lease_failures: AtomicU64,
    /// Times the write connection was opened again.
    pub reopened: AtomicU64,
    /// Sessions found ended by another program.
    pub ended_elsewhere: AtomicU64,
    /// Checkpoints run.
    pub checkpoints: AtomicU64,
    /// Bytes of saves waiting.
    pub queued_bytes: AtomicU64,
    /// The last write failed because the database was away.
    pub away: AtomicBool,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            commits: AtomicU64::new(0),
            batch_sizes: Histogram::new(BATCH_BOUNDS),
            save_latency_us: Histogram::new(LATENCY_BOUNDS_US),
            start_latency_us: Histogram::new(LATENCY_BOUNDS_US),
            reap_us: Histogram::new(LATENCY_BOUNDS_US),
            reap_waited_us: AtomicU64::new(0),
            saves_temporary: AtomicU64::new(0),
            saves_rejected: AtomicU64::new(0),
            saves_fenced: AtomicU64::new(0),
            saves_replaced: AtomicU64::new(0),
            active_table_missing: AtomicU64::new(0),
            active_rows_reaped: AtomicU64::new(0),
            lease_failures: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
            ended_elsewhere: AtomicU64::new(0),
            checkpoints: AtomicU64::new(0),
            queued_bytes: AtomicU64::new(0),
            away: AtomicBool::new(false),
        }
    }
}

impl Metrics {
    /// Counts one more.
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what a save waited, in the right histograms.
    pub(crate) fn saved(&self, waited: Duration, start: bool) {
        let us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.save_latency_us.record(us);
        if start {
            self.start_latency_us.record(us);
        }
    }
}
