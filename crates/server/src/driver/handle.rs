//! What the HTTP side may ask and read: questions become inputs, answers come back within a
//! deadline; records are read where reading may block. No rights are judged here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use api::handle::{
    ActiveRecord, ActiveStats, Answer as Boxed, Check, ClosedConnection, Closure, CreateSession,
    EndOrder, Ended, Handle, ListQuery, LiveMember, MetricsSnapshot, PlanPut, Readiness, Records,
    Redeemed, ReportState, SessionRecord, Story, Told,
};
use coach::plan::Entry;
use engine::Input;
use engine::effect::Answer;
use engine::input::{Ask, Create};
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{PlanId, Seq, SessionId, UserId};
use protocol::record::{DataKind, EventRow, ReportJob, ReportPlace, SessionRow};
use protocol::said::Said;
use protocol::time::Wall;
use protocol::value::{Audience, EndReason, PresenceState, Status};
use store::rows::{EndBucket, Filter, Page};
use store::{Store, StoreError};

use super::{Driver, desk, memory, metrics, report, retention, story};

/// How long a question may wait for its answer.
const ASK_DEADLINE: Duration = Duration::from_secs(10);
/// How long the store may take to say how it is.
const HEALTH_DEADLINE: Duration = Duration::from_secs(2);

impl Driver {
    /// Asks the engine about a session.
    pub(crate) async fn ask_engine(
        &self,
        session: SessionId,
        what: Ask,
    ) -> Result<Answer, Refusal> {
        let Some((ask, answer)) = self.ask() else {
            return Err(Refusal::new(ErrorCode::Busy).retry_after(1_000));
        };
        self.inboxes.post(Input::Ask { ask, session, what });
        let answered = tokio::time::timeout(ASK_DEADLINE, answer).await;
        self.forget_ask(ask);
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            _ => Err(Refusal::new(ErrorCode::StoreUnavailable).retry_after(2_000)),
        }
    }

    /// Runs a read of the store where it may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let store = Arc::clone(&self.store);
        let done = self.work.spawn_blocking(move || read(&*store)).await;
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                tracing::warn!(%error, "read_failed");
                Err(Refusal::new(ErrorCode::StoreUnavailable).retry_after(2_000))
            }
            Err(error) => {
                tracing::error!(%error, "read_died");
                Err(ErrorCode::Internal.into())
            }
        }
    }

    /// Changes something where it may block.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let Some(me) = self.me.upgrade() else {
            return Err(ErrorCode::Draining.into());
        };
        let done = self.work.spawn_blocking(move || change(&me)).await;
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "change_died");
            Err(ErrorCode::Internal.into())
        })
    }

    /// Ends the user's running session, or takes its row away where nothing runs (L7).
    pub(crate) async fn clear_active(&self, user: UserId) -> Result<Option<SessionId>, Refusal> {
        let whose = user.clone();
        let Some(row) = self.read(move |store| store.active_of(&whose)).await? else {
            return Ok(None);
        };
        let ask = Ask::End {
            reason: EndReason::ClearedByUser,
            by: Some(user.clone()),
            only_if_allowed: None,
        };
        match self.ask_engine(row.session.clone(), ask).await? {
            Answer::Ended { recorded: true, .. } => {}
            Answer::Refused(refusal) if refusal.code != ErrorCode::SessionNotFound => {
                return Err(refusal);
            }
            _ => {}
        }
        // The end took the row with it; one that names no session goes alone.
        self.read(move |store| store.clear_active(&user)).await?;
        Ok(Some(row.session))
    }
}

impl Handle for Driver {
    fn create(&self, session: CreateSession) -> Boxed<'_, Result<(), Refusal>> {
        Box::pin(async move {
            if self.draining.load(Ordering::Acquire) {
                return Err(ErrorCode::Draining.into());
            }
            let create = Create {
                title: session.title.into(),
                candidate: session.candidate,
                invited: session.participants,
                plan: session.plan,
            };
            let what = Ask::Create(Box::new(create));
            match self.ask_engine(session.id, what).await? {
                Answer::Created => Ok(()),
                Answer::Refused(refusal) => Err(refusal),
                Answer::Ended { .. } | Answer::Transfer { .. } | Answer::Said { .. } => {
                    Err(ErrorCode::Internal.into())
                }
            }
        })
    }

    fn end(&self, order: EndOrder) -> Boxed<'_, Result<Ended, Refusal>> {
        Box::pin(async move {
            let by = crate::guard::engine(order.by);
            let what = Ask::End {
                reason: order.reason,
                by: Some(by.user.clone()),
                only_if_allowed: Some(Arc::new(by)),
            };
            match self.ask_engine(order.session, what).await? {
                Answer::Ended {
                    status,
                    reason,
                    recorded,
                } => Ok(Ended {
                    status,
                    reason,
                    recorded,
                }),
                Answer::Refused(refusal) => Err(refusal),
                Answer::Created | Answer::Transfer { .. } | Answer::Said { .. } => {
                    Err(ErrorCode::Internal.into())
                }
            }
        })
    }

    fn say(
        &self,
        session: SessionId,
        said: Said,
        audience: Audience,
    ) -> Boxed<'_, Result<Told, Refusal>> {
        Box::pin(async move {
            let what = Ask::Say { said, audience };
            match self.ask_engine(session, what).await? {
                Answer::Said { seq, receivers } => Ok(Told { seq, receivers }),
                Answer::Refused(refusal) => Err(refusal),
                Answer::Created | Answer::Ended { .. } | Answer::Transfer { .. } => {
                    Err(ErrorCode::Internal.into())
                }
            }
        })
    }

    fn clear_active(&self, user: UserId) -> Boxed<'_, Result<Option<SessionId>, Refusal>> {
        Box::pin(self.clear_active(user))
    }

    fn put_plan(
        &self,
        plan: Entry,
        text: String,
        replace: bool,
    ) -> Boxed<'_, Result<PlanPut, Refusal>> {
        Box::pin(self.change(move |driver| desk::put(driver, plan, &text, replace)))
    }

    fn remove_plan(&self, id: PlanId) -> Boxed<'_, Result<bool, Refusal>> {
        Box::pin(self.change(move |driver| desk::remove(driver, &id)))
    }

    fn forget(&self, session: SessionId, kind: DataKind) -> Boxed<'_, Result<(), Refusal>> {
        Box::pin(self.change(move |driver| retention::forget(driver, &session, kind)))
    }

    fn requeue_report(&self, session: SessionId) -> Boxed<'_, Result<bool, Refusal>> {
        let now = self.clock.wall();
        Box::pin(self.read(move |store| store.requeue_report(&session, now)))
    }

    fn live(&self, session: &SessionId) -> Option<Vec<LiveMember>> {
        let members = self.core()?.members(session)?;
        let member = |(user_id, role)| LiveMember {
            user_id,
            role,
            state: PresenceState::Connected,
        };
        Some(members.into_iter().map(member).collect())
    }

    fn redeem_transfer(&self, code: &str) -> Result<Redeemed, Refusal> {
        let offer = self.codes.take(code, self.clock.mono());
        let offer = offer.ok_or(ErrorCode::TransferInvalid)?;
        Ok(Redeemed {
            session: offer.session,
            user: offer.user,
            role: offer.role,
        })
    }

    fn closed_connections(&self) -> Vec<ClosedConnection> {
        let Some(core) = self.core() else {
            return Vec::new();
        };
        let closed = |closed: crate::core::closed::Closed| ClosedConnection {
            connection_id: closed.connection,
            user_id: closed.user,
            session_id: closed.session,
            opened_at: closed.opened_at,
            closed_at: closed.closed_at,
            code: closed.code,
            reason: closed.reason.into(),
        };
        core.closed().latest().into_iter().map(closed).collect()
    }

    fn metrics(&self) -> MetricsSnapshot {
        let Some(core) = self.core() else {
            return MetricsSnapshot::default();
        };
        let engine = core.gauges().engine;
        let sessions = engine.scheduled + engine.active + engine.completing + engine.unsaved;
        MetricsSnapshot {
            active_sessions: sessions as u64,
            question_timers: engine.question_timers as u64,
            socket_mappings: engine.connections as u64,
            memory: memory::read(),
            cleaned_up_total: core.counters().sessions_cleaned_up.get(),
        }
    }

    fn prometheus(&self) -> String {
        metrics::write(self)
    }

    fn ready(&self) -> Boxed<'_, Readiness> {
        Box::pin(async move {
            let store = Arc::clone(&self.store);
            let asked = self.work.spawn_blocking(move || store.health());
            let store = match tokio::time::timeout(HEALTH_DEADLINE, asked).await {
                Ok(Ok(health)) if health.readable && health.writable => Ok("reads and writes"),
                Ok(Ok(health)) if health.readable => Err("does not write"),
                Ok(Ok(_)) => Err("does not read"),
                _ => Err("does not answer"),
            };
            let degraded = self.core().map_or(0, |core| core.gauges().engine.degraded);
            let sessions = match degraded {
                0 => Ok("all are stored in time"),
                _ => Err("some wait for the store"),
            };
            let drain = match self.draining.load(Ordering::Acquire) {
                false => Ok("takes new sessions"),
                true => Err("is about to stop"),
            };
            let check = |name, state: Result<&str, &str>| Check {
                name,
                ok: state.is_ok(),
                detail: state.unwrap_or_else(|e| e).to_owned(),
            };
            Readiness {
                checks: vec![
                    check("store", store),
                    check("sessions", sessions),
                    check("drain", drain),
                ],
            }
        })
    }
}

impl Records for Driver {
    fn session(&self, id: SessionId) -> Boxed<'_, Result<Option<SessionRecord>, Refusal>> {
        Box::pin(self.read(move |store| {
            let Some(row) = store.session_row(&id)? else {
                return Ok(None);
            };
            let participants = store.participants(&id)?;
            let plan = report::plan_of(&row.snapshot);
            let total = plan.as_ref().map_or(0, |plan| plan.questions.len());
            let closed = store.answers(&id)?.len();
            let runs = matches!(row.status, Status::Active);
            let asked = (closed + usize::from(runs)).min(total);
            let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            Ok(Some(SessionRecord {
                row,
                participants,
                questions: (count(asked), count(total)),
                plan: plan.and_then(|plan| plan.id),
            }))
        }))
    }

    fn report(&self, id: SessionId) -> Boxed<'_, Result<Option<Arc<str>>, Refusal>> {
        Box::pin(self.read(move |store| store.report(&id)))
    }

    fn report_state(&self, id: SessionId) -> Boxed<'_, Result<ReportState, Refusal>> {
        Box::pin(self.read(move |store| {
            Ok(ReportState {
                job: store.report_job(&id)?,
                deleted: store.deletions(&id)?,
            })
        }))
    }

    fn open_reports(
        &self,
        after: Option<ReportPlace>,
        limit: u32,
    ) -> Boxed<'_, Result<Vec<ReportJob>, Refusal>> {
        Box::pin(self.read(move |store| store.open_report_jobs(after.as_ref(), limit)))
    }

    fn active_of(&self, user: UserId) -> Boxed<'_, Result<Option<ActiveRecord>, Refusal>> {
        Box::pin(self.read(move |store| {
            let row = store.active_of(&user)?;
            Ok(row.map(|row| ActiveRecord {
                session: row.session,
                status: row.status,
                created_at: row.created_at,
            }))
        }))
    }

    fn list(&self, query: ListQuery) -> Boxed<'_, Result<Vec<SessionRow>, Refusal>> {
        Box::pin(self.read(move |store| {
            let filter = Filter {
                status: query.status,
                since: None,
                candidate: query.candidate,
            };
            let page = Page {
                after: query.after,
                limit: query.limit,
            };
            store.list_sessions(&filter, &page)
        }))
    }

    fn closures(
        &self,
        from: Wall,
        until: Wall,
        bucket_ms: u64,
    ) -> Boxed<'_, Result<Vec<Closure>, Refusal>> {
        Box::pin(self.read(move |store| {
            let found = store.ends_over_time(from, until, bucket_ms)?;
            let closure = |bucket: EndBucket| Closure {
                from: bucket.from,
                reason: bucket.reason,
                count: bucket.count,
                duration_ms: bucket.duration_ms,
            };
            Ok(found.into_iter().map(closure).collect())
        }))
    }

    fn log(
        &self,
        id: SessionId,
        after: Seq,
        limit_bytes: usize,
    ) -> Boxed<'_, Result<Vec<EventRow>, Refusal>> {
        Box::pin(self.read(move |store| store.log(&id, after, limit_bytes)))
    }

    fn story(&self, id: SessionId) -> Boxed<'_, Result<Option<Story>, Refusal>> {
        Box::pin(self.read(move |store| {
            let Some(row) = store.session_row(&id)? else {
                return Ok(None);
            };
            let events = store.log(&id, Seq(0), story::STORY_BYTES)?;
            let beside = store.happenings(&id)?;
            Ok(Some(story::tell(&row, &events, &beside)))
        }))
    }

    fn active_stats(&self) -> Boxed<'_, Result<ActiveStats, Refusal>> {
        let now = self.clock.wall();
        Box::pin(self.read(move |store| {
            let rows = store.active_rows(now)?;
            Ok(ActiveStats {
                rows: rows.count,
                oldest_age_ms: rows.oldest_age_ms,
            })
        }))
    }
}
