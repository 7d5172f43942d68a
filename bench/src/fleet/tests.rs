//! The generator against a real floor and against a small stand-in for the
//! plain door that can lose, break or misplace a message.

use super::{Dialect, Fleet, Load, Shape, Tally};
use crate::floor::{self, Sabotage};
use crate::target::Identity;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const SHORT: Load = Load {
    window: 2,
    gap: Duration::from_millis(2),
    closed: true,
    length: Duration::from_millis(150),
};

/// A floor on a thread of its own; it ends with the sender.
fn floor() -> (SocketAddr, tokio::sync::oneshot::Sender<()>) {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            tokio::select! {
                _ = floor::serve(listener, Sabotage::None) => {}
                _ = stopped => {}
            }
        });
    });
    (told.recv().unwrap(), stop)
}

#[test]
fn the_floor_delivers_every_message_to_every_other_member() {
    let (address, _stop) = floor();
    let shape = Shape {
        rooms: 5,
        members: 4,
    };
    let mut fleet = Fleet::open(address, Dialect::Floor, shape).unwrap();
    let tally = fleet.run(SHORT).unwrap();
    assert!(tally.sent >= 10, "{} messages", tally.sent);
    assert_eq!(tally.deliveries, tally.sent * 3);
    assert_eq!((tally.lost, tally.corrupt, tally.misplaced), (0, 0, 0));
    assert_eq!(tally.latency.count(), tally.deliveries);
    assert!(fleet.take_faults().is_empty());
    // A second stretch goes on where the first ended.
    let again = fleet.run(SHORT).unwrap();
    assert_eq!(again.deliveries, again.sent * 3);
}

#[derive(Clone, Copy, PartialEq)]
enum Trick {
    None,
    Lose,
    Corrupt,
    Twice,
    WrongSession,
    Close,
}

/// The plain door as far as one room of two needs it, on blocking sockets.
fn stand_in(identity: &Identity, trick: Trick) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let session = match trick {
        Trick::WrongSession => "somebody-else".to_owned(),
        _ => identity.session(0),
    };
    let speaker = identity.user(0, 1);
    thread::spawn(move || {
        let mut hears = admit(&listener);
        let mut speaks = admit(&listener);
        let mut count = 0;
        // Ends when the fleet does: then reading fails.
        while let Some(text) = read_frame(&mut speaks) {
            let sent: serde_json::Value = serde_json::from_slice(&text).unwrap();
            let mut audio = sent["audioData"].as_str().unwrap().to_owned();
            count += 1;
            if trick == Trick::Corrupt && count == 3 {
                audio.replace_range(2000..2001, "!");
            }
            let out = format!(
                r#"{{"type":"audio:received","sessionId":"{session}","userId":"{speaker}","participant":2,"streamId":0,"seq":{count},"format":"pcm16","sampleRate":16000,"audioData":"{audio}","timestamp":1}}"#
            );
            if trick == Trick::Lose && count == 3 {
                continue;
            }
            let times = if trick == Trick::Twice && count == 3 {
                2
            } else {
                1
            };
            for _ in 0..times {
                if write_frame(&mut hears, 0x81, out.as_bytes()).is_err() {
                    return;
                }
            }
            if trick == Trick::Close && count == 3 {
                let _ = write_frame(&mut hears, 0x88, &4421_u16.to_be_bytes());
            }
        }
    });
    address
}

fn admit(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(
        String::from_utf8(head)
            .unwrap()
            .contains("Authorization: Bearer ey")
    );
    let answer = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    stream.write_all(answer).unwrap();
    let success = br#"{"type":"connection:success","limits":{"audioBytesPerSecond":262144,"eventsPerSecond":50}}"#;
    write_frame(&mut stream, 0x89, b"are you there").unwrap();
    assert_eq!(
        read_frame(&mut stream).unwrap(),
        b"are you there",
        "the ping's echo"
    );
    write_frame(&mut stream, 0x81, success).unwrap();
    let join: serde_json::Value =
        serde_json::from_slice(&read_frame(&mut stream).unwrap()).unwrap();
    assert_eq!(join["type"], "session:join");
    write_frame(&mut stream, 0x81, br#"{"type":"ok","ref":"join"}"#).unwrap();
    stream
}

fn write_frame(stream: &mut TcpStream, first: u8, payload: &[u8]) -> std::io::Result<()> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(n as u8),
        n => {
            out.push(126);
            out.extend((n as u16).to_be_bytes());
        }
    }
    out.extend(payload);
    stream.write_all(&out)
}

fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).ok()?;
    let mut len = usize::from(head[1] & 0x7f);
    if len == 126 {
        let mut long = [0; 2];
        stream.read_exact(&mut long).ok()?;
        len = usize::from(u16::from_be_bytes(long));
    }
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).ok()?;
    let mut payload = vec![0; len];
    stream.read_exact(&mut payload).ok()?;
    for (at, byte) in payload.iter_mut().enumerate() {
        *byte ^= mask[at % 4];
    }
    Some(payload)
}

fn run_with(trick: Trick) -> (Tally, Vec<String>) {
    let identity = Identity::random().unwrap();
    let address = stand_in(&identity, trick);
    let shape = Shape {
        rooms: 1,
        members: 2,
    };
    let mut fleet = Fleet::open(address, Dialect::Plain(identity), shape).unwrap();
    // Open: a message that never comes must not stop the ones after it.
    let load = Load {
        closed: false,
        window: 1,
        ..SHORT
    };
    let tally = fleet.run(load).unwrap();
    (tally, fleet.take_faults())
}

#[test]
fn an_honest_door_gets_an_honest_count() {
    let (tally, faults) = run_with(Trick::None);
    assert!(tally.sent > 5);
    assert_eq!(tally.deliveries, tally.sent);
    assert_eq!((tally.lost, tally.corrupt, tally.misplaced), (0, 0, 0));
    assert_eq!(tally.stated_limits.unwrap()["eventsPerSecond"], 50);
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn a_lost_a_broken_and_a_repeated_message_are_each_counted_once() {
    let (lost, _) = run_with(Trick::Lose);
    assert_eq!((lost.lost, lost.deliveries), (1, lost.sent - 1));
    let (broken, _) = run_with(Trick::Corrupt);
    assert_eq!((broken.corrupt, broken.deliveries), (1, broken.sent - 1));
    let (twice, _) = run_with(Trick::Twice);
    assert_eq!((twice.misplaced, twice.deliveries), (1, twice.sent));
}

#[test]
fn a_wrong_session_and_a_closed_connection_are_faults() {
    let (_, faults) = run_with(Trick::WrongSession);
    assert!(faults[0].starts_with("wrong audio:received"), "{faults:?}");
    let (_, faults) = run_with(Trick::Close);
    assert!(faults[0].contains("code Some(4421)"), "{faults:?}");
}
