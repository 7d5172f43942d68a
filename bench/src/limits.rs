//! The numbers of `bench/limits.toml`, typed. Only reading lives here; what is
//! done with a number is the judge's business.

use serde::Deserialize;

/// The file as it was when this program was built.
const FILE: &str = include_str!("../limits.toml");

/// Everything in `bench/limits.toml`. An unknown or missing key is an error.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// How a result is made.
    pub method: Method,
    /// Relay ratios by scenario.
    pub relay: Relay,
    /// The Socket.IO door against the plain one.
    pub socket_io: SocketIo,
    /// The plain door against NestJS.
    pub nestjs: NestJs,
    /// Connect, token and join.
    pub joins: Joins,
    /// Two cores against one.
    pub scale: Scale,
    /// Memory of idle connections.
    pub idle: Idle,
    /// Store work of a start.
    pub starts: Starts,
    /// A second page takes a seat.
    pub takeover: Takeover,
    /// Words and captions.
    pub speech: Speech,
    /// Making a report.
    pub report: Report,
    /// The engine alone.
    pub engine: Engine,
    /// Faults at full size.
    pub faults: Faults,
    /// What a soak may leave.
    pub soak: Soak,
    /// What connections that vanish may leave.
    pub churn: Churn,
    /// Coming back after a restart.
    pub restart: Restart,
}

/// What makes a series of rounds a result.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Fewest paired rounds.
    pub rounds: usize,
    /// Coverage of the interval, 0 to 1.
    pub confidence: f64,
}

/// One pair of ratio limits for each relay scenario.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// Paced, one receiver a room.
    pub paced_1_to_1: Ratios,
    /// Paced, ten receivers a room.
    pub paced_1_to_10: Ratios,
    /// Closed loop, one receiver, one message under way.
    pub closed_1_to_1: Ratios,
    /// Closed loop, ten receivers, one message under way.
    pub closed_1_to_10: Ratios,
    /// Closed loop, ten receivers, eight messages under way.
    pub closed_1_to_10_by_8: Ratios,
}

/// Multiples of the floor.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratios {
    /// Server CPU a delivery.
    pub cpu_ratio: f64,
    /// 99th percentile of latency.
    pub p99_ratio: f64,
}

/// Socket.IO relative to the plain door.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketIo {
    /// Most CPU a delivery, in multiples of the plain door's.
    pub cpu_ratio: f64,
}

/// How many times cheaper than NestJS a delivery must be.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NestJs {
    /// Paced, one receiver a room.
    pub paced_1_to_1: f64,
    /// Paced, ten receivers a room.
    pub paced_1_to_10: f64,
    /// Closed loop, one receiver, one message under way.
    pub closed_1_to_1: f64,
    /// Closed loop, ten receivers, eight messages under way.
    pub closed_1_to_10_by_8: f64,
}

/// CPU of a connection that gets in.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joins {
    /// Connections of a round.
    pub connections: u32,
    /// Most, in multiples of the floor's connect.
    pub floor_ratio: f64,
    /// How many times cheaper than NestJS at least.
    pub nestjs_ratio: f64,
}

/// What another core is worth.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Deliveries of two cores for each of one, at least.
    pub two_cores: f64,
}

/// Idle memory.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Idle {
    /// Connections to hold.
    pub connections: u32,
    /// Most resident bytes each may cost the server.
    pub bytes_per_connection: u64,
    /// The same at the Socket.IO door.
    pub socket_io_bytes_per_connection: u64,
}

/// Interview starts.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Starts {
    /// Starts to make.
    pub starts: u32,
    /// Most milliseconds of store work at the 99th percentile.
    pub store_p99_ms: f64,
}

/// Making a report.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Most milliseconds for one of half an hour.
    pub half_hour_ms: f64,
}

/// A second page takes a seat.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Takeover {
    /// Rooms in which it does.
    pub rooms: u32,
    /// Most times a plain join's 99th percentile of the same run.
    pub ratio: f64,
}

/// Speech: read by the speech benchmark.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speech {
    /// Highest word error rate, 0 to 1.
    pub word_error_rate: f64,
    /// Live streams at once on one worker.
    pub streams: u32,
    /// Wait that belongs to the design before a final, ms.
    pub final_wait_ms: u64,
    /// Wait that belongs to the design before the first partial, ms.
    pub partial_wait_ms: u64,
    /// Multiples of the run's median decode allowed on top of a wait.
    pub decode_factor: f64,
}

/// The engine alone: read by the simulation's speed run.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Fewest inputs a second on one core.
    pub inputs_per_second: u64,
}

/// Faults at full size, and what they may cost.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// `kill -9` at random instants.
    pub kills: u32,
    /// Most milliseconds from a start to the first answer.
    pub serving_again_ms: f64,
    /// Sessions on links that are cut.
    pub links_sessions: u32,
    /// For so long.
    pub links_seconds: u64,
    /// The database is away for so long.
    pub away_seconds: u64,
    /// Most milliseconds until the table of active sessions is right again.
    pub table_right_ms: f64,
    /// The process stands still for so long.
    pub frozen_seconds: u64,
    /// Rows of the table of active sessions that the reaper finds wrong.
    pub reap_rows: u32,
    /// Most milliseconds the writer works at all of them.
    pub reap_ms: f64,
}

/// What a soak may leave.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Soak {
    /// Memory afterwards, as a multiple of the base …
    pub memory_ratio: f64,
    /// … or this many bytes more, if that is more.
    pub memory_bytes: u64,
}

/// What connections that vanish may leave.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// All of them.
    pub connections: u32,
    /// After so many the base is taken.
    pub base_connections: u32,
    /// Most bytes more than the base.
    pub memory_bytes: u64,
}

/// Coming back after a restart.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Live sessions.
    pub sessions: u32,
    /// Most milliseconds without a server.
    pub down_ms: f64,
    /// 99 of 100 are back so soon after its return.
    pub resumed_99_ms: f64,
    /// The last is.
    pub resumed_all_ms: f64,
    /// The last is, when it was told before.
    pub drained_all_ms: f64,
}

/// Why a limits file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    /// Not TOML, or not these keys.
    #[error("limits.toml does not read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A number that would make a judgment meaningless.
    #[error("limits.toml: {0} must be positive and finite (confidence: below 1)")]
    Senseless(&'static str),
}

impl Limits {
    /// The limits of this source tree.
    ///
    /// # Errors
    /// [`LimitsError`] if the file does not hold what it must.
    pub fn load() -> Result<Limits, LimitsError> {
        Limits::parse(FILE)
    }

    /// Limits from text.
    ///
    /// # Errors
    /// [`LimitsError`] for unknown or missing keys and senseless numbers.
    pub fn parse(text: &str) -> Result<Limits, LimitsError> {
        let limits: Limits = toml::from_str(text)?;
        limits.check()?;
        Ok(limits)
    }

    fn check(&self) -> Result<(), LimitsError> {
        let relay = &self.relay;
        let ratios = [
            relay.paced_1_to_1,
            relay.paced_1_to_10,
            relay.closed_1_to_1,
            relay.closed_1_to_10,
            relay.closed_1_to_10_by_8,
        ];
        let good = |x: f64| x.is_finite() && x > 0.0;
        if !ratios
            .iter()
            .all(|r| good(r.cpu_ratio) && good(r.p99_ratio))
        {
            return Err(LimitsError::Senseless("relay"));
        }
        let (nestjs, joins) = (self.nestjs, self.joins);
        let peers = [
            self.socket_io.cpu_ratio,
            nestjs.paced_1_to_1,
            nestjs.paced_1_to_10,
            nestjs.closed_1_to_1,
            nestjs.closed_1_to_10_by_8,
            joins.floor_ratio,
            joins.nestjs_ratio,
            self.scale.two_cores,
        ];
        if !peers.into_iter().all(good) || joins.connections == 0 {
            return Err(LimitsError::Senseless("socket_io, nestjs, joins or scale"));
        }
        if self.method.rounds < 2 {
            return Err(LimitsError::Senseless("method.rounds"));
        }
        if !good(self.method.confidence) || self.method.confidence >= 1.0 {
            return Err(LimitsError::Senseless("method.confidence"));
        }
        let idle = self.idle;
        if idle.connections == 0
            || idle.bytes_per_connection == 0
            || idle.socket_io_bytes_per_connection == 0
        {
            return Err(LimitsError::Senseless("idle"));
        }
        if self.starts.starts == 0 || !good(self.starts.store_p99_ms) {
            return Err(LimitsError::Senseless("starts"));
        }
        if self.takeover.rooms == 0 || !good(self.takeover.ratio) {
            return Err(LimitsError::Senseless("takeover"));
        }
        if !good(self.speech.word_error_rate) || !good(self.speech.decode_factor) {
            return Err(LimitsError::Senseless("speech"));
        }
        if self.churn.base_connections >= self.churn.connections {
            return Err(LimitsError::Senseless("churn"));
        }
        if self.faults.kills == 0 || self.faults.away_seconds < 5 || self.restart.sessions == 0 {
            return Err(LimitsError::Senseless("faults or restart"));
        }
        if !good(self.soak.memory_ratio) || self.soak.memory_ratio < 1.0 {
            return Err(LimitsError::Senseless("soak"));
        }
        if self.engine.inputs_per_second == 0 {
            return Err(LimitsError::Senseless("engine"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_file_holds_every_limit() {
        let limits = Limits::load().unwrap();
        assert_eq!(limits.method.rounds, 7);
        assert_eq!(limits.idle.bytes_per_connection, 3 * 1024);
        assert!(limits.relay.closed_1_to_10_by_8.cpu_ratio < 2.0);
    }

    #[test]
    fn a_missing_an_unknown_and_a_senseless_key_are_each_refused() {
        let missing = FILE.replace("cpu_ratio = 1.35\n", "");
        assert!(matches!(
            Limits::parse(&missing),
            Err(LimitsError::Syntax(_))
        ));
        let unknown = FILE.replace("[idle]\n", "[idle]\nconections = 9\n");
        assert!(matches!(
            Limits::parse(&unknown),
            Err(LimitsError::Syntax(_))
        ));
        let senseless = FILE.replace("confidence = 0.95", "confidence = 1.0");
        assert!(matches!(
            Limits::parse(&senseless),
            Err(LimitsError::Senseless("method.confidence"))
        ));
    }
}
