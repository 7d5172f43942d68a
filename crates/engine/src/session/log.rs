//! The session's ordered log, and everything that waits behind it. The one place that sends, with
//! `replay` (what a member missed) and `outage` (what happens without the store): while an event
//! is uncommitted, every text of the session queues here; with the store away, words go out marked
//! provisional, promises wait.
//!
//! Invariants: at most one save in flight; seq without holes; an event is given to a member once,
//! and only when everything they were entitled to before it was given.

mod outage;
mod replay;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use protocol::client::ReplyTo;
use protocol::close::CloseCode;
use protocol::id::{ConnectionId, EffectId, Epoch, Generation, Seq, UserId};
use protocol::record::{Elsewhere, EventRow, RequestRow, Saved};
use protocol::server::{EventBody, Logged, Reply, ServerMessage};
use protocol::time::Mono;
use protocol::value::{Audience, Status};

use super::seat::Seat;
use super::{Ctx, Session};
use crate::config::{HELD_HARD_FACTOR, SAVE_LOST_MS};
use crate::effect::{Effect, To};
use crate::planted::{self, Bug};
use crate::session::timer::soonest;

/// An event in memory.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    row: EventRow,
    /// Per role: the last seq it was entitled to before this one.
    prev: [Seq; 3],
    /// It went out before it was stored.
    told: bool,
}

/// Something that may leave once everything up to `after` is stored.
#[derive(Debug)]
struct Held {
    after: Seq,
    bytes: usize,
    what: Waiting,
}

#[derive(Debug)]
enum Waiting {
    Event(Seq),
    Push(To, ServerMessage),
    Reply {
        to: ReplyTo,
        reply: Reply,
        durable: bool,
        /// The save that must be done, counted: what is promised may be a row without an event.
        needs: u64,
    },
    CatchUp {
        conn: ConnectionId,
    },
    Hear {
        conn: ConnectionId,
        generation: Generation,
    },
    Unseat {
        conn: ConnectionId,
        generation: Generation,
        close: CloseCode,
    },
}

#[derive(Debug)]
struct Saving {
    id: EffectId,
    at: Mono,
    /// Up to where the log reaches with it.
    upto: Seq,
}

/// Buffers that only a session with something to say needs.
#[derive(Debug, Default)]
struct Buffers {
    /// Recorded, not yet stored.
    pending: VecDeque<Entry>,
    pending_bytes: usize,
    held: VecDeque<Held>,
    held_bytes: usize,
    /// Stored, kept for resumes.
    ring: VecDeque<Entry>,
    ring_bytes: usize,
    /// Requests with an `id` and their answers.
    requests: BTreeMap<(UserId, Box<str>), Arc<str>>,
    unsaved_requests: Vec<RequestRow>,
}

/// The log and what waits behind it.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) epoch: Epoch,
    /// The last seq given out.
    pub(crate) last: Seq,
    /// The last seq known to be stored.
    pub(crate) committed: Seq,
    /// Per role: the last seq it was entitled to.
    entitled: [Seq; 3],
    /// The row changed and must be written, even without events.
    pub(crate) row_dirty: bool,
    pub(crate) degraded: bool,
    saving: Option<Saving>,
    /// The last effect id given out before this stay in memory.
    born: u64,
    /// Saves sent out, and the last of them that is known to be done.
    issued: u64,
    done: u64,
    retry_at: Option<Mono>,
    backoff_ms: u64,
    buffers: Option<Box<Buffers>>,
}

impl Log {
    pub(crate) fn new(epoch: Epoch, last: Seq, entitled: [Seq; 3]) -> Self {
        Self {
            epoch,
            last,
            committed: last,
            entitled,
            row_dirty: false,
            degraded: false,
            saving: None,
            born: 0,
            issued: 0,
            done: 0,
            retry_at: None,
            backoff_ms: 0,
            buffers: None,
        }
    }

    /// Answers to effects up to this one are not for this stay in memory.
    pub(crate) fn born_after(mut self, effect: u64) -> Self {
        self.born = effect;
        self
    }

    fn buffers(&mut self) -> &mut Buffers {
        self.buffers.get_or_insert_default()
    }

    /// Whether nothing waits: no event, no word, no save.
    pub(crate) fn is_quiet(&self) -> bool {
        self.saving.is_none()
            && self.retry_at.is_none()
            && !self.row_dirty
            && self
                .buffers
                .as_ref()
                .is_none_or(|b| b.pending.is_empty() && b.held.is_empty())
    }

    /// Whether every event is stored.
    pub(crate) fn is_stored(&self) -> bool {
        self.committed == self.last && !self.row_dirty && self.saving.is_none()
    }

    /// Bytes that wait, for gauges and bounds.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.buffers
            .as_ref()
            .map_or(0, |b| b.held_bytes + b.pending_bytes)
    }

    /// Answers of earlier requests, read back.
    pub(crate) fn restore_requests(&mut self, rows: Vec<RequestRow>) {
        if rows.is_empty() {
            return;
        }
        let known = &mut self.buffers().requests;
        known.extend(rows.into_iter().map(|row| ((row.user, row.id), row.reply)));
    }

    /// Whether words may go straight out.
    fn is_open(&self) -> bool {
        self.degraded || self.buffers.as_ref().is_none_or(|b| b.held.is_empty())
    }

    /// When the log wants to be asked again.
    pub(crate) fn next_timeout(&self, save_slow_ms: u64) -> Option<Mono> {
        let saving = self.saving.as_ref().map(|saving| {
            saving.at.after(if self.degraded {
                SAVE_LOST_MS
            } else {
                save_slow_ms
            })
        });
        soonest(saving, self.retry_at)
    }
}

impl Session {
    /// Records a durable event: it gets its seq now and its turn after the commit.
    pub(crate) fn record(&mut self, ctx: &mut Ctx<'_>, body: &EventBody, audience: Audience) {
        // The body is our own type with string keys: it always serializes.
        let text: Arc<str> = serde_json::to_string(body).unwrap_or_default().into();
        self.record_text(ctx, text, audience);
    }

    /// As [`Session::record`], for an event that is text already.
    pub(crate) fn record_text(&mut self, ctx: &mut Ctx<'_>, text: Arc<str>, audience: Audience) {
        let log = &mut self.log;
        let seq = log.last.next();
        log.last = seq;
        let mut prev = log.entitled;
        if planted::on(ctx.config, Bug::WrongPrev) {
            prev = [Seq(seq.0 - 1); 3];
        }
        for (index, last) in log.entitled.iter_mut().enumerate() {
            if audience.0 & (1 << index) != 0 {
                *last = seq;
            }
        }
        let degraded = log.degraded;
        let at = ctx.now.wall;
        let bytes = text.len() + 96;
        let early = planted::on(ctx.config, Bug::SendBeforeCommit);
        let buffers = log.buffers();
        buffers.pending_bytes += bytes;
        let row = EventRow {
            seq,
            at,
            audience,
            body: text,
        };
        let entry = Entry {
            row,
            prev,
            told: degraded,
        };
        if degraded || early {
            buffers.pending.push_back(entry.clone());
            self.give(ctx, &entry, !early);
        } else {
            buffers.pending.push_back(entry);
            self.hold(bytes, Waiting::Event(seq));
        }
    }

    /// Whether something durable may still be asked for, or too much waits already.
    pub(crate) fn has_room(&self, ctx: &Ctx<'_>) -> bool {
        self.log.waiting_bytes() <= ctx.config.held_bytes
    }

    /// Whether even what cannot be refused must be dropped.
    pub(crate) fn is_overfull(&self, ctx: &Ctx<'_>) -> bool {
        self.log.waiting_bytes() > ctx.config.held_bytes * HELD_HARD_FACTOR
    }

    /// Says something to somebody, in its turn.
    pub(crate) fn say(&mut self, ctx: &mut Ctx<'_>, to: To, message: ServerMessage) {
        if to.is_empty() {
            return;
        }
        if self.log.is_open() {
            ctx.out(Effect::Send { to, message });
        } else if matches!(message, ServerMessage::Partial(_)) {
            // A caption that waits for a commit is old when it comes; the next one is better.
        } else {
            self.hold(256, Waiting::Push(to, message));
        }
    }

    /// Says something to everybody there but one.
    pub(crate) fn say_others(
        &mut self,
        ctx: &mut Ctx<'_>,
        but: Option<ConnectionId>,
        audience: Audience,
        message: ServerMessage,
    ) {
        let to = self.live(|seat| seat.conn != but && audience.includes(seat.role));
        self.say(ctx, to, message);
    }

    /// Answers a request. A durable answer waits until everything recorded so far is stored.
    pub(crate) fn reply(&mut self, ctx: &mut Ctx<'_>, to: ReplyTo, reply: Reply, durable: bool) {
        let durable = durable && !planted::on(ctx.config, Bug::ReplyBeforeCommit);
        let stored = self.log.is_stored();
        let waits = if durable {
            !stored
        } else {
            !self.log.is_open()
        };
        if waits || (durable && !self.log.is_open()) {
            let log = &self.log;
            let rows = durable
                && (log.row_dirty || log.saving.is_some())
                && !planted::on(ctx.config, Bug::PromiseBeforeRow);
            let needs = if rows {
                log.issued + u64::from(log.row_dirty)
            } else {
                0
            };
            let what = Waiting::Reply {
                to,
                reply,
                durable,
                needs,
            };
            self.hold(128, what);
        } else {
            if planted::on(ctx.config, Bug::ReplyTwice) {
                let (to, reply) = (to.clone(), reply.clone());
                ctx.out(Effect::Reply { to, reply });
            }
            ctx.out(Effect::Reply { to, reply });
        }
    }

    /// Lets a new holder of a seat hear who speaks, after everything said so far: sound takes
    /// another way than words, and must not come before the answer to the join.
    pub(crate) fn hear_later(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnectionId,
        generation: Generation,
    ) {
        let what = Waiting::Hear { conn, generation };
        if self.log.is_open() || planted::on(ctx.config, Bug::HearBeforeJoined) {
            self.let_go(ctx, what);
        } else {
            self.hold(32, what);
        }
    }

    /// Takes the seat's connection away after everything said so far.
    pub(crate) fn unseat_later(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnectionId,
        generation: Generation,
        close: CloseCode,
    ) {
        if self.log.is_open() {
            let session = self.id.clone();
            ctx.out(Effect::Unseat {
                session,
                conn,
                generation,
                close: Some(close),
            });
        } else {
            self.hold(
                32,
                Waiting::Unseat {
                    conn,
                    generation,
                    close,
                },
            );
        }
    }

    /// The answer an earlier request with this `id` got.
    pub(crate) fn known_answer(&self, user: &UserId, id: &str) -> Option<Arc<str>> {
        let buffers = self.log.buffers.as_ref()?;
        buffers.requests.get(&(user.clone(), id.into())).cloned()
    }

    /// Remembers the answer to a request with an `id`; stored before it is given.
    pub(crate) fn remember(&mut self, user: UserId, id: Box<str>, reply: Arc<str>) {
        self.log.row_dirty = true;
        let buffers = self.log.buffers();
        let row = RequestRow {
            user: user.clone(),
            id: id.clone(),
            reply: Arc::clone(&reply),
        };
        buffers.unsaved_requests.push(row);
        buffers.requests.insert((user, id), reply);
    }

    /// Remembers an answer that promises nothing about the records, as long as there is memory.
    pub(crate) fn remember_briefly(&mut self, user: UserId, id: Box<str>, reply: Arc<str>) {
        self.log.buffers().requests.insert((user, id), reply);
    }

    /// How many requests with an `id` are remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.log
            .buffers
            .as_ref()
            .map_or(0, |buffers| buffers.requests.len())
    }

    fn hold(&mut self, bytes: usize, what: Waiting) {
        let after = self.log.last;
        let buffers = self.log.buffers();
        buffers.held_bytes += bytes;
        buffers.held.push_back(Held { after, bytes, what });
    }

    /// Sends an event to every member who is entitled to it and has all before it.
    fn give(&mut self, ctx: &mut Ctx<'_>, entry: &Entry, provisional: bool) {
        // Members with one `prev` share one message; there are at most three.
        for index in 0..3_usize {
            if entry.row.audience.0 & (1 << index) == 0 {
                continue;
            }
            let prev = entry.prev.get(index).copied().unwrap_or_default();
            let mut to = To::new();
            for seat in &mut self.seats {
                // Provisional words do not move the cursor, so they cannot be judged by it.
                let in_order = provisional || seat.cursor >= prev;
                let ready = seat.role.index() == index
                    && !seat.catching
                    && in_order
                    && seat.cursor < entry.row.seq;
                let Some(conn) = seat.conn.filter(|_| ready) else {
                    continue;
                };
                if !provisional {
                    seat.cursor = entry.row.seq;
                    seat.given = entry.row.seq;
                }
                if provisional || !entry.told {
                    to.push(conn);
                }
            }
            if !to.is_empty() {
                let message = ServerMessage::Event(logged(&entry.row, prev, provisional));
                ctx.out(Effect::Send { to, message });
            }
        }
    }

    /// Issues a save when there is something to store and none is under way.
    pub(crate) fn settle(&mut self, ctx: &mut Ctx<'_>) {
        self.part(ctx);
        let log = &self.log;
        // What happened last changes no row; but what nobody is in leaves memory only when all of it
        // is stored.
        let left = self.status == Status::Scheduled && self.stored && self.seats.is_empty();
        let told = left && !self.happenings.is_empty();
        let due = log.row_dirty || log.committed < log.last || told;
        if !due || log.saving.is_some() || log.retry_at.is_some() {
            return;
        }
        let pending = log.buffers.as_ref().map(|b| &b.pending);
        let mut events: Vec<EventRow> = pending
            .into_iter()
            .flatten()
            .map(|entry| entry.row.clone())
            .collect();
        if planted::on(ctx.config, Bug::SkipEventOnRetry) && log.backoff_ms > 0 && events.len() > 1
        {
            events.remove(0);
        }
        let requests = log
            .buffers
            .as_ref()
            .map(|b| b.unsaved_requests.clone())
            .unwrap_or_default();
        let save = Box::new(self.build_save(ctx, events, requests));
        let id = ctx.effect_id();
        self.log.row_dirty = false;
        self.log.issued += 1;
        self.log.saving = Some(Saving {
            id,
            at: ctx.now.mono,
            upto: self.log.last,
        });
        ctx.out(Effect::Save { id, save });
    }

    /// The store answered.
    pub(crate) fn saved(&mut self, ctx: &mut Ctx<'_>, id: EffectId, saved: &Saved) -> SavedStep {
        if id.0 <= self.log.born {
            // Of an earlier stay in memory, answered late or twice.
            return SavedStep::Fine;
        }
        let current = self
            .log
            .saving
            .as_ref()
            .is_some_and(|saving| saving.id == id);
        let upto = self.log.saving.as_ref().map(|saving| saving.upto);
        match saved {
            Saved::Committed(seq) if current && upto.is_some_and(|upto| *seq > upto) => {
                SavedStep::Behind(*seq)
            }
            Saved::Committed(seq) => {
                if current {
                    self.log.saving = None;
                    self.log.done = self.log.issued;
                    self.force_active = false;
                    self.log.retry_at = None;
                    self.log.backoff_ms = 0;
                }
                self.committed(ctx, *seq, current);
                SavedStep::Fine
            }
            Saved::Temporary => {
                if current {
                    self.log.saving = None;
                    self.log.row_dirty = true;
                    self.degrade(ctx);
                    self.back_off(ctx);
                }
                SavedStep::Fine
            }
            Saved::ActiveElsewhere(other) if current => {
                self.log.saving = None;
                self.log.row_dirty = true;
                SavedStep::Collides(other.clone())
            }
            Saved::ActiveElsewhere(_) => SavedStep::Fine,
            Saved::Fenced if current => SavedStep::Fenced,
            // The save under way will hear it too, if it is so still.
            Saved::Fenced => SavedStep::Fine,
            Saved::Rejected if current => SavedStep::Rejected,
            Saved::Rejected => SavedStep::Fine,
        }
    }

    fn committed(&mut self, ctx: &mut Ctx<'_>, seq: Seq, current: bool) {
        self.stored = true;
        let log = &mut self.log;
        log.committed = log.committed.max(seq.min(log.last));
        if current {
            self.saved_extras();
        }
        self.release(ctx);
        let well = self.log.committed == self.log.last && self.log.saving.is_none();
        if self.log.degraded && well && !self.log.row_dirty {
            self.log.degraded = false;
            self.say_well(ctx);
        }
        self.trim(ctx);
    }

    /// The rows that went with the save in flight are stored.
    fn saved_extras(&mut self) {
        if let Some(live) = &mut self.live {
            live.flow.saved = live.flow.closed.len().min(live.flow_saving);
        }
        if let Some(buffers) = &mut self.log.buffers {
            let done = self.requests_saving.min(buffers.unsaved_requests.len());
            buffers.unsaved_requests.drain(..done);
        }
        let done = self.happenings_saving.min(self.happenings.len());
        self.happenings.drain(..done);
        if !self.seats_dirty_since_save {
            self.departed.clear();
        }
        self.seats_dirty = self.seats_dirty_since_save;
        self.seats_dirty_since_save = false;
    }

    /// Lets go, in order, of what waited for events that are stored now.
    fn release(&mut self, ctx: &mut Ctx<'_>) {
        let committed = self.log.committed;
        // Degraded: held replies may stand before events that went out long ago.
        while let Some(entry) = self.log.pop_committed() {
            if entry.told {
                self.give(ctx, &entry, false);
            }
            self.log.keep(entry);
        }
        let done = self.log.done;
        loop {
            let Some(buffers) = &mut self.log.buffers else {
                return;
            };
            let Some(front) = buffers.held.front() else {
                return;
            };
            let promised = matches!(front.what, Waiting::Reply { needs, .. } if needs > done);
            if front.after > committed || promised {
                return;
            }
            let Some(held) = buffers.held.pop_front() else {
                return;
            };
            buffers.held_bytes = buffers.held_bytes.saturating_sub(held.bytes);
            self.let_go(ctx, held.what);
        }
    }

    fn let_go(&mut self, ctx: &mut Ctx<'_>, what: Waiting) {
        match what {
            Waiting::Event(seq) => {
                let buffers = self.log.buffers.as_ref();
                let found = buffers.and_then(|b| b.ring.iter().find(|e| e.row.seq == seq));
                if let Some(entry) = found.cloned() {
                    self.give(ctx, &entry, false);
                }
            }
            Waiting::Push(to, message) if !to.is_empty() => {
                ctx.out(Effect::Send { to, message });
            }
            Waiting::Push(..) => {}
            Waiting::Reply { to, reply, .. } => ctx.out(Effect::Reply { to, reply }),
            Waiting::CatchUp { conn } => self.catch_up(ctx, conn),
            Waiting::Hear { conn, generation } => {
                let held = |seat: &Seat| seat.conn == Some(conn) && seat.generation == generation;
                // Lost while the answer waited: there is nobody to hear.
                if self.seats.iter().any(held) {
                    let session = self.id.clone();
                    ctx.out(Effect::Hear {
                        session,
                        conn,
                        generation,
                    });
                }
            }
            Waiting::Unseat {
                conn,
                generation,
                close,
            } => {
                let session = self.id.clone();
                ctx.out(Effect::Unseat {
                    session,
                    conn,
                    generation,
                    close: Some(close),
                });
            }
        }
    }

    /// Due timers of the log: a slow save, a lost answer, a retry, more to replay.
    pub(crate) fn log_timeouts(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now.mono;
        if let Some(saving) = &self.log.saving {
            let waited = now.since(saving.at);
            if waited >= SAVE_LOST_MS {
                // Maybe it was stored, maybe not: the same suffix again is harmless.
                self.log.saving = None;
                self.log.row_dirty = true;
            } else if waited >= ctx.config.save_slow_ms {
                self.degrade(ctx);
            }
        }
        if self.log.retry_at.is_some_and(|at| at <= now) {
            self.log.retry_at = None;
        }
        let late = |seat: &Seat| seat.loading.is_some_and(|(_, by)| by <= now);
        while let Some(at) = self.seats.iter().position(late) {
            if let Some(seat) = self.seats.get_mut(at) {
                seat.loading = None;
            }
            self.give_up_catching(ctx, at);
        }
        if self.continue_at.take_if(|at| *at <= now).is_some() {
            let behind = self.live(|seat| seat.catching && seat.replaying);
            for conn in behind {
                self.catch_up(ctx, conn);
            }
        }
    }

    fn trim(&mut self, ctx: &Ctx<'_>) {
        let Some(buffers) = &mut self.log.buffers else {
            return;
        };
        while buffers.ring_bytes > ctx.config.ring_bytes {
            let Some(entry) = buffers.ring.pop_front() else {
                break;
            };
            buffers.ring_bytes -= entry.row.body.len() + 96;
        }
        if buffers.held.is_empty() && buffers.held.capacity() > 64 {
            buffers.held.shrink_to(0);
        }
        if buffers.pending.is_empty() && buffers.pending.capacity() > 64 {
            buffers.pending.shrink_to(0);
        }
    }
}

impl Log {
    /// The oldest stored event still in memory, or the next one to come.
    fn reach(&self) -> Seq {
        let ring = self.buffers.as_ref().and_then(|b| b.ring.front());
        ring.map_or(self.committed.next(), |entry| entry.row.seq)
    }

    fn pop_committed(&mut self) -> Option<Entry> {
        let committed = self.committed;
        let buffers = self.buffers.as_mut()?;
        if buffers.pending.front()?.row.seq > committed {
            return None;
        }
        let entry = buffers.pending.pop_front()?;
        buffers.pending_bytes = buffers
            .pending_bytes
            .saturating_sub(entry.row.body.len() + 96);
        Some(entry)
    }

    fn keep(&mut self, entry: Entry) {
        let buffers = self.buffers();
        buffers.ring_bytes += entry.row.body.len() + 96;
        buffers.ring.push_back(entry);
    }
}

fn logged(row: &EventRow, prev: Seq, provisional: bool) -> Logged {
    Logged {
        seq: row.seq,
        prev,
        provisional,
        body: Arc::clone(&row.body),
    }
}

/// What an answer of the store means for the session.
#[derive(Debug)]
pub(crate) enum SavedStep {
    Fine,
    /// The candidate's active row belongs to another session.
    Collides(Box<Elsewhere>),
    Fenced,
    Rejected,
    /// More is stored than this log knows of.
    Behind(Seq),
}
