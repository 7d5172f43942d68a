//! What the running machine reports.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::recognizer::Word;
use crate::segment::Segment;

/// Names one stream of audio; chosen by whoever opens it, unique while the stream lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamKey(pub u64);

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Why a stretch of sound has no words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// It came faster than it could be taken, and the oldest was dropped.
    Overflow,
    /// The sender's own audio times say that it is missing.
    Missing,
    /// Too many utterances were waiting to be recognized.
    Overloaded,
}

/// News of one stream. All times are stream audio time in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub enum SpeechEvent {
    /// Interim words of a running utterance; replaces the one before.
    Partial {
        /// Which stream.
        stream: StreamKey,
        /// Counts from 1 within the stream.
        utterance: u64,
        /// Where the utterance's voice began.
        start_ms: u64,
        /// Words two hypotheses in a row agree on; they only grow while the utterance runs.
        stable: Vec<Word>,
        /// Words that are likely to change.
        unstable: Vec<Word>,
    },
    /// Words that will not change. Finals of one stream come in order; no partial of the same
    /// utterance comes after its final.
    Final {
        /// Which stream.
        stream: StreamKey,
        /// Which utterance.
        utterance: u64,
        /// The words.
        segment: Segment,
        /// What the words took.
        timing: Timing,
    },
    /// The utterance was no speech after all; take back its partial. Comes in place of a final.
    Discarded {
        /// Which stream.
        stream: StreamKey,
        /// Which utterance.
        utterance: u64,
    },
    /// The utterance could not be recognized. Comes in place of a final.
    Failed {
        /// Which stream.
        stream: StreamKey,
        /// Which utterance.
        utterance: u64,
        /// Start of the sound in question.
        start_ms: u64,
        /// Its end.
        end_ms: u64,
        /// `decode_timeout`, `recognizer_panicked` or a [`SpeechError`](crate::SpeechError) code.
        code: &'static str,
        /// A sentence for logs.
        message: String,
    },
    /// A chunk could not be decoded; the stream goes on with the next one. Told once for chunks in
    /// a row that fail alike.
    AudioError {
        /// Which stream.
        stream: StreamKey,
        /// An [`AudioError`](crate::format::AudioError) code, or `internal`, which ends the stream.
        code: &'static str,
        /// A sentence for the sender.
        message: String,
    },
    /// A stretch of sound that will get no words from this stream.
    Gap {
        /// Which stream.
        stream: StreamKey,
        /// Where it starts.
        from_ms: u64,
        /// Where it ends.
        to_ms: u64,
        /// Why.
        reason: GapReason,
    },
    /// The stream was closed, and every final of it has been reported. The last event of a stream.
    StreamFinished {
        /// Which stream.
        stream: StreamKey,
        /// Stream audio time reached.
        audio_ms: u64,
        /// How much of it was voice.
        voiced_ms: u64,
    },
}

/// What a final took, in wall time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timing {
    /// Waiting for a decoder, in milliseconds.
    pub queued_ms: f32,
    /// Recognizing, in milliseconds.
    pub decode_ms: f32,
    /// The words were ready before the end of the utterance was certain.
    pub was_ready: bool,
}

impl SpeechEvent {
    /// The stream the event belongs to.
    #[must_use]
    pub fn stream(&self) -> StreamKey {
        match self {
            Self::Partial { stream, .. }
            | Self::Final { stream, .. }
            | Self::Discarded { stream, .. }
            | Self::Failed { stream, .. }
            | Self::AudioError { stream, .. }
            | Self::Gap { stream, .. }
            | Self::StreamFinished { stream, .. } => *stream,
        }
    }
}
