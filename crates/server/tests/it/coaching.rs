//! Suggestions, consent, plans of the API, report jobs and retention on whole servers.

use std::time::Duration;

use protocol::value::Role;
use serde_json::{Value, json};
use server::driver::retention::Retention;

use crate::support::{Client, TestServer, admin, http, invitation, token, wait_for};

const BEGINNING: &str = "Last year at my old job I deleted a table of the live database on a Friday. I told the team \
     lead at once, we stopped the imports, and I restored the table from the backup of that night. \
     We lost two hours of orders, and I called the three customers whose orders were gone myself.";

fn plan(id: &str) -> Value {
    json!({
        "id": id, "title": "Mine",
        "options": {"suggestionsTo": ["candidate"]},
        "questions": [{"use": "mistake", "limitMs": 90_000}],
    })
}

fn api(server: &TestServer, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let (status, text) = http(server.addr(), method, path, &admin(), &body);
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

fn start(client: &mut Client, plan: &str) -> Value {
    client.ask(json!({"type": "interview:start", "planId": plan}))
}

/// Types an answer and ends the interview.
fn answered(server: &TestServer, session: &str) {
    let mut ana = server.client("ana", Role::Candidate);
    ana.join(session);
    assert_eq!(start(&mut ana, "behavioral")["type"], "ok");
    let typed = json!({"type": "answer:text", "text": BEGINNING});
    assert_eq!(ana.ask(typed)["type"], "ok");
    ana.send(json!({"type": "end_interview"}));
    ana.expect("session_ended");
}

fn report_of(server: &TestServer, session: &str) -> Option<String> {
    let path = format!("/api/sessions/{session}/report");
    let (status, text) = http(server.addr(), "GET", &path, &admin(), "");
    (status == 200).then_some(text)
}

#[test]
fn what_could_be_asked_next_is_suggested_after_a_pause_and_the_report_is_scored() {
    let server = TestServer::with(|settings| settings.engine.suggest_quiet_ms = 100);
    assert_eq!(api(&server, "POST", "/api/plans", &plan("mine")).0, 201);
    let mut ana = server.client("ana", Role::Candidate);
    ana.join("s1");
    assert_eq!(
        start(&mut ana, "mine")["type"],
        "ok",
        "the engine knows the plan"
    );
    let typed = json!({"type": "answer:text", "text": BEGINNING});
    assert_eq!(ana.ask(typed)["type"], "ok");
    let told = ana.expect("responses:suggestions");
    let suggestion = &told["suggestions"][0];
    assert_eq!(suggestion["criterion"], "point:changed-since");
    assert_eq!(suggestion["text"], "What do you do differently today?");
    assert!(told["seq"].as_u64().unwrap() > 0, "it is in the log");

    ana.send(json!({"type": "end_interview"}));
    ana.expect("session_ended");
    let report: Value = serde_json::from_str(&report_of(&server, "s1").unwrap()).unwrap();
    assert_eq!(report["schema"], "greenroom.report/2");
    let criteria = report["scores"]["questions"][0]["criteria"]
        .as_array()
        .unwrap();
    let value = |name: &str| {
        let found = criteria.iter().find(|c| c["criterion"] == name);
        found.unwrap()["value"].clone()
    };
    assert_eq!(value("point:changed-since"), 0.0);
    let evidence = { criteria.iter() }.find_map(|c| c["evidence"][0]["quote"].as_str());
    assert!(BEGINNING.contains(evidence.unwrap()));
    let (_, shown) = api(&server, "GET", "/api/sessions/s1", &Value::Null);
    assert_eq!(shown["report"]["state"], "done");
}

#[test]
fn a_report_that_was_not_made_at_the_end_is_made_after_a_restart() {
    let mut server = TestServer::with(|settings| {
        settings.engine.report_ms = 0;
        settings.look_every.0 = Duration::from_secs(3_600);
    });
    answered(&server, "s1");
    if report_of(&server, "s1").is_none() {
        let (_, shown) = api(&server, "GET", "/api/sessions/s1", &Value::Null);
        assert_eq!(shown["report"]["state"], "queued");
    }
    server.running.take().unwrap().abort();
    server.running = Some(TestServer::start_in(server.dir.path(), |_| {}));
    wait_for("the report", || report_of(&server, "s1").is_some());
    let (_, open) = api(&server, "GET", "/api/reports/open", &Value::Null);
    assert_eq!(open, json!({"reports": [], "next": null}));
}

#[test]
fn a_report_made_again_from_the_records_has_the_same_bytes() {
    let mut server = TestServer::start();
    answered(&server, "s1");
    let first = report_of(&server, "s1").unwrap();
    server.running.take().unwrap().shutdown();
    let records = rusqlite::Connection::open(server.dir.path().join("greenroom.db")).unwrap();
    records
        .execute_batch("DELETE FROM reports; UPDATE report_jobs SET state = 'queued'")
        .unwrap();
    drop(records);
    server.running = Some(TestServer::start_in(server.dir.path(), |_| {}));
    wait_for("the report", || report_of(&server, "s1").is_some());
    assert_eq!(report_of(&server, "s1").unwrap(), first);
}

#[test]
fn plans_of_the_api_survive_a_restart_and_so_does_what_was_taken_out() {
    let mut server = TestServer::start();
    assert_eq!(api(&server, "POST", "/api/plans", &plan("mine")).0, 201);
    assert_eq!(
        api(&server, "DELETE", "/api/plans/practice", &Value::Null).0,
        204
    );
    server.running.take().unwrap().abort();
    server.running = Some(TestServer::start_in(server.dir.path(), |_| {}));
    assert_eq!(api(&server, "GET", "/api/plans/mine", &Value::Null).0, 200);
    assert_eq!(
        api(&server, "GET", "/api/plans/practice", &Value::Null).0,
        404
    );
    let mut ana = server.client("ana", Role::Candidate);
    ana.join("s1");
    assert_eq!(start(&mut ana, "practice")["code"], "plan_not_found");
    assert_eq!(start(&mut ana, "mine")["type"], "ok");
}

#[test]
fn no_sound_is_taken_before_the_consent_the_plan_asks_for() {
    let server = TestServer::start();
    let mut asking = plan("asking");
    asking["consent"] = json!({
        "version": "2026-01", "text": "May we?", "purposes": ["transcription"],
    });
    assert_eq!(api(&server, "PUT", "/api/plans/asking", &asking).0, 201);
    let made = json!({"id": "s1", "planId": "asking", "candidate": "ana"});
    assert_eq!(api(&server, "POST", "/api/sessions", &made).0, 201);
    let mut ana = server.client("ana", Role::Candidate);
    ana.join("s1");
    assert_eq!(ana.expect("consent:request")["version"], "2026-01");
    let mut ben = Client::open(
        server.addr(),
        &format!("/ws?token={}", invitation("ben", Role::Interviewer, "s1")),
        &[],
    );
    ben.expect("connection:success");
    ben.join("s1");
    let chunk = json!({
        "type": "audio:stream", "audioData": "YWJjZA==", "format": "pcm16", "sampleRate": 16_000,
    });
    ana.send(chunk.clone());
    assert_eq!(ana.expect("audio:error")["code"], "consent_required");
    let begin = json!({"type": "interview:start"});
    assert_eq!(ana.ask(begin.clone())["code"], "consent_required");
    let yes = json!({"type": "consent:give", "version": "2026-01"});
    assert_eq!(ana.ask(yes)["type"], "ok");
    assert_eq!(
        ben.expect("consent:given")["purposes"],
        json!(["transcription"])
    );
    ana.send(chunk);
    ben.expect("audio:received");
    assert_eq!(ana.ask(begin)["type"], "ok");
    let no = json!({"type": "consent:decline"});
    ana.send(no);
    assert_eq!(ana.expect("session_ended")["reason"], "declined");
}

#[test]
fn what_is_past_its_time_is_deleted_and_what_is_asked_for_by_id_at_once() {
    let server = TestServer::with(|settings| {
        settings.retention = Retention {
            transcript_ms: 0,
            report_ms: 0,
            everything_ms: 3_600_000,
        };
        settings.look_every.1 = Duration::from_millis(50);
    });
    answered(&server, "s1");
    let deleted = || api(&server, "GET", "/api/sessions/s1", &Value::Null).1["deleted"].clone();
    wait_for("the transcript and the report to go", || {
        deleted()["transcript"].is_i64() && deleted()["report"].is_i64()
    });
    let (status, gone) = api(&server, "GET", "/api/sessions/s1/report", &Value::Null);
    assert_eq!((status, &gone["code"]), (410, &json!("report_deleted")));
    let (status, _) = api(&server, "DELETE", "/api/sessions/s1/data", &Value::Null);
    assert_eq!(status, 200);
    assert_eq!(api(&server, "GET", "/api/sessions/s1", &Value::Null).0, 404);
    let mut ana = Client::open(
        server.addr(),
        &format!("/ws?token={}", token("ana", Role::Candidate)),
        &[],
    );
    ana.expect("connection:success");
    let join = json!({"type": "session:join", "sessionId": "s1"});
    let _ = ana.ask(join);
    assert_ne!(
        start(&mut ana, "practice")["type"],
        "ok",
        "its id is not used again"
    );
}
