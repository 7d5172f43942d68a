//! Plans, scoring keys, report jobs and deletion by id, in SQL. Reads go through the pool of
//! readers, changes through the writer's thread, one transaction each.

use std::sync::Arc;

use protocol::id::{PlanId, SessionId};
use protocol::time::Wall;
use rusqlite::{Connection, Error, OptionalExtension, Row, TransactionBehavior, params};

use super::{Sqlite, admin, columns};
use crate::rows::{Forgotten, JobState, Kind, PlanRow, ReportJob, ReportPlace};
use crate::{Coaching, StoreError};

const JOB_COLUMNS: &str = "session, state, attempts, error, due_at, changed_at";

impl Coaching for Sqlite {
    fn plans(&self) -> Result<Vec<PlanRow>, StoreError> {
        self.ask(|connection| {
            connection
                .prepare_cached("SELECT plan, body, changed_at FROM plans ORDER BY plan")?
                .query_map([], |row| {
                    Ok(PlanRow {
                        plan: columns::plan_id(row, 0)?,
                        body: optional_text(row, 1)?,
                        changed_at: Wall(row.get(2)?),
                    })
                })?
                .collect()
        })
    }

    fn put_plan(&self, plan: &PlanId, body: Option<&str>, now: Wall) -> Result<(), StoreError> {
        let (plan, body) = (plan.clone(), body.map(str::to_owned));
        self.command(move |connection| {
            connection.execute(
                "INSERT INTO plans (plan, body, changed_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (plan) DO UPDATE SET body = excluded.body,
                     changed_at = excluded.changed_at",
                params![plan.as_str(), body, now.0],
            )?;
            Ok(())
        })
    }

    fn scoring(&self, name: &str) -> Result<Option<Arc<str>>, StoreError> {
        self.ask(|connection| {
            connection
                .prepare_cached("SELECT body FROM scorings WHERE name = ?1")?
                .query_row([name], |row| columns::text(row, 0))
                .optional()
        })
    }

    fn put_scorings(&self, keys: &[(String, String)]) -> Result<(), StoreError> {
        let keys = keys.to_vec();
        self.command(move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (name, body) in &keys {
                transaction.execute(
                    "INSERT INTO scorings (name, body) VALUES (?1, ?2)
                     ON CONFLICT (name) DO NOTHING",
                    params![name, body],
                )?;
            }
            transaction.commit()
        })
    }

    fn take_report_job(
        &self,
        now: Wall,
        lease_until: Wall,
    ) -> Result<Option<ReportJob>, StoreError> {
        self.command(move |connection| take(connection, now, lease_until))
    }

    fn report_made(&self, session: &SessionId, body: &str, now: Wall) -> Result<bool, StoreError> {
        let (session, body) = (session.clone(), body.to_owned());
        self.command(move |connection| made(connection, &session, &body, now))
    }

    fn report_failed(
        &self,
        session: &SessionId,
        error: &str,
        retry_at: Option<Wall>,
        now: Wall,
    ) -> Result<(), StoreError> {
        let (session, error) = (session.clone(), error.to_owned());
        let state = match retry_at {
            Some(_) => JobState::Queued,
            None => JobState::Failed,
        };
        self.command(move |connection| {
            connection.execute(
                "UPDATE report_jobs SET state = ?2, error = ?3, due_at = coalesce(?4, due_at),
                     lease_until = NULL, changed_at = ?5
                 WHERE session = ?1 AND state <> 'done'",
                params![
                    session.as_str(),
                    state.as_str(),
                    error,
                    retry_at.map(|at| at.0),
                    now.0
                ],
            )?;
            Ok(())
        })
    }

    fn requeue_report(&self, session: &SessionId, now: Wall) -> Result<bool, StoreError> {
        let session = session.clone();
        self.command(move |connection| {
            let changed = connection.execute(
                "UPDATE report_jobs SET state = 'queued', attempts = 0, due_at = ?2, changed_at = ?2
                 WHERE session = ?1 AND state = 'failed'",
                params![session.as_str(), now.0],
            )?;
            Ok(changed > 0)
        })
    }

    fn report_job(&self, session: &SessionId) -> Result<Option<ReportJob>, StoreError> {
        self.ask(|connection| {
            let sql = format!("SELECT {JOB_COLUMNS} FROM report_jobs WHERE session = ?1");
            connection
                .prepare_cached(&sql)?
                .query_row([session.as_str()], job)
                .optional()
        })
    }

    fn open_report_jobs(
        &self,
        after: Option<&ReportPlace>,
        limit: u32,
    ) -> Result<Vec<ReportJob>, StoreError> {
        self.ask(|connection| {
            let sql = format!(
                "SELECT {JOB_COLUMNS} FROM report_jobs WHERE state <> 'done'
                     AND (state <> 'failed', due_at, session) > (?2, ?3, ?4)
                 ORDER BY state <> 'failed', due_at, session LIMIT ?1"
            );
            let (waits, due_at, session) = match after {
                Some(place) => (place.waits, place.due_at.0, place.session.as_str()),
                None => (false, i64::MIN, ""),
            };
            connection
                .prepare_cached(&sql)?
                .query_map(params![limit, waits, due_at, session], job)?
                .collect()
        })
    }

    fn forget_kind(
        &self,
        session: &SessionId,
        kind: Kind,
        now: Wall,
    ) -> Result<Forgotten, StoreError> {
        let session = session.clone();
        self.command(move |connection| admin::forget(connection, &session, kind, now))
    }

    fn deletions(&self, session: &SessionId) -> Result<Vec<(Kind, Wall)>, StoreError> {
        self.ask(|connection| {
            let mut found: Vec<(Kind, Wall)> = connection
                .prepare_cached(
                    "SELECT kind, deleted_at FROM deletions WHERE session = ?1
                     UNION ALL
                     SELECT 'everything', deleted_at FROM tombstones WHERE session = ?1",
                )?
                .query_map([session.as_str()], |row| {
                    let name = columns::text(row, 0)?;
                    let kind = Kind::parse(&name).ok_or_else(|| columns::unknown(0, &name))?;
                    Ok((kind, Wall(row.get(1)?)))
                })?
                .collect::<Result<_, _>>()?;
            found.sort_unstable();
            Ok(found)
        })
    }
}

fn optional_text(row: &Row<'_>, column: usize) -> Result<Option<Arc<str>>, Error> {
    let value: Option<String> = row.get(column)?;
    Ok(value.map(Arc::from))
}

fn job(row: &Row<'_>) -> Result<ReportJob, Error> {
    let state = columns::text(row, 1)?;
    Ok(ReportJob {
        session: columns::session_id(row, 0)?,
        state: JobState::parse(&state).ok_or_else(|| columns::unknown(1, &state))?,
        attempts: columns::unsigned(row, 2)?,
        error: optional_text(row, 3)?,
        due_at: Wall(row.get(4)?),
        changed_at: Wall(row.get(5)?),
    })
}

fn take(connection: &Connection, now: Wall, lease_until: Wall) -> Result<Option<ReportJob>, Error> {
    let sql = format!(
        "UPDATE report_jobs
         SET state = 'running', attempts = attempts + 1, lease_until = ?2, changed_at = ?1
         WHERE session = (
             SELECT session FROM report_jobs
             WHERE state IN ('queued', 'running')
                 AND CASE state WHEN 'queued' THEN due_at ELSE coalesce(lease_until, 0) END <= ?1
             ORDER BY due_at, session LIMIT 1)
         RETURNING {JOB_COLUMNS}"
    );
    connection
        .prepare_cached(&sql)?
        .query_row(params![now.0, lease_until.0], job)
        .optional()
}

fn made(
    connection: &mut Connection,
    session: &SessionId,
    body: &str,
    now: Wall,
) -> Result<bool, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let wanted = transaction
        .prepare_cached(
            "SELECT 1 FROM sessions s WHERE s.session = ?1 AND s.status = 'ended' AND NOT EXISTS (
                 SELECT 1 FROM deletions d WHERE d.session = s.session AND d.kind = 'report')",
        )?
        .exists([session.as_str()])?;
    if wanted {
        transaction.execute(
            "INSERT INTO reports (session, made_at, body) VALUES (?1, ?2, ?3)
             ON CONFLICT (session) DO NOTHING",
            params![session.as_str(), now.0, body],
        )?;
    }
    transaction.execute(
        "UPDATE report_jobs SET state = 'done', error = NULL, lease_until = NULL, changed_at = ?2
         WHERE session = ?1",
        params![session.as_str(), now.0],
    )?;
    transaction.commit()?;
    Ok(wanted)
}
