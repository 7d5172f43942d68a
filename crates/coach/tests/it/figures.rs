//! Words, pace and pauses, reckoned by hand beside.

use coach::report::{Figures, NotMeasured, Pauses, ReportInput, build};
use protocol::id::StreamId;

use crate::fixture::{answer, by_ben, gap, interview, quiet, says, to};

fn one_answer(segments: Vec<coach::report::SegmentFacts>) -> ReportInput {
    let mut input = quiet();
    input.answers = vec![answer("q", 0, 10_000, 80_000)];
    input.segments = segments;
    input
}

fn figures(input: &ReportInput) -> Figures {
    build(input).questions[0].figures
}

const TEN: &str = "one two three four five six seven eight nine ten";

#[test]
fn pace_is_words_by_minutes_from_the_first_word_to_the_last() {
    // 20 words of 0.5 s from 12 s to 17 s and from 19 s to 24 s: 12 s in all.
    let input = one_answer(vec![
        to("q", says(1, 12_000, 500, TEN)),
        to("q", says(2, 19_000, 500, TEN)),
    ]);
    let got = figures(&input);
    assert_eq!(got.words, 20);
    assert_eq!(got.speaking_ms, 10_000);
    assert_eq!(got.pace.words_per_minute, Some(100));
    assert_eq!(got.first_word_ms, Some(2_000));
    assert!(got.estimated);
    let pauses = Pauses {
        count: 1,
        long: 1,
        longest_ms: 2_000,
        total_ms: 2_000,
    };
    assert_eq!(got.pauses, Some(pauses));
}

#[test]
fn a_pause_begins_at_a_quarter_of_a_second_and_is_long_from_two() {
    for (silence, count, long) in [(249, 0, 0), (250, 1, 0), (1_999, 1, 0), (2_000, 1, 1)] {
        let input = one_answer(vec![
            to("q", says(1, 12_000, 500, TEN)),
            to("q", says(2, 17_000 + silence, 500, TEN)),
        ]);
        let pauses = figures(&input).pauses.unwrap();
        assert_eq!((pauses.count, pauses.long), (count, long), "{silence}");
    }
}

#[test]
fn silence_between_words_of_one_segment_is_a_pause_too() {
    let input = one_answer(vec![to(
        "q",
        says(1, 12_000, 500, "a b c | d e f | g h i j"),
    )]);
    let pauses = figures(&input).pauses.unwrap();
    assert_eq!((pauses.count, pauses.total_ms), (2, 1_000));
}

#[test]
fn less_than_five_seconds_of_speech_have_no_pace() {
    let short = one_answer(vec![to("q", says(1, 12_000, 499, TEN))]);
    let got = figures(&short);
    assert_eq!(got.pace.words_per_minute, None);
    assert_eq!(got.pace.not_measured, Some(NotMeasured::TooShort));
    assert_eq!(got.words, 10);
    // Two words a minute apart are no minute of speech.
    let far = one_answer(vec![
        to("q", says(1, 12_000, 500, "one")),
        to("q", says(2, 72_000, 500, "two")),
    ]);
    let got = figures(&far);
    assert_eq!(got.pace.not_measured, Some(NotMeasured::TooShort));
}

#[test]
fn lost_sound_is_no_pause_and_does_not_lower_the_pace() {
    let mut input = one_answer(vec![
        to("q", says(1, 12_000, 500, TEN)),
        to("q", says(2, 22_000, 500, TEN)),
    ]);
    assert_eq!(figures(&input).pace.words_per_minute, Some(80));
    input.gaps = vec![gap(17_000, 20_000), gap(18_000, 21_900)];
    let got = figures(&input);
    assert_eq!(got.pauses.unwrap().count, 0);
    assert_eq!(got.pace.words_per_minute, Some(119));
    assert_eq!(build(&input).questions[0].missing_ms, 6_900);
}

#[test]
fn while_somebody_else_speaks_the_candidate_does_not_pause() {
    let input = one_answer(vec![
        to("q", says(1, 12_000, 500, TEN)),
        by_ben(to("q", says(2, 17_100, 480, TEN))),
        to("q", says(3, 22_000, 500, TEN)),
    ]);
    let report = build(&input);
    let got = report.questions[0].figures;
    assert_eq!(got.pauses.unwrap().count, 0);
    assert_eq!(got.words, 20, "the interviewer's words are not counted");
    assert_eq!(got.pace.words_per_minute, Some(118));
    assert_eq!(report.questions[0].transcript.len(), 3);
}

#[test]
fn the_time_between_two_answers_is_nobodys_pause() {
    let mut input = one_answer(vec![
        to("q", says(1, 12_000, 500, TEN)),
        to("r", says(2, 90_000, 500, TEN)),
    ]);
    input.answers.push(answer("r", 1, 80_000, 100_000));
    let all = build(&input).totals.figures;
    assert_eq!(all.pauses, Some(Pauses::default()));
    assert_eq!(all.pace.words_per_minute, Some(120));
    assert_eq!(all.first_word_ms, None);
}

#[test]
fn a_stream_begun_anew_leaves_no_pause_behind() {
    let mut second = to("q", says(2, 0, 500, TEN));
    second.stream = StreamId(1);
    second.at_ms += 40_000;
    let input = one_answer(vec![to("q", says(1, 12_000, 500, TEN)), second]);
    let report = build(&input);
    let got = report.questions[0].figures;
    assert_eq!(got.pauses.unwrap().count, 0);
    assert_eq!(got.pace.words_per_minute, Some(120));
    assert_eq!(report.questions[0].transcript[1].start_ms, 40_000);
}

#[test]
fn a_recording_sent_faster_than_it_was_spoken_keeps_its_own_pace() {
    let fast = |seq, start, at| {
        let mut segment = to("q", says(seq, start, 500, TEN));
        segment.at_ms = at;
        segment
    };
    let input = one_answer(vec![fast(1, 0, 11_000), fast(2, 6_000, 12_000)]);
    let got = figures(&input);
    assert_eq!(got.pace.words_per_minute, Some(109));
    assert_eq!(got.pauses.unwrap().longest_ms, 1_000);
}

#[test]
fn a_segment_without_words_counts_as_a_whole() {
    let mut bare = to("q", says(1, 12_000, 500, TEN));
    bare.words.clear();
    let got = figures(&one_answer(vec![bare]));
    assert_eq!((got.words, got.pace.words_per_minute), (10, Some(120)));
}

#[test]
fn measured_word_times_are_not_called_estimated() {
    let mut input = interview();
    input.recognizer.as_mut().unwrap().word_times_estimated = false;
    let report = build(&input);
    assert!(!report.totals.figures.estimated);
    assert!(!report.method.iter().any(|s| s.contains("estimate")));
    input.gaps.clear();
    let report = build(&input);
    for shown in [coach::page::render(&report), coach::summary(&report)] {
        let mut guesses = shown.split("about ").skip(1);
        assert!(guesses.all(|rest| !rest.starts_with(|c: char| c.is_ascii_digit())));
    }
}

#[test]
fn words_of_a_question_that_was_not_put_stand_outside() {
    let mut input = quiet();
    input.segments = vec![to("gone", says(1, 12_000, 500, TEN))];
    let report = build(&input);
    assert_eq!(report.outside.transcript.len(), 1);
    assert_eq!(report.totals.figures.words, 10);
}
