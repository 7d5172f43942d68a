//! The server dies or is replaced in mid-interview, and everybody comes back to the same interview:
//! the same log, the same clocks, the words that were said, once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::records::Records;
use crate::harness::server::{Server, Setup};
use crate::harness::{SOON, sound};
use crate::{Pair, bodies, resume};
use history::judge::Limits;

/// Pause between two chunks: five times as fast as speech.
const PACE: Duration = Duration::from_millis(20);
/// How long the server may take to serve again after a kill.
const BACK: Duration = Duration::from_secs(10);

/// This page comes back over a new connection, having seen everything up to its position.
fn back(server: &Server, before: &Client, user: &str, role: &str, session: &str) -> Client {
    let request = resume(before, session, before.position());
    let mut client = server.connect(user, role, session);
    client.ask(request);
    let joined = client.expect("session:joined");
    assert_eq!(joined["recovered"], true, "{joined}");
    client.settle();
    client
}

/// How far this stream lies on disk, as the page was told.
fn acked(client: &Client) -> Option<u64> {
    let all = client.all().into_iter();
    let acks = all.filter(|message| message["type"] == "audio:ack");
    acks.filter_map(|ack| ack["seq"].as_u64()).max()
}

/// One answer of a whole recording, with the server killed after so many chunks each time. Returns
/// the words of the transcript.
fn answer_with_kills(kills: &[usize]) -> String {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::new(data.path()).with_speech();
    let chunks = sound::recording("two_cities.wav", 8_000);
    let mut server = setup.start();
    let mut ana = server.join("ana", "candidate", "s1");
    let questions = json!([{"id": "q1", "text": "How were the times?", "limitSeconds": 600}]);
    ana.ask(json!({"type": "interview:start", "questions": questions}));
    ana.expect("question:asked");
    let mut kills = kills.iter().copied().peekable();
    let mut seen: Vec<Value> = Vec::new();
    let mut next = 0;
    while next < chunks.len() {
        ana.send_binary(&sound::binary(
            1,
            u32::try_from(next).unwrap(),
            &chunks[next],
        ));
        std::thread::sleep(PACE);
        next += 1;
        if kills.next_if(|kill| next >= *kill).is_some() {
            seen.extend(ana.stored());
            server.kill();
            let killed = Instant::now();
            server = setup.start();
            assert!(killed.elapsed() < BACK);
            let before = ana;
            ana = back(&server, &before, "ana", "candidate", "s1");
            let from = acked(&ana).map_or(0, |seq| usize::try_from(seq).unwrap() + 1);
            println!("killed at chunk {next}, goes on at {from}");
            assert!(from <= next);
            next = from;
        }
    }
    let last = u64::try_from(chunks.len()).unwrap() - 1;
    ana.wait("the last chunk on disk", SOON, |message| {
        message["type"] == "audio:ack" && message["seq"] == last
    });
    ana.ask(json!({"type": "end_interview"}));
    ana.expect("session_ended");
    seen.extend(ana.stored());
    setup.run.judge(data.path(), &["s1"], Limits::default());
    drop(server);
    let records = Records::of(data.path());
    records.assert_holds("s1", &seen);
    let events = records.events("s1");
    let finals = { events.iter() }.filter(|(_, body)| body["type"] == "transcription:result");
    let texts: Vec<&str> = finals
        .filter_map(|(_, body)| body["text"].as_str())
        .collect();
    let gaps = { events.iter() }.filter(|(_, body)| body["type"] == "transcription:gap");
    assert_eq!(gaps.count(), 0);
    texts.join(" ")
}

#[test]
fn killed_three_times_in_mid_answer_the_transcript_is_the_same_as_without() {
    let whole = answer_with_kills(&[]);
    let cut = answer_with_kills(&[20, 47, 60]);
    let plain = |text: &str| {
        let letters = text.chars().filter(|c| c.is_alphanumeric() || *c == ' ');
        letters.collect::<String>().to_lowercase()
    };
    println!("whole: {whole}\n  cut: {cut}");
    assert!(whole.to_lowercase().contains("best of times"), "{whole}");
    assert_eq!(plain(&cut), plain(&whole));
}

#[test]
fn after_each_of_five_kills_both_come_back_to_the_same_log_and_clock() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::new(data.path());
    let mut server = setup.start();
    let Pair {
        mut candidate,
        mut interviewer,
    } = Pair::start(&server, "s1", &[600, 600]);
    let deadline = |client: &Client| {
        let all = client.all().into_iter().rev();
        let mut joined = all.filter(|m| m["type"] == "session:joined");
        joined.find_map(|m| m["question"]["deadlineAt"].as_i64())
    };
    let asked = candidate.all();
    let asked = asked
        .iter()
        .find(|m| m["type"] == "question:asked")
        .unwrap();
    let until = asked["deadlineAt"].as_i64().unwrap();
    let mut seen = (candidate.stored(), interviewer.stored());
    for round in 0..5 {
        server.kill();
        server = setup.start();
        let before = (candidate, interviewer);
        candidate = back(&server, &before.0, "ana", "candidate", "s1");
        interviewer = back(&server, &before.1, "ben", "interviewer", "s1");
        let now = deadline(&candidate).unwrap();
        assert!((now - until).abs() < 1_000, "round {round}: {now}, {until}");
        // A request that was answered before is answered the same and not done again.
        let request = json!({"type": "session:status", "status": "scheduled", "id": "r"});
        candidate.request(request);
        if round == 2 {
            // What is said while one is away is given to them in its place.
            let again = resume(&interviewer, "s1", interviewer.position());
            drop(interviewer);
            candidate.expect("user:disconnected");
            let said = json!({"type": "answer:done", "id": "d1"});
            candidate.ask(said.clone());
            candidate.ask(said);
            interviewer = server.connect("ben", "interviewer", "s1");
            interviewer.ask(again);
            interviewer.expect("question:asked");
            break;
        }
        seen.0.extend(candidate.stored());
        seen.1.extend(interviewer.stored());
    }
    candidate.ask(json!({"type": "end_interview"}));
    candidate.expect("session_ended");
    interviewer.expect("session_ended");
    seen.0.extend(candidate.stored());
    seen.1.extend(interviewer.stored());
    drop(server);
    let records = Records::of(data.path());
    // A page that saw nothing new on a connection asks for all of it on the next one.
    let once = |events: &[Value]| -> BTreeMap<u64, Value> {
        let numbered = |event: Value| (event["seq"].as_u64().unwrap(), event);
        bodies(events).into_iter().map(numbered).collect()
    };
    assert_eq!(once(&seen.0), once(&seen.1), "both saw one log");
    records.assert_holds("s1", &seen.0);
    let row = records.session("s1").unwrap();
    assert_eq!(row.reason.as_deref(), Some("candidate_ended"));
    let active = "SELECT count(*) FROM active_interview_sessions";
    assert_eq!(records.count(active), 0);
    setup.run.judge(data.path(), &["s1"], Limits::default());
}

#[test]
fn a_drain_ends_no_session_and_the_next_process_has_all_of_them() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::new(data.path());
    let mut server = setup.start();
    let names: Vec<String> = (0..12).map(|n| format!("s{n}")).collect();
    let mut pages: Vec<(String, Client)> = Vec::new();
    for name in &names {
        let user = format!("ana-{name}");
        let mut ana = server.join(&user, "candidate", name);
        ana.ask(json!({"type": "interview:start", "questions": [
            {"id": "q1", "text": "And then?", "limitSeconds": 600}]}));
        ana.expect("question:asked");
        pages.push((user, ana));
    }
    server.terminate();
    let draining = pages[0].1.expect("server:draining");
    assert!(
        draining["retryAfterMs"].as_u64() >= Some(1_000),
        "{draining}"
    );
    for (_, page) in &pages {
        assert_eq!(page.ended(SOON).map(|(code, _)| code), Some(4420));
    }
    assert!(server.exited(Duration::from_secs(30)).success());
    let server = setup.start();
    let records = Records::of(data.path());
    let active = "SELECT count(*) FROM sessions WHERE status = 'active'";
    assert_eq!(records.count(active), 12);
    let table = "SELECT count(*) FROM active_interview_sessions WHERE status = 'active'";
    assert_eq!(records.count(table), 12);
    for ((user, page), name) in pages.iter().zip(&names) {
        let mut again = back(&server, page, user, "candidate", name);
        again.ask(json!({"type": "answer:done"}));
        again.expect("session_ended");
    }
    let reasons = "SELECT count(*) FROM sessions WHERE reason = 'completed'";
    assert_eq!(records.count(reasons), 12);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    setup.run.judge(data.path(), &names, Limits::default());
}

#[test]
fn whoever_does_not_come_back_is_waited_for_one_grace_and_no_longer() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::new(data.path()).with("sessions.grace", "3s");
    let server = setup.start();
    let pair = Pair::start(&server, "s1", &[600]);
    server.kill();
    drop(pair);
    let server = setup.start();
    let begun = Instant::now();
    let records = Records::of(data.path());
    assert_eq!(records.session("s1").unwrap().status, "active");
    let row = crate::harness::until("the end", Duration::from_secs(20), || {
        records.session("s1").filter(|row| row.status == "ended")
    });
    assert_eq!(row.reason.as_deref(), Some("abandoned"));
    assert!(begun.elapsed() >= Duration::from_millis(2_500));
    server.kill();
    // A start long after: nobody is waited for any more.
    let server = setup.start();
    let pair = Pair::start(&server, "s2", &[600]);
    server.kill();
    drop(pair);
    let old = "UPDATE nodes SET seen_at = seen_at - 60000, seen_mono = seen_mono - 60000";
    rusqlite::Connection::open(data.path().join("greenroom.db"))
        .unwrap()
        .execute_batch(old)
        .unwrap();
    let _server = setup.start();
    let row = records.session("s2").unwrap();
    assert_eq!(
        (&*row.status, row.reason.as_deref()),
        ("ended", Some("server_crash"))
    );
    // The grace, and a second.
    let limits = Limits {
        orphan_ms: 4_000,
        ..Limits::default()
    };
    setup.run.judge(data.path(), &["s1", "s2"], limits);
}

#[test]
fn a_row_ended_by_another_program_closes_the_live_session_within_a_second() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::new(data.path());
    let server = setup.start();
    let pair = Pair::start(&server, "s1", &[600]);
    let outside = rusqlite::Connection::open(data.path().join("greenroom.db")).unwrap();
    outside.busy_timeout(SOON).unwrap();
    let begun = Instant::now();
    outside
        .execute(
            "UPDATE sessions SET status = 'ended' WHERE session = 's1'",
            [],
        )
        .unwrap();
    for page in [&pair.candidate, &pair.interviewer] {
        let ended = page.expect("session_ended");
        assert_eq!(ended["reason"], "closed_externally", "{ended}");
        assert_eq!(page.ended(SOON).map(|(code, _)| code), Some(1000));
    }
    let took = begun.elapsed();
    println!("told after {took:?}");
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    let records = Records::of(data.path());
    let row = records.session("s1").unwrap();
    assert_eq!(row.reason.as_deref(), Some("closed_externally"));
    assert!(records.report("s1").is_some());
    let active = "SELECT count(*) FROM active_interview_sessions";
    assert_eq!(records.count(active), 0);
    setup.run.judge(data.path(), &["s1"], Limits::default());
}
