//! One connection of the fleet: how it gets into its room, what it does with
//! each arriving byte, and how it writes.

use super::{Dialect, Fleet, SPEAKER};
use crate::floor;
use crate::target::Role;
use crate::wsclient::{self, Opcode};
use rustix::event::epoll::{self, EventData, EventFlags};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// More unsent bytes than this and the process under test has stopped reading.
const BACKLOG_LIMIT: usize = 1024 * 1024;
/// The number every Socket.IO request asks to be acknowledged with: one is under way at a time.
const ACK: u32 = 7;
/// The audio field begins within this much of a message.
const HEAD: usize = 1024;
const AUDIO_FIELD: &[u8] = br#""audioData":""#;
const AUDIO_TYPE: &[u8] = br#"{"type":"audio:received""#;
const AUDIO_EVENT: &[u8] = br#"42/interview,["audio:received""#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Floor: waiting for its hello.
    Hello,
    /// Waiting for the 101.
    Upgrading,
    /// Socket.IO: waiting for the carrier's first packet, then for the namespace.
    Connecting,
    /// Waiting for `connection:success`.
    Greeting,
    /// Waiting for the join's `ok`.
    Joining,
    Ready,
    Gone,
}

pub(super) struct Member {
    pub(super) stream: TcpStream,
    pub(super) room: u32,
    pub(super) place: u32,
    pub(super) state: State,
    partial: Vec<u8>,
    backlog: Vec<u8>,
    expect: u32,
    checked: bool,
}

impl Member {
    pub(super) fn new(stream: TcpStream, room: u32, place: u32) -> Member {
        Member {
            stream,
            room,
            place,
            state: State::Hello,
            partial: Vec::new(),
            backlog: Vec::new(),
            expect: 0,
            checked: false,
        }
    }

    fn role(&self) -> Role {
        match self.place {
            0 => Role::Candidate,
            SPEAKER => Role::Interviewer,
            _ => Role::Observer,
        }
    }
}

/// The answer to [`Fleet::ask`].
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) who: usize,
    /// The whole message: `ok` or `error`.
    pub body: Value,
}

impl Reply {
    /// Whether it is an `ok`.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.body["type"] == "ok"
    }
}

impl Fleet {
    /// First bytes of a fresh connection.
    pub(super) fn introduce(&mut self, who: usize) -> anyhow::Result<()> {
        let member = &self.members[who];
        match &self.dialect {
            Dialect::Floor => {
                let hello = floor::hello(member.room);
                self.write(who, &hello);
            }
            Dialect::Plain(identity) => {
                let token = identity.token(member.room, member.place, member.role())?;
                let host = self.address.to_string();
                let request = wsclient::handshake_request(&host, "/ws", &token);
                self.members[who].state = State::Upgrading;
                self.write(who, request.as_bytes());
            }
            Dialect::SocketIo(identity) => {
                let token = identity.token(member.room, member.place, member.role())?;
                let host = self.address.to_string();
                let path = "/socket.io/?EIO=4&transport=websocket";
                let request = wsclient::handshake_request(&host, path, &token);
                self.members[who].state = State::Upgrading;
                self.write(who, request.as_bytes());
            }
        }
        Ok(())
    }

    /// Sends one request, given as the plain door writes it.
    pub(super) fn say(&mut self, who: usize, text: &str) {
        if !matches!(self.dialect, Dialect::SocketIo(_)) {
            return self.frame(who, Opcode::Text, text.as_bytes());
        }
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let event = value["type"].as_str().unwrap_or_default();
        let packet = format!(r#"42/interview,{ACK}["{event}",{text}]"#);
        self.frame(who, Opcode::Text, packet.as_bytes());
    }

    fn frame(&mut self, who: usize, opcode: Opcode, payload: &[u8]) {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        let mask = self.next_mask();
        wsclient::encode_masked(opcode, payload, mask, &mut out);
        self.write(who, &out);
        self.scratch = out;
    }

    pub(super) fn next_mask(&mut self) -> [u8; 4] {
        self.mask ^= self.mask << 13;
        self.mask ^= self.mask >> 17;
        self.mask ^= self.mask << 5;
        self.mask.to_ne_bytes()
    }

    /// Writes now what the socket takes; the rest as it drains.
    pub(super) fn write(&mut self, who: usize, bytes: &[u8]) {
        let member = &mut self.members[who];
        if member.state == State::Gone {
            return;
        }
        let mut sent = 0;
        if member.backlog.is_empty() {
            sent = match (&member.stream).write(bytes) {
                Ok(n) => n,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
                Err(e) => return self.lose(who, &format!("write: {e}")),
            };
        }
        if sent == bytes.len() {
            return;
        }
        let fresh = member.backlog.is_empty();
        member.backlog.extend_from_slice(&bytes[sent..]);
        if member.backlog.len() > BACKLOG_LIMIT {
            return self.lose(who, "does not take what is sent to it");
        }
        if fresh {
            self.interest(who, EventFlags::IN | EventFlags::OUT);
        }
    }

    fn interest(&mut self, who: usize, flags: EventFlags) {
        let data = EventData::new_u64(who as u64);
        let stream = &self.members[who].stream;
        if let Err(e) = epoll::modify(&self.epoll, stream, data, flags) {
            self.lose(who, &format!("epoll: {e}"));
        }
    }

    pub(super) fn flush(&mut self, who: usize) {
        let member = &mut self.members[who];
        match (&member.stream).write(&member.backlog) {
            Ok(n) => drop(member.backlog.drain(..n)),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(e) => return self.lose(who, &format!("write: {e}")),
        }
        if self.members[who].backlog.is_empty() {
            self.interest(who, EventFlags::IN);
        }
    }

    pub(super) fn read(&mut self, who: usize) {
        let member = &mut self.members[who];
        if member.state == State::Gone {
            return;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let kept = member.partial.len();
        buffer[..kept].copy_from_slice(&member.partial);
        match (&member.stream).read(&mut buffer[kept..]) {
            Ok(0) => self.lose(who, "the other side ended the connection"),
            Ok(n) => {
                let now = self.now();
                let bytes = &buffer[..kept + n];
                let used = self.consume(who, bytes, now);
                let partial = &mut self.members[who].partial;
                partial.clear();
                partial.extend_from_slice(&bytes[used..]);
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(e) => self.lose(who, &format!("read: {e}")),
        }
        self.buffer = buffer;
    }

    /// Handles all that is whole in `bytes`; how much that was.
    fn consume(&mut self, who: usize, bytes: &[u8], now: u64) -> usize {
        match self.dialect {
            Dialect::Floor => self.consume_blocks(who, bytes, now),
            Dialect::Plain(_) | Dialect::SocketIo(_) => self.consume_frames(who, bytes, now),
        }
    }

    fn consume_blocks(&mut self, who: usize, bytes: &[u8], now: u64) -> usize {
        let mut used = 0;
        if self.members[who].state == State::Hello {
            let Some(hello) = bytes.first_chunk::<{ floor::HELLO }>() else {
                return 0;
            };
            if *hello != floor::hello(self.members[who].room) {
                self.lose(who, "the floor sent another hello back");
                return bytes.len();
            }
            self.members[who].state = State::Ready;
            self.ready += 1;
            used = floor::HELLO;
        }
        let block = self.message_bytes();
        let audio_at = block - self.template.text().len() + self.template.audio_at();
        for message in bytes[used..].chunks_exact(block) {
            let audio = &message[audio_at..audio_at + self.template.audio_len()];
            self.deliver(who, audio, now);
            used += block;
        }
        used
    }

    fn consume_frames(&mut self, who: usize, bytes: &[u8], now: u64) -> usize {
        let mut used = 0;
        if self.members[who].state == State::Upgrading {
            match wsclient::handshake_answer(bytes) {
                Ok(None) => return 0,
                Ok(Some(head)) => used = head,
                Err(e) => {
                    self.lose(who, &e.to_string());
                    return bytes.len();
                }
            }
            self.members[who].state = match self.dialect {
                Dialect::SocketIo(_) => State::Connecting,
                _ => State::Greeting,
            };
        }
        loop {
            let frame = match wsclient::next_frame(&bytes[used..]) {
                Ok(None) => return used,
                Ok(Some(frame)) => frame,
                Err(e) => {
                    self.lose(who, &e.to_string());
                    return bytes.len();
                }
            };
            used += frame.len;
            match frame.opcode {
                Opcode::Text => self.text(who, frame.payload, now),
                Opcode::Ping => self.frame(who, Opcode::Pong, frame.payload),
                Opcode::Pong => {}
                Opcode::Binary => self.lose(who, "a binary frame nobody asked for"),
                Opcode::Close => {
                    let code = frame.payload.first_chunk::<2>().copied();
                    let code = code.map(u16::from_be_bytes);
                    self.lose(who, &format!("closed by the server, code {code:?}"));
                }
            }
            if self.members[who].state == State::Gone {
                return bytes.len();
            }
        }
    }

    fn text(&mut self, who: usize, payload: &[u8], now: u64) {
        if payload.starts_with(AUDIO_TYPE) || payload.starts_with(AUDIO_EVENT) {
            return self.audio(who, payload, now);
        }
        if matches!(self.dialect, Dialect::SocketIo(_)) {
            return self.packet(who, payload);
        }
        match serde_json::from_slice::<Value>(payload) {
            Ok(value) => self.event(who, &value),
            Err(e) => self.lose(who, &format!("text that is not JSON: {e}")),
        }
    }

    /// A Socket.IO packet that is no audio, as the plain door's message it stands for.
    fn packet(&mut self, who: usize, payload: &[u8]) {
        match payload {
            [b'0', ..] => {
                let member = &self.members[who];
                let Some(identity) = self.dialect.identity() else {
                    return;
                };
                match identity.token(member.room, member.place, member.role()) {
                    Ok(token) => {
                        let connect = format!(r#"40/interview,{{"token":"{token}"}}"#);
                        self.frame(who, Opcode::Text, connect.as_bytes());
                    }
                    Err(e) => self.lose(who, &e.to_string()),
                }
            }
            b"2" => self.frame(who, Opcode::Text, b"3"),
            [b'4', b'0', ..] => {
                let state = &mut self.members[who].state;
                if *state == State::Connecting {
                    *state = State::Greeting;
                }
            }
            [b'4', kind @ (b'2' | b'3'), ..] => {
                let from = memchr::memchr(b'[', payload).unwrap_or(payload.len());
                let mut arguments: Vec<Value> =
                    serde_json::from_slice(&payload[from..]).unwrap_or_default();
                let Some(mut value) = arguments.pop().filter(Value::is_object) else {
                    return self.lose(who, "an event without an object");
                };
                if *kind == b'3' {
                    value["ref"] = "ack".into();
                } else {
                    value["type"] = arguments.first().cloned().unwrap_or_default();
                }
                self.event(who, &value);
            }
            _ => {
                let short = String::from_utf8_lossy(&payload[..payload.len().min(200)]);
                self.lose(who, &format!("the server sent {short}"));
            }
        }
    }

    fn audio(&mut self, who: usize, payload: &[u8], now: u64) {
        if !self.members[who].checked {
            self.members[who].checked = true;
            self.check_fields(who, payload);
        }
        let head = &payload[..payload.len().min(HEAD)];
        let Some(at) = memchr::memmem::find(head, AUDIO_FIELD) else {
            return self.lose(who, "audio without audioData near its beginning");
        };
        let audio = &payload[at + AUDIO_FIELD.len()..];
        let len = self.template.audio_len();
        let audio = match audio.get(len) {
            Some(b'"') => &audio[..len],
            // Shorter or longer than what was sent: never verifies.
            _ => &[],
        };
        self.deliver(who, audio, now);
    }

    /// Looks at every field once a member, since doing so for each message
    /// would cost more than the server does.
    fn check_fields(&mut self, who: usize, payload: &[u8]) {
        let Some(identity) = self.dialect.identity() else {
            return;
        };
        let room = self.members[who].room;
        let object = match &self.dialect {
            Dialect::SocketIo(_) => {
                let from = memchr::memchr(b'{', payload).unwrap_or(payload.len());
                &payload[from..payload.len().saturating_sub(1)]
            }
            _ => payload,
        };
        let value: Value = serde_json::from_slice(object).unwrap_or_default();
        let right = value["sessionId"] == identity.session(room)
            && value["userId"] == identity.user(room, SPEAKER)
            && value["format"] == "pcm16"
            && value["sampleRate"] == 16_000;
        if !right {
            let short = String::from_utf8_lossy(&payload[..payload.len().min(300)]).into_owned();
            self.fault(format!("wrong audio:received in room {room}: {short}"));
        }
    }

    fn event(&mut self, who: usize, value: &Value) {
        let Some(identity) = self.dialect.identity() else {
            return;
        };
        let kind = value["type"].as_str().unwrap_or_default();
        let state = self.members[who].state;
        match (kind, state) {
            ("connection:success", State::Greeting) => {
                let session = identity.session(self.members[who].room);
                let join = serde_json::json!({"type": "session:join", "sessionId": session, "ref": "join"});
                let limits = &value["limits"];
                self.tally.stated_limits = limits.is_object().then(|| limits.clone());
                self.members[who].state = State::Joining;
                self.say(who, &join.to_string());
            }
            ("ok", State::Joining) if value["ref"] == "join" || value["ref"] == "ack" => {
                self.members[who].state = State::Ready;
                self.ready += 1;
            }
            ("ok" | "error", State::Ready) if !value["ref"].is_null() => {
                self.replies.push(Reply {
                    who,
                    body: value.clone(),
                });
            }
            (error, _) if error == "error" || error.ends_with(":error") => {
                self.lose(who, &format!("the server says {value}"));
            }
            _ => {}
        }
    }

    /// Counts one arrived message.
    fn deliver(&mut self, who: usize, audio: &[u8], now: u64) {
        let (room, place) = (self.members[who].room, self.members[who].place);
        if place == SPEAKER {
            return self.fault(format!("the speaker of room {room} hears itself"));
        }
        let member = &mut self.members[who];
        let mut settled = 1;
        match self.template.verify(audio) {
            None => {
                self.tally.corrupt += 1;
                member.expect += 1;
            }
            Some(stamp) if stamp.room != room || stamp.seq < member.expect => {
                self.tally.misplaced += 1;
                return;
            }
            Some(stamp) => {
                let skipped = stamp.seq - member.expect;
                self.tally.lost += u64::from(skipped);
                settled += skipped;
                member.expect = stamp.seq + 1;
                self.tally.deliveries += 1;
                self.tally.latency.record(now.saturating_sub(stamp.sent));
            }
        }
        self.settle_room(room, settled);
    }

    fn settle_room(&mut self, room: u32, deliveries: u32) {
        let state = &mut self.rooms[room as usize];
        let settled = deliveries.min(state.waiting);
        state.waiting -= settled;
        self.waiting -= u64::from(settled);
        if state.waiting == 0 && settled > 0 {
            self.done.push(room);
        }
    }

    /// Whatever has not come by now will not: the next message is awaited.
    pub(super) fn give_up_waiting(&mut self) {
        self.tally.lost += std::mem::take(&mut self.waiting);
        for room in &mut self.rooms {
            room.waiting = 0;
        }
        for member in &mut self.members {
            member.expect = self.rooms[member.room as usize].next_seq;
        }
    }
}
