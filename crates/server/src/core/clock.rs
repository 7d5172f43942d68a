//! The one place that reads clocks. Everything else is told the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use protocol::time::{Mono, Now, Wall};

/// The process's clocks. Its monotonic time is the machine's, so that another process on it can go
/// on with deadlines as they were written; it begins far from 0, which can mean "never", and from
/// where times before the machine's own start have room.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    /// Monotonic milliseconds at `started`.
    at_start: u64,
}

impl Clock {
    /// Where monotonic time begins when the machine starts, milliseconds: more than 30 years.
    pub const START: u64 = 1 << 40;

    /// Starts counting.
    pub fn start() -> Self {
        let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let ms = since_boot.tv_sec.saturating_mul(1_000) + since_boot.tv_nsec / 1_000_000;
        Self {
            started: Instant::now(),
            at_start: Self::START + u64::try_from(ms).unwrap_or(0),
        }
    }

    /// Names the monotonic clock: the machine's run. Empty where the system does not tell, then
    /// nobody else's times can be compared.
    pub fn name() -> String {
        let name = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        name.map_or(String::new(), |name| name.trim().to_owned())
    }

    /// Monotonic milliseconds.
    pub fn mono(&self) -> Mono {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Mono(ms.saturating_add(self.at_start))
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
        let since = Duration::from_millis(at.0.saturating_sub(self.at_start));
        tokio::time::Instant::from_std(self.started + since)
    }

    /// Microseconds since the process started, for measuring how long something took.
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
