//! The contract of the records: every test runs on memory and on SQLite.

use protocol::id::{Epoch, Generation, Seq};
use protocol::record::{ActiveChange, Save, Saved};
use protocol::time::Wall;
use protocol::value::{EndReason, Role, Status};

use super::{
    NOW, PATIENCE, Rig, answer, boot, end, event, now, on_both, request, save, save_events, seat,
    segment, sid, start, uid,
};
use crate::rows::{ActiveRow, ActiveRows, Adopted, Filter, Forgotten, Kind, Page, Reaped, Trace};

on_both! {
    everything_saved_is_read_back
    a_repeat_is_answered_alike_and_changes_nothing
    a_later_save_brings_the_same_suffix_and_more
    a_save_another_overtook_is_committed_and_changes_nothing
    a_stored_event_with_another_body_is_rejected
    a_hole_in_the_log_is_rejected
    a_row_that_does_not_match_its_log_is_rejected
    a_row_that_breaks_a_rule_is_rejected
    another_boot_or_an_old_generation_is_fenced
    a_newer_generation_of_the_same_boot_takes_the_row
    a_candidate_has_one_active_session
    force_takes_the_active_row_from_another_session
    the_row_of_an_ended_session_is_in_nobodys_way
    an_end_deletes_only_its_own_active_row
    an_ended_session_stays_ended
    a_status_never_goes_back
    an_end_from_outside_reaches_the_owner_who_then_seals_it
    without_the_active_table_interviews_go_on
    two_seats_never_share_a_number
    a_final_that_is_not_in_the_log_is_rejected
    the_first_answer_to_a_request_stays
    the_log_is_read_in_pieces_of_at_least_one_event
    only_a_dead_boots_session_is_adopted
    unfinished_sessions_of_other_boots_are_found_once_their_lease_is_over
    overdue_scheduled_sessions_are_found_earliest_first
    sessions_are_listed_newest_first_in_pages
    ends_are_counted_by_reason
    clearing_by_hand_spares_a_running_session
    the_reaper_takes_only_rows_nobody_can_want
    a_forgotten_session_never_comes_back
    old_records_go_by_kind
}

fn committed(rig: &Rig, save: &Save) {
    assert_eq!(rig.save(save), Saved::Committed(save.row.seq));
}

pub(super) fn full(session: &str) -> Save {
    Save {
        participants: vec![
            seat("bob", 2, Role::Interviewer),
            seat("ana", 1, Role::Candidate),
            seat("eve", 3, Role::Observer),
        ],
        answers: vec![answer("q2", 1), answer("q1", 0)],
        segments: vec![segment(2), segment(4)],
        requests: vec![
            request("bob", "r-2", "{\"ok\":true}"),
            request("ana", "r-1", "{}"),
        ],
        report: Some("{\"report\":\"\\u2603\"}".into()),
        active: ActiveChange::Upsert {
            status: Status::Active,
            force: false,
        },
        ..save_events(session, "ana", 1, 4)
    }
}

/// All that can be read of a session.
fn everything(rig: &Rig, session: &str) -> impl PartialEq + std::fmt::Debug {
    let (store, id) = (rig.store(), sid(session));
    (
        store.load(&id).unwrap(),
        store.log(&id, Seq(0), usize::MAX).unwrap(),
        (
            store.answers(&id).unwrap(),
            store.segments(&id).unwrap(),
            store.report(&id).unwrap(),
        ),
        store.active_of(&uid("ana")).unwrap(),
    )
}

fn everything_saved_is_read_back(rig: &Rig) {
    let save = full("s1");
    committed(rig, &save);
    let (store, id) = (rig.store(), sid("s1"));
    let loaded = store.load(&id).unwrap().unwrap();
    assert_eq!(loaded.row, save.row);
    assert_eq!(loaded.fence, save.fence);
    let by_number: Vec<_> = [1, 0, 2].map(|at| save.participants[at].clone()).into();
    assert_eq!(loaded.participants, by_number);
    assert_eq!(store.participants(&id).unwrap(), by_number);
    assert_eq!(loaded.requests, save.requests);
    assert_eq!(loaded.last_seq, [Seq(4), Seq(4), Seq(4)]);
    assert_eq!(store.session_row(&id).unwrap().unwrap(), save.row);
    assert_eq!(store.log(&id, Seq(0), usize::MAX).unwrap(), save.events);
    assert_eq!(
        store.answers(&id).unwrap(),
        [save.answers[1].clone(), save.answers[0].clone()]
    );
    let spoken = store.segments(&id).unwrap();
    let segments: Vec<_> = spoken.iter().map(|spoken| spoken.segment.clone()).collect();
    assert_eq!(segments, save.segments);
    assert_eq!(spoken[1].body, save.events[3].body);
    assert_eq!(store.report(&id).unwrap(), save.report);
    let active = ActiveRow {
        session: id,
        status: Status::Active,
        created_at: NOW.after(5),
    };
    assert_eq!(store.active_of(&uid("ana")).unwrap(), Some(active));
    let rows = ActiveRows {
        count: 1,
        oldest_age_ms: Some(95),
    };
    assert_eq!(store.active_rows(NOW.after(100)).unwrap(), rows);
    assert_eq!(store.load(&sid("s2")).unwrap(), None);
    let asked = ["s2", "s1", "s2"].map(sid);
    assert_eq!(
        store.find(&asked).unwrap(),
        [Trace::Nothing, Trace::Kept, Trace::Nothing],
        "in the order they were asked for"
    );

    // What the candidate may not see does not count for them.
    committed(rig, &save_events("s1", "ana", 5, 6));
    assert_eq!(
        store.load(&sid("s1")).unwrap().unwrap().last_seq,
        [Seq(5), Seq(6), Seq(6)]
    );
}

fn a_repeat_is_answered_alike_and_changes_nothing(rig: &Rig) {
    let save = full("s1");
    committed(rig, &save);
    let before = everything(rig, "s1");
    committed(rig, &save);
    assert_eq!(everything(rig, "s1"), before);
}

fn a_later_save_brings_the_same_suffix_and_more(rig: &Rig) {
    committed(rig, &save_events("s1", "ana", 1, 3));
    committed(rig, &save_events("s1", "ana", 2, 5));
    let events: Vec<_> = (1..=5).map(event).collect();
    assert_eq!(
        rig.store().log(&sid("s1"), Seq(0), usize::MAX).unwrap(),
        events
    );
}

fn a_save_another_overtook_is_committed_and_changes_nothing(rig: &Rig) {
    committed(rig, &full("s1"));
    committed(rig, &save_events("s1", "ana", 5, 6));
    let before = everything(rig, "s1");
    assert_eq!(rig.save(&full("s1")), Saved::Committed(Seq(6)));
    assert_eq!(everything(rig, "s1"), before);
    let mut other = full("s1");
    other.events[1].body = "{}".into();
    assert_eq!(rig.save(&other), Saved::Rejected);
}

fn a_stored_event_with_another_body_is_rejected(rig: &Rig) {
    committed(rig, &save_events("s1", "ana", 1, 3));
    let before = everything(rig, "s1");
    let mut other = save_events("s1", "ana", 3, 5);
    other.events[0].body = "{\"type\":\"other\"}".into();
    assert_eq!(rig.save(&other), Saved::Rejected);
    assert_eq!(everything(rig, "s1"), before);
}

fn a_hole_in_the_log_is_rejected(rig: &Rig) {
    assert_eq!(rig.save(&save_events("s1", "ana", 2, 2)), Saved::Rejected);
    committed(rig, &save_events("s1", "ana", 1, 2));
    assert_eq!(rig.save(&save_events("s1", "ana", 4, 5)), Saved::Rejected);
    let mut holed = save_events("s1", "ana", 3, 5);
    holed.events.remove(1);
    assert_eq!(rig.save(&holed), Saved::Rejected);
    assert_eq!(
        rig.store()
            .log(&sid("s1"), Seq(0), usize::MAX)
            .unwrap()
            .len(),
        2
    );
}

fn a_row_that_does_not_match_its_log_is_rejected(rig: &Rig) {
    assert_eq!(rig.save(&save("s1", "ana", 1)), Saved::Rejected);
    committed(rig, &save("s1", "ana", 0));
    let mut ahead = save_events("s1", "ana", 1, 2);
    ahead.row.seq = Seq(3);
    assert_eq!(rig.save(&ahead), Saved::Rejected);
    ahead.row.seq = Seq(1);
    assert_eq!(rig.save(&ahead), Saved::Rejected);
    let mut other = save("s1", "ana", 0);
    other.row.session = sid("s2");
    assert_eq!(rig.save(&other), Saved::Rejected);
    committed(rig, &save_events("s1", "ana", 1, 2));
    let mut older = save("s1", "ana", 2);
    older.row.epoch = Epoch(0);
    assert_eq!(rig.save(&older), Saved::Rejected);
}

fn a_row_that_breaks_a_rule_is_rejected(rig: &Rig) {
    let changes: [fn(&mut Save); 8] = [
        |save| save.row.reason = Some(EndReason::Completed),
        |save| save.row.status = Status::Ended,
        |save| save.row.deadline_at = None,
        |save| save.row.duration_ms = Some(u64::MAX),
        |save| {
            save.row.candidate = None;
            save.active = ActiveChange::Upsert {
                status: Status::Active,
                force: true,
            };
        },
        |save| {
            save.active = ActiveChange::Upsert {
                status: Status::Scheduled,
                force: false,
            }
        },
        |save| save.events.insert(0, event(0)),
        |save| {
            save.answers = vec![protocol::record::AnswerRow {
                to_ms: 1 << 63,
                ..answer("q", 0)
            }]
        },
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut save = save_events("s1", "ana", 1, 1);
        change(&mut save);
        assert_eq!(rig.save(&save), Saved::Rejected, "change {at}");
        assert_eq!(rig.store().load(&sid("s1")).unwrap(), None);
    }
}

fn another_boot_or_an_old_generation_is_fenced(rig: &Rig) {
    let mut first = save_events("s1", "ana", 1, 1);
    first.fence.generation = Generation(3);
    committed(rig, &first);
    let before = everything(rig, "s1");
    let mut late = save_events("s1", "ana", 2, 2);
    late.fence.generation = Generation(2);
    assert_eq!(rig.save(&late), Saved::Fenced);
    late.fence.generation = Generation(9);
    late.fence.boot = boot("b2");
    assert_eq!(rig.save(&late), Saved::Fenced);
    assert_eq!(everything(rig, "s1"), before);
}

fn a_newer_generation_of_the_same_boot_takes_the_row(rig: &Rig) {
    committed(rig, &save_events("s1", "ana", 1, 1));
    let mut next = save_events("s1", "ana", 2, 2);
    next.fence.generation = Generation(2);
    committed(rig, &next);
    assert_eq!(rig.save(&save_events("s1", "ana", 3, 3)), Saved::Fenced);
}

fn a_candidate_has_one_active_session(rig: &Rig) {
    committed(rig, &start("s1", "ana"));
    let Saved::ActiveElsewhere(other) = rig.save(&start("s2", "ana")) else {
        panic!("the row is taken")
    };
    assert_eq!(other.session, sid("s1"));
    assert_eq!(other.row, rig.store().session_row(&sid("s1")).unwrap());
    assert_eq!(
        rig.store().load(&sid("s2")).unwrap(),
        None,
        "nothing was written"
    );
    committed(rig, &start("s2", "bob"));
    let mut completing = save_events("s1", "ana", 2, 2);
    completing.row.status = Status::Completing;
    completing.active = ActiveChange::Upsert {
        status: Status::Completing,
        force: false,
    };
    committed(rig, &completing);
    let row = rig.store().active_of(&uid("ana")).unwrap().unwrap();
    assert_eq!(
        (row.status, row.created_at),
        (Status::Completing, NOW.after(5))
    );
}

fn force_takes_the_active_row_from_another_session(rig: &Rig) {
    committed(rig, &start("s1", "ana"));
    let mut second = start("s2", "ana");
    second.row.started_at = Some(NOW.after(77));
    second.active = ActiveChange::Upsert {
        status: Status::Active,
        force: true,
    };
    committed(rig, &second);
    let row = rig.store().active_of(&uid("ana")).unwrap().unwrap();
    assert_eq!((row.session, row.created_at), (sid("s2"), NOW.after(77)));
}

fn the_row_of_an_ended_session_is_in_nobodys_way(rig: &Rig) {
    committed(rig, &start("s1", "ana"));
    let left = Save {
        active: ActiveChange::Keep,
        ..end("s1", "ana", 2, EndReason::ServerCrash)
    };
    committed(rig, &left);
    assert_eq!(
        rig.store().active_of(&uid("ana")).unwrap().unwrap().session,
        sid("s1")
    );
    committed(rig, &start("s2", "ana"));
    assert_eq!(
        rig.store().active_of(&uid("ana")).unwrap().unwrap().session,
        sid("s2")
    );
}

fn an_end_deletes_only_its_own_active_row(rig: &Rig) {
    committed(rig, &start("s1", "ana"));
    committed(rig, &save_events("s2", "ana", 1, 1));
    committed(rig, &end("s2", "ana", 2, EndReason::ReplacedByNewSession));
    assert_eq!(
        rig.store().active_of(&uid("ana")).unwrap().unwrap().session,
        sid("s1")
    );
    let mut nameless = end("s1", "ana", 2, EndReason::Completed);
    nameless.row.candidate = None;
    committed(rig, &nameless);
    assert_eq!(rig.store().active_of(&uid("ana")).unwrap(), None);
}

fn an_ended_session_stays_ended(rig: &Rig) {
    committed(rig, &start("s1", "ana"));
    let last = end("s1", "ana", 2, EndReason::Completed);
    committed(rig, &last);
    let before = everything(rig, "s1");
    committed(rig, &last);
    assert_eq!(rig.save(&save_events("s1", "ana", 3, 3)), Saved::Fenced);
    assert_eq!(
        rig.save(&end("s1", "ana", 2, EndReason::Inactivity)),
        Saved::Fenced
    );
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Fenced);
    assert_eq!(everything(rig, "s1"), before);
}

fn a_status_never_goes_back(rig: &Rig) {
    committed(rig, &save_events("s1", "ana", 1, 1));
    let mut back = save("s1", "ana", 1);
    back.row.status = Status::Scheduled;
    assert_eq!(rig.save(&back), Saved::Rejected);
    assert_eq!(
        rig.store().session_row(&sid("s1")).unwrap().unwrap().status,
        Status::Active
    );
}

fn an_end_from_outside_reaches_the_owner_who_then_seals_it(rig: &Rig) {
    committed(rig, &start("s1", "ana"));
    rig.end_from_outside(&sid("s1"));
    assert_eq!(rig.told.foreign.recv_timeout(PATIENCE).unwrap(), sid("s1"));
    let row = rig.store().session_row(&sid("s1")).unwrap().unwrap();
    assert_eq!(
        (row.status, row.reason),
        (Status::Ended, Some(EndReason::ClosedExternally))
    );
    assert!(row.ended_at.is_some());
    // A save that was on its way waits for the end; the row does not come back to life.
    assert_eq!(rig.save(&save_events("s1", "ana", 2, 2)), Saved::Temporary);
    let mut last = end("s1", "ana", 3, EndReason::ClosedExternally);
    last.events.insert(0, event(2));
    committed(rig, &last);
    let row = rig.store().session_row(&sid("s1")).unwrap().unwrap();
    assert_eq!(row, last.row);
    assert_eq!(rig.save(&save_events("s1", "ana", 4, 4)), Saved::Fenced);
    assert_eq!(rig.store().active_of(&uid("ana")).unwrap(), None);
}

fn without_the_active_table_interviews_go_on(rig: &Rig) {
    committed(rig, &start("s1", "ana"));
    rig.drop_active_table();
    committed(rig, &start("s2", "ana"));
    committed(rig, &end("s1", "ana", 2, EndReason::Completed));
    let store = rig.store();
    assert_eq!(store.active_of(&uid("ana")).unwrap(), None);
    assert_eq!(store.active_rows(NOW).unwrap(), ActiveRows::default());
    assert!(!store.clear_active(&uid("ana")).unwrap());
    // The reaper makes it anew with what runs.
    let reaped = Reaped { gone: 0, come: 1 };
    assert_eq!(store.reap_active(NOW, 0).unwrap(), reaped);
    assert_eq!(store.reap_active(NOW, 0).unwrap(), Reaped::default());
    let row = store.active_of(&uid("ana")).unwrap().unwrap();
    assert_eq!((row.session, row.status), (sid("s2"), Status::Active));
    assert_eq!(row.created_at, NOW.after(5));
    assert_eq!(store.forget(&sid("s1"), NOW).unwrap(), Forgotten::Done);
}

fn two_seats_never_share_a_number(rig: &Rig) {
    let mut one = save("s1", "ana", 0);
    one.participants = vec![
        seat("ana", 1, Role::Candidate),
        seat("bob", 1, Role::Observer),
    ];
    assert_eq!(rig.save(&one), Saved::Rejected);
    one.participants.pop();
    committed(rig, &one);
    one.participants = vec![seat("bob", 1, Role::Observer)];
    assert_eq!(rig.save(&one), Saved::Rejected);
    one.participants = vec![
        seat("ana", 4, Role::Candidate),
        seat("bob", 1, Role::Observer),
    ];
    committed(rig, &one);
    let swap = [one.participants[1].clone(), one.participants[0].clone()];
    assert_eq!(rig.store().participants(&sid("s1")).unwrap(), swap);
}

fn a_final_that_is_not_in_the_log_is_rejected(rig: &Rig) {
    let mut one = save_events("s1", "ana", 1, 2);
    one.segments = vec![segment(3)];
    assert_eq!(rig.save(&one), Saved::Rejected);
    one.segments = vec![segment(2)];
    committed(rig, &one);
    let mut later = save("s1", "ana", 2);
    later.segments = vec![segment(1)];
    committed(rig, &later);
    assert_eq!(rig.store().segments(&sid("s1")).unwrap().len(), 2);
}

fn the_first_answer_to_a_request_stays(rig: &Rig) {
    let mut one = save("s1", "ana", 0);
    one.requests = vec![request("ana", "r1", "first"), request("bob", "r1", "other")];
    committed(rig, &one);
    let mut again = save("s1", "ana", 0);
    again.requests = vec![
        request("ana", "r1", "second"),
        request("ana", "r2", "third"),
    ];
    committed(rig, &again);
    let kept = [
        one.requests[0].clone(),
        one.requests[1].clone(),
        again.requests[1].clone(),
    ];
    assert_eq!(
        rig.store().load(&sid("s1")).unwrap().unwrap().requests,
        kept
    );
}

fn the_log_is_read_in_pieces_of_at_least_one_event(rig: &Rig) {
    committed(rig, &save_events("s1", "ana", 1, 5));
    let store = rig.store();
    let size = event(1).body.len();
    let read = |after, limit| -> Vec<u64> {
        let events = store.log(&sid("s1"), Seq(after), limit).unwrap();
        events.iter().map(|event| event.seq.0).collect()
    };
    assert_eq!(read(0, 0), [1]);
    assert_eq!(read(1, 2 * size), [2, 3]);
    assert_eq!(read(3, usize::MAX), [4, 5]);
    assert!(read(5, usize::MAX).is_empty());
}

/// A session of another boot that saved it and died or not.
fn of_boot(rig: &Rig, session: &str, owner: &str) {
    let mut one = save_events(session, "ana", 1, 1);
    one.fence.boot = boot(owner);
    committed(rig, &one);
}

fn only_a_dead_boots_session_is_adopted(rig: &Rig) {
    of_boot(rig, "s1", "b1");
    let (store, id) = (rig.store(), sid("s1"));
    assert_eq!(
        store.adopt(&id, &boot("b2"), now()).unwrap(),
        None,
        "its owner lives"
    );
    let own = store.adopt(&id, &boot("b1"), now()).unwrap().unwrap();
    assert_eq!((own.fence.generation, own.away_ms), (Generation(1), 0));
    rig.boot_died(&boot("b1"));
    let adopted = store.adopt(&id, &boot("b2"), now()).unwrap().unwrap();
    let fence = adopted.fence;
    assert_eq!(
        (&fence.boot, fence.generation),
        (&boot("b2"), Generation(2))
    );
    assert_eq!(store.load(&id).unwrap().unwrap().fence, fence);
    assert_eq!(rig.save(&save_events("s1", "ana", 2, 2)), Saved::Fenced);
    committed(
        rig,
        &Save {
            fence: fence.clone(),
            ..save_events("s1", "ana", 2, 2)
        },
    );
    assert_eq!(
        store.adopt(&id, &boot("b2"), now()).unwrap(),
        Some(Adopted {
            fence: fence.clone(),
            away_ms: 0
        }),
        "a repeat"
    );
    committed(
        rig,
        &Save {
            fence,
            ..end("s1", "ana", 3, EndReason::ServerCrash)
        },
    );
    assert_eq!(
        store.adopt(&id, &boot("b3"), now()).unwrap(),
        None,
        "it is ended"
    );
    assert_eq!(store.adopt(&sid("s9"), &boot("b2"), now()).unwrap(), None);
}

fn unfinished_sessions_of_other_boots_are_found_once_their_lease_is_over(rig: &Rig) {
    of_boot(rig, "s3", "unknown");
    of_boot(rig, "s1", "b1");
    of_boot(rig, "s2", "unknown");
    committed(rig, &save_events("s4", "bob", 1, 1));
    committed(rig, &end("s4", "bob", 2, EndReason::Completed));
    let find = |owner: &str, limit| {
        rig.store()
            .unfinished_of_other_boots(&boot(owner), NOW, limit)
            .unwrap()
    };
    assert_eq!(find("b1", 10), [sid("s2"), sid("s3")]);
    assert_eq!(find("b2", 10), [sid("s2"), sid("s3")], "b1 lives");
    assert_eq!(find("b2", 1), [sid("s2")]);
    rig.boot_died(&boot("b1"));
    assert_eq!(find("b2", 10), [sid("s1"), sid("s2"), sid("s3")]);
}

fn overdue_scheduled_sessions_are_found_earliest_first(rig: &Rig) {
    for (session, status, due) in [
        ("s1", Status::Scheduled, 30),
        ("s2", Status::Scheduled, 20),
        ("s3", Status::Active, 10),
        ("s4", Status::Scheduled, 31),
    ] {
        let mut one = save(session, "ana", 0);
        one.row.status = status;
        one.row.deadline_at = Some(Wall(due));
        committed(rig, &one);
    }
    assert_eq!(
        rig.store().overdue(Wall(30), 10).unwrap(),
        [sid("s2"), sid("s1")]
    );
    assert_eq!(rig.store().overdue(Wall(30), 1).unwrap(), [sid("s2")]);
    assert!(rig.store().overdue(Wall(19), 10).unwrap().is_empty());
}

fn sessions_are_listed_newest_first_in_pages(rig: &Rig) {
    for (session, user, made) in [
        ("a", "ana", 1),
        ("b", "bob", 2),
        ("c", "ana", 2),
        ("d", "ana", 3),
        ("e", "bob", 3),
    ] {
        let mut one = save(session, user, 0);
        one.row.created_at = Wall(made);
        one.row.status = if session == "d" {
            Status::Scheduled
        } else {
            Status::Active
        };
        committed(rig, &one);
    }
    let list = |filter: &Filter, after: Option<(Wall, &str)>, limit| -> String {
        let page = Page {
            after: after.map(|(at, id)| (at, sid(id))),
            limit,
        };
        let rows = rig.store().list_sessions(filter, &page).unwrap();
        rows.iter().map(|row| row.session.as_str()).collect()
    };
    let all = Filter::default();
    assert_eq!(list(&all, None, 99), "edcba");
    assert_eq!(list(&all, None, 2), "ed");
    assert_eq!(list(&all, Some((Wall(3), "d")), 2), "cb");
    assert_eq!(list(&all, Some((Wall(2), "b")), 2), "a");
    assert_eq!(
        list(
            &Filter {
                since: Some(Wall(2)),
                ..all.clone()
            },
            None,
            9
        ),
        "edcb"
    );
    assert_eq!(
        list(
            &Filter {
                status: Some(Status::Scheduled),
                ..all.clone()
            },
            None,
            9
        ),
        "d"
    );
    assert_eq!(
        list(
            &Filter {
                candidate: Some(uid("bob")),
                ..all
            },
            None,
            9
        ),
        "eb"
    );
}

fn ends_are_counted_by_reason(rig: &Rig) {
    for (session, reason, at) in [
        ("s1", EndReason::Inactivity, 10),
        ("s2", EndReason::Completed, 10),
        ("s3", EndReason::Inactivity, 19),
        ("s4", EndReason::Inactivity, 20),
        ("s5", EndReason::Inactivity, 9),
    ] {
        let mut one = end(session, session, 1, reason);
        one.row.ended_at = Some(Wall(at));
        committed(rig, &one);
    }
    let counts = rig.store().ends_by_reason(Wall(10), Wall(20)).unwrap();
    assert_eq!(
        counts,
        [(EndReason::Completed, 1), (EndReason::Inactivity, 2)]
    );
}

fn clearing_by_hand_spares_a_running_session(rig: &Rig) {
    let store = rig.store();
    committed(rig, &start("s1", "ana"));
    assert!(!store.clear_active(&uid("ana")).unwrap());
    assert!(!store.clear_active(&uid("bob")).unwrap());
    committed(
        rig,
        &Save {
            active: ActiveChange::Keep,
            ..end("s1", "ana", 2, EndReason::Expired)
        },
    );
    assert!(store.clear_active(&uid("ana")).unwrap());
    assert_eq!(store.active_of(&uid("ana")).unwrap(), None);
}

fn the_reaper_takes_only_rows_nobody_can_want(rig: &Rig) {
    let store = rig.store();
    committed(rig, &start("s1", "ana"));
    committed(rig, &start("s2", "bob"));
    let left = Save {
        active: ActiveChange::Keep,
        ..end("s2", "bob", 2, EndReason::Completed)
    };
    committed(rig, &left);
    assert_eq!(
        store.reap_active(NOW.after(1 << 40), 900_000).unwrap().gone,
        1
    );
    assert_eq!(store.active_of(&uid("bob")).unwrap(), None);
    assert!(
        store.active_of(&uid("ana")).unwrap().is_some(),
        "its session is not ended"
    );
}

fn a_forgotten_session_never_comes_back(rig: &Rig) {
    let store = rig.store();
    committed(rig, &full("s1"));
    assert_eq!(store.forget(&sid("s1"), NOW).unwrap(), Forgotten::NotEnded);
    let last = end("s1", "ana", 5, EndReason::Completed);
    committed(rig, &last);
    assert_eq!(store.forget(&sid("s1"), NOW).unwrap(), Forgotten::Done);
    assert_eq!(store.forget(&sid("s1"), NOW).unwrap(), Forgotten::Unknown);
    assert_eq!(store.load(&sid("s1")).unwrap(), None);
    assert!(
        store
            .log(&sid("s1"), Seq(0), usize::MAX)
            .unwrap()
            .is_empty()
    );
    assert!(store.segments(&sid("s1")).unwrap().is_empty());
    assert_eq!(store.report(&sid("s1")).unwrap(), None);
    assert_eq!(rig.save(&last), Saved::Fenced);
    assert_eq!(rig.save(&start("s1", "ana")), Saved::Fenced);
}

fn old_records_go_by_kind(rig: &Rig) {
    let store = rig.store();
    let mut spoken = full("s1");
    spoken.report = None;
    committed(rig, &spoken);
    committed(rig, &end("s1", "ana", 5, EndReason::Completed));
    committed(rig, &start("s2", "bob"));
    let (before, later) = (NOW.after(1000), NOW.after(1001));
    assert!(
        store
            .purge(Kind::Transcript, before, 9, NOW)
            .unwrap()
            .is_empty(),
        "not old yet"
    );
    assert_eq!(
        store.purge(Kind::Transcript, later, 9, NOW).unwrap(),
        [sid("s1")]
    );
    assert!(
        store
            .purge(Kind::Transcript, later, 9, NOW)
            .unwrap()
            .is_empty()
    );
    assert!(store.segments(&sid("s1")).unwrap().is_empty());
    let left: Vec<_> = store.log(&sid("s1"), Seq(0), usize::MAX).unwrap();
    assert_eq!(
        left,
        [event(1), event(3), event(5)],
        "no word of it is left in the log"
    );
    assert_eq!(
        store.report(&sid("s1")).unwrap(),
        None,
        "it quotes what was said"
    );
    let gone = store.deletions(&sid("s1")).unwrap();
    assert_eq!(gone, [(Kind::Transcript, NOW), (Kind::Report, NOW)]);
    assert_eq!(store.purge(Kind::Report, later, 9, NOW).unwrap(), []);
    assert_eq!(
        store.purge(Kind::Everything, later, 9, NOW).unwrap(),
        [sid("s1")]
    );
    assert_eq!(store.load(&sid("s1")).unwrap(), None);
    let gone = store.deletions(&sid("s1")).unwrap();
    assert_eq!(gone, [(Kind::Everything, NOW)]);
    let asked = ["s1", "s2", "s3"].map(sid);
    assert_eq!(
        store.find(&asked).unwrap(),
        [Trace::Deleted, Trace::Kept, Trace::Nothing],
        "the id of one that was deleted is not free"
    );
    assert!(store.load(&sid("s2")).unwrap().is_some());
}
