//! Word error rate, and the spelling both sides are brought to before they are compared.
//!
//! Scoring rules: lower case, punctuation dropped (apostrophes too), hyphens and dashes split,
//! whole numbers spelled out, `mr`/`mrs`/`dr` spelled out. Used by tests and benchmarks only.

/// Errors of one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WordErrors {
    /// Fewest substitutions, insertions and deletions that turn one side into the other.
    pub errors: usize,
    /// Words in the reference.
    pub reference_words: usize,
}

impl WordErrors {
    /// Errors per reference word; 0 for an empty reference matched by nothing.
    #[must_use]
    pub fn rate(self) -> f64 {
        self.errors as f64 / self.reference_words.max(1) as f64
    }
}

/// The words of `text` as they are scored.
#[must_use]
pub fn normalize(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let separated = text.to_lowercase();
    for piece in separated.split(|c: char| {
        c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '/')
    }) {
        let bare: String = piece.chars().filter(|c| c.is_alphanumeric()).collect();
        match bare.as_str() {
            "" => {}
            "mr" => words.push("mister".to_owned()),
            "mrs" => words.push("missus".to_owned()),
            "dr" => words.push("doctor".to_owned()),
            _ => match bare.parse::<u32>() {
                Ok(number) if number < 1_000_000 => spell(number, &mut words),
                _ => words.push(bare),
            },
        }
    }
    words
}

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = [
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

fn spell(number: u32, words: &mut Vec<String>) {
    let mut push = |word: &str| words.push(word.to_owned());
    match number {
        0..20 => push(SMALL[number as usize]),
        20..100 => {
            push(TENS[(number / 10) as usize]);
            if !number.is_multiple_of(10) {
                push(SMALL[(number % 10) as usize]);
            }
        }
        100..1000 => {
            push(SMALL[(number / 100) as usize]);
            push("hundred");
            if !number.is_multiple_of(100) {
                spell(number % 100, words);
            }
        }
        _ => {
            spell(number / 1000, words);
            words.push("thousand".to_owned());
            if !number.is_multiple_of(1000) {
                spell(number % 1000, words);
            }
        }
    }
}

/// Compares what was heard with what was said.
#[must_use]
pub fn score(reference: &str, heard: &str) -> WordErrors {
    let reference = normalize(reference);
    let heard = normalize(heard);
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, said) in reference.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, word) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(said != word);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    WordErrors {
        errors: row[heard.len()],
        reference_words: reference.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_punctuation_hyphens_and_numbers_do_not_count() {
        assert_eq!(
            normalize("Mr. Well-known paid 1,042 — no, 21!"),
            [
                "mister", "well", "known", "paid", "one", "thousand", "forty", "two", "no",
                "twenty", "one"
            ]
        );
        assert_eq!(score("don't stop", "Dont stop.").errors, 0);
    }

    #[test]
    fn each_kind_of_error_counts_one() {
        assert_eq!(
            score("a b c", "a x c"),
            WordErrors {
                errors: 1,
                reference_words: 3
            }
        );
        assert_eq!(score("a b c", "a c").errors, 1);
        assert_eq!(score("a b c", "a b b c").errors, 1);
        assert_eq!(score("a b c", "").errors, 3);
        assert_eq!(score("", "").rate(), 0.0);
    }
}
