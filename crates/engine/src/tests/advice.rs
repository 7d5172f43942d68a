//! Suggestions: when the coach is asked, who hears what it says, and when it is silent (I6).

use protocol::value::{Audience, PlanOptions, Role, Suggestion};

use super::*;

const SOME: &str = "last year I was asked to make the import faster";

/// Ana and the interviewer Ivo, in the first of two questions.
fn talking(options: PlanOptions) -> World {
    let mut w = World::new();
    let plan = plan(&[("q1", 300), ("q2", 300)], options);
    let invited = [("ivo", Role::Interviewer), ("oz", Role::Observer)];
    w.create("s1", room_of("ana", &invited, Some(plan)));
    w.join(1, &who("ana"), "s1");
    w.join(2, &who("ivo"), "s1");
    w.join(3, &who("oz"), "s1");
    w.begin(1, &who("ana"));
    for conn in 1..=3 {
        w.sent(conn);
    }
    w
}

fn staff() -> World {
    talking(PlanOptions::default())
}

impl World {
    /// Starts with the session's own plan.
    pub(super) fn begin(&mut self, conn: u64, who: &Arc<Identity>) {
        let start = ClientMessage::Start {
            plan: None,
            questions: None,
        };
        self.message(conn, who, "s1", start);
    }

    fn voice(&mut self, participant: u16) {
        let participant = Participant(participant);
        self.input(Input::Speech {
            session: id("s1"),
            report: SpeechReport::Voiced { participant },
        });
    }

    /// The coach answers what it was asked last.
    fn advise(&mut self, criterion: Option<&str>) {
        let (effect, session, asked) = self.advice.pop().expect("the coach was asked");
        let suggestion = criterion.map(|criterion| Suggestion {
            criterion: criterion.into(),
            label: "the way back".into(),
            text: "And back?".into(),
            reason: "Nothing of it was heard.".into(),
        });
        self.input(Input::Advised {
            id: effect,
            session,
            question: asked.question.id,
            suggestion,
        });
    }

    fn suggestions(&mut self, conn: u64) -> usize {
        let sent = self.sent(conn);
        sent.iter()
            .filter(|line| line.contains("responses:suggestions q"))
            .count()
    }
}

#[test]
fn nothing_is_asked_before_the_candidate_has_paused() {
    let mut w = staff();
    w.wait(20_000);
    assert!(w.advice.is_empty(), "nothing was said");
    w.says("s1", 1, SOME, 20_000);
    for _ in 0..10 {
        w.wait(1_000);
        w.voice(1);
    }
    assert!(w.advice.is_empty(), "still speaking");
    w.wait(2_499);
    assert!(w.advice.is_empty());
    w.wait(1);
    assert_eq!(w.advice.len(), 1);
    assert_eq!(w.advice[0].2.said.trim(), SOME);
    w.advise(Some("point:back"));
    assert_eq!(
        (w.suggestions(2), w.suggestions(3), w.suggestions(1)),
        (1, 1, 0)
    );
}

#[test]
fn whoever_else_speaks_is_no_reason_to_wait() {
    let mut w = staff();
    w.says("s1", 1, SOME, 1_000);
    w.wait(1_500);
    w.voice(2);
    w.wait(1_000);
    assert_eq!(w.advice.len(), 1);
}

#[test]
fn a_few_words_are_too_few() {
    let mut w = staff();
    w.says("s1", 1, "well let me think", 1_000);
    w.wait(60_000);
    assert!(w.advice.is_empty());
    w.says("s1", 1, "last year I was asked", 61_000);
    w.wait(3_000);
    assert_eq!(w.advice.len(), 1, "together they are enough");
}

#[test]
fn there_are_fifteen_seconds_between_two_suggestions() {
    let mut w = staff();
    w.says("s1", 1, SOME, 1_000);
    w.wait(2_500);
    w.advise(Some("point:a"));
    w.says("s1", 1, SOME, 4_000);
    w.wait(14_999);
    assert!(w.advice.is_empty());
    w.wait(1);
    assert_eq!(w.advice[0].2.given, ["point:a"]);
    w.advise(Some("point:b"));
    assert_eq!(w.suggestions(2), 2);
}

#[test]
fn the_pause_between_suggestions_holds_across_questions_and_what_was_given_does_not() {
    let mut w = staff();
    w.says("s1", 1, SOME, 1_000);
    w.wait(2_500);
    w.advise(Some("point:a"));
    let done = ClientMessage::AnswerDone {
        question: None,
        skip: false,
    };
    w.message(1, &who("ana"), "s1", done);
    w.wait(1_000);
    w.says("s1", 1, SOME, 4_000);
    w.wait(5_000);
    assert!(w.advice.is_empty());
    w.wait(10_000);
    let (_, _, asked) = &w.advice[0];
    assert_eq!(asked.question.id.as_str(), "q2");
    assert_eq!((asked.given.len(), asked.said.trim()), (0, SOME));
}

#[test]
fn when_nothing_is_missing_there_is_silence_until_more_is_said() {
    let mut w = staff();
    w.says("s1", 1, SOME, 1_000);
    w.wait(2_500);
    w.advise(None);
    w.wait(120_000);
    assert_eq!((w.advice.len(), w.suggestions(2)), (0, 0));
    w.says("s1", 1, SOME, 125_000);
    w.wait(2_500);
    assert_eq!(w.advice.len(), 1);
}

#[test]
fn who_goes_on_speaking_is_not_talked_into() {
    let mut w = staff();
    w.says("s1", 1, SOME, 1_000);
    w.wait(2_500);
    w.wait(300);
    w.voice(1);
    w.advise(Some("point:a"));
    assert_eq!(w.suggestions(2), 0);
    w.wait(2_500);
    w.advise(Some("point:a"));
    assert_eq!(w.suggestions(2), 1, "after the next pause");
}

#[test]
fn an_answer_that_comes_after_its_question_or_twice_or_late_is_nothing() {
    let mut w = staff();
    w.says("s1", 1, SOME, 1_000);
    w.wait(2_500);
    let asked = w.advice[0].clone();
    let done = ClientMessage::AnswerDone {
        question: None,
        skip: false,
    };
    w.message(1, &who("ana"), "s1", done);
    w.advise(Some("point:a"));
    assert_eq!(w.suggestions(2), 0, "another question is open");
    w.says("s1", 1, SOME, 4_000);
    w.wait(2_500);
    w.wait(5_000);
    w.advise(Some("point:a"));
    assert_eq!(w.suggestions(2), 0, "its time is over");
    w.advice.push(asked);
    w.advise(Some("point:a"));
    assert_eq!(w.suggestions(2), 0, "nobody asked that");
}

#[test]
fn suggestions_go_to_the_roles_the_plan_names_and_to_nobody_else() {
    let options = |to| PlanOptions {
        suggestions_to: to,
        ..PlanOptions::default()
    };
    let mut w = talking(options(Audience::of([Role::Candidate])));
    w.says("s1", 1, SOME, 1_000);
    w.wait(2_500);
    w.advise(Some("point:a"));
    assert_eq!(
        (w.suggestions(1), w.suggestions(2), w.suggestions(3)),
        (1, 0, 0)
    );

    let mut w = talking(options(Audience::NONE));
    w.says("s1", 1, SOME, 1_000);
    w.wait(60_000);
    assert!(w.advice.is_empty(), "nobody wants any");
}

#[test]
fn a_suggestion_is_stored_before_it_is_told_and_comes_again_after_a_lost_connection() {
    let mut w = staff();
    w.lose(2, "s1");
    w.says("s1", 1, SOME, 1_000);
    w.wait(2_500);
    w.store = StoreMode::Silent;
    w.advise(Some("point:a"));
    assert_eq!(w.suggestions(3), 0, "not stored yet");
    w.store_catches_up();
    assert_eq!(w.suggestions(3), 1);
    w.resume(4, &who("ivo"), "s1", 2, 2);
    assert_eq!(w.suggestions(4), 1);
}

#[test]
fn with_too_much_waiting_for_the_store_nothing_is_suggested() {
    let mut w = World::with(|config| config.held_bytes = 10);
    let plan = plan(&[("q1", 300)], PlanOptions::default());
    w.create(
        "s1",
        room_of("ana", &[("ivo", Role::Interviewer)], Some(plan)),
    );
    w.join(1, &who("ana"), "s1");
    w.join(2, &who("ivo"), "s1");
    w.begin(1, &who("ana"));
    w.says("s1", 1, SOME, 1_000);
    w.wait(2_500);
    w.store = StoreMode::Silent;
    w.message(1, &who("ana"), "s1", ClientMessage::Extend);
    w.says("s1", 2, "hm", 3_000);
    w.advise(Some("point:a"));
    w.store_catches_up();
    assert_eq!(w.suggestions(2), 0);
}
