//! The HTTP API tried out by its own description: Schemathesis reads the OpenAPI document of the real
//! binary and asks every route for what it describes and for what it does not, as a back end with an
//! API key, as a candidate, and at the development server. Whatever is answered has to be described,
//! what is described has to be taken, the rest refused, and nothing may be the server's own fault.
//!
//! It comes from the pinned list in `tests/api`, which `make setup` installs. What is missing fails,
//! and says what to do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

const SECRET: &str = "a secret for tests alone, longer than thirty-two bytes";
const API_KEY: &str = "gr_aKeyForTestsAloneAndForNobodyElseToUseAnywhere0";
/// No run takes longer, whatever else the machine does.
const LIMIT: Duration = Duration::from_secs(180);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/api")
}

/// A server that is killed when the test is over, whatever became of it.
struct Server {
    child: Child,
    address: SocketAddr,
    data: tempfile::TempDir,
}

/// The program, in a folder and an environment of its own.
fn program(data: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    program
        .current_dir(data)
        .env_clear()
        .env("JWT_SECRET", SECRET)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    program
}

impl Server {
    /// With everything that routes can be about: tokens, a key, webhooks that reach nobody.
    fn start(more: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut child = program(data.path())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .args(more)
            .env("GREENROOM_API_KEYS", API_KEY)
            .env("GREENROOM__SESSIONS__CREATE_ON_JOIN", "true")
            .env("GREENROOM__SPEECH__ENABLED", "off")
            .env("GREENROOM__WEBHOOKS__URLS", "http://127.0.0.1:9/hook")
            .env("GREENROOM__WEBHOOKS__ALLOW_PRIVATE", "true")
            .env("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .env("GREENROOM__LOG__LEVEL", "error")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server can be started");
        let output = child.stdout.take().unwrap();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let rest = line.trim().strip_prefix("server ").map(str::trim);
                if let Some(address) = rest.and_then(|rest| rest.strip_prefix("http://")) {
                    let _ = tell.send(address.parse().unwrap());
                }
            }
        });
        // Killed by `drop` from here on, also where it never says where it listens.
        let mut server = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            data,
        };
        server.address = told
            .recv_timeout(Duration::from_secs(60))
            .expect("the server says where it listens");
        server
    }

    fn token(&self, user: &str, role: &str) -> String {
        let made = program(self.data.path())
            .args(["token", "--user", user, "--role", role])
            .output()
            .unwrap();
        assert!(made.status.success());
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }

    /// An interview that was held and is over, with its report and its webhooks.
    fn held(&self, session: &str) {
        let token = self.token("ana", "candidate");
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let address = format!("ws://{}/ws?token={token}", self.address);
        let (mut socket, _) = client(address, stream).unwrap();
        expect(&mut socket, "connection:success");
        for message in [
            json!({ "type": "session:join", "sessionId": session, "ref": 1 }),
            json!({ "type": "interview:start", "planId": "practice", "ref": 2 }),
            json!({ "type": "end_interview", "ref": 3 }),
        ] {
            socket.send(Message::text(message.to_string())).unwrap();
        }
        expect(&mut socket, "session_ended");
    }
}

fn expect(socket: &mut WebSocket<TcpStream>, event: &str) {
    loop {
        let message = socket
            .read()
            .unwrap_or_else(|error| panic!("no {event}: {error}"));
        let Message::Text(text) = message else {
            continue;
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        if message["type"] == event {
            return;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets Schemathesis ask everything, with what it is to show as `Authorization: Bearer`.
fn tried_out(server: &Server, bearer: &str, how: &[&str]) {
    let (folder, here) = (folder(), tempfile::tempdir().unwrap());
    let tool = folder.join(".venv/bin/schemathesis");
    assert!(
        tool.exists(),
        "{} is missing: run `make setup` (it needs python3 with venv)",
        tool.display()
    );
    let said = here.path().join("said");
    let output = std::fs::File::create(&said).unwrap();
    let mut run = Command::new(tool)
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .arg("run")
        .arg(format!("http://{}/api/openapi.json", server.address))
        .args(["--header", &format!("Authorization: Bearer {bearer}")])
        .args(["--seed", "1", "--no-color", "--warnings", "off"])
        .arg("--continue-on-failure")
        .args(how)
        // What it keeps between runs lies in a folder of its own.
        .current_dir(here.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap();
    let by = Instant::now() + LIMIT;
    let status = loop {
        match run.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if Instant::now() > by => {
                let _ = run.kill();
                let _ = run.wait();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let said = std::fs::read_to_string(said).unwrap();
    assert!(
        status.is_some_and(|status| status.success()),
        "{status:?}\n{said}"
    );
    // A run that asked nothing would find nothing either.
    let generated = said.split_whitespace().collect::<Vec<_>>();
    let at = generated
        .iter()
        .position(|word| *word == "generated,")
        .expect(&said);
    let asked: u32 = generated[at - 1].parse().expect(&said);
    assert!(asked > 500, "{said}");
}

#[test]
fn a_back_end_is_answered_as_described_whatever_it_asks() {
    let server = Server::start(&[]);
    server.held("held");
    tried_out(
        &server,
        API_KEY,
        &["--phases", "coverage,fuzzing", "--max-examples", "5"],
    );
}

#[test]
fn a_candidate_is_answered_as_described_whatever_they_ask() {
    let server = Server::start(&[]);
    server.held("held");
    let token = server.token("ana", "candidate");
    tried_out(&server, &token, &["--phases", "coverage"]);
}

#[test]
fn the_development_server_answers_as_described_whatever_is_asked() {
    let server = Server::start(&["--dev"]);
    server.held("held");
    let token = server.token("root", "admin");
    tried_out(&server, &token, &["--phases", "coverage"]);
}
