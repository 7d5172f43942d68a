//! How long a thread, the writer's above all, was busy with something, and how much of that it only
//! stood in line for a processor that others had. No SQL here.

use std::time::{Duration, Instant};

/// Begun and shown on the thread that is measured.
pub struct Stopwatch {
    begun: Instant,
    waited: Duration,
}

/// What it shows, microseconds.
pub struct Shown {
    /// From the beginning.
    pub us: u64,
    /// Of that, in line for a processor; 0 where the system does not say.
    pub waited_us: u64,
}

impl Stopwatch {
    /// Begins.
    #[must_use]
    pub fn start() -> Self {
        Self {
            waited: in_line(),
            begun: Instant::now(),
        }
    }

    /// How long it has been since.
    #[must_use]
    pub fn show(&self) -> Shown {
        let took = self.begun.elapsed();
        let waited = in_line().saturating_sub(self.waited).min(took);
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Shown {
            us: us(took),
            waited_us: us(waited),
        }
    }
}

/// How long this thread has been ready to run and did not. Linux: the second number.
fn in_line() -> Duration {
    let read = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = read.split_whitespace().nth(1);
    Duration::from_nanos(nanos.and_then(|n| n.parse().ok()).unwrap_or(0))
}
