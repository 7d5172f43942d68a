//! Arithmetic on measurements: medians, an interval for a median, and a
//! histogram for latencies. No clock and no judgment.

/// Sub-buckets of each power of two: a value is known to 1/64.
const SUB_BITS: u32 = 6;
const SUB: u64 = 1 << SUB_BITS;

/// Log-linear histogram of nanoseconds; 1.6 % resolution, no allocation after
/// it was made.
#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        let buckets = ((64 - SUB_BITS + 1) as usize) << SUB_BITS;
        Histogram {
            buckets: vec![0; buckets],
            count: 0,
            max: 0,
        }
    }
}

fn bucket_of(value: u64) -> usize {
    if value < SUB {
        return value as usize;
    }
    let exponent = 63 - value.leading_zeros();
    let shift = exponent - SUB_BITS;
    let within = (value >> shift) & (SUB - 1);
    ((u64::from(shift + 1) << SUB_BITS) + within) as usize
}

/// Highest value that falls into a bucket.
fn top_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < SUB {
        return bucket;
    }
    let shift = (bucket >> SUB_BITS) - 1;
    let within = bucket & (SUB - 1);
    (((SUB + within + 1) as u128) << shift).min(u128::from(u64::MAX)) as u64 - 1
}

impl Histogram {
    /// Counts one value, in nanoseconds.
    pub fn record(&mut self, nanos: u64) {
        self.buckets[bucket_of(nanos)] += 1;
        self.count += 1;
        self.max = self.max.max(nanos);
    }

    /// How many values were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Largest value, exact.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Value that a share `q` (0 to 1) of all values does not exceed, rounded
    /// up to its bucket; `None` when nothing was counted.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let rank = ((self.count as f64 * q).ceil() as u64).clamp(1, self.count);
        let mut seen = 0;
        for (bucket, n) in self.buckets.iter().enumerate() {
            seen += n;
            if seen >= rank {
                return Some(top_of(bucket).min(self.max));
            }
        }
        Some(self.max)
    }
}

/// Middle of a list; `None` for an empty one.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.is_empty() {
        None
    } else if sorted.len() % 2 == 1 {
        Some(sorted[middle])
    } else {
        Some(f64::midpoint(sorted[middle - 1], sorted[middle]))
    }
}

/// A median with the interval it is known to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Middle of the measured values.
    pub median: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

const RESAMPLES: usize = 10_000;

/// Bootstrap interval of the median (percentile method, fixed seed, so that
/// the same values always give the same interval); `None` for an empty list.
#[must_use]
pub fn median_interval(values: &[f64], confidence: f64) -> Option<Estimate> {
    let center = median(values)?;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut sample = vec![0.0; values.len()];
    let mut medians = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        for slot in &mut sample {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            *slot = values[(random % values.len() as u64) as usize];
        }
        medians.extend(median(&sample));
    }
    medians.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    let at = |q: f64| medians[((RESAMPLES - 1) as f64 * q).round() as usize];
    Some(Estimate {
        median: center,
        low: at(tail),
        high: at(1.0 - tail),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_under_the_top_of_its_bucket_and_close_to_it() {
        for value in (0..63).flat_map(|e| [1u64 << e, (1 << e) + 1, (3 << e) >> 1]) {
            let top = top_of(bucket_of(value));
            assert!(top >= value, "{value} above its bucket's top {top}");
            assert!(top - value <= value / SUB + 1, "{value} far below {top}");
        }
        assert_eq!(top_of(bucket_of(u64::MAX)), u64::MAX - 1);
    }

    #[test]
    fn quantiles_are_known_to_a_sixtieth() {
        let mut histogram = Histogram::default();
        for micros in 1..=1000 {
            histogram.record(micros * 1000);
        }
        let close = |got: Option<u64>, want: f64| {
            let got = got.unwrap() as f64;
            assert!((got / want - 1.0).abs() < 0.017, "{got} is not {want}");
        };
        close(histogram.quantile(0.5), 500_000.0);
        close(histogram.quantile(0.99), 990_000.0);
        assert_eq!(histogram.quantile(1.0), Some(1_000_000));
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn the_median_of_an_even_list_is_between_its_middles() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn one_wild_round_of_seven_does_not_reach_the_lower_end() {
        let calm = [1.30, 1.28, 1.31, 1.29, 1.33, 1.30, 9.0];
        let estimate = median_interval(&calm, 0.95).unwrap();
        assert!(estimate.low >= 1.28 && estimate.low <= 1.30);
        assert!(estimate.high < 2.0, "{estimate:?}");
        assert_eq!(estimate.median, 1.30);
    }

    #[test]
    fn the_same_values_always_give_the_same_interval() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        assert_eq!(
            median_interval(&values, 0.95),
            median_interval(&values, 0.95)
        );
        assert_eq!(median_interval(&[], 0.95), None);
    }
}
