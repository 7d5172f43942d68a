//! Sound to words: decode, find speech, recognize it, report words as events.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stderr))]

pub mod agree;
pub mod endpoint;
pub mod format;
pub mod models;
mod moonshine;
mod offline;
mod pool;
mod recognizer;
mod repeats;
pub mod resample;
pub mod scripted;
mod segment;
mod times;
pub mod vad;
pub mod wer;

pub use moonshine::{Drafts, Moonshine};
pub use offline::{transcribe_samples, transcribe_with, utterances};
pub use pool::{
    DECODE_MS_BORDERS, GapReason, OpenError, RecognizerFactory, Sink, Speech, SpeechConfig,
    SpeechEvent, SpeechStats, StartError, StreamConfig, StreamKey, StreamTap, Timing,
    moonshine_factory,
};
pub use recognizer::{
    Capabilities, Recognizer, SAMPLE_RATE, SpeechError, Transcript, Word, WordTimes, join,
};
pub use segment::Segment;
