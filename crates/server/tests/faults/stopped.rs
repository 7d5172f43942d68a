//! SIGTERM with people inside.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::Pair;
use crate::harness::client::{self, Client, answers};
use crate::harness::records::Records;
use crate::harness::server::Setup;
use crate::harness::{SOON, token};
use history::judge::Limits;

/// As configured, and what a busy machine may add.
const DRAIN: Duration = Duration::from_secs(15);

#[test]
fn told_to_stop_the_server_sends_everybody_to_come_back_and_ends_no_session() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Setup::new(data.path()).with("server.drain", "15s").start();
    let mut pair = Pair::start(&server, "stopped", &[600, 600, 600]);
    let (ana, ben) = (&mut pair.candidate, &mut pair.interviewer);
    ana.ask(json!({"type": "answer:done", "questionId": "q1"}));
    // Taken or not: if it is answered, it is kept.
    let under_way = ana.post(json!({"type": "answer:done", "questionId": "q2"}));
    server.terminate();
    let told = Instant::now();
    let first = [&*ana, &*ben]
        .into_iter()
        .map(|member| {
            let draining = member.expect("server:draining");
            assert!(
                draining["retryAfterMs"].as_u64().is_some_and(|ms| ms > 0),
                "{draining}"
            );
            if told.elapsed() < Duration::from_secs(1) {
                refuses_newcomers(&server);
            }
            assert_eq!(
                member.ended(DRAIN),
                Some((4420, "server_restart".to_owned()))
            );
            told.elapsed()
        })
        .min();
    let status = server.exited(DRAIN);
    println!(
        "first away after {first:?}, exit after {:?}",
        told.elapsed()
    );
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(told.elapsed() < DRAIN);

    let records = Records::of(data.path());
    records.assert_sound();
    let row = records.session("stopped").unwrap();
    assert_eq!((&*row.status, row.reason.as_deref()), ("active", None));
    for member in [&*ana, &*ben] {
        records.assert_holds("stopped", &member.stored());
    }
    let answered = ana
        .all()
        .iter()
        .any(|m| answers(m, under_way) && m["type"] == "ok");
    assert!(row.seq >= if answered { 6 } else { 4 }, "{row:?}");
    assert_eq!(
        records.count("SELECT count(*) FROM active_interview_sessions"),
        1
    );
    server
        .run
        .judge(data.path(), &["stopped"], Limits::default());
}

/// Whoever comes while it drains is told to come later.
fn refuses_newcomers(server: &crate::harness::server::Server) {
    let token = format!("Bearer {}", token::invited("eve", "observer", "stopped"));
    let socket = std::net::TcpStream::connect_timeout(&server.address, SOON).unwrap();
    let opened = client::open(socket, "/ws", &[("Authorization", &token)]).unwrap();
    let eve = Client::from(opened);
    assert_eq!(eve.ended(SOON), Some((4420, "server_restart".to_owned())));
    assert_eq!(eve.expect("connection:error")["code"], "draining");
}

#[test]
fn a_second_signal_stops_the_server_at_once() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Setup::new(data.path()).with("server.drain", "30s").start();
    let mut ana = server.join("ana", "candidate", "hurry");
    let question = json!([{"id": "q1", "text": "And then?", "limitSeconds": 600}]);
    ana.ask(json!({"type": "interview:start", "questions": question}));
    let members: Vec<Client> = (0..6)
        .map(|n| server.join(&format!("ben-{n}"), "interviewer", "hurry"))
        .collect();
    server.terminate();
    let told = |client: &Client| client.all().iter().any(|m| m["type"] == "server:draining");
    crate::harness::until("somebody is sent away", SOON, || {
        members.iter().any(told).then_some(())
    });
    assert!(!members.iter().all(told), "a drain takes its time");
    let hurried = Instant::now();
    server.terminate();
    server.exited(Duration::from_secs(3));
    println!("gone {:?} after the second signal", hurried.elapsed());
    server.run.judge(data.path(), &["hurry"], Limits::default());
}

#[test]
fn told_to_stop_as_soon_as_it_says_where_it_is_the_server_stops_in_order() {
    let data = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        let mut server = Setup::new(data.path()).start();
        server.terminate();
        assert_eq!(server.exited(SOON).code(), Some(0));
    }
}
