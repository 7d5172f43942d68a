//! Faults against the real binary: processes killed, frozen and told to stop, a database locked, a
//! disk full, networks that go silent, readers that do not read. Every wait has a limit, every
//! child is killed by its own id when its test is over.
//!
//! `harness` is what the tests are made of; each other module is one fault.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod comeback;
mod descriptors;
mod frozen;
mod fsync;
mod full;
mod harness;
mod jumps;
mod killed;
mod load;
mod locked;
mod lost;
mod points;
mod silent;
mod slow;
mod speechless;
mod stopped;

use harness::client::Client;
use harness::server::Server;
use serde_json::{Value, json};

/// A candidate and an interviewer in a running interview.
struct Pair {
    candidate: Client,
    interviewer: Client,
}

impl Pair {
    /// In this session, with questions of so many seconds each.
    fn start(server: &Server, session: &'static str, limits_s: &[u32]) -> Self {
        Self::with(
            server.join("ana", "candidate", session),
            server.join("ben", "interviewer", session),
            limits_s,
        )
    }

    /// The same with connections made already.
    fn with(mut candidate: Client, mut interviewer: Client, limits_s: &[u32]) -> Self {
        let question = |(n, limit): (usize, &u32)| {
            let id = format!("q{}", n + 1);
            json!({"id": id, "text": "And then?", "limitSeconds": limit})
        };
        let questions: Vec<Value> = limits_s.iter().enumerate().map(question).collect();
        candidate.ask(json!({"type": "interview:start", "questions": questions}));
        interviewer.expect("question:asked");
        candidate.expect("question:asked");
        candidate.settle();
        interviewer.settle();
        Self {
            candidate,
            interviewer,
        }
    }
}

/// The request by which this page comes back, having seen everything up to `seq`.
fn resume(client: &Client, session: &str, seq: u64) -> Value {
    let all = client.all();
    let joined = all
        .iter()
        .find(|message| message["type"] == "session:joined");
    let epoch = joined.expect("it had joined")["epoch"].clone();
    let resume = json!({"key": client.resume_key(), "epoch": epoch, "seq": seq});
    json!({"type": "session:join", "sessionId": session, "resume": resume})
}

/// Durable events without what differs from delivery to delivery.
fn bodies(events: &[Value]) -> Vec<Value> {
    let body = |event: &Value| {
        let mut event = event.clone();
        let fields = event.as_object_mut().unwrap();
        fields.remove("provisional");
        event
    };
    events.iter().map(body).collect()
}
