//! Catching up: what a member missed, from memory or from the store, in order, once, before
//! anything new; and what was told early before they came.

use protocol::client::ErrorEvent;
use protocol::close::CloseCode;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{ConnectionId, EffectId, Epoch, Seq};
use protocol::record::EventRow;
use protocol::server::ServerMessage;

use super::{Entry, Waiting, logged};
use crate::config::REPLAY_PER_TURN;
use crate::effect::{Effect, To};
use crate::input::LogRange;
use crate::session::seat::Seat;
use crate::session::{Ctx, Session};

impl Session {
    /// Gives this member what they missed, in its turn.
    pub(crate) fn catch_up_later(&mut self, ctx: &mut Ctx<'_>, conn: ConnectionId) {
        if self.log.is_open() {
            self.catch_up(ctx, conn);
        } else {
            self.hold(32, Waiting::CatchUp { conn });
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
        let asked = |seat: &Seat| seat.loading.is_some_and(|(asked, _)| asked == id);
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
    pub(super) fn give_up_catching(&mut self, ctx: &mut Ctx<'_>, at: usize) {
        let Some(seat) = self.seats.get(at) else {
            return;
        };
        let (Some(conn), generation) = (seat.conn, seat.generation) else {
            return;
        };
        let session = self.id.clone();
        let close = Some(CloseCode::ServerError);
        self.forget_words(ctx, conn);
        self.tell_dismissed(ctx, conn);
        ctx.out(Effect::Unseat {
            session,
            conn,
            generation,
            close,
        });
        self.detached(ctx, at);
    }

    /// Tells a member that their place here is given up for a reason of ours. Without it a page
    /// that stays connected for another session would wait for ever.
    pub(crate) fn tell_dismissed(&self, ctx: &mut Ctx<'_>, conn: ConnectionId) {
        let to = To::from_slice(&[conn]);
        let why = "The records cannot be read now. Join again in a moment, with what you know.";
        let message = ServerMessage::Error {
            event: ErrorEvent::Session,
            session: Some(self.id.clone()),
            refusal: Refusal::because(ErrorCode::StoreUnavailable, why),
        };
        ctx.out(Effect::Send {
            to: to.clone(),
            message,
        });
        let session = self.id.clone();
        ctx.out(Effect::Send {
            to,
            message: ServerMessage::Left { session },
        });
    }

    /// Whether a resume from here needs nothing that is lost: same log, not from the future.
    pub(crate) fn reaches_back(&self, epoch: Epoch, seq: Seq) -> bool {
        self.log.epoch == epoch && seq <= self.log.last
    }
}
