//! The Socket.IO door: bodies of polling requests, and whole conversations with its machine.

use std::sync::Arc;

use crate::close::CloseCode;
use crate::dialect::Dialect;
use crate::door::{Out, Up};
use crate::engineio::polling::{Piece, join, split};
use crate::error::ErrorCode;
use crate::id::ConnectionId;
use crate::limits::Limits;
use crate::outbox::{Frame, Outbox};
use crate::socketio::Machine;
use crate::socketio::packet::Packet;
use crate::time::Mono;
use crate::ws::frame;

/// The body of a polling request: whatever is split is what a body of the same packets is joined
/// to, and nothing decoded is larger than its text.
pub fn polling_body(data: &[u8]) {
    let Ok(body) = std::str::from_utf8(data) else {
        return;
    };
    let pieces: Vec<_> = split(body).collect();
    assert!(pieces.len() <= body.len() + 1);
    let mut outbox = Outbox::default();
    for piece in &pieces {
        let bytes = match piece {
            Ok(Piece::Text(text)) => frame::text(text),
            Ok(Piece::Binary(bytes)) => {
                assert!(bytes.len() <= body.len());
                frame::binary(&[bytes])
            }
            Err(_) => return,
        };
        let _ = outbox.push(Frame::event(bytes));
    }
    if outbox.frames() != pieces.len() {
        return;
    }
    let joined = join(&mut outbox, usize::MAX);
    let again = std::str::from_utf8(&joined).unwrap_or_default();
    assert_eq!(split(again).collect::<Vec<_>>(), pieces);
}

/// A conversation: one byte of switches, then messages, each with a byte for its kind, two for its
/// length, and its bytes. Kinds: text, binary, and waiting.
pub fn socketio(data: &[u8]) {
    let Some((&switches, mut rest)) = data.split_first() else {
        return;
    };
    let limits = Limits {
        message_bytes: 4_096,
        unauthenticated_bytes: 1_024,
        ..Limits::default()
    };
    let mut talk = Talk {
        machine: Machine::new(
            Arc::new(limits),
            Mono(1_000),
            ConnectionId(1),
            switches & 1 == 0,
        ),
        now: Mono(1_000),
        is_closed: false,
        answers: 0,
        asked: 0,
    };
    while let Some((&[kind, low, high], after)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_le_bytes([low, high])).min(after.len());
        let (message, after) = after.split_at(len);
        rest = after;
        talk.message(kind, message, switches & 2 == 0);
    }
}

struct Talk {
    machine: Machine,
    now: Mono,
    is_closed: bool,
    /// Acknowledgements sent, and those that may be due.
    answers: usize,
    asked: usize,
}

impl Talk {
    fn message(&mut self, kind: u8, message: &[u8], is_welcome: bool) {
        let (mut out, mut asks, mut ups) = (Vec::new(), false, 0);
        let mut up = |up: Up<'_>| {
            ups += 1;
            asks |= matches!(up, Up::Authenticate { .. });
        };
        match (kind % 4, std::str::from_utf8(message)) {
            (0 | 1, Ok(text)) => {
                self.asked += 1;
                check_packet(text);
                self.machine.receive_text(self.now, text, &mut up, &mut out);
            }
            (2, _) => {
                self.asked += 1;
                self.machine
                    .receive_binary(self.now, message, &mut up, &mut out);
            }
            _ => {
                let due = self.machine.poll_timeout();
                self.now = due.unwrap_or(self.now).max(self.now);
                self.machine.handle_timeout(self.now, &mut out);
                let next = self.machine.poll_timeout();
                assert!(next.is_none_or(|next| next > self.now), "it would spin");
            }
        }
        assert!(
            !self.is_closed || (out.is_empty() && ups == 0),
            "after the end"
        );
        if asks && is_welcome {
            self.machine.open(ConnectionId(1), &mut out);
            assert!(self.machine.is_open());
        } else if asks {
            let refusal = ErrorCode::TokenInvalid.into();
            self.machine
                .refuse(&refusal, CloseCode::Unauthenticated, &mut out);
        }
        assert_eq!(
            self.machine.dialect() != Dialect::Unnamed,
            self.machine.is_open()
        );
        self.said(out);
    }

    fn said(&mut self, out: Vec<Out>) {
        for out in out {
            assert!(!self.is_closed, "nothing comes after the end");
            match out {
                Out::Text(frame) => {
                    assert!(!frame.is_empty());
                    let is_answer = frame.windows(2).take(12).any(|two| two == b"43");
                    self.answers += usize::from(is_answer);
                }
                Out::Ping(_) => {}
                Out::Close(_) | Out::HangUp => self.is_closed = true,
            }
        }
        assert!(self.answers <= self.asked, "more answers than questions");
        assert_eq!(self.machine.poll_timeout().is_none(), self.is_closed);
    }
}

/// What is read as a packet reads the same when it is written again.
fn check_packet(text: &str) {
    let Some(Ok(packet)) = text.strip_prefix('4').map(Packet::parse) else {
        return;
    };
    let kind = text.get(1..2).unwrap_or_default();
    let count = match packet.attachments {
        0 => String::new(),
        count => format!("{count}-"),
    };
    let namespace = match packet.namespace {
        "/" => String::new(),
        other => format!("{other},"),
    };
    let ack = packet.ack.unwrap_or_default();
    let again = format!("{kind}{count}{namespace}{ack}{}", packet.data);
    assert_eq!(Packet::parse(&again), Ok(packet));
}
