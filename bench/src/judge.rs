//! Verdicts: a figure beside its limit, and whether the whole run holds. The
//! only place that decides pass or fail; measuring happens elsewhere.

use crate::limits::Method;
use crate::stats::median_interval;
use std::fmt;

/// One figure beside its limit.
#[derive(Debug, Clone)]
struct Row {
    name: String,
    value: String,
    limit: String,
    holds: bool,
}

/// A benchmark's result: rows, and everything that makes it worthless.
#[derive(Debug, Clone)]
pub struct Sheet {
    title: String,
    method: Method,
    quick: bool,
    rows: Vec<Row>,
    faults: Vec<String>,
}

impl Sheet {
    /// An empty sheet. `quick` marks a smoke run: too few rounds are allowed
    /// and the print says that it is no result.
    #[must_use]
    pub fn new(title: &str, method: Method, quick: bool) -> Sheet {
        Sheet {
            title: title.to_owned(),
            method,
            quick,
            rows: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Judges paired ratios: missed only if the lower end of the median's
    /// interval is over the limit. Too few rounds are a fault.
    pub fn ratio(&mut self, name: &str, pairs: &[f64], limit: f64) {
        if pairs.len() < self.method.rounds && !self.quick {
            let (got, need) = (pairs.len(), self.method.rounds);
            self.fault(format!("{name}: {got} rounds, {need} are needed"));
        }
        if pairs.iter().any(|r| !r.is_finite() || *r <= 0.0) {
            self.fault(format!("{name}: a round has no ratio"));
            return;
        }
        let Some(estimate) = median_interval(pairs, self.method.confidence) else {
            self.fault(format!("{name}: nothing was measured"));
            return;
        };
        self.rows.push(Row {
            name: name.to_owned(),
            value: format!(
                "{:.2}x [{:.2}, {:.2}]",
                estimate.median, estimate.low, estimate.high
            ),
            limit: format!("<= {limit:.2}x"),
            holds: estimate.low <= limit,
        });
    }

    /// Judges paired ratios against a lower limit: missed only if the upper end of the median's
    /// interval is under it. Too few rounds are a fault.
    pub fn ratio_at_least(&mut self, name: &str, pairs: &[f64], limit: f64) {
        let before = self.rows.len();
        self.ratio(name, pairs, limit);
        let Some(estimate) = median_interval(pairs, self.method.confidence) else {
            return;
        };
        if let [.., row] = &mut self.rows[before..] {
            row.limit = format!(">= {limit:.2}x");
            row.holds = estimate.high >= limit;
        }
    }

    /// Judges one number against its upper limit, both in `unit`.
    pub fn at_most(&mut self, name: &str, value: f64, limit: f64, unit: &str) {
        // Infinity is a value far over the limit; not a number is none at all.
        if value.is_nan() {
            self.fault(format!("{name}: nothing was measured"));
            return;
        }
        self.rows.push(Row {
            name: name.to_owned(),
            value: format!("{value:.2} {unit}"),
            limit: format!("<= {limit:.2} {unit}"),
            holds: value <= limit,
        });
    }

    /// Judges a count that must be exactly so.
    pub fn exactly(&mut self, name: &str, value: u64, want: u64) {
        self.rows.push(Row {
            name: name.to_owned(),
            value: value.to_string(),
            limit: format!("= {want}"),
            holds: value == want,
        });
    }

    /// A figure without a limit, for the reader.
    pub fn note(&mut self, name: &str, value: String) {
        self.rows.push(Row {
            name: name.to_owned(),
            value,
            limit: String::new(),
            holds: true,
        });
    }

    /// Something that makes the run worthless whatever its figures.
    pub fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    /// Whether everything holds and nothing was wrong.
    #[must_use]
    pub fn holds(&self) -> bool {
        let judged = self.rows.iter().any(|row| !row.limit.is_empty());
        judged && self.faults.is_empty() && self.rows.iter().all(|row| row.holds)
    }

    /// What failed, in a line each.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let missed = self.rows.iter().filter(|row| !row.holds);
        let missed = missed.map(|row| format!("{}: {} (limit {})", row.name, row.value, row.limit));
        self.faults.iter().cloned().chain(missed).collect()
    }
}

impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        for row in &self.rows {
            let verdict = match (row.limit.is_empty(), row.holds) {
                (true, _) => "",
                (false, true) => "holds",
                (false, false) => "MISSED",
            };
            writeln!(
                f,
                "  {:<44} {:>26}  {:<16} {verdict}",
                row.name, row.value, row.limit
            )?;
        }
        for fault in &self.faults {
            writeln!(f, "  WRONG: {fault}")?;
        }
        if self.quick {
            writeln!(f, "  (quick run: a smoke test, not a result)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHOD: Method = Method {
        rounds: 7,
        confidence: 0.95,
    };

    fn sheet() -> Sheet {
        Sheet::new("test", METHOD, false)
    }

    #[test]
    fn a_ratio_is_missed_only_when_its_whole_interval_is_over() {
        let mut straddling = sheet();
        straddling.ratio("cpu", &[1.3, 1.4, 1.45, 1.55, 1.6, 1.6, 1.7], 1.5);
        assert!(straddling.holds(), "{straddling}");
        let mut over = sheet();
        over.ratio("cpu", &[1.7, 1.6, 1.65, 1.8, 1.7, 1.75, 1.7], 1.5);
        assert!(!over.holds());
        assert!(over.failures()[0].starts_with("cpu:"));
    }

    #[test]
    fn a_least_ratio_is_missed_only_when_its_whole_interval_is_under() {
        let mut straddling = sheet();
        straddling.ratio_at_least("cheaper", &[3.8, 3.9, 4.1, 3.9, 3.8, 4.2, 4.1], 4.0);
        assert!(straddling.holds(), "{straddling}");
        let mut under = sheet();
        under.ratio_at_least("cheaper", &[3.8, 3.7, 3.9, 3.6, 3.8, 3.7, 3.8], 4.0);
        assert!(!under.holds());
        let mut few = sheet();
        few.ratio_at_least("cheaper", &[9.0; 6], 4.0);
        assert!(!few.holds());
    }

    #[test]
    fn six_rounds_are_too_few_but_for_a_quick_run() {
        let mut few = sheet();
        few.ratio("cpu", &[1.0; 6], 1.5);
        assert!(!few.holds());
        let mut quick = Sheet::new("test", METHOD, true);
        quick.ratio("cpu", &[1.0; 1], 1.5);
        assert!(quick.holds());
        assert!(quick.to_string().contains("not a result"));
    }

    #[test]
    fn a_round_without_a_ratio_is_a_fault() {
        let mut broken = sheet();
        broken.ratio("cpu", &[1.0, 1.0, f64::NAN, 1.0, 1.0, 1.0, 1.0], 1.5);
        assert!(!broken.holds());
        let mut empty = Sheet::new("test", METHOD, true);
        empty.ratio("cpu", &[], 1.5);
        assert!(!empty.holds());
    }

    #[test]
    fn a_sheet_that_judged_nothing_does_not_hold() {
        let mut notes = sheet();
        notes.note("load", "1.0".to_owned());
        assert!(!notes.holds());
    }

    #[test]
    fn one_number_over_its_limit_is_missed_and_at_it_is_not() {
        let mut at = sheet();
        at.at_most("memory", 3.0, 3.0, "KiB");
        assert!(at.holds());
        at.at_most("memory", 3.01, 3.0, "KiB");
        assert!(!at.holds());
        let mut none = sheet();
        none.at_most("memory", f64::NAN, 3.0, "KiB");
        assert!(!none.holds());
    }

    #[test]
    fn a_wrong_count_fails() {
        let mut count = sheet();
        count.exactly("lost", 1, 0);
        assert!(!count.holds());
    }
}
