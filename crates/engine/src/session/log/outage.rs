//! When the store is slow, away, or says no: words go out marked while promises wait, and what can
//! never be stored is taken back.

use std::collections::VecDeque;
use std::mem;

use protocol::error::{ErrorCode, Refusal};
use protocol::id::{ConnectionId, Seq};
use protocol::record::Happening;
use protocol::server::{Reply, ServerMessage};

use super::Waiting;
use crate::effect::{Effect, To};
use crate::event::Event;
use crate::planted::{self, Bug};
use crate::session::{Ctx, Session};

impl Session {
    pub(super) fn back_off(&mut self, ctx: &mut Ctx<'_>) {
        let log = &mut self.log;
        log.backoff_ms = (log.backoff_ms * 2).clamp(100, 2_000);
        let wait = ctx.rng.between(log.backoff_ms / 2, log.backoff_ms);
        log.retry_at = Some(ctx.now.mono.after(wait));
    }

    /// Pause before the next save, when another session must answer first.
    pub(crate) fn wait_before_save(&mut self, ctx: &mut Ctx<'_>) {
        self.back_off(ctx);
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
        self.happen(ctx, Happening::Degraded, None, "");
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
        let mut committed = self.log.committed;
        if planted::on(ctx.config, Bug::SnapshotAhead) {
            committed = self.log.last;
        }
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

    /// Words that wait are for the seat's next holder to hear, not for one who was sent away.
    pub(crate) fn forget_words(&mut self, ctx: &Ctx<'_>, conn: ConnectionId) {
        if planted::on(ctx.config, Bug::KeepWaitingWords) {
            return;
        }
        let Some(buffers) = &mut self.log.buffers else {
            return;
        };
        let mut freed = 0;
        buffers.held.retain_mut(|held| match &mut held.what {
            Waiting::Push(to, _) => {
                to.retain(|known| *known != conn);
                true
            }
            Waiting::CatchUp { conn: of } | Waiting::Hear { conn: of, .. } if *of == conn => {
                freed += held.bytes;
                false
            }
            _ => true,
        });
        buffers.held_bytes = buffers.held_bytes.saturating_sub(freed);
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
        // The start is void; that the session was made is still to be stored.
        log.row_dirty = !self.creators.is_empty();
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
        self.refuse_sayers(ctx, why.code);
        self.let_all_go(ctx, why);
    }

    /// Nothing waits any more, because what it waited for is taken back: words go out, promises
    /// become this refusal.
    fn let_all_go(&mut self, ctx: &mut Ctx<'_>, why: &Refusal) {
        let buffers = self.log.buffers();
        buffers.held_bytes = 0;
        for held in mem::take(&mut buffers.held) {
            match held.what {
                Waiting::Event(_) => {}
                Waiting::Reply {
                    to, durable: true, ..
                } => {
                    ctx.out(Effect::Reply {
                        to,
                        reply: Reply::Refused(why.clone()),
                    });
                }
                // A snapshot that waited shows what never was: it is taken anew.
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
        self.refuse_sayers(ctx, ErrorCode::Internal);
        self.let_all_go(ctx, &ErrorCode::Internal.into());
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

    pub(super) fn say_well(&mut self, ctx: &mut Ctx<'_>) {
        self.happen(ctx, Happening::Restored, None, "");
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
}
