//! The real binary as a child process, its API, and tokens.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::PATIENCE;

/// Of a back end.
const KEY: &str = "gr_0123456789abcdefghijklmnopqrstuvwxyzABCD";
const SECRET: &str = "a secret for tests alone, longer than thirty-two bytes";

/// A server that is killed when the test is over, whatever became of it.
pub(crate) struct Server {
    child: Child,
    data: PathBuf,
    settings: Vec<(&'static str, String)>,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// One with its records in this folder and these settings beside the usual ones.
    pub(crate) fn start(data: &Path, settings: &[(&'static str, String)]) -> Self {
        Self::start_at(data, settings, 0)
    }

    fn start_at(data: &Path, settings: &[(&'static str, String)], port: u16) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(data)
            .current_dir(data)
            .env_clear()
            .env("JWT_SECRET", SECRET)
            .env("GREENROOM_API_KEYS", KEY)
            .env("GREENROOM__SESSIONS__CREATE_ON_JOIN", "true")
            .env("GREENROOM__SPEECH__ENABLED", "off")
            .env("GREENROOM__SERVER__IO_THREADS", "1")
            .env("GREENROOM__AUTH__LEEWAY", "1s")
            .env("GREENROOM__LOG__LEVEL", "warn")
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the server can be started");
        let output = child.stdout.take().expect("a pipe");
        let mut server = Self {
            child,
            data: data.to_owned(),
            settings: settings.to_vec(),
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        };
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let rest = line.trim().strip_prefix("server ").map(str::trim);
                let address = rest.and_then(|rest| rest.strip_prefix("http://"));
                if let Some(Ok(address)) = address.map(str::parse) {
                    let _ = tell.send(address);
                }
            }
        });
        server.address = told
            .recv_timeout(Duration::from_secs(60))
            .expect("the server says where it listens");
        server
    }

    /// The same again, at the same address.
    pub(crate) fn start_again(&mut self) {
        let next = Self::start_at(&self.data, &self.settings, self.address.port());
        *self = next;
    }

    /// Stopped as a deploy does it: it sends everybody away first.
    pub(crate) fn stop(&mut self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).expect("the server is there to be signaled");
        assert!(self.child.wait().expect("its child").success());
    }

    /// Stopped as a crash does it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the server is there to be killed");
        let _ = self.child.wait();
    }

    /// One request: status and body.
    pub(crate) fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let (status, text) = self.text(method, path, token, body);
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    fn text(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, String) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let (host, length) = (self.address, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        )
        .expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        (status.expect("an HTTP status"), body.to_owned())
    }

    /// A request of a back end that must succeed.
    pub(crate) fn order(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(method, path, KEY, body);
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {answer}"
        );
        answer
    }

    /// A back end says something into a session that is stored.
    pub(crate) fn say(&self, session: &str, word: &str) {
        let event = json!({"type": format!("custom:{word}"), "data": {}});
        self.order("POST", &format!("/api/sessions/{session}/events"), &event);
    }

    /// Ends a session, from wherever.
    pub(crate) fn end(&self, session: &str) {
        let body = json!({ "sessionId": session });
        self.order("POST", "/api/session/end-session", &body);
    }

    /// A figure of `/metrics`, all its labels added up.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let (status, text) = self.text("GET", "/metrics", KEY, &Value::Null);
        assert_eq!(status, 200, "{text}");
        let values = text.lines().filter_map(|line| {
            let (left, value) = line.rsplit_once(' ')?;
            (left.split('{').next()? == name).then(|| value.parse::<f64>().ok())?
        });
        values.sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let by = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < by, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port that was free a moment ago, for what must know it before it is taken.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A token that is good for so many seconds; none in the past: one that is over.
pub(crate) fn token(user: &str, role: &str, session: Option<&str>, seconds: i64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let now = i64::try_from(now.as_secs()).expect("a time");
    let mut claims = json!({"sub": user, "role": role, "iat": now - 60, "exp": now + seconds});
    if let Some(session) = session {
        claims["session"] = session.into();
    }
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let header = part(r#"{"alg":"HS256","typ":"JWT"}"#);
    let message = format!("{header}.{}", part(&claims.to_string()));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signed = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256);
    format!("{message}.{}", signed.expect("a signature"))
}

/// A candidate's token.
pub(crate) fn candidate(user: &str) -> String {
    token(user, "candidate", None, 600)
}

/// Of a back end's operator.
pub(crate) fn admin() -> String {
    token("root", "admin", None, 600)
}
