//! The plain door: what one connection's packets mean, and when it must be pinged or closed.
//!
//! A machine without IO: packets and time go in; requests go up through a closure, frames to send
//! come out of a list. [`handshake`] reads what the upgrade request says about who is coming.
//!
//! The order of calls: [`Machine::new`] after the upgrade; if the request carried a token, the
//! caller checks it and calls [`Machine::open`] at once. Else the first message yields
//! [`Up::Authenticate`], and the caller answers with [`Machine::open`] or [`Machine::refuse`]
//! before it hands in the next packet. From then on [`Machine::receive_text`],
//! [`Machine::receive_binary`] and [`Machine::alive`] for what comes, and
//! [`Machine::handle_timeout`] whenever [`Machine::poll_timeout`] is reached. Once an
//! [`Out::Close`] was handed out, everything is ignored.
//!
//! **Invariants**
//! - Before it is authenticated a connection reaches nobody, and its bytes and time are bounded.
//! - Every request with a `ref` that is refused here gets exactly one answer here.
//! - Mistakes a client can make are answered and the connection stays; a close means that no
//!   working client would have done this, or that a deadline passed.

pub mod handshake;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;

use crate::audio::{self, AudioError, Direction};
use crate::client::{
    AudioFormat, AudioIn, AudioPayload, ErrorEvent, ReplyKey, Request, SessionRef,
};
use crate::close::CloseCode;
use crate::error::{ErrorCode, Refusal};
use crate::id::{ConnectionId, StreamId};
use crate::json::{self, Decoded, Hears, Kind, Message, Refused, Scratch};
use crate::limits::Limits;
use crate::rate::Bucket;
use crate::server::{Reply, ServerMessage};
use crate::time::{Mono, Wall};
use crate::ws::frame;

/// How late the server itself may be before it blames its own sleep for a silence, milliseconds.
const OWN_DELAY_MS: u64 = 5_000;
/// Refused requests are counted over so long, milliseconds.
const ABUSE_WINDOW_MS: u64 = 10_000;
/// More refused requests than so many bursts in that time close the connection.
const ABUSE_BURSTS: u32 = 10;
/// At most one `audio:error` about the rate in so long, milliseconds.
const AUDIO_ERROR_EVERY_MS: u64 = 1_000;

const TOO_MUCH: &str = "Too much came before a valid token.";

/// What goes up to the shell.
#[derive(Debug, PartialEq)]
pub enum Up<'b> {
    /// A token came. Answer with [`Machine::open`] or [`Machine::refuse`].
    Authenticate {
        /// As it came; not yet checked.
        token: &'b str,
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
}

/// What goes down to the socket, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// A whole text frame.
    Text(Bytes),
    /// A whole ping frame.
    Ping(Bytes),
    /// The end: nothing comes after it.
    Close(CloseCode),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No token yet.
    Waiting,
    /// A token is being checked.
    Checking,
    Open,
    Closed,
}

/// One connection of the plain door.
#[derive(Debug)]
pub struct Machine {
    limits: Arc<Limits>,
    events: Bucket,
    audio: Bucket,
    /// Waiting: until when a token must be there. Open: when the next ping is due.
    next_at: Mono,
    /// A ping is out and nothing was heard since: until when something must come.
    answer_by: Option<Mono>,
    /// When the last `audio:error` about the rate went out.
    audio_error_at: Option<Mono>,
    /// Start of the window in which refused requests are counted.
    refused_since: Mono,
    refused: u32,
    /// Bytes that came before the connection was authenticated.
    early_bytes: u32,
    state: State,
}

impl Machine {
    /// A connection right after its upgrade, not yet authenticated.
    pub fn new(limits: Arc<Limits>, now: Mono) -> Self {
        Self {
            events: Bucket::new(limits.events_per_second, limits.events_burst),
            audio: Bucket::new(limits.audio_bytes_per_second, limits.audio_burst_bytes),
            next_at: now.after(limits.auth_timeout_ms.into()),
            answer_by: None,
            audio_error_at: None,
            refused_since: now,
            refused: 0,
            early_bytes: 0,
            state: State::Waiting,
            limits,
        }
    }

    /// The token was good. The caller sends `connection:success`. First pings are spread over the
    /// interval by the connection's number, so that ten thousand connections do not share a beat.
    pub fn open(&mut self, now: Mono, connection: ConnectionId) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Open;
        let interval = u64::from(self.limits.ping_interval_ms).max(1);
        // Fibonacci hashing: neighbors land far apart.
        let spread = connection.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        self.next_at = now.after(1 + spread % interval);
    }

    /// The token was not good, or the connection may not be: `connection:error`, then a close.
    pub fn refuse(&mut self, refusal: Refusal, code: CloseCode, out: &mut Vec<Out>) {
        if self.state == State::Closed {
            return;
        }
        push(out, &ServerMessage::ConnectionError(refusal));
        self.close(code, out);
    }

    /// Whether the connection is authenticated and not closed.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// The caller closes the connection; nothing is handed out any more.
    pub fn closed(&mut self) {
        self.state = State::Closed;
    }

    /// Something came that has no meaning here: a ping or pong of the carrier.
    pub fn alive(&mut self) {
        self.answer_by = None;
    }

    /// A whole text message.
    pub fn receive_text(
        &mut self,
        now: Mono,
        text: &str,
        up: &mut impl FnMut(Up<'_>),
        out: &mut Vec<Out>,
    ) {
        self.alive();
        match self.state {
            State::Open => self.open_text(now, text, up, out),
            State::Waiting => self.first_text(text, up, out),
            State::Checking => {
                if self.early(text.len(), out) {
                    let reply = Message::scan(text).reply_key();
                    answer(out, reply, Refusal::new(ErrorCode::AuthRequired));
                }
            }
            State::Closed => {}
        }
    }

    /// A whole binary message: one chunk of audio.
    pub fn receive_binary(
        &mut self,
        now: Mono,
        bytes: &[u8],
        up: &mut impl FnMut(Up<'_>),
        out: &mut Vec<Out>,
    ) {
        self.alive();
        match self.state {
            State::Open => {}
            State::Waiting | State::Checking => {
                return self.unauthenticated("Send a token before any audio.", out);
            }
            State::Closed => return,
        }
        if !self.audio_fits(now, bytes.len(), None, out) {
            return;
        }
        let most = self.limits.message_bytes as usize;
        match audio::decode(Direction::ToServer, bytes, most) {
            Ok(chunk) => up(Up::Audio {
                audio: audio_in(&chunk),
                reply: ReplyKey::Event(ErrorEvent::Audio),
            }),
            Err(error) => {
                let refusal = Refusal::because(binary_code(error), error.to_string());
                answer(out, ReplyKey::Event(ErrorEvent::Audio), refusal);
            }
        }
    }

    /// So many bytes of a message are there that is not finished yet (`Ws::held_bytes`). To be called
    /// after each read while the connection is not open, so that a stranger cannot have a large
    /// message kept for it.
    pub fn unfinished(&mut self, bytes: usize, out: &mut Vec<Out>) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let total = self.early_bytes.saturating_add(bytes);
        if matches!(self.state, State::Waiting | State::Checking)
            && total > self.limits.unauthenticated_bytes
        {
            self.unauthenticated(TOO_MUCH, out);
        }
    }

    /// Does what is due. Calling it early or twice is harmless.
    pub fn handle_timeout(&mut self, now: Mono, out: &mut Vec<Out>) {
        match self.state {
            State::Waiting | State::Checking if now >= self.next_at => {
                self.unauthenticated("No valid token came in time.", out);
            }
            State::Open => self.beat(now, out),
            _ => {}
        }
    }

    /// When [`Machine::handle_timeout`] is due; may lie later at the next look, never earlier.
    pub fn poll_timeout(&self) -> Option<Mono> {
        match self.state {
            State::Waiting | State::Checking => Some(self.next_at),
            State::Open => Some(self.answer_by.unwrap_or(self.next_at)),
            State::Closed => None,
        }
    }

    fn beat(&mut self, now: Mono, out: &mut Vec<Out>) {
        let due = self.answer_by.unwrap_or(self.next_at);
        if now < due {
            return;
        }
        // If this process itself slept, the answer may lie unread in the socket: ask again.
        if self.answer_by.is_some() && now.since(due) < OWN_DELAY_MS {
            return self.close(CloseCode::HeartbeatMissed, out);
        }
        out.push(Out::Ping(frame::ping(&[])));
        self.answer_by = Some(now.after(self.limits.ping_timeout_ms.into()));
        self.next_at = now.after(self.limits.ping_interval_ms.into());
    }

    fn first_text(&mut self, text: &str, up: &mut impl FnMut(Up<'_>), out: &mut Vec<Out>) {
        if !self.early(text.len(), out) {
            return;
        }
        let mut scratch = Scratch::default();
        match json::decode(text, &mut scratch) {
            Ok(Decoded::Auth { token, reply }) => {
                self.state = State::Checking;
                up(Up::Authenticate {
                    token: &token,
                    reply,
                });
            }
            Ok(Decoded::Ping { reference }) => push(out, &ServerMessage::Pong { reference }),
            Ok(_) => self.unauthenticated("The first message must be `auth`.", out),
            Err(Refused { refusal, .. }) => self.refuse(refusal, CloseCode::Unauthenticated, out),
        }
    }

    /// Counts bytes of a connection nobody knows yet; false if it is closed for them.
    fn early(&mut self, bytes: usize, out: &mut Vec<Out>) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.early_bytes = self.early_bytes.saturating_add(bytes);
        let fits = self.early_bytes <= self.limits.unauthenticated_bytes;
        if !fits {
            self.unauthenticated(TOO_MUCH, out);
        }
        fits
    }

    fn unauthenticated(&mut self, message: &str, out: &mut Vec<Out>) {
        let refusal = Refusal::because(ErrorCode::AuthRequired, message);
        self.refuse(refusal, CloseCode::Unauthenticated, out);
    }

    fn open_text(
        &mut self,
        now: Mono,
        text: &str,
        up: &mut impl FnMut(Up<'_>),
        out: &mut Vec<Out>,
    ) {
        let message = Message::scan(text);
        let kind = message.kind();
        if kind != Kind::Audio && !self.event_fits(now, &message, out) {
            return;
        }
        if kind != Kind::Event && !self.audio_fits(now, text.len(), Some(&message), out) {
            return;
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
            Ok(Decoded::Ping { reference }) => push(out, &ServerMessage::Pong { reference }),
            Ok(Decoded::Auth { reply, .. }) => {
                let why = "This connection is authenticated already.";
                answer(out, reply, Refusal::because(ErrorCode::NotSupported, why));
            }
            Ok(Decoded::AuthRefresh { token, reply }) => up(Up::Refresh {
                token: &token,
                reply,
            }),
            Err(Refused { reply, refusal }) => answer(out, reply, refusal),
        }
    }

    /// Takes one event out of the bucket, or refuses the message.
    fn event_fits(&mut self, now: Mono, message: &Message<'_>, out: &mut Vec<Out>) -> bool {
        let Err(wait) = self.events.take(now, 1) else {
            return true;
        };
        if now.since(self.refused_since) > ABUSE_WINDOW_MS {
            self.refused_since = now;
            self.refused = 0;
        }
        self.refused += 1;
        if self.refused > self.limits.events_burst.saturating_mul(ABUSE_BURSTS) {
            self.close(CloseCode::Limited, out);
        } else {
            let refusal = Refusal::new(ErrorCode::RateLimited).retry_after(wait);
            answer(out, message.reply_key(), refusal);
        }
        false
    }

    /// Takes the bytes out of the bucket, or refuses the chunk. The error is said once a second,
    /// but to a `ref` always.
    fn audio_fits(
        &mut self,
        now: Mono,
        bytes: usize,
        message: Option<&Message<'_>>,
        out: &mut Vec<Out>,
    ) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let cost = bytes.max(self.limits.audio_chunk_bytes_min);
        let Err(wait) = self.audio.take(now, cost) else {
            return true;
        };
        let refusal = Refusal::new(ErrorCode::RateLimited).retry_after(wait);
        match message.map(Message::reply_key) {
            Some(key @ ReplyKey::Ref(_)) => answer(out, key, refusal),
            Some(key @ ReplyKey::Event(ErrorEvent::Transcription)) => answer(out, key, refusal),
            _ => {
                let said = self.audio_error_at;
                if said.is_none_or(|at| now.since(at) >= AUDIO_ERROR_EVERY_MS) {
                    self.audio_error_at = Some(now);
                    answer(out, ReplyKey::Event(ErrorEvent::Audio), refusal);
                }
            }
        }
        false
    }

    fn close(&mut self, code: CloseCode, out: &mut Vec<Out>) {
        self.state = State::Closed;
        out.push(Out::Close(code));
    }
}

fn answer(out: &mut Vec<Out>, key: ReplyKey, refusal: Refusal) {
    if let Some(frame) = json::encode_reply_frame(&key, &Reply::Refused(refusal)) {
        out.push(Out::Text(frame));
    }
}

fn push(out: &mut Vec<Out>, message: &ServerMessage) {
    // None of the messages said here shows a time.
    out.push(Out::Text(json::encode_frame(message, Wall(0))));
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
