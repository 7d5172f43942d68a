//! The records of a world: the in-memory twin of the real tables, behind a queue that can be slow,
//! silent or wrong, and beside it the plain model of what must be in them.

use std::sync::Arc;

use protocol::id::{EffectId, SessionId, UserId};
use protocol::record::{EventRow, Save, Saved, SessionRow};
use protocol::value::{Role, Status};
use store::memory::Tables;

use crate::rng::Rng;
use crate::setup::StoreMode;

/// What was written of one session, kept in the plainest way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mirror {
    /// Event n stands at n − 1.
    pub(crate) events: Vec<EventRow>,
    /// The row as last written.
    pub(crate) row: Option<SessionRow>,
    /// Requests with their ids and answers.
    pub(crate) requests: Vec<(UserId, Box<str>, Arc<str>)>,
    /// The report was written.
    pub(crate) report: bool,
}

impl Mirror {
    /// The last event that is stored.
    pub(crate) fn seq(&self) -> u64 {
        self.events.len() as u64
    }

    /// Where the stored session is in its life.
    pub(crate) fn status(&self) -> Option<Status> {
        self.row.as_ref().map(|row| row.status)
    }

    /// The event at a place.
    pub(crate) fn event(&self, seq: u64) -> Option<&EventRow> {
        let at = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.events.get(at)
    }

    /// The last event this role may see, before `seq`; 0 if there is none.
    pub(crate) fn entitled_before(&self, role: Role, seq: u64) -> u64 {
        let before = usize::try_from(seq.saturating_sub(1)).unwrap_or(usize::MAX);
        let seen = self.events.iter().take(before).rev();
        let found = { seen }.find(|event| event.audience.includes(role));
        found.map_or(0, |event| event.seq.0)
    }

    /// Writes down a save that the tables accepted; says what must not be.
    pub(crate) fn write(&mut self, save: &Save) -> Result<(), String> {
        let id = &save.session;
        let other = |row: &&SessionRow| {
            let same = save.row.status == Status::Ended && save.row.reason == row.reason;
            row.status == Status::Ended && !same
        };
        if let Some(row) = self.row.as_ref().filter(other) {
            return Err(format!(
                "{id} ended {:?} in the records, now it is written as {} {:?}",
                row.reason, save.row.status, save.row.reason
            ));
        }
        for event in &save.events {
            match self.event(event.seq.0) {
                Some(old) if old == event => {}
                Some(old) => {
                    return Err(format!(
                        "{id} event {} was stored as {} and comes again as {}",
                        event.seq, old.body, event.body
                    ));
                }
                None if event.seq.0 == self.seq() + 1 => self.events.push(event.clone()),
                None => return Err(format!("{id} event {} leaves a hole", event.seq)),
            }
        }
        for request in &save.requests {
            let known = |(user, id, _): &(UserId, Box<str>, Arc<str>)| {
                *user == request.user && *id == request.id
            };
            if !self.requests.iter().any(known) {
                let row = (
                    request.user.clone(),
                    request.id.clone(),
                    Arc::clone(&request.reply),
                );
                self.requests.push(row);
            }
        }
        self.report |= save.report.is_some();
        if self.seq() <= save.row.seq.0 {
            self.row = Some(save.row.clone());
        }
        Ok(())
    }
}

/// A save on its way to the disk.
#[derive(Debug)]
pub(crate) struct Job {
    /// Which process ordered it.
    pub(crate) boot: u32,
    /// Its order.
    pub(crate) id: EffectId,
    /// What is to be written.
    pub(crate) save: Box<Save>,
    /// What goes wrong with it.
    pub(crate) luck: Luck,
}

/// What happens to one save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Luck {
    /// Written and answered.
    Fine,
    /// Not written, and said so.
    Away,
    /// Not written, nothing said.
    Lost,
    /// Written, nothing said.
    AnswerLost,
    /// Written, called a failure.
    Uncertain,
    /// Written, answered twice.
    Twice,
    /// Called impossible.
    Rejected,
}

/// The records.
#[derive(Debug)]
pub(crate) struct Records {
    /// The real twin.
    pub(crate) tables: Tables,
    /// How it behaves now.
    pub(crate) mode: StoreMode,
    /// Reads fail now.
    pub(crate) reads_fail: bool,
    /// The next save is called impossible.
    pub(crate) reject_next: bool,
    /// The writer has something to do until then.
    busy_until: u64,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            tables: Tables::new(),
            mode: StoreMode::Well,
            reads_fail: false,
            reject_next: false,
            busy_until: 0,
        }
    }
}

impl Records {
    /// When a save ordered now reaches the disk, and what happens to it there.
    pub(crate) fn queue(&mut self, rng: &mut Rng, now: u64) -> (u64, Luck) {
        let mostly = rng.chance(75);
        let (wait, luck) = match self.mode {
            StoreMode::Well => (rng.between(0, 4), Luck::Fine),
            StoreMode::Slow => (rng.between(50, 2_500), Luck::Fine),
            StoreMode::Fails if mostly => (rng.between(1, 60), Luck::Away),
            StoreMode::Silent if mostly => (rng.between(1, 60), Luck::Lost),
            StoreMode::LosesAnswers if mostly => (rng.between(1, 60), Luck::AnswerLost),
            StoreMode::Uncertain if mostly => (rng.between(1, 60), Luck::Uncertain),
            StoreMode::Twice if mostly => (rng.between(1, 900), Luck::Twice),
            StoreMode::Late if mostly => (rng.between(4_000, 7_000), Luck::Fine),
            _ => (rng.between(1, 30), Luck::Fine),
        };
        let luck = if std::mem::take(&mut self.reject_next) {
            Luck::Rejected
        } else {
            luck
        };
        self.busy_until = self.busy_until.max(now + wait);
        (self.busy_until, luck)
    }

    /// The writer died with its process.
    pub(crate) fn restart(&mut self, now: u64) {
        self.busy_until = now;
    }

    /// Writes; what the tables said, and what is answered (maybe nothing).
    pub(crate) fn carry_out(&mut self, save: &Save, luck: Luck) -> (Option<Saved>, Option<Saved>) {
        match luck {
            Luck::Away => (None, Some(Saved::Temporary)),
            Luck::Lost => (None, None),
            Luck::Rejected => (None, Some(Saved::Rejected)),
            Luck::Fine | Luck::Twice => {
                let said = self.tables.apply(save);
                (Some(said.clone()), Some(said))
            }
            Luck::AnswerLost => (Some(self.tables.apply(save)), None),
            Luck::Uncertain => (Some(self.tables.apply(save)), Some(Saved::Temporary)),
        }
    }

    /// The session's row as the tables have it.
    pub(crate) fn row(&self, session: &SessionId) -> Option<SessionRow> {
        self.tables.session_row(session)
    }
}
