//! Reading one frame header, with every check that needs nothing but the header.
//!
//! **Invariant**: a byte is judged as soon as it is there, and once a prefix is refused every
//! longer input is refused the same way, so cutting a header into reads changes nothing.

use super::{Opcode, Violation};

/// A header is 2 bytes, up to 8 of length and 4 of key.
pub(super) const HEADER_BYTES_MAX: usize = 14;

/// What the header says about the payload that follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    /// Whether the message ends with this frame.
    pub(super) is_final: bool,
    /// The masking key; all zeros when the frame is not masked.
    pub(super) key: [u8; 4],
    /// Length of the header itself in bytes.
    pub(super) len: usize,
    /// Length of the payload in bytes.
    pub(super) payload: u64,
}

/// What the receiver's state says about the next frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// Whether frames must be masked (we are the server) or must not be (we are the client).
    pub(super) masked: bool,
    /// Whether a fragmented message is under way; `None` when messages are not looked at.
    pub(super) message_open: Option<bool>,
}

/// Reads a header from the start of `bytes`; `None` means that more bytes are needed.
///
/// # Errors
/// A 1002 [`Violation`] if the header breaks the protocol or does not fit what is expected.
#[inline]
pub(super) fn parse(bytes: &[u8], expected: Expected) -> Result<Option<Header>, Violation> {
    let Some(&first) = bytes.first() else {
        return Ok(None);
    };
    let (opcode, is_final) = first_byte(first, expected)?;
    let Some(&second) = bytes.get(1) else {
        return Ok(None);
    };
    let short = second & 0x7F;
    check_second_byte(second, opcode, expected)?;
    let (payload, at) = match short {
        126 => {
            let Some(&raw) = bytes.get(2..).and_then(|rest| rest.first_chunk()) else {
                return Ok(None);
            };
            let payload = u16::from_be_bytes(raw);
            if payload < 126 {
                return Err(Violation::protocol(
                    "A frame's length is not written in its shortest form.",
                ));
            }
            (u64::from(payload), 4)
        }
        127 => {
            let Some(&raw) = bytes.get(2..).and_then(|rest| rest.first_chunk()) else {
                return Ok(None);
            };
            (long_length(u64::from_be_bytes(raw))?, 10)
        }
        short => (u64::from(short), 2),
    };
    if !expected.masked {
        return Ok(Some(Header {
            opcode,
            is_final,
            key: [0; 4],
            len: at,
            payload,
        }));
    }
    let Some(&key) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
        return Ok(None);
    };
    Ok(Some(Header {
        opcode,
        is_final,
        key,
        len: at + 4,
        payload,
    }))
}

#[inline]
fn first_byte(first: u8, expected: Expected) -> Result<(Opcode, bool), Violation> {
    if first & 0x70 != 0 {
        return Err(Violation::protocol(
            "A reserved bit is set, but no extension was agreed.",
        ));
    }
    let is_final = first & 0x80 != 0;
    let opcode = match first & 0x0F {
        0x0 => Opcode::Continuation,
        0x1 => Opcode::Text,
        0x2 => Opcode::Binary,
        0x8 => Opcode::Close,
        0x9 => Opcode::Ping,
        0xA => Opcode::Pong,
        _ => return Err(Violation::protocol("The frame has a reserved opcode.")),
    };
    if opcode.is_control() {
        if !is_final {
            return Err(Violation::protocol(
                "A control frame must not be fragmented.",
            ));
        }
    } else {
        match (opcode, expected.message_open) {
            (Opcode::Continuation, Some(false)) => {
                return Err(Violation::protocol("There is no message to continue."));
            }
            (Opcode::Text | Opcode::Binary, Some(true)) => {
                return Err(Violation::protocol(
                    "The message before this one is not finished.",
                ));
            }
            _ => {}
        }
    }
    Ok((opcode, is_final))
}

#[inline]
fn check_second_byte(second: u8, opcode: Opcode, expected: Expected) -> Result<(), Violation> {
    match (second & 0x80 != 0, expected.masked) {
        (false, true) => return Err(Violation::protocol("A client must mask its frames.")),
        (true, false) => return Err(Violation::protocol("A server must not mask its frames.")),
        _ => {}
    }
    if opcode.is_control() && second & 0x7F > 125 {
        return Err(Violation::protocol(
            "A control frame carries at most 125 bytes.",
        ));
    }
    Ok(())
}

fn long_length(payload: u64) -> Result<u64, Violation> {
    if payload >> 63 != 0 {
        return Err(Violation::protocol(
            "The top bit of a frame's length must be zero.",
        ));
    }
    if payload <= u64::from(u16::MAX) {
        return Err(Violation::protocol(
            "A frame's length is not written in its shortest form.",
        ));
    }
    Ok(payload)
}
