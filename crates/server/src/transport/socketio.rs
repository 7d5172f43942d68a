//! The Socket.IO door's side of a connection: its machine and its peer, brought together. Which
//! carrier brings the packets, a WebSocket or polling requests, makes no difference here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use protocol::close::CloseCode;
use protocol::dialect::Dialect;
use protocol::door::{Out, Up};
use protocol::error::{ErrorCode, Refusal};
use protocol::server::ServerMessage;
use protocol::socketio::Machine;
use protocol::time::Mono;
use protocol::ws::Packet;

use super::guest::{Verdict, Verified, Wish};
use super::handshake::Doors;
use super::peer::{Entry, Here, Peer, Shown, close_code, relay};

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
        // With a DISCONNECT it closes the carrier itself.
        if let [.., Out::Text(_), Out::Close(code)] = out[..]
            && let (Some(_), Some(Out::Text(words))) = (out.pop(), out.pop())
        {
            here.put(&mut out);
            here.core.counters().refused_connections.add(1);
            let close = (code.number(), code.reason());
            here.conn.dismiss(here.now.mono, close, words, None);
        }
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

    /// Who asks for the namespace is judged by the token that came with that, else by the
    /// handshake's; a page that may not connect is refused whatever it shows.
    fn judge(&mut self, here: Here<'_>, shown: Option<Verdict>) {
        let entry = std::mem::replace(&mut self.entry, Entry::Unknown);
        if self.peer.doors.closing.load(Ordering::Acquire) {
            return self.refuse(here, &ErrorCode::Draining.into());
        }
        let verdict = match (entry, shown) {
            (Entry::Refused(refusal), _) if refusal.code == ErrorCode::OriginNotAllowed => {
                Err(refusal)
            }
            (_, Some(verdict)) => verdict,
            (Entry::Known(verified), None) => Ok(verified),
            (Entry::Refused(refusal), None) => Err(refusal),
            (Entry::Unknown | Entry::Judged(_), None) => Err(ErrorCode::AuthRequired.into()),
        };
        match verdict {
            Ok(verified) => self.enter(here, verified),
            Err(refusal) => self.refuse(here, &refusal),
        }
    }

    /// A token was judged.
    fn judged(&mut self, here: Here<'_>, verdict: Verdict, shown: &Shown) {
        match shown {
            Shown::First(_) => self.judge(here, Some(verdict)),
            Shown::Refresh(reply) => self.peer.refresh(here, verdict, reply),
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

    /// Whether the client is lost, so that no last words need to wait for it.
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
        let (mut checked, mut asked) = (None, false);
        let mut up = |up: Up<'_>| match up {
            Up::Message(request) => peer.request(here, request),
            Up::Audio { audio, reply } => relay(here, &audio, &reply),
            Up::Hears(hears) => here.conn.set_hears(hears),
            Up::Authenticate { token, reply } => match token {
                Some(token) => checked = peer.check(here, token, Shown::First(reply)),
                None => asked = true,
            },
            Up::Refresh { token, reply } => {
                checked = peer.check(here, token, Shown::Refresh(reply));
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
        if let Some((verdict, shown)) = checked {
            self.judged(here, verdict, &shown);
        } else if asked {
            self.judge(here, None);
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
        if let Some((verdict, shown)) = self.peer.waited()
            && here.conn.is_open()
        {
            self.judged(here, verdict, &shown);
        }
        while here.conn.is_open() {
            match self.peer.look(here) {
                None => break,
                Some(Wish::Say(message)) => here.say(&message),
                Some(Wish::Revoked(refusal)) => {
                    let code = close_code(refusal.code);
                    here.say(&ServerMessage::ConnectionError(refusal));
                    self.machine.closed();
                    here.conn.close(now, code, None);
                }
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
