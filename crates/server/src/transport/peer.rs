//! Who is at the other end of a connection, whichever door it came through, and where what its
//! machine hands up goes. What packets mean, heartbeat and limits are the doors' machines' in
//! `protocol`; what requests do is the engine's.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::Input;
use engine::input::{Caller, Identity};
use protocol::client::{
    AudioIn, AudioPayload, ClientMessage, ReplyKey, ReplyTo, Request, SessionRef,
};
use protocol::close::CloseCode;
use protocol::dialect;
use protocol::door::Out;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{ResumeKey, SessionId};
use protocol::outbox::Frame;
use protocol::server::{ConnectionSuccess, Reply, ServerMessage};
use protocol::time::{Mono, Now};

use super::handshake::{Doors, Verified};
use crate::core::conn::Conn;
use crate::core::{Core, Job};

/// What is known of a connection when its handshake is done.
#[derive(Debug)]
pub(crate) enum Entry {
    /// It may not come, for this reason.
    Refused(Refusal),
    /// It must show a token first.
    Unknown,
    /// It showed one.
    Known(Verified),
}

/// The connection and the world around it, for the length of one call.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    pub(crate) core: &'a Core,
    pub(crate) conn: &'a Arc<Conn>,
    pub(crate) now: Now,
}

impl Here<'_> {
    pub(crate) fn say(self, message: &ServerMessage) {
        let bytes = dialect::encode(self.conn.dialect(), message, self.now.wall);
        let frame = Frame::event(bytes);
        self.conn.push(self.now.mono, frame, self.core.counters());
    }

    pub(crate) fn answer(self, key: &ReplyKey, reply: &Reply) {
        if let Some(bytes) = dialect::encode_reply(self.conn.dialect(), key, reply) {
            let frame = Frame::event(bytes);
            self.conn.push(self.now.mono, frame, self.core.counters());
        }
    }

    fn refuse(self, key: &ReplyKey, code: ErrorCode) {
        self.answer(key, &Reply::Refused(code.into()));
    }

    /// Hands out what a machine wants said.
    pub(crate) fn put(self, out: &mut Vec<Out>) {
        let counters = self.core.counters();
        for out in out.drain(..) {
            match out {
                Out::Text(bytes) => self.conn.push(self.now.mono, Frame::event(bytes), counters),
                Out::Ping(bytes) => {
                    self.conn
                        .push(self.now.mono, Frame::control(bytes), counters);
                }
                Out::Close(code) => {
                    match code {
                        CloseCode::HeartbeatMissed => counters.heartbeats_missed.add(1),
                        CloseCode::Unauthenticated | CloseCode::Forbidden => {
                            counters.refused_connections.add(1);
                        }
                        _ => {}
                    }
                    self.conn.close(self.now.mono, code, None);
                }
                Out::HangUp => self.conn.hang_up(self.now.mono),
            }
        }
    }
}

/// Who is there, and its place among the connections.
pub(crate) struct Peer {
    pub(crate) doors: Arc<Doors>,
    member: Option<Member>,
    /// It counts among the open connections.
    counted: bool,
}

/// Somebody known.
struct Member {
    who: Arc<Identity>,
    key: ResumeKey,
    /// When the token is over.
    until: Mono,
    /// The handle for the next session joined.
    room: u16,
}

/// A token that came and what became of it.
pub(crate) enum Checked {
    Good(Verified),
    Bad(Refusal),
}

impl Peer {
    /// Somebody not known yet, and why they cannot stay if there are too many connections.
    pub(crate) fn new(doors: Arc<Doors>) -> (Self, Option<Refusal>) {
        let counted = doors.gate.lock().open();
        let peer = Self {
            doors,
            member: None,
            counted,
        };
        (peer, (!counted).then(limited))
    }

    /// Judges a token.
    pub(crate) fn check(&self, here: Here<'_>, token: &str) -> Checked {
        match (self.doors.verify)(token, here.now.wall) {
            Ok(verified) => Checked::Good(verified),
            Err(code) => Checked::Bad(code.into()),
        }
    }

    /// Takes in who is there. `connection:success`, once the connection is open, says the same.
    ///
    /// # Errors
    /// Too many connections of this user; or no randomness.
    pub(crate) fn admit(
        &mut self,
        here: Here<'_>,
        verified: Verified,
    ) -> Result<ServerMessage, Refusal> {
        let Verified { who, until } = verified;
        if !self.doors.gate.lock().admit(&who.user) {
            return Err(limited());
        }
        let user = who.user.clone();
        let left_ms = u64::try_from(until.0 - here.now.wall.0).unwrap_or(0);
        let key = resume_key();
        self.member = Some(Member {
            who: Arc::new(who),
            key: key.unwrap_or(ResumeKey(0)),
            until: here.now.mono.after(left_ms),
            room: 1,
        });
        let resume_key = key.ok_or(ErrorCode::Internal)?;
        let limits = &self.doors.limits;
        Ok(ServerMessage::ConnectionSuccess(Box::new(
            ConnectionSuccess {
                connection: here.conn.id(),
                user,
                server_time: here.now.wall,
                ping_interval_ms: limits.ping_interval_ms.into(),
                ping_timeout_ms: limits.ping_timeout_ms.into(),
                message_bytes: limits.message_bytes.into(),
                audio_bytes_per_second: limits.audio_bytes_per_second.into(),
                events_per_second: limits.events_per_second.into(),
                resume_key,
            },
        )))
    }

    /// When the token is over.
    pub(crate) fn until(&self) -> Option<Mono> {
        self.member.as_ref().map(|member| member.until)
    }

    /// The connection is gone: its places are free.
    pub(crate) fn end(&mut self) {
        let mut gate = self.doors.gate.lock();
        if let Some(member) = self.member.take() {
            gate.release(&member.who.user);
        }
        if std::mem::take(&mut self.counted) {
            gate.close();
        }
    }

    pub(crate) fn request(&mut self, here: Here<'_>, request: Request) {
        here.core.counters().messages.add(1);
        let Some(member) = &mut self.member else {
            return here.refuse(&request.reply, ErrorCode::AuthRequired);
        };
        let to = |key| ReplyTo {
            conn: here.conn.id(),
            key,
        };
        if request.message == ClientMessage::Clear {
            let user = member.who.user.clone();
            let job = Job::Clear(user, to(request.reply));
            return here.core.outside().work(job);
        }
        let session = match request.session.map_or_else(|| only_seat(here.conn), Ok) {
            Ok(session) => session,
            Err(code) => return here.refuse(&request.reply, code),
        };
        // Whoever joins where they sit already keeps the handle they have.
        let held = room_of(here.conn, &session);
        let caller = Caller {
            conn: here.conn.id(),
            who: Arc::clone(&member.who),
            key: member.key,
            room: held.unwrap_or(member.room),
        };
        if matches!(request.message, ClientMessage::Join { .. }) {
            if self.doors.closing.load(Ordering::Acquire) {
                return here.refuse(&request.reply, ErrorCode::Draining);
            }
            if held.is_none() {
                member.room = next_room(here.conn, member.room);
            }
        }
        here.core.input(Input::Message {
            caller,
            session,
            message: request.message,
            reply: to(request.reply),
            id: request.id,
        });
    }
}

/// Finds the seat a chunk is for and passes the chunk on.
pub(crate) fn relay(here: Here<'_>, audio: &AudioIn<'_>, reply: &ReplyKey) {
    let found = here.conn.with_seats(|seats| {
        let seat = match audio.session {
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
    });
    let counters = here.core.counters();
    let passed = found.and_then(|(route, generation)| {
        route.relay(here.now, here.conn.id(), generation, audio, counters)
    });
    match passed {
        Ok(seq) => {
            counters.audio_frames.add(1);
            counters.audio_bytes.add(match audio.payload {
                AudioPayload::Raw(raw) => raw.len() as u64,
                AudioPayload::Base64(text) => text.len() as u64,
            });
            if matches!(reply, ReplyKey::Ref(_)) {
                let fields = format!("\"streamId\":{},\"seq\":{seq}", audio.stream);
                here.answer(reply, &Reply::Ok(fields.into()));
            }
        }
        Err(code) => here.refuse(reply, code),
    }
}

/// The session of a message that names none.
fn only_seat(conn: &Conn) -> Result<SessionId, ErrorCode> {
    conn.with_seats(|seats| match seats {
        [seat] => Ok(seat.session.clone()),
        [] => Err(ErrorCode::NotInSession),
        _ => Err(ErrorCode::SessionRequired),
    })
}

/// The handle of a session the connection sits in.
fn room_of(conn: &Conn, session: &SessionId) -> Option<u16> {
    conn.with_seats(|seats| {
        let seat = seats.iter().find(|seat| seat.session == *session);
        seat.map(|seat| seat.room)
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

fn limited() -> Refusal {
    Refusal::new(ErrorCode::Limited).retry_after(5_000)
}

/// 128 random bits; none if the system has no randomness.
fn resume_key() -> Option<ResumeKey> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(ResumeKey(u128::from_le_bytes(bytes)))
}

/// How a connection is closed that was refused for this.
pub(crate) fn close_code(code: ErrorCode) -> CloseCode {
    match code {
        ErrorCode::OriginNotAllowed => CloseCode::Forbidden,
        ErrorCode::Limited => CloseCode::Limited,
        ErrorCode::Draining => CloseCode::Restart,
        ErrorCode::Internal => CloseCode::ServerError,
        _ => CloseCode::Unauthenticated,
    }
}
