//! Memory of idle connections: each its own user, joined to its own session.

use crate::fleet::{Fleet, Shape};
use crate::judge::Sheet;
use crate::sys::{CpuTime, Memory};
use crate::target::{Program, Target};
use anyhow::Result;
use std::time::{Duration, Instant};

/// Connections that come and go before the first reading, so that code and
/// pools that the first joins bring in are not charged to connections.
const WARM_UP: u32 = 100;

/// Three readings of a process.
#[derive(Debug, Clone, Copy)]
pub struct Readings {
    /// Warm, with no connection.
    pub before: Memory,
    /// With all connections idle.
    pub idle: Memory,
    /// After all were closed.
    pub after: Memory,
    /// How many connections that was.
    pub connections: u32,
    /// From the first connect to the last join.
    pub opening: Duration,
    /// Share of its core used while all were idle.
    pub cpu: f64,
}

impl Readings {
    /// Resident bytes a connection.
    #[must_use]
    pub fn rss_each(&self) -> f64 {
        each(self.before.rss, self.idle.rss, self.connections)
    }

    /// Proportional bytes a connection.
    #[must_use]
    pub fn pss_each(&self) -> f64 {
        each(self.before.pss, self.idle.pss, self.connections)
    }
}

fn each(before: u64, idle: u64, connections: u32) -> f64 {
    (idle as f64 - before as f64) / f64::from(connections)
}

/// Holds `connections` idle ones on `program` for `settle` and reads its memory.
///
/// # Errors
/// When the program does not start or a member does not get in or stay in.
pub fn measure(
    program: &Program,
    connections: u32,
    settle: Duration,
    core: usize,
) -> Result<Readings> {
    let target = Target::start(program, core)?;
    let alone = |rooms| Shape { rooms, members: 1 };
    // Sessions of their own: they may stay in memory for their grace.
    let first = target.dialect.named("warm-up");
    let mut warm = Fleet::open(target.address, first, alone(WARM_UP.min(connections)))?;
    warm.rest(Duration::from_millis(500))?;
    drop(warm);
    std::thread::sleep(Duration::from_secs(1).min(settle));
    let before = Memory::read(target.pid())?;
    let begin = Instant::now();
    let mut fleet = Fleet::open(target.address, target.dialect.clone(), alone(connections))?;
    let opening = begin.elapsed();
    let busy = CpuTime::read(target.pid())?;
    fleet.rest(settle)?;
    let cpu = CpuTime::read(target.pid())?.since(&busy) as f64 / settle.as_nanos() as f64;
    let faults = fleet.take_faults();
    anyhow::ensure!(faults.is_empty(), "while idle: {}", faults.join("; "));
    let idle = Memory::read(target.pid())?;
    drop(fleet);
    std::thread::sleep(settle);
    let after = Memory::read(target.pid())?;
    Ok(Readings {
        before,
        idle,
        after,
        connections,
        opening,
        cpu,
    })
}

/// Puts the server's figures on the sheet, the floor's beside them.
/// `door` goes before each row, `bytes_each` is the most a connection may cost.
pub fn judge(
    sheet: &mut Sheet,
    (door, bytes_each): (&str, u64),
    server: &Readings,
    floor: Option<&Readings>,
) {
    let kib = |bytes: f64| bytes / 1024.0;
    let limit = kib(bytes_each as f64);
    for (what, bytes) in [("RSS", server.rss_each()), ("PSS", server.pss_each())] {
        sheet.at_most(
            &format!("{door}: {what} a connection"),
            kib(bytes),
            limit,
            "KiB",
        );
    }
    if let Some(floor) = floor {
        sheet.note(
            "idle: the floor's RSS a connection",
            format!("{:.2} KiB", kib(floor.rss_each())),
        );
    }
    let mib = |memory: Memory| memory.rss as f64 / 1024.0 / 1024.0;
    sheet.note(
        &format!("{door}: RSS warm -> idle -> all closed"),
        format!(
            "{:.1} -> {:.1} -> {:.1} MiB",
            mib(server.before),
            mib(server.idle),
            mib(server.after)
        ),
    );
    sheet.note(
        &format!("{door}: core used while idle"),
        format!("{:.1} %", server.cpu * 100.0),
    );
    sheet.note(
        &format!("{door}: connections, joins/s"),
        format!(
            "{}, {:.0}/s",
            server.connections,
            f64::from(server.connections) / server.opening.as_secs_f64()
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn readings(rss: u64) -> Readings {
        let memory = |bytes| Memory {
            rss: bytes,
            pss: bytes,
            anonymous: bytes,
        };
        Readings {
            before: memory(1_000_000),
            idle: memory(1_000_000 + rss * 9000),
            after: memory(1_000_000),
            connections: 9000,
            opening: Duration::from_secs(3),
            cpu: 0.0,
        }
    }

    #[test]
    fn three_kibibytes_hold_and_one_byte_more_does_not() {
        let limits = Limits::load().unwrap();
        for (bytes, holds) in [(3072, true), (3073, false)] {
            let mut sheet = Sheet::new("idle", limits.method, false);
            judge(
                &mut sheet,
                ("idle", limits.idle.bytes_per_connection),
                &readings(bytes),
                None,
            );
            assert_eq!(sheet.holds(), holds, "{sheet}");
        }
    }
}
