//! What readers and recovery ask of the tables in memory; the same words as in [`crate::Store`].

use std::sync::Arc;

use protocol::id::{BootId, Seq, SessionId, UserId};
use protocol::record::{
    AnswerRow, EventRow, Fence, HappeningRow, Loaded, ParticipantRow, SessionRow,
};
use protocol::time::{Now, Wall};
use protocol::value::{EndReason, Role, Status};

use super::{Stored, Tables};
use crate::rows::{
    ActiveRow, ActiveRows, Adopted, EndBucket, EndCounts, Filter, Kind, PAGE_ROWS_MAX, Page,
    Reaped, SpokenRow, Trace,
};

impl Tables {
    /// What there is of a session.
    pub fn find(&self, session: &SessionId) -> Trace {
        if self.sessions.contains_key(session) {
            Trace::Kept
        } else if self.tombstones.contains_key(session) {
            Trace::Deleted
        } else {
            Trace::Nothing
        }
    }

    /// A session as recovery needs it.
    pub fn load(&self, session: &SessionId) -> Option<Loaded> {
        let stored = self.sessions.get(session)?;
        let mut last_seq = [Seq(0); 3];
        for role in Role::ALL {
            let mut seen = stored
                .events
                .values()
                .rev()
                .filter(|e| e.audience.includes(*role));
            last_seq[role.index()] = seen.next().map_or(Seq(0), |event| event.seq);
        }
        Some(Loaded {
            row: stored.row.clone(),
            fence: stored.fence.clone(),
            participants: self.participants(session),
            requests: stored.requests.clone(),
            last_seq,
            happened: stored.happenings.keys().next_back().copied().unwrap_or(0),
            away_ms: 0,
            unsaved_end: None,
        })
    }

    /// A session's row.
    pub fn session_row(&self, session: &SessionId) -> Option<SessionRow> {
        self.sessions.get(session).map(|stored| stored.row.clone())
    }

    /// Events after `after`, up to `limit_bytes` of bodies; at least one if there is one.
    pub fn log(&self, session: &SessionId, after: Seq, limit_bytes: usize) -> Vec<EventRow> {
        let Some(stored) = self.sessions.get(session) else {
            return Vec::new();
        };
        let mut bytes = 0usize;
        let mut events = Vec::new();
        for event in stored.events.range(after.next()..).map(|(_, event)| event) {
            bytes = bytes.saturating_add(event.body.len());
            if bytes > limit_bytes && !events.is_empty() {
                break;
            }
            events.push(event.clone());
        }
        events
    }

    /// The candidate's row in `active_interview_sessions`.
    pub fn active_of(&self, user: &UserId) -> Option<ActiveRow> {
        self.active.as_ref()?.get(user).cloned()
    }

    /// Seats, by number.
    pub fn participants(&self, session: &SessionId) -> Vec<ParticipantRow> {
        let Some(stored) = self.sessions.get(session) else {
            return Vec::new();
        };
        let mut seats: Vec<_> = stored.participants.values().cloned().collect();
        seats.sort_by_key(|seat| seat.participant);
        seats
    }

    /// Closed questions, by place in the plan.
    pub fn answers(&self, session: &SessionId) -> Vec<AnswerRow> {
        let Some(stored) = self.sessions.get(session) else {
            return Vec::new();
        };
        let mut answers: Vec<_> = stored.answers.values().cloned().collect();
        answers.sort_by_key(|answer| answer.index);
        answers
    }

    /// Finals with their words.
    pub fn segments(&self, session: &SessionId) -> Vec<SpokenRow> {
        let Some(stored) = self.sessions.get(session) else {
            return Vec::new();
        };
        let spoken = |(seq, segment): (&Seq, &protocol::record::SegmentRow)| {
            let body = Arc::clone(&stored.events.get(seq)?.body);
            Some(SpokenRow {
                segment: segment.clone(),
                body,
            })
        };
        stored.segments.iter().filter_map(spoken).collect()
    }

    /// The report.
    pub fn report(&self, session: &SessionId) -> Option<Arc<str>> {
        self.sessions.get(session)?.report.clone()
    }

    /// Sessions, newest first.
    pub fn list_sessions(&self, filter: &Filter, page: &Page) -> Vec<SessionRow> {
        let wanted = |row: &&SessionRow| {
            filter.status.is_none_or(|status| row.status == status)
                && filter.since.is_none_or(|since| row.created_at >= since)
                && (filter.candidate.is_none() || row.candidate == filter.candidate)
                && page
                    .after
                    .as_ref()
                    .is_none_or(|(at, id)| (row.created_at, &row.session) < (*at, id))
        };
        let mut rows: Vec<_> = self
            .sessions
            .values()
            .map(|stored| &stored.row)
            .filter(wanted)
            .collect();
        rows.sort_by(|a, b| (b.created_at, &b.session).cmp(&(a.created_at, &a.session)));
        let limit = usize::try_from(page.limit.min(PAGE_ROWS_MAX)).unwrap_or(usize::MAX);
        rows.into_iter().take(limit).cloned().collect()
    }

    /// Sessions that are not ended and whose owner is another boot without a lease.
    pub fn unfinished_of_other_boots(
        &self,
        boot: &BootId,
        now: Wall,
        limit: u32,
    ) -> Vec<SessionId> {
        let stuck = |stored: &&Stored| {
            stored.row.status != Status::Ended
                && stored.fence.boot != *boot
                && !self.lives(&stored.fence.boot, now)
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let found = self.sessions.values().filter(stuck).take(limit);
        found.map(|stored| stored.row.session.clone()).collect()
    }

    /// Scheduled sessions whose deadline is over, earliest first.
    pub fn overdue(&self, now: Wall, limit: u32) -> Vec<SessionId> {
        let late = |stored: &Stored| {
            let at = stored.row.deadline_at.filter(|at| *at <= now)?;
            (stored.row.status == Status::Scheduled).then(|| (at, stored.row.session.clone()))
        };
        let mut found: Vec<_> = self.sessions.values().filter_map(late).collect();
        found.sort();
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        found.into_iter().map(|(_, session)| session).collect()
    }

    /// Size and age of `active_interview_sessions`.
    pub fn active_rows(&self, now: Wall) -> ActiveRows {
        let Some(active) = self.active.as_ref() else {
            return ActiveRows::default();
        };
        let oldest = active.values().map(|row| row.created_at.0).min();
        ActiveRows {
            count: active.len() as u64,
            oldest_age_ms: oldest.map(|at| u64::try_from(now.0.saturating_sub(at)).unwrap_or(0)),
        }
    }

    /// How many sessions ended for which reason.
    pub fn ends_by_reason(&self, from: Wall, until: Wall) -> EndCounts {
        let mut counts = std::collections::BTreeMap::<EndReason, u64>::new();
        for stored in self.sessions.values() {
            let during = stored
                .row
                .ended_at
                .is_some_and(|at| from <= at && at < until);
            if let Some(reason) = stored.row.reason.filter(|_| during) {
                *counts.entry(reason).or_default() += 1;
            }
        }
        counts.into_iter().collect()
    }

    /// Takes a session over; see [`crate::Store::adopt`].
    pub fn adopt(&mut self, session: &SessionId, boot: &BootId, now: Now) -> Option<Adopted> {
        let fence = self.sessions.get(session)?.fence.clone();
        let lives = self.lives(&fence.boot, now.wall);
        let away_ms = { self.seen.get(&fence.boot) }.map_or(0, |seen| now.mono.since(seen.mono));
        let stored = self.sessions.get_mut(session)?;
        if stored.row.status == Status::Ended {
            return None;
        }
        if fence.boot == *boot {
            return Some(Adopted { fence, away_ms: 0 });
        }
        if lives {
            return None;
        }
        stored.fence = Fence {
            boot: boot.clone(),
            generation: fence.generation.next(),
        };
        let fence = stored.fence.clone();
        Some(Adopted { fence, away_ms })
    }

    /// Takes over what runs and has no living owner; see [`crate::Store::adopt_running`].
    pub fn adopt_running(
        &mut self,
        boot: &BootId,
        now: Now,
        limit: u32,
    ) -> Vec<(SessionId, Adopted)> {
        let left = self.unfinished_of_other_boots(boot, now.wall, u32::MAX);
        let runs = |session: &SessionId| {
            { self.sessions.get(session) }.is_some_and(|stored| {
                matches!(stored.row.status, Status::Active | Status::Completing)
            })
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let running: Vec<_> = left.into_iter().filter(runs).take(limit).collect();
        let mut adopted = Vec::new();
        for session in running {
            if let Some(taken) = self.adopt(&session, boot, now) {
                adopted.push((session, taken));
            }
        }
        adopted
    }

    /// Clears a candidate's row; see [`crate::Store::clear_active`].
    pub fn clear_active(&mut self, user: &UserId) -> bool {
        let Some(active) = self.active.as_mut() else {
            return false;
        };
        let live = |row: &ActiveRow| {
            self.sessions
                .get(&row.session)
                .is_some_and(|s| s.row.status != Status::Ended)
        };
        match active.get(user) {
            Some(row) if !live(row) => active.remove(user).is_some(),
            _ => false,
        }
    }

    /// Puts the active rows right; see [`crate::Store::reap_active`].
    pub fn reap_active(&mut self, now: Wall, age_ms: u64) -> Reaped {
        let active = self.active.get_or_insert_default();
        let old = now
            .0
            .saturating_sub(i64::try_from(age_ms).unwrap_or(i64::MAX));
        let before = active.len();
        active.retain(|_, row| match self.sessions.get(&row.session) {
            Some(stored) => stored.row.status != Status::Ended,
            None => row.created_at.0 >= old,
        });
        let gone = (before - active.len()) as u64;
        let mut come = 0;
        for (session, stored) in &self.sessions {
            let row = &stored.row;
            let (Some(user), Status::Active | Status::Completing) = (&row.candidate, row.status)
            else {
                continue;
            };
            active.entry(user.clone()).or_insert_with(|| {
                come += 1;
                ActiveRow {
                    session: session.clone(),
                    status: row.status,
                    created_at: row.started_at.unwrap_or(row.created_at),
                }
            });
        }
        Reaped { gone, come }
    }

    /// What happened around a session's log.
    pub fn happenings(&self, session: &SessionId) -> Vec<HappeningRow> {
        let stored = self.sessions.get(session);
        let rows = stored.map(|stored| stored.happenings.values().cloned().collect());
        rows.unwrap_or_default()
    }

    /// How many sessions ended for which reason, over time; see [`crate::Store::ends_over_time`].
    pub fn ends_over_time(&self, from: Wall, until: Wall, bucket_ms: u64) -> Vec<EndBucket> {
        let bucket_ms = i64::try_from(bucket_ms.max(1)).unwrap_or(i64::MAX);
        let mut sums = std::collections::BTreeMap::<(Wall, &str), EndBucket>::new();
        for stored in self.sessions.values() {
            let row = &stored.row;
            let (Some(at), Some(reason)) = (row.ended_at, row.reason) else {
                continue;
            };
            if at < from || at >= until {
                continue;
            }
            let start = Wall(from.0 + (at.0 - from.0) / bucket_ms * bucket_ms);
            let sum = sums.entry((start, reason.as_str())).or_insert(EndBucket {
                from: start,
                reason,
                count: 0,
                duration_ms: 0,
            });
            sum.count += 1;
            sum.duration_ms += row.duration_ms.unwrap_or(0);
        }
        sums.into_values().collect()
    }

    /// Deletes one kind of record of old sessions; see [`crate::Store::purge`].
    pub fn purge(&mut self, kind: Kind, before: Wall, limit: u32, now: Wall) -> Vec<SessionId> {
        let old = |stored: &&Stored| {
            stored.row.status == Status::Ended
                && stored.row.ended_at.is_some_and(|at| at < before)
                && self.has(stored, kind)
        };
        let mut found: Vec<_> = self
            .sessions
            .values()
            .filter(old)
            .map(|stored| (stored.row.ended_at, stored.row.session.clone()))
            .collect();
        found.sort();
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let sessions: Vec<_> = found.into_iter().map(|(_, session)| session).collect();
        for session in &sessions {
            self.delete(session, kind, now);
        }
        sessions
    }

    /// Deletes a session as a whole, leaving a tombstone.
    pub(super) fn delete_all(&mut self, session: &SessionId, now: Wall) {
        self.sessions.remove(session);
        if let Some(active) = self.active.as_mut() {
            active.retain(|_, row| row.session != *session);
        }
        self.coaching.forget(session);
        self.tombstones.entry(session.clone()).or_insert(now);
    }

    /// Whether a boot's lease lasts at `now`.
    fn lives(&self, boot: &BootId, now: Wall) -> bool {
        self.leases.get(boot).is_some_and(|until| *until > now)
    }
}
