//! What the suites of the carrier's and of both protocols expect of a server, on the door's own
//! code: everything below the meaning of a message is what the product runs. Not part of it.
//!
//! `/echo` sends every WebSocket message back; `/engine.io/` does so over Engine.IO; `/socket.io/`
//! lets into `/` and `/custom`, answers with `auth`, `message-back` and acknowledgements.

use std::sync::Arc;

use protocol::close::CloseCode;
use protocol::engineio::{self, Beat, Heart};
use protocol::json::Message;
use protocol::outbox::Frame;
use protocol::socketio::assemble::Assembler;
use protocol::socketio::packet::{self, Kind};
use protocol::time::Mono;
use protocol::ws::{Opcode, Packet, frame};

use super::handshake::Doors;
use super::peer::Here;

/// Sends a message back as it came.
pub(crate) fn mirror(here: Here<'_>, packet: Packet<'_>) {
    let bytes = match packet {
        Packet::Text(text) => frame::text(text),
        Packet::Binary(bytes) => frame::binary(&[bytes]),
    };
    here.conn
        .push(here.now.mono, Frame::event(bytes), here.core.counters());
}

fn say(here: Here<'_>, text: &str) {
    mirror(here, Packet::Text(text));
}

/// Engine.IO without anything above it.
pub(crate) struct Echo {
    heart: Heart,
    is_lost: bool,
}

impl Echo {
    pub(crate) fn new(doors: &Doors, here: Here<'_>) -> Self {
        let limits = &doors.limits;
        let (interval, timeout) = (limits.ping_interval_ms, limits.ping_timeout_ms);
        Self {
            heart: Heart::new(here.now.mono, interval.into(), interval, timeout),
            is_lost: false,
        }
    }

    pub(crate) fn alive(&mut self) {
        self.heart.alive();
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    pub(crate) fn packet(&mut self, here: Here<'_>, packet: Packet<'_>) {
        match packet {
            Packet::Text(text) => {
                if self.message(here, text).is_some() {
                    say(here, text);
                }
            }
            Packet::Binary(_) => {
                self.heart.alive();
                mirror(here, packet);
            }
        }
    }

    /// A text packet; the message in it, if it is one.
    fn message<'b>(&mut self, here: Here<'_>, text: &'b str) -> Option<&'b str> {
        self.heart.alive();
        match engineio::Packet::parse(text) {
            Ok(engineio::Packet::Message(message)) => return Some(message),
            Ok(engineio::Packet::Close) => here.conn.hang_up(here.now.mono),
            Ok(engineio::Packet::Ping(_)) | Err(_) => self.close(here, CloseCode::Protocol),
            Ok(_) => {}
        }
        None
    }

    fn close(&mut self, here: Here<'_>, code: CloseCode) {
        self.is_lost = true;
        here.conn.close(here.now.mono, code, None);
    }

    pub(crate) fn clocks(&mut self, here: Here<'_>) -> Option<Mono> {
        if !here.conn.is_open() {
            return None;
        }
        loop {
            match self.heart.beat(here.now.mono) {
                Beat::Rest => return Some(self.heart.poll_timeout()),
                Beat::Ping => {
                    let ping = Frame::control(engineio::ping());
                    here.conn.push(here.now.mono, ping, here.core.counters());
                }
                Beat::Missed => {
                    self.close(here, CloseCode::HeartbeatMissed);
                    return None;
                }
            }
        }
    }
}

/// Socket.IO as its suite has it.
pub(crate) struct Rooms {
    engine: Echo,
    assembler: Assembler,
    doors: Arc<Doors>,
    joined: Vec<&'static str>,
    connect_by: Option<Mono>,
}

const NAMESPACES: [&str; 2] = ["/", "/custom"];

impl Rooms {
    pub(crate) fn new(doors: &Arc<Doors>, here: Here<'_>) -> Self {
        let by = here.now.mono.after(doors.limits.auth_timeout_ms.into());
        Self {
            engine: Echo::new(doors, here),
            assembler: Assembler::default(),
            doors: Arc::clone(doors),
            joined: Vec::new(),
            connect_by: Some(by),
        }
    }

    pub(crate) fn alive(&mut self) {
        self.engine.alive();
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.engine.is_lost()
    }

    pub(crate) fn packet(&mut self, here: Here<'_>, packet: Packet<'_>) {
        let result = match packet {
            Packet::Text(text) => {
                let Some(message) = self.engine.message(here, text) else {
                    return;
                };
                match self.assembler.text(here.now.mono, message) {
                    Ok(Some(packet)) => self.whole(here, packet, &[]),
                    Ok(None) => Ok(()),
                    Err(code) => Err(code),
                }
            }
            Packet::Binary(bytes) => {
                self.engine.alive();
                let mut assembler = std::mem::take(&mut self.assembler);
                let mut done = Ok(());
                let limits = *self.doors.limits;
                let came = assembler.binary(bytes, &limits, |packet, attachments, _| {
                    done = self.whole(here, packet, attachments);
                });
                self.assembler = assembler;
                came.and(done)
            }
        };
        if let Err(code) = result {
            self.engine.close(here, code);
        }
    }

    fn whole(
        &mut self,
        here: Here<'_>,
        packet: packet::Packet<'_>,
        attachments: &[&[u8]],
    ) -> Result<(), CloseCode> {
        let known = NAMESPACES.into_iter().find(|n| *n == packet.namespace);
        let Some(namespace) = known else {
            let asked = packet.namespace;
            say(
                here,
                &format!("44{asked},{{\"message\":\"Invalid namespace\"}}"),
            );
            return Ok(());
        };
        let prefix = match namespace {
            "/" => String::new(),
            other => format!("{other},"),
        };
        match packet.kind {
            Kind::Connect => {
                self.joined.push(namespace);
                self.connect_by = None;
                let payload = if packet.data.is_empty() {
                    "{}"
                } else {
                    packet.data
                };
                let id = here.conn.id();
                say(here, &format!("40{prefix}{{\"sid\":\"{id}\"}}"));
                say(here, &format!("42{prefix}[\"auth\",{payload}]"));
                return Ok(());
            }
            _ if !self.joined.contains(&namespace) => return Err(CloseCode::Protocol),
            Kind::Disconnect => self.joined.retain(|joined| *joined != namespace),
            Kind::Ack => {}
            Kind::Event => return event(here, &prefix, packet, attachments),
        }
        Ok(())
    }

    pub(crate) fn clocks(&mut self, here: Here<'_>) -> Option<Mono> {
        if self.connect_by.is_some_and(|by| by <= here.now.mono) {
            self.connect_by = None;
            here.conn
                .close(here.now.mono, CloseCode::Unauthenticated, None);
        }
        let beat = self.engine.clocks(here)?;
        Some(self.connect_by.map_or(beat, |by| by.min(beat)))
    }
}

/// `message` comes back as `message-back`, `message-with-ack` as its acknowledgement, arguments and
/// attachments as they were.
fn event(
    here: Here<'_>,
    prefix: &str,
    packet: packet::Packet<'_>,
    attachments: &[&[u8]],
) -> Result<(), CloseCode> {
    if Message::scan_event(packet.data, packet.ack, attachments).is_err() {
        return Err(CloseCode::Protocol);
    }
    let count = match attachments.len() {
        0 => String::new(),
        count => format!("{count}-"),
    };
    let is_binary = !attachments.is_empty();
    let text = if let Some(rest) = packet.data.strip_prefix("[\"message\"") {
        let kind = if is_binary { 5 } else { 2 };
        format!("4{kind}{count}{prefix}[\"message-back\"{rest}")
    } else if let (Some(rest), Some(ack)) = (
        packet.data.strip_prefix("[\"message-with-ack\","),
        packet.ack,
    ) {
        let kind = if is_binary { 6 } else { 3 };
        format!("4{kind}{count}{prefix}{ack}[{rest}")
    } else {
        return Ok(());
    };
    let mut frames = Vec::new();
    frame::append(&mut frames, Opcode::Text, &[text.as_bytes()]);
    for attachment in attachments {
        frame::append(&mut frames, Opcode::Binary, &[attachment]);
    }
    let frame = Frame::event(frames.into());
    here.conn.push(here.now.mono, frame, here.core.counters());
    Ok(())
}
