//! The part of the records that is not a live session: plans of the API, scoring keys, reports still
//! to be made, and deletion by id. No implementation here.

use std::sync::Arc;

use protocol::id::{PlanId, SessionId};
use protocol::time::Wall;

use crate::error::StoreError;
use crate::rows::{Forgotten, Kind, PlanRow, ReportJob, ReportPlace};

/// What lies on the desk beside the interviews. Every method blocks.
pub trait Coaching {
    /// Plans made through the API, by id, and the ids it took out.
    fn plans(&self) -> Result<Vec<PlanRow>, StoreError>;

    /// Puts a plan's text, or with none takes the plan out.
    fn put_plan(&self, plan: &PlanId, body: Option<&str>, now: Wall) -> Result<(), StoreError>;

    /// A scoring key by its name.
    fn scoring(&self, name: &str) -> Result<Option<Arc<str>>, StoreError>;

    /// Keeps scoring keys under their names, which are fingerprints: one that is there stays.
    fn put_scorings(&self, keys: &[(String, String)]) -> Result<(), StoreError>;

    /// Takes the report that has been due longest, until `lease_until`; one whose lease is over is
    /// taken again. None: nothing is due.
    fn take_report_job(
        &self,
        now: Wall,
        lease_until: Wall,
    ) -> Result<Option<ReportJob>, StoreError>;

    /// The report of an ended session is made. One that is there stays: a second one made of the
    /// same rows says the same. False: its session or the report was deleted meanwhile.
    fn report_made(&self, session: &SessionId, body: &str, now: Wall) -> Result<bool, StoreError>;

    /// A report could not be made, because of `error`; to be tried again at `retry_at`, or given up.
    fn report_failed(
        &self,
        session: &SessionId,
        error: &str,
        retry_at: Option<Wall>,
        now: Wall,
    ) -> Result<(), StoreError>;

    /// Puts a failed report into the queue again. Whether there was one.
    fn requeue_report(&self, session: &SessionId, now: Wall) -> Result<bool, StoreError>;

    /// How far the report of a session is; none: it is not due.
    fn report_job(&self, session: &SessionId) -> Result<Option<ReportJob>, StoreError>;

    /// Reports that are not done and behind `after`, at most `limit`: given up ones first, then by
    /// when they are due.
    fn open_report_jobs(
        &self,
        after: Option<&ReportPlace>,
        limit: u32,
    ) -> Result<Vec<ReportJob>, StoreError>;

    /// Deletes one kind of record of an ended session and keeps when (L13). With
    /// [`Kind::Everything`] all of it, leaving a tombstone.
    fn forget_kind(
        &self,
        session: &SessionId,
        kind: Kind,
        now: Wall,
    ) -> Result<Forgotten, StoreError>;

    /// What of a session was deleted when, by kind. Also of one that was deleted as a whole.
    fn deletions(&self, session: &SessionId) -> Result<Vec<(Kind, Wall)>, StoreError>;
}
