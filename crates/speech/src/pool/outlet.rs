//! One stream's results on their way out: in order, each utterance answered once.
//!
//! Decoders finish in any order; here finals wait for those before them, interim words that came
//! too late are dropped, and words recognized in a pause become the final when the pause turns out
//! to be the end.
//!
//! **Invariants**: finals, discards and failures of a stream leave in the order of their
//! utterances; no interim words leave after them; `StreamFinished` leaves last, once.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::event::{SpeechEvent, StreamKey, Timing};
use super::ring::Ring;
use crate::agree::Agreement;
use crate::recognizer::Word;
use crate::segment::{Segment, Spoken};

#[cfg(test)]
mod tests;

/// What everybody who works on a stream shares.
pub(super) struct Stream {
    pub(super) key: StreamKey,
    pub(super) ring: Ring,
    pub(super) outlet: Mutex<Outlet>,
}

impl Stream {
    pub(super) fn new(key: StreamKey, ring: Ring) -> Self {
        Self {
            key,
            ring,
            outlet: Mutex::new(Outlet::new(key)),
        }
    }
}

/// What a decoder made of an utterance.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    Words(Segment, Timing),
    /// No speech in it.
    Nothing,
    Failed {
        code: &'static str,
        message: String,
    },
}

/// What has to be done about an utterance that ended after a pause.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its words were ready and are on their way out.
    Answered,
    /// Its job exists and has to come sooner.
    Promote,
    /// There is no job for it yet.
    Submit,
}

#[derive(Debug)]
pub(super) struct Outlet {
    key: StreamKey,
    pending: VecDeque<Pending>,
    /// Highest utterance that was answered or is awaited.
    ended: u64,
    interim: Shown,
    pausing: Option<Pausing>,
    /// Audio and voice in milliseconds, once the stream is over.
    over: Option<(u64, u64)>,
    is_finished: bool,
}

#[derive(Debug)]
struct Pending {
    spoken: Spoken,
    outcome: Option<Outcome>,
}

#[derive(Debug, Default)]
struct Shown {
    utterance: u64,
    until_ms: u64,
    agreement: Agreement,
}

/// An early recognition, known by the place it reaches to.
#[derive(Debug)]
struct Pausing {
    utterance: u64,
    end_ms: u64,
    outcome: Option<Outcome>,
}

impl Outlet {
    fn new(key: StreamKey) -> Self {
        Self {
            key,
            pending: VecDeque::new(),
            ended: 0,
            interim: Shown::default(),
            pausing: None,
            over: None,
            is_finished: false,
        }
    }

    /// Interim words arrived.
    pub(super) fn interim(
        &mut self,
        spoken: &Spoken,
        words: Vec<Word>,
        events: &mut Vec<SpeechEvent>,
    ) {
        let is_late = spoken.id <= self.ended && !self.is_awaited(spoken.id);
        let is_older = self.interim.utterance > spoken.id
            || (self.interim.utterance == spoken.id && self.interim.until_ms >= spoken.end_ms);
        if is_late || is_older || words.is_empty() {
            return;
        }
        if self.interim.utterance != spoken.id {
            self.interim = Shown {
                utterance: spoken.id,
                ..Shown::default()
            };
        }
        self.interim.until_ms = spoken.end_ms;
        let shown = self.interim.agreement.update(words);
        events.push(SpeechEvent::Partial {
            stream: self.key,
            utterance: spoken.id,
            start_ms: spoken.voiced.first().map_or(spoken.start_ms, |span| span.0),
            stable: shown.stable,
            unstable: shown.unstable,
        });
    }

    /// A decoder is asked about an utterance that is probably over.
    pub(super) fn pausing_began(&mut self, spoken: &Spoken) {
        self.pausing = Some(Pausing {
            utterance: spoken.id,
            end_ms: spoken.end_ms,
            outcome: None,
        });
    }

    /// The pause was none, or nobody could be asked.
    pub(super) fn pausing_void(&mut self) {
        self.pausing = None;
    }

    /// The words of a pausing utterance arrived: its final, when it has ended by now; else kept
    /// until it has, and shown as interim words meanwhile. True when they became the final.
    pub(super) fn pausing_done(
        &mut self,
        spoken: &Spoken,
        outcome: Outcome,
        events: &mut Vec<SpeechEvent>,
    ) -> bool {
        if self.is_awaited(spoken.id) && self.reaches(spoken) {
            self.resolve(spoken.id, outcome, events);
            return true;
        }
        if let Outcome::Words(segment, _) = &outcome {
            self.interim(spoken, segment.words.clone(), events);
        }
        if let Some(pausing) = &mut self.pausing
            && pausing.utterance == spoken.id
            && pausing.end_ms == spoken.end_ms
        {
            match outcome {
                // Let the end of the utterance have a second try.
                Outcome::Failed { .. } => self.pausing = None,
                outcome => pausing.outcome = Some(outcome),
            }
        }
        false
    }

    /// Whether the awaited utterance is the one recognized, not a later, longer form of it.
    fn reaches(&self, spoken: &Spoken) -> bool {
        self.pending
            .iter()
            .any(|p| p.spoken.id == spoken.id && p.spoken.end_ms == spoken.end_ms)
    }

    /// A live utterance ended.
    pub(super) fn ended(
        &mut self,
        spoken: Spoken,
        was_pausing: bool,
        events: &mut Vec<SpeechEvent>,
    ) -> Ended {
        let (id, end_ms) = (spoken.id, spoken.end_ms);
        self.expect(spoken);
        let pausing = self.pausing.take();
        match pausing.filter(|p| was_pausing && p.utterance == id && p.end_ms == end_ms) {
            Some(Pausing {
                outcome: Some(mut outcome),
                ..
            }) => {
                if let Outcome::Words(_, timing) = &mut outcome {
                    timing.was_ready = true;
                }
                self.resolve(id, outcome, events);
                Ended::Answered
            }
            Some(_) => Ended::Promote,
            None => Ended::Submit,
        }
    }

    /// An answer for this utterance will come by [`resolve`](Self::resolve).
    pub(super) fn expect(&mut self, spoken: Spoken) {
        self.ended = self.ended.max(spoken.id);
        self.pending.push_back(Pending {
            spoken,
            outcome: None,
        });
    }

    /// The answer for an awaited utterance; a second answer is dropped.
    pub(super) fn resolve(&mut self, id: u64, outcome: Outcome, events: &mut Vec<SpeechEvent>) {
        let waiting = self
            .pending
            .iter_mut()
            .find(|p| p.spoken.id == id && p.outcome.is_none());
        if let Some(pending) = waiting {
            pending.outcome = Some(outcome);
        }
        while let Some(Pending {
            outcome: Some(_), ..
        }) = self.pending.front()
        {
            let Some(Pending {
                spoken,
                outcome: Some(outcome),
            }) = self.pending.pop_front()
            else {
                break;
            };
            events.push(self.answer(&spoken, outcome));
        }
        self.finish(events);
    }

    /// The stream is over; it ends once every awaited answer is out.
    pub(super) fn audio_over(
        &mut self,
        audio_ms: u64,
        voiced_ms: u64,
        events: &mut Vec<SpeechEvent>,
    ) {
        self.over = Some((audio_ms, voiced_ms));
        self.finish(events);
    }

    pub(super) fn is_awaited(&self, id: u64) -> bool {
        self.pending
            .iter()
            .any(|p| p.spoken.id == id && p.outcome.is_none())
    }

    fn finish(&mut self, events: &mut Vec<SpeechEvent>) {
        if let Some((audio_ms, voiced_ms)) = self.over
            && self.pending.is_empty()
            && !std::mem::replace(&mut self.is_finished, true)
        {
            events.push(SpeechEvent::StreamFinished {
                stream: self.key,
                audio_ms,
                voiced_ms,
            });
        }
    }

    fn answer(&self, spoken: &Spoken, outcome: Outcome) -> SpeechEvent {
        let (stream, utterance) = (self.key, spoken.id);
        match outcome {
            Outcome::Words(segment, timing) => SpeechEvent::Final {
                stream,
                utterance,
                segment,
                timing,
            },
            Outcome::Nothing => SpeechEvent::Discarded { stream, utterance },
            Outcome::Failed { code, message } => SpeechEvent::Failed {
                stream,
                utterance,
                start_ms: spoken.start_ms,
                end_ms: spoken.end_ms,
                code,
                message,
            },
        }
    }
}
