//! The process has no descriptor left.

use std::net::TcpStream;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;

use crate::Pair;
use crate::harness::client::Client;
use crate::harness::run::Run;
use crate::harness::server::{Server, Setup};
use crate::harness::{SOON, token, until};
use history::entry::What;

/// Newcomers that find no place.
const NEWCOMERS: usize = 8;

fn open_files(server: &Server) -> u64 {
    let listed = std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap();
    listed.count() as u64
}

fn limit(server: &Server, files: u64) {
    let pid = i32::try_from(server.id()).ok().and_then(Pid::from_raw);
    let limit = Rlimit {
        current: Some(files),
        // The server's hard limit is ours.
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    prlimit(pid, Resource::Nofile, limit).unwrap();
}

#[test]
fn without_descriptors_those_inside_go_on_and_newcomers_get_in_as_soon_as_there_are_some() {
    let data = tempfile::tempdir().unwrap();
    let server = Setup::new(data.path()).start();
    let mut pair = Pair::start(&server, "descriptors", &[600, 600, 600, 600]);
    let (ana, ben) = (&mut pair.candidate, &mut pair.interviewer);
    ana.ask(json!({"type": "answer:done", "questionId": "q1"}));
    // What a question over HTTP opened is closed again, and none is added.
    server.ready();
    let open = until("its descriptors settle", SOON, || {
        let open = open_files(&server);
        std::thread::yield_now();
        (open == open_files(&server)).then_some(open)
    });
    limit(&server, open);
    server.run.fault("no descriptor is left");

    let sockets = (0..NEWCOMERS).map(|_| TcpStream::connect_timeout(&server.address, SOON));
    let sockets: Vec<TcpStream> = sockets.map(Result::unwrap).collect();
    for n in 2..=3 {
        ana.ask(json!({"type": "answer:done", "questionId": format!("q{n}")}));
        ben.wait("the answer's end", SOON, |m| {
            m["type"] == "question:closed" && m["questionId"] == format!("q{n}")
        });
    }
    until("the server notices that it has none left", SOON, || {
        server.said("accept_failed").then_some(())
    });

    limit(&server, 4_096);
    server.run.note(What::Peace);
    let eve = token::invited("eve", "observer", "descriptors");
    for socket in sockets {
        // Whoever waited is let in.
        Client::taped_over(&server.run, socket, "eve", &eve);
    }
    assert_eq!(server.ready(), 200);
    ana.ask(json!({"type": "answer:done", "questionId": "q4"}));
    assert_eq!(ana.expect("session_ended")["reason"], "completed");
    ben.expect("session_ended");
    server
        .run
        .judge(data.path(), &["descriptors"], Run::limits());
}
