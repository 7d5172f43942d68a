//! What only SQLite has: migrations, a lock, groups of saves, tables other programs look at.

use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use protocol::id::{EffectId, Seq};
use protocol::record::{ActiveChange, Saved};
use protocol::time::{Mono, Now, Wall};
use protocol::value::{EndReason, Status};
use rusqlite::Connection;

use super::{NOW, PATIENCE, Rig, boot, callbacks, end, save, save_events, sid, start, uid};
use crate::rows::{ActiveRow, ActiveRows};
use crate::sqlite::{Config, Sqlite};
use crate::{Callbacks, Store, StoreError};

fn open(folder: &tempfile::TempDir) -> Result<Sqlite, StoreError> {
    let config = Config::new(folder.path().join("records.db"));
    Sqlite::open(&config, boot("b2"), super::now, callbacks().0)
}

#[test]
fn migrations_run_once_and_the_records_outlive_the_process() {
    let rig = Rig::sqlite();
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Committed(Seq(1)));
    let folder = rig.into_folder();
    for _ in 0..2 {
        let store = open(&folder).unwrap();
        assert_eq!(
            store.load(&sid("s1")).unwrap().unwrap().row,
            start("s1", "ana").row
        );
        assert!(store.shutdown(PATIENCE));
    }
    let raw = Connection::open(folder.path().join("records.db")).unwrap();
    let versions: i64 = raw
        .query_row("SELECT count(*) FROM schema_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(versions, crate::sqlite::schema::newest());
}

#[test]
fn a_newer_schema_is_refused_with_both_numbers() {
    let rig = Rig::sqlite();
    rig.outsider()
        .execute_batch("INSERT INTO schema_version VALUES (99, 'later')")
        .unwrap();
    let folder = rig.into_folder();
    let Err(error) = open(&folder) else {
        panic!("opened")
    };
    assert!(
        matches!(error, StoreError::SchemaTooNew { found: 99, .. }),
        "{error}"
    );
    assert!(!error.is_temporary());
}

#[test]
fn only_one_process_may_write() {
    let rig = Rig::sqlite();
    let super::Kind::Sqlite(_, folder) = &rig.kind else {
        panic!()
    };
    assert!(matches!(open(folder), Err(StoreError::InUse { .. })));
    let folder = rig.into_folder();
    assert!(open(&folder).is_ok());
}

#[test]
fn a_dropped_active_table_is_there_again_within_seconds_with_what_runs_and_nothing_else() {
    let rig = Rig::sqlite();
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Committed(Seq(1)));
    assert_eq!(rig.save(&start("s2", "bob")), Saved::Committed(Seq(1)));
    let end = end("s2", "bob", 2, EndReason::Completed);
    assert_eq!(rig.save(&end), Saved::Committed(Seq(2)));
    rig.drop_active_table();
    let dropped = Instant::now();
    let raw = rig.outsider();
    let rows = "SELECT group_concat(user_id || ' ' || session_id || ' ' || status)
         FROM active_interview_sessions";
    // Nobody saves anything meanwhile.
    while raw
        .query_row(rows, [], |row| row.get::<_, Option<String>>(0))
        .ok()
        .flatten()
        .is_none_or(|rows| rows != "ana s1 active")
    {
        assert!(dropped.elapsed() < Duration::from_secs(5), "still missing");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_active_table_has_the_promised_shape_and_is_made_anew_at_the_next_start() {
    let rig = Rig::sqlite();
    rig.drop_active_table();
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Committed(Seq(1)));
    assert_eq!(
        rig.store()
            .metrics()
            .active_table_missing
            .load(Ordering::SeqCst),
        1
    );
    let folder = rig.into_folder();
    let rig = Rig::sqlite_in(folder, "b1", |_| {});
    let raw = rig.outsider();
    raw.execute(
        "INSERT INTO active_interview_sessions (user_id, session_id) VALUES ('u', 's')",
        [],
    )
    .unwrap();
    let row: (String, String) = raw
        .query_row(
            "SELECT status, created_at FROM active_interview_sessions
             WHERE created_at > datetime('now', '-1 minute') AND updated_at = created_at",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!((row.0.as_str(), row.1.len()), ("active", 23));
    let wrong = "UPDATE active_interview_sessions SET status = 'ended'";
    assert!(raw.execute(wrong, []).is_err());
    let twice = "INSERT INTO active_interview_sessions (user_id, session_id) VALUES ('u', 't')";
    assert!(raw.execute(twice, []).is_err());
    let indexes: i64 = raw
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name IN
                 ('idx_active_sessions_created_at', 'idx_active_sessions_user_id')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(indexes, 2);
}

#[test]
fn rows_of_other_programs_are_read_reaped_and_in_nobodys_way() {
    let rig = Rig::sqlite();
    let raw = rig.outsider();
    raw.execute_batch(
        "INSERT INTO active_interview_sessions (user_id, session_id, created_at)
             VALUES ('ana', 'gone', '2027-01-15 08:00:00'), ('bob', 'not an id', '2027-01-15T08:00:00.250Z');",
    )
    .unwrap();
    let store = rig.store();
    let made = Wall(1_800_000_000_000);
    assert_eq!(
        store.active_of(&uid("ana")).unwrap(),
        Some(ActiveRow {
            session: sid("gone"),
            status: Status::Active,
            created_at: made
        })
    );
    let rows = ActiveRows {
        count: 2,
        oldest_age_ms: Some(900_000),
    };
    assert_eq!(store.active_rows(made.after(900_000)).unwrap(), rows);
    assert!(matches!(
        store.active_of(&uid("bob")),
        Err(StoreError::Unreadable { .. })
    ));
    let refused = rig.save(&start("s1", "ana"));
    assert_eq!(refused, super::elsewhere(sid("gone")));
    assert_eq!(rig.save(&start("s2", "bob")), Saved::Committed(Seq(1)));
    assert_eq!(
        store
            .reap_active(made.after(900_000), 900_000)
            .unwrap()
            .gone,
        0
    );
    assert_eq!(
        store
            .reap_active(made.after(900_001), 900_000)
            .unwrap()
            .gone,
        1
    );
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Committed(Seq(1)));
}

#[test]
fn the_tables_themselves_forbid_what_no_save_may_do() {
    let rig = Rig::sqlite();
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Committed(Seq(1)));
    assert_eq!(rig.save(&save("s2", "bob", 0)), Saved::Committed(Seq(0)));
    let last = end("s1", "ana", 2, EndReason::Completed);
    assert_eq!(rig.save(&last), Saved::Committed(Seq(2)));
    let raw = rig.outsider();
    for (sql, word) in [
        (
            "UPDATE sessions SET status = 'active' WHERE session = 's1'",
            "stays ended",
        ),
        (
            "UPDATE sessions SET reason = 'abandoned' WHERE session = 's1'",
            "stays ended",
        ),
        (
            "UPDATE sessions SET reason = NULL WHERE session = 's1'",
            "stays ended",
        ),
        (
            "UPDATE sessions SET sealed = 0 WHERE session = 's1'",
            "stays ended",
        ),
        (
            "UPDATE sessions SET reason = 'completed' WHERE session = 's2'",
            "CHECK",
        ),
        (
            "UPDATE sessions SET status = 'ended', reason = 'bored' WHERE session = 's2'",
            "CHECK",
        ),
        (
            "UPDATE sessions SET status = 'paused' WHERE session = 's2'",
            "CHECK",
        ),
        (
            "UPDATE sessions SET deadline_at = NULL WHERE session = 's2'",
            "CHECK",
        ),
    ] {
        let error = raw.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains(word), "{sql}: {error}");
    }
}

#[test]
fn a_program_that_names_a_reason_keeps_it_until_the_owner_writes_the_end() {
    let rig = Rig::sqlite();
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Committed(Seq(1)));
    let sql = "UPDATE sessions SET status = 'ended', reason = 'admin_ended' WHERE session = 's1'";
    rig.outsider().execute(sql, []).unwrap();
    assert_eq!(rig.told.foreign.recv_timeout(PATIENCE).unwrap(), sid("s1"));
    let row = rig.store().session_row(&sid("s1")).unwrap().unwrap();
    assert_eq!(row.reason, Some(EndReason::AdminEnded));
    assert!(row.ended_at.is_some());
    let last = end("s1", "ana", 2, EndReason::ClosedExternally);
    assert_eq!(rig.save(&last), Saved::Committed(Seq(2)));
    assert_eq!(
        rig.store().session_row(&sid("s1")).unwrap().unwrap(),
        last.row
    );
}

#[test]
fn an_end_from_outside_is_told_once_however_often_others_write() {
    let rig = Rig::sqlite();
    for session in ["s1", "s2"] {
        assert_eq!(
            rig.save(&save(session, session, 0)),
            Saved::Committed(Seq(0))
        );
    }
    rig.end_from_outside(&sid("s1"));
    assert_eq!(rig.told.foreign.recv_timeout(PATIENCE).unwrap(), sid("s1"));
    rig.end_from_outside(&sid("s2"));
    assert_eq!(rig.told.foreign.recv_timeout(PATIENCE).unwrap(), sid("s2"));
    assert!(rig.told.foreign.try_recv().is_err());
}

/// A store whose thread stands still after its first batch until the gate opens.
struct Gated {
    store: Sqlite,
    told: std::sync::mpsc::Receiver<crate::Answers>,
    gate: std::sync::mpsc::Sender<()>,
    _folder: tempfile::TempDir,
}

fn gated(queue_bytes_max: usize) -> Gated {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path().join("records.db"));
    config.queue_bytes_max = queue_bytes_max;
    let (tell, told) = channel();
    let (gate, opened) = channel::<()>();
    let callbacks = Callbacks::on_saved(move |answers| {
        tell.send(answers).unwrap();
        // An error: the test is over.
        let _ = opened.recv();
    });
    let store = Sqlite::open(&config, boot("b1"), super::now, callbacks).unwrap();
    store.submit(EffectId(0), save("first", "zoe", 0)).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap().len(), 1);
    Gated {
        store,
        told,
        gate,
        _folder: folder,
    }
}

#[test]
fn saves_that_wait_share_a_commit_and_a_later_one_takes_the_place_of_an_earlier() {
    let Gated {
        store,
        told,
        gate,
        _folder,
    } = gated(64 << 20);
    store
        .submit(EffectId(1), save_events("s1", "ana", 1, 1))
        .unwrap();
    store
        .submit(EffectId(2), save_events("s2", "bob", 1, 1))
        .unwrap();
    store
        .submit(EffectId(3), save_events("s3", "eve", 2, 2))
        .unwrap();
    store
        .submit(EffectId(4), save_events("s1", "ana", 1, 3))
        .unwrap();
    let commits = store.metrics().commits.load(Ordering::SeqCst);
    gate.send(()).unwrap();
    let batch = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        batch,
        [
            (EffectId(4), sid("s1"), Saved::Committed(Seq(3))),
            (EffectId(2), sid("s2"), Saved::Committed(Seq(1))),
            (EffectId(3), sid("s3"), Saved::Rejected),
        ],
        "a save that fails does not touch its neighbors"
    );
    let metrics = store.metrics();
    assert_eq!(metrics.commits.load(Ordering::SeqCst), commits + 1);
    assert_eq!(metrics.saves_replaced.load(Ordering::SeqCst), 1);
    assert_eq!(metrics.batch_sizes.read().sum, 4);
    assert_eq!(metrics.save_latency_us.read().count(), 3);
    drop(gate);
}

#[test]
fn beyond_the_bytes_that_may_wait_a_save_is_refused_at_once() {
    let Gated {
        store,
        told,
        gate,
        _folder,
    } = gated(4_000);
    let big = |session: &str, bytes: usize| {
        let mut save = save(session, session, 0);
        save.row.snapshot = "x".repeat(bytes).into();
        save
    };
    store.submit(EffectId(1), big("s1", 2_000)).unwrap();
    assert_eq!(
        store.submit(EffectId(2), big("s2", 1_500)),
        Err(Saved::Temporary)
    );
    store.submit(EffectId(3), big("s1", 3_000)).unwrap();
    assert_eq!(
        store.submit(EffectId(4), big("s1", 3_500)),
        Err(Saved::Temporary)
    );
    gate.send(()).unwrap();
    let batch = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(batch, [(EffectId(3), sid("s1"), Saved::Committed(Seq(0)))]);
    drop(gate);
}

#[test]
fn a_shutdown_writes_what_is_queued_and_gives_the_lease_back() {
    let rig = Rig::sqlite();
    for n in 0..600 {
        rig.submit(&start(&format!("s{n}"), &format!("u{n}")));
    }
    assert!(rig.store().shutdown(PATIENCE));
    for _ in 0..600 {
        assert_eq!(rig.told.next().2, Saved::Committed(Seq(1)));
    }
    let late = rig.store().submit(EffectId(9999), save("late", "ana", 0));
    assert_eq!(late, Err(Saved::Temporary));
    assert!(!rig.store().health().writable);
    assert!(rig.store().health().readable);
    let until: i64 = rig
        .outsider()
        .query_row("SELECT lease_until FROM nodes", [], |row| row.get(0))
        .unwrap();
    assert_eq!(until, NOW.0);
    let metrics = rig.store().metrics();
    assert_eq!(metrics.start_latency_us.read().count(), 600);
}

#[test]
fn only_a_save_that_begins_an_interview_counts_as_a_start() {
    let rig = Rig::sqlite();
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Committed(Seq(1)));
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Committed(Seq(1)));
    let mut next = save_events("s1", "ana", 2, 2);
    next.active = ActiveChange::Upsert {
        status: Status::Active,
        force: false,
    };
    assert_eq!(rig.save(&next), Saved::Committed(Seq(2)));
    assert_eq!(rig.store().metrics().start_latency_us.read().count(), 1);
}

#[test]
fn the_lease_is_written_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path().join("records.db"));
    config.lease_every = Duration::from_millis(1);
    let (asked, asks) = channel();
    let wall = std::sync::atomic::AtomicI64::new(0);
    let clock = move || {
        let now = wall.fetch_add(1000, Ordering::SeqCst);
        // An error: the test has seen enough.
        let _ = asked.send(now);
        Now {
            mono: Mono(u64::try_from(now).unwrap()),
            wall: Wall(now),
        }
    };
    let store = Sqlite::open(&config, boot("b1"), clock, callbacks().0).unwrap();
    while asks.recv_timeout(PATIENCE).unwrap() < 5_000 {}
    assert!(store.shutdown(PATIENCE));
    let last = asks.iter().last().unwrap();
    drop(store);
    let raw = Connection::open(folder.path().join("records.db")).unwrap();
    let until: i64 = raw
        .query_row("SELECT lease_until FROM nodes", [], |row| row.get(0))
        .unwrap();
    assert_eq!(until, last, "given back when it stopped");
}

#[test]
fn the_log_file_is_emptied_into_the_database_when_there_is_nothing_else_to_do() {
    let rig = Rig::sqlite();
    for n in 0..6 {
        let mut large = save(&format!("s{n}"), "ana", 0);
        large.row.snapshot = "x".repeat(1 << 20).into();
        assert_eq!(rig.save(&large), Saved::Committed(Seq(0)));
    }
    let until = Instant::now() + PATIENCE;
    while rig.store().metrics().checkpoints.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < until, "never");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let (log, moved): (i64, i64) = rig
        .outsider()
        .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
            Ok((row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(log, moved);
}
