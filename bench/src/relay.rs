//! The relay benchmark: server and floor under the same load, in alternating
//! rounds, judged by the ratio of each pair.

use crate::fleet::{Dialect, Fleet, Load, SPEAKER, Shape, Tally};
use crate::judge::Sheet;
use crate::limits::{Limits, Ratios};
use crate::stats::median;
use crate::sys::{self, Cores, CpuTime};
use crate::target::{Program, Target};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::time::Duration;

/// What one connection may send, by the server's defaults. A benchmark stays
/// under both, since only the limit by address may be raised.
const AUDIO_BYTES_PER_SECOND: u64 = 256 * 1024;
const EVENTS_PER_SECOND: u64 = 50;

/// One shape of load with its limits.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// As it is printed.
    pub name: &'static str,
    /// Rooms and their members.
    pub shape: Shape,
    /// When rooms speak.
    pub load: Load,
    /// What it must hold.
    pub limits: Ratios,
}

/// Most messages a second one room sends: under both limits of its speaker.
const CLOSED_RATE: u32 = 48;

/// The four scenarios. A speaker may send no more than its limits allow, so
/// the closed loops take many rooms to fill a core.
#[must_use]
pub fn scenarios(limits: &Limits) -> [Scenario; 4] {
    let relay = &limits.relay;
    let paced = Load {
        window: 1,
        gap: Duration::from_millis(100),
        closed: false,
        length: Duration::from_secs(4),
    };
    let closed = |window: u32| Load {
        window,
        gap: Duration::from_secs(1) * window / CLOSED_RATE,
        closed: true,
        length: Duration::from_secs(3),
    };
    let shape = |rooms: u32, receivers: u32| Shape {
        rooms,
        members: receivers + 1,
    };
    [
        Scenario {
            name: "paced 1->1",
            shape: shape(200, 1),
            load: paced,
            limits: relay.paced_1_to_1,
        },
        Scenario {
            name: "closed 1->1",
            shape: shape(3000, 1),
            load: closed(1),
            limits: relay.closed_1_to_1,
        },
        Scenario {
            name: "closed 1->10",
            shape: shape(600, 10),
            load: closed(1),
            limits: relay.closed_1_to_10,
        },
        Scenario {
            name: "closed 1->10, 8 under way",
            shape: shape(880, 10),
            load: closed(8),
            limits: relay.closed_1_to_10_by_8,
        },
    ]
}

impl Scenario {
    /// The same, small enough for a smoke run.
    #[must_use]
    pub fn quick(mut self) -> Scenario {
        self.shape.rooms = (self.shape.rooms / 10).max(20);
        self.load.length = Duration::from_millis(600);
        self
    }

    /// The shape in words, with the arithmetic of the limits it stays under.
    #[must_use]
    pub fn describe(&self, message_bytes: usize) -> String {
        let rate = f64::from(self.load.window) / self.load.gap.as_secs_f64();
        let kind = if self.load.closed {
            "at most"
        } else {
            "exactly"
        };
        format!(
            "{}: {} rooms of 1 speaker and {} hearing ({} connections), {} message(s) of {} bytes under way, \
             {kind} {rate:.0} messages/s a speaker = {:.0} of {} KiB/s audio, {rate:.0} of {EVENTS_PER_SECOND} events/s; {:.1} s a round",
            self.name,
            self.shape.rooms,
            self.shape.receivers(),
            self.shape.connections(),
            self.load.window,
            message_bytes,
            rate * message_bytes as f64 / 1024.0,
            AUDIO_BYTES_PER_SECOND / 1024,
            self.load.length.as_secs_f64(),
        )
    }
}

/// One round on one side.
#[derive(Debug, Clone)]
pub struct Round {
    /// CPU the process used, ns.
    pub cpu: u64,
    /// What was counted.
    pub tally: Tally,
}

impl Round {
    /// CPU a delivery, µs.
    #[must_use]
    pub fn cpu_per_delivery(&self) -> f64 {
        self.cpu as f64 / 1000.0 / self.tally.deliveries as f64
    }

    fn quantile_micros(&self, q: f64) -> f64 {
        let nanos = self.tally.latency.quantile(q);
        nanos.map_or(f64::NAN, |nanos| nanos as f64 / 1000.0)
    }
}

/// A round of each, measured next to each other.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The floor's round.
    pub floor: Round,
    /// The server's round.
    pub server: Round,
    /// The machine's load when it began.
    pub load: String,
}

/// An interview without questions: a plain room, active.
const START: &str = r#"{"type":"interview:start","ref":"start","questions":[]}"#;
const START_LIMIT: Duration = Duration::from_secs(60);

struct Side {
    target: Target,
    fleet: Fleet,
}

impl Side {
    fn open(program: &Program, core: usize, shape: Shape) -> Result<Side> {
        let target = Target::start(program, core)?;
        let mut fleet = Fleet::open(target.address, target.dialect.clone(), shape)?;
        if matches!(target.dialect, Dialect::Plain(_)) {
            // Live interviews are what a server relays for.
            fleet.ask_all(SPEAKER, START, START_LIMIT)?;
        }
        Ok(Side { target, fleet })
    }

    fn round(&mut self, load: Load) -> Result<Round> {
        // What is left from the other side's turn is not this round's cost.
        self.fleet.rest(Duration::from_millis(50))?;
        let before = CpuTime::read(self.target.pid())?;
        let tally = self.fleet.run(load)?;
        let after = CpuTime::read(self.target.pid())?;
        Ok(Round {
            cpu: after.since(&before),
            tally,
        })
    }
}

/// What a scenario came to.
pub struct Outcome {
    /// The pairs, in the order they were measured.
    pub pairs: Vec<Pair>,
    /// Everything that went wrong on either side.
    pub faults: Vec<String>,
    /// Bytes of one message on the speaker's socket.
    pub message_bytes: usize,
}

/// Measures `rounds` pairs of `scenario`; the two sides take turns to be first.
///
/// # Errors
/// When a side does not start, does not get its members ready, or dies.
pub fn measure(
    scenario: &Scenario,
    floor: &Program,
    server: &Program,
    rounds: usize,
    cores: Cores,
) -> Result<Outcome> {
    let mut floor = Side::open(floor, cores.measured, scenario.shape).context("the floor")?;
    let mut server = Side::open(server, cores.measured, scenario.shape).context("the server")?;
    let warm = Load {
        length: Duration::from_millis(500).min(scenario.load.length),
        ..scenario.load
    };
    let mut faults = Vec::new();
    for side in [&mut floor, &mut server] {
        let tally = side.round(warm)?.tally;
        faults.extend(wrong(&tally).map(|what| format!("warm-up: {what}")));
        faults.extend(understated(&tally));
    }
    let mut pairs = Vec::new();
    for round in 0..rounds {
        let load = sys::load();
        let (f, s) = if round % 2 == 0 {
            let f = floor.round(scenario.load)?;
            (f, server.round(scenario.load)?)
        } else {
            let s = server.round(scenario.load)?;
            (floor.round(scenario.load)?, s)
        };
        for (side, round) in [("floor", &f), ("server", &s)] {
            faults.extend(wrong(&round.tally).map(|what| format!("{side}: {what}")));
        }
        for side in [&mut floor, &mut server] {
            faults.extend(side.fleet.take_faults());
        }
        pairs.push(Pair {
            floor: f,
            server: s,
            load,
        });
        if !faults.is_empty() {
            // The run has failed: more rounds would only take time.
            break;
        }
    }
    if matches!(server.target.dialect, Dialect::Plain(_)) && server.target.log_bytes() == 0 {
        faults.push("the server wrote no log: it must be measured with the log on".to_owned());
    }
    Ok(Outcome {
        pairs,
        faults,
        message_bytes: server.fleet.message_bytes(),
    })
}

/// What of a tally makes its round worthless.
fn wrong(tally: &Tally) -> Option<String> {
    let bad = tally.lost + tally.corrupt + tally.misplaced;
    if bad > 0 {
        return Some(format!(
            "{} lost, {} corrupt, {} misplaced of {} messages sent",
            tally.lost, tally.corrupt, tally.misplaced, tally.sent
        ));
    }
    (tally.deliveries == 0).then(|| "nothing was delivered".to_owned())
}

/// A complaint if the server says that it runs with wider limits than its
/// defaults.
fn understated(tally: &Tally) -> Option<String> {
    let stated = tally.stated_limits.as_ref()?;
    let audio = stated["audioBytesPerSecond"].as_u64();
    let events = stated["eventsPerSecond"].as_u64();
    let default = (Some(AUDIO_BYTES_PER_SECOND), Some(EVENTS_PER_SECOND));
    ((audio, events) != default)
        .then(|| format!("the server's limits are not its defaults: {stated}"))
}

/// Puts a scenario's figures on the sheet; the rounds, as text for the reader.
pub fn judge(sheet: &mut Sheet, scenario: &Scenario, outcome: &Outcome) -> String {
    let name = scenario.name;
    for fault in &outcome.faults {
        sheet.fault(format!("{name}: {fault}"));
    }
    let pairs = &outcome.pairs;
    let of = |ratio: &dyn Fn(&Pair) -> f64| pairs.iter().map(ratio).collect::<Vec<f64>>();
    let cpu = of(&|p| p.server.cpu_per_delivery() / p.floor.cpu_per_delivery());
    let p99 = of(&|p| p.server.quantile_micros(0.99) / p.floor.quantile_micros(0.99));
    sheet.ratio(
        &format!("{name}: CPU a delivery"),
        &cpu,
        scenario.limits.cpu_ratio,
    );
    sheet.ratio(
        &format!("{name}: p99 latency"),
        &p99,
        scenario.limits.p99_ratio,
    );
    let middle = |ratio: &dyn Fn(&Pair) -> f64| median(&of(ratio)).unwrap_or(f64::NAN);
    sheet.note(
        &format!("{name}: CPU us a delivery, server / floor"),
        format!(
            "{:.2} / {:.2}",
            middle(&|p| p.server.cpu_per_delivery()),
            middle(&|p| p.floor.cpu_per_delivery())
        ),
    );
    table(pairs)
}

fn table(pairs: &[Pair]) -> String {
    let mut text = String::from(
        "  round side    deliveries   per s  core %  CPU us  p50 us  p99 us  late us  lost corrupt  load\n",
    );
    for (number, pair) in pairs.iter().enumerate() {
        for (side, round) in [("floor", &pair.floor), ("server", &pair.server)] {
            let tally = &round.tally;
            let wall = tally.wall.as_secs_f64();
            let late = tally.lateness.quantile(0.99).unwrap_or(0) / 1000;
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  {:>5} {side:<7} {:>10} {:>7.0} {:>7.0} {:>7.2} {:>7.0} {:>7.0} {late:>8} {:>5} {:>7}  {}",
                number + 1,
                tally.deliveries,
                tally.deliveries as f64 / wall,
                round.cpu as f64 / 1e7 / wall,
                round.cpu_per_delivery(),
                round.quantile_micros(0.5),
                round.quantile_micros(0.99),
                tally.lost,
                tally.corrupt + tally.misplaced,
                pair.load,
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_stays_under_the_limits_of_a_speaker_a_node_and_a_process() {
        let limits = Limits::load().unwrap();
        let message = crate::wsclient::masked_len(crate::payload::Template::default().text().len());
        for scenario in scenarios(&limits) {
            let rate = f64::from(scenario.load.window) / scenario.load.gap.as_secs_f64();
            assert!(rate < EVENTS_PER_SECOND as f64, "{}", scenario.name);
            assert!(rate * (message as f64) < AUDIO_BYTES_PER_SECOND as f64);
            let connections = scenario.shape.connections();
            assert!(connections < 19_000, "{}", scenario.name);
            // The generator holds the floor's as well as the server's.
            assert!(2 * connections < 19_900, "{}", scenario.name);
        }
    }

    #[test]
    fn a_tally_is_wrong_with_one_loss_one_broken_byte_or_nothing_at_all() {
        assert!(wrong(&Tally::default()).is_some());
        let good = Tally {
            deliveries: 5,
            ..Tally::default()
        };
        assert_eq!(wrong(&good), None);
        for bad in [
            Tally {
                lost: 1,
                ..good.clone()
            },
            Tally {
                corrupt: 1,
                ..good.clone()
            },
            Tally {
                misplaced: 1,
                ..good.clone()
            },
        ] {
            assert!(wrong(&bad).is_some());
        }
    }

    #[test]
    fn wider_limits_than_the_defaults_are_told() {
        let stated = |audio: u64| Tally {
            stated_limits: Some(
                serde_json::json!({"audioBytesPerSecond": audio, "eventsPerSecond": 50}),
            ),
            ..Tally::default()
        };
        assert_eq!(understated(&stated(262_144)), None);
        assert!(understated(&stated(1_000_000)).is_some());
        assert_eq!(understated(&Tally::default()), None);
    }
}
