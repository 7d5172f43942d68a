//! The desk's questions to the tables in memory behind a lock.

use std::sync::Arc;

use protocol::id::{PlanId, SessionId};
use protocol::time::Wall;

use super::threaded::Memory;
use crate::rows::{Forgotten, Kind, PlanRow, ReportJob, ReportPlace};
use crate::{Coaching, StoreError};

impl Coaching for Memory {
    fn plans(&self) -> Result<Vec<PlanRow>, StoreError> {
        Ok(self.with_tables(|tables| tables.plans()))
    }

    fn put_plan(&self, plan: &PlanId, body: Option<&str>, now: Wall) -> Result<(), StoreError> {
        self.with_tables(|tables| tables.put_plan(plan, body, now));
        Ok(())
    }

    fn scoring(&self, name: &str) -> Result<Option<Arc<str>>, StoreError> {
        Ok(self.with_tables(|tables| tables.scoring(name)))
    }

    fn put_scorings(&self, keys: &[(String, String)]) -> Result<(), StoreError> {
        self.with_tables(|tables| tables.put_scorings(keys));
        Ok(())
    }

    fn take_report_job(
        &self,
        now: Wall,
        lease_until: Wall,
    ) -> Result<Option<ReportJob>, StoreError> {
        Ok(self.with_tables(|tables| tables.take_report_job(now, lease_until)))
    }

    fn report_made(&self, session: &SessionId, body: &str, now: Wall) -> Result<bool, StoreError> {
        Ok(self.with_tables(|tables| tables.report_made(session, body, now)))
    }

    fn report_failed(
        &self,
        session: &SessionId,
        error: &str,
        retry_at: Option<Wall>,
        now: Wall,
    ) -> Result<(), StoreError> {
        self.with_tables(|tables| tables.report_failed(session, error, retry_at, now));
        Ok(())
    }

    fn requeue_report(&self, session: &SessionId, now: Wall) -> Result<bool, StoreError> {
        Ok(self.with_tables(|tables| tables.requeue_report(session, now)))
    }

    fn report_job(&self, session: &SessionId) -> Result<Option<ReportJob>, StoreError> {
        Ok(self.with_tables(|tables| tables.report_job(session)))
    }

    fn open_report_jobs(
        &self,
        after: Option<&ReportPlace>,
        limit: u32,
    ) -> Result<Vec<ReportJob>, StoreError> {
        Ok(self.with_tables(|tables| tables.open_report_jobs(after, limit)))
    }

    fn forget_kind(
        &self,
        session: &SessionId,
        kind: Kind,
        now: Wall,
    ) -> Result<Forgotten, StoreError> {
        let done = self.with_tables(|tables| tables.forget_kind(session, kind, now));
        if done == Forgotten::Done && kind == Kind::Everything {
            self.forget_desk(session);
        }
        Ok(done)
    }

    fn deletions(&self, session: &SessionId) -> Result<Vec<(Kind, Wall)>, StoreError> {
        Ok(self.with_tables(|tables| tables.deletions(session)))
    }
}
