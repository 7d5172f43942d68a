//! The running machine: streams of audio in, words as events out, on threads of its own.
//!
//! ```text
//! StreamTap::push ─▶ ring (10 s) ─▶ ear: decode, resample, endpoint ─▶ queue ─▶ decoders ─▶ sink
//! ```
//!
//! Nothing here knows about sessions or sockets: a stream is a number, and everything that is
//! learned about it goes to one function. Everything is bounded: rings by time, the queue by bytes,
//! streams by number, decodes by time. What does not fit is reported as a gap, so that whoever kept
//! the sound can come back for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::endpoint::EndpointConfig;
use crate::format::{AudioError, AudioFormat, ChunkDecoder, Encoding};
use crate::models::ModelFiles;
use crate::moonshine::{Drafts, Moonshine};
use crate::recognizer::{Capabilities, Recognizer, SpeechError};
use crate::segment::Spoken;
use crate::vad::Earshot;

mod decoder;
mod ear;
mod event;
mod outlet;
mod queue;
mod ring;
mod stats;

pub use event::{GapReason, SpeechEvent, StreamKey, Timing};
pub use stats::{DECODE_MS_BORDERS, SpeechStats};

use decoder::Slot;
use ear::Hearing;
use outlet::{Outcome, Outlet, Stream};
use queue::{Job, Kind, Queue};
use ring::Ring;
use stats::{Counters, add};

/// Makes a recognizer for one decoder thread.
pub type RecognizerFactory =
    Arc<dyn Fn() -> Result<Box<dyn Recognizer>, SpeechError> + Send + Sync>;

/// Hears of everything that happens, from several threads. It must return quickly, must not wait
/// for another call of itself, and must not call [`Speech::transcribe`] or [`Speech::shutdown`].
pub type Sink = Arc<dyn Fn(SpeechEvent) + Send + Sync>;

/// A factory for the embedded model.
#[must_use]
pub fn moonshine_factory(files: ModelFiles) -> RecognizerFactory {
    let drafts = Drafts::default();
    Arc::new(move || Ok(Box::new(Moonshine::load(&files, drafts.clone())?)))
}

/// Sizes and times of the machine.
#[derive(Debug, Clone)]
pub struct SpeechConfig {
    /// Decoder threads, each with a recognizer of its own (about 120 MB). 0: half the cores, at
    /// least one.
    pub decoders: usize,
    /// When speech starts and ends.
    pub endpoint: EndpointConfig,
    /// Sound a stream may have waiting for the ear, in milliseconds.
    pub ring_ms: u64,
    /// Streams alive at once.
    pub streams_max: usize,
    /// Sound that may wait for decoders, in bytes (64 kB a second). Recordings have a quarter of
    /// it on top.
    pub queue_bytes_max: usize,
    /// A decode that takes longer is given up.
    pub decode_timeout: Duration,
    /// Added to the decoders' nice value.
    pub nice: i32,
}

impl Default for SpeechConfig {
    fn default() -> Self {
        Self {
            decoders: 0,
            endpoint: EndpointConfig::default(),
            ring_ms: 10_000,
            streams_max: 256,
            queue_bytes_max: 64 << 20,
            decode_timeout: Duration::from_secs(10),
            nice: 10,
        }
    }
}

/// Form of one stream's audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamConfig {
    /// PCM or WAV.
    pub format: AudioFormat,
    /// Raw bytes or base64 text.
    pub encoding: Encoding,
    /// Declared rate in hertz; a WAV header wins over it.
    pub sample_rate: u32,
    /// Stream audio time of the first sample, in milliseconds.
    pub base_ms: u64,
    /// Whether partials are wanted besides finals.
    pub partials: bool,
}

/// Why the machine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration breaks rules.
    #[error("the speech configuration cannot be used: {}", problems.join("; "))]
    Config {
        /// All of them.
        problems: Vec<String>,
    },
    /// No recognizer could be made.
    #[error("speech recognition cannot start")]
    Recognizer(#[source] SpeechError),
    /// The operating system gave no thread.
    #[error("speech recognition cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// Why a stream was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The form of audio cannot be used.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// The key is in use until its `StreamFinished`.
    #[error("the audio stream {0} is open already")]
    Exists(StreamKey),
    /// As many streams as allowed are open.
    #[error("too many audio streams are being transcribed; try again later")]
    TooMany,
    /// The machine is shutting down.
    #[error("transcription is shutting down")]
    Stopped,
    /// The decoders did not keep up with a recording.
    #[error("transcription is overloaded; try again later")]
    Overloaded,
}

impl OpenError {
    /// Stable code for replies.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Audio(error) => error.code(),
            Self::Exists(_) => "stream_exists",
            Self::TooMany => "too_many_streams",
            Self::Stopped => "shutting_down",
            Self::Overloaded => "speech_overloaded",
        }
    }
}

/// What ear, decoders and handles share.
struct Shared {
    config: SpeechConfig,
    factory: RecognizerFactory,
    sink: Sink,
    counters: Counters,
    queue: Queue,
    streams: Mutex<HashMap<StreamKey, Arc<Stream>>>,
    fresh: Mutex<Vec<Hearing<Earshot>>>,
    decoders: Mutex<Decoders>,
    ear: Mutex<Option<Thread>>,
    is_draining: AtomicBool,
    is_stopped: AtomicBool,
    alive: Mutex<Alive>,
    one_left: Condvar,
}

/// Threads that have not left yet.
#[derive(Default)]
struct Alive {
    ear: bool,
    decoders: usize,
}

#[derive(Default)]
struct Decoders {
    slots: Vec<Arc<Slot>>,
    threads: Vec<JoinHandle<()>>,
    abandoned: usize,
}

impl Shared {
    fn new(config: SpeechConfig, factory: RecognizerFactory, sink: Sink) -> Self {
        Self {
            queue: Queue::new(config.queue_bytes_max),
            config,
            factory,
            sink,
            counters: Counters::default(),
            streams: Mutex::default(),
            fresh: Mutex::default(),
            decoders: Mutex::default(),
            ear: Mutex::default(),
            is_draining: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            alive: Mutex::default(),
            one_left: Condvar::new(),
        }
    }

    fn emit(&self, event: SpeechEvent) {
        (self.sink)(event);
    }

    /// Changes a stream's outlet and emits what comes out, in order.
    fn report(&self, stream: &Stream, change: impl FnOnce(&mut Outlet, &mut Vec<SpeechEvent>)) {
        let mut events = Vec::new();
        let mut outlet = stream.outlet.lock();
        change(&mut outlet, &mut events);
        for event in events {
            match &event {
                // The key is free once the event is out.
                SpeechEvent::StreamFinished { stream, .. } => {
                    self.streams.lock().remove(stream);
                }
                SpeechEvent::Failed { .. } => add(&self.counters.failed, 1),
                _ => {}
            }
            self.emit(event);
        }
    }

    fn wake_ear(&self) {
        if let Some(ear) = self.ear.lock().as_ref() {
            ear.unpark();
        }
    }

    /// Gives up decoders that take too long, answers for them and puts others in their place.
    fn watch_decoders(self: &Arc<Self>, now: Instant) {
        let mut stuck = Vec::new();
        let limit = self.config.decode_timeout;
        self.decoders
            .lock()
            .slots
            .retain(|slot| match slot.abandon_after(limit, now) {
                Some(running) => {
                    stuck.push(running);
                    false
                }
                None => true,
            });
        for running in stuck {
            tracing::error!(
                stream = running.stream.key.0,
                "a decoder hangs and is given up"
            );
            add(&self.counters.timed_out, 1);
            self.queue.done();
            let message = format!("no words after {} s", limit.as_secs());
            let outcome = Outcome::Failed {
                code: "decode_timeout",
                message,
            };
            self.report(&running.stream, |outlet, events| match running.kind {
                Kind::Interim { .. } => {}
                Kind::Pausing => {
                    outlet.pausing_done(&running.spoken, outcome, events);
                }
                Kind::Final | Kind::Recorded => {
                    outlet.resolve(running.spoken.id, outcome, events);
                }
            });
            let abandoned = {
                let mut decoders = self.decoders.lock();
                decoders.abandoned += 1;
                decoders.abandoned
            };
            // Each left-behind decoder still holds its memory; there must be an end to it.
            if abandoned > 2 * self.config.decoders {
                tracing::error!(abandoned, "too many decoders hang; none is added any more");
            } else if let Err(error) = start_decoder(self, |_| {}) {
                tracing::error!(%error, "a decoder could not be replaced");
            }
        }
    }
}

fn start_ear(shared: &Arc<Shared>) -> std::io::Result<JoinHandle<()>> {
    let inside = Arc::clone(shared);
    // Counted before it runs, so that nobody takes a thread that has not begun for one that left.
    shared.alive.lock().ear = true;
    let started = std::thread::Builder::new()
        .name("ear".to_owned())
        .spawn(move || {
            ear::run(&inside);
            inside.alive.lock().ear = false;
            inside.one_left.notify_all();
        });
    if started.is_err() {
        shared.alive.lock().ear = false;
    }
    started
}

fn start_decoder(
    shared: &Arc<Shared>,
    built: impl FnOnce(Result<Capabilities, SpeechError>) + Send + 'static,
) -> std::io::Result<()> {
    let slot = Arc::new(Slot::default());
    let (inside, its_slot) = (Arc::clone(shared), Arc::clone(&slot));
    shared.alive.lock().decoders += 1;
    let started = std::thread::Builder::new()
        .name("decoder".to_owned())
        .spawn(move || {
            decoder::run(&inside, &its_slot, built);
            inside.alive.lock().decoders -= 1;
            inside.one_left.notify_all();
        });
    match started {
        Ok(thread) => {
            let mut decoders = shared.decoders.lock();
            decoders.slots.push(slot);
            decoders.threads.push(thread);
            Ok(())
        }
        Err(error) => {
            shared.alive.lock().decoders -= 1;
            Err(error)
        }
    }
}

/// The machine. Dropping it stops it without waiting for what is still in it.
///
/// Order of calls: [`start`](Self::start), then any number of [`open`](Self::open) and
/// [`transcribe`](Self::transcribe), at the end [`shutdown`](Self::shutdown).
pub struct Speech {
    shared: Arc<Shared>,
    ear: Mutex<Option<JoinHandle<()>>>,
    capabilities: Capabilities,
}

impl Speech {
    /// Starts all threads and waits until every decoder has its recognizer.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub fn start(
        mut config: SpeechConfig,
        factory: RecognizerFactory,
        sink: Sink,
    ) -> Result<Self, StartError> {
        let mut problems = config.endpoint.problems();
        if config.ring_ms == 0 || config.streams_max == 0 || config.queue_bytes_max < 1 << 20 {
            problems.push("rings, streams and at least 1 MiB of queue are needed".to_owned());
        }
        if !problems.is_empty() {
            return Err(StartError::Config { problems });
        }
        if config.decoders == 0 {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            config.decoders = (cores / 2).max(1);
        }
        let shared = Arc::new(Shared::new(config, factory, sink));
        let ear = start_ear(&shared).map_err(StartError::Thread)?;
        *shared.ear.lock() = Some(ear.thread().clone());
        let capabilities = match start_decoders(&shared) {
            Ok(capabilities) => capabilities,
            Err(error) => {
                stop(&shared);
                return Err(error);
            }
        };
        Ok(Self {
            shared,
            ear: Mutex::new(Some(ear)),
            capabilities,
        })
    }

    /// What the recognizer behind this machine can do.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Opens a live stream. Its sound goes into the tap; dropping the tap closes the stream.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, key: StreamKey, config: StreamConfig) -> Result<StreamTap, OpenError> {
        let shared = &self.shared;
        let decoder = ChunkDecoder::new(config.format, config.encoding, config.sample_rate)?;
        let ring = Ring::new(shared.config.ring_ms, config.encoding, config.sample_rate);
        ring.heard_ms.store(config.base_ms, Ordering::Relaxed);
        let stream = Arc::new(Stream::new(key, ring));
        let mut endpoint = shared.config.endpoint.clone();
        if !config.partials {
            endpoint.first_partial_ms = None;
        }
        let hearing = Hearing::new(
            Arc::clone(&stream),
            decoder,
            endpoint,
            Earshot::default(),
            config.base_ms,
        )?;
        self.admit(&stream)?;
        shared.fresh.lock().push(hearing);
        shared.wake_ear();
        Ok(StreamTap { stream })
    }

    /// Closes a live stream by its key, as dropping its tap does. What was pushed is still heard;
    /// the last event is `StreamFinished`. An unknown key does nothing.
    pub fn close(&self, key: StreamKey) {
        if let Some(stream) = self.shared.streams.lock().get(&key) {
            stream.ring.close();
        }
    }

    /// Transcribes a whole recording (mono, 16 kHz) whose first sample has stream audio time
    /// `base_ms`, at lower priority than live streams. Finals and `StreamFinished` come as events.
    /// Returns once the last utterance is queued; waits for room at most `patience` in all.
    ///
    /// Blocks and computes (about 1 s for an hour of sound): not for threads that serve sockets.
    ///
    /// # Errors
    /// [`OpenError`]. After [`OpenError::Overloaded`] the finals so far and `StreamFinished` come
    /// all the same.
    pub fn transcribe(
        &self,
        key: StreamKey,
        samples: &[f32],
        base_ms: u64,
        patience: Duration,
    ) -> Result<(), OpenError> {
        let shared = &self.shared;
        let deadline = Instant::now() + patience;
        let stream = Arc::new(Stream::new(key, Ring::new(0, Encoding::Raw, 16_000)));
        self.admit(&stream)?;
        let utterances = crate::offline::utterances(samples, base_ms, &shared.config.endpoint);
        let voiced_ms = utterances
            .iter()
            .map(crate::endpoint::Utterance::voiced_ms)
            .sum();
        let mut result = Ok(());
        for utterance in utterances {
            let (spoken, samples) = Spoken::split(utterance);
            if let Err(error) = self.queue_recorded(&stream, spoken, samples, deadline) {
                result = Err(error);
                break;
            }
        }
        let audio_ms = base_ms + samples.len() as u64 / 16;
        shared.report(&stream, |outlet, events| {
            outlet.audio_over(audio_ms, voiced_ms, events)
        });
        result
    }

    fn queue_recorded(
        &self,
        stream: &Arc<Stream>,
        spoken: Spoken,
        samples: Vec<f32>,
        deadline: Instant,
    ) -> Result<(), OpenError> {
        let id = spoken.id;
        stream.outlet.lock().expect(spoken.clone());
        let since = Instant::now();
        let kind = Kind::Recorded;
        let job = Job {
            stream: Arc::clone(stream),
            kind,
            spoken,
            samples,
            since,
            has_yielded: false,
        };
        if let Err(job) = self.shared.queue.submit_recorded(job, deadline) {
            self.shared.report(stream, |outlet, events| {
                let (from_ms, to_ms) = (job.spoken.start_ms, job.spoken.end_ms);
                let reason = GapReason::Overloaded;
                events.push(SpeechEvent::Gap {
                    stream: stream.key,
                    from_ms,
                    to_ms,
                    reason,
                });
                outlet.resolve(id, Outcome::Nothing, events);
            });
            return Err(OpenError::Overloaded);
        }
        self.shared.wake_ear();
        Ok(())
    }

    fn admit(&self, stream: &Arc<Stream>) -> Result<(), OpenError> {
        if self.shared.is_draining.load(Ordering::Acquire) {
            return Err(OpenError::Stopped);
        }
        let mut streams = self.shared.streams.lock();
        if streams.contains_key(&stream.key) {
            return Err(OpenError::Exists(stream.key));
        }
        if streams.len() >= self.shared.config.streams_max {
            return Err(OpenError::TooMany);
        }
        streams.insert(stream.key, Arc::clone(stream));
        Ok(())
    }

    /// A reading of all counters.
    #[must_use]
    pub fn stats(&self) -> SpeechStats {
        let (queued, queued_bytes) = self.shared.queue.size();
        SpeechStats {
            streams: self.shared.streams.lock().len() as u64,
            queued: queued as u64,
            running: self.shared.queue.running() as u64,
            queued_bytes: queued_bytes as u64,
            ..self.shared.counters.read()
        }
    }

    /// The latest decode times in milliseconds, oldest first, at most 4096.
    #[must_use]
    pub fn recent_decode_ms(&self) -> Vec<f32> {
        self.shared.counters.recent_ms()
    }

    /// Closes every stream, lets what is in them be recognized until `patience` is over, and joins
    /// all threads. False when something had to be dropped or a thread still hangs.
    pub fn shutdown(&self, patience: Duration) -> bool {
        let shared = &self.shared;
        let deadline = Instant::now() + patience;
        shared.is_draining.store(true, Ordering::Release);
        shared.wake_ear();
        // The ear leaves by itself once everything is answered.
        let is_drained = wait(shared, deadline, |alive| !alive.ear);
        stop(shared);
        // What computes leaves within a decode; only what hangs takes longer.
        let grace = Instant::now() + Duration::from_secs(1);
        if !wait(shared, grace.max(deadline), |alive| {
            !alive.ear && alive.decoders == 0
        }) {
            return false;
        }
        let threads = std::mem::take(&mut shared.decoders.lock().threads);
        for thread in threads.into_iter().chain(self.ear.lock().take()) {
            let _ = thread.join();
        }
        is_drained
    }
}

/// Waits until the threads are as wished; false when the deadline came first.
fn wait(shared: &Shared, deadline: Instant, is_so: impl Fn(&Alive) -> bool) -> bool {
    let mut alive = shared.alive.lock();
    while !is_so(&alive) {
        if shared.one_left.wait_until(&mut alive, deadline).timed_out() {
            return is_so(&alive);
        }
    }
    true
}

/// Tells all threads to leave.
fn stop(shared: &Shared) {
    shared.is_draining.store(true, Ordering::Release);
    shared.is_stopped.store(true, Ordering::Release);
    shared.queue.stop();
    shared.wake_ear();
}

impl Drop for Speech {
    fn drop(&mut self) {
        stop(&self.shared);
    }
}

fn start_decoders(shared: &Arc<Shared>) -> Result<Capabilities, StartError> {
    const LOADING: Duration = Duration::from_secs(60);
    let (tell, told) = mpsc::channel();
    for _ in 0..shared.config.decoders {
        let tell = tell.clone();
        start_decoder(shared, move |built| {
            let _ = tell.send(built);
        })
        .map_err(StartError::Thread)?;
    }
    let mut capabilities = None;
    for _ in 0..shared.config.decoders {
        let message = "the model took more than a minute to load".to_owned();
        let built = told
            .recv_timeout(LOADING)
            .unwrap_or(Err(SpeechError::Load { message }))
            .map_err(StartError::Recognizer)?;
        capabilities = Some(built);
    }
    match capabilities {
        Some(capabilities) => Ok(capabilities),
        None => unreachable!("at least one decoder is started"),
    }
}

/// Where the sound of one live stream goes in. Dropping it closes the stream.
pub struct StreamTap {
    stream: Arc<Stream>,
}

impl StreamTap {
    /// Hands over one chunk, as the stream's format and encoding have it. Cheap: a reference is
    /// kept, no system call is made, nothing is decoded. Note that the reference keeps the whole
    /// buffer alive that `bytes` is a part of, for up to the ring's 10 s.
    ///
    /// `audio_from_ms` is the stream audio time of the chunk's first sample, counted in sound and
    /// not by a clock, where the sender tells; a jump ahead of more than 100 ms is reported as
    /// [`GapReason::Missing`], and a time that lies back is ignored. With `None` chunks follow
    /// each other without a gap.
    pub fn push(&self, bytes: Bytes, audio_from_ms: Option<u64>) {
        self.stream.ring.push(bytes, audio_from_ms, None);
    }

    /// The same for a chunk that says its own rate in hertz, which may differ from the one before:
    /// another device, another recording. A WAV header wins over it; a rate outside 8–48 kHz
    /// changes nothing.
    pub fn push_at(&self, bytes: Bytes, audio_from_ms: Option<u64>, sample_rate: u32) {
        self.stream
            .ring
            .push(bytes, audio_from_ms, Some(sample_rate));
    }

    /// Which stream this is.
    #[must_use]
    pub fn key(&self) -> StreamKey {
        self.stream.key
    }

    /// Stream audio time the ear has reached, in milliseconds.
    #[must_use]
    pub fn heard_ms(&self) -> u64 {
        self.stream.ring.heard_ms.load(Ordering::Relaxed)
    }

    /// Voice heard so far, in milliseconds.
    #[must_use]
    pub fn voiced_ms(&self) -> u64 {
        self.stream.ring.voiced_ms.load(Ordering::Relaxed)
    }

    /// Closes the stream: what was pushed is still heard, and the last event is `StreamFinished`.
    pub fn close(self) {}
}

impl Drop for StreamTap {
    fn drop(&mut self) {
        self.stream.ring.close();
    }
}
