//! Limits a server is started with to meet them: rates, numbers, times. What is wrong with a single
//! message is in `tests/bad_input`.

use std::time::{Duration, Instant};

use protocol::value::Role;
use protocol::ws::Opcode;
use serde_json::{Value, json};

use crate::support::{Client, TestServer, token};

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

#[test]
fn a_user_has_so_many_connections_and_one_that_goes_makes_room() {
    let server = TestServer::with(|settings| settings.limits.connections_per_user = 2);
    let path = format!("/ws?token={}", token("ana", Role::Candidate));
    let mut kept: Vec<Client> = (0..2)
        .map(|_| server.client("ana", Role::Candidate))
        .collect();
    let mut third = Client::open(server.addr(), &path, &[]);
    let refused = third.expect("connection:error");
    assert_eq!(refused["code"], "limited");
    assert!(refused["retryAfterMs"].as_u64() > Some(0));
    assert_eq!(third.closed().0, 4429);
    // Somebody else is not concerned.
    server.client("ben", Role::Candidate);
    kept.pop();
    let core = server.running().core();
    crate::support::wait_for("a free place", || core.conns().len() == 1);
    server.client("ana", Role::Candidate);
}

#[test]
fn who_shows_no_token_in_time_is_closed() {
    let server = TestServer::with(|settings| settings.limits.auth_timeout_ms = 200);
    let begun = Instant::now();
    let mut client = Client::open(server.addr(), "/ws", &[]);
    assert_eq!(client.expect("connection:error")["code"], "auth_required");
    assert_eq!(client.closed().0, 4401);
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_message_that_is_not_finished_in_time_closes() {
    let server = TestServer::with(|settings| settings.limits.message_timeout_ms = 200);
    let mut client = server.client("ana", Role::Candidate);
    let mut half = Vec::new();
    protocol::ws::client::append(&mut half, Opcode::Text, false, b"{", [1; 4]);
    client.bytes(&half);
    assert_eq!(client.closed().0, 1008);
}

#[test]
fn a_connection_closes_when_its_token_is_over() {
    let server = TestServer::start();
    let claims = api::auth::Claims {
        expires_in_ms: Some(1),
        ..api::auth::Claims::of(protocol::id::UserId::parse("ana").unwrap())
    };
    // The leeway is five seconds; so old that a moment of it is left.
    let issued = protocol::time::Wall(crate::support::now().0 - 4_000);
    let token = crate::support::verifier().issue(&claims, issued).unwrap();
    let mut client = Client::open(server.addr(), &format!("/ws?token={token}"), &[]);
    client.expect("connection:success");
    assert_eq!(client.closed(), (4410, "token_expired".to_owned()));
}

#[test]
fn a_silent_or_dripping_request_is_closed() {
    use std::io::{Read as _, Write as _};
    let server = TestServer::start();
    let mut silent = std::net::TcpStream::connect(server.addr()).unwrap();
    let mut dripping = std::net::TcpStream::connect(server.addr()).unwrap();
    dripping
        .write_all(b"GET /healthz HTTP/1.1\r\nHost:")
        .unwrap();
    for stream in [&mut silent, &mut dripping] {
        stream
            .set_read_timeout(Some(crate::support::PATIENCE))
            .unwrap();
        let mut answer = Vec::new();
        // It ends, with or without a word.
        let _ = stream.read_to_end(&mut answer).unwrap();
    }
}
