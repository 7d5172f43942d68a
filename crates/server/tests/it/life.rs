//! The life of a server: what it leaves behind when it dies, what it takes over when it starts,
//! how it stops.

use std::time::{Duration, Instant};

use protocol::value::Role;
use serde_json::{Value, json};

use crate::door::{base64, voice};
use crate::support::{Client, TestServer, http, scripted, token, wait_for};

fn start(client: &mut Client, session: &str) {
    client.join(session);
    let started = client.ask(json!({
        "type": "interview:start",
        "questions": [{"id": "q1", "text": "Who are you?", "limitMs": 600_000}],
    }));
    assert_eq!(started["type"], "ok", "{started}");
    client.expect("question:asked");
}

#[test]
fn after_a_death_in_mid_answer_the_words_are_made_from_the_audio_and_the_session_ends() {
    let mut server = TestServer::with(|settings| settings.speech = None);
    let mut ana = server.client("ana", Role::Candidate);
    start(&mut ana, "s1");
    for (seq, chunk) in voice().chunks(3_200).enumerate() {
        ana.send(json!({
            "type": "audio:stream", "audioData": base64(chunk), "format": "pcm16",
            "sampleRate": 16_000, "streamId": 1, "seq": seq,
        }));
    }
    let last = voice().chunks(3_200).count() as u64 - 1;
    while ana.expect("audio:ack")["seq"].as_u64() < Some(last) {}
    server.running.take().unwrap().abort();

    let running = TestServer::start_in(server.dir.path(), |settings| {
        settings.speech = Some(scripted());
        settings.engine.grace_ms = 0;
    });
    let gauges = running.core().gauges();
    assert_eq!(
        (gauges.engine.active, gauges.engine.completing),
        (0, 0),
        "before the first request"
    );
    let ana = token("ana", Role::Candidate);
    let (status, row) = http(running.addr(), "GET", "/api/sessions/s1", &ana, "");
    assert_eq!(status, 200, "{row}");
    let row: Value = serde_json::from_str(&row).unwrap();
    assert_eq!(row["status"], "ended", "{row}");
    let (status, report) = http(running.addr(), "GET", "/api/sessions/s1/report", &ana, "");
    assert_eq!(status, 200, "{report}");
    assert!(report.contains("w1 w2"), "the words of the audio: {report}");
    let (_, active) = http(running.addr(), "GET", "/api/sessions/active", &ana, "");
    assert!(!active.contains("s1"), "{active}");
    let audio = server.dir.path().join("audio").join("s1");
    wait_for("deleted audio", || !audio.exists());
    running.shutdown();
}

/// The number and the words of the next single recognition.
fn recognized(client: &mut Client) -> (Value, Value) {
    loop {
        let result = client.expect("transcription:result");
        if let Some(number) = result.get("requestId") {
            return (number.clone(), result["text"].clone());
        }
    }
}

#[test]
fn a_recognition_asked_for_again_after_a_restart_has_the_same_answer_and_its_words() {
    let speaks = |settings: &mut server::driver::server::Settings| {
        settings.speech = Some(scripted());
    };
    let mut server = TestServer::with(speaks);
    let mut ana = server.client("ana", Role::Candidate);
    start(&mut ana, "s1");
    let piece = |id: &str| {
        json!({
            "type": "transcription:request", "id": id, "format": "pcm16", "sampleRate": 16_000,
            "audioData": base64(&voice()),
        })
    };
    ana.ask(piece("first"));
    recognized(&mut ana);
    let before = ana.ask(piece("second"));
    assert_eq!(before["type"], "ok", "{before}");
    let (number, words) = recognized(&mut ana);
    assert_eq!(number, before["requestId"]);
    server.running.take().unwrap().abort();

    server.running = Some(TestServer::start_in(server.dir.path(), speaks));
    let mut ana = server.client("ana", Role::Candidate);
    ana.join("s1");
    assert_eq!(ana.ask(piece("second")), before);
    assert_eq!(recognized(&mut ana), (number, words));
    let other = ana.ask(piece("third"));
    assert_ne!(other["requestId"], before["requestId"]);
}

/// The status of an attempt to move with this code.
fn moved(server: &TestServer, offered: &Value) -> (u16, Value) {
    let body = json!({"code": offered["code"]}).to_string();
    let (status, answer) = http(server.addr(), "POST", "/api/transfers", "", &body);
    (status, serde_json::from_str(&answer).unwrap())
}

#[test]
fn what_lets_in_once_is_void_after_a_restart_and_a_new_one_is_to_be_had() {
    let mut server = TestServer::with(|settings| settings.engine.takeover_newest = false);
    let mut ana = server.client("ana", Role::Candidate);
    start(&mut ana, "s1");
    let bearer = token("ana", Role::Candidate);
    let ticket = |server: &TestServer| {
        let (status, made) = http(server.addr(), "POST", "/api/tickets", &bearer, "");
        assert_eq!(status, 201, "{made}");
        let made: Value = serde_json::from_str(&made).unwrap();
        format!("/ws?ticket={}", made["ticket"].as_str().unwrap())
    };
    let used = ticket(&server);
    let mut let_in = Client::open(server.addr(), &used, &[]);
    let_in.expect("connection:success");
    let unused = ticket(&server);
    let first = ana.ask(json!({"type": "session:transfer"}));
    assert_eq!(moved(&server, &first).0, 200);
    let second = ana.ask(json!({"type": "session:transfer"}));
    server.running.take().unwrap().abort();

    let again = TestServer::start_in(server.dir.path(), |settings| {
        settings.engine.takeover_newest = false;
    });
    server.running = Some(again);
    for path in [&used, &unused] {
        let mut refused = Client::open(server.addr(), path, &[]);
        assert_eq!(refused.expect("connection:error")["code"], "token_invalid");
        assert_eq!(refused.closed().0, 4401);
    }
    Client::open(server.addr(), &ticket(&server), &[]).expect("connection:success");
    for offered in [&first, &second] {
        let (status, answer) = moved(&server, offered);
        assert_eq!((status, &answer["code"]), (409, &json!("transfer_invalid")));
    }
    // The interview goes on, and moves with a new code, also where takeovers are refused.
    let mut ana = server.client("ana", Role::Candidate);
    ana.join("s1");
    let third = ana.ask(json!({"type": "session:transfer"}));
    let (status, answer) = moved(&server, &third);
    assert_eq!(status, 200, "{answer}");
    let path = format!("/ws?token={}", answer["token"].as_str().unwrap());
    let mut phone = Client::open(server.addr(), &path, &[]);
    phone.expect("connection:success");
    phone.join("s1");
    assert_eq!(ana.closed().0, 4409);
}

#[test]
fn a_drain_sends_everybody_away_to_come_back_and_stops_in_time() {
    let mut server = TestServer::start();
    let mut ana = server.client("ana", Role::Candidate);
    start(&mut ana, "s1");
    let addr = server.addr();
    let running = server.running.take().unwrap();
    let begun = Instant::now();
    let stopped = std::thread::spawn(move || running.shutdown());
    let told = ana.expect("server:draining");
    assert!(told["retryAfterMs"].as_u64() >= Some(1_000));
    assert_eq!(ana.closed(), (4420, "server_restart".to_owned()));
    drop(ana);
    stopped.join().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(
        std::net::TcpStream::connect(addr).is_err(),
        "nobody listens any more"
    );
}

#[test]
fn a_candidate_has_one_interview_and_can_clear_it_over_the_socket() {
    let server = TestServer::start();
    let mut ana = server.client("ana", Role::Candidate);
    start(&mut ana, "s1");
    let token = token("ana", Role::Candidate);
    let mut second = Client::open(server.addr(), &format!("/ws?token={token}"), &[]);
    second.expect("connection:success");
    second.join("s2");
    let refused = second.ask(json!({"type": "interview:start", "questions": []}));
    assert_eq!(refused["code"], "session_active", "{refused}");
    let cleared = second.ask(json!({"type": "session:clear"}));
    assert_eq!(cleared["cleared"], "s1", "{cleared}");
    assert_eq!(ana.expect("session_ended")["reason"], "cleared_by_user");
    assert_eq!(ana.closed().0, 1000);
    let started = second.ask(json!({"type": "interview:start", "questions": []}));
    assert_eq!(started["type"], "ok", "{started}");
    // Whoever clears the session they are in is closed with it.
    second.send(json!({"type": "session:clear"}));
    assert_eq!(second.expect("session_ended")["reason"], "cleared_by_user");
    assert_eq!(second.closed().0, 1000);
}

#[test]
fn the_api_creates_a_session_and_ends_it_under_a_live_connection() {
    let server = TestServer::with(|settings| settings.engine.create_on_join = false);
    let admin = crate::support::admin();
    let body = json!({"id": "s1", "title": "A talk", "candidate": "ana"}).to_string();
    let (status, answer) = http(server.addr(), "POST", "/api/sessions", &admin, &body);
    assert_eq!(status, 201, "{answer}");
    let mut ana = server.client("ana", Role::Candidate);
    let unknown = ana.ask(json!({"type": "session:join", "sessionId": "s9"}));
    assert_eq!(unknown["code"], "session_not_found");
    let id: Value = serde_json::from_str(&answer).unwrap();
    let id = id["sessionId"]
        .as_str()
        .or(id["id"].as_str())
        .unwrap()
        .to_owned();
    ana.join(&id);
    let body = json!({"sessionId": id}).to_string();
    let path = "/api/websocket/close-connection";
    let (status, answer) = http(server.addr(), "POST", path, &admin, &body);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(ana.expect("session_ended")["reason"], "closed_by_api");
    assert_eq!(ana.closed().0, 1000);
    let (status, again) = http(server.addr(), "POST", path, &admin, &body);
    assert_eq!((status, again), (200, answer));
    drop(ana);
    server.wait_until_empty();
}

#[test]
fn the_api_reaches_a_session_that_was_only_joined_and_of_which_nothing_is_stored() {
    let server = TestServer::start();
    let admin = crate::support::admin();
    let [mut ana, mut ben] = ["ana", "ben"].map(|user| server.client(user, Role::Candidate));
    ana.join("s1");
    ben.join("s2");
    let ask = |path: &str, token: &str, body: Value| {
        http(server.addr(), "POST", path, token, &body.to_string())
    };
    let hint = json!({"type": "custom:hint", "data": {"text": "Welcome."}});
    let (status, answer) = ask("/api/sessions/s1/events", &admin, hint.clone());
    assert_eq!(status, 200, "{answer}");
    assert_eq!(ana.expect("custom:hint")["data"]["text"], "Welcome.");
    assert_eq!(ask("/api/sessions/s9/events", &admin, hint).0, 404);

    // To somebody else it is as if it were not there.
    let line = "/api/session/end-session";
    let stranger = token("eve", Role::Candidate);
    let body = json!({"sessionId": "s2"});
    assert_eq!(ask(line, &stranger, body.clone()).0, 200);
    let end = "/api/sessions/s2/end";
    assert_eq!(ask(end, &stranger, json!({})).0, 404);
    assert_eq!(ben.ask(json!({"type": "ping"}))["type"], "pong");
    let own = token("ben", Role::Candidate);
    assert_eq!(ask(line, &own, body).0, 200);
    assert_eq!(ben.expect("session_ended")["reason"], "candidate_ended");
    assert_eq!(ben.closed().0, 1000);
    let (status, again) = ask(end, &own, json!({}));
    assert_eq!(status, 200, "{again}");
    assert!(again.contains("candidate_ended"), "{again}");
}

#[test]
fn health_and_metrics_say_how_it_is() {
    let server = TestServer::start();
    let mut ana = server.client("ana", Role::Candidate);
    start(&mut ana, "s1");
    let admin = crate::support::admin();
    assert_eq!(http(server.addr(), "GET", "/healthz", "", "").0, 200);
    assert_eq!(http(server.addr(), "GET", "/readyz", "", "").0, 200);
    let (status, numbers) = http(server.addr(), "GET", "/api/metrics", &admin, "");
    assert_eq!(status, 200, "{numbers}");
    let numbers: Value = serde_json::from_str(&numbers).unwrap();
    assert_eq!(
        (&numbers["activeSessions"], &numbers["questionTimers"]),
        (&json!(1), &json!(1)),
        "{numbers}"
    );
    assert_eq!(numbers["socketMappings"], 1);
    let (_, text) = http(server.addr(), "GET", "/metrics", &admin, "");
    for line in [
        "greenroom_sessions{status=\"active\"} 1",
        "greenroom_connections 1",
        "greenroom_sessions_started_total 1",
        "greenroom_start_store_seconds_count 1",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn a_running_interview_moves_to_another_device_by_a_code_that_is_good_once() {
    let server = TestServer::start();
    let mut ana = server.client("ana", Role::Candidate);
    start(&mut ana, "s1");
    let ask = json!({"type": "session:transfer", "id": "move"});
    let offered = ana.ask(ask.clone());
    assert_eq!(offered["type"], "ok", "{offered}");
    assert_eq!(ana.ask(ask), offered, "asked again after a lost answer");
    let body = json!({"code": offered["code"]}).to_string();
    let (status, moved) = http(server.addr(), "POST", "/api/transfers", "", &body);
    assert_eq!(status, 200, "{moved}");
    let moved: Value = serde_json::from_str(&moved).unwrap();
    let path = format!("/ws?token={}", moved["token"].as_str().unwrap());
    let mut phone = Client::open(server.addr(), &path, &[]);
    phone.expect("connection:success");
    let joined = phone.join("s1");
    assert_eq!(
        (&joined["session"]["status"], &joined["you"]["role"]),
        (&json!("active"), &json!("candidate"))
    );
    assert_eq!(ana.expect("connection:replaced")["sessionId"], "s1");
    assert_eq!(ana.closed().0, 4409);
    let (status, again) = http(server.addr(), "POST", "/api/transfers", "", &body);
    assert_eq!(status, 409, "{again}");
    let done = phone.ask(json!({"type": "answer:done"}));
    assert_eq!(done["type"], "ok", "{done}");
}
