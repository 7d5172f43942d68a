//! Prints what a chunk of audio costs on its way through the plain door, in nanoseconds:
//! `cargo run --release -p protocol --example json_costs`. Figures to look at, no limits.
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use protocol::client::{AudioFormat, AudioIn, AudioPayload, SessionRef};
use protocol::dialect::Dialect;
use protocol::id::{ConnectionId, IdError, Participant, SessionId, StreamId, UserId};
use protocol::json::audio::Received;
use protocol::json::{Scratch, base64, decode};
use protocol::limits::Limits;
use protocol::plain::{Machine, Up};
use protocol::time::{Mono, Wall};

/// Decoded size of 0.1 s at 16 kHz; as base64 in its message about 4.36 KB.
const SOUND_BYTES: usize = 3_200;
const ROUNDS: u32 = 20_000;
const REPEATS: usize = 9;

fn main() -> Result<(), IdError> {
    let session = SessionId::parse("s-0123456789abcdef")?;
    let user = UserId::parse("user-42")?;
    let sound: Vec<u8> = (0..SOUND_BYTES).map(|i| (i * 31 % 251) as u8).collect();
    let raw = chunk(AudioPayload::Raw(&sound));
    let received = |audio| Received {
        session: &session,
        user: &user,
        participant: Participant(1),
        audio,
        seq: 4711,
        timestamp: Wall(1_770_000_000_000),
    };
    let sample = received(&raw).text_frame(Dialect::Plain);
    let data = String::from_utf8_lossy(&sample.frame[sample.payload.clone()]).into_owned();
    let text = format!(
        "{{\"type\":\"audio:stream\",\"sessionId\":\"{session}\",\"audioData\":\"{data}\",\
         \"format\":\"pcm16\",\"sampleRate\":16000,\"streamId\":1,\"seq\":4711}}"
    );
    println!("message {} bytes, sound {SOUND_BYTES} bytes", text.len());

    let base64_chunk = chunk(AudioPayload::Base64(&data));
    measure("check base64", || {
        black_box(base64::is_sound(black_box(&data)));
    });
    measure("decode audio:stream", || {
        let mut scratch = Scratch::default();
        black_box(decode(black_box(&text), &mut scratch).is_ok());
    });
    let mut machine = Machine::new(Arc::new(unlimited()), Mono(0));
    machine.open(Mono(0), ConnectionId(1));
    let mut out = Vec::new();
    measure("machine: text in, audio up", || {
        let mut seen = 0;
        let mut up = |u: Up<'_>| seen += u32::from(matches!(u, Up::Audio { .. }));
        machine.receive_text(Mono(1), black_box(&text), &mut up, &mut out);
        assert_eq!(seen, 1);
    });
    measure("build audio:received, base64 → text", || {
        black_box(received(black_box(&base64_chunk)).text_frame(Dialect::Plain));
    });
    measure("build audio:received, raw → binary", || {
        black_box(received(black_box(&raw)).binary_frame(Dialect::Plain, 1));
    });
    measure("build audio:received, base64 → binary", || {
        black_box(received(black_box(&base64_chunk)).binary_frame(Dialect::Plain, 1));
    });
    measure("build audio:received, raw → text", || {
        black_box(received(black_box(&raw)).text_frame(Dialect::Plain));
    });
    measure("copy of the message alone, for comparison", || {
        black_box(black_box(&text).as_bytes().to_vec());
    });
    Ok(())
}

fn chunk(payload: AudioPayload<'_>) -> AudioIn<'_> {
    AudioIn {
        session: SessionRef::Only,
        payload,
        format: AudioFormat::Pcm16,
        sample_rate: 16_000,
        stream: StreamId(1),
        seq: Some(4711),
        at_ms: None,
        is_last: false,
    }
}

fn unlimited() -> Limits {
    Limits {
        audio_bytes_per_second: u32::MAX,
        audio_burst_bytes: u32::MAX,
        ..Limits::default()
    }
}

/// The median of some runs: the machine has other work too.
fn measure(what: &str, mut once: impl FnMut()) {
    let mut runs: Vec<f64> = (0..REPEATS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                once();
            }
            start.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    println!("{:>8.0} ns  {what}", runs[REPEATS / 2]);
}
