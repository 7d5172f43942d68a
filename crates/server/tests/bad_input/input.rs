//! From the pieces of a row to bytes. `{host}`, `{key}`, `{token}` and `{session}` in a text are
//! filled in.

use base64::Engine as _;
use jsonwebtoken::Algorithm;
use protocol::ws::Opcode;
use protocol::ws::client as wire;

use crate::harness::client::KEY;
use crate::harness::{now_ms, token};

/// What a row sends, and to whom.
#[derive(Clone, Copy)]
pub(crate) enum Input {
    /// Bytes on a fresh socket.
    Request(&'static [Piece]),
    /// A well-formed handshake with this token in this place.
    Token(Place, Token),
    /// Bytes after a handshake without a token.
    First(&'static [Piece]),
    /// Bytes on an authenticated connection.
    Frames(&'static [Piece]),
    /// A text message on an authenticated connection.
    Message(&'static [Piece]),
    /// A text message of a member.
    Joined(&'static [Piece]),
    /// A text message of a candidate in a running interview without questions.
    Started(&'static [Piece]),
    /// A binary message of a member.
    Binary(&'static [Piece]),
}

/// A piece of what is sent. With a mask of zeros, a masked frame can be read as it is written.
#[derive(Clone, Copy)]
pub(crate) enum Piece {
    /// Text with names to fill in.
    Text(&'static str),
    /// Bytes as they are.
    Bytes(&'static [u8]),
    /// This text, so many times.
    Times(usize, &'static str),
    /// These bytes, so many times.
    TimesBytes(usize, &'static [u8]),
}

/// Where a handshake carries its token.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// `Authorization: Bearer …`
    Bearer,
    /// `Authorization: …`, as it is.
    Authorization,
    /// `?token=…`
    Query,
    /// `Sec-WebSocket-Protocol: greenroom.v1, bearer.…`
    Protocol,
}

/// A token of a row. `{now}`, `{soon}` and `{past}` in claims are filled in with seconds.
#[derive(Clone, Copy)]
pub(crate) enum Token {
    /// As it is.
    Raw(&'static str),
    /// Bytes that are no text.
    RawBytes(&'static [u8]),
    /// This text, so many times.
    Times(usize, &'static str),
    /// Header and claims signed with the right secret.
    Right(&'static str, &'static str),
    /// The same over claims that are no text.
    RightBytes(&'static [u8]),
    /// Header and claims signed with another secret.
    Wrong(&'static str, &'static str),
    /// Header and claims signed with the right secret and HS384.
    Hs384(&'static str, &'static str),
    /// Header and claims with an empty signature.
    Unsigned(&'static str, &'static str),
    /// A good one whose last character is missing.
    Cut,
    /// A good one whose claims were changed afterwards.
    Changed,
    /// A good one with a part too many.
    FourParts,
    /// A good one without its signature.
    TwoParts,
}

/// What texts are filled in with.
pub(crate) struct Names {
    pub(crate) host: String,
    pub(crate) token: String,
    pub(crate) session: String,
}

impl Names {
    fn fill(&self, text: &str) -> String {
        let key = base64::engine::general_purpose::STANDARD.encode(KEY);
        text.replace("{host}", &self.host)
            .replace("{key}", &key)
            .replace("{token}", &self.token)
            .replace("{session}", &self.session)
    }

    /// All pieces, one after the other.
    pub(crate) fn bytes(&self, pieces: &[Piece]) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(self.fill(text).as_bytes()),
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
                Piece::Times(times, text) => out.extend_from_slice(text.repeat(*times).as_bytes()),
                Piece::TimesBytes(times, bytes) => out.extend_from_slice(&bytes.repeat(*times)),
            }
        }
        out
    }

    /// The bytes of a token.
    pub(crate) fn token_of(&self, made: Token) -> Vec<u8> {
        let now = now_ms() / 1000;
        let claims = |text: &str| {
            text.replace("{soon}", &(now + 600).to_string())
                .replace("{past}", &(now - 600).to_string())
                .into_bytes()
        };
        let signed = |header: &str, text: &str, secret: &str, algorithm| {
            token::signed(header.as_bytes(), &claims(text), secret, algorithm).into_bytes()
        };
        let good = || self.token.clone().into_bytes();
        match made {
            Token::Raw(text) => text.as_bytes().to_vec(),
            Token::RawBytes(bytes) => bytes.to_vec(),
            Token::Times(times, text) => text.repeat(times).into_bytes(),
            Token::Right(header, text) => signed(header, text, token::SECRET, Algorithm::HS256),
            Token::RightBytes(bytes) => {
                let header = br#"{"alg":"HS256"}"#;
                token::signed(header, bytes, token::SECRET, Algorithm::HS256).into_bytes()
            }
            Token::Wrong(header, text) => {
                let secret = "another secret, also longer than thirty-two bytes";
                signed(header, text, secret, Algorithm::HS256)
            }
            Token::Hs384(header, text) => signed(header, text, token::SECRET, Algorithm::HS384),
            Token::Unsigned(header, text) => {
                format!("{}.", token::unsigned(header.as_bytes(), &claims(text))).into_bytes()
            }
            Token::Cut => {
                let mut cut = good();
                cut.pop();
                cut
            }
            Token::Changed => {
                let text = format!(r#"{{"sub":"root","role":"admin","exp":{}}}"#, now + 600);
                let header = br#"{"alg":"HS256","typ":"JWT"}"#;
                let message = token::unsigned(header, text.as_bytes());
                let signature = self.token.rsplit('.').next().unwrap_or_default();
                format!("{message}.{signature}").into_bytes()
            }
            Token::FourParts => format!("{}.e30", self.token).into_bytes(),
            Token::TwoParts => {
                let end = self.token.rfind('.').unwrap_or_default();
                self.token.as_bytes()[..end].to_vec()
            }
        }
    }

    /// A handshake that brings this token.
    pub(crate) fn handshake(&self, place: Place, token: &[u8]) -> Vec<u8> {
        let mut out = b"GET /ws".to_vec();
        if let Place::Query = place {
            out.extend_from_slice(b"?token=");
            out.extend_from_slice(token);
        }
        out.extend_from_slice(self.fill(HANDSHAKE).as_bytes());
        let line: Option<&[u8]> = match place {
            Place::Bearer => Some(b"Authorization: Bearer "),
            Place::Authorization => Some(b"Authorization: "),
            Place::Protocol => Some(b"Sec-WebSocket-Protocol: greenroom.v1, bearer."),
            Place::Query => None,
        };
        if let Some(line) = line {
            out.extend_from_slice(line);
            out.extend_from_slice(token);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out
    }
}

/// What stands between the path and the line with the token.
const HANDSHAKE: &str = " HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n";

/// A whole text message, whatever its bytes.
pub(crate) fn text_frame(payload: &[u8]) -> Vec<u8> {
    wire::frame(Opcode::Text, payload, [1, 2, 3, 4])
}

/// A whole binary message.
pub(crate) fn binary_frame(payload: &[u8]) -> Vec<u8> {
    wire::frame(Opcode::Binary, payload, [1, 2, 3, 4])
}
