use bytes::Bytes;
use parking_lot::Mutex;

use super::*;
use crate::format::{AudioFormat, Encoding};
use crate::pool::SpeechConfig;
use crate::pool::event::StreamKey;
use crate::pool::ring::Ring;
use crate::scripted::ScriptedRecognizer;
use crate::vad::FRAME;

/// Loud is voice.
struct Loud;

impl VoiceDetector for Loud {
    fn score(&mut self, frame: &[f32; FRAME]) -> f32 {
        if frame[0].abs() > 0.1 { 0.9 } else { 0.0 }
    }

    fn reset(&mut self) {}
}

/// The machine without its threads, and one stream of it.
struct Bench {
    shared: Arc<Shared>,
    events: Arc<Mutex<Vec<SpeechEvent>>>,
    hearing: Hearing<Loud>,
}

fn bench_with(config: SpeechConfig, format: AudioFormat) -> Bench {
    let events: Arc<Mutex<Vec<SpeechEvent>>> = Arc::default();
    let seen = Arc::clone(&events);
    let endpoint = config.endpoint.clone();
    let shared = Arc::new(Shared::new(
        config,
        ScriptedRecognizer::factory([]),
        Arc::new(move |event| seen.lock().push(event)),
    ));
    let ring = Ring::new(10_000, Encoding::Raw, 16_000);
    let stream = Arc::new(Stream::new(StreamKey(7), ring));
    let decoder = ChunkDecoder::new(format, Encoding::Raw, 16_000).unwrap();
    let hearing = Hearing::new(stream, decoder, endpoint, Loud, 0).unwrap();
    Bench {
        shared,
        events,
        hearing,
    }
}

fn bench() -> Bench {
    bench_with(SpeechConfig::default(), AudioFormat::Pcm16)
}

impl Bench {
    fn push(&self, bytes: Bytes, from_ms: Option<u64>) {
        self.hearing.stream.ring.push(bytes, from_ms, None);
    }

    fn sweep(&mut self) -> bool {
        self.hearing.sweep(&self.shared)
    }

    fn heard_ms(&self) -> u64 {
        self.hearing.stream.ring.heard_ms.load(Ordering::Relaxed)
    }
}

/// 16 kHz PCM: `ms` milliseconds of voice or silence.
fn sound(ms: usize, is_voice: bool) -> Bytes {
    let value: i16 = if is_voice { 16_000 } else { 0 };
    Bytes::from(value.to_le_bytes().repeat(ms * 16))
}

#[test]
fn sound_becomes_work_for_the_decoders_and_time() {
    let mut bench = bench();
    bench.push(sound(800, false), None);
    bench.push(sound(1_600, true), None);
    assert!(bench.sweep());
    assert_eq!(bench.heard_ms(), 2_400);
    let job = bench.shared.queue.next().unwrap();
    assert_eq!(job.kind, Kind::Interim { first: true });
    bench.push(sound(1_000, false), None);
    assert!(bench.sweep());
    let job = bench.shared.queue.next().unwrap();
    assert_eq!(
        (job.kind, job.spoken.voiced[0]),
        (Kind::Final, (800, 2_400))
    );
    assert_eq!(
        bench.hearing.stream.ring.voiced_ms.load(Ordering::Relaxed),
        1_600
    );
}

#[test]
fn chunks_that_cannot_be_decoded_are_told_once_and_change_nothing_else() {
    let mut bench = bench();
    bench.push(Bytes::from_static(&[1, 2, 3]), None);
    bench.push(Bytes::from_static(&[1, 2, 3]), None);
    bench.push(sound(160, false), None);
    assert!(bench.sweep());
    assert_eq!(bench.heard_ms(), 160);
    let events = bench.events.lock();
    assert!(
        matches!(
            events.as_slice(),
            [SpeechEvent::AudioError {
                code: "bad_audio",
                ..
            }]
        ),
        "{events:?}"
    );
}

#[test]
fn sound_that_overflowed_is_a_gap_and_time_goes_on_behind_it() {
    let mut bench = bench();
    for _ in 0..4 {
        bench.push(sound(4_000, false), None);
    }
    bench.sweep();
    assert_eq!(bench.heard_ms(), 16_000);
    let gap = SpeechEvent::Gap {
        stream: StreamKey(7),
        from_ms: 0,
        to_ms: 8_000,
        reason: GapReason::Overflow,
    };
    assert_eq!(*bench.events.lock(), [gap]);
    assert_eq!(bench.shared.counters.read().dropped_ms, 8_000);
}

#[test]
fn sound_the_sender_skipped_is_a_gap_that_ends_the_utterance() {
    let mut bench = bench();
    bench.push(sound(1_600, true), Some(0));
    bench.push(sound(160, false), Some(5_000));
    bench.sweep();
    assert_eq!(bench.heard_ms(), 5_160);
    let gap = SpeechEvent::Gap {
        stream: StreamKey(7),
        from_ms: 1_600,
        to_ms: 5_000,
        reason: GapReason::Missing,
    };
    assert_eq!(*bench.events.lock(), [gap]);
    let job = bench.shared.queue.next().unwrap();
    assert_eq!((job.kind, job.spoken.end_ms), (Kind::Final, 1_600));
}

#[test]
fn audio_times_that_round_or_lie_back_are_no_gap() {
    let mut bench = bench();
    bench.push(sound(1_000, false), Some(0));
    bench.push(sound(1_000, false), Some(1_080));
    bench.push(sound(1_000, false), Some(500));
    bench.sweep();
    assert_eq!(bench.heard_ms(), 3_000);
    assert!(bench.events.lock().is_empty());
}

#[test]
fn a_closed_stream_gives_its_last_utterance_and_finishes() {
    let mut bench = bench();
    bench.push(sound(300, true), None);
    bench.hearing.stream.ring.close();
    assert!(!bench.sweep());
    assert!(bench.events.lock().is_empty(), "the final is still awaited");
    let job = bench.shared.queue.next().unwrap();
    bench.shared.report(&job.stream, |outlet, events| {
        outlet.resolve(job.spoken.id, Outcome::Nothing, events);
    });
    let events = bench.events.lock();
    assert!(
        matches!(
            events.as_slice(),
            [
                SpeechEvent::Discarded { .. },
                SpeechEvent::StreamFinished {
                    audio_ms: 300,
                    voiced_ms: 288,
                    ..
                }
            ]
        ),
        "{events:?}"
    );
}

#[test]
fn a_final_that_finds_the_queue_full_is_a_gap() {
    let config = SpeechConfig {
        queue_bytes_max: 1_000,
        ..SpeechConfig::default()
    };
    let mut bench = bench_with(config, AudioFormat::Pcm16);
    bench.push(sound(320, true), None);
    bench.push(sound(1_000, false), None);
    bench.sweep();
    let events = bench.events.lock();
    assert!(
        matches!(
            events.as_slice(),
            [
                SpeechEvent::Gap {
                    from_ms: 0,
                    to_ms: 470,
                    reason: GapReason::Overloaded,
                    ..
                },
                SpeechEvent::Discarded { utterance: 1, .. }
            ]
        ),
        "{events:?}"
    );
}

#[test]
fn a_wav_header_in_mid_stream_changes_the_rate_and_keeps_the_time() {
    let file = |rate: u32, ms: u32| {
        let bytes = rate / 1_000 * ms * 2;
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        file.extend(rate.to_le_bytes());
        file.extend((rate * 2).to_le_bytes());
        file.extend([2, 0, 16, 0]);
        file.extend(b"data");
        file.extend(bytes.to_le_bytes());
        file.resize(file.len() + bytes as usize, 0);
        Bytes::from(file)
    };
    let mut bench = bench_with(SpeechConfig::default(), AudioFormat::Wav);
    bench.push(file(48_000, 1_000), None);
    bench.push(file(8_000, 1_000), None);
    bench.hearing.stream.ring.close();
    bench.sweep();
    assert!(
        bench.heard_ms().abs_diff(2_000) <= 1,
        "{}",
        bench.heard_ms()
    );
}

#[test]
fn a_chunk_that_declares_another_rate_takes_the_time_it_took_to_speak() {
    let mut bench = bench();
    bench.push(sound(1_000, false), None);
    let fine = Bytes::from(0_i16.to_le_bytes().repeat(48_000));
    let ring = &bench.hearing.stream.ring;
    ring.push(fine, None, Some(48_000));
    // No microphone has this one: what was declared before stands.
    let odd = Bytes::from(0_i16.to_le_bytes().repeat(48_000));
    ring.push(odd, None, Some(7));
    ring.push(sound(1_000, false), None, Some(16_000));
    bench.sweep();
    let heard = bench.heard_ms();
    assert!((3_950..=4_000).contains(&heard), "{heard} ms");
}
