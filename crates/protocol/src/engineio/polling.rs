//! Long-polling: the bodies of its requests. What a client posts is split into packets; what waits
//! for it is taken out of the same outbox of WebSocket frames that a socket would drain, so there
//! is no third way of writing a message.

use crate::json::base64;
use crate::outbox::Outbox;
use crate::ws::Opcode;

use super::BadPacket;

/// What stands between two packets.
const SEPARATOR: char = '\u{1e}';
/// What a client is told that must not poll any more, or not now.
pub const NOOP: &str = "6";
/// What a client is told whose connection is over.
pub const CLOSE: &str = "1";

/// One packet of a request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'b> {
    /// A text packet with its type.
    Text(&'b str),
    /// A binary message, decoded.
    Binary(Vec<u8>),
}

/// The packets of a body, in order.
///
/// # Errors
/// Each item: [`BadPacket`] if it is empty or not base64 behind its `b`.
pub fn split(body: &str) -> impl Iterator<Item = Result<Piece<'_>, BadPacket>> {
    body.split(SEPARATOR)
        .map(|piece| match piece.strip_prefix('b') {
            _ if piece.is_empty() => Err(BadPacket),
            None => Ok(Piece::Text(piece)),
            Some(text) => {
                let mut bytes = Vec::new();
                let sound = base64::is_sound(text) && base64::decode_into(&mut bytes, text);
                if sound {
                    Ok(Piece::Binary(bytes))
                } else {
                    Err(BadPacket)
                }
            }
        })
}

/// Takes as many whole frames out of the outbox as fit into `max` bytes, at least one, and writes
/// them as a body: without their headers, binary as base64, a close frame as `1`. Pings and pongs
/// of the WebSocket have no meaning here and are left out, so the result may be empty.
///
/// A close is never in one body with what was said before it: the official clients close at once,
/// and would find the last words, a DISCONNECT among them, only afterwards.
pub fn join(outbox: &mut Outbox, max: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while !outbox.is_empty() {
        let frames = outbox.head();
        let most = frames.len().div_ceil(3) * 4;
        if !body.is_empty() && body.len() + most > max {
            break;
        }
        let len = frames.len();
        let taken = append(&mut body, frames);
        outbox.advance(taken);
        if taken < len {
            break;
        }
    }
    body
}

/// Appends whole unmasked frames as packets; returns the bytes of those that were taken.
fn append(body: &mut Vec<u8>, frames: &[u8]) -> usize {
    let mut left = frames;
    while let Some((opcode, payload, rest)) = cut(left) {
        if opcode == CLOSE_FRAME && !body.is_empty() {
            break;
        }
        left = rest;
        if !matches!(opcode, TEXT_FRAME | BINARY_FRAME | CLOSE_FRAME) {
            continue;
        }
        if !body.is_empty() {
            let mut buffer = [0; 4];
            body.extend_from_slice(SEPARATOR.encode_utf8(&mut buffer).as_bytes());
        }
        match opcode {
            TEXT_FRAME => body.extend_from_slice(payload),
            BINARY_FRAME => {
                body.push(b'b');
                base64::encode_into(body, payload);
            }
            _ => body.extend_from_slice(CLOSE.as_bytes()),
        }
    }
    frames.len() - left.len()
}

const TEXT_FRAME: u8 = Opcode::Text as u8;
const BINARY_FRAME: u8 = Opcode::Binary as u8;
const CLOSE_FRAME: u8 = Opcode::Close as u8;

/// The first frame's opcode and payload, and what is behind it. Ours are never masked or in pieces.
fn cut(frames: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[first, second], rest) = frames.split_first_chunk()?;
    let (len, rest) = match second {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*len)).ok()?, rest)
        }
        len => (usize::from(len), rest),
    };
    let (payload, rest) = rest.split_at_checked(len)?;
    Some((first & 0xf, payload, rest))
}
