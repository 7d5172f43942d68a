//! A server whose process comes and goes: one folder, one address, started again and again, killed,
//! stopped, frozen. Nothing is measured here.

use crate::child::Guarded;
use crate::sys::Memory;
use crate::target::{self, Identity};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const READY_LIMIT: Duration = Duration::from_secs(60);
/// A server is still when nothing of it has moved for so long: reports of the last ends are made by
/// then, idle threads have ended, and the server has given back what it needs no longer.
const STILL: Duration = Duration::from_secs(21);
const STILL_LIMIT: Duration = Duration::from_secs(120);
/// Heaps and stacks that do not count as moved, KiB: what is done every few seconds touches a page
/// here and there again that had been given back.
const TREMBLE_KIB: u64 = 64;
/// What SQLite may keep of its file for each of its connections where memory is compared: the least
/// there is, so that its cache, which fills up with the file, is not taken for a leak.
pub const CACHE_KIB: u64 = 64;

/// Where servers of one run live.
pub struct Stand {
    binary: PathBuf,
    /// None: whichever the system gives.
    core: Option<usize>,
    folder: TempDir,
    config: PathBuf,
    /// Where every one of them listens.
    pub address: SocketAddr,
    /// Who their users are.
    pub identity: Identity,
    starts: std::cell::Cell<u32>,
}

impl Stand {
    /// A folder with a configuration: a benchmark's, and these lines of TOML in `[sessions]` and
    /// `[server]`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(binary: &Path, core: Option<usize>, sessions: &str, server: &str) -> Result<Stand> {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir()?;
        let identity = Identity::random()?;
        let address = target::local(target::free_port()?);
        let config = folder.path().join("greenroom.toml");
        let text = target::server_config(address, 1, "enabled = \"off\"", folder.path());
        let text = text
            .replace("[sessions]\n", &format!("[sessions]\n{sessions}\n"))
            .replace("[server]\n", &format!("[server]\n{server}\n"));
        std::fs::write(&config, text)?;
        Ok(Stand {
            binary: binary.to_owned(),
            core,
            folder,
            config,
            address,
            identity,
            starts: std::cell::Cell::new(0),
        })
    }

    /// Adds a line of TOML to a section, for the next start.
    ///
    /// # Errors
    /// When the file cannot be changed, or has no such section.
    pub fn set(&self, section: &str, line: &str) -> Result<()> {
        let text = std::fs::read_to_string(&self.config)?;
        let head = format!("[{section}]\n");
        anyhow::ensure!(text.contains(&head), "no section {section}");
        let text = text.replacen(&head, &format!("{head}{line}\n"), 1);
        Ok(std::fs::write(&self.config, text)?)
    }

    /// The folder of the records.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts a server and waits until it answers; how long that took is the second.
    ///
    /// # Errors
    /// When it ends, or does not answer in time; the end of its log is in the error.
    pub fn start(&self) -> Result<(Guarded, Duration)> {
        let (mut process, begun) = self.spawn()?;
        let ready = process.wait_for(READY_LIMIT, || target::get(self.address, "/readyz").ok());
        ready.with_context(|| self.last_words())?;
        Ok((process, begun.elapsed()))
    }

    /// Starts a server and waits for nothing.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self) -> Result<(Guarded, Instant)> {
        let begun = Instant::now();
        self.starts.set(self.starts.get() + 1);
        let args: [OsString; 3] = [
            "serve".into(),
            "--config".into(),
            self.config.clone().into(),
        ];
        let secret = [("JWT_SECRET", self.identity.secret().to_owned())];
        let (binary, log) = (&self.binary, self.log());
        let process = match self.core {
            Some(core) => Guarded::start(Some(core), binary, &args, &secret, &log)?,
            None => Guarded::start_free(binary, &args, &secret, &log)?,
        };
        Ok((process, begun))
    }

    /// The body of `GET path`.
    ///
    /// # Errors
    /// When there is no answer, or not a 200.
    pub fn get(&self, path: &str) -> Result<String> {
        target::get(self.address, path)
    }

    /// One figure of `/metrics`, all its labels added up; 0 where it does not appear.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn metric(&self, name: &str) -> Result<f64> {
        Ok(figure(&self.get("/metrics")?, name))
    }

    fn log(&self) -> PathBuf {
        self.folder
            .path()
            .join(format!("log-{}", self.starts.get()))
    }

    /// The end of the newest log.
    #[must_use]
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let from = text.floor_char_boundary(text.len().saturating_sub(2_000));
        format!("its log ends: {}", &text[from..])
    }
}

/// A figure out of a text of metrics, all its labels added up.
#[must_use]
pub fn figure(text: &str, name: &str) -> f64 {
    let lines = text.lines().filter_map(|line| {
        let (left, value) = line.rsplit_once(' ')?;
        (left.split('{').next()? == name).then(|| value.parse::<f64>().ok())?
    });
    lines.sum()
}

/// How many descriptors and threads a process has.
///
/// # Errors
/// When the process is gone.
pub fn held(pid: u32) -> Result<(usize, usize)> {
    let count = |what: &str| -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{pid}/{what}"))?.count())
    };
    Ok((count("fd")?, count("task")?))
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
pub struct Holds {
    /// Its memory.
    pub memory: Memory,
    /// Its descriptors.
    pub descriptors: usize,
    /// Its threads.
    pub threads: usize,
}

impl Holds {
    /// Reads it.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn read(pid: u32) -> Result<Holds> {
        let (descriptors, threads) = held(pid)?;
        Ok(Holds {
            memory: Memory::read(pid)?,
            descriptors,
            threads,
        })
    }

    /// What has moved until `now`, in words; nothing when nothing has. Pages of files come and go as
    /// the kernel likes and do not count.
    fn moved(&self, now: &Holds) -> Option<String> {
        let kib = |holds: &Holds| holds.memory.anonymous / 1024;
        let (were, are) = (self.descriptors as u64, now.descriptors as u64);
        let figures = [
            ("KiB of heaps and stacks", kib(self), kib(now), TREMBLE_KIB),
            ("descriptors", were, are, 0),
            ("threads", self.threads as u64, now.threads as u64, 0),
        ];
        let moved = figures
            .iter()
            .filter(|(_, was, is, free)| was.abs_diff(*is) > *free);
        let moved: Vec<String> = moved
            .map(|(what, was, is, _)| format!("{was} -> {is} {what}"))
            .collect();
        (!moved.is_empty()).then(|| moved.join(", "))
    }
}

/// Waits until a process is still and says what it holds then, and how long that took; or what still
/// moved when there was no more patience.
///
/// # Errors
/// When the process is gone.
pub fn until_still(pid: u32) -> Result<std::result::Result<(Holds, Duration), String>> {
    let begun = Instant::now();
    let mut holds = Holds::read(pid)?;
    let mut since = begun;
    let mut last = String::new();
    while since.elapsed() < STILL {
        if begun.elapsed() > STILL_LIMIT {
            return Ok(Err(last));
        }
        std::thread::sleep(Duration::from_millis(100));
        let now = Holds::read(pid)?;
        if let Some(moved) = holds.moved(&now) {
            since = Instant::now();
            last = moved;
            holds = now;
        }
    }
    Ok(Ok((Holds::read(pid)?, begun.elapsed())))
}

/// The descriptors of a process by kind: `socket`, `pipe`, or the name of a file.
///
/// # Errors
/// When the process is gone.
pub fn kinds(pid: u32) -> Result<BTreeMap<String, usize>> {
    let mut kinds = BTreeMap::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))?.map_while(Result::ok) {
        let Ok(link) = std::fs::read_link(entry.path()) else {
            continue;
        };
        let text = link.to_string_lossy();
        let kind = match text.split_once(':') {
            Some((kind, _)) if !text.starts_with('/') => kind.to_owned(),
            _ => text.rsplit('/').next().unwrap_or_default().to_owned(),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    Ok(kinds)
}

/// The gauges that must be 0 when nobody is there, with what they show now.
///
/// # Errors
/// When there is no answer.
pub fn gauges(stand: &Stand) -> Result<Vec<(&'static str, f64)>> {
    const ZERO: [&str; 16] = [
        "greenroom_sessions",
        "greenroom_connections",
        "greenroom_seats_connected",
        "greenroom_seats_detached",
        "greenroom_question_timers",
        "greenroom_session_timers",
        "greenroom_sessions_degraded",
        "greenroom_held_bytes",
        "greenroom_routes",
        "greenroom_route_members",
        "greenroom_inputs_waiting",
        "greenroom_asks_waiting",
        "greenroom_store_queued_bytes",
        "greenroom_active_rows",
        "greenroom_recorder_waiting",
        "greenroom_recorder_files",
    ];
    let text = stand.get("/metrics")?;
    Ok(ZERO
        .iter()
        .map(|name| (*name, figure(&text, name)))
        .collect())
}

/// Waits until every gauge is 0 and says how long that took, or which were not.
///
/// # Errors
/// When the server does not answer.
pub fn until_empty(
    stand: &Stand,
    limit: Duration,
) -> Result<std::result::Result<Duration, String>> {
    let begun = Instant::now();
    loop {
        let mut left = gauges(stand)?;
        left.retain(|(_, value)| *value != 0.0);
        if left.is_empty() {
            return Ok(Ok(begun.elapsed()));
        }
        if begun.elapsed() > limit {
            let left = left.iter().map(|(name, value)| format!("{name} {value}"));
            return Ok(Err(left.collect::<Vec<_>>().join(", ")));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved_is_named_and_pages_of_files_are_not() {
        let memory = Memory {
            rss: 9 << 20,
            pss: 9 << 20,
            anonymous: 4 << 20,
        };
        let holds = Holds {
            memory,
            descriptors: 7,
            threads: 5,
        };
        let mut now = holds;
        now.memory.rss += 4096;
        assert_eq!(holds.moved(&now), None);
        now.memory.anonymous += TREMBLE_KIB << 10;
        assert_eq!(holds.moved(&now), None);
        now.memory.anonymous += 4096;
        now.threads = 4;
        let words = "4096 -> 4164 KiB of heaps and stacks, 5 -> 4 threads";
        assert_eq!(holds.moved(&now).as_deref(), Some(words));
    }

    #[test]
    fn a_figure_is_the_sum_of_its_labels_and_of_no_other_name() {
        let text = "# HELP a x\na{s=\"1\"} 2\na{s=\"2\"} 3\na_total 9\nb 1\n";
        assert_eq!(figure(text, "a"), 5.0);
        assert_eq!(figure(text, "c"), 0.0);
    }
}
