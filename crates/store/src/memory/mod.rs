//! The twin of the SQLite records in memory: the same answers and the same rows, without a disk.
//! [`Tables`] is a plain value for simulations; [`Memory`] is the same behind [`crate::Store`].
//!
//! Why it is exact: verdicts come from the same pure function, and the order in which a save can
//! fail is the one of `sqlite/save.rs`. The contract suite runs both.

#[cfg(feature = "disk")]
mod asked;
mod coaching;
#[cfg(feature = "disk")]
mod desk;
mod questions;
#[cfg(feature = "disk")]
mod threaded;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::id::{BootId, Participant, QuestionId, Seq, SessionId, UserId};
use protocol::record::{
    ActiveChange, AnswerRow, Elsewhere, EventRow, Fence, HappeningRow, ParticipantRow, RequestRow,
    Save, Saved, SegmentRow, SessionRow,
};
use protocol::time::{Now, Wall};
use protocol::value::{EndReason, Status};

use crate::judge::{Known, Verdict, judge};
#[cfg(feature = "disk")]
pub use crate::memory::threaded::Memory;
use crate::rows::ActiveRow;

/// What goes wrong with a save, for simulations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It is not written, and says so.
    Away,
    /// It is not written, and no answer comes.
    Lost,
    /// It is written, and no answer comes.
    AnswerLost,
    /// It is written, and the answer is `Temporary`: the commit reported an error.
    Uncertain,
}

/// Everything stored of one session.
#[derive(Debug, Clone)]
struct Stored {
    row: SessionRow,
    fence: Fence,
    sealed: bool,
    /// Event n stands under n. Only deleting what was said leaves holes.
    events: BTreeMap<Seq, EventRow>,
    participants: BTreeMap<UserId, ParticipantRow>,
    answers: BTreeMap<QuestionId, AnswerRow>,
    segments: BTreeMap<Seq, SegmentRow>,
    requests: Vec<RequestRow>,
    report: Option<Arc<str>>,
    happenings: BTreeMap<u32, HappeningRow>,
}

/// The tables.
#[derive(Debug, Clone)]
pub struct Tables {
    sessions: BTreeMap<SessionId, Stored>,
    /// None: the table was dropped.
    active: Option<BTreeMap<UserId, ActiveRow>>,
    leases: BTreeMap<BootId, Wall>,
    tombstones: BTreeMap<SessionId, Wall>,
    coaching: coaching::Coaching,
    /// When a boot was last known to live.
    seen: BTreeMap<BootId, Now>,
    /// Sessions ended from outside whose owner was not told yet.
    told: BTreeSet<SessionId>,
    starts: u64,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            sessions: BTreeMap::new(),
            active: Some(BTreeMap::new()),
            leases: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            coaching: coaching::Coaching::default(),
            seen: BTreeMap::new(),
            told: BTreeSet::new(),
            starts: 0,
        }
    }
}

impl Tables {
    /// Empty tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Carries out a save, all of it or nothing.
    pub fn apply(&mut self, save: &Save) -> Saved {
        let known = self.sessions.get(&save.session).map(Stored::known);
        let forgotten = self.tombstones.contains_key(&save.session);
        let before = known.as_ref().map(|known| known.status);
        match judge(save, known.as_ref(), forgotten) {
            Verdict::Refuse(saved, _) => return saved,
            Verdict::EndedElsewhere => return Saved::Temporary,
            Verdict::Overtaken(seq) => {
                return if self.same_events(save) {
                    Saved::Committed(seq)
                } else {
                    Saved::Rejected
                };
            }
            Verdict::Write => {}
            Verdict::WriteUnderEnd => return self.apply_under_end(save),
        }
        if !self.same_events(save) {
            return Saved::Rejected;
        }
        if let Some(other) = self.other_session(save) {
            return Saved::ActiveElsewhere(Box::new(self.elsewhere(save, other)));
        }
        if !self.fits(save) {
            return Saved::Rejected;
        }
        let fresh = || Stored::new(save);
        self.sessions
            .entry(save.session.clone())
            .or_insert_with(fresh)
            .write(save);
        self.change_active(save);
        self.coaching.saved(before, save);
        if save.row.status == Status::Ended {
            self.told.remove(&save.session);
        }
        Saved::Committed(save.row.seq)
    }

    /// A save whose session another program has ended already: the end stays as it is.
    fn apply_under_end(&mut self, save: &Save) -> Saved {
        if !self.same_events(save) || !self.fits(save) {
            return Saved::Rejected;
        }
        let Some(stored) = self.sessions.get_mut(&save.session) else {
            return Saved::Fenced;
        };
        let (status, reason, ended_at) =
            (stored.row.status, stored.row.reason, stored.row.ended_at);
        stored.write(save);
        stored.row.status = status;
        stored.row.reason = reason;
        stored.row.ended_at = ended_at;
        stored.sealed = false;
        Saved::Committed(save.row.seq)
    }

    fn elsewhere(&self, save: &Save, session: SessionId) -> Elsewhere {
        let seats = self.participants(&session);
        let candidate = save.row.candidate.as_ref();
        Elsewhere {
            row: self.session_row(&session),
            seat: seats.into_iter().find(|seat| Some(&seat.user) == candidate),
            session,
        }
    }

    /// [`Tables::apply`] while something goes wrong; none: no answer comes.
    pub fn apply_under(&mut self, save: &Save, fault: Fault) -> Option<Saved> {
        match fault {
            Fault::None => Some(self.apply(save)),
            Fault::Away => Some(Saved::Temporary),
            Fault::Lost => None,
            Fault::AnswerLost => {
                self.apply(save);
                None
            }
            Fault::Uncertain => {
                self.apply(save);
                Some(Saved::Temporary)
            }
        }
    }

    /// Another program sets a session's status to `ended` (S8). Whether there was one to end.
    pub fn end_from_outside(&mut self, session: &SessionId, now: Wall) -> bool {
        let Some(stored) = self.sessions.get_mut(session) else {
            return false;
        };
        if stored.row.status == Status::Ended {
            return false;
        }
        stored.row.status = Status::Ended;
        stored.row.reason = Some(EndReason::ClosedExternally);
        stored.row.ended_at = stored.row.ended_at.or(Some(now));
        if stored.row.started_at.is_some() {
            self.coaching.ended_from_outside(session, now);
        }
        true
    }

    /// Sessions of this boot that were ended from outside, each told once.
    pub fn ended_elsewhere(&mut self, boot: &BootId) -> Vec<SessionId> {
        let ours = |stored: &Stored| {
            stored.row.status == Status::Ended && !stored.sealed && stored.fence.boot == *boot
        };
        let mut found: Vec<SessionId> = Vec::new();
        for (session, stored) in &self.sessions {
            if ours(stored) && !self.told.contains(session) {
                found.push(session.clone());
            }
        }
        self.told.extend(found.iter().cloned());
        found
    }

    /// Drops the table `active_interview_sessions`.
    pub fn drop_active_table(&mut self) {
        self.active = None;
    }

    /// Makes it anew if it is missing, as every start does.
    pub fn make_active_table(&mut self) {
        self.active.get_or_insert_default();
    }

    /// Whether the table is there.
    pub fn has_active_table(&self) -> bool {
        self.active.is_some()
    }

    /// Registers a boot; every other one is gone.
    pub fn register(&mut self, boot: &BootId, now: Wall, until: Wall) {
        for lease in self.leases.values_mut() {
            *lease = (*lease).min(now);
        }
        self.leases.insert(boot.clone(), until);
        self.coaching.registered();
        self.make_active_table();
    }

    /// Writes the lease of a registered boot.
    pub fn lease(&mut self, boot: &BootId, until: Wall) {
        if let Some(lease) = self.leases.get_mut(boot) {
            *lease = until;
        }
    }

    /// Status of a session's row, and whether its owner wrote the end.
    #[cfg(feature = "disk")]
    pub(crate) fn standing(&self, session: &SessionId) -> Option<(Status, bool)> {
        let stored = self.sessions.get(session)?;
        Some((stored.row.status, stored.sealed))
    }

    /// A boot lived until `now` and no longer.
    pub fn gone(&mut self, boot: &BootId, now: Now) {
        self.seen.insert(boot.clone(), now);
    }

    /// How many interviews began: rows put into `active_interview_sessions` as `active`.
    pub fn starts(&self) -> u64 {
        self.starts
    }

    fn same_events(&self, save: &Save) -> bool {
        let Some(stored) = self.sessions.get(&save.session) else {
            return true;
        };
        let mut old = save
            .events
            .iter()
            .filter(|event| event.seq <= stored.row.seq);
        old.all(|event| stored.events.get(&event.seq) == Some(event))
    }

    /// The session that holds the candidate's active row against this save.
    fn other_session(&self, save: &Save) -> Option<SessionId> {
        let ActiveChange::Upsert { force: false, .. } = save.active else {
            return None;
        };
        let user = save.row.candidate.as_ref()?;
        let other = &self.active.as_ref()?.get(user)?.session;
        let over = self
            .sessions
            .get(other)
            .is_some_and(|stored| stored.row.status == Status::Ended);
        (*other != save.session && !over).then(|| other.clone())
    }

    /// Whether seats keep their own numbers and every final stands in the log.
    fn fits(&self, save: &Save) -> bool {
        let stored = self.sessions.get(&save.session);
        let in_log = |segment: &SegmentRow| {
            save.events.iter().any(|event| event.seq == segment.seq)
                || stored.is_some_and(|stored| stored.events.contains_key(&segment.seq))
        };
        let mut seats: BTreeMap<&UserId, Participant> = BTreeMap::new();
        if let Some(stored) = stored.filter(|_| !save.participants.is_empty()) {
            seats.extend(
                stored
                    .participants
                    .values()
                    .map(|seat| (&seat.user, seat.participant)),
            );
        }
        for seat in &save.participants {
            let mut others = seats.iter().filter(|(user, _)| ***user != seat.user);
            if others.any(|(_, number)| *number == seat.participant) {
                return false;
            }
            seats.insert(&seat.user, seat.participant);
        }
        save.segments.iter().all(in_log)
    }

    fn change_active(&mut self, save: &Save) {
        let Some(active) = self.active.as_mut() else {
            return;
        };
        match (save.active, save.row.candidate.as_ref()) {
            (ActiveChange::Upsert { status, .. }, Some(user)) => {
                let mine = active
                    .get_mut(user)
                    .filter(|row| row.session == save.session);
                if let Some(row) = mine {
                    row.status = status;
                    return;
                }
                let created_at = save.row.started_at.unwrap_or(save.row.created_at);
                let session = save.session.clone();
                active.insert(
                    user.clone(),
                    ActiveRow {
                        session,
                        status,
                        created_at,
                    },
                );
                self.starts += u64::from(status == Status::Active);
            }
            (ActiveChange::Delete, Some(user)) => {
                if active
                    .get(user)
                    .is_some_and(|row| row.session == save.session)
                {
                    active.remove(user);
                }
            }
            (ActiveChange::Delete, None) => active.retain(|_, row| row.session != save.session),
            (ActiveChange::Keep | ActiveChange::Upsert { .. }, _) => {}
        }
    }
}

impl Stored {
    fn new(save: &Save) -> Self {
        Self {
            row: save.row.clone(),
            fence: save.fence.clone(),
            sealed: false,
            events: BTreeMap::new(),
            participants: BTreeMap::new(),
            answers: BTreeMap::new(),
            segments: BTreeMap::new(),
            requests: Vec::new(),
            report: None,
            happenings: BTreeMap::new(),
        }
    }

    fn known(&self) -> Known {
        Known {
            boot: self.fence.boot.clone(),
            generation: self.fence.generation,
            status: self.row.status,
            reason: self.row.reason,
            sealed: self.sealed,
            seq: self.row.seq,
            epoch: self.row.epoch,
        }
    }

    /// Writes a save that fits.
    fn write(&mut self, save: &Save) {
        self.row = save.row.clone();
        self.fence.generation = save.fence.generation;
        self.sealed = save.row.status == Status::Ended;
        for event in &save.events {
            self.events
                .entry(event.seq)
                .or_insert_with(|| event.clone());
        }
        for seat in &save.participants {
            let known = self.participants.get(&seat.user);
            if known.is_none_or(|known| known.generation <= seat.generation) {
                self.participants.insert(seat.user.clone(), seat.clone());
            }
        }
        for row in &save.happenings {
            self.happenings
                .entry(row.place)
                .or_insert_with(|| row.clone());
        }
        for answer in &save.answers {
            self.answers.insert(answer.question.clone(), answer.clone());
        }
        for segment in &save.segments {
            self.segments.insert(segment.seq, segment.clone());
        }
        for request in &save.requests {
            let known = |other: &RequestRow| other.user == request.user && other.id == request.id;
            if !self.requests.iter().any(known) {
                self.requests.push(request.clone());
            }
        }
        if let Some(report) = &save.report {
            self.report = Some(Arc::clone(report));
        }
    }
}
