//! What somebody who connects sees: tokens, joins, an interview, ends, takeovers.

use protocol::value::Role;
use serde_json::json;

use crate::support::{Client, TestServer, scripted, token};

#[test]
fn an_interview_runs_from_join_to_report() {
    let server = TestServer::with(|settings| settings.speech = Some(scripted()));
    let mut ana = server.client("ana", Role::Candidate);
    let joined = ana.join("s1");
    assert_eq!(joined["session"]["status"], "scheduled");
    assert_eq!(joined["room"], 1);
    let started = ana.ask(json!({
        "type": "interview:start",
        "questions": [
            {"id": "q1", "text": "Who are you?", "limitMs": 60_000},
            {"id": "q2", "text": "Why?", "limitMs": 60_000},
        ],
    }));
    assert_eq!(started["type"], "ok", "{started}");
    assert_eq!(ana.expect("question:asked")["questionId"], "q1");
    let voice = voice();
    for (seq, chunk) in voice.chunks(3_200).enumerate() {
        ana.send(json!({
            "type": "audio:stream", "audioData": base64(chunk), "format": "pcm16",
            "sampleRate": 16_000, "streamId": 1, "seq": seq,
        }));
    }
    let heard = ana.expect("transcription:result");
    assert_eq!(heard["userId"], "ana");
    let ack = ana.expect("audio:ack");
    assert_eq!(ack["streamId"], 1);
    let answer = ana.ask(json!({"type": "answer:done"}));
    assert_eq!(answer["type"], "ok", "{answer}");
    assert_eq!(ana.expect("question:closed")["outcome"], "answered");
    assert_eq!(ana.expect("question:asked")["questionId"], "q2");
    let ended = ana.ask(json!({"type": "end_interview"}));
    assert_eq!(ended["type"], "ok", "{ended}");
    let ended = ana.expect("interview_ended");
    assert_eq!(ended["result"]["reason"], "candidate_ended");
    assert_eq!(ended["result"]["reportReady"], true);
    assert_eq!(ana.expect("session_ended")["reason"], "candidate_ended");
    assert_eq!(ana.closed(), (1000, "session_over".to_owned()));
    drop(ana);
    server.wait_until_empty();
    let token = token("ana", Role::Candidate);
    let path = "/api/sessions/s1/report";
    let (status, report) = crate::support::http(server.addr(), "GET", path, &token, "");
    assert_eq!(status, 200, "{report}");
    assert!(report.contains("w1 w2"), "{report}");
}

#[test]
fn a_second_page_takes_the_seat_and_the_first_is_told() {
    let server = TestServer::start();
    let mut first = server.client("ana", Role::Candidate);
    first.join("s1");
    let mut second = server.client("ana", Role::Candidate);
    second.join("s1");
    first.expect("connection:replaced");
    assert_eq!(first.closed(), (4409, "replaced".to_owned()));
    let pong = second.ask(json!({"type": "ping"}));
    assert_eq!(pong["type"], "pong");
}

#[test]
fn a_connection_without_a_token_may_send_it_first() {
    let server = TestServer::start();
    let mut client = Client::open(server.addr(), "/ws", &[]);
    let token = token("ana", Role::Candidate);
    client.send(json!({"type": "auth", "token": token, "ref": 1}));
    assert_eq!(client.json()["type"], "connection:success");
    assert_eq!(client.json()["ref"], 1);
    client.join("s1");
}

/// Three seconds that the voice detector takes for speech, and one of silence.
pub(crate) fn voice() -> Vec<u8> {
    let mut bytes = Vec::new();
    for n in 0..16_000 * 4_i32 {
        let t = f64::from(n) / 16_000.0;
        let wave: f64 = (1..12)
            .map(|h| (t * 130.0 * f64::from(h) * std::f64::consts::TAU).sin())
            .sum();
        let gate = if (t * 3.0).fract() < 0.7 { 1.0 } else { 0.2 };
        let sample = if t < 3.0 { wave * gate * 2_000.0 } else { 0.0 };
        bytes.extend_from_slice(&(sample as i16).to_le_bytes());
    }
    bytes
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
