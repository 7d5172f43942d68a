//! From a recognizer's words to a segment of the transcript: cleaned, and placed in stream time.
//!
//! Pure. What a small model says when it heard nothing ("You", music notes) ends here.

use serde::{Deserialize, Serialize};

use crate::endpoint::Utterance;
use crate::recognizer::{Transcript, Word, join, mean_confidence};
use crate::times;

#[cfg(test)]
mod tests;

/// With less voice than this, a lone "You" is taken for noise.
const LONE_YOU_VOICED_MS: u64 = 700;
/// Heard in noise, "You" has a confidence of 0.2 to 0.3.
const LONE_YOU_CONFIDENCE: f32 = 0.4;

/// Final words of one utterance. Times are stream audio time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Start of the utterance's voice.
    pub start_ms: u64,
    /// End of the utterance's voice.
    pub end_ms: u64,
    /// How much of it was voice.
    pub voiced_ms: u64,
    /// The words joined by spaces.
    pub text: String,
    /// At least one.
    pub words: Vec<Word>,
    /// Mean over the words, 0 to 1.
    pub confidence: f32,
    /// The utterance was cut for its length; the sentence goes on in the next segment.
    pub is_cut: bool,
}

/// Makes a segment of `transcript`, or `None` when nothing but noise was heard.
///
/// Estimated word times are laid anew over the voiced stretches, so pauses show.
pub(crate) fn segment(
    utterance: &Spoken,
    transcript: Transcript,
    times_are_estimated: bool,
) -> Option<Segment> {
    let words = words(utterance, transcript, times_are_estimated);
    let (first, last) = (utterance.voiced.first()?, utterance.voiced.last()?);
    if words.is_empty() {
        return None;
    }
    Some(Segment {
        start_ms: first.0,
        end_ms: last.1,
        voiced_ms: utterance.voiced_ms(),
        text: join(&words),
        confidence: mean_confidence(&words),
        words,
        is_cut: utterance.is_cut,
    })
}

/// What is kept of an utterance once its sound is with a recognizer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spoken {
    pub(crate) id: u64,
    pub(crate) start_ms: u64,
    pub(crate) end_ms: u64,
    pub(crate) voiced: Vec<(u64, u64)>,
    pub(crate) is_cut: bool,
}

impl Spoken {
    /// Takes an utterance apart into what was spoken and its samples.
    pub(crate) fn split(utterance: Utterance) -> (Self, Vec<f32>) {
        let Utterance {
            id,
            start_ms,
            end_ms,
            voiced,
            samples,
            is_cut,
        } = utterance;
        (
            Self {
                id,
                start_ms,
                end_ms,
                voiced,
                is_cut,
            },
            samples,
        )
    }

    pub(crate) fn voiced_ms(&self) -> u64 {
        self.voiced.iter().map(|(from, to)| to - from).sum()
    }
}

/// Cleaned words in stream time.
pub(crate) fn words(
    utterance: &Spoken,
    transcript: Transcript,
    times_are_estimated: bool,
) -> Vec<Word> {
    let mut words = transcript.words;
    words.retain(|word| !is_music(&word.text));
    if let [only] = words.as_slice()
        && is_you(&only.text)
        && (utterance.voiced_ms() < LONE_YOU_VOICED_MS || only.confidence < LONE_YOU_CONFIDENCE)
    {
        words.clear();
    }
    if times_are_estimated {
        let bare = words
            .into_iter()
            .map(|word| (word.text, word.confidence))
            .collect();
        return times::spread(bare, &utterance.voiced);
    }
    for word in &mut words {
        word.start_ms += utterance.start_ms;
        word.end_ms += utterance.start_ms;
    }
    words
}

/// A word of music notes and punctuation only.
fn is_music(text: &str) -> bool {
    let is_note = |c: char| {
        matches!(
            c,
            '\u{2669}'..='\u{266f}' | '\u{1f3b5}' | '\u{1f3b6}' | '\u{1f3bc}'
        )
    };
    text.chars().any(is_note) && !text.chars().any(char::is_alphanumeric)
}

fn is_you(text: &str) -> bool {
    text.trim_matches(|c: char| !c.is_alphanumeric())
        .eq_ignore_ascii_case("you")
}
