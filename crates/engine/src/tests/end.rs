//! The end: once, in order, with one reason; recovery after a crash.

use protocol::client::ClientMessage;
use protocol::value::{EndReason, Role};

use super::*;

#[test]
fn ending_twice_from_two_places_is_one_end_with_the_first_reason() {
    let mut w = World::new();
    let ana = who("ana");
    w.flushes = false;
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.sent(1);
    w.message(1, &ana, "s1", ClientMessage::End);
    assert_eq!(w.end_by_api("s1"), None);
    w.message(1, &ana, "s1", ClientMessage::End);
    w.wait(2_000);
    let sent = w.sent(1);
    assert_eq!(
        sent.iter()
            .filter(|l| l.starts_with("session_ended"))
            .count(),
        1
    );
    assert_eq!(sent.last().unwrap(), "close 1000");
    assert_eq!(w.stored_reason("s1"), Some(EndReason::CandidateEnded));
    let answer = w.answers.remove(&98).unwrap();
    let reason = Some(EndReason::CandidateEnded);
    assert_eq!(
        answer,
        Answer::Ended {
            status: Status::Ended,
            reason,
            recorded: true
        }
    );
    assert_eq!(w.end_by_api("s1").unwrap(), answer);
}

#[test]
fn last_words_within_two_seconds_are_in_the_transcript_and_later_ones_are_not() {
    let mut w = World::new();
    let ana = who("ana");
    w.flushes = false;
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.wait(5_000);
    w.message(1, &ana, "s1", ClientMessage::End);
    w.wait(1_900);
    w.says("s1", 1, "last", 4_900);
    w.wait(200);
    w.says("s1", 1, "too-late", 4_950);
    let bodies: Vec<_> = w.log.iter().map(|row| row.body.to_string()).collect();
    assert!(bodies.iter().any(|body| body.contains("last")));
    assert!(!bodies.iter().any(|body| body.contains("too-late")));
}

#[test]
fn a_report_that_never_comes_does_not_hold_the_end() {
    let mut w = World::new();
    let ana = who("ana");
    w.reports = false;
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.message(1, &ana, "s1", ClientMessage::End);
    w.wait(5_000);
    assert_eq!(w.stored_reason("s1"), Some(EndReason::CandidateEnded));
    assert!(w.node.is_empty());
}

#[test]
fn a_session_that_never_began_expires_without_a_report() {
    let mut w = World::with(|config| config.scheduled_ttl_ms = 10_000);
    w.join(1, &who("ana"), "s1");
    w.wait(10_000);
    assert_eq!(w.sent(1).last().unwrap(), "close 1000");
    assert_eq!(w.stored_reason("s1"), Some(EndReason::Expired));
    assert!(w.last_save.unwrap().report.is_none());
}

#[test]
fn a_join_after_the_end_says_that_it_is_over() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.message(1, &ana, "s1", ClientMessage::End);
    w.join(2, &ana, "s1");
    assert_eq!(w.sent(2), ["error session_ended"]);
}

#[test]
fn no_audio_follows_an_end() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.message(1, &ana, "s1", ClientMessage::End);
    assert!(
        w.effects
            .iter()
            .any(|effect| effect.starts_with("CloseRoute"))
    );
}

#[test]
fn a_session_of_a_dead_process_is_transcribed_and_ends_as_server_crash() {
    let mut w = World::new();
    w.create("s1", room_of("ana", &[("ben", Role::Interviewer)], None));
    w.join(1, &who("ana"), "s1");
    w.start(1, &who("ana"), "s1");
    let mut loaded = w.rows.get(&id("s1")).unwrap().clone();
    loaded.away_ms = 60_001;
    let log = w.log.clone();
    let mut after = World::new();
    after.log = log;
    after.rows.insert(id("s1"), loaded.clone());
    after.active.insert(user("ana"), id("s1"));
    after.input(Input::Recover {
        loaded: Box::new(loaded),
    });
    assert!(
        after
            .effects
            .iter()
            .any(|effect| effect.starts_with("RecoverSpeech"))
    );
    after.says("s1", 1, "found on disk", 100);
    after.input(Input::Speech {
        session: id("s1"),
        report: SpeechReport::Flushed,
    });
    assert_eq!(after.stored_reason("s1"), Some(EndReason::ServerCrash));
    let found = after
        .log
        .iter()
        .find(|row| row.body.contains("found on disk"))
        .unwrap();
    assert!(
        found.body.contains("\"questionId\":\"q1\""),
        "{}",
        found.body
    );
    assert!(after.active.is_empty());
    assert!(after.node.is_empty());
}

#[test]
fn a_fenced_session_leaves_without_writing_and_its_members_come_back() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.start(1, &ana, "s1");
    let (effect, save) = w.waiting.remove(0);
    let session = save.session.clone();
    w.input(Input::StoreReplied {
        id: effect,
        session,
        saved: Saved::Fenced,
    });
    let told = [
        "error store_unavailable",
        "session:error store_unavailable",
        "left",
        "close 1011",
    ];
    assert_eq!(w.sent(1)[2..], told);
    assert!(w.node.is_empty());
}

#[test]
fn what_the_store_calls_impossible_ends_that_session_as_internal_error() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
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
    let (effect, save) = w.waiting.remove(0);
    let session = save.session.clone();
    w.store = StoreMode::Commits;
    w.input(Input::StoreReplied {
        id: effect,
        session,
        saved: Saved::Rejected,
    });
    assert_eq!(w.stored_reason("s1"), Some(EndReason::InternalError));
    assert!(
        w.sent(1)
            .contains(&"session_ended internal_error recorded=true".to_owned())
    );
    assert!(w.node.is_empty());
}
