//! Sound to send: a recording of a person, and noise nobody listens to.

use std::path::{Path, PathBuf};

use protocol::audio::{Direction, Format, Header};
use serde_json::{Value, json};

/// Samples a second of everything here.
pub(crate) const RATE: u16 = 16_000;
/// Length of a chunk in milliseconds.
pub(crate) const CHUNK_MS: u32 = 100;
/// Bytes of a chunk: two a sample.
pub(crate) const CHUNK_BYTES: usize = RATE as usize / 1000 * CHUNK_MS as usize * 2;

/// The folder of the speech model; these tests fail without it.
pub(crate) fn models() -> PathBuf {
    let dir = std::env::var_os("GREENROOM_MODELS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models"),
        PathBuf::from,
    );
    let dir = dir.canonicalize().unwrap_or(dir);
    if let Err(error) = speech::models::verify(&dir, speech::models::Profile::TinyEn) {
        panic!(
            "{error} (looked in {}; `make setup` fills it)",
            dir.display()
        );
    }
    dir
}

/// The first seconds of a recording that came with the model, in chunks of [`CHUNK_MS`].
pub(crate) fn recording(name: &str, ms: u32) -> Vec<Vec<u8>> {
    let files = speech::models::verify(&models(), speech::models::Profile::TinyEn).unwrap();
    let bytes = std::fs::read(files.recordings().join(name)).unwrap();
    let format = speech::format::AudioFormat::Wav;
    let encoding = speech::format::Encoding::Raw;
    let rate = u32::from(RATE);
    let samples = speech::format::decode_recording(format, encoding, rate, &bytes).unwrap();
    let wanted = (ms * rate / 1000) as usize;
    let sound = samples.iter().take(wanted);
    let pcm = sound.flat_map(|sample| ((sample * 32_767.0) as i16).to_le_bytes());
    let pcm: Vec<u8> = pcm.collect();
    pcm.chunks_exact(CHUNK_BYTES).map(<[u8]>::to_vec).collect()
}

/// One chunk as a binary message.
pub(crate) fn binary(stream: u32, seq: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        format: Format::Pcm16,
        is_last: false,
        sender: 0,
        room: 0,
        sample_rate: RATE,
        stream,
        seq,
        at_ms: seq * CHUNK_MS,
    };
    let mut out = header.encode(Direction::ToServer).to_vec();
    out.extend_from_slice(payload);
    out
}

/// One small chunk of silence as JSON.
pub(crate) fn silence(stream: u32, seq: u32) -> Value {
    json!({"type": "audio:stream", "audioData": "AAAAAAAAAAAAAAAA", "format": "pcm16",
        "sampleRate": RATE, "streamId": stream, "seq": seq})
}
