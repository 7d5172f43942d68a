//! The word list of a plan: names and products that recognition is likely to get wrong. What is done
//! with it is the engine's business; here it is read and checked.

use toml::de::{DeTable, DeValue};

use super::file::Reader;

/// Most names in a list.
pub const WORDS_MAX: usize = 100;
/// Longest name, characters.
pub const WORD_CHARS_MAX: usize = 40;
/// Most words in a name.
pub const WORD_PARTS_MAX: usize = 3;
/// Fewest letters and digits of a name. Shorter ones would be found in ordinary words.
pub const WORD_LETTERS_MIN: usize = 5;

impl Reader<'_> {
    /// None exactly when a problem was said.
    pub(super) fn words(&mut self, table: &DeTable<'_>) -> Option<Vec<String>> {
        let Some(value) = table.get("words") else {
            return Some(Vec::new());
        };
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong_kind(value, "words", "a list of names like [\"Kubernetes\"]");
            return None;
        };
        if array.len() > WORDS_MAX {
            let message = format!("{} `words`; expected at most {WORDS_MAX}", array.len());
            self.say(Some(value.span()), message);
            return None;
        }
        let mut words: Vec<String> = Vec::new();
        for item in array.iter() {
            let Some(text) = self.checked_text(item, "words", WORD_CHARS_MAX) else {
                continue;
            };
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let shown = crate::text::shortened(&text, WORD_CHARS_MAX);
            let letters = text.chars().filter(|c| c.is_alphanumeric()).count();
            let folded = |word: &str| word.to_lowercase();
            let wrong = if letters < WORD_LETTERS_MIN {
                Some(format!(
                    "`words`: \"{shown}\" is too short; expected at least {WORD_LETTERS_MIN} letters \
                     or digits, so that ordinary words are not taken for it"
                ))
            } else if text.split(' ').count() > WORD_PARTS_MAX {
                Some(format!(
                    "`words`: \"{shown}\" is too long; expected a name of at most \
                     {WORD_PARTS_MAX} words"
                ))
            } else if words.iter().any(|word| folded(word) == folded(&text)) {
                Some(format!(
                    "`words`: \"{shown}\" is there twice; expected it once"
                ))
            } else {
                None
            };
            match wrong {
                Some(message) => self.say(Some(item.span()), message),
                None => words.push(text),
            }
        }
        (words.len() == array.len()).then_some(words)
    }
}
