//! The bounded buffer between whoever receives audio and the ear.
//!
//! Pushing clones nothing but a reference and makes no system call. When the buffer is full the
//! oldest chunks go, and how much went is kept so that the stream's clock stays right.
//!
//! **Invariant**: at most the configured milliseconds of sound and [`CHUNKS_MAX`] chunks wait here.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::format::Encoding;

/// Chunks one stream may have waiting: 10 s in pieces of 2.5 ms.
const CHUNKS_MAX: usize = 4_000;

#[derive(Debug)]
pub(super) struct Ring {
    state: Mutex<State>,
    limit_us: u64,
    encoding: Encoding,
    /// Bytes in one second of sound; the ear corrects it once it has read a WAV header.
    bytes_per_second: AtomicU64,
    /// Stream audio time the ear has reached, for everybody to read.
    pub(super) heard_ms: AtomicU64,
    /// Voice in it.
    pub(super) voiced_ms: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Chunk>,
    waiting_us: u64,
    lost: Option<Lost>,
    is_closed: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    /// Stream audio time of the first sample, where the sender tells.
    pub(super) from_ms: Option<u64>,
    /// Its rate in hertz, where the sender declares one with every chunk.
    pub(super) sample_rate: Option<u32>,
    length_us: u64,
}

/// Sound dropped before the first chunk that is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) length_us: u64,
    /// Stream audio time of its end, where the sender tells.
    pub(super) to_ms: Option<u64>,
}

/// All that waited, oldest first.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) lost: Option<Lost>,
    pub(super) chunks: VecDeque<Chunk>,
    /// Nothing will come after these.
    pub(super) is_closed: bool,
}

impl Ring {
    pub(super) fn new(limit_ms: u64, encoding: Encoding, sample_rate: u32) -> Self {
        Self {
            state: Mutex::default(),
            limit_us: limit_ms * 1_000,
            encoding,
            bytes_per_second: AtomicU64::new(2 * u64::from(sample_rate.max(1))),
            heard_ms: AtomicU64::new(0),
            voiced_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn set_format(&self, frame_bytes: usize, sample_rate: u32) {
        let rate = frame_bytes.max(1) as u64 * u64::from(sample_rate.max(1));
        self.bytes_per_second.store(rate, Ordering::Relaxed);
    }

    pub(super) fn push(&self, bytes: Bytes, from_ms: Option<u64>, sample_rate: Option<u32>) {
        if bytes.is_empty() {
            return;
        }
        let length_us = self.length_us(bytes.len());
        let mut state = self.state.lock();
        if state.is_closed {
            return;
        }
        state.waiting_us += length_us;
        state.chunks.push_back(Chunk {
            bytes,
            from_ms,
            sample_rate,
            length_us,
        });
        while state.waiting_us > self.limit_us || state.chunks.len() > CHUNKS_MAX {
            let Some(oldest) = state.chunks.pop_front() else {
                break;
            };
            state.waiting_us -= oldest.length_us;
            let before = state.lost.map_or(0, |lost| lost.length_us);
            state.lost = Some(Lost {
                length_us: before + oldest.length_us,
                to_ms: oldest.from_ms.map(|ms| ms + oldest.length_us / 1_000),
            });
        }
    }

    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
    }

    pub(super) fn take(&self) -> Taken {
        let mut state = self.state.lock();
        state.waiting_us = 0;
        Taken {
            lost: state.lost.take(),
            chunks: std::mem::take(&mut state.chunks),
            is_closed: state.is_closed,
        }
    }

    /// Length of the sound in so many bytes, as good as it can be told without decoding them.
    fn length_us(&self, bytes: usize) -> u64 {
        let raw = match self.encoding {
            Encoding::Raw => bytes as u64,
            Encoding::Base64 => bytes as u64 / 4 * 3,
        };
        raw * 1_000_000 / self.bytes_per_second.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ms` milliseconds of 16 kHz PCM whose bytes are all `mark`.
    fn sound(ms: usize, mark: u8) -> Bytes {
        Bytes::from(vec![mark; ms * 32])
    }

    fn ring() -> Ring {
        Ring::new(1_000, Encoding::Raw, 16_000)
    }

    fn marks(taken: &Taken) -> Vec<u8> {
        taken.chunks.iter().map(|c| c.bytes[0]).collect()
    }

    #[test]
    fn what_fits_comes_out_as_it_went_in() {
        let ring = ring();
        ring.push(sound(400, 1), None, None);
        ring.push(sound(600, 2), Some(400), None);
        let taken = ring.take();
        assert_eq!(marks(&taken), [1, 2]);
        assert_eq!((taken.lost, taken.is_closed), (None, false));
        assert!(ring.take().chunks.is_empty());
    }

    #[test]
    fn the_oldest_goes_first_and_what_went_is_told_once() {
        let ring = ring();
        for mark in 0..5 {
            ring.push(sound(400, mark), None, None);
        }
        let taken = ring.take();
        assert_eq!(marks(&taken), [3, 4]);
        assert_eq!(
            taken.lost,
            Some(Lost {
                length_us: 1_200_000,
                to_ms: None
            })
        );
        assert_eq!(ring.take().lost, None);
    }

    #[test]
    fn the_senders_own_time_says_where_a_loss_ends() {
        let ring = ring();
        for mark in 0..4u8 {
            ring.push(sound(400, mark), Some(7_000 + u64::from(mark) * 400), None);
        }
        assert_eq!(
            ring.take().lost,
            Some(Lost {
                length_us: 800_000,
                to_ms: Some(7_800)
            })
        );
    }

    #[test]
    fn a_chunk_larger_than_the_ring_is_lost_whole() {
        let ring = ring();
        ring.push(sound(1_001, 1), None, None);
        let taken = ring.take();
        assert!(taken.chunks.is_empty());
        assert_eq!(taken.lost.map(|l| l.length_us), Some(1_001_000));
    }

    #[test]
    fn many_tiny_chunks_are_bounded_too() {
        let ring = ring();
        for _ in 0..CHUNKS_MAX + 10 {
            ring.push(Bytes::from_static(&[0, 0]), None, None);
        }
        assert_eq!(ring.take().chunks.len(), CHUNKS_MAX);
    }

    #[test]
    fn nothing_gets_into_a_closed_ring() {
        let ring = ring();
        ring.push(sound(10, 1), None, None);
        ring.close();
        ring.push(sound(10, 2), None, None);
        let taken = ring.take();
        assert_eq!((marks(&taken), taken.is_closed), (vec![1], true));
    }

    #[test]
    fn base64_is_longer_than_the_sound_it_holds() {
        let ring = Ring::new(1_000, Encoding::Base64, 16_000);
        ring.push(Bytes::from(vec![b'A'; 42_000]), None, None);
        assert_eq!(ring.take().chunks.len(), 1);
    }
}
