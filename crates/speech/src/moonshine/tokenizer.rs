//! Token numbers to words, by the model's `tokenizer.bin`.
//!
//! The file is a list of byte strings, each led by its length: one byte below 128, else
//! `second * 128 + first - 128`; length 0 is an unused token. U+2581 marks the start of a word.

const WORD_START: &[u8] = "\u{2581}".as_bytes();

/// The vocabulary.
#[derive(Debug)]
pub(super) struct Tokenizer {
    tokens: Vec<Box<[u8]>>,
}

/// One word with the mean log probability of its tokens.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SpelledWord {
    pub(super) text: String,
    pub(super) confidence: f32,
}

impl Tokenizer {
    /// Reads the vocabulary; `None` when the bytes do not add up.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut tokens = Vec::with_capacity(32_768);
        let mut rest = bytes;
        while let Some((&first, after)) = rest.split_first() {
            let (length, after) = if first < 128 {
                (usize::from(first), after)
            } else {
                let (&second, after) = after.split_first()?;
                (usize::from(second) * 128 + usize::from(first) - 128, after)
            };
            if after.len() < length {
                return None;
            }
            let (token, after) = after.split_at(length);
            tokens.push(token.into());
            rest = after;
        }
        (!tokens.is_empty()).then_some(Self { tokens })
    }

    /// Joins tokens to words. Unknown numbers and marks like `<s>` are left out.
    pub(super) fn words(&self, tokens: &[(u32, f32)]) -> Vec<SpelledWord> {
        let mut words: Vec<(Vec<u8>, f32, u32)> = Vec::new();
        for &(token, log_probability) in tokens {
            let Some(bytes) = self.tokens.get(token as usize) else {
                continue;
            };
            if bytes.is_empty() || (bytes.starts_with(b"<") && bytes.ends_with(b">")) {
                continue;
            }
            let mut rest: &[u8] = bytes;
            while let Some(after) = rest.strip_prefix(WORD_START) {
                words.push((Vec::new(), 0.0, 0));
                rest = after;
            }
            // A start mark inside a token does not occur in this vocabulary; it would be shown.
            if words.is_empty() {
                words.push((Vec::new(), 0.0, 0));
            }
            if let Some((text, sum, count)) = words.last_mut() {
                text.extend_from_slice(rest);
                *sum += log_probability;
                *count += 1;
            }
        }
        words
            .into_iter()
            .filter_map(|(bytes, sum, count)| {
                let text = String::from_utf8_lossy(&bytes).replace('\u{2581}', " ");
                let text = text.trim();
                (!text.is_empty()).then(|| SpelledWord {
                    text: text.to_owned(),
                    confidence: (sum / count.max(1) as f32).exp().clamp(0.0, 1.0),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let mut bytes = Vec::new();
        for token in ["<s>", "", "\u{2581}he", "llo", "\u{2581}you", "!"] {
            bytes.push(token.len() as u8);
            bytes.extend_from_slice(token.as_bytes());
        }
        bytes
    }

    #[test]
    fn tokens_become_words_at_their_start_marks_and_marks_in_angles_are_dropped() {
        let tokenizer = Tokenizer::parse(&file()).unwrap();
        let words =
            tokenizer.words(&[(0, 0.0), (2, 0.0), (3, -2.0), (4, 0.0), (5, 0.0), (99, 0.0)]);
        let texts: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
        assert_eq!(texts, ["hello", "you!"]);
        assert!((words[0].confidence - (-1.0f32).exp()).abs() < 1e-6);
        assert!((words[1].confidence - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_length_over_127_takes_two_bytes() {
        let mut bytes = vec![0x80 + 5, 1];
        bytes.extend(std::iter::repeat_n(b'a', 133));
        let tokenizer = Tokenizer::parse(&bytes).unwrap();
        assert_eq!(tokenizer.words(&[(0, 0.0)])[0].text.len(), 133);
    }

    #[test]
    fn a_file_that_ends_inside_a_token_is_refused() {
        assert!(Tokenizer::parse(&[5, b'a']).is_none());
        assert!(Tokenizer::parse(&[200]).is_none());
        assert!(Tokenizer::parse(&[]).is_none());
    }
}
