//! A recognizer that says what a test wrote. A test double: no configuration can choose it.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::pool::RecognizerFactory;
use crate::recognizer::{
    Capabilities, Recognizer, SAMPLES_PER_MS, SpeechError, Transcript, WordTimes,
};
use crate::times;

/// What one call of a [`ScriptedRecognizer`] does.
#[derive(Debug, Clone)]
pub enum Line {
    /// Says these words, spread over the sound.
    Say(String),
    /// Says one word for each so many milliseconds of sound: `w1 w2 w3 …`, so longer snapshots of
    /// an utterance agree with shorter ones.
    Count(u64),
    /// Fails.
    Fail,
    /// Panics.
    Panic,
    /// Waits until the test lets go of the lock, then says the words.
    WaitFor(Arc<Mutex<()>>, String),
}

/// Plays its lines in order and repeats the last one for ever.
#[derive(Debug, Clone)]
pub struct ScriptedRecognizer {
    lines: Arc<Mutex<VecDeque<Line>>>,
}

impl ScriptedRecognizer {
    /// A recognizer with these lines; none means it never says anything.
    #[must_use]
    pub fn new(lines: impl IntoIterator<Item = Line>) -> Self {
        Self {
            lines: Arc::new(Mutex::new(lines.into_iter().collect())),
        }
    }

    /// A factory whose recognizers share these lines, whichever of them is called.
    #[must_use]
    pub fn factory(lines: impl IntoIterator<Item = Line>) -> RecognizerFactory {
        let recognizer = Self::new(lines);
        Arc::new(move || Ok(Box::new(recognizer.clone())))
    }
}

impl Recognizer for ScriptedRecognizer {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "scripted-test-double".to_owned(),
            version: "1".to_owned(),
            word_times: WordTimes::Estimated,
            confidence: false,
            fillers: true,
            languages: vec!["en".to_owned()],
            utterance_ms_max: 30_000,
        }
    }

    fn transcribe(&mut self, samples: &[f32]) -> Result<Transcript, SpeechError> {
        let line = {
            let mut lines = self.lines.lock();
            if lines.len() > 1 {
                lines.pop_front()
            } else {
                lines.front().cloned()
            }
        };
        let ms = (samples.len() / SAMPLES_PER_MS) as u64;
        let text = match line {
            None => String::new(),
            Some(Line::Say(text)) => text,
            Some(Line::Count(every_ms)) => (1..=ms / every_ms.max(1))
                .map(|n| format!("w{n}"))
                .collect::<Vec<_>>()
                .join(" "),
            Some(Line::Fail) => {
                return Err(SpeechError::Failed {
                    message: "as scripted".to_owned(),
                });
            }
            Some(Line::Panic) => panic!("as scripted"),
            Some(Line::WaitFor(gate, text)) => {
                drop(gate.lock());
                text
            }
        };
        let words = text
            .split_whitespace()
            .map(|word| (word.to_owned(), 1.0))
            .collect();
        Ok(Transcript::from_words(times::spread(words, &[(0, ms)])))
    }
}
