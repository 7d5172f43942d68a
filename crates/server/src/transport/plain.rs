//! The plain door's side of a connection: who it is, and where what its machine hands up goes.
//! What packets mean, heartbeat and limits are `protocol::plain`'s; what requests do is the
//! engine's.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::Input;
use engine::input::Caller;
use protocol::client::{
    AudioIn, AudioPayload, ClientMessage, ReplyKey, ReplyTo, Request, SessionRef,
};
use protocol::close::CloseCode;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{ResumeKey, SessionId};
use protocol::json;
use protocol::outbox::Frame;
use protocol::plain::{Machine, Out, Up};
use protocol::server::{ConnectionSuccess, Reply, ServerMessage};
use protocol::time::{Mono, Now};
use protocol::ws::Packet;

use super::guest::{Checked, Guest, Pending, Verdict, Verified, Wish};
use super::handshake::Doors;
use crate::core::conn::Conn;
use crate::core::{Core, Job};

/// What is known of a connection when its handshake is done.
pub(crate) enum Entry {
    /// It may not come, for this reason.
    Refused(Refusal),
    /// It must show a token first.
    Unknown,
    /// It showed one.
    Known(Verified),
    /// It showed one that is being judged.
    Judged(Pin<Box<dyn Future<Output = Verdict> + Send>>),
}

impl Entry {
    /// Of somebody who showed a token.
    pub(crate) fn of(verdict: Verdict) -> Self {
        match verdict {
            Ok(verified) => Self::Known(verified),
            Err(refusal) => Self::Refused(refusal),
        }
    }
}

/// One connection of the plain door.
pub(crate) struct Plain {
    machine: Machine,
    side: Side,
}

/// Everything but the machine, so that both can be used at once.
struct Side {
    doors: Arc<Doors>,
    member: Option<Member>,
    /// A token that is being judged.
    pending: Option<Box<(Pending, Shown)>>,
    /// It counts among the open connections.
    counted: bool,
}

/// Somebody known.
struct Member {
    guest: Guest,
    /// The handle for the next session joined.
    room: u16,
}

/// A token in a message, and whom to answer.
enum Shown {
    /// `auth`, to be let in.
    First(ReplyKey),
    /// `auth:refresh`.
    Refresh(ReplyKey),
}

/// The connection and the world around it, for the length of one call.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    pub(crate) core: &'a Core,
    pub(crate) conn: &'a Arc<Conn>,
    pub(crate) now: Now,
}

impl Here<'_> {
    fn say(self, message: &ServerMessage) {
        let bytes = json::encode_frame(message, self.now.wall);
        let frame = Frame::event(bytes);
        self.conn.push(self.now.mono, frame, self.core.counters());
    }

    fn answer(self, key: &ReplyKey, reply: &Reply) {
        if let Some(bytes) = json::encode_reply_frame(key, reply) {
            let frame = Frame::event(bytes);
            self.conn.push(self.now.mono, frame, self.core.counters());
        }
    }

    fn refuse(self, key: &ReplyKey, code: ErrorCode) {
        self.answer(key, &Reply::Refused(code.into()));
    }

    /// Hands out what the machine wants said.
    fn put(self, out: &mut Vec<Out>) {
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
            }
        }
    }
}

impl Plain {
    /// A connection that has just been upgraded.
    pub(crate) fn new(doors: Arc<Doors>, here: Here<'_>, entry: Entry) -> Self {
        let counted = doors.gate.lock().open();
        let mut plain = Self {
            machine: Machine::new(Arc::clone(&doors.limits), here.now.mono),
            side: Side {
                doors,
                member: None,
                pending: None,
                counted,
            },
        };
        match entry {
            _ if !counted => plain.refuse(here, limited()),
            Entry::Refused(refusal) => plain.refuse(here, refusal),
            Entry::Known(verified) => plain.enter(here, verified, None),
            Entry::Unknown | Entry::Judged(_) => {}
        }
        plain
    }

    /// Says why and closes.
    fn refuse(&mut self, here: Here<'_>, refusal: Refusal) {
        let close = match refusal.code {
            ErrorCode::OriginNotAllowed => CloseCode::Forbidden,
            ErrorCode::Limited => CloseCode::Limited,
            ErrorCode::Draining => CloseCode::Restart,
            ErrorCode::Internal | ErrorCode::Busy => CloseCode::ServerError,
            _ => CloseCode::Unauthenticated,
        };
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
        let doors = &self.side.doors;
        let user = verified.who.user.clone();
        if !doors.gate.lock().admit(&user) {
            return self.refuse(here, limited());
        }
        let key = resume_key();
        let held = key.unwrap_or(ResumeKey(0));
        let guest = Guest::new(verified, held, here.now, &*doors.guard);
        self.side.member = Some(Member { guest, room: 1 });
        let Some(resume_key) = key else {
            return self.refuse(here, ErrorCode::Internal.into());
        };
        self.machine.open(here.now.mono, here.conn.id());
        let limits = &self.side.doors.limits;
        here.say(&ServerMessage::ConnectionSuccess(Box::new(
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
        )));
        if let Some(reply) = reply {
            let fields = format!("\"connectionId\":\"{}\"", here.conn.id());
            here.answer(reply, &Reply::Ok(fields.into()));
        }
    }

    /// A ping or pong of the carrier came: it lives.
    pub(crate) fn alive(&mut self) {
        self.machine.alive();
    }

    /// Deals with one message.
    pub(crate) fn packet(&mut self, here: Here<'_>, packet: Packet<'_>) {
        let Self { machine, side } = self;
        let now = here.now.mono;
        let mut out = Vec::new();
        let mut checked = None;
        let mut up = |up: Up<'_>| match up {
            Up::Message(request) => side.request(here, request),
            Up::Audio { audio, reply } => relay(here, &audio, &reply),
            Up::Hears(hears) => here.conn.set_hears(hears),
            Up::Authenticate { token, reply } => {
                checked = side.check(here, token, Shown::First(reply));
            }
            Up::Refresh { token, reply } => {
                checked = side.check(here, token, Shown::Refresh(reply));
            }
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
            (Shown::Refresh(reply), verdict) => {
                let Some(member) = &mut self.side.member else {
                    return here.refuse(reply, ErrorCode::AuthRequired);
                };
                let done = verdict.and_then(|new| member.guest.refresh(here.now, new));
                let reply_is = match done {
                    Ok(expires_at) => Reply::Ok(format!("\"expiresAt\":{}", expires_at.0).into()),
                    Err(refusal) => Reply::Refused(refusal),
                };
                here.answer(reply, &reply_is);
            }
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
        if let Some(waiting) = self.side.pending.take() {
            match waiting.0.take() {
                Some(verdict) if here.conn.is_open() => self.judged(here, verdict, &waiting.1),
                Some(_) => {}
                None => self.side.pending = Some(waiting),
            }
        }
        while here.conn.is_open() {
            let Some(member) = &mut self.side.member else {
                break;
            };
            match member.guest.look(here.now, &*self.side.doors.guard) {
                None => break,
                Some(Wish::Say(message)) => here.say(&message),
                Some(Wish::Revoked(refusal)) => self.refuse(here, refusal),
                Some(Wish::Expired) => {
                    self.machine.closed();
                    here.conn.close(now, CloseCode::TokenExpired, None);
                }
            }
        }
        let pass = self.side.member.as_ref().map(|member| member.guest.next());
        [pass, self.machine.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The connection is gone: its places are free.
    pub(crate) fn end(&mut self) {
        let mut gate = self.side.doors.gate.lock();
        if let Some(member) = self.side.member.take() {
            gate.release(&member.guest.who.user);
        }
        if std::mem::take(&mut self.side.counted) {
            gate.close();
        }
    }
}

impl Side {
    /// The verdict about a token, unless it takes a while: then it comes with the clocks.
    fn check(&mut self, here: Here<'_>, token: &str, shown: Shown) -> Option<(Verdict, Shown)> {
        if self.pending.is_some() {
            return Some((Err(ErrorCode::Busy.into()), shown));
        }
        match self.doors.guard.check(token, here.now.wall) {
            Checked::Now(verdict) => Some((verdict, shown)),
            Checked::Later(later) => {
                let pending = Pending::wait(later, here.conn);
                self.pending = Some(Box::new((pending, shown)));
                None
            }
        }
    }

    fn request(&mut self, here: Here<'_>, request: Request) {
        here.core.counters().messages.add(1);
        let Some(member) = &mut self.member else {
            return here.refuse(&request.reply, ErrorCode::AuthRequired);
        };
        let to = |key| ReplyTo {
            conn: here.conn.id(),
            key,
        };
        if request.message == ClientMessage::Clear {
            let user = member.guest.who.user.clone();
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
            who: Arc::clone(&member.guest.who),
            key: member.guest.key,
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
fn relay(here: Here<'_>, audio: &AudioIn<'_>, reply: &ReplyKey) {
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
