//! A WebSocket that wants to take a polling connection over. It answers `2probe` with `3probe`; the
//! request that waits returns, and what is pushed stays queued. With `5` it becomes the carrier and
//! its task gets the door. Dies it before that, polling goes on.

use std::sync::Arc;

use protocol::close::CloseCode;
use protocol::outbox::Frame;
use protocol::time::Mono;
use protocol::ws::{Packet, frame};

use super::door::Door;
use super::peer::Here;
use super::polling::Polled;
use crate::core::conn::Conn;

/// How long an upgrade may take, milliseconds.
const DEADLINE_MS: u64 = 10_000;

/// One attempt.
pub(crate) struct Probe {
    /// Whose. None: nobody has that name, or somebody is at it already.
    polled: Option<Arc<Polled>>,
    by: Mono,
    has_probed: bool,
}

impl Probe {
    /// An attempt, if the connection is there and nobody else is at it; else it ends at once.
    pub(crate) fn new(here: Here<'_>, polled: Option<Arc<Polled>>) -> Self {
        let polled = polled.filter(|polled| polled.reserve());
        if polled.is_none() {
            let code = CloseCode::Policy.number();
            here.conn
                .close_with(here.now.mono, code, "unknown_sid", None);
        }
        Self {
            polled,
            by: here.now.mono.after(DEADLINE_MS),
            has_probed: false,
        }
    }

    /// Deals with one packet. Returns the connection and its door once they are this socket's.
    pub(crate) fn packet(
        &mut self,
        here: Here<'_>,
        packet: Packet<'_>,
    ) -> Option<(Arc<Conn>, Door)> {
        let polled = self.polled.as_ref()?;
        match packet {
            Packet::Text("2probe") if !self.has_probed => {
                self.has_probed = true;
                let answer = Frame::event(frame::text("3probe"));
                here.conn.push(here.now.mono, answer, here.core.counters());
                here.conn.flush();
                polled.pause();
                return None;
            }
            Packet::Text("5") if self.has_probed && here.conn.is_written() => {
                let taken = polled.take_over(here.conn.let_go());
                self.polled = None;
                if taken.is_some() {
                    // This attempt's own connection is no more.
                    here.core.conns().leave(here.conn.id());
                    here.core.counters().closed.add(1);
                    return taken;
                }
            }
            _ => {}
        }
        let code = CloseCode::Protocol;
        here.conn.close(here.now.mono, code, None);
        None
    }

    /// Gives up when its time is over; when that is.
    pub(crate) fn clocks(&self, here: Here<'_>) -> Option<Mono> {
        if self.by <= here.now.mono {
            here.conn.close(here.now.mono, CloseCode::Policy, None);
        }
        Some(self.by)
    }

    /// The socket is gone; polling goes on.
    pub(crate) fn end(&mut self) {
        if let Some(polled) = self.polled.take() {
            polled.resume();
        }
    }
}
