//! What both doors do with the messages of a connection that is let in: count limits, read, hand
//! up. How messages are cut out of the carrier, who is let in and when a connection lives are each
//! door's own machine (`plain`, `socketio`).
//!
//! **Invariants**
//! - Both doors give the engine the same requests for the same messages, since they all pass here.
//! - Every request with a `ref` (on Socket.IO: an acknowledgement) that is refused here gets
//!   exactly one answer here.

use std::sync::Arc;

use bytes::Bytes;

use crate::audio::{self, AudioError, Direction};
use crate::client::{
    AudioFormat, AudioIn, AudioPayload, ErrorEvent, ReplyKey, Request, SessionRef,
};
use crate::close::CloseCode;
use crate::dialect::{self, Dialect};
use crate::error::{ErrorCode, Refusal};
use crate::id::StreamId;
use crate::json::{Decoded, Hears, Kind, Message, Refused, Scratch};
use crate::limits::Limits;
use crate::rate::Bucket;
use crate::server::{Reply, ServerMessage};
use crate::time::{Mono, Wall};

/// Refused requests are counted over so long, milliseconds.
const ABUSE_WINDOW_MS: u64 = 10_000;
/// More refused requests than so many bursts in that time close the connection.
const ABUSE_BURSTS: u32 = 10;
/// At most one `audio:error` about the rate in so long, milliseconds.
const AUDIO_ERROR_EVERY_MS: u64 = 1_000;
/// How late the server itself may be before it blames its own sleep for a silence, milliseconds.
pub(crate) const OWN_DELAY_MS: u64 = 5_000;

pub(crate) const TOO_MUCH: &str = "Too much came before a valid token.";

/// What goes up to the shell.
#[derive(Debug, PartialEq)]
pub enum Up<'b> {
    /// A token came. Answer with the machine's `open` or `refuse`.
    Authenticate {
        /// As it came; not yet checked. None (Socket.IO only): the handshake's counts.
        token: Option<&'b str>,
        /// If it is a `ref`, an `ok` is due beside `connection:success`.
        reply: ReplyKey,
    },
    /// `auth:refresh`: another token for this connection. The caller judges it and answers; the
    /// connection stays whatever comes of it.
    Refresh {
        /// As it came; not yet checked.
        token: &'b str,
        /// Whom to answer.
        reply: ReplyKey,
    },
    /// A request for the engine.
    Message(Request),
    /// A chunk for the room's route.
    Audio {
        /// The chunk.
        audio: AudioIn<'b>,
        /// Where an error goes; `ok` is due only if this is a `ref`.
        reply: ReplyKey,
    },
    /// The connection wants to hear audio in this form from now on. Comes right before the
    /// [`Up::Message`] of the join that said so.
    Hears(Hears),
    /// The client left of its own accord: its seats are given back, nothing more is said to it.
    /// Socket.IO only; on the plain door that is the carrier's close.
    Leave,
}

/// What goes down to the socket, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// A whole text frame.
    Text(Bytes),
    /// A whole frame of the heartbeat.
    Ping(Bytes),
    /// The end: nothing comes after it.
    Close(CloseCode),
    /// The end, asked for by the client: the carrier is closed without further words.
    HangUp,
}

/// The limits of one connection, and the desk where its messages are read.
#[derive(Debug)]
pub struct Desk {
    limits: Arc<Limits>,
    events: Bucket,
    audio: Bucket,
    /// When the last `audio:error` about the rate went out.
    audio_error_at: Option<Mono>,
    /// Start of the window in which refused requests are counted.
    refused_since: Mono,
    refused: u32,
}

impl Desk {
    /// Full buckets.
    pub fn new(limits: Arc<Limits>, now: Mono) -> Self {
        Self {
            events: Bucket::new(limits.events_per_second, limits.events_burst),
            audio: Bucket::new(limits.audio_bytes_per_second, limits.audio_burst_bytes),
            audio_error_at: None,
            refused_since: now,
            refused: 0,
            limits,
        }
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reads one message that took `bytes` bytes on the wire.
    ///
    /// # Errors
    /// The code to close with, if the client went on and on after refusals.
    pub fn message(
        &mut self,
        now: Mono,
        dialect: Dialect,
        (message, bytes): (Message<'_>, usize),
        up: &mut impl FnMut(Up<'_>),
        out: &mut Vec<Out>,
    ) -> Result<(), CloseCode> {
        let kind = message.kind();
        if kind != Kind::Audio && !self.event_fits(now, dialect, &message, out)? {
            return Ok(());
        }
        if kind != Kind::Event && !self.audio_fits(now, dialect, bytes, &message.reply_key(), out) {
            return Ok(());
        }
        let mut scratch = Scratch::default();
        match message.decode(&mut scratch) {
            Ok(Decoded::Audio { audio, reply }) => up(Up::Audio { audio, reply }),
            Ok(Decoded::Request { request, hears }) => {
                if let Some(hears) = hears {
                    up(Up::Hears(hears));
                }
                up(Up::Message(request));
            }
            Ok(Decoded::Ping { reference }) => {
                push(dialect, out, &ServerMessage::Pong { reference });
            }
            Ok(Decoded::Auth { reply, .. }) => {
                let why = "This connection is authenticated already.";
                let refusal = Refusal::because(ErrorCode::NotSupported, why);
                answer(dialect, out, &reply, refusal);
            }
            Ok(Decoded::AuthRefresh { token, reply }) => up(Up::Refresh {
                token: &token,
                reply,
            }),
            Err(Refused { reply, refusal }) => answer(dialect, out, &reply, refusal),
        }
        Ok(())
    }

    /// Reads one chunk in the binary layout.
    pub fn chunk(
        &mut self,
        now: Mono,
        dialect: Dialect,
        (bytes, reply): (&[u8], ReplyKey),
        up: &mut impl FnMut(Up<'_>),
        out: &mut Vec<Out>,
    ) {
        if !self.audio_fits(now, dialect, bytes.len(), &reply, out) {
            return;
        }
        let most = self.limits.message_bytes as usize;
        match audio::decode(Direction::ToServer, bytes, most) {
            Ok(chunk) => up(Up::Audio {
                audio: audio_in(&chunk),
                reply,
            }),
            Err(error) => {
                let refusal = Refusal::because(binary_code(error), error.to_string());
                answer(dialect, out, &reply, refusal);
            }
        }
    }

    /// Takes one event out of the bucket, or refuses the message.
    fn event_fits(
        &mut self,
        now: Mono,
        dialect: Dialect,
        message: &Message<'_>,
        out: &mut Vec<Out>,
    ) -> Result<bool, CloseCode> {
        let Err(wait) = self.events.take(now, 1) else {
            return Ok(true);
        };
        if now.since(self.refused_since) > ABUSE_WINDOW_MS {
            self.refused_since = now;
            self.refused = 0;
        }
        self.refused += 1;
        if self.refused > self.limits.events_burst.saturating_mul(ABUSE_BURSTS) {
            return Err(CloseCode::Limited);
        }
        let refusal = Refusal::new(ErrorCode::RateLimited).retry_after(wait);
        answer(dialect, out, &message.reply_key(), refusal);
        Ok(false)
    }

    /// Takes the bytes out of the bucket, or refuses the chunk. The error is said once a second,
    /// but to a `ref` always.
    fn audio_fits(
        &mut self,
        now: Mono,
        dialect: Dialect,
        bytes: usize,
        reply: &ReplyKey,
        out: &mut Vec<Out>,
    ) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let cost = bytes.max(self.limits.audio_chunk_bytes_min);
        let Err(wait) = self.audio.take(now, cost) else {
            return true;
        };
        let refusal = Refusal::new(ErrorCode::RateLimited).retry_after(wait);
        match reply {
            ReplyKey::Ref(_) | ReplyKey::Event(ErrorEvent::Transcription) => {
                answer(dialect, out, reply, refusal);
            }
            ReplyKey::Event(_) => {
                let said = self.audio_error_at;
                if said.is_none_or(|at| now.since(at) >= AUDIO_ERROR_EVERY_MS) {
                    self.audio_error_at = Some(now);
                    answer(dialect, out, &ReplyKey::Event(ErrorEvent::Audio), refusal);
                }
            }
        }
        false
    }
}

/// Queues an answer that refuses.
pub(crate) fn answer(dialect: Dialect, out: &mut Vec<Out>, key: &ReplyKey, refusal: Refusal) {
    if let Some(frame) = dialect::encode_reply(dialect, key, &Reply::Refused(refusal)) {
        out.push(Out::Text(frame));
    }
}

/// Queues a message.
pub(crate) fn push(dialect: Dialect, out: &mut Vec<Out>, message: &ServerMessage) {
    // None of the messages said here shows a time.
    out.push(Out::Text(dialect::encode(dialect, message, Wall(0))));
}

fn audio_in<'b>(chunk: &audio::Chunk<'b>) -> AudioIn<'b> {
    let header = chunk.header;
    AudioIn {
        session: match header.room {
            0 => SessionRef::Only,
            room => SessionRef::Room(room),
        },
        payload: AudioPayload::Raw(chunk.payload),
        format: match header.format {
            audio::Format::Pcm16 => AudioFormat::Pcm16,
            audio::Format::Wav => AudioFormat::Wav,
            audio::Format::Webm => AudioFormat::Webm,
            audio::Format::Ogg => AudioFormat::Ogg,
        },
        sample_rate: header.sample_rate.into(),
        stream: StreamId(header.stream),
        seq: Some(header.seq),
        at_ms: Some(header.at_ms),
        is_last: header.is_last,
    }
}

fn binary_code(error: AudioError) -> ErrorCode {
    match error {
        AudioError::Header | AudioError::Empty | AudioError::OddLength => ErrorCode::BadAudio,
        AudioError::Format => ErrorCode::UnsupportedFormat,
        AudioError::SampleRate => ErrorCode::UnsupportedSampleRate,
        AudioError::TooLarge => ErrorCode::TooLarge,
    }
}
