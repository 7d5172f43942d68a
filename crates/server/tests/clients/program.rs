//! A client's program: it is told what its members shall do, and tells what happened to them.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};

use crate::PATIENCE;

/// Which door a client comes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Plain,
    SocketIo,
}

/// Which client, and what it can do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// `node`, or the Python of the pinned list.
    pub(crate) interpreter: &'static str,
    pub(crate) script: &'static [&'static str],
    pub(crate) door: Door,
    /// It never leaves polling.
    pub(crate) polls: bool,
    /// It is on a WebSocket from the first moment on, so that frames can be put on its line.
    pub(crate) frames: bool,
    /// It can leave lying in its socket what comes.
    pub(crate) stops_reading: bool,
    /// It may set the header `Origin`.
    pub(crate) sets_origin: bool,
}

impl Kind {
    pub(crate) fn is_browser(&self) -> bool {
        self.script.first() == Some(&"browser.mjs")
    }

    pub(crate) fn is_python(&self) -> bool {
        self.interpreter != "node"
    }

    /// Handles each message in a thread of its own, so that one may overtake another.
    pub(crate) fn is_out_of_order(&self) -> bool {
        self.is_python() && self.door == Door::SocketIo
    }
}

/// What happened to one member: name and data.
pub(crate) type Saw = (String, Value);

#[derive(Default)]
struct Log {
    seen: Mutex<HashMap<String, Vec<Saw>>>,
    changed: Condvar,
}

/// The running program.
pub(crate) struct Program {
    pub(crate) kind: Kind,
    child: Child,
    orders: Mutex<ChildStdin>,
    log: Arc<Log>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients")
}

impl Program {
    /// Starts it. `address` is where the server publishes its contract, `pages` the port for what a
    /// browser shows.
    pub(crate) fn start(kind: Kind, address: &str, pages: u16) -> Self {
        let folder = folder();
        let (program, needs) = match kind.interpreter {
            "node" => (PathBuf::from("node"), "node_modules/.greenroom-lock"),
            python => (folder.join(python), ".venv/.greenroom-lock"),
        };
        assert!(
            folder.join(needs).exists(),
            "{needs} is missing in tests/clients: run `make setup` (it needs Node 20 or later \
             with npm, and python3 with venv)"
        );
        let mut child = Command::new(&program)
            .args(kind.script)
            .current_dir(&folder)
            .env("GREENROOM_ADDRESS", address)
            .env("GREENROOM_PAGES", pages.to_string())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("{program:?} cannot be run ({error}): `make setup`"));
        let orders = Mutex::new(child.stdin.take().expect("a pipe"));
        let output = child.stdout.take().expect("a pipe");
        let log = Arc::new(Log::default());
        let of_thread = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                of_thread.note(&line);
            }
        });
        Self {
            kind,
            child,
            orders,
            log,
        }
    }

    /// Waits until it takes orders: a browser takes its time.
    pub(crate) fn is_ready(&self) {
        self.client("-").next("ready");
    }

    fn client(&self, name: &str) -> Client<'_> {
        Client {
            program: self,
            name: name.to_owned(),
            taken: Vec::new(),
        }
    }

    /// A member that connects as it is told: `url`, `tokens`, `join`, and more.
    pub(crate) fn open(&self, name: &str, order: Value) -> Client<'_> {
        let client = self.client(name);
        client.order("open", order);
        client
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn note(&self, line: &str) {
        let mut said: Value = serde_json::from_str(line)
            .unwrap_or_else(|_| json!({"client": "-", "saw": "broken", "data": {"line": line}}));
        let client = said["client"].as_str().unwrap_or("-").to_owned();
        let saw = said["saw"].as_str().unwrap_or("broken").to_owned();
        let mut seen = self.seen.lock();
        seen.entry(client)
            .or_default()
            .push((saw, said["data"].take()));
        self.changed.notify_all();
    }
}

/// One member of a program.
pub(crate) struct Client<'p> {
    program: &'p Program,
    name: String,
    /// What was waited for and found, by its place in the log.
    taken: Vec<usize>,
}

impl Client<'_> {
    pub(crate) fn kind(&self) -> Kind {
        self.program.kind
    }

    /// Tells it to do something.
    pub(crate) fn order(&self, what: &str, mut order: Value) {
        order["client"] = self.name.clone().into();
        order["do"] = what.into();
        let mut orders = self.program.orders.lock();
        // A program that is gone is noticed by what does not come.
        let _ = writeln!(orders, "{order}");
    }

    /// All that happened to it.
    pub(crate) fn all(&self) -> Vec<Saw> {
        let seen = self.program.log.seen.lock();
        seen.get(&self.name).cloned().unwrap_or_default()
    }

    /// The first thing that fits and was not waited for before.
    pub(crate) fn wait(&mut self, what: &str, fits: impl Fn(&str, &Value) -> bool) -> Value {
        let by = Instant::now() + PATIENCE;
        let mut seen = self.program.log.seen.lock();
        loop {
            let all = seen.get(&self.name).map(Vec::as_slice).unwrap_or_default();
            for (at, (name, data)) in all.iter().enumerate() {
                if self.taken.contains(&at) {
                    continue;
                }
                assert_ne!(name, "broken", "{}: {data}", self.name);
                if fits(name, data) {
                    self.taken.push(at);
                    return data.clone();
                }
            }
            let left = by.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{}: no {what}; there was {}",
                self.name,
                told(all)
            );
            self.program.log.changed.wait_for(&mut seen, left);
        }
    }

    /// The next report of this name.
    pub(crate) fn next(&mut self, name: &str) -> Value {
        self.wait(name, |saw, _| saw == name)
    }

    /// The next event of this type.
    pub(crate) fn event(&mut self, name: &str) -> Value {
        self.wait(name, |saw, data| saw == "event" && data["type"] == name)
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn ask(&mut self, message: Value) -> Value {
        self.order("send", json!({ "message": message }));
        self.next("reply")
    }

    /// Sends a request that must be granted.
    pub(crate) fn must(&mut self, message: Value) -> Value {
        let answer = self.ask(message.clone());
        assert_eq!(answer["type"], "ok", "{message}: {answer}");
        answer
    }

    /// Waits until it is in its session.
    pub(crate) fn joined(&mut self) -> Value {
        self.event("session:joined")
    }

    /// What was stored and told, in the order it came in: `seq`, `prev` and the type.
    pub(crate) fn stored(&self, session: &str) -> Vec<(u64, u64, String)> {
        let all = self.all().into_iter().filter(|(name, _)| name == "event");
        let mut stored: Vec<_> = all
            .filter(|(_, event)| event["sessionId"] == session)
            .filter_map(|(_, event)| {
                let kind = event["type"].as_str()?.to_owned();
                Some((event["seq"].as_u64()?, event["prev"].as_u64()?, kind))
            })
            .collect();
        if self.kind().is_out_of_order() {
            stored.sort();
        }
        stored
    }

    /// How often one of these was reported.
    pub(crate) fn count(&self, names: &[&str]) -> usize {
        self.all()
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()))
            .count()
    }
}

/// What happened, a line each.
pub(crate) fn told(all: &[Saw]) -> String {
    let mut out = String::new();
    for (name, data) in all {
        let data: String = data.to_string().chars().take(200).collect();
        out.push_str(&format!("\n  {name} {data}"));
    }
    out
}

/// How long somebody is watched who shall do nothing: longer than any client here waits before it
/// comes back.
pub(crate) const QUIET: Duration = Duration::from_millis(1_500);
