//! What is asked of the operating system: cores, descriptors, CPU time and
//! memory of a process. Linux only.

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::collections::BTreeMap;
use std::fs;

/// The core a measured process gets and the one the generator gets.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    /// For server and floor.
    pub measured: usize,
    /// For the load generator.
    pub generator: usize,
}

/// The first two cores this process may run on.
///
/// # Errors
/// When there is only one: nothing measured then would mean anything.
pub fn two_cores() -> Result<Cores> {
    let allowed = sched_getaffinity(None).context("asking for the allowed cores")?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    match (cores.next(), cores.next()) {
        (Some(measured), Some(generator)) => Ok(Cores {
            measured,
            generator,
        }),
        _ => bail!("two cores are needed: one for the server, one for the generator"),
    }
}

/// Binds this thread, and what it starts, to one core.
///
/// # Errors
/// When the core is not there or not allowed.
pub fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("binding to core {core}"))
}

/// Lets this thread, and what it starts, run on every core again.
///
/// # Errors
/// When the kernel refuses.
pub fn unpin() -> Result<()> {
    let mut set = CpuSet::new();
    // The kernel keeps those that are there and allowed.
    for core in 0..CpuSet::MAX_CPU {
        set.set(core);
    }
    sched_setaffinity(None, &set).context("binding to no core")
}

/// Puts this process before ordinary ones where that is allowed, so that a
/// neighbour's work shows less in latencies; generator, floor and server all
/// get the same. Whether it was allowed.
pub fn go_before_others() -> bool {
    rustix::process::nice(-10).is_ok()
}

/// Raises the soft limit of open files to the hard one and says what it is.
///
/// # Errors
/// When the limit cannot be set.
pub fn raise_open_files() -> Result<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raising the limit of open files")?;
    Ok(limit.current.unwrap_or(u64::MAX))
}

/// CPU time of a process so far, by thread, plus the coarse total that also
/// knows threads that are gone.
#[derive(Debug, Clone)]
pub struct CpuTime {
    threads: BTreeMap<u32, u64>,
    total_ticks: u64,
}

/// Clock ticks a second in `/proc/PID/stat`: fixed by the Linux ABI.
const TICK_NANOS: u64 = 10_000_000;

impl CpuTime {
    /// Reads the times of `pid`.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn read(pid: u32) -> Result<CpuTime> {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
            let entry = entry?;
            let Some(tid) = entry.file_name().to_str().and_then(|s| s.parse().ok()) else {
                continue;
            };
            // A thread may end between the listing and the reading.
            if let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) {
                let nanos = text.split(' ').next().and_then(|s| s.parse().ok());
                threads.insert(tid, nanos.context("schedstat without a number")?);
            }
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let total_ticks = ticks_of(&stat).context("unexpected /proc/PID/stat")?;
        Ok(CpuTime {
            threads,
            total_ticks,
        })
    }

    /// Nanoseconds used since `earlier`. Exact while no thread ended between;
    /// else to a hundredth of a second.
    #[must_use]
    pub fn since(&self, earlier: &CpuTime) -> u64 {
        let ended = earlier
            .threads
            .keys()
            .any(|t| !self.threads.contains_key(t));
        if ended {
            return self.total_ticks.saturating_sub(earlier.total_ticks) * TICK_NANOS;
        }
        self.threads
            .iter()
            .map(|(t, now)| now.saturating_sub(earlier.threads.get(t).copied().unwrap_or(0)))
            .sum()
    }
}

/// User and system ticks out of `/proc/PID/stat`; the command name may hold
/// spaces and brackets, so fields are counted from its last bracket.
fn ticks_of(stat: &str) -> Option<u64> {
    let fields = stat.rsplit_once(") ")?.1;
    let mut fields = fields.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Resident set.
    pub rss: u64,
    /// Proportional set: shared pages counted by their share.
    pub pss: u64,
    /// Of the resident set, what no file is behind: heaps and stacks. The rest are pages of files,
    /// program code among them, that the kernel keeps or drops as it likes.
    pub anonymous: u64,
}

impl Memory {
    /// Reads `/proc/PID/smaps_rollup`.
    ///
    /// # Errors
    /// When the process is gone or the file is not as expected.
    pub fn read(pid: u32) -> Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
            .with_context(|| format!("reading the memory of process {pid}"))?;
        memory_of(&text).context("unexpected smaps_rollup")
    }
}

fn memory_of(rollup: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = rollup.lines().find(|line| line.starts_with(name))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024)
    };
    Some(Memory {
        rss: field("Rss:")?,
        pss: field("Pss:")?,
        anonymous: field("Anonymous:")?,
    })
}

/// The machine's load over the last minute, as the kernel prints it.
#[must_use]
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_a_name_with_brackets() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 2 3 4 120 30 0 0 20 0 9 0 5";
        assert_eq!(ticks_of(stat), Some(150));
        assert_eq!(ticks_of("7 (x"), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "55-7f ---p 0 00:00 0 [rollup]\nRss:  1740 kB\nPss:   435 kB\nPss_Dirty: 1 kB\n\
                    Anonymous: 300 kB\n";
        let memory = memory_of(text).unwrap();
        assert_eq!(
            memory,
            Memory {
                rss: 1740 * 1024,
                pss: 435 * 1024,
                anonymous: 300 * 1024,
            }
        );
        assert_eq!(memory_of("Rss: 1 kB\n"), None);
    }

    #[test]
    fn cpu_of_a_thread_that_ended_comes_from_the_total() {
        let time = |threads: &[(u32, u64)], total_ticks| CpuTime {
            threads: threads.iter().copied().collect(),
            total_ticks,
        };
        let before = time(&[(1, 100), (2, 50)], 10);
        assert_eq!(time(&[(1, 300), (2, 60), (3, 5)], 11).since(&before), 215);
        assert_eq!(time(&[(1, 300)], 13).since(&before), 3 * TICK_NANOS);
    }

    #[test]
    fn this_process_has_cpu_time_and_memory() {
        let me = std::process::id();
        assert!(!CpuTime::read(me).unwrap().threads.is_empty());
        assert!(Memory::read(me).unwrap().rss > 0);
    }
}
