//! An answer as words and as tokens that can be compared: small letters, numbers as digits,
//! contractions opened, endings taken off. Every token knows the word it comes from.

use std::collections::BTreeMap;

/// A word of an answer as it was recognized.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    /// As in the transcript, without white space.
    pub(crate) text: String,
    /// On the session's clock, milliseconds.
    pub(crate) from_ms: u64,
    /// On the session's clock, milliseconds.
    pub(crate) to_ms: u64,
    /// 0 to 1; none if the recognizer did not tell.
    pub(crate) confidence: Option<f64>,
}

/// Part of a word that is compared with phrases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Small letters and digits only.
    pub(crate) raw: String,
    /// Without its ending.
    pub(crate) stem: String,
    /// Place of the word it comes from.
    pub(crate) word: usize,
}

/// A phrase as a row of stems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phrase {
    pub(crate) text: String,
    pub(crate) stems: Vec<String>,
}

/// An answer made ready for matching.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) words: Vec<Said>,
    pub(crate) tokens: Vec<Token>,
    /// Places of each stem among the tokens.
    places: BTreeMap<String, Vec<usize>>,
}

impl Answer {
    pub(crate) fn new(words: Vec<Said>) -> Self {
        let mut tokens = Vec::new();
        for (place, word) in words.iter().enumerate() {
            push_tokens(&word.text, place, &mut tokens);
        }
        Self::of(words, tokens)
    }

    fn of(words: Vec<Said>, tokens: Vec<Token>) -> Self {
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, token) in tokens.iter().enumerate() {
            if !token.stem.is_empty() {
                places.entry(token.stem.clone()).or_default().push(at);
            }
        }
        Self {
            words,
            tokens,
            places,
        }
    }

    /// The same answer in which words with less confidence match nothing.
    pub(crate) fn without_unsure(&self, below: f64) -> Self {
        let mut tokens = self.tokens.clone();
        for token in &mut tokens {
            let word = self.words.get(token.word);
            if word.and_then(|w| w.confidence).is_some_and(|c| c < below) {
                token.raw.clear();
                token.stem.clear();
            }
        }
        Self::of(self.words.clone(), tokens)
    }

    /// Whether any word has less confidence.
    pub(crate) fn has_unsure(&self, below: f64) -> bool {
        self.words
            .iter()
            .any(|w| w.confidence.is_some_and(|c| c < below))
    }

    /// Every place where the phrase stands, as its first token and one past its last.
    /// `tolerant`: a long word may differ by one letter, as recognizers make it.
    pub(crate) fn find(&self, phrase: &Phrase, tolerant: bool) -> Vec<(usize, usize)> {
        let mut starts: Option<Vec<usize>> = None;
        for (offset, stem) in phrase.stems.iter().enumerate() {
            let places = self.places_of(stem, tolerant);
            let next: Vec<usize> = match starts {
                None => places,
                Some(before) => before
                    .into_iter()
                    .filter(|start| places.binary_search(&(start + offset)).is_ok())
                    .collect(),
            };
            if next.is_empty() {
                return Vec::new();
            }
            starts = Some(next);
        }
        let length = phrase.stems.len();
        let starts = starts.unwrap_or_default();
        starts.into_iter().map(|at| (at, at + length)).collect()
    }

    fn places_of(&self, stem: &str, tolerant: bool) -> Vec<usize> {
        const LONG: usize = 6;
        let exact = self.places.get(stem).cloned().unwrap_or_default();
        if !tolerant || stem.len() < LONG || !stem.is_ascii() {
            return exact;
        }
        let mut all = exact;
        for (other, places) in &self.places {
            let can = other.len() >= LONG && other.len().abs_diff(stem.len()) <= 1;
            // One edit leaves the first or the last three letters as they are: a quick look that
            // keeps answers of many different words cheap.
            let (own, its) = (stem.as_bytes(), other.as_bytes());
            let alike = || own[..3] == its[..3] || own[own.len() - 3..] == its[its.len() - 3..];
            if can && alike() && other != stem && strsim::levenshtein(other, stem) == 1 {
                all.extend(places);
            }
        }
        all.sort_unstable();
        all
    }

    /// The different stems, in order.
    pub(crate) fn stems(&self) -> impl Iterator<Item = &String> {
        self.places.keys()
    }

    /// Words from a first token to one past a last, as places of words.
    pub(crate) fn word_span(&self, from: usize, to: usize) -> (usize, usize) {
        let word = |at: usize| self.tokens.get(at).map_or(self.words.len(), |t| t.word);
        (word(from), word(to.saturating_sub(1)) + 1)
    }

    /// Mean confidence of these words; none if no word has one.
    pub(crate) fn confidence(&self, from: usize, to: usize) -> Option<f64> {
        let words = self.words.get(from..to.min(self.words.len()))?;
        let known: Vec<f64> = words.iter().filter_map(|w| w.confidence).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }
}

/// `a b|c` → two phrases.
pub(crate) fn phrases(text: &str) -> Vec<Phrase> {
    text.split('|').map(phrase).collect()
}

/// A phrase of one or more words.
pub(crate) fn phrase(text: &str) -> Phrase {
    Phrase {
        text: text.trim().to_owned(),
        stems: raw_tokens(text).into_iter().map(|t| t.stem).collect(),
    }
}

/// The tokens of a text, each with the place of its word.
pub(crate) fn raw_tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (place, word) in text.split_whitespace().enumerate() {
        push_tokens(word, place, &mut tokens);
    }
    tokens
}

fn push_tokens(text: &str, word: usize, into: &mut Vec<Token>) {
    let mut push = |raw: &str| {
        if !raw.is_empty() {
            let raw = digits(raw).unwrap_or(raw);
            into.push(Token {
                raw: raw.to_owned(),
                stem: stem(raw),
                word,
            });
        }
    };
    let small: String = text
        .chars()
        .flat_map(char::to_lowercase)
        .map(|c| {
            if matches!(c, '’' | 'ʼ' | '‘') {
                '\''
            } else {
                c
            }
        })
        .collect();
    let is_percent = small.contains('%') && small.contains(|c: char| c.is_ascii_digit());
    for piece in small.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '+') {
        let piece = piece.trim_matches(|c| c == '\'' || c == '+');
        let Some((head, tail)) = piece.split_once('\'') else {
            push(piece);
            continue;
        };
        match (head, tail) {
            ("can", "t") => push("can"),
            ("won", "t") => push("will"),
            (head, "t") => push(head.strip_suffix('n').unwrap_or(head)),
            (head, _) => push(head),
        }
        match tail {
            "t" => push("not"),
            "m" => push("am"),
            "re" => push("are"),
            "ve" => push("have"),
            "ll" => push("will"),
            "d" => push("would"),
            "s" if matches!(head, "it" | "that" | "what" | "there" | "he" | "she") => push("is"),
            _ => {}
        }
    }
    if is_percent {
        push("percent");
    }
}

fn digits(word: &str) -> Option<&'static str> {
    const NUMBERS: &[(&str, &str)] = &[
        ("two", "2"),
        ("three", "3"),
        ("four", "4"),
        ("five", "5"),
        ("six", "6"),
        ("seven", "7"),
        ("eight", "8"),
        ("nine", "9"),
        ("ten", "10"),
        ("eleven", "11"),
        ("twelve", "12"),
        ("fifteen", "15"),
        ("twenty", "20"),
        ("thirty", "30"),
        ("forty", "40"),
        ("fifty", "50"),
        ("sixty", "60"),
        ("seventy", "70"),
        ("eighty", "80"),
        ("ninety", "90"),
        ("hundred", "100"),
        ("thousand", "1000"),
        ("million", "1000000"),
    ];
    let found = NUMBERS.iter().find(|(name, _)| *name == word);
    found.map(|(_, digits)| *digits)
}

/// The word without its ending: good enough to bring the forms of a verb or noun together, and
/// nothing more. Words in other scripts stay as they are.
pub(crate) fn stem(word: &str) -> String {
    if !word.is_ascii() || word.len() <= 3 || word.bytes().any(|b| b.is_ascii_digit()) {
        return word.to_owned();
    }
    let mut stem = word.to_owned();
    if let Some(head) = stem.strip_suffix("ies").or(stem.strip_suffix("ied")) {
        stem = format!("{head}y");
    } else if stem.ends_with('s')
        && !stem.ends_with("ss")
        && !stem.ends_with("us")
        && !stem.ends_with("is")
    {
        stem.pop();
    }
    for ending in ["ing", "ed"] {
        if let Some(head) = stem.strip_suffix(ending)
            && head.len() >= 3
            && head.bytes().any(|b| b"aeiouy".contains(&b))
            && !head.ends_with('e')
        {
            stem = head.to_owned();
            break;
        }
    }
    if stem.len() > 3 && stem.ends_with('e') {
        stem.pop();
    }
    let bytes = stem.as_bytes();
    if let [.., a, b] = bytes
        && a == b
        && b.is_ascii_alphabetic()
        && stem.len() > 3
    {
        stem.pop();
    }
    // “note” and “here” are not “not” and “her”.
    if matches!(stem.as_str(), "not" | "her") {
        return format!("{stem}e");
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(text: &str) -> Vec<String> {
        raw_tokens(text).into_iter().map(|t| t.stem).collect()
    }

    fn answer(text: &str) -> Answer {
        let words = text.split_whitespace().map(|text| Said {
            text: text.to_owned(),
            from_ms: 0,
            to_ms: 0,
            confidence: None,
        });
        Answer::new(words.collect())
    }

    #[test]
    fn forms_of_a_word_have_one_stem_and_other_words_have_theirs() {
        for forms in [
            "measure measured measures measuring",
            "batch batches",
            "query queries",
            "try tries tried trying",
            "stop stopped stopping stops",
            "control controlled",
            "roll rolled rolling",
        ] {
            let all = stems(forms);
            assert!(all.iter().all(|s| *s == all[0]), "{all:?}");
        }
        for pair in [
            "note not",
            "here her",
            "need ned",
            "string str",
            "bus bu",
            "this thi",
        ] {
            let both = stems(pair);
            assert_ne!(both[0], both[1]);
        }
    }

    #[test]
    fn contractions_hyphens_percent_and_numbers_are_opened() {
        assert_eq!(
            stems("I'd didn’t can't won't"),
            stems("I would did not can not will not")
        );
        assert_eq!(stems("trade-off, it's"), stems("trade off it is"));
        assert_eq!(stems("forty % 30%"), ["40", "30", "percent"]);
        assert_eq!(stems("שלום, 日本!"), ["שלום", "日本"]);
        assert_eq!(stems("... --- '"), Vec::<String>::new());
    }

    #[test]
    fn every_token_knows_its_word_and_phrases_are_found_across_punctuation() {
        let answer = answer("Well, I didn't roll-back. I rolled, back then");
        let found = answer.find(&phrase("roll back"), false);
        let spans: Vec<_> = found
            .iter()
            .map(|(a, b)| answer.word_span(*a, *b))
            .collect();
        assert_eq!(spans, [(3, 4), (5, 7)]);
    }

    #[test]
    fn a_long_word_may_differ_by_one_letter_where_that_is_allowed() {
        let answer = answer("the datebase and the tast");
        assert_eq!(answer.find(&phrase("database"), true), [(1, 2)]);
        assert!(answer.find(&phrase("database"), false).is_empty());
        assert!(
            answer.find(&phrase("test"), true).is_empty(),
            "short words may not"
        );
    }
}
