//! Plans, scoring keys, report jobs and deletions of the tables in memory; the same words as in
//! `crate::Coaching`.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::id::{PlanId, SessionId};
use protocol::record::Save;
use protocol::time::Wall;
use protocol::value::Status;

use super::{Stored, Tables};
use crate::rows::{Forgotten, JobState, Kind, PlanRow, ReportJob, ReportPlace};

/// How long the owner of a session ended from outside has for its report, milliseconds.
const FOREIGN_MS: u64 = 60_000;

/// What lies beside the sessions.
#[derive(Debug, Clone, Default)]
pub(super) struct Coaching {
    plans: BTreeMap<PlanId, PlanRow>,
    scorings: BTreeMap<String, Arc<str>>,
    /// With the end of the lease of one that runs.
    jobs: BTreeMap<SessionId, (ReportJob, Option<Wall>)>,
    deletions: BTreeMap<(SessionId, Kind), Wall>,
}

impl Coaching {
    /// A save was written over what was there: an end makes the report due, a report is one.
    pub(super) fn saved(&mut self, before: Option<Status>, save: &Save) {
        let row = &save.row;
        let ended = row.status == Status::Ended && before != Some(Status::Ended);
        if let Some(at) = row.ended_at.filter(|_| ended && row.started_at.is_some()) {
            self.due(&save.session, at, at);
        }
        if save.report.is_some() {
            let at = row.ended_at.unwrap_or(row.last_activity_at);
            self.done(&save.session, at);
        }
    }

    /// Another program ended a session that was active.
    pub(super) fn ended_from_outside(&mut self, session: &SessionId, at: Wall) {
        self.due(session, at.after(FOREIGN_MS), at);
    }

    /// The boots before this one are gone: what they were making is to be made.
    pub(super) fn registered(&mut self) {
        for (job, lease) in self.jobs.values_mut() {
            if job.state == JobState::Running {
                job.state = JobState::Queued;
                *lease = None;
            }
        }
    }

    /// A session is forgotten as a whole.
    pub(super) fn forget(&mut self, session: &SessionId) {
        self.jobs.remove(session);
        self.deletions.retain(|(of, _), _| of != session);
    }

    fn due(&mut self, session: &SessionId, due_at: Wall, changed_at: Wall) {
        self.jobs.entry(session.clone()).or_insert_with(|| {
            let job = ReportJob {
                session: session.clone(),
                state: JobState::Queued,
                attempts: 0,
                error: None,
                due_at,
                changed_at,
            };
            (job, None)
        });
    }

    fn done(&mut self, session: &SessionId, at: Wall) {
        self.due(session, at, at);
        if let Some((job, lease)) = self.jobs.get_mut(session) {
            job.state = JobState::Done;
            job.error = None;
            job.changed_at = at;
            *lease = None;
        }
    }

    /// A report is deleted: one that is still to be made is not made.
    fn report_deleted(&mut self, session: &SessionId, now: Wall) {
        if let Some((job, lease)) = self.jobs.get_mut(session)
            && job.state != JobState::Done
        {
            job.state = JobState::Done;
            job.changed_at = now;
            *lease = None;
        }
    }
}

impl Tables {
    /// Plans made through the API.
    pub fn plans(&self) -> Vec<PlanRow> {
        self.coaching.plans.values().cloned().collect()
    }

    /// Puts a plan's text, or takes the plan out.
    pub fn put_plan(&mut self, plan: &PlanId, body: Option<&str>, now: Wall) {
        let row = PlanRow {
            plan: plan.clone(),
            body: body.map(Arc::from),
            changed_at: now,
        };
        self.coaching.plans.insert(plan.clone(), row);
    }

    /// A scoring key by its name.
    pub fn scoring(&self, name: &str) -> Option<Arc<str>> {
        self.coaching.scorings.get(name).cloned()
    }

    /// Keeps scoring keys.
    pub fn put_scorings(&mut self, keys: &[(String, String)]) {
        for (name, body) in keys {
            let kept = self.coaching.scorings.entry(name.clone());
            kept.or_insert_with(|| Arc::from(body.as_str()));
        }
    }

    /// Takes the report that has been due longest.
    pub fn take_report_job(&mut self, now: Wall, lease_until: Wall) -> Option<ReportJob> {
        let free = |(job, lease): &&mut (ReportJob, Option<Wall>)| match job.state {
            JobState::Queued => job.due_at <= now,
            JobState::Running => lease.is_none_or(|until| until <= now),
            JobState::Done | JobState::Failed => false,
        };
        let found = { self.coaching.jobs.values_mut() }
            .filter(free)
            .min_by_key(|(job, _)| (job.due_at, job.session.clone()))?;
        let (job, lease) = found;
        job.state = JobState::Running;
        job.attempts += 1;
        job.changed_at = now;
        *lease = Some(lease_until);
        Some(job.clone())
    }

    /// A report is made.
    pub fn report_made(&mut self, session: &SessionId, body: &str, now: Wall) -> bool {
        let deleted = (session.clone(), Kind::Report);
        let wanted = !self.coaching.deletions.contains_key(&deleted);
        let stored = self.sessions.get_mut(session);
        let ended = |stored: &&mut Stored| stored.row.status == Status::Ended && wanted;
        let kept = match stored.filter(ended) {
            Some(stored) => {
                stored.report.get_or_insert_with(|| Arc::from(body));
                true
            }
            None => false,
        };
        if self.coaching.jobs.contains_key(session) {
            self.coaching.done(session, now);
        }
        kept
    }

    /// A report could not be made.
    pub fn report_failed(
        &mut self,
        session: &SessionId,
        error: &str,
        retry_at: Option<Wall>,
        now: Wall,
    ) {
        let found = self.coaching.jobs.get_mut(session);
        let Some((job, lease)) = found.filter(|(job, _)| job.state != JobState::Done) else {
            return;
        };
        job.state = match retry_at {
            Some(_) => JobState::Queued,
            None => JobState::Failed,
        };
        job.error = Some(Arc::from(error));
        job.due_at = retry_at.unwrap_or(job.due_at);
        job.changed_at = now;
        *lease = None;
    }

    /// Puts a failed report into the queue again.
    pub fn requeue_report(&mut self, session: &SessionId, now: Wall) -> bool {
        let found = self.coaching.jobs.get_mut(session);
        let Some((job, _)) = found.filter(|(job, _)| job.state == JobState::Failed) else {
            return false;
        };
        job.state = JobState::Queued;
        job.attempts = 0;
        job.due_at = now;
        job.changed_at = now;
        true
    }

    /// How far the report of a session is.
    pub fn report_job(&self, session: &SessionId) -> Option<ReportJob> {
        self.coaching.jobs.get(session).map(|(job, _)| job.clone())
    }

    /// Reports that are not done, behind `after`.
    pub fn open_report_jobs(&self, after: Option<&ReportPlace>, limit: u32) -> Vec<ReportJob> {
        let all = self.coaching.jobs.values().map(|(job, _)| job);
        let mut open: Vec<ReportJob> = all
            .filter(|job| job.state != JobState::Done)
            .filter(|job| after.is_none_or(|after| job.place() > *after))
            .cloned()
            .collect();
        open.sort_by_cached_key(ReportJob::place);
        open.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        open
    }

    /// Deletes one kind of record of an ended session.
    pub fn forget_kind(&mut self, session: &SessionId, kind: Kind, now: Wall) -> Forgotten {
        match self.sessions.get(session).map(|stored| stored.row.status) {
            None => Forgotten::Unknown,
            Some(Status::Ended) => {
                self.delete(session, kind, now);
                Forgotten::Done
            }
            Some(_) => Forgotten::NotEnded,
        }
    }

    /// What of a session was deleted when.
    pub fn deletions(&self, session: &SessionId) -> Vec<(Kind, Wall)> {
        let parts = self.coaching.deletions.iter();
        let mut found: Vec<(Kind, Wall)> = parts
            .filter(|((of, _), _)| of == session)
            .map(|((_, kind), at)| (*kind, *at))
            .collect();
        let whole = self.tombstones.get(session);
        found.extend(whole.map(|at| (Kind::Everything, *at)));
        found.sort_unstable();
        found
    }

    /// Whether a session has something of this kind to delete.
    pub(super) fn has(&self, stored: &Stored, kind: Kind) -> bool {
        let session = &stored.row.session;
        match kind {
            Kind::Audio => !{ &self.coaching.deletions }.contains_key(&(session.clone(), kind)),
            Kind::Transcript => !stored.segments.is_empty(),
            Kind::Report => stored.report.is_some(),
            Kind::Everything => true,
        }
    }

    /// Deletes one kind of record and keeps when.
    pub(super) fn delete(&mut self, session: &SessionId, kind: Kind, now: Wall) {
        let mut gone = vec![kind];
        match kind {
            Kind::Everything => return self.delete_all(session, now),
            Kind::Audio => {}
            Kind::Transcript => {
                if let Some(stored) = self.sessions.get_mut(session) {
                    for seq in std::mem::take(&mut stored.segments).into_keys() {
                        stored.events.remove(&seq);
                    }
                }
                gone.push(Kind::Report);
            }
            Kind::Report => {}
        }
        if gone.contains(&Kind::Report) {
            if let Some(stored) = self.sessions.get_mut(session) {
                stored.report = None;
            }
            self.coaching.report_deleted(session, now);
        }
        for kind in gone {
            let when = self.coaching.deletions.entry((session.clone(), kind));
            when.or_insert(now);
        }
    }
}
