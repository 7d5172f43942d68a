//! The door as a machine: its states, its clocks, its limits, and what it makes of bad input.

mod bad_input;
mod clocks;
mod handshake;
mod limits;
mod opening;

use std::sync::Arc;

use serde_json::Value;

use super::{Machine, Out, Up};
use crate::close::CloseCode;
use crate::id::ConnectionId;
use crate::limits::Limits;
use crate::time::Mono;

/// A machine, a clock, and what came out of it since the last look.
struct Bench {
    machine: Machine,
    now: Mono,
    out: Vec<Out>,
    ups: Vec<String>,
}

impl Bench {
    fn waiting(limits: Limits) -> Self {
        let now = Mono(1_000_000);
        Self {
            machine: Machine::new(Arc::new(limits), now),
            now,
            out: Vec::new(),
            ups: Vec::new(),
        }
    }

    fn open(limits: Limits) -> Self {
        let mut bench = Self::waiting(limits);
        bench.machine.open(bench.now, ConnectionId(1));
        bench
    }

    fn text(&mut self, text: &str) {
        let ups = &mut self.ups;
        let mut up = |u: Up<'_>| ups.push(format!("{u:?}"));
        self.machine
            .receive_text(self.now, text, &mut up, &mut self.out);
    }

    fn binary(&mut self, bytes: &[u8]) {
        let ups = &mut self.ups;
        let mut up = |u: Up<'_>| ups.push(format!("{u:?}"));
        self.machine
            .receive_binary(self.now, bytes, &mut up, &mut self.out);
    }

    fn wait(&mut self, ms: u64) {
        self.now = self.now.after(ms);
        self.machine.handle_timeout(self.now, &mut self.out);
    }

    /// Goes to the next deadline, and says how long that took.
    fn next(&mut self) -> Option<u64> {
        let due = self.machine.poll_timeout()?;
        let waited = due.since(self.now);
        self.wait(waited);
        Some(waited)
    }

    /// What went down since the last look, one word each: a message's type and code, `ping`,
    /// `close <number>`.
    fn said(&mut self) -> Vec<String> {
        self.out.drain(..).map(|out| shown(&out)).collect()
    }

    fn went_up(&mut self) -> Vec<String> {
        std::mem::take(&mut self.ups)
    }
}

fn shown(out: &Out) -> String {
    match out {
        Out::Ping(frame) => {
            assert_eq!(&frame[..], [0x89, 0]);
            "ping".to_owned()
        }
        Out::Close(code) => format!("close {}", code.number()),
        Out::HangUp => "hang up".to_owned(),
        Out::Text(frame) => {
            let message = message(frame);
            let name = message["type"].as_str().unwrap();
            match message["code"].as_str() {
                Some(code) => format!("{name} {code}"),
                None => name.to_owned(),
            }
        }
    }
}

/// The JSON in a text frame.
fn message(frame: &[u8]) -> Value {
    assert_eq!(frame[0], 0x81);
    let start = if frame[1] < 126 { 2 } else { 4 };
    serde_json::from_slice(&frame[start..]).unwrap()
}

fn is_closed(out: &[Out]) -> Option<CloseCode> {
    out.iter().find_map(|out| match out {
        Out::Close(code) => Some(*code),
        _ => None,
    })
}

#[test]
fn a_connection_costs_at_most_128_bytes_here() {
    let size = size_of::<Machine>();
    println!("plain::Machine: {size} bytes");
    assert!(size <= 128, "{size}");
}
