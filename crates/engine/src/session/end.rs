//! The end, once, in its order, with one reason (S4, S5, S6): asked for → completing → last finals
//! → report → ended and committed → said → nothing left. Every stage has a deadline, so no failure
//! of anybody else keeps a session open.

use std::sync::Arc;

use protocol::close::CloseCode;
use protocol::error::ErrorCode;
use protocol::id::{EffectId, Generation, Seq, UserId};
use protocol::record::EndBegun;
use protocol::server::{EndResult, EventBody, ServerMessage};
use protocol::time::{Mono, Wall};
use protocol::value::{Audience, EndReason, Outcome, Role, Status};

use super::seat::{Rights, role_by_token};
use super::status::{Step, Trigger, step};
use super::{Asked, Ctx, Session};
use crate::config::FOREIGN_FLUSH_MS;
use crate::effect::{Answer, Effect, ReportFacts};
use crate::event::Event;
use crate::input::{AskId, Identity};
use crate::planted::{self, Bug};

/// What the last word says.
const ENDED_TEXT: &str = "Session has been terminated";

/// An end under way.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(super) reason: EndReason,
    pub(super) by: Option<UserId>,
    pub(super) ended_at: Wall,
    pub(super) duration_ms: u64,
    pub(super) report: Option<Arc<str>>,
    stage: Stage,
    /// API calls to be answered when it is over.
    enders: Vec<AskId>,
    /// How often our own fault has brought it here.
    faults: u8,
    /// It is kept beside the records.
    pub(super) kept: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The last finals may come.
    Flushing { by: Mono },
    /// Everything said must be stored before the report is made of it.
    Settling { by: Mono },
    /// The report is being made.
    Reporting { id: EffectId, by: Mono },
    /// The end is being stored.
    Storing { by: Mono },
    /// It is stored; who still catches up is first given what they missed.
    Parting { by: Mono },
    /// It went out unrecorded and stays until it is stored.
    Told,
}

impl Ending {
    /// One that waits for words out of files.
    pub(super) fn of_recovery(begun: EndBegun, by: Mono) -> Self {
        let stage = Stage::Flushing { by };
        Self::new(begun.reason, begun.by, begun.at, begun.duration_ms, stage)
    }

    fn new(
        reason: EndReason,
        by: Option<UserId>,
        at: Wall,
        duration_ms: u64,
        stage: Stage,
    ) -> Self {
        let enders = Vec::new();
        Self {
            reason,
            by,
            ended_at: at,
            duration_ms,
            report: None,
            stage,
            enders,
            faults: 0,
            kept: false,
        }
    }

    /// Whether the last finals may still come.
    pub(super) fn is_flushing(&self) -> bool {
        matches!(self.stage, Stage::Flushing { .. })
    }
}

impl Session {
    /// A member asks for the end.
    pub(super) fn end_asked(&mut self, ctx: &mut Ctx<'_>, asked: Asked) {
        if !asked.role.may_end() {
            return self.refuse(ctx, asked, ErrorCode::NotAllowed);
        }
        let reason = match asked.role {
            Role::Candidate => EndReason::CandidateEnded,
            Role::Interviewer | Role::Observer => EndReason::InterviewerEnded,
        };
        self.begin_end(ctx, reason, Some(asked.user.clone()));
        let fields = format!("{},\"status\":\"{}\"", self.named(), self.status);
        self.accept(ctx, asked, fields, true);
    }

    /// The API asks for the end; answered when it is over.
    pub(crate) fn end_by_api(
        &mut self,
        ctx: &mut Ctx<'_>,
        ask: AskId,
        reason: EndReason,
        by: Option<UserId>,
        only_if_allowed: Option<&Arc<Identity>>,
    ) {
        let allowed = only_if_allowed.is_none_or(|who| self.may_end_by_api(who));
        if !allowed {
            let answer = Answer::Refused(ErrorCode::SessionNotFound.into());
            ctx.out(Effect::Answer { ask, answer });
            return;
        }
        self.begin_end(ctx, reason, by);
        let Some(end) = self.end.as_mut().filter(|_| !self.over) else {
            let answer = Answer::Ended {
                status: self.status,
                reason: None,
                recorded: true,
            };
            ctx.out(Effect::Answer { ask, answer });
            return;
        };
        let told = end.stage == Stage::Told;
        if told || end.enders.len() >= crate::config::ENDERS_MAX {
            let (status, reason) = (self.status, Some(end.reason));
            ctx.out(Effect::Answer {
                ask,
                answer: Answer::Ended {
                    status,
                    reason,
                    recorded: false,
                },
            });
        } else {
            end.enders.push(ask);
        }
    }

    fn may_end_by_api(&self, who: &Arc<Identity>) -> bool {
        if who.admin || self.candidate.as_ref() == Some(&who.user) {
            return true;
        }
        let invited = self
            .invited
            .iter()
            .find(|invited| invited.user_id == who.user);
        let role = invited
            .map(|invited| invited.role)
            .or_else(|| role_by_token(who, &self.id));
        role.is_some_and(Rights::may_end)
    }

    /// Begins the end. A second one changes nothing: one end, one reason (S5).
    pub(super) fn begin_end(&mut self, ctx: &mut Ctx<'_>, reason: EndReason, by: Option<UserId>) {
        if let Some(end) = self
            .end
            .as_mut()
            .filter(|_| planted::on(ctx.config, Bug::EndTwice))
        {
            end.reason = reason;
        }
        match step(self.status, Trigger::End) {
            Step::To(Status::Completing) => {
                let duration_ms = self.session_ms(ctx.now.mono);
                self.close_question(ctx, Outcome::Lost);
                self.status = Status::Completing;
                let stage = Stage::Flushing {
                    by: ctx.now.mono.after(self.flush_ms(ctx, reason)),
                };
                let end = Ending::new(reason, by, ctx.now.wall, duration_ms, stage);
                self.end = Some(Box::new(end));
                self.record_status(ctx, None);
                ctx.out(Effect::FlushSpeech {
                    session: self.id.clone(),
                });
            }
            Step::To(_) => {
                let stage = Stage::Settling { by: ctx.now.mono };
                let end = Ending::new(reason, by, ctx.now.wall, 0, stage);
                self.end = Some(Box::new(end));
                self.seal(ctx, ctx.config.end_hold_ms);
            }
            Step::Stay | Step::Refused => {}
        }
    }

    /// How long the last finals are waited for.
    fn flush_ms(&self, ctx: &Ctx<'_>, reason: EndReason) -> u64 {
        let unheard = self.live.as_ref().is_some_and(|live| live.unheard);
        match reason {
            EndReason::ClosedExternally => ctx.config.flush_ms.min(FOREIGN_FLUSH_MS),
            // Nobody is there to wait, and there may be whole answers to recognize.
            _ if unheard => ctx.config.recovery_flush_ms,
            _ => ctx.config.flush_ms,
        }
    }

    /// Speech has nothing more to say.
    pub(super) fn speech_flushed(&mut self, ctx: &mut Ctx<'_>) {
        let flushing = self.end.as_ref().is_some_and(|end| end.is_flushing());
        if flushing && self.status == Status::Completing {
            self.settle_words(ctx);
        }
    }

    /// The transcript is closed; once it is stored the report can be made of it.
    fn settle_words(&mut self, ctx: &mut Ctx<'_>) {
        let by = ctx.now.mono.after(ctx.config.end_hold_ms);
        self.stage(Stage::Settling { by });
        self.report_if_settled(ctx);
    }

    fn report_if_settled(&mut self, ctx: &mut Ctx<'_>) {
        let Some(end) = self.end.as_mut() else { return };
        if !matches!(end.stage, Stage::Settling { .. }) || self.log.committed < self.log.last {
            return;
        }
        let id = ctx.effect_id();
        end.stage = Stage::Reporting {
            id,
            by: ctx.now.mono.after(ctx.config.report_ms),
        };
        let facts = Box::new(ReportFacts {
            reason: end.reason,
            by: end.by.clone(),
            ended_at: end.ended_at,
            duration_ms: end.duration_ms,
        });
        ctx.out(Effect::MakeReport {
            id,
            session: self.id.clone(),
            facts,
        });
    }

    /// The report is made, or cannot be.
    pub(crate) fn report_made(
        &mut self,
        ctx: &mut Ctx<'_>,
        made: EffectId,
        report: Option<Arc<str>>,
    ) {
        let Some(end) = self.end.as_mut() else { return };
        if !matches!(end.stage, Stage::Reporting { id, .. } if id == made) {
            return;
        }
        end.report = report;
        self.seal(ctx, ctx.config.end_hold_ms);
    }

    /// Writes the end down, with its one reason; it is said when it is stored.
    fn seal(&mut self, ctx: &mut Ctx<'_>, hold_ms: u64) {
        let never_active = self.status == Status::Scheduled;
        let trigger = if never_active {
            Trigger::End
        } else {
            Trigger::Sealed
        };
        let Step::To(next) = step(self.status, trigger) else {
            return;
        };
        self.status = next;
        let by = ctx.now.mono.after(hold_ms);
        self.stage(Stage::Storing { by });
        let Some(end) = &self.end else { return };
        let reason = end.reason;
        let result = self.live.as_ref().map(|live| EndResult {
            reason,
            duration_ms: end.duration_ms,
            asked: live.flow.next_index(),
            answered: live.flow.count(Outcome::Answered),
            report_ready: end.report.is_some(),
        });
        if !planted::on(ctx.config, Bug::LeaveRouteOpen) {
            ctx.out(Effect::CloseRoute {
                session: self.id.clone(),
            });
        }
        if planted::on(ctx.config, Bug::DeleteAudioEarly) {
            let session = self.id.clone();
            ctx.out(Effect::ForgetAudio { session });
        }
        if let Some(result) = result {
            let session_id = self.id.clone();
            let report_url = Some(format!("/reports/{}", self.id));
            let body = EventBody::InterviewEnded {
                session_id,
                result,
                report_url,
            };
            self.record(ctx, &body, Audience::ALL);
        }
        self.record_status(ctx, Some(reason));
        self.log.row_dirty = true;
    }

    fn stage(&mut self, stage: Stage) {
        if let Some(end) = &mut self.end {
            end.stage = stage;
        }
    }

    /// After every answer of the store: go on with what waited for it.
    pub(super) fn after_save(&mut self, ctx: &mut Ctx<'_>) {
        if self.stored && self.log.is_stored() {
            for ask in std::mem::take(&mut self.creators) {
                ctx.out(Effect::Answer {
                    ask,
                    answer: Answer::Created,
                });
            }
        }
        self.consent_stored(ctx);
        self.answer_sayers(ctx);
        let Some(end) = &self.end else { return };
        match end.stage {
            Stage::Settling { .. } => self.report_if_settled(ctx),
            Stage::Storing { .. } if self.log.is_stored() => {
                let by = ctx.now.mono.after(ctx.config.load_ms);
                self.stage(Stage::Parting { by });
            }
            Stage::Told if self.log.is_stored() => self.finish(ctx),
            Stage::Flushing { .. }
            | Stage::Reporting { .. }
            | Stage::Storing { .. }
            | Stage::Parting { .. }
            | Stage::Told => {}
        }
    }

    /// The end is stored: it is said as soon as nobody is owed an event from before it.
    pub(super) fn part(&mut self, ctx: &mut Ctx<'_>) {
        let stage = self.end.as_ref().map(|end| end.stage);
        let Some(Stage::Parting { by }) = stage.filter(|_| !self.over) else {
            return;
        };
        let owed = self
            .seats
            .iter()
            .any(|seat| seat.is_live() && seat.catching);
        if by > ctx.now.mono && (owed || !self.log.is_quiet()) {
            return;
        }
        self.refuse_held(ctx, ErrorCode::StoreUnavailable);
        self.say_ended(ctx, true);
        self.finish(ctx);
    }

    /// The last word to everybody, then their seats are gone.
    fn say_ended(&mut self, ctx: &mut Ctx<'_>, recorded: bool) {
        let recorded = recorded || planted::on(ctx.config, Bug::CallItRecorded);
        let Some(end) = &mut self.end else { return };
        let (reason, duration_ms) = (end.reason, end.duration_ms);
        let enders = std::mem::take(&mut end.enders);
        let session = self.id.clone();
        let to = self.live(|_| true);
        let message = ServerMessage::SessionEnded {
            session: session.clone(),
            reason,
            message: ENDED_TEXT,
            recorded,
        };
        self.say(ctx, to, message);
        self.clear_seats(ctx, CloseCode::SessionOver);
        let waiting = planted::on(ctx.config, Bug::LeaveApiWaiting);
        for ask in enders.into_iter().filter(|_| !waiting) {
            let status = self.status;
            let answer = Answer::Ended {
                status,
                reason: Some(reason),
                recorded,
            };
            ctx.out(Effect::Answer { ask, answer });
        }
        ctx.news(Event::Ended {
            session,
            reason,
            duration_ms,
            recorded,
        });
    }

    /// Stored and said: nothing of it is needed any more.
    fn finish(&mut self, ctx: &mut Ctx<'_>) {
        let session = self.id.clone();
        ctx.out(Effect::ForgetAudio {
            session: session.clone(),
        });
        if self.end.as_ref().is_some_and(|end| end.kept) {
            ctx.out(Effect::ForgetEnd {
                session: session.clone(),
            });
        }
        if !planted::on(ctx.config, Bug::ForgetCleanup) {
            ctx.news(Event::CleanedUp { session });
            self.over = true;
        }
    }

    pub(super) fn end_timeouts(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now.mono;
        let Some(end) = &self.end else { return };
        match end.stage {
            Stage::Flushing { by } if by <= now => self.settle_words(ctx),
            // The store does not answer: the report is made of the records when asked for.
            Stage::Settling { by } if by <= now => self.seal(ctx, 0),
            Stage::Reporting { by, .. } if by <= now => self.seal(ctx, ctx.config.end_hold_ms),
            _ => {}
        }
        let Some(end) = &self.end else { return };
        if matches!(end.stage, Stage::Storing { by } if by <= now) {
            self.degrade(ctx);
            self.refuse_held(ctx, ErrorCode::StoreUnavailable);
            self.keep_end(ctx);
            self.say_ended(ctx, false);
            self.stage(Stage::Told);
        }
    }

    /// It is about to be told unsaved: should this process stop first, nobody must find the
    /// session alive.
    fn keep_end(&mut self, ctx: &mut Ctx<'_>) {
        // One made without having seen the records ends for itself alone: under its id there may
        // be another.
        let blind = !self.stored && self.fence.generation == Generation(0);
        let begun = self.begun().filter(|_| !blind);
        let Some((end, begun)) = self.end.as_mut().zip(begun).filter(|(end, _)| !end.kept) else {
            return;
        };
        end.kept = true;
        ctx.out(Effect::KeepEnd {
            session: self.id.clone(),
            end: Box::new(begun),
        });
    }

    pub(super) fn end_next(&self) -> Option<Mono> {
        match self.end.as_ref()?.stage {
            Stage::Flushing { by }
            | Stage::Settling { by }
            | Stage::Reporting { by, .. }
            | Stage::Storing { by }
            | Stage::Parting { by } => Some(by),
            Stage::Told => None,
        }
    }

    /// Another process owns it: drop it, write nothing, let everybody come back.
    pub(super) fn fenced(&mut self, ctx: &mut Ctx<'_>) {
        ctx.news(Event::Fenced {
            session: self.id.clone(),
        });
        self.drop_out(ctx, ErrorCode::StoreUnavailable);
    }

    /// The store calls what we wrote impossible: our bug. What is stored stays, the rest is lost,
    /// the end says so.
    pub(super) fn rejected(&mut self, ctx: &mut Ctx<'_>) {
        ctx.news(Event::Rejected {
            session: self.id.clone(),
        });
        self.fault(ctx);
    }

    /// Our own fault (also a panic in its turn): this session alone ends, as `internal_error`.
    pub(crate) fn fault(&mut self, ctx: &mut Ctx<'_>) {
        let faults = self.end.as_ref().map_or(0, |end| end.faults);
        if faults > 0 {
            self.unfinished = true;
            return self.drop_out(ctx, ErrorCode::Internal);
        }
        self.end_by_fault(ctx);
    }

    /// The end as our own fault, from what is stored on.
    pub(super) fn end_by_fault(&mut self, ctx: &mut Ctx<'_>) {
        self.drop_unstored(ctx);
        self.forget_early(ctx);
        let enders = self.end.as_mut().map(|end| std::mem::take(&mut end.enders));
        let kept = self.end.as_ref().is_some_and(|end| end.kept);
        let duration_ms = self.session_ms(ctx.now.mono);
        let stage = Stage::Settling {
            by: ctx.now.mono.after(ctx.config.end_hold_ms),
        };
        let reason = EndReason::InternalError;
        let mut end = Ending::new(reason, None, ctx.now.wall, duration_ms, stage);
        end.faults = 1;
        end.kept = kept;
        end.enders = enders.unwrap_or_default();
        self.end = Some(Box::new(end));
        ctx.out(Effect::FlushSpeech {
            session: self.id.clone(),
        });
        if self.live.is_some() {
            self.status = Status::Completing;
            self.report_if_settled(ctx);
        } else {
            // Also when this very end is what the store refused: it is written anew.
            self.status = Status::Scheduled;
            self.seal(ctx, ctx.config.end_hold_ms);
        }
    }

    /// Leaves memory without an end of its own.
    fn drop_out(&mut self, ctx: &mut Ctx<'_>, why: ErrorCode) {
        self.refuse_sayers(ctx, why);
        self.refuse_held(ctx, why);
        let session = self.id.clone();
        ctx.out(Effect::FlushSpeech {
            session: session.clone(),
        });
        ctx.out(Effect::CloseRoute { session });
        for conn in self.live(|_| true) {
            self.tell_dismissed(ctx, conn);
        }
        self.clear_seats(ctx, CloseCode::ServerError);
        let enders = self.end.as_mut().map(|end| std::mem::take(&mut end.enders));
        let asks = enders
            .into_iter()
            .flatten()
            .chain(std::mem::take(&mut self.creators));
        for ask in asks.collect::<Vec<_>>() {
            ctx.out(Effect::Answer {
                ask,
                answer: Answer::Refused(why.into()),
            });
        }
        self.over = true;
    }

    /// Asks to be stored before the API is told that it exists.
    pub(crate) fn store_new(&mut self, ask: AskId) {
        self.creators.push(ask);
        self.log.row_dirty = true;
    }

    /// The log's place, for checks from outside.
    pub(crate) fn seq(&self) -> (Seq, Seq) {
        (self.log.committed, self.log.last)
    }
}
