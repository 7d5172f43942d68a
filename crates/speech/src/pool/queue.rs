//! What waits for a decoder, and in which order it is served.
//!
//! Finals first, by age; then recordings that have waited long; then the first words of an
//! utterance; then utterances that seem to be over; then other interim words, the longest
//! unserved stream first; recordings last.
//!
//! **Invariants**: at most one interim and one pausing job per stream, the newest; the bytes held
//! stay below the limit, live and recorded sound each having their own share.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::StreamKey;
use super::outlet::Stream;
use crate::segment::Spoken;

#[cfg(test)]
mod tests;

/// A recording's utterance that waited this long goes before interim words.
const RECORDED_WAIT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An utterance that ended in a live stream.
    Final,
    /// One that is probably over.
    Pausing,
    /// One that runs; `first` when nothing of it was shown yet.
    Interim { first: bool },
    /// An utterance of a recording.
    Recorded,
}

pub(super) struct Job {
    pub(super) stream: Arc<Stream>,
    pub(super) kind: Kind,
    pub(super) spoken: Spoken,
    pub(super) samples: Vec<f32>,
    /// When it, or the job it replaced, was queued.
    pub(super) since: Instant,
    /// It made way once and need not do so again.
    pub(super) has_yielded: bool,
}

impl Job {
    /// Whether interim words of others make way for it.
    fn is_urgent(&self) -> bool {
        matches!(
            self.kind,
            Kind::Final | Kind::Pausing | Kind::Interim { first: true }
        )
    }

    /// Replacing must not send a stream to the end of the line, nor its first words among others'
    /// later ones.
    fn inherit(&mut self, old: &Job) {
        if let (Kind::Interim { first }, Kind::Interim { first: was_first }) =
            (&mut self.kind, old.kind)
        {
            *first |= was_first && old.spoken.id == self.spoken.id;
            self.since = old.since;
        }
    }

    fn bytes(&self) -> usize {
        self.samples.len() * size_of::<f32>()
    }
}

pub(super) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    room: Condvar,
    bytes_max: usize,
    /// Jobs waiting that interim words have to make way for.
    urgent: AtomicUsize,
}

#[derive(Default)]
struct State {
    finals: VecDeque<Job>,
    pausing: VecDeque<Job>,
    interim: VecDeque<Job>,
    recorded: VecDeque<Job>,
    live_bytes: usize,
    recorded_bytes: usize,
    running: usize,
    is_stopped: bool,
}

impl Queue {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            work: Condvar::new(),
            room: Condvar::new(),
            bytes_max,
            urgent: AtomicUsize::new(0),
        }
    }

    /// Queues live work; gives the job back when the share of live sound is used up. The number is
    /// how many older jobs of the stream it replaced.
    pub(super) fn submit(&self, mut job: Job) -> Result<usize, Box<Job>> {
        let mut state = self.state.lock();
        let mut replaced = 0;
        let key = job.stream.key;
        for is_pausing in [false, true] {
            let list = if is_pausing {
                &mut state.pausing
            } else {
                &mut state.interim
            };
            if let Some(at) = list.iter().position(|other| other.stream.key == key)
                && let Some(old) = list.remove(at)
            {
                state.live_bytes -= old.bytes();
                replaced += 1;
                job.inherit(&old);
            }
        }
        if state.is_stopped || state.live_bytes + job.bytes() > self.bytes_max {
            return Err(Box::new(job));
        }
        state.live_bytes += job.bytes();
        match job.kind {
            Kind::Final | Kind::Recorded => state.finals.push_back(job),
            Kind::Pausing => state.pausing.push_back(job),
            Kind::Interim { .. } => state.interim.push_back(job),
        }
        self.urgent.store(state.urgent(), Ordering::Relaxed);
        drop(state);
        self.work.notify_one();
        Ok(replaced)
    }

    /// The stream's pausing utterance has ended: it goes to the finals, if it is still here and not
    /// with a decoder already.
    pub(super) fn promote(&self, stream: StreamKey) {
        let mut state = self.state.lock();
        let at = state
            .pausing
            .iter()
            .position(|job| job.stream.key == stream);
        if let Some(mut job) = at.and_then(|at| state.pausing.remove(at)) {
            job.kind = Kind::Final;
            state.finals.push_back(job);
        }
    }

    /// The stream's utterance goes on after a pause; true when a job was dropped for it.
    pub(super) fn withdraw_pausing(&self, stream: StreamKey) -> bool {
        let mut state = self.state.lock();
        let at = state
            .pausing
            .iter()
            .position(|job| job.stream.key == stream);
        match at.and_then(|at| state.pausing.remove(at)) {
            Some(job) => {
                state.live_bytes -= job.bytes();
                self.urgent.store(state.urgent(), Ordering::Relaxed);
                true
            }
            None => false,
        }
    }

    /// Queues an utterance of a recording, waiting for room until `deadline`.
    pub(super) fn submit_recorded(&self, job: Job, deadline: Instant) -> Result<(), Box<Job>> {
        let mut state = self.state.lock();
        // One utterance always fits, whatever its length.
        while state.recorded_bytes > 0 && state.recorded_bytes + job.bytes() > self.bytes_max / 4 {
            if state.is_stopped || self.room.wait_until(&mut state, deadline).timed_out() {
                return Err(Box::new(job));
            }
        }
        if state.is_stopped {
            return Err(Box::new(job));
        }
        state.recorded_bytes += job.bytes();
        state.recorded.push_back(job);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// The next job; waits for one. `None` once the queue is stopped. Each job taken has to be
    /// answered with [`done`](Self::done).
    pub(super) fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if state.is_stopped {
                return None;
            }
            if let Some(job) = state.pick(Instant::now()) {
                state.running += 1;
                self.urgent.store(state.urgent(), Ordering::Relaxed);
                if job.kind == Kind::Recorded {
                    state.recorded_bytes -= job.bytes();
                    self.room.notify_all();
                } else {
                    state.live_bytes -= job.bytes();
                }
                return Some(job);
            }
            self.work.wait(&mut state);
        }
    }

    pub(super) fn done(&self) {
        self.state.lock().running -= 1;
    }

    /// Whether something waits that interim words have to make way for.
    pub(super) fn has_urgent(&self) -> bool {
        self.urgent.load(Ordering::Relaxed) > 0
    }

    /// Puts interim work back that made way, in its old place, unless newer work of its stream has
    /// come. True when it is back.
    pub(super) fn put_back(&self, mut job: Job) -> bool {
        let mut state = self.state.lock();
        let key = job.stream.key;
        let is_superseded = [&state.finals, &state.pausing, &state.interim]
            .into_iter()
            .flatten()
            .any(|other| other.stream.key == key);
        if is_superseded || state.is_stopped {
            return false;
        }
        job.has_yielded = true;
        state.live_bytes += job.bytes();
        state.interim.push_back(job);
        drop(state);
        self.work.notify_one();
        true
    }

    /// Nothing waits and nothing runs.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state.lock();
        state.running == 0 && state.len() == 0
    }

    /// Jobs waiting and the bytes they hold.
    pub(super) fn size(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.len(), state.live_bytes + state.recorded_bytes)
    }

    /// Jobs that decoders have taken and not answered.
    pub(super) fn running(&self) -> usize {
        self.state.lock().running
    }

    /// Drops what waits and lets everybody go.
    pub(super) fn stop(&self) {
        let mut state = self.state.lock();
        *state = State {
            running: state.running,
            is_stopped: true,
            ..State::default()
        };
        self.urgent.store(0, Ordering::Relaxed);
        drop(state);
        self.work.notify_all();
        self.room.notify_all();
    }
}

impl State {
    fn urgent(&self) -> usize {
        self.finals.len()
            + self.pausing.len()
            + self.interim.iter().filter(|job| job.is_urgent()).count()
    }

    fn len(&self) -> usize {
        self.finals.len() + self.pausing.len() + self.interim.len() + self.recorded.len()
    }

    fn pick(&mut self, now: Instant) -> Option<Job> {
        if let Some(job) = self.finals.pop_front() {
            return Some(job);
        }
        let waits_long = |job: &Job| now.saturating_duration_since(job.since) >= RECORDED_WAIT;
        if self.recorded.front().is_some_and(waits_long) {
            return self.recorded.pop_front();
        }
        let is_first = |job: &Job| job.kind == Kind::Interim { first: true };
        oldest(&mut self.interim, is_first)
            .or_else(|| oldest(&mut self.pausing, |_| true))
            .or_else(|| oldest(&mut self.interim, |_| true))
            .or_else(|| self.recorded.pop_front())
    }
}

fn oldest(list: &mut VecDeque<Job>, fits: impl Fn(&Job) -> bool) -> Option<Job> {
    let at = list
        .iter()
        .enumerate()
        .filter(|(_, job)| fits(job))
        .min_by_key(|(_, job)| job.since)
        .map(|(at, _)| at)?;
    list.remove(at)
}
