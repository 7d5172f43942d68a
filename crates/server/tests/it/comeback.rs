//! Coming back through either door: again and again, having heard nothing, with the token renewed in
//! between, to the same process and to the next one (L2, A4).

use protocol::value::Role;
use serde_json::{Value, json};
use server::driver::server::Running;

use crate::support::{Client, Got, TestServer, admin, http, token};

/// How often the line is lost.
const LOSSES: u32 = 10;
/// At these losses something is said while the page is away.
const SPOKEN: [u32; 3] = [2, 7, 10];
/// Before this one the process dies.
const DEATH: u32 = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Plain,
    SocketIo,
}

/// A page that keeps what it needs to come back.
struct Page {
    door: Door,
    client: Client,
    key: Value,
    epoch: Value,
    seq: u64,
    asked: u32,
}

impl Page {
    fn open(door: Door, running: &Running) -> Client {
        let token = token("ana", Role::Candidate);
        let addr = running.addr();
        if door == Door::Plain {
            let mut client = Client::open(addr, &format!("/ws?token={token}"), &[]);
            client.expect("connection:success");
            return client;
        }
        let path = "/socket.io/?EIO=4&transport=websocket";
        let mut client = Client::open(addr, path, &[]);
        client.text(&format!("40/interview,{{\"token\":\"{token}\"}}"));
        while !word(&mut client).starts_with("42/interview,[\"connection:success\",") {}
        client
    }

    /// The next message with its name; answers are called `ok` or `error`.
    fn next(&mut self) -> Value {
        if self.door == Door::Plain {
            return self.client.json();
        }
        loop {
            let text = word(&mut self.client);
            let Some(rest) = text
                .strip_prefix("42/interview,")
                .or_else(|| text.strip_prefix("43/interview,"))
            else {
                continue;
            };
            let array = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let Value::Array(mut parts) = serde_json::from_str(array).unwrap() else {
                panic!("{text}")
            };
            return parts.pop().unwrap();
        }
    }

    fn expect(&mut self, name: &str) -> Value {
        loop {
            let message = self.next();
            if message["type"] == name {
                return message;
            }
        }
    }

    fn ask(&mut self, mut message: Value) {
        self.asked += 1;
        if self.door == Door::Plain {
            message["ref"] = self.asked.into();
            self.client.send(message);
        } else {
            let name = message["type"].as_str().unwrap().to_owned();
            let ack = self.asked;
            self.client
                .text(&format!("42/interview,{ack}[\"{name}\",{message}]"));
        }
    }

    /// Joins with what it knows, and takes in what that brings, in order.
    fn come_back(&mut self, running: &Running) -> Vec<u64> {
        self.client = Self::open(self.door, running);
        self.ask(
            json!({"type": "session:join", "sessionId": "s1", "resume": {
                "key": self.key, "epoch": self.epoch, "seq": self.seq
            }}),
        );
        let joined = self.expect("session:joined");
        assert_eq!(joined["recovered"], true, "{:?}: {joined}", self.door);
        assert_eq!(joined["epoch"], self.epoch);
        self.key = joined["resumeKey"].clone();
        let upto = joined["seq"].as_u64().unwrap();
        let mut missed = Vec::new();
        while self.seq < upto {
            let message = self.next();
            let (Some(seq), Some(prev)) = (message["seq"].as_u64(), message["prev"].as_u64())
            else {
                continue;
            };
            assert_eq!(prev, self.seq, "{message}");
            self.seq = seq;
            missed.push(seq);
        }
        missed
    }

    fn refresh(&mut self) {
        let token = token("ana", Role::Candidate);
        self.ask(json!({"type": "auth:refresh", "token": token}));
        // The answer to the join may still be on its way.
        while self.expect("ok")["expiresAt"].is_null() {}
    }
}

fn word(client: &mut Client) -> String {
    loop {
        match client.next() {
            Got::Word(text) if text == "2" => client.text("3"),
            Got::Word(text) => return text,
            other => panic!("a packet was expected, not {other:?}"),
        }
    }
}

fn say(running: &Running, nth: u32) {
    let body = json!({"type": "custom:note", "data": {"nth": nth}}).to_string();
    let path = "/api/sessions/s1/events";
    let (status, answer) = http(running.addr(), "POST", path, &admin(), &body);
    assert!((200..300).contains(&status), "{status} {answer}");
}

fn comes_back_ten_times(door: Door) {
    let mut server = TestServer::start();
    let mut running = server.running.take().unwrap();
    let mut page = Page {
        client: Page::open(door, &running),
        door,
        key: Value::Null,
        epoch: Value::Null,
        seq: 0,
        asked: 0,
    };
    page.ask(json!({"type": "session:join", "sessionId": "s1"}));
    let joined = page.expect("session:joined");
    (page.key, page.epoch) = (joined["resumeKey"].clone(), joined["epoch"].clone());
    page.expect("ok");
    let questions = json!([{"id": "q1", "text": "Well?", "limitMs": 600_000}]);
    page.ask(json!({"type": "interview:start", "questions": questions}));
    page.seq = page.expect("question:asked")["seq"].as_u64().unwrap();
    page.expect("ok");
    for nth in 1..=LOSSES {
        if nth == 2 {
            page.refresh();
        }
        // From here on the page has heard nothing since it joined.
        if nth == DEATH {
            running.abort();
            running = TestServer::start_in(server.dir.path(), |_| {});
        } else {
            page.client
                .stream
                .shutdown(std::net::Shutdown::Both)
                .unwrap();
        }
        let said = SPOKEN.contains(&nth);
        if said {
            say(&running, nth);
        }
        let missed = page.come_back(&running);
        assert_eq!(missed.len(), usize::from(said), "{door:?}, loss {nth}");
    }
    page.ask(json!({"type": "end_interview"}));
    assert_eq!(page.expect("session_ended")["reason"], "candidate_ended");
    running.shutdown();
}

#[test]
fn through_the_plain_door_a_quiet_page_comes_back_ten_times_and_to_the_next_process() {
    comes_back_ten_times(Door::Plain);
}

#[test]
fn through_the_socket_io_door_a_quiet_page_comes_back_ten_times_and_to_the_next_process() {
    comes_back_ten_times(Door::SocketIo);
}
