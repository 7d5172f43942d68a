//! The database is away when an interview ends, and the process has to go before it is back.

use serde_json::json;

use crate::harness::records::Records;
use crate::harness::server::{Server, Setup};
use crate::harness::{SOON, until};
use history::judge::Limits;

/// Longer than a drain that waits for a database in vain.
const DRAINED: std::time::Duration = std::time::Duration::from_secs(20);

#[test]
fn an_end_told_unsaved_is_store_lost_for_the_process_after_one_that_was_told_to_stop() {
    told_and_lost("stopped", |mut server| {
        server.terminate();
        server.exited(DRAINED);
    });
}

#[test]
fn an_end_told_unsaved_is_store_lost_for_the_process_after_one_that_was_killed() {
    told_and_lost("killed", Server::kill);
}

fn told_and_lost(session: &str, go: impl FnOnce(Server)) {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::new(data.path()).with("server.drain", "3s");
    let server = setup.start();
    let mut ana = server.join("ana", "candidate", session);
    let ben = server.join("ben", "interviewer", session);
    let questions = json!([{"id": "q1", "text": "And?", "limitSeconds": 600},
        {"id": "q2", "text": "And then?", "limitSeconds": 600}]);
    ana.ask(json!({"type": "interview:start", "id": "start", "questions": questions}));
    ana.ask(json!({"type": "answer:done", "id": "a1", "questionId": "q1"}));
    let stored = ana.position();

    let records = Records::of(data.path());
    records.0.execute_batch("BEGIN IMMEDIATE").unwrap();
    setup.run.fault("the database is locked");
    ana.post(json!({"type": "end_interview"}));
    for member in [&ana, &ben] {
        // Last words, then what is said is waited for, then the end itself.
        let ended = member.wait("the end", 2 * SOON, |m| m["type"] == "session_ended");
        assert_eq!(ended["recorded"], false, "{ended}");
        assert_eq!(ended["reason"], "candidate_ended", "{ended}");
    }
    let kept = data.path().join(store::ends::FILE);
    let lines = || std::fs::read_to_string(&kept).unwrap_or_default();
    until("it is kept beside the records", SOON, || {
        lines().contains("candidate_ended").then_some(())
    });
    let row = records.session(session).unwrap();
    assert_eq!((&*row.status, row.seq), ("active", stored));
    go(server);
    records.0.execute_batch("ROLLBACK").unwrap();

    // It is over before anybody is let in, although the candidate's grace is not.
    let server = setup.start();
    let row = records.session(session).unwrap();
    assert_eq!(
        (&*row.status, row.reason.as_deref()),
        ("ended", Some("store_lost"))
    );
    assert_eq!(
        records.count("SELECT count(*) FROM active_interview_sessions"),
        0
    );
    let report = records.report(session).expect("a report").to_string();
    assert!(report.contains("store_lost"), "{report}");
    until("nothing is kept any more", SOON, || {
        lines().is_empty().then_some(())
    });
    let story = server.json(&format!("/api/sessions/{session}/story"));
    let told = "candidate_ended was told and not saved";
    assert!(story.to_string().contains(told), "{story}");
    let closures = server.json("/api/analytics/closures");
    assert!(closures.to_string().contains("store_lost"), "{closures}");
    setup.run.judge(data.path(), &[session], Limits::default());
}
