//! Who is at the other end of a connection, whichever door it came through, and where what its
//! machine hands up goes. What packets mean, heartbeat and limits are the doors' machines' in
//! `protocol`; what requests do is the engine's.

use std::cell::RefCell;
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
use protocol::dialect;
use protocol::door::Out;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{ResumeKey, SessionId};
use protocol::outbox::Frame;
use protocol::server::{ConnectionSuccess, Reply, ServerMessage};
use protocol::time::{Mono, Now};

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
pub(crate) enum Shown {
    /// `auth` or a CONNECT, to be let in.
    First(ReplyKey),
    /// `auth:refresh`.
    Refresh(ReplyKey),
}

impl Peer {
    /// Somebody not known yet, and why they cannot stay if there are too many connections.
    pub(crate) fn new(doors: Arc<Doors>) -> (Self, Option<Refusal>) {
        let counted = doors.gate.lock().open();
        let peer = Self {
            doors,
            member: None,
            pending: None,
            counted,
        };
        (peer, (!counted).then(limited))
    }

    /// The verdict about a token, unless it takes a while: then it comes with [`Peer::waited`].
    pub(crate) fn check(
        &mut self,
        here: Here<'_>,
        token: &str,
        shown: Shown,
    ) -> Option<(Verdict, Shown)> {
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

    /// A verdict that was waited for, if it is there.
    pub(crate) fn waited(&mut self) -> Option<(Verdict, Shown)> {
        let waiting = self.pending.take()?;
        match waiting.0.take() {
            Some(verdict) => Some((verdict, waiting.1)),
            None => {
                self.pending = Some(waiting);
                None
            }
        }
    }

    /// Goes on with another token, or not, and answers.
    pub(crate) fn refresh(&mut self, here: Here<'_>, verdict: Verdict, reply: &ReplyKey) {
        let Some(member) = &mut self.member else {
            return here.refuse(reply, ErrorCode::AuthRequired);
        };
        let done = verdict.and_then(|new| member.guest.refresh(here.now, new));
        let reply_is = match done {
            Ok(expires_at) => Reply::Ok(format!("\"expiresAt\":{}", expires_at.0).into()),
            Err(refusal) => Reply::Refused(refusal),
        };
        here.answer(reply, &reply_is);
    }

    /// What the token asks for now; to be asked until it is nothing.
    pub(crate) fn look(&mut self, here: Here<'_>) -> Option<Wish> {
        let member = self.member.as_mut()?;
        member.guest.look(here.now, &*self.doors.guard)
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Option<Mono> {
        self.member.as_ref().map(|member| member.guest.next())
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
        let user = verified.who.user.clone();
        if !self.doors.gate.lock().admit(&user) {
            return Err(limited());
        }
        here.conn.known(&user, here.now.wall);
        let key = resume_key();
        let held = key.unwrap_or(ResumeKey(0));
        let guest = Guest::new(verified, held, here.now);
        self.member = Some(Member { guest, room: 1 });
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

    /// The connection is gone: its places are free.
    pub(crate) fn end(&mut self) {
        let mut gate = self.doors.gate.lock();
        if let Some(member) = self.member.take() {
            gate.release(&member.guest.who.user);
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
            let user = member.guest.who.user.clone();
            let job = Job::Clear(user, to(request.reply));
            return here.core.outside().work(job);
        }
        let session = match request.session.map_or_else(|| only_seat(here.conn), Ok) {
            Ok(session) => session,
            Err(code) => return here.refuse(&request.reply, code),
        };
        if request.message == ClientMessage::Transfer {
            let user = member.guest.who.user.clone();
            let job = Job::Transfer(session, user, request.id, to(request.reply));
            return here.core.outside().work(job);
        }
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

/// Resume keys whose randomness is asked for at once: a call of the kernel for each is dear.
const KEYS: usize = 64;

thread_local! {
    /// Random numbers nobody has had; each is taken out when it is used.
    static RANDOM: RefCell<Vec<u128>> = const { RefCell::new(Vec::new()) };
}

/// 128 random bits; none if the system has no randomness.
fn resume_key() -> Option<ResumeKey> {
    RANDOM.with_borrow_mut(|numbers| {
        if numbers.is_empty() {
            let mut bytes = [[0; 16]; KEYS];
            getrandom::fill(bytes.as_flattened_mut()).ok()?;
            numbers.extend(bytes.map(u128::from_le_bytes));
        }
        numbers.pop().map(ResumeKey)
    })
}

/// How a connection is closed that was refused for this.
pub(crate) fn close_code(code: ErrorCode) -> CloseCode {
    match code {
        ErrorCode::OriginNotAllowed => CloseCode::Forbidden,
        ErrorCode::Limited => CloseCode::Limited,
        ErrorCode::Draining => CloseCode::Restart,
        ErrorCode::Internal | ErrorCode::Busy => CloseCode::ServerError,
        _ => CloseCode::Unauthenticated,
    }
}
