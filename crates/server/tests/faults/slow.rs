//! A member who does not read.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::harness::client::Client;
use crate::harness::run::Run;
use crate::harness::server::Setup;
use crate::harness::{SOON, sound, token, until};
use crate::{Pair, bodies, resume};
use history::entry::What;

/// More chunks than all buffers between the server and a reader can hold.
const CHUNKS_MAX: u32 = 400;
/// Sound of one chunk.
static CHUNK: [u8; 32 * 1024] = [0; 32 * 1024];

#[test]
fn who_does_not_read_loses_audio_then_the_connection_and_nobody_else_notices() {
    let data = tempfile::tempdir().unwrap();
    let server = Setup::new(data.path())
        .with("limits.audio_bytes_per_second", "256MiB")
        .with("limits.audio_burst_bytes", "256MiB")
        .with("limits.write_timeout", "1500ms")
        .start();
    let token = token::invited("eve", "observer", "slow");
    let socket = small_socket(server.address);
    let mut eve = Client::taped_over(&server.run, socket, "eve", &token);
    let mut pair = Pair::start(&server, "slow", &[600, 600, 600]);
    eve.ask(json!({"type": "session:join", "sessionId": "slow"}));
    eve.settle();
    let joined = eve.expect("session:joined");
    let seen = joined["seq"].as_u64().unwrap();
    let (ana, ben) = (&mut pair.candidate, &mut pair.interviewer);

    eve.stop_reading();
    server.run.fault("eve does not read");
    let mut sent = 0;
    while server.metric("greenroom_audio_dropped_frames_total") == 0.0 {
        assert!(sent < CHUNKS_MAX, "no audio was dropped");
        ana.send_binary(&sound::binary(1, sent, &CHUNK));
        let heard = ben.wait("a chunk", SOON, |m| m["type"] == "audio:received");
        assert_eq!(heard["seq"], sent, "somebody who reads missed a chunk");
        sent += 1;
    }
    // Audio goes first: the connection is still there, and events still queue for it.
    assert_eq!(server.metric("greenroom_slow_consumers_total"), 0.0);
    ana.ask(json!({"type": "answer:done", "questionId": "q1"}));
    until("the observer is given up", SOON, || {
        (server.metric("greenroom_slow_consumers_total") == 1.0).then_some(())
    });
    eve.read_on();
    server.run.note(What::Peace);
    assert_eq!(eve.ended(SOON), Some((4421, "slow_consumer".to_owned())));
    let gone = ben.wait("the observer is gone", SOON, |m| {
        m["type"] == "user:disconnected"
    });
    assert_eq!(gone["userId"], "eve");
    ana.ask(json!({"type": "answer:done", "questionId": "q2"}));
    ben.wait("the third question", SOON, |m| {
        m["type"] == "question:asked" && m["index"] == 2
    });

    let position = eve.position().max(seen);
    let mut back = server.connect("eve", "observer", "slow");
    back.ask(resume(&eve, "slow", position));
    let joined = back.expect("session:joined");
    assert_eq!(joined["recovered"], true, "{joined}");
    back.settle();
    let known = eve.stored().into_iter().chain(back.stored());
    let known: Vec<_> = known
        .filter(|event| event["seq"].as_u64().unwrap() > seen)
        .collect();
    let all = ben.stored().into_iter();
    let all: Vec<_> = all
        .filter(|event| event["seq"].as_u64().unwrap() > seen)
        .collect();
    assert_eq!(all.len(), 4);
    assert_eq!(bodies(&known), bodies(&all), "every event once, in order");
    until(
        "nothing of the old connection is left",
        Duration::from_secs(5),
        || (server.metric("greenroom_connections") == 3.0).then_some(()),
    );
    assert!(!ana.is_over() && !ben.is_over());
    server.run.judge(data.path(), &["slow"], Run::limits());
}

/// A socket whose own buffer takes next to nothing.
fn small_socket(address: std::net::SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    socket.connect_timeout(&address.into(), SOON).unwrap();
    socket.into()
}
