//! Many worlds at once: threads share seeds, never a world. Sums, failures, and planted bugs.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine::planted::Bug;

use crate::path::{Path, Paths};
use crate::run::run;

/// Every so many worlds one is run twice, and must leave the same trace.
const TWICE_EVERY: u64 = 50;
/// Failures after which a run stops.
const FAILURES_MAX: usize = 5;
/// Lines of a failing world that are shown.
const LINES_SHOWN: usize = 40;

/// What many worlds came to.
#[derive(Debug, Default)]
pub struct Total {
    worlds: u64,
    steps: u64,
    inputs: u64,
    faults: u64,
    twice: u64,
    paths: Paths,
    failures: Vec<(u64, String)>,
    took: Duration,
}

impl Total {
    /// Whether everything held and every way was taken.
    pub fn good(&self) -> bool {
        self.failures.is_empty() && self.missing().is_empty()
    }

    /// Seeds that failed, and how.
    pub fn failures(&self) -> &[(u64, String)] {
        &self.failures
    }

    /// Ways that no world took.
    pub fn missing(&self) -> Vec<Path> {
        let all = Path::ALL.iter().copied();
        all.filter(|path| self.paths.get(*path) == 0).collect()
    }

    /// For people.
    pub fn lines(&self, seed: u64) -> Vec<String> {
        let mut lines = Vec::new();
        let seconds = self.took.as_secs_f64().max(0.001);
        #[allow(clippy::cast_precision_loss)]
        let pace = self.steps as f64 / seconds;
        lines.push(format!(
            "{} worlds from seed {seed}: {} steps, {} inputs, {} faults, {} run twice, {seconds:.1} s, {pace:.0} steps/s with all checks",
            self.worlds, self.steps, self.inputs, self.faults, self.twice
        ));
        for path in Path::ALL {
            lines.push(format!("  {:>10}  {}", self.paths.get(*path), path.text()));
        }
        for path in self.missing() {
            lines.push(format!("FAILED: no world took the way \"{}\"", path.text()));
        }
        for (seed, what) in &self.failures {
            let again = run(*seed, None, true);
            let from = again.lines.len().saturating_sub(LINES_SHOWN);
            lines.extend(again.lines.into_iter().skip(from));
            lines.push(format!("FAILED: world {seed}: {what}"));
            lines.push(format!("replay: sim --trace {seed}"));
        }
        lines
    }

    fn add(&mut self, seed: u64) {
        let outcome = run(seed, None, false);
        self.worlds += 1;
        self.steps += outcome.steps;
        self.inputs += outcome.inputs;
        self.faults += outcome.faults;
        self.paths.add(&outcome.paths);
        let mut failed = outcome.failed;
        if seed.is_multiple_of(TWICE_EVERY) {
            self.twice += 1;
            let again = run(seed, None, true);
            if again.hash != outcome.hash {
                failed = Some("the same seed left two different traces".to_owned());
            }
        }
        if failed.is_none() {
            failed = too_small(outcome.inputs, outcome.faults);
        }
        if let Some(what) = failed {
            self.failures.push((seed, what));
        }
    }

    fn join(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.steps += other.steps;
        self.inputs += other.inputs;
        self.faults += other.faults;
        self.twice += other.twice;
        self.paths.add(&other.paths);
        self.failures.extend(other.failures);
    }
}

/// A world that proves too little is a failure too.
fn too_small(inputs: u64, faults: u64) -> Option<String> {
    if inputs < 300 {
        return Some(format!("the engine was told only {inputs} things"));
    }
    (faults == 0).then(|| "no fault struck".to_owned())
}

/// Runs so many worlds from a seed on.
pub fn many(seed: u64, worlds: u64, threads: usize) -> Total {
    let next = AtomicU64::new(0);
    let enough = AtomicBool::new(false);
    let sum = Mutex::new(Total::default());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = Total::default();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= worlds || enough.load(Ordering::Relaxed) {
                        break;
                    }
                    mine.add(seed + n);
                    if mine.failures.len() >= FAILURES_MAX {
                        enough.store(true, Ordering::Relaxed);
                    }
                }
                if let Ok(mut sum) = sum.lock() {
                    sum.join(mine);
                }
            });
        }
    });
    let mut total = sum.into_inner().unwrap_or_default();
    total.took = begun.elapsed();
    total.failures.sort();
    total
}

/// How a planted bug fared.
#[derive(Debug)]
pub struct Caught {
    /// Which.
    pub bug: Bug,
    /// In how many worlds it was caught.
    pub worlds: u64,
    /// Of how many.
    pub of: u64,
    /// The first seed that caught it, and how.
    pub first: Option<(u64, String)>,
}

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bug = format!("{:?}", self.bug);
        write!(f, "{bug:<22} caught in {:>5} of {}", self.worlds, self.of)?;
        match &self.first {
            Some((seed, what)) => write!(f, ", first by {seed}: {what}"),
            None => write!(f, ": NEVER CAUGHT"),
        }
    }
}

/// Runs every planted bug in so many worlds. A bug that is caught often needs fewer to prove it:
/// the count stops at 20 worlds that caught it.
pub fn planted(seed: u64, worlds: u64, threads: usize) -> Vec<Caught> {
    /// Enough catches of one bug.
    const PLENTY: u64 = 20;
    let next = AtomicU64::new(0);
    let done = Mutex::new(Vec::new());
    let bugs = Bug::ALL;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let place = usize::try_from(n).unwrap_or(usize::MAX);
                    let Some(bug) = bugs.get(place).copied() else {
                        break;
                    };
                    let mut caught = Caught {
                        bug,
                        worlds: 0,
                        of: 0,
                        first: None,
                    };
                    while caught.of < worlds && caught.worlds < PLENTY {
                        let outcome = run(seed + caught.of, Some(bug), false);
                        caught.of += 1;
                        if let Some(what) = outcome.failed {
                            caught.worlds += 1;
                            caught.first.get_or_insert((outcome.seed, what));
                        }
                    }
                    if let Ok(mut done) = done.lock() {
                        done.push((place, caught));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, caught)| caught).collect()
}
