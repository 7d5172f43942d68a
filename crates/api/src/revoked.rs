//! Tokens that were taken back: of a user, or of a session's invitations, all those made up to a
//! moment. The table in memory; that it lasts is the store's business. No clock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use protocol::id::{SessionId, UserId};
use protocol::time::Wall;
use store::desk::{RevocationRow, Revokes};

/// Users and sessions whose tokens can be taken back at a time. One entry each, however often.
pub const REVOCATIONS_MAX: u32 = 100_000;

/// What was taken back.
#[derive(Debug, Default)]
pub struct Revoked {
    changes: AtomicU64,
    users: RwLock<HashMap<String, Wall>>,
    sessions: RwLock<HashMap<String, Wall>>,
}

impl Revoked {
    fn table(&self, kind: Revokes) -> &RwLock<HashMap<String, Wall>> {
        match kind {
            Revokes::User => &self.users,
            Revokes::Session => &self.sessions,
        }
    }

    /// Enters a revocation; of two for the same subject the later moment counts.
    pub fn add(&self, row: &RevocationRow) {
        let mut table = self.table(row.kind).write();
        let known = table.entry(row.subject.clone()).or_insert(row.before);
        *known = row.before.max(*known);
        drop(table);
        self.changed();
    }

    /// Takes a revocation out.
    pub fn remove(&self, kind: Revokes, subject: &str) {
        self.table(kind).write().remove(subject);
        self.changed();
    }

    /// Something else that connections were let in with is good no more.
    pub fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Grows with every change.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Whether a token of this user, made then and an invitation to that session, was taken back.
    /// A token that does not say when it was made counts as made long ago.
    pub fn has(&self, user: &UserId, session: Option<&SessionId>, issued_at: Wall) -> bool {
        let users = self.users.read();
        if users.get(user.as_str()).is_some_and(|at| issued_at <= *at) {
            return true;
        }
        let sessions = self.sessions.read();
        session.is_some_and(|id| sessions.get(id.as_str()).is_some_and(|at| issued_at <= *at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_made_up_to_the_moment_are_gone_and_later_ones_are_not() {
        let revoked = Revoked::default();
        let row = |kind, subject: &str, before| RevocationRow {
            kind,
            subject: subject.to_owned(),
            before: Wall(before),
            by: "root".to_owned(),
        };
        revoked.add(&row(Revokes::User, "ana", 100));
        revoked.add(&row(Revokes::User, "ana", 50));
        revoked.add(&row(Revokes::Session, "s1", 100));
        let (ana, ivo) = (UserId::parse("ana").unwrap(), UserId::parse("ivo").unwrap());
        let (s1, s2) = (
            SessionId::parse("s1").unwrap(),
            SessionId::parse("s2").unwrap(),
        );
        assert!(revoked.has(&ana, None, Wall(100)));
        assert!(revoked.has(&ana, Some(&s2), Wall(0)));
        assert!(!revoked.has(&ana, None, Wall(101)));
        assert!(revoked.has(&ivo, Some(&s1), Wall(100)));
        assert!(!revoked.has(&ivo, Some(&s2), Wall(100)));
        assert!(!revoked.has(&ivo, None, Wall(100)));
        assert_eq!(revoked.changes(), 3);
        revoked.remove(Revokes::User, "ana");
        assert!(!revoked.has(&ana, None, Wall(100)));
    }
}
