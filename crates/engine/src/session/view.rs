//! How a session looks from outside: what a member is shown, and the rows it is stored as. Images
//! of the state; nothing is decided here.

use std::sync::Arc;

use protocol::record::{ActiveChange, EventRow, RequestRow, Save, SegmentRow, SessionRow};
use protocol::server::{Asked, EventBody, MemberView, SessionView};
use protocol::time::{Mono, Now, Wall};
use protocol::value::{PresenceState, Status};

use super::{Ctx, Session};
use crate::planted::{self, Bug};

impl Session {
    /// What members are shown.
    pub(super) fn view(&self, ctx: &Ctx<'_>) -> SessionView {
        let live = self.live.as_ref();
        let member = |seat: &super::Seat| MemberView {
            user: seat.user.clone(),
            participant: seat.participant,
            role: seat.role,
            state: if seat.is_live() {
                PresenceState::Connected
            } else {
                PresenceState::Disconnected
            },
        };
        let seq = if self.log.degraded {
            self.log.committed
        } else {
            self.log.last
        };
        SessionView {
            session: self.id.clone(),
            title: Arc::clone(&self.title),
            status: self.status,
            plan: self.plan.as_ref().and_then(|plan| plan.id.clone()),
            created_at: self.created_at,
            started_at: live.map(|live| live.started_at),
            ends_at: live.map(|live| ctx.now.wall_at(live.duration.deadline())),
            epoch: self.log.epoch,
            seq,
            members: self.seats.iter().map(member).collect(),
            question: self.asked(ctx.now),
        }
    }

    /// The open question as members see it.
    pub(super) fn asked(&self, now: Now) -> Option<Asked> {
        let live = self.live.as_ref()?;
        let open = live.flow.open.as_ref()?;
        let plan = self.plan.as_ref()?;
        let question = plan.questions.get(open.index as usize)?;
        let deadline = match open.paused_left_ms {
            Some(left) => now.mono.after(left),
            None => open.clock.deadline(),
        };
        Some(Asked {
            question_id: question.id.clone(),
            index: open.index,
            total: u32::try_from(plan.questions.len()).unwrap_or(u32::MAX),
            text: question.text.clone(),
            started_at: now.wall_at(live.started.after(open.from_ms)),
            deadline_at: now.wall_at(deadline),
        })
    }

    /// Everything to be written now.
    pub(super) fn build_save(
        &mut self,
        ctx: &mut Ctx<'_>,
        events: Vec<EventRow>,
        requests: Vec<RequestRow>,
    ) -> Save {
        self.requests_saving = requests.len();
        let participants = if self.seats_dirty {
            let seats = self.seats.iter().map(super::Seat::row);
            seats.chain(self.departed.iter().cloned()).collect()
        } else {
            Vec::new()
        };
        self.happenings_saving = self.happenings.len();
        if let Some(live) = &mut self.live {
            live.activity_saved = ctx.now.mono;
        }
        self.seats_dirty_since_save = false;
        let answers = match &mut self.live {
            Some(live) => {
                live.flow_saving = live.flow.closed.len();
                live.flow.unsaved_rows(self.plan.as_deref())
            }
            None => Vec::new(),
        };
        let segments = events.iter().filter_map(segment_row).collect();
        let report = self.end.as_ref().and_then(|end| end.report.clone());
        Save {
            session: self.id.clone(),
            fence: self.fence.clone(),
            row: self.row(ctx),
            events,
            active: self.active_change(),
            participants,
            answers,
            segments,
            requests,
            report,
            happenings: self.happenings.clone(),
        }
    }

    fn active_change(&self) -> ActiveChange {
        match self.status {
            Status::Scheduled => ActiveChange::Keep,
            // Nobody's interview blocks nobody.
            _ if self.candidate.is_none() || self.active_lost => ActiveChange::Keep,
            status @ (Status::Active | Status::Completing) => ActiveChange::Upsert {
                status,
                force: self.force_active,
            },
            Status::Ended => ActiveChange::Delete,
        }
    }

    fn row(&mut self, ctx: &Ctx<'_>) -> SessionRow {
        let live = self.live.as_ref();
        let end = self.end.as_ref();
        let ended = end.filter(|_| self.status == Status::Ended);
        let running = self.status == Status::Active;
        let forgotten = running && planted::on(ctx.config, Bug::NoDeadline);
        SessionRow {
            session: self.id.clone(),
            status: self.status,
            reason: ended.map(|end| end.reason),
            ended_by: end.and_then(|end| end.by.clone()),
            candidate: self.candidate.clone(),
            title: Arc::clone(&self.title),
            epoch: self.log.epoch,
            seq: self.log.last,
            created_at: self.created_at,
            started_at: live.map(|live| live.started_at),
            ended_at: ended.map(|end| end.ended_at),
            duration_ms: ended.map(|end| end.duration_ms),
            deadline_at: self.row_deadline(ctx).filter(|_| !forgotten),
            last_activity_at: self.last_activity_at,
            snapshot: self.snapshot(ctx),
        }
    }

    /// When something must have happened at the latest; a row behind it is a fault.
    fn row_deadline(&self, ctx: &Ctx<'_>) -> Option<Wall> {
        let at: Mono = match self.status {
            Status::Scheduled => self.expires,
            Status::Active => self.live.as_ref()?.duration.deadline(),
            Status::Completing => self.end_next().unwrap_or(ctx.now.mono),
            Status::Ended => return None,
        };
        Some(ctx.now.wall_at(at))
    }
}

fn segment_row(row: &EventRow) -> Option<SegmentRow> {
    // Only finals are parsed back; everything else is told by its first bytes.
    if !row.body.starts_with(r#"{"type":"transcription:result""#) {
        return None;
    }
    match serde_json::from_str(&row.body).ok()? {
        EventBody::Transcript {
            user_id,
            stream_id,
            utterance,
            start_ms,
            end_ms,
            question_id,
            ..
        } => Some(SegmentRow {
            seq: row.seq,
            user: user_id,
            stream: stream_id,
            utterance,
            question: question_id,
            start_ms,
            end_ms,
        }),
        _ => None,
    }
}
