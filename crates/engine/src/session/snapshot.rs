//! What must survive a restart beside the row's own columns: plan, invitations and where the
//! questions are. Versioned JSON; the part that never changes is built once.

use std::sync::Arc;

use protocol::value::{Invited, Plan};
use serde::{Deserialize, Serialize};

use super::Session;
use super::consent::Given;
use super::flow::{Closed, Flow, Open};
use super::timer::Countdown;

const VERSION: u32 = 1;

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
}

#[derive(Deserialize)]
struct SnapshotIn {
    v: u32,
    open: Option<OpenIn>,
    closed: Vec<Closed>,
    #[serde(default)]
    consent: Option<Given>,
    fixed: FixedIn,
}

/// A snapshot as read back.
pub(crate) struct Restored {
    pub(crate) plan: Option<Box<Plan>>,
    pub(crate) invited: Vec<Invited>,
    pub(crate) flow: Flow,
    pub(crate) consent: Option<Given>,
}

impl Session {
    /// The snapshot as it is to be stored.
    pub(super) fn snapshot(&mut self) -> Arc<str> {
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
        });
        let open = serde_json::to_string(&open).unwrap_or_default();
        let none = Vec::new();
        let closed = flow.map_or(&none, |flow| &flow.closed);
        let closed = serde_json::to_string(closed).unwrap_or_default();
        let consent = serde_json::to_string(&self.consent).unwrap_or_default();
        format!(
            "{{\"v\":{VERSION},\"open\":{open},\"closed\":{closed},\"consent\":{consent},\"fixed\":{fixed}}}"
        )
        .into()
    }
}

/// Reads a snapshot back; `None` when it is of another version or damaged.
pub(crate) fn restore(text: &str) -> Option<Restored> {
    let read: SnapshotIn = serde_json::from_str(text).ok()?;
    if read.v != VERSION {
        return None;
    }
    let open = read.open.map(|open| Open {
        index: open.index,
        from_ms: open.from_ms,
        clock: Countdown::start(protocol::time::Mono(0), 0),
        paused_left_ms: None,
    });
    let saved = read.closed.len();
    let flow = Flow {
        open,
        closed: read.closed,
        extensions: 0,
        saved,
    };
    Some(Restored {
        plan: read.fixed.plan,
        invited: read.fixed.invited,
        flow,
        consent: read.consent,
    })
}
