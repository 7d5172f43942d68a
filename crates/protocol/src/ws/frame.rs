//! Building frames to send: stateless, so any thread may encode for any connection.
//!
//! The server's frames are unmasked; masked ones for clients are in [`super::client`]. Nothing is
//! ever fragmented by us. A result is whole frames in one [`Bytes`], so it can be shared by all
//! receivers of a broadcast and never torn apart.

use std::io;

use bytes::Bytes;

use super::{Opcode, is_close_code};

/// An unmasked header is at most this long.
pub const HEADER_BYTES_MAX: usize = 10;
/// A close frame has 125 bytes, two of them the code.
pub const CLOSE_REASON_BYTES_MAX: usize = 123;

/// An unmasked header of a whole message, in the first `len` bytes of the array.
pub fn header(opcode: Opcode, payload_len: usize) -> ([u8; HEADER_BYTES_MAX], usize) {
    let mut out = [0; HEADER_BYTES_MAX];
    out[0] = 0x80 | opcode as u8;
    if payload_len < 126 {
        out[1] = payload_len as u8;
        (out, 2)
    } else if let Ok(short) = u16::try_from(payload_len) {
        out[1] = 126;
        out[2..4].copy_from_slice(&short.to_be_bytes());
        (out, 4)
    } else {
        out[1] = 127;
        out[2..10].copy_from_slice(&(payload_len as u64).to_be_bytes());
        (out, 10)
    }
}

/// Appends a whole unmasked frame whose payload is `parts`, one after the other, to `out`.
///
/// Control frames are the caller's to keep within 125 bytes; [`ping`], [`pong`] and [`close`] do.
pub fn append(out: &mut Vec<u8>, opcode: Opcode, parts: &[&[u8]]) {
    let payload_len = parts.iter().map(|part| part.len()).sum();
    let (head, head_len) = header(opcode, payload_len);
    out.reserve(head_len + payload_len);
    out.extend_from_slice(&head[..head_len]);
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// A text frame.
pub fn text(text: &str) -> Bytes {
    build(Opcode::Text, &[text.as_bytes()])
}

/// A binary frame whose payload is `parts`, one after the other; each byte is copied once.
pub fn binary(parts: &[&[u8]]) -> Bytes {
    build(Opcode::Binary, parts)
}

/// A ping; a payload beyond 125 bytes is cut.
pub fn ping(payload: &[u8]) -> Bytes {
    build(Opcode::Ping, &[control(payload)])
}

/// A pong; a payload beyond 125 bytes is cut.
pub fn pong(payload: &[u8]) -> Bytes {
    build(Opcode::Pong, &[control(payload)])
}

/// A close frame. `reason` is cut at a character so that it fits.
///
/// A code that must not be on the wire (such as 1005 or 1006) gives an empty close frame, which is
/// also the proper answer to one.
pub fn close(code: u16, reason: &str) -> Bytes {
    if !is_close_code(code) {
        return build(Opcode::Close, &[]);
    }
    let end = reason.floor_char_boundary(CLOSE_REASON_BYTES_MAX);
    build(
        Opcode::Close,
        &[&code.to_be_bytes(), &reason.as_bytes()[..end]],
    )
}

fn control(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(125)]
}

fn build(opcode: Opcode, parts: &[&[u8]]) -> Bytes {
    let mut out = Vec::new();
    append(&mut out, opcode, parts);
    Bytes::from(out)
}

/// Writes a payload of unknown length straight into its frame: room for the header is kept in
/// front, so a serializer's output is never copied.
///
/// ```text
/// let mut w = Writer::new(Opcode::Text, 256);
/// serde_json::to_writer(&mut w, &message)?;
/// let frame: Bytes = w.finish();
/// ```
#[derive(Debug)]
pub struct Writer {
    opcode: Opcode,
    out: Vec<u8>,
}

impl Writer {
    /// A writer with room for a payload of `capacity` bytes before it grows.
    pub fn new(opcode: Opcode, capacity: usize) -> Self {
        let mut out = Vec::with_capacity(HEADER_BYTES_MAX + capacity);
        out.resize(HEADER_BYTES_MAX, 0);
        Self { opcode, out }
    }

    /// Appends to the payload.
    pub fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Length of the payload so far in bytes.
    pub fn payload_len(&self) -> usize {
        self.out.len() - HEADER_BYTES_MAX
    }

    /// The finished frame.
    pub fn finish(self) -> Bytes {
        self.finish_with(&[])
    }

    /// The finished frame, with further whole binary frames behind it in the same [`Bytes`], so
    /// that nothing can come between them.
    pub fn finish_with(mut self, attachments: &[&[u8]]) -> Bytes {
        let (head, head_len) = header(self.opcode, self.payload_len());
        let start = HEADER_BYTES_MAX - head_len;
        self.out[start..HEADER_BYTES_MAX].copy_from_slice(&head[..head_len]);
        for attachment in attachments {
            append(&mut self.out, Opcode::Binary, &[attachment]);
        }
        Bytes::from(self.out).slice(start..)
    }
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
