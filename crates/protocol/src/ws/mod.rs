//! The WebSocket carrier: bytes of one connection in, whole messages out, and frames to send.
//!
//! Everything here is pure: no socket, no clock, no task. Times are milliseconds of any monotonic
//! clock, given by the caller. What a message *means* is none of this module's business: that is
//! the doors', which get [`Packet`]s.
//!
//! Receiving has state ([`Ws`]); sending has none ([`frame`]), so any thread may encode for any
//! connection. [`handshake`] decides about the upgrade request. [`client`] is the other end of the
//! wire, for the command-line client, the load generator and tests.
//!
//! Implements RFC 6455 without extensions (compression is declined).
//!
//! **Invariants**
//! - An idle connection holds no buffer: whatever a cut frame or an unfinished message needed is
//!   given back when it is complete.
//! - Memory follows what has arrived, never what a header announces.
//! - How the bytes were cut into reads changes nothing that is delivered.
//! - After a close frame or a [`Violation`] nothing more is delivered.

pub mod client;
pub mod frame;
pub mod handshake;
mod header;
mod mask;
mod receive;

#[cfg(test)]
mod tests;

pub use self::mask::unmask;
pub use self::receive::{Flow, Limits, Packet, Ws, WsIn};

/// What a frame carries; the values are those on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// A further piece of the message that is under way.
    Continuation = 0x0,
    /// UTF-8 text.
    Text = 0x1,
    /// Bytes.
    Binary = 0x2,
    /// The sender will send nothing more.
    Close = 0x8,
    /// Asks for a pong with the same payload.
    Ping = 0x9,
    /// Answers a ping.
    Pong = 0xA,
}

impl Opcode {
    /// Whether this is a close, ping or pong: at most 125 bytes, never in pieces.
    pub fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// The peer broke a rule of the carrier; the connection is to be closed with this code and reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Violation {
    /// A WebSocket close code: 1002 protocol, 1007 not UTF-8, 1008 too slow or too many pieces,
    /// 1009 too large.
    pub code: u16,
    /// A short English sentence for whoever looks for the fault.
    pub reason: &'static str,
}

impl Violation {
    pub(crate) const fn protocol(reason: &'static str) -> Self {
        Self { code: 1002, reason }
    }

    pub(crate) const fn text(reason: &'static str) -> Self {
        Self { code: 1007, reason }
    }

    pub(crate) const fn policy(reason: &'static str) -> Self {
        Self { code: 1008, reason }
    }

    pub(crate) const fn size(reason: &'static str) -> Self {
        Self { code: 1009, reason }
    }
}

/// Whether `code` may stand in a close frame (RFC 6455 7.4 and the IANA registry).
///
/// 1005, 1006 and 1015 only describe what happened locally, 1004 is unassigned, 3000–3999 belong
/// to libraries and 4000–4999 to applications.
pub fn is_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
