//! The five documents this server merges, by their names in the requirements: every event and every
//! route they name, on a real server and the plain door.

use protocol::contract::{client, server};
use protocol::value::Role;
use serde_json::{Value, json};

use crate::support::{Client, TestServer, admin, http, invitation, scripted, token};

/// Document, direction, event.
const EVENTS: [(&str, char, &str); 23] = [
    ("gab", '>', "end_interview"),
    ("gab", '<', "session_ended"),
    ("gab", '<', "interview_ended"),
    ("gateway", '<', "connection:success"),
    ("gateway", '<', "connection:error"),
    ("gateway", '>', "session:join"),
    ("gateway", '<', "session:joined"),
    ("gateway", '>', "session:leave"),
    ("gateway", '<', "session:left"),
    ("gateway", '<', "session:error"),
    ("gateway", '>', "session:status"),
    ("gateway", '<', "session:status:updated"),
    ("gateway", '<', "user:joined"),
    ("gateway", '<', "user:left"),
    ("gateway", '<', "user:disconnected"),
    ("gateway", '>', "audio:stream"),
    ("gateway", '<', "audio:received"),
    ("gateway", '<', "audio:error"),
    ("gateway", '>', "transcription:request"),
    ("gateway", '<', "transcription:result"),
    ("gateway", '<', "transcription:processing"),
    ("gateway", '<', "transcription:error"),
    ("gateway", '<', "responses:suggestions"),
];

/// Document, method, path.
const ROUTES: [(&str, &str, &str); 5] = [
    ("gab", "POST", "/api/session/end-session"),
    ("gab", "POST", "/api/websocket/close-connection"),
    ("leak", "GET", "/api/metrics"),
    ("crash", "GET", "/api/sessions/active"),
    ("crash", "DELETE", "/api/sessions/active"),
];

#[test]
fn every_event_and_route_the_documents_name_is_described() {
    for (document, direction, event) in EVENTS {
        let known = match direction {
            '>' => client::of(event).is_some(),
            _ => server::of(event).next().is_some(),
        };
        assert!(known, "{document}: {event}");
    }
    for (document, method, path) in ROUTES {
        let known = api::router::routes()
            .iter()
            .any(|route| route.method == method && route.path == path);
        assert!(known, "{document}: {method} {path}");
    }
}

fn interviewer(server: &TestServer, user: &str) -> Client {
    let token = invitation(user, Role::Interviewer, "s1");
    let mut client = Client::open(server.addr(), &format!("/ws?token={token}"), &[]);
    client.expect("connection:success");
    client
}

/// Half a second of a tone as base64: a voice, as far as the scripted recognizer cares.
fn tone() -> String {
    use base64::Engine as _;
    let samples = (0..8_000_i32).map(|n| ((n % 40 - 20) * 400) as i16);
    let bytes: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn the_gateways_events_go_the_way_its_document_says() {
    let server = TestServer::with(|settings| settings.speech = Some(scripted()));
    let mut ana = server.client("ana", Role::Candidate);
    ana.join("s1");
    let mut ivo = interviewer(&server, "ivo");
    ivo.join("s1");
    assert_eq!(ana.expect("user:joined")["userId"], "ivo");

    let started = ivo.ask(json!({ "type": "session:status", "status": "active" }));
    assert_eq!(started["type"], "ok", "{started}");
    for member in [&mut ana, &mut ivo] {
        assert_eq!(member.expect("session:status:updated")["status"], "active");
    }

    let chunk = json!({
        "type": "audio:stream", "audioData": tone(), "format": "pcm16", "sampleRate": 16_000,
    });
    assert_eq!(ana.ask(chunk)["type"], "ok");
    assert_eq!(ivo.expect("audio:received")["userId"], "ana");
    ana.send(json!({ "type": "audio:stream", "audioData": "*", "format": "webm" }));
    assert_eq!(ana.expect("audio:error")["code"], "bad_audio");

    let piece = |format: &str| {
        json!({
            "type": "transcription:request", "audioData": tone(), "format": format,
            "sampleRate": 16_000,
        })
    };
    let asked = ana.ask(piece("pcm16"));
    let processing = ana.expect("transcription:processing");
    assert_eq!(processing["requestId"], asked["requestId"]);
    let answer = loop {
        let result = ana.expect("transcription:result");
        if result.get("requestId").is_some() {
            break result;
        }
    };
    assert_eq!(
        (&answer["requestId"], &answer["isFinal"]),
        (&asked["requestId"], &json!(true))
    );
    let refused = ana.ask(piece("webm"));
    assert_eq!(refused["type"], "ok", "{refused}");
    let failed = ana.expect("transcription:error");
    assert_eq!(failed["requestId"], refused["requestId"]);
    assert_eq!(failed["code"], "unsupported_format");

    ana.send(json!({ "type": "user:visibility", "state": "hidden" }));
    assert_eq!(ivo.expect("user:visibility")["state"], "hidden");
    assert_eq!(
        ana.ask(json!({ "type": "session:extend" }))["code"],
        "no_extension"
    );
    ana.send(json!({ "type": "session:join", "sessionId": "" }));
    assert_eq!(ana.expect("session:error")["code"], "invalid_field");

    assert_eq!(ivo.ask(json!({ "type": "session:leave" }))["type"], "ok");
    ivo.expect("session:left");
    assert_eq!(ana.expect("user:left")["userId"], "ivo");
    let mut zoe = interviewer(&server, "zoe");
    zoe.join("s1");
    drop(zoe);
    assert_eq!(ana.expect("user:disconnected")["userId"], "zoe");

    ana.send(json!({ "type": "end_interview" }));
    assert_eq!(
        ana.expect("interview_ended")["result"]["reason"],
        "candidate_ended"
    );
    let ended = ana.expect("session_ended");
    assert_eq!(ended["message"], "Session has been terminated");
    assert_eq!(ana.closed().0, 1000);
    // Who left stays connected.
    drop(ivo);
    server.wait_until_empty();
}

#[test]
fn suggestions_go_to_those_the_plan_names() {
    let server = TestServer::with(|settings| settings.engine.suggest_quiet_ms = 100);
    let plan = json!({
        "id": "mine", "title": "Mine", "options": { "suggestionsTo": ["interviewer"] },
        "questions": [{ "use": "mistake", "limitMs": 90_000 }],
    });
    let (status, _) = http(
        server.addr(),
        "POST",
        "/api/plans",
        &admin(),
        &plan.to_string(),
    );
    assert_eq!(status, 201);
    let mut ana = server.client("ana", Role::Candidate);
    ana.join("s1");
    let mut ivo = interviewer(&server, "ivo");
    ivo.join("s1");
    let start = json!({ "type": "interview:start", "planId": "mine" });
    assert_eq!(ana.ask(start)["type"], "ok");
    let answer = "Last year I deleted a table of the live database. I told the team lead at once.";
    let typed = json!({ "type": "answer:text", "text": answer });
    assert_eq!(ana.ask(typed)["type"], "ok");
    let told = ivo.expect("responses:suggestions");
    assert!(told["suggestions"][0]["text"].is_string(), "{told}");
    ana.send(json!({ "type": "end_interview" }));
    loop {
        let said = ana.json();
        assert_ne!(
            said["type"], "responses:suggestions",
            "not to the candidate"
        );
        if said["type"] == "session_ended" {
            break;
        }
    }
}

#[test]
fn a_token_that_is_no_good_is_told_so() {
    let server = TestServer::start();
    let mut nobody = Client::open(server.addr(), "/ws?token=nonsense", &[]);
    assert_eq!(nobody.expect("connection:error")["code"], "token_invalid");
    assert_eq!(nobody.closed().0, 4401);
}

#[test]
fn the_documents_routes_answer_word_for_word() {
    let server = TestServer::start();
    let ana = token("ana", Role::Candidate);
    let mut socket = server.client("ana", Role::Candidate);
    socket.join("s1");
    assert_eq!(
        socket.ask(json!({ "type": "interview:start" }))["type"],
        "ok"
    );

    let ask = |method: &str, path: &str, body: &str| -> (u16, Value) {
        let (status, body) = http(server.addr(), method, path, &ana, body);
        (status, serde_json::from_str(&body).unwrap())
    };
    let (status, active) = ask("GET", "/api/sessions/active", "");
    assert_eq!(
        (status, &active["active"]["sessionId"]),
        (200, &json!("s1"))
    );

    let body = r#"{"sessionId":"s1"}"#;
    let wanted = json!({
        "message": "Session ended successfully", "sessionId": "s1", "status": "ended",
    });
    assert_eq!(
        ask("POST", "/api/session/end-session", body),
        (200, wanted.clone())
    );
    assert_eq!(socket.expect("session_ended")["reason"], "candidate_ended");
    assert_eq!(socket.closed().0, 1000);
    assert_eq!(ask("POST", "/api/session/end-session", body), (200, wanted));

    let closed = json!({ "message": "WebSocket connection closed successfully" });
    let line = "/api/websocket/close-connection";
    assert_eq!(ask("POST", line, body), (200, closed.clone()));
    assert_eq!(
        ask("POST", line, r#"{"sessionId":"nobodys"}"#),
        (200, closed.clone())
    );
    let mut socket = server.client("ana", Role::Candidate);
    socket.join("s2");
    assert_eq!(
        socket.ask(json!({ "type": "interview:start" }))["type"],
        "ok"
    );
    assert_eq!(ask("POST", line, r#"{"sessionId":"s2"}"#), (200, closed));
    assert_eq!(socket.expect("session_ended")["reason"], "closed_by_api");

    assert_eq!(
        ask("DELETE", "/api/sessions/active", ""),
        (200, json!({ "cleared": null }))
    );
    let (status, metrics) = http(server.addr(), "GET", "/api/metrics", &admin(), "");
    let metrics: Value = serde_json::from_str(&metrics).unwrap();
    assert_eq!(status, 200);
    for name in ["activeSessions", "questionTimers", "socketMappings"] {
        assert!(metrics[name].is_u64(), "{metrics}");
    }
    for name in ["rss", "heapTotal", "heapUsed", "external"] {
        assert!(metrics["memory"][name].is_u64(), "{metrics}");
    }
}

#[test]
fn a_back_end_says_something_into_a_room() {
    let server = TestServer::start();
    let mut ana = server.client("ana", Role::Candidate);
    ana.join("s1");
    // At once: the session runs, whether or not it is in the records yet.
    let body = r#"{"type":"custom:hint","data":{"text":"Breathe."}}"#;
    let line = "/api/sessions/s1/events";
    let (status, answer) = http(server.addr(), "POST", line, &admin(), body);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &answer["receivers"]), (200, &json!(1)), "{answer}");
    let heard = ana.expect("custom:hint");
    assert_eq!(heard["data"]["text"], "Breathe.");
    assert_eq!(heard["seq"], answer["seq"]);
}

#[test]
fn the_id_of_a_deleted_session_is_not_used_again() {
    let server = TestServer::start();
    let ask = |method, path, body| http(server.addr(), method, path, &admin(), body);
    let body = r#"{"id":"s1"}"#;
    assert_eq!(ask("POST", "/api/sessions", body).0, 201);
    assert_eq!(ask("POST", "/api/sessions/s1/end", "").0, 200);
    assert_eq!(ask("DELETE", "/api/sessions/s1/data", "").0, 200);
    let (status, answer) = ask("POST", "/api/sessions", body);
    assert!(
        status == 409 && answer.contains("session_exists"),
        "{answer}"
    );
    // Where a join may make a session, it makes no second one of that name.
    let mut ana = server.client("ana", Role::Candidate);
    let join = json!({ "type": "session:join", "sessionId": "s1" });
    let refused = ana.ask(join);
    assert_eq!(refused["code"], "session_ended", "{refused}");
}

#[test]
fn a_session_that_a_join_has_just_made_can_be_ended_over_http_at_once() {
    let server = TestServer::start();
    for (nth, line) in [
        "/api/session/end-session",
        "/api/websocket/close-connection",
        "/api/sessions/s2/end",
    ]
    .into_iter()
    .enumerate()
    {
        let session = format!("s{nth}");
        let mut ana = server.client("ana", Role::Candidate);
        ana.join(&session);
        let body = json!({ "sessionId": session }).to_string();
        // Somebody else gets the documents' answer, and nothing is done.
        let eve = token("eve", Role::Candidate);
        let (status, _) = http(server.addr(), "POST", line, &eve, &body);
        assert_eq!(status, if nth == 2 { 404 } else { 200 }, "{line}");
        assert_eq!(ana.ask(json!({ "type": "ping" }))["type"], "pong");
        let own = token("ana", Role::Candidate);
        let (status, answer) = http(server.addr(), "POST", line, &own, &body);
        assert_eq!(status, 200, "{line}: {answer}");
        assert_eq!(ana.expect("session_ended")["sessionId"], session.as_str());
    }
}
