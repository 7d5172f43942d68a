//! Another program keeps the database locked in the middle of an interview.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::Pair;
use crate::harness::client::answers;
use crate::harness::records::Records;
use crate::harness::run::Run;
use crate::harness::server::Setup;
use crate::harness::{SOON, until};
use history::entry::What;

/// How long the lock is kept.
const LOCKED: Duration = Duration::from_secs(4);

#[test]
fn while_the_database_is_locked_words_are_provisional_and_nothing_is_called_stored() {
    let data = tempfile::tempdir().unwrap();
    let server = Setup::new(data.path()).start();
    let mut pair = Pair::start(&server, "locked", &[600, 600, 600]);
    let (ana, ben) = (&mut pair.candidate, &mut pair.interviewer);
    assert_eq!(server.ready(), 200);
    let before = ana.position();
    assert_eq!(before, 2);

    let records = Records::of(data.path());
    records.0.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked = Instant::now();
    server.run.fault("the database is locked");
    let first = ana.post(json!({"type": "answer:done", "questionId": "q1"}));
    for member in [&*ana, &*ben] {
        let degraded = member.expect("session:degraded");
        assert_eq!(degraded["on"], true);
        for kind in ["question:closed", "question:asked"] {
            let event = member.wait(kind, SOON, |m| m["type"] == kind && m["seq"].is_u64());
            assert_eq!(event["provisional"], true, "{event}");
        }
    }
    until("readiness says 503", SOON, || {
        (server.ready() == 503).then_some(())
    });
    let second = ana.post(json!({"type": "answer:done", "questionId": "q2"}));
    let event = ben.expect("question:closed");
    assert_eq!(
        (&event["questionId"], &event["provisional"]),
        (&json!("q2"), &json!(true))
    );
    // Interviews of others start all the same, and plain requests are answered.
    let mut eve = Pair::begin_unrecorded(&server, "locked-too");
    ana.settle();
    until("the lock was kept for seconds", SOON, || {
        (locked.elapsed() > LOCKED).then_some(())
    });
    ana.settle();
    let answered = |m: &serde_json::Value| answers(m, first) || answers(m, second);
    assert!(
        !ana.all().iter().any(answered),
        "an answer that is not stored was given"
    );
    assert_eq!(
        ana.position(),
        before,
        "a provisional event was called stored"
    );
    assert_eq!(server.ready(), 503);
    records.0.execute_batch("ROLLBACK").unwrap();
    server.run.note(What::Peace);

    for reference in [first, second] {
        let answer = ana.wait("the answer", SOON, |m| answers(m, reference));
        assert_eq!(answer["type"], "ok", "{answer}");
    }
    let row = until("all of it is stored", SOON, || {
        records
            .session("locked")
            .filter(|row| row.seq >= before + 4)
    });
    for member in [&*ana, &*ben] {
        let well = member.expect("session:degraded");
        assert_eq!(
            (&well["on"], &well["seq"]),
            (&json!(false), &json!(row.seq)),
            "{well}"
        );
    }
    until("it is ready again", SOON, || {
        (server.ready() == 200).then_some(())
    });
    eve.wait_recorded();

    // What was said provisionally is what was written, in its places.
    let said: Vec<_> = ana
        .all()
        .into_iter()
        .filter(|m| m["provisional"] == true)
        .collect();
    assert_eq!(said.len(), 4, "{said:?}");
    records.assert_holds("locked", &said);
    let places: Vec<_> = said.iter().map(|m| m["seq"].as_u64().unwrap()).collect();
    assert_eq!(places, [before + 1, before + 2, before + 3, before + 4]);
    // Afterwards life is as before.
    ana.ask(json!({"type": "answer:done", "questionId": "q3"}));
    let closed = ana.wait("q3 closed", SOON, |m| {
        m["questionId"] == "q3" && m["outcome"].is_string()
    });
    assert_eq!(closed["provisional"], serde_json::Value::Null);
    assert_eq!(ana.ended(SOON), Some((1000, "session_over".to_owned())));
    ben.expect("session_ended");
    eve.candidate.settle();
    let sessions = ["locked", "locked-too"];
    server.run.judge(data.path(), &sessions, Run::limits());
}

/// A candidate whose interview began while nothing could be written.
struct Unrecorded {
    candidate: crate::harness::client::Client,
    start: u64,
}

impl Pair {
    fn begin_unrecorded(server: &crate::harness::server::Server, session: &str) -> Unrecorded {
        let mut candidate = server.connect("eve", "candidate", session);
        candidate.post(json!({"type": "session:join", "sessionId": session}));
        candidate.expect("session:joined");
        let questions = json!([{"text": "Who?", "limitSeconds": 600}]);
        let start = candidate.post(json!({"type": "interview:start", "questions": questions}));
        let asked = candidate.expect("question:asked");
        assert_eq!(asked["provisional"], true, "{asked}");
        Unrecorded { candidate, start }
    }
}

impl Unrecorded {
    fn wait_recorded(&mut self) {
        let start = self.start;
        let answer = self
            .candidate
            .wait("the start's answer", SOON, |m| answers(m, start));
        assert_eq!(answer["type"], "ok", "{answer}");
    }
}
