//! The audio of answers, in append-only files, until its words are committed (I11): after a crash
//! the transcript is made from it. [`Recorder`] writes, [`scan`] and [`file::Records`] read back.
//!
//! Why it is apart from the records: audio is much and short-lived; it must neither wait for the
//! database nor make it wait.
//!
//! Invariants: `Synced` means that every chunk up to that number, from the first the recorder was
//! given, is on disk, unless it was deleted; a chunk that could not be written holds `Synced` back
//! until it comes again.

pub mod file;
mod queue;
mod recorder;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use protocol::id::{SessionId, StreamId, UserId};

pub use crate::audio::file::{AudioFile, files_of, scan};
pub use crate::audio::recorder::{Config, Recorder, RecorderMetrics};

/// Most bytes of one chunk's payload.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// Which stream of whom. Clients choose stream numbers, so the user belongs to the name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// The session.
    pub session: SessionId,
    /// Who speaks.
    pub user: UserId,
    /// The client's number for the stream.
    pub stream: StreamId,
}

/// A piece of audio as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// When it came, milliseconds of the session.
    pub session_ms: u64,
    /// The client's number for it; grows within a stream.
    pub seq: u32,
    /// The encoding, as a number the caller gives a meaning.
    pub format: u8,
    /// Samples per second.
    pub sample_rate: u32,
    /// The encoded audio, at most [`PAYLOAD_BYTES_MAX`] bytes.
    pub payload: Bytes,
}

/// What the recorder tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudioEvent {
    /// Everything up to this chunk is on disk: drives `audio:ack`.
    Synced {
        /// The stream.
        key: StreamKey,
        /// Highest chunk.
        seq: u32,
    },
    /// This chunk and what follows cannot be called stored: disk full, or too much waits.
    /// Told once until the chunk has come again.
    AudioUnsafe {
        /// The stream.
        key: StreamKey,
        /// First chunk that is lost.
        from: u32,
    },
}
