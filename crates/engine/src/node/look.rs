//! What can be read of a node: numbers for gauges, and checks for tests and the simulator. Nothing
//! here changes anything.

use std::collections::BTreeMap;

use protocol::id::{ConnectionId, Epoch, Seq, SessionId};
use protocol::value::Status;
use smallvec::SmallVec;

use super::{Node, What};

/// Numbers for gauges, counted when asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Sessions in memory that never began.
    pub scheduled: usize,
    /// Interviews that run.
    pub active: usize,
    /// Interviews that are ending.
    pub completing: usize,
    /// Ended, not yet stored.
    pub unsaved: usize,
    /// Being read from the records.
    pub loading: usize,
    /// Connections with a seat.
    pub connections: usize,
    /// Seats whose connection is lost.
    pub detached: usize,
    /// Question clocks.
    pub question_timers: usize,
    /// Sessions with a wake-up time.
    pub timers: usize,
    /// Sessions whose store is slow or away.
    pub degraded: usize,
    /// Bytes waiting for a commit.
    pub waiting_bytes: usize,
    /// Sessions of which something is not stored yet.
    pub unsettled: usize,
}

/// One session, as checks from outside want to see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Where it is in its life.
    pub status: Status,
    /// The incarnation of its log.
    pub epoch: Epoch,
    /// The last event known to be stored.
    pub committed: Seq,
    /// The last event recorded.
    pub last: Seq,
    /// The store is slow or away.
    pub degraded: bool,
    /// Bytes that wait for a commit.
    pub waiting_bytes: usize,
}

impl Node {
    /// Numbers for gauges.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            connections: self.seated.len(),
            timers: self.wakes.len(),
            ..Counts::default()
        };
        for slot in self.slots.values() {
            let session = match &slot.what {
                What::Loading(_) => {
                    counts.loading += 1;
                    continue;
                }
                What::Live(session) => session,
            };
            match session.status() {
                Status::Scheduled => counts.scheduled += 1,
                Status::Active => counts.active += 1,
                Status::Completing => counts.completing += 1,
                Status::Ended => counts.unsaved += 1,
            }
            let lost = session.seats().iter().filter(|seat| !seat.is_live());
            counts.detached += lost.count();
            counts.question_timers += usize::from(session.has_open_question());
            counts.degraded += usize::from(session.is_degraded());
            counts.waiting_bytes += session.waiting_bytes();
            counts.unsettled += usize::from(!session.is_quiet());
        }
        counts
    }

    /// A session in memory; none while it is being read, or when it is not here.
    pub fn look(&self, session: &SessionId) -> Option<Look> {
        let What::Live(session) = &self.slots.get(session)?.what else {
            return None;
        };
        let (committed, last) = session.seq();
        Some(Look {
            status: session.status(),
            epoch: session.epoch(),
            committed,
            last,
            degraded: session.is_degraded(),
            waiting_bytes: session.waiting_bytes(),
        })
    }

    /// Checks what must hold between any two inputs; says what does not. For tests and the
    /// simulator: it walks everything.
    pub fn audit(&self) -> Result<(), String> {
        let mut seats: SmallVec<[(ConnectionId, &SessionId); 16]> = SmallVec::new();
        for (id, slot) in self.slots.sorted() {
            let What::Live(session) = &slot.what else {
                continue;
            };
            for seat in session.seats() {
                if let Some(conn) = seat.conn {
                    seats.push((conn, id));
                }
                if seat.conn.is_none() && seat.gone_at.is_none() {
                    let user = &seat.user;
                    return Err(format!("{id}: an empty seat of {user} has no deadline"));
                }
            }
            let next = session.next_timeout(&self.config);
            if session.status() != Status::Ended && next.is_none() {
                return Err(format!("{id}: {} without a deadline", session.status()));
            }
            if let Some(next) =
                next.filter(|next| slot.armed.is_none_or(|armed| armed.at() > *next))
            {
                return Err(format!("{id}: wants to be woken at {next:?}, will not be"));
            }
            let (committed, last) = session.seq();
            if committed > last {
                return Err(format!(
                    "{id}: stored {committed} is beyond the last event {last}"
                ));
            }
            if session.is_over() {
                return Err(format!("{id}: over, but still in memory"));
            }
        }
        self.audit_registry(&seats)
    }

    /// Seats and registry say the same.
    fn audit_registry(&self, seats: &[(ConnectionId, &SessionId)]) -> Result<(), String> {
        let known = |(conn, id): &(ConnectionId, &SessionId)| {
            let sessions = self.seated.get(conn);
            sessions.is_some_and(|sessions| sessions.contains(id))
        };
        let noted: usize = self.seated.values().map(SmallVec::len).sum();
        if noted == seats.len() && seats.iter().all(known) {
            return Ok(());
        }
        let mut expected: BTreeMap<ConnectionId, Vec<&SessionId>> = BTreeMap::new();
        for (conn, id) in seats {
            expected.entry(*conn).or_default().push(id);
        }
        let have = &self.seated;
        Err(format!("registry says {have:?}, seats say {expected:?}"))
    }

    /// Whether nothing at all is left in memory.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
            && self.seated.is_empty()
            && self.wakes.is_empty()
            && self.effects.is_empty()
    }

    /// Whether every session in memory has nothing under way.
    pub fn is_quiet(&self) -> bool {
        self.slots.values().all(|slot| match &slot.what {
            What::Loading(_) => false,
            What::Live(session) => session.is_quiet(),
        })
    }
}
