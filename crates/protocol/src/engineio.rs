//! Engine.IO 4: the packets under Socket.IO, their heartbeat, and long-polling as another carrier
//! of the same frames ([`polling`]).
//!
//! Implements the parts of the protocol that concern one connection; who may open one, and how a
//! connection moves from polling to a WebSocket, is the shell's business. What messages mean is
//! `socketio`'s.
//!
//! **Invariants**
//! - The server asks (ping), the client answers (pong); anything from the client counts as life.
//! - A text that is no packet ends the connection: no official client sends one.

pub mod polling;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::door::OWN_DELAY_MS;
use crate::time::Mono;
use crate::ws::frame;

/// A text packet of a client. Binary ones are messages and carry no type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'b> {
    /// `1`: the client leaves.
    Close,
    /// `2`, with whatever follows: only `2probe` is ever proper.
    Ping(&'b str),
    /// `3`
    Pong,
    /// `4`
    Message(&'b str),
    /// `5`: the WebSocket is the connection from now on.
    Upgrade,
    /// `6`
    Noop,
}

/// Not a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This is no Engine.IO packet.")]
pub struct BadPacket;

impl<'b> Packet<'b> {
    /// Reads a text packet.
    ///
    /// # Errors
    /// [`BadPacket`]; `0` (open) too, since only the server opens.
    pub fn parse(text: &'b str) -> Result<Self, BadPacket> {
        let (kind, rest) = text.split_at_checked(1).ok_or(BadPacket)?;
        match kind {
            "1" => Ok(Self::Close),
            "2" => Ok(Self::Ping(rest)),
            "3" => Ok(Self::Pong),
            "4" => Ok(Self::Message(rest)),
            "5" => Ok(Self::Upgrade),
            "6" => Ok(Self::Noop),
            _ => Err(BadPacket),
        }
    }
}

/// What a client is told when its connection opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening<'a> {
    /// The connection's name, a secret: who has it can poll. Needs no escapes.
    pub sid: &'a str,
    /// Whether it may move to a WebSocket.
    pub upgradable: bool,
    /// A ping comes this often, milliseconds.
    pub ping_interval_ms: u32,
    /// And must be answered in so long, milliseconds.
    pub ping_timeout_ms: u32,
    /// Most bytes of one polling request.
    pub payload_bytes_max: u32,
}

impl Opening<'_> {
    /// `0{…}` as a whole text frame.
    pub fn frame(&self) -> Bytes {
        let upgrades = if self.upgradable { "\"websocket\"" } else { "" };
        frame::text(&format!(
            "0{{\"sid\":\"{}\",\"upgrades\":[{upgrades}],\"pingInterval\":{},\"pingTimeout\":{},\
             \"maxPayload\":{}}}",
            self.sid, self.ping_interval_ms, self.ping_timeout_ms, self.payload_bytes_max
        ))
    }
}

/// What the heartbeat wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Nothing now.
    Rest,
    /// Send [`ping`].
    Ping,
    /// The client is gone.
    Missed,
}

/// The heartbeat of one connection.
#[derive(Debug)]
pub struct Heart {
    /// When the next ping is due.
    next_at: Mono,
    /// A ping is out and nothing was heard since: until when something must come.
    answer_by: Option<Mono>,
    interval_ms: u32,
    timeout_ms: u32,
}

/// A ping this much late, milliseconds, still counts from when it was due; but never more than half
/// of the time there is for the answer.
const LATE_MS: u64 = 1_000;

impl Heart {
    /// A heartbeat whose first ping comes after `first_ms`.
    pub fn new(now: Mono, first_ms: u64, interval_ms: u32, timeout_ms: u32) -> Self {
        Self {
            next_at: now.after(first_ms),
            answer_by: None,
            interval_ms,
            timeout_ms,
        }
    }

    /// Something came.
    pub fn alive(&mut self) {
        self.answer_by = None;
    }

    /// When [`Heart::beat`] is due.
    pub fn poll_timeout(&self) -> Mono {
        self.answer_by.unwrap_or(self.next_at)
    }

    /// What is due now; to be called until it rests.
    pub fn beat(&mut self, now: Mono) -> Beat {
        let due = self.poll_timeout();
        if now < due {
            return Beat::Rest;
        }
        // If this process itself slept, the answer may lie unread in the socket: ask again.
        if self.answer_by.is_some() && now.since(due) < OWN_DELAY_MS {
            return Beat::Missed;
        }
        let may_be_late = LATE_MS.min(u64::from(self.timeout_ms) / 2);
        let asked_at = if now.since(due) > may_be_late {
            now
        } else {
            due
        };
        self.answer_by = Some(asked_at.after(self.timeout_ms.into()));
        self.next_at = asked_at.after(self.interval_ms.into());
        Beat::Ping
    }
}

/// `2` as a whole text frame.
pub fn ping() -> Bytes {
    const PING: &[u8] = &[0x81, 1, b'2'];
    Bytes::from_static(PING)
}
