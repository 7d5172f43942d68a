//! Notices when a model goes round in circles.
//!
//! Small models can fall into "No, no, no, …" until the token limit. Four times the same run of
//! tokens is taken as such a circle: decoding stops and the run is kept once. Somebody who truly
//! says a word four times in a row is written down as saying it once; the sound is still there.

/// How often a run has to come in a row.
const TIMES: usize = 4;
/// Longest run looked for, in tokens.
const RUN_MAX: usize = 20;

/// When `items` ends in the same run four times, how many items to keep: up to the first run's end.
pub(crate) fn end_of_loop<T, K: PartialEq>(items: &[T], key: impl Fn(&T) -> K) -> Option<usize> {
    (1..=RUN_MAX.min(items.len() / TIMES)).find_map(|run| {
        let start = items.len() - run * TIMES;
        let tail = &items[start..];
        (run..tail.len())
            .all(|i| key(&tail[i]) == key(&tail[i - run]))
            .then_some(start + run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(words: &str) -> Option<usize> {
        let words: Vec<&str> = words.split_whitespace().collect();
        end_of_loop(&words, |w| w.to_owned())
    }

    #[test]
    fn a_run_that_comes_four_times_is_kept_once() {
        assert_eq!(kept("well no no no no"), Some(2));
        assert_eq!(kept("a b c a b c a b c a b c"), Some(3));
    }

    #[test]
    fn three_times_is_speech() {
        assert_eq!(kept("no no no"), None);
        assert_eq!(
            kept("it was the best it was the worst it was the age"),
            None
        );
    }

    #[test]
    fn a_circle_that_ended_earlier_is_not_the_tail() {
        assert_eq!(kept("no no no no but yes"), None);
    }

    #[test]
    fn nothing_is_no_circle() {
        assert_eq!(kept(""), None);
    }
}
