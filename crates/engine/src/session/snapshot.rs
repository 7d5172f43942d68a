//! What must survive a restart beside the row's own columns: plan, invitations, where the questions
//! are and how the clocks stand. Versioned JSON; the part that never changes is built once.
//!
//! Clocks are written by the monotonic clock with the moment by both clocks beside them: a process
//! on the same machine goes on with them as they are, whatever became of the wall clock; another
//! one takes the wall time between.

use std::sync::Arc;

use protocol::record::EndBegun;
use protocol::time::{Mono, Now, Wall};
use protocol::value::{Invited, Plan, Role};
use serde::{Deserialize, Serialize};

use super::consent::Given;
use super::flow::{Closed, Flow, Open};
use super::timer::Countdown;
use super::{Ctx, Session};

const VERSION: u32 = 2;

#[derive(Serialize)]
struct FixedOut<'a> {
    plan: Option<&'a Plan>,
    invited: &'a [Invited],
}

#[derive(Deserialize)]
struct FixedIn {
    plan: Option<Box<Plan>>,
    invited: Vec<Invited>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
struct OpenIn {
    index: u32,
    from_ms: u64,
    /// When its time is over, monotonic; version 1 has none.
    #[serde(default)]
    by: u64,
    #[serde(default)]
    paused_left_ms: Option<u64>,
}

/// The clocks of an interview that began, monotonic milliseconds of the clock named here.
#[derive(Serialize, Deserialize, Clone)]
struct ClocksIn {
    clock: Arc<str>,
    mono: u64,
    wall: Wall,
    started: u64,
    duration: u64,
    inactivity: u64,
    /// When the candidate's seat is given up, while it is empty.
    grace: Option<u64>,
    extensions: u32,
}

#[derive(Deserialize)]
struct SnapshotIn {
    v: u32,
    open: Option<OpenIn>,
    closed: Vec<Closed>,
    #[serde(default)]
    consent: Option<Given>,
    #[serde(default)]
    clocks: Option<ClocksIn>,
    #[serde(default)]
    end: Option<EndBegun>,
    fixed: FixedIn,
}

/// A snapshot as read back.
pub(crate) struct Restored {
    pub(crate) plan: Option<Box<Plan>>,
    pub(crate) invited: Vec<Invited>,
    /// Its open question's clock is not set: see [`Restored::clocks`].
    pub(crate) flow: Flow,
    pub(crate) consent: Option<Given>,
    /// An end that has begun.
    pub(crate) end: Option<EndBegun>,
    open_by: u64,
    clocks: Option<ClocksIn>,
}

/// The clocks as they stand now, by our own monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    pub(crate) started: Mono,
    pub(crate) duration: Mono,
    pub(crate) inactivity: Mono,
    pub(crate) question: Mono,
    pub(crate) grace: Option<Mono>,
}

impl Restored {
    /// The clocks, if the snapshot has them.
    pub(crate) fn clocks(&self, now: Now, clock: &str) -> Option<Clocks> {
        let kept = self.clocks.as_ref()?;
        let same = !clock.is_empty() && *kept.clock == *clock && kept.mono <= now.mono.0;
        // From that process's monotonic time to ours.
        let shift = if same {
            0
        } else {
            let passed = now.wall.0.saturating_sub(kept.wall.0).max(0);
            signed(now.mono.0) - passed - signed(kept.mono)
        };
        let ours = |at: u64| Mono(u64::try_from(signed(at).saturating_add(shift)).unwrap_or(0));
        Some(Clocks {
            started: ours(kept.started),
            duration: ours(kept.duration),
            inactivity: ours(kept.inactivity),
            question: ours(self.open_by),
            grace: kept.grace.map(ours),
        })
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX / 4)
}

impl Session {
    /// The snapshot as it is to be stored.
    pub(super) fn snapshot(&mut self, ctx: &Ctx<'_>) -> Arc<str> {
        let fixed = match &self.fixed {
            Some(fixed) => Arc::clone(fixed),
            None => {
                let out = FixedOut {
                    plan: self.plan.as_deref(),
                    invited: &self.invited,
                };
                // Our own types with string keys: they always serialize.
                let text: Arc<str> = serde_json::to_string(&out).unwrap_or_default().into();
                self.fixed = Some(Arc::clone(&text));
                text
            }
        };
        let flow = self.live.as_ref().map(|live| &live.flow);
        let open = flow.and_then(|flow| flow.open.as_ref());
        let open = open.map(|open| OpenIn {
            index: open.index,
            from_ms: open.from_ms,
            by: open.clock.deadline().0,
            paused_left_ms: open.paused_left_ms,
        });
        let open = serde_json::to_string(&open).unwrap_or_default();
        let none = Vec::new();
        let closed = flow.map_or(&none, |flow| &flow.closed);
        let closed = serde_json::to_string(closed).unwrap_or_default();
        let clocks = serde_json::to_string(&self.clocks(ctx)).unwrap_or_default();
        let end = serde_json::to_string(&self.begun()).unwrap_or_default();
        let consent = serde_json::to_string(&self.consent).unwrap_or_default();
        format!(
            "{{\"v\":{VERSION},\"open\":{open},\"closed\":{closed},\"consent\":{consent},\"clocks\":{clocks},\
             \"end\":{end},\"fixed\":{fixed}}}"
        )
        .into()
    }

    fn clocks(&self, ctx: &Ctx<'_>) -> Option<ClocksIn> {
        let live = self.live.as_ref()?;
        let mut candidates = self.seats.iter().filter(|s| s.role == Role::Candidate);
        Some(ClocksIn {
            clock: Arc::clone(&ctx.config.clock),
            mono: ctx.now.mono.0,
            wall: ctx.now.wall,
            started: live.started.0,
            duration: live.duration.deadline().0,
            inactivity: live.inactivity.deadline().0,
            grace: candidates.find_map(|seat| seat.gone_at).map(|at| at.0),
            extensions: live.flow.extensions,
        })
    }

    /// The end as far as it has begun.
    pub(super) fn begun(&self) -> Option<EndBegun> {
        let end = self.end.as_ref()?;
        Some(EndBegun {
            reason: end.reason,
            by: end.by.clone(),
            at: end.ended_at,
            duration_ms: end.duration_ms,
        })
    }
}

/// Reads a snapshot back; `None` when it is of another version or damaged.
pub(crate) fn restore(text: &str) -> Option<Restored> {
    let read: SnapshotIn = serde_json::from_str(text).ok()?;
    if !(1..=VERSION).contains(&read.v) {
        return None;
    }
    let open_by = read.open.map_or(0, |open| open.by);
    let open = read.open.map(|open| Open {
        index: open.index,
        from_ms: open.from_ms,
        clock: Countdown::start(Mono(0), 0),
        paused_left_ms: open.paused_left_ms,
    });
    let saved = read.closed.len();
    let flow = Flow {
        open,
        closed: read.closed,
        extensions: read.clocks.as_ref().map_or(0, |clocks| clocks.extensions),
        saved,
    };
    Some(Restored {
        plan: read.fixed.plan,
        invited: read.fixed.invited,
        flow,
        consent: read.consent,
        end: read.end,
        open_by,
        clocks: read.clocks,
    })
}
