//! The server as a child process: started on a free port, watched, signaled, killed by its own id
//! when the test is over, whatever became of the test.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use history::entry::What;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::client::Client;
use super::run::Run;
use super::{SOON, token, until};

/// Lines of the log that are kept for a test that fails.
const LOG_LINES: usize = 400;
/// How long a server may take until it says where it listens.
const START: Duration = Duration::from_secs(30);

/// How to start a server.
pub(crate) struct Setup {
    /// The history of all its servers.
    pub(crate) run: Run,
    /// One of them has run before.
    ran: Cell<bool>,
    data: PathBuf,
    settings: Vec<(String, String)>,
    program: Vec<String>,
}

/// A running server.
pub(crate) struct Server {
    /// The history of the test: its members' connections, and when there was no server.
    pub(crate) run: Run,
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<VecDeque<String>>>,
}

impl Setup {
    /// With its records in this folder, candidates who may make sessions, and no speech.
    pub(crate) fn new(data: &Path) -> Self {
        let setup = Self {
            run: Run::new(),
            ran: Cell::new(false),
            data: data.to_owned(),
            settings: Vec::new(),
            program: vec![env!("CARGO_BIN_EXE_greenroom").to_owned()],
        };
        setup
            .with("sessions.create_on_join", "true")
            .with("speech.enabled", "off")
            .with("server.io_threads", "2")
            .with("log.format", "json")
            .with("log.level", "warn")
    }

    /// With this setting, named as in the configuration file.
    pub(crate) fn with(mut self, path: &str, value: &str) -> Self {
        let name = format!("GREENROOM__{}", path.replace('.', "__").to_uppercase());
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
        self
    }

    /// With this in its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With real speech recognition by the installed model.
    pub(crate) fn with_speech(self) -> Self {
        let models = super::sound::models();
        self.with("speech.enabled", "on")
            .with("speech.models", &models.to_string_lossy())
            .with("speech.workers", "1")
    }

    /// Started by another program: these words come in front of the command line.
    pub(crate) fn under(mut self, words: &[&str]) -> Self {
        self.program
            .splice(0..0, words.iter().map(|&word| word.to_owned()));
        self
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(&self) -> Server {
        let mut command = Command::new(&self.program[0]);
        command
            .args(&self.program[1..])
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&self.data)
            .current_dir(std::env::temp_dir())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("JWT_SECRET", token::SECRET)
            .env("RUST_BACKTRACE", "1")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server can be started");
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let (tell, told) = mpsc::channel();
        let output = child.stdout.take().unwrap();
        let errors = child.stderr.take().unwrap();
        watch(output, Arc::clone(&log), move |line| {
            if let Some(address) = listening_at(line) {
                let _ = tell.send(address);
            }
        });
        watch(errors, Arc::clone(&log), |_| {});
        // From here on the child is killed on drop, also when it never listens.
        let mut server = Server {
            run: self.run.clone(),
            child,
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            log,
        };
        match told.recv_timeout(START) {
            Ok(address) => server.address = address,
            Err(_) => panic!("the server does not say where it listens"),
        }
        if self.ran.replace(true) {
            self.run.note(What::Up);
        }
        server
    }
}

/// The address in `  server      http://127.0.0.1:40123`.
fn listening_at(line: &str) -> Option<SocketAddr> {
    let rest = line.trim().strip_prefix("server ")?;
    rest.trim().strip_prefix("http://")?.parse().ok()
}

fn watch(
    from: impl std::io::Read + Send + 'static,
    log: Arc<Mutex<VecDeque<String>>>,
    mut on: impl FnMut(&str) + Send + 'static,
) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            on(&line);
            let mut log = log.lock().unwrap();
            if log.len() == LOG_LINES {
                log.pop_front();
            }
            log.push_back(line);
        }
    });
}

impl Server {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the server is there to be signaled");
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait().unwrap();
        self.run.note(What::Down);
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGSTOP, and waits until every thread stands still.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        until("the server stands still", SOON, || {
            let threads = std::fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
            let still = threads.map_while(Result::ok).all(|thread| {
                let stat = std::fs::read_to_string(thread.path().join("stat"));
                stat.is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|s| s.starts_with('T')))
            });
            still.then_some(())
        });
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Waits until it exits by itself.
    pub(crate) fn exited(&mut self, limit: Duration) -> ExitStatus {
        let status = until("the server exits", limit, || self.child.try_wait().unwrap());
        self.run.note(What::Down);
        status
    }

    /// This member connects, with all it says and hears in the history.
    pub(crate) fn connect(&self, user: &str, role: &str, session: &str) -> Client {
        let token = token::invited(user, role, session);
        Client::taped_only(&self.run, self.address, user, &token)
    }

    /// This member connects and joins, with all it says and hears in the history.
    pub(crate) fn join(&self, user: &str, role: &str, session: &str) -> Client {
        self.join_at(self.address, user, role, session)
    }

    /// As [`Server::join`], by way of another address.
    pub(crate) fn join_at(
        &self,
        address: SocketAddr,
        user: &str,
        role: &str,
        session: &str,
    ) -> Client {
        Client::taped(&self.run, address, user, role, session)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether a line of its log, as far as it is kept, holds this.
    pub(crate) fn said(&self, words: &str) -> bool {
        self.log
            .lock()
            .unwrap()
            .iter()
            .any(|line| line.contains(words))
    }

    /// One HTTP request: status and body.
    pub(crate) fn ask(&self, method: &str, path: &str, token: Option<&str>) -> (u16, String) {
        let mut socket = TcpStream::connect_timeout(&self.address, SOON).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let bearer = bearer.unwrap_or_default();
        let host = self.address;
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{bearer}Connection: close\r\n\
             Content-Length: 0\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        (status.expect("an HTTP status"), body.to_owned())
    }

    /// A GET with an administrator's token that must succeed, as JSON.
    pub(crate) fn json(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, Some(&token::admin()));
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The status of `/readyz`.
    pub(crate) fn ready(&self) -> u16 {
        self.ask("GET", "/readyz", None).0
    }

    /// A figure of `/metrics`, all its labels added up; 0 where it does not appear.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let (status, text) = self.ask("GET", "/metrics", None);
        assert_eq!(status, 200, "{text}");
        let lines = text.lines().filter_map(|line| {
            let (left, value) = line.rsplit_once(' ')?;
            let found = left.split('{').next()? == name;
            found.then(|| value.parse::<f64>().unwrap())
        });
        lines.sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log.lock().unwrap();
            eprintln!("--- what the server said last");
            for line in log.iter() {
                eprintln!("{line}");
            }
        }
    }
}
