//! One-time tickets: the better way into a socket than a token in its address, since what is read
//! in a log or a history a moment later opens nothing. In memory alone: a ticket lives a minute.
//! No clock, no randomness of its own.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use protocol::time::Wall;
use sha2::{Digest as _, Sha256};

use crate::auth::AuthError;
use crate::identity::Identity;

/// How every ticket begins.
pub const PREFIX: &str = "grt_";
/// How long a ticket is good, milliseconds.
pub const LIFE_MS: u64 = 60_000;
/// Tickets that wait to be used.
pub const TICKETS_MAX: usize = 20_000;
/// Tickets of one user that wait to be used.
pub const TICKETS_PER_USER_MAX: usize = 20;

/// Only the hash is kept.
type Hash = [u8; 32];

#[derive(Debug)]
struct Ticket {
    who: Identity,
    until: Wall,
}

#[derive(Debug, Default)]
struct Table {
    tickets: HashMap<Hash, Ticket>,
    /// As they were made, so as they run out; used ones stay in it until then.
    order: VecDeque<(Wall, Hash)>,
}

/// The tickets that wait to be used.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<Table>);

fn hash(ticket: &str) -> Hash {
    Sha256::digest(ticket.as_bytes()).into()
}

impl Table {
    fn expire(&mut self, now: Wall) {
        while let Some((until, hash)) = self.order.front() {
            if *until > now && self.order.len() <= 2 * TICKETS_MAX {
                break;
            }
            self.tickets.remove(hash);
            self.order.pop_front();
        }
    }
}

impl Tickets {
    /// A ticket for this person; `random` is a text nobody can guess. The ticket and until when
    /// it is good.
    ///
    /// # Errors
    /// Too many wait to be used.
    pub fn issue(
        &self,
        who: Identity,
        random: &str,
        now: Wall,
    ) -> Result<(String, Wall), AuthError> {
        let mut table = self.0.lock();
        table.expire(now);
        let theirs = table.tickets.values().filter(|t| t.who.user == who.user);
        if table.tickets.len() >= TICKETS_MAX || theirs.count() >= TICKETS_PER_USER_MAX {
            return Err(AuthError::TooManyTickets);
        }
        let ticket = format!("{PREFIX}{random}");
        let until = now.after(LIFE_MS);
        let hash = hash(&ticket);
        table.tickets.insert(hash, Ticket { who, until });
        table.order.push_back((until, hash));
        Ok((ticket, until))
    }

    /// Who the bearer is; the ticket is used up by that.
    ///
    /// # Errors
    /// Unknown, used, or too old: the same answer.
    pub fn redeem(&self, ticket: &str, now: Wall) -> Result<Identity, AuthError> {
        let mut table = self.0.lock();
        let found = table.tickets.remove(&hash(ticket));
        match found {
            Some(ticket) if ticket.until > now => Ok(ticket.who),
            _ => Err(AuthError::Ticket),
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.0.lock().tickets.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use protocol::id::UserId;

    use super::*;
    use crate::identity::Via;

    const NOW: Wall = Wall(1_000_000);

    fn who(user: &str) -> Identity {
        Identity {
            user: UserId::parse(user).unwrap(),
            name: None,
            role: None,
            admin: false,
            session: None,
            via: Via::Ticket,
            issued_at: NOW,
            expires_at: NOW.after(3_600_000),
        }
    }

    #[test]
    fn a_ticket_lets_in_once() {
        let tickets = Tickets::default();
        let (ticket, until) = tickets.issue(who("ana"), "random", NOW).unwrap();
        assert_eq!((ticket.as_str(), until), ("grt_random", NOW.after(60_000)));
        assert_eq!(tickets.redeem(&ticket, NOW).unwrap(), who("ana"));
        assert_eq!(tickets.redeem(&ticket, NOW), Err(AuthError::Ticket));
        assert!(tickets.is_empty());
    }

    #[test]
    fn a_ticket_older_than_a_minute_lets_nobody_in() {
        let tickets = Tickets::default();
        let (ticket, _) = tickets.issue(who("ana"), "random", NOW).unwrap();
        let late = tickets.redeem(&ticket, NOW.after(60_000));
        assert_eq!(late, Err(AuthError::Ticket));
        let (ticket, _) = tickets.issue(who("ana"), "second", NOW).unwrap();
        assert!(tickets.redeem(&ticket, NOW.after(59_999)).is_ok());
    }

    #[test]
    fn one_user_holds_twenty_tickets_and_gets_more_when_those_are_over() {
        let tickets = Tickets::default();
        for n in 0..TICKETS_PER_USER_MAX {
            tickets.issue(who("ana"), &n.to_string(), NOW).unwrap();
        }
        let more = tickets.issue(who("ana"), "more", NOW);
        assert_eq!(more, Err(AuthError::TooManyTickets));
        tickets.issue(who("ivo"), "his", NOW).unwrap();
        let later = NOW.after(60_000);
        tickets.issue(who("ana"), "later", later).unwrap();
        assert_eq!(tickets.len(), 1);
    }

    #[test]
    fn the_table_does_not_grow_with_tickets_that_were_used() {
        let tickets = Tickets::default();
        for n in 0..50_000 {
            let (ticket, _) = tickets.issue(who("ana"), &n.to_string(), NOW).unwrap();
            tickets.redeem(&ticket, NOW).unwrap();
        }
        assert!(tickets.0.lock().order.len() <= 2 * TICKETS_MAX + 1);
    }
}
