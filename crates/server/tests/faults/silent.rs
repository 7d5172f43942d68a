//! A connection that is open on both ends and carries nothing.

use std::time::{Duration, Instant};

use crate::harness::SOON;
use crate::harness::proxy::Proxy;
use crate::harness::server::Setup;
use crate::{Pair, bodies, resume};
use history::judge::Limits;

const PING: Duration = Duration::from_millis(800);
const PONG: Duration = Duration::from_millis(600);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

#[test]
fn a_silent_connection_is_found_by_its_heartbeat_and_the_page_comes_back_without_a_gap() {
    let data = tempfile::tempdir().unwrap();
    let server = Setup::new(data.path())
        .with("limits.ping_interval", "800ms")
        .with("limits.ping_timeout", "600ms")
        .start();
    let proxy = Proxy::before(server.address);
    let ana = server.join_at(proxy.address, "ana", "candidate", "silent");
    let ben = server.join("ben", "interviewer", "silent");
    let Pair {
        candidate: ana,
        interviewer: ben,
        ..
    } = Pair::with(ana, ben, &[5, 600]);
    let seen = ana.position();
    assert_eq!(seen, 2);

    proxy.freeze();
    server.run.fault("ana's line carries nothing");
    let frozen = Instant::now();
    let gone = ben.wait("the candidate is gone", SOON, |m| {
        m["type"] == "user:disconnected"
    });
    let found = frozen.elapsed();
    assert_eq!(gone["userId"], "ana");
    assert!(found < PING + PONG + SLACK, "found after {found:?}");
    assert!(server.metric("greenroom_heartbeats_missed_total") >= 1.0);
    // The question's clock runs on while nobody is there to answer.
    let closed = ben.expect("question:closed");
    assert_eq!(closed["outcome"], "timed_out");
    ben.wait("the next question", SOON, |m| {
        m["type"] == "question:asked" && m["index"] == 1
    });

    let back = server.connect("ana", "candidate", "silent");
    let mut back = back;
    back.ask(resume(&ana, "silent", seen));
    let joined = back.expect("session:joined");
    assert_eq!(joined["recovered"], true, "{joined}");
    back.settle();
    let missed: Vec<_> = ben
        .stored()
        .into_iter()
        .filter(|event| event["seq"].as_u64().unwrap() > seen)
        .collect();
    assert_eq!(missed.len(), 2, "{missed:?}");
    assert_eq!(bodies(&back.stored()), bodies(&missed));
    let (again, _) = (ben.expect("user:joined"), ben.position());
    assert_eq!(again["userId"], "ana");
    // Those who answer are left alone.
    assert!(!ben.is_over() && !back.is_over());
    // Ana's own end of the frozen line never hears of its end.
    drop(ana);
    server
        .run
        .judge(data.path(), &["silent"], Limits::default());
}
