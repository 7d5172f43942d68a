//! The Socket.IO door on raw sockets: its carriers, their limits, and that it gives the engine what
//! the plain door gives. What the official clients make of it is in `tests/clients`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use engine::Input;
use protocol::value::Role;
use serde_json::{Value, json};

use crate::support::{Client, Got, PATIENCE, TestServer, invitation, token, wait_for};

const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";
const POLLING: &str = "/socket.io/?EIO=4&transport=polling";
const ORIGIN: &str = "http://localhost:3000";

/// The next packet, heartbeats aside.
fn packet(client: &mut Client) -> String {
    loop {
        match client.next() {
            Got::Word(text) if text == "2" => client.text("3"),
            Got::Word(text) => return text,
            other => panic!("a packet was expected, not {other:?}"),
        }
    }
}

/// The next packet that begins so.
fn expect(client: &mut Client, start: &str) -> String {
    loop {
        let text = packet(client);
        if text.starts_with(start) {
            return text;
        }
    }
}

fn connect(addr: SocketAddr, token: &str) -> Client {
    let mut client = Client::open(addr, WEBSOCKET, &[]);
    assert!(packet(&mut client).starts_with("0{"));
    client.text(&format!("40/interview,{{\"token\":\"{token}\"}}"));
    assert!(packet(&mut client).starts_with("40/interview,{\"sid\":\"c"));
    assert!(packet(&mut client).starts_with("42/interview,[\"connection:success\","));
    client
}

/// Sends an event with an acknowledgement and returns what that carries.
fn ask(client: &mut Client, ack: u32, event: &str, fields: &Value) -> Value {
    client.text(&format!("42/interview,{ack}[\"{event}\",{fields}]"));
    let start = format!("43/interview,{ack}");
    let text = expect(client, &format!("{start}["));
    let array = text.strip_prefix(&start).unwrap();
    serde_json::from_str::<Value>(array).unwrap()[0].clone()
}

/// A polling client: each request on a socket of its own.
struct Poller {
    addr: SocketAddr,
    sid: String,
}

impl Poller {
    fn open(addr: SocketAddr) -> Self {
        let (status, _, body) = exchange(addr, "GET", POLLING, "", "");
        assert_eq!(status, 200, "{body}");
        let opening: Value = serde_json::from_str(body.strip_prefix('0').unwrap()).unwrap();
        assert_eq!(opening["upgrades"], json!(["websocket"]));
        assert_eq!(opening["pingInterval"], 25_000);
        assert_eq!(opening["pingTimeout"], 20_000);
        assert_eq!(opening["maxPayload"], 256 * 1024);
        Self {
            addr,
            sid: opening["sid"].as_str().unwrap().to_owned(),
        }
    }

    fn path(&self) -> String {
        format!("{POLLING}&sid={}", self.sid)
    }

    fn get(&self) -> (u16, String) {
        let (status, _, body) = exchange(self.addr, "GET", &self.path(), "", "");
        (status, body)
    }

    fn post(&self, body: &str) -> (u16, String) {
        let (status, _, body) = exchange(self.addr, "POST", &self.path(), "", body);
        (status, body)
    }

    /// Fetches until a packet begins so.
    fn expect(&self, start: &str) -> String {
        loop {
            let (status, body) = self.get();
            assert_eq!(status, 200, "{body}");
            if let Some(found) = body.split('\u{1e}').find(|p| p.starts_with(start)) {
                return found.to_owned();
            }
        }
    }

    fn connect(addr: SocketAddr, token: &str) -> Self {
        let poller = Self::open(addr);
        let connect = format!("40/interview,{{\"token\":\"{token}\"}}");
        assert_eq!(poller.post(&connect), (200, "ok".to_owned()));
        poller.expect("42/interview,[\"connection:success\",");
        poller
    }

    fn join(&self, session: &str) {
        let event = format!("42/interview,0[\"session:join\",{{\"sessionId\":\"{session}\"}}]");
        assert_eq!(self.post(&event), (200, "ok".to_owned()));
        self.expect("43/interview,0[{\"type\":\"ok\"");
    }
}

/// One request; status, head in lower case, body.
fn exchange(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> (u16, String, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\n{headers}Content-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head[9..12].parse().unwrap(),
        head.to_lowercase(),
        body.to_owned(),
    )
}

#[test]
fn a_handshake_that_is_none_is_answered_with_a_code() {
    let server = TestServer::start();
    let open = Poller::open(server.addr());
    let with_sid = open.path();
    for (method, path, code) in [
        (
            "GET",
            "/socket.io/?transport=polling",
            "unsupported_protocol_version",
        ),
        (
            "GET",
            "/socket.io/?EIO=3&transport=polling",
            "unsupported_protocol_version",
        ),
        ("GET", "/socket.io/?EIO=4", "unknown_transport"),
        (
            "GET",
            "/socket.io?EIO=4&transport=flash",
            "unknown_transport",
        ),
        ("POST", POLLING, "bad_handshake_method"),
        ("PUT", POLLING, "bad_handshake_method"),
        ("PUT", &with_sid, "bad_handshake_method"),
        (
            "GET",
            "/socket.io/?EIO=4&transport=polling&sid=nobody",
            "unknown_sid",
        ),
        (
            "POST",
            "/socket.io/?EIO=4&transport=polling&sid=c1",
            "unknown_sid",
        ),
    ] {
        let (status, _, body) = exchange(server.addr(), method, path, "", "");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, &body["code"]),
            (400, &json!(code)),
            "{method} {path}"
        );
    }
    let refused = Client::try_open(server.addr(), "/socket.io/?EIO=3&transport=websocket", &[]);
    assert_eq!(refused.err().unwrap().status, 400);
}

#[test]
fn pages_on_the_list_may_poll_and_others_may_not() {
    let welcome = |headers: &http::HeaderMap| {
        let origins = api::cors::Origins::new([ORIGIN]);
        origins.judge(headers) != api::cors::Verdict::Refused
    };
    let server = TestServer::with(|settings| settings.welcome = Arc::new(welcome));
    let listed = format!("Origin: {ORIGIN}\r\n");
    let (status, head, _) = exchange(server.addr(), "GET", POLLING, &listed, "");
    assert_eq!(status, 200);
    assert!(head.contains(&format!("access-control-allow-origin: {ORIGIN}")));
    assert!(head.contains("access-control-allow-credentials: true"));
    let (status, head, _) = exchange(server.addr(), "OPTIONS", POLLING, &listed, "");
    assert_eq!(status, 204);
    assert!(head.contains("access-control-allow-methods: get, post, options"));
    assert!(head.contains("access-control-allow-headers: authorization, content-type"));
    for origin in ["null", "https://evil.example"] {
        let header = format!("Origin: {origin}\r\n");
        let (status, head, body) = exchange(server.addr(), "GET", POLLING, &header, "");
        assert_eq!(status, 403, "{origin}");
        assert!(body.contains("origin_not_allowed"));
        assert!(!head.contains("access-control-allow-origin"));
    }
    // Nor may they take over who polls; who polls goes on.
    let poller = Poller::connect(server.addr(), &token("ana", Role::Candidate));
    let path = format!("{WEBSOCKET}&sid={}", poller.sid);
    let refused = Client::try_open(server.addr(), &path, &[("Origin", "https://evil.example")]);
    assert_eq!(refused.err().unwrap().status, 403);
    poller.join("s1");
    // A WebSocket can be told why: with whatever token it comes.
    let mut client = Client::open(server.addr(), WEBSOCKET, &[("Origin", "null")]);
    let token = token("ana", Role::Candidate);
    client.text(&format!("40/interview,{{\"token\":\"{token}\"}}"));
    assert!(expect(&mut client, "44").contains("origin_not_allowed"));
    assert_eq!(expect(&mut client, "41"), "41/interview,");
    assert_eq!(client.closed().0, 4403);
}

#[test]
fn a_token_may_come_with_the_handshake_or_with_connect() {
    let server = TestServer::start();
    let good = token("ana", Role::Candidate);
    let bearer = format!("Bearer {good}");
    let in_query = format!("{WEBSOCKET}&token={good}");
    for (path, headers) in [
        (WEBSOCKET, vec![("Authorization", bearer.as_str())]),
        (in_query.as_str(), vec![]),
    ] {
        let mut client = Client::open(server.addr(), path, &headers);
        client.text("40");
        assert!(expect(&mut client, "42").contains("\"userId\":\"ana\""));
    }
    // What came with CONNECT counts more; it is the fresher one.
    let stale = format!("{WEBSOCKET}&token=no.good.token");
    let mut client = Client::open(server.addr(), &stale, &[]);
    client.text(&format!("40{{\"token\":\"{good}\"}}"));
    expect(&mut client, "40{");
    let mut client = Client::open(server.addr(), &stale, &[]);
    client.text("40");
    assert!(expect(&mut client, "44").contains("\"code\":\"token_invalid\""));
    assert_eq!(client.closed(), (4401, "not_authenticated".to_owned()));
}

#[test]
fn who_does_not_join_a_namespace_in_time_is_closed_whatever_carries_it() {
    let server = TestServer::with(|settings| settings.limits.auth_timeout_ms = 300);
    let mut client = Client::open(server.addr(), WEBSOCKET, &[]);
    client.text("40/nowhere,");
    assert!(expect(&mut client, "44/nowhere,").contains("Invalid namespace"));
    assert_eq!(client.closed().0, 4401);
    let poller = Poller::open(server.addr());
    assert_eq!(poller.get(), (200, "1".to_owned()));
    wait_for("the name to be forgotten", || poller.get().0 == 400);
    server.wait_until_empty();
}

#[test]
fn a_polling_client_takes_part_and_leaves_nothing_behind() {
    let server = TestServer::start();
    let poller = Poller::connect(server.addr(), &token("ana", Role::Candidate));
    poller.join("s1");
    let invitation = invitation("ben", Role::Interviewer, "s1");
    let path = format!("/ws?token={invitation}");
    let mut ben = Client::open(server.addr(), &path, &[]);
    ben.join("s1");
    poller.expect("42/interview,[\"user:joined\",");
    // Sound as an attachment: two packets in one body.
    let chunk = "451-/interview,[\"audio:stream\",{\"audioData\":{\"_placeholder\":true,\
                 \"num\":0},\"format\":\"pcm16\",\"sampleRate\":16000}]\u{1e}bAQIDBA==";
    assert_eq!(poller.post(chunk), (200, "ok".to_owned()));
    assert_eq!(ben.expect("audio:received")["audioData"], "AQIDBA==");
    let sound = json!({"type": "audio:stream", "audioData": "BQY=", "format": "pcm16",
                       "sampleRate": 16_000});
    ben.ask(sound);
    assert!(
        poller
            .expect("42/interview,[\"audio:received\",")
            .contains("\"BQY=\"")
    );
    assert_eq!(poller.post("42/interview,[\"end_interview\"]").0, 200);
    poller.expect("41/interview,");
    assert_eq!(poller.get(), (200, "1".to_owned()));
    wait_for("the name to be forgotten", || poller.get().0 == 400);
    assert_eq!(ben.closed().0, 1000);
    drop(ben);
    server.wait_until_empty();
}

#[test]
fn what_ends_a_polling_connection_ends_it_once_and_for_all() {
    let server = TestServer::start();
    let leave = |end: &dyn Fn(&Poller)| {
        let poller = Poller::connect(server.addr(), &token("ana", Role::Candidate));
        poller.join("s1");
        end(&poller);
        wait_for("the name to be forgotten", || poller.get().0 == 400);
        wait_for("the connection to be gone", || {
            server.running().core().gauges().connections == 0
        });
    };
    // The client says so: whoever waits is let go.
    leave(&|poller| {
        let path = poller.path();
        let addr = poller.addr;
        let waiting = std::thread::spawn(move || exchange(addr, "GET", &path, "", ""));
        assert_eq!(poller.post("1"), (200, "ok".to_owned()));
        let (status, _, body) = waiting.join().unwrap();
        assert_eq!((status, body.as_str()), (200, "6"));
    });
    // What no client posts.
    leave(&|poller| assert_eq!(poller.post("abc").0, 400));
    leave(&|poller| assert_eq!(poller.post("").0, 400));
    // What its page made wrong: that is told, so that it stays away.
    leave(&|poller| {
        assert_eq!(poller.post("4").0, 200);
        poller.expect(
            "42/interview,[\"connection:closing\",{\"type\":\"connection:closing\",\"code\":1002,",
        );
    });
    // A request that is given up may have taken an answer with it.
    leave(&|poller| {
        let mut stream = TcpStream::connect(poller.addr).unwrap();
        let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", poller.path());
        stream.write_all(request.as_bytes()).unwrap();
        // Until it waits there, a second one would wait in its place.
        wait_for("two requests to meet", || poller.get().0 == 400);
    });
}

#[test]
fn a_stranger_may_post_little_and_a_known_one_a_message() {
    let server = TestServer::start();
    let poller = Poller::open(server.addr());
    let (status, body) = poller.post(&format!("40{{\"x\":\"{}\"}}", "y".repeat(5_000)));
    assert_eq!(status, 413, "{body}");
    assert!(body.contains("too_large"));
    let poller = Poller::connect(server.addr(), &token("ana", Role::Candidate));
    let large = |bytes| format!("42/interview,[\"x\",{{\"y\":\"{}\"}}]", "z".repeat(bytes));
    assert_eq!(poller.post(&large(250_000)).0, 200);
    // Too large is told on the way that is open before the post is refused: an official client
    // takes that for a lost line, and would come back.
    for bytes in [300_000, 500_000] {
        let poller = Poller::connect(server.addr(), &token("ana", Role::Candidate));
        std::thread::scope(|scope| {
            let told = scope.spawn(|| {
                let (status, body) = poller.get();
                (status, body, Instant::now())
            });
            let (status, body) = poller.post(&large(bytes));
            let refused = Instant::now();
            assert_eq!(status, 413, "{body}");
            let (status, body, heard) = told.join().unwrap();
            assert_eq!(status, 200, "{body}");
            assert!(
                body.contains("\"code\":1009,\"reason\":\"too_big\""),
                "{body}"
            );
            assert!(body.contains("41/interview,"), "{body}");
            assert!(heard < refused, "it was refused before it was told");
        });
    }
}

#[test]
fn an_upgrade_loses_nothing_and_the_name_is_forgotten() {
    let server = TestServer::start();
    let poller = Poller::connect(server.addr(), &token("ana", Role::Candidate));
    poller.join("s1");
    let path = format!("{WEBSOCKET}&sid={}", poller.sid);
    let mut socket = Client::open(server.addr(), &path, &[]);
    socket.text("2probe");
    assert_eq!(packet(&mut socket), "3probe");
    // Nothing goes out by polling any more: what is said now waits for the socket.
    assert_eq!(poller.get(), (200, "6".to_owned()));
    assert_eq!(poller.post("42/interview,7[\"ping\"]").0, 200);
    assert_eq!(poller.get(), (200, "6".to_owned()));
    let mut second = Client::open(server.addr(), &path, &[]);
    assert_eq!(second.closed(), (1008, "unknown_sid".to_owned()));
    socket.text("5");
    assert_eq!(packet(&mut socket), "43/interview,7[{\"type\":\"pong\"}]");
    assert_eq!(poller.get().0, 400);
    assert_eq!(poller.post("3").0, 400);
    let answer = ask(&mut socket, 8, "end_interview", &json!({}));
    assert_eq!(answer["type"], "ok");
    expect(&mut socket, "41/interview,");
    assert_eq!(socket.closed(), (1000, "session_over".to_owned()));
    drop((socket, second));
    server.wait_until_empty();
}

#[test]
fn an_upgrade_that_dies_half_way_leaves_polling_as_it_was() {
    let server = TestServer::start();
    let poller = Poller::connect(server.addr(), &token("ana", Role::Candidate));
    let path = format!("{WEBSOCKET}&sid={}", poller.sid);
    let mut socket = Client::open(server.addr(), &path, &[]);
    socket.text("2probe");
    assert_eq!(packet(&mut socket), "3probe");
    drop(socket);
    wait_for("polling to go on", || {
        assert_eq!(poller.post("42/interview,1[\"ping\"]").0, 200);
        poller.get().1.contains("43/interview,1[")
    });
    // Whoever breaks the order of an upgrade is closed, and the connection lives on.
    let mut socket = Client::open(server.addr(), &path, &[]);
    socket.text("5");
    assert_eq!(socket.closed().0, 1002);
    assert_eq!(poller.post("42/interview,2[\"ping\"]").0, 200);
    poller.expect("43/interview,2[");
}

#[test]
fn who_leaves_its_namespace_is_gone_at_once() {
    let server = TestServer::start();
    let mut ana = connect(server.addr(), &token("ana", Role::Candidate));
    let joined = ask(&mut ana, 0, "session:join", &json!({"sessionId": "s1"}));
    assert_eq!(joined["type"], "ok");
    let path = format!("/ws?token={}", invitation("ben", Role::Interviewer, "s1"));
    let mut ben = Client::open(server.addr(), &path, &[]);
    ben.join("s1");
    ana.text("41/interview,");
    assert_eq!(ben.expect("user:disconnected")["userId"], "ana");
    ana.text("1");
    assert_eq!(ana.closed().0, 1000);
}

#[test]
fn one_connection_watches_three_sessions_and_stays_until_the_last_is_over() {
    let server = TestServer::start();
    let mut watcher = connect(server.addr(), &crate::support::admin());
    let mut people = Vec::new();
    for (nth, session) in ["s1", "s2", "s3"].into_iter().enumerate() {
        let mut person = server.client(&format!("person{nth}"), Role::Candidate);
        person.join(session);
        people.push(person);
        let answer = ask(
            &mut watcher,
            1,
            "session:join",
            &json!({"sessionId": session}),
        );
        assert_eq!(answer["type"], "ok", "{answer}");
    }
    let ambiguous = ask(&mut watcher, 2, "session:leave", &json!({}));
    assert_eq!(ambiguous["code"], "session_required");
    for (nth, person) in people.iter_mut().enumerate() {
        person.ask(json!({"type": "end_interview"}));
        let ended = expect(&mut watcher, "42/interview,[\"session_ended\",");
        assert!(ended.contains(&format!("\"sessionId\":\"s{}\"", nth + 1)));
        if nth < 2 {
            assert_eq!(ask(&mut watcher, 3, "ping", &json!({}))["type"], "pong");
        }
    }
    assert_eq!(watcher.closed(), (1000, "session_over".to_owned()));
}

/// What connections put into the engine, one line each, without what differs from run to run.
type Log = Arc<Mutex<Vec<String>>>;

fn watched() -> (TestServer, Log) {
    let log = Log::default();
    let kept = Arc::clone(&log);
    let watch = move |input: &Input| {
        let line = match input {
            Input::Message {
                caller,
                session,
                message,
                reply,
                id,
            } => format!(
                "{} {:?} room {} {session} {message:?} {:?} {id:?}",
                caller.who.user, caller.who.role, caller.room, reply.key
            ),
            Input::ConnectionClosed { session, .. } => format!("closed {session}"),
            _ => return,
        };
        kept.lock().unwrap().push(line);
    };
    let server = TestServer::with(|settings| settings.watch = Some(Arc::new(watch)));
    (server, log)
}

/// The steps of the scenario: who, and what they say.
fn steps() -> Vec<(String, Value)> {
    let lines = include_str!("scenarios/interview.jsonl").lines();
    let step = |line| {
        let mut step: Value = serde_json::from_str(line).unwrap();
        let who = step.as_object_mut().unwrap().remove("who").unwrap();
        (who.as_str().unwrap().to_owned(), step)
    };
    lines.map(step).collect()
}

fn users(server: &TestServer, open: impl Fn(SocketAddr, &str) -> Client) -> [Client; 2] {
    let ana = open(server.addr(), &token("ana", Role::Candidate));
    let ben = open(server.addr(), &invitation("ben", Role::Interviewer, "s1"));
    [ana, ben]
}

#[test]
fn one_scenario_through_each_door_leaves_the_same_log_of_the_engine() {
    let (server, of_plain) = watched();
    let mut clients = users(&server, |addr, token| {
        let mut client = Client::open(addr, &format!("/ws?token={token}"), &[]);
        client.expect("connection:success");
        client
    });
    let mut replies = Vec::new();
    for (nth, (who, mut message)) in steps().into_iter().enumerate() {
        message["ref"] = json!(nth);
        let client = &mut clients[usize::from(who == "ben")];
        client.send(message);
        let reply = loop {
            let got = client.json();
            if got["ref"] == json!(nth) {
                break got;
            }
        };
        replies.push((reply["type"].clone(), reply["code"].clone()));
    }
    for client in &mut clients {
        assert_eq!(client.closed().0, 1000);
    }

    let (server, of_socketio) = watched();
    let mut clients = users(&server, connect);
    for (nth, (who, mut message)) in steps().into_iter().enumerate() {
        let fields = message.as_object_mut().unwrap();
        let event = fields.remove("type").unwrap();
        let client = &mut clients[usize::from(who == "ben")];
        let ack = u32::try_from(nth).unwrap();
        let reply = ask(client, ack, event.as_str().unwrap(), &message);
        let same = (reply["type"].clone(), reply["code"].clone());
        assert_eq!(same, replies[nth], "step {nth}");
    }
    for client in &mut clients {
        assert_eq!(client.closed().0, 1000);
    }
    let [of_plain, of_socketio] = [of_plain, of_socketio].map(|log| log.lock().unwrap().clone());
    assert_eq!(of_plain, of_socketio);
    assert_eq!(of_plain.len(), 12, "{of_plain:#?}");
}
