//! A whole recording to segments, as fast as the recognizer goes.
//!
//! The same endpointing as live streams, without interim words. Runs on the caller's thread.

use crate::endpoint::{Cue, EndpointConfig, Endpointer, Utterance};
use crate::recognizer::{Recognizer, SpeechError, WordTimes};
use crate::segment::{Segment, Spoken, segment};
use crate::vad::Earshot;

/// The utterances in `samples` (mono, 16 kHz); the first sample has time `base_ms`.
#[must_use]
pub fn utterances(samples: &[f32], base_ms: u64, config: &EndpointConfig) -> Vec<Utterance> {
    let mut endpointer = Endpointer::new(config.finals_only(), Earshot::default(), base_ms);
    let mut cues = Vec::new();
    endpointer.push(samples, &mut cues);
    endpointer.finish(&mut cues);
    cues.into_iter()
        .filter_map(|cue| match cue {
            Cue::Ended { utterance, .. } => Some(utterance),
            _ => None,
        })
        .collect()
}

/// Segments of a whole recording (mono, 16 kHz), in order; times count from its first sample.
///
/// # Errors
/// The first error of the recognizer.
pub fn transcribe_samples(
    recognizer: &mut dyn Recognizer,
    samples: &[f32],
) -> Result<Vec<Segment>, SpeechError> {
    transcribe_with(recognizer, samples, &EndpointConfig::default())
}

/// As [`transcribe_samples`], with other rules for where speech ends.
///
/// # Errors
/// The first error of the recognizer.
pub fn transcribe_with(
    recognizer: &mut dyn Recognizer,
    samples: &[f32],
    config: &EndpointConfig,
) -> Result<Vec<Segment>, SpeechError> {
    let estimated = recognizer.capabilities().word_times == WordTimes::Estimated;
    let mut segments = Vec::new();
    for utterance in utterances(samples, 0, config) {
        let (spoken, samples) = Spoken::split(utterance);
        let transcript = recognizer.transcribe(&samples)?;
        segments.extend(segment(&spoken, transcript, estimated));
    }
    Ok(segments)
}
