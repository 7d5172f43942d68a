//! Tokens on open connections: warned about, renewed, expired, taken back; tickets and API keys.

use api::auth::Claims;
use protocol::id::UserId;
use protocol::value::Role;
use serde_json::{Value, json};

use crate::support::{Client, TestServer, admin, http, now, token, verifier};

/// A server whose connections close when the token's `exp` is reached, without a leeway.
fn prompt() -> TestServer {
    TestServer::with(|settings| settings.token_leeway_ms = 0)
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
    let mut ana = open(&server, &short("ana", Role::Candidate, 4_000));
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
    let mut ana = open(&server, &short("ana", Role::Candidate, 5_000));
    ana.expect("connection:token_expiring");
    ana.join("s1");
    let next = short("ana", Role::Candidate, 7_000);
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

fn api(server: &TestServer, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let (status, text) = http(server.addr(), method, path, token, &body);
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[test]
fn a_ticket_opens_one_socket_and_no_second_one() {
    let server = TestServer::start();
    let order = json!({"userId": "ana", "role": "candidate", "sessionId": "s1"});
    let (status, body) = api(&server, "POST", "/api/tickets", &admin(), &order);
    assert_eq!(status, 201, "{body}");
    let path = format!("/ws?ticket={}", body["ticket"].as_str().unwrap());
    let mut ana = Client::open(server.addr(), &path, &[]);
    assert_eq!(ana.expect("connection:success")["userId"], "ana");
    ana.join("s1");
    let mut again = Client::open(server.addr(), &path, &[]);
    assert_eq!(again.expect("connection:error")["code"], "token_invalid");
    assert_eq!(again.closed().0, 4401);

    // What was let in with a ticket goes on with another one.
    let (_, body) = api(&server, "POST", "/api/tickets", &admin(), &order);
    let answer = ana.ask(json!({"type": "auth:refresh", "token": body["ticket"]}));
    assert_eq!(answer["type"], "ok", "{answer}");
}

#[test]
fn a_user_whose_tokens_are_revoked_is_put_out_and_their_interview_ends_token_revoked() {
    let server = TestServer::start();
    let (_, made) = api(
        &server,
        "POST",
        "/api/sessions",
        &admin(),
        &json!({"id": "s1", "candidate": "ana", "participants": [{"userId": "ivo", "role": "interviewer"}]}),
    );
    assert_eq!(made["id"], "s1", "{made}");
    let old = token("ana", Role::Candidate);
    let mut ana = open(&server, &old);
    ana.join("s1");
    let mut elsewhere = open(&server, &old);
    let mut ivo = server.client("ivo", Role::Interviewer);
    ivo.join("s1");
    assert_eq!(ana.ask(json!({"type": "interview:start"}))["type"], "ok");

    let (status, body) = api(
        &server,
        "POST",
        "/api/revocations",
        &admin(),
        &json!({"userId": "ana"}),
    );
    assert_eq!(status, 201, "{body}");
    assert_eq!(
        (&body["userId"], &body["ended"]),
        (&json!("ana"), &json!("s1"))
    );
    for gone in [&mut ana, &mut elsewhere] {
        assert_eq!(gone.expect("connection:error")["code"], "token_revoked");
        assert_eq!(gone.closed(), (4401, "not_authenticated".to_owned()));
    }
    assert_eq!(ivo.expect("session_ended")["reason"], "token_revoked");

    let mut back = Client::open(server.addr(), &format!("/ws?token={old}"), &[]);
    assert_eq!(back.expect("connection:error")["code"], "token_revoked");
    let (status, body) = api(&server, "GET", "/api/sessions/active", &old, &Value::Null);
    assert_eq!((status, &body["code"]), (401, &json!("token_revoked")));
    // A token made later is good, and so are all after the revocation is forgotten.
    let claims = Claims::of(UserId::parse("ana").unwrap());
    let later = verifier().issue(&claims, now().after(2_000)).unwrap();
    open(&server, &later);
    let line = "/api/revocations?userId=ana";
    assert_eq!(
        api(&server, "DELETE", line, &admin(), &Value::Null).1["removed"],
        true
    );
    open(&server, &old);
}

#[test]
fn a_session_whose_invitations_are_revoked_ends_and_only_those_who_came_by_one_are_put_out() {
    let server = TestServer::start();
    let (_, made) = api(
        &server,
        "POST",
        "/api/sessions",
        &admin(),
        &json!({"id": "s1", "participants": [{"userId": "ivo", "role": "interviewer"}]}),
    );
    assert_eq!(made["id"], "s1", "{made}");
    let invitation = crate::support::invitation("ana", Role::Candidate, "s1");
    let mut ana = open(&server, &invitation);
    ana.join("s1");
    let mut ivo = server.client("ivo", Role::Interviewer);
    ivo.join("s1");
    assert_eq!(ana.ask(json!({"type": "interview:start"}))["type"], "ok");
    let (_, body) = api(
        &server,
        "POST",
        "/api/revocations",
        &admin(),
        &json!({"sessionId": "s1"}),
    );
    assert_eq!(body["ended"], "s1", "{body}");
    assert_eq!(ana.closed().0, 4401);
    assert_eq!(ivo.expect("session_ended")["reason"], "token_revoked");
    assert_eq!(ivo.closed().0, 1000);
}

#[test]
fn a_revocation_outlives_the_process() {
    let mut server = TestServer::start();
    let (status, _) = api(
        &server,
        "POST",
        "/api/revocations",
        &admin(),
        &json!({"userId": "ana"}),
    );
    assert_eq!(status, 201);
    let old = token("ana", Role::Candidate);
    server.running.take().unwrap().abort();
    server.running = Some(TestServer::start_in(server.dir.path(), |_| {}));
    let mut ana = Client::open(server.addr(), &format!("/ws?token={old}"), &[]);
    assert_eq!(ana.expect("connection:error")["code"], "token_revoked");
}

/// Runs `greenroom keys …` on the folder of a server; what it prints.
fn keys(server: &TestServer, words: &[&str]) -> (bool, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_greenroom"))
        .arg("keys")
        .args(words)
        .arg("--data")
        .arg(server.dir.path())
        .current_dir(server.dir.path())
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), text.trim().to_owned())
}

#[test]
fn a_key_made_beside_the_running_server_is_soon_good_and_soon_gone() {
    let server = TestServer::start();
    let (made, key) = keys(&server, &["create", "--name", "the shop"]);
    assert!(made && api::apikey::is_well_formed(&key), "{key}");
    let list = || http(server.addr(), "GET", "/api/sessions", &key, "").0;
    crate::support::wait_for("a good key", || list() == 200);
    let mut socket = open(&server, &key);
    let (_, listed) = keys(&server, &["list"]);
    assert!(
        listed.contains("the shop") && listed.contains("in force"),
        "{listed}"
    );
    let id = listed.split(' ').next().unwrap().to_owned();
    assert!(key.contains(&id) && !listed.contains(&key));
    assert!(keys(&server, &["revoke", &id]).0);
    assert!(!keys(&server, &["revoke", &id]).0, "it was revoked before");
    assert_eq!(socket.expect("connection:error")["code"], "token_revoked");
    assert_eq!(socket.closed().0, 4401);
    crate::support::wait_for("a refused key", || list() == 401);
}

#[test]
fn a_ticket_opens_a_polling_connection_that_is_upgraded_with_the_same_address() {
    let server = TestServer::start();
    let order = json!({"userId": "ana", "role": "candidate", "sessionId": "s1"});
    let (_, body) = api(&server, "POST", "/api/tickets", &admin(), &order);
    let ticket = body["ticket"].as_str().unwrap();
    let address = |carrier: &str| format!("/socket.io/?EIO=4&transport={carrier}&ticket={ticket}");
    let opened = poll(&server, "GET", &address("polling"), "");
    let start = opened.find('{').unwrap();
    let open: Value = serde_json::from_str(&opened[start..]).unwrap();
    let sid = open["sid"].as_str().unwrap();
    let with_sid = |carrier: &str| format!("{}&sid={sid}", address(carrier));
    poll(&server, "POST", &with_sid("polling"), "40/interview,");
    let answer = poll(&server, "GET", &with_sid("polling"), "");
    assert!(answer.starts_with("40/interview,"), "{answer}");
    let mut socket = Client::open(server.addr(), &with_sid("websocket"), &[]);
    socket.text("2probe");
    assert_eq!(socket.word(), "3probe");
}

/// One request of a page that polls.
fn poll(server: &TestServer, method: &str, path: &str, body: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(server.addr()).unwrap();
    stream
        .set_read_timeout(Some(crate::support::PATIENCE))
        .unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
        .split_once("\r\n\r\n")
        .map_or("", |(_, body)| body)
        .to_owned()
}

#[test]
fn on_the_other_door_too_a_token_is_warned_about_renewed_and_taken_back() {
    let server = TestServer::start();
    let brief = short("ana", Role::Candidate, 30_000);
    let path = "/socket.io/?EIO=4&transport=websocket";
    let mut ana = Client::open(server.addr(), path, &[]);
    assert!(ana.word().starts_with("0{"));
    ana.text(&format!(r#"40/interview,{{"token":"{brief}"}}"#));
    let mut until = |part: &str| loop {
        let word = ana.word();
        if word.contains(part) {
            return word;
        }
    };
    until("connection:token_expiring");
    let next = token("ana", Role::Candidate);
    let refresh = format!(r#"42/interview,7["auth:refresh",{{"token":"{next}"}}]"#);
    ana.text(&refresh);
    let mut until = |part: &str| loop {
        let word = ana.word();
        if word.contains(part) {
            return word;
        }
    };
    let answer = until("43/interview,7[");
    assert!(answer.contains("expiresAt"), "{answer}");
    let revoke = json!({"userId": "ana"});
    assert_eq!(
        api(&server, "POST", "/api/revocations", &admin(), &revoke).0,
        201
    );
    until("token_revoked");
    until("41/interview,");
}
