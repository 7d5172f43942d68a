//! Counters of the running machine, for metrics and benchmarks.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Upper borders of the decode-time histogram, in milliseconds; a last bucket has none.
pub const DECODE_MS_BORDERS: [u64; 10] = [10, 25, 50, 100, 200, 400, 800, 1_600, 3_200, 10_000];

/// How many recent decode times are kept one by one.
const RECENT: usize = 4_096;

/// A reading of all counters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpeechStats {
    /// Streams that are open or still being finished.
    pub streams: u64,
    /// Utterances and interim snapshots waiting for a decoder.
    pub queued: u64,
    /// Utterances and snapshots a decoder works on.
    pub running: u64,
    /// Bytes of sound waiting.
    pub queued_bytes: u64,
    /// Recognitions of ended utterances.
    pub decodes_final: u64,
    /// Recognitions for interim words.
    pub decodes_interim: u64,
    /// Recognitions begun in a pause, before the end was certain.
    pub decodes_pausing: u64,
    /// Of those, the ones that became the final.
    pub pausing_used: u64,
    /// Interim recognitions broken off for more urgent ones.
    pub yielded: u64,
    /// Milliseconds spent recognizing.
    pub decode_ms: u64,
    /// Decodes by time, one more than [`DECODE_MS_BORDERS`]; not cumulative.
    pub decode_histogram: [u64; DECODE_MS_BORDERS.len() + 1],
    /// Snapshots dropped because a newer one or the final came.
    pub superseded: u64,
    /// Milliseconds of sound dropped for any [`GapReason`](super::GapReason) but `Missing`.
    pub dropped_ms: u64,
    /// Utterances reported as failed.
    pub failed: u64,
    /// Decodes given up for taking too long.
    pub timed_out: u64,
    /// Panics caught in recognizers.
    pub panics: u64,
    /// Milliseconds of sound taken in.
    pub audio_ms: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) decodes_final: AtomicU64,
    pub(super) decodes_interim: AtomicU64,
    pub(super) decodes_pausing: AtomicU64,
    pub(super) pausing_used: AtomicU64,
    pub(super) yielded: AtomicU64,
    decode_us: AtomicU64,
    histogram: [AtomicU64; DECODE_MS_BORDERS.len() + 1],
    pub(super) superseded: AtomicU64,
    pub(super) dropped_ms: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) timed_out: AtomicU64,
    pub(super) panics: AtomicU64,
    pub(super) audio_ms: AtomicU64,
    recent_ms: Mutex<VecDeque<f32>>,
}

pub(super) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl Counters {
    pub(super) fn decoded(&self, took: Duration) {
        let ms = took.as_secs_f32() * 1_000.0;
        let bucket = DECODE_MS_BORDERS
            .iter()
            .position(|&border| ms <= border as f32);
        add(
            &self.histogram[bucket.unwrap_or(DECODE_MS_BORDERS.len())],
            1,
        );
        add(
            &self.decode_us,
            u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        );
        let mut recent = self.recent_ms.lock();
        if recent.len() == RECENT {
            recent.pop_front();
        }
        recent.push_back(ms);
    }

    pub(super) fn recent_ms(&self) -> Vec<f32> {
        self.recent_ms.lock().iter().copied().collect()
    }

    /// A reading, without streams and queue, which are not counted here.
    pub(super) fn read(&self) -> SpeechStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SpeechStats {
            streams: 0,
            queued: 0,
            running: 0,
            queued_bytes: 0,
            decodes_final: get(&self.decodes_final),
            decodes_interim: get(&self.decodes_interim),
            decodes_pausing: get(&self.decodes_pausing),
            pausing_used: get(&self.pausing_used),
            yielded: get(&self.yielded),
            decode_ms: get(&self.decode_us) / 1_000,
            decode_histogram: std::array::from_fn(|i| get(&self.histogram[i])),
            superseded: get(&self.superseded),
            dropped_ms: get(&self.dropped_ms),
            failed: get(&self.failed),
            timed_out: get(&self.timed_out),
            panics: get(&self.panics),
            audio_ms: get(&self.audio_ms),
        }
    }
}
