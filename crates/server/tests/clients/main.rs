//! Real clients, let loose on the real binary: Socket.IO's newest and oldest of the fourth version
//! and its Python twin, `ws`, Python's `websockets`, and in a browser its own WebSocket and the
//! Socket.IO client. Each joins, speaks, is relayed across doors, watches three sessions, is ended,
//! and behaves as promised after each way of ending: `endings` is the table.
//!
//! Each client is a small program in `tests/clients` that speaks lines of JSON with this side: it
//! is told what its members shall do and tells what happened to them; whether that was right is
//! judged here, the same for all. The clients come from a lock file and a pinned list, the browser
//! from the system; `make setup` installs them. What is missing fails, and says what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod endings;
mod line;
mod losses;
mod program;
mod refusals;
mod scene;
mod server;
mod talks;
mod watching;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use program::{Door, Kind};
use scene::House;

/// Nothing here takes longer, whatever else the machine does.
const PATIENCE: Duration = Duration::from_secs(40);

const PYTHON: &str = ".venv/bin/python";

const WS: Kind = Kind {
    name: "ws",
    interpreter: "node",
    script: &["plain.mjs"],
    door: Door::Plain,
    polls: false,
    frames: true,
    stops_reading: true,
    sets_origin: true,
};

const NEWEST: Kind = Kind {
    name: "newest",
    script: &["socketio.mjs", "newest", "websocket"],
    door: Door::SocketIo,
    ..WS
};

/// What is done with a client, and its name.
type Deed = (&'static str, Box<dyn Fn(&House) + Send>);

/// Everything there is to do with a client, at once, each in sessions of its own.
fn let_loose(kind: Kind) {
    let house = House::open(kind);
    let mut deeds: Vec<Deed> = vec![
        ("talks", Box::new(talks::across_doors)),
        ("errors", Box::new(talks::errors_are_answered)),
        ("watches", Box::new(watching::three_sessions)),
        ("refused", Box::new(refusals::stays_away_when_refused)),
        ("crowded", Box::new(refusals::waits_for_a_place)),
        ("origin", Box::new(refusals::an_origin_decides)),
        ("away", Box::new(endings::ended_while_away)),
        ("slow", Box::new(losses::slow)),
        ("silent", Box::new(losses::silent)),
        ("restart", Box::new(losses::restarts)),
    ];
    if kind.door == Door::SocketIo {
        deeds.push(("alias", Box::new(talks::joins_the_alias)));
    }
    for ending in endings::TABLE.iter().filter(|ending| (ending.fits)(&kind)) {
        deeds.push((ending.name, Box::new(|house| endings::play(house, ending))));
    }
    let only = std::env::var("GREENROOM_ONLY").ok();
    deeds.retain(|(name, _)| only.as_deref().is_none_or(|only| only == *name));
    assert!(
        !deeds.is_empty(),
        "{}: no deed is called {only:?}",
        kind.name
    );
    let failed: Vec<&str> = std::thread::scope(|scope| {
        let running: Vec<_> = deeds
            .into_iter()
            .map(|(name, deed)| {
                let house = &house;
                let run = move || {
                    let done = catch_unwind(AssertUnwindSafe(|| deed(house)));
                    done.is_err().then_some(name)
                };
                let thread = std::thread::Builder::new().name(format!("{} {name}", kind.name));
                thread.spawn_scoped(scope, run).expect("a thread")
            })
            .collect();
        let results = running.into_iter().map(|one| one.join());
        results.filter_map(|done| done.expect("caught")).collect()
    });
    assert!(failed.is_empty(), "{}: {failed:?}", kind.name);
    house.leaves_nothing();
}

#[test]
fn the_newest_socket_io_client_over_websocket() {
    let_loose(NEWEST);
}

#[test]
fn the_newest_socket_io_client_with_an_upgrade() {
    let_loose(Kind {
        name: "newest-upgrade",
        script: &["socketio.mjs", "newest", "polling,websocket"],
        frames: false,
        stops_reading: false,
        ..NEWEST
    });
}

#[test]
fn the_newest_socket_io_client_by_polling_alone() {
    let_loose(Kind {
        name: "newest-polling",
        script: &["socketio.mjs", "newest", "polling"],
        polls: true,
        frames: false,
        stops_reading: false,
        ..NEWEST
    });
}

#[test]
fn the_oldest_socket_io_client_of_the_fourth_version() {
    let_loose(Kind {
        name: "oldest",
        script: &["socketio.mjs", "oldest", "polling,websocket"],
        frames: false,
        stops_reading: false,
        ..NEWEST
    });
}

#[test]
fn the_socket_io_client_for_python() {
    let_loose(Kind {
        name: "python-socketio",
        interpreter: PYTHON,
        script: &["socketio_client.py", "polling,websocket"],
        frames: false,
        stops_reading: false,
        ..NEWEST
    });
}

#[test]
fn the_websocket_client_of_node() {
    let_loose(WS);
}

#[test]
fn the_websocket_client_of_python() {
    let_loose(Kind {
        name: "websockets",
        interpreter: PYTHON,
        script: &["websockets_client.py"],
        ..WS
    });
}

#[test]
fn the_websocket_of_a_browser() {
    let_loose(Kind {
        name: "browser",
        script: &["browser.mjs", "plain"],
        stops_reading: false,
        sets_origin: false,
        ..WS
    });
}

#[test]
fn the_newest_socket_io_client_in_a_browser_by_polling_alone() {
    let_loose(Kind {
        name: "browser-polling",
        script: &["browser.mjs", "polling"],
        polls: true,
        frames: false,
        stops_reading: false,
        sets_origin: false,
        ..NEWEST
    });
}
