//! Load on an open fleet: when each room speaks, and what was counted.

use super::{Dialect, Fleet, SPEAKER};
use crate::payload::Stamp;
use crate::stats::Histogram;
use crate::wsclient::{self, Opcode};
use anyhow::Result;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// How long after the last message its deliveries may take.
const DRAIN: Duration = Duration::from_secs(5);
/// Rooms that may speak before the sockets are looked at again.
const SPEAK_AT_ONCE: usize = 32;

/// When a room speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Messages a room sends at a time.
    pub window: u32,
    /// Least time between the beginnings of two such bursts of a room.
    pub gap: Duration,
    /// Whether a burst also waits until the one before has arrived everywhere.
    pub closed: bool,
    /// How long rooms speak.
    pub length: Duration,
}

/// What one stretch of load came to.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Messages sent.
    pub sent: u64,
    /// Deliveries that are whole and in order.
    pub deliveries: u64,
    /// Deliveries that never came.
    pub lost: u64,
    /// Deliveries with a wrong byte.
    pub corrupt: u64,
    /// Deliveries in a wrong room, twice, or out of order.
    pub misplaced: u64,
    /// From just before the write to just after the read, ns.
    pub latency: Histogram,
    /// How late the generator itself was, ns.
    pub lateness: Histogram,
    /// From the first message until the last delivery.
    pub wall: Duration,
    /// `limits` as the server told them, if it did.
    pub stated_limits: Option<serde_json::Value>,
}

impl Fleet {
    /// Lets the rooms speak, waits for the last deliveries, and counts.
    ///
    /// # Errors
    /// When waiting for sockets fails. Losses are no error here: they are in
    /// the tally.
    pub fn run(&mut self, load: Load) -> Result<Tally> {
        let limits = self.tally.stated_limits.clone();
        self.tally = Tally::default();
        self.done.clear();
        let begin = Instant::now();
        let start = self.now();
        let end = start + load.length.as_nanos() as u64;
        let gap = load.gap.as_nanos() as u64;
        let rooms = u64::from(self.shape.rooms);
        let spread = |room: u64| start + gap * room / rooms;
        let mut due: BinaryHeap<_> = (0..rooms)
            .map(|room| Reverse((spread(room), room as u32)))
            .collect();
        loop {
            let now = self.now();
            if now >= end {
                break;
            }
            let next = self.speak(&load, now, gap, &mut due);
            let wait = next.unwrap_or(end).min(end).saturating_sub(self.now());
            self.turn(Duration::from_nanos(wait))?;
            if load.closed {
                let now = self.now();
                while let Some(room) = self.done.pop() {
                    let at = (self.rooms[room as usize].sent_at + gap).max(now);
                    due.push(Reverse((at, room)));
                }
            }
            self.done.clear();
        }
        let until = Instant::now() + DRAIN;
        while self.waiting > 0 && self.faults.is_empty() && Instant::now() < until {
            self.turn(Duration::from_millis(5))?;
        }
        self.give_up_waiting();
        self.tally.wall = begin.elapsed();
        self.tally.stated_limits = limits;
        Ok(self.tally.clone())
    }

    /// Lets the rooms that are due speak; when the next one is.
    fn speak(
        &mut self,
        load: &Load,
        now: u64,
        gap: u64,
        due: &mut BinaryHeap<Reverse<(u64, u32)>>,
    ) -> Option<u64> {
        for _ in 0..SPEAK_AT_ONCE {
            let Reverse((at, room)) = *due.peek()?;
            if at > now {
                return Some(at);
            }
            due.pop();
            self.tally.lateness.record(now - at);
            self.burst(room, load.window);
            if !load.closed {
                due.push(Reverse((at + gap, room)));
            }
        }
        Some(now)
    }

    /// Sends `window` messages of a room in one write.
    fn burst(&mut self, room: u32, window: u32) {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        let sent = self.now();
        let first = self.rooms[room as usize].next_seq;
        for seq in first..first + window {
            self.template.stamp(Stamp { sent, room, seq });
            let text = self.template.text().len();
            match self.dialect {
                Dialect::Floor => {
                    // As many bytes as the frame has, header and mask as zeros.
                    out.resize(out.len() + wsclient::masked_len(text) - text, 0);
                    out.extend_from_slice(self.template.text());
                }
                Dialect::Plain(_) | Dialect::SocketIo(_) => {
                    let mask = self.next_mask();
                    wsclient::encode_masked(Opcode::Text, self.template.text(), mask, &mut out);
                }
            }
        }
        let waiting = window * self.shape.receivers();
        let state = &mut self.rooms[room as usize];
        state.next_seq += window;
        state.sent_at = sent;
        state.waiting += waiting;
        self.waiting += u64::from(waiting);
        self.tally.sent += u64::from(window);
        let who = (SPEAKER * self.shape.rooms + room) as usize;
        self.write(who, &out);
        self.scratch = out;
    }
}
