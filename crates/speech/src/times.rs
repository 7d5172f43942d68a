//! Estimated word times: words laid over the stretches with voice in them, by their length.
//!
//! Pure. Used where a recognizer says nothing about time, and again once the voiced stretches of
//! an utterance are known, so that a pause in mid-sentence stays a pause.

use crate::recognizer::Word;

/// Lays `words` (text, confidence) over `spans` (start and end in milliseconds, in order).
///
/// Each word takes time in proportion to its letters plus one. Words never overlap and never leave
/// the spans; without spans all words sit at 0.
pub(crate) fn spread(words: Vec<(String, f32)>, spans: &[(u64, u64)]) -> Vec<Word> {
    let weight = |text: &str| text.chars().count() as f64 + 1.0;
    let total: f64 = words.iter().map(|(text, _)| weight(text)).sum();
    let length: u64 = spans
        .iter()
        .map(|(from, to)| to.saturating_sub(*from))
        .sum();
    let mut done = 0.0;
    words
        .into_iter()
        .map(|(text, confidence)| {
            let begin = done / total * length as f64;
            done += weight(&text);
            let end = done / total * length as f64;
            let start_ms = place(begin.round() as u64, spans, true);
            let end_ms = place(end.round() as u64, spans, false).max(start_ms);
            Word {
                text,
                start_ms,
                end_ms,
                confidence,
            }
        })
        .collect()
}

/// Where `offset` milliseconds of voice lie. On a border between two spans a start goes to the
/// later one and an end stays in the earlier.
fn place(offset: u64, spans: &[(u64, u64)], is_start: bool) -> u64 {
    let mut rest = offset;
    for (index, &(from, to)) in spans.iter().enumerate() {
        let length = to.saturating_sub(from);
        let is_last = index + 1 == spans.len();
        if is_last || rest < length || (rest == length && !is_start) {
            return from + rest.min(length);
        }
        rest -= length;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(words: &[&str], spans: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let words = words.iter().map(|w| ((*w).to_owned(), 1.0)).collect();
        spread(words, spans)
            .iter()
            .map(|w| (w.start_ms, w.end_ms))
            .collect()
    }

    #[test]
    fn a_longer_word_takes_longer() {
        assert_eq!(laid(&["a", "abc"], &[(0, 600)]), [(0, 200), (200, 600)]);
    }

    #[test]
    fn a_pause_between_spans_stays_free_of_words() {
        assert_eq!(
            laid(&["ab", "ab"], &[(100, 400), (1000, 1300)]),
            [(100, 400), (1000, 1300)]
        );
    }

    #[test]
    fn no_words_and_no_spans_are_harmless() {
        assert_eq!(laid(&[], &[(0, 5)]), []);
        assert_eq!(laid(&["a"], &[]), [(0, 0)]);
    }
}
