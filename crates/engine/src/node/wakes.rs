//! When which session wants to be woken, the earliest first. Nothing about why.

use std::collections::BTreeMap;

use protocol::id::SessionId;
use protocol::time::Mono;

/// One entry. The number tells those of one moment apart: ids would have to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wake(Mono, u64);

impl Wake {
    /// Its moment.
    pub(super) fn at(self) -> Mono {
        self.0
    }
}

/// The order; of one moment, the first to ask is the first to be woken.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    order: BTreeMap<Wake, SessionId>,
    asked: u64,
}

impl Wakes {
    /// A session wants to be woken.
    pub(super) fn add(&mut self, at: Mono, session: SessionId) -> Wake {
        self.asked += 1;
        let wake = Wake(at, self.asked);
        self.order.insert(wake, session);
        wake
    }

    /// It no longer wants to.
    pub(super) fn forget(&mut self, wake: Option<Wake>) {
        if let Some(wake) = wake {
            self.order.remove(&wake);
        }
    }

    /// The earliest.
    pub(super) fn first(&self) -> Option<(Mono, &SessionId)> {
        let (wake, session) = self.order.first_key_value()?;
        Some((wake.at(), session))
    }

    /// All whose moment has come.
    pub(super) fn due(&self, now: Mono) -> Vec<SessionId> {
        let due = self.order.range(..=Wake(now, u64::MAX));
        due.map(|(_, session)| session.clone()).collect()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
