//! `docs/protocol.md`: its made sections are up to date, and each of its examples is what the codec
//! reads or writes.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::files::kept;
use crate::audio::{self, Chunk, Direction};
use crate::contract::{check_reply, check_server, client, tables};
use crate::json::{Scratch, decode};
use crate::ws::client as ws_client;
use crate::ws::{Opcode, frame, handshake};

const GUIDE: &str = "docs/protocol.md";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(GUIDE)
}

fn guide() -> String {
    std::fs::read_to_string(path()).unwrap()
}

#[test]
fn the_made_sections_are_those_of_the_contract() {
    let mut text = guide();
    for (name, section) in tables::sections() {
        let (begin, end) = (format!("<!-- made: {name} -->\n"), "<!-- /made -->");
        let from = text.find(&begin).expect(name) + begin.len();
        let to = from + text[from..].find(end).expect(name);
        text.replace_range(from..to, &section);
    }
    kept(GUIDE, &text);
}

/// A fenced block: what stands after the fence, and its lines.
fn blocks() -> Vec<(String, Vec<String>)> {
    let text = guide();
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let body = lines.by_ref().take_while(|line| *line != "```");
            found.push((kind.to_owned(), body.map(str::to_owned).collect()));
        }
    }
    found
}

fn of_kind(kind: &str) -> Vec<Vec<String>> {
    let blocks = blocks().into_iter().filter(|(known, _)| known == kind);
    let bodies: Vec<Vec<String>> = blocks.map(|(_, body)| body).collect();
    assert!(!bodies.is_empty(), "no block of {kind}");
    bodies
}

#[test]
fn every_block_is_of_a_kind_that_is_tried_out() {
    const KINDS: [&str; 10] = [
        "json client",
        "json server",
        "bytes client frame",
        "bytes server frame",
        "bytes server close",
        "bytes client audio",
        "bytes server audio",
        "sio client",
        "sio server",
        "http",
    ];
    for (kind, _) in blocks() {
        assert!(KINDS.contains(&kind.as_str()), "{kind}");
    }
}

#[test]
fn every_message_of_a_client_is_understood() {
    for line in of_kind("json client").concat() {
        let mut scratch = Scratch::default();
        decode(&line, &mut scratch).expect(&line);
    }
}

#[test]
fn every_message_of_the_server_is_as_described() {
    for line in of_kind("json server").concat() {
        let message: Value = serde_json::from_str(&line).expect(&line);
        if let Err(mismatch) = check_server(&message) {
            panic!("{mismatch} in {line}");
        }
    }
}

/// Bytes of a block, and what they are said to mean.
fn bytes(kind: &str) -> Vec<(Vec<u8>, String)> {
    let read = |body: Vec<String>| {
        let (hex, means) = body.split_at(body.len() - 1);
        let hex: String = hex.concat().split_whitespace().collect();
        let bytes = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect(&hex))
            .collect();
        (bytes, means[0].strip_prefix("= ").expect(kind).to_owned())
    };
    of_kind(kind).into_iter().map(read).collect()
}

#[test]
fn every_frame_is_written_as_it_stands_there() {
    for (found, means) in bytes("bytes client frame") {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        assert_eq!(found, ws_client::frame(Opcode::Text, means.as_bytes(), key));
    }
    for (found, means) in bytes("bytes server frame") {
        assert_eq!(found, frame::text(&means).to_vec());
    }
    for (found, means) in bytes("bytes server close") {
        let (code, reason) = means.split_once(' ').unwrap();
        assert_eq!(found, frame::close(code.parse().unwrap(), reason).to_vec());
    }
}

fn in_words(chunk: &Chunk<'_>) -> String {
    let header = &chunk.header;
    let from = match header.sender {
        0 => String::new(),
        sender => format!(" from {sender},"),
    };
    let last = if header.is_last { ", last" } else { "" };
    format!(
        "{}, {} Hz,{from} room {}, stream {}, seq {}, at {} ms, {} bytes{last}",
        header.format.name(),
        header.sample_rate,
        header.room,
        header.stream,
        header.seq,
        header.at_ms,
        chunk.payload.len(),
    )
}

#[test]
fn every_binary_chunk_means_what_is_said_of_it() {
    for (kind, direction) in [
        ("bytes client audio", Direction::ToServer),
        ("bytes server audio", Direction::ToClient),
    ] {
        for (found, means) in bytes(kind) {
            let chunk = audio::decode(direction, &found, 1_000).expect(&means);
            assert_eq!(in_words(&chunk), means);
            let again = [&chunk.header.encode(direction)[..], chunk.payload].concat();
            assert_eq!(again, found);
        }
    }
}

#[test]
fn the_handshake_answers_its_own_key() {
    let lines = of_kind("http").concat();
    let value = |name: &str| {
        let line = lines.iter().find_map(|line| line.strip_prefix(name));
        line.expect(name).to_owned()
    };
    let key = value("Sec-WebSocket-Key: ");
    let accept = handshake::accept_key(key.as_bytes());
    assert_eq!(value("Sec-WebSocket-Accept: ").as_bytes(), accept);
}

#[test]
fn every_socket_io_packet_carries_a_message_of_the_contract() {
    for kind in ["sio client", "sio server"] {
        for line in of_kind(kind).concat() {
            let rest = line.strip_prefix('4').expect(&line);
            let (packet, rest) = rest.split_at(1);
            let rest = rest.strip_prefix("/interview,").expect(&line);
            let data = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let data: Value = serde_json::from_str(data).expect(&line);
            match packet {
                "0" => assert!(data["token"].is_string(), "{line}"),
                "3" => {
                    let mut reply = data[0].clone();
                    reply["ref"] = 7.into();
                    check_reply("session:join", &reply).expect(&line);
                }
                "2" => {
                    let event = data[0].as_str().expect(&line);
                    let mut message = data[1].clone();
                    message["type"] = event.into();
                    if kind == "sio server" {
                        check_server(&message).expect(&line);
                    } else {
                        assert!(client::of(event).is_some(), "{line}");
                        let text = message.to_string();
                        let mut scratch = Scratch::default();
                        decode(&text, &mut scratch).expect(&line);
                    }
                }
                other => panic!("{other}: {line}"),
            }
        }
    }
}
