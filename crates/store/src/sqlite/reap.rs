//! Puts the table `active_interview_sessions` right: readers look what is amiss, the thread that
//! writes does only what they found, so much in one transaction. No rules of an interview.

use std::ops::Range;

use protocol::time::Wall;
use rusqlite::{
    CachedStatement, Connection, Error, Row, TransactionBehavior, params, params_from_iter,
};

use crate::rows::Reaped;
use crate::sqlite::columns::{self, CREATED_MS, number};
use crate::sqlite::save::is_missing_table;
use crate::sqlite::schema::ACTIVE_TABLE;

/// Rows that go and come in one transaction, all together: a save must not wait longer than 20 ms
/// behind them.
pub(crate) const STEP_ROWS: u32 = 10_000;

/// Rows that come in one transaction when the thread that writes has to look itself.
pub(crate) const ALONE_ROWS: u32 = 2_500;

/// Pages the writer keeps while it works at that table, KiB. With as few as it keeps otherwise
/// every row's pages would be read, and written, many times over.
const CACHE_KIB: i64 = 8_192;

/// Rows one statement inserts: beginning and ending a statement costs as much as a row.
const ROWS_A_STATEMENT: usize = 8;

/// Up to so many rows the sessions themselves are asked whether they still run.
const FEW: usize = 256;

/// What is wrong with `active_interview_sessions`.
#[derive(Debug, Default)]
pub(crate) struct Amiss {
    /// Places of rows that must go, as a JSON array: the writer visits only those, and decides.
    stale: Option<String>,
    /// Rows it lacks, by candidate: the two indexes by candidate then grow in order.
    missing: Missing,
    /// There is no such table.
    gone: bool,
}

/// Rows that should be there, ready to be written. Their texts lie in one piece: fifty thousand
/// small ones would cost the writer two milliseconds to give back.
#[derive(Debug, Default)]
struct Missing {
    text: String,
    rows: Vec<Place>,
}

/// One of them.
#[derive(Debug)]
struct Place {
    /// Of its session.
    session: i64,
    /// Where in the text its columns are: user, session, status, and two times.
    columns: [Range<usize>; COLUMNS],
}

const COLUMNS: usize = 5;

impl Amiss {
    pub(crate) fn anything(&self) -> bool {
        self.stale.is_some() || !self.missing.rows.is_empty() || self.gone
    }
}

/// Whether row `a` must go: its session `s` is ended, or there is none of that name and it was made
/// before parameter 1.
fn is_stale() -> String {
    format!(
        "LEFT JOIN sessions s ON s.session = a.session_id
         WHERE (s.status = 'ended' OR (s.session IS NULL AND coalesce({}, 0) < ?1))",
        CREATED_MS.replace("created_at", "a.created_at")
    )
}

/// Where the sessions are that run. The index of what is not ended is the one to go by: by
/// candidates, all that ever were would be visited, which is what the two odd conditions prevent.
const RUNNING: &str = "FROM sessions s
     WHERE status <> 'ended' AND owner_boot >= '' AND status IN ('active', 'completing')
         AND +candidate IS NOT NULL";

/// Of those, the ones that lack a row.
const LACKING: &str =
    "AND NOT EXISTS (SELECT 1 FROM active_interview_sessions WHERE user_id = s.candidate)";

/// Where all are that are not ended: the index has it without the sessions' rows, each of which
/// would be a page to read.
const UNFINISHED: &str = "SELECT rowid FROM sessions WHERE status <> 'ended' AND owner_boot >= ''";

/// What the reaper finds, as much as one transaction puts right.
pub(crate) fn amiss(connection: &Connection, now: Wall, age_ms: u64) -> Result<Amiss, Error> {
    let before = now.0.saturating_sub(number(age_ms));
    let sql = format!(
        "SELECT nullif(json_group_array(place), '[]'), count(*) FROM (
             SELECT a.rowid AS place FROM active_interview_sessions a {} LIMIT {STEP_ROWS})",
        is_stale()
    );
    let stale = connection.prepare_cached(&sql).and_then(|mut select| {
        select.query_row([before], |row| {
            Ok((row.get(0)?, columns::unsigned::<u32>(row, 1)?))
        })
    });
    match stale {
        Ok((stale, many)) => Ok(Amiss {
            stale,
            missing: missing(connection, LACKING, STEP_ROWS.saturating_sub(many))?,
            gone: false,
        }),
        Err(error) if is_missing_table(&error) => without_table(connection, STEP_ROWS),
        Err(error) => Err(error),
    }
}

/// What is lacking, for a caller that has to write it itself.
pub(crate) fn amiss_alone(connection: &Connection) -> Result<Amiss, Error> {
    match missing(connection, LACKING, ALONE_ROWS) {
        Ok(missing) => Ok(Amiss {
            missing,
            ..Amiss::default()
        }),
        Err(error) if is_missing_table(&error) => without_table(connection, ALONE_ROWS),
        Err(error) => Err(error),
    }
}

fn without_table(connection: &Connection, limit: u32) -> Result<Amiss, Error> {
    Ok(Amiss {
        stale: None,
        missing: missing(connection, "", limit)?,
        gone: true,
    })
}

fn missing(connection: &Connection, lacking: &str, limit: u32) -> Result<Missing, Error> {
    let sql = format!(
        "SELECT candidate, session, status,
             strftime('%Y-%m-%d %H:%M:%f', coalesce(started_at, created_at) / 1000.0, 'unixepoch'),
             strftime('%Y-%m-%d %H:%M:%f', last_activity_at / 1000.0, 'unixepoch'), rowid
         {RUNNING} {lacking} LIMIT ?1"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query([limit])?;
    let mut found = Missing::default();
    while let Some(row) = rows.next()? {
        found.read(row)?;
    }
    let Missing { text, rows } = &mut found;
    let user = |row: &Place| &text[row.columns[0].clone()];
    rows.sort_unstable_by(|one, other| user(one).cmp(user(other)));
    Ok(found)
}

impl Missing {
    fn read(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let mut columns = [const { 0..0 }; COLUMNS];
        for (n, place) in columns.iter_mut().enumerate() {
            // What no version of this program can have written is no interview it could run.
            let Ok(text) = row.get_ref(n)?.as_str() else {
                return Ok(());
            };
            let from = self.text.len();
            self.text.push_str(text);
            *place = from..self.text.len();
        }
        self.rows.push(Place {
            session: row.get(COLUMNS)?,
            columns,
        });
        Ok(())
    }

    fn values<'a>(&'a self, row: &'a Place) -> impl Iterator<Item = &'a str> {
        row.columns.iter().map(|place| &self.text[place.clone()])
    }
}

/// Puts `active_interview_sessions` right as far as something is `amiss`; see
/// [`crate::Store::reap_active`].
pub(crate) fn put_right(
    connection: &mut Connection,
    amiss: Amiss,
    now: Wall,
    age_ms: u64,
) -> Result<Reaped, Error> {
    let usual: i64 = connection.pragma_query_value(None, "cache_size", |row| row.get(0))?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let reaped = in_one(connection, amiss, now.0.saturating_sub(number(age_ms)));
    let back = connection.pragma_update(None, "cache_size", usual);
    let reaped = reaped?;
    back?;
    Ok(reaped)
}

fn in_one(connection: &mut Connection, amiss: Amiss, before: i64) -> Result<Reaped, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(ACTIVE_TABLE)?;
    let gone = match &amiss.stale {
        Some(places) => delete(&transaction, places, before)?,
        None => 0,
    };
    let come = insert(&transaction, amiss.missing)?;
    transaction.commit()?;
    let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
    Ok(Reaped {
        gone: count(gone),
        come: count(come),
    })
}

/// Deletes those of the rows in these places that must go, also by what the writer sees.
fn delete(connection: &Connection, places: &str, before: i64) -> Result<usize, Error> {
    connection
        .execute_batch("CREATE TEMP TABLE IF NOT EXISTS stale (place INTEGER PRIMARY KEY)")?;
    connection
        .prepare_cached("DELETE FROM temp.stale")?
        .execute([])?;
    let sql = format!(
        "INSERT INTO temp.stale SELECT a.rowid FROM json_each(?2) places
             CROSS JOIN active_interview_sessions a ON a.rowid = places.value {}",
        is_stale()
    );
    let stale = connection
        .prepare_cached(&sql)?
        .execute(params![before, places])?;
    let all: usize = connection
        .prepare_cached("SELECT count(*) FROM active_interview_sessions")?
        .query_row([], |row| columns::unsigned(row, 0))?;
    // Without a condition SQLite gives the pages back instead of visiting every row in the table
    // and its three indexes: a tenth of the time.
    let delete = if stale == all {
        "DELETE FROM active_interview_sessions"
    } else {
        "DELETE FROM active_interview_sessions WHERE rowid IN (SELECT place FROM temp.stale)"
    };
    connection.prepare_cached(delete)?.execute([])
}

/// Inserts those of the rows whose sessions still run. A row that came meanwhile stays: whoever
/// wrote it knew more.
fn insert(connection: &Connection, mut missing: Missing) -> Result<usize, Error> {
    retain_running(connection, &mut missing)?;
    let (groups, rest) = missing.rows.as_chunks::<ROWS_A_STATEMENT>();
    let run = |insert: &mut CachedStatement<'_>, some: &[Place]| {
        let values = some.iter().flat_map(|row| missing.values(row));
        insert.execute(params_from_iter(values))
    };
    let mut come = 0;
    if !groups.is_empty() {
        let mut insert = connection.prepare_cached(&insertion(ROWS_A_STATEMENT))?;
        for group in groups {
            come += run(&mut insert, group)?;
        }
    }
    if !rest.is_empty() {
        come += run(
            &mut connection.prepare_cached(&insertion(rest.len()))?,
            rest,
        )?;
    }
    Ok(come)
}

fn insertion(rows: usize) -> String {
    let values = vec!["(?, ?, ?, ?, ?)"; rows].join(", ");
    format!(
        "INSERT OR IGNORE INTO active_interview_sessions
             (user_id, session_id, status, created_at, updated_at)
         VALUES {values}"
    )
}

/// Takes out the rows whose sessions have ended since they were looked at. That a session was seen
/// to run and is in the index of what is not ended says that it runs, because nothing leads back to
/// `scheduled`; with which status makes no difference, because the save that changed it has made the
/// row. A place becomes another session's only if its own ended and was forgotten since the look,
/// a moment ago; such a row would go like every other that has no session.
fn retain_running(connection: &Connection, missing: &mut Missing) -> Result<(), Error> {
    let Missing { text, rows } = missing;
    if rows.len() <= FEW {
        let mut select = connection.prepare_cached(
            "SELECT 1 FROM sessions WHERE rowid = ?1 AND session = ?2 AND status <> 'ended'",
        )?;
        let mut failed = None;
        rows.retain(|row| {
            let found = select.exists(params![row.session, &text[row.columns[1].clone()]]);
            found.unwrap_or_else(|error| {
                failed.get_or_insert(error);
                false
            })
        });
        return failed.map_or(Ok(()), Err);
    }
    let mut places: Vec<(i64, bool)> = rows.iter().map(|row| (row.session, false)).collect();
    places.sort_unstable();
    let mut select = connection.prepare_cached(UNFINISHED)?;
    let mut unfinished = select.query([])?;
    while let Some(row) = unfinished.next()? {
        let place: i64 = row.get(0)?;
        if let Ok(at) = places.binary_search_by_key(&place, |(place, _)| *place) {
            places[at].1 = true;
        }
    }
    rows.retain(|row| {
        let at = places.binary_search_by_key(&row.session, |(place, _)| *place);
        at.is_ok_and(|at| places[at].1)
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema;

    fn plan(connection: &Connection, sql: &str) -> Vec<String> {
        let mut explained = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let rows = explained.query_map([], |row| row.get(3)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn records(folder: &std::path::Path) -> Connection {
        let path = folder.join("records.db");
        let opening = schema::Opening::beside(std::time::Duration::ZERO);
        let mut connection = schema::open_writer(&path, opening, true).unwrap();
        schema::migrate(&mut connection).unwrap();
        connection
    }

    #[test]
    fn the_reaper_visits_no_session_that_is_ended_and_each_row_once() {
        let folder = tempfile::tempdir().unwrap();
        let connection = records(folder.path());
        let missing = plan(&connection, &format!("SELECT 1 {RUNNING} {LACKING}"));
        assert!(
            missing[0].starts_with("SEARCH s USING INDEX sessions_unfinished"),
            "{missing:?}"
        );
        let stale = format!(
            "SELECT a.rowid FROM active_interview_sessions a {}",
            is_stale()
        );
        let stale = plan(&connection, &stale.replace("?1", "0"));
        assert_eq!(stale[0], "SCAN a");
        assert!(stale[1].starts_with("SEARCH s USING INDEX"), "{stale:?}");
        assert!(stale[1].contains("(session=?)"), "{stale:?}");
    }

    #[test]
    fn the_writer_reads_no_session_to_see_whether_many_still_run() {
        let folder = tempfile::tempdir().unwrap();
        let connection = records(folder.path());
        let unfinished = plan(&connection, UNFINISHED);
        assert!(
            unfinished[0].contains("USING INDEX sessions_unfinished"),
            "{unfinished:?}"
        );
        // A column of the table is what makes SQLite go from the index to the row.
        let mut program = connection
            .prepare(&format!("EXPLAIN {UNFINISHED}"))
            .unwrap();
        let codes = program.query_map([], |row| row.get(1)).unwrap();
        let codes: Vec<String> = codes.map(Result::unwrap).collect();
        assert!(codes.iter().any(|code| code == "IdxRowid"), "{codes:?}");
        assert!(codes.iter().all(|code| code != "Column"), "{codes:?}");
    }

    /// `many` interviews that run and have no row.
    fn run(connection: &Connection, many: u32) {
        connection
            .execute_batch(&format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many})
                 INSERT INTO sessions (session, status, candidate, title, snapshot, epoch, seq,
                     created_at, started_at, deadline_at, last_activity_at, owner_boot,
                     owner_generation)
                 SELECT 's' || i, 'active', 'u' || i, '', '{{}}', 1, 1, 1, 1, 2, 1, 'b', 1 FROM n"
            ))
            .unwrap();
    }

    #[test]
    fn what_happened_between_the_look_and_the_work_counts() {
        for many in [9_u32, 900] {
            let folder = tempfile::tempdir().unwrap();
            let mut connection = records(folder.path());
            run(&connection, many);
            let amiss = amiss(&connection, Wall(1), 0).unwrap();
            assert_eq!(amiss.missing.rows.len(), many as usize);
            connection
                .execute_batch(
                    "UPDATE sessions SET status = 'ended', reason = 'completed', ended_at = 1
                         WHERE session = 's3';
                     INSERT INTO active_interview_sessions (user_id, session_id, status)
                         VALUES ('u7', 's7', 'completing');",
                )
                .unwrap();
            let reaped = put_right(&mut connection, amiss, Wall(1), 0).unwrap();
            let come = u64::from(many) - 2;
            assert_eq!(reaped, Reaped { gone: 0, come });
            let status = |user: &str| -> Option<String> {
                let sql = "SELECT max(status) FROM active_interview_sessions WHERE user_id = ?1";
                let status = connection.query_row(sql, [user], |row| row.get(0));
                status.unwrap()
            };
            assert_eq!(status("u3"), None::<String>);
            assert_eq!(status("u7").as_deref(), Some("completing"));
            assert_eq!(status("u9").as_deref(), Some("active"));
        }
    }

    #[test]
    fn one_transaction_has_so_many_rows_whatever_is_wrong_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let connection = records(folder.path());
        run(&connection, STEP_ROWS);
        connection
            .execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
                 INSERT INTO active_interview_sessions (user_id, session_id, created_at)
                 SELECT 'x' || i, 'gone' || i, '1960-01-01 00:00:00' FROM n",
            )
            .unwrap();
        let amiss = amiss(&connection, Wall(1), 0).unwrap();
        let places: Vec<i64> = serde_json::from_str(amiss.stale.as_deref().unwrap()).unwrap();
        assert_eq!((places.len(), amiss.missing.rows.len()), (4_000, 6_000));
        let alone = amiss_alone(&connection).unwrap();
        assert_eq!(alone.missing.rows.len(), ALONE_ROWS as usize);
    }
}
