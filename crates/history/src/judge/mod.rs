//! The judge: one pass over a history, then a look at the records it ends with. What each promise
//! means exactly is written at the place that checks it: `order` for what is seen while it happens,
//! `records` for what only the end can show, `orphans` for who was left alone.

mod order;
mod orphans;
mod records;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::entry::{Entry, Makes};

/// The promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// What was acknowledged is in the record, exactly once.
    P1,
    /// Nothing of a session reaches who is not in it.
    P2,
    /// Places in the log grow without a silent gap.
    P3,
    /// All members see one order.
    P4,
    /// One live connection a user a session; the newest wins.
    P5,
    /// One terminal state and reason; status only moves forward.
    P6,
    /// No orphan: with nobody connected, a session is over in time.
    P7,
    /// One effect and one answer for one request, one delivery a connection.
    P8,
    /// When the faults are over all members hold the same.
    P9,
    /// Nothing is invented.
    P10,
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::P1,
        Self::P2,
        Self::P3,
        Self::P4,
        Self::P5,
        Self::P6,
        Self::P7,
        Self::P8,
        Self::P9,
        Self::P10,
    ];
}

/// Times a run allows, milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From a newer connection's join until the older one hears nothing any more; includes what the
    /// network may hold back.
    pub switch_ms: u64,
    /// From the last connection's end until the session's end must begin: grace, and what noticing
    /// may take where the run does not say when the server noticed. Time without a server is added.
    pub orphan_ms: u64,
    /// How much longer a session may stay that no candidate was in while it ran: only the
    /// candidate's seat has a grace, the others neither hold nor end a session, so its own clocks
    /// end it (L1, L5).
    pub clocks_ms: u64,
    /// From a connection's end for its owner until the server must have noticed, where the run says
    /// when it did: heartbeat, time to answer it, a tick.
    pub notice_ms: u64,
    /// From peace until everybody must be settled.
    pub settle_ms: u64,
    /// Violations after which the judge stops.
    pub most: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            switch_ms: 1_000,
            orphan_ms: 61_000,
            clocks_ms: 0,
            notice_ms: 46_000,
            settle_ms: 5_000,
            most: 20,
        }
    }
}

/// A promise that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// When it was seen, milliseconds since the run began.
    pub at: u64,
    /// In words, with session and connection.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {} ms: {}", self.promise, self.at, self.what)
    }
}

/// What the judge says.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What does not hold.
    pub violations: Vec<Violation>,
    /// How often each promise was put to the test; one that never was, is not shown.
    pub tested: BTreeMap<Promise, u64>,
    /// Durable events received.
    pub received: u64,
    /// Durable requests answered with `ok`.
    pub acknowledged: u64,
}

impl Verdict {
    /// Whether every promise holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.violations.is_empty()
    }

    /// Promises that this history says nothing about.
    #[must_use]
    pub fn untested(&self) -> Vec<Promise> {
        let seen = |promise: &Promise| self.tested.get(promise).is_some_and(|n| *n > 0);
        Promise::ALL
            .into_iter()
            .filter(|promise| !seen(promise))
            .collect()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} durable events received, {} requests acknowledged; tested",
            self.received, self.acknowledged
        )?;
        for (promise, times) in &self.tested {
            write!(f, " {promise:?}×{times}")?;
        }
        for violation in &self.violations {
            write!(f, "\n  {violation}")?;
        }
        Ok(())
    }
}

/// Judges a history.
#[must_use]
pub fn judge(entries: &[Entry], limits: Limits) -> Verdict {
    let mut case = Case::new(limits);
    for entry in entries {
        if case.verdict.violations.len() >= limits.most {
            return case.verdict;
        }
        case.see(entry);
    }
    case.close();
    case.verdict
}

/// A request that was sent.
#[derive(Debug)]
struct Asked {
    session: Arc<str>,
    id: Option<Arc<str>>,
    makes: Option<Makes>,
    at: u64,
    kind: Kind,
    /// When it was answered, and whether with `ok`.
    answer: Option<(u64, bool)>,
}

/// What a request does to the seat of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Join,
    Leave,
    Other,
}

/// By user and id.
type Requested = (Arc<str>, Arc<str>);

/// A session on a connection.
#[derive(Debug, Default)]
struct Link {
    /// When the join was asked for that made it.
    asked_at: u64,
    joined_at: u64,
    role: u8,
    epoch: u64,
    /// Everything up to here is had.
    pos: u64,
    /// Places delivered for good.
    had: Vec<u64>,
    /// Provisional ones beyond `pos`.
    early: Vec<u64>,
    /// Several joins were under way, and which one was answered is not told: the next event says
    /// where it is.
    unsure: bool,
    degraded: bool,
    /// Was told for good that the session runs, or of its questions: was in it while it ran.
    saw_run: bool,
    /// Who is in it; none: never told.
    members: Option<Members>,
    /// `session_ended`, `connection:replaced` or `session:left`, and when.
    last_word: Option<(&'static str, u64)>,
}

/// Who is in a session, as a connection was told.
#[derive(Debug, Default)]
struct Members {
    /// When it was told all of them.
    all_at: u64,
    /// By number: the state, and since when it knows.
    states: BTreeMap<u64, (Arc<str>, u64)>,
}

impl Members {
    fn state(&self, number: u64) -> (&str, u64) {
        let known = self.states.get(&number);
        known.map_or(("left", self.all_at), |(state, at)| (state, *at))
    }

    /// A member of whom the two say different things, though neither was told just now.
    fn differ(&self, other: &Self, before: u64) -> Option<u64> {
        let numbers = self.states.keys().chain(other.states.keys());
        numbers.copied().find(|number| {
            let ((mine, since), (theirs, as_long)) = (self.state(*number), other.state(*number));
            mine != theirs && since.max(as_long) <= before
        })
    }
}

#[derive(Debug, Default)]
struct Conn {
    user: Arc<str>,
    closed_at: Option<u64>,
    /// When the server knew.
    lost_at: Option<u64>,
    asked: BTreeMap<u64, Asked>,
    /// Joins not yet answered: session, reference, place shown, when.
    joins: Vec<(Arc<str>, u64, Option<u64>, u64)>,
    links: BTreeMap<Arc<str>, Link>,
}

/// A session, as everybody together has seen it.
#[derive(Debug, Default)]
struct Session {
    /// By incarnation and place: what was told there for good, and to whom first.
    told: BTreeMap<(u64, u64), (Arc<str>, u64)>,
    /// Per user: the connection that asked for the seat last and got it.
    seats: BTreeMap<Arc<str>, Seat>,
    /// When somebody was first told for good that it runs.
    ran_at: Option<u64>,
    /// The end as told with `recorded`, and when.
    ended: Option<(Arc<str>, u64)>,
    /// First answers of requests with an id, per user.
    answers: BTreeMap<Requested, Arc<str>>,
    /// What `ok`s promised, by user and id or connection and reference.
    promised: BTreeMap<Makes, u64>,
    /// Asked for and not acknowledged: may be there once.
    hoped: BTreeSet<Makes>,
    /// Marks that were put in.
    canaries: BTreeSet<Arc<str>>,
    /// Everything up to here was called stored.
    called_stored: u64,
    row: Option<Row>,
    stored: BTreeMap<u64, (u8, Arc<str>)>,
}

/// Who has a seat, when it asked for it and when it had it.
#[derive(Debug, Clone, Copy)]
struct Seat {
    conn: u64,
    asked_at: u64,
    joined_at: u64,
}

#[derive(Debug, Clone)]
struct Row {
    /// When it was looked at.
    at: u64,
    status: Arc<str>,
    reason: Option<Arc<str>>,
    epoch: u64,
    seq: u64,
    ended_at: Option<u64>,
    active: bool,
}

/// Everything the judge keeps while reading.
#[derive(Debug)]
struct Case {
    limits: Limits,
    conns: BTreeMap<u64, Conn>,
    sessions: BTreeMap<Arc<str>, Session>,
    peace_at: Option<u64>,
    over_at: Option<u64>,
    last_at: u64,
    /// The run says when the server knew that a connection was over.
    notes_losses: bool,
    down_since: Option<u64>,
    /// Stretches without a server.
    downs: Vec<(u64, u64)>,
    verdict: Verdict,
}

impl Case {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            conns: BTreeMap::new(),
            sessions: BTreeMap::new(),
            peace_at: None,
            over_at: None,
            last_at: 0,
            notes_losses: false,
            down_since: None,
            downs: Vec::new(),
            verdict: Verdict::default(),
        }
    }

    fn tested(&mut self, promise: Promise) {
        *self.verdict.tested.entry(promise).or_default() += 1;
    }

    fn violate(&mut self, promise: Promise, at: u64, what: impl FnOnce() -> String) {
        if self.verdict.violations.len() < self.limits.most {
            let what = what();
            self.verdict
                .violations
                .push(Violation { promise, at, what });
        }
    }

    fn session(&mut self, name: &Arc<str>) -> &mut Session {
        if !self.sessions.contains_key(name) {
            self.sessions.insert(Arc::clone(name), Session::default());
        }
        // Just put there.
        self.sessions.entry(Arc::clone(name)).or_default()
    }

    fn link(&mut self, conn: u64, session: &Arc<str>) -> Option<&mut Link> {
        self.conns.get_mut(&conn)?.links.get_mut(session)
    }
}
