//! Tokens on open connections: warned about, renewed, expired.

use std::sync::Arc;

use api::auth::Claims;
use api::guard::Guard;
use protocol::id::UserId;
use protocol::value::Role;
use serde_json::json;
use server::guard::DoorGuard;

use crate::support::{Client, TestServer, now, token, verifier};

/// A server whose connections close when the token's `exp` is reached, without a leeway.
fn prompt() -> TestServer {
    TestServer::with(|settings| {
        let guard = Arc::new(Guard::new(verifier()));
        settings.guard = Arc::new(DoorGuard::new(guard, 0));
    })
}

fn short(user: &str, role: Role, ms: u64) -> String {
    let claims = Claims {
        role: Some(api::identity::TokenRole::Session(role)),
        expires_in_ms: Some(ms),
        ..Claims::of(UserId::parse(user).unwrap())
    };
    verifier().issue(&claims, now()).unwrap()
}

fn open(server: &TestServer, token: &str) -> Client {
    let mut client = Client::open(server.addr(), &format!("/ws?token={token}"), &[]);
    client.expect("connection:success");
    client
}

#[test]
fn a_token_about_to_expire_is_said_and_its_end_closes_with_4410_to_be_resumed() {
    let server = prompt();
    let mut ana = open(&server, &short("ana", Role::Candidate, 2_000));
    let warned = ana.expect("connection:token_expiring");
    let (at, then) = (&warned["expiresAt"], &warned["serverNow"]);
    assert!(at.as_i64().unwrap() > then.as_i64().unwrap(), "{warned}");
    let joined = ana.join("s1");
    assert_eq!(ana.closed(), (4410, "token_expired".to_owned()));

    let mut back = open(&server, &token("ana", Role::Candidate));
    let answer = back.ask(
        json!({"type": "session:join", "sessionId": "s1", "resume": {
            "key": joined["resumeKey"], "epoch": joined["epoch"], "seq": joined["seq"]
        }}),
    );
    assert_eq!(answer["type"], "ok", "{answer}");
    assert_eq!(back.expect("session:joined")["recovered"], true);
}

#[test]
fn a_refresh_keeps_the_same_connection_beyond_the_first_tokens_end() {
    let server = prompt();
    let mut ana = open(&server, &short("ana", Role::Candidate, 2_000));
    ana.expect("connection:token_expiring");
    ana.join("s1");
    let next = short("ana", Role::Candidate, 4_000);
    let answer = ana.ask(json!({"type": "auth:refresh", "token": next}));
    assert_eq!(answer["type"], "ok", "{answer}");
    let first_end = now();
    let until = answer["expiresAt"].as_i64().unwrap();
    assert!(until > first_end.0 + 1_000);
    ana.expect("connection:token_expiring");
    assert_eq!(ana.closed().0, 4410);
    assert!(now().0 >= until, "it closed before the second token's end");
}

#[test]
fn a_refresh_with_somebody_elses_token_or_a_bad_one_is_refused_and_changes_nothing() {
    let server = TestServer::start();
    let mut ana = server.client("ana", Role::Candidate);
    ana.join("s1");
    for (token, code) in [
        (token("ivo", Role::Candidate), "token_mismatch"),
        (token("ana", Role::Interviewer), "token_mismatch"),
        ("a.b.c".to_owned(), "token_invalid"),
    ] {
        let answer = ana.ask(json!({"type": "auth:refresh", "token": token}));
        assert_eq!(answer["code"], code, "{answer}");
    }
    assert_eq!(ana.ask(json!({"type": "ping"}))["type"], "pong");
    let answer = ana.ask(json!({"type": "user:visibility", "state": "hidden"}));
    assert_eq!(answer["type"], "ok", "{answer}");
}
