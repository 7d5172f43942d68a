//! The whole process stands still for ten seconds, as when a machine is suspended or starved.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::Pair;
use crate::harness::records::Records;
use crate::harness::run::Run;
use crate::harness::server::Setup;
use crate::harness::{SOON, sound, until};
use history::entry::What;

const STILL: Duration = Duration::from_secs(10);
const SHORT_S: u32 = 6;

#[test]
fn after_ten_seconds_of_standing_still_only_what_was_due_has_happened() {
    let data = tempfile::tempdir().unwrap();
    // Shorter than the pause: a server that judged others by its own sleep would cut them off.
    let server = Setup::new(data.path())
        .with("limits.ping_interval", "1500ms")
        .with("limits.ping_timeout", "1s")
        .with("sessions.grace", "3s")
        .start();
    let mut pair = Pair::start(&server, "frozen", &[SHORT_S, 600]);
    let (ana, ben) = (&mut pair.candidate, &mut pair.interviewer);
    server.run.fault("the process stands still");
    server.freeze();
    let frozen = Instant::now();
    // What people do meanwhile waits in their sockets.
    ana.send(&sound::silence(1, 0));
    let ping = ben.post(json!({"type": "ping"}));
    until("it stood still", STILL + SOON, || {
        (frozen.elapsed() >= STILL).then_some(())
    });
    assert!(
        ben.drain().iter().all(|m| m["type"] != "pong"),
        "it did not stand still"
    );
    server.thaw();
    server.run.note(What::Peace);
    let thawed = Instant::now();
    ben.wait("the pong", SOON, |m| m["ref"] == ping);
    assert_eq!(ben.expect("audio:received")["seq"], 0);

    // The first question's time was over; the second has all of its own.
    for member in [&*ana, &*ben] {
        let closed = member.expect("question:closed");
        assert_eq!(
            (&closed["questionId"], &closed["outcome"]),
            (&json!("q1"), &json!("timed_out"))
        );
        let asked = member.wait("q2", SOON, |m| {
            m["type"] == "question:asked" && m["index"] == 1
        });
        let started = asked["startedAt"].as_i64().unwrap();
        assert_eq!(
            asked["deadlineAt"].as_i64().unwrap() - started,
            600_000,
            "{asked}"
        );
    }
    // Through two more heartbeats nobody is cut off and nothing ends.
    let calm = Duration::from_secs(6);
    until("two heartbeats passed", calm + SOON, || {
        (thawed.elapsed() > calm).then_some(())
    });
    ana.settle();
    ben.settle();
    for member in [&*ana, &*ben] {
        let wrong = [
            "user:disconnected",
            "user:left",
            "session_ended",
            "interview_ended",
        ];
        let all = member.all().into_iter();
        let bad = all.filter(|m| wrong.iter().any(|kind| m["type"] == *kind));
        assert_eq!(bad.collect::<Vec<_>>(), Vec::<serde_json::Value>::new());
    }
    assert_eq!(server.metric("greenroom_heartbeats_missed_total"), 0.0);
    let records = Records::of(data.path());
    let row = records.session("frozen").unwrap();
    assert_eq!((&*row.status, row.seq), ("active", 4));
    assert_eq!(server.ready(), 200);
    ana.ask(json!({"type": "answer:done", "questionId": "q2"}));
    assert_eq!(ana.expect("session_ended")["reason"], "completed");
    ben.expect("session_ended");
    server.run.judge(data.path(), &["frozen"], Run::limits());
}
