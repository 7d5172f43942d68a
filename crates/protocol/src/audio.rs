//! The layout of audio in binary messages.
//!
//! A binary message is one chunk of one audio stream: a header of 20 bytes, then the sound as it
//! is, without base64. Both directions have the same layout, so that relaying is a new header and
//! one copy of the payload. Numbers are little-endian, and the payload begins at a multiple of
//! four, so that 16-bit samples can be used where they lie.
//!
//! | offset | bytes | field | client → server (`audio:stream`) | server → client (`audio:received`) |
//! |---|---|---|---|---|
//! | 0 | 1 | kind | `0x01` | `0x81` |
//! | 1 | 1 | format | 0 `pcm16` (mono, little-endian), 1 `wav`, 2 `webm`, 3 `ogg` | as sent |
//! | 2 | 1 | flags | bit 0: the stream's last chunk; other bits 0 | as sent |
//! | 3 | 1 | sender | 0 | number of the participant who speaks, from `session:joined` |
//! | 4 | 2 | room | the session's number from `session:joined`; 0 if the connection is in one | the session's number on *your* connection |
//! | 6 | 2 | sample rate | Hz, 8,000–48,000; 0 for `wav`, `webm`, `ogg` means "as the data says" | as sent |
//! | 8 | 4 | stream | chosen by the sender, one for each recording it makes | as sent |
//! | 12 | 4 | seq | 0, 1, 2 … within the stream; `audio:ack` names the highest one written | as sent |
//! | 16 | 4 | time | ms from the stream's start to the chunk's first sample | as sent |
//! | 20 | | payload | the sound; empty only in a last chunk | as sent |
//!
//! The lower seven bits of the kind are the version of the layout, the top bit the direction. A
//! receiver refuses a kind it does not know and bits that must be zero, so that they can get a
//! meaning later. A WAV stream has its RIFF header in each chunk.
//!
//! What the sound means is not decided here: decoding is `speech`'s, permission is `engine`'s.

use bytes::Bytes;

use crate::ws::frame;

#[cfg(test)]
mod tests;

/// Bytes of the header.
pub const HEADER_BYTES: usize = 20;
/// Lowest sample rate that is understood, in Hz.
pub const SAMPLE_RATE_MIN: u16 = 8_000;
/// Highest sample rate that is understood, in Hz.
pub const SAMPLE_RATE_MAX: u16 = 48_000;

const FLAG_LAST: u8 = 1;

/// Which way a chunk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Direction {
    /// `audio:stream`.
    ToServer = 0x01,
    /// `audio:received`.
    ToClient = 0x81,
}

/// How the payload is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Format {
    /// Signed 16-bit samples, mono, little-endian.
    Pcm16 = 0,
    /// A RIFF WAVE file in each chunk.
    Wav = 1,
    /// A piece of a WebM stream; relayed as it is.
    Webm = 2,
    /// A piece of an Ogg stream; relayed as it is.
    Ogg = 3,
}

impl Format {
    /// The name in JSON messages: `pcm16`, `wav`, `webm` or `ogg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcm16 => "pcm16",
            Self::Wav => "wav",
            Self::Webm => "webm",
            Self::Ogg => "ogg",
        }
    }

    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pcm16, Self::Wav, Self::Webm, Self::Ogg]
            .into_iter()
            .find(|f| f.name() == name)
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Pcm16, Self::Wav, Self::Webm, Self::Ogg]
            .into_iter()
            .find(|&f| f as u8 == byte)
    }
}

/// The header of a chunk, both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How the payload is coded.
    pub format: Format,
    /// Whether the stream ends with this chunk.
    pub is_last: bool,
    /// Number of the participant who speaks; 0 from a client.
    pub sender: u8,
    /// Number of the session on this connection; 0 from a client that is in one only.
    pub room: u16,
    /// Hz; 0 where the data says it.
    pub sample_rate: u16,
    /// The stream, in the sender's numbering.
    pub stream: u32,
    /// Number of the chunk within the stream.
    pub seq: u32,
    /// Milliseconds from the stream's start to the first sample.
    pub at_ms: u32,
}

/// One chunk, as it lies in a binary message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'b> {
    /// What it is.
    pub header: Header,
    /// The sound.
    pub payload: &'b [u8],
}

/// Why a binary message is no audio chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AudioError {
    /// Too short, of an unknown kind, or with bits set that must be zero.
    #[error("The binary message does not begin with an audio header of version 1.")]
    Header,
    /// An unknown format.
    #[error("The audio format is not one of pcm16, wav, webm, ogg.")]
    Format,
    /// A sample rate that is not understood.
    #[error("The sample rate is not between 8000 and 48000 Hz.")]
    SampleRate,
    /// No payload, though the stream goes on.
    #[error("Only the last chunk of a stream may be empty.")]
    Empty,
    /// Half a sample.
    #[error("pcm16 audio has two bytes a sample, but their number is odd.")]
    OddLength,
    /// More payload than is taken at once.
    #[error("The audio chunk is too large.")]
    TooLarge,
}

impl AudioError {
    /// The stable code for `audio:error`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Header => "audio_header",
            Self::Format => "audio_format",
            Self::SampleRate => "audio_sample_rate",
            Self::Empty => "audio_empty",
            Self::OddLength => "audio_odd_length",
            Self::TooLarge => "audio_too_large",
        }
    }
}

/// Reads a chunk that came in `direction`, with at most `payload_bytes_max` bytes of sound.
///
/// # Errors
/// The first thing that is wrong, in the order of [`AudioError`]'s variants but size first after
/// the header.
pub fn decode(
    direction: Direction,
    bytes: &[u8],
    payload_bytes_max: usize,
) -> Result<Chunk<'_>, AudioError> {
    let (raw, payload) = bytes
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(AudioError::Header)?;
    let &[
        kind,
        format,
        flags,
        sender,
        r0,
        r1,
        h0,
        h1,
        s0,
        s1,
        s2,
        s3,
        q0,
        q1,
        q2,
        q3,
        t0,
        t1,
        t2,
        t3,
    ] = raw;
    let sender_is_foreign = direction == Direction::ToServer && sender != 0;
    if kind != direction as u8 || flags & !FLAG_LAST != 0 || sender_is_foreign {
        return Err(AudioError::Header);
    }
    if payload.len() > payload_bytes_max {
        return Err(AudioError::TooLarge);
    }
    let header = Header {
        format: Format::from_byte(format).ok_or(AudioError::Format)?,
        is_last: flags & FLAG_LAST != 0,
        sender,
        room: u16::from_le_bytes([r0, r1]),
        sample_rate: u16::from_le_bytes([h0, h1]),
        stream: u32::from_le_bytes([s0, s1, s2, s3]),
        seq: u32::from_le_bytes([q0, q1, q2, q3]),
        at_ms: u32::from_le_bytes([t0, t1, t2, t3]),
    };
    check(&header, payload)?;
    Ok(Chunk { header, payload })
}

/// Whether header and payload fit together; for sound that came another way (JSON), too.
///
/// # Errors
/// [`AudioError::SampleRate`], [`AudioError::Empty`] or [`AudioError::OddLength`].
pub fn check(header: &Header, payload: &[u8]) -> Result<(), AudioError> {
    let is_raw = header.format == Format::Pcm16;
    let is_known = (SAMPLE_RATE_MIN..=SAMPLE_RATE_MAX).contains(&header.sample_rate);
    if !is_known && (is_raw || header.sample_rate != 0) {
        return Err(AudioError::SampleRate);
    }
    if payload.is_empty() && !header.is_last {
        return Err(AudioError::Empty);
    }
    if is_raw && !payload.len().is_multiple_of(2) {
        return Err(AudioError::OddLength);
    }
    Ok(())
}

impl Header {
    /// The header's bytes in `direction`.
    pub fn encode(&self, direction: Direction) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0] = direction as u8;
        out[1] = self.format as u8;
        out[2] = if self.is_last { FLAG_LAST } else { 0 };
        out[3] = if direction == Direction::ToClient {
            self.sender
        } else {
            0
        };
        out[4..6].copy_from_slice(&self.room.to_le_bytes());
        out[6..8].copy_from_slice(&self.sample_rate.to_le_bytes());
        out[8..12].copy_from_slice(&self.stream.to_le_bytes());
        out[12..16].copy_from_slice(&self.seq.to_le_bytes());
        out[16..20].copy_from_slice(&self.at_ms.to_le_bytes());
        out
    }
}

/// The whole WebSocket frame of an `audio:received`. The payload is copied once and is the tail of
/// the result, so whoever taps the sound can slice it out of the shared bytes.
pub fn received(header: &Header, payload: &[u8]) -> Bytes {
    frame::binary(&[&header.encode(Direction::ToClient), payload])
}
