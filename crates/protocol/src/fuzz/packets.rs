//! The decoders one by one: packets of Engine.IO and Socket.IO, messages as JSON, and what stands in
//! a handshake's address.

use serde::de::IgnoredAny;

use crate::engineio;
use crate::error::ErrorCode;
use crate::json::{self, Event, Message, Scratch};
use crate::limits::Limits;
use crate::plain::handshake::{check_origin, credentials, parameter, redact};
use crate::socketio::ATTACHMENTS_MAX;
use crate::socketio::assemble::Assembler;
use crate::socketio::packet::Packet;
use crate::time::Mono;

/// A text packet of Engine.IO: what is read is what was written.
pub fn engineio_packet(data: &[u8]) {
    use engineio::Packet;
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let again = match Packet::parse(text) {
        Ok(Packet::Ping(rest)) => format!("2{rest}"),
        Ok(Packet::Message(rest)) => format!("4{rest}"),
        Ok(Packet::Close) => "1".to_owned(),
        Ok(Packet::Pong) => "3".to_owned(),
        Ok(Packet::Upgrade) => "5".to_owned(),
        Ok(Packet::Noop) => "6".to_owned(),
        Err(_) => return assert!(!text.starts_with(|c| ('1'..='6').contains(&c))),
    };
    assert!(text.starts_with(&again), "{text} became {again}");
}

/// Packets of Socket.IO and their attachments. Pieces of one byte of kind (even: text), one of
/// length, and that many bytes. Nothing is kept beyond the limits, nothing at all after an error,
/// and what comes out is as many attachments as were announced, with the bytes that came.
pub fn socketio_packet(data: &[u8]) {
    let limits = Limits {
        message_bytes: 200,
        ..Limits::default()
    };
    let mut assembler = Assembler::default();
    let mut came: Vec<&[u8]> = Vec::new();
    let mut rest = data;
    while let Some((&[kind, len], after)) = rest.split_first_chunk() {
        let (piece, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        match (kind % 2, std::str::from_utf8(piece)) {
            (0, Ok(text)) => match assembler.text(Mono(0), text) {
                Ok(Some(packet)) => assert_eq!(packet.attachments, 0),
                Ok(None) => came.clear(),
                Err(_) => return,
            },
            (0, Err(_)) => return,
            _ => {
                came.push(piece);
                let check = |packet: Packet<'_>, all: &[&[u8]], bytes: usize| {
                    assert!((1..=ATTACHMENTS_MAX).contains(&all.len()));
                    assert_eq!((packet.attachments, all), (came.len(), &came[..]));
                    assert!(bytes <= limits.message_bytes as usize);
                    message_of(&packet, all);
                };
                if assembler.binary(piece, &limits, check).is_err() {
                    assert_eq!(assembler.held_bytes(), 0);
                    return;
                }
            }
        }
        // A text alone may be longer: the frame core has bounded it before it comes here.
        assert!(assembler.held_bytes() <= limits.message_bytes as usize + 255);
        let waits = assembler.held_bytes() > 0;
        assert_eq!(assembler.poll_timeout(&limits).is_some(), waits);
    }
}

fn message_of(packet: &Packet<'_>, attachments: &[&[u8]]) {
    match Message::scan_event(packet.data, packet.ack, attachments) {
        Ok(Event::Message(message)) => {
            let mut scratch = Scratch::default();
            let _ = message.decode(&mut scratch);
        }
        Ok(Event::Chunk(bytes, _)) => assert!(attachments.contains(&bytes)),
        Err(_) => {}
    }
}

/// A message of the plain door and an event of the other: what is understood is JSON by another
/// reader's judgment too, and what is refused as no JSON is none.
pub fn json_message(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let starts_with = |c| {
        text.trim_start_matches([' ', '\t', '\n', '\r'])
            .starts_with(c)
    };
    let mut scratch = Scratch::default();
    match json::decode(text, &mut scratch) {
        Ok(_) => assert!(is_json && starts_with('{')),
        Err(refused) => {
            assert!(!refused.refusal.message.is_empty());
            if refused.refusal.code == ErrorCode::BadJson {
                assert!(!(is_json && starts_with('{')), "it is an object");
            }
        }
    }
    match Message::scan_event(text, Some("7"), &[b"sound"]) {
        Ok(Event::Message(message)) => {
            let mut scratch = Scratch::default();
            if message.decode(&mut scratch).is_ok() {
                assert!(is_json && starts_with('['));
            }
        }
        Ok(Event::Chunk(bytes, _)) => assert!(is_json && bytes == b"sound"),
        Err(_) => {}
    }
}

/// Lines of a handshake that hold secrets or say where a page is from: `authorization`, `origin`,
/// `host`, the protocols, and the path with its query. No token it finds is left in what is logged.
pub fn http_lines(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let mut line = || lines.next().filter(|line| !line.is_empty());
    let (authorization, origin, host) = (line(), line(), line());
    let protocols: Vec<&str> = line().map_or_else(Vec::new, |line| line.split(',').collect());
    let target = line().unwrap_or_default();
    let query = target.split_once('?').map(|(_, query)| query);
    let configured = ["https://app.example".to_owned()];
    if check_origin(origin, host, &configured, false).is_ok() {
        assert!(origin.is_some_and(|origin| origin != "null"));
    }
    let _ = credentials(authorization, &protocols, query);
    let shown = redact(target);
    assert!(shown.len() <= target.len() + 16 * (1 + target.matches(['&', ';']).count()));
    if let Some(query) = query {
        let again = shown.split_once('?').map_or("", |(_, query)| query);
        for name in ["token", "ticket"] {
            let shown = parameter(again, name);
            assert!(
                parameter(query, name).is_none() || shown.is_none_or(|s| s == "[redacted]"),
                "{name} is shown"
            );
        }
    }
}
