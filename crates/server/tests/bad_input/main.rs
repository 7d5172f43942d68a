//! Bad input of every kind against one real server, in one table (`rows`): what is sent, the code
//! that is promised, and whether the connection is kept or closed. While the table runs, a good
//! interview lives on the same server; after every row it is looked at and must be as it was.
//!
//! `input` makes the bytes of a row, `outcome` reads what came back.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../faults/harness/mod.rs"]
mod harness;
mod input;
mod outcome;
mod rows;

use std::collections::BTreeSet;
use std::net::TcpStream;

use harness::client::{Client, Opened};
use harness::server::{Server, Setup};
use harness::{SOON, sound, token};
use input::Input;
use outcome::{Outcome, Talk};
use rows::{GROUPS, Row};
use serde_json::{Value, json};

/// How long a connection may stay unauthenticated, and a message unfinished, on this server.
const PATIENCE_MS: u64 = 700;

#[test]
fn every_bad_input_gets_its_promised_answer_and_touches_nobody() {
    let data = tempfile::tempdir().unwrap();
    let patience = format!("{PATIENCE_MS}ms");
    let server = Setup::new(data.path())
        .with("limits.auth_timeout", &patience)
        .with("limits.message_timeout", &patience)
        .with("limits.message_bytes", "64KiB")
        // The good session is looked at far more often than people act.
        .with("limits.events_per_second", "5000")
        .with("limits.events_burst", "5000")
        .start();
    let mut good = Good::begin(&server);
    let mut broken = Vec::new();
    let mut rows = 0;
    for (kind, least, table) in GROUPS {
        assert!(
            table.len() >= *least,
            "{kind}: {} of at least {least} rows",
            table.len()
        );
        for row in *table {
            rows += 1;
            let found = run(&server, row, rows);
            if !row.promise.holds(&found) {
                let promise = row.promise;
                broken.push(format!(
                    "{kind}: {}\n  promised {promise:?}\n  found    {found:?}",
                    row.name
                ));
            }
            if let Err(touched) = good.untouched() {
                broken.push(format!(
                    "{kind}: {}\n  the good session: {touched}",
                    row.name
                ));
                good = Good::begin(&server);
            }
        }
        println!("{kind}: {} rows", table.len());
    }
    println!("{rows} rows of bad input in all");
    let names: BTreeSet<_> = GROUPS
        .iter()
        .flat_map(|group| group.2)
        .map(|row| row.name)
        .collect();
    assert_eq!(names.len(), rows, "two rows have the same name");
    let broken_count = broken.len();
    assert!(
        broken.is_empty(),
        "{broken_count} of {rows} rows:\n{}",
        broken.join("\n")
    );
}

/// Sends what the row says as somebody of their own, and collects what comes back.
fn run(server: &Server, row: &Row, number: usize) -> Outcome {
    let (user, session) = (format!("mallory-{number}"), format!("attic-{number}"));
    let good = token::invited(&user, "candidate", &session);
    let names = input::Names {
        host: server.address.to_string(),
        token: good.clone(),
        session,
    };
    let socket = TcpStream::connect_timeout(&server.address, SOON).unwrap();
    match row.input {
        Input::Request(pieces) => outcome::of_request(socket, &names.bytes(pieces)),
        Input::Token(place, made) => {
            let made = names.token_of(made);
            outcome::of_request(socket, &names.handshake(place, &made))
        }
        Input::First(pieces) => outcome::of_talk(
            Talk::unknown(socket, &names),
            &names.bytes(pieces),
            row.promise,
        ),
        Input::Frames(pieces) => outcome::of_talk(
            Talk::known(socket, &names),
            &names.bytes(pieces),
            row.promise,
        ),
        Input::Message(pieces) => {
            let payload = names.bytes(pieces);
            outcome::of_talk(
                Talk::known(socket, &names),
                &input::text_frame(&payload),
                row.promise,
            )
        }
        Input::Joined(pieces) => {
            let payload = names.bytes(pieces);
            outcome::of_talk(
                Talk::joined(socket, &names),
                &input::text_frame(&payload),
                row.promise,
            )
        }
        Input::Started(pieces) => {
            let payload = names.bytes(pieces);
            outcome::of_talk(
                Talk::started(socket, &names),
                &input::text_frame(&payload),
                row.promise,
            )
        }
        Input::Binary(pieces) => {
            let payload = names.bytes(pieces);
            outcome::of_talk(
                Talk::joined(socket, &names),
                &input::binary_frame(&payload),
                row.promise,
            )
        }
    }
}

/// The session that must not notice anything.
struct Good {
    candidate: Client,
    interviewer: Client,
    /// What a join of it says, without clocks.
    picture: Value,
    chunks: u32,
}

impl Good {
    fn begin(server: &Server) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let session = if n == 0 {
            "good".to_owned()
        } else {
            format!("good-{n}")
        };
        let ana = format!("ana-{n}");
        let mut candidate = Client::join(server.address, &ana, "candidate", &session);
        let interviewer = Client::join(server.address, "ben", "interviewer", &session);
        let questions = json!([{"id": "q1", "text": "Who are you?", "limitSeconds": 600}]);
        candidate.ask(json!({"type": "interview:start", "questions": questions}));
        interviewer.expect("question:asked");
        // Who speaks first is told once that nobody writes it down.
        candidate.send(&sound::silence(7, 0));
        candidate.expect("transcription:error");
        interviewer.expect("audio:received");
        interviewer.drain();
        let mut good = Self {
            candidate,
            interviewer,
            picture: Value::Null,
            chunks: 0,
        };
        good.picture = good.picture();
        good.candidate.drain();
        good.interviewer.drain();
        good
    }

    /// Status, members, question and place of the log, as the interviewer sees them.
    fn picture(&mut self) -> Value {
        let session = self
            .candidate
            .all()
            .iter()
            .find_map(|m| (m["type"] == "session:joined").then(|| m["sessionId"].clone()));
        self.interviewer
            .ask(json!({"type": "session:join", "sessionId": session}));
        let mut joined = self.interviewer.expect("session:joined");
        if let Some(question) = joined["question"].as_object_mut() {
            question.remove("serverNow");
        }
        joined
    }

    /// A chunk still arrives, nothing else was heard by anybody, and the session is as it was.
    fn untouched(&mut self) -> Result<(), String> {
        self.chunks += 1;
        self.candidate.send(&sound::silence(7, self.chunks));
        self.candidate.settle();
        let relayed = self.interviewer.expect("audio:received");
        if relayed["seq"] != self.chunks || relayed["streamId"] != 7 {
            return Err(format!("another chunk arrived: {relayed}"));
        }
        self.interviewer.settle();
        let picture = self.picture();
        for (field, was) in self.picture.as_object().unwrap() {
            let is = &picture[field];
            if !same(was, is) {
                return Err(format!("its {field} was {was}, it is {is}"));
            }
        }
        let expected = |m: &Value| m["type"] == "audio:ack" || m["type"] == "session:expiring";
        let heard = self
            .candidate
            .drain()
            .into_iter()
            .chain(self.interviewer.drain());
        match heard.into_iter().find(|message| !expected(message)) {
            Some(message) => Err(format!("somebody heard {message}")),
            None => Ok(()),
        }
    }
}

/// Whether two pictures show the same. Times are told by a clock that may be set while it runs, so
/// they may differ by as little as nobody would notice.
fn same(was: &Value, is: &Value) -> bool {
    const UNNOTICED_MS: i64 = 50;
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            let close = |name: &str, was: &Value, is: &Value| {
                let times = name.ends_with("At").then(|| was.as_i64().zip(is.as_i64()));
                match times.flatten() {
                    Some((was, is)) => (was - is).abs() <= UNNOTICED_MS,
                    None => same(was, is),
                }
            };
            let both = was.iter().map(|(name, was)| (name, was, is.get(name)));
            was.len() == is.len()
                && both
                    .into_iter()
                    .all(|(name, was, is)| is.is_some_and(|is| close(name, was, is)))
        }
        _ => was == is,
    }
}

impl From<Opened> for Talk {
    fn from(opened: Opened) -> Self {
        Self(Client::from(opened))
    }
}
