//! Verdicts about the whole process, before anybody has a session: how many connections, how many
//! of one user, how many handshakes from one address (X2). Pure; every table is bounded.

use std::collections::BTreeMap;
use std::net::IpAddr;

use protocol::id::UserId;
use protocol::time::Mono;

use crate::by_id::ById;

/// Bounds of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateLimits {
    /// Connections of this process.
    pub connections: usize,
    /// Connections of one user.
    pub connections_per_user: usize,
    /// Handshakes a second from one address, in the long run.
    pub handshakes_per_second: u32,
    /// Handshakes from one address at once.
    pub handshakes_burst: u32,
}

impl Default for GateLimits {
    fn default() -> Self {
        Self {
            connections: 19_000,
            connections_per_user: 20,
            handshakes_per_second: 500,
            handshakes_burst: 5_000,
        }
    }
}

/// Addresses remembered at a time; a full bucket needs no memory, so old ones are dropped first.
const ADDRESSES_MAX: usize = 10_000;
/// The table is walked at most this often, milliseconds.
const SWEEP_MS: u64 = 1_000;

/// The gate.
#[derive(Debug)]
pub struct Gate {
    limits: GateLimits,
    connections: usize,
    users: ById<UserId, u32>,
    addresses: BTreeMap<IpAddr, Bucket>,
    /// When full buckets were last thrown away: a flood must not make every handshake walk the
    /// table.
    swept: Option<Mono>,
}

/// Handshakes left, in thousandths.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    milli: u64,
    at: Mono,
}

impl Gate {
    /// An open gate.
    pub fn new(limits: GateLimits) -> Self {
        Self {
            limits,
            connections: 0,
            users: ById::new(),
            addresses: BTreeMap::new(),
            swept: None,
        }
    }

    /// A handshake from this address; refused with the milliseconds to wait.
    pub fn handshake(&mut self, now: Mono, from: IpAddr) -> Result<(), u64> {
        if self.connections >= self.limits.connections {
            return Err(5_000);
        }
        let rate = u64::from(self.limits.handshakes_per_second).max(1);
        let full = u64::from(self.limits.handshakes_burst) * 1_000;
        if self.addresses.len() >= ADDRESSES_MAX && !self.addresses.contains_key(&from) {
            if self.swept.is_none_or(|at| now.since(at) >= SWEEP_MS) {
                self.swept = Some(now);
                let is_full = |b: &Bucket| b.milli + now.since(b.at) * rate >= full;
                self.addresses.retain(|_, bucket| !is_full(bucket));
            }
            if self.addresses.len() >= ADDRESSES_MAX {
                return Err(1_000);
            }
        }
        let bucket = self.addresses.entry(from).or_insert(Bucket {
            milli: full,
            at: now,
        });
        bucket.milli = (bucket.milli + now.since(bucket.at) * rate).min(full);
        bucket.at = bucket.at.max(now);
        if bucket.milli < 1_000 {
            return Err((1_000 - bucket.milli).div_ceil(rate).max(1));
        }
        bucket.milli -= 1_000;
        Ok(())
    }

    /// A socket was accepted; `false` when the process has enough.
    pub fn open(&mut self) -> bool {
        if self.connections >= self.limits.connections {
            return false;
        }
        self.connections += 1;
        true
    }

    /// That socket is gone.
    pub fn close(&mut self) {
        self.connections = self.connections.saturating_sub(1);
    }

    /// A connection of this user was authenticated; `false` when they have enough.
    pub fn admit(&mut self, user: &UserId) -> bool {
        let most = u32::try_from(self.limits.connections_per_user).unwrap_or(u32::MAX);
        match self.users.get_mut(user) {
            Some(count) if *count >= most => false,
            Some(count) => {
                *count += 1;
                true
            }
            None => {
                self.users.insert(user.clone(), 1);
                true
            }
        }
    }

    /// That connection is gone.
    pub fn release(&mut self, user: &UserId) {
        if let Some(count) = self.users.get_mut(user) {
            *count -= 1;
            if *count == 0 {
                self.users.remove(user);
            }
        }
    }

    /// Sockets, and users with at least one.
    pub fn counts(&self) -> (usize, usize) {
        (self.connections, self.users.len())
    }
}

#[cfg(test)]
mod tests;
