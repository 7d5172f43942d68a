//! The golden vectors, and what they cannot say.

use serde_json::Value;

use super::*;
use crate::ws::{Flow, Limits, Packet, Ws, WsIn};

const VECTORS: &str = include_str!("../../vectors/ws/audio.json");
const MAX: usize = 64;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn direction(vector: &Value) -> Direction {
    match vector["direction"].as_str() {
        Some("toServer") => Direction::ToServer,
        Some("toClient") => Direction::ToClient,
        other => panic!("unknown direction {other:?}"),
    }
}

fn header(vector: &Value) -> Header {
    let number = |name: &str| vector["header"][name].as_u64().unwrap();
    Header {
        format: Format::from_name(vector["header"]["format"].as_str().unwrap()).unwrap(),
        is_last: vector["header"]["isLast"].as_bool().unwrap(),
        sender: number("sender").try_into().unwrap(),
        room: number("room").try_into().unwrap(),
        sample_rate: number("sampleRate").try_into().unwrap(),
        stream: number("stream").try_into().unwrap(),
        seq: number("seq").try_into().unwrap(),
        at_ms: number("atMs").try_into().unwrap(),
    }
}

#[test]
fn every_accepted_vector_is_read_and_written_back_byte_for_byte() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let accepted = vectors["accepted"].as_array().unwrap();
    assert!(accepted.len() >= 6);
    for vector in accepted {
        let name = &vector["name"];
        let bytes = unhex(vector["bytes"].as_str().unwrap());
        let chunk =
            decode(direction(vector), &bytes, MAX).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(chunk.header, header(vector), "{name}");
        assert_eq!(
            chunk.payload,
            unhex(vector["payload"].as_str().unwrap()),
            "{name}"
        );
        let written = [&chunk.header.encode(direction(vector))[..], chunk.payload].concat();
        assert_eq!(written, bytes, "{name}");
    }
}

#[test]
fn every_rejected_vector_gets_its_code() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let rejected = vectors["rejected"].as_array().unwrap();
    assert!(rejected.len() >= 14);
    for vector in rejected {
        let name = &vector["name"];
        let bytes = unhex(vector["bytes"].as_str().unwrap());
        let error = decode(direction(vector), &bytes, MAX).expect_err(name.as_str().unwrap());
        assert_eq!(error.code(), vector["code"].as_str().unwrap(), "{name}");
    }
}

#[test]
fn a_relayed_chunk_reaches_the_client_with_its_new_address() {
    let sent = Header {
        format: Format::Pcm16,
        is_last: false,
        sender: 0,
        room: 0,
        sample_rate: 16_000,
        stream: 7,
        seq: 42,
        at_ms: 1_680,
    };
    let payload = [1, 2, 3, 4];
    let message = [&sent.encode(Direction::ToServer)[..], &payload].concat();
    let chunk = decode(Direction::ToServer, &message, MAX).unwrap();
    let relayed = Header {
        sender: 3,
        room: 9,
        ..chunk.header
    };
    let frame = received(&relayed, chunk.payload);
    assert!(frame.ends_with(&payload));
    let mut seen = 0;
    let mut ws = Ws::for_client(Limits::default());
    ws.receive(0, &mut frame.to_vec(), &mut |event| {
        let WsIn::Packet(Packet::Binary(bytes)) = event else {
            panic!("{event:?}")
        };
        let chunk = decode(Direction::ToClient, bytes, MAX).unwrap();
        assert_eq!((chunk.header, chunk.payload), (relayed, &payload[..]));
        seen += 1;
        Flow::Continue
    })
    .unwrap();
    assert_eq!(seen, 1);
}

#[test]
fn the_names_of_the_formats_are_those_of_the_json_messages() {
    for format in [Format::Pcm16, Format::Wav, Format::Webm, Format::Ogg] {
        assert_eq!(Format::from_name(format.name()), Some(format));
        assert_eq!(Format::from_byte(format as u8), Some(format));
    }
    assert_eq!(Format::from_name("PCM16"), None);
}
