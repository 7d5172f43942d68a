//! Chunks on their way through: text to text, binary to binary, and across.

use crate::audio::{self, Direction};
use crate::client::{AudioFormat, AudioIn, AudioPayload, SessionRef};
use crate::dialect::Dialect;
use crate::id::{Participant, SessionId, StreamId, UserId};
use crate::json::audio::{Framed, Received};
use crate::json::{Decoded, Scratch, decode};
use crate::time::Wall;

fn check(audio: &AudioIn<'_>, on: impl FnOnce(Received<'_>)) {
    let session = SessionId::parse("s1").unwrap();
    let user = UserId::parse("ana").unwrap();
    on(Received {
        session: &session,
        user: &user,
        participant: Participant(2),
        audio,
        seq: 7,
        timestamp: Wall(1_770_000_000_123),
    });
}

fn chunk(payload: AudioPayload<'_>) -> AudioIn<'_> {
    AudioIn {
        session: SessionRef::Only,
        payload,
        format: AudioFormat::Pcm16,
        sample_rate: 16_000,
        stream: StreamId(3),
        seq: Some(7),
        at_ms: None,
        is_last: false,
    }
}

/// `audio:received` as text, with and without its optional fields.
pub(crate) fn samples() -> Vec<String> {
    let mut short = chunk(AudioPayload::Base64("AQIDBA"));
    short.sample_rate = 0;
    short.format = AudioFormat::Webm;
    let mut full = chunk(AudioPayload::Raw(&[1, 2, 3, 4]));
    full.at_ms = Some(900);
    full.is_last = true;
    let mut texts = Vec::new();
    for audio in [short, full] {
        check(&audio, |received| {
            let framed = received.text_frame(Dialect::Plain);
            texts.push(String::from_utf8(opened(&framed).1.to_vec()).unwrap());
        });
    }
    texts
}

/// Takes a server's frame apart: opcode byte, message.
fn opened(framed: &Framed) -> (u8, &[u8]) {
    let frame = &framed.frame[..];
    let start = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    let len = match frame[1] {
        126 => usize::from(u16::from_be_bytes([frame[2], frame[3]])),
        127 => u64::from_be_bytes(frame[2..10].try_into().unwrap()) as usize,
        short => usize::from(short),
    };
    assert_eq!(frame.len(), start + len);
    (frame[0], &frame[start..])
}

#[test]
fn base64_reaches_json_hearers_as_it_came_and_binary_hearers_as_bytes() {
    check(&chunk(AudioPayload::Base64("AQIDBA")), |received| {
        let text = received.text_frame(Dialect::Plain);
        assert_eq!(&text.frame[text.payload.clone()], b"AQIDBA");
        let (opcode, message) = opened(&text);
        assert_eq!(opcode, 0x81);
        assert_eq!(
            std::str::from_utf8(message).unwrap(),
            r#"{"type":"audio:received","sessionId":"s1","userId":"ana","participant":2,"streamId":3,"seq":7,"format":"pcm16","sampleRate":16000,"timestamp":1770000000123,"audioData":"AQIDBA"}"#
        );
        let binary = received.binary_frame(Dialect::Plain, 9).unwrap();
        assert_eq!(&binary.frame[binary.payload.clone()], [1, 2, 3, 4]);
        let (opcode, message) = opened(&binary);
        assert_eq!(opcode, 0x82);
        let chunk = audio::decode(Direction::ToClient, message, 100).unwrap();
        assert_eq!(chunk.payload, [1, 2, 3, 4]);
        assert_eq!((chunk.header.room, chunk.header.sender), (9, 2));
        assert_eq!((chunk.header.stream, chunk.header.seq), (3, 7));
    });
}

#[test]
fn raw_bytes_reach_binary_hearers_as_they_came_and_json_hearers_as_base64() {
    let mut raw = chunk(AudioPayload::Raw(&[1, 2, 3, 4]));
    raw.at_ms = Some(900);
    raw.is_last = true;
    check(&raw, |received| {
        let text = received.text_frame(Dialect::Plain);
        assert_eq!(&text.frame[text.payload.clone()], b"AQIDBA==");
        let (_, message) = opened(&text);
        let message = std::str::from_utf8(message).unwrap();
        assert!(
            message.contains(r#","atMs":900,"isLast":true,"#),
            "{message}"
        );
        let binary = received.binary_frame(Dialect::Plain, 1).unwrap();
        let (_, message) = opened(&binary);
        let chunk = audio::decode(Direction::ToClient, message, 100).unwrap();
        assert_eq!((chunk.header.at_ms, chunk.header.is_last), (900, true));
        assert_eq!(chunk.payload, [1, 2, 3, 4]);
    });
}

#[test]
fn frames_of_every_header_size_are_whole() {
    for samples in [0, 1, 20, 40, 60, 1_600, 30_000, 40_000] {
        let sound = vec![5_u8; samples * 2];
        let mut audio = chunk(AudioPayload::Raw(&sound));
        audio.is_last = samples == 0;
        check(&audio, |received| {
            let text = received.text_frame(Dialect::Plain);
            serde_json::from_slice::<serde_json::Value>(opened(&text).1).unwrap();
            let binary = received.binary_frame(Dialect::Plain, 1).unwrap();
            assert_eq!(&binary.frame[binary.payload.clone()], &sound[..]);
            audio::decode(Direction::ToClient, opened(&binary).1, usize::MAX).unwrap();
        });
    }
}

#[test]
fn a_format_without_a_rate_is_relayed_without_one() {
    let mut audio = chunk(AudioPayload::Raw(b"RIFF."));
    audio.format = AudioFormat::Wav;
    audio.sample_rate = 0;
    check(&audio, |received| {
        let text = received.text_frame(Dialect::Plain);
        let message = std::str::from_utf8(opened(&text).1).unwrap();
        assert!(!message.contains("sampleRate"), "{message}");
        assert!(received.binary_frame(Dialect::Plain, 1).is_some());
    });
}

#[test]
fn payload_and_session_stay_in_the_text_unless_they_hold_escapes() {
    let lies_in = |text: &str, part: &str| text.as_bytes().as_ptr_range().contains(&part.as_ptr());
    for (text, borrowed) in [
        (
            r#"{"type":"audio:stream","audioData":"//8=","sessionId":"s1","format":"wav"}"#,
            true,
        ),
        (
            r#"{"sessionId":"s1","format":"wav","audioData":"//8=","type":"audio:stream"}"#,
            true,
        ),
        (
            r#"{"type":"audio:stream","audioData":"\/\/8=","sessionId":"\u00731","format":"wav"}"#,
            false,
        ),
    ] {
        let mut scratch = Scratch::default();
        let Decoded::Audio { audio, .. } = decode(text, &mut scratch).unwrap() else {
            panic!("not audio: {text}");
        };
        let AudioPayload::Base64(data) = audio.payload else {
            panic!("not base64: {text}");
        };
        let SessionRef::Id(session) = audio.session else {
            panic!("no session: {text}");
        };
        assert_eq!((data, session), ("//8=", "s1"));
        assert_eq!(lies_in(text, data), borrowed, "{text}");
        assert_eq!(lies_in(text, session), borrowed, "{text}");
    }
}
