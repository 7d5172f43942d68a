//! What came back, and whether it is what was promised.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use protocol::ws::client as wire;
use serde_json::{Value, json};

use crate::harness::SOON;
use crate::harness::client::{self, Client, Ended, KEY, Opened};
use crate::input::Names;

/// What a row promises.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Promise {
    /// An HTTP answer with this status and, unless empty, this `code` in its body.
    Http(u16, &'static str),
    /// `connection:error` with this code, then this close code.
    Refused(&'static str, u16),
    /// This close code, and no word before it.
    Closed(u16),
    /// The reply to `ref` "r" is an error with this code; the connection stays.
    Answered(&'static str),
    /// This event with this code; the connection stays.
    Told(&'static str, &'static str),
}

/// What happened.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The HTTP answer, if it was no upgrade: status and `code`.
    http: Option<(u16, String)>,
    /// What the server said, without its welcome and without what the row did not ask for.
    said: Vec<Value>,
    /// How the connection ended; none: it still answers.
    ended: Option<Ended>,
}

impl Promise {
    /// Whether the connection is to end.
    fn closes(&self) -> bool {
        matches!(self, Self::Refused(..) | Self::Closed(_))
    }

    /// Whether exactly this happened.
    pub(crate) fn holds(&self, outcome: &Outcome) -> bool {
        let Outcome { http, said, ended } = outcome;
        match *self {
            Self::Http(status, code) => {
                let fits = |(got, word): &(u16, String)| {
                    *got == status && (code.is_empty() || word == code)
                };
                http.as_ref().is_some_and(fits)
            }
            Self::Refused(code, close) => {
                matches!(&said[..], [only] if only["type"] == "connection:error" && is_error(only, code))
                    && is_close(ended, close)
            }
            Self::Closed(close) => said.is_empty() && is_close(ended, close),
            Self::Answered(code) => {
                let fits = |m: &Value| m["type"] == "error" && m["ref"] == "r" && is_error(m, code);
                ended.is_none() && matches!(&said[..], [only] if fits(only))
            }
            Self::Told(event, code) => {
                let fits =
                    |m: &Value| m["type"] == event && m["ref"].is_null() && is_error(m, code);
                ended.is_none() && matches!(&said[..], [only] if fits(only))
            }
        }
    }
}

/// A stable code and a sentence.
fn is_error(message: &Value, code: &str) -> bool {
    message["code"] == code
        && message["message"]
            .as_str()
            .is_some_and(|words| !words.is_empty())
}

fn is_close(ended: &Option<Ended>, close: u16) -> bool {
    matches!(ended, Some(Some((code, _))) if *code == close)
}

/// Sends bytes on a fresh socket: an HTTP answer, or a connection that is refused.
pub(crate) fn of_request(mut socket: TcpStream, bytes: &[u8]) -> Outcome {
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket.set_write_timeout(Some(SOON)).unwrap();
    // A server that refuses early may close before all is sent.
    let _ = socket.write_all(bytes);
    let mut came = Vec::new();
    let head = loop {
        // An answer to HTTP/1.0 says so; all else about it is the same.
        if came.starts_with(b"HTTP/1.0 ") {
            came[7] = b'1';
        }
        match wire::response(&came, KEY) {
            Ok(None) => {}
            Ok(Some(upgraded)) => break Ok(upgraded.head_len),
            Err(error) => break Err(error),
        }
        let mut chunk = [0; 4096];
        match socket.read(&mut chunk) {
            Ok(read) if read > 0 => came.extend_from_slice(&chunk[..read]),
            _ => {
                return Outcome {
                    http: None,
                    said: Vec::new(),
                    ended: Some(None),
                };
            }
        }
    };
    match head {
        Ok(head_len) => {
            let rest = came.split_off(head_len);
            let client = Client::from(Opened { socket, rest });
            let ended = Some(client.ended(SOON));
            Outcome {
                http: None,
                said: client.all(),
                ended,
            }
        }
        Err(wire::ResponseError::Status { status, head_len }) => {
            let code = code_of_body(&mut socket, came, head_len);
            Outcome {
                http: Some((status, code)),
                said: Vec::new(),
                ended: None,
            }
        }
        Err(error) => {
            let said = vec![
                json!(error.to_string()),
                json!(String::from_utf8_lossy(&came)),
            ];
            Outcome {
                http: None,
                said,
                ended: None,
            }
        }
    }
}

/// The `code` of a JSON body; empty if there is none.
fn code_of_body(socket: &mut TcpStream, mut came: Vec<u8>, head_len: usize) -> String {
    let head = String::from_utf8_lossy(&came[..head_len]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    let mut chunk = [0; 4096];
    while came.len() < head_len + length {
        match socket.read(&mut chunk) {
            Ok(read) if read > 0 => came.extend_from_slice(&chunk[..read]),
            _ => break,
        }
    }
    let body: Value = serde_json::from_slice(&came[head_len..]).unwrap_or_default();
    body["code"].as_str().unwrap_or_default().to_owned()
}

/// An upgraded connection on which a row is about to be sent.
pub(crate) struct Talk(pub(crate) Client);

impl Talk {
    /// Nobody yet. From a page on the list, as browsers that send their token first thing.
    pub(crate) fn unknown(socket: TcpStream, _: &Names) -> Self {
        let origin = [("Origin", "http://localhost:3000")];
        client::open(socket, "/ws", &origin)
            .expect("the server upgrades")
            .into()
    }

    /// Authenticated, in no session.
    pub(crate) fn known(socket: TcpStream, names: &Names) -> Self {
        Self(Client::over(socket, &names.token))
    }

    /// A candidate alone in a session of their own.
    pub(crate) fn joined(socket: TcpStream, names: &Names) -> Self {
        let mut talk = Self::known(socket, names);
        talk.0
            .ask(json!({"type": "session:join", "sessionId": names.session}));
        talk.0.drain();
        talk
    }

    /// The same, in a running interview.
    pub(crate) fn started(socket: TcpStream, names: &Names) -> Self {
        let mut talk = Self::joined(socket, names);
        talk.0
            .ask(json!({"type": "interview:start", "questions": []}));
        talk.0.settle();
        talk.0.drain();
        talk
    }
}

/// How long a connection that does not answer may take to end.
const DECIDED: Duration = Duration::from_secs(5);

/// Sends bytes on an upgraded connection. If the row promises that it stays, it must answer a
/// ping afterwards; else it is left alone until it ends.
pub(crate) fn of_talk(talk: Talk, bytes: &[u8], promise: Promise) -> Outcome {
    let client = talk.0;
    client.send_raw(bytes);
    if !promise.closes() {
        client.send(&json!({"type": "ping", "ref": "alive"}));
    }
    let by = Instant::now() + DECIDED;
    let mut said = Vec::new();
    let mut ended = None;
    let mut alive = false;
    // What is looked up first may be answered after the ping that was sent behind it.
    let waits = matches!(promise, Promise::Answered(_));
    while (!alive || (waits && said.is_empty())) && ended.is_none() && Instant::now() < by {
        ended = client.is_over().then(|| client.ended(SOON));
        for message in client.drain() {
            match message["ref"] == "alive" {
                true => alive = true,
                false => said.push(message),
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    if !alive && ended.is_none() {
        said.push(json!("neither an answer nor an end"));
    }
    Outcome {
        http: None,
        said,
        ended,
    }
}
