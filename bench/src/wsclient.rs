//! A small WebSocket client without IO: handshake text, masked frames out,
//! whole unmasked frames in. Only as much of RFC 6455 as a load generator
//! needs; a server that fragments or compresses is an error here.

/// A frame's opcode, as far as a client meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
    /// Closing handshake.
    Close,
    /// Ping.
    Ping,
    /// Pong.
    Pong,
}

impl Opcode {
    fn bits(self) -> u8 {
        match self {
            Opcode::Text => 1,
            Opcode::Binary => 2,
            Opcode::Close => 8,
            Opcode::Ping => 9,
            Opcode::Pong => 10,
        }
    }

    fn from_bits(bits: u8) -> Option<Opcode> {
        Some(match bits {
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return None,
        })
    }
}

/// What a server must not send to this client.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WsError {
    /// Not a 101 with the right accept value.
    #[error("handshake refused: {0}")]
    Refused(String),
    /// A frame that is masked, fragmented, reserved or too large.
    #[error("unexpected frame: first bytes {0:02x} {1:02x}")]
    Frame(u8, u8),
}

/// RFC 6455's own sample key: a benchmark needs no surprise in it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const LARGEST_HEAD: usize = 16 * 1024;
/// Half the generator's read buffer, so that a frame always fits.
const LARGEST_FRAME: u64 = 128 * 1024;

/// The upgrade request, with the token where a native client puts it.
#[must_use]
pub fn handshake_request(host: &str, path: &str, token: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
}

/// Length of the answer's head once it is complete, `None` before.
///
/// # Errors
/// [`WsError::Refused`] for anything but the right 101.
pub fn handshake_answer(bytes: &[u8]) -> Result<Option<usize>, WsError> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        if bytes.len() > LARGEST_HEAD {
            return Err(WsError::Refused("endless head".to_owned()));
        }
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let switched = head.starts_with("HTTP/1.1 101");
    let accepted = head.lines().any(|line| {
        let Some((name, value)) = line.split_once(':') else {
            return false;
        };
        name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == ACCEPT
    });
    if switched && accepted {
        Ok(Some(end + 4))
    } else {
        let first = head.lines().next().unwrap_or_default();
        Err(WsError::Refused(first.to_owned()))
    }
}

/// Appends one final masked frame to `out`.
pub fn encode_masked(opcode: Opcode, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    out.push(0x80 | opcode.bits());
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    let long = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let (words, rest) = out[start..].as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ long).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

/// Bytes a masked frame of `payload` bytes takes on the wire.
#[must_use]
pub fn masked_len(payload: usize) -> usize {
    let header = match payload {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    };
    header + 4 + payload
}

/// One whole frame at the start of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'b> {
    /// Its kind.
    pub opcode: Opcode,
    /// What it carries.
    pub payload: &'b [u8],
    /// Bytes it took, header and all.
    pub len: usize,
}

/// The first whole frame of `bytes`, `None` while it is incomplete.
///
/// # Errors
/// [`WsError::Frame`] for what a server must not send here.
pub fn next_frame(bytes: &[u8]) -> Result<Option<Frame<'_>>, WsError> {
    let [first, second, ..] = *bytes else {
        return Ok(None);
    };
    let unexpected = WsError::Frame(first, second);
    let opcode = Opcode::from_bits(first & 0x0f);
    // FIN set, nothing reserved, not masked.
    let (Some(opcode), 0x80, 0) = (opcode, first & 0xf0, second & 0x80) else {
        return Err(unexpected);
    };
    let (header, length) = match second & 0x7f {
        126 => match bytes.get(2..4).and_then(|b| b.try_into().ok()) {
            Some(b) => (4, u64::from(u16::from_be_bytes(b))),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10).and_then(|b| b.try_into().ok()) {
            Some(b) => (10, u64::from_be_bytes(b)),
            None => return Ok(None),
        },
        short => (2, u64::from(short)),
    };
    if length > LARGEST_FRAME {
        return Err(unexpected);
    }
    let len = header + length as usize;
    Ok(bytes.get(header..len).map(|payload| Frame {
        opcode,
        payload,
        len,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmask(frame: &[u8]) -> Vec<u8> {
        let header = match frame[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let mask = &frame[header..header + 4];
        let body = &frame[header + 4..];
        body.iter()
            .enumerate()
            .map(|(i, b)| b ^ mask[i % 4])
            .collect()
    }

    #[test]
    fn masked_frames_of_every_length_class_unmask_to_what_went_in() {
        for n in [0, 1, 3, 4, 5, 7, 8, 9, 125, 126, 4342, 65_535, 65_536] {
            let payload: Vec<u8> = (0..n).map(|i| (i % 251) as u8).collect();
            let mut out = vec![0xee];
            encode_masked(Opcode::Text, &payload, [1, 2, 3, 250], &mut out);
            assert_eq!(out.len() - 1, masked_len(n));
            assert_eq!(unmask(&out[1..]), payload, "{n} bytes");
        }
    }

    #[test]
    fn a_frame_is_found_only_when_it_is_whole() {
        let mut bytes = vec![0x81, 126, 1, 0];
        bytes.extend([b'x'; 256]);
        bytes.extend([0x89, 0]);
        for cut in 0..260 {
            assert_eq!(next_frame(&bytes[..cut]), Ok(None), "at {cut}");
        }
        let frame = next_frame(&bytes).unwrap().unwrap();
        assert_eq!((frame.opcode, frame.len), (Opcode::Text, 260));
        let ping = next_frame(&bytes[260..]).unwrap().unwrap();
        assert_eq!((ping.opcode, ping.payload), (Opcode::Ping, &b""[..]));
    }

    #[test]
    fn masked_fragmented_reserved_and_huge_frames_are_refused() {
        for bytes in [[0x81, 0x85], [0x01, 5], [0xc1, 5], [0x83, 5]] {
            assert!(next_frame(&bytes).is_err(), "{bytes:02x?}");
        }
        let huge = [0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0];
        assert!(next_frame(&huge).is_err());
    }

    #[test]
    fn only_a_101_with_the_right_accept_is_a_handshake() {
        let good = format!(
            "HTTP/1.1 101 Switching Protocols\r\nSec-Websocket-Accept: {ACCEPT}\r\n\r\nrest"
        );
        assert_eq!(handshake_answer(good.as_bytes()), Ok(Some(good.len() - 4)));
        assert_eq!(handshake_answer(&good.as_bytes()[..40]), Ok(None));
        let wrong = good.replace(ACCEPT, "nonsense");
        assert!(handshake_answer(wrong.as_bytes()).is_err());
        assert!(handshake_answer(b"HTTP/1.1 429 Too Many Requests\r\n\r\n").is_err());
    }
}
