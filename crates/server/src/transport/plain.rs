//! The plain door's side of a connection: its machine and its peer, brought together.

use std::sync::Arc;

use protocol::client::ReplyKey;
use protocol::close::CloseCode;
use protocol::error::{ErrorCode, Refusal};
use protocol::plain::{Machine, Up};
use protocol::server::{Reply, ServerMessage};
use protocol::time::Mono;
use protocol::ws::Packet;

use super::guest::{Verdict, Verified, Wish};
use super::handshake::Doors;
use super::peer::{Entry, Here, Peer, Shown, close_code, relay};

/// One connection of the plain door.
pub(crate) struct Plain {
    machine: Machine,
    peer: Peer,
}

impl Plain {
    /// A connection that has just been upgraded.
    pub(crate) fn new(doors: Arc<Doors>, here: Here<'_>, entry: Entry) -> Self {
        let machine = Machine::new(Arc::clone(&doors.limits), here.now.mono);
        let (peer, crowded) = Peer::new(doors);
        let mut plain = Self { machine, peer };
        match crowded.map_or(entry, Entry::Refused) {
            Entry::Refused(refusal) => plain.refuse(here, refusal),
            Entry::Known(verified) => plain.enter(here, verified, None),
            Entry::Unknown | Entry::Judged(_) => {}
        }
        plain
    }

    /// Says why and closes.
    fn refuse(&mut self, here: Here<'_>, refusal: Refusal) {
        let close = close_code(refusal.code);
        if let (ErrorCode::Draining, Some(retry_after_ms)) = (refusal.code, refusal.retry_after_ms)
        {
            here.say(&ServerMessage::Draining { retry_after_ms });
        }
        let mut out = Vec::new();
        self.machine.refuse(refusal, close, &mut out);
        here.put(&mut out);
    }

    /// Lets a known user in.
    fn enter(&mut self, here: Here<'_>, verified: Verified, reply: Option<&ReplyKey>) {
        let success = match self.peer.admit(here, verified) {
            Ok(success) => success,
            Err(refusal) => return self.refuse(here, refusal),
        };
        self.machine.open(here.now.mono, here.conn.id());
        here.say(&success);
        if let Some(reply) = reply {
            let fields = format!("\"connectionId\":\"{}\"", here.conn.id());
            here.answer(reply, &Reply::Ok(fields.into()));
        }
    }

    /// A ping or pong of the carrier came: it lives.
    pub(crate) fn alive(&mut self) {
        self.machine.alive();
    }

    /// So many bytes of a message are there that is not finished yet.
    pub(crate) fn unfinished(&mut self, here: Here<'_>, bytes: usize) {
        let mut out = Vec::new();
        self.machine.unfinished(bytes, &mut out);
        here.put(&mut out);
    }

    /// Deals with one message.
    pub(crate) fn packet(&mut self, here: Here<'_>, packet: Packet<'_>) {
        let Self { machine, peer } = self;
        let now = here.now.mono;
        let mut out = Vec::new();
        let mut checked = None;
        let mut up = |up: Up<'_>| match up {
            Up::Message(request) => peer.request(here, request),
            Up::Audio { audio, reply } => relay(here, &audio, &reply),
            Up::Hears(hears) => here.conn.set_hears(hears),
            Up::Authenticate { token, reply } => {
                let token = token.unwrap_or_default();
                checked = peer.check(here, token, Shown::First(reply));
            }
            Up::Refresh { token, reply } => {
                checked = peer.check(here, token, Shown::Refresh(reply));
            }
            // On this door whoever leaves closes the carrier.
            Up::Leave => {}
        };
        match packet {
            Packet::Text(text) => machine.receive_text(now, text, &mut up, &mut out),
            Packet::Binary(bytes) => machine.receive_binary(now, bytes, &mut up, &mut out),
        }
        if let Some((verdict, shown)) = checked {
            self.judged(here, verdict, &shown);
        }
        here.put(&mut out);
    }

    /// A token was judged.
    fn judged(&mut self, here: Here<'_>, verdict: Verdict, shown: &Shown) {
        match (shown, verdict) {
            (Shown::First(reply), Ok(verified)) => self.enter(here, verified, Some(reply)),
            (Shown::First(_), Err(refusal)) => self.refuse(here, refusal),
            (Shown::Refresh(reply), verdict) => self.peer.refresh(here, verdict, reply),
        }
    }

    /// Runs the clocks that have run out; when the next one does.
    pub(crate) fn clocks(&mut self, here: Here<'_>) -> Option<Mono> {
        let now = here.now.mono;
        if self.machine.poll_timeout().is_some_and(|at| at <= now) {
            let mut out = Vec::new();
            self.machine.handle_timeout(now, &mut out);
            here.put(&mut out);
        }
        if let Some((verdict, shown)) = self.peer.waited()
            && here.conn.is_open()
        {
            self.judged(here, verdict, &shown);
        }
        while here.conn.is_open() {
            match self.peer.look(here) {
                None => break,
                Some(Wish::Say(message)) => here.say(&message),
                Some(Wish::Revoked(refusal)) => self.refuse(here, refusal),
                Some(Wish::Expired) => {
                    self.machine.closed();
                    here.conn.close(now, CloseCode::TokenExpired, None);
                }
            }
        }
        [self.peer.next(), self.machine.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The connection is gone: its places are free.
    pub(crate) fn end(&mut self) {
        self.peer.end();
    }
}
