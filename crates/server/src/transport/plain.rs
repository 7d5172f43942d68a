//! The plain door's side of a connection: who it is, its heartbeat, its limits, and where its
//! messages go. How messages are written is `protocol::json`'s, what they do is the engine's.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::Input;
use engine::input::{Caller, Identity};
use protocol::audio::{self, AudioError, Direction, Format};
use protocol::client::{
    AudioFormat, AudioIn, AudioPayload, ClientMessage, ErrorEvent, ReplyKey, ReplyTo, Request,
    SessionRef,
};
use protocol::close::CloseCode;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{ResumeKey, SessionId, StreamId};
use protocol::json::{self, Decoded, Kind, Message, Scratch};
use protocol::outbox::Frame;
use protocol::rate::Bucket;
use protocol::server::{ConnectionSuccess, Reply, ServerMessage};
use protocol::time::{Mono, Now};
use protocol::ws::{Packet, frame};

use super::handshake::{Doors, Verified};
use crate::core::conn::Conn;
use crate::core::received::Chunk;
use crate::core::{Core, Job, ShardId};

/// What is known of a connection when its handshake is done.
#[derive(Debug)]
pub(crate) enum Entry {
    /// It may not come, for this reason.
    Refused(ErrorCode),
    /// It must show a token first.
    Unknown,
    /// It showed one.
    Known(Verified),
}

/// How far the connection is.
enum Stage {
    /// Not begun.
    New(Box<Entry>),
    /// A token must come by then; so many bytes may still come before it.
    Waiting { by: Mono, bytes: u32 },
    /// Known.
    In(Member),
    /// On its way out.
    Out,
}

struct Member {
    who: Arc<Identity>,
    key: ResumeKey,
    /// When the token is over.
    until: Mono,
    /// The handle for the next session joined.
    room: u16,
}

/// The state of one connection of the plain door.
pub(crate) struct Plain {
    doors: Arc<Doors>,
    stage: Stage,
    events: Bucket,
    audio: Bucket,
    /// When the last bytes came.
    heard: Mono,
    /// When the last ping went out, if nothing was heard since.
    pinged: Option<Mono>,
    ping_at: Mono,
    /// It counts among the open connections.
    counted: bool,
}

impl Plain {
    /// A connection that has just been upgraded.
    pub(crate) fn new(doors: Arc<Doors>, entry: Entry) -> Self {
        let counted = doors.gate.lock().open();
        let entry = if counted { entry } else { Entry::Refused(ErrorCode::Limited) };
        let limits = &doors.limits;
        let events = Bucket::new(limits.events_per_second, limits.events_burst);
        let audio = Bucket::new(limits.audio_bytes_per_second, limits.audio_burst_bytes);
        Self {
            stage: Stage::New(Box::new(entry)),
            events,
            audio,
            heard: Mono(0),
            pinged: None,
            ping_at: Mono(0),
            counted,
            doors,
        }
    }

    /// The first words.
    pub(crate) fn begin(&mut self, core: &Core, conn: &Arc<Conn>, now: Now) {
        self.heard = now.mono;
        // Spread over the interval, so that the pings of many that came at once do not.
        let interval = u64::from(self.doors.limits.ping_interval_ms);
        let spread = conn.id().0.wrapping_mul(0x9E37_79B9) % (interval / 2 + 1);
        self.ping_at = now.mono.after(interval / 2 + spread);
        match std::mem::replace(&mut self.stage, Stage::Out) {
            Stage::New(entry) => match *entry {
                Entry::Refused(code) => self.refuse(core, conn, now, code),
                Entry::Known(verified) => self.enter(core, conn, now, verified),
                Entry::Unknown => {
                    self.stage = Stage::Waiting {
                        by: now.mono.after(self.doors.limits.auth_timeout_ms.into()),
                        bytes: self.doors.limits.unauthenticated_bytes,
                    };
                }
            },
            stage => self.stage = stage,
        }
    }

    /// Says why and closes.
    fn refuse(&mut self, core: &Core, conn: &Arc<Conn>, now: Now, code: ErrorCode) {
        core.counters().refused_connections.add(1);
        self.stage = Stage::Out;
        let (close, retry_ms) = match code {
            ErrorCode::OriginNotAllowed => (CloseCode::Forbidden, None),
            ErrorCode::Limited => (CloseCode::Limited, Some(5_000)),
            ErrorCode::Draining => (CloseCode::Restart, Some(2_000)),
            ErrorCode::Internal => (CloseCode::ServerError, None),
            _ => (CloseCode::Unauthenticated, None),
        };
        let mut refusal = Refusal::new(code);
        refusal.retry_after_ms = retry_ms;
        let text = json::encode(&ServerMessage::ConnectionError(refusal), now.wall);
        conn.close(now.mono, close, Some(Frame::event(frame::text(&text))));
    }

    /// Lets a known user in.
    fn enter(&mut self, core: &Core, conn: &Arc<Conn>, now: Now, verified: Verified) {
        let Verified { who, until } = verified;
        if !self.doors.gate.lock().admit(&who.user) {
            return self.refuse(core, conn, now, ErrorCode::Limited);
        }
        let Some(key) = resume_key() else {
            self.doors.gate.lock().release(&who.user);
            return self.refuse(core, conn, now, ErrorCode::Internal);
        };
        let limits = &self.doors.limits;
        let success = ConnectionSuccess {
            connection: conn.id(),
            user: who.user.clone(),
            server_time: now.wall,
            ping_interval_ms: limits.ping_interval_ms.into(),
            ping_timeout_ms: limits.ping_timeout_ms.into(),
            message_bytes: limits.message_bytes.into(),
            audio_bytes_per_second: limits.audio_bytes_per_second.into(),
            events_per_second: limits.events_per_second.into(),
            resume_key: key,
        };
        let left_ms = u64::try_from(until.0 - now.wall.0).unwrap_or(0);
        self.stage = Stage::In(Member {
            who: Arc::new(who),
            key,
            until: now.mono.after(left_ms),
            room: 1,
        });
        say(core, conn, now, &ServerMessage::ConnectionSuccess(Box::new(success)));
    }

    /// Bytes came: it lives.
    pub(crate) fn heard(&mut self, now: Mono) {
        self.heard = now;
        self.pinged = None;
    }

    /// Runs the clocks that have run out; when the next one does.
    pub(crate) fn clocks(&mut self, core: &Core, conn: &Arc<Conn>, now: Now) -> Option<Mono> {
        let until = match &self.stage {
            Stage::Waiting { by, .. } if *by <= now.mono => {
                self.refuse(core, conn, now, ErrorCode::AuthRequired);
                return None;
            }
            Stage::Waiting { by, .. } => return Some(*by),
            Stage::In(member) if member.until <= now.mono => {
                self.stage_out();
                conn.close(now.mono, CloseCode::TokenExpired, None);
                return None;
            }
            Stage::In(member) => member.until,
            Stage::New(_) | Stage::Out => return None,
        };
        let limits = &self.doors.limits;
        if self.ping_at <= now.mono {
            conn.push(now.mono, Frame::control(frame::ping(b"")), core.counters());
            self.pinged.get_or_insert(now.mono);
            self.ping_at = now.mono.after(limits.ping_interval_ms.into());
        }
        let silent = self.pinged.map(|at| at.after(limits.ping_timeout_ms.into()));
        if silent.is_some_and(|by| by <= now.mono) {
            core.counters().heartbeats_missed.add(1);
            conn.close(now.mono, CloseCode::HeartbeatMissed, None);
            return None;
        }
        [Some(until), Some(self.ping_at), silent].into_iter().flatten().min()
    }

    /// Nothing is taken from it any more, but its place among its user's connections is kept
    /// until it is gone.
    fn stage_out(&mut self) {
        if let Stage::In(member) = std::mem::replace(&mut self.stage, Stage::Out) {
            self.doors.gate.lock().release(&member.who.user);
        }
    }

    /// The connection is gone.
    pub(crate) fn end(&mut self) {
        self.stage_out();
        if self.counted {
            self.counted = false;
            self.doors.gate.lock().close();
        }
    }

    /// Deals with one message.
    pub(crate) fn packet(&mut self, core: &Core, conn: &Arc<Conn>, now: Now, packet: Packet<'_>) {
        let len = match packet {
            Packet::Text(text) => text.len(),
            Packet::Binary(bytes) => bytes.len(),
        };
        if let Stage::Waiting { bytes, .. } = &mut self.stage {
            let Some(left) = bytes.checked_sub(len as u32) else {
                return self.refuse(core, conn, now, ErrorCode::AuthRequired);
            };
            *bytes = left;
        }
        match packet {
            Packet::Text(text) => self.text(core, conn, now, text),
            Packet::Binary(bytes) => self.binary(core, conn, now, bytes),
        }
    }

    fn text(&mut self, core: &Core, conn: &Arc<Conn>, now: Now, text: &str) {
        let message = Message::scan(text);
        let kind = message.kind();
        if let Err(retry_ms) = self.pays(now.mono, kind, text.len()) {
            core.counters().rate_limited.add(1);
            let refusal = Refusal::new(ErrorCode::RateLimited).retry_after(retry_ms);
            let quiet = kind == Kind::Audio && self.events.take(now.mono, 1).is_err();
            if !quiet {
                answer(core, conn, now, &message.reply_key(), &Reply::Refused(refusal));
            }
            return;
        }
        let mut scratch = Scratch::default();
        match message.decode(&mut scratch) {
            Ok(decoded) => self.decoded(core, conn, now, decoded),
            Err(refused) => {
                core.counters().bad_messages.add(1);
                // A flood of what we do not understand must not become a flood of answers.
                if kind != Kind::Audio || self.events.take(now.mono, 1).is_ok() {
                    let reply = Reply::Refused(refused.refusal);
                    answer(core, conn, now, &refused.reply, &reply);
                }
            }
        }
    }

    /// Takes a message's price out of its buckets.
    fn pays(&mut self, now: Mono, kind: Kind, bytes: usize) -> Result<(), u64> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let bytes = bytes.max(self.doors.limits.audio_chunk_bytes_min);
        match kind {
            Kind::Audio => self.audio.take(now, bytes),
            Kind::Event => self.events.take(now, 1),
            Kind::Transcription => {
                self.events.take(now, 1)?;
                self.audio.take(now, bytes)
            }
        }
    }

    fn decoded(&mut self, core: &Core, conn: &Arc<Conn>, now: Now, decoded: Decoded<'_>) {
        let refuse = |key: &ReplyKey, code: ErrorCode| {
            answer(core, conn, now, key, &Reply::Refused(code.into()));
        };
        match decoded {
            Decoded::Ping { reference } => {
                say(core, conn, now, &ServerMessage::Pong { reference });
            }
            Decoded::Auth { token, reply } => match &self.stage {
                Stage::Waiting { .. } => match (self.doors.verify)(&token, now.wall) {
                    Ok(verified) => {
                        self.enter(core, conn, now, verified);
                        let fields = format!("\"connectionId\":\"{}\"", conn.id());
                        answer(core, conn, now, &reply, &Reply::Ok(fields.into()));
                    }
                    Err(code) => self.refuse(core, conn, now, code),
                },
                _ => refuse(&reply, ErrorCode::NotSupported),
            },
            Decoded::AuthRefresh { reply, .. } => refuse(&reply, ErrorCode::NotSupported),
            Decoded::Audio { audio, reply } => {
                let chunk = Chunk {
                    audio,
                    at_ms: None,
                    is_last: false,
                };
                self.audio(core, conn, now, &chunk, &reply);
            }
            Decoded::Request { request, hears } => {
                if let Some(hears) = hears {
                    conn.set_hears(hears);
                }
                self.request(core, conn, now, request);
            }
        }
    }

    fn request(&mut self, core: &Core, conn: &Arc<Conn>, now: Now, request: Request) {
        core.counters().messages.add(1);
        let refuse = |key: &ReplyKey, code: ErrorCode| {
            answer(core, conn, now, key, &Reply::Refused(code.into()));
        };
        let Stage::In(member) = &mut self.stage else {
            return refuse(&request.reply, ErrorCode::AuthRequired);
        };
        let to = |reply| ReplyTo {
            conn: conn.id(),
            key: reply,
        };
        if request.message == ClientMessage::Clear {
            let user = member.who.user.clone();
            return core.outside().work(Job::Clear(user, to(request.reply)));
        }
        let session = match request.session {
            Some(session) => session,
            None => match only_seat(conn) {
                Ok(session) => session,
                Err(code) => return refuse(&request.reply, code),
            },
        };
        let caller = Caller {
            conn: conn.id(),
            who: Arc::clone(&member.who),
            key: member.key,
            room: member.room,
        };
        if matches!(request.message, ClientMessage::Join { .. }) {
            if self.doors.closing.load(Ordering::Acquire) {
                return refuse(&request.reply, ErrorCode::Draining);
            }
            member.room = next_room(conn, member.room);
        }
        core.input(Input::Message {
            caller,
            session,
            message: request.message,
            reply: to(request.reply),
            id: request.id,
        });
    }

    fn binary(&mut self, core: &Core, conn: &Arc<Conn>, now: Now, bytes: &[u8]) {
        let key = ReplyKey::Event(ErrorEvent::Audio);
        let refusal = match self.pays(now.mono, Kind::Audio, bytes.len()) {
            Err(retry_ms) => {
                core.counters().rate_limited.add(1);
                Refusal::new(ErrorCode::RateLimited).retry_after(retry_ms)
            }
            Ok(()) => match audio::decode(Direction::ToServer, bytes, bytes.len()) {
                Ok(raw) => return self.audio(core, conn, now, &chunk(&raw), &key),
                Err(error) => {
                    core.counters().bad_messages.add(1);
                    Refusal::because(code_of(error), error.to_string())
                }
            },
        };
        if self.events.take(now.mono, 1).is_ok() {
            answer(core, conn, now, &key, &Reply::Refused(refusal));
        }
    }

    fn audio(
        &mut self,
        core: &Core,
        conn: &Arc<Conn>,
        now: Now,
        chunk: &Chunk<'_>,
        reply: &ReplyKey,
    ) {
        let sent = match &self.stage {
            Stage::In(_) => relay(core, conn, now, chunk),
            _ => Err(ErrorCode::AuthRequired),
        };
        match sent {
            Ok(seq) => {
                if matches!(reply, ReplyKey::Ref(_)) {
                    let fields = format!("\"streamId\":{},\"seq\":{seq}", chunk.audio.stream);
                    answer(core, conn, now, reply, &Reply::Ok(fields.into()));
                }
            }
            Err(code) => {
                if self.events.take(now.mono, 1).is_ok() {
                    answer(core, conn, now, reply, &Reply::Refused(code.into()));
                }
            }
        }
    }
}

/// Finds the seat the chunk is for and passes it on.
fn relay(core: &Core, conn: &Conn, now: Now, chunk: &Chunk<'_>) -> Result<u32, ErrorCode> {
    let (route, generation) = conn.with_seats(|seats| {
        let seat = match chunk.audio.session {
            SessionRef::Only => match seats {
                [seat] => Ok(seat),
                [] => Err(ErrorCode::NotInSession),
                _ => Err(ErrorCode::SessionRequired),
            },
            SessionRef::Id(id) => {
                let found = seats.iter().find(|seat| seat.session.as_str() == id);
                found.ok_or(ErrorCode::NotInSession)
            }
            SessionRef::Room(room) => {
                let found = seats.iter().find(|seat| seat.room == room);
                found.ok_or(ErrorCode::NotInSession)
            }
        }?;
        Ok((Arc::clone(&seat.route), seat.generation))
    })?;
    let bytes = match chunk.audio.payload {
        AudioPayload::Raw(raw) => raw.len(),
        AudioPayload::Base64(text) => text.len(),
    };
    let seq = route.relay(now, conn.id(), generation, chunk, core.counters())?;
    core.counters().audio_frames.add(1);
    core.counters().audio_bytes.add(bytes as u64);
    Ok(seq)
}

/// The session of a message that names none.
fn only_seat(conn: &Conn) -> Result<SessionId, ErrorCode> {
    conn.with_seats(|seats| match seats {
        [seat] => Ok(seat.session.clone()),
        [] => Err(ErrorCode::NotInSession),
        _ => Err(ErrorCode::SessionRequired),
    })
}

/// A handle no seat has; 0 is never one.
fn next_room(conn: &Conn, last: u16) -> u16 {
    conn.with_seats(|seats| {
        let mut room = last;
        loop {
            room = room.checked_add(1).unwrap_or(1);
            if !seats.iter().any(|seat| seat.room == room) {
                return room;
            }
        }
    })
}

fn chunk<'b>(raw: &audio::Chunk<'b>) -> Chunk<'b> {
    let header = &raw.header;
    Chunk {
        audio: AudioIn {
            session: match header.room {
                0 => SessionRef::Only,
                room => SessionRef::Room(room),
            },
            payload: AudioPayload::Raw(raw.payload),
            format: match header.format {
                Format::Pcm16 => AudioFormat::Pcm16,
                Format::Wav => AudioFormat::Wav,
                Format::Webm => AudioFormat::Webm,
                Format::Ogg => AudioFormat::Ogg,
            },
            sample_rate: header.sample_rate.into(),
            stream: StreamId(header.stream),
            seq: Some(header.seq),
        },
        at_ms: Some(header.at_ms),
        is_last: header.is_last,
    }
}

fn code_of(error: AudioError) -> ErrorCode {
    match error {
        AudioError::Format => ErrorCode::UnsupportedFormat,
        AudioError::SampleRate => ErrorCode::UnsupportedSampleRate,
        AudioError::TooLarge => ErrorCode::TooLarge,
        AudioError::Header | AudioError::Empty | AudioError::OddLength => ErrorCode::BadAudio,
    }
}

fn say(core: &Core, conn: &Arc<Conn>, now: Now, message: &ServerMessage) {
    let text = json::encode(message, now.wall);
    conn.push(now.mono, Frame::event(frame::text(&text)), core.counters());
}

fn answer(core: &Core, conn: &Arc<Conn>, now: Now, key: &ReplyKey, reply: &Reply) {
    if let Some(text) = json::encode_reply(key, reply) {
        conn.push(now.mono, Frame::event(frame::text(&text)), core.counters());
    }
}

/// 128 random bits; none if the system has no randomness.
fn resume_key() -> Option<ResumeKey> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(ResumeKey(u128::from_le_bytes(bytes)))
}

