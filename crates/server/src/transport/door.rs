//! What the messages of a connection mean: the doors under one roof, so that the tasks that carry
//! bytes need not know which one they serve.

use protocol::time::Mono;
use protocol::ws::Packet;

#[cfg(feature = "conformance")]
use super::conformance::{Echo, Rooms};
use super::peer::Here;
use super::plain::Plain;
use super::probe::Probe;
use super::socketio::SocketIo;

/// A door, in the middle of a connection.
#[expect(
    clippy::large_enum_variant,
    reason = "it lies in its task, which is allocated once; the plain door is the hot one"
)]
pub(crate) enum Door {
    /// `/ws`.
    Plain(Plain),
    /// `/socket.io`.
    SocketIo(Box<SocketIo>),
    /// A WebSocket that wants to become the carrier of a polling connection.
    Probe(Probe),
    /// Everything comes back as it was: for the conformance of the carrier.
    #[cfg(feature = "conformance")]
    Mirror,
    /// The same over Engine.IO.
    #[cfg(feature = "conformance")]
    Echo(Box<Echo>),
    /// What the Socket.IO suite expects of a server.
    #[cfg(feature = "conformance")]
    Rooms(Box<Rooms>),
}

impl Door {
    /// A ping or pong of the carrier came: it lives.
    pub(crate) fn alive(&mut self) {
        match self {
            Self::Plain(plain) => plain.alive(),
            Self::SocketIo(socketio) => socketio.alive(),
            Self::Probe(_) => {}
            #[cfg(feature = "conformance")]
            Self::Mirror => {}
            #[cfg(feature = "conformance")]
            Self::Echo(echo) => echo.alive(),
            #[cfg(feature = "conformance")]
            Self::Rooms(rooms) => rooms.alive(),
        }
    }

    /// Deals with one message. A probe's are its carrier's business.
    pub(crate) fn packet(&mut self, here: Here<'_>, packet: Packet<'_>) {
        match self {
            Self::Plain(plain) => plain.packet(here, packet),
            Self::SocketIo(socketio) => socketio.packet(here, packet),
            Self::Probe(_) => {}
            #[cfg(feature = "conformance")]
            Self::Mirror => super::conformance::mirror(here, packet),
            #[cfg(feature = "conformance")]
            Self::Echo(echo) => echo.packet(here, packet),
            #[cfg(feature = "conformance")]
            Self::Rooms(rooms) => rooms.packet(here, packet),
        }
    }

    /// So many bytes of a message are there that is not finished yet.
    pub(crate) fn unfinished(&mut self, here: Here<'_>, bytes: usize) {
        match self {
            Self::Plain(plain) => plain.unfinished(here, bytes),
            Self::SocketIo(socketio) => socketio.unfinished(here, bytes),
            Self::Probe(_) => {}
            #[cfg(feature = "conformance")]
            Self::Mirror | Self::Echo(_) | Self::Rooms(_) => {}
        }
    }

    /// Runs the clocks that have run out; when the next one does.
    pub(crate) fn clocks(&mut self, here: Here<'_>) -> Option<Mono> {
        match self {
            Self::Plain(plain) => plain.clocks(here),
            Self::SocketIo(socketio) => socketio.clocks(here),
            Self::Probe(probe) => probe.clocks(here),
            #[cfg(feature = "conformance")]
            Self::Mirror => None,
            #[cfg(feature = "conformance")]
            Self::Echo(echo) => echo.clocks(here),
            #[cfg(feature = "conformance")]
            Self::Rooms(rooms) => rooms.clocks(here),
        }
    }

    /// Whether a token was shown that was good.
    pub(crate) fn is_known(&self) -> bool {
        match self {
            Self::SocketIo(socketio) => socketio.is_known(),
            Self::Plain(_) | Self::Probe(_) => false,
            #[cfg(feature = "conformance")]
            Self::Mirror | Self::Echo(_) | Self::Rooms(_) => true,
        }
    }

    /// Whether the client is lost, so that no last words need to wait for it.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::SocketIo(socketio) => socketio.is_lost(),
            Self::Plain(_) | Self::Probe(_) => false,
            #[cfg(feature = "conformance")]
            Self::Mirror => false,
            #[cfg(feature = "conformance")]
            Self::Echo(echo) => echo.is_lost(),
            #[cfg(feature = "conformance")]
            Self::Rooms(rooms) => rooms.is_lost(),
        }
    }

    /// The connection is gone: its places are free.
    pub(crate) fn end(&mut self) {
        match self {
            Self::Plain(plain) => plain.end(),
            Self::SocketIo(socketio) => socketio.end(),
            Self::Probe(probe) => probe.end(),
            #[cfg(feature = "conformance")]
            Self::Mirror | Self::Echo(_) | Self::Rooms(_) => {}
        }
    }
}
