//! The process is killed at a chosen point: in a commit, while it writes the log, between a commit
//! and the first word about it. `strace` finds the point by its system call, so that the product
//! needs no fail points of its own.

use serde_json::{Value, json};

use crate::harness::client::{Client, answers};
use crate::harness::server::{Server, Setup};
use crate::harness::tracer::Tracer;
use crate::harness::{SOON, until};
use history::judge::Limits;

/// The point in words, its system calls, and how many of them each thread may make first.
const POINTS: [(&str, &str, &[u32]); 3] = [
    ("in a commit", "fdatasync,fsync", &[1, 2, 5]),
    ("while it writes", "pwrite64", &[1, 4, 9]),
    (
        "between a commit and its first word",
        "sendto,writev,sendmsg",
        &[1, 2, 5],
    ),
];
const QUESTIONS: u32 = 12;

#[test]
fn killed_at_the_commit_in_it_or_right_after_it_the_server_loses_and_doubles_nothing() {
    for (point, calls, counts) in POINTS {
        for count in counts {
            println!("{point}, the {count}. time");
            die_at(calls, *count);
        }
    }
}

fn die_at(calls: &str, count: u32) {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::new(data.path());
    let mut server = setup.start();
    let mut ana = server.join("ana", "candidate", "points");
    let mut ben = server.join("ben", "interviewer", "points");
    let question = |n: u32| json!({"id": format!("q{n}"), "text": "And?", "limitSeconds": 600});
    let questions: Vec<Value> = (1..=QUESTIONS).map(question).collect();
    ana.ask(json!({"type": "interview:start", "id": "start", "questions": questions}));
    ana.settle();
    ben.settle();
    let tracer = Tracer::attach(&server, calls, &format!("signal=KILL:when={count}"));
    let answered = answer_until_it_dies(&mut ana);
    server.exited(SOON);
    drop(tracer);
    server = setup.start();
    come_back(&server, &ana, answered);
    drop(ben);
    setup.run.judge(data.path(), &["points"], Limits::default());
}

/// Answers one question after the other; how many were acknowledged when the line broke.
fn answer_until_it_dies(ana: &mut Client) -> u32 {
    for n in 1..=QUESTIONS {
        let id = format!("a{n}");
        let done = json!({"type": "answer:done", "id": id, "questionId": format!("q{n}")});
        let reference = ana.post(done);
        let ok = until("an answer, or the end", SOON, || {
            let all = ana.all();
            let answer = all.iter().find(|m| answers(m, reference));
            answer
                .map(|m| m["type"] == "ok")
                .or(ana.is_over().then_some(false))
        });
        if !ok {
            return n - 1;
        }
    }
    panic!("the server lives");
}

/// The page comes back and asks again for what was not answered.
fn come_back(server: &Server, before: &Client, answered: u32) {
    let mut ana = server.connect("ana", "candidate", "points");
    let joined = ana.request(crate::resume(before, "points", before.position()));
    if joined["type"] == "error" {
        assert_eq!(joined["code"], "session_ended", "{joined}");
        return;
    }
    for n in answered + 1..=QUESTIONS {
        let id = format!("a{n}");
        ana.ask(json!({"type": "answer:done", "id": id, "questionId": format!("q{n}")}));
    }
    assert_eq!(ana.expect("session_ended")["reason"], "completed");
}
