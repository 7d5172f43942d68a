//! One table of what may go wrong in what a client sends: handshakes, tokens, frames, payloads.
//! Each row says what the server answers and whether the connection stays; after each of them the
//! session of somebody else in the same room is as it was.

use std::sync::Arc;

use protocol::value::Role;
use protocol::ws::{Opcode, client};
use serde_json::{Value, json};

use crate::support::{Client, Got, SECRET, TestServer, invitation, token};

/// A head that becomes a WebSocket, with one line replaced or added.
fn head(change: impl Fn(&str) -> String) -> Vec<u8> {
    let whole = client::request("localhost", "/ws", [7; 16], &[]);
    change(&whole).into_bytes()
}

fn without(name: &'static str) -> impl Fn(&str) -> String {
    move |whole| {
        let keep = |line: &&str| !line.starts_with(name);
        whole
            .split("\r\n")
            .filter(keep)
            .collect::<Vec<_>>()
            .join("\r\n")
    }
}

fn with(line: &'static str) -> impl Fn(&str) -> String {
    move |whole| whole.replacen("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"), 1)
}

fn replaced(from: &'static str, to: &'static str) -> impl Fn(&str) -> String {
    move |whole| {
        assert!(whole.contains(from), "{from}");
        whole.replacen(from, to, 1)
    }
}

#[test]
fn malformed_handshakes_are_refused_over_http_with_a_stable_code() {
    let server = TestServer::start();
    let rows: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        (
            "no upgrade",
            head(without("Upgrade:")),
            426,
            "handshake_upgrade",
        ),
        (
            "another upgrade",
            head(replaced("Upgrade: websocket", "Upgrade: h2c")),
            426,
            "handshake_upgrade",
        ),
        (
            "no connection",
            head(without("Connection:")),
            400,
            "handshake_connection",
        ),
        (
            "connection without upgrade",
            head(replaced("Connection: Upgrade", "Connection: keep-alive")),
            400,
            "handshake_connection",
        ),
        (
            "no version",
            head(without("Sec-WebSocket-Version")),
            426,
            "handshake_websocket_version",
        ),
        (
            "an old version",
            head(replaced("Version: 13", "Version: 8")),
            426,
            "handshake_websocket_version",
        ),
        (
            "two versions",
            head(with("Sec-WebSocket-Version: 13")),
            426,
            "handshake_websocket_version",
        ),
        (
            "no key",
            head(without("Sec-WebSocket-Key")),
            400,
            "handshake_key",
        ),
        (
            "a short key",
            head(replaced("Key: BwcHBwcHBwcHBwcHBwcHBw==", "Key: BwcH")),
            400,
            "handshake_key",
        ),
        (
            "a key that is no base64",
            head(replaced(
                "Key: BwcHBwcHBwcHBwcHBwcHBw==",
                "Key: !!!!!!!!!!!!!!!!!!!!!!==",
            )),
            400,
            "handshake_key",
        ),
        (
            "two keys",
            head(with("Sec-WebSocket-Key: BwcHBwcHBwcHBwcHBwcHBw==")),
            400,
            "handshake_key",
        ),
        (
            "a body",
            head(with("Content-Length: 3")),
            400,
            "handshake_body",
        ),
        (
            "POST",
            head(replaced("GET ", "POST ")),
            405,
            "handshake_method",
        ),
        (
            "HTTP/1.0",
            head(replaced("HTTP/1.1", "HTTP/1.0")),
            400,
            "handshake_http_version",
        ),
        (
            "an empty subprotocol",
            head(with("Sec-WebSocket-Protocol: a,,b")),
            400,
            "handshake_protocols",
        ),
        (
            "a subprotocol twice",
            head(with("Sec-WebSocket-Protocol: a, a")),
            400,
            "handshake_protocols",
        ),
        (
            "a subprotocol with a blank",
            head(with("Sec-WebSocket-Protocol: a b")),
            400,
            "handshake_protocols",
        ),
    ];
    for (name, bytes, status, code) in rows {
        let Err(refused) = Client::raw(server.addr(), &bytes) else {
            panic!("{name} became a WebSocket")
        };
        assert_eq!(refused.status, status, "{name}: {}", refused.body);
        assert!(refused.body.contains(code), "{name}: {}", refused.body);
    }
    for (name, bytes) in [
        ("no HTTP", b"hello\r\n\r\n".to_vec()),
        (
            "two lengths",
            head(with("Content-Length: 1\r\nContent-Length: 2")),
        ),
        ("a header without a colon", head(with("nonsense"))),
        ("a head of 40 kB", head(|w| with_long_line(w))),
    ] {
        let Err(refused) = Client::raw(server.addr(), &bytes) else {
            panic!("{name} became a WebSocket")
        };
        assert!(
            matches!(refused.status, 400 | 431),
            "{name}: {}",
            refused.status
        );
    }
    server.wait_until_empty();
}

fn with_long_line(whole: &str) -> String {
    let line = format!("\r\nX-Long: {}\r\n\r\n", "x".repeat(40_000));
    whole.replacen("\r\n\r\n", &line, 1)
}

#[test]
fn tokens_that_are_not_good_are_refused_with_a_word_and_a_close_code() {
    let server = TestServer::with(|settings| {
        settings.limits.auth_timeout_ms = 300;
        settings.welcome =
            Arc::new(|headers| headers.get("origin").is_none_or(|o| o == "http://good"));
        settings.limits.connections_per_user = 2;
    });
    let good = token("ana", Role::Candidate);
    let parts: Vec<&str> = good.split('.').collect();
    let foreign = api::auth::Verifier::new(api::auth::AuthSettings::with_secret(
        "another secret that is long enough too",
    ));
    let claims = api::auth::Claims::of(protocol::id::UserId::parse("ana").unwrap());
    let of_other = foreign.issue(&claims, crate::support::now()).unwrap();
    let old = crate::support::verifier()
        .issue(&claims, protocol::time::Wall(1_000_000_000_000))
        .unwrap();
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbmEiLCJleHAiOjQwMDAwMDAwMDB9.";
    let rows: Vec<(&str, String, Vec<(&str, String)>, &str, u16)> = vec![
        (
            "a word",
            "?token=nonsense".into(),
            vec![],
            "token_invalid",
            4401,
        ),
        (
            "an empty token",
            "?token=".into(),
            vec![],
            "token_invalid",
            4401,
        ),
        (
            "a cut token",
            format!("?token={}.{}", parts[0], parts[1]),
            vec![],
            "token_invalid",
            4401,
        ),
        (
            "a changed signature",
            format!("?token={}.{}.AAAA", parts[0], parts[1]),
            vec![],
            "token_invalid",
            4401,
        ),
        (
            "another secret",
            format!("?token={of_other}"),
            vec![],
            "token_invalid",
            4401,
        ),
        (
            "no algorithm",
            format!("?token={none}"),
            vec![],
            "token_invalid",
            4401,
        ),
        (
            "long expired",
            format!("?token={old}"),
            vec![],
            "token_expired",
            4401,
        ),
        (
            "9 kB",
            format!("?token={}", "a".repeat(9_000)),
            vec![],
            "token_invalid",
            4401,
        ),
        (
            "in the header, no Bearer",
            String::new(),
            vec![("Authorization", "Basic abc".into())],
            "token_invalid",
            4401,
        ),
        (
            "in the header, nonsense",
            String::new(),
            vec![("Authorization", "Bearer x".into())],
            "token_invalid",
            4401,
        ),
        (
            "as subprotocol, nonsense",
            String::new(),
            vec![("Sec-WebSocket-Protocol", "greenroom.v1, bearer.x".into())],
            "token_invalid",
            4401,
        ),
        (
            "a strange page",
            format!("?token={good}"),
            vec![("Origin", "http://evil".into())],
            "origin_not_allowed",
            4403,
        ),
        (
            "the page `null`",
            format!("?token={good}"),
            vec![("Origin", "null".into())],
            "origin_not_allowed",
            4403,
        ),
        (
            "no token in time",
            String::new(),
            vec![],
            "auth_required",
            4401,
        ),
    ];
    for (name, query, headers, code, close) in rows {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let mut client = Client::open(server.addr(), &format!("/ws{query}"), &headers);
        let error = client.json();
        assert_eq!(error["type"], "connection:error", "{name}");
        assert_eq!(error["code"], code, "{name}");
        assert!(!error.to_string().contains(SECRET));
        assert_eq!(client.closed().0, close, "{name}");
    }
    for (name, first, code, close) in [
        (
            "a join before the token",
            json!({"type": "session:join", "sessionId": "s"}).to_string(),
            "auth_required",
            4401,
        ),
        (
            "a bad token as first message",
            json!({"type": "auth", "token": "x"}).to_string(),
            "token_invalid",
            4401,
        ),
        ("no JSON as first message", "{".to_owned(), "bad_json", 4401),
        (
            "much before the token",
            format!("{{\"type\":\"auth\",\"token\":\"{}\"}}", "x".repeat(5_000)),
            "auth_required",
            4401,
        ),
    ] {
        let mut client = Client::open(server.addr(), "/ws", &[]);
        client.text(&first);
        let error = client.json();
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("connection:error"), &json!(code)),
            "{name}"
        );
        assert_eq!(client.closed().0, close, "{name}");
    }
    let kept: Vec<Client> = (0..2)
        .map(|_| server.client("ana", Role::Candidate))
        .collect();
    let mut third = Client::open(server.addr(), &format!("/ws?token={good}"), &[]);
    assert_eq!(third.expect("connection:error")["code"], "limited");
    assert_eq!(third.closed().0, 4429);
    drop((kept, third));
    server.wait_until_empty();
}

/// A room with somebody in an interview, who must not notice anything.
struct Room {
    server: TestServer,
    witness: Client,
}

impl Room {
    fn open() -> Self {
        let server = TestServer::with(|settings| {
            settings.limits.message_bytes = 32 * 1024;
            settings.limits.audio_burst_bytes = 1 << 30;
            settings.limits.audio_bytes_per_second = 1 << 30;
            settings.limits.message_timeout_ms = 300;
        });
        let mut witness = server.client("ana", Role::Candidate);
        witness.join("s1");
        let start = json!({
            "type": "interview:start",
            "questions": [{"id": "q1", "text": "Who?", "limitMs": 600_000}],
        });
        assert_eq!(witness.ask(start)["type"], "ok");
        witness.expect("question:asked");
        Self { server, witness }
    }

    fn enter(&mut self) -> Client {
        let token = invitation("ben", Role::Interviewer, "s1");
        let mut client = Client::open(self.server.addr(), &format!("/ws?token={token}"), &[]);
        client.expect("connection:success");
        client.join("s1");
        client
    }

    /// Nothing but goings and comings was seen, and the question is still open.
    fn is_untouched(&mut self, name: &str) {
        self.witness.send(json!({"type": "ping", "ref": "still"}));
        loop {
            let seen = self.witness.json();
            if seen["ref"] == "still" {
                break;
            }
            let event = seen["type"].as_str().unwrap();
            assert!(
                matches!(event, "user:joined" | "user:disconnected" | "user:left"),
                "{name}: {seen}"
            );
        }
        let gauges = self.server.running().core().gauges();
        assert_eq!(
            (gauges.engine.active, gauges.engine.question_timers),
            (1, 1),
            "{name}"
        );
    }
}

fn frame(first: u8, second: u8, rest: &[u8]) -> Vec<u8> {
    let mut out = vec![first, second];
    out.extend_from_slice(rest);
    out
}

#[test]
fn frames_that_break_the_carriers_rules_close_with_the_right_code() {
    const KEY: [u8; 4] = [1, 2, 3, 4];
    let mut room = Room::open();
    let masked = |opcode, payload: &[u8]| client::frame(opcode, payload, KEY);
    let fragment = |opcode, is_final, payload: &[u8]| {
        let mut out = Vec::new();
        client::append(&mut out, opcode, is_final, payload, KEY);
        out
    };
    let join = |parts: &[Vec<u8>]| parts.concat();
    let rows: Vec<(&str, Vec<u8>, u16)> = vec![
        ("unmasked", frame(0x81, 2, b"hi"), 1002),
        ("a reserved bit", frame(0xC1, 0x80, &KEY), 1002),
        ("opcode 3", frame(0x83, 0x80, &KEY), 1002),
        ("opcode 11", frame(0x8B, 0x80, &KEY), 1002),
        ("a ping in pieces", frame(0x09, 0x80, &KEY), 1002),
        (
            "a ping of 126 bytes",
            frame(
                0x89,
                0xFE,
                &join(&[vec![0, 126], KEY.to_vec(), vec![0; 126]]),
            ),
            1002,
        ),
        (
            "a continuation of nothing",
            masked(Opcode::Continuation, b"x"),
            1002,
        ),
        (
            "a message inside a message",
            join(&[
                fragment(Opcode::Text, false, b"a"),
                masked(Opcode::Text, b"b"),
            ]),
            1002,
        ),
        (
            "a length of 63 bits",
            frame(0x82, 0xFF, &join(&[vec![0xFF; 8], KEY.to_vec()])),
            1002,
        ),
        (
            "text that is not UTF-8",
            masked(Opcode::Text, b"\xC3\x28"),
            1007,
        ),
        (
            "a fragment that is not UTF-8",
            join(&[
                fragment(Opcode::Text, false, b"\xF0\x9F"),
                fragment(Opcode::Continuation, true, b"x"),
            ]),
            1007,
        ),
        (
            "a close with one byte",
            masked(Opcode::Close, b"\x03"),
            1002,
        ),
        (
            "a close with code 1005",
            masked(Opcode::Close, &1005_u16.to_be_bytes()),
            1002,
        ),
        (
            "a close with code 999",
            masked(Opcode::Close, &999_u16.to_be_bytes()),
            1002,
        ),
        (
            "a close whose words are not UTF-8",
            masked(Opcode::Close, b"\x03\xE8\xFF"),
            1007,
        ),
        (
            "a frame of 1 GB announced",
            frame(
                0x82,
                0xFF,
                &join(&[(1_u64 << 30).to_be_bytes().to_vec(), KEY.to_vec()]),
            ),
            1009,
        ),
        (
            "a message of 33 kB",
            masked(Opcode::Text, &[b'a'; 33 * 1024]),
            1009,
        ),
        (
            "33 kB in pieces",
            (0..3)
                .map(|n| {
                    fragment(
                        [Opcode::Text, Opcode::Continuation, Opcode::Continuation][n],
                        n == 2,
                        &[b'a'; 11 * 1024 + 300],
                    )
                })
                .collect::<Vec<_>>()
                .concat(),
            1009,
        ),
        (
            "1,100 pieces",
            join(&[
                fragment(Opcode::Text, false, b"a"),
                (0..1_100)
                    .map(|_| fragment(Opcode::Continuation, false, b"a"))
                    .collect::<Vec<_>>()
                    .concat(),
            ]),
            1008,
        ),
        (
            "a message that never ends",
            fragment(Opcode::Text, false, b"{\"type\":"),
            1008,
        ),
        ("half a header for long", vec![0x81], 1008),
    ];
    for (name, bytes, code) in rows {
        let mut client = room.enter();
        client.bytes(&bytes);
        assert_eq!(client.closed().0, code, "{name}");
        assert_eq!(client.rest(), [], "{name}");
        room.is_untouched(name);
        // The seat is given up in good order before the next one takes it.
        drop(client);
    }
}

#[test]
fn payloads_that_make_no_sense_are_answered_and_the_connection_stays() {
    let mut room = Room::open();
    let mut client = room.enter();
    let deep = format!(
        "{{\"type\":\"ping\",\"x\":{}1{}}}",
        "[".repeat(40),
        "]".repeat(40)
    );
    let long_ref = format!("{{\"type\":\"ping\",\"ref\":\"{}\"}}", "r".repeat(65));
    let rows: Vec<(&str, String, &str, &str)> = vec![
        ("nothing", String::new(), "error", "bad_json"),
        (
            "half an object",
            "{\"type\":\"ping\"".into(),
            "error",
            "bad_json",
        ),
        ("a list", "[1,2]".into(), "error", "bad_json"),
        ("a number", "42".into(), "error", "bad_json"),
        (
            "words behind the object",
            "{\"type\":\"ping\"} x".into(),
            "error",
            "bad_json",
        ),
        (
            "a control character",
            "{\"type\":\"pi\u{1}ng\"}".into(),
            "error",
            "bad_json",
        ),
        ("40 levels", deep, "error", "too_deep"),
        ("no type", "{}".into(), "error", "missing_field"),
        (
            "a type that is a number",
            "{\"type\":7}".into(),
            "error",
            "invalid_field",
        ),
        (
            "an event nobody knows",
            "{\"type\":\"fly\"}".into(),
            "error",
            "unknown_event",
        ),
        (
            "a server's event",
            "{\"type\":\"session_ended\"}".into(),
            "error",
            "unknown_event",
        ),
        ("a ref of 65 characters", long_ref, "error", "invalid_field"),
        (
            "a ref that is an object",
            "{\"type\":\"ping\",\"ref\":{}}".into(),
            "error",
            "invalid_field",
        ),
        (
            "a join without a session",
            "{\"type\":\"session:join\"}".into(),
            "session:error",
            "missing_field",
        ),
        (
            "a join with a number",
            "{\"type\":\"session:join\",\"sessionId\":5}".into(),
            "session:error",
            "invalid_field",
        ),
        (
            "a join with a bad id",
            "{\"type\":\"session:join\",\"sessionId\":\"a b\"}".into(),
            "session:error",
            "invalid_field",
        ),
        (
            "a join of an empty id",
            "{\"type\":\"session:join\",\"sessionId\":\"\"}".into(),
            "session:error",
            "invalid_field",
        ),
        (
            "a join of a foreign session",
            "{\"type\":\"session:join\",\"sessionId\":\"other\"}".into(),
            "session:error",
            "session_not_found",
        ),
        (
            "a resume without a key",
            "{\"type\":\"session:join\",\"sessionId\":\"s1\",\"resume\":{}}".into(),
            "session:error",
            "missing_field",
        ),
        (
            "a start of a plan nobody knows",
            "{\"type\":\"interview:start\",\"planId\":\"none\"}".into(),
            "session:error",
            "bad_transition",
        ),
        (
            "questions that are no list",
            "{\"type\":\"interview:start\",\"questions\":1}".into(),
            "session:error",
            "invalid_field",
        ),
        (
            "a question of one second",
            "{\"type\":\"interview:start\",\"questions\":[{\"text\":\"x\",\"limitMs\":1000}]}"
                .into(),
            "session:error",
            "invalid_field",
        ),
        (
            "another question than the open one",
            "{\"type\":\"answer:done\",\"questionId\":\"q9\"}".into(),
            "session:error",
            "not_allowed",
        ),
        (
            "a status that is no word of ours",
            "{\"type\":\"session:status\",\"status\":\"flying\"}".into(),
            "session:error",
            "invalid_field",
        ),
        (
            "a status one may not set",
            "{\"type\":\"session:status\",\"status\":\"scheduled\"}".into(),
            "session:error",
            "bad_transition",
        ),
        (
            "a visibility that is no word",
            "{\"type\":\"user:visibility\",\"state\":\"x\"}".into(),
            "session:error",
            "invalid_field",
        ),
        (
            "audio without data",
            "{\"type\":\"audio:stream\",\"format\":\"pcm16\",\"sampleRate\":16000}".into(),
            "audio:error",
            "missing_field",
        ),
        (
            "audio that is no base64",
            audio("!!!!", "pcm16", 16_000),
            "audio:error",
            "bad_audio",
        ),
        (
            "audio of half a sample",
            audio("QUJD", "pcm16", 16_000),
            "audio:error",
            "bad_audio",
        ),
        (
            "audio in a format nobody knows",
            audio("QUI=", "mp3", 16_000),
            "audio:error",
            "unsupported_format",
        ),
        (
            "audio at 96 kHz",
            audio("QUI=", "pcm16", 96_000),
            "audio:error",
            "unsupported_sample_rate",
        ),
        (
            "audio for another session",
            audio("QUI=", "pcm16", 16_000).replace("{\"", "{\"sessionId\":\"s9\",\""),
            "audio:error",
            "not_in_session",
        ),
        (
            "a transcription of nothing",
            "{\"type\":\"transcription:request\"}".into(),
            "transcription:error",
            "missing_field",
        ),
        (
            "a second token",
            "{\"type\":\"auth\",\"token\":\"x\"}".into(),
            "error",
            "not_supported",
        ),
        (
            "a fresh token",
            "{\"type\":\"auth:refresh\",\"token\":\"x\"}".into(),
            "error",
            "not_supported",
        ),
    ];
    let mut wrong = Vec::new();
    for (name, text, event, code) in rows {
        client.text(&text);
        let answer = client.json();
        if answer["type"] != event || answer["code"] != code {
            wrong.push(format!("{name}: {answer}"));
        }
        assert!(
            answer["message"].as_str().is_some_and(|m| m.len() > 5),
            "{name}"
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let with_ref: Value = json!({"type": "session:join", "sessionId": 5, "ref": "x"});
    client.send(with_ref);
    let answer = client.json();
    assert_eq!(
        (&answer["type"], &answer["ref"]),
        (&json!("error"), &json!("x"))
    );
    for (name, bytes, code) in [
        ("an empty binary message", vec![], "bad_audio"),
        ("a header cut short", vec![1; 19], "bad_audio"),
        ("a kind nobody knows", vec![9; 24], "bad_audio"),
        (
            "a format nobody knows",
            kind(1, 9, 16_000),
            "unsupported_format",
        ),
        ("a rate of 7 Hz", kind(1, 0, 7), "unsupported_sample_rate"),
        ("a room of nobody", room_of(77), "not_in_session"),
    ] {
        client.frame(Opcode::Binary, &bytes);
        let answer = client.json();
        assert_eq!(
            (&answer["type"], &answer["code"]),
            (&json!("audio:error"), &json!(code)),
            "{name}"
        );
    }
    assert_eq!(client.ask(json!({"type": "ping"}))["type"], "pong");
    client.frame(Opcode::Ping, b"x");
    assert_eq!(client.next(), Got::Pong);
    room.is_untouched("all of them");
}

fn audio(data: &str, format: &str, rate: u32) -> String {
    format!(
        "{{\"type\":\"audio:stream\",\"audioData\":\"{data}\",\"format\":\"{format}\",\"sampleRate\":{rate}}}"
    )
}

fn kind(kind: u8, format: u8, rate: u16) -> Vec<u8> {
    let mut out = vec![kind, format, 0, 0, 0, 0];
    out.extend_from_slice(&rate.to_le_bytes());
    out.extend_from_slice(&[0; 12]);
    out.extend_from_slice(b"ab");
    out
}

fn room_of(room: u16) -> Vec<u8> {
    let mut out = kind(1, 0, 16_000);
    out[4..6].copy_from_slice(&room.to_le_bytes());
    out
}

#[test]
fn too_many_events_are_refused_with_a_time_to_wait() {
    let server = TestServer::start();
    let mut client = server.client("ana", Role::Candidate);
    for n in 0..130 {
        client.send(json!({"type": "ping", "ref": n}));
    }
    let answers: Vec<Value> = (0..130).map(|_| client.json()).collect();
    let refused: Vec<&Value> = answers.iter().filter(|a| a["type"] == "error").collect();
    assert!((1..=30).contains(&refused.len()), "{}", refused.len());
    assert!(
        refused
            .iter()
            .all(|a| a["code"] == "rate_limited" && a["retryAfterMs"].as_u64() > Some(0))
    );
}

#[test]
fn too_many_handshakes_from_one_address_are_refused_over_http() {
    let server = TestServer::with(|settings| {
        settings.limits.handshakes_per_second = 1;
        settings.limits.handshakes_burst = 3;
    });
    let path = format!("/ws?token={}", token("ana", Role::Candidate));
    let kept: Vec<Client> = (0..3)
        .map(|_| Client::open(server.addr(), &path, &[]))
        .collect();
    let Err(refused) = Client::try_open(server.addr(), &path, &[]) else {
        panic!("a fourth one came in")
    };
    assert_eq!(refused.status, 429);
    assert!(refused.body.contains("retryAfterMs"), "{}", refused.body);
    assert_eq!(kept.len(), 3);
}
