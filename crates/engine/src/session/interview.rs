//! The interview itself: start, questions against the clock, extension, the three clocks (I2, L5),
//! one running session per candidate (L7).

use protocol::error::{ErrorCode, Refusal};
use protocol::id::{ConnectionId, PlanId, QuestionId, SessionId};
use protocol::record::Elsewhere;
use protocol::server::{EventBody, ServerMessage};
use protocol::time::Mono;
use protocol::value::{Audience, Clock, EndReason, Outcome, Plan, Question, Role, Status};

use super::advice::Advice;
use super::flow::{Closed, Flow, Open};
use super::seat::Rights;
use super::status::{Step, Trigger, step};
use super::timer::{Countdown, Fired, soonest};
use super::{Asked, Ctx, Live, Session, card};
use crate::config::Config;
use crate::effect::{Effect, To, Voice};
use crate::event::Event;
use crate::planted::{self, Bug};

impl Session {
    pub(super) fn start(
        &mut self,
        ctx: &mut Ctx<'_>,
        asked: Asked,
        plan: Option<PlanId>,
        questions: Option<Vec<Question>>,
    ) {
        if !asked.role.may_start() {
            return self.refuse(ctx, asked, ErrorCode::NotAllowed);
        }
        if ctx.draining {
            return self.refuse(
                ctx,
                asked,
                Refusal::new(ErrorCode::Draining).retry_after(5_000),
            );
        }
        if !self.has_room(ctx) {
            return self.refuse(ctx, asked, Refusal::new(ErrorCode::Busy).retry_after(2_000));
        }
        let Step::To(_) = step(self.status, Trigger::Start) else {
            return self.refuse(ctx, asked, ErrorCode::BadTransition);
        };
        let chosen = match (questions, plan) {
            (Some(questions), _) => {
                let title = self.title.to_string();
                Some(Box::new(Plan {
                    title,
                    questions,
                    ..Plan::default()
                }))
            }
            (None, Some(id)) => match ctx.plans.get(&id) {
                Some(plan) => Some(Box::new(Plan::clone(plan))),
                None => return self.refuse(ctx, asked, ErrorCode::PlanNotFound),
            },
            (None, None) => self.plan.take(),
        };
        self.plan = chosen;
        self.fixed = None;
        if self.lacks_consent() && !planted::on(ctx.config, Bug::StartWithoutConsent) {
            return self.start_without_consent(ctx, asked);
        }
        self.begin(ctx);
        let deadline = self.asked(ctx.now).map(|asked| asked.deadline_at.0);
        let mut fields = self.named();
        if let Some(deadline) = deadline {
            fields.push_str(&format!(",\"deadlineAt\":{deadline}"));
        }
        self.accept(ctx, asked, fields, true);
    }

    /// From scheduled to active; the caller has asked the table.
    fn begin(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now;
        let own = self
            .plan
            .as_ref()
            .and_then(|plan| plan.options.max_duration_ms);
        self.status = Status::Active;
        self.live = Some(Box::new(Live {
            began: self.log.last.next(),
            started: now.mono,
            started_at: now.wall,
            flow: Flow::default(),
            flow_saving: 0,
            advice: Advice::default(),
            inactivity: Countdown::start(now.mono, ctx.config.inactivity_ms),
            duration: Countdown::start(now.mono, own.unwrap_or(ctx.config.max_duration_ms)),
            activity_saved: now.mono,
            unheard: false,
            transfer_until: None,
            acks: Vec::new(),
            once: Vec::new(),
            last_once: 0,
        }));
        let session = self.id.clone();
        ctx.news(Event::Started {
            session: session.clone(),
        });
        ctx.out(Effect::Listen {
            session,
            since: now.mono,
        });
        self.record_status(ctx, None);
        self.ask_next(ctx);
    }

    pub(super) fn record_status(&mut self, ctx: &mut Ctx<'_>, reason: Option<EndReason>) {
        let body = EventBody::StatusUpdated {
            session_id: self.id.clone(),
            status: self.status,
            reason,
            at: ctx.now.wall,
        };
        self.record(ctx, &body, Audience::ALL);
    }

    /// Puts the next question; `false` when there is none.
    fn ask_next(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let from_ms = self.session_ms(ctx.now.mono);
        let Some(live) = &mut self.live else {
            return false;
        };
        let index = live.flow.next_index();
        let question = self
            .plan
            .as_ref()
            .and_then(|plan| plan.questions.get(index as usize));
        let Some(question) = question else {
            return false;
        };
        let clock = Countdown::start(ctx.now.mono, question.limit_ms);
        live.flow.open = Some(Open {
            index,
            from_ms,
            clock,
            paused_left_ms: None,
        });
        live.advice.next_question();
        let Some(asked) = self.asked(ctx.now) else {
            return false;
        };
        let body = EventBody::QuestionAsked {
            session_id: self.id.clone(),
            asked,
            server_now: ctx.now.wall,
        };
        self.record(ctx, &body, Audience::ALL);
        true
    }

    /// Closes the open question, if there is one.
    pub(super) fn close_question(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        let to_ms = self.session_ms(ctx.now.mono);
        self.close_question_at(ctx, outcome, to_ms);
    }

    pub(super) fn close_question_at(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome, to_ms: u64) {
        let Some(live) = &mut self.live else { return };
        let Some(question_id) = live.flow.open_id(self.plan.as_deref()) else {
            return;
        };
        let Some(open) = live.flow.open.take() else {
            return;
        };
        let to_ms = to_ms.max(open.from_ms);
        let closed = Closed {
            index: open.index,
            outcome,
            from_ms: open.from_ms,
            to_ms,
        };
        live.flow.closed.push(closed);
        let body = EventBody::QuestionClosed {
            session_id: self.id.clone(),
            question_id,
            outcome,
            at: ctx.now.wall,
            used_ms: to_ms - open.from_ms,
        };
        self.record(ctx, &body, Audience::ALL);
    }

    /// One question is over: the next one, or the end.
    fn go_on(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        self.close_question(ctx, outcome);
        if !self.ask_next(ctx) {
            self.begin_end(ctx, EndReason::Completed, None);
        }
    }

    pub(super) fn answer_done(
        &mut self,
        ctx: &mut Ctx<'_>,
        asked: Asked,
        question: Option<QuestionId>,
        skip: bool,
    ) {
        if !asked.role.may_answer() {
            return self.refuse(ctx, asked, ErrorCode::NotAllowed);
        }
        let open = self
            .live
            .as_ref()
            .and_then(|live| live.flow.open_id(self.plan.as_deref()));
        let fits = open.is_some() && question.is_none_or(|named| open == Some(named));
        if self.status != Status::Active || !fits {
            return self.refuse(ctx, asked, ErrorCode::NoOpenQuestion);
        }
        if !self.has_room(ctx) {
            return self.refuse(ctx, asked, Refusal::new(ErrorCode::Busy).retry_after(2_000));
        }
        self.go_on(
            ctx,
            if skip {
                Outcome::Skipped
            } else {
                Outcome::Answered
            },
        );
        let fields = self.named();
        self.accept(ctx, asked, fields, true);
    }

    pub(super) fn set_status(&mut self, ctx: &mut Ctx<'_>, asked: Asked, status: Status) {
        if !asked.role.may_set_status() {
            return self.refuse(ctx, asked, ErrorCode::NotAllowed);
        }
        match status {
            Status::Active => self.start(ctx, asked, None, None),
            Status::Completing | Status::Ended => self.end_asked(ctx, asked),
            Status::Scheduled => self.refuse(ctx, asked, ErrorCode::BadTransition),
        }
    }

    pub(super) fn extend(&mut self, ctx: &mut Ctx<'_>, asked: Asked) {
        if !asked.role.may_start() {
            return self.refuse(ctx, asked, ErrorCode::NotAllowed);
        }
        let granted = self.plan.as_ref().map(|plan| plan.options);
        let active = self.status == Status::Active;
        let (Some(live), Some(options), true) = (&mut self.live, granted, active) else {
            return self.refuse(ctx, asked, ErrorCode::NoExtension);
        };
        let Some(open) = live
            .flow
            .open
            .as_mut()
            .filter(|_| live.flow.extensions < options.extensions)
        else {
            return self.refuse(ctx, asked, ErrorCode::NoExtension);
        };
        live.flow.extensions += 1;
        let left = match open.paused_left_ms.as_mut() {
            Some(left) => {
                *left += options.extension_ms;
                *left
            }
            None => open.clock.deadline().since(ctx.now.mono) + options.extension_ms,
        };
        open.clock = Countdown::start(ctx.now.mono, left);
        let total = live.duration.deadline().since(ctx.now.mono) + options.extension_ms;
        live.duration = Countdown::start(ctx.now.mono, total);
        let deadline = self.record_extended(ctx);
        let fields = format!("{},\"deadlineAt\":{deadline}", self.named());
        self.accept(ctx, asked, fields, true);
    }

    /// Tells the new deadline of the open question; returns it in wall time.
    fn record_extended(&mut self, ctx: &mut Ctx<'_>) -> i64 {
        let Some(asked) = self.asked(ctx.now) else {
            return 0;
        };
        let body = EventBody::QuestionExtended {
            session_id: self.id.clone(),
            question_id: asked.question_id,
            deadline_at: asked.deadline_at,
            server_now: ctx.now.wall,
        };
        self.record(ctx, &body, Audience::ALL);
        asked.deadline_at.0
    }

    fn pauses(&self) -> bool {
        self.plan
            .as_ref()
            .is_some_and(|plan| plan.options.pause_on_disconnect)
    }

    /// The candidate's seat is empty: their question's clock may stand still (L1).
    pub(super) fn candidate_away(&mut self, ctx: &mut Ctx<'_>) {
        if !self.pauses() || self.status != Status::Active {
            return;
        }
        let open = self.live.as_mut().and_then(|live| live.flow.open.as_mut());
        if let Some(open) = open.filter(|open| open.paused_left_ms.is_none()) {
            open.paused_left_ms = Some(open.clock.deadline().since(ctx.now.mono));
        }
    }

    /// The candidate is in: a plan may start, a stopped clock runs on.
    pub(super) fn candidate_back(&mut self, ctx: &mut Ctx<'_>) {
        let starts = self
            .plan
            .as_ref()
            .is_some_and(|plan| plan.options.start_on_join);
        let ready = self.status == Status::Scheduled && !self.lacks_consent();
        if starts && ready && self.end.is_none() && !ctx.draining {
            self.begin(ctx);
            return;
        }
        if let Some(live) = &mut self.live {
            live.unheard = false;
        }
        let open = self.live.as_mut().and_then(|live| live.flow.open.as_mut());
        let Some(open) = open else { return };
        if let Some(left) = open.paused_left_ms.take() {
            open.clock = Countdown::start(ctx.now.mono, left);
            self.record_extended(ctx);
        }
    }

    pub(super) fn interview_timeouts(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now.mono;
        if self.status == Status::Scheduled && self.expires <= now {
            self.begin_end(ctx, EndReason::Expired, None);
            return;
        }
        if self.status != Status::Active {
            return;
        }
        let Some(live) = &mut self.live else { return };
        let duration = live.duration.fire(now);
        let inactivity = live.inactivity.fire(now);
        let running = live
            .flow
            .open
            .as_mut()
            .filter(|open| open.paused_left_ms.is_none());
        let question = running.map_or(Fired::Nothing, |open| open.clock.fire(now));
        match duration {
            Fired::Due => return self.begin_end(ctx, EndReason::MaxDuration, None),
            Fired::Warn => self.warn(ctx, Clock::Duration),
            Fired::Nothing => {}
        }
        match inactivity {
            Fired::Due => return self.begin_end(ctx, EndReason::Inactivity, None),
            Fired::Warn => self.warn(ctx, Clock::Inactivity),
            Fired::Nothing => {}
        }
        match question {
            Fired::Due if planted::on(ctx.config, Bug::DropQuestionTimer) => {}
            Fired::Due => self.go_on(ctx, Outcome::TimedOut),
            Fired::Warn => self.warn(ctx, Clock::Question),
            Fired::Nothing => {}
        }
    }

    fn warn(&mut self, ctx: &mut Ctx<'_>, what: Clock) {
        let Some(live) = &self.live else { return };
        let deadline = match what {
            Clock::Duration => live.duration.deadline(),
            Clock::Inactivity => live.inactivity.deadline(),
            Clock::Question => match &live.flow.open {
                Some(open) => open.clock.deadline(),
                None => return,
            },
        };
        let deadline_at = ctx.now.wall_at(deadline);
        let to = self.live(|_| true);
        let session = self.id.clone();
        self.say(
            ctx,
            to,
            ServerMessage::Expiring {
                session,
                what,
                deadline_at,
            },
        );
    }

    pub(super) fn interview_next(&self, config: &Config) -> Option<Mono> {
        if self.status != Status::Active {
            return None;
        }
        let live = self.live.as_ref()?;
        let advice = self.advice_next(config);
        let question = live
            .flow
            .next_timeout()
            .filter(|_| !planted::on(config, Bug::DropQuestionTimer));
        soonest(
            soonest(question, advice),
            Some(live.inactivity.next().min(live.duration.next())),
        )
    }

    /// The candidate's active row belongs to another session (L7).
    pub(super) fn collides(&mut self, ctx: &mut Ctx<'_>, elsewhere: &Elsewhere) {
        let began = self.live.as_ref().map(|live| live.began);
        let unstored = began.is_some_and(|began| self.log.committed < began);
        let untold = self.status == Status::Active && unstored && !self.told_early();
        if untold && step(self.status, Trigger::StartRefused) == Step::To(Status::Scheduled) {
            let refusal = Refusal {
                detail: Some(card::fields(elsewhere, ctx.now).into()),
                ..Refusal::new(ErrorCode::SessionActive)
            };
            self.status = Status::Scheduled;
            self.live = None;
            self.roll_back(ctx, &refusal);
            ctx.out(Effect::FlushSpeech {
                session: self.id.clone(),
            });
            return;
        }
        self.wait_before_save(ctx);
        if !self.contesting {
            self.contesting = true;
            let mine = self.id.clone();
            ctx.out(Effect::Contest {
                other: elsewhere.session.clone(),
                mine,
                live: self.candidate_is_here(),
            });
        }
    }

    fn candidate_is_here(&self) -> bool {
        self.seats
            .iter()
            .any(|seat| seat.role == Role::Candidate && seat.is_live())
    }

    /// Another session of this candidate claims the row: the one with the live candidate keeps it.
    pub(crate) fn contested(&mut self, ctx: &mut Ctx<'_>, by: SessionId, live: bool) {
        let keeps = self.status == Status::Active && (self.candidate_is_here() || !live);
        if !keeps {
            self.begin_end(ctx, EndReason::ReplacedByNewSession, None);
        }
        ctx.out(Effect::ContestAnswer {
            session: by,
            won: !keeps,
        });
    }

    pub(crate) fn contest_answered(&mut self, ctx: &mut Ctx<'_>, won: bool) {
        if !std::mem::take(&mut self.contesting) {
            return;
        }
        if won {
            self.force_active = true;
        } else {
            self.active_lost = true;
            self.begin_end(ctx, EndReason::ReplacedByNewSession, None);
        }
    }

    pub(super) fn transcribe_once(
        &mut self,
        ctx: &mut Ctx<'_>,
        asked: Asked,
        audio: Box<protocol::client::TranscribeRequest>,
    ) {
        if !asked.role.may_speak() {
            return self.refuse(ctx, asked, ErrorCode::NotAllowed);
        }
        if self.voice_of(asked.role) == Voice::AwaitsConsent {
            return self.refuse(ctx, asked, ErrorCode::ConsentRequired);
        }
        let active = self.status == Status::Active;
        let Some(live) = self.live.as_ref().filter(|_| active) else {
            return self.refuse(ctx, asked, ErrorCode::BadTransition);
        };
        if live.once.len() >= ONCE_MAX {
            return self.refuse(ctx, asked, Refusal::new(ErrorCode::Busy).retry_after(2_000));
        }
        if asked.id.is_some() && !self.has_room(ctx) {
            return self.refuse(ctx, asked, Refusal::new(ErrorCode::Busy).retry_after(2_000));
        }
        let Some(live) = self.live.as_mut() else {
            return;
        };
        live.last_once += 1;
        let (request, conn) = (live.last_once, asked.conn);
        let fields = format!("{},\"requestId\":{request}", self.named());
        // With an id the number is to be the same for whoever asks again, also after a restart.
        let durable = asked.id.is_some();
        self.accept(ctx, asked, fields, durable);
        self.recognize(ctx, conn, request, audio);
    }

    /// Somebody asks again for a recognition that was answered with this number: the result may
    /// have been lost with their line or with a process. Under way, it comes anyway.
    pub(super) fn transcribe_again(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnectionId,
        request: u32,
        audio: Box<protocol::client::TranscribeRequest>,
    ) {
        let active = self.status == Status::Active;
        let Some(live) = self.live.as_ref().filter(|_| active) else {
            return;
        };
        let under_way = live.once.iter().any(|(known, _)| *known == request);
        if !under_way && live.once.len() < ONCE_MAX {
            self.recognize(ctx, conn, request, audio);
        }
    }

    fn recognize(
        &mut self,
        ctx: &mut Ctx<'_>,
        conn: ConnectionId,
        request: u32,
        audio: Box<protocol::client::TranscribeRequest>,
    ) {
        let seat = self.seats.iter().find(|seat| seat.conn == Some(conn));
        let (Some(seat), Some(live)) = (seat, &mut self.live) else {
            return;
        };
        live.once.push((request, seat.participant));
        let session = self.id.clone();
        let processing = ServerMessage::TranscriptionProcessing {
            session: session.clone(),
            request,
        };
        self.say(ctx, To::from_slice(&[conn]), processing);
        ctx.out(Effect::TranscribeOnce {
            session,
            request,
            audio,
        });
    }
}

/// Single recognitions of one session under way at a time.
const ONCE_MAX: usize = 4;

/// The number in the answer to a request for a single recognition; none: of another request.
pub(super) fn once_number(fields: &str) -> Option<u32> {
    let (_, number) = fields.rsplit_once("\"requestId\":")?;
    number.parse().ok()
}
