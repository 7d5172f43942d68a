//! Time as two integers, read once per input by the shell. Nothing here reads a clock.

use serde::{Deserialize, Serialize};

/// Milliseconds of the process's monotonic clock: for deadlines. Never goes back, means nothing
/// outside this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mono(pub u64);

/// Milliseconds since 1970-01-01 UTC: to stamp records and to tell people. May jump.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Wall(pub i64);

/// Both clocks, read at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For deadlines.
    pub mono: Mono,
    /// For stamps.
    pub wall: Wall,
}

impl Mono {
    /// The point `ms` milliseconds later.
    #[must_use]
    pub fn after(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since `earlier`, 0 if that lies ahead.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Wall {
    /// The point `ms` milliseconds later.
    #[must_use]
    pub fn after(self, ms: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }
}

impl Now {
    /// What the wall clock will show at a monotonic deadline, if nobody sets it meanwhile.
    pub fn wall_at(self, deadline: Mono) -> Wall {
        let ahead = i64::try_from(deadline.0).unwrap_or(i64::MAX)
            - i64::try_from(self.mono.0).unwrap_or(i64::MAX);
        Wall(self.wall.0.saturating_add(ahead))
    }
}
