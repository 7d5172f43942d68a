//! A server and a raw client for tests. The client blocks and has a deadline on every read.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::auth::{AuthSettings, Claims, Verifier};
use api::guard::Guard;
use api::identity::TokenRole;
use protocol::id::UserId;
use protocol::value::Role;
use protocol::ws::{Flow, Limits, Opcode, Packet, Ws, WsIn, client};
use serde_json::{Value, json};
use server::driver::server::{Running, Server, Settings, SpeechSetup};
use speech::scripted::{Line, ScriptedRecognizer};
use tempfile::TempDir;

pub const SECRET: &str = "a secret for tests that is long enough";
/// Nothing in a test takes longer.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn verifier() -> Arc<Verifier> {
    Arc::new(Verifier::new(AuthSettings::with_secret(SECRET)))
}

pub fn now() -> protocol::time::Wall {
    server::core::clock::Clock::start().wall()
}

pub fn token(user: &str, role: Role) -> String {
    let claims = Claims {
        role: Some(TokenRole::Session(role)),
        ..Claims::of(UserId::parse(user).unwrap())
    };
    verifier().issue(&claims, now()).unwrap()
}

/// A token that is an invitation to one session.
pub fn invitation(user: &str, role: Role, session: &str) -> String {
    let claims = Claims {
        role: Some(TokenRole::Session(role)),
        session: Some(protocol::id::SessionId::parse(session).unwrap()),
        ..Claims::of(UserId::parse(user).unwrap())
    };
    verifier().issue(&claims, now()).unwrap()
}

pub fn admin() -> String {
    let claims = Claims {
        role: Some(TokenRole::Admin),
        ..Claims::of(UserId::parse("root").unwrap())
    };
    verifier().issue(&claims, now()).unwrap()
}

pub struct TestServer {
    pub running: Option<Running>,
    pub dir: TempDir,
}

impl TestServer {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let running = Self::start_in(dir.path(), change);
        Self {
            running: Some(running),
            dir,
        }
    }

    pub fn start_in(dir: &std::path::Path, change: impl FnOnce(&mut Settings)) -> Running {
        let verifier = verifier();
        let guard = Arc::new(Guard::new(Arc::clone(&verifier)));
        let of_router = Arc::clone(&guard);
        let router = Box::new(move |parts: server::driver::server::RouterParts| {
            api::router::build(api::router::Api {
                handle: parts.handle,
                records: parts.records,
                office: parts.office,
                verifier,
                guard: of_router,
                origins: api::cors::Origins::new(["http://localhost:3000"]),
                plans: parts.plans,
                clock: now,
                new_id: server::run::letters::<26>,
            })
        });
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), dir, guard, router);
        settings.io_threads = 2;
        settings.engine.create_on_join = true;
        settings.drain_window = Duration::from_millis(50);
        change(&mut settings);
        Server::start(settings).unwrap()
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub fn addr(&self) -> SocketAddr {
        self.running().addr()
    }

    pub fn client(&self, user: &str, role: Role) -> Client {
        let token = token(user, role);
        let mut client = Client::open(self.addr(), &format!("/ws?token={token}"), &[]);
        client.expect("connection:success");
        client
    }

    /// Waits until everything that lives only in memory is gone.
    pub fn wait_until_empty(&self) {
        wait_for("an empty server", || {
            let gauges = self.running().core().gauges();
            gauges == server::core::Gauges::default()
        });
    }
}

/// A recognizer that says one word a third of a second.
pub fn scripted() -> SpeechSetup {
    SpeechSetup {
        config: speech::SpeechConfig {
            decoders: 1,
            ..speech::SpeechConfig::default()
        },
        factory: ScriptedRecognizer::factory([Line::Count(300)]),
    }
}

pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let by = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < by, "no {what} within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Got {
    Json(Value),
    /// Text that is no JSON: a packet of the other door.
    Word(String),
    Binary(Vec<u8>),
    Ping,
    Pong,
    Close(u16, String),
    End,
}

pub struct Client {
    pub stream: TcpStream,
    ws: Ws,
    got: VecDeque<Got>,

    answer_pings: bool,
}

/// An HTTP answer that was no upgrade.
#[derive(Debug)]
pub struct Refused {
    pub status: u16,
    pub body: String,
}

impl Client {
    pub fn open(addr: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        Self::try_open(addr, path, headers).unwrap()
    }

    pub fn try_open(
        addr: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Refused> {
        let request = client::request(&addr.to_string(), path, [7; 16], headers);
        Self::raw(addr, request.as_bytes())
    }

    /// Sends these bytes as the request's head.
    pub fn raw(addr: SocketAddr, request: &[u8]) -> Result<Self, Refused> {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request).unwrap();
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            match client::response(&bytes, [7; 16]) {
                Ok(Some(upgraded)) => {
                    let limits = Limits {
                        frame_bytes_max: 4 << 20,
                        message_bytes_max: 4 << 20,
                        ..Limits::default()
                    };
                    let mut client = Self {
                        stream,
                        ws: Ws::for_client(limits),
                        got: VecDeque::new(),

                        answer_pings: true,
                    };
                    let mut rest = bytes.split_off(upgraded.head_len);
                    client.take_in(&mut rest);
                    return Ok(client);
                }
                Ok(None) => {}
                Err(_) => break,
            }
            let read = stream.read(&mut chunk).unwrap();
            bytes.extend_from_slice(&chunk[..read]);
            if read == 0 {
                break;
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let status = text(&bytes)
            .get(9..12)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0);
        stream
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        while let Ok(read @ 1..) = stream.read(&mut chunk) {
            bytes.extend_from_slice(&chunk[..read]);
        }
        let all = text(&bytes);
        let body = all.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        Err(Refused {
            status,
            body: body.unwrap_or_default(),
        })
    }

    fn take_in(&mut self, bytes: &mut [u8]) {
        let got = &mut self.got;
        let mut pings = 0;
        self.ws
            .receive(0, bytes, &mut |event| {
                got.push_back(match event {
                    WsIn::Packet(Packet::Text(text)) => match serde_json::from_str(text) {
                        Ok(message @ Value::Object(_)) => Got::Json(message),
                        _ => Got::Word(text.to_owned()),
                    },
                    WsIn::Packet(Packet::Binary(bytes)) => Got::Binary(bytes.to_vec()),
                    WsIn::Ping(_) => {
                        pings += 1;
                        Got::Ping
                    }
                    WsIn::Pong => Got::Pong,
                    WsIn::Close { code, reason } => {
                        Got::Close(code.unwrap_or(1005), reason.to_owned())
                    }
                });
                Flow::Continue
            })
            .unwrap();
        for _ in 0..pings {
            if self.answer_pings {
                self.frame(Opcode::Pong, b"");
            }
        }
    }

    pub fn ignore_pings(&mut self) {
        self.answer_pings = false;
    }

    pub fn frame(&mut self, opcode: Opcode, payload: &[u8]) {
        let frame = client::frame(opcode, payload, [1, 2, 3, 4]);
        self.bytes(&frame);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        // The server may have closed already; what it said is read afterwards.
        let _ = self.stream.write_all(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.frame(Opcode::Text, text.as_bytes());
    }

    pub fn send(&mut self, message: Value) {
        self.text(&message.to_string());
    }

    /// The next thing that comes.
    pub fn next(&mut self) -> Got {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if let Some(got) = self.got.pop_front() {
                as_described(&got);
                return got;
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Got::End,
                Ok(read) => self.take_in(&mut buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    panic!("nothing came within {PATIENCE:?}")
                }
                Err(_) => return Got::End,
            }
        }
    }

    /// The next message.
    pub fn json(&mut self) -> Value {
        loop {
            match self.next() {
                Got::Json(value) => return value,
                Got::Ping | Got::Pong | Got::Binary(_) => {}
                other => panic!("a message was expected, not {other:?}"),
            }
        }
    }

    /// The next text, which is no JSON.
    pub fn word(&mut self) -> String {
        match self.next() {
            Got::Word(word) => word,
            other => panic!("a word was expected, not {other:?}"),
        }
    }

    /// The next message of this type; others before it are passed over.
    pub fn expect(&mut self, event: &str) -> Value {
        let mut seen = Vec::new();
        loop {
            match self.next() {
                Got::Json(value) if value["type"] == event => return value,
                Got::Json(value) => seen.push(value),
                Got::Ping | Got::Pong | Got::Binary(_) => {}
                other => panic!("{event} was expected, not {other:?}, after {seen:#?}"),
            }
        }
    }

    /// Sends a request with a `ref` and returns its answer.
    pub fn ask(&mut self, mut message: Value) -> Value {
        message["ref"] = json!("r");
        self.send(message);
        let mut passed = VecDeque::new();
        loop {
            match self.next() {
                Got::Json(value) if value["ref"] == "r" => {
                    passed.append(&mut self.got);
                    self.got = passed;
                    return value;
                }
                got @ (Got::Close(..) | Got::End) => panic!("an answer was expected, not {got:?}"),
                got => passed.push_back(got),
            }
        }
    }

    pub fn join(&mut self, session: &str) -> Value {
        let answer = self.ask(json!({"type": "session:join", "sessionId": session}));
        assert_eq!(answer["type"], "ok", "{answer}");
        self.expect("session:joined")
    }

    /// Reads up to the close frame; returns its code and word.
    pub fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next() {
                Got::Close(code, reason) => return (code, reason),
                Got::End => panic!("the socket ended without a close frame"),
                _ => {}
            }
        }
    }

    /// Whatever comes until the end of the socket.
    pub fn rest(&mut self) -> Vec<Got> {
        let mut all = Vec::new();
        loop {
            match self.next() {
                Got::End => return all,
                got => all.push(got),
            }
        }
    }
}

/// One HTTP request; returns status and body.
pub fn http(addr: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status: u16 = answer[9..12].parse().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let path = path.split('?').next().unwrap();
    let media = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-type").then_some(value)
    });
    // The web app's files are no part of the API.
    if ["/api/", "/reports/", "/healthz", "/readyz", "/metrics"]
        .iter()
        .any(|p| path.starts_with(p))
    {
        let checked = api::describe::check_answer(
            &api::router::routes(),
            &method.parse().unwrap(),
            path,
            status.try_into().unwrap(),
            media,
            body.as_bytes(),
        );
        if let Err(mismatch) = checked {
            panic!("{mismatch}: {body}");
        }
    }
    (status, body.to_owned())
}

/// Everything a server says in any of these tests is in the contract.
fn as_described(got: &Got) {
    if let Got::Json(message) = got
        && let Err(mismatch) = protocol::contract::check_server(message)
    {
        panic!("{mismatch} in {message}");
    }
}
