//! The official clients, let loose on the real binary: Socket.IO's newest and oldest of the fourth
//! version and its Python twin over each transport, `ws`, and Python's `websockets`. Each joins,
//! speaks, is relayed across doors, is ended, and behaves as promised after each way of ending.
//!
//! The clients come from a lock file and a pinned list in `tests/clients`; `make setup` installs
//! them. What is missing fails, and says what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const SECRET: &str = "a secret for tests alone, longer than thirty-two bytes";
/// No client takes longer, whatever else the machine does.
const LIMIT: Duration = Duration::from_secs(150);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients")
}

/// A server that is killed when the test is over, whatever became of it.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(data: &Path, port: u16) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(data)
            .current_dir(data)
            .env_clear()
            .env("JWT_SECRET", SECRET)
            .env("GREENROOM__SESSIONS__CREATE_ON_JOIN", "true")
            .env("GREENROOM__SPEECH__ENABLED", "off")
            .env("GREENROOM__AUTH__LEEWAY", "1s")
            .env("GREENROOM__LOG__LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the server can be started");
        let output = child.stdout.take().unwrap();
        let mut server = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        };
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let rest = line.trim().strip_prefix("server ").map(str::trim);
                if let Some(address) = rest.and_then(|rest| rest.strip_prefix("http://")) {
                    let _ = tell.send(address.parse().unwrap());
                }
            }
        });
        server.address = told
            .recv_timeout(Duration::from_secs(60))
            .expect("the server says where it listens");
        server
    }

    /// As a deploy does it.
    fn stop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago: a restarted server must come back to the one it had.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Runs a client's script to its end; restarts the server when it is asked to.
fn run(program: &str, needs: &str, script: &[&str]) {
    let folder = folder();
    assert!(
        folder.join(needs).exists(),
        "{} is missing: run `make setup` (it needs Node 20 or later with npm, and python3 with venv)",
        folder.join(needs).display()
    );
    let data = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut server = Server::start(data.path(), port);
    let mut client = Command::new(program)
        .args(script)
        .current_dir(&folder)
        .env("GREENROOM_ADDRESS", server.address.to_string())
        .env("GREENROOM_SECRET", SECRET)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} cannot be run ({error}): run `make setup`"));
    let mut orders = client.stdin.take().unwrap();
    let output = client.stdout.take().unwrap();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = tell.send(line);
        }
    });
    let by = Instant::now() + LIMIT;
    let mut done = false;
    loop {
        let left = by.saturating_duration_since(Instant::now());
        match told.recv_timeout(left) {
            Ok(line) if line == "restart" => {
                server.stop();
                server = Server::start(data.path(), port);
                orders.write_all(b"restarted\n").unwrap();
            }
            Ok(line) => {
                println!("{line}");
                done |= line.starts_with("done ");
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let _ = client.kill();
                break;
            }
        }
    }
    let status = client.wait().unwrap();
    assert!(done && status.success(), "{script:?}: {status}");
}

fn node(script: &[&str]) {
    run("node", "node_modules/.greenroom-lock", script);
}

fn python(script: &[&str]) {
    let venv = folder().join(".venv/bin/python");
    run(venv.to_str().unwrap(), ".venv/.greenroom-lock", script);
}

#[test]
fn the_newest_socket_io_client_over_websocket() {
    node(&["socketio.mjs", "newest", "websocket"]);
}

#[test]
fn the_newest_socket_io_client_with_an_upgrade() {
    node(&["socketio.mjs", "newest", "polling,websocket"]);
}

#[test]
fn the_newest_socket_io_client_by_polling_alone() {
    node(&["socketio.mjs", "newest", "polling"]);
}

#[test]
fn the_oldest_socket_io_client_of_the_fourth_version() {
    node(&["socketio.mjs", "oldest", "polling,websocket"]);
}

#[test]
fn the_socket_io_client_for_python() {
    python(&["socketio_client.py", "polling,websocket"]);
}

#[test]
fn the_websocket_client_of_node() {
    node(&["plain.mjs"]);
}

#[test]
fn the_websocket_client_of_python() {
    python(&["websockets_client.py"]);
}
