//! The states of one Socket.IO connection.
//!
//! The order of calls: [`Machine::new`] when the Engine.IO connection opens. The client's CONNECT
//! yields [`Up::Authenticate`]; the caller answers with [`Machine::open`] or [`Machine::refuse`]
//! before it hands in the next packet. From then on [`Machine::receive_text`],
//! [`Machine::receive_binary`] and [`Machine::alive`] for what comes, whichever carrier brought it,
//! and [`Machine::handle_timeout`] whenever [`Machine::poll_timeout`] is reached. Once an
//! [`Out::Close`] or [`Out::HangUp`] was handed out, everything is ignored.

use std::sync::Arc;

use bytes::Bytes;

use crate::client::{ErrorEvent, ReplyKey};
use crate::close::{CloseCode, ComeBack};
use crate::dialect::{self, Dialect};
use crate::door::{Desk, Out, Up};
use crate::engineio::{self, Beat, Heart};
use crate::error::{ErrorCode, Refusal};
use crate::id::ConnectionId;
use crate::json::{self, Event};
use crate::limits::Limits;
use crate::time::Mono;
use crate::ws::frame;

use super::NAMESPACE;
use super::assemble::Assembler;
use super::packet::{Kind, Packet};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No CONNECT yet.
    Waiting,
    /// A token is being checked.
    Checking,
    Open,
    /// The client left the namespace; its transport is still there.
    Left,
    Closed,
}

/// One connection of the Socket.IO door.
#[derive(Debug)]
pub struct Machine {
    desk: Desk,
    heart: Heart,
    assembler: Assembler,
    /// Until when a CONNECT must be there, or after leaving the transport be gone.
    name_by: Mono,
    /// Bytes that came before the connection was authenticated.
    early_bytes: u32,
    /// The namespace asked for.
    dialect: Dialect,
    root_is_alias: bool,
    /// The client is silent.
    is_lost: bool,
    state: State,
}

impl Machine {
    /// A connection that has just opened. `root_is_alias`: the namespace `/` is let in, too. Pings
    /// are spread over half an interval by the connection's number, so that ten thousand
    /// connections do not share a beat.
    pub fn new(
        limits: Arc<Limits>,
        now: Mono,
        connection: ConnectionId,
        root_is_alias: bool,
    ) -> Self {
        let interval = u64::from(limits.ping_interval_ms);
        let spread = connection.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let first = interval - spread % (interval / 2).max(1);
        Self {
            heart: Heart::new(now, first, limits.ping_interval_ms, limits.ping_timeout_ms),
            assembler: Assembler::default(),
            name_by: now.after(limits.auth_timeout_ms.into()),
            early_bytes: 0,
            dialect: Dialect::Unnamed,
            root_is_alias,
            is_lost: false,
            state: State::Waiting,
            desk: Desk::new(limits, now),
        }
    }

    /// The token was good: the client is told so. The caller sends `connection:success` next, in
    /// this machine's [`dialect`](Self::dialect).
    pub fn open(&mut self, connection: ConnectionId, out: &mut Vec<Out>) {
        if self.state != State::Checking {
            return;
        }
        self.state = State::Open;
        let data = format!("{{\"sid\":\"{connection}\"}}");
        out.push(Out::Text(self.packet("40", &data)));
    }

    /// The token was not good, or the connection may not be. Who must stay away gets a
    /// CONNECT_ERROR; who may come back finds the transport closed, and tries again.
    pub fn refuse(&mut self, refusal: &Refusal, code: CloseCode, out: &mut Vec<Out>) {
        if self.state == State::Closed {
            return;
        }
        if self.state == State::Checking && code.come_back() == ComeBack::No {
            let data = json::connect_error(refusal);
            out.push(Out::Text(self.packet("44", &data)));
            // The first clients of the fourth version try again after a CONNECT_ERROR when the
            // transport closes; after a DISCONNECT none does.
            out.push(Out::Text(self.packet("41", "")));
        }
        self.close(code, out);
    }

    /// How this connection is spoken to: unnamed until it is open, and again after it left.
    pub fn dialect(&self) -> Dialect {
        if self.state == State::Open {
            self.dialect
        } else {
            Dialect::Unnamed
        }
    }

    /// Whether the connection is authenticated and neither left nor closed.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether a valid token has come.
    pub fn is_known(&self) -> bool {
        matches!(self.state, State::Open | State::Left)
    }

    /// Whether it was closed because the client is silent, so that no last words need to wait until
    /// they are fetched. A broken one still asks for what there is to hear, and must be told to stay
    /// away.
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// The caller closes the connection; nothing is handed out any more.
    pub fn closed(&mut self) {
        self.state = State::Closed;
    }

    /// Something came that has no meaning here: a ping or pong of the carrier.
    pub fn alive(&mut self) {
        self.heart.alive();
    }

    /// A text message of a WebSocket, or a text packet of a polling request.
    pub fn receive_text(
        &mut self,
        now: Mono,
        text: &str,
        up: &mut impl FnMut(Up<'_>),
        out: &mut Vec<Out>,
    ) {
        if self.state == State::Closed || !self.early(text.len(), out) {
            return;
        }
        self.alive();
        let packet = match engineio::Packet::parse(text) {
            Ok(engineio::Packet::Message(message)) => self.assembler.text(now, message),
            Ok(engineio::Packet::Close) => return self.hang_up(out),
            Ok(engineio::Packet::Pong | engineio::Packet::Upgrade | engineio::Packet::Noop) => {
                return;
            }
            // The client never asks: the other way round is the protocol's third version.
            Ok(engineio::Packet::Ping(_)) | Err(engineio::BadPacket) => {
                return self.close(CloseCode::Protocol, out);
            }
        };
        match packet {
            Ok(Some(packet)) => self.packet_came(now, (packet, &[], text.len()), up, out),
            Ok(None) => {}
            Err(code) => self.close(code, out),
        }
    }

    /// A binary message: an attachment.
    pub fn receive_binary(
        &mut self,
        now: Mono,
        bytes: &[u8],
        up: &mut impl FnMut(Up<'_>),
        out: &mut Vec<Out>,
    ) {
        if self.state == State::Closed || !self.early(bytes.len(), out) {
            return;
        }
        self.alive();
        let mut assembler = std::mem::take(&mut self.assembler);
        let limits = *self.desk.limits();
        let came = assembler.binary(bytes, &limits, |packet, attachments, bytes| {
            self.packet_came(now, (packet, attachments, bytes), up, out);
        });
        self.assembler = assembler;
        if let Err(code) = came {
            self.close(code, out);
        }
    }

    /// So many bytes of a message are there that is not finished yet (`Ws::held_bytes`). To be
    /// called after each read while the connection is not known.
    pub fn unfinished(&mut self, bytes: usize, out: &mut Vec<Out>) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let total = self.early_bytes.saturating_add(bytes);
        let is_early = matches!(self.state, State::Waiting | State::Checking);
        if is_early && total > self.desk.limits().unauthenticated_bytes {
            self.close(CloseCode::Unauthenticated, out);
        }
    }

    /// Does what is due. Calling it early or twice is harmless.
    pub fn handle_timeout(&mut self, now: Mono, out: &mut Vec<Out>) {
        if self.state == State::Closed {
            return;
        }
        if self.unnamed_until().is_some_and(|by| by <= now) {
            return match self.state {
                State::Left => self.hang_up(out),
                _ => self.close(CloseCode::Unauthenticated, out),
            };
        }
        let late = self.assembler.poll_timeout(self.desk.limits());
        if late.is_some_and(|by| by <= now) {
            return self.close(CloseCode::Policy, out);
        }
        loop {
            match self.heart.beat(now) {
                Beat::Rest => return,
                Beat::Ping => out.push(Out::Ping(engineio::ping())),
                Beat::Missed => return self.close(CloseCode::HeartbeatMissed, out),
            }
        }
    }

    /// When [`Machine::handle_timeout`] is due; may lie later at the next look, never earlier.
    pub fn poll_timeout(&self) -> Option<Mono> {
        if self.state == State::Closed {
            return None;
        }
        let attachments = self.assembler.poll_timeout(self.desk.limits());
        [
            Some(self.heart.poll_timeout()),
            self.unnamed_until(),
            attachments,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Until when a connection may be without a namespace.
    fn unnamed_until(&self) -> Option<Mono> {
        (self.state != State::Open).then_some(self.name_by)
    }

    /// Counts bytes of a connection nobody knows yet; false if it is closed for them.
    fn early(&mut self, bytes: usize, out: &mut Vec<Out>) -> bool {
        if self.is_known() {
            return true;
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.early_bytes = self.early_bytes.saturating_add(bytes);
        let fits = self.early_bytes <= self.desk.limits().unauthenticated_bytes;
        if !fits {
            self.close(CloseCode::Unauthenticated, out);
        }
        fits
    }

    fn packet_came(
        &mut self,
        now: Mono,
        (packet, attachments, bytes): (Packet<'_>, &[&[u8]], usize),
        up: &mut impl FnMut(Up<'_>),
        out: &mut Vec<Out>,
    ) {
        let named = self.dialect_of(packet.namespace);
        match packet.kind {
            Kind::Connect => self.connect(now, named, packet, up, out),
            _ if self.state == State::Left => {}
            _ if self.state != State::Open || named != Some(self.dialect) => {
                self.close(CloseCode::Protocol, out);
            }
            Kind::Disconnect => {
                self.state = State::Left;
                self.name_by = now.after(self.desk.limits().auth_timeout_ms.into());
                up(Up::Leave);
            }
            // Nothing of ours asks for one.
            Kind::Ack => {}
            Kind::Event => {
                let event = json::Message::scan_event(packet.data, packet.ack, attachments);
                let closed = match event {
                    Err(json::Malformed) => Err(CloseCode::Protocol),
                    Ok(Event::Message(message)) => {
                        let message = (message, bytes);
                        self.desk.message(now, self.dialect, message, up, out)
                    }
                    Ok(Event::Chunk(chunk, reply)) => {
                        let chunk = (chunk, reply);
                        self.desk.chunk(now, self.dialect, chunk, up, out);
                        Ok(())
                    }
                };
                if let Err(code) = closed {
                    self.close(code, out);
                }
            }
        }
    }

    fn connect(
        &mut self,
        now: Mono,
        named: Option<Dialect>,
        packet: Packet<'_>,
        up: &mut impl FnMut(Up<'_>),
        out: &mut Vec<Out>,
    ) {
        let Some(dialect) = named else {
            let text = format!(
                "44{},{{\"message\":\"Invalid namespace\"}}",
                packet.namespace
            );
            return out.push(Out::Text(frame::text(&text)));
        };
        match self.state {
            State::Waiting => {}
            // One connection, one namespace: the same once more is a broken client, ...
            State::Checking | State::Open if dialect == self.dialect => {
                return self.close(CloseCode::Protocol, out);
            }
            // ... the alias beside it a client that does not know the two are one.
            State::Checking | State::Open => {
                let why = "This connection is in the other namespace already.";
                let data = json::connect_error(&Refusal::because(ErrorCode::NotSupported, why));
                return out.push(Out::Text(packet_of(dialect, "44", &data)));
            }
            // Who left and comes again is somebody new, on a new connection.
            State::Left => return self.hang_up(out),
            State::Closed => return,
        }
        self.dialect = dialect;
        self.state = State::Checking;
        self.name_by = now.after(self.desk.limits().auth_timeout_ms.into());
        let reply = ReplyKey::Event(ErrorEvent::General);
        match packet.data {
            "" => up(Up::Authenticate { token: None, reply }),
            data => match json::connect_token(data) {
                Ok(token) => up(Up::Authenticate {
                    token: token.as_deref(),
                    reply,
                }),
                Err(refusal) => self.refuse(&refusal, CloseCode::Unauthenticated, out),
            },
        }
    }

    fn dialect_of(&self, namespace: &str) -> Option<Dialect> {
        match namespace {
            NAMESPACE => Some(Dialect::Interview),
            "/" if self.root_is_alias => Some(Dialect::Root),
            _ => None,
        }
    }

    fn packet(&self, kind: &str, data: &str) -> Bytes {
        packet_of(self.dialect, kind, data)
    }

    fn close(&mut self, code: CloseCode, out: &mut Vec<Out>) {
        self.state = State::Closed;
        self.is_lost = code == CloseCode::HeartbeatMissed;
        out.push(Out::Close(code));
    }

    fn hang_up(&mut self, out: &mut Vec<Out>) {
        self.state = State::Closed;
        out.push(Out::HangUp);
    }
}

/// A packet of a namespace as a whole text frame.
fn packet_of(dialect: Dialect, kind: &str, data: &str) -> Bytes {
    let namespace = dialect::namespace_of(dialect);
    frame::text(&format!("{kind}{namespace}{data}"))
}
