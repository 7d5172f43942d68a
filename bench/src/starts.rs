//! Starts of interviews through the door. The judged figure is the store's
//! work as the server measures it; the client's own time is printed apart.

use crate::fleet::{Fleet, Shape};
use crate::judge::Sheet;
use crate::limits::Starts;
use crate::prometheus::Buckets;
use crate::stats::Histogram;
use crate::target::{Program, Target};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// The server's histogram of the store work of a start, in seconds.
const HISTOGRAM: &str = "greenroom_start_store_seconds";
/// Starts a second: one node at the start of a busy hour, not a flood.
const RATE: u32 = 100;
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What the starts came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The server's histogram over exactly these starts.
    pub store: Buckets,
    /// From the request to its `ok`, ns.
    pub client: Histogram,
    /// Starts that got another answer than `ok`, with the first such answer.
    pub refused: Option<(u32, String)>,
}

/// Makes `starts` candidates, each in a session of its own, and starts each.
///
/// # Errors
/// When the server does not start, an answer does not come, or the histogram
/// is not to be had.
pub fn measure(server: &Program, starts: u32, core: usize) -> Result<Outcome> {
    let target = Target::start(server, core)?;
    let shape = Shape {
        rooms: starts,
        members: 1,
    };
    let mut fleet = Fleet::open(target.address, target.dialect.clone(), shape)?;
    let before = read(&target)?.unwrap_or_default();
    let mut client = Histogram::default();
    let mut refused: Option<(u32, String)> = None;
    let begin = Instant::now();
    for room in 0..starts {
        let due = begin + Duration::from_secs(1) * room / RATE;
        fleet.rest(due.saturating_duration_since(Instant::now()))?;
        let sent = Instant::now();
        let reply = fleet.ask(room, 0, START, ANSWER_LIMIT)?;
        client.record(sent.elapsed().as_nanos() as u64);
        if !reply.is_ok() {
            let first = refused.unwrap_or_else(|| (0, reply.body.to_string()));
            refused = Some((first.0 + 1, first.1));
        }
    }
    let store = read(&target)?.with_context(|| format!("/metrics has no {HISTOGRAM}"))?;
    Ok(Outcome {
        store: store.since(&before),
        client,
        refused,
    })
}

/// One question is enough: its row and its deadline belong to a start.
const START: &str = r#"{"type":"interview:start","ref":"start","questions":[{"text":"What did you build last?","limitSeconds":60}]}"#;

fn read(target: &Target) -> Result<Option<Buckets>> {
    Ok(Buckets::parse(&target.get("/metrics")?, HISTOGRAM))
}

/// Puts the figures on the sheet.
pub fn judge(sheet: &mut Sheet, limits: Starts, starts: u32, outcome: &Outcome) {
    if let Some((count, first)) = &outcome.refused {
        sheet.fault(format!(
            "{count} starts were refused, the first with {first}"
        ));
    }
    sheet.exactly(
        "starts: store work measured",
        outcome.store.count(),
        u64::from(starts),
    );
    let millis = outcome.store.quantile(0.99) * 1000.0;
    sheet.at_most("starts: store work p99", millis, limits.store_p99_ms, "ms");
    let client = |q: f64| outcome.client.quantile(q).unwrap_or(0) as f64 / 1e6;
    sheet.note(
        "starts: request to ok at the client, p50 / p99",
        format!("{:.2} / {:.2} ms", client(0.5), client(0.99)),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn outcome(under: u64, all: u64) -> Outcome {
        let text = format!(
            "{HISTOGRAM}_bucket{{le=\"0.005\"}} {under}\n{HISTOGRAM}_bucket{{le=\"+Inf\"}} {all}\n"
        );
        let mut client = Histogram::default();
        client.record(1_000_000);
        Outcome {
            store: Buckets::parse(&text, HISTOGRAM).unwrap(),
            client,
            refused: None,
        }
    }

    fn holds(outcome: &Outcome) -> bool {
        let limits = Limits::load().unwrap();
        let mut sheet = Sheet::new("starts", limits.method, false);
        judge(&mut sheet, limits.starts, 1000, outcome);
        sheet.holds()
    }

    #[test]
    fn one_start_in_a_hundred_may_be_slow_and_no_more() {
        assert!(holds(&outcome(990, 1000)));
        assert!(!holds(&outcome(989, 1000)));
    }

    #[test]
    fn a_missing_start_and_a_refused_one_fail() {
        assert!(!holds(&outcome(999, 999)));
        let mut refused = outcome(1000, 1000);
        refused.refused = Some((1, "busy".to_owned()));
        assert!(!holds(&refused));
    }

    #[test]
    fn the_start_request_is_json() {
        let value: serde_json::Value = serde_json::from_str(START).unwrap();
        assert_eq!(value["ref"], "start");
    }
}
