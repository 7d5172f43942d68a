//! Consent: nothing the candidate says is taken before their yes is stored (I10).

use protocol::value::{Consent, EndReason, PlanOptions, Role, Status};

use super::*;

fn asking(options: PlanOptions) -> Plan {
    Plan {
        consent: Some(Consent {
            version: "2026-01".into(),
            text: "May we write down what you say?".into(),
            purposes: vec!["transcription".into()],
        }),
        ..plan(&[("q1", 300)], options)
    }
}

fn invited(options: PlanOptions) -> World {
    let mut w = World::new();
    let room = room_of("ana", &[("ivo", Role::Interviewer)], Some(asking(options)));
    w.create("s1", room);
    w
}

fn says(given: bool) -> ClientMessage {
    ClientMessage::Consent {
        version: Some("2026-01".into()),
        given,
    }
}

impl World {
    /// How far the candidate was last said to be heard.
    fn voice_of_candidate(&self) -> String {
        let about = |line: &&String| {
            line.starts_with("Voice")
                || line.starts_with("Seat") && line.contains("role: Candidate")
        };
        let line = self.effects.iter().rev().find(about).expect("a seat");
        let (_, rest) = line.split_once("voice: ").unwrap();
        rest.chars().take_while(|c| c.is_alphabetic()).collect()
    }

    fn listens(&self) -> bool {
        self.effects.iter().any(|line| line.starts_with("Listen"))
    }
}

#[test]
fn the_candidate_is_asked_at_the_join_and_not_heard_before_the_yes_is_stored() {
    let mut w = invited(PlanOptions::default());
    w.join(1, &who("ana"), "s1");
    assert_eq!(w.sent(1).last().unwrap(), "consent:request 2026-01");
    assert_eq!(w.voice_of_candidate(), "AwaitsConsent");
    w.store = StoreMode::Silent;
    w.message(1, &who("ana"), "s1", says(true));
    assert_eq!(w.voice_of_candidate(), "AwaitsConsent", "not stored yet");
    assert!(w.sent(1).is_empty(), "and so not promised");
    w.store_catches_up();
    assert_eq!(w.voice_of_candidate(), "Speaks");
    let sent = w.sent(1);
    assert!(sent[0].ends_with("consent:given"), "{sent:?}");
    assert_eq!(sent[1], "ok");
    w.begin(1, &who("ana"));
    assert_eq!(w.stored_status("s1"), Some(Status::Active));
}

#[test]
fn an_interview_does_not_begin_without_it_whoever_starts() {
    let mut w = invited(PlanOptions::default());
    w.join(1, &who("ana"), "s1");
    w.join(2, &who("ivo"), "s1");
    w.sent(1);
    for (conn, user) in [(1, "ana"), (2, "ivo")] {
        w.begin(conn, &who(user));
        let refused = "error consent_required".to_owned();
        assert!(w.sent(conn).contains(&refused));
    }
    assert!(!w.listens(), "nothing is recorded");
    w.message(2, &who("ivo"), "s1", says(true));
    assert_eq!(w.sent(2).last().unwrap(), "error not_allowed");
}

#[test]
fn a_plan_that_starts_by_itself_starts_with_the_yes() {
    let options = PlanOptions {
        start_on_join: true,
        ..PlanOptions::default()
    };
    let mut w = invited(options);
    w.join(1, &who("ana"), "s1");
    assert!(!w.listens());
    w.message(1, &who("ana"), "s1", says(true));
    assert!(w.listens());
    assert_eq!(w.stored_status("s1"), Some(Status::Active));
}

#[test]
fn a_plan_chosen_at_the_start_asks_then_and_closes_the_voice_it_finds_open() {
    let mut w = World::with(|_| {});
    let mut plans = crate::Plans::new();
    let name = PlanId::parse("asking").unwrap();
    plans.insert(name.clone(), Arc::new(asking(PlanOptions::default())));
    w.input(Input::PlansChanged {
        plans: Arc::new(plans),
    });
    w.join(1, &who("ana"), "s1");
    assert_eq!(w.voice_of_candidate(), "Speaks");
    w.sent(1);
    let start = || ClientMessage::Start {
        plan: Some(PlanId::parse("asking").unwrap()),
        questions: None,
    };
    w.message(1, &who("ana"), "s1", start());
    assert_eq!(
        w.sent(1),
        ["consent:request 2026-01", "error consent_required"]
    );
    assert_eq!(w.voice_of_candidate(), "AwaitsConsent");
    w.message(1, &who("ana"), "s1", says(true));
    w.message(1, &who("ana"), "s1", start());
    assert_eq!(w.stored_status("s1"), Some(Status::Active));
    assert_eq!(w.voice_of_candidate(), "Speaks");
}

#[test]
fn a_no_ends_the_session_before_it_begins_and_a_change_of_mind_while_it_runs() {
    let mut w = invited(PlanOptions::default());
    w.join(1, &who("ana"), "s1");
    w.message(1, &who("ana"), "s1", says(false));
    assert_eq!(w.stored_reason("s1"), Some(EndReason::Declined));
    let sent = w.sent(1);
    assert!(sent.iter().any(|line| line.ends_with("consent:declined")));
    assert!(!w.listens());

    let mut w = invited(PlanOptions::default());
    w.join(1, &who("ana"), "s1");
    w.message(1, &who("ana"), "s1", says(true));
    w.begin(1, &who("ana"));
    w.message(1, &who("ana"), "s1", says(false));
    assert_eq!(w.stored_reason("s1"), Some(EndReason::Declined));
}

#[test]
fn a_yes_to_another_wording_is_refused_and_a_second_yes_is_the_first() {
    let mut w = invited(PlanOptions::default());
    w.join(1, &who("ana"), "s1");
    let other = ClientMessage::Consent {
        version: Some("2025-01".into()),
        given: true,
    };
    w.message(1, &who("ana"), "s1", other);
    assert_eq!(w.sent(1).last().unwrap(), "error invalid_field");
    w.message(1, &who("ana"), "s1", says(true));
    w.message(1, &who("ana"), "s1", says(true));
    let given = |line: &&String| line.ends_with("consent:given");
    assert_eq!(w.sent(1).iter().filter(given).count(), 1);
}

#[test]
fn where_no_plan_asks_there_is_nothing_to_agree_to() {
    let mut w = World::new();
    w.create("s1", room_of("ana", &[], None));
    w.join(1, &who("ana"), "s1");
    w.sent(1);
    w.message(1, &who("ana"), "s1", says(true));
    assert_eq!(w.sent(1), ["error bad_transition"]);
}

#[test]
fn what_was_agreed_to_is_known_after_the_session_was_read_back() {
    let mut w = invited(PlanOptions::default());
    w.join(1, &who("ana"), "s1");
    w.message(1, &who("ana"), "s1", says(true));
    w.message(1, &who("ana"), "s1", ClientMessage::Leave);
    w.wait(100_000);
    w.join(2, &who("ana"), "s1");
    assert_eq!(w.voice_of_candidate(), "Speaks");
    let sent = w.sent(2);
    assert!(
        !sent.iter().any(|line| line.starts_with("consent:request")),
        "{sent:?}"
    );
}
