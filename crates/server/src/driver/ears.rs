//! What the recognizer and the recorder report of the sessions, turned into inputs. Reports come
//! from their own threads and go to the inboxes. What goes in to them is in `taps`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::Input;
use engine::input::SpeechReport;
use parking_lot::Mutex;
use protocol::client::AudioFormat;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{Participant, SessionId, StreamId};
use protocol::value::Word;
use speech::{Segment, SpeechEvent, StreamKey};
use store::audio::{AudioEvent, StreamKey as RecordKey};

use super::arrivals::Arrivals;
use crate::core::inbox::Inboxes;

/// Where reports are sorted: by the recognizer's key and by the recorder's.
pub(crate) struct Hub {
    inboxes: Arc<Inboxes>,
    next: AtomicU64,
    listeners: Mutex<HashMap<StreamKey, Listener>>,
    recorded: Mutex<HashMap<RecordKey, Participant>>,
}

/// Whom a stream's words are for.
enum Listener {
    Live(Arc<Live>),
    Once {
        session: SessionId,
        request: u32,
        words: Vec<Segment>,
        failed: Option<Refusal>,
    },
}

/// A stream that is heard.
pub(crate) struct Live {
    pub(crate) hearing: Arc<Hearing>,
    pub(crate) participant: Participant,
    pub(crate) stream: StreamId,
    /// Utterances of this stream before it was opened (again).
    pub(crate) utterances: u32,
    pub(crate) arrivals: Mutex<Arrivals>,
}

/// All streams of one session.
pub(crate) struct Hearing {
    pub(crate) session: SessionId,
    state: Mutex<HearingState>,
}

#[derive(Default)]
struct HearingState {
    open: usize,
    flushing: bool,
    flushed: bool,
}

impl Hearing {
    pub(crate) fn new(session: SessionId) -> Arc<Self> {
        Arc::new(Self {
            session,
            state: Mutex::default(),
        })
    }

    pub(crate) fn opened(&self) {
        self.state.lock().open += 1;
    }

    /// Changes the state; true when this made everything finished.
    fn change(&self, change: impl FnOnce(&mut HearingState)) -> bool {
        let mut state = self.state.lock();
        change(&mut state);
        let done = state.flushing && state.open == 0 && !state.flushed;
        state.flushed |= done;
        done
    }
}

impl Hub {
    pub(crate) fn new(inboxes: Arc<Inboxes>) -> Arc<Self> {
        Arc::new(Self {
            inboxes,
            next: AtomicU64::new(1),
            listeners: Mutex::default(),
            recorded: Mutex::default(),
        })
    }

    /// Enters a stream under a key nobody had.
    pub(crate) fn enter(&self, live: Arc<Live>) -> StreamKey {
        self.put(Listener::Live(live))
    }

    /// Enters a single piece to be recognized.
    pub(crate) fn enter_once(&self, session: SessionId, request: u32) -> StreamKey {
        self.put(Listener::Once {
            session,
            request,
            words: Vec::new(),
            failed: None,
        })
    }

    fn put(&self, listener: Listener) -> StreamKey {
        let key = StreamKey(self.next.fetch_add(1, Ordering::Relaxed));
        self.listeners.lock().insert(key, listener);
        key
    }

    /// Takes a stream out that was never opened.
    pub(crate) fn forget(&self, key: StreamKey) {
        self.listeners.lock().remove(&key);
    }

    /// From now on what the recorder says of this stream is told to this member.
    pub(crate) fn recorded(&self, key: RecordKey, participant: Participant) {
        self.recorded.lock().insert(key, participant);
    }

    /// Nothing more is recorded of this stream.
    pub(crate) fn unrecorded(&self, key: &RecordKey) {
        self.recorded.lock().remove(key);
    }

    /// The session's audio is deleted: nothing of it will be acknowledged.
    pub(crate) fn forget_session(&self, session: &SessionId) {
        self.recorded
            .lock()
            .retain(|key, _| key.session != *session);
    }

    pub(crate) fn report(&self, session: &SessionId, report: SpeechReport) {
        self.inboxes.post(Input::Speech {
            session: session.clone(),
            report,
        });
    }

    /// A stream of the session is over.
    pub(crate) fn closed(&self, hearing: &Hearing) {
        if hearing.change(|state| state.open = state.open.saturating_sub(1)) {
            self.report(&hearing.session, SpeechReport::Flushed);
        }
    }

    /// No further stream of the session will be opened.
    pub(crate) fn flush(&self, hearing: &Hearing) {
        if hearing.change(|state| state.flushing = true) {
            self.report(&hearing.session, SpeechReport::Flushed);
        }
    }

    /// The recorder has something to say. On its thread.
    pub(crate) fn recorder_told(&self, event: AudioEvent) {
        match event {
            AudioEvent::Synced { key, seq } => {
                let participant = self.recorded.lock().get(&key).copied();
                if let Some(participant) = participant {
                    self.inboxes.post(Input::AudioStored {
                        session: key.session,
                        participant,
                        stream: key.stream,
                        seq,
                    });
                }
            }
            AudioEvent::AudioUnsafe { key, from } => {
                tracing::error!(session = %key.session, stream = %key.stream, from, "audio_unsafe");
            }
        }
    }

    /// The recognizer has something to say. On one of its threads.
    pub(crate) fn recognizer_told(&self, event: SpeechEvent) {
        let key = event.stream();
        let over = matches!(event, SpeechEvent::StreamFinished { .. });
        let live = {
            let mut listeners = self.listeners.lock();
            match listeners.get_mut(&key) {
                Some(Listener::Live(live)) => Some(Arc::clone(live)),
                Some(Listener::Once { words, failed, .. }) => {
                    match &event {
                        SpeechEvent::Final { segment, .. } => words.push(segment.clone()),
                        SpeechEvent::Failed { .. } | SpeechEvent::Gap { .. } => {
                            *failed = Some(Refusal::new(ErrorCode::TimedOut));
                        }
                        _ => {}
                    }
                    None
                }
                None => None,
            }
        };
        if let Some(live) = live
            && let Some(report) = live.report(&event)
        {
            self.report(&live.hearing.session, report);
        }
        if over {
            let listener = self.listeners.lock().remove(&key);
            match listener {
                Some(Listener::Live(live)) => self.closed(&live.hearing),
                Some(Listener::Once {
                    session,
                    request,
                    words,
                    failed,
                }) => {
                    let result = match failed {
                        Some(refusal) if words.is_empty() => Err(refusal),
                        _ => Ok(joined(&words)),
                    };
                    self.report(&session, SpeechReport::Once { request, result });
                }
                None => {}
            }
        }
    }
}

/// One text out of several segments.
fn joined(segments: &[Segment]) -> (String, Vec<Word>, f32) {
    let texts: Vec<&str> = segments.iter().map(|s| s.text.as_str()).collect();
    let words: Vec<Word> = segments.iter().flat_map(|s| words(&s.words)).collect();
    let count = words.len().max(1) as f32;
    let confidence = words.iter().map(|w| w.confidence).sum::<f32>() / count;
    (texts.join(" "), words, confidence)
}

fn words(heard: &[speech::Word]) -> Vec<Word> {
    let word = |word: &speech::Word| Word {
        text: word.text.clone(),
        start_ms: word.start_ms,
        end_ms: word.end_ms,
        confidence: word.confidence,
    };
    heard.iter().map(word).collect()
}

impl Live {
    /// The recognizer counts from 1 in each opening; the wire from 0 in a stream.
    fn utterance(&self, n: u64) -> u32 {
        let n = u32::try_from(n.saturating_sub(1)).unwrap_or(u32::MAX);
        self.utterances.saturating_add(n)
    }

    fn report(&self, event: &SpeechEvent) -> Option<SpeechReport> {
        let (participant, stream) = (self.participant, self.stream);
        let gap = |start_ms, end_ms| SpeechReport::Gap {
            participant,
            stream,
            start_ms,
            end_ms,
        };
        Some(match event {
            SpeechEvent::Partial {
                utterance,
                start_ms,
                stable,
                unstable,
                ..
            } => {
                let all: Vec<speech::Word> = stable.iter().chain(unstable).cloned().collect();
                SpeechReport::Partial {
                    participant,
                    stream,
                    utterance: self.utterance(*utterance),
                    text: speech::join(&all),
                    stable: u32::try_from(stable.len()).unwrap_or(u32::MAX),
                    start_ms: *start_ms,
                    end_ms: all.last().map_or(*start_ms, |word| word.end_ms),
                }
            }
            SpeechEvent::Final {
                utterance, segment, ..
            } => {
                let middle = segment.start_ms.midpoint(segment.end_ms);
                SpeechReport::Final {
                    participant,
                    stream,
                    utterance: self.utterance(*utterance),
                    text: segment.text.clone(),
                    words: words(&segment.words),
                    start_ms: segment.start_ms,
                    end_ms: segment.end_ms,
                    at_ms: self.arrivals.lock().session_ms(middle),
                    confidence: segment.confidence,
                }
            }
            SpeechEvent::Discarded { utterance, .. } => SpeechReport::Partial {
                participant,
                stream,
                utterance: self.utterance(*utterance),
                text: String::new(),
                stable: 0,
                start_ms: 0,
                end_ms: 0,
            },
            SpeechEvent::Failed {
                start_ms,
                end_ms,
                code,
                ..
            } => {
                tracing::warn!(session = %self.hearing.session, code, "recognition_failed");
                gap(*start_ms, *end_ms)
            }
            SpeechEvent::Gap { from_ms, to_ms, .. } => gap(*from_ms, *to_ms),
            SpeechEvent::AudioError { code, message, .. } => SpeechReport::Failed {
                participant,
                refusal: Refusal::because(audio_code(code), message.clone()),
            },
            SpeechEvent::StreamFinished { .. } => return None,
        })
    }
}

pub(crate) fn audio_code(code: &str) -> ErrorCode {
    match code {
        "unsupported_format" => ErrorCode::UnsupportedFormat,
        "unsupported_sample_rate" => ErrorCode::UnsupportedSampleRate,
        _ => ErrorCode::BadAudio,
    }
}

/// The number a recorded chunk names its format by.
pub(crate) fn format_number(format: AudioFormat) -> u8 {
    match format {
        AudioFormat::Pcm16 => 0,
        AudioFormat::Wav => 1,
        AudioFormat::Webm => 2,
        AudioFormat::Ogg => 3,
    }
}

/// The recognizer's name for a recorded chunk's format; none for what it does not understand.
pub(crate) fn recorded_format(number: u8) -> Option<speech::format::AudioFormat> {
    match number {
        0 => Some(speech::format::AudioFormat::Pcm16),
        1 => Some(speech::format::AudioFormat::Wav),
        _ => None,
    }
}
