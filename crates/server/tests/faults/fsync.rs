//! The disk says no to `fsync`.

use serde_json::json;

use crate::harness::client::answers;
use crate::harness::run::Run;
use crate::harness::server::Setup;
use crate::harness::tracer::Tracer;
use crate::harness::{SOON, until};
use history::entry::What;

#[test]
fn while_fsync_fails_nothing_is_called_stored_and_afterwards_all_of_it_is() {
    let data = tempfile::tempdir().unwrap();
    let server = Setup::new(data.path()).start();
    let mut ana = server.join("ana", "candidate", "fsync");
    let ben = server.join("ben", "interviewer", "fsync");
    let question = |n: u32| json!({"id": format!("q{n}"), "text": "And?", "limitSeconds": 600});
    let questions: Vec<_> = (1..=4).map(question).collect();
    ana.ask(json!({"type": "interview:start", "id": "start", "questions": questions}));
    ana.settle();
    let before = ana.position();

    let tracer = Tracer::attach(&server, "fsync,fdatasync", "error=EIO");
    server.run.fault("fsync fails");
    let first = ana.post(json!({"type": "answer:done", "id": "a1", "questionId": "q1"}));
    for member in [&ana, &ben] {
        assert_eq!(member.expect("session:degraded")["on"], true);
        let closed = member.expect("question:closed");
        assert_eq!(closed["provisional"], true, "{closed}");
    }
    let tries = server.metric("greenroom_store_saves_temporary_total") + 2.0;
    until("it tried again and again", SOON, || {
        (server.metric("greenroom_store_saves_temporary_total") >= tries).then_some(())
    });
    ana.settle();
    let promised = ana.all().iter().any(|m| answers(m, first));
    assert!(!promised, "what no fsync confirmed was acknowledged");
    assert_eq!(ana.position(), before);
    tracer.detach();
    server.run.note(What::Peace);

    let answer = ana.wait("the answer", SOON, |m| answers(m, first));
    assert_eq!(answer["type"], "ok", "{answer}");
    for member in [&ana, &ben] {
        assert_eq!(member.expect("session:degraded")["on"], false);
    }
    for n in 2..=4 {
        let id = format!("a{n}");
        ana.ask(json!({"type": "answer:done", "id": id, "questionId": format!("q{n}")}));
    }
    assert_eq!(ana.expect("session_ended")["reason"], "completed");
    ben.expect("session_ended");
    server.run.judge(data.path(), &["fsync"], Run::limits());
}
