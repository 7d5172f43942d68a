//! Sound to words: decode, find speech, recognize it, report words as events.
//!
//! ```text
//! bytes ─▶ format ─▶ resample ─▶ endpoint (vad) ─▶ queue ─▶ Recognizer ─▶ segment, agree ─▶ events
//!          └────────────── the ear, one thread ──────────────┘ └── decoders, k threads ──┘
//! ```
//!
//! Knows nothing of sessions, people or sockets: a stream is a number, its sound comes in through a
//! [`StreamTap`], and all that is learned goes to one function as [`SpeechEvent`]s. Nothing that
//! serves a socket ever waits here.
//!
//! Read first: [`Speech`], the running machine, and [`Recognizer`], what can be plugged into it.
//! [`Moonshine`] is the one that is; its files are pinned in [`models`]. Whole recordings go through
//! [`transcribe_samples`], or [`Speech::transcribe`] beside live streams.
//!
//! The pure parts (`format`, `resample`, `endpoint`, `agree`, `segment`, the queue, the order of
//! results) have no thread and no clock and are tested beside the code; `tests/it` runs the machine
//! and the real model on recordings of people and fails without the model files.
//!
//! # What the words are worth
//! Word times are *estimated*: words are laid over the voiced stretches by their length. Confidences
//! are the model's own token probabilities. Fillers are mostly not written down. A word error rate
//! of 3 to 4 % is measured on clear read English; names and technical terms will be worse.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stderr))]

pub mod agree;
pub mod endpoint;
pub mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
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
