//! One connection as the rest of the server sees it: a queue to push into and the seats it holds.
//! The task that reads its socket is `transport::socket`; rules about sessions are nowhere here.
//!
//! Locks: `wire` and `seats` are leaves, taken after a shard's and a route's lock, never together.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::close::CloseCode;
use protocol::dialect::{self, Dialect};
use protocol::engineio::polling;
use protocol::id::{ConnectionId, Generation, SessionId, UserId};
use protocol::json::Hears;
use protocol::outbox::{self, Frame, Outbox, Push, SLICES_MAX};
use protocol::time::{Mono, Wall};
use protocol::value::Role;
use protocol::ws::frame;
use smallvec::SmallVec;
use tokio::net::tcp::OwnedWriteHalf;

use super::closed::Closed;
use super::counters::Counters;
use super::route::Route;
use super::{ShardId, dirty};

/// How long a closing connection may take to write its last words, milliseconds.
pub const CLOSE_FLUSH_MS: u64 = 2_000;

/// A seat that a connection holds.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Where.
    pub session: SessionId,
    /// The shard that session lives in.
    pub shard: ShardId,
    /// Which holder of the seat this is.
    pub generation: Generation,
    /// The session's audio.
    pub route: Arc<Route>,
    /// The session's handle in this connection's binary frames.
    pub room: u16,
    /// As what.
    pub role: Role,
}

/// Marks the code of a close that the client began.
const BY_CLIENT: u16 = 0x8000;

/// Whose connection it is, for when it is over.
#[derive(Debug)]
struct Past {
    user: UserId,
    /// Since when that is known.
    since: Wall,
    /// The session it was in last.
    session: Option<SessionId>,
}

/// The seats; `gone` once the socket's task is over, after which nobody may sit down.
#[derive(Debug, Default)]
struct Seats {
    gone: bool,
    /// What is told of it once it is over.
    past: Option<Box<Past>>,
    held: SmallVec<[Seat; 1]>,
}

/// What takes the frames out of the outbox.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// A socket, which whoever pushed writes to.
    Socket(OwnedWriteHalf),
    /// A client that asks again and again; the request that waits, if one does.
    Poll(Option<Waker>),
    /// Nobody, after the close is done.
    Nobody,
}

/// What guards the writing end.
#[derive(Debug)]
struct Wire {
    carrier: Carrier,
    outbox: Outbox,
    /// The task that reads the socket, to be woken when only it can go on.
    owner: Option<Waker>,
}

/// How the writing end stands, for the task that owns the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireState {
    /// Open; `blocked`: the socket takes no more, the owner must wait for it.
    Open {
        /// Only the owner writes.
        blocked: bool,
    },
    /// A close was queued.
    Closing {
        /// Only the owner writes.
        blocked: bool,
        /// When to give up.
        by: Mono,
        /// The close frame is out.
        done: bool,
    },
    /// The socket failed.
    Broken,
}

/// A connection.
#[derive(Debug)]
pub struct Conn {
    id: ConnectionId,
    /// A [`Dialect`]; on Socket.IO it changes when the client joins its namespace or leaves.
    dialect: AtomicU8,
    dirty: AtomicBool,
    /// Not closing yet; a hint that needs no lock.
    open: AtomicBool,
    /// Hears audio as binary frames.
    binary: AtomicBool,
    /// Was told by a packet of its door to stay away, and is still owed the carrier's close.
    dismissed: AtomicBool,
    /// When the owner must look at its clocks, monotonic milliseconds; `u64::MAX`: never.
    due: AtomicU64,
    wire: Mutex<Wire>,
    seats: Mutex<Seats>,
    /// The code of the close that counted, with [`BY_CLIENT`] if it was not ours; 0: none yet.
    closed: AtomicU16,
}

impl Conn {
    /// A connection over this carrier.
    pub(crate) fn new(
        id: ConnectionId,
        dialect: Dialect,
        carrier: Carrier,
        limits: outbox::Limits,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            dialect: AtomicU8::new(dialect as u8),
            dirty: AtomicBool::new(false),
            open: AtomicBool::new(true),
            binary: AtomicBool::new(false),
            dismissed: AtomicBool::new(false),
            due: AtomicU64::new(u64::MAX),
            wire: Mutex::new(Wire {
                carrier,
                outbox: Outbox::new(limits),
                owner: None,
            }),
            seats: Mutex::default(),
            closed: AtomicU16::new(0),
        })
    }

    /// Whose connection this is.
    pub(crate) fn known(&self, user: &UserId, now: Wall) {
        let past = Past {
            user: user.clone(),
            since: now,
            session: None,
        };
        // The first token counts.
        self.seats.lock().past.get_or_insert_with(|| Box::new(past));
    }

    /// How it went, once it is over; none before anybody was known on it.
    pub(crate) fn epitaph(&self, now: Wall) -> Option<Closed> {
        let past = self.seats.lock().past.take()?;
        let Past {
            user,
            since,
            session,
        } = *past;
        let closed = self.closed.load(Ordering::Acquire);
        let code = (closed != 0).then_some(closed & !BY_CLIENT);
        let reason = match code {
            None => "lost",
            Some(_) if closed & BY_CLIENT != 0 => "closed_by_client",
            Some(code) => CloseCode::from_number(code).map_or("closed", CloseCode::reason),
        };
        Some(Closed {
            connection: self.id,
            user,
            session,
            opened_at: since,
            closed_at: now,
            code,
            reason,
        })
    }

    /// Its name.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// How its messages are written.
    pub fn dialect(&self) -> Dialect {
        Dialect::from_number(self.dialect.load(Ordering::Acquire))
    }

    /// From now on its messages are written so.
    pub(crate) fn set_dialect(&self, dialect: Dialect) {
        self.dialect.store(dialect as u8, Ordering::Release);
    }

    /// Whether no close was queued yet.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// In which form it hears the audio of others.
    pub(crate) fn hears(&self) -> Hears {
        if self.binary.load(Ordering::Relaxed) {
            Hears::Binary
        } else {
            Hears::Json
        }
    }

    /// Sets in which form it hears the audio of others.
    pub(crate) fn set_hears(&self, hears: Hears) {
        self.binary.store(hears == Hears::Binary, Ordering::Relaxed);
    }

    pub(crate) fn dirty(&self) -> &AtomicBool {
        &self.dirty
    }

    /// Sets when the owner wants to be woken.
    pub(crate) fn set_due(&self, at: Option<Mono>) {
        self.due
            .store(at.map_or(u64::MAX, |at| at.0), Ordering::Release);
    }

    /// Wakes the owner if its time has come.
    pub(crate) fn wake_if_due(&self, now: Mono) {
        if self.due.load(Ordering::Acquire) <= now.0 {
            // One wake a due time; the owner sets the next one.
            self.due.store(u64::MAX, Ordering::Release);
            self.wake();
        }
    }

    /// Wakes the task that owns the socket.
    pub(crate) fn wake(&self) {
        let owner = self.wire.lock().owner.clone();
        if let Some(waker) = owner {
            waker.wake();
        }
    }

    /// Queues a frame and marks the connection; the caller's thread flushes afterwards.
    pub(crate) fn push(self: &Arc<Self>, now: Mono, frame: Frame, counters: &Counters) {
        let mut wire = self.wire.lock();
        match wire.outbox.push(frame) {
            Push::Queued => {}
            Push::Replaced => counters.partials_dropped.add(1),
            Push::DroppedAudio { bytes, frames } => {
                counters.audio_dropped_frames.add(u64::from(frames));
                counters.audio_dropped_bytes.add(u64::from(bytes));
            }
            Push::Refused => return,
            Push::SlowConsumer => {
                counters.slow_consumers.add(1);
                self.open.store(false, Ordering::Release);
                let code = CloseCode::SlowConsumer;
                self.ends(code.number(), code.reason());
                let words = dialect::encode_close(self.dialect(), code.number(), code.reason());
                wire.close(words, None, now);
            }
        }
        drop(wire);
        dirty::mark(self);
    }

    /// Queues the last message and the close frame; later pushes are refused. Says whether this
    /// was the close that counts.
    pub(crate) fn close(self: &Arc<Self>, now: Mono, code: CloseCode, last: Option<Frame>) -> bool {
        self.close_with(now, code.number(), code.reason(), last)
    }

    /// As [`Conn::close`], with a code and words of the carrier's own.
    pub(crate) fn close_with(
        self: &Arc<Self>,
        now: Mono,
        code: u16,
        reason: &str,
        last: Option<Frame>,
    ) -> bool {
        let dialect = self.dialect();
        match dialect::encode_dismissal(dialect, code, reason) {
            Some(words) => self.dismiss(now, (code, reason), words, last),
            None => {
                let words = dialect::encode_close(dialect, code, reason);
                let closed = self.end_with(now, |_| words, last);
                if closed {
                    self.ends(code, reason);
                }
                closed
            }
        }
    }

    /// Closes a connection with words, a DISCONNECT among them, after which an official client
    /// closes the carrier itself. It is given the time: python-socketio handles each packet in a
    /// thread of its own, and one that finds its WebSocket closed first comes back.
    pub(crate) fn dismiss(
        self: &Arc<Self>,
        now: Mono,
        (code, reason): (u16, &str),
        words: Bytes,
        last: Option<Frame>,
    ) -> bool {
        let close = frame::close(code, reason);
        let with_close = |wire: &Wire| match wire.carrier {
            Carrier::Socket(_) => words,
            // Whoever polls is told the end by an answer of its own.
            Carrier::Poll(_) | Carrier::Nobody => Bytes::from([words, close].concat()),
        };
        let closed = self.end_with(now, with_close, last);
        if closed {
            self.ends(code, reason);
            self.dismissed.store(true, Ordering::Release);
        }
        closed
    }

    /// Whether the carrier's close is still owed.
    pub(crate) fn is_dismissed(&self) -> bool {
        self.dismissed.load(Ordering::Acquire)
    }

    /// For the owner, when all words are out: the close frame, if it is still owed. Says whether it
    /// was.
    pub(crate) fn part(&self) -> bool {
        let owed = self.dismissed.swap(false, Ordering::AcqRel);
        let code = CloseCode::from_number(self.closed.load(Ordering::Acquire));
        if let (true, Some(code)) = (owed, code)
            && let Carrier::Socket(socket) = &self.wire.lock().carrier
        {
            // All else is out, so there is room; if not, the peer is past hearing it.
            let _ = socket.try_write(&frame::close(code.number(), code.reason()));
        }
        owed
    }

    /// Closes a connection whose client has left: no word but the carrier's.
    pub(crate) fn hang_up(self: &Arc<Self>, now: Mono) {
        let code = CloseCode::SessionOver.number();
        let words = dialect::encode_close(Dialect::Unnamed, code, "");
        self.end_with(now, |_| words, None);
        self.ends(code, "");
    }

    /// Remembers the close that counted.
    fn ends(&self, code: u16, reason: &str) {
        let by = if reason.is_empty() { BY_CLIENT } else { 0 };
        // A later one does not count.
        let (ok, not) = (Ordering::AcqRel, Ordering::Acquire);
        let _ = self.closed.compare_exchange(0, code | by, ok, not);
    }

    fn end_with(
        self: &Arc<Self>,
        now: Mono,
        words: impl FnOnce(&Wire) -> Bytes,
        last: Option<Frame>,
    ) -> bool {
        let mut wire = self.wire.lock();
        let words = words(&wire);
        let closed = wire.close(words, last, now);
        self.open.store(false, Ordering::Release);
        drop(wire);
        if closed {
            dirty::mark(self);
        }
        closed
    }

    /// Writes as much as the socket takes, unless only the owner may.
    pub(crate) fn flush(&self) {
        let mut wire = self.wire.lock();
        if !wire.outbox.is_blocked() {
            wire.write();
        }
    }

    /// For the owner, when the socket is writable again.
    pub(crate) fn flush_as_owner(&self) {
        let mut wire = self.wire.lock();
        wire.outbox.set_blocked(false);
        wire.write();
    }

    /// For the owner: leaves its waker and says how things stand, under one lock, so that no
    /// change goes unnoticed between the two.
    pub(crate) fn attend(&self, waker: &Waker) -> WireState {
        let mut wire = self.wire.lock();
        if !wire.owner.as_ref().is_some_and(|w| w.will_wake(waker)) {
            wire.owner = Some(waker.clone());
        }
        wire.state()
    }

    /// For the owner, when all is written: the peer sees the end of the stream.
    pub(crate) fn finish_writing(&self) {
        drop(self.let_go());
    }

    /// Takes the carrier away; nothing is written any more.
    pub(crate) fn let_go(&self) -> Carrier {
        std::mem::replace(&mut self.wire.lock().carrier, Carrier::Nobody)
    }

    /// Whether nothing waits to be written.
    pub(crate) fn is_written(&self) -> bool {
        self.wire.lock().outbox.is_empty()
    }

    /// Puts this carrier in the place of the polling client's requests. What waits goes out over it
    /// with the next flush.
    pub(crate) fn carry_on(self: &Arc<Self>, carrier: Carrier) {
        self.wire.lock().carrier = carrier;
        dirty::mark(self);
    }

    /// For the request of a polling client: what waits for it, or nothing yet. Whoever pushes wakes
    /// the request. An empty body: the connection is over.
    pub(crate) fn poll_body(&self, cx: &mut Context<'_>, max: usize) -> Poll<Vec<u8>> {
        let mut wire = self.wire.lock();
        if wire.outbox.state() == outbox::State::Broken {
            return Poll::Ready(Vec::new());
        }
        let body = polling::join(&mut wire.outbox, max);
        if wire.outbox.is_closed() {
            wire.wake_owner();
        }
        if !body.is_empty() {
            return Poll::Ready(body);
        }
        if let Carrier::Poll(waiting) = &mut wire.carrier {
            *waiting = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Wakes the request of a polling client, if one waits.
    pub(crate) fn wake_poll(&self) {
        let waker = match &mut self.wire.lock().carrier {
            Carrier::Poll(waiting) => waiting.take(),
            Carrier::Socket(_) | Carrier::Nobody => None,
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The socket's task is over: nothing is written any more, nobody sits down. Returns the seats
    /// that were held.
    pub(crate) fn retire(&self) -> SmallVec<[Seat; 1]> {
        let carrier = {
            let mut wire = self.wire.lock();
            wire.outbox.broke();
            wire.owner = None;
            std::mem::replace(&mut wire.carrier, Carrier::Nobody)
        };
        if let Carrier::Poll(Some(waiting)) = &carrier {
            waiting.wake_by_ref();
        }
        drop(carrier);
        self.give_up_seats()
    }

    /// Nobody sits down here any more. Returns the seats that were held.
    pub(crate) fn give_up_seats(&self) -> SmallVec<[Seat; 1]> {
        let mut seats = self.seats.lock();
        seats.gone = true;
        std::mem::take(&mut seats.held)
    }

    /// Takes a seat. False if the connection is gone already.
    pub(crate) fn sit(&self, seat: Seat) -> bool {
        let mut seats = self.seats.lock();
        if seats.gone {
            return false;
        }
        seats.held.retain(|s| s.session != seat.session);
        if let Some(past) = &mut seats.past {
            past.session = Some(seat.session.clone());
        }
        seats.held.push(seat);
        true
    }

    /// Gives up the seat of that holder. Says whether it was held and whether it was the last.
    pub(crate) fn stand(&self, session: &SessionId, generation: Generation) -> Stood {
        let mut seats = self.seats.lock();
        let before = seats.held.len();
        seats
            .held
            .retain(|s| s.session != *session || s.generation != generation);
        Stood {
            held: seats.held.len() < before,
            last: seats.held.is_empty(),
        }
    }

    /// Looks at the seats.
    pub(crate) fn with_seats<T>(&self, look: impl FnOnce(&[Seat]) -> T) -> T {
        look(&self.seats.lock().held)
    }
}

/// What [`Conn::stand`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stood {
    /// The seat was held.
    pub(crate) held: bool,
    /// No seat is left.
    pub(crate) last: bool,
}

impl Wire {
    fn close(&mut self, words: Bytes, last: Option<Frame>, now: Mono) -> bool {
        let by = now.after(CLOSE_FLUSH_MS);
        let closed = self.outbox.close(last, Frame::control(words), by.0);
        if closed {
            self.wake_owner();
        }
        closed
    }

    fn wake_owner(&self) {
        if let Some(owner) = &self.owner {
            owner.wake_by_ref();
        }
    }

    fn state(&self) -> WireState {
        let blocked = self.outbox.is_blocked();
        match self.outbox.state() {
            outbox::State::Open | outbox::State::Slow => WireState::Open { blocked },
            outbox::State::Closing { by_ms } => WireState::Closing {
                blocked,
                by: Mono(by_ms),
                done: self.outbox.is_closed(),
            },
            outbox::State::Broken => WireState::Broken,
        }
    }

    /// Writes until nothing waits, the socket takes no more, or it fails.
    fn write(&mut self) {
        let carrier = match &mut self.carrier {
            Carrier::Socket(socket) => socket,
            Carrier::Poll(waiting) => {
                if let Some(waiting) = waiting.take_if(|_| !self.outbox.is_empty()) {
                    waiting.wake();
                }
                return;
            }
            Carrier::Nobody => return,
        };
        while !self.outbox.is_empty() {
            let written = if self.outbox.frames() == 1 {
                carrier.try_write(self.outbox.head())
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let filled = self.outbox.slices(&mut slices);
                carrier.try_write_vectored(&slices[..filled])
            };
            match written {
                Ok(0) => return self.fail(),
                Ok(written) => self.outbox.advance(written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.outbox.set_blocked(true);
                    return self.wake_owner();
                }
                Err(_) => return self.fail(),
            }
        }
    }

    fn fail(&mut self) {
        self.outbox.broke();
        self.wake_owner();
    }
}
