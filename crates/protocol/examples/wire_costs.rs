//! Prints what the hot parts of the wire cost, so that an accidental copy or allocation shows:
//! `cargo run --release -p protocol --example wire_costs`.
//!
//! Medians of rounds; a figure is nanoseconds for one 4.36 KB frame unless it says otherwise.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::io::IoSlice;
use std::time::Instant;

use bytes::Bytes;
use protocol::audio::{self, Direction, Format, Header};
use protocol::outbox::{Frame, Outbox, Push, SLICES_MAX};
use protocol::ws::{Flow, Limits, Opcode, Packet, Ws, WsIn, client, frame, unmask};

const PAYLOAD: usize = 4_360;
const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

fn main() {
    receiving();
    sending();
}

fn receiving() {
    let mut plain = vec![b'x'; PAYLOAD];
    report("unmask", 1, || unmask(black_box(&mut plain), KEY, 0));
    for (name, opcode) in [
        ("receive binary", Opcode::Binary),
        ("receive text", Opcode::Text),
    ] {
        let bytes = client::frame(opcode, &plain_text(), KEY);
        let mut read = vec![0; bytes.len()];
        let mut ws = Ws::new(Limits::default());
        report(name, 1, || {
            read.copy_from_slice(&bytes);
            assert_eq!(receive(&mut ws, &mut read), PAYLOAD);
        });
        report(&format!("{name}, cut in two reads"), 1, || {
            read.copy_from_slice(&bytes);
            let (head, tail) = read.split_at_mut(1_448);
            assert_eq!(receive(&mut ws, head) + receive(&mut ws, tail), PAYLOAD);
        });
    }
    let bytes = client::frame(Opcode::Text, b"0123456789", KEY).repeat(1_000);
    let mut read = vec![0; bytes.len()];
    let mut ws = Ws::new(Limits::default());
    report("receive text of 10 bytes, 1,000 in a read", 1_000, || {
        read.copy_from_slice(&bytes);
        assert_eq!(receive(&mut ws, &mut read), 10_000);
    });
}

fn plain_text() -> Vec<u8> {
    vec![b'x'; PAYLOAD]
}

fn receive(ws: &mut Ws, bytes: &mut [u8]) -> usize {
    let mut seen = 0;
    ws.receive(0, bytes, &mut |event| {
        seen += match event {
            WsIn::Packet(Packet::Text(text)) => text.len(),
            WsIn::Packet(Packet::Binary(bytes)) => bytes.len(),
            _ => 0,
        };
        Flow::Continue
    })
    .unwrap();
    seen
}

fn sending() {
    let header = Header {
        format: Format::Pcm16,
        is_last: false,
        sender: 0,
        room: 0,
        sample_rate: 16_000,
        stream: 1,
        seq: 1,
        at_ms: 0,
    };
    let message = [&header.encode(Direction::ToServer)[..], &plain_text()].concat();
    report("decode an audio chunk, build its relayed frame", 1, || {
        let chunk = audio::decode(Direction::ToServer, black_box(&message), 65_536).unwrap();
        black_box(audio::received(&chunk.header, chunk.payload));
    });
    let frame = frame::binary(&[&plain_text()]);
    let mut outbox = Outbox::default();
    report("outbox: push, head, advance", 1, || {
        one(&mut outbox, &frame)
    });
    report("outbox: 16 pushes, slices, advance; each", 16, || {
        for at_ms in 0..16 {
            assert_eq!(
                outbox.push(Frame::audio(frame.clone(), at_ms)),
                Push::Queued
            );
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let filled = outbox.slices(&mut slices);
        let len = slices[..filled].iter().map(|slice| slice.len()).sum();
        outbox.advance(black_box(len));
    });
    for at_ms in 0..22 {
        assert_eq!(
            outbox.push(Frame::audio(frame.clone(), at_ms)),
            Push::Queued
        );
    }
    report("outbox: audio for a reader that is stuck", 1, || {
        let pushed = outbox.push(Frame::audio(frame.clone(), 22));
        assert!(matches!(pushed, Push::DroppedAudio { frames: 1, .. }));
    });
}

fn one(outbox: &mut Outbox, frame: &Bytes) {
    assert_eq!(outbox.push(Frame::audio(frame.clone(), 0)), Push::Queued);
    let len = black_box(outbox.head()).len();
    outbox.advance(len);
}

/// Prints the median time of one of `per_call` things in `body`.
fn report(name: &str, per_call: u32, mut body: impl FnMut()) {
    const CALLS: u32 = 200;
    let mut rounds: Vec<f64> = (0..301)
        .map(|_| {
            let start = Instant::now();
            (0..CALLS).for_each(|_| body());
            start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS * per_call)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{:>9.1} ns  {name}", rounds[rounds.len() / 2]);
}
