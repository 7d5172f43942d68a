//! Who is in: join, presence, takeover, resume, grace.

use protocol::client::ClientMessage;
use protocol::value::{EndReason, PlanOptions, Role};

use super::*;

#[test]
fn a_stranger_gets_the_same_answer_as_for_an_unknown_session() {
    let mut w = World::with(|config| config.create_on_join = false);
    w.create("s1", room_of("ana", &[], None));
    w.join(1, &who("eve"), "s1");
    w.join(1, &who("eve"), "nowhere");
    assert_eq!(
        w.sent(1),
        ["error session_not_found", "error session_not_found"]
    );
}

#[test]
fn members_learn_of_each_other_and_of_a_lost_connection() {
    let mut w = World::new();
    w.create("s1", room_of("ana", &[("ben", Role::Interviewer)], None));
    w.join(1, &who("ana"), "s1");
    w.join(2, &who("ben"), "s1");
    assert_eq!(
        w.sent(1),
        ["joined scheduled recovered=false", "ok", "user:joined ben"]
    );
    w.lose(2, "s1");
    assert_eq!(w.sent(1), ["user:disconnected ben"]);
    w.wait(60_000);
    assert_eq!(w.sent(1), ["user:left ben"]);
}

#[test]
fn the_second_connection_takes_over_and_the_late_goodbye_is_ignored() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.join(2, &ana, "s1");
    assert_eq!(w.sent(1)[2..], ["replaced", "close 4409"]);
    w.lose(1, "s1");
    w.start(2, &ana, "s1");
    assert!(w.sent(2).contains(&"ok".to_owned()));
    assert_eq!(w.node.counts().connections, 1);
}

#[test]
fn the_fourth_takeover_in_ten_seconds_is_refused_and_both_are_told() {
    let mut w = World::new();
    let ana = who("ana");
    for conn in 1..=5 {
        w.join(conn, &ana, "s1");
    }
    assert_eq!(w.sent(5), ["error takeover_storm"]);
    assert_eq!(w.sent(4).last().unwrap(), "session:error takeover_storm");
    w.wait(10_000);
    w.join(6, &ana, "s1");
    assert_eq!(w.sent(6)[0], "joined scheduled recovered=false");
}

#[test]
fn a_new_member_hears_who_speaks_when_their_join_is_answered_and_not_before() {
    let mut w = World::new();
    let others = [("ben", Role::Interviewer), ("eve", Role::Observer)];
    w.create("s1", room_of("ana", &others, None));
    w.join(1, &who("ana"), "s1");
    assert_eq!(w.hears[&1], "ok");
    // What is said now waits for a commit, and the answers to joins wait behind it.
    w.store = StoreMode::Silent;
    w.start(1, &who("ana"), "s1");
    w.join(2, &who("ben"), "s1");
    w.join(3, &who("eve"), "s1");
    assert_eq!(w.sent(2), [""; 0]);
    assert_eq!(w.hears.len(), 1, "{:?}", w.hears);
    // Who leaves before the answer never hears.
    w.message(3, &who("eve"), "s1", ClientMessage::Leave);
    w.store_catches_up();
    assert_eq!(w.hears[&2], "ok");
    assert!(
        w.sent(2)
            .starts_with(&["joined active recovered=false".to_owned()])
    );
    assert!(!w.hears.contains_key(&3), "{:?}", w.hears);
}

#[test]
fn where_words_do_not_wait_for_the_store_hearing_does_not_either() {
    let mut w = World::new();
    w.create("s1", room_of("ana", &[("ben", Role::Interviewer)], None));
    w.join(1, &who("ana"), "s1");
    w.store = StoreMode::Silent;
    w.start(1, &who("ana"), "s1");
    w.join(2, &who("ben"), "s1");
    w.wait(900);
    assert!(!w.hears.contains_key(&2));
    w.wait(200);
    assert_eq!(w.sent(2)[0], "joined active recovered=false");
    assert_eq!(w.hears[&2], "ok");
}

#[test]
fn a_page_that_comes_back_gets_what_it_missed_in_order_and_once() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.lose(1, "s1");
    w.says("s1", 1, "hello", 10);
    w.says("s1", 1, "again", 20);
    w.resume(2, &ana, "s1", 1, 2);
    assert_eq!(
        w.sent(2),
        [
            "joined active recovered=true",
            "2<3 transcription:result q1 hello",
            "3<4 transcription:result q1 again",
            "ok",
        ]
    );
    w.says("s1", 1, "live", 30);
    assert_eq!(w.sent(2), ["4<5 transcription:result q1 live"]);
}

#[test]
fn a_resume_beyond_memory_reads_the_log() {
    let mut w = World::with(|config| config.ring_bytes = 600);
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.lose(1, "s1");
    for n in 0..20 {
        w.says("s1", 1, &format!("word{n}"), n * 10);
    }
    w.resume(2, &ana, "s1", 1, 2);
    let sent = w.sent(2);
    let seqs: Vec<&String> = sent.iter().filter(|line| line.contains("word")).collect();
    assert_eq!(seqs.len(), 20);
    for (n, line) in seqs.iter().enumerate() {
        assert!(line.starts_with(&format!("{}<{} ", n + 2, n + 3)), "{line}");
    }
}

#[test]
fn a_resume_of_another_log_says_so_and_shows_everything() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.lose(1, "s1");
    w.resume(2, &ana, "s1", 1, 77);
    assert_eq!(
        w.sent(2),
        ["joined active recovered=false", "state active", "ok"]
    );
}

#[test]
fn a_member_who_may_not_see_an_event_can_tell_that_from_a_gap() {
    let mut w = World::new();
    let options = PlanOptions {
        candidate_sees_transcript: false,
        ..PlanOptions::default()
    };
    let plan = plan(&[("q1", 120)], options);
    w.create(
        "s1",
        room_of("ana", &[("ben", Role::Interviewer)], Some(plan)),
    );
    w.join(1, &who("ana"), "s1");
    w.join(2, &who("ben"), "s1");
    let start = ClientMessage::Start {
        plan: None,
        questions: None,
    };
    w.message(2, &who("ben"), "s1", start);
    w.sent(1);
    w.sent(2);
    w.says("s1", 1, "hidden", 5);
    let done = ClientMessage::AnswerDone {
        question: None,
        skip: false,
    };
    w.message(1, &who("ana"), "s1", done);
    assert_eq!(w.sent(2)[0], "2<3 transcription:result q1 hidden");
    assert_eq!(w.sent(1)[0], "2<4 question:closed q1 answered");
}

#[test]
fn nobody_back_in_time_ends_the_interview_as_abandoned() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.lose(1, "s1");
    w.wait(60_000);
    assert_eq!(w.stored_reason("s1"), Some(EndReason::Abandoned));
    assert!(w.node.is_empty());
}

#[test]
fn without_a_grace_a_lost_candidate_ends_it_at_once() {
    let mut w = World::with(|config| config.grace_ms = 0);
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.lose(1, "s1");
    assert_eq!(w.stored_reason("s1"), Some(EndReason::Abandoned));
    assert!(w.node.is_empty());
}

#[test]
fn an_interviewer_who_leaves_for_good_does_not_end_the_interview() {
    let mut w = World::new();
    w.create("s1", room_of("ana", &[("ben", Role::Interviewer)], None));
    w.join(1, &who("ana"), "s1");
    w.join(2, &who("ben"), "s1");
    w.start(1, &who("ana"), "s1");
    w.lose(2, "s1");
    w.wait(61_000);
    assert_eq!(w.stored_status("s1"), Some(Status::Active));
}

#[test]
fn a_scheduled_session_nobody_is_in_leaves_memory_and_keeps_its_row() {
    let mut w = World::new();
    assert_eq!(
        w.create("s1", room_of("ana", &[], None)),
        Some(Answer::Created)
    );
    assert!(w.node.is_empty());
    w.join(1, &who("ana"), "s1");
    assert_eq!(w.sent(1)[0], "joined scheduled recovered=false");
}

#[test]
fn a_full_room_says_so() {
    let mut w = World::with(|config| config.room_size = 2);
    w.join(1, &who("ana"), "s1");
    w.join(2, &guest("ben", Role::Observer, "s1"), "s1");
    w.join(3, &guest("cy", Role::Observer, "s1"), "s1");
    assert_eq!(w.sent(3), ["error room_full"]);
}
