//! The decoders: threads at low priority, each with its own recognizer.
//!
//! A recognizer that panics is thrown away and built anew; one that hangs is left behind with its
//! thread, and another takes its place.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Shared;
use super::event::Timing;
use super::outlet::{Outcome, Stream};
use super::queue::{Job, Kind};
use super::stats::add;
use crate::recognizer::{Capabilities, Recognizer, SpeechError, Transcript, WordTimes};
use crate::segment::{Spoken, segment, words};

/// After a recognizer could not be built, the next try waits this long.
const REBUILD_PAUSE: Duration = Duration::from_secs(1);

/// What a decoder is doing, for the ear to watch.
#[derive(Default)]
pub(super) struct Slot {
    state: Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    running: Option<Running>,
    is_abandoned: bool,
}

pub(super) struct Running {
    pub(super) since: Instant,
    pub(super) stream: Arc<Stream>,
    pub(super) kind: Kind,
    pub(super) spoken: Spoken,
}

impl Slot {
    fn begin(&self, job: &Job) {
        self.state.lock().running = Some(Running {
            since: Instant::now(),
            stream: Arc::clone(&job.stream),
            kind: job.kind,
            spoken: job.spoken.clone(),
        });
    }

    /// False when the decoder was given up meanwhile: its result must not be used.
    fn end(&self) -> bool {
        let mut state = self.state.lock();
        state.running = None;
        !state.is_abandoned
    }

    /// Gives the decoder up when its work began before `limit` ago.
    pub(super) fn abandon_after(&self, limit: Duration, now: Instant) -> Option<Running> {
        let mut state = self.state.lock();
        let since = state.running.as_ref()?.since;
        if now.saturating_duration_since(since) <= limit {
            return None;
        }
        state.is_abandoned = true;
        state.running.take()
    }
}

/// A recognizer, or when to try again to get one.
struct Workplace {
    recognizer: Option<Box<dyn Recognizer>>,
    times_are_estimated: bool,
    retry_at: Instant,
}

impl Workplace {
    fn build(&mut self, shared: &Shared) -> Result<Capabilities, SpeechError> {
        let built = catch_unwind(AssertUnwindSafe(|| (shared.factory)())).unwrap_or_else(|panic| {
            Err(SpeechError::Load {
                message: panic_text(panic),
            })
        });
        match built {
            Ok(recognizer) => {
                let capabilities = recognizer.capabilities();
                self.times_are_estimated = capabilities.word_times == WordTimes::Estimated;
                self.recognizer = Some(recognizer);
                Ok(capabilities)
            }
            Err(error) => {
                self.retry_at = Instant::now() + REBUILD_PAUSE;
                Err(error)
            }
        }
    }
}

/// Runs one decoder until the queue stops or it is given up. `built` hears once whether the first
/// recognizer could be had.
pub(super) fn run(
    shared: &Arc<Shared>,
    slot: &Slot,
    built: impl FnOnce(Result<Capabilities, SpeechError>),
) {
    if let Err(error) = rustix::process::nice(shared.config.nice) {
        tracing::debug!(%error, "a decoder keeps its priority");
    }
    let mut place = Workplace {
        recognizer: None,
        times_are_estimated: true,
        retry_at: Instant::now(),
    };
    // A decoder without a recognizer still answers, and tries again; when the pool cannot start
    // for it, the queue is stopped.
    built(place.build(shared));
    while let Some(job) = shared.queue.next() {
        slot.begin(&job);
        let started = Instant::now();
        let result = recognize(&mut place, shared, &job);
        if !slot.end() {
            return;
        }
        match result.transpose() {
            None => {
                let is_back = shared.queue.put_back(job);
                add(&shared.counters.yielded, 1);
                add(&shared.counters.superseded, u64::from(!is_back));
            }
            Some(result) => finish(shared, &job, result, started, place.times_are_estimated),
        }
        shared.queue.done();
        if place.recognizer.is_none() && Instant::now() >= place.retry_at {
            // A failure shows at the next job; trying here only saves that job the loading time.
            let _ = place.build(shared);
        }
    }
}

/// Counts and delivers what a decode gave.
fn finish(
    shared: &Shared,
    job: &Job,
    result: Result<Transcript, Failure>,
    started: Instant,
    estimated: bool,
) {
    let took = started.elapsed();
    let timing = Timing {
        queued_ms: started.saturating_duration_since(job.since).as_secs_f32() * 1_000.0,
        decode_ms: took.as_secs_f32() * 1_000.0,
        was_ready: false,
    };
    count(shared, job.kind, took);
    let delivered = catch_unwind(AssertUnwindSafe(|| {
        deliver(shared, job, result, timing, estimated);
    }));
    if delivered.is_err() {
        tracing::error!(
            stream = job.stream.key.0,
            "whoever listens to speech panicked"
        );
    }
}

fn count(shared: &Shared, kind: Kind, took: Duration) {
    let counters = &shared.counters;
    counters.decoded(took);
    match kind {
        Kind::Final | Kind::Recorded => add(&counters.decodes_final, 1),
        Kind::Pausing => add(&counters.decodes_pausing, 1),
        Kind::Interim { .. } => add(&counters.decodes_interim, 1),
    }
}

/// Why there are no words: a code and a sentence.
type Failure = (&'static str, String);

/// The job's words; `None` when it made way for more urgent work.
fn recognize(
    place: &mut Workplace,
    shared: &Shared,
    job: &Job,
) -> Result<Option<Transcript>, Failure> {
    if place.recognizer.is_none() && Instant::now() >= place.retry_at {
        let _ = place.build(shared);
    }
    let Some(recognizer) = &mut place.recognizer else {
        return Err((
            "recognizer_unavailable",
            "the recognizer could not be loaded".to_owned(),
        ));
    };
    let may_yield = job.kind == Kind::Interim { first: false } && !job.has_yielded;
    let is_wanted = || !(may_yield && shared.queue.has_urgent());
    let run = || recognizer.transcribe_while(&job.samples, &is_wanted);
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(|error| (error.code(), error.to_string())),
        Err(panic) => {
            let message = panic_text(panic);
            tracing::error!(message, "a recognizer panicked and is built anew");
            add(&shared.counters.panics, 1);
            place.recognizer = None;
            Err(("recognizer_panicked", message))
        }
    }
}

fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}

fn deliver(
    shared: &Shared,
    job: &Job,
    result: Result<Transcript, Failure>,
    timing: Timing,
    estimated: bool,
) {
    let spoken = &job.spoken;
    if matches!(job.kind, Kind::Interim { .. }) {
        match result {
            Ok(transcript) => shared.report(&job.stream, |outlet, events| {
                outlet.interim(spoken, words(spoken, transcript, estimated), events);
            }),
            Err((code, message)) => tracing::warn!(code, message, "no interim words"),
        }
        return;
    }
    let outcome = match result {
        Ok(transcript) => segment(spoken, transcript, estimated)
            .map_or(Outcome::Nothing, |segment| Outcome::Words(segment, timing)),
        Err((code, message)) => Outcome::Failed { code, message },
    };
    shared.report(&job.stream, |outlet, events| match job.kind {
        Kind::Pausing => {
            if outlet.pausing_done(spoken, outcome, events) {
                add(&shared.counters.pausing_used, 1);
            }
        }
        _ => outlet.resolve(spoken.id, outcome, events),
    });
}
