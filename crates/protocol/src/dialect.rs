//! How each door writes what the server says. Pure functions, so that any thread may write for any
//! connection and a broadcast is written once for each dialect. What is said is `json`'s; this adds
//! the envelope: none on the plain door, a Socket.IO event or acknowledgement on the other.
//!
//! On Socket.IO the event's name is the message's `type`, and its one argument is the very object
//! of the plain door. An acknowledgement carries the object of the reply, without `ref`: the
//! number of the acknowledgement stands for it.

use bytes::Bytes;

use crate::client::ReplyKey;
use crate::close::{CloseCode, ComeBack};
use crate::json;
use crate::server::{Reply, ServerMessage};
use crate::time::Wall;
use crate::ws::{Opcode, frame};

/// Which door a connection came through: how its messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Dialect {
    /// `/ws`: JSON text frames.
    Plain = 0,
    /// Socket.IO, connected to the namespace `/interview`.
    Interview = 1,
    /// Socket.IO, connected to its alias `/`.
    Root = 2,
    /// Socket.IO, connected to no namespace: nothing can be said.
    Unnamed = 3,
}

/// How many dialects there are: the size of a broadcast's cache.
pub const DIALECTS: usize = 4;

impl Dialect {
    /// The dialect of a number; what is none is [`Dialect::Unnamed`].
    pub fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Plain,
            1 => Self::Interview,
            2 => Self::Root,
            _ => Self::Unnamed,
        }
    }

    /// What stands between a Socket.IO packet's type and the rest; none where there are no packets.
    pub(crate) fn namespace(self) -> Option<&'static str> {
        match self {
            Self::Interview => Some("/interview,"),
            Self::Root => Some(""),
            Self::Plain | Self::Unnamed => None,
        }
    }
}

/// What stands between a packet's type and its data; empty for `/`.
pub(crate) fn namespace_of(dialect: Dialect) -> &'static str {
    dialect.namespace().unwrap_or_default()
}

/// A push as a whole WebSocket frame; empty if the connection can be told nothing. `now` becomes
/// `serverNow` beside an open question.
pub fn encode(dialect: Dialect, message: &ServerMessage, now: Wall) -> Bytes {
    if dialect == Dialect::Plain {
        return json::encode_frame(message, now);
    }
    if let ServerMessage::Pong {
        reference: Some(ack),
    } = message
    {
        return packet(dialect, "43", ack, |out| {
            out.extend_from_slice(b"[{\"type\":\"pong\"}]");
        });
    }
    event(dialect, json::event_name(message), |out| {
        json::encode_into(out, message, now);
    })
}

/// The reply to one request as a whole WebSocket frame; none if the client did not ask for one, or
/// can be told nothing.
pub fn encode_reply(dialect: Dialect, key: &ReplyKey, reply: &Reply) -> Option<Bytes> {
    if dialect == Dialect::Plain {
        return json::encode_reply_frame(key, reply);
    }
    let frame = match (key, reply) {
        (ReplyKey::Event(_), Reply::Ok(_)) => return None,
        (ReplyKey::Ref(ack), reply) => packet(dialect, "43", ack, |out| {
            out.push(b'[');
            json::encode_reply_object(out, reply);
            out.push(b']');
        }),
        (ReplyKey::Event(name), reply) => event(dialect, name.name(), |out| {
            // Without a `ref` nothing of the key is in the object but its name.
            json::encode_reply_into(out, &ReplyKey::Event(*name), reply);
        }),
    };
    Some(frame).filter(|frame| !frame.is_empty())
}

/// The last words of a connection and its close frame, in one piece. On Socket.IO the code and its
/// word come as `connection:closing`; who must stay away gets a DISCONNECT, after which the
/// official clients do. Who should come back gets no more than the closed transport.
pub fn encode_close(dialect: Dialect, code: u16, reason: &str) -> Bytes {
    let close = frame::close(code, reason);
    if dialect.namespace().is_none() {
        return close;
    }
    let mut out = last_words(dialect, code, reason).0;
    out.extend_from_slice(&close);
    Bytes::from(out)
}

/// What [`encode_close`] says before the close frame, if a DISCONNECT is among it: whoever got one
/// closes the carrier itself.
pub fn encode_dismissal(dialect: Dialect, code: u16, reason: &str) -> Option<Bytes> {
    dialect.namespace()?;
    let (words, come_back) = last_words(dialect, code, reason);
    (come_back == ComeBack::No).then(|| Bytes::from(words))
}

fn last_words(dialect: Dialect, code: u16, reason: &str) -> (Vec<u8>, ComeBack) {
    let come_back = CloseCode::from_number(code).map_or(ComeBack::No, CloseCode::come_back);
    let mut out = Vec::with_capacity(192);
    let closing = event(dialect, "connection:closing", |out| {
        json::closing_into(out, code, reason, come_back);
    });
    out.extend_from_slice(&closing);
    if come_back == ComeBack::No {
        let text = format!("41{}", namespace_of(dialect));
        frame::append(&mut out, Opcode::Text, &[text.as_bytes()]);
    }
    (out, come_back)
}

/// `42/interview,["name",{…}]`; empty without a namespace.
fn event(dialect: Dialect, name: &str, object: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    packet(dialect, "42", "", |out| {
        out.extend_from_slice(b"[\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\",");
        object(out);
        out.push(b']');
    })
}

/// A text frame with type, namespace, number and what `body` writes; empty without a namespace.
fn packet(dialect: Dialect, kind: &str, id: &str, body: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let Some(namespace) = dialect.namespace() else {
        return Bytes::new();
    };
    let mut out = json::room(288);
    for part in [kind, namespace, id] {
        out.extend_from_slice(part.as_bytes());
    }
    body(&mut out);
    json::finish(out, Opcode::Text).0
}

#[cfg(test)]
mod tests;
