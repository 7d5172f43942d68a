//! Every way the bytes of an upgrade may arrive: at once, torn, behind another request, with frames
//! behind them. All end in the same connection. And what becomes of bytes nobody wants.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use protocol::value::Role;

use crate::support::{TestServer, token};

const PATIENCE: Duration = Duration::from_secs(10);

/// An upgrade request with the key of RFC 6455, section 1.3.
fn upgrade(more: &str) -> Vec<u8> {
    format!(
        "GET /ws?token={} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n",
        token("ana", Role::Candidate)
    )
    .into_bytes()
}

/// A text frame of a client, masked with zeros.
fn frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 126);
    let mut out = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    out.extend_from_slice(text.as_bytes());
    out
}

fn ping() -> Vec<u8> {
    frame("{\"type\":\"ping\",\"ref\":7}")
}

/// Reads until `end` was read; all of it as text.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut all, mut some) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if text.contains(end) {
            return text;
        }
        let read = stream
            .read(&mut some)
            .unwrap_or_else(|e| panic!("{e}: {text}"));
        assert_ne!(read, 0, "{text}");
        all.extend_from_slice(&some[..read]);
    }
}

/// What is answered to an upgrade and a ping, in whichever way they came.
fn opened(answer: &str) {
    let (head, frames) = answer.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    let mut lines = head.lines();
    assert_eq!(lines.next().unwrap(), "http/1.1 101 switching protocols");
    let mut lines: Vec<_> = lines.filter(|line| !line.starts_with("date: ")).collect();
    lines.sort_unstable();
    let wanted = [
        "connection: upgrade",
        "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=",
        "upgrade: websocket",
    ];
    assert_eq!(lines, wanted, "{head}");
    let success = frames.find("connection:success");
    let pong = frames.find("\"pong\"");
    assert!(success.is_some() && success < pong, "{frames}");
}

fn connect(server: &TestServer) -> TcpStream {
    let stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

#[test]
fn an_upgrade_may_come_at_once_with_frames_behind_it_or_in_pieces() {
    let server = TestServer::start();
    let whole = [upgrade(""), ping()].concat();
    for cut in [whole.len(), upgrade("").len(), 3, 60, whole.len() - 4] {
        let mut stream = connect(&server);
        stream.write_all(&whole[..cut]).unwrap();
        // The server has read the first part before the second is there.
        std::thread::sleep(Duration::from_millis(30));
        stream.write_all(&whole[cut..]).unwrap();
        opened(&read_until(&mut stream, "\"pong\""));
    }
    drop(whole);
    server.wait_until_empty();
}

#[test]
fn an_upgrade_may_follow_another_request_on_the_same_socket() {
    let server = TestServer::start();
    let mut stream = connect(&server);
    let health = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(health).unwrap();
    let answer = read_until(&mut stream, "\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    stream.write_all(&[upgrade(""), ping()].concat()).unwrap();
    let answer = read_until(&mut stream, "\"pong\"");
    let at = answer.find("HTTP/1.1 101").unwrap();
    opened(&answer[at..]);
}

#[test]
fn an_upgrade_that_is_none_is_refused_in_words_whichever_way_it_came() {
    let server = TestServer::start();
    for (more, status, code) in [
        ("Content-Length: 3\r\n", "400", "handshake_body"),
        (
            "Sec-WebSocket-Version: 8\r\n",
            "426",
            "handshake_websocket_version",
        ),
        ("Upgrade: h2c\r\n", "101", ""),
    ] {
        for cut in [false, true] {
            let mut stream = connect(&server);
            let request = upgrade(more);
            if cut {
                stream.write_all(&request[..20]).unwrap();
                std::thread::sleep(Duration::from_millis(30));
                stream.write_all(&request[20..]).unwrap();
            } else {
                stream.write_all(&request).unwrap();
            }
            let end = if code.is_empty() { "success" } else { code };
            let answer = read_until(&mut stream, end);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
        }
    }
}

#[test]
fn a_socket_that_says_nothing_is_closed() {
    let server = TestServer::start();
    let mut silent = connect(&server);
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut some = [0; 16];
    assert_eq!(
        silent.read(&mut some).unwrap(),
        0,
        "within the deadline of a head"
    );
    // And one that goes away is nobody's error.
    drop(connect(&server));
    server.wait_until_empty();
}

#[test]
fn whoever_sends_too_much_may_send_it_to_its_end_and_is_told_why() {
    let server = TestServer::start();
    let mut stream = connect(&server);
    stream.write_all(&upgrade("")).unwrap();
    read_until(&mut stream, "connection:success");
    // A frame of 400,000 bytes: the first few say that it is too big.
    let head = [0x81, 0xff, 0, 0, 0, 0, 0, 0x06, 0x1a, 0x80, 0, 0, 0, 0];
    stream.write_all(&head).unwrap();
    for sent in 0..40 {
        // A server that closes meanwhile resets the socket, and what it said may be lost.
        let more = stream.write_all(&[b'x'; 10_000]);
        more.unwrap_or_else(|e| panic!("{e} after {sent} of 40 pieces"));
        std::thread::sleep(Duration::from_millis(2));
    }
    read_until(&mut stream, "too_big");
}
