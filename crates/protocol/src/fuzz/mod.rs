//! Bodies of the fuzz targets: ordinary functions over any bytes that panic when a promise breaks.
//!
//! They are here so that stable tests replay the committed corpora and a seeded generator; the
//! `fuzz` package only hands them to libFuzzer. Compiled for tests and with the feature `fuzzing`,
//! never into the server.

mod outbox;
mod packets;
mod socketio;
#[cfg(test)]
mod tests;

pub use self::outbox::outbox;
pub use self::packets::{engineio_packet, http_lines, json_message, socketio_packet};
pub use self::socketio::{polling_body, socketio};

use crate::audio::{self, Direction};
use crate::ws::{Flow, Limits, Packet, Violation, Ws, WsIn, client, handshake};

/// Small limits, so that short inputs reach them.
const TIGHT: Limits = Limits {
    frame_bytes_max: 300,
    message_bytes_max: 500,
    fragments_max: 5,
    unfinished_ms_max: 10_000,
};

#[derive(Debug, PartialEq, Eq)]
enum Got {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>, String),
}

/// The frame core: however the bytes are cut into reads, the same comes out, and memory follows
/// what has arrived.
///
/// Layout: one byte of switches, one count of read lengths (0–15), the read lengths, the stream.
pub fn ws_receive(data: &[u8]) {
    let Some(([switches, count], rest)) = data.split_first_chunk() else {
        return;
    };
    let (cuts, stream) = rest.split_at(usize::from(count % 16).min(rest.len()));
    let limits = if switches & 1 == 0 {
        TIGHT
    } else {
        Limits::default()
    };
    let receiver = || {
        if switches & 2 == 0 {
            Ws::new(limits)
        } else {
            Ws::for_client(limits)
        }
    };
    let stop_after = if switches & 4 == 0 {
        usize::MAX
    } else {
        usize::from(switches >> 4)
    };
    let whole = receive(receiver(), limits, stream, &[], stop_after);
    assert_eq!(
        receive(receiver(), limits, stream, &[1], stop_after),
        whole,
        "byte by byte"
    );
    if !cuts.is_empty() {
        assert_eq!(
            receive(receiver(), limits, stream, cuts, stop_after),
            whole,
            "cut"
        );
    }
}

/// Feeds `stream` in reads of the lengths in `cuts`, over and over (none: in one read).
fn receive(
    mut ws: Ws,
    limits: Limits,
    mut stream: &[u8],
    cuts: &[u8],
    stop_after: usize,
) -> (Vec<Got>, Option<Violation>) {
    let mut got = Vec::new();
    let mut lengths = cuts.iter().cycle().map(|&cut| usize::from(cut) + 1);
    let mut arrived = 0;
    while !stream.is_empty() {
        let len = lengths.next().unwrap_or(usize::MAX).min(stream.len());
        let (read, rest) = stream.split_at(len);
        stream = rest;
        arrived += len;
        let before = got.len();
        let was_done = ws.is_done();
        let result = ws.receive(0, &mut read.to_vec(), &mut |event| {
            got.push(owned(event));
            if got.len() > stop_after {
                Flow::Stop
            } else {
                Flow::Continue
            }
        });
        assert!(
            !was_done || (got.len() == before && result.is_ok()),
            "nothing after the end"
        );
        let bound = (2 * arrived + 16 * 1024).min(limits.message_bytes_max as usize) + 512;
        assert!(ws.held_bytes() <= bound, "{} bytes held", ws.held_bytes());
        assert!(
            ws.poll_timeout().is_none() || ws.held_bytes() > 0,
            "a deadline for nothing"
        );
        if let Err(violation) = result {
            assert!(ws.is_done() && ws.held_bytes() == 0);
            return (got, Some(violation));
        }
    }
    (got, None)
}

fn owned(event: WsIn<'_>) -> Got {
    match event {
        WsIn::Packet(Packet::Text(text)) => Got::Text(text.to_owned()),
        WsIn::Packet(Packet::Binary(bytes)) => Got::Binary(bytes.to_vec()),
        WsIn::Ping(payload) => Got::Ping(payload.to_vec()),
        WsIn::Pong => Got::Pong,
        WsIn::Close { code, reason } => Got::Close(code, reason.to_owned()),
    }
}

/// The upgrade request: `method\n`, then `name:value` lines. Whatever is accepted can be answered,
/// and the answer is one that a client understands.
pub fn ws_handshake(data: &[u8]) {
    let mut lines = data.split(|&byte| byte == b'\n');
    let method = lines
        .next()
        .and_then(|line| std::str::from_utf8(line).ok())
        .unwrap_or_default();
    let headers = lines.filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((
            std::str::from_utf8(&line[..colon]).ok()?,
            &line[colon + 1..],
        ))
    });
    let checked = match handshake::check(method, true, headers) {
        Ok(checked) => checked,
        Err(refused) => {
            assert!(matches!(refused.status(), 400..=499));
            return;
        }
    };
    assert!(checked.protocols.len() <= handshake::PROTOCOLS_MAX);
    assert!(
        checked
            .protocols
            .iter()
            .all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_graphic()))
    );
    let answer = handshake::response(&checked, checked.protocols.first().copied());
    let expected = Err(client::ResponseError::Malformed(
        "its Sec-WebSocket-Accept does not fit the key",
    ));
    let read = client::response(answer.as_bytes(), *b"not the real key");
    assert_eq!(read, expected, "all but the key is right");
}

/// The audio layout: whatever is accepted is written back byte for byte, within its limits.
pub fn audio_frame(data: &[u8]) {
    const PAYLOAD_BYTES_MAX: usize = 48;
    for direction in [Direction::ToServer, Direction::ToClient] {
        let Ok(chunk) = audio::decode(direction, data, PAYLOAD_BYTES_MAX) else {
            continue;
        };
        assert!(chunk.payload.len() <= PAYLOAD_BYTES_MAX);
        assert_eq!(
            [&chunk.header.encode(direction)[..], chunk.payload].concat(),
            data
        );
        let relayed = audio::received(&chunk.header, chunk.payload);
        assert!(relayed.ends_with(chunk.payload));
        let again = audio::decode(Direction::ToClient, &relayed[2..], PAYLOAD_BYTES_MAX);
        assert_eq!(again.map(|again| again.payload), Ok(chunk.payload));
    }
}
