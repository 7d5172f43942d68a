//! The relay benchmark: two programs under the same load, in alternating
//! rounds, judged by the ratio of each pair: the server against the floor, its
//! two doors against each other, a peer against the server.

use crate::fleet::{Fleet, Load, SPEAKER, Shape, Tally};
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
    /// What it must hold against the floor.
    pub limits: Ratios,
    /// How many times cheaper than NestJS, where that is promised.
    pub nestjs: Option<f64>,
}

/// Who stands against whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Against {
    /// The plain door over the raw relay.
    Floor,
    /// The Socket.IO door over the plain one.
    SocketIo,
    /// NestJS with Socket.IO over the plain door.
    Nestjs,
}

impl Against {
    /// What a row's ratio divides by, and what it divides, in words.
    #[must_use]
    pub fn names(self) -> [&'static str; 2] {
        match self {
            Against::Floor => ["floor", "server"],
            Against::SocketIo => ["plain", "sock.io"],
            Against::Nestjs => ["plain", "nestjs"],
        }
    }
}

/// Most messages a second one room sends: under both limits of its speaker.
const CLOSED_RATE: u32 = 48;

/// The five scenarios. A speaker may send no more than its limits allow, so
/// the closed loops take many rooms to fill a core.
#[must_use]
pub fn scenarios(limits: &Limits) -> [Scenario; 5] {
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
            nestjs: Some(limits.nestjs.paced_1_to_1),
        },
        Scenario {
            name: "paced 1->10",
            shape: shape(50, 10),
            load: paced,
            limits: relay.paced_1_to_10,
            nestjs: Some(limits.nestjs.paced_1_to_10),
        },
        Scenario {
            name: "closed 1->1",
            // With 3,000 a fast machine's floor reached the limits of its speakers before its core
            // was full, and what then stood beside a full server was no closed loop.
            shape: shape(4000, 1),
            load: closed(1),
            limits: relay.closed_1_to_1,
            nestjs: Some(limits.nestjs.closed_1_to_1),
        },
        Scenario {
            name: "closed 1->10",
            shape: shape(600, 10),
            load: closed(1),
            limits: relay.closed_1_to_10,
            nestjs: None,
        },
        Scenario {
            name: "closed 1->10, 8 under way",
            shape: shape(880, 10),
            load: closed(8),
            limits: relay.closed_1_to_10_by_8,
            nestjs: Some(limits.nestjs.closed_1_to_10_by_8),
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

    /// A quantile of the latency, µs.
    #[must_use]
    pub fn quantile_micros(&self, q: f64) -> f64 {
        let nanos = self.tally.latency.quantile(q);
        nanos.map_or(f64::NAN, |nanos| nanos as f64 / 1000.0)
    }
}

/// A round of each, measured next to each other.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The round of what is divided by.
    pub base: Round,
    /// The round of what is judged.
    pub judged: Round,
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
        if target.dialect.identity().is_some() {
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

/// Measures `rounds` pairs of `scenario`, `judged` over `base`; the two sides take turns to be
/// first.
///
/// # Errors
/// When a side does not start, does not get its members ready, or dies.
pub fn measure(
    scenario: &Scenario,
    base: &Program,
    judged: &Program,
    rounds: usize,
    cores: Cores,
) -> Result<Outcome> {
    let open = |program: &Program| {
        Side::open(program, cores.measured, scenario.shape)
            .with_context(|| format!("starting {program:?}"))
    };
    // The slower one first: nobody answers the first one's pings while the second lets its members
    // in, and a peer may take longer for that than a heartbeat may.
    let mut judged = open(judged)?;
    let mut base = open(base)?;
    let warm = Load {
        length: Duration::from_millis(500).min(scenario.load.length),
        ..scenario.load
    };
    let mut faults = Vec::new();
    for side in [&mut base, &mut judged] {
        let tally = side.round(warm)?.tally;
        faults.extend(wrong(&tally).map(|what| format!("warm-up: {what}")));
        faults.extend(understated(&tally));
    }
    let mut pairs = Vec::new();
    for round in 0..rounds {
        let load = sys::load();
        let (b, j) = if round % 2 == 0 {
            let b = base.round(scenario.load)?;
            (b, judged.round(scenario.load)?)
        } else {
            let j = judged.round(scenario.load)?;
            (base.round(scenario.load)?, j)
        };
        for (side, round) in [("the base", &b), ("what is judged", &j)] {
            faults.extend(wrong(&round.tally).map(|what| format!("{side}: {what}")));
        }
        for side in [&mut base, &mut judged] {
            faults.extend(side.fleet.take_faults());
        }
        pairs.push(Pair {
            base: b,
            judged: j,
            load,
        });
        if !faults.is_empty() {
            // The run has failed: more rounds would only take time.
            break;
        }
    }
    for side in [&base, &judged] {
        if side.target.is_ours() && side.target.log_bytes() == 0 {
            faults.push("the server wrote no log: it must be measured with the log on".to_owned());
        }
    }
    Ok(Outcome {
        pairs,
        faults,
        message_bytes: judged.fleet.message_bytes(),
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
pub fn judge(
    sheet: &mut Sheet,
    scenario: &Scenario,
    outcome: &Outcome,
    against: Against,
    limits: &Limits,
) -> String {
    let name = scenario.name;
    let [base, judged] = against.names();
    for fault in &outcome.faults {
        sheet.fault(format!("{name}: {fault}"));
    }
    let pairs = &outcome.pairs;
    let of = |ratio: &dyn Fn(&Pair) -> f64| pairs.iter().map(ratio).collect::<Vec<f64>>();
    let cpu = of(&|p| p.judged.cpu_per_delivery() / p.base.cpu_per_delivery());
    let p99 = of(&|p| p.judged.quantile_micros(0.99) / p.base.quantile_micros(0.99));
    match against {
        Against::Floor => {
            let own = scenario.limits;
            sheet.ratio(&format!("{name}: CPU a delivery"), &cpu, own.cpu_ratio);
            sheet.ratio(&format!("{name}: p99 latency"), &p99, own.p99_ratio);
        }
        Against::SocketIo => {
            let limit = limits.socket_io.cpu_ratio;
            sheet.ratio(&format!("{name}: Socket.IO's CPU"), &cpu, limit);
        }
        Against::Nestjs => match scenario.nestjs {
            Some(limit) => sheet.ratio_at_least(&format!("{name}: NestJS's CPU"), &cpu, limit),
            None => sheet.note(
                &format!("{name}: NestJS's CPU"),
                format!("{:.2}x", median(&cpu).unwrap_or(f64::NAN)),
            ),
        },
    }
    let middle = |ratio: &dyn Fn(&Pair) -> f64| median(&of(ratio)).unwrap_or(f64::NAN);
    sheet.note(
        &format!("{name}: CPU us a delivery, {judged} / {base}"),
        format!(
            "{:.2} / {:.2}",
            middle(&|p| p.judged.cpu_per_delivery()),
            middle(&|p| p.base.cpu_per_delivery())
        ),
    );
    table(pairs, [base, judged])
}

fn table(pairs: &[Pair], [base, judged]: [&str; 2]) -> String {
    let mut text = String::from(
        "  round side    deliveries   per s  core %  CPU us  p50 us  p99 us  late us  lost corrupt  load\n",
    );
    for (number, pair) in pairs.iter().enumerate() {
        for (side, round) in [(base, &pair.base), (judged, &pair.judged)] {
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
