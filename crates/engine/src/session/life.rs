//! A session's life beyond one process (L2, L8, L9): read back from its records, taken over alive
//! from a dead process or ended from there, kept through a drain; and what is written down of it
//! beside its log (X6).

use protocol::error::ErrorCode;
use protocol::id::UserId;
use protocol::record::{EndBegun, Happening, HappeningRow, Loaded, ParticipantRow};
use protocol::time::Mono;
use protocol::value::{EndReason, Outcome, Role, Status};

use super::advice::Advice;
use super::end::Ending;
use super::interview::once_number;
use super::seat::Seat;
use super::snapshot::{Clocks, Restored};
use super::timer::Countdown;
use super::{Ctx, Flow, Live, Log, Seed, Session, snapshot};
use crate::config::{ACTIVITY_SAVE_MS, HAPPENINGS_MAX, TRANSFER_MS};
use crate::effect::{Answer, Effect};
use crate::event::Event;
use crate::input::AskId;
use crate::planted::{self, Bug};

impl Session {
    /// An unfinished session of a dead process. It lives on if its candidate may still come back
    /// and nobody was told that it is over; else it ends, see [`Session::recover`].
    pub(crate) fn take_over(ctx: &mut Ctx<'_>, loaded: Loaded) -> Self {
        let kept = snapshot::restore(&loaded.row.snapshot);
        let clocks = kept
            .as_ref()
            .and_then(|kept| kept.clocks(ctx.now, &ctx.config.clock));
        match clocks.and_then(|clocks| kept_until(ctx, &loaded, &clocks)) {
            Some(until) => Self::revive(ctx, loaded, until),
            None => Self::recover(ctx, loaded),
        }
    }

    /// It lives on: its clocks never stopped, its seats wait for their members until `until`.
    fn revive(ctx: &mut Ctx<'_>, loaded: Loaded, until: Mono) -> Self {
        let away_ms = loaded.away_ms;
        let seats: Vec<ParticipantRow> = loaded.participants.clone();
        let mut session = Self::restore(ctx, loaded);
        let at = ctx.now.wall;
        let others = ctx.now.mono.after(ctx.config.grace_ms);
        for row in seats.into_iter().filter(|row| row.seated) {
            let candidate = row.role == Role::Candidate;
            let gone_at = if candidate { until } else { others };
            session.seats.push(Seat::restored(row, gone_at, at));
        }
        session.pause_for_away(ctx, away_ms);
        let Some(live) = &mut session.live else {
            return session;
        };
        live.unheard = true;
        let since = live.started;
        ctx.out(Effect::ListenAgain {
            session: session.id.clone(),
            since,
        });
        session.happen(ctx, Happening::Recovered, None, "");
        session.seats_dirty = true;
        session.seats_dirty_since_save = true;
        session.log.row_dirty = true;
        ctx.news(Event::Revived {
            session: session.id.clone(),
        });
        session
    }

    /// The candidate went with the process: where the plan says so, their clock stood still since.
    fn pause_for_away(&mut self, ctx: &Ctx<'_>, away_ms: u64) {
        let pauses = self
            .plan
            .as_ref()
            .is_some_and(|plan| plan.options.pause_on_disconnect);
        let open = self.live.as_mut().and_then(|live| live.flow.open.as_mut());
        let Some(open) = open.filter(|open| pauses && open.paused_left_ms.is_none()) else {
            return;
        };
        let died = Mono(ctx.now.mono.0.saturating_sub(away_ms));
        open.paused_left_ms = Some(open.clock.deadline().since(died));
    }

    /// What was heard is transcribed, then it ends by the ordinary way: with the reason of an end
    /// that had begun by its records, else `store_lost` where one was told that they do not know,
    /// else `server_crash`.
    pub(crate) fn recover(ctx: &mut Ctx<'_>, mut loaded: Loaded) -> Self {
        let begun = snapshot::restore(&loaded.row.snapshot).and_then(|kept| kept.end);
        let unsaved = loaded.unsaved_end.take();
        let mut session = Self::restore(ctx, loaded);
        session.recovered = true;
        ctx.news(Event::Recovering {
            session: session.id.clone(),
        });
        let known = match &unsaved {
            Some(end) => format!("to be ended, {} was told and not saved", end.reason),
            None => "to be ended".to_owned(),
        };
        session.happen(ctx, Happening::Recovered, None, &known);
        let kept = unsaved.is_some();
        if session.live.is_none() {
            let (reason, by) = match unsaved {
                Some(end) => (EndReason::StoreLost, end.by),
                None => (EndReason::ServerCrash, None),
            };
            session.begin_end(ctx, reason, by);
            if let Some(end) = &mut session.end {
                end.kept = kept;
            }
            return session;
        }
        let begun = begun.or(unsaved.map(|end| EndBegun {
            reason: EndReason::StoreLost,
            ..end
        }));
        session.end_from_records(ctx, begun);
        if let Some(end) = &mut session.end {
            end.kept = kept;
        }
        session
    }

    /// Ends an interview that began in a dead process; without a known end when something was last
    /// heard of it.
    fn end_from_records(&mut self, ctx: &mut Ctx<'_>, begun: Option<EndBegun>) {
        let last = self.last_activity_at;
        let live_ms = self.live.as_ref().map_or(0, |live| {
            u64::try_from(last.0 - live.started_at.0).unwrap_or(0)
        });
        let end = begun.unwrap_or(EndBegun {
            reason: EndReason::ServerCrash,
            by: None,
            at: last,
            duration_ms: live_ms,
        });
        self.close_question_at(ctx, Outcome::Lost, live_ms);
        // It may have died on its way out: then its log says so already.
        let told = self.status == Status::Completing;
        self.status = Status::Completing;
        let by = ctx.now.mono.after(ctx.config.recovery_flush_ms);
        self.end = Some(Box::new(Ending::of_recovery(end, by)));
        if !told {
            self.record_status(ctx, None);
        }
        ctx.out(Effect::RecoverSpeech {
            session: self.id.clone(),
        });
    }

    /// A session as it was stored. Only a scheduled one goes on living from here as it is.
    pub(crate) fn restore(ctx: &mut Ctx<'_>, loaded: Loaded) -> Self {
        let row = loaded.row;
        let kept = snapshot::restore(&row.snapshot);
        let clocks = kept
            .as_ref()
            .and_then(|kept| kept.clocks(ctx.now, &ctx.config.clock));
        let (plan, invited, flow, consent) = match kept {
            Some(Restored {
                plan,
                invited,
                flow,
                consent,
                ..
            }) => (plan, invited, flow, consent),
            None => (None, Vec::new(), Flow::default(), None),
        };
        let seed = Seed {
            id: row.session,
            title: row.title,
            candidate: row.candidate,
            invited,
            plan,
            fence: loaded.fence,
            epoch: row.epoch,
        };
        let mut session = Self::new(ctx, seed);
        session.consent = consent;
        session.status = row.status;
        session.created_at = row.created_at;
        session.last_activity_at = row.last_activity_at;
        session.stored = true;
        session.happened = loaded.happened;
        session.log = Log::new(row.epoch, row.seq, loaded.last_seq).born_after(*ctx.next_effect);
        let answers = loaded.requests.iter().map(|row| &row.reply);
        let last_once = answers.filter_map(|reply| once_number(reply)).max();
        session.log.restore_requests(loaded.requests);
        let left = row
            .deadline_at
            .map_or(0, |at| u64::try_from(at.0 - ctx.now.wall.0).unwrap_or(0));
        session.expires = ctx.now.mono.after(left);
        let seats = &loaded.participants;
        let last = seats.iter().map(|seat| seat.participant.0).max();
        session.next_participant = last.unwrap_or(0).saturating_add(1);
        let generations = seats.iter().map(|seat| seat.generation);
        session.generation = generations.max().unwrap_or_default();
        if let Some(started_at) = row.started_at {
            let ended = ctx.now.mono.after(left);
            let clocks = clocks.unwrap_or(Clocks {
                started: ctx.now.mono,
                duration: ended,
                inactivity: ctx.now.mono.after(ctx.config.inactivity_ms),
                question: ended,
                grace: None,
            });
            let mut live = Live::restored(ctx, started_at, flow, &clocks);
            live.last_once = last_once.unwrap_or(0);
            session.live = Some(Box::new(live));
        }
        session
    }

    /// Notes a fact of the session's life that is not in its log. Bounded: what comes after the
    /// last place is counted by nobody.
    pub(super) fn happen(
        &mut self,
        ctx: &Ctx<'_>,
        what: Happening,
        user: Option<&UserId>,
        detail: &str,
    ) {
        if self.happened >= HAPPENINGS_MAX {
            return;
        }
        self.happened += 1;
        let last = self.happened == HAPPENINGS_MAX;
        self.happenings.reserve_exact(1);
        self.happenings.push(HappeningRow {
            place: self.happened,
            at: ctx.now.wall,
            what: if last { Happening::Truncated } else { what },
            user: user.filter(|_| !last).cloned(),
            detail: if last { "" } else { detail }.into(),
        });
    }

    /// The node is to stop: who is away was told to come back to the next process, so nobody is
    /// given up meanwhile (L9).
    pub(crate) fn drain(&mut self, ctx: &Ctx<'_>) {
        let kept = ctx.now.mono.after(ctx.config.drain_ms);
        for seat in &mut self.seats {
            seat.gone_at = seat.gone_at.map(|at| at.max(kept));
        }
    }

    /// The candidate wants to go on with another device: for a while it may take their seat.
    pub(crate) fn offer_transfer(&mut self, ctx: &mut Ctx<'_>, ask: AskId, user: &UserId) {
        let mine = |seat: &&Seat| seat.user == *user && seat.is_live();
        let role = self.seats.iter().find(mine).map(|seat| seat.role);
        let refused = match (role, self.status) {
            (None, _) => Some(ErrorCode::NotInSession),
            (Some(Role::Candidate), Status::Active) => None,
            (Some(Role::Candidate), _) => Some(ErrorCode::BadTransition),
            (Some(_), _) => Some(ErrorCode::NotAllowed),
        };
        let answer = match (refused, &mut self.live) {
            (None, Some(live)) => {
                live.transfer_until = Some(ctx.now.mono.after(TRANSFER_MS));
                self.happen(ctx, Happening::TransferOffered, Some(user), "");
                Answer::Transfer {
                    role: Role::Candidate,
                    lasts_ms: TRANSFER_MS,
                }
            }
            (code, _) => Answer::Refused(code.unwrap_or(ErrorCode::BadTransition).into()),
        };
        ctx.out(Effect::Answer { ask, answer });
    }

    /// How long a seat is kept that is lost now.
    pub(super) fn grace_ms(&self, ctx: &Ctx<'_>) -> u64 {
        match ctx.config.grace_ms {
            0 => 0,
            grace if ctx.draining => grace.max(ctx.config.drain_ms),
            grace => grace,
        }
    }
}

impl Live {
    /// As it was stored, with its clocks as they stand now.
    fn restored(
        ctx: &Ctx<'_>,
        started_at: protocol::time::Wall,
        mut flow: Flow,
        clocks: &Clocks,
    ) -> Self {
        let now = ctx.now.mono;
        if let Some(open) = &mut flow.open {
            open.clock = Countdown::until(now, clocks.question);
        }
        // The records may be this much behind what was done.
        let inactivity = clocks.inactivity.after(ACTIVITY_SAVE_MS);
        Self {
            began: protocol::id::Seq(0),
            started: clocks.started,
            started_at,
            flow,
            flow_saving: 0,
            advice: Advice::resumed(now),
            inactivity: Countdown::until(now, inactivity),
            duration: Countdown::until(now, clocks.duration),
            activity_saved: now,
            unheard: false,
            transfer_until: None,
            acks: Vec::new(),
            once: Vec::new(),
            last_once: 0,
        }
    }
}

/// Until when the candidate may come back to this session of a dead process; none: it ends. An end
/// they were told of stays one. Their grace did not run while there was nobody to come back to.
fn kept_until(ctx: &Ctx<'_>, loaded: &Loaded, clocks: &Clocks) -> Option<Mono> {
    let grace = ctx.config.grace_ms;
    let over = loaded.unsaved_end.is_some() && !planted::on(ctx.config, Bug::ForgetUnsavedEnd);
    if over || loaded.row.status != Status::Active || grace == 0 || loaded.away_ms > grace {
        return None;
    }
    let latest = ctx.now.mono.after(grace);
    match clocks.grace {
        None => Some(latest),
        Some(gone_at) => {
            let until = gone_at.after(loaded.away_ms).min(latest);
            (until > ctx.now.mono).then_some(until)
        }
    }
}
