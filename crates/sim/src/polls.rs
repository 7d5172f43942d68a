//! Long-polling as a carrier: half of the pages that speak Socket.IO have no socket. What they send
//! goes through a request's body, what they are told through an outbox and the bodies that fetch
//! from it. When a word arrives is the network's business (`line`); here is what arrives: every
//! frame once, whole and in order, and the close in a body of its own.

use std::collections::VecDeque;

use protocol::engineio::polling::{self, CLOSE, Piece};
use protocol::outbox::{Frame, Outbox, Push};

use crate::path::Path;
use crate::world::{Conn, World};

/// Bytes of one body, at most: small, so that it takes several to fetch a long replay.
const BODY_MAX: usize = 2_000;

/// What a polling connection has to be told.
#[derive(Debug, Default)]
pub(crate) struct Polled {
    outbox: Outbox,
    /// The packets its page must find, in order.
    owed: VecDeque<String>,
}

impl Polled {
    /// A frame of words goes into the outbox.
    fn push(&mut self, frame: Frame) -> Result<(), String> {
        self.owe(&frame.bytes)?;
        match self.outbox.push(frame) {
            Push::Queued => Ok(()),
            other => Err(format!("the outbox says {other:?} to a word")),
        }
    }

    /// The last frames, the one that closes among them.
    fn close(&mut self, frames: Frame) -> Result<(), String> {
        self.owe(&frames.bytes)?;
        match self.outbox.close(None, frames, u64::MAX) {
            true => Ok(()),
            false => Err("the outbox was closed before".to_owned()),
        }
    }

    fn owe(&mut self, frames: &[u8]) -> Result<(), String> {
        let mut rest = frames;
        while !rest.is_empty() {
            let (opcode, payload, behind) = cut(rest).ok_or("a frame is not whole")?;
            rest = behind;
            let text = String::from_utf8_lossy(payload).into_owned();
            match opcode {
                1 => self.owed.push_back(text),
                8 => self.owed.push_back(CLOSE.to_owned()),
                _ => return Err(format!("a frame of kind {opcode} to a page that polls")),
            }
        }
        Ok(())
    }

    /// The page polls until nothing waits; how many bodies that took.
    fn fetch(&mut self) -> Result<u64, String> {
        let mut bodies = 0;
        while !self.outbox.is_empty() {
            let body = polling::join(&mut self.outbox, BODY_MAX);
            let body = String::from_utf8(body).map_err(|e| e.to_string())?;
            bodies += 1;
            let packets: Vec<_> = polling::split(&body).collect();
            for packet in &packets {
                let owed = self.owed.pop_front();
                let same = match packet {
                    Ok(Piece::Text(text)) => owed.as_deref() == Some(*text),
                    _ => false,
                };
                if !same {
                    return Err(format!("owed is {owed:?}, fetched {packet:?}"));
                }
            }
            if body.len() > CLOSE.len() && packets.contains(&Ok(Piece::Text(CLOSE))) {
                return Err(format!("a close stands beside other words: {body}"));
            }
        }
        match self.owed.front() {
            None => Ok(bodies),
            Some(owed) => Err(format!("nothing waits, and {owed} was never fetched")),
        }
    }
}

/// The first frame's kind and payload, and what is behind it; read anew, not by the carrier's code.
fn cut(frames: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, short) = (frames.first()? & 0xf, frames.get(1)? & 0x7f);
    let digits = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let long = frames.get(2..2 + digits)?;
    let long = long
        .iter()
        .fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
    let len = if digits == 0 {
        usize::from(short)
    } else {
        long
    };
    let from = 2 + digits;
    Some((
        kind,
        frames.get(from..from + len)?,
        frames.get(from + len..)?,
    ))
}

/// The one packet of a posted body.
pub(crate) fn posted(body: &str) -> Option<&str> {
    let mut packets = polling::split(body);
    match (packets.next(), packets.next()) {
        (Some(Ok(Piece::Text(text))), None) => Some(text),
        _ => None,
    }
}

impl World {
    /// Words go into the outbox of a page that polls.
    pub(crate) fn poll_later(&mut self, conn: u64, frame: Frame, closes: bool) {
        let listens = |line: &&mut Conn| line.heard && (line.open || closes);
        let Some(line) = self.conns.get_mut(&conn).filter(listens) else {
            return;
        };
        let Some(polled) = line.polled.as_mut() else {
            return;
        };
        let taken = match closes {
            true => polled.close(frame),
            false => polled.push(frame),
        };
        if let Err(what) = taken {
            self.violate(|| format!("c{conn} polls: {what}"));
        }
    }

    /// A page that polls fetches what it is owed.
    pub(crate) fn poll(&mut self, conn: u64) {
        let line = self.conns.get_mut(&conn);
        let Some(polled) = line.and_then(|line| line.polled.as_mut()) else {
            return;
        };
        match polled.fetch() {
            Ok(0) => {}
            Ok(bodies) => {
                self.took(Path::Polled);
                if bodies > 1 {
                    self.took(Path::PolledTwice);
                }
            }
            Err(what) => self.violate(|| format!("c{conn} polls: {what}")),
        }
    }
}
