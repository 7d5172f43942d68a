//! The taps that hand a candidate's audio to the recorder and the recognizer. They run on io threads
//! under a route's lock: they copy bytes and count, nothing else.
//!
//! A stream outlives connections and processes: a page that comes back sends again what was not
//! acknowledged, and what was heard already is not heard twice (`Numbers`). In a session taken over
//! from a dead process a stream first waits until `rehear` has looked into its file and goes on
//! where the last stored words end.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use engine::input::SpeechReport;
use parking_lot::Mutex;
use protocol::client::{AudioFormat, AudioPayload};
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{Participant, SessionId, StreamId};
use protocol::json::base64;
use protocol::time::Mono;
use protocol::value::Role;
use speech::format::Encoding;
use speech::{Speech, StreamConfig, StreamTap};
use store::audio::{Chunk, Recorder, StreamKey as RecordKey};

use super::arrivals::Arrivals;
use super::ears::{Hearing, Hub, Live, audio_code, format_number};
use super::rehear::{Claim, Rehear};
use crate::core::route::{Heard, Tap};

/// Streams of one session that are heard at once; a further one closes the oldest.
const STREAMS_MAX: usize = 8;
/// A stream without sound for so long is closed; it is opened again where it goes on.
const IDLE_MS: u64 = 15_000;
/// How often a voice is reported at most, milliseconds.
const VOICED_EVERY_MS: u64 = 1_000;
/// Mean amplitude (of 32,768) from which sound counts as a voice where no recognizer listens.
const LOUD: u64 = 300;
/// Chunks that are known again when they are sent again: more than lie between two
/// acknowledgements.
const RECENT_MAX: usize = 512;
/// Bytes that wait at most until a stream's file was looked into: some ten seconds.
const WAITING_BYTES_MAX: usize = 1 << 20;

/// What one tap works with.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) hub: Arc<Hub>,
    pub(crate) speech: Option<Arc<Speech>>,
    pub(crate) recorder: Arc<Recorder>,
    /// Time zero of the session.
    pub(crate) since: Mono,
}

/// A chunk with everything that is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) seq: u32,
    /// The number is the page's own.
    pub(crate) numbered: bool,
    pub(crate) format: AudioFormat,
    pub(crate) sample_rate: u32,
    pub(crate) raw: Bytes,
    pub(crate) from_ms: Option<u64>,
    pub(crate) is_last: bool,
    pub(crate) at: Mono,
}

/// What became of a chunk's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Not heard before; its number in the stream.
    New(u32),
    /// Sent again.
    Again(u32),
}

/// The numbers of one stream's chunks. A chunk that comes again is known by its number and its
/// content; one that has an old number and another content is of a page that began to count anew,
/// and is counted on.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    next: u32,
    /// Number and checksum of the latest.
    recent: VecDeque<(u32, u32)>,
}

impl Numbers {
    /// Judges the next chunk and remembers it.
    pub(crate) fn judge(&mut self, seq: u32, numbered: bool, sum: u32) -> Judged {
        if numbered && seq < self.next && self.recent.contains(&(seq, sum)) {
            return Judged::Again(seq);
        }
        let seq = if numbered {
            seq.max(self.next)
        } else {
            self.next
        };
        self.next = seq.saturating_add(1);
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((seq, sum));
        Judged::New(seq)
    }
}

/// One stream's way to recorder and recognizer. Guarded by a lock of its own; taken after the
/// route's.
pub(crate) struct Line {
    pub(crate) numbers: Numbers,
    pub(crate) tap: Option<StreamTap>,
    pub(crate) live: Arc<Live>,
    /// The format the tap was opened for.
    format: AudioFormat,
    /// Its file is being looked into; what comes meanwhile waits here.
    pub(crate) waiting: Option<VecDeque<Piece>>,
    waiting_bytes: usize,
    /// The tap it belongs to is closed.
    pub(crate) closed: bool,
    /// How much voice was reported, milliseconds.
    voiced_ms: u64,
}

impl Line {
    /// Queues a piece until the file was looked into; the oldest go when too many wait.
    fn wait(&mut self, piece: Piece) -> Option<Piece> {
        let Some(waiting) = &mut self.waiting else {
            return Some(piece);
        };
        self.waiting_bytes += piece.raw.len();
        waiting.push_back(piece);
        while self.waiting_bytes > WAITING_BYTES_MAX {
            let Some(gone) = waiting.pop_front() else {
                break;
            };
            self.waiting_bytes -= gone.raw.len();
        }
        None
    }

    /// Hands a piece on; whether it was new.
    pub(crate) fn take(&mut self, key: &RecordKey, means: &Means, piece: &Piece) -> bool {
        let sum = checksum(&piece.raw);
        let judged = self.numbers.judge(piece.seq, piece.numbered, sum);
        let (Judged::New(seq) | Judged::Again(seq)) = judged;
        let chunk = Chunk {
            session_ms: piece.at.since(means.since),
            seq,
            format: format_number(piece.format),
            sample_rate: piece.sample_rate,
            payload: piece.raw.clone(),
        };
        // Also one that comes again: it may have been lost on its way to the disk, and its page
        // waits to hear that it lies there.
        means.recorder.append(key, chunk);
        if matches!(judged, Judged::Again(_)) {
            return false;
        }
        let bytes = piece.raw.len();
        let form = (piece.format, piece.sample_rate);
        let mut arrivals = self.live.arrivals.lock();
        arrivals.note(form, bytes, piece.from_ms, piece.at);
        drop(arrivals);
        if let Some(tap) = &self.tap {
            tap.push_at(piece.raw.clone(), piece.from_ms, piece.sample_rate);
        }
        true
    }
}

/// A number that differs for different contents, all but surely.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5_u32, |sum, byte| {
        (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// Opens a stream with the recognizer, from where its arrivals end.
pub(crate) fn open(
    means: &Means,
    live: &Arc<Live>,
    (format, sample_rate): (AudioFormat, u32),
) -> Result<StreamTap, Refusal> {
    let Some(speech) = &means.speech else {
        return Err(ErrorCode::SpeechUnavailable.into());
    };
    let refused = |code: &str, message: String| Refusal::because(audio_code(code), message);
    let format = speech::format::AudioFormat::from_name(format.as_str())
        .map_err(|error| refused(error.code(), error.to_string()))?;
    let hearing = &live.hearing;
    let key = means.hub.enter(Arc::clone(live));
    hearing.opened();
    let config = StreamConfig {
        format,
        encoding: Encoding::Raw,
        sample_rate,
        base_ms: live.arrivals.lock().audio_ms(),
        partials: true,
    };
    speech.open(key, config).map_err(|error| {
        means.hub.forget(key);
        means.hub.closed(hearing);
        tracing::warn!(session = %hearing.session, %error, "stream_not_opened");
        match error {
            speech::OpenError::Audio(error) => refused(error.code(), error.to_string()),
            error => Refusal::because(ErrorCode::SpeechUnavailable, error.to_string()),
        }
    })
}

/// The tap of one session.
pub(crate) struct SessionTap {
    means: Means,
    hearing: Arc<Hearing>,
    /// What a dead process left of this session's audio.
    rehear: Option<Rehear>,
    streams: Vec<Stream>,
    voiced_at: Mono,
    /// Members were told that nothing is transcribed.
    told: bool,
}

struct Stream {
    key: RecordKey,
    line: Arc<Mutex<Line>>,
    last: Mono,
}

impl SessionTap {
    /// A tap; `rehear`: on a session that another process began.
    pub(crate) fn new(means: Means, session: SessionId, rehear: Option<Rehear>) -> Self {
        Self {
            hearing: Hearing::new(session),
            means,
            rehear,
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
                stream.close(&self.means);
                self.means.hub.unrecorded(&stream.key);
            }
        }
        let key = RecordKey {
            session: self.hearing.session.clone(),
            user: heard.user.clone(),
            stream: heard.stream,
        };
        let hub = &self.means.hub;
        hub.recorded(key.clone(), heard.participant);
        let arrivals = Arrivals::new(self.means.since);
        let live = self.live(heard.participant, heard.stream, 0, arrivals);
        let tap = match &self.rehear {
            Some(_) => None,
            None => self.open(heard, &live),
        };
        let line = Arc::new(Mutex::new(Line {
            numbers: Numbers::default(),
            tap,
            live,
            format: heard.format,
            waiting: self.rehear.is_some().then(VecDeque::new),
            waiting_bytes: 0,
            closed: false,
            voiced_ms: 0,
        }));
        if let Some(rehear) = &self.rehear {
            rehear.claim(Claim {
                means: self.means.clone(),
                key: key.clone(),
                line: Arc::clone(&line),
                form: (heard.format, heard.sample_rate),
            });
        }
        self.streams.push(Stream {
            key,
            line,
            last: heard.at,
        });
        self.streams.len() - 1
    }

    fn live(
        &self,
        participant: Participant,
        stream: StreamId,
        utterances: u32,
        arrivals: Arrivals,
    ) -> Arc<Live> {
        Arc::new(Live {
            hearing: Arc::clone(&self.hearing),
            participant,
            stream,
            utterances,
            arrivals: Mutex::new(arrivals),
        })
    }

    /// Opens a stream with the recognizer; says once when that cannot be.
    fn open(&mut self, heard: &Heard<'_>, live: &Arc<Live>) -> Option<StreamTap> {
        match open(&self.means, live, (heard.format, heard.sample_rate)) {
            Ok(tap) => Some(tap),
            Err(refusal) => {
                if !std::mem::replace(&mut self.told, true) {
                    let participant = heard.participant;
                    let report = SpeechReport::Failed {
                        participant,
                        refusal,
                    };
                    self.means.hub.report(&self.hearing.session, report);
                }
                None
            }
        }
    }

    /// Opens a stream again that was closed while it was silent.
    fn reopen(&mut self, heard: &Heard<'_>, line: &mut Line) {
        let arrivals = line.live.arrivals.lock().clone();
        // Utterances of the time before are fewer than its hundreds of milliseconds.
        let before = u32::try_from(arrivals.audio_ms() / 100).unwrap_or(u32::MAX);
        line.live = self.live(heard.participant, heard.stream, before, arrivals);
        line.tap = self.open(heard, &line.live);
    }

    /// Reports a voice, at most once a second.
    fn voiced(&mut self, heard: &Heard<'_>, voice: impl FnOnce() -> bool) {
        if heard.at.since(self.voiced_at) < VOICED_EVERY_MS {
            return;
        }
        if voice() {
            self.voiced_at = heard.at;
            let participant = heard.participant;
            let report = SpeechReport::Voiced { participant };
            self.means.hub.report(&self.hearing.session, report);
        }
    }

    /// Closes what has been silent for long, so that recognizers are there for others.
    fn close_idle(&mut self, now: Mono) {
        for stream in &mut self.streams {
            if now.since(stream.last) > IDLE_MS && stream.line.lock().tap.take().is_some() {
                self.means.recorder.close(&stream.key);
            }
        }
    }
}

impl Stream {
    fn close(&self, means: &Means) {
        let mut line = self.line.lock();
        line.closed = true;
        line.tap = None;
        means.recorder.close(&self.key);
    }
}

impl Tap for SessionTap {
    fn hear(&mut self, heard: &Heard<'_>) {
        if heard.role != Role::Candidate {
            // Not recorded, but their voice keeps the session awake.
            return self.voiced(heard, || is_loud(heard, &raw(heard)));
        }
        let raw = raw(heard);
        let at = self.stream(heard);
        let stream = &mut self.streams[at];
        stream.last = heard.at;
        let (key, line) = (stream.key.clone(), Arc::clone(&stream.line));
        let mut line = line.lock();
        let piece = Piece {
            seq: heard.seq,
            numbered: heard.numbered,
            format: heard.format,
            sample_rate: heard.sample_rate,
            raw: raw.clone(),
            from_ms: heard.at_ms.map(u64::from),
            is_last: heard.is_last,
            at: heard.at,
        };
        if let Some(piece) = line.wait(piece) {
            if std::mem::replace(&mut line.format, heard.format) != heard.format {
                // A recognizer's stream has one format; its rate may change.
                line.tap = None;
            }
            if line.tap.is_none() && self.means.speech.is_some() && !self.told {
                self.reopen(heard, &mut line);
            }
            line.take(&key, &self.means, &piece);
            if piece.is_last {
                line.tap = None;
                self.means.recorder.close(&key);
            }
        }
        self.voiced(heard, || match &line.tap {
            Some(tap) => {
                let now_ms = tap.voiced_ms();
                let before = std::mem::replace(&mut line.voiced_ms, now_ms);
                now_ms > before
            }
            None => is_loud(heard, &raw),
        });
        drop(line);
        self.close_idle(heard.at);
    }

    fn flush(self: Box<Self>) {
        let Self {
            means,
            hearing,
            rehear,
            streams,
            ..
        } = *self;
        // Closes the streams; what is in them is still recognized.
        for stream in &streams {
            stream.close(&means);
        }
        match rehear {
            Some(rehear) => rehear.finish(&means, hearing),
            None => means.hub.flush(&hearing),
        }
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
