//! What every recognizer has to offer: one trait, what it declares about itself, and the words it
//! gives back.
//!
//! No recognizer lives here, and nothing here knows where sound comes from. Times in a
//! [`Transcript`] count from the first sample given; the caller moves them to stream time.

use serde::{Deserialize, Serialize};

/// Samples per second that every recognizer is fed with.
pub const SAMPLE_RATE: u32 = 16_000;

/// Samples in one millisecond at [`SAMPLE_RATE`].
pub(crate) const SAMPLES_PER_MS: usize = 16;

/// How a recognizer comes by the times of its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WordTimes {
    /// The model says nothing about time: words are spread over the stretches with voice in them,
    /// in proportion to their length. Good to about a word, not to a syllable.
    Estimated,
    /// The model aligned its words to the sound.
    Measured,
}

/// What a recognizer can do. Callers decide by this, never by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Stable name of the model, for reports: `moonshine-tiny-en`.
    pub name: String,
    /// Version of model and code together.
    pub version: String,
    /// Where word times come from.
    pub word_times: WordTimes,
    /// Whether words carry a confidence that means something.
    pub confidence: bool,
    /// Whether "um" and "uh" are written down. Where false, a report must not count them.
    pub fillers: bool,
    /// BCP 47 tags of the languages understood.
    pub languages: Vec<String>,
    /// Longest stretch one call takes, in milliseconds.
    pub utterance_ms_max: u64,
}

/// One word with its place in time and how sure the recognizer is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// As written by the recognizer, punctuation attached.
    pub text: String,
    /// Where it starts, in milliseconds.
    pub start_ms: u64,
    /// Where it ends, in milliseconds.
    pub end_ms: u64,
    /// 0 to 1; 1 where the recognizer has no confidence to give.
    pub confidence: f32,
}

/// The words of one stretch of sound.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Transcript {
    /// In spoken order; times count from the first sample.
    pub words: Vec<Word>,
    /// The words joined by single spaces.
    pub text: String,
    /// Mean over the words, 0 to 1; 0 for no words.
    pub confidence: f32,
}

impl Transcript {
    /// Builds a transcript whose text and confidence follow from its words.
    #[must_use]
    pub fn from_words(words: Vec<Word>) -> Self {
        let text = join(&words);
        let confidence = mean_confidence(&words);
        Self {
            words,
            text,
            confidence,
        }
    }
}

/// The words' texts, joined by single spaces.
#[must_use]
pub fn join(words: &[Word]) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&word.text);
    }
    text
}

/// Mean confidence of the words, 0 for none.
pub(crate) fn mean_confidence(words: &[Word]) -> f32 {
    if words.is_empty() {
        return 0.0;
    }
    words.iter().map(|w| w.confidence).sum::<f32>() / words.len() as f32
}

/// Why a recognizer gave no words.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// The model could not be loaded.
    #[error("the speech model could not be loaded: {message}")]
    Load {
        /// What the runtime said.
        message: String,
    },
    /// One call failed; the next may succeed.
    #[error("the recognizer failed: {message}")]
    Failed {
        /// What the runtime said.
        message: String,
    },
    /// More sound than one call takes; see [`Capabilities::utterance_ms_max`].
    #[error("{ms} ms of sound in one piece; the recognizer takes {max_ms} ms")]
    TooLong {
        /// Length of what was given.
        ms: u64,
        /// The longest allowed.
        max_ms: u64,
    },
}

impl SpeechError {
    /// Stable code for logs, metrics and replies.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Load { .. } => "recognizer_unavailable",
            Self::Failed { .. } => "recognizer_failed",
            Self::TooLong { .. } => "utterance_too_long",
        }
    }
}

/// Turns one stretch of speech into words.
///
/// One instance belongs to one thread at a time. What an implementation keeps between calls may make
/// a call faster, not give other words, ties apart.
pub trait Recognizer: Send {
    /// What this recognizer can do; the same for its whole life.
    fn capabilities(&self) -> Capabilities;

    /// Words in `samples`: mono, 16 kHz, -1 to 1. Blocks for as long as recognition takes.
    ///
    /// # Errors
    /// [`SpeechError`]; the recognizer stays usable after one.
    fn transcribe(&mut self, samples: &[f32]) -> Result<Transcript, SpeechError>;

    /// As [`transcribe`](Self::transcribe), but may give up with `None` soon after `is_wanted` has
    /// become false. Asked often while interim words are recognized and finals wait; a recognizer
    /// that cannot stop half-way need not implement it.
    ///
    /// # Errors
    /// As [`transcribe`](Self::transcribe).
    fn transcribe_while(
        &mut self,
        samples: &[f32],
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Option<Transcript>, SpeechError> {
        let _ = is_wanted;
        self.transcribe(samples).map(Some)
    }
}
