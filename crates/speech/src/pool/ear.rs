//! The ear: one thread that takes sound out of all rings, makes 16 kHz samples of it, finds the
//! utterances and queues them for the decoders.
//!
//! It sweeps every 10 ms while a stream lives or a decoder works, and sleeps otherwise. It also
//! watches the decoders: one that takes too long is given up and replaced.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Shared;
use super::event::{GapReason, SpeechEvent};
use super::outlet::{Ended, Outcome, Stream};
use super::queue::{Job, Kind};
use super::ring::{Chunk, Lost};
use super::stats::add;
use crate::endpoint::{Cue, EndpointConfig, Endpointer};
use crate::format::{AudioError, ChunkDecoder};
use crate::resample::Resampler;
use crate::segment::Spoken;
use crate::vad::{Earshot, VoiceDetector};

#[cfg(test)]
mod tests;

const SWEEP: Duration = Duration::from_millis(10);
/// The sender's audio times may run ahead of ours by so much before sound counts as missing: the
/// resampler holds up to 20 ms back, and senders round.
const MISSING_MS: u64 = 100;

/// Runs until the pool is stopped and every stream is over.
pub(super) fn run(shared: &Arc<Shared>) {
    let mut hearings: Vec<Hearing<Earshot>> = Vec::new();
    loop {
        hearings.append(&mut shared.fresh.lock());
        if shared.is_draining.load(Ordering::Acquire) {
            hearings.iter().for_each(|h| h.stream.ring.close());
        }
        hearings.retain_mut(|hearing| sweep(hearing, shared));
        shared.watch_decoders(Instant::now());
        let is_idle = hearings.is_empty() && shared.queue.is_idle();
        if shared.is_stopped.load(Ordering::Acquire)
            || (is_idle && shared.is_draining.load(Ordering::Acquire))
        {
            return;
        }
        // Whoever adds work wakes the ear, so a wake-up between check and sleep is not lost.
        if is_idle && shared.fresh.lock().is_empty() {
            std::thread::park();
        } else {
            std::thread::park_timeout(SWEEP);
        }
    }
}

/// Takes in what came for one stream; false once the stream is over.
fn sweep(hearing: &mut Hearing<Earshot>, shared: &Arc<Shared>) -> bool {
    let swept = catch_unwind(AssertUnwindSafe(|| hearing.sweep(shared)));
    match swept {
        Ok(goes_on) => goes_on,
        Err(_) => {
            let stream = &hearing.stream;
            tracing::error!(
                stream = stream.key.0,
                "hearing a stream panicked; the stream is over"
            );
            stream.ring.close();
            shared.report(stream, |outlet, events| {
                events.push(SpeechEvent::AudioError {
                    stream: stream.key,
                    code: "internal",
                    message: "this audio stream cannot be transcribed any further".to_owned(),
                });
                let heard_ms = stream.ring.heard_ms.load(Ordering::Relaxed);
                let voiced_ms = stream.ring.voiced_ms.load(Ordering::Relaxed);
                outlet.audio_over(heard_ms, voiced_ms, events);
            });
            false
        }
    }
}

/// Samples a stream's buffers may hold on to between sweeps.
const BUFFER_KEPT: usize = 16_000;

/// What the ear keeps of one stream.
pub(super) struct Hearing<V> {
    pub(super) stream: Arc<Stream>,
    decoder: ChunkDecoder,
    resampler: Resampler,
    resampled_from: u32,
    endpointer: Endpointer<V>,
    raw: Vec<f32>,
    samples: Vec<f32>,
    cues: Vec<Cue>,
    /// Latest utterance that interim words were asked for.
    shown: u64,
    /// What was wrong with the last chunk.
    told: Option<&'static str>,
}

impl<V: VoiceDetector> Hearing<V> {
    pub(super) fn new(
        stream: Arc<Stream>,
        decoder: ChunkDecoder,
        config: EndpointConfig,
        detector: V,
        base_ms: u64,
    ) -> Result<Self, AudioError> {
        let resampled_from = decoder.sample_rate();
        Ok(Self {
            stream,
            resampler: Resampler::new(resampled_from)?,
            resampled_from,
            decoder,
            endpointer: Endpointer::new(config, detector, base_ms),
            raw: Vec::new(),
            samples: Vec::new(),
            cues: Vec::new(),
            shown: 0,
            told: None,
        })
    }

    /// False once the stream is over.
    fn sweep(&mut self, shared: &Shared) -> bool {
        let taken = self.stream.ring.take();
        if let Some(lost) = taken.lost {
            self.lose(lost, shared);
        }
        for chunk in &taken.chunks {
            self.hear(chunk, shared);
            self.pass_on(shared);
        }
        if taken.is_closed {
            self.flush_resampler();
            self.endpointer.finish(&mut self.cues);
            self.pass_on(shared);
        }
        // After a burst the buffers would stay as large as the ring.
        self.raw.clear();
        self.raw.shrink_to(BUFFER_KEPT);
        self.samples.shrink_to(BUFFER_KEPT);
        let ring = &self.stream.ring;
        let heard_ms = self.endpointer.position_ms();
        let before = ring.heard_ms.swap(heard_ms, Ordering::Relaxed);
        add(&shared.counters.audio_ms, heard_ms.saturating_sub(before));
        let voiced_ms = self.endpointer.voiced_ms();
        ring.voiced_ms.store(voiced_ms, Ordering::Relaxed);
        if taken.is_closed {
            shared.report(&self.stream, |outlet, events| {
                outlet.audio_over(heard_ms, voiced_ms, events);
            });
        }
        !taken.is_closed
    }

    fn hear(&mut self, chunk: &Chunk, shared: &Shared) {
        let here = self.endpointer.position_ms();
        if let Some(from_ms) = chunk.from_ms
            && from_ms > here + MISSING_MS
        {
            self.skip_to(from_ms, GapReason::Missing, shared);
        }
        self.raw.clear();
        if let Some(rate) = chunk.sample_rate {
            self.decoder.declare(rate);
        }
        if let Err(error) = self.decoder.decode(&chunk.bytes, &mut self.raw) {
            let stream = self.stream.key;
            let (code, message) = (error.code(), error.to_string());
            if self.told.replace(code) != Some(code) {
                shared.emit(SpeechEvent::AudioError {
                    stream,
                    code,
                    message,
                });
            }
            return;
        }
        self.told = None;
        if self.decoder.sample_rate() != self.resampled_from {
            self.flush_resampler();
            self.resampled_from = self.decoder.sample_rate();
        }
        self.stream
            .ring
            .set_format(self.decoder.frame_bytes(), self.resampled_from);
        self.samples.clear();
        self.resampler.push(&self.raw, &mut self.samples);
        self.endpointer.push(&self.samples, &mut self.cues);
    }

    fn lose(&mut self, lost: Lost, shared: &Shared) {
        let here = self.endpointer.position_ms();
        let to_ms = lost.to_ms.unwrap_or(0).max(here + lost.length_us / 1_000);
        add(&shared.counters.dropped_ms, lost.length_us / 1_000);
        self.skip_to(to_ms, GapReason::Overflow, shared);
    }

    fn skip_to(&mut self, to_ms: u64, reason: GapReason, shared: &Shared) {
        self.flush_resampler();
        let from_ms = self.endpointer.position_ms();
        self.endpointer.skip_to(to_ms, &mut self.cues);
        self.pass_on(shared);
        shared.emit(SpeechEvent::Gap {
            stream: self.stream.key,
            from_ms,
            to_ms,
            reason,
        });
    }

    /// Hears out what the resampler still holds and starts a new one at the current rate.
    fn flush_resampler(&mut self) {
        self.samples.clear();
        self.resampler.finish(&mut self.samples);
        self.endpointer.push(&self.samples, &mut self.cues);
        match Resampler::new(self.decoder.sample_rate()) {
            Ok(resampler) => self.resampler = resampler,
            Err(_) => unreachable!("the decoder accepts only rates the resampler takes"),
        }
    }

    /// Turns what was noticed into work for the decoders.
    fn pass_on(&mut self, shared: &Shared) {
        for cue in std::mem::take(&mut self.cues) {
            match cue {
                Cue::Started { .. } => {}
                Cue::Interim(utterance) => {
                    let first = std::mem::replace(&mut self.shown, utterance.id) != utterance.id;
                    let (spoken, samples) = Spoken::split(utterance);
                    self.queue(shared, Kind::Interim { first }, spoken, samples);
                }
                Cue::Pausing(utterance) => {
                    let (spoken, samples) = Spoken::split(utterance);
                    self.stream.outlet.lock().pausing_began(&spoken);
                    self.queue(shared, Kind::Pausing, spoken, samples);
                }
                Cue::Resumed { .. } => {
                    self.stream.outlet.lock().pausing_void();
                    let withdrawn = shared.queue.withdraw_pausing(self.stream.key);
                    add(&shared.counters.superseded, u64::from(withdrawn));
                }
                Cue::Ended {
                    utterance,
                    was_pausing,
                } => {
                    let (spoken, samples) = Spoken::split(utterance);
                    self.ended(shared, spoken, samples, was_pausing);
                }
            }
        }
    }

    fn ended(&self, shared: &Shared, spoken: Spoken, samples: Vec<f32>, was_pausing: bool) {
        let mut next = Ended::Submit;
        shared.report(&self.stream, |outlet, events| {
            next = outlet.ended(spoken.clone(), was_pausing, events);
        });
        match next {
            Ended::Answered => add(&shared.counters.pausing_used, 1),
            Ended::Promote => shared.queue.promote(self.stream.key),
            Ended::Submit => self.queue(shared, Kind::Final, spoken, samples),
        }
    }

    fn queue(&self, shared: &Shared, kind: Kind, spoken: Spoken, samples: Vec<f32>) {
        let stream = Arc::clone(&self.stream);
        let job = Job {
            stream,
            kind,
            spoken,
            samples,
            since: Instant::now(),
            has_yielded: false,
        };
        match shared.queue.submit(job) {
            Ok(replaced) => add(&shared.counters.superseded, replaced as u64),
            Err(refused) => self.refused(shared, kind, &refused.spoken),
        }
    }

    /// The queue is full: interim words are not missed, a final is a stretch without words.
    fn refused(&self, shared: &Shared, kind: Kind, spoken: &Spoken) {
        match kind {
            Kind::Interim { .. } => add(&shared.counters.superseded, 1),
            Kind::Pausing => self.stream.outlet.lock().pausing_void(),
            Kind::Final | Kind::Recorded => {
                let (from_ms, to_ms) = (spoken.start_ms, spoken.end_ms);
                add(&shared.counters.dropped_ms, to_ms - from_ms);
                shared.report(&self.stream, |outlet, events| {
                    let stream = self.stream.key;
                    let reason = GapReason::Overloaded;
                    events.push(SpeechEvent::Gap {
                        stream,
                        from_ms,
                        to_ms,
                        reason,
                    });
                    outlet.resolve(spoken.id, Outcome::Nothing, events);
                });
            }
        }
    }
}
