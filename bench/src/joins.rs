//! What it costs to get in: connect, token and join of fresh users to fresh
//! sessions, in alternating rounds over the programs; judged by the ratios of
//! CPU a connection.

use crate::fleet::{Fleet, Shape};
use crate::judge::Sheet;
use crate::limits::Joins;
use crate::stats::median;
use crate::sys::CpuTime;
use crate::target::{Program, Target};
use anyhow::{Context, Result};
use std::time::Duration;

/// After a round: its closed connections are cleaned up on nobody's account.
const SETTLE: Duration = Duration::from_millis(300);

/// CPU a connection in µs, for each round, in the order of the programs.
pub struct Outcome {
    /// One for each program, one number for each round.
    pub micros: Vec<Vec<f64>>,
}

/// Opens `connections` in each of `rounds` rounds on every program in turn.
///
/// # Errors
/// When a program does not start or a member does not get in.
pub fn measure(
    programs: &[Program],
    connections: u32,
    rounds: usize,
    core: usize,
) -> Result<Outcome> {
    let targets = programs
        .iter()
        .map(|program| Target::start(program, core))
        .collect::<Result<Vec<_>>>()?;
    let mut micros = vec![Vec::new(); targets.len()];
    // The first round brings in code and pools and is not counted.
    for round in 0..=rounds {
        for place in 0..targets.len() {
            let at = (place + round) % targets.len();
            let spent = open(&targets[at], connections, round)
                .with_context(|| format!("{:?}", programs[at]))?;
            if round > 0 {
                micros[at].push(spent);
            }
        }
    }
    Ok(Outcome { micros })
}

fn open(target: &Target, connections: u32, round: usize) -> Result<f64> {
    let shape = Shape {
        rooms: connections,
        members: 1,
    };
    let dialect = target.dialect.named(&format!("joins-{round}"));
    let before = CpuTime::read(target.pid())?;
    let mut fleet = Fleet::open(target.address, dialect, shape)?;
    let spent = CpuTime::read(target.pid())?.since(&before);
    let faults = fleet.take_faults();
    anyhow::ensure!(faults.is_empty(), "{}", faults.join("; "));
    drop(fleet);
    std::thread::sleep(SETTLE);
    Ok(spent as f64 / 1000.0 / f64::from(connections))
}

/// Judges floor, plain door, Socket.IO door and NestJS, measured in this order.
pub fn judge(sheet: &mut Sheet, limits: Joins, outcome: &Outcome) {
    let [floor, plain, socket_io, nestjs] = outcome.micros.as_slice() else {
        sheet.fault("joins: four programs are compared".to_owned());
        return;
    };
    let over = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a / b).collect::<Vec<_>>();
    sheet.ratio(
        "joins: plain door's CPU over the floor's connect",
        &over(plain, floor),
        limits.floor_ratio,
    );
    sheet.ratio_at_least(
        "joins: NestJS's CPU over the plain door's",
        &over(nestjs, plain),
        limits.nestjs_ratio,
    );
    for (name, series) in [
        ("floor", floor),
        ("plain", plain),
        ("Socket.IO", socket_io),
        ("NestJS", nestjs),
    ] {
        let middle = median(series).unwrap_or(f64::NAN);
        sheet.note(
            &format!("joins: CPU of one, {name}"),
            format!("{middle:.1} us"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn a_dear_join_and_a_cheap_peer_are_each_missed() {
        let limits = Limits::load().unwrap();
        for (plain, nestjs, holds) in [(2.0, 40.0, true), (3.0, 60.0, false), (2.0, 12.0, false)] {
            let outcome = Outcome {
                micros: [1.0, plain, 2.0, nestjs].map(|x| vec![x; 7]).to_vec(),
            };
            let mut sheet = Sheet::new("joins", limits.method, false);
            judge(&mut sheet, limits.joins, &outcome);
            assert_eq!(sheet.holds(), holds, "{sheet}");
        }
    }
}
