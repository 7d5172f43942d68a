//! Start, questions against the clock, the three clocks, one session per candidate.

use protocol::client::ClientMessage;
use protocol::value::{EndReason, PlanOptions, Role};

use super::*;

fn running() -> (World, Arc<Identity>) {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.sent(1);
    (w, ana)
}

#[test]
fn a_whole_interview_in_order() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    for _ in 0..2 {
        let done = ClientMessage::AnswerDone {
            question: None,
            skip: false,
        };
        w.message(1, &ana, "s1", done);
    }
    assert_eq!(
        w.sent(1),
        [
            "joined scheduled recovered=false",
            "ok",
            "0<1 session:status:updated active",
            "1<2 question:asked q1",
            "ok",
            "2<3 question:closed q1 answered",
            "3<4 question:asked q2",
            "ok",
            "4<5 question:closed q2 answered",
            "5<6 session:status:updated completing",
            "ok",
            "6<7 interview_ended",
            "7<8 session:status:updated ended",
            "session_ended completed recorded=true",
            "close 1000",
        ]
    );
    assert!(w.node.is_empty());
    assert!(w.last_save.unwrap().report.is_some());
}

#[test]
fn a_question_nobody_answers_is_closed_by_its_clock_after_two_warnings() {
    let (mut w, _) = running();
    w.wait(120_000);
    assert_eq!(
        w.sent(1),
        [
            "expiring question",
            "expiring question",
            "2<3 question:closed q1 timed_out",
            "3<4 question:asked q2",
        ]
    );
}

#[test]
fn late_words_belong_to_the_question_in_whose_time_they_were_heard() {
    let (mut w, ana) = running();
    w.wait(10_000);
    w.message(
        1,
        &ana,
        "s1",
        ClientMessage::AnswerDone {
            question: None,
            skip: true,
        },
    );
    w.sent(1);
    w.says("s1", 1, "late", 9_999);
    w.says("s1", 1, "new", 10_001);
    assert_eq!(
        w.sent(1),
        [
            "4<5 transcription:result q1 late",
            "5<6 transcription:result q2 new"
        ]
    );
}

#[test]
fn what_is_typed_stands_in_the_transcript_of_the_open_question() {
    let (mut w, ana) = running();
    w.sent(1);
    let typed = |question: Option<&str>| ClientMessage::AnswerText {
        question: question.map(|id| QuestionId::parse(id).unwrap()),
        text: "by hand".into(),
    };
    w.message(1, &ana, "s1", typed(None));
    w.message(1, &ana, "s1", typed(Some("q1")));
    w.message(1, &ana, "s1", typed(Some("q2")));
    assert_eq!(
        w.sent(1),
        [
            "2<3 transcription:result q1 by hand",
            "ok",
            "3<4 transcription:result q1 by hand",
            "ok",
            "error no_open_question",
        ]
    );
}

#[test]
fn silence_ends_it_as_inactivity_and_voice_keeps_it() {
    let mut w = World::with(|config| config.max_duration_ms = 3_600_000);
    let ana = who("ana");
    let questions = Some(vec![question("long", 1_200)]);
    w.join(1, &ana, "s1");
    w.message(
        1,
        &ana,
        "s1",
        ClientMessage::Start {
            plan: None,
            questions,
        },
    );
    w.wait(299_000);
    let report = SpeechReport::Voiced {
        participant: Participant(1),
    };
    w.input(Input::Speech {
        session: id("s1"),
        report,
    });
    w.wait(299_000);
    assert_eq!(w.stored_status("s1"), Some(Status::Active));
    w.message(
        1,
        &ana,
        "s1",
        ClientMessage::Visibility(protocol::value::Visibility::Hidden),
    );
    w.wait(1_000);
    assert_eq!(w.stored_reason("s1"), Some(EndReason::Inactivity));
}

#[test]
fn the_longest_duration_ends_it() {
    let mut w = World::with(|config| config.inactivity_ms = 3_600_000);
    let ana = who("ana");
    let questions = Some(vec![question("long", 3_600)]);
    w.join(1, &ana, "s1");
    w.message(
        1,
        &ana,
        "s1",
        ClientMessage::Start {
            plan: None,
            questions,
        },
    );
    w.wait(600_000);
    assert_eq!(w.stored_reason("s1"), Some(EndReason::MaxDuration));
}

#[test]
fn a_plan_may_stop_the_clock_while_the_candidate_is_away() {
    let mut w = World::new();
    let ana = who("ana");
    let options = PlanOptions {
        pause_on_disconnect: true,
        start_on_join: true,
        ..PlanOptions::default()
    };
    w.create(
        "s1",
        room_of("ana", &[], Some(plan(&[("q1", 70)], options))),
    );
    w.join(1, &ana, "s1");
    w.wait(30_000);
    w.lose(1, "s1");
    w.wait(50_000);
    w.resume(2, &ana, "s1", 1, 2);
    assert!(w.sent(2).contains(&"2<3 question:extended q1".to_owned()));
    w.wait(39_000);
    assert_eq!(w.stored_status("s1"), Some(Status::Active));
    w.wait(1_000);
    assert_eq!(w.stored_reason("s1"), Some(EndReason::Completed));
}

#[test]
fn an_observer_may_look_and_not_touch() {
    let mut w = World::new();
    w.create("s1", room_of("ana", &[("oz", Role::Observer)], None));
    w.join(1, &who("ana"), "s1");
    w.join(2, &who("oz"), "s1");
    w.sent(2);
    w.start(2, &who("oz"), "s1");
    w.message(2, &who("oz"), "s1", ClientMessage::End);
    w.message(2, &who("oz"), "s1", ClientMessage::Extend);
    assert_eq!(w.sent(2), ["error not_allowed"; 3]);
}

#[test]
fn a_second_session_of_the_same_candidate_is_told_which_one_runs() {
    let (mut w, ana) = running();
    w.join(2, &ana, "s2");
    w.start(2, &ana, "s2");
    assert_eq!(w.sent(2).last().unwrap(), "error session_active");
    let end = w.end_by_api("s1");
    assert!(matches!(end, Some(Answer::Ended { recorded: true, .. })));
    w.start(2, &ana, "s2");
    assert_eq!(w.sent(2).last().unwrap(), "ok");
}

#[test]
fn more_time_only_as_often_as_the_plan_grants_it() {
    let mut w = World::new();
    let ana = who("ana");
    let options = PlanOptions {
        extensions: 1,
        start_on_join: true,
        ..PlanOptions::default()
    };
    w.create(
        "s1",
        room_of("ana", &[], Some(plan(&[("q1", 70)], options))),
    );
    w.join(1, &ana, "s1");
    w.sent(1);
    w.message(1, &ana, "s1", ClientMessage::Extend);
    w.message(1, &ana, "s1", ClientMessage::Extend);
    assert_eq!(
        w.sent(1),
        ["2<3 question:extended q1", "ok", "error no_extension"]
    );
    w.wait(129_000);
    assert_eq!(w.stored_status("s1"), Some(Status::Active));
    w.wait(1_000);
    assert_eq!(w.stored_reason("s1"), Some(EndReason::Completed));
}

#[test]
fn the_same_request_twice_gets_the_first_answer_and_happens_once() {
    let (mut w, ana) = running();
    for _ in 0..2 {
        let done = ClientMessage::AnswerDone {
            question: None,
            skip: false,
        };
        w.request(1, &ana, "s1", done, Some("r1"));
    }
    let sent = w.sent(1);
    assert_eq!(
        sent.iter()
            .filter(|line| line.contains("question:closed"))
            .count(),
        1
    );
    assert_eq!(sent.iter().filter(|line| *line == "ok").count(), 2);
}

#[test]
fn a_final_has_the_names_of_the_plans_list_and_beside_them_what_was_heard() {
    let mut w = World::new();
    let mut listed = plan(&[("q1", 120)], PlanOptions::default());
    listed.words = vec!["Kubernetes".into()];
    let room = room_of("ana", &[], Some(listed));
    w.create("s1", room);
    w.join(1, &who("ana"), "s1");
    let start = ClientMessage::Start {
        plan: None,
        questions: None,
    };
    w.message(1, &who("ana"), "s1", start);
    w.says("s1", 0, "We ran cubernetes.", 1_000);
    w.says("s1", 0, "We ran Kubernetes.", 2_000);
    let finals: Vec<&str> = w
        .log
        .iter()
        .filter(|row| row.body.contains("transcription:result"))
        .map(|row| &*row.body)
        .collect();
    let put_right =
        r#""text":"We ran Kubernetes.","raw":"We ran cubernetes.","words":[{"text":"We""#;
    assert!(finals[0].contains(put_right), "{}", finals[0]);
    assert!(!finals[1].contains("raw"), "{}", finals[1]);
}
