//! `audio:received`, written at most once in each form for a chunk, whoever many hear it. The
//! payload is copied once into the shared bytes, and encoded or decoded only where sender and
//! receiver use different forms.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use protocol::audio::{self, Format, Header};
use protocol::client::{AudioFormat, AudioIn, AudioPayload};
use protocol::id::{Participant, SessionId, UserId};
use protocol::json::{Hears, base64 as wire64};
use protocol::time::Wall;
use protocol::ws::Opcode;
use protocol::ws::frame::Writer;
use smallvec::SmallVec;

use super::conn::Dialect;

/// A chunk on its way to the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) session: &'a SessionId,
    pub(crate) user: &'a UserId,
    pub(crate) participant: Participant,
    pub(crate) seq: u32,
    pub(crate) chunk: &'a Chunk<'a>,
    pub(crate) at: Wall,
}

/// A chunk as it came.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'b> {
    /// What it is.
    pub audio: AudioIn<'b>,
    /// Milliseconds from the stream's start to the first sample, where the sender says so.
    pub at_ms: Option<u32>,
    /// The stream ends with it.
    pub is_last: bool,
}

/// The forms of one chunk, each made when somebody wants it.
pub(crate) struct Received<'a> {
    said: Said<'a>,
    text: Option<Bytes>,
    /// By the room's number on the receiver's connection.
    binary: SmallVec<[(u16, Bytes); 1]>,
}

impl<'a> Received<'a> {
    pub(crate) fn new(said: Said<'a>) -> Self {
        Self {
            said,
            text: None,
            binary: SmallVec::new(),
        }
    }

    /// The whole frame for a receiver.
    pub(crate) fn bytes(&mut self, dialect: Dialect, hears: Hears, room: u16) -> Bytes {
        match (dialect, hears) {
            (Dialect::Plain, Hears::Json) => {
                let said = &self.said;
                self.text.get_or_insert_with(|| text(said)).clone()
            }
            (Dialect::Plain, Hears::Binary) => {
                if let Some((_, bytes)) = self.binary.iter().find(|(r, _)| *r == room) {
                    return bytes.clone();
                }
                let bytes = binary(&self.said, room);
                self.binary.push((room, bytes.clone()));
                bytes
            }
        }
    }
}

fn text(said: &Said<'_>) -> Bytes {
    let audio = &said.chunk.audio;
    let payload_len = match audio.payload {
        AudioPayload::Base64(text) => text.len(),
        AudioPayload::Raw(raw) => raw.len().div_ceil(3) * 4,
    };
    let mut out = Writer::new(Opcode::Text, payload_len + 320);
    // Ids and words of our tables need no escapes.
    for part in [
        "{\"type\":\"audio:received\",\"sessionId\":\"",
        said.session.as_str(),
        "\",\"userId\":\"",
        said.user.as_str(),
        "\",\"format\":\"",
        audio.format.as_str(),
        "\",\"participant\":",
    ] {
        out.put(part.as_bytes());
    }
    number(&mut out, said.participant.0.into());
    out.put(b",\"streamId\":");
    number(&mut out, audio.stream.0.into());
    out.put(b",\"seq\":");
    number(&mut out, said.seq.into());
    out.put(b",\"sampleRate\":");
    number(&mut out, audio.sample_rate.into());
    out.put(b",\"timestamp\":");
    number(&mut out, u64::try_from(said.at.0).unwrap_or(0));
    out.put(b",\"audioData\":\"");
    match audio.payload {
        AudioPayload::Base64(text) => out.put(text.as_bytes()),
        AudioPayload::Raw(raw) => out.put(STANDARD.encode(raw).as_bytes()),
    }
    out.put(b"\"}");
    out.finish()
}

fn number(out: &mut Writer, mut n: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.put(&digits[at..]);
}

fn binary(said: &Said<'_>, room: u16) -> Bytes {
    let audio = &said.chunk.audio;
    let header = Header {
        format: match audio.format {
            AudioFormat::Pcm16 => Format::Pcm16,
            AudioFormat::Wav => Format::Wav,
            AudioFormat::Webm => Format::Webm,
            AudioFormat::Ogg => Format::Ogg,
        },
        is_last: said.chunk.is_last,
        sender: u8::try_from(said.participant.0).unwrap_or(u8::MAX),
        room,
        sample_rate: u16::try_from(audio.sample_rate).unwrap_or(0),
        stream: audio.stream.0,
        seq: said.seq,
        at_ms: said.chunk.at_ms.unwrap_or(0),
    };
    match audio.payload {
        AudioPayload::Raw(raw) => audio::received(&header, raw),
        AudioPayload::Base64(text) => {
            let mut raw = Vec::with_capacity(wire64::decoded_len(text));
            // The door has checked it.
            let _ = wire64::decode_into(&mut raw, text);
            audio::received(&header, &raw)
        }
    }
}
