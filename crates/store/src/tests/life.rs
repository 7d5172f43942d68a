//! What a session needs to outlive its process: seats with their keys, what happened beside the
//! log, taking over many at once, ends over time.

use std::time::{Duration, Instant};

use protocol::id::{EffectId, Generation, KeyHash, Seq};
use protocol::record::{ActiveChange, Happening, HappeningRow, Save, Saved};
use protocol::time::{Mono, Now, Wall};
use protocol::value::{EndReason, Role, Status};

use super::{
    NOW, PATIENCE, Rig, boot, end, event, now, on_both, save, save_events, seat, sid, start, uid,
};
use crate::rows::{EndBucket, Reaped};

on_both! {
    a_seat_comes_back_with_its_key_and_no_older_holder_replaces_it
    what_happened_is_kept_once_in_its_place
    running_sessions_of_dead_boots_are_taken_over_many_at_a_time
    ends_are_counted_over_time
    the_last_words_of_a_session_ended_from_outside_are_kept
}

fn committed(rig: &Rig, save: &Save) {
    assert_eq!(rig.save(save), Saved::Committed(save.row.seq));
}

fn a_seat_comes_back_with_its_key_and_no_older_holder_replaces_it(rig: &Rig) {
    let mut one = save("s1", "ana", 0);
    let mut ana = seat("ana", 1, Role::Candidate);
    ana.generation = Generation(5);
    one.participants = vec![ana.clone()];
    committed(rig, &one);
    let mut older = ana.clone();
    older.generation = Generation(4);
    older.key = Some(KeyHash(1));
    one.participants = vec![older];
    committed(rig, &one);
    assert_eq!(rig.store().participants(&sid("s1")).unwrap(), [ana.clone()]);
    let mut newer = ana;
    newer.generation = Generation(6);
    newer.key = None;
    newer.away_since = Some(NOW.after(7));
    newer.seated = false;
    one.participants = vec![newer.clone()];
    committed(rig, &one);
    let loaded = rig.store().load(&sid("s1")).unwrap().unwrap();
    assert_eq!(loaded.participants, [newer]);
}

fn happening(place: u32, what: Happening) -> HappeningRow {
    HappeningRow {
        place,
        at: NOW.after(u64::from(place)),
        what,
        user: (place != 2).then(|| uid("ana")),
        detail: "candidate".into(),
    }
}

fn what_happened_is_kept_once_in_its_place(rig: &Rig) {
    let mut one = save("s1", "ana", 0);
    let rows = [
        happening(1, Happening::Joined),
        happening(2, Happening::Degraded),
    ];
    one.happenings = rows.to_vec();
    committed(rig, &one);
    let third = happening(3, Happening::Left);
    one.happenings = vec![happening(2, Happening::Restored), third.clone()];
    committed(rig, &one);
    let [first, second] = rows;
    let store = rig.store();
    assert_eq!(
        store.happenings(&sid("s1")).unwrap(),
        [first, second, third]
    );
    assert_eq!(store.load(&sid("s1")).unwrap().unwrap().happened, 3);
    assert!(store.happenings(&sid("s2")).unwrap().is_empty());
    committed(rig, &end("s1", "ana", 1, EndReason::Completed));
    store.forget(&sid("s1"), NOW).unwrap();
    assert!(store.happenings(&sid("s1")).unwrap().is_empty());
}

fn running_sessions_of_dead_boots_are_taken_over_many_at_a_time(rig: &Rig) {
    for n in 0..5 {
        committed(rig, &start(&format!("s{n}"), &format!("u{n}")));
    }
    let mut waits = save("waits", "ana", 0);
    waits.row.status = Status::Scheduled;
    committed(rig, &waits);
    committed(rig, &end("s4", "u4", 2, EndReason::Completed));
    let later = Now {
        mono: Mono(now().mono.0 + 7_000),
        wall: NOW.after(7_000),
    };
    let adopt = |limit| {
        rig.store()
            .adopt_running(&boot("b2"), later, limit)
            .unwrap()
    };
    assert!(adopt(9).is_empty(), "its owner lives");
    rig.boot_died(&boot("b1"));
    let mut all = adopt(3);
    assert_eq!(all.len(), 3);
    all.extend(adopt(3));
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let ids: Vec<_> = all.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["s0", "s1", "s2", "s3"]);
    for (id, adopted) in &all {
        let loaded = rig.store().load(id).unwrap().unwrap();
        assert_eq!(loaded.fence, adopted.fence);
        assert_eq!(adopted.fence.boot, boot("b2"));
    }
    assert!(adopt(3).is_empty());
}

fn ends_are_counted_over_time(rig: &Rig) {
    for (n, (after, reason)) in [
        (0, EndReason::Completed),
        (999, EndReason::Abandoned),
        (500, EndReason::Completed),
        (1_000, EndReason::Completed),
        (5_000, EndReason::Completed),
    ]
    .into_iter()
    .enumerate()
    {
        let mut last = end(&format!("s{n}"), &format!("u{n}"), 1, reason);
        last.row.ended_at = Some(NOW.after(after));
        last.active = ActiveChange::Keep;
        committed(rig, &last);
    }
    let bucket = |after, reason, count| EndBucket {
        from: NOW.after(after),
        reason,
        count,
        duration_ms: 995 * count,
    };
    let found = rig
        .store()
        .ends_over_time(NOW, NOW.after(5_000), 1_000)
        .unwrap();
    assert_eq!(
        found,
        [
            bucket(0, EndReason::Abandoned, 1),
            bucket(0, EndReason::Completed, 2),
            bucket(1_000, EndReason::Completed, 1),
        ]
    );
}

fn the_last_words_of_a_session_ended_from_outside_are_kept(rig: &Rig) {
    committed(rig, &start("s1", "ana"));
    rig.end_from_outside(&sid("s1"));
    assert_eq!(rig.told.foreign.recv_timeout(PATIENCE).unwrap(), sid("s1"));
    let mut words = save_events("s1", "ana", 2, 2);
    words.row.status = Status::Completing;
    words.active = ActiveChange::Upsert {
        status: Status::Completing,
        force: false,
    };
    committed(rig, &words);
    let row = rig.store().session_row(&sid("s1")).unwrap().unwrap();
    assert_eq!(
        (row.status, row.reason, row.seq),
        (Status::Ended, Some(EndReason::ClosedExternally), Seq(2))
    );
    assert!(row.ended_at.is_some());
    let log = rig.store().log(&sid("s1"), Seq(1), usize::MAX).unwrap();
    assert_eq!(log, [event(2)]);
    committed(rig, &end("s1", "ana", 3, EndReason::ClosedExternally));
    assert_eq!(rig.store().active_of(&uid("ana")).unwrap(), None);
}

/// Longest time a save may wait behind one step of the reaper's work, unoptimized and with other
/// tests beside it; `bench faults --only reaper` measures the step as it is.
const STEP_LIMIT: Duration = Duration::from_millis(500);

#[test]
fn the_reaper_puts_many_rows_right_in_few_steps_and_saves_go_on_between_them() {
    let rig = Rig::sqlite();
    committed(&rig, &start("s0", "ana"));
    let raw = rig.outsider();
    raw.execute_batch(
        "BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
         INSERT INTO active_interview_sessions (user_id, session_id, created_at)
         SELECT 'u' || i, 'gone' || i, '2020-01-01 00:00:00' FROM n;
         COMMIT;",
    )
    .unwrap();
    let begun = Instant::now();
    let store = rig.store();
    std::thread::scope(|scope| {
        let reaper = scope.spawn(|| store.reap_active(NOW, 900_000).unwrap());
        let mut longest = Duration::ZERO;
        let mut n = 0_u64;
        while !reaper.is_finished() {
            n += 1;
            let sent = Instant::now();
            let mut one = save(&format!("s{n}"), "zed", 0);
            one.row.status = Status::Scheduled;
            store.submit(EffectId(n), one).unwrap();
            assert_eq!(rig.told.next().2, Saved::Committed(Seq(0)));
            longest = longest.max(sent.elapsed());
        }
        let reaped = reaper.join().unwrap();
        assert_eq!(
            reaped,
            Reaped {
                gone: 25_000,
                come: 0
            }
        );
        println!(
            "25,000 rows in {:?}, longest save {longest:?}",
            begun.elapsed()
        );
        assert!(longest < STEP_LIMIT, "{longest:?}");
    });
    assert_eq!(store.metrics().reap_us.read().count(), 3);
    // The one whose session runs is still there.
    assert_eq!(store.active_rows(Wall(NOW.0)).unwrap().count, 1);
    assert!(store.active_of(&uid("ana")).unwrap().is_some());
}

#[test]
fn a_table_full_of_wrong_rows_is_emptied_and_one_that_lacks_rows_is_filled_in_steps() {
    let rig = Rig::sqlite();
    let raw = rig.outsider();
    raw.execute_batch(
        "BEGIN;
         CREATE TEMP TABLE n AS
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
             SELECT i FROM n;
         INSERT INTO active_interview_sessions (user_id, session_id, created_at)
             SELECT 'u' || i, 'gone' || i, '2020-01-01 00:00:00' FROM n;
         INSERT INTO sessions (session, status, candidate, title, snapshot, epoch, seq, created_at,
                 started_at, deadline_at, last_activity_at, owner_boot, owner_generation)
             SELECT 's' || i, 'active', 'u' || i, '', '{}', 1, 1, 1, 1, 2, 1, 'b', 1 FROM n;
         COMMIT;",
    )
    .unwrap();
    let store = rig.store();
    let reaped = store.reap_active(NOW, 900_000).unwrap();
    assert_eq!(
        reaped,
        Reaped {
            gone: 9_000,
            come: 9_000
        }
    );
    // One in which all went, one in which all came.
    assert_eq!(store.metrics().reap_us.read().count(), 2);
    assert_eq!(store.reap_active(NOW, 900_000).unwrap(), Reaped::default());
    let row = store.active_of(&uid("u77")).unwrap().unwrap();
    assert_eq!(row.session, sid("s77"));
}

#[test]
fn time_away_is_counted_by_the_monotonic_clock_where_it_is_the_same_and_in_doubt_for_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::sqlite_in(folder, "b1", |config| config.clock = "this machine".into());
    committed(&rig, &start("s1", "ana"));
    committed(&rig, &start("s2", "bob"));
    let folder = rig.into_folder();
    // It went by itself, at the moment `now`; the wall clock is set an hour ahead meanwhile.
    let later = Now {
        mono: Mono(now().mono.0 + 7_000),
        wall: NOW.after(3_600_000),
    };
    let rig = Rig::sqlite_in(folder, "b2", |config| config.clock = "this machine".into());
    let adopt = |rig: &Rig, id: &str, owner: &str| {
        let adopted = rig.store().adopt(&sid(id), &boot(owner), later).unwrap();
        adopted.unwrap().away_ms
    };
    assert_eq!(adopt(&rig, "s1", "b2"), 7_000);
    let folder = rig.into_folder();
    let rig = Rig::sqlite_in(folder, "b3", |config| config.clock = "another".into());
    // No farewell: it may have lived until its next sign of life.
    rig.outsider()
        .execute_batch("UPDATE nodes SET left_clean = 0")
        .unwrap();
    assert_eq!(adopt(&rig, "s2", "b3"), 3_600_000 - 5_000);
}
