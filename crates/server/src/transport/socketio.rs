//! The Socket.IO door's side of a connection: its machine and its peer, brought together. Which
//! carrier brings the packets, a WebSocket or polling requests, makes no difference here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use protocol::close::CloseCode;
use protocol::dialect::Dialect;
use protocol::door::Up;
use protocol::error::{ErrorCode, Refusal};
use protocol::socketio::Machine;
use protocol::time::Mono;
use protocol::ws::Packet;

use super::handshake::{Doors, Verified};
use super::peer::{Checked, Entry, Here, Peer, close_code, relay};

/// One connection of the Socket.IO door.
pub(crate) struct SocketIo {
    machine: Machine,
    peer: Peer,
    /// What the handshake said, until the client asks for its namespace.
    entry: Entry,
}

impl SocketIo {
    /// A connection that has just opened.
    pub(crate) fn new(doors: Arc<Doors>, here: Here<'_>, entry: Entry) -> Self {
        let machine = Machine::new(
            Arc::clone(&doors.limits),
            here.now.mono,
            here.conn.id(),
            doors.root_is_alias,
        );
        let (peer, crowded) = Peer::new(doors);
        let mut door = Self {
            machine,
            peer,
            entry,
        };
        let full = crowded.map(|refusal| refusal.code);
        let away = full.or(match &door.entry {
            Entry::Refused(refusal) if refusal.code == ErrorCode::Draining => Some(refusal.code),
            _ => None,
        });
        if let Some(code) = away {
            // They may come back, so there is nothing to wait for and nothing to say.
            door.refuse(here, &code.into());
        }
        door
    }

    fn refuse(&mut self, here: Here<'_>, refusal: &Refusal) {
        let mut out = Vec::new();
        self.machine
            .refuse(refusal, close_code(refusal.code), &mut out);
        here.put(&mut out);
    }

    /// Lets a known user in.
    fn enter(&mut self, here: Here<'_>, verified: Verified) {
        let success = match self.peer.admit(here, verified) {
            Ok(success) => success,
            Err(refusal) => return self.refuse(here, &refusal),
        };
        let mut out = Vec::new();
        self.machine.open(here.conn.id(), &mut out);
        here.put(&mut out);
        here.conn.set_dialect(self.machine.dialect());
        here.say(&success);
    }

    /// Judges who asks for the namespace: by the token that came with that, else by the
    /// handshake's.
    fn judge(&mut self, here: Here<'_>, token: Option<Checked>) {
        let entry = std::mem::replace(&mut self.entry, Entry::Unknown);
        if self.peer.doors.closing.load(Ordering::Acquire) {
            return self.refuse(here, &ErrorCode::Draining.into());
        }
        match (entry, token) {
            (Entry::Refused(refusal), _) if refusal.code == ErrorCode::OriginNotAllowed => {
                self.refuse(here, &refusal);
            }
            (_, Some(Checked::Good(verified))) | (Entry::Known(verified), None) => {
                self.enter(here, verified);
            }
            (_, Some(Checked::Bad(refusal))) | (Entry::Refused(refusal), None) => {
                self.refuse(here, &refusal);
            }
            (Entry::Unknown, None) => self.refuse(here, &ErrorCode::AuthRequired.into()),
        }
    }

    /// A ping or pong of the carrier came: it lives.
    pub(crate) fn alive(&mut self) {
        self.machine.alive();
    }

    /// Whether a token was shown that was good.
    pub(crate) fn is_known(&self) -> bool {
        self.machine.is_known()
    }

    /// Whether the client is lost or broken, so that no last words need to wait for it.
    pub(crate) fn is_lost(&self) -> bool {
        self.machine.is_lost()
    }

    /// So many bytes of a message are there that is not finished yet.
    pub(crate) fn unfinished(&mut self, here: Here<'_>, bytes: usize) {
        let mut out = Vec::new();
        self.machine.unfinished(bytes, &mut out);
        here.put(&mut out);
    }

    /// Deals with one packet.
    pub(crate) fn packet(&mut self, here: Here<'_>, packet: Packet<'_>) {
        let Self { machine, peer, .. } = self;
        let now = here.now.mono;
        let mut out = Vec::new();
        let mut asked = None;
        let mut up = |up: Up<'_>| match up {
            Up::Message(request) => peer.request(here, request),
            Up::Audio { audio, reply } => relay(here, &audio, &reply),
            Up::Hears(hears) => here.conn.set_hears(hears),
            Up::Authenticate { token, .. } => {
                asked = Some(token.map(|token| peer.check(here, token)));
            }
            Up::Leave => {
                here.conn.set_dialect(Dialect::Unnamed);
                here.core.connection_left(here.conn);
            }
        };
        match packet {
            Packet::Text(text) => machine.receive_text(now, text, &mut up, &mut out),
            Packet::Binary(bytes) => machine.receive_binary(now, bytes, &mut up, &mut out),
        }
        if let Some(token) = asked {
            self.judge(here, token);
        }
        here.put(&mut out);
    }

    /// Runs the clocks that have run out; when the next one does.
    pub(crate) fn clocks(&mut self, here: Here<'_>) -> Option<Mono> {
        let now = here.now.mono;
        if self.machine.poll_timeout().is_some_and(|at| at <= now) {
            let mut out = Vec::new();
            self.machine.handle_timeout(now, &mut out);
            here.put(&mut out);
        }
        let until = self.peer.until();
        if until.is_some_and(|until| until <= now) && here.conn.is_open() {
            self.machine.closed();
            here.conn.close(now, CloseCode::TokenExpired, None);
        }
        [until, self.machine.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The connection is gone: its places are free.
    pub(crate) fn end(&mut self) {
        self.peer.end();
    }
}
