//! Bytes on the wire: relay, slow readers, heartbeats, closes, torn writes.

use std::time::{Duration, Instant};

use protocol::audio::{self, Direction, Format, Header};
use protocol::value::Role;
use protocol::ws::Opcode;
use serde_json::{Value, json};

use crate::door::base64;
use crate::support::{Client, Got, TestServer, invitation, wait_for};

/// A candidate and an interviewer in one room.
fn pair(server: &TestServer, session: &str) -> (Client, Client) {
    let mut ana = server.client("ana", Role::Candidate);
    ana.join(session);
    let mut ben = guest(server, "ben", Role::Interviewer, session);
    ben.join(session);
    ana.expect("user:joined");
    (ana, ben)
}

fn guest(server: &TestServer, user: &str, role: Role, session: &str) -> Client {
    let token = invitation(user, role, session);
    let mut client = Client::open(server.addr(), &format!("/ws?token={token}"), &[]);
    client.expect("connection:success");
    client
}

fn stream(seq: u32, data: &[u8]) -> Value {
    json!({
        "type": "audio:stream", "audioData": base64(data), "format": "pcm16",
        "sampleRate": 16_000, "streamId": 3, "seq": seq,
    })
}

fn header(seq: u32, room: u16) -> Header {
    Header {
        format: Format::Pcm16,
        is_last: false,
        sender: 0,
        room,
        sample_rate: 16_000,
        stream: 3,
        seq,
        at_ms: seq * 10,
    }
}

fn binary(seq: u32, room: u16, data: &[u8]) -> Vec<u8> {
    let mut out = header(seq, room).encode(Direction::ToServer).to_vec();
    out.extend_from_slice(data);
    out
}

#[test]
fn json_audio_reaches_the_others_as_it_was_and_not_the_speaker() {
    let server = TestServer::start();
    let (mut ana, mut ben) = pair(&server, "s1");
    ana.send(stream(7, b"abcd"));
    let heard = ben.expect("audio:received");
    for (field, value) in [
        ("sessionId", json!("s1")),
        ("userId", json!("ana")),
        ("streamId", json!(3)),
        ("seq", json!(7)),
        ("format", json!("pcm16")),
        ("sampleRate", json!(16_000)),
        ("audioData", json!(base64(b"abcd"))),
    ] {
        assert_eq!(heard[field], value, "{field} of {heard}");
    }
    assert!(heard["timestamp"].as_i64().unwrap() > 1_700_000_000_000);
    // Had the speaker heard it too, it would come before the pong.
    let before = [ana.ask(json!({"type": "ping"}))];
    assert_eq!(before[0]["type"], "pong");
}

#[test]
fn a_chunk_without_a_number_is_counted_by_the_server() {
    let server = TestServer::start();
    let (mut ana, mut ben) = pair(&server, "s1");
    for _ in 0..3 {
        let mut chunk = stream(0, b"ab");
        chunk.as_object_mut().unwrap().remove("seq");
        ana.send(chunk);
    }
    let seqs: Vec<Value> = (0..3)
        .map(|_| ben.expect("audio:received")["seq"].clone())
        .collect();
    assert_eq!(seqs, [json!(0), json!(1), json!(2)]);
}

#[test]
fn nobody_hears_a_session_before_their_join_is_answered() {
    let server = TestServer::with(|settings| settings.engine.save_slow_ms = 10_000);
    let mut ana = server.client("ana", Role::Candidate);
    ana.join("s1");
    let question = |id| json!({"id": id, "text": "Who?", "limitMs": 600_000});
    let questions = json!([question("q1"), question("q2")]);
    let started = ana.ask(json!({"type": "interview:start", "questions": questions}));
    assert_eq!(started["type"], "ok", "{started}");
    // While nothing can be written, answers wait; sound does not.
    let database = server.dir.path().join("greenroom.db");
    let records = rusqlite::Connection::open(database).unwrap();
    records.execute_batch("BEGIN IMMEDIATE").unwrap();
    ana.send(json!({"type": "answer:done", "questionId": "q1", "ref": "done"}));
    assert_eq!(ana.ask(json!({"type": "ping"}))["type"], "pong");
    let mut ben = guest(&server, "ben", Role::Interviewer, "s1");
    ben.send(json!({"type": "session:join", "sessionId": "s1", "ref": "join"}));
    assert_eq!(ben.ask(json!({"type": "ping"}))["type"], "pong");
    for seq in 0..5 {
        ana.send(stream(seq, b"abcd"));
    }
    assert_eq!(ana.ask(json!({"type": "ping"}))["type"], "pong");
    records.execute_batch("ROLLBACK").unwrap();
    let mut before = Vec::new();
    loop {
        match ben.json() {
            answer if answer["ref"] == "join" => break,
            other => before.push(other["type"].clone()),
        }
    }
    assert!(before.contains(&json!("session:joined")), "{before:?}");
    assert!(!before.contains(&json!("audio:received")), "{before:?}");
    ana.send(stream(5, b"abcd"));
    assert_eq!(ben.expect("audio:received")["seq"], 5);
}

#[test]
fn binary_audio_is_heard_as_json_by_those_who_did_not_ask_for_binary() {
    let server = TestServer::start();
    let (mut ana, mut ben) = pair(&server, "s1");
    ana.frame(Opcode::Binary, &binary(5, 0, b"wxyz"));
    let heard = ben.expect("audio:received");
    assert_eq!(heard["audioData"], base64(b"wxyz"));
    assert_eq!(heard["seq"], 5);
    assert_eq!(heard["userId"], "ana");
}

#[test]
fn who_asks_for_binary_hears_binary_with_the_room_of_their_own_connection() {
    let server = TestServer::start();
    let (mut ana, _ben) = pair(&server, "s1");
    let mut eve = guest(&server, "eve", Role::Observer, "s1");
    let join = json!({"type": "session:join", "sessionId": "s1", "audio": "binary"});
    assert_eq!(eve.ask(join)["type"], "ok");
    let room = eve.expect("session:joined")["room"].as_u64().unwrap() as u16;
    for (nth, send) in [stream(1, b"abcd").to_string(), String::new()]
        .iter()
        .enumerate()
    {
        match nth {
            0 => ana.text(send),
            _ => ana.frame(Opcode::Binary, &binary(2, 1, b"efgh")),
        }
        let Got::Binary(frame) = eve.next() else {
            panic!("a binary frame was expected")
        };
        let chunk = audio::decode(Direction::ToClient, &frame, 100).unwrap();
        let payload: &[u8] = [b"abcd", b"efgh"][nth];
        assert_eq!((chunk.header.room, chunk.payload), (room, payload));
        assert_eq!(chunk.header.seq, nth as u32 + 1);
    }
}

#[test]
fn an_observer_may_not_speak_and_is_told() {
    let server = TestServer::start();
    let (mut ana, _ben) = pair(&server, "s1");
    let mut eve = guest(&server, "eve", Role::Observer, "s1");
    eve.join("s1");
    eve.send(stream(0, b"ab"));
    assert_eq!(eve.expect("audio:error")["code"], "not_allowed");
    let mut with_ref = stream(0, b"ab");
    with_ref["ref"] = json!(9);
    eve.send(with_ref);
    let answer = eve.json();
    assert_eq!(
        (&answer["type"], &answer["ref"], &answer["code"]),
        (&json!("error"), &json!(9), &json!("not_allowed"))
    );
    assert_eq!(ana.ask(json!({"type": "ping"}))["type"], "pong");
}

#[test]
fn no_audio_passes_after_a_takeover_or_an_end() {
    let server = TestServer::start();
    let (mut old, mut ben) = pair(&server, "s1");
    let mut new = server.client("ana", Role::Candidate);
    new.join("s1");
    old.send(stream(1, b"ol"));
    new.send(stream(2, b"ne"));
    assert_eq!(ben.expect("audio:received")["audioData"], base64(b"ne"));
    assert_eq!(
        new.ask(json!({"type": "interview:start", "questions": []}))["type"],
        "ok"
    );
    assert_eq!(new.ask(json!({"type": "end_interview"}))["type"], "ok");
    assert_eq!(ben.expect("session_ended")["reason"], "candidate_ended");
    assert_eq!(ben.closed().0, 1000);
    drop((old, new, ben));
    server.wait_until_empty();
}

#[test]
fn an_interviewer_in_two_sessions_stays_connected_when_one_ends() {
    let server = TestServer::start();
    let mut ana = server.client("ana", Role::Candidate);
    ana.join("s1");
    let mut bob = server.client("bob", Role::Candidate);
    bob.join("s2");
    let mut root = Client::open(
        server.addr(),
        &format!("/ws?token={}", crate::support::admin()),
        &[],
    );
    root.expect("connection:success");
    let rooms: Vec<Value> = ["s1", "s2"].map(|s| root.join(s)["room"].clone()).to_vec();
    assert_eq!(rooms, [json!(1), json!(2)]);
    let unnamed = root.ask(json!({"type": "session:leave"}));
    assert_eq!(unnamed["code"], "session_required");
    assert_eq!(
        ana.ask(json!({"type": "interview:start", "questions": []}))["type"],
        "ok"
    );
    assert_eq!(ana.ask(json!({"type": "end_interview"}))["type"], "ok");
    root.expect("session_ended");
    bob.send(stream(0, b"hi"));
    assert_eq!(root.expect("audio:received")["userId"], "bob");
}

#[test]
fn a_reader_that_stops_loses_audio_first_and_never_holds_the_room_up() {
    let server = TestServer::with(|settings| {
        settings.sockets.send_buffer = 8 * 1024;
        settings.limits.audio_bytes_per_second = 1 << 30;
        settings.limits.audio_burst_bytes = 1 << 30;
    });
    let (mut ana, mut ben) = pair(&server, "s1");
    let mut eve = guest(&server, "eve", Role::Observer, "s1");
    eve.join("s1");
    // Eve reads nothing from here on.
    let data = vec![9; 60_000];
    for seq in 0..200 {
        ana.frame(Opcode::Binary, &binary(seq, 0, &data));
        assert_eq!(ben.expect("audio:received")["seq"], seq);
    }
    let core = server.running().core();
    wait_for("dropped audio", || {
        core.counters().audio_dropped_frames.get() > 0
    });
    assert_eq!(ana.ask(json!({"type": "ping"}))["type"], "pong");
}

#[test]
fn a_reader_that_takes_nothing_for_long_is_cut_off_and_only_that_one() {
    let server = TestServer::with(|settings| {
        settings.sockets.send_buffer = 8 * 1024;
        settings.limits.audio_bytes_per_second = 1 << 30;
        settings.limits.audio_burst_bytes = 1 << 30;
        settings.limits.write_timeout_ms = 300;
        settings.limits.events_per_second = 1_000_000;
        settings.limits.events_burst = 1_000_000;
    });
    let (mut ana, mut ben) = pair(&server, "s1");
    let mut eve = guest(&server, "eve", Role::Observer, "s1");
    eve.join("s1");
    let data = vec![9; 60_000];
    let by = Instant::now() + Duration::from_secs(20);
    let mut seq = 0;
    let mut gone = false;
    while !gone {
        assert!(Instant::now() < by, "the reader was never cut off");
        ana.frame(Opcode::Binary, &binary(seq, 0, &data));
        seq += 1;
        // Paces the flood by what the other one hears; between two chunks it hears who is gone.
        loop {
            match ben.json()["type"].as_str() {
                Some("audio:received") => break,
                Some("user:disconnected") => gone = true,
                _ => {}
            }
        }
    }
    assert_eq!(server.running().core().counters().slow_consumers.get(), 1);
    assert_eq!(ana.ask(json!({"type": "ping"}))["type"], "pong");
}

#[test]
fn events_beyond_a_readers_queue_close_it_as_a_slow_consumer() {
    let server = TestServer::with(|settings| {
        settings.sockets.send_buffer = 4 * 1024;
        settings.outbox.event_bytes_max = 64 * 1024;
        settings.limits.events_per_second = 1_000_000;
        settings.limits.events_burst = 1_000_000;
    });
    let mut client = server.client("ana", Role::Candidate);
    let mut buffer = Vec::new();
    for _ in 0..200_000 {
        let text = br#"{"type":"ping","ref":"0123456789012345678901234567890123456789"}"#;
        protocol::ws::client::append(&mut buffer, Opcode::Text, true, text, [0; 4]);
    }
    // The server stops reading what it cannot answer; it must not wait for us for ever.
    client
        .stream
        .set_write_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    client.bytes(&buffer);
    let core = server.running().core();
    wait_for("a slow consumer", || {
        core.counters().slow_consumers.get() == 1
    });
    let last = client.rest();
    let closes = last
        .iter()
        .filter(|got| matches!(got, Got::Close(4421, _)))
        .count();
    assert!(closes <= 1);
    wait_for("its end", || core.conns().is_empty());
}

/// Everything that goes out is checked frame by frame by the client's own reader, which refuses
/// torn or mixed frames; every payload says what it is.
#[test]
fn no_frame_is_torn_or_mixed_however_little_the_socket_takes() {
    const SPEAKERS: usize = 4;
    const CHUNKS: u32 = 150;
    let server = TestServer::with(|settings| {
        settings.sockets.send_buffer = 4 * 1024;
        settings.limits.audio_bytes_per_second = 1 << 30;
        settings.limits.audio_burst_bytes = 1 << 30;
        settings.outbox.audio_bytes_max = 64 << 20;
        settings.outbox.audio_ms_max = 60_000;
        settings.limits.write_timeout_ms = 20_000;
    });
    let mut ana = server.client("ana", Role::Candidate);
    ana.join("s1");
    let mut speakers: Vec<Client> = (0..SPEAKERS)
        .map(|n| {
            let mut client = guest(&server, &format!("ben{n}"), Role::Interviewer, "s1");
            client.join("s1");
            client
        })
        .collect();
    let listener = std::thread::spawn(move || {
        let mut next = [0_u32; SPEAKERS];
        while next.iter().sum::<u32>() < CHUNKS * SPEAKERS as u32 {
            let heard = ana.expect("audio:received");
            let speaker: usize = heard["userId"].as_str().unwrap()[3..].parse().unwrap();
            assert_eq!(heard["seq"], next[speaker], "of speaker {speaker}");
            next[speaker] += 1;
            let data = heard["audioData"].as_str().unwrap();
            let length = 2 * (100 + (heard["seq"].as_u64().unwrap() * 37 % 4_000) as usize);
            assert_eq!(data, base64(&vec![speaker as u8; length]));
            if next[speaker] % 20 == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    });
    let talks: Vec<_> = speakers
        .drain(..)
        .enumerate()
        .map(|(n, mut client)| {
            std::thread::spawn(move || {
                // The others' chunks are read and thrown away, so that only `ana` is slow.
                let mut stream = client.stream.try_clone().unwrap();
                let drain = std::thread::spawn(move || {
                    let mut buffer = [0; 65_536];
                    while matches!(std::io::Read::read(&mut stream, &mut buffer), Ok(1..)) {}
                });
                for seq in 0..CHUNKS {
                    let length = 2 * (100 + (seq as usize * 37 % 4_000));
                    client.frame(Opcode::Binary, &binary(seq, 0, &vec![n as u8; length]));
                }
                (client, drain)
            })
        })
        .collect();
    listener.join().unwrap();
    for talk in talks {
        let (client, drain) = talk.join().unwrap();
        client.stream.shutdown(std::net::Shutdown::Both).unwrap();
        drain.join().unwrap();
    }
}

#[test]
fn silence_is_pinged_and_then_closed() {
    let server = TestServer::with(|settings| {
        settings.limits.ping_interval_ms = 300;
        settings.limits.ping_timeout_ms = 200;
    });
    let mut dead = server.client("bob", Role::Candidate);
    dead.ignore_pings();
    assert_eq!(dead.closed(), (4422, "heartbeat_missed".to_owned()));
    assert_eq!(
        server.running().core().counters().heartbeats_missed.get(),
        1
    );
}

#[test]
fn who_answers_pings_stays() {
    let server = TestServer::with(|settings| {
        settings.limits.ping_interval_ms = 300;
        settings.limits.ping_timeout_ms = 200;
    });
    let mut living = server.client("ana", Role::Candidate);
    for _ in 0..4 {
        assert_eq!(living.next(), Got::Ping);
    }
    assert_eq!(living.ask(json!({"type": "ping"}))["type"], "pong");
}

#[test]
fn a_close_is_answered_with_its_code_and_the_socket_ends() {
    let server = TestServer::start();
    for (sent, answered) in [(Some(1000), 1000), (Some(4000), 4000), (None, 1005)] {
        let mut client = server.client("ana", Role::Candidate);
        match sent {
            Some(code) => client.bytes(&protocol::ws::client::close(code, "bye", [5; 4])),
            None => client.frame(Opcode::Close, b""),
        }
        assert_eq!(client.rest(), [Got::Close(answered, String::new())]);
    }
    server.wait_until_empty();
}

#[test]
fn whatever_vanishes_leaves_nothing_behind() {
    let server = TestServer::with(|settings| settings.engine.grace_ms = 0);
    for round in 0..20 {
        let clients: Vec<Client> = (0..10)
            .map(|n| {
                let session = format!("s{round}-{n}");
                let mut client = server.client(&format!("u{n}"), Role::Candidate);
                client.send(json!({"type": "session:join", "sessionId": session}));
                if n % 2 == 0 {
                    client.expect("session:joined");
                }
                client
            })
            .collect();
        drop(clients);
    }
    server.wait_until_empty();
}
