//! P7: which session was left alone, and whether the server noticed in time who is gone.

use std::sync::Arc;

use super::order::runs;
use super::{Asked, Case, Kind, Link, Promise, Session};

impl Case {
    /// P7: some time after the last connection's end the session's end begins, and soon after that
    /// it is over. Time without a server counts for nobody.
    pub(super) fn no_orphan(&mut self, name: &Arc<str>, session: &Session) {
        let (over, Some(row)) = (self.over_at.unwrap_or(self.last_at), &session.row) else {
            return;
        };
        let ran = session.ran_at.is_some() || session.stored.values().any(|(_, body)| runs(body));
        let waits = &*row.status == "scheduled" || row.reason.as_deref() == Some("expired");
        if waits || (&*row.status == "ended" && !ran) {
            return;
        }
        let (mut last, mut held) = (None, false);
        for (number, conn) in &self.conns {
            // Whoever asked and heard nothing may have been let in all the same.
            let unheard = |asked: &Asked| asked.answer.is_none() && asked.session == *name;
            let unheard = conn.asked.values().any(unheard);
            let link = conn.links.get(name);
            if link.is_none() && !unheard {
                continue;
            }
            let word = link.and_then(|link| link.last_word);
            // A goodbye may be told late: what it ends was over so much earlier.
            let (end, late) = match word.filter(|_| !unheard) {
                Some((_, at)) => (Some(at), self.limits.switch_ms),
                None if self.notes_losses => (conn.lost_at, 0),
                None => (conn.closed_at, 0),
            };
            let Some(end) = end else { return };
            last = last.max(Some(end));
            held |= session.ran_at.is_some_and(|ran_at| ran_at + late < end)
                && link.is_some_and(|link| {
                    let stayed = || link.saw_run || self.stayed(*number, name, session.ran_at);
                    link.role & 1 != 0 && self.is_known(link, end) && stayed()
                });
        }
        let Some(last) = last else { return };
        let seen = over.min(row.at);
        let clocks = if held { 0 } else { self.limits.clocks_ms };
        let most = self.limits.orphan_ms + clocks;
        // What a dead process had not stored, an end or that somebody was gone, the next one finds
        // anew: from its start on it has as long again.
        let restarts = self.downs.iter().map(|(_, until)| *until);
        let restart = restarts.filter(|until| *until >= last).max().unwrap_or(0);
        let by = (last + self.down_after(last)).max(restart) + most;
        let late = match &*row.status {
            "ended" => row.ended_at.is_some_and(|ended| ended > by),
            // Its end has begun, and every step of it has its own deadline.
            "completing" => seen >= by + self.limits.settle_ms,
            _ => seen >= by,
        };
        if late {
            let (status, ended) = (Arc::clone(&row.status), row.ended_at);
            self.violate(Promise::P7, over, || {
                format!("{name} is {status} ({ended:?} ms), nobody was there since {last} ms: due by {by} ms")
            });
        }
        if late || &*row.status == "ended" || seen >= by {
            self.tested(Promise::P7);
        }
    }

    /// Whether nothing in the history could have taken this member's seat from them before the
    /// session ran. They may have left, or the same user may have joined anew through another
    /// connection, and neither was told on a line that was dead by then: only the server's own
    /// connection lived on, and an open connection is no seat. Nobody is in it then, and the
    /// session's clocks end it (L1, L5).
    fn stayed(&self, number: u64, name: &Arc<str>, ran_at: Option<u64>) -> bool {
        let Some(mine) = self.conns.get(&number) else {
            return true;
        };
        let (Some(link), Some(ran_at)) = (mine.links.get(name), ran_at) else {
            return true;
        };
        if link
            .last_word
            .is_some_and(|(_, at)| at <= ran_at + self.limits.switch_ms)
        {
            return false;
        }
        let before = |asked: &&Asked| {
            let refused = matches!(asked.answer, Some((_, false)));
            asked.session == *name && asked.at <= ran_at && !refused
        };
        let mut asked = mine.asked.values().filter(before);
        if asked.any(|asked| asked.kind == Kind::Leave && asked.at >= link.asked_at) {
            return false;
        }
        // Which of two that asked at the same time is the newer one, nobody but the server knows.
        let newer = |asked: &Asked| {
            let known_at = asked.answer.map_or(asked.at, |(at, _)| at);
            asked.kind == Kind::Join && known_at >= link.asked_at
        };
        let others = self.conns.iter().filter(|(other, _)| **other != number);
        let mut same = others.filter(|(_, conn)| conn.user == mine.user);
        !same.any(|(_, conn)| conn.asked.values().filter(before).any(newer))
    }

    /// Whether the records knew that this member was there until then, should a process have died
    /// meanwhile: its seat was written long before, and nothing waited for the store.
    fn is_known(&self, link: &Link, end: u64) -> bool {
        let joined = link.joined_at;
        let open = self.down_since.into_iter();
        let downs = self.downs.iter().map(|(since, _)| *since).chain(open);
        let death = downs.filter(|since| *since >= joined).min();
        death.is_none_or(|death| {
            let calm = !link.degraded && link.early.is_empty();
            calm && joined + self.limits.settle_ms <= death.min(end)
        })
    }

    /// P7 counts from when the server knows; so it must know in time.
    pub(super) fn noticed(&mut self) {
        if !self.notes_losses {
            return;
        }
        let over = self.over_at.unwrap_or(self.last_at);
        let mut wrong = Vec::new();
        for (number, conn) in &self.conns {
            let Some(closed) = conn.closed_at else {
                continue;
            };
            let by = closed + self.limits.notice_ms + self.down_after(closed);
            let known = conn.lost_at.unwrap_or(over);
            if known > by {
                wrong.push(format!(
                    "connection {number} was over at {closed} ms, the server knew at {known} ms"
                ));
            }
        }
        for what in wrong {
            self.violate(Promise::P7, over, || what);
        }
    }

    /// Milliseconds without a server after a time.
    fn down_after(&self, at: u64) -> u64 {
        let open = self.down_since.map(|since| (since, self.last_at));
        let all = self.downs.iter().copied().chain(open);
        all.map(|(from, to)| to.saturating_sub(from.max(at))).sum()
    }
}
