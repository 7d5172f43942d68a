//! A client of the plain door over a real socket. One thread reads and answers pings; the test
//! waits for what it wants to see. Everything that came is kept in the order it came.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use protocol::ws::client as wire;
use protocol::ws::{Flow, Limits, Opcode, Packet, Ws, WsIn};
use serde_json::{Value, json};

use super::run::{Run, Taped};
use super::{SOON, token};

/// Masks need not be secret here: they protect proxies, and there is none.
const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
/// The key of every handshake.
pub(crate) const KEY: [u8; 16] = *b"sixteen bytes...";

/// How a connection ended: the close frame's code and reason; none without a close frame.
pub(crate) type Ended = Option<(u16, String)>;

#[derive(Default)]
struct Came {
    /// Not yet taken by a wait.
    fresh: VecDeque<Value>,
    /// All of it.
    all: Vec<Value>,
    ended: Option<Ended>,
}

#[derive(Default)]
struct Shared {
    came: Mutex<Came>,
    changed: Condvar,
    /// The reader stands still after its present read.
    still: Mutex<bool>,
    moved: Condvar,
}

/// A connection.
pub(crate) struct Client {
    socket: TcpStream,
    /// Writing a frame, from the test or as a pong.
    writing: Arc<Mutex<()>>,
    shared: Arc<Shared>,
    /// The server's first words.
    pub(crate) welcome: Value,
    refs: u64,
    taped: Option<Taped>,
}

/// A socket that has been upgraded, and what came behind the answer.
pub(crate) struct Opened {
    pub(crate) socket: TcpStream,
    pub(crate) rest: Vec<u8>,
}

/// Opens `/ws` with these header lines and nothing read behind the answer.
pub(crate) fn open(
    mut socket: TcpStream,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Opened, String> {
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket.set_write_timeout(Some(SOON)).unwrap();
    let host = socket.peer_addr().unwrap().to_string();
    let request = wire::request(&host, path, KEY, headers);
    socket
        .write_all(request.as_bytes())
        .map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = socket.read(&mut chunk).map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("closed during the handshake".to_owned());
        }
        bytes.extend_from_slice(&chunk[..read]);
        match wire::response(&bytes, KEY) {
            Ok(None) => {}
            Ok(Some(upgraded)) => {
                let rest = bytes.split_off(upgraded.head_len);
                return Ok(Opened { socket, rest });
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

impl Client {
    /// Connects with a token and waits for the welcome.
    pub(crate) fn connect(address: SocketAddr, token: &str) -> Self {
        let socket = TcpStream::connect_timeout(&address, SOON).unwrap();
        Self::over(socket, token)
    }

    /// As [`Client::connect`], over a socket the caller made.
    pub(crate) fn over(socket: TcpStream, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        let opened = open(socket, "/ws", &[("Authorization", &bearer)]);
        let mut client = Self::from(opened.expect("the server upgrades"));
        client.welcome = client.expect("connection:success");
        client
    }

    /// As [`Client::join`], with all it says and hears in the run's history.
    pub(crate) fn taped(
        run: &Run,
        address: SocketAddr,
        user: &str,
        role: &str,
        session: &str,
    ) -> Self {
        let token = token::invited(user, role, session);
        let mut client = Self::taped_only(run, address, user, &token);
        client.ask(json!({"type": "session:join", "sessionId": session}));
        client
    }

    /// As [`Client::connect`], with all it says and hears in the run's history.
    pub(crate) fn taped_only(run: &Run, address: SocketAddr, user: &str, token: &str) -> Self {
        let socket = TcpStream::connect_timeout(&address, SOON).unwrap();
        Self::taped_over(run, socket, user, token)
    }

    /// As [`Client::taped_only`], over a socket the caller made.
    pub(crate) fn taped_over(run: &Run, socket: TcpStream, user: &str, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        let opened = open(socket, "/ws", &[("Authorization", &bearer)]);
        let taped = Some(run.opened(user));
        let mut client = Self::reading(opened.expect("the server upgrades"), taped);
        client.welcome = client.expect("connection:success");
        client
    }

    /// Starts to read.
    pub(crate) fn from(opened: Opened) -> Self {
        Self::reading(opened, None)
    }

    fn reading(opened: Opened, taped: Option<Taped>) -> Self {
        let Opened { socket, rest } = opened;
        socket.set_read_timeout(None).unwrap();
        let shared = Arc::new(Shared::default());
        let writing = Arc::new(Mutex::new(()));
        let reader = Reader {
            socket: socket.try_clone().unwrap(),
            writing: Arc::clone(&writing),
            shared: Arc::clone(&shared),
            taped: taped.clone(),
        };
        std::thread::spawn(move || reader.run(rest));
        Self {
            socket,
            writing,
            shared,
            welcome: Value::Null,
            refs: 0,
            taped,
        }
    }

    /// Connects as this member and joins.
    pub(crate) fn join(address: SocketAddr, user: &str, role: &str, session: &str) -> Self {
        let mut client = Self::connect(address, &token::invited(user, role, session));
        client.ask(json!({"type": "session:join", "sessionId": session}));
        client
    }

    /// The key that brings this page back.
    pub(crate) fn resume_key(&self) -> String {
        self.welcome["resumeKey"].as_str().unwrap().to_owned()
    }

    /// Sends bytes as they are. An error means that the server has closed: the end says why.
    pub(crate) fn send_raw(&self, bytes: &[u8]) {
        let _turn = self.writing.lock().unwrap();
        let _ = (&self.socket).write_all(bytes);
    }

    /// Sends a message.
    pub(crate) fn send(&self, message: &Value) {
        if let Some(taped) = &self.taped {
            taped.sent(message);
        }
        self.send_raw(&wire::frame(
            Opcode::Text,
            message.to_string().as_bytes(),
            MASK,
        ));
    }

    /// Sends a binary message.
    pub(crate) fn send_binary(&self, payload: &[u8]) {
        self.send_raw(&wire::frame(Opcode::Binary, payload, MASK));
    }

    /// Sends a request; its `ref`, to wait for.
    pub(crate) fn post(&mut self, mut message: Value) -> u64 {
        self.refs += 1;
        message["ref"] = self.refs.into();
        self.send(&message);
        self.refs
    }

    /// Sends a request and waits for its answer, whatever it is.
    pub(crate) fn request(&mut self, message: Value) -> Value {
        let what = message["type"].to_string();
        let reference = self.post(message);
        self.wait(&format!("an answer to {what}"), SOON, |m| {
            answers(m, reference)
        })
    }

    /// Sends a request that must be answered with `ok`.
    pub(crate) fn ask(&mut self, message: Value) -> Value {
        let shown = message.to_string();
        let answer = self.request(message);
        assert_eq!(answer["type"], "ok", "{shown}: {answer}");
        answer
    }

    /// The next message of this type.
    pub(crate) fn expect(&self, kind: &str) -> Value {
        self.wait(kind, SOON, |message| message["type"] == kind)
    }

    /// The next message that fits; what came before it stays to be waited for.
    pub(crate) fn wait(&self, what: &str, limit: Duration, fits: impl Fn(&Value) -> bool) -> Value {
        let by = Instant::now() + limit;
        let mut came = self.shared.came.lock().unwrap();
        loop {
            if let Some(at) = came.fresh.iter().position(&fits) {
                return came.fresh.remove(at).unwrap();
            }
            let left = by.saturating_duration_since(Instant::now());
            if came.ended.is_some() || left.is_zero() {
                let tail = came.all[came.all.len().saturating_sub(12)..].to_vec();
                let ended = came.ended.clone();
                // The reader goes on.
                drop(came);
                let tail: Vec<String> = tail.iter().map(Value::to_string).collect();
                let tail = tail.join("\n  ");
                panic!("not within {limit:?}: {what}; ended: {ended:?}; last came\n  {tail}");
            }
            came = self.shared.changed.wait_timeout(came, left).unwrap().0;
        }
    }

    /// Reads nothing more, but what the present read brings.
    pub(crate) fn stop_reading(&self) {
        *self.shared.still.lock().unwrap() = true;
    }

    /// Reads again.
    pub(crate) fn read_on(&self) {
        *self.shared.still.lock().unwrap() = false;
        self.shared.moved.notify_all();
    }

    /// Waits for the end of the connection.
    pub(crate) fn ended(&self, limit: Duration) -> Ended {
        let by = Instant::now() + limit;
        let mut came = self.shared.came.lock().unwrap();
        loop {
            if let Some(ended) = &came.ended {
                return ended.clone();
            }
            let left = by.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "the connection did not end within {limit:?}"
            );
            came = self.shared.changed.wait_timeout(came, left).unwrap().0;
        }
    }

    /// Whether the connection is over.
    pub(crate) fn is_over(&self) -> bool {
        self.shared.came.lock().unwrap().ended.is_some()
    }

    /// Everything that came so far.
    pub(crate) fn all(&self) -> Vec<Value> {
        self.shared.came.lock().unwrap().all.clone()
    }

    /// Takes everything nobody has waited for.
    pub(crate) fn drain(&self) -> Vec<Value> {
        self.shared.came.lock().unwrap().fresh.drain(..).collect()
    }

    /// Durable events that are stored, by their place: what a client may rely on.
    pub(crate) fn stored(&self) -> Vec<Value> {
        let all = self.all().into_iter();
        all.filter(|m| m["seq"].is_u64() && m["prev"].is_u64() && m["provisional"] != true)
            .collect()
    }

    /// The place of the last stored event it has seen, 0 before the first.
    pub(crate) fn position(&self) -> u64 {
        let seqs = self.stored().into_iter();
        seqs.filter_map(|event| event["seq"].as_u64())
            .max()
            .unwrap_or(0)
    }

    /// A round trip: everything the server had said before it has come now.
    pub(crate) fn settle(&mut self) {
        let reference = self.post(json!({"type": "ping"}));
        self.wait("a pong", SOON, |m| {
            m["type"] == "pong" && m["ref"] == reference
        });
    }
}

/// Whether this is the answer to the request with that `ref`.
pub(crate) fn answers(message: &Value, reference: u64) -> bool {
    message["ref"] == reference && (message["type"] == "ok" || message["type"] == "error")
}

impl Drop for Client {
    fn drop(&mut self) {
        self.read_on();
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

struct Reader {
    socket: TcpStream,
    writing: Arc<Mutex<()>>,
    shared: Arc<Shared>,
    taped: Option<Taped>,
}

impl Reader {
    fn run(mut self, mut rest: Vec<u8>) {
        let limits = Limits {
            frame_bytes_max: 8 << 20,
            message_bytes_max: 8 << 20,
            ..Limits::default()
        };
        let mut ws = Ws::for_client(limits);
        let mut ended = None;
        let mut buffer = vec![0; 64 * 1024];
        let mut open = self.take_in(&mut ws, &mut rest, &mut ended);
        while open {
            let read = self.socket.read(&mut buffer).unwrap_or(0);
            let still = self.shared.still.lock().unwrap();
            drop(self.shared.moved.wait_while(still, |still| *still).unwrap());
            open = read > 0 && self.take_in(&mut ws, &mut buffer[..read], &mut ended);
        }
        if let Some(taped) = &self.taped {
            taped.closed(ended.as_ref().map(|(code, _)| *code));
        }
        let mut came = self.shared.came.lock().unwrap();
        came.ended = Some(ended);
        self.shared.changed.notify_all();
    }

    /// Deals with bytes; false when nothing more will come.
    fn take_in(&self, ws: &mut Ws, bytes: &mut [u8], ended: &mut Ended) -> bool {
        let mut on = |event: WsIn<'_>| {
            match event {
                WsIn::Packet(Packet::Text(text)) => {
                    self.came(serde_json::from_str(text).expect("the server speaks JSON"));
                }
                WsIn::Packet(Packet::Binary(bytes)) => {
                    self.came(json!({"type": "binary", "bytes": bytes.len()}));
                }
                WsIn::Ping(payload) => self.write(&wire::frame(Opcode::Pong, payload, MASK)),
                WsIn::Pong => {}
                WsIn::Close { code, reason } => {
                    *ended = Some((code.unwrap_or(1005), reason.to_owned()));
                    self.write(&wire::close(code.unwrap_or(1000), "", MASK));
                    let _ = self.socket.shutdown(Shutdown::Write);
                    return Flow::Stop;
                }
            }
            Flow::Continue
        };
        let result = ws.receive(0, bytes, &mut on);
        result.expect("the server keeps to the protocol");
        ended.is_none()
    }

    fn came(&self, message: Value) {
        if let Some(taped) = &self.taped {
            taped.came(&message);
        }
        let mut came = self.shared.came.lock().unwrap();
        came.all.push(message.clone());
        came.fresh.push_back(message);
        self.shared.changed.notify_all();
    }

    fn write(&self, frame: &[u8]) {
        let _turn = self.writing.lock().unwrap();
        let _ = (&self.socket).write_all(frame);
    }
}
