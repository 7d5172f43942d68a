use super::*;

fn spoken(voiced: &[(u64, u64)]) -> Spoken {
    Spoken {
        id: 1,
        start_ms: 1_000,
        end_ms: 9_000,
        voiced: voiced.to_vec(),
        is_cut: false,
    }
}

fn heard(texts: &[&str]) -> Transcript {
    let word = |(i, text): (usize, &&str)| Word {
        text: (*text).to_owned(),
        start_ms: i as u64 * 100,
        end_ms: i as u64 * 100 + 100,
        confidence: 0.5,
    };
    Transcript::from_words(texts.iter().enumerate().map(word).collect())
}

#[test]
fn a_lone_you_with_little_voice_is_noise_and_with_much_voice_is_a_word() {
    for text in ["You", "you.", "You!"] {
        assert_eq!(
            segment(&spoken(&[(1_000, 1_600)]), heard(&[text]), true),
            None,
            "{text}"
        );
        assert!(
            segment(&spoken(&[(1_000, 1_800)]), heard(&[text]), true).is_some(),
            "{text}"
        );
    }
    assert!(segment(&spoken(&[(1_000, 1_300)]), heard(&["You", "did."]), true).is_some());
    assert!(segment(&spoken(&[(1_000, 1_300)]), heard(&["Yes."]), true).is_some());
}

#[test]
fn music_notes_are_no_words() {
    assert_eq!(
        segment(&spoken(&[(1_000, 5_000)]), heard(&["♪", "♪♪", "(♫)"]), true),
        None
    );
    let kept = segment(&spoken(&[(1_000, 5_000)]), heard(&["♪", "Hello"]), true).unwrap();
    assert_eq!(kept.text, "Hello");
}

#[test]
fn estimated_times_leave_pauses_free() {
    let segment = segment(
        &spoken(&[(2_000, 2_500), (4_000, 4_500)]),
        heard(&["one", "two"]),
        true,
    );
    let segment = segment.unwrap();
    let times: Vec<_> = segment
        .words
        .iter()
        .map(|w| (w.start_ms, w.end_ms))
        .collect();
    assert_eq!(times, [(2_000, 2_500), (4_000, 4_500)]);
    assert_eq!(
        (segment.start_ms, segment.end_ms, segment.voiced_ms),
        (2_000, 4_500, 1_000)
    );
}

#[test]
fn measured_times_are_moved_to_stream_time() {
    let segment = segment(&spoken(&[(1_000, 2_000)]), heard(&["one", "two"]), false).unwrap();
    let times: Vec<_> = segment
        .words
        .iter()
        .map(|w| (w.start_ms, w.end_ms))
        .collect();
    assert_eq!(times, [(1_000, 1_100), (1_100, 1_200)]);
}

#[test]
fn nothing_heard_is_no_segment() {
    assert_eq!(
        segment(&spoken(&[(1_000, 2_000)]), Transcript::default(), true),
        None
    );
}
