//! Clocks that warn before they run out (L5). Points in monotonic time; who arms them and what
//! their end means is decided elsewhere.

use protocol::time::Mono;

/// A deadline with warnings 60 s and 10 s before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Countdown {
    deadline: Mono,
    /// Warnings that are behind us or make no sense: 0, 1 or 2.
    warned: u8,
}

/// What a countdown says when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fired {
    Nothing,
    Warn,
    Due,
}

const WARN_MS: [u64; 2] = [60_000, 10_000];

impl Countdown {
    /// Runs out `ms` after `now`. A warning that would come in the first tenth is left out.
    pub(crate) fn start(now: Mono, ms: u64) -> Self {
        let warned = WARN_MS.iter().filter(|&&w| ms < w + w / 10).count();
        Self {
            deadline: now.after(ms),
            warned: u8::try_from(warned).unwrap_or(2),
        }
    }

    /// Runs out at `deadline`, which was set before: warnings whose time is over were given.
    pub(crate) fn until(now: Mono, deadline: Mono) -> Self {
        let left = deadline.since(now);
        let warned = WARN_MS.iter().filter(|&&w| left <= w).count();
        Self {
            deadline,
            warned: u8::try_from(warned).unwrap_or(2),
        }
    }

    pub(crate) fn deadline(&self) -> Mono {
        self.deadline
    }

    /// When to ask again.
    pub(crate) fn next(&self) -> Mono {
        match WARN_MS.get(usize::from(self.warned)) {
            Some(before) => Mono(self.deadline.0.saturating_sub(*before)),
            None => self.deadline,
        }
    }

    /// What is due at `now`. A warning is given once, also when both are late.
    pub(crate) fn fire(&mut self, now: Mono) -> Fired {
        if now >= self.deadline {
            return Fired::Due;
        }
        if now < self.next() {
            return Fired::Nothing;
        }
        while now >= self.next() && usize::from(self.warned) < WARN_MS.len() {
            self.warned += 1;
        }
        Fired::Warn
    }
}

/// The earlier of two points, where there are any.
pub(crate) fn soonest(a: Option<Mono>, b: Option<Mono>) -> Option<Mono> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, None) => a,
        (None, b) => b,
    }
}
