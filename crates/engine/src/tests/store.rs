//! Words wait for their commit; what happens while the store is slow or away.

use protocol::client::ClientMessage;
use protocol::value::{EndReason, Role};

use super::*;

#[test]
fn nothing_is_said_before_it_is_stored() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.sent(1);
    w.store = StoreMode::Silent;
    w.start(1, &ana, "s1");
    w.join(2, &guest("oz", Role::Observer, "s1"), "s1");
    assert!(w.sent(1).is_empty());
    assert!(w.sent(2).is_empty());
    w.store_catches_up();
    assert_eq!(
        w.sent(1),
        [
            "0<1 session:status:updated active",
            "1<2 question:asked q1",
            "ok",
            "user:joined oz"
        ]
    );
    assert_eq!(w.sent(2), ["joined active recovered=false", "ok"]);
}

#[test]
fn one_save_is_under_way_and_the_rest_joins_the_next() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.start(1, &ana, "s1");
    w.says("s1", 1, "one", 1);
    w.says("s1", 1, "two", 2);
    assert_eq!(w.waiting.len(), 1);
    let (effect, save) = w.waiting.remove(0);
    assert_eq!(save.events.len(), 2);
    w.commit(effect, save);
    w.drain();
    assert_eq!(w.waiting.len(), 1);
    let seqs: Vec<u64> = w.waiting[0].1.events.iter().map(|e| e.seq.0).collect();
    assert_eq!(seqs, [3, 4]);
}

#[test]
fn with_the_store_away_words_go_out_marked_and_promises_wait() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.sent(1);
    w.store = StoreMode::Silent;
    w.message(
        1,
        &ana,
        "s1",
        ClientMessage::AnswerDone {
            question: None,
            skip: false,
        },
    );
    w.wait(1_000);
    w.says("s1", 1, "on the way", 1_500);
    assert_eq!(
        w.sent(1),
        [
            "~2<3 question:closed q1 answered",
            "~3<4 question:asked q2",
            "degraded true",
            "~4<5 transcription:result q2 on the way",
        ]
    );
    w.store_catches_up();
    assert_eq!(w.sent(1), ["ok", "degraded false 5"]);
    w.says("s1", 1, "well again", 9_000);
    assert_eq!(w.sent(1), ["5<6 transcription:result q2 well again"]);
}

#[test]
fn a_new_interview_starts_while_the_store_is_away() {
    let mut w = World::new();
    w.store = StoreMode::Fails;
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    let sent = w.sent(1);
    assert!(
        sent.contains(&"~0<1 session:status:updated active".to_owned()),
        "{sent:?}"
    );
    assert!(!sent[2..].contains(&"ok".to_owned()));
    w.store = StoreMode::Commits;
    w.wait(5_000);
    assert!(w.sent(1).contains(&"degraded false 2".to_owned()));
}

#[test]
fn a_resume_during_an_outage_sees_stored_and_provisional_words_once() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.says("s1", 1, "unstored", 10);
    w.wait(1_000);
    w.lose(1, "s1");
    w.resume(2, &ana, "s1", 1, 1);
    assert_eq!(
        w.sent(2),
        [
            "joined active recovered=true",
            "1<2 question:asked q1",
            "~2<3 transcription:result q1 unstored",
            "ok",
        ]
    );
    w.store_catches_up();
    assert_eq!(w.sent(2), ["degraded false 3"]);
}

#[test]
fn an_end_waits_five_seconds_then_goes_out_unrecorded_and_is_stored_later() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.sent(1);
    w.message(1, &ana, "s1", ClientMessage::End);
    w.wait(4_900);
    assert!(
        !w.sent(1)
            .iter()
            .any(|line| line.starts_with("session_ended"))
    );
    w.wait(200);
    let sent = w.sent(1);
    assert!(
        sent.contains(&"session_ended candidate_ended recorded=false".to_owned()),
        "{sent:?}"
    );
    assert_eq!(sent.last().unwrap(), "close 1000");
    assert!(!w.node.is_empty());
    w.store_catches_up();
    assert_eq!(w.stored_reason("s1"), Some(EndReason::CandidateEnded));
    assert!(w.node.is_empty());
}

#[test]
fn too_much_waiting_makes_durable_requests_busy() {
    let mut w = World::with(|config| config.held_bytes = 2_000);
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.store = StoreMode::Silent;
    for n in 0..20 {
        w.says("s1", 1, "many words wait here", n);
    }
    w.wait(1_000);
    w.sent(1);
    w.message(
        1,
        &ana,
        "s1",
        ClientMessage::AnswerDone {
            question: None,
            skip: false,
        },
    );
    assert_eq!(w.sent(1), ["error busy"]);
    w.store_catches_up();
    w.sent(1);
    w.message(
        1,
        &ana,
        "s1",
        ClientMessage::AnswerDone {
            question: None,
            skip: false,
        },
    );
    assert!(w.sent(1).contains(&"ok".to_owned()));
}

#[test]
fn two_sessions_of_one_candidate_after_an_outage_leave_the_one_with_the_candidate_in_it() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.lose(1, "s1");
    w.store = StoreMode::Fails;
    w.join(2, &ana, "s2");
    w.start(2, &ana, "s2");
    w.store = StoreMode::Commits;
    w.wait(10_000);
    assert_eq!(w.stored_reason("s1"), Some(EndReason::ReplacedByNewSession));
    assert_eq!(w.stored_status("s2"), Some(Status::Active));
    assert_eq!(w.active.get(&user("ana")), Some(&id("s2")));
}
