//! Every maximum of the wire in one place: figures an operator may change ([`Limits`]) and figures
//! that are part of the contract (constants). Where they are enforced is the business of the
//! carrier, the doors and the engine; nothing here counts anything.

/// Deepest nesting of a JSON message; the message itself is level 1.
pub const JSON_DEPTH_MAX: usize = 32;
/// Longest `ref` in characters, when it is a string.
pub const REF_CHARS_MAX: usize = 64;
/// Most digits (and sign) of a `ref`, when it is a number.
pub const REF_DIGITS_MAX: usize = 20;
/// Longest `id` of a request that may be repeated, in characters.
pub const REQUEST_ID_CHARS_MAX: usize = 64;
/// Longest `version` of a consent, in characters.
pub const CONSENT_VERSION_CHARS_MAX: usize = 64;
/// Most questions of one `interview:start`.
pub const QUESTIONS_MAX: usize = 50;
/// Longest text of a question in characters.
pub const QUESTION_CHARS_MAX: usize = 2_000;
/// Longest piece of a typed answer in characters.
pub const ANSWER_CHARS_MAX: usize = 4_000;
/// The stream of what was typed instead of spoken.
pub const TYPED_STREAM: u32 = u32::MAX;
/// Shortest time for an answer, milliseconds.
pub const QUESTION_LIMIT_MS_MIN: u64 = 5_000;
/// Longest time for an answer, milliseconds.
pub const QUESTION_LIMIT_MS_MAX: u64 = 60 * 60_000;
/// Lowest sample rate that is accepted, samples a second.
pub const SAMPLE_RATE_MIN: u32 = 8_000;
/// Highest sample rate that is accepted, samples a second.
pub const SAMPLE_RATE_MAX: u32 = 48_000;
/// Longest token in bytes, wherever it came in.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// What an operator may set. One value for the whole server, shared by all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest message of a client, bytes.
    pub message_bytes: u32,
    /// Requests a second and connection, in the long run. Audio is counted apart.
    pub events_per_second: u32,
    /// Requests that may come at once after a quiet time.
    pub events_burst: u32,
    /// Bytes of audio messages a second and connection, in the long run; as they came, so base64
    /// counts for what it is.
    pub audio_bytes_per_second: u32,
    /// Bytes of audio that may come at once after a quiet time: what a client held back while its
    /// network was away. At least [`Limits::message_bytes`], else large chunks never pass.
    pub audio_burst_bytes: u32,
    /// What the smallest chunk of audio costs, so that a flood of empty ones has a bound too.
    pub audio_chunk_bytes_min: u32,
    /// From the upgrade to a token, milliseconds.
    pub auth_timeout_ms: u32,
    /// Bytes a connection may send before it is authenticated.
    pub unauthenticated_bytes: u32,
    /// WebSocket ping every so often, milliseconds.
    pub ping_interval_ms: u32,
    /// Silence that is accepted after a ping, milliseconds. Less than the interval.
    pub ping_timeout_ms: u32,
    /// Longest time from the first to the last byte of a message, milliseconds.
    pub message_timeout_ms: u32,
    /// A connection that cannot be written to for so long is cut off, milliseconds.
    pub write_timeout_ms: u32,
    /// Members of one room.
    pub room_members: u32,
    /// Connections of one user.
    pub connections_per_user: u32,
    /// Connections of one node.
    pub connections: u32,
    /// Handshakes a second and address, in the long run.
    pub handshakes_per_second: u32,
    /// Handshakes of one address at once after a quiet time.
    pub handshakes_burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 256 * 1024,
            events_per_second: 50,
            events_burst: 100,
            audio_bytes_per_second: 256 * 1024,
            audio_burst_bytes: 512 * 1024,
            audio_chunk_bytes_min: 512,
            auth_timeout_ms: 5_000,
            unauthenticated_bytes: 4 * 1024,
            ping_interval_ms: 25_000,
            ping_timeout_ms: 20_000,
            message_timeout_ms: 10_000,
            write_timeout_ms: 5_000,
            room_members: 32,
            connections_per_user: 20,
            connections: 19_000,
            handshakes_per_second: 500,
            handshakes_burst: 5_000,
        }
    }
}

impl Limits {
    /// What is wrong with these figures taken together, one sentence each; empty: nothing.
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (name, value) in self.named() {
            if value == 0 {
                found.push(format!(
                    "{name} must be at least 1; 0 does not mean \"no limit\""
                ));
            }
        }
        if self.ping_timeout_ms >= self.ping_interval_ms {
            found.push("ping_timeout_ms must be less than ping_interval_ms".to_owned());
        }
        if self.audio_burst_bytes < self.message_bytes {
            found.push("audio_burst_bytes must be at least message_bytes".to_owned());
        }
        if self.unauthenticated_bytes > self.message_bytes {
            found.push("unauthenticated_bytes must be at most message_bytes".to_owned());
        }
        found
    }

    fn named(&self) -> [(&'static str, u32); 17] {
        [
            ("message_bytes", self.message_bytes),
            ("events_per_second", self.events_per_second),
            ("events_burst", self.events_burst),
            ("audio_bytes_per_second", self.audio_bytes_per_second),
            ("audio_burst_bytes", self.audio_burst_bytes),
            ("audio_chunk_bytes_min", self.audio_chunk_bytes_min),
            ("auth_timeout_ms", self.auth_timeout_ms),
            ("unauthenticated_bytes", self.unauthenticated_bytes),
            ("ping_interval_ms", self.ping_interval_ms),
            ("ping_timeout_ms", self.ping_timeout_ms),
            ("message_timeout_ms", self.message_timeout_ms),
            ("write_timeout_ms", self.write_timeout_ms),
            ("room_members", self.room_members),
            ("connections_per_user", self.connections_per_user),
            ("connections", self.connections),
            ("handshakes_per_second", self.handshakes_per_second),
            ("handshakes_burst", self.handshakes_burst),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_order() {
        assert_eq!(Limits::default().problems(), Vec::<String>::new());
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let broken = Limits {
            events_burst: 0,
            ping_timeout_ms: 25_000,
            audio_burst_bytes: 1,
            ..Limits::default()
        };
        let problems = broken.problems().join("\n");
        for word in ["events_burst", "ping_timeout_ms", "audio_burst_bytes"] {
            assert!(problems.contains(word), "{problems}");
        }
        assert_eq!(broken.problems().len(), 3);
    }
}
