//! The latest connections that are over, and why: for whoever wants to know what happened. Bounded;
//! gone with the process.

use std::collections::VecDeque;

use parking_lot::Mutex;
use protocol::id::{ConnectionId, ID_BYTES_MAX, SessionId, UserId};
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
    pub reason: &'static str,
}

/// An id in the list's own memory. Where its connection put it, it lies among those of a crowd, and
/// as long as it is listed the page around it cannot go back to the system.
#[derive(Debug, Clone, Copy)]
struct Name {
    length: u8,
    text: [u8; ID_BYTES_MAX],
}

impl Name {
    fn of(id: &str) -> Self {
        let mut text = [0; ID_BYTES_MAX];
        let length = id.len().min(ID_BYTES_MAX);
        text[..length].copy_from_slice(&id.as_bytes()[..length]);
        Self {
            length: length as u8,
            text,
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..usize::from(self.length)]).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    connection: ConnectionId,
    user: Name,
    session: Option<Name>,
    opened_at: Wall,
    closed_at: Wall,
    code: Option<u16>,
    reason: &'static str,
}

impl Kept {
    fn told(&self) -> Option<Closed> {
        let session = self.session.map(|name| SessionId::parse(name.as_str()));
        Some(Closed {
            connection: self.connection,
            user: UserId::parse(self.user.as_str()).ok()?,
            session: session.transpose().ok()?,
            opened_at: self.opened_at,
            closed_at: self.closed_at,
            code: self.code,
            reason: self.reason,
        })
    }
}

/// The list. A leaf: its lock is held for one step.
#[derive(Debug)]
pub struct ClosedList(Mutex<VecDeque<Kept>>);

impl Default for ClosedList {
    /// Empty, with all the room it will ever need.
    fn default() -> Self {
        Self(Mutex::new(VecDeque::with_capacity(CLOSED_MAX)))
    }
}

impl ClosedList {
    /// Adds one; the oldest goes when there are too many.
    pub(crate) fn add(&self, closed: &Closed) {
        let kept = Kept {
            connection: closed.connection,
            user: Name::of(closed.user.as_str()),
            session: closed.session.as_ref().map(|id| Name::of(id.as_str())),
            opened_at: closed.opened_at,
            closed_at: closed.closed_at,
            code: closed.code,
            reason: closed.reason,
        };
        let mut list = self.0.lock();
        if list.len() == CLOSED_MAX {
            list.pop_front();
        }
        list.push_back(kept);
    }

    /// All of them, the latest first.
    pub fn latest(&self) -> Vec<Closed> {
        let list = self.0.lock();
        list.iter().rev().filter_map(Kept::told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(n: usize, user: &str, session: Option<&str>) -> Closed {
        Closed {
            connection: ConnectionId(n as u64),
            user: UserId::parse(user).unwrap(),
            session: session.map(|id| SessionId::parse(id).unwrap()),
            opened_at: Wall(1),
            closed_at: Wall(2),
            code: Some(4409),
            reason: "replaced",
        }
    }

    #[test]
    fn the_latest_are_told_as_they_were_and_no_more_than_there_is_room_for() {
        let list = ClosedList::default();
        assert_eq!(list.latest(), []);
        let (long, short) = ("x".repeat(ID_BYTES_MAX), "a");
        let first = closed(0, &long, Some(&long));
        list.add(&first);
        assert_eq!(list.latest(), [first]);
        let all: Vec<_> = (1..=CLOSED_MAX + 3)
            .map(|n| closed(n, short, None))
            .collect();
        all.iter().for_each(|one| list.add(one));
        let mut wanted = all[3..].to_vec();
        wanted.reverse();
        assert_eq!(list.latest(), wanted);
    }
}
