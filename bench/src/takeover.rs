//! From a join to its first event: a first join of a running interview beside a
//! takeover of the same seat by a second page, one after the other in each room.

use crate::judge::Sheet;
use crate::limits::Takeover;
use crate::stats::Histogram;
use crate::target::{Identity, Program, Role, Target};
use crate::wsclient::{Opcode, encode_masked, handshake_answer, handshake_request, next_frame};
use anyhow::{Context, Result, bail, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(10);
const JOIN: &str = "session:join";
const START: &str = r#"{"type":"interview:start","ref":"start","questions":[{"text":"What did you build last?","limitSeconds":600}]}"#;

/// What the joins came to, ns from the request to `session:joined`.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Of seats nobody had.
    pub plain: Histogram,
    /// Of seats another page had.
    pub takeover: Histogram,
    /// Pages that lost their seat and were not told.
    pub untold: u32,
}

/// Starts an interview in each of `rooms`, where an interviewer joins with one
/// page and then with another.
///
/// # Errors
/// When the server does not start or does not answer.
pub fn measure(server: &Program, rooms: u32, core: usize) -> Result<Outcome> {
    let target = Target::start(server, core)?;
    let identity = target.dialect.identity().context("the server has users")?;
    let mut outcome = Outcome::default();
    for room in 0..rooms {
        let open = |place, role| Page::open(target.address, identity, room, place, role);
        let mut candidate = open(0, Role::Candidate)?;
        candidate.join(&identity.session(room))?;
        candidate.send(START)?;
        candidate.until("\"type\":\"ok\",\"ref\":\"start\"")?;
        let mut first = open(1, Role::Interviewer)?;
        outcome.plain.record(first.join(&identity.session(room))?);
        let mut second = open(1, Role::Interviewer)?;
        outcome
            .takeover
            .record(second.join(&identity.session(room))?);
        if first.until("connection:replaced").is_err() {
            outcome.untold += 1;
        }
    }
    Ok(outcome)
}

/// Puts the figures on the sheet.
pub fn judge(sheet: &mut Sheet, limits: Takeover, outcome: &Outcome) {
    let ms = |of: &Histogram, q: f64| of.quantile(q).unwrap_or(0) as f64 / 1e6;
    let (plain, takeover) = (ms(&outcome.plain, 0.99), ms(&outcome.takeover, 0.99));
    for (name, of) in [("join", &outcome.plain), ("takeover", &outcome.takeover)] {
        sheet.note(
            &format!("{name} to first event, p50 / p99"),
            format!("{:.2} / {:.2} ms", ms(of, 0.5), ms(of, 0.99)),
        );
    }
    sheet.exactly(
        "takeovers measured",
        outcome.takeover.count(),
        limits.rooms.into(),
    );
    sheet.exactly("pages that were not told", outcome.untold.into(), 0);
    let most = limits.ratio * plain;
    sheet.at_most("takeover to first event, p99", takeover, most, "ms");
}

/// One page.
struct Page {
    socket: TcpStream,
    bytes: Vec<u8>,
}

impl Page {
    fn open(
        address: SocketAddr,
        identity: &Identity,
        room: u32,
        place: u32,
        role: Role,
    ) -> Result<Page> {
        let mut socket = TcpStream::connect_timeout(&address, LIMIT)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(LIMIT))?;
        let token = identity.token(room, place, role)?;
        let request = handshake_request(&address.to_string(), "/ws", &token);
        socket.write_all(request.as_bytes())?;
        let mut page = Page {
            socket,
            bytes: Vec::new(),
        };
        let head = loop {
            page.read()?;
            if let Some(head) = handshake_answer(&page.bytes)? {
                break head;
            }
        };
        page.bytes.drain(..head);
        page.until("connection:success")?;
        Ok(page)
    }

    fn read(&mut self) -> Result<()> {
        let mut chunk = [0; 16 * 1024];
        let read = self.socket.read(&mut chunk)?;
        ensure!(read > 0, "the server closed the connection");
        self.bytes.extend_from_slice(&chunk[..read]);
        Ok(())
    }

    fn send(&mut self, text: &str) -> Result<()> {
        let mut out = Vec::new();
        encode_masked(Opcode::Text, text.as_bytes(), [1, 2, 3, 4], &mut out);
        Ok(self.socket.write_all(&out)?)
    }

    /// Reads until a message holds these words.
    fn until(&mut self, words: &str) -> Result<()> {
        let by = Instant::now() + LIMIT;
        loop {
            while let Some(frame) = next_frame(&self.bytes)? {
                let text = String::from_utf8_lossy(frame.payload).into_owned();
                let (opcode, len) = (frame.opcode, frame.len);
                self.bytes.drain(..len);
                if opcode == Opcode::Text && text.contains(words) {
                    return Ok(());
                }
                if opcode == Opcode::Text && text.contains("\"type\":\"error\"") {
                    bail!("{text}");
                }
            }
            ensure!(Instant::now() < by, "no {words} within {LIMIT:?}");
            self.read()?;
        }
    }

    /// Joins; nanoseconds until the first event.
    fn join(&mut self, session: &str) -> Result<u64> {
        let text = format!(r#"{{"type":"{JOIN}","ref":"join","sessionId":"{session}"}}"#);
        let sent = Instant::now();
        self.send(&text)?;
        self.until("\"type\":\"session:joined\"")?;
        let took = sent.elapsed();
        self.until("\"ref\":\"join\"")?;
        Ok(took.as_nanos() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn holds(takeover_ms: u64, count: u32, untold: u32) -> bool {
        let limits = Limits::load().unwrap();
        let mut outcome = Outcome {
            untold,
            ..Outcome::default()
        };
        for _ in 0..count {
            outcome.plain.record(1_000_000);
            outcome.takeover.record(takeover_ms * 1_000_000);
        }
        let mut sheet = Sheet::new("takeover", limits.method, false);
        judge(&mut sheet, limits.takeover, &outcome);
        sheet.holds()
    }

    #[test]
    fn a_takeover_may_take_twice_a_join_and_whoever_loses_is_told() {
        let rooms = Limits::load().unwrap().takeover.rooms;
        assert!(holds(1, rooms, 0));
        assert!(!holds(3, rooms, 0));
        assert!(!holds(1, rooms - 1, 0));
        assert!(!holds(1, rooms, 1));
    }
}
