//! What an idle connection costs; and the parts of the core that need no socket. Whole servers are
//! in `tests/it`.

use std::mem::size_of;

use super::conn::{Conn, Seat};
use super::inbox::shard_of;
use super::route::Route;
use crate::transport::served::Served;
use crate::transport::socket::Socket;
use crate::transport::socketio::SocketIo;

/// What a joined connection that says nothing holds of ours, bytes, without the engine's session:
/// the machine room leaves 1.7 KiB for both.
const BUDGET: usize = 1_100;

/// The same on the Socket.IO door, which may take 1 KiB more than the plain one, all told.
const BUDGET_SOCKET_IO: usize = BUDGET + 340;

/// A task's header.
const TASK: usize = 128;
/// A box or an `Arc` before what it holds.
const ARC: usize = 16;

/// What a connection that a WebSocket carries holds, whichever door it came through.
fn carried() -> Vec<(&'static str, usize)> {
    // A map's entry with its spare room.
    let entry = |value: usize| value * 2;
    vec![
        ("task", size_of::<Served>() + TASK),
        ("connection", size_of::<Conn>() + ARC),
        ("seat", size_of::<Seat>()),
        ("route", size_of::<Route>() + ARC),
        (
            "socket in tokio",
            2 * ARC + size_of::<tokio::net::TcpStream>(),
        ),
        ("identity", size_of::<engine::input::Identity>() + ARC),
        ("entry of the connections", entry(16)),
        ("entry of the routes", entry(24)),
    ]
}

fn together(parts: Vec<(&'static str, usize)>) -> usize {
    let mut sum = 0;
    for (name, size) in parts {
        println!("{size:5}  {name}");
        sum += size;
    }
    println!("{sum:5}  together");
    sum
}

#[test]
fn an_idle_joined_connection_stays_within_its_budget() {
    let sum = together(carried());
    assert!(size_of::<Socket>() <= 512);
    assert!(size_of::<Served>() <= size_of::<Socket>() + 8);
    assert!(sum <= BUDGET, "{sum}");
}

#[test]
fn an_idle_joined_connection_of_the_socket_io_door_stays_within_its_budget() {
    let mut parts = carried();
    parts.push(("machine, peer and entry", size_of::<SocketIo>() + ARC));
    let sum = together(parts);
    assert!(size_of::<SocketIo>() <= 320, "{}", size_of::<SocketIo>());
    assert!(sum <= BUDGET_SOCKET_IO, "{sum}");
}

#[test]
fn sessions_are_spread_over_the_shards_and_always_the_same_way() {
    let mut counts = [0; 16];
    for n in 0..16_000 {
        let id = protocol::id::SessionId::parse(&format!("session-{n}")).unwrap();
        let shard = shard_of(&id, 16);
        assert_eq!(shard, shard_of(&id, 16));
        counts[shard.index()] += 1;
    }
    assert!(
        counts.iter().all(|n| (800..1_200).contains(n)),
        "{counts:?}"
    );
}
