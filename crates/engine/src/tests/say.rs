//! What a back end says into a session (S11).

use protocol::error::ErrorCode;
use protocol::value::{Audience, Role};

use super::*;

fn told(seq: u64, receivers: u32) -> Option<Answer> {
    let seq = Some(Seq(seq));
    Some(Answer::Said { seq, receivers })
}

fn refused(answer: Option<Answer>) -> ErrorCode {
    match answer {
        Some(Answer::Refused(refusal)) => refusal.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_event_of_a_back_end_is_stored_and_reaches_the_roles_it_is_for() {
    let mut w = World::new();
    let (ana, ivo) = (who("ana"), guest("ivo", Role::Interviewer, "s1"));
    w.join(1, &ana, "s1");
    w.join(2, &ivo, "s1");
    w.sent(1);
    w.sent(2);
    assert_eq!(
        w.said_by_api("s1", "custom:hint", Audience::ALL),
        told(1, 2)
    );
    assert_eq!(
        w.said_by_api("s1", "custom:hint", Audience::STAFF),
        told(2, 1)
    );
    assert_eq!(
        w.said_by_api("s1", "custom:hint", Audience::ALL),
        told(3, 2)
    );
    assert_eq!(w.sent(1), ["0<1 custom:hint", "1<3 custom:hint"]);
    let staff = ["0<1 custom:hint", "1<2 custom:hint", "2<3 custom:hint"];
    assert_eq!(w.sent(2), staff);
}

#[test]
fn a_member_who_was_away_hears_it_when_they_come_back() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.lose(1, "s1");
    let said = w.said_by_api("s1", "custom:hint", Audience::ALL);
    assert_eq!(said, told(3, 0));
    w.resume(2, &ana, "s1", 1, 2);
    let sent = w.sent(2);
    assert!(sent.contains(&"2<3 custom:hint".to_owned()), "{sent:?}");
}

#[test]
fn it_is_answered_only_when_it_is_stored() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.sent(1);
    w.store = StoreMode::Silent;
    assert_eq!(w.said_by_api("s1", "custom:hint", Audience::ALL), None);
    assert_eq!(w.sent(1), [] as [&str; 0]);
    w.store_catches_up();
    assert_eq!(w.answers.remove(&97), told(3, 1));
    assert_eq!(w.sent(1), ["2<3 custom:hint"]);
}

#[test]
fn an_event_that_is_not_stored_goes_out_at_once() {
    let mut w = World::new();
    w.join(1, &who("ana"), "s1");
    w.sent(1);
    let said = w.said_by_api("s1", "transcription:processing", Audience::ALL);
    let (seq, receivers) = (None, 1);
    assert_eq!(said, Some(Answer::Said { seq, receivers }));
    assert_eq!(w.sent(1), ["said transcription:processing"]);
}

#[test]
fn a_session_that_is_over_or_unknown_takes_no_words() {
    let mut w = World::new();
    let ana = who("ana");
    let nowhere = w.said_by_api("s9", "custom:hint", Audience::ALL);
    assert_eq!(refused(nowhere), ErrorCode::SessionNotFound);
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.end_by_api("s1");
    let over = w.said_by_api("s1", "custom:hint", Audience::ALL);
    assert_eq!(refused(over), ErrorCode::SessionEnded);
}
