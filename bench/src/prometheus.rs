//! Reading one histogram out of Prometheus' text format, and what happened
//! between two readings of it.

use std::collections::BTreeMap;

/// Cumulative counts by upper bound, summed over all label sets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets {
    /// Upper bound in nano-units (so that it orders) to cumulative count; the
    /// last is `u64::MAX` for `+Inf`.
    counts: BTreeMap<u64, u64>,
}

const NANO: f64 = 1e9;

impl Buckets {
    /// The histogram `name` in `text`; `None` if it is not there or broken.
    #[must_use]
    pub fn parse(text: &str, name: &str) -> Option<Buckets> {
        let mut counts = BTreeMap::new();
        for line in text.lines() {
            let rest = line
                .strip_prefix(name)
                .and_then(|r| r.strip_prefix("_bucket{"));
            let Some(rest) = rest else { continue };
            let (labels, value) = rest.split_once('}')?;
            let bound = labels
                .split(',')
                .find_map(|l| l.trim().strip_prefix("le=\""))?;
            let bound = match bound.trim_end_matches('"') {
                "+Inf" => u64::MAX,
                number => (number.parse::<f64>().ok()? * NANO).round() as u64,
            };
            let value: f64 = value.split_whitespace().next()?.parse().ok()?;
            *counts.entry(bound).or_insert(0) += value as u64;
        }
        counts.contains_key(&u64::MAX).then_some(Buckets { counts })
    }

    /// What was counted since `earlier`, a reading of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Buckets) -> Buckets {
        let counts = self.counts.iter().map(|(bound, now)| {
            let before = earlier.counts.get(bound).copied().unwrap_or(0);
            (*bound, now.saturating_sub(before))
        });
        Buckets {
            counts: counts.collect(),
        }
    }

    /// Observations in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.get(&u64::MAX).copied().unwrap_or(0)
    }

    /// Upper bound of the bucket that holds the quantile `q` (0 to 1), in the
    /// histogram's unit: never less than the true value. Infinite if that is
    /// the last bucket, NaN if nothing was counted.
    #[must_use]
    pub fn quantile(&self, q: f64) -> f64 {
        if self.count() == 0 {
            return f64::NAN;
        }
        let rank = (self.count() as f64 * q).ceil() as u64;
        let holds = self.counts.iter().find(|(_, count)| **count >= rank);
        match holds {
            Some((bound, _)) if *bound != u64::MAX => *bound as f64 / NANO,
            _ => f64::INFINITY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE a_seconds histogram\n\
        a_seconds_bucket{le=\"0.001\"} 900\n\
        a_seconds_bucket{le=\"0.005\"} 990\n\
        a_seconds_bucket{le=\"+Inf\"} 1000\n\
        a_seconds_sum 1.5\na_seconds_count 1000\n\
        a_seconds_other_bucket{le=\"0.001\"} 7\n";

    #[test]
    fn a_quantile_is_the_upper_bound_of_its_bucket() {
        let buckets = Buckets::parse(TEXT, "a_seconds").unwrap();
        assert_eq!(buckets.count(), 1000);
        assert_eq!(buckets.quantile(0.5), 0.001);
        assert_eq!(buckets.quantile(0.99), 0.005);
        assert!(buckets.quantile(0.999).is_infinite());
    }

    #[test]
    fn two_readings_give_what_happened_between() {
        let early = Buckets::parse(TEXT, "a_seconds").unwrap();
        let late = TEXT
            .replace(" 900\n", " 901\n")
            .replace(" 990\n", " 1000\n");
        let late = Buckets::parse(
            &late.replace("} 1000\na_seconds_sum", "} 1010\na_seconds_sum"),
            "a_seconds",
        );
        let between = late.unwrap().since(&early);
        assert_eq!(between.count(), 10);
        assert_eq!(between.quantile(0.99), 0.005);
        assert!(early.since(&early).quantile(0.99).is_nan());
    }

    #[test]
    fn an_absent_or_unfinished_histogram_is_none() {
        assert_eq!(Buckets::parse(TEXT, "b_seconds"), None);
        assert_eq!(Buckets::parse("a_bucket{le=\"1\"} 3\n", "a"), None);
    }
}
