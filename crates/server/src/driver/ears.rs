//! What is heard in the sessions: the taps that hand a candidate's audio to the recorder and the
//! recognizer, and what both report, turned into inputs.
//!
//! Taps run on io threads under a route's lock: they copy bytes and count, nothing else. Reports
//! come from the recognizer's and the recorder's own threads and go to the inboxes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use engine::Input;
use engine::input::SpeechReport;
use parking_lot::Mutex;
use protocol::client::{AudioFormat, AudioPayload};
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{Participant, SessionId, StreamId};
use protocol::json::base64;
use protocol::time::Mono;
use protocol::value::{Role, Word};
use speech::format::Encoding;
use speech::{Segment, Speech, SpeechEvent, StreamConfig, StreamKey, StreamTap};
use store::audio::{AudioEvent, Chunk, Recorder, StreamKey as RecordKey};

use super::arrivals::Arrivals;
use crate::core::inbox::Inboxes;
use crate::core::route::{Heard, Tap};

/// Streams of one session that are heard at once; a further one closes the oldest.
const STREAMS_MAX: usize = 8;
/// A stream without sound for so long is closed; it is opened again where it goes on.
const IDLE_MS: u64 = 15_000;
/// How often a voice is reported at most, milliseconds.
const VOICED_EVERY_MS: u64 = 1_000;
/// Mean amplitude (of 32,768) from which sound counts as a voice where no recognizer listens.
const LOUD: u64 = 300;

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
    session: SessionId,
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

fn audio_code(code: &str) -> ErrorCode {
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

/// The tap of one session.
pub(crate) struct SessionTap {
    hub: Arc<Hub>,
    speech: Option<Arc<Speech>>,
    recorder: Arc<Recorder>,
    hearing: Arc<Hearing>,
    since: Mono,
    streams: Vec<Stream>,
    voiced_at: Mono,
    /// Members were told that nothing is transcribed.
    told: bool,
}

struct Stream {
    key: RecordKey,
    tap: Option<StreamTap>,
    live: Arc<Live>,
    last: Mono,
    /// How much voice was reported, milliseconds.
    voiced_ms: u64,
}

impl SessionTap {
    pub(crate) fn new(
        hub: Arc<Hub>,
        speech: Option<Arc<Speech>>,
        recorder: Arc<Recorder>,
        session: SessionId,
        since: Mono,
    ) -> Self {
        Self {
            hearing: Hearing::new(session),
            hub,
            speech,
            recorder,
            since,
            streams: Vec::new(),
            voiced_at: Mono(0),
            told: false,
        }
    }

    /// The stream of a chunk, opened if it is not.
    fn stream(&mut self, heard: &Heard<'_>) -> usize {
        let known = |s: &Stream| s.key.stream == heard.stream && s.key.user == *heard.user;
        if let Some(at) = self.streams.iter().position(known) {
            return at;
        }
        if self.streams.len() >= STREAMS_MAX {
            let oldest = self.streams.iter().enumerate().min_by_key(|(_, s)| s.last);
            if let Some((at, _)) = oldest {
                let stream = self.streams.remove(at);
                self.recorder.close(&stream.key);
                self.hub.recorded.lock().remove(&stream.key);
            }
        }
        let key = RecordKey {
            session: self.hearing.session.clone(),
            user: heard.user.clone(),
            stream: heard.stream,
        };
        self.hub
            .recorded
            .lock()
            .insert(key.clone(), heard.participant);
        let (tap, live) = self.open(heard, 0, Arrivals::new(self.since));
        self.streams.push(Stream {
            key,
            tap,
            live,
            last: heard.at,
            voiced_ms: 0,
        });
        self.streams.len() - 1
    }

    /// Opens a stream with the recognizer, from `base_ms` of its time on.
    fn open(
        &mut self,
        heard: &Heard<'_>,
        utterances: u32,
        arrivals: Arrivals,
    ) -> (Option<StreamTap>, Arc<Live>) {
        let base_ms = arrivals.audio_ms();
        let live = Arc::new(Live {
            hearing: Arc::clone(&self.hearing),
            participant: heard.participant,
            stream: heard.stream,
            utterances,
            arrivals: Mutex::new(arrivals),
        });
        let opened = match &self.speech {
            None => Err(ErrorCode::SpeechUnavailable.into()),
            Some(speech) => self.open_with(speech, heard, &live, base_ms),
        };
        let tap = match opened {
            Ok(tap) => Some(tap),
            Err(refusal) => {
                if !std::mem::replace(&mut self.told, true) {
                    let participant = heard.participant;
                    let report = SpeechReport::Failed {
                        participant,
                        refusal,
                    };
                    self.hub.report(&self.hearing.session, report);
                }
                None
            }
        };
        (tap, live)
    }

    fn open_with(
        &self,
        speech: &Speech,
        heard: &Heard<'_>,
        live: &Arc<Live>,
        base_ms: u64,
    ) -> Result<StreamTap, Refusal> {
        let refused = |code: &str, message: String| Refusal::because(audio_code(code), message);
        let format = speech::format::AudioFormat::from_name(heard.format.as_str())
            .map_err(|error| refused(error.code(), error.to_string()))?;
        let key = self.hub.enter(Arc::clone(live));
        self.hearing.opened();
        let config = StreamConfig {
            format,
            encoding: Encoding::Raw,
            sample_rate: heard.sample_rate,
            base_ms,
            partials: true,
        };
        speech.open(key, config).map_err(|error| {
            self.hub.forget(key);
            self.hub.closed(&self.hearing);
            tracing::warn!(session = %self.hearing.session, %error, "stream_not_opened");
            match error {
                speech::OpenError::Audio(error) => refused(error.code(), error.to_string()),
                error => Refusal::because(ErrorCode::SpeechUnavailable, error.to_string()),
            }
        })
    }

    /// Reports a voice, at most once a second.
    fn voiced(&mut self, heard: &Heard<'_>, voice: impl FnOnce(&mut Self) -> bool) {
        if heard.at.since(self.voiced_at) < VOICED_EVERY_MS {
            return;
        }
        if voice(self) {
            self.voiced_at = heard.at;
            let participant = heard.participant;
            let report = SpeechReport::Voiced { participant };
            self.hub.report(&self.hearing.session, report);
        }
    }

    /// Closes what has been silent for long, so that recognizers are there for others.
    fn close_idle(&mut self, now: Mono) {
        for stream in &mut self.streams {
            if stream.tap.is_some() && now.since(stream.last) > IDLE_MS {
                stream.tap = None;
                self.recorder.close(&stream.key);
            }
        }
    }
}

impl Tap for SessionTap {
    fn hear(&mut self, heard: &Heard<'_>) {
        if heard.role != Role::Candidate {
            // Not recorded, but their voice keeps the session awake.
            return self.voiced(heard, |_| is_loud(heard, &raw(heard)));
        }
        let raw = raw(heard);
        let at = self.stream(heard);
        if self.streams[at].tap.is_none() && self.speech.is_some() && !self.told {
            let arrivals = self.streams[at].live.arrivals.lock().clone();
            // Utterances of the time before are fewer than its hundreds of milliseconds.
            let before = u32::try_from(arrivals.audio_ms() / 100).unwrap_or(u32::MAX);
            let (tap, live) = self.open(heard, before, arrivals);
            self.streams[at].tap = tap;
            self.streams[at].live = live;
        }
        let stream = &mut self.streams[at];
        stream.last = heard.at;
        let chunk = Chunk {
            session_ms: heard.at.since(self.since),
            seq: heard.seq,
            format: format_number(heard.format),
            sample_rate: heard.sample_rate,
            payload: raw.clone(),
        };
        self.recorder.append(&stream.key, chunk);
        let from_ms = heard.at_ms.map(u64::from);
        stream.live.arrivals.lock().note(heard, raw.len(), from_ms);
        if let Some(tap) = &stream.tap {
            tap.push(raw.clone(), from_ms);
        }
        self.voiced(heard, |this| {
            let stream = &mut this.streams[at];
            match &stream.tap {
                Some(tap) => {
                    let before = std::mem::replace(&mut stream.voiced_ms, tap.voiced_ms());
                    stream.voiced_ms > before
                }
                None => is_loud(heard, &raw),
            }
        });
        if heard.is_last {
            let stream = &mut self.streams[at];
            stream.tap = None;
            self.recorder.close(&stream.key);
        }
        self.close_idle(heard.at);
    }

    fn flush(self: Box<Self>) {
        for stream in &self.streams {
            self.recorder.close(&stream.key);
        }
        let (hub, hearing) = (Arc::clone(&self.hub), Arc::clone(&self.hearing));
        // Closes the streams; what is in them is still recognized.
        drop(self);
        hub.flush(&hearing);
    }
}

/// The chunk's bytes without base64.
fn raw(heard: &Heard<'_>) -> Bytes {
    match heard.payload {
        AudioPayload::Raw(raw) => Bytes::copy_from_slice(raw),
        AudioPayload::Base64(text) => {
            let mut raw = Vec::with_capacity(base64::decoded_len(text));
            // The door has checked it.
            let _ = base64::decode_into(&mut raw, text);
            Bytes::from(raw)
        }
    }
}

/// Whether sound that nobody looks into more closely is more than silence.
fn is_loud(heard: &Heard<'_>, raw: &[u8]) -> bool {
    match heard.format {
        AudioFormat::Pcm16 => {
            let samples = raw
                .chunks_exact(2)
                .map(|b| i16::from_le_bytes([b[0], b[1]]));
            let sum: u64 = samples.map(|s| u64::from(s.unsigned_abs())).sum();
            sum / (raw.len() as u64 / 2).max(1) >= LOUD
        }
        // Cannot be looked into: whoever sends it is taken to speak.
        AudioFormat::Wav | AudioFormat::Webm | AudioFormat::Ogg => !raw.is_empty(),
    }
}
