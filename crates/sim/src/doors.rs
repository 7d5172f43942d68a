//! Between pages and engine: the doors' own machines, one a connection, half of them each door's.
//! Requests go through as text and are read by the machine; what goes down is written by the door's
//! dialect; heartbeats are the machine's, and so is who finds out that a line is dead.

use std::fmt::Write as _;
use std::sync::Arc;

use protocol::client::{ClientMessage, ReplyKey, ReplyTo, Request, Resume};
use protocol::close::{CloseCode, ComeBack};
use protocol::dialect::{self, Dialect};
use protocol::door::{Out, Up};
use protocol::id::ConnectionId;
use protocol::limits::Limits;
use protocol::outbox::Frame;
use protocol::server::{Reply, ServerMessage};
use protocol::time::Mono;
use protocol::{plain, socketio};

use crate::path::Path;
use crate::polls::posted;
use crate::world::{Happening, World};

/// A connection's door.
#[derive(Debug)]
pub(crate) enum Door {
    Plain(Box<plain::Machine>),
    SocketIo(Box<socketio::Machine>),
}

impl Door {
    /// The door a connection comes through, open: its token was good.
    pub(crate) fn new(conn: u64, now: u64) -> Self {
        let (id, now) = (ConnectionId(conn), Mono(now));
        let limits = Arc::new(Limits::default());
        if conn.is_multiple_of(2) {
            let mut machine = plain::Machine::new(limits, now);
            machine.open(now, id);
            return Self::Plain(Box::new(machine));
        }
        let mut machine = socketio::Machine::new(limits, now, id, true);
        let connect = "40/interview,{\"token\":\"t\"}";
        machine.receive_text(now, connect, &mut |_| {}, &mut Vec::new());
        machine.open(id, &mut Vec::new());
        Self::SocketIo(Box::new(machine))
    }

    fn dialect(&self) -> Dialect {
        match self {
            Self::Plain(_) => Dialect::Plain,
            Self::SocketIo(machine) => machine.dialect(),
        }
    }

    fn receive(&mut self, now: Mono, text: &str, out: &mut Vec<Out>) -> Vec<Request> {
        let mut requests = Vec::new();
        let mut up = |up: Up<'_>| {
            if let Up::Message(request) = up {
                requests.push(request);
            }
        };
        match self {
            Self::Plain(machine) => machine.receive_text(now, text, &mut up, out),
            Self::SocketIo(machine) => machine.receive_text(now, text, &mut up, out),
        }
        requests
    }

    /// The answer to a ping.
    fn pong(&mut self, now: Mono) {
        match self {
            Self::Plain(machine) => machine.alive(),
            Self::SocketIo(machine) => {
                machine.receive_text(now, "3", &mut |_| {}, &mut Vec::new());
            }
        }
    }

    fn beat(&mut self, now: Mono) -> (Vec<Out>, Option<Mono>) {
        let mut out = Vec::new();
        match self {
            Self::Plain(machine) => machine.handle_timeout(now, &mut out),
            Self::SocketIo(machine) => machine.handle_timeout(now, &mut out),
        }
        (out, self.poll_timeout())
    }

    fn poll_timeout(&self) -> Option<Mono> {
        match self {
            Self::Plain(machine) => machine.poll_timeout(),
            Self::SocketIo(machine) => machine.poll_timeout(),
        }
    }

    /// A request as a page of this door writes it.
    fn write(&self, session: &str, request: &Written<'_>) -> String {
        let object = request.object(session, matches!(self, Self::Plain(_)));
        match self {
            Self::Plain(_) => object,
            Self::SocketIo(_) => {
                let (number, event) = (request.number, request.message.event());
                format!("42/interview,{number}[\"{event}\",{object}]")
            }
        }
    }
}

/// A request about to be written.
struct Written<'a> {
    message: &'a ClientMessage,
    number: u32,
    id: Option<&'a str>,
}

impl Written<'_> {
    fn object(&self, session: &str, with_ref: bool) -> String {
        let event = self.message.event();
        let mut text = format!("{{\"type\":\"{event}\",\"sessionId\":\"{session}\"");
        if with_ref {
            put(&mut text, format_args!("ref\":{}", self.number));
        }
        if let Some(id) = self.id {
            put(&mut text, format_args!("id\":\"{id}\""));
        }
        self.fields(&mut text);
        text.push('}');
        text
    }

    fn fields(&self, text: &mut String) {
        match self.message {
            ClientMessage::Join {
                resume: Some(Resume { key, epoch, seq }),
            } => put(
                text,
                format_args!(
                    "resume\":{{\"key\":\"{:032x}\",\"epoch\":{},\"seq\":{}}}",
                    key.0, epoch.0, seq.0
                ),
            ),
            ClientMessage::Start { plan, questions } => {
                if let Some(plan) = plan {
                    put(text, format_args!("planId\":\"{plan}\""));
                }
                for (n, question) in questions.iter().flatten().enumerate() {
                    let (id, says, limit) = (&question.id, &question.text, question.limit_ms);
                    let start = if n == 0 { ",\"questions\":[" } else { "," };
                    let _ = write!(
                        text,
                        "{start}{{\"id\":\"{id}\",\"text\":\"{says}\",\"limitMs\":{limit}}}"
                    );
                }
                if questions.is_some() {
                    text.push(']');
                }
            }
            ClientMessage::AnswerDone { question, skip } => {
                if let Some(question) = question {
                    put(text, format_args!("questionId\":\"{question}\""));
                }
                put(text, format_args!("skip\":{skip}"));
            }
            ClientMessage::AnswerText {
                question,
                text: says,
            } => {
                if let Some(question) = question {
                    put(text, format_args!("questionId\":\"{question}\""));
                }
                put(text, format_args!("text\":\"{says}\""));
            }
            ClientMessage::SetStatus(status) => put(text, format_args!("status\":\"{status}\"")),
            ClientMessage::Visibility(state) => {
                put(text, format_args!("state\":\"{}\"", state.as_str()));
            }
            ClientMessage::Consent {
                version: Some(version),
                ..
            } => put(text, format_args!("version\":\"{version}\"")),
            // Four bytes of silence.
            ClientMessage::Transcribe(_) => put(
                text,
                format_args!("audioData\":\"AAAAAA==\",\"format\":\"pcm16\",\"sampleRate\":16000"),
            ),
            _ => {}
        }
    }
}

/// Adds `,"` and the rest of a field.
fn put(text: &mut String, field: std::fmt::Arguments<'_>) {
    let _ = write!(text, ",\"{field}");
}

impl World {
    /// Hands a request to the connection's door as text and returns what the door made of it.
    pub(crate) fn through_the_door(
        &mut self,
        conn: u64,
        (room, number): (usize, u32),
        (message, id): (&ClientMessage, Option<&str>),
    ) -> Option<Request> {
        let now = Mono(self.now);
        let session = Arc::clone(&self.names[room]);
        let line = self.conns.get_mut(&conn)?;
        let written = Written {
            message,
            number,
            id,
        };
        let text = line.door.write(&session, &written);
        let mut out = Vec::new();
        let polls = line.polled.is_some();
        let packet = if polls { posted(&text) } else { Some(&*text) };
        let mut requests = match packet {
            Some(packet) => line.door.receive(now, packet, &mut out),
            None => Vec::new(),
        };
        let way = match line.door {
            Door::Plain(_) => Path::ThroughPlain,
            Door::SocketIo(_) if polls => Path::ThroughPolling,
            Door::SocketIo(_) => Path::ThroughSocketIo,
        };
        self.took(way);
        let request = requests.pop();
        let same = request.as_ref().is_some_and(|request| {
            let audio = matches!(message, ClientMessage::Transcribe(_));
            let named = request.session.as_ref().map(|session| session.as_str());
            (audio || request.message == *message)
                && named == Some(&*session)
                && request.id.as_deref() == id
        });
        if !same || !requests.is_empty() || !out.is_empty() {
            self.violate(|| format!("a door makes {request:?} and {out:?} of {text}"));
            return None;
        }
        request
    }

    /// A word is written for the connection's door; what it says must be in it.
    pub(crate) fn write_word(&mut self, conn: u64, message: &ServerMessage) {
        let wall = self.wall();
        let Some(line) = self.conns.get(&conn) else {
            return;
        };
        let dialect = line.door.dialect();
        let frame = dialect::encode(dialect, message, wall);
        let right = match message {
            ServerMessage::Event(event) => {
                let place = format!("\"seq\":{},\"prev\":{}", event.seq.0, event.prev.0);
                holds(&frame, &place) && holds(&frame, "\"provisional\":true") == event.provisional
            }
            _ => holds(&frame, "{\"type\":\""),
        };
        if !right {
            self.violate(|| format!("a door writes {frame:?} for {message:?}"));
        }
        self.poll_later(conn, Frame::event(frame), false);
    }

    /// An answer is written for the connection's door.
    pub(crate) fn write_answer(&mut self, to: &ReplyTo, reply: &Reply) {
        let Some(line) = self.conns.get(&to.conn.0) else {
            return;
        };
        let dialect = line.door.dialect();
        let ReplyKey::Ref(number) = &to.key else {
            return;
        };
        let frame = dialect::encode_reply(dialect, &to.key, reply);
        let addressed = match dialect {
            Dialect::Plain => format!("\"ref\":{number}"),
            _ => format!("43/interview,{number}["),
        };
        match frame {
            Some(frame) if holds(&frame, &addressed) => {
                self.poll_later(to.conn.0, Frame::event(frame), false)
            }
            frame => self.violate(|| format!("a door writes {frame:?} for {reply:?} to {number}")),
        }
    }

    /// The end of a connection is written: only who must stay away is told so by the protocol.
    pub(crate) fn write_close(&mut self, conn: u64, code: CloseCode) {
        let Some(line) = self.conns.get(&conn) else {
            return;
        };
        let dialect = line.door.dialect();
        let frame = dialect::encode_close(dialect, code.number(), code.reason());
        let away = code.come_back() == ComeBack::No;
        let right = dialect == Dialect::Plain || holds(&frame, "41/interview,") == away;
        if !right || frame.is_empty() {
            self.violate(|| format!("a door closes with {frame:?} for {code:?}"));
        }
        self.poll_later(conn, Frame::control(frame), true);
    }

    /// When the connection's door wants to be looked at next.
    pub(crate) fn beat_later(&mut self, conn: u64) {
        let now = self.now;
        let next = { self.conns.get(&conn) }.and_then(|line| line.door.poll_timeout());
        if let Some(at) = next {
            self.later(at.0.saturating_sub(now).max(1), Happening::Beat(conn));
        }
    }

    /// The connection's door does what is due: it pings, or finds that nobody is there.
    pub(crate) fn beat(&mut self, conn: u64) {
        let now = Mono(self.now);
        let Some(line) = self.conns.get_mut(&conn).filter(|line| line.open) else {
            return;
        };
        let (out, _) = line.door.beat(now);
        let answers = line.heard && !line.wire.up_cut;
        let way_ms = (line.wire.up_ms + line.wire.down_ms) / 2;
        for out in out {
            match out {
                Out::Ping(_) if answers => self.later(way_ms, Happening::Pong(conn)),
                Out::Close(CloseCode::HeartbeatMissed) => {
                    if answers {
                        self.violate(|| format!("c{conn} is blamed for a silence it did not keep"));
                    }
                    self.took(Path::HeartbeatMissed);
                    self.note(|_| format!("c{conn} missed its heartbeat"));
                    return self.socket_gone(conn);
                }
                _ => {}
            }
        }
        self.beat_later(conn);
    }

    /// A page's answer to a ping arrives.
    pub(crate) fn pong(&mut self, conn: u64) {
        let now = Mono(self.now);
        if let Some(line) = self.conns.get_mut(&conn)
            && line.open
            && !line.wire.up_cut
        {
            line.door.pong(now);
            self.took(Path::PingAnswered);
        }
    }
}

/// Whether bytes hold a text.
fn holds(bytes: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    bytes.windows(text.len()).any(|part| part == text)
}
