//! The session's ordered log, and everything that waits behind it. The one place that sends: while
//! an event is uncommitted, every text of the session queues here; with the store away, words go
//! out marked provisional, promises wait.
//!
//! Invariants: at most one save in flight; seq without holes; an event is given to a member once,
//! and only when everything they were entitled to before it was given.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;

use protocol::client::ReplyTo;
use protocol::close::CloseCode;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{ConnectionId, EffectId, Epoch, Generation, Seq, UserId};
use protocol::record::{EventRow, RequestRow, Saved};
use protocol::server::{EventBody, Logged, Reply, ServerMessage};
use protocol::time::Mono;
use protocol::value::Audience;

use super::{Ctx, Session};
use crate::config::{HELD_HARD_FACTOR, REPLAY_PER_TURN, SAVE_LOST_MS};
use crate::effect::{Effect, To};
use crate::event::Event;
use crate::input::LogRange;
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
            let rows = durable && (log.row_dirty || log.saving.is_some());
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
            ctx.out(Effect::Reply { to, reply });
        }
    }

    /// Gives this member what they missed, in its turn.
    pub(crate) fn catch_up_later(&mut self, ctx: &mut Ctx<'_>, conn: ConnectionId) {
        if self.log.is_open() {
            self.catch_up(ctx, conn);
        } else {
            self.hold(32, Waiting::CatchUp { conn });
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
        let due = log.row_dirty || log.committed < log.last;
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

    fn back_off(&mut self, ctx: &mut Ctx<'_>) {
        let log = &mut self.log;
        log.backoff_ms = (log.backoff_ms * 2).clamp(100, 2_000);
        let wait = ctx.rng.between(log.backoff_ms / 2, log.backoff_ms);
        log.retry_at = Some(ctx.now.mono.after(wait));
    }

    /// Pause before the next save, when another session must answer first.
    pub(crate) fn wait_before_save(&mut self, ctx: &mut Ctx<'_>) {
        self.back_off(ctx);
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

    /// The store is slow or away: words go out marked, promises stay.
    pub(crate) fn degrade(&mut self, ctx: &mut Ctx<'_>) {
        if self.log.degraded {
            return;
        }
        let held = match &mut self.log.buffers {
            Some(buffers) => {
                buffers.held_bytes = 0;
                mem::take(&mut buffers.held)
            }
            None => VecDeque::new(),
        };
        // Before the words go: who catches up among them is owed what was told early before.
        self.log.degraded = true;
        for held in held {
            match held.what {
                Waiting::Event(seq) => self.tell_early(ctx, seq),
                Waiting::Reply { durable: true, .. } => {
                    let buffers = self.log.buffers();
                    buffers.held_bytes += held.bytes;
                    buffers.held.push_back(held);
                }
                Waiting::Push(to, message) => self.push_early(ctx, to, message),
                what => self.let_go(ctx, what),
            }
        }
        ctx.news(Event::Degraded {
            session: self.id.clone(),
            on: true,
        });
        let to = self.live(|_| true);
        let session = self.id.clone();
        self.say(
            ctx,
            to,
            ServerMessage::Degraded {
                session,
                on: true,
                seq: None,
            },
        );
    }

    /// A word that waited for a commit goes out without it. A snapshot then stands at what is
    /// stored, and what was told early follows it.
    fn push_early(&mut self, ctx: &mut Ctx<'_>, to: To, mut message: ServerMessage) {
        if to.is_empty() {
            return;
        }
        let committed = self.log.committed;
        let fresh = match &mut message {
            ServerMessage::Joined(joined) => {
                joined.view.seq = joined.view.seq.min(committed);
                !joined.recovered
            }
            ServerMessage::State(view) => {
                view.seq = view.seq.min(committed);
                false
            }
            _ => false,
        };
        let conns = to.clone();
        ctx.out(Effect::Send { to, message });
        for conn in conns.into_iter().filter(|_| fresh) {
            self.give_early(ctx, conn);
        }
    }

    /// A member who was just shown a snapshot of a degraded session is given what went out early
    /// before they came.
    pub(crate) fn give_early(&mut self, ctx: &mut Ctx<'_>, conn: ConnectionId) {
        if !self.log.degraded {
            return;
        }
        let committed = self.log.committed;
        let Some(at) = self.seats.iter().position(|seat| seat.conn == Some(conn)) else {
            return;
        };
        if let Some(seat) = self.seats.get_mut(at).filter(|seat| !seat.catching) {
            seat.cursor = committed;
            seat.given = committed;
            self.caught_up(ctx, at);
        }
    }

    /// Words that wait are for the seat's next holder to hear, not for one who was sent away.
    pub(crate) fn forget_words(&mut self, conn: ConnectionId) {
        let Some(buffers) = &mut self.log.buffers else {
            return;
        };
        for held in &mut buffers.held {
            if let Waiting::Push(to, _) = &mut held.what {
                to.retain(|known| *known != conn);
            }
        }
    }

    fn tell_early(&mut self, ctx: &mut Ctx<'_>, seq: Seq) {
        let Some(buffers) = &mut self.log.buffers else {
            return;
        };
        let Some(entry) = buffers.pending.iter_mut().find(|e| e.row.seq == seq) else {
            return;
        };
        let copy = entry.clone();
        entry.told = true;
        self.give(ctx, &copy, true);
    }

    /// Promises that will never be kept now, because the session leaves: refused, not forgotten.
    pub(crate) fn refuse_held(&mut self, ctx: &mut Ctx<'_>, why: ErrorCode) {
        let Some(buffers) = &mut self.log.buffers else {
            return;
        };
        buffers.held_bytes = 0;
        for held in mem::take(&mut buffers.held) {
            if let Waiting::Reply { to, .. } = held.what {
                ctx.out(Effect::refuse(to, why));
            }
        }
    }

    /// Forgets a start that the store refused: nothing of it was stored or said. What other
    /// words waited behind it go out; its promises become this refusal.
    pub(crate) fn roll_back(&mut self, ctx: &mut Ctx<'_>, why: &Refusal) {
        let log = &mut self.log;
        log.last = log.committed;
        log.row_dirty = false;
        log.retry_at = None;
        let Some(buffers) = &mut log.buffers else {
            return;
        };
        if let Some(first) = buffers.pending.front() {
            log.entitled = first.prev;
        }
        buffers.pending.clear();
        buffers.pending_bytes = 0;
        buffers.held_bytes = 0;
        for row in mem::take(&mut buffers.unsaved_requests) {
            buffers.requests.remove(&(row.user, row.id));
        }
        let committed = log.committed;
        for seat in &mut self.seats {
            seat.cursor = seat.cursor.min(committed);
            seat.given = seat.given.min(committed);
        }
        let held = self.log.buffers().held.drain(..).collect::<Vec<_>>();
        for held in held {
            match held.what {
                Waiting::Event(_) => {}
                Waiting::Reply {
                    to, durable: true, ..
                } => {
                    ctx.out(Effect::refuse(to, why.clone()));
                }
                // A snapshot that waited shows the start that never was: it is taken anew.
                Waiting::Push(to, ServerMessage::Joined(mut joined)) => {
                    joined.view = self.view(ctx);
                    let message = ServerMessage::Joined(joined);
                    self.let_go(ctx, Waiting::Push(to, message));
                }
                Waiting::Push(to, ServerMessage::State(_)) => {
                    let message = ServerMessage::State(Box::new(self.view(ctx)));
                    self.let_go(ctx, Waiting::Push(to, message));
                }
                what => self.let_go(ctx, what),
            }
        }
    }

    /// Whether anything uncommitted has been told to anybody.
    pub(crate) fn told_early(&self) -> bool {
        let buffers = self.log.buffers.as_ref();
        self.log.degraded && buffers.is_some_and(|b| b.pending.iter().any(|entry| entry.told))
    }

    /// Drops what could not be stored, so that the end can be (our bug, or a panic).
    pub(crate) fn drop_unstored(&mut self, ctx: &mut Ctx<'_>) {
        self.refuse_held(ctx, ErrorCode::Internal);
        let log = &mut self.log;
        // Answers to what was sent before speak of events that are dropped now.
        log.born = *ctx.next_effect;
        log.last = log.committed;
        log.saving = None;
        log.retry_at = None;
        log.row_dirty = true;
        let committed = log.committed;
        if let Some(buffers) = &mut log.buffers {
            if let Some(first) = buffers.pending.front() {
                log.entitled = first.prev;
            }
            buffers.pending.clear();
            buffers.pending_bytes = 0;
            for row in mem::take(&mut buffers.unsaved_requests) {
                buffers.requests.remove(&(row.user, row.id));
            }
        }
        for seat in &mut self.seats {
            seat.cursor = seat.cursor.min(committed);
            seat.given = seat.given.min(committed);
        }
    }

    /// The store has more than this log knows of: a save that counted as lost was written, and its
    /// events were dropped here. They stand; the log goes on behind them.
    pub(crate) fn go_on_behind(&mut self, ctx: &mut Ctx<'_>, seq: Seq) {
        self.drop_unstored(ctx);
        self.log.committed = seq;
        self.log.last = seq;
        self.log.entitled = [seq; 3];
        // Members see the hole and come back for what stands in it.
        for seat in &mut self.seats {
            seat.cursor = seq;
            seat.given = seq;
        }
    }

    /// What was told early and is dropped now counts for nobody: the log is well up to what is
    /// stored, and goes on from there.
    pub(crate) fn forget_early(&mut self, ctx: &mut Ctx<'_>) {
        if mem::take(&mut self.log.degraded) {
            self.say_well(ctx);
        }
    }

    fn say_well(&mut self, ctx: &mut Ctx<'_>) {
        let session = self.id.clone();
        ctx.news(Event::Degraded { session, on: false });
        if planted::on(ctx.config, Bug::SilentRecovery) {
            return;
        }
        let to = self.live(|_| true);
        let message = ServerMessage::Degraded {
            session: self.id.clone(),
            on: false,
            seq: Some(self.log.committed),
        };
        self.say(ctx, to, message);
    }

    /// Gives a member what they missed, at most so much a turn; the rest follows at once.
    pub(crate) fn catch_up(&mut self, ctx: &mut Ctx<'_>, conn: ConnectionId) {
        let Some(at) = self.seats.iter().position(|seat| seat.conn == Some(conn)) else {
            return;
        };
        let Some(seat) = self.seats.get_mut(at) else {
            return;
        };
        if !seat.catching || seat.loading.is_some() {
            return;
        }
        seat.replaying = true;
        let reach = self.log.reach();
        if seat.cursor.next() < reach && seat.cursor < self.log.committed {
            let range = LogRange {
                after: seat.cursor,
                upto: Seq(reach.0 - 1),
            };
            let id = ctx.effect_id();
            seat.loading = Some((id, ctx.now.mono.after(ctx.config.load_ms)));
            let session = self.id.clone();
            ctx.out(Effect::LoadLog { id, session, range });
            return;
        }
        let role = seat.role;
        let cursor = seat.cursor;
        let buffers = self.log.buffers.as_ref();
        let missed: Vec<Entry> = buffers
            .into_iter()
            .flat_map(|b| b.ring.iter())
            .filter(|e| e.row.seq > cursor && e.row.audience.includes(role))
            .take(REPLAY_PER_TURN + 1)
            .cloned()
            .collect();
        let more = missed.len() > REPLAY_PER_TURN;
        for entry in missed.iter().take(REPLAY_PER_TURN) {
            let prev = entry.prev.get(role.index()).copied().unwrap_or_default();
            self.send_one(ctx, at, &entry.row, prev, false);
        }
        if more {
            self.continue_at = Some(ctx.now.mono);
            return;
        }
        self.caught_up(ctx, at);
    }

    /// A member has all that is stored; what went out early follows, marked.
    fn caught_up(&mut self, ctx: &mut Ctx<'_>, at: usize) {
        let Some(seat) = self.seats.get_mut(at) else {
            return;
        };
        seat.catching = false;
        seat.cursor = seat.cursor.max(self.log.committed);
        let (role, degraded) = (seat.role, self.log.degraded);
        let buffers = self.log.buffers.as_ref();
        let early: Vec<Entry> = buffers
            .into_iter()
            .flat_map(|b| b.pending.iter())
            .filter(|e| degraded && e.told && e.row.audience.includes(role))
            .cloned()
            .collect();
        for entry in &early {
            let prev = entry.prev.get(role.index()).copied().unwrap_or_default();
            self.send_one(ctx, at, &entry.row, prev, true);
        }
    }

    fn send_one(
        &mut self,
        ctx: &mut Ctx<'_>,
        at: usize,
        row: &EventRow,
        prev: Seq,
        provisional: bool,
    ) {
        let Some(seat) = self.seats.get_mut(at) else {
            return;
        };
        let Some(conn) = seat.conn else { return };
        if !provisional {
            seat.cursor = row.seq;
            seat.given = row.seq;
        }
        let message = ServerMessage::Event(logged(row, prev, provisional));
        ctx.out(Effect::Send {
            to: To::from_slice(&[conn]),
            message,
        });
    }

    /// A stretch of the log was read for a member who is catching up.
    pub(crate) fn log_loaded(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: EffectId,
        events: Option<Vec<EventRow>>,
    ) {
        let asked = |seat: &super::seat::Seat| seat.loading.is_some_and(|(asked, _)| asked == id);
        let Some(at) = self.seats.iter().position(asked) else {
            return;
        };
        let Some(seat) = self.seats.get_mut(at) else {
            return;
        };
        seat.loading = None;
        let (role, conn) = (seat.role, seat.conn);
        let (cursor, mut prev) = (seat.cursor, seat.given);
        let Some(conn) = conn else { return };
        let Some(events) = events.filter(|events| !events.is_empty()) else {
            self.give_up_catching(ctx, at);
            return;
        };
        for row in &events {
            if row.seq <= cursor {
                continue;
            }
            if row.audience.includes(role) {
                self.send_one(ctx, at, row, prev, false);
                prev = row.seq;
            } else if let Some(seat) = self.seats.get_mut(at) {
                seat.cursor = row.seq;
            }
        }
        self.catch_up(ctx, conn);
    }

    /// The log could not be read: the page comes back and tries again.
    fn give_up_catching(&mut self, ctx: &mut Ctx<'_>, at: usize) {
        let Some(seat) = self.seats.get(at) else {
            return;
        };
        let (Some(conn), generation) = (seat.conn, seat.generation) else {
            return;
        };
        let session = self.id.clone();
        let close = Some(CloseCode::ServerError);
        self.forget_words(conn);
        ctx.out(Effect::Unseat {
            session,
            conn,
            generation,
            close,
        });
        self.detached(ctx, at);
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
        let late = |seat: &super::seat::Seat| seat.loading.is_some_and(|(_, by)| by <= now);
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

    /// Whether a resume from here needs nothing that is lost: same log, not from the future.
    pub(crate) fn reaches_back(&self, epoch: Epoch, seq: Seq) -> bool {
        self.log.epoch == epoch && seq <= self.log.last
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
    Collides(protocol::id::SessionId),
    Fenced,
    Rejected,
    /// More is stored than this log knows of.
    Behind(Seq),
}
