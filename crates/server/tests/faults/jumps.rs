//! The wall clock jumps forth and back while people talk.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::records::Records;
use crate::harness::server::Setup;
use crate::harness::{SOON, until};
use history::judge::Limits;

/// What puts another wall clock under a program; the monotonic one stays as it is.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
/// How long the short question is open.
const SHORT: Duration = Duration::from_secs(6);

/// A wall clock that can be set.
struct Wall(PathBuf);

impl Wall {
    fn set(&self, offset: &str) {
        let fresh = self.0.with_extension("new");
        std::fs::write(&fresh, format!("{offset}\n")).unwrap();
        std::fs::rename(&fresh, &self.0).unwrap();
    }

    fn under(setup: Setup, folder: &Path) -> (Setup, Self) {
        let found = Path::new(LIBRARY).is_file();
        assert!(found, "libfaketime is needed (`make setup` installs it)");
        let wall = Self(folder.join("wall"));
        wall.set("+0s");
        let setup = setup
            .env("LD_PRELOAD", LIBRARY)
            .env("FAKETIME_TIMESTAMP_FILE", &wall.0.to_string_lossy())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
        (setup, wall)
    }
}

#[test]
fn when_the_wall_clock_jumps_no_question_session_or_seat_ends_early_or_late() {
    let data = tempfile::tempdir().unwrap();
    let clock = tempfile::tempdir().unwrap();
    let setup = Setup::new(data.path()).with("sessions.grace", "3s");
    let (setup, wall) = Wall::under(setup, clock.path());
    let server = setup.start();
    let mut ana = server.join("ana", "candidate", "jumps");
    let ben = server.join("ben", "interviewer", "jumps");
    let questions = json!([
        {"id": "q1", "text": "Soon?", "limitSeconds": SHORT.as_secs()},
        {"id": "q2", "text": "Later?", "limitSeconds": 600},
        {"id": "q3", "text": "And?", "limitSeconds": 600}]);
    ana.ask(json!({"type": "interview:start", "id": "start", "questions": questions}));
    let asked = ana.expect("question:asked");
    let begun = Instant::now();
    let told = asked["serverNow"].as_i64().unwrap();

    // Five minutes ahead: longer than grace, lease and inactivity, shorter than a token.
    wall.set("+300s");
    ana.settle();
    let closed = ana.wait("q1 closed", SHORT + SOON, |m| {
        m["type"] == "question:closed"
    });
    let lasted = begun.elapsed();
    assert_eq!(closed["outcome"], "timed_out");
    let near = SHORT.saturating_sub(Duration::from_millis(500));
    assert!(lasted > near, "closed after {lasted:?}, by the wall clock");
    let second = ana.wait("q2", SOON, |m| {
        m["type"] == "question:asked" && m["questionId"] == "q2"
    });
    let now = second["serverNow"].as_i64().unwrap();
    assert!(
        now - told > 250_000,
        "the clock of this test did not jump: {second}"
    );
    let left = second["deadlineAt"].as_i64().unwrap() - now;
    assert!((599_000..=600_000).contains(&left), "{second}");

    // And ten minutes back.
    wall.set("-300s");
    ana.ask(json!({"type": "answer:done", "id": "a2", "questionId": "q2"}));
    ben.wait("q2 closed", SOON, |m| {
        m["type"] == "question:closed" && m["questionId"] == "q2"
    });
    assert!(!ana.is_over() && !ben.is_over());
    drop(ben);
    drop(ana);
    let gone = Instant::now();
    let records = Records::of(data.path());
    until("the session is abandoned", SOON, || {
        records.session("jumps").filter(|row| row.status == "ended")
    });
    let after = gone.elapsed();
    assert!(
        after > Duration::from_millis(2_500),
        "abandoned after {after:?}"
    );
    let duration = "SELECT duration_ms FROM sessions WHERE session = 'jumps'";
    let duration = records.count(duration);
    let all = i64::try_from(begun.elapsed().as_millis()).unwrap();
    assert!(
        (0..=all + 1_000).contains(&duration),
        "{duration} ms of {all} ms"
    );
    server.run.judge(data.path(), &["jumps"], Limits::default());
}
