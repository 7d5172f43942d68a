//! What is sent behind the end of a token, its revocation or its `exp`, is not acted on: nothing but
//! the message itself tells the server here that it is time to look.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use api::auth::Claims;
use api::guard::Guard;
use api::identity::TokenRole;
use engine::Input;
use protocol::id::UserId;
use protocol::value::Role;
use protocol::ws::{Opcode, client};
use serde_json::{Value, json};
use store::desk::{RevocationRow, Revokes};

use crate::support::{
    Client, Got, PATIENCE, TestServer, admin, http, invitation, now, token, verifier,
};

/// What each connection put into the engine.
type Log = Arc<Mutex<Vec<String>>>;

/// A server, what it judges tokens with, and its engine's log. Tokens have no leeway.
fn watched() -> (TestServer, Arc<Guard>, Log) {
    watched_by(|_| {})
}

/// The same; `held` is shown each line of the log, on the thread that reads from the sender.
fn watched_by(held: impl Fn(&str) + Send + Sync + 'static) -> (TestServer, Arc<Guard>, Log) {
    let log = Log::default();
    let kept = Arc::clone(&log);
    let watch = move |input: &Input| {
        if let Input::Message {
            caller, message, ..
        } = input
        {
            let line = format!("{} {message:?}", caller.who.user);
            kept.lock().unwrap().push(line.clone());
            held(&line);
        }
    };
    let mut guard = None;
    let server = TestServer::with(|settings| {
        settings.watch = Some(Arc::new(watch));
        settings.token_leeway_ms = 0;
        guard = Some(Arc::clone(&settings.guard));
    });
    (server, guard.unwrap(), log)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Door {
    Plain,
    SocketIo,
}

/// The names of what is sent late.
const LATE: [u32; 3] = [91, 92, 93];
const DOORS: [Door; 2] = [Door::Plain, Door::SocketIo];

fn sound() -> Value {
    json!({"audioData": "AQIDBA==", "format": "pcm16", "sampleRate": 16_000})
}

/// Somebody behind one of the doors.
struct Person {
    client: Client,
    door: Door,
}

impl Person {
    fn open(server: &TestServer, door: Door, token: &str) -> Self {
        let mut client = match door {
            Door::Plain => Client::open(server.addr(), &format!("/ws?token={token}"), &[]),
            Door::SocketIo => {
                let path = "/socket.io/?EIO=4&transport=websocket";
                Client::open(server.addr(), path, &[])
            }
        };
        if door == Door::SocketIo {
            client.text(&format!("40/interview,{{\"token\":\"{token}\"}}"));
        }
        let mut person = Self { client, door };
        person.until("connection:success");
        person
    }

    /// The frame of a message with this name for its answer.
    fn frame(&self, nth: u32, event: &str, fields: &Value) -> Vec<u8> {
        let text = match self.door {
            Door::Plain => {
                let mut message = fields.clone();
                message["type"] = json!(event);
                message["ref"] = json!(nth);
                message.to_string()
            }
            Door::SocketIo => format!("42/interview,{nth}[\"{event}\",{fields}]"),
        };
        client::frame(Opcode::Text, text.as_bytes(), [1, 2, 3, 4])
    }

    /// How the answer to a message of that name can be told.
    fn answer_to(&self, nth: u32) -> String {
        match self.door {
            Door::Plain => format!("\"ref\":{nth}"),
            Door::SocketIo => format!("43/interview,{nth}["),
        }
    }

    fn ask(&mut self, nth: u32, event: &str, fields: &Value) -> String {
        let frame = self.frame(nth, event, fields);
        self.client.bytes(&frame);
        let answer = self.answer_to(nth);
        self.until(&answer)
    }

    /// The next message or packet with this in it.
    fn until(&mut self, part: &str) -> String {
        loop {
            let text = match self.client.next() {
                Got::Json(value) => value.to_string(),
                Got::Word(word) => word,
                Got::Ping | Got::Pong | Got::Binary(_) => continue,
                other => panic!("{part} was expected, not {other:?}"),
            };
            if text.contains(part) {
                return text;
            }
        }
    }

    /// Everything up to the close frame, and that.
    fn closed(&mut self) -> (String, (u16, String)) {
        let mut said = String::new();
        loop {
            match self.client.next() {
                Got::Json(value) => said.push_str(&value.to_string()),
                Got::Word(word) => said.push_str(&word),
                Got::Close(code, reason) => return (said, (code, reason)),
                Got::End => panic!("no close frame after {said}"),
                Got::Ping | Got::Pong | Got::Binary(_) => {}
            }
            said.push('\n');
        }
    }

    /// Sends, with one write: sound, a ping, and what would end the interview.
    fn send_late(&mut self) {
        let [sounds, asks, ends] = LATE;
        let late = [
            self.frame(sounds, "audio:stream", &sound()),
            self.frame(asks, "ping", &json!({})),
            self.frame(ends, "end_interview", &json!({})),
        ];
        self.client.bytes(&late.concat());
    }
}

/// Ana, and Ivo who hears her, in the session `s1`; both have nothing more to hear.
fn together(server: &TestServer, door: Door, shown: &str) -> (Person, Client) {
    let order = json!({"id": "s1", "candidate": "ana",
                       "participants": [{"userId": "ivo", "role": "interviewer"}]});
    let made = http(
        server.addr(),
        "POST",
        "/api/sessions",
        &admin(),
        &order.to_string(),
    );
    assert_eq!(made.0, 201, "{}", made.1);
    let mut ana = Person::open(server, door, shown);
    let joined = ana.ask(1, "session:join", &json!({"sessionId": "s1"}));
    assert!(joined.contains("\"ok\""), "{joined}");
    let mut ivo = server.client("ivo", Role::Interviewer);
    ivo.join("s1");
    ana.until("user:joined");
    ana.ask(2, "ping", &json!({}));
    heard(&mut ivo);
    (ana, ivo)
}

/// What somebody hears up to the answer to a ping sent now.
fn heard(client: &mut Client) -> Vec<Value> {
    client.send(json!({"type": "ping", "ref": "so far"}));
    let mut heard = Vec::new();
    loop {
        match client.json() {
            pong if pong["ref"] == "so far" => return heard,
            other => heard.push(other),
        }
    }
}

/// What Ana put into the engine so far.
fn of_ana(log: &Log) -> Vec<String> {
    let mut lines = log.lock().unwrap().clone();
    lines.retain(|line| line.starts_with("ana "));
    lines
}

/// Ana sends late and is put out with this code; nothing comes of what she sent. What she was told.
fn late(log: &Log, both: &mut (Person, Client), code: u16) -> String {
    let before = of_ana(log);
    both.0.send_late();
    nothing_came_of_it((log, &before), both, code)
}

fn nothing_came_of_it(
    (log, before): (&Log, &[String]),
    (ana, ivo): &mut (Person, Client),
    code: u16,
) -> String {
    let door = ana.door;
    let (said, close) = ana.closed();
    assert_eq!(close.0, code, "{door:?}: {close:?} {said}");
    for nth in LATE {
        let answer = ana.answer_to(nth);
        assert!(!said.contains(&answer), "{door:?} was answered: {said}");
    }
    assert!(!said.contains("session_ended"), "{door:?}: {said}");
    assert_eq!(of_ana(log), before, "{door:?}: the engine was asked");
    let heard = heard(ivo);
    let is = |kind: &str| heard.iter().any(|message| message["type"] == kind);
    assert!(!is("audio:received") && !is("session_ended"), "{heard:?}");
    said
}

/// Enters a revocation and wakes nobody: the moment between the two, at which a message may come.
fn take_back(guard: &Guard, kind: Revokes, subject: &str) {
    guard.revoked().add(&RevocationRow {
        kind,
        subject: subject.to_owned(),
        before: now(),
        by: "root".to_owned(),
    });
}

fn behind_a_revocation(kind: Revokes, subject: &str, shown: impl Fn() -> String) {
    for door in DOORS {
        let (server, guard, log) = watched();
        let mut both = together(&server, door, &shown());
        // Somebody else's revocation that comes in the same way stops nothing.
        take_back(&guard, kind, "other");
        let (ana, ivo) = &mut both;
        let answer = ana.ask(3, "audio:stream", &sound());
        assert!(answer.contains("\"ok\""), "{door:?}: {answer}");
        ivo.expect("audio:received");
        ana.ask(4, "ping", &json!({}));

        take_back(&guard, kind, subject);
        let said = late(&log, &mut both, 4401);
        assert!(said.contains("token_revoked"), "{door:?}: {said}");
    }
}

#[test]
fn what_comes_with_the_revocation_of_the_senders_tokens_is_not_acted_on() {
    behind_a_revocation(Revokes::User, "ana", || token("ana", Role::Candidate));
}

#[test]
fn what_comes_with_the_revocation_of_the_sessions_invitations_is_not_acted_on() {
    let shown = || invitation("ana", Role::Candidate, "s1");
    behind_a_revocation(Revokes::Session, "s1", shown);
}

#[test]
fn what_comes_right_behind_the_end_of_the_senders_token_is_not_acted_on() {
    for door in DOORS {
        let (server, _, log) = watched();
        let mut both = together(&server, door, &token("ana", Role::Candidate));
        // Goes on with a token that ends soon. An `exp` is in whole seconds.
        let at = now();
        let lasts = 1_300;
        let ends = at.after(lasts).0 / 1_000 * 1_000;
        let claims = Claims {
            role: Some(TokenRole::Session(Role::Candidate)),
            expires_in_ms: Some(lasts),
            ..Claims::of(UserId::parse("ana").unwrap())
        };
        let brief = verifier().issue(&claims, at).unwrap();
        let answer = both.0.ask(3, "auth:refresh", &json!({"token": brief}));
        assert!(
            answer.contains(&format!("\"expiresAt\":{ends}")),
            "{answer}"
        );
        // The server's own look comes up to 250 ms after the end: the message is there first.
        let left = u64::try_from(ends + 3 - now().0).unwrap_or(0);
        std::thread::sleep(Duration::from_millis(left));
        late(&log, &mut both, 4410);
    }
}

/// A ping that takes more than one read.
fn long_ping(ana: &Person, nth: u32) -> Vec<u8> {
    let spaces = " ".repeat(100_000);
    let text = match ana.door {
        Door::Plain => format!("{{\"type\":\"ping\",{spaces}\"ref\":{nth}}}"),
        Door::SocketIo => format!("42/interview,{nth}[\"ping\",{{{spaces}}}]"),
    };
    client::frame(Opcode::Text, text.as_bytes(), [1, 2, 3, 4])
}

#[test]
fn who_never_pauses_is_not_heard_beyond_a_revocation_either() {
    for door in DOORS {
        let (stands, standing) = mpsc::channel();
        let (go, going) = mpsc::channel::<()>();
        let going = Mutex::new(going);
        let (server, guard, log) = watched_by(move |line| {
            if line.starts_with("ana Visibility") {
                // In the middle of what was read from her, until we say so.
                stands.send(()).unwrap();
                going.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            }
        });
        let mut both = together(&server, door, &token("ana", Role::Candidate));
        let ana = &mut both.0;
        // The kernel gives a socket room for more than one read once it has read a lot.
        for nth in 10..30 {
            let (ping, answer) = (long_ping(ana, nth), ana.answer_to(nth));
            ana.client.bytes(&ping);
            ana.until(&answer);
        }
        let hidden =
            |nth, ana: &Person| ana.frame(nth, "user:visibility", &json!({"state": "hidden"}));
        let first = hidden(40, ana);
        ana.client.bytes(&first);
        standing.recv_timeout(PATIENCE).unwrap();
        // More than one read takes is there at the next wake.
        let more = [hidden(41, ana), long_ping(ana, 42)].concat();
        ana.client.bytes(&more);
        go.send(()).unwrap();
        standing.recv_timeout(PATIENCE).unwrap();

        let before = of_ana(&log);
        take_back(&guard, Revokes::User, "ana");
        ana.send_late();
        go.send(()).unwrap();
        let said = nothing_came_of_it((&log, &before), &mut both, 4401);
        assert!(said.contains("token_revoked"), "{door:?}: {said}");
    }
}
