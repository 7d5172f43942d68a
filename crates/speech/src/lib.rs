//! Sound to words: decode, find speech, recognize it, report words as events.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stderr))]

pub mod models;
mod moonshine;
mod recognizer;
mod repeats;
mod times;
pub mod wer;

pub use moonshine::Moonshine;
pub use recognizer::{
    Capabilities, Recognizer, SAMPLE_RATE, SpeechError, Transcript, Word, WordTimes, join,
};
