//! The plain door: what one connection's packets mean, and when it must be pinged or closed.
//!
//! A machine without IO: packets and time go in; requests go up through a closure, frames to send
//! come out of a list. [`handshake`] reads what the upgrade request says about who is coming.
//!
//! The order of calls: [`Machine::new`] after the upgrade; if the request carried a token, the
//! caller checks it and calls [`Machine::open`] at once. Else the first message yields
//! [`Up::Authenticate`], and the caller answers with [`Machine::open`] or [`Machine::refuse`]
//! before it hands in the next packet. From then on [`Machine::receive_text`],
//! [`Machine::receive_binary`] and [`Machine::alive`] for what comes, and
//! [`Machine::handle_timeout`] whenever [`Machine::poll_timeout`] is reached. Once an
//! [`Out::Close`] was handed out, everything is ignored.
//!
//! **Invariants**
//! - Before it is authenticated a connection reaches nobody, and its bytes and time are bounded.
//! - Every request with a `ref` that is refused here gets exactly one answer here.
//! - Mistakes a client can make are answered and the connection stays; a close means that no
//!   working client would have done this, or that a deadline passed.

pub mod handshake;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::client::{ErrorEvent, ReplyKey};
use crate::close::CloseCode;
use crate::dialect::Dialect;
use crate::door::{Desk, OWN_DELAY_MS, TOO_MUCH, answer, push};
use crate::error::{ErrorCode, Refusal};
use crate::id::ConnectionId;
use crate::json::{self, Decoded, Message, Refused, Scratch};
use crate::limits::Limits;
use crate::server::ServerMessage;
use crate::time::Mono;
use crate::ws::frame;

pub use crate::door::{Out, Up};

const DIALECT: Dialect = Dialect::Plain;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No token yet.
    Waiting,
    /// A token is being checked.
    Checking,
    Open,
    Closed,
}

/// One connection of the plain door.
#[derive(Debug)]
pub struct Machine {
    desk: Desk,
    /// Waiting: until when a token must be there. Open: when the next ping is due.
    next_at: Mono,
    /// A ping is out and nothing was heard since: until when something must come.
    answer_by: Option<Mono>,
    /// Bytes that came before the connection was authenticated.
    early_bytes: u32,
    state: State,
}

impl Machine {
    /// A connection right after its upgrade, not yet authenticated.
    pub fn new(limits: Arc<Limits>, now: Mono) -> Self {
        Self {
            next_at: now.after(limits.auth_timeout_ms.into()),
            answer_by: None,
            early_bytes: 0,
            state: State::Waiting,
            desk: Desk::new(limits, now),
        }
    }

    /// The token was good. The caller sends `connection:success`. First pings are spread over the
    /// interval by the connection's number, so that ten thousand connections do not share a beat.
    pub fn open(&mut self, now: Mono, connection: ConnectionId) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Open;
        let interval = u64::from(self.desk.limits().ping_interval_ms).max(1);
        // Fibonacci hashing: neighbors land far apart.
        let spread = connection.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        self.next_at = now.after(1 + spread % interval);
    }

    /// The token was not good, or the connection may not be: `connection:error`, then a close.
    pub fn refuse(&mut self, refusal: Refusal, code: CloseCode, out: &mut Vec<Out>) {
        if self.state == State::Closed {
            return;
        }
        push(DIALECT, out, &ServerMessage::ConnectionError(refusal));
        self.close(code, out);
    }

    /// Whether the connection is authenticated and not closed.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// The caller closes the connection; nothing is handed out any more.
    pub fn closed(&mut self) {
        self.state = State::Closed;
    }

    /// Something came that has no meaning here: a ping or pong of the carrier.
    pub fn alive(&mut self) {
        self.answer_by = None;
    }

    /// A whole text message.
    pub fn receive_text(
        &mut self,
        now: Mono,
        text: &str,
        up: &mut impl FnMut(Up<'_>),
        out: &mut Vec<Out>,
    ) {
        self.alive();
        match self.state {
            State::Open => self.open_text(now, text, up, out),
            State::Waiting => self.first_text(text, up, out),
            State::Checking => {
                if self.early(text.len(), out) {
                    let reply = Message::scan(text).reply_key();
                    answer(DIALECT, out, &reply, ErrorCode::AuthRequired.into());
                }
            }
            State::Closed => {}
        }
    }

    /// A whole binary message: one chunk of audio.
    pub fn receive_binary(
        &mut self,
        now: Mono,
        bytes: &[u8],
        up: &mut impl FnMut(Up<'_>),
        out: &mut Vec<Out>,
    ) {
        self.alive();
        match self.state {
            State::Open => {}
            State::Waiting | State::Checking => {
                return self.unauthenticated("Send a token before any audio.", out);
            }
            State::Closed => return,
        }
        let reply = ReplyKey::Event(ErrorEvent::Audio);
        self.desk.chunk(now, DIALECT, (bytes, reply), up, out);
    }

    /// So many bytes of a message are there that is not finished yet (`Ws::held_bytes`). To be called
    /// after each read while the connection is not open, so that a stranger cannot have a large
    /// message kept for it.
    pub fn unfinished(&mut self, bytes: usize, out: &mut Vec<Out>) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let total = self.early_bytes.saturating_add(bytes);
        if matches!(self.state, State::Waiting | State::Checking)
            && total > self.desk.limits().unauthenticated_bytes
        {
            self.unauthenticated(TOO_MUCH, out);
        }
    }

    /// Does what is due. Calling it early or twice is harmless.
    pub fn handle_timeout(&mut self, now: Mono, out: &mut Vec<Out>) {
        match self.state {
            State::Waiting | State::Checking if now >= self.next_at => {
                self.unauthenticated("No valid token came in time.", out);
            }
            State::Open => self.beat(now, out),
            _ => {}
        }
    }

    /// When [`Machine::handle_timeout`] is due; may lie later at the next look, never earlier.
    pub fn poll_timeout(&self) -> Option<Mono> {
        match self.state {
            State::Waiting | State::Checking => Some(self.next_at),
            State::Open => Some(self.answer_by.unwrap_or(self.next_at)),
            State::Closed => None,
        }
    }

    fn beat(&mut self, now: Mono, out: &mut Vec<Out>) {
        let due = self.answer_by.unwrap_or(self.next_at);
        if now < due {
            return;
        }
        // If this process itself slept, the answer may lie unread in the socket: ask again.
        if self.answer_by.is_some() && now.since(due) < OWN_DELAY_MS {
            return self.close(CloseCode::HeartbeatMissed, out);
        }
        out.push(Out::Ping(frame::ping(&[])));
        self.answer_by = Some(now.after(self.desk.limits().ping_timeout_ms.into()));
        self.next_at = now.after(self.desk.limits().ping_interval_ms.into());
    }

    fn first_text(&mut self, text: &str, up: &mut impl FnMut(Up<'_>), out: &mut Vec<Out>) {
        if !self.early(text.len(), out) {
            return;
        }
        let mut scratch = Scratch::default();
        match json::decode(text, &mut scratch) {
            Ok(Decoded::Auth { token, reply }) => {
                self.state = State::Checking;
                up(Up::Authenticate {
                    token: Some(&token),
                    reply,
                });
            }
            Ok(Decoded::Ping { reference }) => {
                push(DIALECT, out, &ServerMessage::Pong { reference })
            }
            Ok(_) => self.unauthenticated("The first message must be `auth`.", out),
            Err(Refused { refusal, .. }) => self.refuse(refusal, CloseCode::Unauthenticated, out),
        }
    }

    /// Counts bytes of a connection nobody knows yet; false if it is closed for them.
    fn early(&mut self, bytes: usize, out: &mut Vec<Out>) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.early_bytes = self.early_bytes.saturating_add(bytes);
        let fits = self.early_bytes <= self.desk.limits().unauthenticated_bytes;
        if !fits {
            self.unauthenticated(TOO_MUCH, out);
        }
        fits
    }

    fn unauthenticated(&mut self, message: &str, out: &mut Vec<Out>) {
        let refusal = Refusal::because(ErrorCode::AuthRequired, message);
        self.refuse(refusal, CloseCode::Unauthenticated, out);
    }

    fn open_text(
        &mut self,
        now: Mono,
        text: &str,
        up: &mut impl FnMut(Up<'_>),
        out: &mut Vec<Out>,
    ) {
        let message = (Message::scan(text), text.len());
        if let Err(code) = self.desk.message(now, DIALECT, message, up, out) {
            self.close(code, out);
        }
    }

    fn close(&mut self, code: CloseCode, out: &mut Vec<Out>) {
        self.state = State::Closed;
        out.push(Out::Close(code));
    }
}
