//! One world from its seed to its end: trouble, peace, everybody home, the records read again.

use engine::planted::Bug;

use crate::path::Paths;
use crate::world::World;

/// What came of a world.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What did not hold, in words.
    pub failed: Option<String>,
    /// Things that happened.
    pub steps: u64,
    /// Things the engine was told.
    pub inputs: u64,
    /// Faults that struck.
    pub faults: u64,
    /// The number two runs of one seed must share.
    pub hash: u64,
    /// Ways taken.
    pub paths: Paths,
    /// Lines for people, if they were asked for.
    pub lines: Vec<String>,
}

/// More steps than any honest world takes.
const STEPS_MAX: u64 = 60_000;
/// More simulated time than any honest world takes before peace, milliseconds.
const TROUBLE_MS: u64 = 400_000;

/// Runs a world; with `lines`, it also says what happened.
pub fn run(seed: u64, planted: Option<Bug>, lines: bool) -> Outcome {
    let mut world = World::new(seed, planted, lines);
    world.live();
    Outcome {
        seed,
        failed: world.failed.clone(),
        steps: world.steps,
        inputs: world.inputs,
        faults: world.faults,
        hash: world.trace.hash(),
        paths: world.paths.clone(),
        lines: world.trace.lines().to_vec(),
    }
}

impl World {
    fn live(&mut self) {
        while self.inputs < self.setup.inputs && self.now < TROUBLE_MS {
            if !self.go_on(TROUBLE_MS) {
                break;
            }
        }
        let last_fault = self.setup.faults.iter().map(|(at, _)| *at).max();
        let until = last_fault.unwrap_or(0);
        self.run_until(until);
        self.make_peace();
        self.run_until(self.now + 20_000);
        self.hear_of_commits();
        if self.failed.is_none() {
            self.judge_peace();
        }
        if self.failed.is_none() {
            self.judge_history();
        }
        self.everybody_leaves();
        self.run_until(self.now + self.patience());
        if self.failed.is_none() {
            self.judge_quiet();
        }
        self.reap();
        self.run_until(self.now + self.patience());
        if self.failed.is_none() {
            self.judge_quiet();
            self.judge_records();
        }
    }

    /// How long anything may take once everybody is gone: grace, the clocks of sessions without a
    /// candidate, and every wait on the way to the end.
    fn patience(&self) -> u64 {
        let config = &self.setup.config;
        // What was read back after a crash may have been active a little later than it says.
        let inactivity_ms = config.inactivity_ms + engine::config::ACTIVITY_SAVE_MS;
        let clocks = inactivity_ms.min(config.max_duration_ms + 20_000);
        let end = config.flush_ms + config.end_hold_ms + config.report_ms + config.end_hold_ms;
        let waits = config.load_ms + config.recovery_flush_ms + config.save_slow_ms;
        config.grace_ms.max(clocks) + end + waits + 5_000
    }

    /// What was written in the last moment of the peace has yet to be told to anybody.
    fn hear_of_commits(&mut self) {
        let by = self.now + 1_000;
        while self.failed.is_none() && self.now < by && self.has_untold_commits() {
            self.run_until((self.now + 5).min(by));
        }
    }

    fn run_until(&mut self, until: u64) {
        while self.go_on(until) {}
    }

    fn go_on(&mut self, until: u64) -> bool {
        if self.failed.is_some() {
            return false;
        }
        if self.steps > STEPS_MAX {
            self.violate(|| format!("no rest after {STEPS_MAX} steps"));
            return false;
        }
        self.step(until)
    }
}
