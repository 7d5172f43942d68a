//! The client's end of the carrier: masked frames and the upgrade request.
//!
//! For the command-line client, the load generator and tests; the server never uses it. Frames
//! coming in are read with [`super::Ws::for_client`]. Randomness is the caller's: every masked
//! frame takes its key as an argument.

use super::handshake::accept_key;
use super::{Opcode, is_close_code, unmask};

/// The client side of an upgrade could not be completed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// The server answered with something other than 101.
    #[error("the server answered {status} instead of 101")]
    Status {
        /// The HTTP status.
        status: u16,
        /// Bytes of the response head; the body follows.
        head_len: usize,
    },
    /// The answer is not a WebSocket upgrade of our request.
    #[error("the server's answer is no WebSocket upgrade: {0}")]
    Malformed(&'static str),
}

/// A response head that agrees to the upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgraded {
    /// Bytes of the head; frames may follow at once.
    pub head_len: usize,
    /// The subprotocol the server chose.
    pub protocol: Option<String>,
}

/// A response head longer than this is refused.
pub const RESPONSE_HEAD_BYTES_MAX: usize = 16 * 1024;

/// Appends one masked frame to `out`. `is_final` is false for all but the last fragment.
pub fn append(out: &mut Vec<u8>, opcode: Opcode, is_final: bool, payload: &[u8], key: [u8; 4]) {
    let (mut head, head_len) = super::frame::header(opcode, payload.len());
    if !is_final {
        head[0] &= 0x7F;
    }
    head[1] |= 0x80;
    out.reserve(head_len + 4 + payload.len());
    out.extend_from_slice(&head[..head_len]);
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(payload);
    unmask(&mut out[start..], key, 0);
}

/// One masked frame that is a whole message or control frame.
pub fn frame(opcode: Opcode, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, opcode, true, payload, key);
    out
}

/// A masked close frame; a code that must not be on the wire gives an empty one.
pub fn close(code: u16, reason: &str, key: [u8; 4]) -> Vec<u8> {
    if !is_close_code(code) {
        return frame(Opcode::Close, &[], key);
    }
    let end = reason.floor_char_boundary(super::frame::CLOSE_REASON_BYTES_MAX);
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    frame(Opcode::Close, &payload, key)
}

/// The upgrade request. `key` is 16 random bytes; `headers` are further lines such as
/// `("Authorization", "Bearer …")`. Values must not hold line breaks: they are the caller's own.
pub fn request(
    host: &str,
    path_and_query: &str,
    key: [u8; 16],
    headers: &[(&str, &str)],
) -> String {
    let mut out = format!(
        "GET {path_and_query} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n",
        key_header(key)
    );
    for (name, value) in headers {
        out.extend([name, ": ", value, "\r\n"]);
    }
    out.push_str("\r\n");
    out
}

/// Reads the response head from the start of `bytes`; `None` means that more bytes are needed.
///
/// # Errors
/// [`ResponseError`] if the server refused, or answered something else than our request.
pub fn response(bytes: &[u8], key: [u8; 16]) -> Result<Option<Upgraded>, ResponseError> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > RESPONSE_HEAD_BYTES_MAX {
            Err(ResponseError::Malformed("its head is too long"))
        } else {
            Ok(None)
        };
    };
    let head_len = end + 4;
    let head = std::str::from_utf8(&bytes[..end])
        .map_err(|_| ResponseError::Malformed("its head is not text"))?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|status| status.parse().ok())
        .ok_or(ResponseError::Malformed(
            "it does not begin with an HTTP/1.1 status",
        ))?;
    if status != 101 {
        return Err(ResponseError::Status { status, head_len });
    }
    let mut accepted = false;
    let mut protocol = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("sec-websocket-accept") {
            accepted = value.as_bytes() == accept_key(key_header(key).as_bytes());
        } else if name.eq_ignore_ascii_case("sec-websocket-protocol") {
            protocol = Some(value.to_owned());
        } else if name.eq_ignore_ascii_case("sec-websocket-extensions") {
            return Err(ResponseError::Malformed(
                "it uses an extension nobody asked for",
            ));
        }
    }
    if !accepted {
        return Err(ResponseError::Malformed(
            "its Sec-WebSocket-Accept does not fit the key",
        ));
    }
    Ok(Some(Upgraded { head_len, protocol }))
}

fn key_header(key: [u8; 16]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(key)
}
