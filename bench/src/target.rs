//! A process under test: the floor or the released server, started in a folder
//! of its own with a configuration made here, and who its users are.

use crate::child::Guarded;
use crate::fleet::Dialect;
use crate::floor::Sabotage;
use anyhow::{Context, Result};
use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const READY_LIMIT: Duration = Duration::from_secs(30);
/// The one limit a benchmark may raise.
const HANDSHAKES: u32 = 100_000;

/// A role in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Is interviewed.
    Candidate,
    /// Speaks.
    Interviewer,
    /// Hears.
    Observer,
}

/// Makes the users of a run: each connection is a user of its own.
#[derive(Debug, Clone)]
pub struct Identity {
    secret: String,
    name: String,
}

#[derive(Serialize)]
struct Claims {
    sub: String,
    exp: u64,
    role: Role,
    session: String,
}

impl Identity {
    /// A fresh secret from the system's randomness, 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> Result<Identity> {
        let mut bytes = [0; 32];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let secret = bytes.iter().map(|b| format!("{b:02x}")).collect();
        Ok(Identity {
            secret,
            name: "bench".to_owned(),
        })
    }

    /// What tokens are signed with.
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    /// The same secret, other users and sessions.
    #[must_use]
    pub fn named(&self, name: &str) -> Identity {
        Identity {
            secret: self.secret.clone(),
            name: name.to_owned(),
        }
    }

    /// The session of a room.
    #[must_use]
    pub fn session(&self, room: u32) -> String {
        format!("{}-room-{room}", self.name)
    }

    /// The user at a place of a room.
    #[must_use]
    pub fn user(&self, room: u32, place: u32) -> String {
        format!("{}-user-{room}-{place}", self.name)
    }

    /// An HS256 token that lets that user into that room for two hours.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(&self, room: u32, place: u32, role: Role) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = Claims {
            sub: self.user(room, place),
            exp: now + 7200,
            role,
            session: self.session(room),
        };
        let key = EncodingKey::from_secret(self.secret.as_bytes());
        jsonwebtoken::encode(&Header::default(), &claims, &key).context("signing a token")
    }
}

/// A running process under test. Dropping it kills the process and removes
/// its folder.
pub struct Target {
    process: Guarded,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it speaks.
    pub dialect: Dialect,
    folder: TempDir,
}

/// What to start.
#[derive(Debug, Clone)]
pub enum Program {
    /// The raw relay of this very binary, perhaps with a planted defect.
    Floor(Sabotage),
    /// The server's binary, spoken to at the plain door.
    Server(PathBuf),
    /// The server's binary, spoken to at the Socket.IO door.
    SocketIo(PathBuf),
    /// The server's binary at the plain door with this many socket threads, on all cores.
    Threads(PathBuf, u32),
    /// The NestJS gateway in this folder.
    NestJs(PathBuf),
    /// The server's binary with the speech model of this folder and profile, on one worker.
    Speaking(PathBuf, PathBuf, String),
}

impl Target {
    /// Starts `program` on `core` and waits until it answers.
    ///
    /// # Errors
    /// When it does not start, ends, or is not ready in time; the end of its
    /// log is in the error.
    pub fn start(program: &Program, core: usize) -> Result<Target> {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir()?;
        let log = folder.path().join("log");
        let started = match program {
            Program::Floor(sabotage) => start_floor(core, *sabotage, folder.path(), &log),
            Program::Server(binary) => {
                start_server(Some(core), binary, 1, OFF, folder.path(), &log)
            }
            Program::SocketIo(binary) => {
                start_server(Some(core), binary, 1, OFF, folder.path(), &log).map(
                    |(process, address, dialect)| match dialect {
                        Dialect::Plain(identity) => (process, address, Dialect::SocketIo(identity)),
                        other => (process, address, other),
                    },
                )
            }
            Program::Threads(binary, threads) => {
                start_server(None, binary, *threads, OFF, folder.path(), &log)
            }
            Program::NestJs(peer) => start_nestjs(core, peer, folder.path(), &log),
            Program::Speaking(binary, models, profile) => {
                let models = models.display();
                let speech = format!(
                    "enabled = \"on\"\nmodels = \"{models}\"\nprofile = \"{profile}\"\nworkers = 1"
                );
                start_server(Some(core), binary, 1, &speech, folder.path(), &log)
            }
        };
        let (process, address, dialect) = started.with_context(|| {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let from = text.len().saturating_sub(2000);
            format!("its log ends: {}", text.get(from..).unwrap_or_default())
        })?;
        Ok(Target {
            process,
            address,
            dialect,
            folder,
        })
    }

    /// Whether it is the server of this project, not a floor or a peer.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.folder.path().join("greenroom.toml").is_file()
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Bytes of log written so far: shows that the log was on.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        std::fs::metadata(self.folder.path().join("log")).map_or(0, |log| log.len())
    }

    /// The body of `GET path`.
    ///
    /// # Errors
    /// When there is no answer, or not a 200.
    pub fn get(&self, path: &str) -> Result<String> {
        get(self.address, path)
    }
}

fn start_floor(
    core: usize,
    sabotage: Sabotage,
    folder: &Path,
    log: &Path,
) -> Result<(Guarded, SocketAddr, Dialect)> {
    let port_file = folder.join("port");
    let args = [
        OsString::from("floor"),
        "--port-file".into(),
        port_file.clone().into(),
        "--core".into(),
        core.to_string().into(),
        "--sabotage".into(),
        format!("{sabotage:?}").to_lowercase().into(),
    ];
    let me = std::env::current_exe()?;
    let mut process = Guarded::start(Some(core), &me, &args, &[], log)?;
    let port = wait_for_port(&mut process, &port_file)?;
    Ok((process, local(port), Dialect::Floor))
}

/// No recognizer: it is not what is measured.
const OFF: &str = "enabled = \"off\"";

/// The peer, with `node` from the search path and the packages of its lock file.
fn start_nestjs(
    core: usize,
    peer: &Path,
    folder: &Path,
    log: &Path,
) -> Result<(Guarded, SocketAddr, Dialect)> {
    anyhow::ensure!(
        peer.join("node_modules/@nestjs/core").is_dir(),
        "{}: `make bench-peers` installs what it needs",
        peer.display()
    );
    let identity = Identity::random()?;
    let port_file = folder.join("port");
    let environment = [
        ("JWT_SECRET", identity.secret.clone()),
        ("PORT_FILE", port_file.display().to_string()),
        ("NODE_ENV", "production".to_owned()),
    ];
    let args = [peer.join("server.mjs").into()];
    let node = find("node").context("node is not on the search path")?;
    let mut process = Guarded::start(Some(core), &node, &args, &environment, log)?;
    let port = wait_for_port(&mut process, &port_file)?;
    Ok((process, local(port), Dialect::SocketIo(identity)))
}

/// A program on the search path of whoever runs the benchmark.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn wait_for_port(process: &mut Guarded, port_file: &Path) -> Result<u16> {
    process.wait_for(READY_LIMIT, || {
        std::fs::read_to_string(port_file).ok()?.trim().parse().ok()
    })
}

fn start_server(
    core: Option<usize>,
    binary: &Path,
    threads: u32,
    speech: &str,
    folder: &Path,
    log: &Path,
) -> Result<(Guarded, SocketAddr, Dialect)> {
    let identity = Identity::random()?;
    let address = local(free_port()?);
    let config = folder.join("greenroom.toml");
    std::fs::write(&config, server_config(address, threads, speech, folder))?;
    let args = ["serve".into(), "--config".into(), config.into()];
    let environment = [("JWT_SECRET", identity.secret.clone())];
    let mut process = Guarded::start(core, binary, &args, &environment, log)?;
    process.wait_for(READY_LIMIT, || get(address, "/readyz").ok())?;
    Ok((process, address, Dialect::Plain(identity)))
}

/// The server's settings for a benchmark: its defaults, but for the socket
/// threads (one where the server has one core), sessions made on join, recognition only
/// where it is what is measured, and the handshakes of an address.
pub(crate) fn server_config(
    address: SocketAddr,
    threads: u32,
    speech: &str,
    folder: &Path,
) -> String {
    format!(
        "[server]\nlisten = \"{address}\"\nio_threads = {threads}\n\n\
         [sessions]\ncreate_on_join = true\n\n\
         [store]\ndir = \"{}\"\n\n\
         [speech]\n{speech}\n\n\
         [log]\nlevel = \"info\"\n\n\
         [limits]\nhandshakes_per_second = {HANDSHAKES}\nhandshakes_burst = {HANDSHAKES}\n",
        folder.join("data").display()
    )
}

/// The line every run prints about the raised limit.
#[must_use]
pub fn raised_limits() -> String {
    format!(
        "raised for this run: handshakes an address may make, to {HANDSHAKES}/s; \
         every other limit is the server's default"
    )
}

pub(crate) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(local(0))?;
    Ok(listener.local_addr()?.port())
}

/// Tells whoever started this process where it listens; the file appears whole.
///
/// # Errors
/// When the file cannot be written.
pub fn announce(port_file: &Path, port: u16) -> Result<()> {
    let fresh = port_file.with_extension("new");
    std::fs::File::create(&fresh)?.write_all(port.to_string().as_bytes())?;
    std::fs::rename(&fresh, port_file).context("announcing the port")
}

/// The body of `GET path` there.
///
/// # Errors
/// When there is no answer, or not a 200.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String> {
    let limit = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(16 * 1024 * 1024).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    let status = head.lines().next().unwrap_or_default();
    anyhow::ensure!(status.contains(" 200 "), "GET {path}: {status}");
    if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        return unchunk(body).context("a broken chunked body");
    }
    Ok(body.to_owned())
}

fn unchunk(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n")?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.push_str(rest.get(..size)?);
        body = rest.get(size..)?.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_parts_and_names_user_role_and_session() {
        let identity = Identity::random().unwrap();
        assert_eq!(identity.secret.len(), 64);
        let token = identity.token(3, 1, Role::Interviewer).unwrap();
        let claims = token.split('.').nth(1).unwrap();
        use base64::Engine;
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(claims)
            .unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["sub"], "bench-user-3-1");
        assert_eq!(claims["role"], "interviewer");
        assert_eq!(claims["session"], "bench-room-3");
    }

    #[test]
    fn chunks_are_put_together_and_broken_ones_refused() {
        assert_eq!(
            unchunk("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").as_deref(),
            Some("abcde")
        );
        assert_eq!(unchunk("9\r\nabc"), None);
    }
}
