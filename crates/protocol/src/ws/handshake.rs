//! The upgrade request: may this HTTP request become a WebSocket, and what is the answer?
//!
//! A pure function over the request's method, version and headers, so that the listener needs no
//! HTTP types of ours and every malformed handshake is a row in a table. Who the user is and
//! whether the Origin is welcome are not decided here.
//!
//! Implements RFC 6455 section 4.2. Extensions are never accepted, which a client learns from
//! their absence in the answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

/// More subprotocols than this in one request are refused.
pub const PROTOCOLS_MAX: usize = 16;
/// All `Sec-WebSocket-Protocol` lines together may have so many bytes (a token travels there).
pub const PROTOCOL_BYTES_MAX: usize = 16 * 1024;

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A request that may become a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake<'h> {
    accept: [u8; 28],
    /// The subprotocols the client offers, best first; the answer may name one of them.
    pub protocols: Vec<&'h str>,
}

impl Handshake<'_> {
    /// The value of `Sec-WebSocket-Accept`.
    pub fn accept(&self) -> &str {
        std::str::from_utf8(&self.accept).unwrap_or_default()
    }
}

/// Why a request may not become a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The method is not GET.
    #[error("A WebSocket is opened with GET.")]
    Method,
    /// The HTTP version is older than 1.1 (or is HTTP/2, whose upgrade is another one).
    #[error("A WebSocket is opened over HTTP/1.1.")]
    HttpVersion,
    /// There is no `Upgrade: websocket`: somebody opened the address in a browser.
    #[error("This address speaks WebSocket; the request has no \"Upgrade: websocket\".")]
    Upgrade,
    /// There is no `Connection: upgrade`, perhaps because a proxy dropped it.
    #[error("The request has no \"Connection: upgrade\"; a proxy in between may have dropped it.")]
    Connection,
    /// The protocol version is not 13.
    #[error("Only version 13 of the WebSocket protocol is spoken here.")]
    WebSocketVersion,
    /// There is no key, or not exactly one of 16 bytes in base64.
    #[error("Sec-WebSocket-Key must be 16 bytes in base64, once.")]
    Key,
    /// The list of subprotocols is malformed, repeats a name, or is too long.
    #[error("Sec-WebSocket-Protocol must be a list of at most 16 different tokens.")]
    Protocols,
    /// The request announces a body.
    #[error("An upgrade request has no body.")]
    Body,
}

impl Refused {
    /// The HTTP status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::Upgrade | Self::WebSocketVersion => 426,
            _ => 400,
        }
    }

    /// The stable code for the error body.
    pub fn code(self) -> &'static str {
        match self {
            Self::Method => "handshake_method",
            Self::HttpVersion => "handshake_http_version",
            Self::Upgrade => "handshake_upgrade",
            Self::Connection => "handshake_connection",
            Self::WebSocketVersion => "handshake_websocket_version",
            Self::Key => "handshake_key",
            Self::Protocols => "handshake_protocols",
            Self::Body => "handshake_body",
        }
    }

    /// Headers the answer must carry.
    pub fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Method => &[("allow", "GET")],
            Self::Upgrade => &[("upgrade", "websocket"), ("connection", "upgrade")],
            Self::WebSocketVersion => &[
                ("sec-websocket-version", "13"),
                ("upgrade", "websocket"),
                ("connection", "upgrade"),
            ],
            _ => &[],
        }
    }
}

/// What was seen while going through the headers once.
#[derive(Default)]
struct Seen<'h> {
    upgrade: bool,
    connection: bool,
    version: Option<&'h [u8]>,
    key: Option<&'h [u8]>,
    repeated_version: bool,
    repeated_key: bool,
    body: bool,
    protocol_lines: Vec<&'h [u8]>,
    protocol_bytes: usize,
}

/// Judges an upgrade request. Header names may have any case and repeat; time is linear in the
/// headers' length.
///
/// # Errors
/// The first thing that is wrong, in the order of [`Refused`].
pub fn check<'h>(
    method: &str,
    is_http_1_1: bool,
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
) -> Result<Handshake<'h>, Refused> {
    if method != "GET" {
        return Err(Refused::Method);
    }
    if !is_http_1_1 {
        return Err(Refused::HttpVersion);
    }
    let mut seen = Seen::default();
    for (name, value) in headers {
        seen.header(name, value);
    }
    if !seen.upgrade {
        return Err(Refused::Upgrade);
    }
    if !seen.connection {
        return Err(Refused::Connection);
    }
    if seen.repeated_version || seen.version.map(<[u8]>::trim_ascii) != Some(b"13") {
        return Err(Refused::WebSocketVersion);
    }
    let key = seen
        .key
        .map(<[u8]>::trim_ascii)
        .filter(|key| is_key(key))
        .ok_or(Refused::Key)?;
    if seen.repeated_key {
        return Err(Refused::Key);
    }
    let protocols = seen.protocols()?;
    if seen.body {
        return Err(Refused::Body);
    }
    Ok(Handshake {
        accept: accept_key(key),
        protocols,
    })
}

/// The value of `Sec-WebSocket-Accept` for the value of a `Sec-WebSocket-Key`, as ASCII.
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut out = [0; 28];
    let written = STANDARD.encode_slice(digest, &mut out);
    debug_assert_eq!(written, Ok(28), "20 bytes are 28 in base64");
    out
}

/// The response head of an accepted upgrade, with the empty line; `protocol` is the chosen one.
pub fn response(handshake: &Handshake<'_>, protocol: Option<&str>) -> String {
    let accept = handshake.accept();
    let mut out = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n"
    );
    if let Some(protocol) = protocol {
        out.extend(["Sec-WebSocket-Protocol: ", protocol, "\r\n"]);
    }
    out.push_str("\r\n");
    out
}

impl<'h> Seen<'h> {
    fn header(&mut self, name: &str, value: &'h [u8]) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        if is("upgrade") {
            self.upgrade |= has_token(value, b"websocket");
        } else if is("connection") {
            self.connection |= has_token(value, b"upgrade");
        } else if is("sec-websocket-version") {
            self.repeated_version |= self.version.replace(value).is_some();
        } else if is("sec-websocket-key") {
            self.repeated_key |= self.key.replace(value).is_some();
        } else if is("sec-websocket-protocol") {
            self.protocol_bytes += value.len();
            if self.protocol_lines.len() <= PROTOCOLS_MAX {
                self.protocol_lines.push(value);
            }
        } else if is("transfer-encoding") {
            self.body = true;
        } else if is("content-length") {
            self.body |= value.trim_ascii() != b"0";
        }
    }

    fn protocols(&self) -> Result<Vec<&'h str>, Refused> {
        if self.protocol_bytes > PROTOCOL_BYTES_MAX || self.protocol_lines.len() > PROTOCOLS_MAX {
            return Err(Refused::Protocols);
        }
        let mut out: Vec<&'h str> = Vec::new();
        for &line in &self.protocol_lines {
            for item in tokens(line) {
                let item = std::str::from_utf8(item).map_err(|_| Refused::Protocols)?;
                let is_token = !item.is_empty() && item.bytes().all(is_token_byte);
                if !is_token || out.len() == PROTOCOLS_MAX || out.contains(&item) {
                    return Err(Refused::Protocols);
                }
                out.push(item);
            }
        }
        Ok(out)
    }
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

fn has_token(value: &[u8], wanted: &[u8]) -> bool {
    tokens(value).any(|token| token.eq_ignore_ascii_case(wanted))
}

fn is_key(key: &[u8]) -> bool {
    let mut raw = [0; 18];
    key.len() == 24 && STANDARD.decode_slice(key, &mut raw) == Ok(16)
}

/// RFC 9110 `tchar`, which a JSON Web Token consists of, too.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
