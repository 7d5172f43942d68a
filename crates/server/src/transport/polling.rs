//! A connection that polls: no socket of its own, but requests that come and go. What is posted
//! goes through the same door as what a WebSocket brings; what waits is fetched out of the same
//! outbox. Its keeper is a task that only watches clocks and the end.
//!
//! A request whose client vanished after its answer was written has lost those bytes, and nobody
//! can know. So a request that is dropped while it waits ends the connection, and to clients a hole
//! in `seq` is a lost connection: they resume.
//!
//! **Locks**: a connection's `inner` is taken before a shard's and is never held across an await.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::{Mutex, MutexGuard};
use protocol::close::CloseCode;
use protocol::engineio::Packet as Unread;
use protocol::engineio::polling::{CLOSE, NOOP, Piece, split};
use protocol::time::Mono;
use protocol::ws::Packet;

use super::door::Door;
use super::peer::Here;
use crate::core::conn::{Carrier, Conn, WireState};
use crate::core::{Core, dirty};

/// Most bytes of one answer; what does not fit waits for the next request.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// How long the answer to a post that closes its connection waits until the client was told why.
const TOLD: Duration = Duration::from_secs(1);
/// How often it looks whether that is so.
const LOOK: Duration = Duration::from_millis(20);
/// How long the last word of a connection waits for somebody to fetch it, milliseconds.
const LAST_WORD_MS: u64 = 2_000;

/// The connections that poll, by the name only their clients know.
#[derive(Default)]
pub(crate) struct Polls(Mutex<HashMap<Box<str>, Arc<Polled>>>);

impl Polls {
    /// The connection of that name.
    pub(crate) fn get(&self, sid: &str) -> Option<Arc<Polled>> {
        self.0.lock().get(sid).cloned()
    }

    fn enter(&self, polled: &Arc<Polled>) {
        let mut all = self.0.lock();
        all.insert(polled.sid.clone(), Arc::clone(polled));
    }

    fn leave(&self, sid: &str) {
        let mut all = self.0.lock();
        all.remove(sid);
        if all.capacity() > 64 && all.len() * 8 < all.capacity() {
            all.shrink_to_fit();
        }
    }
}

/// A name nobody guesses: 120 bits; none if the system has no randomness.
pub(crate) fn new_sid() -> Option<Box<str>> {
    let mut bytes = [0; 15];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes).into())
}

/// How a polling connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Live,
    /// Over; whoever polls until then gets this one word.
    Last(&'static str, Mono),
    /// Over: its name is unknown.
    Dead,
    /// A WebSocket carries it.
    Upgraded,
}

struct Inner {
    door: Option<Door>,
    phase: Phase,
    /// A request waits for something to say.
    waits: bool,
    /// A WebSocket is trying to take over.
    reserved: bool,
    /// And has come so far that nothing goes out here any more.
    paused: bool,
}

/// One of them.
pub(crate) struct Polled {
    sid: Box<str>,
    message_bytes_max: usize,
    core: Arc<Core>,
    conn: Arc<Conn>,
    inner: Mutex<Inner>,
}

/// A request that cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No connection has that name, or not any more.
    UnknownSid,
    /// Another request of this connection waits already.
    TwoPolls,
    /// What was posted is no packets.
    BadPayload,
    /// What was posted is larger than a message may be.
    TooLarge,
}

impl Polled {
    /// Enters a connection and starts its keeper. `polls` is where it is found by its name.
    pub(crate) fn start(
        core: &Arc<Core>,
        conn: &Arc<Conn>,
        (sid, door, message_bytes_max): (Box<str>, Door, usize),
        polls: &Arc<Polls>,
    ) {
        core.conns().enter(conn);
        core.counters().opened.add(1);
        let polled = Arc::new(Self {
            sid,
            message_bytes_max,
            core: Arc::clone(core),
            conn: Arc::clone(conn),
            inner: Mutex::new(Inner {
                door: Some(door),
                phase: Phase::Live,
                waits: false,
                reserved: false,
                paused: false,
            }),
        });
        polls.enter(&polled);
        let polls = Arc::clone(polls);
        tokio::spawn(Keeper { polled, polls });
    }

    fn here(&self) -> Here<'_> {
        Here {
            core: &self.core,
            conn: &self.conn,
            now: self.core.clock().now(),
        }
    }

    /// The connection as it is now, its clocks up to date.
    fn look(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock();
        let here = self.here();
        if inner.phase == Phase::Live
            && let Some(door) = &mut inner.door
        {
            door.clocks(here);
            if door.is_lost() {
                inner.phase = Phase::Dead;
            }
        }
        inner
    }

    /// Whether a token was shown that was good.
    pub(crate) fn is_known(&self) -> bool {
        let inner = self.inner.lock();
        inner.door.as_ref().is_some_and(Door::is_known)
    }

    /// Deals with what was posted.
    pub(crate) fn post(&self, body: &str) -> Result<(), Refused> {
        let done = self.take_in(&mut self.look(), body);
        dirty::flush();
        // The keeper's clocks may have changed.
        self.conn.wake();
        self.conn.wake_poll();
        done
    }

    fn take_in(&self, inner: &mut Inner, body: &str) -> Result<(), Refused> {
        if inner.phase != Phase::Live {
            return Err(Refused::UnknownSid);
        }
        let most = self.message_bytes_max;
        for piece in split(body) {
            let Some(door) = &mut inner.door else {
                return Err(Refused::UnknownSid);
            };
            let here = self.here();
            match &piece {
                Ok(Piece::Text(text)) if Unread::parse(text).is_err() => {
                    return Err(self.bad(inner));
                }
                Ok(Piece::Text(text)) if text.len() <= most => {
                    door.packet(here, Packet::Text(text));
                    if *text == "1" {
                        inner.phase = Phase::Last(NOOP, here.now.mono.after(LAST_WORD_MS));
                        return Ok(());
                    }
                }
                Ok(Piece::Binary(bytes)) if bytes.len() <= most => {
                    door.packet(here, Packet::Binary(bytes));
                }
                Ok(_) => {
                    self.conn.close(here.now.mono, CloseCode::TooBig, None);
                    return Err(Refused::TooLarge);
                }
                Err(_) => return Err(self.bad(inner)),
            }
            if door.is_lost() {
                inner.phase = Phase::Dead;
                return Err(Refused::BadPayload);
            }
            if !self.conn.is_open() {
                break;
            }
        }
        Ok(())
    }

    /// What was posted is no packets, and comes from no official client: nobody there to be told.
    fn bad(&self, inner: &mut Inner) -> Refused {
        let now = self.here().now.mono;
        self.conn.close(now, CloseCode::Protocol, None);
        inner.phase = Phase::Dead;
        Refused::BadPayload
    }

    /// So much was posted that it was not even read: as a message that is too large.
    pub(crate) fn too_large(&self) {
        let inner = self.look();
        if inner.phase == Phase::Live {
            let now = self.here().now.mono;
            self.conn.close(now, CloseCode::TooBig, None);
        }
        drop(inner);
        dirty::flush();
        self.conn.wake_poll();
    }

    /// Waits until the client has fetched the last words, or long enough. An official client takes
    /// a post that fails for a lost line and comes back; it stays away only if it has read before
    /// that it shall.
    pub(crate) async fn told(&self) {
        let _ = tokio::time::timeout(TOLD, async {
            while !self.conn.is_written() {
                tokio::time::sleep(LOOK).await;
            }
            // The answer that carries them is on its way on another socket.
            tokio::time::sleep(LOOK).await;
        })
        .await;
    }

    /// Waits until there is something to say, and takes it.
    pub(crate) async fn fetch(self: Arc<Self>) -> Result<Vec<u8>, Refused> {
        let begun = self.begin();
        dirty::flush();
        self.conn.wake();
        if let Some(word) = begun? {
            return Ok(word.into());
        }
        let mut waiting = Waiting(Some(Arc::clone(&self)));
        let body = std::future::poll_fn(|cx| self.poll_body(cx)).await;
        waiting.0 = None;
        Ok(body)
    }

    /// Whether a request may wait; or what it gets at once.
    fn begin(&self) -> Result<Option<&'static str>, Refused> {
        let mut inner = self.look();
        match inner.phase {
            Phase::Live => {}
            Phase::Last(word, _) => {
                inner.phase = Phase::Dead;
                return Ok(Some(word));
            }
            Phase::Dead | Phase::Upgraded => return Err(Refused::UnknownSid),
        }
        if inner.waits {
            let now = self.here().now.mono;
            inner.phase = Phase::Last(CLOSE, now.after(LAST_WORD_MS));
            drop(inner);
            self.conn.close(now, CloseCode::Protocol, None);
            self.conn.wake_poll();
            return Err(Refused::TwoPolls);
        }
        if inner.paused {
            return Ok(Some(NOOP));
        }
        inner.waits = true;
        Ok(None)
    }

    fn poll_body(&self, cx: &mut Context<'_>) -> Poll<Vec<u8>> {
        let mut inner = self.inner.lock();
        let word = match inner.phase {
            Phase::Last(word, _) => {
                inner.phase = Phase::Dead;
                Some(word)
            }
            Phase::Upgraded => Some(NOOP),
            Phase::Dead => Some(CLOSE),
            Phase::Live if inner.paused => Some(NOOP),
            Phase::Live => None,
        };
        let body = match word {
            Some(word) => Poll::Ready(word.into()),
            None => self.conn.poll_body(cx, ANSWER_BYTES_MAX),
        };
        if body.is_ready() {
            inner.waits = false;
            // The keeper may have been waiting for the last word to be fetched.
            drop(inner);
            self.conn.wake();
        }
        body
    }

    /// Whoever polled is gone, and with it perhaps an answer.
    fn deserted(&self) {
        {
            let mut inner = self.inner.lock();
            inner.waits = false;
            if inner.phase != Phase::Upgraded {
                inner.phase = Phase::Dead;
            }
        }
        self.conn.wake();
    }

    /// A WebSocket wants to take over. False if it cannot.
    pub(crate) fn reserve(&self) -> bool {
        let mut inner = self.inner.lock();
        let free = inner.phase == Phase::Live && !inner.reserved;
        inner.reserved |= free;
        free
    }

    /// It is there: nothing goes out here any more.
    pub(crate) fn pause(&self) {
        self.inner.lock().paused = true;
        self.conn.wake_poll();
    }

    /// It is gone again.
    pub(crate) fn resume(&self) {
        let mut inner = self.inner.lock();
        inner.reserved = false;
        inner.paused = false;
    }

    /// From now on this carries the connection; its door goes to whoever reads from it.
    pub(crate) fn take_over(&self, carrier: Carrier) -> Option<(Arc<Conn>, Door)> {
        let door = {
            let mut inner = self.inner.lock();
            if inner.phase != Phase::Live {
                return None;
            }
            inner.phase = Phase::Upgraded;
            inner.door.take()?
        };
        // The request that waits, and the keeper, see what happened.
        self.conn.wake_poll();
        self.conn.wake();
        self.conn.carry_on(carrier);
        Some((Arc::clone(&self.conn), door))
    }
}

/// A request that waits; if it is dropped before it has an answer, its client is gone.
struct Waiting(Option<Arc<Polled>>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(polled) = self.0.take() {
            polled.deserted();
        }
    }
}

/// Watches the clocks and the end of a connection that has no task of its own.
struct Keeper {
    polled: Arc<Polled>,
    polls: Arc<Polls>,
}

impl Future for Keeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let polled = Arc::clone(&self.polled);
        // Under the lock, so that no waker is left for a connection that was just taken over.
        let mut inner = polled.inner.lock();
        let done = loop {
            let here = polled.here();
            match inner.phase {
                Phase::Upgraded | Phase::Dead => break Poll::Ready(()),
                Phase::Last(_, by) if by <= here.now.mono => break Poll::Ready(()),
                Phase::Last(_, by) => {
                    let _ = polled.conn.attend(cx.waker());
                    polled.conn.set_due(Some(by));
                    break Poll::Pending;
                }
                Phase::Live => {}
            }
            match polled.conn.attend(cx.waker()) {
                WireState::Broken => break Poll::Ready(()),
                WireState::Closing { done: true, .. } => break Poll::Ready(()),
                WireState::Closing { by, .. } if by <= here.now.mono => break Poll::Ready(()),
                WireState::Closing { by, .. } => {
                    polled.conn.set_due(Some(by));
                    break Poll::Pending;
                }
                WireState::Open { .. } => {}
            }
            let Some(door) = &mut inner.door else {
                break Poll::Ready(());
            };
            let due = door.clocks(here);
            if door.is_lost() {
                inner.phase = Phase::Dead;
            } else if polled.conn.is_open() {
                polled.conn.set_due(due);
                break Poll::Pending;
            }
        };
        drop(inner);
        dirty::flush();
        done
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let polled = &self.polled;
        self.polls.leave(&polled.sid);
        let door = {
            let mut inner = polled.inner.lock();
            if inner.phase == Phase::Upgraded {
                return;
            }
            inner.phase = Phase::Dead;
            inner.door.take()
        };
        polled.core.counters().closed.add(1);
        if let Some(mut door) = door {
            door.end();
        }
        // Also ends a request that waits.
        polled.core.connection_gone(&polled.conn);
        dirty::flush();
    }
}
