use super::*;

fn spoken(id: u64, end_ms: u64) -> Spoken {
    let start_ms = id * 1_000;
    Spoken {
        id,
        start_ms,
        end_ms,
        voiced: vec![(start_ms, end_ms)],
        is_cut: false,
    }
}

fn word(text: &str) -> Word {
    Word {
        text: text.to_owned(),
        start_ms: 0,
        end_ms: 0,
        confidence: 1.0,
    }
}

fn said(text: &str) -> Outcome {
    let segment = Segment {
        start_ms: 0,
        end_ms: 0,
        voiced_ms: 0,
        text: text.to_owned(),
        words: vec![word(text)],
        confidence: 1.0,
        is_cut: false,
    };
    Outcome::Words(segment, Timing::default())
}

fn short(events: &mut Vec<SpeechEvent>) -> Vec<String> {
    std::mem::take(events)
        .into_iter()
        .map(|event| match event {
            SpeechEvent::Partial {
                utterance,
                stable,
                unstable,
                ..
            } => {
                format!("partial {utterance} {}+{}", stable.len(), unstable.len())
            }
            SpeechEvent::Final {
                utterance,
                segment,
                timing,
                ..
            } => {
                format!(
                    "final {utterance} {} ready:{}",
                    segment.text, timing.was_ready
                )
            }
            SpeechEvent::Discarded { utterance, .. } => format!("discarded {utterance}"),
            SpeechEvent::Failed {
                utterance, code, ..
            } => format!("failed {utterance} {code}"),
            SpeechEvent::StreamFinished {
                audio_ms,
                voiced_ms,
                ..
            } => {
                format!("finished {audio_ms} {voiced_ms}")
            }
            other => format!("{other:?}"),
        })
        .collect()
}

fn outlet() -> (Outlet, Vec<SpeechEvent>) {
    (Outlet::new(StreamKey(1)), Vec::new())
}

#[test]
fn finals_leave_in_the_order_of_their_utterances_whoever_is_done_first() {
    let (mut outlet, mut events) = outlet();
    for id in 1..=3 {
        assert_eq!(
            outlet.ended(spoken(id, 0), false, &mut events),
            Ended::Submit
        );
    }
    outlet.resolve(3, said("c"), &mut events);
    outlet.resolve(2, Outcome::Nothing, &mut events);
    assert!(events.is_empty());
    outlet.resolve(1, said("a"), &mut events);
    assert_eq!(
        short(&mut events),
        [
            "final 1 a ready:false",
            "discarded 2",
            "final 3 c ready:false"
        ]
    );
}

#[test]
fn an_utterance_is_answered_once() {
    let (mut outlet, mut events) = outlet();
    outlet.ended(spoken(1, 0), false, &mut events);
    outlet.resolve(1, said("a"), &mut events);
    outlet.resolve(1, said("b"), &mut events);
    assert_eq!(short(&mut events), ["final 1 a ready:false"]);
}

#[test]
fn interim_words_that_come_too_late_or_out_of_order_are_dropped() {
    let (mut outlet, mut events) = outlet();
    outlet.interim(&spoken(1, 1_500), vec![word("a")], &mut events);
    outlet.interim(&spoken(1, 2_500), vec![word("a"), word("b")], &mut events);
    outlet.interim(&spoken(1, 2_000), vec![word("x")], &mut events);
    outlet.ended(spoken(1, 2_600), false, &mut events);
    outlet.resolve(1, said("ab"), &mut events);
    outlet.interim(&spoken(1, 2_600), vec![word("x")], &mut events);
    assert_eq!(
        short(&mut events),
        ["partial 1 0+1", "partial 1 1+1", "final 1 ab ready:false"]
    );
}

#[test]
fn words_found_in_a_pause_are_shown_and_become_the_final_when_it_was_the_end() {
    let (mut outlet, mut events) = outlet();
    outlet.pausing_began(&spoken(1, 1_500));
    assert!(!outlet.pausing_done(&spoken(1, 1_500), said("a"), &mut events));
    assert_eq!(
        outlet.ended(spoken(1, 1_500), true, &mut events),
        Ended::Answered
    );
    assert_eq!(
        short(&mut events),
        ["partial 1 0+1", "final 1 a ready:true"]
    );
}

#[test]
fn words_still_being_found_when_the_pause_turns_out_the_end_are_the_final() {
    let (mut outlet, mut events) = outlet();
    outlet.pausing_began(&spoken(1, 1_500));
    assert_eq!(
        outlet.ended(spoken(1, 1_500), true, &mut events),
        Ended::Promote
    );
    assert!(outlet.pausing_done(&spoken(1, 1_500), said("a"), &mut events));
    assert_eq!(short(&mut events), ["final 1 a ready:false"]);
}

#[test]
fn words_found_in_a_pause_that_was_none_are_interim_words_only() {
    let (mut outlet, mut events) = outlet();
    outlet.pausing_began(&spoken(1, 1_500));
    outlet.pausing_void();
    assert!(!outlet.pausing_done(&spoken(1, 1_500), said("a"), &mut events));
    assert_eq!(
        outlet.ended(spoken(1, 2_500), false, &mut events),
        Ended::Submit
    );
    assert_eq!(short(&mut events), ["partial 1 0+1"]);
}

#[test]
fn words_of_an_earlier_pause_never_pass_for_those_of_a_later_one() {
    let (mut outlet, mut events) = outlet();
    outlet.pausing_began(&spoken(1, 1_500));
    outlet.pausing_void();
    outlet.pausing_began(&spoken(1, 2_500));
    assert_eq!(
        outlet.ended(spoken(1, 2_500), true, &mut events),
        Ended::Promote
    );
    assert!(!outlet.pausing_done(&spoken(1, 1_500), said("early"), &mut events));
    outlet.resolve(1, said("late"), &mut events);
    assert_eq!(
        short(&mut events).last().unwrap(),
        "final 1 late ready:false"
    );
}

#[test]
fn an_early_try_that_failed_is_tried_again_at_the_end() {
    let (mut outlet, mut events) = outlet();
    outlet.pausing_began(&spoken(1, 1_500));
    let failed = Outcome::Failed {
        code: "recognizer_failed",
        message: String::new(),
    };
    outlet.pausing_done(&spoken(1, 1_500), failed, &mut events);
    assert_eq!(
        outlet.ended(spoken(1, 1_500), true, &mut events),
        Ended::Submit
    );
    assert!(events.is_empty());
}

#[test]
fn a_stream_finishes_once_and_after_its_last_answer() {
    let (mut outlet, mut events) = outlet();
    outlet.ended(spoken(1, 1_500), false, &mut events);
    outlet.audio_over(9_000, 500, &mut events);
    assert!(events.is_empty());
    let failed = Outcome::Failed {
        code: "decode_timeout",
        message: String::new(),
    };
    outlet.resolve(1, failed, &mut events);
    outlet.audio_over(9_000, 500, &mut events);
    assert_eq!(
        short(&mut events),
        ["failed 1 decode_timeout", "finished 9000 500"]
    );
}

#[test]
fn interim_words_of_the_next_utterance_may_come_before_the_final_of_the_last() {
    let (mut outlet, mut events) = outlet();
    outlet.ended(spoken(1, 1_500), false, &mut events);
    outlet.interim(&spoken(2, 2_500), vec![word("b")], &mut events);
    outlet.resolve(1, said("a"), &mut events);
    assert_eq!(
        short(&mut events),
        ["partial 2 0+1", "final 1 a ready:false"]
    );
}
