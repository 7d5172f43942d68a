//! The committed corpora, and as much again from a seeded generator.

use std::fs;
use std::path::Path;

use super::*;
use crate::ws::Opcode;

/// xorshift64*: the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, n: usize) -> usize {
        (self.roll() % n as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.roll() as u8).collect()
    }

    /// Changes, drops, doubles or cuts something.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let at = self.below(bytes.len());
        match self.below(5) {
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = self.roll() as u8,
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, bytes[at]),
            _ => bytes.truncate(at),
        }
    }
}

/// Runs `body` on the committed corpus and on mutations of it.
fn replay(target: &str, seed: u64, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 8, "the corpus of {target} is missing");
    let mut dice = Dice(seed);
    for path in paths {
        let input = fs::read(path).unwrap();
        body(&input);
        for _ in 0..20 {
            let mut mutant = input.clone();
            for _ in 0..=dice.below(3) {
                dice.mutate(&mut mutant);
            }
            body(&mutant);
        }
    }
}

#[test]
fn the_corpus_of_the_frame_core_holds() {
    replay("ws_receive", 1, ws_receive);
}

#[test]
fn the_corpus_of_the_handshake_holds() {
    replay("ws_handshake", 2, ws_handshake);
}

#[test]
fn the_corpus_of_the_audio_layout_holds() {
    replay("audio_frame", 3, audio_frame);
}

#[test]
fn the_corpus_of_the_outbox_holds() {
    replay("outbox", 4, outbox);
}

#[test]
fn the_corpus_of_polling_bodies_holds() {
    replay("polling_body", 8, polling_body);
}

#[test]
fn the_corpus_of_the_socketio_door_holds() {
    replay("socketio", 9, socketio);
}

#[test]
fn the_corpus_of_engineio_packets_holds() {
    replay("engineio_packet", 10, engineio_packet);
}

#[test]
fn the_corpus_of_socketio_packets_holds() {
    replay("socketio_packet", 11, socketio_packet);
}

#[test]
fn the_corpus_of_json_messages_holds() {
    replay("json_message", 12, json_message);
}

#[test]
fn the_corpus_of_a_handshakes_lines_holds() {
    replay("http_lines", 13, http_lines);
}

#[test]
fn an_outbox_under_random_load_does_what_the_model_does() {
    let mut dice = Dice(5);
    for _ in 0..400 {
        let len = 2 * (1 + dice.below(250));
        let mut data = dice.bytes(len);
        // Half of the worlds never break or close, so that they live to their end.
        if dice.below(2) == 0 {
            data.as_chunks_mut::<2>()
                .0
                .iter_mut()
                .for_each(|pair| pair[1] %= 235);
        }
        outbox(&data);
    }
}

/// A message or control frame as masked frames, the message perhaps in fragments with control
/// frames in between; what must come out is appended to `expected`.
fn speak(dice: &mut Dice, stream: &mut Vec<u8>, expected: &mut Vec<Got>) {
    let key = (dice.roll() as u32).to_le_bytes();
    let len = [0, 3, 125, 126, 290][dice.below(5)];
    let letters: String = (0..len / 4)
        .map(|_| ['a', '\u{e9}', '\u{20ac}', '\u{1f600}'][dice.below(4)])
        .collect();
    let (opcode, payload, got) = match dice.below(4) {
        0 => (Opcode::Ping, b"?".to_vec(), Got::Ping(b"?".to_vec())),
        1 => (
            Opcode::Text,
            letters.clone().into_bytes(),
            Got::Text(letters),
        ),
        _ => {
            let bytes = dice.bytes(len);
            (Opcode::Binary, bytes.clone(), Got::Binary(bytes))
        }
    };
    let mut left = &payload[..];
    let mut opcode_of_piece = opcode;
    for _ in 0..dice.below(4) {
        if opcode.is_control() {
            break;
        }
        let (piece, rest) = left.split_at(dice.below(left.len() + 1));
        client::append(stream, opcode_of_piece, false, piece, key);
        (left, opcode_of_piece) = (rest, Opcode::Continuation);
        if dice.below(3) == 0 {
            client::append(stream, Opcode::Pong, true, b"", key);
            expected.push(Got::Pong);
        }
    }
    client::append(stream, opcode_of_piece, true, left, key);
    expected.push(got);
}

#[test]
fn whatever_a_client_says_arrives_however_it_is_cut() {
    let mut dice = Dice(6);
    for _ in 0..300 {
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        for _ in 0..1 + dice.below(8) {
            speak(&mut dice, &mut stream, &mut expected);
        }
        for cuts in [vec![], vec![0], dice.bytes(5)] {
            let got = receive(Ws::new(TIGHT), TIGHT, &stream, &cuts, usize::MAX);
            assert_eq!(got, (std::mem::take(&mut expected), None));
            expected = got.0;
        }
    }
}

#[test]
fn whatever_is_broken_in_what_a_client_says_is_the_same_however_it_is_cut() {
    let mut dice = Dice(7);
    for _ in 0..1_500 {
        let mut data = dice.bytes(2);
        data[0] &= !2;
        data.extend(dice.bytes(usize::from(data[1] % 16)));
        for _ in 0..1 + dice.below(5) {
            speak(&mut dice, &mut data, &mut Vec::new());
        }
        let fixed = 2 + usize::from(data[1] % 16);
        let mut stream = data.split_off(fixed);
        for _ in 0..=dice.below(4) {
            dice.mutate(&mut stream);
        }
        ws_receive(&[data, stream].concat());
    }
}
