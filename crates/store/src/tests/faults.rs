//! SQLite failing in every way it can: each is `Temporary`, nothing is half written, and the
//! writer comes back by itself.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use protocol::id::Seq;
use protocol::record::{Save, Saved};

use super::{PATIENCE, Rig, save, save_events, sid, start};

/// Saves until the store is back, as the engine does.
fn until_committed(rig: &Rig, save: &Save) {
    let until = Instant::now() + PATIENCE;
    loop {
        match rig.save(save) {
            Saved::Committed(seq) => return assert_eq!(seq, save.row.seq),
            Saved::Temporary => assert!(Instant::now() < until, "it never came back"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_database_locked_by_another_program_is_temporary() {
    let rig = Rig::sqlite_with(|config| config.busy = Duration::ZERO);
    let outsider = rig.outsider();
    outsider.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Temporary);
    let health = rig.store().health();
    assert!(health.readable && !health.writable);
    assert_eq!(rig.store().load(&sid("s1")).unwrap(), None);
    assert!(
        rig.store()
            .clear_active(&super::uid("ana"))
            .unwrap_err()
            .is_temporary()
    );
    outsider.execute_batch("ROLLBACK").unwrap();
    until_committed(&rig, &start("s1", "ana"));
    assert!(rig.store().health().writable);
    assert_eq!(rig.store().metrics().reopened.load(Ordering::SeqCst), 0);
}

#[test]
fn a_store_nobody_writes_to_notices_by_itself_that_it_is_back() {
    let rig = Rig::sqlite_with(|config| {
        config.busy = Duration::ZERO;
        config.lease_every = Duration::from_millis(5);
    });
    let outsider = rig.outsider();
    outsider.execute_batch("BEGIN IMMEDIATE").unwrap();
    rig.told.lease_failed.recv_timeout(PATIENCE).unwrap();
    assert!(!rig.store().health().writable);
    outsider.execute_batch("ROLLBACK").unwrap();
    let until = Instant::now() + PATIENCE;
    while !rig.store().health().writable {
        assert!(Instant::now() < until, "it never came back");
        std::thread::yield_now();
    }
}

#[test]
fn a_full_disk_is_temporary_and_leaves_no_trace() {
    let rig = Rig::sqlite();
    assert_eq!(
        rig.save(&save_events("s1", "ana", 1, 1)),
        Saved::Committed(Seq(1))
    );
    rig.sqlite_store().on_writer("PRAGMA max_page_count = 1");
    let mut large = save_events("s1", "ana", 2, 3);
    large.row.snapshot = "x".repeat(1 << 20).into();
    assert_eq!(rig.save(&large), Saved::Temporary);
    let loaded = rig.store().load(&sid("s1")).unwrap().unwrap();
    assert_eq!(loaded.row, save_events("s1", "ana", 1, 1).row);
    assert_eq!(
        rig.store()
            .log(&sid("s1"), Seq(0), usize::MAX)
            .unwrap()
            .len(),
        1
    );
    rig.sqlite_store()
        .on_writer("PRAGMA max_page_count = 1000000");
    until_committed(&rig, &large);
    assert_eq!(
        rig.store().load(&sid("s1")).unwrap().unwrap().row,
        large.row
    );
}

#[test]
fn a_commit_that_fails_is_temporary_for_its_whole_batch() {
    let rig = Rig::sqlite();
    rig.sqlite_store()
        .faults
        .fail_before
        .store(1, Ordering::SeqCst);
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Temporary);
    assert_eq!(rig.store().load(&sid("s1")).unwrap(), None);
    until_committed(&rig, &start("s1", "ana"));
    assert_eq!(rig.store().metrics().reopened.load(Ordering::SeqCst), 1);
}

#[test]
fn a_commit_that_happened_although_it_reported_an_error_is_repeated_without_harm() {
    let rig = Rig::sqlite();
    rig.sqlite_store()
        .faults
        .fail_after
        .store(1, Ordering::SeqCst);
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Temporary);
    let written = rig.store().load(&sid("s1")).unwrap();
    assert!(written.is_some());
    let mut more = save_events("s1", "ana", 1, 4);
    more.active = start("s1", "ana").active;
    until_committed(&rig, &more);
    assert_eq!(
        rig.store().log(&sid("s1"), Seq(0), usize::MAX).unwrap(),
        more.events
    );
}

#[test]
fn a_file_that_vanished_is_a_store_that_is_away_not_an_empty_one() {
    let rig = Rig::sqlite();
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Committed(Seq(1)));
    let super::Kind::Sqlite(store, folder) = &rig.kind else {
        panic!()
    };
    let (here, away) = (
        folder.path().join("records.db"),
        folder.path().join("away.db"),
    );
    // Everything moves into the one file before it goes.
    store.on_writer("PRAGMA wal_checkpoint(TRUNCATE)");
    store.faults.fail_before.store(1, Ordering::SeqCst);
    std::fs::rename(&here, &away).unwrap();
    assert_eq!(rig.save(&save_events("s1", "ana", 2, 2)), Saved::Temporary);
    let until = Instant::now() + Duration::from_millis(200);
    while Instant::now() < until {
        assert_eq!(rig.save(&save_events("s1", "ana", 2, 2)), Saved::Temporary);
    }
    assert!(!here.exists());
    std::fs::rename(&away, &here).unwrap();
    until_committed(&rig, &save_events("s1", "ana", 2, 2));
    assert_eq!(
        rig.store()
            .log(&sid("s1"), Seq(0), usize::MAX)
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_store_dropped_without_farewell_opens_again_with_everything_committed() {
    let rig = Rig::sqlite();
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Committed(Seq(1)));
    assert_eq!(rig.save(&save("s2", "bob", 0)), Saved::Committed(Seq(0)));
    let rig = Rig::sqlite_in(rig.into_folder(), "b2", |_| {});
    let store = rig.store();
    let unfinished = store
        .unfinished_of_other_boots(&super::boot("b2"), super::NOW, 9)
        .unwrap();
    assert_eq!(
        unfinished,
        [sid("s1"), sid("s2")],
        "no waiting for the lease of a dead process"
    );
    let adopted = store.adopt(&sid("s1"), &super::boot("b2"), super::now());
    let fence = adopted.unwrap().unwrap().fence;
    let next = Save {
        fence,
        ..save_events("s1", "ana", 2, 2)
    };
    assert_eq!(rig.save(&next), Saved::Committed(Seq(2)));
}
