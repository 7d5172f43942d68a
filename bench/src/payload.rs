//! The audio message every relay scenario sends: its text, and the stamp that
//! tells the receiver which message it is, when it left and whether it is
//! whole. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes of PCM in a message: 100 ms of 16 kHz mono.
pub const PCM_BYTES: usize = 3200;
/// The stamp's length as base64; a multiple of 3 bytes, so nothing runs over.
const STAMP_TEXT: usize = 32;
const STAMP_BYTES: usize = 24;

/// What the first bytes of the PCM say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Nanoseconds on the generator's clock when it was sent.
    pub sent: u64,
    /// Room it was sent in.
    pub room: u32,
    /// Count of the room's messages, from 0.
    pub seq: u32,
}

impl Stamp {
    fn check(self) -> u64 {
        let mixed = self.sent ^ (u64::from(self.room) << 32) ^ u64::from(self.seq);
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x6772_6565_6e72_6f6d
    }

    fn bytes(self) -> [u8; STAMP_BYTES] {
        let mut bytes = [0; STAMP_BYTES];
        bytes[..8].copy_from_slice(&self.sent.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.room.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.seq.to_le_bytes());
        bytes[16..].copy_from_slice(&self.check().to_le_bytes());
        bytes
    }

    fn from_text(text: &[u8]) -> Option<Stamp> {
        let mut bytes = [0; STAMP_BYTES];
        let decoded = STANDARD.decode_slice_unchecked(text, &mut bytes).ok()?;
        if decoded != STAMP_BYTES {
            return None;
        }
        let eight = |at: usize| bytes[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        let four = |at: usize| bytes[at..at + 4].try_into().map(u32::from_le_bytes).ok();
        let stamp = Stamp {
            sent: eight(0)?,
            room: four(8)?,
            seq: four(12)?,
        };
        (eight(16)? == stamp.check()).then_some(stamp)
    }
}

/// The message's text with a hole for the stamp.
#[derive(Debug, Clone)]
pub struct Template {
    text: Vec<u8>,
    audio_at: usize,
    audio_len: usize,
}

impl Default for Template {
    /// The plain door's.
    fn default() -> Self {
        Template::between(
            r#"{"type":"audio:stream","audioData":""#,
            r#"","format":"pcm16","sampleRate":16000}"#,
        )
    }
}

/// A 200 Hz hum: what it sounds like does not matter, that no two windows of
/// it are equal bytes does, lest a shifted copy pass for whole.
fn pcm() -> Vec<u8> {
    let samples = PCM_BYTES / 2;
    let hum = (0..samples).map(|n| {
        let phase = n as f64 * 200.0 / 16_000.0 * std::f64::consts::TAU;
        (phase.sin() * 8000.0) as i16 + (n % 251) as i16
    });
    hum.flat_map(i16::to_le_bytes).collect()
}

impl Template {
    /// The same message as a Socket.IO event.
    #[must_use]
    pub fn socket_io() -> Template {
        Template::between(
            r#"42/interview,["audio:stream",{"audioData":""#,
            r#"","format":"pcm16","sampleRate":16000}]"#,
        )
    }

    fn between(head: &str, tail: &str) -> Template {
        let audio = STANDARD.encode(pcm());
        Template {
            text: [head, &audio, tail].concat().into_bytes(),
            audio_at: head.len(),
            audio_len: audio.len(),
        }
    }

    /// The whole text; the stamp's place holds hum until stamped.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where the base64 begins in [`Template::text`].
    #[must_use]
    pub fn audio_at(&self) -> usize {
        self.audio_at
    }

    /// Characters of base64.
    #[must_use]
    pub fn audio_len(&self) -> usize {
        self.audio_len
    }

    /// Writes `stamp` into the text.
    pub fn stamp(&mut self, stamp: Stamp) {
        let hole = &mut self.text[self.audio_at..self.audio_at + STAMP_TEXT];
        // 24 bytes always make exactly 32 characters.
        let _ = STANDARD.encode_slice(stamp.bytes(), hole);
    }

    /// The stamp of `audio`, the base64 as it arrived; `None` unless every
    /// byte is as it was sent.
    #[must_use]
    pub fn verify(&self, audio: &[u8]) -> Option<Stamp> {
        let mine = &self.text[self.audio_at..self.audio_at + self.audio_len];
        if audio.len() != mine.len() || audio[STAMP_TEXT..] != mine[STAMP_TEXT..] {
            return None;
        }
        Stamp::from_text(&audio[..STAMP_TEXT])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        sent: 123_456_789_012,
        room: 77,
        seq: 9,
    };

    fn audio(template: &Template) -> Vec<u8> {
        template.text()[template.audio_at()..][..template.audio_len()].to_vec()
    }

    #[test]
    fn a_stamped_message_is_json_with_3200_bytes_of_pcm() {
        let mut template = Template::default();
        template.stamp(STAMP);
        let value: serde_json::Value = serde_json::from_slice(template.text()).unwrap();
        let audio = value["audioData"].as_str().unwrap();
        assert_eq!(STANDARD.decode(audio).unwrap().len(), PCM_BYTES);
        assert_eq!(template.verify(audio.as_bytes()), Some(STAMP));
    }

    #[test]
    fn any_flipped_bit_and_any_missing_byte_is_noticed() {
        let mut template = Template::default();
        template.stamp(STAMP);
        let whole = audio(&template);
        for at in (0..whole.len()).step_by(7).chain(0..STAMP_TEXT) {
            let mut broken = whole.clone();
            broken[at] ^= 1;
            assert_eq!(template.verify(&broken), None, "byte {at}");
        }
        assert_eq!(template.verify(&whole[1..]), None);
        assert_eq!(template.verify(&[]), None);
    }
}
