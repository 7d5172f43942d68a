//! One interview: its state, and the order in which its small machines are asked. The rules
//! themselves live beside this file: `room` (who is in), `interview` (questions), `end`,
//! `hearing` (speech), `log` (what is said, and when it may be).
//!
//! Methods come in four kinds: `handle_*` and named inputs (facts), `next_timeout` (when to ask
//! again), getters for counts, and inner rules. After each input `settle` is called once.

mod advice;
mod card;
mod consent;
mod end;
mod flow;
mod hearing;
mod interview;
mod life;
pub(crate) mod log;
mod room;
mod say;
pub(crate) mod seat;
mod snapshot;
pub(crate) mod status;
pub(crate) mod timer;
mod typed;
mod view;
mod vocabulary;

use std::collections::VecDeque;
use std::sync::Arc;

use protocol::client::{ClientMessage, ReplyTo};
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{
    ConnectionId, EffectId, Epoch, Generation, Participant, Seq, SessionId, StreamId, UserId,
};
use protocol::record::{Fence, HappeningRow, ParticipantRow, Saved};
use protocol::server::Reply;
use protocol::time::{Mono, Now, Wall};
use protocol::value::{Invited, Plan, Role, Status};

use self::advice::Advice;
use self::consent::Given;
use self::end::Ending;
use self::flow::Flow;
use self::log::{Log, SavedStep};
use self::seat::{Rights, Seat};
use self::timer::{Countdown, soonest};
use crate::config::{ACTIVITY_SAVE_MS, Config};
use crate::effect::{Effect, To};
use crate::event::Event;
use crate::input::{Caller, SpeechReport};
use crate::node::Plans;
use crate::rng::Rng;

/// What a session may use during one turn.
pub(crate) struct Ctx<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a Config,
    pub(crate) plans: &'a Plans,
    pub(crate) effects: &'a mut VecDeque<Effect>,
    pub(crate) events: &'a mut VecDeque<Event>,
    pub(crate) rng: &'a mut Rng,
    pub(crate) next_effect: &'a mut u64,
    pub(crate) draining: bool,
}

impl Ctx<'_> {
    pub(crate) fn out(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    pub(crate) fn news(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn effect_id(&mut self) -> EffectId {
        *self.next_effect += 1;
        EffectId(*self.next_effect)
    }
}

/// The last acknowledgement of a stream.
#[derive(Debug, Clone, Copy)]
struct Acked {
    participant: Participant,
    stream: StreamId,
    seq: u32,
}

/// What only an interview that began needs.
#[derive(Debug)]
pub(crate) struct Live {
    /// The event that says it began.
    began: Seq,
    /// Time zero of the session.
    started: Mono,
    started_at: Wall,
    flow: Flow,
    /// Closed questions that the save in flight carries.
    flow_saving: usize,
    /// What to ask next.
    advice: Advice,
    inactivity: Countdown,
    duration: Countdown,
    /// When the records last learned of activity.
    activity_saved: Mono,
    /// It was taken over from a dead process, and its candidate is not back: what lies in its
    /// files and was never recognized is waited for at the end.
    unheard: bool,
    /// Until when the candidate's seat may be taken over by another device, whatever the policy
    /// says: they asked for it (L10).
    transfer_until: Option<Mono>,
    /// How far the candidate's streams lie on disk (I11).
    acks: Vec<Acked>,
    /// Requests for a single recognition that are under way: number, and whose they are. Their
    /// answers go to whatever page of theirs is there then.
    once: Vec<(u32, Participant)>,
    /// The last number given out.
    last_once: u32,
}

/// One interview.
#[derive(Debug)]
pub(crate) struct Session {
    id: SessionId,
    title: Arc<str>,
    candidate: Option<UserId>,
    invited: Vec<Invited>,
    plan: Option<Box<Plan>>,
    status: Status,
    created_at: Wall,
    /// When a session that never began ends.
    expires: Mono,
    last_activity_at: Wall,
    /// There is a row of it in the records.
    stored: bool,
    fence: Fence,
    seats: Vec<Seat>,
    next_participant: u16,
    /// The last one given out, so that it grows also when a seat is given up and taken anew.
    generation: Generation,
    seats_dirty: bool,
    seats_dirty_since_save: bool,
    /// Seats that were given up and still stand in the records as kept.
    departed: Vec<ParticipantRow>,
    /// Facts beside the log that are not stored yet, and the place of the last one (X6).
    happenings: Vec<HappeningRow>,
    happened: u32,
    happenings_saving: usize,
    requests_saving: usize,
    log: Log,
    live: Option<Box<Live>>,
    end: Option<Box<Ending>>,
    /// What the candidate agreed to.
    consent: Option<Given>,
    /// It opens their voice as soon as it is stored.
    consent_opens: bool,
    /// API calls waiting for the creation to be stored.
    creators: Vec<crate::input::AskId>,
    /// Back ends whose words are not stored yet.
    sayers: Vec<say::Sayer>,
    /// Take the candidate's active row from another session.
    force_active: bool,
    /// The active row is contested; wait for the other session's answer.
    contesting: bool,
    /// The active row stays another session's; this one ends without it.
    active_lost: bool,
    continue_at: Option<Mono>,
    /// The static part of the snapshot, once built.
    fixed: Option<Arc<str>>,
    /// Nothing more will come of it: the node may drop it.
    over: bool,
    /// It left memory without an end: the node is to read it back and end it from its records.
    unfinished: bool,
    /// It was read back to be ended.
    recovered: bool,
}

/// A request with all that is needed to answer it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) conn: ConnectionId,
    pub(crate) user: UserId,
    pub(crate) role: Role,
    pub(crate) reply: ReplyTo,
    pub(crate) id: Option<Box<str>>,
}

/// How a session begins in memory.
#[derive(Debug)]
pub(crate) struct Seed {
    pub(crate) id: SessionId,
    pub(crate) title: Arc<str>,
    pub(crate) candidate: Option<UserId>,
    pub(crate) invited: Vec<Invited>,
    pub(crate) plan: Option<Box<Plan>>,
    pub(crate) fence: Fence,
    pub(crate) epoch: Epoch,
}

impl Session {
    /// A new session, nothing stored yet.
    pub(crate) fn new(ctx: &mut Ctx<'_>, seed: Seed) -> Self {
        Self {
            id: seed.id,
            title: seed.title,
            candidate: seed.candidate,
            invited: seed.invited,
            plan: seed.plan,
            status: Status::Scheduled,
            created_at: ctx.now.wall,
            expires: ctx.now.mono.after(ctx.config.scheduled_ttl_ms),
            last_activity_at: ctx.now.wall,
            stored: false,
            fence: seed.fence,
            seats: Vec::new(),
            next_participant: 1,
            generation: Generation(0),
            seats_dirty: false,
            seats_dirty_since_save: false,
            departed: Vec::new(),
            happenings: Vec::new(),
            happened: 0,
            happenings_saving: 0,
            requests_saving: 0,
            log: Log::new(seed.epoch, Seq(0), [Seq(0); 3]).born_after(*ctx.next_effect),
            live: None,
            end: None,
            consent: None,
            consent_opens: false,
            creators: Vec::new(),
            sayers: Vec::new(),
            force_active: false,
            contesting: false,
            active_lost: false,
            continue_at: None,
            fixed: None,
            over: false,
            unfinished: false,
            recovered: false,
        }
    }

    /// A request of a member, or of somebody who wants to be one.
    pub(crate) fn handle_message(
        &mut self,
        ctx: &mut Ctx<'_>,
        caller: Caller,
        message: ClientMessage,
        reply: ReplyTo,
        id: Option<Box<str>>,
    ) {
        if let ClientMessage::Join { resume } = message {
            self.join(ctx, &caller, resume, reply);
            return;
        }
        let Some(seat) = self
            .seats
            .iter()
            .find(|seat| seat.conn == Some(caller.conn))
        else {
            self.reply(
                ctx,
                reply,
                Reply::Refused(ErrorCode::NotInSession.into()),
                false,
            );
            return;
        };
        let asked = Asked {
            conn: caller.conn,
            user: seat.user.clone(),
            role: seat.role,
            reply,
            id,
        };
        if let Some(id) = &asked.id {
            if let Some(known) = self.known_answer(&asked.user, id) {
                return self.answer_again(ctx, asked, known, message);
            }
            if self.remembered() >= ctx.config.requests {
                self.refuse(
                    ctx,
                    asked,
                    Refusal::new(ErrorCode::Busy).retry_after(60_000),
                );
                return;
            }
        }
        if asked.role.keeps_awake() && !matches!(message, ClientMessage::Visibility(_)) {
            self.awake(ctx);
        }
        match message {
            ClientMessage::Join { .. } => {}
            ClientMessage::Leave => self.leave(ctx, asked),
            ClientMessage::Start { plan, questions } => self.start(ctx, asked, plan, questions),
            ClientMessage::AnswerDone { question, skip } => {
                self.answer_done(ctx, asked, question, skip);
            }
            ClientMessage::AnswerText { question, text } => {
                self.answer_text(ctx, asked, question, &text);
            }
            ClientMessage::End => self.end_asked(ctx, asked),
            ClientMessage::SetStatus(status) => self.set_status(ctx, asked, status),
            ClientMessage::Extend => self.extend(ctx, asked),
            ClientMessage::Consent { version, given } => {
                self.consent_said(ctx, asked, version, given);
            }
            ClientMessage::Visibility(state) => self.visibility(ctx, asked, state),
            ClientMessage::Transcribe(request) => self.transcribe_once(ctx, asked, request),
            // Answered by the shell; see `Ask::End` and `Ask::Transfer`.
            ClientMessage::Clear | ClientMessage::Transfer => {
                self.refuse(ctx, asked, Refusal::new(ErrorCode::NotSupported));
            }
        }
    }

    /// The store answered a save.
    pub(crate) fn handle_saved(&mut self, ctx: &mut Ctx<'_>, id: EffectId, saved: &Saved) {
        match self.saved(ctx, id, saved) {
            SavedStep::Fine => self.after_save(ctx),
            SavedStep::Collides(other) => self.collides(ctx, &other),
            SavedStep::Fenced => self.fenced(ctx),
            SavedStep::Rejected => self.rejected(ctx),
            SavedStep::Behind(seq) => {
                self.go_on_behind(ctx, seq);
                self.end_by_fault(ctx);
            }
        }
    }

    /// Speech reports.
    pub(crate) fn handle_speech(&mut self, ctx: &mut Ctx<'_>, report: SpeechReport) {
        self.hear(ctx, report);
    }

    /// Everything that is due.
    pub(crate) fn handle_timeout(&mut self, ctx: &mut Ctx<'_>) {
        self.log_timeouts(ctx);
        self.room_timeouts(ctx);
        self.interview_timeouts(ctx);
        self.advice_timeouts(ctx);
        self.end_timeouts(ctx);
    }

    /// When to be asked again. `None` only when nothing can happen any more.
    pub(crate) fn next_timeout(&self, config: &Config) -> Option<Mono> {
        let mut next = self.log.next_timeout(config.save_slow_ms);
        next = soonest(next, self.continue_at);
        next = soonest(next, self.room_next(config));
        next = soonest(next, self.interview_next(config));
        next = soonest(next, self.end_next());
        if self.status == Status::Scheduled {
            next = soonest(next, Some(self.expires));
        }
        next
    }

    /// Whether the node may drop it: over and stored, or scheduled with nobody in it.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether it was read back to be ended.
    pub(crate) fn is_recovered(&self) -> bool {
        self.recovered
    }

    /// Whether what the records say of it must still be ended; once, so that a fault that comes
    /// again does not go round for ever.
    pub(crate) fn must_be_read_back(&self) -> bool {
        self.unfinished && !self.recovered
    }

    /// Scheduled, nobody in, nothing under way: its row is enough. Not when its time is over: then
    /// it is about to end.
    pub(crate) fn is_unloadable(&self, now: Mono) -> bool {
        self.status == Status::Scheduled
            && self.expires > now
            && self.seats.is_empty()
            && self.creators.is_empty()
            && (self.happenings.is_empty() || !self.stored)
            && self.log.is_quiet()
    }

    pub(crate) fn id(&self) -> &SessionId {
        &self.id
    }

    pub(crate) fn status(&self) -> Status {
        self.status
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.log.epoch
    }

    pub(crate) fn waiting_bytes(&self) -> usize {
        self.log.waiting_bytes()
    }

    pub(crate) fn is_degraded(&self) -> bool {
        self.log.degraded
    }

    pub(crate) fn seats(&self) -> &[Seat] {
        &self.seats
    }

    pub(crate) fn has_open_question(&self) -> bool {
        self.live
            .as_ref()
            .is_some_and(|live| live.flow.open.is_some())
    }

    /// Whether anything of it still waits for an answer.
    pub(crate) fn is_quiet(&self) -> bool {
        self.log.is_quiet()
    }

    /// Connections of the seats that fit.
    fn live(&self, fits: impl Fn(&Seat) -> bool) -> To {
        self.seats
            .iter()
            .filter(|seat| fits(seat))
            .filter_map(|seat| seat.conn)
            .collect()
    }

    /// Answers yes; answers to requests with an `id` are remembered.
    fn accept(
        &mut self,
        ctx: &mut Ctx<'_>,
        asked: Asked,
        fields: impl Into<Arc<str>>,
        durable: bool,
    ) {
        let fields = fields.into();
        match asked.id {
            Some(id) if durable => self.remember(asked.user, id, Arc::clone(&fields)),
            Some(id) => self.remember_briefly(asked.user, id, Arc::clone(&fields)),
            None => {}
        }
        self.reply(ctx, asked.reply, Reply::Ok(fields), durable);
    }

    /// A request that was answered before: the same answer, and nothing is done. But a recognition
    /// has its result beside the answer, which nothing keeps.
    fn answer_again(
        &mut self,
        ctx: &mut Ctx<'_>,
        asked: Asked,
        known: Arc<str>,
        message: ClientMessage,
    ) {
        if !self.has_room(ctx) {
            let busy = Refusal::new(ErrorCode::Busy).retry_after(2_000);
            return self.refuse(ctx, asked, busy);
        }
        let number = interview::once_number(&known);
        self.reply(ctx, asked.reply, Reply::Ok(known), true);
        if let (ClientMessage::Transcribe(audio), Some(number)) = (message, number) {
            self.transcribe_again(ctx, asked.conn, number, audio);
        }
    }

    fn refuse(&mut self, ctx: &mut Ctx<'_>, asked: Asked, refusal: impl Into<Refusal>) {
        self.reply(ctx, asked.reply, Reply::Refused(refusal.into()), false);
    }

    /// Somebody did something: the inactivity clock starts again (L5).
    fn awake(&mut self, ctx: &Ctx<'_>) {
        self.last_activity_at = ctx.now.wall;
        if let Some(live) = &mut self.live {
            live.inactivity = Countdown::start(ctx.now.mono, ctx.config.inactivity_ms);
            let stale = ctx.now.mono.since(live.activity_saved) >= ACTIVITY_SAVE_MS;
            if stale && self.status == Status::Active {
                self.log.row_dirty = true;
            }
        }
    }

    /// Milliseconds since the interview began.
    fn session_ms(&self, now: Mono) -> u64 {
        self.live.as_ref().map_or(0, |live| now.since(live.started))
    }

    /// `"sessionId":"…"`: ids need no escaping, their characters are checked.
    fn named(&self) -> String {
        format!("\"sessionId\":\"{}\"", self.id)
    }
}
