//! P7: who may be left alone for how long.

use super::super::{Limits, Promise, Violation, judge};
use super::{Run, after, broken, is_row, place};
use crate::entry::{Entry, What};

#[test]
fn p7_a_session_left_alone_that_never_ends_or_ends_late() {
    let close_all = |all: &mut Vec<Entry>, over: u64| {
        for conn in [2, 3] {
            after(
                all,
                |what| matches!(what, What::Up),
                What::Close { conn, code: None },
            );
        }
        let at = place(all, |what| matches!(what, What::Over));
        for entry in &mut all[at..] {
            entry.at += over;
        }
    };
    let never = broken(|all| close_all(all, 70_000));
    assert_eq!(never, [Promise::P7]);
    let soon_enough = broken(|all| close_all(all, 1_000));
    assert_eq!(soon_enough, []);
    let late = broken(|all| {
        close_all(all, 90_000);
        let at = place(all, is_row);
        all[at].what = What::Row {
            session: "s1".into(),
            status: "ended".into(),
            reason: Some("abandoned".into()),
            epoch: 1,
            seq: 2,
            ended_at: Some(80_000),
            active: false,
        };
    });
    assert_eq!(late, [Promise::P7]);
}

#[test]
fn p7_only_a_session_that_no_candidate_was_in_may_wait_for_its_own_clocks() {
    let alone = |conn: u64, ended_at: u64| {
        let mut run = Run::default();
        run.open(conn, "ben").join(conn, 1, None, 0);
        run.push(What::Said {
            session: "s1".into(),
            canary: "canary:s1:q1".into(),
        });
        run.event(conn, 1, 0, "q1")
            .push(What::Close { conn, code: None });
        run.at(500_000).over_and_ended("inactivity", ended_at);
        let limits = Limits {
            clocks_ms: 300_000,
            ..Limits::default()
        };
        judge(&run.entries, limits).holds()
    };
    // Connection 2 is an interviewer's, all others a candidate's.
    assert!(alone(2, 300_000) && !alone(2, 400_000));
    assert!(alone(1, 60_000) && !alone(1, 70_000));
}

#[test]
fn p7_a_candidate_who_left_as_the_session_began_may_not_have_been_in_it() {
    let left_at = |at: u64| {
        let mut run = Run::default();
        run.open(1, "ana").join(1, 1, None, 0);
        run.open(2, "ben").join(2, 2, None, 0).push(What::Said {
            session: "s1".into(),
            canary: "canary:s1:q1".into(),
        });
        run.event(2, 1, 0, "q1").at(at).push(What::Left {
            conn: 1,
            session: "s1".into(),
        });
        run.at(10_000).push(What::Close {
            conn: 2,
            code: None,
        });
        run.at(500_000).over_and_ended("inactivity", 200_000);
        let limits = Limits {
            clocks_ms: 300_000,
            ..Limits::default()
        };
        judge(&run.entries, limits).holds()
    };
    assert!(left_at(500));
    assert!(!left_at(5_000));
}

#[test]
fn p7_counts_from_when_the_server_knows_and_it_must_know_in_time() {
    let run = |lost_at: u64, ended_at: u64| {
        let mut run = Run::default();
        run.open(1, "ana").join(1, 1, None, 0);
        run.push(What::Said {
            session: "s1".into(),
            canary: "canary:s1:q1".into(),
        });
        run.event(1, 1, 0, "q1").push(What::Close {
            conn: 1,
            code: None,
        });
        run.at(lost_at).push(What::Lost { conn: 1 });
        run.at(500_000).over_and_ended("abandoned", ended_at);
        let verdict = judge(&run.entries, Limits::default());
        let promises = verdict.violations.iter().map(|broken| broken.promise);
        promises.collect::<Vec<_>>()
    };
    assert_eq!(run(40_000, 100_000), []);
    assert_eq!(run(20_000, 100_000), [Promise::P7]);
    assert_eq!(run(60_000, 100_000), [Promise::P7]);
}

/// Whether a session of the candidate ana and the interviewer ben, connections 1 and 2, may go on
/// until its clocks end it. `before` and `after` are what happens before and after it is told to
/// run; ana's connection lives on for the server until 30 s, and nothing more reaches her.
fn may_wait(before: impl FnOnce(&mut Run), after: impl FnOnce(&mut Run)) -> bool {
    let mut run = Run::default();
    run.open(1, "ana").open(2, "ben");
    run.join(1, 1, None, 0).join(2, 1, None, 0);
    run.push(What::Close {
        conn: 1,
        code: None,
    });
    run.at(1_000).push(What::Said {
        session: "s1".into(),
        canary: "canary:s1:q1".into(),
    });
    before(&mut run);
    run.at(10_000).event(2, 1, 0, "q1");
    after(&mut run);
    run.at(20_000).push(What::Close {
        conn: 2,
        code: None,
    });
    run.push(What::Lost { conn: 2 });
    run.at(30_000).push(What::Lost { conn: 1 });
    run.at(500_000).over_and_ended("inactivity", 200_000);
    let limits = Limits {
        clocks_ms: 300_000,
        ..Limits::default()
    };
    let verdict = judge(&run.entries, limits);
    println!("{verdict}");
    let orphan = |broken: &Violation| broken.promise == Promise::P7;
    assert!(verdict.violations.iter().all(orphan));
    assert!(verdict.tested.contains_key(&Promise::P7));
    verdict.holds()
}

/// A request that nobody answers.
fn ask(run: &mut Run, conn: u64, event: &str) {
    run.invoke(conn, 9, event, None);
}

fn refused(run: &mut Run, conn: u64) {
    run.answer(conn, 9, false, "refused");
}

fn nothing(_: &mut Run) {}

#[test]
fn p7_a_candidate_who_asked_to_leave_before_it_ran_may_not_have_been_in_it() {
    let leave = |run: &mut Run| ask(run, 1, "session:leave");
    assert!(may_wait(leave, nothing));
    // Who said nothing, or asked for something else, or only later, was in it.
    assert!(!may_wait(nothing, nothing));
    assert!(!may_wait(|run| ask(run, 1, "answer:done"), nothing));
    assert!(!may_wait(nothing, leave));
    // Who was refused had no seat to leave.
    let in_vain = |run: &mut Run| {
        leave(run);
        refused(run, 1);
    };
    assert!(!may_wait(in_vain, nothing));
    // Who was told that it runs was in it, whatever they had asked.
    assert!(!may_wait(leave, |run| {
        run.event(1, 1, 0, "q1");
    }));
    // Who came back was in it.
    let back = |run: &mut Run| {
        run.answer(1, 9, true, "{}").join(1, 10, None, 0);
    };
    assert!(!may_wait(
        |run| {
            leave(run);
            back(run);
        },
        nothing
    ));
}

#[test]
fn p7_a_goodbye_that_was_told_counts_also_where_a_later_request_went_unheard() {
    let goodbye = |run: &mut Run| {
        run.push(What::Left {
            conn: 1,
            session: "s1".into(),
        });
    };
    let unheard = |run: &mut Run| {
        goodbye(run);
        ask(run, 1, "visibility");
    };
    assert!(may_wait(unheard, nothing));
    let late = |run: &mut Run| {
        run.at(15_000);
        unheard(run);
    };
    assert!(!may_wait(nothing, late));
}

#[test]
fn p7_a_candidate_whose_seat_went_to_another_connection_before_it_ran_was_not_in_it() {
    let close = |run: &mut Run, conn: u64| {
        run.push(What::Close { conn, code: None });
        run.push(What::Lost { conn });
    };
    let other = |run: &mut Run, user: &str| {
        run.open(3, user).join(3, 1, None, 0);
        close(run, 3);
    };
    assert!(may_wait(|run| other(run, "ana"), nothing));
    // Another candidate's join takes nothing from her.
    assert!(!may_wait(|run| other(run, "eva"), nothing));
    // It was hers when it began to run.
    assert!(!may_wait(nothing, |run| {
        run.open(3, "ana").join(3, 1, None, 0);
        close(run, 3);
    }));
    // The new connection was in it, in her place.
    assert!(!may_wait(
        |run| {
            run.open(3, "ana").join(3, 1, None, 0);
        },
        |run| close(run.at(15_000), 3)
    ));
    let asked = |run: &mut Run| {
        run.open(3, "ana");
        ask(run, 3, "session:join");
    };
    // Nobody but the server knows what became of a join without an answer, but for the candidate.
    let unheard = |run: &mut Run| {
        asked(run);
        close(run, 3);
    };
    assert!(may_wait(unheard, nothing));
    assert!(!may_wait(unheard, |run| {
        run.event(1, 1, 0, "q1");
    }));
    let in_vain = |run: &mut Run| {
        asked(run);
        refused(run, 3);
        close(run, 3);
    };
    assert!(!may_wait(in_vain, nothing));
}

#[test]
fn p7_an_older_connection_of_the_candidate_takes_nothing_from_the_newer_one() {
    let newer = |asked_late: bool| {
        let mut run = Run::default();
        run.open(1, "ana").join(1, 1, None, 0).open(3, "ana");
        run.at(100).push(What::Close {
            conn: 1,
            code: None,
        });
        run.push(What::Lost { conn: 1 });
        run.at(5_000).join(3, 1, None, 0);
        if asked_late {
            run.open(4, "ana").join(4, 1, None, 0);
            run.push(What::Lost { conn: 4 });
        }
        run.open(2, "ben").join(2, 1, None, 0);
        run.push(What::Said {
            session: "s1".into(),
            canary: "canary:s1:q1".into(),
        });
        run.at(10_000).event(2, 1, 0, "q1");
        run.at(20_000).push(What::Lost { conn: 2 });
        run.push(What::Lost { conn: 3 });
        run.at(500_000).over_and_ended("inactivity", 200_000);
        let limits = Limits {
            clocks_ms: 300_000,
            ..Limits::default()
        };
        judge(&run.entries, limits).holds()
    };
    assert!(!newer(false));
    assert!(newer(true));
}
