//! What a second core is worth: the closed loop to ten receivers on one socket
//! thread with a core of its own, and on two threads that have both cores.
//!
//! The generator needs a core as well, so on a machine with two the second
//! server shares with it and its deliveries a second say little. What counts
//! is CPU: if a delivery costs `c1` on one thread and `c2` on two, two cores
//! of its own make `2 * c1 / c2` times the deliveries. That accounts for the
//! generator; it leaves out waiting for each other's locks, which the rate and
//! the latencies, printed beside, would show.

use crate::judge::Sheet;
use crate::limits::Limits;
use crate::relay::{self, Outcome, Scenario};
use crate::stats::median;

/// The closed loop to ten receivers, one message under way.
#[must_use]
pub fn scenario(limits: &Limits) -> Scenario {
    relay::scenarios(limits)[3]
}

/// Judges pairs of two threads over one.
pub fn judge(sheet: &mut Sheet, limits: &Limits, outcome: &Outcome) {
    for fault in &outcome.faults {
        sheet.fault(format!("scale: {fault}"));
    }
    let pairs = &outcome.pairs;
    let worth: Vec<f64> = pairs
        .iter()
        .map(|p| 2.0 * p.base.cpu_per_delivery() / p.judged.cpu_per_delivery())
        .collect();
    sheet.ratio_at_least(
        "scale: deliveries of two cores over one, by CPU",
        &worth,
        limits.scale.two_cores,
    );
    let rate =
        |round: &relay::Round| round.tally.deliveries as f64 / round.tally.wall.as_secs_f64();
    let middle = |of: &dyn Fn(&relay::Pair) -> f64| {
        median(&pairs.iter().map(of).collect::<Vec<_>>()).unwrap_or(f64::NAN)
    };
    sheet.note(
        "scale: deliveries/s, two threads / one",
        format!(
            "{:.0} / {:.0}",
            middle(&|p| rate(&p.judged)),
            middle(&|p| rate(&p.base))
        ),
    );
    sheet.note(
        "scale: p99 us, two threads / one",
        format!(
            "{:.0} / {:.0}",
            middle(&|p| p.judged.quantile_micros(0.99)),
            middle(&|p| p.base.quantile_micros(0.99))
        ),
    );
}
