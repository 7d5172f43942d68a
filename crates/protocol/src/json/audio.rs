//! `audio:received`: a chunk on its way to those who hear it, as a whole WebSocket frame.
//!
//! The payload is copied once, into the frame, where it stays as it came: base64 for those who hear
//! JSON, raw for those who hear binary. Only where the two sides differ is it translated.

use std::ops::Range;

use bytes::Bytes;

use super::base64;
use super::write::Json;
use crate::audio::{Direction, Format, HEADER_BYTES, Header};
use crate::client::{AudioFormat, AudioIn, AudioPayload};
use crate::dialect::Dialect;
use crate::id::{Participant, SessionId, UserId};
use crate::time::Wall;
use crate::ws::Opcode;
use crate::ws::frame;

/// A chunk as others hear it.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Where.
    pub session: &'a SessionId,
    /// Who speaks.
    pub user: &'a UserId,
    /// Their number.
    pub participant: Participant,
    /// The chunk as it came.
    pub audio: &'a AudioIn<'a>,
    /// Its number within the stream: the client's own, or counted by the server.
    pub seq: u32,
    /// When the server took it.
    pub timestamp: Wall,
}

/// A frame, and where in it the sound lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framed {
    /// A whole WebSocket frame.
    pub frame: Bytes,
    /// The payload inside: base64 in a text frame, raw bytes in a binary one.
    pub payload: Range<usize>,
}

impl Received<'_> {
    /// For those who hear JSON, as their dialect has it; empty where nothing can be said.
    pub fn text_frame(&self, dialect: Dialect) -> Framed {
        const EVENT: &str = "[\"audio:received\",";
        let len = match self.audio.payload {
            AudioPayload::Base64(text) => text.len(),
            AudioPayload::Raw(bytes) => base64::encoded_len(bytes.len()),
        };
        let mut out = room(len + 384);
        let is_event = match dialect {
            Dialect::Plain => false,
            _ => match dialect.namespace() {
                None => return Framed::nothing(),
                Some(namespace) => {
                    for part in ["42", namespace, EVENT] {
                        out.extend_from_slice(part.as_bytes());
                    }
                    true
                }
            },
        };
        let mut json = Json::event(&mut out, "audio:received");
        json.word("sessionId", self.session.as_str());
        json.word("userId", self.user.as_str());
        json.number("participant", self.participant.0.into());
        json.number("streamId", self.audio.stream.0.into());
        json.number("seq", self.seq.into());
        json.word("format", self.audio.format.as_str());
        if self.audio.sample_rate != 0 {
            json.number("sampleRate", self.audio.sample_rate.into());
        }
        if let Some(at_ms) = self.audio.at_ms {
            json.number("atMs", at_ms.into());
        }
        if self.audio.is_last {
            json.flag("isLast", true);
        }
        json.time("timestamp", self.timestamp);
        json.raw("audioData", "\"");
        let start = out.len();
        match self.audio.payload {
            AudioPayload::Base64(text) => out.extend_from_slice(text.as_bytes()),
            AudioPayload::Raw(bytes) => base64::encode_into(&mut out, bytes),
        }
        let end = out.len();
        out.extend_from_slice(if is_event { b"\"}]" } else { b"\"}" });
        framed(out, Opcode::Text, start..end)
    }

    /// For those who hear binary frames; `room` is the session's number on their connection. On
    /// Socket.IO it is an event whose one argument is the attachment, in the same layout.
    ///
    /// None if the payload is base64 that does not decode, which a decoded message never is, or
    /// nothing can be said.
    pub fn binary_frame(&self, dialect: Dialect, room_number: u16) -> Option<Framed> {
        let header = Header {
            format: match self.audio.format {
                AudioFormat::Pcm16 => Format::Pcm16,
                AudioFormat::Wav => Format::Wav,
                AudioFormat::Webm => Format::Webm,
                AudioFormat::Ogg => Format::Ogg,
            },
            is_last: self.audio.is_last,
            // The layout has one byte; a session hands out numbers from 1 on, one a person.
            sender: u8::try_from(self.participant.0).unwrap_or(u8::MAX),
            room: room_number,
            sample_rate: u16::try_from(self.audio.sample_rate).unwrap_or(0),
            stream: self.audio.stream.0,
            seq: self.seq,
            at_ms: self.audio.at_ms.unwrap_or(0),
        };
        let len = match self.audio.payload {
            AudioPayload::Base64(text) => text.len(),
            AudioPayload::Raw(bytes) => bytes.len(),
        };
        let event = match dialect {
            Dialect::Plain => None,
            _ => Some(dialect.namespace()?),
        };
        let mut out = Vec::with_capacity(BINARY_EVENT_BYTES + HEADER_BYTES + len);
        if let Some(namespace) = event {
            let parts = ["451-", namespace, BINARY_EVENT].map(str::as_bytes);
            frame::append(&mut out, Opcode::Text, &parts);
        }
        let head = out.len();
        out.resize(head + frame::HEADER_BYTES_MAX, 0);
        out.extend_from_slice(&header.encode(Direction::ToClient));
        let start = out.len();
        match self.audio.payload {
            AudioPayload::Raw(bytes) => out.extend_from_slice(bytes),
            AudioPayload::Base64(text) => {
                if !base64::decode_into(&mut out, text) {
                    return None;
                }
            }
        }
        let end = out.len();
        Some(behind(out, head, start..end))
    }
}

impl Framed {
    fn nothing() -> Self {
        Self {
            frame: Bytes::new(),
            payload: 0..0,
        }
    }
}

/// What stands before the attachment of an `audio:received`.
const BINARY_EVENT: &str = "[\"audio:received\",{\"_placeholder\":true,\"num\":0}]";
/// Room for that, its envelope and two headers.
const BINARY_EVENT_BYTES: usize = BINARY_EVENT.len() + 40;

/// Puts the header of a binary frame into the room kept for it at `head`, moving up the little that
/// stands before it.
fn behind(mut out: Vec<u8>, head: usize, payload: Range<usize>) -> Framed {
    let body = head + frame::HEADER_BYTES_MAX;
    let (bytes, len) = frame::header(Opcode::Binary, out.len() - body);
    let start = frame::HEADER_BYTES_MAX - len;
    out.copy_within(0..head, start);
    out[body - len..body].copy_from_slice(&bytes[..len]);
    Framed {
        frame: Bytes::from(out).slice(start..),
        payload: payload.start - start..payload.end - start,
    }
}

/// A buffer whose first bytes are kept for a frame's header.
pub(crate) fn room(capacity: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(frame::HEADER_BYTES_MAX + capacity);
    out.resize(frame::HEADER_BYTES_MAX, 0);
    out
}

/// Puts the header in front, without moving what is there. Also says how many bytes of the buffer
/// were left over before it.
pub(crate) fn finish(mut out: Vec<u8>, opcode: Opcode) -> (Bytes, usize) {
    let (head, head_len) = frame::header(opcode, out.len() - frame::HEADER_BYTES_MAX);
    let start = frame::HEADER_BYTES_MAX - head_len;
    out[start..frame::HEADER_BYTES_MAX].copy_from_slice(&head[..head_len]);
    (Bytes::from(out).slice(start..), start)
}

fn framed(out: Vec<u8>, opcode: Opcode, payload: Range<usize>) -> Framed {
    let (frame, start) = finish(out, opcode);
    Framed {
        frame,
        payload: payload.start - start..payload.end - start,
    }
}
