//! What only ever grows, counted where it happens. Gauges are not here: they are counted from the
//! registries when somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};

use protocol::value::EndReason;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// What it stands at.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often a duration fell under each bound. Bounds in milliseconds.
#[derive(Debug)]
pub struct Histogram {
    buckets: [Counter; Self::BOUNDS_MS.len()],
    count: Counter,
    sum_us: Counter,
    longest_us: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| Counter::default()),
            count: Counter::default(),
            sum_us: Counter::default(),
            longest_us: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Upper bounds, inclusive.
    pub const BOUNDS_MS: [f64; 9] = [0.1, 0.5, 1.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1_000.0];

    /// Takes in one duration, microseconds.
    pub fn observe_us(&self, us: u64) {
        let ms = us as f64 / 1_000.0;
        for (bucket, bound) in self.buckets.iter().zip(Self::BOUNDS_MS) {
            if ms <= bound {
                bucket.add(1);
            }
        }
        self.count.add(1);
        self.sum_us.add(us);
        self.longest_us.fetch_max(us, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// The longest, milliseconds.
    pub fn longest_ms(&self) -> f64 {
        self.longest_us.load(Ordering::Relaxed) as f64 / 1_000.0
    }

    /// Writes it in the text format of Prometheus, in seconds.
    pub fn write(&self, out: &mut String, name: &str, help: &str) {
        use std::fmt::Write as _;
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram");
        for (bucket, bound) in self.buckets.iter().zip(Self::BOUNDS_MS) {
            let le = bound / 1_000.0;
            let _ = writeln!(out, "{name}_bucket{{le=\"{le}\"}} {}", bucket.get());
        }
        let (count, sum) = (self.count.get(), self.sum_us.get() as f64 / 1e6);
        let _ = writeln!(
            out,
            "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}"
        );
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// The counters of one server.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: Counter,)+
            /// Ends by reason, in the order of [`EndReason::ALL`].
            pub ends: [Counter; EndReason::ALL.len()],
            /// How late the beat came.
            pub beat_late: Histogram,
            /// How long a shard's lock was held.
            pub turn_held: Histogram,
        }

        impl Counters {
            /// Writes all of them in the text format of Prometheus.
            pub fn write(&self, out: &mut String) {
                use std::fmt::Write as _;
                $({
                    let name = concat!("greenroom_", stringify!($name), "_total");
                    let help = concat!($($doc),+).trim();
                    let _ = writeln!(
                        out, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {}", self.$name.get()
                    );
                })+
                let name = "greenroom_session_ends_total";
                let _ = writeln!(out, "# HELP {name} Sessions ended, by reason.\n# TYPE {name} counter");
                for (reason, counter) in EndReason::ALL.iter().zip(&self.ends) {
                    let _ = writeln!(out, "{name}{{reason=\"{reason}\"}} {}", counter.get());
                }
                self.beat_late.write(
                    out, "greenroom_beat_late_seconds", "How late the beat came."
                );
                self.turn_held.write(
                    out, "greenroom_turn_held_seconds", "How long a shard's lock was held."
                );
            }
        }
    };
}

counters! {
    /// Sockets accepted.
    accepted,
    /// Sockets not accepted because the server is full or out of file descriptors.
    accept_refused,
    /// WebSockets opened.
    opened,
    /// WebSockets closed.
    closed,
    /// Handshakes refused: malformed.
    handshake_malformed,
    /// Handshakes refused: too many from one address.
    handshake_limited,
    /// Connections refused: no valid token, wrong origin, or too many.
    refused_connections,
    /// Messages of clients, audio apart.
    messages,
    /// Messages of clients that were not understood.
    bad_messages,
    /// Messages of clients beyond their rate.
    rate_limited,
    /// Connections closed for a breach of the carrier's rules.
    violations,
    /// Audio chunks relayed.
    audio_frames,
    /// Payload bytes of audio relayed, as they came.
    audio_bytes,
    /// Audio frames dropped for slow readers.
    audio_dropped_frames,
    /// Bytes of audio dropped for slow readers.
    audio_dropped_bytes,
    /// Partial captions replaced or dropped for slow readers.
    partials_dropped,
    /// Connections closed because they read too slowly.
    slow_consumers,
    /// Connections closed because nothing was heard of them.
    heartbeats_missed,
    /// Sessions that came into memory.
    sessions_opened,
    /// Interviews begun.
    sessions_started,
    /// Sessions whose end left nothing in memory.
    sessions_cleaned_up,
    /// Joins.
    joins,
    /// Joins with the resume key.
    resumes,
    /// Seats taken from a live connection.
    takeovers,
    /// Takeovers refused because the seat changed hands too fast.
    takeover_storms,
    /// Members whose connection was lost.
    detached,
    /// Sessions that had to go on without the store.
    degraded,
    /// Sessions lost to another owner.
    fenced,
    /// Saves the store called impossible.
    rejected,
    /// Sessions ended by a panic in their turn.
    panicked,
    /// Finals dropped because too much was waiting.
    finals_dropped,
    /// Sessions of dead processes that live on.
    revived,
    /// Sessions of dead processes that are ended.
    recovered,
}
