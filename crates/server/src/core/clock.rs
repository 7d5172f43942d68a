//! The one place that reads clocks. Everything else is told the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use protocol::time::{Mono, Now, Wall};

/// The process's clocks. Its monotonic time starts at [`Clock::START`], so that 0 can mean "never".
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// Where monotonic time begins, milliseconds.
    pub const START: u64 = 1_000;

    /// Starts counting.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// Monotonic milliseconds.
    pub fn mono(&self) -> Mono {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Mono(ms.saturating_add(Self::START))
    }

    /// Wall milliseconds; 0 if the machine's clock stands before 1970.
    pub fn wall(&self) -> Wall {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Both, read one after the other.
    pub fn now(&self) -> Now {
        Now {
            mono: self.mono(),
            wall: self.wall(),
        }
    }

    /// The tokio instant of a monotonic time, for the few waits that sleep.
    pub fn instant(&self, at: Mono) -> tokio::time::Instant {
        let since = Duration::from_millis(at.0.saturating_sub(Self::START));
        tokio::time::Instant::from_std(self.started + since)
    }
}

impl Clock {
    /// Monotonic microseconds, for measuring how long something took.
    pub fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// The wall clock, for what happens before or beside a running server: tokens, HTTP.
pub fn wall_now() -> Wall {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
