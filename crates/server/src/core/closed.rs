//! The latest connections that are over, and why: for whoever wants to know what happened. Bounded;
//! gone with the process.

use std::collections::VecDeque;

use parking_lot::Mutex;
use protocol::id::{ConnectionId, SessionId, UserId};
use protocol::time::Wall;

/// How many are kept.
pub const CLOSED_MAX: usize = 200;

/// A connection that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Its name.
    pub connection: ConnectionId,
    /// Whose it was.
    pub user: UserId,
    /// The session it was in last.
    pub session: Option<SessionId>,
    /// When its user was known.
    pub opened_at: Wall,
    /// When its socket was gone.
    pub closed_at: Wall,
    /// The close frame's code; none: the socket went without one.
    pub code: Option<u16>,
    /// The word of our close, `closed_by_client`, or `lost`.
    pub reason: Box<str>,
}

/// The list. A leaf: its lock is held for one step.
#[derive(Debug, Default)]
pub struct ClosedList(Mutex<VecDeque<Closed>>);

impl ClosedList {
    /// Adds one; the oldest goes when there are too many.
    pub(crate) fn add(&self, closed: Closed) {
        let mut list = self.0.lock();
        if list.len() == CLOSED_MAX {
            list.pop_front();
        }
        list.push_back(closed);
    }

    /// All of them, the latest first.
    pub fn latest(&self) -> Vec<Closed> {
        self.0.lock().iter().rev().cloned().collect()
    }
}
