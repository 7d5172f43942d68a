//! The task of one WebSocket: it reads, it alone writes while the socket is full, it closes.
//! What the messages mean is the door's business ([`Door`]).
//!
//! Polled by hand and not `async`, so that an idle connection's task is as small as its fields.
//! There is no timer here: [`Conn::set_due`] says when the beat must wake us.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use protocol::close::CloseCode;
use protocol::outbox::Frame;
use protocol::time::{Mono, Now};
use protocol::ws::{Flow, Violation, Ws, WsIn, frame};
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;

use super::door::Door;
use super::listener::Place;
use super::peer::Here;
use crate::core::conn::{Conn, WireState};
use crate::core::{Core, dirty};

/// One read takes at most so much; the buffer is shared by all connections of a thread.
const READ_BYTES: usize = 64 * 1024;
/// After our close frame is out: how long we read and discard until the peer's comes.
const LINGER_MS: u64 = 1_000;
/// And how much: the rest of a message that was too big. A socket that is closed with bytes unread
/// is reset, and what it was told last is lost to a client that had not read it yet.
const LINGER_BYTES: usize = 4 * 1024 * 1024;

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into_boxed_slice());
}

/// The task.
pub(crate) struct Socket {
    core: Arc<Core>,
    conn: Arc<Conn>,
    read: OwnedReadHalf,
    ws: Ws,
    door: Door,
    /// Since when the socket takes nothing.
    stuck: Option<Mono>,
    write_timeout_ms: u32,
    /// Bytes thrown away since we began to close.
    discarded: u32,
    /// Until when the peer's close frame is waited for.
    linger: Option<Mono>,
    /// The peer will send nothing more.
    peer_closed: bool,
    _place: Arc<Place>,
}

/// Closes a connection whose carrier's rules were broken. The close frame carries the word of the
/// one table, as every other; what exactly was wrong is for the log.
fn violated(core: &Core, conn: &Arc<Conn>, now: Mono, violation: Violation) {
    core.counters().violations.add(1);
    tracing::debug!(connection = %conn.id(), %violation, "violation");
    let code = CloseCode::from_number(violation.code).unwrap_or(CloseCode::Protocol);
    conn.close(now, code, None);
}

/// What one attempt to read brought.
enum Got {
    /// Bytes, all of them dealt with, read at this time.
    Some(Now),
    /// The end: nothing more comes, or the socket failed.
    End,
}

impl Socket {
    /// A task for an upgraded socket. `early` came with the request.
    pub(crate) fn new(
        core: Arc<Core>,
        conn: Arc<Conn>,
        read: OwnedReadHalf,
        (ws, door): (Ws, Door),
        write_timeout_ms: u32,
        place: Arc<Place>,
    ) -> Self {
        core.conns().enter(&conn);
        core.counters().opened.add(1);
        Self {
            core,
            conn,
            read,
            ws,
            door,
            stuck: None,
            write_timeout_ms,
            discarded: 0,
            linger: None,
            peer_closed: false,
            _place: place,
        }
    }

    /// Takes in bytes that came with the upgrade request, and writes the door's first words.
    pub(crate) fn begin(&mut self, early: &Bytes) {
        let now = self.core.clock().now();
        let mut early = early.to_vec();
        self.take_in(now, &mut early);
        dirty::flush();
    }

    /// Deals with the bytes of one read.
    fn take_in(&mut self, now: Now, bytes: &mut [u8]) {
        let Self {
            core,
            conn,
            ws,
            door,
            peer_closed,
            ..
        } = self;
        let mut on = |event: WsIn<'_>| {
            match event {
                WsIn::Packet(packet) => {
                    let here = Here { core, conn, now };
                    let taken = match door {
                        Door::Probe(probe) => probe.packet(here, packet),
                        _ => {
                            door.packet(here, packet);
                            None
                        }
                    };
                    // From now on this task serves the connection that polled before.
                    if let Some((of_polling, its_door)) = taken {
                        *conn = of_polling;
                        *door = its_door;
                    }
                }
                WsIn::Ping(payload) => {
                    let pong = Frame::control(frame::pong(payload));
                    conn.push(now.mono, pong, core.counters());
                    door.alive();
                }
                WsIn::Pong => door.alive(),
                WsIn::Close { code, .. } => {
                    *peer_closed = true;
                    // An empty close frame answers one without a code.
                    conn.close_with(now.mono, code.unwrap_or(1005), "", None);
                    return Flow::Stop;
                }
            }
            match conn.is_open() {
                true => Flow::Continue,
                false => Flow::Stop,
            }
        };
        if let Err(violation) = ws.receive(now.mono.0, bytes, &mut on) {
            violated(core, conn, now.mono, violation);
        } else if ws.held_bytes() > 0 {
            let here = Here { core, conn, now };
            door.unfinished(here, ws.held_bytes());
        }
    }

    /// Reads once. `now` is looked at if it is given: a call that has just been made need not be
    /// made again for each message.
    fn read(&mut self, cx: &mut Context<'_>, now: Option<Now>) -> Poll<Got> {
        READ.with_borrow_mut(|shared| {
            let mut buffer = ReadBuf::new(shared);
            let read = ready!(Pin::new(&mut self.read).poll_read(cx, &mut buffer));
            let filled = buffer.filled_mut();
            if read.is_err() || filled.is_empty() {
                return Poll::Ready(Got::End);
            }
            let now = now.unwrap_or_else(|| self.core.clock().now());
            if self.linger.is_some() || !self.conn.is_open() {
                self.discarded = self.discarded.saturating_add(filled.len() as u32);
            }
            self.take_in(now, filled);
            dirty::flush();
            Poll::Ready(Got::Some(now))
        })
    }

    /// Waits until the socket takes bytes again, and writes. Ready when something changed.
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // An error shows again, and is dealt with, when we write.
        let _ = ready!(self.read.as_ref().poll_write_ready(cx));
        // It takes some: the reader gets on, however slowly.
        self.stuck = None;
        self.conn.flush_as_owner();
        Poll::Ready(())
    }

    /// Runs the clocks that have run out, and says when the next one does.
    fn clocks(&mut self, now: Now) -> Option<Mono> {
        if let Err(violation) = self.ws.handle_timeout(now.mono.0) {
            violated(&self.core, &self.conn, now.mono, violation);
        }
        let stuck = self
            .stuck
            .map(|since| since.after(self.write_timeout_ms.into()));
        if stuck.is_some_and(|by| by <= now.mono) {
            self.core.counters().slow_consumers.add(1);
            self.conn.close(now.mono, CloseCode::SlowConsumer, None);
        }
        let door = self.door.clocks(Here {
            core: &self.core,
            conn: &self.conn,
            now,
        });
        dirty::flush();
        [door, stuck, self.ws.poll_timeout().map(Mono)]
            .into_iter()
            .flatten()
            .min()
    }

    /// Open: read as long as there is something, write when only we may.
    fn poll_open(&mut self, cx: &mut Context<'_>, blocked: bool) -> Poll<Next> {
        let now = self.core.clock().now();
        if blocked {
            if self.write(cx).is_ready() {
                return Poll::Ready(Next::Again);
            }
            self.stuck.get_or_insert(now.mono);
        } else {
            self.stuck = None;
        }
        // Before anything is read: a token that is over, or was taken back, lets nothing in.
        let mut due = self.clocks(now);
        let mut time = Some(now);
        let attended = Arc::as_ptr(&self.conn);
        // A carrier that was just upgraded to serves another connection, which has no waker of ours.
        while self.conn.is_open() && std::ptr::eq(attended, Arc::as_ptr(&self.conn)) {
            match self.read(cx, time.take()) {
                // Again before the next read: whoever never pauses is no exception. What was read
                // may have set another clock, too.
                Poll::Ready(Got::Some(at)) => due = self.clocks(at),
                Poll::Ready(Got::End) => return Poll::Ready(Next::Done),
                Poll::Pending => {
                    self.conn.set_due(due);
                    return match self.conn.is_open() {
                        true => Poll::Pending,
                        false => Poll::Ready(Next::Again),
                    };
                }
            }
        }
        Poll::Ready(Next::Again)
    }

    /// Closing: write what is left, then wait for the peer's close frame, each to a deadline.
    fn poll_closing(
        &mut self,
        cx: &mut Context<'_>,
        (blocked, by, done): (bool, Mono, bool),
    ) -> Poll<Next> {
        self.ws.stop();
        let now = self.core.clock().mono();
        if done {
            let linger = *self.linger.get_or_insert(now.after(LINGER_MS));
            let enough = self.discarded as usize > LINGER_BYTES;
            if self.peer_closed || linger <= now || enough {
                // Whoever was told to stay away had the time to close by itself.
                if !self.conn.part() || self.peer_closed {
                    return Poll::Ready(Next::Done);
                }
                self.linger = None;
                self.discarded = 0;
                return Poll::Ready(Next::Again);
            }
            if self.ws.is_done() && !self.conn.is_dismissed() {
                // After a breach its close frame cannot be told apart any more: show it the end,
                // so that it need not wait for ours.
                self.conn.finish_writing();
            }
            self.conn.set_due(Some(linger));
        } else {
            if by <= now {
                return Poll::Ready(Next::Done);
            }
            self.conn.set_due(Some(by));
            if !blocked {
                self.conn.flush();
                return Poll::Ready(Next::Again);
            }
            if self.write(cx).is_ready() {
                return Poll::Ready(Next::Again);
            }
            // A peer that waits for us to read may be what keeps us from writing.
            if self.discarded as usize > LINGER_BYTES {
                return Poll::Pending;
            }
        }
        match ready!(self.read(cx, None)) {
            Got::Some(_) => Poll::Ready(Next::Again),
            Got::End => Poll::Ready(Next::Done),
        }
    }
}

/// What the task does next.
enum Next {
    Again,
    Done,
}

impl Future for Socket {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            let next = match this.conn.attend(cx.waker()) {
                WireState::Broken => return Poll::Ready(()),
                WireState::Open { blocked } => this.poll_open(cx, blocked),
                WireState::Closing { blocked, by, done } => {
                    this.poll_closing(cx, (blocked, by, done))
                }
            };
            match ready!(next) {
                Next::Again => {}
                Next::Done => return Poll::Ready(()),
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.core.counters().closed.add(1);
        self.door.end();
        self.core.connection_gone(&self.conn);
    }
}
