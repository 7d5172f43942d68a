//! A token bucket in 16 bytes, without a clock and without floating point. One per connection and
//! kind of traffic; whose traffic it is and what a refusal means is the caller's business.
//!
//! It keeps one point in time instead of a level (the "virtual scheduling" form): the moment at
//! which everything let through so far would be paid off at the bucket's rate. Costs are rounded up
//! and the allowance down, so that over any time `t` never more than `burst + rate × t` passes.

use crate::time::Mono;

const NS_PER_MS: u64 = 1_000_000;
const NS_PER_S: u64 = 1_000_000_000;

/// So much a second in the long run, and so much at once after a quiet time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    per_second: u32,
    burst: u32,
    /// When the bucket is full again, nanoseconds of the monotonic clock.
    full_at: u64,
}

impl Bucket {
    /// A full bucket. A rate of 0 is taken as 1.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: per_second.max(1),
            burst,
            full_at: 0,
        }
    }

    /// Takes `n` out, or nothing at all.
    ///
    /// # Errors
    /// Milliseconds after which the same `n` would pass, if nothing is taken meanwhile. More than
    /// the burst never passes; the answer is then the time to a full bucket, at least 1.
    pub fn take(&mut self, now: Mono, n: u32) -> Result<(), u64> {
        let now = now.0.saturating_mul(NS_PER_MS);
        let start = self.full_at.max(now);
        let after = start.saturating_add(self.cost(n).div_ceil(u64::from(self.per_second)));
        let allowed = now.saturating_add(self.cost(self.burst) / u64::from(self.per_second));
        // A full bucket gives all it has, though rounding would miss that by a nanosecond.
        if n <= self.burst && (start == now || after <= allowed) {
            self.full_at = after;
            return Ok(());
        }
        let wait = if n <= self.burst {
            after - allowed
        } else {
            start - now
        };
        Err(wait.div_ceil(NS_PER_MS).max(1))
    }

    /// In nanoseconds at one a second; fits, since 2³² × 10⁹ < 2⁶⁴.
    fn cost(self, n: u32) -> u64 {
        u64::from(n) * NS_PER_S
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bucket_is_sixteen_bytes() {
        assert_eq!(size_of::<Bucket>(), 16);
    }

    #[test]
    fn the_burst_passes_at_once_and_the_next_one_is_told_when() {
        let mut bucket = Bucket::new(50, 100);
        for _ in 0..100 {
            assert_eq!(bucket.take(Mono(7), 1), Ok(()));
        }
        assert_eq!(bucket.take(Mono(7), 1), Err(20));
        assert_eq!(bucket.take(Mono(26), 1), Err(1));
        assert_eq!(bucket.take(Mono(27), 1), Ok(()));
        assert_eq!(bucket.take(Mono(27), 1), Err(20));
    }

    #[test]
    fn a_full_second_of_quiet_gives_a_full_second_back() {
        let mut bucket = Bucket::new(10, 10);
        assert_eq!(bucket.take(Mono(0), 10), Ok(()));
        assert_eq!(bucket.take(Mono(1_000), 10), Ok(()));
        assert_eq!(bucket.take(Mono(1_000), 1), Err(100));
    }

    #[test]
    fn a_full_bucket_gives_its_whole_burst_whatever_the_rate() {
        for rate in 1..200 {
            let mut bucket = Bucket::new(rate, 36_723);
            assert_eq!(bucket.take(Mono(5), 36_723), Ok(()));
            assert!(bucket.take(Mono(5), 1).is_err());
        }
    }

    #[test]
    fn more_than_the_burst_never_passes() {
        let mut bucket = Bucket::new(10, 10);
        assert!(bucket.take(Mono(1_000_000), 11).is_err());
        assert_eq!(bucket.take(Mono(1_000_000), 10), Ok(()));
    }

    #[test]
    fn the_largest_figures_do_not_overflow() {
        let mut bucket = Bucket::new(u32::MAX, u32::MAX);
        assert_eq!(bucket.take(Mono(u64::MAX), u32::MAX), Ok(()));
        let mut slow = Bucket::new(0, u32::MAX);
        assert_eq!(slow.take(Mono(0), u32::MAX), Ok(()));
        assert!(slow.take(Mono(0), u32::MAX).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Over every stretch of time, not only from the start.
        #[test]
        fn never_more_than_burst_plus_rate_times_time(
            rate in 1_u32..300_000,
            burst in 1_u32..600_000,
            steps in prop::collection::vec((0_u64..400, 1_u32..40_000), 1..120),
        ) {
            let mut bucket = Bucket::new(rate, burst);
            let mut now = Mono(1_000);
            let mut passed: Vec<(u64, u64)> = Vec::new();
            for (wait, n) in steps {
                now = now.after(wait);
                match bucket.take(now, n) {
                    Ok(()) => passed.push((now.0, u64::from(n))),
                    Err(retry) => {
                        let mut later = bucket;
                        prop_assert!(n > burst || later.take(now.after(retry), n).is_ok());
                        prop_assert!(retry > 0);
                    }
                }
            }
            for first in 0..passed.len() {
                let mut sum = 0;
                for (at, n) in &passed[first..] {
                    sum += n;
                    let span_ms = at - passed[first].0;
                    let most = u64::from(burst) * 1_000 + u64::from(rate) * span_ms;
                    prop_assert!(sum * 1_000 <= most, "{sum} in {span_ms} ms");
                }
            }
        }
    }
}
